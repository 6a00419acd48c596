//! Variables of a playbook: parameters and variables of the runbook, all of them texts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::convert::Module;
use crate::names::{self, Names};
use crate::pointer;
use crate::text::{escaped, plain, quoted};

/// A variable.
#[derive(Debug)]
struct Variable {
    name: String,
    value: Option<String>,
    /// Given from outside: a parameter.
    external: bool,
    at: String,
    own: String,
}

/// All of them, by the step that they belong to (or none) and their own names.
#[derive(Debug, Default)]
pub struct Variables {
    all: BTreeMap<(String, String), Variable>,
}

impl Variables {
    /// Those of the playbook and of its steps.
    pub fn read(root: &Map<String, Value>, workflow: &Map<String, Value>, module: &mut Module) -> Self {
        let mut all = BTreeMap::new();
        let mut taken = Names::with([
            "operators",
            "approval",
            "result",
            "failure",
            "denial",
            "events",
            "doc",
            "http",
            "exec",
            "reply",
            "written",
            "f",
            "at",
            "it",
        ]);
        let steps = workflow
            .iter()
            .map(|(id, s)| (id.as_str(), s.get("step_variables"), vec!["workflow", id, "step_variables"]));
        let playbook = [("", root.get("playbook_variables"), vec!["playbook_variables"])];
        for (step, variables, at) in playbook.into_iter().chain(steps) {
            for (own, spec) in variables.and_then(Value::as_object).into_iter().flatten() {
                let value = spec.get("value").filter(|v| !v.is_null());
                let value = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                let name = taken.take(&names::snake(own.trim_matches('_'), "value"));
                let at = pointer::of(&[at.as_slice(), &[own]].concat());
                let flag = |key: &str| spec.get(key).and_then(Value::as_bool) == Some(true);
                if crate::convert::is_secret(own) && value.is_some() {
                    module.notes.left_out(
                        "secret",
                        &at,
                        format!("the value of `{}`, which may be a secret", plain(own, 80)),
                    );
                }
                let value = value.filter(|_| !crate::convert::is_secret(own));
                let variable = Variable { name, value, external: flag("external"), at, own: own.clone() };
                all.insert((step.to_owned(), own.clone()), variable);
            }
        }
        Self { all }
    }

    /// The runbook's name for a variable, as a step sees it.
    pub fn name(&self, step: &str, own: &str) -> Option<&str> {
        let own = own.trim().trim_start_matches("$$").trim_end_matches("$$");
        let own = own.strip_suffix(":value").unwrap_or(own).trim_end_matches("$$");
        let of = |step: &str| self.all.get(&(step.to_owned(), own.to_owned()));
        of(step).or_else(|| of("")).map(|v| v.name.as_str())
    }

    /// A text in which variables stand, as an expression of type Text; `with` is called for each of them.
    pub fn text_with(&self, step: &str, text: &str, with: &mut dyn FnMut(&str) -> String) -> String {
        let mut out = String::from("\"");
        for (piece, variable) in self.pieces(step, text) {
            match variable {
                Some(name) => {
                    let _ = write!(out, "${{{}}}", with(name));
                }
                None => out.push_str(&escaped(piece)),
            }
        }
        out.push('"');
        out
    }

    /// A text in which variables stand, as an expression of type Text.
    pub fn value(&self, step: &str, text: &str) -> String {
        match self.pieces(step, text.trim()).as_slice() {
            [(_, Some(name))] => (*name).to_owned(),
            _ => self.text_with(step, text, &mut |name| name.to_owned()),
        }
    }

    /// Whether a variable stands in a text.
    pub fn has_any(&self, step: &str, text: &str) -> bool {
        self.pieces(step, text).iter().any(|(_, v)| v.is_some())
    }

    /// The parts of a text, each with the name of the variable that it is.
    fn pieces<'s>(&'s self, step: &str, text: &'s str) -> Vec<(&'s str, Option<&'s str>)> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(begin) = rest.find("__") {
            let behind = rest.get(begin + 2..).unwrap_or_default();
            let word =
                behind.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(behind.len());
            let own = rest.get(begin..begin + 2 + word).unwrap_or_default();
            // `__a____b__` are two: the shortest that is known counts.
            let known = own.match_indices("__").skip(1).find_map(|(at, _)| {
                let own = own.get(..at + 2)?;
                self.name(step, own).map(|name| (own.len(), name))
            });
            let before = rest.get(..begin).unwrap_or_default();
            let Some((length, name)) = known else {
                let (head, tail) = rest.split_at(begin + 2 + word);
                pieces.push((head, None));
                rest = tail;
                continue;
            };
            if !before.is_empty() {
                pieces.push((before, None));
            }
            pieces.push(("", Some(name)));
            let behind = rest.get(begin + length..).unwrap_or_default();
            rest = behind.strip_prefix(":value").unwrap_or(behind);
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push((rest, None));
        }
        pieces
    }

    /// The parameters, and the statements that declare the other variables. What the code does not name is left out.
    pub fn declared(&self, code: &str, module: &mut Module) -> (String, String) {
        let (mut needed, mut optional, mut vars) = (Vec::new(), Vec::new(), String::new());
        for variable in self.all.values() {
            let Variable { name, value, external, at, own } = variable;
            let value = value.as_ref().map(|v| quoted(v));
            if *external {
                match value {
                    Some(value) => optional.push(format!("{name}: Text = {value}")),
                    None => needed.push(format!("{name}: Text")),
                }
            } else if has_word(code, name) {
                let word = if assigned(code, name) { "var" } else { "let" };
                let _ = writeln!(vars, "{word} {name} = {}", value.unwrap_or_else(|| "\"\"".to_owned()));
            } else {
                let value = value.map(|v| format!(": {}", crate::text::shorten(&v, 100))).unwrap_or_default();
                module.notes.left_out("variable", at, format!("`{}`, which no step uses{value}", plain(own, 80)));
            }
        }
        needed.extend(optional);
        (needed.join(", "), vars)
    }
}

fn has_word(code: &str, name: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).and_then(|c| c.chars().next_back());
        !part(before) && !part(code.get(at + name.len()..).and_then(|c| c.chars().next()))
    })
}

fn assigned(code: &str, name: &str) -> bool {
    code.lines().any(|line| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(" = ")))
}
