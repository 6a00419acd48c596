//! The state of the watch view, and how keys change it.

use rrb_engine::api::Vote;
use rrb_engine::store::{ApprovalRow, RunRow};

use crate::plan_text;
use crate::terminal::Key;

/// What the lower part shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    #[default]
    Approvals,
    Runs,
    Help,
}

/// An answer that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub approval: String,
    pub question: String,
    /// Of the plan that was on the screen when the key was pressed: another plan is another question.
    pub digest: String,
    pub approve: bool,
    pub needs_comment: bool,
    pub comment: String,
}

/// What a key leads to outside the view.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Nothing,
    Quit,
    /// Print this approval whole, above the view.
    ShowApproval(String),
    /// Print this run whole, above the view.
    ShowRun(String),
    Vote {
        approval: String,
        vote: Vote,
    },
}

/// The view.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Open ones, oldest first.
    pub approvals: Vec<ApprovalRow>,
    /// Newest first.
    pub runs: Vec<RunRow>,
    pub view: View,
    pub selected: usize,
    pub answer: Option<Answer>,
    /// Who votes.
    pub user: Option<String>,
    /// What went wrong last, until the next key.
    pub message: Option<String>,
    /// The last save does not check: the program before it goes on.
    pub stale: Option<String>,
    /// Project, address, number of runbooks.
    pub title: String,
}

impl Model {
    /// Takes what is open now. What was selected stays selected where it still is.
    pub fn set_approvals(&mut self, approvals: Vec<ApprovalRow>) {
        if self.view == View::Approvals {
            let before = self.approvals.get(self.selected).map(|a| a.id.clone());
            let after = before.and_then(|id| approvals.iter().position(|a| a.id == id));
            self.selected = after.unwrap_or(self.selected).min(approvals.len().saturating_sub(1));
        }
        if self.answer.as_ref().is_some_and(|a| !approvals.iter().any(|r| r.id == a.approval && r.digest == a.digest)) {
            self.answer = None;
            self.message = Some("the approval was closed, or asks for something else now".to_owned());
        }
        self.approvals = approvals;
    }

    /// Takes the latest runs.
    pub fn set_runs(&mut self, runs: Vec<RunRow>) {
        if self.view == View::Runs {
            let before = self.runs.get(self.selected).map(|r| r.id.clone());
            let after = before.and_then(|id| runs.iter().position(|r| r.id == id));
            self.selected = after.unwrap_or(self.selected).min(runs.len().saturating_sub(1));
        }
        self.runs = runs;
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key) -> Action {
        self.message = None;
        match self.answer.take() {
            Some(answer) => self.answer_key(answer, key),
            None => self.plain_key(key),
        }
    }

    fn plain_key(&mut self, key: Key) -> Action {
        let last = match self.view {
            View::Approvals => self.approvals.len(),
            View::Runs => self.runs.len(),
            View::Help => 0,
        };
        match key {
            Key::Char('q') | Key::End => return Action::Quit,
            Key::Char('j') | Key::Down => self.selected = (self.selected + 1).min(last.saturating_sub(1)),
            Key::Char('k') | Key::Up => self.selected = self.selected.saturating_sub(1),
            Key::Char('r') => self.switch(if self.view == View::Runs { View::Approvals } else { View::Runs }),
            Key::Char('?') => self.switch(if self.view == View::Help { View::Approvals } else { View::Help }),
            Key::Escape => self.switch(View::Approvals),
            Key::Char('a') => return self.begin(true),
            Key::Char('d') => return self.begin(false),
            Key::Enter => {
                return match self.view {
                    View::Approvals => self.chosen(|a| Action::ShowApproval(a.id.clone())),
                    View::Runs => {
                        self.runs.get(self.selected).map_or(Action::Nothing, |r| Action::ShowRun(r.id.clone()))
                    }
                    View::Help => Action::Nothing,
                };
            }
            Key::Char(_) | Key::Backspace | Key::Left | Key::Right | Key::Other => {}
        }
        Action::Nothing
    }

    fn switch(&mut self, view: View) {
        self.view = view;
        self.selected = 0;
    }

    fn chosen(&self, f: impl Fn(&ApprovalRow) -> Action) -> Action {
        self.approvals.get(self.selected).map_or(Action::Nothing, f)
    }

    fn begin(&mut self, approve: bool) -> Action {
        if self.user.is_none() {
            self.message = Some("who votes? start with `rrb watch --as USER`".to_owned());
            return Action::Nothing;
        }
        if self.view != View::Approvals {
            self.switch(View::Approvals);
        }
        let Some(row) = self.approvals.get(self.selected) else {
            self.message = Some("nobody is asked for anything now".to_owned());
            return Action::Nothing;
        };
        let needs_comment = !approve || plan_text::ask(row).is_some_and(|a| a.require_comment);
        self.answer = Some(Answer {
            approval: row.id.clone(),
            question: plan_text::question(row),
            digest: row.digest.clone(),
            approve,
            needs_comment,
            comment: String::new(),
        });
        // Whoever answers has the whole plan on the screen, however long it is.
        Action::ShowApproval(row.id.clone())
    }

    fn answer_key(&mut self, mut answer: Answer, key: Key) -> Action {
        match key {
            Key::Escape | Key::End => return Action::Nothing,
            Key::Enter if answer.needs_comment && answer.comment.trim().is_empty() => {
                self.message = Some("write a word on why first".to_owned());
            }
            Key::Enter => {
                let comment = answer.comment.trim().to_owned();
                let vote = Vote { approve: answer.approve, comment, digest: Some(answer.digest) };
                return Action::Vote { approval: answer.approval, vote };
            }
            Key::Backspace => {
                answer.comment.pop();
            }
            Key::Char(c) if answer.comment.len() < 1000 => answer.comment.push(c),
            Key::Char(_) | Key::Up | Key::Down | Key::Left | Key::Right | Key::Other => {}
        }
        self.answer = Some(answer);
        Action::Nothing
    }
}

#[cfg(test)]
mod tests {
    use rrb_engine::store::ApprovalState;

    use super::*;

    fn row(id: &str, digest: &str) -> ApprovalRow {
        ApprovalRow {
            id: id.into(),
            run: "run_1".into(),
            runbook: "fix".into(),
            effect: "s1:0".into(),
            ask: serde_json::Value::Null,
            digest: digest.into(),
            requester: "user:ana".into(),
            asked: 0,
            expires: 60_000,
            state: ApprovalState::Open,
            closed: None,
            votes: vec![],
        }
    }

    fn model() -> Model {
        let mut model = Model { user: Some("ana".into()), ..Model::default() };
        model.set_approvals(vec![row("a1", "d1"), row("a2", "d2")]);
        model
    }

    fn typed(model: &mut Model, text: &str) {
        text.chars().for_each(|c| assert_eq!(model.key(Key::Char(c)), Action::Nothing));
    }

    #[test]
    fn a_yes_is_for_the_plan_that_was_shown() {
        let mut model = model();
        model.key(Key::Down);
        assert_eq!(model.key(Key::Char('a')), Action::ShowApproval("a2".into()));
        typed(&mut model, "ok q");
        let vote = Vote { approve: true, comment: "ok q".into(), digest: Some("d2".into()) };
        assert_eq!(model.key(Key::Enter), Action::Vote { approval: "a2".into(), vote });
        assert_eq!(model.answer, None);
    }

    #[test]
    fn a_no_needs_a_reason() {
        let mut model = model();
        model.key(Key::Char('d'));
        typed(&mut model, " ");
        assert_eq!(model.key(Key::Enter), Action::Nothing);
        assert!(model.message.is_some() && model.answer.is_some());
        typed(&mut model, "x");
        assert!(matches!(model.key(Key::Enter), Action::Vote { vote: Vote { approve: false, .. }, .. }));
    }

    #[test]
    fn an_answer_falls_when_the_question_changes_below_it() {
        let mut model = model();
        model.key(Key::Char('a'));
        model.set_approvals(vec![row("a1", "other"), row("a2", "d2")]);
        assert_eq!(model.answer, None);
        assert!(model.message.is_some());
        assert_eq!(model.key(Key::Enter), Action::ShowApproval("a1".into()));
    }

    #[test]
    fn nobody_votes_without_a_name() {
        let mut model = Model { user: None, ..model() };
        assert_eq!(model.key(Key::Char('a')), Action::Nothing);
        assert!(model.message.as_deref().unwrap().contains("--as USER"));
    }

    #[test]
    fn escape_leaves_an_answer_and_quit_only_quits_outside_one() {
        let mut model = model();
        model.key(Key::Char('a'));
        assert_eq!(model.key(Key::Char('q')), Action::Nothing);
        assert_eq!(model.key(Key::Escape), Action::Nothing);
        assert_eq!(model.answer, None);
        assert_eq!(model.key(Key::Char('q')), Action::Quit);
    }

    #[test]
    fn the_choice_stays_in_the_list_and_on_its_row() {
        let mut model = model();
        for _ in 0..5 {
            model.key(Key::Char('j'));
        }
        assert_eq!(model.selected, 1);
        model.set_approvals(vec![row("a0", "d"), row("a1", "d1"), row("a2", "d2")]);
        assert_eq!(model.selected, 2);
        model.set_approvals(vec![]);
        assert_eq!(model.selected, 0);
        assert_eq!(model.key(Key::Enter), Action::Nothing);
        model.key(Key::Char('a'));
        assert_eq!(model.answer, None);
    }
}
