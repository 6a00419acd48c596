//! The daemon on a real socket, with callers who do not behave.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rrb_serve::{BindError, ServeConfig, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::*;

struct Daemon {
    world: World,
    at: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn daemon(change: impl FnOnce(&mut ServeConfig)) -> Daemon {
    let world = world_with(change);
    let listener = bind(&ServeConfig::new("127.0.0.1:0".parse().unwrap())).await.unwrap();
    let at = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, world.app.clone(), stop.clone()));
    Daemon { world, at, stop, task }
}

impl Daemon {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Sends bytes and reads until the daemon closes or a second passes.
    async fn say(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        hear(&mut stream, Duration::from_secs(1)).await
    }
}

impl Daemon {
    /// As [`Daemon::say`], for another time.
    async fn say_for(&self, text: &str, time: Duration) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        hear(&mut stream, time).await
    }
}

/// A request whose line and headers have this many bytes, and this many headers.
fn request(bytes: usize, headers: usize) -> String {
    let mut text = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n".to_owned();
    for n in 3..headers {
        text.push_str(&format!("x-{n}: 1\r\n"));
    }
    let rest = bytes.saturating_sub(text.len() + "x-last: \r\n\r\n".len());
    text + "x-last: " + &"x".repeat(rest) + "\r\n\r\n"
}

#[tokio::test]
async fn the_line_and_the_headers_are_bounded() {
    let daemon = daemon(|_| {}).await;
    for (headers, status) in [(99, 200), (100, 200), (101, 431)] {
        let said = daemon.say(&request(0, headers)).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{headers} headers: {said}");
    }
    let most = 16 << 10;
    for (bytes, status) in [(most - 1, 200), (most, 200), (most + 1, 431)] {
        let text = request(bytes, 4);
        assert_eq!(text.len(), bytes);
        let said = daemon.say(&text).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes} bytes: {said}");
    }
}

async fn hear(stream: &mut TcpStream, time: Duration) -> String {
    let mut all = Vec::new();
    let _ = tokio::time::timeout(time, stream.read_to_end(&mut all)).await;
    String::from_utf8_lossy(&all).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

#[tokio::test]
async fn other_machines_are_let_in_only_when_that_is_said() {
    let mut config = ServeConfig::new("0.0.0.0:0".parse().unwrap());
    let error = bind(&config).await.unwrap_err();
    assert!(matches!(error, BindError::Remote(_)) && error.to_string().contains("allow_remote = true"), "{error}");
    config.allow_remote = true;
    let listener = bind(&config).await.unwrap();
    let taken = ServeConfig { listen: listener.local_addr().unwrap(), ..config };
    assert!(matches!(bind(&taken).await, Err(BindError::Io(..))));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let daemon = daemon(|_| {}).await;
    let mut stream = daemon.connect().await;
    for _ in 0..5 {
        stream.write_all(get("/healthz").as_bytes()).await.unwrap();
        let mut buffer = [0; 1024];
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(String::from_utf8_lossy(&buffer[..n]).starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn headers_that_do_not_come_are_not_waited_for() {
    let daemon = daemon(|c| c.limits.head_time = Duration::from_millis(150)).await;
    for beginning in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: "] {
        let began = Instant::now();
        let mut stream = daemon.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let said = hear(&mut stream, Duration::from_secs(5)).await;
        assert!(began.elapsed() < Duration::from_secs(3), "{beginning:?} held the connection");
        assert!(!said.contains("200 OK"));
    }
    // Between two requests as well.
    let began = Instant::now();
    let said = daemon.say(&get("/healthz")).await;
    assert!(said.starts_with("HTTP/1.1 200") && began.elapsed() < Duration::from_millis(900), "{said}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let daemon = daemon(|c| c.limits.body_time = Duration::from_millis(150)).await;
    let head = "POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\ncontent-length: 10\r\n\r\nabc";
    let said = daemon.say(head).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains("connection: close"), "{said}");
    let mut stream = daemon.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    hear(&mut stream, Duration::from_secs(1)).await;
    assert!(daemon.world.plane.deliveries.lock().unwrap().is_empty(), "half a body was taken for a whole one");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let daemon = daemon(|_| {}).await;
    let said = daemon
        .say("POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\ncontent-length: 99999999999\r\n\r\n")
        .await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let many = format!("{}{}", "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n", "");
    let chunked =
        "POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = daemon.connect().await;
    stream.write_all(chunked.as_bytes()).await.unwrap();
    for _ in 0..17 {
        if stream.write_all(many.as_bytes()).await.is_err() {
            break;
        }
    }
    let said = hear(&mut stream, Duration::from_secs(2)).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    assert!(daemon.world.plane.deliveries.lock().unwrap().is_empty());
}

#[tokio::test]
async fn heads_are_bounded() {
    let daemon = daemon(|c| {
        c.limits.max_head = 4096;
        c.limits.max_headers = 20;
    })
    .await;
    let with = |bytes: usize| format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-pad: {}\r\n\r\n", "a".repeat(bytes));
    let plain = with(0).len();
    for (bytes, fits) in [(4096 - plain - 1, true), (4096 - plain, true), (4096 - plain + 64, false), (60_000, false)] {
        let said = daemon.say(&with(bytes)).await;
        assert_eq!(said.starts_with("HTTP/1.1 200"), fits, "{bytes}: {said}");
        assert!(fits || said.is_empty() || said.starts_with("HTTP/1.1 431"), "{bytes}: {said}");
    }
    for (headers, fits) in [(18, true), (19, true), (20, false)] {
        let lines: String = (0..headers).map(|n| format!("x-{n}: 1\r\n")).collect();
        let said = daemon.say(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{lines}\r\n")).await;
        assert_eq!(said.starts_with("HTTP/1.1 200"), fits, "{headers}: {said}");
        assert!(fits || said.starts_with("HTTP/1.1 431"), "{said}");
    }
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_are_refused() {
    let daemon = daemon(|_| {}).await;
    let post = "POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\n";
    for text in [
        format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"),
        format!("{post}content-length: -1\r\n\r\n"),
        format!("{post}content-length: 5 5\r\n\r\nabcde"),
        format!("{post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        "GET  /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned() + "\r\n\r\n",
    ] {
        let said = daemon.say(&text).await;
        assert!(!said.contains(" 200 ") && !said.contains(" 202 "), "{text:?}: {said}");
    }
    assert!(daemon.world.plane.deliveries.lock().unwrap().is_empty());
    assert!(daemon.say(&get("/healthz")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_body_of_two_lengths() {
    let daemon = daemon(|_| {}).await;
    let post = "POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\n";
    let (length, chunked) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    for order in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        // Chunks count, as RFC 9112 §6.3 has it, and the connection ends there: what follows is nobody's request.
        let said = daemon.say(&format!("{post}{order}\r\n0\r\n\r\n{}", get("/healthz"))).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.contains("connection: close"), "{said}");
    }
}

#[tokio::test]
async fn one_address_has_a_few_connections() {
    let daemon = daemon(|c| c.limits.per_address = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = daemon.connect().await;
        stream.write_all(get("/healthz").as_bytes()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
    let said = daemon.say(&get("/healthz")).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 503"), "{said}");
    open.pop();
    let mut again = String::new();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut stream = daemon.connect().await;
        let _ = stream.write_all(get("/metrics").as_bytes()).await;
        again = hear(&mut stream, Duration::from_millis(200)).await;
        if again.starts_with("HTTP/1.1 200") {
            break;
        }
    }
    assert!(again.contains("rrb_http_connections 3\n"), "{again}");
    assert!(again.contains("rrb_http_connections_refused_total "), "{again}");
}

#[tokio::test]
async fn connections_beyond_the_ceiling_wait_and_are_served() {
    let daemon = daemon(|c| {
        c.limits.connections = 2;
        c.limits.head_time = Duration::from_millis(300);
    })
    .await;
    let first = daemon.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(daemon.say_for(&get("/healthz"), Duration::from_millis(150)).await.starts_with("HTTP/1.1 200"));
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _idle = (daemon.connect().await, daemon.connect().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(daemon.say_for(&get("/healthz"), Duration::from_millis(100)).await, "", "its turn has not come");
    let mut stream = daemon.connect().await;
    stream.write_all(get("/healthz").as_bytes()).await.unwrap();
    let said = hear(&mut stream, Duration::from_secs(3)).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn the_end_is_orderly() {
    let daemon = daemon(|_| {}).await;
    *daemon.world.plane.delay.lock().unwrap() = Duration::from_millis(300);
    let mut busy = daemon.connect().await;
    busy.write_all(
        b"POST /hooks/alertmanager HTTP/1.1\r\nhost: localhost\r\nx-check: good\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await
    .unwrap();
    let mut idle = daemon.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.stop.cancel();
    let said = hear(&mut busy, Duration::from_secs(3)).await;
    assert!(said.starts_with("HTTP/1.1 202"), "a request at work was cut off: {said}");
    assert_eq!(hear(&mut idle, Duration::from_secs(3)).await, "");
    tokio::time::timeout(Duration::from_secs(3), daemon.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(daemon.at).await.is_err());
}
