//! What documents are made from: the typed program, its sources, the project, and the headers as written.

use rrb_lang::check::summary::{EffectSummary, summaries};
use rrb_lang::hir;
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::{Sources, Span};
use rrb_lang::syntax::ast::{HeaderClause, HeaderKind, ItemKind, Runbook};
use rrb_lang::syntax::{flat, parse};

/// A project that is documented.
pub struct Facts<'a> {
    pub program: &'a hir::Program,
    pub sources: &'a Sources,
    pub config: &'a ProjectConfig,
    pub effects: Vec<EffectSummary>,
    /// The trees of the runbooks, in the order of the program's.
    trees: Vec<Option<Box<Runbook>>>,
}

impl<'a> Facts<'a> {
    /// Of a program and the sources it was checked from.
    pub fn new(program: &'a hir::Program, sources: &'a Sources, config: &'a ProjectConfig) -> Self {
        let tree = |r: &hir::Runbook| {
            let source = sources.get(r.span.file)?;
            let items = parse(r.span.file, &source.text).module.items;
            items.into_iter().find_map(|item| match item.kind {
                ItemKind::Runbook(tree) if tree.name.name == r.name => Some(tree),
                _ => None,
            })
        };
        let trees = program.runbooks.iter().map(tree).collect();
        Self { program, sources, config, effects: summaries(program), trees }
    }

    /// Source on one line.
    pub fn source(&self, span: Span) -> String {
        flat(self.sources.text(span))
    }

    /// `relieve.rrb:38`
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.sources.name(span.file), self.sources.line_col(span.file, span.start).line)
    }

    /// The runbook as written.
    pub fn tree(&self, runbook: &hir::Runbook) -> Option<&Runbook> {
        let index = self.program.runbooks.iter().position(|r| std::ptr::eq(r, runbook))?;
        self.trees.get(index)?.as_deref()
    }

    /// What the runbook may do.
    pub fn effects(&self, runbook: &hir::Runbook) -> Option<&EffectSummary> {
        let index = self.program.runbooks.iter().position(|r| std::ptr::eq(r, runbook))?;
        self.effects.get(index)
    }

    /// The header's clauses.
    pub fn header(&self, runbook: &hir::Runbook) -> &[HeaderClause] {
        self.tree(runbook).map_or(&[], |t| t.header.as_slice())
    }

    /// The clauses that start the runbook, as written.
    pub fn triggers(&self, runbook: &hir::Runbook) -> Vec<String> {
        let starts = |c: &&HeaderClause| is_trigger(&c.kind);
        self.header(runbook).iter().filter(starts).map(|c| self.sources.text(c.span).to_owned()).collect()
    }

    /// One line for each way the runbook starts, for the first box of its flowchart.
    pub fn starts(&self, runbook: &hir::Runbook) -> Vec<String> {
        let mut lines: Vec<String> = self.triggers(runbook).iter().map(|t| flat(t)).collect();
        if lines.is_empty() {
            lines.push("started by hand".to_owned());
        }
        lines
    }
}

/// Whether a clause says when the runbook starts.
pub fn is_trigger(kind: &HeaderKind) -> bool {
    matches!(kind, HeaderKind::On(_) | HeaderKind::Every { .. } | HeaderKind::At { .. })
}
