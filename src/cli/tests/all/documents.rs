//! `rrb doc`, `rrb graph` and `rrb audit effects` with the built binary.

use std::path::Path;

use serde_json::Value;

use crate::command::{code, folder, rrb, stderr, stdout};

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

const TWO: &[(&str, &str)] = &[
    ("rrb.toml", "[project]\nname = \"two\"\n[users.ana]\nname = \"Ana <b>L.</b>\"\n[groups]\nsre = [\"ana\"]\n"),
    (
        "main.rrb",
        "/// First <script>alert(1)</script>, see <https://a.example>.\n///\n/// # Heading\nrunbook first(node: Text) {\n  on silence of beat.heard for 10m with node: \"n1\"\n  \
         approve \"Remove <img src=x onerror=alert(2)> of ${node}?\" from group(\"sre\") { do file.delete(\"/tmp/${node}\") }\n}\n\
         connector beat {\n  settings { token: Secret }\n  event heard: { n: Int } from webhook \"/beat\" {\n    verify bearer(token)\n    id body.id as Text\n    emit body as { n: Int }\n  }\n}\n",
    ),
    ("other.rrb", "use main\nrunbook second() { run main.first(\"n1\") }\nrunbook index() { log \"nothing\" }\n"),
];

#[test]
fn the_examples_as_documents() {
    for name in ["disk-pressure", "guardrails"] {
        let output = rrb(&example(name), &["doc"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        insta::assert_snapshot!(format!("doc {name}"), stdout(&output));
    }
}

#[test]
fn the_effects_of_the_examples() {
    for name in ["disk-pressure", "guardrails"] {
        let output = rrb(&example(name), &["audit", "effects"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        insta::assert_snapshot!(format!("effects {name}"), stdout(&output));
    }
}

#[test]
fn names_that_are_not_there_are_not_found() {
    let dir = folder(TWO);
    for command in [&["doc", "frist"][..], &["graph", "frist"], &["audit", "effects", "frist"]] {
        let output = rrb(dir.path(), command);
        assert_eq!(code(&output), 3, "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("`frist`") && stderr(&output).contains("first"), "{}", stderr(&output));
        assert!(stdout(&output).is_empty());
    }
    let empty = folder(&[("rrb.toml", ""), ("a.rrb", "let x = 1\n")]);
    assert_eq!(code(&rrb(empty.path(), &["graph"])), 3);
    let said = stdout(&rrb(empty.path(), &["audit", "effects"]));
    assert_eq!(said, "this project has no runbooks\n");
    assert!(stdout(&rrb(empty.path(), &["doc"])).contains("This project has none."));
}

#[test]
fn what_is_asked_wrongly_is_a_usage_error() {
    let dir = folder(TWO);
    for args in [
        &["graph"][..],
        &["graph", "first", "--format", "png"],
        &["doc", "--format", "pdf"],
        &["doc", "--format", "html"],
        &["audit", "effects", "--json", "--format", "sarif"],
        &["audit", "effects", "--at-least", "pure"],
        &["doc", "first", "second"],
    ] {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{args:?}");
    }
    let which = stderr(&rrb(dir.path(), &["graph"]));
    assert!(which.contains("name one of") && which.contains("first") && which.contains("second"), "{which}");
    assert!(stderr(&rrb(dir.path(), &["doc", "--format", "html"])).contains("--out DIR"));
}

#[test]
fn a_project_with_mistakes_has_no_documents() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "runbook a() { do nothing_like_it() }\n")]);
    let unreadable = folder(&[("rrb.toml", ""), ("a.rrb", "runbook a() {}\n"), ("My File.rrb", "")]);
    for dir in [dir.path(), unreadable.path()] {
        for command in [&["doc"][..], &["doc", "--out", "out"], &["graph"], &["audit", "effects", "--json"]] {
            let output = rrb(dir, command);
            assert_eq!(code(&output), 1, "{command:?}");
            assert!(stderr(&output).contains("rrb check"), "{}", stderr(&output));
            assert!(stdout(&output).is_empty());
        }
        assert!(!dir.join("out").exists());
    }
    let nowhere = folder(&[]);
    assert_eq!(code(&rrb(nowhere.path(), &["doc"])), 3);
}

#[test]
fn what_cannot_be_written_is_said() {
    let dir = folder(TWO);
    for args in [
        &["doc", "--out", "rrb.toml"][..],
        &["doc", "--out", "rrb.toml/below"],
        &["graph", "first", "--out", "no/such/folder.svg"],
        &["graph", "first", "--out", "."],
    ] {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 1, "{args:?}");
        assert!(stderr(&output).contains("cannot write `"), "{}", stderr(&output));
    }
    // A page whose place a folder has taken.
    std::fs::create_dir_all(dir.path().join("pages/first.md")).unwrap();
    let output = rrb(dir.path(), &["doc", "--out", "pages"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("first.md"), "{}", stderr(&output));
}

#[test]
fn a_folder_of_pages_hangs_together() {
    let dir = folder(TWO);
    // The secret of the connector is not set here: documents are made where no secret is.
    assert_eq!(code(&rrb(dir.path(), &["check"])), 1);
    for extension in ["md", "html"] {
        let format = if extension == "md" { "markdown" } else { "html" };
        let output = rrb(dir.path(), &["doc", "--out", "pages", "--format", format]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let mut written: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
        written.sort();
        let expected = ["first", "index", "other.index", "second"].map(|n| format!("pages/{n}.{extension}"));
        assert_eq!(written, expected);
        let read = |name: &str| std::fs::read_to_string(dir.path().join(format!("pages/{name}.{extension}"))).unwrap();
        for target in ["first", "second", "other.index"] {
            assert!(read("index").contains(&format!("{target}.{extension}")), "{}", read("index"));
        }
        assert!(read("second").contains(&format!("first.{extension}")), "{}", read("second"));
    }
}

#[test]
fn texts_of_runbooks_do_nothing_in_a_web_page() {
    let dir = folder(TWO);
    let output = rrb(dir.path(), &["doc", "first", "--format", "html"]);
    let page = stdout(&output);
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg "), "{}", stderr(&output));
    for harm in ["<script", "<img", "<b>L.", "onerror=alert(2)>"] {
        assert!(!page.contains(harm), "{harm}");
    }
    // What asks for anything from outside is the link that the author wrote, and names of standards.
    let outside: Vec<&str> = page.split('"').filter(|s| s.starts_with("http")).collect();
    assert_eq!(outside, ["https://a.example", "http://www.w3.org/2000/svg"]);
    assert!(page.contains("Content-Security-Policy") && page.contains("@media print"));
}

#[test]
fn a_graph_goes_to_a_file() {
    let dir = folder(TWO);
    for (format, begins) in [("mermaid", "flowchart TD\n"), ("dot", "digraph \"first\" {"), ("svg", "<svg xmlns=")] {
        let output = rrb(dir.path(), &["graph", "main.first", "--format", format, "--out", "f"]);
        assert_eq!((code(&output), stdout(&output)), (0, String::new()), "{}", stderr(&output));
        let text = std::fs::read_to_string(dir.path().join("f")).unwrap();
        assert!(text.starts_with(begins), "{text}");
        assert_eq!(stdout(&rrb(dir.path(), &["graph", "first", "--format", format])), text);
    }
}

const RISKY: &str = "
use shop
runbook buy(item: Text) {
  do shop.order(item) retry unsafe \"the shop drops doubles\" 2 times
  let found = shop.find(item)
  log found
  waive \"old\" by \"ana\" until time\"2031-01-01T00:00:00Z\" { do file.delete(\"/tmp/x\") }
}
";

const SHOP: &str = "
connector shop {
  /// Orders once.
  action order(item: Text) changes once { do http.post(\"http://shop.test/${item}\") }
  action find(item: Text) -> Text reads {
    let found = trust reads because \"a search that happens to be a POST\" { do http.post(\"http://shop.test/find\", text: item) }
    found.text
  }
}
";

#[test]
fn what_an_event_does_when_it_is_taken_is_listed_for_who_listens() {
    let jobs = "connector jobs {\n  settings { url: Url = url\"https://queue.example\" }\n  action remove(id: Text) changes idempotent {\n    do http.put(url.join(id), json: {})\n  }\n  event job: { id: Text } from poll every 5s { http.get(url).json } {\n    id body.id as Text\n    emit { id: body.id as Text }\n    acknowledge { do remove(body.id as Text) }\n  }\n}\n";
    let runbooks = "use jobs\nrunbook hears() {\n  on jobs.job\n  finish resolved\n}\nrunbook waits() {\n  let j = wait for jobs.job as j within 1h\n  evidence \"came\" = j != none\n  finish resolved\n}\nrunbook deaf() { finish resolved }\n";
    let dir = folder(&[("rrb.toml", ""), ("jobs.rrb", jobs), ("main.rrb", runbooks)]);
    let output = rrb(dir.path(), &["audit", "effects", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let all: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let said = all.to_string();
    assert_eq!(said.matches("\"acknowledge\"").count(), 2, "{said}");
    let text = stdout(&rrb(dir.path(), &["audit", "effects", "hears"]));
    for part in ["changes", "jobs.remove", "when it is taken, through jobs.job"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let deaf = stdout(&rrb(dir.path(), &["audit", "effects", "deaf"]));
    assert!(!deaf.contains("jobs.remove"), "{deaf}");
    let page = stdout(&rrb(dir.path(), &["doc"]));
    assert!(page.contains("when the event is taken"), "{page}");
}

#[test]
fn effects_for_programs_and_for_code_scanning() {
    let dir = folder(&[("rrb.toml", "[users.ana]\n"), ("main.rrb", RISKY), ("shop.rrb", SHOP)]);
    let document = rrb(dir.path(), &["audit", "effects", "--json"]);
    assert_eq!(code(&document), 0, "{}", stderr(&document));
    insta::assert_snapshot!("effects json", stdout(&document));
    assert_eq!(stdout(&document), stdout(&rrb(dir.path(), &["audit", "effects", "--format", "json"])));
    let log: Value =
        serde_json::from_str(&stdout(&rrb(dir.path(), &["audit", "effects", "--format", "sarif"]))).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    let mut seen = Vec::new();
    for result in run["results"].as_array().unwrap() {
        let rule = result["ruleId"].as_str().unwrap();
        assert!(rules.contains(&rule), "{rule}");
        let at = &result["locations"][0]["physicalLocation"];
        assert!(at["region"]["startLine"].as_u64().unwrap() >= 1);
        seen.push(format!(
            "{} {rule} {}:{} {}",
            result["level"].as_str().unwrap(),
            at["artifactLocation"]["uri"].as_str().unwrap(),
            at["region"]["startLine"],
            result["message"]["text"].as_str().unwrap()
        ));
    }
    insta::assert_snapshot!("effects sarif", seen.join("\n"));
}

#[test]
fn only_what_is_strong_enough_is_listed_in_the_width_there_is() {
    let dir = example("disk-pressure");
    let strong = stdout(&rrb(&dir, &["audit", "effects", "relieve_disk_pressure", "--at-least", "destroys"]));
    assert!(strong.contains("system.delete_file") && !strong.contains("http.post"), "{strong}");
    let narrow = std::process::Command::new(env!("CARGO_BIN_EXE_rrb"))
        .args(["audit", "effects"])
        .current_dir(&dir)
        .env_clear()
        .env("COLUMNS", "60")
        .output()
        .unwrap();
    for line in stdout(&narrow).lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

/// A runbook that asks nobody itself: a policy does, and the runbook that it runs.
const ASKED_ELSEWHERE: &[(&str, &str)] = &[
    ("rrb.toml", "[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[groups]\nsre = [\"ana\", \"bo\"]\n"),
    (
        "main.rrb",
        "policy careful {\n  require approval from group(\"sre\") quorum 2 for destroys where runbook.name != \"calm\" because \"gone is gone\"\n  \
         limit changes to 3 per 1h by runbook.name because \"slow\"\n}\n\
         runbook parent() {\n  run child()\n}\n\
         runbook child() {\n  approve \"Sure?\" from group(\"sre\") { run grandchild() }\n}\n\
         runbook grandchild() {\n  approve \"Really?\" from user(\"ana\") { do file.delete(\"/tmp/x\") }\n}\n\
         runbook calm() {\n  log \"nothing\"\n}\n",
    ),
];

fn chapter(page: &str, title: &str) -> String {
    let from = page.find(&format!("## {title}\n")).unwrap_or_else(|| panic!("no {title}: {page}"));
    page[from..].split("\n## ").next().unwrap().to_owned()
}

#[test]
fn who_is_asked_by_policies_and_by_other_runbooks_is_said() {
    let dir = folder(ASKED_ELSEWHERE);
    let page = |name: &str| {
        let output = rrb(dir.path(), &["doc", name]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    let parent = page("parent");
    insta::assert_snapshot!("asked elsewhere", chapter(&parent, "Who is asked") + "\n" + &chapter(&parent, "Policies"));
    let grandchild = chapter(&page("grandchild"), "Who is asked");
    assert!(grandchild.contains("Really?") && !grandchild.contains("Sure?"), "{grandchild}");
    let calm = chapter(&page("calm"), "Who is asked");
    assert!(calm.contains("Nothing in it asks for an approval."), "{calm}");
}

#[test]
fn what_undoes_a_step_is_explained_under_its_whole_name() {
    let page = stdout(&rrb(&example("disk-pressure"), &["doc"]));
    assert!(page.contains("to undo it: `do system.move_back(result.to, result.from)`"), "{page}");
    assert!(chapter(&page, "What the actions do").contains("### system.move\\_back\n"), "{page}");
}

#[test]
fn effects_for_programs_are_sorted_and_reads_stand_under_nothing() {
    let output = rrb(&example("disk-pressure"), &["audit", "effects", "--json"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let effects = document["runbooks"][0]["effects"].as_array().unwrap();
    let words: Vec<&str> = effects.iter().map(|e| e["effect"].as_str().unwrap()).collect();
    let rank = |w: &&str| ["destroys", "changes", "reads"].iter().position(|x| x == w).unwrap();
    assert!(words.is_sorted_by_key(rank) && words.contains(&"reads") && words[0] == "destroys", "{words:?}");
    for e in effects {
        assert!(e["effect"] != "reads" || e["consent"].is_null(), "{e}");
    }
    assert!(effects.iter().any(|e| e["consent"]["kind"] == "waiver"));
}

#[test]
fn explain_knows_the_rules_of_the_audit() {
    let dir = folder(&[]);
    for name in ["rrb/effect/trust", "rrb::effect::trust", "effect/trust"] {
        let output = rrb(dir.path(), &["explain", name]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        let said = stdout(&output);
        assert!(said.starts_with("warning rrb/effect/trust\n") && said.contains("rrb audit effects"), "{said}");
    }
    let json: Value =
        serde_json::from_str(&stdout(&rrb(dir.path(), &["explain", "rrb/effect/destroys", "--json"]))).unwrap();
    assert_eq!((json["code"].as_str(), json["severity"].as_str()), (Some("rrb/effect/destroys"), Some("note")));
    assert_eq!(code(&rrb(dir.path(), &["explain", "rrb/effect/turst"])), 3);
}

#[test]
fn a_name_that_is_no_runbook_is_not_paused_and_has_no_runs() {
    let dir = folder(&[("rrb.toml", ""), ("main.rrb", "runbook node_drain() { log \"x\" }\n")]);
    let refused = |args: &[&str]| {
        let output = rrb(dir.path(), args);
        assert_eq!(code(&output), 3, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("did you mean `node_drain`?"), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{args:?}");
    };
    refused(&["pause", "node_drian"]);
    refused(&["unpause", "node_drian"]);
    assert!(!dir.path().join(".rrb").exists());
    for args in [&["pause", "node_drain"][..], &["unpause", "node_drain"], &["pause"]] {
        assert_eq!(code(&rrb(dir.path(), args)), 0, "{args:?}");
    }
    refused(&["pause", "node_drian"]);
    refused(&["runs", "list", "--runbook", "node_drian"]);
    let none = rrb(dir.path(), &["runs", "list", "--runbook", "node_drain"]);
    assert_eq!(code(&none), 0, "{}", stderr(&none));
}

#[test]
fn mistakes_of_the_librarys_settings_stand_in_files_of_the_project() {
    let main = "use std.slack\nuse std.alertmanager\n\nrunbook tell(name: Text) {\n  on alertmanager.firing as a with name: a.name\n  do slack.post(\"#a\", name)\n}\n";
    let main = ("main.rrb", main);
    let said = |toml: &str, format: &str| {
        let dir = folder(&[("rrb.toml", toml), main]);
        let output = rrb(dir.path(), &["check", "--format", format]);
        assert_eq!(code(&output), 1, "{}", stdout(&output));
        stdout(&output) + &stderr(&output)
    };
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let secret = "[connectors.slack]\ntoken = \"xoxb-7331\"\n";
    assert!(first(said(secret, "short")).starts_with("rrb.toml:2:9: error[rrb::setting::secret]"));
    for format in ["human", "short", "json", "sarif", "github"] {
        let text = said(secret, format);
        assert!(text.contains("rrb.toml") && !text.contains("7331"), "{format}: {text}");
    }
    let missing = first(said("[connectors.alertmanager]\n", "short"));
    assert!(missing.starts_with("rrb.toml:1:13: error[rrb::setting::missing]"), "{missing}");
    let missing = first(said("[connectors.alertmanager.eu]\n", "short"));
    assert!(missing.starts_with("rrb.toml:1:26: error[rrb::setting::missing]"), "{missing}");
    let missing = first(said("", "short"));
    assert!(missing.starts_with("main.rrb:2:5: error[rrb::setting::missing]"), "{missing}");
}

#[test]
fn a_difference_is_coloured_where_colour_is_asked_for() {
    let dir = folder(&[("rrb.toml", ""), ("main.rrb", "let  x = 1\nlet y = 2\n")]);
    let plain = stdout(&rrb(dir.path(), &["fmt", "--diff"]));
    let coloured = stdout(&rrb(dir.path(), &["fmt", "--diff", "--color", "always"]));
    assert!(!plain.contains('\u{1b}') && plain.contains("-let  x = 1\n+let x = 1\n"), "{plain}");
    assert!(coloured.contains("\u{1b}[31m-let  x = 1\u{1b}[0m\n\u{1b}[32m+let x = 1"), "{coloured:?}");
}
