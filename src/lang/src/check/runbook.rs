//! Runbooks: the header's clauses, the body, and what runs after it.

use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, ParamInfo, RunbookInfo};
use super::expr::Want;
use super::scope::{FrameKind, Made, bad};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, Concurrency, Dedupe, FunctionKind, GiveUp, Limit, Trigger, TriggerKind};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, ConcurrencyMode, HeaderKind, Missed};
use crate::types::{Effect, Type, builtin};
use crate::value::Value;

const HOUR: i64 = 3_600_000;
/// The severity of a runbook that does not say: `medium`.
const MEDIUM: u32 = 2;

fn word(kind: &HeaderKind) -> &'static str {
    match kind {
        HeaderKind::Owner(_) => "owner",
        HeaderKind::Severity(_) => "severity",
        HeaderKind::Tags(_) => "tags",
        HeaderKind::Controls(_) => "controls",
        HeaderKind::On(_) | HeaderKind::OnSeveral(_) | HeaderKind::Every { .. } | HeaderKind::At { .. } => "on",
        HeaderKind::Dedupe { .. } => "dedupe",
        HeaderKind::Limit { .. } => "limit",
        HeaderKind::Concurrency { .. } => "concurrency",
        HeaderKind::Timeout(_) => "timeout",
        HeaderKind::GiveUp { .. } => "give up",
        HeaderKind::CancelWhen { .. } => "cancel when",
        HeaderKind::NoRollback => "no rollback",
        HeaderKind::Shadow => "shadow",
    }
}

impl Checker {
    /// Parameters come from events, the API and the command line.
    pub(super) fn check_runbook_params(&mut self, r: &ast::Runbook, params: &[ParamInfo]) {
        for p in params {
            let Some(part) = self.undecodable(&p.ty) else { continue };
            let span = r.params.iter().find(|w| w.name.name == p.name).map_or(p.span, |w| w.ty.span);
            let shown = self.show(&part);
            let help = match &*part {
                Type::Secret => "declare a setting for it: `settings { token: Secret }`",
                _ => "parameters come from events, the API and the command line: plain values, lists and records",
            };
            self.error(codes::TYPE_DECODE, span, format!("a runbook cannot take a `{shown}`"), "", help);
        }
    }

    /// Checks a runbook and gives its part of the program.
    pub fn check_runbook(&mut self, index: usize) -> Option<hir::Runbook> {
        let r = self.runbooks.get(index)?;
        let info = RunbookInfo {
            name: r.name.clone(),
            home: r.home,
            decl: Arc::clone(&r.decl),
            docs: r.docs.clone(),
            span: r.span,
            params: Arc::clone(&r.params),
        };
        Some(self.elsewhere(info.home, |c| c.runbook(&info)))
    }

    fn runbook(&mut self, info: &RunbookInfo) -> hir::Runbook {
        let decl = Arc::clone(&info.decl);
        let mut out = hir::Runbook {
            name: info.name.clone(),
            module: self.modules.get(info.home.module).map(|m| m.name.clone()).unwrap_or_default(),
            docs: info.docs.clone(),
            params: info
                .params
                .iter()
                .map(|p| hir::Param {
                    name: p.name.clone(),
                    docs: p.docs.clone(),
                    ty: p.ty.clone(),
                    default: p.default,
                })
                .collect(),
            body: FnId(0),
            on_failure: None,
            finally: None,
            owner: None,
            severity: MEDIUM,
            tags: Vec::new(),
            controls: Vec::new(),
            triggers: Vec::new(),
            dedupe: None,
            limit: Limit { count: 100, per_ms: HOUR, key: None },
            concurrency: None,
            timeout_ms: None,
            give_up: None,
            cancel_when: Vec::new(),
            rollback: true,
            shadow: false,
            span: info.span,
        };
        self.header(&decl, info, &mut out);
        self.body_of(&decl, info, &mut out);
        out
    }

    fn header(&mut self, decl: &ast::Runbook, info: &RunbookInfo, out: &mut hir::Runbook) {
        let mut seen: HashMap<&'static str, Span> = HashMap::new();
        let mut triggers: Vec<(String, Span)> = Vec::new();
        for clause in &decl.header {
            let name = word(&clause.kind);
            let many = matches!(name, "on" | "cancel when");
            if !many && let Some(first) = seen.insert(name, clause.span) {
                let d = Diagnostic::error(
                    codes::HEADER_REPEATED,
                    format!("`{name}` stands twice in the header"),
                    clause.span,
                    "again here",
                )
                .label(first, "first here")
                .help("keep one of them");
                self.report(d);
                continue;
            }
            if name == "on" {
                self.repeated_trigger(clause, &mut triggers);
            }
            self.clause(clause, info, out);
        }
    }

    /// The same trigger a second time could never start anything.
    fn repeated_trigger(&mut self, clause: &ast::HeaderClause, seen: &mut Vec<(String, Span)>) {
        let text = match &clause.kind {
            HeaderKind::On(on) => {
                let path: Vec<&str> = on.event.parts.iter().map(|p| p.name.as_str()).collect();
                let binder = on.binder.as_ref().map(|b| b.name.to_string());
                let part = |e: &Option<ast::Expr>| {
                    e.as_ref().map(|e| self.sources.text(e.span).to_owned()).unwrap_or_default()
                };
                let condition = words(&part(&on.condition), binder.as_deref());
                format!("{} [{}] {condition}", path.join("."), part(&on.instance))
            }
            HeaderKind::OnSeveral(on) => self.correlation_text(on).into(),
            _ => words(self.sources.text(clause.span), None),
        };
        if let Some((_, first)) = seen.iter().find(|(t, _)| *t == text) {
            let d = Diagnostic::error(
                codes::TRIGGER_DUPLICATE,
                "the runbook has this trigger twice",
                clause.span,
                "again here",
            )
            .label(*first, "first here")
            .help("an event starts a runbook at most once, by its first matching trigger: remove one");
            self.report(d);
        }
        seen.push((text, clause.span));
    }

    fn clause(&mut self, clause: &ast::HeaderClause, info: &RunbookInfo, out: &mut hir::Runbook) {
        let span = clause.span;
        match &clause.kind {
            HeaderKind::Owner(e) => out.owner = self.constant_text(e, "`owner`"),
            HeaderKind::Severity(name) => out.severity = self.severity(name),
            HeaderKind::Tags(e) => out.tags = self.constant_texts(e, "`tags`"),
            HeaderKind::Controls(e) => out.controls = self.constant_texts(e, "`controls`"),
            HeaderKind::On(on) => {
                let kind = self.event_trigger(on, info, span);
                out.triggers.extend(kind.map(|kind| Trigger { kind, span }));
            }
            HeaderKind::OnSeveral(on) => {
                let kind = self.correlation(on, info);
                out.triggers.extend(kind.map(|c| Trigger { kind: TriggerKind::Several(Box::new(c)), span }));
            }
            HeaderKind::Every { every, missed, with } => {
                let every_ms = self.constant_duration(every, "`every`").unwrap_or(HOUR);
                if every_ms < 1_000 {
                    self.error(codes::CONST_RANGE, every.span, "`every` is at least one second", "too short", "");
                }
                let with = self.clock_with(with, info, span);
                let missed = missed.unwrap_or(Missed::RunOnce);
                out.triggers.push(Trigger { kind: TriggerKind::Every { every_ms, missed, with }, span });
            }
            HeaderKind::At { cron, zone, missed, with } => {
                let kind = self.cron(cron, zone.as_ref(), *missed, with, info, span);
                out.triggers.extend(kind.map(|kind| Trigger { kind, span }));
            }
            HeaderKind::Dedupe { by, within } => {
                let key = by.as_ref().map(|e| self.key(e, "dedupe", info));
                let within_ms = self.constant_duration(within, "`dedupe … for`").unwrap_or(HOUR);
                out.dedupe = Some(Dedupe { key, within_ms });
            }
            HeaderKind::Limit { count, per, by } => {
                let key = by.as_ref().map(|e| self.key(e, "limit", info));
                let count = self.constant_count(count, "`limit`", 1, 1_000_000).unwrap_or(1);
                let per_ms = self.constant_duration(per, "`limit … per`").unwrap_or(HOUR);
                out.limit = Limit { count, per_ms, key };
            }
            HeaderKind::Concurrency { count, by, mode } => {
                let key = by.as_ref().map(|e| self.key(e, "concurrency", info));
                let count = self.constant_count(count, "`concurrency`", 1, 10_000).unwrap_or(1);
                out.concurrency = Some(Concurrency { count, key, mode: mode.unwrap_or(ConcurrencyMode::Queue) });
            }
            HeaderKind::Timeout(e) => out.timeout_ms = self.constant_duration(e, "`timeout`"),
            HeaderKind::GiveUp { count, within, by } => {
                let key = by.as_ref().map(|e| self.key(e, "give up", info));
                let count = self.constant_count(count, "`give up after`", 1, 1_000).unwrap_or(1);
                let within_ms = self.constant_duration(within, "`give up … in`").unwrap_or(HOUR);
                out.give_up = Some(GiveUp { count, within_ms, key });
            }
            HeaderKind::CancelWhen { on, because } => {
                out.cancel_when.extend(self.cancel_when(on, because.as_ref(), info, span));
            }
            HeaderKind::NoRollback => out.rollback = false,
            HeaderKind::Shadow => out.shadow = true,
        }
    }

    fn severity(&mut self, name: &ast::Ident) -> u32 {
        let all: Vec<SmolStr> =
            self.variants(builtin::RUNBOOK_SEVERITY).unwrap_or_default().iter().map(|v| v.name.clone()).collect();
        if let Some(i) = all.iter().position(|v| *v == name.name) {
            return u32::try_from(i).unwrap_or(MEDIUM);
        }
        if !name.name.is_empty() {
            let d = Diagnostic::error(
                codes::TYPE_VARIANT,
                format!("there is no severity `{}`", name.name),
                name.span,
                "not a severity",
            );
            let d = match nearest(&name.name, all.iter().map(SmolStr::as_str)) {
                Some(near) => d
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
                None => d.help(format!(
                    "a runbook is {}",
                    all.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ")
                )),
            };
            self.report(d);
        }
        MEDIUM
    }

    fn constant_texts(&mut self, e: &ast::Expr, what: &str) -> Vec<SmolStr> {
        match self.constant(e, &ty::list(ty::text()), what) {
            Some(Value::List(items)) => items.iter().filter_map(|v| v.as_text().map(SmolStr::from)).collect(),
            _ => Vec::new(),
        }
    }

    fn cron(
        &mut self,
        cron: &ast::Expr,
        zone: Option<&ast::Expr>,
        missed: Option<Missed>,
        with: &[ast::NamedArg],
        info: &RunbookInfo,
        span: Span,
    ) -> Option<TriggerKind> {
        let value = match &cron.kind {
            ast::ExprKind::Text(_) => {
                let d = Diagnostic::error(
                    codes::TYPE_MISMATCH,
                    "`at` takes a cron expression",
                    cron.span,
                    "this is `Text`",
                )
                .help("put `cron` before the quotes: `at cron\"0 3 * * *\"`")
                .fix("make it a cron expression", vec![(cron.span.before(), "cron".into())]);
                self.report(d);
                None
            }
            _ => self.constant(cron, &ty::cron(), "`at`"),
        };
        let zone = match zone {
            Some(z) => {
                let name = self.constant_text(z, "the time zone");
                if let Some(n) = &name
                    && jiff::tz::TimeZone::get(n).is_err()
                {
                    self.error(
                        codes::TYPE_LITERAL,
                        z.span,
                        format!("there is no time zone `{n}`"),
                        "",
                        "use a name of the IANA database: `\"Europe/Berlin\"`, `\"UTC\"`",
                    );
                }
                name
            }
            None => None,
        };
        let with = self.clock_with(with, info, span);
        match value? {
            Value::Cron(cron) => {
                Some(TriggerKind::Cron { cron, zone, missed: missed.unwrap_or(Missed::RunOnce), with })
            }
            _ => None,
        }
    }

    /// A key of the header: any plain value made of parameters and settings.
    fn key(&mut self, e: &ast::Expr, what: &str, info: &RunbookInfo) -> FnId {
        self.push_frame(FrameKind::Condition);
        self.declare_params(&info.params);
        self.limit_to(Effect::Pure, &format!("the key of `{what}` is pure"), e.span);
        let mut got = self.key_value(e);
        if let Some(part) = self.unjsonable(&got.ty) {
            let code = if matches!(*part, Type::Secret) { codes::TYPE_SECRET } else { codes::HEADER_CLAUSE };
            let part = self.show(&part);
            self.error(
                code,
                e.span,
                format!("a key cannot hold a `{part}`"),
                "",
                "a key is a plain value, or a list of some: `by [cluster, node]`",
            );
            got = bad(e.span);
        }
        let t = got.ty.clone();
        let made = Made::plain(format!("{} {what}", info.name), info.params.len(), t, e.span);
        self.close_frame(made, got).function
    }

    /// A list literal is a key of parts that need no common type.
    pub(super) fn key_value(&mut self, e: &ast::Expr) -> hir::Expr {
        match &e.kind {
            ast::ExprKind::List(_) => {
                let mixed = self.quietly(|c| c.expr(e, &Want::Any)).is_none();
                let want = if mixed { Want::Ty(ty::json()) } else { Want::Any };
                self.expr(e, &want)
            }
            _ => self.expr(e, &Want::Any),
        }
    }

    fn body_of(&mut self, decl: &ast::Runbook, info: &RunbookInfo, out: &mut hir::Runbook) {
        let n = info.params.len();
        self.push_frame(FrameKind::Runbook);
        self.declare_params(&info.params);
        let span = match (decl.body.first(), decl.body.last()) {
            (Some(a), Some(b)) => a.span.to(b.span),
            _ => info.span,
        };
        let body = self.stmts_expr(&decl.body, span, &Want::Drop);
        let handler = |name: SmolStr, params: usize| Made {
            kind: FunctionKind::Handler,
            ..Made::plain(name, params, ty::nothing(), info.span)
        };
        let made = Made { docs: info.docs.clone(), ..handler(info.name.clone(), n) };
        out.body = self.close_frame(made, body).function;
        if let Some((binder, block)) = &decl.on_failure {
            self.push_frame(FrameKind::Handler);
            self.declare_params(&info.params);
            let failure = ty::of(Type::Named(builtin::FAILURE, vec![]));
            match binder {
                Some(b) => {
                    self.param(&b.name, failure, b.span);
                }
                None => {
                    self.temp(failure, block.span);
                }
            }
            let body = self.block_expr(block, &Want::Drop);
            out.on_failure =
                Some(self.close_frame(handler(format!("{} on failure", info.name).into(), n + 1), body).function);
        }
        if let Some(block) = &decl.finally {
            self.push_frame(FrameKind::Handler);
            self.declare_params(&info.params);
            let body = self.block_expr(block, &Want::Drop);
            out.finally = Some(self.close_frame(handler(format!("{} finally", info.name).into(), n), body).function);
        }
    }
}

/// A condition without its spaces and with one name for its event, to see whether two are the same.
fn words(text: &str, binder: Option<&str>) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            out.push_str(if Some(word.as_str()) == binder { "\u{1}" } else { &word });
            out.push(' ');
            word.clear();
        }
        if !c.is_whitespace() {
            out.push(c);
        }
    }
    out
}
