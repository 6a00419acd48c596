//! What people see of a program where it stands: its sources, which line an instruction comes from, and which variables are in scope.
//!
//! It is kept behind the program in its bytes and is no part of its content address: two projects that differ in the name of a
//! variable alone are the same program to a run. Programs that earlier versions stored have none; then less is shown.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::code::{Pc, Reg};
use crate::ids::FnId;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugInfo {
    /// The files that functions stand in.
    pub files: Vec<DebugFile>,
    /// By [`FnId`].
    pub functions: Vec<FunctionDebug>,
}

/// A source file as it was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugFile {
    /// `runbooks/disk.rrb`
    pub name: SmolStr,
    pub text: Arc<str>,
}

/// Of one function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDebug {
    /// In [`DebugInfo::files`].
    pub file: u32,
    /// From each of these instructions on the code belongs to these bytes of the file; sorted.
    pub places: Vec<(Pc, u32, u32)>,
    pub locals: Vec<LocalDebug>,
}

/// A variable, where it has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalDebug {
    pub name: SmolStr,
    /// As written: `List<Text>`.
    pub ty: SmolStr,
    pub register: Reg,
    pub from: Pc,
    /// Behind the last instruction that can see it.
    pub to: Pc,
}

/// Where an instruction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub file: &'a DebugFile,
    /// Bytes of the file.
    pub start: u32,
    pub end: u32,
}

impl DebugInfo {
    /// Where the instruction at `pc` comes from.
    pub fn place(&self, function: FnId, pc: Pc) -> Option<Place<'_>> {
        let debug = self.functions.get(function.index())?;
        let file = self.files.get(debug.file as usize)?;
        let n = debug.places.partition_point(|(from, ..)| *from <= pc);
        let (_, start, end) = *debug.places.get(n.checked_sub(1)?)?;
        Some(Place { file, start, end })
    }

    /// What the instructions from `from` up to `to` come from, all together.
    pub fn stretch(&self, function: FnId, from: Pc, to: Pc) -> Option<Place<'_>> {
        let first = self.place(function, from)?;
        let places = &self.functions.get(function.index())?.places;
        let inside = places.iter().filter(|(pc, ..)| (from..to).contains(pc));
        Some(inside.fold(first, |all, (_, start, end)| Place {
            start: all.start.min(*start),
            end: all.end.max(*end),
            ..all
        }))
    }

    /// The variables that are in scope at `pc`, in the order of their registers.
    pub fn locals(&self, function: FnId, pc: Pc) -> impl Iterator<Item = &LocalDebug> {
        let all = self.functions.get(function.index()).map_or(&[][..], |f| &f.locals);
        all.iter().filter(move |l| (l.from..l.to).contains(&pc))
    }
}

impl<'a> Place<'a> {
    /// The line, from 1.
    pub fn line(&self) -> u32 {
        let before = self.file.text.get(..self.start as usize).unwrap_or_default();
        u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> u32 {
        let before = self.file.text.get(..self.start as usize).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        u32::try_from(line.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// As written.
    pub fn text(&self) -> &'a str {
        self.file.text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// As written, in one line of at most `most` characters; without what belongs to the code around.
    pub fn short(&self, most: usize) -> String {
        let plain = self.text().trim_matches(|c: char| c.is_whitespace() || matches!(c, '{' | ','));
        let plain = plain.strip_suffix("=>").unwrap_or(plain).trim();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(most) {
            Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default().trim_end()),
            None => line,
        }
    }
}
