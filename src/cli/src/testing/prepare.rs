//! From a project to its tests, ready to be played.

use std::sync::Arc;

use rrb_engine::policy::check_delegates;
use rrb_lang::diag::Diagnostic;
use rrb_lang::program::compile_tests;
use rrb_lang::span::Sources;
use rrb_world::test::Suite;

use crate::context::Context;
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::project::{self, Loaded, Place};

/// The tests of a project.
pub struct Prepared {
    pub suite: Arc<Suite>,
    pub sources: Sources,
    /// Names of the files that belong to the project and not to the library.
    pub files: Vec<String>,
}

/// Reads, checks and compiles a project with its tests; with counters when it is to `count` what they reach.
///
/// # Errors
/// When it does not check: then nothing can be tested, which is not the same as a test that fails.
pub fn prepare(context: &Context, place: &Place, count: bool) -> Result<Prepared, CliError> {
    compiled(context, place, &project::load_for_tests(place)?, count)
}

/// The same of a project that was read.
///
/// # Errors
/// As [`prepare`].
pub fn compiled(context: &Context, place: &Place, loaded: &Loaded, count: bool) -> Result<Prepared, CliError> {
    let Some(typed) = loaded.typed.as_ref().filter(|_| loaded.unreadable.is_empty()) else {
        return Err(refused(context, loaded, &loaded.sources, &loaded.diagnostics));
    };
    let tested = compile_tests(typed, &loaded.sources, count)
        .map_err(|wrong| refused(context, loaded, &loaded.sources, &wrong))?;
    let mut sources = loaded.sources.clone();
    let wrong = check_delegates(&tested.program, &mut sources);
    if wrong.iter().any(Diagnostic::is_error) {
        return Err(refused(context, loaded, &sources, &wrong));
    }
    let files =
        sources.iter().map(|(_, s)| s.name.to_string()).filter(|name| place.root.join(name).is_file()).collect();
    let suite = Suite::new(typed, tested, (*loaded.config).clone(), place.root.clone());
    Ok(Prepared { suite: Arc::new(suite), sources, files })
}

fn refused(context: &Context, loaded: &Loaded, sources: &Sources, wrong: &[Diagnostic]) -> CliError {
    let err = &context.out.err;
    context.out.note(diagnostics::render(err, Format::Human, sources, wrong).trim_end());
    for file in &loaded.unreadable {
        context.out.note(format!("{}: cannot read: {}", crate::text::clean(&file.name), file.reason));
    }
    context.out.note(format!("{}: nothing was tested", diagnostics::summary(err, wrong, loaded.files)));
    CliError::silent(Exit::Usage)
}
