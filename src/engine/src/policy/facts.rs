//! What policies are asked about, as values for conditions and as a document for delegates.

use rrb_lang::hir::Runbook;
use rrb_lang::ids::TypeId;
use rrb_lang::json::Json;
use rrb_lang::types::builtin;
use rrb_lang::value::{Value, VariantValue};
use rrb_lang::vm::protocol::{ActionInfo, CallClass, Cover, Millis};
use smol_str::SmolStr;

/// The names of runbooks' severities, in order.
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
const EFFECTS: [&str; 4] = ["pure", "reads", "changes", "destroys"];

/// An approval that is held for a call.
#[derive(Debug, Clone, Default)]
pub struct HeldApproval {
    pub by: Vec<SmolStr>,
    pub comments: Vec<String>,
    pub at: Millis,
}

/// A run as policies see it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub run: &'a str,
    pub requester: &'a str,
    pub started: Millis,
    pub event: Option<&'a str>,
    pub params: &'a serde_json::Value,
    pub runbook: &'a Runbook,
    pub approvals: &'a [HeldApproval],
}

fn variant(ty: TypeId, index: usize, names: &[&str]) -> Value {
    let name = names.get(index).copied().unwrap_or_default().into();
    let index = u32::try_from(index).unwrap_or(0);
    Value::Variant(std::sync::Arc::new(VariantValue { ty, index, name, payload: Vec::new() }))
}

fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::None, Value::text)
}

fn class(class: CallClass) -> usize {
    match class {
        CallClass::Idempotent => 0,
        CallClass::Keyed => 1,
        CallClass::Probe => 2,
        CallClass::Once => 3,
    }
}

impl Facts<'_> {
    /// What conditions take. Without a call there is an empty one: conditions that read it are not asked then.
    pub fn values(&self, call: Option<&ActionInfo>, at: Millis) -> Vec<Value> {
        let params = Json::from(self.params.clone());
        let run = Value::record([
            ("id", Value::text(self.run)),
            ("requester", Value::text(self.requester)),
            ("started", Value::Time(self.started)),
            ("event", optional(self.event)),
            ("params", Value::Json(params)),
        ]);
        let texts = |all: &[SmolStr]| Value::list(all.iter().map(|t| Value::Text(t.clone())));
        let r = self.runbook;
        let runbook = Value::record([
            ("name", Value::Text(r.name.clone())),
            ("module", Value::Text(r.module.clone())),
            ("owner", optional(r.owner.as_deref())),
            ("severity", variant(builtin::RUNBOOK_SEVERITY, r.severity as usize, &SEVERITIES)),
            ("tags", texts(&r.tags)),
            ("controls", texts(&r.controls)),
        ]);
        let approvals = self.approvals.iter().map(|a| {
            Value::record([
                ("by", texts(&a.by)),
                ("comments", Value::list(a.comments.iter().map(|c| Value::text(c.as_str())))),
                ("at", Value::Time(a.at)),
            ])
        });
        let waiver = match call.and_then(|c| c.cover.as_ref()) {
            Some(Cover::Waiver { reason, by, until }) => Value::record([
                ("reason", Value::text(reason.as_str())),
                ("by", Value::Text(by.clone())),
                ("until", Value::Time(*until)),
            ]),
            _ => Value::None,
        };
        vec![run, runbook, call_value(call), Value::Time(at), Value::list(approvals), waiver]
    }
}

fn call_value(call: Option<&ActionInfo>) -> Value {
    let text = |f: fn(&ActionInfo) -> &SmolStr| Value::text(call.map_or("", |c| f(c).as_str()));
    let args = call.map(|c| Json::object(c.args.iter().map(|(n, v)| (n.as_str(), v.clone()))));
    Value::record([
        ("connector", text(|c| &c.connector)),
        ("action", text(|c| &c.action)),
        ("instance", text(|c| &c.instance)),
        ("target", optional(call.and_then(|c| c.target.as_deref()))),
        ("args", Value::Json(args.unwrap_or(Json::Null))),
        ("effect", variant(builtin::CALL_EFFECT, call.map_or(0, |c| c.effect as usize), &EFFECTS)),
        ("class", variant(builtin::CALL_CLASS, call.map_or(0, |c| class(c.class)), builtin::CALL_CLASSES)),
        ("rollback", Value::Bool(call.is_some_and(|c| c.rollback))),
    ])
}

/// The document that delegates are given: the same, by name.
pub fn document(values: &[Value]) -> serde_json::Value {
    let names = ["run", "runbook", "call", "time", "approvals", "waiver"];
    let fields = names.iter().zip(values);
    let object = fields.map(|(n, v)| ((*n).to_owned(), serde_json::Value::from(&rrb_lang::vm::shown(v))));
    serde_json::Value::Object(object.collect())
}
