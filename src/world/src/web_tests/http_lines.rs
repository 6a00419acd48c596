use rrb_engine::api::SourceState;

use super::*;
use crate::sources::testing::feed;

fn spec(args: &[(&'static str, Value)]) -> crate::sources::Spec {
    let mut all = vec![("format", Value::text("json")), ("silence", Value::Duration(300_000))];
    all.retain(|(name, _)| !args.iter().any(|(n, _)| n == name));
    all.extend(args.iter().cloned());
    feed("http_lines", &all)
}

fn resuming(server: &Server) -> crate::sources::Spec {
    let query = Value::Map(Arc::new([(Value::text("all"), Value::text("1"))].into_iter().collect()));
    spec(&[
        ("url", url(format!("{}/events", server.url))),
        ("query", query),
        ("place", Value::text("at.n")),
        ("resume", Value::text("since")),
    ])
}

fn first_lines(server: &Server) -> Vec<String> {
    server.asked().iter().map(|r| r.lines().next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lines_are_read_on_from_their_place() {
    let server = Server::start(vec![
        vec![
            head("200 OK"),
            say("{\"at\":{\"n\":1}}\n\n{\"at\""),
            Step::Wait(Duration::from_millis(80)),
            say(":{\"n\":9007199254740993}}\n{\"heartbeat\":true}\r\n"),
        ],
        vec![head("200 OK"), say("{\"at\":{\"n\":3}}\nno json"), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![resuming(&server)]).await;
    basket
        .holds(&[r#"{"at":{"n":1}}"#, r#"{"at":{"n":9007199254740993}}"#, r#"{"heartbeat":true}"#, r#"{"at":{"n":3}}"#])
        .await;
    assert_eq!(
        first_lines(&server),
        ["GET /events?all=1 HTTP/1.1", "GET /events?all=1&since=9007199254740993 HTTP/1.1"]
    );
    sources.stop().await;
    let cursor = basket.lock().cursors.values().next().cloned();
    assert_eq!(cursor.as_deref(), Some("3"));
    // The end of one reply is no failure.
    assert!(basket.lock().states.iter().all(|s| !matches!(s, Some(SourceState::Failing { .. }))));
}

#[tokio::test]
async fn a_place_that_is_gone_is_said_and_left() {
    let server = Server::start(vec![
        vec![head("200 OK"), say("{\"at\":{\"n\":1}}\n")],
        vec![head("410 Gone"), say("{}")],
        vec![head("200 OK"), say("{\"at\":{\"n\":7}}\n"), Step::Hang],
    ])
    .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![resuming(&server)]).await;
    basket.holds(&[r#"{"at":{"n":1}}"#, r#"{"at":{"n":7}}"#]).await;
    basket.fails("what came behind `1` is gone").await;
    assert_eq!(first_lines(&server)[2], "GET /events?all=1 HTTP/1.1");
    assert!(matches!(basket.lock().states.last(), Some(Some(SourceState::Reading))));
    sources.stop().await;
}

#[tokio::test]
async fn what_is_not_durable_is_asked_for_again() {
    let lines = || vec![head("200 OK"), say("{\"at\":{\"n\":5}}\n"), Step::Hang];
    let server = Server::start(vec![lines(), lines()]).await;
    let basket = Arc::new(Basket::default());
    basket.lock().break_before = vec![1];
    let sources = sources(&basket);
    sources.set(vec![resuming(&server)]).await;
    basket.holds(&[r#"{"at":{"n":5}}"#]).await;
    assert_eq!(first_lines(&server), ["GET /events?all=1 HTTP/1.1"; 2]);
    sources.stop().await;
}

#[tokio::test]
async fn a_silent_reply_is_asked_for_anew() {
    let server =
        Server::start(vec![vec![head("200 OK"), say("1\n"), Step::Hang], vec![head("200 OK"), say("2\n"), Step::Hang]])
            .await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![spec(&[("url", url(&server.url)), ("silence", Value::Duration(200))])]).await;
    basket.holds(&["1", "2"]).await;
    sources.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said_without_the_secret() {
    for (script, why) in [
        (vec![head("401 Unauthorized"), say("geheim-token-1")], "answered 401"),
        (vec![head("404 Not Found")], "answered 404"),
        (vec![head("500 Internal Server Error")], "answered 500"),
        (vec![head("302 Found")], "redirects are not followed"),
        (vec![head("410 Gone")], "is gone (410)"),
        (vec![say("nonsense\r\n\r\n")], "the connection broke"),
        (vec![head("200 OK")], "the reply ended at once"),
        (vec![say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"), say("{}\n")], "the reply broke off"),
    ] {
        let server = Server::start(vec![script]).await;
        let (_dir, token) = secret("geheim-token-1");
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&[("url", url(&server.url)), ("bearer", token)])]).await;
        basket.fails(why).await;
        assert!(server.asked()[0].contains("authorization: Bearer geheim-token-1"));
        assert!(!format!("{:?}", basket.lock().states).contains("geheim"), "{why}");
        sources.stop().await;
    }
    for (args, why) in [
        (vec![("url", url("http://127.0.0.1:1")), ("place", Value::text("a"))], "belong together"),
        (vec![("url", url("http://127.0.0.1:1"))], "no connection"),
        (vec![("url", url("http://169.254.169.254/latest"))], "metadata"),
        (vec![("url", url("http://localhost:1")), ("silence", Value::Duration(0))], "above zero"),
        (vec![("url", url("http://localhost:1")), ("kubeconfig", Value::text("x"))], "absolute path"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&args)]).await;
        basket.fails(why).await;
        sources.stop().await;
    }
}

#[tokio::test]
async fn a_line_is_cut_at_its_limit() {
    const MOST: usize = 4 << 20;
    for (len, cut) in [(MOST - 1, false), (MOST, false), (MOST + 1, true)] {
        let line = format!("{}\n", "x".repeat(len));
        let server = Server::start(vec![vec![head("200 OK"), say(line), say("next\n"), Step::Hang]]).await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&[("url", url(&server.url)), ("format", Value::text("text"))])]).await;
        basket.until("both lines", |kept| kept.items.len() == 2).await;
        {
            let kept = basket.lock();
            assert_eq!(
                (kept.items[0].body.len() - 2, kept.items[0].headers.contains_key("truncated")),
                (len.min(MOST), cut)
            );
            assert_eq!(kept.items[1].body, b"\"next\"");
        }
        sources.stop().await;
    }
}

#[tokio::test]
async fn many_lines_come_in_batches_and_wait_for_room() {
    let lines: String = (0..1_700).map(|n| format!("{{\"at\":{{\"n\":{n}}}}}\n")).collect();
    let server = Server::start(vec![vec![head("200 OK"), say(lines), Step::Hang]]).await;
    let basket = Arc::new(Basket::default());
    basket.lock().full = 3;
    let sources = sources(&basket);
    sources.set(vec![resuming(&server)]).await;
    basket.until("all", |kept| kept.items.len() == 1_700).await;
    assert_eq!(basket.bodies()[1_699], r#"{"at":{"n":1699}}"#);
    assert!(basket.lock().batches <= 10);
    sources.stop().await;
}
