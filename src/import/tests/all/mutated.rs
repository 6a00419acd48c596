//! Whatever the bytes are: a connector that can be read, or an error that says what was expected. Never a panic.

use proptest::prelude::*;
use rrb_import::{Options, openapi};
use serde_json::{Value, json};

use crate::support;

const SHOP: &str = include_str!("../descriptions/shop.yaml");

fn shop() -> Value {
    serde_saphyr::from_str(SHOP).unwrap()
}

/// Every place of a tree.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(o) => {
            for (k, v) in o {
                places(v, &format!("{at}/{}", k.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(a) => a.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), out)),
        _ => {}
    }
}

/// What is put in the place of something.
fn odd(root: &Value, kind: usize, other: &str) -> Value {
    match kind {
        0 => Value::Null,
        1 => json!(7),
        2 => json!(-1.5),
        3 => json!(true),
        4 => json!(""),
        5 => json!("a \"b\" ${c}\n}\u{202e}"),
        6 => json!([]),
        7 => json!({}),
        8 => json!({ "$ref": format!("#{other}") }),
        9 => json!([{ "$ref": format!("#{other}") }, null, 3]),
        10 => json!({ "type": ["object", "null", 3], "properties": { "": { "$ref": format!("#{other}") } } }),
        _ => root.pointer(other).cloned().unwrap_or_default(),
    }
}

fn import(bytes: &[u8]) -> Result<(), TestCaseError> {
    match openapi::import(bytes, &Options::default()) {
        Ok(imported) => {
            let problems = support::errors(&imported.text);
            prop_assert!(problems.is_empty(), "{problems:#?}\n{}", imported.text);
        }
        Err(e) => {
            prop_assert!(!e.help.contains("mistake in rrb"), "{}", e.message);
            prop_assert!(!e.message.contains('\n') && !e.help.is_empty());
        }
    }
    Ok(())
}

/// Runs so many cases of this kind; more with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(48);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn values_of_other_types_anywhere(changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..13, any::<prop::sample::Index>()), 1..6)) {
        let mut root = shop();
        for (at, kind, other) in changes {
            let mut all = Vec::new();
            places(&root, "", &mut all);
            let new = odd(&root, kind, other.get(&all).as_str());
            if let Some(place) = root.pointer_mut(at.get(&all).as_str()) {
                *place = new;
            }
            // References that were copied into themselves grow without end.
            if root.to_string().len() > 200_000 {
                break;
            }
        }
        import(root.to_string().as_bytes())?;
    }

    #[test]
    fn texts_that_end_early_or_have_other_bytes(end in 0..SHOP.len(), changes in proptest::collection::vec((0..SHOP.len(), any::<u8>()), 0..4)) {
        let mut bytes = SHOP.as_bytes().get(..end).unwrap_or_default().to_vec();
        for (at, byte) in changes {
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
        }
        import(&bytes)?;
    }
}
