//! Rules as runbooks with their triggers.

use std::fmt::Write as _;

use super::condition::Expr;
use super::render::{self, Scope};
use super::{Condition, Rule, RuleSet, Throttle, actions, sources};
use crate::convert::{Module, Setting, docs, literal, remark};
use crate::names::Names;
use crate::text::{plain, quoted};

/// The most events that one trigger joins.
const MAX_JOINED: usize = 8;
/// The most triggers of one rule: its conditions may each be met by an event of each source.
const MAX_TRIGGERS: usize = 24;
/// The most events that a trigger counts.
const MAX_COUNT: u64 = 1_000;
/// Shorter times are not measured.
const MIN_WINDOW_MS: u64 = 1_000;

/// What is at hand in a runbook of a rule.
pub struct Head {
    /// Parameters, each of type Json, by the names that the rulebook gives them.
    pub params: Vec<String>,
    pub scope: Scope,
    /// What stands in the header and at the beginning.
    text: String,
    first: String,
}

/// Writes the connector and the runbooks of one ruleset.
pub fn write(sets: &[RuleSet<'_>], index: usize, module: &mut Module) {
    let Some(set) = sets.get(index) else { return };
    let events = sources::connector(set, module);
    if events.is_empty() {
        module.notes.left_out(
            "source",
            &set.at,
            format!(
                "the ruleset `{}` has no sources: its runbooks are started by others, or by hand",
                plain(&set.name, 100)
            ),
        );
    }
    for rule in &set.rules {
        let head = head(set, rule, &events, module);
        let body = actions::body(sets, set, rule, &head, module);
        let params: Vec<String> = head.params.iter().map(|p| format!("{p}: Json")).collect();
        let mut out =
            docs(&format!("The rule `{}` of the ruleset `{}`.", plain(&rule.name, 120), plain(&set.name, 120)), "");
        let _ =
            write!(out, "runbook {}({}) {{\n{}\n{}{body}}}\n", rule.runbook, params.join(", "), head.text, head.first);
        module.push(out);
    }
}

/// The events of a rule: what they are called in its trigger and its runbook.
fn binders(parts: &[Expr]) -> Vec<(Option<String>, String)> {
    let mut taken = Names::with(["operators", "approval", "doc", "result", "failure", "denial", "events"]);
    parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let own = if let Expr::Named(name, _) = part { Some(name.clone()) } else { None };
            let name = taken.take(&crate::names::snake(own.as_deref().unwrap_or(&format!("m_{i}")), "m"));
            (own, name)
        })
        .collect()
}

fn head(set: &RuleSet<'_>, rule: &Rule<'_>, events: &[String], module: &mut Module) -> Head {
    let made = match &rule.condition {
        Condition::One { text, expr } => one(rule, text, expr, events, module),
        Condition::All { text, parts, .. } if parts.len() == 1 => match parts.first() {
            Some(expr) => one(rule, &text.join(" and "), expr, events, module),
            None => Err("there is nothing in its list".to_owned()),
        },
        Condition::All { text, parts, within_ms } => {
            let within = within_ms.unwrap_or(set.keep_ms);
            joined(rule, text, parts, within, events, module)
        }
        Condition::NotAll { text, parts, within_ms } => {
            let within = within_ms.unwrap_or(set.keep_ms);
            missing(rule, text, parts, within, events, module)
        }
        Condition::Unread { why, .. } => Err(why.clone()),
    };
    made.unwrap_or_else(|why| untriggered(rule, &why, module))
}

/// A rule whose condition has no counterpart: a runbook that people start.
fn untriggered(rule: &Rule<'_>, why: &str, module: &mut Module) -> Head {
    let (Condition::One { text: own, .. } | Condition::Unread { text: own, .. }) = &rule.condition else {
        let (Condition::All { text, .. } | Condition::NotAll { text, .. }) = &rule.condition else {
            return plain_head(String::new());
        };
        return unread_head(rule, &text.join("; "), why, module);
    };
    unread_head(rule, own, why, module)
}

fn unread_head(rule: &Rule<'_>, own: &str, why: &str, module: &mut Module) -> Head {
    let own = crate::convert::single_line(own);
    module.notes.add(
        "condition",
        crate::Loss::ByHand,
        &rule.at,
        format!("`{}` is started by hand: its condition was not carried over ({why}): {own}", plain(&rule.name, 100)),
    );
    plain_head(remark(&format!("review: write the trigger. Not carried over ({why}): {own}"), "  "))
}

fn plain_head(text: String) -> Head {
    Head {
        params: vec!["doc".to_owned()],
        scope: Scope { event: Some("doc".to_owned()), named: Vec::new() },
        text,
        first: String::new(),
    }
}

/// A rule that is off says so by a setting.
fn enabled(rule: &Rule<'_>, module: &mut Module) -> Option<String> {
    if rule.enabled {
        return None;
    }
    let name = module.names.take(&format!("{}_enabled", rule.runbook));
    let docs = format!("Whether the rule `{}` is on; in the rulebook it is not.", plain(&rule.name, 100));
    module.settings.insert(name.clone(), Setting { ty: "Bool", default: "false".to_owned(), docs });
    Some(name)
}

fn conditions(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().filter(|p| p != "true").collect();
    if parts.is_empty() { String::new() } else { format!("where {}", parts.join(" and ")) }
}

fn one(rule: &Rule<'_>, text: &str, expr: &Expr, events: &[String], module: &mut Module) -> Result<Head, String> {
    let own = if let Expr::Named(name, _) = expr { Some(name.clone()) } else { None };
    let named = |of: &str| own.iter().map(|n| (n.clone(), of.to_owned())).collect();
    let scope = Scope { event: Some("e.doc".to_owned()), named: named("e.doc") };
    let test = render::condition(expr, &scope, module)?;
    let on = enabled(rule, module);
    let place = conditions([on, Some(test)]);
    let inside = Scope { event: Some("doc".to_owned()), named: named("doc") };
    let mut out = remark(&format!("condition: {text}"), "  ");
    let mut first = String::new();
    let mut count = None;
    let key = |by: &[String], scope: &Scope, module: &mut Module| key(by, scope, rule, module);
    let mut clauses = String::new();
    match &rule.throttle {
        Some(Throttle::OnceWithin { ms, by }) => {
            let _ = writeln!(clauses, "  dedupe by {} for {}", key(by, &inside, module), literal::duration(*ms));
        }
        Some(Throttle::OnceAfter { ms, by }) => {
            let _ = writeln!(clauses, "  concurrency 1 by {} skip", key(by, &inside, module));
            let _ = writeln!(first, "  wait {}", literal::duration(*ms));
            module.notes.widened(
                "throttle",
                &rule.at,
                "`once_after`: the first event starts a run that waits; events of the same key that come meanwhile start none",
            );
        }
        Some(Throttle::Accumulate { ms, count: n, by }) if (2..=MAX_COUNT).contains(n) && *ms >= MIN_WINDOW_MS => {
            count = Some((*n, key(by, &scope, module), literal::duration(*ms)));
        }
        Some(Throttle::Accumulate { ms, count: n, .. }) => {
            let said =
                format!("{n} events within {} cannot be counted: every event starts a run", literal::duration(*ms));
            module.notes.left_out("throttle", &rule.at, said);
        }
        None => {}
    }
    for event in events {
        let _ = match &count {
            None => writeln!(out, "  on {event} as e {place} with doc: e.doc"),
            Some((n, by, within)) => {
                writeln!(
                    out,
                    "  on {n} of {event} as e {place} by {by} within {within} with doc: events[{}].doc",
                    n - 1
                )
            }
        };
    }
    out.push_str(&clauses);
    Ok(Head { params: vec!["doc".to_owned()], scope: inside, text: out, first })
}

/// What events are told apart by.
fn key(by: &[String], scope: &Scope, rule: &Rule<'_>, module: &mut Module) -> String {
    let parts: Vec<String> = by
        .iter()
        .filter_map(|attribute| match render::hole(attribute, scope, module) {
            Ok(expr) => Some(expr),
            Err(why) => {
                let said = format!("`{}` in `group_by_attributes`: {why}", plain(attribute, 100));
                module.notes.left_out("throttle", &rule.at, said);
                None
            }
        })
        .collect();
    match parts.as_slice() {
        [] => quoted("all"),
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

/// Every way to take one of `events` for each of `count` places.
fn choices(events: &[String], count: usize) -> Vec<Vec<&String>> {
    let mut all: Vec<Vec<&String>> = vec![Vec::new()];
    for _ in 0..count {
        if all.len() > MAX_TRIGGERS {
            break;
        }
        all = all.iter().flat_map(|c| events.iter().map(move |e| [c.as_slice(), &[e]].concat())).collect();
    }
    all
}

/// Conditions of several events, each with those that came before it in scope.
fn tests(parts: &[Expr], binders: &[(Option<String>, String)], module: &mut Module) -> Result<Vec<String>, String> {
    let mut scope = Scope::default();
    let mut tests = Vec::new();
    for (i, (part, (own, name))) in parts.iter().zip(binders).enumerate() {
        let doc = format!("{name}.doc");
        scope.event = Some(doc.clone());
        tests.push(render::condition(part, &scope, module)?);
        scope.named.push((own.clone().unwrap_or_else(|| format!("m_{i}")), doc));
    }
    Ok(tests)
}

fn joined(
    rule: &Rule<'_>,
    text: &[String],
    parts: &[Expr],
    within_ms: u64,
    events: &[String],
    module: &mut Module,
) -> Result<Head, String> {
    if parts.len() > MAX_JOINED {
        return Err(format!("it joins {} events, and a trigger at most {MAX_JOINED}", parts.len()));
    }
    let binders = binders(parts);
    let mut all = tests(parts, &binders, module)?;
    let on = enabled(rule, module);
    all.splice(0..0, on);
    let place = conditions(all.into_iter().map(Some));
    let within = literal::duration(within_ms.max(MIN_WINDOW_MS));
    let mut out = remark(&format!("all of: {}", text.join("; ")), "  ");
    let choices = choices(events, parts.len());
    if choices.len() > MAX_TRIGGERS {
        let said = format!(
            "`{}` may join events of different sources: the first {MAX_TRIGGERS} triggers are written",
            plain(&rule.name, 100)
        );
        module.notes.left_out("condition", &rule.at, said);
    }
    let with: Vec<String> = binders.iter().map(|(_, name)| format!("{name}: {name}.doc")).collect();
    for choice in choices.iter().filter(|c| c.len() == parts.len()).take(MAX_TRIGGERS) {
        let events: Vec<String> = choice.iter().zip(&binders).map(|(e, (_, name))| format!("{e} as {name}")).collect();
        let _ = writeln!(out, "  on {} {place} within {within} with {}", events.join(" and "), with.join(", "));
    }
    if rule.throttle.is_some() {
        module.notes.left_out(
            "throttle",
            &rule.at,
            format!("the throttle of `{}`, which joins several events", plain(&rule.name, 100)),
        );
    }
    module.notes.widened(
        "condition",
        &rule.at,
        "each event is used once; there one event may meet several of the conditions",
    );
    Ok(several(out, &binders))
}

fn several(text: String, binders: &[(Option<String>, String)]) -> Head {
    let named = binders
        .iter()
        .enumerate()
        .map(|(i, (own, name))| (own.clone().unwrap_or_else(|| format!("m_{i}")), name.clone()));
    Head {
        params: binders.iter().map(|(_, name)| name.clone()).collect(),
        scope: Scope { event: None, named: named.collect() },
        text,
        first: String::new(),
    }
}

/// `not_all`: one came, and the other did not within the time.
fn missing(
    rule: &Rule<'_>,
    text: &[String],
    parts: &[Expr],
    within_ms: u64,
    events: &[String],
    module: &mut Module,
) -> Result<Head, String> {
    let [_, _] = parts else {
        return Err(format!("`not_all` of {} events has no counterpart, only of two", parts.len()));
    };
    let binders = binders(parts);
    let all = tests(parts, &binders, module)?;
    let on = enabled(rule, module);
    let place = conditions(on.into_iter().chain(all).map(Some));
    let within = literal::duration(within_ms.max(MIN_WINDOW_MS));
    let mut out = remark(&format!("not all of: {}", text.join("; ")), "  ");
    let choices = choices(events, 2);
    if choices.len() > MAX_TRIGGERS / 2 {
        return Err("it joins events of too many sources".to_owned());
    }
    let [(_, a), (_, b)] = binders.as_slice() else { return Err("two events were expected".to_owned()) };
    for choice in choices {
        let [left, right] = choice.as_slice() else { continue };
        let _ = writeln!(
            out,
            "  on {left} as {a} without earlier or later {right} as {b} {place} within {within} with doc: {a}.doc"
        );
        let _ = writeln!(
            out,
            "  on {right} as {b} without earlier or later {left} as {a} {place} within {within} with doc: {b}.doc"
        );
    }
    if rule.throttle.is_some() {
        module.notes.left_out(
            "throttle",
            &rule.at,
            format!("the throttle of `{}`, which joins several events", plain(&rule.name, 100)),
        );
    }
    let head = plain_head(out);
    Ok(head)
}
