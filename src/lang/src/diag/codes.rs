//! The registry of diagnostic codes: every code once, with its one-line summary and its long form for `rrb explain`.

use serde::{Serialize, Serializer};

/// A diagnostic's kind: a path such as `rrb::effect::unapproved`. All of them are the constants of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static Entry);

/// What the registry knows of a code.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The code as shown.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Markdown: why it is an error and how to mend it.
    pub explanation: &'static str,
}

impl Code {
    /// The code as shown, e.g. `rrb::syntax::unexpected`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What the registry knows of it.
    pub fn entry(self) -> &'static Entry {
        self.0
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

macro_rules! codes {
    ($($(#[$meta:meta])* $id:ident = $name:literal, $summary:literal, $explanation:literal;)*) => {
        $(#[doc = $summary] pub const $id: Code = Code(&Entry { name: $name, summary: $summary, explanation: $explanation });)*
        /// Every code, in the order of this file.
        pub const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    SYNTAX_UNEXPECTED = "rrb::syntax::unexpected", "the text is not valid rrb here",
        "The parser met something that cannot stand at this place. The message names what could.";
    SYNTAX_UNCLOSED = "rrb::syntax::unclosed", "a bracket, brace or text is not closed",
        "Every `(`, `[`, `{` and `\"` needs its partner. The labels show the opener and where the closer was expected.";
    SYNTAX_NESTING = "rrb::syntax::nesting", "the code nests too deep",
        "Brackets, blocks and texts may nest 128 levels deep. Give the inner part a name.";
    SYNTAX_TOO_LARGE = "rrb::syntax::too-large", "the file is too large",
        "A source file may have 1 MiB. Split it into modules.";
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.name() == name)
}
