//! A text with its lines, and the places a client counts in it.

use std::sync::Arc;

use tower_lsp::ls_types::{Position, PositionEncodingKind, Range};

/// How a client counts the characters of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// What every client speaks.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The best of those that a client offers, in its order of preference; UTF-16 when it names none that is known.
    pub fn choose(offered: Option<&[PositionEncodingKind]>) -> Self {
        offered.unwrap_or_default().iter().find_map(Self::of).unwrap_or_default()
    }

    fn of(kind: &PositionEncodingKind) -> Option<Self> {
        match kind.as_str() {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    /// How many units a character takes.
    fn units(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A text and where its lines begin. A line ends with `\n`, `\r\n` or `\r`, as the protocol has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    text: Arc<str>,
    starts: Vec<u32>,
}

impl Default for Text {
    fn default() -> Self {
        Self::new("".into())
    }
}

impl Text {
    /// Counts the lines of a text.
    pub fn new(text: Arc<str>) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (i, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
            if ends {
                starts.push(u32::try_from(i + 1).unwrap_or(u32::MAX));
            }
        }
        Self { text, starts }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// How many lines there are, the one after the last line end included.
    #[cfg(test)]
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The bytes of a line without its end; none when there is no such line.
    pub fn line(&self, number: usize) -> Option<std::ops::Range<usize>> {
        let start = *self.starts.get(number)? as usize;
        let next = self.starts.get(number + 1).map_or(self.text.len(), |s| *s as usize);
        let line = self.text.get(start..next)?;
        Some(start..start + line.trim_end_matches(['\n', '\r']).len())
    }

    /// The number of the line that a byte is in.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// The byte at a client's position. One behind the end of a line or of the text is taken for that end, as the protocol wants it; one
    /// inside a character for its beginning.
    pub fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let Some(line) = self.line(position.line as usize) else { return self.text.len() };
        let wanted = position.character as usize;
        let mut units = 0;
        for (at, c) in self.text.get(line.clone()).unwrap_or_default().char_indices() {
            units += encoding.units(c);
            if units > wanted {
                return line.start + at;
            }
        }
        line.end
    }

    /// The client's position of a byte. One behind the text is taken for its end, one inside a character for its beginning.
    pub fn position(&self, offset: usize, encoding: Encoding) -> Position {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.line_of(at);
        let start = self.starts.get(line).map_or(0, |s| *s as usize);
        let before = self.text.get(start..at).unwrap_or_default();
        let column: usize = match encoding {
            Encoding::Utf8 => before.len(),
            _ if before.is_ascii() => before.len(),
            _ => before.chars().map(|c| encoding.units(c)).sum(),
        };
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), character: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// The client's range of some bytes.
    pub fn range(&self, bytes: std::ops::Range<usize>, encoding: Encoding) -> Range {
        Range { start: self.position(bytes.start, encoding), end: self.position(bytes.end, encoding) }
    }

    /// The bytes of a client's range; one whose ends are swapped is taken the other way round.
    pub fn bytes(&self, range: Range, encoding: Encoding) -> std::ops::Range<usize> {
        let (a, b) = (self.offset(range.start, encoding), self.offset(range.end, encoding));
        a.min(b)..a.max(b)
    }

    /// The text with other words in the place of some bytes.
    #[must_use]
    pub fn replaced(&self, bytes: std::ops::Range<usize>, by: &str) -> Self {
        let before = self.text.get(..bytes.start).unwrap_or_default();
        let after = self.text.get(bytes.end..).unwrap_or_default();
        Self::new([before, by, after].concat().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    fn text(of: &str) -> Text {
        Text::new(of.into())
    }

    #[test]
    fn a_character_is_as_wide_as_the_client_counts() {
        // One character of one byte, one of two, one of three, one of four (two units of UTF-16).
        let t = text("aä€😀z");
        for (encoding, columns) in [
            (Encoding::Utf8, [0, 1, 3, 6, 10, 11]),
            (Encoding::Utf16, [0, 1, 2, 3, 5, 6]),
            (Encoding::Utf32, [0, 1, 2, 3, 4, 5]),
        ] {
            for (offset, column) in [0, 1, 3, 6, 10, 11].into_iter().zip(columns) {
                assert_eq!(t.position(offset, encoding), at(0, column), "{encoding:?}");
                assert_eq!(t.offset(at(0, column), encoding), offset, "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_place_inside_a_character_is_its_beginning() {
        let t = text("a😀z");
        assert_eq!(t.offset(at(0, 2), Encoding::Utf16), 1);
        assert_eq!(t.offset(at(0, 3), Encoding::Utf8), 1);
        assert_eq!(t.position(3, Encoding::Utf16), at(0, 1));
    }

    #[test]
    fn a_place_behind_the_end_is_the_end() {
        let t = text("ab\ncd");
        assert_eq!(t.offset(at(0, 99), Encoding::Utf16), 2);
        assert_eq!(t.offset(at(1, u32::MAX), Encoding::Utf16), 5);
        assert_eq!(t.offset(at(2, 0), Encoding::Utf16), 5);
        assert_eq!(t.offset(at(u32::MAX, 0), Encoding::Utf8), 5);
        assert_eq!(t.position(usize::MAX, Encoding::Utf32), at(1, 2));
    }

    #[test]
    fn lines_end_in_three_ways() {
        let t = text("a\r\nb\rc\nd");
        assert_eq!(t.lines(), 4);
        let lines: Vec<&str> = (0..4).map(|n| &t.as_str()[t.line(n).unwrap()]).collect();
        assert_eq!(lines, ["a", "b", "c", "d"]);
        assert_eq!(t.line(4), None);
        // A column behind the text of a line is not put between `\r` and `\n`.
        assert_eq!(t.offset(at(0, 2), Encoding::Utf16), 1);
        assert_eq!(text("").lines(), 1);
        assert_eq!(text("a\n").lines(), 2);
    }

    #[test]
    fn a_range_turned_round_is_the_same_range() {
        let t = text("abc");
        assert_eq!(t.bytes(Range { start: at(0, 2), end: at(0, 1) }, Encoding::Utf16), 1..2);
        assert_eq!(t.replaced(1..2, "xy"), text("axyc"));
    }

    #[test]
    fn the_client_chooses() {
        let kinds = |names: &[&str]| -> Vec<PositionEncodingKind> {
            names.iter().map(|n| serde_json::from_value(serde_json::json!(n)).unwrap()).collect()
        };
        assert_eq!(Encoding::choose(None), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&[])), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&kinds(&["utf-7"]))), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&kinds(&["utf-7", "utf-32", "utf-8"]))), Encoding::Utf32);
        assert_eq!(Encoding::choose(Some(&kinds(&["utf-8", "utf-16"]))), Encoding::Utf8);
        for e in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            assert_eq!(Encoding::of(&e.kind()), Some(e));
        }
    }
}
