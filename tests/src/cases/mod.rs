//! The cases of connectors: folders below `tests/connectors`, each with runbooks that call a connector against a double.

mod events;
mod fixture;
mod print;
pub mod program;
mod run;
pub mod sweep;
pub mod taken;

use std::path::Path;

pub use fixture::Fixture;

use rrb_world::live::{LiveConfig, LiveWorld};

use crate::double::{Double, From};
use print::Told;

/// What became of the cases of one folder.
pub struct Outcome {
    pub name: String,
    /// `calls.snap` and `events.snap` as they should be now.
    pub snapshots: Vec<(&'static str, String)>,
    /// What is wrong whatever the snapshot says.
    pub faults: Vec<String>,
}

/// The folders with cases, in alphabetical order.
///
/// # Errors
/// When the folder cannot be read.
pub fn names(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("tests/connectors");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().join("calls.rrb").is_file() || e.path().join("events").is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Runs all cases of a folder.
///
/// # Errors
/// When the fixture itself is wrong: it does not check, a file has not its form, a setting has no value.
pub async fn play(root: &Path, name: &str) -> Result<Outcome, String> {
    let (at, of) = (root.to_owned(), name.to_owned());
    // Servers take their time to start.
    let read = tokio::task::spawn_blocking(move || Fixture::read(&at, &of));
    let fixture = read.await.map_err(|e| e.to_string())??;
    let double = Double::start(fixture.descriptions()?).await?;
    let program = program::build(&fixture, &double.url)?;
    let world = LiveWorld::new(LiveConfig::default());
    let mut faults = fixture.unnamed_secrets(&program);
    faults.extend(fixture.unknown_cases(&program));
    let mut called = Vec::new();
    let mut snapshot = String::new();
    for case in program.cases() {
        double.begin(fixture.replies.script(&case));
        let time = if fixture.has_peers() { run::Time::Passes } else { run::Time::Jumps };
        let ran = run::run(&world, &program, &case, time).await;
        let exchanges = double.take();
        for exchange in &exchanges {
            faults.extend(refusals(&fixture, exchange).into_iter().map(|why| format!("{case}: {why}")));
        }
        faults.extend(leaked(&fixture, &case, &ran.shown));
        called.extend(ran.actions.clone());
        snapshot +=
            &print::case(&Told { case: &case, ran: &ran, exchanges: &exchanges, fixture: &fixture, url: &double.url });
        // A real server says what it says, and what was done to it is not done again.
        if !fixture.has_peers() && !exchanges.is_empty() {
            faults.extend(echoed(&world, &fixture, &double, &program, &case).await);
        }
    }
    let snapshot = format!("{}{snapshot}", print::not_called(&program, &called));
    Ok(Outcome { name: name.to_owned(), snapshots: vec![("calls.snap", snapshot)], faults })
}

/// The calls and the events of a folder.
async fn whole(root: &Path, name: &str) -> Result<Outcome, String> {
    let has_calls = root.join("tests/connectors").join(name).join("calls.rrb").is_file();
    let mut outcome = if has_calls {
        play(root, name).await?
    } else {
        Outcome { name: name.to_owned(), snapshots: Vec::new(), faults: Vec::new() }
    };
    if let Some((text, faults)) = events::play(root, name).await? {
        outcome.snapshots.push(("events.snap", text));
        outcome.faults.extend(faults);
    }
    Ok(outcome)
}

/// What the description refuses and no exception explains.
fn refusals(fixture: &Fixture, exchange: &crate::double::Exchange) -> Vec<String> {
    let seen = &exchange.seen;
    let shown = format!("{} {}", seen.method, seen.path);
    let Some(verdict) = &exchange.verdict else {
        // Where no description speaks of a path, the fixture does.
        return if exchange.from == From::Nowhere {
            vec![format!("`{shown}`: no description has it, and replies.json has no answer for it")]
        } else {
            Vec::new()
        };
    };
    let unexplained = verdict.refused.iter().filter(|why| !fixture.is_excepted(why));
    unexplained
        .map(|why| format!("`{shown}` is refused by the description of `{}`: {why}", verdict.operation))
        .collect()
}

fn leaked(fixture: &Fixture, case: &str, shown: &str) -> Vec<String> {
    let found = fixture.secrets.iter().filter_map(|s| Some((s, s.leak(shown.as_bytes())?)));
    found.map(|(s, form)| format!("{case}: the secret `{}` stands in what the run showed ({form})", s.name)).collect()
}

/// Runs the case once more with a server that says in its failures all that it was sent.
async fn echoed(
    world: &LiveWorld,
    fixture: &Fixture,
    double: &Double,
    program: &program::Program,
    case: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    for status in [500, 401, 200] {
        double.echo(status);
        let ran = run::run(world, program, case, run::Time::Jumps).await;
        faults.extend(leaked(fixture, &format!("{case}, echoed with {status}"), &ran.shown));
    }
    double.take();
    faults
}

/// Runs the cases of all folders, or of those in `only`, and compares each with its `calls.snap`; with `update` these are written
/// anew. What is wrong, as text.
///
/// # Errors
/// When the folders cannot be read.
pub async fn hold(root: &Path, only: &[String], update: bool) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let all = names(root)?;
    faults.extend(
        only.iter().filter(|n| !all.contains(n)).map(|n| format!("no folder tests/connectors/{n} with a calls.rrb")),
    );
    let chosen = all.into_iter().filter(|n| only.is_empty() || only.contains(n));
    let mut playing = tokio::task::JoinSet::new();
    for name in chosen {
        let root = root.to_owned();
        playing.spawn(async move { (whole(&root, &name).await, name) });
    }
    let mut played = playing.join_all().await;
    played.sort_by(|a, b| a.1.cmp(&b.1));
    for (outcome, name) in played {
        let said = match outcome {
            Ok(outcome) => {
                let mut said = outcome.faults;
                for (file, text) in &outcome.snapshots {
                    said.extend(differs(root, &name, file, text, update)?);
                }
                said
            }
            Err(why) => vec![why],
        };
        faults.extend(said.into_iter().map(|why| format!("{name}: {why}")));
    }
    Ok(faults)
}

/// How the snapshot differs from what is kept.
fn differs(root: &Path, name: &str, file: &str, now: &str, update: bool) -> Result<Option<String>, String> {
    let path = root.join("tests/connectors").join(name).join(file);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == now {
        return Ok(None);
    }
    if update {
        std::fs::write(&path, now).map_err(|e| format!("{}: {e}", path.display()))?;
        return Ok(None);
    }
    let diff = similar::TextDiff::from_lines(kept.as_str(), now);
    let diff = diff.unified_diff().context_radius(4).header(file, "now").to_string();
    Ok(Some(format!(
        "calls.snap differs; `cargo run -p rrb-tests --bin rrb-cases -- run --update {name}` writes it\n{diff}"
    )))
}
