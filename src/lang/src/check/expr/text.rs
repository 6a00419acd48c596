//! Texts with holes, URLs made of them, and tagged literals.

use smol_str::SmolStr;

use super::Want;
use crate::check::cx::Checker;
use crate::check::scope::{bad, node};
use crate::check::{literals, ty};
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, Coercion, ExprKind, TextPart};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Ty, Type};
use crate::value::Value;

impl Checker {
    /// A text literal; where a Url is expected, one that is made of it.
    pub(super) fn text(&mut self, parts: &[ast::TextPart], want: &Want, span: Span) -> hir::Expr {
        self.warn_of_foreign_holes(parts, span);
        if self.hint(want).is_some_and(|t| matches!(*t, Type::Url)) {
            return self.url_text(parts, span);
        }
        if let Some(plain) = plain_text(parts) {
            return node(ExprKind::Literal(Value::Text(plain)), ty::text(), span);
        }
        let mut out = Vec::with_capacity(parts.len());
        for p in parts {
            match p {
                ast::TextPart::Chars(c) => out.push(TextPart::Chars(c.clone())),
                ast::TextPart::Hole(e) => {
                    let got = self.expr(e, &Want::Any);
                    out.push(TextPart::Hole(self.printable(got)));
                }
            }
        }
        node(ExprKind::Text(out), ty::text(), span)
    }

    /// Whether a hole prints values of this type.
    pub(in crate::check) fn prints(&self, t: &Ty) -> bool {
        let t = self.open(t);
        match &*t {
            Type::Text
            | Type::Int
            | Type::Float
            | Type::Bool
            | Type::Duration
            | Type::Size
            | Type::Time
            | Type::Url
            | Type::Ip
            | Type::Cidr
            | Type::Error
            | Type::Never => true,
            // What it takes could not be found out, which was said.
            Type::Function { params, .. } if params.iter().any(crate::check::scope::is_error) => true,
            _ => self
                .enum_of(&t)
                .and_then(|(id, _)| self.variants(id))
                .is_some_and(|v| v.iter().all(|v| v.payload.is_empty())),
        }
    }

    /// Reports a hole that does not print.
    fn printable(&mut self, got: hir::Expr) -> hir::Expr {
        if self.prints(&got.ty) {
            return got;
        }
        let shown = self.show(&got.ty);
        let label = format!("this is `{shown}`");
        let d = match &*self.open(&got.ty) {
            Type::Secret => Diagnostic::error(codes::TYPE_SECRET, "a Secret cannot be put into a text", got.span, "this is a Secret")
                .help("the text would carry it into journals, logs and messages; hand it to a parameter of type `Secret`, or use `.prefixed(…)` and `.suffixed(…)`"),
            Type::Optional(t) if self.prints(t) => {
                Diagnostic::error(codes::TYPE_INTERPOLATE, "the value may be missing, so it cannot be put into a text", got.span, label)
                    .help("say what to print then: `${… ?? \"unknown\"}`")
            }
            Type::Json => Diagnostic::error(codes::TYPE_INTERPOLATE, "Json cannot be put into a text as it is", got.span, label)
                .help("convert it: `${… as Text}`, or print it as Json: `${….to_json()}`"),
            Type::Function { .. } => Diagnostic::error(codes::TYPE_INTERPOLATE, "a function cannot be put into a text", got.span, label).help("call it: put `(…)` behind its name"),
            Type::Nothing => Diagnostic::error(codes::TYPE_INTERPOLATE, "there is no value to put into the text", got.span, "gives nothing"),
            Type::List(t) if matches!(*self.open(t), Type::Text) => {
                Diagnostic::error(codes::TYPE_INTERPOLATE, "a list cannot be put into a text", got.span, label).help("join it: `${….join(\", \")}`")
            }
            _ => Diagnostic::error(codes::TYPE_INTERPOLATE, format!("a `{shown}` cannot be put into a text"), got.span, label)
                .help("take the part to print, or print it as Json: `${….to_json()}`"),
        };
        self.report(d);
        bad(got.span)
    }

    /// `"${base}/users/${id}"` as a Url: what fills holes cannot change scheme or host.
    fn url_text(&mut self, parts: &[ast::TextPart], span: Span) -> hir::Expr {
        if let Some(plain) = plain_text(parts) {
            return match url::Url::parse(&plain) {
                Ok(url) => node(ExprKind::Literal(Value::Url(url.as_str().into())), ty::url(), span),
                Err(e) => {
                    self.error(
                        codes::TYPE_LITERAL,
                        span,
                        format!("this is no URL: {e}"),
                        "",
                        "a URL has a scheme and a host: `https://example.com/path`",
                    );
                    bad(span)
                }
            };
        }
        let mut out: Vec<TextPart> = Vec::with_capacity(parts.len());
        let mut before = String::new();
        for (i, p) in parts.iter().enumerate() {
            match p {
                ast::TextPart::Chars(c) => {
                    before.push_str(c);
                    out.push(TextPart::Chars(c.clone()));
                }
                ast::TextPart::Hole(e) => {
                    let got = self.expr(e, &Want::Any);
                    out.push(TextPart::Hole(self.url_hole(got, i, &before)));
                    before.push('\u{1}');
                }
            }
        }
        let text = node(ExprKind::Text(out), ty::text(), span);
        node(ExprKind::Coerce { value: Box::new(text), kind: Coercion::TextToUrl }, ty::url(), span)
    }

    fn url_hole(&mut self, got: hir::Expr, index: usize, before: &str) -> hir::Expr {
        let got = self.printable(got);
        let span = got.span;
        if crate::check::scope::is_error(&got.ty) {
            return got;
        }
        let is_url = matches!(*self.open(&got.ty), Type::Url);
        if is_url && index == 0 {
            return got;
        }
        let host_done = before.starts_with('\u{1}')
            || before.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
        if !host_done {
            let shown = self.show(&got.ty);
            let d = Diagnostic::error(
                codes::TYPE_MISMATCH,
                "a value cannot decide where a request goes",
                span,
                format!("this is `{shown}`"),
            )
            .help("write scheme and host as text, or begin with a `Url`, such as a setting: `\"${base}/path\"`");
            self.report(d);
            return bad(span);
        }
        let text = match &*self.open(&got.ty) {
            Type::Text => got,
            _ => node(ExprKind::Text(vec![TextPart::Hole(got)]), ty::text(), span),
        };
        node(ExprKind::Method { name: "Text.url_encode".into(), args: vec![text], optional: false }, ty::text(), span)
    }

    /// `re"…"`, `cron"…"` …
    pub(super) fn tagged(&mut self, tag: ast::Tag, text: &SmolStr, content: Span, span: Span) -> hir::Expr {
        match literals::tagged(tag, text, content) {
            Ok((value, t)) => node(ExprKind::Literal(value), t, span),
            Err(d) => {
                self.report(*d);
                let t = literals::type_of(tag);
                node(bad(span).kind, t, span)
            }
        }
    }
}

/// The text of a literal without holes.
pub(in crate::check) fn plain_text(parts: &[ast::TextPart]) -> Option<SmolStr> {
    match parts {
        [] => Some(SmolStr::default()),
        [ast::TextPart::Chars(c)] => Some(c.clone()),
        many => {
            let mut all = String::new();
            for p in many {
                match p {
                    ast::TextPart::Chars(c) => all.push_str(c),
                    ast::TextPart::Hole(_) => return None,
                }
            }
            Some(all.into())
        }
    }
}
