//! Output that is longer than the terminal is high goes through the pager of the person: `PAGER`, or `less`.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::out::Out;
use crate::terminal::rows;

/// Prints lines, through a pager where they are more than fit.
pub fn print(out: &Out, lines: &[String], paged: bool) {
    let fits = lines.len() + 2 <= rows();
    if !paged || !out.tty || fits || !page(lines) {
        lines.iter().for_each(|l| out.line(l));
    }
}

/// Whether a pager showed them.
fn page(lines: &[String]) -> bool {
    let named = std::env::var("PAGER").ok().filter(|p| !p.trim().is_empty());
    let command = named.unwrap_or_else(|| "less".to_owned());
    let mut words = command.split_whitespace();
    let Some(program) = words.next().filter(|p| *p != "cat") else { return false };
    // Quit where it fits after all, keep colours, leave the text on the screen.
    let pager = Command::new(program).args(words).env("LESS", "FRX").stdin(Stdio::piped()).spawn();
    let Ok(mut child) = pager else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves the pager early wants no more.
        let _ = stdin.write_all(lines.join("\n").as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    child.wait().is_ok()
}
