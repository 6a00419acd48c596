//! Which checks are under way, and whose result still counts.

use std::collections::HashMap;

use super::key::Key;

/// Checks at the same time: one, and the one before it when an edit came meanwhile. Whoever types does not wait for what is old.
pub const MOST: usize = 2;

/// A document of a project.
pub type Of = (Key, Key);

/// The checks that have begun and not ended.
#[derive(Debug, Default)]
pub struct Checks {
    begun: u64,
    open: usize,
    /// The check that the next one waits for.
    awaited: Option<u64>,
    /// The last check of each document that is being checked: of two the older may end later, and knows less.
    last: HashMap<Of, u64>,
}

impl Checks {
    /// Whether another check may begin.
    pub fn is_free(&self) -> bool {
        self.awaited.is_none() && self.open < MOST
    }

    /// A check begins; its number.
    pub fn begin(&mut self, of: Of) -> u64 {
        self.begun += 1;
        self.open += 1;
        self.awaited = Some(self.begun);
        self.last.insert(of, self.begun);
        self.begun
    }

    /// Something was edited: what is under way is about what was before, and need not be waited for.
    pub fn edited(&mut self) {
        self.awaited = None;
    }

    /// A check ended. Whether it is the last one of its document.
    pub fn end(&mut self, of: &Of, number: u64) -> bool {
        self.open = self.open.saturating_sub(1);
        self.awaited = self.awaited.filter(|n| *n != number);
        let counts = self.last.get(of) == Some(&number);
        if counts {
            self.last.remove(of);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Of {
        (Key::File("/p".into()), Key::File(format!("/p/{name}").into()))
    }

    #[test]
    fn one_check_waits_for_the_other_unless_something_was_edited() {
        let mut checks = Checks::default();
        let first = checks.begin(of("a"));
        assert!(!checks.is_free());
        checks.edited();
        assert!(checks.is_free());
        let second = checks.begin(of("b"));
        checks.edited();
        assert!(!checks.is_free(), "two are enough");
        assert!(checks.end(&of("a"), first) && checks.is_free());
        let third = checks.begin(of("c"));
        assert!(checks.end(&of("b"), second));
        assert!(!checks.is_free(), "the end of an old one frees nobody");
        assert!(checks.end(&of("c"), third) && checks.is_free());
    }

    #[test]
    fn of_two_checks_of_a_document_the_later_counts_whichever_ends_first() {
        let mut checks = Checks::default();
        let old = checks.begin(of("a"));
        checks.edited();
        let new = checks.begin(of("a"));
        assert!(checks.end(&of("a"), new));
        assert!(!checks.end(&of("a"), old), "it saw less");
        let old = checks.begin(of("a"));
        checks.edited();
        let new = checks.begin(of("a"));
        assert!(!checks.end(&of("a"), old) && checks.end(&of("a"), new));
        assert!(checks.last.is_empty());
    }
}
