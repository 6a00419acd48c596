//! Counters at statements and at the ways that go on from a place; only in programs that are compiled to be tested.

use smol_str::SmolStr;

use super::{Compiler, index};
use crate::hir::{self, Stmt};
use crate::span::{Sources, Span};
use crate::stdlib;
use crate::vm::code::Op;
use crate::vm::covered::{CoverKind, CoverPoint};

/// The points so far.
#[derive(Default)]
pub(super) struct Cover {
    /// Off in functions that are not the project's.
    on: bool,
    points: Vec<(Span, Kind)>,
    groups: u32,
}

enum Kind {
    Statement,
    Word(u32, &'static str),
    /// As written there.
    Text(u32, Span),
}

impl Cover {
    /// Whether the code of `function` gets counters: that of the project does.
    pub(super) fn begin(&mut self, function: &hir::Function, sources: &Sources) {
        let file = sources.name(function.span.file);
        let native = stdlib::natives().iter().any(|(_, of, _)| *of == file);
        self.on = !native && stdlib::get(&function.module).is_none_or(|(of, _)| of != file);
    }

    pub(super) fn stop(&mut self) {
        self.on = false;
    }

    pub(super) fn points(self, sources: &Sources) -> Vec<CoverPoint> {
        self.points.into_iter().map(|(span, kind)| point(span, kind, sources)).collect()
    }
}

fn point(span: Span, kind: Kind, sources: &Sources) -> CoverPoint {
    let at = sources.line_col(span.file, span.start);
    let kind = match kind {
        Kind::Statement => CoverKind::Statement,
        Kind::Word(group, name) => CoverKind::Arm { group, name: SmolStr::new_static(name) },
        Kind::Text(group, written) => {
            let words: Vec<&str> = sources.text(written).split_whitespace().collect();
            CoverKind::Arm { group, name: words.join(" ").into() }
        }
    };
    CoverPoint { file: sources.name(span.file).into(), line: at.line, column: at.column, kind }
}

impl Compiler<'_, '_> {
    fn cover(&mut self, span: Span, kind: Kind) {
        let Some(cover) = self.tables.cover.as_mut().filter(|c| c.on) else { return };
        let n = index(cover.points.len());
        cover.points.push((span, kind));
        self.emit(Op::Cover { n });
    }

    /// A statement is reached.
    pub(super) fn cover_stmt(&mut self, stmt: &Stmt) {
        let span = match stmt {
            Stmt::Let { value, .. } | Stmt::Assign { value, .. } => value.span,
            Stmt::Evidence { name, .. } => name.span,
            Stmt::Log { text, .. } => text.span,
            Stmt::Expr(e) => e.span,
        };
        self.cover(span, Kind::Statement);
    }

    /// The last expression of a block is reached.
    pub(super) fn cover_value(&mut self, span: Span) {
        self.cover(span, Kind::Statement);
    }

    /// A place with several ways on.
    pub(super) fn ways(&mut self) -> u32 {
        let Some(cover) = self.tables.cover.as_mut().filter(|c| c.on) else { return 0 };
        cover.groups += 1;
        cover.groups - 1
    }

    /// One of the ways is taken.
    pub(super) fn cover_way(&mut self, group: u32, name: &'static str, span: Span) {
        self.cover(span, Kind::Word(group, name));
    }

    /// An arm is taken; its pattern is its name.
    pub(super) fn cover_arm(&mut self, group: u32, arm: &hir::Arm) {
        self.cover(arm.span, Kind::Text(group, arm.span));
    }
}
