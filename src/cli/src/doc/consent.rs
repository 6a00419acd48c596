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

/// A part of what a runbook does: its nodes, and the runbook that it stands in where that is another one.
pub struct Asking {
    pub nodes: Vec<Node>,
    pub child: Option<String>,
}

/// The questions of a runbook: in its own parts, in the actions that it uses, in the runbooks that it runs; and those that policies
/// put before calls of the strength `most`.
pub fn approvals(facts: &Facts<'_>, parts: &[Asking], most: Effect) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for Asking { nodes, child } in parts {
        walk(nodes, &mut |node| {
            let Kind::Approve(a) = &node.kind else { return };
            let who: Vec<String> = a.from.iter().map(|w| principal(facts, w)).collect();
            let mut within = plain(&a.within);
            for (who, after) in &a.escalate {
                let who: Vec<String> = who.iter().map(|w| principal(facts, w)).collect();
                within.push_str(&format!("; after {} also {}", plain(after), who.join(" or ")));
            }
            let inside = child.as_ref().map(|name| format!(" (asked by the runbook {name})")).unwrap_or_default();
            let row = vec![plain(&a.question) + &inside, plain(&a.quorum), who.join(" or "), within];
            if !rows.contains(&row) {
                rows.push(row);
            }
        });
    }
    rows.extend(demanded(facts, most));
    if rows.is_empty() {
        return "Nothing in it asks for an approval.".to_owned();
    }
    table(&["question", "how many agree", "who", "within"], &rows)
}

/// What policies ask before calls of this strength.
fn demanded(facts: &Facts<'_>, most: Effect) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for policy in &facts.program.policies {
        for rule in policy.rules.iter().filter(|r| most >= Effect::Changes && r.effect <= most) {
            let PolicyKind::Require(approval) = &rule.kind else { continue };
            let mut question = format!("Before {}, the policy {} asks", called(rule.effect), plain(&policy.name));
            let when = conditions(policy, rule);
            if !when.is_empty() {
                question.push_str(&format!(", when {}", when.join(" and ")));
            }
            rows.push(vec![
                question,
                approval.quorum.to_string(),
                asked(facts, approval),
                duration(approval.within_ms),
            ]);
        }
    }
    rows
}

/// Which calls a rule of this strength is about.
fn called(effect: Effect) -> &'static str {
    match effect {
        Effect::Destroys => "what destroys",
        Effect::Pure | Effect::Reads | Effect::Changes => "what changes or destroys",
    }
}

fn asked(facts: &Facts<'_>, approval: &hir::PolicyApproval) -> String {
    let who = |p: &hir::NamedPrincipal| {
        principal(facts, &format!("{} {}", if p.is_group { "group" } else { "user" }, p.name))
    };
    approval.from.iter().map(who).collect::<Vec<_>>().join(" or ")
}

fn conditions(policy: &hir::Policy, rule: &hir::PolicyRule) -> Vec<String> {
    let mut when: Vec<String> = policy.applies.iter().map(shown).collect();
    when.extend(rule.condition.as_ref().map(shown));
    when.extend(rule.unless.as_ref().map(|c| format!("not when {}", shown(c))));
    when
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
            rows.push(vec![
                plain(&policy.name),
                rule_text(facts, rule),
                conditions(policy, rule).join(" and "),
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
    let calls = called(rule.effect);
    let text = match &rule.kind {
        PolicyKind::Forbid => format!("forbids {calls}"),
        PolicyKind::ForbidWaive => "forbids what stands under a waiver".to_owned(),
        PolicyKind::Require(approval) => {
            let within = duration(approval.within_ms);
            return format!("{calls} needs {} of {}, within {within}", approval.quorum, asked(facts, approval));
        }
        PolicyKind::Limit { count, per_ms, key, .. } => {
            let key = key.and_then(|id| facts.program.functions.get(id.index())).and_then(|f| f.body.as_ref());
            let each = key.map(|k| format!(" for each {}", cell(&facts.source(k.span)))).unwrap_or_default();
            return format!("{}{each}", plain(&format!("{calls}: at most {count} in {}", duration(*per_ms))));
        }
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
