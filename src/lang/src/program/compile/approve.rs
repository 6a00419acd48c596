//! `approve`, `waive`, `verify` and `wait until`: their operands in registers, their blocks in code, the rest in tables for the machine.

use super::{Compiler, Deferred};
use crate::hir::{Approve, Expr, Principal, Verification, Waive};
use crate::ids::SiteId;
use crate::span::Span;
use crate::vm::code::{ApproveSite, Op, PollSite, PrincipalReg, Reg, VerifySite, WaiveSite};

impl<'a> Compiler<'a, '_> {
    pub(super) fn approve(&mut self, a: &'a Approve, at_span: Span, d: Reg) {
        self.scratch(|c| {
            let site = ApproveSite {
                site: a.site,
                question: c.kept(&a.question),
                from: c.principals(&a.from),
                quorum: c.kept(&a.quorum),
                allow_requester: a.allow_requester,
                within: c.kept(&a.within),
                escalate: a.escalate.iter().map(|(who, after)| (c.principals(who), c.kept(after))).collect(),
                remind: a.remind.as_ref().map(|e| c.kept(e)),
                showing: a.showing.as_ref().map(|e| c.kept(e)),
                require_comment: a.require_comment,
                request: a.request.0 as Reg,
                ask: None,
                approval: a.approval.0 as Reg,
                denial: a.otherwise.as_ref().and_then(|(local, _)| *local).map(|l| l.0 as Reg),
                body: 0,
                end: 0,
                otherwise: None,
            };
            let at = c.approves.len();
            c.approves.push(site);
            if !a.ask.is_empty() {
                c.deferred.push(Deferred::Ask(at, &a.ask));
            }
            c.emit(Op::Approve { approve: super::index(at) });
            let ways = c.ways();
            let body = c.here();
            c.scopes += 1;
            c.cover_way(ways, "approved", at_span);
            c.block(&a.body, d);
            c.scopes -= 1;
            let end = c.here();
            c.emit(Op::ScopeExit { n: 1 });
            let over = c.emit(Op::Jump { to: 0 });
            let otherwise = a.otherwise.as_ref().map(|(_, block)| {
                let otherwise = c.here();
                c.cover_way(ways, "otherwise", at_span);
                c.block(block, d);
                otherwise
            });
            c.patch(over);
            if let Some(site) = c.approves.get_mut(at) {
                (site.body, site.end, site.otherwise) = (body, end, otherwise);
            }
        });
    }

    fn principals(&mut self, who: &'a [Principal]) -> Vec<PrincipalReg> {
        who.iter()
            .map(|p| match p {
                Principal::User(e) => PrincipalReg::User(self.kept(e)),
                Principal::Group(e) => PrincipalReg::Group(self.kept(e)),
            })
            .collect()
    }

    /// The `ask` calls: one that fails is told by the machine, and the next one goes on.
    pub(super) fn ask(&mut self, calls: &'a [Expr]) {
        let (d, failure, text) = (self.temp(), self.temp(), self.temp());
        for call in calls {
            let enter = self.emit(Op::TryEnter { d: failure, handler: 0 });
            self.scoped(|c| c.expr(call, d));
            let end = self.emit(Op::Jump { to: 0 });
            self.patch(enter);
            let site = match &call.kind {
                crate::hir::ExprKind::CallAction(call) => call.site,
                _ => SiteId(u32::MAX),
            };
            self.scoped(|c| {
                let (prefix, message) = (c.temp(), c.temp());
                c.constant(&crate::value::Value::text("asking failed: "), prefix);
                // `message` is the second field of the built-in Failure.
                c.emit(Op::Field { d: message, s: failure, index: 1 });
                c.emit(Op::Text { d: text, a: prefix, n: 2 });
                c.emit(Op::Log { s: text, site });
            });
            self.patch(end);
        }
        self.emit(Op::RetSub { s: d });
    }

    pub(super) fn waive(&mut self, w: &'a Waive, d: Reg) {
        self.scratch(|c| {
            let reason = c.kept(&w.reason);
            let at = c.waives.len();
            c.waives.push(WaiveSite { site: w.site, reason, by: w.by.clone(), until: w.until });
            c.emit(Op::Waive { waive: super::index(at) });
            c.scoped(|c| c.block(&w.body, d));
        });
    }

    pub(super) fn verify(&mut self, v: &'a Verification, d: Reg) {
        self.scratch(|c| {
            let name = c.kept(&v.name);
            let within = c.kept(&v.within);
            let every = c.kept(&v.every);
            let settle = v.settle.as_ref().map(|e| c.kept(e));
            let operands = v.operands.iter().map(|(text, _)| (text.clone(), c.temp())).collect::<Vec<_>>();
            let verify = VerifySite { name, settle, operands: operands.clone() };
            let at = c.poll(v.site, Some(verify), within, every, d);
            let check = c.here();
            c.scopes += 1;
            c.scratch(|c| {
                let s = c.temp();
                c.block(&v.body, s);
                c.emit(Op::PollCheck { poll: super::index(at), s });
            });
            let report = c.here();
            for ((_, e), (_, r)) in v.operands.iter().zip(&operands) {
                c.tolerated(e, *r);
            }
            c.emit(Op::PollReport { poll: super::index(at) });
            c.scopes -= 1;
            c.close_poll(at, check, report);
        });
    }

    pub(super) fn wait_until(&mut self, condition: &'a Expr, every: &'a Expr, within: &'a Expr, site: SiteId, d: Reg) {
        self.scratch(|c| {
            let every = c.kept(every);
            let within = c.kept(within);
            let at = c.poll(site, None, within, every, d);
            let check = c.here();
            c.scopes += 1;
            c.scratch(|c| {
                let s = c.operand(condition);
                c.emit(Op::PollCheck { poll: super::index(at), s });
            });
            let report = c.here();
            c.emit(Op::PollReport { poll: super::index(at) });
            c.scopes -= 1;
            c.close_poll(at, check, report);
        });
    }

    fn poll(&mut self, site: SiteId, verify: Option<VerifySite>, within: Reg, every: Reg, d: Reg) -> usize {
        let at = self.polls.len();
        self.polls.push(PollSite { site, verify, within, every, d, check: 0, report: 0, end: 0 });
        self.emit(Op::Poll { poll: super::index(at) });
        at
    }

    fn close_poll(&mut self, at: usize, check: u32, report: u32) {
        let end = self.here();
        if let Some(site) = self.polls.get_mut(at) {
            (site.check, site.report, site.end) = (check, report, end);
        }
    }

    /// The value of `e`, or Nothing where it fails.
    fn tolerated(&mut self, e: &'a Expr, d: Reg) {
        self.scratch(|c| {
            let failure = c.temp();
            let enter = c.emit(Op::TryEnter { d: failure, handler: 0 });
            c.scoped(|c| c.expr(e, d));
            let end = c.emit(Op::Jump { to: 0 });
            c.patch(enter);
            c.scoped(|c| {
                c.emit(Op::Nothing { d });
            });
            c.patch(end);
        });
    }
}
