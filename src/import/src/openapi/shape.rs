//! What schemas are in rrb: shapes, and the types that are declared for them.

use serde_json::Value;

/// The index of a declared type.
pub type TypeId = usize;

/// What a value is in rrb.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Anything.
    Json,
    Text,
    Int,
    Float,
    Bool,
    Time,
    List(Box<Shape>),
    /// With text keys.
    Map(Box<Shape>),
    Optional(Box<Shape>),
    Declared(TypeId),
}

impl Shape {
    /// With `?`, once. Json has its own null.
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) | Self::Json => self,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// What it is when it is there.
    pub fn present(&self) -> &Self {
        match self {
            Self::Optional(inner) => inner,
            other => other,
        }
    }

    /// The declared types in it.
    pub fn declared(&self) -> Option<TypeId> {
        match self {
            Self::Declared(id) => Some(*id),
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.declared(),
            _ => None,
        }
    }
}

/// A declared type.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    pub name: String,
    pub docs: String,
    pub body: Body,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Record(Vec<Field>),
    Enum(Vec<Variant>),
    Union(Union),
    /// Its fields are still to be made.
    Open,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// As it is written in JSON.
    pub wire: String,
    pub name: String,
    pub docs: String,
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    pub direction: Direction,
    /// The only value that it has.
    pub only: Option<String>,
}

/// Where a field is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    Both,
    /// `readOnly`: in replies.
    Received,
    /// `writeOnly`: in requests.
    Sent,
}

/// A value of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    pub name: String,
    /// As it is written in JSON.
    pub wire: String,
}

/// One of several types, told apart by one of their fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Union {
    /// The field's name in JSON.
    pub tag: String,
    pub cases: Vec<Case>,
}

/// One type of a union.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Case {
    pub name: String,
    /// The values of the tag that mean it; never empty.
    pub values: Vec<String>,
    pub shape: Shape,
}

/// The scalar type that a schema names, if it names one.
pub fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
