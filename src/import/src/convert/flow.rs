//! Steps that lead to each other, as nested statements: or, where they lead back or across, as a loop over their names.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use crate::text::quoted;

/// What is written as nested statements; more is a loop.
const MAX_NESTED: usize = 200;
/// How deep branches nest.
const MAX_DEPTH: usize = 24;
/// The most rounds of the loop.
const MAX_ROUNDS: usize = 10_000;

/// Where a step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Step(usize),
    End,
}

/// What follows a step.
#[derive(Debug, Clone)]
pub enum Edge {
    To(Target),
    /// The first condition that is true, and what follows when none is.
    Branch(Vec<(String, Target)>, Target),
    /// The step may fail.
    Try {
        ok: Target,
        failed: Target,
    },
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    pub name: String,
    /// Statements.
    pub code: String,
    pub edge: Edge,
}

impl Step {
    fn targets(&self) -> Vec<Target> {
        match &self.edge {
            Edge::To(target) => vec![*target],
            Edge::Branch(arms, otherwise) => arms.iter().map(|(_, t)| *t).chain([*otherwise]).collect(),
            Edge::Try { ok, failed } => vec![*ok, *failed],
        }
    }
}

/// The steps that can be reached, as statements. `end` is what stands where all is over before the last statement; where there
/// is none, because only a part of the run is over, a loop is written. `at` is the name of its variable.
pub fn write(steps: &[Step], start: Target, end: Option<&str>, at: &str) -> String {
    let reached = reached(steps, start);
    if reached.len() <= MAX_NESTED && !leads_back(steps, start) {
        let mut nested = Nested { steps, end, written: 0, most: reached.len() * 2 + 16 };
        if let Some(text) = nested.from(start, None, true, 0) {
            return text;
        }
    }
    looped(steps, &reached, start, at)
}

/// The steps that can be reached.
pub fn reached(steps: &[Step], start: Target) -> BTreeSet<usize> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(target) = open.pop() {
        let Target::Step(at) = target else { continue };
        if let Some(step) = steps.get(at).filter(|_| seen.insert(at)) {
            open.extend(step.targets());
        }
    }
    seen
}

/// Whether a step leads to itself, over whatever others.
fn leads_back(steps: &[Step], start: Target) -> bool {
    // Depth first without recursion: true where a step is open that leads to an open one.
    let Target::Step(first) = start else { return false };
    let (mut done, mut open): (BTreeSet<usize>, Vec<(usize, usize)>) = (BTreeSet::new(), vec![(first, 0)]);
    let mut path = BTreeSet::from([first]);
    while let Some((at, next)) = open.last_mut() {
        let targets = steps.get(*at).map(Step::targets).unwrap_or_default();
        let Some(target) = targets.get(*next) else {
            path.remove(at);
            done.insert(*at);
            open.pop();
            continue;
        };
        *next += 1;
        if let Target::Step(to) = *target {
            if path.contains(&to) {
                return true;
            }
            if !done.contains(&to) {
                path.insert(to);
                open.push((to, 0));
            }
        }
    }
    false
}

struct Nested<'s> {
    steps: &'s [Step],
    end: Option<&'s str>,
    written: usize,
    most: usize,
}

impl Nested<'_> {
    /// Statements from a step up to another; none when they would be too many or too deep.
    fn from(&mut self, from: Target, stop: Option<usize>, last: bool, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (mut out, mut target) = (String::new(), from);
        loop {
            let Target::Step(at) = target else {
                if !last {
                    let _ = writeln!(out, "{}", self.end?);
                }
                return Some(out);
            };
            if Some(at) == stop {
                return Some(out);
            }
            let step = self.steps.get(at)?;
            self.written += 1;
            if self.written > self.most {
                return None;
            }
            let (arms, otherwise) = match &step.edge {
                Edge::To(next) => {
                    out.push_str(&step.code);
                    target = *next;
                    continue;
                }
                Edge::Try { ok, failed } if ok == failed => {
                    let _ = writeln!(out, "{}", tried(step, None));
                    target = *ok;
                    continue;
                }
                Edge::Try { ok, failed } => {
                    let name = format!("ok_{}", self.written);
                    let _ = writeln!(out, "{}", tried(step, Some(&name)));
                    (vec![(name, *ok)], *failed)
                }
                Edge::Branch(arms, otherwise) => {
                    out.push_str(&step.code);
                    (arms.clone(), *otherwise)
                }
            };
            let meet = self.meeting(&arms, otherwise, stop);
            let (inner_stop, inner_last) = (meet.or(stop), last && meet.is_none());
            // Where only one thing is to be done when the one condition is not so, it is asked the other way round.
            if let [(condition, to)] = arms.as_slice() {
                let (yes, no) = (
                    self.from(*to, inner_stop, inner_last, depth + 1)?,
                    self.from(otherwise, inner_stop, inner_last, depth + 1)?,
                );
                let _ = match (yes.trim().is_empty(), no.trim().is_empty()) {
                    (_, true) => writeln!(out, "if {condition} {{\n{yes}}}"),
                    (true, false) => writeln!(out, "if not ({condition}) {{\n{no}}}"),
                    (false, false) => writeln!(out, "if {condition} {{\n{yes}}} else {{\n{no}}}"),
                };
                match meet {
                    Some(step) => target = Target::Step(step),
                    None => return Some(out),
                }
                continue;
            }
            for (i, (condition, to)) in arms.iter().enumerate() {
                let body = self.from(*to, inner_stop, inner_last, depth + 1)?;
                let _ = writeln!(out, "{}if {condition} {{\n{body}}}", if i == 0 { "" } else { "else " });
            }
            let body = self.from(otherwise, inner_stop, inner_last, depth + 1)?;
            if !body.trim().is_empty() {
                let _ = writeln!(out, "else {{\n{body}}}");
            }
            match meet {
                Some(step) => target = Target::Step(step),
                None => return Some(out),
            }
        }
    }

    /// The next step that every way comes to which does not end before.
    fn meeting(&self, arms: &[(String, Target)], otherwise: Target, stop: Option<usize>) -> Option<usize> {
        let targets: Vec<Target> = arms.iter().map(|(_, t)| *t).chain([otherwise]).collect();
        let mut reach: HashMap<usize, usize> = HashMap::new();
        for target in &targets {
            for at in reached(self.steps, *target) {
                *reach.entry(at).or_default() += 1;
            }
        }
        let fits = |at: usize| targets.iter().all(|t| self.passes(*t, at, stop));
        let mut common: Vec<usize> = reach.iter().filter(|(at, n)| **n > 1 && fits(**at)).map(|(at, _)| *at).collect();
        common.sort_unstable();
        // Of those that all ways pass, the nearest leads to all others.
        let nearest = common.iter().find(|at| {
            let behind = reached(self.steps, Target::Step(**at));
            common.iter().all(|other| behind.contains(other))
        });
        nearest.copied().or_else(|| {
            let Target::Step(at) = otherwise else { return None };
            (Some(at) != stop && fits(at)).then_some(at)
        })
    }

    /// Whether every way from here ends, or comes to `at` before it comes to `stop`.
    fn passes(&self, from: Target, at: usize, stop: Option<usize>) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(target) = open.pop() {
            let Target::Step(here) = target else { continue };
            if here == at {
                continue;
            }
            if Some(here) == stop {
                return false;
            }
            if let Some(step) = self.steps.get(here).filter(|_| seen.insert(here)) {
                open.extend(step.targets());
            }
        }
        true
    }
}

/// The statements of a step of which a failure is caught; `name` is whether it went well.
fn tried(step: &Step, name: Option<&str>) -> String {
    let said = quoted(&format!("{} failed: ", step.name));
    let said = said.trim_end_matches('"');
    let Step { code, .. } = step;
    match name {
        Some(name) => format!("let {name} = try {{\n{code}true\n}} catch f {{\nlog {said}${{f.message}}\"\nfalse\n}}"),
        None => format!("try {{\n{code}}} catch f {{\nlog {said}${{f.message}}\"\n}}"),
    }
}

/// A loop over the names of the steps.
fn looped(steps: &[Step], reached: &BTreeSet<usize>, start: Target, var: &str) -> String {
    let name = |target: Target| match target {
        Target::Step(at) => steps.get(at).map_or_else(|| "\"\"".to_owned(), |s| quoted(&s.name)),
        Target::End => "\"\"".to_owned(),
    };
    let mut out =
        format!("var {var} = {}\nwhile {var} != \"\" max {MAX_ROUNDS} {{\n{var} = match {var} {{\n", name(start));
    for step in reached.iter().filter_map(|at| steps.get(*at)) {
        let _ = writeln!(out, "{} => {{", quoted(&step.name));
        match &step.edge {
            Edge::To(next) => {
                let _ = writeln!(out, "{}{}\n}}", step.code, name(*next));
            }
            Edge::Try { ok, failed } => {
                let _ = writeln!(
                    out,
                    "{}\nif ok {{ {} }} else {{ {} }}\n}}",
                    tried(step, Some("ok")),
                    name(*ok),
                    name(*failed)
                );
            }
            Edge::Branch(arms, otherwise) => {
                out.push_str(&step.code);
                for (condition, to) in arms {
                    let _ = write!(out, "if {condition} {{ {} }} else ", name(*to));
                }
                let _ = writeln!(out, "{{ {} }}\n}}", name(*otherwise));
            }
        }
    }
    out.push_str("_ => \"\",\n}\n}\n");
    out
}
