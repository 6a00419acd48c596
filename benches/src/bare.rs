//! What the accepted deliveries are measured against: the least that decodes JSON and is durable before it answers. axum, SQLite in
//! WAL mode with `synchronous=FULL`, one writer thread that takes what waits into one transaction.

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::{mpsc, oneshot};

type Job = (Vec<u8>, oneshot::Sender<bool>);

/// Serves until it is killed. Prints the address when it is ready.
pub fn serve(database: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let (jobs, queue) = mpsc::channel::<Job>(4096);
    let connection = rusqlite::Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS deliveries (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    std::thread::spawn(move || write(connection, queue));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let app = axum::Router::new().route("/hook", axum::routing::post(take)).with_state(jobs);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener, app).await?;
        Ok(())
    })
}

async fn take(State(jobs): State<mpsc::Sender<Job>>, body: axum::body::Bytes) -> StatusCode {
    if serde_json::from_slice::<serde_json::Value>(&body).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let (done, wait) = oneshot::channel();
    if jobs.send((body.to_vec(), done)).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if wait.await.unwrap_or(false) { StatusCode::ACCEPTED } else { StatusCode::INTERNAL_SERVER_ERROR }
}

fn write(mut connection: rusqlite::Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < 1024 {
            let Ok(next) = queue.try_recv() else { break };
            batch.push(next);
        }
        let ok = insert(&mut connection, &batch).is_ok();
        for (_, done) in batch {
            let _ = done.send(ok);
        }
    }
}

fn insert(connection: &mut rusqlite::Connection, batch: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO deliveries (body) VALUES (?1)")?;
        for (body, _) in batch {
            insert.execute([body])?;
        }
    }
    transaction.commit()
}
