use async_nats::jetstream::{self, stream};
use futures_util::StreamExt as _;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};

use super::super::testing::{Call, assert_shape, done, failed};
use crate::brokers::testing::{Server, free_port};

fn server() -> Server {
    let server = Server::new("nats-server");
    let (port, store) = (server.port, server.folder().join("store"));
    server.arg("-a").arg("127.0.0.1").arg("-p").arg(port).arg("-js").arg("-sd").arg(store.display()).start()
}

fn call(native: &str, server: &Server) -> Call {
    Call::new(native).arg("url", Value::Url(format!("nats://127.0.0.1:{}", server.port).into()))
}

fn field(value: &Value, name: &str) -> Value {
    let Value::Record(record) = value else { panic!("{value:?}") };
    let at = record.names.iter().position(|n| n == name).unwrap();
    record.values[at].clone()
}

#[tokio::test]
async fn a_stream_keeps_a_message_once_for_each_key() {
    let server = server();
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
    let config = stream::Config { name: "LAB".into(), subjects: vec!["lab.>".into()], ..Default::default() };
    jetstream::new(client).create_stream(config).await.unwrap();
    let publish = |key: &str| call("nats.publish", &server).text("subject", "lab.a").text("text", "hello").key(key);
    let first = done(publish("k1").perform().await);
    assert_shape(&first, "nats", "Stored");
    assert_eq!((field(&first, "sequence"), field(&first, "duplicate")), (Value::Int(1), Value::Bool(false)));
    let again = done(publish("k1").perform().await);
    assert_eq!((field(&again, "sequence"), field(&again, "duplicate")), (Value::Int(1), Value::Bool(true)));
    assert_eq!(field(&done(publish("k2").perform().await), "sequence"), Value::Int(2));
    let nowhere = failed(call("nats.publish", &server).text("subject", "nowhere").text("text", "a").perform().await);
    assert_eq!((nowhere.kind, nowhere.happened), (FailureKind::NotFound, Happened::No));
}

#[tokio::test]
async fn whoever_listens_hears_and_answers() {
    let server = server();
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
    let mut heard = client.subscribe("lab.*").await.unwrap();
    let mut asked = client.subscribe("ask").await.unwrap();
    client.flush().await.unwrap();
    let sent = call("nats.send", &server).text("subject", "lab.a").text("text", "hello").perform().await;
    assert_eq!(done(sent), Value::Nothing);
    assert_eq!(heard.next().await.unwrap().payload, "hello");
    let answers = tokio::spawn(async move {
        let question = asked.next().await.unwrap();
        client.publish(question.reply.unwrap(), "{\"up\":true}".into()).await.unwrap();
        client.flush().await.unwrap();
        asked
    });
    let reply = done(call("nats.request", &server).text("subject", "ask").perform().await);
    assert_shape(&reply, "nats", "Reply");
    assert_eq!(field(&reply, "text"), Value::text("{\"up\":true}"));
    let _silent = answers.await.unwrap();
    // Somebody listens, and nobody answers.
    let late =
        call("nats.request", &server).text("subject", "ask").arg("timeout", Value::Duration(300)).perform().await;
    let late = failed(late);
    assert_eq!((late.kind, late.happened), (FailureKind::Timeout, Happened::Maybe));
    let nobody = failed(call("nats.request", &server).text("subject", "nobody").perform().await);
    assert_eq!((nobody.kind, nobody.happened), (FailureKind::NotFound, Happened::No));
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_sent() {
    let closed = Value::Url(format!("nats://127.0.0.1:{}", free_port()).into());
    let metadata = Value::Url("nats://169.254.169.254".into());
    let url = |url: Value| Call::new("nats.send").arg("url", url).text("subject", "a").text("text", "b");
    for (call, kind, why) in [
        (url(closed.clone()), FailureKind::Unavailable, "no connection to `nats://127.0.0.1"),
        (url(metadata), FailureKind::Forbidden, "the metadata service"),
        (url(Value::Url("http://a".into())), FailureKind::Invalid, "begins with `nats://`"),
        (Call::new("nats.send").arg("url", closed.clone()).text("subject", "a b"), FailureKind::Invalid, "no subject"),
        (Call::new("nats.send").arg("url", closed.clone()).text("subject", "a.*"), FailureKind::Invalid, "no subject"),
        (
            Call::new("nats.send").arg("url", closed.clone()).text("subject", "a\r\nPUB b 0"),
            FailureKind::Invalid,
            "control",
        ),
        (url(closed.clone()).text("user", "a").text("password", "b"), FailureKind::Invalid, "a Secret"),
        (
            Call::new("nats.send").arg("url", closed).text("subject", "a").text("text", "x".repeat((1 << 20) + 1)),
            FailureKind::Invalid,
            "longer than 1 MiB",
        ),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}
