//! The language server at the end of a pipe, as an editor has it: how long a keystroke, a completion, a hover and a start take in a file of
//! 5,000 lines among 1,000 files, beside pyright with as much Python.

#![allow(clippy::indexing_slicing, reason = "a member that a message lacks reads as null")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::language::runbooks;
use crate::report::{table, time};
use crate::{Outcome, binary};

/// Files of the project besides the large one.
const FILES: usize = 999;
/// Lines of the large one, at least.
const LINES: usize = 5_000;
/// Samples of each kind.
const SAMPLES: usize = 200;
/// How often a server is started.
const STARTS: usize = 7;

/// A language with a project in it.
struct Side {
    name: &'static str,
    language: &'static str,
    command: Vec<String>,
    files: Vec<(String, String)>,
    /// The large file, the first of `files`.
    large: String,
    /// At the end of such words a letter makes a mistake.
    word: &'static str,
}

fn rrb(binary: &Path) -> Side {
    // What stands once at the head of a file is no part of what a further runbook adds.
    let lines = |count: usize| runbooks(0, count).text.lines().count();
    let head = 2 * lines(1) - lines(2);
    let large = runbooks(0, (LINES - head).div_ceil(lines(1) - head)).text.to_string();
    let mut files = vec![("large.rrb".to_owned(), large.clone()), ("rrb.toml".to_owned(), String::new())];
    files.extend((1..=FILES).map(|n| (format!("m{n}.rrb"), runbooks(10_000 + n, 1).text.to_string())));
    Side {
        name: "rrb lsp",
        language: "rrb",
        command: vec![binary.to_string_lossy().into_owned(), "lsp".to_owned()],
        files,
        large,
        word: "evidence \"state before\" = before.active",
    }
}

fn pyright(server: &Path) -> Side {
    let module = |n: usize, count: usize| {
        let mut text = String::from("from dataclasses import dataclass\nimport subprocess\n\n");
        for i in n * count..(n + 1) * count {
            text.push_str(&format!(
                "@dataclass\nclass Unit{i}:\n    active: str\n    since: float\n\n\ndef read_{i}(name: str) -> Unit{i}:\n    \"\"\"What the manager says of a unit.\"\"\"\n    out = subprocess.run([\"systemctl\", \"show\", name], capture_output=True, text=True).stdout\n    return Unit{i}(active=out.strip(), since=0.0)\n\n\ndef restart_{i}(name: str, host: str = \"localhost\") -> str:\n    \"\"\"Keeps service {i} alive.\"\"\"\n    before = read_{i}(name)\n    state = before.active\n    if state == \"active\":\n        return \"not needed\"\n    for attempt in range(3):\n        done = subprocess.run([\"systemctl\", \"restart\", name], timeout=120)\n        if done.returncode == 0 and read_{i}(name).active == \"active\":\n            return f\"restarted {{name}} on {{host}} at the {{attempt}}th try\"\n    return f\"could not restart {{name}}\"\n\n\n"
            ));
        }
        text
    };
    let large = module(0, LINES / 25 + 1);
    let mut files = vec![("large.py".to_owned(), large.clone())];
    files.extend((1..=FILES).map(|n| (format!("m{n}.py"), module(10_000 + n, 1))));
    Side {
        name: "pyright",
        language: "python",
        command: vec!["node".to_owned(), server.to_string_lossy().into_owned(), "--stdio".to_owned()],
        files,
        large,
        word: "state = before.active",
    }
}

/// A server with an editor.
struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Session {
    fn start(side: &Side, root: &Path) -> Outcome<Self> {
        let [program, args @ ..] = side.command.as_slice() else { return Err("no command".into()) };
        let mut child = Command::new(program)
            .args(args)
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a server without pipes".into());
        };
        let mut session = Self { child, input, output: BufReader::new(output), next: 0 };
        let uri = format!("file://{}", root.display());
        let folders = json!([{ "uri": uri, "name": "bench" }]);
        let capabilities =
            json!({ "textDocument": { "publishDiagnostics": {}, "hover": { "contentFormat": ["markdown"] } } });
        let params =
            json!({ "processId": null, "rootUri": uri, "workspaceFolders": folders, "capabilities": capabilities });
        session.ask("initialize", params)?;
        session.tell("initialized", json!({}))?;
        Ok(session)
    }

    fn send(&mut self, message: &Value) -> Outcome {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        Ok(self.input.flush()?)
    }

    fn tell(&mut self, method: &str, params: Value) -> Outcome {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
    }

    fn read(&mut self) -> Outcome<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err("the server is gone".into());
            }
            if let Some(n) = line.trim().strip_prefix("Content-Length: ") {
                length = n.parse()?;
            } else if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body)?;
        let message: Value = serde_json::from_slice(&body)?;
        if let (Some(id), Some(_)) = (message.get("id"), message.get("method")) {
            // What the server asks gets the least of answers.
            let items = message["params"]["items"].as_array().map(|i| vec![Value::Null; i.len()]);
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": items }))?;
        }
        Ok(message)
    }

    fn ask(&mut self, method: &str, params: Value) -> Outcome<Value> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let message = self.read()?;
            if message.get("method").is_none() && message["id"] == id {
                return Ok(message);
            }
        }
    }

    /// Waits until the server says of the document that something, or nothing, is wrong with it.
    fn diagnostics(&mut self, uri: &str, wrong: bool) -> Outcome {
        loop {
            let message = self.read()?;
            let params = &message["params"];
            if message["method"] == "textDocument/publishDiagnostics"
                && params["uri"] == uri
                && params["diagnostics"].as_array().is_some_and(|d| d.iter().any(|d| d["severity"] == 1)) == wrong
            {
                return Ok(());
            }
        }
    }

    fn open(&mut self, side: &Side, uri: &str, text: &str) -> Outcome {
        let document = json!({ "uri": uri, "languageId": side.language, "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }))
    }

    fn change(&mut self, uri: &str, version: i64, range: Value, text: &str) -> Outcome {
        let document = json!({ "uri": uri, "version": version });
        let change = json!({ "range": range, "text": text });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }))
    }

    /// Resident memory, in bytes.
    fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib << 10)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was measured of one server.
struct Figures {
    keystroke: Vec<Duration>,
    completion: Vec<Duration>,
    hover: Vec<Duration>,
    start: Vec<Duration>,
    memory: u64,
}

fn measure(side: &Side) -> Outcome<Figures> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    for (name, text) in &side.files {
        std::fs::write(root.join(name), text)?;
    }
    let name = side.files.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    let uri = format!("file://{}/{name}", root.display());
    let places: Vec<(usize, usize)> = side
        .large
        .lines()
        .enumerate()
        .filter_map(|(n, line)| Some((n, line.find(side.word)? + side.word.len())))
        .collect();
    let broken = side.large.replacen(side.word, &format!("{}x", side.word), 1);
    let mut start = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut session = Session::start(side, &root)?;
        session.open(side, &uri, &broken)?;
        session.diagnostics(&uri, true)?;
        start.push(began.elapsed());
    }
    let mut session = Session::start(side, &root)?;
    session.open(side, &uri, &broken)?;
    session.diagnostics(&uri, true)?;
    let whole = json!({ "textDocument": { "uri": uri, "version": 2 }, "contentChanges": [{ "text": side.large }] });
    session.tell("textDocument/didChange", whole)?;
    session.diagnostics(&uri, false)?;
    // What is done in the background is done before anything is timed.
    std::thread::sleep(Duration::from_secs(5));
    let mut figures = Figures { keystroke: vec![], completion: vec![], hover: vec![], start, memory: 0 };
    let mut version = 2;
    for sample in 0..SAMPLES {
        let (line, column) = *places.get(sample * 37 % places.len().max(1)).ok_or("no place")?;
        let at = |character: usize| json!({ "line": line, "character": character });
        for (text, wrong) in [("x", true), ("", false)] {
            version += 1;
            let end = if wrong { column } else { column + 1 };
            let began = Instant::now();
            session.change(&uri, version, json!({ "start": at(column), "end": at(end) }), text)?;
            session.diagnostics(&uri, wrong)?;
            figures.keystroke.push(began.elapsed());
        }
        let place = json!({ "textDocument": { "uri": uri }, "position": at(column - 2) });
        let began = Instant::now();
        let answer = session.ask("textDocument/hover", place)?;
        figures.hover.push(began.elapsed());
        if answer["result"].is_null() {
            return Err(format!("{} says nothing of line {line}", side.name).into());
        }
        // Right after a letter was typed, as editors ask.
        let end = column;
        version += 1;
        let began = Instant::now();
        session.change(&uri, version, json!({ "start": at(end), "end": at(end) }), "x")?;
        let place = json!({ "textDocument": { "uri": uri }, "position": at(end - 6) });
        let answer = session.ask("textDocument/completion", place)?;
        figures.completion.push(began.elapsed());
        let items = if answer["result"].is_array() { &answer["result"] } else { &answer["result"]["items"] };
        if items.as_array().is_none_or(Vec::is_empty) {
            return Err(format!("{} completes nothing in line {line}", side.name).into());
        }
        version += 1;
        session.change(&uri, version, json!({ "start": at(end), "end": at(end + 1) }), "")?;
    }
    figures.memory = session.memory()?;
    Ok(figures)
}

/// The sample that so many of a hundred are not above.
fn percentile(samples: &mut [Duration], percent: usize) -> f64 {
    samples.sort_unstable();
    let at = (samples.len() * percent).div_ceil(100).saturating_sub(1);
    samples.get(at).map_or(0.0, |d| d.as_secs_f64() * 1e9)
}

/// Prints the table. `pyright_server` is its `langserver.index.js`; without it rrb is measured alone.
pub fn run(rrb_binary: &Path, pyright_server: Option<&str>) -> Outcome {
    let mut rows = Vec::new();
    let peer = pyright_server.map(binary).transpose()?.map(|server| pyright(&server));
    for side in [rrb(rrb_binary)].into_iter().chain(peer) {
        let mut f = measure(&side)?;
        let both = |samples: &mut Vec<Duration>| {
            format!("{} / {}", time(percentile(samples, 50)), time(percentile(samples, 99)))
        };
        rows.push(vec![
            side.name.to_owned(),
            side.large.lines().count().to_string(),
            both(&mut f.keystroke),
            both(&mut f.completion),
            both(&mut f.hover),
            both(&mut f.start),
            format!("{} MiB", f.memory >> 20),
        ]);
    }
    rows.push(["limit at p99", "5,000", "50 ms", "20 ms", "5 ms", "300 ms", "150 MiB"].map(str::to_owned).to_vec());
    table(
        "Language server, 1,000 files (p50 / p99)",
        &["server", "lines", "keystroke to diagnostics", "completion", "hover", "start to first diagnostics", "memory"],
        &rows,
    );
    Ok(())
}
