//! Child runs: let in once, on the program and with the settings of their parent.

use std::sync::Arc;

use rrb_lang::vm::protocol::{ChildStart, EffectId, ParentRun, RunInput};
use serde::Deserialize;

use super::admit::Origin;
use super::book::Book;
use super::{Batch, Matcher};
use crate::programs::Loaded;
use crate::run::{children, gate};
use crate::shared::ChildBegun;
use crate::store::{RunRow, RunStatus};

/// How deep runs nest.
pub const MAX_DEPTH: u32 = 16;

impl Matcher {
    /// Lets a child in. Asked again after a crash it finds the child there.
    pub(super) async fn child(
        &mut self,
        parent: &RunRow,
        start: ChildStart,
        effect: &EffectId,
        batch: &mut Batch,
    ) -> ChildBegun {
        if let Some(row) = self.row(&start.child).await {
            let known = children::parent_of(&row).is_some_and(|p| p.run == parent.id.as_str());
            return match known {
                true => Ok(()),
                false => Err(("error", format!("a run `{}` exists already, and is no child of this one", row.id))),
            };
        }
        let depth = children::parent_of(parent).map_or(0, |p| p.depth) + 1;
        if depth > MAX_DEPTH {
            let why = format!("runs nest deeper than {MAX_DEPTH}: `{}` is not started", start.name);
            return Err(("depth", why));
        }
        let input = RunInput::deserialize(&parent.input).map_err(|e| ("error", e.to_string()))?;
        let book = self.book_of(parent, &input).await.map_err(|why| ("error", why))?;
        let party = gate::party(parent);
        let actor = format!("run:{}", parent.id);
        let origin = Origin {
            at: self.core.now(),
            event: None,
            requester: parent.requester.clone(),
            actor: &actor,
            counted: false,
            id: Some(start.child.to_string()),
            parent: Some(ParentRun {
                run: parent.id.as_str().into(),
                effect: effect.to_string().into(),
                awaited: start.awaited,
                depth,
                root: party.run.as_str().into(),
                root_created: party.created,
            }),
        };
        let admitted = self.admit(&book, start.runbook.index(), start.params, origin, batch).await;
        admitted.map(|_| ()).map_err(|no| (no.verdict, no.why))
    }

    /// The program of a run with its settings, whatever has been loaded since.
    async fn book_of(&self, run: &RunRow, input: &RunInput) -> Result<Arc<Book>, String> {
        let current = self.book.clone().ok_or("no program is loaded")?;
        if current.code().id() == run.program && current.loaded.settings == input.settings {
            return Ok(current);
        }
        let code = self.programs.get(&run.program).await?;
        let loaded = Loaded { code, settings: input.settings.clone(), project: current.loaded.project.clone() };
        Ok(Arc::new(Book::new(Arc::new(loaded))?))
    }

    /// Stops a child, whether it has begun or not. It counts once.
    pub(super) async fn stop_child(&mut self, child: &str, why: &str, by: &str, batch: &mut Batch) {
        let Some(row) = self.row(child).await else { return };
        match row.status {
            RunStatus::Done => {}
            RunStatus::Queued => self.end_unbegun(&row, why, by, batch),
            _ => batch.cancel(&row, why, by, self.core.now()),
        }
    }
}
