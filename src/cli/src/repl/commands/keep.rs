//! Commands that bring something into the session or take something out of it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rrb_lang::diag::nearest;
use rrb_lang::value::Value;

use super::super::console::{Console, Manner};
use super::super::session::{Input, Wrong};
use super::super::{pieces, show};
use super::ask::last;
use super::{Given, OPTIONS};
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::project::reason;
use crate::text::clean;

/// `:load`
pub async fn load(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let name = given.some()?.to_owned();
    let text = read(&name)?;
    Box::pin(console.take_code(Input { name: &name, text: &text })).await?;
    Ok(())
}

/// A file of at most the bytes that an input may have.
fn read(name: &str) -> Result<String, CliError> {
    use std::io::Read;
    let failed = |e: &std::io::Error| CliError::not_found(format!("cannot read `{}`: {}", clean(name), reason(e)));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(name).map_err(|e| failed(&e))?;
    file.take(pieces::MAX_INPUT as u64 + 1).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|_| CliError::usage(format!("`{}` is no UTF-8 text", clean(name))))
}

/// `:reload`
pub fn reload(console: &mut Console) -> Result<(), Wrong> {
    console.reload()?;
    let texts = console.session.texts();
    let out = &console.context.out;
    for file in &texts.unreadable {
        out.warning(&format!("cannot read `{}`: {}", clean(&file.name), clean(&file.reason)));
    }
    out.line(out.look.dim(format!("read {}", crate::text::count(texts.modules.len(), "module"))));
    Ok(())
}

/// `:forget`
pub fn forget(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let name = given.some()?;
    if console.session.forget(name) {
        return Ok(());
    }
    let error = CliError::not_found(format!("this session has no `{}`", clean(name)));
    let names = console.session.values().keys().map(smol_str::SmolStr::as_str);
    Err(match nearest(name, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`:names` lists what it has"),
    }
    .into())
}

/// `:set`
pub fn set(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let options = &mut console.options;
    let mut words = given.rest.split_whitespace();
    let Some(name) = words.next() else {
        let out = &console.context.out;
        for (name, what) in OPTIONS {
            let on = match *name {
                "pager" => options.pager,
                "time" => options.time,
                "trace" => options.trace,
                _ => options.types,
            };
            out.line(format!("{name:<8}{:<5}{}", if on { "on" } else { "off" }, out.look.dim(what)));
        }
        return Ok(());
    };
    let value = match words.next() {
        Some("on" | "true" | "yes") | None => true,
        Some("off" | "false" | "no") => false,
        Some(other) => {
            return Err(CliError::usage(format!("an option is `on` or `off`, not `{}`", clean(other))).into());
        }
    };
    match name {
        "pager" => options.pager = value,
        "time" => options.time = value,
        "trace" => options.trace = value,
        "types" => options.types = value,
        other => {
            let error = CliError::usage(format!("there is no option `{}`", clean(other)));
            let near = nearest(other, OPTIONS.iter().map(|(n, _)| *n));
            return Err(match near {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("`:set` lists them"),
            }
            .into());
        }
    }
    Ok(())
}

/// `:save`
pub fn save(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let name = given.some()?;
    let value = last(console)?;
    let text = match Path::new(name).extension().and_then(|e| e.to_str()) {
        Some("json") => json(&value)? + "\n",
        Some("csv") => csv(&value)?,
        _ => plain(&value),
    };
    write_new(Path::new(name), &text)?;
    let out = &console.context.out;
    out.line(format!("{} {} written", out.look.good("✓"), clean(name)));
    Ok(())
}

/// Writes a file that is not there yet: nothing is written over by a slip.
pub fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let shown = clean(&path.to_string_lossy()).into_owned();
    let made = std::fs::File::create_new(path).and_then(|mut f| f.write_all(text.as_bytes()));
    made.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::refused(format!("`{shown}` is there already")).help("give another name")
        }
        _ => CliError::usage(format!("cannot write `{shown}`: {}", reason(&e))),
    })
}

fn json(value: &Value) -> Result<String, CliError> {
    let json = rrb_lang::vm::to_json(value).map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
    serde_json::to_string_pretty(&serde_json::Value::from(&json)).map_err(|e| CliError::internal(e.to_string()))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text}\n"),
        other => {
            let look = Look { cuts: false, ..Look::plain(100) };
            show::lines(&look, other).join("\n") + "\n"
        }
    }
}

/// A list of records as rows.
fn csv(value: &Value) -> Result<String, CliError> {
    let no_rows = || CliError::usage("only a list of records has rows").help("give a name that ends in `.json`");
    let json = rrb_lang::vm::to_json(value).map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
    let serde_json::Value::Array(items) = serde_json::Value::from(&json) else { return Err(no_rows()) };
    let mut names: Vec<&str> = Vec::new();
    for item in &items {
        for name in item.as_object().ok_or_else(no_rows)?.keys() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let quoted = |text: String| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    };
    let cell = |v: Option<&serde_json::Value>| match v {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(s)) => quoted(s.clone()),
        Some(other) => quoted(other.to_string()),
    };
    let mut out = names.iter().map(|n| quoted((*n).to_owned())).collect::<Vec<_>>().join(",") + "\r\n";
    for item in &items {
        out += &(names.iter().map(|n| cell(item.get(n))).collect::<Vec<_>>().join(",") + "\r\n");
    }
    Ok(out)
}

/// `:copy`
pub fn copy(console: &mut Console) -> Result<(), Wrong> {
    let value = last(console)?;
    let text = match &value {
        Value::Text(text) => text.to_string(),
        other => json(other)?,
    };
    let out = &console.context.out;
    let by = [
        ("wl-copy", &[][..]),
        ("xclip", &["-selection", "clipboard"][..]),
        ("xsel", &["-ib"][..]),
        ("pbcopy", &[][..]),
    ]
    .into_iter()
    .find(|(program, args)| hand_over(program, args, &text));
    match by {
        Some((program, _)) => out.line(out.look.dim(format!("copied with {program}"))),
        // The terminal itself can take it, over SSH too; whether it did, it does not say.
        None if console.manner == Manner::Prompt && out.tty && text.len() < 70_000 => {
            use base64::Engine as _;
            let coded = base64::engine::general_purpose::STANDARD.encode(&text);
            out.raw(format!("\x1b]52;c;{coded}\x07"));
            out.line(out.look.dim("handed to the terminal"));
        }
        None => {
            return Err(CliError::new(Exit::Failed, "there is no clipboard to copy to")
                .help("`:save FILE` writes it to a file")
                .into());
        }
    }
    Ok(())
}

fn hand_over(program: &str, args: &[&str], text: &str) -> bool {
    let child =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return false };
    let given = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    child.wait().is_ok_and(|status| status.success()) && given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_quoted_where_they_must_be() {
        let row = |a: &str, b: Value| Value::record([("a", Value::text(a)), ("b", b)]);
        let value = Value::list([row("x", Value::Int(1)), row("a, \"b\"", Value::None)]);
        assert_eq!(csv(&value).unwrap(), "a,b\r\nx,1\r\n\"a, \"\"b\"\"\",\r\n");
        assert!(csv(&Value::Int(1)).is_err() && csv(&Value::list([Value::Int(1)])).is_err());
    }

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        write_new(&path, "one").unwrap();
        assert!(write_new(&path, "two").unwrap_err().message.contains("there already"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert!(write_new(dir.path(), "x").is_err());
    }
}
