//! TOML and plain text → values of a setting's type.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use indexmap::{IndexMap, IndexSet};
use ipnet::IpNet;
use smol_str::SmolStr;

use super::parse::shorten;
use super::{Declared, Toml, TomlKind, TomlTable, quantity};
use crate::diag::nearest;
use crate::json::Json;
use crate::span::Span;
use crate::types::{FieldTy, Ty, Type, TypeDefKind};
use crate::value::{Pattern, Record, Secret, Value, VariantValue};

/// Why a value does not fit; never holds what might be a secret.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The place of the wrong part.
    pub(super) span: Span,
    /// The way to it inside the setting: `.labels.team`, empty for the whole.
    pub(super) path: String,
    /// `a Duration such as …`
    pub(super) expected: String,
    /// What stands there instead.
    pub(super) found: String,
    /// Said after the path instead of "must be …, found …".
    pub(super) says: Option<String>,
    /// What to do, when there is more to say.
    pub(super) help: Option<String>,
    /// A Secret is meant: the text must not be shown.
    pub(super) secret: bool,
}

type Converted = Result<Value, Box<Mismatch>>;

/// Types nest no deeper; an alias that leads to itself ends here.
const MAX_DEPTH: u32 = 200;

pub(super) struct Converter<'a> {
    declared: Declared<'a>,
    depth: u32,
}

impl<'a> Converter<'a> {
    pub(super) fn new(declared: Declared<'a>) -> Self {
        Self { declared, depth: 0 }
    }

    /// The value of type `ty` that `toml` stands for.
    pub(super) fn convert(&mut self, ty: &Type, toml: &Toml) -> Converted {
        self.depth += 1;
        let result = if self.depth > MAX_DEPTH {
            Err(mismatch(toml, "a value that nests less deep"))
        } else {
            self.convert_inner(ty, toml)
        };
        self.depth -= 1;
        result
    }

    fn convert_inner(&mut self, ty: &Type, toml: &Toml) -> Converted {
        match (ty, &toml.kind) {
            (Type::Optional(inner), _) => self.convert(inner, toml),
            (Type::Json, _) => Ok(Value::Json(json(toml))),
            (Type::Int, TomlKind::Int(n)) => Ok(Value::Int(*n)),
            (Type::Float, TomlKind::Int(n)) => Ok(Value::Float(*n as f64)),
            (Type::Float, TomlKind::Float(n)) => Ok(Value::Float(*n)),
            (Type::Bool, TomlKind::Bool(b)) => Ok(Value::Bool(*b)),
            (Type::Time, TomlKind::Datetime(text)) => scalar(ty, text).ok_or_else(|| mismatch(toml, &expected(ty))),
            // A number without quotes is a number; only Float has a text form (`"85%"`) beside it.
            (Type::Int | Type::Bool, TomlKind::Text(_)) => Err(mismatch(toml, &expected(ty))),
            (Type::Named(id, args), _) => self.named(*id, args, toml),
            (Type::List(item), TomlKind::List(items)) => Ok(Value::List(Arc::new(self.items(item, items)?))),
            (Type::Set(item), TomlKind::List(items)) => {
                Ok(Value::Set(Arc::new(self.items(item, items)?.into_iter().collect::<IndexSet<_>>())))
            }
            (Type::Map(key, value), TomlKind::Table(table)) => self.map(key, value, table),
            (Type::Record(fields), TomlKind::Table(table)) => self.record(fields, &[], table, toml),
            (_, TomlKind::Text(text)) => scalar(ty, text).ok_or_else(|| mismatch(toml, &expected(ty))),
            _ => Err(mismatch(toml, &expected(ty))),
        }
        .map_err(|mut wrong| {
            wrong.secret |= holds_secret_itself(ty);
            wrong
        })
    }

    fn items(&mut self, ty: &Type, items: &[Toml]) -> Result<Vec<Value>, Box<Mismatch>> {
        let each = items.iter().enumerate();
        each.map(|(i, item)| self.convert(ty, item).map_err(|e| e.within(&format!("[{i}]")))).collect()
    }

    fn map(&mut self, key: &Type, value: &Type, table: &TomlTable) -> Converted {
        let mut out = IndexMap::new();
        for (name, entry) in table {
            let place = Toml { kind: TomlKind::Text(name.clone()), key: entry.key, span: entry.key };
            let key = match key {
                // Every key of a table is a text, so numbers are read from it.
                Type::Int | Type::Bool => scalar(key, name).ok_or_else(|| mismatch(&place, &expected(key)))?,
                _ => self.convert(key, &place)?,
            };
            let value = self.convert(value, entry).map_err(|e| e.within(&format!(".{name}")))?;
            out.insert(key, value);
        }
        Ok(Value::Map(Arc::new(out)))
    }

    fn record(&mut self, fields: &[FieldTy], args: &[Ty], table: &TomlTable, toml: &Toml) -> Converted {
        let names = || fields.iter().map(|f| f.name.as_str());
        if let Some((name, entry)) = table.iter().find(|(name, _)| !fields.iter().any(|f| f.name == **name)) {
            let mut wrong = mismatch(entry, "a field of the record");
            wrong.span = entry.key;
            wrong.says = Some(format!("has no field `{}`", shorten(name)));
            wrong.help = Some(match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the fields are {}", names().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
            });
            return Err(wrong);
        }
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let ty = substitute(&field.ty, args);
            values.push(match (table.get(&field.name), field.default, &*ty) {
                (Some(entry), _, _) => self.convert(&ty, entry).map_err(|e| e.within(&format!(".{}", field.name)))?,
                (None, Some(default), _) => (self.declared.constants)(default).unwrap_or(Value::None),
                (None, None, Type::Optional(_)) => Value::None,
                (None, None, _) => {
                    let mut wrong = mismatch(toml, &format!("the field `{}`", field.name));
                    wrong.says = Some(format!("lacks the field `{}`", field.name));
                    return Err(wrong);
                }
            });
        }
        let names: Arc<[SmolStr]> = fields.iter().map(|f| f.name.clone()).collect();
        Ok(Value::Record(Arc::new(Record { names, values })))
    }

    fn named(&mut self, id: crate::ids::TypeId, args: &[Ty], toml: &Toml) -> Converted {
        let Some(def) = self.declared.types.get(id) else { return Err(mismatch(toml, "a value of a known type")) };
        match (&def.kind, &toml.kind) {
            (TypeDefKind::Alias(ty), _) => self.convert(&substitute(ty, args), toml),
            (TypeDefKind::Record(fields), TomlKind::Table(table)) => self.record(fields, args, table, toml),
            (TypeDefKind::Record(_), _) => Err(mismatch(toml, &format!("a table, the record {}", def.name))),
            (TypeDefKind::Enum(variants), kind) => {
                let plain = || variants.iter().filter(|v| v.payload.is_empty()).map(|v| v.name.as_str());
                let all = plain().map(|n| format!("`{n:?}`")).collect::<Vec<_>>().join(", ");
                let TomlKind::Text(text) = kind else { return Err(mismatch(toml, &format!("one of {all}"))) };
                let hit = variants.iter().enumerate().find(|(_, v)| v.name == *text && v.payload.is_empty());
                let Some((index, variant)) = hit else {
                    let mut wrong = mismatch(toml, &format!("one of {all}"));
                    wrong.help = nearest(text, plain()).map(|near| format!("did you mean `{near}`?"));
                    return Err(wrong);
                };
                Ok(Value::Variant(Arc::new(VariantValue {
                    ty: id,
                    index: u32::try_from(index).unwrap_or(u32::MAX),
                    name: variant.name.clone(),
                    payload: Vec::new(),
                })))
            }
        }
    }

    /// The value of type `ty` that the environment variable `name` with this text stands for: plain for one value, JSON for
    /// lists and tables. A Secret's text is the secret itself unless it is a reference.
    pub(super) fn convert_env(&mut self, ty: &Type, name: &str, text: &str) -> Converted {
        let place = |kind| Toml { kind, key: Span::default(), span: Span::default() };
        let plain = place(TomlKind::Text(text.into()));
        match self.base(ty) {
            Type::Secret if reference(text).is_none() => {
                Ok(Value::Secret(Arc::new(Secret::Ref(format!("env:{name}").into()))))
            }
            Type::Int | Type::Bool => scalar(&self.base(ty), text).ok_or_else(|| mismatch(&plain, &expected(ty))),
            Type::Json => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(value) => Ok(Value::Json(value.into())),
                Err(_) => Err(mismatch(&plain, "a value as JSON")),
            },
            Type::List(_) | Type::Set(_) | Type::Map(..) | Type::Record(_) => {
                let parsed = serde_json::from_str::<serde_json::Value>(text).ok().and_then(from_json);
                let Some(kind) = parsed else { return Err(mismatch(&plain, &format!("{} as JSON", expected(ty)))) };
                self.convert(ty, &place(kind))
            }
            _ => self.convert(ty, &plain),
        }
    }

    /// The type behind optionals, aliases and record names.
    fn base(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        for _ in 0..MAX_DEPTH {
            ty = match ty {
                Type::Optional(inner) => (*inner).clone(),
                Type::Named(id, args) => match self.declared.types.get(id).map(|d| &d.kind) {
                    Some(TypeDefKind::Alias(alias)) => (*substitute(alias, &args)).clone(),
                    Some(TypeDefKind::Record(fields)) => return Type::Record(fields.clone()),
                    _ => return Type::Named(id, args),
                },
                other => return other,
            };
        }
        ty
    }
}

impl Mismatch {
    fn within(mut self: Box<Self>, step: &str) -> Box<Self> {
        self.path.insert_str(0, step);
        self
    }
}

fn mismatch(toml: &Toml, expected: &str) -> Box<Mismatch> {
    let found = match &toml.kind {
        TomlKind::Text(text) => format!("`{:?}`", shorten(text)),
        other => other.describe().to_owned(),
    };
    let help = matches!(toml.kind, TomlKind::Int(_) | TomlKind::Float(_))
        .then(|| {
            (expected.contains("Duration") || expected.contains("Size")).then(|| "add the unit, in quotes".to_owned())
        })
        .flatten();
    Box::new(Mismatch {
        span: toml.span,
        path: String::new(),
        expected: expected.to_owned(),
        found,
        says: None,
        help,
        secret: false,
    })
}

fn holds_secret_itself(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Optional(inner) => holds_secret_itself(inner),
        _ => false,
    }
}

/// What a value of the type looks like, for messages.
pub(super) fn expected(ty: &Type) -> String {
    let words = match ty {
        Type::Bool => "a Bool, `true` or `false`",
        Type::Int => "an Int such as `3`",
        Type::Float => "a Float such as `0.8` or `\"80%\"`",
        Type::Text => "a Text in quotes",
        Type::Duration => "a Duration such as `\"5m\"` or `\"1h30m\"`",
        Type::Size => "a Size such as `\"10MiB\"`",
        Type::Time => "a Time such as `2026-11-21T10:00:00Z`",
        Type::Regex => "a Regex such as `\"^prod-\"`",
        Type::Cron => "a Cron expression such as `\"0 3 * * *\"`",
        Type::Url => "an absolute Url such as `\"https://example.org\"`",
        Type::Ip => "an Ip such as `\"10.0.0.1\"`",
        Type::Cidr => "a Cidr such as `\"10.0.0.0/8\"`",
        Type::Bytes => "Bytes in base64",
        Type::Json => "any value",
        Type::Secret => "a reference to a secret",
        Type::Optional(inner) => return expected(inner),
        Type::List(_) | Type::Set(_) => "a list such as `[\"a\", \"b\"]`",
        Type::Map(..) => "a table such as `{ a = \"b\" }`",
        Type::Record(fields) => {
            let names = fields.iter().map(|f| format!("`{}`", f.name)).collect::<Vec<_>>().join(", ");
            return format!("a table with {names}");
        }
        _ => "a value that a project file can hold",
    };
    words.to_owned()
}

/// A single value from its text form. None when it does not fit.
fn scalar(ty: &Type, text: &str) -> Option<Value> {
    Some(match ty {
        Type::Bool => Value::Bool(text.parse().ok()?),
        Type::Int => Value::Int(text.parse().ok()?),
        Type::Float => Value::Float(float(text)?),
        Type::Text => Value::text(text),
        Type::Duration => Value::Duration(quantity::duration(text)?),
        Type::Size => Value::Size(quantity::size(text)?),
        Type::Time => Value::Time(jiff::Timestamp::from_str(text).ok()?.as_millisecond()),
        Type::Regex => Value::Regex(Pattern::new(text).ok()?),
        Type::Cron => Value::Cron(croner::Cron::from_str(text).ok().map(|_| text.into())?),
        Type::Url => Value::Url(url::Url::parse(text).ok().filter(url::Url::has_host)?.as_str().into()),
        Type::Ip => Value::Ip(IpAddr::from_str(text).ok()?),
        Type::Cidr => Value::Cidr(IpNet::from_str(text).ok()?),
        Type::Bytes => Value::Bytes(base64::engine::general_purpose::STANDARD.decode(text).ok()?.into()),
        Type::Secret => Value::Secret(Arc::new(Secret::Ref(reference(text)?))),
        _ => return None,
    })
}

/// `0.8`, `85%`; finite.
fn float(text: &str) -> Option<f64> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |t| (t, 100.0));
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    digits.parse::<f64>().ok().filter(|n| starts && n.is_finite()).map(|n| n / scale)
}

/// `env:NAME`, `file:PATH`, `vault:PATH#FIELD` or `age:PATH#NAME`, as written.
fn reference(text: &str) -> Option<SmolStr> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = match text.split_once(':')? {
        ("env", name) => !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(named),
        ("vault" | "age", place) => {
            let parts = place.rsplit_once('#').is_some_and(|(path, field)| !path.is_empty() && !field.is_empty());
            parts && place.len() <= 4096 && !place.chars().any(char::is_control)
        }
        ("file", path) => !path.is_empty() && path.len() <= 4096 && !path.chars().any(char::is_control),
        _ => false,
    };
    fits.then(|| text.into())
}

fn json(toml: &Toml) -> Json {
    match &toml.kind {
        TomlKind::Text(t) | TomlKind::Datetime(t) => Json::Text(t.clone()),
        TomlKind::Int(n) => Json::Int(*n),
        TomlKind::Float(n) => Json::Float(*n),
        TomlKind::Bool(b) => Json::Bool(*b),
        TomlKind::List(items) => Json::list(items.iter().map(json)),
        TomlKind::Table(table) => Json::object(table.iter().map(|(k, v)| (k.clone(), json(v)))),
    }
}

/// JSON of the environment as a tree without places. A member that is null is absent; a null elsewhere does not fit.
fn from_json(value: serde_json::Value) -> Option<TomlKind> {
    let place = |kind| Toml { kind, key: Span::default(), span: Span::default() };
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(b) => TomlKind::Bool(b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(n) => TomlKind::Int(n),
            None => TomlKind::Float(n.as_f64()?),
        },
        serde_json::Value::String(s) => TomlKind::Text(s.into()),
        serde_json::Value::Array(items) => {
            TomlKind::List(items.into_iter().map(|v| from_json(v).map(place)).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(map) => {
            let present = map.into_iter().filter(|(_, v)| !v.is_null());
            let entries = present.map(|(k, v)| Some((k.into(), place(from_json(v)?))));
            TomlKind::Table(entries.collect::<Option<_>>()?)
        }
    })
}

/// The type with the arguments of its declaration put in.
fn substitute(ty: &Ty, args: &[Ty]) -> Ty {
    if args.is_empty() {
        return ty.clone();
    }
    let each = |ty: &Ty| substitute(ty, args);
    match &**ty {
        Type::Param(index, _) => args.get(*index as usize).unwrap_or(ty).clone(),
        Type::Optional(t) => Ty::new(Type::Optional(each(t))),
        Type::List(t) => Ty::new(Type::List(each(t))),
        Type::Set(t) => Ty::new(Type::Set(each(t))),
        Type::Map(k, v) => Ty::new(Type::Map(each(k), each(v))),
        Type::Named(id, inner) => Ty::new(Type::Named(*id, inner.iter().map(each).collect())),
        Type::Record(fields) => {
            let fields = fields.iter().map(|f| FieldTy { ty: each(&f.ty), ..f.clone() }).collect();
            Ty::new(Type::Record(fields))
        }
        _ => ty.clone(),
    }
}
