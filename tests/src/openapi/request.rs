//! What a description says of one request: parameters, body, media type and credentials.

use std::collections::BTreeMap;

use rrb_import::description::{At, Document, In, Media, Param, Style};
use serde_json::{Map, Value};

use super::operation::Found;
use super::{resolve, schema, spread};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    /// As sent, percent-encoded.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in small letters, in the order of their names.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<String> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    /// The first value of a field, when the body is a form.
    pub fn form_value(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The media type of the body, without its parameters.
    pub fn media(&self) -> Option<String> {
        let whole = self.header("content-type")?;
        Some(whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The fields of a form, in order; none when it is no form.
    pub fn form(&self) -> Vec<(String, String)> {
        if self.media().as_deref() != Some("application/x-www-form-urlencoded") {
            return Vec::new();
        }
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What a description says of a request.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The operation's id, else its method and path.
    pub operation: String,
    /// What makes it wrong.
    pub refused: Vec<String>,
    /// What is no fault by the description and still worth a look.
    pub remarks: Vec<String>,
}

/// Holds a request against its operation.
pub fn judge<'a>(doc: &Document<'a>, found: &Found<'_, 'a>) -> Verdict {
    let operation = found.operation;
    let name = operation.id.map_or_else(|| format!("{} {}", operation.method, operation.path), str::to_owned);
    let mut judge = Judge { doc, found, verdict: Verdict { operation: name, ..Verdict::default() } };
    judge.parameters();
    judge.unknown_query();
    judge.body();
    judge.credentials();
    judge.verdict
}

struct Judge<'f, 'o, 'a> {
    doc: &'f Document<'a>,
    found: &'f Found<'o, 'a>,
    verdict: Verdict,
}

/// Headers that say who calls; security schemes speak of them.
const CREDENTIALS: [&str; 6] = ["authorization", "token", "x-api-key", "x-amz-security-token", "x-amz-date", "cookie"];

impl<'a> Judge<'_, '_, 'a> {
    fn refuse(&mut self, what: impl Into<String>) {
        self.verdict.refused.push(what.into());
    }

    fn parameters(&mut self) {
        for param in &self.found.operation.params {
            let lower = param.name.to_ascii_lowercase();
            let selected = self.found.selector.as_ref().is_some_and(|(name, _)| *name == param.name);
            let apart =
                param.place == In::Header && (lower.starts_with("x-amz-") || CREDENTIALS.contains(&lower.as_str()));
            // Accept, Content-Type and Authorization are no parameters, wherever they are described.
            let ignored = param.place == In::Header && ["accept", "content-type"].contains(&lower.as_str());
            if selected || apart || ignored {
                continue;
            }
            let shown = format!("{} `{}`", place_name(param.place), param.name);
            match self.given(param) {
                Some(value) => self.parameter(param, &shown, &value),
                None if param.required => self.refuse(format!("{shown}: required and missing")),
                None => {}
            }
        }
    }

    /// The value of a parameter, with the type that its schema wants where the text allows it.
    fn given(&self, param: &Param<'a>) -> Option<Value> {
        let seen = self.found.seen;
        let one = match param.place {
            In::Path => self.found.path.get(&param.name).cloned(),
            In::Header => seen.header(&param.name),
            In::Cookie => seen.header("cookie").and_then(|c| cookie(&c, &param.name)),
            In::Query => return self.query(param),
        }?;
        let schema = param.schema.as_ref().and_then(|s| resolve(self.doc, s));
        Some(typed(self.doc, schema.as_ref(), &one, param.style))
    }

    fn query(&self, param: &Param<'a>) -> Option<Value> {
        let seen = self.found.seen;
        let schema = param.schema.as_ref().and_then(|s| resolve(self.doc, s));
        if param.style == Style::DeepObject {
            let prefix = format!("{}[", param.name);
            let inner = seen.query.iter().filter_map(|(n, v)| {
                let key = n.strip_prefix(&prefix)?.strip_suffix(']')?;
                let property = schema.as_ref().and_then(|s| s.get("properties")).and_then(|p| p.get(key));
                Some((key.to_owned(), typed(self.doc, property.as_ref(), v, Style::Repeated)))
            });
            let members: Map<String, Value> = inner.collect();
            return (!members.is_empty()).then_some(Value::Object(members));
        }
        let all: Vec<&str> = seen.query.iter().filter(|(n, _)| *n == param.name).map(|(_, v)| v.as_str()).collect();
        let is_list = schema.as_ref().is_some_and(|s| schema::types(s).iter().any(|t| t == "array"));
        match all.as_slice() {
            [] => None,
            many if is_list && param.style == Style::Repeated => {
                let each = schema.as_ref().and_then(|s| s.get("items"));
                Some(many.iter().map(|v| typed(self.doc, each.as_ref(), v, Style::Repeated)).collect())
            }
            [one, ..] => Some(typed(self.doc, schema.as_ref(), one, param.style)),
        }
    }

    fn parameter(&mut self, param: &Param<'a>, shown: &str, value: &Value) {
        let Some(schema) = &param.schema else { return };
        for fault in schema::check(self.doc, schema, value) {
            self.refuse(format!("{shown}: {fault}"));
        }
    }

    fn unknown_query(&mut self) {
        let params = &self.found.operation.params;
        let in_query = |name: &str| {
            params.iter().any(|p| {
                let deep =
                    name.strip_prefix(&p.name).is_some_and(|rest| rest.starts_with('[') || rest.starts_with('.'));
                p.place == In::Query && (p.name == name || deep || p.name.trim_end_matches("[]") == name)
            })
        };
        let keys = self.api_keys();
        let is_credential = |name: &str| keys.iter().any(|k| k == name);
        let selector = self.found.selector.as_ref().map(|(name, _)| name.as_str());
        let unknown: Vec<String> = self.found.seen.query.iter().map(|(n, _)| n.clone()).collect();
        for name in unknown {
            if !in_query(&name) && !is_credential(&name) && selector != Some(name.as_str()) {
                self.refuse(format!("query `{name}`: the description has no such parameter"));
            }
        }
    }

    /// Names of query parameters that say who calls.
    fn api_keys(&self) -> Vec<String> {
        let schemes = schemes(self.doc);
        schemes
            .iter()
            .filter(|(_, s)| s.text("in") == Some("query"))
            .filter_map(|(_, s)| s.text("name"))
            .map(str::to_owned)
            .collect()
    }

    fn body(&mut self) {
        let seen = self.found.seen;
        let Some(described) = &self.found.operation.body else {
            if !seen.body.is_empty() {
                self.refuse("body: the description has none");
            }
            return;
        };
        if seen.body.is_empty() {
            if described.required {
                self.refuse("body: required and missing");
            }
            return;
        }
        let media = seen.media().unwrap_or_default();
        let fits = |m: &str| {
            let m = m.split(';').next().unwrap_or_default().trim();
            m == media || m == "*/*" || m.strip_suffix("/*").is_some_and(|kind| media.starts_with(kind))
        };
        let Some(content) = described.contents.iter().find(|c| fits(&c.media)) else {
            let all: Vec<&str> = described.contents.iter().map(|c| c.media.as_str()).collect();
            return self.refuse(format!("body: the media type `{media}` is none of {}", all.join(", ")));
        };
        let Some(schema) = content.schema.clone() else { return };
        match Media::of(&media) {
            Media::Json => self.json_body(&schema),
            Media::Form => self.form_body(&schema),
            // Patches in YAML are sent as JSON, which YAML holds.
            Media::Text if serde_json::from_slice::<Value>(&seen.body).is_ok() => self.json_body(&schema),
            Media::Multipart | Media::Text | Media::Binary => {}
        }
    }

    fn json_body(&mut self, schema: &At<'a>) {
        let value: Value = match serde_json::from_slice(&self.found.seen.body) {
            Ok(value) => value,
            Err(e) => return self.refuse(format!("body: no JSON ({e})")),
        };
        for fault in schema::check(self.doc, schema, &value) {
            self.refuse(format!("body {fault}"));
        }
        let unnamed = spread::unnamed(self.doc, schema, &value);
        self.verdict
            .remarks
            .extend(unnamed.into_iter().map(|at| format!("body `{at}`: the description names no such member")));
    }

    /// Fields of a form; `a.1.b` and `a[b]` are parts of `a`.
    fn form_body(&mut self, schema: &At<'a>) {
        let Some(schema) = resolve(self.doc, schema) else { return };
        let mut members: BTreeMap<String, Value> = BTreeMap::new();
        let mut parts = Vec::new();
        for (name, text) in self.found.seen.form() {
            let whole = schema.get("properties").and_then(|p| p.get(&name));
            let first = name.split(['.', '[']).next().unwrap_or_default().to_owned();
            if whole.is_none() && first != name {
                parts.push(first);
                continue;
            }
            members.insert(name, typed(self.doc, whole.as_ref(), &text, Style::Repeated));
        }
        let mut object: Map<String, Value> = members.into_iter().collect();
        if let Some((name, _)) = &self.found.selector {
            object.remove(name);
            object.remove("Version");
        }
        for fault in schema::check(self.doc, &schema, &Value::Object(object.clone())) {
            let of_parts = parts.iter().any(|p| fault.contains(&format!("`{p}` is required")));
            if !of_parts {
                self.refuse(format!("body {fault}"));
            }
        }
        parts.dedup();
        object.extend(parts.into_iter().map(|p| (p, Value::Null)));
        let unnamed = spread::unnamed(self.doc, &schema, &Value::Object(object));
        unnamed.iter().for_each(|at| self.refuse(format!("body `{at}`: the description names no such field")));
    }

    fn credentials(&mut self) {
        let alternatives = self.found.operation.security.as_ref().map(|s| s.items()).unwrap_or_default();
        if alternatives.is_empty() {
            return;
        }
        let schemes = schemes(self.doc);
        let mut wanted = Vec::new();
        for alternative in &alternatives {
            let names = alternative.members();
            let missing: Vec<String> = names.iter().filter_map(|(name, _)| self.missing(&schemes, name)).collect();
            if missing.is_empty() {
                return;
            }
            wanted.push(missing.join(" and "));
        }
        wanted.dedup();
        self.refuse(format!("credentials: {} missing", wanted.join(", or ")));
    }

    /// What a scheme wants and the request has not.
    fn missing(&self, schemes: &[(String, At<'a>)], name: &str) -> Option<String> {
        let seen = self.found.seen;
        let Some((_, scheme)) = schemes.iter().find(|(n, _)| n == name) else {
            return Some(format!("the scheme `{name}`, which is not described,"));
        };
        let authorization = seen.header("authorization").unwrap_or_default().to_ascii_lowercase();
        let kind = scheme.text("type").unwrap_or_default();
        let word = scheme.text("scheme").unwrap_or_default().to_ascii_lowercase();
        let (there, what) = match kind {
            "basic" => (authorization.starts_with("basic "), "basic authentication".to_owned()),
            "http" => (authorization.starts_with(&format!("{word} ")), format!("`authorization: {word} …`")),
            "oauth2" | "openIdConnect" => (authorization.starts_with("bearer "), "a bearer token".to_owned()),
            "apiKey" => {
                let key = scheme.text("name").unwrap_or_default();
                let there = match scheme.text("in").unwrap_or_default() {
                    "query" => seen.query_value(key).is_some(),
                    "cookie" => seen.header("cookie").is_some_and(|c| cookie(&c, key).is_some()),
                    _ => seen.header(key).is_some(),
                };
                (there, format!("`{key}`"))
            }
            // Shown below the request, in the handshake.
            _ => (true, String::new()),
        };
        (!there).then_some(what)
    }
}

fn schemes<'a>(doc: &Document<'a>) -> Vec<(String, At<'a>)> {
    let folders = ["/components/securitySchemes", "/securityDefinitions"].into_iter().filter_map(|f| doc.at(f));
    let all = folders.flat_map(|f| f.members());
    all.filter_map(|(name, at)| Some((name.to_owned(), resolve(doc, &at)?))).collect()
}

fn place_name(place: In) -> &'static str {
    match place {
        In::Path => "path",
        In::Query => "query",
        In::Header => "header",
        In::Cookie => "cookie",
    }
}

fn cookie(all: &str, name: &str) -> Option<String> {
    let pairs = all.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(n, _)| *n == name).map(|(_, v)| v.to_owned()).next()
}

/// A text as the type that its schema wants; itself where it cannot be one.
fn typed<'a>(doc: &Document<'a>, schema: Option<&At<'a>>, text: &str, style: Style) -> Value {
    let as_is = || Value::from(text);
    let Some(schema) = schema.and_then(|s| resolve(doc, s)) else { return as_is() };
    if style == Style::Json {
        return serde_json::from_str(text).unwrap_or_else(|_| as_is());
    }
    let types = schema::types(&schema);
    let has = |name: &str| types.iter().any(|t| t == name);
    if has("string") {
        return as_is();
    }
    if has("array") {
        let separator = if let Style::Joined(separator) = style { separator } else { "," };
        let each = schema.get("items");
        return text.split(separator).map(|v| typed(doc, each.as_ref(), v, Style::Repeated)).collect();
    }
    let plain = has("integer") || has("number") || has("boolean");
    let parts = ["allOf", "anyOf", "oneOf"].iter().flat_map(|w| schema::branches(&schema, w)).collect::<Vec<_>>();
    if types.is_empty() && !parts.is_empty() {
        let all = parts.iter().map(|p| typed(doc, Some(p), text, style));
        return all.into_iter().find(|v| !v.is_string()).unwrap_or_else(as_is);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if plain && (value.is_number() || value.is_boolean()) => value,
        Ok(value) if has("object") && value.is_object() => value,
        _ => as_is(),
    }
}
