//! Real servers for the cases of connectors that speak no HTTP: programs of Debian's packages (`tests/install`), each on loopback ports
//! and with a folder of its own, ended with the case's folder.

mod brokers;
mod databases;
mod directory;
mod mail;
mod systemd;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use crate::daemon::free_port;

/// Long enough for any machine that does something at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until this goes.
pub struct Peer {
    children: Vec<Child>,
    folder: TempDir,
    /// What a fixture may name: `""` is its address, `host:port`.
    values: BTreeMap<&'static str, String>,
}

/// What a secret of the fixture is.
pub type Secrets<'s> = &'s dyn Fn(&str) -> Option<String>;

/// Starts the server with this name.
///
/// # Errors
/// When there is none of this name, or a secret that it needs has no value.
pub fn start(name: &str, secrets: Secrets<'_>) -> Result<Peer, String> {
    let secret = |of: &str| secrets(of).ok_or_else(|| format!("the peer `{name}` needs `{{secret:{of}}}`"));
    Ok(match name {
        "redis" => brokers::redis(&secret("password")?),
        "nats" => brokers::nats(&secret("password")?),
        "mqtt" => brokers::mosquitto(&secret("password")?),
        "rabbitmq" => brokers::rabbitmq(&secret("password")?),
        "kafka" => brokers::kafka(),
        "smtp" => mail::smtp(&secret("password")?),
        "directory" => directory::slapd(&secret("password")?),
        "postgres" => databases::postgres(&secret("password")?),
        "mysql" => databases::mariadb(&secret("password")?),
        "systemd" => systemd::systemd(),
        _ => return Err(format!("there is no peer `{name}`")),
    })
}

impl Peer {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("rrb-peer").tempdir_in("/tmp").expect("a folder for a server");
        Self { children: Vec::new(), folder, values: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).expect("a file of a server");
        self.at(name)
    }

    /// Everything in its folder is `user`'s when we are root; a program that may not be run by root runs as that user.
    fn command_as(&self, user: &str, program: &Path) -> Command {
        if !rustix::process::geteuid().is_root() {
            return Command::new(program);
        }
        must(Command::new("chown").args(["-R", &format!("{user}:")]).arg(self.folder.path()));
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]).arg(program);
        command
    }

    /// Starts a program of it with its output in `log`.
    fn spawn(&mut self, command: &mut Command) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log");
        let child = command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle"))
            .stderr(log)
            // With all that it starts, so that all of it ends.
            .process_group(0)
            .spawn();
        self.children.push(child.unwrap_or_else(|e| panic!("{command:?} does not start ({e}): run tests/install")));
    }

    /// Waits until `ready` gives something.
    fn wait<T>(&mut self, what: &str, mut ready: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = ready(self) {
                return found;
            }
            let ended = self.children.iter_mut().any(|c| !matches!(c.try_wait(), Ok(None)));
            assert!(!ended && begun.elapsed() < PATIENCE, "{what} is not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn listens(&mut self, port: u16) {
        self.wait(&format!("port {port}"), |_| TcpStream::connect(("127.0.0.1", port)).ok());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.insert(name, value.to_string());
        self
    }

    fn with_port(self, port: u16) -> Self {
        self.with("", format!("127.0.0.1:{port}"))
    }

    /// The value of `{peer:NAME}` for the empty name, else of `{peer:NAME/value}`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The folder, which differs from run to run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it was sent since this was asked the last time, where it keeps that.
    pub fn took(&self) -> String {
        let text = std::fs::read_to_string(self.path("took")).unwrap_or_default();
        let _ = std::fs::remove_file(self.path("took"));
        text
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for child in &mut self.children {
            let group = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// The path of a program of a package.
fn program(name: &str, places: &[&str]) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let all = path.split(':').chain(["/usr/sbin", "/usr/local/sbin", "/sbin"]).chain(places.iter().copied());
    let found = all.map(|folder| Path::new(folder).join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed: run tests/install"))
}

/// Runs to the end, and must succeed.
fn must(command: &mut Command) {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: run tests/install"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A certificate for `localhost`: `cert.pem` and `key.pem` in the folder, and its authority, `ca.pem`.
fn certificate(peer: &Peer) {
    peer.file("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |args: &[&str]| must(Command::new("openssl").args(args).args(curve).current_dir(peer.folder()));
    openssl(&["req", "-x509", "-days", "2", "-subj", "/CN=rrb", "-keyout", "ca.key", "-out", "ca.pem"]);
    openssl(&["req", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.csr"]);
    let signed = "x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem";
    must(Command::new("openssl").args(signed.split(' ')).current_dir(peer.folder()));
}
