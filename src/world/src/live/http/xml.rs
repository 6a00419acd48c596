//! XML as JSON: an element is an object of its children; one that holds only text is that text, an empty one null; repeated children are
//! a list, `item` and `member` always; an attribute is a member with `@` before its name, text beside children or attributes is `#text`.
//! Prefixes of namespaces are left out. What says in which order different children came is lost.

use indexmap::IndexMap;
use roxmltree::{Document, Node, ParsingOptions};
use rrb_lang::json::Json;
use smol_str::SmolStr;

/// How deep elements may nest.
const MAX_DEPTH: usize = 64;

/// How many elements, attributes and texts there may be.
const MAX_NODES: u32 = 100_000;

/// How many attributes an element may have: to find two of one name, each is compared with all others.
const MAX_ATTRIBUTES: usize = 1000;

/// Names that are lists even when there is only one: how AWS writes lists, https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
const LISTS: [&str; 2] = ["item", "member"];

/// The document: an object with the name of its root.
pub fn parse(text: &str) -> Result<Json, String> {
    if text.split('<').any(|piece| attributes(piece) > MAX_ATTRIBUTES) {
        return Err(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
    }
    // Documents with a type are refused: entities could make them large or read files.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|e| match e {
        roxmltree::Error::DtdDetected => "it has a document type, which is not read".to_owned(),
        roxmltree::Error::NodesLimitReached => format!("it has more than {MAX_NODES} elements, attributes and texts"),
        other => other.to_string(),
    })?;
    let root = document.root_element();
    Ok(Json::object([(root.tag_name().name(), element(root, MAX_DEPTH)?)]))
}

/// How many attributes a tag has at most, by what follows its `<`.
fn attributes(piece: &str) -> usize {
    if piece.starts_with(['!', '?', '/']) {
        return 0;
    }
    let mut quote = None;
    let tag = piece.bytes().take_while(|b| {
        match (quote, b) {
            (None, b'"' | b'\'') => quote = Some(*b),
            (Some(q), b) if q == *b => quote = None,
            _ => {}
        }
        quote.is_some() || *b != b'>'
    });
    tag.filter(|b| *b == b'=').count()
}

fn element(node: Node<'_, '_>, depth: usize) -> Result<Json, String> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(format!("its elements nest more than {MAX_DEPTH} deep"));
    };
    let text: String = node.children().filter(Node::is_text).filter_map(|n| n.text()).collect();
    let mut members: IndexMap<SmolStr, Vec<Json>> = IndexMap::new();
    for attribute in node.attributes() {
        members.entry(format!("@{}", attribute.name()).into()).or_default().push(Json::from(attribute.value()));
    }
    for child in node.children().filter(Node::is_element) {
        members.entry(child.tag_name().name().into()).or_default().push(element(child, depth)?);
    }
    let blank = text.trim().is_empty();
    if members.is_empty() {
        return Ok(if blank { Json::Null } else { Json::from(text.as_str()) });
    }
    if !blank {
        members.entry("#text".into()).or_default().push(Json::from(text.trim()));
    }
    Ok(Json::object(members.into_iter().map(|(name, mut values)| {
        let alone = values.len() == 1 && !LISTS.contains(&name.as_str());
        let value = if alone { values.pop().unwrap_or_default() } else { Json::list(values) };
        (name, value)
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        serde_json::Value::from(&parse(text).unwrap()).to_string()
    }

    #[test]
    fn a_document_is_an_object() {
        for (text, json) in [
            ("<a/>", r#"{"a":null}"#),
            ("<a> \n </a>", r#"{"a":null}"#),
            ("<a> x </a>", r#"{"a":" x "}"#),
            ("<a><![CDATA[<x>]]>&amp;&#65;<!-- c --></a>", r#"{"a":"<x>&A"}"#),
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a><b>1</b>\n<b>2</b><c>3</c></a>",
                r#"{"a":{"b":["1","2"],"c":"3"}}"#,
            ),
            ("<a><set><item><id>1</id></item></set><set2/></a>", r#"{"a":{"set":{"item":[{"id":"1"}]},"set2":null}}"#),
            ("<a k=\"v\">t</a>", r##"{"a":{"@k":"v","#text":"t"}}"##),
            ("<a>one<b/>two</a>", r##"{"a":{"b":null,"#text":"onetwo"}}"##),
            ("<n:a xmlns:n=\"u\" n:k=\"v\" k=\"w\"><n:b>1</n:b></n:a>", r#"{"a":{"@k":["v","w"],"b":"1"}}"#),
            ("<a xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><b>ä</b></a>", r#"{"a":{"b":"ä"}}"#),
        ] {
            assert_eq!(shown(text), json, "{text}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", " ", "x", "<a>", "<a></b>", "<a/><b/>", "<a b/>", "{\"a\":1}", "<a>&b;</a>", "<a>\0</a>"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        for text in [
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
            "<?xml version=\"1.0\"?><!DOCTYPE html><html/>",
        ] {
            assert!(parse(text).unwrap_err().contains("document type"), "{text}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).unwrap_err().contains("64 deep"));
        assert!(parse(&nested(200_000)).is_err());
        let wide = |n: usize| format!("<r>{}</r>", "<a/>".repeat(n));
        // The document and its root count too.
        assert!(parse(&wide(MAX_NODES as usize - 2)).is_ok());
        assert!(parse(&wide(MAX_NODES as usize)).unwrap_err().contains("more than 100000"));
        let attributes = |n: usize| format!("<r {}/>", (0..n).map(|i| format!("a{i}=\"\" ")).collect::<String>());
        assert!(parse(&attributes(MAX_ATTRIBUTES)).is_ok());
        assert!(parse(&attributes(MAX_ATTRIBUTES + 1)).unwrap_err().contains("more than 1000 attributes"));
        assert!(parse(&attributes(1_000_000)).is_err());
        let text = format!("<a b='>'>{}<![CDATA[{}]]></a>", "=".repeat(2000), "a=\"".repeat(2001));
        assert!(parse(&text).is_ok());
    }
}
