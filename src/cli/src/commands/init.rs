//! `rrb init`: a small project to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::project::{CONFIG, reason};

/// Where.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb init fix-my-disk && cd fix-my-disk && rrb check")]
pub struct InitArgs {
    /// The folder; made when there is none.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

const RUNBOOK: &str = include_str!("init/clear_temp.rrb");

/// Makes the project. Never writes over a file.
///
/// # Errors
/// When the folder is a project already, or cannot be written.
pub fn init(context: &Context, args: &InitArgs) -> Result<Exit, CliError> {
    let shown = crate::text::clean(&args.folder.to_string_lossy()).into_owned();
    let failed = |e: std::io::Error| CliError::refused(format!("cannot write to `{shown}`: {}", reason(&e)));
    fs::create_dir_all(&args.folder).map_err(failed)?;
    let name = args.folder.canonicalize().map_err(failed)?;
    let name = name.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_else(|| "runbooks".to_owned());
    if args.folder.join(CONFIG).exists() {
        return Err(CliError::refused(format!("`{shown}` is a project already: it has an `{CONFIG}`")));
    }
    let user = user_name();
    let config = format!(
        "[project]\nname = {name:?}\n\n# Who may answer approvals. Each has a table of their own.\n[users.{user}]\n\n[groups]\nops = [{user:?}]\n\n# Settings of connectors; secrets stay in the environment or in files.\n# [connectors.slack]\n# token = \"env:SLACK_TOKEN\"\n"
    );
    let files: [(&str, &str); 3] = [(CONFIG, &config), ("clear_temp.rrb", RUNBOOK), (".gitignore", ".rrb/\n")];
    for (name, text) in files {
        write_new(&args.folder.join(name), text).map_err(failed)?;
    }
    let out = &context.out;
    out.line(format!("{} a project in `{shown}`: {CONFIG}, clear_temp.rrb", out.look.good("✓")));
    out.line(format!("  {} rrb check, then rrb run clear_temp", out.look.dim("next:")));
    Ok(Exit::Ok)
}

/// Writes a file that is not there; one that is stays as it is.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => std::io::Write::write_all(&mut file, text.as_bytes()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// The name of whoever makes the project, as a bare key of TOML.
fn user_name() -> String {
    let name: String = std::env::var("USER").unwrap_or_default().to_lowercase();
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name } else { "me".to_owned() }
}
