//! The windows of policies: known when compiled, wrong to the character.

use smol_str::SmolStr;

use super::cx::Checker;
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::span::Span;
use crate::syntax::ast::{self, ExprKind, TextPart};
use crate::value::Value;
use crate::windows::{self, Window, Wrong};

impl Checker {
    /// A window; none when it was reported.
    pub(super) fn window(&mut self, window: &ast::Window) -> Option<Window> {
        match window {
            ast::Window::Between { from, to, span } => {
                let from = self.moment(from);
                let to = self.moment(to);
                let (from, to) = (from?, to?);
                if to <= from {
                    let help = "write the earlier time first: `between START and END`";
                    self.error(codes::POLICY_WINDOW, *span, "the window ends before it begins", "never open", help);
                    return None;
                }
                Some(Window::Between { from, to })
            }
            ast::Window::Hours { kind, from, to, zone, span } => {
                let weekly = match kind.name.as_str() {
                    "weekly" => true,
                    "daily" => false,
                    other => {
                        self.unknown_window(other, kind.span);
                        return None;
                    }
                };
                let zone = self.zone(zone.as_deref(), *span);
                if weekly {
                    let from = self.written(from, windows::week_minute);
                    let to = self.written(to, windows::week_minute);
                    let (zone, from, to) = (zone?, from?, to?);
                    self.not_empty(from == to, *span)?;
                    Some(Window::Weekly { from, to, zone })
                } else {
                    let from = self.written(from, windows::day_minute);
                    let to = self.written(to, windows::day_minute);
                    let (zone, from, to) = (zone?, from?, to?);
                    self.not_empty(from == to, *span)?;
                    Some(Window::Daily { from, to, zone })
                }
            }
        }
    }

    fn not_empty(&mut self, empty: bool, span: Span) -> Option<()> {
        if empty {
            let help = "give it another end, or leave `during` out to forbid it always";
            self.error(codes::POLICY_WINDOW, span, "the window ends when it begins", "never or always open", help);
        }
        (!empty).then_some(())
    }

    fn unknown_window(&mut self, name: &str, span: Span) {
        if name.is_empty() {
            return;
        }
        let message = format!("there is no window `{name}`");
        let d = Diagnostic::error(codes::POLICY_WINDOW, message, span, "not a window");
        let d = match nearest(name, ["weekly", "daily", "between"]) {
            Some("between") => d.help("write `between time\"…\" and time\"…\"`, without parentheses"),
            Some(near) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(span, near.to_owned())])
            }
            None => {
                d.help("a window is `weekly(… to … in …)`, `daily(… to … in …)` or `between time\"…\" and time\"…\"`")
            }
        };
        self.report(d);
    }

    fn moment(&mut self, e: &ast::Expr) -> Option<i64> {
        if let ExprKind::Text(_) = e.kind {
            let d = Diagnostic::error(codes::TYPE_MISMATCH, "`between` takes times", e.span, "this is `Text`")
                .help("put `time` before the quotes: `time\"2026-12-20T00:00:00Z\"`")
                .fix("make it a time", vec![(e.span.before(), "time".into())]);
            self.report(d);
            return None;
        }
        match self.constant(e, &ty::time(), "`between`")? {
            Value::Time(at) => Some(at),
            _ => None,
        }
    }

    fn zone(&mut self, zone: Option<&ast::Expr>, window: Span) -> Option<SmolStr> {
        let Some(e) = zone else {
            let help = "say in which time zone: `in \"Europe/Berlin\"`, `in \"UTC\"`";
            self.error(codes::POLICY_WINDOW, window, "the window has no time zone", "whose clock?", help);
            return None;
        };
        let name = self.constant_text(e, "the time zone")?;
        if windows::is_zone(&name) {
            return Some(name);
        }
        let span = content(e).unwrap_or(e.span);
        let d = Diagnostic::error(codes::POLICY_WINDOW, format!("there is no time zone `{name}`"), span, "not a zone");
        let d = match windows::nearest_zone(&name) {
            Some(near) => d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(span, near)]),
            None => d.help("use a name of the IANA database: `\"Europe/Berlin\"`, `\"UTC\"`"),
        };
        self.report(d);
        None
    }

    fn written<T>(&mut self, e: &ast::Expr, read: fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let text = self.constant_text(e, "a time of a window")?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let offset = |n: usize| u32::try_from(n).unwrap_or(0);
                let span = content(e).map_or(e.span, |c| {
                    let start = (c.start + offset(wrong.at)).min(c.end);
                    Span::new(c.file, start, (start + offset(wrong.len)).min(c.end))
                });
                self.error(codes::POLICY_WINDOW, span, wrong.message, "", wrong.help);
                None
            }
        }
    }
}

/// Between the quotes of a plain text, whose characters stand as they are.
fn content(e: &ast::Expr) -> Option<Span> {
    let ExprKind::Text(parts) = &e.kind else { return None };
    let length = match parts.as_slice() {
        [] => 0,
        [TextPart::Chars(chars)] => chars.len(),
        _ => return None,
    };
    let plain = (e.span.end - e.span.start) as usize == length + 2;
    plain.then(|| Span::new(e.span.file, e.span.start + 1, e.span.end - 1))
}
