//! The daemon as a whole: durable deliveries per second beside a bare endpoint, and the memory of runs that wait for people.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::load::{Load, drive};
use crate::report::table;

/// What the daemon takes deliveries with.
pub const TOKEN: &str = "bench-token-of-the-loopback";
const SECONDS: u64 = 5;
/// Runs that wait in the memory measurement.
const WAITING: u64 = 100_000;

/// A child that is killed when it is no longer needed.
pub struct Server(Child, pub String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bare(dir: &Path) -> Outcome<Server> {
    let mut child =
        Command::new(std::env::current_exe()?).arg("bare").arg(dir.join("bare.db")).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    let out = child.stdout.take().ok_or("the bare server has no output")?;
    BufReader::new(out).read_line(&mut address)?;
    Ok(Server(child, address.trim().to_owned()))
}

const LISTENS: &str = r#"
use std.alertmanager
/// Listens, and never runs: the measurement is of taking events, not of acting on them.
runbook listener(node: Text) {
  on alertmanager.firing as a where a.name == "NeverSent" with node: a.labels.instance ?? skip
  log node
}
"#;

const WAITS: &str = r#"
use std.alertmanager
runbook waiter(node: Text) {
  on alertmanager.firing as a where a.name == "Waits" with node: a.labels.instance ?? skip
  limit 1_000_000 per 1h
  approve "Go on with ${node}?" from group("sre") within 7d { log "going on" }
}
"#;

const PROJECT: &str = "[project]\nname = \"bench\"\n[users.ana]\nname = \"Ana\"\n[groups]\nsre = [\"ana\"]\n\
                       [connectors.alertmanager]\ntoken = \"env:RRB_BENCH_TOKEN\"\n";

/// Starts the daemon on a project of one module.
pub fn rrb(binary: &Path, dir: &Path, source: &str) -> Outcome<Server> {
    std::fs::write(dir.join("rrb.toml"), PROJECT)?;
    std::fs::write(dir.join("bench.rrb"), source)?;
    serve(binary, dir)
}

/// Starts the daemon on a project that is there, and waits until it answers.
fn serve(binary: &Path, dir: &Path) -> Outcome<Server> {
    // What a killed daemon left would be read in place of the new one.
    let _ = std::fs::remove_file(operator_token(dir));
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let log = std::fs::File::create(dir.join("serve.log"))?;
    let child = Command::new(binary)
        .args(["serve", "--listen", &address])
        .current_dir(dir)
        .env("RRB_BENCH_TOKEN", TOKEN)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|e| format!("`{}` does not start: {e}", binary.display()))?;
    let server = Server(child, address);
    let start = Instant::now();
    while TcpStream::connect(&server.1).is_err() || !operator_token(dir).exists() {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(
                format!("rrb serve does not come up: {}", std::fs::read_to_string(dir.join("serve.log"))?).into()
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

/// A delivery of Alertmanager with one alert.
pub fn alert(name: &str, id: u64) -> String {
    format!(
        "{{\"version\":\"4\",\"groupKey\":\"{{}}:{{}}\",\"truncatedAlerts\":0,\"status\":\"firing\",\"receiver\":\"rrb\",\"groupLabels\":{{}},\
         \"commonLabels\":{{\"alertname\":\"{name}\"}},\"commonAnnotations\":{{}},\"externalURL\":\"http://alertmanager:9093\",\"alerts\":[{{\
         \"status\":\"firing\",\"labels\":{{\"alertname\":\"{name}\",\"instance\":\"node-{id}:9100\",\"job\":\"node\",\"severity\":\
         \"critical\",\"mountpoint\":\"/var/lib/data\"}},\"annotations\":{{\"summary\":\"/var/lib/data on node-{id} is 94% full\"}},\
         \"startsAt\":\"2026-11-21T03:12:09.371Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://prometheus:9090/graph\",\
         \"fingerprint\":\"{id:016x}\"}}]}}"
    )
}

/// Deliveries that are on disk before they are answered, per second, ours and the bare endpoint's in turn.
pub fn ingest(binary: &Path) -> Outcome {
    let mut rows = Vec::new();
    for connections in [1, 16, 64] {
        let time = Duration::from_secs(SECONDS);
        let measure = |server: &Server, path: &str, part: u64| -> Load {
            drive(&server.1, path, TOKEN, connections, time, move |c, n| {
                alert("Sent", (part << 48) + ((c as u64) << 32) + n)
            })
        };
        let dir = tempfile::tempdir()?;
        let base = bare(dir.path())?;
        let theirs = measure(&base, "/hook", 0);
        drop(base);
        let ours_server = rrb(binary, dir.path(), LISTENS)?;
        let ours = measure(&ours_server, "/hooks/alertmanager", 1);
        rows.push(vec![
            connections.to_string(),
            format!("{:.0}", theirs.per_second),
            format!("{:.0}", ours.per_second),
            format!("{:.0} %", ours.per_second / theirs.per_second * 100.0),
            format!("{:.1} / {:.1} ms", theirs.p50_ms, theirs.p99_ms),
            format!("{:.1} / {:.1} ms", ours.p50_ms, ours.p99_ms),
            format!("{} / {}", theirs.errors, ours.errors),
        ]);
    }
    let head = [
        "connections",
        "bare axum + SQLite/s",
        "rrb/s",
        "share",
        "bare p50 / p99",
        "rrb p50 / p99",
        "refused bare / rrb",
    ];
    table("Durable deliveries over HTTP (one alert each, answered after the flush)", &head, &rows);
    Ok(())
}

fn resident_kib(pid: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn operator_token(dir: &Path) -> PathBuf {
    dir.join(".rrb/operator.token")
}

fn open_runs(dir: &Path, address: &str) -> Outcome<u64> {
    let token = std::fs::read_to_string(operator_token(dir))?;
    let mut stream = TcpStream::connect(address)?;
    use std::io::{Read as _, Write as _};
    write!(
        stream,
        "GET /v1/status HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        token.trim()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let body = reply.split("\r\n\r\n").nth(1).ok_or("no body")?;
    let status: serde_json::Value = serde_json::from_str(body)?;
    status
        .get("open_approvals")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| format!("no open_approvals: {body}").into())
}

/// Resident memory with 100,000 runs that wait for an approval.
pub fn memory(binary: &Path) -> Outcome {
    let dir = tempfile::tempdir()?;
    let server = rrb(binary, dir.path(), WAITS)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = resident_kib(server.0.id())?;
    let start = Instant::now();
    let next = std::sync::atomic::AtomicU64::new(0);
    while next.load(std::sync::atomic::Ordering::Relaxed) < WAITING {
        drive(&server.1, "/hooks/alertmanager", TOKEN, 16, Duration::from_millis(500), |_, _| {
            alert("Waits", next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        });
    }
    let mut open = 0;
    while open < WAITING {
        if start.elapsed() > Duration::from_secs(1_200) {
            return Err(format!("after 20 minutes {open} runs wait").into());
        }
        std::thread::sleep(Duration::from_millis(500));
        open = open_runs(dir.path(), &server.1)?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(5));
    let after = resident_kib(server.0.id())?;
    let again = after_a_kill(server, binary, dir.path(), open)?;
    let rows = vec![vec![
        open.to_string(),
        format!("{} MiB", before / 1024),
        format!("{} MiB", after / 1024),
        format!("{:.2} KiB", (after.saturating_sub(before)) as f64 / open as f64),
        format!("{:.0}/s", open as f64 / elapsed),
        again,
    ]];
    table(
        "Runs that wait for an approval",
        &["waiting", "resident before", "resident after", "each", "event to waiting", "answers after `kill -9`"],
        &rows,
    );
    Ok(())
}

/// Kills the daemon, starts it again, and says how long it takes until it answers and knows all that are open.
fn after_a_kill(server: Server, binary: &Path, dir: &Path, open: u64) -> Outcome<String> {
    drop(server);
    let start = Instant::now();
    let server = serve(binary, dir)?;
    let known = open_runs(dir, &server.1)?;
    let elapsed = start.elapsed().as_secs_f64();
    if known == open {
        Ok(format!("in {elapsed:.1} s"))
    } else {
        Err(format!("{known} of {open} are open after a kill").into())
    }
}
