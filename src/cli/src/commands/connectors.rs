//! `rrb connectors`: what runbooks can hear and do, and files to begin a new connector with.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::connectors::library::{Library, Named, Origin};
use crate::connectors::page::{Page, counts};
use crate::connectors::{markdown, search, summary};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::table;
use crate::project;

/// `rrb connectors …`
#[derive(Debug, Subcommand)]
pub enum ConnectorsCommand {
    /// List the connectors of the standard library and of the project, and the primitives.
    #[command(alias = "ls")]
    List(ListArgs),
    /// Find actions and events by what one wants to do.
    Search(SearchArgs),
    /// Show a connector, an action, an event or a primitive.
    Show(ShowArgs),
    /// Begin a connector: a file that checks, with a test.
    New(NewArgs),
    /// Copy a module of the standard library into the project, where it takes its place.
    Copy(CopyArgs),
    /// Write reference pages as Markdown.
    Docs(DocsArgs),
}

/// How to print them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb connectors list")]
pub struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is wanted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb connectors search silence an alert\n  rrb connectors search restart deployment --json"
)]
pub struct SearchArgs {
    /// In any words.
    #[arg(required = true)]
    words: Vec<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb connectors show slack\n  rrb connectors show slack.post\n  rrb connectors show http.get\n  rrb connectors show slack --source | less"
)]
pub struct ShowArgs {
    /// `slack`, `slack.post`, `alertmanager.firing`, `http.get`
    name: String,
    /// Print the source of its module.
    #[arg(long, conflicts_with = "json")]
    source: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The new one's name.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rrb connectors new doorbell && rrb check && rrb test\n\nFrom an OpenAPI description: rrb import openapi FILE --out NAME.rrb"
)]
pub struct NewArgs {
    /// As it is written in source: `doorbell`, `door_bell`
    name: String,
    /// The folder of the project to write to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Which module.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb connectors copy slack   # std/slack.rrb stands for std.slack from now on")]
pub struct CopyArgs {
    /// `slack`, `std.slack`
    name: String,
}

/// Where to.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb connectors docs --out docs/connectors")]
pub struct DocsArgs {
    /// The folder; made when there is none.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing; say whether the pages there are the ones that would be written.
    #[arg(long)]
    check: bool,
}

/// Does one of them.
///
/// # Errors
/// When the project cannot be read, there is no such connector, or a file cannot be written.
pub fn dispatch(context: &Context, command: &ConnectorsCommand) -> Result<Exit, CliError> {
    match command {
        ConnectorsCommand::List(args) => list(context, args),
        ConnectorsCommand::Search(args) => find(context, args),
        ConnectorsCommand::Show(args) => show(context, args),
        ConnectorsCommand::New(args) => new(context, args),
        ConnectorsCommand::Copy(args) => copy(context, args),
        ConnectorsCommand::Docs(args) => docs(context, args),
    }
}

fn list(context: &Context, args: &ListArgs) -> Result<Exit, CliError> {
    let library = Library::load(context)?;
    let out = &context.out;
    if args.json {
        let all: Vec<_> =
            library.modules.iter().map(|k| serde_json::json!({ "origin": k.origin, "module": k.module })).collect();
        out.json(&all)?;
        return Ok(Exit::Ok);
    }
    let row = |name: &str, events: usize, offers, docs: &str| {
        let events = if events == 0 { String::new() } else { crate::text::count(events, "event") };
        vec![name.to_owned(), events, counts(offers), summary(docs)]
    };
    let mut rows = Vec::new();
    for (known, c) in library.connectors() {
        let mut row = row(&c.name, c.events.len(), &c.offers, &c.docs);
        if known.origin == Origin::Project {
            let what = row.pop().unwrap_or_default();
            row.push(format!("({}) {what}", known.module.name));
        }
        rows.push(row);
    }
    for known in library.modules.iter().filter(|k| k.origin == Origin::Native) {
        rows.push(row(&known.module.name, 0, &known.module.own, &known.module.docs));
    }
    table(&out.look, &["name", "hears", "does", "what"], &rows).iter().for_each(|l| out.line(l));
    out.line("");
    out.line(out.look.dim("rrb connectors show NAME   rrb connectors search WORDS"));
    Ok(Exit::Ok)
}

fn find(context: &Context, args: &SearchArgs) -> Result<Exit, CliError> {
    let library = Library::load(context)?;
    let words = args.words.join(" ");
    let mut hits = search::search(&library, &words);
    let more = hits.len().saturating_sub(args.limit as usize);
    hits.truncate(args.limit as usize);
    let out = &context.out;
    if args.json {
        out.json(&hits)?;
    } else {
        let rows: Vec<Vec<String>> =
            hits.iter().map(|h| vec![h.name.clone(), h.what.clone(), h.summary.clone()]).collect();
        if !rows.is_empty() {
            table(&out.look, &["name", "effect", "what"], &rows).iter().for_each(|l| out.line(l));
        }
        if more > 0 {
            out.line(out.look.dim(format!("and {more} more: --limit {}", args.limit as usize + more)));
        }
    }
    if hits.is_empty() {
        return Err(CliError::not_found(format!("nothing has to do with `{}`", crate::text::clean(&words)))
            .help("`rrb connectors list` shows all connectors; anything that speaks HTTP can be called with `http`")
            .help("`rrb import openapi FILE` makes a connector of a service's description"));
    }
    Ok(Exit::Ok)
}

fn show(context: &Context, args: &ShowArgs) -> Result<Exit, CliError> {
    let library = Library::load(context)?;
    let named = library.find(&args.name)?;
    let out = &context.out;
    if args.source {
        let (Named::Native(k) | Named::Connector(k, _) | Named::Action(k, ..) | Named::Event(k, ..)) = named;
        out.raw(&k.text);
        return Ok(Exit::Ok);
    }
    if args.json {
        match named {
            Named::Native(k) => out.json(&k.module)?,
            Named::Connector(_, c) => out.json(c)?,
            Named::Action(.., a) => out.json(a)?,
            Named::Event(.., e) => out.json(e)?,
        }
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(&out.look);
    match named {
        Named::Native(k) => page.natives(&k.module),
        Named::Connector(k, c) => page.connector(&k.module.name, c),
        Named::Event(_, c, e) => page.event(c, e),
        Named::Action(k, head, a) => {
            let own = k.module.connectors.iter().find(|c| c.name == head);
            page.action(head, a, own.map_or(&k.module.own.types, |c| &c.offers.types));
        }
    }
    page.lines.iter().for_each(|l| out.line(l));
    Ok(Exit::Ok)
}

const CONNECTOR: &str = include_str!("connectors/new.rrb");
const TEST: &str = include_str!("connectors/new_test.rrb");

fn new(context: &Context, args: &NewArgs) -> Result<Exit, CliError> {
    let name = &args.name;
    let shown = crate::text::clean(name).into_owned();
    if !is_name(name) {
        return Err(CliError::usage(format!("`{shown}` is no name for a connector")).help(
            "a name is of lower case letters, digits and `_`, begins with a letter, and is no word of the language",
        ));
    }
    let library = Library::load(context)?;
    if library.connectors().any(|(_, c)| c.name == *name) {
        return Err(CliError::refused(format!("there is a connector `{shown}` already")).help(format!(
            "look at it with `rrb connectors show {shown}`; to change one of the library, `rrb connectors copy {shown}`"
        )));
    }
    let files = [(format!("{name}.rrb"), CONNECTOR), (format!("{name}_test.rrb"), TEST)];
    for (file, _) in &files {
        let path = args.dir.join(file);
        if path.exists() {
            let path = path.to_string_lossy();
            return Err(CliError::refused(format!("`{}` is there already", crate::text::clean(&path))));
        }
    }
    for (file, text) in &files {
        write_new(&args.dir.join(file), &formatted(&text.replace("CONNECTOR", name)))?;
    }
    let out = &context.out;
    out.line(format!("{} a connector in {name}.rrb, its test in {name}_test.rrb", out.look.good("✓")));
    out.line(format!("  {} its token goes into rrb.toml, then rrb check && rrb test", out.look.dim("next:")));
    out.line("");
    out.line(format!("  [connectors.{name}]\n  token = \"env:{}_TOKEN\"", name.to_uppercase()));
    Ok(Exit::Ok)
}

/// As `rrb fmt` has it: how lines break depends on how long the name is.
fn formatted(text: &str) -> String {
    let file = rrb_lang::span::Sources::default().add("new.rrb", text);
    rrb_lang::syntax::format(file, text).unwrap_or_else(|_| text.to_owned())
}

fn copy(context: &Context, args: &CopyArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let Some(root) = place.config().and_then(|c| c.parent().map(Path::to_owned)) else {
        return Err(CliError::usage("a module is copied into a project").help("make one with `rrb init`"));
    };
    let library = Library::load(context)?;
    let (known, origin) = match library.find(&args.name)? {
        Named::Connector(k, _) => (k, k.origin),
        Named::Native(k) | Named::Action(k, ..) | Named::Event(k, ..) => (k, Origin::Native),
    };
    let module = &known.module.name;
    if origin == Origin::Project {
        return Err(CliError::refused(format!("`{module}` is a file of this project already")));
    }
    let Some(name) = module.strip_prefix("std.").filter(|_| origin == Origin::Standard) else {
        return Err(CliError::usage(format!("`{}` is no connector of the library", crate::text::clean(&args.name)))
            .help("`rrb connectors list` shows them"));
    };
    let path = root.join("std").join(format!("{name}.rrb"));
    write_new(&path, &known.text)?;
    let out = &context.out;
    out.line(format!("{} std/{name}.rrb: it stands for `{module}` in this project from now on", out.look.good("✓")));
    Ok(Exit::Ok)
}

fn docs(context: &Context, args: &DocsArgs) -> Result<Exit, CliError> {
    let pages = markdown::pages(&Library::load(context)?);
    let mut differ = Vec::new();
    for (name, text) in &pages {
        let path = args.out.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() == Some(text) {
            continue;
        }
        differ.push(name.as_str());
        if !args.check {
            std::fs::create_dir_all(&args.out).map_err(|e| cannot(&args.out, &e))?;
            std::fs::write(&path, text).map_err(|e| cannot(&path, &e))?;
        }
    }
    let out = &context.out;
    match (args.check, differ.is_empty()) {
        (true, false) => {
            out.line(format!("{} of {} pages are not as they would be written:", differ.len(), pages.len()));
            differ.iter().for_each(|name| out.line(format!("  {name}")));
            return Ok(Exit::Failed);
        }
        (true, true) => out.line(format!(
            "{} {} as they would be written",
            out.look.good("✓"),
            crate::text::count(pages.len(), "page")
        )),
        (false, _) => out.line(format!(
            "{} {}, {} written",
            out.look.good("✓"),
            crate::text::count(pages.len(), "page"),
            differ.len()
        )),
    }
    Ok(Exit::Ok)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !rrb_lang::syntax::is_reserved(name)
}

/// Writes a file that is not there yet, with its folder.
fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::File::create_new(path))
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|e| cannot(path, &e))
}

fn cannot(path: &Path, error: &std::io::Error) -> CliError {
    let path = path.to_string_lossy();
    let message = format!("cannot write `{}`: {}", crate::text::clean(&path), project::reason(error));
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        CliError::refused(message)
    } else {
        CliError::usage(message)
    }
}
