//! Messages of brokers that become deliveries.

use std::collections::BTreeMap;

use rrb_engine::sink::Fed;

use super::lines::Format;

/// The longest message, in bytes. A longer one is taken as far as this, and says so.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// What a message may bring along of its own headers, in bytes of names and values. Those behind are left out, and that is said.
const MAX_HEADERS: usize = 32 << 10;

/// A message as it came.
#[derive(Debug, Default)]
pub(super) struct Message {
    facts: BTreeMap<String, String>,
    own: usize,
}

impl Message {
    /// What the broker says of it. Names that a sender chooses cannot stand here: see [`Message::header`].
    pub fn fact(&mut self, name: &str, value: impl ToString) {
        self.facts.insert(name.to_owned(), value.to_string());
    }

    /// What the broker says of it, where it does.
    pub fn fact_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    /// A header that its sender wrote, as `header.NAME`, so that none passes for what the broker says.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        let size = name.len() + value.len();
        if self.own + size > MAX_HEADERS {
            self.fact("headers_cut", "true");
            return;
        }
        self.own += size;
        self.facts.insert(format!("header.{name}"), String::from_utf8_lossy(value).into_owned());
    }

    /// The delivery of it. Nothing at all (no payload, where the broker tells that from an empty one) is null.
    pub fn fed(self, format: Format, payload: Option<&[u8]>, position: Option<String>) -> Fed {
        let mut headers = self.facts;
        let Some(payload) = payload else { return Fed { body: b"null".to_vec(), headers, position } };
        let kept = payload.get(..MAX_MESSAGE).unwrap_or(payload);
        if kept.len() < payload.len() {
            headers.insert("truncated".to_owned(), "true".to_owned());
        }
        let body = format.body(kept, &mut headers);
        Fed { body, headers, position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(format: Format, payload: &[u8]) -> (String, Vec<String>) {
        let fed = Message::default().fed(format, Some(payload), None);
        (String::from_utf8_lossy(&fed.body).into_owned(), fed.headers.into_keys().collect())
    }

    #[test]
    fn a_payload_is_a_text_or_what_it_holds() {
        let said = |body: &str, headers: &[&str]| (body.to_owned(), headers.iter().map(|h| (*h).to_owned()).collect());
        assert_eq!(fed(Format::Text, b"a\r\n"), said(r#""a\r\n""#, &[]));
        assert_eq!(fed(Format::Text, b""), said(r#""""#, &[]));
        assert_eq!(fed(Format::Text, b"\xff"), said("\"\u{fffd}\"", &["lossy"]));
        assert_eq!(fed(Format::Json, b"{\"a\": 1}"), said("{\"a\": 1}", &[]));
        // What is no JSON stays as it is: it becomes a dead letter.
        assert_eq!(fed(Format::Json, b""), said("", &[]));
        assert_eq!(Message::default().fed(Format::Json, None, None).body, b"null");
    }

    #[test]
    fn a_payload_is_cut_at_its_limit() {
        for (len, cut) in [(MAX_MESSAGE - 1, false), (MAX_MESSAGE, false), (MAX_MESSAGE + 1, true)] {
            let (body, headers) = fed(Format::Text, &vec![b'x'; len]);
            assert_eq!((body.len() - 2, headers.is_empty()), (len.min(MAX_MESSAGE), !cut));
        }
    }

    #[test]
    fn no_header_of_a_sender_passes_for_what_the_broker_says() {
        let mut message = Message::default();
        message.header("subject", b"forged");
        message.fact("subject", "true one");
        let fed = message.fed(Format::Text, Some(b""), None);
        assert_eq!(fed.headers["subject"], "true one");
        assert_eq!(fed.headers["header.subject"], "forged");
    }

    #[test]
    fn headers_end_at_their_limit() {
        for (value, cut) in [(MAX_HEADERS - 2, false), (MAX_HEADERS - 1, false), (MAX_HEADERS, true)] {
            let mut message = Message::default();
            message.header("a", &vec![b'x'; value]);
            let fed = message.fed(Format::Text, Some(b""), None);
            assert_eq!((fed.headers.contains_key("header.a"), fed.headers.contains_key("headers_cut")), (!cut, cut));
        }
    }
}
