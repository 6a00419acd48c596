//! The calls: what is to be done, where, and within what time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::super::Cx;
use super::super::args::Args;
use super::super::fail::{conflict, invalid};
use super::rows::Row;
use super::server::{Kind, Server};
use super::{mysql, postgres, sqlite, statement};

/// The longest time for a statement, unless told.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest statement, in bytes, the most values for it, and the most statements of a transaction.
const MAX_STATEMENT: usize = 1 << 20;
const MAX_PARAMS: usize = 10_000;
const MAX_STATEMENTS: usize = 100;

/// The most rows of a query.
const MAX_ROWS: i64 = 10_000;

/// How much earlier than we the server gives up, so that its answer is heard.
const HEAD_START: Duration = Duration::from_millis(250);

/// A statement with its values.
#[derive(Debug, Clone)]
pub struct Statement {
    pub text: String,
    pub params: Vec<Json>,
    /// How many rows it must change.
    pub expect: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Work {
    /// In a transaction that only reads.
    Read { statement: Statement, max_rows: usize },
    /// By itself, outside of a transaction of ours.
    Alone(Statement),
    /// All or none.
    Together(Vec<Statement>),
}

/// What a statement did.
#[derive(Debug, Default)]
pub struct Done {
    pub count: u64,
    pub rows: Vec<Row>,
}

/// Whether the database can have acted, as far as the call has come. Shared, for when the call is given up.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    sent: Arc<AtomicBool>,
}

impl Progress {
    /// From now on nobody can say without an answer.
    pub fn sent(&self) {
        self.sent.store(true, Ordering::Release);
    }

    /// What is known when no answer came.
    pub fn happened(&self) -> Happened {
        if self.sent.load(Ordering::Acquire) { Happened::Maybe } else { Happened::No }
    }
}

/// What is known of a statement that fails.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// Nothing of it lasts: it was not sent, only reads, or stands in a transaction that the database takes back when the connection ends.
    Nothing,
    /// It is by itself: what it did before an error only the database knows.
    Alone(&'a Progress),
    /// The end of a transaction: after an answer all is clear, without one nothing is.
    Commit,
}

impl Known<'_> {
    /// When the server says that it failed.
    pub fn answered(self) -> Happened {
        if let Known::Alone(_) = self { Happened::Answered } else { Happened::No }
    }

    /// When there is no answer, or the session was ended from outside, maybe within its own commit.
    pub fn unanswered(self) -> Happened {
        match self {
            Known::Nothing => Happened::No,
            Known::Alone(progress) => progress.happened(),
            Known::Commit => Happened::Maybe,
        }
    }

    /// From now on an answer is needed to know.
    pub fn sent(self) {
        if let Known::Alone(progress) = self {
            progress.sent();
        }
    }
}

/// A job for a driver.
pub struct Job {
    pub server: Server,
    pub work: Work,
    pub progress: Progress,
    /// What the server is told to end statements after.
    pub server_timeout: Duration,
}

/// `sql.query`
pub async fn query(cx: Cx<'_>) -> Result<Value, Failure> {
    let statement = Statement::from(cx.args)?;
    let max_rows = usize::try_from(cx.args.int("max_rows", 1_000, 1..=MAX_ROWS)?).unwrap_or(0);
    let server = Server::from(cx).await?;
    statement::only_reads(server.kind, &statement.text)?;
    let done = perform(cx, server, Work::Read { statement, max_rows }).await?;
    Ok(Value::list(done.into_iter().flat_map(|d| d.rows).map(Row::into_value)))
}

/// `sql.execute`
pub async fn execute(cx: Cx<'_>) -> Result<Value, Failure> {
    let statement = Statement::from(cx.args)?;
    let server = Server::from(cx).await?;
    // In a transaction of ours what breaks before the commit has not happened; but not every statement may stand in one.
    let together = statement.expect.is_some() || statement::only_changes_rows(&statement.text);
    let work = if together { Work::Together(vec![statement]) } else { Work::Alone(statement) };
    let done = perform(cx, server, work).await?;
    done.into_iter().next().map(Done::into_value).ok_or_else(|| invalid("the statement was not run"))
}

/// `sql.transaction`
pub async fn transaction(cx: Cx<'_>) -> Result<Value, Failure> {
    let statements: Vec<Statement> =
        cx.args.records("statements")?.into_iter().map(Statement::from).collect::<Result<_, _>>()?;
    if statements.is_empty() || statements.len() > MAX_STATEMENTS {
        return Err(invalid(format!("a transaction has from 1 to {MAX_STATEMENTS} statements")));
    }
    if let Some(odd) = statements.iter().find_map(|s| statement::ends_transaction(&s.text)) {
        return Err(invalid(format!("`{odd}` cannot stand in a transaction: rrb begins and ends it")));
    }
    let server = Server::from(cx).await?;
    let done = perform(cx, server, Work::Together(statements)).await?;
    Ok(Value::list(done.into_iter().map(Done::into_value)))
}

async fn perform(cx: Cx<'_>, server: Server, work: Work) -> Result<Vec<Done>, Failure> {
    let within = cx.within(cx.args.duration("timeout", TIMEOUT)?)?;
    let server_timeout = within.saturating_sub(HEAD_START).max(within / 2).max(Duration::from_millis(1));
    let shown = server.shown.clone();
    let progress = Progress::default();
    let job = Job { server, work, progress: progress.clone(), server_timeout };
    let running = async {
        match job.server.kind {
            Kind::Postgres => postgres::run(cx, job).await,
            Kind::Mysql => mysql::run(cx, job).await,
            Kind::Sqlite => sqlite::run(job).await,
        }
    };
    match tokio::time::timeout(within, running).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(failure)) => Err(prefixed(&shown, failure)),
        Err(_) => {
            let message = format!("{shown}: the statement was not done after {within:?}");
            Err(Failure::new(FailureKind::Timeout, message).happened(progress.happened()))
        }
    }
}

fn prefixed(shown: &str, mut failure: Failure) -> Failure {
    failure.message = format!("{shown}: {}", failure.message);
    failure
}

impl Statement {
    fn from(args: Args<'_>) -> Result<Self, Failure> {
        let text = args.text("statement")?;
        if text.trim().is_empty() || text.len() > MAX_STATEMENT || text.contains('\0') {
            return Err(invalid("a statement is a text of at most 1 MiB, without zero bytes, and not empty"));
        }
        let params: Vec<Json> = args.jsons("params")?.into_iter().cloned().collect();
        if params.len() > MAX_PARAMS {
            return Err(invalid(format!("a statement takes at most {MAX_PARAMS} values")));
        }
        let expect = args.int_or_none("expect", 0..=i64::MAX)?;
        Ok(Self { text: text.to_owned(), params, expect: expect.and_then(|n| u64::try_from(n).ok()) })
    }

    /// Refuses another number of changed rows than is expected.
    pub fn hold(&self, count: u64) -> Result<(), Failure> {
        match self.expect {
            Some(expect) if expect != count => Err(conflict(format!(
                "the statement changed {count} rows in the place of {expect}, and was taken back"
            ))),
            _ => Ok(()),
        }
    }
}

impl Done {
    fn into_value(self) -> Value {
        Value::record([
            ("count", Value::Int(i64::try_from(self.count).unwrap_or(i64::MAX))),
            ("rows", Value::list(self.rows.into_iter().map(Row::into_value))),
        ])
    }
}
