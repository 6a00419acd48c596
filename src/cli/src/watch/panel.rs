//! The lower part of the watch view as lines.

use rrb_lang::vm::protocol::Millis;

use super::model::{Answer, Model, View};
use crate::out::Look;
use crate::text::{clean, relative, short_id, truncate};
use crate::{plan_text, run_text};

impl Model {
    /// At most `rows` lines.
    pub fn panel(&self, look: &Look, now: Millis, rows: usize) -> Vec<String> {
        let mut lines = vec![look.dim("─".repeat(look.width.saturating_sub(1)))];
        if let Some(why) = &self.stale {
            lines.push(
                look.bad(format!("✗ the last save has mistakes ({}): the program before it goes on", clean(why))),
            );
        }
        let room = rows.saturating_sub(lines.len() + 3).max(3);
        let mut body = match self.view {
            View::Approvals => self.approvals_view(look, now, room),
            View::Runs => self.runs_view(look, now, room),
            View::Help => help(look),
        };
        body.truncate(room);
        lines.extend(body);
        if let Some(message) = &self.message {
            lines.push(look.warn(clean(message)));
        }
        lines.push(match &self.answer {
            Some(answer) => prompt(look, self.user.as_deref().unwrap_or_default(), answer),
            None => self.footer(look),
        });
        lines
    }

    fn approvals_view(&self, look: &Look, now: Millis, room: usize) -> Vec<String> {
        if self.approvals.is_empty() {
            return vec![look.dim("nobody is asked for anything")];
        }
        let mut lines = Vec::new();
        for (i, row) in window(&self.approvals, self.selected, room.div_ceil(2)) {
            let chosen = i == self.selected;
            let needs = plan_text::ask(row).map(|a| plan_text::who(&a)).unwrap_or_default();
            let yes = row.votes.iter().filter(|v| v.approve).count();
            let head = format!("{} {}", if chosen { "❯" } else { " " }, plan_text::question(row));
            let fact = look.dim(format!("  {yes} yes, needs {needs}; ends {}", relative(now, row.expires)));
            lines.push(format!("{}{fact}", if chosen { look.bold(head) } else { head }));
            if let Some(ask) = plan_text::ask(row).filter(|_| chosen) {
                let plan = plan_text::plan(look, &ask.plan, look.width);
                let more = plan.len().saturating_sub(room / 2);
                lines.extend(plan.into_iter().take(room / 2).map(|l| format!("    {l}")));
                if more > 0 {
                    lines.push(look.dim(format!("    and {more} more: enter shows all")));
                }
            }
        }
        lines
    }

    fn runs_view(&self, look: &Look, now: Millis, room: usize) -> Vec<String> {
        if self.runs.is_empty() {
            return vec![look.dim("no runs yet")];
        }
        let line = |(i, run): (usize, &rrb_engine::store::RunRow)| {
            let mark = if i == self.selected { look.bold("❯") } else { " ".to_owned() };
            let standing = run_text::colored_standing(look, run);
            let when = look.dim(relative(now, run.created));
            let id = look.name(short_id(&run.id));
            format!("{mark} {id} {} {standing} {when} {}", look.bold(clean(&run.runbook)), run_text::params(run))
        };
        window(&self.runs, self.selected, room).map(line).collect()
    }

    fn footer(&self, look: &Look) -> String {
        let keys = match self.view {
            View::Approvals if self.approvals.is_empty() => "r runs  ? help  q quit",
            View::Approvals => "a approve  d deny  j/k choose  enter show  r runs  ? help  q quit",
            View::Runs => "j/k choose  enter show  r approvals  ? help  q quit",
            View::Help => "? back  q quit",
        };
        let user = self.user.as_deref().map(|u| format!(" as {}", clean(u))).unwrap_or_default();
        format!("{}{}  {}", look.bold(clean(&self.title)), look.dim(user), look.dim(keys))
    }
}

/// The rows around the chosen one, with their places.
fn window<T>(rows: &[T], selected: usize, room: usize) -> impl Iterator<Item = (usize, &T)> {
    let room = room.max(1);
    let first = selected.saturating_sub(room - 1);
    rows.iter().enumerate().skip(first).take(room)
}

fn prompt(look: &Look, user: &str, answer: &Answer) -> String {
    let verb = if answer.approve { look.good("approve") } else { look.bad("deny") };
    let hint = match (answer.needs_comment, answer.comment.is_empty()) {
        (true, true) => look.dim(" why? (enter sends, esc goes back)"),
        (false, true) => look.dim(" a comment, or just enter (esc goes back)"),
        _ => String::new(),
    };
    let question = truncate(&answer.question, look.width / 3).into_owned();
    format!("{verb} as {} «{question}»: {}█{hint}", clean(user), clean(&answer.comment))
}

fn help(look: &Look) -> Vec<String> {
    [
        ("a", "approve the chosen question; you agree to the plan you see"),
        ("d", "deny it, with a reason"),
        ("j k ↑ ↓", "choose"),
        ("enter", "show the approval or the run whole"),
        ("r", "runs, and back"),
        ("q", "quit; runs that are not over go on with the next `rrb watch` or `rrb serve`"),
    ]
    .into_iter()
    .map(|(key, what)| format!("  {}  {what}", look.bold(format!("{key:<8}"))))
    .collect()
}
