//! Replies that are read as they come, and connections that become another protocol: what sources ask of the web. `live` answers.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;
use smol_str::SmolStr;
use tokio::io::{AsyncRead, AsyncWrite};

/// A reply of which more comes for as long as it is open.
pub struct Flow {
    pub status: u16,
    pub chunks: Box<dyn Chunks>,
}

/// The body of a reply, part by part.
#[async_trait]
pub trait Chunks: Send {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When the connection broke.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that speaks another protocol from now on.
pub type Switched = Pin<Box<dyn Stream>>;

/// What the web is asked with: the arguments of `http.get` or `http.post`.
pub type Asked = [(SmolStr, Value)];

/// Where sources ask the web, under the rules that calls have.
#[async_trait]
pub trait Web: Send + Sync + 'static {
    /// What is at `url`, read as it comes. The beginning of the reply has to come within `within`.
    ///
    /// # Errors
    /// As `http.get` fails. A status of 410 is none: it says that the place asked for is gone.
    async fn follow(&self, asked: &Asked, within: Duration) -> Result<Flow, Failure>;

    /// The whole reply: the value of `http.get`, or with `post` of `http.post`.
    ///
    /// # Errors
    /// As these fail.
    async fn ask(&self, asked: &Asked, post: bool) -> Result<Value, Failure>;

    /// A connection that was asked to speak WebSocket (https://www.rfc-editor.org/rfc/rfc6455) and agreed.
    ///
    /// # Errors
    /// As `http.get` fails; and when the other side answers as HTTP.
    async fn websocket(&self, asked: &Asked, within: Duration) -> Result<Switched, Failure>;
}
