//! Collects, while a function is compiled, what people see of it later.

use std::collections::BTreeMap;

use crate::hir::{self, LocalId};
use crate::span::{FileId, Sources, Span};
use crate::vm::code::{Pc, Reg};
use crate::vm::debug::{DebugFile, DebugInfo, FunctionDebug, LocalDebug};

/// What stands where in one function.
#[derive(Default)]
pub(super) struct Marks {
    at: Option<Span>,
    places: Vec<(Pc, Span)>,
    /// Variables that are in scope at this place, and since when.
    open: Vec<(LocalId, Pc)>,
    closed: Vec<(LocalId, Pc, Pc)>,
}

impl Marks {
    /// The code that follows is of this place; gives the one before.
    pub fn enter(&mut self, span: Span) -> Option<Span> {
        self.at.replace(span)
    }

    pub fn leave(&mut self, around: Option<Span>) {
        self.at = around;
    }

    /// An instruction stands at `pc`.
    pub fn mark(&mut self, pc: Pc) {
        let Some(span) = self.at else { return };
        if self.places.last().is_none_or(|(_, last)| *last != span) {
            self.places.push((pc, span));
        }
    }

    /// A scope begins.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn close(&mut self, mark: usize, pc: Pc) {
        for (local, from) in self.open.split_off(mark.min(self.open.len())) {
            self.closed.push((local, from, pc));
        }
    }

    /// From here on a variable has a value.
    pub fn bound(&mut self, local: LocalId, pc: Pc) {
        self.open.push((local, pc));
    }

    pub fn finish(mut self, program: &hir::Program, f: &hir::Function, end: Pc) -> FunctionDebug {
        self.close(0, end);
        let inputs = f.captures + f.params;
        self.closed.extend((0..inputs).map(|i| (LocalId(i), 0, end)));
        self.closed.sort_by_key(|(local, from, _)| (local.0, *from));
        let local = |(id, from, to): (LocalId, Pc, Pc)| {
            let local = f.locals.get(id.0 as usize)?;
            let ty = crate::types::shown(&program.types, &local.ty);
            let register = Reg::try_from(id.0).ok()?;
            Some(LocalDebug { name: local.name.clone(), ty: ty.into(), register, from, to })
        };
        // A span in another file than the function's own would be one of generated code.
        let places = self.places.into_iter().filter(|(_, s)| s.file == f.span.file);
        FunctionDebug {
            file: f.span.file.0,
            places: places.map(|(pc, s)| (pc, s.start, s.end)).collect(),
            locals: self.closed.into_iter().filter_map(local).collect(),
        }
    }
}

/// The whole: files are kept once, and only those that hold code.
pub(super) fn info(mut functions: Vec<FunctionDebug>, sources: &Sources) -> DebugInfo {
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut files = Vec::new();
    for function in &mut functions {
        if function.places.is_empty() {
            function.file = u32::MAX;
            continue;
        }
        let number = *numbers.entry(function.file).or_insert_with(|| {
            let source = sources.get(FileId(function.file));
            let file = source.map(|s| DebugFile { name: (&*s.name).into(), text: s.text.clone() });
            files.push(file.unwrap_or(DebugFile { name: "".into(), text: "".into() }));
            u32::try_from(files.len() - 1).unwrap_or(u32::MAX)
        });
        function.file = number;
    }
    DebugInfo { files, functions }
}
