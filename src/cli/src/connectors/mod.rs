//! What connectors offer: those of the standard library, with the project's own in their places and beside them.

pub mod library;
pub mod markdown;
pub mod page;
pub mod search;

use rrb_lang::reference::{Action, Field, Heard};
use rrb_lang::syntax::ast::Effect;

/// The first sentence of a doc comment, on one line.
pub fn summary(docs: &str) -> String {
    let paragraph: Vec<&str> = docs.lines().map(str::trim).take_while(|l| !l.is_empty()).collect();
    let text = paragraph.join(" ");
    let end = text.match_indices(". ").map(|(at, _)| at + 1).find(|at| !abbreviates(text.get(..*at).unwrap_or("")));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim().to_owned()
}

/// Whether the dot at the end belongs to `e.g.`, `i.e.`, `etc.` and the like.
fn abbreviates(text: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "No."].iter().any(|a| text.ends_with(a))
}

/// `Reads`, as source has it.
pub fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// `post(channel: Text, text: Text, thread: Text? = none) -> Message`
pub fn signature(action: &Action) -> String {
    let params: Vec<String> = action.params.iter().map(declared).collect();
    let returns = action.returns.as_ref().map(|r| format!(" -> {r}")).unwrap_or_default();
    format!("{}({}){returns}", action.name, params.join(", "))
}

/// `changes once`
pub fn effect(action: &Action) -> String {
    let class = action.class.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
    format!("{}{class}", effect_word(action.effect))
}

/// `token: Secret? = none`
pub fn declared(field: &Field) -> String {
    let default = field.default.as_ref().map(|d| format!(" = {d}")).unwrap_or_default();
    format!("{}: {}{default}", field.name, field.ty)
}

/// Where deliveries of an event go: `/hooks/alertmanager`; none for an event that does not come by webhook.
pub fn address(event: &Heard) -> Option<String> {
    let path = event.source.strip_prefix("webhook ")?.trim_matches('"');
    Some(format!("/hooks{path}"))
}

/// The settings of a connector for `rrb.toml`: those that must be given, the others behind `#`.
pub fn settings_toml(connector: &str, settings: &[Field]) -> String {
    let mut out = format!("[connectors.{connector}]\n");
    for field in settings {
        let secret = field.ty.trim_end_matches('?') == "Secret";
        let value = match &field.default {
            _ if secret => format!("\"env:{}_{}\"", connector.to_uppercase(), field.name.to_uppercase()),
            None => format!("\"\"  # {}", field.ty),
            Some(default) => plain(default).map_or_else(|| format!("…  # {}", field.ty), str::to_owned),
        };
        let mark = if field.default.is_some() { "# " } else { "" };
        out.push_str(&format!("{mark}{} = {value}\n", field.name));
    }
    out
}

/// A default as TOML has it: `url"https://a"` is `"https://a"`; none where there is no such way to write it.
fn plain(default: &str) -> Option<&str> {
    let text = default.strip_prefix("url").filter(|t| t.starts_with('"')).unwrap_or(default);
    let quoted = text.starts_with('"') && text.ends_with('"') && !text.contains("${");
    (quoted || text == "true" || text == "false" || text.parse::<f64>().is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence() {
        for (docs, wanted) in [
            ("Posts a message, into a thread. Needs a scope.", "Posts a message, into a thread."),
            ("Asks for\nwhat is at `url`.\n\nMore.", "Asks for what is at `url`."),
            ("Takes all, e.g. these. And more.", "Takes all, e.g. these."),
            ("No end", "No end"),
            ("", ""),
        ] {
            assert_eq!(summary(docs), wanted);
        }
    }

    #[test]
    fn settings_are_written_as_toml_that_reads() {
        let field = |name: &str, ty: &str, default: Option<&str>| Field {
            name: name.to_owned(),
            ty: ty.to_owned(),
            default: default.map(str::to_owned),
            docs: String::new(),
        };
        let fields = [
            field("token", "Secret", None),
            field("previous", "Secret?", Some("none")),
            field("name", "Text", None),
            field("base", "Url", Some("url\"https://a.example\"")),
            field("limit", "Duration", Some("30s")),
        ];
        let toml = settings_toml("chat", &fields);
        insta::assert_snapshot!(toml, @r#"
        [connectors.chat]
        token = "env:CHAT_TOKEN"
        # previous = "env:CHAT_PREVIOUS"
        name = ""  # Text
        # base = "https://a.example"
        # limit = …  # Duration
        "#);
    }
}
