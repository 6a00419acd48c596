//! Where requests go.

use serde_json::Value;

use super::document::{At, Document};
use super::operations::Version;
use crate::report::Notes;
use crate::text;

/// Where a description leads that does not say where.
const NOWHERE: &str = "http://localhost";

/// An address, and what else there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Without a slash at its end.
    pub url: String,
    pub docs: String,
}

/// The server of the whole description.
pub fn default_server(doc: &Document<'_>, version: Version, notes: &mut Notes) -> Server {
    let root = doc.root();
    if version == Version::Swagger2 {
        return swagger2(&root, notes);
    }
    match root.get("servers") {
        Some(servers) => of_list(&servers, notes),
        None => {
            notes.guessed("server", "", format!("no server: `base_url` is `{NOWHERE}` until it is set"));
            Server { url: NOWHERE.to_owned(), docs: "Where the API is.".to_owned() }
        }
    }
}

/// The first usable server of a list; the others stand in the docs.
pub fn of_list(servers: &At<'_>, notes: &mut Notes) -> Server {
    let mut usable: Vec<(String, String)> = Vec::new();
    let mut relative = None;
    for server in servers.items() {
        let Some(template) = server.text("url") else { continue };
        let filled = filled(template, &server, notes);
        let described = text::plain(server.text("description").unwrap_or_default(), 100);
        if let Some(url) = absolute(&filled) {
            usable.push((url, described));
        } else if filled.starts_with('/') {
            relative.get_or_insert(filled);
        } else {
            notes.left_out("server", &server.place, format!("the server `{template}`, which is no address of HTTP"));
        }
    }
    // One that is encrypted, where there is one.
    if let Some(at) = usable.iter().position(|(url, _)| url.starts_with("https:")) {
        usable.swap(0, at);
    }
    let Some((first, others)) = usable.split_first() else {
        let url = absolute(&format!("{NOWHERE}{}", relative.unwrap_or_default())).unwrap_or_else(|| NOWHERE.to_owned());
        notes.guessed(
            "server",
            &servers.place,
            format!("no server with a host: `base_url` is `{url}` until it is set"),
        );
        return Server { url, docs: "Where the API is.".to_owned() };
    };
    let mut docs = if first.1.is_empty() {
        "Where the API is.".to_owned()
    } else {
        format!("Where the API is: {}.", first.1.trim_end_matches('.'))
    };
    let others: Vec<String> = others
        .iter()
        .take(6)
        .map(|(url, said)| if said.is_empty() { format!("`{url}`") } else { format!("`{url}` ({said})") })
        .collect();
    if !others.is_empty() {
        docs.push_str(&format!(" Others: {}.", others.join(", ")));
    }
    Server { url: first.0.clone(), docs }
}

/// The address with the defaults of its variables.
fn filled(template: &str, server: &At<'_>, notes: &mut Notes) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = behind.split_once('}') else {
            out.push('{');
            rest = behind;
            continue;
        };
        let variable = server.get("variables").and_then(|v| v.get(name));
        let value = variable.as_ref().and_then(|v| v.value.get("default")).map(plain).filter(|v| !v.is_empty());
        let first = variable.as_ref().and_then(|v| v.value.pointer("/enum/0")).map(plain);
        let value = value.or(first).unwrap_or_else(|| name.to_owned());
        notes.guessed(
            "server",
            &server.place,
            format!("the variable `{name}` of `{template}`: `base_url` has its default `{value}`"),
        );
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An address of HTTP in its usual form, without a slash at its end.
fn absolute(text: &str) -> Option<String> {
    // What is left of a template is no host.
    if text.contains(['{', '}']) {
        return None;
    }
    let text = if text.starts_with("//") { format!("https:{text}") } else { text.to_owned() };
    let mut url =
        url::Url::parse(text.trim()).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.host().is_some())?;
    url.set_query(None);
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn swagger2(root: &At<'_>, notes: &mut Notes) -> Server {
    let schemes: Vec<&str> =
        root.value.get("schemes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let base = root.text("basePath").unwrap_or_default();
    let base = if base.is_empty() || base.starts_with('/') { base.to_owned() } else { format!("/{base}") };
    let docs = "Where the API is.".to_owned();
    let host = root.text("host").filter(|h| !h.is_empty());
    let scheme =
        if host.is_none() || (schemes.contains(&"http") && !schemes.contains(&"https")) { "http" } else { "https" };
    if host.is_none() {
        notes.guessed(
            "server",
            "",
            format!("no `host`: `base_url` is `{NOWHERE}{}` until it is set", base.trim_end_matches('/')),
        );
    }
    let url = format!("{scheme}://{}{base}", host.unwrap_or("localhost"));
    match absolute(&url) {
        Some(url) => Server { url, docs },
        None => {
            notes.guessed(
                "server",
                "/host",
                format!("`{url}` is no address: `base_url` is `{NOWHERE}` until it is set"),
            );
            Server { url: NOWHERE.to_owned(), docs }
        }
    }
}
