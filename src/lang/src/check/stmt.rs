//! Blocks and statements.

use super::cx::Checker;
use super::expr::Want;
use super::scope::{CAPTURE, FrameKind, bad, node};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ExprKind};
use crate::span::Span;
use crate::syntax::ast::{self, AssignOp, StmtKind};
use crate::types::{Ty, Type};

/// Clauses of a header, which people write like assignments.
const HEADER: [&str; 9] =
    ["owner", "severity", "tags", "controls", "timeout", "limit", "every", "dedupe", "concurrency"];

impl Checker {
    /// A block as an expression.
    pub fn block_expr(&mut self, b: &ast::Block, want: &Want) -> hir::Expr {
        self.stmts_expr(&b.stmts, b.span, want)
    }

    /// Statements with a scope of their own, as an expression.
    pub fn stmts_expr(&mut self, stmts: &[ast::Stmt], span: Span, want: &Want) -> hir::Expr {
        let (block, t) = self.scoped(|c| c.block_in_scope(stmts, span, want));
        node(ExprKind::Block(block), t, span)
    }

    /// A block with its own scope, and what it gives.
    pub fn block(&mut self, b: &ast::Block, want: &Want) -> (hir::Block, Ty) {
        self.scoped(|c| c.block_in_scope(&b.stmts, b.span, want))
    }

    /// The statements of a block in the scope that is there.
    pub fn block_in_scope(&mut self, written: &[ast::Stmt], span: Span, want: &Want) -> (hir::Block, Ty) {
        if !self.broken.is_empty() {
            self.note_sound(written, span);
        }
        let mut stmts = Vec::with_capacity(written.len());
        let mut value: Option<Box<hir::Expr>> = None;
        // Where the block always leaves, and whether that was said.
        let mut left: Option<Span> = None;
        let mut said = false;
        let mut cut_off = false;
        let mut broken = false;
        for (i, s) in written.iter().enumerate() {
            if let Some(at) = left.filter(|_| !said) {
                said = true;
                self.report(
                    Diagnostic::warning(codes::CODE_UNREACHABLE, "this is never reached", s.span, "never reached")
                        .label(at, "always leaves")
                        .help("remove it, or put what leaves into an `if`"),
                );
            }
            let last = i + 1 == written.len();
            let never_at = match &s.kind {
                StmtKind::Expr(e) => {
                    let keep = last && !matches!(want, Want::Drop);
                    let got = self.expr(e, if keep { want } else { &Want::Drop });
                    let never = matches!(*got.ty, Type::Never).then_some(got.span);
                    if keep {
                        value = Some(Box::new(got));
                    } else {
                        if !last && !std::mem::take(&mut cut_off) {
                            cut_off = self.unused_value(e, &got, written.get(i + 1));
                        }
                        stmts.push(hir::Stmt::Expr(got));
                    }
                    never
                }
                _ => {
                    broken |= matches!(s.kind, StmtKind::Bad);
                    let stmt = self.stmt(s);
                    let never = match &stmt {
                        Some(hir::Stmt::Let { value, .. } | hir::Stmt::Assign { value, .. })
                            if matches!(*value.ty, Type::Never) =>
                        {
                            Some(value.span)
                        }
                        _ => None,
                    };
                    stmts.extend(stmt);
                    never
                }
            };
            left = left.or(never_at);
        }
        let t = match &value {
            _ if left.is_some() => ty::never(),
            Some(v) => v.ty.clone(),
            None if broken => ty::error(),
            None => ty::nothing(),
        };
        (hir::Block { stmts, value }, t)
    }

    /// Notes which statements could be read whole, where not all could: what is wrong in those is no consequence.
    fn note_sound(&mut self, written: &[ast::Stmt], span: Span) {
        let errors = self.syntax.iter().filter(|d| d.is_error()).map(Diagnostic::span);
        let within =
            |outer: Span| move |e: &Span| e.file == outer.file && outer.start <= e.start && e.start <= outer.end;
        let here: Vec<Span> = errors.filter(within(span)).collect();
        let mut after_bad = false;
        for s in written {
            // What could not be read may go on into a line that looks like a value.
            let begins = self.sources.text(s.span).split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next();
            let clause = matches!(&s.kind, StmtKind::Expr(_)) && begins.is_some_and(crate::syntax::begins_clause);
            let loose = clause
                || matches!(
                    &s.kind,
                    StmtKind::Expr(e) if !matches!(e.kind, ast::ExprKind::Call { .. } | ast::ExprKind::Do(_) | ast::ExprKind::If { .. })
                );
            if matches!(s.kind, StmtKind::Bad) || here.iter().any(|e| within(s.span)(e)) {
                after_bad = true;
                self.unsound.push(s.span);
            } else if !(after_bad && loose) {
                after_bad = false;
                self.sound.push(s.span);
            }
        }
    }

    /// Reports a statement that only computes something; says whether the next one was cut off from it by a space.
    fn unused_value(&mut self, e: &ast::Expr, got: &hir::Expr, next: Option<&ast::Stmt>) -> bool {
        use ast::ExprKind as K;
        if matches!(*got.ty, Type::Nothing | Type::Never | Type::Error) {
            return false;
        }
        let plain = match &e.kind {
            K::Call { .. } => matches!(
                got.kind,
                ExprKind::CallFn { .. }
                    | ExprKind::Method { .. }
                    | ExprKind::CallValue { .. }
                    | ExprKind::Variant { .. }
            ),
            K::Do(_)
            | K::If { .. }
            | K::Match { .. }
            | K::Block(_)
            | K::Step { .. }
            | K::Approve(_)
            | K::Waive { .. } => false,
            K::For { .. }
            | K::FanOut(_)
            | K::Together { .. }
            | K::While { .. }
            | K::Try { .. }
            | K::Trust { .. }
            | K::Verify { .. }
            | K::WaitUntil { .. }
            | K::WaitFor { .. }
            | K::During { .. }
            | K::RunChild { .. } => false,
            _ => true,
        };
        if !plain {
            return false;
        }
        let shown = self.show(&got.ty);
        let mut d = Diagnostic::error(
            codes::VALUE_UNUSED,
            "this value is not used",
            e.span,
            format!("a `{shown}` that nobody uses"),
        );
        let follows =
            next.filter(|n| matches!(&n.kind, StmtKind::Expr(x) if matches!(x.kind, K::Paren(_) | K::List(_))));
        d = match (&e.kind, follows) {
            (K::Name(_) | K::Field { .. }, Some(n)) => {
                let gap = Span { start: e.span.end, end: n.span.start, ..e.span };
                d.help("remove the space: `(` and `[` belong to what they touch")
                    .fix("remove the space", vec![(gap, String::new())])
            }
            (K::Binary { op: ast::BinaryOp::Eq, .. }, _) => d.help("to assign, write a single `=`"),
            _ => d.help("use it, give it a name with `let`, or remove it"),
        };
        self.report(d);
        follows.is_some()
    }

    fn stmt(&mut self, s: &ast::Stmt) -> Option<hir::Stmt> {
        match &s.kind {
            StmtKind::Let { pattern, ty, value } => Some(self.let_stmt(pattern, ty.as_ref(), value)),
            StmtKind::Var { name, ty, value } => {
                let value = self.bound_value(ty.as_ref(), value, &name.name);
                let t = value.ty.clone();
                let id = self.declare(name, t, true);
                Some(hir::Stmt::Let { pattern: hir::Pattern::Bind(id), value })
            }
            StmtKind::Assign { target, op, value } => self.assign(target, *op, value, s.span),
            StmtKind::Evidence { name, value } => {
                self.may_trace("evidence", s.span);
                let name = self.text_expr(name, "the name of evidence");
                let value = self.expr(value, &Want::Any);
                let mut value = self.coerce(value, &ty::json(), "evidence");
                Self::for_people(&mut value);
                let site = self.new_site(s.span);
                Some(hir::Stmt::Evidence { name, value, site })
            }
            StmtKind::AtMost(most) => {
                let most = self.at_most(most, s.span);
                Some(hir::Stmt::Expr(most))
            }
            StmtKind::Log(text) => {
                self.may_trace("log", s.span);
                let text = self.text_expr(text, "a line of the log");
                let site = self.new_site(s.span);
                Some(hir::Stmt::Log { text, site })
            }
            StmtKind::Expr(_) | StmtKind::Bad => None,
        }
    }

    /// The value of a `let` or `var`; one whose type is not clear is reported.
    fn bound_value(&mut self, written: Option<&ast::Type>, value: &ast::Expr, name: &str) -> hir::Expr {
        if let Some(t) = written {
            let t = self.resolve_type(t);
            return self.expr_as(value, &t, &format!("`{name}`"));
        }
        let got = self.expr(value, &Want::Any);
        match &*got.ty {
            Type::Nothing => {
                self.error(
                    codes::TYPE_MISMATCH,
                    got.span,
                    format!("there is no value for `{name}`"),
                    "gives nothing",
                    "leave out what stands before the call: it is made for what it does",
                );
                bad(got.span)
            }
            Type::None => {
                self.error(
                    codes::TYPE_INFER,
                    got.span,
                    format!("the type of `{name}` cannot be found out"),
                    "only `none`",
                    format!("write it: `{name}: Text? = none`"),
                );
                bad(got.span)
            }
            _ => got,
        }
    }

    fn let_stmt(&mut self, pattern: &ast::Pattern, written: Option<&ast::Type>, value: &ast::Expr) -> hir::Stmt {
        let name = match &pattern.kind {
            ast::PatternKind::Name(n) => n.name.as_str(),
            _ => "the value",
        };
        let value = self.bound_value(written, value, name);
        let t = value.ty.clone();
        // A bare name binds, even to an enum or an optional: nothing else could be meant.
        let bound = match &pattern.kind {
            ast::PatternKind::Name(n) => {
                let t = if matches!(*t, Type::Never) { ty::error() } else { t };
                hir::Pattern::Bind(self.declare(n, t, false))
            }
            _ => {
                let p = self.pattern(pattern, &t);
                if !self.irrefutable(&p, &t) {
                    self.error(
                        codes::TYPE_REFUTABLE,
                        pattern.span,
                        "the pattern of a `let` must match every value",
                        "may not match",
                        "use `if let … { … }` or `match`",
                    );
                }
                p
            }
        };
        hir::Stmt::Let { pattern: bound, value }
    }

    fn assign(&mut self, target: &ast::Expr, op: AssignOp, value: &ast::Expr, span: Span) -> Option<hir::Stmt> {
        let ast::ExprKind::Name(name) = &target.kind else {
            if !matches!(target.kind, ast::ExprKind::Missing) {
                self.error(
                    codes::VARIABLE_ASSIGN,
                    target.span,
                    "only a variable can be assigned",
                    "",
                    "values do not change; make a new one: `x = { ..x, field: value }`, `m = m.set(key, value)`",
                );
            }
            self.expr(value, &Want::Any);
            return None;
        };
        if name.name.is_empty() {
            return None;
        }
        let read_before = self.was_read(&name.name);
        self.saw_place(name, &Want::Any);
        let Some((id, t)) = self.find_local(&name.name) else {
            self.not_a_variable(name);
            self.expr(value, &Want::Any);
            return None;
        };
        self.saw_local(name.span, id);
        let local = self.local(id).cloned();
        let mutable = local.as_ref().is_some_and(|l| l.mutable);
        if id.0 & CAPTURE != 0 {
            let what = if self.kind() == FrameKind::Undo { "an `undo`" } else { "a function" };
            self.error(
                codes::VARIABLE_ASSIGN,
                name.span,
                format!("{what} cannot assign `{}`, which is a variable outside of it", name.name),
                "outside",
                "use a `for` loop, or give the value back",
            );
        } else if let Some(apart) = self.outside_of(id).filter(|_| mutable) {
            self.assigned_outside(apart, name, local.as_ref().map(|l| l.span));
        } else if !mutable {
            let mut d = Diagnostic::error(
                codes::VARIABLE_ASSIGN,
                format!("`{}` cannot be assigned", name.name),
                name.span,
                "does not change",
            );
            if let Some(l) = &local {
                d = d.label(l.span, "declared here");
                let word = Span { start: l.span.start.saturating_sub(4), end: l.span.start, ..l.span };
                if self.sources.text(word) == "let " {
                    d = d.fix("declare it with `var`", vec![(word, "var ".into())]);
                }
            }
            self.report(d.help("declare it with `var` to change it"));
        }
        let value = match op {
            AssignOp::Set => self.expr_as(value, &t, &format!("`{}`", name.name)),
            AssignOp::Add | AssignOp::Sub => {
                let op = if op == AssignOp::Add { ast::BinaryOp::Add } else { ast::BinaryOp::Sub };
                let left = node(ExprKind::Local(id), t.clone(), name.span);
                let right = self.expr(value, &Want::Ty(t.clone()));
                let sum = self.arithmetic(op, left, right, span, span);
                self.coerce(sum, &t, &format!("`{}`", name.name))
            }
        };
        // Writing is not reading.
        if let Some(read) = self.frames.last_mut().and_then(|f| f.read.get_mut(id.0 as usize))
            && op == AssignOp::Set
            && !read_before
            && !self_reads(&value, id)
        {
            *read = false;
        }
        Some(hir::Stmt::Assign { local: id, value })
    }

    fn was_read(&self, name: &str) -> bool {
        let Some(frame) = self.frame() else { return true };
        let id = frame.scopes.iter().rev().find_map(|s| s.names.get(name));
        id.and_then(|id| frame.read.get(id.0 as usize)).copied().unwrap_or(true)
    }

    fn not_a_variable(&mut self, name: &ast::Ident) {
        if self.lookup(self.home, &name.name).is_some() {
            self.error(
                codes::VARIABLE_ASSIGN,
                name.span,
                format!("`{}` cannot be assigned", name.name),
                "not a variable",
                "only a `var` changes",
            );
            return;
        }
        let names = self.names_in_scope();
        let near = crate::diag::nearest(&name.name, names.iter().map(smol_str::SmolStr::as_str)).map(str::to_owned);
        let d = Diagnostic::error(
            codes::NAME_UNKNOWN,
            format!("there is no variable `{}`", name.name),
            name.span,
            "not known here",
        );
        let d = match near {
            Some(near) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(name.span, near)])
            }
            None if HEADER.contains(&name.name.as_str()) => {
                let clause = format!("to mean the clause of the header, leave the `=` out: `{} …`", name.name);
                d.help(clause).help(format!("to mean a variable, declare it first: `var {} = …`", name.name))
            }
            None => d.help(format!("declare it first: `var {} = …`", name.name)),
        };
        self.report(d);
        self.absorb(name);
    }
}

/// Whether the value of an assignment reads the variable itself, which the frame notes as a read already.
fn self_reads(value: &hir::Expr, id: hir::LocalId) -> bool {
    let found = std::cell::Cell::new(false);
    let mut copy = value.clone();
    super::remap::locals(&mut copy, &|l| {
        if l == id {
            found.set(true);
        }
        l
    });
    found.get()
}
