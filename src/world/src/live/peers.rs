//! Real servers for the tests: started on loopback ports of their own, with folders of their own, and ended with the test.

pub mod databases;

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs until it is dropped.
pub struct Peer {
    child: Child,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The path of a program of a package; where it lacks, `tests/install` brings it.
pub fn program(name: &str, places: &[&str]) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let all = path.split(':').chain(["/usr/sbin", "/usr/local/sbin", "/sbin"]).chain(places.iter().copied());
    let found = all.map(|folder| Path::new(folder).join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed: run tests/install"))
}

/// Runs to the end, and must succeed.
pub fn must(command: &mut Command) {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that may not be run by root, as the user of its package.
pub fn as_user(user: &str, program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]).arg(program);
    command
}

/// A folder that `user` may write when we are root.
pub fn folder_of(user: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("rrb-peer").tempdir_in("/tmp").unwrap();
    if is_root() {
        must(Command::new("chown").arg(format!("{user}:")).arg(folder.path()));
    }
    folder
}

/// Starts a server and waits until its port is open.
pub fn start(command: &mut Command, port: u16, folder: tempfile::TempDir) -> Peer {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().unwrap();
        if ended.is_some() || begun.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            let mut said = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut said);
            panic!("{command:?} did not start: {said}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // Nobody reads what it says from here on; it must not wait for that.
    let mut stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    Peer { child, port, folder }
}

/// An authority in `ca.pem`, and a certificate by it for `localhost` and 127.0.0.1 in `cert.pem` and `key.pem`, valid for `days`.
pub fn certificates(folder: &Path, days: &str) {
    let openssl = |args: &[&str]| must(Command::new("openssl").current_dir(folder).args(args));
    let subject = ["-subj", "/O=rrb tests/CN=rrb test authority", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(
        &[
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"][..],
            &subject,
        ]
        .concat(),
    );
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "key.pem",
        "-out",
        "cert.csr",
    ]);
    std::fs::write(folder.join("ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(&[
        "x509",
        "-req",
        "-in",
        "cert.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        days,
        "-extfile",
        "ext",
        "-out",
        "cert.pem",
    ]);
    for file in ["key.pem", "ca.pem", "cert.pem"] {
        must(Command::new("chmod").arg(if file == "key.pem" { "600" } else { "644" }).arg(folder.join(file)));
    }
}
