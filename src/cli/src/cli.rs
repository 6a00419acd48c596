//! The command line: what can be written, and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::styling};

use crate::commands::{
    approvals, audit, backtest, check, connectors, doc, emit, events, explain, export, fmt, graph, import, init, plan,
    repl, replay, run, runs, serve, status, test, token, watch, why, why_not,
};
use crate::out::ColorChoice;

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default())
    .placeholder(styling::AnsiColor::Cyan.on_default().dimmed());

const START: &str = "\
Getting started:
  rrb init fix-my-disk      make a small project
  rrb check                 find mistakes before anything runs
  rrb test                  play its tests
  rrb watch                 run it in the foreground, reload on save, approve from the keyboard
  rrb serve                 run it as a daemon: webhooks in, runs, approvals, audit

Exit codes: `rrb help exit-codes`. What a diagnostic means: `rrb explain CODE`.";

/// A typed language for remediation runbooks: checked before they run, durable while they run.
#[derive(Debug, Parser)]
#[command(name = "rrb", version, styles = STYLES, after_help = START, arg_required_else_help = true, subcommand_required = true)]
#[command(max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Look for the project from this folder (or of this file) on, instead of the current one.
    #[arg(short = 'C', long = "project", value_name = "DIR", global = true, help_heading = "Everywhere")]
    pub project: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = "Everywhere")]
    pub color: ColorChoice,
    /// Talk to the daemon at this address instead of the project's own.
    #[arg(long, value_name = "URL", env = "RRB_URL", global = true, help_heading = "Everywhere")]
    pub url: Option<String>,
    /// Read the API token from this file, instead of `RRB_TOKEN` or the project's operator token.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    pub token_file: Option<PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a project or single files: names, types, effects, approvals, settings.
    Check(check::CheckArgs),
    /// Format source files: one form, no options, comments kept.
    Fmt(fmt::FmtArgs),
    /// Play the tests of a project: virtual time, given answers, crashes.
    Test(test::TestArgs),
    /// Say what a run would do: live reads, simulated changes.
    Plan(plan::PlanArgs),
    /// Say what the runbooks would have made of recorded events, against what happened.
    Backtest(backtest::BacktestArgs),
    /// Run a runbook now and follow it to its end.
    Run(run::RunArgs),
    /// Run the daemon: take events, drive runs, answer the API.
    Serve(serve::ServeArgs),
    /// Run the daemon in the foreground: reload on save, live timeline, approve from the keyboard.
    Watch(watch::WatchArgs),
    /// Work at a prompt: live reads, planned changes, declarations, runs.
    Repl(repl::ReplArgs),
    /// Evaluate an expression against the project: live reads, planned changes.
    Eval(repl::EvalArgs),
    /// Go through a stored run again, step by step: the line, the values, the journal.
    Replay(replay::ReplayArgs),
    /// List runs, show one, and act on it.
    #[command(
        subcommand,
        after_help = "Examples:\n  rrb runs list --open\n  rrb runs show k3x9q2        # the end of an id is enough\n  rrb runs cancel k3x9q2 --why \"wrong node\""
    )]
    Runs(runs::RunsCommand),
    /// List approvals, show one with its plan, and answer it.
    #[command(
        subcommand,
        after_help = "Examples:\n  rrb approvals list\n  rrb approvals show 7f2k9a\n  rrb approvals approve 7f2k9a --token-file ~/.rrb-ana"
    )]
    Approvals(approvals::ApprovalsCommand),
    /// List the latest events with what became of each, and deliveries that could not be read.
    #[command(
        subcommand,
        after_help = "Examples:\n  rrb events list\n  rrb events dead            # deliveries that could not be read"
    )]
    Events(events::EventsCommand),
    /// Say what became of an event, trigger by trigger.
    Why(why::WhyArgs),
    /// Say why an event did not start a runbook, condition by condition.
    WhyNot(why_not::WhyNotArgs),
    /// Send a sample event to the daemon.
    Emit(emit::EmitArgs),
    /// Verify the audit log and read it.
    #[command(subcommand, after_help = "Examples:\n  rrb audit verify\n  rrb audit show --run k3x9q2")]
    Audit(audit::AuditCommand),
    /// Make, list and revoke API tokens.
    #[command(
        subcommand,
        after_help = "Examples:\n  rrb token create ana-laptop --user ana --scope approvals:vote > ~/.rrb-ana\n  rrb token list"
    )]
    Token(token::TokenCommand),
    /// Stop new runs and hold running ones before their next effect.
    Pause(status::PauseArgs),
    /// Let paused runbooks go on.
    Unpause(status::PauseArgs),
    /// Say what the daemon has loaded and what waits.
    Status(status::StatusArgs),
    /// Write the runbooks as documents that a person can follow when the daemon is down.
    Doc(doc::DocArgs),
    /// Draw the flowchart of a runbook.
    Graph(graph::GraphArgs),
    /// Explain a diagnostic's code at length.
    Explain(explain::ExplainArgs),
    /// Say what runbooks can hear and do: connectors, their actions and events.
    #[command(
        subcommand,
        visible_alias = "connector",
        after_help = "Examples:\n  rrb connectors search silence an alert\n  rrb connectors show slack.post\n  rrb connectors new doorbell"
    )]
    Connectors(connectors::ConnectorsCommand),
    /// Make connectors of other people's descriptions, and runbooks of their playbooks.
    #[command(
        subcommand,
        after_help = "Examples:\n  rrb import openapi github.json --only issues --out lib/github.rrb\n  rrb import rulebook disk.yml --out disk.rrb"
    )]
    Import(import::ImportCommand),
    /// Make a playbook of CACAO 2.0 of a runbook.
    #[command(subcommand, after_help = "Example:\n  rrb export cacao relieve_disk_pressure > relieve.json")]
    Export(export::ExportCommand),
    /// Make a new project in a folder.
    Init(init::InitArgs),
    /// Speak the language server protocol on standard input and output.
    #[command(
        after_help = "Example (Helix, languages.toml):\n  [language-server.rrb]\n  command = \"rrb\"\n  args = [\"lsp\"]"
    )]
    Lsp {
        /// Many editors add it; there is no other way to talk.
        #[arg(long, hide = true)]
        stdio: bool,
    },
    /// Print help for a command or a topic (`exit-codes`, `environment`).
    Help(crate::commands::help::HelpArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "`{path}` has no example in its help");
                assert!(sub.get_about().is_some(), "`{path}` has no description");
                walk(sub, &path);
            }
        }
        walk(&Cli::command(), "rrb");
    }
}
