//! The page of a runbook.

use rrb_lang::check::summary::{EffectUse, Part};
use rrb_lang::hir::{self, FunctionKind};
use rrb_lang::outline::{Kind, Node, Outline, flow, function, outline, walk};
use rrb_lang::syntax::ast::Effect;

use super::consent::{Asking, approvals, consent_text, policies};
use super::facts::Facts;
use super::header::{header, parameters, starts};
use super::links::Links;
use super::markdown::{block, cell, code, docs, plain, table};
use super::steps::steps;
use super::words::{Reached, functions, reached, values};

/// The page, in Markdown.
pub fn runbook(facts: &Facts<'_>, links: &Links<'_>, runbook: &hir::Runbook) -> String {
    let what = outline(facts.program, facts.sources, runbook);
    let used = reached(facts, runbook);
    let mut page = Page(format!("# {}\n\n", plain(&runbook.name)));
    page.add("What it is for", format!("{}\n\n{}", purpose(runbook), header(facts, runbook)));
    page.add("When it starts", starts(facts, runbook));
    page.add("What it needs", parameters(facts, runbook));
    page.add("Who is asked", approvals(facts, &asking(facts, runbook), most(facts, runbook)));
    page.add("What it can do", effects(facts, runbook));
    let rules = policies(facts, most(facts, runbook));
    let keep = "These hold for every runbook, and for this one where their conditions do. Keep them by hand, too.";
    page.add("Policies", if rules.is_empty() { rules } else { format!("{keep}\n\n{rules}") });
    page.add("Steps", format!("{HOW_TO_READ}\n\n{}", steps(facts, links, &what.body)));
    page.add("If it fails", failure(facts, links, runbook, &what));
    if !what.finally.is_empty() {
        page.add("At the end, whatever happened", steps(facts, links, &what.finally));
    }
    page.add("What the values are", values(facts, &used));
    page.add("What the actions do", functions(facts, &used));
    page.add("As a picture", block("mermaid", &flow::mermaid(&super::chart(facts, runbook))));
    page.0.push_str(&format!("---\n\nMade by `rrb doc` from {}.\n", code(&facts.place(runbook.span))));
    page.0
}

const HOW_TO_READ: &str = "Do them in this order when rrb cannot. A name that a line gives (`x = …`) is meant by the lines after it; ‹x› in a text is its value. \
                           What each action does is said below under its name.";

struct Page(String);

impl Page {
    /// A chapter; one without text is left out.
    fn add(&mut self, title: &str, text: String) {
        if !text.trim().is_empty() {
            self.0.push_str(&format!("## {title}\n\n{}\n\n", text.trim_end()));
        }
    }
}

fn purpose(runbook: &hir::Runbook) -> String {
    match runbook.docs.trim() {
        "" => "*The runbook has no description: write one in `///` lines above it.*".to_owned(),
        text => docs(text),
    }
}

/// What can ask somebody: its own parts and actions, and those of the runbooks that it runs, each once.
fn asking(facts: &Facts<'_>, runbook: &hir::Runbook) -> Vec<Asking> {
    let mut out = Vec::new();
    let mut met: Vec<&hir::Runbook> = vec![runbook];
    let mut next = 0;
    while let Some(one) = met.get(next).copied() {
        next += 1;
        let child = (!std::ptr::eq(one, runbook)).then(|| plain(&one.name));
        let what = outline(facts.program, facts.sources, one);
        let mut parts = vec![what.body, what.on_failure, what.finally];
        parts.extend(own_actions(facts, &reached(facts, one)));
        for nodes in parts {
            walk(&nodes, &mut |node| {
                let Kind::Act { children, .. } = &node.kind else { return };
                for child in children.iter().filter_map(|c| facts.program.runbooks.get(c.runbook.index())) {
                    if !met.iter().any(|m| std::ptr::eq(*m, child)) {
                        met.push(child);
                    }
                }
            });
            out.push(Asking { nodes, child: child.clone() });
        }
    }
    out
}

/// The bodies of the project's own actions that it uses: what is asked in them is asked, too.
fn own_actions<'a>(facts: &'a Facts<'_>, used: &'a Reached) -> impl Iterator<Item = Vec<Node>> + 'a {
    let own = |id: &&rrb_lang::ids::FnId| {
        let kind = facts.program.functions.get(id.index()).map(|f| &f.kind);
        matches!(kind, Some(FunctionKind::Action(a)) if a.connector.is_none() && a.native.is_none())
    };
    used.functions.iter().filter(own).map(|id| function(facts.program, facts.sources, *id))
}

/// The strongest that it can do.
pub fn most(facts: &Facts<'_>, runbook: &hir::Runbook) -> Effect {
    facts.effects(runbook).and_then(|s| s.uses.iter().map(|u| u.effect).max()).unwrap_or(Effect::Pure)
}

fn failure(facts: &Facts<'_>, links: &Links<'_>, runbook: &hir::Runbook, what: &Outline) -> String {
    let inside = facts.effects(runbook).is_some_and(|s| s.uses.iter().any(|u| u.undo));
    let first = match (runbook.rollback, has_undo(&what.body), inside) {
        (true, true, _) => "Undo what was done, newest first: the lines “to undo it” say how.",
        (true, false, true) => "Undo what the actions did, newest first: their `undo` below says how.",
        (false, ..) | (true, false, false) => "Nothing is undone: what was done stays.",
    };
    if what.on_failure.is_empty() {
        return format!("{first} Then tell {}.", owner(runbook));
    }
    format!("{first} Then:\n\n{}", steps(facts, links, &what.on_failure))
}

/// Whether a line of its own says how to undo something.
fn has_undo(nodes: &[Node]) -> bool {
    let mut found = false;
    walk(nodes, &mut |node| {
        if let Kind::Act { calls, .. } = &node.kind {
            found |= calls.iter().any(|c| c.undo.is_some());
        }
    });
    found
}

fn owner(runbook: &hir::Runbook) -> String {
    runbook.owner.as_deref().map_or_else(|| "who looks after it".to_owned(), plain)
}

/// What a call counts as, in one word.
pub fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

fn effects(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let Some(summary) = facts.effects(runbook).filter(|s| !s.uses.is_empty()) else {
        return "It reads and changes nothing outside.".to_owned();
    };
    let mut uses: Vec<&EffectUse> = summary.uses.iter().collect();
    uses.sort_by_key(|u| std::cmp::Reverse(u.effect));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for u in uses {
        let strength = if u.effect == Effect::Destroys { "**destroys**" } else { effect_word(u.effect) };
        let when = match (u.part, u.undo) {
            (_, true) => "to undo",
            (Part::Body, _) => "",
            (Part::OnFailure, _) => "if it fails",
            (Part::Finally, _) => "at the end",
            (Part::Acknowledge, _) => "when the event is taken",
        };
        // Who reads asks nobody, so where it stands says nothing.
        let under = if u.effect >= Effect::Changes { plain(&consent_text(&u.consent)) } else { String::new() };
        let through = u.through.iter().map(|t| plain(t)).collect::<Vec<_>>().join(" → ");
        let row = vec![strength.to_owned(), cell(&u.name), through, when.to_owned(), under];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    table(&["", "action", "in", "when", "under"], &rows)
}
