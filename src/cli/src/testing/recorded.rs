//! `rrb test --record`: a run of the store as a test, played before it is printed.

use std::collections::BTreeMap;
use std::path::Path;

use rrb_engine::api::{ControlPlane, RunView};
use rrb_engine::run::journal::{self, Act};
use rrb_engine::store::{EventRow, JournalRow, Store, StoreError};
use rrb_lang::program::Program;
use rrb_lang::vm::protocol::{Effect, EffectOutcome, RunInput};
use rrb_world::test::{Around, Played, Recorded, Set, Way, play, record};
use serde::Deserialize;

use super::human::failure_lines;
use super::prepare::{Prepared, compiled, prepare};
use super::result::TestResult;
use crate::connect::{Need, connect, run_id};
use crate::context::Context;
use crate::desk;
use crate::exit::{CliError, Exit};
use crate::project::{self, ModuleFile, Place};
use crate::text::clean;

/// Where the test stands while it is tried, when it is only printed.
const NOWHERE: &str = "recorded_test.rrb";

/// Prints the run as a test, or appends it to a file. The exit code says whether it passes.
///
/// # Errors
/// When there is no such run, the project does not check, or the file cannot be written.
pub async fn recorded(context: &Context, place: &Place, run: &str, into: Option<&Path>) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let id = run_id(plane.as_ref(), run).await?;
    let view = plane.run(&id).await?;
    let events = events(plane.as_ref(), &view).await?;
    let around = around(plane.as_ref(), place, &view).await?;
    let prepared = prepare(context, place, false)?;
    let target = Target::new(place, into)?;
    let mut tried: Option<(Recorded, Prepared, Played, String)> = None;
    // What a trigger on several events made of them may not be made again by one: then the run is started by hand.
    for by_event in [true, false] {
        let recorded = record(&prepared.suite, &view, &around, &events, by_event)
            .map_err(|why| CliError::refused(format!("the run `{id}` cannot be a test: {why}")))?;
        let text = target.with(&recorded);
        let file = ModuleFile { name: target.name.clone(), text: text.clone() };
        let with = compiled(context, place, &project::load_with(place, file)?, false)?;
        let played = with.suite.tests.iter().rfind(|t| with.sources.name(t.span.file) == target.name);
        // A test has a runtime of its own, which cannot begin inside of this one.
        let played = played.map(|test| {
            std::thread::scope(|scope| {
                scope.spawn(|| play(&with.suite, test, Way::default())).join().unwrap_or_default()
            })
        });
        let played = played.unwrap_or_default();
        let passed = played.troubles.is_empty();
        if passed || tried.is_none() {
            tried = Some((recorded, with, played, text));
        }
        if passed || view.run.event.is_none() {
            break;
        }
    }
    let Some((recorded, with, played, text)) = tried else { return Ok(Exit::Failed) };
    tell(context, &target, &recorded, &text, into)?;
    differences(context, &target, &with, &recorded, &played);
    Ok(if played.troubles.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// What the run found set, when its state is here, and the runs that it began.
async fn around(plane: &dyn ControlPlane, place: &Place, view: &RunView) -> Result<Around, CliError> {
    let mut around = Around::default();
    let mut next: Vec<String> = begun(view);
    while let Some(id) = next.pop() {
        // One that could not begin is not there.
        let Ok(child) = plane.run(&id).await else { continue };
        next.extend(begun(&child));
        around.children.push(child);
    }
    let folder = place.state(&project::config(place)?);
    if let Some(store) = desk::reading(&folder)? {
        let failed = |e: StoreError| CliError::internal(e.to_string());
        let run = store.run(&view.run.id).await.map_err(failed)?;
        let input = run.and_then(|run| RunInput::deserialize(&run.input).ok());
        let bytes = store.program(&view.run.program).await.map_err(failed)?;
        if let (Some(input), Some(Ok(program))) = (input, bytes.as_deref().map(Program::from_bytes)) {
            around.settings = Set::all(&program, &input.settings);
        }
    }
    Ok(around)
}

/// The ids of the runs that a run began.
fn begun(view: &RunView) -> Vec<String> {
    let child = |row: &JournalRow| match journal::read(row).ok()?.act {
        Act::Intent { effect: Some(Effect::Child(child)), .. } => Some(child.child.to_string()),
        _ => None,
    };
    view.journal.iter().filter_map(child).collect()
}

/// The events that a run took, and the one that started it. One that is gone is left out.
async fn events(plane: &dyn ControlPlane, view: &RunView) -> Result<BTreeMap<String, EventRow>, CliError> {
    let taken = view.journal.iter().filter_map(|row| match journal::read(row).ok()?.act {
        Act::Outcome { outcome: EffectOutcome::Event { id, .. }, .. } => Some(id.to_string()),
        _ => None,
    });
    let mut events = BTreeMap::new();
    for id in view.run.event.iter().cloned().chain(taken) {
        if let Ok(known) = plane.why(&id).await {
            events.insert(id, known.event);
        }
    }
    Ok(events)
}

/// The file that the test goes to.
struct Target {
    /// Relative to the project, with `/`.
    name: String,
    /// What stands in it.
    before: String,
}

impl Target {
    fn new(place: &Place, into: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = into else { return Ok(Self { name: NOWHERE.to_owned(), before: String::new() }) };
        let shown = clean(&path.to_string_lossy()).into_owned();
        let absolute = std::env::current_dir().map(|here| here.join(path)).unwrap_or_else(|_| path.to_owned());
        let folder = absolute.parent().and_then(|p| p.canonicalize().ok());
        let inside = folder.zip(absolute.file_name()).and_then(|(folder, file)| {
            let root = place.root.canonicalize().ok()?;
            folder.strip_prefix(root).ok().map(|inside| inside.join(file))
        });
        let Some(inside) = inside.filter(|p| p.extension().is_some_and(|e| e == "rrb")) else {
            return Err(CliError::usage(format!("`{shown}` is no `.rrb` file in a folder of the project")));
        };
        let before = match std::fs::read_to_string(&absolute) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(CliError::usage(format!("cannot read `{shown}`: {}", project::reason(&e)))),
        };
        let name = inside.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        Ok(Self { name, before })
    }

    /// The file with the test at its end and what it needs at its head.
    fn with(&self, recorded: &Recorded) -> String {
        let own = self.name.strip_suffix(".rrb").unwrap_or(&self.name).replace('/', ".");
        let missing: Vec<&String> = recorded
            .uses
            .iter()
            .filter(|u| !self.before.lines().any(|l| l.trim() == u.as_str()))
            .filter(|u| !u.starts_with(&format!("use {own}.{{")))
            .collect();
        let lines: Vec<&str> = self.before.lines().collect();
        // Behind what the module says of itself.
        let head = lines.iter().take_while(|l| l.starts_with("//!")).count();
        let (head, rest) = lines.split_at(head);
        let mut out = String::new();
        for line in head.iter().copied().chain((!head.is_empty() && !missing.is_empty()).then_some("")) {
            out.push_str(line);
            out.push('\n');
        }
        for used in missing {
            out.push_str(used);
            out.push('\n');
        }
        for line in rest {
            out.push_str(line);
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&recorded.text);
        // What it looks like is the formatter's affair; a file that it cannot read is told by the check.
        rrb_lang::syntax::format(rrb_lang::span::FileId(0), &out).unwrap_or(out)
    }
}

fn tell(
    context: &Context,
    target: &Target,
    recorded: &Recorded,
    text: &str,
    into: Option<&Path>,
) -> Result<(), CliError> {
    match into {
        None => {
            context.out.raw(text);
        }
        Some(path) => {
            std::fs::write(path, text).map_err(|e| {
                CliError::usage(format!("cannot write `{}`: {}", clean(&target.name), project::reason(&e)))
            })?;
            context.out.line(format!("appended to {}", clean(&target.name)));
        }
    }
    for left_out in &recorded.left_out {
        context.out.warning(&clean(left_out));
    }
    Ok(())
}

/// What comes out otherwise than in the run.
fn differences(context: &Context, target: &Target, with: &Prepared, recorded: &Recorded, played: &Played) {
    if played.troubles.is_empty() {
        return;
    }
    let test = with.suite.tests.iter().enumerate().rfind(|(_, t)| with.sources.name(t.span.file) == target.name);
    let Some((index, test)) = test else { return };
    let mut result = TestResult::new(index, test, &with.sources);
    result.troubles = played.troubles.clone();
    context.out.note(failure_lines(&context.out.err, &with.sources, &result).trim_end());
    let why = if recorded.left_out.is_empty() { "" } else { ", perhaps because of what is left out" };
    context.out.warning(&format!(
        "the test does not come out as the run did{why}: settings or sources may have changed since"
    ));
}
