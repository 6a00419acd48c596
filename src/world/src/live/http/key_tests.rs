use rrb_lang::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::testing::{Call, done, failed};
use super::*;

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

fn post(server: &MockServer) -> Call {
    Call::new("http.post").arg("url", Value::Url(server.uri().into())).text("key_header", "Idempotency-Key")
}

fn of_json(text: &str) -> Value {
    Value::Json(json::parse(text.as_bytes(), json::Bounds::default()).unwrap())
}

/// What the server was asked by these calls.
async fn asked(calls: impl Fn(&MockServer) -> Vec<Call>) -> Vec<Request> {
    let server = server().await;
    for call in calls(&server) {
        done(call.perform().await);
    }
    server.received_requests().await.unwrap()
}

fn in_query(request: &Request) -> Option<String> {
    request.url.query_pairs().find(|(name, _)| name == "requestId").map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_key_goes_into_the_address_as_the_same_uuid_each_time() {
    let calls = |server: &MockServer| {
        let with = |key: &str| post(server).text("key_query", "requestId").key(key);
        vec![with("run-1"), with("run-1"), with("run-2")]
    };
    let requests = asked(calls).await;
    let ids: Vec<_> = requests.iter().map(|r| in_query(r).unwrap()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    let id: uuid::Uuid = ids[0].parse().unwrap();
    assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
    assert!(requests.iter().all(|r| !r.headers.contains_key("idempotency-key")));
}

#[tokio::test]
async fn a_key_goes_into_a_member_of_json_or_a_field_of_a_form() {
    let form = || Value::Map(std::sync::Arc::new([(Value::text("a"), Value::text("1"))].into()));
    let calls = |server: &MockServer| {
        let with = || post(server).text("key_field", "ClientToken").key("run-1");
        vec![with().arg("json", of_json(r#"{"a":1}"#)), with().arg("form", form()), with()]
    };
    let bodies: Vec<_> = asked(calls).await.iter().map(|r| String::from_utf8(r.body.clone()).unwrap()).collect();
    let members: serde_json::Value = serde_json::from_str(&bodies[0]).unwrap();
    let token = members["ClientToken"].as_str().unwrap();
    assert_eq!((token.len(), &members["a"]), (36, &serde_json::json!(1)));
    assert_eq!(bodies[1], format!("a=1&ClientToken={token}"));
    assert_eq!(bodies[2], format!(r#"{{"ClientToken":"{token}"}}"#));
}

#[tokio::test]
async fn without_a_key_nothing_is_added() {
    let calls = |server: &MockServer| {
        vec![post(server).text("key_query", "requestId").text("key_field", "ClientToken").arg("json", of_json("{}"))]
    };
    let requests = asked(calls).await;
    assert_eq!((in_query(&requests[0]), requests[0].body.as_slice()), (None, b"{}".as_slice()));
}

#[tokio::test]
async fn a_key_that_has_no_place_is_refused_before_anything_is_sent() {
    let server = server().await;
    for (call, why) in [
        (post(&server).text("key_field", "t").text("text", "plain"), "`key_field` go into `json` or `form`"),
        (post(&server).text("key_field", "t").arg("json", of_json("[1]")), "`json` is none"),
        (post(&server).text("key_field", "t").arg("json", of_json(r#"{"t":1}"#)), "the member `t` stands in `json`"),
        (post(&server).text("key_field", ""), "`key_field` names what takes"),
        (post(&server).text("key_query", ""), "`key_query` names what takes"),
    ] {
        let failure = failed(call.key("run-1").perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
