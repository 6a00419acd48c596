//! Patterns against a value of a known type, and the variables they bind.

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::cx::{Checker, Def};
use super::expr::Want;
use super::index::Target;
use super::scope::is_error;
use super::testing::Against;
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{LocalId, Pattern};
use crate::ids::TypeId;
use crate::span::Span;
use crate::syntax::ast::{self, PatternKind};
use crate::types::{FieldTy, Ty, Type};
use crate::value::Value;

/// The variables of a pattern by name: the alternatives of an `|` share them.
type Bound = IndexMap<SmolStr, LocalId>;

impl Checker {
    /// Resolves a pattern and declares what it binds in the current scope.
    pub fn pattern(&mut self, p: &ast::Pattern, t: &Ty) -> Pattern {
        let mut bound = Bound::new();
        self.pattern_in(p, t, &mut bound, false)
    }

    fn bind(&mut self, name: &ast::Ident, t: &Ty, bound: &mut Bound, again: bool) -> LocalId {
        if again && let Some(id) = bound.get(&name.name).copied() {
            let have = self.local(id).map_or_else(ty::error, |l| l.ty.clone());
            if self.fit(t, &have) != Some(super::fit::Fit::Same) {
                let (a, b) = (self.show(&have), self.show(t));
                self.error(
                    codes::TYPE_PATTERN,
                    name.span,
                    format!("`{}` is `{a}` in one alternative and `{b}` in another", name.name),
                    format!("this is `{b}`"),
                    "all alternatives bind the same names with the same types",
                );
            }
            self.saw_local(name.span, id);
            return id;
        }
        let id = self.declare(name, t.clone(), false);
        bound.insert(name.name.clone(), id);
        id
    }

    /// A name binds; in a test it stands for its value, with which the place is compared.
    fn place_or_bind(&mut self, name: &ast::Ident, t: &Ty, bound: &mut Bound, again: bool) -> LocalId {
        if self.places.is_none() {
            return self.bind(name, t, bound, again);
        }
        let local = self.temp(t.clone(), name.span);
        if let Some(places) = &mut self.places {
            places.push((local, Against::Name(name.clone())));
        }
        local
    }

    /// In a test a regular expression is looked for in a Text.
    fn regex_place(&mut self, e: &ast::Expr, opened: &Ty) -> Option<LocalId> {
        let regex = matches!(e.kind, ast::ExprKind::Tagged { tag: ast::Tag::Re, .. });
        if self.places.is_none() || !regex || !matches!(**opened, Type::Text) {
            return None;
        }
        let local = self.temp(opened.clone(), e.span);
        self.places.as_mut()?.push((local, Against::Regex(e.clone())));
        Some(local)
    }

    fn pattern_in(&mut self, p: &ast::Pattern, t: &Ty, bound: &mut Bound, again: bool) -> Pattern {
        if self.depth >= super::expr::MAX_DEPTH {
            return Pattern::Any;
        }
        self.depth += 1;
        let result = self.pattern_kind(p, t, bound, again);
        self.depth -= 1;
        result
    }

    fn pattern_kind(&mut self, p: &ast::Pattern, t: &Ty, bound: &mut Bound, again: bool) -> Pattern {
        if let PatternKind::Name(name) = &p.kind {
            self.saw_place(name, &Want::Ty(t.clone()));
        }
        match &p.kind {
            PatternKind::Missing | PatternKind::Any => return Pattern::Any,
            PatternKind::As { pattern, name } => {
                let inner = self.pattern_in(pattern, t, bound, again);
                if self.places.is_some() {
                    let help = "leave `as` out: nothing behind the pattern could read it";
                    self.error(codes::TYPE_PATTERN, name.span, "a pattern of a test binds no names", "", help);
                    return inner;
                }
                let id = self.bind(name, t, bound, again);
                return Pattern::As(Box::new(inner), id);
            }
            PatternKind::Or(alternatives) => return self.alternatives(alternatives, t, bound, again, p.span),
            _ => {}
        }
        let opened = self.open(t);
        match &*opened {
            Type::Optional(inner) => match &p.kind {
                PatternKind::None => Pattern::None,
                _ => Pattern::Present(Box::new(self.pattern_in(p, inner, bound, again))),
            },
            _ => self.plain_pattern(p, t, &opened, bound, again),
        }
    }

    fn alternatives(&mut self, list: &[ast::Pattern], t: &Ty, bound: &mut Bound, again: bool, span: Span) -> Pattern {
        let mut out = Vec::with_capacity(list.len());
        let mut names: Option<Vec<SmolStr>> = None;
        let before = bound.clone();
        for (i, alternative) in list.iter().enumerate() {
            let mut own = if i == 0 { Bound::new() } else { bound.clone() };
            let mut used = Vec::new();
            bound_names(alternative, &mut used);
            let places = self.places.as_ref().map_or(0, Vec::len);
            out.push(self.pattern_in(alternative, t, if i == 0 { bound } else { &mut own }, again || i > 0));
            if self.places.as_ref().map_or(0, Vec::len) > places {
                let help = "alternatives of parts are literals; write the alternatives of the whole, `{ a: x, .. } | { a: y, .. }`";
                let message = "a name or a regular expression cannot be one of several alternatives of a part";
                self.error(codes::TYPE_PATTERN, alternative.span, message, "not here", help);
            }
            let mut here: Vec<SmolStr> =
                used.into_iter().filter(|n| bound.contains_key(n) || own.contains_key(n)).collect();
            here.sort();
            here.dedup();
            if let Some(first) = &names
                && *first != here
            {
                let odd = here.iter().find(|n| !first.contains(n)).or_else(|| first.iter().find(|n| !here.contains(n)));
                let odd = odd.cloned().unwrap_or_default();
                self.error(
                    codes::TYPE_PATTERN,
                    span,
                    format!("`{odd}` is not bound by every alternative"),
                    "",
                    "all alternatives bind the same names",
                );
            }
            names.get_or_insert(here);
        }
        drop(before);
        Pattern::Or(out)
    }

    fn wrong_pattern(&mut self, p: &ast::Pattern, t: &Ty, what: &str, help: &str) -> Pattern {
        if !is_error(t) {
            let shown = self.show(t);
            self.error(codes::TYPE_PATTERN, p.span, format!("{what} does not match a `{shown}`"), "", help);
        }
        // The names are bound all the same, so that their uses are not unknown as well.
        let mut names = Vec::new();
        bound_idents(p, &mut names);
        for n in names {
            if !self.scope_has(&n.name) {
                self.declare(&n, ty::error(), false);
            }
        }
        Pattern::Any
    }

    fn scope_has(&self, name: &str) -> bool {
        self.frame().and_then(|f| f.scopes.last()).is_some_and(|s| s.names.contains_key(name))
    }

    fn plain_pattern(&mut self, p: &ast::Pattern, t: &Ty, opened: &Ty, bound: &mut Bound, again: bool) -> Pattern {
        match &p.kind {
            PatternKind::Name(name) => match self.enum_of(opened) {
                Some((id, args)) => self.variant_pattern(p, id, &args, name, &[], true, bound, again),
                None => Pattern::Bind(self.place_or_bind(name, t, bound, again)),
            },
            PatternKind::None if matches!(**opened, Type::Json) => Pattern::None,
            PatternKind::None => self.wrong_pattern(p, t, "`none`", "only an optional can be `none`"),
            PatternKind::Literal(e) if let Some(local) = self.regex_place(e, opened) => Pattern::Bind(local),
            PatternKind::Literal(e) => self.literal_pattern(e, t, opened),
            PatternKind::Range { start, end, inclusive } => {
                let (Some(start), Some(end)) = (self.literal_value(start, opened), self.literal_value(end, opened))
                else {
                    return Pattern::Any;
                };
                if !matches!(**opened, Type::Int | Type::Float | Type::Duration | Type::Size | Type::Time | Type::Error)
                {
                    return self.wrong_pattern(p, t, "a range", "ranges match Int, Float, Duration, Size and Time");
                }
                Pattern::Range { start, end, inclusive: *inclusive }
            }
            PatternKind::Variant { path, args, rest } => {
                self.variant_path(p, t, opened, (path, args, *rest), bound, again)
            }
            PatternKind::Record { fields, rest } => self.record_pattern(p, t, opened, fields, *rest, bound, again),
            PatternKind::List { items, rest } => match &**opened {
                Type::List(item) => {
                    let items = items.iter().map(|i| self.pattern_in(i, item, bound, again)).collect();
                    Pattern::List { items, rest: *rest }
                }
                Type::Json => {
                    let json = ty::json();
                    let items = items.iter().map(|i| self.pattern_in(i, &json, bound, again)).collect();
                    Pattern::List { items, rest: *rest }
                }
                _ => self.wrong_pattern(p, t, "a list pattern", "only lists and Json are matched by their items"),
            },
            _ => Pattern::Any,
        }
    }

    fn literal_pattern(&mut self, e: &ast::Expr, t: &Ty, opened: &Ty) -> Pattern {
        match self.literal_value(e, opened) {
            Some(v) => Pattern::Literal(v),
            None => {
                let _ = t;
                Pattern::Any
            }
        }
    }

    /// The value of a literal in a pattern, as a value of the type that it is matched against.
    fn literal_value(&mut self, e: &ast::Expr, t: &Ty) -> Option<Value> {
        if is_error(t) {
            return None;
        }
        let got = self.expr(e, &Want::Ty(t.clone()));
        if is_error(&got.ty) {
            return None;
        }
        if self.unjsonable(t).is_some_and(|s| matches!(*s, Type::Secret)) {
            self.error(codes::TYPE_SECRET, e.span, "a Secret cannot be compared", "", "");
            return None;
        }
        if self.fit(&got.ty, t).is_none() {
            let (shown, wanted) = (self.show(&got.ty), self.show(t));
            self.error(
                codes::TYPE_PATTERN,
                got.span,
                format!("this is a `{shown}`, and the value a `{wanted}`"),
                "never matches",
                format!("write a `{wanted}`, or a name that stands for every value"),
            );
            return None;
        }
        let got = self.coerce(got, t, "the pattern");
        if is_error(&got.ty) {
            return None;
        }
        let value = self.fold(&got);
        if value.is_none() {
            self.error(
                codes::TYPE_PATTERN,
                e.span,
                "a pattern takes literals without holes",
                "",
                "compare in a guard: `x if x == … => …`",
            );
        }
        value
    }

    fn variant_path(
        &mut self,
        p: &ast::Pattern,
        t: &Ty,
        opened: &Ty,
        parts: VariantParts<'_>,
        bound: &mut Bound,
        again: bool,
    ) -> Pattern {
        let (path, args, rest) = parts;
        let Some(name) = path.parts.last() else { return Pattern::Any };
        let Some((id, generics)) = self.enum_of(opened) else {
            return self.wrong_pattern(p, t, &format!("the variant `{}`", name.name), "only an enum has variants");
        };
        if let [owner, _] = path.parts.as_slice() {
            match self.lookup_at(self.home, owner) {
                Some(Def::Type(other))
                    if other == id
                        || self.enum_of(&ty::of(Type::Named(other, vec![]))).is_some_and(|(o, _)| o == id) => {}
                Some(Def::Type(_)) => {
                    let shown = self.show(t);
                    return self.wrong_pattern(
                        p,
                        t,
                        &format!("a variant of `{}`", owner.name),
                        &format!("the value is `{shown}`"),
                    );
                }
                Some(Def::Bad) => return Pattern::Any,
                _ => {
                    let names = self.names_in_scope();
                    self.unknown("type", owner, &names, "");
                    return Pattern::Any;
                }
            }
        }
        self.variant_pattern(p, id, &generics, name, args, rest, bound, again)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a pattern")]
    fn variant_pattern(
        &mut self,
        p: &ast::Pattern,
        id: TypeId,
        generics: &[Ty],
        name: &ast::Ident,
        args: &[(Option<ast::Ident>, ast::Pattern)],
        rest: bool,
        bound: &mut Bound,
        again: bool,
    ) -> Pattern {
        let bare = matches!(p.kind, PatternKind::Name(_));
        let Some(index) = self.variants(id).and_then(|v| v.iter().position(|v| v.name == name.name)) else {
            self.variant_named(id, name);
            if bare
                && self.places.is_none()
                && let Some(last) = self.diags.last_mut()
            {
                last.help.push(format!("to bind the value to a name, write `_ as {}`", name.name));
            }
            let mut names = Vec::new();
            bound_idents(p, &mut names);
            for n in names.iter().filter(|n| !bare || n.name != name.name) {
                self.declare(n, ty::error(), false);
            }
            return Pattern::Any;
        };
        self.saw_name(name.span, Some(Target::Variant(id, name.name.clone())));
        let fields = self.payload_of(id, generics, index);
        let mut payload: Vec<(u32, Pattern)> = Vec::new();
        let mut next = 0usize;
        for (label, inner) in args {
            let at = match label {
                Some(l) => fields.iter().position(|f| f.name == l.name),
                None => Some(next).filter(|n| *n < fields.len()),
            };
            let Some(at) = at else {
                self.no_payload_field(&fields, name, label.as_ref(), inner);
                self.pattern_in(inner, &ty::error(), bound, again);
                continue;
            };
            next = at + 1;
            let t = fields.get(at).map_or_else(ty::error, |f| f.ty.clone());
            let inner_pattern = self.pattern_in(inner, &t, bound, again);
            let at = u32::try_from(at).unwrap_or(0);
            if payload.iter().any(|(i, _)| *i == at) {
                self.error(codes::NAME_DUPLICATE, inner.span, "this part of the payload is matched twice", "", "");
            }
            payload.push((at, inner_pattern));
        }
        if !rest && payload.len() < fields.len() {
            let missing: Vec<String> = fields
                .iter()
                .enumerate()
                .filter(|(i, _)| !payload.iter().any(|(at, _)| *at as usize == *i))
                .map(|(_, f)| format!("`{}`", f.name))
                .collect();
            self.error(
                codes::TYPE_PATTERN,
                p.span,
                format!("the pattern leaves out {}", missing.join(", ")),
                "",
                "match it, or write `..` for the rest",
            );
        }
        Pattern::Variant { index: u32::try_from(index).unwrap_or(0), payload }
    }

    fn no_payload_field(
        &mut self,
        fields: &[FieldTy],
        variant: &ast::Ident,
        label: Option<&ast::Ident>,
        inner: &ast::Pattern,
    ) {
        match label {
            Some(l) => {
                let near = nearest(&l.name, fields.iter().map(|f| f.name.as_str())).map(str::to_owned);
                let d = Diagnostic::error(
                    codes::TYPE_FIELD,
                    format!("`{}` has no `{}` in its payload", variant.name, l.name),
                    l.span,
                    "no such part",
                );
                let d = match near {
                    Some(near) => {
                        d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(l.span, near)])
                    }
                    None if fields.is_empty() => d.help("this variant has no payload"),
                    None => d.help(format!(
                        "it has {}",
                        fields.iter().map(|f| format!("`{}`", f.name)).collect::<Vec<_>>().join(", ")
                    )),
                };
                self.report(d);
            }
            None => {
                let n = fields.len();
                let has = match n {
                    0 => "no payload".to_owned(),
                    1 => "one part in its payload".to_owned(),
                    n => format!("{n} parts in its payload"),
                };
                self.error(
                    codes::TYPE_PATTERN,
                    inner.span,
                    format!("`{}` has {has}", variant.name),
                    "one too many",
                    "leave it out, or write `..` for what does not matter",
                );
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a pattern")]
    fn record_pattern(
        &mut self,
        p: &ast::Pattern,
        t: &Ty,
        opened: &Ty,
        written: &[(ast::Ident, Option<ast::Pattern>)],
        rest: bool,
        bound: &mut Bound,
        again: bool,
    ) -> Pattern {
        let Some(fields) = self.fields_of(opened) else {
            return self.wrong_pattern(p, t, "a record pattern", "only records are matched by their fields");
        };
        let mut out = Vec::with_capacity(written.len());
        for (name, inner) in written {
            let Some(at) = fields.iter().position(|f| f.name == name.name) else {
                let shown = self.show(t);
                let near = nearest(&name.name, fields.iter().map(|f| f.name.as_str())).map(str::to_owned);
                let d = Diagnostic::error(
                    codes::TYPE_FIELD,
                    format!("`{shown}` has no field `{}`", name.name),
                    name.span,
                    "no such field",
                );
                let d = match near {
                    Some(near) => d
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("write `{near}`"), vec![(name.span, near)]),
                    None => d,
                };
                self.report(d);
                match inner {
                    Some(i) => {
                        self.pattern_in(i, &ty::error(), bound, again);
                    }
                    None => {
                        self.bind(name, &ty::error(), bound, again);
                    }
                }
                continue;
            };
            let t = fields.get(at).map_or_else(ty::error, |f| f.ty.clone());
            if inner.is_some() {
                self.saw_field(opened, name.span, &name.name);
            } else {
                let of = self.field_target(opened, &name.name);
                self.saw_short(name.span, of);
            }
            let inner = match inner {
                Some(i) => self.pattern_in(i, &t, bound, again),
                None => Pattern::Bind(self.place_or_bind(name, &t, bound, again)),
            };
            out.push((u32::try_from(at).unwrap_or(0), inner));
        }
        if !rest && out.len() < fields.len() {
            let missing: Vec<String> = fields
                .iter()
                .filter(|f| !written.iter().any(|(n, _)| n.name == f.name))
                .map(|f| format!("`{}`", f.name))
                .collect();
            if !missing.is_empty() {
                self.error(
                    codes::TYPE_PATTERN,
                    p.span,
                    format!("the pattern leaves out {}", missing.join(", ")),
                    "",
                    "match it, or write `..` for the rest",
                );
            }
        }
        Pattern::Record(out)
    }
}

type VariantParts<'a> = (&'a ast::Path, &'a [(Option<ast::Ident>, ast::Pattern)], bool);

/// The names that a pattern mentions where it could bind.
fn bound_idents(p: &ast::Pattern, out: &mut Vec<ast::Ident>) {
    match &p.kind {
        PatternKind::Name(n) => out.push(n.clone()),
        PatternKind::As { pattern, name } => {
            bound_idents(pattern, out);
            out.push(name.clone());
        }
        PatternKind::Variant { args, .. } => args.iter().for_each(|(_, p)| bound_idents(p, out)),
        PatternKind::Record { fields, .. } => fields.iter().for_each(|(n, p)| match p {
            Some(p) => bound_idents(p, out),
            None => out.push(n.clone()),
        }),
        PatternKind::List { items, .. } | PatternKind::Or(items) => items.iter().for_each(|p| bound_idents(p, out)),
        _ => {}
    }
}

fn bound_names(p: &ast::Pattern, out: &mut Vec<SmolStr>) {
    let mut idents = Vec::new();
    bound_idents(p, &mut idents);
    out.extend(idents.into_iter().map(|i| i.name));
}
