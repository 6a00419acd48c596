//! `rrb import`: descriptions of other people's APIs as connectors, their playbooks as runbooks.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rrb_import::{ConvertOptions, Converted, ImportError, Imported, Options};

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::project;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make a connector of an OpenAPI 3 or Swagger 2.0 description, JSON or YAML.
    Openapi(OpenapiArgs),
    /// Make runbooks of a rulebook of ansible-rulebook (Event-Driven Ansible).
    Rulebook(RulebookArgs),
    /// Make a runbook of a document of AWS Systems Manager (Automation 0.3, Command 2.2).
    Ssm(PlaybookArgs),
    /// Make a runbook of a CACAO 2.0 playbook.
    Cacao(PlaybookArgs),
}

/// Which playbook, and where to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb import rulebook disk.yml --out disk.rrb\n  rrb import rulebook disk.yml --operators sre --report report.json > disk.rrb\n  rrb import rulebook disk.yml --use awx --out disk.rrb\n  rrb import ssm Restart.yaml --out restart.rrb\n  rrb import cacao playbook.json --out lib/playbook.rrb\n  rrb import rulebook disk.yml --out disk.rrb --check     # is the file still what the rulebook gives?\n\nWhat has no counterpart becomes a step that a person of the group does, and is listed in the report.\n\nExit code: 0 when it is written (whatever the report says), 1 with --check when the file differs, 2 when it cannot be read."
)]
pub struct PlaybookArgs {
    /// The file; `-` is standard input. Nothing else is read, and nothing is fetched.
    file: PathBuf,
    /// The module's name, by which its settings go: that of `--out`, or from the playbook's title.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The group of `rrb.toml` whose people do what the runbooks cannot.
    #[arg(long, value_name = "GROUP", default_value = "operators")]
    operators: String,
    #[command(flatten)]
    to: Destination,
}

/// Which rulebook, and what does its actions.
#[derive(Debug, Args)]
pub struct RulebookArgs {
    #[command(flatten)]
    playbook: PlaybookArgs,
    /// Let this connector launch job and workflow templates, when somebody of the group has said yes; else a person does it by hand.
    #[arg(long, value_name = "CONNECTOR")]
    r#use: Vec<Uses>,
}

/// A connector that does what a person would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Uses {
    Awx,
}

/// Where what is made goes.
#[derive(Debug, Args)]
pub struct Destination {
    /// Write it here; to standard output when it is not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over the file that is there.
    #[arg(long, requires = "out", conflicts_with = "check")]
    force: bool,
    /// Write nothing; say whether the file of `--out` is what would be written.
    #[arg(long, requires = "out")]
    check: bool,
    /// Write the report here, as JSON; as text to standard error when it is not given.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
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
    #[command(flatten)]
    to: Destination,
}

/// Does it.
///
/// # Errors
/// When the description cannot be read, or a file cannot be written.
pub fn dispatch(context: &Context, command: &ImportCommand) -> Result<Exit, CliError> {
    match command {
        ImportCommand::Openapi(args) => openapi(context, args),
        ImportCommand::Rulebook(args) => {
            let awx = args.r#use.contains(&Uses::Awx);
            playbook(context, &args.playbook, awx, rrb_import::rulebook::import)
        }
        ImportCommand::Ssm(args) => playbook(context, args, false, rrb_import::ssm::import),
        ImportCommand::Cacao(args) => playbook(context, args, false, rrb_import::cacao::import),
    }
}

/// What makes runbooks of a file.
type Convert = fn(&[u8], &ConvertOptions) -> Result<Converted, ImportError>;

fn playbook(context: &Context, args: &PlaybookArgs, awx: bool, convert: Convert) -> Result<Exit, CliError> {
    args.to.refuse()?;
    let bytes = read(&args.file)?;
    let stem = args.to.out.as_ref().and_then(|o| o.file_stem()).and_then(|s| s.to_str());
    let options = ConvertOptions {
        name: args.name.clone().or_else(|| stem.filter(|s| rrb_import::is_module_name(s)).map(str::to_owned)),
        operators: args.operators.clone(),
        source: if is_stdin(&args.file) { String::new() } else { file_name(&args.file) },
        awx,
    };
    let made = convert(&bytes, &options).map_err(said)?;
    let what = format!("module `{}`", made.report.module);
    put(context, &args.to, &made.text, &what, &made.report, || made.report.to_text())
}

fn openapi(context: &Context, args: &OpenapiArgs) -> Result<Exit, CliError> {
    args.to.refuse()?;
    let bytes = read(&args.file)?;
    let source = if is_stdin(&args.file) { String::new() } else { file_name(&args.file) };
    let options = Options { name: args.name.clone(), only: args.only.clone(), source };
    let made: Imported = rrb_import::openapi::import(&bytes, &options).map_err(said)?;
    let what = format!("connector `{}`", made.report.connector);
    put(context, &args.to, &made.text, &what, &made.report, || made.report.to_text())
}

impl Destination {
    /// What is there stays, unless it was said.
    fn refuse(&self) -> Result<(), CliError> {
        match &self.out {
            Some(out) if !self.force && !self.check && out.exists() => {
                Err(CliError::refused(format!("`{}` is there already", shown(out)))
                    .help("write over it with `--force`, or compare it with `--check`"))
            }
            _ => Ok(()),
        }
    }
}

/// Writes what was made and the report, or compares it.
fn put(
    context: &Context,
    to: &Destination,
    text: &str,
    what: &str,
    report: &impl serde::Serialize,
    report_text: impl FnOnce() -> String,
) -> Result<Exit, CliError> {
    if to.check {
        return check(context, to, text);
    }
    match &to.report {
        None => context.out.note(report_text()),
        Some(path) => {
            let json = serde_json::to_string_pretty(report)
                .map_err(|e| CliError::internal(format!("the report is no JSON: {e}")))?;
            write(path, &(json + "\n"), true)?;
        }
    }
    match &to.out {
        None => context.out.raw(text),
        Some(path) => {
            write(path, text, to.force)?;
            context.out.line(format!("{} {what} in `{}`", context.out.look.good("✓"), shown(path)));
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

fn check(context: &Context, to: &Destination, text: &str) -> Result<Exit, CliError> {
    let Some(path) = &to.out else { return Ok(Exit::Usage) };
    let there = std::fs::read_to_string(path)
        .map_err(|e| CliError::not_found(format!("cannot read `{}`: {}", shown(path), project::reason(&e))))?;
    if there == text {
        context.out.line(format!("{} `{}` is what the description gives", context.out.look.good("✓"), shown(path)));
        return Ok(Exit::Ok);
    }
    context.out.line(format!("`{}` differs from what the description gives", shown(path)));
    Ok(Exit::Failed)
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
