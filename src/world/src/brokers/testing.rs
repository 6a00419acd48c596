//! Real brokers for tests: programs of Debian's packages (`tests/install`), each on a loopback port and with a folder of its own.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for any machine that does something at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that runs until this goes.
pub struct Server {
    pub port: u16,
    folder: TempDir,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// A server that does not run yet.
    pub fn new(program: &str) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        Self { port, folder, program: program.to_owned(), args: vec![], env: vec![], child: None }
    }

    pub fn arg(mut self, arg: impl ToString) -> Self {
        self.args.push(arg.to_string());
        self
    }

    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// A file in its folder.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
        path
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, and waits until it listens.
    pub fn start(mut self) -> Self {
        self.start_again();
        self
    }

    /// Starts a program that chooses its port itself and writes it behind `before`.
    pub fn start_where(mut self, before: &str) -> Self {
        self.spawn();
        let end = Instant::now() + PATIENCE;
        loop {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let found = log.split(before).nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
            if let Some(port) = found.and_then(|digits: String| digits.parse().ok()) {
                self.port = port;
                return self;
            }
            assert!(Instant::now() < end, "{} says no port: {log}", self.program);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn start_again(&mut self) {
        self.spawn();
        let program = self.program.clone();
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let gone = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(gone.is_none() && Instant::now() < end, "{program} does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // With all that it starts, so that all of it ends.
            .process_group(0)
            .spawn();
        let program = &self.program;
        self.child = Some(child.unwrap_or_else(|e| panic!("`{program}` is missing ({e}): run tests/install")));
    }

    /// Ends it at once: nothing is put in order.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
        }
    }

    /// Lets it end by itself.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// RabbitMQ, which needs a second program to find itself by.
pub struct Rabbit {
    pub server: Server,
    _names: Server,
}

pub fn rabbit() -> Rabbit {
    rabbit_with("")
}

/// With more in its configuration.
pub fn rabbit_with(config: &str) -> Rabbit {
    let names = Server::new("epmd");
    let port = names.port;
    let names = names.arg("-port").arg(port).arg("-address").arg("127.0.0.1").start();
    let server = Server::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    let plugins = server.file("plugins", "[].");
    server.file("rabbit.conf", config);
    let (folder, node) = (server.folder().display().to_string(), format!("t{}@localhost", server.port));
    let (amqp, between) = (server.port, free_port());
    let server = server
        .env("ERL_EPMD_PORT", port)
        .env("HOME", &folder)
        .env("RABBITMQ_NODENAME", node)
        .env("RABBITMQ_NODE_PORT", amqp)
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_DIST_PORT", between)
        .env("RABBITMQ_MNESIA_BASE", format!("{folder}/db"))
        .env("RABBITMQ_LOG_BASE", format!("{folder}/logs"))
        .env("RABBITMQ_CONFIG_FILE", format!("{folder}/rabbit"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_PID_FILE", format!("{folder}/pid"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins.display());
    Rabbit { server: server.start(), _names: names }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A certificate authority with one certificate for `localhost`: `ca.pem`, `cert.pem` and `key.pem` in a folder.
pub fn certificates(folder: &Path) {
    let script = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=rrb-test-ca \
  -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout key.pem -out cert.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' > ext
openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem
chmod 644 key.pem
"#;
    let done = Command::new("sh").arg("-c").arg(script).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
