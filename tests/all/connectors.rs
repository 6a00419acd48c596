//! Every connector against a double of its vendor: what it sends is as the vendor describes it, what it makes of answers is reviewed,
//! and no secret is in anything that it shows. `tests/connectors/README.md` says how cases are added.

use std::path::{Path, PathBuf};

use rrb_tests::binary::root;
use rrb_tests::cases;
use rrb_tests::cases::sweep::sweep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_send_what_their_vendors_describe() {
    rrb_world::init();
    let only: Vec<String> =
        std::env::var("RRB_CONNECTORS").iter().flat_map(|n| n.split(',')).map(str::to_owned).collect();
    let faults = cases::hold(&root(), &only, std::env::var_os("RRB_UPDATE").is_some()).await.unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Every published body becomes an event that holds it whole, or a reason stands in `tests/samples/sources.json`.
async fn swept(samples: &Path, least: usize) {
    rrb_world::init();
    let swept = sweep(&root(), samples).await.unwrap();
    assert!(swept.faults.is_empty(), "{}", swept.faults.join("\n"));
    assert!(swept.bodies >= least && swept.events >= least, "{swept:?}");
}

#[tokio::test]
async fn samples_become_events_that_hold_what_came() {
    swept(&root().join("tests/samples/events"), 15).await;
}

#[tokio::test]
async fn the_larger_collection_of_samples_becomes_events_too() {
    let beside = root().join("../shared/samples");
    let folder = std::env::var_os("RRB_SAMPLES").map_or(beside, PathBuf::from).join("events");
    // A collection of its own, beside some clones only; the selection above is always there.
    if folder.is_dir() {
        swept(&folder, 150).await;
    }
}

/// What a connector of the library needs cases for.
fn lacks(name: &str, text: &str) -> Vec<String> {
    let has = |word: &str| text.lines().any(|line| line.starts_with(&format!("  {word} ")));
    let folder = root().join("tests/connectors").join(name);
    let some = |folder: PathBuf| {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.map(|f| f.path()).any(|p| p.extension().is_some_and(|e| e == "json"))
    };
    let published = || {
        let sources = std::fs::read_to_string(root().join("tests/samples/sources.json")).unwrap();
        let sources: serde_json::Value = serde_json::from_str(&sources).unwrap();
        let all = sources["sources"].as_object().unwrap().iter();
        let mut own = all.filter(|(_, s)| s["modules"].as_array().is_some_and(|m| m.iter().any(|m| m == name)));
        own.any(|(source, _)| some(root().join("tests/samples/events").join(source)))
    };
    let mut lacks = Vec::new();
    if has("action") && !folder.join("calls.rrb").is_file() {
        lacks.push(format!("{name}: it has actions; add tests/connectors/{name}/calls.rrb"));
    }
    if has("event") && !some(folder.join("events")) && !published() {
        lacks.push(format!("{name}: it has events; add what is sent to tests/connectors/{name}/events"));
    }
    lacks
}

#[test]
fn every_connector_of_the_library_has_cases() {
    let mut missing = Vec::new();
    for file in std::fs::read_dir(root().join("stdlib")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "rrb") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            missing.extend(lacks(&name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_connector_without_cases_is_told() {
    let text =
        "connector none_such {\n  action act() reads { 1 }\n\n  event came: Text from webhook \"/x\" {\n  }\n}\n";
    let told = lacks("none_such", text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("none_such/calls.rrb") && told[1].contains("none_such/events"), "{told:?}");
    assert!(lacks("none_such", "connector none_such {\n}\n").is_empty());
}
