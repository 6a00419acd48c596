//! What stands behind a `.`: actions of a connector, fields and methods of a value, variants of an enum.

use rrb_lang::check::world::{Kind, NameSeen, Target};
use rrb_lang::methods::Method;
use rrb_lang::span::Span;
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::ItemKind as Decl;
use rrb_lang::types::{Ty, Type};

use super::lex::Token;
use super::{Context, Item, ItemKind, rank, scope};
use crate::ide::show;
use crate::ide::text::is_name_char;

/// What the thing before the `.` has.
pub fn of_place(c: &Context<'_>, optional: bool) -> Vec<Item> {
    if let Some(items) = of_path(c) {
        return items;
    }
    // The place where the thing before the dot ends.
    let text = c.world.sources().get(c.file).map(|s| s.text.clone()).unwrap_or_default();
    let before = text.get(..c.start as usize).unwrap_or_default();
    let number = before.trim_end_matches('.').trim_end_matches(|ch: char| ch.is_ascii_digit() || ch == '_');
    if number.len() + 1 < before.len() && !number.ends_with(is_name_char) && !number.ends_with('.') {
        return Vec::new();
    }
    let end = before.trim_end().trim_end_matches('.').trim_end_matches('?').trim_end().len();
    let end = u32::try_from(end).unwrap_or(u32::MAX);
    if let Some(name) = name_before(c, end)
        && let Some(items) = of_name(c, &name.target)
    {
        return items;
    }
    let behind = c.world.index.exprs.iter().filter(|e| e.span.end == end && !matches!(*e.ty, Type::Error));
    match behind.max_by_key(|e| e.span.end - e.span.start) {
        Some(e) => of_value(c, &e.ty.clone(), optional, end),
        None => Vec::new(),
    }
}

fn name_before<'c>(c: &'c Context<'_>, end: u32) -> Option<&'c NameSeen> {
    let exact = c.world.index.names.iter().find(|n| n.span.end == end);
    // `k8s["prod"].`
    exact.or_else(|| {
        let text = c.world.sources().get(c.file)?.text.get(..end as usize)?.to_owned();
        let open = text.strip_suffix(']').and_then(|t| t.rfind('['))?;
        let end = u32::try_from(open).ok()?;
        c.world.index.names.iter().find(|n| n.span.end == end)
    })
}

/// What follows a dotted path that is no value: of a `use`, of an event.
fn of_path(c: &Context<'_>) -> Option<Vec<Item>> {
    let words = c.before.words(12);
    // Back over `a.b.` to the word before it.
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = words.as_slice();
    while let [Token::Sign('.'), Token::Word(part), more @ ..] = rest {
        parts.push(part);
        rest = more;
    }
    // `k8s["prod"].`
    let head = match rest {
        [Token::Word(head), ..] => *head,
        _ => "",
    };
    parts.reverse();
    if head == "use" {
        return Some(scope::modules_below(c, &parts.join(".")));
    }
    let heard = match rest {
        [Token::Word("on" | "of" | "then" | "without"), ..] => true,
        [Token::Word("for"), Token::Word("wait"), ..] => true,
        [Token::Word("when"), before, ..] => {
            matches!(before, Token::Word("cancel") | Token::Sign(_) | Token::Text) && in_test_or_header(c)
        }
        [Token::Word("when")] => true,
        _ => false,
    };
    let name = parts.first().filter(|_| heard && parts.len() == 1)?;
    let target = scope::named(c, name)?;
    let connector = c.world.connector_of(&target)?;
    let members = c.world.members(&Target::Connector(connector));
    let events = members.into_iter().filter(|(_, t)| matches!(t, Target::Event(_)));
    Some(events.map(|(name, target)| item(c, &name, target, rank::MEMBER)).collect())
}

fn in_test_or_header(c: &Context<'_>) -> bool {
    c.enclosing(
        |n| matches!(n, rrb_lang::syntax::walk::Node::Item(i) if matches!(i.kind, Decl::Test(_) | Decl::Runbook(_))),
    )
}

/// The names of a module in `use lib.paging.{…}`.
pub fn of_use(c: &Context<'_>) -> Vec<Item> {
    let words: Vec<Token<'_>> = c.before.words(64);
    let Some(at) = words.iter().position(|t| *t == Token::Word("use")) else { return Vec::new() };
    let Some(open) = words.iter().position(|t| *t == Token::Sign('{')) else { return Vec::new() };
    let path: Vec<&str> = words
        .get(open..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .filter_map(|t| match t {
            Token::Word(w) => Some(*w),
            _ => None,
        })
        .collect();
    let name = path.join(".");
    let Some((module, ..)) = c.world.modules().find(|(_, n, _)| n.as_str() == name) else {
        return scope::declared_in(c, &name);
    };
    let members = c.world.members(&Target::Module(module));
    members.into_iter().map(|(name, target)| plain(c, &name, target, rank::MEMBER)).collect()
}

fn of_name(c: &Context<'_>, target: &Target) -> Option<Vec<Item>> {
    match target {
        Target::Module(_) | Target::Connector(_) => {
            let members = c.world.members(target);
            let inside = c.before.words(3);
            let type_place = matches!(inside.get(2), Some(Token::Sign(':' | '<' | '>')));
            let items = members.into_iter().filter(|(_, t)| !matches!(t, Target::Event(_)));
            Some(
                items
                    .map(|(name, target)| {
                        let is_type = matches!(target, Target::Type(_));
                        let rank = if is_type == type_place { rank::MEMBER } else { rank::MEMBER + 5 };
                        if type_place { plain(c, &name, target, rank) } else { item(c, &name, target, rank) }
                    })
                    .collect(),
            )
        }
        Target::Type(id) => {
            let ty = Ty::new(Type::Named(*id, vec![]));
            Some(scope::variants_of(c, &ty, rank::MEMBER, false))
        }
        _ => None,
    }
}

/// The fields and methods of a value.
fn of_value(c: &Context<'_>, ty: &Ty, optional: bool, end: u32) -> Vec<Item> {
    let opened = c.world.open(ty);
    let mut items = Vec::new();
    let called = c.is_called();
    let (inner, maybe) = match &*opened {
        Type::Optional(inner) => (inner.clone(), true),
        _ => (ty.clone(), false),
    };
    // What only a value that is there has is reached with `?.`.
    let edits = |item: Item| match maybe && !optional {
        true => Item { edits: vec![(Span::new(c.file, end, end), "?".to_owned())], ..item },
        false => item,
    };
    let owner = c.world.named(&inner).filter(|_| matches!(&*inner, Type::Named(..)));
    for f in c.world.fields(&inner) {
        let mut item = Item::new(f.name.as_str(), ItemKind::Declared(Kind::Field), rank::FIELD);
        item.detail = c.world.show(&f.ty);
        item.target = owner.map(|id| Target::Field(id, f.name.clone()));
        items.push(edits(item));
    }
    if maybe && !optional {
        items.extend(c.world.methods(ty).iter().map(|m| method(m, called)));
    }
    for m in c.world.methods(&inner) {
        items.push(edits(method(m, called)));
    }
    items
}

fn method(m: &'static Method, called: bool) -> Item {
    let mut item = Item::new(m.name, ItemKind::Declared(Kind::Method), rank::MEMBER);
    item.detail = m.signature.to_owned();
    item.target = Some(Target::Method(m.head().into(), m.name.into()));
    if !called {
        let none = m.signature.starts_with("()");
        let lambda = m.signature.contains("=>");
        item.insert = match (none, lambda) {
            (true, _) => format!("{}()", m.name),
            (_, true) => format!("{}(${{1:x}} => $0)", m.name),
            _ => format!("{}($0)", m.name),
        };
        item.snippet = !none;
    }
    item
}

/// A declaration without what would call it.
pub fn plain(c: &Context<'_>, name: &str, target: Target, rank: u32) -> Item {
    let kind = c.world.declared(&target).map_or(Kind::Variable, |d| d.kind);
    let declared = c.world.declared(&target);
    let mut item = Item::new(name, ItemKind::Declared(kind), rank);
    item.detail = show::head(c.world, &target).unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    item.deprecated = declared.is_some_and(|d| is_deprecated(&d.docs));
    item.target = Some(target);
    item
}

/// A declaration as it is used in an expression: a call with places for what it needs.
pub fn item(c: &Context<'_>, name: &str, target: Target, rank: u32) -> Item {
    let mut item = plain(c, name, target.clone(), rank);
    let Target::Fn(id) = &target else { return item };
    let Some(f) = c.world.function(*id) else { return item };
    if c.is_called() {
        return item;
    }
    let needed: Vec<&str> = f.params.iter().filter(|p| !p.optional).map(|p| p.name.as_str()).collect();
    let places: Vec<String> = needed.iter().enumerate().map(|(i, n)| format!("${{{}:{n}}}", i + 1)).collect();
    item.snippet = !f.params.is_empty();
    item.insert = match (needed.is_empty(), f.params.is_empty()) {
        (_, true) => format!("{name}()"),
        (true, false) => format!("{name}($0)"),
        _ => format!("{name}({})$0", places.join(", ")),
    };
    item
}

/// Whether the docs of a declaration say that it should not be used any more.
fn is_deprecated(docs: &str) -> bool {
    docs.lines().any(|l| l.trim_start().to_ascii_lowercase().starts_with("deprecated"))
}

impl Context<'_> {
    /// Whether brackets stand behind the cursor already.
    fn is_called(&self) -> bool {
        let text = self.analysis.text(self.file);
        text.get(self.word.end as usize..).is_some_and(|t| t.starts_with('('))
    }
}

/// The primitives that are in scope by the name of their module.
pub fn natives() -> impl Iterator<Item = &'static str> {
    stdlib::natives().iter().map(|(name, ..)| *name).filter(|n| *n != "core")
}
