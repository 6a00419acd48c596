//! From what is printed to lines: a document of texts, possible line breaks and groups, set at a width.
//!
//! The scheme is Wadler's: a group stands on one line when it fits there, and else each of its own line breaks is taken. The
//! document is a flat list that the printer appends to, which needs no tree of boxes; whether a group fits is decided by looking
//! ahead no further than one line, so the work is linear. It is written here because comments need two things that the kept
//! libraries lack: a text that waits for the end of its line, and breaks that only the groups around a comment must take.

/// How long a line may be, in characters.
pub(super) const WIDTH: usize = 100;

/// Among the open groups: lines of their own, which break nothing around them.
const BARRIER: usize = usize::MAX;

/// One step of a document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A piece of the text that the document carries along: where it begins and ends there.
    Text(usize, usize),
    /// A comment that stands at the end of the line, whatever follows on it.
    Trailing(usize, usize),
    /// A space, or a line break when the group is broken.
    Line,
    /// Nothing, or a line break when the group is broken.
    Soft,
    /// Nothing, or a comma when the group is broken.
    Comma,
    /// A line break.
    Hard,
    /// An empty line; follows a line break.
    Blank,
    /// The end of the line, when a comment waits for it: what follows is a brace, and no comment goes behind one that it stood before.
    Brace,
    /// The end of what groups before it share the line with: whether they fit is no matter of what follows.
    Edge,
    /// Lines from here on stand further in, when the group is broken.
    Indent,
    /// The same in any case, for what has its own lines.
    Nest,
    /// The end of either.
    Dedent,
    /// A group, and whether it must be broken.
    Open {
        broken: bool,
    },
    Close,
}

/// What is printed so far.
#[derive(Debug, Default)]
pub(super) struct Document {
    text: String,
    steps: Vec<Step>,
    /// The groups that are open, by their steps.
    open: Vec<usize>,
}

impl Document {
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Open { .. } => self.open.push(self.steps.len()),
            Step::Close => drop(self.open.pop()),
            Step::Nest => self.open.push(BARRIER),
            _ => {}
        }
        self.steps.push(step);
    }

    pub(super) fn text(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        let end = self.text.len();
        match self.steps.last_mut() {
            Some(Step::Text(_, before)) if *before == start => *before = end,
            _ => self.steps.push(Step::Text(start, end)),
        }
    }

    /// A comment at the end of the line; the groups around it are broken, so that what follows goes to the next line.
    pub(super) fn trailing(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.steps.push(Step::Trailing(start, self.text.len()));
        self.break_groups();
    }

    /// Breaks the groups that are open, out to the lines that they are on.
    pub(super) fn break_groups(&mut self) {
        for at in self.open.iter().rev().take_while(|at| **at != BARRIER) {
            if let Some(Step::Open { broken }) = self.steps.get_mut(*at) {
                *broken = true;
            }
        }
    }

    /// The end of [`Step::Nest`].
    pub(super) fn end_nest(&mut self) {
        self.open.pop();
        self.steps.push(Step::Dedent);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Sets the document in lines.
    pub(super) fn lines(&self) -> String {
        let mut setter = Setter::new(self);
        for (at, step) in self.steps.iter().enumerate() {
            setter.set(at, *step);
        }
        setter.end_of_line();
        setter.out
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or("")
    }
}

struct Setter<'d> {
    document: &'d Document,
    out: String,
    indent: usize,
    /// What each open indentation adds: nothing in a group that is on one line, whose blocks may still have lines.
    indents: Vec<usize>,
    /// How many characters the line has.
    column: usize,
    /// How far in the line begins.
    begins: usize,
    /// Whether nothing stands on the line yet.
    fresh: bool,
    /// For each open group whether it is on one line.
    flat: Vec<bool>,
    waiting: Vec<(usize, usize)>,
}

impl<'d> Setter<'d> {
    fn new(document: &'d Document) -> Self {
        Self {
            document,
            out: String::with_capacity(document.text.len() * 5 / 4),
            indent: 0,
            indents: Vec::new(),
            column: 0,
            begins: 0,
            fresh: true,
            flat: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn set(&mut self, at: usize, step: Step) {
        let flat = self.flat.last().copied().unwrap_or(false);
        match step {
            Step::Text(start, end) => self.write(self.document.slice(start, end)),
            Step::Trailing(start, end) => self.waiting.push((start, end)),
            Step::Line if flat => self.write(" "),
            Step::Soft if flat => {}
            Step::Line | Step::Soft | Step::Hard => self.new_line(),
            Step::Comma if flat => {}
            Step::Comma => self.write(","),
            Step::Blank => {
                self.end_of_line();
                self.out.push('\n');
            }
            Step::Brace if self.waiting.is_empty() => {}
            Step::Brace => self.new_line(),
            Step::Indent | Step::Nest => {
                let more = usize::from(!flat || matches!(step, Step::Nest));
                self.indents.push(more);
                self.indent += more;
            }
            Step::Dedent => self.indent = self.indent.saturating_sub(self.indents.pop().unwrap_or(0)),
            Step::Open { broken } => {
                let fits = !broken && self.fits(at + 1);
                self.flat.push(fits);
            }
            Step::Close => drop(self.flat.pop()),
            Step::Edge => {}
        }
    }

    fn write(&mut self, text: &str) {
        let text = if self.fresh { text.trim_start_matches(' ') } else { text };
        if text.is_empty() {
            return;
        }
        if self.fresh {
            self.out.extend(std::iter::repeat_n("  ", self.begins));
            self.column = self.begins * 2;
            self.fresh = false;
        }
        self.out.push_str(text);
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn new_line(&mut self) {
        if !self.fresh || !self.waiting.is_empty() {
            self.end_of_line();
        }
        self.begins = self.indent;
    }

    /// Writes the comments that wait for it, each further one on a line of its own, and ends the line.
    fn end_of_line(&mut self) {
        for (start, end) in std::mem::take(&mut self.waiting) {
            if !self.fresh {
                self.trim();
                self.out.push(' ');
            } else {
                self.out.extend(std::iter::repeat_n("  ", self.indent));
            }
            self.out.push_str(self.document.slice(start, end));
            self.out.push('\n');
            self.fresh = true;
        }
        if !self.fresh {
            self.trim();
            self.out.push('\n');
        }
        self.fresh = true;
        self.column = 0;
    }

    fn trim(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
    }

    /// Whether what begins at the step `from`, up to the next line break that is taken anyway, fits on the line.
    fn fits(&self, from: usize) -> bool {
        let start = if self.fresh { self.begins * 2 } else { self.column };
        let Some(mut room) = WIDTH.checked_sub(start) else { return false };
        // The group itself is flat, what is around it is as it is.
        let mut inside = 1usize;
        let mut around = self.flat.len();
        for step in self.document.steps.get(from..).unwrap_or_default() {
            let taken = match step {
                Step::Text(start, end) => {
                    let text = self.document.slice(*start, *end);
                    if let Some((first, _)) = text.split_once('\n') {
                        return first.chars().count() <= room;
                    }
                    // Most texts are short and ASCII.
                    if text.len() <= room { text.len() } else { text.chars().count() }
                }
                Step::Hard | Step::Blank => return true,
                Step::Edge if inside == 0 => return true,
                Step::Line | Step::Soft => {
                    let broken =
                        inside == 0 && !around.checked_sub(1).and_then(|n| self.flat.get(n)).copied().unwrap_or(false);
                    if broken {
                        return true;
                    }
                    usize::from(matches!(step, Step::Line))
                }
                Step::Open { broken: true } => return true,
                Step::Open { .. } => {
                    inside += 1;
                    0
                }
                Step::Close if inside > 0 => {
                    inside -= 1;
                    0
                }
                Step::Close => {
                    around = around.saturating_sub(1);
                    0
                }
                Step::Comma | Step::Brace | Step::Edge | Step::Trailing(..) => 0,
                Step::Indent | Step::Nest | Step::Dedent => 0,
            };
            match room.checked_sub(taken) {
                Some(left) => room = left,
                None => return false,
            }
        }
        true
    }
}
