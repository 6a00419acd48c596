//! Constants get their values when the program is compiled, each after those it needs.

use crate::diag::{Diagnostic, codes};
use crate::hir;
use crate::ids::{ConstId, FnId};
use crate::types::{Ty, Type, TypeDefKind, TypeTable};
use crate::vm::code::{Code, Op};
use crate::vm::image::Program;
use crate::vm::protocol::SettingValues;
use crate::vm::{Context, EvalError, Fiber, eval_in};

/// Instructions that one constant may take.
const FUEL: u64 = 1_000_000;

/// Fills in the program's constants from their code.
pub(super) fn evaluate(program: &mut Program, bodies: &[Code], tree: &hir::Program) -> Result<(), Vec<Diagnostic>> {
    let mut order = Vec::new();
    let mut state = vec![Mark::New; bodies.len()];
    let mut errors = Vec::new();
    for i in 0..bodies.len() {
        visit(i, program, bodies, &mut state, &mut order);
    }
    // The code of constants is called like any function, and is not part of the program.
    let first = program.functions.len();
    program.functions.extend(bodies.iter().cloned());
    for i in order {
        let (Some(constant), Ok(function)) = (tree.constants.get(i), u32::try_from(first + i)) else { continue };
        let settings = SettingValues::new();
        let cx = Context { program, settings: &settings };
        match eval_in(&mut Fiber::new(0), cx, FnId(function), Vec::new(), FUEL) {
            Ok(value) => {
                if let Some(slot) = program.constants.get_mut(i) {
                    *slot = value;
                }
            }
            Err(e) => errors.push(failed(constant, &e)),
        }
    }
    program.functions.truncate(first);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn failed(constant: &hir::Constant, error: &EvalError) -> Diagnostic {
    let (message, label, help) = match error {
        EvalError::Limit(f) => (
            format!("`{}` takes too much work to compute", constant.name),
            f.message.clone(),
            "compute it in a `fn` that runs when it is needed",
        ),
        EvalError::Failed(f) => (
            format!("`{}` has no value", constant.name),
            f.message.clone(),
            "a constant is computed when the program is compiled; give it a value that exists",
        ),
        EvalError::Skip => (format!("`{}` has no value", constant.name), "`skip` gives none".into(), "give it a value"),
    };
    Diagnostic::error(codes::CONSTANT_FAILED, message, constant.value.expr.span, label).help(help)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Depth first: what a constant needs comes before it. The checker has refused circles; one that is left is cut.
fn visit(i: usize, program: &Program, bodies: &[Code], state: &mut [Mark], order: &mut Vec<usize>) {
    match state.get_mut(i) {
        Some(mark @ Mark::New) => *mark = Mark::Open,
        _ => return,
    }
    let mut needs = Vec::new();
    let mut functions = Vec::new();
    if let Some(body) = bodies.get(i) {
        scan(body, program, &mut needs, &mut functions);
    }
    for need in needs {
        visit(need.index(), program, bodies, state, order);
    }
    if let Some(mark) = state.get_mut(i) {
        *mark = Mark::Done;
    }
    order.push(i);
}

/// The constants that code reads, its callees included.
fn scan(code: &Code, program: &Program, needs: &mut Vec<ConstId>, seen: &mut Vec<FnId>) {
    for op in &code.ops {
        match op {
            Op::Global { id, .. } => needs.push(ConstId(*id)),
            Op::Decode { ty, .. } => {
                if let Some(ty) = program.decoded.get(*ty as usize) {
                    defaults(&program.types, ty, needs, &mut Vec::new());
                }
            }
            Op::Call { function, .. } | Op::Closure { function, .. } if !seen.contains(function) => {
                seen.push(*function);
                if let Some(callee) = program.code(*function) {
                    scan(callee, program, needs, seen);
                }
            }
            _ => {}
        }
    }
}

/// The defaults that decoding to a type may fill in.
fn defaults(types: &TypeTable, ty: &Ty, needs: &mut Vec<ConstId>, seen: &mut Vec<crate::ids::TypeId>) {
    let mut fields = |fields: &[crate::types::FieldTy], seen: &mut Vec<_>| {
        for f in fields {
            needs.extend(f.default);
            defaults(types, &f.ty, needs, seen);
        }
    };
    match &**ty {
        Type::Record(parts) => fields(parts, seen),
        Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => defaults(types, t, needs, seen),
        Type::Map(k, v) => {
            defaults(types, k, needs, seen);
            defaults(types, v, needs, seen);
        }
        Type::Named(id, args) if !seen.contains(id) => {
            seen.push(*id);
            match types.get(*id).map(|d| &d.kind) {
                Some(TypeDefKind::Record(parts)) => fields(parts, seen),
                Some(TypeDefKind::Enum(variants)) => {
                    for v in variants {
                        fields(&v.payload, seen);
                    }
                }
                Some(TypeDefKind::Alias(t)) => defaults(types, t, needs, seen),
                None => {}
            }
            for t in args {
                defaults(types, t, needs, seen);
            }
        }
        _ => {}
    }
}
