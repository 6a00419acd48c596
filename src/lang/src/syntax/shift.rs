//! Moving what was read to another place of its file: every span in it, by the same number of bytes.

use std::sync::Arc;

use smol_str::SmolStr;

use super::ast::*;
use crate::{
    diag::{Diagnostic, Fix, Label},
    span::Span,
};

/// Something with places in it.
pub(super) trait Shift {
    /// Moves every place by `by` bytes.
    fn shift(&mut self, by: i64);
}

fn moved(at: u32, by: i64) -> u32 {
    u32::try_from(i64::from(at) + by).unwrap_or(0)
}

impl Shift for Span {
    fn shift(&mut self, by: i64) {
        (self.start, self.end) = (moved(self.start, by), moved(self.end, by));
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|x| x.shift(by));
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|x| x.shift(by));
    }
}

impl<T: Shift> Shift for Box<T> {
    fn shift(&mut self, by: i64) {
        (**self).shift(by);
    }
}

impl<T: Shift + Clone> Shift for Arc<T> {
    fn shift(&mut self, by: i64) {
        Arc::make_mut(self).shift(by);
    }
}

impl<A: Shift, B: Shift> Shift for (A, B) {
    fn shift(&mut self, by: i64) {
        self.0.shift(by);
        self.1.shift(by);
    }
}

/// Types without places.
macro_rules! unmoved {
    ($($name:ty),* $(,)?) => { $(impl Shift for $name { fn shift(&mut self, _: i64) {} })* };
}

unmoved!(
    SmolStr,
    String,
    bool,
    i64,
    f64,
    Effect,
    Tag,
    UnaryOp,
    BinaryOp,
    AssignOp,
    Joint,
    Missed,
    ConcurrencyMode,
    Seen
);

/// Structures with their fields, and enums with their variants.
macro_rules! shifts {
    ($(struct $name:ident { $($field:ident),* $(,)? })*) => {
        $(impl Shift for $name {
            fn shift(&mut self, by: i64) {
                let Self { $($field),* } = self;
                $($field.shift(by);)*
            }
        })*
    };
    ($(enum $name:ident { $($variant:ident $(($($part:ident),*))? $({ $($field:ident),* })?),* $(,)? })*) => {
        $(impl Shift for $name {
            #[allow(unused_variables, reason = "an enum may have no variant with places")]
            fn shift(&mut self, by: i64) {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($field),* })? => {
                        $($($part.shift(by);)*)?
                        $($($field.shift(by);)*)?
                    })*
                }
            }
        })*
    };
}

shifts! {
    struct Ident { name, span }
    struct Path { parts, span }
    struct Comment { text, span }
    struct Item { docs, kind, span }
    struct Use { path, alias, names }
    struct Const { name, ty, value }
    struct Settings { fields }
    struct FieldDecl { docs, name, ty, default, span }
    struct TypeDecl { name, generics, ty }
    struct EnumDecl { name, variants }
    struct Variant { docs, name, payload, span }
    struct FnDecl { name, generics, params, ret, body }
    struct ActionDecl { name, generics, params, ret, effect, class, target, on_busy_fail, undo, body, native }
    struct Connector { name, items }
    struct Event { name, ty, source, verify, origins, answer, each, id, at, emit, acknowledge }
    struct Policy { name, rules }
    struct PolicyRule { kind, clauses, span }
    struct RuleClauses { during, condition, unless, because, by, from, quorum, requester, require_comment, within, query }
    struct Runbook { name, params, header, body, on_failure, finally }
    struct HeaderClause { kind, span }
    struct OnTrigger { event, instance, binder, condition, with }
    struct Correlation { kind, condition, by, distinct, within, max_keys, with, span }
    struct Term { count, event }
    struct HeardEvent { event, instance, binder }
    struct NamedArg { name, value }
    struct Type { kind, span }
    struct Block { stmts, span }
    struct Stmt { kind, span }
    struct AtMost { limit, of, floor, items }
    struct Expr { kind, span }
    struct Awaited { event, instance, binder, condition, span }
    struct DuringHandler { event, body, span }
    struct Arm { pattern, guard, body, span }
    struct Pattern { kind, span }
    struct FanOut { pattern, items, waves, pausing, parallel, collect, body, between }
    struct Branch { name, body, span }
    struct Modifiers { retry, timeout, key, undo, repeated }
    struct Retry { times, backoff, when, unsafe_reason, span }
    struct Approve {
        question, from, quorum, requester, within, escalate, remind, ask, showing, require_comment, body, otherwise,
    }
    struct Test { name, stmts }
    struct TestStmt { kind, span }
    struct TestCall { action, instance, args, span }
    struct TestArg { name, value, span }
    struct TestAnswer { kind, after, span }
}

shifts! {
    enum ItemKind {
        Use(a), Const(a), Settings(a), Type(a), Enum(a), Fn(a), Action(a), Runbook(a), Connector(a), Event(a), Policy(a), Test(a), Bad,
    }
    enum RepeatClass { Idempotent, Keyed(a), Probe(a), Once }
    enum EventSource { Webhook { path, span }, Poll { every, body, span }, Feed { stream, call, span } }
    enum Verification { None { because, span }, Scheme(a) }
    enum PolicyRuleKind {
        Applies(a), Forbid(a), ForbidWaive, Require(a), Limit { effect, count, per }, Delegate { engine, file },
    }
    enum Window { Hours { kind, from, to, zone, span }, Between { from, to, span } }
    enum HeaderKind {
        Owner(a), Severity(a), Tags(a), Controls(a), On(a), OnSeveral(a), Every { every, missed, with },
        At { cron, zone, missed, with }, Dedupe { by, within }, Limit { count, per, by }, Concurrency { count, by, mode },
        Timeout(a), GiveUp { count, within, by }, CancelWhen { on, because }, NoRollback, Shadow,
    }
    enum CorrelationKind {
        Count { count, event }, Pair { first, joint, second }, Group { joint, terms }, Silence { event },
    }
    enum TypeKind { Named { path, args }, Optional(a), Record(a), Function { params, ret, effect }, Missing }
    enum StmtKind {
        Let { pattern, ty, value }, Var { name, ty, value }, Assign { target, op, value }, Evidence { name, value }, Log(a),
        AtMost(a), Expr(a), Bad,
    }
    enum TextPart { Chars(a), Hole(a) }
    enum ExprKind {
        Bool(a), Int(a), Float { value, percent }, Duration(a), Size(a), Text(a), Tagged { tag, text, content }, None, Name(a),
        List(a), Record(a), Unary { op, operand }, Binary { op, op_span, left, right }, Is { value, negated, pattern },
        Let { pattern, value }, As { value, ty }, Field { base, name, optional }, Index { base, index },
        Call { callee, args, args_span, modifiers }, Lambda { params, body }, If { condition, then, otherwise },
        Match { value, arms }, Block(a), Do(a), Fail(a), Finish { outcome, why }, Return(a), Break, Continue, Skip, Rollback,
        Step { name, body }, Approve(a), Waive { reason, by, until, body }, Verify { name, within, every, settle, body }, Wait(a),
        WaitUntil { condition, every, within }, WaitFor { event, within }, During { body, handlers }, Restart,
        RunChild { awaited, runbook, args, args_span }, For { pattern, items, body }, FanOut(a), Together { race, branches },
        While { condition, max, body }, Try { body, binder, handler }, Trust { effect, because, body }, Paren(a), Missing,
    }
    enum ListItem { Item(a), Spread(a) }
    enum RecordEntry {
        Field { name, value }, Shorthand(a), TextKey { key, key_span, value }, Computed { key, value }, Spread(a),
    }
    enum PatternKind {
        Any, None, Literal(a), Range { start, end, inclusive }, Name(a), Variant { path, args, rest }, Record { fields, rest },
        List { items, rest }, Or(a), As { pattern, name }, Missing,
    }
    enum TestStmtKind {
        Given { call, answers }, GivenGroup { group, people }, GivenSettings { of, instance, values }, GivenNow(a),
        When { event, instance, payload }, Deliver { path, file, body, signed }, Run { runbook, args, args_span, by },
        Approve { by, comment }, Deny { by, because }, Advance(a), Crash, Cancel { runbook, because }, Resolve { how, result },
        Expect(a), Bad,
    }
    enum TestValue { Pattern(a), Expr(a) }
    enum TestAnswerKind { Returns(a), Fails { times, kind, message } }
    enum TestTimes { Once, Twice, Times(a), AtLeast(a), AtMost(a) }
    enum Expected {
        Called { call, not, times, with }, Before { first, second, with }, Evidence { absent, name, test },
        Seen { absent, what, what_span, word, text, of },
    }
    enum EvidenceTest { Is(a), Compare { op, op_span, value } }
}

impl Shift for Module {
    fn shift(&mut self, by: i64) {
        self.items.shift(by);
        self.comments.shift(by);
        self.blank_lines.iter_mut().for_each(|at| *at = moved(*at, by));
    }
}

impl Shift for Label {
    fn shift(&mut self, by: i64) {
        self.span.shift(by);
    }
}

impl Shift for Fix {
    fn shift(&mut self, by: i64) {
        self.edits.shift(by);
    }
}

impl Shift for Diagnostic {
    fn shift(&mut self, by: i64) {
        self.labels.shift(by);
        self.fixes.shift(by);
    }
}
