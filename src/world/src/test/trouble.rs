//! What is wrong with a test, for people.

use rrb_lang::span::Span;
use serde::Serialize;

/// One thing that was not as the test says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The statement it is about.
    pub span: Span,
    /// A few words beside the statement.
    pub label: String,
    /// What is wrong: one line, lower case.
    pub message: String,
    /// What was so instead, one line each.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
}

impl Trouble {
    /// Something wrong at `span`.
    pub fn new(span: Span, label: impl Into<String>, message: impl Into<String>) -> Self {
        let (label, message) = (label.into(), message.into());
        Self { span, label, message, notes: Vec::new(), help: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds facts.
    #[must_use]
    pub fn notes(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(texts);
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}
