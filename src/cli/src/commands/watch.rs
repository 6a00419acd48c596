//! `rrb watch`: the daemon in the foreground, for authors.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use rrb_engine::api::{Actor, TimelineItem, What};
use rrb_engine::store::RunFilter;
use tokio::signal::unix::SignalKind;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::context::Context;
use crate::daemon::{Daemon, Start};
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::follow::signal;
use crate::out::{Look, Out};
use crate::project::{self, Loaded, Place, Stamp};
use crate::terminal::{Key, KeyMode, Panel, keys, rows};
use crate::text::{clean, now};
use crate::timeline::Timeline;
use crate::watch::{Action, Model};
use crate::{plan_text, run_text};

/// Who watches, and where to listen.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb watch --as ana       # answer approvals as ana, from the keyboard\n  rrb watch | tee log      # plain lines where there is no terminal\n\nKeys: a approve · d deny · j/k choose · enter show whole · r runs · ? help · q quit"
)]
pub struct WatchArgs {
    /// The user of the project who answers approvals here.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Listen here instead of at `[serve] listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Take events, and do nothing: every runbook only says what it would do, with live reads.
    #[arg(long)]
    shadow: bool,
}

/// How often the files are looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// Watches until it is told to stop.
///
/// # Errors
/// When there is no project, the user is unknown, or the address or the state is taken.
pub async fn watch(context: &Context, args: &WatchArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let loaded = project::load(&place)?;
    if let Some(user) = &args.user {
        project::known_user(&loaded.config, user)?;
    }
    let mode = if context.out.tty { KeyMode::enter() } else { None };
    let mut watcher = Watcher {
        out: &context.out,
        stamp: project::stamp(&place),
        place,
        listen: args.listen,
        shadow: args.shadow,
        keyed: mode.is_some(),
        panel: Panel::default(),
        timeline: Timeline::new(context.out.look.clone(), true).keyed(mode.is_some()),
        model: Model { user: args.user.clone(), ..Model::default() },
        daemon: None,
        stale: false,
    };
    watcher.take(loaded).await?;
    let result = watcher.go().await;
    watcher.panel.clear_if_drawn(&context.out);
    drop(mode);
    if let Some(daemon) = watcher.daemon.take() {
        let stopped = tokio::time::timeout(Duration::from_secs(10), daemon.stop()).await;
        if stopped.is_err() {
            context.out.warning("a call was still at work and was left; its run goes on with the next start");
        }
    }
    result
}

struct Watcher<'a> {
    out: &'a Out,
    place: Place,
    stamp: Vec<Stamp>,
    listen: Option<SocketAddr>,
    shadow: bool,
    /// Keys are read and a panel is drawn.
    keyed: bool,
    panel: Panel,
    timeline: Timeline,
    model: Model,
    /// None until the project checks for the first time.
    daemon: Option<Daemon>,
    /// What is open must be asked for again.
    stale: bool,
}

impl Watcher<'_> {
    async fn go(&mut self) -> Result<Exit, CliError> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut glance = tokio::time::interval(GLANCE);
        let mut pressed = self.keyed.then(keys);
        let mut items: Option<Receiver<TimelineItem>> = None;
        loop {
            if items.is_none() {
                items = self.daemon.as_ref().map(|d| d.plane().subscribe());
                self.stale = true;
            }
            tokio::select! {
                item = next(&mut items) => self.item(item).await,
                key = press(&mut pressed) => {
                    if self.key(key).await {
                        return Ok(Exit::Ok);
                    }
                }
                _ = glance.tick() => self.glance().await?,
                Some(()) = interrupt.recv() => return Ok(Exit::Ok),
                Some(()) = terminate.recv() => return Ok(Exit::Ok),
            }
            if self.stale {
                self.refresh().await;
            }
            self.draw();
        }
    }

    /// Takes the project as it is: starts, reloads, or says what is wrong with it.
    async fn take(&mut self, loaded: Loaded) -> Result<(), CliError> {
        let Some(sound) = loaded.sound() else {
            self.broken(&loaded);
            return Ok(());
        };
        self.model.stale = None;
        let warnings = diagnostics::render(&self.out.look, Format::Human, &loaded.sources, &loaded.diagnostics);
        if !warnings.is_empty() {
            self.print(&lines(&warnings));
        }
        let unset: Vec<String> = crate::secrets::warnings(&sound)
            .into_iter()
            .map(|line| format!("{} {line}", self.out.look.warn("warning:")))
            .collect();
        self.print(&unset);
        match &self.daemon {
            Some(daemon) => match daemon.reload(&sound).await {
                Ok(()) => {
                    let runbooks = crate::text::count(sound.program.runbooks.len(), "runbook");
                    let line = format!("{} reloaded: {runbooks}", self.out.look.good("●"));
                    self.print(&[line]);
                }
                Err(e) => self.model.stale = Some(e.message),
            },
            None => {
                let listen = self.listen.unwrap_or(loaded.config.serve.listen);
                let daemon = Daemon::start(&sound, Start { listen, schedules: true, shadow: self.shadow }).await?;
                let look = &self.out.look;
                let name = clean(daemon.project()).into_owned();
                let shadow = if self.shadow { format!(" {}", look.warn("in shadow")) } else { String::new() };
                let line = format!("{} watching {}{shadow} at {}", look.good("●"), look.bold(&name), daemon.url());
                self.model.title = if self.shadow { format!("{name} (in shadow)") } else { name };
                self.daemon = Some(daemon);
                self.print(&[line]);
            }
        }
        self.stale = true;
        Ok(())
    }

    fn broken(&mut self, loaded: &Loaded) {
        let text = diagnostics::render(&self.out.look, Format::Human, &loaded.sources, &loaded.diagnostics);
        let mut shown = lines(&text);
        for file in &loaded.unreadable {
            shown.push(format!("{}: cannot read: {}", clean(&file.name), file.reason));
        }
        let summary = diagnostics::summary(&self.out.look, &loaded.diagnostics, loaded.files);
        let after =
            if self.daemon.is_some() { "; the program before goes on" } else { "; waiting for a save that mends it" };
        shown.push(format!("{summary}{after}"));
        let (errors, _) = diagnostics::tally(&loaded.diagnostics);
        self.model.stale = Some(crate::text::count(errors + loaded.unreadable.len(), "error"));
        self.print(&shown);
    }

    /// Whether a file was saved.
    async fn glance(&mut self) -> Result<(), CliError> {
        let stamp = project::stamp(&self.place);
        if stamp == self.stamp {
            return Ok(());
        }
        self.stamp = stamp;
        match project::load(&self.place) {
            Ok(loaded) => self.take(loaded).await,
            Err(e) => {
                self.model.stale = Some(e.message);
                Ok(())
            }
        }
    }

    async fn item(&mut self, item: Result<TimelineItem, RecvError>) {
        match item {
            // What was loaded, and why not, is said with the diagnostics.
            Ok(item) if matches!(item.what, What::Loaded { .. }) => {}
            Ok(item) => {
                self.stale |=
                    !matches!(item.what, What::Note { .. } | What::CallIntent { .. } | What::CallOutcome { .. });
                let lines = self.timeline.lines(&item);
                self.print(&lines);
            }
            Err(RecvError::Lagged(n)) => {
                let line = self.out.look.warn(format!("… {n} lines came too fast to show; `rrb runs show` has them"));
                self.print(&[line]);
            }
            Err(RecvError::Closed) => {}
        }
    }

    /// Whether to quit.
    async fn key(&mut self, key: Option<Key>) -> bool {
        let action = self.model.key(key.unwrap_or(Key::End));
        let Some(plane) = self.daemon.as_ref().map(Daemon::plane) else { return action == Action::Quit };
        match action {
            Action::Nothing => {}
            Action::Quit => return true,
            Action::ShowApproval(id) => match plane.approval(&id).await {
                Ok(row) => self.print(&plan_text::approval(&self.out.look, &row, now())),
                Err(e) => self.model.message = Some(e.line()),
            },
            Action::ShowRun(id) => match plane.run(&id).await {
                Ok(view) => self.print(&run_text::show(&self.out.look, &view, now(), false)),
                Err(e) => self.model.message = Some(e.line()),
            },
            Action::Vote { approval, vote } => {
                let actor = Actor { person: self.model.user.clone(), method: "terminal".to_owned() };
                if let Err(e) = plane.vote(&approval, vote, &actor).await {
                    self.model.message = Some(e.line());
                }
                self.stale = true;
            }
        }
        false
    }

    /// Asks what is open.
    async fn refresh(&mut self) {
        self.stale = false;
        let Some(plane) = self.daemon.as_ref().map(Daemon::plane) else { return };
        match plane.approvals(true).await {
            Ok(approvals) => self.model.set_approvals(approvals),
            Err(e) => self.model.message = Some(e.line()),
        }
        if let Ok(runs) = plane.runs(RunFilter { limit: 50, ..RunFilter::default() }).await {
            self.model.set_runs(runs);
        }
    }

    fn print(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        if self.keyed {
            let panel = self.panel_lines();
            self.panel.print(self.out, lines, &panel);
        } else {
            lines.iter().for_each(|l| self.out.line(l));
        }
    }

    fn draw(&mut self) {
        if self.keyed {
            let panel = self.panel_lines();
            self.panel.draw(self.out, &panel);
        }
    }

    fn panel_lines(&self) -> Vec<String> {
        // As wide as the terminal is now.
        let look = Look { width: crate::out::width(), ..self.out.look.clone() };
        self.model.panel(&look, now(), rows() / 2)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The next item; never, while there is no daemon or it has ended.
async fn next(items: &mut Option<Receiver<TimelineItem>>) -> Result<TimelineItem, RecvError> {
    match items {
        Some(receiver) => match receiver.recv().await {
            Err(RecvError::Closed) => std::future::pending().await,
            other => other,
        },
        None => std::future::pending().await,
    }
}

/// The next key; never, without a terminal.
async fn press(keys: &mut Option<tokio::sync::mpsc::UnboundedReceiver<Key>>) -> Option<Key> {
    match keys {
        Some(keys) => keys.recv().await,
        None => std::future::pending().await,
    }
}
