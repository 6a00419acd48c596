//! `cancel when`: which open runs an event stops. Only runs whose runbook has such a clause are listed here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Millis, RunInput, SettingValues};

use super::counters::CANCEL;
use crate::code::{Code, Evaluated, event_name};
use crate::store::{EventRow, MarkRow, Recovered, RunRow, RunStatus};
use crate::stored_event::value_of;

/// A run is to be cancelled; it stands in the commit of the decision.
pub fn mark(row: &RunRow, why: &str, by: &str, at: Millis) -> MarkRow {
    let key = serde_json::json!([why, by]).to_string();
    MarkRow { kind: CANCEL.to_owned(), runbook: row.runbook.clone(), key, at, run: row.id.clone() }
}

/// The open runs that were to be cancelled when the process ended, each with why, by whom and its mark. Some may have been told.
pub fn untold(recovered: &Recovered) -> Vec<(&MarkRow, String, String)> {
    let mut untold: Vec<(&MarkRow, String, String)> = Vec::new();
    for mark in recovered.marks.iter().filter(|m| m.kind == CANCEL) {
        let open = |r: &&RunRow| r.id == mark.run && !matches!(r.status, RunStatus::Queued | RunStatus::Done);
        let told = untold.iter().any(|(other, ..)| other.run == mark.run);
        if !told && recovered.runs.iter().any(|r| open(&r)) {
            let (why, by) = serde_json::from_str(&mark.key).unwrap_or_else(|_| (mark.key.clone(), "engine".to_owned()));
            untold.push((mark, why, by));
        }
    }
    untold
}

/// The open runs that an event can stop.
#[derive(Default)]
pub struct Cancels {
    by_event: HashMap<String, BTreeMap<String, Arc<Waiting>>>,
    /// The settings of the runs, by program: most runs share theirs.
    settings: HashMap<String, Arc<SettingValues>>,
}

/// A run as its `cancel when` sees it.
struct Waiting {
    code: Arc<dyn Code>,
    runbook: usize,
    params: Vec<Value>,
    settings: Arc<SettingValues>,
}

/// What an event does to open runs.
#[derive(Default)]
pub struct Stops {
    /// Runs, each with why.
    pub stopped: Vec<(String, String)>,
    /// Runs whose condition failed, each with why.
    pub failed: Vec<(String, String)>,
}

impl Cancels {
    /// Whether the runbook of this input has such a clause.
    pub fn concerns(code: &dyn Code, input: &RunInput) -> bool {
        code.runbooks().get(input.runbook.index()).is_some_and(|r| !r.cancel_when.is_empty())
    }

    /// Lists a run.
    pub fn add(&mut self, code: &Arc<dyn Code>, input: RunInput) {
        let Some(runbook) = code.runbooks().get(input.runbook.index()) else { return };
        let run = input.run.to_string();
        let events: Vec<String> = runbook
            .cancel_when
            .iter()
            .filter_map(|c| code.events().get(c.event.index()).map(|e| event_name(&**code, e)))
            .collect();
        let runbook = input.runbook.index();
        let settings = self.shared(code.id(), input.settings);
        let waiting = Arc::new(Waiting { code: code.clone(), runbook, params: input.params, settings });
        for event in events {
            self.by_event.entry(event).or_default().insert(run.clone(), waiting.clone());
        }
    }

    fn shared(&mut self, program: &str, settings: SettingValues) -> Arc<SettingValues> {
        match self.settings.get(program) {
            Some(known) if **known == settings => known.clone(),
            _ => {
                let settings = Arc::new(settings);
                self.settings.retain(|_, known| Arc::strong_count(known) > 1);
                self.settings.insert(program.to_owned(), settings.clone());
                settings
            }
        }
    }

    /// The run is over.
    pub fn remove(&mut self, run: &str) {
        self.by_event.retain(|_, runs| {
            runs.remove(run);
            !runs.is_empty()
        });
    }

    /// The runs that this event stops, and the conditions that failed.
    pub fn stopped_by(&self, row: &EventRow) -> Stops {
        let Stops { mut stopped, mut failed } = Stops::default();
        let mut values: HashMap<String, Result<Value, String>> = HashMap::new();
        for (run, waiting) in self.by_event.get(&row.source).into_iter().flatten() {
            let code = &*waiting.code;
            let value = values.entry(code.id().to_owned()).or_insert_with(|| value_of(code, row));
            let answer = match value {
                Ok(value) => waiting.asks(value, row),
                Err(why) => Err(why.clone()),
            };
            match answer {
                Ok(Some(because)) => stopped.push((run.clone(), because)),
                Ok(None) => {}
                Err(why) => failed.push((run.clone(), why)),
            }
        }
        Stops { stopped, failed }
    }
}

impl Waiting {
    fn asks(&self, event: &Value, row: &EventRow) -> Result<Option<String>, String> {
        let Some(runbook) = self.code.runbooks().get(self.runbook) else { return Ok(None) };
        for clause in &runbook.cancel_when {
            let named = self.code.events().get(clause.event.index()).map(|e| event_name(&*self.code, e));
            let heard = named.as_deref() == Some(row.source.as_str())
                && clause.instance.as_ref().is_none_or(|i| *i == row.instance);
            if !heard {
                continue;
            }
            let because = clause.because.as_ref().map_or_else(|| format!("`{}` came", row.source), ToString::to_string);
            let Some(condition) = clause.condition else { return Ok(Some(because)) };
            let args = std::iter::once(event.clone()).chain(self.params.iter().cloned()).collect();
            match self.code.eval(condition, args, &self.settings, "") {
                Ok(Evaluated::Value(Value::Bool(true))) => return Ok(Some(because)),
                Ok(_) => {}
                Err(why) => return Err(format!("the condition of `cancel when` failed: {why}")),
            }
        }
        Ok(None)
    }
}
