//! Names that two files declare which do not see each other: runbooks, connectors and policies have names of their own in a project.
//!
//! `rrb check` finds them because it reads everything. Here a line tells whether it declares one, so that a project of thousands of files
//! need not be read for it.

use std::collections::HashMap;
use std::sync::Arc;

use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::span::{FileId, Span};

use super::Analysis;

/// What names must be apart, as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Runbook,
    Connector,
    Policy,
}

/// A name that a file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub kind: Kind,
    pub name: String,
    pub span: Span,
}

/// What the lines of a text declare at its margin.
pub fn declared(file: FileId, text: &str) -> Arc<[Declared]> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let head = [("runbook ", Kind::Runbook), ("connector ", Kind::Connector), ("policy ", Kind::Policy)];
        if let Some((word, kind)) = head.into_iter().find(|(word, _)| line.starts_with(word)) {
            let rest = line.get(word.len()..).unwrap_or_default();
            let start = at + word.len() + (rest.len() - rest.trim_start_matches(' ').len());
            let name: String =
                rest.trim_start_matches(' ').chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            if !name.is_empty() {
                let span = Span::new(file, place(start), place(start + name.len()));
                found.push(Declared { kind, name, span });
            }
        }
        at += line.len();
    }
    found.into()
}

impl Analysis {
    /// What else in the project has a name that this file declares: mine and the other, in the order of places.
    fn pairs(&self, file: FileId) -> Vec<(Declared, Declared)> {
        let own = self.inner.cache.declared(file, &self.text(file));
        if own.is_empty() {
            return vec![];
        }
        let mut names: HashMap<(Kind, &str), Vec<&Declared>> = HashMap::new();
        own.iter().for_each(|a| names.entry((a.kind, a.name.as_str())).or_default().push(a));
        let mut pairs = Vec::new();
        for (_, other) in self.modules().filter(|(_, other)| *other != file) {
            let theirs = self.inner.cache.declared(other, &self.text(other));
            for b in theirs.iter() {
                let same = names.get(&(b.kind, b.name.as_str())).into_iter().flatten();
                pairs.extend(same.map(|a| ((*a).clone(), b.clone())));
            }
        }
        pairs.sort_by_key(|(a, b)| (a.span.start, b.span.file));
        pairs
    }

    /// What is wrong with the names that an earlier file of the project declares, too, and of which nothing is said yet.
    pub(super) fn twins_in(&self, file: FileId, said: &[Diagnostic]) -> Vec<Diagnostic> {
        if self.module_name(file).is_none() {
            return vec![];
        }
        let mut found: Vec<Diagnostic> = Vec::new();
        for (mine, other) in self.pairs(file) {
            let known = |d: &Diagnostic| d.span() == mine.span && DUPLICATES.contains(&d.code);
            // Of two files the one whose name comes later is blamed, as by `rrb check`.
            let later = self.name(other.span.file) < self.name(file);
            if later && !said.iter().chain(&found).any(known) {
                found.push(twin(&mine, &other));
            }
        }
        found
    }

    /// The other files that declare a name of this one.
    pub(super) fn twins(&self, file: FileId) -> Vec<FileId> {
        self.pairs(file).into_iter().map(|(_, other)| other.span.file).collect()
    }
}

const DUPLICATES: [rrb_lang::diag::Code; 2] = [codes::NAME_DUPLICATE, codes::POLICY_DUPLICATE];

fn twin(mine: &Declared, other: &Declared) -> Diagnostic {
    let (code, many, why) = match mine.kind {
        Kind::Runbook => (
            codes::NAME_DUPLICATE,
            "runbooks",
            "a runbook is started by its name, so it has one of its own in the project",
        ),
        Kind::Connector => (
            codes::NAME_DUPLICATE,
            "connectors",
            "settings, policies and tests know a connector by its name: rename one",
        ),
        Kind::Policy => (
            codes::POLICY_DUPLICATE,
            "policies",
            "verdicts name the policy they come from, so it has a name of its own in the project",
        ),
    };
    let message = format!("there are two {many} called `{}`", mine.name);
    Diagnostic::error(code, message, mine.span, "again here").label(other.span, "first here").help(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn said(project: &Project, name: &str) -> Vec<String> {
        let analysis = project.analysis();
        let all = analysis.diagnostics(analysis.file(name).unwrap());
        all.iter().filter(|d| d.is_error()).map(|d| d.message.clone()).collect()
    }

    #[test]
    fn names_that_two_files_declare_are_found() {
        let mut project = Project::new(false);
        project
            .set("a.rrb", Some("runbook r() { finish resolved }\npolicy p { forbid destroys because \"x\" }\n".into()));
        project.set("b.rrb", Some("runbook  r() { finish resolved }\nrunbook q() { finish resolved }\n".into()));
        project.set("c.rrb", Some("policy p { forbid destroys because \"x\" }\nconnector r { }\n".into()));
        assert_eq!(said(&project, "a.rrb"), Vec::<String>::new());
        assert_eq!(said(&project, "b.rrb"), ["there are two runbooks called `r`"]);
        assert_eq!(said(&project, "c.rrb"), ["there are two policies called `p`"]);
        let analysis = project.analysis();
        let file = |name: &str| analysis.file(name).unwrap();
        assert_eq!(analysis.dependents(file("a.rrb")), [file("b.rrb"), file("c.rrb")]);
        // Renamed in the first file, it is wrong nowhere any more; and who was blamed is looked at again.
        project.set("a.rrb", Some("runbook s() { finish resolved }\n".into()));
        let analysis = project.analysis();
        assert!(analysis.dependents(file("a.rrb")).contains(&file("b.rrb")));
        assert_eq!(said(&project, "b.rrb"), Vec::<String>::new());
        assert_eq!(said(&project, "c.rrb"), Vec::<String>::new());
    }

    #[test]
    fn what_one_file_sees_is_said_once() {
        let mut project = Project::new(false);
        project.set("a.rrb", Some("fn one() -> Int { 1 }\nrunbook r() { finish resolved }\n".into()));
        let text = "use a\nrunbook r() { log \"${a.one()}\" finish resolved }\nrunbook r() { finish resolved }\n";
        project.set("b.rrb", Some(text.into()));
        let told = said(&project, "b.rrb");
        assert_eq!(told.iter().filter(|m| m.contains("two runbooks")).count(), 1, "{told:?}");
    }

    #[test]
    fn only_lines_at_the_margin_declare() {
        let file = FileId(3);
        let found = declared(
            file,
            "// runbook a\n runbook b\nrunbook   c(\nrunbook\nrunbook \npolicy d {\nconnectors e\r\nconnector f{\r\n",
        );
        let names: Vec<(Kind, &str, u32)> = found.iter().map(|d| (d.kind, d.name.as_str(), d.span.start)).collect();
        assert_eq!(names, [(Kind::Runbook, "c", 34), (Kind::Policy, "d", 61), (Kind::Connector, "f", 89)]);
    }
}
