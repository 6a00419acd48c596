//! What can be wrong with a state folder, and that nothing in it is lost by being found out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rrb_engine::audit::{Verdict, Verifier};
use rrb_engine::store::*;
use rrb_store::{OpenError, Options, SqliteStore};
use tempfile::tempdir;

use crate::support::*;

fn try_open(dir: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&dir.join("state"), Options::default())
}

/// A state with a few commits, closed.
async fn filled(dir: &Path) {
    let store = open(dir);
    for n in 0..20 {
        store.commit(vec![Op::PutRun(run(&format!("run_{n}"))), audit(n)]).await.unwrap();
    }
    store.commit(vec![Op::PutProgram { id: "big".into(), bytes: vec![5; 100_000] }]).await.unwrap();
}

/// Changes the closed database with plain SQL, as a person might.
fn tamper(dir: &Path, sql: &str) {
    let db = rusqlite::Connection::open(dir.join("state/state.db")).unwrap();
    db.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn the_folder_and_its_files_are_for_their_owner() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.commit(vec![audit(1)]).await.unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join("state").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for file in ["state.db", "state.db-wal", "state.lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_second_one_is_told_who_holds_it() {
    let dir = tempdir().unwrap();
    let first = open(dir.path());
    let text = try_open(dir.path()).unwrap_err().to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains("started at 20"), "{text}");
    fs::remove_file(dir.path().join("state/state.lock")).unwrap();
    let again = try_open(dir.path()).unwrap_err();
    assert!(matches!(again, OpenError::Held { .. }), "a deleted lock file let a second one in: {again}");
    let link = dir.path().join("link");
    symlink(dir.path().join("state"), &link).unwrap();
    assert!(matches!(SqliteStore::open(&link, Options::default()), Err(OpenError::Held { .. })));
    drop(first);
    open(dir.path());
}

#[tokio::test]
async fn one_can_read_beside_a_writer() {
    let dir = tempdir().unwrap();
    let missing = SqliteStore::open_reading(&dir.path().join("state"), Options::default()).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }));
    let store = open(dir.path());
    let reader = SqliteStore::open_reading(&dir.path().join("state"), Options::default()).unwrap();
    store.commit(vec![Op::PutRun(run("run_1"))]).await.unwrap();
    assert_eq!(reader.run("run_1").await.unwrap(), Some(run("run_1")));
    assert!(matches!(reader.commit(vec![audit(1)]).await, Err(StoreError::Failed(why)) if why.contains("reading")));
    drop(store);
    assert_eq!(reader.run("run_1").await.unwrap(), Some(run("run_1")));
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_an_error_with_its_name() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for bad in [file.clone(), file.join("state"), Path::new("/proc/rrb-state").to_owned()] {
        let error = SqliteStore::open(&bad, Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }), "{error}");
        assert!(error.to_string().contains(bad.to_str().unwrap()), "{error}");
    }
    let open_to_all = dir.path().join("state");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(try_open(dir.path()), Err(OpenError::Exposed { .. })));
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o775)).unwrap();
    open(dir.path());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error() {
    if rustix::process::geteuid().is_root() {
        // Permissions do not stop root; a read-only file system does, where there is one.
        let error = SqliteStore::open(Path::new("/sys/kernel/rrb-state"), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }), "{error}");
        return;
    }
    let dir = tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert!(matches!(try_open(dir.path()), Err(OpenError::Io { .. })));
}

#[tokio::test]
async fn another_version_of_the_schema_is_refused_with_text() {
    let dir = tempdir().unwrap();
    filled(dir.path()).await;
    tamper(dir.path(), "PRAGMA user_version = 99");
    for error in [
        try_open(dir.path()).unwrap_err(),
        SqliteStore::open_reading(&dir.path().join("state"), Options::default()).unwrap_err(),
    ] {
        assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("update rrb"), "{error}");
    }
}

#[tokio::test]
async fn something_else_in_its_place_is_left_alone() {
    for content in [b"hello, this is a text and no database at all".to_vec(), vec![0; 8192], vec![0xff; 100]] {
        let dir = tempdir().unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        let db = dir.path().join("state/state.db");
        fs::write(&db, &content).unwrap();
        let error = try_open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. } | OpenError::Corrupt { .. }), "{error}");
        assert_eq!(fs::read(&db).unwrap(), content);
    }
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("state")).unwrap();
    tamper(dir.path(), "CREATE TABLE photos (name TEXT)");
    assert!(matches!(try_open(dir.path()), Err(OpenError::Foreign { .. })));
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_kept() {
    let dir = tempdir().unwrap();
    filled(dir.path()).await;
    let db = dir.path().join("state/state.db");
    let whole = fs::read(&db).unwrap();
    let mut cuts = vec![0, 1, 15, 100, 4096, whole.len() / 2, whole.len() - 4096];
    cuts.push(whole.len() - 1);
    for cut in cuts {
        fs::write(&db, &whole[..cut]).unwrap();
        let error = try_open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { .. } | OpenError::Foreign { .. }), "cut at {cut}: {error}");
        assert_eq!(fs::metadata(&db).unwrap().len(), cut as u64, "cut at {cut}");
    }
    fs::write(&db, &whole).unwrap();
    let store = open(dir.path());
    assert_eq!(verify(&store).await, 20);
}

#[tokio::test]
async fn a_write_ahead_log_without_its_database_is_not_taken_for_a_new_start() {
    let dir = tempdir().unwrap();
    filled(dir.path()).await;
    fs::remove_file(dir.path().join("state/state.db")).unwrap();
    fs::write(dir.path().join("state/state.db-wal"), [1; 64]).unwrap();
    let error = try_open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("write-ahead log"), "{error}");
    assert!(!dir.path().join("state/state.db").exists());
}

#[tokio::test]
async fn a_beginning_that_was_cut_short_is_begun_again() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("state")).unwrap();
    fs::write(dir.path().join("state/state.db.new"), "half").unwrap();
    let store = open(dir.path());
    store.commit(vec![audit(1)]).await.unwrap();
    assert!(!dir.path().join("state/state.db.new").exists());
}

#[tokio::test]
async fn a_changed_audit_log_is_found_when_opened() {
    let unguarded = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;";
    for (sql, why) in [
        ("UPDATE audit SET actor = 'user:eve' WHERE seq = 7", "record 7 is not what was written"),
        ("UPDATE audit SET body = '{}' WHERE seq = 20", "record 20 is not what was written"),
        ("DELETE FROM audit WHERE seq = 20", "ends with record 19, but record 20"),
        ("DELETE FROM audit WHERE seq = 5", "record 5 is missing"),
        ("DELETE FROM audit", "ends with record 0"),
        ("UPDATE head SET audit_seq = 19", "but record 19 was the last"),
    ] {
        let dir = tempdir().unwrap();
        filled(dir.path()).await;
        tamper(dir.path(), &format!("{unguarded} {sql}"));
        let error = try_open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Audit { .. }), "{error}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
        let reading = SqliteStore::open_reading(&dir.path().join("state"), Options::default()).unwrap();
        assert!(matches!(verdict(&reading).await, Verdict::Broken { .. }) || sql.starts_with("UPDATE head"), "{sql}");
    }
}

/// What `rrb audit verify` says of a store that is only read.
async fn verdict(store: &SqliteStore) -> Verdict {
    let (last, hash) = store.audit_head().await.unwrap().unwrap();
    let mut verifier = Verifier::default();
    for record in store.audit(0, 1_000, None).await.unwrap() {
        if let Err(broken) = verifier.take(&record) {
            return broken;
        }
    }
    verifier.finish_at(last, &hash)
}

#[tokio::test]
async fn the_audit_log_takes_no_change() {
    let dir = tempdir().unwrap();
    filled(dir.path()).await;
    let db = rusqlite::Connection::open(dir.path().join("state/state.db")).unwrap();
    for sql in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE seq = 20"] {
        assert!(db.execute_batch(sql).unwrap_err().to_string().contains("only added to"));
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_said_so() {
    let dir = tempdir().unwrap();
    filled(dir.path()).await;
    tamper(
        dir.path(),
        "UPDATE runs SET input = '{' WHERE id = 'run_3'; UPDATE runs SET status = 'odd' WHERE id = 'run_4'",
    );
    let store = open(dir.path());
    for id in ["run_3", "run_4"] {
        assert!(matches!(store.run(id).await, Err(StoreError::Corrupt(_))), "{id}");
    }
    assert!(store.run("run_5").await.unwrap().is_some());
    assert!(matches!(store.recover().await, Err(StoreError::Corrupt(_))));
}
