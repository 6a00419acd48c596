//! `rrb test`: the tests of a project.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::signal::unix::SignalKind;

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::follow::signal;
use crate::project::{self, Place};
use crate::testing::{
    Coverage, Orders, Prepared, TestResult, coverage_lines, document, failure_lines, junit, lcov, listed, play_all,
    prepare, recorded, result_line, select, summary,
};
use crate::text::clean;

/// Which tests, and what to say of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb test                         # every test of the project\n  rrb test approval \"rolls back\"    # those whose `module › name` holds one of these\n  rrb test --watch                 # again whenever a file is saved\n  rrb test --coverage=full         # and what no test reached\n  rrb test --crash-everywhere      # again with a crash before and after every write: nothing may change\n  rrb test --junit report.xml --lcov lcov.info   # for CI\n  rrb test --record k3x9q2 --into relieve_test.rrb   # a run that happened as a test\n\nExit code: 0 when every test passed, 1 when one failed, 2 when nothing was tested: the project does not check, or no test\nis called so."
)]
pub struct TestArgs {
    /// Play only tests whose `module › name` holds one of these texts.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Play them again whenever a file of the project is saved.
    #[arg(long, conflicts_with_all = ["json", "list"])]
    watch: bool,
    /// Say which lines, branches and failures the tests reached; `full` also lists what they did not.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "short")]
    coverage: Option<CoverageForm>,
    /// Write the coverage to this file, in the format of lcov.
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Write the results to this file, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Play each test again with a crash before and after every write to the store; the same must come out.
    #[arg(long)]
    crash_everywhere: bool,
    /// Play so many at once, instead of one for each core.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Begin no further test after one has failed.
    #[arg(long)]
    fail_fast: bool,
    /// Only list the tests.
    #[arg(long)]
    list: bool,
    /// Print this run of the store as a test that passes, instead of playing tests.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["filters", "watch", "coverage", "lcov", "junit", "json", "crash_everywhere", "list"])]
    record: Option<String>,
    /// Append the recorded test to this file of the project, instead of printing it.
    #[arg(long, value_name = "FILE", requires = "record")]
    into: Option<PathBuf>,
}

/// How much to say of the coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CoverageForm {
    /// A line for each file.
    Short,
    /// And what was not reached.
    Full,
}

/// How often the files are looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// Plays the tests.
///
/// # Errors
/// When the project does not check, no test is called so, or a report cannot be written.
pub async fn test(context: &Context, args: &TestArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    if let Some(run) = &args.record {
        return recorded(context, &place, run, args.into.as_deref()).await;
    }
    if args.watch {
        return watch(context, args, &place).await;
    }
    once(context, args, &place)
}

/// Plays once now and again after every save, until it is told to stop.
async fn watch(context: &Context, args: &TestArgs, place: &Place) -> Result<Exit, CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut glance = tokio::time::interval(GLANCE);
    let mut before = None;
    loop {
        tokio::select! {
            _ = glance.tick() => {}
            Some(()) = interrupt.recv() => return Ok(Exit::Ok),
            Some(()) = terminate.recv() => return Ok(Exit::Ok),
        }
        let now = project::stamp(place);
        if before.as_ref() == Some(&now) {
            continue;
        }
        if before.is_some() {
            context.out.line(context.out.look.dim("── saved ──"));
        }
        before = Some(now);
        // What is wrong now may be right after the next save.
        if let Err(error) = once(context, args, place) {
            context.out.error(&error);
        }
        context.out.line(context.out.look.dim("waiting for a file to be saved · Ctrl-C ends"));
    }
}

fn once(context: &Context, args: &TestArgs, place: &Place) -> Result<Exit, CliError> {
    let began = Instant::now();
    let count = args.coverage.is_some() || args.lcov.is_some();
    let prepared = prepare(context, place, count)?;
    let chosen = select(&prepared.suite.tests, &args.filters)?;
    if args.list {
        return list(context, args, &prepared, &chosen);
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let orders = Orders {
        jobs: args.jobs.map_or(cores, NonZeroUsize::get),
        fail_fast: args.fail_fast,
        crash_everywhere: args.crash_everywhere,
    };
    let out = &context.out;
    let told = |result: &TestResult| {
        if !args.json {
            out.line(result_line(&out.look, result));
        }
    };
    let (results, failed) = play_all(&prepared.suite, &prepared.sources, &chosen, orders, told);
    let coverage = count.then(|| Coverage::of(&prepared.suite, &failed, &prepared.files));
    write_reports(args, &prepared, &results, coverage.as_ref())?;
    let not_run = chosen.len() - results.len();
    let took = began.elapsed().as_secs_f64() * 1000.0;
    if args.json {
        out.json(&document(&prepared.sources, &results, not_run, coverage.as_ref()))?;
    } else {
        show(context, args, &prepared, &results, not_run, took, coverage.as_ref());
    }
    Ok(if results.iter().all(TestResult::passed) { Exit::Ok } else { Exit::Failed })
}

fn list(context: &Context, args: &TestArgs, prepared: &Prepared, chosen: &[usize]) -> Result<Exit, CliError> {
    let names = listed(&prepared.suite.tests);
    let chosen: Vec<&String> = chosen.iter().filter_map(|n| names.get(*n)).collect();
    if args.json {
        context.out.json(&serde_json::json!({ "version": 1, "tests": chosen }))?;
    } else {
        chosen.iter().for_each(|name| context.out.line(clean(name)));
    }
    Ok(Exit::Ok)
}

fn write_reports(
    args: &TestArgs,
    prepared: &Prepared,
    results: &[TestResult],
    coverage: Option<&Coverage>,
) -> Result<(), CliError> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|e| {
            let name = clean(&path.to_string_lossy()).into_owned();
            CliError::usage(format!("cannot write `{name}`: {}", project::reason(&e)))
        })
    };
    if let Some(path) = &args.junit {
        write(path, junit(&prepared.sources, results))?;
    }
    if let (Some(path), Some(coverage)) = (&args.lcov, coverage) {
        write(path, lcov(coverage, &from_here(&prepared.suite.root)))?;
    }
    Ok(())
}

/// The way from the folder of the command to the project, as tools want the names of files: empty, or with `/` at its end.
fn from_here(root: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| root.canonicalize().ok()?.strip_prefix(here).ok().map(Path::to_owned));
    match below {
        Some(below) if below.as_os_str().is_empty() => String::new(),
        Some(below) => format!("{}/", below.to_string_lossy()),
        None => format!("{}/", root.to_string_lossy()),
    }
}

fn show(
    context: &Context,
    args: &TestArgs,
    prepared: &Prepared,
    results: &[TestResult],
    not_run: usize,
    took: f64,
    coverage: Option<&Coverage>,
) {
    let (out, look) = (&context.out, &context.out.look);
    for result in results.iter().filter(|r| !r.passed()) {
        out.line("");
        out.raw(failure_lines(look, &prepared.sources, result));
    }
    if let (Some(coverage), Some(form)) = (coverage, args.coverage) {
        out.line("");
        coverage_lines(look, coverage, form == CoverageForm::Full).iter().for_each(|l| out.line(l));
        out.line("");
    }
    if results.is_empty() && not_run == 0 {
        out.line("no tests here: write `test \"…\" { … }` in any module");
    } else {
        out.line(summary(look, results, not_run, took));
    }
}
