//! `rrb import`: descriptions of other people's APIs as connectors.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rrb_import::{ImportError, Imported, Options};

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::project;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make a connector of an OpenAPI 3 or Swagger 2.0 description, JSON or YAML.
    Openapi(OpenapiArgs),
}

/// Which description, and what of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb import openapi github.json --only issues --out lib/github.rrb\n  rrb import openapi api.yaml --only '/servers/*' --only 'POST /volumes' > hosting.rrb\n  rrb import openapi api.yaml --out hosting.rrb --check     # is the file still what the description gives?\n\nExit code: 0 when it is written (whatever the report says), 1 with --check when the file differs, 2 when the description cannot be read."
)]
pub struct OpenapiArgs {
    /// The description; `-` is standard input. Nothing else is read, and nothing is fetched.
    file: PathBuf,
    /// The connector's name; from the description's title when it is not given.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Import only this: a tag, a path (`/pets/*` for all below it), `METHOD /path`, an operationId or an action. May be repeated.
    #[arg(long, value_name = "WHAT")]
    only: Vec<String>,
    /// Write the connector here; to standard output when it is not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over the file that is there.
    #[arg(long, requires = "out", conflicts_with = "check")]
    force: bool,
    /// Write nothing; say whether the file of `--out` is what the description gives.
    #[arg(long, requires = "out")]
    check: bool,
    /// Write the report here, as JSON; as text to standard error when it is not given.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When the description cannot be read, or a file cannot be written.
pub fn dispatch(context: &Context, command: &ImportCommand) -> Result<Exit, CliError> {
    match command {
        ImportCommand::Openapi(args) => openapi(context, args),
    }
}

fn openapi(context: &Context, args: &OpenapiArgs) -> Result<Exit, CliError> {
    if let Some(out) = &args.out
        && !args.force
        && !args.check
        && out.exists()
    {
        return Err(CliError::refused(format!("`{}` is there already", shown(out)))
            .help("write over it with `--force`, or compare it with `--check`"));
    }
    let bytes = read(&args.file)?;
    let source = if is_stdin(&args.file) { String::new() } else { file_name(&args.file) };
    let options = Options { name: args.name.clone(), only: args.only.clone(), source };
    let imported = rrb_import::openapi::import(&bytes, &options).map_err(said)?;
    if args.check {
        return check(context, args, &imported);
    }
    report(context, args, &imported)?;
    match &args.out {
        None => context.out.raw(&imported.text),
        Some(path) => {
            write(path, &imported.text, args.force)?;
            let look = &context.out.look;
            context.out.line(format!(
                "{} connector `{}` in `{}`",
                look.good("✓"),
                imported.report.connector,
                shown(path)
            ));
        }
    }
    Ok(Exit::Ok)
}

fn said(error: ImportError) -> CliError {
    CliError::usage(error.message).help(error.help)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// No more of it than is taken.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let most = rrb_import::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if is_stdin(path) {
        std::io::stdin()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|e| CliError::usage(format!("cannot read standard input: {}", project::reason(&e))))?;
        return Ok(bytes);
    }
    let failed = |e: std::io::Error| {
        let message = format!("cannot read `{}`: {}", shown(path), project::reason(&e));
        if e.kind() == std::io::ErrorKind::NotFound { CliError::not_found(message) } else { CliError::usage(message) }
    };
    std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn check(context: &Context, args: &OpenapiArgs, imported: &Imported) -> Result<Exit, CliError> {
    let Some(path) = &args.out else { return Ok(Exit::Usage) };
    let there = std::fs::read_to_string(path)
        .map_err(|e| CliError::not_found(format!("cannot read `{}`: {}", shown(path), project::reason(&e))))?;
    if there == imported.text {
        context.out.line(format!("{} `{}` is what the description gives", context.out.look.good("✓"), shown(path)));
        return Ok(Exit::Ok);
    }
    context.out.line(format!("`{}` differs from what the description gives", shown(path)));
    Ok(Exit::Failed)
}

fn report(context: &Context, args: &OpenapiArgs, imported: &Imported) -> Result<(), CliError> {
    let Some(path) = &args.report else {
        context.out.note(imported.report.to_text());
        return Ok(());
    };
    let json = serde_json::to_string_pretty(&imported.report)
        .map_err(|e| CliError::internal(format!("the report is no JSON: {e}")))?;
    write(path, &(json + "\n"), true)
}

/// Whole or not at all: the text goes to a new file beside it, which then takes its name.
fn write(path: &Path, text: &str, over: bool) -> Result<(), CliError> {
    let failed =
        |e: std::io::Error| CliError::usage(format!("cannot write `{}`: {}", shown(path), project::reason(&e)));
    if !over {
        return std::fs::File::create_new(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(failed);
    }
    let beside = path.with_file_name(format!(".{}.{}", file_name(path), std::process::id()));
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}

fn shown(path: &Path) -> String {
    crate::text::clean(&path.to_string_lossy()).into_owned()
}
