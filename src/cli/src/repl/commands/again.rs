//! Commands that go on for a while: watching an expression, editing.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rrb_lang::vm::print;

use super::super::console::{Console, Manner};
use super::super::session::{Input, Wrong};
use super::super::{pieces, show};
use super::Given;
use super::ask::{ready, value};
use crate::exit::CliError;
use crate::project::reason;
use crate::terminal::{Panel, rows};
use crate::text::{clean, clock, now, parse_span};

/// How often an expression is looked at when nobody says.
const EVERY: i64 = 2_000;
/// The least time between two looks, in milliseconds.
const LEAST: i64 = 100;

/// `:watch EXPR every 5s`
pub async fn watch(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let (text, every) = split_every(given.some()?)?;
    if console.manner == Manner::Script {
        return Err(CliError::usage("`:watch` needs a terminal").into());
    }
    let ready = ready(console, text)?;
    let mut interrupts = crate::follow::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut panel = Panel::default();
    loop {
        let shown = match value(console, &ready).await {
            Ok(value) => show::lines(&console.context.out.look, &value),
            Err(Wrong::Other(e)) if e.message == "interrupted" => break,
            // The next look may go well.
            Err(Wrong::Other(e)) => vec![console.context.out.look.bad(clean(&e.message))],
            Err(wrong) => {
                panel.clear_if_drawn(&console.context.out);
                return Err(wrong);
            }
        };
        let out = &console.context.out;
        let head = format!("every {} · {} · Ctrl-C ends", print::duration(every), clock(now(), &out.look.zone));
        let mut lines = vec![out.look.dim(head)];
        lines.extend(shown.into_iter().take(rows().saturating_sub(3)));
        panel.draw(out, &lines);
        tokio::select! {
            Some(()) = interrupts.recv() => break,
            () = tokio::time::sleep(Duration::from_millis(every.unsigned_abs())) => {}
        }
    }
    console.context.out.line("");
    Ok(())
}

/// The expression, and how often.
fn split_every(text: &str) -> Result<(&str, i64), CliError> {
    let Some((expr, time)) = text.rsplit_once(" every ") else { return Ok((text, EVERY)) };
    let every = match time.trim().strip_suffix("ms").and_then(|n| n.parse::<i64>().ok()) {
        Some(ms) => ms,
        None => parse_span(time.trim()).map_err(CliError::usage)?,
    };
    match every {
        LEAST.. => Ok((expr.trim(), every)),
        _ => Err(CliError::usage(format!("it is looked at every {LEAST}ms at most"))),
    }
}

/// `:edit`, `:edit NAME`
pub async fn edit(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let text = match given.rest {
        "" => console.past.last().map(|p| p.text.clone()).unwrap_or_default(),
        name => match console.session.declarations().iter().find(|d| d.name == name) {
            Some(d) => d.text.clone(),
            None => return edit_file(console, name),
        },
    };
    let unmade = |e: std::io::Error| CliError::internal(format!("cannot make a file to edit: {}", reason(&e)));
    // A folder of its own that nobody else may look into: what is edited may be of an outage.
    let mine = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("rrb-edit-").permissions(mine).tempdir().map_err(unmade)?;
    let path = folder.path().join("input.rrb");
    std::fs::write(&path, format!("{text}\n")).map_err(unmade)?;
    open(&path)?;
    let edited = std::fs::read_to_string(&path)
        .map_err(|e| CliError::usage(format!("cannot read what was edited: {}", reason(&e))))?;
    // Editors end the last line.
    if edited.trim().is_empty() || edited.trim_end() == text.trim_end() {
        console.context.out.line(console.context.out.look.dim("nothing was changed"));
        return Ok(());
    }
    if pieces::standing(&edited) != pieces::Standing::Empty {
        edited.trim_end().lines().for_each(|l| console.context.out.line(console.context.out.look.dim(clean(l))));
        Box::pin(console.take_code(Input { name: "input", text: &edited })).await?;
    }
    Ok(())
}

/// A file of the project, which is read anew then.
fn edit_file(console: &mut Console, name: &str) -> Result<(), Wrong> {
    let named = |m: &&rrb_lang::check::ModuleSource| m.name == name || m.file == name;
    let file = console.session.texts().modules.iter().find(named).map(|m| m.file.clone());
    let (Some(file), Some(place)) = (file, console.session.place.clone()) else {
        return Err(CliError::not_found(format!("nothing here is called `{}`", clean(name)))
            .help("`:edit` takes a declaration of this session (`:names`) or a module of the project")
            .into());
    };
    open(&place.root.join(file))?;
    super::keep::reload(console)
}

fn open(path: &std::path::Path) -> Result<(), CliError> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|v| std::env::var(v).ok().filter(|e| !e.trim().is_empty()));
    let editor = named.unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let done = tokio::task::block_in_place(|| Command::new(program).args(words).arg(path).status());
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(CliError::usage(format!("the editor `{}` ended with {status}: nothing is taken", clean(&editor))))
        }
        Err(e) => Err(CliError::usage(format!("cannot start the editor `{}`: {}", clean(&editor), reason(&e)))
            .help("`EDITOR` names one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_stands_at_the_end() {
        assert_eq!(split_every("up() every 5s"), Ok(("up()", 5_000)));
        assert_eq!(split_every("up()"), Ok(("up()", EVERY)));
        assert_eq!(split_every("f(\" every x\") every 100ms"), Ok(("f(\" every x\")", 100)));
        for wrong in ["a every 99ms", "a every soon", "a every -5s", "a every "] {
            assert!(split_every(wrong).is_err(), "{wrong}");
        }
    }
}
