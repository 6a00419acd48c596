//! Calls: what is called, which argument goes where, and what type comes out.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, Def, ParamInfo};
use super::expr::Want;
use super::index::Target;
use super::scope::{bad, is_error, node, verb};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind};
use crate::ids::{FnId, TypeId};
use crate::span::Span;
use crate::syntax::ast::{self, NamedArg};
use crate::types::{Effect, Ty, Type};

/// A call as written.
#[derive(Clone, Copy)]
pub(super) struct CallParts<'a> {
    pub callee: &'a ast::Expr,
    pub args: &'a [NamedArg],
    pub modifiers: &'a ast::Modifiers,
    pub span: Span,
    /// Where `do` stands.
    pub is_do: Option<Span>,
}

/// An argument that the language itself hands in.
pub(super) type Extra = (&'static str, hir::Expr);

impl Checker {
    /// `do f(…)`
    pub(super) fn do_call(&mut self, operand: &ast::Expr, span: Span, want: &Want) -> hir::Expr {
        match &operand.kind {
            ast::ExprKind::Call { .. } => {
                let word = Span { end: span.start + 2, ..span };
                let mut e = self.call(operand, Some(word), want);
                e.span = span;
                e
            }
            ast::ExprKind::Missing => bad(span),
            _ => {
                self.expr(operand, &Want::Any);
                bad(span)
            }
        }
    }

    /// A call, with `do` where `is_do` says so.
    pub(super) fn call(&mut self, e: &ast::Expr, is_do: Option<Span>, want: &Want) -> hir::Expr {
        let ast::ExprKind::Call { callee, args, modifiers, .. } = &e.kind else { return bad(e.span) };
        let parts = CallParts { callee, args, modifiers, span: e.span, is_do };
        self.call_parts(parts, None, want)
    }

    /// A call that gets one more argument than is written.
    pub(super) fn call_with(&mut self, e: &ast::Expr, is_do: Option<Span>, extra: Extra) -> hir::Expr {
        let ast::ExprKind::Call { callee, args, modifiers, .. } = &e.kind else { return bad(e.span) };
        let parts = CallParts { callee, args, modifiers, span: e.span, is_do };
        self.call_parts(parts, Some(extra), &Want::Any)
    }

    fn call_parts(&mut self, call: CallParts<'_>, extra: Option<Extra>, want: &Want) -> hir::Expr {
        match &call.callee.kind {
            ast::ExprKind::Paren(inner) => self.call_parts(CallParts { callee: inner, ..call }, extra, want),
            ast::ExprKind::Name(name) => self.call_name(call, name, extra, want),
            ast::ExprKind::Field { base, name, optional } => self.call_member(call, base, name, *optional, extra),
            ast::ExprKind::Missing => {
                self.check_loose(call.args);
                bad(call.span)
            }
            _ => {
                let f = self.expr(call.callee, &Want::Any);
                self.call_value(call, f)
            }
        }
    }

    fn call_name(&mut self, call: CallParts<'_>, name: &ast::Ident, extra: Option<Extra>, want: &Want) -> hir::Expr {
        if name.name.is_empty() {
            self.check_loose(call.args);
            return bad(call.span);
        }
        if let Some(t) = self.hint(want)
            && let Some((id, args)) = self.enum_of(&t)
            && let Some(index) = self.variants(id).and_then(|v| v.iter().position(|v| v.name == name.name))
        {
            self.saw_name(name.span, Some(Target::Variant(id, name.name.clone())));
            return self.call_variant(call, id, &args, index, &t);
        }
        if let Some((id, t)) = self.find_local(&name.name) {
            self.saw_local(name.span, id);
            let f = node(ExprKind::Local(id), t, name.span);
            return self.call_value(call, f);
        }
        match self.lookup_at(self.home, name) {
            Some(def) => self.call_def(call, def, name, None, extra),
            None => {
                self.unknown_function(name);
                self.check_loose(call.args);
                bad(call.span)
            }
        }
    }

    fn unknown_function(&mut self, name: &ast::Ident) {
        let foreign = match name.name.as_str() {
            "print" | "println" | "echo" | "puts" | "printf" => "to write a line into the run's log: `log \"…\"`",
            "sleep" | "delay" | "pause" => "to pause a run: `wait 5m`",
            "len" | "length" | "count" | "size" => "write it behind the value: `xs.len()`",
            "str" | "string" | "toString" => "put the value into a text: `\"${x}\"`",
            "int" | "parseInt" => "write it behind the value: `text.to_int()`",
            "float" | "parseFloat" => "write it behind the value: `text.to_float()`",
            "throw" | "raise" | "error" | "panic" => "write `fail \"…\"`",
            "assert" => "write `if not … { fail \"…\" }`, or `verify \"…\" { … }`",
            "range" => "write `0..n`",
            "group" | "user" => "it stands behind `from` of an `approve`",
            "exit" | "quit" => "write `finish resolved \"…\"`",
            _ => "",
        };
        if !foreign.is_empty() {
            return self.error(
                codes::NAME_UNKNOWN,
                name.span,
                format!("there is no function `{}`", name.name),
                "not known here",
                foreign,
            );
        }
        let names = self.names_in_scope();
        self.unknown(
            "function or action",
            name,
            &names,
            "declare it with `fn` or `action`, or bring it into scope with `use`",
        );
    }

    fn call_member(
        &mut self,
        call: CallParts<'_>,
        base: &ast::Expr,
        name: &ast::Ident,
        optional: bool,
        extra: Option<Extra>,
    ) -> hir::Expr {
        if !optional && let Some(place) = self.as_place(base) {
            return match place.def {
                Def::Bad => {
                    self.check_loose(call.args);
                    bad(call.span)
                }
                Def::Type(id) => match self.variant_named(id, name) {
                    Some(index) => {
                        let generics = self.types.get(id).map_or(0, |d| d.generics.len());
                        let args = vec![ty::error(); generics];
                        let t = ty::of(Type::Named(id, args.clone()));
                        self.call_variant(call, id, &args, index, &t)
                    }
                    None => {
                        self.check_loose(call.args);
                        bad(call.span)
                    }
                },
                _ => match self.member(place.def, name) {
                    Some(def) => self.call_def(call, def, name, place.instance, extra),
                    None => {
                        self.unknown_member(place.def, name);
                        self.check_loose(call.args);
                        bad(call.span)
                    }
                },
            };
        }
        let got = self.expr(base, &Want::Any);
        // A field that holds a function, unless a method has its name.
        let field = self.fields_of(&got.ty).and_then(|f| f.into_iter().find(|f| f.name == name.name));
        if let Some(f) = field
            && matches!(*self.open(&f.ty), Type::Function { .. })
        {
            let f = self.field_of(got, name, optional, call.callee.span);
            return self.call_value(call, f);
        }
        let e = self.method_call(got, name, optional, call.args, call.span);
        self.no_action(call, &format!("`.{}`", name.name), is_error(&e.ty));
        e
    }

    fn call_def(
        &mut self,
        call: CallParts<'_>,
        def: Def,
        name: &ast::Ident,
        instance: Option<hir::Expr>,
        extra: Option<Extra>,
    ) -> hir::Expr {
        match def {
            Def::Fn(id) => {
                if self.fn_info(id).is_some_and(|i| i.action) {
                    self.action_call(call, id, instance, extra)
                } else {
                    self.fn_call(call, id)
                }
            }
            Def::Bad => {
                self.check_loose(call.args);
                bad(call.span)
            }
            Def::Const(_) | Def::Setting(_) => {
                let f = self.def_value(def, name);
                self.call_value(call, f)
            }
            Def::Runbook(_) | Def::Connector(_) | Def::Module(_) | Def::Type(_) | Def::Event(_) => {
                let (what, help) = match def {
                    Def::Runbook(_) => (
                        "runbook",
                        "run it as a child: `run other(…)`, or `start other(…)` without waiting for its end".to_owned(),
                    ),
                    Def::Type(_) => {
                        ("type", "a record is written `{ field: value }`, a variant `Type.variant(…)`".to_owned())
                    }
                    Def::Event(_) => ("event", "events stand in triggers: `on connector.event as e`".to_owned()),
                    Def::Connector(_) => ("connector", self.calls_in(def, &name.name)),
                    _ => ("module", self.calls_in(def, &name.name)),
                };
                self.error(
                    codes::TYPE_CALL,
                    name.span,
                    format!("the {what} `{}` cannot be called", name.name),
                    format!("a {what}"),
                    help,
                );
                self.check_loose(call.args);
                bad(call.span)
            }
        }
    }

    /// Reports `do` and modifiers on what is no action.
    fn no_action(&mut self, call: CallParts<'_>, what: &str, quiet: bool) {
        if quiet {
            return;
        }
        if let Some(at) = call.is_do {
            let gap = Span { start: at.start, end: call.span.start, ..at };
            self.report(
                Diagnostic::warning(
                    codes::DO_NEEDLESS,
                    format!("{what} is pure and needs no `do`"),
                    at,
                    "changes nothing",
                )
                .help("`do` marks calls that change something, so that a reviewer can scan for them")
                .fix("remove `do`", vec![(gap, String::new())]),
            );
        }
        let m = call.modifiers;
        let named = [
            ("retry", m.retry.is_some()),
            ("timeout", m.timeout.is_some()),
            ("key", m.key.is_some()),
            ("undo", m.undo.is_some()),
        ];
        if let Some((word, _)) = named.iter().find(|(_, there)| *there) {
            self.error(
                codes::DO_MODIFIER,
                call.span,
                format!("`{word}` belongs to the call of an action, and {what} is none"),
                "performs nothing",
                format!("leave `{word}` out, or give it to the action whose result this works on"),
            );
        }
    }

    fn call_value(&mut self, call: CallParts<'_>, f: hir::Expr) -> hir::Expr {
        if is_error(&f.ty) {
            self.check_loose(call.args);
            return bad(call.span);
        }
        let opened = self.open(&f.ty);
        let Type::Function { params, ret, effect } = &*opened else {
            self.check_loose(call.args);
            if matches!(*opened, Type::Optional(_)) {
                return self.unopened(&f, "a call", None, call.span);
            }
            let shown = self.show(&f.ty);
            self.error(
                codes::TYPE_CALL,
                f.span,
                format!("a value of type `{shown}` cannot be called"),
                format!("this is `{shown}`"),
                "leave the parentheses out",
            );
            return bad(call.span);
        };
        self.no_action(call, "a function value", false);
        let infos: Vec<ParamInfo> = params
            .iter()
            .enumerate()
            .map(|(i, t)| ParamInfo {
                name: format!("#{}", i + 1).into(),
                ty: t.clone(),
                default: None,
                span: f.span,
                docs: String::new(),
            })
            .collect();
        self.saw_call(call.span, None, &infos, call.args);
        let (args, _) = self.bind_args("the function", &infos, call, 0, None);
        if *effect > Effect::Pure {
            self.note_effect(*effect, call.span, || "the function value".into());
        }
        node(ExprKind::CallValue { callee: Box::new(f), args }, ret.clone(), call.span)
    }

    fn call_variant(&mut self, call: CallParts<'_>, id: TypeId, generics: &[Ty], index: usize, t: &Ty) -> hir::Expr {
        let name = self.variants(id).and_then(|v| v.get(index)).map(|v| v.name.clone()).unwrap_or_default();
        let fields: Vec<ParamInfo> = self.payload_of(id, generics, index).iter().map(ParamInfo::from).collect();
        self.no_action(call, &format!("the variant `{name}`"), false);
        if fields.is_empty() {
            self.error(
                codes::TYPE_ARGUMENTS,
                call.span,
                format!("the variant `{name}` has no payload"),
                "",
                "leave the parentheses out",
            );
        }
        self.saw_call(call.span, Some(Target::Variant(id, name.clone())), &fields, call.args);
        let (payload, _) = self.bind_args(&format!("`{name}`"), &fields, call, 0, None);
        node(
            ExprKind::Variant { ty: id, index: u32::try_from(index).unwrap_or(0), name, payload },
            t.clone(),
            call.span,
        )
    }

    fn fn_call(&mut self, call: CallParts<'_>, id: FnId) -> hir::Expr {
        let ret = self.fn_result(id, call.span);
        let Some(info) = self.fn_info(id) else { return bad(call.span) };
        let (name, params, generics) = (info.name.clone(), Arc::clone(&info.params), info.generics.len());
        self.no_action(call, &format!("`{name}`"), false);
        self.saw_call(call.span, Some(Target::Fn(id)), &params, call.args);
        let (args, vars) = self.bind_args(&format!("`{name}`"), &params, call, generics, None);
        let ret = self.result_of(&ret, &vars);
        node(ExprKind::CallFn { function: id, args }, ret, call.span)
    }

    /// The result of a generic function; what nothing determines has no values.
    pub(super) fn result_of(&self, ret: &Ty, vars: &[Option<Ty>]) -> Ty {
        let filled: Vec<Option<Ty>> = vars.iter().map(|v| Some(v.clone().unwrap_or_else(ty::never))).collect();
        self.resolved(ret, &filled).unwrap_or_else(ty::error)
    }

    /// Puts arguments into the order of the parameters, with defaults; reports what does not fit. Also gives what was learned of
    /// the type variables.
    pub(super) fn bind_args(
        &mut self,
        what: &str,
        params: &[ParamInfo],
        call: CallParts<'_>,
        generics: usize,
        extra: Option<Extra>,
    ) -> (Vec<hir::Expr>, Vec<Option<Ty>>) {
        let mut vars: Vec<Option<Ty>> = vec![None; generics];
        let mut slots: Vec<Option<&ast::Expr>> = vec![None; params.len()];
        let handed = extra.as_ref().and_then(|(name, _)| params.iter().position(|p| p.name == *name));
        let mut wrong = false;
        let mut next = 0usize;
        for a in call.args {
            let at = match &a.name {
                None => {
                    while handed == Some(next) {
                        next += 1;
                    }
                    next += 1;
                    Some(next - 1).filter(|n| *n < params.len())
                }
                Some(n) => {
                    let at = params.iter().position(|p| p.name == n.name);
                    if at.is_none() {
                        wrong = true;
                        self.unknown_argument(what, n, params, &slots);
                        self.expr(&a.value, &Want::Any);
                        continue;
                    }
                    at
                }
            };
            let Some(at) = at else {
                if !wrong {
                    let n = params.len();
                    let wanted = match n {
                        0 => "no arguments".to_owned(),
                        1 => "one argument".to_owned(),
                        n => format!("{n} arguments"),
                    };
                    self.error(
                        codes::TYPE_ARGUMENTS,
                        a.value.span,
                        format!("{what} takes {wanted}, and this is one too many"),
                        "one too many",
                        Self::parameters(params, self),
                    );
                }
                wrong = true;
                self.check_loose(std::slice::from_ref(a));
                continue;
            };
            match slots.get_mut(at) {
                Some(slot @ None) => *slot = Some(&a.value),
                _ => {
                    let name = params.get(at).map(|p| p.name.clone()).unwrap_or_default();
                    let span = a.name.as_ref().map_or(a.value.span, |n| n.span);
                    self.error(
                        codes::TYPE_ARGUMENTS,
                        span,
                        format!("`{name}` is given twice"),
                        "again here",
                        "give each argument once, by place or by name",
                    );
                    wrong = true;
                }
            }
        }
        let mut out: Vec<Option<hir::Expr>> = params.iter().map(|_| None).collect();
        let lambda =
            |i: usize| slots.get(i).copied().flatten().is_some_and(|e| matches!(e.kind, ast::ExprKind::Lambda { .. }));
        let order = (0..params.len())
            .filter(|i| !lambda(*i))
            .chain((0..params.len()).filter(|i| lambda(*i)))
            .collect::<Vec<_>>();
        for i in order {
            let (Some(p), Some(Some(arg))) = (params.get(i), slots.get(i)) else { continue };
            let role =
                if p.name.starts_with('#') { "the argument".to_owned() } else { format!("`{}` of {what}", p.name) };
            let e = self.argument(arg, &p.ty, &mut vars, &role);
            if let Some(slot) = out.get_mut(i) {
                *slot = Some(e);
            }
        }
        if let (Some(i), Some((_, value))) = (handed, extra)
            && let (Some(slot), Some(p)) = (out.get_mut(i), params.get(i))
        {
            let t = p.ty.clone();
            *slot = Some(value);
            if let Some(v) = slot.take() {
                let v = self.coerce(v, &t, "the approval's request");
                if let Some(slot) = out.get_mut(i) {
                    *slot = Some(v);
                }
            }
        }
        let mut missing: Vec<&ParamInfo> = Vec::new();
        let mut args = Vec::with_capacity(params.len());
        for (p, slot) in params.iter().zip(out) {
            args.push(match (slot, p.default) {
                (Some(e), _) => e,
                (None, Some(d)) => {
                    let t = self.result_of(&p.ty, &vars);
                    node(ExprKind::Constant(d), t, call.span)
                }
                (None, None) => {
                    missing.push(p);
                    bad(call.span)
                }
            });
        }
        if !missing.is_empty() && !wrong {
            self.missing_arguments(what, &missing, params, call);
        }
        (args, vars)
    }

    /// `(node: Text, grace: Duration = …)`, for help.
    pub(super) fn parameters(params: &[ParamInfo], c: &Self) -> String {
        if params.is_empty() || params.iter().any(|p| p.name.starts_with('#')) {
            return String::new();
        }
        let shown: Vec<String> = params
            .iter()
            .take(8)
            .map(|p| format!("{}: {}{}", p.name, c.show(&p.ty), if p.default.is_some() { " = …" } else { "" }))
            .collect();
        let more = if params.len() > 8 { ", …" } else { "" };
        format!("it takes `({}{more})`", shown.join(", "))
    }

    fn missing_arguments(&mut self, what: &str, missing: &[&ParamInfo], params: &[ParamInfo], call: CallParts<'_>) {
        let positional = missing.iter().any(|p| p.name.starts_with('#'));
        let names: Vec<String> = missing.iter().map(|p| format!("`{}`", p.name)).collect();
        let message = if positional {
            let n = params.len();
            format!("the function takes {n} argument{}, not {}", if n == 1 { "" } else { "s" }, call.args.len())
        } else {
            format!("{what} needs {}", names.join(" and "))
        };
        let end = Span { start: call.span.end.saturating_sub(1), ..call.span };
        let place = if call.args.is_empty() { call.span } else { end };
        let place =
            if call.modifiers.retry.is_some() || call.modifiers.undo.is_some() || call.modifiers.timeout.is_some() {
                call.callee.span
            } else {
                place
            };
        let label = if positional { "too few".to_owned() } else { format!("{} missing", names.join(", ")) };
        let mut d = Diagnostic::error(codes::TYPE_ARGUMENTS, message, place, label);
        let help = Self::parameters(params, self);
        if !help.is_empty() {
            d = d.help(help);
        }
        self.report(d);
    }

    pub(super) fn unknown_argument(
        &mut self,
        what: &str,
        name: &ast::Ident,
        params: &[ParamInfo],
        taken: &[Option<&ast::Expr>],
    ) {
        if name.name.is_empty() {
            return;
        }
        let open: Vec<SmolStr> =
            params.iter().zip(taken).filter(|(_, t)| t.is_none()).map(|(p, _)| p.name.clone()).collect();
        let near = nearest(&name.name, open.iter().map(SmolStr::as_str)).map(str::to_owned);
        let d = Diagnostic::error(
            codes::TYPE_ARGUMENTS,
            format!("{what} has no parameter `{}`", name.name),
            name.span,
            "no such parameter",
        );
        let d = match near {
            Some(near) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(name.span, near)])
            }
            None => {
                let help = Self::parameters(params, self);
                if help.is_empty() { d } else { d.help(help) }
            }
        };
        self.report(d);
    }

    fn argument(&mut self, arg: &ast::Expr, param: &Ty, vars: &mut Vec<Option<Ty>>, role: &str) -> hir::Expr {
        if vars.is_empty() {
            return self.expr_as(arg, param, role);
        }
        let want = match (&**param, self.resolved(param, vars)) {
            (_, Some(t)) => Want::Ty(t),
            (Type::Function { params, ret, effect }, None) => {
                let params = params.iter().map(|p| self.resolved(p, vars).unwrap_or_else(ty::error)).collect();
                let ret = self.resolved(ret, vars).unwrap_or_else(ty::error);
                Want::Ty(ty::of(Type::Function { params, ret, effect: *effect }))
            }
            _ => Want::Any,
        };
        let got = self.expr(arg, &want);
        if let (Type::Function { effect: allowed, .. }, Type::Function { effect, .. }) = (&**param, &*got.ty)
            && effect > allowed
        {
            let what = verb(*effect);
            self.error(
                codes::EFFECT_EXCEEDED,
                arg.span,
                format!("{role} takes a pure function, and this one {what}"),
                what,
                "declare the parameter as `(…) => … reads`",
            );
            return bad(arg.span);
        }
        self.unify(param, &got.ty, vars);
        match self.resolved(param, vars) {
            Some(t) => self.coerce(got, &t, role),
            None => got,
        }
    }
}
