//! SQLite: a file of this machine. It is never made: a database that is not there is a failure.

use std::time::{Duration, Instant};

use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::super::blocking;
use super::super::fail::{invalid, not_found};
use super::rows::{self, Rows};
use super::statement;
use super::work::{Done, Job, Statement, Work};

/// The longest value, in bytes.
const MAX_VALUE: i32 = 16 << 20;

/// After how many steps of its machine a statement is asked for the time.
const STEPS: i32 = 1_000;

/// The most rows that a statement that changes may give back.
const MAX_RETURNED: usize = 10_000;

/// Does a job.
pub async fn run(job: Job) -> Result<Vec<Done>, Failure> {
    blocking(move || {
        let conn = open(&job)?;
        match &job.work {
            Work::Read { statement, max_rows } => Ok(vec![one(&conn, statement, *max_rows, true)?]),
            Work::Alone(statement) => {
                job.progress.sent();
                Ok(vec![one(&conn, statement, MAX_RETURNED, false)?])
            }
            Work::Together(statements) => together(&conn, statements, &job),
        }
    })
    .await
}

fn together(conn: &Connection, statements: &[Statement], job: &Job) -> Result<Vec<Done>, Failure> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(|e| failure(&e))?;
    let mut all = Vec::new();
    for statement in statements {
        // What is not committed goes with the connection.
        let done = one(conn, statement, MAX_RETURNED, false).map_err(|f| f.happened(Happened::No))?;
        statement.hold(done.count)?;
        all.push(done);
    }
    job.progress.sent();
    conn.execute_batch("COMMIT").map_err(|e| failure(&e))?;
    Ok(all)
}

fn open(job: &Job) -> Result<Connection, Failure> {
    let reads = matches!(job.work, Work::Read { .. });
    let mode = if reads { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let mut conn = Connection::open_with_flags(&job.server.database, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| failure(&e))?;
    bound(&mut conn, job.server_timeout).map_err(|e| failure(&e))?;
    Ok(conn)
}

fn bound(conn: &mut Connection, within: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + within;
    conn.busy_timeout(within.min(Duration::from_secs(3600)))?;
    conn.progress_handler(STEPS, Some(move || Instant::now() >= deadline))?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    conn.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON")
}

fn one(conn: &Connection, statement: &Statement, max_rows: usize, reads: bool) -> Result<Done, Failure> {
    let mut prepared = conn.prepare(&statement.text).map_err(|e| failure(&e))?;
    if reads && !prepared.readonly() {
        return Err(invalid("the statement changes the database: it goes with `sql.execute`"));
    }
    // A statement sees this database and no other file; only to vacuum, SQLite itself attaches one that has no name.
    let vacuums = statement::is(&statement.text, "vacuum") && !statement.text.to_lowercase().contains("into");
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, i32::from(vacuums)).map_err(|e| failure(&e))?;
    let (wanted, given) = (prepared.parameter_count(), statement.params.len());
    if wanted != given {
        return Err(invalid(format!("the statement takes {wanted} values, and `params` has {given}")));
    }
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    rows::distinct(names.iter().map(String::as_str))?;
    for (i, value) in statement.params.iter().enumerate() {
        prepared.raw_bind_parameter(i + 1, param(value)).map_err(|e| failure(&e))?;
    }
    let before = conn.total_changes();
    let mut taken = Rows::new(max_rows);
    {
        let mut found = prepared.raw_query();
        while let Some(row) = found.next().map_err(|e| failure(&e))? {
            let cells = names.iter().enumerate().map(|(i, name)| {
                let value = row.get_ref(i).map_err(|e| failure(&e))?;
                Ok((name.clone(), cell(value)))
            });
            taken.push(cells.collect::<Result<_, Failure>>()?)?;
        }
    }
    Ok(Done { count: conn.total_changes() - before, rows: taken.into_vec() })
}

fn param(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Integer(i64::from(*b)),
        Json::Int(i) => Value::Integer(*i),
        Json::Float(f) => Value::Real(*f),
        Json::Text(t) => Value::Text(t.to_string()),
        // A number above those that SQLite knows, and what has parts, are texts.
        other => Value::Text(serde_json::Value::from(other).to_string()),
    }
}

fn cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(i) => Json::Int(i),
        ValueRef::Real(f) => rows::float(f),
        ValueRef::Text(t) => Json::from(String::from_utf8_lossy(t).as_ref()),
        ValueRef::Blob(b) => rows::base64(b),
    }
}

/// A statement that fails leaves nothing; whether a commit does that the disk refused, nobody knows.
fn failure(error: &rusqlite::Error) -> Failure {
    let message = error.to_string();
    if message.contains("no such table") {
        return not_found(message);
    }
    let Some(code) = error.sqlite_error_code() else { return invalid(message) };
    let kind = match code {
        ErrorCode::OperationInterrupted => FailureKind::Timeout,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ConstraintViolation => FailureKind::Conflict,
        ErrorCode::CannotOpen => FailureKind::NotFound,
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied => {
            FailureKind::Forbidden
        }
        ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory => FailureKind::Unavailable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => FailureKind::Failed,
        _ => FailureKind::Invalid,
    };
    let happened = if code == ErrorCode::SystemIoFailure { Happened::Maybe } else { Happened::No };
    let number = error.sqlite_extended_error_code().unwrap_or_default();
    let detail = Json::object([("code", Json::Int(number.into()))]);
    Failure::new(kind, message).happened(happened).detail(detail)
}
