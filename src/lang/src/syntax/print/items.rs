//! Declarations and the clauses of runbooks.

use super::{ANY, ATOM, OPERAND, OPERATION, Printer, effect_word};
use crate::syntax::ast::*;

impl Printer {
    pub(super) fn item(&mut self, item: &Item) {
        if item.kind == ItemKind::Bad {
            return;
        }
        self.docs(&item.docs);
        self.start_line();
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
                self.braces(s.fields.is_empty(), |p| s.fields.iter().for_each(|f| p.field_line(f)));
            }
            ItemKind::Type(t) => {
                self.named_head("type ", &t.name, &t.generics);
                self.push(" = ");
                self.type_decl(&t.ty);
            }
            ItemKind::Enum(e) => {
                self.named_head("enum ", &e.name, &[]);
                self.push(" ");
                self.braces(e.variants.is_empty(), |p| e.variants.iter().for_each(|v| p.variant(v)));
            }
            ItemKind::Fn(f) => {
                self.named_head("fn ", &f.name, &f.generics);
                self.params(&f.params);
                self.returns(f.ret.as_ref());
                self.push(" ");
                self.block(&f.body);
            }
            ItemKind::Action(a) => self.action(a),
            ItemKind::Runbook(r) => self.runbook(r),
            ItemKind::Connector(c) => {
                self.named_head("connector ", &c.name, &[]);
                self.push(" ");
                self.braces(c.items.is_empty(), |p| c.items.iter().for_each(|i| p.item(i)));
            }
            ItemKind::Event(e) => self.event(e),
            ItemKind::Policy(p) => self.policy(p),
            ItemKind::Bad => {}
        }
        self.end_line();
    }

    fn use_item(&mut self, u: &Use) {
        self.push("use ");
        self.path(&u.path);
        if let Some(alias) = &u.alias {
            self.push(" as ");
            self.push(&alias.name);
        }
        if let Some(names) = &u.names {
            self.push(".{");
            self.list(names, |p, n| p.push(&n.name));
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

    /// A record type with one field to a line, so that the fields' docs have a place.
    fn type_decl(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Record(fields) if fields.iter().any(|f| !f.docs.is_empty()) => {
                self.braces(false, |p| fields.iter().for_each(|f| p.field_line(f)));
            }
            _ => self.ty(ty),
        }
    }

    fn field_line(&mut self, field: &FieldDecl) {
        self.docs(&field.docs);
        self.start_line();
        self.field(field);
        self.push(",");
        self.end_line();
    }

    fn variant(&mut self, v: &Variant) {
        self.docs(&v.docs);
        self.start_line();
        self.push(&v.name.name);
        if !v.payload.is_empty() {
            self.params(&v.payload);
        }
        self.push(",");
        self.end_line();
    }

    fn params(&mut self, params: &[FieldDecl]) {
        self.push("(");
        if params.iter().any(|p| !p.docs.is_empty()) {
            self.end_line();
            self.indent += 1;
            params.iter().for_each(|f| self.field_line(f));
            self.indent -= 1;
            self.start_line();
        } else {
            self.list(params, |p, f| p.field(f));
        }
        self.push(")");
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
        self.push(if a.native { "native " } else { "" });
        self.named_head("action ", &a.name, &a.generics);
        self.params(&a.params);
        self.returns(a.ret.as_ref());
        if let Some((effect, _)) = a.effect {
            self.push(" ");
            self.push(effect_word(effect));
        }
        match a.class.as_ref().map(|(class, _)| class) {
            Some(RepeatClass::Idempotent) => self.push(" idempotent"),
            Some(RepeatClass::Keyed(within)) => self.word_expr(" keyed within ", Some(within), OPERAND),
            Some(RepeatClass::Probe(block)) => {
                self.push(" probe ");
                self.block(block);
            }
            Some(RepeatClass::Once) => self.push(" once"),
            None => {}
        }
        self.word_expr(" target ", a.target.as_ref(), OPERAND);
        self.push(if a.on_busy_fail { " on busy fail" } else { "" });
        if let Some(undo) = &a.undo {
            self.push(" undo ");
            self.block(undo);
        }
        if let Some(body) = &a.body {
            self.push(" ");
            self.block(body);
        }
    }

    fn event(&mut self, e: &Event) {
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
        }
        self.push(" ");
        self.braces(false, |p| p.event_clauses(e));
    }

    fn event_clauses(&mut self, e: &Event) {
        match &e.verify {
            Some(Verification::None { because, .. }) => {
                self.start_line();
                self.push("verify none");
                self.word_expr(" because ", because.as_ref(), OPERAND);
                self.end_line();
            }
            Some(Verification::Scheme(scheme)) => self.clause_line("verify ", Some(scheme), OPERAND),
            None => {}
        }
        if let Some((each, name)) = &e.each {
            self.start_line();
            self.word_expr("each ", Some(each), ATOM);
            self.push(" as ");
            self.push(&name.name);
            self.end_line();
        }
        self.clause_line("id ", e.id.as_ref(), OPERATION);
        self.clause_line("at ", e.at.as_ref(), OPERATION);
        self.clause_line("emit ", e.emit.as_ref(), OPERATION);
    }

    fn clause_line(&mut self, words: &str, e: Option<&Expr>, least: u8) {
        if e.is_some() {
            self.start_line();
            self.word_expr(words, e, least);
            self.end_line();
        }
    }

    fn runbook(&mut self, r: &Runbook) {
        self.named_head("runbook ", &r.name, &[]);
        self.params(&r.params);
        self.push(" ");
        let empty = r.header.is_empty() && r.body.is_empty() && r.on_failure.is_none() && r.finally.is_none();
        self.braces(empty, |p| {
            for clause in &r.header {
                p.start_line();
                p.header(&clause.kind);
                p.end_line();
            }
            p.stmts(&r.body);
            if let Some((binder, block)) = &r.on_failure {
                p.start_line();
                p.push("on failure ");
                if let Some(binder) = binder {
                    p.push(&format!("as {} ", binder.name));
                }
                p.block(block);
                p.end_line();
            }
            if let Some(block) = &r.finally {
                p.start_line();
                p.push("finally ");
                p.block(block);
                p.end_line();
            }
        });
    }

    fn header(&mut self, kind: &HeaderKind) {
        match kind {
            HeaderKind::Owner(e) => self.word_expr("owner ", Some(e), OPERAND),
            HeaderKind::Severity(name) => self.push(&format!("severity {}", name.name)),
            HeaderKind::Tags(e) => self.word_expr("tags ", Some(e), OPERAND),
            HeaderKind::Controls(e) => self.word_expr("controls ", Some(e), OPERAND),
            HeaderKind::On(on) => {
                self.push("on ");
                self.trigger(on);
            }
            HeaderKind::Every { every, missed, with } => {
                self.word_expr("every ", Some(every), OPERAND);
                self.missed(*missed);
                self.with_args(with);
            }
            HeaderKind::At { cron, zone, missed, with } => {
                self.word_expr("at ", Some(cron), OPERAND);
                self.word_expr(" in ", zone.as_ref(), OPERAND);
                self.missed(*missed);
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
                self.push(match mode {
                    Some(ConcurrencyMode::Queue) => " queue",
                    Some(ConcurrencyMode::Skip) => " skip",
                    Some(ConcurrencyMode::Replace) => " replace",
                    None => "",
                });
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
                self.word_expr(" because ", because.as_ref(), OPERAND);
            }
            HeaderKind::NoRollback => self.push("no rollback"),
            HeaderKind::Shadow => self.push("shadow"),
        }
    }

    fn missed(&mut self, missed: Option<Missed>) {
        self.push(match missed {
            Some(Missed::RunOnce) => " missed run once",
            Some(Missed::Skip) => " missed skip",
            None => "",
        });
    }

    fn trigger(&mut self, on: &OnTrigger) {
        for (i, part) in on.event.parts.iter().enumerate() {
            self.push(if i > 0 { "." } else { "" });
            self.push(&part.name);
            if i == 0
                && let Some(instance) = &on.instance
            {
                self.push("[");
                self.expr(instance, ANY);
                self.push("]");
            }
        }
        if let Some(binder) = &on.binder {
            self.push(" as ");
            self.push(&binder.name);
        }
        self.word_expr(" where ", on.condition.as_ref(), OPERATION);
        self.with_args(&on.with);
    }

    fn with_args(&mut self, with: &[NamedArg]) {
        if !with.is_empty() {
            self.push(" with ");
            self.list(with, |p, a| p.named(a, OPERATION));
        }
    }
}
