//! What the checker finds out of one file and an editor asks for: what each name stands for, the type of each expression, the
//! arguments of each call. It is noted only where somebody wants it.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, Def, Home, ParamInfo};
use super::expr::Want;
use crate::hir;
use crate::ids::{ConnectorId, ConstId, EventId, FnId, SettingId, TypeId};
use crate::span::{FileId, Span};
use crate::syntax::ast::Ident;
use crate::types::{Ty, Type};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A variable or a parameter, by the place of its declaration: the name there, or the whole that brings it into scope.
    Local(Span),
    /// A top-level `let`.
    Const(ConstId),
    Setting(SettingId),
    /// A `fn` or an action.
    Fn(FnId),
    /// By its index among the runbooks of the check.
    Runbook(usize),
    /// By its index among the policies of the check.
    Policy(usize),
    Connector(ConnectorId),
    Type(TypeId),
    Event(EventId),
    /// By its index among the modules of the check.
    Module(usize),
    /// A parameter that an argument names.
    Param(Span),
    /// A field of a declared record.
    Field(TypeId, SmolStr),
    /// A variant of an enum.
    Variant(TypeId, SmolStr),
    /// A method of a built-in type, by the type's name and its own.
    Method(SmolStr, SmolStr),
    /// A type of the language itself.
    BuiltIn(SmolStr),
}

impl Target {
    pub(super) fn of(def: Def) -> Option<Self> {
        Some(match def {
            Def::Const(id) => Self::Const(id),
            Def::Setting(id) => Self::Setting(id),
            Def::Fn(id) => Self::Fn(id),
            Def::Runbook(i) => Self::Runbook(i),
            Def::Connector(id) => Self::Connector(id),
            Def::Type(id) => Self::Type(id),
            Def::Event(id) => Self::Event(id),
            Def::Module(i) => Self::Module(i),
            Def::Bad => return None,
        })
    }
}

/// A name in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    pub span: Span,
    pub target: Target,
}

/// A variable or a parameter.
#[derive(Debug, Clone)]
pub struct LocalSeen {
    pub name: SmolStr,
    /// As in [`Target::Local`].
    pub span: Span,
    pub ty: Ty,
    /// Declared with `var`.
    pub mutable: bool,
}

/// An expression with its type.
#[derive(Debug, Clone)]
pub struct ExprSeen {
    pub span: Span,
    pub ty: Ty,
    /// The type that its place expects.
    pub want: Option<Ty>,
}

/// A parameter of what is called.
#[derive(Debug, Clone)]
pub struct ParamSeen {
    pub name: SmolStr,
    pub ty: Ty,
    /// May be left out.
    pub optional: bool,
    /// Where it is declared.
    pub span: Span,
    pub docs: String,
}

/// A call of anything.
#[derive(Debug, Clone)]
pub struct CallSeen {
    pub span: Span,
    /// What is called; none for a value.
    pub target: Option<Target>,
    pub params: Arc<[ParamSeen]>,
    /// The parameter of each argument as written.
    pub args: Vec<(Span, Option<usize>)>,
}

/// What could stand at the place that was asked for.
#[derive(Debug, Clone)]
pub struct PlaceSeen {
    /// The variables in scope, innermost first.
    pub locals: Vec<LocalSeen>,
    /// The type that is expected there.
    pub want: Option<Ty>,
    /// The code around may perform calls that change something.
    pub may_do: bool,
    /// The module around, and the connector.
    pub module: usize,
    pub connector: Option<ConnectorId>,
}

/// What was found out.
#[derive(Debug, Default)]
pub struct Index {
    /// Of this file only.
    pub file: FileId,
    /// In order of place, each place once.
    pub names: Vec<NameSeen>,
    /// The field, parameter or setting that a name gives which stands for a value at the same time: `{ node }`.
    pub short: Vec<NameSeen>,
    /// The types that Json is read as.
    pub decoded: Vec<Ty>,
    pub locals: Vec<LocalSeen>,
    pub exprs: Vec<ExprSeen>,
    pub calls: Vec<CallSeen>,
    /// The name that stands for the place somebody asks about.
    pub asked: Option<SmolStr>,
    pub place: Option<PlaceSeen>,
}

impl Index {
    /// Puts everything into the order of places.
    pub(super) fn finish(&mut self) {
        self.names.sort_by_cached_key(|n| (n.span.start, n.span.end));
        self.names.dedup_by_key(|n| n.span);
        self.locals.sort_by_key(|l| l.span);
        self.locals.dedup_by_key(|l| (l.span, l.name.clone()));
        // Of two looks at one expression the later knows more.
        self.exprs.reverse();
        self.exprs.sort_by_cached_key(|e| (e.span.start, e.span.end));
        self.exprs.dedup_by_key(|e| e.span);
        self.calls.reverse();
        self.calls.sort_by_key(|c| (c.span.start, c.span.end));
        self.calls.dedup_by_key(|c| c.span);
    }
}

impl Checker {
    /// Whether only the heads of this module's actions are looked at.
    pub(super) fn heads_only(&self, module: usize) -> bool {
        self.modules.get(module).is_some_and(|m| m.heads)
    }

    fn notes(&mut self, span: Span) -> Option<&mut Index> {
        self.index.as_deref_mut().filter(|index| index.file == span.file && span.start < span.end)
    }

    /// Notes what a name stands for.
    pub(super) fn saw_name(&mut self, span: Span, target: Option<Target>) {
        if let (Some(index), Some(target)) = (self.notes(span), target) {
            index.names.push(NameSeen { span, target });
        }
    }

    /// What a bare name stands for, besides variables; noted.
    pub(super) fn lookup_at(&mut self, home: Home, name: &Ident) -> Option<Def> {
        let def = self.lookup(home, &name.name)?;
        self.saw_name(name.span, Target::of(def));
        Some(def)
    }

    /// Notes that a name stands for a variable.
    pub(super) fn saw_local(&mut self, span: Span, id: hir::LocalId) {
        if self.index.is_some() {
            let declared = self.local(id).map(|l| Target::Local(l.span));
            self.saw_name(span, declared);
        }
    }

    /// Notes the declaration of a variable.
    pub(super) fn saw_declared(&mut self, name: &SmolStr, ty: &Ty, mutable: bool, span: Span) {
        if self.index.is_none() || name.is_empty() {
            return;
        }
        let written = self.sources.text(span) == name.as_str();
        if let Some(index) = self.notes(span) {
            index.locals.push(LocalSeen { name: name.clone(), span, ty: ty.clone(), mutable });
            if written {
                index.names.push(NameSeen { span, target: Target::Local(span) });
            }
        }
    }

    /// Notes the type of an expression.
    pub(super) fn saw_expr(&mut self, span: Span, ty: &Ty, want: &Want) {
        if let Some(index) = self.notes(span) {
            index.exprs.push(ExprSeen { span, ty: ty.clone(), want: want.ty().cloned() });
        }
    }

    /// Notes a call.
    pub(super) fn saw_call(
        &mut self,
        span: Span,
        target: Option<Target>,
        params: &[ParamInfo],
        args: &[crate::syntax::ast::NamedArg],
    ) {
        if self.notes(span).is_some() {
            let args: Vec<(Option<&Ident>, Span)> = args.iter().map(|a| (a.name.as_ref(), a.value.span)).collect();
            self.saw_args(span, target, params, &args);
        }
    }

    /// As `saw_call`, with the arguments as names and places.
    pub(super) fn saw_args(
        &mut self,
        span: Span,
        target: Option<Target>,
        params: &[ParamInfo],
        args: &[(Option<&Ident>, Span)],
    ) {
        if self.notes(span).is_none() {
            return;
        }
        let mut next = 0;
        let mut places = Vec::with_capacity(args.len());
        for (name, value) in args {
            let at = match name {
                None => {
                    next += 1;
                    Some(next - 1).filter(|i| *i < params.len())
                }
                Some(n) => params.iter().position(|p| p.name == n.name),
            };
            if let (Some(n), Some(p)) = (name, at.and_then(|i| params.get(i)))
                && p.span != Span::default()
            {
                let target = Target::Param(p.span);
                match n.span == *value {
                    true => self.saw_short(n.span, Some(target)),
                    false => self.saw_name(n.span, Some(target)),
                }
            }
            let from = name.map_or(*value, |n| n.span.to(*value));
            places.push((from, at));
        }
        let params = params.iter().map(|p| ParamSeen {
            name: p.name.clone(),
            ty: p.ty.clone(),
            optional: p.default.is_some(),
            span: p.span,
            docs: p.docs.clone(),
        });
        let params = params.collect();
        if let Some(index) = self.notes(span) {
            index.calls.push(CallSeen { span, target, params, args: places });
        }
    }

    /// Notes what else a name stands for that is short for `name: name`.
    pub(super) fn saw_short(&mut self, span: Span, target: Option<Target>) {
        if let (Some(index), Some(target)) = (self.notes(span), target) {
            index.short.push(NameSeen { span, target });
        }
    }

    /// Notes that Json is read as a type.
    pub(super) fn saw_decoded(&mut self, t: &Ty) {
        if let Some(index) = self.index.as_deref_mut() {
            index.decoded.push(t.clone());
        }
    }

    /// Notes a field of a value of this type.
    pub(super) fn saw_field(&mut self, of: &Ty, span: Span, name: &SmolStr) {
        if self.notes(span).is_some() {
            let target = self.field_target(of, name);
            self.saw_name(span, target);
        }
    }

    /// The field of a declared type.
    pub(super) fn field_target(&self, of: &Ty, name: &SmolStr) -> Option<Target> {
        match &*self.open(of) {
            Type::Named(id, _) => Some(Target::Field(*id, name.clone())),
            Type::Optional(inner) => self.field_target(inner, name),
            _ => None,
        }
    }

    /// Notes what is in scope at the place that was asked for.
    pub(super) fn saw_place(&mut self, name: &Ident, want: &Want) {
        let Some(index) = self.index.as_deref() else { return };
        let known = index.place.as_ref().is_some_and(|p| p.want.is_some());
        if index.asked.as_ref() != Some(&name.name) || known || index.file != name.span.file {
            return;
        }
        let mut locals: Vec<LocalSeen> = Vec::new();
        for frame in self.frames.iter().rev() {
            for scope in frame.scopes.iter().rev() {
                let mut here: Vec<LocalSeen> = scope
                    .names
                    .iter()
                    .filter_map(|(name, id)| {
                        let l = frame.locals.get(id.0 as usize)?;
                        Some(LocalSeen { name: name.clone(), span: l.span, ty: l.ty.clone(), mutable: l.mutable })
                    })
                    .collect();
                here.sort_by_key(|l| std::cmp::Reverse(l.span.start));
                here.retain(|l| !locals.iter().any(|o| o.name == l.name));
                locals.extend(here);
            }
            if !frame.kind.sees_around() {
                break;
            }
        }
        let kind = self.kind();
        let may_do = kind.calls();
        let place = PlaceSeen {
            locals,
            want: want.ty().cloned(),
            may_do,
            module: self.home.module,
            connector: self.home.connector,
        };
        if let Some(index) = self.index.as_deref_mut() {
            index.place = Some(place);
        }
    }
}
