//! A closed-loop HTTP load over keep-alive connections of the loopback, bounded in time; and the server to compare with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What a load found.
pub struct Load {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub errors: u64,
}

/// Sends requests made by `body(connection, number)` to `path` for `time` over `connections`, one at a time each.
pub fn drive(
    address: &str,
    path: &str,
    bearer: &str,
    connections: usize,
    time: Duration,
    body: impl Fn(usize, u64) -> String + Send + Sync,
) -> Load {
    let start = Instant::now();
    let results: Vec<(Vec<u32>, u64)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..connections)
            .map(|connection| {
                let body = &body;
                scope.spawn(move || worker(address, path, bearer, start + time, |n| body(connection, n)))
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap_or_default()).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let errors = results.iter().map(|r| r.1).sum();
    let mut micros: Vec<u32> = results.into_iter().flat_map(|r| r.0).collect();
    micros.sort_unstable();
    let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1000.0);
    Load { per_second: micros.len() as f64 / elapsed, p50_ms: at(0.5), p99_ms: at(0.99), errors }
}

/// One connection: the latencies of its accepted requests in microseconds, and how many were not accepted.
fn worker(address: &str, path: &str, bearer: &str, until: Instant, body: impl Fn(u64) -> String) -> (Vec<u32>, u64) {
    let mut latencies = Vec::new();
    let mut errors = 0;
    let Ok(mut stream) = TcpStream::connect(address) else { return (latencies, 1) };
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0u8; 64 << 10];
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let body = body(number);
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {bearer}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = Instant::now();
        if stream.write_all(request.as_bytes()).is_err() {
            return (latencies, errors + 1);
        }
        match read_status(&mut stream, &mut buffer) {
            Some(200..=299) => latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Some(_) => errors += 1,
            None => return (latencies, errors + 1),
        }
    }
    (latencies, errors)
}

/// Reads one reply with a content-length to its end.
fn read_status(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..)?).ok().filter(|n| *n > 0)?;
        filled += read;
        let text = buffer.get(..filled)?;
        let Some(head_end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(text.get(..head_end)?).ok()?.to_ascii_lowercase();
        let length: usize = head.lines().find_map(|l| l.strip_prefix("content-length:"))?.trim().parse().ok()?;
        while filled < head_end + 4 + length {
            filled += stream.read(buffer.get_mut(filled..)?).ok().filter(|n| *n > 0)?;
        }
        return head.split(' ').nth(1)?.parse().ok();
    }
}
