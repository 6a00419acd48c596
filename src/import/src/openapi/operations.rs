//! The operations of a description, with their parameters, bodies and replies, in one form for all versions.

use serde_json::Value;

use super::document::{At, Document};
use crate::report::Notes;

/// The methods that an operation may have, in the order in which they are looked for.
pub const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// Which version a description is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Swagger2,
    OpenApi3,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    pub method: &'static str,
    pub path: String,
    pub at: At<'a>,
    pub id: Option<&'a str>,
    pub tags: Vec<&'a str>,
    pub params: Vec<Param<'a>>,
    pub body: Option<RequestBody<'a>>,
    pub replies: Vec<Reply<'a>>,
    /// What it says of who may call it, else what the description says of all.
    pub security: Option<At<'a>>,
    /// Where it has servers of its own.
    pub servers: Option<At<'a>>,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum In {
    Path,
    Query,
    Header,
    Cookie,
}

/// How a list or an object is written in a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `a=1&a=2`
    Repeated,
    /// `a=1,2`, and the like with another separator
    Joined(&'static str),
    /// `a[x]=1`
    DeepObject,
    /// As JSON text.
    Json,
    /// `.1.2`
    Label,
    /// `;a=1`
    Matrix,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Param<'a> {
    pub name: String,
    pub place: In,
    pub required: bool,
    pub style: Style,
    /// None when it says nothing of its values.
    pub schema: Option<At<'a>>,
    pub at: At<'a>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct RequestBody<'a> {
    pub required: bool,
    /// By media type, in written order.
    pub contents: Vec<Content<'a>>,
    pub at: At<'a>,
}

/// A body in one media type.
#[derive(Debug, Clone)]
pub struct Content<'a> {
    pub media: String,
    pub schema: Option<At<'a>>,
    pub at: At<'a>,
}

/// What comes back.
#[derive(Debug, Clone)]
pub struct Reply<'a> {
    /// `200`, `2XX`, `default`
    pub status: String,
    pub contents: Vec<Content<'a>>,
    pub at: At<'a>,
}

/// Reads them all.
pub fn operations<'a>(doc: &Document<'a>, version: Version, notes: &mut Notes) -> Vec<Operation<'a>> {
    let mut found = Vec::new();
    let paths = doc.root().get("paths").map(|p| p.members()).unwrap_or_default();
    for (path, item) in paths {
        let Some(item) = doc.resolve(item, notes) else { continue };
        if item.object().is_none() {
            notes.left_out("path", &item.place, "a path that is no object");
            continue;
        }
        for method in METHODS {
            let Some(at) = item.get(method) else { continue };
            let Some(at) = doc.resolve(at, notes) else { continue };
            if at.object().is_none() {
                notes.left_out("operation", &at.place, "an operation that is no object");
                continue;
            }
            let reader = Reader { doc, version };
            found.push(reader.operation(method, path, &item, at, notes));
        }
        for (word, at) in item.members() {
            let known = ["summary", "description", "servers", "parameters", "$ref"].contains(&word);
            if !known && !METHODS.contains(&word) && at.value.is_object() {
                notes.left_out("operation", &at.place, format!("an operation with the unknown method `{word}`"));
            }
        }
    }
    found
}

/// Reads the operation of a webhook or a callback: what somebody else sends.
pub fn incoming<'a>(doc: &Document<'a>, at: At<'a>, notes: &mut Notes) -> Operation<'a> {
    Reader { doc, version: Version::OpenApi3 }.operation(
        "post",
        "",
        &At { value: &Value::Null, place: String::new() },
        at,
        notes,
    )
}

struct Reader<'d, 'a> {
    doc: &'d Document<'a>,
    version: Version,
}

impl<'a> Reader<'_, 'a> {
    fn operation(
        &self,
        method: &'static str,
        path: &str,
        item: &At<'a>,
        at: At<'a>,
        notes: &mut Notes,
    ) -> Operation<'a> {
        let params = self.params(item, &at, notes);
        Operation {
            method,
            path: path.to_owned(),
            id: at.text("operationId").filter(|id| !id.trim().is_empty()),
            tags: at
                .value
                .get("tags")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            params,
            body: self.body(&at, notes),
            replies: self.replies(&at, notes),
            security: at.get("security").or_else(|| self.doc.root().get("security")),
            servers: at
                .get("servers")
                .or_else(|| item.get("servers"))
                .filter(|s| s.value.as_array().is_some_and(|a| !a.is_empty())),
            at,
        }
    }

    /// Those of the path, replaced by those of the operation with the same name and place.
    fn params(&self, item: &At<'a>, at: &At<'a>, notes: &mut Notes) -> Vec<Param<'a>> {
        let mut params: Vec<Param<'a>> = Vec::new();
        let lists = [item.get("parameters"), at.get("parameters")];
        for param in lists.into_iter().flatten().flat_map(|list| list.items()) {
            let Some(param) = self.doc.resolve(param, notes) else { continue };
            let Some(param) = self.param(param, notes) else { continue };
            match params.iter_mut().find(|p| p.name == param.name && p.place == param.place) {
                Some(same) => *same = param,
                None => params.push(param),
            }
        }
        params
    }

    fn param(&self, at: At<'a>, notes: &mut Notes) -> Option<Param<'a>> {
        let Some(name) = at.text("name").filter(|n| !n.is_empty()) else {
            if at.text("in") != Some("body") {
                notes.left_out("parameter", &at.place, "a parameter without a name");
            }
            return None;
        };
        let place = match at.text("in") {
            Some("path") => In::Path,
            Some("query") => In::Query,
            Some("header") => In::Header,
            Some("cookie") => In::Cookie,
            // Looked at where the body is.
            Some("body" | "formData") => return None,
            other => {
                notes.left_out(
                    "parameter",
                    &at.place,
                    format!("the parameter `{name}` in `{}`, where none can be", other.unwrap_or_default()),
                );
                return None;
            }
        };
        let content = at.get("content").and_then(|c| c.members().into_iter().next());
        let (schema, style) = match (content, self.version) {
            (Some((_, content)), _) => (content.get("schema"), Style::Json),
            (None, Version::OpenApi3) => (at.get("schema"), self.style3(&at, place, notes)),
            (None, Version::Swagger2) => (at.get("schema").or_else(|| Some(at.clone())), style2(&at)),
        };
        Some(Param {
            name: name.to_owned(),
            place,
            required: at.flag("required") || place == In::Path,
            style,
            schema,
            at,
        })
    }

    fn style3(&self, at: &At<'a>, place: In, notes: &mut Notes) -> Style {
        let word = at.text("style").unwrap_or(match place {
            In::Query | In::Cookie => "form",
            In::Path | In::Header => "simple",
        });
        let explode = match at.value.get("explode") {
            Some(Value::Bool(b)) => *b,
            _ => word == "form",
        };
        match word {
            "form" if explode => Style::Repeated,
            "form" | "simple" => Style::Joined(","),
            "spaceDelimited" => {
                if explode {
                    Style::Repeated
                } else {
                    Style::Joined(" ")
                }
            }
            "pipeDelimited" => {
                if explode {
                    Style::Repeated
                } else {
                    Style::Joined("|")
                }
            }
            "deepObject" => Style::DeepObject,
            "label" => Style::Label,
            "matrix" => Style::Matrix,
            other => {
                notes.widened("parameter", &at.place, format!("the unknown style `{other}`: written with commas"));
                Style::Joined(",")
            }
        }
    }

    fn body(&self, at: &At<'a>, notes: &mut Notes) -> Option<RequestBody<'a>> {
        if let Some(body) = at.get("requestBody") {
            let at = self.doc.resolve(body, notes)?;
            return Some(RequestBody { required: at.flag("required"), contents: contents(&at), at });
        }
        if self.version == Version::OpenApi3 {
            return None;
        }
        let all = at.get("parameters")?.items();
        let resolved: Vec<At<'a>> = all.into_iter().filter_map(|p| self.doc.resolve(p, notes)).collect();
        let at_body = resolved.into_iter().find(|p| p.text("in") == Some("body"))?;
        let root = self.doc.root();
        let consumes = at.value.get("consumes").or_else(|| root.value.get("consumes"));
        let contents = medias(consumes).into_iter().map(|media| Content {
            media,
            schema: at_body.get("schema"),
            at: at_body.clone(),
        });
        Some(RequestBody { required: at_body.flag("required"), contents: contents.collect(), at: at_body })
    }

    fn replies(&self, at: &At<'a>, notes: &mut Notes) -> Vec<Reply<'a>> {
        let root = self.doc.root();
        let produces = at.value.get("produces").or_else(|| root.value.get("produces"));
        let mut replies = Vec::new();
        for (status, reply) in at.get("responses").map(|r| r.members()).unwrap_or_default() {
            let Some(reply) = self.doc.resolve(reply, notes) else { continue };
            let contents = match (self.version, reply.get("schema")) {
                (Version::Swagger2, Some(schema)) => medias(produces)
                    .into_iter()
                    .map(|media| Content { media, schema: Some(schema.clone()), at: reply.clone() })
                    .collect(),
                _ => contents(&reply),
            };
            replies.push(Reply { status: status.to_ascii_lowercase(), contents, at: reply });
        }
        replies
    }
}

fn contents<'a>(at: &At<'a>) -> Vec<Content<'a>> {
    let all = at.get("content").map(|c| c.members()).unwrap_or_default();
    all.into_iter()
        .map(|(media, at)| Content { media: media.to_ascii_lowercase(), schema: at.get("schema"), at })
        .collect()
}

fn medias(listed: Option<&Value>) -> Vec<String> {
    let all: Vec<String> = listed
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_ascii_lowercase)
        .collect();
    if all.is_empty() { vec!["application/json".to_owned()] } else { all }
}

fn style2(at: &At<'_>) -> Style {
    match at.text("collectionFormat") {
        Some("multi") => Style::Repeated,
        Some("ssv") => Style::Joined(" "),
        Some("tsv") => Style::Joined("\t"),
        Some("pipes") => Style::Joined("|"),
        _ => Style::Joined(","),
    }
}

/// What a media type is, as far as requests and replies differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Json,
    Form,
    Multipart,
    Text,
    Binary,
}

impl Media {
    /// By its name, which may carry parameters.
    pub fn of(name: &str) -> Self {
        let kind = name.split(';').next().unwrap_or_default().trim();
        match kind {
            "application/json" | "text/json" | "*/*" | "application/*" | "" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            _ if kind.ends_with("+json") || kind.ends_with("/json") => Self::Json,
            _ if kind.starts_with("multipart/") => Self::Multipart,
            "application/xml"
            | "application/yaml"
            | "application/x-yaml"
            | "application/x-ndjson"
            | "application/jsonlines"
            | "application/graphql"
            | "application/toml"
            | "application/javascript"
            | "application/sql" => Self::Text,
            _ if kind.starts_with("text/") || kind.ends_with("+xml") || kind.ends_with("+yaml") => Self::Text,
            _ => Self::Binary,
        }
    }
}
