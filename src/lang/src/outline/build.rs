//! From the typed tree to the outline. Every form is named in [`Builder::expr`]: a new one cannot be left out by mistake.

use super::texts::{Texts, outcome_word, stmt_span};
use super::work::has_work;
use super::{Approval, Branch, Called, Child, Kind, Node, Outline, Repeat};
use crate::hir::visit::{self, Cover};
use crate::hir::{
    ActionCall, Approve, Arm, Block, During, Expr, ExprKind, FanOut, FunctionKind, Local, LocalId, Pattern, Principal,
    Program, Runbook, Stmt, Together, Verification, Waive,
};
use crate::ids::FnId;
use crate::span::{Sources, Span};
use crate::syntax::ast::Effect;
use crate::syntax::flat;

/// What `runbook` does. `sources` are those the program was checked from.
pub fn outline(program: &Program, sources: &Sources, runbook: &Runbook) -> Outline {
    let part = |id: Option<FnId>| id.map(|id| function(program, sources, id)).unwrap_or_default();
    Outline { body: part(Some(runbook.body)), on_failure: part(runbook.on_failure), finally: part(runbook.finally) }
}

/// What a function does: an action of the project, a handler. Nothing for a native one.
pub fn function(program: &Program, sources: &Sources, id: FnId) -> Vec<Node> {
    let Some(function) = program.functions.get(id.index()) else { return Vec::new() };
    let builder = Builder { program, texts: Texts { sources }, locals: &function.locals };
    function.body.as_ref().map(|body| builder.nodes(body, None)).unwrap_or_default()
}

struct Builder<'a> {
    program: &'a Program,
    texts: Texts<'a>,
    /// Of the function that is outlined.
    locals: &'a [Local],
}

/// What a value is given to: `before`, `{ a, b }`.
type Bound<'a> = Option<&'a str>;

impl Builder<'_> {
    fn block(&self, block: &Block, bound: Bound<'_>) -> Vec<Node> {
        let mut out = Vec::new();
        for stmt in &block.stmts {
            self.stmt(stmt, &mut out);
        }
        if let Some(value) = &block.value {
            self.expr(value, bound, &mut out);
        }
        out
    }

    /// The nodes of a block or of a lone expression.
    fn nodes(&self, expr: &Expr, bound: Bound<'_>) -> Vec<Node> {
        let mut out = Vec::new();
        self.expr(expr, bound, &mut out);
        out
    }

    fn stmt(&self, stmt: &Stmt, out: &mut Vec<Node>) {
        match stmt {
            Stmt::Let { pattern, value } => self.expr(value, Some(&self.pattern(pattern, value.span)), out),
            Stmt::Assign { local, value } => self.assign(&self.local(*local), value, out),
            Stmt::Evidence { name, value, .. } => {
                self.acts_before(value, out);
                let kind = Kind::Evidence { name: self.texts.text(name), value: self.texts.source(value.span) };
                out.push(Node { kind, span: name.span.to(value.span) });
            }
            Stmt::Log { text, .. } => {
                self.acts_before(text, out);
                out.push(Node { kind: Kind::Log { text: self.texts.text(text) }, span: text.span });
            }
            Stmt::Expr(e) => self.expr(e, None, out),
        }
    }

    /// The value of `x += 1` is written as the whole statement.
    fn assign(&self, name: &str, value: &Expr, out: &mut Vec<Node>) {
        let source = self.texts.source(value.span);
        let whole = source.strip_prefix(name).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.find('=').is_some_and(|at| at <= 2 && !rest.starts_with("==") && !rest.starts_with("=>"))
        });
        if !whole {
            return self.expr(value, Some(name), out);
        }
        let kind = self.leaf(value, None).unwrap_or(Kind::Compute { text: source });
        out.push(Node { kind, span: value.span });
    }

    fn local(&self, id: LocalId) -> String {
        self.locals.get(id.0 as usize).map_or_else(|| "…".to_owned(), |l| l.name.to_string())
    }

    fn pattern(&self, pattern: &Pattern, value: Span) -> String {
        match pattern {
            Pattern::Bind(local) => self.local(*local),
            _ => self.texts.bound(value).unwrap_or_else(|| "…".to_owned()),
        }
    }

    fn expr(&self, expr: &Expr, bound: Bound<'_>, out: &mut Vec<Node>) {
        let texts = &self.texts;
        let kind = match &expr.kind {
            ExprKind::Block(block) => return out.append(&mut self.block(block, bound)),
            ExprKind::Coerce { value, .. } => return self.expr(value, bound, out),
            ExprKind::Step { name, body, .. } => {
                Some(Kind::Step { name: texts.text(name), body: self.block(body, bound) })
            }
            ExprKind::If { .. } | ExprKind::Match { .. } if !has_work(expr) => self.leaf(expr, bound),
            ExprKind::If { condition, then, otherwise } => {
                self.acts_before(condition, out);
                Some(Kind::If {
                    condition: texts.source(condition.span),
                    then: self.nodes(then, bound),
                    otherwise: otherwise.as_ref().map(|e| self.nodes(e, bound)).unwrap_or_default(),
                })
            }
            ExprKind::Match { value, arms } => {
                self.acts_before(value, out);
                Some(Kind::Match { value: texts.source(value.span), arms: self.arms(value, arms, bound) })
            }
            ExprKind::For { items, body, .. } => {
                self.acts_before(items, out);
                Some(self.repeat(texts.until(expr, items), self.block(body, None)))
            }
            ExprKind::While { condition, max, body } => {
                let head = format!("{}, at most {max} times", texts.until(expr, condition));
                Some(self.repeat(head, self.block(body, None)))
            }
            ExprKind::FanOut(fan) => {
                self.acts_before(&fan.items, out);
                Some(self.fan_out(expr, fan, bound))
            }
            ExprKind::Together(together) => Some(self.together(together, bound)),
            ExprKind::During(during) => Some(self.during(during, bound)),
            ExprKind::AtMost(_) => Some(Kind::AtMost { text: texts.source(expr.span) }),
            ExprKind::Approve(approve) => Some(self.approve(approve, bound)),
            ExprKind::Waive(waive) => Some(self.waive(waive, bound)),
            ExprKind::Verify(v) => Some(self.verify(v)),
            ExprKind::Wait { .. } | ExprKind::WaitUntil { .. } | ExprKind::WaitFor(_) => {
                Some(Kind::Wait { text: given(bound, texts.source(expr.span)) })
            }
            ExprKind::Try { body, handler, .. } => Some(Kind::Try {
                body: self.block(body, bound),
                handler: handler.as_ref().map(|(_, b)| self.block(b, bound)),
            }),
            ExprKind::Finish { outcome, why } => {
                why.iter().for_each(|w| self.acts_before(w, out));
                Some(Kind::Finish { outcome: outcome_word(*outcome), why: why.as_deref().map(|w| texts.text(w)) })
            }
            ExprKind::Fail(value) => {
                self.acts_before(value, out);
                Some(Kind::Fail { text: texts.text(value) })
            }
            ExprKind::Return(value) => {
                value.iter().for_each(|v| self.acts_before(v, out));
                Some(Kind::Leave { text: texts.source(expr.span) })
            }
            ExprKind::Rollback { .. } => Some(Kind::Rollback),
            ExprKind::Break | ExprKind::Continue | ExprKind::Skip | ExprKind::Restart => {
                Some(Kind::Leave { text: texts.source(expr.span) })
            }
            ExprKind::Literal(_)
            | ExprKind::Text(_)
            | ExprKind::Local(_)
            | ExprKind::Constant(_)
            | ExprKind::Setting(_)
            | ExprKind::Closure { .. }
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::RecordUpdate { .. }
            | ExprKind::Map(_)
            | ExprKind::Variant { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Coalesce(..)
            | ExprKind::Field { .. }
            | ExprKind::JsonField { .. }
            | ExprKind::MapGet { .. }
            | ExprKind::Index { .. }
            | ExprKind::CallFn { .. }
            | ExprKind::CallValue { .. }
            | ExprKind::CallAction(_)
            | ExprKind::Method { .. }
            | ExprKind::Decode(_)
            | ExprKind::Is { .. }
            | ExprKind::Let { .. }
            | ExprKind::RunChild(_) => self.leaf(expr, bound),
        };
        out.extend(kind.map(|kind| Node { kind, span: expr.span }));
    }

    /// What is changed on the way to a value that a condition, a loop or an end needs stands before it as a line of its own.
    fn acts_before(&self, value: &Expr, out: &mut Vec<Node>) {
        if let Some(kind @ Kind::Act { effect: Effect::Changes | Effect::Destroys, .. }) = self.leaf(value, None) {
            out.push(Node { kind, span: value.span });
        }
    }

    fn repeat(&self, head: String, body: Vec<Node>) -> Kind {
        let plain =
            Repeat { head, body, parallel: None, waves: None, pausing: None, between: Vec::new(), collect: false };
        Kind::Repeat(Box::new(plain))
    }

    fn fan_out(&self, expr: &Expr, fan: &FanOut, bound: Bound<'_>) -> Kind {
        let sizes = |sizes: &[Expr], listed: bool| {
            let all = sizes.iter().map(|s| self.texts.source(s.span)).collect::<Vec<_>>().join(", ");
            if listed { all } else { format!("[{all}]") }
        };
        let waves = fan.waves.as_ref();
        let between = waves.and_then(|w| w.between.as_ref());
        Kind::Repeat(Box::new(Repeat {
            head: given(bound, self.texts.until(expr, &fan.items)),
            body: self.block(&fan.body, None),
            parallel: Some(self.texts.value(&fan.parallel)),
            waves: waves.map(|w| sizes(&w.sizes, w.listed)),
            pausing: waves.and_then(|w| w.pausing.as_ref()).map(|p| self.texts.value(p)),
            between: between.map(|b| self.block(b, None)).unwrap_or_default(),
            collect: fan.collect,
        }))
    }

    fn together(&self, together: &Together, bound: Bound<'_>) -> Kind {
        let branch = |b: &crate::hir::Branch| {
            // A branch of a `parallel` is a field of what it gives; each of a `race` gives the whole.
            let field = bound.map_or_else(|| b.name.to_string(), |whole| format!("{whole}.{}", b.name));
            let bound = if together.race { bound } else { Some(field.as_str()).filter(|_| b.gives) };
            Branch { label: b.name.to_string(), body: self.nodes(&b.body, bound) }
        };
        Kind::Fork {
            head: if together.race { "race" } else { "parallel" }.to_owned(),
            branches: together.branches.iter().map(branch).collect(),
            one: together.race,
        }
    }

    fn during(&self, during: &During, bound: Bound<'_>) -> Kind {
        let handler =
            |h: &crate::hir::DuringHandler| Branch { label: h.watch.text.to_string(), body: self.block(&h.body, None) };
        Kind::During { body: self.block(&during.body, bound), handlers: during.handlers.iter().map(handler).collect() }
    }

    fn waive(&self, waive: &Waive, bound: Bound<'_>) -> Kind {
        Kind::Waive {
            reason: self.texts.text(&waive.reason),
            by: waive.by.to_string(),
            until: waive.until,
            body: self.block(&waive.body, bound),
        }
    }

    fn verify(&self, v: &Verification) -> Kind {
        Kind::Verify {
            name: self.texts.text(&v.name),
            condition: self.inside(&v.body),
            within: self.texts.value(&v.within),
            every: self.texts.value(&v.every),
            settle: v.settle.as_ref().map(|s| self.texts.value(s)),
        }
    }

    fn arms(&self, value: &Expr, arms: &[Arm], bound: Bound<'_>) -> Vec<Branch> {
        let mut from = value.span.end;
        let mut out = Vec::new();
        for arm in arms {
            let head = Span { file: value.span.file, start: from, end: arm.body.span.start };
            let head = self.texts.source(head);
            let label = head.trim_start_matches(['{', ',', '}', ' ', ')']).trim_end_matches(['>', '=', '{', ' ', '(']);
            let label = match label.trim() {
                "_" => "otherwise",
                guarded => guarded.strip_prefix("_ ").unwrap_or(guarded),
            };
            out.push(Branch { label: label.to_owned(), body: self.nodes(&arm.body, bound) });
            from = arm.body.span.end;
        }
        out
    }

    fn inside(&self, block: &Block) -> String {
        let first = block.stmts.first().map(stmt_span).or(block.value.as_ref().map(|v| v.span));
        let last = block.value.as_ref().map(|v| v.span).or(block.stmts.last().map(stmt_span));
        first.zip(last).map(|(a, b)| self.texts.source(a.to(b))).unwrap_or_default()
    }

    fn approve(&self, approve: &Approve, bound: Bound<'_>) -> Kind {
        let texts = &self.texts;
        let name = |principal: &Principal| match principal {
            Principal::User(name) => format!("user {}", texts.text(name)),
            Principal::Group(name) => format!("group {}", texts.text(name)),
        };
        let names = |who: &[Principal]| who.iter().map(name).collect::<Vec<_>>();
        Kind::Approve(Box::new(Approval {
            question: texts.text(&approve.question),
            from: names(&approve.from),
            quorum: texts.value(&approve.quorum),
            within: texts.value(&approve.within),
            escalate: approve.escalate.iter().map(|(who, after)| (names(who), texts.value(after))).collect(),
            require_comment: approve.require_comment,
            allow_requester: approve.allow_requester,
            showing: approve.showing.as_ref().map(|s| texts.source(s.span)),
            ask: approve.ask.iter().map(|a| texts.source(a.span)).collect(),
            body: self.block(&approve.body, bound),
            otherwise: approve.otherwise.as_ref().map(|(_, b)| self.block(b, bound)),
        }))
    }

    /// A statement without blocks: what it calls decides what it is. A value that nothing is done with says nothing.
    fn leaf(&self, expr: &Expr, bound: Bound<'_>) -> Option<Kind> {
        let (calls, children) = self.reached(expr);
        let text = given(bound, self.texts.source(self.without_undo(expr)));
        let runs = (!children.is_empty()).then_some(Effect::Changes);
        match calls.iter().map(|c| c.effect).chain(runs).max() {
            Some(effect) if effect > Effect::Pure => Some(Kind::Act { text, effect, calls, children }),
            _ if bound.is_some() || has_work(expr) => Some(Kind::Compute { text }),
            _ => None,
        }
    }

    /// The undo at the end of a call has a line of its own.
    fn without_undo(&self, expr: &Expr) -> Span {
        let ExprKind::CallAction(call) = &expr.kind else { return expr.span };
        let undo = call.undo.as_ref().and_then(|(id, _)| self.program.functions.get(id.index()));
        let Some(body) = undo.and_then(|f| f.body.as_ref()).filter(|b| b.span.end == expr.span.end) else {
            return expr.span;
        };
        let before = Span { end: body.span.start, ..expr.span };
        let kept = self.texts.sources.text(before).trim_end().strip_suffix("undo").map(str::trim_end);
        kept.and_then(|k| u32::try_from(k.len()).ok())
            .map_or(expr.span, |len| Span { end: before.start + len, ..before })
    }

    /// Source of an `undo`, in which a connector may leave its own name out: whoever reads it somewhere else needs it.
    fn qualified(&self, body: &Expr) -> String {
        let mut missing: Vec<(usize, &str)> = Vec::new();
        visit::walk(body, &mut |e, _: Option<Cover<'_>>, _| {
            let function = match &e.kind {
                ExprKind::CallAction(call) => call.function,
                ExprKind::CallFn { function, .. } => *function,
                _ => return,
            };
            let Some((owner, own)) = self.program.functions.get(function.index()).and_then(|f| f.name.rsplit_once('.'))
            else {
                return;
            };
            let text = self.texts.sources.text(e.span);
            let after_do = text.strip_prefix("do").filter(|t| t.starts_with(char::is_whitespace));
            let after_do = after_do.map_or(text, str::trim_start);
            let bare = after_do.strip_prefix(own).is_some_and(|rest| rest.trim_start().starts_with('('));
            let at = (e.span.start as usize + text.len() - after_do.len()).checked_sub(body.span.start as usize);
            if let Some(at) = at.filter(|_| bare) {
                missing.push((at, owner));
            }
        });
        let mut text = self.texts.sources.text(body.span).to_owned();
        missing.sort_unstable();
        missing.dedup();
        for (at, owner) in missing.into_iter().rev() {
            if text.is_char_boundary(at) {
                text.insert_str(at, &format!("{owner}."));
            }
        }
        flat(&text)
    }

    /// The actions that it calls and the runbooks that it runs.
    fn reached(&self, expr: &Expr) -> (Vec<Called>, Vec<Child>) {
        let (mut calls, mut children) = (Vec::new(), Vec::new());
        visit::walk(expr, &mut |e, _: Option<Cover<'_>>, _| match &e.kind {
            ExprKind::CallAction(call) => calls.extend(self.called(call)),
            ExprKind::RunChild(run) => children.push(Child { runbook: run.runbook, awaited: run.awaited }),
            _ => {}
        });
        (calls, children)
    }

    fn called(&self, call: &ActionCall) -> Option<Called> {
        let callee = self.program.functions.get(call.function.index())?;
        let declared = match &callee.kind {
            FunctionKind::Action(action) => action.undo,
            FunctionKind::Plain | FunctionKind::Handler => None,
        };
        let undo = call.undo.as_ref().map(|(id, _)| *id).or(declared);
        let undo = undo.and_then(|id| self.program.functions.get(id.index())).and_then(|f| f.body.as_ref());
        Some(Called {
            function: call.function,
            name: callee.name.to_string(),
            effect: call.trusted.map_or(callee.effect, |t| t.min(callee.effect)),
            undo: undo.map(|body| unbraced(&self.qualified(body))),
        })
    }
}

/// What stands in the braces of a block.
fn unbraced(source: &str) -> String {
    source.strip_prefix('{').and_then(|s| s.strip_suffix('}')).unwrap_or(source).trim().to_owned()
}

/// `before = used(mount)`
fn given(bound: Bound<'_>, value: String) -> String {
    bound.map_or_else(|| value.clone(), |name| format!("{name} = {value}"))
}
