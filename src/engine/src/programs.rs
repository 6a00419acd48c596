//! The programs in use: the one that new runs get, and those that older runs began with, taken from the store when they are needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::SettingValues;

use crate::code::{Code, Loader};
use crate::shared::{Core, lock};

/// What new runs get.
#[derive(Clone)]
pub struct Loaded {
    pub code: Arc<dyn Code>,
    pub settings: SettingValues,
    pub project: Arc<ProjectConfig>,
}

/// Every program in use.
pub struct Programs {
    core: Arc<Core>,
    loader: Arc<dyn Loader>,
    current: RwLock<Option<Arc<Loaded>>>,
    older: Mutex<HashMap<String, Weak<dyn Code>>>,
}

impl Programs {
    pub fn new(core: Arc<Core>, loader: Arc<dyn Loader>) -> Self {
        Self { core, loader, current: RwLock::new(None), older: Mutex::new(HashMap::new()) }
    }

    /// What new runs get; none before the first load.
    pub fn current(&self) -> Option<Arc<Loaded>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_current(&self, loaded: Arc<Loaded>) {
        lock(&self.older).insert(loaded.code.id().to_owned(), Arc::downgrade(&loaded.code));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
    }

    /// The program `id`.
    ///
    /// # Errors
    /// When the store does not have it, or this version cannot run it.
    pub async fn get(&self, id: &str) -> Result<Arc<dyn Code>, String> {
        if let Some(code) = lock(&self.older).get(id).and_then(Weak::upgrade) {
            return Ok(code);
        }
        let bytes = self.core.store.program(id).await.map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("the program `{id}` of this run is not in the store"))?;
        let code = self.loader.load(&bytes)?;
        let mut older = lock(&self.older);
        older.retain(|_, code| code.strong_count() > 0);
        older.insert(id.to_owned(), Arc::downgrade(&code));
        Ok(code)
    }
}
