//! Runbooks as playbooks of CACAO 2.0.
//!
//! A playbook has no calls, types and effects: what a runbook does is a `manual` command with the words of its source, so that
//! people, or an engine with people at it, can follow it. Ids are made of names and places, so that the same source gives the
//! same playbook.

use std::fmt::Write as _;

use rrb_lang::hir::{Program, Runbook};
use rrb_lang::outline::{Branch, Kind, Node, Outline, outline};
use rrb_lang::span::Sources;
use serde_json::{Map, Value, json};

use super::sha1::uuid_v5;

/// When what is exported was made: nothing in a source says so, and two exports are equal.
const CREATED: &str = "1970-01-01T00:00:00.000Z";

/// A playbook, and what of the runbook is not in it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// JSON, indented, with a newline at its end.
    pub text: String,
    /// What CACAO cannot say, one line each.
    pub lost: Vec<String>,
}

/// Makes a playbook of a runbook. `sources` are those the program was checked from.
pub fn export(program: &Program, sources: &Sources, runbook: &Runbook) -> Exported {
    let outline = outline(program, sources, runbook);
    let name = format!("{}.{}", runbook.module, runbook.name);
    let mut writer = Writer { name, workflow: Map::new(), lost: Vec::new(), agent: String::new() };
    let agent = runbook.owner.as_deref().unwrap_or("operators").to_owned();
    writer.agent = writer.id("group", &format!("agent/{agent}"));
    let playbook = writer.playbook(runbook, &outline, &agent);
    let mut text = serde_json::to_string_pretty(&playbook).unwrap_or_default();
    text.push('\n');
    Exported { text, lost: writer.lost }
}

struct Writer {
    /// What ids are made of.
    name: String,
    workflow: Map<String, Value>,
    lost: Vec<String>,
    agent: String,
}

/// Where a sequence goes on: after it, and where a failure in it leads.
#[derive(Clone, Copy)]
struct Next<'n> {
    then: &'n str,
    failed: Option<&'n str>,
}

impl Writer {
    /// An id that is the same for the same place of the same runbook.
    fn id(&self, kind: &str, place: &str) -> String {
        format!("{kind}--{}", uuid_v5(&format!("{}/{place}", self.name)))
    }

    fn playbook(&mut self, runbook: &Runbook, outline: &Outline, agent: &str) -> Value {
        let end = self.end("end", "End");
        let exception = (!outline.on_failure.is_empty()).then(|| {
            let next = Next { then: &end, failed: None };
            self.sequence(&outline.on_failure, "failure", next, "")
        });
        let first = if outline.finally.is_empty() {
            self.sequence(&outline.body, "body", Next { then: &end, failed: None }, "")
        } else {
            let finally = self.sequence(&outline.finally, "finally", Next { then: &end, failed: None }, "");
            self.lost.push("`finally` is done after the last step, and not after a failure".to_owned());
            self.sequence(&outline.body, "body", Next { then: &finally, failed: None }, "")
        };
        let start = self.id("start", "start");
        self.workflow.insert(start.clone(), json!({ "type": "start", "on_completion": first }));
        self.header(runbook);
        let scale = [1_u8, 20, 50, 80, 95];
        let severity = usize::try_from(runbook.severity).ok().and_then(|s| scale.get(s)).copied().unwrap_or(50);
        let mut playbook = json!({
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": self.id("playbook", ""),
            "name": runbook.name.as_str(),
            "description": runbook.docs.trim(),
            "playbook_types": ["remediation"],
            "created_by": self.id("identity", &format!("identity/{agent}")),
            "created": CREATED,
            "modified": CREATED,
            "severity": severity,
            "workflow_start": start,
            "workflow": self.workflow.clone(),
            "agent_definitions": { (self.agent.clone()): { "type": "group", "name": agent } },
        });
        if let Some(all) = playbook.as_object_mut() {
            if runbook.docs.trim().is_empty() {
                all.remove("description");
            }
            if !runbook.tags.is_empty() {
                let tags: Vec<&str> = runbook.tags.iter().map(smol_str_of).collect();
                all.insert("labels".to_owned(), json!(tags));
            }
            if let Some(exception) = exception {
                all.insert("workflow_exception".to_owned(), json!(exception));
            }
            if !runbook.params.is_empty() {
                let variables: Map<String, Value> = runbook
                    .params
                    .iter()
                    .map(|p| {
                        (format!("__{}__", p.name), json!({ "type": "string", "external": true, "constant": false }))
                    })
                    .collect();
                all.insert("playbook_variables".to_owned(), Value::Object(variables));
            }
        }
        playbook
    }

    /// What a header says and a playbook cannot.
    fn header(&mut self, runbook: &Runbook) {
        let mut lost = |there: bool, what: &str| {
            if there {
                self.lost.push(what.to_owned());
            }
        };
        lost(!runbook.triggers.is_empty(), "what starts it: `on`, `every`, `at`");
        lost(runbook.dedupe.is_some(), "`dedupe`");
        lost(runbook.concurrency.is_some(), "`concurrency`");
        lost(runbook.timeout_ms.is_some(), "`timeout`");
        lost(runbook.give_up.is_some(), "`give up`");
        lost(!runbook.cancel_when.is_empty(), "`cancel when`");
        lost(!runbook.controls.is_empty(), "`controls`");
        lost(!runbook.params.is_empty(), "types and defaults of parameters: each is a text from outside");
        lost(true, "effects, retries, keys and undos of calls: their source stands in the commands");
    }

    fn end(&mut self, place: &str, name: &str) -> String {
        let id = self.id("end", place);
        self.workflow.insert(id.clone(), json!({ "type": "end", "name": name }));
        id
    }

    /// A sequence from its last node to its first, so that each knows the next; gives the first one's id.
    fn sequence(&mut self, nodes: &[Node], place: &str, next: Next<'_>, step: &str) -> String {
        let mut then = next.then.to_owned();
        for (i, node) in nodes.iter().enumerate().rev() {
            let next = Next { then: &then, failed: next.failed };
            then = self.node(&node.kind, &format!("{place}/{i}"), next, step);
        }
        then
    }

    /// A part that ends by itself, for branches and loops.
    fn part(&mut self, nodes: &[Node], place: &str, failed: Option<&str>, step: &str) -> String {
        let end = self.end(&format!("{place}/end"), "End of the part");
        self.sequence(nodes, place, Next { then: &end, failed }, step)
    }

    /// What a person does.
    fn manual(&mut self, place: &str, words: &str, next: Next<'_>, step: &str) -> String {
        let id = self.id("action", place);
        let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let short = crate::text::shorten(&line, 80);
        let name = if step.is_empty() { short } else { step.to_owned() };
        let mut action = json!({
            "type": "action",
            "name": name,
            "commands": [{ "type": "manual", "command": words }],
            "agent": self.agent,
        });
        if let Some(all) = action.as_object_mut() {
            match next.failed {
                Some(failed) => {
                    all.insert("on_success".to_owned(), json!(next.then));
                    all.insert("on_failure".to_owned(), json!(failed));
                }
                None => {
                    all.insert("on_completion".to_owned(), json!(next.then));
                }
            }
        }
        self.workflow.insert(id.clone(), action);
        id
    }

    fn node(&mut self, kind: &Kind, place: &str, next: Next<'_>, step: &str) -> String {
        match kind {
            Kind::Step { name, body } => {
                let whole = if step.is_empty() { name.clone() } else { format!("{step}: {name}") };
                self.sequence(body, place, next, &whole)
            }
            Kind::If { condition, then, otherwise } => {
                let id = self.id("if-condition", place);
                let yes = self.part(then, &format!("{place}/then"), next.failed, step);
                let mut made = json!({ "type": "if-condition", "name": format!("if {condition}"), "condition": condition, "on_true": yes, "on_completion": next.then });
                if !otherwise.is_empty()
                    && let Some(all) = made.as_object_mut()
                {
                    let no = self.part(otherwise, &format!("{place}/else"), next.failed, step);
                    all.insert("on_false".to_owned(), json!(no));
                }
                self.workflow.insert(id.clone(), made);
                id
            }
            Kind::Match { value, arms } => {
                let id = self.id("switch-condition", place);
                let cases = self.branches(arms, place, next.failed, step);
                let cases: Map<String, Value> = cases
                    .into_iter()
                    .map(|(label, id)| (if label == "_" { "default".to_owned() } else { label }, json!(id)))
                    .collect();
                self.workflow.insert(
                    id.clone(),
                    json!({ "type": "switch-condition", "name": format!("match {value}"), "switch": value, "cases": cases, "on_completion": next.then }),
                );
                id
            }
            Kind::Repeat(repeat) => {
                let id = self.id("while-condition", place);
                let mut body = repeat.body.clone();
                body.extend(repeat.between.iter().cloned());
                let mut said = repeat.head.clone();
                for (word, clause) in
                    [("parallel", &repeat.parallel), ("in waves", &repeat.waves), ("pausing", &repeat.pausing)]
                {
                    if let Some(clause) = clause {
                        let _ = write!(said, " {word} {clause}");
                        self.lost.push(format!("`{word} {clause}` of a loop: it stands in its condition"));
                    }
                }
                let first = self.part(&body, &format!("{place}/body"), next.failed, step);
                self.workflow.insert(
                    id.clone(),
                    json!({ "type": "while-condition", "name": said, "condition": said, "on_true": first, "on_completion": next.then }),
                );
                id
            }
            Kind::Fork { head, branches, one } => {
                let id = self.id("parallel", place);
                if *one {
                    self.lost.push(format!("`{head}`: all of its branches are done, and not only the first to end"));
                }
                let all: Vec<String> =
                    self.branches(branches, place, next.failed, step).into_iter().map(|(_, id)| id).collect();
                self.workflow.insert(
                    id.clone(),
                    json!({ "type": "parallel", "name": head, "next_steps": all, "on_completion": next.then }),
                );
                id
            }
            Kind::During { body, handlers } => {
                for handler in handlers {
                    self.lost.push(format!("what is done on `{}` meanwhile", handler.label));
                }
                self.sequence(body, place, next, step)
            }
            Kind::Approve(approval) => {
                let no = match &approval.otherwise {
                    Some(nodes) => self.sequence(nodes, &format!("{place}/no"), next, step),
                    None => next.failed.map_or_else(|| self.end(&format!("{place}/no"), "Not approved"), str::to_owned),
                };
                let yes = self.sequence(&approval.body, &format!("{place}/yes"), next, step);
                let words = format!(
                    "Ask {} for approval, {} of them, within {}: {}",
                    approval.from.join(", "),
                    approval.quorum,
                    approval.within,
                    approval.question
                );
                self.manual(place, &words, Next { then: &yes, failed: Some(&no) }, step)
            }
            Kind::Waive { reason, by, body, .. } => {
                let first = self.sequence(body, &format!("{place}/body"), next, step);
                self.manual(
                    place,
                    &format!("No approval is needed: {reason} (by {by})"),
                    Next { then: &first, failed: next.failed },
                    step,
                )
            }
            Kind::Try { body, handler } => {
                let caught =
                    self.sequence(handler.as_deref().unwrap_or_default(), &format!("{place}/catch"), next, step);
                self.sequence(body, &format!("{place}/try"), Next { then: next.then, failed: Some(&caught) }, step)
            }
            Kind::Finish { outcome, why } => {
                let why = why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
                self.end(place, &format!("Finished, {outcome}{why}"))
            }
            Kind::Fail { text } => match next.failed {
                Some(failed) => {
                    self.lost.push(format!("a failure that is caught at once: {text}"));
                    failed.to_owned()
                }
                None => self.end(place, &format!("Failed: {text}")),
            },
            Kind::Act { text, .. }
            | Kind::Compute { text }
            | Kind::AtMost { text }
            | Kind::Wait { text }
            | Kind::Leave { text } => self.manual(place, text, next, step),
            Kind::Verify { name, condition, within, every, .. } => {
                self.manual(place, &format!("Verify within {within}, every {every}: {name}: {condition}"), next, step)
            }
            Kind::Evidence { name, value } => {
                self.manual(place, &format!("Keep as evidence, {name}: {value}"), next, step)
            }
            Kind::Log { text } => self.manual(place, &format!("Note: {text}"), next, step),
            Kind::Rollback => self.manual(place, "Undo what was done, the newest first", next, step),
        }
    }

    fn branches(
        &mut self,
        branches: &[Branch],
        place: &str,
        failed: Option<&str>,
        step: &str,
    ) -> Vec<(String, String)> {
        let all = branches.iter().enumerate();
        all.map(|(i, b)| (b.label.clone(), self.part(&b.body, &format!("{place}/{i}"), failed, step))).collect()
    }
}

fn smol_str_of(text: &impl AsRef<str>) -> &str {
    text.as_ref()
}
