//! The types that have no parts, made once and shared.

use std::sync::LazyLock;

use crate::types::{FieldTy, Ty, Type};

macro_rules! plain {
    ($($name:ident = $kind:ident;)*) => {$(
        pub(super) fn $name() -> Ty {
            static SHARED: LazyLock<Ty> = LazyLock::new(|| Ty::new(Type::$kind));
            SHARED.clone()
        }
    )*};
}

plain! {
    error = Error;
    never = Never;
    nothing = Nothing;
    none = None;
    boolean = Bool;
    int = Int;
    float = Float;
    text = Text;
    duration = Duration;
    size = Size;
    time = Time;
    regex = Regex;
    cron = Cron;
    url = Url;
    ip = Ip;
    cidr = Cidr;
    bytes = Bytes;
    json = Json;
    secret = Secret;
}

pub(super) fn of(kind: Type) -> Ty {
    Ty::new(kind)
}

pub(super) fn list(item: Ty) -> Ty {
    of(Type::List(item))
}

/// `T?`; an optional of an optional is the optional itself.
pub(super) fn optional(inner: Ty) -> Ty {
    match &*inner {
        Type::Optional(_) | Type::None | Type::Error => inner,
        Type::Never => none(),
        _ => of(Type::Optional(inner)),
    }
}

pub(super) fn map(key: Ty, value: Ty) -> Ty {
    of(Type::Map(key, value))
}

pub(super) fn field(name: &str, ty: Ty) -> FieldTy {
    FieldTy { name: name.into(), ty, default: None }
}

pub(super) fn record(fields: Vec<FieldTy>) -> Ty {
    of(Type::Record(fields))
}
