//! The rooms put together, in this process.

use std::path::Path;
use std::sync::Arc;

use rrb_engine::api::ControlPlane;
use rrb_engine::clock::{Clock, SystemClock};
use rrb_engine::code::{Code, Loader};
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::store::Store;
use rrb_lang::project::ProjectConfig;
use rrb_store::{OpenError, Options, SqliteStore};
use rrb_world::live::{LiveConfig, LiveWorld};

use crate::exit::{CliError, Exit};
use crate::offline::Offline;
use crate::project::Place;

/// Opens the state for writing: one process at a time.
fn open(state: &Path, project: &ProjectConfig) -> Result<Arc<SqliteStore>, CliError> {
    let options = Options { queue: project.serve.queue as usize, ..Options::default() };
    SqliteStore::open(state, options).map(Arc::new).map_err(open_error)
}

fn open_error(error: OpenError) -> CliError {
    let exit = match error {
        OpenError::Missing { .. } => Exit::NotFound,
        OpenError::Held { .. } | OpenError::Network { .. } | OpenError::Exposed { .. } | OpenError::Foreign { .. } => {
            Exit::Refused
        }
        OpenError::Newer { .. } | OpenError::Older { .. } => Exit::Refused,
        _ => Exit::Internal,
    };
    CliError::new(exit, error.to_string())
}

/// An engine on this store, without a program: nothing moves yet.
async fn open_engine(
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    project: Option<&ProjectConfig>,
) -> Result<Arc<Engine>, CliError> {
    let mut config = EngineConfig::new(Arc::new(NoProgram));
    if let Some(project) = project {
        config.queue = project.serve.queue;
        config.runs = project.serve.runs;
    }
    let world = Arc::new(LiveWorld::new(LiveConfig::default()));
    Ok(Engine::open(store, world, clock, config).await?)
}

/// The state without a daemon, for looking at it and, with `write`, for what needs no run to be driven.
///
/// # Errors
/// When there is no state, or it is taken or cannot be read.
pub async fn offline(place: &Place, project: &ProjectConfig, write: bool) -> Result<Arc<dyn ControlPlane>, CliError> {
    let state = place.state(project);
    let store = match write {
        true => open(&state, project)?,
        false => Arc::new(SqliteStore::open_reading(&state, Options::default()).map_err(open_error)?),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let engine = open_engine(Arc::clone(&store), Arc::clone(&clock), None).await?;
    Ok(Arc::new(Offline { engine, store: store as Arc<dyn Store>, clock }))
}

/// Looking needs no program.
struct NoProgram;

impl Loader for NoProgram {
    fn load(&self, _: &[u8]) -> Result<Arc<dyn Code>, String> {
        Err("no daemon is running".to_owned())
    }
}
