//! Names, fields and indices: the ways to what a value or a module has.

use smol_str::SmolStr;

use super::Want;
use crate::check::cx::{Checker, Def};
use crate::check::index::Target;
use crate::check::scope::{bad, is_error, node};
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind};
use crate::ids::TypeId;
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Ty, Type};
use crate::value::Value;

/// What a path of names leads to, when it does not lead to a value.
pub(in crate::check) struct Place {
    pub def: Def,
    /// `k8s[cluster]`
    pub instance: Option<hir::Expr>,
}

/// Words that can stand alone, as a name does.
const ALONE: &[&str] = &["true", "false", "break", "continue", "return", "restart", "rollback", "shadow"];

impl Checker {
    /// A bare name.
    pub(super) fn name(&mut self, name: &ast::Ident, want: &Want) -> hir::Expr {
        if name.name.is_empty() {
            return bad(name.span);
        }
        self.saw_place(name, want);
        if let Some(v) = self.bare_variant(name, want) {
            return v;
        }
        if let Some((id, t)) = self.find_local(&name.name) {
            self.saw_local(name.span, id);
            return node(ExprKind::Local(id), t, name.span);
        }
        match self.lookup_at(self.home, name) {
            Some(def) => self.def_value(def, name),
            None => {
                self.unknown_name(name, want);
                self.absorb(name);
                bad(name.span)
            }
        }
    }

    /// A variant without payload, where an enum is expected.
    fn bare_variant(&mut self, name: &ast::Ident, want: &Want) -> Option<hir::Expr> {
        let hint = self.hint(want)?;
        let (id, args) = self.enum_of(&hint)?;
        let index = self.variants(id)?.iter().position(|v| v.name == name.name)?;
        if self.has_local(&name.name) {
            let owner = self.show(&hint);
            self.report(
                Diagnostic::warning(
                    codes::NAME_VARIANT,
                    format!("`{}` means the variant of `{owner}` here, not the variable", name.name),
                    name.span,
                    "the variant",
                )
                .help("give the variable another name"),
            );
        }
        self.saw_name(name.span, Some(Target::Variant(id, name.name.clone())));
        Some(self.variant(id, &args, index, &hint, name.span))
    }

    /// The variant as a value; one with a payload must be called.
    pub(in crate::check) fn variant(&mut self, id: TypeId, args: &[Ty], index: usize, t: &Ty, span: Span) -> hir::Expr {
        let payload = self.payload_of(id, args, index);
        let name = self.variants(id).and_then(|v| v.get(index)).map(|v| v.name.clone()).unwrap_or_default();
        if payload.iter().any(|f| f.default.is_none()) {
            let fields = payload.iter().map(|f| format!("{}: …", f.name)).collect::<Vec<_>>().join(", ");
            self.error(
                codes::TYPE_ARGUMENTS,
                span,
                format!("the variant `{name}` has a payload"),
                "",
                format!("write `{name}({fields})`"),
            );
            return bad(span);
        }
        let payload =
            payload.iter().filter_map(|f| f.default.map(|d| node(ExprKind::Constant(d), f.ty.clone(), span))).collect();
        node(ExprKind::Variant { ty: id, index: u32::try_from(index).unwrap_or(0), name, payload }, t.clone(), span)
    }

    fn unknown_name(&mut self, name: &ast::Ident, want: &Want) {
        if let Some(hint) = self.hint(want)
            && let Some((id, _)) = self.enum_of(&hint)
        {
            let owner = self.show(&hint);
            let all = self.list_variants(&hint);
            let names: Vec<SmolStr> = self.variants(id).unwrap_or_default().iter().map(|v| v.name.clone()).collect();
            let near = nearest(&name.name, names.iter().map(SmolStr::as_str));
            let mut d = Diagnostic::error(
                codes::TYPE_VARIANT,
                format!("`{owner}` has no variant `{}`", name.name),
                name.span,
                "not a variant",
            );
            d = match near {
                Some(near) => d
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
                None => d.help(format!("its variants are {all}")),
            };
            self.report(d);
            return;
        }
        let mut names = self.names_in_scope();
        names.extend(ALONE.iter().map(|word| SmolStr::new_static(word)));
        let help = match name.name.as_str() {
            "null" | "nil" | "undefined" | "None" => "the missing value is `none`",
            "True" | "TRUE" => "write `true`",
            "False" | "FALSE" => "write `false`",
            "print" | "println" | "echo" | "console" => "to write a line into the run's log: `log \"…\"`",
            "cron" | "cidr" | "re" | "regex" => {
                "write such a literal without a space: `cron\"0 3 * * *\"`, `cidr\"10.0.0.0/8\"`, `re\"^a+\"`"
            }
            "f" if self
                .sources
                .get(name.span.file)
                .and_then(|s| s.text.get(name.span.end as usize..))
                .is_some_and(|t| t.starts_with('"')) =>
            {
                "write the text without `f`: every text in double quotes may have holes, `\"node ${node}\"`"
            }
            "std" => "to use a module of the library, bring it into scope: `use std.slack`, then `slack.post(…)`",
            "math" | "Math" => "to compute, call methods: `x.round()`, `[a, b].max()`",
            "json" | "JSON" => "to read Json, write `text.parse_json()`; to print it, `value.to_json()`",
            "requests" | "axios" | "fetch" | "curl" => {
                "to ask over HTTP, write `http.get(url)`; to change something, `do http.post(url, json: …)`"
            }
            "when" => "to do it only then, put it into an `if`: `if node == \"n1\" { do f(node) }`",
            "result" => "`result` is what an `undo { … }` gets from its call",
            "approval" => "`approval` is known inside the block of an `approve`",
            _ if self.variants_named(&name.name).is_some() => {
                let owner = self.variants_named(&name.name).unwrap_or_default();
                return self.error(
                    codes::NAME_UNKNOWN,
                    name.span,
                    format!("there is no `{}` here", name.name),
                    "no enum is expected here",
                    format!("to mean the variant, write `{owner}.{}`", name.name),
                );
            }
            _ => "declare it with `let`, or bring it into scope with `use`",
        };
        if matches!(help.get(..3), Some("the" | "wri" | "to ")) {
            return self.error(
                codes::NAME_UNKNOWN,
                name.span,
                format!("there is no `{}`", name.name),
                "not known here",
                help,
            );
        }
        if let Some(module) = self.module_for(&name.name) {
            let message = format!("there is no `{}` here", name.name);
            let help = format!("bring it into scope: `use {module}`");
            return self.error(codes::NAME_UNKNOWN, name.span, message, "not known here", help);
        }
        if let Some(clause) = needs_more(&name.name) {
            return self.error(
                codes::NAME_UNKNOWN,
                name.span,
                format!("there is no variable or function `{}`", name.name),
                "a clause without the rest?",
                format!("to mean the clause, write it whole: {clause}"),
            );
        }
        let near = self.advice_of_module_near(&name.name).filter(|_| self.is_qualifier(name));
        self.unknown("variable or function", name, &names, near.as_deref().unwrap_or(help));
    }

    /// Whether a name stands before a dot.
    fn is_qualifier(&self, name: &ast::Ident) -> bool {
        let source = self.sources.get(name.span.file);
        source.and_then(|s| s.text.get(name.span.end as usize..)).is_some_and(|t| t.starts_with('.'))
    }

    /// The enum in scope that has a variant of this name.
    fn variants_named(&self, name: &str) -> Option<SmolStr> {
        let scopes = [
            self.home.connector.and_then(|c| self.connector(c)).map(|c| &c.names),
            self.modules.get(self.home.module).map(|m| &m.names),
            Some(&self.prelude),
        ];
        for (key, named) in scopes.into_iter().flatten().flatten() {
            if let Def::Type(id) = named.def
                && self.variants(id).is_some_and(|v| v.iter().any(|v| v.name == name))
            {
                return Some(key.clone());
            }
        }
        None
    }

    /// What a declaration is as a value.
    pub(in crate::check) fn def_value(&mut self, def: Def, name: &ast::Ident) -> hir::Expr {
        let span = name.span;
        match def {
            Def::Bad => bad(span),
            Def::Const(id) => {
                let t = self.const_type(id, span);
                node(ExprKind::Constant(id), t, span)
            }
            Def::Setting(id) => {
                if self.kind() == crate::check::scope::FrameKind::Constant {
                    self.error(
                        codes::CONST_REQUIRED,
                        span,
                        format!("the setting `{}` is not known when the program is compiled", name.name),
                        "a setting",
                        "constants and defaults are made of literals and other constants",
                    );
                    return bad(span);
                }
                let t = self.settings.get(id.index()).map_or_else(ty::error, |s| s.ty.clone());
                node(ExprKind::Setting(id), t, span)
            }
            Def::Fn(id) => self.fn_value(id, span),
            Def::Runbook(_) => {
                self.error(
                    codes::NAME_NOT_A_VALUE,
                    span,
                    format!("the runbook `{}` is no value", name.name),
                    "a runbook",
                    "",
                );
                bad(span)
            }
            Def::Connector(_) | Def::Module(_) | Def::Type(_) | Def::Event(_) => {
                let (what, help) = match self.as_connector(def).map_or(def, Def::Connector) {
                    Def::Connector(_) => ("connector", format!("it stands before a `.`: `{}.action(…)`", name.name)),
                    Def::Module(_) => ("module", format!("it stands before a `.`: `{}.name`", name.name)),
                    Def::Event(_) => ("event", "events stand in triggers: `on connector.event as e`".to_owned()),
                    _ => ("type", "a record is written `{ field: value }`, a variant `Type.variant`".to_owned()),
                };
                self.error(
                    codes::NAME_NOT_A_VALUE,
                    span,
                    format!("the {what} `{}` is no value", name.name),
                    format!("a {what}"),
                    help,
                );
                bad(span)
            }
        }
    }

    fn fn_value(&mut self, id: crate::ids::FnId, span: Span) -> hir::Expr {
        let ret = self.fn_result(id, span);
        let Some(info) = self.fn_info(id) else { return bad(span) };
        if info.action || !info.generics.is_empty() {
            let (name, n) = (info.name.clone(), info.params.len());
            let args = ["x", "(x, y)"].get(n.saturating_sub(1)).copied().unwrap_or("x");
            let what = if info.action { "action" } else { "generic function" };
            let help = if n == 0 {
                format!("call it: `{name}()`")
            } else {
                format!("call it: `{name}(…)`, or write a function around it: `{args} => {name}(…)`")
            };
            self.error(codes::NAME_NOT_A_VALUE, span, format!("the {what} `{name}` is no value"), "not called", help);
            return bad(span);
        }
        let params = info.params.iter().map(|p| p.ty.clone()).collect();
        let effect = info.effect;
        let t = ty::of(Type::Function { params, ret, effect });
        node(ExprKind::Closure { function: id, captures: Vec::new() }, t, span)
    }

    /// Follows a path through modules and connectors; none when its head is a value.
    pub(in crate::check) fn as_place(&mut self, e: &ast::Expr) -> Option<Place> {
        match &e.kind {
            ast::ExprKind::Name(name) => {
                if self.has_local(&name.name) {
                    return None;
                }
                let def = self.lookup_at(self.home, name)?;
                matches!(def, Def::Module(_) | Def::Connector(_) | Def::Type(_) | Def::Bad)
                    .then_some(Place { def, instance: None })
            }
            ast::ExprKind::Field { base, name, optional: false } => {
                let place = self.as_place(base)?;
                match place.def {
                    Def::Module(_) | Def::Connector(_) => {
                        let def = self.member(place.def, name).unwrap_or_else(|| {
                            self.unknown_member(place.def, name);
                            Def::Bad
                        });
                        Some(Place { def, instance: place.instance })
                    }
                    Def::Bad => Some(place),
                    _ => None,
                }
            }
            ast::ExprKind::Index { base, index } => {
                let place = self.as_place(base)?;
                match place.def {
                    Def::Bad => Some(place),
                    Def::Module(_) | Def::Connector(_) if place.instance.is_none() => {
                        let Some(c) = self.as_connector(place.def) else {
                            let name = self.namespace_name(place.def);
                            self.error(
                                codes::NAME_NOT_A_VALUE,
                                base.span,
                                format!("the module `{name}` has no instances"),
                                "",
                                "only a connector has: `k8s[\"prod\"].drain(node)`",
                            );
                            return Some(Place { def: Def::Bad, instance: None });
                        };
                        let instance = self.expr_as(index, &ty::text(), "the instance");
                        Some(Place { def: Def::Connector(c), instance: Some(instance) })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `x.f`, `x?.f`
    pub(super) fn field(&mut self, e: &ast::Expr, base: &ast::Expr, name: &ast::Ident, optional: bool) -> hir::Expr {
        let span = e.span;
        if !optional && let Some(place) = self.as_place(base) {
            return self.place_member(place, base, name, span);
        }
        let got = self.expr(base, &Want::Any);
        self.field_of(got, name, optional, span)
    }

    fn place_member(&mut self, place: Place, base: &ast::Expr, name: &ast::Ident, span: Span) -> hir::Expr {
        match place.def {
            Def::Bad => bad(span),
            Def::Type(id) => match self.variant_named(id, name) {
                Some(index) => {
                    let t = ty::of(Type::Named(id, vec![]));
                    self.variant(id, &[], index, &t, span)
                }
                None => bad(span),
            },
            Def::Module(_) | Def::Connector(_) => match self.member(place.def, name) {
                Some(Def::Setting(_)) if !self.inside(place.def) => {
                    let owner = self.namespace_name(place.def);
                    self.error(
                        codes::NAME_PRIVATE,
                        name.span,
                        format!("the setting `{}` is read by `{owner}` only", name.name),
                        "a setting",
                        "settings are read where they are declared",
                    );
                    bad(span)
                }
                Some(def) => {
                    let shown = ast::Ident { name: name.name.clone(), span };
                    self.def_value(def, &shown)
                }
                None => {
                    self.unknown_member(place.def, name);
                    bad(span)
                }
            },
            _ => {
                let got = self.expr(base, &Want::Any);
                self.field_of(got, name, false, span)
            }
        }
    }

    fn inside(&self, of: Def) -> bool {
        match of {
            Def::Connector(c) => self.home.connector == Some(c),
            Def::Module(m) => self.home.module == m,
            _ => false,
        }
    }

    /// The index of a variant; reports an unknown one.
    pub(in crate::check) fn variant_named(&mut self, id: TypeId, name: &ast::Ident) -> Option<usize> {
        let owner = self.types.get(id).map(|d| d.name.clone()).unwrap_or_default();
        let Some(variants) = self.variants(id) else {
            self.error(
                codes::NAME_NOT_A_VALUE,
                name.span,
                format!("the type `{owner}` is no enum"),
                "",
                "only an enum has variants: `Severity.critical`",
            );
            return None;
        };
        if let Some(i) = variants.iter().position(|v| v.name == name.name) {
            self.saw_name(name.span, Some(Target::Variant(id, name.name.clone())));
            return Some(i);
        }
        let names: Vec<SmolStr> = variants.iter().map(|v| v.name.clone()).collect();
        let all = self.list_variants(&ty::of(Type::Named(id, vec![])));
        let near = nearest(&name.name, names.iter().map(SmolStr::as_str)).map(str::to_owned);
        let d = Diagnostic::error(
            codes::TYPE_VARIANT,
            format!("`{owner}` has no variant `{}`", name.name),
            name.span,
            "not a variant",
        );
        let d = match near {
            Some(near) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(name.span, near)])
            }
            None => d.help(format!("its variants are {all}")),
        };
        self.report(d);
        None
    }

    /// A field of a value.
    pub(in crate::check) fn field_of(
        &mut self,
        got: hir::Expr,
        name: &ast::Ident,
        optional: bool,
        span: Span,
    ) -> hir::Expr {
        if is_error(&got.ty) || name.name.is_empty() {
            return bad(span);
        }
        let whole = self.open(&got.ty);
        let (inner, maybe) = match &*whole {
            Type::Optional(t) => (self.open(t), true),
            Type::None => (ty::none(), true),
            _ => (whole.clone(), false),
        };
        if maybe && !optional {
            return self.unopened(&got, &format!(".{}", name.name), Some(name), span);
        }
        if optional && !maybe && !matches!(*inner, Type::Json) {
            let shown = self.show(&got.ty);
            self.report(
                Diagnostic::warning(
                    codes::TYPE_NEVER_MISSING,
                    "this is never missing",
                    got.span,
                    format!("this is `{shown}`"),
                )
                .help("write `.` instead of `?.`"),
            );
        }
        let flat = |t: Ty| if maybe { ty::optional(t) } else { t };
        match &*inner {
            Type::Json => {
                let kind = ExprKind::JsonField { base: Box::new(got), name: name.name.clone(), optional: maybe };
                node(kind, flat(ty::json()), span)
            }
            Type::Map(k, v) => {
                if !matches!(*self.open(k), Type::Text | Type::Error) {
                    let key = self.show(k);
                    self.error(
                        codes::TYPE_FIELD,
                        name.span,
                        format!("`.{}` reads a Map with Text keys, and these are `{key}`", name.name),
                        "",
                        "write the key in brackets: `m[key]`",
                    );
                    return bad(span);
                }
                let key = node(ExprKind::Literal(Value::Text(name.name.clone())), ty::text(), name.span);
                let t = ty::optional(v.clone());
                node(ExprKind::MapGet { base: Box::new(got), key: Box::new(key), optional: maybe }, t, span)
            }
            _ => match self.fields_of(&inner) {
                Some(fields) => match fields.iter().position(|f| f.name == name.name) {
                    Some(i) => {
                        self.saw_field(&inner, name.span, &name.name);
                        let t = fields.get(i).map_or_else(ty::error, |f| f.ty.clone());
                        let index = u32::try_from(i).unwrap_or(0);
                        let kind =
                            ExprKind::Field { base: Box::new(got), index, name: name.name.clone(), optional: maybe };
                        node(kind, flat(t), span)
                    }
                    None => self.no_field(
                        &got.ty.clone(),
                        &fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>(),
                        name,
                        span,
                    ),
                },
                None => self.no_field(&got.ty.clone(), &[], name, span),
            },
        }
    }

    /// Reports a use of a value that may be missing.
    pub(in crate::check) fn unopened(
        &mut self,
        got: &hir::Expr,
        what: &str,
        name: Option<&ast::Ident>,
        span: Span,
    ) -> hir::Expr {
        let shown = self.show(&got.ty);
        let mut d = Diagnostic::error(
            codes::TYPE_OPTIONAL,
            format!("the value may be missing, so `{what}` cannot be taken from it"),
            got.span,
            format!("this is `{shown}`"),
        );
        d = match name {
            Some(n) => d
                .help(format!("write `?.{}` to go on only when it is there, or open it with `??` or `if let`", n.name))
                .fix(
                    "write `?.`",
                    vec![(Span { start: n.span.start.saturating_sub(1), ..n.span }, format!("?.{}", n.name))],
                ),
            None => d.help("open it first: `… ?? default`, `… ?? fail \"…\"`, or `if let v = … { … }`"),
        };
        self.report(d);
        bad(span)
    }

    fn no_field(&mut self, of: &Ty, fields: &[SmolStr], name: &ast::Ident, span: Span) -> hir::Expr {
        let shown = self.show(of);
        if self.has_method(of, &name.name) {
            let d = Diagnostic::error(
                codes::TYPE_METHOD,
                format!("`.{}` is a method and needs parentheses", name.name),
                name.span,
                "not called",
            )
            .help(format!("write `.{}()`", name.name))
            .fix("add `()`", vec![(name.span.after(), "()".into())]);
            self.report(d);
            return bad(span);
        }
        let mut d = Diagnostic::error(
            codes::TYPE_FIELD,
            format!("`{shown}` has no field `{}`", name.name),
            name.span,
            "no such field",
        );
        d = match nearest(&name.name, fields.iter().map(SmolStr::as_str)) {
            Some(near) => d
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
            None if self.items_have(of, &name.name) => d.help(format!(
                "its items have it: take one of them, `[0].{0}`, or that of each, `.map(x => x.{0})`",
                name.name
            )),
            None if fields.is_empty() => match self.method_near(of, &name.name) {
                Some(m) => d.help(format!("it has the method `.{m}()`")),
                None => d,
            },
            None => d.help(format!(
                "its fields are {}",
                fields.iter().take(12).map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ")
            )),
        };
        self.report(d);
        bad(span)
    }

    /// Whether it is a list of records that have this field.
    fn items_have(&self, of: &Ty, name: &str) -> bool {
        let Type::List(item) = &*self.open(of) else { return false };
        matches!(&*self.open(item), Type::Record(fields) if fields.iter().any(|f| f.name == name))
    }

    /// `x[i]`
    pub(super) fn index(&mut self, base: &ast::Expr, index: &ast::Expr, span: Span) -> hir::Expr {
        if let Some(place) = self.as_place(base) {
            if place.def != Def::Bad {
                let name = self.namespace_name(place.def);
                self.error(
                    codes::NAME_NOT_A_VALUE,
                    span,
                    format!("`{name}[…]` is no value"),
                    "",
                    "an instance stands before an action: `k8s[\"prod\"].drain(node)`",
                );
            }
            return bad(span);
        }
        let got = self.expr(base, &Want::Any);
        if is_error(&got.ty) {
            self.expr(index, &Want::Any);
            return bad(span);
        }
        match &*self.open(&got.ty) {
            Type::List(t) => {
                let i = self.expr_as(index, &ty::int(), "the place in a list");
                node(ExprKind::Index { base: Box::new(got), index: Box::new(i) }, t.clone(), span)
            }
            Type::Map(k, v) => {
                let key = self.expr_as(index, k, "the key");
                let t = ty::optional(v.clone());
                node(ExprKind::MapGet { base: Box::new(got), key: Box::new(key), optional: false }, t, span)
            }
            Type::Json => {
                let i = self.expr(index, &Want::Any);
                if !matches!(*self.open(&i.ty), Type::Int | Type::Text | Type::Error) {
                    let d = self.mismatch(&i, &ty::int(), "the place in Json");
                    self.report(d.help("Json is walked by a place (Int) or a name (Text)"));
                    return bad(span);
                }
                node(ExprKind::Index { base: Box::new(got), index: Box::new(i) }, ty::json(), span)
            }
            Type::Optional(_) | Type::None => {
                self.expr(index, &Want::Any);
                self.unopened(&got, "[…]", None, span)
            }
            _ => {
                self.expr(index, &Want::Any);
                let shown = self.show(&got.ty);
                self.error(
                    codes::TYPE_FIELD,
                    got.span,
                    format!("`{shown}` has no places to index"),
                    format!("this is `{shown}`"),
                    "lists, maps and Json are indexed with `[…]`",
                );
                bad(span)
            }
        }
    }
}

/// How a clause that begins with this word goes on.
fn needs_more(word: &str) -> Option<&'static str> {
    Some(match word {
        "retry" => "`retry 3 times backoff 1s..1m`",
        "timeout" => "`timeout 30s`",
        "undo" => "`undo { … }`",
        "within" => "`within 10m`",
        "quorum" => "`quorum 2`",
        "backoff" => "`retry 3 times backoff 1s..1m`",
        "until" => "`until time\"2027-06-30T00:00:00Z\"`",
        _ => return None,
    })
}
