//! A loaded program as the matcher uses it.

use std::sync::Arc;

use rrb_lang::hir::Runbook;
use rrb_lang::vm::protocol::Millis;

use super::index::Index;
use super::schedule::Schedule;
use crate::code::Code;
use crate::programs::Loaded;

/// What new events and runs are judged by.
pub struct Book {
    pub loaded: Arc<Loaded>,
    pub index: Index,
    pub schedules: Vec<Schedule>,
}

impl Book {
    /// Reads the tables of a program.
    ///
    /// # Errors
    /// When a schedule cannot be understood.
    pub fn new(loaded: Arc<Loaded>) -> Result<Self, String> {
        let index = Index::new(&*loaded.code);
        let mut schedules = Vec::new();
        for (n, runbook) in loaded.code.runbooks().iter().enumerate() {
            for trigger in &runbook.triggers {
                schedules.extend(Schedule::new(index.name(n), n, trigger)?);
            }
        }
        Ok(Self { loaded, index, schedules })
    }

    pub fn code(&self) -> &dyn Code {
        &*self.loaded.code
    }

    /// A runbook by its place.
    pub fn runbook(&self, n: usize) -> Option<&Runbook> {
        self.loaded.code.runbooks().get(n)
    }
}

/// A time by its name in UTC: what a firing of a schedule is known by.
pub fn firing_id(key: &str, nominal: Millis) -> String {
    format!("{key} @ {}", crate::run::gate::shown_time(nominal))
}
