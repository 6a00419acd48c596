//! Without a terminal: `rrb eval`, and lines that come over a pipe. No prompts; the first mistake ends it, with an exit code.

use std::io::BufRead;

use super::console::{Console, Flow, exit_of};
use super::pieces::{self, Standing};
use super::session::Input;
use crate::exit::{CliError, Exit};
use crate::text::clean;

/// What is called the input where it is shown.
const NAME: &str = "input";

/// Takes one input.
///
/// # Errors
/// Never by itself: what is wrong has been said.
pub async fn eval(console: &mut Console, text: &str) -> Result<Exit, CliError> {
    Ok(match console.take(Input { name: NAME, text }).await {
        Ok(_) => Exit::Ok,
        Err(wrong) => {
            console.say(&wrong);
            exit_of(&wrong)
        }
    })
}

/// Takes inputs line by line, each when it is whole.
///
/// # Errors
/// When the lines cannot be read.
pub async fn script(console: &mut Console, mut lines: impl BufRead) -> Result<Exit, CliError> {
    let mut held = String::new();
    let mut first = 1;
    let mut number = 0;
    loop {
        let line = next_line(&mut lines)?;
        let ended = line.is_none();
        let line = line.unwrap_or_default();
        let whole = pieces::standing(&held) == Standing::Whole;
        if (whole && (ended || !pieces::goes_on(&line))) || (ended && !held.trim().is_empty()) {
            // Empty lines before it: places are those of the script.
            let text = format!("{}{held}", "\n".repeat(first - 1));
            let text = if held.trim_start().starts_with(':') { held.clone() } else { text };
            held.clear();
            match console.take(Input { name: NAME, text: &text }).await {
                Ok(Flow::On) => {}
                Ok(Flow::Quit) => return Ok(Exit::Ok),
                Err(wrong) => {
                    console.say(&wrong);
                    return Ok(exit_of(&wrong));
                }
            }
        }
        if ended {
            return Ok(Exit::Ok);
        }
        number += 1;
        if pieces::standing(&held) == Standing::Empty {
            held.clear();
            first = number;
        }
        held.push_str(&line);
    }
}

/// The next line with its end; none behind the last.
fn next_line(lines: &mut impl BufRead) -> Result<Option<String>, CliError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let most = pieces::MAX_INPUT as u64 + 1;
    let read = lines.by_ref().take(most).read_until(b'\n', &mut bytes);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(e) => {
                let text = String::from_utf8_lossy(e.as_bytes()).into_owned();
                Err(CliError::usage(format!("this line is no UTF-8 text: `{}`", clean(text.trim()))))
            }
        },
        Err(e) => Err(CliError::usage(format!("cannot read standard input: {}", crate::project::reason(&e)))),
    }
}
