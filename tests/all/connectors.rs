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
