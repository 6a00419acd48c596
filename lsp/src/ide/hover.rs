//! What is said of the name under the pointer.

use rrb_lang::check::world::{Kind, Target, World};
use rrb_lang::hir::SettingOwner;
use rrb_lang::ids::FnId;
use rrb_lang::methods::find;
use rrb_lang::project::{Toml, TomlTable};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::ast::Effect;
use rrb_lang::types::Type;

use super::cover::{Cover, cover_at};
use super::symbol::{name_at, type_at};
use super::{Analysis, show};

/// What is said of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// What it is said of.
    pub span: Span,
    /// Markdown.
    pub text: String,
}

/// What is said of the name or the value at a place.
pub fn hover(analysis: &Analysis, file: FileId, offset: u32) -> Option<Hover> {
    if file == PROJECT_FILE {
        return None;
    }
    let world = analysis.world(file);
    if let Some(seen) = name_at(&world, offset) {
        let text = of_name(analysis, &world, &seen.target, seen.span)?;
        return Some(Hover { span: seen.span, text });
    }
    let (span, ty) = type_at(&world, offset)?;
    if matches!(*ty, Type::Nothing | Type::Never | Type::Error) || !touches_small(&world, span, offset) {
        return None;
    }
    Some(Hover { span, text: code(&world.show(&ty)) })
}

/// The type of something long would only hide the text.
fn touches_small(world: &World, span: Span, offset: u32) -> bool {
    const LONG: usize = 120;
    let text = world.sources().text(span);
    let on_space = world
        .sources()
        .get(span.file)
        .is_some_and(|s| s.text.get(offset as usize..).is_none_or(|t| t.starts_with(char::is_whitespace)));
    text.len() <= LONG && !text.contains('\n') && !on_space
}

fn code(text: &str) -> String {
    format!("```rrb\n{text}\n```")
}

/// What is said of a declaration, whoever names it; also what a list of completions shows beside an item.
pub fn of_target(world: &World, target: &Target) -> Option<String> {
    let declared = world.declared(target)?;
    let mut parts = vec![code(&show::head(world, target)?)];
    if !declared.docs.trim().is_empty() {
        parts.push(declared.docs.trim().to_owned());
    }
    if let Target::Method(head, name) = target
        && let Some(m) = find(head, name).next()
    {
        parts.push(code(&format!("{}    // {}", m.example, m.value)));
    }
    if let Target::Fn(id) = target {
        parts.extend(of_action(world, *id));
    }
    if !declared.module.is_empty() && !matches!(declared.kind, Kind::Variable | Kind::Parameter | Kind::Module) {
        parts.push(format!("*{} of `{}`*", show::kind(declared.kind), declared.module));
    }
    Some(parts.join("\n\n"))
}

fn of_name(analysis: &Analysis, world: &World, target: &Target, span: Span) -> Option<String> {
    let mut parts = vec![of_target(world, target)?];
    match target {
        Target::Fn(id) => parts.extend(covered(analysis, world, *id, span)),
        Target::Setting(_) => parts.extend(given(analysis, world, target)),
        Target::Connector(_) | Target::Module(_) => parts.extend(settings(analysis, world, target)),
        _ => {}
    }
    Some(parts.join("\n\n"))
}

fn of_action(world: &World, id: FnId) -> Option<String> {
    let f = world.function(id).filter(|f| f.action)?;
    let does = match f.effect {
        Effect::Pure => return None,
        Effect::Reads => "**reads**: needs no `do`, and is called again after a crash",
        Effect::Changes => "**changes**: its call is written with `do`",
        Effect::Destroys => "**destroys**: its call needs `do`, and an `approve` or `waive` around it",
    };
    let repeat = match f.class.as_deref() {
        None => return Some(does.to_owned()),
        Some("idempotent") => {
            "**idempotent**: twice is once, so it is called again when nobody knows whether it happened"
        }
        Some("probe") => "**probe**: when nobody knows whether it happened, the target is asked",
        Some("once") => "**once**: when nobody knows whether it happened, the run waits for a person to say",
        Some(keyed) => return Some(format!("{does}  \n**{keyed}**: the target drops a repeat with the same key")),
    };
    Some(format!("{does}  \n{repeat}"))
}

/// Who agreed to a call at this place.
fn covered(analysis: &Analysis, world: &World, id: FnId, span: Span) -> Option<String> {
    let f = world.function(id).filter(|f| f.effect >= Effect::Changes && f.span != span)?;
    let text = |s: Span| world.sources().text(s).to_owned();
    match cover_at(&analysis.read(span.file).ast, span.start) {
        Some(Cover::Approve(question)) => Some(format!("approved here by `approve {}`", text(question))),
        Some(Cover::Waive(reason)) => Some(format!("waived here by `waive {}`", text(reason))),
        None if f.effect == Effect::Destroys => Some("not inside an `approve` or `waive`".to_owned()),
        None => None,
    }
}

/// Where `rrb.toml` gives a setting, and what. A Secret's value is never shown.
fn given(analysis: &Analysis, world: &World, target: &Target) -> Option<String> {
    let Target::Setting(id) = target else { return None };
    let setting = world.setting(*id)?;
    let (table, found) = match &setting.owner {
        SettingOwner::Connector(name) => {
            let config = analysis.config().connectors.get(name);
            (format!("[connectors.{name}]"), config.and_then(|c| c.shared.get(&setting.name)))
        }
        SettingOwner::Module(name) => {
            (format!("[settings.{name}]"), lookup(&analysis.config().settings, name).and_then(|t| t.get(&setting.name)))
        }
    };
    let variable = rrb_lang::project::env_name(&setting.owner, None, &setting.name);
    Some(match found {
        Some(value) if !holds_secret(&setting.ty) => {
            let text = analysis.sources().text(value.span);
            format!("`{}` under `{table}` in `rrb.toml`; `{variable}` overrides it", text.trim())
        }
        // A Secret's value is not shown.
        _ => format!("set under `{table}` in `rrb.toml`, or by `{variable}`"),
    })
}

fn holds_secret(ty: &rrb_lang::types::Ty) -> bool {
    match &**ty {
        Type::Secret => true,
        Type::Optional(t) | Type::List(t) => holds_secret(t),
        _ => false,
    }
}

/// The table of a module in the tree under `[settings]`.
fn lookup<'t>(tree: &'t TomlTable, module: &str) -> Option<&'t TomlTable> {
    let mut table = tree;
    for part in module.split('.') {
        table = as_table(table.get(part)?)?;
    }
    Some(table)
}

fn as_table(value: &Toml) -> Option<&TomlTable> {
    match &value.kind {
        rrb_lang::project::TomlKind::Table(table) => Some(table),
        _ => None,
    }
}

/// The settings of a connector or a module, and the instances there are.
fn settings(analysis: &Analysis, world: &World, target: &Target) -> Option<String> {
    let mut out = Vec::new();
    if let Some(name) = world.connector_of(target).and_then(|c| world.connector_name(c)) {
        let all = world.settings_of(&SettingOwner::Connector(name.clone()));
        if !all.is_empty() {
            out.push(format!("Settings, under `[connectors.{name}]`:"));
            out.extend(all.iter().map(|s| setting(world, s)));
        }
        let instances = analysis.config().instances(&name);
        if instances.len() > 1 {
            let list: Vec<String> = instances.iter().map(|i| format!("`{i}`")).collect();
            out.push(format!("\nInstances: {}", list.join(", ")));
        }
    } else if let Target::Module(_) = target {
        let name = world.declared(target)?.name;
        let all = world.settings_of(&SettingOwner::Module(name.clone()));
        if !all.is_empty() {
            out.push(format!("Settings, under `[settings.{name}]`:"));
            out.extend(all.iter().map(|s| setting(world, s)));
        }
    }
    (!out.is_empty()).then(|| out.join("\n"))
}

fn setting(world: &World, s: &rrb_lang::hir::Setting) -> String {
    let first = s.docs.lines().next().unwrap_or_default();
    let needed = if s.default.is_some() { "" } else { ", must be set" };
    let docs = if first.is_empty() { String::new() } else { format!(": {first}") };
    format!("- `{}: {}`{needed}{docs}", s.name, world.show(&s.ty))
}
