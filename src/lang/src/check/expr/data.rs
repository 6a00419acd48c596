//! Lists, records and maps.

use smol_str::SmolStr;

use super::Want;
use crate::check::cx::Checker;
use crate::check::fit::Fit;
use crate::check::scope::{bad, is_error, node};
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind, LocalId, MapEntry};
use crate::span::Span;
use crate::syntax::ast::{self, ListItem, RecordEntry};
use crate::types::{FieldTy, Ty, Type};
use crate::value::Value;

/// A value of a field of a literal: given, or taken from a spread.
struct Entry {
    name: SmolStr,
    span: Span,
    value: hir::Expr,
    spread: bool,
}

impl Checker {
    pub(super) fn list(&mut self, items: &[ListItem], want: &Want, span: Span) -> hir::Expr {
        let hint = self.hint(want);
        if let Some(Type::Set(t)) = hint.as_deref() {
            // Where a set is expected, a list literal is one.
            let items = self.list(items, &Want::Ty(ty::list(t.clone())), span);
            let whole = ty::of(Type::Set(t.clone()));
            return node(
                ExprKind::Method { name: "List.to_set".into(), args: vec![items], optional: false },
                whole,
                span,
            );
        }
        let expected = match hint.as_deref() {
            Some(Type::List(t)) => Some(t.clone()),
            Some(Type::Json) => Some(ty::json()),
            _ => None,
        };
        let mut out: Vec<(bool, hir::Expr)> = Vec::with_capacity(items.len());
        let mut common = ty::never();
        for item in items {
            let (spread, e) = match item {
                ListItem::Item(e) => (false, e),
                ListItem::Spread(e) => (true, e),
            };
            let got = match (&expected, spread) {
                (Some(t), false) => self.expr_as(e, t, "an item of the list"),
                (Some(t), true) => {
                    let got = self.expr(e, &Want::Ty(ty::list(t.clone())));
                    let got = self.spread_items(got);
                    self.coerce(got, &ty::list(t.clone()), "what is spread into the list")
                }
                (None, _) => {
                    let got = self.expr(e, &Want::Any);
                    if spread { self.spread_items(got) } else { got }
                }
            };
            if expected.is_none() {
                let t = if spread { self.item_type(&got.ty) } else { got.ty.clone() };
                match self.join(&common, &t) {
                    Some(j) => common = j,
                    None => {
                        let (a, b) = (self.show(&common), self.show(&t));
                        let first = out.first().map(|(_, e)| e.span);
                        let mut d = Diagnostic::error(
                            codes::TYPE_MISMATCH,
                            format!("the items of a list have one type, and these are `{a}` and `{b}`"),
                            got.span,
                            format!("this is `{b}`"),
                        );
                        if let Some(first) = first {
                            d = d.label(first, format!("this is `{a}`"));
                        }
                        self.report(d.help("make them the same type; to keep different things together, use a record"));
                        common = ty::error();
                    }
                }
            }
            out.push((spread, got));
        }
        let item = expected.unwrap_or(common);
        let whole = ty::list(item.clone());
        let out = out
            .into_iter()
            .map(|(spread, e)| {
                let to = if spread { &whole } else { &item };
                let fit = self.fit(&e.ty, to).unwrap_or(Fit::Same);
                (spread, self.convert(e, to, fit))
            })
            .collect();
        node(ExprKind::List(out), whole, span)
    }

    /// What `..` in a list takes: a list, or a set or a range of whole numbers as one.
    fn spread_items(&mut self, got: hir::Expr) -> hir::Expr {
        match &*self.open(&got.ty) {
            Type::List(_) | Type::Error | Type::Never => got,
            Type::Set(t) => {
                let span = got.span;
                let t = ty::list(t.clone());
                node(ExprKind::Method { name: "Set.to_list".into(), args: vec![got], optional: false }, t, span)
            }
            Type::Range(t) if matches!(**t, Type::Int) => {
                let (span, t) = (got.span, ty::list(t.clone()));
                node(ExprKind::Method { name: "Range.to_list".into(), args: vec![got], optional: false }, t, span)
            }
            _ => {
                let shown = self.show(&got.ty);
                self.error(
                    codes::TYPE_MISMATCH,
                    got.span,
                    format!("`..` in a list takes a list, and this is `{shown}`"),
                    format!("this is `{shown}`"),
                    "for one item, leave `..` out",
                );
                bad(got.span)
            }
        }
    }

    fn item_type(&self, t: &Ty) -> Ty {
        match &*self.open(t) {
            Type::List(t) => t.clone(),
            _ => ty::error(),
        }
    }

    pub(super) fn record_or_map(&mut self, entries: &[RecordEntry], want: &Want, span: Span) -> hir::Expr {
        let hint = self.hint(want);
        let computed = entries.iter().any(|e| matches!(e, RecordEntry::TextKey { .. } | RecordEntry::Computed { .. }));
        match hint.as_deref() {
            Some(Type::Map(k, v)) => self.map_literal(entries, Some((k.clone(), v.clone())), span),
            Some(Type::Json) if computed => self.map_literal(entries, Some((ty::text(), ty::json())), span),
            // Nothing at all fits every Map; as a record it would be of no use.
            None if entries.is_empty() => self.map_literal(entries, None, span),
            _ if computed => self.map_literal(entries, None, span),
            _ => self.record(entries, want, hint, span),
        }
    }

    fn map_literal(&mut self, entries: &[RecordEntry], expected: Option<(Ty, Ty)>, span: Span) -> hir::Expr {
        let (want_key, want_value) = match &expected {
            Some((k, v)) => (Want::Ty(k.clone()), Want::Ty(v.clone())),
            None => (Want::Any, Want::Any),
        };
        let mut out: Vec<MapEntry> = Vec::with_capacity(entries.len());
        let (mut key, mut value) = (ty::never(), ty::never());
        let mut seen: Vec<(SmolStr, Span)> = Vec::new();
        for entry in entries {
            let text_key =
                |name: &SmolStr, at: Span| node(ExprKind::Literal(Value::Text(name.clone())), ty::text(), at);
            let (k, v) = match entry {
                RecordEntry::Field { name, value } => {
                    self.repeated_key(&mut seen, &name.name, name.span);
                    (text_key(&name.name, name.span), self.expr(value, &want_value))
                }
                RecordEntry::Shorthand(name) => {
                    self.repeated_key(&mut seen, &name.name, name.span);
                    (text_key(&name.name, name.span), self.name(name, &want_value))
                }
                RecordEntry::TextKey { key, key_span, value } => {
                    self.repeated_key(&mut seen, key, *key_span);
                    (text_key(key, *key_span), self.expr(value, &want_value))
                }
                RecordEntry::Computed { key, value } => (self.expr(key, &want_key), self.expr(value, &want_value)),
                RecordEntry::Spread(e) => {
                    let got = self.expr(e, &Want::Any);
                    let (sk, sv) = match &*self.open(&got.ty) {
                        Type::Map(k, v) => (k.clone(), v.clone()),
                        Type::Error => (ty::error(), ty::error()),
                        _ => {
                            let shown = self.show(&got.ty);
                            self.error(
                                codes::TYPE_MISMATCH,
                                got.span,
                                format!("`..` in a map takes a map, and this is `{shown}`"),
                                format!("this is `{shown}`"),
                                "",
                            );
                            (ty::error(), ty::error())
                        }
                    };
                    key = self.join(&key, &sk).unwrap_or_else(ty::error);
                    value = self.join(&value, &sv).unwrap_or_else(ty::error);
                    out.push(MapEntry::Spread(got));
                    continue;
                }
            };
            if expected.is_none() {
                key = self.join_entry(&key, &k, "keys");
                value = self.join_entry(&value, &v, "values");
            }
            out.push(MapEntry::Entry(k, v));
        }
        let (key, value) = expected.unwrap_or((key, value));
        if self.holds_secret(&key) {
            self.secrets_compared(span, "a map compares its keys");
            return bad(span);
        }
        let whole = ty::map(key.clone(), value.clone());
        let out = out
            .into_iter()
            .map(|e| match e {
                MapEntry::Entry(k, v) => MapEntry::Entry(
                    self.coerce(k, &key, "a key of the map"),
                    self.coerce(v, &value, "a value of the map"),
                ),
                MapEntry::Spread(s) => MapEntry::Spread(self.coerce(s, &whole, "what is spread into the map")),
            })
            .collect();
        node(ExprKind::Map(out), whole, span)
    }

    fn repeated_key(&mut self, seen: &mut Vec<(SmolStr, Span)>, key: &SmolStr, at: Span) {
        if let Some((_, first)) = seen.iter().find(|(k, _)| k == key) {
            let d = Diagnostic::error(codes::NAME_DUPLICATE, format!("`{key}` stands twice"), at, "again here")
                .label(*first, "first here");
            self.report(d.help("keep one of them"));
        }
        seen.push((key.clone(), at));
    }

    fn join_entry(&mut self, common: &Ty, e: &hir::Expr, what: &str) -> Ty {
        self.join(common, &e.ty).unwrap_or_else(|| {
            let (a, b) = (self.show(common), self.show(&e.ty));
            self.error(
                codes::TYPE_MISMATCH,
                e.span,
                format!("the {what} of a map have one type, and these are `{a}` and `{b}`"),
                format!("this is `{b}`"),
                match what {
                    "keys" => "make them one type: most often all are texts",
                    _ => "a record has fields of different types: write names instead of texts",
                },
            );
            ty::error()
        })
    }

    /// A record literal. Spreads are read first, into variables of their own; of equal names the later entry counts.
    fn record(&mut self, entries: &[RecordEntry], want: &Want, hint: Option<Ty>, span: Span) -> hir::Expr {
        let expected = hint.as_ref().and_then(|t| self.fields_of(t));
        let json = hint.as_deref().is_some_and(|t| matches!(t, Type::Json));
        let mut stmts = Vec::new();
        let mut given: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let (name, value) = match entry {
                RecordEntry::Field { name, value } => (name, Some(value)),
                RecordEntry::Shorthand(name) => (name, None),
                RecordEntry::Spread(e) => {
                    self.spread_fields(e, &mut stmts, &mut given);
                    continue;
                }
                RecordEntry::TextKey { .. } | RecordEntry::Computed { .. } => continue,
            };
            if let Some(first) = given.iter().find(|g| g.name == name.name && !g.spread) {
                let d = Diagnostic::error(
                    codes::NAME_DUPLICATE,
                    format!("the field `{}` stands twice", name.name),
                    name.span,
                    "again here",
                )
                .label(first.span, "first here");
                self.report(d.help("keep one of them"));
            }
            let field = expected.as_ref().and_then(|f| f.iter().find(|f| f.name == name.name));
            if let (Some(t), Some(_)) = (&hint, field) {
                match value {
                    Some(_) => self.saw_field(t, name.span, &name.name),
                    None => {
                        let of = self.field_target(t, &name.name);
                        self.saw_short(name.span, of);
                    }
                }
            }
            let want = match field {
                Some(f) => Want::Ty(f.ty.clone()),
                None if json => Want::Ty(ty::json()),
                None => Want::Any,
            };
            let got = match value {
                Some(v) => self.expr(v, &want),
                None => self.name(name, &want),
            };
            let got = match field {
                Some(f) => {
                    let t = f.ty.clone();
                    self.coerce(got, &t, &format!("the field `{}`", name.name))
                }
                None if json => self.coerce(got, &ty::json(), &format!("the field `{}`", name.name)),
                None => got,
            };
            given.retain(|g| g.name != name.name);
            given.push(Entry { name: name.name.clone(), span: name.span, value: got, spread: false });
        }
        let (kind, t) = match (expected, want.ty()) {
            (Some(fields), Some(_)) => {
                let t = hint.unwrap_or_else(ty::error);
                (ExprKind::Record(self.fill_fields(fields, given, &t, span)), t)
            }
            _ => {
                let fields = given
                    .iter()
                    .map(|g| FieldTy { name: g.name.clone(), ty: g.value.ty.clone(), default: None })
                    .collect();
                (ExprKind::Record(given.into_iter().map(|g| g.value).collect()), ty::record(fields))
            }
        };
        let record = node(kind, t.clone(), span);
        if stmts.is_empty() {
            return record;
        }
        node(ExprKind::Block(hir::Block { stmts, value: Some(Box::new(record)) }), t, span)
    }

    fn spread_fields(&mut self, e: &ast::Expr, stmts: &mut Vec<hir::Stmt>, given: &mut Vec<Entry>) {
        let got = self.expr(e, &Want::Any);
        let Some(fields) = self.fields_of(&got.ty) else {
            if !is_error(&got.ty) {
                let shown = self.show(&got.ty);
                self.error(
                    codes::TYPE_MISMATCH,
                    got.span,
                    format!("`..` in a record takes a record, and this is `{shown}`"),
                    format!("this is `{shown}`"),
                    "for a field, write `name: …`",
                );
            }
            return;
        };
        let (t, span) = (got.ty.clone(), got.span);
        let temp: LocalId = self.temp(t.clone(), span);
        stmts.push(hir::Stmt::Let { pattern: hir::Pattern::Bind(temp), value: got });
        for (i, f) in fields.into_iter().enumerate() {
            given.retain(|g| g.name != f.name);
            let base = Box::new(node(ExprKind::Local(temp), t.clone(), span));
            let kind =
                ExprKind::Field { base, index: u32::try_from(i).unwrap_or(0), name: f.name.clone(), optional: false };
            given.push(Entry { name: f.name, span, value: node(kind, f.ty, span), spread: true });
        }
    }

    /// The values in the order of the expected fields; defaults fill in, what is missing or unknown is reported.
    fn fill_fields(&mut self, fields: Vec<FieldTy>, given: Vec<Entry>, t: &Ty, span: Span) -> Vec<hir::Expr> {
        let names: Vec<SmolStr> = fields.iter().map(|f| f.name.clone()).collect();
        let shown = self.show(t);
        let mut misspelt: Vec<SmolStr> = Vec::new();
        for g in given.iter().filter(|g| !g.spread && !names.contains(&g.name)) {
            let open: Vec<&str> =
                names.iter().filter(|n| !given.iter().any(|g| g.name == **n)).map(SmolStr::as_str).collect();
            let near = nearest(&g.name, open.iter().copied()).map(str::to_owned);
            let d = Diagnostic::error(
                codes::TYPE_FIELD,
                format!("`{shown}` has no field `{}`", g.name),
                g.span,
                "no such field",
            );
            let d = match near {
                Some(near) => {
                    misspelt.push(near.as_str().into());
                    d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(g.span, near)])
                }
                None => d.help(format!(
                    "its fields are {}",
                    names.iter().take(12).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
                )),
            };
            self.report(d);
        }
        let mut given = given;
        let mut missing: Vec<String> = Vec::new();
        let mut out = Vec::with_capacity(fields.len());
        for f in fields {
            let value = match given.iter().position(|g| g.name == f.name) {
                Some(i) => {
                    let g = given.swap_remove(i);
                    self.coerce(g.value, &f.ty, &format!("the field `{}`", f.name))
                }
                None => match f.default {
                    Some(d) => node(ExprKind::Constant(d), f.ty.clone(), span),
                    None => match self.neutral(&f.ty, span).filter(|_| self.fills) {
                        Some(neutral) => neutral,
                        None => {
                            if !misspelt.contains(&f.name) {
                                missing.push(format!("`{}`", f.name));
                            }
                            bad(span)
                        }
                    },
                },
            };
            out.push(value);
        }
        if !missing.is_empty() {
            let plural = if missing.len() == 1 { "field" } else { "fields" };
            let d = Diagnostic::error(
                codes::TYPE_FIELD,
                format!(
                    "the {plural} {} of `{shown}` {} missing",
                    missing.join(", "),
                    if missing.len() == 1 { "is" } else { "are" }
                ),
                span,
                "incomplete",
            )
            .help(format!(
                "add {}",
                missing.iter().map(|m| format!("`{}: …`", m.trim_matches('`'))).collect::<Vec<_>>().join(", ")
            ));
            self.report(d);
        }
        out
    }
}
