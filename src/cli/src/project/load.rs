//! From files to a checked program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rrb_engine::policy::check_delegates;
use rrb_lang::check::cost::{self, WindowCost};
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in, module_name, without_tests};
use rrb_lang::diag::{Diagnostic, Severity, codes};
use rrb_lang::ids::ConstId;
use rrb_lang::program::{Program, compile};
use rrb_lang::project::{Declared, ProjectConfig, at_their_use, hide_secrets, resolve_settings, settings_known};
use rrb_lang::span::Sources;
use rrb_lang::vm::protocol::SettingValues;

use super::{CONFIG, Files, ModuleFile, Place, Unreadable, collect};
use crate::exit::CliError;

/// A project as it was read and checked.
#[derive(Debug)]
pub struct Loaded {
    pub place: Place,
    pub config: Arc<ProjectConfig>,
    pub sources: Sources,
    /// What is wrong, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Files of the project that cannot be read: as bad as an error.
    pub unreadable: Vec<Unreadable>,
    /// Files that were looked at.
    pub files: usize,
    /// Milliseconds it took.
    pub millis: u128,
    /// What its triggers may come to hold; none when it does not check.
    pub windows: Option<Vec<WindowCost>>,
    /// The typed tree, for documents; none when there is an error.
    pub typed: Option<rrb_lang::hir::Program>,
    sound: Option<Sound>,
}

/// A project that may run.
#[derive(Debug, Clone)]
pub struct Sound {
    pub place: Place,
    pub project: Arc<ProjectConfig>,
    pub program: Arc<Program>,
    pub settings: SettingValues,
}

impl Loaded {
    /// What may run; none when there is an error.
    pub fn sound(&self) -> Option<Sound> {
        self.sound.clone()
    }
}

/// Reads, checks and compiles the project, with the settings that `rrb.toml` and the environment give.
///
/// # Errors
/// When it cannot be read at all; mistakes in it are diagnostics.
pub fn load(place: &Place) -> Result<Loaded, CliError> {
    read(place, true, None)
}

/// Reads and checks the project for its tests: what the environment would have to give is not asked for, and nothing runs live.
///
/// # Errors
/// As [`load`].
pub fn load_for_tests(place: &Place) -> Result<Loaded, CliError> {
    read(place, false, None)
}

/// As [`load_for_tests`], with this file as it would be.
///
/// # Errors
/// As [`load`].
pub fn load_with(place: &Place, file: ModuleFile) -> Result<Loaded, CliError> {
    read(place, false, Some(file))
}

fn read(place: &Place, live: bool, with: Option<ModuleFile>) -> Result<Loaded, CliError> {
    let began = Instant::now();
    let mut files = collect(place)?;
    if let Some(file) = with {
        files.modules.retain(|m| m.name != file.name);
        files.modules.push(file);
        files.modules.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let count = files.modules.len() + usize::from(files.config.is_some());
    let (config, mut diagnostics) = read_config(&files);
    let modules = modules(place, &mut files);
    let around = surroundings(&files);
    // What only tests bring in is no part of the program that runs, so that tests do not change its content address.
    let lean = without_tests(&modules).filter(|_| live);
    let lean = lean.map(|modules| (CheckInput { modules, project: config.clone() }, around.clone()));
    let checked = check_in(CheckInput { modules, project: config.clone() }, around);
    // Without the project's users, groups and settings the checker would blame the runbooks for what the file's own mistake hides.
    let hides = [codes::PROJECT_SYNTAX, codes::PROJECT_TOO_LARGE, codes::PROJECT_DUPLICATE_KEY];
    let unread = diagnostics.iter().any(|d| hides.contains(&d.code));
    let hidden = |d: &Diagnostic| ["rrb::approval::", "rrb::setting::"].iter().any(|c| d.code.name().starts_with(c));
    diagnostics.extend(checked.diagnostics.into_iter().filter(|d| !unread || !hidden(d)));
    let config = Arc::new(config);
    let mut sources = checked.sources;
    let program = checked.program.filter(|_| !has_errors(&diagnostics));
    let windows = program.as_ref().map(|p| cost::windows(&p.runbooks));
    let mut sound = None;
    if let Some(program) = program.as_ref().filter(|_| live) {
        let lean = lean.map(|(input, around)| check_in(input, around));
        let lean = lean.as_ref().and_then(|c| Some((c.program.as_ref()?, &c.sources)));
        let compiled = lean.map_or_else(|| compile(program, &sources), |(program, sources)| compile(program, sources));
        let made = compiled.and_then(|program| {
            let wrong = check_delegates(&program, &mut sources);
            if has_errors(&wrong) {
                return Err(wrong);
            }
            let settings = settings(&program, &config).map_err(|mut wrong| {
                at_their_use(&mut wrong, &sources);
                hide_secrets(&wrong, &mut sources);
                wrong
            })?;
            Ok(Sound { place: place.clone(), project: Arc::clone(&config), program: Arc::new(program), settings })
        });
        match made {
            Ok(made) => sound = Some(made).filter(|_| files.unreadable.is_empty()),
            Err(more) => diagnostics.extend(more),
        }
    }
    Ok(Loaded {
        place: place.clone(),
        config,
        sources,
        diagnostics,
        unreadable: files.unreadable,
        files: count,
        millis: began.elapsed().as_millis(),
        windows,
        typed: program,
        sound,
    })
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// The settings that `rrb.toml` and the environment give.
///
/// # Errors
/// What is missing, and what does not fit.
pub fn settings(program: &Program, config: &ProjectConfig) -> Result<SettingValues, Vec<Diagnostic>> {
    let constants = |id: ConstId| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    resolve_settings(declared, config, &environment())
}

/// As [`settings`], without those that are missing: a call that needs one fails.
pub fn known_settings(program: &Program, config: &ProjectConfig) -> SettingValues {
    let constants = |id: ConstId| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    settings_known(declared, config, &environment()).0
}

/// The variables that may give settings. What is no UTF-8 is no setting of ours.
fn environment() -> BTreeMap<String, String> {
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    env.filter(|(name, _)| name.starts_with("RRB_")).collect()
}

/// The text of a project, before any of it is checked.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub config: Arc<ProjectConfig>,
    /// What is wrong with `rrb.toml`.
    pub wrong: Vec<Diagnostic>,
    pub modules: Vec<ModuleSource>,
    pub around: Surroundings,
    pub unreadable: Vec<Unreadable>,
}

/// Reads the files of a project; whoever checks them adds to them or takes some of them.
///
/// # Errors
/// When the project cannot be read at all.
pub fn texts(place: &Place) -> Result<Texts, CliError> {
    let mut files = collect(place)?;
    let (config, wrong) = read_config(&files);
    let modules = modules(place, &mut files);
    let around = surroundings(&files);
    Ok(Texts { config: Arc::new(config), wrong, modules, around, unreadable: files.unreadable })
}

fn surroundings(files: &Files) -> Surroundings {
    let delegates = files.delegates.iter().map(|f| (f.name.clone(), f.text.clone().map(Arc::from))).collect();
    Surroundings {
        project_text: files.config.as_deref().map(Arc::from),
        now: Some(crate::text::now()),
        files: Some(delegates),
    }
}

/// The files as modules. One whose name cannot be a module's is put to the unreadable ones.
fn modules(place: &Place, files: &mut Files) -> Vec<ModuleSource> {
    let mut modules = Vec::new();
    for file in std::mem::take(&mut files.modules) {
        match module_name(&file.name, place.single.is_some()) {
            Ok(name) => modules.push(ModuleSource { name: name.into(), file: file.name, text: file.text.into() }),
            Err(reason) => files.unreadable.push(Unreadable { name: file.name, reason }),
        }
    }
    modules
}

fn read_config(files: &Files) -> (ProjectConfig, Vec<Diagnostic>) {
    match &files.config {
        Some(text) => rrb_lang::project::parse(PROJECT_FILE, text),
        None => (ProjectConfig::default(), vec![]),
    }
}

/// Only the project file: enough to find the state of a project whose runbooks do not check now.
///
/// # Errors
/// When it has mistakes, because they may be about the very thing.
pub fn config(place: &Place) -> Result<ProjectConfig, CliError> {
    let files = super::collect::config_only(place);
    if let Some(broken) = files.unreadable.first() {
        return Err(CliError::usage(format!("cannot read `{}`: {}", broken.name, broken.reason)));
    }
    let (config, diagnostics) = read_config(&files);
    match diagnostics.iter().find(|d| d.severity == Severity::Error) {
        None => Ok(config),
        Some(d) => {
            Err(CliError::usage(format!("`{CONFIG}` has mistakes: {}", d.message)).help("`rrb check` shows them all"))
        }
    }
}
