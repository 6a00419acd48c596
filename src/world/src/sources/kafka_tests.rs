//! Against the cluster that librdkafka brings for tests. It keeps records in memory, speaks no TLS and asks for no login.

use std::sync::Arc;
use std::time::Duration;

use rrb_lang::value::Value;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;

use super::super::testing::{Basket, assert_each_once, sources, stream as spec};
use super::super::{Sources, Spec};
use crate::brokers::testing::{Server, free_port};

const MANY: usize = 10_000;

/// A cluster of two brokers whose topics have four partitions.
fn cluster() -> Server {
    let args = "-C -q -b unused:1 -t unused -X test.mock.num.brokers=2";
    args.split(' ').fold(Server::new("kcat"), |server, arg| server.arg(arg)).start_where("replaced with 127.0.0.1:")
}

fn broker(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

fn args(server: &Server) -> Vec<(&'static str, Value)> {
    let brokers = Value::list([Value::text(broker(server))]);
    vec![("brokers", brokers), ("topic", Value::text("orders")), ("sasl", Value::text("plain"))]
}

fn from_start(server: &Server) -> Spec {
    let mut args = args(server);
    args.push(("begin", Value::text("start")));
    spec("kafka", &args)
}

async fn client(server: &Server) -> Client {
    ClientBuilder::new(vec![broker(server)]).build().await.unwrap()
}

fn record(value: Option<&str>) -> Record {
    let at = rskafka::chrono::DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
    let headers = [("ce_type".to_owned(), b"order".to_vec())].into();
    let (key, value) = (Some(b"k".to_vec()), value.map(|v| v.as_bytes().to_vec()));
    Record { key, value, headers, timestamp: at }
}

/// Number `n` goes to partition `n % 4`.
async fn produce(client: &Client, numbers: std::ops::Range<usize>) {
    for index in 0..4 {
        let partition = client.partition_client("orders", index, UnknownTopicHandling::Retry).await.unwrap();
        let mine: Vec<Record> =
            numbers.clone().filter(|n| n % 4 == index as usize).map(|n| record(Some(&n.to_string()))).collect();
        for part in mine.chunks(200) {
            partition.produce(part.to_vec(), Compression::NoCompression).await.unwrap();
        }
    }
}

async fn begun(basket: &Arc<Basket>, spec: Spec) -> Sources {
    let sources = sources(basket);
    sources.set(vec![spec]).await;
    sources
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_store_breaks() {
    let server = cluster();
    let client = client(&server).await;
    produce(&client, 0..MANY / 2).await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        kept.slow = Duration::from_millis(10);
        kept.break_before = vec![4];
        kept.break_after = vec![2, 9];
    }
    let sources = begun(&basket, from_start(&server)).await;
    basket.until("some came", |kept| kept.items.len() > 1_000).await;
    produce(&client, MANY / 2..MANY).await;
    sources.stop().await;
    let sources = begun(&basket, from_start(&server)).await;
    basket.until("all came", |kept| kept.items.len() >= MANY).await;
    sources.stop().await;
    assert_each_once(&basket, MANY, false);
    // Of each partition in its order.
    let items = basket.lock().items.clone();
    for index in 0..4 {
        let of = |i: &&rrb_engine::sink::Fed| i.headers["partition"] == index.to_string();
        let offsets: Vec<i64> = items.iter().filter(of).map(|i| i.headers["offset"].parse().unwrap()).collect();
        assert_eq!(offsets, (0..i64::try_from(MANY / 4).unwrap()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_topic_begins_at_its_end_and_goes_on_where_it_was() {
    let server = cluster();
    let client = client(&server).await;
    produce(&client, 0..8).await;
    let basket = Arc::new(Basket::default());
    let mut json = args(&server);
    json.push(("format", Value::text("json")));
    let sources = begun(&basket, spec("kafka", &json)).await;
    basket.until("it is read", |kept| !kept.cursors.is_empty()).await;
    sources.stop().await;
    let partition = client.partition_client("orders", 1, UnknownTopicHandling::Retry).await.unwrap();
    let records = vec![record(Some("{\"a\":1}")), record(None), record(Some("{"))];
    partition.produce(records, Compression::Gzip).await.unwrap();
    let sources = begun(&basket, spec("kafka", &json)).await;
    basket.holds(&["{\"a\":1}", "null", "{"]).await;
    sources.stop().await;
    let headers = basket.lock().items[0].headers.clone();
    let wanted = [
        ("header.ce_type", "order"),
        ("key", "k"),
        ("offset", "2"),
        ("partition", "1"),
        ("timestamp", "2023-11-14T22:13:20.123Z"),
        ("topic", "orders"),
    ];
    assert_eq!(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn records_are_read_however_they_are_packed() {
    let server = cluster();
    let basket = Arc::new(Basket::default());
    // Long enough, and alike enough, that packing pays: a producer leaves it else.
    let long = |how: &str, n: usize| format!("{how} {n} {}", "packed ".repeat(200));
    let ways = ["none", "gzip", "snappy", "lz4", "zstd"];
    for how in ways {
        let lines: String = (0..50).map(|n| long(how, n) + "\n").collect();
        let mut kcat = std::process::Command::new("kcat")
            .args(["-P", "-q", "-b", &broker(&server), "-t", "orders", "-p", "1", "-z", how, "-X", "linger.ms=100"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(kcat.stdin.as_mut().unwrap(), lines.as_bytes()).unwrap();
        assert!(kcat.wait().unwrap().success(), "{how}");
    }
    let sources = begun(&basket, from_start(&server)).await;
    basket.until("all came", |kept| kept.items.len() >= 250).await;
    sources.stop().await;
    let wanted: Vec<String> = ways.iter().flat_map(|how| (0..50).map(|n| format!("{:?}", long(how, n)))).collect();
    assert_eq!(basket.bodies(), wanted);
}

#[tokio::test]
async fn an_offset_that_is_gone_is_said_and_reading_goes_on() {
    let server = cluster();
    produce(&client(&server).await, 0..4).await;
    let basket = Arc::new(Basket::default());
    let place = r#"{"0":0,"1":0,"2":70,"3":1}"#.to_owned();
    basket.lock().cursors.insert(("lab.noted".to_owned(), "default".to_owned()), place);
    let sources = begun(&basket, from_start(&server)).await;
    basket.fails("`orders`/2 has no record 70: it was made anew").await;
    basket.until("the others came", |kept| kept.items.len() >= 3).await;
    sources.stop().await;
    let mut bodies = basket.bodies();
    bodies.sort();
    assert_eq!(bodies, ["\"0\"", "\"1\"", "\"2\""]);
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let server = cluster();
    let make = |more: Vec<(&'static str, Value)>| {
        let mut args = args(&server);
        args.retain(|(n, _)| !more.iter().any(|(m, _)| m == n));
        args.extend(more);
        spec("kafka", &args)
    };
    let brokers = |list: &[&str]| ("brokers", Value::list(list.iter().map(|b| Value::text(*b))));
    let closed = format!("127.0.0.1:{}", free_port());
    for (spec, why) in [
        (make(vec![("topic", Value::text("missing"))]), "there is no topic `missing`"),
        (make(vec![brokers(&[])]), "`brokers` names no broker"),
        (make(vec![brokers(&["kafka://a:9092"])]), "a broker is written `host:9092`"),
        (make(vec![brokers(&[&closed])]), "no connection to"),
        (make(vec![("sasl", Value::text("gssapi"))]), "`sasl` is `plain` or"),
        (make(vec![("tls", Value::Bool(true))]), "no connection to"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec).await;
        basket.fails(why).await;
        let before = std::time::Instant::now();
        sources.stop().await;
        assert!(before.elapsed() < Duration::from_secs(2), "stopping takes {:?}", before.elapsed());
    }
}
