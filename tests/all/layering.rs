//! Inside a crate, modules only look down: an import that climbs fails here, with the file and line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The crates whose `lib.rs` lists its modules from the lowest to the highest.
const CRATES: &[&str] = &["src/lang", "src/engine", "src/store", "src/world", "src/serve"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Module names in the order `lib.rs` declares them.
fn order(lib: &str) -> Vec<String> {
    lib.lines()
        .filter_map(|l| l.trim().trim_start_matches("pub ").strip_prefix("mod "))
        .filter_map(|l| l.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// The top-level modules that a source line imports or names from its own crate.
fn imported(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
        .flat_map(|(at, m)| {
            let rest = &code[at + m.len()..];
            let names = rest.strip_prefix('{').map_or(vec![rest], |inner| inner.split(',').collect());
            names
                .into_iter()
                .map(|n| n.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
                .collect::<Vec<String>>()
        })
        .collect()
}

/// The source files below `dir`; `tests` and `…_tests` may look anywhere in their crate.
fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Every import in `files` of a module that stands above its own, as `file:line: a -> b`.
fn climbs(order: &[String], files: &BTreeMap<String, String>) -> Vec<String> {
    let rank = |name: &str| order.iter().position(|m| m == name);
    let mut found = Vec::new();
    for (file, text) in files {
        let module = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
        let Some(own) = rank(module) else { continue };
        // Tests at a file's end may look anywhere in their crate.
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
        for (number, line) in code.lines().enumerate() {
            for target in imported(line) {
                if rank(&target).is_some_and(|r| r > own) {
                    found.push(format!("{file}:{}: {module} -> {target}", number + 1));
                }
            }
        }
    }
    found
}

#[test]
fn no_import_climbs() {
    let mut all = Vec::new();
    for name in CRATES {
        let src = root().join(name).join("src");
        let lib = std::fs::read_to_string(src.join("lib.rs")).unwrap();
        let order = order(&lib);
        assert!(order.len() > 1, "{name}: lib.rs declares {order:?}");
        let mut paths = Vec::new();
        sources(&src, &mut paths);
        let files = paths
            .iter()
            .map(|p| {
                (p.strip_prefix(&src).unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap())
            })
            .collect();
        all.extend(climbs(&order, &files).into_iter().map(|c| format!("{name}/src/{c}")));
    }
    assert!(all.is_empty(), "imports that climb:\n{}", all.join("\n"));
}

#[test]
fn a_climbing_import_is_found() {
    let order: Vec<String> = ["low", "high"].map(String::from).to_vec();
    let file = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
    assert_eq!(climbs(&order, &file("low.rs", "use crate::high::X;")), ["low.rs:1: low -> high"]);
    assert_eq!(climbs(&order, &file("low/deep.rs", "\nuse crate::{low::Y, high::X};")), ["low/deep.rs:2: low -> high"]);
    assert_eq!(climbs(&order, &file("low.rs", "fn f() { crate::high::x() }")), ["low.rs:1: low -> high"]);
    assert!(climbs(&order, &file("high.rs", "use crate::low::X;")).is_empty());
    assert!(climbs(&order, &file("low.rs", "// see crate::high\nuse other_crate::high;")).is_empty());
}

#[test]
fn the_language_has_no_way_to_touch_the_world() {
    let manifest = std::fs::read_to_string(root().join("src/lang/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("[dev-dependencies]").next().unwrap();
    for forbidden in ["tokio", "reqwest", "rusqlite", "uuid", "rand", "rustix", "axum"] {
        assert!(!dependencies.lines().any(|l| l.starts_with(forbidden)), "rrb-lang depends on {forbidden}");
    }
    let mut paths = Vec::new();
    sources(&root().join("src/lang/src"), &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(&text);
        for forbidden in [
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "ToSocketAddrs",
            "std::process",
            "std::env",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "thread::spawn",
        ] {
            assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}
