//! The parameters of a run as a person types them: `--node n1 --grace 5m --force`.

use std::collections::BTreeMap;

use rrb_lang::diag::nearest;
use rrb_lang::hir::Param;
use rrb_lang::types::{Type, TypeDefKind, TypeTable};
use serde_json::Value;

use crate::exit::CliError;
use crate::text::clean;

/// Values by parameter name, each of the JSON shape its type is decoded from. `given` are `NAME=VALUE`, or `NAME` for a switch.
///
/// # Errors
/// When a name is unknown, given twice without being a list, or a value does not fit.
pub fn read(
    runbook: &str,
    types: &TypeTable,
    params: &[Param],
    given: &[String],
) -> Result<BTreeMap<String, Value>, CliError> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for item in given {
        let (name, text) = match item.split_once('=') {
            Some((name, text)) => (name, Some(text)),
            None => (item.as_str(), None),
        };
        if name.is_empty() {
            return Err(
                CliError::usage("a parameter without a name was given").help("write it like `--param NAME=VALUE`")
            );
        }
        let param = find(runbook, types, params, name)?;
        let value = one(types, param, text)?;
        match (values.get_mut(param.name.as_str()), value) {
            (None, value) => {
                values.insert(param.name.to_string(), value);
            }
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (Some(_), _) => return Err(CliError::usage(format!("the parameter `{}` is given twice", param.name))),
        }
    }
    Ok(values)
}

/// That nothing required is missing.
///
/// # Errors
/// Names every missing parameter and shows how to give it.
pub fn complete(
    runbook: &str,
    types: &TypeTable,
    params: &[Param],
    values: &BTreeMap<String, Value>,
) -> Result<(), CliError> {
    let missing = |p: &&Param| {
        p.default.is_none() && !values.contains_key(p.name.as_str()) && !matches!(&*p.ty, Type::Optional(_))
    };
    let missing: Vec<&Param> = params.iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|p| format!("`{}`", p.name)).collect();
    let what = if missing.len() == 1 { "the parameter" } else { "the parameters" };
    let example: Vec<String> = missing.iter().map(|p| format!("--{} {}", p.name, sample(types, &p.ty))).collect();
    let mut error = CliError::usage(format!("`{runbook}` needs {what} {}", crate::text::list_of(&names)))
        .help(format!("rrb run {runbook} {}", example.join(" ")));
    for param in missing.iter().filter(|p| !p.docs.trim().is_empty()) {
        error = error.help(format!("{}: {}", param.name, param.docs.trim().lines().next().unwrap_or_default()));
    }
    Err(error)
}

fn find<'a>(runbook: &str, types: &TypeTable, params: &'a [Param], name: &str) -> Result<&'a Param, CliError> {
    // On a command line words are often joined by `-`.
    let same = |p: &&Param| p.name == name || p.name == name.replace('-', "_");
    if let Some(param) = params.iter().find(same) {
        return Ok(param);
    }
    let error = CliError::usage(format!("`{runbook}` has no parameter `{}`", clean(name)));
    // What is no option of `run` came here as a parameter.
    let options =
        ["no-wait", "detail", "json", "event", "on", "as", "param", "project", "color", "url", "token-file", "help"];
    if let Some(near) = nearest(name, params.iter().map(|p| p.name.as_str()).chain(options)) {
        return Err(error.help(format!("did you mean `--{near}`?")));
    }
    let all: Vec<String> = params.iter().map(|p| format!("--{} {}", p.name, sample(types, &p.ty))).collect();
    Err(match all.is_empty() {
        true => error.help("it takes none"),
        false => error.help(format!("it takes {}", all.join(" "))),
    })
}

/// A value of the JSON shape that a parameter of this type is decoded from. Whether a duration is one, the decoder says.
fn one(types: &TypeTable, param: &Param, text: Option<&str>) -> Result<Value, CliError> {
    let ty = plain(types, &param.ty);
    let wrong = |expected: &str| {
        let given = text.map_or_else(|| "nothing".to_owned(), |t| format!("`{}`", clean(t)));
        CliError::usage(format!("the parameter `{}` is {expected}, {given} was given", param.name)).help(format!(
            "write it like `--{} {}`",
            param.name,
            sample(types, &param.ty)
        ))
    };
    let json = |t: &str| serde_json::from_str::<Value>(t).ok();
    match (ty, text) {
        (Type::Bool, None | Some("true" | "yes")) => Ok(Value::Bool(true)),
        (Type::Bool, Some("false" | "no")) => Ok(Value::Bool(false)),
        (Type::Bool, Some(_)) => Err(wrong("true or false")),
        (_, None) => Err(CliError::usage(format!("the parameter `{}` needs a value", param.name)).help(format!(
            "write it like `--{} {}`",
            param.name,
            sample(types, &param.ty)
        ))),
        (Type::Int, Some(t)) => t.replace('_', "").parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        (Type::Float, Some(t)) => {
            let number = match t.strip_suffix('%') {
                Some(share) => share.parse::<f64>().ok().map(|n| n / 100.0),
                None => t.parse::<f64>().ok(),
            };
            number.filter(|n| n.is_finite()).map(Value::from).ok_or_else(|| wrong("a number"))
        }
        (Type::List(inner) | Type::Set(inner), Some(t)) => match json(t) {
            Some(Value::Array(items)) if t.starts_with('[') => Ok(Value::Array(items)),
            _ => {
                let item = Param { ty: inner.clone(), ..param.clone() };
                t.split(',')
                    .map(|piece| one(types, &item, Some(piece.trim())))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
        },
        (Type::Map(..) | Type::Record(_), Some(t)) => {
            json(t).filter(Value::is_object).ok_or_else(|| wrong("a JSON object"))
        }
        (Type::Json, Some(t)) => Ok(json(t).unwrap_or_else(|| Value::String(t.to_owned()))),
        (Type::Named(id, _), Some(t)) => match types.get(*id).map(|d| &d.kind) {
            Some(TypeDefKind::Enum(variants)) => {
                if json(t).is_some_and(|v| v.is_object()) || variants.iter().any(|v| v.name == t) {
                    return Ok(json(t).filter(Value::is_object).unwrap_or_else(|| Value::String(t.to_owned())));
                }
                let names: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
                Err(wrong(&format!("one of {}", names.join(", "))))
            }
            _ => json(t).filter(Value::is_object).ok_or_else(|| wrong("a JSON object")),
        },
        (Type::Secret, Some(_)) => Err(wrong("a secret, which has no place on a command line")),
        (_, Some(t)) => Ok(Value::String(t.to_owned())),
    }
}

/// The type behind aliases and `?`.
fn plain<'a>(types: &'a TypeTable, ty: &'a Type) -> &'a Type {
    match ty {
        Type::Optional(inner) => plain(types, inner),
        Type::Named(id, _) => match types.get(*id).map(|d| &d.kind) {
            Some(TypeDefKind::Alias(inner)) => plain(types, inner),
            _ => ty,
        },
        _ => ty,
    }
}

/// What a value may look like: `TEXT`, `30s`, `info|warning|critical`.
pub fn sample(types: &TypeTable, ty: &Type) -> String {
    match plain(types, ty) {
        Type::Bool => "true".to_owned(),
        Type::Int => "3".to_owned(),
        Type::Float => "0.5".to_owned(),
        Type::Duration => "30s".to_owned(),
        Type::Size => "10MiB".to_owned(),
        Type::Time => "2026-11-21T10:00:00Z".to_owned(),
        Type::Url => "https://example.org".to_owned(),
        Type::Ip => "192.0.2.1".to_owned(),
        Type::Cidr => "192.0.2.0/24".to_owned(),
        Type::List(inner) | Type::Set(inner) => format!("{0},{0}", sample(types, inner)),
        Type::Map(..) | Type::Record(_) | Type::Json => "'{…}'".to_owned(),
        Type::Named(id, _) => match types.get(*id).map(|d| &d.kind) {
            Some(TypeDefKind::Enum(variants)) => variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join("|"),
            _ => "'{…}'".to_owned(),
        },
        _ => "TEXT".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rrb_lang::types::{Ty, builtin};
    use serde_json::json;

    use super::*;

    fn params() -> Vec<Param> {
        let p = |name: &str, ty: Type| Param { name: name.into(), docs: String::new(), ty: Ty::new(ty), default: None };
        vec![
            p("node", Type::Text),
            p("count", Type::Int),
            p("share", Type::Float),
            p("force", Type::Bool),
            p("grace", Type::Duration),
            p("zones", Type::List(Arc::new(Type::Text))),
            p("severity", Type::Named(builtin::RUNBOOK_SEVERITY, vec![])),
            p("labels", Type::Map(Arc::new(Type::Text), Arc::new(Type::Text))),
            p("dry_run", Type::Optional(Arc::new(Type::Bool))),
        ]
    }

    fn given(items: &[&str]) -> Result<Value, String> {
        let items: Vec<String> = items.iter().map(|s| (*s).to_owned()).collect();
        read("fix", &builtin::table(), &params(), &items)
            .map(|v| json!(v))
            .map_err(|e| format!("{}; {}", e.message, e.help.join("; ")))
    }

    #[test]
    fn values_take_the_shape_of_their_type() {
        let all = given(&[
            "node=007",
            "count=1_000",
            "share=85%",
            "force",
            "grace=5m",
            "zones=a,b",
            "zones=c",
            "severity=high",
            "labels={\"a\":\"b\"}",
            "dry-run=no",
        ]);
        let expected = json!({
            "node": "007", "count": 1000, "share": 0.85, "force": true, "grace": "5m", "zones": ["a", "b", "c"], "severity": "high",
            "labels": {"a": "b"}, "dry_run": false,
        });
        assert_eq!(all.unwrap(), expected);
        assert_eq!(given(&["zones=[\"a,b\"]"]).unwrap(), json!({"zones": ["a,b"]}));
        assert_eq!(given(&["node=a=b"]).unwrap(), json!({"node": "a=b"}));
        assert_eq!(given(&["node="]).unwrap(), json!({"node": ""}));
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        for (item, said) in [
            ("nod=x", "has no parameter `nod`; did you mean `--node`?"),
            ("zzzzzz=x", "has no parameter `zzzzzz`; it takes --node TEXT"),
            ("count=many", "the parameter `count` is a whole number, `many` was given; write it like `--count 3`"),
            ("count=9223372036854775808", "a whole number"),
            ("share=NaN", "a number"),
            ("force=maybe", "true or false"),
            ("node", "the parameter `node` needs a value"),
            ("=3", "without a name"),
            ("no-wiat", "did you mean `--no-wait`?"),
            ("severity=hihg", "one of info, low, medium, high, critical"),
            ("labels=[1]", "a JSON object"),
            ("", "without a name"),
        ] {
            let error = given(&[item]).unwrap_err();
            assert!(error.contains(said), "{item}: {error}");
        }
        assert!(given(&["node=a", "node=b"]).unwrap_err().contains("given twice"));
    }

    #[test]
    fn what_is_missing_is_named_with_an_example() {
        let values = read("fix", &builtin::table(), &params(), &["node=a".to_owned(), "force".to_owned()]).unwrap();
        let error = complete("fix", &builtin::table(), &params(), &values).unwrap_err();
        assert!(error.message.starts_with("`fix` needs the parameters `count`, `share`"), "{}", error.message);
        assert!(error.help[0].starts_with("rrb run fix --count 3 --share 0.5 --grace 30s"), "{}", error.help[0]);
        assert!(!error.message.contains("dry_run"));
    }
}
