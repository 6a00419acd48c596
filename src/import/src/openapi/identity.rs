//! What a description is, what its connector is called, and how its operations are.

use serde_json::Value;

use super::action::variables;
use super::operations::{Operation, Version};
use crate::names::{self, Names};
use crate::report::Notes;
use crate::{ImportError, Options, text};

/// Which version it is of, and how that is said.
///
/// # Errors
/// When it is no description, or one of a version that is not read.
pub fn version(root: &Value) -> Result<(Version, String), ImportError> {
    let word = |name: &str| {
        root.get(name).map(|v| match v {
            Value::String(s) => s.trim().to_owned(),
            // YAML makes a number of `2.0`.
            Value::Number(n) => format!("{:?}", n.as_f64().unwrap_or_default()),
            other => other.to_string(),
        })
    };
    let expected = "an OpenAPI 3 or Swagger 2.0 description is an object with `openapi: 3.…` or `swagger: \"2.0\"`";
    match (word("openapi"), word("swagger")) {
        (Some(v), _) if v.starts_with("3.") || v == "3" => {
            Ok((Version::OpenApi3, format!("OpenAPI {}", text::plain(&v, 20))))
        }
        (_, Some(v)) if v == "2.0" || v == "2" => Ok((Version::Swagger2, "Swagger 2.0".to_owned())),
        (Some(v), _) => {
            Err(ImportError::new(format!("the description says `openapi: {v}`, which is not read"), expected))
        }
        (_, Some(v)) => Err(ImportError::new(
            format!("the description says `swagger: {v}`, which is not read"),
            "convert it to OpenAPI 3 first; versions 1.x are older than what rrb reads",
        )),
        (None, None) => {
            let what = match root {
                Value::Object(o) if o.contains_key("asyncapi") => "an AsyncAPI description",
                Value::Object(o) if o.contains_key("swaggerVersion") => "a Swagger 1 description",
                Value::Object(o) if o.contains_key("resources") && o.contains_key("discoveryVersion") => {
                    "a Google discovery document"
                }
                Value::Object(o) if o.contains_key("_postman_id") || o.contains_key("item") => "a Postman collection",
                Value::Object(_) => "an object with neither `openapi` nor `swagger`",
                Value::Array(_) => "a list",
                _ => "no object",
            };
            Err(ImportError::new(format!("the file holds {what}"), expected))
        }
    }
}

/// The connector's name: the one that was asked for, else what the title or the file's name says.
///
/// # Errors
/// When the asked one is no name.
pub fn name(root: &Value, options: &Options) -> Result<String, ImportError> {
    if let Some(name) = &options.name {
        let is_name =
            names::is_word(name) && name.starts_with(|c: char| c.is_ascii_lowercase()) && !names::is_reserved(name);
        if !is_name || is_native(name) {
            let why = if is_native(name) { "is a module of rrb itself" } else { "is no name of a connector" };
            return Err(ImportError::new(
                format!("`{name}` {why}"),
                format!("take small letters, digits and `_`, such as `{}`", fitting(name)),
            ));
        }
        return Ok(name.clone());
    }
    let title = root.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
    let mut words: Vec<&str> = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.retain(|w| {
        !["api", "rest", "the", "openapi", "swagger", "specification", "documentation"]
            .contains(&w.to_ascii_lowercase().as_str())
            && !is_version(w)
    });
    words.truncate(4);
    let stem = options.source.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
    let from = if words.is_empty() { stem.to_owned() } else { words.join(" ") };
    Ok(fitting(&from))
}

fn is_version(word: &str) -> bool {
    let digits = word.trim_start_matches(['v', 'V']);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn fitting(name: &str) -> String {
    let name = names::snake(name, "imported");
    let name: String = name.chars().take(40).collect();
    let name = name.trim_end_matches('_').to_owned();
    if names::is_reserved(&name) || is_native(&name) { format!("{name}_api") } else { name }
}

fn is_native(name: &str) -> bool {
    [
        "http", "exec", "ssh", "file", "sql", "smtp", "nats", "kafka", "mqtt", "amqp", "redis", "ldap", "dns", "tls",
        "tcp", "env", "time", "core", "std", "aws",
    ]
    .contains(&name)
}

/// A name for each operation, in their order: from its id, else from method and path. The same whatever is chosen later.
///
/// Those in `taken` have another use.
pub fn action_names(operations: &[Operation<'_>], mut taken: Names, notes: &mut Notes) -> Vec<String> {
    operations
        .iter()
        .map(|operation| {
            let wanted = match operation.id {
                Some(id) => names::snake(id, ""),
                None => String::new(),
            };
            let wanted = if wanted.is_empty() { by_path(operation) } else { wanted };
            let name = taken.take(&wanted);
            if operation.id.is_some() && name != wanted && !names::is_reserved(&wanted) {
                notes.widened(
                    "name",
                    &operation.at.place,
                    format!("an `operationId` that another operation has, too: called `{name}`"),
                );
            }
            name
        })
        .collect()
}

/// `get_pets_by_id` for `GET /pets/{id}`, `get_pets_photos` for `GET /pets/{id}/photos`.
fn by_path(operation: &Operation<'_>) -> String {
    let path = operation.path.split(['?', '#']).next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for segment in path.split('/').filter(|s| !s.is_empty()) {
        let mut fixed = segment.to_owned();
        for variable in variables(segment) {
            fixed = fixed.replace(&format!("{{{variable}}}"), " ");
        }
        let word = names::snake(&fixed, "");
        if !word.is_empty() {
            words.push(word);
        }
    }
    if let Some(last) = path.split('/').rfind(|s| !s.is_empty())
        && last.starts_with('{')
        && let Some(variable) = variables(last).first()
    {
        words.push(format!("by_{}", names::snake(variable, "id")));
    }
    names::snake(&format!("{}_{}", operation.method, words.join("_")), operation.method)
}
