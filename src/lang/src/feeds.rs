//! What brings events beside webhooks and polls: one table that the checker types `from NAME(…)` by, the sources run by and the guide
//! prints.

use crate::schemes::{Param, Scheme, needed, optional};

/// A source that is read for as long as rrb runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    pub scheme: Scheme,
    /// Written `from stream NAME(…)`: a broker keeps what was not yet taken.
    pub stream: bool,
    /// Anybody who reaches it can bring events, so that `verify none because "…"` has to say why that is right.
    pub open: bool,
}

const FORMAT: Param = optional("format", "Text", "\"text\"");

/// Every source.
pub const FEEDS: &[Feed] = &[
    Feed {
        scheme: Scheme {
            name: "file",
            params: &[needed("path", "Text"), FORMAT, optional("begin", "Text", "\"end\"")],
            docs: "The lines that are added to a file, through rotation. `body` is the line, or with `format: \"json\"` the value that it \
                   holds. The first time it is read from its `\"end\"`, or its `\"start\"`; later from where rrb left it.",
        },
        stream: false,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "exec",
            params: &[needed("command", "List<Text>"), needed("because", "Text"), FORMAT],
            docs: "The lines that a program writes to its standard output, for as long as rrb runs; it is started again when it ends. \
                   `because` says why starting it changes nothing: rrb cannot know.",
        },
        stream: false,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "syslog",
            params: &[optional("listen", "Text", "\"udp://127.0.0.1:5514\"")],
            docs: "Messages of the syslog protocol (RFC 5424, and RFC 3164 as it is found), over `udp://` and `tcp://`. `body` has `facility`, `severity`, \
                   `host`, `app`, `process`, `message_id`, `data`, `time` and `message`; what a message does not say is null.",
        },
        stream: false,
        open: true,
    },
    Feed {
        scheme: Scheme {
            name: "schedule",
            params: &[needed("cron", "Cron"), optional("zone", "Text", "\"UTC\"")],
            docs: "The time. `body` is `{ at: … }`, the moment that was meant. What passed while rrb was down is left out.",
        },
        stream: false,
        open: false,
    },
];

/// The source `name`, among the streams or the others.
pub fn find(name: &str, stream: bool) -> Option<&'static Feed> {
    FEEDS.iter().find(|f| f.scheme.name == name && f.stream == stream)
}

/// What a parameter of this name may be, where that is one of a few texts.
pub fn choices(param: &str) -> Option<&'static [&'static str]> {
    match param {
        "format" => Some(&["text", "json"]),
        "begin" => Some(&["end", "start"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_shows_every_source() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language/connectors-and-events.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        for feed in FEEDS {
            let (stream, signature) = (if feed.stream { "stream " } else { "" }, feed.scheme.signature());
            let row = format!("| `{stream}{signature}` | {} |\n", feed.scheme.docs);
            assert!(guide.contains(&row), "missing in the table of sources:\n{row}");
        }
    }
}
