//! Whether patterns cover every value, which cases are missing, and which arms are never reached.
//!
//! The usual algorithm on a matrix of patterns: a row of patterns is useful when some value matches it and no row above.

use super::cx::Checker;
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, Pattern};
use crate::span::Span;
use crate::types::{Ty, Type};
use crate::value::Value;

/// A pattern reduced to what matters for covering.
#[derive(Debug, Clone, PartialEq)]
enum P {
    Any,
    Of(Con, Vec<P>),
    Or(Vec<P>),
}

/// A way to build a value.
#[derive(Debug, Clone, PartialEq)]
enum Con {
    Bool(bool),
    Absent,
    Present,
    Variant(u32),
    Record,
    /// A list of exactly so many items.
    List(usize),
    /// A list of at least so many.
    ListFrom(usize),
    /// One of infinitely many values.
    Value(Value),
    /// A range, which covers nothing that can be named.
    Some(usize),
}

/// Rows looked at before a match is called too complicated, and so in need of `_`.
const FUEL: u32 = 4_000_000;

/// Patterns side by side, and items of a list pattern, up to which cases are told apart.
const WIDE: usize = 128;

struct Search<'a> {
    checker: &'a Checker,
    fuel: u32,
    ranges: usize,
}

impl Checker {
    /// Reports the cases that no arm covers and the arms that are never reached.
    pub fn check_match(&mut self, arms: &[(Pattern, Option<hir::Expr>, Span)], t: &Ty, value: Span, whole: Span) {
        if self.mentions_error(t) {
            return;
        }
        let mut search = Search { checker: self, fuel: FUEL, ranges: 0 };
        let mut rows: Vec<Vec<P>> = Vec::new();
        let mut unreachable = Vec::new();
        for (pattern, guard, span) in arms {
            let p = search.reduce(pattern, t);
            if search.useful(&rows, std::slice::from_ref(&p), std::slice::from_ref(t)) == Some(false) {
                unreachable.push(*span);
            }
            if guard.is_none() {
                rows.push(vec![p]);
            }
        }
        let missing = search.missing(&rows, t);
        for span in unreachable {
            self.report(
                Diagnostic::warning(
                    codes::MATCH_UNREACHABLE,
                    "this arm is never reached",
                    span,
                    "covered by the arms before",
                )
                .help("remove it, or put it before the arm that covers it"),
            );
        }
        let shown = match missing {
            Some(m) if m.is_empty() => return,
            Some(m) => m,
            None => vec!["_".to_owned()],
        };
        let list = shown.iter().take(8).map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", ");
        let more = if shown.len() > 8 { format!(" and {} more", shown.len() - 8) } else { String::new() };
        let of = self.show(t);
        let head = Span { end: value.end, ..whole };
        let d = Diagnostic::error(
            codes::MATCH_MISSING,
            if shown == ["_"] {
                format!("the match does not cover every `{of}`")
            } else {
                format!("the match does not cover {list}{more}")
            },
            head,
            format!("this is `{of}`"),
        )
        .help(if shown == ["_"] {
            "add an arm for the rest: `_ => …`"
        } else {
            "add an arm for each, or `_ => …` for the rest"
        });
        self.report(d);
    }

    /// Whether a pattern matches every value of the type.
    pub fn irrefutable(&self, p: &Pattern, t: &Ty) -> bool {
        if self.mentions_error(t) {
            return true;
        }
        let mut search = Search { checker: self, fuel: FUEL, ranges: 0 };
        let p = search.reduce(p, t);
        search.missing(&[vec![p]], t).is_some_and(|m| m.is_empty())
    }

    fn mentions_error(&self, t: &Ty) -> bool {
        match &**t {
            Type::Error | Type::Never => true,
            Type::Optional(t) | Type::List(t) => self.mentions_error(t),
            _ => false,
        }
    }
}

impl Search<'_> {
    fn reduce(&mut self, p: &Pattern, t: &Ty) -> P {
        let t = self.checker.open(t);
        match p {
            Pattern::Any | Pattern::Bind(_) => P::Any,
            Pattern::As(p, _) => self.reduce(p, &t),
            Pattern::None => P::Of(Con::Absent, vec![]),
            Pattern::Present(p) => match &*t {
                Type::Optional(inner) => {
                    let inner = self.reduce(p, inner);
                    P::Of(Con::Present, vec![inner])
                }
                _ => {
                    let inner = self.reduce(p, &t);
                    P::Of(Con::Present, vec![inner])
                }
            },
            Pattern::Literal(Value::Bool(b)) => P::Of(Con::Bool(*b), vec![]),
            Pattern::Literal(Value::Variant(v)) => P::Of(Con::Variant(v.index), vec![]),
            Pattern::Literal(v) => P::Of(Con::Value(v.clone()), vec![]),
            Pattern::Range { .. } => {
                self.ranges += 1;
                P::Of(Con::Some(self.ranges), vec![])
            }
            Pattern::Variant { index, payload } => {
                let fields = self.parts(&Con::Variant(*index), &t);
                P::Of(Con::Variant(*index), self.fill(&fields, payload))
            }
            Pattern::Record(given) => {
                let fields = self.parts(&Con::Record, &t);
                P::Of(Con::Record, self.fill(&fields, given))
            }
            Pattern::List { items, rest } => {
                let item = match &*t {
                    Type::List(i) => i.clone(),
                    _ => t.clone(),
                };
                let parts = items.iter().map(|p| self.reduce(p, &item)).collect();
                P::Of(if *rest { Con::ListFrom(items.len()) } else { Con::List(items.len()) }, parts)
            }
            Pattern::Or(all) => P::Or(all.iter().map(|p| self.reduce(p, &t)).collect()),
        }
    }

    fn fill(&mut self, fields: &[Ty], given: &[(u32, Pattern)]) -> Vec<P> {
        let part = |i: usize| given.iter().find(|(at, _)| *at as usize == i).map(|(_, p)| p);
        fields.iter().enumerate().map(|(i, t)| part(i).map_or(P::Any, |p| self.reduce(p, t))).collect()
    }

    /// The types of the parts of what a constructor builds.
    fn parts(&self, con: &Con, t: &Ty) -> Vec<Ty> {
        match (con, &**t) {
            (Con::Present, Type::Optional(inner)) => vec![inner.clone()],
            (Con::Present, _) => vec![t.clone()],
            (Con::Variant(i), Type::Named(id, args)) => {
                self.checker.payload_of(*id, args, *i as usize).into_iter().map(|f| f.ty).collect()
            }
            (Con::Record, _) => self.checker.fields_of(t).unwrap_or_default().into_iter().map(|f| f.ty).collect(),
            (Con::List(n), Type::List(item)) => vec![item.clone(); *n],
            (Con::List(n), _) => vec![ty::json(); *n],
            _ => vec![],
        }
    }

    /// Every constructor of the type, as far as the patterns of a column tell apart; none when there are infinitely many.
    fn constructors(&self, t: &Ty, column: &[&P]) -> Option<Vec<Con>> {
        match &**t {
            Type::Bool => Some(vec![Con::Bool(true), Con::Bool(false)]),
            Type::Optional(_) => Some(vec![Con::Absent, Con::Present]),
            // Json tells null from the rest only where a pattern does.
            Type::Json if column.iter().any(|p| mentions(p, &Con::Absent) || mentions(p, &Con::Present)) => {
                Some(vec![Con::Absent, Con::Present])
            }
            Type::List(_) => {
                let most = column.iter().map(|p| longest(p)).max().unwrap_or(0);
                if most > WIDE {
                    return None;
                }
                // A list longer than every pattern's stands for all of them.
                Some((0..=most + 1).map(Con::List).collect())
            }
            Type::Named(id, _) if self.checker.variants(*id).is_some() => {
                let n = self.checker.variants(*id).map_or(0, <[_]>::len);
                Some((0..n).map(|i| Con::Variant(u32::try_from(i).unwrap_or(0))).collect())
            }
            Type::Record(_) | Type::Named(..) => Some(vec![Con::Record]),
            _ => None,
        }
    }

    /// The row seen by a value built with `con`: none when it does not match.
    fn specialize(&self, row: &[P], con: &Con, arity: usize) -> Vec<Vec<P>> {
        let Some((first, rest)) = row.split_first() else { return vec![] };
        let with = |parts: Vec<P>| vec![parts.into_iter().chain(rest.iter().cloned()).collect::<Vec<P>>()];
        match first {
            P::Any => with(vec![P::Any; arity]),
            P::Or(all) => all
                .iter()
                .flat_map(|p| {
                    let row: Vec<P> = std::iter::once(p.clone()).chain(rest.iter().cloned()).collect();
                    self.specialize(&row, con, arity)
                })
                .collect(),
            P::Of(Con::ListFrom(n), parts) => match con {
                Con::List(len) if len >= n => {
                    let mut parts = parts.clone();
                    parts.resize(*len, P::Any);
                    with(parts)
                }
                _ => vec![],
            },
            P::Of(c, parts) if c == con => with(parts.clone()),
            // A pattern of Json that is not `none` matches something that is there.
            P::Of(Con::Value(_) | Con::Some(_) | Con::List(_), _) if *con == Con::Present && arity == 1 => {
                with(vec![first.clone()])
            }
            P::Of(..) => vec![],
        }
    }

    /// Whether some value matches `row` and none of `rows`; none when the fuel is out.
    fn useful(&mut self, rows: &[Vec<P>], row: &[P], types: &[Ty]) -> Option<bool> {
        self.fuel = self.fuel.checked_sub(1)?;
        let (Some((first, rest)), Some((t, others))) = (row.split_first(), types.split_first()) else {
            return Some(rows.is_empty());
        };
        let t = self.checker.open(t);
        match first {
            P::Or(all) => {
                for p in all {
                    let row: Vec<P> = std::iter::once(p.clone()).chain(rest.iter().cloned()).collect();
                    if self.useful(rows, &row, types)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            P::Of(Con::ListFrom(n), _) if *n > WIDE => None,
            P::Of(Con::ListFrom(n), _) => {
                let most = rows.iter().filter_map(|r| r.first()).map(longest).max().unwrap_or(0).clamp(*n, WIDE);
                for len in *n..=most + 1 {
                    if self.useful_with(rows, row, &Con::List(len), &t, others)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            P::Of(con, _) => self.useful_with(rows, row, &con.clone(), &t, others),
            P::Any => {
                let column: Vec<&P> = rows.iter().filter_map(|r| r.first()).collect();
                if let Some(all) =
                    self.constructors(&t, &column).filter(|_| column.iter().any(|p| !matches!(p, P::Any)))
                {
                    for con in all {
                        if self.useful_with(rows, row, &con, &t, others)? {
                            return Some(true);
                        }
                    }
                    return Some(false);
                }
                let rows: Vec<Vec<P>> = rows.iter().filter_map(|r| rest_of_any(r)).collect();
                self.useful(&rows, rest, others)
            }
        }
    }

    fn useful_with(&mut self, rows: &[Vec<P>], row: &[P], con: &Con, t: &Ty, others: &[Ty]) -> Option<bool> {
        self.fuel = self.fuel.checked_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX))?;
        let parts = self.parts(con, t);
        let rows: Vec<Vec<P>> = rows.iter().flat_map(|r| self.specialize(r, con, parts.len())).collect();
        let types: Vec<Ty> = parts.iter().cloned().chain(others.iter().cloned()).collect();
        for row in self.specialize(row, con, parts.len()) {
            // Columns where nothing is asked do not matter.
            let asked = |i: &usize| std::iter::once(&row).chain(&rows).any(|r| r.get(*i).is_some_and(|p| *p != P::Any));
            let keep: Vec<usize> = (0..types.len()).filter(asked).collect();
            if keep.len() > WIDE {
                return None;
            }
            let rows: Vec<Vec<P>> = rows.iter().map(|r| pick(r, &keep)).collect();
            if self.useful(&rows, &pick(&row, &keep), &pick(&types, &keep))? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The values that no row covers, as patterns; none when the fuel is out.
    fn missing(&mut self, rows: &[Vec<P>], t: &Ty) -> Option<Vec<String>> {
        let opened = self.checker.open(t);
        let column: Vec<&P> = rows.iter().filter_map(|r| r.first()).collect();
        let Some(all) = self.constructors(&opened, &column) else {
            return Some(if self.useful(rows, &[P::Any], std::slice::from_ref(t))? {
                vec!["_".into()]
            } else {
                vec![]
            });
        };
        let mut out = Vec::new();
        for con in all {
            if !self.useful_with(rows, &[P::Any], &con, &opened, &[])? {
                continue;
            }
            out.push(self.shown(&con, &opened, rows)?);
        }
        Some(out)
    }

    /// A missing case in words: with one level of what is missing inside.
    fn shown(&mut self, con: &Con, t: &Ty, rows: &[Vec<P>]) -> Option<String> {
        Some(match con {
            Con::Bool(b) => b.to_string(),
            Con::Absent => "none".into(),
            Con::Present => {
                let parts = self.parts(con, t);
                let inner: Vec<Vec<P>> = rows.iter().flat_map(|r| self.specialize(r, con, 1)).collect();
                let part = parts.first().cloned().unwrap_or_else(ty::error);
                match self.missing_quick(&inner, &part)? {
                    m if m == "_" => "some value".into(),
                    m => m,
                }
            }
            Con::Variant(i) => {
                let Type::Named(id, _) = &**t else { return Some("_".into()) };
                let name = self.checker.variants(*id).and_then(|v| v.get(*i as usize)).map(|v| v.name.to_string());
                let name = name.unwrap_or_else(|| "_".into());
                let has_payload = !self.parts(con, t).is_empty();
                if has_payload { format!("{name}(..)") } else { name }
            }
            Con::Record => "_".into(),
            Con::List(0) => "[]".into(),
            Con::List(n) => {
                let most = rows.iter().filter_map(|r| r.first()).map(longest).max().unwrap_or(0);
                let items = vec!["_"; *n].join(", ");
                if *n > most { format!("[{items}, ..]") } else { format!("[{items}]") }
            }
            _ => "_".into(),
        })
    }

    fn missing_quick(&mut self, rows: &[Vec<P>], t: &Ty) -> Option<String> {
        let opened = self.checker.open(t);
        match &*opened {
            Type::Bool | Type::Named(..) => {
                Some(self.missing(rows, t)?.into_iter().next().unwrap_or_else(|| "_".into()))
            }
            _ => Some("_".into()),
        }
    }
}

fn pick<T: Clone>(all: &[T], keep: &[usize]) -> Vec<T> {
    keep.iter().filter_map(|i| all.get(*i).cloned()).collect()
}

/// What is left of a row whose first pattern matches everything.
fn rest_of_any(row: &[P]) -> Option<Vec<P>> {
    match row.split_first() {
        Some((P::Any, rest)) => Some(rest.to_vec()),
        Some((P::Or(all), rest)) if all.iter().any(is_any) => Some(rest.to_vec()),
        _ => None,
    }
}

fn is_any(p: &P) -> bool {
    match p {
        P::Any => true,
        P::Or(all) => all.iter().any(is_any),
        P::Of(..) => false,
    }
}

fn mentions(p: &P, con: &Con) -> bool {
    match p {
        P::Any => false,
        P::Of(c, _) => c == con,
        P::Or(all) => all.iter().any(|p| mentions(p, con)),
    }
}

/// The most items that a list pattern names.
fn longest(p: &P) -> usize {
    match p {
        P::Of(Con::List(n) | Con::ListFrom(n), _) => *n,
        P::Or(all) => all.iter().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}
