//! Giving a declaration another name, everywhere at once, or saying why that cannot be done.

use std::collections::BTreeMap;

use rrb_lang::check::world::{Kind, Target};
use rrb_lang::hir::SettingOwner;
use rrb_lang::project::{TomlKind, TomlTable};
use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::is_reserved;
use rrb_lang::types::{Ty, Type};

use super::symbol::{self, Named, Symbol, at, mentions, short};
use super::text::is_name;
use super::{Analysis, show};

/// The name at a place that can be renamed.
///
/// # Errors
/// Why it cannot: nothing is named there, or it is not the project's to name.
pub fn prepare(analysis: &Analysis, file: FileId, offset: u32) -> Result<Span, String> {
    if analysis.is_library(file) {
        return Err(
            "the standard library is not yours to change: copy the file to `std/` to make it part of the project"
                .to_owned(),
        );
    }
    let named = at(analysis, file, offset).ok_or_else(|| "there is no name here that could be changed".to_owned())?;
    allowed(analysis, &named)?;
    Ok(named.span)
}

fn allowed(analysis: &Analysis, named: &Named) -> Result<(), String> {
    let name = short(&named.declared.name);
    let kind = show::kind(named.declared.kind);
    let Symbol::Place(span) = named.symbol else {
        return Err(format!("`{name}` is part of the language and keeps its name"));
    };
    if analysis.is_library(span.file) {
        return Err(format!("the {kind} `{name}` belongs to the standard library and keeps its name"));
    }
    if named.declared.kind == Kind::Module {
        return Err(format!("the module `{}` is named by its file: rename the file", named.declared.name));
    }
    if analysis.sources().text(span) != name {
        return Err(format!("`{name}` is brought into scope by the language and keeps its name"));
    }
    if let Some(key) = in_config(analysis, named) {
        return Err(format!("`{key}` of `rrb.toml` sets it: rename it there, and here by hand"));
    }
    if let Some(ty) = decoded(analysis, named) {
        return Err(format!("Json is read as `{ty}` somewhere, and what comes from outside calls the field `{name}`"));
    }
    Ok(())
}

/// The key in `rrb.toml` that names a setting or a connector.
fn in_config(analysis: &Analysis, named: &Named) -> Option<String> {
    let Symbol::Place(span) = named.symbol else { return None };
    let config = analysis.config();
    let world = analysis.world(span.file);
    match named.declared.kind {
        Kind::Setting => {
            let seen = world.index.names.iter().find(|n| n.span == span)?;
            let Target::Setting(id) = seen.target else { return None };
            let setting = world.setting(id)?;
            match &setting.owner {
                SettingOwner::Connector(owner) => {
                    let c = config.connectors.get(owner)?;
                    let given = c.shared.contains_key(&setting.name)
                        || c.instances.values().any(|i| i.table.contains_key(&setting.name));
                    given.then(|| format!("connectors.{owner}.{}", setting.name))
                }
                SettingOwner::Module(owner) => {
                    let mut table: &TomlTable = &config.settings;
                    for part in owner.split('.') {
                        table = match &table.get(part)?.kind {
                            TomlKind::Table(inner) => inner,
                            _ => return None,
                        };
                    }
                    table.contains_key(&setting.name).then(|| format!("settings.{owner}.{}", setting.name))
                }
            }
        }
        Kind::Connector => {
            let name = &named.declared.name;
            config.connectors.contains_key(name).then(|| format!("connectors.{name}"))
        }
        _ => None,
    }
}

/// The type with this field that Json is read as: its names are those of the outside.
fn decoded(analysis: &Analysis, named: &Named) -> Option<String> {
    let Target::Field(..) = named.target else { return None };
    let Symbol::Place(field) = named.symbol else { return None };
    let files = mentions(analysis, named, field.file, true).into_iter().map(|m| m.span.file);
    let mut files: Vec<FileId> = files.chain([field.file]).collect();
    files.sort_unstable();
    files.dedup();
    for file in files {
        let world = analysis.world(file);
        for ty in &world.index.decoded {
            let mut seen = Vec::new();
            if holds_field(&world, ty, field, named, &mut seen) {
                return Some(world.show(ty));
            }
        }
    }
    None
}

fn holds_field(
    world: &rrb_lang::check::world::World,
    ty: &Ty,
    field: Span,
    named: &Named,
    seen: &mut Vec<rrb_lang::ids::TypeId>,
) -> bool {
    match &**ty {
        Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Map(_, t) => holds_field(world, t, field, named, seen),
        Type::Named(id, _) => {
            if seen.contains(id) {
                return false;
            }
            seen.push(*id);
            let own = Target::Field(*id, short(&named.declared.name).into());
            let is_it = symbol::symbol(world, &own) == Some(Symbol::Place(field));
            is_it || world.fields(ty).iter().any(|f| holds_field(world, &f.ty, field, named, seen))
        }
        Type::Record(fields) => fields.iter().any(|f| holds_field(world, &f.ty, field, named, seen)),
        _ => false,
    }
}

/// The edits that give the name at a place another one, in order of file and place.
///
/// # Errors
/// Why it cannot have it: not a name, taken, or the program would mean something else.
pub fn rename(analysis: &Analysis, file: FileId, offset: u32, to: &str) -> Result<Vec<(Span, String)>, String> {
    prepare(analysis, file, offset)?;
    let named = at(analysis, file, offset).ok_or_else(|| "there is no name here that could be changed".to_owned())?;
    let from = short(&named.declared.name).to_owned();
    good_name(&named, &from, to)?;
    if from == to {
        return Ok(Vec::new());
    }
    let edits = edits(analysis, &named, file, &from, to);
    let after = apply(analysis, &edits);
    same_meaning(analysis, &after, &edits, &named, to)?;
    Ok(edits)
}

fn good_name(named: &Named, from: &str, to: &str) -> Result<(), String> {
    if !is_name(to) {
        return Err(format!("`{to}` is no name: write letters, digits and `_`, and begin with a letter"));
    }
    if is_reserved(to) {
        return Err(format!("`{to}` is a word of the language"));
    }
    let of_type = matches!(named.declared.kind, Kind::Record | Kind::Enum | Kind::Alias);
    let upper = |n: &str| n.trim_start_matches('_').starts_with(|c: char| c.is_ascii_uppercase());
    if of_type != upper(to) && of_type == upper(from) {
        let how =
            if of_type { "a type is written in `PascalCase`" } else { "a name of a value is written in `snake_case`" };
        return Err(format!("{how}, and `{to}` is not"));
    }
    Ok(())
}

fn edits(analysis: &Analysis, named: &Named, file: FileId, from: &str, to: &str) -> Vec<(Span, String)> {
    let mut out = Vec::new();
    for m in mentions(analysis, named, file, true) {
        let world = analysis.world(m.span.file);
        let short = world.index.short.iter().find(|s| s.span == m.span);
        let new = match short {
            // `{ node }` gives a field from a variable: only one of the two has another name now.
            Some(s) if symbol::symbol(&world, &s.target).as_ref() == Some(&named.symbol) => format!("{to}: {from}"),
            Some(_) => format!("{from}: {to}"),
            None => to.to_owned(),
        };
        out.push((m.span, new));
    }
    out
}

/// The project as it is after some edits.
pub(super) fn apply(analysis: &Analysis, edits: &[(Span, String)]) -> Analysis {
    let mut by_file: BTreeMap<FileId, Vec<&(Span, String)>> = BTreeMap::new();
    edits.iter().for_each(|e| by_file.entry(e.0.file).or_default().push(e));
    let texts = by_file.into_iter().map(|(file, edits)| (file, edited(&analysis.text(file), &edits).into()));
    analysis.with_texts(texts.collect())
}

/// A text with some edits made. Those that overlap one before them are left out.
pub fn edited(text: &str, edits: &[&(Span, String)]) -> String {
    let mut edits: Vec<&(Span, String)> = edits.to_vec();
    edits.sort_by_key(|(s, _)| (s.start, s.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, new) in edits {
        let (start, end) = (span.start as usize, span.end as usize);
        let Some(kept) = text.get(at..start) else { continue };
        out.push_str(kept);
        out.push_str(new);
        at = end.min(text.len());
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Whether every place that named it still does, nothing else does now, and nothing new is wrong.
fn same_meaning(
    before: &Analysis,
    after: &Analysis,
    edits: &[(Span, String)],
    named: &Named,
    to: &str,
) -> Result<(), String> {
    let Symbol::Place(declared) = named.symbol else { return Ok(()) };
    let mut files: Vec<FileId> = edits.iter().map(|(s, _)| s.file).collect();
    files.sort_unstable();
    files.dedup();
    for file in &files {
        let known = before.diagnostics(*file).iter().filter(|d| d.is_error()).count();
        let now = after.diagnostics(*file);
        let errors: Vec<_> = now.iter().filter(|d| d.is_error()).collect();
        if errors.len() > known {
            let new = errors.iter().find(|d| d.message.contains(&format!("`{to}`"))).or(errors.first());
            let why = new.map(|d| d.message.clone()).unwrap_or_default();
            return Err(format!("`{to}` clashes in `{}`: {why}", before.name(*file)));
        }
    }
    let moved: i64 = edits
        .iter()
        .filter(|(s, _)| s.file == declared.file && s.start < declared.start)
        .map(|(s, new)| new.len() as i64 - i64::from(s.end - s.start))
        .sum();
    let place = u32::try_from(i64::from(declared.start) + moved).unwrap_or(0);
    let found = symbol::references(after, declared.file, place, true).len();
    if found != edits.len() {
        return Err(format!("with the name `{to}` another declaration would be meant in some places"));
    }
    Ok(())
}
