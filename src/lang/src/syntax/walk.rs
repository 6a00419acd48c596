//! Going through a tree without knowing every kind of node: each node with its place and what stands directly in it.

use super::ast::{
    ActionDecl, Approve, Arm, AtMost, Awaited, Block, Branch, Correlation, CorrelationKind, Event, EventSource,
    EvidenceTest, Expected, Expr, ExprKind, FanOut, FieldDecl, HeaderClause, HeaderKind, HeardEvent, Item, ItemKind,
    ListItem, Modifiers, Module, NamedArg, OnTrigger, Pattern, PatternKind, Policy, PolicyRule, PolicyRuleKind,
    RecordEntry, RepeatClass, Runbook, Stmt, StmtKind, Test, TestAnswer, TestAnswerKind, TestArg, TestCall, TestStmt,
    TestStmtKind, TestTimes, TestValue, TextPart, Type, TypeKind, Verification, Window,
};
use crate::span::Span;

/// A node of the tree.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    Item(&'a Item),
    /// A field of a type, a setting, a parameter.
    Field(&'a FieldDecl),
    Header(&'a HeaderClause),
    Rule(&'a PolicyRule),
    Block(&'a Block),
    Stmt(&'a Stmt),
    Expr(&'a Expr),
    Arm(&'a Arm),
    Pattern(&'a Pattern),
    Type(&'a Type),
    TestStmt(&'a TestStmt),
}

impl<'a> Node<'a> {
    /// Where it stands.
    pub fn span(self) -> Span {
        match self {
            Self::Item(n) => n.span,
            Self::Field(n) => n.span,
            Self::Header(n) => n.span,
            Self::Rule(n) => n.span,
            Self::Block(n) => n.span,
            Self::Stmt(n) => n.span,
            Self::Expr(n) => n.span,
            Self::Arm(n) => n.span,
            Self::Pattern(n) => n.span,
            Self::Type(n) => n.span,
            Self::TestStmt(n) => n.span,
        }
    }

    /// Hands on what stands directly in it, in the order of writing but for clauses.
    pub fn children(self, f: &mut dyn FnMut(Node<'a>)) {
        let mut w = Walk { f };
        match self {
            Self::Item(n) => w.item(n),
            Self::Field(n) => w.field(n),
            Self::Header(n) => w.header(n),
            Self::Rule(n) => w.rule(n),
            Self::Block(n) => n.stmts.iter().for_each(|s| (w.f)(Node::Stmt(s))),
            Self::Stmt(n) => w.stmt(n),
            Self::Expr(n) => w.in_expr(n),
            Self::Arm(n) => w.arm(n),
            Self::Pattern(n) => w.in_pattern(n),
            Self::Type(n) => w.in_type(n),
            Self::TestStmt(n) => w.test_stmt(n),
        }
    }
}

/// Calls `f` for every node, outer ones first, until it says false for one: then what is in that one is left out.
pub fn walk<'a>(module: &'a Module, f: &mut dyn FnMut(Node<'a>) -> bool) {
    let mut todo: Vec<Node<'a>> = module.items.iter().rev().map(Node::Item).collect();
    while let Some(node) = todo.pop() {
        if f(node) {
            let from = todo.len();
            node.children(&mut |child| todo.push(child));
            if let Some(new) = todo.get_mut(from..) {
                new.reverse();
            }
        }
    }
}

/// The nodes around the byte `offset`, the outermost first. A node that ends at the offset is around it, unless one begins there.
pub fn path(module: &Module, offset: u32) -> Vec<Node<'_>> {
    let mut path = Vec::new();
    let holds = |n: &Node<'_>| n.span().start <= offset && offset <= n.span().end;
    let mut next = module.items.iter().map(Node::Item).rfind(holds);
    while let Some(node) = next.take() {
        path.push(node);
        node.children(&mut |child| {
            let later = |old: &Node<'_>| child.span().start >= old.span().start;
            if holds(&child) && next.as_ref().is_none_or(later) {
                next = Some(child);
            }
        });
    }
    path
}

struct Walk<'f, 'a> {
    f: &'f mut dyn FnMut(Node<'a>),
}

impl<'a> Walk<'_, 'a> {
    fn expr(&mut self, e: &'a Expr) {
        (self.f)(Node::Expr(e));
    }

    fn exprs(&mut self, all: impl IntoIterator<Item = &'a Expr>) {
        all.into_iter().for_each(|e| self.expr(e));
    }

    fn boxed(&mut self, e: Option<&'a Expr>) {
        self.exprs(e);
    }

    fn block(&mut self, b: &'a Block) {
        (self.f)(Node::Block(b));
    }

    fn pattern(&mut self, p: &'a Pattern) {
        (self.f)(Node::Pattern(p));
    }

    fn ty(&mut self, t: &'a Type) {
        (self.f)(Node::Type(t));
    }

    fn fields(&mut self, all: &'a [FieldDecl]) {
        all.iter().for_each(|x| (self.f)(Node::Field(x)));
    }

    fn args(&mut self, all: &'a [NamedArg]) {
        all.iter().for_each(|a| self.expr(&a.value));
    }

    fn item(&mut self, item: &'a Item) {
        match &item.kind {
            ItemKind::Use(_) | ItemKind::Bad => {}
            ItemKind::Const(c) => {
                c.ty.iter().for_each(|t| self.ty(t));
                self.expr(&c.value);
            }
            ItemKind::Settings(s) => self.fields(&s.fields),
            ItemKind::Type(t) => self.ty(&t.ty),
            ItemKind::Enum(e) => e.variants.iter().for_each(|v| self.fields(&v.payload)),
            ItemKind::Fn(d) => {
                self.fields(&d.params);
                d.ret.iter().for_each(|t| self.ty(t));
                self.block(&d.body);
            }
            ItemKind::Action(a) => self.action(a),
            ItemKind::Runbook(r) => self.runbook(r),
            ItemKind::Connector(c) => c.items.iter().for_each(|i| (self.f)(Node::Item(i))),
            ItemKind::Event(e) => self.event(e),
            ItemKind::Policy(p) => self.policy(p),
            ItemKind::Test(t) => self.test(t),
        }
    }

    fn action(&mut self, a: &'a ActionDecl) {
        self.fields(&a.params);
        a.ret.iter().for_each(|t| self.ty(t));
        match &a.class {
            Some((RepeatClass::Keyed(within), _)) => self.expr(within),
            Some((RepeatClass::Probe(block), _)) => self.block(block),
            _ => {}
        }
        self.exprs(&a.target);
        a.undo.iter().chain(&a.body).for_each(|b| self.block(b));
    }

    fn runbook(&mut self, r: &'a Runbook) {
        self.fields(&r.params);
        r.header.iter().for_each(|h| (self.f)(Node::Header(h)));
        r.body.iter().for_each(|s| (self.f)(Node::Stmt(s)));
        r.on_failure.iter().map(|(_, b)| b).chain(&r.finally).for_each(|b| self.block(b));
    }

    fn event(&mut self, e: &'a Event) {
        self.ty(&e.ty);
        match &e.source {
            EventSource::Webhook { path, .. } => self.expr(path),
            EventSource::Poll { every, body, .. } => {
                self.expr(every);
                self.block(body);
            }
            EventSource::Feed { call, .. } => self.expr(call),
        }
        match &e.verify {
            Some(Verification::None { because, .. }) => self.exprs(because),
            Some(Verification::Scheme(call)) => self.expr(call),
            None => {}
        }
        self.exprs(e.origins.iter().chain(&e.answer));
        self.exprs(e.each.as_ref().map(|(x, _)| x));
        self.exprs(e.id.iter().chain(&e.at).chain(&e.emit));
        e.acknowledge.iter().for_each(|block| self.block(block));
    }

    fn policy(&mut self, p: &'a Policy) {
        p.rules.iter().for_each(|r| (self.f)(Node::Rule(r)));
    }

    fn rule(&mut self, r: &'a PolicyRule) {
        match &r.kind {
            PolicyRuleKind::Applies(e) => self.expr(e),
            PolicyRuleKind::Limit { count, per, .. } => self.exprs([count, per]),
            PolicyRuleKind::Delegate { file, .. } => self.expr(file),
            PolicyRuleKind::Forbid(_) | PolicyRuleKind::ForbidWaive | PolicyRuleKind::Require(_) => {}
        }
        let c = &r.clauses;
        for window in &c.during {
            match window {
                Window::Hours { from, to, zone, .. } => {
                    self.exprs([from, to]);
                    self.boxed(zone.as_deref());
                }
                Window::Between { from, to, .. } => self.exprs([from, to]),
            }
        }
        self.exprs(c.condition.iter().chain(&c.unless).chain(&c.because).chain(&c.by).chain(&c.from));
        self.exprs(c.quorum.iter().chain(&c.within).chain(&c.query));
    }

    fn field(&mut self, f: &'a FieldDecl) {
        self.ty(&f.ty);
        self.exprs(&f.default);
    }

    fn header(&mut self, h: &'a HeaderClause) {
        match &h.kind {
            HeaderKind::Owner(e) | HeaderKind::Tags(e) | HeaderKind::Controls(e) | HeaderKind::Timeout(e) => {
                self.expr(e)
            }
            HeaderKind::Severity(_) | HeaderKind::NoRollback | HeaderKind::Shadow => {}
            HeaderKind::On(on) => self.trigger(on),
            HeaderKind::OnSeveral(c) => self.correlation(c),
            HeaderKind::Every { every, with, .. } => {
                self.expr(every);
                self.args(with);
            }
            HeaderKind::At { cron, zone, with, .. } => {
                self.expr(cron);
                self.exprs(zone);
                self.args(with);
            }
            HeaderKind::Dedupe { by, within } => {
                self.exprs(by);
                self.expr(within);
            }
            HeaderKind::Limit { count, per, by } => {
                self.exprs([count, per]);
                self.exprs(by);
            }
            HeaderKind::Concurrency { count, by, .. } => {
                self.expr(count);
                self.exprs(by);
            }
            HeaderKind::GiveUp { count, within, by } => {
                self.exprs([count, within]);
                self.exprs(by);
            }
            HeaderKind::CancelWhen { on, because } => {
                self.trigger(on);
                self.exprs(because);
            }
        }
    }

    fn trigger(&mut self, on: &'a OnTrigger) {
        self.exprs(on.instance.iter().chain(&on.condition));
        self.args(&on.with);
    }

    fn correlation(&mut self, c: &'a Correlation) {
        let mut heard: Vec<&'a HeardEvent> = Vec::new();
        match &c.kind {
            CorrelationKind::Count { count, event } => {
                self.expr(count);
                heard.push(event);
            }
            CorrelationKind::Pair { first, second, .. } => heard.extend([first, second]),
            CorrelationKind::Group { terms, .. } => {
                for t in terms {
                    self.exprs(&t.count);
                    heard.push(&t.event);
                }
            }
            CorrelationKind::Silence { event } => heard.push(event),
        }
        self.exprs(heard.into_iter().filter_map(|h| h.instance.as_ref()));
        self.exprs(c.condition.iter().chain(&c.by).chain(&c.distinct).chain(&c.within).chain(&c.max_keys));
        self.args(&c.with);
    }

    fn stmt(&mut self, s: &'a Stmt) {
        match &s.kind {
            StmtKind::Let { pattern, ty, value } => {
                self.pattern(pattern);
                ty.iter().for_each(|t| self.ty(t));
                self.expr(value);
            }
            StmtKind::Var { ty, value, .. } => {
                ty.iter().for_each(|t| self.ty(t));
                self.expr(value);
            }
            StmtKind::Assign { target, value, .. } => self.exprs([target, value]),
            StmtKind::Evidence { name, value } => self.exprs([name, value]),
            StmtKind::Log(e) | StmtKind::Expr(e) => self.expr(e),
            StmtKind::AtMost(most) => {
                let AtMost { limit, of, floor, items } = &**most;
                self.expr(limit);
                self.exprs(of.iter().chain(floor));
                self.expr(items);
            }
            StmtKind::Bad => {}
        }
    }

    fn in_expr(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Text(parts) => {
                for p in parts {
                    if let TextPart::Hole(e) = p {
                        self.expr(e);
                    }
                }
            }
            ExprKind::List(items) => {
                for i in items {
                    let (ListItem::Item(e) | ListItem::Spread(e)) = i;
                    self.expr(e);
                }
            }
            ExprKind::Record(entries) => {
                for entry in entries {
                    match entry {
                        RecordEntry::Field { value, .. } | RecordEntry::TextKey { value, .. } => self.expr(value),
                        RecordEntry::Computed { key, value } => self.exprs([key, value]),
                        RecordEntry::Spread(e) => self.expr(e),
                        RecordEntry::Shorthand(_) => {}
                    }
                }
            }
            ExprKind::Unary { operand: e, .. }
            | ExprKind::Do(e)
            | ExprKind::Fail(e)
            | ExprKind::Wait(e)
            | ExprKind::Paren(e)
            | ExprKind::Lambda { body: e, .. }
            | ExprKind::Field { base: e, .. } => self.expr(e),
            ExprKind::Binary { left, right, .. } | ExprKind::Index { base: left, index: right } => {
                self.exprs([&**left, &**right]);
            }
            ExprKind::Is { value, pattern, .. } => {
                self.expr(value);
                self.pattern(pattern);
            }
            ExprKind::Let { pattern, value } => {
                self.pattern(pattern);
                self.expr(value);
            }
            ExprKind::As { value, ty } => {
                self.expr(value);
                self.ty(ty);
            }
            ExprKind::Call { callee, args, modifiers, .. } => {
                self.expr(callee);
                self.args(args);
                self.modifiers(modifiers);
            }
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                self.boxed(otherwise.as_deref());
            }
            ExprKind::Match { value, arms } => {
                self.expr(value);
                arms.iter().for_each(|a| (self.f)(Node::Arm(a)));
            }
            ExprKind::Block(b) => self.block(b),
            ExprKind::Finish { why, .. } => self.boxed(why.as_deref()),
            ExprKind::Return(e) => self.boxed(e.as_deref()),
            _ => self.in_statement(e),
        }
    }

    /// The forms that hold blocks.
    fn in_statement(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Step { name, body } => {
                self.expr(name);
                self.block(body);
            }
            ExprKind::Approve(a) => self.approve(a),
            ExprKind::Waive { reason, by, until, body } => {
                self.expr(reason);
                self.boxed(by.as_deref());
                self.boxed(until.as_deref());
                self.block(body);
            }
            ExprKind::Verify { name, within, every, settle, body } => {
                self.expr(name);
                [within, every, settle].into_iter().for_each(|e| self.boxed(e.as_deref()));
                self.block(body);
            }
            ExprKind::WaitUntil { condition, every, within } => {
                self.expr(condition);
                [every, within].into_iter().for_each(|e| self.boxed(e.as_deref()));
            }
            ExprKind::WaitFor { event, within } => {
                self.awaited(event);
                self.boxed(within.as_deref());
            }
            ExprKind::During { body, handlers } => {
                self.block(body);
                for h in handlers {
                    self.awaited(&h.event);
                    self.block(&h.body);
                }
            }
            ExprKind::RunChild { args, .. } => self.args(args),
            ExprKind::For { pattern, items, body } => {
                self.pattern(pattern);
                self.expr(items);
                self.block(body);
            }
            ExprKind::FanOut(fan) => self.fan_out(fan),
            ExprKind::Together { branches, .. } => {
                for Branch { body, .. } in branches {
                    self.expr(body);
                }
            }
            ExprKind::While { condition, max, body } => {
                self.expr(condition);
                self.boxed(max.as_deref());
                self.block(body);
            }
            ExprKind::Try { body, handler, .. } => {
                self.block(body);
                handler.iter().for_each(|b| self.block(b));
            }
            ExprKind::Trust { because, body, .. } => {
                self.boxed(because.as_deref());
                self.block(body);
            }
            _ => {}
        }
    }

    fn awaited(&mut self, a: &'a Awaited) {
        self.exprs(a.instance.iter().chain(&a.condition));
    }

    fn fan_out(&mut self, fan: &'a FanOut) {
        self.pattern(&fan.pattern);
        self.expr(&fan.items);
        self.exprs(fan.waves.iter().chain(&fan.pausing).chain(&fan.parallel));
        self.block(&fan.body);
        fan.between.iter().for_each(|b| self.block(b));
    }

    fn modifiers(&mut self, m: &'a Modifiers) {
        if let Some(r) = &m.retry {
            self.expr(&r.times);
            [&r.backoff, &r.when, &r.unsafe_reason].into_iter().for_each(|e| self.boxed(e.as_deref()));
        }
        [&m.timeout, &m.key].into_iter().for_each(|e| self.boxed(e.as_deref()));
        m.undo.iter().for_each(|b| self.block(b));
    }

    fn approve(&mut self, a: &'a Approve) {
        self.expr(&a.question);
        self.exprs(a.from.iter().chain(&a.quorum).chain(&a.within));
        for (to, after) in &a.escalate {
            self.exprs(to);
            self.expr(after);
        }
        self.exprs(a.remind.iter().chain(&a.ask).chain(&a.showing));
        self.block(&a.body);
        a.otherwise.iter().for_each(|(_, b)| self.block(b));
    }

    fn arm(&mut self, a: &'a Arm) {
        self.pattern(&a.pattern);
        self.exprs(&a.guard);
        self.expr(&a.body);
    }

    fn in_pattern(&mut self, p: &'a Pattern) {
        match &p.kind {
            PatternKind::Literal(e) => self.expr(e),
            PatternKind::Range { start, end, .. } => self.exprs([&**start, &**end]),
            PatternKind::Variant { args, .. } => args.iter().for_each(|(_, p)| self.pattern(p)),
            PatternKind::Record { fields, .. } => {
                fields.iter().filter_map(|(_, p)| p.as_ref()).for_each(|p| self.pattern(p))
            }
            PatternKind::List { items, .. } | PatternKind::Or(items) => items.iter().for_each(|p| self.pattern(p)),
            PatternKind::As { pattern, .. } => self.pattern(pattern),
            PatternKind::Any | PatternKind::None | PatternKind::Name(_) | PatternKind::Missing => {}
        }
    }

    fn in_type(&mut self, t: &'a Type) {
        match &t.kind {
            TypeKind::Named { args, .. } => args.iter().for_each(|t| self.ty(t)),
            TypeKind::Optional(inner) => self.ty(inner),
            TypeKind::Record(fields) => self.fields(fields),
            TypeKind::Function { params, ret, .. } => {
                params.iter().for_each(|t| self.ty(t));
                self.ty(ret);
            }
            TypeKind::Missing => {}
        }
    }

    fn test(&mut self, t: &'a Test) {
        self.expr(&t.name);
        t.stmts.iter().for_each(|s| (self.f)(Node::TestStmt(s)));
    }

    fn test_stmt(&mut self, s: &'a TestStmt) {
        match &s.kind {
            TestStmtKind::Given { call, answers } => {
                self.test_call(call);
                answers.iter().for_each(|a| self.answer(a));
            }
            TestStmtKind::GivenGroup { group, people } => self.exprs([group, people]),
            TestStmtKind::GivenSettings { instance, values, .. } => {
                self.exprs(instance);
                self.expr(values);
            }
            TestStmtKind::GivenNow(e) | TestStmtKind::Advance(e) => self.expr(e),
            TestStmtKind::When { instance, payload, .. } => self.exprs(instance.iter().chain(payload)),
            TestStmtKind::Deliver { path, file, body, .. } => {
                self.expr(path);
                self.exprs(file.iter().chain(body));
            }
            TestStmtKind::Run { args, by, .. } => {
                self.args(args);
                self.exprs(by);
            }
            TestStmtKind::Approve { by, comment: more } | TestStmtKind::Deny { by, because: more } => {
                self.exprs(by.iter().chain(more));
            }
            TestStmtKind::Cancel { because, .. } => self.exprs(because),
            TestStmtKind::Resolve { result, .. } => result.iter().for_each(|a| self.answer(a)),
            TestStmtKind::Expect(expected) => self.expected(expected),
            TestStmtKind::Crash | TestStmtKind::Bad => {}
        }
    }

    fn test_call(&mut self, c: &'a TestCall) {
        self.exprs(&c.instance);
        self.test_args(c.args.iter().flatten());
    }

    fn test_args(&mut self, args: impl IntoIterator<Item = &'a TestArg>) {
        for a in args {
            match &a.value {
                TestValue::Pattern(p) => self.pattern(p),
                TestValue::Expr(e) => self.expr(e),
            }
        }
    }

    fn answer(&mut self, a: &'a TestAnswer) {
        match &a.kind {
            TestAnswerKind::Returns(values) => self.exprs(values),
            TestAnswerKind::Fails { times, message, .. } => {
                self.times(times.as_ref());
                self.exprs(message);
            }
        }
        self.exprs(&a.after);
    }

    fn times(&mut self, times: Option<&'a TestTimes>) {
        if let Some(TestTimes::Times(e) | TestTimes::AtLeast(e) | TestTimes::AtMost(e)) = times {
            self.expr(e);
        }
    }

    fn expected(&mut self, e: &'a Expected) {
        match e {
            Expected::Called { call, times, with, .. } => {
                self.test_call(call);
                self.times(times.as_ref());
                self.test_args(with);
            }
            Expected::Before { first, second, with } => {
                self.test_call(first);
                self.test_call(second);
                self.test_args(with);
            }
            Expected::Evidence { name, test, .. } => {
                self.expr(name);
                match test {
                    Some(EvidenceTest::Is(p)) => self.pattern(p),
                    Some(EvidenceTest::Compare { value, .. }) => self.expr(value),
                    None => {}
                }
            }
            Expected::Seen { text, .. } => self.exprs(text),
        }
    }
}
