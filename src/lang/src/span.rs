//! Where things stand in the sources: files, byte spans, lines and columns.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// A file of one [`Sources`], by its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct FileId(pub u32);

/// The file id of `rrb.toml` in the sources of every check: it is always the first, empty where there is none.
pub const PROJECT_FILE: FileId = FileId(0);

/// A range of bytes in one file, `start` included and `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Span {
    /// The file the bytes are in.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// A span of `file` from byte `start` up to `end`.
    pub fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The smallest span that holds both; both are in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span just before this one.
    pub fn before(self) -> Span {
        Span { end: self.start, ..self }
    }

    /// The empty span just after this one.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }
}

/// One source file: the name it is shown under and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as a person would write it, relative to the project, e.g. `lib/paging.rrb` or `std/slack.rrb`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    /// Made when somebody asks for a line.
    lines: Arc<OnceLock<line_index::LineIndex>>,
}

impl Source {
    fn new(name: Arc<str>, text: Arc<str>) -> Self {
        Self { name, text, lines: Arc::default() }
    }

    fn lines(&self) -> &line_index::LineIndex {
        self.lines.get_or_init(|| line_index::LineIndex::new(&self.text))
    }
}

/// All files of one check, addressed by [`FileId`].
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A place a person can find: both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCol {
    /// The line, from 1.
    pub line: u32,
    /// The column in Unicode scalar values, from 1.
    pub column: u32,
}

impl Sources {
    /// Adds a file and gives its id.
    pub fn add(&mut self, name: &str, text: &str) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source::new(name.into(), text.into()));
        id
    }

    /// Gives a file another text. A foreign id changes nothing.
    pub fn replace(&mut self, id: FileId, text: Arc<str>) {
        if let Some(source) = self.files.get_mut(id.0 as usize) {
            *source = Source::new(Arc::clone(&source.name), text);
        }
    }

    /// The same files under other names.
    #[must_use]
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> Sources {
        let files = self.files.iter().map(|f| Source { name: name(&f.name).into(), ..f.clone() }).collect();
        Sources { files }
    }

    /// The file with this id, if it is one of ours.
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }

    /// Every file with its id, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files.iter().enumerate().map(|(i, s)| (FileId(u32::try_from(i).unwrap_or(u32::MAX)), s))
    }

    /// The name of the file a span is in; empty for a foreign id.
    pub fn name(&self, id: FileId) -> &str {
        self.get(id).map_or("", |s| &s.name)
    }

    /// The text a span covers; empty when the span is not inside its file.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).and_then(|s| s.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// Puts `*` in the place of every byte that a span covers but line ends: what is shown of the file from now on does not tell it.
    pub fn hide(&mut self, span: Span) {
        let Some(source) = self.files.get_mut(span.file.0 as usize) else { return };
        let (start, end) = (span.start as usize, span.end as usize);
        let parts = (source.text.get(..start), source.text.get(start..end), source.text.get(end..));
        let (Some(before), Some(hidden), Some(after)) = parts else { return };
        let stars: String =
            hidden.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { '*' }).collect();
        let text = [before, &stars, after].concat();
        *source = Source::new(Arc::clone(&source.name), text.into());
    }

    /// The line that the byte `offset` is in, without its end; empty for a foreign id.
    pub fn line(&self, file: FileId, offset: u32) -> &str {
        let Some(source) = self.get(file) else { return "" };
        let number = self.line_col(file, offset).line - 1;
        let range = source.lines().line(number);
        let text = range.and_then(|r| source.text.get(usize::from(r.start())..usize::from(r.end())));
        text.unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Line and column of the byte `offset`; the last place of the file when it lies behind it.
    pub fn line_col(&self, file: FileId, offset: u32) -> LineCol {
        let Some(source) = self.get(file) else { return LineCol { line: 1, column: 1 } };
        let mut at = (offset as usize).min(source.text.len());
        while !source.text.is_char_boundary(at) {
            at -= 1;
        }
        let pos = source.lines().line_col(u32::try_from(at).unwrap_or(0).into());
        let line_start = at - pos.col as usize;
        let column = source.text.get(line_start..at).map_or(0, |s| s.chars().count());
        LineCol { line: pos.line + 1, column: u32::try_from(column).unwrap_or(u32::MAX - 1) + 1 }
    }
}
