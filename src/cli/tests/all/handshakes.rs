//! A webhook whose connector answers its sender: questions, origins, and what is done when a delivery is durable.

use std::sync::{Arc, Mutex};

use crate::command::folder;
use crate::daemon::{Daemon, ask, begin, json, signal, until};

const CONNECTOR: &str = r#"
connector shop {
  settings {
    token: Secret
    url: Url
    senders: List<Text> = ["events.example"]
  }
  type Order = { id: Text, count: Int }
  action confirm(id: Text) changes idempotent { do http.put(url.join("confirm").join(id), json: {}) }

  event placed: Order from webhook "/shop" {
    verify bearer(token)
    origins senders
    answer if body.kind == "check" { { code: body.code, way: query["way"] ?? "none" } } else { none }
    id body.id as Text
    emit { id: body.id as Text, count: body.count as Int }
    acknowledge {
      if body.kind == "confirm" { do confirm(body.id as Text) }
      if body.kind == "look" { http.get(url.join("look")) }
    }
  }
  event told: Order from webhook "/shop" {
    verify bearer(token)
    answer if body.kind == "word" { body.code } else { none }
    emit skip
  }
}

runbook see(id: Text) {
  on shop.placed as e with id: e.id
  finish resolved id
}
"#;

/// Counts what it is asked; answers 500 while it is closed.
struct Shop {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    closed: Arc<Mutex<bool>>,
}

impl Shop {
    fn open() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, closed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (seen, shut) = (Arc::clone(&asked), Arc::clone(&closed));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 4096];
                let n = std::io::Read::read(&mut stream, &mut bytes).unwrap_or(0);
                let line = String::from_utf8_lossy(&bytes[..n]).lines().next().unwrap_or_default().to_owned();
                seen.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1").to_owned());
                let status = if *shut.lock().unwrap() { "500 Closed" } else { "200 OK" };
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
                let _ =
                    std::io::Write::write_all(&mut stream, format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes());
            }
        });
        Self { url, asked, closed }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

struct Hook {
    dir: tempfile::TempDir,
    daemon: Daemon,
    /// `127.0.0.1:45123`
    address: String,
}

/// Status, headers in lower case and body.
type Answer = (u16, String, String);

impl Hook {
    fn open(shop: &Shop, args: &[&str]) -> Self {
        let dir = folder(&[("main.rrb", CONNECTOR), ("token", "geheim")]);
        let config = format!(
            "[project]\nname = \"t\"\n[serve]\nlisten = \"127.0.0.1:0\"\n[connectors.shop]\ntoken = \"file:{}/token\"\nurl = \"{}\"\n",
            dir.path().display(),
            shop.url
        );
        std::fs::write(dir.path().join("rrb.toml"), config).unwrap();
        let daemon = begin(dir.path(), args);
        let told = std::fs::read(dir.path().join(".rrb/daemon.json")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        let address = told["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { dir, daemon, address }
    }

    fn ask(&self, method: &str, headers: &str, body: &str) -> Answer {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        let head =
            format!("{method} /hooks/shop?way=x HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}", self.address);
        let asked = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(&mut stream, asked.as_bytes()).unwrap();
        let mut reply = String::new();
        std::io::Read::read_to_string(&mut stream, &mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    fn send(&self, body: &str) -> Answer {
        self.ask("POST", "authorization: Bearer geheim\r\n", body)
    }

    fn runs(&self) -> Vec<String> {
        let runs = json(&ask(self.dir.path(), &["runs", "list", "--json"]));
        runs.as_array().unwrap().iter().filter_map(|r| r["end"]["why"].as_str().map(str::to_owned)).collect()
    }
}

#[test]
fn a_connector_answers_its_sender() {
    let shop = Shop::open();
    let hook = Hook::open(&shop, &["serve"]);
    let (status, head, body) = hook.send(r#"{"kind": "check", "code": "c-1"}"#);
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&body).unwrap(),
        serde_json::json!({"code": "c-1", "way": "x"})
    );
    // The other event of the address answers too; a text is one.
    let word = hook.send(r#"{"kind": "word", "code": "w"}"#);
    assert!(word.0 == 200 && word.1.contains("content-type: text/plain; charset=utf-8") && word.2 == "w", "{word:?}");
    // Nobody is told anything who does not show who it is.
    assert_eq!(hook.ask("POST", "", r#"{"kind": "check", "code": "c-1"}"#).0, 401);
    let dead = json(&ask(hook.dir.path(), &["events", "dead", "--json"]));
    assert_eq!(dead.as_array().map(Vec::len), Some(0), "a question was kept");
    let origin = |o: &str| hook.ask("OPTIONS", &format!("webhook-request-origin: {o}\r\n"), "");
    let (status, head, _) = origin("events.example");
    assert!(status == 200 && head.contains("webhook-allowed-origin: events.example"), "{head}");
    assert_eq!(origin("other.example").0, 403);
    assert_eq!(hook.send(r#"{"id": "o-1", "count": 1}"#).0, 202);
    until(|| hook.runs() == ["o-1"]);
    assert!(shop.asked().is_empty());
    signal(&hook.daemon, "-TERM");
}

#[test]
fn a_delivery_is_acknowledged_and_one_that_cannot_be_comes_again_and_counts_once() {
    let shop = Shop::open();
    let hook = Hook::open(&shop, &["serve"]);
    let order = r#"{"kind": "confirm", "id": "o-1", "count": 1}"#;
    *shop.closed.lock().unwrap() = true;
    let (status, _, body) = hook.send(order);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("unacknowledged") && !body.contains(&shop.url), "{body}");
    until(|| hook.runs() == ["o-1"]);
    *shop.closed.lock().unwrap() = false;
    shop.asked();
    assert_eq!(hook.send(order).0, 200, "it had come before");
    assert_eq!(shop.asked(), ["PUT /confirm/o-1"]);
    assert_eq!(hook.runs(), ["o-1"]);
    // A dead letter is kept, and so it is acknowledged.
    assert_eq!(hook.send(r#"{"kind": "confirm", "id": "o-2", "count": "many"}"#).0, 400);
    assert_eq!(shop.asked(), ["PUT /confirm/o-2"]);
    // What is no JSON names nothing.
    assert_eq!(hook.send("{").0, 400);
    assert!(shop.asked().is_empty());
    signal(&hook.daemon, "-TERM");
}

#[test]
fn in_shadow_nothing_is_acknowledged_by_a_change() {
    let shop = Shop::open();
    let hook = Hook::open(&shop, &["serve", "--shadow"]);
    for kind in ["confirm", "look"] {
        assert_eq!(hook.send(&format!(r#"{{"kind": "{kind}", "id": "{kind}", "count": 1}}"#)).0, 202);
    }
    // A block that may change something is left out whole.
    assert!(shop.asked().is_empty());
    assert_eq!(hook.send(r#"{"kind": "check", "code": "c-1"}"#).0, 200);
    signal(&hook.daemon, "-TERM");
}

/// Whether a file in a folder holds these characters.
fn is_kept(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_kept(&path, text);
        }
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|w| w == text.as_bytes()))
    })
}

#[test]
fn a_secret_that_the_sender_puts_into_the_body_is_kept_nowhere() {
    let shop = Shop::open();
    let hook = Hook::open(&shop, &["serve"]);
    assert_eq!(hook.send(r#"{"id": "order-kept", "count": 1, "token": "geheim", "geheim": "bearer geheim."}"#).0, 202);
    until(|| hook.runs() == ["order-kept"]);
    // A dead letter is kept as it came, and shown.
    let (status, _, said) = hook.send(r#"{"id": "order-dead", "count": "geheim"}"#);
    assert!(status == 400 && !said.contains("geheim"), "{said}");
    let dead = ask(hook.dir.path(), &["events", "dead", "--json"]).stdout;
    let dead = String::from_utf8(dead).unwrap();
    assert!(dead.contains("secret(file:") && !dead.contains("geheim"), "{dead}");
    let kept = |text: &str| is_kept(&hook.dir.path().join(".rrb"), text);
    assert!(kept("order-kept") && kept("order-dead"), "this test looks at the wrong files");
    assert!(!kept("geheim"));
    signal(&hook.daemon, "-TERM");
}
