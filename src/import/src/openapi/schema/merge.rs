//! The parts of an object: its own properties, and those of everything in its `allOf`.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::{At, Schemas, Shape, types_of};

/// How deep parts are made of parts.
const MAX_PARTS: usize = 32;

/// The members of all parts together.
#[derive(Default)]
pub struct Merged<'a> {
    pub properties: IndexMap<String, At<'a>>,
    pub required: HashSet<String>,
}

impl<'a> Schemas<'a> {
    /// Whether it is an object with named members. Looks at the text only.
    pub(super) fn is_record(&mut self, at: &At<'a>) -> bool {
        if at.value.get("oneOf").is_some() || at.value.get("anyOf").is_some() || at.value.get("enum").is_some() {
            return false;
        }
        if self.subtypes_of(at).is_some() {
            return false;
        }
        if own_properties(at).is_some() {
            return true;
        }
        let parts = at.get("allOf").map(|a| a.items()).unwrap_or_default();
        parts.len() > 1 && parts.iter().any(|part| self.has_properties(part, 0))
    }

    fn has_properties(&mut self, at: &At<'a>, depth: usize) -> bool {
        if depth > MAX_PARTS {
            return false;
        }
        let Some(at) = self.doc.resolve(at.clone(), &mut self.notes) else { return false };
        let parts = at.get("allOf").map(|a| a.items()).unwrap_or_default();
        own_properties(&at).is_some() || parts.iter().any(|part| self.has_properties(part, depth + 1))
    }

    /// The schema that an `allOf` really is, when all other parts say nothing of the type: the usual way to say more of a reference.
    pub(super) fn only_part(&mut self, at: &At<'a>, hint: &str) -> Option<Shape> {
        let parts = at.get("allOf")?.items();
        if own_properties(at).is_some() {
            return None;
        }
        let mut telling: Vec<At<'a>> = parts.into_iter().filter(|p| says_a_type(p.value)).collect();
        if telling.len() > 1 {
            if self.is_record(at) {
                return None;
            }
            // References to one schema twice, a text with a text that restricts it.
            self.notes.widened("allOf", &at.place, "several types that must all hold: the first one is taken");
            telling.truncate(1);
        }
        let one = telling.pop()?;
        let shape = self.shape(&one, hint);
        Some(if super::is_nullable(at.value) { shape.optional() } else { shape })
    }

    /// All properties of all parts. A later one of the same name counts, unless it says nothing of the type.
    pub(super) fn merge(&mut self, at: &At<'a>) -> Merged<'a> {
        let mut merged = Merged::default();
        let mut seen = HashSet::new();
        self.gather(at, &mut merged, &mut seen, 0);
        merged
    }

    fn gather(&mut self, at: &At<'a>, merged: &mut Merged<'a>, seen: &mut HashSet<String>, depth: usize) {
        let Some(at) = self.doc.resolve(at.clone(), &mut self.notes) else { return };
        if depth > MAX_PARTS || !seen.insert(at.place.clone()) {
            return;
        }
        for part in at.get("allOf").map(|a| a.items()).unwrap_or_default() {
            self.gather(&part, merged, seen, depth + 1);
        }
        if depth > 0
            && (at.value.get("oneOf").is_some() || at.value.get("anyOf").is_some())
            && own_properties(&at).is_none()
        {
            self.notes.left_out(
                "allOf",
                &at.place,
                "alternatives inside of `allOf`: their members are not in the type",
            );
        }
        for (name, property) in own_properties(&at).into_iter().flatten() {
            if merged.properties.get(&name).is_none_or(|_| says_a_type(property.value)) {
                merged.properties.insert(name, property);
            }
        }
        for name in at.value.get("required").and_then(Value::as_array).into_iter().flatten() {
            merged.required.extend(name.as_str().map(str::to_owned));
        }
        // Swagger 1 and many people write `required: true` at the property.
        for (name, property) in own_properties(&at).into_iter().flatten() {
            if property.value.get("required") == Some(&Value::Bool(true)) {
                merged.required.insert(name);
            }
        }
        self.note_what_is_more(&at);
    }

    fn note_what_is_more(&mut self, at: &At<'a>) {
        let more = at.value.get("additionalProperties");
        if own_properties(at).is_some() && more.is_some_and(|m| m.is_object() || m == &Value::Bool(true)) {
            self.notes.left_out(
                "additionalProperties",
                &at.place,
                "members beside the named ones: the type has only those with names",
            );
        }
        for word in ["if", "dependentSchemas", "patternProperties"] {
            if at.value.get(word).is_some() && own_properties(at).is_some() {
                self.notes.left_out(
                    "schema",
                    &at.place,
                    format!("`{word}`: what it says of further members is not in the type"),
                );
            }
        }
    }
}

/// The named members of a schema; none when there are none.
fn own_properties<'a>(at: &At<'a>) -> Option<Vec<(String, At<'a>)>> {
    let properties = at.get("properties")?;
    let all: Vec<(String, At<'a>)> = properties
        .object()?
        .iter()
        .map(|(name, value)| (name.clone(), At { value, place: crate::pointer::join(&properties.place, name) }))
        .collect();
    (!all.is_empty()).then_some(all)
}

/// Whether a schema says what its values are, rather than more of what others say.
fn says_a_type(schema: &Value) -> bool {
    let words = ["$ref", "allOf", "oneOf", "anyOf", "enum", "const", "properties", "items", "additionalProperties"];
    !types_of(schema).is_empty() || words.iter().any(|w| schema.get(w).is_some())
}
