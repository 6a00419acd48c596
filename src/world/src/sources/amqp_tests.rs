use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rrb_lang::value::{Secret, Value};

use super::super::testing::{Basket, assert_each_once, sources, stream as spec};
use super::super::{Sources, Spec};
use crate::brokers::testing::{Server, rabbit};

const MANY: usize = 10_000;

fn args(server: &Server, queue: &str) -> Vec<(&'static str, Value)> {
    let url = Value::Url(format!("amqp://127.0.0.1:{}", server.port).into());
    vec![("url", url), ("queue", Value::text(queue))]
}

async fn channel(server: &Server) -> (Connection, Channel) {
    let uri = format!("amqp://127.0.0.1:{}", server.port);
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

async fn declare(channel: &Channel, queue: &str) -> u32 {
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap().message_count()
}

async fn publish(channel: &Channel, queue: &str, body: &str, properties: BasicProperties) {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = properties.with_delivery_mode(2);
    channel.basic_publish("".into(), queue.into(), options, body.as_bytes(), properties).await.unwrap();
}

/// Each with a name of its own, or none.
async fn publish_all(channel: &Channel, queue: &str, numbers: std::ops::Range<usize>, named: bool) {
    for n in numbers {
        let plain = BasicProperties::default();
        let properties = if named { plain.with_message_id(n.to_string().into()) } else { plain };
        publish(channel, queue, &n.to_string(), properties).await;
    }
    channel.wait_for_confirms().await.unwrap();
}

async fn begun(basket: &Arc<Basket>, spec: Spec) -> Sources {
    let sources = sources(basket);
    sources.set(vec![spec]).await;
    sources
}

/// Waits until the queue has nothing left, given out or not: the reader must be gone.
async fn empty(server: &Server, queue: &str) {
    let (_connection, channel) = channel(server).await;
    for _ in 0..100 {
        if declare(&channel, queue).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{queue}` holds messages that are not acknowledged");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_broker_and_store_break() {
    let mut rabbit = rabbit();
    let server = &mut rabbit.server;
    let (_connection, plain) = channel(server).await;
    declare(&plain, "named").await;
    publish_all(&plain, "named", 0..MANY, true).await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        kept.slow = Duration::from_millis(50);
        kept.break_before = vec![6];
        kept.break_after = vec![3];
    }
    let sources = begun(&basket, spec("amqp", &args(server, "named"))).await;
    basket.until("some came", |kept| kept.items.len() > 3_000).await;
    server.kill();
    server.start_again();
    basket.until("half came", |kept| kept.items.len() > MANY / 2).await;
    // The reader ends, and another one goes on.
    sources.stop().await;
    let sources = begun(&basket, spec("amqp", &args(server, "named"))).await;
    basket.until("all came", |kept| kept.items.len() >= MANY).await;
    sources.stop().await;
    assert_each_once(&basket, MANY, false);
    empty(server, "named").await;
}

#[tokio::test]
async fn a_queue_is_read_as_it_should_be() {
    let rabbit = rabbit();
    let server = &rabbit.server;
    let (_connection, plain) = channel(server).await;

    // Messages without names come in order; what the broker gives again after a break is known.
    declare(&plain, "nameless").await;
    publish_all(&plain, "nameless", 0..3_000, false).await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        kept.slow = Duration::from_millis(20);
        kept.break_after = vec![2, 6];
        kept.break_before = vec![4];
    }
    let sources = begun(&basket, spec("amqp", &args(server, "nameless"))).await;
    basket.until("all came", |kept| kept.items.len() >= 3_000).await;
    sources.stop().await;
    empty(server, "nameless").await;
    assert_each_once(&basket, 3_000, true);

    // Two that hold the same are two.
    for _ in 0..2 {
        publish(&plain, "nameless", "same", BasicProperties::default()).await;
    }
    let sources = begun(&basket, spec("amqp", &args(server, "nameless"))).await;
    basket.until("both came", |kept| kept.items.len() >= 3_002).await;
    sources.stop().await;

    // Nothing is acknowledged before it is durable.
    publish(&plain, "nameless", "late", BasicProperties::default()).await;
    basket.lock().full = usize::MAX;
    let sources = begun(&basket, spec("amqp", &args(server, "nameless"))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    sources.stop().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(declare(&plain, "nameless").await, 1);
    basket.lock().full = 0;

    // What is known of a message, and what is no JSON.
    declare(&plain, "facts").await;
    let mut table = FieldTable::default();
    table.insert("source".into(), AMQPValue::LongString(LongString::from("shop")));
    table.insert("queue".into(), AMQPValue::LongInt(7));
    let properties = BasicProperties::default()
        .with_message_id("m-1".into())
        .with_content_type("application/json".into())
        .with_headers(table);
    publish(&plain, "facts", "{\"a\":1}", properties).await;
    publish(&plain, "facts", "{", BasicProperties::default()).await;
    let basket = Arc::new(Basket::default());
    let mut json = args(server, "facts");
    json.push(("format", Value::text("json")));
    let sources = begun(&basket, spec("amqp", &json)).await;
    basket.holds(&["{\"a\":1}", "{"]).await;
    sources.stop().await;
    empty(server, "facts").await;
    let headers = basket.lock().items[0].headers.clone();
    let wanted = [
        ("content_type", "application/json"),
        ("exchange", ""),
        ("header.queue", "7"),
        ("header.source", "shop"),
        ("message_id", "m-1"),
        ("queue", "facts"),
        ("redelivered", "false"),
        ("routing_key", "facts"),
    ];
    assert_eq!(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), wanted);

    // What cannot be read is said, and no password with it.
    let wrong = server.file("wrong", "s3cret-word");
    let password = Value::Secret(Secret::Ref(format!("file:{}", wrong.display()).into()).into());
    let mut stranger = args(server, "facts");
    stranger.extend([("user", Value::text("guest")), ("password", password)]);
    let mut nowhere = args(server, "facts");
    nowhere[0].1 = Value::Url(format!("amqp://127.0.0.1:{}/nowhere", server.port).into());
    let mut closed = args(server, "facts");
    closed[0].1 = Value::Url(format!("amqp://127.0.0.1:{}", crate::brokers::testing::free_port()).into());
    for (args, why) in [
        (args(server, "missing"), "there is no queue `missing`"),
        (stranger, "does not accept these credentials"),
        (nowhere, "vhost nowhere not found"),
        (closed, "no connection to `amqp://127.0.0.1"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec("amqp", &args)).await;
        basket.fails(why).await;
        let told = format!("{:?}", basket.lock().states);
        assert!(!told.contains("s3cret"), "{told}");
        sources.stop().await;
    }
}
