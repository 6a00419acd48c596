//! A vendor's own description of its API, and what it says of a request: what connectors send is held against it, and doubles answer
//! with what it promises.

mod cut;
mod operation;
mod request;
mod sample;
mod schema;
mod spread;

use rrb_import::description::{At, Document, Media, Notes, Operation, Version, lift_forms, operations, read, version};
use serde_json::Value;

pub use cut::cut;
pub use request::{Seen, Verdict};

/// A description and where its operations lie below the address of a double.
pub struct Description {
    root: Value,
    version: Version,
    /// Before every path: empty, or `/ec2` for a description beside others.
    prefix: String,
}

impl Description {
    /// Reads a description, JSON or YAML.
    ///
    /// # Errors
    /// When the bytes are no description.
    pub fn read(bytes: &[u8], prefix: &str) -> Result<Self, String> {
        let said = |e: rrb_import::ImportError| format!("{e}; {}", e.help);
        let mut root = read(bytes).map_err(said)?.root;
        let (version, _) = version(&root).map_err(said)?;
        if version == Version::Swagger2 {
            lift_forms(&mut root);
        }
        Ok(Self { root, version, prefix: prefix.to_owned() })
    }

    /// The description, to look into it.
    pub fn open(&self) -> Open<'_> {
        Open::new(self)
    }
}

/// A description with its operations read.
pub struct Open<'a> {
    doc: Document<'a>,
    operations: Vec<Operation<'a>>,
    bases: Vec<String>,
    prefix: &'a str,
}

impl<'a> Open<'a> {
    fn new(description: &'a Description) -> Self {
        let doc = Document::new(&description.root);
        let operations = operations(&doc, description.version, &mut Notes::default());
        let bases = operation::bases(&description.root, description.version);
        Self { doc, operations, bases, prefix: &description.prefix }
    }

    /// What the description says of this request; none when no operation has its method and path.
    pub fn judge(&self, seen: &Seen) -> Option<Verdict> {
        let found = operation::find(self, seen)?;
        Some(request::judge(&self.doc, &found))
    }

    /// The reply that the description promises for a request like this one.
    pub fn reply(&self, seen: &Seen) -> Option<Promised> {
        let found = operation::find(self, seen)?;
        let reply = success(found.operation)?;
        let status = reply.status.parse().unwrap_or(200);
        let Some(content) = reply.contents.first() else {
            return Some(Promised { status, media: None, body: Value::Null, schema: None });
        };
        let body = sample::of_content(&self.doc, content);
        let schema = content.schema.clone().map(|s| s.place);
        Some(Promised { status, media: Some(content.media.clone()), body, schema })
    }

    /// What in a hand-written body is not as the schema of the promised reply has it.
    pub fn misfits(&self, promised: &Promised, body: &Value) -> Vec<String> {
        let Some(schema) = promised.schema.as_deref().and_then(|s| self.doc.at(s)) else { return Vec::new() };
        schema::check(&self.doc, &schema, body)
    }
}

/// A reply as a description promises it.
pub struct Promised {
    pub status: u16,
    pub media: Option<String>,
    pub body: Value,
    schema: Option<String>,
}

impl Promised {
    /// Whether the body is JSON.
    pub fn is_json(&self) -> bool {
        self.media.as_deref().is_none_or(|m| Media::of(m) == Media::Json)
    }
}

/// The first reply with a status of success.
fn success<'o, 'a>(operation: &'o Operation<'a>) -> Option<&'o rrb_import::description::Reply<'a>> {
    let mut replies: Vec<_> = operation.replies.iter().filter(|r| r.status.starts_with('2')).collect();
    replies.sort_by(|a, b| a.status.cmp(&b.status));
    replies.first().copied().or_else(|| operation.replies.iter().find(|r| r.status == "default"))
}

/// Follows references.
fn resolve<'a>(doc: &Document<'a>, at: &At<'a>) -> Option<At<'a>> {
    doc.resolve(at.clone(), &mut Notes::default())
}
