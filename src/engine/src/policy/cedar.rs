//! Cedar, by `cedar-policy`. The principal is `User::"REQUESTER"`, the action `Action::"kubernetes.drain"`, which is in
//! `Action::"destroys"`, which is in `Action::"changes"`; the resource is `Target::"TARGET"`; the context is the whole document.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
};
use rrb_lang::hir::Delegate;
use rrb_lang::syntax::ast::Effect;

use super::delegate::{Engine, Mistake, Opinion, Question};

/// A file of Cedar policies.
pub struct Cedar {
    policies: PolicySet,
}

impl Cedar {
    /// # Errors
    /// When the file is no Cedar.
    pub fn new(d: &Delegate) -> Result<Self, Box<Mistake>> {
        match d.text.parse::<PolicySet>() {
            Ok(policies) => Ok(Self { policies }),
            Err(e) => {
                let first = e.iter().next();
                let label = first.and_then(|e| miette::Diagnostic::labels(e)?.next());
                let place = label.map(|l| (l.offset(), l.offset() + l.len()));
                let message = first.map_or_else(|| e.to_string(), ToString::to_string);
                let help =
                    "the file must be Cedar as a whole: `permit(principal, action, resource);`, then what is forbidden";
                Err(Box::new(Mistake { message, place, of_query: false, help: help.to_owned() }))
            }
        }
    }
}

impl Engine for Cedar {
    fn decide(&self, question: &Question) -> Result<Vec<Opinion>, String> {
        let call = question.call.as_ref().ok_or("there is no call")?;
        let requester = question.document.pointer("/run/requester").and_then(|v| v.as_str()).unwrap_or_default();
        let (action, known) = actions(call.action.as_str(), call.effect)?;
        let principal = uid("User", requester)?;
        let resource = uid("Target", call.target.as_deref().unwrap_or_default())?;
        let context = Context::from_json_value(without_null(&question.document), None).map_err(|e| e.to_string())?;
        let request = Request::new(principal, action, resource, context, None).map_err(|e| e.to_string())?;
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &known);
        // A policy that fails is skipped by Cedar; here it is a no.
        if let Some(e) = answer.diagnostics().errors().next() {
            return Err(e.to_string());
        }
        if answer.decision() == Decision::Allow {
            return Ok(Vec::new());
        }
        let mut because: Vec<String> = answer
            .diagnostics()
            .reason()
            .map(|id| {
                self.policies.annotation(id, "because").map_or_else(|| format!("`{id}` forbids it"), str::to_owned)
            })
            .collect();
        because.sort();
        if because.is_empty() {
            because.push("no policy permits it".to_owned());
        }
        Ok(because.into_iter().map(Opinion::Deny).collect())
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|e| format!("{e}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// The action of a call and the groups it is in.
fn actions(name: &str, effect: Effect) -> Result<(EntityUid, Entities), String> {
    let (action, changes, destroys) = (uid("Action", name)?, uid("Action", "changes")?, uid("Action", "destroys")?);
    let group = if effect == Effect::Destroys { destroys.clone() } else { changes.clone() };
    let known = [
        Entity::new_no_attrs(action.clone(), [group].into()),
        Entity::new_no_attrs(destroys, [changes.clone()].into()),
        Entity::new_no_attrs(changes, Default::default()),
    ];
    Ok((action, Entities::from_entities(known, None).map_err(|e| e.to_string())?))
}

/// Cedar has no null: what is absent is left out.
fn without_null(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k.clone(), without_null(v))).collect())
        }
        Value::Array(all) => Value::Array(all.iter().filter(|v| !v.is_null()).map(without_null).collect()),
        // Nor fractions.
        Value::Number(n) if !n.is_i64() => Value::String(n.to_string()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::hir::DelegateEngine;
    use rrb_lang::ids::SiteId;
    use rrb_lang::span::Span;
    use rrb_lang::vm::protocol::{ActionInfo, CallClass};
    use serde_json::json;

    fn delegate(text: &str) -> Delegate {
        let (file, query_span) = ("policies/guard.cedar".into(), Span::default());
        Delegate { engine: DelegateEngine::Cedar, file, text: text.to_owned(), query: "".into(), query_span }
    }

    fn call(effect: Effect) -> ActionInfo {
        ActionInfo {
            action: "k8s.drain".into(),
            connector: "k8s".into(),
            instance: "default".into(),
            target: Some("node/n7".into()),
            on_busy_fail: false,
            effect,
            args: vec![],
            rollback: false,
            cover: None,
            site: SiteId(0),
            class: CallClass::Once,
            approvals: vec![],
        }
    }

    fn decide(text: &str, effect: Effect, document: serde_json::Value) -> String {
        let cedar = Cedar::new(&delegate(text)).map_err(|m| m.message).unwrap();
        match cedar.decide(&Question { document, call: Some(call(effect)) }) {
            Err(why) => format!("error: {why}"),
            Ok(all) => {
                let why = |o: &Opinion| if let Opinion::Deny(why) = o { why.clone() } else { "asks".to_owned() };
                all.iter().map(why).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn permits_forbids_and_says_why() {
        let text = "permit(principal, action, resource);\n@because(\"not n7\")\nforbid(principal, action in Action::\"destroys\", resource == Target::\"node/n7\") unless { context.run.requester == \"user:ana\" };\n";
        let by = |who: &str| json!({ "run": { "requester": who, "event": null }, "share": 0.5 });
        assert_eq!(decide(text, Effect::Destroys, by("user:bo")), "not n7");
        assert_eq!(decide(text, Effect::Destroys, by("user:ana")), "");
        assert_eq!(decide(text, Effect::Changes, by("user:bo")), "");
        let only = "permit(principal == User::\"user:ana\", action in Action::\"changes\", resource);";
        assert_eq!(decide(only, Effect::Destroys, by("user:ana")), "");
        assert_eq!(decide(only, Effect::Changes, by("user:bo")), "no policy permits it");
        let fails =
            "permit(principal, action, resource);\nforbid(principal, action, resource) when { context.nothing == 1 };";
        assert!(decide(fails, Effect::Changes, by("user:bo")).starts_with("error: "));
    }

    #[test]
    fn mistakes_are_said() {
        let m = Cedar::new(&delegate("permit(principal, action);")).err().unwrap();
        assert!(!m.message.is_empty() && m.place.is_some(), "{}", m.message);
    }
}
