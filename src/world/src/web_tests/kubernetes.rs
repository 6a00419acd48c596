use serde_json::json as j;

use super::*;
use crate::sources::testing::feed;

fn spec(server: &Server, args: &[(&'static str, Value)]) -> crate::sources::Spec {
    let mut all = vec![("url", url(format!("{}/api/v1/pods", server.url)))];
    all.extend(args.iter().cloned());
    if !args.iter().any(|(n, _)| *n == "begin") {
        all.push(("begin", Value::text("start")));
    }
    feed("kubernetes", &all)
}

fn pod(name: &str, version: u32) -> serde_json::Value {
    j!({ "metadata": { "name": name, "uid": format!("uid-{name}"), "resourceVersion": version.to_string() } })
}

fn list(version: u32, more: &str, items: &[serde_json::Value]) -> Vec<Step> {
    let metadata = j!({ "resourceVersion": version.to_string(), "continue": more });
    json("200 OK", &j!({ "kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items }))
}

fn told(kind: &str, object: &serde_json::Value) -> Step {
    say(format!("{}\n", j!({ "type": kind, "object": object })))
}

fn bookmark(version: u32) -> Step {
    told("BOOKMARK", &j!({ "metadata": { "resourceVersion": version.to_string() } }))
}

/// `LISTED a 1`
fn shown(basket: &Basket) -> Vec<String> {
    let one = |body: &String| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let (kind, metadata) = (body["type"].as_str().unwrap().to_owned(), &body["object"]["metadata"]);
        format!("{kind} {} {}", metadata["name"].as_str().unwrap(), metadata["resourceVersion"].as_str().unwrap())
    };
    basket.bodies().iter().map(one).collect()
}

/// What each request asked for, without what is the same in all watches.
fn queries(server: &Server) -> Vec<String> {
    let of = |r: &String| {
        let line = r.lines().next().unwrap().replace(" HTTP/1.1", "").replace("GET /api/v1/pods?", "");
        line.replace("watch=1&allowWatchBookmarks=true&", "watch ").replace("&timeoutSeconds=240", "")
    };
    server.asked().iter().map(of).collect()
}

fn cursor(basket: &Basket) -> String {
    basket.lock().cursors.values().next().unwrap().split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_there_is_listed_and_then_watched() {
    let server = Server::start(vec![
        list(10, "next page", &[pod("a", 1), pod("b", 9)]),
        list(10, "", &[pod("c", 3)]),
        vec![head("200 OK"), told("MODIFIED", &pod("a", 11)), told("DELETED", &pod("c", 12)), bookmark(20)],
        vec![head("200 OK"), told("ADDED", &pod("d", 21)), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![spec(&server, &[])]).await;
    basket.until("all", |kept| kept.items.len() == 6).await;
    assert_eq!(
        shown(&basket),
        ["LISTED a 1", "LISTED b 9", "LISTED c 3", "MODIFIED a 11", "DELETED c 12", "ADDED d 21"]
    );
    assert_eq!(
        queries(&server),
        ["limit=250", "limit=250&continue=next+page", "watch resourceVersion=10", "watch resourceVersion=20"]
    );
    assert_eq!(cursor(&basket), "21");
    // A listed one says what it is, as a watched one does.
    assert!(basket.bodies()[0].contains(r#""kind":"Pod","apiVersion":"v1""#));
    sources.stop().await;
}

#[tokio::test]
async fn a_version_that_is_forgotten_is_listed_again_and_told_once() {
    let gone = j!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version" });
    for forgets in [vec![head("200 OK"), told("ERROR", &gone)], vec![head("410 Gone"), say(gone.to_string())]] {
        let server = Server::start(vec![
            list(10, "", &[pod("a", 1)]),
            vec![head("200 OK"), told("MODIFIED", &pod("a", 11))],
            forgets,
            list(30, "", &[pod("a", 11), pod("b", 25)]),
            vec![head("200 OK"), Step::Hang],
        ])
        .await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&server, &[])]).await;
        basket.until("all", |kept| kept.items.len() == 3 && kept.batches >= 4).await;
        assert_eq!(shown(&basket), ["LISTED a 1", "MODIFIED a 11", "LISTED b 25"]);
        basket.until("the watch", |_| server.asked().len() == 5).await;
        assert_eq!(queries(&server)[2..], ["watch resourceVersion=11", "limit=250", "watch resourceVersion=30"]);
        sources.stop().await;
    }
}

#[tokio::test]
async fn it_goes_on_where_it_left_off_and_only_in_the_same_collection() {
    let server = Server::start(vec![
        list(10, "", &[]),
        vec![head("200 OK"), bookmark(15), Step::Hang],
        vec![head("200 OK"), told("ADDED", &pod("a", 16)), Step::Hang],
        list(50, "", &[pod("b", 44)]),
        vec![head("200 OK"), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let first = sources(&basket);
    first.set(vec![spec(&server, &[])]).await;
    basket.until("the bookmark", |kept| kept.cursors.values().any(|c| c.starts_with("15 "))).await;
    first.stop().await;
    let second = sources(&basket);
    second.set(vec![spec(&server, &[])]).await;
    basket.until("one", |kept| kept.items.len() == 1).await;
    // Another selector: its versions mean something else.
    let query = Value::Map(Arc::new([(Value::text("labelSelector"), Value::text("app=web"))].into_iter().collect()));
    second.set(vec![spec(&server, &[("query", query)])]).await;
    basket.until("two", |kept| kept.items.len() == 2).await;
    basket.until("the watch", |_| server.asked().len() == 5).await;
    let asked = queries(&server);
    assert_eq!(asked[2], "watch resourceVersion=15");
    assert_eq!(asked[3..], ["labelSelector=app%3Dweb&limit=250", "labelSelector=app%3Dweb&watch resourceVersion=50"]);
    second.stop().await;
}

#[tokio::test]
async fn from_its_end_nothing_old_is_told_until_something_is_missing() {
    let gone = j!({ "kind": "Status", "code": 410 });
    let server = Server::start(vec![
        list(10, "there is more", &[pod("old", 1)]),
        vec![head("200 OK"), told("ADDED", &pod("new", 11)), told("ERROR", &gone)],
        list(20, "", &[pod("old", 1), pod("missed", 15)]),
        vec![head("200 OK"), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![spec(&server, &[("begin", Value::text("end"))])]).await;
    basket.until("all", |kept| kept.items.len() == 3).await;
    assert_eq!(shown(&basket), ["ADDED new 11", "LISTED old 1", "LISTED missed 15"]);
    assert_eq!(queries(&server)[..2], ["limit=1", "watch resourceVersion=10"]);
    sources.stop().await;
}

#[tokio::test]
async fn a_list_that_breaks_off_is_read_again() {
    let server = Server::start(vec![
        list(10, "2", &[pod("a", 1)]),
        json("410 Gone", &j!({ "message": "the token has expired" })),
        list(12, "", &[pod("a", 1), pod("b", 11)]),
        vec![head("200 OK"), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![spec(&server, &[])]).await;
    basket.until("all", |kept| kept.items.len() == 2).await;
    assert_eq!(shown(&basket), ["LISTED a 1", "LISTED b 11"]);
    basket.fails("answered 410").await;
    sources.stop().await;
}

#[tokio::test]
async fn what_the_store_lost_is_told_again() {
    for (before, after) in [(vec![3], vec![]), (vec![], vec![3])] {
        let server = Server::start(vec![
            list(10, "", &[pod("a", 1)]),
            vec![head("200 OK"), told("ADDED", &pod("b", 11)), Step::Hang],
            vec![head("200 OK"), told("ADDED", &pod("b", 11)), Step::Hang],
        ])
        .await;
        let basket = Arc::new(Basket::default());
        {
            let mut kept = basket.lock();
            (kept.break_before, kept.break_after) = (before, after);
        }
        let sources = sources(&basket);
        sources.set(vec![spec(&server, &[])]).await;
        basket.until("both", |kept| kept.items.len() == 2 && server.asked().len() == 3).await;
        assert_eq!(shown(&basket), ["LISTED a 1", "ADDED b 11"]);
        sources.stop().await;
    }
}

#[tokio::test]
async fn what_no_api_server_says_is_said() {
    let denied = j!({ "kind": "Status", "code": 403, "message": "pods is forbidden" });
    let watch = |step: Step| vec![list(10, "", &[]), vec![head("200 OK"), step]];
    for (scripts, why) in [
        (vec![json("403 Forbidden", &denied)], "answered 403"),
        (vec![json("200 OK", &j!({ "kind": "Pod" }))], "is no list of Kubernetes"),
        (vec![json("200 OK", &j!([]))], "is no list of Kubernetes"),
        (vec![json("200 OK", &j!({ "metadata": { "resourceVersion": "1" } }))], "is no list of Kubernetes"),
        (vec![vec![head("200 OK"), say("<html>")]], "not valid JSON"),
        (watch(told("ERROR", &denied)), "the watch failed: pods is forbidden"),
        (watch(told("RENAMED", &pod("a", 1))), "what no API server says"),
        (watch(told("BOOKMARK", &j!({}))), "a bookmark without a version"),
        (watch(say("{\"type\":\"ADDED\"\n")), "no JSON that can be read"),
        (watch(say("[]\n")), "what no API server says"),
        (watch(say("")), "the watch ended at once"),
    ] {
        let server = Server::start(scripts).await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&server, &[])]).await;
        basket.fails(why).await;
        sources.stop().await;
    }
}
