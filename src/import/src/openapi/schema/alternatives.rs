//! `oneOf`, `anyOf` and types that others derive from.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::{At, Schemas, Shape, merge::Merged, values};
use crate::names::{self, Names};
use crate::openapi::shape::{Body, Case, Field, Union};
use crate::pointer;

/// The values of the tag that mean an alternative, and that alternative.
type Tagged<'a> = (Vec<String>, At<'a>);

/// A union with more cases is Json.
const MAX_CASES: usize = 200;

impl<'a> Schemas<'a> {
    /// The shape of a schema with alternatives. None when it has none.
    pub(super) fn alternatives(&mut self, at: &At<'a>, hint: &str) -> Option<Shape> {
        if let Some(subtypes) = self.subtypes_of(at) {
            return Some(self.base(at, hint, &subtypes));
        }
        let listed = ["oneOf", "anyOf"].into_iter().find_map(|word| at.get(word).filter(|a| a.value.is_array()))?;
        let all = listed.items();
        let mut nullable = false;
        let mut there: Vec<At<'a>> = Vec::new();
        for one in all {
            if is_null(one.value) {
                nullable = true;
            } else if says_more_only(one.value) {
                // `anyOf: [{required: [a]}, {required: [b]}]` beside the properties.
            } else {
                there.push(one);
            }
        }
        let shape = match there.as_slice() {
            [] if self.has_members(at) => return self.without_alternatives(at, hint),
            [] => Shape::Json,
            [one] if !self.has_members(at) => self.shape(one, hint),
            _ => self.one_of(at, &there, hint),
        };
        Some(if nullable { shape.optional() } else { shape })
    }

    fn has_members(&self, at: &At<'a>) -> bool {
        at.get("properties").and_then(|p| p.object().map(|o| !o.is_empty())).unwrap_or(false)
            || at.get("allOf").is_some()
    }

    fn without_alternatives(&mut self, at: &At<'a>, hint: &str) -> Option<Shape> {
        let merged = self.merge(at);
        let body = self.fields_of(merged, hint);
        Some(self.declare_once(at, hint, body))
    }

    fn one_of(&mut self, at: &At<'a>, there: &[At<'a>], hint: &str) -> Shape {
        if there.len() > MAX_CASES {
            self.notes.widened("oneOf", &at.place, format!("more than {MAX_CASES} alternatives: taken as `Json`"));
            return Shape::Json;
        }
        if let Some(tag) = tag_of(at) {
            let cases: Vec<Tagged<'a>> = there.iter().filter_map(|one| self.tagged(at, &tag, one)).collect();
            if cases.len() == there.len() {
                return self.union(at, &tag, cases, hint);
            }
        }
        if let Some((tag, cases)) = self.implied_tag(there) {
            return self.union(at, &tag, cases, hint);
        }
        let shapes: Vec<Shape> = there.iter().enumerate().map(|(i, one)| self.alternative(one, i, hint)).collect();
        self.untagged(at, there, &shapes, hint)
    }

    fn alternative(&mut self, one: &At<'a>, i: usize, hint: &str) -> Shape {
        let name = one
            .text("title")
            .map_or_else(|| format!("{hint}{}", i + 1), |title| format!("{hint}{}", names::pascal(title, "Case")));
        self.shape(one, &name)
    }

    fn untagged(&mut self, at: &At<'a>, there: &[At<'a>], shapes: &[Shape], hint: &str) -> Shape {
        let first = shapes.first().cloned().unwrap_or(Shape::Json);
        let nullable = shapes.iter().any(|s| matches!(s, Shape::Optional(_)));
        let with_null = |shape: Shape| if nullable { shape.optional() } else { shape };
        if shapes.iter().all(|s| s.present() == first.present()) && !self.has_members(at) {
            return with_null(first.present().clone());
        }
        if shapes.iter().all(|s| self.is_text(s.present())) {
            self.notes.widened("oneOf", &at.place, "alternatives that are all texts: taken as `Text`");
            return with_null(Shape::Text);
        }
        if shapes.iter().all(|s| matches!(s.present(), Shape::Int | Shape::Float)) {
            return with_null(Shape::Float);
        }
        if there.iter().all(|one| self.is_object(one)) {
            self.notes.widened(
                "oneOf",
                &at.place,
                "alternatives that no member tells apart: one record with the members of all, those that not all have optional",
            );
            return with_null(self.joined(at, there, hint));
        }
        self.notes.widened("oneOf", &at.place, "alternatives of different kinds: taken as `Json`");
        Shape::Json
    }

    fn is_text(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Text | Shape::Time => true,
            Shape::Declared(id) => matches!(self.types.get(*id).map(|t| &t.body), Some(Body::Enum(_))),
            _ => false,
        }
    }

    fn is_object(&mut self, at: &At<'a>) -> bool {
        let Some(at) = self.doc.resolve(at.clone(), &mut self.notes) else { return false };
        self.is_record(&at)
    }

    /// One record of all alternatives.
    fn joined(&mut self, at: &At<'a>, there: &[At<'a>], hint: &str) -> Shape {
        let own = self.merge(at);
        let mut parts: Vec<Merged<'a>> = there.iter().map(|one| self.merge(one)).collect();
        for part in &mut parts {
            part.required.extend(own.required.iter().cloned());
        }
        let mut all: IndexMap<String, Field> = IndexMap::new();
        let mut clash: HashSet<String> = HashSet::new();
        let everywhere = |name: &str, parts: &[Merged<'a>]| {
            parts.iter().all(|p| p.required.contains(name) && p.properties.contains_key(name))
        };
        let own_fields = self.fields_of(own, hint);
        let always: HashSet<String> = parts
            .first()
            .map(|p| p.properties.keys().filter(|n| everywhere(n, &parts)).cloned().collect())
            .unwrap_or_default();
        let part_fields: Vec<Body> = parts.into_iter().map(|part| self.fields_of(part, hint)).collect();
        for (i, body) in std::iter::once(own_fields).chain(part_fields).enumerate() {
            let Body::Record(fields) = body else { continue };
            for mut field in fields {
                field.required = field.required && (i == 0 || always.contains(&field.wire));
                match all.get_mut(&field.wire) {
                    Some(known) if known.shape.present() == field.shape.present() => {
                        if field.only != known.only {
                            known.only = None;
                        }
                        known.required = known.required && (i == 0 || field.required || !always.contains(&field.wire));
                    }
                    Some(_) => {
                        clash.insert(field.wire.clone());
                    }
                    None => {
                        all.insert(field.wire.clone(), field);
                    }
                }
            }
        }
        for name in &clash {
            if let Some(field) = all.get_mut(name) {
                let texts = self.is_text(field.shape.present());
                field.shape =
                    if texts && matches!(field.shape.present(), Shape::Text) { Shape::Text } else { Shape::Json };
                field.only = None;
            }
        }
        let mut taken = Names::default();
        all.keys().filter(|n| names::is_word(n)).for_each(|n| taken.keep(n));
        let fields = all
            .into_values()
            .map(|mut f| {
                if !names::is_word(&f.wire) {
                    f.name = taken.take_field(&names::snake(&f.wire, "field"));
                }
                f
            })
            .collect();
        self.declare_once(at, hint, Body::Record(fields))
    }

    /// The values of the tag that mean this alternative, and what stands there. None when it is no object.
    fn tagged(&mut self, at: &At<'a>, tag: &str, one: &At<'a>) -> Option<Tagged<'a>> {
        let target = self.doc.resolve(one.clone(), &mut self.notes)?;
        if !self.is_record(&target) && self.subtypes_of(&target).is_none() {
            return None;
        }
        let values = self.tag_values(at, tag, &target, one.reference());
        (!values.is_empty()).then_some((values, target))
    }

    /// By the mapping, else by the values that the member may have, else by the name of the schema.
    fn tag_values(&mut self, at: &At<'a>, tag: &str, target: &At<'a>, reference: Option<&str>) -> Vec<String> {
        let mapping = discriminator(at.value).and_then(|d| d.get("mapping")).and_then(Value::as_object);
        let means = |to: &str| {
            Some(to) == reference
                || to.strip_prefix('#').map(pointer::of_fragment).as_deref() == Some(&target.place)
                || to == pointer::last(&target.place)
        };
        let mapped: Vec<String> = mapping
            .into_iter()
            .flatten()
            .filter(|(_, to)| to.as_str().is_some_and(means))
            .map(|(v, _)| v.clone())
            .collect();
        if !mapped.is_empty() {
            return mapped;
        }
        let own = self.own_tag_values(tag, target);
        if !own.is_empty() {
            return own;
        }
        reference.map(|_| vec![pointer::last(&target.place)]).unwrap_or_default()
    }

    /// The few values that the member itself allows.
    fn own_tag_values(&mut self, tag: &str, target: &At<'a>) -> Vec<String> {
        let merged = self.merge(target);
        let Some(property) = merged.properties.get(tag) else { return Vec::new() };
        let Some(property) = self.doc.resolve(property.clone(), &mut self.notes) else { return Vec::new() };
        if let Some(only) = values::only_text(property.value) {
            return vec![only];
        }
        Vec::new()
    }

    /// A member that every alternative has, with another only value in each.
    fn implied_tag(&mut self, there: &[At<'a>]) -> Option<(String, Vec<Tagged<'a>>)> {
        if there.len() < 2 {
            return None;
        }
        let mut targets = Vec::new();
        for one in there {
            let target = self.doc.resolve(one.clone(), &mut self.notes)?;
            if !self.is_record(&target) {
                return None;
            }
            targets.push(target);
        }
        let first = self.merge(targets.first()?);
        let candidates: Vec<String> = first.properties.keys().cloned().collect();
        for tag in candidates {
            let mut seen = HashSet::new();
            let mut cases = Vec::new();
            for target in &targets {
                match self.own_tag_values(&tag, target).as_slice() {
                    [only] if seen.insert(only.clone()) => cases.push((vec![only.clone()], target.clone())),
                    _ => break,
                }
            }
            if cases.len() == targets.len() {
                return Some((tag, cases));
            }
        }
        None
    }

    fn union(&mut self, at: &At<'a>, tag: &str, cases: Vec<Tagged<'a>>, hint: &str) -> Shape {
        let mut seen = HashSet::new();
        let mut taken = Names::with(["other"]);
        let mut made = Vec::new();
        for (values, target) in cases {
            let values: Vec<String> = values.into_iter().filter(|v| seen.insert(v.clone())).collect();
            let Some(first) = values.first() else { continue };
            let name = taken.take(&names::snake(first, "case"));
            let shape = if self.subtypes_of(&target).is_some() {
                self.fields_only(&target, &names::pascal(first, "Case"))
            } else if self.given.contains_key(&target.place) {
                self.referred(&target)
            } else {
                self.shape(&target, &format!("{hint}{}", names::pascal(first, "Case")))
            };
            made.push(Case { name, values, shape: shape.present().clone() });
        }
        if self.has_members(at) && at.value.get("oneOf").or_else(|| at.value.get("anyOf")).is_some() {
            self.notes.left_out(
                "oneOf",
                &at.place,
                "members beside the alternatives: those of each alternative alone are in its type",
            );
        }
        self.declare_once(at, hint, Body::Union(Union { tag: tag.to_owned(), cases: made }))
    }

    /// The types that derive from this one by `allOf`, when a discriminator tells them apart. None when it has none.
    pub(super) fn subtypes_of(&self, at: &At<'a>) -> Option<Vec<String>> {
        if at.value.get("oneOf").is_some() || at.value.get("anyOf").is_some() {
            return None;
        }
        tag_of(at)?;
        self.subtypes.get(&at.place).filter(|s| !s.is_empty() && s.len() <= MAX_CASES).cloned()
    }

    /// A type that others derive from: one of them.
    fn base(&mut self, at: &At<'a>, hint: &str, subtypes: &[String]) -> Shape {
        let Some(tag) = tag_of(at) else { return Shape::Json };
        let mut cases = Vec::new();
        for place in subtypes {
            let Some(target) = self.doc.at(place) else { continue };
            let reference = format!("#{place}");
            let values = self.tag_values(at, &tag, &target, Some(&reference));
            // One that is itself derived from is a type of its own here; what derives from it is another case.
            cases.push((values, target));
        }
        self.union(at, &tag, cases, hint)
    }

    /// The members of a type that others derive from, without those.
    fn fields_only(&mut self, target: &At<'a>, hint: &str) -> Shape {
        let merged = self.merge(target);
        let body = self.fields_of(merged, hint);
        let inner = At { value: target.value, place: format!("{}/", target.place) };
        self.declare_once(&inner, &format!("{hint}Fields"), body)
    }
}

/// The member that tells alternatives apart: `discriminator: {propertyName: kind}`, in Swagger 2 `discriminator: kind`.
fn tag_of(at: &At<'_>) -> Option<String> {
    match discriminator(at.value)? {
        Value::String(tag) => Some(tag.clone()),
        Value::Object(o) => o.get("propertyName")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Of the schema itself, or of a part of it that `allOf` writes out. One that is only referred to has a discriminator of its own, for its own types.
fn discriminator(schema: &Value) -> Option<&Value> {
    let parts = || schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let written = |part: &&Value| part.get("$ref").is_none();
    schema.get("discriminator").or_else(|| parts().filter(written).find_map(|part| part.get("discriminator")))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|t| t == "null" || t == &serde_json::json!(["null"]))
        || schema.get("enum").and_then(Value::as_array).is_some_and(|v| v.len() == 1 && v.first() == Some(&Value::Null))
        || schema.get("const") == Some(&Value::Null)
}

/// Whether a schema only restricts: `{required: […]}`, `{not: …}`.
fn says_more_only(schema: &Value) -> bool {
    let words = ["required", "not", "title", "description", "minProperties", "maxProperties"];
    schema.as_object().is_some_and(|o| !o.is_empty() && o.keys().all(|k| words.contains(&k.as_str())))
}
