//! Policies: what their rules forbid, limit and require, and the conditions they ask.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, Home, PolicyInfo};
use super::expr::Want;
use super::scope::{FrameKind, Made, bad};
use super::ty;
use crate::diag::{Code, Diagnostic, codes, nearest};
use crate::hir::{
    self, Delegate, DelegateEngine, ExprKind, LocalId, NamedPrincipal, PolicyApproval, PolicyCondition, PolicyKind,
    PolicyRule, Principal, visit,
};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, PolicyRuleKind};
use crate::types::{Effect, Ty, Type, builtin};
use crate::value::Value;

const HOUR: i64 = 3_600_000;
/// The place of `call` among what conditions take.
const CALL: usize = 2;
/// Bytes of a file that a policy delegates to.
pub const MAX_DELEGATED: usize = 1 << 20;

/// What conditions of policies take, in order.
fn scope() -> [(&'static str, Ty); 6] {
    let named = |id| ty::of(Type::Named(id, vec![]));
    [
        ("run", named(builtin::POLICY_RUN)),
        ("runbook", named(builtin::POLICY_RUNBOOK)),
        ("call", named(builtin::POLICY_CALL)),
        ("time", ty::time()),
        ("approvals", ty::list(named(builtin::APPROVAL))),
        ("waiver", ty::optional(named(builtin::POLICY_WAIVER))),
    ]
}

/// Which clauses a rule takes, besides `where` and `unless`, and which of them it needs.
struct Takes {
    /// As messages call the rule.
    name: &'static str,
    clauses: &'static [&'static str],
    because: bool,
}

fn takes(kind: &PolicyRuleKind) -> Takes {
    let (name, clauses, because): (_, &'static [&'static str], _) = match kind {
        PolicyRuleKind::Applies(_) => ("applies where", &[], false),
        PolicyRuleKind::Forbid(_) => ("forbid", &["during", "because"], true),
        PolicyRuleKind::ForbidWaive => ("forbid waive", &["during", "because"], false),
        PolicyRuleKind::Require(_) => (
            "require approval",
            &["from", "quorum", "requester", "require comment", "within", "during", "because"],
            false,
        ),
        PolicyRuleKind::Limit { .. } => ("limit", &["by", "during", "because"], true),
        PolicyRuleKind::Delegate { .. } => ("delegate", &["query", "during"], false),
    };
    Takes { name, clauses, because }
}

impl Checker {
    pub(super) fn declare_policy(&mut self, home: Home, item: &ast::Item, p: &Arc<ast::Policy>) {
        let name = &p.name;
        if name.name.is_empty() {
            return;
        }
        if let Some(first) = self.policies.iter().find(|o| o.name == name.name) {
            let message = format!("there are two policies called `{}`", name.name);
            let d = Diagnostic::error(codes::POLICY_DUPLICATE, message, name.span, "again here")
                .label(first.span, "first here")
                .help("verdicts name the policy they come from, so it has a name of its own in the project");
            self.report(d);
        }
        self.policies.push(PolicyInfo {
            name: name.name.clone(),
            home,
            decl: Arc::clone(p),
            docs: item.docs.clone(),
            span: name.span,
            whole: item.span,
        });
    }

    /// Checks a policy and gives its part of the program.
    pub fn check_policy(&mut self, index: usize) -> Option<hir::Policy> {
        let info = self.policies.get(index)?;
        let (home, decl) = (info.home, Arc::clone(&info.decl));
        let mut policy = hir::Policy {
            name: info.name.clone(),
            module: self.modules.get(home.module).map(|m| m.name.clone()).unwrap_or_default(),
            docs: info.docs.clone(),
            applies: Vec::new(),
            rules: Vec::new(),
            text: self.sources.text(info.whole).to_owned(),
            span: info.span,
        };
        self.elsewhere(home, |c| {
            for rule in &decl.rules {
                match &rule.kind {
                    PolicyRuleKind::Applies(e) => policy.applies.push(c.policy_condition(e, "`applies where`")),
                    _ => policy.rules.extend(c.policy_rule(&policy.name, rule)),
                }
            }
            if policy.rules.is_empty() && decl.rules.iter().all(|r| matches!(r.kind, PolicyRuleKind::Applies(_))) {
                let d = Diagnostic::warning(
                    codes::POLICY_EMPTY,
                    format!("the policy `{}` has no rules", policy.name),
                    policy.span,
                    "allows everything",
                );
                c.report(d.help("add one: `forbid destroys during … because \"…\"`"));
            }
        });
        Some(policy)
    }

    fn policy_rule(&mut self, policy: &SmolStr, rule: &ast::PolicyRule) -> Option<PolicyRule> {
        let takes = takes(&rule.kind);
        self.wrong_clauses(&takes, rule);
        let effect = self.rule_effect(rule);
        let during: Vec<_> = rule.clauses.during.iter().map(|w| self.window(w)).collect();
        let condition = rule.clauses.condition.as_ref().map(|e| self.policy_condition(e, "`where`"));
        let unless = rule.clauses.unless.as_ref().map(|e| self.policy_condition(e, "`unless`"));
        let because = self.because(&takes, rule);
        let kind = self.policy_kind(policy, rule);
        let place = self.sources.line_col(rule.span.file, rule.span.start);
        let place = format!("{}:{}:{}", self.sources.name(rule.span.file), place.line, place.column);
        Some(PolicyRule {
            kind: kind?,
            effect: effect?,
            during: during.into_iter().collect::<Option<_>>()?,
            condition,
            unless,
            because,
            text: one_line(self.sources.text(rule.span)),
            place: place.into(),
            span: rule.span,
        })
    }

    fn wrong_clauses(&mut self, takes: &Takes, rule: &ast::PolicyRule) {
        let c = &rule.clauses;
        let expr = |e: &Option<ast::Expr>| e.as_ref().map(|e| e.span);
        let window = |w: &ast::Window| match w {
            ast::Window::Hours { span, .. } | ast::Window::Between { span, .. } => *span,
        };
        let written = [
            ("during", c.during.first().map(window)),
            ("because", expr(&c.because)),
            ("by", expr(&c.by)),
            ("from", c.from.first().map(|e| e.span)),
            ("quorum", expr(&c.quorum)),
            ("requester", c.requester.map(|(_, s)| s)),
            ("require comment", c.require_comment),
            ("within", expr(&c.within)),
            ("query", expr(&c.query)),
        ];
        for (name, span) in written {
            let Some(span) = span.filter(|_| !takes.clauses.contains(&name)) else { continue };
            let takes_list: Vec<String> =
                takes.clauses.iter().chain(&["where", "unless"]).map(|c| format!("`{c}`")).collect();
            let help = match (takes.name, name) {
                ("delegate", "because") => "the delegate's own messages say why".to_owned(),
                ("forbid", "from" | "quorum") => {
                    "to let people decide, write `require approval from group(\"sre\") for destroys`".to_owned()
                }
                ("limit", "within") => {
                    "the length of time stands behind `per`: `limit changes to 20 per 1h`".to_owned()
                }
                _ => format!("`{}` takes {}", takes.name, takes_list.join(", ")),
            };
            let message = format!("`{}` has no clause `{name}`", takes.name);
            self.error(codes::POLICY_RULE, span, message, "does not belong here", help);
        }
    }

    fn rule_effect(&mut self, rule: &ast::PolicyRule) -> Option<Effect> {
        let word = match &rule.kind {
            PolicyRuleKind::Forbid(word) | PolicyRuleKind::Limit { effect: word, .. } => word,
            PolicyRuleKind::Require(Some(word)) => word,
            PolicyRuleKind::Require(None) => {
                let help = "write `for destroys`, or `for changes` for every call that changes something";
                let message = "the rule does not say for which calls";
                self.error(codes::POLICY_RULE, rule.span, message, "no `for EFFECT`", help);
                return None;
            }
            _ => return Some(Effect::Changes),
        };
        match word.name.as_str() {
            "changes" => Some(Effect::Changes),
            "destroys" => Some(Effect::Destroys),
            "" => None,
            name @ ("reads" | "pure") => {
                let message =
                    format!("no policy is asked about what {}", if name == "pure" { "is pure" } else { name });
                let help = "policies are asked before calls that change something: `changes`, or only `destroys`";
                self.error(codes::POLICY_RULE, word.span, message, "never asked", help);
                None
            }
            name => {
                let message = format!("there is no effect `{name}`");
                let d = Diagnostic::error(codes::POLICY_RULE, message, word.span, "not an effect");
                let known = ["changes", "destroys"];
                let near = nearest(name, known).or_else(|| known.into_iter().find(|k| name.get(..5) == k.get(..5)));
                let d = match near {
                    Some(near) => d
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("write `{near}`"), vec![(word.span, near.to_owned())]),
                    None => d.help("a rule is about what `changes` (and so what destroys), or only what `destroys`"),
                };
                self.report(d);
                None
            }
        }
    }

    fn because(&mut self, takes: &Takes, rule: &ast::PolicyRule) -> Option<SmolStr> {
        let Some(e) = &rule.clauses.because else {
            if takes.because {
                let message = format!("this `{}` does not say why", takes.name);
                let help = "add `because \"…\"`: people read it when a call is denied";
                self.error(codes::POLICY_RULE, rule.span, message, "no `because`", help);
            }
            return None;
        };
        let text = self.constant_text(e, "the reason")?;
        if text.trim().is_empty() {
            self.error(
                codes::POLICY_RULE,
                e.span,
                "the reason is empty",
                "",
                "say what people should know when it denies",
            );
        }
        Some(text)
    }

    fn policy_kind(&mut self, policy: &SmolStr, rule: &ast::PolicyRule) -> Option<PolicyKind> {
        Some(match &rule.kind {
            PolicyRuleKind::Applies(_) => return None,
            PolicyRuleKind::Forbid(_) => PolicyKind::Forbid,
            PolicyRuleKind::ForbidWaive => PolicyKind::ForbidWaive,
            PolicyRuleKind::Require(_) => PolicyKind::Require(self.policy_approval(rule)?),
            PolicyRuleKind::Limit { effect, count, per } => {
                let key = rule.clauses.by.as_ref().map(|e| self.policy_key(e));
                let count = self.constant_count(count, "`limit`", 1, 1_000_000);
                let per_ms = self.constant_duration(per, "`limit … per`");
                let text = |e: &Option<ast::Expr>| e.as_ref().map_or("", |e| self.sources.text(e.span)).to_owned();
                let c = &rule.clauses;
                let parts = [text(&c.by), text(&c.condition), text(&c.unless)];
                let counter = format!("{policy} {} {}", effect.name, parts.map(|p| words(&p)).join(" | "));
                PolicyKind::Limit { count: count?, per_ms: per_ms?, key, counter: counter.into() }
            }
            PolicyRuleKind::Delegate { engine, file } => {
                PolicyKind::Delegate(self.delegate(engine, file, rule.clauses.query.as_ref(), rule.span)?)
            }
        })
    }

    fn policy_approval(&mut self, rule: &ast::PolicyRule) -> Option<PolicyApproval> {
        let c = &rule.clauses;
        if c.from.is_empty() {
            let help = "write `from group(\"sre\")` or `from user(\"ana\")`";
            self.error(codes::POLICY_RULE, rule.span, "the rule does not say who must agree", "no `from`", help);
            return None;
        }
        self.push_frame(FrameKind::Constant);
        let asked = self.principals(&c.from);
        self.pop_frame();
        let mut from = Vec::new();
        for who in &asked {
            let (e, is_group) = match who {
                Principal::User(e) => (e, false),
                Principal::Group(e) => (e, true),
            };
            match self.fold(e) {
                Some(Value::Text(name)) => from.push(NamedPrincipal { name, is_group, span: e.span }),
                _ if super::scope::is_error(&e.ty) => {}
                _ => {
                    let message = "who must agree is known when the program is compiled";
                    self.error(codes::CONST_REQUIRED, e.span, message, "not a constant", "write the name as a text");
                }
            }
        }
        let quorum = match &c.quorum {
            Some(e) => self.constant_count(e, "`quorum`", 1, 1_000)?,
            None => 1,
        };
        let within_ms = match &c.within {
            Some(e) => self.constant_duration(e, "`within`")?,
            None => HOUR,
        };
        (from.len() == asked.len()).then(|| PolicyApproval {
            from,
            quorum,
            allow_requester: c.requester.is_some_and(|(allowed, _)| allowed),
            require_comment: c.require_comment.is_some(),
            within_ms,
            quorum_span: c.quorum.as_ref().map_or(rule.span, |e| e.span),
        })
    }

    fn delegate(
        &mut self,
        engine: &ast::Ident,
        file: &ast::Expr,
        query: Option<&ast::Expr>,
        rule: Span,
    ) -> Option<Delegate> {
        let which = match engine.name.as_str() {
            "rego" => DelegateEngine::Rego,
            "cedar" => DelegateEngine::Cedar,
            other => {
                let message = format!("nobody is called `{other}` to delegate to");
                let d = Diagnostic::error(codes::POLICY_DELEGATE, message, engine.span, "not known");
                let d = match nearest(other, ["rego", "cedar"]).or((other == "opa").then_some("rego")) {
                    Some(near) => d
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("write `{near}`"), vec![(engine.span, near.to_owned())]),
                    None => d.help("delegate to `rego` or to `cedar`"),
                };
                self.report(d);
                return None;
            }
        };
        let path = self.constant_text(file, "the file of a delegate");
        let query_span = query.map_or(rule, |q| q.span);
        let query = match (which, query) {
            (DelegateEngine::Rego, None) => {
                let help = "name a rule of the file: `query \"data.rrb.deny\"`";
                self.error(
                    codes::POLICY_DELEGATE,
                    rule,
                    "a Rego delegate says which rule is asked",
                    "no `query`",
                    help,
                );
                None
            }
            (DelegateEngine::Rego, Some(q)) => self.rego_query(q),
            (DelegateEngine::Cedar, Some(q)) => {
                let help = "Cedar decides over all policies of the file: leave `query` out";
                self.error(
                    codes::POLICY_DELEGATE,
                    q.span,
                    "a Cedar delegate has no query",
                    "does not belong here",
                    help,
                );
                None
            }
            (DelegateEngine::Cedar, None) => Some(SmolStr::default()),
        };
        let path = path?;
        let text = self.delegated(which, &path, file.span)?;
        Some(Delegate { engine: which, file: path, text, query: query?, query_span })
    }

    fn rego_query(&mut self, e: &ast::Expr) -> Option<SmolStr> {
        let query = self.constant_text(e, "the query")?;
        let word = |p: &str| {
            p.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && p.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let mut parts = query.split('.');
        if parts.next() == Some("data") && parts.clone().count() >= 2 && parts.all(word) {
            return Some(query);
        }
        let help = "it is `data`, the package and the rule: `\"data.rrb.deny\"`";
        self.error(codes::POLICY_DELEGATE, e.span, "the query is no path of a rule", "", help);
        None
    }

    /// The text of the file; empty when nobody looked for files.
    fn delegated(&mut self, engine: DelegateEngine, path: &str, span: Span) -> Option<String> {
        let report = |c: &mut Self, message: String, help: String| {
            c.error(codes::POLICY_DELEGATE, span, message, "", help);
            None
        };
        let extension = if engine == DelegateEngine::Rego { ".rego" } else { ".cedar" };
        let inside = "files are named relative to `rrb.toml`, with `/`: `\"policies/guard.rego\"`".to_owned();
        if path.starts_with('/') || path.contains('\\') || path.split('/').any(|p| matches!(p, "" | "." | "..")) {
            return report(self, format!("`{path}` is no path inside the project"), inside);
        }
        if !path.ends_with(extension) {
            return report(
                self,
                format!("`{path}` does not end in `{extension}`"),
                format!("name the file `….{}`", &extension[1..]),
            );
        }
        let Some(files) = &self.files else { return Some(String::new()) };
        match files.get(path) {
            Some(Ok(text)) if text.len() > MAX_DELEGATED => {
                let message = format!("`{path}` has {} bytes; such a file may have {MAX_DELEGATED}", text.len());
                report(self, message, "split it, and delegate to each part".to_owned())
            }
            Some(Ok(text)) => Some(text.to_string()),
            Some(Err(why)) => {
                let message = format!("`{path}` cannot be read: {why}");
                report(self, message, "policies are whole or not at all: mend the file".to_owned())
            }
            None => {
                let near = nearest(path, files.keys().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
                let near = near.unwrap_or_else(|| inside.clone());
                report(self, format!("the project has no file `{path}`"), near)
            }
        }
    }

    fn begin_policy(&mut self, what: &str, at: Span) {
        self.push_frame(FrameKind::Condition);
        for (name, t) in scope() {
            self.param(&name.into(), t, at);
        }
        self.limit_to(Effect::Pure, &format!("{what} of a policy is pure"), at);
        if let Some(limit) = self.frames.last_mut().and_then(|f| f.limit.as_mut()) {
            limit.help = "a policy decides by what it is asked about: the run, the runbook, the call, the time, the approvals and the waiver".into();
        }
    }

    fn policy_condition(&mut self, e: &ast::Expr, what: &str) -> PolicyCondition {
        self.begin_policy(what, e.span);
        let got = self.condition(e);
        let read = |i: usize| self.frames.last().is_some_and(|f| f.read.get(i).copied().unwrap_or(false));
        let of_call = read(CALL) || read(CALL + 2) || read(CALL + 3);
        let mut of_rollback = false;
        visit::walk(&got, &mut |e, _, _| {
            if let ExprKind::Field { base, name, .. } = &e.kind {
                let call = matches!(base.kind, ExprKind::Local(LocalId(i)) if i as usize == CALL);
                of_rollback |= call && name == "rollback";
            }
        });
        let function =
            self.close_frame(Made::plain(what.trim_matches('`'), scope().len(), ty::boolean(), e.span), got).function;
        PolicyCondition { function, text: words(self.sources.text(e.span)).into(), of_call, of_rollback }
    }

    /// What a limit counts by: any plain value.
    fn policy_key(&mut self, e: &ast::Expr) -> FnId {
        self.begin_policy("the key of a `limit`", e.span);
        let mut got = self.expr(e, &Want::Any);
        if let Some(part) = self.unjsonable(&got.ty) {
            let code: Code = if matches!(*part, Type::Secret) { codes::TYPE_SECRET } else { codes::POLICY_RULE };
            let part = self.show(&part);
            let help = "a key is a plain value, or a list of some: `by [runbook.name, call.instance]`";
            self.error(code, e.span, format!("a key cannot hold a `{part}`"), "", help);
            got = bad(e.span);
        }
        let t = got.ty.clone();
        self.close_frame(Made::plain("limit by", scope().len(), t, e.span), got).function
    }
}

/// Without line breaks and double spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A rule in one line of at most 120 characters.
fn one_line(text: &str) -> SmolStr {
    let text = words(text);
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")).into(),
        None => text.into(),
    }
}
