//! Playbooks of CACAO in, runbooks out.

use rrb_import::cacao;
use serde_json::{Value, json};

use crate::support::{converted, refused, samples};

fn import(value: &Value) -> rrb_import::Converted {
    converted(cacao::import, "playbook.json", &value.to_string())
}

/// A playbook with these steps; it begins with `start`.
fn playbook(variables: Value, steps: Value) -> Value {
    json!({
        "type": "playbook", "spec_version": "cacao-2.0", "id": "playbook--1", "name": "Fix it", "description": "Mends ${a} \"thing\".",
        "created": "2026-01-01T00:00:00.000Z", "severity": 75, "labels": ["a b"], "playbook_variables": variables,
        "workflow_start": "start", "workflow": steps,
        "agent_definitions": { "individual--1": { "type": "individual", "name": "Ana" } },
        "authentication_info_definitions": { "basic--1": { "type": "http-basic", "user_id": "u", "password": "hunter2" } },
        "target_definitions": { "api--1": { "type": "http-api", "name": "Shop", "address": { "dname": ["shop.example"] }, "port": "8443", "authentication_info": "basic--1" } },
    })
}

fn action(command: Value, next: &str) -> Value {
    json!({ "type": "action", "name": "Do", "commands": [command], "on_completion": next })
}

#[test]
fn steps_of_every_kind() {
    let made = import(&playbook(
        json!({
            "__ip__": { "type": "ipv4-addr", "external": true },
            "__mode__": { "type": "string", "value": "fast", "external": true },
            "__path__": { "type": "string", "value": "/tmp/x", "constant": true },
            "__found__": { "type": "string" },
            "__unused__": { "type": "string", "value": "x" },
            "__api_token__": { "type": "string", "value": "hunter3" },
        }),
        json!({
            "start": { "type": "start", "on_completion": "ask" },
            "ask": { "type": "action", "name": "Ask", "commands": [{ "type": "manual", "command": "Look at __ip__:value, then\nwrite \"what\" you saw" }], "out_args": ["__found__", "__nobody__"], "on_success": "if", "on_failure": "tell", "agent": "individual--1", "delay": 60000, "timeout": 5 },
            "if": { "type": "if-condition", "name": "Found?", "condition": "__found__:value = 'yes' AND __mode__ != \"slow\"", "on_true": "bash", "on_false": "get" },
            "bash": { "type": "action", "name": "Clean", "commands": [{ "type": "bash", "command": "rm -- '__path__:value'/$1" }], "on_completion": "while" },
            "get": { "type": "action", "name": "Get", "commands": [{ "type": "http-api", "command": "GET /items/__ip__:value HTTP/1.1", "headers": { "Accept": ["text/plain"], "X-Api-Token": ["__api_token__"] } }], "targets": ["api--1"], "out_args": ["__found__"], "on_completion": "while" },
            "while": { "type": "while-condition", "name": "Until done", "condition": "__found__:value > 3", "on_true": "post", "on_completion": "switch" },
            "post": { "type": "action", "name": "Post", "commands": [{ "type": "http-api", "command": "POST /items", "content": "{\"ip\": \"__ip__\"}" }], "targets": ["api--1"], "on_completion": "while" },
            "switch": { "type": "switch-condition", "name": "By mode", "switch": "__mode__:value", "cases": { "fast": "delete", "default": "other" }, "on_completion": "both" },
            "delete": { "type": "action", "name": "Delete", "commands": [{ "type": "http-api", "command": "DELETE /items" }], "targets": ["api--1"], "on_completion": "end2" },
            "end2": { "type": "end" },
            "other": { "type": "playbook-action", "name": "Other", "playbook_id": "playbook--2", "on_completion": "end2" },
            "both": { "type": "parallel", "name": "Both", "next_steps": ["a", "b", "gone"], "on_completion": "odd" },
            "a": { "type": "action", "name": "Sigma", "commands": [{ "type": "sigma", "command_b64": "eA==" }], "out_args": ["__found__"], "on_completion": "end2" },
            "b": { "type": "action", "name": "Power", "commands": [{ "type": "powershell", "command": "Get-Process" }, { "type": "ssh", "command": "ls", "password": "hunter2" }], "on_completion": "end2" },
            "odd": { "type": "if-condition", "name": "Odd", "condition": "[ipv4-addr:value = __ip__]", "on_true": "tell", "on_completion": "end" },
            "tell": { "type": "teapot", "name": "Tell", "x": 1, "on_completion": "end" },
            "never": { "type": "action", "name": "Never" },
            "end": { "type": "end" },
        }),
    ));
    assert!(!made.text.contains("hunter"), "{}", made.text);
    assert!(!made.report.to_text().contains("hunter"), "{}", made.report.to_text());
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
}

#[test]
fn steps_that_lead_back_or_into_themselves() {
    let one = json!({ "type": "manual", "command": "x" });
    let made = import(&playbook(
        json!({}),
        json!({ "start": { "type": "start", "on_completion": "a" }, "a": action(one.clone(), "b"), "b": action(one, "a") }),
    ));
    assert!(made.text.contains("while at_1 != \"\""), "{}", made.text);
    let inside = json!({ "start": { "type": "parallel", "next_steps": ["p"], "on_completion": "e" }, "p": { "type": "parallel", "next_steps": ["start"], "on_completion": "e" }, "e": { "type": "end" } });
    let said = refused(cacao::import, &playbook(json!({}), inside).to_string());
    assert!(said.contains("lead into themselves"), "{said}");
}

#[test]
fn a_shell_sees_no_value_that_could_mean_something_to_it() {
    let bash = json!({ "type": "bash", "command": "echo __a__ $(date)" });
    let made = import(&playbook(
        json!({ "__a__": { "type": "string", "external": true } }),
        json!({ "start": action(bash, "end"), "end": { "type": "end" } }),
    ));
    assert!(made.text.contains(r#"["bash", "-c", "echo ${_plain(a)} \$(date)"]"#), "{}", made.text);
    assert!(made.text.contains("approve \"Do: run this"), "{}", made.text);
}

#[test]
fn a_host_never_comes_out_of_a_variable() {
    for command in [
        "GET http://__a__/x",
        "GET http://__a__:value.example/x",
        "GET ftp://a.example/x",
        "GET http://u:p@a.example/",
        "GET /x",
    ] {
        let step = action(json!({ "type": "http-api", "command": command }), "end");
        let made = import(&playbook(
            json!({ "__a__": { "type": "string", "external": true } }),
            json!({ "start": step, "end": { "type": "end" } }),
        ));
        assert!(made.text.contains("do _by_hand("), "{command}\n{}", made.text);
    }
}

#[test]
fn what_is_no_playbook_is_said() {
    for (text, said) in [
        ("", "is empty"),
        ("{}", "this is no CACAO playbook"),
        ("{ \"type\": \"playbook\", \"workflow\": {} }", "this is no CACAO playbook"),
        ("{ \"type\": \"playbook\", \"spec_version\": \"1.1\", \"workflow\": { \"a\": {} } }", "the version `1.1`"),
        ("{ \"type\": \"playbook\", \"workflow\": { \"a\": {} } }", "has no first step"),
    ] {
        assert!(refused(cacao::import, text).contains(said), "{text}");
    }
}

#[test]
fn every_sample_gives_a_runbook_that_checks() {
    samples("cacao", cacao::import, |value| {
        let steps = value["workflow"].as_object().unwrap().values();
        steps
            .filter(|s| !["start", "end"].contains(&s["type"].as_str().unwrap()))
            .filter_map(|s| s["name"].as_str().map(str::to_owned))
            .collect()
    });
}

const RUNBOOK: &str = r#"
/// Moves a thing.
runbook move_it(name: Text, count: Int = 3) {
  owner "platform"
  severity high
  tags ["prod"]
  every 1h with name: "x"
  step "Look" {
    log "look at ${name}"
    evidence "count" = count
  }
  if count > 2 { wait 5m } else { log "few" }
  match name {
    "a" => { log "a" }
    _ => { log "other" }
  }
  for i in [1, 2] { log "${i}" }
  parallel {
    one { log "one" },
    two { log "two" },
  }
  approve "Go on?" from group(team) { log "agreed" } otherwise denial { finish escalated "no" }
  try { fail "broken" } catch f { log f.message }
  verify "still there" within 1m every 10s { count > 1 }
  finish mitigated "moved"

  on failure as f { log f.message }
}

settings { team: Text = "sre" }
"#;

fn exported(text: &str) -> cacao::Exported {
    let module = rrb_lang::check::ModuleSource { name: "api".into(), file: "api.rrb".into(), text: text.into() };
    let input = rrb_lang::check::CheckInput { modules: vec![module], ..Default::default() };
    let checked = rrb_lang::check::check(input);
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    cacao::export(&program, &checked.sources, &program.runbooks[0])
}

#[test]
fn a_runbook_goes_out_and_comes_back() {
    let out = exported(RUNBOOK);
    assert_eq!(out.text, exported(RUNBOOK).text);
    for lost in ["what starts it", "a failure that is caught at once"] {
        assert!(out.lost.iter().any(|l| l.starts_with(lost)), "{:?}", out.lost);
    }
    let value: Value = serde_json::from_str(&out.text).unwrap();
    let workflow = value["workflow"].as_object().unwrap();
    // Every step that is named is there.
    for step in workflow.values() {
        for key in ["on_completion", "on_success", "on_failure", "on_true", "on_false"] {
            if let Some(id) = step[key].as_str() {
                assert!(workflow.contains_key(id), "{key} leads to {id}");
            }
        }
        assert!(step["type"] != "action" || value["agent_definitions"][step["agent"].as_str().unwrap()].is_object());
    }
    assert!(workflow.contains_key(value["workflow_start"].as_str().unwrap()));
    insta::assert_snapshot!(out.text);
    let back = converted(cacao::import, "move_it.json", &out.text);
    for words in ["look at ‹name›", "Go on?", "still there", "wait 5m", "agreed"] {
        assert!(back.text.contains(words), "{words}\n{}", back.text);
    }
}
