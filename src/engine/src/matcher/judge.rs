//! What a runbook's triggers make of an event: the parameters of a run, or the clause that said no with the values that decided.

use rrb_lang::hir::{Conjunct, Part, Runbook, TriggerKind};
use rrb_lang::ids::FnId;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::SettingValues;

use super::index::TriggerRef;
use crate::code::{Code, Evaluated, event_name};
use crate::programs::Loaded;
use crate::store::EventRow;

/// Characters of a value in a disposition.
const SHOWN: usize = 200;

/// A no: the verdict's word and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    pub verdict: &'static str,
    pub why: String,
}

fn no(verdict: &'static str, why: impl Into<String>) -> No {
    No { verdict, why: why.into() }
}

/// What a runbook says that has no trigger to say yes: the clause that came furthest, with the other reasons behind it.
pub fn furthest(mut reasons: Vec<No>) -> No {
    let order = ["with", "max_keys", "error"];
    let verdict = order.into_iter().find(|v| reasons.iter().any(|r| r.verdict == *v)).unwrap_or("where");
    reasons.sort_by_key(|r| r.verdict != verdict);
    let why: Vec<String> = reasons.into_iter().map(|r| r.why).collect();
    No { verdict, why: why.join("; ") }
}

/// Asks the triggers of one runbook without letting anything wait: for one that is known to say no.
///
/// # Errors
/// Why none said yes.
pub fn triggers(
    loaded: &Loaded,
    runbook: &Runbook,
    triggers: &[TriggerRef],
    event: &Value,
    row: &EventRow,
) -> Result<(), No> {
    let mut reasons: Vec<No> = Vec::new();
    for at in triggers {
        let Some(trigger) = runbook.triggers.get(at.trigger) else { continue };
        match &trigger.kind {
            TriggerKind::Event { instance, condition, with, .. } => {
                match one(loaded, runbook, instance.as_deref(), condition, *with, event, row) {
                    Ok(_) => return Ok(()),
                    Err(no) => reasons.push(no),
                }
            }
            TriggerKind::Several(several) => {
                for of in several.parts().into_iter().filter(|p| is_of(&*loaded.code, p, row)) {
                    match part(loaded, of, event, row) {
                        Ok(()) => return Ok(()),
                        Err(no) => reasons.push(no),
                    }
                }
            }
            TriggerKind::Every { .. } | TriggerKind::Cron { .. } => {}
        }
    }
    Err(furthest(reasons))
}

/// Asks a trigger on one event: the parameters when it says yes.
///
/// # Errors
/// The clause that said no.
pub fn one(
    loaded: &Loaded,
    runbook: &Runbook,
    instance: Option<&str>,
    condition: &[Conjunct],
    with: FnId,
    event: &Value,
    row: &EventRow,
) -> Result<Vec<Value>, No> {
    of_instance(instance, row)?;
    let code = &*loaded.code;
    for conjunct in condition {
        holds(code, &loaded.settings, conjunct, std::slice::from_ref(event))?;
    }
    with_params(loaded, runbook, with, vec![event.clone()])
}

/// Whether a part of a correlation is about events of this kind.
pub fn is_of(code: &dyn Code, part: &Part, row: &EventRow) -> bool {
    code.events().get(part.event.index()).is_some_and(|e| event_name(code, e) == row.source)
}

/// Whether an event can have its part in a correlation, as far as it alone can say.
///
/// # Errors
/// The clause that said no.
pub fn part(loaded: &Loaded, part: &Part, event: &Value, row: &EventRow) -> Result<(), No> {
    of_instance(part.instance.as_deref(), row)?;
    let says = |c| holds(&*loaded.code, &loaded.settings, c, std::slice::from_ref(event));
    part.condition.iter().try_for_each(says)
}

fn of_instance(wanted: Option<&str>, row: &EventRow) -> Result<(), No> {
    match wanted {
        Some(wanted) if wanted != row.instance => {
            Err(no("where", format!("it listens to the instance `{wanted}`, this came from `{}`", row.instance)))
        }
        _ => Ok(()),
    }
}

/// The parameters that `with` gives.
///
/// # Errors
/// When it skips or fails.
pub fn with_params(loaded: &Loaded, runbook: &Runbook, with: FnId, args: Vec<Value>) -> Result<Vec<Value>, No> {
    let code = &*loaded.code;
    match code.eval(with, args, &loaded.settings, "") {
        Ok(Evaluated::Value(given)) => params(code, runbook, &given),
        Ok(Evaluated::Skip) => Err(no("with", "`with` said `skip`")),
        Err(why) => Err(no("with", format!("`with` failed: {why}"))),
    }
}

/// Whether one part of a `where` holds; one that fails counts as false.
pub fn holds(code: &dyn Code, settings: &SettingValues, conjunct: &Conjunct, events: &[Value]) -> Result<(), No> {
    match code.eval(conjunct.function, events.to_vec(), settings, "") {
        Ok(Evaluated::Value(Value::Bool(true))) => Ok(()),
        Ok(Evaluated::Value(_)) => {
            Err(no("where", format!("`{}` is false{}", conjunct.text, operands(code, settings, conjunct, events))))
        }
        Ok(Evaluated::Skip) => Err(no("error", format!("`{}` said `skip`", conjunct.text))),
        Err(why) => Err(no("error", format!("`{}` failed: {why}", conjunct.text))),
    }
}

fn operands(code: &dyn Code, settings: &SettingValues, conjunct: &Conjunct, events: &[Value]) -> String {
    let shown: Vec<String> = conjunct
        .operands
        .iter()
        .filter_map(|(text, function)| match code.eval(*function, events.to_vec(), settings, "") {
            Ok(Evaluated::Value(value)) => Some(format!("{text} is {}", short(code, &value))),
            _ => None,
        })
        .collect();
    if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) }
}

fn short(code: &dyn Code, value: &Value) -> String {
    let text = serde_json::Value::from(&code.to_json(value)).to_string();
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// The parameters in the order of the runbook: as given by name, else their defaults.
///
/// # Errors
/// When one is missing.
pub fn params(code: &dyn Code, runbook: &Runbook, given: &Value) -> Result<Vec<Value>, No> {
    let value = |p: &rrb_lang::hir::Param| {
        let named = given.field(&p.name).cloned();
        let value = named.or_else(|| p.default.and_then(|id| code.constant(id)));
        value.ok_or_else(|| no("with", format!("`with` gives no `{}`, and it has no default", p.name)))
    };
    runbook.params.iter().map(value).collect()
}

/// The value of a key over its arguments, the parameters or an event; one key for all without a function.
///
/// # Errors
/// When it fails: then nobody can say what it counts towards.
pub fn key(
    code: &dyn Code,
    settings: &SettingValues,
    function: Option<FnId>,
    clause: &'static str,
    params: &[Value],
) -> Result<String, No> {
    let Some(function) = function else { return Ok(String::new()) };
    match code.eval(function, params.to_vec(), settings, "") {
        Ok(Evaluated::Value(value)) => Ok(crate::keys::shown(code, &value)),
        Ok(Evaluated::Skip) => Err(no("error", format!("the key of `{clause}` said `skip`"))),
        Err(why) => Err(no("error", format!("the key of `{clause}` failed: {why}"))),
    }
}
