//! What documents are made from: the typed program, its sources, the project, and the declarations as written.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use rrb_lang::check::summary::{EffectSummary, summaries};
use rrb_lang::hir;
use rrb_lang::ids::{ConstId, FnId};
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::{FileId, Sources, Span};
use rrb_lang::syntax::ast::{HeaderClause, HeaderKind, Item, ItemKind, NamedArg, Runbook};
use rrb_lang::syntax::{flat, parse};

/// A project that is documented.
pub struct Facts<'a> {
    pub program: &'a hir::Program,
    pub sources: &'a Sources,
    pub config: &'a ProjectConfig,
    pub effects: Vec<EffectSummary>,
    declared: OnceCell<Declared>,
}

/// The declarations as written, by file and name.
#[derive(Default)]
struct Declared {
    runbooks: HashMap<(FileId, String), Arc<Runbook>>,
    /// The whole of an `action`, a `fn` and a `let`, by its file and the place of its name.
    items: HashMap<(FileId, u32), Span>,
}

impl Declared {
    fn add(&mut self, file: FileId, items: Vec<Item>) {
        for item in items {
            let name = match item.kind {
                ItemKind::Runbook(tree) => {
                    self.runbooks.insert((file, tree.name.name.to_string()), tree);
                    continue;
                }
                ItemKind::Connector(connector) => {
                    self.add(file, connector.items);
                    continue;
                }
                ItemKind::Action(action) => action.name.clone(),
                ItemKind::Fn(function) => function.name.clone(),
                ItemKind::Const(constant) => constant.name,
                ItemKind::Use(_)
                | ItemKind::Settings(_)
                | ItemKind::Type(_)
                | ItemKind::Enum(_)
                | ItemKind::Event(_)
                | ItemKind::Policy(_)
                | ItemKind::Test(_)
                | ItemKind::Bad => continue,
            };
            self.items.insert((file, name.span.start), item.span);
        }
    }
}

impl<'a> Facts<'a> {
    /// Of a program and the sources it was checked from.
    pub fn new(program: &'a hir::Program, sources: &'a Sources, config: &'a ProjectConfig) -> Self {
        Self { program, sources, config, effects: summaries(program), declared: OnceCell::new() }
    }

    fn declared(&self) -> &Declared {
        self.declared.get_or_init(|| {
            let mut out = Declared::default();
            for (file, source) in self.sources.iter().filter(|(_, s)| s.name.ends_with(".rrb")) {
                out.add(file, parse(file, &source.text).module.items);
            }
            out
        })
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
        self.declared().runbooks.get(&(runbook.span.file, runbook.name.to_string())).map(|t| &**t)
    }

    /// The whole declaration of a function, indented as its first line.
    pub fn function_source(&self, id: FnId) -> Option<String> {
        let span = self.program.functions.get(id.index())?.span;
        self.declaration(span)
    }

    /// The whole `let` of a constant; none for what is no declaration of its own, as the default of a parameter.
    pub fn constant_source(&self, id: ConstId) -> Option<String> {
        let value = self.program.constants.get(id.index())?.value.expr.span;
        let holds = |(file, span): (&(FileId, u32), &Span)| {
            (file.0 == value.file && span.start <= value.start && value.end <= span.end).then_some(*span)
        };
        let span = self.declared().items.iter().filter_map(holds).min_by_key(|s| s.end - s.start)?;
        let text = self.sources.text(span);
        text.starts_with("let ").then(|| unindented(text))
    }

    fn declaration(&self, name: Span) -> Option<String> {
        self.declared().items.get(&(name.file, name.start)).map(|whole| unindented(self.sources.text(*whole)))
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
        let clauses = self.header(runbook).iter().filter(|c| trigger(&c.kind).is_some());
        clauses.map(|c| unindented(self.sources.text(c.span))).collect()
    }

    /// One line for each way the runbook starts, without what it takes from its event.
    pub fn starts(&self, runbook: &hir::Runbook) -> Vec<String> {
        let line = |c: &HeaderClause| {
            let with = trigger(&c.kind)?.first();
            let first = with.map(|a| a.name.as_ref().map_or(a.value.span, |n| n.span));
            let end = first.map_or(c.span.end, |s| s.start);
            let text = self.source(Span { end, ..c.span });
            Some(match with {
                Some(_) => text.trim_end().trim_end_matches("with").trim_end().to_owned(),
                None => text,
            })
        };
        let lines: Vec<String> = self.header(runbook).iter().filter_map(line).collect();
        if lines.is_empty() { vec!["started by hand".to_owned()] } else { lines }
    }
}

/// What a clause that starts a runbook hands to it; none for the other clauses.
pub fn trigger(kind: &HeaderKind) -> Option<&[NamedArg]> {
    match kind {
        HeaderKind::On(on) => Some(&on.with),
        HeaderKind::OnSeveral(several) => Some(&several.with),
        HeaderKind::Every { with, .. } | HeaderKind::At { with, .. } => Some(with),
        HeaderKind::Owner(_)
        | HeaderKind::Severity(_)
        | HeaderKind::Tags(_)
        | HeaderKind::Controls(_)
        | HeaderKind::Dedupe { .. }
        | HeaderKind::Limit { .. }
        | HeaderKind::Concurrency { .. }
        | HeaderKind::Timeout(_)
        | HeaderKind::GiveUp { .. }
        | HeaderKind::CancelWhen { .. }
        | HeaderKind::NoRollback
        | HeaderKind::Shadow => None,
    }
}

/// Source whose later lines keep only what they are further in than the least of them.
fn unindented(source: &str) -> String {
    let mut lines = source.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let spaces = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let least = lines.clone().filter(|l| !l.trim().is_empty()).map(spaces).min().unwrap_or(0);
    // A clause's later lines stand below its first word; a block ends where its first line begins.
    let keep = if source.trim_end().ends_with('}') { least } else { least.saturating_sub(2) };
    lines.fold(first, |out, line| format!("{out}\n{}", line.get(keep..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::unindented;

    #[test]
    fn source_from_further_in_moves_out() {
        assert_eq!(unindented("on x\n    where y\n      and z"), "on x\n  where y\n    and z");
        assert_eq!(unindented("action a {\n    b\n\n  }"), "action a {\n  b\n\n}");
        assert_eq!(unindented("one"), "one");
    }
}
