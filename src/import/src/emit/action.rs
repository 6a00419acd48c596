//! The text of an action.

use std::fmt::Write as _;

use super::codec::{Codec, docs, member};
use crate::names::Names;
use crate::openapi::action::{Action, Arg, Gives, Sent, bare};
use crate::openapi::auth::Credential;
use crate::openapi::operations::{In, Style};
use crate::openapi::pages::{Items, Pages, Step};
use crate::openapi::shape::{Direction, Field, Shape};
use crate::text::{escaped, quoted};

/// The local that holds the boundary of a form's parts; no parameter has this name.
const BOUNDARY: &str = "_between";

/// What a first page is asked for by: no cursor.
const NO_CURSOR: &str = "\"\"";

/// How one action is written.
pub struct Writer<'c, 't> {
    pub codec: &'c mut Codec<'t>,
    /// The action that may undo what this one does.
    pub undo: Option<String>,
}

impl Writer<'_, '_> {
    /// The whole declaration.
    pub fn action(&mut self, action: &Action<'_>) -> String {
        let mut out = String::new();
        for (i, paragraph) in action.docs.iter().enumerate() {
            // Facts of one line each stand together.
            if i > 0 {
                out.push_str("  ///\n");
            }
            out.push_str(&docs(paragraph, "  "));
        }
        if let Some(review) = &action.guess.review {
            let undo = self.undo.as_ref().map(|u| format!("; `{u}` may undo it")).unwrap_or_default();
            let _ = writeln!(out, "  // review: {review}{undo}");
        }
        let mut params: Vec<String> = Vec::new();
        for arg in action.args.iter().filter(|a| a.required) {
            params.push(self.param(arg));
        }
        params.extend(self.body_param(action, true));
        for arg in action.args.iter().filter(|a| !a.required) {
            params.push(self.param(arg));
        }
        params.extend(self.body_param(action, false));
        if let Some((name, _)) = self.nulls(action) {
            let said =
                docs("Members of the body to send as null, by their names there: `none` leaves a member out.", "    ");
            params.push(format!("{said}    {name}: List<Text> = [],\n"));
        }
        let ret = self.returned(action);
        let ret = if ret.is_empty() { ret } else { format!(" -> {ret}") };
        let _ = write!(out, "  action {}(\n{}  ){ret} {}", action.name, params.concat(), action.guess.effect);
        if !action.guess.class.is_empty() {
            let _ = write!(out, " {}", action.guess.class);
        }
        if action.guess.effect != "reads"
            && let Some(target) = self.target(action)
        {
            let _ = write!(out, " target {target}");
        }
        let _ = writeln!(out, " {{\n{}  }}\n", self.body(action));
        out.extend(action.pages.as_ref().map(|pages| self.all_pages(action, pages)));
        out
    }

    /// The action that takes all pages of another one.
    fn all_pages(&mut self, action: &Action<'_>, pages: &Pages) -> String {
        let asked: Vec<&Arg> = action.args.iter().filter(|a| a.name != pages.which).collect();
        let mut names = Names::with(asked.iter().map(|a| a.name.clone()).chain([action.base.clone()]));
        let (most, at, page) = (names.take("max_pages"), names.take("at"), names.take("one"));
        let all = names.take("pages");
        let mut params: Vec<String> = asked.iter().map(|a| self.param(a)).collect();
        params.push(format!("    {most}: Int = 100,\n"));
        let mut given: Vec<String> = asked.iter().map(|a| format!("{0}: {0}", a.name)).collect();
        given.push(format!("{}: {at}", pages.which));
        let items = match &pages.items {
            Items::Whole => page.clone(),
            Items::In(place) if place.optional => format!("({page}.{} ?? [])", place.name),
            Items::In(place) => format!("{page}.{}", place.name),
        };
        let (first, next) = match &pages.step {
            Step::Number { first } => {
                (first.to_string(), format!("if {items}.is_empty() {{ none }} else {{ {at} + 1 }}"))
            }
            Step::Offset => {
                ("0".to_owned(), format!("if {items}.is_empty() {{ none }} else {{ {at} + {items}.len() }}"))
            }
            Step::Cursor(place) if place.optional => {
                (NO_CURSOR.to_owned(), format!("{page}.{}.filter(it => not it.is_empty())", place.name))
            }
            Step::Cursor(place) => {
                (NO_CURSOR.to_owned(), format!("if {page}.{0}.is_empty() {{ none }} else {{ {page}.{0} }}", place.name))
            }
        };
        let cursor = matches!(pages.step, Step::Cursor(_));
        if cursor && let Some(last) = given.last_mut() {
            *last = format!("{}: if {at}.is_empty() {{ none }} else {{ {at} }}", pages.which);
        }
        let unused = if cursor { "_" } else { at.as_str() };
        let list = self.codec.ty(&Shape::List(Box::new(pages.item.clone())));
        let doc = docs(
            &format!("All that `{}` gives, page after page. More than `{most}` pages are a failure.", action.name),
            "  ",
        );
        format!(
            "{doc}  action {}(\n{}  ) -> {list} reads {{\n    let {all} = http.pages({first}, {at} => {}({}), ({unused}, {page}) => {next}, max: {most})\n    {all}.flat_map({page} => {items})\n  }}\n\n",
            pages.name,
            params.concat(),
            action.name,
            given.join(", "),
        )
    }

    fn param(&mut self, arg: &Arg) -> String {
        let ty = self.codec.ty(&arg.shape);
        let declared = match (&arg.shape, arg.required) {
            (_, true) => ty,
            (Shape::List(_), false) => format!("{ty} = []"),
            (Shape::Json, false) => format!("{ty} = none"),
            (_, false) => format!("{ty}? = none"),
        };
        format!("{}    {}: {declared},\n", docs(&arg.docs, "    "), arg.name)
    }

    fn body_param(&mut self, action: &Action<'_>, required: bool) -> Option<String> {
        let name = &action.body_name;
        let (ty, default) = match action.sent.as_ref()? {
            Sent::Json { shape, required: true, .. } => (self.codec.ty(shape), None),
            Sent::Json { shape, .. } => (self.codec.ty(&shape.clone().optional()), Some("none")),
            Sent::Form { shape } | Sent::Multipart { shape, .. } => self.form_param(shape),
            Sent::Text { .. } => ("Text".to_owned(), None),
        };
        match default {
            None if required => Some(format!("    {name}: {ty},\n")),
            Some(default) if !required => Some(format!("    {name}: {ty} = {default},\n")),
            _ => None,
        }
    }

    /// The parameter that says which members go out as null, and those that may: what may be null and need not be there.
    fn nulls(&self, action: &Action<'_>) -> Option<(String, Vec<String>)> {
        let Some(Sent::Json { shape, required: true, .. }) = &action.sent else { return None };
        let may = |f: &&Field| !f.required && f.shape.present() != &f.shape && f.direction != Direction::Received;
        let members: Vec<String> = self.codec.fields(shape)?.iter().filter(may).map(|f| quoted(&f.wire)).collect();
        let mut names = Names::with(action.args.iter().map(|a| a.name.clone()).chain([action.body_name.clone()]));
        (*shape == *shape.present() && !members.is_empty()).then(|| (names.take("nulls"), members))
    }

    fn form_param(&mut self, shape: &Shape) -> (String, Option<&'static str>) {
        match self.codec.fields(shape) {
            Some(fields) if !fields.is_empty() && fields.iter().all(|f| !f.required) => {
                (self.codec.ty(shape), Some("{}"))
            }
            Some(_) => (self.codec.ty(shape), None),
            None => ("Map<Text, Text>".to_owned(), Some("{}")),
        }
    }

    fn returned(&mut self, action: &Action<'_>) -> String {
        match &action.gives {
            Gives::Nothing => String::new(),
            Gives::Json { shape, optional } => {
                let shape = if *optional { shape.clone().optional() } else { shape.clone() };
                self.codec.ty(&shape)
            }
            Gives::Text => "Text".to_owned(),
            Gives::Headers => "Map<Text, Text>".to_owned(),
            Gives::Location => "Text?".to_owned(),
        }
    }

    /// What the action acts on: its path, when there is something in it that says which.
    fn target(&mut self, action: &Action<'_>) -> Option<String> {
        action.args.iter().any(|a| a.place == In::Path).then(|| {
            let path = self.path(action);
            format!("\"{}\"", path.trim_start_matches('/'))
        })
    }

    /// The path with holes for its variables, escaped for a literal.
    fn path(&mut self, action: &Action<'_>) -> String {
        let path = action.operation.path.split(['?', '#']).next().unwrap_or_default();
        let mut out = String::new();
        let mut rest = path;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else { break };
            out.push_str(&escaped(before));
            let arg = action.args.iter().find(|a| a.place == In::Path && (a.wire == name || a.wire == bare(name)));
            match arg {
                Some(arg) => {
                    let hole = self.in_path(arg);
                    out.push_str(&hole);
                }
                None => out.push_str(&escaped(&format!("{{{name}}}"))),
            }
            rest = after;
        }
        out.push_str(&escaped(rest));
        out
    }

    fn in_path(&mut self, arg: &Arg) -> String {
        let prefix = match arg.style {
            Style::Label => ".".to_owned(),
            Style::Matrix => format!(";{}=", escaped(&arg.wire)),
            _ => String::new(),
        };
        let between = if arg.style == Style::Label { "." } else { "," };
        let value = match &arg.shape {
            Shape::Text | Shape::Int | Shape::Float | Shape::Bool | Shape::Time => arg.name.clone(),
            Shape::List(inner) => {
                let texts = self.texts(inner, &arg.name);
                format!("{texts}.join({})", quoted(between))
            }
            shape => self.text(shape, &arg.name),
        };
        format!("{prefix}${{{value}}}")
    }

    /// An expression that is a text, for a value that is one thing.
    fn text(&mut self, shape: &Shape, value: &str) -> String {
        match shape {
            Shape::Text => value.to_owned(),
            Shape::Int | Shape::Float | Shape::Bool | Shape::Time => format!("\"${{{value}}}\""),
            Shape::Json => format!("_text({value})"),
            Shape::Declared(id) if self.codec.is_enum(*id) => {
                let written = self.codec.write(shape, value);
                if written == value { format!("{value}.name()") } else { written }
            }
            other => {
                let written = self.codec.write(other, value);
                format!("_text({written})")
            }
        }
    }

    /// An expression that is a list of texts, for a list. An item that is null has no text: it is left out.
    fn texts(&mut self, item: &Shape, list: &str) -> String {
        let present = item.present();
        let list = if item == present { list.to_owned() } else { format!("{list}.flat_map(it => it.to_list())") };
        if *present == Shape::Text {
            return list;
        }
        let one = self.text(present, "it");
        format!("{list}.map(it => {one})")
    }

    /// An entry of a Map of lists of texts: `"name": […]`, or a spread one.
    fn entry(&mut self, wire: &str, shape: &Shape, required: bool, style: Style, value: &str) -> String {
        let key = quoted(wire);
        let present = shape.present();
        let optional = !required || shape != present;
        if style == Style::Json {
            let inner = self.codec.write(present, if optional { "it" } else { value });
            if *present == Shape::Json {
                return format!("{key}: if {value}.is_null() {{ [] }} else {{ [{value}.to_json()] }}");
            }
            return if optional && !matches!(present, Shape::List(_)) {
                format!("{key}: {value}.map(it => ({inner}).to_json()).to_list()")
            } else {
                let inner = self.codec.write(present, value);
                format!("{key}: [({inner}).to_json()]")
            };
        }
        match present {
            Shape::List(item) => {
                let list = if shape == present { value.to_owned() } else { format!("({value} ?? [])") };
                let texts = self.texts(item, &list);
                match style {
                    Style::Joined(separator) => format!("{key}: _joined({texts}, {})", quoted(separator)),
                    Style::DeepObject => format!("{}: {texts}", quoted(&format!("{wire}[]"))),
                    _ => format!("{key}: {texts}"),
                }
            }
            Shape::Json => match style {
                Style::DeepObject => format!("..(_members({key}, {value}))"),
                Style::Joined(separator) => format!("{key}: _joined(_texts({value}), {})", quoted(separator)),
                _ => format!("{key}: _texts({value})"),
            },
            Shape::Declared(id) if self.codec.is_enum(*id) => self.scalar_entry(&key, present, optional, value),
            Shape::Declared(_) | Shape::Map(_) => {
                let whole = if optional { present.clone().optional() } else { present.clone() };
                let inner = self.codec.write(&whole, value);
                match style {
                    Style::DeepObject => format!("..(_members({key}, {inner}))"),
                    Style::Joined(separator) => format!("{key}: _joined(_pairs({inner}), {})", quoted(separator)),
                    _ => format!("..(_members(\"\", {inner}))"),
                }
            }
            _ => self.scalar_entry(&key, present, optional, value),
        }
    }

    fn scalar_entry(&mut self, key: &str, shape: &Shape, optional: bool, value: &str) -> String {
        if !optional {
            return format!("{key}: [{}]", self.text(shape, value));
        }
        if *shape == Shape::Text {
            return format!("{key}: {value}.to_list()");
        }
        let one = self.text(shape, "it");
        format!("{key}: {value}.map(it => {one}).to_list()")
    }

    fn entries(&mut self, args: &[&Arg]) -> Vec<String> {
        args.iter().map(|a| self.entry(&a.wire, &a.shape, a.required, a.style, &a.name)).collect()
    }

    fn body(&mut self, action: &Action<'_>) -> String {
        // Names of the action's own come after those of its parameters.
        let nulls = self.nulls(action).map(|(name, _)| name);
        let own = [action.body_name.clone(), action.base.clone()];
        let mut names = Names::with(action.args.iter().map(|a| a.name.clone()).chain(own).chain(nulls));
        let mut out = String::new();
        let mut call: Vec<String> = Vec::new();
        call.push(self.address(action, &mut names, &mut out));
        let parts = self.parts(action, &mut names, &mut out);
        if let Some(headers) = self.headers(action) {
            let name = names.take("headers");
            let _ = writeln!(out, "    let {name} = {headers}");
            call.push(format!("headers: {name}"));
        }
        call.extend(parts.or_else(|| self.sent(action)));
        call.extend(credentials(action));
        if let Some(header) = &action.key_header
            && header != "Idempotency-Key"
        {
            call.push(format!("key_header: {}", quoted(header)));
        }
        if !action.expect.is_empty() {
            let list: Vec<String> = action.expect.iter().map(u16::to_string).collect();
            call.push(format!("expect: [{}]", list.join(", ")));
        }
        let gives = !matches!(action.gives, Gives::Nothing);
        if gives && !matches!(action.gives, Gives::Headers | Gives::Location) {
            call.push("max_reply: 16MiB".to_owned());
        }
        let reads = matches!(action.operation.method, "get" | "head");
        let call = format!("{}http.{}({})", if reads { "" } else { "do " }, action.operation.method, call.join(", "));
        if !gives {
            let _ = writeln!(out, "    {call}");
            return out;
        }
        let reply = names.take("reply");
        let _ = writeln!(out, "    let {reply} = {call}");
        let value = match &action.gives {
            Gives::Json { shape, optional } => {
                let shape = if *optional { shape.clone().optional() } else { shape.clone() };
                self.codec.read(&shape, &format!("{reply}.json"))
            }
            Gives::Text => format!("{reply}.text"),
            Gives::Headers => format!("{reply}.headers"),
            Gives::Location => member(&format!("{reply}.headers"), "location"),
            Gives::Nothing => String::new(),
        };
        let _ = writeln!(out, "    {value}");
        out
    }

    fn address(&mut self, action: &Action<'_>, names: &mut Names, out: &mut String) -> String {
        let path = self.path(action);
        let plain = format!("\"${{{}}}{path}\"", action.base);
        let args: Vec<&Arg> = action.args.iter().filter(|a| a.place == In::Query).collect();
        let mut query = self.entries(&args);
        if let Some((_, fixed)) = action.operation.path.split_once('?') {
            let fixed = fixed.split('#').next().unwrap_or_default();
            for (name, value) in url::form_urlencoded::parse(fixed.as_bytes()) {
                query.push(format!("{}: [{}]", quoted(&name), quoted(&value)));
            }
        }
        if query.is_empty() {
            return plain;
        }
        let url = names.take("url");
        let _ = writeln!(
            out,
            "    let {url} = _asked(\n      {plain},\n      {{\n        {},\n      }},\n    )",
            query.join(",\n        ")
        );
        url
    }

    fn headers(&mut self, action: &Action<'_>) -> Option<String> {
        let args: Vec<&Arg> = action.args.iter().filter(|a| a.place == In::Header).collect();
        let mut headers = self.entries(&args);
        let cookies: Vec<&Arg> = action.args.iter().filter(|a| a.place == In::Cookie).collect();
        if !cookies.is_empty() {
            let each: Vec<String> = cookies.iter().map(|a| self.cookie(a)).collect();
            headers.push(format!("\"Cookie\": _joined([{}], \"; \")", each.join(", ")));
        }
        if let Some(accept) = &action.accept {
            headers.push(format!("\"Accept\": [{}]", quoted(accept)));
        }
        let media = match &action.sent {
            Some(Sent::Json { media: Some(media), .. } | Sent::Text { media }) => Some(quoted(media)),
            Some(Sent::Form { shape }) if self.codec.fields(shape).is_some() => {
                Some(quoted("application/x-www-form-urlencoded"))
            }
            Some(Sent::Multipart { .. }) => Some(format!("\"multipart/form-data; boundary=${{{BOUNDARY}}}\"")),
            _ => None,
        };
        if let Some(media) = media {
            headers.push(format!("\"Content-Type\": [{media}]"));
        }
        (!headers.is_empty()).then(|| format!("_headers({{ {} }})", headers.join(", ")))
    }

    fn cookie(&mut self, arg: &Arg) -> String {
        let name = escaped(&arg.wire);
        let entry = self.entry("x", &arg.shape, arg.required, Style::Joined(","), &arg.name);
        let texts = entry.strip_prefix("\"x\": ").map_or_else(|| "[]".to_owned(), str::to_owned);
        format!("..({texts}.map(cookie => \"{name}=${{cookie.url_encode()}}\"))")
    }

    /// The argument that holds a form of several parts, whose boundary the header names, too.
    fn parts(&mut self, action: &Action<'_>, names: &mut Names, out: &mut String) -> Option<String> {
        let Some(Sent::Multipart { shape, files }) = &action.sent else { return None };
        let body = &action.body_name;
        let fields = match self.codec.fields(shape) {
            Some(fields) => format!("{{ {} }}", self.form_fields(fields, body).join(", ")),
            None => format!("{body}.map_values(it => [it])"),
        };
        let list = names.take("fields");
        let _ = writeln!(out, "    let {list} = {fields}");
        let _ = writeln!(out, "    let {BOUNDARY} = _boundary({list})");
        let files: Vec<String> = files.iter().map(|f| quoted(f)).collect();
        Some(format!("text: _parts({BOUNDARY}, {list}, [{}])", files.join(", ")))
    }

    /// The argument that holds the body.
    fn sent(&mut self, action: &Action<'_>) -> Option<String> {
        let body = &action.body_name;
        Some(match action.sent.as_ref()? {
            Sent::Json { shape, required, .. } => {
                let shape = if *required { shape.clone() } else { shape.clone().optional() };
                let written = self.codec.write(&shape, body);
                match self.nulls(action) {
                    Some((name, may)) => format!("json: _with_nulls({written}, {name}, [{}])", may.join(", ")),
                    None => format!("json: {written}"),
                }
            }
            Sent::Text { .. } => format!("text: {body}"),
            Sent::Form { shape } => match self.codec.fields(shape) {
                Some(fields) => format!("text: _form({{ {} }})", self.form_fields(fields, body).join(", ")),
                None => format!("form: {body}"),
            },
            Sent::Multipart { .. } => return None,
        })
    }

    fn form_fields(&mut self, fields: &[Field], body: &str) -> Vec<String> {
        fields
            .iter()
            .map(|f| {
                let shape = if f.required { f.shape.clone() } else { f.shape.clone().optional() };
                // An object in a form has no usual form but this one.
                let object = matches!(shape.present(), Shape::Map(_) | Shape::Declared(_));
                let style = if object { Style::DeepObject } else { Style::Repeated };
                self.entry(&f.wire, &shape, f.required, style, &format!("{body}.{}", f.name))
            })
            .collect()
    }
}

/// The arguments that show who calls.
fn credentials(action: &Action<'_>) -> Vec<String> {
    let needs = &action.needs;
    let value = |setting: &str| {
        if needs.required { format!("_needed({setting}, {})", quoted(setting)) } else { setting.to_owned() }
    };
    let mut args = Vec::new();
    let mut headers = String::from("{}");
    let mut query = String::from("{}");
    for credential in &needs.credentials {
        match credential {
            Credential::Bearer { setting } => args.push(format!("bearer: {}", value(setting))),
            Credential::Basic { user, password } => {
                args.push(format!("basic_user: {user}"));
                args.push(format!("basic_password: {}", value(password)));
            }
            Credential::Header { name, setting } => {
                headers = format!("_secret({headers}, {}, {})", quoted(name), value(setting))
            }
            Credential::Query { name, setting } => {
                query = format!("_secret({query}, {}, {})", quoted(name), value(setting))
            }
            Credential::Cookie { name, setting } => {
                let cookie = format!("{setting}.map(it => it.prefixed({}))", quoted(&format!("{name}=")));
                headers = format!("_secret({headers}, \"Cookie\", {cookie})");
            }
        }
    }
    if headers != "{}" {
        args.push(format!("secret_headers: {headers}"));
    }
    if query != "{}" {
        args.push(format!("secret_query: {query}"));
    }
    args
}
