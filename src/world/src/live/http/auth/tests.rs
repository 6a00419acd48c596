use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rrb_engine::world::World;
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::super::testing::{Call, done, failed};
use super::super::super::{LiveConfig, LiveWorld};

const KEY: &str = include_str!("keys/rfc7515-a2.pem");

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A secret that is kept in a file of this name.
    fn secret(&self, name: &str, content: &str) -> Value {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())))
    }
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::Map(Arc::new(entries.iter().map(|(k, v)| (Value::text(*k), Value::text(*v))).collect()))
}

fn get(url: &str, option: &str, fields: &[(&'static str, Value)]) -> Call {
    Call::new("http.get").arg("url", Value::Url(url.into())).arg(option, Value::record(fields.iter().cloned()))
}

fn expects(kind: FailureKind, happened: Happened, outcome: EffectOutcome) -> Failure {
    let failure = failed(outcome);
    assert_eq!((failure.kind, failure.happened), (kind, happened), "{}", failure.message);
    failure
}

/// A server with an API at `/api`, which takes the tokens `taken` says, and tokens at `/token`.
struct Peer {
    server: MockServer,
    given: Arc<AtomicU32>,
}

impl Peer {
    /// Gives the tokens `canary-token-1`, `canary-token-2`, …
    async fn new(token: fn(u32) -> serde_json::Value, taken: fn(&str) -> bool) -> Self {
        let (server, given) = (MockServer::start().await, Arc::new(AtomicU32::new(0)));
        let count = given.clone();
        let give = move |_: &Request| {
            let n = count.fetch_add(1, Ordering::SeqCst) + 1;
            ResponseTemplate::new(200).set_body_json(token(n)).set_delay(std::time::Duration::from_millis(20))
        };
        Mock::given(path("/token")).respond_with(give).mount(&server).await;
        let api = move |request: &Request| {
            let shown = request.headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
            ResponseTemplate::new(if taken(shown) { 200 } else { 401 }).set_body_string(format!("seen: {shown}"))
        };
        Mock::given(path("/api")).respond_with(api).mount(&server).await;
        Self { server, given }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.server.uri())
    }

    fn tokens(&self) -> u32 {
        self.given.load(Ordering::SeqCst)
    }

    async fn seen(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|r| r.url.path() == path).collect()
    }
}

fn usual(n: u32) -> serde_json::Value {
    serde_json::json!({"access_token": format!("canary-token-{n}"), "token_type": "Bearer", "expires_in": 3600})
}

fn client(peer: &Peer, secret: &Value) -> Vec<(&'static str, Value)> {
    vec![
        ("token_url", Value::Url(peer.at("/token").into())),
        ("client_id", Value::text("rrb client")),
        ("client_secret", secret.clone()),
        ("scopes", Value::list([Value::text("read"), Value::text("write")])),
        ("form", map(&[("audience", "https://api.example")])),
    ]
}

fn form(request: &Request) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

fn member(request: &Request, name: &str) -> Option<String> {
    form(request).into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_goes_out_with_every_request() {
    let (peer, files) = (Peer::new(usual, |t| t.starts_with("Bearer canary-token-")).await, Files::new());
    let (secret, other) = (files.secret("s", "canary s&cret"), files.secret("o", "canary other"));
    let world = LiveWorld::new(LiveConfig::default());
    let of = |fields: Vec<(&'static str, Value)>| get(&peer.at("/api"), "oauth2", &fields).into_call();
    let first = of(client(&peer, &secret));
    let outcomes = tokio::join!(world.perform(&first), world.perform(&first), world.perform(&first));
    for outcome in [outcomes.0, outcomes.1, outcomes.2] {
        let shown = format!("{:?}", done(outcome));
        assert!(shown.contains("secret(oauth2:127.0.0.1)") && !shown.contains("canary"), "{shown}");
    }
    assert_eq!(peer.tokens(), 1);

    let token = &peer.seen("/token").await[0];
    assert_eq!(token.method.as_str(), "POST");
    assert_eq!(
        token.headers.get("authorization").unwrap(),
        &format!("Basic {}", STANDARD.encode("rrb+client:canary+s%26cret"))
    );
    let fields = [("grant_type", "client_credentials"), ("scope", "read write"), ("audience", "https://api.example")];
    assert_eq!(form(token), fields.map(|(k, v)| (k.to_owned(), v.to_owned())));

    // Another secret, and other settings, are other tokens.
    done(world.perform(&of(client(&peer, &other))).await);
    let mut narrow = client(&peer, &secret);
    narrow[3].1 = Value::list([Value::text("read")]);
    done(world.perform(&of(narrow)).await);
    assert_eq!(peer.tokens(), 3);
    // A secret that has changed behind its reference, too.
    files.secret("s", "canary new");
    done(world.perform(&first).await);
    assert_eq!(peer.tokens(), 4);
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_fetched_anew_once() {
    let (peer, files) = (Peer::new(usual, |t| t.ends_with("-1") || t.ends_with("-2")).await, Files::new());
    let secret = files.secret("s", "canary-secret");
    let world = LiveWorld::new(LiveConfig::default());
    let call = get(&peer.at("/api"), "oauth2", &client(&peer, &secret)).into_call();
    done(world.perform(&call).await);
    peer.server.reset().await;
    Mock::given(path("/token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(usual(2)))
        .mount(&peer.server)
        .await;
    Mock::given(wiremock::matchers::header("authorization", "Bearer canary-token-2"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&peer.server)
        .await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&peer.server).await;
    assert_eq!(done(world.perform(&call).await).field("status"), Some(&Value::Int(204)));

    // A new one that is refused too is the end of it.
    peer.server.reset().await;
    Mock::given(path("/token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(usual(3)))
        .mount(&peer.server)
        .await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&peer.server).await;
    expects(FailureKind::Unauthorized, Happened::Answered, world.perform(&call).await);
    assert_eq!((peer.seen("/api").await.len(), peer.seen("/token").await.len()), (2, 1));
    // And it is not kept: the next request asks for another one, and sends once.
    expects(FailureKind::Unauthorized, Happened::Answered, world.perform(&call).await);
    assert_eq!((peer.seen("/api").await.len(), peer.seen("/token").await.len()), (3, 2));
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_not_used() {
    let brief = |n| serde_json::json!({"access_token": format!("canary-token-{n}"), "expires_in": "0"});
    let (peer, files) = (Peer::new(brief, |t| !t.is_empty()).await, Files::new());
    let secret = files.secret("s", "canary-secret");
    let world = LiveWorld::new(LiveConfig::default());
    let call = get(&peer.at("/api"), "oauth2", &client(&peer, &secret)).into_call();
    for n in 1..=2 {
        done(world.perform(&call).await);
        assert_eq!(peer.tokens(), n);
    }
}

#[tokio::test]
async fn clients_show_who_they_are_in_every_way() {
    let (peer, files) = (Peer::new(usual, |t| !t.is_empty()).await, Files::new());
    let (secret, key) = (files.secret("s", "canary-secret"), files.secret("k", KEY));
    let world = LiveWorld::new(LiveConfig::default());
    let assertion = Value::record([("key", key.clone()), ("key_id", Value::text("k1"))]);
    let base = ("token_url", Value::Url(peer.at("/token").into()));
    let id = ("client_id", Value::text("me"));
    let cases: Vec<Vec<(&'static str, Value)>> = vec![
        vec![base.clone(), id.clone(), ("client_secret", secret.clone()), ("client_auth", Value::text("body"))],
        vec![base.clone(), id.clone(), ("client_auth", Value::text("assertion")), ("assertion", assertion.clone())],
        vec![base.clone(), ("grant", Value::text("jwt_bearer")), ("assertion", assertion.clone())],
        vec![
            base.clone(),
            ("grant", Value::text("")),
            ("client_auth", Value::text("bearer")),
            ("assertion", assertion),
        ],
        vec![
            base.clone(),
            id,
            ("client_auth", Value::text("none")),
            ("grant", Value::text("refresh_token")),
            ("secret_form", Value::Map(Arc::new([(Value::text("refresh_token"), secret)].into_iter().collect()))),
        ],
    ];
    for fields in &cases {
        done(world.perform(&get(&peer.at("/api"), "oauth2", fields).into_call()).await);
    }
    let seen = peer.seen("/token").await;
    assert_eq!(member(&seen[0], "client_secret").unwrap(), "canary-secret");
    assert_eq!(member(&seen[0], "client_id").unwrap(), "me");
    let (head, claims) = token(&member(&seen[1], "client_assertion").unwrap());
    assert_eq!((head["alg"].as_str(), head["kid"].as_str()), (Some("RS256"), Some("k1")));
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("me"), Some("me")));
    assert_eq!(claims["aud"].as_str().unwrap(), peer.at("/token"));
    assert_eq!(
        member(&seen[1], "client_assertion_type").unwrap(),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(member(&seen[2], "grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    token(&member(&seen[2], "assertion").unwrap());
    let bearer = seen[3].headers.get("authorization").unwrap().to_str().unwrap();
    let (_, claims) = token(bearer.strip_prefix("Bearer ").unwrap());
    assert!(claims.get("aud").is_none() && form(&seen[3]).is_empty());
    assert_eq!(member(&seen[4], "refresh_token").unwrap(), "canary-secret");
    assert_eq!(member(&seen[4], "grant_type").unwrap(), "refresh_token");
}

/// Header and claims of a token.
fn token(text: &str) -> (serde_json::Value, serde_json::Value) {
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3, "{text}");
    let part = |at: usize| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap();
    (part(0), part(1))
}

#[tokio::test]
async fn logins_that_are_no_oauth2_give_tokens_too() {
    let nested = |n| serde_json::json!({"data": {"token": format!("canary-token-{n}")}});
    let (peer, files) = (Peer::new(nested, |_| true).await, Files::new());
    let secret = files.secret("s", "canary p&ss");
    let fields = [
        ("token_url", Value::Url(peer.at("/token").into())),
        ("grant", Value::text("")),
        ("client_id", Value::text("wazuh")),
        ("client_secret", secret.clone()),
        ("encoding", Value::text("json")),
        ("form", map(&[("realm", "x")])),
        ("token_at", Value::text("data.token")),
        ("header", Value::text("X-Auth")),
        ("prefix", Value::text("")),
    ];
    done(get(&peer.at("/api"), "oauth2", &fields).perform().await);
    let login = &peer.seen("/token").await[0];
    assert_eq!(login.headers.get("authorization").unwrap(), &format!("Basic {}", STANDARD.encode("wazuh:canary p&ss")));
    assert_eq!(login.body, br#"{"realm":"x"}"#);
    assert_eq!(peer.seen("/api").await[0].headers.get("x-auth").unwrap(), "canary-token-1");

    // A metadata service: a GET with a query.
    let fields = [
        ("token_url", Value::Url(peer.at("/token?v=1").into())),
        ("grant", Value::text("metadata")),
        ("form", map(&[("resource", "https://management.azure.com/")])),
        ("headers", map(&[("Metadata", "true")])),
        ("token_at", Value::text("data.token")),
    ];
    done(get(&peer.at("/api"), "oauth2", &fields).perform().await);
    let asked = &peer.seen("/token").await[1];
    assert_eq!(
        (asked.method.as_str(), asked.url.query()),
        ("GET", Some("v=1&resource=https%3A%2F%2Fmanagement.azure.com%2F"))
    );
    assert_eq!(asked.headers.get("metadata").unwrap(), "true");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let files = Files::new();
    let secret = files.secret("s", "canary-secret");
    let error = |e: &str| serde_json::json!({"error": e, "error_description": "no: canary-secret"}).to_string();
    for (status, body, kind, part) in [
        (401, error("invalid_client"), FailureKind::Unauthorized, "`invalid_client`: no: secret(file:"),
        (400, error("invalid_grant"), FailureKind::Unauthorized, "invalid_grant"),
        (400, error("invalid_scope"), FailureKind::Invalid, "invalid_scope"),
        (403, String::new(), FailureKind::Forbidden, "403"),
        (429, String::new(), FailureKind::Throttled, "429"),
        (500, "<html>".to_owned(), FailureKind::Unavailable, "500"),
        (504, String::new(), FailureKind::Timeout, "504"),
        (302, String::new(), FailureKind::Invalid, "302"),
        (404, String::new(), FailureKind::Invalid, "404"),
        (200, String::new(), FailureKind::Invalid, "without a token"),
        (200, "{}".to_owned(), FailureKind::Invalid, "without a token"),
        (200, r#"{"access_token": 7}"#.to_owned(), FailureKind::Invalid, "without a token"),
        (200, r#"{"access_token": ""}"#.to_owned(), FailureKind::Invalid, "no header can hold"),
        (200, r#"{"access_token": "a\nb"}"#.to_owned(), FailureKind::Invalid, "no header can hold"),
        (200, format!(r#"{{"access_token": "{}"}}"#, "x".repeat((16 << 10) + 1)), FailureKind::Invalid, "no header"),
        (200, " ".repeat((256 << 10) + 1), FailureKind::Invalid, "longer"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(body).insert_header("retry-after", "7");
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let peer = Peer { server, given: Arc::default() };
        let call = Call::new("http.delete").arg("url", Value::Url(peer.at("/api").into()));
        let failure =
            expects(kind, Happened::No, call.arg("oauth2", Value::record(client(&peer, &secret))).perform().await);
        assert!(failure.message.contains(part) && failure.message.contains("no token from"), "{}", failure.message);
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        assert!(peer.seen("/api").await.is_empty());
        if status == 429 {
            assert_eq!(failure.detail.field("retry_after_seconds"), Json::Int(7));
        }
    }
}

#[tokio::test]
async fn where_tokens_are_had_is_bounded_like_every_address() {
    let (peer, files) = (Peer::new(usual, |_| true).await, Files::new());
    let secret = files.secret("s", "canary-secret");
    for (url, kind) in [
        ("http://169.254.169.254/token", FailureKind::Forbidden),
        ("http://127.0.0.1:1/token", FailureKind::Unavailable),
        ("ftp://127.0.0.1/token", FailureKind::Invalid),
        ("https://user:pass@127.0.0.1/token", FailureKind::Invalid),
    ] {
        let mut fields = client(&peer, &secret);
        fields[0].1 = Value::Url(url.into());
        expects(kind, Happened::No, get(&peer.at("/api"), "oauth2", &fields).perform().await);
    }
    // A server that is silent uses up the time of the call.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut fields = client(&peer, &secret);
    fields[0].1 = Value::Url(format!("http://{}/token", silent.local_addr().unwrap()).into());
    let call = get(&peer.at("/api"), "oauth2", &fields).arg("timeout", Value::Duration(200));
    expects(FailureKind::Timeout, Happened::No, call.perform().await);
    assert!(peer.seen("/api").await.is_empty());
}

#[tokio::test]
async fn settings_that_do_not_fit_together_are_refused() {
    let (peer, files) = (Peer::new(usual, |_| true).await, Files::new());
    let (secret, key) = (files.secret("s", "canary-secret"), files.secret("k", KEY));
    let base = ("token_url", Value::Url(peer.at("/token").into()));
    let assertion = ("assertion", Value::record([("key", key.clone())]));
    let text = |name, value: &str| (name, Value::text(value));
    for (fields, part) in [
        (vec![], "oauth2.token_url"),
        (vec![base.clone(), text("client_id", "me")], "`client_id` and `client_secret`"),
        (vec![base.clone(), text("client_auth", "body"), ("client_secret", secret.clone())], "`client_id` and"),
        (vec![base.clone(), text("client_auth", "Basic")], "one of `basic`, `body`"),
        (vec![base.clone(), text("grant", "jwt_bearer")], "`oauth2.assertion` goes with"),
        (vec![base.clone(), assertion.clone()], "`oauth2.assertion` goes with"),
        (vec![base.clone(), text("encoding", "xml")], "one of `form`, `json`"),
        (vec![base.clone(), text("client_secret", "pasted")], "a Secret as `oauth2.client_secret`"),
        (vec![base.clone(), ("headers", map(&[("Host", "x")]))], "set by rrb itself"),
        (
            vec![base.clone(), text("grant", "jwt_bearer"), ("assertion", Value::record([("key", secret.clone())]))],
            "cannot sign by RS256",
        ),
    ] {
        let failure =
            expects(FailureKind::Invalid, Happened::No, get(&peer.at("/api"), "oauth2", &fields).perform().await);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    for (name, value) in
        [("bearer", secret.clone()), ("basic_user", Value::text("x")), ("jwt", Value::record([("key", key)]))]
    {
        let call = get(&peer.at("/api"), "oauth2", &client(&peer, &secret)).arg(name, value);
        let failure = expects(FailureKind::Invalid, Happened::No, call.perform().await);
        assert!(failure.message.contains("takes one of"), "{}", failure.message);
    }
    assert_eq!(peer.tokens(), 0);
}

#[tokio::test]
async fn a_signed_token_is_a_bearer_that_serves_for_a_while() {
    let (peer, files) = (Peer::new(usual, |t| t.starts_with("Bearer ey")).await, Files::new());
    let claims = json::parse(br#"{"role": "x", "jti": null}"#, Bounds::default()).unwrap();
    let google =
        serde_json::json!({"private_key": KEY, "private_key_id": "g1", "client_email": "rrb@example"}).to_string();
    let world = LiveWorld::new(LiveConfig::default());
    let plain = vec![
        ("key", files.secret("k", KEY)),
        ("issuer", Value::text("12345")),
        ("lifetime", Value::Duration(540_000)),
        ("claims", Value::Json(claims)),
    ];
    let call = get(&peer.at("/api"), "jwt", &plain).into_call();
    let shown = format!("{:?}", done(world.perform(&call).await));
    assert!(shown.contains("secret(file:") && !shown.contains("Bearer ey"), "{shown}");
    done(world.perform(&call).await);
    done(world.perform(&get(&peer.at("/api"), "jwt", &[("key", files.secret("g", &google))]).into_call()).await);

    let seen: Vec<String> =
        peer.seen("/api").await.iter().map(|r| r.headers["authorization"].to_str().unwrap()[7..].to_owned()).collect();
    assert_eq!(seen[0], seen[1]);
    let (head, claims) = token(&seen[0]);
    assert_eq!(head, serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!((claims["iss"].as_str(), claims["role"].as_str(), claims.get("jti")), (Some("12345"), Some("x"), None));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let (head, claims) = token(&seen[2]);
    assert_eq!((head["kid"].as_str(), claims["iss"].as_str()), (Some("g1"), Some("rrb@example")));
}

#[tokio::test]
async fn a_token_that_cannot_be_signed_is_a_failure_without_the_key() {
    let (peer, files) = (Peer::new(usual, |_| true).await, Files::new());
    let key = files.secret("k", KEY);
    let wrong = |name: &'static str, value: Value| vec![("key", key.clone()), (name, value)];
    for (fields, part) in [
        (vec![], "a Secret as `jwt.key`"),
        (vec![("key", files.secret("c", "canary-key"))], "PEM form"),
        (wrong("algorithm", Value::text("none")), "one of `RS256`"),
        (wrong("lifetime", Value::Duration(86_401_000)), "between 1s and 1d"),
        (wrong("lifetime", Value::Duration(999)), "between 1s and 1d"),
        (wrong("claims", Value::Json(Json::Int(1))), "`jwt.claims` is an object"),
        (wrong("header", Value::Json(Json::object([("alg", Json::from("none"))]))), "does not set `alg`"),
        (wrong("issuer", Value::text("x".repeat(16 << 10))), "longer than 16 KiB"),
    ] {
        let failure =
            expects(FailureKind::Invalid, Happened::No, get(&peer.at("/api"), "jwt", &fields).perform().await);
        assert!(failure.message.contains(part), "{}", failure.message);
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&peer.server).await;
    assert!(peer.seen("/api").await.is_empty());
}
