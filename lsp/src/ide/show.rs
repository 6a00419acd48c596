//! How declarations are shown: their heads as their authors would write them.

use rrb_lang::check::world::{FnSeen, Kind, ParamSeen, Target, World};
use rrb_lang::methods::find;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::types::{Type, TypeDefKind};

/// The word that declares an effect.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// The name of a kind, for a list of names.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Variable => "variable",
        Kind::Parameter => "parameter",
        Kind::Constant => "constant",
        Kind::Setting => "setting",
        Kind::Function => "function",
        Kind::Action => "action",
        Kind::Runbook => "runbook",
        Kind::Policy => "policy",
        Kind::Connector => "connector",
        Kind::Record => "type",
        Kind::Enum => "enum",
        Kind::Alias => "type",
        Kind::Event => "event",
        Kind::Module => "module",
        Kind::Field => "field",
        Kind::Variant => "variant",
        Kind::Method => "method",
        Kind::BuiltIn => "built-in type",
    }
}

/// `node: Text`, `grace: Duration = …`
pub fn param(world: &World, p: &ParamSeen) -> String {
    let default = if p.optional { " = …" } else { "" };
    format!("{}: {}{default}", p.name, world.show(&p.ty))
}

/// `(node: Text, grace: Duration = …)`
pub fn params(world: &World, list: &[ParamSeen]) -> String {
    format!("({})", list.iter().map(|p| param(world, p)).collect::<Vec<_>>().join(", "))
}

/// `action slack.post(channel: Text, text: Text) -> Message changes once`
pub fn function(world: &World, f: &FnSeen) -> String {
    let word = if f.action { "action" } else { "fn" };
    let ret = f.ret.as_ref().filter(|t| !matches!(***t, Type::Nothing));
    let ret = ret.map(|t| format!(" -> {}", world.show(t))).unwrap_or_default();
    let does = if f.action { format!(" {}", effect(f.effect)) } else { String::new() };
    let class = f.class.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
    format!("{word} {}{}{ret}{does}{class}", f.name, params(world, &f.params))
}

/// How many fields or variants of a type are listed.
const LISTED: usize = 20;

/// The head of whatever a name stands for, as one would write its declaration.
pub fn head(world: &World, target: &Target) -> Option<String> {
    let declared = world.declared(target)?;
    let name = &declared.name;
    let typed = || world.type_of(target).map(|t| format!(": {}", world.show(&t))).unwrap_or_default();
    Some(match target {
        Target::Fn(id) => function(world, &world.function(*id)?),
        Target::Runbook(i) => format!("runbook {name}{}", params(world, &world.runbook_params(*i))),
        Target::Local(span) => {
            let mutable = world.index.locals.iter().any(|l| l.span == *span && l.mutable);
            let word = match declared.kind {
                Kind::Parameter => "",
                _ if mutable => "var ",
                _ => "let ",
            };
            format!("{word}{name}{}", typed())
        }
        Target::Const(_) => format!("let {name}{}", typed()),
        Target::Param(_) => format!("{name}{}", typed()),
        Target::Setting(_) => format!("setting {name}{}", typed()),
        Target::Field(id, _) => {
            let owner = world.declared(&Target::Type(*id)).map(|d| format!("{}.", d.name)).unwrap_or_default();
            format!("{owner}{name}{}", typed())
        }
        Target::Variant(id, name) => {
            let owner = world.declared(&Target::Type(*id)).map(|d| format!("{}.", d.name)).unwrap_or_default();
            format!("{owner}{}", variant(world, *id, name)?)
        }
        Target::Event(id) => {
            let ty = world.event_type(*id).map(|t| format!(": {}", world.show(&t))).unwrap_or_default();
            format!("event {name}{ty}")
        }
        Target::Type(id) => type_head(world, *id, name),
        Target::Method(head, name) => {
            let m = find(head, name).next()?;
            format!("{}.{}{}", m.receiver, m.name, m.signature)
        }
        Target::Connector(_) => format!("connector {name}"),
        Target::Module(_) => format!("module {name}"),
        Target::Policy(_) => format!("policy {name}"),
        Target::BuiltIn(name) => name.to_string(),
    })
}

fn variant(world: &World, id: rrb_lang::ids::TypeId, name: &str) -> Option<String> {
    let ty = rrb_lang::types::Ty::new(Type::Named(id, vec![]));
    let (_, variants) = world.variants(&ty)?;
    let v = variants.iter().find(|v| v.name == name)?;
    if v.payload.is_empty() {
        return Some(v.name.to_string());
    }
    let fields: Vec<String> = v.payload.iter().map(|f| format!("{}: {}", f.name, world.show(&f.ty))).collect();
    Some(format!("{}({})", v.name, fields.join(", ")))
}

fn type_head(world: &World, id: rrb_lang::ids::TypeId, name: &str) -> String {
    let Some(def) = world.type_def(id) else { return format!("type {name}") };
    let generics = if def.generics.is_empty() { String::new() } else { format!("<{}>", def.generics.join(", ")) };
    match &def.kind {
        TypeDefKind::Alias(t) => format!("type {name}{generics} = {}", world.show(t)),
        TypeDefKind::Enum(variants) => {
            let mut shown: Vec<String> =
                variants.iter().take(LISTED).filter_map(|v| variant(world, id, &v.name)).collect();
            if variants.len() > LISTED {
                shown.push("…".to_owned());
            }
            format!("enum {name} {{ {} }}", shown.join(", "))
        }
        TypeDefKind::Record(fields) => {
            let mut out = format!("type {name}{generics} = {{\n");
            for f in fields.iter().take(LISTED) {
                let default = if f.default.is_some() { " = …" } else { "" };
                out.push_str(&format!("  {}: {}{default},\n", f.name, world.show(&f.ty)));
            }
            if fields.len() > LISTED {
                out.push_str("  …\n");
            }
            out + "}"
        }
    }
}
