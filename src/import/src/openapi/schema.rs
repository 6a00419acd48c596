//! Schemas to shapes. Every real dialect is taken: OpenAPI 3.0's and Swagger's own one, and JSON Schema as OpenAPI 3.1 has it.

mod alternatives;
mod merge;
mod values;

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

use super::document::{At, Document};
use super::shape::{Body, Declared, Direction, Field, Shape, TypeId, types_of};
use crate::names::{self, Names};
use crate::report::Notes;
use crate::{pointer, text};

/// How deep shapes are looked into before they are taken as anything.
const MAX_DEPTH: usize = 256;
/// The most declared types.
const MAX_TYPES: usize = 60_000;
/// The longest doc comment of a type or a field, in characters.
const MAX_DOCS: usize = 240;

/// What is known of the place where a schema stands.
#[derive(Debug, Clone)]
enum Slot {
    /// It is looked at; what it is, it is by itself.
    Open,
    Done(Shape),
}

/// A record whose fields are still to be made.
struct Waiting<'a> {
    id: TypeId,
    at: At<'a>,
    hint: String,
}

/// All schemas that were looked at.
pub struct Schemas<'a> {
    doc: &'a Document<'a>,
    pub notes: Notes,
    pub types: Vec<Declared>,
    slots: HashMap<String, Slot>,
    /// Names of schemas that have one, by their place.
    given: HashMap<String, String>,
    pub names: Names,
    waiting: VecDeque<Waiting<'a>>,
    /// Types that were made for schemas without a name, by what they are.
    same: HashMap<String, TypeId>,
    /// Schemas that name a schema in their `allOf`, by the place of that one.
    subtypes: HashMap<String, Vec<String>>,
    depth: usize,
}

impl<'a> Schemas<'a> {
    /// With `taken` as names that no type may have.
    pub fn new(doc: &'a Document<'a>, notes: Notes, taken: Names) -> Self {
        let mut schemas = Self {
            doc,
            notes,
            types: Vec::new(),
            slots: HashMap::new(),
            given: HashMap::new(),
            names: taken,
            waiting: VecDeque::new(),
            same: HashMap::new(),
            subtypes: HashMap::new(),
            depth: 0,
        };
        schemas.give_names();
        schemas
    }

    /// Schemas with a name keep it, whatever else is imported.
    fn give_names(&mut self) {
        for folder in ["/components/schemas", "/definitions"] {
            let Some(folder) = self.doc.at(folder) else { continue };
            let members: Vec<(&str, &Value)> =
                folder.object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
            for (name, value) in members {
                let place = pointer::join(&folder.place, name);
                let given = self.names.take_type(&names::pascal(name, "Schema"));
                self.given.insert(place.clone(), given);
                for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                    if let Some(base) = part.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
                        self.subtypes.entry(pointer::of_fragment(base)).or_default().push(place.clone());
                    }
                }
            }
        }
    }

    /// Makes the fields of all records that wait for them.
    pub fn finish(&mut self) {
        while let Some(waiting) = self.waiting.pop_front() {
            let body = self.record(&waiting.at, &waiting.hint);
            if let Some(declared) = self.types.get_mut(waiting.id) {
                declared.body = body;
            }
        }
    }

    /// The shape of a schema. `hint` names it when it has no name of its own.
    pub fn shape(&mut self, at: &At<'a>, hint: &str) -> Shape {
        if self.depth >= MAX_DEPTH || self.types.len() >= MAX_TYPES {
            self.notes.widened("schema", &at.place, "too deep or too many schemas: taken as `Json` from here on");
            return Shape::Json;
        }
        self.depth += 1;
        let shape = self.any(at, hint);
        self.depth -= 1;
        shape
    }

    /// The named members of a schema, behind references and `allOf`.
    pub fn properties(&mut self, at: &At<'a>) -> Vec<(String, At<'a>)> {
        self.merge(at).properties.into_iter().collect()
    }

    fn any(&mut self, at: &At<'a>, hint: &str) -> Shape {
        if at.reference().is_some() {
            let nullable = is_nullable(at.value);
            let Some(target) = self.doc.resolve(at.clone(), &mut self.notes) else { return Shape::Json };
            let shape = self.referred(&target);
            return if nullable { shape.optional() } else { shape };
        }
        match self.slots.get(&at.place) {
            Some(Slot::Done(shape)) => shape.clone(),
            Some(Slot::Open) => self.circle(at),
            None => self.placed(at, hint, false),
        }
    }

    /// The shape of what a reference names.
    fn referred(&mut self, target: &At<'a>) -> Shape {
        match self.slots.get(&target.place) {
            Some(Slot::Done(shape)) => return shape.clone(),
            Some(Slot::Open) => return self.circle(target),
            None => {}
        }
        let hint = self.hint(&target.place);
        self.placed(target, &hint, true)
    }

    /// A name for the schema at a place, from the last parts of it that say something.
    fn hint(&self, place: &str) -> String {
        if let Some(given) = self.given.get(place) {
            return given.clone();
        }
        let parts: Vec<String> = place.split('/').map(|p| pointer::last(&format!("/{p}"))).collect();
        let dull = |p: &&String| {
            !p.is_empty()
                && !p.chars().all(|c| c.is_ascii_digit())
                && ![
                    "schema",
                    "content",
                    "properties",
                    "items",
                    "components",
                    "schemas",
                    "paths",
                    "allOf",
                    "oneOf",
                    "anyOf",
                ]
                .contains(&p.as_str())
        };
        let telling: Vec<&String> = parts.iter().filter(dull).collect();
        let words: Vec<String> = telling.iter().rev().take(3).rev().map(|p| names::pascal(p, "")).collect();
        names::pascal(&words.concat(), "Schema")
    }

    fn placed(&mut self, at: &At<'a>, hint: &str, by_name: bool) -> Shape {
        // A record that others name is made later: descriptions go in circles, and are deeper than the stack.
        if by_name && self.is_record(at) {
            let shape = self.wait_for(at, hint);
            return self.done(at, shape);
        }
        self.slots.insert(at.place.clone(), Slot::Open);
        let shape = self.inline(at, hint);
        self.done(at, shape)
    }

    fn done(&mut self, at: &At<'a>, shape: Shape) -> Shape {
        let shape = if is_nullable(at.value) { shape.optional() } else { shape };
        self.slots.insert(at.place.clone(), Slot::Done(shape.clone()));
        shape
    }

    fn wait_for(&mut self, at: &At<'a>, hint: &str) -> Shape {
        let id = self.declare(at, hint, Body::Open);
        self.waiting.push_back(Waiting { id, at: at.clone(), hint: hint.to_owned() });
        Shape::Declared(id)
    }

    fn circle(&mut self, at: &At<'a>) -> Shape {
        self.notes.widened("schema", &at.place, "a schema that is made of nothing but itself: taken as `Json`");
        Shape::Json
    }

    /// A new type. One with a given name has it, others get a free one.
    fn declare(&mut self, at: &At<'a>, hint: &str, body: Body) -> TypeId {
        let name = match self.given.get(&at.place) {
            Some(given) => given.clone(),
            None => self.names.take_type(hint),
        };
        self.types.push(Declared { name, docs: docs_of(at), body });
        self.types.len() - 1
    }

    /// A type for a schema that may have no name: the same one for all that are the same.
    fn declare_once(&mut self, at: &At<'a>, hint: &str, body: Body) -> Shape {
        if self.given.contains_key(&at.place) {
            return Shape::Declared(self.declare(at, hint, body));
        }
        let key = key_of(&body);
        if let Some(id) = self.same.get(&key) {
            return Shape::Declared(*id);
        }
        let id = self.declare(at, hint, body);
        self.same.insert(key, id);
        Shape::Declared(id)
    }

    fn inline(&mut self, at: &At<'a>, hint: &str) -> Shape {
        let Some(members) = at.object() else {
            if !at.value.is_boolean() {
                self.notes.widened("schema", &at.place, "a schema that is no object: taken as `Json`");
            }
            return Shape::Json;
        };
        if members.contains_key("$dynamicRef") || members.contains_key("$recursiveRef") {
            self.notes.widened("schema", &at.place, "a dynamic reference: taken as `Json`");
            return Shape::Json;
        }
        if let Some(shape) = self.closed(at, hint) {
            return shape;
        }
        if let Some(shape) = self.alternatives(at, hint) {
            return shape;
        }
        if let Some(shape) = self.only_part(at, hint) {
            return shape;
        }
        if self.is_record(at) {
            let body = self.record(at, hint);
            return self.declare_once(at, hint, body);
        }
        self.of_type(at, hint)
    }

    /// By the word in `type`, or by what else is there.
    fn of_type(&mut self, at: &At<'a>, hint: &str) -> Shape {
        let mut types: Vec<&str> = types_of(at.value).into_iter().filter(|t| *t != "null").collect();
        types.dedup();
        let word = match types.as_slice() {
            [one] => *one,
            [] => implied(at.value),
            ["integer", "number"] | ["number", "integer"] => "number",
            _ => {
                self.notes.widened(
                    "schema",
                    &at.place,
                    format!("one of the types {}: taken as `Json`", types.join(", ")),
                );
                return Shape::Json;
            }
        };
        match word {
            "string" => self.text(at),
            "integer" | "int" | "long" => Shape::Int,
            "number" | "float" | "double" => Shape::Float,
            "boolean" | "bool" => Shape::Bool,
            "array" => self.list(at, hint),
            "object" => self.map(at, hint),
            "file" => Shape::Text,
            "" | "any" | "null" => Shape::Json,
            other => {
                self.notes.widened("schema", &at.place, format!("the unknown type `{other}`: taken as `Json`"));
                Shape::Json
            }
        }
    }

    fn text(&mut self, at: &At<'a>) -> Shape {
        match at.text("format") {
            Some("date-time") => Shape::Time,
            Some("binary") => {
                self.notes.widened("binary", &at.place, "binary data: taken as `Text`, so only UTF-8 passes");
                Shape::Text
            }
            _ => Shape::Text,
        }
    }

    fn list(&mut self, at: &At<'a>, hint: &str) -> Shape {
        let items = match at.get("items") {
            Some(items) if items.value.is_array() => None,
            Some(items) => Some(items),
            None => None,
        };
        if at.get("prefixItems").is_some() || at.get("items").is_some_and(|i| i.value.is_array()) {
            self.notes.widened("schema", &at.place, "a list with a schema for each place: taken as `List<Json>`");
            return Shape::List(Box::new(Shape::Json));
        }
        let item = items.map_or(Shape::Json, |items| self.shape(&items, &names::singular(hint)));
        Shape::List(Box::new(item))
    }

    /// An object without named members.
    fn map(&mut self, at: &At<'a>, hint: &str) -> Shape {
        let patterns = at.get("patternProperties").map(|p| p.members()).unwrap_or_default();
        let value = match (at.get("additionalProperties"), patterns.as_slice()) {
            (Some(more), _) if more.value.is_object() => Some(more),
            (_, [(_, one)]) => Some(one.clone()),
            (_, [_, ..]) => {
                self.notes.widened("schema", &at.place, "members by several patterns of names: taken as `Json`");
                return Shape::Json;
            }
            (Some(more), _) if more.value == &Value::Bool(true) => return Shape::Map(Box::new(Shape::Json)),
            _ => None,
        };
        match value {
            Some(value) => Shape::Map(Box::new(self.shape(&value, &format!("{hint}Value")))),
            None => Shape::Json,
        }
    }

    /// The fields of a record, those of all its parts.
    fn record(&mut self, at: &At<'a>, hint: &str) -> Body {
        let merged = self.merge(at);
        self.fields_of(merged, hint)
    }

    fn fields_of(&mut self, merged: merge::Merged<'a>, hint: &str) -> Body {
        let mut names = Names::default();
        // Names that stand as they are come first, so that no other name is made like one of them.
        let words: HashSet<&String> = merged.properties.keys().filter(|n| names::is_word(n)).collect();
        words.iter().for_each(|w| names.keep(w));
        let mut fields = Vec::new();
        for (wire, at) in &merged.properties {
            let name = if names::is_word(wire) { wire.clone() } else { names.take_field(&names::snake(wire, "field")) };
            let shape = self.shape(at, &format!("{hint}{}", names::pascal(wire, "Field")));
            let only = values::only_text(at.value);
            fields.push(Field {
                wire: wire.clone(),
                name,
                docs: docs_of(at),
                shape,
                required: merged.required.contains(wire.as_str()),
                direction: direction(at.value),
                only,
            });
        }
        Body::Record(fields)
    }
}

/// What a body is, but for docs: equal for equal types.
fn key_of(body: &Body) -> String {
    match body {
        Body::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| (&f.wire, &f.shape, f.required, f.direction, &f.only)).collect();
            format!("{fields:?}")
        }
        Body::Enum(variants) => format!("{variants:?}"),
        Body::Union(union) => format!("{union:?}"),
        Body::Open => String::new(),
    }
}

/// Whether null is one of the values, in any of the dialects.
fn is_nullable(schema: &Value) -> bool {
    let flag = |name: &str| schema.get(name).is_some_and(|v| v == &Value::Bool(true) || v.as_str() == Some("true"));
    let types = types_of(schema);
    flag("nullable")
        || flag("x-nullable")
        || (types.contains(&"null") && types.len() > 1)
        || schema.get("enum").and_then(Value::as_array).is_some_and(|v| v.len() > 1 && v.contains(&Value::Null))
}

/// The type of a schema that names none.
fn implied(schema: &Value) -> &'static str {
    let has = |name: &str| schema.get(name).is_some();
    if has("items") || has("prefixItems") {
        "array"
    } else if has("additionalProperties") || has("patternProperties") || has("properties") {
        "object"
    } else if schema
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|f| matches!(f, "date-time" | "uuid" | "uri" | "email"))
    {
        "string"
    } else {
        ""
    }
}

fn direction(schema: &Value) -> Direction {
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    match (flag("readOnly"), flag("writeOnly")) {
        (true, false) => Direction::Received,
        (false, true) => Direction::Sent,
        _ => Direction::Both,
    }
}

/// What the schema says of itself, shortened.
fn docs_of(at: &At<'_>) -> String {
    let said = at.text("description").or_else(|| at.text("title")).unwrap_or_default();
    let mut docs = text::plain(said, MAX_DOCS);
    if at.flag("deprecated") {
        docs = format!("Deprecated. {docs}").trim_end().to_owned();
    }
    docs
}
