//! `approve` and `waive`: the plan that people see, the question, and whether a call is one they agreed to.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::code::{ApproveSite, PrincipalReg, Reg};
use super::failure;
use super::fiber::{Approving, Asking, Frame, FrameKind, Scope, ScopeKind};
use super::fork::Ended;
use super::machine::{Machine, PlanEnd, State, Wait, pack};
use super::plan::describe;
use super::print;
use super::protocol::{
    ActionInfo, ApprovalAsk, Asked, Certainty, Cover, Effect, Failure, Millis, Note, Plan, PlanEntry, PlanRequest,
    Planned,
};
use super::threads::{Branch, swap};
use crate::ids::FnId;
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;

/// Whether a call stands under what allows it.
pub(super) enum Covered {
    Yes,
    /// The plan that people agreed to does not show it.
    No,
    /// Nor does the plan that was made for it: it cannot be shown.
    Never,
}

impl Machine {
    pub(super) fn begin_waive(&mut self, waive: u32) {
        let site = self.code().and_then(|c| c.waives.get(waive as usize)).cloned();
        let Some(site) = site else { return self.broken() };
        let reason = print::display(&self.state.fiber.register(site.reason));
        if !self.says(reason.len() as u64) {
            return;
        }
        self.out.note(Note::Waived { reason: reason.clone(), by: site.by.clone(), until: site.until });
        let cover = Cover::Waiver { reason, by: site.by, until: site.until };
        self.state.fiber.open(ScopeKind::Waive { cover });
    }

    pub(super) fn begin_approve(&mut self, approve: u32) {
        let Some(function) = self.state.fiber.frames.last().map(|f| f.function) else { return self.broken() };
        let Some(site) = self.approve_site(function, approve) else { return self.broken() };
        let planning = self.out.is_plan();
        let approving = Approving {
            function,
            approve,
            stage: if planning { Asking::Granted } else { Asking::Planning },
            ask: if planning { self.plan_id(site.site) } else { self.next_id(site.site) },
            within: self.span(site.within),
            asked: self.asked(&site),
            pressing: false,
            entries: Vec::new(),
            cover: None,
            until: None,
        };
        if planning {
            return self.foresee_approve(&site, approving);
        }
        self.state.fiber.open(ScopeKind::Approve(Box::new(approving)));
        self.ask_for_plan(&site);
    }

    /// In a plan: what this block does is part of that.
    fn foresee_approve(&mut self, site: &ApproveSite, mut approving: Approving) {
        let ask = ApprovalAsk { expires: approving.within, ..approving.asked.clone() };
        if let Some(pc) = site.otherwise.filter(|_| self.listens()) {
            // What a no leads to.
            let mut refused = Box::new(self.state.clone());
            if let Some(denial) = site.denial {
                refused.fiber.set(denial, Value::Unknown);
            }
            refused.fiber.jump(pc);
            self.aside = Some(refused);
        }
        // As it would stand when its own plan is asked for.
        approving.stage = Asking::Planning;
        self.state.fiber.open(ScopeKind::Approve(Box::new(approving)));
        self.foresee_question(site.site, ask);
        self.state.fiber.set(site.approval, Value::Unknown);
        if let Some((_, _, a)) = self.approving(Asking::Planning) {
            a.stage = Asking::Granted;
        }
    }

    fn plan_id(&self, site: crate::ids::SiteId) -> super::protocol::EffectId {
        super::protocol::EffectId { fiber: self.state.path.clone(), site, count: 0 }
    }

    pub(super) fn approve_site(&self, function: crate::ids::FnId, approve: u32) -> Option<ApproveSite> {
        self.program.code(function)?.approves.get(approve as usize).cloned()
    }

    fn span(&self, r: Reg) -> Millis {
        match self.state.fiber.register(r) {
            Value::Duration(ms) => ms.max(0),
            _ => 0,
        }
    }

    /// The question, without plan and times.
    fn asked(&self, site: &ApproveSite) -> ApprovalAsk {
        let register = |r: Reg| self.state.fiber.register(r);
        let quorum = match register(site.quorum) {
            Value::Int(n) => u32::try_from(n.max(1)).unwrap_or(u32::MAX),
            _ => 1,
        };
        ApprovalAsk {
            question: print::display(&register(site.question)),
            from: self.principals(&site.from),
            quorum,
            allow_requester: site.allow_requester,
            require_comment: site.require_comment,
            expires: 0,
            escalate: site.escalate.iter().map(|(who, after)| (self.span(*after), self.principals(who))).collect(),
            remind_every_ms: site.remind.map(|r| self.span(r)),
            showing: site.showing.map_or(Json::Null, |r| print::shown(&register(r))),
            plan: Plan::default(),
            again: false,
        }
    }

    fn principals(&self, who: &[PrincipalReg]) -> Vec<Asked> {
        let mut asked = Vec::new();
        for p in who {
            let (r, make): (Reg, fn(SmolStr) -> Asked) = match p {
                PrincipalReg::User(r) => (*r, Asked::User),
                PrincipalReg::Group(r) => (*r, Asked::Group),
            };
            match self.state.fiber.register(r) {
                Value::List(names) => asked.extend(names.iter().map(|n| make(print::display(n).into()))),
                name => asked.push(make(print::display(&name).into())),
            }
        }
        asked
    }

    fn ask_for_plan(&mut self, site: &ApproveSite) {
        let id = self.next_id(site.site);
        let machine = self.plan_copy(self.state.current);
        self.suspend(id, Effect::Plan(PlanRequest { machine }), Wait::Plan);
    }

    /// A copy of the machine that runs the rest of the block that is being asked about.
    pub(super) fn plan_copy(&self, thread: u32) -> Vec<u8> {
        if self.is_shadow() {
            return self.shadow_copy();
        }
        let mut copy: State = self.state.clone();
        if let Some(mut thread) = copy.threads.remove(&thread) {
            swap(&mut copy, &mut thread);
        }
        copy.threads.clear();
        copy.branch = Branch { inherit: copy.branch.inherit, ..Branch::default() };
        copy.wait = None;
        copy.open.clear();
        copy.abandoned.clear();
        copy.undos.clear();
        copy.stop = None;
        copy.fiber.undos = 0;
        copy.fiber.plan = true;
        for i in (0..copy.fiber.scopes.len()).rev() {
            let Some(scope) = copy.fiber.scopes.get_mut(i) else { continue };
            let frames = scope.frames;
            let ScopeKind::Approve(a) = &mut scope.kind else { continue };
            if a.stage != Asking::Planning {
                continue;
            }
            a.stage = Asking::Granted;
            let (function, approve, first, until) = (a.function, a.approve, a.cover.is_none(), a.until);
            if let Some(site) = self.approve_site(function, approve) {
                copy.plan_end = Some(PlanEnd { site: site.site, frames, pc: until.unwrap_or(site.end) });
                let base = copy.fiber.frames.get((frames as usize).saturating_sub(1)).map_or(0, |f| f.base as usize);
                if first && let Some(slot) = copy.fiber.stack.get_mut(base + site.approval as usize) {
                    *slot = Value::Unknown;
                }
            }
            break;
        }
        pack(&self.program, &copy)
    }

    /// The innermost approval at this stage, with its frame and the place of its scope.
    fn approving(&mut self, stage: Asking) -> Option<(usize, Frame, &mut Approving)> {
        let fiber = &mut self.state.fiber;
        let (i, scope) = fiber.scopes.iter_mut().enumerate().rev().find(|(_, s)| match &s.kind {
            ScopeKind::Approve(a) => a.stage == stage,
            _ => false,
        })?;
        let frame = fiber.frames.get((scope.frames as usize).checked_sub(1)?).copied()?;
        match &mut scope.kind {
            ScopeKind::Approve(a) => Some((i, frame, a)),
            _ => None,
        }
    }

    /// Sets a register of a frame that need not be the innermost.
    fn set_in(&mut self, frame: &Frame, r: Reg, value: Value) {
        if let Some(slot) = self.state.fiber.stack.get_mut(frame.base as usize + r as usize) {
            *slot = value;
        }
    }

    pub(super) fn planned(&mut self, plan: Plan) {
        if self.is_shadow() {
            return self.shadowed(plan);
        }
        let (now, deadline) = (self.now(), self.deadline());
        let Some((_, frame, a)) = self.approving(Asking::Planning) else { return self.broken() };
        let expires = now.saturating_add(a.within);
        a.asked.expires = deadline.map_or(expires, |d| d.min(expires));
        a.asked.plan = plan;
        a.stage = Asking::Telling;
        let (function, approve) = (a.function, a.approve);
        let request = self.request();
        let Some(site) = self.approve_site(function, approve) else { return self.broken() };
        let Some(pc) = site.ask else { return self.ask_people() };
        if let Some((function, registers)) = self.outer_registers() {
            // The question is that of a thread around: so are the variables that its `ask` uses.
            let top = self.state.fiber.stack.len() as u32;
            self.state.fiber.stack.extend(registers);
            let frame = Frame { function, pc, base: top, top, d: 0, kind: FrameKind::Sub };
            self.set_in(&frame, site.request, request);
            return self.state.fiber.frames.push(frame);
        }
        self.set_in(&frame, site.request, request);
        let top = self.state.fiber.stack.len() as u32;
        self.state.fiber.frames.push(Frame { pc, top, kind: FrameKind::Sub, ..frame });
    }

    /// What `ask` actions are given: the built-in type `ApprovalRequest`.
    fn request(&mut self) -> Value {
        let run = self.state.input.run.clone();
        let runbook = self.program.runbook(self.state.input.runbook).map(|r| r.name.clone()).unwrap_or_default();
        let Some((_, _, a)) = self.approving(Asking::Telling) else { return Value::Nothing };
        let asked = &a.asked;
        Value::record([
            ("id", Value::text(format!("{run}/{}", a.ask))),
            ("question", Value::text(asked.question.as_str())),
            ("runbook", Value::Text(runbook)),
            ("run", Value::Text(run)),
            ("from", Value::list(asked.from.iter().map(|w| Value::text(w.to_string())))),
            ("quorum", Value::Int(i64::from(asked.quorum))),
            ("expires", Value::Time(asked.expires)),
            ("plan", Value::text(describe(&asked.plan))),
            ("digest", Value::text(asked.plan.digest.as_str())),
            ("showing", Value::Json(asked.showing.clone())),
            ("link", Value::None),
        ])
    }

    pub(super) fn ask_people(&mut self) {
        let now = self.now();
        let Some((_, _, a)) = self.approving(Asking::Telling) else { return self.broken() };
        a.stage = Asking::Waiting;
        let id = a.ask.clone();
        let mut ask = a.asked.clone();
        for (after, _) in &mut ask.escalate {
            *after = now.saturating_add(*after);
        }
        self.suspend(id, Effect::Approval(ask), Wait::Approval);
    }

    pub(super) fn approved(&mut self, by: &[SmolStr], comments: &[String], at: Millis) {
        let Some((_, frame, a)) = self.approving(Asking::Waiting) else { return self.broken() };
        a.stage = Asking::Granted;
        a.cover = Some(Cover::Approval { effect: a.ask.clone(), digest: a.asked.plan.digest.clone() });
        a.entries = a.asked.plan.entries.clone();
        let (function, approve, until) = (a.function, a.approve, a.until);
        let Some(site) = self.approve_site(function, approve) else { return self.broken() };
        if until.is_some() {
            self.replace_outer();
        }
        if until.is_none() || frame.function == function {
            self.set_in(&frame, site.approval, failure::approval(by, comments, at));
        }
        // The frame stands at the block's first instruction, or at the call that is to be tried again.
    }

    pub(super) fn refused(&mut self, reason: &str, by: &[SmolStr], expired: bool, at: Millis) {
        let Some((i, _, a)) = self.approving(Asking::Waiting) else { return self.broken() };
        let question = a.asked.question.clone();
        let (function, approve, until) = (a.function, a.approve, a.until);
        let mut f = failure::refusal(&question, reason, by, expired);
        f.at = at;
        while self.state.fiber.scopes.len() > i {
            self.drop_scope(&mut f);
        }
        let denial = failure::denial(reason, by, expired, at);
        let refusal = Refusal { failure: f, denial, function, approve };
        if until.is_some() {
            return self.branch_over(Ended::Refused(Box::new(refusal)));
        }
        self.go_otherwise(refusal);
    }

    /// A branch got a no to the approval of a thread around: it holds for the whole block.
    pub(super) fn refused_inside(&mut self, mut refusal: Refusal) {
        let same = |s: &Scope| matches!(&s.kind, ScopeKind::Approve(a) if a.until.is_none() && a.function == refusal.function && a.approve == refusal.approve);
        let Some(i) = self.state.fiber.scopes.iter().rposition(same) else {
            let mut f = refusal.failure.clone();
            while !self.state.fiber.scopes.is_empty() {
                self.drop_scope(&mut f);
            }
            refusal.failure = f;
            if self.is_branch() {
                return self.branch_over(Ended::Refused(Box::new(refusal)));
            }
            return self.throw(Box::new(refusal.failure));
        };
        while self.state.fiber.scopes.len() > i {
            self.drop_scope(&mut refusal.failure);
        }
        self.go_otherwise(refusal);
    }

    /// The scope of the approval is off.
    fn go_otherwise(&mut self, mut refusal: Refusal) {
        let Some(site) = self.approve_site(refusal.function, refusal.approve) else { return self.broken() };
        refusal.failure.trace.push(site.site);
        match site.otherwise {
            Some(pc) => {
                if let Some(r) = site.denial {
                    self.state.fiber.set(r, refusal.denial);
                }
                self.state.fiber.jump(pc);
            }
            None => self.throw(Box::new(refusal.failure)),
        }
    }

    /// The registers of the frame of the approval around this branch that is asked about again.
    fn outer_registers(&mut self) -> Option<(FnId, Vec<Value>)> {
        let (_, _, a) = self.approving(Asking::Telling)?;
        a.until?;
        let (function, approve) = (a.function, a.approve);
        let mut at = self.state.branch.parent;
        while let Some(thread) = at.and_then(|id| self.state.threads.get(&id)) {
            let here = |s: &&Scope| matches!(&s.kind, ScopeKind::Approve(a) if a.until.is_none() && a.function == function && a.approve == approve);
            if let Some(scope) = thread.fiber.scopes.iter().rfind(here) {
                let frame = thread.fiber.frames.get((scope.frames as usize).checked_sub(1)?)?;
                let registers = self.program.code(function)?.registers as usize;
                let base = frame.base as usize;
                return Some((function, thread.fiber.stack.get(base..base + registers)?.to_vec()));
            }
            at = thread.branch.parent;
        }
        None
    }

    /// What people agreed to for this branch replaces what they had agreed to for the whole block.
    fn replace_outer(&mut self) {
        let Some((_, _, a)) = self.approving(Asking::Granted) else { return };
        let (function, approve, entries) = (a.function, a.approve, a.entries.clone());
        self.outer_scopes(|kind| match kind {
            ScopeKind::Approve(a) if a.function == function && a.approve == approve && a.until.is_none() => {
                for entry in &entries {
                    let same = |e: &PlanEntry| {
                        e.site == entry.site
                            && e.instance == entry.instance
                            && e.target == entry.target
                            && e.args == entry.args
                    };
                    if let Some(at) = a.entries.iter().position(same) {
                        a.entries.remove(at);
                    }
                }
                Some(())
            }
            _ => None,
        });
    }

    /// Whether a call is one that people agreed to; uses the entry of the plan up.
    pub(super) fn covered(&mut self, info: &ActionInfo) -> Covered {
        if self.state.rolling.is_some() {
            return Covered::Yes;
        }
        let around: Vec<usize> = self.around().map(|(i, _)| i).collect();
        let here = around.into_iter().find_map(|i| allows(&mut self.state.fiber.scopes.get_mut(i)?.kind, info));
        match here.or_else(|| self.outer_scopes(|kind| allows(kind, info))) {
            Some(Allowed::Yes) | None => Covered::Yes,
            Some(Allowed::OffPlan) => {
                self.out.note(Note::OffPlan { action: info.action.clone(), target: info.target.clone() });
                Covered::Yes
            }
            Some(Allowed::No) => Covered::No,
            Some(Allowed::Never) => Covered::Never,
        }
    }

    /// In a branch: makes the approval around it the branch's own, for what is left of the branch.
    fn adopt(&mut self) {
        let own = self
            .state
            .fiber
            .scopes
            .iter()
            .any(|s| matches!(&s.kind, ScopeKind::Approve(a) if a.stage == Asking::Granted));
        if own || !self.is_branch() {
            return;
        }
        let outer = self.outer_scopes(|kind| match kind {
            ScopeKind::Approve(a) if a.stage == Asking::Granted => Some(a.clone()),
            _ => None,
        });
        let (Some(mut a), Some(until)) = (outer, self.branch_end()) else { return };
        a.until = Some(until);
        a.entries.clear();
        let stack =
            self.state.fiber.frames.first().and_then(|f| self.program.code(f.function)).map_or(0, |c| c.registers);
        let scope = Scope { frames: 1, stack: u32::from(stack), kind: ScopeKind::Approve(a) };
        self.state.fiber.scopes.insert(0, scope);
    }

    /// The call that is about to begin is not what people agreed to: they see the rest of the block from here, and are asked again.
    pub(super) fn ask_again(&mut self) {
        self.adopt();
        let Some((_, _, a)) = self.approving(Asking::Granted) else { return self.broken() };
        a.stage = Asking::Planning;
        a.pressing = true;
        a.asked.again = true;
        let (function, approve) = (a.function, a.approve);
        let Some(site) = self.approve_site(function, approve) else { return self.broken() };
        let ask = self.next_id(site.site);
        if let Some((_, _, a)) = self.approving(Asking::Planning) {
            a.ask = ask;
        }
        // Back before the call, which begins anew when people have agreed.
        if let Some(frame) = self.state.fiber.frames.last_mut() {
            frame.pc = frame.pc.saturating_sub(1);
        }
        self.ask_for_plan(&site);
    }
}

/// A no to an approval, on its way to the block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub failure: Failure,
    /// What `otherwise` binds.
    pub denial: Value,
    pub function: FnId,
    pub approve: u32,
}

/// What an approval or waiver says to a call.
enum Allowed {
    Yes,
    OffPlan,
    No,
    Never,
}

/// What this scope says to a call, when it says anything; uses the entry of the plan up.
fn allows(kind: &mut ScopeKind, info: &ActionInfo) -> Option<Allowed> {
    let a = match kind {
        ScopeKind::Waive { .. } => return Some(Allowed::Yes),
        ScopeKind::Approve(a) if a.stage == Asking::Granted => a,
        _ => return None,
    };
    let strict = info.effect == EffectClass::Destroys;
    if let Some(at) = a.entries.iter().position(|e| shows(e, info, strict)) {
        a.entries.remove(at);
        a.pressing = false;
        return Some(Allowed::Yes);
    }
    Some(match (strict, a.pressing) {
        (true, true) => Allowed::Never,
        (true, false) => Allowed::No,
        (false, _) => Allowed::OffPlan,
    })
}

/// Whether an entry of a plan shows this call. Strictly: everything about it was known, and is as it was shown.
fn shows(entry: &PlanEntry, info: &ActionInfo, strict: bool) -> bool {
    let same = |planned: &Planned, actual: Option<&Json>| match planned {
        Planned::Absent => actual.is_none(),
        Planned::Known(json) => actual == Some(json),
        Planned::Unknown => !strict,
    };
    let target = info.target.as_ref().map(|t| Json::Text(t.clone()));
    entry.site == info.site
        && entry.action == info.action
        && entry.instance == info.instance
        && (!strict || entry.certainty != Certainty::Each)
        && same(&entry.target, target.as_ref())
        && entry.args.len() == info.args.len()
        && entry.args.iter().zip(&info.args).all(|((name, p), (given, a))| name == given && same(p, Some(a)))
}
