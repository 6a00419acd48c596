//! Calls of actions with their modifiers.

use super::{Compiler, Deferred};
use crate::hir::ActionCall;
use crate::vm::code::{CallSite, Op, Reg, RetrySite};

impl<'a> Compiler<'a, '_> {
    pub(super) fn call_action(&mut self, call: &'a ActionCall, d: Reg) {
        self.scratch(|c| {
            let args = c.in_row(call.args.iter());
            let instance = call.instance.as_ref().map(|e| c.kept(e));
            let timeout = call.timeout.as_ref().map(|e| c.kept(e));
            let key = call.key.as_ref().map(|e| c.kept(e));
            let retry = call.retry.as_ref().map(|r| RetrySite {
                times: c.kept(&r.times),
                backoff: r.backoff.as_ref().map(|(first, max)| (c.kept(first), c.kept(max))),
                when: r.when.as_ref().map(|(local, _)| (local.0 as Reg, 0)),
                is_unsafe: r.unsafe_reason.is_some(),
            });
            let at = c.calls.len();
            c.calls.push(CallSite {
                function: call.function,
                site: call.site,
                d,
                args,
                instance,
                retry,
                timeout,
                key,
                undo: call.undo.as_ref().map(|(f, locals)| (*f, locals.iter().map(|l| l.0 as Reg).collect())),
                trusted: call.trusted,
            });
            if let Some((_, condition)) = call.retry.as_ref().and_then(|r| r.when.as_ref()) {
                c.deferred.push(Deferred::When(at, condition));
            }
            c.emit(Op::Action { call: super::index(at) });
        });
    }

    /// In a register of its own: the machine reads it when the call begins.
    pub(super) fn kept(&mut self, e: &'a crate::hir::Expr) -> Reg {
        let d = self.temp();
        self.expr(e, d);
        d
    }
}
