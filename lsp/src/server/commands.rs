//! The commands that the server runs for the client, and those that it asks the client to run.

use rrb_lang::diag::{codes, explain};
use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Result};

/// The text that explains a diagnostic's code. Takes the code.
pub const EXPLAIN: &str = "rrb.explain";
/// Reads every file on disk again.
pub const RELOAD: &str = "rrb.reload";
/// The text of a source of the standard library. Takes its address.
pub const SOURCE: &str = "rrb.source";

/// The client plays a test, or all tests of a file, and shows what came of them.
pub const RUN_TEST: &str = "rrb.runTest";
/// The client shows what a runbook would do now.
pub const PLAN: &str = "rrb.plan";
/// The client shows the last runs of a runbook.
pub const RUNS: &str = "rrb.showRuns";

/// Those that the server runs.
pub const NAMES: [&str; 3] = [EXPLAIN, RELOAD, SOURCE];

/// The explanation of a code, in Markdown.
///
/// # Errors
/// When there is no such code.
pub fn explanation(arguments: &[Value]) -> Result<Value> {
    let Some(wanted) = arguments.first().and_then(Value::as_str) else {
        return Err(Error::invalid_params(format!("`{EXPLAIN}` takes a code, e.g. `rrb::effect::unapproved`")));
    };
    match codes::ALL.iter().find(|c| c.name() == wanted) {
        Some(code) => Ok(Value::String(code.entry().explanation.to_owned())),
        None => {
            let near: Vec<&str> = explain::near(wanted).into_iter().map(|c| c.name()).collect();
            let near = near.first().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            Err(Error::invalid_params(format!("there is no code `{wanted}`{near}")))
        }
    }
}

/// What to say to a command that is none of ours.
pub fn unknown(name: &str) -> Error {
    Error::invalid_params(format!("there is no command `{name}`: there are {}", NAMES.join(", ")))
}
