use std::sync::Arc;

use super::*;
use crate::check::{CheckInput, Checked, ModuleSource, check};
use crate::hir::{Event, EventSource};
use crate::json::{Bounds, Json};
use crate::program::{Program, compile};
use crate::value::Value;
use crate::vm::protocol::SettingValues;
use crate::vm::{EvalError, eval};

#[test]
fn names_are_sorted_and_found() {
    assert!(names().collect::<Vec<_>>().is_sorted());
    assert!(names().all(|n| get(n).is_some_and(|(file, text)| file.ends_with(".rrb") && !text.is_empty())));
    assert_eq!(get("std.nothing"), None);
    assert_eq!(get("slack"), None);
}

fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    names().filter_map(get).chain(natives().iter().map(|(_, file, text)| (*file, *text)))
}

#[test]
fn everything_parses() {
    for (file, text) in texts() {
        let mut sources = crate::span::Sources::default();
        let id = sources.add(file, text);
        let parsed = crate::syntax::parse(id, text);
        assert!(parsed.diagnostics.is_empty(), "{}", crate::diag::plain::render(&parsed.diagnostics, &sources));
    }
}

#[test]
fn everything_public_is_documented() {
    for (file, text) in texts() {
        assert!(text.starts_with("//!"), "{file}");
        let mut before = "";
        for line in text.lines() {
            let plain = line.trim_start();
            let declares = ["action ", "native action ", "event ", "connector "].iter().any(|d| plain.starts_with(d));
            assert!(!declares || before.trim_start().starts_with("///"), "{file}: {plain}");
            before = line;
        }
    }
}

#[test]
fn every_connector_names_its_reference() {
    for (file, text) in names().filter_map(get) {
        assert!(file == "stdlib/system.rrb" || text.contains("/// ") && text.contains("https://"), "{file}");
    }
}

/// Checks a project of one file.
fn checked(text: &str) -> Checked {
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let (project, _) =
        crate::project::parse(crate::check::PROJECT_FILE, "[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"");
    check(CheckInput { modules: vec![main], project })
}

fn said(checked: &Checked) -> String {
    crate::diag::plain::render(&checked.diagnostics, &checked.sources)
}

fn assert_clean(text: &str) {
    let checked = checked(text);
    assert!(checked.diagnostics.is_empty(), "{}", said(&checked));
}

#[test]
fn every_module_checks_alone_and_beside_the_others() {
    for name in names() {
        assert_clean(&format!("use {name} as _it"));
    }
    assert_clean(&names().enumerate().map(|(i, name)| format!("use {name} as _it{i}\n")).collect::<String>());
}

#[test]
fn connectors_are_used_as_their_documents_say() {
    assert_clean(
        r##"
use std.alertmanager
use std.prometheus as prom
use std.slack
use std.system
use std.webhook

runbook relieve(mount: Text) {
  on alertmanager.firing as a
    where a.name == "DiskAlmostFull" and a.severity >= warning
    with mount: a.labels.mountpoint ?? skip
  on webhook.received as e with mount: e.body.mount as Text
  cancel when alertmanager.resolved as r where r.labels.mountpoint == mount

  let used = prom.scalar("node_filesystem_avail_bytes") retry 2 times
  let quiet = do alertmanager.silence({ "mountpoint": mount }, 1h, "being fixed")
  let said = do slack.post("#ops", "${mount}: ${used}, silenced until ${quiet.until}")
  for f in system.files_older_than("/var/cache/app", 3d) {
    do system.move_file(f.path, "/var/tmp/${f.name}")
  }
  approve "Delete the rest of ${mount}?" from user("ana") ask slack.ask("#ops") {
    for f in system.files_older_than("/var/cache/app", 0s).sort_by(f => f.modified) { do system.delete_file(f.path) }
    do slack.delete(said)
  }
  do system.restart_unit("app.service")
  verify "it runs" within 1m every 5s { system.unit_active("app.service") and system.disk_used(mount) < 80% }
}
"##,
    );
}

#[test]
fn requests_take_their_credentials_as_records() {
    assert_clean(
        r##"
connector crm {
  settings { id: Text = "i" key: Secret }
  fn login() -> http.OAuth2 { { token_url: url"https://h/token", client_id: id, client_secret: key, scopes: ["a"] } }
  fn cloud(role: Text?) -> http.Aws { { service: "ec2", region: "eu-central-1", assume_role: role } }
  action all() -> List<Json> reads {
    let _a = http.get("https://h/", oauth2: login())
    let _b = http.get("https://h/", oauth2: { token_url: url"https://h/t", grant: "jwt_bearer", assertion: { key, claims: { scope: "x" } } })
    let _c = http.get("https://h/", jwt: { key, issuer: "1", lifetime: 9m })
    let _d = http.get(http.aws_endpoint("ec2", "eu-central-1"), aws: cloud(none), ca: "x", client_cert: "x", client_key: key)
    let _e = http.get("http://docker/info", unix_socket: "/run/docker.sock")
    http.pages(url"https://h/", u => http.get(u), http.next_link).flat_map(r => r.json.items())
  }
  action tell(text: Text) changes {
    do http.post("https://h/", json: { text }, hmac: http.standard_webhooks(key))
    do http.post("https://h/", json: { text }, hmac: { secret: key, header: "x-signature", prefix: "sha256=" })
  }
}
"##,
    );
}

/// The address that `http.next_link` finds in this header.
fn next_link(header: &str) -> Result<Value, EvalError> {
    let main = "fn next(link: Text) -> Url? {\n  http.next_link(url\"https://api.example/a?page=1\", { status: 200, headers: { \"link\": link }, text: \"\", json: none, xml: none })\n}";
    let checked = checked(main);
    let program = Arc::new(
        compile(checked.program.as_ref().unwrap_or_else(|| panic!("{}", said(&checked))), &checked.sources).unwrap(),
    );
    let at = program.functions.iter().position(|f| f.name == "next").unwrap();
    let id = crate::ids::FnId(u32::try_from(at).unwrap());
    eval(&program, id, vec![Value::text(header)], &SettingValues::new(), "default", 1_000_000)
}

#[test]
fn the_next_page_is_found_in_the_header_link() {
    for (header, found) in [
        ("", None),
        (r#"<https://api.example/a?page=2>; rel="next""#, Some("https://api.example/a?page=2")),
        (
            r#"<https://api.example/a?page=1>; rel="prev", <https://api.example/a?page=3&x=a,b>; rel="next", <https://api.example/a?page=9>; rel="last""#,
            Some("https://api.example/a?page=3&x=a,b"),
        ),
        ("<https://api.example/b>; rel=next", Some("https://api.example/b")),
        (r#"<https://api.example/b>; title="a, b; rel=next"; rel="last""#, None),
        (r#"<https://api.example/b>; REL="Next"; title="x""#, Some("https://api.example/b")),
        (r#"<https://api.example/b>; rel="start next""#, Some("https://api.example/b")),
        (r#"<https://api.example/b>; rel="nextish""#, None),
        (r#"</a?page=2>; rel="next""#, Some("https://api.example/a?page=2")),
        ("rel=next", None),
        ("<>; rel=next", None),
    ] {
        let expected = found.map_or(Value::None, |u| Value::Url(u.into()));
        assert_eq!(next_link(header).unwrap(), expected, "{header}");
    }
    for header in [
        r#"<https://elsewhere.example/a>; rel="next""#,
        r#"<http://api.example/a>; rel="next""#,
        r#"<//elsewhere.example/a>; rel="next""#,
        r#"<a b>; rel="next""#,
    ] {
        assert!(next_link(header).is_err(), "{header}");
    }
}

#[test]
fn what_destroys_is_not_lowered_by_a_connector() {
    for call in
        ["system.delete_file(\"/a\")", "system.delete_folder(\"/a\")", "slack.delete({ channel: \"c\", ts: \"1\" })"]
    {
        let checked = checked(&format!("use std.system\nuse std.slack\nrunbook r() {{ do {call} }}"));
        assert!(said(&checked).contains("approve"), "{call}: {}", said(&checked));
    }
    for call in [
        "system.restart_unit(\"a\")",
        "system.stop_unit(\"a\")",
        "system.quarantine(\"/a\")",
        "alertmanager.expire_silence(\"i\")",
    ] {
        let module = call.split('.').next().unwrap();
        assert_clean(&format!("use std.{module}\nrunbook r() {{ do {call} }}"));
    }
}

/// A program of a module, to take deliveries with.
struct Taker(Arc<Program>);

impl Taker {
    fn new(module: &str) -> Self {
        let checked = checked(&format!("use {module}"));
        let program = checked.program.as_ref().unwrap_or_else(|| panic!("{}", said(&checked)));
        Self(Arc::new(compile(program, &checked.sources).unwrap()))
    }

    fn event(&self, name: &str) -> &Event {
        self.0.events.iter().find(|e| e.name == name).unwrap()
    }

    fn call(&self, function: crate::ids::FnId, args: Vec<Value>) -> Result<Value, EvalError> {
        eval(&self.0, function, args, &SettingValues::new(), "default", 1_000_000)
    }

    /// Id, time and value of every event that a delivery becomes; or why it becomes none.
    fn take(&self, name: &str, body: &Json) -> Result<Vec<(Value, Value, Value)>, EvalError> {
        let event = self.event(name);
        let no_texts = || Value::Map(Arc::default());
        let delivery = || vec![Value::Json(body.clone()), no_texts(), no_texts()];
        let items = match event.each {
            None => vec![Json::Null],
            Some(each) => match self.call(each, delivery())? {
                Value::List(items) => {
                    items.iter().map(|v| if let Value::Json(j) = v { j.clone() } else { panic!("{v:?}") }).collect()
                }
                other => panic!("{other:?}"),
            },
        };
        let mut events = Vec::new();
        for item in items {
            let args = || delivery().into_iter().chain([Value::Json(item.clone())]).collect::<Vec<_>>();
            let of = |f: Option<crate::ids::FnId>| f.map_or(Ok(Value::None), |f| self.call(f, args()));
            events.push((of(event.id)?, of(event.at)?, self.call(event.emit, args())?));
        }
        Ok(events)
    }
}

fn json(text: &str) -> Json {
    crate::json::parse(text.as_bytes(), Bounds::default()).unwrap()
}

fn notification(alerts: &str) -> Json {
    json(&format!(
        r#"{{"version": "4", "status": "firing", "receiver": "rrb", "groupKey": "{{}}:{{}}", "externalURL": "http://am:9093",
            "truncatedAlerts": 2, "groupLabels": {{}}, "commonLabels": {{}}, "commonAnnotations": {{}}, "alerts": [{alerts}]}}"#
    ))
}

fn alert(status: &str, severity: &str, ends: &str) -> String {
    format!(
        r#"{{"status": "{status}", "labels": {{"alertname": "DiskAlmostFull", "mountpoint": "/data"{severity}}},
            "annotations": {{"summary": "nearly full"}}, "startsAt": "2026-11-21T10:00:00.5Z", "endsAt": "{ends}",
            "generatorURL": "http://prom:9090/graph", "fingerprint": "c0ffee"}}"#
    )
}

const NO_END: &str = "0001-01-01T00:00:00Z";

#[test]
fn a_notification_becomes_one_event_for_each_alert() {
    let taker = Taker::new("std.alertmanager");
    let both = format!(
        "{},{}",
        alert("firing", r#", "severity": "critical""#, NO_END),
        alert("resolved", "", "2026-11-21T11:00:00Z")
    );
    let body = notification(&both);
    let starts = 1_795_255_200_500;

    let firing = taker.take("firing", &body).unwrap();
    let [(id, at, value)] = firing.as_slice() else { panic!("{firing:?}") };
    assert_eq!((id, at), (&Value::text("c0ffee/2026-11-21T10:00:00.5Z/firing"), &Value::Time(starts)));
    for (field, expected) in [
        ("name", Value::text("DiskAlmostFull")),
        ("severity_text", Value::text("critical")),
        ("starts_at", Value::Time(starts)),
        ("ends_at", Value::None),
        ("fingerprint", Value::text("c0ffee")),
        ("receiver", Value::text("rrb")),
        ("group_key", Value::text("{}:{}")),
        ("external_url", Value::text("http://am:9093")),
        ("generator_url", Value::text("http://prom:9090/graph")),
        ("truncated", Value::Int(2)),
    ] {
        assert_eq!(value.field(field), Some(&expected), "{field}");
    }
    let Some(Value::Map(labels)) = value.field("labels") else { panic!() };
    assert_eq!(labels.get(&Value::text("mountpoint")), Some(&Value::text("/data")));

    let resolved = taker.take("resolved", &body).unwrap();
    let [(id, at, value)] = resolved.as_slice() else { panic!("{resolved:?}") };
    assert_eq!((id, at), (&Value::text("c0ffee/2026-11-21T10:00:00.5Z/resolved"), &Value::Time(starts + 3_599_500)));
    assert_eq!(value.field("ends_at"), Some(&Value::Time(starts + 3_599_500)));
}

#[test]
fn severities_of_all_words_are_one_of_three() {
    let taker = Taker::new("std.alertmanager");
    for (word, severity) in [
        ("info", "info"),
        ("NONE", "info"),
        ("warning", "warning"),
        ("high", "warning"),
        ("", "warning"),
        ("Critical", "critical"),
        ("page", "critical"),
    ] {
        let body = notification(&alert("firing", &format!(r#", "severity": "{word}""#), NO_END));
        let events = taker.take("firing", &body).unwrap();
        assert!(matches!(events[0].2.field("severity"), Some(Value::Variant(v)) if v.name == severity), "{word}");
        assert_eq!(events[0].2.field("severity_text"), Some(&Value::text(word)));
    }
}

#[test]
fn ends_that_are_none_are_none() {
    let taker = Taker::new("std.alertmanager");
    for (ends, none) in [
        (NO_END, true),
        ("1970-01-01T00:00:00Z", true),
        ("2026-11-21T10:00:00.5Z", true),
        ("2026-11-21T10:05:00Z", false),
    ] {
        let events = taker.take("firing", &notification(&alert("firing", "", ends))).unwrap();
        assert_eq!(events[0].2.field("ends_at") == Some(&Value::None), none, "{ends}");
        let events = taker.take("resolved", &notification(&alert("resolved", "", ends))).unwrap();
        assert_eq!(events[0].1 == Value::Time(1_795_255_200_500), none, "{ends}");
    }
}

#[test]
fn what_is_no_notification_is_a_failure_that_says_where() {
    let taker = Taker::new("std.alertmanager");
    let good = alert("firing", "", NO_END);
    for (body, part) in [
        (json("{}"), "a list"),
        (json("[]"), "a list"),
        (json(r#"{"alerts": {}}"#), "a list"),
        (notification(&good.replace("2026-11-21T10:00:00.5Z", "yesterday")), "a time"),
        (notification(&good.replace(r#""c0ffee""#, "7")), "a text"),
        (notification(&good.replace(r#""labels""#, r#""tags""#)), "an object"),
        (notification(&good.replace(r#""/data""#, "1")), "$.mountpoint"),
    ] {
        let error = taker.take("firing", &body).err().unwrap_or_else(|| panic!("{body:?}")).to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(taker.take("firing", &notification("")).unwrap(), vec![]);
}

#[test]
fn events_of_one_connector_share_an_address() {
    let taker = Taker::new("std.alertmanager");
    let path =
        |name| if let EventSource::Webhook { path } = &taker.event(name).source { path.clone() } else { panic!() };
    assert_eq!(path("firing"), path("resolved"));
    let other = "connector other { event e: { a: Text } from webhook \"/alertmanager\" { verify none because \"x\" emit { a: \"\" } } }";
    let checked = checked(&format!("use std.alertmanager\n{other}"));
    assert!(said(&checked).contains("this path"), "{}", said(&checked));
}
