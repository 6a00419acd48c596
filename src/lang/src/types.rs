//! The types of the language, after names are resolved. Shared by the checker, the program's tables and the decoder of `as`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::ConstId;
pub use crate::ids::TypeId;
pub use crate::syntax::ast::Effect;

/// A shared type.
pub type Ty = Arc<Type>;

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// The type of what is already reported; fits everywhere and everything fits it.
    Error,
    /// Has no values: `fail`, `finish`, `return`; fits everywhere.
    Never,
    /// The type of a statement without a value.
    Nothing,
    /// The type of the literal `none` before it meets an expectation; fits every optional.
    None,
    Bool,
    Int,
    Float,
    Text,
    Duration,
    Size,
    Time,
    Regex,
    Cron,
    Url,
    Ip,
    Cidr,
    Bytes,
    Json,
    Secret,
    /// `a..b` over Int, Float, Duration, Size or Time
    Range(Ty),
    Optional(Ty),
    List(Ty),
    Set(Ty),
    Map(Ty, Ty),
    /// A record without a name of its own. Field order is as written; it does not matter for what fits.
    Record(Vec<FieldTy>),
    /// A declared type with its generic arguments.
    Named(TypeId, Vec<Ty>),
    Function {
        params: Vec<Ty>,
        ret: Ty,
        effect: Effect,
    },
    /// A generic parameter of the declaration being checked, by its index there.
    Param(u32, SmolStr),
}

/// A field of a record, or of a variant's payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldTy {
    pub name: SmolStr,
    pub ty: Ty,
    /// The constant that fills a literal or a decoded value where the field is missing.
    pub default: Option<ConstId>,
}

/// What a declared name stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    /// As declared: `Pod`.
    pub name: SmolStr,
    /// The module or connector it is declared in: `std.kubernetes`; empty for what is built in.
    pub module: SmolStr,
    pub docs: String,
    pub generics: Vec<SmolStr>,
    pub kind: TypeDefKind,
}

/// What a declared type is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TypeDefKind {
    Record(Vec<FieldTy>),
    /// In the order written, which is the order of comparison.
    Enum(Vec<VariantTy>),
    /// `type Name = Text`
    Alias(Ty),
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantTy {
    pub name: SmolStr,
    pub payload: Vec<FieldTy>,
}

/// All declared types of a program. The first ones are built in, at the ids of [`builtin`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TypeTable {
    pub defs: Vec<TypeDef>,
}

impl TypeTable {
    /// The definition of `id`.
    pub fn get(&self, id: TypeId) -> Option<&TypeDef> {
        self.defs.get(id.index())
    }

    /// Adds a definition.
    pub fn add(&mut self, def: TypeDef) -> TypeId {
        let id = TypeId(u32::try_from(self.defs.len()).unwrap_or(u32::MAX));
        self.defs.push(def);
        id
    }
}

/// The ids of the built-in declared types; [`builtin::table`] makes the table that begins with them.
pub mod builtin {
    use super::{FieldTy, Ty, Type, TypeDef, TypeDefKind, TypeId, TypeTable, VariantTy};

    /// `timeout unavailable throttled …`
    pub const FAILURE_KIND: TypeId = TypeId(0);
    /// What `catch f` and `on failure as f` bind.
    pub const FAILURE: TypeId = TypeId(1);
    /// `info low medium high critical`, of a runbook.
    pub const RUNBOOK_SEVERITY: TypeId = TypeId(2);
    /// What `otherwise d` binds.
    pub const DENIAL: TypeId = TypeId(3);
    /// What `approval` is inside an approved block.
    pub const APPROVAL: TypeId = TypeId(4);
    /// `e.meta` of every event.
    pub const EVENT_META: TypeId = TypeId(5);
    /// What an `ask` action takes.
    pub const APPROVAL_REQUEST: TypeId = TypeId(6);
    /// `call.effect` in a policy: `pure reads changes destroys`.
    pub const CALL_EFFECT: TypeId = TypeId(7);
    /// `call.class` in a policy: `idempotent keyed probe once`.
    pub const CALL_CLASS: TypeId = TypeId(8);
    /// `run` in a policy.
    pub const POLICY_RUN: TypeId = TypeId(9);
    /// `runbook` in a policy.
    pub const POLICY_RUNBOOK: TypeId = TypeId(10);
    /// `call` in a policy.
    pub const POLICY_CALL: TypeId = TypeId(11);
    /// `waiver` in a policy, when the call stands in one.
    pub const POLICY_WAIVER: TypeId = TypeId(12);

    /// How a child run can end that its parent goes on after.
    pub const CHILD_OUTCOME: TypeId = TypeId(13);
    /// What `run` gives.
    pub const CHILD_RUN: TypeId = TypeId(14);

    fn ty(t: Type) -> Ty {
        Ty::new(t)
    }

    fn field(name: &str, t: Type) -> FieldTy {
        FieldTy { name: name.into(), ty: ty(t), default: None }
    }

    fn text() -> Type {
        Type::Text
    }

    fn enumeration(name: &str, docs: &str, variants: &[&str]) -> TypeDef {
        let variants = variants.iter().map(|v| VariantTy { name: (*v).into(), payload: vec![] }).collect();
        TypeDef {
            name: name.into(),
            module: "".into(),
            docs: docs.into(),
            generics: vec![],
            kind: TypeDefKind::Enum(variants),
        }
    }

    fn record(name: &str, docs: &str, fields: Vec<FieldTy>) -> TypeDef {
        TypeDef {
            name: name.into(),
            module: "".into(),
            docs: docs.into(),
            generics: vec![],
            kind: TypeDefKind::Record(fields),
        }
    }

    /// The names of failure kinds, in the order of the built-in enum.
    pub const FAILURE_KINDS: &[&str] = &[
        "timeout",
        "unavailable",
        "throttled",
        "unauthorized",
        "forbidden",
        "not_found",
        "conflict",
        "invalid",
        "denied",
        "cancelled",
        "unknown_outcome",
        "failed",
    ];

    /// The classes of calls, in the order of the built-in enum.
    pub const CALL_CLASSES: &[&str] = &["idempotent", "keyed", "probe", "once"];

    /// The names of the outcomes of child runs, in the order of the built-in enum. All others are failures of the parent.
    pub const CHILD_OUTCOMES: &[&str] = &["resolved", "mitigated", "not_needed", "escalated"];

    /// A table that holds just the built-in types.
    pub fn table() -> TypeTable {
        let list = |t: Type| Type::List(ty(t));
        let optional = |t: Type| Type::Optional(ty(t));
        TypeTable {
            defs: vec![
                enumeration("FailureKind", "Why a call or a run failed.", FAILURE_KINDS),
                record(
                    "Failure",
                    "What went wrong.",
                    vec![
                        field("kind", Type::Named(FAILURE_KIND, vec![])),
                        field("message", text()),
                        field("action", text()),
                        field("attempts", Type::Int),
                        field("at", Type::Time),
                        field("detail", Type::Json),
                    ],
                ),
                enumeration(
                    "RunbookSeverity",
                    "How much a runbook matters.",
                    &["info", "low", "medium", "high", "critical"],
                ),
                record(
                    "Denial",
                    "Why an approval was not given.",
                    vec![
                        field("reason", text()),
                        field("by", list(text())),
                        field("expired", Type::Bool),
                        field("at", Type::Time),
                    ],
                ),
                record(
                    "Approval",
                    "Who agreed.",
                    vec![field("by", list(text())), field("comments", list(text())), field("at", Type::Time)],
                ),
                record(
                    "EventMeta",
                    "Where an event came from and when.",
                    vec![
                        field("id", text()),
                        field("at", Type::Time),
                        field("received", Type::Time),
                        field("source", text()),
                        field("instance", text()),
                    ],
                ),
                record(
                    "ApprovalRequest",
                    "What people are asked to agree to.",
                    vec![
                        field("id", text()),
                        field("question", text()),
                        field("runbook", text()),
                        field("run", text()),
                        field("from", list(text())),
                        field("quorum", Type::Int),
                        field("expires", Type::Time),
                        field("plan", text()),
                        field("digest", text()),
                        field("showing", Type::Json),
                        field("link", optional(text())),
                    ],
                ),
                enumeration("CallEffect", "What a call does.", &["pure", "reads", "changes", "destroys"]),
                enumeration("CallClass", "What of a call may be repeated.", CALL_CLASSES),
                record(
                    "PolicyRun",
                    "The run that a policy is asked about.",
                    vec![
                        field("id", text()),
                        field("requester", text()),
                        field("started", Type::Time),
                        field("event", optional(text())),
                        field("params", Type::Json),
                    ],
                ),
                record(
                    "PolicyRunbook",
                    "The runbook of that run.",
                    vec![
                        field("name", text()),
                        field("module", text()),
                        field("owner", optional(text())),
                        field("severity", Type::Named(RUNBOOK_SEVERITY, vec![])),
                        field("tags", list(text())),
                        field("controls", list(text())),
                    ],
                ),
                record(
                    "PolicyCall",
                    "The call that a policy is asked about.",
                    vec![
                        field("connector", text()),
                        field("action", text()),
                        field("instance", text()),
                        field("target", optional(text())),
                        field("args", Type::Json),
                        field("effect", Type::Named(CALL_EFFECT, vec![])),
                        field("class", Type::Named(CALL_CLASS, vec![])),
                        field("rollback", Type::Bool),
                    ],
                ),
                record(
                    "PolicyWaiver",
                    "The waiver that the call stands in.",
                    vec![field("reason", text()), field("by", text()), field("until", Type::Time)],
                ),
                enumeration("ChildOutcome", "How a child run ended.", CHILD_OUTCOMES),
                record(
                    "ChildRun",
                    "A child run that came to its end.",
                    vec![
                        field("id", text()),
                        field("outcome", Type::Named(CHILD_OUTCOME, vec![])),
                        field("why", text()),
                        field("ineffective", Type::Bool),
                    ],
                ),
            ],
        }
    }
}

/// How a type is shown that is not known because of a mistake that has been reported. Nothing that mentions it is said.
pub const UNKNOWN: &str = "\u{1}";

/// A type as the author would write it.
pub fn shown(types: &TypeTable, t: &Ty) -> String {
    shown_at(types, t, 0)
}

fn shown_at(types: &TypeTable, t: &Ty, depth: u32) -> String {
    if depth > 6 {
        return "…".into();
    }
    let d = depth + 1;
    let list = |items: &[Ty]| items.iter().map(|i| shown_at(types, i, d)).collect::<Vec<_>>().join(", ");
    match &**t {
        Type::None => "none".into(),
        Type::Range(t) => format!("range of {}", shown_at(types, t, d)),
        Type::Error => UNKNOWN.into(),
        Type::Optional(t) => match &**t {
            Type::Function { .. } => format!("({})?", shown_at(types, t, d)),
            _ => format!("{}?", shown_at(types, t, d)),
        },
        Type::List(t) => format!("List<{}>", shown_at(types, t, d)),
        Type::Set(t) => format!("Set<{}>", shown_at(types, t, d)),
        Type::Map(k, v) => format!("Map<{}, {}>", shown_at(types, k, d), shown_at(types, v, d)),
        Type::Record(fields) if fields.is_empty() => "{ }".into(),
        Type::Record(fields) => {
            let mut shown: Vec<String> =
                fields.iter().take(6).map(|f| format!("{}: {}", f.name, shown_at(types, &f.ty, d))).collect();
            if fields.len() > 6 {
                shown.push("…".into());
            }
            format!("{{ {} }}", shown.join(", "))
        }
        Type::Named(id, args) => {
            let name = types.get(*id).map_or("?", |d| d.name.as_str());
            if args.is_empty() { name.into() } else { format!("{name}<{}>", list(args)) }
        }
        Type::Function { params, ret, effect } => {
            let reads = if *effect == Effect::Reads { " reads" } else { "" };
            format!("({}) => {}{reads}", list(params), shown_at(types, ret, d))
        }
        Type::Param(_, name) => name.to_string(),
        other => format!("{other:?}"),
    }
}
