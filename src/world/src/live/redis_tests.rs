use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, FailureKind, Happened};

use super::super::testing::{Call, done, failed};
use crate::brokers::testing::{Server, free_port};

fn server() -> Server {
    let server = Server::new("redis-server");
    let (port, folder) = (server.port, server.folder().display().to_string());
    let args = format!("--port {port} --bind 127.0.0.1 --dir {folder} --save");
    args.split(' ').fold(server, |server, arg| server.arg(arg)).arg("").start()
}

fn call(native: &str, port: u16, command: &[&str]) -> Call {
    let command = Value::list(command.iter().map(|w| Value::text(*w)));
    Call::new(native).arg("url", Value::Url(format!("redis://127.0.0.1:{port}/2").into())).arg("command", command)
}

fn json(outcome: EffectOutcome) -> String {
    let Value::Json(json) = done(outcome) else { panic!("no JSON") };
    serde_json::Value::from(&json).to_string()
}

#[tokio::test]
async fn commands_do_what_they_say_and_their_answers_are_json() {
    let server = server();
    for (native, command, answer) in [
        ("redis.change", &["SET", "a b", "x\r\ny"][..], "\"OK\""),
        ("redis.read", &["GET", "a b"], "\"x\\r\\ny\""),
        ("redis.read", &["GET", "nothing"], "null"),
        ("redis.change", &["HSET", "h", "a", "1", "b", "2"], "2"),
        ("redis.read", &["HGET", "h", "b"], "\"2\""),
        ("redis.read", &["LRANGE", "l", "0", "-1"], "[]"),
        ("redis.change", &["XADD", "s", "5-1", "n", "1"], "\"5-1\""),
        ("redis.read", &["XRANGE", "s", "-", "+"], "[[\"5-1\",[\"n\",\"1\"]]]"),
        ("redis.destroy", &["DEL", "h", "nothing"], "1"),
        ("redis.destroy", &["GET", "a b"], "\"x\\r\\ny\""),
    ] {
        assert_eq!(json(call(native, server.port, command).perform().await), answer, "{command:?}");
    }
}

#[tokio::test]
async fn what_is_refused_says_whether_it_happened() {
    let server = server();
    let port = server.port;
    done(call("redis.change", port, &["SET", "text", "a"]).perform().await);
    for (call, kind, happened, why) in [
        (call("redis.read", port, &["SET", "a", "b"]), FailureKind::Forbidden, Happened::No, "call `redis.change`"),
        (call("redis.change", port, &["flushall"]), FailureKind::Forbidden, Happened::No, "call `redis.destroy`"),
        (
            call("redis.destroy", port, &["SUBSCRIBE", "a"]),
            FailureKind::Forbidden,
            Happened::No,
            "no command that rrb sends",
        ),
        (call("redis.read", port, &[]), FailureKind::Invalid, Happened::No, "a list of words"),
        (call("redis.read", port, &["LLEN", "text"]), FailureKind::Invalid, Happened::Answered, "WRONGTYPE"),
        (call("redis.change", port, &["INCR", "text"]), FailureKind::Invalid, Happened::Answered, "not an integer"),
        (call("redis.read", free_port(), &["PING"]), FailureKind::Unavailable, Happened::No, "no connection to"),
        (
            call("redis.read", port, &["PING"]).text("user", "nobody"),
            FailureKind::Invalid,
            Happened::No,
            "has no `password`",
        ),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, happened), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    done(call("redis.change", port, &["CONFIG", "SET", "min-replicas-to-write", "1"]).perform().await);
    let failure = failed(call("redis.change", port, &["SET", "a", "b"]).perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Unavailable, Happened::No), "{}", failure.message);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_may_have_happened() {
    let server = server();
    done(call("redis.change", server.port, &["CLIENT", "PAUSE", "5000", "WRITE"]).perform().await);
    let late = call("redis.change", server.port, &["SET", "a", "b"]).arg("timeout", Value::Duration(400));
    let failure = failed(late.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Timeout, Happened::Maybe), "{}", failure.message);
}
