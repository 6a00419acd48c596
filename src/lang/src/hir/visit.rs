//! Walks typed trees: what an expression is made of, and which part stands under which approval.

use crate::hir::{ActionCall, Approve, Block, Expr, ExprKind, MapEntry, Program, Retry, Stmt, TextPart, Waive};

/// How a part stands in its whole.
#[derive(Clone, Copy)]
pub enum Role<'a> {
    /// Evaluated like the whole.
    Part,
    /// In the block that people agree to.
    Approved(&'a Approve),
    /// In the block that a standing exception covers.
    Waived(&'a Waive),
    /// A call that asks people.
    Asks,
}

/// The direct parts of an expression in the order they are written; not what is in functions it refers to.
pub fn parts(expr: &Expr) -> Vec<(&Expr, Role<'_>)> {
    let mut out = Parts(Vec::new());
    out.of(&expr.kind);
    out.0
}

/// Calls `f` with `root` and everything in it, outer before inner, in written order, each under the innermost approval or waiver
/// around it. Depth costs no stack.
pub fn walk<'a>(root: &'a Expr, f: &mut dyn FnMut(&'a Expr, Option<Cover<'a>>, bool)) {
    let mut todo = vec![(root, None, false)];
    // One for all: most expressions have few parts or none, and a program has many.
    let mut parts = Parts(Vec::new());
    while let Some((expr, cover, asks)) = todo.pop() {
        f(expr, cover, asks);
        parts.of(&expr.kind);
        for (part, role) in parts.0.drain(..).rev() {
            todo.push(match role {
                Role::Part => (part, cover, false),
                Role::Asks => (part, cover, true),
                Role::Approved(approve) => (part, Some(Cover::Approval(approve)), false),
                Role::Waived(waive) => (part, Some(Cover::Waiver(waive)), false),
            });
        }
    }
}

/// Calls `f` with everything in a block.
pub fn walk_block<'a>(block: &'a Block, f: &mut dyn FnMut(&'a Expr)) {
    let mut parts = Parts(Vec::new());
    parts.block(block, Role::Part);
    for (part, _) in parts.0 {
        walk(part, &mut |e, _, _| f(e));
    }
}

/// The direct parts of a block in the order they are written.
pub fn block_parts<'a>(block: &'a Block, out: &mut Vec<&'a Expr>) {
    let mut parts = Parts(Vec::new());
    parts.block(block, Role::Part);
    out.extend(parts.0.into_iter().map(|(part, _)| part));
}

/// The blocks that stand directly in an expression.
pub fn blocks(expr: &Expr) -> Vec<&Block> {
    match &expr.kind {
        ExprKind::Block(block) => vec![block],
        ExprKind::Step { body, .. } | ExprKind::For { body, .. } | ExprKind::While { body, .. } => vec![body],
        ExprKind::Approve(approve) => {
            std::iter::once(&approve.body).chain(approve.otherwise.as_ref().map(|(_, block)| block)).collect()
        }
        ExprKind::Waive(waive) => vec![&waive.body],
        ExprKind::Verify(verify) => vec![&verify.body],
        ExprKind::During(during) => {
            std::iter::once(&during.body).chain(during.handlers.iter().map(|h| &h.body)).collect()
        }
        ExprKind::FanOut(fan) => {
            let between = fan.waves.as_ref().and_then(|w| w.between.as_ref());
            std::iter::once(&fan.body).chain(between).collect()
        }
        ExprKind::Try { body, handler, .. } => {
            std::iter::once(body).chain(handler.as_ref().map(|(_, block)| block)).collect()
        }
        _ => Vec::new(),
    }
}

/// What discharges the calls in a block.
#[derive(Debug, Clone, Copy)]
pub enum Cover<'a> {
    Approval(&'a Approve),
    Waiver(&'a Waive),
}

/// Every expression that is the root of code: bodies of functions and constants.
pub fn roots(program: &Program) -> impl Iterator<Item = &Expr> {
    let functions = program.functions.iter().filter_map(|f| f.body.as_ref());
    functions.chain(program.constants.iter().map(|c| &c.value.expr))
}

struct Parts<'a>(Vec<(&'a Expr, Role<'a>)>);

impl<'a> Parts<'a> {
    fn part(&mut self, expr: &'a Expr) {
        self.0.push((expr, Role::Part));
    }

    fn all(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) {
        self.0.extend(exprs.into_iter().map(|e| (e, Role::Part)));
    }

    fn block(&mut self, block: &'a Block, role: Role<'a>) {
        let mut add = |e: &'a Expr| self.0.push((e, role));
        for stmt in &block.stmts {
            match stmt {
                Stmt::Let { value, .. } | Stmt::Assign { value, .. } => add(value),
                Stmt::Evidence { name, value, .. } => {
                    add(name);
                    add(value);
                }
                Stmt::Log { text, .. } => add(text),
                Stmt::Expr(e) => add(e),
            }
        }
        if let Some(value) = &block.value {
            add(value);
        }
    }

    fn of(&mut self, kind: &'a ExprKind) {
        match kind {
            ExprKind::Literal(_)
            | ExprKind::Local(_)
            | ExprKind::Constant(_)
            | ExprKind::Setting(_)
            | ExprKind::Closure { .. }
            | ExprKind::Break
            | ExprKind::Continue
            | ExprKind::Skip
            | ExprKind::Restart
            | ExprKind::Rollback { .. } => {}
            ExprKind::Text(parts) => self.all(parts.iter().filter_map(|p| match p {
                TextPart::Hole(e) => Some(e),
                TextPart::Chars(_) => None,
            })),
            ExprKind::List(items) => self.all(items.iter().map(|(_, e)| e)),
            ExprKind::Record(values) => self.all(values),
            ExprKind::RecordUpdate { base, fields } => {
                self.part(base);
                self.all(fields.iter().map(|(_, e)| e));
            }
            ExprKind::Map(entries) => {
                for entry in entries {
                    match entry {
                        MapEntry::Entry(k, v) => self.all([k, v]),
                        MapEntry::Spread(e) => self.part(e),
                    }
                }
            }
            ExprKind::Variant { payload, .. } => self.all(payload),
            ExprKind::Binary { left, right, .. }
            | ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::Coalesce(left, right) => self.all([&**left, &**right]),
            ExprKind::Unary { operand: e, .. }
            | ExprKind::Field { base: e, .. }
            | ExprKind::JsonField { base: e, .. }
            | ExprKind::Coerce { value: e, .. }
            | ExprKind::Decode(e)
            | ExprKind::Is { value: e, .. }
            | ExprKind::Let { value: e, .. }
            | ExprKind::Fail(e)
            | ExprKind::Wait { duration: e, .. } => self.part(e),
            ExprKind::MapGet { base, key: index, .. } | ExprKind::Index { base, index } => {
                self.all([&**base, &**index])
            }
            ExprKind::CallFn { args, .. } | ExprKind::Method { args, .. } => self.all(args),
            ExprKind::CallValue { callee, args } => {
                self.part(callee);
                self.all(args);
            }
            ExprKind::CallAction(call) => self.call(call),
            ExprKind::Finish { why: e, .. } | ExprKind::Return(e) => self.all(e.as_deref()),
            _ => self.statement(kind),
        }
    }

    /// The forms that hold blocks.
    fn statement(&mut self, kind: &'a ExprKind) {
        match kind {
            ExprKind::If { condition, then, otherwise } => {
                self.all([&**condition, &**then]);
                self.all(otherwise.as_deref());
            }
            ExprKind::Match { value, arms } => {
                self.part(value);
                for arm in arms {
                    self.all(&arm.guard);
                    self.part(&arm.body);
                }
            }
            ExprKind::Block(block) => self.block(block, Role::Part),
            ExprKind::Step { name, body, .. } => {
                self.part(name);
                self.block(body, Role::Part);
            }
            ExprKind::Approve(approve) => self.approve(approve),
            ExprKind::Waive(waive) => {
                self.part(&waive.reason);
                self.block(&waive.body, Role::Waived(waive));
            }
            ExprKind::Verify(v) => {
                self.all([&v.name, &v.within, &v.every]);
                self.all(&v.settle);
                self.block(&v.body, Role::Part);
            }
            ExprKind::WaitUntil { condition, every, within, .. } => self.all([&**condition, &**every, &**within]),
            ExprKind::WaitFor(w) => self.part(&w.within),
            ExprKind::During(d) => {
                self.block(&d.body, Role::Part);
                for handler in &d.handlers {
                    self.block(&handler.body, Role::Part);
                }
            }
            ExprKind::RunChild(run) => self.all(&run.args),
            ExprKind::For { items, body, .. } => {
                self.part(items);
                self.block(body, Role::Part);
            }
            ExprKind::FanOut(fan) => {
                self.all([&fan.items, &fan.parallel]);
                if let Some(waves) = &fan.waves {
                    self.all(&waves.sizes);
                    self.all(&waves.pausing);
                }
                self.block(&fan.body, Role::Part);
                if let Some(between) = fan.waves.as_ref().and_then(|w| w.between.as_ref()) {
                    self.block(between, Role::Part);
                }
            }
            ExprKind::Together(t) => self.all(t.branches.iter().map(|b| &b.body)),
            ExprKind::AtMost(most) => {
                self.part(&most.limit);
                self.all(&most.of);
                self.all(&most.floor);
                self.part(&most.items);
            }
            ExprKind::While { condition, body, .. } => {
                self.part(condition);
                self.block(body, Role::Part);
            }
            ExprKind::Try { body, handler, .. } => {
                self.block(body, Role::Part);
                if let Some((_, handler)) = handler {
                    self.block(handler, Role::Part);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &'a ActionCall) {
        self.all(&call.args);
        self.all(&call.instance);
        if let Some(Retry { times, backoff, when, .. }) = &call.retry {
            self.part(times);
            self.all(backoff.iter().flat_map(|(a, b)| [a, b]));
            self.all(when.iter().map(|(_, e)| e));
        }
        self.all(&call.timeout);
        self.all(&call.key);
    }

    fn approve(&mut self, approve: &'a Approve) {
        use crate::hir::Principal::{Group, User};
        let name = |p: &'a crate::hir::Principal| match p {
            User(e) | Group(e) => e,
        };
        self.part(&approve.question);
        self.all(approve.from.iter().map(name));
        self.all([&approve.quorum, &approve.within]);
        for (to, after) in &approve.escalate {
            self.all(to.iter().map(name));
            self.part(after);
        }
        self.all(&approve.remind);
        self.0.extend(approve.ask.iter().map(|e| (e, Role::Asks)));
        self.all(&approve.showing);
        self.block(&approve.body, Role::Approved(approve));
        if let Some((_, block)) = &approve.otherwise {
            self.block(block, Role::Part);
        }
    }
}
