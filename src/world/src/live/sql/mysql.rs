//! MySQL and MariaDB. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html

use std::time::Duration;

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::{Protocol, Queryable as _};
use mysql_async::{ClientIdentity, Column, Conn, DriverError, Error, OptsBuilder, Params, QueryResult, SslOpts, Value};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind};
use rustls::pki_types::PrivateKeyDer;
use secrecy::ExposeSecret as _;

use super::super::fail::{invalid, unavailable};
use super::super::{Cx, net, trust};
use super::rows::{self, Rows};
use super::server::Server;
use super::statement;
use super::work::{Done, Job, Known, Statement, Work};

/// The longest packet, in bytes, so that no single value fills the memory before it can be measured.
const MAX_PACKET: usize = 16 << 20;

/// The most rows that a statement that changes may give back.
const MAX_RETURNED: usize = 10_000;

/// The number of the character set that is none: bytes.
const BINARY: u16 = 63;

/// Does a job.
pub async fn run(cx: Cx<'_>, job: Job) -> Result<Vec<Done>, Failure> {
    if let Work::Together(statements) = &job.work
        && let Some(odd) = statements.iter().find_map(|s| statement::commits_by_itself(&s.text))
    {
        return Err(invalid(format!(
            "MySQL cannot take `{odd}` back: in a transaction, and where `expect` is given, statements change rows only"
        )));
    }
    let mut conn = connect(cx, &job.server).await?;
    let result = work(&mut conn, &job).await;
    // Without a word the server would note an aborted connection.
    let _ = tokio::time::timeout(Duration::from_millis(200), conn.disconnect()).await;
    result
}

async fn work(conn: &mut Conn, job: &Job) -> Result<Vec<Done>, Failure> {
    settings(conn, job.server_timeout).await?;
    match &job.work {
        Work::Read { statement, max_rows } => {
            simple(conn, "START TRANSACTION READ ONLY", Known::Nothing).await?;
            Ok(vec![one(conn, statement, *max_rows, Known::Nothing).await?])
        }
        Work::Alone(statement) => Ok(vec![one(conn, statement, MAX_RETURNED, Known::Alone(&job.progress)).await?]),
        Work::Together(statements) => {
            simple(conn, "START TRANSACTION", Known::Nothing).await?;
            let mut all = Vec::new();
            for statement in statements {
                let done = one(conn, statement, MAX_RETURNED, Known::Nothing).await?;
                statement.hold(done.count)?;
                all.push(done);
            }
            job.progress.sent();
            simple(conn, "COMMIT", Known::Commit).await?;
            Ok(all)
        }
    }
}

async fn settings(conn: &mut Conn, timeout: Duration) -> Result<(), Failure> {
    let seconds = timeout.as_secs().max(1);
    let locks =
        format!("SET time_zone = '+00:00', innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}");
    simple(conn, &locks, Known::Nothing).await?;
    // MariaDB bounds every statement, MySQL those that read; each has a name of its own for it.
    let mariadb = format!("SET max_statement_time = {}", timeout.as_secs_f64());
    match conn.query_drop(mariadb).await {
        Err(Error::Server(e)) if e.code == UNKNOWN_VARIABLE => {
            simple(conn, &format!("SET max_execution_time = {}", timeout.as_millis()), Known::Nothing).await
        }
        other => other.map_err(|e| failure(&e, Known::Nothing)),
    }
}

const UNKNOWN_VARIABLE: u16 = 1193;
const NOT_PREPARED: u16 = 1295;

/// A statement of ours, without values.
async fn simple(conn: &mut Conn, text: &str, known: Known<'_>) -> Result<(), Failure> {
    conn.query_drop(text).await.map_err(|e| failure(&e, known))
}

async fn one(conn: &mut Conn, statement: &Statement, max_rows: usize, known: Known<'_>) -> Result<Done, Failure> {
    let sent = || {
        known.sent();
    };
    let given = statement.params.len();
    let prepared = match conn.prep(statement.text.as_str()).await {
        Ok(prepared) => prepared,
        // Some statements of administration exist only in the protocol without values.
        Err(Error::Server(e)) if e.code == NOT_PREPARED && given == 0 => {
            sent();
            let result = conn.query_iter(statement.text.as_str()).await.map_err(|e| failure(&e, known))?;
            return take(result, max_rows, known).await;
        }
        Err(e) => return Err(failure(&e, Known::Nothing)),
    };
    let wanted = usize::from(prepared.num_params());
    if wanted != given {
        return Err(invalid(format!("the statement takes {wanted} values, and `params` has {given}")));
    }
    let names: Vec<String> = prepared.columns().iter().map(|c| c.name_str().into_owned()).collect();
    rows::distinct(names.iter().map(String::as_str))?;
    sent();
    let params =
        if given == 0 { Params::Empty } else { Params::Positional(statement.params.iter().map(param).collect()) };
    let result = conn.exec_iter(&prepared, params).await.map_err(|e| failure(&e, known))?;
    take(result, max_rows, known).await
}

async fn take<P: Protocol>(
    mut result: QueryResult<'_, '_, P>,
    max_rows: usize,
    known: Known<'_>,
) -> Result<Done, Failure> {
    let columns = result.columns();
    let mut taken = Rows::new(max_rows);
    while let Some(row) = result.next().await.map_err(|e| failure(&e, known))? {
        let named = columns.as_deref().unwrap_or_default().iter().zip(row.unwrap());
        let cells: Result<Vec<_>, _> = named.map(|(c, v)| Ok((c.name_str().into_owned(), cell(c, v)?))).collect();
        cells.and_then(|cells| taken.push(cells)).map_err(|f: Failure| f.happened(known.unanswered()))?;
    }
    let count = result.affected_rows();
    result.drop_result().await.map_err(|e| failure(&e, known))?;
    Ok(Done { count, rows: taken.into_vec() })
}

fn param(value: &Json) -> Value {
    match value {
        Json::Null => Value::NULL,
        Json::Bool(b) => Value::Int(i64::from(*b)),
        Json::Int(i) => Value::Int(*i),
        Json::UInt(u) => Value::UInt(*u),
        Json::Float(f) => Value::Double(*f),
        Json::Text(t) => Value::Bytes(t.as_bytes().to_vec()),
        Json::List(_) | Json::Object(_) => Value::Bytes(serde_json::Value::from(value).to_string().into_bytes()),
    }
}

fn cell(column: &Column, value: Value) -> Result<Json, Failure> {
    use ColumnType as T;
    let ty = column.column_type();
    Ok(match value {
        Value::NULL => Json::Null,
        Value::Int(i) => Json::Int(i),
        Value::UInt(u) => i64::try_from(u).map_or(Json::UInt(u), Json::Int),
        // The shortest text of a narrow number, read again as a wide one: 0.1 stays 0.1.
        Value::Float(f) => f.to_string().parse().map_or(Json::Null, rows::float),
        Value::Double(f) => rows::float(f),
        Value::Date(y, m, d, h, min, s, us) => {
            Json::from(date(ty, [y.into(), m.into(), d.into(), h.into(), min.into(), s.into(), us]).as_str())
        }
        Value::Time(negative, days, h, m, s, us) => {
            let sign = if negative { "-" } else { "" };
            Json::from(format!("{sign}{:02}:{m:02}:{s:02}{}", days * 24 + u32::from(h), fraction(us)).as_str())
        }
        Value::Bytes(bytes) => match ty {
            T::MYSQL_TYPE_JSON => rows::json(&bytes)?,
            T::MYSQL_TYPE_BIT => bits(&bytes),
            // Numbers of the protocol without values are texts.
            T::MYSQL_TYPE_TINY
            | T::MYSQL_TYPE_SHORT
            | T::MYSQL_TYPE_INT24
            | T::MYSQL_TYPE_LONG
            | T::MYSQL_TYPE_LONGLONG
            | T::MYSQL_TYPE_YEAR
            | T::MYSQL_TYPE_FLOAT
            | T::MYSQL_TYPE_DOUBLE => rows::json(&bytes)?,
            T::MYSQL_TYPE_GEOMETRY => rows::base64(&bytes),
            _ if is_bytes(column) => rows::base64(&bytes),
            _ => match String::from_utf8(bytes) {
                Ok(text) => Json::from(text.as_str()),
                Err(e) => rows::base64(e.as_bytes()),
            },
        },
    })
}

fn is_bytes(column: &Column) -> bool {
    use ColumnType as T;
    let may = matches!(
        column.column_type(),
        T::MYSQL_TYPE_TINY_BLOB
            | T::MYSQL_TYPE_MEDIUM_BLOB
            | T::MYSQL_TYPE_LONG_BLOB
            | T::MYSQL_TYPE_BLOB
            | T::MYSQL_TYPE_VAR_STRING
            | T::MYSQL_TYPE_VARCHAR
            | T::MYSQL_TYPE_STRING
    );
    may && column.character_set() == BINARY && column.flags().contains(ColumnFlags::BINARY_FLAG)
}

fn bits(bytes: &[u8]) -> Json {
    let number = bytes.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    i64::try_from(number).map_or(Json::UInt(number), Json::Int)
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() }
}

/// Not by a calendar: MySQL keeps days that do not exist (`0000-00-00`).
fn date(ty: ColumnType, [y, m, d, h, min, s, us]: [u32; 7]) -> String {
    let day = format!("{y:04}-{m:02}-{d:02}");
    match ty {
        ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => day,
        // The session is in UTC.
        ColumnType::MYSQL_TYPE_TIMESTAMP | ColumnType::MYSQL_TYPE_TIMESTAMP2 => {
            format!("{day}T{h:02}:{min:02}:{s:02}{}Z", fraction(us))
        }
        _ => format!("{day}T{h:02}:{min:02}:{s:02}{}", fraction(us)),
    }
}

async fn connect(cx: Cx<'_>, server: &Server) -> Result<Conn, Failure> {
    let mut options = OptsBuilder::default()
        .prefer_socket(false)
        .max_allowed_packet(Some(MAX_PACKET))
        .user(server.user.as_deref())
        .pass(server.password.as_ref().map(|p| p.expose_secret().to_owned()))
        .db_name(Some(server.database.as_str()).filter(|d| !d.is_empty()));
    if let Some(socket) = &server.socket {
        options = options.socket(Some(socket.as_str()));
    } else {
        let addresses = net::resolve(cx, &server.host, server.port).await?;
        let ips: Vec<std::net::IpAddr> = addresses.iter().map(std::net::SocketAddr::ip).collect();
        options = options.ip_or_hostname(server.host.as_str()).tcp_port(server.port).resolved_ips(Some(ips));
        options = options.ssl_opts(secure(server).await?);
    }
    match tokio::time::timeout(net::CONNECT_TIMEOUT, Conn::new(options)).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(e)) => Err(refusal(&e, server)),
        Err(_) => Err(net::late(format!("the server did not let us in within {:?}", net::CONNECT_TIMEOUT))),
    }
}

async fn secure(server: &Server) -> Result<Option<SslOpts>, Failure> {
    let Some(trust) = &server.tls else { return Ok(None) };
    trust::server_name(&server.server_name)?;
    let authorities = trust.authorities().await?;
    let identity = trust.identity().await?.map(|(chain, key)| {
        let chain: String = chain.iter().map(|c| pem("CERTIFICATE", c)).collect();
        let key = match &key {
            PrivateKeyDer::Pkcs1(k) => pem("RSA PRIVATE KEY", k.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(k) => pem("EC PRIVATE KEY", k.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(k) => pem("PRIVATE KEY", k.secret_pkcs8_der()),
            _ => String::new(),
        };
        ClientIdentity::new(chain.into_bytes().into(), key.into_bytes().into())
    });
    let name = server.server_name.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Some(
        SslOpts::default()
            .with_disable_built_in_roots(true)
            .with_root_certs(authorities.into_iter().map(|c| c.to_vec().into()).collect())
            .with_client_identity(identity)
            .with_danger_tls_hostname_override(Some(name)),
    ))
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Why there is no session.
fn refusal(error: &Error, server: &Server) -> Failure {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => unavailable(
            "the server offers no TLS: make it do so, or set `tls` to `off` where nobody else is in the network",
        ),
        Error::Io(mysql_async::IoError::Tls(e)) => trust::refused(&server.server_name, e),
        Error::Io(mysql_async::IoError::Io(e)) if e.get_ref().is_some_and(|e| e.is::<rustls::Error>()) => {
            trust::refused(&server.server_name, e)
        }
        Error::Server(_) => failure(error, Known::Nothing),
        other => unavailable(format!("no session: {other}")),
    }
}

fn failure(error: &Error, known: Known<'_>) -> Failure {
    match error {
        Error::Server(e) => {
            let ended = matches!(e.code, SHUTDOWN | KILLED);
            let happened = if ended { known.unanswered() } else { known.answered() };
            let detail = [("code", Json::from(e.state.as_str())), ("number", Json::Int(e.code.into()))];
            let message = format!("{} ({}, {})", e.message, e.code, e.state);
            Failure::new(kind(e.code, &e.state), message).happened(happened).detail(Json::object(detail))
        }
        other => {
            let message = format!("the connection broke: {other}");
            Failure::new(FailureKind::Unavailable, message).happened(known.unanswered())
        }
    }
}

const SHUTDOWN: u16 = 1053;
const KILLED: u16 = 1927;

/// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and https://mariadb.com/docs/server/reference/error-codes
fn kind(code: u16, state: &str) -> FailureKind {
    match code {
        1317 | 1969 | 3024 => FailureKind::Timeout,
        1040 | 1203 | 1226 => FailureKind::Throttled,
        1044 | 1142 | 1143 | 1227 | 1290 | 1370 | 1792 | 1836 => FailureKind::Forbidden,
        1049 | 1051 | 1094 | 1146 | 1305 => FailureKind::NotFound,
        1007 | 1050 | 1198 | 1205 | 1213 => FailureKind::Conflict,
        SHUTDOWN | KILLED => FailureKind::Unavailable,
        _ => match state.get(..2).unwrap_or_default() {
            "08" => FailureKind::Unavailable,
            "28" => FailureKind::Unauthorized,
            "0A" | "21" | "22" | "42" => FailureKind::Invalid,
            "23" | "25" | "40" => FailureKind::Conflict,
            _ => FailureKind::Failed,
        },
    }
}
