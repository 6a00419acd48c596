//! Opening: everything that can be wrong with a state folder is found here, before the first commit.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::audit::Chain;
use crate::fault::Fault;
use crate::files::{self, Files};
use crate::lock::Lock;
use crate::ops::Head;
use crate::options::{MIN_SQLITE, OpenError, Options};
use crate::schema;

/// A folder that is locked, with its writing connection.
pub(crate) struct Opened {
    pub db: Connection,
    pub head: Head,
    pub lock: Lock,
}

/// Opens the state in `files` for writing, and makes it when there is none.
pub(crate) fn writing(files: &Files, options: &Options) -> Result<Opened, OpenError> {
    check_sqlite(rusqlite::version_number())?;
    let folder = files::prepare_folder(&files.folder)?;
    let dir = folder.try_clone().map_err(files::io_error("open the state folder", &files.folder))?;
    let lock = Lock::take(files, folder)?;
    match files::size(&files.db)? {
        None => create(files, &dir, options)?,
        Some(0) => return Err(corrupt(files, "it is empty: its content was cut off")),
        Some(_) => {}
    }
    let mut db = connect(&files.db, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    let found = check_identity(&db, files)?;
    check_pages(&db, files, options)?;
    pragma(&db, "PRAGMA journal_mode = WAL", "wal", files)?;
    tune_writer(&db, files)?;
    schema::migrate(&mut db, found).map_err(|f| opening(files, f))?;
    let head = head(&db, files)?;
    // The log's name in the folder must last as well, and SQLite does not look whether this flush worked.
    dir.sync_all().map_err(files::io_error("flush the state folder", &files.folder))?;
    Ok(Opened { db, head, lock })
}

/// Opens the state in `files` for reading alone, beside a daemon or without one.
pub(crate) fn reading(files: &Files, options: &Options) -> Result<Connection, OpenError> {
    check_sqlite(rusqlite::version_number())?;
    match files::size(&files.db)? {
        None => return Err(OpenError::Missing { folder: files.folder.clone() }),
        Some(0) => return Err(corrupt(files, "it is empty: its content was cut off")),
        Some(_) => {}
    }
    let db = connect(&files.db, OpenFlags::SQLITE_OPEN_READ_ONLY, options)?;
    let found = check_identity(&db, files)?;
    if found < schema::version() {
        return Err(OpenError::Older { path: files.db.clone(), found, known: schema::version() });
    }
    pragma(&db, "PRAGMA query_only = ON", "", files)?;
    pragma(&db, "PRAGMA query_only", "1", files)?;
    Ok(db)
}

/// Refuses an SQLite with the WAL-reset bug.
pub(crate) fn check_sqlite(number: i32) -> Result<(), OpenError> {
    // 3.52.0 was withdrawn by its makers.
    if number >= MIN_SQLITE && number != 3_052_000 {
        return Ok(());
    }
    let found = format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000);
    Err(OpenError::OldSqlite { found })
}

/// Makes a database beside its place and moves it there when it is whole, so that an empty `state.db` is never ours.
fn create(files: &Files, dir: &std::fs::File, options: &Options) -> Result<(), OpenError> {
    if files::size(&files.wal)?.unwrap_or(0) > 0 {
        return Err(corrupt(files, "it is gone, but its write-ahead log is still there"));
    }
    files::create_private(&files.fresh)?;
    let mut db = connect(&files.fresh, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    pragma(&db, "PRAGMA journal_mode = MEMORY", "memory", files)?;
    db.pragma_update(None, "application_id", schema::APPLICATION_ID).map_err(|e| opening(files, e.into()))?;
    schema::migrate(&mut db, 0).map_err(|f| opening(files, f))?;
    db.close().map_err(|(_, e)| opening(files, e.into()))?;
    files::publish(&files.fresh, &files.db, dir)
}

fn connect(path: &Path, mode: OpenFlags, options: &Options) -> Result<Connection, OpenError> {
    let reason = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path: path.to_owned() },
        _ => OpenError::Sqlite { path: path.to_owned(), reason: e.to_string() },
    };
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let db = Connection::open_with_flags(path, flags).map_err(reason)?;
    let length = i32::try_from(options.max_commit.saturating_add(1 << 20)).unwrap_or(i32::MAX);
    (|| {
        db.busy_timeout(options.busy.max(Duration::from_millis(1)))?;
        db.set_limit(Limit::SQLITE_LIMIT_LENGTH, length)?;
        db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(())
    })()
    .map_err(reason)?;
    Ok(db)
}

/// Whose database it is; the answer is the version of its schema.
fn check_identity(db: &Connection, files: &Files) -> Result<i64, OpenError> {
    let read = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0));
    let (application, found) = read("PRAGMA application_id")
        .and_then(|a| Ok((a, read("PRAGMA user_version")?)))
        .map_err(|e| opening(files, e.into()))?;
    if application != schema::APPLICATION_ID {
        return Err(OpenError::Foreign { path: files.db.clone() });
    }
    let known = schema::version();
    if found > known {
        return Err(OpenError::Newer { path: files.db.clone(), found, known });
    }
    Ok(found)
}

fn check_pages(db: &Connection, files: &Files, options: &Options) -> Result<(), OpenError> {
    let size = files::size(&files.db)?.unwrap_or(0);
    let page: u64 = ask(db, "PRAGMA page_size", files)?.parse().unwrap_or(4096);
    // SQLite reads the missing end of a page as zeros; only a log that still holds the page makes that right.
    if !size.is_multiple_of(page) && files::size(&files.wal)?.unwrap_or(0) == 0 {
        return Err(corrupt(files, "its last page is cut off"));
    }
    if size > options.check_up_to {
        return Ok(());
    }
    let answer: String =
        db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(|e| opening(files, e.into()))?;
    if answer == "ok" { Ok(()) } else { Err(corrupt(files, answer.trim())) }
}

fn tune_writer(db: &Connection, files: &Files) -> Result<(), OpenError> {
    for (set, get, expected) in [
        ("PRAGMA synchronous = FULL", "PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", "1"),
        // The writer checkpoints itself: an error in SQLite's own checkpoint would be lost.
        ("PRAGMA wal_autocheckpoint = 0", "PRAGMA wal_autocheckpoint", "0"),
        ("PRAGMA journal_size_limit = 67108864", "PRAGMA journal_size_limit", "67108864"),
        ("PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1"),
        // A mapped file turns an I/O error into a signal.
        ("PRAGMA mmap_size = 0", "PRAGMA mmap_size", "0"),
        ("PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2"),
    ] {
        let got = ask(db, set, files)?;
        if !got.is_empty() && got != expected {
            return Err(OpenError::Pragma { pragma: set, answer: got, expected: expected.to_owned() });
        }
        pragma(db, get, expected, files)?;
    }
    Ok(())
}

/// Says a pragma and checks its answer; `""` expects none.
fn pragma(db: &Connection, sql: &'static str, expected: &str, files: &Files) -> Result<(), OpenError> {
    let answer = ask(db, sql, files)?;
    if answer == expected {
        return Ok(());
    }
    Err(OpenError::Pragma { pragma: sql, answer, expected: expected.to_owned() })
}

/// The first column of a pragma's answer as text, empty when it gives none. Errors show only when the row is read.
fn ask(db: &Connection, sql: &str, files: &Files) -> Result<String, OpenError> {
    let read = || -> rusqlite::Result<String> {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut answer = String::new();
        while let Some(row) = rows.next()? {
            answer = match row.get::<_, Value>(0)? {
                Value::Integer(n) => n.to_string(),
                Value::Text(t) => t,
                other => format!("{other:?}"),
            };
        }
        Ok(answer)
    };
    read().map_err(|e| opening(files, e.into()))
}

fn head(db: &Connection, files: &Files) -> Result<Head, OpenError> {
    let read = || -> Result<_, Fault> {
        let chain = Chain::load(db)?;
        let latest = db.query_row("SELECT latest FROM head", [], |r| r.get(0))?;
        let verdict = chain.check(db)?;
        Ok((Head { chain, latest }, verdict))
    };
    match read().map_err(|f| opening(files, f))? {
        (head, Ok(())) => Ok(head),
        (_, Err(reason)) => Err(OpenError::Audit { path: files.db.clone(), reason }),
    }
}

fn corrupt(files: &Files, reason: &str) -> OpenError {
    OpenError::Corrupt { path: files.db.clone(), reason: reason.to_owned() }
}

fn opening(files: &Files, fault: Fault) -> OpenError {
    match fault {
        Fault::Fatal(why) if why.contains("not a database") => OpenError::Foreign { path: files.db.clone() },
        Fault::Fatal(why) if why.contains("malformed") => corrupt(files, &why),
        Fault::Unreadable(why) => corrupt(files, &why),
        Fault::Caller(reason) | Fault::Full(reason) | Fault::Fatal(reason) => {
            OpenError::Sqlite { path: files.db.clone(), reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_loses_data_is_refused() {
        for bad in [3_007_000, 3_050_002, 3_050_007, 3_051_002, 3_052_000] {
            assert!(check_sqlite(bad).is_err(), "{bad}");
        }
        for good in [3_051_003, 3_051_004, 3_052_001, 3_054_001, 4_000_000] {
            assert!(check_sqlite(good).is_ok(), "{good}");
        }
        let text = check_sqlite(3_051_002).unwrap_err().to_string();
        assert!(text.contains("3.51.2") && text.contains("3.51.3"), "{text}");
    }

    #[test]
    fn the_linked_one_is_good() {
        check_sqlite(rusqlite::version_number()).unwrap();
    }
}
