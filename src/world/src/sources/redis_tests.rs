use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use rrb_engine::api::SourceState;
use rrb_lang::value::{Secret, Value};

use super::super::testing::{Basket, assert_each_once, sources, stream as spec};
use super::super::{Sources, Spec};
use super::Place;
use crate::brokers::testing::Server;

const MANY: usize = 10_000;

/// A server that writes every change to its disk.
fn server() -> Server {
    let server = Server::new("redis-server");
    let (port, folder) = (server.port, server.folder().display().to_string());
    let args = format!("--port {port} --bind 127.0.0.1 --dir {folder} --appendonly yes --appendfsync always --save");
    args.split(' ').fold(server, |server, arg| server.arg(arg)).arg("").start()
}

fn args(server: &Server) -> Vec<(&'static str, Value)> {
    let url = Value::Url(format!("redis://127.0.0.1:{}/3", server.port).into());
    vec![("url", url), ("stream", Value::text("orders")), ("field", Value::text("n"))]
}

fn from_start(server: &Server) -> Spec {
    let mut args = args(server);
    args.push(("begin", Value::text("start")));
    spec("redis", &args)
}

async fn client(server: &Server) -> MultiplexedConnection {
    let url = format!("redis://127.0.0.1:{}/3", server.port);
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn add(client: &mut MultiplexedConnection, numbers: std::ops::Range<usize>) {
    let mut pipe = redis::pipe();
    for n in numbers {
        pipe.cmd("XADD").arg("orders").arg("*").arg("n").arg(n).ignore();
    }
    let () = pipe.query_async(client).await.unwrap();
}

async fn begun(basket: &Arc<Basket>, spec: Spec) -> Sources {
    let sources = sources(basket);
    sources.set(vec![spec]).await;
    sources
}

async fn is_read(basket: &Basket) {
    basket.until("it is read", |kept| !kept.cursors.is_empty()).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_server_and_the_store_break() {
    let mut server = server();
    add(&mut client(&server).await, 0..MANY / 2).await;
    let basket = Arc::new(Basket::default());
    {
        let mut kept = basket.lock();
        kept.slow = Duration::from_millis(20);
        kept.break_before = vec![4];
        kept.break_after = vec![2, 9];
    }
    let sources = begun(&basket, from_start(&server)).await;
    basket.until("some came", |kept| kept.items.len() > 1_000).await;
    server.kill();
    server.start_again();
    add(&mut client(&server).await, MANY / 2..MANY).await;
    basket.until("half came", |kept| kept.items.len() > MANY / 2).await;
    // The reader ends, and another one goes on.
    sources.stop().await;
    let sources = begun(&basket, from_start(&server)).await;
    basket.until("all came", |kept| kept.items.len() >= MANY).await;
    sources.stop().await;
    assert_each_once(&basket, MANY, true);
}

#[tokio::test]
async fn an_entry_is_a_record_or_one_of_its_fields() {
    let server = server();
    let mut client = client(&server).await;
    let whole = Arc::new(Basket::default());
    let mut all: Vec<_> = args(&server).into_iter().filter(|(n, _)| *n != "field").collect();
    all.push(("begin", Value::text("start")));
    let _: String = client.xadd("orders", "7-1", &[("n", "{\"a\":1}"), ("kind", "new")]).await.unwrap();
    let _: String = client.xadd("orders", "7-2", &[("kind", "odd")]).await.unwrap();
    let of_whole = begun(&whole, spec("redis", &all)).await;
    whole.holds(&[r#"{"kind":"new","n":"{\"a\":1}"}"#, r#"{"kind":"odd"}"#]).await;
    of_whole.stop().await;
    let field = Arc::new(Basket::default());
    let mut json = args(&server);
    json.extend([("begin", Value::text("start")), ("format", Value::text("json"))]);
    let of_field = begun(&field, spec("redis", &json)).await;
    field.holds(&[r#"{"a":1}"#, "null"]).await;
    let headers = field.lock().items[0].headers.clone();
    assert_eq!(
        (headers["id"].as_str(), headers["stream"].as_str(), headers["header.kind"].as_str()),
        ("7-1", "orders", "new")
    );
    of_field.stop().await;
}

#[tokio::test]
async fn it_begins_at_the_end_and_goes_on_where_it_was() {
    let server = server();
    let mut client = client(&server).await;
    add(&mut client, 0..3).await;
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, spec("redis", &args(&server))).await;
    is_read(&basket).await;
    sources.stop().await;
    // What comes while nobody reads counts.
    let _: String = client.xadd("orders", "*", &[("n", "later")]).await.unwrap();
    let sources = begun(&basket, spec("redis", &args(&server))).await;
    basket.holds(&["\"later\""]).await;
    sources.stop().await;
}

#[tokio::test]
async fn what_was_deleted_unread_and_a_stream_made_anew_are_said() {
    let server = server();
    let mut client = client(&server).await;
    let basket = Arc::new(Basket::default());
    let sources = begun(&basket, from_start(&server)).await;
    add(&mut client, 0..1).await;
    basket.holds(&["\"0\""]).await;
    sources.stop().await;
    add(&mut client, 1..4).await;
    let _: usize = client.xtrim("orders", redis::streams::StreamMaxlen::Equals(1)).await.unwrap();
    let sources = begun(&basket, from_start(&server)).await;
    basket.fails("may have been trimmed before they were read").await;
    basket.holds(&["\"0\"", "\"3\""]).await;
    let last = basket.lock().states.iter().flatten().last().cloned();
    assert_eq!(last, Some(SourceState::Reading));
    sources.stop().await;
    add(&mut client, 4..6).await;
    let ids: redis::streams::StreamRangeReply = client.xrange_all("orders").await.unwrap();
    let _: usize = client.xdel("orders", &[&ids.ids[1].id]).await.unwrap();
    let sources = begun(&basket, from_start(&server)).await;
    basket.fails("were deleted before they were read").await;
    basket.holds(&["\"0\"", "\"3\"", "\"5\""]).await;
    sources.stop().await;
    let _: usize = client.del("orders").await.unwrap();
    let _: String = client.xadd("orders", "5-0", &[("n", "anew")]).await.unwrap();
    let sources = begun(&basket, from_start(&server)).await;
    basket.fails("was made anew").await;
    basket.holds(&["\"0\"", "\"3\"", "\"5\"", "\"anew\""]).await;
    sources.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let server = server();
    let mut client = client(&server).await;
    let _: () = client.set("text", "a").await.unwrap();
    let _: () = redis::cmd("ACL")
        .arg("SETUSER")
        .arg("ana")
        .arg("on")
        .arg(">s3cret-word")
        .arg("~*")
        .arg("+ping")
        .arg("+select")
        .query_async(&mut client)
        .await
        .unwrap();
    let password = server.file("password", "s3cret-word");
    let secret = |path: &std::path::Path| Value::Secret(Secret::Ref(format!("file:{}", path.display()).into()).into());
    let wrong = server.file("wrong", "s3cret-wrong");
    let make = |more: Vec<(&'static str, Value)>| {
        let mut args = args(&server);
        args.retain(|(n, _)| !more.iter().any(|(m, _)| m == n));
        args.extend(more);
        spec("redis", &args)
    };
    let closed = format!("redis://127.0.0.1:{}", crate::brokers::testing::free_port());
    let ana = ("user", Value::text("ana"));
    for (spec, why) in [
        (make(vec![("stream", Value::text("text"))]), "`text` is no stream"),
        (make(vec![("url", Value::Url(closed.into()))]), "no connection to `redis://127.0.0.1"),
        (make(vec![("url", Value::Url("redis://127.0.0.1/x".into()))]), "the number of the database"),
        (make(vec![ana.clone(), ("password", secret(&wrong))]), "does not accept these credentials"),
        (make(vec![ana, ("password", secret(&password))]), "may not be read"),
        (make(vec![("field", Value::None), ("format", Value::text("json"))]), "needs the `field`"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = begun(&basket, spec).await;
        basket.fails(why).await;
        let told = format!("{:?}", basket.lock().states);
        assert!(!told.contains("s3cret"), "{told}");
        sources.stop().await;
    }
}

#[test]
fn places_are_ordered_by_time_and_number() {
    let place = |text| Place::parse(text).unwrap();
    assert!(place("9-9") < place("10-0") && place("10-2") < place("10-10"));
    assert_eq!(place("7").to_string(), "7-0");
    for wrong in ["", "-", "a-1", "1-a", "1-2-3", "99999999999999999999-0"] {
        assert_eq!(Place::parse(wrong), None, "{wrong}");
    }
}
