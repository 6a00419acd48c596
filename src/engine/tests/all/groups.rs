//! Triggers on some events of several kinds, on different values, and on what did not come before.

use rrb_engine::api::ControlPlane;
use rrb_engine::store::Store;

use crate::correlation::{HOUR, MINUTE, Sim};

const GUESSED: &str = r#"
runbook guessed(node: Text, tries: List<Text>) {
  on 3 of s.hit as failed then s.clear as ok
    where failed.what != "noise" and failed.node == ok.node
    within 10m
    with node: ok.node, tries: failed.map(f => f.what)
  log node
}
"#;

#[tokio::test]
async fn some_of_one_kind_and_then_one_of_another() {
    let mut sim = Sim::new(GUESSED).await;
    let early = sim.send("clear", 0, "n1", "early").await;
    assert_eq!(sim.details(&early).await, ["waits for `s.hit` (0 of 3 seen) until 2023-11-15T00:10:00Z"]);
    let a = sim.send("hit", 0, "n1", "a").await;
    let detail = "waits for `s.hit` (1 of 3 seen) and `s.clear` until 2023-11-15T00:10:00Z";
    assert_eq!(sim.details(&a).await, [detail], "the one that came before it does not follow it");
    let noise = sim.send("hit", 0, "n1", "noise").await;
    assert_eq!(sim.details(&noise).await, ["`failed.what != \"noise\"` is false: failed.what is \"noise\""]);
    sim.at(5).await;
    sim.send("hit", 5, "n1", "b").await;
    let other = sim.send("hit", 5, "n2", "c").await;
    let too_soon = sim.send("clear", 5, "n1", "too soon").await;
    assert_eq!(sim.verdicts(&too_soon).await, ["waiting"], "two of three");
    sim.at(6).await;
    let c = sim.send("hit", 6, "n1", "c").await;
    assert_eq!(sim.details(&c).await, ["waits for `s.clear` until 2023-11-15T00:16:00Z"]);
    assert!(sim.runs().await.is_empty());
    sim.at(10).await;
    let ok = sim.send("clear", 10, "n1", "ok").await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","tries":["a","b","c"]}"#]);
    assert_eq!(sim.verdicts(&ok).await, ["started"]);
    assert_eq!(sim.details(&ok).await, ["with 3 other events"]);
    assert_eq!(sim.verdicts(&a).await, ["waiting", "joined"]);
    sim.at(100).await;
    let ended = "window ended at 2023-11-15T00:15:00Z: not all that it needs came within 10m";
    assert_eq!(sim.details(&other).await[1], ended);
    assert_eq!(sim.runs().await.len(), 1);
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

const THREE: &str = r#"
runbook all_three(node: Text, whats: Text) {
  on s.hit as a and s.hit as b and s.clear as c
    where a.what == "a" and b.what != "a" and a.node == b.node and c.node == b.node and b.what != c.what
    within 10m
    with node: a.node, whats: "${a.what} ${b.what} ${c.what}"
  log node
}
"#;

#[tokio::test]
async fn three_kinds_come_in_any_order_and_late() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut sim = Sim::new(THREE).await;
        sim.at(30).await;
        let mut last = String::new();
        for n in order {
            let (kind, minute, what) = [("hit", 0, "a"), ("hit", 5, "b"), ("clear", 10, "c")][n];
            assert!(sim.runs().await.is_empty(), "{order:?}");
            last = sim.send(kind, minute, "n1", what).await;
            sim.send(kind, minute, "n2", "c").await;
        }
        assert_eq!(sim.runs().await, [r#"{"node":"n1","whats":"a b c"}"#], "{order:?}");
        assert_eq!(sim.verdicts(&last).await, ["started"], "{order:?}");
    }
    let mut sim = Sim::new(THREE).await;
    for (kind, minute, what) in [("hit", 0, "a"), ("hit", 5, "b"), ("clear", 11, "c")] {
        sim.at(minute).await;
        sim.send(kind, minute, "n1", what).await;
    }
    assert!(sim.runs().await.is_empty(), "they lie further apart than the window");
}

#[tokio::test]
async fn groups_survive_a_restart() {
    let mut sim = Sim::new(THREE).await;
    sim.send("hit", 0, "n1", "a").await;
    let mut sim = sim.restart(MINUTE).await;
    sim.send("clear", 1, "n1", "c").await;
    let mut sim = sim.restart(MINUTE).await;
    sim.send("hit", 2, "n1", "b").await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","whats":"a b c"}"#]);
    let sim = sim.restart(HOUR).await;
    assert_eq!(sim.runs().await.len(), 1);
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

#[tokio::test]
async fn why_not_says_as_which_of_several() {
    let mut sim = Sim::new(THREE).await;
    let hit = sim.send("hit", 0, "n1", "x").await;
    let answer = sim.engine.why_not("all_three", &hit).await.unwrap();
    let conditions: Vec<(String, bool)> =
        answer.triggers[0].conditions.iter().map(|c| (c.text.clone(), c.holds)).collect();
    let as_first = ("as the first: a.what == \"a\"".to_owned(), false);
    let as_second = ("as the second: b.what != \"a\"".to_owned(), true);
    assert_eq!(conditions, [as_first, as_second]);
    assert_eq!(answer.triggers[0].says, "it has a part in it; what belongs to it must come within 10m");
}

const DISTINCT: &str = r#"
runbook scan(node: Text, ports: List<Text>) {
  on 3 of s.hit as e by e.node distinct e.what within 10m
    with node: events[0].node, ports: events.map(x => x.what)
  log node
}
"#;

#[tokio::test]
async fn what_is_counted_differs() {
    let mut sim = Sim::new(DISTINCT).await;
    let a = sim.send("hit", 0, "n1", "80").await;
    assert_eq!(sim.details(&a).await, ["1 of 3 different seen for `n1`, waits for more until 2023-11-15T00:10:00Z"]);
    let mut again = Vec::new();
    sim.at(1).await;
    for _ in 0..5 {
        again.push(sim.send("hit", 1, "n1", "80").await);
    }
    sim.at(2).await;
    let b = sim.send("hit", 2, "n1", "22").await;
    assert_eq!(sim.details(&b).await, ["2 of 3 different seen for `n1`, waits for more until 2023-11-15T00:12:00Z"]);
    assert_eq!(sim.store.recover().await.unwrap().waits.len(), 3, "of one value the first and the last are enough");
    assert_eq!(sim.verdicts(&again[0]).await, ["waiting", "expired"]);
    assert!(sim.runs().await.is_empty());
    let mut sim = sim.restart(9 * MINUTE).await;
    sim.send("hit", 11, "n1", "443").await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","ports":["80","22","443"]}"#], "the last `80` is near enough");
    sim.at(100).await;
    let ended = "window ended at 2023-11-15T00:10:00Z: fewer than 3 different ones came within 10m";
    let c = sim.send("hit", 100, "n1", "80").await;
    sim.at(200).await;
    assert_eq!(sim.details(&c).await[1], ended.replace("00:10", "01:50"));
}

const UNANNOUNCED: &str = r#"
runbook unannounced(what: Text) {
  on s.hit as login without earlier s.clear as sso where login.node == sso.node within 30m with what: login.what
  log what
}
runbook lonely(what: Text) {
  on s.hit as login without earlier or later s.clear as sso where login.node == sso.node within 30m
    with what: login.what
  log what
}
"#;

#[tokio::test]
async fn an_event_that_nothing_came_before() {
    let mut sim = Sim::new(UNANNOUNCED).await;
    let sso = sim.send("clear", 0, "n1", "sso").await;
    sim.at(30).await;
    let announced = sim.send("hit", 30, "n1", "announced").await;
    assert_eq!(sim.details(&announced).await[0], format!("`s.clear` came before it: `{sso}`"));
    let alone = sim.send("hit", 30, "n2", "alone").await;
    assert_eq!(sim.details(&alone).await[0], "fires when no `s.clear` came in the 30m before it");
    sim.at(31).await;
    assert!(sim.runs().await.is_empty(), "one that came before may come late");
    let late = sim.send("hit", 31, "n3", "told late").await;
    let told = sim.send("clear", 29, "n3", "sso").await;
    assert_eq!(sim.details(&late).await[2], format!("`s.clear` came before it: `{told}`"));
    let after = sim.send("clear", 32, "n2", "after").await;
    sim.at(33).await;
    assert_eq!(sim.runs().await, [r#"{"what":"alone"}"#], "what follows does not count");
    assert_eq!(sim.details(&alone).await.last().unwrap(), "no `s.clear` came in the 30m before it");
    assert_eq!(sim.verdicts(&after).await.len(), 2);
    sim.at(200).await;
    let ends = sim.runs().await;
    assert_eq!(ends, [r#"{"what":"alone"}"#], "nothing was before or after `lonely`'s: {ends:?}");
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

#[tokio::test]
async fn absences_survive_a_restart_and_wait_for_what_was_missed() {
    let mut sim = Sim::new(UNANNOUNCED).await;
    sim.send("hit", 0, "n1", "alone").await;
    let mut sim = sim.restart(10 * MINUTE).await;
    assert!(sim.runs().await.is_empty());
    sim.send("clear", -1, "n1", "was sent before").await;
    sim.at(200).await;
    assert!(sim.runs().await.is_empty(), "it came while nobody listened");
}
