//! `wait for`, `during`, `run` and `start`.

use super::Compiler;
use crate::hir::{During, RunChild, WaitFor, Watch};
use crate::vm::code::{ChildSite, DuringSite, HandlerSite, Op, Reg, WaitSite, WatchSite};

fn watch(w: &Watch) -> WatchSite {
    WatchSite {
        site: w.site,
        event: w.event,
        instance: w.instance.clone(),
        condition: w.condition.as_ref().map(|(f, locals)| (*f, locals.iter().map(|l| l.0 as Reg).collect())),
        text: w.text.clone(),
    }
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn wait_for(&mut self, w: &'a WaitFor, d: Reg) {
        self.scratch(|c| {
            let within = c.kept(&w.within);
            let at = c.waits.len();
            c.waits.push(WaitSite { watch: watch(&w.watch), within, d });
            c.emit(Op::WaitFor { wait: super::index(at) });
        });
    }

    pub(super) fn run_child(&mut self, run: &'a RunChild, d: Reg) {
        self.scratch(|c| {
            let args = c.in_row(run.args.iter());
            let at = c.children.len();
            let (site, runbook, awaited) = (run.site, run.runbook, run.awaited);
            c.children.push(ChildSite { site, runbook, args, awaited, d });
            c.emit(Op::Child { child: super::index(at) });
        });
    }

    /// The block, then for a plan the handlers as what may follow, then the handlers, which stand before what comes after all of
    /// it, so that in a plan their paths meet the others there.
    pub(super) fn during(&mut self, w: &'a During, d: Reg) {
        self.scratch(|c| {
            let value = c.temp();
            let at = c.durings.len();
            let handlers = w
                .handlers
                .iter()
                .map(|h| HandlerSite { watch: watch(&h.watch), binder: h.binder.0 as Reg, pc: 0 })
                .collect();
            c.durings.push(DuringSite { site: w.site, handlers, body: 0, end: 0 });
            let during = super::index(at);
            c.emit(Op::During { during });
            let body = c.here();
            c.scopes += 1;
            c.block(&w.body, value);
            c.scopes -= 1;
            c.emit(Op::DuringEnd { during });
            for handler in 0..w.handlers.len() {
                c.emit(Op::DuringMay { during, handler: handler as u16 });
            }
            let over = c.emit(Op::Jump { to: 0 });
            // A handler runs while the registers of the block, wherever it stands, are in use.
            c.next = c.most;
            let mut places = Vec::new();
            for handler in &w.handlers {
                places.push(c.here());
                c.scratch(|c| {
                    let nothing = c.temp();
                    c.block(&handler.body, nothing);
                });
                c.emit(Op::HandlerEnd { during });
            }
            c.patch(over);
            let end = c.here();
            if let Some(site) = c.durings.get_mut(at) {
                (site.body, site.end) = (body, end);
                for (handler, pc) in site.handlers.iter_mut().zip(places) {
                    handler.pc = pc;
                }
            }
            c.emit(Op::Take { d, s: value });
        });
    }
}
