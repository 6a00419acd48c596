//! The programs that the canary is put under.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_cli::project::Place;
use rrb_lang::check::{CheckInput, Files, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::plain;
use rrb_lang::program::{Program, compile};
use rrb_lang::project::{self, Declared, ProjectConfig};
use rrb_lang::vm::protocol::SettingValues;

use super::generate;

/// A program that can be loaded.
pub struct Sound {
    pub name: String,
    pub program: Arc<Program>,
    pub settings: SettingValues,
    pub project: Arc<ProjectConfig>,
    /// Its sources: what stands in conditions makes events that meet them.
    pub text: String,
}

impl Sound {
    /// As the command line has it.
    pub fn for_commands(&self) -> rrb_cli::project::Sound {
        rrb_cli::project::Sound {
            place: Place { root: PathBuf::new(), single: None },
            project: Arc::clone(&self.project),
            program: Arc::clone(&self.program),
            settings: self.settings.clone(),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, ends: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|p| p.to_str().is_some_and(|p| p.ends_with(ends)));
    all.sort();
    all
}

fn module(path: &Path) -> ModuleSource {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    ModuleSource { name: stem.into(), file: format!("{stem}.rrb"), text: std::fs::read_to_string(path).unwrap().into() }
}

fn sound(name: &str, modules: Vec<ModuleSource>, toml: &str, delegates: Files) -> Sound {
    let (config, wrong) = project::parse(PROJECT_FILE, toml);
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    let text = modules.iter().map(|m| m.text.to_string()).collect();
    let around = Surroundings { project_text: Some(toml.into()), now: Some(1_764_000_000_000), files: Some(delegates) };
    let checked = check_in(CheckInput { modules, project: config.clone() }, around);
    let tree =
        checked.program.unwrap_or_else(|| panic!("{name}: {}", plain::render(&checked.diagnostics, &checked.sources)));
    let program = compile(&tree, &checked.sources).unwrap();
    let declared =
        Declared { settings: &program.settings, types: &program.types, constants: &|id| program.constant(id).cloned() };
    let env: BTreeMap<String, String> = [("RRB_CHAT_TOKEN".to_owned(), "env:CHAT".to_owned())].into();
    let settings = match project::resolve_settings(declared, &config, &env) {
        Ok(settings) => settings,
        Err(wrong) => panic!("{name}: {}", plain::render(&wrong, &checked.sources)),
    };
    Sound { name: name.to_owned(), program: Arc::new(program), settings, project: Arc::new(config), text }
}

/// The example projects, without their tests.
pub fn examples() -> Vec<Sound> {
    let folders: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("rrb.toml").is_file())
        .collect();
    assert!(folders.len() >= 2);
    folders
        .iter()
        .map(|folder| {
            let modules = files(folder, ".rrb").iter().map(|p| module(p)).collect();
            let policies = folder.join("policies");
            let delegates = match policies.is_dir() {
                true => delegates(&policies, "policies"),
                false => Files::default(),
            };
            let toml = std::fs::read_to_string(folder.join("rrb.toml")).unwrap();
            sound(&folder.display().to_string(), modules, &toml, delegates)
        })
        .collect()
}

fn delegates(folder: &Path, shown: &str) -> Files {
    [".rego", ".cedar"]
        .iter()
        .flat_map(|ends| files(folder, ends))
        .map(|p| {
            let name = format!("{shown}/{}", p.file_name().unwrap().to_str().unwrap());
            (name, Ok(std::fs::read_to_string(p).unwrap().into()))
        })
        .collect()
}

/// The right programs of the checker's fixtures that have a runbook.
pub fn fixtures() -> Vec<Sound> {
    let folder = root().join("src/lang/tests/check");
    let kit: Vec<PathBuf> = files(&folder.join("kit"), ".rrb");
    let all = files(&folder.join("ok"), ".rrb");
    all.iter()
        .filter(|p| std::fs::read_to_string(p).unwrap().contains("\nrunbook "))
        .map(|path| {
            let own = path.with_extension("toml");
            let toml = std::fs::read_to_string(&own)
                .unwrap_or_else(|_| std::fs::read_to_string(folder.join("kit/rrb.toml")).unwrap());
            let modules = std::iter::once(module(path)).chain(kit.iter().map(|p| module(p))).collect();
            sound(&path.display().to_string(), modules, &toml, delegates(&folder.join("kit"), "policies"))
        })
        .collect()
}

/// Some generated runbooks.
pub fn generated(seed: u64) -> Sound {
    let text = generate::module(seed);
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    sound(&format!("seed {seed}"), vec![module], generate::PROJECT, Files::default())
}
