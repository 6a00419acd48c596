//! What an error of SQLite means for the store.

use rusqlite::ErrorCode;

use rrb_engine::store::StoreError;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One commit asks for something that cannot be; the others are not concerned.
    Caller(String),
    /// The disk is full, or another process holds the database. Nothing was written.
    Full(String),
    /// Nobody knows any more what is on disk, or it is known to be wrong: stop.
    Fatal(String),
    /// What was read does not decode.
    Unreadable(String),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Caller(why) | Fault::Fatal(why) => StoreError::Failed(why),
            Fault::Full(why) => StoreError::Full(why),
            Fault::Unreadable(why) => StoreError::Corrupt(why),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let why = error.to_string();
        match &error {
            E::SqliteFailure(e, _) => by_code(e.code, why),
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Fault::Unreadable(why),
            _ => Fault::Caller(why),
        }
    }
}

fn by_code(code: ErrorCode, why: String) -> Fault {
    use ErrorCode as C;
    match code {
        C::DiskFull => Fault::Full(format!("the disk is full ({why})")),
        C::DatabaseBusy | C::DatabaseLocked => Fault::Full(format!("another process holds the database ({why})")),
        C::ConstraintViolation
        | C::TooBig
        | C::TypeMismatch
        | C::ApiMisuse
        | C::ParameterOutOfRange
        | C::Unknown
        | C::SchemaChanged
        | C::AuthorizationForStatementDenied => Fault::Caller(why),
        _ => Fault::Fatal(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> Fault {
        Fault::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
    }

    #[test]
    fn io_errors_and_damage_are_the_end() {
        for code in [
            rusqlite::ffi::SQLITE_IOERR,
            rusqlite::ffi::SQLITE_IOERR_FSYNC,
            rusqlite::ffi::SQLITE_CORRUPT,
            rusqlite::ffi::SQLITE_NOTADB,
            rusqlite::ffi::SQLITE_READONLY,
            rusqlite::ffi::SQLITE_NOMEM,
            rusqlite::ffi::SQLITE_CANTOPEN,
        ] {
            assert!(matches!(of(code), Fault::Fatal(_)), "{code}");
        }
    }

    #[test]
    fn a_full_disk_and_a_busy_database_can_be_tried_again() {
        for code in [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_BUSY, rusqlite::ffi::SQLITE_LOCKED] {
            assert!(matches!(of(code), Fault::Full(_)), "{code}");
        }
    }

    #[test]
    fn a_broken_rule_concerns_one_caller() {
        for code in [rusqlite::ffi::SQLITE_CONSTRAINT, rusqlite::ffi::SQLITE_TOOBIG] {
            assert!(matches!(of(code), Fault::Caller(_)), "{code}");
        }
    }
}
