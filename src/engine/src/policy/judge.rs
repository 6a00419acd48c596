//! Asks every rule and puts the answers together.

use std::sync::{Mutex, PoisonError};

use rrb_lang::hir::{NamedPrincipal, Policy, PolicyApproval, PolicyCondition, PolicyKind, PolicyRule};
use rrb_lang::json::Json;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    ActionInfo, ApprovalAsk, Asked, Certainty, Cover, Millis, Plan, PlanEntry, Planned, PolicyAnswer, RuleSaid, Verdict,
};
use sha2::{Digest, Sha256};

use super::counts::{Counted, Counts};
use super::delegate::{Compiled, Opinion, Question};
use super::facts::{Facts, document};
use super::{Policies, delegate};
use crate::code::Evaluated;

/// What the policies say of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub verdict: Verdict,
    /// The first question to ask, when the answer is `ask`.
    pub ask: Option<ApprovalAsk>,
    /// What is counted when the call is let through.
    pub counted: Vec<Counted>,
}

/// What the policies say of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartJudged {
    /// Nothing forbids it as far as can be told.
    Open,
    /// Every call that changes something would be denied, for these reasons.
    Denied(String),
}

/// Everything about one question.
struct Asking<'a> {
    policies: &'a Policies,
    values: Vec<Value>,
    call: Option<&'a ActionInfo>,
    at: Millis,
}

/// What is gathered from the rules.
#[derive(Default)]
struct Gathered {
    said: Vec<RuleSaid>,
    asks: Vec<(String, ApprovalAsk)>,
    counted: Vec<Counted>,
}

impl Gathered {
    fn say(&mut self, policy: &Policy, rule: &PolicyRule, answer: PolicyAnswer, because: String) {
        let (policy, text, place) = (policy.name.clone(), rule.text.clone(), rule.place.clone());
        self.said.push(RuleSaid { policy, rule: text, place, answer, because });
    }

    /// The same whatever the order of the rules was.
    fn verdict(mut self, policies: &Policies) -> Judged {
        self.said.sort_by(|a, b| {
            (b.answer, &a.policy, &a.rule, &a.because).cmp(&(a.answer, &b.policy, &b.rule, &b.because))
        });
        self.asks.sort_by(|a, b| a.0.cmp(&b.0));
        let answer = self.said.iter().map(|s| s.answer).max().unwrap_or(PolicyAnswer::Allow);
        let code = policies.code.as_ref();
        let verdict = Verdict {
            answer,
            policies: code.map(|c| c.policies_digest().to_owned()).unwrap_or_default(),
            program: code.map(|c| c.id().into()).unwrap_or_default(),
            rules: self.said,
        };
        let ask = self.asks.into_iter().next().map(|(_, ask)| ask).filter(|_| answer == PolicyAnswer::Ask);
        Judged { verdict, ask, counted: self.counted }
    }
}

pub(super) async fn call(
    policies: &Policies,
    facts: &Facts<'_>,
    call: &ActionInfo,
    counts: &Mutex<Counts>,
    met: &(dyn Fn(&ApprovalAsk) -> Option<Vec<String>> + Sync),
    at: Millis,
) -> Judged {
    let asking = Asking { policies, values: facts.values(Some(call), at), call: Some(call), at };
    let mut gathered = Gathered::default();
    let mut delegates = policies.delegates.iter();
    for policy in policies.all() {
        let applies = asking.applies(policy);
        for rule in &policy.rules {
            let delegate = if let PolicyKind::Delegate(_) = rule.kind { delegates.next() } else { None };
            if call.effect < rule.effect || asking.spares_undo(rule) {
                continue;
            }
            match applies.clone().and_then(|a| Ok(a && asking.holds(rule)?)) {
                Ok(false) => {}
                Ok(true) => asking.rule(policy, rule, delegate, counts, met, &mut gathered).await,
                Err(why) => gathered.say(policy, rule, PolicyAnswer::Deny, why),
            }
        }
    }
    gathered.verdict(policies)
}

/// Rules that forbid every change, whatever the call: with one of them a run could only read.
pub(super) fn start(policies: &Policies, facts: &Facts<'_>, changes: bool, at: Millis) -> StartJudged {
    if !changes || policies.is_empty() {
        return StartJudged::Open;
    }
    let asking = Asking { policies, values: facts.values(None, at), call: None, at };
    let mut because = Vec::new();
    for policy in policies.all() {
        let before_call = |c: &PolicyCondition| !c.of_call;
        if !policy.applies.iter().all(before_call) || asking.applies(policy) != Ok(true) {
            continue;
        }
        for rule in &policy.rules {
            let told = rule.condition.iter().chain(&rule.unless).all(before_call);
            let all = matches!(rule.kind, PolicyKind::Forbid) && rule.effect == Effect::Changes;
            if all && told && asking.holds(rule) == Ok(true) {
                because.push(format!("{} (policy `{}`)", rule.because.clone().unwrap_or_default(), policy.name));
            }
        }
    }
    because.sort();
    if because.is_empty() { StartJudged::Open } else { StartJudged::Denied(because.join("; ")) }
}

impl Asking<'_> {
    fn applies(&self, policy: &Policy) -> Result<bool, String> {
        for condition in &policy.applies {
            if !self.condition(condition)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What undoes another call must not be kept from it by the clock or by a count, unless the author thought of that.
    fn spares_undo(&self, rule: &PolicyRule) -> bool {
        let explicit = rule.condition.iter().chain(&rule.unless).any(|c| c.of_rollback);
        let by_nature =
            matches!(rule.kind, PolicyKind::Limit { .. } | PolicyKind::Require(_) | PolicyKind::ForbidWaive);
        self.call.is_some_and(|c| c.rollback) && !explicit && (by_nature || !rule.during.is_empty())
    }

    fn holds(&self, rule: &PolicyRule) -> Result<bool, String> {
        // A window nobody can look into is taken as open.
        if !rule.during.is_empty() && !rule.during.iter().any(|w| w.contains(self.at).unwrap_or(true)) {
            return Ok(false);
        }
        if let Some(condition) = &rule.condition
            && !self.condition(condition)?
        {
            return Ok(false);
        }
        Ok(match &rule.unless {
            Some(unless) => !self.condition(unless)?,
            None => true,
        })
    }

    fn condition(&self, condition: &PolicyCondition) -> Result<bool, String> {
        match self.eval(condition.function) {
            Ok(Value::Bool(yes)) => Ok(yes),
            Ok(_) => Err(format!("the condition `{}` gave no answer", condition.text)),
            Err(why) => Err(format!("the condition `{}` failed: {why}", condition.text)),
        }
    }

    fn eval(&self, function: rrb_lang::ids::FnId) -> Result<Value, String> {
        let Some(code) = &self.policies.code else { return Err("no program is loaded".to_owned()) };
        match code.eval(function, self.values.clone(), &self.policies.settings, "")? {
            Evaluated::Value(value) => Ok(value),
            Evaluated::Skip => Err("it was skipped".to_owned()),
        }
    }

    async fn rule(
        &self,
        policy: &Policy,
        rule: &PolicyRule,
        delegate: Option<&Compiled>,
        counts: &Mutex<Counts>,
        met: &(dyn Fn(&ApprovalAsk) -> Option<Vec<String>> + Sync),
        out: &mut Gathered,
    ) {
        let because = rule.because.as_ref().map(ToString::to_string);
        match &rule.kind {
            PolicyKind::Forbid => out.say(policy, rule, PolicyAnswer::Deny, because.unwrap_or_default()),
            PolicyKind::ForbidWaive => {
                if let Some(Cover::Waiver { reason, by, .. }) = self.call.and_then(|c| c.cover.as_ref()) {
                    let why =
                        because.unwrap_or_else(|| format!("no waiver is accepted here; it is \"{reason}\" by {by}"));
                    out.say(policy, rule, PolicyAnswer::Deny, why);
                }
            }
            PolicyKind::Require(approval) => {
                let why = because.unwrap_or_else(|| wanted(approval));
                self.require(policy, rule, approval, &why, met, out);
            }
            PolicyKind::Limit { count, per_ms, key, counter } => {
                let key = match key.map(|f| self.eval(f)).transpose() {
                    Ok(key) => key.map(|k| key_text(&k)).unwrap_or_default(),
                    Err(why) => {
                        return out.say(
                            policy,
                            rule,
                            PolicyAnswer::Deny,
                            format!("the key of the limit failed: {why}"),
                        );
                    }
                };
                let counted = Counted { counter: counter.to_string(), key, count: *count, per_ms: *per_ms };
                let seen = counts.lock().unwrap_or_else(PoisonError::into_inner).seen(&counted, self.at);
                if seen >= *count {
                    out.say(policy, rule, PolicyAnswer::Deny, full(&because.unwrap_or_default(), &counted, seen));
                }
                out.counted.push(counted);
            }
            PolicyKind::Delegate(_) => {
                let Some(delegate) = delegate else { return };
                let question = Question { document: document(&self.values), call: self.call.cloned() };
                for opinion in delegate::ask(delegate, question).await {
                    match opinion {
                        Opinion::Deny(why) => out.say(policy, rule, PolicyAnswer::Deny, why),
                        Opinion::Ask { approval, because } => {
                            let why = because.unwrap_or_else(|| wanted(&approval));
                            self.require(policy, rule, &approval, &why, met, out);
                        }
                    }
                }
            }
        }
    }

    fn require(
        &self,
        policy: &Policy,
        rule: &PolicyRule,
        approval: &PolicyApproval,
        because: &str,
        met: &(dyn Fn(&ApprovalAsk) -> Option<Vec<String>> + Sync),
        out: &mut Gathered,
    ) {
        let Some(call) = self.call else { return };
        let ask = self.question(policy, rule, approval, because, call);
        match met(&ask) {
            Some(by) => out.say(policy, rule, PolicyAnswer::Allow, format!("{} agreed", by.join(", "))),
            None => {
                out.say(policy, rule, PolicyAnswer::Ask, because.to_owned());
                out.asks.push((format!("{}\n{}\n{because}", policy.name, rule.text), ask));
            }
        }
    }

    fn question(
        &self,
        policy: &Policy,
        rule: &PolicyRule,
        approval: &PolicyApproval,
        because: &str,
        call: &ActionInfo,
    ) -> ApprovalAsk {
        let target = call.target.as_ref().map(|t| format!(" on {t}")).unwrap_or_default();
        let showing = [
            ("policy", Json::from(policy.name.as_str())),
            ("rule", Json::from(rule.text.as_str())),
            ("because", Json::from(because)),
        ];
        ApprovalAsk {
            question: format!("{}{target}? The policy `{}` asks: {because}", call.action, policy.name),
            from: approval.from.iter().map(asked).collect(),
            quorum: approval.quorum,
            allow_requester: approval.allow_requester,
            require_comment: approval.require_comment,
            expires: self.at.saturating_add(approval.within_ms),
            escalate: Vec::new(),
            remind_every_ms: None,
            showing: Json::object(showing),
            plan: just(call),
            again: false,
        }
    }
}

fn asked(who: &NamedPrincipal) -> Asked {
    if who.is_group { Asked::Group(who.name.clone()) } else { Asked::User(who.name.clone()) }
}

/// Who must agree, when the rule does not say why.
fn wanted(approval: &PolicyApproval) -> String {
    let from: Vec<String> = approval.from.iter().map(|w| asked(w).to_string()).collect();
    format!("{} of {} must agree", approval.quorum, from.join(", "))
}

/// A key as it is kept and shown: a text as it is, anything else as JSON.
fn key_text(key: &Value) -> String {
    match rrb_lang::vm::shown(key) {
        Json::Text(text) => text.to_string(),
        other => serde_json::Value::from(&other).to_string(),
    }
}

/// Why a limit says no.
pub fn full(because: &str, counted: &Counted, seen: u32) -> String {
    let key = if counted.key.is_empty() { String::new() } else { format!(" for {}", counted.key) };
    let per = jiff::SignedDuration::from_millis(counted.per_ms);
    format!("{because}: {seen} calls{key} in the last {per:#}, the limit is {}", counted.count)
}

/// A plan of the one call that people are asked about.
fn just(call: &ActionInfo) -> Plan {
    let entry = PlanEntry {
        site: call.site,
        count: 0,
        certainty: Certainty::Will,
        action: call.action.clone(),
        instance: call.instance.clone(),
        effect: call.effect,
        target: call.target.as_ref().map_or(Planned::Absent, |t| Planned::Known(Json::from(t.as_str()))),
        args: call.args.iter().map(|(n, v)| (n.clone(), Planned::Known(v.clone()))).collect(),
        place: "".into(),
        class: call.class,
    };
    let text = serde_json::to_vec(&entry).unwrap_or_default();
    let digest = Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect();
    Plan { entries: vec![entry], digest, ..Plan::default() }
}
