//! Commands that `rrb` has anyway: they are the same here, on the session's project.

use std::ffi::OsString;

use clap::Parser;

use super::super::console::Console;
use super::super::session::Wrong;
use super::Given;
use crate::cli::Cli;
use crate::exit::{CliError, Exit};

/// The command of `rrb` with the words behind the colon.
///
/// # Errors
/// As the command has them.
pub async fn cli(console: &mut Console, words: &[&str], given: Given<'_>) -> Result<(), Wrong> {
    let args = split(given.rest)?;
    let mut argv: Vec<String> = vec!["rrb".to_owned()];
    argv.extend(words.iter().map(|w| (*w).to_owned()));
    match (words, args.is_empty()) {
        (["runs" | "approvals"], true) => argv.push("list".to_owned()),
        (["runs" | "approvals"], false) => argv.push("show".to_owned()),
        _ => {}
    }
    dispatch(console, argv, &args).map_err(Into::into)
}

/// Runs a command line in this process.
///
/// # Errors
/// As the command has them.
pub fn dispatch(console: &Console, mut argv: Vec<String>, args: &[String]) -> Result<(), CliError> {
    argv.extend(args.iter().cloned());
    let rewritten = crate::args::rewrite(argv.into_iter().map(OsString::from).collect());
    let cli = Cli::try_parse_from(rewritten).map_err(|e| {
        let text = e.to_string();
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        match e.use_stderr() {
            true => CliError::usage(first),
            false => {
                console.context.out.raw(&text);
                CliError::silent(Exit::Ok)
            }
        }
    })?;
    let handle = tokio::runtime::Handle::current();
    // Boxed and on this thread: a command may be this session's own kind.
    let done = tokio::task::block_in_place(|| {
        handle.block_on(Box::pin(crate::commands::dispatch(&console.context, cli.command)))
    });
    match done {
        Ok(Exit::Ok) => Ok(()),
        Ok(exit) => Err(CliError::silent(exit)),
        Err(e) => Err(e),
    }
}

/// The words of a line, as a shell has them: quotes keep a space.
///
/// # Errors
/// When a quote is open at the end.
pub fn split(text: &str) -> Result<Vec<String>, CliError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(CliError::usage("a quote is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(split(r#"a  "b c" 'd "e' f\ g "" x"#).unwrap(), ["a", "b c", "d \"e", "f g", "", "x"]);
        assert!(split("a \"b").is_err() && split("").unwrap().is_empty());
        assert_eq!(split("a\\").unwrap(), ["a"]);
    }
}
