//! The commands, with what their help says.

/// What a command takes, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Command,
    Expression,
    Name,
    File,
    Runbook,
    Event,
    Id,
    Code,
    Option,
    Text,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Quit,
    Help,
    Doc,
    Source,
    Names,
    Settings,
    Type,
    Effect,
    Time,
    Bench,
    Json,
    Trace,
    Load,
    Reload,
    Copy,
    Save,
    Forget,
    Set,
    Watch,
    Edit,
    Fire,
    Live,
    Journal,
    Step,
    Back,
    SaveTest,
    SaveRunbook,
    /// The command of `rrb` of these words.
    Cli(&'static [&'static str]),
}

/// A command.
#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// As its help shows what it takes.
    pub args: &'static str,
    pub takes: Takes,
    /// One line, without a full stop.
    pub summary: &'static str,
    pub example: &'static str,
    pub does: Does,
}

const fn of(
    name: &'static str,
    args: &'static str,
    takes: Takes,
    summary: &'static str,
    example: &'static str,
    does: Does,
) -> Command {
    Command { name, args, takes, summary, example, does }
}

/// All of them, in the order of `:help`.
pub static COMMANDS: &[Command] = &[
    of("help", "[COMMAND]", Takes::Command, "what can be done here, or what a command does", ":help fire", Does::Help),
    of(
        "type",
        "EXPR",
        Takes::Expression,
        "the type of an expression, which is not evaluated",
        ":type 5m * 3",
        Does::Type,
    ),
    of(
        "effect",
        "EXPR",
        Takes::Expression,
        "what an input would do: pure, reads, changes or destroys",
        ":effect do http.delete(url)",
        Does::Effect,
    ),
    of(
        "doc",
        "NAME",
        Takes::Name,
        "what a connector, an action, an event or a name of the project is",
        ":doc slack.post",
        Does::Doc,
    ),
    of(
        "source",
        "NAME",
        Takes::Name,
        "the source of a connector or of a declaration",
        ":source kubernetes",
        Does::Source,
    ),
    of("names", "", Takes::Nothing, "what this session has declared and computed", ":names", Does::Names),
    of("forget", "NAME", Takes::Name, "takes a name out of the session", ":forget pods", Does::Forget),
    of("load", "FILE", Takes::File, "takes the lines of a file as if they were typed", ":load outage.rrb", Does::Load),
    of("reload", "", Takes::Nothing, "reads the project anew; what the session has stays", ":reload", Does::Reload),
    of(
        "edit",
        "[NAME]",
        Takes::Name,
        "opens the last input, a declaration or a module in your editor",
        ":edit percent",
        Does::Edit,
    ),
    of(
        "live",
        "[yes|off]",
        Takes::Text,
        "does what is typed for real: asks first, journals, audits, keeps to approvals and policies",
        ":live",
        Does::Live,
    ),
    of(
        "fire",
        "EVENT [{…}|FILE]",
        Takes::Event,
        "an event through the triggers, and what each made of it",
        ":fire alertmanager.firing { name: \"DiskFull\" }",
        Does::Fire,
    ),
    of(
        "plan",
        "RUNBOOK [--PARAM VALUE]",
        Takes::Runbook,
        "what a run would do now: live reads, simulated changes",
        ":plan relieve --mount /var",
        Does::Cli(&["plan"]),
    ),
    of(
        "run",
        "RUNBOOK [--PARAM VALUE]",
        Takes::Runbook,
        "runs a runbook of the project, for real",
        ":run relieve --mount /var",
        Does::Cli(&["run"]),
    ),
    of(
        "runs",
        "[RUN]",
        Takes::Id,
        "the latest runs, or all that is known of one",
        ":runs k3x9q2",
        Does::Cli(&["runs"]),
    ),
    of(
        "approvals",
        "[ID]",
        Takes::Id,
        "the open approvals, or one with its plan",
        ":approvals",
        Does::Cli(&["approvals"]),
    ),
    of(
        "approve",
        "ID [--comment TEXT]",
        Takes::Id,
        "agrees to an approval, as the person of the token",
        ":approve 7f2k9a --comment fine",
        Does::Cli(&["approvals", "approve"]),
    ),
    of(
        "deny",
        "ID [--comment TEXT]",
        Takes::Id,
        "refuses an approval",
        ":deny 7f2k9a",
        Does::Cli(&["approvals", "deny"]),
    ),
    of("why", "[EVENT]", Takes::Id, "what became of an event", ":why 51jvcf", Does::Cli(&["why"])),
    of("journal", "[RUN]", Takes::Id, "what a run did, entry by entry", ":journal k3x9q2", Does::Journal),
    of("step", "[N|to N]", Takes::Text, "the next entry of that run: the line, the values", ":step to 12", Does::Step),
    of("back", "[N]", Takes::Text, "the entry before", ":back", Does::Back),
    of("test", "[WORDS]", Takes::Text, "plays the tests of the project", ":test drain", Does::Cli(&["test"])),
    of(
        "watch",
        "EXPR [every TIME]",
        Takes::Expression,
        "evaluates again and again and shows what it gives, until Ctrl-C",
        ":watch prometheus.scalar(\"up\") every 5s",
        Does::Watch,
    ),
    of(
        "time",
        "EXPR",
        Takes::Expression,
        "evaluates once and says how long it took",
        ":time kubernetes.pods(\"web\")",
        Does::Time,
    ),
    of(
        "bench",
        "EXPR",
        Takes::Expression,
        "evaluates again and again and says how long it takes",
        ":bench [1, 2, 3].sum()",
        Does::Bench,
    ),
    of(
        "trace",
        "[on|off|EXPR]",
        Takes::Expression,
        "shows the calls that an input makes",
        ":trace prometheus.scalar(\"up\")",
        Does::Trace,
    ),
    of("json", "[EXPR]", Takes::Expression, "the last result, or an expression, as JSON", ":json it", Does::Json),
    of("copy", "", Takes::Nothing, "puts the last result into the clipboard", ":copy", Does::Copy),
    of(
        "save",
        "FILE",
        Takes::File,
        "writes the last result to a file: JSON for `.json`, CSV for `.csv`, else text",
        ":save pods.json",
        Does::Save,
    ),
    of(
        "save-runbook",
        "FILE",
        Takes::File,
        "what was done here as the draft of a runbook",
        ":save-runbook disk_outage.rrb",
        Does::SaveRunbook,
    ),
    of(
        "save-test",
        "FILE",
        Takes::File,
        "the same with a test: what was read is given, what it gave is expected",
        ":save-test disk_outage_test.rrb",
        Does::SaveTest,
    ),
    of("set", "[OPTION on|off]", Takes::Option, "what can be set, or sets it", ":set pager off", Does::Set),
    of(
        "settings",
        "[WORD]",
        Takes::Text,
        "the settings of the project's modules and connectors",
        ":settings slack",
        Does::Settings,
    ),
    of(
        "explain",
        "CODE",
        Takes::Code,
        "what a diagnostic means",
        ":explain rrb::effect::unapproved",
        Does::Cli(&["explain"]),
    ),
    of("quit", "", Takes::Nothing, "leaves, as Ctrl-D does", ":quit", Does::Quit),
];

/// What `:set` sets.
pub const OPTIONS: &[(&str, &str)] = &[
    ("pager", "long output goes through `PAGER`, or `less`"),
    ("time", "say how long each input took"),
    ("trace", "show the calls that each input makes"),
    ("types", "show the type of each result"),
];

/// A command by its name, or by a beginning that only it has; `:q` and `:h` are two that everybody tries.
pub fn find(name: &str) -> Option<&'static Command> {
    let name = match name {
        "q" | "exit" => "quit",
        "h" | "?" => "help",
        "t" => "type",
        "d" => "doc",
        "l" => "load",
        "r" => "reload",
        other => other,
    };
    if let Some(command) = COMMANDS.iter().find(|c| c.name == name) {
        return Some(command);
    }
    let mut begun = COMMANDS.iter().filter(|c| name.len() >= 2 && c.name.starts_with(name));
    let first = begun.next()?;
    begun.next().is_none().then_some(first)
}

/// The names of all commands.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|c| c.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_one_name_and_an_example_of_it() {
        for (i, c) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..i].iter().all(|o| o.name != c.name), "{}", c.name);
            assert!(c.example.starts_with(&format!(":{}", c.name)), "{}", c.name);
            assert!(!c.summary.ends_with('.') && !c.summary.is_empty(), "{}", c.name);
        }
    }

    #[test]
    fn a_beginning_is_enough_when_it_is_one_command_s() {
        assert_eq!(find("rel").map(|c| c.name), Some("reload"));
        assert_eq!(find("q").map(|c| c.name), Some("quit"));
        assert!(find("ru").is_none() && find("").is_none() && find("nope").is_none());
        assert_eq!(find("run").map(|c| c.name), Some("run"));
    }
}
