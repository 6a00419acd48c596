//! `from file(…)`, `from stream nats(…)`: sources that are read for as long as rrb runs.

use super::cx::Checker;
use crate::diag::{Diagnostic, codes, nearest};
use crate::feeds::{self, FEEDS, Feed};
use crate::hir;
use crate::syntax::ast;

impl Checker {
    pub(super) fn feed(&mut self, e: &ast::Event, stream: bool, call: &ast::Expr) -> hir::EventSource {
        let none = hir::EventSource::Feed { kind: "".into(), args: vec![] };
        let ast::ExprKind::Call { callee, args, .. } = &call.kind else { return none };
        let ast::ExprKind::Name(name) = &callee.kind else { return none };
        let Some(feed) = feeds::find(&name.name, stream) else {
            self.unknown_feed(name, stream);
            return none;
        };
        if feed.open {
            self.open_to_all(e, feed, call);
        } else {
            self.nobody_sends(e, &format!("rrb reads `{}` by itself", feed.scheme.name));
        }
        for arg in args {
            self.chosen(feed, arg);
        }
        let args = self.scheme_args(&feed.scheme, args, call.span);
        hir::EventSource::Feed { kind: feed.scheme.name.into(), args }
    }

    /// Of a text that must be one of a few, where it is written out. What a setting says is checked when the source begins.
    fn chosen(&mut self, feed: &Feed, arg: &ast::NamedArg) {
        let Some(name) = &arg.name else { return };
        let Some(choices) = feeds::choices(&name.name) else { return };
        let Some(text) = plain(&arg.value) else { return };
        if choices.contains(&text.as_str()) {
            return;
        }
        let shown: Vec<String> = choices.iter().map(|c| format!("`\"{c}\"`")).collect();
        self.error(
            codes::CONST_RANGE,
            arg.value.span,
            format!("`{}` of `{}` is {}", name.name, feed.scheme.name, shown.join(" or ")),
            "neither",
            format!("write {}", shown.join(" or ")),
        );
    }

    /// A source without a sender has nothing to verify.
    pub(super) fn nobody_sends(&mut self, e: &ast::Event, why: &str) {
        let span = match &e.verify {
            Some(ast::Verification::Scheme(v)) => v.span,
            Some(ast::Verification::None { span, .. }) => *span,
            None => return,
        };
        let message = format!("{why}, so there is no sender to verify");
        self.error(codes::EVENT_VERIFY, span, message, "", "leave `verify` out");
    }

    fn open_to_all(&mut self, e: &ast::Event, feed: &Feed, call: &ast::Expr) {
        let name = feed.scheme.name;
        let help = "let only those reach it who may bring events, and say so: `verify none because \"…\"`";
        let (span, message, label) = match &e.verify {
            Some(ast::Verification::None { .. }) => return,
            Some(ast::Verification::Scheme(v)) => {
                (v.span, format!("what comes by `{name}` proves nothing about its sender"), "nothing to verify")
            }
            None => (call.span, format!("`{name}` does not say who sends"), "anybody who reaches it could"),
        };
        self.report(Diagnostic::error(codes::EVENT_VERIFY, message, span, label).help(help));
    }

    fn unknown_feed(&mut self, name: &ast::Ident, stream: bool) {
        let word = if stream { "stream " } else { "" };
        let d = Diagnostic::error(
            codes::EVENT_INVALID,
            format!("no event comes from `{word}{}`", name.name),
            name.span,
            "not a source",
        );
        if let Some(other) = feeds::find(&name.name, !stream) {
            let right = if other.stream { "stream " } else { "" };
            return self.report(d.help(format!("write `from {right}{}(…)`", name.name)));
        }
        let here = || FEEDS.iter().filter(|f| f.stream == stream).map(|f| f.scheme.name);
        self.report(match nearest(&name.name, here()) {
            Some(near) => d
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
            None => {
                let all: Vec<String> = FEEDS.iter().map(shown).collect();
                d.help(format!("the sources are `webhook \"/path\"`, `poll every 1m {{ … }}`, {}", all.join(", ")))
            }
        });
    }
}

fn shown(feed: &Feed) -> String {
    format!("`{}{}(…)`", if feed.stream { "stream " } else { "" }, feed.scheme.name)
}

/// A text without holes.
fn plain(e: &ast::Expr) -> Option<String> {
    match &e.kind {
        ast::ExprKind::Text(parts) => match parts.as_slice() {
            [] => Some(String::new()),
            [ast::TextPart::Chars(text)] => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    }
}
