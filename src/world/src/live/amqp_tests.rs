use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};

use super::super::testing::{Call, assert_shape, done, failed};
use crate::brokers::testing::{free_port, rabbit};

fn call(native: &str, port: u16) -> Call {
    Call::new(native).arg("url", Value::Url(format!("amqp://127.0.0.1:{port}").into()))
}

#[tokio::test]
async fn messages_are_confirmed_and_queues_looked_at_and_purged() {
    let rabbit = rabbit();
    let port = rabbit.server.port;
    let connection =
        Connection::connect(&format!("amqp://127.0.0.1:{port}"), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("lab".into(), options, FieldTable::default()).await.unwrap();
    let publish = |key: &str| call("amqp.publish", port).text("routing_key", key).text("text", "hello");
    for _ in 0..3 {
        assert_eq!(done(publish("lab").arg("persistent", Value::Bool(true)).key("k1").perform().await), Value::Nothing);
    }
    let first = channel.basic_get("lab".into(), BasicGetOptions { no_ack: true }).await.unwrap().unwrap();
    assert_eq!(first.data, b"hello");
    let properties = &first.properties;
    assert_eq!(properties.message_id().as_ref().map(|id| id.as_str()), Some("k1"));
    assert_eq!(*properties.delivery_mode(), Some(2));
    let queue = done(call("amqp.queue", port).text("name", "lab").perform().await);
    assert_shape(&queue, "amqp", "Queue");
    assert!(format!("{queue:?}").contains("Int(2)"), "{queue:?}");
    assert_eq!(done(call("amqp.purge", port).text("name", "lab").perform().await), Value::Int(2));

    for (call, kind, happened, why) in [
        (publish("missing"), FailureKind::NotFound, Happened::No, "no queue takes a message"),
        (
            publish("lab").text("exchange", "missing"),
            FailureKind::NotFound,
            Happened::Answered,
            "no exchange 'missing'",
        ),
        (
            call("amqp.queue", port).text("name", "missing"),
            FailureKind::NotFound,
            Happened::Answered,
            "no queue 'missing'",
        ),
        (
            call("amqp.purge", port).text("name", "missing"),
            FailureKind::NotFound,
            Happened::Answered,
            "no queue 'missing'",
        ),
        (publish("lab").text("user", "nobody"), FailureKind::Unauthorized, Happened::No, "does not accept"),
        (call("amqp.queue", free_port()).text("name", "lab"), FailureKind::Unavailable, Happened::No, "no connection"),
        (publish("a\nb"), FailureKind::Invalid, Happened::No, "control characters"),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, happened), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}
