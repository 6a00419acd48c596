//! A stored run put to the machine of its own program. It is given a store and nothing else: there is no world that it could ask.

use std::sync::Arc;

use rrb_engine::retrace::{Difference, Moment, Retrace};
use rrb_engine::store::{RunRow, Store, StoreError};
use rrb_lang::program::Program;

use crate::exit::CliError;
use crate::text::clean;

/// A run once more, entry by entry.
#[derive(Debug)]
pub struct Traced {
    pub run: RunRow,
    pub program: Arc<Program>,
    pub moments: Vec<Moment>,
    /// Where machine and journal part; nothing behind it can be told.
    pub difference: Option<Difference>,
}

/// Puts the journal of the run `id` to the machine.
///
/// # Errors
/// When the store has no such run, or its program cannot be read.
pub async fn traced(store: &dyn Store, id: &str) -> Result<Traced, CliError> {
    let failed = |e: StoreError| CliError::internal(e.to_string());
    let run = store.run(id).await.map_err(failed)?;
    let run = run.ok_or_else(|| CliError::not_found(format!("there is no run `{}`", clean(id))))?;
    let bytes = store.program(&run.program).await.map_err(failed)?;
    let bytes = bytes.ok_or_else(|| CliError::internal("the program of this run is not in the state"))?;
    let program = Arc::new(Program::from_bytes(&bytes).map_err(|e| CliError::refused(e.to_string()))?);
    let journal = store.journal(id, 0).await.map_err(failed)?;
    let mut retrace = Retrace::new(Arc::clone(&program), &run, journal).map_err(CliError::internal)?;
    let mut moments = Vec::new();
    let difference = loop {
        match retrace.step() {
            Ok(Some(moment)) => moments.push(moment),
            Ok(None) => break None,
            Err(difference) => break Some(difference),
        }
    };
    Ok(Traced { run, program, moments, difference })
}
