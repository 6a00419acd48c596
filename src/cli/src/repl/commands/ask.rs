//! Commands that look at an expression or evaluate it: its type, its effect, how long it takes, what it asks.

use std::time::Instant;

use rrb_lang::syntax::ast::Effect;
use rrb_lang::types;
use rrb_lang::value::Value;

use super::super::console::{Console, failed};
use super::super::pieces::{self, Kind};
use super::super::session::{Form, Input, Ready, Scope, Wrong};
use super::Given;
use crate::exit::{CliError, Exit};
use crate::text::duration;

/// How often `:bench` evaluates what is pure, and what reads.
const PURE: usize = 1_000;
const READS: usize = 10;
/// How long it goes on at most, in milliseconds.
const LONG: u128 = 5_000;

/// The one piece of an input, checked.
pub fn ready(console: &Console, text: &str) -> Result<Ready, Wrong> {
    let input = Input { name: "input", text };
    let all = pieces::pieces(text).map_err(|w| {
        let mut sources = rrb_lang::span::Sources::default();
        sources.add(input.name, text);
        Wrong::Mistakes(Box::new((sources, w.diagnostics)))
    })?;
    match all.as_slice() {
        [piece] if !matches!(piece.kind, Kind::Use | Kind::Declaration { .. }) => {
            console.session.ready(input, piece, Scope::Named, Form::Action)
        }
        [] => Err(CliError::usage("an expression is expected").into()),
        _ => Err(CliError::usage("one expression or statement is expected").into()),
    }
}

/// The value of what reads at most.
pub async fn value(console: &mut Console, ready: &Ready) -> Result<Value, Wrong> {
    if ready.effect > Effect::Reads {
        return Err(CliError::usage(format!("this {}, and here only what reads is evaluated", verb(ready.effect)))
            .help("write it without the command: then it is planned")
            .into());
    }
    match console.ask(ready).await? {
        Ok(value) => Ok(value),
        Err(rrb_world::reading::Unread::Failed(f)) => Err(failed(&f).into()),
        Err(rrb_world::reading::Unread::NoRead(kind)) => {
            Err(CliError::usage(format!("this asks for a {kind}, which nothing here answers")).into())
        }
        Err(rrb_world::reading::Unread::Broken(why)) => Err(CliError::internal(why).into()),
    }
}

fn verb(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "is pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// `:type`, `:effect`
pub fn type_of(console: &mut Console, given: Given<'_>, effect: bool) -> Result<(), Wrong> {
    let ready = ready(console, given.some()?)?;
    let out = &console.context.out;
    match effect {
        false => out.line(types::shown(&ready.types, &ready.ty)),
        true => out.line(match ready.effect {
            Effect::Pure => "pure",
            other => verb(other),
        }),
    }
    Ok(())
}

/// `:time`
pub async fn time(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let before = std::mem::replace(&mut console.options.time, true);
    let done = Box::pin(console.take(Input { name: "input", text: given.some()? })).await;
    console.options.time = before;
    done.map(|_| ())
}

/// `:trace on`, `:trace off`, `:trace EXPR`
pub async fn trace(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    match given.rest {
        "" => console.context.out.line(format!("trace is {}", if console.options.trace { "on" } else { "off" })),
        "on" => console.options.trace = true,
        "off" => console.options.trace = false,
        text => {
            let before = std::mem::replace(&mut console.options.trace, true);
            let done = Box::pin(console.take(Input { name: "input", text })).await;
            console.options.trace = before;
            done?;
        }
    }
    Ok(())
}

/// `:bench`
pub async fn bench(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let ready = ready(console, given.some()?)?;
    let most = if ready.effect == Effect::Pure { PURE } else { READS };
    let began = Instant::now();
    let mut took: Vec<u128> = Vec::new();
    while took.len() < most && (took.is_empty() || began.elapsed().as_millis() < LONG) {
        let one = Instant::now();
        value(console, &ready).await?;
        took.push(one.elapsed().as_micros());
    }
    took.sort_unstable();
    let at =
        |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1))).copied().unwrap_or(0);
    let out = &console.context.out;
    out.line(format!(
        "{} times: median {}, p95 {}, least {}, most {}",
        took.len(),
        micros(at(50)),
        micros(at(95)),
        micros(at(0)),
        micros(at(100))
    ));
    Ok(())
}

/// `820us`, `1.5ms`, `2.3s`
fn micros(us: u128) -> String {
    match us {
        0..1_000 => format!("{us}us"),
        1_000..10_000 => format!("{}.{}ms", us / 1_000, us % 1_000 / 100),
        _ => duration(i64::try_from(us / 1_000).unwrap_or(i64::MAX)),
    }
}

/// `:json`
pub async fn json(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let shown = match given.rest {
        "" => last(console)?,
        text => {
            let ready = ready(console, text)?;
            value(console, &ready).await?
        }
    };
    let json = rrb_lang::vm::to_json(&shown).map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
    let text = serde_json::to_string_pretty(&serde_json::Value::from(&json))
        .map_err(|e| CliError::internal(format!("cannot write JSON: {e}")))?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    super::super::pager::print(&console.context.out, &lines, console.options.pager);
    Ok(())
}

/// The last result.
pub fn last(console: &Console) -> Result<Value, CliError> {
    let held = console.last.as_ref().map(|h| h.value.clone());
    held.ok_or_else(|| CliError::usage("there is no result yet").help("evaluate something first, e.g. `1 + 1`"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn short_times_have_their_unit() {
        let said: Vec<String> = [0, 999, 1_000, 9_999, 10_000, 2_300_000].into_iter().map(super::micros).collect();
        assert_eq!(said, ["0us", "999us", "1.0ms", "9.9ms", "10ms", "2.3s"]);
    }
}
