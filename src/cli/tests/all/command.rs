//! The built binary: what it says, and the number it ends with.

use std::path::Path;
use std::process::{Command, Output};

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// `rrb` in a folder, without colour, 100 columns wide, and with nothing of this machine's environment.
pub fn rrb(dir: &Path, args: &[&str]) -> Output {
    wide(dir, "100", args)
}

fn wide(dir: &Path, columns: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rrb"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("COLUMNS", columns)
        .env("HOME", dir)
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_arguments_it_shows_where_to_begin() {
    let dir = folder(&[]);
    let output = rrb(dir.path(), &[]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("rrb init"), "{}", stderr(&output));
}

#[test]
fn wrong_words_on_the_command_line_are_usage_errors() {
    let dir = folder(&[("rrb.toml", "")]);
    for args in [
        &["chekc"][..],
        &["check", "--frmat", "json"],
        &["check", "--format", "xml"],
        &["runs"],
        &["runs", "list", "--limit", "0"],
        &["runs", "list", "--status", "sleeping"],
        &["runs", "resolve", "x", "perhaps", "--why", "y"],
        &["runs", "resolve", "x", "happened"],
        &["approvals", "deny", "x"],
        &["emit", "a.b"],
        &["help", "chekc"],
        &["check", "--json", "--format", "short"],
        &["--color", "sometimes", "check"],
        &["runs", "resolve", "x", "unknown", "--why", "y", "--result", "1"],
        &["runs", "resolve", "x", "happened", "--why", "y", "--result", "{"],
    ] {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{args:?}");
    }
    assert!(stderr(&rrb(dir.path(), &["chekc"])).contains("check"));
    assert!(stderr(&rrb(dir.path(), &["help", "chekc"])).contains("did you mean `check`?"));
}

#[test]
fn what_is_not_there_is_not_found() {
    let dir = folder(&[("notes.txt", "")]);
    for args in [
        &["check"][..],
        &["check", "nowhere"],
        &["-C", "nowhere", "check"],
        &["explain", "rrb::no::such"],
        &["runs", "list"],
    ] {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 3, "{args:?}: {}", stderr(&output));
    }
    assert_eq!(code(&rrb(dir.path(), &["check", "notes.txt"])), 2);
    assert!(stderr(&rrb(dir.path(), &["check"])).contains("help: make one with `rrb init`"));
}

#[test]
fn the_check_command_ends_with_what_it_found() {
    let dir = folder(&[("rrb.toml", ""), ("good.rrb", "let a = 1\n"), ("lib/bad.rrb", "let = \n")]);
    let output = rrb(dir.path(), &["check"]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("lib/bad.rrb:1:"), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 error in 3 files"), "{}", stdout(&output));
    // What it calls in the other could not be looked at: that is no success.
    let one = rrb(dir.path(), &["check", "good.rrb"]);
    assert_eq!(code(&one), 1);
    assert!(stdout(&one).contains("1 more in other files, which keep this one from being checked whole"));
    let log: serde_json::Value =
        serde_json::from_str(&stdout(&rrb(dir.path(), &["check", "good.rrb", "--format", "sarif"]))).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
    assert_eq!(code(&rrb(dir.path(), &["-C", "lib", "check"])), 1);

    let json: serde_json::Value = serde_json::from_str(&stdout(&rrb(dir.path(), &["check", "--json"]))).unwrap();
    assert_eq!(json["projects"][0]["errors"], 1);
    assert_eq!(json["projects"][0]["whole"], false);
    assert_eq!(json["projects"][0]["diagnostics"][0]["place"]["file"], "lib/bad.rrb");
    let short = stdout(&rrb(dir.path(), &["check", "--format", "short"]));
    assert!(short.starts_with("lib/bad.rrb:1:") && short.lines().count() == 1, "{short}");
    // From a folder above, places are paths from there.
    let above = dir.path().parent().unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    let short = stdout(&rrb(above, &["check", name, "--format", "short"]));
    assert!(short.starts_with(&format!("{name}/lib/bad.rrb:1:")), "{short}");
    let sarif = stdout(&rrb(above, &["check", name, "--format", "sarif"]));
    assert!(sarif.contains(&format!("{name}/lib/bad.rrb")), "{sarif}");
    let github = stdout(&rrb(dir.path(), &["check", "--format", "github"]));
    assert!(github.starts_with("::error file=lib/bad.rrb,line=1,"), "{github}");
}

const UNUSED: &str = "fn first(x: Int, y: Int) -> Int { x }\n";

#[test]
fn warnings_fail_where_they_are_denied() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", UNUSED)]);
    let output = rrb(dir.path(), &["check"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("1 warning in 2 files"), "{}", stdout(&output));
    assert_eq!(code(&rrb(dir.path(), &["check", "--deny-warnings"])), 1);
    let allowed = format!("// allow rrb::parameter::unused because callers give both\n{UNUSED}");
    std::fs::write(dir.path().join("a.rrb"), allowed).unwrap();
    assert_eq!(code(&rrb(dir.path(), &["check", "--deny-warnings"])), 0);
}

#[test]
fn every_format_says_the_same() {
    let text = "fn first(x: Int) -> Int { y }\n";
    let dir = folder(&[("rrb.toml", ""), ("lib/a.rrb", text)]);
    let run = |format: &str| {
        let output = rrb(dir.path(), &["check", "lib/a.rrb", "--format", format]);
        assert_eq!(code(&output), 1, "{format}: {}", stderr(&output));
        stdout(&output)
    };
    let message = "there is no variable or function `y`";
    assert_eq!(run("short"), format!("lib/a.rrb:1:27: error[rrb::name::unknown]: {message}\n"));
    let github = run("github");
    assert!(
        github.starts_with(
            "::error file=lib/a.rrb,line=1,endLine=1,col=27,endColumn=28,title=rrb%3A%3Aname%3A%3Aunknown::"
        )
    );
    assert!(github.contains(&format!("{message}%0Ahelp: ")), "{github}");

    let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
    let one = &json["projects"][0]["diagnostics"][0];
    let place = serde_json::json!({
        "file": "lib/a.rrb", "start": {"line": 1, "column": 27}, "end": {"line": 1, "column": 28}, "bytes": [26, 27],
    });
    assert_eq!((&one["code"], &one["severity"]), (&"rrb::name::unknown".into(), &"error".into()));
    assert_eq!((&one["message"], &one["place"]), (&message.into(), &place));
    assert_eq!((&one["labels"][0]["primary"], &one["labels"][0]["place"]), (&true.into(), &place));
    assert!(
        one["help"].as_array().is_some_and(|h| !h.is_empty()) && one["fixes"].is_array() && one["notes"].is_array()
    );

    let sarif: serde_json::Value = serde_json::from_str(&run("sarif")).unwrap();
    let run = &sarif["runs"][0];
    let (rule, result) = (&run["tool"]["driver"]["rules"][0], &run["results"][0]);
    assert_eq!((&rule["id"], &result["ruleId"]), (&"rrb::name::unknown".into(), &"rrb::name::unknown".into()));
    assert!(rule["help"]["markdown"].as_str().is_some_and(|m| m.contains("```rrb wrong")));
    assert_eq!(result["level"], "error");
    assert!(result["message"]["text"].as_str().is_some_and(|t| t.starts_with(message)));
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "lib/a.rrb");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 27);
}

#[test]
fn a_workflow_command_holds_what_a_file_is_called() {
    let dir = folder(&[("rrb.toml", ""), ("a,b%.rrb", "let = 1\n")]);
    let github = stdout(&rrb(dir.path(), &["check", "--format", "github"]));
    assert!(github.starts_with("::error file=a%2Cb%25.rrb::cannot read: "), "{github}");
    assert_eq!(github.lines().count(), 1);
}

#[test]
fn explanations_fit_the_terminal_and_are_found_by_their_last_part() {
    let dir = folder(&[]);
    let wide = |columns: &str, args: &[&str]| {
        let output = wide(dir.path(), columns, args);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let text = wide("60", &["explain", "unapproved"]);
    assert!(text.starts_with("error rrb::effect::unapproved\n"), "{text}");
    assert!(text.contains("Wrong:\n    use k8s\n") && text.contains("Right:\n"), "{text}");
    let prose = text.lines().filter(|l| !l.starts_with(' '));
    assert!(prose.clone().all(|l| l.chars().count() <= 60), "{text}");
    assert_eq!(text, wide("60", &["explain", "effect::unapproved"]));
    let coloured = wide("60", &["--color", "always", "explain", "unapproved"]);
    assert!(coloured.contains('\u{1b}') && !text.contains('\u{1b}'));

    let several = rrb(dir.path(), &["explain", "unused"]);
    assert_eq!(code(&several), 3);
    assert!(stderr(&several).contains("`rrb::variable::unused`, `rrb::parameter::unused`"), "{}", stderr(&several));
    let near = rrb(dir.path(), &["explain", "waiver"]);
    assert!(stderr(&near).contains("did you mean one of `rrb::approval::waiver-expired`"), "{}", stderr(&near));
    let json: serde_json::Value = serde_json::from_str(&wide("60", &["explain", "unapproved", "--json"])).unwrap();
    assert_eq!((&json["code"], &json["severity"]), (&"rrb::effect::unapproved".into(), &"error".into()));
}

#[test]
fn a_file_that_is_no_text_is_an_error_with_its_place() {
    let dir = folder(&[("rrb.toml", "")]);
    std::fs::write(dir.path().join("bad.rrb"), b"let a = 1\n\xff").unwrap();
    let output = rrb(dir.path(), &["check"]);
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output).contains("bad.rrb: error: cannot read: it is not UTF-8 text (line 2)"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn without_a_daemon_what_needs_one_says_so() {
    let dir = folder(&[("rrb.toml", ""), ("e.json", "{}")]);
    for args in [&["status"][..], &["emit", "a.b", "e.json"], &["approvals", "approve", "x"], &["runs", "resume", "x"]]
    {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 5, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("rrb serve"), "{}", stderr(&output));
    }
    let output = rrb(dir.path(), &["--url", "http://127.0.0.1:1", "runs", "list"]);
    assert_eq!((code(&output), stderr(&output).contains("nothing answers there")), (5, true), "{}", stderr(&output));
    assert_eq!(code(&rrb(dir.path(), &["--url", "nonsense", "runs", "list"])), 2);
}

#[test]
fn an_event_must_be_json_of_some_size() {
    let dir = folder(&[("rrb.toml", ""), ("e.json", "{ no"), ("big.json", &format!("\"{}\"", "x".repeat(1 << 20)))]);
    assert_eq!(code(&rrb(dir.path(), &["emit", "a.b", "none.json"])), 3);
    let output = rrb(dir.path(), &["emit", "a.b", "e.json"]);
    assert_eq!((code(&output), stderr(&output).contains("is no JSON")), (2, true));
    let output = rrb(dir.path(), &["emit", "a.b", "big.json"]);
    assert_eq!((code(&output), stderr(&output).contains("larger")), (2, true));
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "let = \"\u{1b}[31m\u{202e}\"\n")]);
    let output = rrb(dir.path(), &["check"]);
    assert_eq!(code(&output), 1);
    assert!(!stdout(&output).contains(['\u{1b}', '\u{202e}']), "{:?}", stdout(&output));
    let output = rrb(dir.path(), &["explain", "\u{1b}[31m"]);
    assert!(!stderr(&output).contains('\u{1b}'), "{:?}", stderr(&output));
}

#[test]
fn colour_is_written_where_it_is_asked_for() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "let = 1\n")]);
    let colored = |args: &[&str]| stdout(&rrb(dir.path(), args)).contains('\u{1b}');
    assert!(colored(&["--color", "always", "check"]));
    assert!(!colored(&["--color", "never", "check"]));
    assert!(!colored(&["check"]));
}

#[test]
fn every_code_is_explained() {
    let dir = folder(&[]);
    let all = stdout(&rrb(dir.path(), &["explain"]));
    assert!(all.lines().count() >= 4, "{all}");
    // A summary that does not fit goes on below, behind spaces.
    for line in all.lines().filter(|l| !l.starts_with(' ')) {
        let code = line.split_whitespace().next().unwrap();
        let output = rrb(dir.path(), &["explain", code]);
        assert!(output.status.success() && stdout(&output).lines().count() >= 3, "{code}");
    }
    let near = rrb(dir.path(), &["explain", "rrb::syntax::unexpectd"]);
    assert!(stderr(&near).contains("did you mean `rrb::syntax::unexpected`?"), "{}", stderr(&near));
}

#[test]
fn exit_codes_are_printed() {
    let dir = folder(&[]);
    let text = stdout(&rrb(dir.path(), &["help", "exit-codes"]));
    assert_eq!(text.lines().count(), 8);
    assert!(text.contains(" 70  internal"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = folder(&[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_rrb"))
        .arg("explain")
        .current_dir(dir.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), (Some(0), String::new()));
}

/// The project's instances are known when the call is made, whatever the program computes.
#[test]
fn an_instance_that_nobody_declared_is_never_called() {
    let toml = "[project]\nname = \"x\"\n[connectors.box.prod]\nbase = \"p\"\n[connectors.box.test]\n";
    let source = "connector box {\n  settings { base: Text = \"x\" }\n  \
                  action put(at: Text) changes once { do file.write(\"${at}/${base}\", \"x\") }\n}\n\
                  runbook main(at: Text, i: Text) { do box[i].put(at) }\n";
    let dir = folder(&[("rrb.toml", toml), ("main.rrb", source), ("out/.keep", "")]);
    let at = dir.path().join("out").display().to_string();
    let run = |i: &str| rrb(dir.path(), &["run", "main", "--at", &at, "--i", i]);
    let wrong = run("nope");
    assert_eq!(code(&wrong), 1, "{}", stderr(&wrong));
    assert!(stdout(&wrong).contains("`box` has no instance `nope`; the instances are `prod`, `test`"));
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), 1);
    assert_eq!(code(&run("prod")), 0);
    assert!(dir.path().join("out/p").exists());
}

/// A full disk: `rrb fmt - < f > f.new && mv f.new f` must not go on.
#[test]
fn output_that_is_lost_is_an_error() {
    let dir = folder(&[("rrb.toml", "[project]\nname = \"x\"\n"), ("main.rrb", "fn f() -> Int { 1 }\n")]);
    for args in [&["explain"][..], &["check"], &["check", "--format", "sarif"], &["doc"], &["fmt", "-"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_rrb"))
            .args(args)
            .current_dir(dir.path())
            .stdin(std::fs::File::open(dir.path().join("main.rrb")).unwrap())
            .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(70), "{args:?}: {said}");
        assert!(said.contains("cannot write the output: no space left on device"), "{args:?}: {said}");
    }
}

#[test]
fn the_manual_has_the_exit_codes_and_every_command() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    for (exit, name, meaning) in rrb_cli::exit::Exit::ALL {
        assert!(page.contains(&format!("| {} | {name} | {meaning} |", exit.code())), "{name}");
    }
    let help = stdout(&rrb(folder(&[]).path(), &["--help"]));
    let commands = help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1).take_while(|l| !l.is_empty());
    let names: Vec<&str> =
        commands.filter_map(|l| l.strip_prefix("  ")?.split(' ').next()).filter(|n| !n.is_empty()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names.into_iter().filter(|n| *n != "help") {
        assert!(page.contains(&format!("`rrb {name}")), "docs/cli.md does not name `rrb {name}`");
    }
}

#[test]
fn a_missing_setting_says_where_to_put_it() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "settings { token: Secret }\nrunbook fix() { log \"x\" }\n")]);
    let output = rrb(dir.path(), &["check"]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("RRB_A_TOKEN"), "{}", stdout(&output));
}

#[test]
fn a_new_project_checks() {
    let dir = folder(&[]);
    assert_eq!(code(&rrb(dir.path(), &["init", "p"])), 0);
    let output = rrb(dir.path(), &["check", "p"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let again = rrb(dir.path(), &["init", "p"]);
    assert_eq!((code(&again), stderr(&again).contains("is a project already")), (4, true));
}

#[test]
fn tokens_can_be_made_before_the_daemon_runs() {
    let dir = folder(&[("rrb.toml", "[users.ana]\n"), ("a.rrb", "")]);
    for (args, said) in [
        (&["token", "create", "x", "--scope", "run:read"][..], "did you mean `runs:read`?"),
        (&["token", "create", "x", "--scope", "approvals:vote"], "only a person can vote"),
        (&["token", "create", "x", "--scope", "runs:read", "--expires", "soon"], "no length of time"),
        (&["token", "create", "x"], "--scope"),
    ] {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
    let nothing = rrb(dir.path(), &["token", "list"]);
    assert_eq!((code(&nothing), stderr(&nothing).contains("there is no state")), (3, true), "{}", stderr(&nothing));
    let made = rrb(dir.path(), &["token", "create", "ana-laptop", "--user", "ana", "--scope", "approvals:vote"]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(stdout(&made).starts_with("rrb_") && stdout(&made).lines().count() == 1, "{}", stdout(&made));
    let list = stdout(&rrb(dir.path(), &["token", "list"]));
    assert!(list.contains("ana-laptop") && !list.contains(stdout(&made).trim()), "{list}");
    let again = rrb(dir.path(), &["token", "create", "ana-laptop", "--scope", "runs:read"]);
    assert_eq!(code(&again), 4, "{}", stderr(&again));
    assert_eq!(code(&rrb(dir.path(), &["token", "revoke", "ana-laptop"])), 0);
    let gone = rrb(dir.path(), &["token", "revoke", "ana-laptopp"]);
    assert_eq!((code(&gone), stderr(&gone).contains("did you mean `ana-laptop`?")), (3, true), "{}", stderr(&gone));
    let verified = rrb(dir.path(), &["audit", "verify", "--json"]);
    assert_eq!(code(&verified), 0);
    let verdict: serde_json::Value = serde_json::from_str(&stdout(&verified)).unwrap();
    assert_eq!((verdict["verdict"].as_str(), verdict["records"].as_u64()), (Some("intact"), Some(2)));
    let cut = rrb(dir.path(), &["audit", "verify", "--head", &"0".repeat(64)]);
    assert_eq!(code(&cut), 1, "{}", stdout(&cut));
    assert!(stdout(&rrb(dir.path(), &["audit", "show"])).contains("token.revoked"));
}
