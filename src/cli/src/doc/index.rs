//! The first page: every runbook of a project, its people, its policies and its settings.

use rrb_lang::hir;
use rrb_lang::syntax::ast::Effect;

use super::consent::{members, policies};
use super::facts::Facts;
use super::links::Links;
use super::markdown::{cell, docs, plain, table};
use super::page::{effect_word, most};
use super::words::setting_row;

/// The index, in Markdown.
pub fn index(facts: &Facts<'_>, links: &Links<'_>) -> String {
    let name = facts.config.name.as_deref().unwrap_or("Runbooks");
    let mut out = format!("# {}\n\n## Runbooks\n\n", plain(name));
    if facts.program.runbooks.is_empty() {
        out.push_str("This project has none.\n");
    } else {
        let rows: Vec<Vec<String>> = facts.program.runbooks.iter().map(|r| row(facts, links, r)).collect();
        out.push_str(&table(&["runbook", "what it is for", "starts", "can do", "owner"], &rows));
    }
    if !facts.config.groups.is_empty() {
        let rows: Vec<Vec<String>> =
            facts.config.groups.keys().map(|g| vec![plain(g), plain(&members(facts, g).join(", "))]).collect();
        out.push_str(&format!("\n## People\n\n{}", table(&["group", "members"], &rows)));
    }
    let rules = policies(facts, Effect::Destroys);
    if !rules.is_empty() {
        out.push_str(&format!("\n## Policies\n\nThese hold for every runbook, where their conditions do.\n\n{rules}"));
    }
    let settings: Vec<Vec<String>> = facts.program.settings.iter().map(|s| setting_row(facts, s)).collect();
    if !settings.is_empty() {
        let table = table(&["setting", "where in `rrb.toml`", "unless set", ""], &settings);
        out.push_str(&format!("\n## Settings\n\n{table}"));
    }
    out
}

fn row(facts: &Facts<'_>, links: &Links<'_>, runbook: &hir::Runbook) -> Vec<String> {
    let purpose = docs(runbook.docs.lines().next().unwrap_or_default()).replace('|', "\\|");
    let triggers = if facts.triggers(runbook).is_empty() { Vec::new() } else { facts.starts(runbook) };
    let starts = triggers.iter().map(|s| cell(s)).collect::<Vec<_>>().join(" · ");
    let starts = if starts.is_empty() { "by hand".to_owned() } else { starts };
    let can = effect_word(most(facts, runbook)).to_owned();
    let owner = plain(runbook.owner.as_deref().unwrap_or_default());
    vec![links.to(runbook), purpose, starts, can, owner]
}
