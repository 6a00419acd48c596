use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::world::World;
use rrb_lang::json::Json;
use rrb_lang::value::Secret;
use rrb_lang::vm::protocol::EffectOutcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{body_json, body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::testing::{Call, assert_shape, done, failed};
use super::super::{LiveConfig, LiveWorld};
use super::*;

fn call(native: &str, url: &str) -> Call {
    Call::new(native).arg("url", Value::Url(url.into()))
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::Map(Arc::new(entries.iter().map(|(k, v)| (Value::text(*k), Value::text(*v))).collect()))
}

struct Kept {
    _dir: tempfile::TempDir,
    value: Value,
}

fn kept(text: &str) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s"), text).unwrap();
    let value = Value::Secret(Arc::new(Secret::Ref(format!("file:{}/s", dir.path().display()).into())));
    Kept { _dir: dir, value }
}

fn secrets(entries: &[(&str, &Kept)]) -> Value {
    Value::Map(Arc::new(entries.iter().map(|(k, v)| (Value::text(*k), v.value.clone())).collect()))
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(template).mount(&server).await;
    server
}

/// A server that does with each connection what it is told.
async fn raw<F: Future<Output = ()> + Send + 'static>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads a request and sends these bytes.
async fn sending(reply: &'static [u8]) -> SocketAddr {
    raw(move |mut stream| async move {
        let mut buffer = vec![0; 64 << 10];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(reply).await;
    })
    .await
}

fn expects(kind: FailureKind, happened: Happened, outcome: EffectOutcome) -> Failure {
    let failure = failed(outcome);
    assert_eq!((failure.kind, failure.happened), (kind, happened), "{}", failure.message);
    failure
}

#[tokio::test]
async fn a_request_holds_what_was_given() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/a%20b"))
        .and(query_param("q", "x y&z=1"))
        .and(header("x-mine", "yes"))
        .and(header("content-type", "application/json"))
        .and(header("idempotency-key", "run-1"))
        .and(body_json(serde_json::json!({"n": 9_007_199_254_740_993_i64, "t": "ä"})))
        .respond_with(
            ResponseTemplate::new(201)
                .set_body_json(serde_json::json!({"ok": true}))
                .append_header("X-Two", "a")
                .append_header("X-Two", "b"),
        )
        .mount(&server)
        .await;
    let json = Json::object([("n", Json::Int(9_007_199_254_740_993)), ("t", Json::from("ä"))]);
    let request = call("http.post", &format!("{}/api/a%20b", server.uri()))
        .arg("query", map(&[("q", "x y&z=1")]))
        .arg("headers", map(&[("X-Mine", "yes")]))
        .arg("json", Value::Json(json))
        .text("key_header", "Idempotency-Key")
        .key("run-1");
    let reply = done(request.perform().await);
    assert_shape(&reply, "http", "Response");
    assert_eq!(reply.field("status"), Some(&Value::Int(201)));
    assert_eq!(reply.field("json"), Some(&Value::Json(Json::object([("ok", Json::Bool(true))]))));
    let Some(Value::Map(headers)) = reply.field("headers") else { panic!() };
    assert_eq!(headers.get(&Value::text("x-two")), Some(&Value::text("a, b")));
}

#[tokio::test]
async fn every_method_and_body_goes_out() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(body_string("plain"))
        .and(header("content-type", "text/plain; charset=utf-8"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(body_string("a=1&b=x+y%26"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    for name in ["GET", "HEAD", "DELETE"] {
        Mock::given(method(name)).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    }
    let uri = server.uri();
    done(call("http.patch", &uri).text("text", "plain").perform().await);
    done(call("http.put", &uri).arg("form", map(&[("a", "1"), ("b", "x y&")])).perform().await);
    for native in ["http.get", "http.head", "http.delete"] {
        assert_eq!(done(call(native, &uri).perform().await).field("status"), Some(&Value::Int(204)));
    }
}

#[tokio::test]
async fn credentials_go_out_and_never_come_back() {
    let server = MockServer::start().await;
    let echo = |request: &wiremock::Request| {
        let all = format!("{:?} {}", request.headers, request.url);
        ResponseTemplate::new(if request.url.path() == "/ok" { 200 } else { 403 })
            .set_body_string(all.clone())
            .insert_header("x-echo", request.url.query().unwrap_or("none"))
    };
    Mock::given(wiremock::matchers::any()).respond_with(echo).mount(&server).await;
    let (token, other) = (kept("canary-token+/1"), kept("canary-other-2"));
    for at in ["/ok", "/no"] {
        let url = format!("{}{at}", server.uri());
        for request in [
            call("http.get", &url).arg("bearer", token.value.clone()),
            call("http.get", &url).text("basic_user", "ana").arg("basic_password", token.value.clone()),
            call("http.get", &url).arg("secret_headers", secrets(&[("x-api-key", &token)])),
            call("http.get", &url).arg("secret_query", secrets(&[("key", &token), ("k2", &other)])),
        ] {
            let shown = format!("{:?}", request.perform().await);
            assert!(shown.contains("secret(file:"), "{shown}");
            for form in ["canary", "Y2FuYXJ5", "canary-token%2B"] {
                assert!(!shown.contains(form), "{shown}");
            }
        }
    }
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().any(|r| r.headers.get("authorization").is_some_and(|v| v == "Bearer canary-token+/1")));
    assert!(
        requests
            .iter()
            .any(|r| r.headers.get("authorization").is_some_and(|v| v == "Basic YW5hOmNhbmFyeS10b2tlbisvMQ=="))
    );
    assert!(requests.iter().any(|r| r.url.query() == Some("key=canary-token%2B%2F1&k2=canary-other-2")));
}

#[tokio::test]
async fn a_secret_stands_in_a_body_and_never_comes_back() {
    let server = MockServer::start().await;
    let echo = |request: &wiremock::Request| {
        ResponseTemplate::new(if request.url.path() == "/ok" { 200 } else { 400 })
            .set_body_string(String::from_utf8_lossy(&request.body).into_owned())
    };
    Mock::given(wiremock::matchers::any()).respond_with(echo).mount(&server).await;
    let key = kept("canary \"key\"");
    let hidden = || secrets(&[("routing_key", &key)]);
    for at in ["/ok", "/no"] {
        let post = || call("http.post", &format!("{}{at}", server.uri())).arg("secret_body", hidden());
        for request in [
            post(),
            post().arg(
                "json",
                Value::Json(rrb_lang::json::parse(br#"{"a":1}"#, rrb_lang::json::Bounds::default()).unwrap()),
            ),
            post().arg("form", map(&[("a", "1")])),
        ] {
            let shown = format!("{:?}", request.perform().await);
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
    let bodies: Vec<String> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .take(3)
        .map(|r| String::from_utf8_lossy(&r.body).into_owned())
        .collect();
    assert_eq!(
        bodies,
        [
            r#"{"routing_key":"canary \"key\""}"#,
            r#"{"a":1,"routing_key":"canary \"key\""}"#,
            "a=1&routing_key=canary+%22key%22"
        ]
    );

    let json = |text: &[u8]| Value::Json(rrb_lang::json::parse(text, rrb_lang::json::Bounds::default()).unwrap());
    for (request, said) in [
        (call("http.post", &server.uri()).arg("json", json(b"[1]")), "adds members to an object"),
        (call("http.post", &server.uri()).arg("json", json(br#"{"routing_key":1}"#)), "stands in `json` and in"),
        (call("http.post", &server.uri()).text("text", "x"), "this request sends `text`"),
    ] {
        let failure = failed(request.arg("secret_body", hidden()).perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
        assert!(failure.message.contains(said), "{failure:?}");
    }
}

#[tokio::test]
async fn a_secret_address_must_lead_where_it_says() {
    let server = answering(ResponseTemplate::new(200)).await;
    let good = kept(&format!("{}/services/T0/canary-path", server.uri()));
    done(call("http.post", &server.uri()).arg("secret_url", good.value.clone()).perform().await);
    assert_eq!(server.received_requests().await.unwrap()[0].url.path(), "/services/T0/canary-path");

    let failure =
        failed(call("http.post", "https://hooks.slack.com").arg("secret_url", good.value.clone()).perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Forbidden, Happened::No));
    let bad = kept("canary is no address");
    let odd = failed(call("http.post", &server.uri()).arg("secret_url", bad.value.clone()).perform().await);
    let gone = kept("http://127.0.0.1:1/canary-path");
    let refused = failed(call("http.post", "http://127.0.0.1:1").arg("secret_url", gone.value.clone()).perform().await);
    for failure in [failure, odd, refused] {
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
}

#[tokio::test]
async fn no_part_of_a_secret_address_comes_back() {
    let server = MockServer::start().await;
    let echo = |request: &wiremock::Request| {
        let last = request.url.path().rsplit('/').next().unwrap().to_owned();
        ResponseTemplate::new(404).set_body_string(format!("{} {last} {:?}", request.url.path(), request.url.query()))
    };
    Mock::given(wiremock::matchers::any()).respond_with(echo).mount(&server).await;
    let address = kept(&format!("{}/services/T0/canary-path?sig=canary-query", server.uri()));
    let outcome = call("http.post", &server.uri()).arg("secret_url", address.value.clone()).perform().await;
    let shown = format!("{outcome:?}");
    assert!(shown.contains("secret(file:") && !shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn every_status_has_its_kind_and_says_whether_it_happened() {
    use FailureKind as K;
    for (status, kind, happened) in [
        (301, K::Failed, Happened::Answered),
        (304, K::Failed, Happened::Answered),
        (400, K::Invalid, Happened::Answered),
        (401, K::Unauthorized, Happened::Answered),
        (403, K::Forbidden, Happened::Answered),
        (404, K::NotFound, Happened::Answered),
        (405, K::Failed, Happened::Answered),
        (408, K::Timeout, Happened::Maybe),
        (409, K::Conflict, Happened::Answered),
        (410, K::NotFound, Happened::Answered),
        (412, K::Conflict, Happened::Answered),
        (413, K::Invalid, Happened::Answered),
        (422, K::Invalid, Happened::Answered),
        (429, K::Throttled, Happened::No),
        (500, K::Unavailable, Happened::Maybe),
        (502, K::Unavailable, Happened::Maybe),
        (503, K::Unavailable, Happened::No),
        (504, K::Timeout, Happened::Maybe),
    ] {
        let server = answering(ResponseTemplate::new(status).set_body_string("why not")).await;
        let failure = expects(kind, happened, call("http.post", &server.uri()).perform().await);
        assert_eq!(failure.detail.field("status"), Json::Int(status.into()));
        assert!(failure.message.contains(&format!("answered {status}")), "{}", failure.message);
        assert_eq!(failure.detail.field("text"), Json::from(if status == 304 { "" } else { "why not" }));
    }
}

#[tokio::test]
async fn success_is_what_is_expected() {
    let server = answering(ResponseTemplate::new(404)).await;
    let expecting =
        |list: &[i64]| call("http.get", &server.uri()).arg("expect", Value::list(list.iter().map(|s| Value::Int(*s))));
    assert_eq!(done(expecting(&[200, 404]).perform().await).field("status"), Some(&Value::Int(404)));
    expects(FailureKind::NotFound, Happened::Answered, expecting(&[200]).perform().await);
    for odd in [199, 600, -1] {
        expects(FailureKind::Invalid, Happened::No, expecting(&[odd]).perform().await);
    }
}

#[tokio::test]
async fn when_to_come_back_is_kept() {
    for (value, seconds) in [
        ("120", Json::Int(120)),
        ("0", Json::Int(0)),
        ("Wed, 21 Oct 2015 07:28:30 GMT", Json::Int(30)),
        ("Wed, 21 Oct 2015 07:27:00 GMT", Json::Int(0)),
        ("99999999999", Json::Int(7 * 86_400)),
        ("-5", Json::Null),
        ("soon", Json::Null),
    ] {
        let template = ResponseTemplate::new(429)
            .insert_header("retry-after", value)
            .insert_header("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let server = answering(template).await;
        let failure = failed(call("http.get", &server.uri()).perform().await);
        assert_eq!(failure.detail.field("retry_after_seconds"), seconds, "{value}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = answering(ResponseTemplate::new(200)).await;
    let server = answering(ResponseTemplate::new(302).insert_header("location", target.uri())).await;
    let failure = failed(call("http.get", &server.uri()).arg("bearer", kept("canary-token").value).perform().await);
    assert_eq!(failure.detail.field("location"), Json::from(target.uri().as_str()));
    assert!(target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reply_is_bounded() {
    for (len, fits) in [(999_usize, true), (1000, true), (1001, false)] {
        let server = answering(ResponseTemplate::new(200).set_body_string("x".repeat(len))).await;
        let outcome = call("http.get", &server.uri()).arg("max_reply", Value::Size(1000)).perform().await;
        if fits {
            done(outcome);
        } else {
            assert!(
                expects(FailureKind::Invalid, Happened::Answered, outcome).message.contains("longer than 1000 bytes")
            );
        }
    }
    let max = i64::try_from(super::reply::MAX_BYTES).unwrap();
    let server = answering(ResponseTemplate::new(200)).await;
    for (asked, fits) in [(max - 1, true), (max, true), (max + 1, false), (-1, false)] {
        let outcome = call("http.get", &server.uri()).arg("max_reply", Value::Size(asked)).perform().await;
        assert_eq!(matches!(outcome, EffectOutcome::Done(_)), fits, "{asked}");
    }
}

#[tokio::test]
async fn what_goes_out_is_bounded() {
    let server = answering(ResponseTemplate::new(200)).await;
    let fits = |outcome: EffectOutcome| match outcome {
        EffectOutcome::Done(_) => true,
        other => {
            expects(FailureKind::Invalid, Happened::No, other);
            false
        }
    };
    let address = 32 << 10;
    for (bytes, taken) in [(address - 1, true), (address, true), (address + 1, false)] {
        let start = format!("{}/", server.uri());
        let url = format!("{start}{}", "x".repeat(bytes - start.len()));
        assert_eq!(fits(call("http.get", &url).perform().await), taken, "an address of {bytes} bytes");
    }
    let body = 16 << 20;
    for (bytes, taken) in [(body - 1, true), (body, true), (body + 1, false)] {
        let post = call("http.post", &server.uri()).text("text", "x".repeat(bytes));
        assert_eq!(fits(post.perform().await), taken, "a body of {bytes} bytes");
    }
}

#[tokio::test]
async fn a_packed_reply_is_bounded_by_what_it_unpacks_to() {
    let mut packed = std::process::Command::new("sh");
    let out = packed.args(["-c", "head -c 50000000 /dev/zero | gzip -9"]).output().unwrap();
    let server =
        answering(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(out.stdout))
            .await;
    expects(FailureKind::Invalid, Happened::Answered, call("http.get", &server.uri()).perform().await);
    let server =
        answering(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_string("no gzip"))
            .await;
    expects(FailureKind::Unavailable, Happened::Maybe, call("http.get", &server.uri()).perform().await);
}

#[tokio::test]
async fn json_is_read_where_the_reply_says_so() {
    let reply = |kind: &str, body: &str| {
        let template = ResponseTemplate::new(200).set_body_raw(body.as_bytes().to_vec(), kind);
        async move { call("http.get", &answering(template).await.uri()).perform().await }
    };
    for (kind, body, json) in [
        ("application/json", "[1]", Json::list([Json::Int(1)])),
        ("application/problem+json; charset=utf-8", "{}", Json::object::<&str>([])),
        ("application/json", "", Json::Null),
        ("text/plain", "{\"a\":1}", Json::object([("a", Json::Int(1))])),
        ("text/plain", "{not json", Json::Null),
        ("text/html", "<p>", Json::Null),
        ("application/json", "{}\n\n[1]\r\n", Json::list([Json::object::<&str>([]), Json::list([Json::Int(1)])])),
        ("application/x-ndjson", "1\n", Json::list([Json::Int(1)])),
        ("application/jsonl", "", Json::list([])),
    ] {
        assert_eq!(done(reply(kind, body).await).field("json"), Some(&Value::Json(json)), "{kind} {body}");
    }
    let many = "1\n".repeat(100_000);
    for body in
        ["{", "{}\n{", "1,2\n3", "{\"a\":1,\"a\":2}", &"[".repeat(65), &format!("[{}1]", "1,".repeat(100_000)), &many]
    {
        let failure = expects(FailureKind::Invalid, Happened::Answered, reply("application/json", body).await);
        assert!(failure.message.contains("not valid JSON"), "{}", failure.message);
    }
    for levels in [63, 64] {
        done(reply("application/json", &format!("{}{}", "[".repeat(levels), "]".repeat(levels))).await);
    }
    for items in [99_998, 99_999] {
        done(reply("application/json", &format!("[{}1]", "1,".repeat(items - 1))).await);
    }
    done(reply("application/json", &format!("[{}1]", "1,".repeat(99_998))).await);
}

#[tokio::test]
async fn text_is_read_in_its_charset() {
    for (kind, body, text) in [
        ("text/plain; charset=utf-8", b"\xc3\xa4".as_slice(), "ä"),
        ("text/plain; charset=ISO-8859-1", b"\xe4", "ä"),
        ("text/plain", b"a\xe4b", "a\u{fffd}b"),
    ] {
        let server = answering(ResponseTemplate::new(200).set_body_raw(body, kind)).await;
        assert_eq!(done(call("http.get", &server.uri()).perform().await).field("text"), Some(&Value::text(text)));
    }
}

#[tokio::test]
async fn a_long_body_of_a_failure_is_cut_and_clean() {
    let token = kept("canary-token-that-is-long");
    let body = format!("{}canary-token-that-is-long{}", "x".repeat(4090), "ä".repeat(100_000));
    let server = answering(ResponseTemplate::new(500).set_body_string(body)).await;
    let failure = failed(call("http.get", &server.uri()).arg("bearer", token.value.clone()).perform().await);
    let text = failure.detail.field("text");
    assert!(text.as_text().unwrap().len() <= 4096);
    assert!(!format!("{failure:?}").contains("canar"));
}

#[tokio::test]
async fn without_a_connection_nothing_happened() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let tls = sending(b"this is no TLS").await;
    for url in [format!("http://{closed}/"), "http://name.invalid/".to_owned(), format!("https://{tls}/")] {
        let failure =
            expects(FailureKind::Unavailable, Happened::No, call("http.post", &url).text("text", "x").perform().await);
        assert!(failure.message.starts_with("POST http"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_connection_that_is_never_made_did_not_happen_either() {
    // It accepts, and then says nothing: TLS is never made.
    let silent = raw(|stream| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let request =
        call("http.post", &format!("https://{silent}/")).text("text", "x").arg("timeout", Value::Duration(300));
    expects(FailureKind::Timeout, Happened::No, request.perform().await);
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_happened() {
    let drops = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let half = sending(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let garbage = sending(b"\0\0\0 what is this\r\n\r\n").await;
    for address in [drops, half, garbage] {
        for native in ["http.post", "http.delete"] {
            expects(
                FailureKind::Unavailable,
                Happened::Maybe,
                call(native, &format!("http://{address}/")).perform().await,
            );
        }
    }
}

#[tokio::test]
async fn silence_after_sending_is_a_time_out_that_may_have_happened() {
    let silent = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let dripping = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // Long enough that a slow machine has sent the request by then; both peers would keep quiet for much longer.
    for address in [silent, dripping] {
        let request = call("http.post", &format!("http://{address}/")).arg("timeout", Value::Duration(2_000));
        expects(FailureKind::Timeout, Happened::Maybe, request.perform().await);
        let request = call("http.post", &format!("http://{address}/")).deadline(super::super::now() + 2_000);
        expects(FailureKind::Timeout, Happened::Maybe, request.perform().await);
    }
}

#[tokio::test]
async fn what_changes_something_uses_no_kept_connection() {
    // Answers the first request of a connection, and closes it at the second.
    let once = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let world = LiveWorld::new(LiveConfig::default());
    for _ in 0..5 {
        done(world.perform(&call("http.post", &format!("http://{once}/")).into_call()).await);
    }
}

#[tokio::test]
async fn metadata_services_are_out_of_reach() {
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0xA9FEA9FE/",
        "http://0251.0376.0251.0376/",
        "http://0.0.0.0/",
        "http://[fe80::1]/",
    ] {
        expects(FailureKind::Forbidden, Happened::No, call("http.get", url).perform().await);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_before_anything_happens() {
    let server = answering(ResponseTemplate::new(200)).await;
    let uri = server.uri();
    let post = || call("http.post", &uri);
    let token = kept("canary-token");
    let odd = kept("canary\nx: y");
    let unset = Value::Secret(Arc::new(Secret::Ref("env:RRB_TEST_NOT_SET".into())));
    for request in [
        call("http.get", "ftp://example.com/"),
        call("http.get", "file:///etc/passwd"),
        call("http.get", "example.com"),
        call("http.get", "http://ana:pw@example.com/"),
        call("http.get", ""),
        Call::new("http.get"),
        call("http.get", &format!("http://h/{}", "x".repeat(64 << 10))),
        post().arg("headers", map(&[("a b", "x")])),
        post().arg("headers", map(&[("x", "a\r\nb: c")])),
        post().arg("headers", map(&[("Host", "other")])),
        post().arg("headers", map(&[("Content-Length", "5")])),
        post().arg("headers", map(&[("Transfer-Encoding", "chunked")])),
        post().arg("headers", map(&[("X", "1"), ("x", "2")])),
        post().arg("headers", map(&[("Authorization", "x")])).arg("bearer", token.value.clone()),
        post().arg("bearer", token.value.clone()).text("basic_user", "ana"),
        post().arg("basic_password", token.value.clone()),
        post().text("basic_user", "a:b"),
        post().arg("bearer", odd.value.clone()),
        post().arg("bearer", unset),
        post().text("text", "x").arg("json", Value::Json(Json::Int(1))),
        post().text("text", "x".repeat((16 << 20) + 1)),
        post().text("ca_file", "/etc/hostname"),
        post().text("ca_file", "/dev/zero"),
        post().arg("timeout", Value::Duration(0)),
        post().text("key_header", "a b").key("k"),
    ] {
        let failure = expects(FailureKind::Invalid, Happened::No, request.perform().await);
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
    expects(FailureKind::Forbidden, Happened::No, post().text("ca_file", "/no/such/file").perform().await);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_ration_that_is_used_up_says_when_it_is_full_again() {
    let now = super::super::now() / 1000;
    let soon = (now + 90).to_string();
    for (status, headers, kind, seconds) in [
        (429, vec![("retry-after", "7")], FailureKind::Throttled, Some(7..=7)),
        (429, vec![("retry-after", "0.2")], FailureKind::Throttled, Some(1..=1)),
        (429, vec![("retry-after-ms", "1500"), ("retry-after", "9")], FailureKind::Throttled, Some(2..=2)),
        (429, vec![("x-ratelimit-reset", soon.as_str())], FailureKind::Throttled, Some(80..=91)),
        (429, vec![("x-ratelimit-reset", "33")], FailureKind::Throttled, Some(33..=33)),
        (429, vec![("x-rate-limit-reset", soon.as_str())], FailureKind::Throttled, Some(80..=91)),
        (429, vec![("ratelimit", "\"default\";r=0;t=12")], FailureKind::Throttled, Some(12..=12)),
        (429, vec![("x-ratelimit-reset", "soon")], FailureKind::Throttled, None),
        (429, vec![("x-ratelimit-reset", "-1")], FailureKind::Throttled, None),
        (429, vec![("x-ratelimit-reset", "1e300")], FailureKind::Throttled, Some(604_800..=604_800)),
        (429, vec![("x-ratelimit-reset", "1000000000")], FailureKind::Throttled, Some(0..=0)),
        (
            403,
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", soon.as_str())],
            FailureKind::Throttled,
            Some(80..=91),
        ),
        (403, vec![("retry-after", "60")], FailureKind::Throttled, Some(60..=60)),
        (
            403,
            vec![("x-ratelimit-remaining", "10"), ("x-ratelimit-reset", soon.as_str())],
            FailureKind::Forbidden,
            None,
        ),
        (404, vec![("x-ratelimit-reset", soon.as_str())], FailureKind::NotFound, None),
    ] {
        let template = headers.iter().fold(ResponseTemplate::new(status), |t, (n, v)| t.insert_header(*n, *v));
        let server = answering(template).await;
        let failure = failed(call("http.post", &server.uri()).perform().await);
        assert_eq!(failure.kind, kind, "{status} {headers:?}");
        let expected = if kind == FailureKind::Throttled { Happened::No } else { Happened::Answered };
        assert_eq!(failure.happened, expected, "{status} {headers:?}");
        match (failure.detail.member("retry_after_seconds"), seconds) {
            (Some(Json::Int(said)), Some(seconds)) => assert!(seconds.contains(said), "{headers:?}: {said}"),
            (None, None) => {}
            other => panic!("{headers:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_long_list_of_headers_does_no_harm() {
    let flood = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(&[b"a: ".as_slice(), &[b'b'; 1000], b"\r\n"].concat()).await.is_ok() {}
    })
    .await;
    expects(FailureKind::Unavailable, Happened::Maybe, call("http.post", &format!("http://{flood}/")).perform().await);
}

/// A TLS server with a certificate that nobody knows, where this machine has the program for it.
async fn tls_server(dir: &std::path::Path) -> Option<(tokio::process::Child, SocketAddr)> {
    let cert = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    let made = tokio::process::Command::new("openssl")
        .args(cert)
        .args(["-keyout", "key.pem", "-out", "ca.pem"])
        .current_dir(dir)
        .output()
        .await
        .ok()?;
    assert!(made.status.success(), "{made:?}");
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut server = tokio::process::Command::new("openssl");
    server.args(["s_server", "-key", "key.pem", "-cert", "ca.pem", "-www", "-quiet", "-accept", &address.to_string()]);
    let server = server.current_dir(dir).kill_on_drop(true).spawn().unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some((server, address))
}

#[tokio::test]
async fn a_certificate_is_trusted_when_its_authority_is() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_server, address)) = tls_server(dir.path()).await else { return };
    let ca = dir.path().join("ca.pem");
    let url = |host: &str| format!("https://{host}:{}/", address.port());
    let failure = expects(FailureKind::Unavailable, Happened::No, call("http.post", &url("localhost")).perform().await);
    assert!(failure.message.to_lowercase().contains("certificate"), "{}", failure.message);
    let trusting = |host: &str| call("http.get", &url(host)).text("ca_file", ca.to_str().unwrap());
    assert_eq!(done(trusting("localhost").perform().await).field("status"), Some(&Value::Int(200)));
    let failure = expects(FailureKind::Unavailable, Happened::No, trusting("127.0.0.1").perform().await);
    assert!(failure.message.to_lowercase().contains("certificate"), "{}", failure.message);
}
