//! The inner loop: runs a fiber's code until it returns, fails, or meets an instruction that is the machine's to do.

use std::sync::Arc;

use super::budget::{Budget, Limit};
use super::code::{Bin, Op, Pc, Reg};
use super::conditions::{compare, decided, holds, slow, truth};
use super::failure::{self, invalid};
use super::fiber::{Fiber, Frame, FrameKind, ScopeKind};
use super::image::Program;
use super::limits::{self, MAX_NESTING};
use super::methods;
use super::ops;
use super::print;
use super::protocol::{Failure, FailureKind, SettingValues};
use super::shapes::{coerce, decoded, extended, not_there, setting};
use crate::ids::FnId;
use crate::json::Json;
use crate::value::{Closure, Record, Value, VariantValue};

/// Why the loop stopped.
#[derive(Debug)]
pub enum Exit {
    /// The bottom frame, or one that the machine pushed, is done.
    Returned(FrameKind, Value),
    /// Nothing in this fiber's pure code caught it.
    Failed(Box<Failure>),
    /// A limit: cannot be caught.
    Limit(Limit),
    /// The machine does this instruction; the frame stands behind it.
    Op(Op),
    /// In a plan: a condition is unknown. The frame goes on behind the instruction at `at`, or at `to`.
    Fork {
        at: Pc,
        to: Pc,
    },
    Skip,
}
/// What code reads besides its registers.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub program: &'a Program,
    pub settings: &'a SettingValues,
}

/// Pushes the frame of a call; `inputs` are captures and arguments.
pub fn enter(
    fiber: &mut Fiber,
    program: &Program,
    budget: &Budget,
    function: FnId,
    inputs: impl IntoIterator<Item = Value>,
    d: Reg,
    kind: FrameKind,
) -> Result<(), Limit> {
    if fiber.frames.len() >= budget.depth as usize {
        return Err(Limit::Depth(budget.depth));
    }
    let base = fiber.stack.len();
    fiber.stack.extend(inputs);
    let registers = program.code(function).map_or(0, |c| c.registers as usize);
    fiber.stack.resize_with(base + registers, || Value::Nothing);
    fiber.frames.push(Frame { function, pc: 0, base: base as u32, top: base as u32, d, kind });
    Ok(())
}

/// Runs until something is to be done outside.
pub fn run(fiber: &mut Fiber, cx: Context<'_>, budget: &mut Budget) -> Exit {
    loop {
        match stretch(fiber, cx, budget) {
            Ok(exit) => return exit,
            Err(f) => {
                if let Some(f) = fiber.catch(f) {
                    return Exit::Failed(f);
                }
            }
        }
    }
}

pub(super) fn damaged() -> Box<Failure> {
    invalid("the code is damaged; this is a defect of rrb")
}

/// Runs from the innermost frame on, until something fails or is to be done outside.
#[allow(clippy::too_many_lines)]
fn stretch(fiber: &mut Fiber, cx: Context<'_>, budget: &mut Budget) -> Result<Exit, Box<Failure>> {
    let program = cx.program;
    let (mut ops, mut base, mut pc) = innermost(fiber, program)?;

    macro_rules! save {
        () => {
            if let Some(frame) = fiber.frames.last_mut() {
                frame.pc = pc as Pc;
            }
        };
    }
    macro_rules! fail {
        ($f:expr) => {{
            save!();
            return Err($f);
        }};
    }
    macro_rules! exit {
        ($e:expr) => {{
            save!();
            return Ok($e);
        }};
    }
    // Another frame is the innermost now.
    macro_rules! go_on {
        () => {{
            (ops, base, pc) = innermost(fiber, program)?;
            continue;
        }};
    }
    macro_rules! get {
        ($r:expr) => {
            match fiber.stack.get(base + $r as usize) {
                Some(value) => value,
                None => fail!(damaged()),
            }
        };
    }
    macro_rules! set {
        ($r:expr, $v:expr) => {{
            let value = $v;
            match fiber.stack.get_mut(base + $r as usize) {
                Some(slot) => *slot = value,
                None => fail!(damaged()),
            }
        }};
    }
    // Most numbers replace numbers: nothing has to be dropped then.
    macro_rules! set_int {
        ($r:expr, $v:expr) => {{
            let value = $v;
            match fiber.stack.get_mut(base + $r as usize) {
                Some(Value::Int(slot)) => *slot = value,
                Some(slot) => *slot = Value::Int(value),
                None => fail!(damaged()),
            }
        }};
    }
    macro_rules! take {
        ($r:expr) => {
            match fiber.stack.get_mut(base + $r as usize) {
                Some(slot) => std::mem::replace(slot, Value::Nothing),
                None => fail!(damaged()),
            }
        };
    }
    macro_rules! check {
        ($r:expr) => {
            match $r {
                Ok(value) => value,
                Err(f) => fail!(f),
            }
        };
    }
    macro_rules! charge {
        ($bytes:expr) => {{
            let bytes = $bytes;
            if bytes > 0
                && let Err(limit) = budget.charge(&fiber.stack, bytes)
            {
                exit!(Exit::Limit(limit));
            }
        }};
    }
    macro_rules! fork {
        ($to:expr) => {
            exit!(Exit::Fork { at: pc as Pc - 1, to: $to })
        };
    }
    // A test on a value: go on, jump, or fork where it is unknown.
    macro_rules! jump_unless {
        ($known:expr, $to:expr) => {
            match $known {
                Some(true) => {}
                Some(false) => pc = $to as usize,
                None => fork!($to),
            }
        };
    }
    macro_rules! ints {
        ($d:expr, $a:expr, $b:expr, $method:ident, $op:expr) => {{
            match (get!($a), get!($b)) {
                (Value::Int(x), Value::Int(y)) => match x.$method(*y) {
                    Some(made) => set_int!($d, made),
                    None => fail!(ops::overflow()),
                },
                (x, y) => set!($d, check!(ops::binary($op, x, y))),
            }
        }};
    }
    macro_rules! floats {
        ($d:expr, $a:expr, $b:expr, $op:tt, $slow:expr) => {{
            let made = match (get!($a), get!($b)) {
                (Value::Float(x), Value::Float(y)) => ops::finite(x $op y),
                (x, y) => ops::binary($slow, x, y),
            };
            set!($d, check!(made))
        }};
    }

    loop {
        if budget.fuel == 0 {
            exit!(Exit::Limit(Limit::Fuel(budget.fuel_limit)));
        }
        budget.fuel -= 1;
        let Some(op) = ops.get(pc) else { fail!(damaged()) };
        pc += 1;
        match *op {
            Op::Move { d, s } => match get!(s) {
                Value::Int(i) => set_int!(d, *i),
                other => set!(d, other.clone()),
            },
            Op::Take { d, s } => {
                let value = take!(s);
                set!(d, value);
            }
            Op::Int { d, v } => set_int!(d, i64::from(v)),
            Op::AddIntK { d, a, k } => match get!(a) {
                Value::Int(x) => match x.checked_add(i64::from(k)) {
                    Some(made) => set_int!(d, made),
                    None => fail!(ops::overflow()),
                },
                x => set!(d, check!(ops::binary(Bin::Add, x, &Value::Int(i64::from(k))))),
            },
            Op::AddInt { d, a, b } => ints!(d, a, b, checked_add, Bin::Add),
            Op::SubInt { d, a, b } => ints!(d, a, b, checked_sub, Bin::Sub),
            Op::MulInt { d, a, b } => ints!(d, a, b, checked_mul, Bin::Mul),
            Op::ModInt { d, a, b } => {
                let made = ops::binary(Bin::Mod, get!(a), get!(b));
                set!(d, check!(made));
            }
            Op::AddFloat { d, a, b } => floats!(d, a, b, +, Bin::Add),
            Op::SubFloat { d, a, b } => floats!(d, a, b, -, Bin::Sub),
            Op::MulFloat { d, a, b } => floats!(d, a, b, *, Bin::Mul),
            Op::CmpInt { cmp, d, a, b } => {
                let made = match (get!(a), get!(b)) {
                    (Value::Int(x), Value::Int(y)) => Value::Bool(compare(cmp, *x, *y)),
                    (x, y) => check!(ops::binary(slow(cmp), x, y)),
                };
                set!(d, made);
            }
            Op::JumpUnlessInt { cmp, a, b, to } => {
                let known = match (get!(a), get!(b)) {
                    (Value::Int(x), Value::Int(y)) => Some(compare(cmp, *x, *y)),
                    (x, y) => check!(decided(ops::binary(slow(cmp), x, y))),
                };
                jump_unless!(known, to);
            }
            Op::JumpUnlessIntK { cmp, a, k, to } => {
                let known = match get!(a) {
                    Value::Int(x) => Some(compare(cmp, *x, i64::from(k))),
                    x => check!(decided(ops::binary(slow(cmp), x, &Value::Int(i64::from(k))))),
                };
                jump_unless!(known, to);
            }
            Op::Jump { to } => pc = to as usize,
            Op::JumpIfNot { s, to } => {
                let known = check!(truth(get!(s)));
                jump_unless!(known, to);
            }
            Op::JumpIf { s, to } => {
                let known = check!(truth(get!(s))).map(|b| !b);
                jump_unless!(known, to);
            }
            Op::JumpIfAbsent { s, to } => {
                let value = get!(s);
                let known = if matches!(value, Value::Unknown) { None } else { Some(!ops::absent(value)) };
                jump_unless!(known, to);
            }
            Op::JumpIfPresent { s, to } => {
                let value = get!(s);
                let known = if matches!(value, Value::Unknown) { None } else { Some(ops::absent(value)) };
                jump_unless!(known, to);
            }
            Op::JumpUnlessK { op, a, k, to } => {
                let Some(constant) = program.pool.get(k as usize) else { fail!(damaged()) };
                let known = check!(holds(fiber.plan, op, get!(a), constant));
                jump_unless!(known, to);
            }
            Op::JumpUnlessFieldK { op, s, index, k, to } => {
                let Some(constant) = program.pool.get(k as usize) else { fail!(damaged()) };
                let known = match get!(s) {
                    Value::Record(r) => match r.values.get(index as usize) {
                        Some(value) => check!(holds(fiber.plan, op, value, constant)),
                        None => fail!(damaged()),
                    },
                    Value::Unknown => None,
                    _ => fail!(damaged()),
                };
                jump_unless!(known, to);
            }
            Op::JumpUnlessVariant { a, index, to } => {
                let known = match get!(a) {
                    Value::Variant(v) => Some(v.index == u32::from(index)),
                    Value::Unknown => None,
                    _ => Some(false),
                };
                jump_unless!(known, to);
            }
            Op::JumpUnlessLen { a, len, rest, to } => {
                let fits = |n: usize| if rest { n >= len as usize } else { n == len as usize };
                let known = match get!(a) {
                    Value::List(items) => Some(fits(items.len())),
                    Value::Json(Json::List(items)) => Some(fits(items.len())),
                    Value::Unknown => None,
                    _ => Some(false),
                };
                jump_unless!(known, to);
            }
            Op::Call { d, a, function } => {
                save!();
                let Some(callee) = program.code(function) else { fail!(damaged()) };
                if fiber.frames.len() >= budget.depth as usize {
                    return Ok(Exit::Limit(Limit::Depth(budget.depth)));
                }
                let top = fiber.stack.len();
                for i in 0..callee.inputs as usize {
                    let value = take!(a as usize + i);
                    fiber.stack.push(value);
                }
                fiber.stack.resize_with(top + callee.registers as usize, || Value::Nothing);
                (ops, base, pc) = (&callee.ops, top, 0);
                let top = top as u32;
                fiber.frames.push(Frame { function, pc: 0, base: top, top, d, kind: FrameKind::Plain });
            }
            Op::Ret { s } => {
                let value = take!(s);
                let Some(frame) = fiber.frames.pop() else { return Err(damaged()) };
                fiber.stack.truncate(frame.top as usize);
                if frame.kind != FrameKind::Plain {
                    return Ok(Exit::Returned(frame.kind, value));
                }
                (ops, base, pc) = innermost(fiber, program)?;
                set!(frame.d, value);
            }
            Op::RetSub { s } => {
                let value = take!(s);
                if let Some(frame) = fiber.frames.pop() {
                    fiber.stack.truncate(frame.top as usize);
                }
                return Ok(Exit::Returned(FrameKind::Sub, value));
            }
            Op::RetScoped { .. } => {
                // Only `try` can be open in pure code; anything else is the machine's to close.
                let depth = fiber.frames.len() as u32;
                let plain = |k: &ScopeKind| matches!(k, ScopeKind::Try { .. } | ScopeKind::Catch { .. });
                while fiber.scopes.last().is_some_and(|s| s.frames == depth && plain(&s.kind)) {
                    fiber.scopes.pop();
                }
                if fiber.scopes.last().is_some_and(|s| s.frames == depth) {
                    exit!(Exit::Op(*op));
                }
                let Op::RetScoped { s } = *op else { fail!(damaged()) };
                let value = take!(s);
                match fiber.finish_frame(value.clone()) {
                    Some(FrameKind::Plain) => go_on!(),
                    Some(kind) => return Ok(Exit::Returned(kind, value)),
                    None => return Err(damaged()),
                }
            }
            Op::Field { d, s, index } => {
                let value = match get!(s) {
                    Value::Record(r) => match r.values.get(index as usize) {
                        Some(value) => value.clone(),
                        None => fail!(damaged()),
                    },
                    Value::Unknown => Value::Unknown,
                    other => fail!(not_there("a field", other)),
                };
                set!(d, value);
            }
            Op::Field2 { d, s, first, second } => {
                let field = |value: &Value, index: u16| match value {
                    Value::Record(r) => r.values.get(index as usize).cloned().ok_or_else(damaged),
                    Value::Unknown => Ok(Value::Unknown),
                    other => Err(not_there("a field", other)),
                };
                let value = match get!(s) {
                    Value::Record(r) => {
                        r.values.get(first as usize).map_or_else(|| Err(damaged()), |v| field(v, second))
                    }
                    other => field(other, first),
                };
                set!(d, check!(value));
            }
            Op::RangeIter { d, s } => {
                let (next, end) = match get!(s) {
                    Value::Range(r) => match ops::int_bounds(r) {
                        Some((low, high)) => (Value::Int(low), Value::Int(high)),
                        None => fail!(ops::overflow()),
                    },
                    Value::Unknown => (Value::Unknown, Value::Unknown),
                    other => fail!(not_there("a range", other)),
                };
                set!(d, next);
                set!(d + 1, end);
            }
            Op::RangeNext { it, d, to } => match (get!(it), get!(it + 1)) {
                (Value::Int(next), Value::Int(end)) => {
                    let next = *next;
                    if next >= *end {
                        pc = to as usize;
                    } else {
                        set_int!(it, next + 1);
                        set_int!(d, next);
                    }
                }
                _ => {
                    set!(d, Value::Unknown);
                    fork!(to);
                }
            },
            Op::Iter { d, s } => {
                let items = check!(ops::iterable(get!(s)));
                charge!(limits::shallow(&items));
                set!(d, items);
                set!(d + 1, Value::Int(0));
            }
            Op::IterNext { it, d, to } => {
                let next = match (get!(it), get!(it + 1)) {
                    (Value::Unknown, _) | (_, Value::Unknown) => {
                        set!(d, Value::Unknown);
                        fork!(to);
                    }
                    (items, Value::Int(i)) => ops::item(items, *i).map(|item| (item, *i + 1)),
                    _ => fail!(damaged()),
                };
                match next {
                    Some((item, i)) => {
                        set!(d, item);
                        set!(it + 1, Value::Int(i));
                    }
                    None => pc = to as usize,
                }
            }
            Op::Const { d, k } => {
                let Some(value) = program.pool.get(k as usize) else { fail!(damaged()) };
                set!(d, value.clone());
            }
            Op::Bool { d, v } => set!(d, Value::Bool(v)),
            Op::None { d } => set!(d, Value::None),
            Op::Nothing { d } => set!(d, Value::Nothing),
            Op::Global { d, id } => {
                let Some(value) = program.constants.get(id as usize) else { fail!(damaged()) };
                set!(d, value.clone());
            }
            Op::Setting { d, id } => {
                let value = check!(setting(cx, id, &fiber.instance));
                set!(d, value);
            }
            Op::Closure { d, a, n, function } => {
                let mut captures = Vec::with_capacity(n as usize);
                for i in 0..n {
                    captures.push(take!(a + i));
                }
                let value = Value::Function(Arc::new(Closure { function, captures }));
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::Binary { op: Bin::Add, d, a, b }
                if d == a && a != b && !fiber.plan && is_list(&fiber.stack, base, a) =>
            {
                let Value::List(mut items) = take!(d) else { fail!(damaged()) };
                let (made, bytes) = match get!(b) {
                    Value::List(more) => match methods::room(items.len() + more.len()) {
                        Ok(()) => {
                            let copied = if Arc::get_mut(&mut items).is_some() { 0 } else { items.len() };
                            Arc::make_mut(&mut items).extend(more.iter().cloned());
                            (Ok(()), 32 * (copied + more.len()) as u64)
                        }
                        Err(f) => (Err(f), 0),
                    },
                    other => (Err(not_there("items to add", other)), 0),
                };
                // Also when it fails: the variable keeps its value.
                set!(d, Value::List(items));
                check!(made);
                charge!(bytes);
            }
            Op::Binary { op, d, a, b } => {
                let (x, y) = (get!(a), get!(b));
                let made = if fiber.plan && (limits::has_unknown(x) || limits::has_unknown(y)) {
                    Value::Unknown
                } else {
                    check!(ops::binary(op, x, y))
                };
                charge!(limits::shallow(&made));
                set!(d, made);
            }
            Op::Not { d, s } => {
                let made = check!(truth(get!(s))).map_or(Value::Unknown, |b| Value::Bool(!b));
                set!(d, made);
            }
            Op::Neg { d, s } => {
                let made = check!(ops::negate(get!(s)));
                set!(d, made);
            }
            Op::List { d, a, n } => {
                let mut items = Vec::with_capacity(n as usize);
                for i in 0..n {
                    items.push(take!(a + i));
                }
                let value = Value::List(Arc::new(items));
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::ListPush { d, s } => {
                let item = get!(s).clone();
                let full = match fiber.stack.get_mut(base + d as usize) {
                    Some(Value::List(items)) => {
                        let room = methods::room(items.len() + 1);
                        if room.is_ok() {
                            Arc::make_mut(items).push(item);
                        }
                        room
                    }
                    Some(Value::Unknown) => Ok(()),
                    _ => Err(damaged()),
                };
                check!(full);
                charge!(32);
            }
            Op::ListExtend { d, s } => {
                let list = take!(d);
                let made = check!(extended(&list, get!(s)));
                charge!(limits::shallow(&made));
                set!(d, made);
            }
            Op::Record { d, a, names } => {
                let Some(names) = program.names.get(names as usize) else { fail!(damaged()) };
                let mut values = Vec::with_capacity(names.len());
                for i in 0..names.len() {
                    values.push(take!(a as usize + i));
                }
                let value = Value::Record(Arc::new(Record { names: names.clone(), values }));
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::MapNew { d } => set!(d, Value::Map(Arc::default())),
            Op::MapInsert { d, k, v } => {
                let (key, value) = (get!(k).clone(), get!(v).clone());
                let made = match take!(d) {
                    _ if key == Value::Unknown => Ok(Value::Unknown),
                    Value::Map(mut map) => methods::room(map.len() + 1).map(|()| {
                        Arc::make_mut(&mut map).insert(key, value);
                        Value::Map(map)
                    }),
                    Value::Unknown => Ok(Value::Unknown),
                    _ => Err(damaged()),
                };
                set!(d, check!(made));
                charge!(96);
            }
            Op::MapExtend { d, s } => {
                let made = match (take!(d), get!(s)) {
                    (Value::Map(mut map), Value::Map(other)) => methods::room(map.len() + other.len()).map(|()| {
                        Arc::make_mut(&mut map).extend(other.iter().map(|(k, v)| (k.clone(), v.clone())));
                        Value::Map(map)
                    }),
                    (Value::Unknown, _) | (_, Value::Unknown) => Ok(Value::Unknown),
                    _ => Err(damaged()),
                };
                let made = check!(made);
                charge!(limits::shallow(&made));
                set!(d, made);
            }
            Op::Variant { d, a, n, variant } => {
                let Some(v) = program.variants.get(variant as usize) else { fail!(damaged()) };
                let mut payload = Vec::with_capacity(n as usize);
                for i in 0..n {
                    payload.push(take!(a + i));
                }
                let value = VariantValue { ty: v.ty, index: v.index, name: v.name.clone(), payload };
                let value = Value::Variant(Arc::new(value));
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::Text { d, a, n } => {
                let mut out = String::new();
                let mut unknown = false;
                for i in 0..n {
                    let part = get!(a + i);
                    unknown |= fiber.plan && limits::has_unknown(part);
                    if i > 0 {
                        print::meet(&mut out, get!(a + i - 1), part);
                    }
                    print::write_value(&mut out, part);
                    if out.len() > limits::MAX_TEXT {
                        fail!(methods::too_long());
                    }
                }
                let value = if unknown { Value::Unknown } else { Value::Text(out.into()) };
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::JsonField { d, s, name } => {
                let Some(Value::Text(name)) = program.pool.get(name as usize) else { fail!(damaged()) };
                let value = match get!(s) {
                    Value::Json(json) => Value::Json(json.field(name)),
                    Value::Unknown => Value::Unknown,
                    Value::None => Value::Json(Json::Null),
                    other => fail!(not_there("a Json field", other)),
                };
                set!(d, value);
            }
            Op::JsonField2 { d, s, first, second } => {
                let (Some(Value::Text(first)), Some(Value::Text(second))) =
                    (program.pool.get(first as usize), program.pool.get(second as usize))
                else {
                    fail!(damaged())
                };
                let value = match get!(s) {
                    Value::Json(json) => {
                        Value::Json(json.member(first).and_then(|j| j.member(second)).cloned().unwrap_or_default())
                    }
                    Value::Unknown => Value::Unknown,
                    Value::None => Value::Json(Json::Null),
                    other => fail!(not_there("a Json field", other)),
                };
                set!(d, value);
            }
            Op::MapGet { d, s, k } => {
                let value = match (get!(s), get!(k)) {
                    (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
                    (Value::Map(map), key) => map.get(key).cloned().unwrap_or(Value::None),
                    (other, _) => fail!(not_there("an entry", other)),
                };
                set!(d, value);
            }
            Op::Index { d, s, i } => {
                let value = check!(ops::index(get!(s), get!(i)));
                set!(d, value);
            }
            Op::Payload { d, s, index } => {
                let value = match get!(s) {
                    Value::Variant(v) => match v.payload.get(index as usize) {
                        Some(value) => value.clone(),
                        None => fail!(damaged()),
                    },
                    Value::Unknown => Value::Unknown,
                    other => fail!(not_there("a payload", other)),
                };
                set!(d, value);
            }
            Op::Item { d, s, index } => {
                let value = match get!(s) {
                    Value::Unknown => Value::Unknown,
                    items => match ops::item(items, i64::from(index)) {
                        Some(value) => value,
                        None => fail!(damaged()),
                    },
                };
                set!(d, value);
            }
            Op::Coerce { d, s, shape } => {
                let Some(shape) = program.shapes.get(shape as usize) else { fail!(damaged()) };
                let value = check!(coerce(program, shape, get!(s)));
                charge!(limits::shallow(&value));
                set!(d, value);
            }
            Op::Decode { d, s, ty } => {
                let Some(ty) = program.decoded.get(ty as usize) else { fail!(damaged()) };
                let value = check!(decoded(program, ty, get!(s)));
                charge!(limits::size(&value, budget.memory));
                set!(d, value);
            }
            Op::CheckDepth { s } => {
                if !limits::nests_within(get!(s), MAX_NESTING) {
                    fail!(invalid(format!("the value nests deeper than {MAX_NESTING} levels")));
                }
            }
            Op::CallValue { d, f, a, n } => {
                save!();
                let closure = match get!(f) {
                    Value::Function(closure) => closure.clone(),
                    Value::Unknown => {
                        set!(d, Value::Unknown);
                        continue;
                    }
                    other => fail!(not_there("a call", other)),
                };
                let inputs = closure.captures.len() + n as usize;
                let callable =
                    program.code(closure.function).filter(|c| !c.ops.is_empty() && c.inputs as usize == inputs);
                if callable.is_none() {
                    fail!(damaged());
                }
                let mut values = closure.captures.clone();
                for i in 0..n {
                    values.push(take!(a + i));
                }
                match enter(fiber, program, budget, closure.function, values, d, FrameKind::Plain) {
                    Ok(()) => go_on!(),
                    Err(limit) => return Ok(Exit::Limit(limit)),
                }
            }
            Op::Method { d, a, n, id } => {
                let from = base + a as usize;
                let Some(args) = fiber.stack.get_mut(from..from + n as usize) else { fail!(damaged()) };
                let made = if args.iter().any(|v| matches!(v, Value::Unknown))
                    || (fiber.plan && args.iter().any(limits::has_unknown))
                {
                    Value::Unknown
                } else {
                    let Some(method) = program.method(id) else { fail!(damaged()) };
                    let cost = args.iter().map(limits::shallow).sum::<u64>() / 64;
                    budget.fuel = budget.fuel.saturating_sub(cost);
                    let made = check!(method(args));
                    // The arguments are of no more use: what they hold must not count, nor keep a list from being changed in place.
                    args.fill(Value::Nothing);
                    made
                };
                charge!(limits::shallow(&made));
                set!(d, made);
            }
            Op::Update { d, a, n, id } => {
                let mut args = Vec::with_capacity(n as usize + 1);
                args.push(take!(d));
                for i in 0..Reg::from(n) {
                    args.push(take!(a + i));
                }
                if args.iter().any(|v| matches!(v, Value::Unknown)) {
                    set!(d, Value::Unknown);
                    continue;
                }
                let Some(method) = program.method(id) else { fail!(damaged()) };
                match method(&mut args) {
                    Ok(made) => set!(d, made),
                    Err(f) => {
                        // A method fails before it takes its receiver: the variable keeps its value.
                        let receiver = args.swap_remove(0);
                        set!(d, receiver);
                        fail!(f);
                    }
                }
                charge!(96);
            }
            Op::FailText { s } => {
                let message = match get!(s) {
                    Value::Unknown => "a reason that is not known yet".to_owned(),
                    value => print::display(value),
                };
                fail!(Box::new(Failure::new(FailureKind::Failed, message)));
            }
            Op::FailInvalid { k } => {
                let message = program.pool.get(k as usize).map(print::display).unwrap_or_default();
                fail!(invalid(message));
            }
            Op::FailValue { s } => {
                let value = get!(s);
                let caught = fiber.scopes.iter().rev().filter_map(|scope| match &scope.kind {
                    ScopeKind::Catch { failure: f, .. } => Some(&**f),
                    _ => None,
                });
                let f = Box::new(failure::told(value, caught));
                fail!(f);
            }
            Op::TryEnter { d, handler } => {
                save!();
                let undos = fiber.undos;
                fiber.open(ScopeKind::Try { d, handler, undos });
            }
            Op::ScopeExit { n } => {
                let mut left = n;
                while left > 0
                    && matches!(
                        fiber.scopes.last().map(|s| &s.kind),
                        Some(ScopeKind::Try { .. } | ScopeKind::Catch { .. })
                    )
                {
                    fiber.scopes.pop();
                    left -= 1;
                }
                if left > 0 {
                    exit!(Exit::Op(Op::ScopeExit { n: left }));
                }
            }
            Op::Cover { n } => {
                if let Some(covered) = &program.covered {
                    covered.hit(n);
                }
            }
            Op::Skip => exit!(Exit::Skip),
            Op::NoMatch => fail!(invalid("no case of the `match` fits; this is a defect of rrb")),
            Op::Action { .. }
            | Op::Finish { .. }
            | Op::Rollback { .. }
            | Op::StepBegin { .. }
            | Op::Approve { .. }
            | Op::Waive { .. }
            | Op::Poll { .. }
            | Op::PollCheck { .. }
            | Op::PollReport { .. }
            | Op::Sleep { .. }
            | Op::WaitFor { .. }
            | Op::During { .. }
            | Op::DuringEnd { .. }
            | Op::DuringMay { .. }
            | Op::HandlerEnd { .. }
            | Op::Restart
            | Op::Child { .. }
            | Op::Evidence { .. }
            | Op::Log { .. }
            | Op::Fork { .. }
            | Op::Choose { .. }
            | Op::BranchEnd { .. }
            | Op::Join { .. }
            | Op::Waves { .. }
            | Op::WaveBegin { .. }
            | Op::WaveDone { .. }
            | Op::WavePause { .. }
            | Op::WaveFailed { .. }
            | Op::AtMost { .. } => exit!(Exit::Op(*op)),
        }
    }
}
fn is_list(stack: &[Value], base: usize, r: Reg) -> bool {
    matches!(stack.get(base + r as usize), Some(Value::List(_)))
}

/// The code of the innermost frame, its first register, and where it goes on.
fn innermost<'p>(fiber: &Fiber, program: &'p Program) -> Result<(&'p [Op], usize, usize), Box<Failure>> {
    let frame = fiber.frames.last().ok_or_else(damaged)?;
    let code = program.code(frame.function).ok_or_else(damaged)?;
    Ok((&code.ops, frame.base as usize, frame.pc as usize))
}
