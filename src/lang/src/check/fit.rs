//! What fits where: the relation between types, the conversions it needs, the common type of branches, and type variables.

use super::cx::Checker;
use super::scope::{bad, is_error, node};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, Coercion, ExprKind};
use crate::types::{FieldTy, Ty, Type};
use crate::value::Value;

/// How a value of one type becomes one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is one already.
    Same,
    Float,
    Json,
    Shape,
}

/// Nested comparisons of types before the answer is taken to be yes: deeper ones only recursive types have.
const DEEP: u32 = 48;

impl Checker {
    /// Whether a value of `from` fits where `to` is expected, and what it needs.
    pub fn fit(&self, from: &Ty, to: &Ty) -> Option<Fit> {
        self.fit_at(from, to, 0)
    }

    fn fit_at(&self, from: &Ty, to: &Ty, depth: u32) -> Option<Fit> {
        if from == to || depth > DEEP {
            return Some(Fit::Same);
        }
        match (&**from, &**to) {
            (Type::Error | Type::Never, _) | (_, Type::Error) => return Some(Fit::Same),
            (Type::None, Type::Optional(_)) => return Some(Fit::Same),
            (_, Type::Json) => {
                return if self.unjsonable(from).is_none() && self.has_value(from) { Some(Fit::Json) } else { None };
            }
            _ => {}
        }
        let (a, b) = (self.open(from), self.open(to));
        if a != *from || b != *to {
            return self.fit_at(&a, &b, depth + 1);
        }
        match (&*a, &*b) {
            (Type::Int, Type::Float) => Some(Fit::Float),
            (Type::Optional(x), Type::Optional(y)) => self.inner_fit(x, y, depth),
            (_, Type::Optional(y)) => self.fit_at(&a, y, depth + 1),
            (Type::List(x), Type::List(y)) | (Type::Set(x), Type::Set(y)) | (Type::Range(x), Type::Range(y)) => {
                self.inner_fit(x, y, depth)
            }
            (Type::Map(k, v), Type::Map(l, w)) => {
                let both = [self.inner_fit(k, l, depth)?, self.inner_fit(v, w, depth)?];
                Some(if both == [Fit::Same, Fit::Same] { Fit::Same } else { Fit::Shape })
            }
            (Type::Function { .. }, Type::Function { .. }) => self.function_fit(&a, &b, depth),
            (Type::Named(i, x), Type::Named(j, y)) if i == j && self.variants(*i).is_some() => {
                let same =
                    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| self.fit_at(x, y, depth + 1) == Some(Fit::Same));
                same.then_some(Fit::Same)
            }
            _ => self.record_fit(&a, &b, depth),
        }
    }

    fn has_value(&self, t: &Ty) -> bool {
        !matches!(**t, Type::Nothing)
    }

    fn inner_fit(&self, from: &Ty, to: &Ty, depth: u32) -> Option<Fit> {
        self.fit_at(from, to, depth + 1).map(|f| if f == Fit::Same { Fit::Same } else { Fit::Shape })
    }

    fn function_fit(&self, a: &Ty, b: &Ty, depth: u32) -> Option<Fit> {
        let (Type::Function { params: p, ret: r, effect: e }, Type::Function { params: q, ret: s, effect: f }) =
            (&**a, &**b)
        else {
            return None;
        };
        let same = |x: &Ty, y: &Ty| self.fit_at(x, y, depth + 1) == Some(Fit::Same);
        let fits = p.len() == q.len() && e <= f && p.iter().zip(q).all(|(p, q)| same(q, p));
        (fits && (same(r, s) || matches!(**s, Type::Nothing))).then_some(Fit::Same)
    }

    fn record_fit(&self, a: &Ty, b: &Ty, depth: u32) -> Option<Fit> {
        let (from, to) = (self.fields_of(a)?, self.fields_of(b)?);
        let mut exact = from.len() == to.len();
        for (i, want) in to.iter().enumerate() {
            let at = from.iter().position(|f| f.name == want.name)?;
            let have = from.get(at)?;
            exact &= self.fit_at(&have.ty, &want.ty, depth + 1)? == Fit::Same && at == i;
        }
        Some(if exact { Fit::Same } else { Fit::Shape })
    }

    /// Turns `e` into a value of `to`; reports when it does not fit. `role` says what the place is, as in "argument `limit`".
    pub fn coerce(&mut self, e: hir::Expr, to: &Ty, role: &str) -> hir::Expr {
        match self.fit(&e.ty, to) {
            Some(fit) => self.convert(e, to, fit),
            None => {
                let d = self.mismatch(&e, to, role);
                self.report(d);
                bad(e.span)
            }
        }
    }

    pub fn convert(&self, mut e: hir::Expr, to: &Ty, fit: Fit) -> hir::Expr {
        if is_error(&e.ty) || is_error(to) {
            return e;
        }
        let kind = match fit {
            Fit::Same => {
                if *e.ty != Type::Never {
                    e.ty = to.clone();
                }
                return e;
            }
            Fit::Float => {
                if let ExprKind::Literal(Value::Int(i)) = &e.kind {
                    #[allow(clippy::cast_precision_loss, reason = "the nearest Float is what widening means")]
                    let wide = *i as f64;
                    return node(ExprKind::Literal(Value::Float(wide)), to.clone(), e.span);
                }
                Coercion::IntToFloat
            }
            Fit::Json => Coercion::ToJson,
            Fit::Shape => Coercion::Shape,
        };
        let span = e.span;
        let target = match (fit, &*self.open(to)) {
            (Fit::Float, Type::Optional(t)) => t.clone(),
            _ => to.clone(),
        };
        let e = node(ExprKind::Coerce { value: Box::new(e), kind }, target, span);
        node(e.kind, to.clone(), span)
    }

    /// Json that only people read (`evidence`, `showing`): what is converted just for it keeps its units.
    pub fn for_people(e: &mut hir::Expr) {
        match &mut e.kind {
            ExprKind::Coerce { kind: kind @ Coercion::ToJson, .. } => *kind = Coercion::ToShown,
            ExprKind::List(items) => items.iter_mut().for_each(|(_, item)| Self::for_people(item)),
            ExprKind::Map(entries) => {
                for entry in entries {
                    match entry {
                        hir::MapEntry::Entry(_, value) | hir::MapEntry::Spread(value) => Self::for_people(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// The number that a text in quotes holds.
    fn quoted_number(&self, e: &hir::Expr) -> Option<String> {
        let source = self.sources.text(value_span(e));
        let inside = source.strip_prefix('"')?.strip_suffix('"')?;
        let digits = inside.bytes().any(|b| b.is_ascii_digit());
        (digits && inside.bytes().all(|b| b.is_ascii_digit() || b == b'.') && inside.parse::<f64>().is_ok())
            .then(|| inside.to_owned())
    }

    /// The error for a value that does not fit, with advice by the pair of types.
    pub fn mismatch(&self, e: &hir::Expr, to: &Ty, role: &str) -> Diagnostic {
        let at = value_span(e);
        let (from, want) = (self.open(&e.ty), self.open(to));
        let (shown, wanted) = (self.show(&e.ty), self.show(to));
        let of = if role.is_empty() { String::new() } else { format!(" for {role}") };
        let label = format!("this is `{shown}`");
        let plain =
            |code| Diagnostic::error(code, format!("expected `{wanted}`{of}, found `{shown}`"), at, label.clone());
        let inner = match &*want {
            Type::Optional(t) => self.open(t),
            _ => want.clone(),
        };
        if let Type::Optional(t) = &*from
            && self.fit(t, to).is_some()
        {
            return Diagnostic::error(
                codes::TYPE_OPTIONAL,
                format!("expected `{wanted}`{of}, but the value may be missing"),
                at,
                label,
            )
            .help("open it: `… ?? default`, `… ?? fail \"…\"`, or `if let v = … { … }`");
        }
        if matches!(*from, Type::Secret) || (matches!(*inner, Type::Json) && self.holds_secret(&from)) {
            let why = if matches!(*inner, Type::Json) {
                "Json would be journaled and logged"
            } else {
                "a Secret is a handle, not a value"
            };
            return Diagnostic::error(
                codes::TYPE_SECRET,
                format!("a Secret cannot be used{of}, which is `{wanted}`"),
                at,
                if matches!(*from, Type::Secret) {
                    "this is a Secret".to_owned()
                } else {
                    format!("this holds a Secret: `{shown}`")
                },
            )
            .help(format!("{why}; it goes to parameters of type `Secret` only"));
        }
        match (&*from, &*inner) {
            (Type::Optional(_), Type::Bool) => plain(codes::TYPE_MISMATCH).help(match role {
                "`or`" => "`or` joins conditions; to say what stands for a missing value, write `??`",
                _ => "ask whether it is there: `… != none`",
            }),
            (Type::None, _) => plain(codes::TYPE_OPTIONAL).help(format!("only a `{wanted}?` can be `none`")),
            (Type::Int | Type::Float, Type::Duration) => {
                plain(codes::TYPE_UNITS).help("give the number a unit: `30s`, `5m`, `2h`; or `.seconds()` for a computed one")
            }
            (Type::Int | Type::Float, Type::Size) => {
                plain(codes::TYPE_UNITS).help("give the number a unit: `512KB`, `10MiB`; or `.bytes()` for a computed one")
            }
            (Type::Float, Type::Int) => plain(codes::TYPE_MISMATCH).help("round it: `.round().to_int()`, `.floor()` or `.ceil()`"),
            (_, Type::Secret) => plain(codes::TYPE_SECRET)
                .help("secrets come from settings: declare `settings { token: Secret }` and set it in the environment"),
            (Type::Text, Type::Url) => plain(codes::TYPE_MISMATCH)
                .help("write the literal `url\"https://…\"`, a text that begins with a Url (`\"${base}/path\"`), or convert with `.to_url()`"),
            (Type::Text, Type::Int | Type::Float) if self.quoted_number(e).is_some() => {
                let number = self.quoted_number(e).unwrap_or_default();
                plain(codes::TYPE_MISMATCH)
                    .help(format!("write it without quotes: `{number}`"))
                    .fix(format!("write `{number}`"), vec![(at, number)])
            }
            (Type::Text, Type::Int) => plain(codes::TYPE_MISMATCH).help("convert it with `.to_int()`, which gives an `Int?`"),
            (Type::Text, Type::Float) => plain(codes::TYPE_MISMATCH).help("convert it with `.to_float()`, which gives a `Float?`"),
            (Type::Text, Type::Duration | Type::Size) => plain(codes::TYPE_MISMATCH).help("write it without quotes: `5m`, `10MiB`"),
            (Type::Text, Type::Regex) => plain(codes::TYPE_MISMATCH).help("write a regular expression as `re\"…\"`"),
            (Type::Text, Type::Time) => plain(codes::TYPE_MISMATCH).help("write a time as `time\"2026-11-21T10:00:00Z\"`, or convert with `.to_time()`"),
            (Type::Text, Type::Bool) => plain(codes::TYPE_MISMATCH).help("compare it, or convert it with `.to_bool()`"),
            (Type::Text, Type::Named(..)) if self.enum_of(&inner).is_some() => {
                plain(codes::TYPE_MISMATCH).help(format!("write the variant without quotes: {}", self.list_variants(&inner)))
            }
            (Type::Json, _) => plain(codes::TYPE_MISMATCH).help(format!("convert it: `… as {wanted}`")),
            (Type::Optional(t), _) if matches!(*self.open(t), Type::Json) => {
                plain(codes::TYPE_MISMATCH).help(format!("convert it: `… as {wanted}`"))
            }
            (Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Size | Type::Time, Type::Text) => {
                plain(codes::TYPE_MISMATCH).help("put it into a text: `\"${…}\"`")
            }
            (Type::List(_) | Type::Set(_) | Type::Map(..), Type::Bool) => {
                plain(codes::TYPE_MISMATCH).help("ask for something: `not ….is_empty()`")
            }
            (Type::Int, Type::Bool) => plain(codes::TYPE_MISMATCH).help("a condition is a `Bool`: compare the value with something"),
            (Type::Function { params, .. }, Type::Function { .. }) => {
                let names: Vec<&str> = ["a", "b", "c", "d"].into_iter().take(params.len()).collect();
                let (names, called) = (names.join(", "), self.sources.text(e.span).to_owned());
                let lambda = if params.len() == 1 { names.clone() } else { format!("({names})") };
                plain(codes::TYPE_MISMATCH).help(format!("it takes or gives other types: write `{lambda} => {called}({names})`, and convert what differs"))
            }
            (Type::List(_), Type::List(_)) => {
                plain(codes::TYPE_MISMATCH).help("make every item one of these: `.map(x => …)`")
            }
            (Type::Function { .. }, _) => plain(codes::TYPE_MISMATCH).help("call it: put `(…)` behind its name"),
            (Type::Nothing, _) => plain(codes::TYPE_MISMATCH).help("this gives no value"),
            (Type::List(t), _) if self.fit(t, to).is_some() => plain(codes::TYPE_MISMATCH).help("take one item: `.first()`, or `[0]`"),
            (Type::Range(_), Type::List(_)) => plain(codes::TYPE_MISMATCH).help("make a list of it: `.to_list()`"),
            (Type::Range(_), _) => plain(codes::TYPE_MISMATCH).help("take its items, `.to_list()`, or go through them: `for i in 0..5 { … }`"),
            (_, Type::List(t)) if self.fit(&e.ty, t).is_some() => plain(codes::TYPE_MISMATCH).help("put it into a list: `[…]`"),
            _ => match self.record_reason(&from, &inner) {
                Some((note, help)) => {
                    let d = plain(codes::TYPE_MISMATCH).note(note);
                    d.help(help.unwrap_or_else(|| "give the record what it needs, or change the type that is expected".into()))
                }
                None => plain(codes::TYPE_MISMATCH).help(format!("give a value that is `{wanted}`, or change the type that is expected")),
            },
        }
    }

    pub fn holds_secret(&self, t: &Ty) -> bool {
        self.unjsonable(t).is_some_and(|p| matches!(*p, Type::Secret))
    }

    /// The variants of an enum, for messages.
    pub fn list_variants(&self, t: &Ty) -> String {
        let Some((id, _)) = self.enum_of(t) else { return String::new() };
        let names: Vec<String> =
            self.variants(id).unwrap_or_default().iter().map(|v| format!("`{}`", v.name)).collect();
        let mut shown = names.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > 12 {
            shown.push_str(", …");
        }
        shown
    }

    /// Why a record does not fit: the first field that is missing or of another type.
    fn record_reason(&self, from: &Ty, to: &Ty) -> Option<(String, Option<String>)> {
        let (from, to) = (self.fields_of(from)?, self.fields_of(to)?);
        for want in &to {
            let Some(have) = from.iter().find(|f| f.name == want.name) else {
                let near = nearest(&want.name, from.iter().map(|f| f.name.as_str()));
                let help = near.map(|n| format!("`{n}` looks like it"));
                return Some((format!("the field `{}` is missing", want.name), help));
            };
            if self.fit(&have.ty, &want.ty).is_none() {
                let (have, wanted) = (self.show(&have.ty), self.show(&want.ty));
                return Some((format!("the field `{}` is `{have}` where `{wanted}` is needed", want.name), None));
            }
        }
        None
    }

    /// The type that values of both have in common.
    pub fn join(&self, a: &Ty, b: &Ty) -> Option<Ty> {
        self.join_at(a, b, 0)
    }

    fn join_at(&self, a: &Ty, b: &Ty, depth: u32) -> Option<Ty> {
        if a == b || depth > DEEP {
            return Some(a.clone());
        }
        match (&**a, &**b) {
            (Type::Error, _) | (_, Type::Error) => return Some(ty::error()),
            (Type::Never, _) => return Some(b.clone()),
            (_, Type::Never) => return Some(a.clone()),
            (Type::None, Type::Json) | (Type::Json, Type::None) => return Some(ty::json()),
            (Type::None, Type::Nothing) | (Type::Nothing, Type::None) => return None,
            (Type::None, _) => return Some(ty::optional(b.clone())),
            (_, Type::None) => return Some(ty::optional(a.clone())),
            _ => {}
        }
        match (&*self.open(a), &*self.open(b)) {
            (Type::Optional(x), Type::Optional(y)) => return self.join_at(x, y, depth + 1).map(ty::optional),
            (Type::Optional(x), _) if **b != Type::Json => return self.join_at(x, b, depth + 1).map(ty::optional),
            (_, Type::Optional(y)) if **a != Type::Json => return self.join_at(a, y, depth + 1).map(ty::optional),
            (Type::List(x), Type::List(y)) => return self.join_at(x, y, depth + 1).map(ty::list),
            (Type::Map(k, v), Type::Map(l, w)) => {
                return Some(ty::map(self.join_at(k, l, depth + 1)?, self.join_at(v, w, depth + 1)?));
            }
            _ => {}
        }
        if self.fit(a, b) == Some(Fit::Same) {
            return Some(b.clone());
        }
        if self.fit(b, a).is_some() {
            return Some(a.clone());
        }
        if self.fit(a, b).is_some() {
            return Some(b.clone());
        }
        self.join_records(a, b, depth)
    }

    fn join_records(&self, a: &Ty, b: &Ty, depth: u32) -> Option<Ty> {
        let (x, y) = (self.fields_of(a)?, self.fields_of(b)?);
        if x.len() != y.len() {
            return None;
        }
        let mut fields = Vec::with_capacity(x.len());
        for f in &x {
            let g = y.iter().find(|g| g.name == f.name)?;
            fields.push(FieldTy { name: f.name.clone(), ty: self.join_at(&f.ty, &g.ty, depth + 1)?, default: None });
        }
        Some(ty::record(fields))
    }

    /// Learns type variables: `pattern` is the declared type of a parameter, `actual` what was given.
    pub fn unify(&self, pattern: &Ty, actual: &Ty, vars: &mut Vec<Option<Ty>>) {
        self.unify_at(pattern, actual, vars, 0);
    }

    fn unify_at(&self, pattern: &Ty, actual: &Ty, vars: &mut Vec<Option<Ty>>, depth: u32) {
        if depth > DEEP {
            return;
        }
        let d = depth + 1;
        if let Type::Param(i, _) = &**pattern {
            let i = *i as usize;
            if let Some(slot) = vars.get_mut(i) {
                *slot = match slot.take() {
                    None => Some(actual.clone()),
                    Some(old) => Some(self.join(&old, actual).unwrap_or(old)),
                };
            }
            return;
        }
        let actual = self.open(actual);
        match (&**pattern, &*actual) {
            (Type::Optional(p), Type::Optional(a)) => self.unify_at(p, a, vars, d),
            (Type::Optional(_), Type::None) => {}
            (Type::Optional(p), _) => self.unify_at(p, &actual, vars, d),
            (Type::List(p), Type::List(a)) | (Type::Set(p), Type::Set(a)) | (Type::Range(p), Type::Range(a)) => {
                self.unify_at(p, a, vars, d);
            }
            (Type::Map(k, v), Type::Map(l, w)) => {
                self.unify_at(k, l, vars, d);
                self.unify_at(v, w, vars, d);
            }
            (Type::Function { params: p, ret: r, .. }, Type::Function { params: q, ret: s, .. }) => {
                p.iter().zip(q).for_each(|(p, q)| self.unify_at(p, q, vars, d));
                self.unify_at(r, s, vars, d);
            }
            (Type::Named(i, p), Type::Named(j, a)) if i == j => {
                p.iter().zip(a).for_each(|(p, a)| self.unify_at(p, a, vars, d));
            }
            (Type::Named(..) | Type::Record(_), _) => {
                if let (Some(p), Some(a)) = (self.fields_of(pattern), self.fields_of(&actual)) {
                    for f in &p {
                        if let Some(g) = a.iter().find(|g| g.name == f.name) {
                            self.unify_at(&f.ty, &g.ty, vars, d);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// `t` with the variables that are known put in; none when one is not.
    pub fn resolved(&self, t: &Ty, vars: &[Option<Ty>]) -> Option<Ty> {
        if vars.is_empty() {
            return Some(t.clone());
        }
        if self.mentions_unknown(t, vars) {
            return None;
        }
        let args: Vec<Ty> = vars.iter().map(|v| v.clone().unwrap_or_else(ty::error)).collect();
        Some(super::types::substitute(t, &args))
    }

    /// Whether a type needs a variable that is not known yet.
    pub fn mentions_unknown(&self, t: &Ty, vars: &[Option<Ty>]) -> bool {
        match &**t {
            Type::Param(i, _) => vars.get(*i as usize).is_some_and(Option::is_none),
            Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => self.mentions_unknown(t, vars),
            Type::Map(k, v) => self.mentions_unknown(k, vars) || self.mentions_unknown(v, vars),
            Type::Record(fields) => fields.iter().any(|f| self.mentions_unknown(&f.ty, vars)),
            Type::Named(_, args) => args.iter().any(|a| self.mentions_unknown(a, vars)),
            Type::Function { params, ret, .. } => {
                params.iter().any(|p| self.mentions_unknown(p, vars)) || self.mentions_unknown(ret, vars)
            }
            _ => false,
        }
    }
}

/// What a block gives, where that is to be seen; otherwise all of it.
fn value_span(e: &hir::Expr) -> crate::span::Span {
    match &e.kind {
        ExprKind::Block(block) => block.value.as_deref().map_or(e.span, value_span),
        _ => e.span,
    }
}
