//! `rrb connectors`: what is shown, and what is begun with it.

use crate::command::{code, folder, rrb, stderr, stdout};

const PROJECT: &str = "[project]\nname = \"x\"\n[users.ana]\n[groups]\nops = [\"ana\"]\n";

#[test]
fn the_list_names_every_module_with_what_it_can_do() {
    let dir = folder(&[]);
    let output = rrb(dir.path(), &["connectors", "list"]);
    assert_eq!(code(&output), 0);
    let listed = stdout(&output);
    for name in rrb_lang::stdlib::names() {
        let name = name.strip_prefix("std.").unwrap();
        let whole = |l: &str| l.split_whitespace().next() == Some(name);
        let of_module = rrb_lang::reference::read(name, name, rrb_lang::stdlib::get(&format!("std.{name}")).unwrap().1);
        let named = of_module.connectors.iter().any(|c| listed.lines().any(|l| l.starts_with(&format!("{} ", c.name))));
        assert!(listed.lines().any(whole) || named, "{name}");
    }
    assert!(
        listed.lines().any(|l| l.starts_with("http ") && l.contains("reads") && l.contains("destroys")),
        "{listed}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&rrb(dir.path(), &["connectors", "list", "--json"]))).unwrap();
    let slack = json.as_array().unwrap().iter().find(|m| m["module"]["name"] == "std.slack").unwrap();
    assert_eq!(slack["origin"], "standard");
    assert_eq!(slack["module"]["connectors"][0]["actions"][0]["effect"], "changes");
}

#[test]
fn what_is_looked_for_is_found_in_other_words() {
    let dir = folder(&[]);
    for (words, first) in [
        ("silence an alert", "alertmanager.silence"),
        ("mute alerts", "alertmanager.silence"),
        ("restart a unit", "system.restart_unit"),
        ("send a slack message", "slack.post"),
    ] {
        let args: Vec<&str> = ["connectors", "search", "--json"].into_iter().chain(words.split(' ')).collect();
        let hits: serde_json::Value = serde_json::from_str(&stdout(&rrb(dir.path(), &args))).unwrap();
        let names: Vec<&str> = hits.as_array().unwrap().iter().filter_map(|h| h["name"].as_str()).take(4).collect();
        assert!(names.contains(&first), "{words}: {names:?}");
    }
    let output = rrb(dir.path(), &["connectors", "search", "frobnicate"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("nothing has to do with `frobnicate`"), "{}", stderr(&output));
}

#[test]
fn one_is_shown_with_its_types_its_source_and_a_near_name() {
    let dir = folder(&[]);
    let show = |name: &str| rrb(dir.path(), &["connectors", "show", name]);
    insta::assert_snapshot!(stdout(&show("alertmanager.silence")));
    insta::assert_snapshot!(stdout(&show("webhook.standard")));
    assert!(stdout(&show("http.get")).contains("bearer: Secret? = none"));
    assert!(stdout(&show("std.slack")).contains("# base = \"https://slack.com/api\""));
    let source = stdout(&rrb(dir.path(), &["connectors", "show", "slack.post", "--source"]));
    assert_eq!(source, rrb_lang::stdlib::get("std.slack").unwrap().1);
    for (wrong, near) in [("slak", "`slack`"), ("slack.pots", "`slack.post`"), ("http.gett", "`http.get`")] {
        let output = show(wrong);
        assert_eq!(code(&output), 3);
        assert!(stderr(&output).contains(near), "{}", stderr(&output));
    }
    assert_eq!(code(&show("")), 3);
}

#[test]
fn a_new_connector_checks_is_formatted_and_its_test_passes() {
    for name in ["door_bell", "x", "a_name_that_is_long_enough_to_break_more_lines_than_others"] {
        let toml = format!("{PROJECT}[connectors.{name}]\ntoken = \"env:HOME\"\n");
        let dir = folder(&[("rrb.toml", &toml)]);
        let output = rrb(dir.path(), &["connectors", "new", name]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains(&format!("[connectors.{name}]")), "{}", stdout(&output));
        for args in [["check", "--deny-warnings"].as_slice(), &["fmt", "--check", "."], &["test"]] {
            let output = rrb(dir.path(), args);
            assert_eq!(code(&output), 0, "{name} {args:?}\n{}{}", stdout(&output), stderr(&output));
        }
        let shown = stdout(&rrb(dir.path(), &["connectors", "show", name]));
        assert!(shown.contains(&format!("{name}.delete")), "{shown}");
        let again = rrb(dir.path(), &["connectors", "new", name]);
        assert_eq!(code(&again), 4, "{}", stderr(&again));
    }
}

#[test]
fn a_name_that_is_taken_or_none_is_refused_and_nothing_is_written() {
    let dir = folder(&[("rrb.toml", PROJECT), ("bell_test.rrb", "")]);
    for (name, part) in [
        ("Door", "no name"),
        ("door-bell", "no name"),
        ("1st", "no name"),
        ("", "no name"),
        ("action", "no name"),
        ("../x", "no name"),
        ("slack", "already"),
        ("bell", "is there already"),
    ] {
        let output = rrb(dir.path(), &["connectors", "new", name]);
        assert_ne!(code(&output), 0, "{name}");
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_copy_stands_for_the_module_of_the_library() {
    let dir = folder(&[
        ("rrb.toml", PROJECT),
        (
            "main.rrb",
            "use std.slack\n\n/// Says it.\nrunbook say() {\n  owner \"ops\"\n  let sent = do slack.post(\"#ops\", \"hi\")\n  log \"${sent.ts}\"\n}\n",
        ),
    ]);
    let copy = |name: &str| rrb(dir.path(), &["connectors", "copy", name]);
    assert_eq!(code(&copy("slack")), 0);
    let path = dir.path().join("std/slack.rrb");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, rrb_lang::stdlib::get("std.slack").unwrap().1);
    std::fs::write(&path, text.replace("action post(", "action post_it(")).unwrap();
    let output = rrb(dir.path(), &["check"]);
    assert_ne!(code(&output), 0);
    assert!(stderr(&output).contains("post_it") || stdout(&output).contains("post_it"), "the project's own is used");
    assert!(stdout(&rrb(dir.path(), &["connectors", "list"])).contains("(std.slack)"));
    for (name, part) in
        [("slack", "file of this project already"), ("http", "no connector of the library"), ("slak", "slack")]
    {
        let output = copy(name);
        assert_ne!(code(&output), 0, "{name}");
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
    }
    let bare = folder(&[]);
    assert!(stderr(&rrb(bare.path(), &["connectors", "copy", "slack"])).contains("no project here"));
}

/// `rrb connectors docs --out docs/connectors` puts it right.
#[test]
fn the_reference_pages_are_what_the_library_says() {
    let dir = folder(&[]);
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/connectors");
    let output = rrb(dir.path(), &["connectors", "docs", "--out", pages, "--check"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let old = dir.path().join("old");
    let into = old.to_str().unwrap();
    assert_eq!(code(&rrb(dir.path(), &["connectors", "docs", "--out", into, "--check"])), 1, "none is there");
    assert!(!old.exists(), "--check writes nothing");
    assert_eq!(code(&rrb(dir.path(), &["connectors", "docs", "--out", into])), 0);
    std::fs::write(old.join("slack.md"), "").unwrap();
    let output = rrb(dir.path(), &["connectors", "docs", "--out", into, "--check"]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("  slack.md"), "{}", stdout(&output));
}
