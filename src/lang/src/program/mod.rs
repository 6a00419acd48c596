//! The compiler: the typed tree lowered to the machine's bytecode and tables.

mod answered;
mod compile;
mod constants;
mod covered;
mod debug;

pub use crate::vm::debug::{DebugFile, DebugInfo, FunctionDebug, LocalDebug};
pub use crate::vm::image::{Program, ProgramError, SiteInfo, VM_VERSION};
pub use answered::GIVEN;
pub use compile::{TestProgram, compile, compile_tests};
pub use covered::{CoverKind, CoverPoint, Covered};
