//! Where a machine stands, for people: its threads, their calls, and the variables in scope. Nothing of it steers anything.

use serde::Serialize;
use smol_str::SmolStr;

use super::fiber::Fiber;
use super::machine::Machine;
use super::print;
use crate::json::Json;
use crate::value::Value;

/// One thread of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadView {
    /// As the timeline names the branch; empty for the main thread.
    pub branch: SmolStr,
    /// Innermost first.
    pub calls: Vec<CallView>,
}

/// A function in progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallView {
    pub function: SmolStr,
    /// None in programs that were compiled without it.
    pub place: Option<PlaceView>,
    pub variables: Vec<VariableView>,
}

/// A place in the sources; lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceView {
    pub file: SmolStr,
    pub line: u32,
    pub column: u32,
}

/// A variable in scope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariableView {
    pub name: SmolStr,
    #[serde(rename = "type")]
    pub ty: SmolStr,
    /// As evidence would show it: a secret as its reference.
    pub value: Json,
}

impl Machine {
    /// Every thread, the main one first.
    pub fn view(&self) -> Vec<ThreadView> {
        let mut threads: Vec<(u32, ThreadView)> =
            self.state.threads.iter().map(|(n, t)| (*n, self.thread_view(&t.branch.label, &t.fiber))).collect();
        threads.push((self.state.current, self.thread_view(&self.state.branch.label, &self.state.fiber)));
        threads.sort_by_key(|(n, _)| *n);
        threads.into_iter().map(|(_, view)| view).collect()
    }

    fn thread_view(&self, label: &SmolStr, fiber: &Fiber) -> ThreadView {
        let debug = self.program.debug.as_ref();
        let call = |frame: &super::fiber::Frame| {
            // A frame stands behind the instruction that it waits for.
            let pc = frame.pc.saturating_sub(1);
            let place = debug.and_then(|d| d.place(frame.function, pc));
            let value = |r: u16| fiber.stack.get(frame.base as usize + r as usize).unwrap_or(&Value::Nothing);
            let locals = debug.into_iter().flat_map(|d| d.locals(frame.function, pc));
            // A branch has those variables of the code around that it uses, and no others.
            let there = locals.filter(|l| *value(l.register) != Value::Nothing);
            let variables = there.map(|l| VariableView {
                name: l.name.clone(),
                ty: l.ty.clone(),
                value: print::shown(value(l.register)),
            });
            CallView {
                function: self.program.code(frame.function).map(|c| c.name.clone()).unwrap_or_default(),
                place: place.map(|p| PlaceView { file: p.file.name.clone(), line: p.line(), column: p.column() }),
                variables: variables.collect(),
            }
        };
        ThreadView { branch: label.clone(), calls: fiber.frames.iter().rev().map(call).collect() }
    }
}
