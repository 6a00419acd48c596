//! A backtest as people read it.

use super::compare::{Difference, Figures, Kind, Report};
use crate::out::{Look, table};
use crate::text::{clean, count, day, moment};

/// Characters of a reason.
const WHY: usize = 100;

/// The figures, and how many differences of which kind.
pub fn lines(look: &Look, report: &Report) -> Vec<String> {
    let span = format!("{} to {}", day(report.since, &look.zone), day(report.until, &look.zone));
    let program = report.program.get(..12).unwrap_or(&report.program);
    let mut out = vec![format!("{} from {span}, sources {program}", look.bold(count(report.events, "event")))];
    let reads = match report.reads {
        0 => "no recorded reads: what a runbook reads is unknown, and both sides of what depends on it are counted"
            .to_owned(),
        n => format!(
            "{} of {} answer; what was never read is unknown",
            count(n, "recorded read"),
            count(report.runs, "run")
        ),
    };
    out.push(look.dim(reads));
    out.push(String::new());
    let header = [
        "runbook", "", "events", "fired", "deduped", "limited", "window", "skipped", "denied", "asked", "changes",
        "destroys",
    ];
    let mut rows = Vec::new();
    for row in &report.runbooks {
        rows.push(figures(&row.runbook, "would", &row.now));
        rows.push(figures("", "did", &row.then));
    }
    match rows.is_empty() {
        true => out.push(look.dim("no runbook was asked")),
        false => out.extend(table(look, &header, &rows)),
    }
    if report.incomplete > 0 {
        let runs = count(usize::try_from(report.incomplete).unwrap_or(usize::MAX), "run");
        out.push(look.warn(format!("the plans of {runs} are not complete: they may do more")));
    }
    out.push(String::new());
    out.extend(summary(look, &report.differences));
    out
}

fn figures(runbook: &str, which: &str, f: &Figures) -> Vec<String> {
    let numbers =
        [f.events, f.fired, f.deduped, f.limited, f.windowed, f.skipped, f.denied, f.asked, f.changes, f.destroys];
    let words = [clean(runbook).into_owned(), which.to_owned()];
    words.into_iter().chain(numbers.into_iter().map(|n| n.to_string())).collect()
}

fn summary(look: &Look, differences: &[Difference]) -> Vec<String> {
    let of = |kind: Kind| differences.iter().filter(|d| d.kind == kind).count();
    let said = [
        (Kind::Fires, "would start a run and did not"),
        (Kind::Silent, "started a run and would not"),
        (Kind::Denied, "would meet a policy that says no and did not"),
        (Kind::Reason, "would start none for another reason than it did"),
    ];
    let lines: Vec<String> = said
        .into_iter()
        .filter(|(kind, _)| of(*kind) > 0)
        .map(|(kind, text)| {
            let line = format!("{} {text}", count(of(kind), "event"));
            if kind == Kind::Reason { look.dim(line) } else { look.warn(line) }
        })
        .collect();
    if lines.is_empty() { vec![look.good("no differences")] } else { lines }
}

/// The differences, event by event.
pub fn details(look: &Look, report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    for d in &report.differences {
        let when = moment(d.at, &look.zone);
        out.push(format!(
            "{when} {} {} at {}",
            clean(&d.source),
            look.dim(clean(&d.event)),
            look.bold(clean(&d.runbook))
        ));
        let because = |verdict: &str, detail: &str| {
            let why = crate::text::truncate(detail, WHY).into_owned();
            if why.is_empty() { verdict.to_owned() } else { format!("{verdict}: {}", clean(&why)) }
        };
        let run = d.then_run.as_ref().filter(|r| !r.is_empty()).map(|r| format!(" ({r})")).unwrap_or_default();
        out.push(format!("  {} {}{}", look.dim("did  "), because(&d.then, &d.then_detail), look.dim(run)));
        out.push(format!("  {} {}", look.dim("would"), because(&d.now, &d.now_detail)));
    }
    out
}
