use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::Packet;
use rumqttc::{AsyncClient, Broker, Event, MqttOptions};

use super::super::testing::{Call, assert_shape, done, failed};
use crate::brokers::testing::{Server, free_port};

fn server(more: &str) -> Server {
    let server = Server::new("mosquitto");
    let config = format!("listener {} 127.0.0.1\nallow_anonymous true\n{more}", server.port);
    let path = server.file("mosquitto.conf", &config);
    server.arg("-c").arg(path.display()).start()
}

fn publish(port: u16, topic: &str) -> Call {
    let url = Value::Url(format!("mqtt://127.0.0.1:{port}").into());
    Call::new("mqtt.publish").arg("url", url).text("topic", topic).text("text", "hello")
}

#[tokio::test]
async fn a_message_is_taken_and_kept_where_that_is_asked_for() {
    let server = server("");
    let done_once = done(publish(server.port, "lab/a").perform().await);
    assert_shape(&done_once, "mqtt", "Published");
    done(publish(server.port, "lab/kept").arg("retain", Value::Bool(true)).perform().await);
    let (client, mut events) =
        AsyncClient::builder(MqttOptions::new("reader", Broker::tcp("127.0.0.1", server.port))).capacity(4).build();
    client.subscribe("lab/#", QoS::AtLeastOnce).await.unwrap();
    let kept = loop {
        if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
            break publish;
        }
    };
    assert_eq!((&kept.topic[..], &kept.payload[..], kept.retain), (&b"lab/kept"[..], &b"hello"[..], true));
}

#[tokio::test]
async fn what_is_refused_or_wrong_did_not_happen() {
    let plain = Server::new("true");
    let rules = plain.file("acl", "topic write lab/open\n");
    let server = server(&format!("acl_file {}\n", rules.display()));
    done(publish(server.port, "lab/open").perform().await);
    let refused = failed(publish(server.port, "lab/closed").perform().await);
    assert_eq!((refused.kind, refused.happened), (FailureKind::Forbidden, Happened::Answered), "{}", refused.message);
    for (call, kind, why) in [
        (publish(free_port(), "a"), FailureKind::Unavailable, "the connection to `mqtt://127.0.0.1"),
        (publish(server.port, "a/#"), FailureKind::Invalid, "`a/#` is a filter"),
        (publish(server.port, ""), FailureKind::Invalid, "needs a name"),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}
