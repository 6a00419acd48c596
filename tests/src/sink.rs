//! An HTTP endpoint that answers 200 to everything and remembers the bodies it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The sink; its thread ends with the process.
#[derive(Clone)]
pub struct Sink {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Listens on a free port of the loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let sink = Self { address: listener.local_addr().expect("it listens"), bodies: Arc::default() };
        let bodies = sink.bodies.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bodies = bodies.clone();
                std::thread::spawn(move || while answer(&stream, &bodies).is_some() {});
            }
        });
        sink
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What it was sent so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("no test panics while holding it").clone()
    }
}

/// Reads one request and answers it; None when the connection is over.
fn answer(stream: &TcpStream, bodies: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    bodies.lock().ok()?.push(String::from_utf8_lossy(&body).into_owned());
    let mut writer = stream;
    writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").ok()
}
