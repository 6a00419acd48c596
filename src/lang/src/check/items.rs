//! Declarations: their names first, then types, then signatures, then bodies.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, ConnectorInfo, Def, EventInfo, FnInfo, FnSource, Home, Names, ParamInfo, RunbookInfo, State};
use super::scope::{FrameKind, Limit, Made, bad, is_error, verb};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, SettingOwner};
use crate::ids::{ConnectorId, ConstId, EventId, FnId, SettingId, TypeId};
use crate::span::Span;
use crate::syntax::ast::{self, ItemKind};
use crate::types::{Effect, Ty, Type, TypeDef, TypeDefKind, VariantTy};

/// A declaration whose name is known and whose parts wait to be resolved.
pub(super) struct Pending {
    pub home: Home,
    pub item: ast::Item,
    pub def: Def,
    /// Of settings: one per field.
    pub settings: Vec<SettingId>,
}

/// Nested expressions, over all declarations that wait for one another, up to which one may be inferred on demand.
const CHAIN: u32 = super::expr::MAX_DEPTH / 2;

impl Checker {
    /// Declares every name of every module.
    pub fn declare_all(&mut self) -> Vec<Pending> {
        let mut pending = Vec::new();
        for module in 0..self.modules.len() {
            let Some(ast) = self.modules.get(module).map(|m| m.ast.clone()) else { continue };
            let home = Home { module, connector: None };
            for item in &ast.items {
                self.declare_item(home, item, &mut pending);
            }
        }
        pending
    }

    fn declare_item(&mut self, home: Home, item: &ast::Item, pending: &mut Vec<Pending>) {
        self.home = home;
        let native = self.modules.get(home.module).is_some_and(|m| m.native);
        if home.connector.is_some()
            && matches!(item.kind, ItemKind::Use(_) | ItemKind::Runbook(_) | ItemKind::Connector(_))
        {
            self.error(
                codes::PLACE_WRONG,
                item.span,
                "this cannot stand in a connector",
                "",
                "write it at the top level of the module",
            );
            return;
        }
        let (name, def) = match &item.kind {
            ItemKind::Use(_) | ItemKind::Bad | ItemKind::Test(_) => return,
            ItemKind::Const(c) => {
                (&c.name, Def::Const(self.new_const(c.name.name.clone(), None, &c.value, "constant")))
            }
            ItemKind::Settings(s) => return self.declare_settings(home, item, s, pending),
            ItemKind::Type(t) => (&t.name, Def::Type(self.declare_type(home, item, &t.name, &t.generics))),
            ItemKind::Enum(e) => (&e.name, Def::Type(self.declare_type(home, item, &e.name, &[]))),
            ItemKind::Fn(f) => (&f.name, Def::Fn(self.declare_fn(home, item, FnSource::Fn(Arc::clone(f))))),
            ItemKind::Action(a) => {
                if a.native && !native {
                    self.error(
                        codes::PLACE_WRONG,
                        a.name.span,
                        "`native action` is for the language's own library",
                        "",
                        "write an `action` with a body",
                    );
                    return;
                }
                (&a.name, Def::Fn(self.declare_fn(home, item, FnSource::Action(Arc::clone(a)))))
            }
            ItemKind::Runbook(r) => (&r.name, self.declare_runbook(home, item, r)),
            ItemKind::Connector(c) => return self.declare_connector(home, item, c, pending),
            ItemKind::Policy(p) => return self.declare_policy(home, item, p),
            ItemKind::Event(e) => {
                let Some(def) = self.declare_event(home, item, e) else { return };
                (&e.name, def)
            }
        };
        self.check_case(name, matches!(def, Def::Type(_)));
        self.declare_name(home, name, def, false);
        pending.push(Pending { home, item: item.clone(), def, settings: Vec::new() });
    }

    fn check_case(&mut self, name: &ast::Ident, of_type: bool) {
        let first = name.name.trim_start_matches('_').chars().next();
        let upper = first.is_some_and(|c| c.is_ascii_uppercase());
        if first.is_none() || upper == of_type {
            return;
        }
        let (what, how) = if of_type { ("types", "PascalCase") } else { ("values and declarations", "snake_case") };
        self.report(
            Diagnostic::warning(codes::NAME_CASE, format!("{what} are written in `{how}`"), name.span, "")
                .help("the case tells readers what a name is"),
        );
    }

    fn declare_settings(&mut self, home: Home, item: &ast::Item, s: &ast::Settings, pending: &mut Vec<Pending>) {
        let owner = match home.connector.and_then(|c| self.connector(c)) {
            Some(c) => SettingOwner::Connector(c.name.clone()),
            None => SettingOwner::Module(self.modules.get(home.module).map(|m| m.name.clone()).unwrap_or_default()),
        };
        let mut ids = Vec::new();
        for f in &s.fields {
            let id = SettingId(u32::try_from(self.settings.len()).unwrap_or(u32::MAX));
            self.settings.push(hir::Setting {
                owner: owner.clone(),
                name: f.name.name.clone(),
                docs: f.docs.clone(),
                ty: ty::error(),
                default: None,
                span: f.name.span,
            });
            if let Some(c) = home.connector.and_then(|c| self.connectors.get_mut(c.index())) {
                c.settings.push(id);
            }
            self.declare_name(home, &f.name, Def::Setting(id), false);
            ids.push(id);
        }
        pending.push(Pending { home, item: item.clone(), def: Def::Bad, settings: ids });
    }

    fn declare_type(&mut self, home: Home, item: &ast::Item, name: &ast::Ident, generics: &[ast::Ident]) -> TypeId {
        let module = match home.connector.and_then(|c| self.connector(c)) {
            Some(c) => c.name.clone(),
            None => self.modules.get(home.module).map(|m| m.name.clone()).unwrap_or_default(),
        };
        self.type_spans.push(name.span);
        self.types.add(TypeDef {
            name: name.name.clone(),
            module,
            docs: item.docs.clone(),
            generics: generics.iter().map(|g| g.name.clone()).collect(),
            kind: TypeDefKind::Alias(ty::error()),
        })
    }

    fn declare_fn(&mut self, home: Home, item: &ast::Item, decl: FnSource) -> FnId {
        let (name, native, action, effect) = match &decl {
            FnSource::Fn(f) => (&f.name, false, false, Effect::Pure),
            FnSource::Action(a) => {
                let effect = a.effect.map_or(Effect::Destroys, |(e, _)| e);
                (&a.name, a.native, true, effect)
            }
        };
        let module = self.modules.get(home.module);
        let prefix = match home.connector.and_then(|c| self.connector(c)) {
            Some(c) => Some(c.name.clone()),
            None => module.filter(|m| m.native && m.name != "core").map(|m| m.name.clone()),
        };
        let full: SmolStr = match prefix {
            Some(p) => format!("{p}.{}", name.name).into(),
            None => name.name.clone(),
        };
        let id = self.new_fn();
        self.fn_index.insert(id, self.fns.len());
        self.fns.push(FnInfo {
            name: full,
            home,
            docs: item.docs.clone(),
            span: name.span,
            generics: Vec::new(),
            params: Arc::new([]),
            ret: Some(ty::error()),
            effect,
            action,
            native,
            state: State::Waiting,
            decl,
        });
        id
    }

    fn declare_runbook(&mut self, home: Home, item: &ast::Item, r: &Arc<ast::Runbook>) -> Def {
        if let Some(first) = self.runbooks.iter().find(|o| o.name == r.name.name && o.home.module != home.module) {
            let d = Diagnostic::error(
                codes::NAME_DUPLICATE,
                format!("there are two runbooks called `{}`", r.name.name),
                r.name.span,
                "again here",
            )
            .label(first.span, "first here")
            .help("a runbook is started by its name, so it has one of its own in the project");
            self.report(d);
        }
        self.runbooks.push(RunbookInfo {
            name: r.name.name.clone(),
            home,
            decl: Arc::clone(r),
            docs: item.docs.clone(),
            span: r.name.span,
            params: Arc::new([]),
        });
        Def::Runbook(self.runbooks.len() - 1)
    }

    fn declare_connector(&mut self, home: Home, item: &ast::Item, c: &ast::Connector, pending: &mut Vec<Pending>) {
        if let Some(first) = self.connectors.iter().find(|o| o.name == c.name.name && o.module != home.module) {
            let d = Diagnostic::error(
                codes::NAME_DUPLICATE,
                format!("there are two connectors called `{}`", c.name.name),
                c.name.span,
                "again here",
            )
            .label(first.span, "first here")
            .help("settings, policies and tests know a connector by its name: rename one, or give the file the place of the other to replace it");
            self.report(d);
        }
        let id = ConnectorId(u32::try_from(self.connectors.len()).unwrap_or(u32::MAX));
        self.connectors.push(ConnectorInfo {
            name: c.name.name.clone(),
            module: home.module,
            docs: item.docs.clone(),
            span: c.name.span,
            names: Names::new(),
            settings: Vec::new(),
        });
        self.declare_name(home, &c.name, Def::Connector(id), false);
        let inner = Home { module: home.module, connector: Some(id) };
        for item in &c.items {
            self.declare_item(inner, item, pending);
        }
        self.home = home;
    }

    fn declare_event(&mut self, home: Home, item: &ast::Item, e: &Arc<ast::Event>) -> Option<Def> {
        let Some(connector) = home.connector else {
            self.error(
                codes::PLACE_WRONG,
                e.name.span,
                "an `event` belongs to a connector",
                "",
                "write it inside `connector NAME { … }`",
            );
            return None;
        };
        let id = EventId(u32::try_from(self.events.len()).unwrap_or(u32::MAX));
        self.events.push(EventInfo {
            connector,
            module: home.module,
            name: e.name.name.clone(),
            decl: Arc::clone(e),
            docs: item.docs.clone(),
            span: e.name.span,
            ty: ty::error(),
            seen: ty::error(),
        });
        Some(Def::Event(id))
    }

    /// Resolves what types stand for.
    pub fn define_types(&mut self, pending: &[Pending]) {
        for p in pending {
            let Def::Type(id) = p.def else { continue };
            self.home = p.home;
            let kind = match &p.item.kind {
                ItemKind::Type(t) => {
                    self.generics = t.generics.iter().map(|g| g.name.clone()).collect();
                    match &t.ty.kind {
                        ast::TypeKind::Record(fields) => {
                            TypeDefKind::Record(self.resolve_fields(fields, "field", &t.name.name))
                        }
                        _ => TypeDefKind::Alias(self.resolve_type(&t.ty)),
                    }
                }
                ItemKind::Enum(e) => TypeDefKind::Enum(self.define_variants(e)),
                _ => continue,
            };
            self.generics.clear();
            if let Some(def) = self.types.defs.get_mut(id.index()) {
                def.kind = kind;
            }
        }
        self.break_alias_cycles();
    }

    fn define_variants(&mut self, e: &ast::EnumDecl) -> Vec<VariantTy> {
        let mut out: Vec<VariantTy> = Vec::new();
        for v in &e.variants {
            let owner = format!("{}.{}", e.name.name, v.name.name).into();
            let payload = self.resolve_fields(&v.payload, "field", &owner);
            if let Some(first) = e.variants.iter().find(|o| o.name.name == v.name.name)
                && first.name.span != v.name.span
            {
                let d = Diagnostic::error(
                    codes::NAME_DUPLICATE,
                    format!("`{}` has the variant `{}` twice", e.name.name, v.name.name),
                    v.name.span,
                    "again here",
                )
                .label(first.name.span, "first here");
                self.report(d);
                continue;
            }
            out.push(VariantTy { name: v.name.name.clone(), payload });
        }
        if out.is_empty() {
            self.error(
                codes::TYPE_VARIANT,
                e.name.span,
                format!("`{}` has no variants", e.name.name),
                "",
                "an enum needs at least one",
            );
        }
        out
    }

    /// An alias that leads back to itself stands for nothing: reported, and made the error type.
    fn break_alias_cycles(&mut self) {
        for start in 0..self.types.defs.len() {
            let (mut at, mut back) = (start, false);
            for _ in 0..=self.types.defs.len() {
                let Some(TypeDefKind::Alias(t)) = self.types.defs.get(at).map(|d| &d.kind) else { break };
                let mut t = t.clone();
                while let Type::Optional(inner) = &*t.clone() {
                    t = inner.clone();
                }
                let Type::Named(next, _) = &*t else { break };
                at = next.index();
                if at == start {
                    back = true;
                    break;
                }
            }
            let cyclic = back
                && matches!(self.types.defs.get(start).map(|d| &d.kind), Some(TypeDefKind::Alias(t)) if !is_error(t));
            if cyclic {
                let name = self.types.defs.get(start).map(|d| d.name.clone()).unwrap_or_default();
                let span = self.type_spans.get(start).copied().unwrap_or_default();
                self.error(
                    codes::TYPE_CYCLE,
                    span,
                    format!("the type `{name}` stands for itself"),
                    "",
                    "let one of the types in the circle be a record or an enum",
                );
                if let Some(def) = self.types.defs.get_mut(start) {
                    def.kind = TypeDefKind::Alias(ty::error());
                }
            }
        }
    }

    /// Resolves signatures, declared types of constants and settings, and events.
    pub fn define_signatures(&mut self, pending: &[Pending]) {
        for p in pending {
            self.home = p.home;
            match (&p.item.kind, p.def) {
                (ItemKind::Const(c), Def::Const(id)) => {
                    let written = c.ty.as_ref().map(|t| self.resolve_type(t));
                    if let Some(info) = self.consts.get_mut(id.index()) {
                        info.ty = written;
                    }
                }
                (ItemKind::Settings(s), _) => self.define_settings(s, &p.settings),
                (ItemKind::Fn(f), Def::Fn(id)) => self.define_fn(id, &f.generics, &f.params, f.ret.as_ref(), None),
                (ItemKind::Action(a), Def::Fn(id)) => {
                    let none = (!self.is_input(p.home, &a.name.name)).then(ty::nothing);
                    self.define_fn(id, &a.generics, &a.params, a.ret.as_ref(), none)
                }
                (ItemKind::Runbook(r), Def::Runbook(i)) => {
                    let params = self.resolve_params(&r.params, &r.name.name);
                    self.check_runbook_params(r, &params);
                    if let Some(info) = self.runbooks.get_mut(i) {
                        info.params = params;
                    }
                }
                (ItemKind::Event(e), Def::Event(id)) => self.define_event(id, e),
                _ => {}
            }
        }
    }

    fn define_settings(&mut self, s: &ast::Settings, ids: &[SettingId]) {
        for (f, id) in s.fields.iter().zip(ids) {
            let t = self.resolve_type(&f.ty);
            if !matches!(*self.open(&t), Type::Secret)
                && !matches!(&*self.open(&t), Type::Optional(i) if matches!(**i, Type::Secret))
                && let Some(part) = self.undecodable(&t)
            {
                let part = self.show(&part);
                self.error(
                    codes::TYPE_DECODE,
                    f.ty.span,
                    format!("a setting cannot hold a `{part}`"),
                    "",
                    "settings come from `rrb.toml` and the environment: plain values, lists, records and `Secret`",
                );
            }
            let default = f.default.as_ref().map(|d| {
                let owner = match self.settings.get(id.index()).map(|s| &s.owner) {
                    Some(SettingOwner::Connector(o) | SettingOwner::Module(o)) => o.clone(),
                    None => SmolStr::default(),
                };
                self.new_const(format!("{owner}.{}", f.name.name).into(), Some(t.clone()), d, "default")
            });
            if let Some(setting) = self.settings.get_mut(id.index()) {
                setting.ty = t;
                setting.default = default;
            }
        }
    }

    pub fn resolve_params(&mut self, params: &[ast::FieldDecl], owner: &SmolStr) -> Arc<[ParamInfo]> {
        let fields = self.resolve_fields(params, "parameter", owner);
        let mut seen: Vec<ParamInfo> = Vec::with_capacity(fields.len());
        for field in &fields {
            let written = params.iter().find(|p| p.name.name == field.name);
            let mut info = ParamInfo::from(field);
            if let Some(p) = written {
                info.span = p.name.span;
                info.docs = p.docs.clone();
            }
            seen.push(info);
        }
        seen.into()
    }

    fn define_fn(
        &mut self,
        id: FnId,
        generics: &[ast::Ident],
        params: &[ast::FieldDecl],
        ret: Option<&ast::Type>,
        none: Option<Ty>,
    ) {
        self.generics = generics.iter().map(|g| g.name.clone()).collect();
        let owner = self.fn_info(id).map(|i| i.name.clone()).unwrap_or_default();
        let params = self.resolve_params(params, &owner);
        let ret = ret.map(|t| self.resolve_type(t)).or(none);
        let generics = std::mem::take(&mut self.generics);
        if let Some(info) = self.fn_info_mut(id) {
            info.generics = generics;
            info.params = params;
            info.ret = ret;
        }
    }

    /// The type of a constant, inferred now when it is not written.
    pub fn const_type(&mut self, id: ConstId, at: Span) -> Ty {
        let Some(info) = self.consts.get(id.index()) else { return ty::error() };
        match (info.state, info.ty.clone()) {
            (State::Done, t) => t.unwrap_or_else(ty::error),
            (State::Waiting, Some(t)) => t,
            (State::Waiting, None) => {
                self.check_const(id, at);
                self.consts.get(id.index()).and_then(|c| c.ty.clone()).unwrap_or_else(ty::error)
            }
            (State::Working, t) => {
                let (name, what, span) = (info.name.clone(), info.what, info.span);
                if let Some(info) = self.consts.get_mut(id.index()) {
                    info.ty = Some(ty::error());
                }
                let d = Diagnostic::error(
                    codes::TYPE_CYCLE,
                    format!("the {what} `{name}` depends on itself"),
                    at,
                    "used here",
                )
                .label(span, "to make this")
                .help("break the circle");
                self.report(d);
                drop(t);
                ty::error()
            }
        }
    }

    /// Checks a constant or default, once.
    pub fn check_const(&mut self, id: ConstId, at: Span) {
        let Some(info) = self.consts.get_mut(id.index()) else { return };
        if info.state != State::Waiting {
            return;
        }
        info.state = State::Working;
        let (home, source, written, what) = (info.home, info.source.clone(), info.ty.clone(), info.what);
        let name = info.name.clone();
        if self.depth > CHAIN {
            self.error(codes::TYPE_CYCLE, at, format!("too many declarations wait for `{name}`"), "", "write its type");
            if let Some(info) = self.consts.get_mut(id.index()) {
                info.ty = Some(ty::error());
                info.state = State::Done;
            }
            return;
        }
        let body = self.elsewhere(home, |c| {
            c.push_frame(FrameKind::Constant);
            if let Some(f) = c.frames.last_mut() {
                f.limit = Some(Limit {
                    effect: Effect::Pure,
                    what: format!("the {what} `{name}` is made when the program is compiled"),
                    span: None,
                    help: "move it into an action or runbook".into(),
                });
            }
            let expr = match &written {
                Some(t) => c.expr_as(&source, t, &format!("the {what} `{name}`")),
                None => c.expr(&source, &super::expr::Want::Any),
            };
            let locals = c.pop_frame().map(|f| f.locals).unwrap_or_default();
            hir::Body { locals, expr }
        });
        let mut t = written.unwrap_or_else(|| body.expr.ty.clone());
        if matches!(*t, Type::None | Type::Nothing | Type::Never) {
            self.error(
                codes::TYPE_INFER,
                source.span,
                format!("the type of `{name}` cannot be found out"),
                "",
                "write it: `let name: Text? = none`",
            );
            t = ty::error();
        }
        if let Some(info) = self.consts.get_mut(id.index()) {
            info.ty = Some(t);
            info.body = Some(body);
            info.state = State::Done;
        }
    }

    /// The result type of a function, inferred now when it is not written.
    pub fn fn_result(&mut self, id: FnId, at: Span) -> Ty {
        let Some(info) = self.fn_info(id) else { return ty::error() };
        if let Some(t) = &info.ret {
            return t.clone();
        }
        let (name, span, state) = (info.name.clone(), info.span, info.state);
        if state == State::Working || self.depth > CHAIN {
            let d = Diagnostic::error(
                codes::TYPE_INFER,
                format!("the result of `{name}` cannot be found out here"),
                at,
                "",
            )
            .label(span, "its result is not written")
            .help("write the type of its result: `-> Text`");
            self.report(d);
            if let Some(info) = self.fn_info_mut(id) {
                info.ret = Some(ty::error());
            }
            return ty::error();
        }
        self.check_fn(id);
        self.fn_info(id).and_then(|i| i.ret.clone()).unwrap_or_else(ty::error)
    }

    /// Checks the body of a `fn` or action, once.
    pub fn check_fn(&mut self, id: FnId) {
        let Some(info) = self.fn_info_mut(id) else { return };
        if info.state != State::Waiting {
            return;
        }
        info.state = State::Working;
        let info = info.clone();
        self.elsewhere(info.home, |c| {
            c.generics = info.generics.clone();
            match &info.decl {
                FnSource::Fn(f) => c.check_plain_fn(id, &info, f),
                FnSource::Action(a) => c.check_action(id, &info, a),
            }
        });
        if let Some(info) = self.fn_info_mut(id) {
            info.state = State::Done;
        }
    }

    fn check_plain_fn(&mut self, id: FnId, info: &FnInfo, f: &ast::FnDecl) {
        self.push_frame_of(id, FrameKind::Fn);
        self.declare_params(&info.params);
        if let Some(frame) = self.frames.last_mut() {
            frame.ret = info.ret.clone();
            frame.limit = Some(Limit {
                effect: Effect::Pure,
                what: format!("`{}` is a `fn` and pure", info.name),
                span: Some(info.span),
                help: format!("make it an `action {}(…) … reads`", f.name.name),
            });
        }
        let body = self.body(&f.body, info.ret.as_ref(), &format!("the result of `{}`", info.name));
        let ret = match &info.ret {
            Some(t) => t.clone(),
            None => match &*body.ty {
                Type::None => {
                    self.error(
                        codes::TYPE_INFER,
                        info.span,
                        format!("the result of `{}` cannot be found out", info.name),
                        "",
                        "write it: `-> Text?`",
                    );
                    ty::error()
                }
                _ => body.ty.clone(),
            },
        };
        if let Some(i) = self.fn_info_mut(id) {
            i.ret = Some(ret.clone());
        }
        let made = Made {
            docs: info.docs.clone(),
            effect: Some(Effect::Pure),
            ..Made::plain(info.name.clone(), info.params.len(), ret, info.span)
        };
        self.close_frame(made, body);
    }

    /// Puts parameters into scope.
    pub fn declare_params(&mut self, params: &[ParamInfo]) {
        for p in params {
            self.param(&p.name, p.ty.clone(), p.span);
        }
    }

    /// The block of a function: its value is of the type `ret`, or nothing at all.
    pub fn body(&mut self, block: &ast::Block, ret: Option<&Ty>, role: &str) -> hir::Expr {
        match ret {
            Some(t) if matches!(**t, Type::Nothing) => self.block_expr(block, &super::expr::Want::Drop),
            Some(t) => {
                let e = self.block_expr(block, &super::expr::Want::Ty(t.clone()));
                self.coerce_result(e, t, role)
            }
            None => self.block_expr(block, &super::expr::Want::Any),
        }
    }

    fn coerce_result(&mut self, e: hir::Expr, to: &Ty, role: &str) -> hir::Expr {
        if matches!(*e.ty, Type::Nothing) {
            let wanted = self.show(to);
            let end = Span { start: e.span.end.saturating_sub(1), ..e.span };
            let d = Diagnostic::error(
                codes::TYPE_MISMATCH,
                format!("expected `{wanted}` for {role}, but the block ends without a value"),
                end,
                "no value here",
            )
            .help("the last expression of a block is its value");
            self.report(d);
            return bad(e.span);
        }
        self.coerce(e, to, role)
    }

    /// The words of an action that does more than it declares.
    pub fn action_limit(info: &FnInfo, a: &ast::ActionDecl) -> Limit {
        Limit {
            effect: info.effect,
            what: format!("`{}` is declared `{}`", info.name, word(info.effect)),
            span: a.effect.map(|(_, s)| s),
            help: if a.effect.is_some_and(|(e, _)| e == Effect::Reads) {
                "declare what it does, or leave the call out".into()
            } else {
                "declare `destroys`, or put the call into an `approve` or, in a connector, a `trust`".into()
            },
        }
    }
}

/// `reads`, as it is declared.
pub(super) fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        other => verb(other),
    }
}
