//! Links from one page to another.

use rrb_lang::hir;
use rrb_lang::ids::RunbookId;

use super::facts::Facts;
use super::markdown::plain;

/// Where the pages of runbooks are.
pub struct Links<'a> {
    facts: &'a Facts<'a>,
    /// `md`, `html`; none for a page that stands alone.
    extension: Option<&'a str>,
}

impl<'a> Links<'a> {
    /// Links to pages with this ending, or only names.
    pub fn new(facts: &'a Facts<'a>, extension: Option<&'a str>) -> Self {
        Self { facts, extension }
    }

    /// A runbook by its name, as a link where there are pages.
    pub fn runbook(&self, id: RunbookId) -> String {
        self.facts.program.runbooks.get(id.index()).map(|r| self.to(r)).unwrap_or_default()
    }

    /// The same for a runbook at hand.
    pub fn to(&self, runbook: &hir::Runbook) -> String {
        let name = plain(&runbook.name);
        match self.extension {
            Some(extension) => format!("[{name}]({}.{extension})", file_name(self.facts, runbook)),
            None => format!("**{name}**"),
        }
    }
}

/// The file of a runbook's page, without its ending: the name, with the module where two have the same. `index` is taken.
pub fn file_name(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let same = facts.program.runbooks.iter().filter(|r| r.name == runbook.name).count();
    if same > 1 || runbook.name == "index" {
        format!("{}.{}", runbook.module, runbook.name)
    } else {
        runbook.name.to_string()
    }
}
