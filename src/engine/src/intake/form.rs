//! Bodies of the type `application/x-www-form-urlencoded`.

use std::sync::Arc;

use indexmap::IndexMap;
use rrb_lang::json::Json;
use smol_str::SmolStr;

/// Fields of one form.
const MAX_FIELDS: usize = 1_000;

/// Whether a `content-type` is a form's.
pub(super) fn is_one(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fields as an object of texts; a field that stands there more than once is a list.
pub(super) fn parse(body: &[u8]) -> Result<Json, String> {
    let mut fields: IndexMap<SmolStr, Json> = IndexMap::new();
    for (n, (name, value)) in url::form_urlencoded::parse(body).enumerate() {
        if n >= MAX_FIELDS {
            return Err(format!("the body is a form of more than {MAX_FIELDS} fields"));
        }
        let value = Json::Text(value.as_ref().into());
        match fields.get_mut(name.as_ref()) {
            None => {
                fields.insert(name.as_ref().into(), value);
            }
            Some(Json::List(values)) => Arc::make_mut(values).push(value),
            Some(one) => *one = Json::List(Arc::new(vec![std::mem::take(one), value])),
        }
    }
    Ok(Json::Object(Arc::new(fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> String {
        parse(body.as_bytes()).map_or_else(|e| e, |j| serde_json::to_string(&j).unwrap_or_default())
    }

    #[test]
    fn fields_are_texts_in_their_order() {
        assert_eq!(read("b=1&a=x+y%26z&payload=%7B%22n%22%3A1%7D"), r#"{"b":"1","a":"x y&z","payload":"{\"n\":1}"}"#);
        assert_eq!(read("a=1&b=2&a=3&a="), r#"{"a":["1","3",""],"b":"2"}"#);
        assert_eq!(read(""), "{}");
        assert_eq!(read("&&=&a"), r#"{"":"","a":""}"#);
        assert_eq!(read("a=%ff%zz"), "{\"a\":\"\u{fffd}%zz\"}");
    }

    #[test]
    fn fields_are_counted() {
        let many = |n: usize| vec!["a=1"; n].join("&");
        assert!(parse(many(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(read(&many(MAX_FIELDS + 1)), "the body is a form of more than 1000 fields");
    }

    #[test]
    fn a_form_says_that_it_is_one() {
        for kind in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"] {
            assert!(is_one(kind), "{kind}");
        }
        for kind in ["", "application/json", "application/x-www-form-urlencoded-not", "text/plain"] {
            assert!(!is_one(kind), "{kind}");
        }
    }
}
