//! The plan's digest against code that depends on data: five runbooks as people write them, and how often people are asked.
//! The results are told in `docs/semantics/plan-digest.md`.

use std::collections::BTreeMap;

use rrb_lang::json::Json;
use rrb_lang::vm::plan::describe;
use rrb_lang::vm::protocol::{EffectOutcome, Input, NativeCall};

use super::kit::{Drive, program, short};
use super::runs::reply;

const KIT: &str = r#"
connector k8s {
  action pods(node: Text) -> List<Text> reads { http.get("http://h/pods/${node}").json as List<Text> }
  action healthy(name: Text) -> Bool reads { http.get("http://h/healthy/${name}").json as Bool }
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/cordon/${node}") }
  action uncordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/uncordon/${node}") }
  action evict(pod: Text) destroys target "pod/${pod}" { do http.delete("http://h/pod/${pod}") }
  action bounce(name: Text) destroys idempotent target "deployment/${name}" { do http.delete("http://h/bounce/${name}") }
  action deploy(name: Text, version: Text) -> Json destroys target "deployment/${name}" { (do http.delete("http://h/deploy/${name}/${version}")).json }
  action revoke(key: Text) destroys idempotent target "key/${key}" { do http.delete("http://h/key/${key}") }
  action keys(user: Text) -> List<Text> reads { http.get("http://h/keys/${user}").json as List<Text> }
  action snapshot(table: Text) -> Text changes { (do http.post("http://h/snapshot/${table}")).json as Text }
  action purge(table: Text, backup: Text) destroys target "table/${table}" { do http.delete("http://h/purge/${table}/${backup}") }
}
"#;

/// The replies by path, in turn; the last one stays.
fn world(replies: &[(&'static str, &[Json])]) -> impl FnMut(&NativeCall, usize) -> EffectOutcome + use<> {
    let replies: BTreeMap<&'static str, Vec<Json>> = replies.iter().map(|(k, v)| (*k, v.to_vec())).collect();
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    move |call, _| {
        let path = short(call).split_once(' ').map(|(_, p)| p.to_owned()).unwrap_or_default();
        let Some(said) = replies.get(path.as_str()) else { return reply(Json::Null) };
        let turn = turns.entry(path).or_insert(0);
        *turn += 1;
        reply(said[(*turn - 1).min(said.len() - 1)].clone())
    }
}

fn run(body: &str, replies: &[(&'static str, &[Json])]) -> Drive<'static> {
    let p = program(&format!("{KIT}\nrunbook main() {{ owner \"sre\"\n{body} }}"));
    Drive::new(&p, "main", vec![], world(replies)).run()
}

fn told(d: &Drive<'_>) -> String {
    let plans: Vec<String> = d.plans.iter().map(describe).collect();
    let asked = d
        .inputs
        .iter()
        .filter(|i| matches!(i, Input::Complete { outcome: EffectOutcome::Approved { .. }, .. }))
        .count();
    format!("{}asked {asked} times; {}\n{}", plans.join("then\n"), d.outcome_text(), d.calls().join("\n"))
}

fn texts(items: &[&str]) -> Json {
    Json::list(items.iter().map(|t| Json::from(*t)))
}

#[test]
fn restart_until_healthy() {
    // One try more only when the first did not help: the second restart is a "may" with everything known.
    let d = run(
        "approve \"Restart api?\" from group(\"sre\") {
           do k8s.bounce(\"api\")
           wait 1m
           if not k8s.healthy(\"api\") { do k8s.bounce(\"api\") }
         }",
        &[("healthy/api", &[Json::Bool(true), Json::Bool(false)])],
    );
    insta::assert_snapshot!(told(&d));
}

#[test]
fn drain_a_node_whose_pods_change() {
    let d = run(
        "approve \"Drain n1?\" from group(\"sre\") {
           do k8s.cordon(\"n1\") undo { do k8s.uncordon(\"n1\") }
           for pod in k8s.pods(\"n1\") { do k8s.evict(pod) }
         }",
        &[("pods/n1", &[texts(&["a", "b"]), texts(&["b", "c"])])],
    );
    insta::assert_snapshot!(told(&d));
}

#[test]
fn revoke_all_keys_of_a_user() {
    // The list is read before people are asked and is what they agree to.
    let d = run(
        "let keys = k8s.keys(\"eve\")
         approve \"Revoke ${keys.len()} keys?\" from group(\"sre\") { for key in keys { do k8s.revoke(key) } }",
        &[("keys/eve", &[texts(&["k1", "k2"]), texts(&["k9"])])],
    );
    insta::assert_snapshot!(told(&d));
}

#[test]
fn roll_back_a_release_in_an_order_that_its_result_decides() {
    let d = run(
        "approve \"Roll back?\" from group(\"sre\") {
           let first = do k8s.deploy(\"api\", \"v1\")
           if (first.migrated as Bool) { do k8s.deploy(\"db\", \"v1\") } else { do k8s.bounce(\"db\") }
           do k8s.deploy(\"web\", \"v1\")
         }",
        &[("deploy/api/v1", &[Json::object([("migrated", Json::Bool(true))])])],
    );
    insta::assert_snapshot!(told(&d));
}

#[test]
fn purge_with_a_backup_only_the_run_can_name() {
    let d = run(
        "approve \"Purge old rows?\" from group(\"sre\") {
           let backup = do k8s.snapshot(\"orders\")
           do k8s.purge(\"orders\", backup)
           do k8s.purge(\"carts\", backup)
         }",
        &[("snapshot/orders", &[Json::from("snap-7")])],
    );
    insta::assert_snapshot!(told(&d));
}
