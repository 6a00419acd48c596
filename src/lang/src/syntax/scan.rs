//! One cheap pass over the text before the grammar reads it: comments, texts and brackets, and how deep it all nests.
//!
//! It knows as little as it can: where a comment, a text, a hole and a bracket begin and end.

/// What is open at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Round,
    Square,
    Curly,
    /// `${` in a text.
    Hole,
    /// `"…"`, or `"""…"""`.
    Text {
        block: bool,
    },
}

/// Something open and where its first byte is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opener {
    pub(super) kind: Open,
    pub(super) at: usize,
}

/// What is wrong with the brackets and texts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flaw {
    /// A `"…"` that does not end on its line; the end of the line.
    OpenText { opener: usize, end: usize },
    /// A hole that does not end on its line.
    OpenHole { opener: usize, end: usize },
    /// A raw or tagged text that never ends.
    OpenRaw { opener: usize, end: usize },
    /// A raw or tagged text with more `#` than [`MAX_HASHES`].
    Hashes { at: usize, end: usize },
    /// A comment inside a hole.
    CommentInHole { at: usize, end: usize },
    /// `'…'`
    SingleQuotes { at: usize, end: usize },
    /// A closer that nothing opened.
    Stray { at: usize },
    /// A closer of another kind than the only thing that it could close.
    WrongCloser { opener: Opener, at: usize },
    /// A closer of something further out than what is open.
    Mismatch { opener: Opener, at: usize },
    /// Open at the end of the file, or where the next declaration begins.
    NeverClosed { opener: Opener, at: usize },
    /// Deeper than the limit.
    TooDeep { at: usize },
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Start and end of each comment.
    pub(super) comments: Vec<(usize, usize)>,
    pub(super) flaws: Vec<Flaw>,
    /// Openers and the place of their closers, in order of the closers. Texts are here too.
    pub(super) groups: Vec<(Opener, usize)>,
    /// What to change, length for length, so that the grammar can read the rest.
    pub(super) repairs: Vec<Repair>,
    /// Closers that belong behind the end of the text.
    pub(super) append: String,
    /// Places where further errors are only consequences.
    pub(super) muted: Vec<(usize, usize)>,
}

/// A change of the text that keeps every place.
#[derive(Debug, Clone)]
pub(super) enum Repair {
    /// Cover with the mark of what could not be read.
    Fill(usize, usize),
    /// Cover with spaces.
    Blank(usize, usize),
    /// Write these bytes from this place on.
    Write(usize, Vec<u8>),
}

/// How many `#` may stand around a raw text, by the grammar.
pub(super) const MAX_HASHES: usize = 4;

/// How many lines behind an opener that lacks its closer are taken for its consequences.
const MUTED_LINES: usize = 8;

/// The words that make a text raw when they touch its quote.
const TAGS: &[&str] = &["r", "re", "cron", "url", "cidr", "ip", "time"];

/// What is guessed from the indentation; only for texts whose brackets do not match anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Guess {
    Nothing,
    /// Which opener lacks its closer.
    Openers,
    /// That, and which `}` is one too many.
    Both,
}

/// Scans `text`.
pub(super) fn scan(text: &str, most: usize, guess: Guess) -> Scan {
    let mut scanner =
        Scanner { text, bytes: text.as_bytes(), at: 0, stack: Vec::new(), most, guess, found: Scan::default() };
    scanner.run();
    scanner.found
}

struct Scanner<'i> {
    text: &'i str,
    bytes: &'i [u8],
    at: usize,
    stack: Vec<Opener>,
    most: usize,
    guess: Guess,
    found: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            if self.stack.len() > self.most && self.depth() > self.most {
                self.found.flaws.push(Flaw::TooDeep { at: self.stack.last().map_or(self.at, |o| o.at) });
                return;
            }
            match self.stack.last().map(|o| o.kind) {
                Some(Open::Text { block }) => self.in_text(byte, block),
                _ => self.in_code(byte),
            }
        }
        self.at_end();
    }

    /// A hole is part of its text.
    fn depth(&self) -> usize {
        self.stack.iter().filter(|o| o.kind != Open::Hole).count()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, prefix: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(prefix))
    }

    fn push(&mut self, kind: Open, length: usize) {
        self.stack.push(Opener { kind, at: self.at });
        self.at += length;
    }

    fn pop(&mut self, length: usize) {
        if let Some(opener) = self.stack.pop() {
            self.found.groups.push((opener, self.at));
        }
        self.at += length;
    }

    fn line_end(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
    }

    fn in_text(&mut self, byte: u8, block: bool) {
        match byte {
            b'\\' if self.peek(1) != Some(b'\n') => self.at += 2,
            b'$' if self.starts(b"${") => self.push(Open::Hole, 2),
            b'"' if !block => self.pop(1),
            b'"' if self.starts(b"\"\"\"") => self.pop(3),
            b'\n' if !block => self.text_breaks(),
            _ => self.at += 1,
        }
    }

    fn in_code(&mut self, byte: u8) {
        let in_hole = matches!(self.stack.last(), Some(Opener { kind: Open::Hole, .. }));
        match byte {
            b'\n' if self.stack.iter().any(|o| o.kind == Open::Hole) => self.text_breaks(),
            b'\n' => {
                self.at += 1;
                self.line_begins();
            }
            b'/' if self.starts(b"//") => self.comment(),
            b'"' if self.starts(b"\"\"\"") => self.push(Open::Text { block: true }, 3),
            b'"' => self.push(Open::Text { block: false }, 1),
            b'(' => self.push(Open::Round, 1),
            b'[' => self.push(Open::Square, 1),
            b'{' => self.push(Open::Curly, 1),
            b'}' if in_hole => self.pop(1),
            b')' => self.close(Open::Round),
            b']' => self.close(Open::Square),
            b'}' => self.close(Open::Curly),
            b'\'' => self.single_quote(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => self.word(),
            _ => self.at += 1,
        }
    }

    fn comment(&mut self) {
        let end = self.line_end();
        if self.stack.iter().any(|o| o.kind == Open::Hole) {
            self.found.flaws.push(Flaw::CommentInHole { at: self.at, end });
            self.at += 2;
            return;
        } else {
            self.found.comments.push((self.at, end));
        }
        self.at = end;
    }

    /// A word, and the raw text that touches it.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.at += 1;
        }
        let tagged = self.text.get(start..self.at).is_some_and(|w| TAGS.contains(&w));
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let hashes = rest.iter().take_while(|b| **b == b'#').count();
        if !tagged || rest.get(hashes) != Some(&b'"') {
            return;
        }
        let closer = format!("\"{}", "#".repeat(hashes));
        let inside = self.at + hashes + 1;
        match self.text.get(inside..).and_then(|t| t.find(&closer)) {
            Some(length) => {
                let opened = self.at;
                self.at = inside + length + closer.len();
                if hashes > MAX_HASHES {
                    self.found.flaws.push(Flaw::Hashes { at: opened, end: inside - 1 });
                    self.found.repairs.push(Repair::Fill(start, self.at));
                }
            }
            None => {
                let end = self.line_end();
                self.found.flaws.push(Flaw::OpenRaw { opener: start, end });
                self.found.repairs.push(Repair::Fill(start, end));
                self.at = end;
            }
        }
    }

    /// `'…'` on one line is a text in other languages; an apostrophe alone is left to the grammar.
    fn single_quote(&mut self) {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let closer = rest.iter().position(|b| matches!(b, b'\'' | b'\n'));
        match closer.filter(|length| rest.get(*length) == Some(&b'\'')) {
            Some(length) => {
                let end = self.at + length + 2;
                self.found.flaws.push(Flaw::SingleQuotes { at: self.at, end });
                self.found.repairs.push(Repair::Fill(self.at, end));
                self.at = end;
            }
            None => self.at += 1,
        }
    }

    /// A line ends inside a text or a hole that must end on it: everything down to the outermost such text is given up.
    fn text_breaks(&mut self) {
        let holes_in_block = |w: &[Opener]| {
            matches!(w, [Opener { kind: Open::Text { block: true }, .. }, Opener { kind: Open::Hole, .. }])
        };
        let line_text = self.stack.iter().position(|o| o.kind == Open::Text { block: false });
        let block_hole = self.stack.windows(2).position(holes_in_block);
        let keep = match (line_text, block_hole) {
            (Some(t), Some(h)) if h < t => h + 1,
            (Some(t), _) => t,
            (None, Some(h)) => h + 1,
            (None, None) => self.stack.len(),
        };
        let Some(opener) = self.stack.get(keep).copied() else {
            self.at += 1;
            return;
        };
        let hole = self.stack.iter().skip(keep).find(|o| o.kind == Open::Hole).copied();
        match hole {
            Some(hole) => {
                self.found.flaws.push(Flaw::OpenHole { opener: hole.at, end: self.at });
                // In a block text the rest of the line is text again; otherwise the text is given up with its hole.
                let in_block = opener.kind == Open::Hole;
                let repair = if in_block { Repair::Blank(hole.at, self.at) } else { Repair::Fill(opener.at, self.at) };
                self.found.repairs.push(repair);
            }
            None => {
                self.at = self.without_closers(opener.at);
                self.found.flaws.push(Flaw::OpenText { opener: opener.at, end: self.at });
                self.found.repairs.push(Repair::Fill(opener.at, self.at));
            }
        }
        self.stack.truncate(keep);
    }

    /// Where a text that is not closed probably ends: before the brackets and commas at the end of its line.
    fn without_closers(&self, opener: usize) -> usize {
        let mut end = self.at;
        while end > opener + 1 && self.bytes.get(end - 1).is_some_and(|b| b")],{ \t\r".contains(b)) {
            end -= 1;
        }
        end
    }

    fn close(&mut self, kind: Open) {
        match self.stack.last().copied() {
            Some(opener) if opener.kind == kind => {
                if self.guess == Guess::Both && kind == Open::Curly && self.indented(opener) {
                    return self.stray();
                }
                if self.guess >= Guess::Openers && kind == Open::Curly && self.outdented(opener) {
                    return;
                }
                self.pop(1);
            }
            top => self.close_other(kind, top),
        }
    }

    /// A closer that the innermost opener does not want.
    fn close_other(&mut self, kind: Open, top: Option<Opener>) {
        let wanted = self.stack.iter().rposition(|o| o.kind == kind);
        let barrier = self.stack.iter().rposition(|o| matches!(o.kind, Open::Hole | Open::Text { .. }));
        match (wanted, top) {
            (Some(wanted), Some(opener)) if barrier.is_none_or(|b| b < wanted) => {
                self.found.flaws.push(Flaw::Mismatch { opener, at: self.at });
                for open in self.stack.split_off(wanted + 1) {
                    self.give_up_line(open);
                }
                self.pop(1);
            }
            (None, Some(opener)) if matches!(opener.kind, Open::Round | Open::Square) && kind != Open::Curly => {
                self.found.flaws.push(Flaw::WrongCloser { opener, at: self.at });
                self.found.repairs.push(Repair::Write(self.at, vec![closer(opener.kind)]));
                self.pop(1);
            }
            _ => self.stray(),
        }
    }

    fn stray(&mut self) {
        self.found.flaws.push(Flaw::Stray { at: self.at });
        self.found.repairs.push(Repair::Blank(self.at, self.at + 1));
        self.at += 1;
    }

    /// Whether the `}` here begins its line, or follows another one, and that line stands further right than the line of its opener.
    fn indented(&self, opener: Opener) -> bool {
        let line = self.line_start(self.at);
        let before = self.text.get(line..self.at).unwrap_or("").trim();
        opener.at < line
            && (before.is_empty() || before.ends_with('}'))
            && self.indent(opener.at) < self.indent(self.at)
    }

    /// Whether the `}` here stands further left than the line of its opener, and exactly under an outer one: then the inner ones
    /// lack their closers, and get them.
    fn outdented(&mut self, opener: Opener) -> bool {
        let column = self.indent(self.at);
        let first_on_line = self.text.get(self.line_start(self.at)..self.at).is_some_and(|t| t.trim().is_empty());
        if !first_on_line || column >= self.indent(opener.at) {
            return false;
        }
        let outer = |o: &Opener| o.kind == Open::Curly && self.indent(o.at) == column;
        let Some(outer) = self.stack.iter().rposition(outer) else { return false };
        let inner = self.stack.split_off(outer + 1);
        self.found.flaws.push(Flaw::NeverClosed { opener, at: self.at });
        self.close_before(self.at, &inner);
        true
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1)
    }

    fn indent(&self, at: usize) -> usize {
        let line = self.bytes.get(self.line_start(at)..).unwrap_or_default();
        line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
    }

    /// A declaration that begins at the left edge ends whatever is open.
    fn line_begins(&mut self) {
        let in_text = self.stack.iter().any(|o| matches!(o.kind, Open::Text { .. }));
        if self.guess == Guess::Nothing || in_text || self.stack.is_empty() {
            return;
        }
        if !self.declaration_begins() {
            self.block_left();
            return self.statement_begins();
        }
        let open = std::mem::take(&mut self.stack);
        if let Some(opener) = open.last() {
            self.found.flaws.push(Flaw::NeverClosed { opener: *opener, at: self.at });
        }
        self.close_before(self.at, &open);
    }

    /// A line that stands no further right than the line of the block's `{`, and does not close it, is behind the block.
    fn block_left(&mut self) {
        let line = self.text.get(self.at..self.line_end()).unwrap_or("").trim();
        if line.is_empty() || line.starts_with("//") || line.starts_with([')', ']', '}', '{']) {
            return;
        }
        let column = self.indent(self.at);
        if !self.stack.last().is_some_and(|o| o.kind == Open::Curly) {
            return;
        }
        let brackets = [Open::Curly, Open::Round, Open::Square];
        let left = |o: &Opener| brackets.contains(&o.kind) && o.at < self.at && column <= self.indent(o.at);
        let inner = self.stack.iter().rev().take_while(|o| left(o)).count();
        let inner = self.stack.split_off(self.stack.len() - inner);
        if let Some(opener) = inner.last() {
            self.found.flaws.push(Flaw::NeverClosed { opener: *opener, at: self.at + column });
            self.close_before(self.at + column, &inner);
        }
    }

    fn declaration_begins(&self) -> bool {
        let line = self.text.get(self.at..self.line_end()).unwrap_or("");
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        let named = words.next().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
        let starts =
            ["runbook", "connector", "action", "native", "fn", "type", "enum", "use", "event", "policy", "test"];
        line.starts_with(first) && named && starts.contains(&first)
    }

    /// A statement that begins a line ends the parentheses and lists that are open.
    fn statement_begins(&mut self) {
        let line = self.text.get(self.at..self.line_end()).unwrap_or("").trim_start();
        let starts = ["let ", "var ", "step ", "finish ", "evidence ", "log ", "for ", "while ", "approve ", "waive "];
        if !starts.iter().any(|s| line.starts_with(s)) {
            return;
        }
        let open = self.stack.iter().rposition(|o| !matches!(o.kind, Open::Round | Open::Square)).map_or(0, |n| n + 1);
        let open = self.stack.split_off(open);
        if let Some(opener) = open.first() {
            self.found.flaws.push(Flaw::NeverClosed { opener: *opener, at: self.at + self.indent(self.at) });
            self.give_up_line(*opener);
        }
    }

    /// Covers the rest of the line of an opener that has no closer.
    fn give_up_line(&mut self, open: Opener) {
        let code = self.bytes.get(open.at..self.at).unwrap_or_default();
        let length = code.iter().position(|b| *b == b'\n').unwrap_or(code.len());
        self.found.repairs.push(Repair::Fill(open.at, open.at + length));
        self.mute(open, self.at);
    }

    /// What follows a missing `)` or `]`, or a missing `}` inside of them, for a few lines is its consequence.
    fn mute(&mut self, opener: Opener, end: usize) {
        let in_round = self.stack.last().is_some_and(|o| matches!(o.kind, Open::Round | Open::Square));
        if !in_round && !matches!(opener.kind, Open::Round | Open::Square) {
            return;
        }
        let start = opener.at;
        let code = self.bytes.get(start..end).unwrap_or_default();
        let few = code.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(MUTED_LINES).map_or(code.len(), |(i, _)| i);
        self.found.muted.push((start, start + few));
    }

    /// Puts the missing closers into the space before the byte `at`, or before the comments there; when there is none, gives up the
    /// code instead.
    fn close_before(&mut self, at: usize, open: &[Opener]) {
        if let Some(last) = open.last() {
            self.mute(*last, at);
        }
        let closers: Vec<u8> = open.iter().rev().map(|o| closer(o.kind)).collect();
        let mut end = at;
        for (comment, behind) in self.found.comments.iter().rev().map(|c| (c.0, Some(c.1))).chain([(0, None)]) {
            let before = self.bytes.get(..end).unwrap_or_default();
            let start = end - before.iter().rev().take_while(|b| b.is_ascii_whitespace()).count();
            let after_comment = behind == Some(start);
            let room = start + usize::from(after_comment); // a line break ends the comment
            if room + closers.len() <= end {
                return self.found.repairs.push(Repair::Write(room, closers));
            }
            if !after_comment {
                break;
            }
            end = comment;
        }
        if let Some(first) = open.first() {
            self.found.repairs.push(Repair::Fill(first.at, at));
        }
    }

    fn at_end(&mut self) {
        let end = self.bytes.len();
        let open = std::mem::take(&mut self.stack);
        let Some(last) = open.last() else { return };
        let text = open.iter().position(|o| matches!(o.kind, Open::Text { .. }));
        let opener = text.and_then(|t| open.get(t)).unwrap_or(last);
        self.found.flaws.push(Flaw::NeverClosed { opener: *opener, at: end });
        self.mute(*opener, end);
        if text.is_some() {
            self.found.repairs.push(Repair::Fill(opener.at, end));
        }
        let code = open.get(..text.unwrap_or(open.len())).unwrap_or_default();
        self.found.append = code.iter().rev().map(|o| char::from(closer(o.kind))).collect();
    }
}

fn closer(kind: Open) -> u8 {
    match kind {
        Open::Round => b')',
        Open::Square => b']',
        Open::Curly | Open::Hole => b'}',
        Open::Text { .. } => b'"',
    }
}
