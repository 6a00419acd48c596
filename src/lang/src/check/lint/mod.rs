//! Warnings about whole programs: what is legal, and probably not meant.
//!
//! They are looked for only where there is no error. Each has an opinion about few programs; in doubt it says nothing.

mod allow;
mod dedupe;
mod loops;
mod outcome;
mod resolved;
mod secrets;
mod statements;
mod unused;

pub(super) use allow::{allowances, apply};

use crate::diag::Diagnostic;
use crate::hir::{Program, visit};
use crate::span::Sources;

/// Everything that is said of a program as a whole; what only the checker knows while it works is said there.
pub fn run(program: &Program, sources: &Sources) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    dedupe::run(program, sources, &mut out);
    outcome::run(program, &mut out);
    resolved::run(program, &mut out);
    secrets::declarations(program, &mut out);
    // The only error among them: what is put into a statement of SQL.
    out.extend(statements::run(program));
    let mut secrets = secrets::Look::new(program);
    for function in &program.functions {
        let Some(body) = &function.body else { continue };
        visit::walk(body, &mut |e, _, _| {
            out.extend(loops::endless(function, e));
            secrets.at(e, &mut out);
        });
    }
    for constant in &program.constants {
        visit::walk(&constant.value.expr, &mut |e, _, _| secrets.at(e, &mut out));
    }
    out
}
