//! Which events a program listens to: a source that nobody hears need not be read.

use smol_str::SmolStr;

use super::image::Program;
use crate::ids::EventId;

impl Program {
    /// The events of triggers, of `cancel when`, `wait for` and `during … on`, each with the instance when only one is meant.
    pub fn heard(&self) -> Vec<(EventId, Option<SmolStr>)> {
        let triggers = self.runbooks.iter().flat_map(|r| &r.triggers).flat_map(|t| t.kind.events());
        let triggers = triggers.map(|(event, instance)| (event, instance.cloned()));
        let cancels = self.runbooks.iter().flat_map(|r| &r.cancel_when).map(|c| (c.event, c.instance.clone()));
        let waits = self.functions.iter().flat_map(|f| &f.waits).map(|w| &w.watch);
        let handlers = self.functions.iter().flat_map(|f| &f.durings).flat_map(|d| &d.handlers).map(|h| &h.watch);
        let watched = waits.chain(handlers).map(|w| (w.event, w.instance.clone()));
        let mut all: Vec<_> = triggers.chain(cancels).chain(watched).collect();
        all.sort();
        all.dedup();
        all
    }
}
