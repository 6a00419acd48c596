//! What an approval asks, as the people who answer it read it.

use rrb_engine::store::{ApprovalRow, ApprovalState};
use rrb_lang::json::Json;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::protocol::{
    ApprovalAsk, Asked, Certainty, Millis, Plan, PlanEntry, Planned, PolicyAnswer, RuleSaid, Verdict,
};

use crate::out::Look;
use crate::text::{clean, json, relative, truncate};

/// The question of an approval; none when the row holds something this version cannot read.
pub fn ask(row: &ApprovalRow) -> Option<ApprovalAsk> {
    serde_json::from_value(row.ask.clone()).ok()
}

/// The question on one line.
pub fn question(row: &ApprovalRow) -> String {
    match ask(row) {
        Some(ask) => clean(&ask.question).into_owned(),
        None => "(a question of another version of rrb)".to_owned(),
    }
}

/// `2 of group sre or ana`
pub fn who(ask: &ApprovalAsk) -> String {
    let from: Vec<String> = ask.from.iter().map(Asked::to_string).collect();
    let mut text = format!("{} of {}", ask.quorum, from.join(" or "));
    if ask.allow_requester {
        text.push_str(" (the requester may answer)");
    }
    clean(&text).into_owned()
}

/// Everything an approver needs: question, who, until when, what was shown, the plan, the votes so far.
pub fn approval(look: &Look, row: &ApprovalRow, now: Millis) -> Vec<String> {
    let Some(ask) = ask(row) else { return vec![question(row)] };
    let mut lines = vec![format!("{} {}", state(look, row.state), look.bold(clean(&ask.question)))];
    let mut fact = |name: &str, text: String| lines.push(format!("  {} {text}", look.dim(format!("{name:<9}"))));
    fact("approval", row.id.clone());
    fact("run", format!("{} of {}, asked for by {}", row.run, clean(&row.runbook), clean(&row.requester)));
    fact("needs", who(&ask));
    for (at, asked) in &ask.escalate {
        let names: Vec<String> = asked.iter().map(|a| clean(&a.to_string()).into_owned()).collect();
        fact("", format!("also {} ({})", names.join(" or "), relative(now, *at)));
    }
    match row.closed {
        None => {
            fact("until", format!("{} ({})", crate::text::moment(row.expires, &look.zone), relative(now, row.expires)))
        }
        Some(at) => fact("closed", format!("{} ({})", crate::text::moment(at, &look.zone), relative(now, at))),
    }
    for (name, value) in showing(&ask) {
        fact("showing", format!("{name}: {value}"));
    }
    if ask.again {
        fact("again", look.warn("it was approved before, and then wanted more than its plan showed"));
    }
    if ask.require_comment {
        fact("comment", "is required".to_owned());
    }
    lines.push(format!("  {}", look.dim("plan")));
    lines.extend(plan(look, &ask.plan, usize::MAX).into_iter().map(|l| format!("    {l}")));
    lines
        .push(format!("    {}", look.dim(format!("digest {}", ask.plan.digest.get(..12).unwrap_or(&ask.plan.digest)))));
    for vote in &row.votes {
        let word = if vote.approve { look.good("approved") } else { look.bad("denied") };
        let comment = if vote.comment.is_empty() { String::new() } else { format!(": {}", clean(&vote.comment)) };
        let how = look.dim(format!("({}, {})", clean(&vote.method), relative(now, vote.at)));
        lines.push(format!("  {} {word}{comment} {how}", clean(&vote.person)));
    }
    lines
}

/// What the question shows, by name.
pub fn showing(ask: &ApprovalAsk) -> Vec<(String, String)> {
    match serde_json::Value::from(&ask.showing) {
        serde_json::Value::Null => vec![],
        serde_json::Value::Object(map) => {
            map.iter().map(|(k, v)| (clean(k).into_owned(), crate::text::value(v))).collect()
        }
        other => vec![("value".to_owned(), crate::text::value(&other))],
    }
}

/// A word for a state, in its colour.
pub fn state(look: &Look, state: ApprovalState) -> String {
    match state {
        ApprovalState::Open => look.warn("open"),
        ApprovalState::Approved => look.good("approved"),
        ApprovalState::Denied => look.bad("denied"),
        ApprovalState::Expired => look.bad("expired"),
        ApprovalState::Void => look.dim("void"),
    }
}

/// The calls of a plan, one line each; an argument is cut at `cut` columns.
pub fn plan(look: &Look, plan: &Plan, cut: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::with_capacity(plan.entries.len());
    let mut place = "";
    for (i, e) in plan.entries.iter().enumerate() {
        if e.place != place {
            place = e.place.as_str();
            lines.push(look.bold(if place.is_empty() { "then:".to_owned() } else { format!("{}:", clean(place)) }));
        }
        let indent = if place.is_empty() { "" } else { "  " };
        lines.push(format!("{indent}{}", entry(look, e, cut)));
        let said = plan.verdicts.get(i).into_iter().flat_map(|v| verdict(look, v));
        lines.extend(said.map(|l| format!("{indent}  {l}")));
    }
    if lines.is_empty() {
        lines.push(look.dim("no call that changes or destroys"));
    }
    if let Some(why) = &plan.incomplete {
        lines.push(look.warn(format!("the plan is not complete: {}", clean(why))));
    }
    lines
}

/// What the policies say now of a planned call; nothing when no rule speaks of it.
pub fn verdict(look: &Look, verdict: &Verdict) -> Vec<String> {
    let said = verdict.rules.iter().map(|r| match r.answer {
        PolicyAnswer::Deny => format!("{} {}", look.bad("policy denies:"), rule(r)),
        PolicyAnswer::Ask => format!("{} {}", look.warn("policy asks:"), rule(r)),
        PolicyAnswer::Allow => format!("{} {}", look.good("policy allows:"), rule(r)),
    });
    said.collect()
}

/// `change freeze (policy production_guardrails, policies.rrb:4:3)`
pub fn rule(said: &RuleSaid) -> String {
    format!("{} (policy {}, {})", clean(&said.because), clean(&said.policy), clean(&said.place))
}

/// `destroys system.delete_files on host-1: /var/log/a, …`
pub fn entry(look: &Look, e: &PlanEntry, cut: usize) -> String {
    let certainty = match e.certainty {
        Certainty::Will => "",
        Certainty::May => "perhaps ",
        Certainty::Each => "for each item ",
    };
    let target = match &e.target {
        Planned::Absent => String::new(),
        Planned::Known(t) => format!(" on {}", json(t)),
        Planned::Unknown => " on a target only known then".to_owned(),
    };
    let head =
        format!("{}{} {}{target}", look.warn(certainty), effect(look, e.effect), action(look, &e.action, &e.instance));
    let args = match (&e.target, e.args.as_slice()) {
        (Planned::Known(t), [(_, Planned::Known(only))]) if says(&json(t), &json(only)) => String::new(),
        _ => arguments(&e.args, cut),
    };
    if args.is_empty() { head } else { format!("{head}: {args}") }
}

/// Whether a target (`file:/var/a`) says a call's only argument (`/var/a`) already.
pub fn says(target: &str, argument: &str) -> bool {
    target.strip_suffix(argument).is_some_and(|rest| rest.is_empty() || rest.ends_with([':', '/']))
}

/// A single argument bare, several with their names.
fn arguments(args: &[(smol_str::SmolStr, Planned)], cut: usize) -> String {
    let shown = |value: &Planned| match value {
        Planned::Absent | Planned::Known(Json::Null) => None,
        Planned::Known(v) => Some(truncate(&json(v), cut).into_owned()),
        Planned::Unknown => Some("(only known then)".to_owned()),
    };
    match args {
        [(_, only)] => shown(only).unwrap_or_default(),
        many => {
            let named = |(name, v): &(smol_str::SmolStr, Planned)| shown(v).map(|v| format!("{} {v}", clean(name)));
            many.iter().filter_map(named).collect::<Vec<_>>().join("; ")
        }
    }
}

/// `kubernetes[prod].drain`
pub fn action(look: &Look, name: &str, instance: &str) -> String {
    let name = clean(name);
    let text = match (instance, name.split_once('.')) {
        ("" | "default", _) | (_, None) => name.into_owned(),
        (instance, Some((connector, rest))) => format!("{connector}[{}].{rest}", clean(instance)),
    };
    look.bold(text)
}

/// The effect as a verb, in its colour.
pub fn effect(look: &Look, effect: Effect) -> String {
    match effect {
        Effect::Pure => look.dim("computes"),
        Effect::Reads => look.dim("reads"),
        Effect::Changes => look.warn("changes"),
        Effect::Destroys => look.bad("destroys"),
    }
}
