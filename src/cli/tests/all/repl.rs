//! `rrb eval` and `rrb repl` over pipes: what they print, and the number they end with.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::command::{code, folder, rrb, stderr, stdout};

/// A project with something of everything.
pub const PROJECT: &[(&str, &str)] = &[
    (
        "rrb.toml",
        "[project]\nname = \"shop\"\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[groups]\nsre = [\"ana\", \"bo\"]\n[connectors.alertmanager]\ntoken = \"env:RRB_VAR_T\"\n[settings.lib.things]\nroom = \"#ops\"\n",
    ),
    (
        "lib/things.rrb",
        "use std.alertmanager\nuse std.system\n\nsettings { room: Text = \"#none\" }\n\n/// Twice as much.\nfn twice(n: Int) -> Int { n * 2 }\n\nlet most = 10\n\n/// Cleans one folder.\nrunbook clean(path: Text) {\n  on alertmanager.firing as a where a.name == \"DiskFull\" with path: a.labels.path ?? skip\n  waive \"it is a test\" by \"ana\" until time\"2090-01-01T00:00:00Z\" {\n    do system.delete_file(path)\n  }\n  finish resolved\n}\n",
    ),
    ("broken/rrb.toml", ""),
];

/// What `rrb repl` makes of these lines.
pub fn piped(dir: &Path, args: &[&str], lines: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rrb"));
    command.arg("repl").args(args).current_dir(dir).env_clear().env("COLUMNS", "100").env("HOME", dir).env("TZ", "UTC");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = lines.to_owned();
    // Who ends early reads no more.
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn said(lines: &str) -> String {
    let dir = folder(PROJECT);
    let output = piped(dir.path(), &[], lines);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Exit code and standard error.
fn refused(lines: &str) -> (i32, String) {
    let dir = folder(PROJECT);
    let output = piped(dir.path(), &[], lines);
    (code(&output), stderr(&output))
}

#[test]
fn an_expression_is_evaluated() {
    let dir = folder(&[]);
    for (expr, text) in [
        ("1 + 1", "2\n"),
        ("5m * 3", "15m\n"),
        ("\"a ${1 + 1}\"", "a 2\n"),
        ("[3, 1, 2].sort_by(n => n)", "[1, 2, 3]\n"),
        ("let a = 2\nlet b = a * 2\na + b", "6\n"),
        ("fn f(n: Int) -> Int { n + 1 }\nf(1)", "2\n"),
        ("1.5GiB", "1.5GiB\n"),
        ("1_234_567B", "1.2MB\n"),
    ] {
        let output = rrb(dir.path(), &["eval", expr]);
        assert_eq!((code(&output), stdout(&output).as_str()), (0, text), "{expr}: {}", stderr(&output));
    }
    let json = rrb(dir.path(), &["eval", "--json", "[{ a: 1, b: none }]"]);
    assert_eq!(stdout(&json), "[{\"a\":1,\"b\":null}]\n");
}

#[test]
fn what_is_wrong_with_an_expression_is_shown_under_it() {
    let dir = folder(&[]);
    let output = rrb(dir.path(), &["eval", "1 + \"a\""]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(stderr(&output));
    for (expr, exit, why) in [
        ("1 +", 1, "expected"),
        ("nonsense(3", 1, "this `(` is not closed"),
        ("nope", 1, "nope"),
        ("[1][5]", 1, "invalid: "),
        ("fail \"no\"", 1, "failed: no"),
        (":nope", 2, "there is no command `:nope`"),
        (":quti", 2, "did you mean `:quit`?"),
        (":type", 2, "`:type` takes EXPR"),
        ("9223372036854775807 + 1", 1, "invalid"),
    ] {
        let output = rrb(dir.path(), &["eval", expr]);
        assert_eq!(code(&output), exit, "{expr}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{expr}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{expr}");
    }
}

#[test]
fn the_project_is_in_scope() {
    assert_eq!(said("twice(21)\nmost\nroom\nthings.twice(1)\n"), "42\n10\n#ops\n2\n");
    assert_eq!(said(":type twice(1)\n:effect twice(1)\n:effect now()\n"), "Int\npure\nreads\n");
}

#[test]
fn results_have_names() {
    assert_eq!(said("20\nit + 1\n_1 + _2\nit\n"), "20\n21\n41\n41\n");
    assert_eq!(said("let x = 1\nlet x = x + 1\nx\nvar n = 1\nn += 2\nn\n"), "2\n3\n");
    assert_eq!(said("let { a, b } = { a: 1, b: [2] }\na\nb\n"), "1\n[2]\n");
}

#[test]
fn declarations_are_taken_and_replaced() {
    assert_eq!(said("fn f() -> Int { 1 }\nf()\nfn f() -> Int { 2 }\nf()\n"), "1\n2\n");
    assert_eq!(
        said(
            "enum Color { red, blue }\ntype Car = { color: Color, wheels: Int = 4 }\nlet c: Car = { color: red }\nc.wheels\nc.color == blue\n"
        ),
        "4\nfalse\n"
    );
    assert_eq!(said("let inc: (Int) => Int = n => n + 1\ninc(1)\n"), "2\n");
    let (exit, err) = refused("let add = (a, b) => a + b\n");
    assert!(exit == 1 && !err.contains("setting"), "{err}");
    let dir = folder(PROJECT);
    let output = piped(dir.path(), &[], "fn g() -> Int { f() }\n");
    assert_eq!(code(&output), 1);
    let output =
        piped(dir.path(), &[], "fn f() -> Int { 1 }\nfn g() -> Int { f() + 1 }\nfn f() -> Text { \"a\" }\nf()\n");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "a\n"), "{}", stderr(&output));
    assert!(stderr(&output).contains("`fn g` no longer fits"), "{}", stderr(&output));
}

#[test]
fn what_changes_is_only_planned() {
    let dir = folder(PROJECT);
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "here").unwrap();
    let line = format!("do system.delete_file(\"{}\")\n", victim.display());
    let output = piped(dir.path(), &[], &line);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).contains("destroys") && stdout(&output).contains("system.delete_file"),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).contains("nothing was changed"), "{}", stderr(&output));
    assert!(victim.exists());
    let output = piped(dir.path(), &[], &format!("let gone = {line}gone\n"));
    assert!(victim.exists() && code(&output) == 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("gone has no value"), "{}", stderr(&output));
}

#[test]
fn what_is_live_is_done_and_in_the_audit_log() {
    let dir = folder(PROJECT);
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::write(&one, "1").unwrap();
    std::fs::write(&two, "2").unwrap();
    let lines = format!(
        ":live yes\nwaive \"a test\" by \"ana\" until time\"2090-01-01T00:00:00Z\" {{ do system.delete_file(\"{}\") }}\nlet n = do system.delete_file(\"{}\")\n",
        one.display(),
        two.display()
    );
    let output = piped(dir.path(), &["--as", "ana"], &lines);
    assert!(!one.exists(), "{}{}", stdout(&output), stderr(&output));
    // Without an approval it does not get past the checker.
    assert!(two.exists() && code(&output) == 1, "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("unapproved"), "{}", stderr(&output));
    let audit = rrb(dir.path(), &["audit", "show", "--json"]);
    assert!(stdout(&audit).contains("user:ana (repl)"), "{}", stdout(&audit));
    let runs = rrb(dir.path(), &["runs", "list", "--json"]);
    assert!(stdout(&runs).contains("session"), "{}", stdout(&runs));
}

#[test]
fn live_is_not_begun_without_a_yes_or_a_project() {
    for (files, lines, why) in [
        (PROJECT, ":live\n", "not agreed"),
        (PROJECT, ":live sure\n", "takes `yes` or `off`"),
        (&[][..], ":live yes\n", "only a project"),
    ] {
        let dir = folder(files);
        let output = piped(dir.path(), &[], lines);
        assert!(code(&output) != 0 && stderr(&output).contains(why), "{lines}: {}", stderr(&output));
    }
    let dir = folder(PROJECT);
    let output = rrb(dir.path(), &["repl", "--as", "nobody"]);
    assert!(stderr(&output).contains("no user `nobody`"), "{}", stderr(&output));
}

#[test]
fn a_script_ends_at_its_first_mistake_with_its_line() {
    let (exit, err) = refused("let a = 1\n\n// fine\na + nope\na\n");
    assert_eq!(exit, 1);
    assert!(err.contains("input:4:5"), "{err}");
    let (exit, err) = refused("fn f() -> Int {\n  1\n");
    assert_eq!(exit, 1, "{err}");
    let (exit, err) = refused("1\nx\u{0}y\n");
    assert!(exit == 1 && !err.is_empty(), "{err}");
}

#[test]
fn lines_go_on_where_they_do() {
    assert_eq!(said("[1, 2,\n 3]\n  .map(n => n * 2)\n  .sum()\nif true { 1 }\nelse { 2 }\n"), "12\n1\n");
    assert_eq!(said("\"\"\"\n  a\n  b\n  \"\"\"\n"), "a\nb\n");
    assert_eq!(said("// only a comment\n\n   \n:quit\n1 + nope\n"), "");
}

#[test]
fn json_is_one_line_per_result() {
    let dir = folder(PROJECT);
    let output = piped(dir.path(), &["--json"], "1\nlet a = [2]\na\n\"x\"\nnone\nlog \"hi\"\n");
    assert_eq!(stdout(&output), "1\n[2]\n\"x\"\nnull\n", "{}", stderr(&output));
    assert!(stderr(&output).contains("hi"));
    let plan = piped(dir.path(), &["--json"], "do system.delete_file(\"/nowhere/x\")\n");
    let plan: serde_json::Value = serde_json::from_str(&stdout(&plan)).unwrap();
    assert_eq!(plan["plan"]["items"][0]["effect"], "destroys", "{plan}");
}

#[test]
fn an_event_goes_through_the_triggers_and_changes_nothing() {
    let dir = folder(PROJECT);
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "here").unwrap();
    let fire = |name: &str| {
        format!(":fire alertmanager.firing {{ name: \"{name}\", labels: {{ path: \"{}\" }} }}\n", victim.display())
    };
    let output = piped(dir.path(), &[], &(fire("DiskFull") + &fire("Other")));
    let text = stdout(&output);
    assert!(text.contains("clean shadow") && text.contains("clean no, where"), "{text}{}", stderr(&output));
    assert!(victim.exists());
    for (lines, why) in [
        (":fire alertmanager.nope { }\n", "nope"),
        (":fire alertmanager.firing { nam: 1 }\n", "nam"),
        (":fire\n", "`:fire` takes"),
        (":fire /alertmanager nowhere.json\n", "cannot read `nowhere.json`"),
    ] {
        let output = piped(dir.path(), &[], lines);
        assert!(code(&output) != 0 && stderr(&output).contains(why), "{lines}{}{}", stdout(&output), stderr(&output));
    }
}

#[test]
fn results_are_kept_in_files() {
    let dir = folder(PROJECT);
    let lines = "[{ a: 1, b: \"x, y\" }]\n:save rows.json\n:save rows.csv\n:save rows.txt\n";
    let output = piped(dir.path(), &[], lines);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(dir.path().join("rows.csv")).unwrap(), "a,b\r\n1,\"x, y\"\r\n");
    assert!(std::fs::read_to_string(dir.path().join("rows.json")).unwrap().contains("\"x, y\""));
    let again = piped(dir.path(), &[], "1\n:save rows.txt\n");
    assert!(code(&again) == 4 && stderr(&again).contains("there already"), "{}", stderr(&again));
    assert!(stderr(&piped(dir.path(), &[], ":save x.json\n")).contains("no result yet"));
}

#[test]
fn a_session_becomes_a_runbook_and_a_test_that_passes() {
    let dir = folder(PROJECT);
    std::fs::write(dir.path().join("note.txt"), "12").unwrap();
    let lines = format!(
        "let text = file.read(\"{}\")\ntext.trim()\n\"${{it}}!\"\n:save-runbook looked.rrb\n:save-test looked_again_test.rrb\n",
        dir.path().join("note.txt").display()
    );
    let output = piped(dir.path(), &[], &lines);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let text = std::fs::read_to_string(dir.path().join("looked.rrb")).unwrap();
    assert!(text.contains("runbook looked()") && text.contains("file.read"), "{text}");
    let checked = rrb(dir.path(), &["check"]);
    assert_eq!(code(&checked), 0, "{}{text}", stdout(&checked));
    let tested = rrb(dir.path(), &["test"]);
    let text = std::fs::read_to_string(dir.path().join("looked_again_test.rrb")).unwrap();
    assert_eq!(code(&tested), 0, "{}{}{text}", stdout(&tested), stderr(&tested));
    for (lines, why) in [
        (":save-test x_test.rrb\n", "nothing was done"),
        ("1\n:save-runbook My.rrb\n", "no name for a module"),
        ("1\n:save-runbook looked.rrb\n", "there already"),
    ] {
        let output = piped(dir.path(), &[], lines);
        assert!(code(&output) != 0 && stderr(&output).contains(why), "{lines}{}", stderr(&output));
    }
}

#[test]
fn a_session_that_changes_things_becomes_a_test_with_an_approval() {
    let dir = folder(PROJECT);
    std::fs::write(dir.path().join("note.txt"), "12").unwrap();
    let lines = format!(
        "let text = file.read(\"{0}\")\ndo file.write(\"{0}\", \"13\")\ndo system.delete_file(\"{0}\")\n:save-test tidied_test.rrb\n",
        dir.path().join("note.txt").display()
    );
    let output = piped(dir.path(), &["--as", "ana"], &lines);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(std::fs::read_to_string(dir.path().join("note.txt")).unwrap(), "12");
    let text = std::fs::read_to_string(dir.path().join("tidied_test.rrb")).unwrap();
    for part in ["given system.delete_file()", "approve \"Run system.delete_file?\" from group(\"sre\")", "approve by"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let tested = rrb(dir.path(), &["test"]);
    assert_eq!(code(&tested), 0, "{}{}{text}", stdout(&tested), stderr(&tested));
}

#[test]
fn a_session_in_which_people_are_asked_becomes_a_test_in_which_enough_agree() {
    let dir = folder(&[(
        "rrb.toml",
        "[project]\nname = \"shop\"\n[users.ana]\n[users.bo]\n[users.cy]\n[users.dee]\n[groups]\nsre = [\"bo\", \"cy\"]\n",
    )]);
    let gone = dir.path().join("note.txt");
    std::fs::write(&gone, "12").unwrap();
    let gone = gone.display();
    let lines = format!(
        "approve \"Really?\" from user(\"dee\"), group(\"sre\") quorum 2 {{ do system.delete_file(\"{gone}\") }}\n\
         waive \"seen\" by \"ana\" until time\"2090-01-01T00:00:00Z\" {{ do system.delete_file(\"{gone}\") }}\n\
         do system.delete_file(\"{gone}\")\n:save-test asked_test.rrb\n"
    );
    let output = piped(dir.path(), &["--as", "ana"], &lines);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let text = std::fs::read_to_string(dir.path().join("asked_test.rrb")).unwrap();
    let votes: Vec<&str> = text.lines().map(str::trim).filter(|l| l.starts_with("approve by")).collect();
    assert_eq!(votes, ["approve by \"dee\", \"bo\"", "approve by \"bo\""], "{text}");
    let tested = rrb(dir.path(), &["test"]);
    assert_eq!(code(&tested), 0, "{}{}{text}", stdout(&tested), stderr(&tested));
}

#[test]
fn services_of_aws_are_found_in_every_partition() {
    let dir = folder(PROJECT);
    let expr = |service: &str, region: &str| format!("http.aws_endpoint({service:?}, {region:?})");
    for (service, region, host) in [
        ("ec2", "eu-central-1", "ec2.eu-central-1.amazonaws.com"),
        ("ec2", "us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
        ("rds", "cn-northwest-1", "rds.cn-northwest-1.amazonaws.com.cn"),
        ("sns", "eusc-de-east-1", "sns.eusc-de-east-1.amazonaws.eu"),
        ("iam", "eu-central-1", "iam.amazonaws.com"),
        ("iam", "us-gov-east-1", "iam.us-gov.amazonaws.com"),
        ("iam", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn"),
        ("iam", "eusc-de-east-1", "iam.eusc-de-east-1.amazonaws.eu"),
    ] {
        let output = rrb(dir.path(), &["eval", &expr(service, region)]);
        assert_eq!(stdout(&output).trim(), format!("https://{host}"), "{}", stderr(&output));
    }
    for region in ["", "evil.example/", "eu-central-1@evil", "EU"] {
        let output = rrb(dir.path(), &["eval", &expr("ec2", region)]);
        assert!(code(&output) != 0 && stderr(&output).contains("no service and region"), "{region}");
    }
}

#[test]
fn live_is_refused_while_a_daemon_works_on_the_project() {
    let dir = folder(PROJECT);
    let mut serve = super::daemon::command(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let quiet = serve.env("RRB_VAR_T", "secret").stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = super::daemon::Daemon(quiet.spawn().unwrap());
    super::daemon::until(|| dir.path().join(".rrb/daemon.json").exists());
    let output = piped(dir.path(), &["--as", "ana"], ":live yes\n");
    assert_eq!(code(&output), 4, "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("a daemon works on this project"), "{}", stderr(&output));
    drop(daemon);
}

#[test]
fn a_stored_run_is_gone_through() {
    let dir = folder(PROJECT);
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "here").unwrap();
    let run = rrb(dir.path(), &["run", "clean", "--path", &victim.display().to_string()]);
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    let runs = rrb(dir.path(), &["runs", "list", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&stdout(&runs)).unwrap();
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    let lines = format!(":runs\n:journal {id}\n:step\n:step 2\n:back\n:step to 1\n:runs {id}\n");
    let output = piped(dir.path(), &[], &lines);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("entry 2 of")
            && text.contains("entry 4 of")
            && text.contains("entry 3 of")
            && text.contains("resolved"),
        "{text}"
    );
    for (lines, why) in
        [(":step\n", "no run is chosen"), (":journal nope\n", "no run `nope`"), (":journal\n", "takes a run")]
    {
        let output = piped(dir.path(), &[], lines);
        assert!(code(&output) != 0 && stderr(&output).contains(why), "{lines}{}", stderr(&output));
    }
}

#[test]
fn commands_tell() {
    let text = said(
        ":help\n:help fire\n:doc twice\n:source twice\n:names\n:settings room\n:set\n:set time on\n:set time off\n:doc system.delete_file\n",
    );
    for part in [
        "a run did",
        ":fire EVENT",
        "Twice as much.",
        "fn twice(n: Int) -> Int { n * 2 }",
        "nothing yet",
        "settings.lib.things.room",
        "pager",
        "system.delete_file",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        said("let a = [1]\nfn f() -> Int { 1 }\n:names\n:forget a\n:forget f\n:names\n"),
        "fn f\na: List<Int> = [1]\nnothing yet\n"
    );
    assert!(said(":bench 1 + 1\n").contains("1000 times: median"));
    assert_eq!(said(":json { a: 1 }\n"), "{\n  \"a\": 1\n}\n");
    let (_, err) = refused("now()\n:trace now()\n:time 1\n:set nope on\n");
    assert!(err.contains("now(") && err.contains("took") && err.contains("there is no option `nope`"), "{err}");
}

#[test]
fn commands_of_rrb_are_the_same_here() {
    let text = said(":plan clean --path /nowhere/file\n:explain rrb::effect::unapproved\n");
    assert!(text.contains("destroys system.delete_file") && text.contains("approve"), "{text}");
    for (lines, exit, why) in [
        (":plan nope\n", 3, "no runbook `nope`"),
        (":run clean\n", 2, "`path`"),
        (":approve\n", 2, "required"),
        (":approve x\n", 5, "no daemon"),
        (":runs \"x\n", 2, "quote"),
    ] {
        let (code, err) = refused(lines);
        assert!(code == exit && err.contains(why), "{lines}: {code} {err}");
    }
}

#[test]
fn a_file_is_taken_as_if_it_were_typed() {
    let dir = folder(PROJECT);
    std::fs::write(dir.path().join("steps.txt"), "let a = 20\n/// Doc.\nfn b() -> Int { 1 }\na + b()\n").unwrap();
    let output = piped(dir.path(), &[], ":load steps.txt\nit\n");
    assert_eq!(stdout(&output), "21\n21\n", "{}", stderr(&output));
    std::fs::write(dir.path().join("wrong.txt"), "let a = 20\na + nope\n").unwrap();
    let output = piped(dir.path(), &[], ":load wrong.txt\n");
    assert!(code(&output) == 1 && stderr(&output).contains("wrong.txt:2:5"), "{}", stderr(&output));
    assert!(stderr(&piped(dir.path(), &[], ":load nowhere\n")).contains("cannot read `nowhere`"));
}

#[test]
fn a_project_with_mistakes_is_no_end_of_a_session() {
    let dir = folder(&[("rrb.toml", "[project\n"), ("a.rrb", "fn f( { nope }\nlet good = 1\n")]);
    let output = piped(dir.path(), &[], "1 + 1\n");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "2\n"), "{}", stderr(&output));
}

#[test]
fn what_is_not_set_fails_where_it_is_needed() {
    let dir = folder(&[
        ("rrb.toml", ""),
        ("a.rrb", "settings { room: Text }\nfn f() -> Int { 1 }\nfn g() -> Text { room }\n"),
    ]);
    let output = piped(dir.path(), &[], "f()\ng()\n");
    assert_eq!((code(&output), stdout(&output).as_str()), (1, "1\n"));
    assert!(stderr(&output).contains("the setting `room`"), "{}", stderr(&output));
}

#[test]
fn secrets_are_not_printed() {
    let dir =
        folder(&[("rrb.toml", "[settings.a]\ntoken = \"env:RRB_VAR_T\"\n"), ("a.rrb", "settings { token: Secret }\n")]);
    for args in [&[][..], &["--json"]] {
        let output = piped(dir.path(), args, "token\n");
        let all = stdout(&output) + &stderr(&output);
        assert!(!all.contains("hunter2"), "{all}");
    }
    let output = piped(dir.path(), &[], "\"${token}\"\n");
    assert_eq!(code(&output), 1, "{}", stdout(&output));
}
