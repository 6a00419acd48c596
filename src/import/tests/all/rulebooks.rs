//! Rulebooks in, runbooks out.

use rrb_import::{ConvertOptions, rulebook};

use crate::support::{converted, converted_with, refused, samples};

fn import(text: &str) -> rrb_import::Converted {
    converted(rulebook::import, "rules.yml", text)
}

/// A ruleset with a webhook and these rules, each line indented by four.
fn rules(rules: &str) -> String {
    format!(
        "- name: Set\n  hosts: all\n  sources:\n    - ansible.eda.webhook: {{ token: x }}\n  rules:\n{}",
        rules.trim_start_matches('\n')
    )
}

/// The line of the trigger of a rule with this condition.
fn condition(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    let made = import(&rules(&format!("    - {{ name: r, condition: {quoted}, action: {{ none: }} }}\n")));
    let flat = made.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let from = flat.find(" where ").map_or(0, |at| at + 7);
    flat[from..].split(" with doc: e.doc").next().unwrap().replace("e.doc.", "e.")
}

#[test]
fn conditions() {
    for (own, here) in [
        ("event.a == 1", "e.a == 1"),
        ("event.a != 1", "(e.a != none and e.a != 1)"),
        ("not event.a == 1", "(e.a != none and e.a != 1)"),
        ("not (event.a == 1 and event.b == 2)", "((e.a != none and e.a != 1) or (e.b != none and e.b != 2))"),
        ("event.a > 1.5", "_greater(e.a, 1.5)"),
        ("not event.a > 1", "_at_least(1, e.a)"),
        ("event.a < event.b", "_greater(e.b, e.a)"),
        ("1 <= event.a", "_at_least(e.a, 1)"),
        ("event.a == event.b", "(e.a != none and e.a == e.b)"),
        ("event.a in [1, 2]", "e.a in [1, 2]"),
        ("event.a in [1, 'x']", "(e.a == 1 or e.a == \"x\")"),
        ("event.a not in ['x']", "(e.a != none and e.a not in [\"x\"])"),
        ("event.a in event.b", "e.b.items().contains(e.a)"),
        ("event.a contains 'x'", "e.a.items().contains(\"x\")"),
        ("event.a not contains 'x'", "(e.a != none and not e.a.items().contains(\"x\"))"),
        ("event.a is defined", "e.a != none"),
        ("event.a is not defined", "e.a == none"),
        ("event.a", "e.a == true"),
        ("not event.a", "e.a == false"),
        ("event['a b'][0]['if'] == None", "e.doc[\"a b\"][0].if == none"),
        ("event.a is regex('^x\"')", "(e.a.kind() == \"text\" and ((e.a as Text) matches re#\"^x\"\"#))"),
        (
            "event.a is not search('x', ignorecase=True)",
            "(e.a.kind() == \"text\" and not ((e.a as Text) matches re\"(?i)x\"))",
        ),
        ("event.a is select('>=', 3)", "e.a.items().any(it => _at_least(it, 3))"),
        ("event.a is not select('==', 3)", "(e.a != none and not e.a.items().any(it => it == 3))"),
        (
            "event.a is selectattr('b.c', 'not in', [1])",
            "e.a.items().any(it => it.get(\"b.c\") != none and not (it.get(\"b.c\") == 1))",
        ),
        ("event.a == vars.b.c", "(e.a != none and e.a == b.c)"),
        ("event.a == \"{{ b }}\"", "(e.a != none and e.a == b)"),
        ("event.a + 1 == event.b * 2", "(_plus(e.a, 1) != none and _plus(e.a, 1) == _times(e.b, 2))"),
        ("events.x << event.a == 1", "e.a == 1"),
    ] {
        assert_eq!(condition(own), here, "{own}");
    }
}

#[test]
fn conditions_without_a_counterpart_leave_a_runbook_that_people_start() {
    for (own, why) in [
        ("i == 2", "`i` is no event, fact or variable"),
        ("event.a is match('(?=x)')", "the pattern `(?=x)` has no counterpart"),
        ("event.a is match(event.b)", "a pattern that is not written"),
        ("1 == 1", "it compares two constants"),
        ("event.a ==", "it ends where a value was expected"),
        ("event.a == events.b.c", "nothing is named `events.b`"),
        ("event.a is select('like', 1)", "the test `like` is not known"),
        ("[1]", "it is a value and no condition"),
    ] {
        let quoted = serde_json::to_string(own).unwrap();
        let made = import(&rules(&format!("    - {{ name: r, condition: {quoted}, action: {{ none: }} }}\n")));
        assert!(made.text.contains("// review: write the trigger."), "{own}\n{}", made.text);
        assert!(!made.text.contains("\n  on "), "{own}\n{}", made.text);
        assert!(made.report.to_text().contains(why), "{own}\n{}", made.report.to_text());
    }
}

#[test]
fn several_events_and_throttles() {
    let made = import(&rules(
        r#"
    - name: two
      condition: { all: [ "event.a == 1", "events.b << event.c == events.m_0.c" ], timeout: 10 seconds }
      action: { debug: { msg: "{{ events.b.c | default('none', true) | upper }} and {{ events.m_0 | to_json }}" } }
    - name: one of
      condition: { any: [ event.a == 1, event.b == 2 ] }
      action: { print_event: { var_root: a.b } }
    - name: not both
      condition: { not_all: [ event.a == 1, event.b == 2 ], timeout: 2 minutes }
      action: debug
    - name: counted
      condition: event.a == 1
      throttle: { accumulate_within: 5 minutes, threshold: 3, group_by_attributes: [ event.host ] }
      action: { run_job_template: { name: Fix it, organization: Default, job_args: { extra_vars: { host: "{{ event.host }}" } } } }
    - name: once
      condition: event.a == 2
      throttle: { once_within: 1 hour }
      action: { none: }
    - name: all of one
      condition: { all: [ events.only << event.a == 3 ] }
      action: { set_fact: { fact: { a: "{{ events.only.a }}", z: 1 } } }
    - name: too many
      condition: { all: [ event.a == 1, event.a == 2, event.a == 3, event.a == 4, event.a == 5, event.a == 6, event.a == 7, event.a == 8, event.a == 9 ] }
      action: { shutdown: }
"#,
    ));
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
}

#[test]
fn sources_of_every_kind() {
    let made = import(
        r#"
- name: Sources
  sources:
    - name: Alerts
      ansible.eda.alertmanager: { host: 0.0.0.0, port: 8000, data_alerts_path: "a/b", data_path_separator: "/", odd: [ 1 ] }
      filters: [ { json_filter: { exclude_keys: [ a ] } }, noop ]
    - eda.builtin.webhook: { hmac_secret: s, hmac_algo: sha256 }
    - ansible.eda.url_check: { urls: [ "https://a.example/x", "no url", "https://u:p@b.example" ], delay: 30, verify_ssl: false }
    - range: { limit: "{{ limit }}" }
    - generic: { payload: { a: 1, "b c": [ 1, x, null ] }, loop_count: 3 }
    - ansible.eda.journald: { match: "_SYSTEMD_UNIT=sshd.service" }
    - tick: { delay: 5 }
    - my.own.plugin: { a: 1 }
    - name: nothing
    - 7
  rules:
    - name: r
      condition: event.a is defined
      action: { pg_notify: { dsn: "x", channel: c, event: "{{ event }}" } }
"#,
    );
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
}

#[test]
fn what_is_no_rulebook_is_said() {
    for (text, said) in [
        ("", "is empty"),
        ("a: 1", "this is no rulebook"),
        ("[]", "this is no rulebook"),
        ("- name: x\n  rules: 3", "this is no rulebook"),
        ("[1, 2", "no JSON"),
        ("- rules: [", "no YAML"),
    ] {
        assert!(refused(rulebook::import, text).contains(said), "{text}");
    }
    let many = format!("- rules: [{}]", "{},".repeat(501));
    assert!(refused(rulebook::import, &many).contains("501 rules"));
}

#[test]
fn names_of_every_kind_are_names() {
    let made = import(
        r#"
- name: "match"
  sources: [ { name: "日本", range: { limit: 2 } }, { name: "type", range: { limit: 2 } }, { name: "type", range: { limit: 2 } } ]
  rules:
    - { name: "if", condition: event.i == 1, action: { debug: { msg: "a\n${b} \"q\" {{ event.i }} {{ odd | filter }} {{" } } }
    - { name: "", condition: true, action: { debug: { "odd key": [ 1, a ] } } }
    - { condition: event.i == 2, actions: [ { "日本": { a: 1 } }, debug, 7 ] }
    - { name: "doc", condition: { all: [ "events.doc << event.i == 1", "events.told << event.i == 2" ] }, action: { set_fact: { fact: { i: 1 } } } }
- name: "match"
  sources: []
  rules: [ { name: "if", condition: event.i == 1, action: { post_event: { ruleset: nobody, event: { i: 1 } } } } ]
"#,
    );
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
}

#[test]
fn every_sample_gives_runbooks_that_check() {
    samples("rulebooks", rulebook::import, |value| {
        let mut names = Vec::new();
        for set in value.as_array().into_iter().flatten() {
            names.extend(set["name"].as_str().map(str::to_owned));
            for rule in set["rules"].as_array().into_iter().flatten() {
                names.extend(rule["name"].as_str().map(str::to_owned));
                names.extend(rule["condition"].as_str().map(str::to_owned));
                for list in ["all", "any", "not_all"] {
                    let all = rule["condition"][list].as_array().into_iter().flatten();
                    names.extend(all.filter_map(|c| c.as_str().map(str::to_owned)));
                }
                let actions = rule["actions"].as_array().into_iter().flatten().chain([&rule["action"]]);
                // What is shown, told and forgotten has statements of its own.
                let own = ["none", "debug", "print_event", "set_fact", "post_event", "retract_fact"];
                let keys = actions.filter_map(|a| a.as_object()).flat_map(|a| a.keys());
                names.extend(keys.filter(|k| !own.contains(&k.as_str())).cloned());
            }
            for source in set["sources"].as_array().into_iter().flatten() {
                names.extend(
                    source
                        .as_object()
                        .into_iter()
                        .flat_map(|s| s.keys())
                        .filter(|k| !["name", "filters"].contains(&k.as_str()))
                        .cloned(),
                );
            }
        }
        names
    });
}

fn with_awx(text: &str) -> rrb_import::Converted {
    let options = ConvertOptions { source: "rules.yml".to_owned(), awx: true, ..ConvertOptions::default() };
    converted_with(rulebook::import, &options, text)
}

#[test]
fn templates_are_launched_by_awx_where_that_is_wanted() {
    let made = with_awx(
        r#"
- name: Disks
  hosts: [ web1, web2 ]
  sources:
    - ansible.eda.alertmanager: { host: 0.0.0.0, port: 8000, skip_original_data: true }
  rules:
    - name: Full
      condition: event.alert.status == "firing"
      actions:
        - run_job_template:
            name: "Clean {{ event.alert.labels.instance }} ${x}"
            organization: Default
            retries: 2
            post_events: true
            job_args:
              extra_vars: { path: "{{ event.alert.labels.mountpoint }}", api_token: "abc", n: 9007199254740993 }
              job_tags: "clean, check"
              inventory: 7
              verbosity: 3
        - run_workflow_template:
            name: Report
            organization: Default
            include_events: false
            job_args: { limit: db1, job_tags: all }
    - name: Two
      condition: { all: [ event.a == 1, events.m_0.b == 2 ] }
      action: { run_job_template: { name: Both, organization: Default } }
    - name: Without an organization
      condition: event.c == 1
      action: { run_job_template: { name: Alone } }
    - name: Nameless
      condition: event.d == 1
      action: { run_job_template: { organization: Default } }
"#,
    );
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
    assert!(!made.text.contains("abc"), "a secret was carried over");
}

#[test]
fn a_name_of_the_module_does_not_hide_the_connector_awx() {
    let made = with_awx(
        "- name: awx\n  hosts: all\n  sources: [ { name: awx, ansible.eda.webhook: { token: x } } ]\n  rules:\n    - { name: awx, condition: vars.awx == 1 and event.a == 1, action: { run_job_template: { name: a, organization: b } } }\n",
    );
    assert!(made.text.contains("do awx.launch(") && made.text.contains("\"a++b\""), "{}", made.text);
    let without =
        import(&rules("    - { name: r, condition: event.a == 1, action: { run_job_template: { name: a } } }\n"));
    assert!(!without.text.contains("std.awx") && without.text.contains("_by_hand"), "{}", without.text);
    let unused = with_awx(&rules("    - { name: r, condition: event.a == 1, action: { none: } }\n"));
    assert!(!unused.text.contains("use std.awx"), "{}", unused.text);
}

#[test]
fn records_of_kafka_come_by_a_stream() {
    let source = |args: &str| {
        import(&format!(
            "- name: K\n  hosts: all\n  sources: [ {{ ansible.eda.kafka: {args} }} ]\n  rules: [ {{ name: r, condition: event.body.id == 1, action: {{ debug: }} }} ]\n"
        ))
    };
    let made = source(
        "{ host: k1.example, port: 9093, topic: orders, group_id: eda, offset: earliest, security_protocol: SASL_SSL, sasl_mechanism: SCRAM-SHA-256, sasl_plain_username: rrb, sasl_plain_password: canary-1, cafile: /etc/ca.pem, verify_mode: CERT_NONE }",
    );
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
    assert!(!made.text.contains("canary-1") && !made.report.to_text().contains("canary-1"));
    let plain = source("{ topic: \"a\\\"b\" }").text;
    assert!(plain.contains(r#"topic: "a\"b", begin: "end""#) && plain.contains("[\"localhost:9092\"]"), "{plain}");
    for elsewhere in
        ["{ host: k1 }", "{ topic: a, sasl_mechanism: GSSAPI, security_protocol: SASL_SSL }", "{ topic: 7 }", "[ a ]"]
    {
        let made = source(elsewhere);
        assert!(made.text.contains("from webhook"), "{elsewhere}: {}", made.text);
        assert!(made.report.to_text().contains("nothing here reads"), "{elsewhere}");
    }
}
