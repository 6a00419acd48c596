//! The guardrails example with the built binary: policies in rrb and in Rego, checked, and asked before calls.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::command::{code, stderr, stdout};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &to) } else { std::fs::copy(&path, &to).map(drop).unwrap() }
    }
}

struct Project {
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/guardrails"), &root);
        std::fs::create_dir_all(dir.path().join("data")).unwrap();
        Self { dir, root }
    }

    fn ask(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rrb"));
        command.args(args).current_dir(&self.root).env_clear();
        command.env("COLUMNS", "200").env("HOME", self.dir.path()).env("TZ", "UTC");
        command.env("RRB_RELEASE_FOLDER", self.dir.path().join("data")).output().unwrap()
    }

    fn release(&self, service: &str, version: &str) -> Output {
        self.ask(&["run", "release", "--service", service, "--tag", version, "--as", "ana"])
    }

    fn guard(&self, from: &str, to: &str) {
        let path = self.root.join("policies/guard.rego");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

#[test]
fn releases_go_until_a_policy_says_no() {
    let project = Project::new();
    let checked = project.ask(&["check"]);
    assert_eq!(code(&checked), 0, "{}{}", stdout(&checked), stderr(&checked));
    let first = project.release("shop", "1.0.0");
    assert_eq!(code(&first), 0, "{}{}", stdout(&first), stderr(&first));
    assert_eq!(std::fs::read_to_string(project.dir.path().join("data/shop")).unwrap(), "1.0.0");
    let denied = project.release("payments", "1.0.0");
    assert_eq!(code(&denied), 1, "{}", stdout(&denied));
    let said = stdout(&denied);
    assert!(said.contains("payments is released by its own pipeline") && said.contains("denied by policy"), "{said}");
    assert!(!project.dir.path().join("data/payments").exists());
    for version in ["1.0.1", "1.0.2"] {
        assert_eq!(code(&project.release("shop", version)), 0);
    }
    let fourth = stdout(&project.release("shop", "1.0.3"));
    assert!(fourth.contains("at most three releases an hour: 3 calls for release"), "{fourth}");
    let runs: serde_json::Value = serde_json::from_str(&stdout(&project.ask(&["runs", "list", "--json"]))).unwrap();
    let run = runs[0]["id"].as_str().unwrap().to_owned();
    let shown = stdout(&project.ask(&["runs", "show", &run]));
    assert!(shown.contains("(policy production, policies/production.rrb:"), "{shown}");
}

#[test]
fn mistakes_in_rego_are_shown_at_their_place() {
    let project = Project::new();
    project.guard("msg := sprintf", "msg := := sprintf");
    let checked = project.ask(&["check"]);
    let said = format!("{}{}", stdout(&checked), stderr(&checked));
    assert_ne!(code(&checked), 0, "{said}");
    assert!(said.contains("policies/guard.rego:9:") && said.contains("policies/production.rrb"), "{said}");
    let project = Project::new();
    project.guard("deny contains", "denies contains");
    let said = project.ask(&["check"]);
    let said = format!("{}{}", stdout(&said), stderr(&said));
    assert!(said.contains("declares no rule `deny`"), "{said}");
    std::fs::remove_file(project.root.join("policies/guard.rego")).unwrap();
    let said = project.ask(&["check"]);
    let said = format!("{}{}", stdout(&said), stderr(&said));
    assert!(said.contains("the project has no file `policies/guard.rego`"), "{said}");
}
