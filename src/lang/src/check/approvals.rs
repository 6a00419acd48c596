//! Approvals that nobody can give, and waivers that nobody signed or that have run out.
//!
//! Only names and numbers that are written plainly are looked at; what is computed is checked when the run asks.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::summary::literal;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{Approve, Expr, ExprKind, PolicyApproval, PolicyKind, Principal, Program, Waive, visit};
use crate::project::ProjectConfig;
use crate::span::Span;
use crate::types::{Ty, Type};
use crate::value::Value;
use crate::vm::protocol::Millis;

const DAY: Millis = 24 * 3_600_000;

/// How long before its end a waiver is spoken of.
const SOON: Millis = 14 * DAY;

/// Reports approvals nobody can give, and waivers by unknown people or past their date. Without `today` no date is checked.
pub fn run(program: &Program, config: &ProjectConfig, today: Option<Millis>) -> Vec<Diagnostic> {
    let mut pass = Pass { config, today, diagnostics: Vec::new() };
    for root in visit::roots(program) {
        visit::walk(root, &mut |expr, _, _| match &expr.kind {
            ExprKind::Approve(approve) => pass.approve(approve),
            ExprKind::Waive(waive) => pass.waive(waive),
            _ => {}
        });
    }
    for rule in program.policies.iter().flat_map(|p| &p.rules) {
        if let PolicyKind::Require(approval) = &rule.kind {
            pass.required(approval);
        }
    }
    pass.diagnostics
}

struct Pass<'a> {
    config: &'a ProjectConfig,
    today: Option<Millis>,
    diagnostics: Vec<Diagnostic>,
}

/// Who can be asked.
#[derive(Default)]
struct Pool {
    people: BTreeSet<SmolStr>,
    /// A name is computed, or unknown and reported: nothing can be said of the whole.
    open: bool,
}

/// A question, however it is asked.
struct Asked<'a> {
    from: &'a [Principal],
    quorum: &'a Expr,
    allow_requester: bool,
}

impl Pass<'_> {
    /// What a policy requires.
    fn required(&mut self, approval: &PolicyApproval) {
        let text = |value: Value, span: Span| Expr { kind: ExprKind::Literal(value), ty: Ty::new(Type::Text), span };
        let from: Vec<Principal> = approval
            .from
            .iter()
            .map(|who| {
                let name = text(Value::Text(who.name.clone()), who.span);
                if who.is_group { Principal::Group(name) } else { Principal::User(name) }
            })
            .collect();
        let quorum = text(Value::Int(approval.quorum.into()), approval.quorum_span);
        self.asked(&Asked { from: &from, quorum: &quorum, allow_requester: approval.allow_requester }, Vec::new());
    }

    fn approve(&mut self, approve: &Approve) {
        let later: Vec<Pool> = approve.escalate.iter().map(|(to, _)| self.pool(to)).collect();
        let (from, quorum) = (&approve.from, &approve.quorum);
        self.asked(&Asked { from, quorum, allow_requester: approve.allow_requester }, later);
    }

    fn asked(&mut self, approve: &Asked<'_>, later: Vec<Pool>) {
        if approve.from.is_empty() {
            // It does not say who is asked, which is a mistake of its own.
            return;
        }
        let mut pool = self.pool(approve.from);
        if let (false, Some(first), Some(last)) = (pool.open, approve.from.first(), approve.from.last())
            && pool.people.is_empty()
            && later.iter().all(|l| !l.open && l.people.is_empty())
        {
            let span = place(first).to(place(last));
            let error =
                Diagnostic::error(codes::APPROVAL_NOBODY, "nobody can give this approval", span, "has no members");
            let name = literal(name(first)).unwrap_or_default();
            self.diagnostics
                .push(error.help(format!("add people to `{name}` below `[groups]` in rrb.toml, or ask another group")));
            return;
        }
        for more in later {
            pool.open |= more.open;
            pool.people.extend(more.people);
        }
        self.quorum(approve, &pool);
    }

    fn quorum(&mut self, approve: &Asked<'_>, pool: &Pool) {
        let ExprKind::Literal(Value::Int(quorum)) = approve.quorum.kind else { return };
        let span = approve.quorum.span;
        let size = i64::try_from(pool.people.len()).unwrap_or(i64::MAX);
        let people = |n: i64| if n == 1 { "1 person is".to_owned() } else { format!("{n} people are") };
        if quorum < 1 {
            let message = format!("a quorum of {quorum} asks nobody");
            let error = Diagnostic::error(codes::APPROVAL_QUORUM, message, span, "must be at least 1");
            self.diagnostics.push(error.help("leave the clause out for a quorum of 1"));
        } else if pool.open {
        } else if quorum > size {
            let message = format!("the quorum is {quorum}, but only {} asked", people(size));
            let mut error = Diagnostic::error(codes::APPROVAL_QUORUM, message, span, "more than are asked");
            for principal in approve.from {
                error = error.label(place(principal), members(self.config, principal));
            }
            self.diagnostics.push(error.help(format!("ask more people, or lower the quorum to at most {size}")));
        } else if quorum == size && size > 1 && !approve.allow_requester {
            let message = format!("all {size} people who are asked must agree, and who starts a run may not");
            let warning = Diagnostic::warning(codes::APPROVAL_EVERYBODY, message, span, "everybody");
            self.diagnostics.push(
                warning
                    .note("a run that one of them starts by hand can never be approved; one that an event starts can")
                    .help("ask one person more, lower the quorum, or write `allow requester`"),
            );
        }
    }

    fn pool(&mut self, principals: &[Principal]) -> Pool {
        let mut pool = Pool::default();
        for principal in principals {
            let Some(name) = literal(name(principal)) else {
                pool.open = true;
                continue;
            };
            match principal {
                Principal::User(e) if !self.config.users.contains_key(&name) => {
                    pool.open = true;
                    self.unknown(e.span, &name, "user");
                }
                Principal::User(_) => {
                    pool.people.insert(name);
                }
                Principal::Group(e) => match self.config.members(&name) {
                    Some(members) => pool.people.extend(members.iter().cloned()),
                    None => {
                        pool.open = true;
                        self.unknown(e.span, &name, "group");
                    }
                },
            }
        }
        pool
    }

    fn unknown(&mut self, span: Span, name: &str, kind: &str) {
        let (users, groups) = (self.config.users.keys(), self.config.groups.keys());
        let (same, other): (Vec<&str>, Vec<&str>) = match kind {
            "user" => (users.map(SmolStr::as_str).collect(), groups.map(SmolStr::as_str).collect()),
            _ => (groups.map(SmolStr::as_str).collect(), users.map(SmolStr::as_str).collect()),
        };
        let message = format!("the project has no {kind} `{name}`");
        let error = Diagnostic::error(codes::APPROVAL_UNKNOWN_PRINCIPAL, message, span, format!("no such {kind}"));
        let other_kind = if kind == "user" { "group" } else { "user" };
        let error = if other.contains(&name) {
            error.help(format!("`{name}` is a {other_kind}: write `{other_kind}({name:?})`"))
        } else {
            suggest(error, span, name, &same, kind)
        };
        self.diagnostics.push(error);
    }

    fn waive(&mut self, waive: &Waive) {
        let (users, groups) = (&self.config.users, &self.config.groups);
        if !users.contains_key(&waive.by) && !groups.contains_key(&waive.by) {
            let known: Vec<&str> = groups.keys().chain(users.keys()).map(SmolStr::as_str).collect();
            let message = format!("the waiver is signed by `{}`, who is no user or group of the project", waive.by);
            let code = codes::APPROVAL_UNKNOWN_PRINCIPAL;
            let error = Diagnostic::error(code, message, waive.by_span, "no such user or group");
            self.diagnostics.push(suggest(error, waive.by_span, &waive.by, &known, "group"));
        }
        if self.today.is_some_and(|today| waive.until <= today) {
            let date = jiff::Timestamp::from_millisecond(waive.until).map_or_else(|_| String::new(), |t| t.to_string());
            let message = format!("the waiver ran out on {}", date.get(..10).unwrap_or(&date));
            let error = Diagnostic::error(codes::APPROVAL_WAIVER_EXPIRED, message, waive.until_span, "in the past");
            self.diagnostics
                .push(error.help("look at the exception again: give it a new date, or replace it with an `approve`"));
        } else if let Some(left) =
            self.today.map(|today| waive.until.saturating_sub(today)).filter(|left| *left <= SOON)
        {
            let days = left / DAY;
            let when = match days {
                0 => "in less than a day".to_owned(),
                1 => "tomorrow".to_owned(),
                _ => format!("in {days} days"),
            };
            let message = format!("the waiver runs out {when}");
            let warning =
                Diagnostic::warning(codes::APPROVAL_WAIVER_ENDING, message, waive.until_span, "then nothing runs");
            self.diagnostics.push(warning.help(
                "look at the exception while there is time: give it a new date, or replace it with an `approve`",
            ));
        }
    }
}

fn suggest(error: Diagnostic, span: Span, name: &str, known: &[&str], kind: &str) -> Diagnostic {
    match nearest(name, known.iter().copied()) {
        Some(near) => error
            .help(format!("did you mean `{near}`?"))
            .fix(format!("write `{near}`"), vec![(span, format!("{near:?}"))]),
        None if kind == "user" => error.help(format!("add `[users.{name}]` to rrb.toml")),
        None if known.is_empty() => {
            error.help(format!("add `{name} = [\"…\"]` below `[groups]` in rrb.toml, with users in it"))
        }
        None => {
            let names = known.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            error.help(format!("the project has {names}; or add `{name}` below `[groups]` in rrb.toml"))
        }
    }
}

fn name(principal: &Principal) -> &Expr {
    match principal {
        Principal::User(e) | Principal::Group(e) => e,
    }
}

fn place(principal: &Principal) -> Span {
    name(principal).span
}

fn members(config: &ProjectConfig, principal: &Principal) -> String {
    let name = literal(name(principal)).unwrap_or_default();
    match principal {
        Principal::User(_) => "one person".to_owned(),
        Principal::Group(_) => match config.members(&name).unwrap_or_default() {
            [] => "nobody".to_owned(),
            members => members.join(", "),
        },
    }
}
