//! Every connector against a double of its vendor: what it sends is as the vendor describes it, what it makes of answers is reviewed,
//! and no secret is in anything that it shows. `tests/connectors/README.md` says how cases are added.

use rrb_tests::binary::root;
use rrb_tests::cases;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_send_what_their_vendors_describe() {
    rrb_world::init();
    let only: Vec<String> =
        std::env::var("RRB_CONNECTORS").iter().flat_map(|n| n.split(',')).map(str::to_owned).collect();
    let faults = cases::hold(&root(), &only, std::env::var_os("RRB_UPDATE").is_some()).await.unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
