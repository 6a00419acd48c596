//! Diagnostics: one model for every mistake a person can make, rendered elsewhere (miette in the CLI, LSP in the editor).

pub mod codes;
pub mod explain;
pub mod plain;

use serde::Serialize;

pub use codes::Code;

use crate::span::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program does not run.
    Error,
    /// The program runs, but probably not as meant.
    Warning,
}

/// A place in the source with a few words on why it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// At most about six words; may be empty.
    pub text: String,
    /// The place the message is about; the others say why.
    pub primary: bool,
}

/// A change to the source that mends the mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What the change does, e.g. "add `do`".
    pub title: String,
    /// Replace each span by the text; spans do not overlap.
    pub edits: Vec<(Span, String)>,
}

/// One mistake: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its kind, e.g. `rrb::effect::unapproved`.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One line: what is wrong. Lower case, no full stop; the user's words in backticks.
    pub message: String,
    /// The places; the first primary one is where editors put the squiggle.
    pub labels: Vec<Label>,
    /// What to do about it. The only part that advises.
    pub help: Vec<String>,
    /// Further facts, e.g. the call path to a destroying call, one line each.
    pub notes: Vec<String>,
    /// Changes that an editor can make.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at `span`; `label` says in a few words what is there.
    pub fn error(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        debug_assert_eq!(code.entry().severity, Severity::Error, "{}", code.name());
        Self::new(code, message, span, label)
    }

    /// A warning at `span`.
    pub fn warning(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        debug_assert_eq!(code.entry().severity, Severity::Warning, "{}", code.name());
        Self::new(code, message, span, label)
    }

    fn new(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.entry().severity,
            message: message.into(),
            labels: vec![Label { span, text: label.into(), primary: true }],
            help: Vec::new(),
            notes: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Adds a secondary place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a change that mends it.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<(Span, String)>) -> Self {
        self.fixes.push(Fix { title: title.into(), edits });
        self
    }

    /// The place the message is about.
    pub fn span(&self) -> Span {
        self.labels.iter().find(|l| l.primary).or(self.labels.first()).map(|l| l.span).unwrap_or_default()
    }

    /// Whether this stops the program from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Did you mean: the candidate nearest to `word`, when it is near enough to be a slip.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| *c != word)
        .map(|c| (strsim::damerau_levenshtein(word, c), c))
        .filter(|(d, c)| *d <= limit || (word.len() >= 3 && (c.starts_with(word) || word.eq_ignore_ascii_case(c))))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}
