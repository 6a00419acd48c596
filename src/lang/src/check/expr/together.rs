//! What runs at the same time: `parallel`, `race`, loops with clauses; and the bound on how much is touched.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::Want;
use crate::check::cx::Checker;
use crate::check::scope::{Apart, FrameKind, is_error, node};
use crate::check::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ExprKind, LocalId};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Ty, Type, builtin};
use crate::value::Value;
use crate::vm::limits::{MAX_BRANCHES, MAX_WIDTH};

/// Items at a time of a loop in waves that does not say how many.
const WIDTH: i64 = 10;

impl Checker {
    /// Reports what runs at the same time where nothing may.
    fn may_fork(&mut self, word: &str, span: Span) {
        let help = match self.kind() {
            FrameKind::Runbook | FrameKind::Action { connector: false } | FrameKind::Handler => return,
            FrameKind::Action { connector: true } => {
                "an action of a connector is one call to those who approve and audit it; write this in the runbook, or in an action of the project"
            }
            FrameKind::Lambda => "a function given to a method does one thing after the other; write it in the runbook",
            FrameKind::Undo => {
                "an `undo` does one thing after the other; put the branches into an action of the project"
            }
            FrameKind::Acknowledge => "`acknowledge` does one thing after the other; use a plain `for`",
            FrameKind::Fn => "a `fn` is pure and never waits, so there is nothing to gain; use a plain `for`",
            _ => "conditions and mappings are pure; do it in the body of the runbook",
        };
        self.error(codes::PLACE_WRONG, span, format!("`{word}` cannot stand here"), "", help);
    }

    /// The innermost branch around the place being checked.
    pub(in crate::check) fn apart(&self) -> Option<Apart> {
        self.frame().and_then(|f| f.apart.last()).copied()
    }

    /// The branch that the variable is outside of.
    pub(in crate::check) fn outside_of(&self, id: LocalId) -> Option<Apart> {
        self.apart().filter(|a| id.0 < a.first)
    }

    /// Checks a branch.
    fn in_branch<R>(&mut self, what: &'static str, is_round: bool, f: impl FnOnce(&mut Self) -> R) -> R {
        let mut loops = 0;
        if let Some(frame) = self.frames.last_mut() {
            let first = u32::try_from(frame.locals.len()).unwrap_or(u32::MAX);
            loops = std::mem::take(&mut frame.loops);
            frame.apart.push(Apart { what, first, loops: loops + u32::from(is_round) });
        }
        let result = f(self);
        if let Some(frame) = self.frames.last_mut() {
            frame.apart.pop();
            frame.loops = loops;
        }
        result
    }

    pub(super) fn leaves_branch(&mut self, word: &str, apart: Apart, span: Span) {
        let round = apart.what.contains("for");
        let help = match (word, round) {
            ("return", _) => "let it give the value, and return behind it",
            ("continue", true) => "to end this item's round early, put the rest into an `if`",
            (_, true) => "to stop the others, `fail`; to end this item's round early, put the rest into an `if`",
            _ => "to stop the others, `fail`; the branch ends with its last value",
        };
        self.error(codes::PLACE_WRONG, span, format!("`{word}` cannot leave {}", apart.what), "leaves it", help);
    }

    pub(in crate::check) fn assigned_outside(&mut self, apart: Apart, name: &ast::Ident, declared: Option<Span>) {
        let help = if apart.what.contains("for") {
            "the items run at the same time: use what the loop gives, `let all = for … { … }`"
        } else {
            "the branches run at the same time: let each give its value, `let all = parallel { … }`"
        };
        let mut d = Diagnostic::error(
            codes::VARIABLE_ASSIGN,
            format!("{} cannot assign `{}`, which is a variable outside of it", apart.what, name.name),
            name.span,
            "outside",
        );
        if let Some(at) = declared {
            d = d.label(at, "declared here");
        }
        self.report(d.help(help));
    }

    fn branches(&mut self, branches: &[ast::Branch], word: &str, span: Span) {
        let head = Span { end: span.start.saturating_add(u32::try_from(word.len()).unwrap_or(0)), ..span };
        self.may_fork(word, head);
        if branches.is_empty() {
            self.error(
                codes::BRANCHES,
                head,
                format!("a `{word}` needs branches"),
                "has none",
                format!("write `{word} {{ a = f(), b {{ … }} }}`"),
            );
        }
        if branches.len() > MAX_BRANCHES {
            self.error(
                codes::BRANCHES,
                head,
                format!("a `{word}` has at most {MAX_BRANCHES} branches, and this has {}", branches.len()),
                "",
                "for many of one kind write a loop: `for x in xs parallel 10 { … }`",
            );
        }
        let mut seen: HashMap<SmolStr, Span> = HashMap::new();
        for b in branches.iter().filter(|b| !b.name.name.is_empty()) {
            if let Some(first) = seen.insert(b.name.name.clone(), b.name.span) {
                let d = Diagnostic::error(
                    codes::NAME_DUPLICATE,
                    format!("two branches are called `{}`", b.name.name),
                    b.name.span,
                    "again",
                );
                self.report(d.label(first, "first here").help("give it another name"));
            }
        }
    }

    pub(super) fn parallel(&mut self, written: &[ast::Branch], want: &Want, span: Span) -> hir::Expr {
        self.branches(written, "parallel", span);
        let site = self.new_site(span);
        let hint = self.hint(want);
        let drop = matches!(want, Want::Drop);
        let mut fields = Vec::new();
        let mut branches = Vec::with_capacity(written.len());
        let mut never = false;
        for b in written {
            let wanted = match hint.as_deref() {
                Some(Type::Record(fields)) => fields.iter().find(|f| f.name == b.name.name).map(|f| f.ty.clone()),
                _ => None,
            };
            let wanted = match (&b.body.kind, wanted) {
                (ast::ExprKind::Block(_), _) if drop => Want::Drop,
                (_, Some(t)) => Want::Ty(t),
                _ => Want::Any,
            };
            let body = self.in_branch("a branch of `parallel`", false, |c| c.scoped(|c| c.expr(&b.body, &wanted)));
            never |= matches!(*body.ty, Type::Never);
            let gives = !drop && !matches!(*body.ty, Type::Nothing | Type::Never);
            if gives && !fields.iter().any(|f: &crate::types::FieldTy| f.name == b.name.name) {
                fields.push(ty::field(&b.name.name, body.ty.clone()));
            }
            branches.push(hir::Branch { name: b.name.name.clone(), body, gives });
        }
        let t = match (never, fields.is_empty()) {
            (true, _) => ty::never(),
            (false, true) => ty::nothing(),
            (false, false) => ty::record(fields),
        };
        node(ExprKind::Together(Box::new(hir::Together { race: false, branches, site })), t, span)
    }

    pub(super) fn race(&mut self, written: &[ast::Branch], want: &Want, span: Span) -> hir::Expr {
        self.branches(written, "race", span);
        let site = self.new_site(span);
        let bodies = written
            .iter()
            .map(|b| self.in_branch("a branch of `race`", false, |c| c.scoped(|c| c.expr(&b.body, want))))
            .collect();
        let (bodies, t) = self.agree(bodies, want, "the branches of a `race`");
        let t = if written.is_empty() { ty::error() } else { t };
        let gives = !matches!(*t, Type::Nothing | Type::Never);
        let branches = written
            .iter()
            .zip(bodies)
            .map(|(b, body)| hir::Branch { name: b.name.name.clone(), body, gives })
            .collect();
        node(ExprKind::Together(Box::new(hir::Together { race: true, branches, site })), t, span)
    }

    pub(super) fn fan_out(&mut self, fan: &ast::FanOut, want: &Want, span: Span) -> hir::Expr {
        self.may_fork(if fan.waves.is_some() { "in waves" } else { "parallel" }, Span { end: span.start + 3, ..span });
        self.stray_clauses(fan);
        let site = self.new_site(span);
        let items = self.expr(&fan.items, &Want::Any);
        let item = self.item_of(&items);
        let parallel = self.width(fan, span);
        let waves = fan.waves.as_ref().map(|w| self.wave_sizes(w));
        let pausing = fan.pausing.as_ref().map(|p| self.expr_as(p, &ty::duration(), "`pausing`"));
        let drop = matches!(want, Want::Drop);
        let inner = match self.hint(want).as_deref() {
            _ if drop => Want::Drop,
            Some(Type::List(t)) if fan.collect.is_none() => Want::Ty(t.clone()),
            _ => Want::Any,
        };
        let what = if fan.waves.is_some() { "a `for … in waves`" } else { "a `for … parallel`" };
        let (pattern, body, gives) = self.in_branch(what, true, |c| {
            c.scoped(|c| {
                let pattern = c.pattern(&fan.pattern, &item);
                if !c.irrefutable(&pattern, &item) {
                    c.error(
                        codes::TYPE_REFUTABLE,
                        fan.pattern.span,
                        "the pattern of a loop must match every item",
                        "may not match",
                        "bind the item to a name and use `match` or `if … is …`",
                    );
                }
                let (body, t) = c.block(&fan.body, &inner);
                (pattern, body, t)
            })
        });
        let between = fan.between.as_ref().map(|b| self.block(b, &Want::Drop).0);
        if let Some(at) = fan.collect.filter(|_| drop && (fan.parallel.is_some() || fan.waves.is_some())) {
            self.dropped_failures(at);
        }
        let waves = waves.map(|(sizes, listed)| {
            let site = self.new_site(span);
            hir::Waves { sizes, listed, pausing, between, site }
        });
        let t = self.fan_type(fan.collect.is_some() && !drop, &gives, drop, item);
        let collect = fan.collect.is_some();
        let fan = hir::FanOut { pattern, items, waves, parallel, collect, body, site };
        node(ExprKind::FanOut(Box::new(fan)), t, span)
    }

    /// Warns of failures that are collected and that nobody sees.
    fn dropped_failures(&mut self, at: Span) {
        let message = "the failures that this collects are not looked at";
        self.report(
            Diagnostic::warning(codes::FAILURES_DROPPED, message, at, "a failed item changes nothing")
                .help("look at them: `let results = for … { … }`, then `if results.any(r => r.failure != none) { … }`")
                .help("or leave `collect failures` out: then the first failure ends the loop"),
        );
    }

    /// What the loop gives.
    fn fan_type(&mut self, collect: bool, body: &Ty, drop: bool, item: Ty) -> Ty {
        let none = matches!(**body, Type::Nothing | Type::Never);
        if collect {
            let failure = ty::optional(ty::of(Type::Named(builtin::FAILURE, vec![])));
            let mut fields = vec![ty::field("item", item)];
            if !none {
                fields.push(ty::field("value", ty::optional(body.clone())));
            }
            fields.push(ty::field("failure", failure));
            return ty::list(ty::record(fields));
        }
        if drop || none { ty::nothing() } else { ty::list(body.clone()) }
    }

    /// Clauses that belong to others that are not there.
    fn stray_clauses(&mut self, fan: &ast::FanOut) {
        if let Some(at) = fan.collect.filter(|_| fan.parallel.is_none() && fan.waves.is_none()) {
            self.error(
                codes::BRANCHES,
                at,
                "`collect failures` belongs to a loop that is `parallel` or `in waves`",
                "",
                "write `parallel 1 collect failures` for one item after the other",
            );
        }
        if fan.waves.is_some() {
            return;
        }
        if let Some(p) = &fan.pausing {
            self.error(
                codes::BRANCHES,
                p.span,
                "`pausing` belongs to `in waves`",
                "",
                "write `in waves [1, 10%, 100%] pausing …`, or `wait` in the body",
            );
        }
        if let Some(b) = &fan.between {
            self.error(
                codes::BRANCHES,
                Span { end: b.span.start.saturating_add(1), ..b.span },
                "`between` belongs to `in waves`",
                "",
                "write `in waves [1, 10%, 100%] { … } between { … }`",
            );
        }
    }

    fn width(&mut self, fan: &ast::FanOut, span: Span) -> hir::Expr {
        let Some(written) = &fan.parallel else {
            return node(ExprKind::Literal(Value::Int(WIDTH)), ty::int(), span);
        };
        if matches!(written.kind, ast::ExprKind::Missing) {
            self.error(
                codes::BRANCHES,
                written.span,
                "`parallel` does not say how many at a time",
                "a number goes here",
                "write `parallel 10`",
            );
            return node(ExprKind::Literal(Value::Int(1)), ty::int(), span);
        }
        let width = self.expr_as(written, &ty::int(), "`parallel`");
        if let Some(Value::Int(n)) = self.fold(&width)
            && !(1..=i64::from(MAX_WIDTH)).contains(&n)
        {
            self.error(
                codes::CONST_RANGE,
                written.span,
                format!("`parallel` is from 1 to {MAX_WIDTH} at a time, not {n}"),
                "out of range",
                format!("write a number from 1 to {MAX_WIDTH}"),
            );
        }
        width
    }

    /// The sizes of waves: each an Int or a Float, as it is written.
    fn wave_sizes(&mut self, written: &ast::Expr) -> (Vec<hir::Expr>, bool) {
        let ast::ExprKind::List(items) = &written.kind else {
            let list = self.expr(written, &Want::Any);
            let fits = match &*self.open(&list.ty) {
                Type::List(t) => matches!(*self.open(t), Type::Int | Type::Float | Type::Error),
                Type::Error => true,
                _ => false,
            };
            if !fits {
                let shown = self.show(&list.ty);
                self.error(
                    codes::TYPE_MISMATCH,
                    list.span,
                    "waves are a list of counts or shares",
                    format!("this is `{shown}`"),
                    "write `in waves [1, 10%, 50%, 100%]`",
                );
            }
            return (vec![list], true);
        };
        let mut sizes = Vec::with_capacity(items.len());
        for item in items {
            let (ast::ListItem::Item(e) | ast::ListItem::Spread(e)) = item;
            let size = self.expr(e, &Want::Any);
            if matches!(item, ast::ListItem::Spread(_)) {
                self.error(codes::BRANCHES, e.span, "waves are written one by one", "", "give the whole list a name");
            } else if !matches!(*self.open(&size.ty), Type::Int | Type::Float | Type::Error) {
                let shown = self.show(&size.ty);
                self.error(
                    codes::TYPE_MISMATCH,
                    e.span,
                    "a wave is a count or a share",
                    format!("this is `{shown}`"),
                    "write a number such as `5`, or a share such as `10%`",
                );
            }
            sizes.push(size);
        }
        self.check_sizes(&sizes, written.span);
        (sizes, false)
    }

    /// Waves that are known when compiled rise, and the last one reaches everything.
    fn check_sizes(&mut self, sizes: &[hir::Expr], span: Span) {
        let known: Vec<(Option<Value>, Span)> = sizes.iter().map(|s| (self.fold(s), s.span)).collect();
        if sizes.is_empty() {
            self.error(codes::WAVES, span, "there are no waves", "", "write `[1, 10%, 100%]`");
        }
        let mut before: Option<f64> = None;
        let mut before_is_share = false;
        for (value, at) in &known {
            let (n, share) = match value {
                Some(Value::Int(n)) => (*n as f64, false),
                Some(Value::Float(f)) => (*f, true),
                _ => {
                    before = None;
                    continue;
                }
            };
            if n <= 0.0 || (share && n > 1.0) {
                let help = if share && n > 1.0 {
                    "a share is at most `100%`; a count is written without a point"
                } else {
                    "the first wave touches at least one"
                };
                self.error(codes::WAVES, *at, "a wave of this size is not possible", "out of range", help);
            } else if before.is_some_and(|b| before_is_share == share && n <= b) {
                self.error(
                    codes::WAVES,
                    *at,
                    "this wave is not larger than the one before it",
                    "adds nothing",
                    "the sizes count from the start: each includes the waves before it",
                );
            }
            (before, before_is_share) = (Some(n), share);
        }
        if let Some((Some(Value::Float(f)), at)) = known.last()
            && *f > 0.0
            && *f < 1.0
        {
            self.error(
                codes::WAVES,
                *at,
                "the last wave leaves some out, and nothing would ever reach them",
                "not everything",
                "end with `100%`; to touch fewer, take them first: `xs.take(5)`",
            );
        }
    }

    /// `at most 10% of nodes or 1 for xs`
    pub(in crate::check) fn at_most(&mut self, most: &ast::AtMost, span: Span) -> hir::Expr {
        let ast::AtMost { limit, of, floor, items } = most;
        let (of, floor) = (of.as_ref(), floor.as_ref());
        self.may_trace("at most", Span { end: span.start.saturating_add(2), ..span });
        let site = self.new_site(span);
        let text = |c: &Self, e: &ast::Expr| SmolStr::new(c.sources.text(e.span));
        let texts = [text(self, limit), of.map(|o| text(self, o)).unwrap_or_default(), text(self, items)];
        let limit = self.expr(limit, &Want::Any);
        let (is_share, known) = match &*self.open(&limit.ty) {
            Type::Int => (false, true),
            Type::Float => (true, true),
            Type::Error => (false, false),
            _ => {
                let shown = self.show(&limit.ty);
                self.error(
                    codes::TYPE_MISMATCH,
                    limit.span,
                    "`at most` takes a count or a share",
                    format!("this is `{shown}`"),
                    "write a number such as `5`, or a share such as `10%`",
                );
                (false, false)
            }
        };
        if known {
            self.check_bound(&limit, is_share, of, floor);
        }
        let of = of.map(|o| self.countable(o));
        let floor = floor.map(|f| self.expr_as(f, &ty::int(), "`or`"));
        let items = self.countable(items);
        node(ExprKind::AtMost(Box::new(hir::AtMost { limit, of, floor, items, texts, site })), ty::nothing(), span)
    }

    fn check_bound(&mut self, limit: &hir::Expr, is_share: bool, of: Option<&ast::Expr>, floor: Option<&ast::Expr>) {
        match (is_share, of, floor) {
            (true, None, _) => self.error(
                codes::AT_MOST,
                limit.span,
                "a share of what?",
                "a share",
                "write what it is a share of: `at most 10% of nodes for drained`; a count is written without a point",
            ),
            (false, Some(of), _) => self.error(
                codes::AT_MOST,
                of.span,
                "a count is not of anything",
                "",
                "leave `of` out, or write a share such as `10%`",
            ),
            (false, None, Some(floor)) => self.error(
                codes::AT_MOST,
                floor.span,
                "`or` says how many are always allowed when a share rounds down to less; a count needs none",
                "",
                "leave `or` out",
            ),
            _ => {}
        }
        let wrong = match self.fold(limit) {
            Some(Value::Int(n)) => n < 0,
            Some(Value::Float(f)) => !(0.0..=1.0).contains(&f),
            _ => false,
        };
        if wrong {
            let help = if is_share { "a share is from `0%` to `100%`" } else { "write a number that is not negative" };
            self.error(codes::CONST_RANGE, limit.span, "this bound is not possible", "out of range", help);
        }
    }

    /// Something with a number of items.
    fn countable(&mut self, e: &ast::Expr) -> hir::Expr {
        let got = self.expr(e, &Want::Any);
        let t = self.open(&got.ty);
        let counts = match &*t {
            Type::List(_) | Type::Set(_) | Type::Map(..) | Type::Json => true,
            Type::Range(t) => matches!(**t, Type::Int),
            _ => is_error(&t),
        };
        if !counts {
            let shown = self.show(&got.ty);
            let help = match &*t {
                Type::Optional(_) | Type::None => "open it: `… ?? []`",
                Type::Int => "write the list itself, not its length",
                _ => "a List, a Set, a Map, a range of Int or a Json list has a number of items",
            };
            self.error(
                codes::TYPE_MISMATCH,
                got.span,
                "`at most` counts items, and this has none",
                format!("this is `{shown}`"),
                help,
            );
        }
        got
    }
}
