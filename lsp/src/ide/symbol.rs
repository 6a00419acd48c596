//! What the name at a place stands for, and every place that names the same.

use rrb_lang::check::world::{Declared, Kind, NameSeen, Target, World};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::types::{Ty, Type};

use super::Analysis;
use super::text::is_word;

/// What a name stands for, the same from every file that names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// Declared in a text: where its name stands there. A module is the empty place at the start of its file.
    Place(Span),
    /// Brought by the language: `Text`, `List.map`.
    Language(String),
}

/// A symbol, and the name through which somebody asked for it.
#[derive(Debug, Clone)]
pub struct Named {
    pub symbol: Symbol,
    pub target: Target,
    pub declared: Declared,
    /// The name at the place.
    pub span: Span,
}

/// Whether a name is read, written or declared at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    Read,
    Write,
    Declaration,
}

/// A place with what it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mention {
    pub span: Span,
    pub kind: Use,
}

/// The symbol that a target is in this world.
pub fn symbol(world: &World, target: &Target) -> Option<Symbol> {
    Some(match target {
        Target::Local(span) | Target::Param(span) => Symbol::Place(*span),
        Target::Method(head, name) => Symbol::Language(format!("{head}.{name}")),
        Target::BuiltIn(name) => Symbol::Language(name.to_string()),
        other => {
            let declared = world.declared(other)?;
            match declared.span {
                Some(span) => Symbol::Place(span),
                None => Symbol::Language(declared.name.to_string()),
            }
        }
    })
}

/// The name that the cursor touches.
pub fn name_at(world: &World, offset: u32) -> Option<&NameSeen> {
    let names = &world.index.names;
    let touches = |n: &&NameSeen| n.span.start <= offset && offset <= n.span.end;
    // Names do not overlap: the last that begins at or before the offset, or the one before it, touches it.
    let behind = names.partition_point(|n| n.span.start <= offset);
    names.get(..behind)?.iter().rev().take(2).find(touches)
}

/// What stands at a place.
pub fn at(analysis: &Analysis, file: FileId, offset: u32) -> Option<Named> {
    if file == PROJECT_FILE {
        return None;
    }
    let world = analysis.world(file);
    let seen = name_at(&world, offset)?;
    let declared = world.declared(&seen.target)?;
    Some(Named { symbol: symbol(&world, &seen.target)?, target: seen.target.clone(), declared, span: seen.span })
}

/// Where what the name stands for is declared.
pub fn definition(analysis: &Analysis, file: FileId, offset: u32) -> Option<(Span, Span)> {
    let named = at(analysis, file, offset)?;
    Some((named.span, named.declared.span?))
}

/// Where the type of what stands at a place is declared.
pub fn type_definition(analysis: &Analysis, file: FileId, offset: u32) -> Option<(Span, Span)> {
    if file == PROJECT_FILE {
        return None;
    }
    let world = analysis.world(file);
    let (span, ty) = type_at(&world, offset)?;
    let id = world.named(&ty)?;
    let declared = world.declared(&Target::Type(id))?;
    Some((span, declared.span?))
}

/// The type of the name or expression at a place.
pub fn type_at(world: &World, offset: u32) -> Option<(Span, Ty)> {
    if let Some(name) = name_at(world, offset) {
        let of_function = |id| {
            let f = world.function(id)?;
            f.ret.clone()
        };
        let ty = match &name.target {
            Target::Fn(id) => of_function(*id),
            other => world.type_of(other),
        };
        if let Some(ty) = ty {
            return Some((name.span, ty));
        }
    }
    let around = world.index.exprs.iter().filter(|e| e.span.start <= offset && offset <= e.span.end);
    let e = around.filter(|e| !matches!(*e.ty, Type::Error)).min_by_key(|e| e.span.end - e.span.start)?;
    Some((e.span, e.ty.clone()))
}

/// Where a symbol is put into practice: the action behind a call, the runbooks that an event starts, the texts behind a setting. For
/// most it is their declaration.
pub fn implementation(analysis: &Analysis, file: FileId, offset: u32) -> Vec<Span> {
    let Some(named) = at(analysis, file, offset) else { return Vec::new() };
    match named.declared.kind {
        // Who hears an event makes something of it.
        Kind::Event => {
            let heard = references(analysis, file, offset, false);
            let own: Vec<Span> = heard.iter().map(|m| m.span).filter(|s| in_header(analysis, *s)).collect();
            if own.is_empty() { named.declared.span.into_iter().collect() } else { own }
        }
        _ => named.declared.span.into_iter().collect(),
    }
}

fn in_header(analysis: &Analysis, span: Span) -> bool {
    let read = analysis.read(span.file);
    read.ast.items.iter().any(|item| match &item.kind {
        rrb_lang::syntax::ast::ItemKind::Runbook(r) => {
            r.header.iter().any(|h| h.span.start <= span.start && span.end <= h.span.end)
        }
        _ => false,
    })
}

/// Every place of the project that names what stands at a place, in order; those of the standard library only where it is asked from
/// there, or declares it.
pub fn references(analysis: &Analysis, file: FileId, offset: u32, declaration: bool) -> Vec<Mention> {
    let Some(named) = at(analysis, file, offset) else { return Vec::new() };
    mentions(analysis, &named, file, declaration)
}

/// The places in this file that name what stands at a place.
pub fn highlights(analysis: &Analysis, file: FileId, offset: u32) -> Vec<Mention> {
    let Some(named) = at(analysis, file, offset) else { return Vec::new() };
    let world = analysis.world(file);
    let mut found = Vec::new();
    mentions_in(&world, &named, &mut found);
    sorted(found)
}

pub(super) fn mentions(analysis: &Analysis, named: &Named, asked: FileId, declaration: bool) -> Vec<Mention> {
    let mut found = Vec::new();
    for file in candidates(analysis, named, asked) {
        mentions_in(&analysis.world(file), named, &mut found);
    }
    if !declaration {
        found.retain(|m| m.kind != Use::Declaration);
    }
    sorted(found)
}

fn sorted(mut found: Vec<Mention>) -> Vec<Mention> {
    found.sort_by_key(|m| m.span);
    found.dedup_by_key(|m| m.span);
    found
}

/// The files in which a symbol may be named.
fn candidates(analysis: &Analysis, named: &Named, asked: FileId) -> Vec<FileId> {
    let declared = named.declared.span.map(|s| s.file);
    if named.declared.kind == Kind::Variable {
        return declared.into_iter().collect();
    }
    // A module is named by the last part of its path.
    let name = short(&named.declared.name);
    let mut files: Vec<FileId> = analysis.files().filter(|f| has_word(&analysis.text(*f), name)).collect();
    files.extend(declared);
    files.push(asked);
    files.sort_unstable();
    files.dedup();
    files
}

/// The name of a declaration without what it belongs to: `post` of `slack.post`.
pub fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| is_word(text, at, at + word.len()))
}

fn mentions_in(world: &World, named: &Named, found: &mut Vec<Mention>) {
    let name = short(&named.declared.name);
    let module = named.declared.kind == Kind::Module;
    let index = &world.index;
    for seen in index.names.iter().chain(&index.short) {
        // What goes by another name is a module behind `as`.
        if !module && world.sources().text(seen.span) != name {
            continue;
        }
        if symbol(world, &seen.target).as_ref() != Some(&named.symbol) {
            continue;
        }
        let kind = match named.declared.span {
            Some(span) if span == seen.span => Use::Declaration,
            _ if is_written(world, seen.span) => Use::Write,
            _ => Use::Read,
        };
        found.push(Mention { span: seen.span, kind });
    }
}

/// Whether the name is the target of an assignment.
fn is_written(world: &World, span: Span) -> bool {
    let Some(source) = world.sources().get(span.file) else { return false };
    let behind = source.text.get(span.end as usize..).unwrap_or_default().trim_start_matches([' ', '\t']);
    let before = source.text.get(..span.start as usize).unwrap_or_default();
    let begins = before.rsplit('\n').next().unwrap_or_default().trim().is_empty();
    let assigns = behind.starts_with("+=") || behind.starts_with("-=");
    begins && (assigns || (behind.starts_with('=') && !behind.starts_with("==") && !behind.starts_with("=>")))
}
