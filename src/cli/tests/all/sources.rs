//! Sources that rrb reads by itself, with the built binary: a file, a program, syslog, the time and a poll.

use std::io::Write as _;
use std::net::UdpSocket;

use crate::command::{code, folder, stderr, stdout};
use crate::daemon::{ask, begin, json, signal, until};

fn project(port: u16, url: &str, log: &std::path::Path) -> tempfile::TempDir {
    let config = format!(
        "[project]\nname = \"t\"\n[serve]\nlisten = \"127.0.0.1:0\"\n\
         [connectors.shop]\nlog = \"{}\"\nlisten = \"udp://127.0.0.1:{port}\"\nurl = \"{url}\"\n",
        log.display()
    );
    folder(&[("rrb.toml", &config), ("main.rrb", RUNBOOKS)])
}

const RUNBOOKS: &str = r#"
connector shop {
  settings {
    log: Text
    listen: Text
    url: Url
  }
  event line: { text: Text } from file(log, format: "json", begin: "start") {
    emit { text: body.text as Text }
  }
  event tick: { text: Text } from exec(["sh", "-c", "echo tick; sleep 60"], because: "it only says something") {
    emit { text: body as Text }
  }
  event said: { text: Text } from syslog(listen) {
    verify none because "only this machine reaches it"
    emit { text: body.message as Text }
  }
  event minute: { at: Time } from schedule(cron"* * * * *") {
    emit { at: body.at as Time }
  }
  event order: { id: Int } from poll every 1s { http.get(url).json } {
    each body.orders as o
    id "${o.id as Int}"
    emit { id: o.id as Int }
  }
  event unheard: { text: Text } from exec(["touch", "unheard"], because: "a test") {
    emit { text: body as Text }
  }
}

runbook see(text: Text) {
  on shop.line as e with text: "file ${e.text}"
  on shop.tick as e with text: "exec ${e.text}"
  on shop.said as e with text: "syslog ${e.text}"
  on shop.order as e with text: "poll ${e.id}"
  finish resolved text
}

runbook every_minute(at: Time) {
  on shop.minute as e with at: e.at
  finish resolved "schedule"
}
"#;

/// Answers every request with the same orders.
fn shop() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let body = r#"{"orders":[{"id":9007199254740993}]}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let _ = stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    url
}

/// The reasons with which runs have ended, sorted.
fn ends(dir: &std::path::Path) -> Vec<String> {
    let runs = json(&ask(dir, &["runs", "list", "--json"]));
    let why = |r: &serde_json::Value| r["end"]["why"].as_str().map(str::to_owned);
    let mut all: Vec<String> = runs.as_array().unwrap().iter().filter_map(why).collect();
    all.sort();
    all
}

#[test]
fn a_daemon_reads_its_sources_by_itself_and_goes_on_where_it_was() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("shop.log");
    std::fs::write(&log, "{\"text\": \"one\"}\nnot json\n").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = project(port, &shop(), &log);
    let mut daemon = begin(dir.path(), &["serve"]);
    until(|| {
        if !ends(dir.path()).iter().any(|e| e == "syslog hello") {
            let _ = socket.send_to(b"<14>app: hello", ("127.0.0.1", port));
        }
        let ends = ends(dir.path());
        ["exec tick", "file one", "poll 9007199254740993", "syslog hello"]
            .iter()
            .all(|wanted| ends.iter().any(|e| e == wanted))
    });
    let status = json(&ask(dir.path(), &["status", "--json"]));
    let sources = status["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 5, "{sources:#?}");
    assert!(sources.iter().all(|s| s["state"] == "reading"), "{sources:#?}");
    let silent: Vec<_> = sources.iter().filter(|s| s["taken"] == 0).map(|s| &s["event"]).collect();
    assert!(silent.is_empty() || silent == ["shop.minute"], "{sources:#?}");
    let shown = stdout(&ask(dir.path(), &["status"]));
    assert!(shown.contains("source    shop.line: 2 taken"), "{shown}");
    assert!(!dir.path().join("unheard").exists() && !std::path::Path::new("/unheard").exists());
    let dead = stdout(&ask(dir.path(), &["events", "dead"]));
    assert!(dead.contains("shop.line") && dead.contains("no JSON"), "{dead}");

    // Killed, and started again: the file goes on where it was, and what the poll has brought is known.
    signal(&daemon, "-KILL");
    daemon.0.wait().unwrap();
    std::fs::remove_file(dir.path().join(".rrb/daemon.json")).unwrap();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"{\"text\": \"two\"}\n").unwrap();
    let daemon = begin(dir.path(), &["serve"]);
    until(|| ends(dir.path()).iter().any(|e| e == "file two"));
    let count = |what: &str| ends(dir.path()).iter().filter(|e| *e == what).count();
    assert_eq!((count("file one"), count("file two"), count("poll 9007199254740993")), (1, 1, 1));
    signal(&daemon, "-TERM");
    assert_eq!(code(&ask(dir.path(), &["audit", "verify"])), 0);
}

#[test]
fn a_source_that_cannot_be_read_is_said_and_the_daemon_goes_on() {
    let dir = project(1, "http://127.0.0.1:1", std::path::Path::new("/nowhere/shop.log"));
    let daemon = begin(dir.path(), &["serve"]);
    let failing = |event: &str, why: &str| {
        let status = json(&ask(dir.path(), &["status", "--json"]));
        let says = |s: &serde_json::Value| s["event"] == event && s["why"].as_str().is_some_and(|w| w.contains(why));
        status["sources"].as_array().unwrap().iter().any(says)
    };
    until(|| failing("shop.line", "there is no file `/nowhere/shop.log`") && failing("shop.order", "no connection"));
    let shown = stdout(&ask(dir.path(), &["status"]));
    assert!(shown.contains("source    shop.line: there is no file `/nowhere/shop.log`, yet"), "{shown}");
    // A program that is loaded anew without them ends them.
    std::fs::write(dir.path().join("main.rrb"), "runbook idle() { finish resolved \"x\" }\n").unwrap();
    std::fs::write(dir.path().join("rrb.toml"), "[project]\nname = \"t\"\n[serve]\nlisten = \"127.0.0.1:0\"\n")
        .unwrap();
    signal(&daemon, "-HUP");
    until(|| json(&ask(dir.path(), &["status", "--json"]))["sources"].as_array().unwrap().is_empty());
    signal(&daemon, "-TERM");
}

#[test]
fn settings_of_a_source_are_checked_before_it_begins() {
    let dir = project(1, "http://127.0.0.1:1", std::path::Path::new("shop.log"));
    let daemon = begin(dir.path(), &["serve"]);
    until(|| stdout(&ask(dir.path(), &["status"])).contains("`path` is an absolute path, not `shop.log`"));
    let mut daemon = daemon;
    signal(&daemon, "-TERM");
    assert!(daemon.0.wait().unwrap().success(), "{}", stderr(&ask(dir.path(), &["status"])));
}
