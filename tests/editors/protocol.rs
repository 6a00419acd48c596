//! A client of the protocol's reference implementation asks the server everything that it offers.

use rrb_tests::binary;

use super::{package, said, tool};

#[test]
fn the_server_answers_what_it_offers() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    binary::copy(&binary::root().join("examples/guardrails"), &project);
    assert!(package("vscode").join("node_modules").is_dir(), "its packages are not installed: run tests/install");
    let mut node = tool("node");
    node.arg(binary::root().join("tests/editors/client.js")).env("PATH", super::path_with_rrb());
    node.env("RRB_PROJECT", &project).env("RRB_EXTENSION", package("vscode")).env("XDG_CACHE_HOME", dir.path());
    said(&mut node);
}
