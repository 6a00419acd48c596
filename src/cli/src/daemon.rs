//! The rooms put together: store, world, engine and HTTP face of one project, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::ControlPlane;
use rrb_engine::clock::{Clock, SystemClock};
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::{Store, is_shadow};
use rrb_engine::unscheduled::Unscheduled;
use rrb_engine::world::World;
use rrb_lang::project::ProjectConfig;
use rrb_serve::{App, LocalToken, ServeConfig};
use rrb_store::{OpenError, Options, SqliteStore};
use rrb_world::flow::Web;
use rrb_world::live::{LiveConfig, LiveWorld};
use rrb_world::plan::PlanWorld;
use rrb_world::sources::Sources;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connect::DaemonFile;
use crate::exit::{CliError, Exit};
use crate::offline::Offline;
use crate::project::{Place, Sound};
use crate::webhooks::{Current, Registry};

/// For calls under way when the daemon stops.
const GRACE: Duration = Duration::from_secs(30);

/// How a daemon begins.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Runbooks are started by the clock, too. Without it, just by hand (and by events that were taken before and not yet looked at).
    pub schedules: bool,
    /// Every runbook only says what it would do.
    pub shadow: bool,
}

/// A daemon in this process.
pub struct Daemon {
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    world: Outside,
    sources: Sources,
    shadow: bool,
    /// It takes events and keeps the time.
    schedules: bool,
    url: String,
    project: String,
    state: PathBuf,
    stop: CancellationToken,
    http: JoinHandle<()>,
}

impl Daemon {
    /// Opens the state, loads the program, listens, and tells where in `daemon.json`.
    ///
    /// # Errors
    /// When the state or the address is taken, or what the state holds cannot be gone on with.
    pub async fn start(sound: &Sound, start: Start) -> Result<Self, CliError> {
        // Nobody delivers to a command that ends with its run.
        if start.schedules {
            crate::secrets::doors(sound)?;
        }
        let state = sound.place.state(&sound.project);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let config = serve_config(sound, start.listen);
        let listener = rrb_serve::bind(&config).await.map_err(|e| {
            let error = CliError::refused(e.to_string());
            match DaemonFile::read(&state) {
                Some(other) => error.help(format!(
                    "the daemon of this project may run already, at {} (process {}): `rrb status`",
                    other.url, other.pid
                )),
                None => error.help("another daemon may run: stop it, or listen elsewhere with `--listen ADDRESS`"),
            }
        })?;
        let address = listener.local_addr().map_err(|e| CliError::internal(format!("cannot listen: {e}")))?;
        let store = open(&state, &sound.project)?;
        if start.shadow {
            no_real_work(store.as_ref()).await?;
        }
        // Before the runs are read again, which may take long: who connects meanwhile waits, and must not come with the old one.
        let local = LocalToken::create(&state).map_err(|e| {
            CliError::refused(format!("cannot write the operator's token: {}", crate::project::reason(&e)))
        })?;
        let world = Outside::new(world_config(&sound.project), start.shadow);
        let engine_config = EngineConfig { shadow: start.shadow, ..engine_config(Some(&sound.project)) };
        let engine = Engine::open(Arc::clone(&store) as _, world.world(), Arc::clone(&clock), engine_config).await?;
        // A command that ends with its run hears nothing.
        let specs = if start.schedules { crate::sources::specs(sound, start.shadow)? } else { Vec::new() };
        engine.load(loaded(sound, start)).await?;
        let sources =
            Sources::new(engine.sink(), Arc::clone(&clock), world.world(), world.web()).in_shadow(start.shadow);
        sources.set(specs).await;
        let plane: Arc<dyn ControlPlane> = Arc::clone(&engine) as _;
        let registry = Arc::new(Registry::new(Arc::clone(&clock), world.world(), current(sound), start.shadow));
        let app = App::new(plane, Arc::clone(&registry) as _, clock, config, Some(local));
        let app = Arc::new(app.gauges(crate::gauges::of(&store, &engine)));
        let stop = CancellationToken::new();
        let http = tokio::spawn(rrb_serve::serve(listener, app, stop.clone()));
        let url = format!("http://{address}");
        let file =
            DaemonFile { url: url.clone(), pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() };
        file.write(&state)?;
        let project = project_name(sound);
        let (shadow, schedules) = (start.shadow, start.schedules);
        Ok(Self { engine, registry, world, sources, shadow, schedules, url, project, state, stop, http })
    }

    /// What commands ask.
    pub fn plane(&self) -> Arc<dyn ControlPlane> {
        Arc::clone(&self.engine) as _
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes a program in place of the one before. Runs under way keep theirs.
    ///
    /// # Errors
    /// When the engine refuses it; the one before goes on.
    pub async fn reload(&self, sound: &Sound) -> Result<(), CliError> {
        if self.schedules {
            crate::secrets::doors(sound).inspect_err(|e| self.engine.not_loaded(&e.message))?;
        }
        let specs = match self.schedules {
            true => crate::sources::specs(sound, self.shadow).inspect_err(|e| self.engine.not_loaded(&e.message))?,
            false => Vec::new(),
        };
        let start = Start { listen: ([127, 0, 0, 1], 0).into(), schedules: self.schedules, shadow: self.shadow };
        self.engine.load(loaded(sound, start)).await?;
        self.registry.set(current(sound));
        self.world.configure(world_config(&sound.project));
        self.sources.set(specs).await;
        Ok(())
    }

    /// Tells whoever follows the timeline that a program was refused before the engine saw it.
    pub fn not_loaded(&self, why: &str) {
        self.engine.not_loaded(why);
    }

    /// Returns when the engine can do nothing any more, with the reason.
    pub async fn failed(&self) -> String {
        let mut glance = tokio::time::interval(Duration::from_secs(1));
        loop {
            glance.tick().await;
            if let Some(why) = self.engine.failure() {
                return why;
            }
        }
    }

    /// Takes nothing more, lets calls under way end, and stops. Every run is on disk.
    pub async fn stop(self) {
        // First the address goes, so that nobody begins to talk to a daemon that ends.
        DaemonFile::remove(&self.state);
        self.sources.stop().await;
        self.engine.shutdown(GRACE).await;
        self.stop.cancel();
        if let Err(e) = self.http.await {
            tracing::warn!(error = %e, "the HTTP face ended badly");
        }
    }

    /// What the project is called.
    pub fn project(&self) -> &str {
        &self.project
    }
}

/// The project's name, else its folder's.
fn project_name(sound: &Sound) -> String {
    let folder = || sound.place.root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    sound.project.name.as_ref().map_or_else(folder, ToString::to_string)
}

fn current(sound: &Sound) -> Current {
    Current {
        program: Arc::clone(&sound.program),
        settings: sound.settings.clone(),
        project: Arc::clone(&sound.project),
    }
}

fn serve_config(sound: &Sound, listen: SocketAddr) -> ServeConfig {
    let mut config = ServeConfig::new(listen);
    config.allow_remote = sound.project.serve.allow_remote;
    config.hosts = sound.project.serve.hosts.iter().map(ToString::to_string).collect();
    config.limits.max_body = usize::try_from(sound.project.serve.max_body).unwrap_or(usize::MAX);
    config.limits.deliveries = sound.project.serve.queue as usize;
    config
}

/// What runbooks may reach beyond the defaults.
fn world_config(project: &ProjectConfig) -> LiveConfig {
    LiveConfig { allow_addresses: project.egress_allow.clone(), allow_variables: project.env_allow.clone() }
}

/// What the engine loads.
fn loaded(sound: &Sound, start: Start) -> Loaded {
    let (settings, project) = (sound.settings.clone(), Arc::clone(&sound.project));
    let program = match start.shadow {
        true => Arc::new(sound.program.in_shadow()),
        false => Arc::clone(&sound.program),
    };
    match start.schedules {
        true => Loaded::new(program, settings, project),
        false => Loaded { code: Arc::new(Unscheduled::by_hand(program)), settings, project },
    }
}

/// What the engine performs calls in.
enum Outside {
    Live(Arc<LiveWorld>),
    /// Has no code for a change.
    Plan(Arc<PlanWorld>),
}

impl Outside {
    fn new(config: LiveConfig, shadow: bool) -> Self {
        match shadow {
            true => Self::Plan(Arc::new(PlanWorld::new(config))),
            false => Self::Live(Arc::new(LiveWorld::new(config))),
        }
    }

    fn world(&self) -> Arc<dyn World> {
        match self {
            Self::Live(world) => Arc::clone(world) as _,
            Self::Plan(world) => Arc::clone(world) as _,
        }
    }

    fn web(&self) -> Arc<dyn Web> {
        match self {
            Self::Live(world) => world.web(),
            Self::Plan(world) => world.web(),
        }
    }

    fn configure(&self, config: LiveConfig) {
        match self {
            Self::Live(world) => world.configure(config),
            Self::Plan(world) => world.configure(config),
        }
    }
}

/// That the state holds nothing that a daemon in shadow would have to do for real, or would take from one that can.
async fn no_real_work(store: &dyn Store) -> Result<(), CliError> {
    let recovered = store.recover().await.map_err(|e| CliError::internal(e.to_string()))?;
    let runs = recovered.runs.iter().filter(|r| !is_shadow(&r.id)).count();
    let (what, how) = match (runs, recovered.unmatched.len()) {
        (0, 0) => return Ok(()),
        (0, n) => (crate::text::count(n, "event") + " nobody has looked at", "let `rrb serve` look at them"),
        (n, _) => (crate::text::count(n, "run") + " not over", "let them end with `rrb serve`, or cancel them"),
    };
    Err(CliError::refused(format!("the state holds {what}, and in shadow nothing is done for real"))
        .help(format!("{how}; or give this daemon a state of its own: `[serve] state` in rrb.toml")))
}

/// Opens the state for writing: one process at a time.
fn open(state: &Path, project: &ProjectConfig) -> Result<Arc<SqliteStore>, CliError> {
    let options = Options { queue: project.serve.queue as usize, ..Options::default() };
    SqliteStore::open(state, options).map(Arc::new).map_err(open_error)
}

/// The error of a state that cannot be opened.
pub fn open_error(error: OpenError) -> CliError {
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

/// How an engine of this project is opened.
fn engine_config(project: Option<&ProjectConfig>) -> EngineConfig {
    let mut config = EngineConfig::new(Arc::new(CompiledLoader));
    if let Some(project) = project {
        config.queue = project.serve.queue;
        config.runs = project.serve.runs;
    }
    config
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
    let world = Arc::new(LiveWorld::new(LiveConfig::default()));
    // Without a program nothing moves.
    let engine = Engine::open(Arc::clone(&store) as _, world, Arc::clone(&clock), engine_config(None)).await?;
    Ok(Arc::new(Offline { engine, store: store as Arc<dyn Store>, clock }))
}
