//! Neovim and Emacs, as people have them, open the example projects with `rrb lsp` behind them.

use std::path::{Path, PathBuf};
use std::process::Command;

use rrb_tests::binary;
use serde_json::{Value, json};

use super::{package, said, tool};

/// A copy of an example project, in which an editor works.
struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new(example: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        binary::copy(&binary::root().join("examples").join(example), &dir.path().join(example));
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Lets an editor do `steps` in a file, and gives what came out of each.
    fn edit(&self, editor: &mut Command, file: &str, names: &Names, steps: &str) -> Value {
        let out = self.path("out.json");
        let home = self.path("home");
        let file = self.path(file);
        editor
            .current_dir(file.parent().unwrap())
            .env("PATH", super::path_with_rrb())
            .env("HOME", &home)
            .env("RRB_STEPS", steps);
        editor.env("RRB_FILE", &file).env("RRB_OUT", &out).env("RRB_LIMIT", names.limit);
        editor.env("RRB_NAME", names.name).env("RRB_HOVER", names.called).env("RRB_USE", names.called);
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            editor.env(name, home.join(name));
        }
        let said = said(editor);
        let report = std::fs::read_to_string(&out).unwrap_or_else(|e| panic!("{e}: {said}"));
        serde_json::from_str(&report).unwrap_or_else(|e| panic!("{e}: {report}\n{said}"))
    }
}

/// What stands in the file that is edited.
struct Names {
    /// An action of the file, first where it is declared.
    name: &'static str,
    /// A call of it.
    called: &'static str,
    /// How long an editor waits for something, in its own unit.
    limit: &'static str,
}

fn neovim() -> Command {
    let mut nvim = tool("nvim");
    nvim.args(["--headless", "-u", "NORC", "-i", "NONE", "--cmd"]);
    nvim.arg(format!("set rtp^={}", package("neovim").display()));
    nvim.arg("-c").arg(format!("luafile {}", script("neovim.lua").display())).args(["-c", "cquit"]);
    nvim
}

fn emacs() -> Command {
    let mut emacs = tool("emacs");
    emacs.args(["-q", "--batch", "-l"]).arg(package("emacs").join("rrb-mode.el")).arg("-l").arg(script("emacs.el"));
    emacs
}

fn script(name: &str) -> PathBuf {
    binary::root().join("tests/all/editors").join(name)
}

const STEPS: &str = "attached diagnostics formatting";

const RELEASE: Names = Names { name: "roll_out", called: "roll_out(service, tag)", limit: "60" };

/// What holds for every editor.
fn assert_edited(report: &Value) {
    assert_eq!(report["attached"], true, "{report:#}");
    let found = &report["diagnostics"];
    assert!(found["message"].as_str().unwrap_or_default().contains("no variable or function `nobody`"), "{report:#}");
    assert_eq!(found["mended"], true, "{report:#}");
    assert_eq!(report["formatting"], json!({ "messy": true, "same": true }), "{report:#}");
}

#[test]
fn neovim_edits_a_project() {
    let project = Project::new("guardrails");
    let names = Names { limit: "60000", ..RELEASE };
    let report = project.edit(&mut neovim(), "guardrails/release.rrb", &names, &format!("plugin {STEPS} root indent make"));
    assert_edited(&report);
    assert_eq!(report["diagnostics"]["code"], "rrb::name::unknown", "{report:#}");
    assert_eq!(report["diagnostics"]["source"], "rrb", "{report:#}");
    assert!(report["root"].as_str().is_some_and(|r| Path::new(r).ends_with("guardrails")), "{report:#}");
    let plugin = json!({
        "filetype": "rrb", "comment": "// %s", "width": 2, "make": "rrb check --format short", "syntax": "rrbDeclaration",
        "command": 2, "lens": true
    });
    assert_eq!(report["plugin"], plugin, "{report:#}");
    assert_eq!(report["indent"], true, "{report:#}");
    let found = &report["make"][0];
    assert_eq!((&found["file"], &found["type"]), (&json!("wrong.rrb"), &json!("e")), "{report:#}");
}

#[test]
fn emacs_edits_a_project() {
    let project = Project::new("guardrails");
    let report = project.edit(&mut emacs(), "guardrails/release.rrb", &RELEASE, STEPS);
    assert_edited(&report);
    let plugin = json!({
        "mode": "rrb-mode", "comment": "// ", "keyword": "font-lock-keyword-face", "project": "guardrails",
        "imenu": "*Rescan* Actions Runbooks"
    });
    assert_eq!(report["plugin"], plugin, "{report:#}");
}

#[test]
fn the_mode_for_emacs_compiles_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("rrb-mode.el");
    std::fs::copy(package("emacs").join("rrb-mode.el"), &copy).unwrap();
    let strict = "(setq byte-compile-error-on-warn t)";
    said(tool("emacs").args(["-Q", "--batch", "--eval", strict, "-f", "batch-byte-compile"]).arg(&copy));
    assert!(dir.path().join("rrb-mode.elc").exists());
}
