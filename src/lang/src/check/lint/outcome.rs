//! Runbooks that an event starts, that change something, and that then say `resolved` without having looked.

use std::collections::{HashMap, HashSet};

use crate::diag::{Diagnostic, codes};
use crate::hir::{ActionCall, Block, Expr, ExprKind, Function, FunctionKind, Outcome, Program, visit};
use crate::ids::FnId;
use crate::span::{FileId, Span};
use crate::types::{Effect, Type};

pub(super) fn run(program: &Program, out: &mut Vec<Diagnostic>) {
    let mut known = HashMap::new();
    for runbook in &program.runbooks {
        let heard = runbook.triggers.iter().any(|t| !t.kind.events().is_empty());
        if !heard || runbook.shadow {
            continue;
        }
        let mut path = Path { program, known: &mut known, inside: HashSet::new(), found: None };
        path.function(runbook.body, None);
        out.extend(path.found.map(|(finish, change)| warning(finish, change)));
    }
}

fn warning(finish: Span, change: Span) -> Diagnostic {
    Diagnostic::warning(
        codes::VERIFY_MISSING,
        "this says `resolved`, but nothing looked whether the change helped",
        finish,
        "nobody has looked",
    )
    .label(change, "changed here")
    .help("check it first: `verify \"the disk has room\" within 5m every 10s { … }`; or end with `mitigated`")
}

/// Follows a run in the order it is written. The state is the last change that nothing has looked at since.
struct Path<'a> {
    program: &'a Program,
    /// What an action leaves behind, after a change before it and without one.
    known: &'a mut HashMap<(FnId, bool), State>,
    /// Functions being followed, so that recursion ends.
    inside: HashSet<FnId>,
    /// The first `finish resolved`, and the change before it.
    found: Option<(Span, Span)>,
}

type State = Option<Span>;

/// Stands for the change before an action.
const BEFORE: Span = Span { file: FileId(u32::MAX), start: 0, end: 0 };

impl Path<'_> {
    fn function(&mut self, id: FnId, state: State) -> State {
        let Some(body) = self.program.functions.get(id.index()).and_then(|f| f.body.as_ref()) else { return state };
        if !self.inside.insert(id) {
            return None;
        }
        let state = self.expr(body, state);
        self.inside.remove(&id);
        state
    }

    fn expr(&mut self, e: &Expr, state: State) -> State {
        match &e.kind {
            ExprKind::If { condition, then, otherwise } => {
                let state = self.expr(condition, state);
                let then = self.branch(then, state);
                let otherwise = otherwise.as_ref().map_or(state, |e| self.branch(e, state));
                then.or(otherwise)
            }
            ExprKind::Match { value, arms } => {
                let state = self.expr(value, state);
                arms.iter().fold(None, |all, arm| {
                    let state = arm.guard.iter().fold(state, |s, g| self.expr(g, s));
                    all.or(self.branch(&arm.body, state))
                })
            }
            ExprKind::Try { body, handler, .. } => {
                let done = self.block(body, state);
                match handler {
                    Some((_, handler)) => done.or(self.block(handler, state)),
                    None => done,
                }
            }
            ExprKind::Approve(approve) => {
                let done = self.block(&approve.body, state);
                match &approve.otherwise {
                    Some((_, otherwise)) => done.or(self.block(otherwise, state)),
                    None => done,
                }
            }
            ExprKind::Finish { outcome: Outcome::Resolved, .. } => {
                if let (Some(change), None) = (state, self.found) {
                    self.found = Some((e.span, change));
                }
                None
            }
            // It waits for something to be seen, or leaves the work to another runbook, which looks for itself.
            ExprKind::Verify(_) | ExprKind::WaitUntil { .. } | ExprKind::WaitFor(_) | ExprKind::RunChild(_) => None,
            ExprKind::CallAction(call) => self.call(call, e.span, state),
            _ => visit::parts(e).into_iter().fold(state, |s, (part, _)| self.expr(part, s)),
        }
    }

    /// What a branch leaves behind; nothing when it leaves itself.
    fn branch(&mut self, e: &Expr, state: State) -> State {
        let after = self.expr(e, state);
        if matches!(*e.ty, Type::Never) { None } else { after }
    }

    fn block(&mut self, block: &Block, state: State) -> State {
        let mut parts = Vec::new();
        visit::block_parts(block, &mut parts);
        let never = parts.last().is_some_and(|e| matches!(*e.ty, Type::Never));
        let after = parts.into_iter().fold(state, |s, e| self.expr(e, s));
        if never { None } else { after }
    }

    fn call(&mut self, call: &ActionCall, span: Span, state: State) -> State {
        let state = call.args.iter().fold(state, |s, e| self.expr(e, s));
        let Some(callee) = self.program.functions.get(call.function.index()) else { return state };
        let FunctionKind::Action(action) = &callee.kind else { return state };
        if call.trusted.unwrap_or(callee.effect) <= Effect::Reads {
            return None;
        }
        let acts = acts_on_something(callee);
        if action.connector.is_some() || action.native.is_some() {
            return if acts { Some(span) } else { state };
        }
        // An action of the project may look by itself.
        let before = if acts { Some(span) } else { state };
        self.action(call.function, before)
    }

    /// An action has no `finish`, so one look at it does for all its calls.
    fn action(&mut self, id: FnId, state: State) -> State {
        let key = (id, state.is_some());
        let after = match self.known.get(&key) {
            Some(after) => *after,
            None => {
                let after = self.function(id, state.map(|_| BEFORE));
                // Within a circle of actions the answer is not whole yet.
                if !self.inside.contains(&id) {
                    self.known.insert(key, after);
                }
                after
            }
        };
        if after == Some(BEFORE) { state } else { after }
    }
}

/// Telling people is a change, too; what destroys, or names a target, is what an outcome speaks of.
fn acts_on_something(callee: &Function) -> bool {
    let target = matches!(&callee.kind, FunctionKind::Action(a) if a.target.is_some());
    callee.effect == Effect::Destroys || target
}
