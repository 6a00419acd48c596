//! An HTTP endpoint that answers 200 to everything, always with the same JSON, and remembers what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The sink; its thread ends with the process.
#[derive(Clone)]
pub struct Sink {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Listens on a free port of the loopback and answers `{}`.
    pub fn start() -> Self {
        Self::answering("{}")
    }

    /// As [`Sink::start`], with another answer.
    pub fn answering(json: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let sink =
            Self { address: listener.local_addr().expect("it listens"), bodies: Arc::default(), heads: Arc::default() };
        let (bodies, heads) = (sink.bodies.clone(), sink.heads.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (bodies, heads) = (bodies.clone(), heads.clone());
                std::thread::spawn(move || while answer(&stream, &heads, &bodies, json).is_some() {});
            }
        });
        sink
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Lines and headers of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panics while holding it").clone()
    }

    /// What it was sent so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("no test panics while holding it").clone()
    }
}

/// Reads one request and answers it; None when the connection is over.
fn answer(stream: &TcpStream, heads: &Mutex<Vec<String>>, bodies: &Mutex<Vec<String>>, json: &str) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    heads.lock().ok()?.push(head);
    bodies.lock().ok()?.push(String::from_utf8_lossy(&body).into_owned());
    let mut writer = stream;
    let length = json.len();
    write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}").ok()
}
