//! From files to a checked program.

use std::time::Instant;

use rrb_lang::diag::{Diagnostic, Severity};
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::Sources;

use super::{CONFIG, Files, Place, Unreadable, collect};
use crate::exit::CliError;

/// A project as it was read and checked.
#[derive(Debug)]
pub struct Loaded {
    pub place: Place,
    pub config: ProjectConfig,
    pub sources: Sources,
    /// What is wrong, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Files of the project that cannot be read: as bad as an error.
    pub unreadable: Vec<Unreadable>,
    /// Files that were looked at.
    pub files: usize,
    /// Milliseconds it took.
    pub millis: u128,
}

impl Loaded {
    /// Whether nothing stops it from running.
    pub fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && !self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads and checks the project.
///
/// # Errors
/// When it cannot be read at all; mistakes in it are diagnostics.
pub fn load(place: &Place) -> Result<Loaded, CliError> {
    let began = Instant::now();
    let files = collect(place)?;
    let mut sources = Sources::default();
    let (config, mut diagnostics) = read_config(&files, &mut sources);
    for module in &files.modules {
        let file = sources.add(&module.name, &module.text);
        diagnostics.extend(rrb_lang::syntax::parse(file, &module.text).diagnostics);
    }
    let count = files.modules.len() + usize::from(files.config.is_some());
    Ok(Loaded {
        place: place.clone(),
        config,
        sources,
        diagnostics,
        unreadable: files.unreadable,
        files: count,
        millis: began.elapsed().as_millis(),
    })
}

fn read_config(files: &Files, sources: &mut Sources) -> (ProjectConfig, Vec<Diagnostic>) {
    match &files.config {
        Some(text) => rrb_lang::project::parse(sources.add(CONFIG, text), text),
        None => (ProjectConfig::default(), vec![]),
    }
}

/// Only the project file: enough to find the state of a project whose runbooks do not check now.
///
/// # Errors
/// When it has mistakes, because they may be about the very thing.
pub fn config(place: &Place) -> Result<ProjectConfig, CliError> {
    let files = super::collect::config_only(place);
    if let Some(broken) = files.unreadable.first() {
        return Err(CliError::usage(format!("cannot read `{}`: {}", broken.name, broken.reason)));
    }
    let mut sources = Sources::default();
    let (config, diagnostics) = read_config(&files, &mut sources);
    match diagnostics.iter().find(|d| d.severity == Severity::Error) {
        None => Ok(config),
        Some(d) => {
            Err(CliError::usage(format!("`{CONFIG}` has mistakes: {}", d.message)).help("`rrb check` shows them all"))
        }
    }
}
