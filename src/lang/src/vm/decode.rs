//! `as`: from JSON to a typed value, with the path and both sides of a misfit; and the text of a command line to one.

use std::sync::Arc;

use smol_str::SmolStr;

use super::typing::{fields, resolve, substitute};
use crate::json::{self, Json};
use crate::types::{FieldTy, Ty, Type, TypeDefKind, TypeTable};
use crate::value::{Pattern, Record, Secret, Value, VariantValue};

/// Why a document does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}{}, found {found}", place(path))]
pub struct DecodeError {
    /// From the root: `$.alerts[0].status`.
    pub path: String,
    /// What the type asks for, in words.
    pub expected: String,
    /// What is there, in words.
    pub found: String,
}

/// Where it is; the whole document needs no words.
fn place(path: &str) -> String {
    if path == "$" { String::new() } else { format!(" at `{path}`") }
}

/// Converts `json` to a value of type `ty`. Unknown fields are ignored, missing optional ones are none, missing ones with a default
/// get it from `constants`; nothing converts silently.
///
/// # Errors
/// The first place that does not fit.
pub fn decode(types: &TypeTable, ty: &Ty, json: &Json, constants: &[Value]) -> Result<Value, DecodeError> {
    let mut decoder = Decoder { types, constants, path: Vec::new() };
    decoder.value(ty, json)
}

enum Step {
    Field(SmolStr),
    Item(usize),
}

struct Decoder<'a> {
    types: &'a TypeTable,
    constants: &'a [Value],
    path: Vec<Step>,
}

impl Decoder<'_> {
    fn value(&mut self, ty: &Ty, json: &Json) -> Result<Value, DecodeError> {
        let ty = resolve(self.types, ty);
        let text = |make: &dyn Fn(&str) -> Option<Value>| json.as_text().and_then(make);
        let value = match &*ty {
            Type::Json => Some(Value::Json(json.clone())),
            Type::Optional(inner) => {
                return if *json == Json::Null { Ok(Value::None) } else { self.value(inner, json) };
            }
            Type::Nothing if *json == Json::Null => Some(Value::Nothing),
            Type::None if *json == Json::Null => Some(Value::None),
            Type::Bool => match json {
                Json::Bool(b) => Some(Value::Bool(*b)),
                _ => None,
            },
            Type::Int => whole(json).map(Value::Int),
            Type::Float => match json {
                Json::Float(f) => Some(Value::Float(*f)),
                Json::Int(i) => Some(Value::Float(*i as f64)),
                Json::UInt(u) => Some(Value::Float(*u as f64)),
                _ => None,
            },
            Type::Text => match json {
                Json::Text(t) => Some(Value::Text(t.clone())),
                _ => None,
            },
            Type::Duration => text(&|t| duration(t).map(Value::Duration)),
            Type::Size => {
                text(&|t| size(t).map(Value::Size)).or_else(|| whole(json).filter(|n| *n >= 0).map(Value::Size))
            }
            Type::Time => text(&|t| time(t).map(Value::Time)),
            Type::Url => text(&|t| url(t).map(Value::Url)),
            Type::Ip => text(&|t| t.parse().ok().map(Value::Ip)),
            Type::Cidr => text(&|t| t.parse().ok().map(Value::Cidr)),
            Type::Regex => text(&|t| Pattern::new(t).ok().map(Value::Regex)),
            Type::Bytes => text(&|t| bytes(t).map(Value::Bytes)),
            Type::List(item) => match json {
                Json::List(items) => Some(Value::List(Arc::new(self.items(item, items)?))),
                _ => None,
            },
            Type::Set(item) => match json {
                Json::List(items) => Some(Value::Set(Arc::new(self.items(item, items)?.into_iter().collect()))),
                _ => None,
            },
            Type::Map(key, item) => match json {
                Json::Object(members) => {
                    let mut map = indexmap::IndexMap::with_capacity(members.len());
                    for (name, member) in members.iter() {
                        let key = self.key(key, name)?;
                        let value = self.at(Step::Field(name.clone()), |d| d.value(item, member))?;
                        map.insert(key, value);
                    }
                    Some(Value::Map(Arc::new(map)))
                }
                _ => None,
            },
            Type::Record(_) => self.record(&fields(self.types, &ty), json)?,
            Type::Named(id, args) => match self.types.get(*id).map(|d| &d.kind) {
                Some(TypeDefKind::Record(_)) => self.record(&fields(self.types, &ty), json)?,
                Some(TypeDefKind::Enum(variants)) => self.variant(*id, args, variants, json)?,
                _ => None,
            },
            _ => None,
        };
        value.ok_or_else(|| self.misfit(&describe(self.types, &ty), json))
    }

    /// A key of a map: every one is a text in Json, so that numbers and truth values are read from their text here, and only here.
    fn key(&mut self, ty: &Ty, name: &SmolStr) -> Result<Value, DecodeError> {
        let read = match &*resolve(self.types, ty) {
            Type::Int => name.parse().ok().map(Value::Int),
            Type::Float => name.parse().ok().filter(|f: &f64| f.is_finite()).map(Value::Float),
            Type::Bool => name.parse().ok().map(Value::Bool),
            _ => None,
        };
        match read {
            Some(key) => Ok(key),
            None => self.value(ty, &Json::Text(name.clone())),
        }
    }

    fn items(&mut self, ty: &Ty, items: &[Json]) -> Result<Vec<Value>, DecodeError> {
        items.iter().enumerate().map(|(i, item)| self.at(Step::Item(i), |d| d.value(ty, item))).collect()
    }

    fn record(&mut self, fields: &[FieldTy], json: &Json) -> Result<Option<Value>, DecodeError> {
        let Json::Object(members) = json else { return Ok(None) };
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let value = match (members.get(&field.name), field.default) {
                (None | Some(Json::Null), Some(default)) => {
                    // Null for an optional field is said: none. For any other it is as absent.
                    if members.contains_key(&field.name) && matches!(&*field.ty, Type::Optional(_)) {
                        Value::None
                    } else {
                        self.constants.get(default.index()).cloned().unwrap_or(Value::None)
                    }
                }
                (Some(member), _) => self.at(Step::Field(field.name.clone()), |d| d.value(&field.ty, member))?,
                (None, None) => match &*resolve(self.types, &field.ty) {
                    Type::Optional(_) => Value::None,
                    Type::Json => Value::Json(Json::Null),
                    other => {
                        let expected = describe(self.types, other);
                        return self.at(Step::Field(field.name.clone()), |d| {
                            Err(DecodeError { path: d.path(), expected, found: "nothing".into() })
                        });
                    }
                },
            };
            values.push(value);
        }
        let names = fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        Ok(Some(Value::Record(Arc::new(Record { names: names.into(), values }))))
    }

    /// A text for a variant without payload, `{ "name": [payload…] }` or `{ "name": { field: … } }` for one with.
    fn variant(
        &mut self,
        id: crate::ids::TypeId,
        args: &[Ty],
        variants: &[crate::types::VariantTy],
        json: &Json,
    ) -> Result<Option<Value>, DecodeError> {
        let (name, body) = match json {
            Json::Text(t) => (t, None),
            Json::Object(members) if members.len() == 1 => match members.first() {
                Some((name, body)) => (name, Some(body)),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some(index) = variants.iter().position(|v| v.name == *name) else { return Ok(None) };
        let Some(variant) = variants.get(index) else { return Ok(None) };
        let payload = match (body, variant.payload.is_empty()) {
            (None, true) => Vec::new(),
            (Some(body), false) => {
                let part = |i: usize, f: &FieldTy| match body {
                    Json::List(_) => body.index(i as i64),
                    _ => body.field(&f.name),
                };
                let mut payload = Vec::with_capacity(variant.payload.len());
                for (i, field) in variant.payload.iter().enumerate() {
                    let (ty, member) = (substitute(&field.ty, args), part(i, field));
                    payload.push(self.at(Step::Field(field.name.clone()), |d| d.value(&ty, &member))?);
                }
                payload
            }
            _ => return Ok(None),
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Ok(Some(Value::Variant(Arc::new(VariantValue { ty: id, index, name: name.clone(), payload }))))
    }

    fn at<T>(&mut self, step: Step, f: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let out = f(self);
        self.path.pop();
        out
    }

    fn path(&self) -> String {
        use std::fmt::Write;
        self.path.iter().fold(String::from("$"), |mut out, step| {
            let _ = match step {
                Step::Field(name) if is_name(name) => write!(out, ".{name}"),
                Step::Field(name) => write!(out, "[{name:?}]"),
                Step::Item(i) => write!(out, "[{i}]"),
            };
            out
        })
    }

    fn misfit(&self, expected: &str, json: &Json) -> DecodeError {
        let found = match json {
            Json::Text(t) if t.chars().count() <= 40 => format!("the text {t:?}"),
            Json::Bool(_) | Json::Int(_) | Json::UInt(_) | Json::Float(_) => super::print::json_text(json),
            other => other.kind().to_owned(),
        };
        DecodeError { path: self.path(), expected: expected.to_owned(), found }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn whole(json: &Json) -> Option<i64> {
    match json {
        Json::Int(i) => Some(*i),
        // 3.0 is a whole number; what a Float cannot hold exactly is none.
        Json::Float(f) if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0 => Some(*f as i64),
        _ => None,
    }
}

/// What a type asks a document for, in words.
pub fn describe(types: &TypeTable, ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false".into(),
        Type::Int => "a whole number".into(),
        Type::Float => "a number".into(),
        Type::Text => "a text".into(),
        Type::Duration => "a duration such as \"5m\"".into(),
        Type::Size => "a size such as \"10MiB\" or bytes".into(),
        Type::Time => "a time such as \"2026-11-21T10:00:00Z\"".into(),
        Type::Url => "a URL".into(),
        Type::Ip => "an IP address".into(),
        Type::Cidr => "a network such as \"10.0.0.0/8\"".into(),
        Type::Regex => "a regular expression".into(),
        Type::Bytes => "Base64".into(),
        Type::List(_) | Type::Set(_) => "a list".into(),
        Type::Map(..) | Type::Record(_) => "an object".into(),
        Type::Optional(t) => describe(types, t),
        Type::Nothing | Type::None => "null".into(),
        Type::Named(id, _) => match types.get(*id) {
            Some(def) => match &def.kind {
                TypeDefKind::Enum(variants) => {
                    let names: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
                    format!("{} ({})", def.name, names.join(", "))
                }
                TypeDefKind::Record(_) => format!("{} (an object)", def.name),
                TypeDefKind::Alias(t) => describe(types, t),
            },
            None => "a value".into(),
        },
        _ => "a value that JSON can hold".into(),
    }
}

/// A value of the type with nothing in it: 0, "", no items. Stands for the result of a call that a person says has happened.
pub fn blank(types: &TypeTable, ty: &Ty) -> Value {
    let ty = resolve(types, ty);
    match &*ty {
        Type::Bool => Value::Bool(false),
        Type::Int => Value::Int(0),
        Type::Float => Value::Float(0.0),
        Type::Text => Value::text(""),
        Type::Duration => Value::Duration(0),
        Type::Size => Value::Size(0),
        Type::Time => Value::Time(0),
        Type::Json => Value::Json(Json::Null),
        Type::Bytes => Value::Bytes(Vec::new().into()),
        Type::List(_) => Value::list([]),
        Type::Set(_) => Value::Set(Arc::default()),
        Type::Map(..) => Value::Map(Arc::default()),
        Type::Optional(_) | Type::None => Value::None,
        Type::Record(_) | Type::Named(..) => {
            let parts = fields(types, &ty);
            if parts.is_empty() {
                return Value::Nothing;
            }
            let values = parts.iter().map(|f| blank(types, &f.ty)).collect();
            let names = parts.into_iter().map(|f| f.name).collect::<Vec<_>>();
            Value::Record(Arc::new(Record { names: names.into(), values }))
        }
        _ => Value::Nothing,
    }
}

/// Reads a value of type `ty` as it is written on a command line: texts bare, numbers, durations, sizes, times and enums by their own
/// form, `none` for an optional, everything else as JSON. A Secret is a reference such as `env:TOKEN`.
///
/// # Errors
/// What the type asks for and what is there; the path is `$` or lies in the JSON.
pub fn value_from_text(types: &TypeTable, ty: &Ty, text: &str, constants: &[Value]) -> Result<Value, DecodeError> {
    let resolved = resolve(types, ty);
    match &*resolved {
        Type::Optional(_) if text == "none" => Ok(Value::None),
        Type::Optional(inner) => value_from_text(types, inner, text, constants),
        Type::Text => Ok(Value::text(text)),
        Type::Secret if text.starts_with("env:") || text.starts_with("file:") => {
            Ok(Value::Secret(Arc::new(Secret::Ref(text.into()))))
        }
        Type::Float => match percent(text) {
            Some(f) => Ok(Value::Float(f)),
            None => from_json(types, ty, text, constants),
        },
        Type::Duration | Type::Size | Type::Time | Type::Url | Type::Ip | Type::Cidr | Type::Regex => {
            decode(types, ty, &Json::from(text), constants)
        }
        Type::Named(id, _) if matches!(types.get(*id).map(|d| &d.kind), Some(TypeDefKind::Enum(_))) => {
            decode(types, ty, &Json::from(text), constants).or_else(|e| {
                json::parse(text.as_bytes(), json::Bounds::default())
                    .map_err(|_| e)
                    .and_then(|json| decode(types, ty, &json, constants))
            })
        }
        _ => from_json(types, ty, text, constants),
    }
}

fn from_json(types: &TypeTable, ty: &Ty, text: &str, constants: &[Value]) -> Result<Value, DecodeError> {
    match json::parse(text.as_bytes(), json::Bounds::default()) {
        Ok(json) => decode(types, ty, &json, constants),
        Err(_) => decode(types, ty, &Json::from(text), constants),
    }
}

fn percent(text: &str) -> Option<f64> {
    text.strip_suffix('%')?.parse::<f64>().ok().filter(|f| f.is_finite()).map(|f| f / 100.0)
}

/// The milliseconds of `1h30m`, `1.5h`, `250ms`: units in falling order, a fraction only with a single unit.
pub fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 6] =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut total, mut last, mut parts, mut fraction) = (0_i64, i64::MAX, 0, false);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if *length >= last {
            return None;
        }
        total = total.checked_add(scaled(number, *length)?)?;
        fraction |= number.contains('.');
        (last, rest, parts) = (*length, tail, parts + 1);
    }
    (parts > 0 && !(fraction && parts > 1)).then_some(if negative { -total } else { total })
}

/// The bytes of `512KB`, `10MiB`, `1.5GB`, `17B`.
pub fn size(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 11] = [
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("PiB", 1 << 50),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    scaled(number, *length)
}

/// `number * unit` when that is whole, computed in whole numbers.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.len() > 15 {
        return None;
    }
    let mut total = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    if !fraction.is_empty() {
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = fraction.parse::<i128>().ok()?.checked_mul(i128::from(unit))?;
        if part % scale != 0 {
            return None;
        }
        total = total.checked_add(i64::try_from(part / scale).ok()?)?;
    }
    Some(total)
}

/// Milliseconds since 1970 of an RFC 3339 time; a finer fraction is cut.
pub fn time(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond())
}

/// An absolute URL, normalised; without one, none.
pub fn url(text: &str) -> Option<SmolStr> {
    url::Url::parse(text).ok().map(|u| u.as_str().into())
}

fn bytes(text: &str) -> Option<Arc<[u8]>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{TypeDef, VariantTy};

    fn scalar() -> BoxedStrategy<(Ty, Value)> {
        let of = |t: Type, v: Value| (Ty::new(t), v);
        prop_oneof![
            any::<i64>().prop_map(move |n| of(Type::Int, Value::Int(n))),
            (-1e300..1e300_f64).prop_map(move |f| of(Type::Float, Value::Float(f))),
            any::<bool>().prop_map(move |b| of(Type::Bool, Value::Bool(b))),
            ".{0,6}".prop_map(move |t| of(Type::Text, Value::Text(t.into()))),
            (-1_000_000_000..1_000_000_000_i64).prop_map(move |d| of(Type::Duration, Value::Duration(d))),
            (0..1_i64 << 50).prop_map(move |s| of(Type::Size, Value::Size(s))),
            (0..4_000_000_000_000_i64).prop_map(move |t| of(Type::Time, Value::Time(t))),
        ]
        .boxed()
    }

    fn typed() -> BoxedStrategy<(Ty, Value)> {
        let leaf = prop_oneof![
            scalar(),
            scalar().prop_map(|(t, _)| (Ty::new(Type::Optional(t)), Value::None)),
            scalar().prop_map(|(t, v)| (Ty::new(Type::Optional(t)), v)),
        ];
        leaf.prop_recursive(3, 16, 2, |inner| {
            prop_oneof![
                (inner.clone(), 0..3_usize)
                    .prop_map(|((t, v), n)| (Ty::new(Type::List(t)), Value::List(Arc::new(vec![v; n])))),
                (scalar(), inner).prop_map(|((key, k), (t, v))| {
                    (Ty::new(Type::Map(key, t)), Value::Map(Arc::new([(k, v)].into_iter().collect())))
                }),
            ]
        })
        .boxed()
    }

    proptest! {
        /// What is given to Json and read back as its own type is what it was, in a payload of an enum too.
        #[test]
        fn json_reads_back((ty, value) in typed()) {
            let mut types = crate::types::builtin::table();
            let field = FieldTy { name: "held".into(), ty: ty.clone(), default: None };
            let id = types.add(TypeDef {
                name: "Holder".into(),
                module: SmolStr::default(),
                docs: String::new(),
                generics: vec![],
                kind: TypeDefKind::Enum(vec![VariantTy { name: "holds".into(), payload: vec![field] }]),
            });
            let payload = vec![value.clone()];
            let holder = Value::Variant(Arc::new(VariantValue { ty: id, index: 0, name: "holds".into(), payload }));
            for (ty, value) in [(ty, value), (Ty::new(Type::Named(id, vec![])), holder)] {
                let json = crate::vm::to_json(&value).unwrap();
                let back = decode(&types, &ty, &json, &[]);
                prop_assert_eq!(back.as_ref().ok(), Some(&value), "{:?}", json);
            }
        }
    }
}
