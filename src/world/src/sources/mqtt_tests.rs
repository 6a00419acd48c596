use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_lang::value::{Secret, Value};
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, Broker, MqttOptions, PublishOptions};

use super::super::testing::{Basket, assert_each_once, sources, stream as spec};
use super::super::{Sources, Spec};
use crate::brokers::testing::Server;

const MANY: usize = 10_000;

/// A broker that keeps sessions and messages in its folder.
fn server(more: &str) -> Server {
    let server = Server::new("mosquitto");
    let (port, folder) = (server.port, server.folder().display().to_string());
    let config = format!(
        "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {folder}/\n\
         max_queued_messages 0\n{}",
        if more.is_empty() { "allow_anonymous true\n" } else { more }
    );
    let path = server.file("mosquitto.conf", &config);
    server.arg("-c").arg(path.display()).start()
}

fn args(server: &Server) -> Vec<(&'static str, Value)> {
    let url = Value::Url(format!("mqtt://127.0.0.1:{}", server.port).into());
    vec![("url", url), ("topic", Value::text("lab/#"))]
}

/// Publishes with QoS 1 and waits for every acknowledgement.
async fn publish(server: &Server, retain: bool, bodies: impl IntoIterator<Item = String>) {
    let mut options = MqttOptions::new("publisher", Broker::tcp("127.0.0.1", server.port));
    options.set_outgoing_inflight_upper_limit(100);
    let (client, mut events) = AsyncClient::builder(options).capacity(100).build();
    let driver = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let mut notices = Vec::new();
    for body in bodies {
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(retain);
        notices.push(client.publish_tracked("lab/a", body.into_bytes(), options).await.unwrap());
    }
    for notice in notices {
        notice.wait_async().await.unwrap();
    }
    driver.abort();
}

fn numbers(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|n| n.to_string())
}

async fn begun(basket: &Arc<Basket>, spec: Spec) -> Sources {
    let sources = sources(basket);
    sources.set(vec![spec]).await;
    sources
}

/// Waits until it is subscribed for the `n`th time.
async fn subscribed(basket: &Basket, n: usize) {
    let reading = |s: &&Option<SourceState>| **s == Some(SourceState::Reading);
    basket.until("it is read", |kept| kept.states.iter().filter(reading).count() > n).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_broker_and_store_break() {
    let mut server = server("");
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    subscribed(&basket, 1).await;
    sources.stop().await;
    // What comes while nobody reads waits in the session.
    publish(&server, false, numbers(0..MANY / 2)).await;
    {
        let mut kept = basket.lock();
        let begun = kept.batches;
        kept.slow = Duration::from_millis(3);
        kept.break_before = vec![begun + 5];
        kept.break_after = vec![begun + 3, begun + 12];
    }
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    basket.until("some came", |kept| kept.items.len() > 1_500).await;
    server.stop();
    server.start_again();
    publish(&server, false, numbers(MANY / 2..MANY)).await;
    basket.until("half came", |kept| kept.items.len() > MANY / 2).await;
    sources.stop().await;
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    basket.until("all came", |kept| kept.items.len() >= MANY).await;
    // Nothing comes behind.
    tokio::time::sleep(Duration::from_millis(500)).await;
    sources.stop().await;
    assert_each_once(&basket, MANY, true);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable() {
    let server = server("");
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    subscribed(&basket, 1).await;
    basket.lock().full = usize::MAX;
    publish(&server, false, ["a".to_owned(), "{".to_owned()]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    sources.stop().await;
    assert!(basket.bodies().is_empty());
    basket.lock().full = 0;
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    basket.holds(&["\"a\"", "\"{\""]).await;
    let headers = basket.lock().items[0].headers.clone();
    assert_eq!(
        (headers["topic"].as_str(), headers["qos"].as_str(), headers["retained"].as_str()),
        ("lab/a", "1", "false")
    );
    sources.stop().await;
    // And once acknowledged, it comes no more.
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    sources.stop().await;
    assert_eq!(basket.bodies().len(), 2);
}

#[tokio::test]
async fn what_is_retained_comes_only_where_it_is_asked_for() {
    let server = server("");
    publish(&server, true, ["kept".to_owned()]).await;
    let (end, start) = (Arc::new(Basket::default()), Arc::new(Basket::default()));
    let of_end = begun(&end, spec("mqtt", &args(&server))).await;
    let mut asked = args(&server);
    asked.push(("begin", Value::text("start")));
    let of_start = begun(&start, spec("mqtt", &asked)).await;
    start.holds(&["\"kept\""]).await;
    assert_eq!(start.lock().items[0].headers["retained"], "true");
    subscribed(&end, 1).await;
    publish(&server, false, ["new".to_owned()]).await;
    end.holds(&["\"new\""]).await;
    of_start.stop().await;
    // It is not brought again by every new connection.
    let of_start = begun(&start, spec("mqtt", &asked)).await;
    start.holds(&["\"kept\"", "\"new\""]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(start.bodies().len(), 2);
    of_start.stop().await;
    of_end.stop().await;
}

#[tokio::test]
async fn a_session_that_the_broker_forgot_is_said() {
    let mut server = server("");
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    subscribed(&basket, 1).await;
    sources.stop().await;
    server.kill();
    let _ = std::fs::remove_file(server.folder().join("mosquitto.db"));
    server.start_again();
    let sources = begun(&basket, spec("mqtt", &args(&server))).await;
    basket.fails("has forgotten the session").await;
    publish(&server, false, ["after".to_owned()]).await;
    basket.holds(&["\"after\""]).await;
    sources.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let plain = Server::new("true");
    let passwords = plain.file("passwords", "ana:s3cret-word\n");
    let made = std::process::Command::new("mosquitto_passwd").arg("-U").arg(&passwords).status().unwrap();
    assert!(made.success());
    let server = server(&format!("allow_anonymous false\npassword_file {}\n", passwords.display()));
    let secret = |path: &std::path::Path| Value::Secret(Secret::Ref(format!("file:{}", path.display()).into()).into());
    let wrong = plain.file("wrong", "s3cret-wrong");
    let mut stranger = args(&server);
    stranger.extend([("user", Value::text("ana")), ("password", secret(&wrong))]);
    let mut closed = args(&server);
    closed[0].1 = Value::Url(format!("mqtt://127.0.0.1:{}", crate::brokers::testing::free_port()).into());
    let mut odd = args(&server);
    odd[0].1 = Value::Url("mqtt://127.0.0.1/topic".into());
    for (args, why) in [
        (args(&server), "does not accept these credentials"),
        (stranger, "does not accept these credentials"),
        (closed, "the connection to `mqtt://127.0.0.1"),
        (odd, "not with `/topic`"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec("mqtt", &args)).await;
        basket.fails(why).await;
        let told = format!("{:?}", basket.lock().states);
        assert!(!told.contains("s3cret"), "{told}");
        sources.stop().await;
    }
}
