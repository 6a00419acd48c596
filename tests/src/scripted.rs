//! Replies that a fixture gives by hand: what a description does not say, and what goes wrong.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use crate::openapi::Seen;

/// The file `replies.json` of a fixture.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replies {
    /// For every case, by `METHOD /path`.
    #[serde(default)]
    all: IndexMap<String, OneOrMany>,
    /// By case; these are looked at first.
    #[serde(default)]
    cases: IndexMap<String, IndexMap<String, OneOrMany>>,
    /// Refusals of the description that are known to be faults of the description.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
}

/// A refusal that is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// A part of what is said.
    pub says: String,
    pub because: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Reply>),
    One(Reply),
}

/// A reply.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    headers: IndexMap<String, String>,
    /// JSON.
    body: Option<Value>,
    /// Anything else, with a `content-type` among the headers.
    text: Option<String>,
}

fn ok() -> u16 {
    200
}

impl Replies {
    /// Reads the file.
    ///
    /// # Errors
    /// When it has not this form.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| format!("replies.json: {e}"))
    }

    /// What is answered in a case.
    pub fn script(&self, case: &str) -> Script {
        let own = self.cases.get(case).into_iter().flatten();
        Script(own.chain(&self.all).map(|(name, replies)| Entry::new(name, replies)).collect())
    }

    /// The cases that it speaks of.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.cases.keys().map(String::as_str)
    }
}

/// What is answered in one case.
#[derive(Debug, Clone, Default)]
pub struct Script(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    method: String,
    path: String,
    /// `#Name=value`: a field, a query parameter or a header that makes the difference where the path does not.
    selector: Option<(String, String)>,
    replies: Vec<Reply>,
}

impl Entry {
    fn new(name: &str, replies: &OneOrMany) -> Self {
        let (method, path) = name.split_once(' ').unwrap_or(("GET", name));
        let (path, selector) = path.split_once('#').unwrap_or((path, ""));
        let selector = selector.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let replies = match replies {
            OneOrMany::One(one) => vec![one.clone()],
            OneOrMany::Many(all) => all.clone(),
        };
        Self { name: name.to_owned(), method: method.to_owned(), path: path.to_owned(), selector, replies }
    }

    fn fits(&self, seen: &Seen) -> bool {
        let pattern: String = self
            .path
            .split(['{', '}'])
            .enumerate()
            .map(|(i, part)| if i % 2 == 0 { regex::escape(part).replace("\\*", ".*") } else { "[^/]+".to_owned() })
            .collect();
        let selected = self.selector.as_ref().is_none_or(|(name, value)| {
            let given = seen.form_value(name).or_else(|| seen.query_value(name)).or_else(|| seen.header(name));
            given.as_ref() == Some(value)
        });
        selected
            && self.method == seen.method
            && crate::patterns::pattern(&format!("^{pattern}$")).is_some_and(|r| r.is_match(&seen.path))
    }
}

impl Script {
    /// The replies for a request, in turn.
    pub fn find(&self, seen: &Seen) -> Option<(&str, &[Reply])> {
        self.0.iter().find(|e| e.fits(seen)).map(|e| (e.name.as_str(), e.replies.as_slice()))
    }
}

impl Reply {
    /// The body, when it is JSON.
    pub fn json(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The reply as it is sent, with the double's own address where it says `{double}`.
    pub fn response(&self, url: &str) -> Response<Body> {
        let here = |text: &str| text.replace("{double}", url);
        let body = self.body.as_ref().map(Value::to_string).or_else(|| self.text.clone()).unwrap_or_default();
        let mut response = Response::new(Body::from(here(&body)));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), here(value).parse()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
