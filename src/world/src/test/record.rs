//! A run that happened, as a test: what came in, what the world answered, what people did and when, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use rrb_engine::api::RunView;
use rrb_engine::run::journal::{self, Act, Entry};
use rrb_engine::store::EventRow;
use rrb_lang::hir::{Event, Param, Runbook, Setting, SettingOwner};
use rrb_lang::ids::SettingId;
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::print;
use rrb_lang::vm::protocol::{
    Effect, EffectId, EffectOutcome, Millis, NativeCall, Note, Resolution, RunEnd, SettingValues,
};
use serde::Deserialize;
use smol_str::SmolStr;

use super::calls::{plain, shown};
use super::facts::outcome_name;
use super::literal::{json_written, quoted, written};
use super::suite::Suite;

/// An answer that took at least so long is told with its time.
const SLOW_MS: i64 = 1_000;

/// Characters of an evidence that is compared; of a longer one it is enough that it is there.
const LONGEST_EVIDENCE: usize = 200;

/// What stood around a run.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// What it found set.
    pub settings: Vec<Set>,
    /// The runs that it began, and those that they began.
    pub children: Vec<RunView>,
}

/// A setting as a run found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    pub owner: SettingOwner,
    pub name: SmolStr,
    /// `""` for a module's.
    pub instance: SmolStr,
    pub value: Value,
}

impl Set {
    /// All that a run of `program` found set.
    pub fn all(program: &Program, settings: &SettingValues) -> Vec<Self> {
        let one = |((id, instance), value): (&(SettingId, SmolStr), &Value)| {
            let setting = program.setting(*id)?;
            let (owner, name) = (setting.owner.clone(), setting.name.clone());
            Some(Self { owner, name, instance: instance.clone(), value: value.clone() })
        };
        settings.iter().filter_map(one).collect()
    }
}

/// A run as a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The `use` lines that the test needs.
    pub uses: Vec<String>,
    /// The test itself.
    pub text: String,
    /// What could not be told, for people.
    pub left_out: Vec<String>,
}

/// Writes a run down as a test. `events` are those that the run took, the one that started it among them. When `by_event` is false the
/// run is started by hand, with the parameters that it had.
///
/// # Errors
/// When the program has no such runbook any more, or the journal cannot be read.
pub fn record(
    suite: &Suite,
    view: &RunView,
    around: &Around,
    events: &BTreeMap<String, EventRow>,
    by_event: bool,
) -> Result<Recorded, String> {
    let program = &*suite.program;
    let (_, runbook) = program
        .runbook_named(&view.run.runbook)
        .ok_or_else(|| format!("the project has no runbook `{}` any more", view.run.runbook))?;
    let entries = entries(view)?;
    let mut calls = entries.clone();
    for child in &around.children {
        calls.extend(self::entries(child)?);
    }
    calls.sort_by_key(|(at, _)| *at);
    let (uses, left_out, lines) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut recorder = Recorder { suite, program, view, around, events, entries, calls, uses, left_out, lines };
    recorder.whole(runbook, by_event);
    let name = format!("recorded: {} of {}", runbook.name, print::time(view.run.created));
    let text = format!("test {} {{\n{}}}\n", quoted(&name), recorder.lines.concat());
    Ok(Recorded { uses: recorder.uses.into_iter().collect(), text, left_out: recorder.left_out })
}

fn entries(view: &RunView) -> Result<Vec<(Millis, Entry)>, String> {
    view.journal.iter().map(|row| Ok((row.at, journal::read(row)?))).collect()
}

struct Recorder<'a> {
    suite: &'a Suite,
    program: &'a Program,
    view: &'a RunView,
    around: &'a Around,
    events: &'a BTreeMap<String, EventRow>,
    entries: Vec<(Millis, Entry)>,
    /// With those of the runs that it began.
    calls: Vec<(Millis, Entry)>,
    uses: BTreeSet<String>,
    left_out: Vec<String>,
    lines: Vec<String>,
}

/// How a connector comes into scope: with its module where that is named as it is, else by its own name.
fn used(program: &Program, connector: &str) -> Option<String> {
    let module = &program.connectors.iter().find(|c| c.name == connector)?.module;
    let same = module.rsplit('.').next() == Some(connector);
    Some(if same { format!("use {module}") } else { format!("use {module}.{{{connector}}}") })
}

impl Recorder<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        self.lines.push(format!("  {}\n", text.as_ref()));
    }

    fn whole(&mut self, runbook: &Runbook, by_event: bool) {
        self.line(format!("given now is time\"{}\"", print::time(self.view.run.created)));
        for line in self.settings() {
            self.line(line);
        }
        for line in self.givens() {
            self.line(line);
        }
        let event = self.view.run.event.as_ref().filter(|_| by_event).and_then(|id| self.events.get(id));
        match event.and_then(|event| self.when(event)) {
            Some(line) => self.line(line),
            None => self.run(runbook),
        }
        self.happenings();
        self.uses.insert(format!("use {}.{{{}}}", runbook.module, runbook.name));
        self.expectations(runbook);
    }

    /// What the run had set otherwise than a test finds it: by the environment, or in an `rrb.toml` of then.
    fn settings(&mut self) -> Vec<String> {
        let mut owners: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for set in &self.around.settings {
            let known = |(_, s): &(usize, &Setting)| s.owner == set.owner && s.name == set.name;
            let Some((n, _)) = self.program.settings.iter().enumerate().find(known) else { continue };
            let id = SettingId(u32::try_from(n).unwrap_or(u32::MAX));
            let here = self.suite.settings.values.get(&(id, set.instance.clone()));
            if matches!(set.value, Value::Secret(_)) || here == Some(&set.value) {
                continue;
            }
            let (SettingOwner::Module(owner) | SettingOwner::Connector(owner)) = &set.owner;
            let Some(text) = written(&set.value) else {
                self.left_out.push(format!("the setting `{owner}.{}` cannot be written in a test", set.name));
                continue;
            };
            if let SettingOwner::Connector(name) = &set.owner {
                self.uses.extend(used(self.program, name));
            }
            let instance = match set.instance.as_str() {
                "" | "default" => String::new(),
                other => format!("[{}]", quoted(other)),
            };
            owners.entry((owner.to_string(), instance)).or_default().push(format!("{}: {text}", set.name));
        }
        let line = |((owner, instance), all): ((String, String), Vec<String>)| {
            format!("given settings {owner}{instance} {{ {} }}", all.join(", "))
        };
        owners.into_iter().map(line).collect()
    }

    /// One `given` for each call, with its answers in the order in which they were asked for.
    fn givens(&mut self) -> Vec<String> {
        let mut calls: Vec<(EffectId, NativeCall, Millis)> = Vec::new();
        let mut of_call: BTreeMap<EffectId, (EffectOutcome, Millis)> = BTreeMap::new();
        for (at, entry) in &self.calls {
            match &entry.act {
                Act::Intent { id, effect: Some(Effect::Call(call)), .. } => calls.push((id.clone(), call.clone(), *at)),
                Act::Outcome { id, outcome } => {
                    of_call.insert(id.clone(), (outcome.clone(), *at));
                }
                _ => {}
            }
        }
        let seen = |(id, call, began): &'_ (EffectId, NativeCall, Millis)| {
            let (outcome, ended) = of_call.get(id)?;
            Some((call.clone(), outcome.clone(), ended.saturating_sub(*began)))
        };
        let seen: Vec<(NativeCall, EffectOutcome, i64)> = calls.iter().filter_map(seen).collect();
        let seen: Vec<Seen<'_>> =
            seen.iter().map(|(call, outcome, took)| Seen { call, outcome, took: *took }).collect();
        let (lines, left_out) = givens(&seen);
        self.left_out.extend(left_out);
        lines
    }

    /// `when alertmanager.firing { … }`; None when the program does not know the event any more.
    fn when(&mut self, row: &EventRow) -> Option<String> {
        let (connector, event) = event_of(self.program, &row.source)?;
        let value =
            vm::decode(&self.program.types, &event.ty, &Json::from(row.payload.clone()), &self.program.constants);
        let text = written(&value.ok()?)?;
        self.uses.insert(used(self.program, &connector)?);
        let name = match row.instance.as_str() {
            "" | "default" => row.source.clone(),
            other => format!("{connector}[{}].{}", quoted(other), event.name),
        };
        Some(format!("when {name} {text}"))
    }

    fn run(&mut self, runbook: &Runbook) {
        let given: Vec<String> = runbook.params.iter().filter_map(|p| self.param(p)).collect();
        let by = self.view.run.requester.strip_prefix("user:").and_then(|u| u.split_whitespace().next());
        let by = by.map(|name| format!(" by {}", quoted(name))).unwrap_or_default();
        self.line(format!("run {}({}){by}", runbook.name, given.join(", ")));
    }

    fn param(&mut self, param: &Param) -> Option<String> {
        let json = self.view.run.params.get(param.name.as_str())?;
        let value = vm::decode(&self.program.types, &param.ty, &Json::from(json.clone()), &self.program.constants);
        match value.ok().and_then(|v| written(&v)) {
            Some(text) => Some(format!("{}: {text}", param.name)),
            None => {
                self.left_out.push(format!("the parameter `{}` cannot be written in a test", param.name));
                None
            }
        }
    }

    /// What people said and what came in, each at its time, and the time until the end.
    fn happenings(&mut self) {
        let mut all: Vec<(Millis, String)> = Vec::new();
        let family = std::iter::once(self.view).chain(&self.around.children);
        for vote in family.flat_map(|v| &v.approvals).flat_map(|a| &a.votes) {
            let said = |word: &str| match vote.comment.is_empty() {
                true => String::new(),
                false => format!(" {word} {}", quoted(&vote.comment)),
            };
            let by = quoted(&vote.person);
            all.push((
                vote.at,
                match vote.approve {
                    true => format!("approve by {by}{}", said("comment")),
                    false => format!("deny by {by}{}", said("because")),
                },
            ));
        }
        for (at, entry) in self.entries.clone() {
            match entry.act {
                Act::Cancel { why, .. } => all.push((at, format!("cancel because {}", quoted(&why)))),
                Act::Outcome { outcome: EffectOutcome::Resolved(resolution), .. } => {
                    all.push((at, resolved(&resolution)));
                }
                Act::Outcome { outcome: EffectOutcome::Event { id, .. }, .. } => {
                    match self.events.get(id.as_str()).cloned().and_then(|row| Some((row.received, self.when(&row)?))) {
                        Some(happening) => all.push(happening),
                        None => self.left_out.push(format!("the event `{id}` that the run took is not there any more")),
                    }
                }
                _ => {}
            }
        }
        all.sort_by_key(|(at, _)| *at);
        let mut now = self.view.run.created;
        for (at, line) in all {
            self.until(&mut now, at);
            self.line(line);
        }
        self.until(&mut now, self.view.run.updated);
    }

    fn until(&mut self, now: &mut Millis, at: Millis) {
        if at > *now {
            self.line(format!("advance {}", print::duration(at - *now)));
            *now = at;
        }
    }

    fn expectations(&mut self, runbook: &Runbook) {
        match self.view.run.end.as_ref().and_then(|end| RunEnd::deserialize(end).ok()) {
            None => self.line(format!("expect running {}", runbook.name)),
            Some(end) => {
                let why = if end.why.is_empty() { String::new() } else { format!(" {}", quoted(&end.why)) };
                self.line(format!("expect outcome {}{why}", outcome_name(end.outcome)));
            }
        }
        let mut evidence: Vec<(String, Json)> = Vec::new();
        for note in self.entries.iter().flat_map(|(_, e)| &e.notes).map(|n| n.parts().1) {
            if let Note::Evidence { name, value, .. } = note {
                evidence.retain(|(known, _)| known != name);
                evidence.push((name.clone(), value.clone()));
            }
        }
        for (name, value) in evidence {
            let plain = matches!(value, Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_));
            let text = json_written(&value).filter(|t| plain && t.chars().count() <= LONGEST_EVIDENCE);
            let compared = text.map(|t| format!(" == {t}")).unwrap_or_default();
            self.line(format!("expect evidence {}{compared}", quoted(&name)));
        }
    }
}

/// A call that was made, with its answer.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub call: &'a NativeCall,
    pub outcome: &'a EffectOutcome,
    /// Milliseconds.
    pub took: i64,
}

/// One `given` for each call, with its answers in the order of `seen`; and what cannot be written in a test.
pub fn givens(seen: &[Seen<'_>]) -> (Vec<String>, Vec<String>) {
    let mut answers: Vec<(String, Vec<String>)> = Vec::new();
    let mut left_out = Vec::new();
    for Seen { call, outcome, took } in seen {
        if matches!(call.native.as_str(), "core.now" | "time.now") {
            continue;
        }
        let shown = shown(plain(&call.native), "default", &call.args);
        let Some(answer) = answer(&shown, outcome, *took, &mut left_out) else { continue };
        match answers.iter_mut().find(|(known, _)| *known == shown) {
            Some((_, all)) => all.push(answer),
            None => answers.push((shown, vec![answer])),
        }
    }
    (answers.into_iter().map(|(call, all)| format!("given {call} {}", all.join(", then "))).collect(), left_out)
}

fn answer(call: &str, outcome: &EffectOutcome, took: i64, left_out: &mut Vec<String>) -> Option<String> {
    let after = if took >= SLOW_MS { format!(" after {}", print::duration(took)) } else { String::new() };
    Some(match outcome {
        EffectOutcome::Done(Value::Nothing) => format!("returns{after}"),
        EffectOutcome::Done(value) => match written(value) {
            Some(text) => format!("returns {text}{after}"),
            None => {
                left_out.push(format!("what `{call}` gave cannot be written in a test"));
                format!("returns{after}")
            }
        },
        EffectOutcome::Failed(f) => {
            format!("fails once with {} {}{after}", f.kind.name(), quoted(&f.message))
        }
        EffectOutcome::Lost { why } => format!("fails once with unknown_outcome {}{after}", quoted(why)),
        _ => return None,
    })
}

/// The event of this name, with the name of its connector.
fn event_of<'p>(program: &'p Program, source: &str) -> Option<(String, &'p Event)> {
    let (connector, name) = source.split_once('.')?;
    let of = |e: &&Event| {
        let own = program.connectors.get(e.connector.index());
        e.name == name && own.is_some_and(|c| c.name == connector)
    };
    program.events.iter().find(of).map(|e| (connector.to_owned(), e))
}

fn resolved(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Happened { result: None } => "resolve happened".to_owned(),
        Resolution::Happened { result: Some(result) } => match json_written(result) {
            Some(text) => format!("resolve happened returns {text}"),
            None => "resolve happened".to_owned(),
        },
        Resolution::DidNotHappen => "resolve did_not_happen".to_owned(),
        Resolution::Unknown => "resolve unknown".to_owned(),
    }
}
