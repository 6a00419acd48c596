//! Whom a command talks to: the daemon named with `--url`, the project's own, or the project's state itself when no daemon runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_engine::api::{Actor, ApiError, ControlPlane};
use rrb_engine::store::{EventFilter, RunFilter};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::text::clean;

/// What a command wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Look only: works on the state, too.
    Read,
    /// Write something down that takes effect whenever a daemon runs: works on the state, too.
    Write,
    /// Something only a running daemon can do, in words: `take a vote`.
    Drive(&'static str),
}

/// Whom it talks to.
pub struct Connection {
    pub plane: Arc<dyn ControlPlane>,
    /// Who this is, where nobody checks a token.
    pub actor: Actor,
    /// The daemon's address.
    pub url: Option<String>,
    /// No daemon runs: it is the state itself.
    pub local: bool,
}

/// `<state>/daemon.json`: where a daemon of this project answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonFile {
    pub url: String,
    pub pid: u32,
    pub version: String,
}

impl DaemonFile {
    /// Its place in the state folder.
    pub fn path(state: &Path) -> PathBuf {
        state.join("daemon.json")
    }

    /// Writes it, readable for the folder's owner alone, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, state: &Path) -> Result<(), CliError> {
        let failed = |e: std::io::Error| {
            CliError::refused(format!("cannot write `{}`: {}", Self::path(state).display(), crate::project::reason(&e)))
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| CliError::internal(e.to_string()))?;
        let fresh = state.join("daemon.json.new");
        std::fs::write(&fresh, text + "\n").map_err(failed)?;
        std::fs::rename(&fresh, Self::path(state)).map_err(failed)
    }

    /// Takes it away at the end. Whoever finds a stale one sees that nobody answers.
    pub fn remove(state: &Path) {
        let _ = std::fs::remove_file(Self::path(state));
    }

    /// What it says, when there is one.
    pub fn read(state: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(Self::path(state)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Whom to talk to for this need.
///
/// # Errors
/// When there is no project, no daemon answers that is needed, or the state is taken.
pub async fn connect(context: &Context, need: Need) -> Result<Connection, CliError> {
    if let Some(url) = &context.url {
        let client = Client::new(url, token(context, None)?)?;
        return Ok(remote(client));
    }
    let place = context.place()?;
    let config = crate::project::config(&place)?;
    let state = place.state(&config);
    if let Some(client) = daemon(context, &state).await? {
        return Ok(remote(client));
    }
    match need {
        Need::Drive(what) => Err(CliError::unreachable(format!("no daemon is running that could {what}"))
            .help("start it in another terminal: `rrb serve`, or `rrb watch` while you write")),
        Need::Read | Need::Write => {
            let plane = crate::daemon::offline(&place, &config, need == Need::Write).await?;
            Ok(Connection { plane, actor: local_actor(), url: None, local: true })
        }
    }
}

/// The daemon that runs on this state, if one answers.
///
/// # Errors
/// When its address or a named token file cannot be used.
pub async fn daemon(context: &Context, state: &Path) -> Result<Option<Client>, CliError> {
    let Some(file) = DaemonFile::read(state) else { return Ok(None) };
    let client = Client::new(&file.url, token(context, Some(state))?)?;
    Ok(client.answers().await.then_some(client))
}

/// Whether no daemon would be asked: then a name has to be looked up in the project.
///
/// # Errors
/// When there is no project, or it or a token cannot be read.
pub async fn alone(context: &Context) -> Result<bool, CliError> {
    if context.url.is_some() {
        return Ok(false);
    }
    let place = context.place()?;
    let state = place.state(&crate::project::config(&place)?);
    Ok(daemon(context, &state).await?.is_none())
}

fn remote(client: Client) -> Connection {
    let url = Some(client.base().to_owned());
    Connection { plane: Arc::new(client), actor: local_actor(), url, local: false }
}

/// Whoever sits at this machine and may open the state.
pub fn local_actor() -> Actor {
    Actor { person: None, method: "local".to_owned() }
}

/// The token to show: of `--token-file`, else `RRB_TOKEN`, else the operator's of this state. The last is never sent elsewhere.
fn token(context: &Context, state: Option<&Path>) -> Result<Option<String>, CliError> {
    let trimmed = |text: String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let plain = |token: &str, place: &str| match token.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(CliError::usage(format!("there is no token in {place}: a token is one word in plain letters"))
            .help("it is the line that `rrb token create` prints on standard output, `rrb_…`")),
    };
    if let Some(path) = &context.token_file {
        let shown = clean(&path.to_string_lossy()).into_owned();
        let text = std::fs::read_to_string(path).map_err(|e| {
            CliError::usage(format!("cannot read the token in `{shown}`: {}", crate::project::reason(&e)))
        })?;
        return match trimmed(text) {
            Some(token) => plain(&token, &format!("`{shown}`")).map(|()| Some(token)),
            None => Err(CliError::usage(format!("there is no token in `{shown}`: the file is empty"))),
        };
    }
    if let Some(token) = std::env::var("RRB_TOKEN").ok().and_then(trimmed) {
        return plain(&token, "`RRB_TOKEN`").map(|()| Some(token));
    }
    Ok(state.and_then(|s| std::fs::read_to_string(s.join("operator.token")).ok()).and_then(trimmed))
}

/// The full id of a run that is named by its id or its end.
///
/// # Errors
/// When there is none, or more than one.
pub async fn run_id(plane: &dyn ControlPlane, given: &str) -> Result<String, CliError> {
    match plane.run(given).await {
        Ok(view) => return Ok(view.run.id),
        Err(ApiError::NotFound { .. }) => {}
        Err(e) => return Err(e.into()),
    }
    let runs = plane.runs(RunFilter { limit: SEARCHED, ..RunFilter::default() }).await?;
    by_end("run", given, runs.into_iter().map(|r| r.id).collect(), "rrb runs list")
}

/// The full id of an approval that is named by its id or its end.
///
/// # Errors
/// When there is none, or more than one.
pub async fn approval_id(plane: &dyn ControlPlane, given: &str) -> Result<String, CliError> {
    match plane.approval(given).await {
        Ok(row) => return Ok(row.id),
        Err(ApiError::NotFound { .. }) => {}
        Err(e) => return Err(e.into()),
    }
    let open = plane.approvals(false).await?;
    by_end("approval", given, open.into_iter().map(|a| a.id).collect(), "rrb approvals list")
}

/// The full id of an event that is named by its id or its end.
///
/// # Errors
/// When there is none, or more than one.
pub async fn event_id(plane: &dyn ControlPlane, given: &str) -> Result<String, CliError> {
    match plane.why(given).await {
        Ok(view) => return Ok(view.event.id),
        Err(ApiError::NotFound { .. }) => {}
        Err(e) => return Err(e.into()),
    }
    let events = plane.events(EventFilter { limit: SEARCHED, ..EventFilter::default() }).await?;
    by_end("event", given, events.into_iter().map(|e| e.id).collect(), "rrb why")
}

/// How many of the newest are searched for an end.
const SEARCHED: u32 = 1000;

fn by_end(what: &str, given: &str, ids: Vec<String>, list: &str) -> Result<String, CliError> {
    // One letter would hit by chance.
    let found: Vec<&String> = ids.iter().filter(|id| given.len() >= 3 && id.ends_with(given)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            Err(CliError::not_found(format!("there is no {what} `{}`", clean(given)))
                .help(format!("`{list}` shows them")))
        }
        many => {
            Err(CliError::new(Exit::Usage, format!("`{}` is the end of {} {what}s", clean(given), many.len())).help(
                format!("write more of it: {}", many.iter().take(5).map(|s| s.as_str()).collect::<Vec<_>>().join(", ")),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<String> {
        ["run_01aaak3x9q2", "run_01aaaz3x9q2", "run_01aaaz3x000"].map(str::to_owned).to_vec()
    }

    #[test]
    fn an_end_of_an_id_is_enough_when_it_is_the_only_one() {
        assert_eq!(by_end("run", "x000", ids(), "l").unwrap(), "run_01aaaz3x000");
        assert_eq!(by_end("run", "3x9q2", ids(), "l").unwrap_err().exit, Exit::Usage);
        assert_eq!(by_end("run", "00", ids(), "l").unwrap_err().exit, Exit::NotFound);
        assert_eq!(by_end("run", "", ids(), "l").unwrap_err().exit, Exit::NotFound);
        assert_eq!(by_end("run", "nope", ids(), "l").unwrap_err().exit, Exit::NotFound);
    }
}
