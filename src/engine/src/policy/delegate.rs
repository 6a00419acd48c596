//! Decisions that Rego or Cedar make. What they cannot decide, in time and without a mistake, is a no.
// Each engine uses its part; a build without one of them is rare and still right.
#![cfg_attr(not(all(feature = "rego", feature = "cedar")), allow(dead_code))]

use std::sync::Arc;
use std::time::Duration;

use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::hir::{Delegate, DelegateEngine, NamedPrincipal, PolicyApproval};
use rrb_lang::span::{Sources, Span};
use rrb_lang::vm::protocol::ActionInfo;
use serde_json::Value;

/// How long a delegate may think.
pub const LONGEST: Duration = Duration::from_secs(1);
/// Messages of one answer.
const MOST: usize = 64;

/// What a delegate is asked.
pub struct Question {
    pub document: Value,
    pub call: Option<ActionInfo>,
}

/// A part of its answer.
#[derive(Debug, Clone)]
pub enum Opinion {
    Deny(String),
    Ask { approval: PolicyApproval, because: Option<String> },
}

/// Another language's policy, read.
pub trait Engine: Send + Sync {
    /// Blocks for at most [`LONGEST`].
    ///
    /// # Errors
    /// Why there is no answer.
    fn decide(&self, question: &Question) -> Result<Vec<Opinion>, String>;
}

/// A delegate, ready to be asked; or why it never will be.
#[derive(Clone)]
pub struct Compiled {
    name: String,
    engine: Result<Arc<dyn Engine>, String>,
}

/// A mistake in a delegate's file.
pub struct Mistake {
    pub message: String,
    /// Bytes from where to where; none when the place is not known.
    pub place: Option<(usize, usize)>,
    /// It is the query's, not the file's.
    pub of_query: bool,
    pub help: String,
}

impl Compiled {
    pub fn new(d: &Delegate) -> Self {
        Self { name: d.file.to_string(), engine: compile(d).map_err(|m| m.message) }
    }
}

fn compile(d: &Delegate) -> Result<Arc<dyn Engine>, Box<Mistake>> {
    match d.engine {
        #[cfg(feature = "rego")]
        DelegateEngine::Rego => super::rego::Rego::new(d).map(|r| Arc::new(r) as Arc<dyn Engine>),
        #[cfg(not(feature = "rego"))]
        DelegateEngine::Rego => Err(absent("Rego", "rego")),
        #[cfg(feature = "cedar")]
        DelegateEngine::Cedar => super::cedar::Cedar::new(d).map(|c| Arc::new(c) as Arc<dyn Engine>),
        #[cfg(not(feature = "cedar"))]
        DelegateEngine::Cedar => Err(absent("Cedar", "cedar")),
    }
}

#[cfg(not(all(feature = "rego", feature = "cedar")))]
fn absent(name: &str, feature: &str) -> Box<Mistake> {
    Box::new(Mistake {
        message: format!("this rrb was built without {name}"),
        place: None,
        of_query: true,
        help: format!("use a build with the feature `{feature}` (`cargo build --features {feature}`)"),
    })
}

/// What is wrong with a delegate, if anything, in its own file.
pub fn check(d: &Delegate, rule: Span, sources: &mut Sources) -> Option<Diagnostic> {
    let mistake = compile(d).err()?;
    if mistake.of_query {
        let message = mistake.message;
        return Some(Diagnostic::error(codes::POLICY_DELEGATE, message, d.query_span, "").help(mistake.help));
    }
    let known = sources.iter().find(|(_, s)| *s.name == *d.file).map(|(id, _)| id);
    let file = known.unwrap_or_else(|| sources.add(&d.file, &d.text));
    let (start, end) = mistake.place.unwrap_or((0, 0));
    let offset = |n: usize| u32::try_from(n.min(d.text.len())).unwrap_or(0);
    let span = Span::new(file, offset(start), offset(end.max(start)));
    let message = format!("`{}`: {}", d.file, mistake.message);
    let error = Diagnostic::error(codes::POLICY_DELEGATE, message, span, "here");
    Some(error.label(rule, "a policy delegates to it").help(mistake.help))
}

/// Asks away from the threads that drive runs.
pub async fn ask(delegate: &Compiled, question: Question) -> Vec<Opinion> {
    let no = |why: String| vec![Opinion::Deny(format!("`{}` gave no answer: {why}", delegate.name))];
    let engine = match &delegate.engine {
        Ok(engine) => Arc::clone(engine),
        Err(why) => return no(why.clone()),
    };
    match tokio::task::spawn_blocking(move || engine.decide(&question)).await {
        Ok(Ok(mut opinions)) => {
            if opinions.len() > MOST {
                opinions.truncate(MOST);
                opinions.push(Opinion::Deny(format!("`{}` said more than {MOST} things", delegate.name)));
            }
            opinions
        }
        Ok(Err(why)) => no(why),
        Err(_) => no("it crashed".to_owned()),
    }
}

/// Reads an answer: a Bool, a message, a list of messages, or `{ deny, ask }`. `allows`: true says yes instead of no.
///
/// # Errors
/// What cannot be understood.
pub fn opinions(answer: &Value, allows: bool) -> Result<Vec<Opinion>, String> {
    if allows {
        return match answer {
            Value::Bool(true) => Ok(Vec::new()),
            Value::Bool(false) => Ok(vec![Opinion::Deny("not allowed".to_owned())]),
            other => Err(format!("a rule called `allow` gives true or false, not {}", kind(other))),
        };
    }
    match answer {
        Value::Object(fields) if fields.keys().all(|k| k == "deny" || k == "ask") => {
            let mut out = fields.get("deny").map_or(Ok(Vec::new()), denials)?;
            match fields.get("ask") {
                None => {}
                Some(Value::Array(all)) => {
                    for one in all {
                        out.push(asking(one)?);
                    }
                }
                Some(one) => out.push(asking(one)?),
            }
            Ok(out)
        }
        Value::Object(fields) => {
            let other = fields.keys().find(|k| *k != "deny" && *k != "ask").cloned().unwrap_or_default();
            Err(format!("its answer has a field `{other}`: `deny` and `ask` are known"))
        }
        other => denials(other),
    }
}

fn denials(answer: &Value) -> Result<Vec<Opinion>, String> {
    match answer {
        Value::Bool(false) => Ok(Vec::new()),
        Value::Bool(true) => Ok(vec![Opinion::Deny("denied".to_owned())]),
        Value::String(text) => Ok(vec![Opinion::Deny(text.clone())]),
        Value::Array(all) => all
            .iter()
            .map(|one| match one {
                Value::String(text) => Ok(Opinion::Deny(text.clone())),
                other => Err(format!("a message is a text, not {}", kind(other))),
            })
            .collect(),
        other => Err(format!("a denial is true, a message or a list of messages, not {}", kind(other))),
    }
}

/// `{ "from": ["group:sre", "user:ana"], "quorum": 2, "within": 3600, "because": "…" }`
fn asking(one: &Value) -> Result<Opinion, String> {
    let Value::Object(fields) = one else { return Err(format!("`ask` is an object, not {}", kind(one))) };
    if let Some(other) = fields.keys().find(|k| !["from", "quorum", "within", "because"].contains(&k.as_str())) {
        return Err(format!("`ask` has a field `{other}`: `from`, `quorum`, `within` and `because` are known"));
    }
    let names: Vec<&str> = match fields.get("from") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(all)) => all.iter().map(|v| v.as_str().unwrap_or_default()).collect(),
        _ => return Err("`ask` needs `from`: `[\"group:sre\"]`".to_owned()),
    };
    let mut from = Vec::new();
    for name in names {
        let (kind, name) = name.split_once(':').unwrap_or(("", name));
        let is_group = match kind {
            "group" => true,
            "user" => false,
            _ => return Err(format!("`{name}` in `from` is neither `group:NAME` nor `user:NAME`")),
        };
        from.push(NamedPrincipal { name: name.into(), is_group, span: Span::default() });
    }
    if from.is_empty() {
        return Err("`from` names nobody".to_owned());
    }
    let whole = |name: &str, default: u64, most: u64| match fields.get(name) {
        None => Ok(default),
        Some(v) => v
            .as_u64()
            .filter(|n| (1..=most).contains(n))
            .ok_or_else(|| format!("`{name}` is a whole number from 1 to {most}")),
    };
    let quorum = u32::try_from(whole("quorum", 1, 1_000)?).unwrap_or(1);
    let within = i64::try_from(whole("within", 3_600, 30 * 86_400)?).unwrap_or(3_600);
    let because = match fields.get("because") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => return Err(format!("`because` is a text, not {}", kind(other))),
    };
    let approval = PolicyApproval {
        from,
        quorum,
        allow_requester: false,
        require_comment: false,
        within_ms: within.saturating_mul(1_000),
        quorum_span: Span::default(),
    };
    Ok(Opinion::Ask { approval, because })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(answer: Value, allows: bool) -> String {
        match opinions(&answer, allows) {
            Err(why) => format!("error: {why}"),
            Ok(all) => {
                let one = |o: &Opinion| match o {
                    Opinion::Deny(why) => format!("deny {why}"),
                    Opinion::Ask { approval, because } => {
                        let who: Vec<&str> = approval.from.iter().map(|f| f.name.as_str()).collect();
                        format!("ask {} of {} in {} {because:?}", approval.quorum, who.join("+"), approval.within_ms)
                    }
                };
                all.iter().map(one).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn answers_are_read_and_what_is_none_is_said() {
        for (answer, allows, expected) in [
            (json!(true), false, "deny denied"),
            (json!(false), false, ""),
            (json!([]), false, ""),
            (json!("no"), false, "deny no"),
            (json!(["a", "b"]), false, "deny a; deny b"),
            (json!({}), false, ""),
            (json!({ "deny": [], "ask": [] }), false, ""),
            (json!({ "deny": true }), false, "deny denied"),
            (json!({ "ask": { "from": "group:sre" } }), false, "ask 1 of sre in 3600000 None"),
            (
                json!({ "ask": [{ "from": ["group:sre", "user:ana"], "quorum": 2, "within": 60, "because": "x" }] }),
                false,
                "ask 2 of sre+ana in 60000 Some(\"x\")",
            ),
            (json!(true), true, ""),
            (json!(false), true, "deny not allowed"),
        ] {
            assert_eq!(said(answer.clone(), allows), expected, "{answer}");
        }
        for (answer, allows, part) in [
            (json!(1), false, "not a number"),
            (json!(null), false, "not null"),
            (json!([1]), false, "a message is a text"),
            (json!({ "allow": true }), false, "a field `allow`"),
            (json!({ "ask": true }), false, "`ask` is an object"),
            (json!({ "ask": {} }), false, "needs `from`"),
            (json!({ "ask": { "from": [] } }), false, "names nobody"),
            (json!({ "ask": { "from": ["sre"] } }), false, "neither `group:NAME`"),
            (json!({ "ask": { "from": "group:sre", "quorum": 0 } }), false, "from 1 to 1000"),
            (json!({ "ask": { "from": "group:sre", "quorum": 1001 } }), false, "from 1 to 1000"),
            (json!({ "ask": { "from": "group:sre", "within": "1h" } }), false, "whole number"),
            (json!({ "ask": { "from": "group:sre", "who": 1 } }), false, "a field `who`"),
            (json!([]), true, "true or false"),
        ] {
            let text = said(answer.clone(), allows);
            assert!(text.starts_with("error: ") && text.contains(part), "{answer}: {text}");
        }
    }
}
