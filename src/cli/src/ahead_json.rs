//! What a run would do, for programs. The form is described in `docs/plan.md`; fields are added, never changed.

use rrb_engine::foresee::{Ahead, Part};
use rrb_lang::program::Program;
use rrb_lang::vm::foresight::{Foreseen, Foretold};
use rrb_lang::vm::protocol::Planned;
use serde_json::{Value, json};

/// The version of the form.
const VERSION: u32 = 1;

/// All of it.
pub fn of(program: &Program, ahead: &Ahead) -> Value {
    json!({
        "version": VERSION,
        "runbook": ahead.runbook,
        "program": ahead.program,
        "at": ahead.at,
        "params": ahead.params,
        "refused": ahead.refused,
        "body": part(program, &ahead.body),
        "on_failure": ahead.on_failure.as_ref().map(|p| part(program, p)),
        "finally": ahead.finally.as_ref().map(|p| part(program, p)),
    })
}

/// What a piece of code would do that is no runbook.
pub fn part_alone(program: &Program, piece: &Part) -> Value {
    json!({ "version": VERSION, "plan": part(program, piece) })
}

fn part(program: &Program, part: &Part) -> Value {
    let items: Vec<Value> = part.told.items.iter().map(|i| item(program, part, i)).collect();
    json!({
        "items": items,
        "digest": part.plan.digest,
        "incomplete": part.incomplete(),
        "unexplored": part.told.unexplored,
    })
}

fn item(program: &Program, part: &Part, item: &Foreseen) -> Value {
    let place = item.site.and_then(|s| program.site(s)).map(ToString::to_string);
    let mut out = json!({
        "place": place,
        "certainty": item.certainty,
        "undo": item.rollback,
        "within": item.around,
    });
    let what = what(program, part, &item.what);
    if let (Value::Object(out), Value::Object(what)) = (&mut out, what) {
        out.extend(what);
    }
    out
}

fn what(program: &Program, part: &Part, what: &Foretold) -> Value {
    match what {
        Foretold::Call { entry } => {
            let n = *entry as usize;
            let Some(e) = part.plan.entries.get(n) else { return Value::Null };
            let asks = part.policy_asks.get(n).and_then(Option::as_ref).map(|ask| {
                json!({
                    "question": ask.question, "from": ask.from, "quorum": ask.quorum, "allow_requester": ask.allow_requester,
                    "require_comment": ask.require_comment, "digest": ask.plan.digest, "sure": Part::is_sure(e),
                })
            });
            let child = part
                .child(*entry)
                .map(|c| json!({ "runbook": c.runbook, "body": c.part.as_ref().map(|p| self::part(program, p)) }));
            json!({
                "kind": "call", "action": e.action, "instance": e.instance, "effect": e.effect, "class": e.class,
                "target": known(&e.target),
                "args": e.args.iter().map(|(n, v)| (n.to_string(), known(v))).collect::<serde_json::Map<_, _>>(),
                "policies": part.plan.verdicts.get(n), "policy_asks": asks, "child": child,
            })
        }
        Foretold::Approval { question } => {
            let n = *question as usize;
            let (Some(q), Some(plan)) = (part.told.questions.get(n), part.shown.get(n)) else { return Value::Null };
            json!({
                "kind": "approval", "question": q.ask.question, "from": q.ask.from, "quorum": q.ask.quorum,
                "within_ms": q.ask.expires, "escalate": q.ask.escalate, "showing": serde_json::Value::from(&q.ask.showing),
                "allow_requester": q.ask.allow_requester, "require_comment": q.ask.require_comment,
                "sure": q.sure, "digest": plan.digest, "plan": plan,
            })
        }
        Foretold::Evidence { name, value } => {
            json!({ "kind": "evidence", "name": known(name), "value": known(value) })
        }
        Foretold::Log { text } => json!({ "kind": "log", "text": known(text) }),
        Foretold::Finish { outcome, why } => {
            json!({ "kind": "finish", "outcome": crate::run_text::outcome_word(*outcome), "why": known(why) })
        }
        Foretold::Read { action, native, instance, args, answer } => json!({
            "kind": "read", "action": action, "native": native, "instance": instance,
            "args": args.iter().map(|(n, v)| (n.to_string(), Value::from(v))).collect::<serde_json::Map<_, _>>(),
            "answer": answer,
        }),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// `{"known": …}`, or null for what only the run will know.
fn known(value: &Planned) -> Value {
    match value {
        Planned::Known(v) => json!({ "known": Value::from(v) }),
        Planned::Unknown => Value::Null,
        Planned::Absent => json!({ "known": null }),
    }
}
