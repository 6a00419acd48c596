//! Right programs: `check/ok/*.rrb`, the standard library and the example. A program may use the modules of `check/kit`; `NAME.toml`
//! beside it takes the place of `kit/rrb.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_lang::check::{CheckInput, Files, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::{Diagnostic, plain};
use rrb_lang::project::{self, Declared};
use rrb_lang::span::Sources;
use rrb_lang::value::Value;

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check").join(name)
}

fn programs(name: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "rrb"))
        .collect();
    all.sort();
    all
}

/// What policies of the kit delegate to: `kit/*.rego` and `kit/*.cedar`, below `policies/`.
pub fn delegates() -> Files {
    let entries = std::fs::read_dir(folder("kit")).unwrap().map(|e| e.unwrap().path());
    let files = entries.filter(|p| p.extension().is_some_and(|e| e == "rego" || e == "cedar"));
    files
        .map(|p| {
            let name = format!("policies/{}", p.file_name().unwrap().to_str().unwrap());
            (name, Ok(std::fs::read_to_string(p).unwrap().into()))
        })
        .collect()
}

fn module(path: &Path) -> ModuleSource {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    ModuleSource { name: stem.into(), file: format!("{stem}.rrb"), text: std::fs::read_to_string(path).unwrap().into() }
}

/// Everything that is said of a program, as `rrb check` says it: the project file, the program, then the settings.
fn said(path: &Path) -> (Vec<Diagnostic>, Sources) {
    let own = path.with_extension("toml");
    let toml = std::fs::read_to_string(&own).or_else(|_| std::fs::read_to_string(folder("kit/rrb.toml"))).unwrap();
    let (config, mut diagnostics) = project::parse(PROJECT_FILE, &toml);
    let modules = std::iter::once(module(path)).chain(programs("kit").iter().map(|p| module(p))).collect();
    let around =
        Surroundings { project_text: Some(toml.into()), now: Some(1_764_000_000_000), files: Some(delegates()) };
    let checked = check_in(CheckInput { modules, project: config.clone() }, around);
    diagnostics.extend(checked.diagnostics);
    if let Some(p) = &checked.program {
        // Settings of connectors that the program does not use are those of the kit.
        let used = std::fs::read_to_string(path).unwrap();
        let token = ("RRB_CHAT_TOKEN".to_owned(), "env:CHAT".to_owned());
        let env: BTreeMap<_, _> = (!used.contains("use chat")).then_some(token).into_iter().collect();
        let declared = Declared { settings: &p.settings, types: &p.types, constants: &|_| Some(Value::Nothing) };
        diagnostics.extend(project::resolve_settings(declared, &config, &env).err().unwrap_or_default());
    }
    (diagnostics, checked.sources)
}

fn each(name: &str, test: impl Fn(&Path) + std::panic::RefUnwindSafe) {
    let all = programs(name);
    assert!(!all.is_empty());
    let failed: Vec<&PathBuf> = all.iter().filter(|p| std::panic::catch_unwind(|| test(p)).is_err()).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), all.len());
}

#[test]
fn right_programs_are_accepted_without_a_word() {
    each("ok", |path| {
        let (diagnostics, sources) = said(path);
        assert!(diagnostics.is_empty(), "{}\n{}", path.display(), plain::render(&diagnostics, &sources));
    });
}

fn accepted(modules: Vec<ModuleSource>, toml: &str) -> Result<(), String> {
    let (project, mut diagnostics) = project::parse(PROJECT_FILE, toml);
    let around = Surroundings { project_text: Some(Arc::from(toml)), now: None, files: None };
    let checked = check_in(CheckInput { modules, project }, around);
    diagnostics.extend(checked.diagnostics);
    if diagnostics.is_empty() { Ok(()) } else { Err(plain::render(&diagnostics, &checked.sources)) }
}

#[test]
fn the_standard_library_is_accepted() {
    let mut failed = String::new();
    for name in rrb_lang::stdlib::names() {
        let text = format!("use {name} as _it\n");
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        if let Err(said) = accepted(vec![main], "") {
            failed.push_str(&said);
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn the_example_is_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/disk-pressure");
    let toml = std::fs::read_to_string(root.join("rrb.toml")).unwrap();
    let result = accepted(vec![module(&root.join("relieve.rrb"))], &toml);
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

#[test]
fn a_call_without_an_instance_names_the_only_one() {
    let text = "use k8s\nrunbook fix() { do k8s.cordon(\"n1\") do k8s[\"prod\"].cordon(\"n1\") }\n";
    let named = |toml: &str| {
        let (project, _) = project::parse(PROJECT_FILE, toml);
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        let modules = vec![main, module(&folder("kit").join("k8s.rrb"))];
        let checked = check_in(CheckInput { modules, project }, Surroundings::default());
        let program = checked.program.expect("it is right");
        let uses = rrb_lang::check::summary::summaries(&program).remove(0).uses;
        uses.into_iter().map(|u| u.instance).collect::<Vec<_>>()
    };
    // Two names for one cluster would be two targets, and two runs could hold the same node.
    assert_eq!(named("[connectors.k8s.prod]\n"), [Some("prod".into()), Some("prod".into())]);
    assert_eq!(named("[connectors.k8s.prod]\n[connectors.k8s.default]\n"), [None, Some("prod".into())]);
}

#[test]
fn what_a_child_run_and_a_rollback_do_counts() {
    let text = r#"
use k8s
use std.system
runbook parent() {
  waive "old" by "ana" until time"2031-01-01T00:00:00Z" { do k8s.drain("n0")  run child() }
  do system.move_file("/a", "/b")
}
runbook child() {
  do k8s.cordon("n1")
  waive "new" by "bo" until time"2031-01-01T00:00:00Z" { do k8s.drain("n1") }
  start child()
}
"#;
    let (project, _) = project::parse(PROJECT_FILE, &std::fs::read_to_string(folder("kit/rrb.toml")).unwrap());
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let modules = vec![main, module(&folder("kit").join("k8s.rrb"))];
    let checked = check_in(CheckInput { modules, project }, Surroundings::default());
    let program = checked.program.expect("it is right");
    let shown = |index: usize| {
        let uses = rrb_lang::check::summary::summaries(&program).remove(index).uses;
        let line = |u: &rrb_lang::check::summary::EffectUse| {
            let undo = if u.undo { " undo" } else { "" };
            format!("{}{undo} {} {}", u.name, serde_json::to_value(&u.consent).unwrap()["reason"], u.through.join(", "))
        };
        uses.iter().map(line).collect::<Vec<_>>()
    };
    // What people agreed to in the parent does not hold in the child.
    assert_eq!(
        shown(0),
        [
            "k8s.drain \"old\" ",
            "system.move_file null ",
            "k8s.cordon null run child",
            "k8s.drain \"new\" run child",
            "system.move_back undo null system.move_file",
        ]
    );
    // One that runs itself has an end.
    assert_eq!(shown(1), ["k8s.cordon null ", "k8s.drain \"new\" "]);
}

#[test]
fn right_programs_compile() {
    each("ok", |path| {
        let own = std::fs::read_to_string(path.with_extension("toml"));
        let toml = own.or_else(|_| std::fs::read_to_string(folder("kit/rrb.toml"))).unwrap();
        let (config, _) = project::parse(PROJECT_FILE, &toml);
        let modules = std::iter::once(module(path)).chain(programs("kit").iter().map(|p| module(p))).collect();
        let checked = check_in(CheckInput { modules, project: config }, Surroundings::default());
        let program = checked.program.unwrap();
        let live = rrb_lang::program::compile(&program, &checked.sources);
        let tested = rrb_lang::program::compile_tests(&program, &checked.sources, true);
        if let Some(said) = live.err().or(tested.err()) {
            panic!("{}", plain::render(&said, &checked.sources));
        }
    });
}

/// The conditions of the first trigger of a runbook in `main`.
fn conditions(text: &str) -> Vec<rrb_lang::hir::Conjunct> {
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let modules = std::iter::once(main).chain(programs("kit").iter().map(|p| module(p))).collect();
    let checked = check_in(CheckInput { modules, ..CheckInput::default() }, Surroundings::default());
    let shown = plain::render(&checked.diagnostics, &checked.sources);
    let program = checked.program.unwrap_or_else(|| panic!("{shown}"));
    match program.runbooks.first().and_then(|r| r.triggers.first()).map(|t| t.kind.clone()) {
        Some(rrb_lang::hir::TriggerKind::Event { condition, .. }) => condition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_condition_is_split_at_its_ands_and_keeps_what_explains_it() {
    let all = conditions(
        "use alerts\nlet wanted = \"Full\"\nrunbook r() {\n  on alerts.firing as a\n    where a.name == wanted and (a.severity >= warning and not a.labels.team.to_list().is_empty())\n      and a.labels.node == \"n1\" and (a.value ?? 0) * 2 > 1 or a.name in [\"x\"]\n  log \"a\"\n}\n",
    );
    assert_eq!(all.len(), 1, "an `or` is one condition");
    let all = conditions(
        "use alerts\nlet wanted = \"Full\"\nrunbook r() {\n  on alerts.firing as a\n    where a.name == wanted and (a.severity >= warning and \"n1\" == a.labels.node)\n      and (a.value ?? 0) * 2 > 1\n  log \"a\"\n}\n",
    );
    let texts: Vec<&str> = all.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(
        texts,
        ["a.name == wanted", "a.severity >= warning", "\"n1\" == a.labels.node", "(a.value ?? 0) * 2 > 1"]
    );
    let operands: Vec<Vec<&str>> = all.iter().map(|c| c.operands.iter().map(|(t, _)| t.as_str()).collect()).collect();
    assert_eq!(operands, [vec!["a.name"], vec!["a.severity"], vec!["a.labels.node"], vec!["(a.value ?? 0) * 2"]]);
    let equals: Vec<Option<String>> = all
        .iter()
        .map(|c| {
            c.equals.as_ref().map(|(path, value)| format!("{}={}", path.join("."), value.as_text().unwrap_or("?")))
        })
        .collect();
    assert_eq!(equals, [Some("name=Full".into()), None, Some("labels.node=n1".into()), None]);
}

#[test]
fn a_condition_that_binds_names_stays_whole() {
    let all = conditions(
        "use alerts\nrunbook r() {\n  on alerts.firing as a where let node = a.labels.node and node.starts_with(\"n\")\n  log \"a\"\n}\n",
    );
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].operands.len(), 1);
}
