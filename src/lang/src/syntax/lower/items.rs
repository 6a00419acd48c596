//! Declarations.

use std::sync::Arc;

use super::{
    super::{ast::*, habits},
    Lower, P, exprs, has, kid, kids, testing,
};
use crate::{
    diag::codes,
    syntax::{MAX_DEPTH, grammar::Rule},
};

/// Where a declaration stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    File,
    Connector,
}

impl<'i> Lower<'i> {
    pub(super) fn item(&mut self, p: P<'i>, place: Place) -> Option<Item> {
        let span = self.span(&p);
        let docs = match p.as_rule() {
            Rule::EOI => return None,
            Rule::semicolon => {
                self.semicolon(&p);
                return None;
            }
            _ => self.comments.take_docs(p.start()),
        };
        let kind = self.item_kind(p)?;
        self.check_place(&kind, place, span);
        Some(Item { docs, kind, span })
    }

    fn item_kind(&mut self, p: P<'i>) -> Option<ItemKind> {
        Some(match p.as_rule() {
            Rule::use_item => ItemKind::Use(self.use_item(&p)),
            Rule::const_item => {
                let ty = self.type_note(&p);
                ItemKind::Const(Const { name: self.ident_in(&p), ty, value: self.expr_in(&p) })
            }
            Rule::settings_item => ItemKind::Settings(Settings { fields: self.fields_in(&p, Rule::setting_fields) }),
            Rule::type_item => {
                let ty = self.type_in(&p);
                ItemKind::Type(TypeDecl { name: self.ident_in(&p), generics: self.generics(&p), ty })
            }
            Rule::enum_item => {
                let mut variants: Vec<Variant> = kids(&p, Rule::variant).map(|v| self.variant(v)).collect();
                self.no_generics(&p, &mut variants);
                ItemKind::Enum(EnumDecl { name: self.ident_in(&p), variants })
            }
            Rule::fn_item => ItemKind::Fn(Arc::new(self.fn_item(&p))),
            Rule::action_item => ItemKind::Action(Arc::new(self.action_item(&p))),
            Rule::runbook_item => ItemKind::Runbook(Arc::new(self.runbook(&p))),
            Rule::connector_item => {
                let name = self.ident_in(&p);
                let span = self.span(&p);
                // A connector in a connector is a mistake that need not go deep.
                let items = self.deeper(MAX_DEPTH / 16, span, |l| {
                    p.into_inner().skip(2).filter_map(|k| l.item(k, Place::Connector)).collect()
                });
                let items = items.unwrap_or_default();
                ItemKind::Connector(Connector { name, items })
            }
            Rule::event_item => ItemKind::Event(Arc::new(self.event_item(&p))),
            Rule::policy_item => ItemKind::Policy(Arc::new(self.policy(&p))),
            Rule::test_item => ItemKind::Test(Arc::new(self.test(&p))),
            Rule::broken => {
                self.broken(&p);
                ItemKind::Bad
            }
            _ => return None,
        })
    }

    fn check_place(&mut self, kind: &ItemKind, place: Place, span: crate::span::Span) {
        if let (ItemKind::Action(action), Place::File) = (kind, place)
            && habits::is_reserved(&action.name.name)
        {
            let name = action.name.name.clone();
            let message = format!("`{name}` is a reserved word and names nothing outside a connector");
            self.error(codes::SYNTAX_RESERVED, message, action.name.span, "a name goes here")
                .help
                .push(format!("choose another name, e.g. `{name}_`"));
        }
        let (what, help) = match (kind, place) {
            (ItemKind::Event(_), Place::File) => ("an event", "put it inside `connector NAME { … }`"),
            (ItemKind::Runbook(_), Place::Connector) => ("a runbook", "move it out of the connector"),
            (ItemKind::Policy(_), Place::Connector) => ("a policy", "move it out of the connector"),
            (ItemKind::Test(_), Place::Connector) => ("a test", "move it out of the connector"),
            (ItemKind::Connector(_), Place::Connector) => ("a connector", "move it out of the connector"),
            (ItemKind::Use(_), Place::Connector) => ("`use`", "move it to the top of the file"),
            _ => return,
        };
        let place = if place == Place::File { "at the top level" } else { "inside a connector" };
        let message = format!("{what} does not stand {place}");
        self.error(codes::SYNTAX_PLACE, message, span, "not here").help.push(help.into());
    }

    /// The body after a head that could not be read, for the mistakes in it.
    fn broken(&mut self, p: &P<'i>) {
        for part in p.into_inner() {
            match part.as_rule() {
                Rule::header_clause => {
                    self.header_clause(part);
                }
                Rule::on_failure | Rule::finally_part => {
                    self.block_in(&part);
                }
                rule if testing::is_stmt(rule) => {
                    self.test_stmt(part);
                }
                _ => {
                    self.stmt(part);
                }
            }
        }
    }

    fn use_item(&mut self, p: &P<'i>) -> Use {
        let path = match kid(p, Rule::path) {
            Some(path) => self.path_in(&path),
            None => self.path_in(p),
        };
        let alias = has(p, Rule::k_as).then(|| self.ident_in(p));
        let names = kid(p, Rule::use_names).map(|n| kids(&n, Rule::ident).map(|i| self.ident(&i)).collect());
        Use { path, alias, names }
    }

    fn generics(&self, p: &P<'i>) -> Vec<Ident> {
        kid(p, Rule::generics).map_or(Vec::new(), |g| kids(&g, Rule::ident).map(|i| self.ident(&i)).collect())
    }

    /// Reports the type parameters of an enum; what they stand for in the variants is left open, so that nothing follows from it.
    fn no_generics(&mut self, p: &P<'i>, variants: &mut [Variant]) {
        let Some(written) = kid(p, Rule::generics) else { return };
        let names = self.generics(p);
        let span = self.span(&written);
        self.error(codes::SYNTAX_PLACE, "an enum takes no type parameters", span, "only `fn` and `type` take them")
            .help
            .push("name the type in each variant, or use a record: `type Found<T> = { value: T?, why: Text }`".into());
        for field in variants.iter_mut().flat_map(|v| &mut v.payload) {
            if let TypeKind::Named { path, .. } = &field.ty.kind
                && path.parts.first().is_some_and(|first| names.iter().any(|n| n.name == first.name))
            {
                field.ty.kind = TypeKind::Missing;
            }
        }
    }

    fn variant(&mut self, p: P<'i>) -> Variant {
        let docs = self.comments.take_docs(p.start());
        Variant { docs, name: self.ident_in(&p), payload: self.params(&p), span: self.span(&p) }
    }

    pub(super) fn params(&mut self, p: &P<'i>) -> Vec<FieldDecl> {
        kid(p, Rule::params).map_or(Vec::new(), |ps| kids(&ps, Rule::field_decl).map(|f| self.field_decl(f)).collect())
    }

    pub(super) fn fields_in(&mut self, p: &P<'i>, rule: Rule) -> Vec<FieldDecl> {
        kid(p, rule).map_or(Vec::new(), |fs| kids(&fs, Rule::field_decl).map(|f| self.field_decl(f)).collect())
    }

    fn field_decl(&mut self, p: P<'i>) -> FieldDecl {
        let docs = self.comments.take_docs(p.start());
        let ty = self.type_in(&p);
        FieldDecl { docs, name: self.ident_in(&p), ty, default: self.try_expr_in(&p), span: self.span(&p) }
    }

    pub(super) fn type_note(&mut self, p: &P<'i>) -> Option<Type> {
        kid(p, Rule::type_note).map(|n| self.type_in(&n))
    }

    fn returns(&mut self, p: &P<'i>) -> Option<Type> {
        kid(p, Rule::returns).map(|r| self.type_in(&r))
    }

    fn fn_item(&mut self, p: &P<'i>) -> FnDecl {
        let (params, ret) = (self.params(p), self.returns(p));
        FnDecl { name: self.ident_in(p), generics: self.generics(p), params, ret, body: self.block_in(p) }
    }

    fn action_item(&mut self, p: &P<'i>) -> ActionDecl {
        let (params, ret) = (self.params(p), self.returns(p));
        let mut action = ActionDecl {
            name: self.ident_in(p),
            generics: self.generics(p),
            params,
            ret,
            effect: None,
            class: None,
            target: None,
            on_busy_fail: None,
            undo: None,
            body: None,
            native: has(p, Rule::c_native),
        };
        for clause in p.into_inner() {
            self.action_clause(&mut action, &clause);
        }
        action.body = kid(p, Rule::block).map(|b| self.block(b));
        self.check_body(&action, p);
        action
    }

    fn action_clause(&mut self, action: &mut ActionDecl, clause: &P<'i>) {
        let span = self.span(clause);
        match clause.as_rule() {
            Rule::effect => {
                let effect = (effect(clause), span);
                self.once(&mut action.effect, effect, "the effect", span);
            }
            Rule::a_target => {
                let target = self.expr_in(clause);
                self.once(&mut action.target, target, "target", span);
            }
            Rule::a_undo => {
                let undo = self.block_in(clause);
                self.once(&mut action.undo, undo, "undo", span);
            }
            Rule::a_busy => self.once(&mut action.on_busy_fail, span, "on busy", span),
            Rule::a_idempotent | Rule::a_once | Rule::a_keyed | Rule::a_probe => {
                let class = self.repeat_class(clause);
                self.once(&mut action.class, (class, span), "the repeat class", span);
            }
            _ => {}
        }
    }

    fn repeat_class(&mut self, clause: &P<'i>) -> RepeatClass {
        match clause.as_rule() {
            Rule::a_idempotent => RepeatClass::Idempotent,
            Rule::a_keyed => RepeatClass::Keyed(self.boxed_in(clause)),
            Rule::a_probe => RepeatClass::Probe(self.block_in(clause)),
            _ => RepeatClass::Once,
        }
    }

    fn check_body(&mut self, action: &ActionDecl, p: &P<'i>) {
        let (message, help) = match (action.native, &action.body) {
            (false, None) => ("this action has no body", "add `{ … }` after its header"),
            (true, Some(_)) => ("a native action has no body", "remove the block, or the word `native`"),
            _ => return,
        };
        let span = action.body.as_ref().map_or(self.span(p).after(), |b| b.span);
        if self.before_bad(span.end) {
            return;
        }
        self.error(codes::SYNTAX_UNEXPECTED, message, span, "").help.push(help.into());
    }

    fn event_item(&mut self, p: &P<'i>) -> Event {
        let ty = self.type_in(p);
        let mut event = Event {
            name: self.ident_in(p),
            ty,
            source: self.event_source(p),
            verify: None,
            origins: None,
            answer: None,
            each: None,
            id: None,
            at: None,
            emit: None,
            acknowledge: None,
        };
        for clause in p.into_inner() {
            self.event_clause(&mut event, &clause);
        }
        event
    }

    fn event_source(&mut self, p: &P<'i>) -> EventSource {
        let source = kid(p, Rule::event_source).and_then(|s| s.into_inner().next());
        let Some(source) = source else {
            return EventSource::Webhook { path: self.missing(self.span(p)), span: self.span(p) };
        };
        let span = self.span(&source);
        match source.as_rule() {
            Rule::src_poll => EventSource::Poll { every: self.expr_in(&source), body: self.block_in(&source), span },
            Rule::src_feed => {
                let stream = kid(&source, Rule::c_stream).is_some();
                EventSource::Feed { stream, call: self.expr_in(&source), span }
            }
            _ => EventSource::Webhook { path: self.expr_in(&source), span },
        }
    }

    fn event_clause(&mut self, event: &mut Event, clause: &P<'i>) {
        let span = self.span(clause);
        match clause.as_rule() {
            Rule::e_verify => {
                let scheme = Verification::Scheme(self.expr_in(clause));
                self.once(&mut event.verify, scheme, "verify", span);
            }
            Rule::e_verify_none => {
                let because = self.clause(clause, Rule::because);
                self.once(&mut event.verify, Verification::None { because, span }, "verify", span);
            }
            Rule::e_each => {
                let each = (self.expr_in(clause), self.ident_in(clause));
                self.once(&mut event.each, each, "each", span);
            }
            Rule::e_origins | Rule::e_answer | Rule::e_id | Rule::e_at | Rule::e_emit => {
                self.event_value(event, clause)
            }
            Rule::e_acknowledge => {
                let block = self.block_in(clause);
                self.once(&mut event.acknowledge, block, "acknowledge", span);
            }
            _ => {}
        }
    }

    fn event_value(&mut self, event: &mut Event, clause: &P<'i>) {
        let Some(value) = exprs(clause).next().map(|e| self.expr(e)) else { return };
        let (slot, name) = match clause.as_rule() {
            Rule::e_origins => (&mut event.origins, "origins"),
            Rule::e_answer => (&mut event.answer, "answer"),
            Rule::e_id => (&mut event.id, "id"),
            Rule::e_at => (&mut event.at, "at"),
            _ => (&mut event.emit, "emit"),
        };
        self.once(slot, value, name, self.span(clause));
    }
}

/// The effect that a pair with an effect word names.
pub(super) fn effect(p: &P<'_>) -> Effect {
    match p.into_inner().next().map(|word| word.as_rule()) {
        Some(Rule::c_reads) => Effect::Reads,
        Some(Rule::c_changes) => Effect::Changes,
        Some(Rule::c_destroys) => Effect::Destroys,
        _ => Effect::Pure,
    }
}
