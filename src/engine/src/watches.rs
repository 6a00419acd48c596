//! What runs wait for: events, by source. A run that is not in memory listens here too; after a start runs look into the store first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectId, EventWait, SettingValues};

use crate::code::{Code, Evaluated};
use crate::store::EventRow;
use crate::stored_event::value_of;

/// Events kept for one wait before its run has looked at them. Beyond that it looks into the store again.
pub const KEPT: usize = 16;

/// Who waits for which events.
#[derive(Default)]
pub struct Watches {
    by_event: HashMap<String, Vec<Watch>>,
}

/// What a run waits for.
struct Watch {
    run: String,
    effect: EffectId,
    wait: EventWait,
    code: Arc<dyn Code>,
    settings: Arc<SettingValues>,
    kept: VecDeque<EventRow>,
    overflowed: bool,
}

/// What came for a wait.
#[derive(Debug, PartialEq)]
pub enum Came {
    Event(Box<EventRow>),
    Nothing,
    /// More than is kept: the store knows.
    TooMany,
    /// Nobody listens for this wait.
    Unknown,
}

/// What became of an event that was offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Runs to wake.
    pub wake: Vec<String>,
    /// Runs whose condition failed, each with why.
    pub failed: Vec<(String, String)>,
}

impl Watches {
    /// Listens for a run.
    pub fn listen(
        &mut self,
        run: &str,
        effect: &EffectId,
        wait: &EventWait,
        code: Arc<dyn Code>,
        settings: Arc<SettingValues>,
    ) {
        self.leave(run, effect, &wait.event);
        let (kept, overflowed) = (VecDeque::new(), false);
        let watch =
            Watch { run: run.to_owned(), effect: effect.clone(), wait: wait.clone(), code, settings, kept, overflowed };
        self.by_event.entry(wait.event.to_string()).or_default().push(watch);
    }

    /// The run no longer waits for this.
    pub fn leave(&mut self, run: &str, effect: &EffectId, event: &str) {
        if let Some(watches) = self.by_event.get_mut(event) {
            watches.retain(|w| w.run != run || w.effect != *effect);
            if watches.is_empty() {
                self.by_event.remove(event);
            }
        }
    }

    /// The run no longer waits for anything.
    pub fn forget(&mut self, run: &str) {
        self.by_event.retain(|_, watches| {
            watches.retain(|w| w.run != run);
            !watches.is_empty()
        });
    }

    /// An event that is durable: it is kept for whoever it fits.
    pub fn offer(&mut self, row: &EventRow) -> Offered {
        let mut offered = Offered::default();
        let mut values: HashMap<String, Result<Value, String>> = HashMap::new();
        for watch in self.by_event.get_mut(&row.source).into_iter().flatten() {
            let value = values.entry(watch.code.id().to_owned()).or_insert_with(|| value_of(&*watch.code, row));
            let fits = match value {
                Ok(value) => fits(&*watch.code, &watch.settings, &watch.wait, row, value),
                Err(why) => Err(why.clone()),
            };
            match fits {
                Ok(false) => continue,
                Err(why) => {
                    offered.failed.push((watch.run.clone(), why));
                    continue;
                }
                Ok(true) if watch.kept.len() < KEPT => watch.kept.push_back(row.clone()),
                Ok(true) => watch.overflowed = true,
            }
            if !offered.wake.contains(&watch.run) {
                offered.wake.push(watch.run.clone());
            }
        }
        offered
    }

    /// The next event that came for a wait.
    pub fn take(&mut self, run: &str, effect: &EffectId, event: &str) -> Came {
        let watches = self.by_event.get_mut(event).into_iter().flatten();
        let Some(watch) = watches.into_iter().find(|w| w.run == run && w.effect == *effect) else {
            return Came::Unknown;
        };
        match watch.kept.pop_front() {
            Some(row) => Came::Event(Box::new(row)),
            None if std::mem::take(&mut watch.overflowed) => Came::TooMany,
            None => Came::Nothing,
        }
    }
}

/// Whether an event is what a wait is for.
///
/// # Errors
/// When the condition failed, which counts as a no.
pub fn fits(
    code: &dyn Code,
    settings: &SettingValues,
    wait: &EventWait,
    row: &EventRow,
    value: &Value,
) -> Result<bool, String> {
    let in_time = row.received >= wait.since && wait.until.is_none_or(|until| row.received <= until);
    if !in_time || row.source != wait.event.as_str() || wait.instance.as_ref().is_some_and(|i| *i != row.instance) {
        return Ok(false);
    }
    let Some(condition) = wait.condition else { return Ok(true) };
    let args = wait.captures.iter().cloned().chain([value.clone()]).collect();
    match code.eval(condition, args, settings, "") {
        Ok(Evaluated::Value(Value::Bool(yes))) => Ok(yes),
        Ok(_) => Err(format!("the condition of `{}` gave no answer", wait.text)),
        Err(why) => Err(format!("the condition of `{}` failed: {why}", wait.text)),
    }
}
