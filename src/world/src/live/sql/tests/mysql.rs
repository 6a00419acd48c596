//! MariaDB.

use super::super::super::peers::{Peer, databases};
use super::*;

fn database(peer: &Peer, user: &str, fields: &[(&str, Value)]) -> Database {
    let mut all = vec![
        ("password", secret(peer.folder.path(), "canary-my-1")),
        ("ca_file", Value::text(peer.folder.path().join("ca.pem").to_string_lossy())),
    ];
    all.retain(|(name, _)| fields.iter().all(|(n, _)| n != name));
    all.extend_from_slice(fields);
    let database = if user == "rrb" { "shop" } else { "" };
    Database { server: server(&format!("mysql://{user}@localhost:{}/{database}", peer.port), &all) }
}

#[tokio::test]
async fn a_real_server_is_asked_and_changed() {
    let peer = databases::mariadb();
    let db = database(&peer, "rrb", &[]);
    connections(&peer).await;
    values(&db).await;
    reading(&db).await;
    changing(&db).await;
    times(&db).await;
}

async fn connections(peer: &Peer) {
    let secure = "show status like 'Ssl_version'";
    let tls = |rows: Json| rows.index(0).field("Value").as_text().unwrap().starts_with("TLS");
    assert!(tls(database(peer, "rrb", &[]).query(secure, "[]").await));
    assert!(!tls(database(peer, "rrb", &[("tls", Value::text("off"))]).query(secure, "[]").await));
    let socket = Value::text(peer.folder.path().join("sock").to_string_lossy());
    assert!(!tls(database(peer, "rrb", &[("socket", socket)]).query(secure, "[]").await));
    let wrong = tempfile::tempdir().unwrap();
    for (fields, kind) in [
        (vec![("ca_file", Value::None)], FailureKind::Unavailable),
        (vec![("server_name", Value::text("elsewhere"))], FailureKind::Unavailable),
        (vec![("password", Value::None)], FailureKind::Unauthorized),
        (vec![("password", secret(wrong.path(), "canary-my-2"))], FailureKind::Unauthorized),
        (vec![("socket", Value::text("/none"))], FailureKind::Unavailable),
    ] {
        let (got, happened, message) = database(peer, "rrb", &fields).refused("sql.execute", "select 1", "[]").await;
        assert_eq!((got, happened), (kind, Happened::No), "{fields:?}: {message}");
        assert!(!message.contains("canary-my"), "{message}");
    }
    let weak = database(peer, "weak", &[]);
    assert_eq!(weak.refused("sql.query", "select * from mysql.user", "[]").await.0, FailureKind::Forbidden);
}

async fn values(db: &Database) {
    for (expression, expected) in [
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", "18446744073709551615"),
        ("cast(1.50 as decimal(5,2))", "\"1.50\""),
        ("cast(0.1 as float)", "0.1"),
        ("cast('2026-11-22 18:00:00.5' as datetime(1))", "\"2026-11-22T18:00:00.5\""),
        ("cast('2026-11-22' as date)", "\"2026-11-22\""),
        ("cast('-25:00:01' as time)", "\"-25:00:01\""),
        ("x'00ff'", "\"AP8=\""),
        ("'ä'", "\"ä\""),
        ("null", "null"),
    ] {
        let rows = db.query(&format!("select {expression} as v"), "[]").await;
        assert_eq!(rows.index(0).field("v"), json(expected), "{expression}");
    }
    let given = r#"[9223372036854775807, 18446744073709551615, "'; drop table x; -- ", 1.5, null, [1, "x"]]"#;
    let row = db.query("select ? as a, ? as b, ? as c, ? as d, ? as e, ? as f", given).await;
    let expected = r#"[{"a": 9223372036854775807, "b": 18446744073709551615, "c": "'; drop table x; -- ", "d": 1.5, "e": null, "f": "[1,\"x\"]"}]"#;
    assert_eq!(row, json(expected));
    for (statement, values, part) in [
        ("select ?", "[]", "takes 1 values"),
        ("select 1 as a, 2 as a", "[]", "two columns"),
        ("select 1; select 2", "[]", "SQL syntax"),
        ("kill 1", "[]", "does not begin"),
        ("select 1 into outfile '/tmp/x'", "[]", "`outfile`"),
    ] {
        let (kind, happened, message) = db.refused("sql.query", statement, values).await;
        assert_eq!((kind, happened), (FailureKind::Invalid, Happened::No), "{statement}: {message}");
        assert!(message.contains(part), "{statement}: {message}");
    }
}

async fn reading(db: &Database) {
    db.execute("create table t (id int primary key, n int not null default 0, b bit(9) default b'100000001', at timestamp default '2026-01-02 03:04:05')", "[]").await;
    let (kind, happened, message) = db.refused("sql.query", "select 1 from t for update", "[]").await;
    assert_eq!((kind, happened), (FailureKind::Forbidden, Happened::No), "{message}");
    assert_eq!(db.refused("sql.query", "select * from missing", "[]").await.0, FailureKind::NotFound);
    assert!(db.query("show processlist", "[]").await.index(0).field("Id") != Json::Null);
}

async fn changing(db: &Database) {
    assert_eq!(db.execute("insert into t (id) values (?), (?), (?)", "[1, 2, 3]").await.0, Value::Int(3));
    let row = db.query("select * from t where id = ?", "[1]").await;
    assert_eq!(row, json(r#"[{"id": 1, "n": 0, "b": 257, "at": "2026-01-02T03:04:05Z"}]"#));
    let (kind, happened, message) = db.refused("sql.execute", "insert into t (id) values (1)", "[]").await;
    assert_eq!((kind, happened), (FailureKind::Conflict, Happened::No), "{message}");
    let held = db.call("sql.execute", "update t set n = 1", "[]").arg("expect", Value::Int(1));
    assert_eq!(failed(held.perform().await).kind, FailureKind::Conflict);
    assert_eq!(db.query("select sum(n) as n from t", "[]").await, json(r#"[{"n": "0"}]"#));
    let outcome = db
        .transaction(&[
            ("update t set n = 5 where id = ?", "[1]", Some(1)),
            ("insert into t (id) values (?)", "[2]", None),
        ])
        .await;
    assert_eq!(failed(outcome).happened, Happened::No);
    let outcome = db.transaction(&[("delete from t", "[]", None), ("drop table t", "[]", None)]).await;
    let failure = failed(outcome);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
    assert_eq!(db.query("select sum(n) as n, count(*) as c from t", "[]").await, json(r#"[{"n": "0", "c": 3}]"#));
    done(db.transaction(&[("update t set n = 5 where id = ?", "[1]", Some(1))]).await);
    assert_eq!(db.query("select n from t where id = 1", "[]").await, json(r#"[{"n": 5}]"#));
    let (kind, happened, _) = db.refused("sql.execute", "kill 999999999", "[]").await;
    assert_eq!((kind, happened), (FailureKind::NotFound, Happened::Answered));
}

async fn times(db: &Database) {
    for (native, statement, happened) in [
        ("sql.query", "select sleep(20) from t", Happened::No),
        ("sql.execute", "update t set n = sleep(20)", Happened::No),
        ("sql.execute", "select sleep(20)", Happened::Answered),
    ] {
        let failure = failed(db.call(native, statement, "[]").arg("timeout", Value::Duration(900)).perform().await);
        assert_eq!(
            (failure.kind, failure.happened),
            (FailureKind::Timeout, happened),
            "{statement}: {}",
            failure.message
        );
    }
    for (statement, happened) in [("update t set n = sleep(20)", Happened::No), ("select sleep(21)", Happened::Maybe)] {
        let call = db.call("sql.execute", statement, "[]");
        let kill = async {
            tokio::time::sleep(std::time::Duration::from_millis(700)).await;
            let found =
                "select id from information_schema.processlist where info like '%sleep(2%' and id <> connection_id()";
            let rows = db.query(found, "[]").await;
            db.execute("kill ?", &format!("[{}]", serde_json::Value::from(&rows.index(0).field("id")))).await
        };
        let (outcome, _) = tokio::join!(call.perform(), kill);
        let failure = failed(outcome);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Unavailable, happened), "{}", failure.message);
    }
}
