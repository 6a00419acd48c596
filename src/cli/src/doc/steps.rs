//! An outline as nested lists that a person can work through.

use std::collections::HashSet;

use rrb_lang::ids::FnId;
use rrb_lang::outline::{Approval, Branch, Called, Kind, Node, Repeat};
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::print::time;

use super::facts::Facts;
use super::links::Links;
use super::markdown::{code, docs, plain};

/// The nodes as a numbered list, their parts below them.
pub fn steps(facts: &Facts<'_>, links: &Links<'_>, nodes: &[Node]) -> String {
    let mut list = List { facts, links, said: HashSet::new(), out: String::new() };
    list.nodes(nodes, 0);
    list.out
}

/// Where an item stands.
#[derive(Clone, Copy)]
struct At {
    indent: usize,
    /// How much further in its text begins.
    pad: usize,
}

impl At {
    fn inner(self) -> usize {
        self.indent + self.pad
    }
}

struct List<'a> {
    facts: &'a Facts<'a>,
    links: &'a Links<'a>,
    /// Actions whose words stand in the list already.
    said: HashSet<FnId>,
    out: String,
}

impl List<'_> {
    fn nodes(&mut self, nodes: &[Node], indent: usize) {
        // As far in as the text of the item with the longest number.
        let pad = nodes.len().to_string().len().max(2) + 2;
        for (i, node) in nodes.iter().enumerate() {
            self.item(&format!("{}. ", i + 1), At { indent, pad }, &node.kind);
        }
        if nodes.is_empty() {
            self.line("1. ", indent, "Nothing.");
        }
    }

    fn line(&mut self, mark: &str, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(mark);
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A line of an item and what it holds.
    fn over(&mut self, mark: &str, text: &str, nodes: &[Node], at: At) {
        self.line(mark, at.indent, text);
        self.nodes(nodes, at.inner());
    }

    /// A line below an item.
    fn note(&mut self, text: &str, at: At) {
        self.line("- ", at.inner(), text);
    }

    /// A line below an item, and what it holds.
    fn under(&mut self, head: &str, nodes: &[Node], at: At) {
        self.note(head, at);
        self.nodes(nodes, at.inner() + 4);
    }

    fn item(&mut self, mark: &str, at: At, kind: &Kind) {
        match kind {
            Kind::Step { name, body } => self.over(mark, &format!("**{}**", plain(name)), body, at),
            Kind::Act { text, effect, calls, children } => {
                let mut line = act(text, *effect);
                if let Some(docs) = self.docs(calls) {
                    line.push_str(&format!(" — {docs}"));
                }
                for child in children {
                    let wait = if child.awaited { "do all of" } else { "begin, and do not wait for," };
                    line.push_str(&format!(" — {wait} {}", self.links.runbook(child.runbook)));
                }
                self.line(mark, at.indent, &line);
                for undo in calls.iter().filter_map(|c| c.undo.as_ref()) {
                    self.note(&format!("to undo it: {}", code(undo)), at);
                }
            }
            Kind::If { condition, then, otherwise } => {
                self.over(mark, &format!("If {}:", code(condition)), then, at);
                self.otherwise(otherwise, at);
            }
            Kind::Match { value, arms } => {
                self.line(mark, at.indent, &format!("Depending on {}:", code(value)));
                self.branches(arms, at);
            }
            Kind::Repeat(repeat) => self.repeat(mark, repeat, at),
            Kind::Fork { branches, one, .. } => {
                let how = if *one {
                    "Begin all of these at the same time. The first that ends counts, and if it failed, all of it failed. Stop the others and undo what they did:"
                } else {
                    "Do all of these at the same time. If one fails, stop the others and undo what they did:"
                };
                self.line(mark, at.indent, how);
                self.branches(branches, at);
            }
            Kind::During { body, handlers } => {
                self.over(mark, "Do this, and look out for the events below meanwhile:", body, at);
                for handler in handlers {
                    let head = format!("When {} comes (then go on, unless it says otherwise):", code(&handler.label));
                    self.under(&head, &handler.body, at);
                }
            }
            Kind::Approve(a) => self.approve(mark, a, at),
            Kind::Waive { reason, by, until, body } => {
                let text = format!("Allowed by {} until {}, because {}:", plain(by), day(*until), plain(reason));
                self.over(mark, &text, body, at);
            }
            Kind::Try { body, handler } => {
                self.over(mark, "Try:", body, at);
                if let Some(handler) = handler {
                    self.under("If that fails:", handler, at);
                }
            }
            Kind::Compute { .. }
            | Kind::AtMost { .. }
            | Kind::Verify { .. }
            | Kind::Wait { .. }
            | Kind::Evidence { .. }
            | Kind::Log { .. }
            | Kind::Finish { .. }
            | Kind::Fail { .. }
            | Kind::Rollback
            | Kind::Leave { .. } => self.line(mark, at.indent, &sentence(kind)),
        }
    }

    /// What the one action of the line is for, in its own words, where it comes first.
    fn docs(&mut self, calls: &[Called]) -> Option<String> {
        let [only] = calls else { return None };
        if !self.said.insert(only.function) {
            return None;
        }
        let words = &self.facts.program.functions.get(only.function.index())?.docs;
        let first = words.split("\n\n").next()?.replace('\n', " ");
        let sentence = first.split_inclusive(". ").next()?.trim();
        (!sentence.is_empty()).then(|| docs(sentence))
    }

    /// A choice after a choice stands beside it, not in it.
    fn otherwise(&mut self, otherwise: &[Node], at: At) {
        match otherwise {
            [] => {}
            [Node { kind: Kind::If { condition, then, otherwise }, .. }] => {
                self.under(&format!("Otherwise, if {}:", code(condition)), then, at);
                self.otherwise(otherwise, at);
            }
            nodes => self.under("Otherwise:", nodes, at),
        }
    }

    fn repeat(&mut self, mark: &str, repeat: &Repeat, at: At) {
        let mut text = format!("Repeat {}", code(&repeat.head));
        if let Some(waves) = &repeat.waves {
            text.push_str(&format!(", in waves up to {} of them", code(waves)));
        }
        if let Some(parallel) = &repeat.parallel {
            text.push_str(&format!(", {} at the same time", code(parallel)));
        }
        if repeat.collect {
            text.push_str("; go on with the others when one fails");
        }
        text.push(':');
        self.over(mark, &text, &repeat.body, at);
        let pause = repeat.pausing.as_ref().map(|p| format!("wait {}", code(p)));
        match (pause, repeat.between.as_slice()) {
            (None, []) => {}
            (Some(pause), []) => self.note(&format!("Between the waves, {pause}."), at),
            (pause, between) => {
                let pause = pause.map(|p| format!(", {p}, then")).unwrap_or_default();
                self.under(&format!("After each wave{pause} (if this fails, touch no more of them):"), between, at);
            }
        }
    }

    fn branches(&mut self, all: &[Branch], at: At) {
        for branch in all {
            self.under(&format!("{}:", code(&branch.label)), &branch.body, at);
        }
    }

    fn approve(&mut self, mark: &str, a: &Approval, at: At) {
        let mut text = format!(
            "**Ask {} of {}**, within {}: “{}”",
            plain(&a.quorum),
            plain(&a.from.join(" or ")),
            plain(&a.within),
            plain(&a.question)
        );
        for (who, after) in &a.escalate {
            text.push_str(&format!("; after {} also {}", plain(after), plain(&who.join(" or "))));
        }
        if a.require_comment {
            text.push_str("; every answer needs a comment");
        }
        let requester =
            if a.allow_requester { "; who wants the run may agree, too" } else { "; not who wants the run" };
        text.push_str(requester);
        self.line(mark, at.indent, &text);
        if let Some(showing) = &a.showing {
            self.note(&format!("Show them {}", code(showing)), at);
        }
        for ask in &a.ask {
            self.note(&format!("Tell them by {}", code(ask)), at);
        }
        self.under("If they agree:", &a.body, at);
        match &a.otherwise {
            Some(otherwise) => self.under("If they do not, or nobody answers in time:", otherwise, at),
            None => self.note("If they do not, or nobody answers in time, stop: it failed.", at),
        }
    }
}

/// `2031-01-01`
pub fn day(at: i64) -> String {
    let text = time(at);
    text.get(..10).unwrap_or(&text).to_owned()
}

fn act(text: &str, effect: Effect) -> String {
    match effect {
        Effect::Destroys => format!("**Destroys:** {}", code(text)),
        Effect::Changes => format!("Change: {}", code(text)),
        Effect::Pure | Effect::Reads => format!("Look up {}", code(text)),
    }
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Compute { text } => format!("Work out {}", code(text)),
        Kind::AtMost { text } => format!("Stop if there are more: {}", code(text)),
        Kind::Verify { name, condition, within, every, settle } => {
            let settle = settle.as_ref().map(|s| format!(" and stays so for {}", code(s))).unwrap_or_default();
            format!(
                "Verify “{}”: {} comes true within {}{settle} (look every {}). If not, it failed",
                plain(name),
                code(condition),
                code(within),
                code(every)
            )
        }
        Kind::Wait { text } => format!("Wait: {}", code(text)),
        Kind::Evidence { name, value } => format!("Write down “{}”: {}", plain(name), code(value)),
        Kind::Log { text } => format!("Write into the log “{}”", plain(text)),
        Kind::Finish { outcome, why } => {
            let why = why.as_deref().map(|w| format!(": {}", plain(w))).unwrap_or_default();
            format!("**End here: {}**{why}", plain(&outcome.replace('_', " ")))
        }
        Kind::Fail { text } => format!("**Stop: it failed**, “{}”", plain(text)),
        Kind::Rollback => "Undo what was done so far, newest first".to_owned(),
        Kind::Leave { text } => match text.as_str() {
            "break" => "Leave the repetition".to_owned(),
            "continue" => "Go on with the next one".to_owned(),
            "restart" => "Begin what is done meanwhile anew (undo nothing; at most 10 times)".to_owned(),
            other => code(other),
        },
        Kind::Step { .. }
        | Kind::Act { .. }
        | Kind::If { .. }
        | Kind::Match { .. }
        | Kind::Repeat(_)
        | Kind::Fork { .. }
        | Kind::During { .. }
        | Kind::Approve(_)
        | Kind::Waive { .. }
        | Kind::Try { .. } => String::new(),
    }
}
