//! Built-in methods. Those that take a function become loops here, so that what it does may wait for the world like any other code.

use super::Compiler;
use crate::hir::{Expr, ExprKind, LocalId};
use crate::types::Type;
use crate::value::Value;
use crate::vm::code::{Bin, LoopTest, Op, Reg};

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
            if !c.looping(e, name, args.len(), a, d) {
                c.plain(e, name, a, n, d);
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
    fn plain(&mut self, e: &Expr, name: &str, a: Reg, n: u8, d: Reg) {
        if name != "List.sum" {
            return self.call_method(name, a, n, d);
        }
        self.sum(e, a, d);
    }

    /// Adds up the list in `a`. The sum of nothing is the zero of the items' type, which only the checker knows.
    fn sum(&mut self, e: &Expr, a: Reg, d: Reg) {
        let zero = match &*resolve(&self.hir.types, &e.ty) {
            Type::Float => Value::Float(0.0),
            Type::Duration => Value::Duration(0),
            Type::Size => Value::Size(0),
            _ => Value::Int(0),
        };
        let row = self.temps(2);
        self.emit(Op::Move { d: row, s: a });
        self.constant(&zero, offset(row, 1));
        self.call_method("List.sum", row, 2, d);
    }

    fn call_method(&mut self, name: &str, a: Reg, n: u8, d: Reg) {
        match self.tables.method(name) {
            Some(id) => self.emit(Op::Method { d, a, n, id }),
            None => {
                let k = self.tables.constant(&Value::text(format!("there is no method `{name}`")));
                self.emit(Op::FailInvalid { k })
            }
        };
    }

    /// The methods that call a function; false when this is none of them.
    fn looping(&mut self, e: &Expr, name: &str, args: usize, a: Reg, d: Reg) -> bool {
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
                | "List.unique_by" | "List.partition" | "List.count_by" | "List.key_by" | "Set.filter" | "Set.count",
                2,
            ) => self.with_results(name, a, f, 1, d),
            ("List.filter_map", 2) => {
                let results = self.collect(a, f, 1);
                self.call_method("List.present", results, 1, d);
            }
            ("List.sum_by", 2) => {
                let results = self.collect(a, f, 1);
                self.sum(e, results, d);
            }
            ("List.last", 2) => {
                let results = self.collect(a, f, 1);
                let accepted = self.temp();
                self.both("List.filter", a, results, accepted);
                self.call_method(name, accepted, 1, d);
            }
            ("List.index_where", 2) => self.index_where(a, f, d),
            ("List.drop_while", 2) => {
                let before = self.temp();
                self.take_while(a, f, before);
                self.call_method("List.len", before, 1, before);
                self.both("List.drop", a, before, d);
            }
            ("Map.map", 2) => {
                let entries = self.entries(a);
                let results = self.collect(entries, f, 2);
                self.emit(Op::Take { d, s: results });
            }
            ("Map.filter" | "Map.count" | "Map.sort_by" | "Map.max_by" | "Map.min_by", 2) => {
                let entries = self.entries(a);
                let results = self.collect(entries, f, 2);
                self.both(name, a, results, d);
            }
            ("Map.map_values" | "Map.map_keys", 2) => {
                let part = if name == "Map.map_keys" { "Map.keys" } else { "Map.values" };
                let parts = self.made(part, a);
                let results = self.collect(parts, f, 1);
                self.both(name, a, results, d);
            }
            ("Range.filter", 2) => {
                let items = self.made("Range.to_list", a);
                self.with_results("List.filter", items, f, 1, d);
            }
            ("List.to_map", 3) => {
                let keys = self.collect(a, f, 1);
                let values = self.collect(a, offset(a, 2), 1);
                self.both(name, keys, values, d);
            }
            ("List.any" | "Set.any" | "Range.any", 2) => self.quantifier(a, f, 1, true, d),
            ("List.all" | "Set.all" | "Range.all", 2) => self.quantifier(a, f, 1, false, d),
            ("Map.any" | "Map.all", 2) => {
                let entries = self.entries(a);
                self.quantifier(entries, f, 2, name == "Map.any", d);
            }
            ("List.first" | "Set.first", 2) => self.first(a, f, d),
            ("List.take_while", 2) => self.take_while(a, f, d),
            ("List.fold", 3) => self.fold(a, d),
            ("Optional.map" | "Optional.filter" | "Optional.any", 2) => self.of_optional(name, a, f, d),
            _ => return false,
        }
        true
    }

    /// Calls the function when there is a value.
    fn of_optional(&mut self, name: &str, a: Reg, f: Reg, d: Reg) {
        let absent = self.emit(Op::JumpIfAbsent { s: a, to: 0 });
        let (arg, result) = (self.temp(), self.temp());
        self.emit(Op::Move { d: arg, s: a });
        self.emit(Op::CallValue { d: result, f, a: arg, n: 1 });
        if name == "Optional.filter" {
            let refused = self.emit(Op::JumpIfNot { s: result, to: 0 });
            self.emit(Op::Move { d: result, s: a });
            let kept = self.emit(Op::Jump { to: 0 });
            self.patch(refused);
            self.emit(Op::None { d: result });
            self.patch(kept);
        }
        self.emit(Op::Take { d, s: result });
        let end = self.emit(Op::Jump { to: 0 });
        self.patch(absent);
        match name {
            "Optional.any" => self.emit(Op::Bool { d, v: false }),
            _ => self.emit(Op::None { d }),
        };
        self.patch(end);
    }

    /// Where the first item is that the function accepts.
    fn index_where(&mut self, a: Reg, f: Reg, d: Reg) {
        let (found, at, one) = (self.temp(), self.temp(), self.temp());
        self.emit(Op::None { d: found });
        self.constant(&Value::Int(0), at);
        self.constant(&Value::Int(1), one);
        self.each(a, f, 1, |c, result, _| {
            let on = c.emit(Op::JumpIfNot { s: result, to: 0 });
            c.emit(Op::Move { d: found, s: at });
            let leave = c.emit(Op::Jump { to: 0 });
            c.patch(on);
            c.emit(Op::Binary { op: Bin::Add, d: at, a: at, b: one });
            vec![leave]
        });
        self.emit(Op::Take { d, s: found });
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
        self.made("Map.entries", map)
    }

    /// What a method makes of the receiver, in a register of its own.
    fn made(&mut self, name: &str, of: Reg) -> Reg {
        let made = self.temp();
        self.emit(Op::Move { d: made, s: of });
        self.call_method(name, made, 1, made);
        made
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
            match c.tables.method(name) {
                Some(id) => c.emit(Op::Update { d, a, n, id }),
                None => c.emit(Op::NoMatch),
            };
        });
    }
}
