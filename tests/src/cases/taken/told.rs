//! What a sender is told: what `answer` says, and the calls that `acknowledge` makes, in a world that does what it is asked.

use std::sync::{Arc, Mutex, PoisonError};

use rrb_engine::api::Delivery;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::code::event_name;
use rrb_engine::compiled::Compiled;
use rrb_engine::intake;
use rrb_engine::world::World;
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, NativeCall, SettingValues};
use rrb_lang::vm::{self, Reading};
use rrb_world::reading::{Unread, act};

use super::{NOW, Taken};

/// Instructions for one answer.
const FUEL: u64 = 10_000_000;

/// Does everything, and remembers it.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl World for Recorder {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let shown = |name: &str| {
            let (_, value) = call.args.iter().find(|(n, v)| n == name && !matches!(v, Value::None))?;
            Some(format!(" {}", vm::display(value)))
        };
        let parts: String = ["url", "json"].iter().filter_map(|n| shown(n)).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{}{parts}", call.native));
        EffectOutcome::Done(Value::record([
            ("status", Value::Int(200)),
            ("headers", Value::Map(Arc::default())),
            ("text", Value::text("{}")),
            ("json", Value::Json(Json::Null)),
            ("xml", Value::Json(Json::Null)),
        ]))
    }
}

/// What the sender of a delivery is told, and nothing else.
pub(super) async fn told(
    program: &Arc<Program>,
    settings: &SettingValues,
    delivery: &Delivery,
) -> Result<Taken, String> {
    let mut taken =
        Taken { path: delivery.path.clone(), events: Vec::new(), dead: None, answer: None, acknowledged: Vec::new() };
    let Ok(body) = intake::body(delivery) else { return Ok(taken) };
    let texts = |map: &std::collections::BTreeMap<String, String>| {
        let pairs = map.iter().map(|(k, v)| (Value::text(k.as_str()), Value::text(v.as_str())));
        Value::Map(Arc::new(pairs.collect()))
    };
    let args = vec![Value::Json(body), texts(&delivery.headers), texts(&delivery.query)];
    let code = Compiled(Arc::clone(program));
    let here = |e: &&Event| match &e.source {
        EventSource::Webhook { path } => *path == delivery.path,
        EventSource::Poll { .. } | EventSource::Feed { .. } => event_name(&code, e) == delivery.path,
    };
    for event in program.events.iter().filter(here) {
        if let Some(function) = event.answer {
            let given = vm::eval(program, function, args.clone(), settings, &delivery.instance, FUEL);
            match given.map_err(|e| format!("`answer`: {e}"))? {
                Value::None | Value::Json(Json::Null) => {}
                answer => {
                    taken.answer = Some(vm::display(&answer));
                    return Ok(taken);
                }
            }
        }
        if let Some(what) = event.acknowledge {
            let (world, clock) = (Recorder::default(), ManualClock::at(NOW));
            let doing = Reading::of(
                Arc::clone(program),
                what.function,
                args.clone(),
                "acknowledge",
                settings.clone(),
                &delivery.instance,
            );
            let done = act(doing, &world, &clock).await;
            taken.acknowledged.append(&mut world.0.lock().unwrap_or_else(PoisonError::into_inner));
            match done {
                Ok(()) => {}
                Err(Unread::Failed(failure)) => taken.acknowledged.push(format!("failed: {}", failure.message)),
                Err(other) => return Err(format!("`acknowledge`: {other:?}")),
            }
        }
    }
    Ok(taken)
}
