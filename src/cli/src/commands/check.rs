//! `rrb check`: every mistake before anything runs.

use std::path::{Path, PathBuf};

use clap::Args;
use rrb_lang::diag::Diagnostic;
use serde_json::json;

use crate::context::Context;
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::project::{self, Loaded};

/// What to check, and how to say it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb check                        # the project of this folder\n  rrb check examples/*/            # several projects\n  rrb check lib/paging.rrb         # the whole project, but only what concerns this file\n  rrb check --format github        # annotations in a pull request\n\nExit code: 0 when there is no error, 1 when there is one."
)]
pub struct CheckArgs {
    /// Folders of projects, or single files. The current project when none is given.
    paths: Vec<PathBuf>,
    /// How to print what was found.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Take warnings for errors.
    #[arg(long)]
    deny_warnings: bool,
}

/// What one path led to.
struct Checked {
    loaded: Loaded,
    /// When a single file of a project is asked about.
    only: Option<String>,
}

impl Checked {
    fn wanted(&self, d: &Diagnostic) -> bool {
        self.only.as_deref().is_none_or(|name| self.loaded.sources.name(d.span().file) == name)
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        self.loaded.diagnostics.iter().filter(|d| self.wanted(d)).cloned().collect()
    }
}

/// Checks and prints.
///
/// # Errors
/// When a path is no project and no file.
pub fn check(context: &Context, args: &CheckArgs) -> Result<Exit, CliError> {
    let format = if args.json { Format::Json } else { args.format };
    let mut checked: Vec<Checked> = vec![];
    let here = [context.from.clone().unwrap_or_else(|| PathBuf::from("."))];
    for path in if args.paths.is_empty() { &here[..] } else { &args.paths } {
        let place = project::find(Some(path))?;
        let only = only(&place, path);
        let again = |c: &Checked| c.loaded.place == place && c.only == only;
        if !checked.iter().any(again) {
            checked.push(Checked { loaded: project::load(&place)?, only });
        }
    }
    match format {
        Format::Json => print_json(context, &checked)?,
        _ => checked.iter().for_each(|c| print(context, c, format)),
    }
    let bad = |c: &Checked| {
        let (errors, warnings) = diagnostics::tally(&c.diagnostics());
        errors > 0 || !c.loaded.unreadable.is_empty() || (args.deny_warnings && warnings > 0)
    };
    Ok(if checked.iter().any(bad) { Exit::Failed } else { Exit::Ok })
}

/// The name of the one file that is asked about, when it belongs to a larger project.
fn only(place: &project::Place, path: &Path) -> Option<String> {
    let file = path.canonicalize().ok().filter(|p| p.is_file() && place.single.is_none())?;
    let inside = file.strip_prefix(&place.root).ok()?;
    Some(inside.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn print(context: &Context, checked: &Checked, format: Format) {
    let out = &context.out;
    let loaded = &checked.loaded;
    let shown = checked.diagnostics();
    let text = diagnostics::render(&out.look, format, &loaded.sources, &shown);
    if !text.is_empty() {
        out.raw(text);
    }
    for file in &loaded.unreadable {
        let (name, reason) = (crate::text::clean(&file.name), crate::text::clean(&file.reason));
        match format {
            Format::Github => out.line(format!("::error file={name}::cannot read: {reason}")),
            _ => out.line(format!("{name}: {}: cannot read: {reason}", out.look.bad("error"))),
        }
    }
    if format != Format::Human {
        return;
    }
    let others = loaded.diagnostics.len() - shown.len();
    let others = if others > 0 { format!("; {others} more in other files, see `rrb check`") } else { String::new() };
    let took = out.look.dim(format!(" ({} ms)", loaded.millis));
    if loaded.files == 0 {
        out.line("no `.rrb` files here");
    } else {
        let files = if checked.only.is_some() { 1 } else { loaded.files };
        let summary = match (shown.is_empty(), loaded.unreadable.len()) {
            (_, 0) => diagnostics::summary(&out.look, &shown, files),
            (true, n) => out.look.bad(format!("{} cannot be read", crate::text::count(n, "file"))),
            (false, n) => format!(
                "{}; {}",
                diagnostics::summary(&out.look, &shown, files),
                out.look.bad(format!("{} cannot be read", crate::text::count(n, "file")))
            ),
        };
        out.line(format!("{summary}{others}{took}"));
    }
}

fn print_json(context: &Context, checked: &[Checked]) -> Result<(), CliError> {
    let one = |c: &Checked| {
        let shown = c.diagnostics();
        let (errors, warnings) = diagnostics::tally(&shown);
        json!({
            "root": c.loaded.place.root, "files": c.loaded.files, "errors": errors + c.loaded.unreadable.len(), "warnings": warnings,
            "diagnostics": shown.iter().map(|d| diagnostics::to_json(&c.loaded.sources, d)).collect::<Vec<_>>(),
            "unreadable": c.loaded.unreadable.iter().map(|u| json!({"file": u.name, "reason": u.reason})).collect::<Vec<_>>(),
        })
    };
    context.out.json(&json!({"projects": checked.iter().map(one).collect::<Vec<_>>()}))
}
