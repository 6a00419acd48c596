//! The calls that a test saw.

use rrb_lang::ids::FnId;
use rrb_lang::program::{GIVEN, Program};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Millis, NativeCall};
use smol_str::SmolStr;

use super::literal;

/// Characters of a call in a message.
const LONGEST: usize = 160;

/// A call that the test answered, or that nobody did.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Millis,
    pub action: FnId,
    /// `k8s.drain`, `http.post`
    pub name: SmolStr,
    pub call: NativeCall,
    /// What it was answered.
    pub outcome: EffectOutcome,
}

impl Call {
    /// The arguments in the order of the parameters.
    pub fn args(&self) -> Vec<Value> {
        self.call.args.iter().map(|(_, value)| value.clone()).collect()
    }

    /// As a person would write it: `k8s["eu"].drain("n7", grace: 5m)`.
    pub fn shown(&self) -> String {
        shown(&self.name, &self.call.instance, &self.call.args)
    }

    /// Whether the two are the same call, done again.
    pub fn repeats(&self, other: &NativeCall) -> bool {
        let (a, b) = (&self.call, other);
        a.native == b.native && a.instance == b.instance && a.args == b.args && a.key == b.key && a.attempt == b.attempt
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, EffectOutcome::Done(_))
    }
}

/// What is called, as tests name it.
pub fn name_of(program: &Program, action: FnId) -> SmolStr {
    let Some(code) = program.code(action) else { return SmolStr::default() };
    match code.action.as_ref().and_then(|a| a.0.native.clone()) {
        Some(native) if !native.starts_with(GIVEN) => plain(&native).into(),
        _ => code.name.clone(),
    }
}

/// A primitive as programs name it: those of `core` stand bare.
pub fn plain(native: &str) -> &str {
    native.strip_prefix("core.").unwrap_or(native)
}

/// A text of the engine with the actions that the test answers under their own names: there they are `given:N`.
pub fn with_names(program: &Program, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(GIVEN) {
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = after.split_at(digits);
        out.push_str(before);
        match number.parse().ok().map(|n| name_of(program, FnId(n))).filter(|n| !n.is_empty()) {
            Some(name) => out.push_str(&name),
            None => out.push_str(&format!("{GIVEN}{number}")),
        }
        rest = behind;
    }
    out + rest
}

/// `k8s["eu"].drain` where the instance is not the usual one.
pub fn with_instance(name: &str, instance: &str) -> String {
    match name.split_once('.') {
        Some((connector, action)) if !matches!(instance, "" | "default") => {
            format!("{connector}[{}].{action}", literal::quoted(instance))
        }
        _ => name.to_owned(),
    }
}

/// A call in one line. What says nothing (absent, empty, `false`) is left out, and so is what follows unnamed.
pub fn shown(name: &str, instance: &str, args: &[(SmolStr, Value)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut in_order = true;
    for (param, value) in args {
        if says_nothing(value) {
            in_order = false;
            continue;
        }
        let text = literal::expression(value).unwrap_or_else(|| "_".to_owned());
        parts.push(if in_order { text } else { format!("{param}: {text}") });
    }
    let line = |parts: &[String]| format!("{}({})", with_instance(name, instance), parts.join(", "));
    while parts.len() > 1 && line(&parts).chars().count() > LONGEST {
        parts.pop();
    }
    line(&parts)
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::None | Value::Bool(false) => true,
        Value::Map(m) => m.is_empty(),
        Value::List(l) => l.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_written_as_a_given_takes_it() {
        let args = |all: &[(&str, Value)]| all.iter().map(|(n, v)| ((*n).into(), v.clone())).collect::<Vec<_>>();
        let long = Value::text("x".repeat(100));
        let table = [
            ("k8s.drain", "default", args(&[("node", Value::text("n7")), ("grace", Value::Duration(300_000))])),
            ("k8s.drain", "eu", args(&[("node", Value::text("n7"))])),
            ("http.post", "default", args(&[("url", long), ("headers", Value::None), ("max", Value::Size(1024))])),
            ("notify", "default", args(&[])),
        ];
        let shown: Vec<String> = table.iter().map(|(n, i, a)| shown(n, i, a)).collect();
        assert_eq!(
            shown,
            ["k8s.drain(\"n7\", 5m)", "k8s[\"eu\"].drain(\"n7\")", "http.post(_, max: 1KiB)", "notify()"]
        );
    }
}
