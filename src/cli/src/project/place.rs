//! Finding the project: `rrb.toml` in this folder or one above, or a single file alone.

use std::path::{Path, PathBuf};

use rrb_lang::project::ProjectConfig;
pub use rrb_lsp::disk::CONFIG;
use rrb_lsp::disk::reason;

use crate::exit::CliError;

/// Where a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder of `rrb.toml`, or of the single file.
    pub root: PathBuf,
    /// The one file, when there is no `rrb.toml`.
    pub single: Option<PathBuf>,
}

impl Place {
    /// The project file, when there is one.
    pub fn config(&self) -> Option<PathBuf> {
        self.single.is_none().then(|| self.root.join(CONFIG))
    }

    /// The folder of the database and what lies beside it.
    pub fn state(&self, config: &ProjectConfig) -> PathBuf {
        self.root.join(config.serve.state.as_str())
    }
}

/// The project that `from` (a folder or a file; else the current folder) belongs to.
///
/// # Errors
/// When there is no such path, or no project at or above it.
pub fn find(from: Option<&Path>) -> Result<Place, CliError> {
    let given = from.unwrap_or(Path::new("."));
    let shown = crate::text::clean(&given.to_string_lossy()).into_owned();
    let start =
        given.canonicalize().map_err(|e| CliError::not_found(format!("cannot open `{shown}`: {}", reason(&e))))?;
    let folder = if start.is_dir() { start.as_path() } else { start.parent().unwrap_or(Path::new("/")) };
    if let Some(root) = folder.ancestors().find(|a| a.join(CONFIG).is_file()) {
        return Ok(Place { root: root.to_owned(), single: None });
    }
    if start.is_file() && start.extension().is_some_and(|e| e == "rrb") {
        return Ok(Place { root: folder.to_owned(), single: Some(start) });
    }
    if start.is_file() {
        return Err(CliError::usage(format!("`{shown}` is no rrb file")).help("a runbook's file ends in `.rrb`"));
    }
    Err(CliError::not_found(format!("there is no project here: no `{CONFIG}` in `{shown}` or a folder above"))
        .help("make one with `rrb init`, go to its folder, or name it with `-C DIR`")
        .help("a single file also works: `rrb check FILE.rrb`"))
}
