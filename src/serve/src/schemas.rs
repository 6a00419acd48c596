//! The schemas of answers, for the description. A test holds each against what is really answered.

use serde_json::{Map, Value, json};

/// Every schema by name.
pub(crate) fn all() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, docs, fields) in OBJECTS {
        schemas.insert((*name).to_owned(), object(docs, fields));
    }
    schemas.insert("Anything".to_owned(), json!({ "type": "object" }));
    schemas.insert("Text".to_owned(), json!({ "type": "string" }));
    schemas
}

/// A type: `text`, `int` (milliseconds or counts), `bool`, `any`, `texts`, another schema's name, `[]` before it for a list, `?` behind
/// it where null may stand. `…` before a name marks a member that may be missing.
type Fields = &'static [(&'static str, &'static str)];

fn object(docs: &str, fields: Fields) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, ty) in fields {
        let bare = name.trim_start_matches('…');
        properties.insert(bare.to_owned(), schema(ty));
        if bare == *name {
            required.push(bare);
        }
    }
    json!({ "type": "object", "description": docs, "properties": properties, "required": required })
}

/// The schema of a type in the short form of [`Fields`].
pub(crate) fn schema(ty: &str) -> Value {
    if let Some(inner) = ty.strip_suffix('?') {
        return json!({ "anyOf": [schema(inner), { "type": "null" }] });
    }
    if let Some(inner) = ty.strip_prefix("[]") {
        return json!({ "type": "array", "items": schema(inner) });
    }
    match ty {
        "text" => json!({ "type": "string" }),
        "int" => json!({ "type": "integer" }),
        "bool" => json!({ "type": "boolean" }),
        "any" => json!({}),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

/// Name, sentence, members.
pub(crate) const OBJECTS: &[(&str, &str, Fields)] = &[
    (
        "Problem",
        "Why a request was not done (RFC 9457).",
        &[
            ("type", "text"),
            ("title", "text"),
            ("status", "int"),
            ("code", "text"),
            ("detail", "text"),
            ("…help", "text"),
        ],
    ),
    ("State", "A word.", &[("status", "text")]),
    ("Started", "The new run.", &[("run", "text")]),
    (
        "CreatedToken",
        "A new token. `token` is shown this once, and missing when the secret was drawn by the asker.",
        &[("id", "text"), ("expires", "int"), ("…token", "text")],
    ),
    (
        "Receipt",
        "What became of a delivery so far: events taken, repeats dropped, or why nothing could be read.",
        &[("delivery", "text"), ("events", "[]text"), ("duplicates", "int"), ("dead", "text?")],
    ),
    (
        "Source",
        "A source that rrb reads by itself. `state` is `reading` or `failing`, with `why`; `taken` counts what it has brought since rrb began, `last` is when.",
        &[
            ("event", "text"),
            ("instance", "text"),
            ("state", "text"),
            ("…why", "text"),
            ("since", "int"),
            ("taken", "int"),
            ("last", "int?"),
        ],
    ),
    (
        "Status",
        "What is loaded and what is open. `webhooks` holds pairs of a path and its events; with `shadow` every run only says what it would do.",
        &[
            ("project", "text"),
            ("program", "text"),
            ("runbooks", "[]text"),
            ("webhooks", "[]any"),
            ("sources", "[]Source"),
            ("open_runs", "int"),
            ("open_approvals", "int"),
            ("queued_events", "int"),
            ("paused", "[]text"),
            ("shadow", "bool"),
        ],
    ),
    (
        "Run",
        "A run. Times are milliseconds since 1970. `params` holds the parameters by name, `event` the id of the event that started it; `end` says how it ended.",
        &[
            ("id", "text"),
            ("runbook", "text"),
            ("program", "text"),
            ("status", "text"),
            ("requester", "text"),
            ("event", "text?"),
            ("params", "Anything"),
            ("concurrency_key", "text?"),
            ("created", "int"),
            ("updated", "int"),
            ("end", "RunEnd?"),
        ],
    ),
    (
        "RunEnd",
        "How a run ended. `ineffective`: its last `verify` failed; `remains`: what a person must put right.",
        &[("outcome", "text"), ("why", "text"), ("failure", "any"), ("ineffective", "bool"), ("remains", "[]text")],
    ),
    (
        "RunView",
        "A run with its story.",
        &[
            ("run", "Run"),
            ("journal", "[]JournalEntry"),
            ("timeline", "[]TimelineItem"),
            ("approvals", "[]Approval"),
            ("waiting_for", "[]text"),
        ],
    ),
    (
        "JournalEntry",
        "An entry of a run's journal.",
        &[("run", "text"), ("seq", "int"), ("at", "int"), ("kind", "text"), ("effect", "text"), ("body", "any")],
    ),
    (
        "TimelineItem",
        "Something that happened. `what.kind` says what.",
        &[("at", "int"), ("run", "text?"), ("runbook", "text?"), ("event", "text?"), ("what", "any")],
    ),
    (
        "Approval",
        "A question to people: `ask` holds the question and the plan, `digest` names the plan.",
        &[
            ("id", "text"),
            ("run", "text"),
            ("runbook", "text"),
            ("effect", "text"),
            ("ask", "any"),
            ("digest", "text"),
            ("requester", "text"),
            ("asked", "int"),
            ("expires", "int"),
            ("state", "text"),
            ("closed", "int?"),
            ("votes", "[]Vote"),
        ],
    ),
    (
        "Vote",
        "A person's answer.",
        &[
            ("approval", "text"),
            ("person", "text"),
            ("approve", "bool"),
            ("comment", "text"),
            ("method", "text"),
            ("at", "int"),
        ],
    ),
    (
        "Event",
        "A typed event. `at` is the source's time.",
        &[
            ("id", "text"),
            ("delivery", "text?"),
            ("source", "text"),
            ("instance", "text"),
            ("sender_id", "text?"),
            ("at", "int"),
            ("received", "int"),
            ("payload", "any"),
        ],
    ),
    ("EventView", "An event with its story.", &[("event", "Event"), ("dispositions", "[]Disposition")]),
    (
        "WhyNot",
        "What a runbook made of an event, and what its triggers say of it now.",
        &[("runbook", "text"), ("event", "Event"), ("dispositions", "[]Disposition"), ("triggers", "[]TriggerAnswer")],
    ),
    (
        "TriggerAnswer",
        "What one trigger says of an event: why not, or what is missing still.",
        &[("trigger", "text"), ("says", "text"), ("conditions", "[]ConditionAnswer")],
    ),
    (
        "ConditionAnswer",
        "Whether one part of a `where` holds for an event; `detail` has the values that made it false.",
        &[("text", "text"), ("holds", "bool"), ("detail", "text")],
    ),
    (
        "Disposition",
        "What a runbook made of an event, and why.",
        &[
            ("event", "text"),
            ("runbook", "text"),
            ("verdict", "text"),
            ("run", "text?"),
            ("detail", "text"),
            ("at", "int"),
        ],
    ),
    (
        "Delivery",
        "What a sender delivered; `dead` says why nothing could be read from it.",
        &[
            ("id", "text"),
            ("at", "int"),
            ("source", "text"),
            ("instance", "text"),
            ("path", "text"),
            ("body", "text"),
            ("headers", "any"),
            ("dead", "text?"),
        ],
    ),
    (
        "AuditRecord",
        "A sealed record: `hash` is the SHA-256 of all the other members, `prev` the hash of the record before.",
        &[
            ("seq", "int"),
            ("at", "int"),
            ("kind", "text"),
            ("actor", "text"),
            ("run", "text?"),
            ("event", "text?"),
            ("body", "any"),
            ("prev", "text"),
            ("hash", "text"),
        ],
    ),
    (
        "Verdict",
        "`intact` with the number of records and the last hash, or `broken` with the first record that does not fit.",
        &[("verdict", "text"), ("…records", "int"), ("…head", "text"), ("…seq", "int"), ("…reason", "text")],
    ),
    (
        "Token",
        "A token. `hash` is always empty here.",
        &[
            ("id", "text"),
            ("name", "text"),
            ("hash", "text"),
            ("scopes", "[]text"),
            ("user", "text?"),
            ("created", "int"),
            ("expires", "int?"),
            ("revoked", "int?"),
        ],
    ),
];
