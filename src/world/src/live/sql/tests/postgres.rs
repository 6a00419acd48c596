//! PostgreSQL.

use std::time::Instant;

use super::super::super::peers::{Peer, databases};
use super::*;

fn database(peer: &Peer, fields: &[(&str, Value)]) -> Database {
    let mut all = vec![
        ("password", secret(peer.folder.path(), "canary-pg-1")),
        ("ca_file", Value::text(peer.folder.path().join("ca.pem").to_string_lossy())),
    ];
    all.retain(|(name, _)| fields.iter().all(|(n, _)| n != name));
    all.extend_from_slice(fields);
    Database { server: server(&format!("postgres://rrb@localhost:{}/postgres", peer.port), &all) }
}

#[tokio::test]
async fn a_real_server_is_asked_and_changed() {
    let peer = databases::postgres();
    let db = database(&peer, &[]);
    connections(&peer).await;
    values(&db).await;
    reading(&db).await;
    changing(&db).await;
    times(&db).await;
}

async fn connections(peer: &Peer) {
    let secure = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(database(peer, &[]).query(secure, "[]").await, json(r#"[{"ssl": true}]"#));
    let off = database(peer, &[("tls", Value::text("off"))]);
    assert_eq!(off.query(secure, "[]").await, json(r#"[{"ssl": false}]"#));
    let socket = Value::text(peer.folder.path().to_string_lossy());
    assert_eq!(database(peer, &[("socket", socket)]).query(secure, "[]").await, json(r#"[{"ssl": false}]"#));

    for (fields, kind, part) in [
        (vec![("ca_file", Value::None)], FailureKind::Unavailable, "UnknownIssuer"),
        (vec![("server_name", Value::text("elsewhere"))], FailureKind::Unavailable, "not valid for name"),
        (vec![("password", Value::None)], FailureKind::Unauthorized, "wants a password"),
        (vec![("tls", Value::text("maybe"))], FailureKind::Invalid, "one of"),
        (vec![("ca_file", Value::text("/none"))], FailureKind::Forbidden, "cannot be read"),
        (vec![("socket", Value::text("/none"))], FailureKind::Unavailable, "no connection"),
    ] {
        let (got, happened, message) = database(peer, &fields).refused("sql.execute", "select 1", "[]").await;
        assert_eq!((got, happened), (kind, Happened::No), "{message}");
        assert!(message.contains(part), "{message}");
    }
    let wrong = tempfile::tempdir().unwrap();
    let (kind, _, message) = database(peer, &[("password", secret(wrong.path(), "canary-pg-2"))])
        .refused("sql.query", "select 1", "[]")
        .await;
    assert_eq!(kind, FailureKind::Unauthorized, "{message}");
    assert!(!message.contains("canary-pg"), "{message}");
    let other = Database {
        server: server(
            &format!("postgres://rrb@127.0.0.1:{}/none", peer.port),
            &[("tls", Value::text("off")), ("password", secret(peer.folder.path(), "canary-pg-1"))],
        ),
    };
    assert_eq!(other.refused("sql.query", "select 1", "[]").await.0, FailureKind::NotFound);
}

async fn values(db: &Database) {
    db.execute("create type mood as enum ('fine', 'bad')", "[]").await;
    db.execute("create domain positive as int check (value > 0)", "[]").await;
    for (expression, expected) in [
        ("1::smallint", "1"),
        ("9223372036854775807", "9223372036854775807"),
        ("4294967295::oid", "4294967295"),
        ("true", "true"),
        ("null::text", "null"),
        ("0.1::real", "0.1"),
        ("1.5::float8", "1.5"),
        ("'NaN'::float8", "\"NaN\""),
        ("'ä'::varchar", "\"ä\""),
        ("'fine'::mood", "\"fine\""),
        ("7::positive", "7"),
        ("'\\x00ff'::bytea", "\"AP8=\""),
        ("'{\"a\": [1, 18446744073709551615]}'::jsonb", "{\"a\": [1, 18446744073709551615]}"),
        ("'[1, 2.50]'::json", "[1, 2.5]"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
        ("'2026-11-22 18:00:00.5+02'::timestamptz", "\"2026-11-22T16:00:00.5Z\""),
        ("'1969-07-20 20:17:40'::timestamp", "\"1969-07-20T20:17:40\""),
        ("'infinity'::timestamptz", "\"infinity\""),
        ("'1999-12-31'::date", "\"1999-12-31\""),
        ("'23:59:59.25'::time", "\"23:59:59.25\""),
        ("'1 year 2 days 3.5 seconds'::interval", "\"P12M2DT3.5S\""),
        ("'-90 seconds'::interval", "\"PT-90S\""),
        ("'0'::interval", "\"PT0S\""),
        ("'10.0.0.1'::inet", "\"10.0.0.1\""),
        ("'10.0.0.0/8'::cidr", "\"10.0.0.0/8\""),
        ("'fe80::1'::inet", "\"fe80::1\""),
        ("'16/B374D848'::pg_lsn", "\"16/B374D848\""),
        ("array[1, null, 3]", "[1, null, 3]"),
        ("array[['a'], ['b']]", "[[\"a\"], [\"b\"]]"),
        ("'{}'::int[]", "[]"),
        ("'x'::\"char\"", "\"x\""),
        ("'08:00:2b:01:02:03'::macaddr", "\"08:00:2b:01:02:03\""),
    ] {
        let rows = db.query(&format!("select {expression} as v"), "[]").await;
        assert_eq!(rows.index(0).field("v"), json(expected), "{expression}");
    }
    for number in [
        "0",
        "1",
        "-1",
        "10000",
        "99999999",
        "0.1",
        "0.0001",
        "0.00001",
        "0.000000001",
        "-123456789.000012340",
        "1e20",
        "12.50",
        "100000000.5",
        "'NaN'",
        "0.12345678901234567890",
        "1e-16",
        "3000.0003",
    ] {
        let rows = db.query(&format!("select ({number})::numeric as v, ({number})::numeric::text as t"), "[]").await;
        assert_eq!(rows.index(0).field("v"), rows.index(0).field("t"), "{number}");
    }
    let typed = "select $1::int8 a, $2::text b, $3::jsonb c, $4::int[] d, $5::text[] e, $6::numeric f, $7::timestamptz g, $8::bool h, $9::text i";
    let given = r#"[9223372036854775807, "'; drop table x; --", {"k": [1, null]}, [1, null, 2], ["a\"b", "c\\d", ","], "12.50", "2026-11-22T18:00:00Z", true, null]"#;
    let expected = r#"[{"a": 9223372036854775807, "b": "'; drop table x; --", "c": {"k": [1, null]}, "d": [1, null, 2],
        "e": ["a\"b", "c\\d", ","], "f": "12.50", "g": "2026-11-22T18:00:00Z", "h": true, "i": null}]"#;
    assert_eq!(db.query(typed, given).await, json(expected));
    for (statement, values, part) in [
        ("select $1::int", r#"["x"]"#, "invalid input syntax"),
        ("select $1::int", "[]", "takes 1 values"),
        ("select $1::text", r#"["a\u0000b"]"#, "zero byte"),
        ("select point(1, 2) as p", "[]", "`p::text`"),
        ("select 1 as a, 2 as a", "[]", "two columns"),
        ("selec 1", "[]", "does not begin with `selec`"),
        ("select 1; select 2", "[]", "multiple commands"),
    ] {
        let (kind, happened, message) = db.refused("sql.query", statement, values).await;
        assert_eq!((kind, happened), (FailureKind::Invalid, Happened::No), "{statement}: {message}");
        assert!(message.contains(part), "{statement}: {message}");
    }
}

async fn reading(db: &Database) {
    db.execute("create table t (id int primary key, n int not null default 0)", "[]").await;
    let insert = "with x as (insert into t values (1) returning id) select * from x";
    let (kind, happened, message) = db.refused("sql.query", insert, "[]").await;
    assert_eq!((kind, happened), (FailureKind::Forbidden, Happened::No), "{message}");
    assert_eq!(db.refused("sql.query", "select * from missing", "[]").await.0, FailureKind::NotFound);
    assert_eq!(db.query("select count(*) as n from t", "[]").await, json(r#"[{"n": 0}]"#));
    let wide = "select repeat('x', 100000) as a, i from generate_series(1, $1) as i";
    assert_eq!(db.refused("sql.query", wide, "[20]").await.0, FailureKind::Invalid);
    let huge = db.refused("sql.query", "select repeat('x', 200000000) as a", "[]").await;
    assert!(huge.2.contains("longer than it may be"), "{huge:?}");
    let count = db.call("sql.query", "select i from generate_series(1, $1) as i", "[3]").arg("max_rows", Value::Int(2));
    assert!(failed(count.perform().await).message.contains("more than 2 rows"));
}

async fn changing(db: &Database) {
    let (count, rows) = db.execute("insert into t select i from generate_series(1, $1) as i returning id", "[3]").await;
    assert_eq!((count, rows), (Value::Int(3), json(r#"[{"id": 1}, {"id": 2}, {"id": 3}]"#)));
    let (kind, happened, message) = db.refused("sql.execute", "insert into t values (1)", "[]").await;
    assert_eq!((kind, happened), (FailureKind::Conflict, Happened::No), "{message}");
    let failure = failed(db.call("sql.execute", "select 1 / $1::int", "[0]").perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::Answered));
    assert_eq!(failure.detail.field("code"), Json::from("22012"));

    let held = db.call("sql.execute", "update t set n = 1", "[]").arg("expect", Value::Int(1));
    assert_eq!(failed(held.perform().await).kind, FailureKind::Conflict);
    assert_eq!(db.query("select sum(n) as n from t", "[]").await, json(r#"[{"n": 0}]"#));
    let outcome = db
        .transaction(&[
            ("update t set n = 5 where id = $1", "[1]", Some(1)),
            ("insert into t values ($1)", "[2]", None),
        ])
        .await;
    assert_eq!((failed(outcome).happened), Happened::No);
    assert_eq!(db.query("select n from t where id = 1", "[]").await, json(r#"[{"n": 0}]"#));
    done(
        db.transaction(&[
            ("update t set n = 5 where id = $1", "[1]", Some(1)),
            ("delete from t where id = $1", "[3]", Some(1)),
        ])
        .await,
    );
    assert_eq!(db.query("select sum(n) as n, count(*) as c from t", "[]").await, json(r#"[{"n": 5, "c": 2}]"#));
    db.execute("vacuum t", "[]").await;
}

async fn times(db: &Database) {
    let begun = Instant::now();
    for (native, statement, happened) in [
        ("sql.query", "select pg_sleep(20)", Happened::No),
        ("sql.execute", "update t set n = n + 1 where (select pg_sleep(20)) is not null", Happened::No),
        ("sql.execute", "select pg_sleep(20)", Happened::Answered),
    ] {
        let failure = failed(db.call(native, statement, "[]").arg("timeout", Value::Duration(800)).perform().await);
        assert_eq!(
            (failure.kind, failure.happened),
            (FailureKind::Timeout, happened),
            "{statement}: {}",
            failure.message
        );
    }
    assert!(begun.elapsed().as_secs() < 10);

    // A session that somebody ends has not done what stands in a transaction; what stands alone may be done.
    for (statement, happened) in [
        ("update t set n = 100 where (select pg_sleep(20)) is not null", Happened::No),
        ("select pg_sleep(21)", Happened::Maybe),
    ] {
        let call = db.call("sql.execute", statement, "[]");
        let kill = async {
            tokio::time::sleep(std::time::Duration::from_millis(700)).await;
            db.execute("select pg_terminate_backend(pid) as ended from pg_stat_activity where query like '%pg_sleep(2%' and pid <> pg_backend_pid()", "[]").await
        };
        let (outcome, killed) = tokio::join!(call.perform(), kill);
        assert_eq!(killed.1, json(r#"[{"ended": true}]"#));
        let failure = failed(outcome);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Unavailable, happened), "{}", failure.message);
    }
}
