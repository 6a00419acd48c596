//! Sources that ask the web, in the live world: against servers that say, byte for byte, what a test wants them to.

mod http_lines;
mod kubernetes;
#[cfg(feature = "websocket")]
mod websocket;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rrb_engine::clock::SystemClock;
use rrb_lang::value::{Secret, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::live::{LiveConfig, LiveWorld};
use crate::sources::Sources;
use crate::sources::testing::{Basket, Nowhere};

/// What a server does with a connection, after it has read a request.
#[derive(Clone)]
enum Step {
    Say(Vec<u8>),
    Wait(Duration),
    /// Keeps the connection, and says nothing any more.
    Hang,
}

fn say(text: impl AsRef<[u8]>) -> Step {
    Step::Say(text.as_ref().to_vec())
}

/// The beginning of a reply without a length: it ends with the connection.
fn head(status: &str) -> Step {
    say(format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"))
}

/// A reply that is JSON.
fn json(status: &str, body: &serde_json::Value) -> Vec<Step> {
    vec![head(status), say(body.to_string())]
}

/// A server that answers one connection after the other by a script.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, scripts) = (asked.clone(), Arc::new(Mutex::new(VecDeque::from(scripts))));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, scripts) = (seen.clone(), scripts.clone());
                tokio::spawn(async move {
                    let Some(request) = request(&mut stream).await else { return };
                    seen.lock().unwrap().push(request);
                    let script = scripts.lock().unwrap().pop_front();
                    // Nothing more is said: who asks too often sees a connection that breaks.
                    play(&mut stream, script.unwrap_or_default()).await;
                });
            }
        });
        Self { url, asked }
    }

    /// The requests, each with its headers.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The head of a request.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

async fn play(stream: &mut TcpStream, script: Vec<Step>) {
    for step in script {
        match step {
            Step::Say(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => {
                let _ = stream.read_u8().await;
            }
        }
    }
    let _ = stream.shutdown().await;
}

/// Sources in a live world.
fn sources(basket: &Arc<Basket>) -> Sources {
    let web = LiveWorld::new(LiveConfig::default()).web();
    Sources::new(basket.clone(), Arc::new(SystemClock::default()), Arc::new(Nowhere), web)
}

fn url(text: impl AsRef<str>) -> Value {
    Value::Url(text.as_ref().into())
}

/// A secret in a file that lives as long as the folder.
fn secret(text: &str) -> (tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s"), text).unwrap();
    let reference = format!("file:{}/s", dir.path().display());
    (dir, Value::Secret(Arc::new(Secret::Ref(reference.into()))))
}
