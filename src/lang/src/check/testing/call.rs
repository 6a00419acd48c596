//! Calls that a test answers or looks for: which action, and which of its calls.

use smol_str::SmolStr;

use super::Playing;
use crate::check::cx::{Checker, Def, FnInfo, ParamInfo};
use crate::check::expr::Want;
use crate::check::scope::{FrameKind, bad, is_error, node};
use crate::check::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::testing::CallPattern;
use crate::hir::{self, ExprKind, LocalId, Pattern};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, PatternKind, TestArg, TestCall, TestValue};
use crate::syntax::print_test_call;
use crate::types::{Ty, Type};

/// What a place in a pattern is held against, when it is no pattern by itself.
pub(in crate::check) enum Against {
    /// A name stands for the value that it has in the program.
    Name(ast::Ident),
    /// A regular expression is looked for.
    Regex(ast::Expr),
}

/// The places of a pattern that stand for values: each is bound, and compared when the rest fits.
pub(in crate::check) type Places = Vec<(LocalId, Against)>;

impl Checker {
    /// The action that a call names, with the instance that is meant.
    pub(super) fn action_seen(&mut self, call: &TestCall) -> Option<(FnId, Option<SmolStr>)> {
        let (last, before) = call.action.parts.split_last()?;
        let (def, connector) = if before.is_empty() {
            if let Some(instance) = &call.instance {
                let help = format!("name the action, too: `{}[\"…\"].drain`", last.name);
                let message = format!("`{}` with an instance is no action", last.name);
                self.error(codes::TEST_CALL, last.span.to(instance.span), message, "a connector?", help);
                return None;
            }
            match self.lookup_at(self.home, last) {
                Some(def) => (def, None),
                None => {
                    let names = self.actions_in_scope();
                    self.unknown("action", last, &names, "declare it, or bring it into scope with `use`");
                    return None;
                }
            }
        } else {
            let owner = self.owner_seen(before)?;
            match self.member(owner, last) {
                Some(def) => (def, self.as_connector(owner)),
                None => {
                    self.unknown_member(owner, last);
                    return None;
                }
            }
        };
        let id = self.action_def(def, last)?;
        let instance = match &call.instance {
            Some(e) => Some(self.instance_of(connector, e)?),
            None => None,
        };
        Some((id, instance))
    }

    fn instance_of(&mut self, connector: Option<crate::ids::ConnectorId>, e: &ast::Expr) -> Option<SmolStr> {
        let Some(name) = connector.and_then(|c| self.connector(c)).map(|c| c.name.clone()) else {
            let help = "only a connector has: `k8s[\"prod\"].drain(node)`";
            self.error(codes::TEST_CALL, e.span, "this module has no instances", "", help);
            return None;
        };
        self.instance_seen(&name, e)
    }

    /// The module or connector before the last name of a path.
    pub(super) fn owner_seen(&mut self, path: &[ast::Ident]) -> Option<Def> {
        let mut parts = path.iter();
        let first = parts.next()?;
        let Some(mut def) = self.lookup_at(self.home, first) else {
            match self.module_for(&first.name) {
                Some(module) => {
                    let message = format!("there is no `{}` here", first.name);
                    let help = format!("bring it into scope: `use {module}`");
                    self.error(codes::NAME_UNKNOWN, first.span, message, "not known here", help);
                }
                None => {
                    let names = self.names_in_scope();
                    self.unknown("connector", first, &names, "declare it, or bring it into scope with `use`");
                }
            }
            return None;
        };
        for part in parts {
            match def {
                Def::Module(_) | Def::Connector(_) => match self.member(def, part) {
                    Some(d) => def = d,
                    None => {
                        self.unknown_member(def, part);
                        return None;
                    }
                },
                _ => break,
            }
        }
        match def {
            Def::Module(_) | Def::Connector(_) => Some(def),
            Def::Bad => None,
            _ => {
                let shown = path.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
                let message = format!("`{shown}` is no connector or module");
                let help = "name an action such as `k8s.drain`, or one of this module by its own name";
                self.error(codes::TEST_CALL, first.span, message, "has no actions", help);
                None
            }
        }
    }

    fn actions_in_scope(&self) -> Vec<SmolStr> {
        let mut names = self.names_in_scope();
        names.retain(|n| match self.lookup(self.home, n) {
            Some(Def::Fn(id)) => self.fn_info(id).is_some_and(|i| i.action),
            Some(Def::Connector(_) | Def::Module(_)) => true,
            _ => false,
        });
        names
    }

    fn action_def(&mut self, def: Def, name: &ast::Ident) -> Option<FnId> {
        let (what, help) = match def {
            Def::Fn(id) if self.fn_info(id).is_some_and(|i| i.action) => return Some(id),
            Def::Bad => return None,
            Def::Fn(_) => ("a `fn`, which is computed", "answer the actions whose results it gets".to_owned()),
            Def::Runbook(_) => (
                "a runbook",
                format!("to start it, write `run {0}(…)`; to see its runs, `expect runs 1 of {0}`", name.name),
            ),
            Def::Event(_) => ("an event", format!("to let it come, write `when … .{} {{ … }}`", name.name)),
            Def::Connector(_) | Def::Module(_) => ("no action", self.calls_in(def, &name.name)),
            _ => ("no action", "a test answers and sees calls of actions".to_owned()),
        };
        let message = format!("`{}` is {what}", name.name);
        self.error(codes::TEST_CALL, name.span, message, "no action", help);
        None
    }

    /// A call with what is said of its arguments, by place or by name.
    pub(super) fn call_seen(&mut self, call: &TestCall, more: &[TestArg]) -> Option<CallPattern> {
        let (action, instance) = self.action_seen(call)?;
        let info = self.fn_info(action).cloned()?;
        let args: Vec<&TestArg> = call.args.iter().flatten().chain(more).collect();
        let named: Vec<_> = args.iter().map(|a| (a.name.as_ref(), a.value.span())).collect();
        self.saw_args(call.span, Some(crate::check::index::Target::Fn(action)), &info.params, &named);
        let before = self.diags.len();
        let matches = self.matcher(&info, &args, call.span);
        (self.diags.len() == before || !self.diags.iter().skip(before).any(Diagnostic::is_error)).then(|| CallPattern {
            action,
            instance,
            matches,
            text: print_test_call(call).into(),
        })
    }

    /// A function of the action's parameters that says whether a call is meant; none when every call is.
    fn matcher(&mut self, info: &FnInfo, args: &[&TestArg], at: Span) -> Option<FnId> {
        let placed = self.placed(info, args);
        if placed.iter().all(|(_, v)| is_any(v)) {
            return None;
        }
        let params: Vec<(Option<SmolStr>, Ty)> = info.params.iter().map(|p| (None, p.ty.clone())).collect();
        let id = self.test_fn("matches", &params, at, |c, locals| {
            let mut all: Option<hir::Expr> = None;
            for (i, value) in placed.iter().filter(|(_, v)| !is_any(v)) {
                let (Some(p), Some(local)) = (info.params.get(*i), locals.get(*i)) else { continue };
                let span = value.span();
                let subject = node(ExprKind::Local(*local), p.ty.clone(), span);
                let Some(holds) = c.held(p, subject, value) else { continue };
                all = Some(match all {
                    Some(before) => and(before, holds),
                    None => holds,
                });
            }
            all.unwrap_or_else(|| node(ExprKind::Literal(crate::value::Value::Bool(true)), ty::boolean(), at))
        });
        Some(id)
    }

    /// The arguments with the numbers of their parameters.
    fn placed<'a>(&mut self, info: &FnInfo, args: &[&'a TestArg]) -> Vec<(usize, &'a TestValue)> {
        let mut out: Vec<(usize, &TestValue)> = Vec::new();
        let what = format!("`{}`", info.name);
        let mut next = 0;
        for arg in args {
            let at = match &arg.name {
                None => {
                    next += 1;
                    Some(next - 1).filter(|n| *n < info.params.len())
                }
                Some(name) => {
                    let at = info.params.iter().position(|p| p.name == name.name);
                    if at.is_none() {
                        self.unknown_argument(&what, name, &info.params, &vec![None; info.params.len()]);
                        continue;
                    }
                    at
                }
            };
            let Some(at) = at else {
                let n = info.params.len();
                let wanted = match n {
                    0 => "no arguments".to_owned(),
                    1 => "one argument".to_owned(),
                    n => format!("{n} arguments"),
                };
                let message = format!("{what} takes {wanted}, and this is one too many");
                let help = Self::parameters(&info.params, self);
                self.error(codes::TYPE_ARGUMENTS, arg.span, message, "one too many", help);
                return out;
            };
            if out.iter().any(|(i, _)| *i == at) {
                let name = info.params.get(at).map(|p| p.name.clone()).unwrap_or_default();
                let help = "say what must be so of each argument once";
                self.error(codes::TYPE_ARGUMENTS, arg.span, format!("`{name}` is given twice"), "again here", help);
                continue;
            }
            out.push((at, &arg.value));
        }
        out
    }

    /// Whether an argument is as the test says. None when nothing is asked, or what is asked is wrong.
    fn held(&mut self, p: &ParamInfo, subject: hir::Expr, value: &TestValue) -> Option<hir::Expr> {
        let span = value.span();
        if self.holds_secret(&p.ty) {
            let message = format!("`{}` holds a Secret, and no test sees one", p.name);
            self.error(codes::TYPE_SECRET, span, message, "cannot be compared", "write `_`");
            return None;
        }
        if of_caller(&p.ty) || matches!(*self.open(&p.ty), Type::Function { .. }) {
            let message = format!("nothing can be said of `{}`, which is `{}`", p.name, self.show(&p.ty));
            self.error(codes::TEST_VALUE, span, message, "cannot be compared", "write `_`");
            return None;
        }
        let role = format!("`{}`", p.name);
        match value {
            TestValue::Pattern(pattern) => self.held_pattern(subject, pattern, &role),
            TestValue::Expr(e) => Some(self.held_expr(subject, e, &role)),
        }
    }

    /// Whether a value is as a pattern says, in which names are values of the program and regular expressions are looked for.
    pub(super) fn held_pattern(&mut self, subject: hir::Expr, p: &ast::Pattern, role: &str) -> Option<hir::Expr> {
        match &p.kind {
            PatternKind::Any | PatternKind::Missing => None,
            PatternKind::Or(all) => {
                let mut any: Option<hir::Expr> = None;
                for one in all {
                    let holds = self.held_pattern(subject.clone(), one, role)?;
                    any = Some(match any {
                        Some(before) => {
                            let span = before.span.to(holds.span);
                            node(ExprKind::Or(Box::new(before), Box::new(holds)), ty::boolean(), span)
                        }
                        None => holds,
                    });
                }
                any
            }
            PatternKind::Record { fields, rest } if self.is_json(&subject.ty) && as_expr(p).is_none() => {
                self.held_json(subject, p.span, fields, *rest, role)
            }
            _ => match as_expr(p) {
                Some(e) => Some(self.held_expr(subject, &e, role)),
                None => Some(self.held_open(subject, p, role)),
            },
        }
    }

    fn is_json(&self, t: &Ty) -> bool {
        matches!(*self.open(t), Type::Json)
    }

    /// Some fields of Json.
    fn held_json(
        &mut self,
        subject: hir::Expr,
        span: Span,
        fields: &[(ast::Ident, Option<ast::Pattern>)],
        rest: bool,
        role: &str,
    ) -> Option<hir::Expr> {
        if !rest {
            let help = "end it with `..`: Json may have further fields";
            self.error(codes::TYPE_PATTERN, span, "a pattern for Json says some of its fields", "no `..`", help);
        }
        let mut all: Option<hir::Expr> = None;
        for (name, inner) in fields {
            let base = Box::new(subject.clone());
            let kind = ExprKind::JsonField { base, name: name.name.clone(), optional: false };
            let part = node(kind, ty::json(), name.span);
            let holds = match inner {
                Some(p) => self.held_pattern(part, p, role),
                None => {
                    let e = ast::Expr { kind: ast::ExprKind::Name(name.clone()), span: name.span };
                    Some(self.held_expr(part, &e, role))
                }
            };
            all = match (all, holds) {
                (Some(before), Some(holds)) => Some(and(before, holds)),
                (before, holds) => before.or(holds),
            };
        }
        all
    }

    /// A pattern with holes, such as `{ name: "x", .. }`.
    fn held_open(&mut self, subject: hir::Expr, p: &ast::Pattern, role: &str) -> hir::Expr {
        let t = subject.ty.clone();
        let before = self.places.replace(Places::new());
        let pattern = self.pattern(p, &t);
        let places = std::mem::replace(&mut self.places, before).unwrap_or_default();
        let is = ExprKind::Is { value: Box::new(subject), pattern };
        let mut all = node(is, ty::boolean(), p.span);
        for (local, against) in places {
            let t = self.local(local).map_or_else(ty::error, |l| l.ty.clone());
            let subject = node(ExprKind::Local(local), t, p.span);
            let holds = match against {
                Against::Name(name) => {
                    let span = name.span;
                    self.equals_value(subject, &ast::Expr { kind: ast::ExprKind::Name(name), span }, role)
                }
                Against::Regex(e) => self.held_expr(subject, &e, role),
            };
            all = and(all, holds);
        }
        all
    }

    /// Whether a value equals another one, is in a range, or holds what a regular expression looks for.
    pub(super) fn held_expr(&mut self, subject: hir::Expr, e: &ast::Expr, role: &str) -> hir::Expr {
        let opened = self.open(&subject.ty);
        if let Type::Optional(inner) = &*opened
            && (is_regex(e) || is_range(e))
        {
            // What is not there holds nothing.
            let local = self.temp(inner.clone(), e.span);
            let there = Pattern::Present(Box::new(Pattern::Bind(local)));
            let there = node(ExprKind::Is { value: Box::new(subject), pattern: there }, ty::boolean(), e.span);
            let value = node(ExprKind::Local(local), inner.clone(), e.span);
            let holds = self.held_expr(value, e, role);
            return and(there, holds);
        }
        if is_regex(e) {
            let text = self.coerce(subject, &ty::text(), "what a regular expression is looked for in");
            let regex = self.expr_as(e, &ty::regex(), role);
            return binary(BinaryOp::Matches, text, regex, e.span);
        }
        if is_range(e) && !matches!(*opened, Type::Range(_) | Type::Json) {
            if !matches!(*opened, Type::Int | Type::Float | Type::Duration | Type::Size | Type::Time | Type::Error) {
                let message = format!("a range does not match a `{}`", self.show(&subject.ty));
                let help = "ranges match Int, Float, Duration, Size and Time";
                self.error(codes::TYPE_PATTERN, e.span, message, "never matches", help);
                return node(bad(e.span).kind, ty::boolean(), e.span);
            }
            let range = self.expr_as(e, &ty::of(Type::Range(subject.ty.clone())), role);
            return binary(BinaryOp::In, subject, range, e.span);
        }
        self.equals_value(subject, e, role)
    }

    fn equals_value(&mut self, subject: hir::Expr, e: &ast::Expr, role: &str) -> hir::Expr {
        let t = subject.ty.clone();
        let value = match as_any(e) {
            Some(span) => {
                let help = "beside `_` there are literals and names only; give what is computed a name with `let` in the module";
                self.error(codes::TEST_VALUE, span, "`_` stands in a pattern only", "no value", help);
                bad(e.span)
            }
            None => self.expr_as(e, &t, role),
        };
        if is_error(&value.ty) {
            return node(bad(e.span).kind, ty::boolean(), e.span);
        }
        binary(BinaryOp::Eq, subject, value, e.span)
    }

    /// `expect … called` sees what leaves the program: primitives, actions of connectors, and what a `given` answers.
    pub(super) fn seen_by_test(&self, id: FnId) -> bool {
        self.fn_info(id).is_none_or(|i| i.native || i.home.connector.is_some())
    }

    /// Reports what is expected of actions whose own bodies run.
    pub(super) fn expected_own(&mut self, playing: &Playing) {
        for (id, span) in &playing.own {
            if playing.answered.contains(id) {
                continue;
            }
            let name = self.fn_info(*id).map(|i| i.name.clone()).unwrap_or_default();
            let message = format!("nothing sees calls of `{name}`: its own body runs");
            let help = format!("expect the calls that it makes, or answer it: `given {name}(…)`");
            self.error(codes::TEST_CALL, *span, message, "an action of the project", help);
        }
    }

    /// Runs `f` where constants are computed; names of the program are known there.
    pub(super) fn as_constant<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        self.push_frame(FrameKind::Constant);
        let result = f(self);
        self.pop_frame();
        result
    }

    /// The type that an expression has by itself.
    pub(super) fn type_of(&mut self, e: &ast::Expr) -> Ty {
        self.quietly(|c| {
            c.push_frame(FrameKind::Condition);
            let t = c.expr(e, &Want::Any).ty;
            c.pop_frame();
            t
        })
        .unwrap_or_else(ty::error)
    }
}

fn and(a: hir::Expr, b: hir::Expr) -> hir::Expr {
    let span = a.span.to(b.span);
    node(ExprKind::And(Box::new(a), Box::new(b)), ty::boolean(), span)
}

pub(super) fn binary(op: BinaryOp, left: hir::Expr, right: hir::Expr, span: Span) -> hir::Expr {
    node(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, ty::boolean(), span)
}

fn is_any(value: &TestValue) -> bool {
    matches!(value, TestValue::Pattern(p) if p.kind == PatternKind::Any)
}

fn is_regex(e: &ast::Expr) -> bool {
    matches!(e.kind, ast::ExprKind::Tagged { tag: ast::Tag::Re, .. })
}

fn is_range(e: &ast::Expr) -> bool {
    matches!(e.kind, ast::ExprKind::Binary { op: BinaryOp::Range | BinaryOp::RangeInclusive, .. })
}

/// A type that each call of a generic action decides.
fn of_caller(t: &Ty) -> bool {
    match &**t {
        Type::Param(..) => true,
        Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => of_caller(t),
        Type::Map(k, v) => of_caller(k) || of_caller(v),
        Type::Record(fields) => fields.iter().any(|f| of_caller(&f.ty)),
        Type::Named(_, args) => args.iter().any(of_caller),
        _ => false,
    }
}

/// Where `_` stands in an expression.
fn as_any(e: &ast::Expr) -> Option<Span> {
    use ast::ExprKind as K;
    match &e.kind {
        K::Name(name) if name.name == "_" => Some(name.span),
        K::Paren(e) => as_any(e),
        K::Binary { left, right, .. } => as_any(left).or_else(|| as_any(right)),
        K::List(items) => items.iter().find_map(|i| match i {
            ast::ListItem::Item(e) | ast::ListItem::Spread(e) => as_any(e),
        }),
        K::Record(entries) => entries.iter().find_map(|entry| match entry {
            ast::RecordEntry::Field { value, .. }
            | ast::RecordEntry::TextKey { value, .. }
            | ast::RecordEntry::Computed { value, .. }
            | ast::RecordEntry::Spread(value) => as_any(value),
            ast::RecordEntry::Shorthand(_) => None,
        }),
        K::Call { args, .. } => args.iter().find_map(|a| as_any(&a.value)),
        _ => None,
    }
}

/// A pattern without holes, alternatives and regular expressions as the value that it is.
fn as_expr(p: &ast::Pattern) -> Option<ast::Expr> {
    inner_expr(p, true)
}

fn inner_expr(p: &ast::Pattern, outer: bool) -> Option<ast::Expr> {
    use ast::ExprKind as K;
    let e = |kind| ast::Expr { kind, span: p.span };
    let name = |i: &ast::Ident| ast::Expr { kind: K::Name(i.clone()), span: i.span };
    Some(match &p.kind {
        PatternKind::None => e(K::None),
        PatternKind::Literal(value) if !outer && is_regex(value) => return None,
        PatternKind::Literal(value) => (**value).clone(),
        PatternKind::Range { start, end, inclusive } => {
            let op = if *inclusive { BinaryOp::RangeInclusive } else { BinaryOp::Range };
            let (left, right) = (start.clone(), end.clone());
            if !outer {
                return None;
            }
            e(K::Binary { op, op_span: p.span, left, right })
        }
        PatternKind::Name(n) => name(n),
        PatternKind::Variant { path, args, rest: false } => {
            let mut parts = path.parts.iter();
            let mut callee = name(parts.next()?);
            for part in parts {
                let span = callee.span.to(part.span);
                let kind = K::Field { base: Box::new(callee), name: part.clone(), optional: false };
                callee = ast::Expr { kind, span };
            }
            if args.is_empty() && path.parts.len() > 1 {
                return Some(callee);
            }
            let args =
                args.iter().map(|(name, p)| Some(ast::NamedArg { name: name.clone(), value: inner_expr(p, false)? }));
            let args = args.collect::<Option<Vec<_>>>()?;
            let modifiers = ast::Modifiers::default();
            e(K::Call { callee: Box::new(callee), args, args_span: p.span, modifiers })
        }
        PatternKind::Record { fields, rest: false } => {
            let entries = fields.iter().map(|(n, p)| {
                Some(match p {
                    Some(p) => ast::RecordEntry::Field { name: n.clone(), value: inner_expr(p, false)? },
                    None => ast::RecordEntry::Shorthand(n.clone()),
                })
            });
            e(K::Record(entries.collect::<Option<Vec<_>>>()?))
        }
        PatternKind::List { items, rest: false } => {
            let items = items.iter().map(|p| inner_expr(p, false).map(ast::ListItem::Item));
            e(K::List(items.collect::<Option<Vec<_>>>()?))
        }
        _ => return None,
    })
}
