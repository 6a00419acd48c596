//! The compiler: the typed tree lowered to the machine's bytecode and tables.

mod answered;
mod compile;
mod constants;
mod debug;

pub use crate::vm::code::GIVEN;
pub use crate::vm::covered::{CoverKind, CoverPoint, Covered};
pub use crate::vm::debug::{DebugFile, DebugInfo, FunctionDebug, LocalDebug};
pub use crate::vm::image::{Program, ProgramError, SiteInfo, VM_VERSION};
pub use compile::{TestProgram, compile, compile_tests};
