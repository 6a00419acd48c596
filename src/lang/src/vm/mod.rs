//! The virtual machine: performs nothing, says what it wants and is resumed with the answer.

mod approve;
mod budget;
mod calls;
pub mod code;
mod conditions;
pub mod decode;
mod ending;
mod eval;
mod failure;
mod fiber;
mod fork;
pub mod image;
mod interp;
pub mod limits;
mod machine;
pub mod methods;
mod ops;
mod outbox;
pub mod plan;
mod poll;
pub mod print;
pub mod protocol;
mod shadow;
mod shapes;
mod threads;
pub(crate) mod typing;
mod unwind;
mod waves;

pub use decode::{DecodeError, decode, value_from_text};
pub(crate) use eval::eval_in;
pub use eval::{EvalError, eval};
pub(crate) use fiber::Fiber;
pub(crate) use interp::Context;
pub use machine::{Machine, MachineError};
pub use plan::Planner;
pub use print::{display, shown, to_json};
