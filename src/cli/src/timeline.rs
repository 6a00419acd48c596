//! The timeline: what happens in runs, a line for each thing, in the order it happens.
//!
//! ```text
//! 14:03:07 k3x9q2 ▶ relieve_disk_pressure node=n7 (event alertmanager.firing)
//! 14:03:07 k3x9q2 ▸ Delete old container logs
//! 14:03:08 k3x9q2   ✓ destroys system.delete_files on host-1          180ms
//! ```

use std::collections::HashMap;

use rrb_engine::api::{TimelineItem, What};
use rrb_engine::store::{ApprovalRow, ApprovalState, RunStatus};
use rrb_lang::json::Json;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::protocol::{ActionInfo, BranchEnd, Failure, Millis, Note, PolicyAnswer, Verdict};

use crate::out::Look;
use crate::plan_text;
use crate::text::{clean, clock, columns, duration, fields, json, relative, short_id, truncate};

/// Turns items into lines; keeps how deep each run is in its steps and when what began.
#[derive(Debug)]
pub struct Timeline {
    look: Look,
    /// More than one run may appear: every line says which.
    many: bool,
    /// Also the native calls below each action.
    detailed: bool,
    /// Says how to answer an approval from another terminal.
    tells_how: bool,
    runs: HashMap<String, RunState>,
}

#[derive(Debug, Default)]
struct RunState {
    began: Option<Millis>,
    /// The open steps: branch, name and when it began.
    steps: Vec<(String, String, Millis)>,
    /// Actions that have not ended, each with its branch.
    open: Vec<(String, ActionInfo, Millis)>,
    /// Since when people are asked.
    asked: Option<Millis>,
    /// Its last line said that it waits: polling says that once.
    slept: bool,
}

impl RunState {
    /// How deep a branch is in steps: its own, and those of what is around it.
    fn depth(&self, branch: &str) -> usize {
        let around =
            |b: &str| b.is_empty() || b == branch || branch.strip_prefix(b).is_some_and(|r| r.starts_with(" › "));
        self.steps.iter().filter(|(b, _, _)| around(b)).count()
    }
}

/// A line before it gets its time, its run and its place.
struct Line {
    symbol: String,
    text: String,
    millis: Option<i64>,
    depth: usize,
    /// Which branch it is about; empty outside of all.
    branch: String,
    /// Further lines, below the text.
    more: Vec<String>,
}

impl Line {
    fn new(symbol: String, text: String) -> Self {
        Self { symbol, text, millis: None, depth: 0, branch: String::new(), more: vec![] }
    }

    fn took(mut self, millis: Option<i64>) -> Self {
        self.millis = millis;
        self
    }

    fn more(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.more.extend(lines);
        self
    }
}

impl Timeline {
    /// A timeline of one run, or of `many`.
    pub fn new(look: Look, many: bool) -> Self {
        Self { look, many, detailed: false, tells_how: true, runs: HashMap::new() }
    }

    /// Shows native calls, too.
    #[must_use]
    pub fn detailed(mut self, detailed: bool) -> Self {
        self.detailed = detailed;
        self
    }

    /// Where approvals are answered with a key, the command for it is left out.
    #[must_use]
    pub fn keyed(mut self, keyed: bool) -> Self {
        self.tells_how = !keyed;
        self
    }

    /// The lines of an item; none when it says nothing to people.
    pub fn lines(&mut self, item: &TimelineItem) -> Vec<String> {
        let run = item.run.clone().unwrap_or_default();
        let branch = match &item.what {
            What::Note { note } => note.parts().0.to_owned(),
            _ => String::new(),
        };
        let depth = |t: &Self| t.runs.get(&run).map_or(0, |r| r.depth(&branch));
        let depth_before = depth(self);
        let Some(mut line) = self.line(item, &run) else { return vec![] };
        let depth_after = depth(self);
        line.branch = branch;
        line.depth = depth_before.min(depth_after);
        if matches!(item.what, What::RunEnded { .. }) {
            self.runs.remove(&run);
        }
        self.place(item, line)
    }

    /// What a run is doing right now, for a line that is drawn over: `system.delete_files on host-1 … 12s`.
    pub fn current(&self, now: Millis) -> Option<String> {
        let since = |at: Millis| duration(now.saturating_sub(at).max(0) / 1000 * 1000);
        if let Some((_, info, at)) = self.runs.values().flat_map(|r| &r.open).max_by_key(|(_, _, at)| *at) {
            return Some(format!("{} … {}", action(&self.look, info), since(*at)));
        }
        let asked = self.runs.values().filter_map(|r| r.asked).min()?;
        Some(self.look.dim(format!("waits for an answer … {}", since(asked))))
    }

    fn place(&self, item: &TimelineItem, line: Line) -> Vec<String> {
        let look = &self.look;
        let time = clock(item.at, &look.zone);
        let tag = match (self.many, &item.run) {
            (false, _) => String::new(),
            (true, Some(run)) => format!("{} ", look.name(format!("{:<6}", clean(short_id(run))))),
            (true, None) => " ".repeat(7),
        };
        let indent = "  ".repeat(line.depth.min(8));
        let used = columns(&time) + 1 + if self.many { 7 } else { 0 } + indent.len() + 2;
        let took = line.millis.map(|ms| look.dim(format!(" {}", duration(ms)))).unwrap_or_default();
        let branch = if line.branch.is_empty() {
            String::new()
        } else {
            format!("{} ", look.name(format!("[{}]", clean(&line.branch))))
        };
        let mut out = vec![format!("{} {tag}{indent}{} {branch}{}{took}", look.dim(time), line.symbol, line.text)];
        out.extend(line.more.into_iter().map(|more| format!("{}{more}", " ".repeat(used))));
        out
    }

    fn line(&mut self, item: &TimelineItem, run: &str) -> Option<Line> {
        let look = self.look.clone();
        let state = self.runs.entry(run.to_owned()).or_default();
        Some(match &item.what {
            What::EventReceived { source, summary } => {
                let id = item.event.as_deref().map(|e| look.dim(format!(" {}", clean(e)))).unwrap_or_default();
                Line::new(look.name("◆"), format!("{} {}{id}", look.bold(clean(source)), clean(summary)))
            }
            What::DeadLetter { path, reason } => {
                Line::new(look.bad("✗"), format!("a delivery to {} cannot be read: {}", clean(path), clean(reason)))
            }
            What::Disposition { verdict, detail } => disposition(&look, item.runbook.as_deref(), verdict, detail),
            What::RunStarted { requester, params } => {
                state.began = Some(item.at);
                started(&look, item.runbook.as_deref(), run, requester, params)
            }
            // That it waits for people was said with their question.
            What::RunStatus { status: RunStatus::Waiting, .. } if state.asked.is_some() => return None,
            What::RunStatus { status: RunStatus::Waiting, why } => {
                let again = std::mem::replace(&mut state.slept, true);
                return if again { None } else { status_line(&look, RunStatus::Waiting, why) };
            }
            What::RunStatus { status, why } => return status_line(&look, *status, why),
            What::Note { note } => {
                let (branch, note) = note.parts();
                let read = |n: &Note| match n {
                    Note::ActionBegan { info } => info.effect <= Effect::Reads,
                    Note::ActionEnded { effect, .. } => *effect <= Effect::Reads,
                    _ => false,
                };
                state.slept &= read(note);
                return note_line(&look, state, branch, item.at, note);
            }
            What::CallIntent { .. } => return None,
            What::CallOutcome { action, native, ok, message, millis } => {
                return self.detailed.then(|| native_line(&look, action, native, *ok, message, *millis));
            }
            What::Policy { action, target, verdict } => policy(&look, action, target.as_deref(), verdict),
            What::ChildBegan { child, runbook, awaited } => {
                let verb = if *awaited { "runs" } else { "starts" };
                Line::new(look.name("▷"), format!("{verb} {} {}", look.bold(clean(runbook)), look.dim(clean(child))))
            }
            What::ChildEnded { child, runbook, ok, message } => {
                let (symbol, id) = (if *ok { look.good("◁") } else { look.bad("◁") }, look.dim(clean(child)));
                Line::new(symbol, format!("{}: {} {id}", clean(runbook), clean(message)))
            }
            What::EventTaken { id, source } => {
                Line::new(look.name("◆"), format!("took {} {}", look.bold(clean(source)), look.dim(clean(id))))
            }
            What::ApprovalAsked { approval } => {
                state.asked = Some(item.at);
                asked(&look, approval, item.at, self.tells_how)
            }
            What::ApprovalVoted { person, approve, comment, .. } => voted(&look, person, *approve, comment),
            What::ApprovalClosed { state: end, .. } => {
                state.asked = None;
                closed(&look, *end)
            }
            What::RunEnded { outcome, why, ineffective, remains } => {
                let took = state.began.map(|b| item.at.saturating_sub(b));
                state.steps.clear();
                ended(&look, outcome, why, *ineffective, remains).took(took)
            }
            What::Loaded { program, runbooks, problem } => loaded(&look, program, *runbooks, problem.as_deref()),
        })
    }
}

fn disposition(look: &Look, runbook: Option<&str>, verdict: &str, detail: &str) -> Line {
    let runbook = clean(runbook.unwrap_or("no runbook")).into_owned();
    let detail = clean(detail).into_owned();
    match verdict {
        "started" => Line::new(look.good("→"), format!("starts {}", look.bold(runbook))),
        "shadow" => Line::new(look.dim("→"), format!("asks {} what it would do", look.bold(runbook))),
        "taken" => Line::new(look.good("→"), format!("taken by {}: {detail}", look.bold(runbook))),
        "queued" => Line::new(look.warn("→"), format!("queues {}: {detail}", look.bold(runbook))),
        "error" => Line::new(look.bad("✗"), format!("{runbook}: {detail}")),
        verdict => Line::new(look.dim("·"), look.dim(format!("{runbook}: no, {verdict}: {detail}"))),
    }
}

fn started(look: &Look, runbook: Option<&str>, run: &str, requester: &str, params: &serde_json::Value) -> Line {
    let params = params.as_object().map(|m| fields(m.iter().map(|(k, v)| (k.as_str(), v)))).unwrap_or_default();
    let name = look.bold(clean(runbook.unwrap_or("run")));
    let by = look.dim(format!("({}, by {})", clean(run), clean(requester)));
    let space = if params.is_empty() { "" } else { " " };
    Line::new(look.good("▶"), format!("{name}{space}{params} {by}"))
}

fn status_line(look: &Look, status: RunStatus, why: &str) -> Option<Line> {
    let why = if why.is_empty() { String::new() } else { format!(": {}", clean(why)) };
    match status {
        RunStatus::Queued => Some(Line::new(look.warn("…"), format!("queued{why}"))),
        RunStatus::Waiting if !why.is_empty() => {
            Some(Line::new(look.dim("…"), look.dim(format!("waits{}", local_time(look, &why)))))
        }
        RunStatus::Parked => Some(
            Line::new(look.bad("‖"), format!("{}{why}", look.bad("parked")))
                .more(["a call's outcome is unknown: say what happened with `rrb runs resolve`".to_owned()]),
        ),
        RunStatus::Ending => Some(Line::new(look.warn("■"), format!("{}{why}", look.warn("stopping")))),
        RunStatus::Running | RunStatus::Waiting | RunStatus::Done => None,
    }
}

/// `: the time 2026-11-21T13:03:07Z` as ` until 14:03:07`, with the day when that is another one.
fn local_time(look: &Look, why: &str) -> String {
    let time = why.strip_prefix(": the time ").and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let Some(at) = time.map(jiff::Timestamp::as_millisecond) else { return why.to_owned() };
    let today = crate::text::day(crate::text::now(), &look.zone) == crate::text::day(at, &look.zone);
    let said = if today { clock(at, &look.zone) } else { crate::text::moment(at, &look.zone) };
    format!(" until {said}")
}

fn note_line(look: &Look, state: &mut RunState, branch: &str, at: Millis, note: &Note) -> Option<Line> {
    Some(match note {
        Note::StepBegan { name, .. } => {
            state.steps.push((branch.to_owned(), name.clone(), at));
            Line::new(look.name("▸"), look.bold(clean(name)))
        }
        Note::StepEnded { name, ok, .. } => {
            let here = |(b, n, _): &(String, String, Millis)| b == branch && n == name;
            let began = state.steps.iter().rposition(here).map(|i| state.steps.remove(i).2);
            let symbol = if *ok { look.good("✓") } else { look.bad("✗") };
            Line::new(symbol, clean(name).into_owned()).took(began.map(|b| at.saturating_sub(b)))
        }
        Note::Log { text, .. } => Line::new(look.dim("│"), clean(text).into_owned()),
        Note::Evidence { name, value, .. } => {
            Line::new(look.name("≡"), format!("{} = {}", clean(name), truncate(&json(value), 200)))
        }
        Note::ActionBegan { info } => {
            state.open.push((branch.to_owned(), info.clone(), at));
            return None;
        }
        Note::ActionEnded { .. } => return action_ended(look, state, branch, at, note),
        Note::Retrying { action, attempt, at: next, failure } => {
            let (why, when) = (kind_and_message(failure), relative(at, *next));
            Line::new(look.warn("↻"), format!("{}: {why}; try {} {when}", clean(action), attempt + 1))
        }
        Note::Waived { reason, by, until } => {
            let day = crate::text::day(*until, &look.zone);
            Line::new(look.warn("⚠"), format!("waived by {} until {day}: {}", clean(by), clean(reason)))
        }
        Note::Verified { name, ok, last } => {
            let last = if last.is_empty() { String::new() } else { look.dim(format!(" (last: {})", clean(last))) };
            match ok {
                true => Line::new(look.good("✓"), format!("{}: {}{last}", look.good("verified"), clean(name))),
                false => Line::new(look.bad("✗"), format!("{}: {}{last}", look.bad("not verified"), clean(name))),
            }
        }
        Note::Failed { failure } => Line::new(look.bad("✗"), format!("{}: {}", look.bad("failed"), reason(failure))),
        Note::UndoBegan { count } => {
            let calls = crate::text::count(usize::try_from(*count).unwrap_or(usize::MAX), "call");
            Line::new(look.warn("↶"), look.warn(format!("undoes {calls}")))
        }
        Note::UndoFailed { action, failure } => {
            Line::new(look.bad("✗"), format!("could not undo {}: {}", clean(action), kind_and_message(failure)))
        }
        Note::HandlerFailed { handler, failure } => {
            Line::new(look.bad("✗"), format!("`{}` failed: {}", clean(handler), reason(failure)))
        }
        Note::Shadowed { plan } => {
            Line::new(look.dim("◌"), "would do".to_owned()).more(plan_text::plan(look, plan, 160))
        }
        Note::In { inner, .. } => return note_line(look, state, branch, at, inner),
        Note::Forked { race, branches } => {
            let word = if *race { "race" } else { "parallel" };
            let names: Vec<_> = branches.iter().map(|b| clean(b)).collect();
            Line::new(look.name("╪"), format!("{}: {}", look.bold(word), names.join(", ")))
        }
        Note::BranchEnded { end } => match end {
            BranchEnd::Done => return None,
            BranchEnd::Failed { failure } => {
                Line::new(look.bad("✗"), format!("{}: {}", look.bad("failed"), reason(failure)))
            }
            BranchEnd::Finished => Line::new(look.bold("■"), "ends the run".to_owned()),
            BranchEnd::Stopped => Line::new(look.warn("■"), look.warn("stopped")),
        },
        Note::RaceWon { branch } => Line::new(look.good("✓"), format!("{} came first", look.bold(clean(branch)))),
        Note::WaveBegan { wave, of, count, items } => {
            let more = usize::try_from(*count).unwrap_or(usize::MAX).saturating_sub(items.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let items: Vec<_> = items.iter().map(|i| clean(i)).collect();
            let items = look.dim(format!(": {}{more}", truncate(&items.join(", "), 120)));
            Line::new(look.name("≋"), format!("{}{items}", look.bold(format!("wave {wave} of {of}"))))
        }
        Note::Handling { event, .. } => Line::new(look.name("↯"), format!("handles {}", clean(event))),
        Note::Handled { .. } => Line::new(look.dim("↯"), look.dim("the block goes on")),
        Note::Restarted { count, .. } => {
            let times = if *count == 1 { String::new() } else { format!(" (the {count}. time)") };
            Line::new(look.warn("↻"), look.warn(format!("the block begins anew{times}")))
        }
        Note::OffPlan { action, target } => {
            let target = target.as_deref().map(|t| format!(" on {}", clean(t))).unwrap_or_default();
            Line::new(look.warn("⚠"), format!("not in the approved plan: {}{target}", clean(action)))
        }
    })
}

fn action_ended(look: &Look, state: &mut RunState, branch: &str, at: Millis, note: &Note) -> Option<Line> {
    let Note::ActionEnded { action, instance, target, effect, attempts, rollback, failure } = note else { return None };
    let same = |i: &ActionInfo| i.action == *action && i.instance == *instance && i.target == *target;
    let began = state.open.iter().rposition(|(b, i, _)| b == branch && same(i)).map(|i| state.open.remove(i));
    let what = match &began {
        Some((_, info, _)) => self::action(look, info),
        None => {
            let target = target.as_deref().map(|t| format!(" on {}", clean(t))).unwrap_or_default();
            format!("{} {}{target}", plan_text::effect(look, *effect), plan_text::action(look, action, instance))
        }
    };
    let undo = if *rollback { "undo: " } else { "" };
    let tries = if *attempts > 1 { look.dim(format!(" ({attempts} tries)")) } else { String::new() };
    let took = began.map(|(_, _, b)| at.saturating_sub(b));
    Some(match failure {
        None if *effect <= Effect::Reads => Line::new(look.dim("·"), format!("{what}{tries}")).took(took),
        None => Line::new(look.good("✓"), format!("{undo}{what}{tries}")).took(took),
        Some(f) => Line::new(look.bad("✗"), format!("{undo}{what}{tries}: {}", kind_and_message(f))).took(took),
    })
}

/// `destroys system.delete_files on host-1: /var/log/a`
fn action(look: &Look, info: &ActionInfo) -> String {
    const ARGS: usize = 80;
    let target = info.target.as_deref().map(|t| format!(" on {}", clean(t))).unwrap_or_default();
    let args = match info.args.as_slice() {
        [] => String::new(),
        [(_, only)] if info.target.as_deref().is_some_and(|t| plan_text::says(&clean(t), &json(only))) => String::new(),
        [(_, only)] => json(only),
        // What was left out or switched off says nothing.
        many => {
            let said = many.iter().filter(|(_, v)| *v != Json::Bool(false) && !matches!(json(v).as_str(), "" | "none"));
            said.map(|(n, v)| format!("{} {}", clean(n), json(v))).collect::<Vec<_>>().join("; ")
        }
    };
    let args = if args.is_empty() { args } else { look.dim(format!(": {}", truncate(&args, ARGS))) };
    let head = plan_text::effect(look, info.effect);
    format!("{head} {}{target}{args}", plan_text::action(look, &info.action, &info.instance))
}

/// `timeout: no answer in 30s (slack.post, 3 tries)`
pub fn reason(failure: &Failure) -> String {
    let mut place: Vec<String> = vec![];
    if !failure.action.is_empty() {
        place.push(clean(&failure.action).into_owned());
    }
    if failure.attempts > 1 {
        place.push(format!("{} tries", failure.attempts));
    }
    let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
    format!("{}{place}", kind_and_message(failure))
}

fn kind_and_message(failure: &Failure) -> String {
    match failure.kind.name() {
        "failed" => clean(&failure.message).into_owned(),
        kind => format!("{kind}: {}", clean(&failure.message)),
    }
}

fn native_line(look: &Look, action: &str, native: &str, ok: bool, message: &str, millis: i64) -> Line {
    let message = if message.is_empty() { String::new() } else { format!(": {}", clean(message)) };
    let symbol = if ok { look.dim("·") } else { look.bad("·") };
    let of = if action == native { String::new() } else { format!(" of {}", clean(action)) };
    Line::new(symbol, look.dim(format!("  {}{of}{message}", clean(native)))).took(Some(millis))
}

fn asked(look: &Look, row: &ApprovalRow, at: Millis, tells_how: bool) -> Line {
    let line = Line::new(look.warn("?"), look.bold(plan_text::question(row)));
    let Some(ask) = plan_text::ask(row) else { return line };
    let needs = format!("needs {}, {}", plan_text::who(&ask), relative(at, row.expires).replace("in ", "within "));
    let answer = look.dim(format!("answer: rrb approvals approve {}", short_id(&row.id)));
    line.more([needs]).more(plan_text::plan(look, &ask.plan, 160)).more(tells_how.then_some(answer))
}

/// What the policies say of a call, one line to a rule.
fn policy(look: &Look, action: &str, target: Option<&str>, verdict: &Verdict) -> Line {
    let on = target.map(|t| format!(" on {}", clean(t))).unwrap_or_default();
    let (symbol, word) = match verdict.answer {
        PolicyAnswer::Deny => (look.bad("✗"), look.bad("denied by policy")),
        PolicyAnswer::Ask => (look.warn("?"), look.warn("a policy asks people")),
        PolicyAnswer::Allow => (look.good("✓"), look.good("allowed by policy")),
    };
    let mut line = Line::new(symbol, format!("{}{on} {word}", look.bold(clean(action))));
    line.more = verdict.rules.iter().map(|r| look.dim(plan_text::rule(r))).collect();
    line
}

fn voted(look: &Look, person: &str, approve: bool, comment: &str) -> Line {
    let comment = if comment.is_empty() { String::new() } else { format!(": {}", clean(comment)) };
    match approve {
        true => Line::new(look.good("✓"), format!("{} {}{comment}", look.bold(clean(person)), look.good("approves"))),
        false => Line::new(look.bad("✗"), format!("{} {}{comment}", look.bold(clean(person)), look.bad("says no"))),
    }
}

fn closed(look: &Look, state: ApprovalState) -> Line {
    match state {
        ApprovalState::Approved => Line::new(look.good("✓"), look.good("approved")),
        ApprovalState::Denied => Line::new(look.bad("✗"), look.bad("denied")),
        ApprovalState::Expired => Line::new(look.bad("✗"), format!("{}: nobody answered in time", look.bad("expired"))),
        ApprovalState::Void | ApprovalState::Open => Line::new(look.dim("·"), look.dim("the question is withdrawn")),
    }
}

fn ended(look: &Look, outcome: &str, why: &str, ineffective: bool, remains: &[String]) -> Line {
    let outcome = self::outcome(look, outcome);
    let why = if why.is_empty() { String::new() } else { format!(": {}", clean(why)) };
    let effect = if ineffective { look.warn(" (ineffective: the last verify failed)") } else { String::new() };
    let remains = remains.iter().map(|r| look.bad(format!("to be put right by hand: {}", clean(r))));
    Line::new(look.bold("■"), format!("{outcome}{why}{effect}")).more(remains)
}

/// An outcome in its colour.
pub fn outcome(look: &Look, outcome: &str) -> String {
    match outcome {
        "resolved" | "mitigated" | "not_needed" => look.good(outcome),
        "shadow" => look.dim(outcome),
        "escalated" | "cancelled" => look.warn(outcome),
        other => look.bad(clean(other)),
    }
}

fn loaded(look: &Look, program: &str, runbooks: u32, problem: Option<&str>) -> Line {
    match problem {
        None => {
            let runbooks = crate::text::count(usize::try_from(runbooks).unwrap_or(usize::MAX), "runbook");
            let id = look.dim(format!("(program {})", program.get(..12).unwrap_or(program)));
            Line::new(look.good("●"), format!("loaded {runbooks} {id}"))
        }
        Some(why) => Line::new(look.bad("✗"), format!("not loaded: {}; the program before goes on", clean(why))),
    }
}
