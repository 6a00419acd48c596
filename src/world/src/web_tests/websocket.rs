use futures_util::{SinkExt as _, StreamExt as _};
use rrb_engine::api::SourceState;
use serde_json::json as j;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::sources::testing::feed;

type Socket = WebSocketStream<TcpStream>;

/// A service that speaks WebSocket: each connection is given to the test.
struct Service {
    url: String,
    connections: tokio::sync::mpsc::Receiver<(Socket, String)>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/link?ticket=geheim-ticket", listener.local_addr().unwrap());
        let (send, connections) = tokio::sync::mpsc::channel(10);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(asked) = request(&mut stream).await else { continue };
                let key = asked.lines().find_map(|l| l.strip_prefix("sec-websocket-key: ")).unwrap();
                let guid = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
                let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, guid.as_bytes());
                use base64::Engine as _;
                let accept = base64::engine::general_purpose::STANDARD.encode(digest);
                let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n";
                stream.write_all(format!("{head}sec-websocket-accept: {accept}\r\n\r\n").as_bytes()).await.unwrap();
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                if send.send((socket, asked)).await.is_err() {
                    return;
                }
            }
        });
        Self { url, connections }
    }

    async fn next(&mut self) -> (Socket, String) {
        tokio::time::timeout(Duration::from_secs(60), self.connections.recv()).await.unwrap().unwrap()
    }
}

fn spec(args: &[(&'static str, Value)]) -> crate::sources::Spec {
    let mut all = vec![("format", Value::text("json"))];
    all.retain(|(name, _)| !args.iter().any(|(n, _)| n == name));
    all.extend(args.iter().cloned());
    feed("websocket", &all)
}

fn acknowledged(service: &Service) -> crate::sources::Spec {
    spec(&[
        ("url", url(&service.url)),
        ("acknowledge", Value::text("id")),
        ("close_on", Value::text("type=disconnect")),
    ])
}

async fn hear(socket: &mut Socket) -> String {
    loop {
        match tokio::time::timeout(Duration::from_secs(60), socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn tell(socket: &mut Socket, what: serde_json::Value) {
    socket.send(Message::text(what.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_message_is_acknowledged_when_it_is_durable() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    basket.lock().slow = Duration::from_millis(300);
    let sources = sources(&basket);
    sources.set(vec![acknowledged(&service)]).await;
    let (mut socket, asked) = service.next().await;
    assert!(asked.starts_with("GET /link?ticket=geheim-ticket HTTP/1.1"), "{asked}");
    tell(&mut socket, j!({ "type": "hello" })).await;
    tell(&mut socket, j!({ "id": "e-1", "n": 1 })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":"e-1"}"#);
    assert_eq!(basket.bodies().len(), 2, "it was acknowledged before it was durable");
    // A number is sent back as one.
    tell(&mut socket, j!({ "id": 7 })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":7}"#);
    sources.stop().await;
    // It says good-bye.
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_counts_once() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        (kept.break_before, kept.break_after) = (vec![1], vec![3]);
    }
    let sources = sources(&basket);
    sources.set(vec![acknowledged(&service)]).await;
    for _ in 0..2 {
        let (mut socket, _) = service.next().await;
        tell(&mut socket, j!({ "id": "e-1" })).await;
        // The store breaks before it is written, and after the one behind it was.
        if basket.lock().batches == 0 {
            assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
            continue;
        }
        assert_eq!(hear(&mut socket).await, r#"{"id":"e-1"}"#);
        tell(&mut socket, j!({ "id": "e-2" })).await;
        assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    }
    let (mut socket, _) = service.next().await;
    tell(&mut socket, j!({ "id": "e-2" })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":"e-2"}"#);
    assert_eq!(basket.bodies(), [r#"{"id":"e-1"}"#, r#"{"id":"e-2"}"#]);
    sources.stop().await;
}

#[tokio::test]
async fn a_new_connection_is_made_when_this_one_is_to_end() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    let mut first = acknowledged(&service);
    first.also = vec!["lab.also".to_owned()];
    sources.set(vec![first]).await;
    let (mut socket, _) = service.next().await;
    tell(&mut socket, j!({ "id": "e-1" })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":"e-1"}"#);
    tell(&mut socket, j!({ "type": "disconnect", "reason": "refresh_requested" })).await;
    let (mut socket, _) = service.next().await;
    tell(&mut socket, j!({ "id": "e-2" })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":"e-2"}"#);
    // One that the other side simply closes is made anew too.
    socket.close(None).await.unwrap();
    service.next().await;
    assert!(basket.lock().states.iter().all(|s| !matches!(s, Some(SourceState::Failing { .. }))));
    sources.stop().await;
}

#[tokio::test]
async fn the_address_may_have_to_be_asked_for() {
    let mut service = Service::start().await;
    let answer = j!({ "ok": true, "url": service.url });
    let server = Server::start(vec![json("200 OK", &answer), json("200 OK", &answer)]).await;
    let (_dir, token) = secret("geheim-app-token");
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    let open = url(format!("{}/open", server.url));
    sources
        .set(vec![spec(&[
            ("url", open),
            ("open_at", Value::text("url")),
            ("bearer", token),
            ("send", Value::text("hi")),
        ])])
        .await;
    let (mut socket, asked) = service.next().await;
    assert!(!asked.contains("geheim-app-token"), "the token went where the answer said");
    assert_eq!(hear(&mut socket).await, "hi");
    drop(socket);
    service.next().await;
    assert!(
        server
            .asked()
            .iter()
            .all(|r| r.starts_with("POST /open") && r.contains("authorization: Bearer geheim-app-token"))
    );
    sources.stop().await;
}

#[tokio::test]
async fn what_is_odd_neither_breaks_nor_blocks_it() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![acknowledged(&service)]).await;
    let (mut socket, _) = service.next().await;
    socket.send(Message::text("no json")).await.unwrap();
    socket.send(Message::binary(b"\xff\x00".to_vec())).await.unwrap();
    socket.send(Message::Ping(b"are you there".to_vec().into())).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Pong(p))) if p.as_ref() == b"are you there"));
    for (n, id) in [j!(null), j!({}), j!(["a"]), j!("last")].into_iter().enumerate() {
        tell(&mut socket, j!({ "id": id, "n": n })).await;
    }
    // Only a name can be sent back.
    assert_eq!(hear(&mut socket).await, r#"{"id":"last"}"#);
    assert_eq!(basket.lock().items.len(), 6);
    assert_eq!(basket.lock().items[0].body, b"no json");
    sources.stop().await;
}

#[tokio::test]
async fn a_message_is_kept_as_far_as_its_limit_and_acknowledged() {
    const MOST: usize = 1 << 20;
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![acknowledged(&service)]).await;
    let (mut socket, _) = service.next().await;
    let around = j!({ "x": "", "id": "e-0" }).to_string().len();
    for (n, len) in [MOST - 1, MOST, MOST + 1, 15 << 20].into_iter().enumerate() {
        // Its name stands behind what is kept.
        let text = format!(r#"{{"x":"{}","id":"e-{n}"}}"#, "x".repeat(len - around));
        assert_eq!(text.len(), len);
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(hear(&mut socket).await, format!(r#"{{"id":"e-{n}"}}"#));
        let kept = basket.lock().items.last().cloned().unwrap();
        assert_eq!((kept.body.len(), kept.headers.contains_key("truncated")), (len.min(MOST), len > MOST));
    }
    tell(&mut socket, j!({ "id": "behind" })).await;
    assert_eq!(hear(&mut socket).await, r#"{"id":"behind"}"#);
    sources.stop().await;
}

#[tokio::test]
async fn in_shadow_nothing_is_acknowledged() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket).in_shadow(true);
    sources.set(vec![acknowledged(&service)]).await;
    let (mut socket, _) = service.next().await;
    for n in 0..3 {
        tell(&mut socket, j!({ "id": format!("e-{n}") })).await;
        basket.until("it came", |kept| kept.items.len() == n + 1).await;
    }
    // Everything that was said before its answer.
    socket.send(Message::Ping(b"all".to_vec().into())).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Pong(_)))));
    sources.stop().await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn a_message_that_is_longer_than_anything_ends_the_connection() {
    const MOST: usize = 16 << 20;
    for (len, fits) in [(MOST - 1, true), (MOST, true), (MOST + 1, false)] {
        let mut service = Service::start().await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&[("url", url(&service.url)), ("format", Value::text("text"))])]).await;
        let (mut socket, _) = service.next().await;
        // It is given up before all of it is there.
        let sent = socket.send(Message::text("x".repeat(len))).await;
        assert!(sent.is_ok() || !fits);
        if fits {
            basket.until("it came", |kept| kept.items.len() == 1).await;
        } else {
            basket.fails("a message is longer than 16 MiB").await;
        }
        sources.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_websocket_is_said() {
    for (script, why) in [
        (json("401 Unauthorized", &j!({})), "answered 401"),
        (json("200 OK", &j!({})), "answered 200"),
        (
            vec![say(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n",
            )],
            "another protocol",
        ),
        (vec![], "the connection broke"),
    ] {
        let server = Server::start(vec![script]).await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&[("url", url(server.url.replace("http:", "ws:")))])]).await;
        basket.fails(why).await;
        sources.stop().await;
    }
    for (args, why) in [
        (vec![("url", url("http://127.0.0.1:1"))], "begins with `wss://` or `ws://`, not with `http:`"),
        (vec![("url", url("ws://127.0.0.1:1")), ("close_on", Value::text("bye"))], "`type=disconnect`"),
        (vec![("url", url("ws://169.254.169.254"))], "metadata"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&args)]).await;
        basket.fails(why).await;
        sources.stop().await;
    }
}

#[tokio::test]
async fn an_answer_without_an_address_is_said_with_its_reason() {
    for (answer, why) in [
        (
            j!({ "ok": false, "error": "invalid_auth" }),
            "does not say in `url` where to connect: it says `invalid_auth`",
        ),
        (j!({ "url": "" }), "does not say in `url`"),
        (j!({ "url": ["ws://x"] }), "does not say in `url`"),
        (j!({ "url": "https://elsewhere.example" }), "begins with `wss://`"),
        (j!({ "url": "ws://169.254.169.254/" }), "metadata"),
    ] {
        let server = Server::start(vec![json("200 OK", &answer)]).await;
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec(&[("url", url(&server.url)), ("open_at", Value::text("url"))])]).await;
        basket.fails(why).await;
        sources.stop().await;
    }
}

#[tokio::test]
async fn it_waits_for_room() {
    let mut service = Service::start().await;
    let basket = Arc::new(Basket::default());
    basket.lock().full = 4;
    let sources = sources(&basket);
    sources.set(vec![acknowledged(&service)]).await;
    let (mut socket, _) = service.next().await;
    for n in 0..1_200 {
        tell(&mut socket, j!({ "id": n.to_string() })).await;
    }
    for n in 0..1_200 {
        assert_eq!(hear(&mut socket).await, format!(r#"{{"id":"{n}"}}"#));
    }
    assert!(basket.lock().items.len() == 1_200);
    sources.stop().await;
}
