//! Playbooks of CACAO 2.0 as runbooks, and runbooks as playbooks.
//! https://docs.oasis-open.org/cacao/security-playbooks/v2.0/security-playbooks-v2.0.html

mod commands;
mod conditions;
mod export;
mod sha1;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

pub use self::export::{Exported, export};
use self::variables::Variables;
use crate::convert::flow::{self, Edge, Target};
use crate::convert::{self, ConvertOptions, Converted, Module, docs, literal};
use crate::names;
use crate::text::{plain, quoted};
use crate::{ImportError, pointer, read};

/// The most steps of a playbook.
const MAX_STEPS: usize = 1_000;
/// How deep branches, loops and parallel parts nest.
const MAX_DEPTH: usize = 12;

/// A playbook while it is written.
pub(crate) struct Playbook<'a> {
    pub module: Module,
    pub root: &'a Map<String, Value>,
    pub variables: Variables,
    workflow: &'a Map<String, Value>,
    ids: BTreeMap<&'a str, usize>,
    /// Steps that stand in the runbook.
    written: BTreeSet<&'a str>,
    /// Steps whose parts are being written, for those that lead into themselves.
    open: Vec<&'a str>,
    /// Whether branches run side by side here: they change no variable.
    pub side_by_side: bool,
    loops: usize,
}

/// Makes a runbook of a playbook.
///
/// # Errors
/// When it cannot be read, or is no playbook.
pub fn import(bytes: &[u8], options: &ConvertOptions) -> Result<Converted, ImportError> {
    let read = read::read(bytes)?;
    let no = || {
        ImportError::new(
            "this is no CACAO playbook: an object with `type` \"playbook\" and a `workflow` was expected",
            "give a playbook of CACAO 2.0 as JSON; for other files see `rrb import --help`",
        )
    };
    let root = read.root.as_object().filter(|r| text(r, "type").starts_with("playbook")).ok_or_else(no)?;
    let workflow = root.get("workflow").and_then(Value::as_object).filter(|w| !w.is_empty()).ok_or_else(no)?;
    if workflow.len() > MAX_STEPS {
        return Err(ImportError::new(
            format!("the playbook has {} steps; at most {MAX_STEPS} are read", workflow.len()),
            "split the playbook",
        ));
    }
    let version = text(root, "spec_version");
    if !version.is_empty() && version != "cacao-2.0" {
        return Err(ImportError::new(
            format!("playbooks of the version `{}` are not read", plain(version, 30)),
            "convert it to `cacao-2.0`",
        ));
    }
    let name = text(root, "name");
    let title = if name.is_empty() { "playbook" } else { name };
    let mut module = Module::new(options, "CACAO 2.0", title)?;
    for at in &read.duplicates {
        module.notes.left_out("key", at, "a key that stands twice: the last one counts");
    }
    let runbook = module.names.take(&convert::shortened_name(title));
    let mut playbook = Playbook {
        variables: Variables::default(),
        root,
        workflow,
        ids: workflow.keys().enumerate().map(|(i, k)| (k.as_str(), i)).collect(),
        written: BTreeSet::new(),
        open: Vec::new(),
        side_by_side: false,
        loops: 0,
        module,
    };
    playbook.write(&runbook)?;
    playbook.module.finish()
}

pub(crate) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What stands at a playbook and is in the runbook, or only matters to those who exchange playbooks as files.
const PLAYBOOK_KEYS: &[&str] = &[
    "type",
    "spec_version",
    "name",
    "description",
    "workflow",
    "workflow_start",
    "workflow_exception",
    "playbook_variables",
    "labels",
    "severity",
    "agent_definitions",
    "target_definitions",
    "authentication_info_definitions",
    "external_references",
];
/// What stands at a step and is read.
const STEP_KEYS: &[&str] = &[
    "type",
    "name",
    "description",
    "on_completion",
    "on_success",
    "on_failure",
    "commands",
    "agent",
    "targets",
    "in_args",
    "out_args",
    "step_variables",
    "delay",
    "timeout",
    "next_steps",
    "condition",
    "on_true",
    "on_false",
    "switch",
    "cases",
    "playbook_id",
    "external_references",
];

/// What a step is called.
fn title(id: &str, step: &Map<String, Value>) -> String {
    let name = plain(text(step, "name"), 120);
    if name.is_empty() { plain(id, 120) } else { name }
}

impl<'a> Playbook<'a> {
    fn write(&mut self, runbook: &str) -> Result<(), ImportError> {
        self.variables = Variables::read(self.root, self.workflow, &mut self.module);
        self.others();
        let start = text(self.root, "workflow_start");
        let first = match self.ids.get(start) {
            Some(_) => start,
            None => self
                .workflow
                .iter()
                .find(|(_, s)| s.get("type").and_then(Value::as_str) == Some("start"))
                .map_or("", |(k, _)| k.as_str()),
        };
        if first.is_empty() {
            return Err(ImportError::new(
                "the playbook has no first step: `workflow_start` names none",
                "name the step to begin with",
            ));
        }
        let mut body = self.part(first, None, true)?;
        if !text(self.root, "workflow_exception").is_empty() {
            body.push_str(&self.exception());
        }
        for (id, step) in self.workflow {
            let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
            if !self.written.contains(id.as_str()) && !matches!(kind, "start" | "end") {
                let named = step.as_object().map(|s| title(id, s)).unwrap_or_default();
                let at = pointer::of(&["workflow", id]);
                self.module.notes.left_out("step", &at, format!("nothing leads to the step `{named}` ({kind})"));
            }
        }
        let kinds = |s: &&Value| !matches!(s.get("type").and_then(Value::as_str), Some("start" | "end"));
        self.module.counts.runbooks = 1;
        self.module.counts.steps = self.workflow.values().filter(kinds).count();
        let (params, vars) = self.variables.declared(&body, &mut self.module);
        let described = plain(text(self.root, "description"), 800);
        let described = if described.is_empty() { plain(text(self.root, "name"), 200) } else { described };
        let mut out = docs(&if described.is_empty() { format!("What `{runbook}` does.") } else { described }, "");
        let _ = write!(out, "runbook {runbook}({params}) {{\n{}{vars}{body}}}\n", self.header());
        self.module.push(out);
        Ok(())
    }

    fn header(&self) -> String {
        let mut out = String::new();
        let severity = self.root.get("severity").and_then(Value::as_u64).unwrap_or(0);
        let word = match severity {
            0 => "",
            1..=39 => "low",
            40..=69 => "medium",
            70..=89 => "high",
            _ => "critical",
        };
        if !word.is_empty() {
            let _ = writeln!(out, "severity {word}");
        }
        let labels: Vec<String> = self
            .root
            .get("labels")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|l| quoted(&plain(l, 80)))
            .collect();
        if !labels.is_empty() {
            let _ = writeln!(out, "tags [{}]", labels.join(", "));
        }
        out
    }

    fn others(&mut self) {
        for (key, value) in self.root.iter().filter(|(k, _)| !PLAYBOOK_KEYS.contains(&k.as_str())) {
            let value = crate::text::shorten(&value.to_string(), 200);
            self.module.notes.left_out("playbook", &pointer::of(&[key]), format!("`{}`: {value}", plain(key, 60)));
        }
        for (key, value) in
            self.root.get("authentication_info_definitions").and_then(Value::as_object).into_iter().flatten()
        {
            let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
            let at = pointer::of(&["authentication_info_definitions", key]);
            self.module.notes.left_out(
                "secret",
                &at,
                format!(
                    "`{}` ({}): user names and secrets are settings, and none is carried over",
                    plain(key, 100),
                    plain(kind, 40)
                ),
            );
        }
        for reference in self.root.get("external_references").and_then(Value::as_array).into_iter().flatten() {
            let shown = crate::text::shorten(&reference.to_string(), 200);
            self.module.notes.left_out("playbook", "/external_references", format!("a reference: {shown}"));
        }
    }

    /// What is done when a step fails and nothing says what then.
    fn exception(&mut self) -> String {
        let id = text(self.root, "workflow_exception");
        let step = self.workflow.get(id).and_then(Value::as_object);
        let ends = step.is_some_and(|s| text(s, "type") == "end");
        let named = step.map(|s| title(id, s)).unwrap_or_else(|| plain(id, 100));
        if ends {
            return String::new();
        }
        self.module.notes.left_out(
            "step",
            "/workflow_exception",
            format!("after a failure the playbook goes on with `{named}`; the runbook logs that and ends"),
        );
        let said = quoted(&format!("a step failed; the playbook goes on with `{named}`: "));
        format!("on failure as f {{\nlog {}${{f.message}}\"\n}}\n", said.trim_end_matches('"'))
    }

    /// The steps from one on. `back` is a step that ends this part when it comes again; `whole` says that the end of the part is
    /// that of the run.
    fn part(&mut self, first: &'a str, back: Option<&'a str>, whole: bool) -> Result<String, ImportError> {
        if self.open.len() > MAX_DEPTH {
            return Err(ImportError::new(
                format!(
                    "branches, loops and parallel parts nest deeper than {MAX_DEPTH} levels, or lead into themselves"
                ),
                "draw the playbook, and see where a branch has no end",
            ));
        }
        let ids: Vec<&'a str> = self.workflow.keys().map(String::as_str).collect();
        // Only what can be reached is written, and each of it once.
        let mut steps: Vec<flow::Step> = ids
            .iter()
            .map(|id| flow::Step { name: (*id).to_owned(), code: String::new(), edge: Edge::To(Target::End) })
            .collect();
        let (mut seen, mut todo) = (BTreeSet::new(), vec![first]);
        while let Some(id) = todo.pop() {
            if Some(id) == back || !seen.insert(id) {
                continue;
            }
            let Some(at) = self.ids.get(id).copied() else { continue };
            let made = self.step(id, back)?;
            let next: Vec<Target> = match &made.edge {
                Edge::To(t) => vec![*t],
                Edge::Branch(arms, t) => arms.iter().map(|(_, t)| *t).chain([*t]).collect(),
                Edge::Try { ok, failed } => vec![*ok, *failed],
            };
            todo.extend(
                next.iter().filter_map(|t| if let Target::Step(at) = t { ids.get(*at).copied() } else { None }),
            );
            if let Some(place) = steps.get_mut(at) {
                *place = made;
            }
        }
        let start = if Some(first) == back {
            Target::End
        } else {
            self.ids.get(first).map_or(Target::End, |at| Target::Step(*at))
        };
        self.loops += 1;
        let end = whole.then_some("finish mitigated \"the playbook ends here\"");
        Ok(flow::write(&steps, start, end, &format!("at_{}", self.loops)))
    }

    /// Where a step leads by a member that names another.
    fn target(&mut self, step: &'a Map<String, Value>, key: &str, back: Option<&str>, at: &str) -> Option<Target> {
        let value = step.get(key)?;
        // Before 2.0 these were lists.
        let id = value.as_str().or_else(|| value.get(0)?.as_str())?;
        if Some(id) == back {
            return Some(Target::End);
        }
        match self.ids.get(id) {
            Some(at) => {
                let ends = self.workflow.get(id).and_then(|s| s.get("type")).and_then(Value::as_str) == Some("end");
                Some(if ends { Target::End } else { Target::Step(*at) })
            }
            None => {
                self.module.notes.left_out(
                    "step",
                    at,
                    format!("`{key}` leads to `{}`, which is not there: all ends there", plain(id, 100)),
                );
                Some(Target::End)
            }
        }
    }

    fn named(&self, step: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
        let value = step.get(key)?;
        value.as_str().or_else(|| value.get(0)?.as_str()).filter(|id| self.ids.contains_key(id))
    }

    fn step(&mut self, id: &'a str, back: Option<&'a str>) -> Result<flow::Step, ImportError> {
        let at = pointer::of(&["workflow", id]);
        let Some(step) = self.workflow.get(id).and_then(Value::as_object) else {
            self.module.notes.left_out("step", &at, "a step that is no object");
            return Ok(flow::Step { name: id.to_owned(), code: String::new(), edge: Edge::To(Target::End) });
        };
        if self.written.insert(id) {
            for (key, value) in step.iter().filter(|(k, _)| !STEP_KEYS.contains(&k.as_str())) {
                let value = crate::text::shorten(&value.to_string(), 120);
                self.module.notes.left_out("step", &at, format!("`{}`: {value}", plain(key, 60)));
            }
        }
        let completion = self.target(step, "on_completion", back, &at);
        let success = self.target(step, "on_success", back, &at).or(completion);
        let failure = self.target(step, "on_failure", back, &at);
        let ok = success.unwrap_or(Target::End);
        let mut edge = failure.map_or(Edge::To(ok), |failed| Edge::Try { ok, failed });
        let name = title(id, step);
        let mut code = convert::remark(&plain(text(step, "description"), 400), "");
        if let Some(delay) = step.get("delay").and_then(Value::as_u64).filter(|d| (1..=31_536_000_000).contains(d)) {
            let _ = writeln!(code, "wait {}", literal::duration(delay));
        }
        match text(step, "type") {
            "start" | "end" => code.clear(),
            "action" => {
                let body = commands::body(self, id, step, &at);
                let _ = write!(code, "step {} {{\n{body}}}\n", quoted(&name));
            }
            "playbook-action" | "playbook" => {
                let other = plain(text(step, "playbook_id"), 120);
                let call = self.module.by_hand(
                    &at,
                    &name,
                    &format!("Run the playbook {other} ({name})"),
                    "a playbook of another file",
                    "",
                );
                let _ = write!(code, "step {} {{\n{call}\n}}\n", quoted(&name));
            }
            "parallel" => code.push_str(&self.parallel(id, step, &name)?),
            kind @ ("if-condition" | "while-condition" | "switch-condition") => {
                let whole = completion.is_some() || success.is_some();
                if kind == "if-condition" && !whole {
                    let condition = conditions::condition(self, id, text(step, "condition"), &at, &name);
                    let yes = self.target(step, "on_true", back, &at).unwrap_or(Target::End);
                    let no = self.target(step, "on_false", back, &at).unwrap_or(Target::End);
                    let _ = writeln!(code, "// {name}");
                    edge = Edge::Branch(vec![(condition, yes)], no);
                } else {
                    code.push_str(&self.nested(id, step, kind, &at, &name)?);
                }
            }
            other => {
                let inside = literal::json(&convert::without_secrets(&Value::Object(step.clone())).0);
                let call = self.module.by_hand(
                    &at,
                    &name,
                    &format!("Do what this step says: {name}"),
                    &format!("steps of the type `{}` are not known", plain(other, 60)),
                    &inside,
                );
                let _ = write!(code, "step {} {{\n{call}\n}}\n", quoted(&name));
            }
        }
        Ok(flow::Step { name: id.to_owned(), code, edge })
    }

    /// A part of the playbook inside of a step.
    fn inner(&mut self, id: &'a str, first: Option<&'a str>) -> Result<String, ImportError> {
        let Some(first) = first else { return Ok(String::new()) };
        self.open.push(id);
        let body = self.part(first, Some(id), false);
        self.open.pop();
        body
    }

    fn nested(
        &mut self,
        id: &'a str,
        step: &'a Map<String, Value>,
        kind: &str,
        at: &str,
        name: &str,
    ) -> Result<String, ImportError> {
        let mut out = format!("// {name}\n");
        match kind {
            "if-condition" => {
                let condition = conditions::condition(self, id, text(step, "condition"), at, name);
                let yes = self.inner(id, self.named(step, "on_true"))?;
                let no = self.inner(id, self.named(step, "on_false"))?;
                let _ = write!(out, "if {condition} {{\n{yes}}}");
                if !no.trim().is_empty() {
                    let _ = write!(out, " else {{\n{no}}}");
                }
                out.push('\n');
            }
            "while-condition" => {
                let condition = conditions::condition(self, id, text(step, "condition"), at, name);
                let body = self.inner(id, self.named(step, "on_true"))?;
                let _ = write!(out, "while {condition} {{\n{body}}}\n");
            }
            _ => {
                let value = self.variables.value(id, text(step, "switch"));
                let mut arms = String::new();
                let mut otherwise = "_ => {}\n".to_owned();
                for (case, to) in step.get("cases").and_then(Value::as_object).into_iter().flatten() {
                    let to = to.as_str().or_else(|| to.get(0)?.as_str()).filter(|t| self.ids.contains_key(t));
                    let body = self.inner(id, to)?;
                    if case == "default" {
                        otherwise = format!("_ => {{\n{body}}}\n");
                    } else {
                        let _ = write!(arms, "{} => {{\n{body}}}\n", quoted(case));
                    }
                }
                let _ = write!(out, "match {value} {{\n{arms}{otherwise}}}\n");
            }
        }
        Ok(out)
    }

    fn parallel(&mut self, id: &'a str, step: &'a Map<String, Value>, name: &str) -> Result<String, ImportError> {
        let next: Vec<&'a str> =
            step.get("next_steps").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut taken = names::Names::default();
        let before = std::mem::replace(&mut self.side_by_side, true);
        let mut branches = Vec::new();
        for first in next {
            if !self.ids.contains_key(first) {
                let said = format!("`next_steps` leads to `{}`, which is not there", plain(first, 100));
                self.module.notes.left_out("step", &pointer::of(&["workflow", id]), said);
                continue;
            }
            let label =
                self.workflow.get(first).and_then(Value::as_object).map(|s| title(first, s)).unwrap_or_default();
            let body = self.inner(id, Some(first))?;
            if !body.trim().is_empty() {
                branches.push(format!("{} {{\n{body}}}", taken.take(&convert::shortened_name(&label))));
            }
        }
        self.side_by_side = before;
        let mut out = format!("// {name}\n");
        match branches.as_slice() {
            [] => out.push_str("log \"nothing runs side by side here\"\n"),
            // More than the language lets run at a time run one group after the other.
            all => {
                for group in all.chunks(32) {
                    let _ = writeln!(out, "parallel {{\n{}\n}}", group.join(",\n"));
                }
                if all.len() > 32 {
                    self.module.notes.widened(
                        "step",
                        &pointer::of(&["workflow", id]),
                        format!("`{name}` has {} branches: 32 run at a time", all.len()),
                    );
                }
            }
        }
        Ok(out)
    }
}
