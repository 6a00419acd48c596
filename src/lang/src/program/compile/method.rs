//! Built-in methods. Those that take a function become loops here, so that what it does may wait for the world like any other code.

use super::Compiler;
use crate::hir::{Expr, ExprKind, LocalId};
use crate::methods::METHODS;
use crate::types::Type;
use crate::value::Value;
use crate::vm::code::{LoopTest, Op, Reg};

use super::expr::{offset, simple};
use crate::vm::typing::resolve;

impl<'a> Compiler<'a, '_> {
    pub(super) fn method(&mut self, e: &'a Expr, name: &'a str, args: &'a [Expr], optional: bool, d: Reg) {
        let Some(receiver) = args.first() else {
            self.emit(Op::NoMatch);
            return;
        };
        self.scratch(|c| {
            let a = c.temps(args.len().max(1));
            c.expr(receiver, a);
            let absent = optional.then(|| c.emit(Op::JumpIfAbsent { s: a, to: 0 }));
            for (i, arg) in args.iter().enumerate().skip(1) {
                c.expr(arg, offset(a, i));
            }
            let n = u8::try_from(args.len()).unwrap_or(u8::MAX);
            if !c.looping(name, receiver, args.len(), a, d) {
                c.plain(e, name, receiver, a, n, d);
            }
            if let Some(absent) = absent {
                let end = c.emit(Op::Jump { to: 0 });
                c.patch(absent);
                c.emit(Op::None { d });
                c.patch(end);
            }
        });
    }

    /// A method that needs nothing but its arguments.
    fn plain(&mut self, e: &Expr, name: &str, receiver: &Expr, a: Reg, n: u8, d: Reg) {
        if name != "List.sum" {
            return self.call_method(name, a, n, d);
        }
        // The sum of nothing is the zero of the items' type, which only the checker knows.
        let zero = match (&*resolve(&self.hir.types, &e.ty), &*resolve(&self.hir.types, &receiver.ty)) {
            (Type::Float, _) => Value::Float(0.0),
            (Type::Duration, _) => Value::Duration(0),
            (Type::Size, _) => Value::Size(0),
            _ => Value::Int(0),
        };
        let row = self.temps(2);
        self.emit(Op::Move { d: row, s: a });
        self.constant(&zero, offset(row, 1));
        self.call_method(name, row, 2, d);
    }

    fn call_method(&mut self, name: &str, a: Reg, n: u8, d: Reg) {
        match method_id(name) {
            Some(id) => self.emit(Op::Method { d, a, n, id }),
            None => {
                let k = self.tables.constant(&Value::text(format!("there is no method `{name}`")));
                self.emit(Op::FailInvalid { k })
            }
        };
    }

    /// The methods that call a function; false when this is none of them.
    fn looping(&mut self, name: &str, receiver: &Expr, args: usize, a: Reg, d: Reg) -> bool {
        let f = offset(a, 1);
        match (name, args) {
            ("List.map" | "Range.map", 2) => {
                let results = self.collect(a, f, 1);
                self.emit(Op::Take { d, s: results });
            }
            ("Set.map", 2) => {
                let results = self.collect(a, f, 1);
                self.call_method("List.to_set", results, 1, d);
            }
            ("List.flat_map", 2) => {
                let results = self.collect(a, f, 1);
                self.call_method("List.flatten", results, 1, d);
            }
            (
                "List.filter" | "List.count" | "List.sort_by" | "List.max_by" | "List.min_by" | "List.group_by"
                | "List.unique_by" | "Set.filter",
                2,
            ) => self.with_results(name, a, f, 1, d),
            ("Map.filter", 2) => {
                let entries = self.entries(a);
                let results = self.collect(entries, f, 2);
                self.both(name, a, results, d);
            }
            ("Map.map_values", 2) => {
                let values = self.temp();
                self.emit(Op::Move { d: values, s: a });
                self.call_method("Map.values", values, 1, values);
                let results = self.collect(values, f, 1);
                self.both(name, a, results, d);
            }
            ("List.to_map", 3) => {
                let keys = self.collect(a, f, 1);
                let values = self.collect(a, offset(a, 2), 1);
                self.both(name, keys, values, d);
            }
            ("List.any" | "Set.any", 2) => self.quantifier(a, f, 1, true, d),
            ("List.all" | "Set.all", 2) => self.quantifier(a, f, 1, false, d),
            ("Map.any" | "Map.all", 2) => {
                let entries = self.entries(a);
                self.quantifier(entries, f, 2, name == "Map.any", d);
            }
            ("List.first" | "Set.first", 2) => self.first(a, f, d),
            ("List.take_while", 2) => self.take_while(a, f, d),
            ("List.fold", 3) => self.fold(a, d),
            ("Optional.map", 2) => {
                let absent = self.emit(Op::JumpIfAbsent { s: a, to: 0 });
                let arg = self.temp();
                self.emit(Op::Move { d: arg, s: a });
                self.emit(Op::CallValue { d, f, a: arg, n: 1 });
                let end = self.emit(Op::Jump { to: 0 });
                self.patch(absent);
                self.emit(Op::None { d });
                self.patch(end);
            }
            _ => {
                let _ = receiver;
                return false;
            }
        }
        true
    }

    /// Calls the method with the receiver and what the function made of each item.
    fn with_results(&mut self, name: &str, a: Reg, f: Reg, arity: u16, d: Reg) {
        let results = self.collect(a, f, arity);
        self.both(name, a, results, d);
    }

    fn both(&mut self, name: &str, left: Reg, right: Reg, d: Reg) {
        let row = self.temps(2);
        self.emit(Op::Move { d: row, s: left });
        self.emit(Op::Move { d: offset(row, 1), s: right });
        self.call_method(name, row, 2, d);
    }

    /// The entries of a map in a register of their own.
    fn entries(&mut self, map: Reg) -> Reg {
        let entries = self.temp();
        self.emit(Op::Move { d: entries, s: map });
        self.call_method("Map.entries", entries, 1, entries);
        entries
    }

    /// Goes through the items of `s`; `each` gets the register of the result of `f` and of the item, and gives the jumps that leave.
    fn each(&mut self, s: Reg, f: Reg, arity: u16, each: impl FnOnce(&mut Self, Reg, Reg) -> Vec<usize>) {
        let it = self.temps(2);
        self.emit(Op::Iter { d: it, s });
        let (item, result) = (self.temp(), self.temp());
        let head = self.here();
        let next = self.emit(Op::IterNext { it, d: item, to: 0 });
        self.scratch(|c| {
            let row = c.temps(arity as usize);
            if arity == 2 {
                // An entry of a map: key, value.
                c.emit(Op::Field { d: row, s: item, index: 0 });
                c.emit(Op::Field { d: offset(row, 1), s: item, index: 1 });
            } else {
                c.emit(Op::Move { d: row, s: item });
            }
            c.emit(Op::CallValue { d: result, f, a: row, n: arity });
        });
        let leave = each(self, result, item);
        self.emit(Op::Jump { to: head });
        self.patch(next);
        self.patch_all(leave);
        let exit = self.here();
        self.loop_tests.push(LoopTest { start: head, end: head + 1, exit });
    }

    fn collect(&mut self, s: Reg, f: Reg, arity: u16) -> Reg {
        let results = self.temp();
        self.emit(Op::List { d: results, a: results, n: 0 });
        self.each(s, f, arity, |c, result, _| {
            c.emit(Op::ListPush { d: results, s: result });
            Vec::new()
        });
        results
    }

    fn quantifier(&mut self, s: Reg, f: Reg, arity: u16, any: bool, d: Reg) {
        let found = self.temp();
        self.emit(Op::Bool { d: found, v: !any });
        self.each(s, f, arity, |c, result, _| {
            let on =
                if any { c.emit(Op::JumpIfNot { s: result, to: 0 }) } else { c.emit(Op::JumpIf { s: result, to: 0 }) };
            c.emit(Op::Bool { d: found, v: any });
            let leave = c.emit(Op::Jump { to: 0 });
            c.patch(on);
            vec![leave]
        });
        self.emit(Op::Take { d, s: found });
    }

    fn first(&mut self, s: Reg, f: Reg, d: Reg) {
        let found = self.temp();
        self.emit(Op::None { d: found });
        self.each(s, f, 1, |c, result, item| {
            let on = c.emit(Op::JumpIfNot { s: result, to: 0 });
            c.emit(Op::Move { d: found, s: item });
            let leave = c.emit(Op::Jump { to: 0 });
            c.patch(on);
            vec![leave]
        });
        self.emit(Op::Take { d, s: found });
    }

    fn take_while(&mut self, s: Reg, f: Reg, d: Reg) {
        let results = self.temp();
        self.emit(Op::List { d: results, a: results, n: 0 });
        self.each(s, f, 1, |c, result, item| {
            let leave = c.emit(Op::JumpIfNot { s: result, to: 0 });
            c.emit(Op::ListPush { d: results, s: item });
            vec![leave]
        });
        self.emit(Op::Take { d, s: results });
    }

    /// The list in `a`, the start in the next register, the function in the one after.
    fn fold(&mut self, a: Reg, d: Reg) {
        let (made, it, item) = (self.temp(), self.temps(2), self.temp());
        self.emit(Op::Take { d: made, s: offset(a, 1) });
        self.emit(Op::Iter { d: it, s: a });
        let head = self.here();
        let next = self.emit(Op::IterNext { it, d: item, to: 0 });
        let row = self.temps(2);
        self.emit(Op::Take { d: row, s: made });
        self.emit(Op::Move { d: offset(row, 1), s: item });
        self.emit(Op::CallValue { d: made, f: offset(a, 2), a: row, n: 2 });
        self.emit(Op::Jump { to: head });
        self.patch(next);
        let exit = self.here();
        self.loop_tests.push(LoopTest { start: head, end: head + 1, exit });
        self.emit(Op::Take { d, s: made });
    }

    /// Whether `x = x.push(…)` and its like can change the variable's own value.
    pub(super) fn in_place(&self, name: &str, local: LocalId, args: &[Expr]) -> bool {
        matches!(name, "List.push" | "List.concat" | "Map.set" | "Map.remove" | "Set.add")
            && matches!(args.first().map(|a| &a.kind), Some(ExprKind::Local(l)) if *l == local)
            && args.iter().skip(1).all(simple)
    }

    pub(super) fn update_in_place(&mut self, name: &str, args: &'a [Expr], d: Reg) {
        self.scratch(|c| {
            let a = c.in_row(args.iter().skip(1).collect::<Vec<_>>().into_iter());
            let n = u8::try_from(args.len().saturating_sub(1)).unwrap_or(u8::MAX);
            match method_id(name) {
                Some(id) => c.emit(Op::Update { d, a, n, id }),
                None => c.emit(Op::NoMatch),
            };
        });
    }
}

/// The number of a method in instructions: the place of its first entry in the table.
pub(crate) fn method_id(name: &str) -> Option<u16> {
    let (head, method) = name.split_once('.')?;
    let at = METHODS.iter().position(|m| m.name == method && m.head() == head)?;
    u16::try_from(at).ok()
}
