//! What runs at the same time. The code of the branches stands in their function and uses its registers: a live branch begins with
//! a copy of those that it reads, and a plan runs one branch after the other where they stand.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Compiler, index};
use crate::hir::visit;
use crate::hir::{AtMost, Block, Expr, ExprKind, FanOut, Pattern, Together, Waves};
use crate::types::{Ty, Type};
use crate::vm::code::{BranchSite, EachSite, ForkKind, ForkSite, LoopTest, MostSite, Op, Reg, WavesSite};
use crate::vm::typing::{fields, resolve};

use super::expr::offset;

impl<'a> Compiler<'a, '_> {
    pub(super) fn parallel(&mut self, t: &'a Together, ty: &Ty, d: Reg) {
        self.scratch(|c| {
            let results = c.temps(t.branches.len());
            c.branches(t, ForkKind::Parallel { results });
            let names: Vec<SmolStr> = fields(&c.hir.types, ty).into_iter().map(|f| f.name).collect();
            if names.is_empty() {
                c.emit(Op::Nothing { d });
                return;
            }
            let a = c.temps(names.len());
            for (i, name) in names.iter().enumerate() {
                let from = t.branches.iter().position(|b| b.gives && b.name == *name).unwrap_or(0);
                c.emit(Op::Take { d: offset(a, i), s: offset(results, from) });
            }
            let names = c.tables.names(names);
            c.emit(Op::Record { d, a, names });
        });
    }

    pub(super) fn race(&mut self, t: &'a Together, d: Reg) {
        self.scratch(|c| {
            let result = c.temp();
            c.branches(t, ForkKind::Race { result });
            c.emit(Op::Take { d, s: result });
        });
    }

    fn branches(&mut self, t: &'a Together, kind: ForkKind) {
        let mut uses = BTreeSet::new();
        t.branches.iter().for_each(|b| visit::walk(&b.body, &mut |e, _, _| used(e, &mut uses)));
        let fork = index(self.forks.len());
        let uses = uses.into_iter().collect();
        self.forks.push(ForkSite { site: t.site, kind, branches: Vec::new(), uses, join: 0 });
        self.emit(Op::Fork { fork });
        for (i, b) in t.branches.iter().enumerate() {
            let (s, chosen) = match kind {
                ForkKind::Parallel { results } => (offset(results, i), None),
                ForkKind::Race { result } if i + 1 < t.branches.len() => {
                    (result, Some(self.emit(Op::Choose { to: 0 })))
                }
                ForkKind::Race { result } => (result, None),
                ForkKind::Each(_) => return,
            };
            let start = self.here();
            self.scratch(|c| c.expr(&b.body, s));
            self.end_branch(fork, b.name.clone(), start, s);
            if let Some(chosen) = chosen {
                self.patch(chosen);
            }
        }
        self.join(fork);
    }

    fn end_branch(&mut self, fork: u32, name: SmolStr, start: u32, s: Reg) {
        let end = self.here();
        self.emit(Op::BranchEnd { fork, s });
        if let Some(site) = self.forks.get_mut(fork as usize) {
            site.branches.push(BranchSite { name, start, end });
        }
    }

    fn join(&mut self, fork: u32) {
        let join = self.here();
        self.emit(Op::Join { fork });
        if let Some(site) = self.forks.get_mut(fork as usize) {
            site.join = join;
        }
    }

    pub(super) fn fan_out(&mut self, fan: &'a FanOut, ty: &Ty, d: Reg) {
        self.scratch(|c| {
            let width = c.kept(&fan.parallel);
            let it = c.temps(2);
            c.scratch(|c| {
                let s = c.operand(&fan.items);
                c.emit(Op::Iter { d: it, s });
            });
            let gives = super::has_value(ty);
            let results = c.temp();
            match &fan.waves {
                None => c.rounds(fan, ty, it, width, results),
                Some(waves) => c.waves(fan, waves, ty, it, width, results),
            }
            c.emit(if gives { Op::Take { d, s: results } } else { Op::Nothing { d } });
        });
    }

    /// All items of `it`, `width` at a time; the list of values goes to `results`.
    fn rounds(&mut self, fan: &'a FanOut, ty: &Ty, it: Reg, width: Reg, results: Reg) {
        self.scratch(|c| {
            let gives = super::has_value(ty);
            let direct = if let Pattern::Bind(local) = &fan.pattern { Some(local.0 as Reg) } else { None };
            let item = direct.unwrap_or_else(|| c.temp());
            let value_named = value_named(&resolve(&c.hir.types, ty));
            let names: &[&'static str] = if value_named { &["item", "value", "failure"] } else { &["item", "failure"] };
            let collect = fan.collect.then(|| c.tables.names(names.iter().map(|n| SmolStr::new_static(n)).collect()));
            let mut uses = BTreeSet::new();
            visit::walk_block(&fan.body, &mut |e| used(e, &mut uses));
            let fork = index(c.forks.len());
            let site = EachSite { items: it, width, item, results, gives, collect };
            let (kind, uses) = (ForkKind::Each(site), uses.into_iter().filter(|r| *r != item).collect());
            c.forks.push(ForkSite { site: fan.site, kind, branches: Vec::new(), uses, join: 0 });
            c.emit(Op::List { d: results, a: results, n: 0 });
            c.emit(Op::Fork { fork });
            let head = c.here();
            let next = c.emit(Op::IterNext { it, d: item, to: 0 });
            let start = c.here();
            if direct.is_none() {
                // A pattern of `for` fits every item, so nothing jumps.
                let fails = c.pattern(&fan.pattern, item, true);
                c.patch_all(fails);
            }
            let value = c.temp();
            c.block(&fan.body, value);
            c.end_branch(fork, SmolStr::default(), start, value);
            // From here to the join only a plan comes by.
            if let (Some(names), true) = (collect, gives) {
                let a = c.temps(3);
                c.emit(Op::Move { d: a, s: item });
                let failure = if value_named {
                    c.emit(Op::Take { d: offset(a, 1), s: value });
                    offset(a, 2)
                } else {
                    offset(a, 1)
                };
                c.emit(Op::None { d: failure });
                c.emit(Op::Record { d: value, a, names });
            }
            if gives {
                c.emit(Op::ListPush { d: results, s: value });
            }
            c.emit(Op::Jump { to: head });
            c.patch(next);
            let exit = c.here();
            c.loop_tests.push(LoopTest { start: head, end: head + 1, exit });
            c.join(fork);
        });
    }

    fn waves(&mut self, fan: &'a FanOut, w: &'a Waves, ty: &Ty, items: Reg, width: Reg, results: Reg) {
        self.scratch(|c| {
            let sizes = c.temp();
            match w.sizes.as_slice() {
                [list] if w.listed => c.expr(list, sizes),
                each => {
                    let a = c.in_row(each.iter());
                    c.emit(Op::List { d: sizes, a, n: u16::try_from(each.len()).unwrap_or(u16::MAX) });
                }
            }
            let pausing = w.pausing.as_ref().map(|p| c.kept(p));
            let (chunks, chunk, done, part) = (c.temps(2), c.temps(2), c.temp(), c.temp());
            let waves = index(c.waves.len());
            let between = w.between.is_some();
            let site = w.site;
            c.waves.push(WavesSite { site, items, sizes, chunks, chunk, done, pausing, between, start: 0, end: 0 });
            c.emit(Op::List { d: results, a: results, n: 0 });
            c.emit(Op::List { d: done, a: done, n: 0 });
            c.emit(Op::Waves { waves });
            let failure = c.temp();
            let enter = c.emit(Op::TryEnter { d: failure, handler: 0 });
            c.scoped(|c| {
                let head = c.here();
                let next = c.emit(Op::IterNext { it: chunks, d: chunk, to: 0 });
                c.emit(Op::Int { d: offset(chunk, 1), v: 0 });
                c.emit(Op::WaveBegin { waves });
                let start = c.here();
                c.rounds(fan, ty, chunk, width, part);
                if super::has_value(ty) {
                    c.emit(Op::ListExtend { d: results, s: part });
                }
                c.emit(Op::WaveDone { waves });
                if pausing.is_some() {
                    c.emit(Op::WavePause { waves });
                }
                if let Some(block) = &w.between {
                    c.discarded(block);
                }
                let end = c.here();
                c.emit(Op::Jump { to: head });
                c.patch(next);
                let exit = c.here();
                c.loop_tests.push(LoopTest { start: head, end: head + 1, exit });
                if let Some(site) = c.waves.get_mut(waves as usize) {
                    (site.start, site.end) = (start, end);
                }
            });
            let over = c.emit(Op::Jump { to: 0 });
            c.patch(enter);
            c.scoped(|c| {
                c.emit(Op::WaveFailed { waves, s: failure });
            });
            c.patch(over);
        });
    }

    fn discarded(&mut self, block: &'a Block) {
        self.scratch(|c| {
            let value = c.temp();
            c.block(block, value);
        });
    }

    pub(super) fn at_most(&mut self, most: &'a AtMost, d: Reg) {
        self.scratch(|c| {
            let site = MostSite {
                site: most.site,
                limit: c.kept(&most.limit),
                of: most.of.as_ref().map(|e| c.kept(e)),
                floor: most.floor.as_ref().map(|e| c.kept(e)),
                items: c.kept(&most.items),
                texts: most.texts.clone(),
            };
            let at = index(c.mosts.len());
            c.mosts.push(site);
            c.emit(Op::AtMost { most: at });
            c.emit(Op::Nothing { d });
        });
    }
}

/// Whether the records of `collect failures` have a value.
fn value_named(ty: &Type) -> bool {
    match ty {
        Type::List(item) => matches!(&**item, Type::Record(fields) if fields.iter().any(|f| f.name == "value")),
        _ => false,
    }
}

/// Notes the variables that an expression reads.
fn used(e: &Expr, uses: &mut BTreeSet<Reg>) {
    let mut add = |l: &crate::hir::LocalId| {
        uses.insert(l.0 as Reg);
    };
    match &e.kind {
        ExprKind::Local(l) => add(l),
        ExprKind::Closure { captures, .. } => captures.iter().for_each(add),
        ExprKind::CallAction(call) => call.undo.iter().flat_map(|(_, captures)| captures).for_each(add),
        _ => {}
    }
}
