//! Events of connectors: what a delivery becomes, and how it shows who sent it.

mod acknowledge;
mod delivery;

use smol_str::SmolStr;

use super::cx::{Checker, Def};
use super::scope::{FrameKind, Made, is_error, node};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind, Verify};
use crate::ids::{EventId, FnId};
use crate::schemes::{self, Scheme};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, FieldTy, Ty, Type, builtin};
use crate::value::Value;

/// The shortest pause between two polls.
const POLL_AT_LEAST: i64 = 1_000;

impl Checker {
    /// The type of an event, and what conditions see of it.
    pub(super) fn define_event(&mut self, id: EventId, e: &ast::Event) {
        let t = self.resolve_type(&e.ty);
        let seen = self.seen_type(&t, e);
        if let Some(info) = self.events.get_mut(id.index()) {
            info.ty = t;
            info.seen = seen;
        }
    }

    fn seen_type(&mut self, t: &Ty, e: &ast::Event) -> Ty {
        if is_error(t) {
            return ty::error();
        }
        let Some(mut fields) = self.fields_of(t) else {
            let shown = self.show(t);
            self.error(
                codes::EVENT_INVALID,
                e.ty.span,
                format!("the type of an event is a record, and `{shown}` is none"),
                "",
                "declare a record for it: `type Alert = { name: Text, … }`",
            );
            return ty::error();
        };
        if let Some(part) = self.undecodable(t) {
            let part = self.show(&part);
            self.error(
                codes::EVENT_INVALID,
                e.ty.span,
                format!("an event cannot hold a `{part}`"),
                "",
                "events are kept, shown and sent again: plain values only",
            );
        }
        if fields.iter().any(|f| f.name == "meta") {
            self.error(
                codes::EVENT_INVALID,
                e.ty.span,
                "an event has no field `meta` of its own",
                "",
                "`meta` is where it came from and when; call the field something else",
            );
            return ty::error();
        }
        let meta = ty::of(Type::Named(builtin::EVENT_META, vec![]));
        fields.push(FieldTy { name: "meta".into(), ty: meta, default: None });
        ty::record(fields)
    }

    /// Checks what an event says and adds it to the program.
    pub fn check_event(&mut self, id: EventId) {
        let Some(info) = self.events.get(id.index()) else { return };
        let (decl, t, docs, span, connector) =
            (info.decl.clone(), info.ty.clone(), info.docs.clone(), info.span, info.connector);
        let name = info.name.clone();
        let home = super::cx::Home { module: info.module, connector: Some(connector) };
        let event = self.elsewhere(home, |c| {
            let source = c.event_source(&decl);
            let verify = c.event_verify(&decl);
            let origins = c.origins(&decl);
            let answer = c.event_answer(&decl);
            let each = decl.each.as_ref().map(|(e, _)| c.each(e, &name));
            // A sender that gives none is told apart by nothing, and every delivery of it is new.
            let maybe_text = ty::of(Type::Optional(ty::text()));
            let binder = decl.each.as_ref().map(|(_, b)| b.clone());
            let id =
                decl.id.as_ref().map(|e| c.of_delivery(e, &maybe_text, "the id of an event", binder.as_ref(), false));
            // Where the sender says none, the time of the delivery stands for it.
            let maybe_time = ty::optional(ty::time());
            let at =
                decl.at.as_ref().map(|e| c.of_delivery(e, &maybe_time, "the time of an event", binder.as_ref(), false));
            let emit = match &decl.emit {
                Some(e) => c.of_delivery(e, &t, &format!("what `{name}` emits"), binder.as_ref(), true),
                None => {
                    c.error(
                        codes::EVENT_INVALID,
                        span,
                        format!("the event `{name}` does not say what it emits"),
                        "",
                        "write `emit { field: body.field as Text, … }`",
                    );
                    FnId(0)
                }
            };
            let acknowledge = c.acknowledge(&decl, &name);
            let name = name.clone();
            hir::Event {
                connector,
                name,
                docs,
                ty: t,
                source,
                verify,
                origins,
                answer,
                each,
                id,
                at,
                emit,
                acknowledge,
                span,
            }
        });
        self.hir_events.push(event);
    }

    fn event_source(&mut self, e: &ast::Event) -> hir::EventSource {
        match &e.source {
            ast::EventSource::Webhook { path, span } => {
                let text = self.constant_text(path, "the path of a webhook");
                if let Some(p) = &text {
                    self.check_path(p, path.span);
                }
                if e.verify.is_none() {
                    self.report(
                        Diagnostic::error(codes::EVENT_VERIFY, "the webhook does not say who may send to it", *span, "anybody could")
                            .help("write `verify hmac(secret, header: \"x-signature\")`, `verify bearer(token)` or another scheme; when it cannot be checked, `verify none because \"…\"`"),
                    );
                }
                hir::EventSource::Webhook { path: text.unwrap_or_default() }
            }
            ast::EventSource::Poll { every, body, span } => {
                let every_ms = self.constant_duration(every, "`poll every`").unwrap_or(60_000);
                if every_ms < POLL_AT_LEAST {
                    self.error(
                        codes::CONST_RANGE,
                        every.span,
                        "a poll waits at least one second",
                        "too short",
                        "write `1s` or more",
                    );
                }
                self.nobody_sends(e, "a poll asks by itself");
                self.push_frame(FrameKind::Reading);
                self.limit_to(Effect::Reads, "a poll only reads", *span);
                let got = self.body(body, Some(&ty::json()), "a poll");
                let function = self.close_frame(Made::plain("poll", 0, ty::json(), *span), got).function;
                hir::EventSource::Poll { every_ms, function }
            }
            ast::EventSource::Feed { stream, call, .. } => self.feed(e, *stream, call),
        }
    }

    fn check_path(&mut self, path: &SmolStr, span: Span) {
        let good = path.starts_with('/')
            && path.len() > 1
            && path.len() <= 200
            && !path.contains("//")
            && !path.ends_with('/')
            && path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c))
            && !path.split('/').any(|s| s == "." || s == "..");
        if !good {
            self.error(
                codes::EVENT_INVALID,
                span,
                "this is no path of a webhook",
                "",
                "it begins with `/` and has letters, digits, `-`, `_`, `.` and `/`: `\"/alertmanager\"`",
            );
        }
        for (i, e) in self.hir_events.iter().enumerate() {
            if let hir::EventSource::Webhook { path: other } = &e.source
                && other == path
            {
                let (first, i) = (e.span, i);
                let name = self.hir_events.get(i).map(|e| e.name.clone()).unwrap_or_default();
                let same = self.hir_events.get(i).map(|e| e.connector) == self.home.connector;
                // Events of one connector may share a path: each looks at the delivery.
                if !same {
                    let d = Diagnostic::error(
                        codes::EVENT_INVALID,
                        format!("another connector's event `{name}` has this path"),
                        span,
                        "taken",
                    )
                    .label(first, "first here")
                    .help("a path belongs to one connector");
                    self.report(d);
                }
                return;
            }
        }
    }

    /// The arguments of a scheme: each becomes a function without parameters.
    fn event_verify(&mut self, e: &ast::Event) -> Option<Verify> {
        match e.verify.as_ref()? {
            ast::Verification::None { because, span } => {
                match because {
                    Some(b) => {
                        self.constant_text(b, "the reason");
                    }
                    None => self.error(
                        codes::EVENT_VERIFY,
                        *span,
                        "`verify none` needs a reason",
                        "",
                        "write `verify none because \"…\"`",
                    ),
                }
                Some(Verify { scheme: "none".into(), args: vec![] })
            }
            ast::Verification::Scheme(call) => self.scheme(call),
        }
    }

    fn scheme(&mut self, call: &ast::Expr) -> Option<Verify> {
        let ast::ExprKind::Call { callee, args, .. } = &call.kind else {
            if !matches!(call.kind, ast::ExprKind::Missing) {
                self.error(
                    codes::EVENT_VERIFY,
                    call.span,
                    "`verify` takes a scheme",
                    "",
                    "such as `verify bearer(token)` or `verify hmac(secret, header: \"x-signature\")`",
                );
            }
            return None;
        };
        let name = match &callee.kind {
            ast::ExprKind::Name(n) => n,
            _ => return None,
        };
        let Some(scheme) = schemes::find(&name.name) else {
            let names = schemes::SCHEMES.iter().map(|s| s.name);
            let d = Diagnostic::error(
                codes::EVENT_VERIFY,
                format!("there is no scheme `{}`", name.name),
                name.span,
                "not a scheme",
            );
            let d = match nearest(&name.name, names.clone()) {
                Some(near) => d
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
                None => d.help(format!(
                    "the schemes are {}",
                    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
                )),
            };
            self.report(d);
            return None;
        };
        Some(Verify { scheme: scheme.name.into(), args: self.scheme_args(scheme, args, call.span) })
    }

    pub(super) fn scheme_args(&mut self, scheme: &Scheme, args: &[ast::NamedArg], span: Span) -> Vec<(SmolStr, FnId)> {
        let mut given: Vec<Option<&ast::Expr>> = vec![None; scheme.params.len()];
        let mut next = 0;
        for a in args {
            let at = match &a.name {
                Some(n) => {
                    let at = scheme.params.iter().position(|p| p.name == n.name);
                    if at.is_none() {
                        let names: Vec<SmolStr> = scheme.params.iter().map(|p| SmolStr::new_static(p.name)).collect();
                        self.unknown(&format!("parameter of `{}`", scheme.name), n, &names, "");
                    }
                    at
                }
                None => {
                    next += 1;
                    if next > given.len() {
                        self.error(
                            codes::TYPE_ARGUMENTS,
                            a.value.span,
                            format!("`{}` takes at most {} arguments", scheme.name, given.len()),
                            "one too many",
                            "",
                        );
                    }
                    Some(next - 1)
                }
            };
            if let Some(slot) = at.and_then(|i| given.get_mut(i)) {
                *slot = Some(&a.value);
            }
        }
        let mut out = Vec::new();
        for (p, arg) in scheme.params.iter().zip(given) {
            let t = scheme_type(p.ty);
            let function = match (arg, p.default) {
                (Some(e), _) => self.setting_function(e, &t, &format!("`{}` of `{}`", p.name, scheme.name)),
                (None, Some(default)) => {
                    self.push_frame(FrameKind::Condition);
                    let value = node(ExprKind::Literal(scheme_default(default)), t.clone(), span);
                    self.close_frame(Made::plain(p.name, 0, t, span), value).function
                }
                (None, None) => {
                    self.error(
                        codes::TYPE_ARGUMENTS,
                        span,
                        format!("`{}` needs `{}`", scheme.name, p.name),
                        format!("`{}` missing", p.name),
                        format!("it is written `{}`", scheme.signature()),
                    );
                    continue;
                }
            };
            out.push((SmolStr::new_static(p.name), function));
        }
        out
    }

    /// The event that a path of a trigger names; reports what is none.
    pub fn event_of(&mut self, path: &ast::Path) -> Option<EventId> {
        let mut parts = path.parts.iter();
        let first = parts.next()?;
        let Some(mut def) = self.lookup_at(self.home, first) else {
            let names = self.names_in_scope();
            let std = format!("std.{}", first.name);
            if crate::stdlib::get(&std).is_some() {
                self.error(
                    codes::NAME_UNKNOWN,
                    first.span,
                    format!("there is no connector `{}` here", first.name),
                    "not known here",
                    format!("bring it into scope: `use {std}`"),
                );
            } else {
                let near = self.advice_of_module_near(&first.name);
                let help = near.as_deref().unwrap_or("declare it, or bring it into scope with `use`");
                self.unknown("connector", first, &names, help);
            }
            return None;
        };
        for part in parts {
            match def {
                Def::Bad => return None,
                Def::Module(_) | Def::Connector(_) => match self.member(def, part) {
                    Some(d) => def = d,
                    None => {
                        self.unknown_event(def, part);
                        return None;
                    }
                },
                _ => break,
            }
        }
        match def {
            Def::Event(id) => Some(id),
            Def::Bad => None,
            _ => {
                let shown = path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
                let help = match self.as_connector(def) {
                    Some(_) => format!("name one of its events: `{shown}.EVENT`"),
                    None => "a trigger names an event of a connector: `on alertmanager.firing as a`".into(),
                };
                self.error(codes::TRIGGER_EVENT, path.span, format!("`{shown}` is no event"), "no event", help);
                None
            }
        }
    }

    fn unknown_event(&mut self, of: Def, name: &ast::Ident) {
        let owner = self.namespace_name(of);
        let events: Vec<SmolStr> = self
            .as_connector(of)
            .and_then(|c| self.connector(c))
            .map(|c| c.names.iter().filter(|(_, n)| matches!(n.def, Def::Event(_))).map(|(k, _)| k.clone()).collect())
            .unwrap_or_default();
        let d = Diagnostic::error(
            codes::TRIGGER_EVENT,
            format!("`{owner}` has no event `{}`", name.name),
            name.span,
            "no such event",
        );
        let d = match nearest(&name.name, events.iter().map(SmolStr::as_str)) {
            Some(near) => d
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
            None if events.is_empty() => d.help(format!("`{owner}` has no events")),
            None => d.help(format!(
                "its events are {}",
                events.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", ")
            )),
        };
        self.report(d);
    }
}

fn scheme_type(written: &str) -> Ty {
    match written {
        // A scheme whose secret is not set accepts nothing.
        "Secret" | "Secret?" => ty::optional(ty::secret()),
        "Text?" => ty::optional(ty::text()),
        "Duration" => ty::duration(),
        "Url" => ty::of(Type::Url),
        "Cron" => ty::of(Type::Cron),
        "List<Text>" => ty::list(ty::text()),
        "Map<Text, Text>" => ty::map(ty::text(), ty::text()),
        "Bool" => ty::of(Type::Bool),
        _ => ty::text(),
    }
}

/// The value of a default in the table of schemes: a text, a truth, a duration in minutes, an empty map, or none.
fn scheme_default(written: &str) -> Value {
    if written == "{}" {
        return Value::Map(Default::default());
    }
    if let Ok(truth) = written.parse::<bool>() {
        return Value::Bool(truth);
    }
    if let Some(text) = written.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        return Value::text(text);
    }
    match written.strip_suffix('m').and_then(|m| m.parse::<i64>().ok()) {
        Some(minutes) => Value::Duration(minutes * 60_000),
        None => Value::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_a_scheme_is_a_value_of_its_type() {
        let feeds = crate::feeds::FEEDS.iter().map(|f| f.scheme);
        for p in schemes::SCHEMES.iter().copied().chain(feeds).flat_map(|s| s.params) {
            let Some(default) = p.default else { continue };
            let fits = match (scheme_default(default), p.ty) {
                (Value::Text(_), "Text") | (Value::Duration(_), "Duration") | (Value::Bool(_), "Bool") => true,
                (Value::Map(_), t) => t.starts_with("Map<"),
                (Value::None, t) => t.ends_with('?') && default == "none",
                _ => false,
            };
            assert!(fits, "{} = {default}", p.name);
        }
    }
}
