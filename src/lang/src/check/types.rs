//! From written types to types, and back to words.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, Def};
use super::index::Target;
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::syntax::ast;
use crate::types::{Effect, FieldTy, Ty, Type, TypeDefKind, TypeId};

/// The types that have names of their own in the language.
pub(super) const BUILT_IN: &[&str] = &[
    "Bool", "Int", "Float", "Text", "Duration", "Size", "Time", "Regex", "Cron", "Url", "Ip", "Cidr", "Bytes", "Json",
    "Secret", "Never", "Nothing", "List", "Map", "Set",
];

fn plain(name: &str) -> Option<Ty> {
    Some(match name {
        "Bool" => ty::boolean(),
        "Int" => ty::int(),
        "Float" => ty::float(),
        "Text" => ty::text(),
        "Duration" => ty::duration(),
        "Size" => ty::size(),
        "Time" => ty::time(),
        "Regex" => ty::regex(),
        "Cron" => ty::cron(),
        "Url" => ty::url(),
        "Ip" => ty::ip(),
        "Cidr" => ty::cidr(),
        "Bytes" => ty::bytes(),
        "Json" => ty::json(),
        "Secret" => ty::secret(),
        "Never" => ty::never(),
        "Nothing" => ty::nothing(),
        _ => return None,
    })
}

pub(super) use crate::types::UNKNOWN;

/// What a type is called here that other languages call `name`, in lower case.
fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" | "str" | "varchar" | "char" => "Text",
        "integer" | "i64" | "i32" | "u64" | "u32" | "long" | "number" | "num" => "Int",
        "double" | "f64" | "f32" | "decimal" | "real" => "Float",
        "boolean" => "Bool",
        "array" | "vec" | "slice" | "sequence" | "tuple" => "List",
        "dict" | "dictionary" | "hashmap" | "hash" => "Map",
        "hashset" => "Set",
        "any" | "object" | "unknown" | "dynamic" => "Json",
        "void" | "unit" | "null" | "nil" => "Nothing",
        "datetime" | "timestamp" | "date" | "instant" => "Time",
        "timedelta" | "interval" => "Duration",
        "uri" => "Url",
        "regexp" | "pattern" => "Regex",
        "blob" | "buffer" => "Bytes",
        "option" | "optional" | "maybe" | "nullable" => "T?",
        _ => return None,
    })
}

/// Other languages' types by which a misspelt one is known.
const FOREIGN: [&str; 8] = ["string", "integer", "boolean", "double", "array", "dictionary", "object", "datetime"];

/// The type that a word of another language, or a misspelt one of ours, stands for. In another case than ours it is ours.
fn meant(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let own = BUILT_IN.iter().copied().find(|b| b.eq_ignore_ascii_case(name));
    own.or_else(|| foreign(&lower)).or_else(|| {
        let slips = FOREIGN.into_iter().filter(|f| f.len() > 4);
        foreign(nearest(&lower, slips)?)
    })
}

/// How a type with parameters is written whole.
fn with_parameters(name: &str) -> Option<&'static str> {
    Some(match name {
        "List" => "List<Text>",
        "Set" => "Set<Text>",
        "Map" => "Map<Text, Int>",
        _ => return None,
    })
}

impl Checker {
    /// The type that is written; what is wrong is reported once and gives the error type.
    pub fn resolve_type(&mut self, written: &ast::Type) -> Ty {
        match &written.kind {
            ast::TypeKind::Missing => ty::error(),
            ast::TypeKind::Optional(inner) => {
                let inner = self.resolve_type(inner);
                ty::optional(inner)
            }
            ast::TypeKind::Record(fields) => {
                let fields = self.resolve_fields(fields, "field", &SmolStr::default());
                ty::record(fields)
            }
            ast::TypeKind::Function { params, ret, effect } => {
                let params = params.iter().map(|p| self.resolve_type(p)).collect();
                let ret = self.resolve_type(ret);
                if *effect > Effect::Reads {
                    self.error(
                        codes::TYPE_MISMATCH,
                        written.span,
                        "a function value is pure or reads",
                        "changes something",
                        "what changes something is an `action`, and is called by its name",
                    );
                }
                ty::of(Type::Function { params, ret, effect: (*effect).min(Effect::Reads) })
            }
            ast::TypeKind::Named { path, args } => self.resolve_named(written, path, args),
        }
    }

    /// Fields with their defaults, each name once.
    pub fn resolve_fields(&mut self, fields: &[ast::FieldDecl], what: &str, owner: &SmolStr) -> Vec<FieldTy> {
        let mut out: Vec<FieldTy> = Vec::with_capacity(fields.len());
        for f in fields {
            let ty = self.resolve_type(&f.ty);
            if let Some(first) = fields.iter().find(|o| o.name.name == f.name.name)
                && first.name.span != f.name.span
            {
                self.report(
                    Diagnostic::error(
                        codes::NAME_DUPLICATE,
                        format!("the {what} `{}` is declared twice", f.name.name),
                        f.name.span,
                        "declared again",
                    )
                    .label(first.name.span, "first here")
                    .help("remove one of them, or give it another name"),
                );
                continue;
            }
            let default = f.default.as_ref().map(|d| {
                let name =
                    if owner.is_empty() { f.name.name.clone() } else { format!("{owner}.{}", f.name.name).into() };
                self.new_const(name, Some(ty.clone()), d, "default")
            });
            out.push(FieldTy { name: f.name.name.clone(), ty, default });
        }
        out
    }

    fn resolve_named(&mut self, written: &ast::Type, path: &ast::Path, args: &[ast::Type]) -> Ty {
        let args: Vec<Ty> = args.iter().map(|a| self.resolve_type(a)).collect();
        let Some(last) = path.parts.last() else { return ty::error() };
        if path.parts.len() == 1 {
            if let Some(i) = self.generics.iter().position(|g| *g == last.name) {
                return ty::of(Type::Param(u32::try_from(i).unwrap_or(0), last.name.clone()));
            }
            if let Some(t) = plain(&last.name) {
                self.saw_name(last.span, Some(Target::BuiltIn(last.name.clone())));
                self.expect_args(written, &last.name, args.len(), 0);
                return t;
            }
            if let Some(t) = self.container(written, &last.name, &args) {
                self.saw_name(last.span, Some(Target::BuiltIn(last.name.clone())));
                return t;
            }
        }
        match self.type_of_path(path) {
            Some(Def::Type(id)) => {
                let wanted = self.types.get(id).map_or(0, |d| d.generics.len());
                if !self.expect_args(written, &last.name, args.len(), wanted) {
                    return ty::error();
                }
                ty::of(Type::Named(id, args))
            }
            Some(Def::Bad) => ty::error(),
            Some(_) => {
                self.error(
                    codes::TYPE_UNKNOWN,
                    last.span,
                    format!("`{}` is no type", last.name),
                    "no type",
                    "types are `PascalCase` and declared with `type` or `enum`",
                );
                ty::error()
            }
            None => {
                self.unknown_type(last, args.is_empty());
                ty::error()
            }
        }
    }

    fn container(&mut self, written: &ast::Type, name: &str, args: &[Ty]) -> Option<Ty> {
        let wanted = match name {
            "List" | "Set" => 1,
            "Map" => 2,
            _ => return None,
        };
        if !self.expect_args(written, name, args.len(), wanted) {
            return Some(ty::error());
        }
        if name != "List" && args.first().is_some_and(|t| self.holds_secret(t)) {
            let what = if name == "Set" { "a set compares its items" } else { "a map compares its keys" };
            self.secrets_compared(written.span, what);
            return Some(ty::error());
        }
        Some(match (name, args) {
            ("List", [t]) => ty::list(t.clone()),
            ("Set", [t]) => ty::of(Type::Set(t.clone())),
            (_, [k, v]) => ty::map(k.clone(), v.clone()),
            _ => ty::error(),
        })
    }

    fn expect_args(&mut self, written: &ast::Type, name: &str, got: usize, wanted: usize) -> bool {
        if got == wanted {
            return true;
        }
        let example = match name {
            "List" | "Set" => format!("write `{name}<Text>`"),
            "Map" => "write `Map<Text, Int>`".to_owned(),
            _ => String::new(),
        };
        let count = match wanted {
            0 => "no type arguments".to_owned(),
            1 => "one type argument".to_owned(),
            n => format!("{n} type arguments"),
        };
        self.error(codes::TYPE_ARITY, written.span, format!("`{name}` takes {count}, not {got}"), "", example);
        false
    }

    fn type_of_path(&mut self, path: &ast::Path) -> Option<Def> {
        let mut parts = path.parts.iter();
        let first = parts.next()?;
        let mut def = match self.lookup_at(self.home, first) {
            Some(def) => def,
            None if path.parts.len() == 1 => return None,
            None => {
                let names: Vec<SmolStr> = self.names_in_scope();
                self.unknown("module or connector", first, &names, "bring it into scope with `use`");
                return Some(Def::Bad);
            }
        };
        for part in parts {
            def = match def {
                Def::Module(_) | Def::Connector(_) => self.member(def, part)?,
                _ => return None,
            };
        }
        Some(def)
    }

    fn unknown_type(&mut self, name: &ast::Ident, alone: bool) {
        if name.name.is_empty() {
            return;
        }
        let mut known: Vec<SmolStr> = BUILT_IN.iter().map(|b| SmolStr::new_static(b)).collect();
        known.extend(self.names_in_scope().into_iter().filter(|n| n.starts_with(|c: char| c.is_ascii_uppercase())));
        known.extend(self.generics.iter().cloned());
        let close = nearest(&name.name, known.iter().map(SmolStr::as_str));
        let near = foreign(&name.name.to_ascii_lowercase()).or(close).or_else(|| meant(&name.name));
        let mut d = Diagnostic::error(
            codes::TYPE_UNKNOWN,
            format!("there is no type `{}`", name.name),
            name.span,
            "not known here",
        );
        d = match (self.declared_elsewhere(&name.name), near) {
            (Some(elsewhere), _) => elsewhere.told(d),
            (None, Some("T?")) => d.help("a value that may be missing has a `?` behind its type: `Int?`"),
            (None, Some(near)) if alone && let Some(whole) = with_parameters(near) => {
                d.help(format!("did you mean `{near}`? say what it holds, e.g. `{whole}`"))
            }
            (None, Some(near)) => d
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())]),
            (None, None) => d.help("declare it with `type` or `enum`, or bring it into scope with `use`"),
        };
        self.report(d);
    }

    /// The type with aliases opened at the top.
    pub fn open(&self, t: &Ty) -> Ty {
        let mut t = t.clone();
        for _ in 0..64 {
            let Type::Named(id, args) = &*t else { return t };
            let Some(def) = self.types.get(*id) else { return t };
            let TypeDefKind::Alias(target) = &def.kind else { return t };
            t = substitute(target, args);
        }
        ty::error()
    }

    /// The fields of a record type, with or without a name.
    pub fn fields_of(&self, t: &Ty) -> Option<Vec<FieldTy>> {
        match &*self.open(t) {
            Type::Record(fields) => Some(fields.clone()),
            Type::Named(id, args) => match &self.types.get(*id)?.kind {
                TypeDefKind::Record(fields) if args.is_empty() => Some(fields.clone()),
                TypeDefKind::Record(fields) => Some(substitute_fields(fields, args)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The enum that a type is.
    pub fn enum_of(&self, t: &Ty) -> Option<(TypeId, Vec<Ty>)> {
        match &*self.open(t) {
            Type::Named(id, args) => self.variants(*id).map(|_| (*id, args.clone())),
            _ => None,
        }
    }

    /// The fields of a variant's payload.
    pub fn payload_of(&self, id: TypeId, args: &[Ty], index: usize) -> Vec<FieldTy> {
        let fields = self.variants(id).and_then(|v| v.get(index)).map(|v| v.payload.clone()).unwrap_or_default();
        substitute_fields(&fields, args)
    }

    /// As the author would write it.
    pub fn show(&self, t: &Ty) -> String {
        crate::types::shown(&self.types, t)
    }

    /// Whether a value of this type can come from Json or a command line; else the part that cannot.
    pub fn undecodable(&self, t: &Ty) -> Option<Ty> {
        self.find_part(t, |t| {
            matches!(
                t,
                Type::Secret
                    | Type::Function { .. }
                    | Type::Never
                    | Type::Nothing
                    | Type::None
                    | Type::Range(_)
                    | Type::Regex
                    | Type::Cron
                    | Type::Param(..)
            )
        })
    }

    /// The Secret or function in a type that keeps its values from being Json.
    pub fn unjsonable(&self, t: &Ty) -> Option<Ty> {
        self.find_part(t, |t| matches!(t, Type::Secret | Type::Function { .. } | Type::Param(..)))
    }

    /// The first part of a type that `wanted` accepts, declared types looked through once each.
    fn find_part(&self, t: &Ty, wanted: impl Fn(&Type) -> bool) -> Option<Ty> {
        let mut seen: std::collections::HashSet<TypeId> = std::collections::HashSet::new();
        // A type parameter inside a declaration was looked at as an argument.
        let mut work: Vec<(Ty, bool)> = vec![(t.clone(), true)];
        while let Some((t, outside)) = work.pop() {
            if (outside || !matches!(*t, Type::Param(..))) && wanted(&t) {
                return Some(t);
            }
            match &*t {
                Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => work.push((t.clone(), outside)),
                Type::Map(k, v) => work.extend([(v.clone(), outside), (k.clone(), outside)]),
                Type::Record(fields) => work.extend(fields.iter().rev().map(|f| (f.ty.clone(), outside))),
                Type::Named(id, args) => {
                    if seen.insert(*id) {
                        work.extend(self.parts_of(*id).into_iter().rev().map(|t| (t, false)));
                    }
                    work.extend(args.iter().map(|a| (a.clone(), outside)));
                }
                _ => {}
            }
        }
        None
    }

    fn parts_of(&self, id: TypeId) -> Vec<Ty> {
        match self.types.get(id).map(|d| &d.kind) {
            Some(TypeDefKind::Alias(t)) => vec![t.clone()],
            Some(TypeDefKind::Record(fields)) => fields.iter().map(|f| f.ty.clone()).collect(),
            Some(TypeDefKind::Enum(variants)) => {
                variants.iter().flat_map(|v| &v.payload).map(|f| f.ty.clone()).collect()
            }
            None => vec![],
        }
    }
}

/// `t` with its parameters replaced by `args`.
pub(super) fn substitute(t: &Ty, args: &[Ty]) -> Ty {
    if args.is_empty() {
        return t.clone();
    }
    let go = |t: &Ty| substitute(t, args);
    ty::of(match &**t {
        Type::Param(i, _) => return args.get(*i as usize).cloned().unwrap_or_else(|| t.clone()),
        Type::Range(t) => Type::Range(go(t)),
        Type::Optional(t) => return ty::optional(go(t)),
        Type::List(t) => Type::List(go(t)),
        Type::Set(t) => Type::Set(go(t)),
        Type::Map(k, v) => Type::Map(go(k), go(v)),
        Type::Record(fields) => Type::Record(substitute_fields(fields, args)),
        Type::Named(id, inner) => Type::Named(*id, inner.iter().map(go).collect()),
        Type::Function { params, ret, effect } => {
            Type::Function { params: params.iter().map(go).collect(), ret: go(ret), effect: *effect }
        }
        _ => return Arc::clone(t),
    })
}

pub(super) fn substitute_fields(fields: &[FieldTy], args: &[Ty]) -> Vec<FieldTy> {
    fields.iter().map(|f| FieldTy { name: f.name.clone(), ty: substitute(&f.ty, args), default: f.default }).collect()
}
