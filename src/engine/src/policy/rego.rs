//! Rego, by `regorus`. A file is read once; each question gets a copy of the engine, so that no answer depends on another.

use std::num::NonZeroU32;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine as Regorus, Value};
use rrb_lang::hir::Delegate;

use super::delegate::{self, Engine, LONGEST, Mistake, Opinion, Question};

/// How often a rule looks at the clock.
const CHECK_EVERY: NonZeroU32 = NonZeroU32::MIN.saturating_add(255);

/// A file of Rego and the rule that is asked.
pub struct Rego {
    engine: Regorus,
    query: String,
}

impl Rego {
    /// # Errors
    /// When the file is no Rego, or does not have the rule.
    pub fn new(d: &Delegate) -> Result<Self, Box<Mistake>> {
        let mut engine = Regorus::new();
        engine.set_execution_timer_config(ExecutionTimerConfig { limit: LONGEST, check_interval: CHECK_EVERY });
        let package = engine.add_policy(d.file.to_string(), d.text.clone()).map_err(|e| mistake(&e.to_string(), d))?;
        let of_query = |message: String, help: String| Box::new(Mistake { message, place: None, of_query: true, help });
        let rule = d.query.strip_prefix(package.as_str()).and_then(|r| r.strip_prefix('.'));
        let Some(rule) = rule else {
            let message = format!("`{}` has the package `{package}`, so it has no rule `{}`", d.file, d.query);
            let last = d.query.rsplit('.').next().unwrap_or("deny");
            return Err(of_query(message, format!("write `query \"{package}.{last}\"`")));
        };
        if !engine.has_declared_rule_rooted_at(&d.file, rule).unwrap_or(false) {
            let message = format!("`{}` declares no rule `{rule}`", d.file);
            let help = "name a rule of the file: a misspelt one would never deny anything".to_owned();
            return Err(of_query(message, help));
        }
        // What is wrong with rules only shows when they are put together: unsafe variables, circles, unknown functions.
        let mut probe = engine.clone();
        probe.set_input(Value::new_object());
        match probe.eval_rule(d.query.to_string()) {
            Err(e) if e.to_string().contains("-->") => Err(mistake(&e.to_string(), d)),
            _ => Ok(Self { engine, query: d.query.to_string() }),
        }
    }
}

impl Engine for Rego {
    fn decide(&self, question: &Question) -> Result<Vec<Opinion>, String> {
        let mut engine = self.engine.clone();
        let input = question.document.to_string();
        engine.set_input_json(&input).map_err(|e| last_line(&e.to_string()))?;
        let answer = engine.eval_rule(self.query.clone()).map_err(|e| last_line(&e.to_string()))?;
        let allows = self.query.ends_with(".allow");
        match answer {
            Value::Undefined if allows => Ok(vec![Opinion::Deny("not allowed".to_owned())]),
            Value::Undefined => Ok(Vec::new()),
            answer => {
                let text = answer.to_json_str().map_err(|e| last_line(&e.to_string()))?;
                let answer = serde_json::from_str(&text).map_err(|e| e.to_string())?;
                delegate::opinions(&answer, allows)
            }
        }
    }
}

/// The message behind the picture of the place.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty()).unwrap_or("it failed");
    line.trim_start_matches('|').trim().trim_start_matches("error: ").to_owned()
}

/// `--> policies/guard.rego:3:5`, a picture, and `error: …`.
fn mistake(text: &str, d: &Delegate) -> Box<Mistake> {
    let place = text.lines().find_map(|l| l.trim().strip_prefix("--> ")).and_then(|place| {
        let mut parts = place.rsplitn(3, ':');
        let column: usize = parts.next()?.parse().ok()?;
        let line: usize = parts.next()?.parse().ok()?;
        Some((line, column))
    });
    let place = place.map(|(line, column)| {
        let start: usize = d.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = d.text.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let before: usize = rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        let word = rest.get(before..).unwrap_or("");
        let length = word.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(word.len());
        let first = word.chars().next().map_or(0, char::len_utf8);
        (start + before, start + before + length.max(first))
    });
    let message = last_line(text);
    let help = "the file must be Rego (version 1) as a whole: `package rrb`, then rules such as `deny contains \"why\" if { … }`";
    Box::new(Mistake { message, place, of_query: false, help: help.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::hir::DelegateEngine;
    use rrb_lang::span::Span;
    use serde_json::json;

    fn delegate(text: &str, query: &str) -> Delegate {
        Delegate {
            engine: DelegateEngine::Rego,
            file: "policies/guard.rego".into(),
            text: text.to_owned(),
            query: query.into(),
            query_span: Span::default(),
        }
    }

    fn decide(text: &str, query: &str, document: serde_json::Value) -> String {
        let rego = Rego::new(&delegate(text, query)).map_err(|m| m.message).unwrap();
        match rego.decide(&Question { document, call: None }) {
            Err(why) => format!("error: {why}"),
            Ok(all) => all
                .iter()
                .map(|o| match o {
                    Opinion::Deny(why) => format!("deny {why}"),
                    Opinion::Ask { approval, .. } => format!("ask {}", approval.quorum),
                })
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    #[test]
    fn rules_of_every_form_decide() {
        let set = "package rrb\ndeny contains msg if {\n  input.call.effect == \"destroys\"\n  msg := sprintf(\"no %s\", [input.call.action])\n}\n";
        let call = |effect: &str| json!({ "call": { "effect": effect, "action": "k8s.drain" } });
        assert_eq!(decide(set, "data.rrb.deny", call("destroys")), "deny no k8s.drain");
        assert_eq!(decide(set, "data.rrb.deny", call("changes")), "");
        let allow = "package rrb\ndefault allow := false\nallow if input.call.effect == \"changes\"\n";
        assert_eq!(decide(allow, "data.rrb.allow", call("changes")), "");
        assert_eq!(decide(allow, "data.rrb.allow", call("destroys")), "deny not allowed");
        let undefined = "package rrb\nallow if input.call.effect == \"changes\"\n";
        assert_eq!(decide(undefined, "data.rrb.allow", call("destroys")), "deny not allowed");
        let verdict =
            "package rrb\nverdict := { \"deny\": [], \"ask\": [{ \"from\": [\"group:sre\"], \"quorum\": 2 }] }\n";
        assert_eq!(decide(verdict, "data.rrb.verdict", call("changes")), "ask 2");
        let wrong = "package rrb\nverdict := 3\n";
        assert!(decide(wrong, "data.rrb.verdict", call("changes")).starts_with("error: "));
    }

    #[test]
    fn a_rule_that_does_not_end_is_stopped() {
        let long = "package rrb\ndeny if {\n  some a in numbers.range(1, 3000)\n  some b in numbers.range(1, 3000)\n  some c in numbers.range(1, 3000)\n  a + b + c == input.never\n}\n";
        let began = std::time::Instant::now();
        let said = decide(long, "data.rrb.deny", json!({ "never": -1 }));
        assert!(said.starts_with("error: "), "{said}");
        assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    }

    #[test]
    fn mistakes_have_their_place() {
        let wrong = |text: &str, query: &str| {
            let m = Rego::new(&delegate(text, query)).err().unwrap();
            (m.message.clone(), m.place.map(|(a, b)| text.get(a..b).unwrap_or("?").to_owned()), m.of_query)
        };
        let (message, place, _) = wrong("package rrb\n\ndeny contains msg if {\n  x := \n}\n", "data.rrb.deny");
        assert!(!message.is_empty() && place.is_some(), "{message} {place:?}");
        let (message, _, of_query) = wrong("package guard\ndeny if true\n", "data.rrb.deny");
        assert!(of_query && message.contains("the package `data.guard`"), "{message}");
        let (message, _, of_query) = wrong("package rrb\ndeyn if true\n", "data.rrb.deny");
        assert!(of_query && message.contains("declares no rule `deny`"), "{message}");
        let (message, place, _) = wrong("package rrb\ndeny if { x > 1 }\n", "data.rrb.deny");
        assert!(place.is_some(), "{message}");
        let (message, place, _) = wrong("package rrb\ndeny if { nothing.like.this(1) }\n", "data.rrb.deny");
        assert!(place.is_some(), "{message}");
    }
}
