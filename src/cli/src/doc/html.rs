//! Markdown as an HTML page that needs nothing else: no script, no font, no style from outside. It prints well.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

/// The page of a Markdown text. A block of Mermaid becomes `picture`, HTML in the text is shown as text.
pub fn html(title: &str, markdown: &str, picture: Option<&str>) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, events(Parser::new_ext(markdown, options), picture));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escaped(title)
    )
}

fn events<'a>(parser: Parser<'a>, picture: Option<&'a str>) -> impl Iterator<Item = Event<'a>> {
    let mut inside = false;
    parser.filter_map(move |event| match event {
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language)))
            if &*language == "mermaid" && picture.is_some() =>
        {
            inside = true;
            let picture = picture.unwrap_or_default();
            Some(Event::Html(CowStr::from(format!("<figure>{picture}</figure>\n"))))
        }
        Event::End(TagEnd::CodeBlock) if inside => {
            inside = false;
            None
        }
        Event::Text(_) if inside => None,
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        // A link of a document goes to another document or to the web, never to code.
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if harmless(&dest_url) { dest_url } else { CowStr::from("#") };
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = if harmless(&dest_url) { dest_url } else { CowStr::from("#") };
            Some(Event::Start(Tag::Image { link_type, dest_url, title, id }))
        }
        other => Some(other),
    })
}

fn harmless(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(s, _)| s).filter(|s| !s.contains(['/', '?', '#']));
    scheme.is_none_or(|s| ["http", "https", "mailto"].iter().any(|known| s.eq_ignore_ascii_case(known)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #101828; --paper: #ffffff; --line: #d0d5dd; --soft: #f2f4f7; --link: #175cd3; }
@media (prefers-color-scheme: dark) { :root { --ink: #f2f4f7; --paper: #101828; --line: #475467; --soft: #1d2939; --link: #84adff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
a { color: var(--link); } h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; } h2 { border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
code { font: 0.88em/1.4 ui-monospace, monospace; background: var(--soft); border-radius: 3px; padding: .05em .3em; overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; } pre code { background: none; padding: 0; overflow-wrap: normal; }
table { border-collapse: collapse; margin: .8rem 0; } th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
td code, th code { overflow-wrap: break-word; } th:empty { padding: 0; } figure { margin: 1rem 0; overflow-x: auto; } li { margin: .25rem 0; } hr { border: 0; border-top: 1px solid var(--line); margin-top: 2rem; }
@media print { :root { --ink: #000000; --paper: #ffffff; --line: #999999; --soft: #f2f4f7; --link: #000000; } body { margin: 0; max-width: none; font-size: 11pt; }
h1, h2, h3 { break-after: avoid; } pre, tr, li { break-inside: avoid; } pre, pre code { white-space: pre-wrap; } figure { overflow: visible; } figure svg { max-width: 100%; height: auto; max-height: 24cm; } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_a_doc_comment_is_shown_and_not_done() {
        let page = html(
            "<t>",
            "a <script>alert(1)</script>\n\n<img src=x onerror=y>\n\n[x](javascript:alert(1)) [y](b.html)",
            None,
        );
        assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("javascript:"), "{page}");
        assert!(
            page.contains("&lt;script&gt;")
                && page.contains("href=\"b.html\"")
                && page.contains("<title>&lt;t&gt;</title>")
        );
    }

    #[test]
    fn the_picture_stands_where_the_chart_stood() {
        let page = html("t", "before\n\n```mermaid\nflowchart TD\n```\n\nafter", Some("<svg>x</svg>"));
        assert!(page.contains("<figure><svg>x</svg></figure>") && !page.contains("flowchart"), "{page}");
        assert!(html("t", "```mermaid\nflowchart TD\n```", None).contains("flowchart TD"));
    }
}
