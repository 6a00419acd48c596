//! `rrb check`: every mistake before anything runs.

use std::path::{Path, PathBuf};

use clap::Args;
use rrb_lang::check::cost::{EVENT_BYTES, WindowCost};
use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::span::Sources;
use serde_json::json;

use crate::context::Context;
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::out::{Look, table};
use crate::project::{self, Loaded};
use crate::text::clean;

/// What to check, and how to say it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb check                        # the project of this folder\n  rrb check examples/*/            # several projects\n  rrb check lib/paging.rrb         # the whole project, but only what concerns this file\n  rrb check --format github        # annotations in a pull request\n  rrb check --format sarif > rrb.sarif   # for code scanning\n  rrb check --deny-warnings        # in CI: warnings fail, too\n  rrb check --cost                 # and how much the windows of triggers may come to hold\n\nExit code: 0 when there is no error, 1 when there is one."
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
    /// Print the worst case of every window that a trigger on several events keeps: keys, events and memory.
    #[arg(long)]
    cost: bool,
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

    /// The windows of the triggers in what is asked about; none when it does not check.
    fn windows(&self) -> Option<Vec<WindowCost>> {
        let here =
            |w: &&WindowCost| self.only.as_deref().is_none_or(|name| self.loaded.sources.name(w.span.file) == name);
        self.loaded.windows.as_ref().map(|all| all.iter().filter(here).cloned().collect())
    }

    /// A file of the project as a path from the folder where the command runs, as editors and pull requests want it. The library's
    /// files are nowhere, and keep their names.
    fn path(&self, name: &str) -> String {
        let root = &self.loaded.place.root;
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let below = here.ok().and_then(|here| root.canonicalize().ok()?.strip_prefix(here).ok().map(Path::to_owned));
        match below {
            Some(below) if root.join(name).exists() => below.join(name).to_string_lossy().into_owned(),
            _ => name.to_owned(),
        }
    }

    fn sources_from_here(&self) -> Sources {
        self.loaded.sources.renamed(|name| self.path(name))
    }

    /// Whether something was not looked at: what could not be read, and what a broken `rrb.toml` would have said of the rest.
    fn is_partial(&self) -> bool {
        let unread = [codes::PROJECT_SYNTAX, codes::PROJECT_TOO_LARGE, codes::PROJECT_DUPLICATE_KEY];
        let hides = |d: &Diagnostic| d.code.name().starts_with("rrb::syntax::") || unread.contains(&d.code);
        !self.loaded.unreadable.is_empty() || self.loaded.diagnostics.iter().any(|d| d.is_error() && hides(d))
    }

    /// Of one file of a project: whether others have mistakes. What it calls in them could not be looked at.
    fn others_are_wrong(&self) -> bool {
        self.loaded.diagnostics.iter().any(|d| d.is_error() && !self.wanted(d))
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
        Format::Json => print_json(context, &checked, args.cost)?,
        Format::Sarif => {
            let sources: Vec<Sources> = checked.iter().map(Checked::sources_from_here).collect();
            let all: Vec<_> = sources.iter().zip(checked.iter().map(Checked::diagnostics)).collect();
            context.out.json(&diagnostics::sarif(&all, &unfinished(&checked)))?;
            for file in checked.iter().flat_map(|c| &c.loaded.unreadable) {
                context.out.note(format!("{}: cannot read: {}", clean(&file.name), clean(&file.reason)));
            }
        }
        _ => checked.iter().for_each(|c| {
            print(context, c, format);
            if args.cost && format == Format::Human {
                cost_lines(&context.out.look, c).iter().for_each(|l| context.out.line(l));
            }
        }),
    }
    let bad = |c: &Checked| {
        let (errors, warnings) = diagnostics::tally(&c.diagnostics());
        errors > 0 || c.others_are_wrong() || !c.loaded.unreadable.is_empty() || (args.deny_warnings && warnings > 0)
    };
    Ok(if checked.iter().any(bad) { Exit::Failed } else { Exit::Ok })
}

/// Why the check did not look at everything, for a log that would else seem clean.
fn unfinished(checked: &[Checked]) -> Vec<String> {
    let mut all = Vec::new();
    for c in checked {
        let unread = c.loaded.unreadable.iter();
        all.extend(unread.map(|file| format!("{}: cannot read: {}", clean(&file.name), clean(&file.reason))));
        if c.is_partial() {
            all.push(PARTIAL.to_owned());
        }
    }
    all
}

const PARTIAL: &str = "declarations that could not be read whole were checked only in part";

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
    let from_here = (format != Format::Human).then(|| checked.sources_from_here());
    let text = diagnostics::render(&out.look, format, from_here.as_ref().unwrap_or(&loaded.sources), &shown);
    if !text.is_empty() {
        out.raw(text);
    }
    for file in &loaded.unreadable {
        let (name, reason) = (crate::text::clean(&file.name), crate::text::clean(&file.reason));
        match format {
            Format::Github => out.line(diagnostics::github_unreadable(&checked.path(&name), &reason)),
            Format::Short => out.line(format!("{}: error: cannot read: {reason}", checked.path(&name))),
            _ => out.line(format!("{name}: {}: cannot read: {reason}", out.look.bad("error"))),
        }
    }
    if format != Format::Human {
        return;
    }
    let others = loaded.diagnostics.len() - shown.len();
    let others = match (others, checked.others_are_wrong()) {
        (0, _) => String::new(),
        (n, false) => format!("; {n} more in other files, see `rrb check`"),
        (n, true) => {
            format!("; {n} more in other files, which keep this one from being checked whole: see `rrb check`")
        }
    };
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
        if checked.is_partial() {
            out.line(out.look.dim(PARTIAL));
        }
    }
}

/// The windows of a project, and what they come to at most.
fn cost_lines(look: &Look, checked: &Checked) -> Vec<String> {
    let Some(windows) = checked.windows() else {
        return vec!["the cost is not known while there are errors".to_owned()];
    };
    if windows.is_empty() {
        return vec!["no trigger keeps a window".to_owned()];
    }
    let row = |w: &WindowCost| {
        vec![
            w.runbook.to_string(),
            format!("on {}", clean(&w.trigger)),
            crate::text::duration(w.holds_ms),
            w.keys.to_string(),
            w.events.to_string(),
            memory(w.bytes),
        ]
    };
    let header = ["runbook", "trigger", "keeps", "keys", "events", "memory"];
    let mut lines = table(look, &header, &windows.iter().map(row).collect::<Vec<_>>());
    let events: u64 = windows.iter().map(|w| w.events).sum();
    let bytes: u64 = windows.iter().map(|w| w.bytes).sum();
    lines.push(format!(
        "at most {events} events and {} in {}, at {} an event",
        memory(bytes),
        crate::text::count(windows.len(), "window"),
        memory(EVENT_BYTES)
    ));
    lines
}

/// A size as people read it: `40 MiB`.
fn memory(bytes: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((size, unit)) = units.into_iter().find(|(size, _)| bytes >= *size) else { return format!("{bytes} B") };
    let tenths = bytes.saturating_mul(10).div_ceil(size);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    }
}

fn print_json(context: &Context, checked: &[Checked], cost: bool) -> Result<(), CliError> {
    let one = |c: &Checked| {
        let shown = c.diagnostics();
        let (errors, warnings) = diagnostics::tally(&shown);
        let mut all = json!({
            "root": c.loaded.place.root, "files": c.loaded.files, "errors": errors + c.loaded.unreadable.len(), "warnings": warnings,
            "whole": !c.is_partial() && !c.others_are_wrong(),
            "diagnostics": shown.iter().map(|d| diagnostics::to_json(&c.loaded.sources, d)).collect::<Vec<_>>(),
            "unreadable": c.loaded.unreadable.iter().map(|u| json!({"file": u.name, "reason": u.reason})).collect::<Vec<_>>(),
        });
        if let (true, Some(all)) = (cost, all.as_object_mut()) {
            let windows = c.windows();
            let sum = |of: fn(&WindowCost) -> u64| windows.as_ref().map(|w| w.iter().map(of).sum::<u64>());
            let total = json!({"events": sum(|w| w.events), "bytes": sum(|w| w.bytes), "event_bytes": EVENT_BYTES});
            all.insert("cost".to_owned(), json!({"windows": windows, "total": total}));
        }
        all
    };
    context.out.json(&json!({"projects": checked.iter().map(one).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (4096, "4 KiB"),
            (4097, "4.1 KiB"),
            (240 << 20, "240 MiB"),
            (5 << 40, "5 TiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(memory(bytes), text);
        }
    }
}
