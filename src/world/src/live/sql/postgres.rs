//! PostgreSQL. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY

use std::time::Duration;

use futures_util::TryStreamExt as _;
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::fail::{invalid, unavailable};
use super::super::{Cx, net, trust};
use super::postgres_types::{Cell, Param, readable};
use super::rows::{self, Rows};
use super::server::Server;
use super::work::{Done, Job, Known, Progress, Statement, Work};

/// The most rows that a statement that changes may give back.
const MAX_RETURNED: usize = 10_000;

/// The most bytes of a whole session, so that no single value fills the memory before it can be measured.
const MAX_RECEIVED: u64 = 16 << 20;

/// A connection with the task that drives it, which ends with what went wrong.
struct Session {
    client: Client,
    driver: tokio::task::JoinHandle<Option<String>>,
}

impl Session {
    /// Says why the connection is closed, which only the driver knows.
    async fn explained(&mut self, mut failure: Failure) -> Failure {
        if failure.message.contains("connection closed")
            && let Ok(Ok(Some(why))) = tokio::time::timeout(Duration::from_millis(100), &mut self.driver).await
        {
            failure.message = format!("the connection broke: {why}");
            if why.contains(net::TOO_LONG) {
                failure.kind = FailureKind::Invalid;
            }
        }
        failure
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Does a job.
pub async fn run(cx: Cx<'_>, job: Job) -> Result<Vec<Done>, Failure> {
    let mut session = connect(cx, &job.server).await?;
    match work(&session.client, &job).await {
        Ok(done) => Ok(done),
        Err(failure) => Err(session.explained(failure).await),
    }
}

async fn work(client: &Client, job: &Job) -> Result<Vec<Done>, Failure> {
    simple(client, &settings(job.server_timeout), Known::Nothing).await?;
    match &job.work {
        Work::Read { statement, max_rows } => {
            simple(client, "BEGIN READ ONLY", Known::Nothing).await?;
            Ok(vec![one(client, statement, *max_rows, Known::Nothing).await?])
        }
        Work::Alone(statement) => Ok(vec![one(client, statement, MAX_RETURNED, Known::Alone(&job.progress)).await?]),
        Work::Together(statements) => together(client, statements, &job.progress).await,
    }
}

async fn together(client: &Client, statements: &[Statement], progress: &Progress) -> Result<Vec<Done>, Failure> {
    simple(client, "BEGIN", Known::Nothing).await?;
    let mut all = Vec::new();
    for statement in statements {
        let done = one(client, statement, MAX_RETURNED, Known::Nothing).await?;
        statement.hold(done.count)?;
        all.push(done);
    }
    progress.sent();
    simple(client, "COMMIT", Known::Commit).await?;
    Ok(all)
}

/// A statement of ours, without values.
async fn simple(client: &Client, text: &str, known: Known<'_>) -> Result<(), Failure> {
    client.batch_execute(text).await.map_err(|e| failure(&e, known))
}

async fn one(client: &Client, statement: &Statement, max_rows: usize, known: Known<'_>) -> Result<Done, Failure> {
    let prepared = client.prepare(&statement.text).await.map_err(|e| failure(&e, Known::Nothing))?;
    fits(&prepared, statement)?;
    let failed = |e| failure(&e, known);
    known.sent();
    let stream = client.query_raw(&prepared, statement.params.iter().map(Param)).await.map_err(failed)?;
    tokio::pin!(stream);
    let mut taken = Rows::new(max_rows);
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        cells(&row).and_then(|cells| taken.push(cells)).map_err(|f| f.happened(known.unanswered()))?;
    }
    Ok(Done { count: stream.rows_affected().unwrap_or(0), rows: taken.into_vec() })
}

/// Refuses what would fail only after it was done.
fn fits(prepared: &tokio_postgres::Statement, statement: &Statement) -> Result<(), Failure> {
    let (wanted, given) = (prepared.params().len(), statement.params.len());
    if wanted != given {
        return Err(invalid(format!("the statement takes {wanted} values, and `params` has {given}")));
    }
    rows::distinct(prepared.columns().iter().map(tokio_postgres::Column::name))?;
    if let Some(odd) = prepared.columns().iter().find(|c| !readable(c.type_())) {
        let (name, ty) = (odd.name(), odd.type_().name());
        return Err(invalid(format!("the column `{name}` is of the type `{ty}`: convert it to text, `{name}::text`")));
    }
    Ok(())
}

fn cells(row: &tokio_postgres::Row) -> Result<Vec<(String, Json)>, Failure> {
    let cell = |(i, column): (usize, &tokio_postgres::Column)| {
        row.try_get::<_, Cell>(i).map(|cell| (column.name().to_owned(), cell.0))
    };
    let cells: Result<_, _> = row.columns().iter().enumerate().map(cell).collect();
    cells.map_err(|e| invalid(format!("a row cannot be read: {}", chain(&e))))
}

fn settings(timeout: Duration) -> String {
    // The names are rrb's own and the number is one: nothing from outside stands in this text.
    let ms = timeout.as_millis();
    format!("SET statement_timeout = {ms}; SET TimeZone = 'UTC'; SET standard_conforming_strings = on")
}

async fn connect(cx: Cx<'_>, server: &Server) -> Result<Session, Failure> {
    let mut config = Config::new();
    config.application_name("rrb").user(server.user.as_deref().unwrap_or("postgres"));
    if !server.database.is_empty() {
        config.dbname(&server.database);
    }
    if let Some(password) = &server.password {
        config.password(password.expose_secret());
    }
    if let Some(folder) = &server.socket {
        let path = format!("{}/.s.PGSQL.{}", folder.trim_end_matches('/'), server.port);
        let stream = tokio::net::UnixStream::connect(&path).await;
        let stream = stream.map_err(|e| unavailable(format!("no connection to `{path}`: {e}")))?;
        return session(&config.ssl_mode(SslMode::Disable).clone(), net::Bounded::new(stream, MAX_RECEIVED), NoTls)
            .await;
    }
    let stream = net::Bounded::new(net::connect(cx, &server.host, server.port).await?, MAX_RECEIVED);
    let Some(trust) = &server.tls else {
        return session(&config.ssl_mode(SslMode::Disable).clone(), stream, NoTls).await;
    };
    trust::server_name(&server.server_name)?;
    let mut tls = MakeRustlsConnect::new(trust.config().await?);
    let name = server.server_name.trim_start_matches('[').trim_end_matches(']');
    let connector = MakeTlsConnect::<net::Bounded<tokio::net::TcpStream>>::make_tls_connect(&mut tls, name);
    let connector = connector.map_err(|e| invalid(format!("no TLS with `{name}`: {e}")))?;
    session(&config.ssl_mode(SslMode::Require).clone(), stream, connector).await
}

async fn session<S, T>(config: &Config, stream: S, tls: T) -> Result<Session, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let connecting = tokio::time::timeout(net::CONNECT_TIMEOUT, config.connect_raw(stream, tls));
    let (client, connection) = connecting
        .await
        .map_err(|_| net::late(format!("the server did not let us in within {:?}", net::CONNECT_TIMEOUT)))?
        .map_err(|e| refusal(&e))?;
    let driver = tokio::spawn(async move { connection.await.err().map(|e| chain(&e)) });
    Ok(Session { client, driver })
}

/// Why there is no session.
fn refusal(error: &tokio_postgres::Error) -> Failure {
    if error.as_db_error().is_some() {
        return failure(error, Known::Nothing);
    }
    let text = chain(error);
    if text.contains("server does not support TLS") {
        return unavailable(
            "the server offers no TLS: make it do so, or set `tls` to `off` where nobody else is in the network",
        );
    }
    if text.contains("password missing") {
        return Failure::new(FailureKind::Unauthorized, "the server wants a password: give `password`")
            .happened(Happened::No);
    }
    let kind = if text.contains("authentication") { FailureKind::Unauthorized } else { FailureKind::Unavailable };
    Failure::new(kind, format!("no session: {text}")).happened(Happened::No)
}

fn failure(error: &tokio_postgres::Error, known: Known<'_>) -> Failure {
    let Some(db) = error.as_db_error() else {
        let text = chain(error);
        if text.contains("serializing parameter") {
            return invalid(format!("a value does not fit: {text}"));
        }
        let message = format!("the connection broke: {text}");
        return Failure::new(FailureKind::Unavailable, message).happened(known.unanswered());
    };
    let mut message = format!("{} ({})", db.message(), db.code().code());
    for part in [db.detail(), db.hint()].into_iter().flatten() {
        message = format!("{message}; {part}");
    }
    let ended = matches!(db.severity(), "FATAL" | "PANIC");
    let happened = if ended { known.unanswered() } else { known.answered() };
    let detail = Json::object([("code", Json::from(db.code().code()))]);
    Failure::new(kind(db.code().code()), message).happened(happened).detail(detail)
}

/// https://www.postgresql.org/docs/current/errcodes-appendix.html
pub fn kind(code: &str) -> FailureKind {
    match code {
        "57014" => FailureKind::Timeout,
        "53300" => FailureKind::Throttled,
        "42501" | "25006" => FailureKind::Forbidden,
        "3D000" | "3F000" | "42P01" | "42704" | "42883" | "02000" | "P0002" => FailureKind::NotFound,
        "42P04" | "42P06" | "42P07" | "42710" | "42701" | "42723" => FailureKind::Conflict,
        _ => match code.get(..2).unwrap_or_default() {
            "08" | "53" | "57" | "58" => FailureKind::Unavailable,
            "28" => FailureKind::Unauthorized,
            "0A" | "21" | "22" | "42" | "54" => FailureKind::Invalid,
            "23" | "25" | "2B" | "40" | "55" => FailureKind::Conflict,
            _ => FailureKind::Failed,
        },
    }
}

/// The error with its causes.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    parts.join(": ")
}
