//! The three databases, for real.

mod mysql;
mod postgres;
mod sqlite;

use std::sync::Arc;

use rrb_lang::json::{Bounds, Json, parse};
use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::{EffectOutcome, FailureKind, Happened};

use super::super::testing::{Call, assert_shape, done, failed};

fn json(text: &str) -> Json {
    parse(text.as_bytes(), Bounds::default()).unwrap()
}

/// `params` from JSON.
fn params(text: &str) -> Value {
    let Json::List(items) = json(text) else { panic!("{text}") };
    Value::list(items.iter().cloned().map(Value::Json))
}

fn secret(folder: &std::path::Path, value: &str) -> Value {
    let path = folder.join("password");
    std::fs::write(&path, value).unwrap();
    Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())))
}

/// A record `Server`.
fn server(url: &str, fields: &[(&str, Value)]) -> Value {
    let defaults = [
        ("password", Value::None),
        ("socket", Value::None),
        ("tls", Value::text("verify")),
        ("server_name", Value::None),
        ("ca_file", Value::None),
        ("client_cert", Value::None),
        ("client_key", Value::None),
    ];
    let given = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    let rest = defaults.map(|(name, value)| (name, given(name).unwrap_or(value)));
    Value::record([("url", Value::Url(url.into()))].into_iter().chain(rest))
}

/// Calls to one server.
struct Database {
    server: Value,
}

impl Database {
    fn call(&self, native: &str, statement: &str, values: &str) -> Call {
        Call::new(native).arg("server", self.server.clone()).text("statement", statement).arg("params", params(values))
    }

    async fn query(&self, statement: &str, values: &str) -> Json {
        rows(&done(self.call("sql.query", statement, values).perform().await))
    }

    async fn refused(&self, native: &str, statement: &str, values: &str) -> (FailureKind, Happened, String) {
        let failure = failed(self.call(native, statement, values).perform().await);
        (failure.kind, failure.happened, failure.message)
    }

    async fn execute(&self, statement: &str, values: &str) -> (Value, Json) {
        let value = done(self.call("sql.execute", statement, values).perform().await);
        assert_shape(&value, "sql", "Executed");
        (value.field("count").unwrap().clone(), rows(value.field("rows").unwrap()))
    }

    async fn transaction(&self, statements: &[(&str, &str, Option<i64>)]) -> EffectOutcome {
        let one = |(text, values, expect): &(&str, &str, Option<i64>)| {
            let expect = expect.map_or(Value::None, Value::Int);
            Value::record([("statement", Value::text(*text)), ("params", params(values)), ("expect", expect)])
        };
        let list = Value::list(statements.iter().map(one));
        Call::new("sql.transaction").arg("server", self.server.clone()).arg("statements", list).perform().await
    }
}

fn rows(value: &Value) -> Json {
    let Value::List(items) = value else { panic!("{value:?}") };
    let row = |v: &Value| if let Value::Json(j) = v { j.clone() } else { panic!("{v:?}") };
    Json::list(items.iter().map(row))
}

#[tokio::test]
async fn what_is_no_database_or_statement_is_told_before_anything() {
    let call = |url: &str, statement: &str| {
        Call::new("sql.query").arg("server", server(url, &[])).text("statement", statement)
    };
    for (url, part) in [
        ("http://h/d", "begins with"),
        ("postgres://u:p@h/d", "no password"),
        ("postgres://h/d?sslmode=disable", "fields beside"),
        ("postgres:///d", "needs a host"),
        ("mysql:///d", "needs a host"),
        ("sqlite://h/x", "absolute path"),
        ("sqlite:///", "absolute path"),
        ("postgres://h/%FF", "UTF-8"),
    ] {
        let failure = failed(call(url, "select 1").perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{url}");
        assert!(failure.message.contains(part), "{url}: {}", failure.message);
    }
    for statement in ["", "  ", "select '\0'", &"x".repeat((1 << 20) + 1)] {
        let failure = failed(call("sqlite:///tmp/none", statement).perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
    }
    let refused = failed(call("postgres://169.254.169.254/d", "select 1").perform().await);
    assert_eq!((refused.kind, refused.happened), (FailureKind::Forbidden, Happened::No));
    let silent = failed(call("postgres://127.0.0.1:1/d", "select 1").perform().await);
    assert_eq!((silent.kind, silent.happened), (FailureKind::Unavailable, Happened::No));
    let silent = failed(call("mysql://127.0.0.1:1/d", "select 1").perform().await);
    assert_eq!((silent.kind, silent.happened), (FailureKind::Unavailable, Happened::No));
}
