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
    RUN_CIRCLE = "rrb::run::circle", "runbooks run each other in a circle",
        "A runbook that runs itself, directly or through others, ends only when a condition ends it; at 16 nested runs it fails. Repeat with a loop, or run the next one from a trigger.";
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
    NAME_UNKNOWN = "rrb::name::unknown", "nothing has this name",
        "The name is not declared here. Names come from `let`, parameters, declarations of the module, `use`, and the native modules. Check the spelling; a suggestion names the nearest one.";
    NAME_DUPLICATE = "rrb::name::duplicate", "the name is declared twice",
        "Two things in one place have the same name, so it would be unclear which is meant. Rename one of them.";
    NAME_PRIVATE = "rrb::name::private", "the name is private to its module",
        "A top-level name that begins with `_` can be used in its own module only. Remove the `_` there to share it.";
    NAME_MODULE = "rrb::name::module", "there is no such module",
        "`use` names a file of the project by its path (`lib/paging.rrb` is `lib.paging`) or a module of the standard library (`std.slack`).";
    NAME_NOT_A_VALUE = "rrb::name::not-a-value", "the name stands for something that is no value",
        "Modules, connectors and types are no values: they stand before a `.`, as in `slack.post(…)` or `Severity.critical`.";
    TYPE_MISMATCH = "rrb::type::mismatch", "the value has another type than its place wants",
        "Nothing converts silently, except Int to Float and plain values to Json. Convert with a method such as `.to_text()`, or, for Json, with `as`.";
    TYPE_UNKNOWN = "rrb::type::unknown", "there is no such type",
        "The built-in types are `Bool Int Float Text Duration Size Time Regex Cron Url Ip Cidr Bytes Json Secret Never Nothing`, `List<T>`, `Map<K, V>`, `Set<T>` and `T?`; all others are declared with `type` or `enum`.";
    TYPE_ARITY = "rrb::type::arity", "the type has another number of arguments",
        "`List` and `Set` take one type, `Map` two, a declared type as many as it declares.";
    TYPE_CYCLE = "rrb::type::cycle", "the declaration depends on itself",
        "A constant, an inferred result or a type alias cannot be made from itself. Write the type, or break the circle.";
    TYPE_INFER = "rrb::type::infer", "the type cannot be found out here",
        "Nothing around this place says what type is meant. Write it: `let xs: List<Text> = []`.";
    TYPE_OPTIONAL = "rrb::type::optional", "the value may be missing and must be opened first",
        "A `T?` is either a `T` or `none`. Open it: `x ?? default`, `x ?? fail \"…\"`, `x?.field`, `if let v = x { … }` or `match`.";
    TYPE_FIELD = "rrb::type::field", "the value has no such field",
        "The type of the value does not declare this field. A suggestion names the nearest one.";
    TYPE_METHOD = "rrb::type::method", "the value has no such method",
        "The type of the value does not have this method. Methods are called with parentheses: `xs.len()`.";
    TYPE_ARGUMENTS = "rrb::type::arguments", "the arguments do not fit what is called",
        "Arguments are given by place or by name; parameters without a default must be given once each.";
    TYPE_CALL = "rrb::type::call", "this cannot be called",
        "Only functions, actions, variants with a payload and methods are called.";
    TYPE_UNITS = "rrb::type::units", "the operator does not take these types",
        "Arithmetic knows units: `Duration * Int`, `Time - Time` and `Size / Size` mean something, `5m + 3` does not. Give the number its unit.";
    TYPE_COMPARE = "rrb::type::compare", "these two cannot be compared",
        "Both sides of a comparison have the same type. Open optionals and convert Json with `as` before ordering them.";
    TYPE_INTERPOLATE = "rrb::type::interpolate", "this cannot be put into a text",
        "A hole prints Text, Int, Float, Bool, Duration, Size, Time, Url, Ip, Cidr and enums without payload. Open optionals with `??`, convert Json with `as`, print anything else with `.to_json()`.";
    TYPE_SECRET = "rrb::type::secret", "a Secret stays a Secret",
        "A Secret is a handle, not a value. It cannot be printed, compared, put into Json or evidence, or sent to a parameter that is not a Secret, because it would end up in a journal, a log or a message.";
    TYPE_DECODE = "rrb::type::decode", "the type cannot be read from outside",
        "Functions and Secrets cannot come from Json or a command line. `as` reads Json only; other conversions are methods such as `.to_int()`.";
    TYPE_LITERAL = "rrb::type::literal", "the tagged literal is not well formed",
        "`re\"…\"`, `cron\"…\"`, `url\"…\"`, `cidr\"…\"`, `ip\"…\"` and `time\"…\"` are checked when compiled. The label shows the exact character.";
    TYPE_VARIANT = "rrb::type::variant", "the enum has no such variant",
        "A bare name stands for a variant where an enum is expected. The message lists the variants.";
    TYPE_PATTERN = "rrb::type::pattern", "the pattern cannot match a value of this type",
        "A pattern has the form of the value's type: variants for enums, literals for plain values, `{ … }` for records, `[ … ]` for lists.";
    TYPE_REFUTABLE = "rrb::type::refutable", "the pattern does not match every value",
        "`let`, `for` and parameters need a pattern that always matches. Use `if let` or `match` for the others.";
    MATCH_MISSING = "rrb::match::missing", "the match does not cover every case",
        "A `match` covers every value of its type. The message lists what is missing; `_` covers the rest.";
    MATCH_UNREACHABLE = "rrb::match::unreachable", "the arm is never reached",
        "The arms before it match everything that this one matches.";
    VALUE_UNUSED = "rrb::value::unused", "the value is not used",
        "A statement that only computes a value does nothing. `(` and `[` belong to what they touch: `f (x)` is the value `f` followed by the value `(x)`.";
    VARIABLE_UNUSED = "rrb::variable::unused", "the variable is never read",
        "Remove it, or let its name begin with `_` to say that this is meant.";
    VARIABLE_HIDDEN = "rrb::variable::hidden", "a new variable hides a `var` of the same name",
        "A `let` or `var` in an inner block makes a new variable; the `var` around it stays as it is when the block ends. To change it, assign it without `let`. To mean another one, give it another name.";
    VARIABLE_ASSIGN = "rrb::variable::assign", "this cannot be assigned",
        "Only a `var` of the same function is assigned. `let`, parameters, constants, settings and fields do not change.";
    CODE_UNREACHABLE = "rrb::code::unreachable", "the code is never reached",
        "What stands before it always leaves: `fail`, `finish`, `return`, `break`, `continue`.";
    PLACE_WRONG = "rrb::place::wrong", "this cannot stand here",
        "Some words only make sense in some places: `break` in a loop, `finish` in a runbook, `skip` in a trigger's `with`. The message says where.";
    DO_MISSING = "rrb::do::missing", "the call changes something and needs `do`",
        "A call that `changes` or `destroys` is written with `do`, so that a reviewer can scan for it.";
    DO_NEEDLESS = "rrb::do::needless", "the call changes nothing and needs no `do`",
        "`do` marks calls that change something. Reads and pure functions are called without it.";
    DO_MODIFIER = "rrb::do::modifier", "the modifier does not belong to this call",
        "`retry`, `timeout`, `key` and `undo` belong to a call of an action. `undo` and `key` belong to calls that change something.";
    EFFECT_EXCEEDED = "rrb::effect::exceeded", "the body does more than is declared",
        "`pure < reads < changes < destroys`. The effect of a body may not exceed the declared one, so that callers can trust the declaration. Declare more, or do less.";
    EFFECT_MISSING = "rrb::effect::missing", "the action does not declare its effect",
        "An `action` says what it does: `reads`, `changes` or `destroys`.";
    EFFECT_TRUST = "rrb::effect::trust", "`trust` is misused",
        "`trust reads because \"…\" { … }` lowers the effect of the primitives called directly in it. It stands in an action of a connector, and says why.";
    CONST_REQUIRED = "rrb::const::required", "the value must be known when compiled",
        "This place takes a literal, or a top-level `let` made of literals.";
    BRANCHES = "rrb::branch::form", "what runs at the same time is not written as it must be",
        "`parallel { a = f(), b { … } }` and `race { … }` have branches with names of their own. A loop runs its items at the same time with `parallel N`, or `in waves [1, 10%, 100%]`, to which `pausing` and `between` belong; `collect failures` belongs to both kinds.";
    WAVES = "rrb::branch::waves", "the sizes of waves are not possible",
        "Waves are cumulative: `[1, 10%, 50%, 100%]` touches one item, then so many more that a tenth is done, and so on; shares round up. So each size is larger than the one before, a share is at most `100%`, and the last one reaches everything, because what no wave reaches would never be done. To touch fewer, take them first: `xs.take(5)`.";
    AT_MOST = "rrb::branch::at-most", "the bound of `at most` is not complete",
        "`at most 5 for xs` is a count. `at most 10% of nodes for xs` is a share and says of what; it rounds down, and `or 1` says how many are allowed even so. A run in which there are more fails with `denied` before it touches anything.";
    CONST_RANGE = "rrb::const::range", "the value is out of range",
        "The message says what is allowed.";
    HEADER_REPEATED = "rrb::header::repeated", "the clause stands twice",
        "A runbook has each of these clauses at most once.";
    HEADER_CLAUSE = "rrb::header::clause", "the clause of the header is wrong",
        "The message says what the clause takes.";
    TRIGGER_EVENT = "rrb::trigger::event", "the trigger names no event",
        "`on CONNECTOR.EVENT` names an event that a connector declares.";
    TRIGGER_WITH = "rrb::trigger::with", "the trigger does not give every parameter",
        "A trigger gives every parameter of its runbook that has no default: `with node: a.labels.node ?? skip`.";
    TRIGGER_DUPLICATE = "rrb::trigger::duplicate", "the runbook has the same trigger twice",
        "An event starts a runbook at most once, by its first matching trigger, so the second one would never do anything.";
    TRIGGER_WINDOW = "rrb::trigger::window", "the trigger on several events lacks a clause or has one that is wrong",
        "`on 3 of E as e by K within 10m`, `on A as a and B as b where a.x == b.x within 5m` (also `then`, `without`) and `on silence of E as e by K for 10m` look at several events for a time. The message says which clause is missing or cannot be.";
    TRIGGER_NEVER = "rrb::trigger::never", "the trigger can never match",
        "What `where` asks for cannot be true of one event: two different values for the same field, bounds that leave nothing between them, or a part that is always false. Such a trigger starts nothing.";
    EVENT_VERIFY = "rrb::event::verify", "the webhook does not say who may send to it",
        "A webhook says how a delivery proves where it comes from: `verify hmac(…)`, `verify bearer(token)` …, or `verify none because \"…\"`.";
    EVENT_INVALID = "rrb::event::invalid", "the event is not declared well",
        "An event has a record type, a source and an `emit` that gives that type.";
    CONNECTOR_INVALID = "rrb::connector::invalid", "the connector's action is not declared well",
        "The message says what is missing.";
    OUTCOME_UNKNOWN = "rrb::finish::outcome", "there is no such outcome",
        "A runbook ends with `resolved`, `mitigated`, `not_needed`, `escalated` or `failed`.";
    POLICY_RULE = "rrb::policy::rule", "the rule of a policy is not complete, or has what it cannot have",
        "A rule is one of `forbid EFFECT … because \"…\"`, `forbid waive`, `require approval from … for EFFECT`, `limit EFFECT to N per D … because \"…\"` and `delegate rego|cedar \"FILE\"`; `applies where C` says for which calls the whole policy holds. EFFECT is `changes` (which `destroys` is, too) or `destroys`. `because` is what people read when a call is denied. The help names the clause that is missing or does not belong to this rule.";
    POLICY_DUPLICATE = "rrb::policy::duplicate", "two policies have the same name",
        "A verdict names the policy it comes from, so a name is given once in a project.";
    POLICY_WINDOW = "rrb::policy::window", "the window of a policy cannot be read",
        "A window is `weekly(\"Fri 17:00\" to \"Mon 07:00\" in \"Europe/Berlin\")`, `daily(\"22:00\" to \"06:00\" in \"UTC\")` or `between time\"2026-12-20T00:00:00Z\" and time\"2027-01-04T07:00:00Z\"`. The end is not part of it. Times follow the wall clock of the zone, over midnight, the end of the week and changes of the clock.";
    POLICY_DELEGATE = "rrb::policy::delegate", "the file that a policy delegates to cannot be used",
        "`delegate rego \"policies/guard.rego\" query \"data.rrb.deny\"` asks a rule of that file, `delegate cedar \"policies/guard.cedar\"` its policies. The file belongs to the project: its path is relative to `rrb.toml` and does not leave the project. What is asked and what may be answered stands in the guide's chapter on policies.";
    APPROVE_INCOMPLETE = "rrb::approve::incomplete", "the approval or waiver is incomplete",
        "An `approve` says who is asked (`from group(\"sre\")`); a `waive` says who decided (`by`) and for how long (`until`).";
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.name() == name)
}
