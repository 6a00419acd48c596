//! What a crash leaves: everything acknowledged, nothing half.

use std::io::{BufRead, BufReader};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rrb_engine::store::*;
use rrb_store::{Options, Phase, SqliteStore};
use tempfile::tempdir;

use crate::support::*;

const CHILD: &str = "RRB_STORE_TEST_CHILD";

/// Not a test: the process that gets killed. Says each commit that was acknowledged.
#[test]
#[ignore = "run by the tests that kill it"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = Arc::new(open(Path::new(&dir)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for task in 0..4 {
            let store = Arc::clone(&store);
            tasks.push(tokio::spawn(async move {
                let id = format!("run_{}_{task}", std::process::id());
                store.commit(vec![Op::PutRun(run(&id)), audit(0)]).await.unwrap();
                for seq in 1.. {
                    match store.commit(vec![Op::AppendJournal(entry(&id, seq)), audit(seq)]).await {
                        Ok(_) => println!("acknowledged {id} {seq}"),
                        Err(e) => {
                            println!("refused {e:?}");
                            break;
                        }
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        println!("later {:?}", store.commit(vec![audit(1)]).await);
        println!("read {:?}", store.tokens().await);
    });
}

fn start(dir: &Path, shell: Option<&str>) -> std::process::Child {
    let exe = std::env::current_exe().unwrap();
    let args = ["--exact", "crashes::child", "--ignored", "--nocapture"];
    let mut command = match shell {
        None => Command::new(&exe),
        Some(before) => {
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("{before}; exec \"$@\""), "sh"]).arg(&exe);
            sh
        }
    };
    command
        .args(args)
        .env(CHILD, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn every_acknowledged_commit_survives_being_killed() {
    let dir = tempdir().unwrap();
    let mut acknowledged = std::collections::BTreeMap::<String, u64>::new();
    let mut kills = 0_u64;
    while kills < 60 {
        let mut process = start(dir.path(), None);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // Kill after a changing number of answers, then read what was still said.
        for line in lines {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            let (id, seq) = rest.split_once(' ').unwrap();
            acknowledged.insert(id.to_owned(), seq.parse().unwrap());
            seen += 1;
            if seen == 1 + kills * 7 % 23 {
                process.kill().unwrap();
                kills += 1;
            }
        }
        assert!(seen > 0, "the process did nothing");
        process.wait().unwrap();
        let store = open(dir.path());
        for (id, seq) in acknowledged.iter().filter(|(id, _)| id.contains(&process.id().to_string())) {
            let journal = store.journal(id, 0).await.unwrap();
            assert!(journal.len() as u64 >= *seq, "run {id}: {} of {seq} entries", journal.len());
            assert!(journal.iter().zip(1..).all(|(row, n)| *row == entry(id, n)));
        }
        if kills.is_multiple_of(20) {
            verify(&store).await;
        }
    }
    let store = open(dir.path());
    for (id, seq) in &acknowledged {
        assert!(store.journal(id, 0).await.unwrap().len() as u64 >= *seq, "run {id}");
    }
    let mut entries = 0;
    for run in store.recover().await.unwrap().runs {
        entries += store.journal(&run.id, 0).await.unwrap().len() as u64 + 1;
    }
    assert_eq!(verify(&store).await, entries, "the audit log and the journal tell different stories");
}

#[tokio::test]
async fn a_crash_at_each_point_keeps_all_or_nothing() {
    for phase in Phase::ALL {
        for at in 1..=4 {
            let dir = tempdir().unwrap();
            let hook = move |n, p| {
                if (n, p) == (at, phase) {
                    panic::panic_any("crash");
                }
            };
            let options = Options { on_commit: Some(Arc::new(hook)), ..Options::default() };
            let store = SqliteStore::open(&dir.path().join("state"), options).unwrap();
            let mut done = 0;
            let quiet = panic::take_hook();
            panic::set_hook(Box::new(|_| {}));
            for n in 1..=4 {
                if store.commit(vec![Op::PutRun(run(&format!("run_{n}"))), audit(n)]).await.is_err() {
                    break;
                }
                done = n;
            }
            // The writer may still be on its way to the crash after its answer.
            let later = store.commit(vec![audit(9)]).await;
            panic::set_hook(quiet);
            assert!(matches!(later, Err(StoreError::Failed(_))), "{phase:?} {at}: {later:?}");
            assert!(matches!(store.run("run_1").await, Err(StoreError::Failed(_))));
            drop(panic::catch_unwind(AssertUnwindSafe(|| drop(store))));
            let store = open(dir.path());
            let kept = verify(&store).await;
            let durable = matches!(phase, Phase::Committed | Phase::Answered);
            assert_eq!(kept, if durable { at } else { at - 1 }, "{phase:?} {at}");
            assert!(kept >= done, "{phase:?} {at}: acknowledged and gone");
            assert_eq!(store.recover().await.unwrap().runs.len() as u64, kept);
        }
    }
}

#[tokio::test]
async fn the_first_io_error_is_the_last_word() {
    let dir = tempdir().unwrap();
    drop(open(dir.path()));
    // Files may not grow beyond 256 KiB; without the signal, writing more is an I/O error.
    let process = start(dir.path(), Some("trap '' XFSZ; ulimit -f 512")).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&process.stdout);
    let mut kept = 0;
    let mut refused = 0;
    for line in said.lines() {
        kept += u64::from(line.starts_with("acknowledged "));
        refused += u64::from(line.starts_with("refused Failed("));
    }
    assert!(kept > 0 && refused == 4, "{said}");
    assert!(said.contains("later Err(Failed("), "{said}");
    assert!(said.contains("read Err(Failed("), "{said}");
    let store = open(dir.path());
    assert!(verify(&store).await >= kept + 4);
    store.commit(vec![audit(1)]).await.unwrap();
}
