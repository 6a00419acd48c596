//! Functions being checked, their variables, and how a name is found.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::cx::{Checker, Def, Home, ModuleInfo, Named};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, Local, LocalId};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::Ident;
use crate::types::{Effect, Ty, Type};

/// What kind of code a frame is: decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// `fn`
    Fn,
    /// An action of the project, or of a connector.
    Action {
        connector: bool,
    },
    Runbook,
    /// `on failure`, `finally`
    Handler,
    Undo,
    Lambda,
    /// A condition, key, mapping, `emit`: pure code that the engine asks.
    Condition,
    /// The condition of an event that a run waits for: as `Condition`, and sees the variables around.
    Watch,
    /// A top-level `let` or a default.
    Constant,
    /// The block of `poll`, a `probe`: reads.
    Reading,
    /// `acknowledge`: calls.
    Acknowledge,
}

impl FrameKind {
    /// Whether it sees the variables of the function around it.
    pub fn sees_around(self) -> bool {
        matches!(self, Self::Lambda | Self::Undo | Self::Watch)
    }

    /// Whether calls that change something may stand in it.
    pub fn calls(self) -> bool {
        matches!(self, Self::Runbook | Self::Handler | Self::Undo | Self::Acknowledge | Self::Action { .. })
    }
}

/// The most that a body may do, and in whose words.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub effect: Effect,
    /// `` `percent` is a `fn` and pure ``
    pub what: String,
    /// Where that is written.
    pub span: Option<Span>,
    pub help: String,
}

/// A branch: it sees the variables around it as they were when it began, and changes none of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    /// `` a branch of `parallel` ``
    pub what: &'static str,
    /// Variables from here on are its own.
    pub first: u32,
    /// Loops around the branch, itself included when it is the round of one.
    pub loops: u32,
}

/// A scope of names.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub names: HashMap<SmolStr, LocalId>,
}

/// A function whose body is being checked.
pub(super) struct Frame {
    pub function: FnId,
    pub kind: FrameKind,
    /// Own variables: parameters first.
    pub locals: Vec<Local>,
    pub read: Vec<bool>,
    /// Whether to say so when the variable is never read.
    pub warn: Vec<bool>,
    /// Variables of the frame around, and their copies here.
    pub captures: Vec<(LocalId, Local)>,
    pub scopes: Vec<Scope>,
    /// What the body does so far, and which call does it.
    pub effect: Effect,
    pub cause: Option<(Span, String)>,
    pub limit: Option<Limit>,
    /// What `return` gives; None where it may not stand.
    pub ret: Option<Ty>,
    /// Loops around the place being checked.
    pub loops: u32,
    /// Branches around the place being checked: what runs at the same time as something else.
    pub apart: Vec<Apart>,
    /// The effect that a `trust` around lowers primitives to.
    pub trust: Option<Effect>,
    pub may_skip: bool,
    /// In a handler of `during`.
    pub handling: bool,
}

/// Marks a [`LocalId`] of a frame that still grows as the index of a capture.
pub(super) const CAPTURE: u32 = 1 << 31;

impl Checker {
    /// Begins a function.
    pub fn push_frame(&mut self, kind: FrameKind) -> FnId {
        let id = self.new_fn();
        self.push_frame_of(id, kind);
        id
    }

    /// Begins the function `id`.
    pub fn push_frame_of(&mut self, id: FnId, kind: FrameKind) {
        self.frames.push(Frame {
            function: id,
            kind,
            locals: Vec::new(),
            read: Vec::new(),
            warn: Vec::new(),
            captures: Vec::new(),
            scopes: vec![Scope::default()],
            effect: Effect::Pure,
            cause: None,
            limit: None,
            ret: None,
            loops: 0,
            apart: Vec::new(),
            trust: None,
            may_skip: false,
            handling: false,
        });
    }

    /// Ends the innermost function: warns of unused variables and reports a body that does too much.
    pub fn pop_frame(&mut self) -> Option<Frame> {
        while self.frames.last().is_some_and(|f| !f.scopes.is_empty()) {
            self.pop_scope();
        }
        let frame = self.frames.pop()?;
        if let (Some(limit), Some((span, what))) = (&frame.limit, &frame.cause)
            && frame.effect > limit.effect
        {
            let mut d = Diagnostic::error(
                codes::EFFECT_EXCEEDED,
                format!("{}, but {what} {}", limit.what, verb(frame.effect)),
                *span,
                verb(frame.effect),
            );
            if let Some(at) = limit.span {
                d = d.label(at, "declared here");
            }
            if !limit.help.is_empty() {
                d = d.help(limit.help.clone());
            }
            self.report(d);
        }
        Some(frame)
    }

    pub fn frame(&self) -> Option<&Frame> {
        self.frames.last()
    }

    pub fn kind(&self) -> FrameKind {
        self.frames.last().map_or(FrameKind::Constant, |f| f.kind)
    }

    /// Notes that the body does something.
    pub fn note_effect(&mut self, effect: Effect, span: Span, what: impl FnOnce() -> String) {
        if let Some(frame) = self.frames.last_mut()
            && effect > frame.effect
        {
            frame.effect = effect;
            frame.cause = Some((span, what()));
        }
    }

    /// Runs `f` and gives what it does by itself; the frame's own effect so far is kept apart.
    pub fn effect_of<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> (R, Effect, Option<(Span, String)>) {
        let before =
            self.frames.last_mut().map(|fr| (std::mem::replace(&mut fr.effect, Effect::Pure), fr.cause.take()));
        let result = f(self);
        let mut inner = (Effect::Pure, None);
        if let (Some(frame), Some((effect, cause))) = (self.frames.last_mut(), before) {
            inner = (std::mem::replace(&mut frame.effect, effect), std::mem::replace(&mut frame.cause, cause));
        }
        (result, inner.0, inner.1)
    }

    pub fn push_scope(&mut self) {
        if let Some(f) = self.frames.last_mut() {
            f.scopes.push(Scope::default());
        }
    }

    /// Ends the innermost scope and warns of its variables that nobody read.
    pub fn pop_scope(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some(scope) = frame.scopes.pop() else { return };
        let mut unused: Vec<Local> = Vec::new();
        for id in scope.names.values() {
            let i = id.0 as usize;
            let local = frame.locals.get(i);
            if let (Some(local), Some(false), Some(true)) = (local, frame.read.get(i), frame.warn.get(i))
                && !local.name.starts_with('_')
                && *local.ty != Type::Error
            {
                unused.push(local.clone());
            }
        }
        unused.sort_by_key(|l| l.span.start);
        for local in unused {
            self.report(
                Diagnostic::warning(
                    codes::VARIABLE_UNUSED,
                    format!("`{}` is never read", local.name),
                    local.span,
                    "never read",
                )
                .help(format!("remove it, or call it `_{}`", local.name))
                .fix("begin its name with `_`", vec![(local.span.before(), "_".into())]),
            );
        }
    }

    /// Runs `f` in a scope of its own.
    pub fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        self.push_scope();
        let result = f(self);
        self.pop_scope();
        result
    }

    fn add_local(&mut self, name: SmolStr, ty: Ty, mutable: bool, span: Span, warn: bool) -> LocalId {
        self.saw_declared(&name, &ty, mutable, span);
        let Some(frame) = self.frames.last_mut() else { return LocalId(0) };
        let id = LocalId(u32::try_from(frame.locals.len()).unwrap_or(0));
        frame.locals.push(Local { name, ty, mutable, span });
        frame.read.push(false);
        frame.warn.push(warn);
        id
    }

    /// A variable without a name.
    pub fn temp(&mut self, ty: Ty, span: Span) -> LocalId {
        self.add_local(SmolStr::default(), ty, false, span, false)
    }

    /// A parameter, or a name that the language brings into scope.
    pub fn param(&mut self, name: &SmolStr, ty: Ty, span: Span) -> LocalId {
        let id = self.add_local(name.clone(), ty, false, span, false);
        if let Some(scope) = self.frames.last_mut().and_then(|f| f.scopes.last_mut()) {
            scope.names.insert(name.clone(), id);
        }
        id
    }

    /// A variable that the author declares.
    pub fn declare(&mut self, name: &Ident, ty: Ty, mutable: bool) -> LocalId {
        let id = self.add_local(name.name.clone(), ty, mutable, name.span, true);
        if name.name.is_empty() || name.name == "_" {
            return id;
        }
        self.warn_of_hidden_var(name);
        let Some(scope) = self.frames.last_mut().and_then(|f| f.scopes.last_mut()) else { return id };
        let Some(old) = scope.names.insert(name.name.clone(), id) else { return id };
        let first = self.frame().and_then(|f| f.locals.get(old.0 as usize)).map(|l| l.span);
        let mut d = Diagnostic::error(
            codes::NAME_DUPLICATE,
            format!("`{}` is declared twice in this block", name.name),
            name.span,
            "declared again",
        )
        .help("give it another name, or assign a `var`");
        if let Some(first) = first.filter(|s| *s != Span::default()) {
            d = d.label(first, "first here");
        }
        self.report(d);
        id
    }

    /// Who declares a `var`'s name again in an inner block mostly means to change it.
    fn warn_of_hidden_var(&mut self, name: &Ident) {
        let Some(frame) = self.frames.last() else { return };
        let outer = frame.scopes.iter().rev().skip(1).find_map(|s| s.names.get(&name.name));
        let Some(hidden) =
            outer.and_then(|id| frame.locals.get(id.0 as usize)).filter(|l| l.mutable && !is_error(&l.ty))
        else {
            return;
        };
        let warning = Diagnostic::warning(
            codes::VARIABLE_HIDDEN,
            format!("this `{}` is another variable than the `var` around it", name.name),
            name.span,
            "a new variable",
        )
        .label(hidden.span, "stays as it is")
        .help(format!("to change the `var`, write `{} = …`; to mean another one, give it another name", name.name));
        self.report(warning);
    }

    /// Makes an unknown name known as a mistake that was reported.
    pub fn absorb(&mut self, name: &Ident) {
        // An editor knows of no such variable.
        let index = self.index.take();
        let id = self.add_local(name.name.clone(), ty::error(), true, name.span, false);
        self.index = index;
        if let Some(scope) = self.frames.last_mut().and_then(|f| f.scopes.first_mut()) {
            scope.names.insert(name.name.clone(), id);
        }
    }

    /// The variable called `name`, captured from the functions around where need be.
    pub fn find_local(&mut self, name: &str) -> Option<(LocalId, Ty)> {
        let top = self.frames.len().checked_sub(1)?;
        let id = self.local_in(top, name)?;
        Some((id, self.local_at(top, id)?.ty.clone()))
    }

    /// Whether a variable has this name, without reading it.
    pub fn has_local(&self, name: &str) -> bool {
        let mut frames = self.frames.iter().rev();
        loop {
            let Some(frame) = frames.next() else { return false };
            if frame.scopes.iter().any(|s| s.names.contains_key(name)) {
                return true;
            }
            if !frame.kind.sees_around() {
                return false;
            }
        }
    }

    fn local_in(&mut self, at: usize, name: &str) -> Option<LocalId> {
        let frame = self.frames.get_mut(at)?;
        if let Some(id) = frame.scopes.iter().rev().find_map(|s| s.names.get(name)).copied() {
            if let Some(read) = frame.read.get_mut(id.0 as usize) {
                *read = true;
            }
            return Some(id);
        }
        if !frame.kind.sees_around() {
            return None;
        }
        let outer = self.local_in(at.checked_sub(1)?, name)?;
        let copy = self.local_at(at - 1, outer)?.clone();
        let frame = self.frames.get_mut(at)?;
        let index = frame.captures.iter().position(|(id, _)| *id == outer).unwrap_or_else(|| {
            frame.captures.push((outer, Local { mutable: false, ..copy }));
            frame.captures.len() - 1
        });
        Some(LocalId(CAPTURE | u32::try_from(index).unwrap_or(0)))
    }

    fn local_at(&self, frame: usize, id: LocalId) -> Option<&Local> {
        let frame = self.frames.get(frame)?;
        if id.0 & CAPTURE != 0 {
            frame.captures.get((id.0 & !CAPTURE) as usize).map(|(_, l)| l)
        } else {
            frame.locals.get(id.0 as usize)
        }
    }

    pub fn local(&self, id: LocalId) -> Option<&Local> {
        self.local_at(self.frames.len().checked_sub(1)?, id)
    }

    /// Ends the innermost function with its body and files it under its id. Gives what it captured (in the frame around), its
    /// effect and the call that causes it.
    pub fn close_frame(&mut self, made: Made, body: hir::Expr) -> Closed {
        let Some(frame) = self.pop_frame() else { return Closed::default() };
        let unread = (0..made.params as usize).filter(|i| frame.read.get(*i) == Some(&false)).collect::<Vec<_>>();
        if !unread.is_empty() {
            self.unread.insert(frame.function, unread);
        }
        let captures: Vec<LocalId> = frame.captures.iter().map(|(id, _)| *id).collect();
        let count = u32::try_from(captures.len()).unwrap_or(0);
        let mut body = body;
        super::remap::locals(&mut body, &|id| match id.0 & CAPTURE {
            0 => LocalId(id.0 + count),
            _ => LocalId(id.0 & !CAPTURE),
        });
        let locals = frame.captures.into_iter().map(|(_, l)| l).chain(frame.locals).collect();
        let function = hir::Function {
            name: made.name,
            module: self.modules.get(self.home.module).map(|m| m.name.clone()).unwrap_or_default(),
            docs: made.docs,
            kind: made.kind,
            captures: count,
            params: made.params,
            locals,
            ret: made.ret,
            effect: made.effect.unwrap_or(frame.effect),
            body: Some(body),
            span: made.span,
        };
        if let Some(slot) = self.functions.get_mut(frame.function.index()) {
            *slot = Some(function);
        }
        Closed { function: frame.function, captures, effect: frame.effect, cause: frame.cause }
    }

    /// What a bare name stands for where `home` is, besides variables.
    pub fn lookup(&self, home: Home, name: &str) -> Option<Def> {
        self.lookup_named(home, name).inspect(|n| n.use_it()).map(|n| n.def)
    }

    fn lookup_named(&self, home: Home, name: &str) -> Option<&Named> {
        let of_connector = home.connector.and_then(|c| self.connector(c)).and_then(|c| c.names.get(name));
        of_connector
            .or_else(|| self.modules.get(home.module).and_then(|m| m.names.get(name)))
            .or_else(|| self.prelude.get(name))
    }

    /// Every name in scope, for suggestions.
    pub fn names_in_scope(&self) -> Vec<SmolStr> {
        let mut names: Vec<SmolStr> = Vec::new();
        for frame in self.frames.iter().rev() {
            names.extend(frame.scopes.iter().flat_map(|s| s.names.keys().cloned()));
            if !frame.kind.sees_around() {
                break;
            }
        }
        if let Some(c) = self.home.connector.and_then(|c| self.connector(c)) {
            names.extend(c.names.keys().cloned());
        }
        if let Some(m) = self.modules.get(self.home.module) {
            names.extend(m.names.keys().cloned());
        }
        names.extend(self.prelude.keys().cloned());
        names.extend(
            crate::stdlib::natives().iter().filter(|(n, ..)| *n != "core").map(|(n, ..)| SmolStr::new_static(n)),
        );
        names.sort();
        names.dedup();
        names
    }

    /// Reports an unknown name with the nearest one.
    pub fn unknown(&mut self, what: &str, name: &Ident, candidates: &[SmolStr], help: &str) {
        if name.name.is_empty() {
            return;
        }
        let near = nearest(&name.name, candidates.iter().map(SmolStr::as_str)).map(str::to_owned);
        let mut d = Diagnostic::error(
            codes::NAME_UNKNOWN,
            format!("there is no {what} `{}`", name.name),
            name.span,
            "not known here",
        );
        d = match (self.declared_elsewhere(&name.name), near) {
            (Some(elsewhere), _) => elsewhere.told(d),
            (None, Some(near)) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(name.span, near)])
            }
            (None, None) if !help.is_empty() => d.help(help),
            (None, None) => d,
        };
        self.report(d);
    }

    /// How a name that another module declares would come into scope.
    pub fn declared_elsewhere(&self, name: &str) -> Option<Elsewhere> {
        let here = self.modules.get(self.home.module).filter(|m| !m.names.contains_key(name))?;
        let has = |m: &&ModuleInfo| !m.native && m.names.get(name).is_some_and(|n| !n.imported);
        let owner = self.modules.iter().find(has)?;
        // In front of what has docs it would take them.
        let first = here.ast.items.first().filter(|i| i.docs.is_empty()).map(|i| i.span);
        let at = first.map(|span| Span { end: span.start, ..span });
        Some(Elsewhere { line: format!("use {}.{{{name}}}", owner.name), at })
    }
}

/// A `use` that is missing.
pub(super) struct Elsewhere {
    line: String,
    /// Where it can be put; none where a person has to choose.
    at: Option<Span>,
}

impl Elsewhere {
    /// Says so.
    pub fn told(self, d: Diagnostic) -> Diagnostic {
        let d = d.help(format!("bring it into scope: `{}`", self.line));
        match self.at {
            Some(at) => d.fix(format!("add `{}`", self.line), vec![(at, format!("{}\n", self.line))]),
            None => d,
        }
    }
}

/// What is known of a function when its body is done.
pub(super) struct Made {
    pub name: SmolStr,
    pub docs: String,
    pub kind: hir::FunctionKind,
    pub params: u32,
    pub ret: Ty,
    /// As declared; None takes what the body does.
    pub effect: Option<Effect>,
    pub span: Span,
}

impl Made {
    /// A function that only the checker knows: a lambda, a condition, a handler.
    pub fn plain(name: impl Into<SmolStr>, params: usize, ret: Ty, span: Span) -> Self {
        Self {
            name: name.into(),
            docs: String::new(),
            kind: hir::FunctionKind::Plain,
            params: u32::try_from(params).unwrap_or(0),
            ret,
            effect: None,
            span,
        }
    }
}

/// What is left of a function when it is filed.
pub(super) struct Closed {
    pub function: FnId,
    pub captures: Vec<LocalId>,
    pub effect: Effect,
    pub cause: Option<(Span, String)>,
}

impl Default for Closed {
    fn default() -> Self {
        Self { function: FnId(u32::MAX), captures: Vec::new(), effect: Effect::Pure, cause: None }
    }
}

/// `reads`, as the predicate of a sentence.
pub(super) fn verb(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "is pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// A tree of a type at a place.
pub(super) fn node(kind: hir::ExprKind, ty: Ty, span: Span) -> hir::Expr {
    hir::Expr { kind, ty, span }
}

/// What stands for an expression that was already reported.
pub(super) fn bad(span: Span) -> hir::Expr {
    node(hir::ExprKind::Literal(crate::value::Value::Nothing), ty::error(), span)
}

pub(super) fn is_error(ty: &Ty) -> bool {
    **ty == Type::Error
}
