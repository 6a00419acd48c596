//! The prompt of a terminal: editing, history, completion, colours.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::complete::{self, Known};
use super::console::{Console, Flow};
use super::names::Names;
use super::pieces::{self, Standing};
use super::session::Input;
use super::{Begin, highlight, history};
use crate::exit::{CliError, Exit};

/// What the editor asks while somebody types.
struct Assist {
    known: Arc<Mutex<Known>>,
    engine: Arc<Mutex<Names>>,
    color: bool,
    hinter: HistoryHinter,
    /// The prompt with colour.
    prompt: String,
}

impl Helper for Assist {}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, found) = complete::complete(&known, &mut engine, line, pos);
        Ok((start, found.into_iter().map(|c| Pair { display: c.shown, replacement: c.text }).collect()))
    }
}

impl Hinter for Assist {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        // A hint of many lines would push the screen away.
        self.hinter.hint(line, pos, context).filter(|h| !h.contains('\n'))
    }
}

impl Highlighter for Assist {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        match self.color {
            true => highlight::paint(line, Some(pos)).into(),
            false => line.into(),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.color { Cow::Borrowed(&self.prompt) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { format!("\x1b[2m{hint}\x1b[0m").into() } else { hint.into() }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.color
    }
}

impl Validator for Assist {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match pieces::standing(context.input()) {
            Standing::Open => ValidationResult::Incomplete,
            Standing::Empty | Standing::Whole => ValidationResult::Valid(None),
        })
    }
}

type Line = Editor<Assist, FileHistory>;

/// Asks and answers until somebody leaves.
///
/// # Errors
/// When the terminal fails.
pub async fn go(console: &mut Console, begin: &Begin) -> Result<Exit, CliError> {
    let known = Arc::new(Mutex::new(Known::of(console)));
    let color = console.context.out.look.color;
    let mut line = editor(Arc::clone(&known), color).map_err(|e| failed(&e))?;
    let kept = if begin.no_history { None } else { open_history(console, &mut line) };
    greet(console);
    // From here on Ctrl-C is a key, and never the end.
    let _interrupts = crate::follow::signal(tokio::signal::unix::SignalKind::interrupt())?;
    loop {
        let (plain, painted) = prompt(console);
        if let Some(assist) = line.helper_mut() {
            assist.prompt = painted;
        }
        let read = tokio::task::block_in_place(|| line.readline(&plain));
        let text = match read {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(failed(&e)),
        };
        if pieces::standing(&text) == Standing::Empty {
            continue;
        }
        let _ = line.add_history_entry(text.trim_end());
        if let Some(path) = &kept {
            // A history that cannot be kept is no reason to stop; it was told at the beginning when it could not be read.
            let _ = line.append_history(path);
        }
        match console.take(Input { name: "input", text: &text }).await {
            Ok(Flow::On) => {}
            Ok(Flow::Quit) => break,
            Err(wrong) => console.say(&wrong),
        }
        *known.lock().unwrap_or_else(PoisonError::into_inner) = Known::of(console);
    }
    Ok(Exit::Ok)
}

fn failed(error: &ReadlineError) -> CliError {
    CliError::internal(format!("the terminal cannot be read: {error}"))
}

fn editor(known: Arc<Mutex<Known>>, color: bool) -> rustyline::Result<Line> {
    let engine = warm(Arc::clone(&known));
    let config = Config::builder()
        .max_history_size(history::KEPT)?
        .history_ignore_dups(true)?
        // A line that begins with a space is not kept: it may hold what nobody should read.
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .completion_prompt_limit(200)
        .bracketed_paste(true)
        .tab_stop(2)
        .indent_size(2)
        .build();
    let mut line = Editor::with_config(config)?;
    line.set_helper(Some(Assist { known, engine, color, hinter: HistoryHinter::new(), prompt: String::new() }));
    Ok(line)
}

/// The engine of names, which reads the library while nobody waits for it.
fn warm(known: Arc<Mutex<Known>>) -> Arc<Mutex<Names>> {
    let engine = Arc::new(Mutex::new(Names::default()));
    let shared = Arc::clone(&engine);
    let warming = std::thread::Builder::new().name("names".into()).spawn(move || {
        let scene = known.lock().unwrap_or_else(PoisonError::into_inner).scene.clone();
        let mut engine = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = engine.at(&scene, "x", 1);
    });
    // Without a thread the first question waits.
    drop(warming);
    engine
}

/// Reads the history, and says where it cannot be kept; the file when it can.
fn open_history(console: &Console, line: &mut Line) -> Option<PathBuf> {
    let root = console.session.place.as_ref().map(|p| p.single.as_deref().unwrap_or(&p.root));
    let path = history::file(root)?;
    let read = match history::readable(&path) {
        Ok(false) => Ok(()),
        Ok(true) => line.load_history(&path).map_err(|e| e.to_string()),
        Err(why) => Err(why),
    };
    let shown = crate::text::clean(&path.to_string_lossy()).into_owned();
    if let Err(why) = read {
        console
            .context
            .out
            .warning(&format!("the history in `{shown}` cannot be read: {why}; this session keeps none"));
        return None;
    }
    if !history::prepare(&path) {
        console.context.out.warning(&format!("no history can be kept in `{shown}`"));
        return None;
    }
    Some(path)
}

fn greet(console: &Console) {
    let out = &console.context.out;
    let name = console.session.place.as_ref().map(|place| {
        let named = console.session.texts().config.name.as_ref().map(ToString::to_string);
        named.unwrap_or_else(|| place.root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default())
    });
    let of = name.map_or_else(|| "no project".to_owned(), |n| crate::text::clean(&n).into_owned());
    out.line(format!(
        "rrb {} · {of} · {}",
        env!("CARGO_PKG_VERSION"),
        out.look.dim("reads are live, changes are only planned · :help")
    ));
    for d in console.session.texts().wrong.iter().filter(|d| d.is_error()).take(1) {
        out.warning(&format!("rrb.toml has mistakes: {}", d.message));
    }
}

/// The prompt, without and with colour.
fn prompt(console: &Console) -> (String, String) {
    let look = &console.context.out.look;
    match &console.live {
        None => ("rrb> ".to_owned(), look.bold("rrb> ")),
        Some(live) => {
            let who = live.actor().person.as_deref().map(|p| format!(" {}", crate::text::clean(p))).unwrap_or_default();
            let plain = format!("live{who}> ");
            let painted = look.bad(&plain);
            (plain, painted)
        }
    }
}
