//! SQLite.

use super::*;

fn database() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("create table t (id integer primary key, name text not null, data blob); insert into t values (1, 'a', x'00ff')")
        .unwrap();
    let url = format!("sqlite://{}", path.display()).replace(' ', "%20");
    (folder, Database { server: server(&url, &[]) })
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let (_folder, db) = database();
    assert_eq!(db.query("select * from t", "[]").await, json(r#"[{"id": 1, "name": "a", "data": "AP8="}]"#));
    let given =
        r#"[null, true, 9223372036854775807, 18446744073709551615, 1.5, "'; drop table t", [1, "x"], {"a": null}]"#;
    let row = db.query("select ?1 a, ?2 b, ?3 c, ?4 d, ?5 e, ?6 f, ?7 g, ?8 h", given).await;
    let expected = r#"[{"a": null, "b": 1, "c": 9223372036854775807, "d": "18446744073709551615", "e": 1.5,
        "f": "'; drop table t", "g": "[1,\"x\"]", "h": "{\"a\":null}"}]"#;
    assert_eq!(row, json(expected));
}

#[tokio::test]
async fn a_query_changes_nothing_and_is_bounded() {
    let (folder, db) = database();
    for statement in [
        "insert into t values (2, 'b', null)",
        "with x as (select 2 as a) insert into t select a, 'b', null from x",
        "attach '/tmp/x.db' as y",
        "vacuum",
        "select load_extension('x')",
        "select 1; delete from t",
    ] {
        let (kind, happened, message) = db.refused("sql.query", statement, "[]").await;
        assert_eq!((kind, happened), (FailureKind::Invalid, Happened::No), "{statement}: {message}");
    }
    assert_eq!(db.query("select count(*) as n from t", "[]").await, json(r#"[{"n": 1}]"#));

    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) select i from n";
    let Json::List(all) = db.query(many, "[1000]").await else { panic!() };
    assert_eq!(all.len(), 1000);
    assert!(db.refused("sql.query", many, "[1001]").await.2.contains("more than 1000 rows"));
    assert!(db.refused("sql.query", "select 1 as a, 2 as a", "[]").await.2.contains("two columns"));
    assert!(db.refused("sql.query", "select hex(zeroblob(600000)) as a", "[]").await.2.contains("1 MiB"));
    assert!(db.refused("sql.query", "select ?", "[]").await.2.contains("takes 1 values"));
    assert_eq!(db.refused("sql.query", "select * from missing", "[]").await.0, FailureKind::NotFound);

    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let slow = db.call("sql.query", endless, "[]").arg("timeout", Value::Duration(600));
    let failure = failed(slow.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Timeout, Happened::No));

    let none = Database { server: server(&format!("sqlite://{}/none.db", folder.path().display()), &[]) };
    for native in ["sql.query", "sql.execute"] {
        assert_eq!(none.refused(native, "select 1", "[]").await.0, FailureKind::NotFound);
    }
    assert!(!folder.path().join("none.db").exists());
    std::fs::write(folder.path().join("text.db"), "no database at all, but long enough".repeat(100)).unwrap();
    let text = Database { server: server(&format!("sqlite://{}/text.db", folder.path().display()), &[]) };
    assert_eq!(text.refused("sql.query", "select * from t", "[]").await.0, FailureKind::Failed);
}

#[tokio::test]
async fn all_of_a_transaction_happens_or_nothing() {
    let (_folder, db) = database();
    assert_eq!(
        db.execute("insert into t values (?, ?, null) returning id", r#"[2, "b"]"#).await,
        (Value::Int(1), json(r#"[{"id": 2}]"#))
    );
    let (kind, happened, _) = db.refused("sql.execute", "insert into t values (2, 'c', null)", "[]").await;
    assert_eq!((kind, happened), (FailureKind::Conflict, Happened::No));

    let outcome = db
        .transaction(&[
            ("delete from t where id = ?", "[1]", Some(1)),
            ("delete from t where id > ?", "[100]", Some(1)),
        ])
        .await;
    let failure = failed(outcome);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Conflict, Happened::No));
    assert!(failure.message.contains("changed 0 rows in the place of 1"), "{}", failure.message);
    assert_eq!(db.query("select count(*) as n from t", "[]").await, json(r#"[{"n": 2}]"#));

    for bad in ["commit", "rollback", "begin"] {
        let failure = failed(db.transaction(&[("delete from t", "[]", None), (bad, "[]", None)]).await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{bad}");
    }
    assert!(failed(db.transaction(&[]).await).message.contains("from 1 to 100"));
    let Value::List(all) = done(
        db.transaction(&[("delete from t", "[]", Some(2)), ("insert into t values (9, 'z', null)", "[]", None)]).await,
    ) else {
        panic!()
    };
    assert_eq!(all.len(), 2);
    assert_eq!(db.query("select id from t", "[]").await, json(r#"[{"id": 9}]"#));
    db.execute("vacuum", "[]").await;
}

#[tokio::test]
async fn a_lock_of_another_is_a_conflict() {
    let (folder, db) = database();
    let other = rusqlite::Connection::open(folder.path().join("a b.db")).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    let call = db.call("sql.execute", "delete from t", "[]").arg("timeout", Value::Duration(500));
    let failure = failed(call.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Conflict, Happened::No), "{}", failure.message);
}
