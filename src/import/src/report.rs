//! What of a description the connector holds otherwise than written, or not at all.

use serde::Serialize;

/// How much was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It is not in the connector.
    LeftOut,
    /// It is in the connector in a wider or another form than the description has it.
    Widened,
    /// It was guessed, and a person should look.
    Guessed,
    /// A person does it: nothing here can.
    ByHand,
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What kind of thing: one of a fixed list of words (`auth`, `body`, `effect`, `enum`, …), for programs.
    pub about: &'static str,
    pub loss: Loss,
    /// JSON pointer (RFC 6901) of the place in the description.
    pub at: String,
    /// What is there, and what stands in the connector for it.
    pub what: String,
    /// How many further places say the same; their pointers are left out.
    pub more: usize,
}

/// How much of each there is in the connector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations of the description.
    pub operations: usize,
    /// Actions of the connector: those operations that were chosen and could be carried.
    pub actions: usize,
    pub types: usize,
    pub events: usize,
    pub settings: usize,
}

impl Counts {
    /// `2 of 5 operations, 1 type, no events`
    pub fn to_text(self) -> String {
        let many = |n: usize, one: &str| match n {
            0 => format!("no {one}s"),
            1 => format!("1 {one}"),
            n => format!("{n} {one}s"),
        };
        let Self { actions, operations, .. } = self;
        format!(
            "{actions} of {}, {}, {}",
            many(operations, "operation"),
            many(self.types, "type"),
            many(self.events, "event")
        )
    }
}

/// What became of a description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its `info.title`.
    pub title: String,
    /// Its `info.version`.
    pub version: String,
    /// `OpenAPI 3.0.3`, `Swagger 2.0`.
    pub format: String,
    /// The name of the connector.
    pub connector: String,
    pub counts: Counts,
    /// In the order of the description's parts as they are read.
    pub notes: Vec<Note>,
}

/// The most places that are listed for the same note; the rest is counted.
const MAX_SAME: usize = 50;

/// Collects notes.
#[derive(Debug, Default)]
pub struct Notes {
    notes: Vec<Note>,
    /// For each text: how often it was said, and the last note that says it.
    said: std::collections::HashMap<(&'static str, String), (usize, usize)>,
    places: std::collections::HashSet<(String, String)>,
}

impl Notes {
    /// Adds one, once for a place.
    pub fn add(&mut self, about: &'static str, loss: Loss, at: &str, what: impl Into<String>) {
        let what = clean(&what.into());
        if !self.places.insert((at.to_owned(), what.clone())) {
            return;
        }
        let (count, last) = self.said.entry((about, what.clone())).or_insert((0, 0));
        *count += 1;
        if *count > MAX_SAME {
            if let Some(note) = self.notes.get_mut(*last) {
                note.more += 1;
            }
            return;
        }
        *last = self.notes.len();
        self.notes.push(Note { about, loss, at: at.to_owned(), what, more: 0 });
    }

    pub fn left_out(&mut self, about: &'static str, at: &str, what: impl Into<String>) {
        self.add(about, Loss::LeftOut, at, what);
    }

    pub fn widened(&mut self, about: &'static str, at: &str, what: impl Into<String>) {
        self.add(about, Loss::Widened, at, what);
    }

    pub fn guessed(&mut self, about: &'static str, at: &str, what: impl Into<String>) {
        self.add(about, Loss::Guessed, at, what);
    }

    pub fn into_vec(self) -> Vec<Note> {
        self.notes
    }
}

/// Text of the description that is quoted: on one line, no control characters, not endless.
fn clean(text: &str) -> String {
    let flat: String = text.chars().map(|c| if crate::text::is_odd(c) { ' ' } else { c }).collect();
    crate::text::shorten(&flat, 300)
}

impl Report {
    /// For people: the counts, then the notes by what they are about, a few places of each.
    pub fn to_text(&self) -> String {
        let c = self.counts;
        let mut out = format!(
            "{} ({}{}): {}\n",
            self.connector,
            self.format,
            if self.title.is_empty() { String::new() } else { format!(", {}", self.title) },
            c.to_text()
        );
        write_notes(&mut out, &self.notes);
        out
    }
}

/// The most places that the text shows of one note; JSON has them all.
const SHOWN: usize = 3;

/// The notes for people, by what was lost and what is said.
pub(crate) fn write_notes(out: &mut String, notes: &[Note]) {
    use std::fmt::Write as _;

    for (loss, head) in [
        (Loss::ByHand, "done by a person"),
        (Loss::LeftOut, "not carried"),
        (Loss::Widened, "carried in another form"),
        (Loss::Guessed, "guessed, to be looked at"),
    ] {
        let groups = groups(notes, loss);
        if groups.is_empty() {
            continue;
        }
        let total: usize = groups.iter().map(|(_, places, _)| *places).sum();
        let _ = writeln!(out, "\n{head} ({total}):");
        for (what, places, at) in groups {
            let count = if places > 1 { format!(" ({places} places)") } else { String::new() };
            let _ = writeln!(out, "  {what}{count}");
            for place in at.iter().take(SHOWN) {
                let _ = writeln!(out, "    #{place}");
            }
            if at.len() > SHOWN {
                let _ = writeln!(out, "    …");
            }
        }
    }
}

/// What is said, in how many places, and those that are known.
fn groups(notes: &[Note], loss: Loss) -> Vec<(&str, usize, Vec<&str>)> {
    let mut groups: indexmap::IndexMap<&str, (usize, Vec<&str>)> = indexmap::IndexMap::new();
    for note in notes.iter().filter(|n| n.loss == loss) {
        let group = groups.entry(&note.what).or_default();
        group.0 += 1 + note.more;
        group.1.push(&note.at);
    }
    groups.into_iter().map(|(what, (places, at))| (what, places, at)).collect()
}
