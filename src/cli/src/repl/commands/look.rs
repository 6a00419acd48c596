//! Commands that tell: help, documentation, sources, names, settings.

use rrb_lang::hir::SettingOwner;
use rrb_lang::types;

use super::super::console::Console;
use super::super::pager;
use super::super::session::Wrong;
use super::{COMMANDS, Given, find, unknown};
use crate::exit::CliError;
use crate::out::Look;
use crate::text::{clean, truncate, wrap};

const INTRODUCTION: &str = "Type an expression, a `let`, a declaration or a whole runbook. Reads are made for real, and what changes or \
                            destroys is only shown as a plan. `it` is the last result, `_1`, `_2` … those before.";

const KEYS: [(&str, &str); 4] =
    [("Tab", "completes"), ("Ctrl-R", "searches the history"), ("Ctrl-C", "stops"), ("Ctrl-D", "leaves")];

/// `:help`
pub fn help(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let look = &console.context.out.look;
    let lines = match given.rest.trim_start_matches(':') {
        "" => {
            let mut lines = wrap(INTRODUCTION, look.width.min(100));
            lines.push(String::new());
            lines.extend(COMMANDS.iter().flat_map(|c| beside(look, &format!(":{} {}", c.name, c.args), c.summary)));
            lines.push(String::new());
            lines.extend(KEYS.iter().flat_map(|(key, does)| beside(look, key, does)));
            lines
        }
        name => {
            let c = find(name).ok_or_else(|| unknown(name))?;
            let mut lines = vec![format!("{} {}", look.bold(format!(":{}", c.name)), c.args)];
            lines.push(format!("  {}", c.summary));
            lines.push(format!("  for example: {}", look.name(c.example)));
            lines
        }
    };
    pager::print(&console.context.out, &lines, console.options.pager);
    Ok(())
}

/// What something is called and what it does, beside each other; in a narrow terminal below each other.
fn beside(look: &Look, head: &str, does: &str) -> Vec<String> {
    const COLUMN: usize = 37;
    const LEAST: usize = 30;
    let head = head.trim_end();
    let (column, mut lines) = match look.width >= COLUMN + LEAST {
        true => (COLUMN, Vec::new()),
        false => (6, vec![format!("  {head}")]),
    };
    let below = lines.len();
    for (i, part) in wrap(does, look.width.saturating_sub(column).max(LEAST)).iter().enumerate() {
        let head = if i + below == 0 { head } else { "" };
        lines.push(format!("  {head:<width$}{}", look.dim(part), width = column - 2));
    }
    lines
}

/// `:doc`
pub fn doc(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let name = given.some()?.trim_end_matches("()");
    if let Some(d) = console.session.declarations().iter().find(|d| d.name == name) {
        console.context.out.line(&d.text);
        return Ok(());
    }
    if let Some(held) = console.session.values().get(name) {
        console.context.out.line(format!("{name}: {}", types::shown(&held.types, &held.ty)));
        return Ok(());
    }
    if let Some(command) = name.strip_prefix(':').and_then(find) {
        return help(console, Given { command, rest: command.name });
    }
    if let Some(found) = declared(console, name) {
        let look = &console.context.out.look;
        console.context.out.line(look.dim(format!("{}:{}", found.file, found.line)));
        if !found.docs.is_empty() {
            for paragraph in found.docs.split("\n\n") {
                let text = clean(&paragraph.replace('\n', " ")).into_owned();
                crate::text::wrap(&text, look.width).iter().for_each(|l| console.context.out.line(l));
                console.context.out.line("");
            }
        }
        console.context.out.line(look.bold(&found.head));
        return Ok(());
    }
    let words: Vec<String> = ["rrb", "connectors", "show", name].map(str::to_owned).to_vec();
    super::outside::dispatch(console, words, &[]).map_err(Into::into)
}

/// `:source`
pub fn source(console: &mut Console, given: Given<'_>) -> Result<(), Wrong> {
    let name = given.some()?;
    let own = console.session.declarations().iter().find(|d| d.name == name).map(|d| d.text.clone());
    let text = own.or_else(|| declared(console, name).map(|found| found.text));
    match text {
        Some(text) => {
            let lines: Vec<String> = text.lines().map(|l| crate::text::clean_source(l).into_owned()).collect();
            pager::print(&console.context.out, &lines, console.options.pager);
            Ok(())
        }
        None => {
            let words: Vec<String> = ["rrb", "connectors", "show", "--source", name].map(str::to_owned).to_vec();
            super::outside::dispatch(console, words, &[]).map_err(Into::into)
        }
    }
}

/// A declaration of the project.
struct Found {
    file: String,
    line: usize,
    docs: String,
    /// Its first line.
    head: String,
    text: String,
}

fn declared(console: &Console, name: &str) -> Option<Found> {
    use rrb_lang::syntax::ast::ItemKind as K;
    let (module, name) = name.rsplit_once('.').map_or((None, name), |(m, n)| (Some(m), n));
    for file in &console.session.texts().modules {
        if module.is_some_and(|m| file.name != m && file.name.rsplit('.').next() != Some(m)) {
            continue;
        }
        let parsed = rrb_lang::syntax::parse(rrb_lang::span::FileId(0), &file.text).module;
        for item in &parsed.items {
            let declared = match &item.kind {
                K::Const(c) => &c.name,
                K::Type(t) => &t.name,
                K::Enum(e) => &e.name,
                K::Fn(f) => &f.name,
                K::Action(a) => &a.name,
                K::Runbook(r) => &r.name,
                K::Policy(p) => &p.name,
                _ => continue,
            };
            if declared.name == name {
                let (start, end) = (item.span.start as usize, item.span.end as usize);
                let text = file.text.get(start..end)?.to_owned();
                let line = file.text.get(..start)?.matches('\n').count() + 1;
                let head = text.lines().next().unwrap_or_default().trim_end_matches('{').trim().to_owned();
                return Some(Found { file: file.file.clone(), line, docs: item.docs.clone(), head, text });
            }
        }
    }
    None
}

/// `:names`
pub fn names(console: &mut Console) {
    let session = &console.session;
    let out = &console.context.out;
    let mut lines: Vec<String> = session.uses().iter().map(|u| out.look.dim(u)).collect();
    for d in session.declarations() {
        lines.push(format!("{} {}", out.look.dim(d.what), out.look.bold(clean(&d.name))));
    }
    for (name, held) in session.values() {
        let value = super::super::show::line(&out.look, &held.value);
        let line = format!("{}: {} = {value}", out.look.bold(name), types::shown(&held.types, &held.ty));
        lines.push(crate::terminal::cut(&line, out.look.width));
    }
    if lines.is_empty() {
        return out.line(out.look.dim("nothing yet"));
    }
    pager::print(out, &lines, console.options.pager);
}

/// `:settings`
pub fn settings(console: &mut Console, given: Given<'_>) {
    let loaded = console.session.place.as_ref().map(crate::project::load);
    let out = &console.context.out;
    let sound = match loaded {
        None => return out.line(out.look.dim("there is no project here")),
        Some(Err(e)) => return out.error(&e),
        Some(Ok(loaded)) => loaded.sound(),
    };
    let Some(sound) = sound else {
        return out.error(&CliError::usage("the project has mistakes").help("`rrb check` shows them"));
    };
    let mut rows = Vec::new();
    for (i, setting) in sound.program.settings.iter().enumerate() {
        let table = match &setting.owner {
            SettingOwner::Module(m) => format!("settings.{m}"),
            SettingOwner::Connector(c) => format!("connectors.{c}"),
        };
        let name = format!("{table}.{}", setting.name);
        if !name.contains(given.rest) {
            continue;
        }
        let given: Vec<String> = sound
            .settings
            .iter()
            .filter(|((id, _), _)| id.index() == i)
            .map(|((_, instance), value)| {
                let instance =
                    if instance.is_empty() || instance == "default" { String::new() } else { format!("[{instance}] ") };
                format!("{instance}{}", crate::text::json(&rrb_lang::vm::shown(value)))
            })
            .collect();
        let default = setting.default.and_then(|d| sound.program.constant(d));
        let value = match (given.is_empty(), default) {
            (false, _) => given.join(", "),
            (true, Some(v)) => format!("{} (default)", crate::text::json(&rrb_lang::vm::shown(v))),
            (true, None) => "not set".to_owned(),
        };
        rows.push(vec![name, types::shown(&sound.program.types, &setting.ty), truncate(&value, 80).into_owned()]);
    }
    if rows.is_empty() {
        return out.line(out.look.dim("no settings"));
    }
    let lines = crate::out::table(&out.look, &["setting", "type", "value"], &rows);
    pager::print(out, &lines, console.options.pager);
}
