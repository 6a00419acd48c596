//! What a connector declares that its senders are told: `origins`, `answer` and `acknowledge` of its events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::Delivery;
use rrb_engine::clock::Clock;
use rrb_engine::intake;
use rrb_engine::world::World;
use rrb_lang::hir::Event;
use rrb_lang::ids::FnId;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::{self, Reading};
use rrb_serve::Answer;
use rrb_world::reading::{Unread, act};

use super::Current;

/// Instructions for one answer: it looks at a delivery.
const FUEL: u64 = 10_000_000;

/// The longest answer, in bytes.
const LONGEST: usize = 64 << 10;

/// How long acknowledging may take: the sender waits.
const WITHIN: Duration = Duration::from_secs(10);

/// The three that functions of a delivery take.
fn arguments(delivery: &Delivery) -> Result<Vec<Value>, String> {
    let texts = |map: &BTreeMap<String, String>| {
        Value::Map(Arc::new(map.iter().map(|(k, v)| (Value::text(k.as_str()), Value::text(v.as_str()))).collect()))
    };
    Ok(vec![Value::Json(intake::body(delivery)?), texts(&delivery.headers), texts(&delivery.query)])
}

/// What `answer` of the event says to a delivery; none when that is an event. What cannot be answered is taken like every other, and
/// becomes what its event makes of it.
pub(super) fn answer(current: &Current, event: &Event, delivery: &Delivery) -> Option<Answer> {
    let function = event.answer?;
    let args = arguments(delivery).ok()?;
    let given = vm::eval(&current.program, function, args, &current.settings, &delivery.instance, FUEL);
    let answer = match given {
        Ok(Value::None | Value::Json(Json::Null)) => return None,
        Ok(Value::Json(Json::Text(text))) => Answer::Text(text.to_string()),
        Ok(value) => Answer::Json(serde_json::to_string(&vm::shown(&value)).ok()?),
        Err(why) => {
            tracing::warn!(event = %event.name, %why, "`answer` of an event failed");
            return None;
        }
    };
    let (Answer::Text(text) | Answer::Json(text)) = &answer;
    if text.len() > LONGEST {
        tracing::warn!(event = %event.name, bytes = text.len(), "`answer` of an event is too long");
        return None;
    }
    Some(answer)
}

/// Runs an `acknowledge` to its end.
pub(super) async fn acknowledge(
    current: &Current,
    function: FnId,
    delivery: &Delivery,
    world: &dyn World,
    clock: &dyn Clock,
) -> Result<(), String> {
    // What is no JSON is a dead letter, and kept: there is nothing that it could name.
    let Ok(args) = arguments(delivery) else { return Ok(()) };
    let name = format!("acknowledge:{}", delivery.path);
    let (program, settings) = (Arc::clone(&current.program), current.settings.clone());
    let doing = Reading::of(program, function, args, &name, settings, &delivery.instance);
    match tokio::time::timeout(WITHIN, act(doing, world, clock)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Unread::Failed(failure))) => Err(failure.message.to_string()),
        Ok(Err(Unread::NoRead(kind))) => Err(format!("it only makes calls, and asks for a {kind}")),
        Ok(Err(Unread::Broken(why))) => Err(why),
        Err(_) => Err(format!("it was not done after {} seconds", WITHIN.as_secs())),
    }
}

/// The names that `origins` lists.
pub(super) fn origins(current: &Current, function: FnId, instance: &str) -> Result<Vec<String>, String> {
    let given = vm::eval(&current.program, function, vec![], &current.settings, instance, FUEL);
    match given.map_err(|e| e.to_string())? {
        Value::List(all) => Ok(all.iter().filter_map(Value::as_text).map(str::to_owned).collect()),
        _ => Err("`origins` gave no list".to_owned()),
    }
}
