//! Links from one page to another.

use std::collections::HashSet;

use rrb_lang::hir;
use rrb_lang::ids::RunbookId;

use super::facts::Facts;
use super::markdown::plain;

/// Where the pages of runbooks are.
pub struct Links<'a> {
    facts: &'a Facts<'a>,
    /// `md`, `html`; none for a page that stands alone.
    extension: Option<&'a str>,
    /// Names that more than one runbook has.
    shared: HashSet<&'a str>,
}

impl<'a> Links<'a> {
    /// Links to pages with this ending, or only names.
    pub fn new(facts: &'a Facts<'a>, extension: Option<&'a str>) -> Self {
        let mut seen = HashSet::new();
        let names = facts.program.runbooks.iter().map(|r| r.name.as_str());
        Self { facts, extension, shared: names.filter(|n| !seen.insert(*n)).collect() }
    }

    /// A runbook by its name, as a link where there are pages.
    pub fn runbook(&self, id: RunbookId) -> String {
        self.facts.program.runbooks.get(id.index()).map(|r| self.to(r)).unwrap_or_default()
    }

    /// The same for a runbook at hand.
    pub fn to(&self, runbook: &hir::Runbook) -> String {
        let name = plain(&runbook.name);
        match self.extension {
            Some(extension) => format!("[{name}]({}.{extension})", self.file_name(runbook)),
            None => format!("**{name}**"),
        }
    }

    /// The file of a runbook's page, without its ending: the name, with the module where two have the same. `index` is taken.
    pub fn file_name(&self, runbook: &hir::Runbook) -> String {
        if self.shared.contains(runbook.name.as_str()) || runbook.name == "index" {
            format!("{}.{}", runbook.module, runbook.name)
        } else {
            runbook.name.to_string()
        }
    }
}
