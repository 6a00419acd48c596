//! Playbooks with something deleted, doubled, moved or of another type: runbooks that check, or an error that says what was expected. Never a
//! panic.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use rrb_import::{ConvertOptions, cacao, rulebook, ssm};
use serde_json::{Value, json};

use crate::support::{self, Convert};

/// The playbooks beside the tests, as trees, with what converts them.
static ALL: LazyLock<Vec<(Convert, Value)>> = LazyLock::new(|| {
    let formats: [(&str, Convert); 3] =
        [("rulebooks", rulebook::import), ("ssm", ssm::import), ("cacao", cacao::import)];
    let of = |(folder, convert): (&str, Convert)| {
        files(folder).into_iter().map(move |text| (convert, serde_saphyr::from_str(&text).unwrap())).collect::<Vec<_>>()
    };
    formats.into_iter().flat_map(of).collect()
});

fn files(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_none_or(|e| e != "md"));
    paths.sort();
    paths.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
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

/// Changes the tree at a place: what is there goes, stands twice, becomes something else, or what stands elsewhere.
fn change(root: &mut Value, at: &str, kind: usize, other: &str) {
    let elsewhere = root.pointer(other).cloned().unwrap_or_default();
    let (parent, key) = at.rsplit_once('/').unwrap_or_default();
    let key = key.replace("~1", "/").replace("~0", "~");
    match (kind, root.pointer_mut(parent)) {
        (0, Some(Value::Object(o))) => drop(o.shift_remove(&key)),
        (0, Some(Value::Array(a))) if !a.is_empty() => drop(a.remove(key.parse::<usize>().unwrap_or(0) % a.len())),
        (1, Some(Value::Object(o))) => {
            let copy = o.get(&key).cloned().unwrap_or_default();
            o.insert(format!("{key}_2"), copy);
        }
        (1, Some(Value::Array(a))) => {
            let copy = a.get(key.parse::<usize>().unwrap_or(0)).cloned().unwrap_or_default();
            a.push(copy);
        }
        _ => {
            let new = match kind {
                2 => Value::Null,
                3 => json!(-1.5),
                4 => json!(true),
                5 => json!(""),
                6 => json!("a \"b\" ${c}\n}\u{202e} {{ event.x | d('') }} event.a == 'b"),
                7 => json!([]),
                8 => json!({}),
                9 => json!([[], {}, null, 7, "x"]),
                10 => json!({ "": null, "a b": [1], "name": {} }),
                11 => json!(9_007_199_254_740_993_i64),
                _ => elsewhere,
            };
            if let Some(place) = root.pointer_mut(at) {
                *place = new;
            }
        }
    }
}

fn converted(convert: Convert, bytes: &[u8], awx: bool) -> Result<(), TestCaseError> {
    match convert(bytes, &ConvertOptions { awx, ..ConvertOptions::default() }) {
        Ok(made) => {
            let problems = support::errors(&made.text);
            prop_assert!(problems.is_empty(), "{problems:#?}\n{}", made.text);
        }
        Err(e) => {
            prop_assert!(!e.help.contains("mistake in rrb"), "{}", e.message);
            prop_assert!(!e.message.is_empty() && !e.message.contains('\n') && !e.help.is_empty());
        }
    }
    Ok(())
}

/// Runs so many cases of this kind; more with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(96);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parts_that_lack_stand_twice_or_are_something_else(
        which in any::<prop::sample::Index>(),
        awx in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..13, any::<prop::sample::Index>()), 1..6),
    ) {
        let (convert, mut root) = which.get(&ALL).clone();
        for (at, kind, other) in changes {
            let mut all = Vec::new();
            places(&root, "", &mut all);
            let (at, other) = (at.get(&all).clone(), other.get(&all).clone());
            change(&mut root, &at, kind, &other);
            if root.to_string().len() > 200_000 {
                break;
            }
        }
        converted(convert, root.to_string().as_bytes(), awx)?;
    }

    #[test]
    fn texts_that_end_early_or_have_other_bytes(
        which in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let (convert, root) = which.get(&ALL);
        let mut bytes = serde_json::to_vec_pretty(root).unwrap();
        bytes.truncate(end.index(bytes.len()) + 1);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        converted(*convert, &bytes, false)?;
    }
}

#[test]
fn every_playbook_beside_the_tests_is_there_to_be_changed() {
    let of = |name: &str| files(name).len();
    assert!(of("rulebooks") >= 5 && of("ssm") >= 3 && of("cacao") >= 5);
    assert_eq!(ALL.len(), of("rulebooks") + of("ssm") + of("cacao"));
}
