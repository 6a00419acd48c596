//! An operation as an action: its arguments, what it sends, what it gives.

use serde_json::Value;

use super::auth::{Auth, Credential, Needs, is_credential};
use super::effects::{self, Guess};
use super::operations::{Content, In, Media, Operation, Param, Reply, Style};
use super::pages::{self, Pages};
use super::schema::Schemas;
use super::shape::{Body, Shape};
use crate::names::{self, Names};
use crate::text;

/// The longest doc comment of an action, in characters.
const MAX_DOCS: usize = 600;

/// An action to be written.
#[derive(Debug)]
pub struct Action<'a> {
    pub operation: Operation<'a>,
    pub name: String,
    pub docs: Vec<String>,
    pub guess: Guess,
    pub needs: Needs,
    /// The header of its idempotency key.
    pub key_header: Option<String>,
    /// The setting that holds its server.
    pub base: String,
    pub args: Vec<Arg>,
    /// The name of the parameter that holds the body.
    pub body_name: String,
    pub sent: Option<Sent>,
    pub gives: Gives,
    /// How all of its pages are taken.
    pub pages: Option<Pages>,
    /// The media type to ask for, when it is not plain JSON.
    pub accept: Option<String>,
    /// Statuses that are a success, when they are others than 2xx.
    pub expect: Vec<u16>,
}

/// A parameter of an action that goes into path, query, headers or cookies.
#[derive(Debug, Clone)]
pub struct Arg {
    pub wire: String,
    pub name: String,
    pub place: In,
    pub style: Style,
    pub required: bool,
    pub shape: Shape,
    pub docs: String,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Sent {
    Json {
        shape: Shape,
        required: bool,
        media: Option<String>,
    },
    /// A record whose fields are the form's, or anything with text keys.
    Form {
        shape: Shape,
    },
    /// As [`Self::Form`]; the fields that hold files are named.
    Multipart {
        shape: Shape,
        files: Vec<String>,
    },
    Text {
        media: String,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Gives {
    Nothing,
    /// `optional`: there are successes without a body.
    Json {
        shape: Shape,
        optional: bool,
    },
    Text,
    Headers,
    /// Where a redirect leads.
    Location,
}

/// What all actions share.
pub struct Maker<'m, 'a> {
    pub schemas: &'m mut Schemas<'a>,
    pub auth: &'m mut Auth,
    /// Names that no parameter may have.
    pub reserved: Names,
}

impl<'a> Maker<'_, 'a> {
    /// The action of an operation. None, with a note, when rrb has no request like it.
    pub fn action(&mut self, operation: Operation<'a>, name: String, base: String) -> Option<Action<'a>> {
        if matches!(operation.method, "options" | "trace") {
            let method = operation.method.to_ascii_uppercase();
            self.schemas.notes.left_out(
                "operation",
                &operation.at.place,
                format!("an operation with the method {method}: `http` of rrb has none"),
            );
            return None;
        }
        let hint = names::pascal(&name, "Action");
        let mut needs = self.auth.needs(&operation, &mut self.schemas.notes);
        let mut key_header = None;
        let mut taken = self.reserved.clone();
        let mut args = Vec::new();
        let mut credentials = Vec::new();
        for param in self.with_missing(&operation) {
            if is_ignored(&param) {
                continue;
            }
            if operation.method != "get" && param.place == In::Header && effects::is_key_header(&param.name) {
                key_header = Some(param.name.clone());
                continue;
            }
            if is_credential(param.place, &param.name) {
                credentials.push(param);
                continue;
            }
            args.push(self.arg(&param, &hint, &mut taken));
        }
        self.add_credentials(&credentials, &mut needs);
        let body_name = taken.take("body");
        let sent = self.sent(&operation, &hint);
        let guess = effects::guess(operation.method, &name, &operation.path, key_header.as_deref());
        if let Some(review) = &guess.review {
            self.schemas.notes.guessed("effect", &operation.at.place, review.clone());
        }
        let (gives, accept, expect) = self.gives(&operation, &hint);
        self.not_given(&operation, &gives);
        let docs = self.docs(&operation, &needs, &args, &gives);
        let reads = operation.method == "get";
        let pages =
            reads.then(|| pages::of(&name, &args, &gives, self.schemas, |a| first_page(&operation, a))).flatten();
        // Required ones first, as they are given by place.
        args.sort_by_key(|a| !(a.required || a.place == In::Path));
        Some(Action {
            operation,
            name,
            docs,
            guess,
            needs,
            key_header,
            base,
            args,
            body_name,
            sent,
            gives,
            pages,
            accept,
            expect,
        })
    }

    /// The parameters, and those of the path that nobody declared.
    fn with_missing(&mut self, operation: &Operation<'a>) -> Vec<Param<'a>> {
        let mut params = operation.params.clone();
        let in_path = variables(&operation.path);
        params.retain(|p| {
            let fits = p.place != In::Path || in_path.iter().any(|v| *v == p.name || bare(v) == p.name);
            if !fits {
                self.schemas.notes.left_out(
                    "parameter",
                    &p.at.place,
                    format!("the parameter `{}` in a path that does not have it", p.name),
                );
            }
            fits
        });
        for variable in in_path {
            if !params.iter().any(|p| p.place == In::Path && (p.name == variable || p.name == bare(&variable))) {
                self.schemas.notes.guessed(
                    "parameter",
                    &operation.at.place,
                    format!("the path has `{{{variable}}}`, which is not declared: taken as `Text`"),
                );
                let at = operation.at.clone();
                params.push(Param {
                    name: variable,
                    place: In::Path,
                    required: true,
                    style: Style::Joined(","),
                    schema: None,
                    at,
                });
            }
        }
        params
    }

    fn arg(&mut self, param: &Param<'a>, hint: &str, taken: &mut Names) -> Arg {
        let fallback = Shape::Text;
        let of_name = format!("{hint}{}", names::pascal(&param.name, "Param"));
        let shape = match &param.schema {
            Some(schema) => self.schemas.shape(schema, &of_name),
            None => fallback,
        };
        let docs = text::plain(param.at.text("description").unwrap_or_default(), 160);
        let name = taken.take(&names::snake(&param.name, "param"));
        let shape = shape.present().clone();
        let shape = if param.place == In::Path && shape == Shape::Json { Shape::Text } else { shape };
        Arg {
            wire: param.name.clone(),
            name,
            place: param.place,
            style: param.style,
            required: param.required,
            shape,
            docs,
        }
    }

    fn add_credentials(&mut self, params: &[Param<'a>], needs: &mut Needs) {
        for param in params {
            self.schemas.notes.widened(
                "auth",
                &param.at.place,
                format!("the header `{}` says who calls: a setting instead of a parameter", param.name),
            );
            let same = needs.credentials.iter().any(|c| match c {
                Credential::Header { name, .. } => name.eq_ignore_ascii_case(&param.name),
                Credential::Bearer { .. } | Credential::Basic { .. } => {
                    param.name.eq_ignore_ascii_case("authorization")
                }
                _ => false,
            });
            if !same {
                let credential = self.auth.header_parameter(&param.name);
                needs.credentials.push(credential);
            }
        }
        if needs.credentials.is_empty() && params.is_empty() {
            needs.credentials.extend(self.auth.assumed(&mut self.schemas.notes));
        }
    }

    fn sent(&mut self, operation: &Operation<'a>, hint: &str) -> Option<Sent> {
        let body = operation.body.as_ref()?;
        if matches!(operation.method, "get" | "head") {
            self.schemas.notes.left_out(
                "body",
                &body.at.place,
                format!("the body of a {}: `http` of rrb sends none", operation.method.to_ascii_uppercase()),
            );
            return None;
        }
        let order = [Media::Json, Media::Form, Media::Multipart, Media::Text, Media::Binary];
        let content = order.iter().find_map(|m| body.contents.iter().find(|c| Media::of(&c.media) == *m))?;
        let others: Vec<&str> =
            body.contents.iter().filter(|c| c.media != content.media).map(|c| c.media.as_str()).collect();
        if !others.is_empty() && others.iter().any(|o| Media::of(o) != Media::of(&content.media)) {
            self.schemas.notes.left_out(
                "body",
                &body.at.place,
                format!("bodies as {}: `{}` is sent", others.join(", "), content.media),
            );
        }
        let media = Media::of(&content.media);
        let hint = format!("{hint}Body");
        Some(match media {
            Media::Json => {
                let shape = content.schema.as_ref().map_or(Shape::Json, |s| self.schemas.shape(s, &hint));
                let media = (content.media != "application/json" && !content.media.contains('*'))
                    .then(|| content.media.clone());
                Sent::Json { shape, required: body.required, media }
            }
            Media::Form | Media::Multipart => self.form(content, media, &hint),
            Media::Text => Sent::Text { media: content.media.clone() },
            Media::Binary => {
                self.schemas.notes.widened(
                    "body",
                    &content.at.place,
                    format!("a body as `{}`: taken as `Text`, so only UTF-8 passes", content.media),
                );
                Sent::Text { media: content.media.clone() }
            }
        })
    }

    fn form(&mut self, content: &Content<'a>, media: Media, hint: &str) -> Sent {
        let shape = content.schema.as_ref().map_or(Shape::Json, |s| self.schemas.shape(s, hint));
        let shape = shape.present().clone();
        if let Some(encoding) = content.at.get("encoding") {
            self.schemas.notes.widened("body", &encoding.place, "`encoding` of form fields: written in the usual way");
        }
        let mut files = Vec::new();
        for (name, property) in content.schema.as_ref().map(|s| self.schemas.properties(s)).unwrap_or_default() {
            let binary = |v: &Value| {
                matches!(v.get("format").and_then(Value::as_str), Some("binary")) || v.get("contentMediaType").is_some()
            };
            if binary(property.value) || property.value.get("items").is_some_and(binary) {
                files.push(name);
            }
        }
        if media == Media::Multipart {
            self.schemas.notes.widened(
                "body",
                &content.at.place,
                "a form of several parts: written as text, so a file in it must be UTF-8",
            );
            return Sent::Multipart { shape, files };
        }
        Sent::Form { shape }
    }

    fn gives(&mut self, operation: &Operation<'a>, hint: &str) -> (Gives, Option<String>, Vec<u16>) {
        if operation.method == "head" {
            return (Gives::Headers, None, Vec::new());
        }
        let successes: Vec<&Reply<'a>> = operation.replies.iter().filter(|r| r.status.starts_with('2')).collect();
        if successes.is_empty() {
            return self.without_success(operation, hint);
        }
        let with: Vec<&&Reply<'a>> = successes.iter().filter(|r| !r.contents.is_empty()).collect();
        let Some(reply) = with.first() else { return (self.nothing(operation), None, Vec::new()) };
        let optional = with.len() < successes.len();
        let (gives, accept) = self.content(reply, hint, optional);
        for other in with.iter().skip(1) {
            if let (Gives::Json { shape, .. }, Some(schema)) =
                (&gives, other.contents.iter().find_map(|c| c.schema.as_ref()))
            {
                let differs = self.schemas.shape(schema, &format!("{hint}Reply{}", other.status)) != *shape;
                if differs {
                    self.schemas.notes.left_out(
                        "reply",
                        &other.at.place,
                        format!("another reply with {}: the type is that of {}", other.status, reply.status),
                    );
                }
            }
        }
        (gives, accept, Vec::new())
    }

    /// What replies have that no action gives.
    fn not_given(&mut self, operation: &Operation<'a>, gives: &Gives) {
        for reply in &operation.replies {
            let success = reply.status.starts_with(['2', '3']);
            if success && !matches!(gives, Gives::Headers | Gives::Location) {
                for (name, header) in reply.at.get("headers").map(|h| h.members()).unwrap_or_default() {
                    let what = format!("the header `{name}` of a reply: only the body is given");
                    self.schemas.notes.left_out("reply", &header.place, what);
                }
            }
            // Alone, it stands for the success.
            let default = operation.replies.len() == 1 && reply.status == "default";
            if !(success || default) && reply.contents.iter().any(|c| c.schema.is_some()) {
                let what =
                    "the schema of a reply that is no success: a failure has its status and its text in `detail`";
                self.schemas.notes.left_out("reply", &reply.at.place, what);
            }
        }
    }

    fn nothing(&mut self, operation: &Operation<'a>) -> Gives {
        if operation.method == "get" {
            self.schemas.notes.guessed(
                "reply",
                &operation.at.place,
                "a GET whose reply is not described: `Json`, null when it is none",
            );
            return Gives::Json { shape: Shape::Json, optional: false };
        }
        Gives::Nothing
    }

    fn without_success(&mut self, operation: &Operation<'a>, hint: &str) -> (Gives, Option<String>, Vec<u16>) {
        let redirects: Vec<u16> = operation
            .replies
            .iter()
            .filter(|r| r.status.starts_with('3'))
            .filter_map(|r| r.status.parse().ok())
            .collect();
        if !redirects.is_empty() {
            self.schemas.notes.widened(
                "reply",
                &operation.at.place,
                "a redirect as the only success: not followed, its `location` is given",
            );
            return (Gives::Location, None, redirects);
        }
        if let [only] = operation.replies.as_slice()
            && only.status == "default"
            && !only.contents.is_empty()
        {
            let (gives, accept) = self.content(only, hint, false);
            return (gives, accept, Vec::new());
        }
        self.schemas.notes.guessed("reply", &operation.at.place, "no success is described: any 2xx is one");
        (self.nothing(operation), None, Vec::new())
    }

    fn content(&mut self, reply: &Reply<'a>, hint: &str, optional: bool) -> (Gives, Option<String>) {
        let json = reply.contents.iter().find(|c| Media::of(&c.media) == Media::Json);
        let Some(content) = json.or_else(|| reply.contents.first()) else { return (Gives::Nothing, None) };
        if Media::of(&content.media) != Media::Json {
            if Media::of(&content.media) != Media::Text {
                self.schemas.notes.widened(
                    "reply",
                    &content.at.place,
                    format!("a reply as `{}`: given as `Text`, other bytes than UTF-8 are lost", content.media),
                );
            }
            return (Gives::Text, Some(content.media.clone()));
        }
        let accept = (content.media != "application/json"
            && !content.media.contains('*')
            && !content.media.starts_with("application/json;"))
        .then(|| content.media.clone());
        let shape = match &content.schema {
            Some(schema) => self.schemas.shape(schema, &format!("{hint}Reply")),
            None => {
                self.schemas.notes.widened("reply", &content.at.place, "a reply without a schema: given as `Json`");
                Shape::Json
            }
        };
        (Gives::Json { shape, optional }, accept)
    }

    fn docs(&self, operation: &Operation<'a>, needs: &Needs, args: &[Arg], gives: &Gives) -> Vec<String> {
        let mut docs = Vec::new();
        let summary = text::plain(operation.at.text("summary").unwrap_or_default(), 160);
        let described = text::plain(operation.at.text("description").unwrap_or_default(), MAX_DOCS);
        if operation.at.flag("deprecated") {
            docs.push("Deprecated.".to_owned());
        }
        if !summary.is_empty() {
            docs.push(ended(&summary));
        }
        if !described.is_empty() && described.trim_end_matches('.') != summary.trim_end_matches('.') {
            docs.push(described);
        }
        if !needs.scopes.is_empty() {
            let scopes: Vec<String> =
                needs.scopes.iter().map(|s| format!("`{}`", text::plain(s, 100).replace('`', "'"))).collect();
            docs.push(format!("Needs the scope {}.", scopes.join(", ")));
        }
        docs.extend(self.pages(operation, args, gives));
        if let Some(more) = operation.at.get("externalDocs").and_then(|d| d.text("url").map(str::to_owned)) {
            docs.push(text::plain(&more, 200));
        }
        docs.push(format!(
            "`{} {}`",
            operation.method.to_ascii_uppercase(),
            text::plain(&operation.path, 300).replace('`', "'")
        ));
        docs
    }

    /// What leads from one page to the next, by the usual names.
    fn pages(&self, operation: &Operation<'a>, args: &[Arg], gives: &Gives) -> Option<String> {
        const WHICH: &[&str] = &[
            "page",
            "cursor",
            "offset",
            "page_token",
            "next_token",
            "starting_after",
            "after",
            "marker",
            "start",
            "skip",
            "page_number",
            "continue",
            "next",
            "since_id",
            "page_cursor",
            "start_at",
            "page_num",
            "next_cursor",
            "pagetoken",
        ];
        const MANY: &[&str] = &[
            "per_page",
            "limit",
            "page_size",
            "max_results",
            "size",
            "count",
            "pagelen",
            "page_limit",
            "take",
            "max_items",
        ];
        let query = || args.iter().filter(|a| a.place == In::Query && !a.required);
        let which = query().find(|a| WHICH.contains(&a.name.as_str()))?;
        let many = query().find(|a| MANY.contains(&a.name.as_str()));
        let mut said = format!("Gives one page: `{}` says which", which.name);
        if let Some(many) = many {
            said.push_str(&format!(", `{}` how long it is", many.name));
        }
        if let Gives::Json { shape, .. } = gives
            && let Some(id) = shape.present().declared()
            && let Some(Body::Record(fields)) = self.schemas.types.get(id).map(|t| &t.body)
        {
            const NEXT: &[&str] = &[
                "next",
                "next_cursor",
                "nextcursor",
                "next_page",
                "nextpage",
                "next_page_token",
                "nextpagetoken",
                "nexttoken",
                "links",
                "pagination",
                "meta",
                "paging",
                "has_more",
                "more",
            ];
            if let Some(next) = fields.iter().find(|f| NEXT.contains(&f.wire.to_ascii_lowercase().as_str())) {
                said.push_str(&format!("; `{}` of the reply leads on", next.name));
            }
        } else if operation
            .replies
            .iter()
            .any(|r| r.at.value.pointer("/headers/Link").is_some() || r.at.value.pointer("/headers/link").is_some())
        {
            said.push_str("; the header `Link` of the reply says the next one");
        }
        said.push('.');
        Some(said)
    }
}

/// The number of the first page, where the description tells one.
fn first_page(operation: &Operation<'_>, arg: &Arg) -> Option<i64> {
    let schema = operation.params.iter().find(|p| p.place == In::Query && p.name == arg.wire)?.schema.as_ref()?;
    ["default", "minimum"].iter().find_map(|key| schema.value.get(key)?.as_i64()).filter(|n| (0..=1).contains(n))
}

fn ended(sentence: &str) -> String {
    if sentence.ends_with(['.', '!', '?', '…', ':']) { sentence.to_owned() } else { format!("{sentence}.") }
}

/// Headers that OpenAPI says are described elsewhere.
fn is_ignored(param: &Param<'_>) -> bool {
    param.place == In::Header
        && ["accept", "content-type", "content-length", "host", "connection", "transfer-encoding", "upgrade"]
            .contains(&param.name.to_ascii_lowercase().as_str())
}

/// The names between braces in a path.
pub fn variables(path: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = path;
    while let Some((_, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { break };
        if !found.iter().any(|f| f == name) {
            found.push(name.to_owned());
        }
        rest = after;
    }
    found
}

/// A name without the mark of a variable that holds several segments: `{proxy+}`, `{path*}`.
pub fn bare(variable: &str) -> &str {
    variable.trim_end_matches(['+', '*'])
}
