//! Types, and the functions that read and write them where JSON spells them otherwise.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::usage::Usage;
use crate::names::{self, Names};
use crate::openapi::shape::{Body, Declared, Field, Shape, TypeId, Union, Variant};
use crate::text::{quoted, wrap};

/// How wide doc comments are.
pub const WIDTH: usize = 96;

/// Writes types and what reads and writes them, each once, those that are asked for.
pub struct Codec<'t> {
    types: &'t [Declared],
    usage: &'t Usage,
    /// The name that a type's functions begin with.
    stems: Vec<String>,
    wanted: BTreeSet<TypeId>,
    open: VecDeque<TypeId>,
    /// Functions that read and write, by their type.
    reads: BTreeSet<TypeId>,
    writes: BTreeSet<TypeId>,
    open_reads: VecDeque<TypeId>,
    open_writes: VecDeque<TypeId>,
}

impl<'t> Codec<'t> {
    pub fn new(types: &'t [Declared], usage: &'t Usage) -> Self {
        let mut names = Names::default();
        let stems = types.iter().map(|t| names.take_field(&names::snake(&t.name, "type"))).collect();
        Self {
            types,
            usage,
            stems,
            wanted: BTreeSet::new(),
            open: VecDeque::new(),
            reads: BTreeSet::new(),
            writes: BTreeSet::new(),
            open_reads: VecDeque::new(),
            open_writes: VecDeque::new(),
        }
    }

    /// A shape as it is written.
    pub fn ty(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Json => "Json".to_owned(),
            Shape::Text => "Text".to_owned(),
            Shape::Int => "Int".to_owned(),
            Shape::Float => "Float".to_owned(),
            Shape::Bool => "Bool".to_owned(),
            Shape::Time => "Time".to_owned(),
            Shape::List(inner) => format!("List<{}>", self.ty(inner)),
            Shape::Map(inner) => format!("Map<Text, {}>", self.ty(inner)),
            Shape::Optional(inner) => format!("{}?", self.ty(inner)),
            Shape::Declared(id) => {
                if self.wanted.insert(*id) {
                    self.open.push_back(*id);
                }
                self.types.get(*id).map(|t| t.name.clone()).unwrap_or_default()
            }
        }
    }

    /// The value that `json`, an expression, stands for.
    pub fn read(&mut self, shape: &Shape, json: &str) -> String {
        self.read_at(shape, json, 0)
    }

    fn read_at(&mut self, shape: &Shape, json: &str, depth: usize) -> String {
        if *shape == Shape::Json {
            return json.to_owned();
        }
        if !self.usage.decodes(shape) {
            return format!("{json} as {}", self.ty(shape));
        }
        let item = variable(depth);
        match shape {
            Shape::Optional(inner) => {
                let inner = self.read_at(inner, &item, depth + 1);
                format!("({json} as Json?).map({item} => {inner})")
            }
            Shape::List(inner) => {
                let inner = self.read_at(inner, &item, depth + 1);
                format!("({json} as List<Json>).map({item} => {inner})")
            }
            Shape::Map(inner) => {
                let inner = self.read_at(inner, &item, depth + 1);
                format!("({json} as Map<Text, Json>).map_values({item} => {inner})")
            }
            Shape::Declared(id) => {
                if self.reads.insert(*id) {
                    self.open_reads.push_back(*id);
                }
                format!("_{}_of({json})", self.stem(*id))
            }
            _ => format!("{json} as {}", self.ty(shape)),
        }
    }

    /// What stands in JSON for `value`, an expression.
    pub fn write(&mut self, shape: &Shape, value: &str) -> String {
        self.write_at(shape, value, 0)
    }

    fn write_at(&mut self, shape: &Shape, value: &str, depth: usize) -> String {
        if !self.usage.encodes(shape) {
            return value.to_owned();
        }
        let item = variable(depth);
        match shape {
            Shape::Optional(inner) | Shape::List(inner) => {
                let inner = self.write_at(inner, &item, depth + 1);
                format!("{value}.map({item} => {inner})")
            }
            Shape::Map(inner) => {
                let inner = self.write_at(inner, &item, depth + 1);
                format!("{value}.map_values({item} => {inner})")
            }
            Shape::Declared(id) => {
                if self.writes.insert(*id) {
                    self.open_writes.push_back(*id);
                }
                let end = if self.is_enum(*id) { "text" } else { "json" };
                format!("_{}_{end}({value})", self.stem(*id))
            }
            _ => value.to_owned(),
        }
    }

    /// The fields of a record; none for all else.
    pub fn fields(&self, shape: &Shape) -> Option<&'t [Field]> {
        let Shape::Declared(id) = shape.present() else { return None };
        match self.types.get(*id).map(|t| &t.body) {
            Some(Body::Record(fields)) => Some(fields),
            _ => None,
        }
    }

    pub fn is_enum(&self, id: TypeId) -> bool {
        self.types.get(id).is_some_and(|t| matches!(t.body, Body::Enum(_)))
    }

    fn stem(&self, id: TypeId) -> &str {
        self.stems.get(id).map_or("", String::as_str)
    }

    /// Everything that was asked for, and what that asks for. The text of the types, that of the functions, and how many types.
    pub fn finish(&mut self) -> (String, String, usize) {
        let mut types: std::collections::BTreeMap<TypeId, String> = std::collections::BTreeMap::new();
        let mut functions: std::collections::BTreeMap<(TypeId, bool), String> = std::collections::BTreeMap::new();
        loop {
            if let Some(id) = self.open.pop_front() {
                types.insert(id, self.declaration(id));
            } else if let Some(id) = self.open_reads.pop_front() {
                functions.insert((id, false), self.reader(id));
            } else if let Some(id) = self.open_writes.pop_front() {
                functions.insert((id, true), self.writer(id));
            } else {
                break;
            }
        }
        let count = types.len();
        (types.into_values().collect(), functions.into_values().collect(), count)
    }

    fn declaration(&mut self, id: TypeId) -> String {
        let Some(declared) = self.types.get(id) else { return String::new() };
        let mut out = docs(&declared.docs, "  ");
        match &declared.body {
            Body::Record(fields) if fields.is_empty() => {
                let _ = writeln!(out, "  type {} = Json\n", declared.name);
            }
            Body::Record(fields) => {
                let _ = writeln!(out, "  type {} = {{", declared.name);
                for field in fields {
                    out.push_str(&docs(&field.docs, "    "));
                    let _ = writeln!(out, "    {},", self.field(field));
                }
                out.push_str("  }\n\n");
            }
            Body::Enum(variants) => {
                let mut all: Vec<String> = variants.iter().map(|v| v.name.clone()).collect();
                if self.usage.of(id).received {
                    all.push("other(value: Text)".to_owned());
                }
                let _ = writeln!(out, "  enum {} {{ {} }}\n", declared.name, all.join(", "));
            }
            Body::Union(union) => {
                let _ = writeln!(out, "  enum {} {{", declared.name);
                for case in &union.cases {
                    let ty = self.ty(&case.shape);
                    let _ = writeln!(out, "    {}(value: {ty}),", case.name);
                }
                out.push_str("    other(value: Json),\n  }\n\n");
            }
            Body::Open => {
                let _ = writeln!(out, "  type {} = Json\n", declared.name);
            }
        }
        out
    }

    fn field(&mut self, field: &Field) -> String {
        let name = &field.name;
        match (field.required, &field.only) {
            (true, Some(only)) => format!("{name}: {} = {}", self.ty(&field.shape), quoted(only)),
            (true, None) => format!("{name}: {}", self.ty(&field.shape)),
            (false, _) => format!("{name}: {} = none", self.ty(&field.shape.clone().optional())),
        }
    }

    fn reader(&mut self, id: TypeId) -> String {
        let Some(declared) = self.types.get(id) else { return String::new() };
        let ty = self.ty(&Shape::Declared(id));
        let mut out = format!("  fn _{}_of(json: Json) -> {ty} {{\n", self.stem(id));
        match &declared.body {
            Body::Record(fields) => {
                out.push_str("    {\n");
                for field in fields {
                    let shape = if field.required { field.shape.clone() } else { field.shape.clone().optional() };
                    let value = self.read(&shape, &member("json", &field.wire));
                    let value = match (&field.only, field.required) {
                        (Some(only), true) => format!("{} as Text? ?? {}", member("json", &field.wire), quoted(only)),
                        _ => value,
                    };
                    let _ = writeln!(out, "      {}: {value},", field.name);
                }
                out.push_str("    }\n");
            }
            Body::Enum(variants) => self.read_enum(&mut out, &ty, variants, self.usage.of(id).received),
            Body::Union(union) => self.read_union(&mut out, &ty, union),
            Body::Open => out.push_str("    json\n"),
        }
        out.push_str("  }\n\n");
        out
    }

    fn read_enum(&self, out: &mut String, ty: &str, variants: &[Variant], open: bool) {
        out.push_str("    match json as Text {\n");
        for v in variants {
            let _ = writeln!(out, "      {} => {ty}.{},", quoted(&v.wire), v.name);
        }
        if open {
            let _ = writeln!(out, "      value => {ty}.other(value),");
        } else {
            let _ = writeln!(out, "      value => fail \"`${{value}}` is no value of `{ty}`\",");
        }
        out.push_str("    }\n");
    }

    fn read_union(&mut self, out: &mut String, ty: &str, union: &Union) {
        let _ = writeln!(out, "    match {} as Text? ?? \"\" {{", member("json", &union.tag));
        for case in &union.cases {
            let values: Vec<String> = case.values.iter().map(|v| quoted(v)).collect();
            let value = self.read(&case.shape, "json");
            let _ = writeln!(out, "      {} => {ty}.{}({value}),", values.join(" | "), case.name);
        }
        let _ = writeln!(out, "      _ => {ty}.other(json),");
        out.push_str("    }\n");
    }

    fn writer(&mut self, id: TypeId) -> String {
        let Some(declared) = self.types.get(id) else { return String::new() };
        let ty = self.ty(&Shape::Declared(id));
        let (end, gives) = if self.is_enum(id) { ("text", "Text") } else { ("json", "Json") };
        let mut out = format!("  fn _{}_{end}(value: {ty}) -> {gives} {{\n", self.stem(id));
        match &declared.body {
            Body::Record(fields) => self.write_record(&mut out, fields),
            Body::Enum(variants) => {
                out.push_str("    match value {\n");
                for v in variants {
                    let _ = writeln!(out, "      {} => {},", v.name, quoted(&v.wire));
                }
                if self.usage.of(id).received {
                    out.push_str("      other(value: text) => text,\n");
                }
                out.push_str("    }\n");
            }
            Body::Union(union) => self.write_union(&mut out, union),
            Body::Open => out.push_str("    value\n"),
        }
        out.push_str("  }\n\n");
        out
    }

    fn write_record(&mut self, out: &mut String, fields: &[Field]) {
        let mut object = String::from("{\n");
        for field in fields {
            let shape = if field.required { field.shape.clone() } else { field.shape.clone().optional() };
            let value = self.write(&shape, &format!("value.{}", field.name));
            let _ = writeln!(object, "        {}: {value},", quoted(&field.wire));
        }
        object.push_str("      }");
        let left_out: Vec<String> = fields.iter().filter(|f| !f.required).map(|f| quoted(&f.wire)).collect();
        if left_out.is_empty() {
            let _ = writeln!(out, "    {object}");
        } else {
            let _ = writeln!(out, "    _without_none(\n      {object},\n      [{}],\n    )", left_out.join(", "));
        }
    }

    fn write_union(&mut self, out: &mut String, union: &Union) {
        out.push_str("    match value {\n");
        for case in &union.cases {
            let inner = self.write(&case.shape, "it");
            let tagged = match case.values.as_slice() {
                // The tag is sent even when the type does not have it.
                [only] => format!("_tagged({inner}, {}, {})", quoted(&union.tag), quoted(only)),
                _ => inner,
            };
            let _ = writeln!(out, "      {}(value: it) => {tagged},", case.name);
        }
        out.push_str("      other(value: it) => it,\n    }\n");
    }
}

/// `json.name`, or `json["odd name"]`.
pub fn member(json: &str, wire: &str) -> String {
    if names::is_word(wire) { format!("{json}.{wire}") } else { format!("{json}[{}]", quoted(wire)) }
}

fn variable(depth: usize) -> String {
    if depth == 0 { "it".to_owned() } else { format!("it{}", depth + 1) }
}

/// Doc comment lines with their marks.
pub fn docs(text: &str, indent: &str) -> String {
    wrap(text, WIDTH).iter().fold(String::new(), |out, line| out + indent + "/// " + line + "\n")
}
