//! Who has to agree: approvals and policies.

use rrb_lang::check::summary::Consent;
use rrb_lang::hir::{self, PolicyCondition, PolicyKind};
use rrb_lang::outline::{Kind, Node, walk};
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::print::duration;

use super::facts::Facts;
use super::markdown::{cell, plain, table};
use super::steps::day;

/// Under what a call happens, as plain text.
pub fn consent_text(consent: &Consent) -> String {
    match consent {
        Consent::None => String::new(),
        Consent::Approval { question } => format!("approval “{question}”"),
        Consent::Waiver { reason, by, until } => format!("waiver by {by} until {}: {reason}", day(*until)),
    }
}

/// The questions of a runbook: in its own parts and in the actions that it uses.
pub fn approvals(facts: &Facts<'_>, parts: &[Vec<Node>]) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for part in parts {
        walk(part, &mut |node| {
            let Kind::Approve(a) = &node.kind else { return };
            let who: Vec<String> = a.from.iter().map(|w| principal(facts, w)).collect();
            let mut within = plain(&a.within);
            for (who, after) in &a.escalate {
                let who: Vec<String> = who.iter().map(|w| principal(facts, w)).collect();
                within.push_str(&format!("; after {} also {}", plain(after), who.join(" or ")));
            }
            let row = vec![plain(&a.question), plain(&a.quorum), who.join(" or "), within];
            if !rows.contains(&row) {
                rows.push(row);
            }
        });
    }
    if rows.is_empty() {
        return "Nothing in it asks for an approval.".to_owned();
    }
    table(&["question", "how many agree", "who", "within"], &rows)
}

/// `group sre (Ana, Bo)`
pub fn principal(facts: &Facts<'_>, who: &str) -> String {
    let people: Option<Vec<String>> = match who.split_once(' ') {
        Some(("group", group)) if facts.config.groups.contains_key(group) => Some(members(facts, group)),
        Some(("user", user)) => facts.config.users.get(user).map(|u| vec![u.name.to_string()]),
        _ => None,
    };
    match people {
        Some(people) => format!("{} ({})", plain(who), plain(&people.join(", "))),
        None => plain(who),
    }
}

/// The names of a group's members.
pub fn members(facts: &Facts<'_>, group: &str) -> Vec<String> {
    let name = |key: &str| facts.config.users.get(key).map_or_else(|| key.to_owned(), |u| u.name.to_string());
    facts.config.members(group).unwrap_or_default().iter().map(|k| name(k)).collect()
}

/// The rules of the project's policies that can concern calls of this strength.
pub fn policies(facts: &Facts<'_>, most: Effect) -> String {
    if most < Effect::Changes {
        return String::new();
    }
    let mut rows = Vec::new();
    for policy in &facts.program.policies {
        for rule in policy.rules.iter().filter(|r| r.effect <= most) {
            let mut when: Vec<String> = policy.applies.iter().map(shown).collect();
            when.extend(rule.condition.as_ref().map(shown));
            when.extend(rule.unless.as_ref().map(|c| format!("not when {}", shown(c))));
            rows.push(vec![
                plain(&policy.name),
                rule_text(facts, rule),
                when.join(" and "),
                plain(rule.because.as_deref().unwrap_or_default()),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(&["policy", "rule", "when", "because"], &rows)
}

fn shown(condition: &PolicyCondition) -> String {
    cell(&condition.text)
}

fn rule_text(facts: &Facts<'_>, rule: &hir::PolicyRule) -> String {
    let calls = match rule.effect {
        Effect::Destroys => "what destroys",
        Effect::Pure | Effect::Reads | Effect::Changes => "what changes or destroys",
    };
    let text = match &rule.kind {
        PolicyKind::Forbid => format!("forbids {calls}"),
        PolicyKind::ForbidWaive => "forbids what stands under a waiver".to_owned(),
        PolicyKind::Require(approval) => {
            let who = |p: &hir::NamedPrincipal| {
                principal(facts, &format!("{} {}", if p.is_group { "group" } else { "user" }, p.name))
            };
            let who: Vec<String> = approval.from.iter().map(who).collect();
            let within = duration(approval.within_ms);
            return format!("{calls} needs {} of {}, within {within}", approval.quorum, who.join(" or "));
        }
        PolicyKind::Limit { count, per_ms, .. } => format!("{calls}: at most {count} in {}", duration(*per_ms)),
        PolicyKind::Delegate(delegate) => return format!("{calls}: decided by {}", cell(&delegate.file)),
    };
    let windows = if rule.during.is_empty() { None } else { during(facts, rule) };
    plain(&text) + &windows.map(|w| format!(", {}", cell(&w))).unwrap_or_default()
}

/// The windows as written: from the word `during` to the next clause.
fn during(facts: &Facts<'_>, rule: &hir::PolicyRule) -> Option<String> {
    let source = facts.source(rule.span);
    let begin = source.find("during ")?;
    let rest = source.get(begin..)?;
    // The last window ends with its parenthesis, or with the text of a time.
    let end = [" unless ", " where ", " because ", " by "].iter().filter_map(|word| rest.find(word)).min();
    rest.get(..end.unwrap_or(rest.len())).map(|s| s.trim().to_owned())
}
