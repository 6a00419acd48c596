//! What every command knows: where it looks for a project, whom it talks to, how it prints.

use std::path::PathBuf;

use crate::cli::Global;
use crate::exit::CliError;
use crate::out::Out;
use crate::project;

/// The surroundings of a command.
#[derive(Debug)]
pub struct Context {
    pub out: Out,
    /// `-C`
    pub from: Option<PathBuf>,
    /// `--url`
    pub url: Option<String>,
    /// `--token-file`
    pub token_file: Option<PathBuf>,
}

impl Context {
    /// As the command line says.
    pub fn new(global: &Global) -> Self {
        Self {
            out: Out::new(global.color),
            from: global.project.clone(),
            url: global.url.clone(),
            token_file: global.token_file.clone(),
        }
    }

    /// Where the project is.
    ///
    /// # Errors
    /// When there is none at or above the folder.
    pub fn place(&self) -> Result<project::Place, CliError> {
        project::find(self.from.as_deref())
    }
}
