//! Changes of texts.

/// Numbers that look random, the same ones for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`; 0 when `n` is.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { usize::try_from(self.next() % n as u64).unwrap_or(0) }
    }

    fn pick<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len())]
    }
}

/// What a language breaks on.
const PIECES: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "\"", "\"\"\"", "${", "r#\"", "\"#", ",", ":", ".", "..", "..=", "?.", "??", "?", "=>", "->", "=", "==",
    "+", "-", "*", "/", "<", ">", "|", "//", "///", "//!", "\n", "\n\n", " ", "\\", "\\u{10FFFF}", "\u{1}", "é", "\u{1F600}", "0", "1",
    "9223372036854775807", "9223372036854775808", "0x", "1e999", "1.5h30m", "100%", "3zz", "none", "true", "let ", "var ", "if ",
    "else ", "match ", "for ", "in ", "while ", "fn ", "runbook ", "action ", "connector ", "event ", "type ", "enum ", "use ",
    "settings ", "step ", "approve ", "verify ", "waive ", "wait ", "do ", "retry ", "timeout ", "undo ", "on ", "where ", "with ", "is ",
    "as ", "not ", "and ", "or ", "mod ", "finish ", "fail ", "return ", "trust ", "policy ", "parallel ", "race ", "evidence ", "log ",
    "key ", "null", "[[[[", "{\"a\":", "-1", "1e400", "\\ud800", "x => ", "x", ".map(x => x)", "time\"2026-01-01T00:00:00Z\"", "re\"(a*)*b\"",
    "85%", "10GiB", "1d2h3m4s5ms",
];

/// A text of the corpus with some changes.
pub fn changed(random: &mut Random, corpus: &[String], most: usize) -> String {
    let mut text = corpus[random.below(corpus.len())].clone();
    // Most programs are long; a part of one is changed more thoroughly in the same time.
    if text.len() > 600 && random.below(3) > 0 {
        let start = boundary(&text, random.below(text.len()));
        let end = boundary(&text, (start + 100 + random.below(1_500)).min(text.len()));
        text = text[start..end].to_owned();
    }
    for _ in 0..=random.below(6) {
        change(random, corpus, &mut text);
    }
    text.truncate(boundary(&text, most));
    text
}

fn change(random: &mut Random, corpus: &[String], text: &mut String) {
    let (start, end) = token(text, random.below(text.len() + 1));
    match random.below(9) {
        0 => text.replace_range(start..end, ""),
        1 => {
            let again = text[start..end].to_owned();
            text.insert_str(end, &again);
        }
        2 => text.insert_str(start, random.pick(PIECES)),
        3 => text.replace_range(start..end, random.pick(PIECES)),
        4 => {
            let (other, other_end) = token(text, random.below(text.len() + 1));
            let moved = text[other..other_end].to_owned();
            text.replace_range(start..end, &moved);
        }
        5 => {
            let from = &corpus[random.below(corpus.len())];
            let at = boundary(from, random.below(from.len() + 1));
            let length = 1 + random.below(80);
            let piece = from[at..boundary(from, (at + length).min(from.len()))].to_owned();
            text.insert_str(start, &piece);
        }
        6 => {
            let many = random.pick(PIECES).repeat(1 + random.below(200));
            text.insert_str(start, &many);
        }
        7 => text.truncate(start),
        _ => {
            let at = boundary(text, random.below(text.len() + 1));
            let one = char::from(u8::try_from(random.below(128)).unwrap_or(b' '));
            text.insert(at, one);
        }
    }
}

/// The token around a place: a word, a run of spaces, or one character.
fn token(text: &str, at: usize) -> (usize, usize) {
    let start = boundary(text, at);
    let class = |c: char| if c.is_alphanumeric() || c == '_' { 1 } else if c.is_whitespace() { 2 } else { 0 };
    let Some(first) = text[start..].chars().next() else { return (start, start) };
    if class(first) == 0 {
        return (start, start + first.len_utf8());
    }
    let same = |c: char| class(c) == class(first);
    let begin = text[..start].trim_end_matches(same).len();
    let end = text.len() - text[start..].trim_start_matches(same).len();
    (begin, end)
}

/// The nearest place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
