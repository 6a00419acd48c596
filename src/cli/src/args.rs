//! `rrb run fix --node n1 --force` before clap sees it: what is no option of `run` (or `plan`) is a parameter of the runbook.
//!
//! A parameter may have any name, also one of an option of `run`: then it is written `--param json=yes`.

use std::ffi::{OsStr, OsString};

use clap::CommandFactory;

/// The commands that take the parameters of a runbook.
const WITH_PARAMETERS: [&str; 2] = ["run", "plan"];

/// Rewrites `--NAME VALUE`, `--NAME=VALUE` and a lone `--NAME` after `run RUNBOOK` and `plan RUNBOOK` as `--param=NAME=VALUE` and `--param=NAME`.
pub fn rewrite(argv: Vec<OsString>) -> Vec<OsString> {
    // Where the subcommand stands, the options of all commands say alike.
    let Some(run) = Options::read("run").and_then(|options| subcommand(&argv, &options)) else { return argv };
    let taken = argv.get(run).and_then(|a| a.to_str()).filter(|a| WITH_PARAMETERS.contains(a)).map(str::to_owned);
    let Some(options) = taken.and_then(|command| Options::read(&command)) else { return argv };
    let mut out: Vec<OsString> = argv.iter().take(run + 1).cloned().collect();
    let mut rest = argv.into_iter().skip(run + 1).peekable();
    let mut plain = false;
    while let Some(arg) = rest.next() {
        let text = arg.to_str().filter(|t| !plain && t.len() > 2 && t.starts_with("--"));
        let Some(name) = text.and_then(|t| t.strip_prefix("--")) else {
            plain = plain || arg == "--";
            let takes_value = options.short_with_value(&arg);
            out.push(arg);
            out.extend(takes_value.then(|| rest.next()).flatten());
            continue;
        };
        let bare = name.split_once('=').map_or(name, |(n, _)| n);
        match options.long(bare) {
            Some(takes_value) => {
                let follows = takes_value && !name.contains('=');
                out.push(arg);
                out.extend(follows.then(|| rest.next()).flatten());
            }
            None if name.contains('=') => out.push(format!("--param={name}").into()),
            None => match rest.next_if(|next| is_value(next)) {
                Some(value) => {
                    let mut joined = OsString::from(format!("--param={name}="));
                    joined.push(value);
                    out.push(joined);
                }
                None => out.push(format!("--param={name}").into()),
            },
        }
    }
    out
}

/// What follows `--name` and is no further option: a negative number is a value.
fn is_value(arg: &OsStr) -> bool {
    let text = arg.to_string_lossy();
    let number = || text.strip_prefix('-').is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
    !text.starts_with('-') || number()
}

/// The index of the subcommand: the first argument that is neither an option nor the value of one.
fn subcommand(argv: &[OsString], options: &Options) -> Option<usize> {
    let mut i = 1;
    while let Some(arg) = argv.get(i) {
        let text = arg.to_string_lossy();
        if !text.starts_with('-') {
            return Some(i);
        }
        let long = text.strip_prefix("--").filter(|n| !n.contains('=')).and_then(|n| options.long(n)).unwrap_or(false);
        i += if long || options.short_with_value(arg) { 2 } else { 1 };
    }
    None
}

/// The options that a command and every other one have.
struct Options {
    /// Name and whether a value follows.
    long: Vec<(String, bool)>,
    short: Vec<(char, bool)>,
}

impl Options {
    fn read(name: &str) -> Option<Self> {
        let mut command = crate::cli::Cli::command();
        command.build();
        let run = command.find_subcommand(name)?;
        let mut options = Self { long: vec![], short: vec![] };
        for arg in command.get_arguments().chain(run.get_arguments()) {
            let value = arg.get_action().takes_values();
            for name in arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten()) {
                options.long.push((name.to_owned(), value));
            }
            options.short.extend(arg.get_short().map(|c| (c, value)));
        }
        Some(options)
    }

    fn long(&self, name: &str) -> Option<bool> {
        self.long.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// `-C` of `-C DIR`; not `-CDIR`.
    fn short_with_value(&self, arg: &OsStr) -> bool {
        let text = arg.to_string_lossy();
        let mut chars = text.chars();
        match (chars.next(), chars.next(), chars.next()) {
            (Some('-'), Some(c), None) => self.short.iter().any(|(s, v)| *s == c && *v),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let out = rewrite(line.split(' ').map(OsString::from).collect());
        out.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_of_no_command_become_parameters_of_the_runbook() {
        assert_eq!(
            rewritten("rrb run fix --node n1 --force --n=3"),
            "rrb run fix --param=node=n1 --param=force --param=n=3"
        );
        assert_eq!(rewritten("rrb -C dir run fix --delta -3"), "rrb -C dir run fix --param=delta=-3");
        assert_eq!(rewritten("rrb --color never run fix --a --b x"), "rrb --color never run fix --param=a --param=b=x");
    }

    #[test]
    fn own_options_stay_with_their_values() {
        let line = "rrb run fix --event f.json --as ana --json --no-wait -C dir";
        assert_eq!(rewritten(line), line);
        assert_eq!(rewritten("rrb run fix --param json=1 --event=x"), "rrb run fix --param json=1 --event=x");
    }

    #[test]
    fn other_commands_are_left_alone() {
        for line in ["rrb runs list --node n1", "rrb check --foo", "rrb", "rrb --color run", "rrb run -- --node n1"] {
            assert_eq!(rewritten(line), line);
        }
    }
}
