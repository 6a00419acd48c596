//! Dying and failing at every single system call that touches the disk, one after the other (needs `strace`).

use std::path::Path;
use std::process::{Command, Stdio};

use rrb_engine::store::*;
use rrb_store::SqliteStore;
use tempfile::tempdir;

use crate::support::*;

const CHILD: &str = "RRB_STORE_TEST_SHORT_CHILD";

/// Commits of the child.
const COMMITS: u64 = 3;

/// Not a test: a short life that says what was acknowledged.
#[test]
#[ignore = "run by the tests that break it"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = match SqliteStore::open(Path::new(&dir), rrb_store::Options::default()) {
        Ok(store) => store,
        Err(error) => return println!("closed {error}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut failed = false;
        for n in 1..=COMMITS {
            let big = Op::PutProgram { id: format!("p{n}"), bytes: vec![1; 5_000] };
            match store.commit(vec![Op::PutRun(run(&format!("run_{n}"))), big, audit(n)]).await {
                Ok(_) if failed => println!("wrong: a commit after a failure"),
                Ok(_) => println!("acknowledged {n}"),
                Err(StoreError::Full(why)) => println!("full {n} {why}"),
                Err(error) => {
                    println!("failed {n} {error}");
                    failed = true;
                }
            }
        }
    });
    drop(store);
    println!("ended");
}

/// Runs the child with the n-th call of `call` in each thread broken as `how` says; the answer is what it said.
fn broken(dir: &Path, call: &str, how: &str, n: u32) -> String {
    let inject = format!("inject={call}:{how}:when={n}");
    let out = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "syscalls::child", "--ignored", "--nocapture"])
        .env(CHILD, dir)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A sweep that breaks nothing proves nothing: without strace the tests fail.
fn need_strace() {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    assert!(works, "strace cannot be used here: tests/install installs it, and it needs the right to trace a child");
}

/// Whether a line begins so: the test harness speaks too.
fn says(said: &str, word: &str) -> bool {
    said.lines().any(|l| l.split(' ').next() == Some(word))
}

fn acknowledged(said: &str) -> Vec<u64> {
    said.lines().filter_map(|l| l.strip_prefix("acknowledged ")?.parse().ok()).collect()
}

/// What a broken life left: everything acknowledged, nothing half, and it can be gone on with.
async fn sound(dir: &Path, said: &str, at: &str) {
    let store = SqliteStore::open(dir, rrb_store::Options::default()).unwrap_or_else(|e| panic!("{at}: {e}\n{said}"));
    for n in acknowledged(said) {
        assert!(store.run(&format!("run_{n}")).await.unwrap().is_some(), "{at}: commit {n} is gone\n{said}");
    }
    let records = verify(&store).await;
    assert_eq!(store.recover().await.unwrap().runs.len() as u64, records, "{at}: half a commit\n{said}");
    store.commit(vec![audit(1)]).await.unwrap();
}

/// Breaks the 1st, 2nd, … call until the child does not meet it any more, from nothing and from a state that is there: calls are counted
/// in each thread, and the making of a state would hide the writer's first ones. The answer is how many times a call was met.
async fn sweep(call: &str, how: &str, check: impl Fn(&str, &str)) -> u32 {
    let mut points = 0;
    for there in [false, true] {
        let mut clean = 0;
        for n in 1..200 {
            let dir = tempdir().unwrap();
            let state = dir.path().join("state");
            if there {
                drop(SqliteStore::open(&state, rrb_store::Options::default()).unwrap());
            }
            let said = broken(&state, call, how, n);
            let at = format!("{call} {n} {how} {there}");
            assert!(!says(&said, "wrong:"), "{at}: {said}");
            if says(&said, "ended") && acknowledged(&said).len() as u64 == COMMITS {
                // Not met, or SQLite got over it: it does not look at the flush of a folder.
                clean += 1;
                if clean > 3 {
                    break;
                }
            } else {
                points += 1;
                clean = 0;
                check(&said, &at);
            }
            sound(&state, &said, &at).await;
        }
    }
    points
}

#[tokio::test]
async fn dying_at_any_write_or_flush_loses_nothing() {
    need_strace();
    let mut points = 0;
    for call in ["pwrite64", "fdatasync", "fsync", "rename"] {
        points += sweep(call, "signal=KILL", |said, at| assert!(!says(said, "ended"), "{at}: {said}")).await;
    }
    assert!(points > 15, "only {points} points were met");
}

#[tokio::test]
async fn a_flush_that_fails_once_is_never_tried_again() {
    need_strace();
    let mut points = 0;
    let commits = std::cell::Cell::new(0);
    for call in ["fdatasync", "fsync"] {
        points += sweep(call, "error=EIO", |said, at| {
            commits.set(commits.get() + u32::from(says(said, "failed")));
            assert!(says(said, "closed") || says(said, "failed") || says(said, "ended"), "{at}: {said}");
            assert!(!says(said, "full"), "{at}: {said}");
            let last = acknowledged(said).last().copied().unwrap_or(0);
            let failed = said.lines().filter(|l| l.starts_with("failed")).count() as u64;
            assert!(says(said, "closed") || last + failed == COMMITS, "{at}: {said}");
        })
        .await;
    }
    assert!(points > 5 && commits.get() >= 2, "only {points} points were met, {commits:?} of them in commits");
}

#[tokio::test]
async fn a_disk_that_is_full_once_refuses_once() {
    need_strace();
    let points = sweep("pwrite64", "error=ENOSPC", |said, at| {
        assert!(says(said, "closed") || says(said, "full"), "{at}: {said}");
        assert!(!says(said, "failed"), "{at}: {said}");
        let refused = said.lines().filter(|l| l.starts_with("full ")).count();
        assert!(refused <= 1, "{at}: what was full once was full again: {said}");
    })
    .await;
    assert!(points > 8, "only {points} points were met");
}
