//! Small projects in one text: `//- lib/a.rrb` begins a file, `$0` is the place of the cursor.

mod acting;
mod completion;
mod everywhere;
mod navigation;
mod renaming;

use std::sync::Arc;

use rrb_lang::check::world::Target;
use rrb_lang::check::{CheckInput, ModuleSource, Surroundings, check_in, module_name};
use rrb_lang::diag::Diagnostic;
use rrb_lang::span::{FileId, Sources};

use super::{Analysis, CONFIG, Project};

/// A project with the place of its cursor.
pub(super) struct Fixture {
    pub project: Project,
    pub analysis: Analysis,
    pub file: FileId,
    pub offset: u32,
}

/// Makes a project of a text; without a header line it is `main.rrb`.
pub(super) fn fixture(text: &str) -> Fixture {
    let mut project = Project::new(false);
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("//- "), files.last_mut()) {
            (Some(name), _) => files.push((name.trim().to_owned(), String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => files.push(("main.rrb".to_owned(), format!("{line}\n"))),
        }
    }
    if files.is_empty() {
        files.push(("main.rrb".to_owned(), String::new()));
    }
    let mut cursor = (files.first().map(|f| f.0.clone()).unwrap_or_default(), 0);
    for (name, text) in &mut files {
        if let Some(at) = text.find("$0") {
            text.replace_range(at..at + 2, "");
            cursor = (name.clone(), u32::try_from(at).unwrap());
        }
        project.set(name, Some(Arc::from(text.as_str())));
    }
    let analysis = project.analysis();
    let file = analysis.file(&cursor.0).unwrap();
    Fixture { project, analysis, file, offset: cursor.1 }
}

pub(super) fn example(folder: &str) -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(folder);
    let mut out = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                todo.push(path);
            } else if [".rrb", ".toml", ".rego", ".cedar"].iter().any(|end| name.ends_with(end)) {
                out.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    out.sort();
    out
}

/// What `rrb check` says, with names instead of ids.
fn whole(files: &[(String, String)]) -> Vec<String> {
    let config = files.iter().find(|(n, _)| n == CONFIG).map(|(_, t)| t.as_str()).unwrap_or_default();
    let modules = files.iter().filter(|(n, _)| n.ends_with(".rrb")).map(|(n, t)| ModuleSource {
        name: module_name(n, false).unwrap().into(),
        file: n.clone(),
        text: t.as_str().into(),
    });
    let delegates = files.iter().filter(|(n, _)| n.ends_with(".rego") || n.ends_with(".cedar"));
    let around = Surroundings {
        project_text: Some(config.into()),
        now: None,
        files: Some(delegates.map(|(n, t)| (n.clone(), Ok(t.as_str().into()))).collect()),
    };
    let project = rrb_lang::project::parse(rrb_lang::check::PROJECT_FILE, config).0;
    let checked = check_in(CheckInput { modules: modules.collect(), project }, around);
    shown(&checked.sources, &checked.diagnostics)
}

fn shown(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<String> {
    let one = |d: &Diagnostic| {
        let at = d.span();
        format!("{}:{}..{} {} {}", sources.name(at.file), at.start, at.end, d.code.name(), d.message)
    };
    let mut all: Vec<String> = diagnostics.iter().map(one).filter(|l| !l.starts_with(CONFIG)).collect();
    all.sort();
    all
}

fn by_file(analysis: &Analysis) -> Vec<String> {
    let mut all: Vec<String> =
        analysis.files().flat_map(|f| shown(analysis.sources(), &analysis.diagnostics(f))).collect();
    all.sort();
    all
}

#[test]
fn file_by_file_says_what_the_check_of_the_whole_project_says() {
    for folder in ["disk-pressure", "guardrails"] {
        let mut files = example(folder);
        for broken in [None, Some(("used(mount)", "usd(mount)")), Some(("use std.system", "use std.sytem"))] {
            if let Some((from, to)) = broken {
                files.iter_mut().for_each(|(_, text)| *text = text.replacen(from, to, 1));
            }
            let mut project = Project::new(false);
            files.iter().for_each(|(name, text)| project.set(name, Some(text.as_str().into())));
            let analysis = project.analysis();
            let (mine, wanted) = (by_file(&analysis), whole(&files));
            // A mistake anywhere silences the warnings of the whole project, but not those of other files.
            let warnings_apart: Vec<&String> = mine.iter().filter(|l| !wanted.contains(l)).collect();
            assert!(wanted.iter().all(|l| mine.contains(l)), "{folder} {broken:?}\n{wanted:#?}\n{mine:#?}");
            assert!(broken.is_some() || warnings_apart.is_empty(), "{folder}: {warnings_apart:#?}");
        }
    }
}

#[test]
fn an_edit_of_one_file_is_seen_by_those_that_use_it() {
    let mut f = fixture(
        "//- a.rrb\nuse b\nfn half() -> Int { b.whole() }\n//- b.rrb\nfn whole() -> Int { 2 }\n//- c.rrb\nlet x = 1",
    );
    let before = f.analysis.clone();
    assert!(before.diagnostics(f.file).is_empty(), "{:?}", before.diagnostics(f.file));
    let b = before.file("b.rrb").unwrap();
    assert_eq!(before.dependents(b), [f.file]);
    f.project.set("b.rrb", Some("fn whole() -> Text { \"2\" }".into()));
    let after = f.project.analysis();
    assert_eq!(after.diagnostics(f.file).len(), 1);
    assert!(before.diagnostics(f.file).is_empty(), "a state never changes");
    f.project.set("b.rrb", None);
    let gone = f.project.analysis();
    assert!(gone.diagnostics(f.file).iter().any(|d| d.message.contains("no module `b`")));
    assert_eq!(gone.file("b.rrb"), None);
}

#[test]
fn a_file_alone_may_have_any_name() {
    let mut alone = Project::new(true);
    alone.set("My File.rrb", Some("fn f() -> Int { 1 }".into()));
    let analysis = alone.analysis();
    let file = analysis.file("My File.rrb").unwrap();
    assert!(analysis.diagnostics(file).is_empty());
    let mut project = Project::new(false);
    project.set("My File.rrb", Some("fn f() -> Text { 1 }".into()));
    let analysis = project.analysis();
    let file = analysis.file("My File.rrb").unwrap();
    assert!(analysis.misnamed(file).unwrap().contains("rename it"));
    assert_eq!(analysis.diagnostics(file).len(), 1);
}

#[test]
fn the_library_has_files_of_its_own() {
    let f = fixture("use std.slack\n");
    let slack = f.analysis.module("std.slack").unwrap();
    assert!(f.analysis.is_library(slack) && f.analysis.text(slack).contains("connector slack"));
    assert_eq!(f.analysis.file(f.analysis.name(slack)), Some(slack));
    assert!(f.analysis.world(slack).index.names.iter().any(|n| matches!(n.target, Target::Connector(_))));
    let own = fixture("use std.slack\n//- std/slack.rrb\nconnector slack { }\n");
    let slack = own.analysis.module("std.slack").unwrap();
    assert!(!own.analysis.is_library(slack));
}

#[test]
fn what_a_check_says_of_the_library_is_nothing() {
    let f = fixture("let x = 1");
    for (file, _) in rrb_lang::stdlib::names().filter_map(rrb_lang::stdlib::get) {
        let id = f.analysis.file(file).unwrap();
        let said = f.analysis.diagnostics(id);
        assert!(said.is_empty(), "{file}: {said:#?}");
    }
    for (_, file, _) in rrb_lang::stdlib::natives() {
        let id = f.analysis.file(file).unwrap();
        let said = f.analysis.diagnostics(id);
        assert!(said.is_empty(), "{file}: {said:#?}");
    }
}

#[test]
fn the_project_file_is_held_against_what_the_modules_declare() {
    let toml = "[settings.main]\nlimit = 1\nlimt = 2\n[connectors.slak]\ntoken = \"env:A\"\n";
    let f = fixture(&format!("//- main.rrb\nsettings {{ limit: Int = 1 }}\nlet x = 1\n//- rrb.toml\n{toml}"));
    let said = f.analysis.diagnostics(rrb_lang::span::PROJECT_FILE);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said.iter().any(|d| d.message.contains("limt")), "{said:#?}");
    let sound =
        fixture("//- main.rrb\nsettings { limit: Int = 1 }\nlet x = 1\n//- rrb.toml\n[settings.main]\nlimit = 1\n");
    assert!(sound.analysis.diagnostics(rrb_lang::span::PROJECT_FILE).is_empty());
    let broken = fixture("//- main.rrb\nlet x = 1\n//- rrb.toml\n[settings\n");
    assert!(!broken.analysis.diagnostics(rrb_lang::span::PROJECT_FILE).is_empty());
}
