//! Following one run to its end: the timeline as it grows, what it is doing now, Ctrl-C.

use std::collections::HashMap;
use std::time::Duration;

use rrb_engine::api::{Actor, ControlPlane, RunView, TimelineItem, What};
use rrb_engine::store::RunStatus;
use rrb_lang::vm::protocol::Millis;
use tokio::signal::unix::SignalKind;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::exit::{CliError, Exit};
use crate::out::Out;
use crate::run_text;
use crate::terminal::Panel;
use crate::text::{duration, now, short_id};
use crate::timeline::Timeline;

/// A wait of at most this is stayed for with `--no-wait`, in milliseconds: a retry, or a `verify` that looks again.
const SOON: i64 = 30_000;

/// How to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// One JSON object per line instead of text.
    pub json: bool,
    /// Native calls, too.
    pub detailed: bool,
    /// Leave when the run waits for more than its calls: people, its turn, a target, or a time more than half a minute away.
    pub no_wait: bool,
}

/// Why following ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Left {
    /// The run is over.
    Ended(Box<RunView>),
    /// It waits for people or is parked, and we do not.
    Waits(String),
    /// Ctrl-C twice: the run goes on without us, or later.
    Walked,
}

/// Follows `run` until it ends or is left. `items` was subscribed before the run began, so nothing is missed.
///
/// # Errors
/// When the daemon goes away and does not come back.
pub async fn follow(
    out: &Out,
    plane: &dyn ControlPlane,
    actor: &Actor,
    run: &str,
    items: Receiver<TimelineItem>,
    manner: Manner,
) -> Result<Left, CliError> {
    let mut screen = Screen::new(out, manner);
    let result = Follower { plane, actor, run, screen: &mut screen, overlap: Overlap::default(), manner, asked: 0 }
        .go(items)
        .await;
    screen.panel.clear_if_drawn(out);
    result
}

/// The live items and the views of a run tell the same story: each item is shown once, and as often as it happened.
#[derive(Default)]
struct Overlap {
    live: HashMap<String, usize>,
    shown: HashMap<String, usize>,
}

impl Overlap {
    fn key(item: &TimelineItem) -> String {
        serde_json::to_string(item).unwrap_or_default()
    }

    fn is_new_live(&mut self, item: &TimelineItem) -> bool {
        let key = Self::key(item);
        let live = self.live.entry(key.clone()).or_default();
        *live += 1;
        let shown = self.shown.entry(key).or_default();
        let new = *live > *shown;
        *shown = (*shown).max(*live);
        new
    }

    /// A view has everything so far.
    fn new_in_view<'v>(&mut self, timeline: &'v [TimelineItem]) -> Vec<&'v TimelineItem> {
        let mut told: HashMap<String, usize> = HashMap::new();
        let mut new = |item: &&TimelineItem| {
            let key = Self::key(item);
            let told = told.entry(key.clone()).or_default();
            *told += 1;
            let shown = self.shown.entry(key).or_default();
            let new = *told > *shown;
            *shown = (*shown).max(*told);
            new
        };
        timeline.iter().filter(|item| new(item)).collect()
    }
}

struct Follower<'a, 's> {
    plane: &'a dyn ControlPlane,
    actor: &'a Actor,
    run: &'a str,
    screen: &'a mut Screen<'s>,
    overlap: Overlap,
    manner: Manner,
    /// How often Ctrl-C was pressed.
    asked: u32,
}

impl Follower<'_, '_> {
    async fn go(mut self, mut items: Receiver<TimelineItem>) -> Result<Left, CliError> {
        let mut look_again = tokio::time::interval(Duration::from_secs(2));
        let mut redraw = tokio::time::interval(Duration::from_millis(120));
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut live = true;
        let mut failures = 0_u32;
        loop {
            tokio::select! {
                item = items.recv(), if live => match item {
                    Ok(item) if item.run.as_deref() == Some(self.run) => {
                        if self.overlap.is_new_live(&item) {
                            self.screen.show(&item)?;
                        }
                    }
                    Ok(_) => {}
                    // The view has what was lost.
                    Err(RecvError::Lagged(_)) => look_again.reset_immediately(),
                    Err(RecvError::Closed) => live = false,
                },
                _ = look_again.tick() => match self.look().await {
                    Ok(Some(left)) => return Ok(left),
                    Ok(None) => failures = 0,
                    Err(e) => {
                        failures += 1;
                        if failures >= 5 {
                            return Err(e.help(format!("the run may go on: `rrb runs show {}`", short_id(self.run))));
                        }
                    }
                },
                _ = redraw.tick() => self.screen.redraw(),
                Some(()) = interrupts.recv() => {
                    if let Some(left) = self.interrupted().await {
                        return Ok(left);
                    }
                }
            }
            if self.screen.ended {
                let view = self.plane.run(self.run).await?;
                return Ok(Left::Ended(Box::new(view)));
            }
        }
    }

    /// Asks how the run stands: shows what the live items missed, and whether it is time to leave.
    async fn look(&mut self) -> Result<Option<Left>, CliError> {
        let view = self.plane.run(self.run).await?;
        for item in self.overlap.new_in_view(&view.timeline) {
            self.screen.show(item)?;
        }
        if view.run.status == RunStatus::Done {
            return Ok(Some(Left::Ended(Box::new(view))));
        }
        let stands = self.manner.no_wait && stands(&view, now());
        Ok(stands.then(|| Left::Waits(view.waiting_for.join("; "))))
    }

    async fn interrupted(&mut self) -> Option<Left> {
        self.asked += 1;
        if self.asked > 1 {
            return Some(Left::Walked);
        }
        let said = match self.plane.cancel(self.run, "interrupted with Ctrl-C", self.actor).await {
            Ok(()) => "asked to stop: what can be undone is undone first. Ctrl-C again leaves the run alone".to_owned(),
            Err(e) => format!("cannot stop it: {}. Ctrl-C again leaves", e.line()),
        };
        self.screen.say(&said);
        None
    }
}

/// Where the story goes.
struct Screen<'a> {
    out: &'a Out,
    timeline: Timeline,
    panel: Panel,
    json: bool,
    began: Millis,
    ended: bool,
    frame: usize,
}

impl<'a> Screen<'a> {
    fn new(out: &'a Out, manner: Manner) -> Self {
        let timeline = Timeline::new(out.look.clone(), false).detailed(manner.detailed);
        Self { out, timeline, panel: Panel::default(), json: manner.json, began: now(), ended: false, frame: 0 }
    }

    fn show(&mut self, item: &TimelineItem) -> Result<(), CliError> {
        self.ended |= matches!(item.what, What::RunEnded { .. });
        if self.json {
            return self.out.json_line(item);
        }
        let lines = self.timeline.lines(item);
        if !lines.is_empty() {
            self.print(&lines);
        }
        Ok(())
    }

    fn say(&mut self, text: &str) {
        if self.json {
            self.out.note(text);
        } else {
            let line = self.out.look.warn(text);
            self.print(&[line]);
        }
    }

    fn print(&mut self, lines: &[String]) {
        if self.out.tty {
            let panel = self.progress();
            self.panel.print(self.out, lines, &panel);
        } else {
            lines.iter().for_each(|l| self.out.line(l));
        }
    }

    fn redraw(&mut self) {
        if self.out.tty && !self.json {
            self.frame += 1;
            let panel = self.progress();
            self.panel.draw(self.out, &panel);
        }
    }

    /// `⠹ destroys system.delete_files … 12s`
    fn progress(&self) -> Vec<String> {
        const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        let look = &self.out.look;
        let frame = FRAMES.get(self.frame % FRAMES.len()).copied().unwrap_or(".");
        let what = self
            .timeline
            .current(now())
            .unwrap_or_else(|| look.dim(duration(now().saturating_sub(self.began) / 1000 * 1000)));
        vec![format!("{} {what}", look.name(frame))]
    }
}

/// Listens for a signal from now on: one that comes between two waits is not lost.
///
/// # Errors
/// When the system does not let us.
pub fn signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, CliError> {
    tokio::signal::unix::signal(kind).map_err(|e| CliError::internal(format!("cannot listen for signals: {e}")))
}

/// Whether a run will not go on soon: it waits for people, for its turn, or for a time further away than a retry or a poll.
fn stands(view: &RunView, now: Millis) -> bool {
    match view.run.status {
        RunStatus::Parked | RunStatus::Queued => true,
        RunStatus::Waiting => {
            let time = |w: &String| w.strip_prefix("the time ").and_then(|t| t.parse::<jiff::Timestamp>().ok());
            let soon = |w: &String| time(w).is_some_and(|at| at.as_millisecond() <= now.saturating_add(SOON));
            !view.waiting_for.is_empty() && !view.waiting_for.iter().any(soon)
        }
        _ => view.approvals.iter().any(|a| a.state == rrb_engine::store::ApprovalState::Open),
    }
}

/// The exit code of a run that ended.
pub fn exit_of(view: &RunView) -> Exit {
    match run_text::end(&view.run).map(|e| run_text::outcome_name(&e)).as_deref() {
        Some("resolved" | "mitigated" | "not_needed" | "shadow") => Exit::Ok,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use rrb_engine::store::RunRow;

    use super::*;

    fn said(text: &str) -> TimelineItem {
        let what = What::Disposition { verdict: text.to_owned(), detail: String::new() };
        TimelineItem { at: 1, run: Some("r".to_owned()), runbook: None, event: None, what }
    }

    #[test]
    fn equal_items_are_shown_as_often_as_they_happened() {
        let mut overlap = Overlap::default();
        let (a, b) = (said("same"), said("other"));
        assert!(overlap.is_new_live(&a) && overlap.is_new_live(&a));
        // The view knows one more `a`, whose live item comes later, and what the live items missed.
        let view = [a.clone(), b.clone(), a.clone(), a.clone()];
        assert_eq!(overlap.new_in_view(&view), [&b, &a]);
        assert!(!overlap.is_new_live(&a) && !overlap.is_new_live(&b));
        assert!(overlap.new_in_view(&view).is_empty());
        assert!(overlap.is_new_live(&a));
    }

    fn view(status: RunStatus, waiting_for: &[&str]) -> RunView {
        let run = RunRow {
            id: "r".into(),
            runbook: "b".into(),
            program: String::new(),
            status,
            requester: String::new(),
            event: None,
            input: serde_json::Value::Null,
            params: serde_json::Value::Null,
            concurrency_key: None,
            created: 0,
            updated: 0,
            end: None,
        };
        let waiting_for = waiting_for.iter().map(|w| (*w).to_owned()).collect();
        RunView { run, journal: vec![], timeline: vec![], approvals: vec![], waiting_for }
    }

    #[test]
    fn a_run_stands_when_it_waits_for_more_than_a_moment() {
        let stands = |status, waits: &[&str]| stands(&view(status, waits), 0);
        assert!(stands(RunStatus::Parked, &[]) && stands(RunStatus::Queued, &[]));
        assert!(stands(RunStatus::Waiting, &["people: sure? (until 1970-01-02T00:00:00Z)"]));
        assert!(stands(RunStatus::Waiting, &["the target `a`, or a pause to end"]));
        // 30 s is soon, a millisecond more is not.
        assert!(!stands(RunStatus::Waiting, &["the time 1970-01-01T00:00:29.999Z"]));
        assert!(!stands(RunStatus::Waiting, &["the time 1970-01-01T00:00:30Z"]));
        assert!(stands(RunStatus::Waiting, &["the time 1970-01-01T00:00:30.001Z"]));
        // Something of it goes on soon, or nothing is known yet: the next look tells.
        assert!(!stands(RunStatus::Waiting, &["the time 1970-01-01T01:00:00Z", "the time 1970-01-01T00:00:01Z"]));
        assert!(
            !stands(RunStatus::Waiting, &[]) && !stands(RunStatus::Running, &[]) && !stands(RunStatus::Ending, &[])
        );
    }
}
