//! The runbooks of a fixture, checked and compiled with the connectors as they stand in `stdlib`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::hir::{FunctionKind, SettingOwner};
use rrb_lang::program::compile;
use rrb_lang::project::{Declared, ProjectConfig, parse, resolve_settings};
use rrb_lang::types::Type;
use rrb_lang::vm::protocol::SettingValues;

use super::Fixture;

/// What every project of a fixture has.
const PEOPLE: &str = "\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n";

/// A fixture's runbooks, ready to run.
pub struct Program {
    pub program: Arc<rrb_lang::program::Program>,
    pub settings: SettingValues,
    pub project: Arc<ProjectConfig>,
    /// The names of the connectors that the fixture's connector module declares.
    pub connectors: Vec<String>,
    actions: Vec<String>,
}

impl Program {
    /// The names of the runbooks.
    pub fn cases(&self) -> Vec<String> {
        self.program.runbooks.iter().map(|r| r.name.to_string()).collect()
    }

    /// Owner, name and type of the settings of the fixture's own connectors.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str, &Type)> {
        self.program.settings.iter().filter_map(|s| match &s.owner {
            SettingOwner::Connector(name) if self.connectors.iter().any(|c| c == name) => {
                Some((name.as_str(), s.name.as_str(), s.ty.as_ref()))
            }
            _ => None,
        })
    }

    /// The actions of the fixture's own connectors, `slack.post`.
    pub fn actions(&self) -> Vec<String> {
        self.actions.clone()
    }
}

/// Checks and compiles a fixture whose double is at `url`.
///
/// # Errors
/// What the check says.
pub fn build(fixture: &Fixture, url: &str) -> Result<Program, String> {
    let modules = modules(&fixture.root, &fixture.calls)?;
    let own = modules.iter().find(|m| m.name == format!("std.{}", fixture.name)).map(|m| connectors(&m.text));
    let toml = format!("{}{PEOPLE}", fixture.project(url)?);
    let (project, said) = parse(PROJECT_FILE, &toml);
    if !said.is_empty() {
        return Err(format!("rrb.toml: {}", said.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")));
    }
    let checked = check(CheckInput { modules, project: project.clone() });
    let shown = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let Some(program) = &checked.program else { return Err(shown()) };
    let program = compile(program, &checked.sources).map_err(|e| format!("{e:?}\n{}", shown()))?;
    let constant = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
    let settings = resolve_settings(declared, &project, &BTreeMap::new())
        .map_err(|d| d.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "))?;
    let own = own.unwrap_or_default();
    let actions = actions(&checked, &own);
    Ok(Program { program: Arc::new(program), settings, project: Arc::new(project), connectors: own, actions })
}

/// A module `main` of this text, with what it uses of `stdlib` as it stands beside the clone: a connector is tried without building
/// anything.
///
/// # Errors
/// When a file cannot be read.
pub fn modules(root: &Path, text: &str) -> Result<Vec<ModuleSource>, String> {
    let mut modules = vec![ModuleSource { name: "main".into(), file: "calls.rrb".into(), text: text.into() }];
    let mut at = 0;
    while let Some(module) = modules.get(at) {
        at += 1;
        let text = Arc::clone(&module.text);
        for used in uses(&text) {
            let name = format!("std.{used}");
            let path = root.join(format!("stdlib/{used}.rrb"));
            if modules.iter().any(|m| m.name == name) || !path.exists() {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            modules.push(ModuleSource { name: name.into(), file: format!("stdlib/{used}.rrb"), text: text.into() });
        }
    }
    Ok(modules)
}

fn uses(text: &str) -> Vec<String> {
    static USE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^\s*use std\.([a-z0-9_]+)").expect("a pattern"));
    USE.captures_iter(text).map(|c| c[1].to_owned()).collect()
}

fn connectors(text: &str) -> Vec<String> {
    static CONNECTOR: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^connector ([a-z0-9_]+)").expect("a pattern"));
    CONNECTOR.captures_iter(text).map(|c| c[1].to_owned()).collect()
}

fn actions(checked: &rrb_lang::check::Checked, connectors: &[String]) -> Vec<String> {
    let Some(program) = &checked.program else { return Vec::new() };
    let all = program.functions.iter().filter_map(|f| {
        let FunctionKind::Action(action) = &f.kind else { return None };
        let owner = program.connectors.get(action.connector?.index())?;
        connectors.iter().any(|c| *c == owner.name).then(|| f.name.to_string())
    });
    let mut all: Vec<String> = all.collect();
    all.sort();
    all
}
