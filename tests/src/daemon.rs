//! A daemon of the built binary in a project of its own, and the processes around it.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary;

/// A port nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// A child process that is killed when the test is over, with its output in a file.
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(log).expect("a log can be written");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{name} does not start ({command:?}): {e}; tests/install installs what the tests need")
            });
        Self { child, log: log.to_owned(), name: name.to_owned() }
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        let mut text = String::new();
        let _ = std::fs::File::open(&self.log).and_then(|mut f| f.read_to_string(&mut text));
        text
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Fails the test when it has ended.
    pub fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} ended with {status}:\n{}", self.name, self.output());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} printed:\n{}", self.name, self.output());
        }
    }
}

/// Calls `probe` until it gives something; fails the test after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A project in a folder, its daemon and its API.
pub struct Daemon {
    pub dir: PathBuf,
    pub url: String,
    process: Option<Process>,
    env: Vec<(String, String)>,
}

impl Daemon {
    /// Starts `rrb serve` in the project at `dir` on a free port and waits until it is ready.
    pub fn start(dir: &Path, env: &[(&str, &str)]) -> Self {
        let url = format!("http://127.0.0.1:{}", free_port());
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut daemon = Self { dir: dir.to_owned(), url, process: None, env };
        daemon.serve();
        daemon.wait_ready();
        daemon
    }

    /// `rrb ARGS` in the project with its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = binary::command(&self.dir, args);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Starts the daemon's process.
    pub fn serve(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        let mut command = self.command(&["serve", "--listen", &listen]);
        self.process = Some(Process::start("rrb serve", &mut command, &self.dir.join("serve.log")));
    }

    /// Waits until the daemon answers.
    pub fn wait_ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        wait_for("the daemon is ready", Duration::from_secs(30), || {
            self.process.as_mut()?.assert_alive();
            http("GET", &url, None, None).filter(|(status, _)| *status == 200)
        });
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What the daemon printed.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// A token for `user` with `scopes`, which commas part.
    pub fn token(&self, user: &str, scopes: &str) -> String {
        let name = format!("{user}-test");
        let mut args = vec!["token", "create", &name, "--user", user, "--json"];
        args.extend(scopes.split(',').flat_map(|scope| ["--scope", scope]));
        let text = binary::ok(&mut self.command(&args));
        let value: Value = serde_json::from_str(&text).expect("token create --json prints JSON");
        value["token"].as_str().expect("it has the token").to_owned()
    }

    /// `rrb ARGS --json`, read.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let text = binary::ok(&mut self.command(&all));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("rrb {args:?} --json printed no JSON ({e}):\n{text}"))
    }
}

/// One HTTP request; None when nobody answers.
pub fn http(method: &str, url: &str, token: Option<&str>, body: Option<&Value>) -> Option<(u16, String)> {
    let request = async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().ok()?;
        let mut request = client.request(method.parse().ok()?, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await.ok()?;
        Some((reply.status().as_u16(), reply.text().await.ok()?))
    };
    rrb_world::init();
    tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?.block_on(request)
}
