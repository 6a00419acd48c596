//! Where output goes: colour or not, how wide, people or programs. A closed pipe ends the output quietly, never the work; output that
//! is lost in any other way makes the command fail.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use jiff::tz::TimeZone;
use owo_colors::Style;
use serde::Serialize;

use crate::exit::CliError;

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// Colour on a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// How text looks at one place.
#[derive(Debug, Clone)]
pub struct Look {
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// Whether what is wider is cut: on a terminal it is, a pipe or a file gets everything.
    pub cuts: bool,
    /// The zone times are shown in.
    pub zone: TimeZone,
}

impl Look {
    /// Without colour, for files and tests.
    pub fn plain(width: usize) -> Self {
        Self { color: false, width, cuts: true, zone: TimeZone::UTC }
    }

    /// A line that keeps to the width, where that matters.
    pub fn cut<'t>(&self, line: &'t str) -> std::borrow::Cow<'t, str> {
        if self.cuts { crate::text::truncate(line, self.width) } else { line.into() }
    }

    /// `text` in `style`, where colour is on.
    pub fn paint(&self, style: Style, text: impl std::fmt::Display) -> String {
        if self.color { style.style(text).to_string() } else { text.to_string() }
    }

    /// What matters less.
    pub fn dim(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// What is looked for.
    pub fn bold(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What went well.
    pub fn good(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().green(), text)
    }

    /// What went wrong, and what destroys.
    pub fn bad(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().red().bold(), text)
    }

    /// What asks for attention, and what changes.
    pub fn warn(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().yellow(), text)
    }

    /// Names and places.
    pub fn name(&self, text: impl std::fmt::Display) -> String {
        self.paint(Style::new().cyan(), text)
    }
}

/// The two streams of a command.
#[derive(Debug)]
pub struct Out {
    /// Standard output.
    pub look: Look,
    /// Standard error.
    pub err: Look,
    /// Standard output is a terminal: progress may be drawn over.
    pub tty: bool,
    /// Why nothing more can be written.
    ended: OnceLock<std::io::Error>,
}

impl Out {
    /// As the command line and the environment ask.
    pub fn new(choice: ColorChoice) -> Self {
        let zone = TimeZone::system();
        let stdout = std::io::stdout();
        let stderr = std::io::stderr();
        let color = |terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb"),
        };
        let width = width();
        Self {
            look: Look { color: color(stdout.is_terminal()), width, cuts: stdout.is_terminal(), zone: zone.clone() },
            err: Look { color: color(stderr.is_terminal()), width, cuts: stderr.is_terminal(), zone },
            tty: stdout.is_terminal(),
            ended: OnceLock::new(),
        }
    }

    /// The same streams, for whoever works on them longer.
    pub fn again(&self) -> Self {
        Self { look: self.look.clone(), err: self.err.clone(), tty: self.tty, ended: OnceLock::new() }
    }

    /// A line on standard output.
    pub fn line(&self, text: impl AsRef<str>) {
        self.write(text.as_ref(), "\n");
    }

    /// Text without a line end, flushed.
    pub fn raw(&self, text: impl AsRef<str>) {
        self.write(text.as_ref(), "");
    }

    fn write(&self, text: &str, end: &str) {
        if self.ended.get().is_some() {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        if let Err(e) = write!(stdout, "{text}{end}").and_then(|()| stdout.flush()) {
            let _ = self.ended.set(e);
        }
    }

    /// Why a part of the output is missing where it should be. A reader that has gone wanted no more: that is no loss.
    pub fn lost(&self) -> Option<&std::io::Error> {
        self.ended.get().filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe)
    }

    /// A line on standard error.
    pub fn note(&self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
    }

    /// A value for programs: indented JSON.
    pub fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text =
            serde_json::to_string_pretty(value).map_err(|e| CliError::internal(format!("cannot write JSON: {e}")))?;
        self.line(text);
        Ok(())
    }

    /// A value for programs on one line of a stream.
    pub fn json_line(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(|e| CliError::internal(format!("cannot write JSON: {e}")))?;
        self.line(text);
        Ok(())
    }

    /// An error with its advice, on standard error.
    pub fn error(&self, error: &CliError) {
        if error.silent {
            return;
        }
        self.note(format!("{}: {}", self.err.bad("error"), crate::text::clean(&error.message)));
        for help in &error.help {
            self.note(format!("  {}: {}", self.err.name("help"), crate::text::clean(help)));
        }
    }

    /// Something to know, on standard error.
    pub fn warning(&self, text: &str) {
        self.note(format!("{}: {text}", self.err.warn("warning")));
    }
}

/// Set and not empty, as <https://no-color.org> asks.
fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|v| !v.is_empty())
}

/// The columns of the terminal; `COLUMNS` where there is none; else 100.
pub fn width() -> usize {
    let asked = || std::env::var("COLUMNS").ok().and_then(|c| c.parse::<usize>().ok());
    let seen =
        || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|w| usize::from(w.ws_col)).filter(|w| *w > 0);
    seen().or_else(asked).unwrap_or(100).clamp(40, 400)
}

/// A table without borders: a dim header, rows cut to the width, the last column takes what is left.
pub fn table(look: &Look, header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    use comfy_table::{ContentArrangement, Table, presets};
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| crate::text::clean(cell).into_owned()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let cut = |line: String| look.cut(line.trim_end()).into_owned();
    let mut lines: Vec<String> = table.lines().map(cut).collect();
    if let Some(first) = lines.first_mut() {
        *first = look.dim(&first);
    }
    lines
}
