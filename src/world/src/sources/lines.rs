//! Lines of text that become deliveries.

use std::collections::BTreeMap;

use rrb_engine::sink::Fed;

/// The longest line, in bytes. A longer one is taken as far as this, and says so.
pub(super) const MAX_LINE: usize = 256 << 10;

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The body is the line.
    Text,
    /// The body is the JSON that the line is; one that is none becomes a dead letter.
    Json,
}

impl Format {
    /// One of the texts that `format` may be.
    pub fn named(name: &str) -> Self {
        if name == "json" { Self::Json } else { Self::Text }
    }

    /// The delivery of a line without its end; none for an empty one.
    pub fn fed(self, line: &[u8], mut headers: BTreeMap<String, String>) -> Option<Fed> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let kept = line.get(..MAX_LINE).unwrap_or(line);
        if kept.len() < line.len() {
            headers.insert("truncated".to_owned(), "true".to_owned());
        }
        let body = self.body(kept, &mut headers);
        Some(Fed { body, headers, position: None })
    }

    /// The body that these bytes are.
    pub fn body(self, bytes: &[u8], headers: &mut BTreeMap<String, String>) -> Vec<u8> {
        match self {
            Self::Json => bytes.to_vec(),
            Self::Text => {
                let text = String::from_utf8_lossy(bytes);
                if matches!(text, std::borrow::Cow::Owned(_)) {
                    headers.insert("lossy".to_owned(), "true".to_owned());
                }
                serde_json::Value::from(text.into_owned()).to_string().into_bytes()
            }
        }
    }
}

/// Cuts a stream of bytes into lines, without ever holding much more than one of them.
#[derive(Debug)]
pub(super) struct Splitter {
    held: Vec<u8>,
    most: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(MAX_LINE)
    }
}

impl Splitter {
    /// Of a longer line, `most` bytes and one more are given.
    pub fn new(most: usize) -> Self {
        Self { held: Vec::new(), most }
    }

    /// Takes bytes; gives each line that is complete with the number of these bytes up to behind its end.
    pub fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8], usize)) {
        let mut from = 0;
        while let Some(found) = bytes.get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
            let end = from + found;
            self.hold(bytes.get(from..end).unwrap_or_default());
            line(&self.held, end + 1);
            self.held.clear();
            from = end + 1;
        }
        self.hold(bytes.get(from..).unwrap_or_default());
    }

    fn hold(&mut self, bytes: &[u8]) {
        // One byte more than a line may have, so that it shows that it was longer.
        let room = (self.most + 1).saturating_sub(self.held.len());
        let kept = bytes.len().min(room);
        self.held.extend_from_slice(bytes.get(..kept).unwrap_or_default());
    }

    /// What stands there without an end of line.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fed(format: Format, line: &[u8]) -> Option<(String, Vec<String>)> {
        let fed = format.fed(line, BTreeMap::new())?;
        Some((String::from_utf8_lossy(&fed.body).into_owned(), fed.headers.into_keys().collect()))
    }

    #[test]
    fn a_line_is_a_text_or_what_it_holds() {
        let said =
            |body: &str, headers: &[&str]| Some((body.to_owned(), headers.iter().map(|h| (*h).to_owned()).collect()));
        assert_eq!(fed(Format::Text, b"a \"b\"\r"), said(r#""a \"b\"""#, &[]));
        assert_eq!(fed(Format::Json, b"{\"a\":1}\r"), said("{\"a\":1}", &[]));
        assert_eq!(fed(Format::Text, b"\xffa"), said("\"\u{fffd}a\"", &["lossy"]));
        for empty in [&b""[..], b"\r", b"  \t"] {
            assert_eq!(fed(Format::Text, empty), None);
            assert_eq!(fed(Format::Json, empty), None);
        }
    }

    #[test]
    fn a_line_is_cut_at_its_limit() {
        for (len, cut) in [(MAX_LINE - 1, false), (MAX_LINE, false), (MAX_LINE + 1, true), (3 * MAX_LINE, true)] {
            let mut splitter = Splitter::default();
            let mut lines = Vec::new();
            let mut bytes = vec![b'x'; len];
            bytes.extend_from_slice(b"\nnext\n");
            splitter.push(&bytes, |line, end| lines.push((fed(Format::Text, line).unwrap(), end)));
            let (body, headers) = &lines[0].0;
            assert_eq!((body.len() - 2, !headers.is_empty()), (len.min(MAX_LINE), cut), "{len}");
            assert_eq!(lines[1], (("\"next\"".to_owned(), vec![]), len + 6));
        }
    }

    proptest! {
        #[test]
        fn however_bytes_come_the_lines_are_the_same(text in "[a-c\n]{0,60}", cuts in prop::collection::vec(0..60_usize, 0..5)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
            for pair in cuts.windows(2) {
                splitter.push(&bytes[pair[0]..pair[1]], |line, end| {
                    assert!(end <= pair[1] - pair[0]);
                    lines.push(String::from_utf8_lossy(line).into_owned());
                });
            }
            lines.push(String::from_utf8_lossy(&splitter.rest()).into_owned());
            prop_assert_eq!(lines.join("\n"), text);
        }
    }
}
