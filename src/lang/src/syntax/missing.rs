//! Words of the language that were left out.
//!
//! A clause whose word lacks reads as the beginning of another statement, or cannot be read. So where the text cannot be read, and
//! where two statements stand on one line, the clause words that could stand there are put in, one after the other. When the
//! declaration can be read with one of them, that is the word that lacks; from there on it is read with it, so that nothing else is
//! said of what belongs to it.

use pest::{
    Parser,
    error::{ErrorVariant, InputLocation},
};

use super::{
    explain::{self, keyword},
    grammar::{Grammar, Rule},
    habits,
    nodes::Nodes,
    slips::{self, Search, Slip, Spelt},
};

/// How many places of a line are tried, and how many words in each.
const PLACES: usize = 8;
const TRIES: usize = 8;

/// How many words are put in for all mistakes of a text, and how many bytes are read for them: an editor waits for the answer.
pub(super) const MOST: usize = 300;
pub(super) const WORK: usize = 128 * 1024;

/// Up to which depth of brackets it is tried: what is deeper takes long to read.
const DEEP: usize = 24;

/// Words of clauses by what may follow them, the likely ones first.
const BEFORE_TIME: &[&str] =
    &["within", "every", "for", "per", "after", "timeout", "settle", "pausing", "backoff", "advance"];
const BEFORE_NUMBER: &[&str] = &["quorum", "retry", "limit", "max", "parallel", "to", "per", "of", "least", "runs"];
const BEFORE_TEXT: &[&str] =
    &["by", "because", "until", "unsafe", "key", "target", "comment", "query", "in", "is", "from", "webhook"];
const BEFORE_LIST: &[&str] = &["waves", "is", "in", "tags", "returns"];
const BEFORE_BRACE: &[&str] = &["showing", "undo", "otherwise", "else", "catch", "between", "probe"];
const BEFORE_PEOPLE: &[&str] = &["from", "to", "for"];
const BEFORE_CALL: &[&str] = &["ask", "where", "by", "when", "with", "called", "returns", "fails", "within", "until"];
const BEFORE_NAME: &[&str] = &[
    "of",
    "requester",
    "comment",
    "rollback",
    "failures",
    "times",
    "keys",
    "up",
    "as",
    "where",
    "by",
    "escalate",
    "remind",
    "distinct",
    "with",
    "within",
    "to",
    "for",
    "then",
    "and",
    "without",
    "not",
    "allow",
    "require",
    "collect",
    "no",
    "called",
    "returns",
    "fails",
    "from",
    "undo",
    "key",
    "max",
    "query",
];

/// Words that end a clause, so that they lack behind what is written and not before it.
pub(super) const ENDS: &[&str] = &["requester", "comment", "rollback", "failures", "times", "keys", "up"];

/// What touches the text of a literal, unless somebody put a space there.
const TAGS: &[&str] = &[" re", " cron", " url", " cidr", " time", " ip", " r"];

/// Words that begin a statement or a declaration, by words that only their clauses have.
const HEADS: &[(&str, &[&str])] = &[
    ("waive", &["by", "until"]),
    ("approve", &["from", "quorum"]),
    ("verify", &["within", "settle", "every"]),
    ("wait", &["until", "for"]),
    ("for", &["in"]),
    ("while", &["max"]),
    ("retry", &["times"]),
    ("cancel", &["when"]),
    ("dedupe", &["for"]),
    ("limit", &["per"]),
    ("concurrency", &["by", "queue", "skip", "replace"]),
    ("on", &["as", "where", "busy"]),
    ("give", &["up"]),
    ("given", &["returns", "fails"]),
    ("expect", &["called"]),
    ("delegate", &["query"]),
    ("require", &["approval"]),
    ("keyed", &["within"]),
    ("step", &["{"]),
    ("if", &["{"]),
];

/// How far a declaration can be read: to its end, or beyond the line of the mistake.
enum Reads {
    Whole,
    Further,
}

/// A declaration of the source, and where something is wrong in it.
pub(super) struct Declaration<'t> {
    pub(super) source: &'t str,
    /// From where to where the declaration goes.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) found: usize,
    /// Whether it can be read and only has a second statement on a line.
    pub(super) readable: bool,
    /// Where the arms of a `match` are read that has lost its word: the place of the first `=>`.
    pub(super) arms: bool,
}

impl Declaration<'_> {
    fn text(&self) -> &str {
        self.source.get(self.from..self.to).unwrap_or("")
    }

    /// The places on the line of the mistake where a word may lack, the nearest first.
    fn places(&self) -> Vec<usize> {
        let text = self.text();
        let found = self.found - self.from;
        let line = |at: usize| text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        // What stands first on its line may be wrong because of the line before.
        let own = line(found);
        let first = text.get(own..found).is_some_and(|t| t.trim().is_empty());
        let start = if first { line(own.saturating_sub(1)) } else { own };
        let mut places = Vec::new();
        let mut at = start;
        while at <= found {
            at += explain::spaces(text.get(at..).unwrap_or(""));
            if at > found || at >= text.len() {
                break;
            }
            places.push(at);
            at += token(text, at).len().max(1);
        }
        let first = places.first().copied();
        places.reverse();
        places.truncate(PLACES - 1);
        places.extend(first.filter(|first| !places.contains(first)));
        places
    }

    /// The words that may begin the statement at `at`, by the clauses that it has.
    fn heads(&self, at: usize) -> Vec<&'static str> {
        let text = self.text();
        let first = text.get(..at).is_none_or(|t| t.trim_end_matches([' ', '\t']).ends_with(['\n', '{', '}', '=']));
        if self.arms {
            let first =
                text.get(..at).is_none_or(|t| t.trim_end_matches([' ', '\t']).ends_with(['\n', '{', '}', '=', '>']));
            let foreign = habits::is_foreign(token(text, at)) || token(text, at) == "{";
            return if first && !foreign { vec!["match"] } else { Vec::new() };
        }
        if self.is_second_event(at) {
            return vec!["and", "then", "without"];
        }
        if self.names_event(at) {
            return vec!["as"];
        }
        let line = text.get(at..).unwrap_or("").lines().next().unwrap_or("");
        let has = |clause: &str| line.split(|c: char| !(c.is_ascii_lowercase() || c == '{')).any(|w| w == clause);
        let heads = HEADS.iter().filter(|(_, clauses)| first && clauses.iter().any(|c| has(c)));
        let word = token(text, at);
        let named = word.starts_with('"');
        // A word of the language begins what it begins, or goes on with what is before it.
        if !self.arms && slips::is_word(word) && !matches!(word, "until" | "for") {
            return Vec::new();
        }
        let heads = heads.map(|(head, _)| *head).filter(|head| *head == "wait" || !slips::is_word(word) || self.arms);
        heads.filter(|head| !matches!(*head, "step" | "if") || named == (*head == "step")).collect()
    }

    /// `on A as a B as b`: whether the second event begins at `at`.
    fn is_second_event(&self, at: usize) -> bool {
        let text = self.text();
        let line = text.get(..at).unwrap_or("").rsplit('\n').next().unwrap_or("").trim();
        let event = text.get(at..).unwrap_or("");
        let path =
            event.len() - event.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.".contains(c)).len();
        let dotted = event.get(..path).is_some_and(|p| p.contains('.') && !p.starts_with('.'));
        line.starts_with("on ")
            && line.contains(" as ")
            && dotted
            && event.get(path..).is_some_and(|t| t.starts_with(" as "))
    }

    /// `on A a`: whether a bare name stands behind the event that it is to name.
    fn names_event(&self, at: usize) -> bool {
        let text = self.text();
        let line = text.get(..at).unwrap_or("").rsplit('\n').next().unwrap_or("");
        let mut words = line.split_whitespace().rev();
        let event = words.next().is_some_and(|w| w.contains('.') && !w.contains(['(', '"']));
        let joint = words
            .next()
            .is_some_and(|w| matches!(w, "on" | "of" | "and" | "then" | "without" | "later" | "for" | "when"));
        let name = token(text, at);
        event && joint && name.starts_with(|c: char| c.is_ascii_lowercase()) && !slips::is_word(name)
    }

    /// The clauses that may lack before the token at `at`, by what it is.
    fn clauses(&self, at: usize) -> &'static [&'static str] {
        let text = self.text();
        let word = token(text, at);
        let behind = text.get(at + word.len()..).unwrap_or("");
        if self.arms {
            return &[];
        }
        let digits = word.starts_with(|c: char| c.is_ascii_digit());
        let before = text.get(..at).unwrap_or("").trim_end();
        if (TAGS.iter().any(|tag| before.ends_with(tag)) && word.starts_with('"')) || before.ends_with(" advance") {
            return &[];
        }
        match word.chars().next() {
            Some('"') => BEFORE_TEXT,
            Some('[') => BEFORE_LIST,
            Some('{') => BEFORE_BRACE,
            _ if behind.starts_with('"') => BEFORE_TEXT,
            _ if digits && word.ends_with(char::is_alphabetic) => BEFORE_TIME,
            _ if digits => BEFORE_NUMBER,
            _ if matches!(word, "group" | "user") => BEFORE_PEOPLE,
            _ if word == "every" => &["remind", "times", "requester", "comment"],
            _ if word == "to" => &["escalate", "times", "requester", "comment"],
            _ if word == "requester" => &["not", "allow"],
            _ if word == "comment" => &["require"],
            _ if slips::is_word(word) => ENDS,
            _ if behind.starts_with('(') => BEFORE_CALL,
            Some(c) if c.is_ascii_lowercase() => BEFORE_NAME,
            _ => &[],
        }
    }

    /// Whether the word stands in the head of the statement around `at`, up to the braces before and behind it.
    fn has(&self, at: usize, word: &str) -> bool {
        let text = self.text();
        let from = text.get(..at).and_then(|t| t.rfind(['{', '}'])).map_or(0, |n| n + 1);
        let to = text.get(at..).and_then(|t| t.find(['{', '}'])).map_or(text.len(), |n| at + n);
        let head = text.get(from..to).unwrap_or("");
        head.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|w| w == word)
    }
}

impl Search {
    /// The clause word that lacks on the line of the mistake.
    pub(super) fn missing(&mut self, place: &Declaration<'_>, slips: &[Slip]) -> Option<Slip> {
        let elsewhere = place.found < place.from || place.to <= place.found;
        if self.rule != Rule::file || elsewhere || self.searched.contains(&place.found) || is_deep(place.text()) {
            return None;
        }
        self.searched.push(place.found);
        let inside = |s: &&Slip| place.from <= s.start && s.end <= place.to;
        let near: Vec<Slip> = slips.iter().filter(inside).map(|s| s.moved_back(place.from)).collect();
        for at in place.places() {
            let text = place.text();
            let before = text.get(..at).unwrap_or("").trim_end();
            let word = token(text, at);
            // What stands there twice is one too many; and behind a dot every word is a name.
            if before.ends_with('.')
                || before.ends_with(word)
                || before.ends_with('\u{1}')
                || near.iter().any(|s| s.start == at || (s.start < at && at < s.end))
            {
                continue;
            }
            let Some(known) = self.allowed(text, &near, at) else { continue };
            let heads = place.heads(at);
            let clauses = place.clauses(at).iter().copied().filter(|w| known.iter().any(|k| k == w));
            let (written, fresh): (Vec<_>, Vec<_>) = heads.into_iter().chain(clauses).partition(|w| place.has(at, w));
            // A clause that the statement has is hardly the one that lacks.
            let mut found = self.first_that_read(place, &near, at, &fresh);
            if found.is_empty() {
                found = self.first_that_read(place, &near, at, &written);
            }
            if let Some((better, others)) = found.split_first() {
                let mut slip = Slip::missing(at + place.from, better);
                slip.others.iter_mut().zip(others).for_each(|(slot, other)| *slot = other);
                return Some(slip);
            }
        }
        None
    }

    fn first_that_read(
        &mut self,
        place: &Declaration<'_>,
        slips: &[Slip],
        at: usize,
        words: &[&'static str],
    ) -> Vec<&'static str> {
        let (mut whole, mut further) = (Vec::new(), Vec::new());
        for word in words.iter().take(TRIES) {
            match self.reads(place, slips, at, word) {
                Some(Reads::Whole) => whole.push(*word),
                Some(Reads::Further) => further.push(*word),
                None => {}
            }
        }
        let mut found = if whole.is_empty() { further } else { whole };
        found.truncate(1 + slips::OTHERS);
        found
    }

    /// The words that the grammar takes at the byte `at`. None when the text before it cannot be read.
    fn allowed(&mut self, text: &str, slips: &[Slip], at: usize) -> Option<Vec<String>> {
        self.readings = self.readings.checked_sub(at)?;
        let before: Vec<Slip> = slips.iter().copied().filter(|s| s.end <= at).collect();
        let cut = format!("{}\u{2}", text.get(..at)?);
        let spelt = Spelt::new(&cut, &before);
        let error = Grammar::parse(self.rule, &spelt.text).err()?;
        let (InputLocation::Pos(end) | InputLocation::Span((end, _))) = error.location;
        let end = end + explain::trivia(spelt.text.get(end..)?);
        let ErrorVariant::ParsingError { positives, .. } = &error.variant else { return None };
        let mut words: Vec<String> = positives.iter().flat_map(|r| words_of(*r)).collect();
        words.dedup();
        Some(words).filter(|_| spelt.text.get(end..) == Some("\u{2}"))
    }

    /// How far the declaration can be read with the word before the byte `at`.
    fn reads(&mut self, place: &Declaration<'_>, slips: &[Slip], at: usize, better: &'static str) -> Option<Reads> {
        let text = place.text();
        let (Some(left), Some(insertions)) = (self.readings.checked_sub(text.len()), self.insertions.checked_sub(1))
        else {
            return None;
        };
        (self.readings, self.insertions) = (left, insertions);
        let with: Vec<Slip> = slips.iter().copied().chain([Slip::missing(at, better)]).collect();
        let spelt = Spelt::new(text, &with);
        let line_end = text
            .get(place.found - place.from..)
            .and_then(|t| t.find('\n'))
            .map_or(text.len(), |n| place.found - place.from + n);
        match Grammar::parse(self.rule, &spelt.text) {
            Ok(pairs) => {
                let start = text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
                let nodes = Nodes::new(text, &pairs, |at| spelt.place(at));
                let second = nodes.second_on_line().any(|second| start <= second && second <= line_end);
                drop(nodes);
                let read = Nodes::new(&spelt.text, &pairs, |at| at);
                let end = spelt.text.get(..spelt.behind(at)).map_or(0, |t| t.trim_end().len());
                let named = read.is_name(end.saturating_sub(better.len()));
                Some(Reads::Whole).filter(|_| !second && !named)
            }
            Err(error) => {
                let (InputLocation::Pos(end) | InputLocation::Span((end, _))) = error.location;
                let further = !place.readable && !place.arms && spelt.place(end) > line_end;
                Some(Reads::Further).filter(|_| further)
            }
        }
    }
}

/// The words that what a rule of the grammar reads may begin with.
fn words_of(rule: Rule) -> Vec<String> {
    if let Some(word) = keyword(rule) {
        return vec![word];
    }
    let name = format!("{rule:?}");
    match rule {
        Rule::f_waves => vec!["in".into()],
        Rule::p_not_requester => vec!["not".into()],
        Rule::p_allow_requester => vec!["allow".into()],
        Rule::p_comment => vec!["require".into()],
        Rule::joint => vec!["and".into(), "then".into(), "without".into()],
        _ => name.split('_').map(str::to_owned).collect(),
    }
}

fn is_deep(text: &str) -> bool {
    let mut depth = 0usize;
    text.bytes().any(|b| {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEP
    })
}

/// A word, a number with its unit, a text, or one character.
fn token(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or("");
    let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    let length = match rest.chars().next() {
        None => 0,
        Some(_) if word > 0 => word + usize::from(rest.get(word..).is_some_and(|r| r.starts_with('%'))),
        Some('"') => explain::text_length(rest),
        Some(c) => c.len_utf8(),
    };
    rest.get(..length).unwrap_or("")
}
