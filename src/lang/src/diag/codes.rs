//! The registry of diagnostic codes: every code once, with its one-line summary and its long form for `rrb explain`.
//!
//! The long form of `rrb::effect::unapproved` is `explanations/effect/unapproved.md`; [`super::explain`] says how it is written.

use serde::{Serialize, Serializer};

use super::Severity;

/// A diagnostic's kind: a path such as `rrb::effect::unapproved`. All of them are the constants of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static Entry);

/// What the registry knows of a code.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The code as shown.
    pub name: &'static str,
    /// How bad it is, wherever it is found.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// Markdown: why it is a mistake and how to mend it, with a wrong example and a right one.
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
    (@severity error) => { Severity::Error };
    (@severity warning) => { Severity::Warning };
    ($($severity:ident $id:ident = $group:literal, $last:literal, $summary:literal;)*) => {
        $(#[doc = $summary] pub const $id: Code = Code(&Entry {
            name: concat!("rrb::", $group, "::", $last),
            severity: codes!(@severity $severity),
            summary: $summary,
            explanation: include_str!(concat!("explanations/", $group, "/", $last, ".md")),
        });)*
        /// Every code, in the order of this file.
        pub const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    error SYNTAX_UNEXPECTED = "syntax", "unexpected", "the text is not valid rrb here";
    error SYNTAX_UNCLOSED = "syntax", "unclosed", "a bracket, brace or text is not closed";
    error SYNTAX_NESTING = "syntax", "nesting", "the code nests too deep";
    error SYNTAX_TOO_LARGE = "syntax", "too-large", "the file is too large";
    error SYNTAX_NUMBER = "syntax", "number", "a number or quantity cannot be read";
    error SYNTAX_ESCAPE = "syntax", "escape", "a text has an escape that does not exist";
    error SYNTAX_OPERATOR = "syntax", "operator", "an operator is written as in another language, or cannot stand here";
    error SYNTAX_FOREIGN = "syntax", "foreign", "a word or mark of another language";
    error SYNTAX_PLACE = "syntax", "place", "this is valid rrb, but not at this place";
    error SYNTAX_REPEATED = "syntax", "repeated", "a clause is written twice";
    error SYNTAX_MODIFIER = "syntax", "modifier", "a modifier without its call";
    error SYNTAX_DO = "syntax", "do", "`do` takes one call";
    warning RUN_CIRCLE = "run", "circle", "runbooks run each other in a circle";
    error SYNTAX_RESERVED = "syntax", "reserved", "a reserved word where a name should stand";
    error PROJECT_SYNTAX = "project", "syntax", "`rrb.toml` is not valid TOML";
    error PROJECT_TOO_LARGE = "project", "too-large", "`rrb.toml` is too large";
    error PROJECT_UNKNOWN_KEY = "project", "unknown-key", "a key of `rrb.toml` is unknown";
    error PROJECT_DUPLICATE_KEY = "project", "duplicate-key", "a key of `rrb.toml` is written twice";
    error PROJECT_TYPE = "project", "type", "a value of `rrb.toml` has the wrong type";
    error PROJECT_VALUE = "project", "value", "a value of `rrb.toml` is not possible";
    error PROJECT_UNKNOWN_USER = "project", "unknown-user", "a group has a member who is not a user";
    error SETTING_UNKNOWN = "setting", "unknown", "`rrb.toml` sets something that no module or connector declares";
    error SETTING_MISSING = "setting", "missing", "a setting without a default is not set";
    error SETTING_TYPE = "setting", "type", "a setting's value does not fit its type";
    error SETTING_SECRET = "setting", "secret", "a secret stands in `rrb.toml` in plain text";
    error SETTING_AMBIGUOUS = "setting", "ambiguous", "a setting is given in two ways that contradict";
    error SETTING_INSTANCE = "setting", "instance", "a connector has no such instance";
    error EFFECT_UNAPPROVED = "effect", "unapproved", "a call that destroys is reached without an `approve` or a `waive`";
    error APPROVAL_UNKNOWN_PRINCIPAL = "approval", "unknown-principal", "an approval or waiver names somebody unknown";
    error APPROVAL_NOBODY = "approval", "nobody", "nobody can give this approval";
    error APPROVAL_QUORUM = "approval", "quorum", "the quorum is not possible";
    warning APPROVAL_EVERYBODY = "approval", "everybody", "everybody must agree, and who starts a run may not";
    error APPROVAL_WAIVER_EXPIRED = "approval", "waiver-expired", "a waiver has run out";
    warning APPROVAL_WAIVER_ENDING = "approval", "waiver-ending", "a waiver is about to run out";
    error CONSTANT_FAILED = "program", "constant", "a constant has no value";
    error PROGRAM_TOO_LARGE = "program", "too-large", "a function is too large for the machine";
    error NAME_UNKNOWN = "name", "unknown", "nothing has this name";
    error NAME_DUPLICATE = "name", "duplicate", "the name is declared twice";
    warning NAME_VARIANT = "name", "variant", "a variant has the name of a variable";
    warning NAME_CASE = "name", "case", "the name is written in another case than its kind";
    error NAME_PRIVATE = "name", "private", "the name is private to its module";
    warning NAME_UNUSED = "name", "unused", "nothing uses the name";
    error NAME_MODULE = "name", "module", "there is no such module";
    error NAME_NOT_A_VALUE = "name", "not-a-value", "the name stands for something that is no value";
    error TYPE_MISMATCH = "type", "mismatch", "the value has another type than its place wants";
    error TYPE_UNKNOWN = "type", "unknown", "there is no such type";
    error TYPE_ARITY = "type", "arity", "the type has another number of arguments";
    error TYPE_CYCLE = "type", "cycle", "the declaration depends on itself";
    error TYPE_INFER = "type", "infer", "the type cannot be found out here";
    error TYPE_OPTIONAL = "type", "optional", "the value may be missing and must be opened first";
    error SQL_STATEMENT = "sql", "statement", "a value is put into a statement of SQL";
    warning TYPE_NEVER_MISSING = "type", "never-missing", "the value is never missing";
    error TYPE_FIELD = "type", "field", "the value has no such field";
    error TYPE_METHOD = "type", "method", "the value has no such method";
    error TYPE_ARGUMENTS = "type", "arguments", "the arguments do not fit what is called";
    error TYPE_CALL = "type", "call", "this cannot be called";
    error TYPE_UNITS = "type", "units", "the operator does not take these types";
    error TYPE_COMPARE = "type", "compare", "these two cannot be compared";
    error TYPE_INTERPOLATE = "type", "interpolate", "this cannot be put into a text";
    warning TEXT_HOLE = "text", "hole", "a variable stands in a text without its `${…}`";
    error TYPE_SECRET = "type", "secret", "a Secret stays a Secret";
    warning SECRET_LITERAL = "secret", "literal", "a secret stands in the source";
    warning SECRET_PLAIN = "secret", "plain", "a secret is held as plain text";
    warning SECRET_UNENCRYPTED = "secret", "unencrypted", "a secret is sent unencrypted";
    error TYPE_DECODE = "type", "decode", "the type cannot be read from outside";
    error TYPE_LITERAL = "type", "literal", "the tagged literal is not well formed";
    error TYPE_VARIANT = "type", "variant", "the enum has no such variant";
    error TYPE_PATTERN = "type", "pattern", "the pattern cannot match a value of this type";
    error TYPE_REFUTABLE = "type", "refutable", "the pattern does not match every value";
    error MATCH_MISSING = "match", "missing", "the match does not cover every case";
    warning MATCH_UNREACHABLE = "match", "unreachable", "the arm is never reached";
    error VALUE_UNUSED = "value", "unused", "the value is not used";
    warning VARIABLE_UNUSED = "variable", "unused", "the variable is never read";
    warning PARAMETER_UNUSED = "parameter", "unused", "the parameter is never read";
    warning VARIABLE_HIDDEN = "variable", "hidden", "a new variable hides a `var` of the same name";
    error VARIABLE_ASSIGN = "variable", "assign", "this cannot be assigned";
    warning CODE_UNREACHABLE = "code", "unreachable", "the code is never reached";
    warning LOOP_ENDLESS = "loop", "endless", "nothing ends the loop";
    warning VERIFY_MISSING = "verify", "missing", "`resolved` is said without having looked";
    error PLACE_WRONG = "place", "wrong", "this cannot stand here";
    error DO_MISSING = "do", "missing", "the call changes something and needs `do`";
    warning DO_NEEDLESS = "do", "needless", "the call changes nothing and needs no `do`";
    error DO_MODIFIER = "do", "modifier", "the modifier does not belong to this call";
    error EFFECT_EXCEEDED = "effect", "exceeded", "the body does more than is declared";
    error EFFECT_MISSING = "effect", "missing", "the action does not declare its effect";
    error EFFECT_TRUST = "effect", "trust", "`trust` is misused";
    error CONST_REQUIRED = "const", "required", "the value must be known when compiled";
    error BRANCHES = "branch", "form", "what runs at the same time is not written as it must be";
    error WAVES = "branch", "waves", "the sizes of waves are not possible";
    warning FAILURES_DROPPED = "failures", "dropped", "collected failures are not looked at";
    error AT_MOST = "branch", "at-most", "the bound of `at most` is not complete";
    error CONST_RANGE = "const", "range", "the value is out of range";
    error HEADER_REPEATED = "header", "repeated", "the clause stands twice";
    error HEADER_CLAUSE = "header", "clause", "the clause of the header is wrong";
    error TRIGGER_EVENT = "trigger", "event", "the trigger names no event";
    error TRIGGER_WITH = "trigger", "with", "the trigger does not give every parameter";
    error TRIGGER_DUPLICATE = "trigger", "duplicate", "the runbook has the same trigger twice";
    error TRIGGER_WINDOW = "trigger", "window", "the trigger on several events lacks a clause or has one that is wrong";
    warning TRIGGER_NEVER = "trigger", "never", "the trigger can never match";
    warning TRIGGER_ITSELF = "trigger", "itself", "the runbook starts itself";
    warning TRIGGER_RESOLVED = "trigger", "resolved", "the runbook may work on an alert that is over";
    warning DEDUPE_SHADOWED = "dedupe", "shadowed", "the dedupe never drops anything";
    error EVENT_VERIFY = "event", "verify", "the webhook does not say who may send to it";
    error EVENT_INVALID = "event", "invalid", "the event is not declared well";
    error CONNECTOR_INVALID = "connector", "invalid", "the connector's action is not declared well";
    error OUTCOME_UNKNOWN = "finish", "outcome", "there is no such outcome";
    error POLICY_RULE = "policy", "rule", "the rule of a policy is not complete, or has what it cannot have";
    warning POLICY_EMPTY = "policy", "empty", "the policy has no rules";
    error POLICY_DUPLICATE = "policy", "duplicate", "two policies have the same name";
    error POLICY_WINDOW = "policy", "window", "the window of a policy cannot be read";
    error POLICY_DELEGATE = "policy", "delegate", "the file that a policy delegates to cannot be used";
    error TEST_NAME = "test", "name", "the test has no name of its own";
    error TEST_CALL = "test", "call", "the test names no call that it could answer or see";
    error TEST_VALUE = "test", "value", "the test gives or compares what it cannot";
    error TEST_SETTING = "test", "setting", "the test gives a setting that there is not";
    error TEST_WEBHOOK = "test", "webhook", "no webhook has the path of the delivery";
    error TEST_WORD = "test", "word", "a statement of the test lacks a part or has one too many";
    error TEST_ORDER_WRONG = "test", "begun", "the statement stands only before anything happens";
    warning TEST_EXPECT = "test", "no-expect", "the test expects nothing";
    warning TEST_GIVEN = "test", "never-given", "an earlier `given` answers every such call";
    warning TEST_ORDER = "test", "too-early", "nothing has happened before the statement";
    error APPROVE_INCOMPLETE = "approve", "incomplete", "the approval or waiver is incomplete";
    warning ALLOW_UNKNOWN = "allow", "unknown", "a comment allows what is no warning";
    warning ALLOW_UNUSED = "allow", "unused", "a comment allows what is not there";
}

/// The names of all codes.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|c| c.name())
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.name() == name)
}
