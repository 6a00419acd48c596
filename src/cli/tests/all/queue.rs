//! Messages of Amazon SQS, taken by `std.aws_sqs` from a queue of this test, with crashes between the commit and the deletion.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::command::{code, folder};
use crate::daemon::{ask, begin, signal, until};

const RUNBOOK: &str = r#"
use std.aws_sqs as sqs

runbook see(word: Text) {
  on sqs.message as m with word: m.body as Text
  finish resolved word
}
"#;

/// What the queue does with a request to delete.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deletes {
    Well,
    /// It says that all of them failed.
    Refuses,
    /// It says nothing.
    Hangs,
    /// It deletes, and says nothing.
    Quietly,
}

/// A queue as SQS has it: a message that was read is hidden until it is given back.
struct Queue {
    messages: BTreeMap<String, String>,
    /// Receipts of what was read, by the id of the message.
    hidden: BTreeMap<String, String>,
    reads: usize,
    deletes: Deletes,
    asked_to_delete: usize,
}

#[derive(Clone)]
struct Sqs {
    url: String,
    queue: Arc<Mutex<Queue>>,
}

impl Sqs {
    fn with(words: &[&str]) -> Self {
        let messages = words.iter().map(|w| (format!("id-{w}"), (*w).to_owned())).collect();
        let queue = Queue { messages, hidden: BTreeMap::new(), reads: 0, deletes: Deletes::Well, asked_to_delete: 0 };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sqs = Self { url, queue: Arc::new(Mutex::new(queue)) };
        let shared = sqs.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        sqs
    }

    fn look<T>(&self, f: impl FnOnce(&mut Queue) -> T) -> T {
        f(&mut self.queue.lock().unwrap())
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some((target, body)) = request(&mut stream) {
            let Some(reply) = self.reply(&target, &body) else {
                // Until whoever asked is gone.
                let _ = stream.read(&mut [0; 16]);
                return;
            };
            let reply = reply.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}",
                reply.len()
            );
            if stream.write_all(format!("{head}\r\n\r\n{reply}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn reply(&self, target: &str, body: &Value) -> Option<Value> {
        let mut queue = self.queue.lock().unwrap();
        match target {
            "AmazonSQS.ReceiveMessage" => {
                queue.reads += 1;
                let reads = queue.reads;
                let free: Vec<(String, String)> = queue
                    .messages
                    .iter()
                    .filter(|(id, _)| !queue.hidden.contains_key(*id))
                    .map(|(i, w)| (i.clone(), w.clone()))
                    .take(10)
                    .collect();
                let told = free.iter().map(|(id, word)| json!({ "MessageId": id, "ReceiptHandle": format!("{id}/{reads}"), "Body": word, "Attributes": { "SentTimestamp": "1767607100123" } }));
                let told: Vec<Value> = told.collect();
                queue.hidden.extend(free.into_iter().map(|(id, _)| (id.clone(), format!("{id}/{reads}"))));
                Some(json!({ "Messages": told }))
            }
            "AmazonSQS.DeleteMessageBatch" => {
                queue.asked_to_delete += 1;
                let entries = body["Entries"].as_array().unwrap().clone();
                let ids = |key: &str| entries.iter().map(|e| json!({ "Id": e["Id"], "Code": key })).collect::<Vec<_>>();
                if queue.deletes == Deletes::Refuses {
                    return Some(json!({ "Successful": [], "Failed": ids("InternalError") }));
                }
                if queue.deletes != Deletes::Hangs {
                    for receipt in entries.iter().filter_map(|e| e["ReceiptHandle"].as_str()) {
                        let id = receipt.split('/').next().unwrap();
                        queue.messages.remove(id);
                        queue.hidden.remove(id);
                    }
                }
                (queue.deletes != Deletes::Hangs && queue.deletes != Deletes::Quietly)
                    .then(|| json!({ "Successful": ids(""), "Failed": [] }))
            }
            other => panic!("{other}"),
        }
    }
}

/// The target and the body of one request.
fn request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|l| l.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut body = vec![0; header("content-length")?.parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some((header("x-amz-target")?, serde_json::from_slice(&body).unwrap()))
}

fn project(sqs: &Sqs) -> tempfile::TempDir {
    let dir = folder(&[("main.rrb", RUNBOOK), ("key", "geheim")]);
    let config = format!(
        "[project]\nname = \"t\"\n[serve]\nlisten = \"127.0.0.1:0\"\n[connectors.aws_sqs]\nendpoint = \"{url}\"\nqueue = \"{url}/1/q\"\n\
         access_key_id = \"AKIDEXAMPLE\"\nsecret_access_key = \"file:{}/key\"\n",
        dir.path().display(),
        url = sqs.url,
    );
    std::fs::write(dir.path().join("rrb.toml"), config).unwrap();
    dir
}

/// The reasons with which runs have ended, sorted.
fn ends(dir: &std::path::Path) -> Vec<String> {
    let runs = crate::daemon::json(&ask(dir, &["runs", "list", "--json"]));
    let why = |r: &Value| r["end"]["why"].as_str().map(str::to_owned);
    let mut all: Vec<String> = runs.as_array().unwrap().iter().filter_map(why).collect();
    all.sort();
    all
}

#[test]
fn messages_leave_the_queue_when_they_are_durable() {
    let words: Vec<String> = (0..25).map(|n| format!("w{n:02}")).collect();
    let sqs = Sqs::with(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let dir = project(&sqs);
    let daemon = begin(dir.path(), &["serve"]);
    until(|| sqs.look(|q| q.messages.is_empty()) && ends(dir.path()) == words);
    // Ten by each request.
    assert_eq!(sqs.look(|q| q.asked_to_delete), 3);
    signal(&daemon, "-TERM");
}

#[test]
fn a_crash_before_during_and_after_the_deletion_neither_loses_nor_repeats_a_message() {
    for deletes in [Deletes::Hangs, Deletes::Quietly, Deletes::Refuses] {
        let sqs = Sqs::with(&["one", "two", "three"]);
        sqs.look(|q| q.deletes = deletes);
        let dir = project(&sqs);
        let mut daemon = begin(dir.path(), &["serve"]);
        // The events are durable, and the deletion is on its way.
        until(|| sqs.look(|q| q.asked_to_delete) >= 1);
        signal(&daemon, "-KILL");
        daemon.0.wait().unwrap();
        std::fs::remove_file(dir.path().join(".rrb/daemon.json")).unwrap();
        let left = sqs.look(|q| q.messages.len());
        assert_eq!(left, if deletes == Deletes::Quietly { 0 } else { 3 }, "{deletes:?}");
        // Its time is over: what is still there is given again, with what has come meanwhile.
        sqs.look(|q| {
            q.hidden.clear();
            q.deletes = Deletes::Well;
            q.messages.insert("id-four".to_owned(), "four".to_owned());
        });
        let daemon = begin(dir.path(), &["serve"]);
        until(|| sqs.look(|q| q.messages.is_empty()) && ends(dir.path()).len() >= 4);
        assert_eq!(ends(dir.path()), ["four", "one", "three", "two"], "{deletes:?}");
        signal(&daemon, "-TERM");
        assert_eq!(code(&ask(dir.path(), &["audit", "verify"])), 0);
    }
}

#[test]
fn what_is_not_deleted_is_said_and_deleted_at_last() {
    let sqs = Sqs::with(&["one"]);
    sqs.look(|q| q.deletes = Deletes::Refuses);
    let dir = project(&sqs);
    let daemon = begin(dir.path(), &["serve"]);
    let status = || crate::daemon::json(&ask(dir.path(), &["status", "--json"]));
    let why = |s: &Value| s["sources"][0]["why"].as_str().unwrap_or_default().to_owned();
    until(|| {
        why(&status())
            .contains("what was taken could not be acknowledged: 1 of 1 messages were not deleted: InternalError")
    });
    sqs.look(|q| q.deletes = Deletes::Well);
    until(|| sqs.look(|q| q.messages.is_empty()) && status()["sources"][0]["state"] == "reading");
    assert_eq!(ends(dir.path()), ["one"]);
    signal(&daemon, "-TERM");
}

#[test]
fn in_shadow_nothing_is_deleted() {
    let sqs = Sqs::with(&["one"]);
    let dir = project(&sqs);
    let daemon = begin(dir.path(), &["serve", "--shadow"]);
    // It was read, and read again after that.
    let taken = || crate::daemon::json(&ask(dir.path(), &["status", "--json"]))["sources"][0]["taken"] == 1;
    until(|| taken() && sqs.look(|q| q.reads) >= 2);
    assert_eq!(sqs.look(|q| (q.messages.len(), q.asked_to_delete)), (1, 0));
    signal(&daemon, "-TERM");
}
