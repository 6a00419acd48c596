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
const BEGIN: Param = optional("begin", "Text", "\"end\"");
const USER: Param = optional("user", "Text?", "none");
const PASSWORD: Param = optional("password", "Secret?", "none");
/// A PEM file of further certificate authorities.
const CA_FILE: Param = optional("ca_file", "Text?", "none");
/// The certificate that rrb shows: a PEM file, and its key.
const CLIENT_CERT: Param = optional("client_cert", "Text?", "none");
const CLIENT_KEY: Param = optional("client_key", "Secret?", "none");

/// What a request of HTTP takes, as `http.get` does.
const QUERY: Param = optional("query", "Map<Text, Text>", "{}");
const HEADERS: Param = optional("headers", "Map<Text, Text>", "{}");
const BEARER: Param = optional("bearer", "Secret?", "none");
const CA: Param = optional("ca", "Text?", "none");
const KUBECONFIG: Param = optional("kubeconfig", "Text?", "none");
const KUBECONFIG_CONTEXT: Param = optional("kubeconfig_context", "Text?", "none");

/// Every source.
pub const FEEDS: &[Feed] = &[
    Feed {
        scheme: Scheme {
            name: "file",
            params: &[needed("path", "Text"), FORMAT, BEGIN],
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
    Feed {
        scheme: Scheme {
            name: "amqp",
            params: &[
                needed("url", "Url"),
                needed("queue", "Text"),
                FORMAT,
                USER,
                PASSWORD,
                CA_FILE,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "Messages of a queue of RabbitMQ or another broker of AMQP 0-9-1, at `amqp://` or `amqps://`; the path of `url` is the \
                   virtual host. `headers` has `queue`, `exchange`, `routing_key`, `redelivered`, `message_id`, `content_type`, \
                   `correlation_id`, `reply_to`, `type`, `app_id` and `timestamp`, as far as they are given.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "http_lines",
            params: &[
                needed("url", "Url"),
                QUERY,
                HEADERS,
                FORMAT,
                optional("place", "Text?", "none"),
                optional("resume", "Text?", "none"),
                optional("silence", "Duration", "5m"),
                BEARER,
                optional("basic_user", "Text?", "none"),
                optional("basic_password", "Secret?", "none"),
                CA_FILE,
                CA,
                CLIENT_CERT,
                CLIENT_KEY,
                optional("unix_socket", "Text?", "none"),
                KUBECONFIG,
                KUBECONFIG_CONTEXT,
            ],
            docs: "The lines of a reply that does not end, as many APIs tell what happens there. `place` says where a line holds its place \
                   (`object.id`), and `resume` which parameter of the address takes it, so that reading goes on where it left off. A reply that \
                   ends, or is silent for `silence`, is asked for anew. The other parameters are those of `http.get`.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "kafka",
            params: &[
                needed("brokers", "List<Text>"),
                needed("topic", "Text"),
                FORMAT,
                BEGIN,
                optional("tls", "Bool", "false"),
                optional("sasl", "Text", "\"plain\""),
                USER,
                PASSWORD,
                CA_FILE,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "Records of all partitions of a topic of Kafka, or of what speaks its protocol; `brokers` are `host:9092`. `sasl` (`plain`, \
                   `scram-sha-256`, `scram-sha-512`) counts where there is a `user`. `headers` has `topic`, `partition`, `offset`, `key` and \
                   `timestamp`; the body of a record without a value is null.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "kubernetes",
            params: &[
                needed("url", "Url"),
                QUERY,
                optional("begin", "Text", "\"start\""),
                BEARER,
                CA_FILE,
                CA,
                CLIENT_CERT,
                CLIENT_KEY,
                KUBECONFIG,
                KUBECONFIG_CONTEXT,
            ],
            docs: "The resources of a collection of Kubernetes (`…/api/v1/events`) as they change: listed, then watched. `body` is `{ type, object }`; \
                   `type` is `LISTED`, `ADDED`, `MODIFIED` or `DELETED`. With `begin: \"end\"` the first list only says where to begin. When the \
                   cluster has forgotten what came since, all is listed again: give the event an `id`.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "mqtt",
            params: &[
                needed("url", "Url"),
                needed("topic", "Text"),
                FORMAT,
                BEGIN,
                optional("client_id", "Text?", "none"),
                USER,
                PASSWORD,
                CA_FILE,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "Messages of MQTT 5, at `mqtt://` or `mqtts://`, whose topic fits the filter `topic`; with QoS 1, in a session that the broker \
                   keeps for a week. `begin: \"start\"` brings what is retained too. `headers` has `topic`, `qos`, `retained`, `content_type`, \
                   `response_topic` and `correlation_data`.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "nats",
            params: &[
                needed("url", "Url"),
                needed("subject", "Text"),
                optional("stream", "Text?", "none"),
                optional("consumer", "Text?", "none"),
                optional("queue", "Text?", "none"),
                FORMAT,
                BEGIN,
                USER,
                PASSWORD,
                optional("token", "Secret?", "none"),
                optional("credentials", "Secret?", "none"),
                CA_FILE,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "Messages of NATS, at `nats://` or `tls://`. With `stream`: a stream of JetStream, through a durable consumer that is made if \
                   there is none of this name. Without: what is published on `subject` while rrb listens; the rest is lost. `headers` has \
                   `subject`, `reply`, `stream` and `sequence`.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "redis",
            params: &[
                needed("url", "Url"),
                needed("stream", "Text"),
                optional("field", "Text?", "none"),
                FORMAT,
                BEGIN,
                USER,
                PASSWORD,
                CA_FILE,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "Entries of a stream of Redis, at `redis://` or `rediss://`; the path of `url` is the number of the database. `body` is the \
                   entry as a record of texts, or what stands in its `field`. `headers` has `stream` and `id`, and the other fields beside `field`.",
        },
        stream: true,
        open: false,
    },
    Feed {
        scheme: Scheme {
            name: "websocket",
            params: &[
                needed("url", "Url"),
                optional("open_at", "Text?", "none"),
                optional("send", "Text?", "none"),
                optional("acknowledge", "Text?", "none"),
                optional("close_on", "Text?", "none"),
                FORMAT,
                HEADERS,
                BEARER,
                CA_FILE,
                CA,
                CLIENT_CERT,
                CLIENT_KEY,
            ],
            docs: "The messages of a WebSocket at `wss://` or `ws://`. With `open_at` the address `url` is asked by POST before each connection, and its \
                   answer says there (`url`) where to connect. `send` is said at the beginning of each connection. What stands in the field `acknowledge` \
                   of a message is sent back, as `{\"FIELD\": …}`, when the message is durable. After a message such as `close_on` says \
                   (`type=disconnect`) a new connection is made.",
        },
        stream: true,
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
        "sasl" => Some(&["plain", "scram-sha-256", "scram-sha-512"]),
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
