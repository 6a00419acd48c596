//! Webhooks and callbacks: what the other side sends, as events.

use super::auth::Setting;
use super::document::{At, Document};
use super::operations::{self, Media, Operation};
use super::schema::Schemas;
use super::shape::Shape;
use crate::names::{self, Names};
use crate::report::Notes;
use crate::text;

/// An event to be written.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub docs: String,
    pub path: String,
    pub shape: Shape,
    /// As it stands behind `verify`.
    pub verify: String,
    pub review: String,
    /// The header that holds the id of a delivery.
    pub id_header: &'static str,
}

/// A callback of an operation, with a name for its event.
pub type Callback<'a> = (String, At<'a>);

/// The requests that an operation says will come back later.
pub fn callbacks<'a>(
    doc: &Document<'a>,
    operation: &Operation<'a>,
    name: &str,
    notes: &mut Notes,
) -> Vec<Callback<'a>> {
    let mut found = Vec::new();
    for (word, at) in operation.at.get("callbacks").map(|c| c.members()).unwrap_or_default() {
        let Some(at) = doc.resolve(at, notes) else { continue };
        for (address, item) in at.members() {
            notes.widened("callback", &item.place, format!("a callback to `{address}`: an event with an address of its own; give that address to the API yourself"));
            found.push((format!("{name}_{}", names::snake(word, "callback")), item));
        }
    }
    found
}

/// All events of the description.
pub fn events<'a>(
    doc: &Document<'a>,
    connector: &str,
    callbacks: Vec<Callback<'a>>,
    mut taken: Names,
    schemas: &mut Schemas<'a>,
    settings: &mut Vec<Setting>,
) -> Vec<Event> {
    let mut sources: Vec<Callback<'a>> = Vec::new();
    for folder in ["webhooks", "x-webhooks"] {
        let all = doc.root().get(folder).map(|w| w.members()).unwrap_or_default();
        sources.extend(all.into_iter().map(|(name, at)| (names::snake(name, "event"), at)));
    }
    sources.extend(callbacks);
    let mut events = Vec::new();
    for (name, at) in sources {
        let Some(at) = doc.resolve(at, &mut schemas.notes) else { continue };
        for method in operations::METHODS {
            let Some(operation) = at.get(method).filter(|o| o.value.is_object()) else { continue };
            if !matches!(method, "post" | "put") {
                schemas.notes.left_out(
                    "event",
                    &operation.place,
                    format!("a webhook by {}: rrb takes POST", method.to_ascii_uppercase()),
                );
                continue;
            }
            let operation = operations::incoming(doc, operation, &mut schemas.notes);
            events.push(event(connector, &name, operation, &mut taken, schemas, settings));
        }
    }
    events
}

fn event<'a>(
    connector: &str,
    name: &str,
    operation: Operation<'a>,
    taken: &mut Names,
    schemas: &mut Schemas<'a>,
    settings: &mut Vec<Setting>,
) -> Event {
    let name = taken.take(name);
    let hint = format!("{}Event", names::pascal(&name, "Event"));
    let content = operation.body.as_ref().and_then(|b| b.contents.iter().find(|c| Media::of(&c.media) == Media::Json));
    let shape = match content.and_then(|c| c.schema.as_ref()) {
        Some(schema) => schemas.shape(schema, &hint).present().clone(),
        None => {
            schemas.notes.widened(
                "event",
                &operation.at.place,
                "a webhook whose body is not described as JSON: given as `Json`",
            );
            Shape::Json
        }
    };
    let headers: Vec<String> = operation.params.iter().map(|p| p.name.to_ascii_lowercase()).collect();
    let has = |wanted: &str| headers.iter().any(|h| h == wanted);
    let (verify, said) = if has("webhook-signature") && has("webhook-id") {
        ("standard_webhooks(webhook_secret)", "by its headers signed as standardwebhooks.com says")
    } else if has("x-hub-signature-256") {
        ("github_signature(webhook_secret)", "by its headers signed as GitHub does")
    } else if has("x-slack-signature") {
        ("slack_signature(webhook_secret)", "by its headers signed as Slack does")
    } else {
        (
            "bearer(webhook_secret)",
            "the description does not say how a delivery shows who sent it: a bearer token is asked for",
        )
    };
    if !settings.iter().any(|s| s.name == "webhook_secret") {
        settings.push(Setting {
            name: "webhook_secret".to_owned(),
            ty: "Secret?",
            default: "none".to_owned(),
            docs: "What deliveries of webhooks are checked by. Without it none is accepted.".to_owned(),
        });
    }
    schemas.notes.guessed("event", &operation.at.place, said);
    let summary = text::plain(operation.at.text("summary").unwrap_or_default(), 160);
    let described = text::plain(operation.at.text("description").unwrap_or_default(), 400);
    let docs = if summary.is_empty() || described.starts_with(&summary) {
        described
    } else {
        format!("{} {described}", summary.trim_end())
    };
    Event {
        path: format!("/{connector}/{name}"),
        name,
        docs: docs.trim().to_owned(),
        shape,
        verify: verify.to_owned(),
        review: said.to_owned(),
        id_header: if has("x-github-delivery") || has("x-hub-signature-256") {
            "x-github-delivery"
        } else {
            "webhook-id"
        },
    }
}
