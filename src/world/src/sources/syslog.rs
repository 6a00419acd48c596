//! `from syslog(…)`: messages over UDP and TCP.

mod message;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::sink::{Fed, MAX_BATCH};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc};

use super::source::{Args, Source, Stopped};

/// The longest message, in bytes: what a datagram holds. A longer one is taken as far as this.
const MAX_MESSAGE: usize = 64 << 10;

/// Connections at one time. Further ones wait.
const MAX_CONNECTIONS: usize = 256;

/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(600);

/// Messages that wait to be written together, and how long.
const QUEUE: usize = 4 * MAX_BATCH;
const GATHER: Duration = Duration::from_millis(50);

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let listen = args.text("listen")?;
    let wrong = || format!("`listen` is `udp://ADDRESS:PORT` or `tcp://ADDRESS:PORT`, not `{}`", listen.escape_debug());
    let (scheme, address) = listen.split_once("://").ok_or_else(wrong)?;
    let address: SocketAddr = address.parse().map_err(|_| wrong())?;
    let taken = |e: std::io::Error| format!("cannot listen at `{listen}`: {}", reason(&e));
    let (send, receive) = mpsc::channel(QUEUE);
    let listening: std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>> = match scheme {
        "udp" => Box::pin(datagrams(UdpSocket::bind(address).await.map_err(taken)?, send)),
        "tcp" => Box::pin(connections(TcpListener::bind(address).await.map_err(taken)?, send)),
        _ => return Err(Stopped::Failed(wrong())),
    };
    source.reading();
    tokio::select! {
        why = listening => Err(why.err().unwrap_or_else(|| "nothing can come any more".to_owned()).into()),
        stopped = hand_over(source, receive) => stopped,
    }
}

fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::AddrInUse => "something else listens there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "rrb may not: ports below 1024 need a privilege".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        kind => kind.to_string(),
    }
}

/// Writes what has come, many at once where many come. What has come is written before the source stops.
async fn hand_over(source: &Source, mut receive: mpsc::Receiver<Fed>) -> Result<(), Stopped> {
    loop {
        let mut items = Vec::new();
        let gathered = gather(source, &mut receive, &mut items).await;
        if gathered.is_err() {
            receive.close();
            take_waiting(&mut receive, &mut items);
        }
        if items.is_empty() {
            return gathered;
        }
        source.bring(items, None).await?;
    }
}

/// Waits for messages, then a little longer for more of them. Nothing comes when nobody sends any more.
async fn gather(source: &Source, receive: &mut mpsc::Receiver<Fed>, items: &mut Vec<Fed>) -> Result<(), Stopped> {
    source.unless_stopped(receive.recv_many(items, MAX_BATCH)).await?;
    if !items.is_empty() && items.len() < MAX_BATCH {
        source.wait(GATHER).await?;
        take_waiting(receive, items);
    }
    Ok(())
}

/// Takes what stands in the channel now, up to a whole batch.
fn take_waiting(receive: &mut mpsc::Receiver<Fed>, items: &mut Vec<Fed>) {
    while items.len() < MAX_BATCH
        && let Ok(next) = receive.try_recv()
    {
        items.push(next);
    }
}

/// A message with where it came from; none for an empty one.
fn fed(bytes: &[u8], peer: SocketAddr) -> Option<Fed> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(['\n', '\r', '\0', ' ']);
    if text.is_empty() {
        return None;
    }
    let body = message::parse(text).to_string().into_bytes();
    Some(Fed { body, headers: BTreeMap::from([("peer".to_owned(), peer.to_string())]), position: None })
}

async fn datagrams(socket: UdpSocket, send: mpsc::Sender<Fed>) -> Result<(), String> {
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let (got, peer) = socket.recv_from(&mut buffer).await.map_err(|e| format!("cannot receive: {}", e.kind()))?;
        // While the store is behind, the system keeps what comes, as far as its buffer goes: the protocol knows no way to say so.
        if let Some(fed) = fed(buffer.get(..got).unwrap_or_default(), peer)
            && send.send(fed).await.is_err()
        {
            return Ok(());
        }
    }
}

async fn connections(listener: TcpListener, send: mpsc::Sender<Fed>) -> Result<(), String> {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok(place) = room.clone().acquire_owned().await else { return Ok(()) };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // Of the one that came, or of all for a moment (too many open files).
            Err(e) => {
                tracing::warn!(why = %e.kind(), "a connection of syslog was not taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let send = send.clone();
        tasks.spawn(async move {
            let _place = place;
            frames(stream, peer, &send).await;
        });
    }
}

/// Reads the messages of a connection: each with its length before it, or a line (RFC 6587).
async fn frames(mut stream: impl AsyncRead + Unpin, peer: SocketAddr, send: &mpsc::Sender<Fed>) {
    let mut frames = Frames::default();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let got = match tokio::time::timeout(IDLE, stream.read(&mut buffer)).await {
            Ok(Ok(got)) => got,
            _ => 0,
        };
        frames.held.extend_from_slice(buffer.get(..got).unwrap_or_default());
        while let Some(message) = frames.next(got == 0) {
            if let Some(fed) = fed(&message, peer)
                && send.send(fed).await.is_err()
            {
                return;
            }
        }
        if got == 0 {
            return;
        }
    }
}

/// What came over a connection and is not a whole message yet.
#[derive(Default)]
struct Frames {
    held: Vec<u8>,
    /// Bytes to leave out: the rest of a message that is too long.
    skip: usize,
    /// The rest of a line that is too long is left out.
    skip_line: bool,
}

impl Frames {
    /// The next message. At the `end` of the connection what is left counts as one.
    fn next(&mut self, end: bool) -> Option<Vec<u8>> {
        self.leave_out();
        if self.held.is_empty() {
            return None;
        }
        if let Some((length, from)) = counted(&self.held) {
            let kept = length.min(MAX_MESSAGE);
            if self.held.len() < from + kept && !end {
                return None;
            }
            let message = self.held.get(from..(from + kept).min(self.held.len())).unwrap_or_default().to_vec();
            self.held.drain(..(from + kept).min(self.held.len()));
            self.skip = length - kept;
            return Some(message);
        }
        if !end && self.held.len() < 8 && self.held.iter().all(u8::is_ascii_digit) {
            return None;
        }
        match self.held.iter().position(|b| matches!(b, b'\n' | 0)) {
            Some(at) if at <= MAX_MESSAGE => {
                let line = self.held.drain(..=at).collect();
                Some(line)
            }
            None if self.held.len() <= MAX_MESSAGE && !end => None,
            None if self.held.len() <= MAX_MESSAGE => Some(std::mem::take(&mut self.held)),
            _ => {
                self.skip_line = true;
                Some(self.held.drain(..MAX_MESSAGE).collect())
            }
        }
    }

    fn leave_out(&mut self) {
        let gone = self.skip.min(self.held.len());
        self.held.drain(..gone);
        self.skip -= gone;
        if self.skip_line {
            match self.held.iter().position(|b| matches!(b, b'\n' | 0)) {
                Some(at) => {
                    self.held.drain(..=at);
                    self.skip_line = false;
                }
                None => self.held.clear(),
            }
        }
    }
}

/// The length that stands before a message, and where the message begins: `57 <34>1 …`.
fn counted(bytes: &[u8]) -> Option<(usize, usize)> {
    let space = bytes.iter().take(8).position(|b| *b == b' ')?;
    let digits = bytes.get(..space).filter(|d| !d.is_empty() && d.iter().all(u8::is_ascii_digit))?;
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (bytes.get(space + 1) == Some(&b'<') && length > 0).then_some((length, space + 1))
}

#[cfg(test)]
#[path = "syslog_tests.rs"]
mod tests;
