//! Parameters and members of bodies, as the table of routes declares them.

use serde_json::Value;

/// A parameter or a member of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub needed: bool,
    /// A few words.
    pub docs: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A whole number in this range.
    Int {
        min: i64,
        max: i64,
    },
    Bool,
    OneOf(&'static [&'static str]),
    /// A list of texts.
    Texts,
    Object,
    Any,
}

impl Kind {
    /// What a value should have been; none when it fits.
    pub(crate) fn misfit(self, value: &Value) -> Option<String> {
        let (fits, expected) = match self {
            Self::Text => (value.is_string(), "a text".to_owned()),
            Self::Int { min, max } => (
                value.as_i64().is_some_and(|n| (min..=max).contains(&n)),
                match (min, max) {
                    (i64::MIN, i64::MAX) => "a whole number".to_owned(),
                    (_, i64::MAX) => format!("a whole number from {min}"),
                    _ => format!("a whole number from {min} to {max}"),
                },
            ),
            Self::Bool => (value.is_boolean(), "true or false".to_owned()),
            Self::OneOf(all) => {
                let names: Vec<String> = all.iter().map(|n| format!("`{n}`")).collect();
                (value.as_str().is_some_and(|v| all.contains(&v)), format!("one of {}", names.join(", ")))
            }
            Self::Texts => {
                let texts = value.as_array().is_some_and(|l| l.iter().all(Value::is_string));
                (texts, "a list of texts".to_owned())
            }
            Self::Object => (value.is_object(), "an object".to_owned()),
            Self::Any => (true, String::new()),
        };
        (!fits).then_some(expected)
    }
}
