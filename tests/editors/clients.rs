//! Neovim and Emacs, as people have them, open the example projects with `rrb lsp` behind them.

use std::path::{Path, PathBuf};
use std::process::Command;

use rrb_tests::binary;
use serde_json::{Value, json};

use super::{package, said, tool};

/// A copy of an example project, in which an editor works.
struct Project {
    dir: tempfile::TempDir,
    example: Example,
}

impl Project {
    fn new(example: Example) -> Self {
        let dir = tempfile::tempdir().unwrap();
        binary::copy(&binary::root().join("examples").join(example.folder), &dir.path().join(example.folder));
        Self { dir, example }
    }

    /// A file of the project; itself for none.
    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(self.example.folder).join(file)
    }

    /// Lets an editor do `steps`, and gives what came out of each. `limit` is how long it waits for something, in its own unit.
    fn edit(&self, editor: &mut Command, limit: &str, steps: &str) -> Value {
        let Example { file, name, called, .. } = self.example;
        let out = self.dir.path().join("out.json");
        let home = self.dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        editor.current_dir(self.path("")).env("PATH", super::path_with_rrb()).env("HOME", &home);
        for (variable, value) in
            [("STEPS", steps), ("LIMIT", limit), ("NAME", name), ("HOVER", called), ("USE", called)]
        {
            editor.env(format!("RRB_{variable}"), value);
        }
        editor.env("RRB_FILE", self.path(file)).env("RRB_OUT", &out);
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            editor.env(name, home.join(name));
        }
        let said = said(editor);
        let report = std::fs::read_to_string(&out).unwrap_or_else(|e| panic!("{e}: {said}"));
        serde_json::from_str(&report).unwrap_or_else(|e| panic!("{e}: {report}\n{said}"))
    }
}

/// An example project, and what stands in the file of it that is edited.
struct Example {
    folder: &'static str,
    file: &'static str,
    /// What is renamed: it stands first where it is declared.
    name: &'static str,
    /// An action of the file, where it is called or declared.
    called: &'static str,
    /// What is told of that action: its effect, and words of its documentation.
    told: [&'static str; 2],
}

const EXAMPLES: [Example; 2] = [
    Example {
        folder: "guardrails",
        file: "release.rrb",
        name: "roll_out",
        called: "roll_out(service, tag)",
        told: ["changes", "Rolls a version of a service out"],
    },
    Example {
        folder: "disk-pressure",
        file: "relieve.rrb",
        name: "relieve_disk_pressure",
        called: "notify(text: Text)",
        told: ["changes", "Tells people, where somebody wants to be told"],
    },
];

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
    binary::root().join("tests/editors").join(name)
}

/// The last one changes what stands there.
const STEPS: &str = "attached diagnostics formatting completion hover rename";

/// What holds for every editor.
fn assert_edited(project: &Project, report: &Value) {
    assert_eq!(report["attached"], true, "{report:#}");
    let found = &report["diagnostics"];
    assert!(found["message"].as_str().unwrap_or_default().contains("no variable or function `nobody`"), "{report:#}");
    assert_eq!(found["mended"], true, "{report:#}");
    assert_eq!(report["formatting"], json!({ "messy": true, "same": true }), "{report:#}");
    let offered: Vec<&str> = report["completion"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(offered.iter().any(|o| o.starts_with("len")), "{report:#}");
    assert!(!offered.contains(&"runbook"), "{report:#}");
    let hover = report["hover"].as_str().unwrap_or_default();
    assert!(project.example.told.iter().all(|t| hover.contains(t)), "{report:#}");
    assert_eq!(report["rename"], json!({ "here": true, "left": false }), "{report:#}");
    binary::ok(&mut binary::command(&project.path(""), &["check"]));
    for file in super::files(&project.path(""), ".rrb") {
        assert!(
            !std::fs::read_to_string(&file).unwrap().contains(&format!("{}(", project.example.name)),
            "{}",
            file.display()
        );
    }
}

#[test]
fn neovim_edits_the_examples() {
    for example in EXAMPLES {
        let project = Project::new(example);
        let report = project.edit(
            &mut neovim(),
            "60000",
            &format!("plugin {STEPS}").replace("rename", "root indent definition make rename"),
        );
        assert_edited(&project, &report);
        assert_eq!(report["diagnostics"]["code"], "rrb::name::unknown", "{report:#}");
        assert_eq!(report["diagnostics"]["source"], "rrb", "{report:#}");
        assert_eq!(report["definition"], project.example.file, "{report:#}");
        assert!(report["root"].as_str().is_some_and(|r| Path::new(r).ends_with(project.example.folder)), "{report:#}");
        let plugin = json!({
            "filetype": "rrb", "comment": "// %s", "width": 2, "make": "rrb check --format short", "syntax": "rrbDeclaration",
            "command": 2, "lens": true
        });
        assert_eq!(report["plugin"], plugin, "{report:#}");
        // Where clauses go on in the next line, only the formatter knows how far in.
        let simple = project.example.folder == "guardrails";
        assert!(report["indent"] == true || !simple, "{report:#}");
        let found = &report["make"][0];
        assert_eq!((&found["file"], &found["type"]), (&json!("wrong.rrb"), &json!("e")), "{report:#}");
    }
}

#[test]
fn emacs_edits_the_examples() {
    for example in EXAMPLES {
        let project = Project::new(example);
        let report = project.edit(&mut emacs(), "60", STEPS);
        assert_edited(&project, &report);
        let plugin = &report["plugin"];
        assert_eq!(plugin["mode"], "rrb-mode", "{report:#}");
        assert_eq!(plugin["keyword"], "font-lock-keyword-face", "{report:#}");
        assert_eq!(plugin["project"], project.example.folder, "{report:#}");
        assert!(
            plugin["imenu"].as_str().is_some_and(|i| i.contains("Actions") && i.contains("Runbooks")),
            "{report:#}"
        );
    }
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
