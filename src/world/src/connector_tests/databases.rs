//! The connectors of databases, against real servers.

use std::process::{Command, Stdio};

use super::*;
use crate::live::peers::{self, databases};

fn holds(ended: &Ended, expected: &[(&str, &str)]) {
    assert!(ended.end.failure.is_none(), "{}", ended.message());
    for (name, value) in expected {
        let found = ended.evidence.get(*name).map(|j| serde_json::Value::from(j).to_string());
        assert_eq!(found.as_deref(), Some(*value), "{name}");
    }
    assert!(!ended.shown.contains("canary-"), "a password is shown");
}

/// Runs `body` with the connector.
async fn run_of(name: &str, body: &str, toml: &str) -> Ended {
    run_module(&format!("use std.{name}\nrunbook main() {{\n{body}\n}}"), toml).await
}

/// A client of its own that is busy until somebody ends it.
fn busy(program: &str, args: &[&str], variable: (&str, &str)) -> std::process::Child {
    let mut command = Command::new(peers::program(program, &[]));
    command.args(args).env(variable.0, variable.1).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    child
}

#[tokio::test]
async fn postgres_tells_its_health_and_ends_what_hangs() {
    let peer = databases::postgres();
    let (folder, port) = (peer.folder.path().display().to_string(), peer.port.to_string());
    let toml = format!(
        "[connectors.postgres]\nurl = \"postgres://rrb@localhost:{port}/postgres\"\npassword = \"file:{folder}/pw\"\nca_file = \"{folder}/ca.pem\""
    );
    let body = r#"
  let hangs = postgres.long_transactions(500ms).first(s => (s.query ?? "").contains("pg_sleep")) ?? fail "no session hangs"
  evidence "state" = hangs.state
  evidence "cancelled" = do postgres.cancel(hangs)
  evidence "limit" = postgres.connections().limit
  evidence "standby" = postgres.is_standby()
  evidence "replicas" = postgres.replicas().len()
  evidence "slots" = postgres.slots().len()
  evidence "lag" = postgres.replication_lag() == none
  evidence "size" = postgres.database_size() > 1MiB
  evidence "wraparound" = postgres.wraparound() < 50%
  do postgres.execute("create table \"odd \"\"name\" (id int primary key, n int)")
  evidence "inserted" = do postgres.execute("insert into \"odd \"\"name\" select i, i from generate_series(1, 10) as i", expect: 10)
  do postgres.vacuum("public", "odd \"name")
  do postgres.analyze("public", "odd \"name")
  do postgres.reindex("public", "odd \"name_pkey")
  do postgres.reload()
  let table = postgres.tables().first(t => t.name == "odd \"name") ?? fail "no table"
  evidence "rows" = table.rows
  evidence "vacuumed" = table.vacuumed != none
  evidence "blocked" = postgres.blocked().len()
  evidence "none" = postgres.long_transactions(1h).len()
"#;
    let sleep = ["-h", "127.0.0.1", "-p", &port, "-U", "rrb", "-c", "select pg_sleep(30)", "postgres"];
    let mut hanging = busy("psql", &sleep, ("PGPASSWORD", "canary-pg-1"));
    let ended = run_of("postgres", body, &toml).await;
    let limit =
        [("limit", "100"), ("standby", "false"), ("replicas", "0"), ("slots", "0"), ("lag", "true"), ("size", "true")];
    holds(&ended, &limit);
    let rest = [
        ("wraparound", "true"),
        ("inserted", "10"),
        ("rows", "10"),
        ("vacuumed", "true"),
        ("blocked", "0"),
        ("none", "0"),
    ];
    holds(&ended, &rest);
    holds(&ended, &[("state", "\"active\""), ("cancelled", "true")]);
    assert!(!hanging.wait().unwrap().success(), "its statement was cancelled");
}

#[tokio::test]
async fn mysql_tells_its_health_and_ends_what_hangs() {
    let peer = databases::mariadb();
    let (folder, port) = (peer.folder.path().display().to_string(), peer.port.to_string());
    std::fs::write(peer.folder.path().join("password"), "canary-my-1").unwrap();
    let toml = format!(
        "[connectors.mysql]\nurl = \"mysql://rrb@localhost:{port}/shop\"\npassword = \"file:{folder}/password\"\nca_file = \"{folder}/ca.pem\""
    );
    let body = r#"
  let all = mysql.connections()
  evidence "limit" = all.limit
  evidence "used" = all.used >= 1
  evidence "replica" = mysql.replica() == none
  do mysql.execute("create table t (id int primary key)")
  evidence "inserted" = do mysql.execute("insert into t values (?), (?)", params: [1, 2], expect: 2)
  evidence "table" = mysql.tables().any(t => t.name == "t")
  evidence "before" = (do mysql.set_read_only(true)).before
  evidence "read_only" = mysql.read_only()
  do mysql.put_read_only(false)
  evidence "long" = mysql.long_transactions(1h).len()
  let hangs = mysql.processes().first(p => (p.query ?? "").contains("sleep(30)")) ?? fail "no process hangs"
  do mysql.kill_query(hangs.id)
"#;
    let sleep =
        ["--no-defaults", "-h", "127.0.0.1", "-P", &port, "-u", "rrb", "-e", "select sleep(30) from (select 1) as x"];
    let mut hanging = busy("mariadb", &sleep, ("MYSQL_PWD", "canary-my-1"));
    let ended = run_of("mysql", body, &toml).await;
    holds(
        &ended,
        &[
            ("limit", "151"),
            ("used", "true"),
            ("replica", "true"),
            ("inserted", "2"),
            ("table", "true"),
            ("before", "false"),
        ],
    );
    holds(&ended, &[("read_only", "true"), ("long", "0")]);
    hanging.wait().unwrap();
}
