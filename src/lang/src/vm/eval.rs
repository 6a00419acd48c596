//! Pure code without a run: conditions of triggers, keys, `with`, `emit`, constants.

use std::cell::RefCell;

use smol_str::SmolStr;

use super::budget::{Budget, Limit};
use super::failure::invalid;
use super::fiber::{Fiber, FrameKind, ScopeKind};
use super::image::Program;
use super::interp::{self, Context, Exit};
use super::protocol::{Failure, Limits, SettingValues};
use crate::ids::FnId;
use crate::value::Value;

/// Why an evaluation gave no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// `skip`
    #[error("skipped")]
    Skip,
    #[error("{}", .0.message)]
    Failed(Box<Failure>),
    /// The failure names the limit.
    #[error("{}", .0.message)]
    Limit(Box<Failure>),
}

thread_local! {
    /// Conditions are evaluated by the million: their registers are kept.
    #[expect(clippy::vec_box, reason = "a fiber is large, and goes in and out of here whole at every condition")]
    static SPARE: RefCell<Vec<Box<Fiber>>> = const { RefCell::new(Vec::new()) };
}

/// Calls a pure function. `instance` chooses the settings of its connector (`""` or `default` for the default one); at most `fuel`
/// instructions are executed.
///
/// # Errors
/// `skip`, an uncaught failure, or a limit.
pub fn eval(
    program: &Program,
    function: FnId,
    args: Vec<Value>,
    settings: &SettingValues,
    instance: &str,
    fuel: u64,
) -> Result<Value, EvalError> {
    let mut fiber = SPARE.with(|spare| spare.borrow_mut().pop()).unwrap_or_else(|| Box::new(Fiber::new(0)));
    fiber.instance = if instance.is_empty() { SmolStr::new_static("default") } else { instance.into() };
    let out = eval_in(&mut fiber, Context { program, settings }, function, args, fuel);
    fiber.stack.clear();
    fiber.frames.clear();
    fiber.scopes.clear();
    fiber.plan = false;
    SPARE.with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < 4 && fiber.stack.capacity() < 4096 {
            spare.push(fiber);
        }
    });
    out
}

/// As [`eval`], on registers of the caller's.
pub(crate) fn eval_in(
    fiber: &mut Fiber,
    cx: Context<'_>,
    function: FnId,
    args: Vec<Value>,
    fuel: u64,
) -> Result<Value, EvalError> {
    let limits = Limits::default();
    let mut budget = Budget::new(fuel, limits.memory, limits.depth);
    let fits = cx.program.code(function).is_some_and(|c| c.inputs as usize == args.len() && !c.ops.is_empty());
    if !fits {
        return Err(EvalError::Failed(invalid("the function takes other arguments; this is a defect of rrb")));
    }
    let limit = |l: Limit| EvalError::Limit(l.failure());
    interp::enter(fiber, cx.program, &budget, function, args, 0, FrameKind::Entry).map_err(limit)?;
    loop {
        return match interp::run(fiber, cx, &mut budget) {
            Exit::Returned(FrameKind::Entry, value) => Ok(value),
            Exit::Failed(f) => match caught_further_out(fiber, f) {
                None => continue,
                Some(f) => Err(EvalError::Failed(f)),
            },
            Exit::Limit(l) => Err(limit(l)),
            Exit::Skip => Err(EvalError::Skip),
            Exit::Returned(..) | Exit::Op(_) | Exit::Fork { .. } => {
                Err(EvalError::Failed(invalid("pure code wanted something from the world; this is a defect of rrb")))
            }
        };
    }
}

/// A failure in a handler is for the `try` around its own. Gives it back when there is none.
fn caught_further_out(fiber: &mut Fiber, f: Box<Failure>) -> Option<Box<Failure>> {
    while matches!(fiber.scopes.last().map(|s| &s.kind), Some(ScopeKind::Catch { .. })) {
        let scope = fiber.scopes.pop()?;
        fiber.cut(&scope);
    }
    fiber.catch(f)
}
