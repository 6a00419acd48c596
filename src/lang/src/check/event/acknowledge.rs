//! What an event says to its sender: who may deliver (`origins`), what a question is answered (`answer`), and what is done when a
//! delivery is durable (`acknowledge`).

use smol_str::SmolStr;

use crate::check::call::CallParts;
use crate::check::cx::{Checker, FnInfo, FnSource};
use crate::check::expr::Want;
use crate::check::scope::{FrameKind, Limit, Made, verb};
use crate::check::ty;
use crate::diag::codes;
use crate::hir::{self, FunctionKind};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, EventSource, RepeatClass};
use crate::types::Effect;

impl Checker {
    /// `origins ["eventgrid.azure.net"]`
    pub(super) fn origins(&mut self, e: &ast::Event) -> Option<FnId> {
        let origins = e.origins.as_ref()?;
        self.of_webhook(e, "origins", origins.span);
        Some(self.setting_function(origins, &ty::list(ty::text()), "`origins`"))
    }

    /// `answer if body.type == "check" { body.challenge } else { none }`
    pub(super) fn event_answer(&mut self, e: &ast::Event) -> Option<FnId> {
        let answer = e.answer.as_ref()?;
        self.of_webhook(e, "answer", answer.span);
        self.push_frame(FrameKind::Condition);
        self.declare_params(&Self::delivery_params());
        self.limit_to(Effect::Pure, "`answer` is pure", answer.span);
        let t = ty::optional(ty::json());
        let got = self.expr_as(answer, &t, "`answer`");
        Some(self.close_frame(Made::plain("answer", 3, t, answer.span), got).function)
    }

    /// Only who sends can be answered.
    fn of_webhook(&mut self, e: &ast::Event, word: &str, span: Span) {
        if !matches!(e.source, EventSource::Webhook { .. }) {
            let message = format!("`{word}` belongs to a webhook: nobody sends here, so nobody is answered");
            self.error(codes::EVENT_INVALID, span, message, "", "leave it out");
        }
    }

    /// `acknowledge { do delete(body.receipt as Text) }`
    pub(super) fn acknowledge(&mut self, e: &ast::Event, name: &SmolStr) -> Option<hir::Acknowledge> {
        let block = e.acknowledge.as_ref()?;
        if let EventSource::Feed { .. } = e.source {
            self.error(
                codes::EVENT_INVALID,
                block.span,
                "`acknowledge` belongs to a poll or a webhook: this source is acknowledged by itself",
                "",
                "leave it out: what is read here is acknowledged when it is durable",
            );
        }
        if e.id.is_none() {
            self.error(
                codes::EVENT_INVALID,
                block.span,
                "what is acknowledged needs an `id`",
                "",
                "when acknowledging fails, the same comes again: `id body.id as Text` tells that it was taken before",
            );
        }
        self.push_frame(FrameKind::Acknowledge);
        self.declare_params(&Self::delivery_params());
        if let Some(f) = self.frames.last_mut() {
            f.limit = Some(Limit {
                effect: Effect::Changes,
                what: "`acknowledge` changes at most".to_owned(),
                span: None,
                help: "nobody approves it: where it only takes a message out of its queue, say so once with `trust changes because \"…\" { … }`".to_owned(),
            });
        }
        let body = self.block_expr(block, &Want::Drop);
        let name = format!("{name} acknowledge");
        let made = Made { kind: FunctionKind::Handler, ..Made::plain(name, 3, ty::nothing(), block.span) };
        let closed = self.close_frame(made, body);
        Some(hir::Acknowledge { function: closed.function, changes: closed.effect > Effect::Reads })
    }

    /// What `acknowledge` does may be done again, after a crash or when a part of it failed, and is never undone.
    pub(in crate::check) fn may_acknowledge(&mut self, call: CallParts<'_>, info: &FnInfo) {
        if self.kind() != FrameKind::Acknowledge || info.effect <= Effect::Reads {
            return;
        }
        if let Some(undo) = &call.modifiers.undo {
            self.error(
                codes::PLACE_WRONG,
                undo.span,
                "`undo` cannot stand in `acknowledge`",
                "",
                "leave it out: what was acknowledged stays so",
            );
        }
        let FnSource::Action(decl) = &info.decl else { return };
        if matches!(decl.class, Some((RepeatClass::Idempotent, _))) {
            return;
        }
        let does = verb(info.effect);
        self.error(
            codes::PLACE_WRONG,
            call.span,
            format!("`{}` {does} and may be called again by `acknowledge`", info.name),
            "not `idempotent`",
            "after a crash nobody knows whether it was called: call an action that is declared `idempotent`",
        );
    }
}
