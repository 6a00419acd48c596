//! The virtual machine: performs nothing, says what it wants and is resumed with the answer.

pub mod code;
pub mod decode;
mod eval;
mod failure;
mod fiber;
pub mod image;
mod interp;
pub mod limits;
pub mod methods;
mod ops;
pub mod print;
pub mod protocol;
pub(crate) mod typing;

pub use decode::{DecodeError, decode, value_from_text};
pub(crate) use eval::eval_in;
pub use eval::{EvalError, eval};
pub(crate) use fiber::Fiber;
pub(crate) use interp::Context;
pub use print::{display, shown, to_json};
