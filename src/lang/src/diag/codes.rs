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
    SYNTAX_NUMBER = "rrb::syntax::number", "a number or quantity cannot be read",
        "Numbers are written `42`, `1_000`, `0xff`, `3.5`, `1e-3` and `85%`. A duration is a number with one of the units `ms s m h d w`, largest unit first (`1h30m`); a size has `B KB MB GB TB PB` (powers of 1000) or `KiB MiB GiB TiB PiB` (powers of 1024).";
    SYNTAX_ESCAPE = "rrb::syntax::escape", "a text has an escape that does not exist",
        "In `\"…\"` the escapes are `\\n \\t \\r \\\" \\\\ \\$ \\u{1F600}`. Raw texts (`r\"…\"`) have none.";
    SYNTAX_OPERATOR = "rrb::syntax::operator", "an operator is written as in another language, or cannot stand here",
        "rrb writes `and`, `or`, `not`, `mod` and `==`. Comparisons do not chain: write `a < b and b < c`.";
    SYNTAX_FOREIGN = "rrb::syntax::foreign", "a word or mark of another language",
        "The help says what rrb writes instead.";
    SYNTAX_PLACE = "rrb::syntax::place", "this is valid rrb, but not at this place",
        "Header clauses stand before the first statement of a runbook, `on failure` and `finally` after the last. Runbooks stand at the top level, events inside a connector.";
    SYNTAX_REPEATED = "rrb::syntax::repeated", "a clause is written twice",
        "Each clause may stand once. Keep one of them.";
    SYNTAX_MODIFIER = "rrb::syntax::modifier", "a modifier without its call",
        "`retry`, `timeout`, `key` and `undo` belong to a call that is the whole expression. Inside an operator put the call and its modifiers in parentheses.";
    SYNTAX_DO = "rrb::syntax::do", "`do` takes one call",
        "`do` takes the name of an action and its arguments: `do k8s.restart(ns, name)`. To go on with the result use parentheses: `(do http.post(url)).json`.";
    SYNTAX_RESERVED = "rrb::syntax::reserved", "a reserved word where a name should stand",
        "Reserved words name nothing. After a `.` and before a `:` every word is a name.";
    PROJECT_SYNTAX = "rrb::project::syntax", "`rrb.toml` is not valid TOML",
        "The file must be TOML (https://toml.io). The label shows where reading stopped. Most often a text lacks its quotes, or a table's header lacks its brackets.";
    PROJECT_TOO_LARGE = "rrb::project::too-large", "`rrb.toml` is too large",
        "The project file may have 256 KiB. It holds people, settings and rules; data belongs into a module or a file that a runbook reads.";
    PROJECT_UNKNOWN_KEY = "rrb::project::unknown-key", "a key of `rrb.toml` is unknown",
        "An unknown key would be ignored, and a misspelt safety rule that is ignored is worse than none. The help names the key that was probably meant.";
    PROJECT_DUPLICATE_KEY = "rrb::project::duplicate-key", "a key of `rrb.toml` is written twice",
        "TOML allows each key once per table, and each table header once. Keep one of the two.";
    PROJECT_TYPE = "rrb::project::type", "a value of `rrb.toml` has the wrong type",
        "The message says what is expected and what stands there. Durations and sizes are texts with a unit: `\"5m\"`, `\"10MiB\"`.";
    PROJECT_VALUE = "rrb::project::value", "a value of `rrb.toml` is not possible",
        "The value has the right type but cannot be used: a number out of its range, an address that is none, a name with characters that names cannot have, or one login for two people.";
    PROJECT_UNKNOWN_USER = "rrb::project::unknown-user", "a group has a member who is not a user",
        "Every member of a group is a key below `[users]`. A misspelt member would make an approval that nobody can give:\n\n```toml\n[users.ana]\nname = \"Ana\"\n\n[groups]\nsre = [\"ana\"]\n```";
    SETTING_UNKNOWN = "rrb::setting::unknown", "`rrb.toml` sets something that no module or connector declares",
        "Each key below `[settings.MODULE]` is declared in a `settings { … }` of that module, each key below `[connectors.NAME]` in the one of that connector. Only modules that the project uses count.";
    SETTING_MISSING = "rrb::setting::missing", "a setting without a default is not set",
        "A setting that is declared without `= default` must get a value: in `rrb.toml` below `[settings.MODULE]`, `[connectors.NAME]` or `[connectors.NAME.INSTANCE]`, or in the environment. The help names both places.";
    SETTING_TYPE = "rrb::setting::type", "a setting's value does not fit its type",
        "Values in `rrb.toml` are TOML: `\"5m\"` for a Duration, `\"10MiB\"` for a Size, `\"warning\"` for an enum, a list for a List or Set, a table for a record or Map. In the environment plain values stand as they are, lists and tables as JSON.";
    SETTING_SECRET = "rrb::setting::secret", "a secret stands in `rrb.toml` in plain text",
        "A setting of type Secret holds a reference, never the secret: `token = \"env:SLACK_TOKEN\"` reads it from the environment, `token = \"file:/run/secrets/slack\"` from a file, each time it is used. A secret that once stood in the file should be replaced.";
    SETTING_AMBIGUOUS = "rrb::setting::ambiguous", "a setting is given in two ways that contradict",
        "Either one name in the environment means several settings (`RRB_A_B_C` of the instance `b` with the setting `c`, or of the setting `b_c`), or `rrb.toml` gives a setting twice, as `[settings.\"lib.paging\"]` and as `[settings.lib.paging]`. Give it once, in `rrb.toml`.";
    SETTING_INSTANCE = "rrb::setting::instance", "a connector has no such instance",
        "The instances of a connector are the tables below `[connectors.NAME]`. Without any there is one, `default`. A call without an instance means `default`, or the only one; with several and no `default` it must say which: `k8s[\"prod\"].drain(node)`.";
    EFFECT_UNAPPROVED = "rrb::effect::unapproved", "a call that destroys is reached without an `approve` or a `waive`",
        "A runbook has nobody to pass the duty on to, so whatever destroys and is reached from it stands inside an `approve` (people agree, each time) or a `waive` (a standing exception with an end):\n\n```rrb\napprove \"Drain ${node}?\" from group(\"sre\") {\n  do k8s.drain(node)\n}\n```\n\nThe labels and the note show the whole path from the runbook to the call that destroys. What an `undo` does counts like any call: the cover stands around its `do`. With `[safety] require_approval = \"changes\"` the same holds for calls that change.";
    APPROVAL_UNKNOWN_PRINCIPAL = "rrb::approval::unknown-principal", "an approval or waiver names somebody unknown",
        "The users and groups are those of `rrb.toml`. An approval from nobody can never be given, and a waiver by nobody has nobody to ask.";
    APPROVAL_NOBODY = "rrb::approval::nobody", "nobody can give this approval",
        "The groups it asks are empty. Add members in `rrb.toml`, or ask another group.";
    APPROVAL_QUORUM = "rrb::approval::quorum", "the quorum is not possible",
        "A quorum is at least 1 and at most the number of different people who are asked (all `from` together, and those it escalates to). Who started a run may not approve it unless the approval says `allow requester`; so when everybody has to agree, a run that one of them starts by hand can never be approved. That is a warning, because runs that an event starts have no such requester.";
    APPROVAL_WAIVER_EXPIRED = "rrb::approval::waiver-expired", "a waiver has run out",
        "A `waive` holds `until` its date. After it the program does not compile, and a run that still holds it fails with `denied`: look at the exception again, then renew it or ask with `approve`.";
    CONSTANT_FAILED = "rrb::program::constant", "a constant has no value",
        "Top-level constants and defaults are computed when the program is compiled. A division by zero, a number that is too large, \
        an item that is not there or too much work leaves them without a value.";
    PROGRAM_TOO_LARGE = "rrb::program::too-large", "a function is too large for the machine",
        "A function, action or runbook may have 65,000 variables and intermediate values. Split it.";
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.name() == name)
}
