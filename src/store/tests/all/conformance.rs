//! The engine's own checks of a store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use rrb_engine::compiled::Compiled;
use rrb_engine::run::{self, conformance_local::Local};
use rrb_engine::store::conformance::{self, Subject};
use rrb_store::{Options, SqliteStore};
use tempfile::{TempDir, tempdir};

struct Sqlite {
    dir: TempDir,
    made: AtomicU32,
}

impl Sqlite {
    fn folder(&self) -> PathBuf {
        self.dir.path().join(self.made.load(Ordering::Relaxed).to_string())
    }
}

#[async_trait]
impl Subject for Sqlite {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        self.made.fetch_add(1, Ordering::Relaxed);
        SqliteStore::open(&self.folder(), Options::default()).unwrap()
    }

    async fn reopen(&self, store: SqliteStore) -> SqliteStore {
        drop(store);
        SqliteStore::open(&self.folder(), Options::default()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_what_every_store_must() {
    conformance::all(&Sqlite { dir: tempdir().unwrap(), made: AtomicU32::new(0) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_on_sqlite_keep_the_rules_of_every_host() {
    let program = rrb_lang::program::compile(&rrb_lang::hir::Program::default(), &Default::default()).unwrap();
    let code = Arc::new(Compiled(Arc::new(program)));
    let stores = Sqlite { dir: tempdir().unwrap(), made: AtomicU32::new(0) };
    run::conformance::all(&mut Local::new(stores, code).await).await;
}
