//! Declarations and the clauses of runbooks.

use super::{
    ANY, OPERAND, OPERATION, Place, Printer,
    clauses::{Behind, Clauses},
    exprs::arg_start,
};
use crate::syntax::ast::*;

impl Printer {
    /// Declarations; those that are always long stand apart.
    pub(super) fn items(&mut self, items: &[Item]) {
        let mut before_is_long = false;
        for (i, item) in items.iter().filter(|i| i.kind != ItemKind::Bad).enumerate() {
            let start = self.docs_start(item.span.start);
            self.comments_apart(start, i > 0 && (before_is_long || is_long(item)));
            self.item(item);
            before_is_long = is_long(item);
        }
    }

    /// The comments before a declaration, with an empty line before them when the declaration stands apart.
    fn comments_apart(&mut self, at: u32, apart: bool) {
        let mut own_lines = false;
        while self.has_comment(at) {
            let trailing = self.next_trails();
            if apart && !trailing && !own_lines {
                self.pending = super::Pending::Blank;
            }
            own_lines |= !trailing;
            self.comment();
        }
        self.before(at);
        if apart && !own_lines {
            self.pending = super::Pending::Blank;
        }
    }

    fn item(&mut self, item: &Item) {
        self.docs(&item.docs);
        let close = item.span.end.saturating_sub(1);
        match &item.kind {
            ItemKind::Use(u) => self.use_item(u),
            ItemKind::Const(c) => {
                self.push("let ");
                self.push(&c.name.name);
                if let Some(ty) = &c.ty {
                    self.push(": ");
                    self.ty(ty);
                }
                self.word_expr(" = ", Some(&c.value), ANY);
            }
            ItemKind::Settings(s) => {
                self.push("settings ");
                self.braces((self.opening(item.span.start), close), s.fields.is_empty(), |p| {
                    s.fields.iter().for_each(|f| p.setting(f))
                });
            }
            ItemKind::Type(t) => {
                self.named_head("type ", &t.name, &t.generics);
                self.push(" = ");
                self.ty(&t.ty);
            }
            ItemKind::Enum(e) => {
                self.named_head("enum ", &e.name, &[]);
                let open = self.opening(e.name.span.end);
                let broken = !self.has_source() || e.variants.iter().any(|v| !v.docs.is_empty());
                let starts = |p: &Self, v: &Variant| p.docs_start(v.span.start);
                let place = Place { open, close, braces: true, broken };
                self.bracketed((" {", "}"), place, &e.variants, starts, Self::variant);
            }
            ItemKind::Fn(f) => {
                self.named_head("fn ", &f.name, &f.generics);
                self.params(&f.params);
                self.returns(f.ret.as_ref());
                self.push(" ");
                self.block(&f.body);
            }
            ItemKind::Action(a) => self.action(a),
            ItemKind::Runbook(r) => self.runbook(r, close),
            ItemKind::Connector(c) => {
                self.named_head("connector ", &c.name, &[]);
                self.push(" ");
                self.braces((self.opening(c.name.span.end), close), c.items.is_empty(), |p| p.items(&c.items));
            }
            ItemKind::Event(e) => self.event(e, close),
            ItemKind::Policy(p) => self.policy(p, close),
            ItemKind::Test(t) => self.test(t, close),
            ItemKind::Bad => {}
        }
        self.end_line();
    }

    fn use_item(&mut self, u: &Use) {
        self.comments_above(u.path.span.end);
        self.push("use ");
        self.path(&u.path);
        if let Some(alias) = &u.alias {
            self.push(" as ");
            self.push(&alias.name);
        }
        if let Some(names) = &u.names {
            self.comments(self.opening(u.path.span.end));
            self.push(".{");
            let close = names.last().map_or(0, |n| self.closing(n.span.end));
            if self.has_comment(close) {
                let place = Place { open: u.path.span.end, close, braces: false, broken: true };
                self.bracketed(("", ""), place, names, |_, n| n.span.start, |p, n| p.push(&n.name));
            } else {
                self.list(names, |p, n| p.push(&n.name));
            }
            self.push("}");
        }
    }

    fn named_head(&mut self, words: &str, name: &Ident, generics: &[Ident]) {
        self.push(words);
        self.push(&name.name);
        if !generics.is_empty() {
            self.push("<");
            self.list(generics, |p, g| p.push(&g.name));
            self.push(">");
        }
    }

    fn setting(&mut self, field: &FieldDecl) {
        let start = self.docs_start(field.span.start);
        self.before(start);
        self.field(field);
        self.end_line();
    }

    fn variant(&mut self, v: &Variant) {
        self.docs(&v.docs);
        self.push(&v.name.name);
        if !v.payload.is_empty() {
            self.params(&v.payload);
        }
    }

    fn params(&mut self, params: &[FieldDecl]) {
        let broken = params.iter().any(|p| !p.docs.is_empty());
        let starts = |p: &Self, f: &FieldDecl| p.docs_start(f.span.start);
        let close = params.last().map_or(0, |l| self.closing(l.span.end));
        let place = Place { open: 0, close, braces: false, broken };
        self.bracketed(("(", ")"), place, params, starts, Self::field);
    }

    fn returns(&mut self, ret: Option<&Type>) {
        if let Some(ty) = ret {
            self.push(" -> ");
            // `(A) => B reads` would take the action's own effect.
            let function = matches!(ty.kind, TypeKind::Function { .. });
            self.push(if function { "(" } else { "" });
            self.ty(ty);
            self.push(if function { ")" } else { "" });
        }
    }

    fn action(&mut self, a: &ActionDecl) {
        let blocks = a.undo.is_some() || matches!(a.class, Some((RepeatClass::Probe(_), _)));
        self.push(if a.native { "native " } else { "" });
        self.named_head("action ", &a.name, &a.generics);
        self.params(&a.params);
        let close = a.params.last().map_or(a.name.span.end, |l| self.closing(l.span.end) + 1);
        let head = a.ret.as_ref().map_or(close, |ret| ret.span.end);
        self.group_broken(blocks, |p| {
            p.returns(a.ret.as_ref());
            p.indented(|p| p.action_clauses(a, head));
            if let Some(body) = &a.body {
                p.comments(body.span.start);
                p.space();
                p.block(body);
            }
        });
    }

    fn event(&mut self, e: &Event, close: u32) {
        self.push("event ");
        self.push(&e.name.name);
        self.push(": ");
        self.ty(&e.ty);
        self.push(" from ");
        match &e.source {
            EventSource::Webhook { path, .. } => self.word_expr("webhook ", Some(path), OPERAND),
            EventSource::Poll { every, body, .. } => {
                self.word_expr("poll every ", Some(every), OPERAND);
                self.push(" ");
                self.block(body);
            }
            EventSource::Feed { stream, call, .. } => {
                self.word_expr(if *stream { "stream " } else { "" }, Some(call), OPERAND);
            }
        }
        self.push(" ");
        let head = match &e.source {
            EventSource::Webhook { path, .. } => path.span.end,
            EventSource::Poll { body, .. } => body.span.end,
            EventSource::Feed { call, .. } => call.span.end,
        };
        self.braces((self.opening(head), close), false, |p| p.event_clauses(e));
    }

    fn runbook(&mut self, r: &Runbook, close: u32) {
        self.named_head("runbook ", &r.name, &[]);
        self.params(&r.params);
        self.push(" ");
        let empty = r.header.is_empty() && r.body.is_empty() && r.on_failure.is_none() && r.finally.is_none();
        let open = self.opening(r.params.last().map_or(r.name.span.end, |l| self.closing(l.span.end)));
        self.braces((open, close), empty, |p| {
            for clause in &r.header {
                p.before(clause.span.start);
                p.header(&clause.kind);
                p.end_line();
            }
            let (early, late) = parts(r);
            p.stmts(early);
            p.handlers(r, open);
            p.stmts(late);
        });
    }

    fn handlers(&mut self, r: &Runbook, open: u32) {
        let failure_first = match (&r.on_failure, &r.finally) {
            (Some((_, failure)), Some(finally)) => failure.span.start <= finally.span.start,
            _ => true,
        };
        if !failure_first {
            self.finally(r, open);
        }
        if let Some((binder, block)) = &r.on_failure {
            self.before_handler(r, open, block);
            self.push("on failure ");
            if let Some(binder) = binder {
                self.push(&format!("as {} ", binder.name));
            }
            self.block(block);
            self.end_line();
        }
        if failure_first {
            self.finally(r, open);
        }
    }

    fn finally(&mut self, r: &Runbook, open: u32) {
        if let Some(block) = &r.finally {
            self.before_handler(r, open, block);
            self.push("finally ");
            self.block(block);
            self.end_line();
        }
    }

    /// The handler's words come behind whatever ends before its brace.
    fn before_handler(&mut self, r: &Runbook, open: u32, block: &Block) {
        let clauses = r.header.iter().map(|c| c.span.end);
        let handlers = r.on_failure.iter().map(|(_, b)| b).chain(&r.finally).map(|b| b.span.end);
        let ends = clauses.chain(r.body.iter().map(|s| s.span.end)).chain(handlers);
        let before = ends.filter(|end| *end <= block.span.start).max().unwrap_or(open.saturating_add(1));
        let words = self.closing(before);
        self.before(words);
    }

    fn header(&mut self, kind: &HeaderKind) {
        self.group(|p| p.indented(|p| p.header_inside(kind)));
    }

    fn header_inside(&mut self, kind: &HeaderKind) {
        match kind {
            HeaderKind::Owner(e) => self.word_expr("owner ", Some(e), OPERAND),
            HeaderKind::Severity(name) => self.push(&format!("severity {}", name.name)),
            HeaderKind::Tags(e) => self.word_expr("tags ", Some(e), OPERAND),
            HeaderKind::Controls(e) => self.word_expr("controls ", Some(e), OPERAND),
            HeaderKind::On(on) => {
                self.push("on ");
                self.trigger(on);
            }
            HeaderKind::OnSeveral(on) => self.correlation(on),
            HeaderKind::Every { every, missed, with } => {
                self.word_expr("every ", Some(every), OPERAND);
                self.missed(*missed, every.span.end);
                self.with_args(with);
            }
            HeaderKind::At { cron, zone, missed, with } => {
                self.word_expr("at ", Some(cron), OPERAND);
                self.word_expr(" in ", zone.as_ref(), OPERAND);
                self.missed(*missed, zone.as_ref().unwrap_or(cron).span.end);
                self.with_args(with);
            }
            HeaderKind::Dedupe { by, within } => {
                self.push("dedupe");
                self.word_expr(" by ", by.as_ref(), OPERAND);
                self.word_expr(" for ", Some(within), OPERAND);
            }
            HeaderKind::Limit { count, per, by } => {
                self.word_expr("limit ", Some(count), OPERAND);
                self.word_expr(" per ", Some(per), OPERAND);
                self.word_expr(" by ", by.as_ref(), OPERAND);
            }
            HeaderKind::Concurrency { count, by, mode } => {
                self.word_expr("concurrency ", Some(count), OPERAND);
                self.word_expr(" by ", by.as_ref(), OPERAND);
                if let Some(mode) = mode {
                    self.comments(self.behind(by.as_ref().unwrap_or(count).span.end));
                    self.word(match mode {
                        ConcurrencyMode::Queue => "queue",
                        ConcurrencyMode::Skip => "skip",
                        ConcurrencyMode::Replace => "replace",
                    });
                }
            }
            HeaderKind::Timeout(e) => self.word_expr("timeout ", Some(e), OPERAND),
            HeaderKind::GiveUp { count, within, by } => {
                self.word_expr("give up after ", Some(count), OPERAND);
                self.word_expr(" ineffective in ", Some(within), OPERAND);
                self.word_expr(" by ", by.as_ref(), OPERAND);
            }
            HeaderKind::CancelWhen { on, because } => {
                self.push("cancel when ");
                self.trigger(on);
                self.clause("because ", because.as_ref(), OPERAND);
            }
            HeaderKind::NoRollback => self.push("no rollback"),
            HeaderKind::Shadow => self.push("shadow"),
        }
    }

    /// Behind what ends at the byte `at`.
    fn missed(&mut self, missed: Option<Missed>, at: u32) {
        if let Some(missed) = missed {
            self.comments(self.behind(at));
            self.word(match missed {
                Missed::RunOnce => "missed run once",
                Missed::Skip => "missed skip",
            });
        }
    }

    fn trigger(&mut self, on: &OnTrigger) {
        self.heard(&on.event, on.instance.as_ref(), on.binder.as_ref());
        let mut clauses = Clauses::default();
        clauses.expr("where ", on.condition.as_ref(), OPERATION);
        if let (Some(first), Some(last)) = (on.with.first(), on.with.last()) {
            clauses.add(arg_start(first), last.value.span.end, |p| p.with_args(&on.with));
        }
        let head = on.binder.as_ref().map_or(on.event.span.end, |b| b.span.end);
        self.in_order(head, clauses, Behind::Nothing);
    }

    fn correlation(&mut self, on: &Correlation) {
        self.push("on ");
        let length = match &on.kind {
            CorrelationKind::Count { count, event } => {
                self.expr(count, OPERAND);
                self.push(" of ");
                self.heard_event(event);
                "within "
            }
            CorrelationKind::Pair { first, joint, second } => {
                self.heard_event(first);
                self.push(&format!(" {} ", joint.word()));
                self.heard_event(second);
                "within "
            }
            CorrelationKind::Group { joint, terms } => {
                for (n, term) in terms.iter().enumerate() {
                    if n > 0 {
                        self.push(&format!(" {} ", joint.word()));
                    }
                    if let Some(count) = &term.count {
                        self.expr(count, OPERAND);
                        self.push(" of ");
                    }
                    self.heard_event(&term.event);
                }
                "within "
            }
            CorrelationKind::Silence { event } => {
                self.push("silence of ");
                self.heard_event(event);
                "for "
            }
        };
        let mut clauses = [
            ("where ", on.condition.as_ref(), OPERATION),
            ("by ", on.by.as_ref(), OPERAND),
            ("distinct ", on.distinct.as_ref(), OPERAND),
            (length, on.within.as_ref(), OPERAND),
            ("max keys ", on.max_keys.as_ref(), OPERAND),
        ];
        // They stand in any order, and comments stay where they are.
        clauses.sort_by_key(|(_, e, _)| e.map_or(u32::MAX, |e| e.span.start));
        let with = on.with.first().map_or(u32::MAX, |a| a.value.span.start);
        let after = |e: Option<&Expr>| e.is_some_and(|e| e.span.start > with);
        for (words, e, least) in clauses.iter().filter(|(_, e, _)| !after(*e)) {
            self.clause(words, *e, *least);
        }
        self.with_args(&on.with);
        for (words, e, least) in clauses.iter().filter(|(_, e, _)| after(*e)) {
            self.clause(words, *e, *least);
        }
    }

    fn heard_event(&mut self, heard: &HeardEvent) {
        self.heard(&heard.event, heard.instance.as_ref(), heard.binder.as_ref());
    }

    fn heard(&mut self, event: &Path, instance: Option<&Expr>, binder: Option<&Ident>) {
        for (i, part) in event.parts.iter().enumerate() {
            self.push(if i > 0 { "." } else { "" });
            self.push(&part.name);
            if i == 0
                && let Some(instance) = instance
            {
                self.push("[");
                self.expr(instance, ANY);
                self.push("]");
            }
        }
        if let Some(binder) = binder {
            self.push(" as ");
            self.push(&binder.name);
        }
    }

    fn with_args(&mut self, with: &[NamedArg]) {
        if let Some(first) = with.first() {
            self.before_words("with ", arg_start(first));
            self.space();
            self.push("with ");
            self.list_at(with, arg_start, |p, a| p.named(a, OPERATION));
        }
    }
}

/// What always takes several lines, or should have room.
fn is_long(item: &Item) -> bool {
    match &item.kind {
        ItemKind::Use(_) | ItemKind::Const(_) | ItemKind::Type(_) | ItemKind::Enum(_) => !item.docs.is_empty(),
        ItemKind::Action(a) => a.body.is_some() || !item.docs.is_empty(),
        _ => true,
    }
}

/// The statements before the handlers and those after them, which the checker refuses.
fn parts(r: &Runbook) -> (&[Stmt], &[Stmt]) {
    let handlers = r.on_failure.as_ref().map(|(_, b)| b).into_iter().chain(&r.finally);
    let first = handlers.map(|b| b.span.start).min().unwrap_or(u32::MAX);
    let early = r.body.iter().take_while(|s| s.span.start <= first).count();
    r.body.split_at_checked(early).unwrap_or((&r.body, &[]))
}
