//! The walker. Plain and slow: it computes whole numbers in 128 bits and looks whether they fit.

use std::collections::HashMap;
use std::sync::Arc;

use rrb_lang::hir::{Block, Coercion, Expr, ExprKind, Function, LocalId, MapEntry, Pattern, Program, Stmt, TextPart};
use rrb_lang::syntax::ast::{BinaryOp, UnaryOp};
use rrb_lang::value::{Closure, RangeValue, Record, Value, VariantValue};

/// Why an expression gives no value.
enum Stop {
    Fail(String),
    Return(Value),
    Break,
    Continue,
}

type Walk = Result<Value, Stop>;

fn fail<T>(message: &str) -> Result<T, Stop> {
    Err(Stop::Fail(message.into()))
}

pub struct Walker<'a> {
    tree: &'a Program,
    locals: HashMap<LocalId, Value>,
}

impl<'a> Walker<'a> {
    pub fn new(tree: &'a Program) -> Self {
        Self { tree, locals: HashMap::new() }
    }

    /// The value of a call, or the message it fails with.
    pub fn call(&self, function: &'a Function, args: Vec<Value>) -> Result<Value, String> {
        let locals = args.into_iter().enumerate().map(|(i, v)| (LocalId(i as u32), v)).collect();
        let mut inner = Walker { tree: self.tree, locals };
        match inner.expr(function.body.as_ref().unwrap()) {
            Ok(v) | Err(Stop::Return(v)) => Ok(v),
            Err(Stop::Fail(message)) => Err(message),
            Err(Stop::Break | Stop::Continue) => unreachable!("the checker keeps them in loops"),
        }
    }

    fn called(&self, function: &'a Function, args: Vec<Value>) -> Walk {
        self.call(function, args).map_err(Stop::Fail)
    }

    fn apply(&self, f: &Value, args: Vec<Value>) -> Walk {
        let Value::Function(closure) = f else { unreachable!("{f:?} is called") };
        let all = closure.captures.iter().cloned().chain(args).collect();
        self.called(&self.tree.functions[closure.function.index()], all)
    }

    fn all(&mut self, list: &'a [Expr]) -> Result<Vec<Value>, Stop> {
        list.iter().map(|e| self.expr(e)).collect()
    }

    fn truth(&mut self, e: &'a Expr) -> Result<bool, Stop> {
        Ok(self.expr(e)? == Value::Bool(true))
    }

    fn expr(&mut self, e: &'a Expr) -> Walk {
        Ok(match &e.kind {
            ExprKind::Literal(v) => v.clone(),
            ExprKind::Text(parts) => {
                let mut out = String::new();
                for part in parts {
                    match part {
                        TextPart::Chars(c) => out.push_str(c),
                        TextPart::Hole(e) => out.push_str(&printed(&self.expr(e)?)),
                    }
                }
                Value::text(out)
            }
            ExprKind::Local(id) => self.locals[id].clone(),
            ExprKind::Closure { function, captures } => Value::Function(Arc::new(Closure {
                function: *function,
                captures: captures.iter().map(|c| self.locals[c].clone()).collect(),
            })),
            ExprKind::List(items) => {
                let mut out = Vec::new();
                for (spread, item) in items {
                    let value = self.expr(item)?;
                    if *spread { out.extend(items_of(&value)) } else { out.push(value) }
                }
                Value::list(out)
            }
            ExprKind::Record(values) => {
                let names = self.names(e);
                Value::Record(Arc::new(Record { names: names.into(), values: self.all(values)? }))
            }
            ExprKind::RecordUpdate { base, fields } => {
                let Value::Record(base) = self.expr(base)? else { unreachable!() };
                let mut given = HashMap::new();
                for (name, value) in fields {
                    given.insert(name.clone(), self.expr(value)?);
                }
                let names = self.names(e);
                let value = |n: &smol_str::SmolStr| given.get(n).or_else(|| base.get(n)).cloned().unwrap();
                Value::Record(Arc::new(Record { values: names.iter().map(value).collect(), names: names.into() }))
            }
            ExprKind::Map(entries) => {
                let mut map = indexmap::IndexMap::new();
                for entry in entries {
                    match entry {
                        MapEntry::Entry(k, v) => {
                            let key = self.expr(k)?;
                            map.insert(key, self.expr(v)?);
                        }
                        MapEntry::Spread(m) => {
                            let Value::Map(m) = self.expr(m)? else { unreachable!() };
                            map.extend(m.iter().map(|(k, v)| (k.clone(), v.clone())));
                        }
                    }
                }
                Value::Map(Arc::new(map))
            }
            ExprKind::Variant { ty, index, name, payload } => {
                let payload = self.all(payload)?;
                Value::Variant(Arc::new(VariantValue { ty: *ty, index: *index, name: name.clone(), payload }))
            }
            ExprKind::Unary { op, operand } => match (op, self.expr(operand)?) {
                (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
                (_, Value::Int(i)) => Value::Int(fits(-i128::from(i))?),
                (_, Value::Duration(i)) => Value::Duration(fits(-i128::from(i))?),
                (_, Value::Float(f)) => Value::Float(-f),
                (_, v) => unreachable!("{v:?}"),
            },
            ExprKind::Binary { op, left, right } => {
                let (l, r) = (self.expr(left)?, self.expr(right)?);
                binary(*op, &l, &r)?
            }
            ExprKind::And(l, r) => Value::Bool(self.truth(l)? && self.truth(r)?),
            ExprKind::Or(l, r) => Value::Bool(self.truth(l)? || self.truth(r)?),
            ExprKind::Coalesce(l, r) => match self.expr(l)? {
                Value::None => self.expr(r)?,
                v => v,
            },
            ExprKind::Field { base, name, index, optional } => match self.expr(base)? {
                Value::None if *optional => Value::None,
                // A failure is caught as its message alone.
                Value::Record(r) if r.names.len() == 1 && r.names[0] == "message" => r.get(name).cloned().unwrap(),
                Value::Record(r) => r.values[*index as usize].clone(),
                v => unreachable!("{v:?}"),
            },
            ExprKind::MapGet { base, key, .. } => {
                let (Value::Map(m), key) = (self.expr(base)?, self.expr(key)?) else { unreachable!() };
                m.iter().find(|(k, _)| **k == key).map_or(Value::None, |(_, v)| v.clone())
            }
            ExprKind::Index { base, index } => {
                let (Value::List(xs), Value::Int(i)) = (self.expr(base)?, self.expr(index)?) else { unreachable!() };
                match at(&xs, i) {
                    Some(v) => v,
                    None => return fail(&format!("there is no item {i} in a list of {}", xs.len())),
                }
            }
            ExprKind::CallFn { function, args } => {
                let args = self.all(args)?;
                self.called(&self.tree.functions[function.index()], args)?
            }
            ExprKind::CallValue { callee, args } => {
                let f = self.expr(callee)?;
                let args = self.all(args)?;
                self.apply(&f, args)?
            }
            ExprKind::Method { name, args, optional } => {
                let receiver = self.expr(&args[0])?;
                if *optional && receiver == Value::None {
                    return Ok(Value::None);
                }
                let mut all = vec![receiver];
                for a in &args[1..] {
                    all.push(self.expr(a)?);
                }
                self.method(name, &all)?
            }
            ExprKind::Coerce { value, kind } => match (kind, self.expr(value)?) {
                (Coercion::IntToFloat, Value::Int(i)) => Value::Float(i as f64),
                // Shapes of what is generated differ in nothing.
                (_, v) => v,
            },
            ExprKind::Is { value, pattern } | ExprKind::Let { value, pattern } => {
                let v = self.expr(value)?;
                Value::Bool(self.fits(pattern, &v))
            }
            ExprKind::If { condition, then, otherwise } => {
                if self.truth(condition)? {
                    self.expr(then)?
                } else {
                    match otherwise {
                        Some(e) => self.expr(e)?,
                        None => Value::Nothing,
                    }
                }
            }
            ExprKind::Match { value, arms } => {
                let v = self.expr(value)?;
                for arm in arms {
                    if self.fits(&arm.pattern, &v) && arm.guard.as_ref().map_or(Ok(true), |g| self.truth(g))? {
                        return self.expr(&arm.body);
                    }
                }
                unreachable!("the checker saw every case")
            }
            ExprKind::Block(block) => self.block(block)?,
            ExprKind::Fail(e) => match self.expr(e)? {
                Value::Text(t) => return fail(&t),
                other => return fail(other.field("message").and_then(Value::as_text).unwrap_or("?")),
            },
            ExprKind::Return(e) => {
                let v = e.as_ref().map_or(Ok(Value::Nothing), |e| self.expr(e))?;
                return Err(Stop::Return(v));
            }
            ExprKind::Break => return Err(Stop::Break),
            ExprKind::Continue => return Err(Stop::Continue),
            ExprKind::For { pattern, items, body } => {
                let mut out = Vec::new();
                for item in items_of(&self.expr(items)?) {
                    assert!(self.fits(pattern, &item));
                    match self.block(body) {
                        Ok(v) => out.push(v),
                        Err(Stop::Continue) => {}
                        Err(Stop::Break) => break,
                        Err(stop) => return Err(stop),
                    }
                }
                Value::list(out)
            }
            ExprKind::While { condition, body, .. } => {
                while self.truth(condition)? {
                    match self.block(body) {
                        Ok(_) | Err(Stop::Continue) => {}
                        Err(Stop::Break) => break,
                        Err(stop) => return Err(stop),
                    }
                }
                Value::Nothing
            }
            ExprKind::Try { body, handler, .. } => match (self.block(body), handler) {
                (Err(Stop::Fail(message)), Some((name, block))) => {
                    if let Some(id) = name {
                        self.locals.insert(*id, Value::record([("message", Value::text(message))]));
                    }
                    self.block(block)?
                }
                (outcome, _) => outcome?,
            },
            other => unreachable!("{other:?} is not generated"),
        })
    }

    /// The names of the fields of a record expression, in the order of its type.
    fn names(&self, e: &Expr) -> Vec<smol_str::SmolStr> {
        use rrb_lang::types::{Type, TypeDefKind};
        let fields = match &*e.ty {
            Type::Record(fields) => fields,
            Type::Named(id, _) => match &self.tree.types.get(*id).unwrap().kind {
                TypeDefKind::Record(fields) => fields,
                other => unreachable!("{other:?}"),
            },
            other => unreachable!("{other:?}"),
        };
        fields.iter().map(|f| f.name.clone()).collect()
    }

    fn block(&mut self, block: &'a Block) -> Walk {
        for stmt in &block.stmts {
            match stmt {
                Stmt::Let { pattern, value } => {
                    let v = self.expr(value)?;
                    assert!(self.fits(pattern, &v));
                }
                Stmt::Assign { local, value } => {
                    let v = self.expr(value)?;
                    self.locals.insert(*local, v);
                }
                Stmt::Expr(e) => {
                    self.expr(e)?;
                }
                other => unreachable!("{other:?} is not generated"),
            }
        }
        block.value.as_ref().map_or(Ok(Value::Nothing), |e| self.expr(e))
    }

    fn fits(&mut self, pattern: &Pattern, v: &Value) -> bool {
        match (pattern, v) {
            (Pattern::Any, _) => true,
            (Pattern::Bind(id), _) => {
                self.locals.insert(*id, v.clone());
                true
            }
            (Pattern::None, _) => *v == Value::None,
            (Pattern::Literal(l), _) => equal(l, v),
            (Pattern::Range { start, end, inclusive }, _) => within(v, start, end, *inclusive),
            (Pattern::Variant { index, payload }, Value::Variant(x)) => {
                x.index == *index && payload.iter().all(|(i, p)| self.fits(p, &x.payload[*i as usize]))
            }
            (Pattern::Record(fields), Value::Record(r)) => {
                fields.iter().all(|(i, p)| self.fits(p, &r.values[*i as usize]))
            }
            (Pattern::List { items, rest }, Value::List(xs)) => {
                let long = if *rest { xs.len() >= items.len() } else { xs.len() == items.len() };
                long && items.iter().zip(xs.iter()).all(|(p, x)| self.fits(p, x))
            }
            (Pattern::Or(all), _) => all.iter().any(|p| self.fits(p, v)),
            (Pattern::As(p, id), _) => {
                let fits = self.fits(p, v);
                if fits {
                    self.locals.insert(*id, v.clone());
                }
                fits
            }
            (Pattern::Present(p), _) => *v != Value::None && self.fits(p, v),
            _ => false,
        }
    }

    fn method(&self, name: &str, a: &[Value]) -> Walk {
        let xs = || items_of(&a[0]);
        let n = |i: usize| match a[i] {
            Value::Int(n) => n,
            _ => unreachable!("{name}"),
        };
        let t = |i: usize| a[i].as_text().unwrap_or_else(|| unreachable!("{name}"));
        let up_to = |n: i64, len: usize| usize::try_from(n.max(0)).unwrap().min(len);
        let yes = |f: &Value, x: &Value| Ok(self.apply(f, vec![x.clone()])? == Value::Bool(true));
        let mapped =
            |xs: &[Value]| xs.iter().map(|x| self.apply(&a[1], vec![x.clone()])).collect::<Result<Vec<_>, _>>();
        Ok(match name {
            "List.len" => Value::Int(xs().len() as i64),
            "List.is_empty" => Value::Bool(xs().is_empty()),
            "List.first" if a.len() == 1 => xs().first().cloned().unwrap_or(Value::None),
            "List.first" => {
                for x in xs() {
                    if yes(&a[1], &x)? {
                        return Ok(x);
                    }
                }
                Value::None
            }
            "List.last" => xs().last().cloned().unwrap_or(Value::None),
            "List.get" => at(&xs(), n(1)).unwrap_or(Value::None),
            "List.contains" => Value::Bool(xs().iter().any(|x| equal(x, &a[1]))),
            "List.map" => Value::list(mapped(&xs())?),
            "List.filter" => {
                let mut out = Vec::new();
                for x in xs() {
                    if yes(&a[1], &x)? {
                        out.push(x);
                    }
                }
                Value::list(out)
            }
            "List.any" | "List.all" => {
                let looked_for = name == "List.any";
                for x in xs() {
                    if yes(&a[1], &x)? == looked_for {
                        return Ok(Value::Bool(looked_for));
                    }
                }
                Value::Bool(!looked_for)
            }
            "List.fold" => {
                let mut made = a[1].clone();
                for x in xs() {
                    made = self.apply(&a[2], vec![made, x])?;
                }
                made
            }
            "List.sum" => xs().iter().try_fold(Value::Int(0), |sum, x| binary(BinaryOp::Add, &sum, x))?,
            "List.sum_by" => mapped(&xs())?.iter().try_fold(Value::Int(0), |sum, x| binary(BinaryOp::Add, &sum, x))?,
            "List.sort" => {
                let mut all = xs();
                all.sort_by_key(number);
                Value::list(all)
            }
            "List.max" => xs().into_iter().max_by_key(number).unwrap_or(Value::None),
            "List.reverse" => Value::list(xs().into_iter().rev()),
            "List.take" => Value::list(xs()[..up_to(n(1), xs().len())].to_vec()),
            "List.drop" => Value::list(xs()[up_to(n(1), xs().len())..].to_vec()),
            "List.push" => Value::list(xs().into_iter().chain([a[1].clone()])),
            "List.unique" => {
                let mut out: Vec<Value> = Vec::new();
                for x in xs() {
                    if !out.contains(&x) {
                        out.push(x);
                    }
                }
                Value::list(out)
            }
            "List.slice" => {
                let len = xs().len() as i64;
                let place = |i: i64| if i < 0 { (len.saturating_add(i)).max(0) } else { i.min(len) };
                let (from, to) = (place(n(1)), place(n(2)));
                Value::list(xs().into_iter().skip(from as usize).take((to - from).max(0) as usize))
            }
            "List.index_where" => {
                for (i, x) in xs().iter().enumerate() {
                    if yes(&a[1], x)? {
                        return Ok(Value::Int(i as i64));
                    }
                }
                Value::None
            }
            "List.join" => Value::text(xs().iter().map(printed).collect::<Vec<_>>().join(t(1))),
            "List.to_map" => {
                let keys = mapped(&xs())?;
                let values = xs().iter().map(|x| self.apply(&a[2], vec![x.clone()])).collect::<Result<Vec<_>, _>>()?;
                Value::Map(Arc::new(keys.into_iter().zip(values).collect()))
            }
            "Map.values" => match &a[0] {
                Value::Map(m) => Value::list(m.values().cloned()),
                _ => unreachable!(),
            },
            "Text.len" => Value::Int(t(0).chars().count() as i64),
            "Text.contains" => Value::Bool(t(0).contains(t(1))),
            "Text.split" => Value::list(t(0).split(t(1)).map(Value::text)),
            "Text.take" => Value::text(t(0).chars().take(up_to(n(1), 1 << 30)).collect::<String>()),
            "Text.reverse" => Value::text(t(0).chars().rev().collect::<String>()),
            "Text.to_int" => t(0).trim().parse().map_or(Value::None, Value::Int),
            "Int.abs" => Value::Int(fits(i128::from(n(0)).abs())?),
            "Int.min" => Value::Int(n(0).min(n(1))),
            "Int.max" => Value::Int(n(0).max(n(1))),
            "Int.sign" => Value::Int(n(0).signum()),
            "Int.div" if n(1) == 0 => return fail("division by zero"),
            "Int.div" => Value::Int(fits(i128::from(n(0)) / i128::from(n(1)))?),
            "Int.to_float" => Value::Float(n(0) as f64),
            "Int.seconds" => Value::Duration(fits(i128::from(n(0)) * 1000)?),
            "Duration.milliseconds" => match a[0] {
                Value::Duration(ms) => Value::Int(ms),
                _ => unreachable!(),
            },
            "Any.to_text" => Value::text(printed(&a[0])),
            "Optional.map" if a[0] == Value::None => Value::None,
            "Optional.map" => self.apply(&a[1], vec![a[0].clone()])?,
            "Optional.filter" if a[0] == Value::None => Value::None,
            "Optional.filter" => {
                if yes(&a[1], &a[0])? {
                    a[0].clone()
                } else {
                    Value::None
                }
            }
            other => unreachable!("{other} is not generated"),
        })
    }
}

fn number(v: &Value) -> i64 {
    match v {
        Value::Int(i) | Value::Duration(i) => *i,
        v => unreachable!("{v:?}"),
    }
}

fn fits(n: i128) -> Result<i64, Stop> {
    i64::try_from(n).or_else(|_| fail("the number is too large"))
}

fn at(xs: &[Value], i: i64) -> Option<Value> {
    let at = if i < 0 { i128::from(i) + xs.len() as i128 } else { i128::from(i) };
    usize::try_from(at).ok().and_then(|i| xs.get(i)).cloned()
}

fn items_of(v: &Value) -> Vec<Value> {
    match v {
        Value::List(xs) => xs.to_vec(),
        Value::Range(r) => {
            let (Value::Int(low), Value::Int(high)) = (&r.start, &r.end) else { unreachable!() };
            (*low..if r.inclusive { high + 1 } else { *high }).map(Value::Int).collect()
        }
        v => unreachable!("{v:?}"),
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(i), Value::Float(f)) | (Value::Float(f), Value::Int(i)) => *i as f64 == *f,
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(a, b)| equal(a, b)),
        // By name: a record that was made from another one may hold its fields in another order.
        (Value::Record(x), Value::Record(y)) => {
            let same = |(name, v): (&smol_str::SmolStr, &Value)| y.get(name).is_some_and(|w| equal(v, w));
            x.names.len() == y.names.len() && x.names.iter().zip(&x.values).all(same)
        }
        _ => a == b,
    }
}

fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) | (Value::Duration(x), Value::Duration(y)) => x < y,
        (Value::Float(x), Value::Float(y)) => x < y,
        (Value::Text(x), Value::Text(y)) => x < y,
        (Value::Bool(x), Value::Bool(y)) => !x & y,
        _ => unreachable!("{a:?} {b:?}"),
    }
}

fn within(v: &Value, start: &Value, end: &Value, inclusive: bool) -> bool {
    !less(v, start) && (less(v, end) || (inclusive && v == end))
}

fn binary(op: BinaryOp, a: &Value, b: &Value) -> Walk {
    use Value::{Duration, Float, Int};
    let of = |b| Ok(Value::Bool(b));
    match op {
        BinaryOp::Eq => return of(equal(a, b)),
        BinaryOp::Ne => return of(!equal(a, b)),
        BinaryOp::Lt => return of(less(a, b)),
        BinaryOp::Ge => return of(!less(a, b)),
        BinaryOp::Gt => return of(less(b, a)),
        BinaryOp::Le => return of(!less(b, a)),
        BinaryOp::Range | BinaryOp::RangeInclusive => {
            let inclusive = op == BinaryOp::RangeInclusive;
            return Ok(Value::Range(Box::new(RangeValue { start: a.clone(), end: b.clone(), inclusive })));
        }
        BinaryOp::In | BinaryOp::NotIn => {
            let found = match b {
                Value::Range(r) => within(a, &r.start, &r.end, r.inclusive),
                _ => items_of(b).iter().any(|x| equal(x, a)),
            };
            return of(found == (op == BinaryOp::In));
        }
        _ => {}
    }
    let finite = |f: f64| if f.is_finite() { Ok(Float(f)) } else { fail("the result is not a number") };
    let zero = matches!(b, Int(0) | Duration(0)) || matches!(b, Float(f) if *f == 0.0);
    if zero && matches!(op, BinaryOp::Div | BinaryOp::Mod) {
        return fail("division by zero");
    }
    let whole = |x: i64, y: i64| {
        let (x, y) = (i128::from(x), i128::from(y));
        fits(match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Mod => x.rem_euclid(y),
            _ => unreachable!(),
        })
    };
    match (op, a, b) {
        (BinaryOp::Div, Int(x) | Duration(x), Int(y) | Duration(y))
            if std::mem::discriminant(a) == std::mem::discriminant(b) =>
        {
            finite(*x as f64 / *y as f64)
        }
        (_, Int(x), Int(y)) => whole(*x, *y).map(Int),
        (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mod, Duration(x), Duration(y)) => whole(*x, *y).map(Duration),
        (BinaryOp::Mul, Duration(x), Int(y)) | (BinaryOp::Mul, Int(x), Duration(y)) => whole(*x, *y).map(Duration),
        (_, Float(x), Float(y)) => finite(match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Div => x / y,
            _ => x.rem_euclid(*y),
        }),
        _ => unreachable!("{op:?} {a:?} {b:?}"),
    }
}

/// What a hole prints.
fn printed(v: &Value) -> String {
    match v {
        Value::Text(t) => t.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Variant(v) => v.name.to_string(),
        Value::Duration(0) => "0s".into(),
        Value::Duration(ms) => {
            let mut rest = ms.unsigned_abs();
            let mut out = String::from(if *ms < 0 { "-" } else { "" });
            for (unit, n) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
                if rest >= n {
                    out.push_str(&format!("{}{unit}", rest / n));
                    rest %= n;
                }
            }
            out
        }
        v => unreachable!("{v:?} is not printed"),
    }
}
