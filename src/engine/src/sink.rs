//! Where sources bring what they read.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::api::{ApiError, Receipt, SourceState};

/// Items of one [`Batch`].
pub const MAX_BATCH: usize = 500;

/// What a source brings that rrb reads by itself: taken whole, in one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `shop.logged`
    pub event: String,
    pub instance: String,
    /// At most [`MAX_BATCH`], in their order.
    pub items: Vec<Fed>,
    /// Where to go on after them; kept with them, so that nothing is read twice and nothing is left out.
    pub cursor: Option<String>,
}

/// One thing that a source has brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Fed {
    /// JSON.
    pub body: Vec<u8>,
    /// What the source says about it.
    pub headers: BTreeMap<String, String>,
    /// Names it in its source, so that it is taken once although the source gives it again. Stands in for the `id` of an event
    /// without one.
    pub position: Option<String>,
}

/// Where sources that rrb reads by itself bring what they have read.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Takes a batch: durable when this returns `Ok`, together with the source's place.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] when it is to be brought again later; everything else when it is of no use now.
    async fn feed(&self, batch: Batch) -> Result<Vec<Receipt>, ApiError>;

    /// Where this source is to go on; none when nothing was read yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, ApiError>;

    /// Says how it stands with a source; none when there is no such source any more.
    fn report(&self, source: &str, instance: &str, state: Option<SourceState>);
}
