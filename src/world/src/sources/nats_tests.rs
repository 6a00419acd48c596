use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{Client, HeaderMap};
use rrb_engine::api::SourceState;
use rrb_lang::value::{Secret, Value};

use super::super::testing::{Basket, assert_each_once, sources, stream as spec};
use super::super::{Sources, Spec};
use crate::brokers::testing::{Server, certificates};

const MANY: usize = 10_000;

/// A server with JetStream.
fn server() -> Server {
    let server = Server::new("nats-server");
    let (port, store) = (server.port, server.folder().join("store"));
    server.arg("-a").arg("127.0.0.1").arg("-p").arg(port).arg("-js").arg("-sd").arg(store.display()).start()
}

fn url(server: &Server) -> Value {
    Value::Url(format!("nats://127.0.0.1:{}", server.port).into())
}

fn of_stream(server: &Server) -> Vec<(&'static str, Value)> {
    vec![("url", url(server)), ("subject", Value::text("shop.>")), ("stream", Value::text("SHOP"))]
}

async fn client(server: &Server) -> Client {
    async_nats::connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap()
}

async fn make_stream(client: &Client) -> jetstream::Context {
    let context = jetstream::new(client.clone());
    let subjects = vec!["shop.>".to_owned()];
    context.create_stream(stream::Config { name: "SHOP".into(), subjects, ..Default::default() }).await.unwrap();
    context
}

async fn publish(context: &jetstream::Context, numbers: std::ops::Range<usize>) {
    let mut acks = Vec::new();
    for n in numbers {
        acks.push(context.publish("shop.orders", n.to_string().into()).await.unwrap());
        if acks.len() >= 200 {
            for ack in acks.drain(..) {
                ack.await.unwrap();
            }
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

async fn begun(basket: &Arc<Basket>, spec: Spec) -> Sources {
    let sources = sources(basket);
    sources.set(vec![spec]).await;
    sources
}

/// Waits until the consumer has nothing that is given out and not acknowledged. What was given out to a reader that is gone comes again
/// only after the time that the consumer waits for an acknowledgement.
async fn all_acknowledged(context: &jetstream::Context) {
    let end = tokio::time::Instant::now() + 3 * super::ACK_WAIT;
    while tokio::time::Instant::now() < end {
        let consumer: Option<jetstream::consumer::PullConsumer> =
            context.get_consumer_from_stream("rrb_lab_noted_default", "SHOP").await.ok();
        if let Some(mut consumer) = consumer
            && let Ok(info) = consumer.info().await
            && info.num_ack_pending == 0
            && info.num_pending == 0
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("messages are not acknowledged");
}

#[tokio::test]
async fn a_stream_is_read_in_order_with_what_is_known_of_each_message() {
    let server = server();
    let client = client(&server).await;
    let context = make_stream(&client).await;
    let basket = Arc::new(Basket::default());
    let mut args = of_stream(&server);
    args.push(("begin", Value::text("start")));
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "one");
    headers.insert("subject", "forged");
    context.publish_with_headers("shop.orders", headers, "a".into()).await.unwrap().await.unwrap();
    let sources = begun(&basket, spec("nats", &args)).await;
    context.publish("shop.returns", "b".into()).await.unwrap().await.unwrap();
    basket.holds(&["\"a\"", "\"b\""]).await;
    let headers = basket.lock().items[0].headers.clone();
    let wanted = [
        ("header.Nats-Msg-Id", "one"),
        ("header.subject", "forged"),
        ("sequence", "1"),
        ("stream", "SHOP"),
        ("subject", "shop.orders"),
    ];
    assert_eq!(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), wanted);
    all_acknowledged(&context).await;
    sources.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_server_and_the_store_break() {
    let mut server = server();
    let context = make_stream(&client(&server).await).await;
    let mut args = of_stream(&server);
    args.push(("begin", Value::text("start")));
    publish(&context, 0..MANY / 2).await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        kept.slow = Duration::from_millis(20);
        kept.break_before = vec![4];
        kept.break_after = vec![2, 9];
    }
    let sources = begun(&basket, spec("nats", &args)).await;
    basket.until("some came", |kept| kept.items.len() > 1_000).await;
    server.kill();
    server.start_again();
    let context = jetstream::new(client(&server).await);
    publish(&context, MANY / 2..MANY).await;
    basket.until("half came", |kept| kept.items.len() > MANY / 2).await;
    // The reader ends, and another one goes on.
    sources.stop().await;
    let sources = begun(&basket, spec("nats", &args)).await;
    basket.until("all came", |kept| kept.items.len() >= MANY).await;
    all_acknowledged(&context).await;
    sources.stop().await;
    assert_each_once(&basket, MANY, false);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable() {
    let server = server();
    let context = make_stream(&client(&server).await).await;
    let basket = Arc::new(Basket::default());
    basket.lock().full = usize::MAX;
    let mut args = of_stream(&server);
    args.push(("begin", Value::text("start")));
    publish(&context, 0..3).await;
    let sources = begun(&basket, spec("nats", &args)).await;
    let pending = async {
        loop {
            let consumer: Result<jetstream::consumer::PullConsumer, _> =
                context.get_consumer_from_stream("rrb_lab_noted_default", "SHOP").await;
            if let Ok(mut consumer) = consumer {
                let info = consumer.info().await.unwrap();
                if info.num_ack_pending == 3 {
                    return info.ack_floor.stream_sequence;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), pending).await.unwrap(), 0);
    basket.lock().full = 0;
    basket.holds(&["\"0\"", "\"1\"", "\"2\""]).await;
    all_acknowledged(&context).await;
    sources.stop().await;
}

#[tokio::test]
async fn a_stream_begins_at_its_end_and_what_is_no_json_does_not_hold_it_up() {
    let server = server();
    let context = make_stream(&client(&server).await).await;
    publish(&context, 0..5).await;
    let basket = Arc::new(Basket::default());
    let mut args = of_stream(&server);
    args.push(("format", Value::text("json")));
    let sources = begun(&basket, spec("nats", &args)).await;
    basket
        .until("it is read", |kept| kept.states.iter().filter(|s| **s == Some(SourceState::Reading)).count() >= 2)
        .await;
    for payload in ["{", "{\"a\":1}"] {
        context.publish("shop.orders", payload.into()).await.unwrap().await.unwrap();
    }
    basket.holds(&["{", "{\"a\":1}"]).await;
    all_acknowledged(&context).await;
    sources.stop().await;
}

#[tokio::test]
async fn a_subject_without_a_stream_is_heard_while_rrb_listens() {
    let server = server();
    let client = client(&server).await;
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("nats", &[("url", url(&server)), ("subject", Value::text("lab.*"))])).await;
    basket.until("it is read", |kept| kept.states.len() >= 2).await;
    for n in 0..1_000 {
        client.publish("lab.a", n.to_string().into()).await.unwrap();
    }
    client.flush().await.unwrap();
    basket.until("all came", |kept| kept.items.len() >= 1_000).await;
    assert_each_once(&basket, 1_000, true);
    assert_eq!(basket.lock().items[0].headers["subject"], "lab.a");
    sources.stop().await;
}

#[tokio::test]
async fn tls_and_a_password_are_asked_for_and_not_told() {
    let plain = Server::new("nats-server");
    certificates(plain.folder());
    let (port, folder) = (plain.port, plain.folder().display().to_string());
    let config = format!(
        "listen: \"127.0.0.1:{port}\"\nauthorization {{ user: ana, password: \"s3cret-word\" }}\n\
         tls {{ cert_file: \"{folder}/cert.pem\", key_file: \"{folder}/key.pem\" }}\n"
    );
    let path = plain.file("nats.conf", &config);
    let password = plain.file("password", "s3cret-word");
    let wrong = plain.file("wrong", "s3cret-wrong");
    let server = plain.arg("-c").arg(path.display()).start();
    let args = |password: &std::path::Path, ca: bool| {
        let secret = Secret::Ref(format!("file:{}", password.display()).into());
        let mut args = vec![
            ("url", Value::Url(format!("tls://localhost:{port}").into())),
            ("subject", Value::text("lab.*")),
            ("user", Value::text("ana")),
            ("password", Value::Secret(secret.into())),
        ];
        if ca {
            args.push(("ca_file", Value::text(format!("{folder}/ca.pem"))));
        }
        args
    };
    for (args, why) in [
        (args(&wrong, true), "does not accept these credentials"),
        (args(&password, false), "no connection to `tls://localhost"),
        (args(std::path::Path::new("/nowhere"), true), "is not there"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec("nats", &args)).await;
        basket.fails(why).await;
        let told = format!("{:?}", basket.lock().states);
        assert!(!told.contains("s3cret"), "{told}");
        sources.stop().await;
    }
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("nats", &args(&password, true))).await;
    basket.until("it is read", |kept| kept.states.len() >= 2).await;
    let options = async_nats::ConnectOptions::with_user_and_password("ana".into(), "s3cret-word".into());
    let options = options.add_root_certificates(format!("{folder}/ca.pem").into());
    let client = options.connect(format!("tls://localhost:{port}")).await.unwrap();
    client.publish("lab.a", "over TLS".into()).await.unwrap();
    client.flush().await.unwrap();
    basket.holds(&["\"over TLS\""]).await;
    sources.stop().await;
    drop(server);
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let server = server();
    let make = |more: &[(&'static str, Value)]| {
        let mut args = vec![("url", url(&server)), ("subject", Value::text("shop.>"))];
        args.retain(|(n, _)| !more.iter().any(|(m, _)| m == n));
        args.extend_from_slice(more);
        spec("nats", &args)
    };
    let closed = Value::Url(format!("nats://127.0.0.1:{}", crate::brokers::testing::free_port()).into());
    for (spec, why) in [
        (make(&[("stream", Value::text("SHOP"))]), "there is no stream `SHOP`"),
        (make(&[("consumer", Value::text("c"))]), "`consumer` belongs to a `stream`"),
        (make(&[("url", closed)]), "no connection to `nats://127.0.0.1"),
        (make(&[("url", Value::Url("http://127.0.0.1".into()))]), "begins with `nats://` or `tls://`"),
        (make(&[("begin", Value::text("middle")), ("stream", Value::text("SHOP"))]), "`begin` is `end` or `start`"),
        (make(&[("subject", Value::text("a b"))]), "cannot be subscribed to"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec).await;
        basket.fails(why).await;
        let before = std::time::Instant::now();
        sources.stop().await;
        assert!(before.elapsed() < Duration::from_secs(2), "stopping takes {:?}", before.elapsed());
    }
}
