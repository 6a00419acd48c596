//! Against the cluster that librdkafka brings for tests.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::UnknownTopicHandling;

use super::super::testing::{Call, assert_shape, done, failed};
use super::{choose, murmur2};
use crate::brokers::testing::{Server, free_port};

fn call(native: &str, port: u16) -> Call {
    Call::new(native).arg("brokers", Value::list([Value::text(format!("127.0.0.1:{port}"))])).text("sasl", "plain")
}

#[tokio::test]
async fn records_are_written_and_topics_looked_at() {
    let args = "-C -q -b unused:1 -t lab -X test.mock.num.brokers=1";
    let server = args.split(' ').fold(Server::new("kcat"), |s, arg| s.arg(arg)).start_where("replaced with 127.0.0.1:");
    let port = server.port;
    let client = ClientBuilder::new(vec![format!("127.0.0.1:{port}")]).build().await.unwrap();
    let partition = client.partition_client("lab", 2, UnknownTopicHandling::Retry).await.unwrap();
    let produce = || call("kafka.produce", port).text("topic", "lab").text("text", "hello").text("key", "k");
    let written = done(produce().arg("partition", Value::Int(2)).perform().await);
    assert_shape(&written, "kafka", "Written");
    let (records, _) = partition.fetch_records(0, 1..1_000_000, 1_000).await.unwrap();
    let record = &records[0].record;
    assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"k"[..]), Some(&b"hello"[..])));
    // The same key always goes to the same partition.
    let places: Vec<Value> = vec![done(produce().perform().await), done(produce().perform().await)];
    let of = |v: &Value| if let Value::Record(r) = v { r.values[0].clone() } else { panic!("{v:?}") };
    assert_eq!(of(&places[0]), of(&places[1]));
    let partitions = done(call("kafka.partitions", port).text("topic", "lab").perform().await);
    let Value::List(partitions) = partitions else { panic!("{partitions:?}") };
    assert_eq!(partitions.len(), 4);
    assert_shape(&partitions[0], "kafka", "Partition");
    assert_eq!(done(call("kafka.topics", port).perform().await), Value::list([Value::text("lab")]));

    for (call, kind, why) in [
        (produce().arg("partition", Value::Int(9)), FailureKind::NotFound, "no partition 9"),
        (
            call("kafka.produce", port).text("topic", "missing").text("text", "a"),
            FailureKind::NotFound,
            "no topic `missing`",
        ),
        (call("kafka.topics", free_port()), FailureKind::Unavailable, "no connection to"),
        (produce().text("sasl", "plain").arg("tls", Value::Bool(true)), FailureKind::Unavailable, "no connection to"),
        (produce().arg("json", Value::Json(rrb_lang::json::Json::Int(1))), FailureKind::Invalid, "one body"),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}

#[test]
fn a_key_chooses_the_partition_that_kafkas_own_clients_choose() {
    // From the tests of Kafka's own hash.
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
    }
    assert_eq!(choose(&[0, 1, 2], Some("abc")), Some(479_470_107 % 3));
    assert_eq!(choose(&[], Some("abc")), None);
    assert_eq!(choose(&[7], None), Some(7));
}
