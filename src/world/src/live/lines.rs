//! Protocols that talk in lines, as SMTP, IMAP and POP3 do.

use rrb_lang::vm::protocol::Failure;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::fail::unavailable;

/// The longest line, in bytes.
const MAX_LINE: u64 = 8 << 10;

/// A connection, in the clear or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A conversation in lines.
pub struct Lines {
    stream: BufReader<Box<dyn Stream>>,
}

impl Lines {
    /// Over a connection.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut bytes).await;
        read.map_err(|e| unavailable(format!("the connection broke: {e}")))?;
        if !bytes.ends_with(b"\n") {
            let why = if bytes.len() as u64 >= MAX_LINE {
                "the server says a line that is too long"
            } else {
                "the server hung up"
            };
            return Err(unavailable(why));
        }
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Says a line.
    pub async fn command(&mut self, text: &str) -> Result<(), Failure> {
        self.write(format!("{text}\r\n").as_bytes()).await
    }

    /// Says it as it is.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        written.await.map_err(|e| unavailable(format!("the connection broke: {e}")))
    }

    /// The connection, to go on with TLS. What was said before TLS must not count as said within it.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, Failure> {
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        Err(unavailable("the server, or somebody before it, goes on in the clear after it agreed to TLS"))
    }
}
