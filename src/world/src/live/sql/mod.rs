//! `sql.*`: statements with parameters for PostgreSQL, MySQL and SQLite. Says of every failure whether the database can have acted.

#[cfg(feature = "sql")]
mod mysql;
#[cfg(feature = "sql")]
mod postgres;
#[cfg(feature = "sql")]
mod postgres_types;
#[cfg(feature = "sql")]
mod rows;
#[cfg(feature = "sql")]
mod server;
#[cfg(feature = "sql")]
mod sqlite;
#[cfg(feature = "sql")]
mod statement;
#[cfg(test)]
#[cfg(feature = "sql")]
mod tests;
#[cfg(feature = "sql")]
mod work;

#[cfg(feature = "sql")]
pub use work::{execute, query, transaction};

#[cfg(not(feature = "sql"))]
mod absent {
    use rrb_lang::value::Value;
    use rrb_lang::vm::protocol::Failure;

    use crate::live::Cx;
    use crate::live::fail::left_out;

    pub async fn query(cx: Cx<'_>) -> Result<Value, Failure> {
        Err(left_out(&cx.call.native, "sql"))
    }

    pub async fn execute(cx: Cx<'_>) -> Result<Value, Failure> {
        Err(left_out(&cx.call.native, "sql"))
    }

    pub async fn transaction(cx: Cx<'_>) -> Result<Value, Failure> {
        Err(left_out(&cx.call.native, "sql"))
    }
}

#[cfg(not(feature = "sql"))]
pub use absent::{execute, query, transaction};
