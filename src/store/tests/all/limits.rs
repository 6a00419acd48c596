//! What does not fit is refused with a reason, and nothing else suffers.

use std::sync::{Arc, Mutex};

use rrb_engine::store::*;
use rrb_store::{Options, Phase, SqliteStore};
use tempfile::tempdir;

use crate::support::*;

/// A store whose writer waits at the door as long as the returned lock is held.
fn held(dir: &std::path::Path, options: Options) -> (Arc<SqliteStore>, Arc<Mutex<()>>) {
    let gate = Arc::new(Mutex::new(()));
    let hook = {
        let gate = Arc::clone(&gate);
        move |_, phase| {
            if phase == Phase::Begun {
                drop(gate.lock().unwrap());
            }
        }
    };
    let options = Options { on_commit: Some(Arc::new(hook)), ..options };
    (Arc::new(SqliteStore::open(&dir.join("state"), options).unwrap()), gate)
}

fn program(id: usize, bytes: usize) -> Vec<Op> {
    vec![Op::PutProgram { id: format!("p{id}"), bytes: vec![7; bytes] }]
}

/// Begins commits until the writer has taken one and `queue` wait.
async fn fill(
    store: &Arc<SqliteStore>,
    queue: usize,
    bytes: usize,
) -> Vec<tokio::task::JoinHandle<Result<Committed, StoreError>>> {
    let mut tasks = Vec::new();
    for n in 0..=queue {
        let store = Arc::clone(store);
        let (go, gone) = tokio::sync::oneshot::channel();
        tasks.push(tokio::spawn(async move {
            let commit = store.commit(program(n, bytes));
            let _ = go.send(());
            commit.await
        }));
        gone.await.unwrap();
        if n == 0 {
            // The first one is in the writer's hands, not in the queue.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_recovers() {
    let dir = tempdir().unwrap();
    let (store, gate) = held(dir.path(), Options { queue: 3, ..Options::default() });
    let closed = gate.lock().unwrap();
    let tasks = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(fill(&store, 3, 1)));
    let over = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(store.commit(program(9, 1))));
    assert!(matches!(&over, Err(StoreError::Full(why)) if why.contains("3 commits")), "{over:?}");
    assert_eq!((store.stats().waiting, store.stats().refused), (3, 1));
    drop(closed);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    store.commit(program(9, 1)).await.unwrap();
    assert_eq!(store.stats().waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_commits_are_bounded_in_bytes() {
    // 128 for the row; the first commit is in the writer's hands.
    for (room, fits) in [(0, false), (2 * 1128 - 1, false), (2 * 1128, true), (2 * 1128 + 1, true)] {
        let dir = tempdir().unwrap();
        let (store, gate) = held(dir.path(), Options { queue_bytes: room, ..Options::default() });
        let closed = gate.lock().unwrap();
        let tasks = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(fill(&store, 2, 1000)));
        drop(closed);
        let mut refused = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => {}
                Err(StoreError::Full(why)) => {
                    assert!(why.contains("bytes"), "{why}");
                    refused += 1;
                }
                Err(e) => panic!("{e}"),
            }
        }
        assert_eq!(refused, u32::from(!fits), "{room}");
    }
}

#[tokio::test]
async fn one_commit_is_bounded_in_bytes() {
    let dir = tempdir().unwrap();
    let options = Options { max_commit: 1000 + 128, ..Options::default() };
    let store = SqliteStore::open(&dir.path().join("state"), options).unwrap();
    store.commit(program(1, 999)).await.unwrap();
    store.commit(program(2, 1000)).await.unwrap();
    let over = store.commit(program(3, 1001)).await.unwrap_err();
    assert!(matches!(&over, StoreError::TooLarge(why) if why.contains("1128")), "{over:?}");
    store.commit(program(4, 1000)).await.unwrap();
    assert_eq!(store.program("p3").await.unwrap(), None);
}

#[tokio::test]
async fn values_nested_too_deep_to_be_read_again_are_refused() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.commit(vec![Op::PutRun(run("run_1"))]).await.unwrap();
    let nested = |levels: usize| (1..levels).fold(serde_json::json!(1), |v, _| serde_json::json!([v]));
    for (seq, levels) in [(1, 119), (2, 120)] {
        store
            .commit(vec![Op::AppendJournal(JournalRow { body: nested(levels), ..entry("run_1", seq) })])
            .await
            .unwrap();
    }
    let over = store.commit(vec![Op::AppendJournal(JournalRow { body: nested(121), ..entry("run_1", 3) })]).await;
    assert!(matches!(&over, Err(StoreError::Failed(why)) if why.contains("120")), "{over:?}");
    assert_eq!(store.journal("run_1", 0).await.unwrap().len(), 2);
}
