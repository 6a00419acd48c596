//! Names: those in scope, those that a `use` could bring, and those that only one place knows.

use std::collections::HashSet;

use rrb_lang::check::world::{Kind, PlaceSeen, Target};
use rrb_lang::hir::SettingOwner;
use rrb_lang::schemes::SCHEMES;
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::{Effect, ExprKind, ItemKind as Decl, RecordEntry, TestStmtKind};
use rrb_lang::syntax::walk::Node;
use rrb_lang::types::{Ty, Type};

use super::lex::Token;
use super::members::{item, natives, plain};
use super::{ASKED, Context, Item, ItemKind, MOST_ITEMS, forms, keywords, rank, words};
use crate::ide::imports::{declared_lines, import};

/// The place that was asked about, as far as the checker came to it.
fn place<'c>(c: &'c Context<'_>) -> Option<&'c PlaceSeen> {
    c.world.index.place.as_ref()
}

/// Every name in scope of the file besides variables.
fn in_scope(c: &Context<'_>) -> Vec<(String, Target, bool)> {
    let module = place(c).map(|p| p.module).or_else(|| c.world.module_of(c.file)).unwrap_or(usize::MAX);
    let connector = place(c).and_then(|p| p.connector);
    c.world.scope(module, connector).into_iter().map(|(n, t, i)| (n.to_string(), t, i)).collect()
}

/// What a name of the file stands for.
pub fn named(c: &Context<'_>, name: &str) -> Option<Target> {
    in_scope(c).into_iter().find(|(n, ..)| n == name).map(|(_, t, _)| t)
}

fn rank_of(target: &Target, imported: bool, c: &Context<'_>) -> u32 {
    let everywhere =
        c.world.declared(target).and_then(|d| d.span).is_none_or(|s| c.analysis.is_library(s.file)) && !imported;
    match (imported, everywhere) {
        (true, _) => rank::IMPORTED,
        (_, true) => rank::EVERYWHERE,
        _ => rank::OWN,
    }
}

/// The values that could stand at the cursor, with what a `use` could bring.
pub fn values(c: &Context<'_>) -> Vec<Item> {
    let want = place(c).and_then(|p| p.want.clone()).filter(|t| !matches!(**t, Type::Error));
    let mut items = Vec::new();
    if let Some(want) = &want {
        items.extend(variants_of(c, want, rank::FITS, true));
        if matches!(*c.world.open(want), Type::Bool) {
            items.extend(["true", "false"].map(|w| Item::new(w, ItemKind::Keyword, rank::FITS)));
        }
        if matches!(*c.world.open(want), Type::Optional(_)) {
            items.push(Item::new("none", ItemKind::Keyword, rank::FITS + 1));
        }
    }
    for (i, local) in place(c).map(|p| p.locals.as_slice()).unwrap_or_default().iter().enumerate() {
        let fits = want.as_ref().is_some_and(|w| !matches!(*local.ty, Type::Error) && c.world.fits(&local.ty, w));
        let near = u32::try_from(i.min(8)).unwrap_or(8);
        let rank = if fits { rank::FITS + 2 } else { rank::LOCAL + near };
        let mut item = Item::new(local.name.as_str(), ItemKind::Declared(Kind::Variable), rank);
        item.detail = c.world.show(&local.ty);
        item.target = Some(Target::Local(local.span));
        items.push(item);
    }
    for (name, target, imported) in in_scope(c) {
        if matches!(target, Target::Event(_) | Target::Runbook(_) | Target::Policy(_)) {
            continue;
        }
        let fits = want.as_ref().is_some_and(|w| gives(c, &target).is_some_and(|t| c.world.fits(&t, w)));
        let rank = if fits { rank::FITS + 3 } else { rank_of(&target, imported, c) };
        items.push(doing(c, item(c, &name, target, rank)));
    }
    items.extend(elsewhere(c));
    items
}

/// The type of what a declaration gives.
fn gives(c: &Context<'_>, target: &Target) -> Option<Ty> {
    let ty = match target {
        Target::Fn(id) => c.world.function(*id)?.ret?,
        Target::Const(_) | Target::Setting(_) => c.world.type_of(target)?,
        _ => return None,
    };
    (!matches!(*ty, Type::Error | Type::Nothing | Type::Json | Type::Param(..))).then_some(ty)
}

/// A call that changes something is written with `do`.
fn doing(c: &Context<'_>, mut item: Item) -> Item {
    let Some(Target::Fn(id)) = &item.target else { return item };
    let changes = c.world.function(*id).is_some_and(|f| f.effect >= Effect::Changes);
    let has_do = matches!(c.before.words(1).as_slice(), [Token::Word("do")]);
    if changes && !has_do && place(c).is_some_and(|p| p.may_do) {
        item.insert = format!("do {}", item.insert);
    }
    item
}

/// What begins a statement.
pub fn statements(c: &Context<'_>) -> Vec<Item> {
    let effects = place(c).is_some_and(|p| p.may_do);
    let mut items = Vec::new();
    if let Some(r) = c.enclosing_runbook() {
        let first = r.body.iter().all(|s| s.span.start >= c.start);
        let top = c.nodes.iter().filter(|n| matches!(n, Node::Block(_))).count() == 0;
        if top && first {
            items.extend(keywords(words::HEADER, rank::KEYWORD - 1));
        }
        if top {
            items.extend(keywords(&["on failure", "finally"], rank::KEYWORD + 1));
        }
    }
    if effects {
        items.extend(keywords(words::STATEMENT, rank::KEYWORD));
        let top = c.nodes.iter().all(|n| !matches!(n, Node::Block(_)));
        items.extend(forms(words::STATEMENTS, rank::FORM).into_iter().filter(|f| top || f.label != "on failure"));
    } else {
        items.extend(keywords(words::PURE_STATEMENT, rank::KEYWORD));
    }
    items
}

/// The variants of an enum.
pub fn variants_of(c: &Context<'_>, ty: &Ty, rank: u32, open: bool) -> Vec<Item> {
    let opened = c.world.open(ty);
    let inner = match &*opened {
        Type::Optional(inner) if open => inner.clone(),
        _ => opened,
    };
    let Some((id, variants)) = c.world.variants(&inner) else { return Vec::new() };
    let one = |v: &rrb_lang::types::VariantTy| {
        let mut item = Item::new(v.name.as_str(), ItemKind::Declared(Kind::Variant), rank);
        item.detail = c.world.show(&inner);
        item.target = Some(Target::Variant(id, v.name.clone()));
        if !v.payload.is_empty() {
            let places: Vec<String> =
                v.payload.iter().enumerate().map(|(i, f)| format!("{}: ${{{}}}", f.name, i + 1)).collect();
            item.insert = format!("{}({})$0", v.name, places.join(", "));
            item.snippet = true;
        }
        item
    };
    variants.iter().map(one).collect()
}

/// What can be matched.
pub fn pattern(c: &Context<'_>) -> Vec<Item> {
    let Some(want) = place(c).and_then(|p| p.want.clone()) else { return Vec::new() };
    let mut items = variants_of(c, &want, rank::FITS, true);
    if matches!(*c.world.open(&want), Type::Optional(_)) {
        items.push(Item::new("none", ItemKind::Keyword, rank::FITS));
    }
    if matches!(*c.world.open(&want), Type::Bool) {
        items.extend(["true", "false"].map(|w| Item::new(w, ItemKind::Keyword, rank::FITS)));
    }
    items.push(Item::new("_", ItemKind::Keyword, rank::KEYWORD));
    items
}

/// The types that a name can stand for.
pub fn types(c: &Context<'_>) -> Vec<Item> {
    const BUILT_IN: &[&str] = &[
        "Text", "Int", "Float", "Bool", "Duration", "Time", "Size", "Json", "Url", "Secret", "Ip", "Cidr", "Regex",
        "Cron", "Bytes", "Nothing", "Never",
    ];
    let mut items: Vec<Item> =
        BUILT_IN.iter().map(|t| Item::new(*t, ItemKind::Declared(Kind::BuiltIn), rank::OWN)).collect();
    for (name, insert) in [("List", "List<$1>$0"), ("Set", "Set<$1>$0"), ("Map", "Map<${1:Text}, $2>$0")] {
        let item = Item::new(name, ItemKind::Declared(Kind::BuiltIn), rank::OWN);
        items.push(Item { insert: insert.to_owned(), snippet: true, ..item });
    }
    for (name, target, imported) in in_scope(c) {
        match target {
            Target::Type(_) => {
                let rank = rank_of(&target, imported, c).min(rank::OWN + 5);
                items.push(plain(c, &name, target, rank));
            }
            Target::Module(_) | Target::Connector(_) => items.push(plain(c, &name, target, rank::IMPORTED)),
            _ => {}
        }
    }
    items
}

/// The fields that the record around the cursor may still have.
pub fn record_fields(c: &Context<'_>) -> Vec<Item> {
    let record = c.nodes.iter().rev().find_map(|n| match n {
        Node::Expr(e) => match &e.kind {
            ExprKind::Record(entries) => Some((e.span, entries)),
            _ => None,
        },
        _ => None,
    });
    let Some((span, entries)) = record else { return Vec::new() };
    let given: Vec<&str> = entries
        .iter()
        .filter_map(|e| match e {
            RecordEntry::Field { name, .. } | RecordEntry::Shorthand(name) => Some(name.name.as_str()),
            _ => None,
        })
        .collect();
    if let Some(items) = settings_given(c, &given) {
        return items;
    }
    let seen = c.world.index.exprs.iter().find(|e| e.span == span);
    let Some(ty) = seen.and_then(|e| e.want.clone()) else { return Vec::new() };
    let ty = match &*c.world.open(&ty) {
        Type::Optional(inner) => inner.clone(),
        _ => ty,
    };
    let owner = match &*c.world.open(&ty) {
        Type::Named(id, _) => Some(*id),
        _ => None,
    };
    let fields = c.world.fields(&ty);
    let open = fields.iter().filter(|f| !given.contains(&f.name.as_str()));
    let one = |f: &rrb_lang::types::FieldTy| {
        let rank = if f.default.is_some() { rank::FITS + 1 } else { rank::FITS };
        let mut item = Item::new(f.name.as_str(), ItemKind::Declared(Kind::Field), rank);
        item.detail = c.world.show(&f.ty);
        item.insert = format!("{}: ", f.name);
        item.target = owner.map(|id| Target::Field(id, f.name.clone()));
        item
    };
    open.map(one).collect()
}

/// The settings that a test may give.
fn settings_given(c: &Context<'_>, given: &[&str]) -> Option<Vec<Item>> {
    let path = c.nodes.iter().find_map(|n| match n {
        Node::TestStmt(s) => match &s.kind {
            TestStmtKind::GivenSettings { of, .. } => Some(of),
            _ => None,
        },
        _ => None,
    })?;
    let owners = match path {
        None => vec![SettingOwner::Module(c.analysis.module_name(c.file).unwrap_or_default().into())],
        Some(path) => {
            let name = path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
            let connector =
                named(c, &name).and_then(|t| c.world.connector_of(&t)).and_then(|id| c.world.connector_name(id));
            let mut owners = vec![SettingOwner::Module(name.into())];
            owners.extend(connector.map(SettingOwner::Connector));
            owners
        }
    };
    let all = owners.iter().flat_map(|o| c.world.settings_of(o)).filter(|s| !given.contains(&s.name.as_str()));
    let one = |s: &rrb_lang::hir::Setting| {
        let mut item = Item::new(s.name.as_str(), ItemKind::Declared(Kind::Setting), rank::FITS);
        item.detail = c.world.show(&s.ty);
        item.insert = format!("{}: ", s.name);
        item
    };
    Some(all.map(one).collect())
}

/// The arguments that the call around the cursor may still be given by name.
pub fn named_arguments(c: &Context<'_>) -> Vec<Item> {
    let end = c.start + u32::try_from(ASKED.len()).unwrap_or(0);
    let around = c.world.index.calls.iter().filter(|call| call.span.start < c.start && end <= call.span.end);
    let Some(call) = around.min_by_key(|call| call.span.end - call.span.start) else { return Vec::new() };
    // Only an argument itself, and nothing inside of one.
    let Some(own) = call.args.iter().position(|(span, _)| span.start == c.start && span.end == end) else {
        return Vec::new();
    };
    let given: Vec<usize> =
        call.args.iter().enumerate().filter(|(i, _)| *i != own).filter_map(|(_, (_, p))| *p).collect();
    let open = call.params.iter().enumerate().filter(|(i, p)| !given.contains(i) && !p.name.starts_with('#'));
    let one = |(_, p): (usize, &rrb_lang::check::world::ParamSeen)| {
        let rank = if p.optional { rank::CLAUSE + 1 } else { rank::CLAUSE };
        let mut item = Item::new(format!("{}:", p.name), ItemKind::Declared(Kind::Parameter), rank);
        item.detail = c.world.show(&p.ty);
        item.insert = format!("{}: ", p.name);
        item
    };
    open.map(one).collect()
}

/// The parameters that the trigger around the cursor may give.
pub fn trigger_params(c: &Context<'_>) -> Vec<Item> {
    let Some(r) = c.enclosing_runbook() else { return Vec::new() };
    let one = |p: &rrb_lang::syntax::ast::FieldDecl| {
        let mut item = Item::new(p.name.name.as_str(), ItemKind::Declared(Kind::Parameter), rank::CLAUSE);
        item.detail = c.world.sources().text(p.ty.span).to_owned();
        item.insert = format!("{}: ", p.name.name);
        item
    };
    r.params.iter().map(one).collect()
}

/// The schemes by which an event can be verified.
pub fn schemes() -> Vec<Item> {
    let one = |s: &rrb_lang::schemes::Scheme| Item {
        detail: s.docs.to_owned(),
        insert: format!("{}($0)", s.name),
        snippet: true,
        ..Item::new(s.name, ItemKind::Keyword, rank::FITS)
    };
    let mut items: Vec<Item> = SCHEMES.iter().map(one).collect();
    items.push(Item {
        insert: "none because \"$1\"$0".to_owned(),
        snippet: true,
        ..Item::new("none because", ItemKind::Keyword, rank::KEYWORD)
    });
    items
}

/// Connectors that have events, and what a `use` could bring.
pub fn events(c: &Context<'_>) -> Vec<Item> {
    let has_events = |t: &Target| {
        c.world.connector_of(t).is_some_and(|id| {
            c.world.members(&Target::Connector(id)).iter().any(|(_, t)| matches!(t, Target::Event(_)))
        })
    };
    let mut items: Vec<Item> = in_scope(c)
        .into_iter()
        .filter(|(_, t, _)| has_events(t))
        .map(|(name, target, imported)| {
            let rank = rank_of(&target, imported, c);
            Item { insert: format!("{name}."), ..plain(c, &name, target, rank) }
        })
        .collect();
    items.extend(keywords(&["silence of"], rank::KEYWORD));
    items.extend(library(c).into_iter().map(|i| Item { insert: format!("{}.", i.insert), ..i }));
    items
}

/// The runbooks that can be run as children.
pub fn runbooks(c: &Context<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for (name, target, imported) in in_scope(c) {
        match &target {
            Target::Runbook(i) => {
                let params = c.world.runbook_params(*i);
                let needed: Vec<String> = params
                    .iter()
                    .filter(|p| !p.optional)
                    .enumerate()
                    .map(|(i, p)| format!("{}: ${{{}}}", p.name, i + 1))
                    .collect();
                let rank = rank_of(&target, imported, c).min(rank::OWN);
                let item = plain(c, &name, target, rank);
                items.push(Item { insert: format!("{name}({})$0", needed.join(", ")), snippet: true, ..item });
            }
            Target::Module(_) => items.push(plain(c, &name, target, rank::IMPORTED)),
            _ => {}
        }
    }
    items
}

/// What can be called: with `changing` only what changes something, and where it may stand.
pub fn calls(c: &Context<'_>, changing: bool) -> Vec<Item> {
    let mut items = Vec::new();
    for (name, target, imported) in in_scope(c) {
        let offered = match &target {
            Target::Fn(id) => {
                c.world.function(*id).is_some_and(|f| f.action && (!changing || f.effect >= Effect::Changes))
            }
            Target::Module(_) | Target::Connector(_) => true,
            _ => false,
        };
        if offered {
            let rank = rank_of(&target, imported, c);
            items.push(item(c, &name, target, rank));
        }
    }
    items.extend(library(c));
    items
}

/// What `use` can bring whole.
pub fn modules(c: &Context<'_>) -> Vec<Item> {
    let own = c.analysis.files().filter_map(|f| c.analysis.module_name(f));
    let own = own.filter(|n| Some(*n) != c.analysis.module_name(c.file)).map(|n| (n.to_owned(), rank::OWN));
    let std = stdlib::names().map(|n| (n.to_owned(), rank::IMPORTED));
    own.chain(std).map(|(n, rank)| Item::new(n, ItemKind::Declared(Kind::Module), rank)).collect()
}

/// The modules below a part of a path: `std.`
pub fn modules_below(c: &Context<'_>, path: &str) -> Vec<Item> {
    let prefix = format!("{path}.");
    let below = modules(c).into_iter().filter_map(|i| {
        let rest = i.label.strip_prefix(&prefix)?.to_owned();
        Some(Item { detail: i.label.clone(), insert: rest.clone(), label: rest, ..i })
    });
    below.collect()
}

/// The declarations of a module that the file does not see.
pub fn declared_in(c: &Context<'_>, module: &str) -> Vec<Item> {
    let Some(file) = c.analysis.module(module) else { return Vec::new() };
    let read = c.analysis.read(file);
    public(&read.ast).map(|(name, kind)| Item::new(name, ItemKind::Declared(kind), rank::MEMBER)).collect()
}

fn public(module: &rrb_lang::syntax::ast::Module) -> impl Iterator<Item = (String, Kind)> + '_ {
    let named = module.items.iter().filter_map(|i| {
        let (name, kind) = match &i.kind {
            Decl::Const(d) => (&d.name, Kind::Constant),
            Decl::Type(d) => (&d.name, Kind::Record),
            Decl::Enum(d) => (&d.name, Kind::Enum),
            Decl::Fn(d) => (&d.name, Kind::Function),
            Decl::Action(d) => (&d.name, Kind::Action),
            Decl::Runbook(d) => (&d.name, Kind::Runbook),
            Decl::Connector(d) => (&d.name, Kind::Connector),
            _ => return None,
        };
        Some((name.name.to_string(), kind))
    });
    named.filter(|(name, _)| !name.starts_with('_') && !name.is_empty())
}

/// Modules of the library that the file does not bring in yet, with the `use` that does.
fn library(c: &Context<'_>) -> Vec<Item> {
    let known: Vec<&String> = c.read.imports.iter().collect();
    let taken: Vec<String> = in_scope(c).into_iter().map(|(n, ..)| n).collect();
    let read = c.analysis.read(c.file);
    let mut items = Vec::new();
    for module in stdlib::names().filter(|m| !known.iter().any(|k| k == m)) {
        let name = module.rsplit('.').next().unwrap_or(module);
        if taken.iter().any(|t| t == name) {
            continue;
        }
        let mut item = Item::new(name, ItemKind::Declared(Kind::Module), rank::ELSEWHERE);
        item.detail = format!("use {module}");
        item.edits = vec![import(&read, c.file, &item.detail)];
        items.push(item);
    }
    for name in natives().filter(|n| !taken.iter().any(|t| t == n)) {
        items.push(Item::new(name, ItemKind::Declared(Kind::Module), rank::EVERYWHERE));
    }
    items
}

/// How many modules of the project are offered where no letter of them stands yet.
const MODULES_UNASKED: usize = 50;

/// What a `use` could bring: modules of the library, and what other files of the project declare under such a name.
fn elsewhere(c: &Context<'_>) -> Vec<Item> {
    let mut items = library(c);
    let text = c.analysis.text(c.file);
    let word = text.get(c.word.start as usize..c.word.end as usize).unwrap_or_default();
    let taken: HashSet<String> = in_scope(c).into_iter().map(|(n, ..)| n).collect();
    let imported: HashSet<&String> = c.read.imports.iter().collect();
    let read = c.analysis.read(c.file);
    let mut unasked = 0;
    for (module, file) in c.analysis.modules().filter(|(_, file)| *file != c.file) {
        let name = module.rsplit('.').next().unwrap_or(module);
        let asked = !word.is_empty() && name.contains(word);
        unasked += usize::from(!asked);
        let offered = asked || (word.is_empty() && unasked <= MODULES_UNASKED);
        if offered && !imported.iter().any(|i| *i == module) && !taken.contains(name) {
            let mut item = Item::new(name, ItemKind::Declared(Kind::Module), rank::ELSEWHERE - 1);
            item.detail = format!("use {module}");
            item.edits = vec![import(&read, c.file, &item.detail)];
            items.push(item);
        }
        if word.len() < 2 || items.len() > MOST_ITEMS {
            continue;
        }
        for (name, kind) in declared_lines(&c.analysis.text(file), word) {
            if kind == Kind::Runbook || taken.contains(name) {
                continue;
            }
            let mut item = Item::new(name, ItemKind::Declared(kind), rank::ELSEWHERE);
            item.detail = format!("use {module}.{{{name}}}");
            item.edits = vec![import(&read, c.file, &item.detail)];
            items.push(item);
        }
    }
    items
}
