//! Read-only connections for queries, off the async threads.

use std::sync::{Arc, Mutex, PoisonError};

use rrb_engine::store::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::fault::Fault;
use crate::files::Files;
use crate::open;
use crate::options::Options;

/// Queries at the same time; more wait.
const READERS: usize = 4;

/// A few connections, opened when first needed.
#[derive(Debug)]
pub(crate) struct Readers {
    files: Files,
    options: Options,
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl Readers {
    pub fn new(files: Files, options: Options) -> Arc<Self> {
        Arc::new(Self { files, options, idle: Mutex::new(Vec::new()), places: Semaphore::new(READERS) })
    }

    /// Asks a question on a blocking thread.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let _place = self.places.acquire().await.map_err(|e| Fault::Fatal(e.to_string()))?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let mut db = this.take()?;
            let answer = question(&mut db);
            // A connection that met an error is not used again.
            if answer.is_ok() {
                this.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
            }
            answer
        })
        .await
        .map_err(|e| Fault::Fatal(format!("a query did not end: {e}")))?
    }

    fn take(&self) -> Result<Connection, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(db) => Ok(db),
            None => open::reading(&self.files, &self.options).map_err(|e| Fault::Fatal(e.to_string())),
        }
    }
}

/// What a fault of a query is to the engine.
pub(crate) fn for_caller(fault: Fault) -> StoreError {
    match fault {
        Fault::Fatal(why) if why.contains("malformed") => StoreError::Corrupt(why),
        other => other.into(),
    }
}
