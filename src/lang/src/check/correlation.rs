//! Triggers that look at several events: how many, which two, or that one stays away.

use smol_str::SmolStr;

use super::cx::{Checker, RunbookInfo};
use super::expr::Want;
use super::never::Facts;
use super::scope::{Made, bad};
use super::trigger::{Heard, Place, parts};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, Conjunct, ExprKind, Join, LocalId, Part, Shape, visit};
use crate::ids::{EventId, FnId};
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, CorrelationKind, HeardEvent, Joint};
use crate::types::{Effect, Type};
use crate::value::Value;

/// Keys of a window unless it says otherwise.
const MAX_KEYS: u32 = 10_000;

/// The most that `max keys` may say.
const MOST_KEYS: i64 = 1_000_000;

/// The most that `on N of` may say.
const MOST_EVENTS: i64 = 1_000;

/// The longest window.
const LONGEST_MS: i64 = 30 * 24 * 3_600_000;

/// Two events, what their parts are made of.
struct Two<'a> {
    heard: [Heard<'a>; 2],
    first: Vec<Conjunct>,
    second: Vec<Conjunct>,
    both: Vec<Conjunct>,
    joins: Vec<Join>,
}

impl Checker {
    /// `on 3 of …`, `on A … and B …`, `on silence of …`
    pub(super) fn correlation(&mut self, on: &ast::Correlation, info: &RunbookInfo) -> Option<hir::Correlation> {
        let within_ms = self.length(on);
        let max_keys = match &on.max_keys {
            Some(e) => self.constant_count(e, "`max keys`", 1, MOST_KEYS).unwrap_or(MAX_KEYS),
            None => MAX_KEYS,
        };
        let (shape, with) = match &on.kind {
            CorrelationKind::Count { count, event } => self.count(on, count, event, info),
            CorrelationKind::Pair { first, joint, second } => self.pair(on, first, *joint, second, info),
            CorrelationKind::Group { joint, terms } => self.group(on, *joint, terms, info),
            CorrelationKind::Silence { event } => self.silence(on, event, info),
        };
        let text = self.correlation_text(on);
        Some(hir::Correlation { text, shape: shape?, within_ms: within_ms?, max_keys, with })
    }

    /// The trigger as written, without its `with`, with one space between words.
    pub(super) fn correlation_text(&self, on: &ast::Correlation) -> SmolStr {
        let text = |e: &ast::Expr| self.sources.text(e.span).split_whitespace().collect::<Vec<_>>().join(" ");
        let heard = |h: &HeardEvent| {
            let path: Vec<&str> = h.event.parts.iter().map(|p| p.name.as_str()).collect();
            let instance = h.instance.as_ref().map(|i| format!("[{}]", text(i))).unwrap_or_default();
            let binder = h.binder.as_ref().map(|b| format!(" as {}", b.name)).unwrap_or_default();
            format!("{}{instance}{binder}", path.join("."))
        };
        let mut all = match &on.kind {
            CorrelationKind::Count { count, event } => format!("{} of {}", text(count), heard(event)),
            CorrelationKind::Pair { first, joint, second } => {
                format!("{} {} {}", heard(first), joint.word(), heard(second))
            }
            CorrelationKind::Group { joint, terms } => {
                let count = |t: &ast::Term| t.count.as_ref().map(|c| format!("{} of ", text(c))).unwrap_or_default();
                let terms: Vec<String> = terms.iter().map(|t| format!("{}{}", count(t), heard(&t.event))).collect();
                terms.join(&format!(" {} ", joint.word()))
            }
            CorrelationKind::Silence { event } => format!("silence of {}", heard(event)),
        };
        let length = if matches!(on.kind, CorrelationKind::Silence { .. }) { "for" } else { "within" };
        let clauses = [
            ("where", &on.condition),
            ("by", &on.by),
            ("distinct", &on.distinct),
            (length, &on.within),
            ("max keys", &on.max_keys),
        ];
        for (word, part) in clauses {
            if let Some(part) = part {
                all.push_str(&format!(" {word} {}", text(part)));
            }
        }
        all.into()
    }

    fn length(&mut self, on: &ast::Correlation) -> Option<i64> {
        let (word, what, example) = match &on.kind {
            CorrelationKind::Silence { .. } => ("for", "how long nothing must come", "for 10m"),
            _ => ("within", "how far apart its events may be", "within 10m"),
        };
        let Some(e) = &on.within else {
            let d = Diagnostic::error(
                codes::TRIGGER_WINDOW,
                format!("the trigger does not say {what}"),
                on.span,
                format!("no `{word}`"),
            )
            .help(format!("add `{example}`"));
            self.report(d);
            return None;
        };
        let Value::Duration(ms) = self.constant(e, &ty::duration(), &format!("`{word}`"))? else { return None };
        if !(1_000..=LONGEST_MS).contains(&ms) {
            let (label, help) = match ms < 1_000 {
                true => ("too short", "write `1s` or more: two events are rarely that near, and clocks differ"),
                false => (
                    "too long",
                    "events are kept for that time; what takes months is better asked of a system of record",
                ),
            };
            let message = format!("`{word}` is from 1s to 30d");
            let d = Diagnostic::error(codes::CONST_RANGE, message, e.span, label).help(help);
            self.report(d);
            return None;
        }
        Some(ms)
    }

    pub(super) fn part(&mut self, event: &HeardEvent) -> (Option<EventId>, Option<SmolStr>) {
        let id = self.event_of(&event.event);
        (id, event.instance.as_ref().and_then(|i| self.constant_text(i, "the instance")))
    }

    fn count(
        &mut self,
        on: &ast::Correlation,
        count: &ast::Expr,
        event: &HeardEvent,
        info: &RunbookInfo,
    ) -> (Option<Shape>, FnId) {
        let (id, instance) = self.part(event);
        let count = self.several(count);
        let heard = [self.heard(id, event.binder.as_ref())];
        let condition = self.conjuncts(on.condition.as_ref(), &heard);
        let key = on.by.as_ref().map(|k| self.window_key(k, &heard, "by"));
        let distinct = on.distinct.as_ref().map(|v| self.window_key(v, &heard, "distinct"));
        let name = ast::Ident { name: "events".into(), span: event.event.span };
        let [one] = heard;
        let list = [Heard { binder: Some(&name), seen: ty::list(one.seen), emitted: ty::list(one.emitted) }];
        let absent = event.binder.as_ref().filter(|b| b.name != "events");
        let (with, used) = self.with_but(&on.with, &list, absent, Place { info, span: on.span });
        if let Some(binder) = absent.filter(|_| used) {
            self.one_in_with(on, binder);
        }
        let part = id.map(|event| Part { event, instance, condition });
        (part.zip(count).map(|(part, count)| Shape::Count { count, part, key, distinct }), with)
    }

    /// How many events: more than one, for one needs no window.
    pub(super) fn several(&mut self, count: &ast::Expr) -> Option<u32> {
        let count_of = self.constant_count(count, "`on N of`", 1, MOST_EVENTS)?;
        if count_of == 1 {
            let d = Diagnostic::error(codes::TRIGGER_WINDOW, "`1 of` waits for nothing", count.span, "one event")
                .help("write `on EVENT as e` for every event, or a number from 2");
            self.report(d);
            return None;
        }
        Some(count_of)
    }

    /// `with` has the list, not the one event that `where` and `by` speak of.
    fn one_in_with(&mut self, on: &ast::Correlation, binder: &ast::Ident) {
        let name = &binder.name;
        let d = Diagnostic::error(
            codes::TRIGGER_WINDOW,
            format!("`{name}` is one event, and `with` is about all of them"),
            self.mentioned(on, binder),
            format!("`{name}` is not known here"),
        )
        .label(binder.span, "one event, for `where` and `by`")
        .help("`with` has `events`, the list")
        .help(format!("write `events[0]…` for what all of them share, or `events.map({name} => …)`"));
        self.report(d);
    }

    /// The value in `with` that names an event.
    fn mentioned(&self, on: &ast::Correlation, binder: &ast::Ident) -> Span {
        let named = |a: &&ast::NamedArg| mentions(self.sources.text(a.value.span), &binder.name);
        on.with.iter().find(named).map_or(on.span, |a| a.value.span)
    }

    fn silence(&mut self, on: &ast::Correlation, event: &HeardEvent, info: &RunbookInfo) -> (Option<Shape>, FnId) {
        let (id, instance) = self.part(event);
        let heard = [self.heard(id, event.binder.as_ref())];
        let condition = self.conjuncts(on.condition.as_ref(), &heard);
        let key = on.by.as_ref().map(|k| self.window_key(k, &heard, "by"));
        let with = self.with(&on.with, &heard, Place { info, span: on.span });
        (id.map(|event| Shape::Silence { part: Part { event, instance, condition }, key }), with)
    }

    fn pair(
        &mut self,
        on: &ast::Correlation,
        first: &HeardEvent,
        joint: Joint,
        second: &HeardEvent,
        info: &RunbookInfo,
    ) -> (Option<Shape>, FnId) {
        let (a, instance_a) = self.part(first);
        let (b, instance_b) = self.part(second);
        self.two_names(first, second);
        let heard = [self.heard(a, first.binder.as_ref()), self.heard(b, second.binder.as_ref())];
        let mut two = Two { heard, first: Vec::new(), second: Vec::new(), both: Vec::new(), joins: Vec::new() };
        self.split_condition(on, &mut two);
        let Two { heard, first, second, both, joins } = two;
        let with = match joint {
            Joint::Without | Joint::WithoutEarlier | Joint::WithoutAny => {
                let [one, other] = heard;
                let (with, used) = self.with_but(&on.with, &[one], other.binder, Place { info, span: on.span });
                if let Some(binder) = other.binder.filter(|_| used) {
                    self.second_in_with(on, binder);
                }
                with
            }
            Joint::And | Joint::Then => self.with(&on.with, &heard, Place { info, span: on.span }),
        };
        let shape = a.zip(b).map(|(a, b)| Shape::Pair {
            joint,
            first: Part { event: a, instance: instance_a, condition: first },
            second: Part { event: b, instance: instance_b, condition: second },
            joins,
            both,
        });
        (shape, with)
    }

    pub(super) fn two_names(&mut self, first: &HeardEvent, second: &HeardEvent) {
        let (Some(a), Some(b)) = (&first.binder, &second.binder) else { return };
        if a.name == b.name {
            let d = Diagnostic::error(
                codes::NAME_DUPLICATE,
                format!("both events are called `{}`", a.name),
                b.span,
                "the second one",
            )
            .label(a.span, "the first one")
            .help("give each its own name");
            self.report(d);
        }
    }

    /// `with` of `without` has the first event: the second did not come.
    fn second_in_with(&mut self, on: &ast::Correlation, binder: &ast::Ident) {
        let d = Diagnostic::error(
            codes::TRIGGER_WINDOW,
            format!("`{}` did not come when this fires", binder.name),
            self.mentioned(on, binder),
            "nothing to take it from",
        )
        .label(binder.span, "the event that stays away")
        .help("take the parameters from the first event");
        self.report(d);
    }

    /// What is said of the first event alone, of the second alone, and of both.
    fn split_condition(&mut self, on: &ast::Correlation, two: &mut Two<'_>) {
        let Some(condition) = &on.condition else { return };
        let (mut of_first, mut of_second, mut of_both) = (Facts::default(), Facts::default(), Facts::default());
        for e in parts(condition) {
            let [first, second] = &two.heard;
            match self.about(e, &two.heard)[..] {
                [true, true] => {
                    let joins = self.equality(e, &two.heard);
                    two.joins.extend(joins);
                    let both = self.conjunct(e, &two.heard, &mut of_both);
                    two.both.push(both);
                }
                [false, true] => {
                    let second = self.conjunct(e, std::slice::from_ref(second), &mut of_second);
                    two.second.push(second);
                }
                _ => {
                    let first = self.conjunct(e, std::slice::from_ref(first), &mut of_first);
                    two.first.push(first);
                }
            }
        }
        self.never(&of_first);
        self.never(&of_second);
    }

    /// Which of these events an expression speaks of; all of them when it cannot be read.
    pub(super) fn about(&mut self, e: &ast::Expr, heard: &[Heard<'_>]) -> Vec<bool> {
        let found = self.quietly(|c| {
            c.begin_condition(heard, "a condition is pure", e.span);
            let got = c.condition(e);
            let used = used(&got, heard.len());
            c.close_frame(Made::plain("where", heard.len(), ty::boolean(), e.span), got);
            used
        });
        found.unwrap_or_else(|| vec![true; heard.len()])
    }

    /// `a.x == b.y`: each side as a function of its own event, to find the other event by.
    pub(super) fn equality(&mut self, e: &ast::Expr, heard: &[Heard<'_>; 2]) -> Option<Join> {
        let mut e = e;
        while let ast::ExprKind::Paren(inner) = &e.kind {
            e = inner;
        }
        let ast::ExprKind::Binary { op: BinaryOp::Eq, left, right, .. } = &e.kind else { return None };
        let [a, b] = heard;
        let sides = [self.about_value(left, heard)?, self.about_value(right, heard)?];
        let (first, second) = match [&sides[0][..], &sides[1][..]] {
            [[true, false], [false, true]] => (left, right),
            [[false, true], [true, false]] => (right, left),
            _ => return None,
        };
        let first = self.side(first, a)?;
        let second = self.side(second, b)?;
        Some(Join { first, second, text: self.sources.text(e.span).into() })
    }

    fn about_value(&mut self, e: &ast::Expr, heard: &[Heard<'_>]) -> Option<Vec<bool>> {
        self.quietly(|c| {
            c.begin_condition(heard, "a condition is pure", e.span);
            let got = c.expr(e, &Want::Any);
            let used = used(&got, heard.len());
            let t = got.ty.clone();
            c.close_frame(Made::plain("where", heard.len(), t, e.span), got);
            used
        })
    }

    fn side(&mut self, e: &ast::Expr, heard: &Heard<'_>) -> Option<FnId> {
        self.quietly(|c| {
            c.begin_condition(std::slice::from_ref(heard), "a condition is pure", e.span);
            let got = c.expr(e, &Want::Any);
            let t = got.ty.clone();
            let plain = c.unjsonable(&t).is_none() && !matches!(*t, Type::Nothing | Type::Never | Type::Error);
            let id = c.close_frame(Made::plain("join", 1, t, e.span), got).function;
            plain.then_some(id)
        })
        .flatten()
    }

    /// `by K`, `distinct V`: any plain value made of the event and settings.
    fn window_key(&mut self, e: &ast::Expr, heard: &[Heard<'_>], clause: &'static str) -> FnId {
        self.begin_condition(heard, "the key of a window is pure", e.span);
        self.limit_to(Effect::Pure, "the key of a window is pure", e.span);
        let before = self.diags.len();
        let mut got = self.key_value(e);
        if let Some(part) = self.unjsonable(&got.ty) {
            let code = if matches!(*part, Type::Secret) { codes::TYPE_SECRET } else { codes::TRIGGER_WINDOW };
            let part = self.show(&part);
            let help = "a key is a plain value, or a list of some: `by [e.cluster, e.node]`";
            self.error(code, e.span, format!("a key cannot hold a `{part}`"), "", help);
            got = bad(e.span);
        } else if self.diags.len() == before && self.fold(&got).is_some() {
            let (message, help) = match clause {
                "by" => (
                    "the key is always the same",
                    "every event has it: leave `by` out, or name a part of the event: `by e.node`",
                ),
                _ => (
                    "the value is always the same",
                    "no two events differ in it: name a part of the event: `distinct e.user`",
                ),
            };
            self.error(codes::TRIGGER_WINDOW, e.span, message, "a constant", help);
        }
        let t = got.ty.clone();
        self.close_frame(Made::plain(clause, heard.len(), t, e.span), got).function
    }
}

/// Which of the first `count` variables of its function an expression uses.
fn used(e: &hir::Expr, count: usize) -> Vec<bool> {
    (0..count).map(|n| u32::try_from(n).is_ok_and(|n| uses(e, LocalId(n)))).collect()
}

/// Whether an expression uses a variable of its function, also in a lambda.
fn uses(e: &hir::Expr, id: LocalId) -> bool {
    let mut found = false;
    visit::walk(e, &mut |e, _, _| match &e.kind {
        ExprKind::Local(used) => found |= *used == id,
        ExprKind::Closure { captures, .. } => found |= captures.contains(&id),
        _ => {}
    });
    found
}

/// Whether a word stands in a text as a name of its own.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(|c| part(c) || c == '.') && !after.is_some_and(|c| part(c) || c == ':')
    })
}
