//! What happens in a test: events and deliveries come in, runbooks are started, time goes by.

use smol_str::SmolStr;

use super::Playing;
use crate::check::call::CallParts;
use crate::check::cx::Checker;
use crate::check::scope::node;
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::testing::{Body, StepKind, When};
use crate::hir::{EventSource, ExprKind};
use crate::ids::RunbookId;
use crate::span::Span;
use crate::syntax::ast;

impl Checker {
    /// Warns of a statement for which nothing can have happened yet.
    pub(super) fn too_early(&mut self, word: &str, at: Span, playing: &mut Playing) {
        if std::mem::replace(&mut playing.happened, true) {
            return;
        }
        let message = format!("nothing has happened before this `{word}`");
        let d = Diagnostic::warning(codes::TEST_ORDER, message, at, "too early");
        self.report(d.help("let something happen first: `when EVENT { … }`, `run NAME(…)` or `advance 10m`"));
    }

    pub(super) fn runbook_seen(&mut self, path: &ast::Path) -> Option<RunbookId> {
        let index = self.runbook_of(path, "run")?;
        Some(RunbookId(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    pub(super) fn when_event(
        &mut self,
        path: &ast::Path,
        instance: Option<&ast::Expr>,
        payload: Option<&ast::Expr>,
        at: Span,
    ) -> Option<StepKind> {
        let event = self.event_of(path);
        let info = event.and_then(|e| self.events.get(e.index()));
        let (t, connector) = match info {
            Some(info) => (info.ty.clone(), self.connector(info.connector).map(|c| c.name.clone())),
            None => (ty::error(), None),
        };
        let instance = match (instance, connector) {
            (Some(e), Some(connector)) => Some(self.instance_seen(&connector, e)?),
            _ => None,
        };
        let f = match payload {
            Some(e) => self.test_fn("event", &[], e.span, |c, _| c.filling(|c| c.expr_as(e, &t, "the event"))),
            None => match self.neutral(&t, at) {
                Some(value) => self.test_fn("event", &[], at, |_, _| value),
                None if event.is_none() => return None,
                None => {
                    let message = format!("there is no value that could stand for a `{}`", self.show(&t));
                    let help = "write the event behind its name: `when EVENT { … }`";
                    self.error(codes::TEST_VALUE, at, message, "what does it hold?", help);
                    return None;
                }
            },
        };
        Some(StepKind::When(When::Event { event: event?, instance, payload: f }))
    }

    pub(super) fn deliver(
        &mut self,
        path: &ast::Expr,
        file: Option<&ast::Expr>,
        body: Option<&ast::Expr>,
        signed: bool,
        at: Span,
    ) -> Option<StepKind> {
        let (path, instance) = match &path.kind {
            ast::ExprKind::Index { base, index } => (&**base, Some(&**index)),
            _ => (path, None),
        };
        let text = self.constant_text(path, "the path of the webhook");
        let body = match (file, body) {
            (Some(file), None) => self.delivered_file(file),
            (None, Some(body)) => Some(Body::Value(self.value_fn(body, &ty::json(), "the delivery"))),
            (Some(file), Some(body)) => {
                let d = Diagnostic::error(codes::TEST_VALUE, "a delivery has one body", body.span, "the second one");
                self.report(d.label(file.span, "the first one").help("keep one of them"));
                None
            }
            (None, None) => {
                let help =
                    "write its Json behind the path, `when \"/alertmanager\" { … }`, or a file: `file \"alert.json\"`";
                self.error(codes::TEST_VALUE, at, "the delivery holds nothing", "no body", help);
                None
            }
        };
        let text = text?;
        let connector = self.webhook(&text, path.span)?;
        let instance = match instance {
            Some(e) => Some(self.instance_seen(&connector, e)?),
            None => None,
        };
        Some(StepKind::When(When::Delivery { path: text, instance, body: body?, signed }))
    }

    fn delivered_file(&mut self, file: &ast::Expr) -> Option<Body> {
        let path = self.constant_text(file, "the file of the delivery")?;
        let parts = || path.split(['/', '\\']);
        if path.trim().is_empty() || path.starts_with(['/', '\\']) || parts().any(|p| p == ".." || p.contains(':')) {
            let message = "the file of a delivery stands in the project";
            let help = "write its path from where `rrb.toml` stands: `file \"tests/alert.json\"`";
            self.error(codes::TEST_VALUE, file.span, message, "not in the project", help);
            return None;
        }
        Some(Body::File { path, span: file.span })
    }

    /// The connector whose event comes in at this path.
    fn webhook(&mut self, path: &SmolStr, at: Span) -> Option<SmolStr> {
        let mut known: Vec<SmolStr> = Vec::new();
        for event in &self.hir_events {
            let EventSource::Webhook { path: of } = &event.source else { continue };
            if of == path {
                return self.connector(event.connector).map(|c| c.name.clone());
            }
            known.push(of.clone());
        }
        known.sort();
        known.dedup();
        let d = Diagnostic::error(codes::TEST_WEBHOOK, format!("no webhook has the path `{path}`"), at, "not known");
        let d = match nearest(path, known.iter().map(SmolStr::as_str)) {
            Some(near) => d
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(at, format!("\"{near}\""))]),
            None if known.is_empty() => {
                d.help("no event of the project comes from a webhook; to let an event come, write `when EVENT { … }`")
            }
            None => {
                let all = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
                d.help(format!("there are {all}"))
            }
        };
        self.report(d);
        None
    }

    pub(super) fn test_run(
        &mut self,
        path: &ast::Path,
        args: &[ast::NamedArg],
        by: &[ast::Expr],
        at: Span,
    ) -> Option<StepKind> {
        let people = self.people(by);
        if let Some(second) = by.get(1) {
            let help = "write one name; who else agrees says so with `approve by`";
            self.error(codes::TEST_VALUE, second.span, "one person starts a run", "one too many", help);
        }
        let Some(index) = self.runbook_of(path, "run") else {
            self.nothing_fn(at);
            return None;
        };
        let (name, params) = self.runbooks.get(index).map(|r| (r.name.clone(), r.params.clone()))?;
        let f = self.test_fn("params", &[], at, |c, _| {
            let modifiers = ast::Modifiers::default();
            let callee = ast::Expr { kind: ast::ExprKind::Missing, span: path.span };
            let parts = CallParts { callee: &callee, args, modifiers: &modifiers, span: at, is_do: None };
            let (values, _) = c.bind_args(&format!("the runbook `{name}`"), &params, parts, 0, None);
            let fields = params.iter().map(|p| ty::field(&p.name, p.ty.clone())).collect();
            node(ExprKind::Record(values), ty::record(fields), at)
        });
        let runbook = RunbookId(u32::try_from(index).unwrap_or(u32::MAX));
        Some(StepKind::Run { runbook, params: f, by: people?.into_iter().next() })
    }

    pub(super) fn advance(&mut self, time: &ast::Expr) -> Option<StepKind> {
        let f = self.value_fn(time, &ty::duration(), "`advance`");
        let negative = match &time.kind {
            ast::ExprKind::Unary { op: ast::UnaryOp::Neg, .. } => true,
            ast::ExprKind::Duration(ms) => *ms <= 0,
            _ => false,
        };
        if negative {
            let help = "write a length of time such as `30s`, `5m` or `4h`";
            self.error(codes::CONST_RANGE, time.span, "time goes forward", "", help);
            return None;
        }
        Some(StepKind::Advance(f))
    }
}
