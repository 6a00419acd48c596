//! An engine for one question: on a store in memory, without a face, gone with the command. What it is told to look at it looks at, and
//! nothing that happens in it is kept.

use std::path::Path;
use std::sync::Arc;

use rrb_engine::clock::{Clock, SystemClock};
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::Store;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::unscheduled::Unscheduled;
use rrb_engine::world::World;
use rrb_store::{OpenError, Options, SqliteStore};

use crate::exit::CliError;
use crate::project::Sound;

/// An engine that plans runs of this project in `world`; the policies count what the project's state has counted.
///
/// # Errors
/// When the state is there and cannot be read.
pub async fn planning(sound: &Sound, world: Arc<dyn World>) -> Result<Arc<Engine>, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let engine = Engine::open(Arc::new(MemoryStore::new()), world, clock, config).await?;
    if let Some(store) = state(sound)? {
        let recovered = store.recover().await.map_err(|e| CliError::internal(e.to_string()))?;
        engine.count_for_policies(&recovered.marks);
    }
    let code = Arc::new(Unscheduled::by_hand(Arc::clone(&sound.program)));
    engine.load(Loaded { code, settings: sound.settings.clone(), project: Arc::clone(&sound.project) }).await?;
    Ok(engine)
}

/// The project's state for reading, beside a daemon or without one; none when there is none yet.
///
/// # Errors
/// When it cannot be read.
pub fn state(sound: &Sound) -> Result<Option<SqliteStore>, CliError> {
    reading(&sound.place.state(&sound.project))
}

/// The state in a folder, for reading.
///
/// # Errors
/// When it cannot be read.
pub fn reading(folder: &Path) -> Result<Option<SqliteStore>, CliError> {
    match SqliteStore::open_reading(folder, Options::default()) {
        Ok(store) => Ok(Some(store)),
        Err(OpenError::Missing { .. }) => Ok(None),
        Err(e) => Err(crate::daemon::open_error(e)),
    }
}
