//! The compiler: the typed tree lowered to the machine's bytecode and tables.

mod compile;
mod constants;

pub use crate::vm::image::{Program, ProgramError, SiteInfo, VM_VERSION};
pub use compile::compile;
