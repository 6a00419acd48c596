//! `rrb fmt`: source files in the one form that rrb has.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use owo_colors::Style;
use rrb_lang::diag::Diagnostic;
use rrb_lang::span::Sources;
use rrb_lang::syntax::{self, FormatError};
use similar::TextDiff;

use crate::context::Context;
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::project;

/// What to format, and whether to write it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb fmt                    # every file of the project of this folder\n  rrb fmt lib/ main.rrb      # folders and files\n  rrb fmt --check            # write nothing; exit code 1 when a file is not formatted\n  rrb fmt --diff             # write nothing; show what would change\n  rrb fmt - < main.rrb       # standard input to standard output\n\nExit code: 0 when every file is formatted, 1 when a file cannot be read as rrb, or with --check or --diff would change."
)]
pub struct FmtArgs {
    /// Files and folders; `-` is standard input. The current project when none is given.
    paths: Vec<PathBuf>,
    /// Write nothing; name the files that are not formatted.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change.
    #[arg(long)]
    diff: bool,
}

/// What became of the files.
#[derive(Debug, Default)]
struct Tally {
    formatted: usize,
    unchanged: usize,
    unreadable: usize,
}

/// Formats, or says what would change.
///
/// # Errors
/// When a path is not there, or a file cannot be written.
pub fn fmt(context: &Context, args: &FmtArgs) -> Result<Exit, CliError> {
    if args.paths.iter().any(|p| p.as_os_str() == "-") {
        return stdin(context, args);
    }
    let mut tally = Tally::default();
    let files = files(context, &args.paths)?;
    for path in &files {
        one(context, args, path, &mut tally)?;
    }
    if files.is_empty() {
        context.out.line("no `.rrb` files here");
    } else if !args.diff {
        context.out.line(tally.summary(args.check));
    }
    let stays = args.check || args.diff;
    Ok(if tally.unreadable > 0 || (stays && tally.formatted > 0) { Exit::Failed } else { Exit::Ok })
}

impl Tally {
    fn summary(&self, check: bool) -> String {
        let would = if check { "would change" } else { "formatted" };
        let mut parts = vec![format!("{} {would}", crate::text::count(self.formatted, "file"))];
        parts.push(format!("{} unchanged", self.unchanged));
        if self.unreadable > 0 {
            parts.push(format!("{} left as they are because of errors", self.unreadable));
        }
        parts.join(", ")
    }
}

/// Each file once, in the order of their names.
fn files(context: &Context, paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    if paths.is_empty() {
        let here = context.from.clone().unwrap_or_else(|| PathBuf::from("."));
        return project::files_of(&project::find(Some(&here))?);
    }
    let mut found = Vec::new();
    for path in paths {
        found.extend(project::files_below(path)?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn one(context: &Context, args: &FmtArgs, path: &Path, tally: &mut Tally) -> Result<(), CliError> {
    let out = &context.out;
    let name = crate::text::clean(&shown(path)).into_owned();
    let text = match std::fs::read(path).map_err(|e| project::reason(&e)).and_then(utf8) {
        Ok(text) => text,
        Err(why) => {
            tally.unreadable += 1;
            out.line(format!("{name}: {}: cannot read: {why}", out.look.bad("error")));
            return Ok(());
        }
    };
    match format(&name, &text)? {
        Err((sources, diagnostics)) => {
            tally.unreadable += 1;
            out.raw(diagnostics::render(&out.look, Format::Human, &sources, &diagnostics));
        }
        Ok(new) if new == text => tally.unchanged += 1,
        Ok(new) => {
            tally.formatted += 1;
            if args.diff {
                out.raw(painted(&out.look, &difference(&name, &text, &new)));
            } else {
                out.line(&name);
            }
            if !args.check && !args.diff {
                replace(path, &new)?;
            }
        }
    }
    Ok(())
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| format!("byte {} is not UTF-8", e.utf8_error().valid_up_to()))
}

/// Relative to the current folder where it is in there.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|d| d.canonicalize()).unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_string_lossy().into_owned()
}

type Formatted = Result<String, (Sources, Vec<Diagnostic>)>;

/// The formatted text, or why it stays as it is.
fn format(name: &str, text: &str) -> Result<Formatted, CliError> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    match syntax::format(file, text) {
        Ok(new) => Ok(Ok(new)),
        Err(FormatError::Syntax(diagnostics)) => Ok(Err((sources, diagnostics))),
        Err(FormatError::Changed) => {
            Err(CliError::internal(format!("formatting `{name}` would change its meaning; nothing was written"))
                .help("this is a mistake in rrb: please report it with the file"))
        }
    }
}

fn difference(name: &str, old: &str, new: &str) -> String {
    // What would be seen of neither: carriage returns, and the byte order mark.
    let old = old.replace("\r\n", "␍\n").replacen('\u{feff}', "<U+FEFF>", usize::from(old.starts_with('\u{feff}')));
    let diff = TextDiff::from_lines(old.as_str(), new);
    diff.unified_diff().context_radius(3).header(name, &format!("{name} (formatted)")).to_string()
}

/// A difference in the colours that people know from git.
fn painted(look: &Look, difference: &str) -> String {
    let one = |line: &str| {
        let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
        let text = match text {
            "" => String::new(),
            t if t.starts_with("--- ") || t.starts_with("+++ ") => look.bold(t),
            t if t.starts_with("@@") => look.name(t),
            t if t.starts_with('-') => look.paint(Style::new().red(), t),
            t if t.starts_with('+') => look.good(t),
            t => t.to_owned(),
        };
        text + end
    };
    crate::text::clean_source(difference).split_inclusive('\n').map(one).collect()
}

/// Whole or not at all: the text goes to a new file beside it, which then takes its name.
fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |e: std::io::Error| {
        let shown = crate::text::clean(&path.to_string_lossy()).into_owned();
        CliError::usage(format!("cannot write `{shown}`: {}", project::reason(&e)))
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = || {
        let permissions = std::fs::metadata(path)?.permissions();
        let mut file = std::fs::File::create_new(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}

/// What cannot be read goes out as it came in, so that nothing is lost in a pipe.
fn stdin(context: &Context, args: &FmtArgs) -> Result<Exit, CliError> {
    if args.paths.len() > 1 {
        return Err(CliError::usage("`-` is standard input and stands alone").help("name files, or `-`"));
    }
    let mut bytes = Vec::new();
    let most = syntax::MAX_SOURCE as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|e| CliError::usage(format!("cannot read standard input: {}", project::reason(&e))))?;
    let text = utf8(bytes).map_err(|why| CliError::usage(format!("cannot read standard input: {why}")))?;
    let out = &context.out;
    let stays = args.check || args.diff;
    let new = match format("<stdin>", &text)? {
        Ok(new) => new,
        Err((sources, diagnostics)) => {
            out.note(diagnostics::render(&out.look, Format::Human, &sources, &diagnostics));
            if !stays && text.len() <= syntax::MAX_SOURCE {
                out.raw(&text);
            }
            return Ok(Exit::Failed);
        }
    };
    if args.diff {
        out.raw(painted(&out.look, &difference("<stdin>", &text, &new)));
    } else if !args.check {
        out.raw(&new);
    }
    Ok(if stays && new != text { Exit::Failed } else { Exit::Ok })
}
