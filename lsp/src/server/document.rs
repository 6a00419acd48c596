//! A document that a client has open.

use std::collections::HashMap;
use std::sync::Arc;

use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::key::Key;
use super::text::{Encoding, Text};

/// An open document as the client has it now, saved or not.
#[derive(Debug, Clone)]
pub struct Document {
    /// The address as the client spells it.
    pub uri: Uri,
    /// Counted up by the client with every change.
    pub version: i32,
    pub text: Arc<Text>,
    /// The project it belongs to.
    pub project: Key,
}

/// The open documents.
pub type Documents = HashMap<Key, Arc<Document>>;

/// Changes of a document could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder;

impl Document {
    /// The document after some changes, which the client made one after the other.
    ///
    /// # Errors
    /// When they are older than what is known. They were made to a text that is no more, so that none of their places means anything.
    pub fn changed(
        &self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Result<Self, OutOfOrder> {
        if version < self.version {
            return Err(OutOfOrder);
        }
        let mut text = Arc::clone(&self.text);
        for change in changes {
            text = Arc::new(match change.range {
                None => Text::new(change.text.into()),
                Some(range) => text.replaced(text.bytes(range, encoding), &change.text),
            });
        }
        Ok(Self { version, text, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use tower_lsp::ls_types::{Position, Range};

    use super::*;

    fn document(text: &str) -> Document {
        let uri = Uri::from_str("untitled:a").unwrap();
        let project = Key::Other("untitled:a".into());
        Document { uri, version: 3, text: Arc::new(Text::new(text.into())), project }
    }

    fn change(line: u32, from: u32, to: u32, text: &str) -> TextDocumentContentChangeEvent {
        let range = Range { start: Position { line, character: from }, end: Position { line, character: to } };
        TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: text.into() }
    }

    fn whole(text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent { range: None, range_length: None, text: text.into() }
    }

    #[test]
    fn each_change_is_made_to_what_the_one_before_left() {
        let changes = vec![change(0, 1, 1, "x\n"), change(1, 0, 1, "Y"), change(0, 0, 1, "")];
        let after = document("ab").changed(4, changes, Encoding::Utf16).unwrap();
        assert_eq!((after.text.as_str(), after.version), ("x\nY", 4));
        let whole = vec![change(0, 0, 1, "no"), whole("b"), change(0, 1, 1, "c")];
        assert_eq!(document("ab").changed(9, whole, Encoding::Utf8).unwrap().text.as_str(), "bc");
    }

    #[test]
    fn an_older_change_is_not_taken() {
        let old = document("ab");
        assert_eq!(old.changed(2, vec![whole("x")], Encoding::Utf16).err(), Some(OutOfOrder));
        assert_eq!(old.changed(3, vec![whole("x")], Encoding::Utf16).unwrap().text.as_str(), "x");
    }

    #[test]
    fn a_change_behind_the_end_adds_there() {
        let after = document("a\n").changed(4, vec![change(7, 0, 9, "z")], Encoding::Utf16).unwrap();
        assert_eq!(after.text.as_str(), "a\nz");
    }
}
