//! What a coercion from one static type to another does to a value.

use smol_str::SmolStr;

use super::{Compiler, index};
use crate::hir::Coercion;
use crate::types::{Ty, Type};
use crate::vm::code::Shape;
use crate::vm::typing::{fields, resolve};

impl Compiler<'_, '_> {
    /// The type of the record that an expression makes: where a `T?` is expected, its type says that, and what is made is a `T`.
    pub(super) fn built(&self, ty: &Ty) -> Ty {
        match &*resolve(&self.hir.types, ty) {
            Type::Optional(inner) => inner.clone(),
            _ => ty.clone(),
        }
    }

    pub(super) fn field_names(&mut self, ty: &Type) -> u32 {
        let names: Vec<SmolStr> = fields(&self.hir.types, ty).into_iter().map(|f| f.name).collect();
        self.tables.names(names)
    }

    /// The table index of a coercion; None when it changes nothing.
    pub(super) fn coercion(&mut self, kind: &Coercion, from: &Ty, to: &Ty) -> Option<u32> {
        let shape = match kind {
            Coercion::IntToFloat => self.lifted(from, Shape::IntToFloat),
            Coercion::ToJson => Shape::ToJson,
            Coercion::ToShown => Shape::ToShown,
            Coercion::TextToUrl => self.lifted(from, Shape::TextToUrl),
            Coercion::Shape => self.shape(from, to, 0),
        };
        if shape == Shape::Same {
            return None;
        }
        let found = self.tables.shapes.iter().position(|s| *s == shape);
        Some(found.map_or_else(
            || {
                self.tables.shapes.push(shape);
                index(self.tables.shapes.len() - 1)
            },
            index,
        ))
    }

    fn lifted(&self, from: &Ty, shape: Shape) -> Shape {
        match &*resolve(&self.hir.types, from) {
            Type::Optional(_) | Type::None => Shape::Optional(Box::new(shape)),
            _ => shape,
        }
    }

    fn shape(&mut self, from: &Ty, to: &Ty, depth: u32) -> Shape {
        // Recursive types are equal to themselves; only types that differ descend, and those are finite.
        if from == to || depth > 64 {
            return Shape::Same;
        }
        let (from, to) = (resolve(&self.hir.types, from), resolve(&self.hir.types, to));
        if from == to {
            return Shape::Same;
        }
        match (&*from, &*to) {
            (Type::None, _) => Shape::Same,
            (Type::Optional(a), Type::Optional(b)) => wrap(self.shape(a, b, depth + 1), Shape::Optional),
            (_, Type::Optional(b)) => self.shape(&from, b, depth + 1),
            (Type::Int, Type::Float) => Shape::IntToFloat,
            (Type::Json, Type::Json) => Shape::Same,
            (_, Type::Json) => Shape::ToJson,
            (Type::Text, Type::Url) => Shape::TextToUrl,
            (Type::List(a), Type::List(b)) => wrap(self.shape(a, b, depth + 1), Shape::List),
            (Type::Set(a), Type::Set(b)) => wrap(self.shape(a, b, depth + 1), Shape::Set),
            (Type::Range(a), Type::Range(b)) => wrap(self.shape(a, b, depth + 1), Shape::Range),
            (Type::Map(ka, va), Type::Map(kb, vb)) => {
                match (self.shape(ka, kb, depth + 1), self.shape(va, vb, depth + 1)) {
                    (Shape::Same, Shape::Same) => Shape::Same,
                    (k, v) => Shape::Map(Box::new(k), Box::new(v)),
                }
            }
            _ => self.record_shape(&from, &to, depth),
        }
    }

    fn record_shape(&mut self, from: &Ty, to: &Ty, depth: u32) -> Shape {
        let (source, target) = (fields(&self.hir.types, from), fields(&self.hir.types, to));
        if source.is_empty() && target.is_empty() {
            return Shape::Same;
        }
        let mut same = source.len() == target.len();
        let mut parts = Vec::with_capacity(target.len());
        for (i, field) in target.iter().enumerate() {
            let Some(at) = source.iter().position(|f| f.name == field.name) else { return Shape::Same };
            let shape = self.shape(&source.get(at).map_or(field.ty.clone(), |f| f.ty.clone()), &field.ty, depth + 1);
            same &= at == i && shape == Shape::Same;
            parts.push((index(at), shape));
        }
        if same {
            return Shape::Same;
        }
        let names = self.field_names(to);
        Shape::Record(names, parts)
    }
}

fn wrap(shape: Shape, make: impl FnOnce(Box<Shape>) -> Shape) -> Shape {
    if shape == Shape::Same { Shape::Same } else { make(Box::new(shape)) }
}
