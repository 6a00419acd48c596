//! `rrb doc`: the runbooks as documents.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rrb_lang::diag::{Diagnostic, Severity, codes};
use rrb_lang::hir::{Program, Runbook};
use rrb_lang::outline::flow;

use crate::context::Context;
use crate::doc::{self, Facts, Links};
use crate::exit::{CliError, Exit};
use crate::project::{self, Loaded};

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DocFormat {
    /// For a wiki or a repository.
    #[default]
    Markdown,
    /// Pages that need nothing else, not even a network.
    Html,
}

/// Of what, and where to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb doc relieve_disk_pressure                # one runbook, to read or to pipe\n  rrb doc --out runbooks                       # every runbook and an index, as Markdown\n  rrb doc --out public --format html           # as web pages"
)]
pub struct DocArgs {
    /// Only this runbook.
    runbook: Option<String>,
    /// Write files into this folder, made if it is not there. Without it the text goes to standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    format: DocFormat,
}

/// The project, or why it cannot be documented: one with mistakes may do other things than it says. Settings that are missing here are
/// none: documents are made where no secret is.
///
/// # Errors
/// When it has mistakes.
pub fn sound(context: &Context) -> Result<Loaded, CliError> {
    let loaded = project::load(&context.place()?)?;
    let wrong = |d: &Diagnostic| d.severity == Severity::Error && d.code != codes::SETTING_MISSING;
    if loaded.typed.is_none() || !loaded.unreadable.is_empty() || loaded.diagnostics.iter().any(wrong) {
        return Err(CliError::new(Exit::Failed, "the project has mistakes").help("`rrb check` shows them"));
    }
    Ok(loaded)
}

/// The runbook of this name.
///
/// # Errors
/// When there is none; with the nearest.
pub fn named<'a>(program: &'a Program, name: &str) -> Result<&'a Runbook, CliError> {
    if let Some((_, runbook)) = program.runbook(name) {
        return Ok(runbook);
    }
    let names: Vec<&str> = program.runbooks.iter().map(|r| r.name.as_str()).collect();
    Err(super::run::no_runbook(name, &names))
}

/// Writes the documents.
///
/// # Errors
/// When the project has mistakes, there is no such runbook, or a file cannot be written.
pub fn doc(context: &Context, args: &DocArgs) -> Result<Exit, CliError> {
    let loaded = sound(context)?;
    let Some(program) = &loaded.typed else { return Ok(Exit::Failed) };
    let facts = Facts::new(program, &loaded.sources, &loaded.config);
    let wanted: Vec<&Runbook> = match &args.runbook {
        Some(name) => vec![named(program, name)?],
        None => program.runbooks.iter().collect(),
    };
    let (extension, html) = match args.format {
        DocFormat::Markdown => ("md", false),
        DocFormat::Html => ("html", true),
    };
    // A page on standard output has no others beside it.
    let links = Links::new(&facts, args.out.as_ref().map(|_| extension));
    let page = |r: &Runbook| {
        let text = doc::runbook(&facts, &links, r);
        let picture = || flow::svg(&doc::chart(&facts, r), &r.name);
        if html { doc::html(&r.name, &text, Some(&picture())) } else { text }
    };
    let index = || {
        let text = doc::index(&facts, &links);
        let title = loaded.config.name.as_deref().unwrap_or("Runbooks");
        if html { doc::html(title, &text, None) } else { text }
    };
    let Some(dir) = &args.out else {
        return print(context, args, &wanted, page, index);
    };
    std::fs::create_dir_all(dir).map_err(|e| cannot(dir, &e))?;
    let first = args.runbook.is_none().then(|| (format!("index.{extension}"), index()));
    let pages = wanted.iter().map(|r| (format!("{}.{extension}", links.file_name(r)), page(r)));
    for (name, text) in first.into_iter().chain(pages) {
        let path = dir.join(name);
        write(&path, &text)?;
        context.out.line(path.display().to_string());
    }
    Ok(Exit::Ok)
}

/// On standard output: Markdown one after the other, but a web page is one.
fn print(
    context: &Context,
    args: &DocArgs,
    wanted: &[&Runbook],
    page: impl Fn(&Runbook) -> String,
    index: impl Fn() -> String,
) -> Result<Exit, CliError> {
    match (args.format, wanted) {
        (DocFormat::Html, [] | [_, _, ..]) => {
            return Err(CliError::usage("several web pages need a folder")
                .help("write them with `--out DIR`, or name one runbook"));
        }
        (DocFormat::Markdown, _) if args.runbook.is_none() && wanted.len() != 1 => context.out.raw(index() + "\n"),
        _ => {}
    }
    let pages: Vec<String> = wanted.iter().map(|r| page(r)).collect();
    context.out.raw(pages.join("\n"));
    Ok(Exit::Ok)
}

/// Writes a file of the documents.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|e| cannot(path, &e))
}

fn cannot(path: &Path, error: &std::io::Error) -> CliError {
    let path = path.to_string_lossy();
    CliError::new(Exit::Failed, format!("cannot write `{}`: {}", crate::text::clean(&path), project::reason(error)))
}
