//! Connections to Redis, and to whatever speaks its protocol (Valkey, KeyDB, Dragonfly).

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, ServerErrorKind};
use rrb_lang::vm::protocol::Failure;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

use super::address::Scheme;
use super::{Access, Address, chain, in_time, invalid, unauthorized, unavailable};

const SCHEMES: &[Scheme] = &[("redis", false, 6379), ("rediss", true, 6379)];

/// A connection, with the task that drives it.
pub struct Connection {
    pub commands: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Where a server is; the path is the number of the database.
pub fn address(url: &str) -> Result<Address, Failure> {
    let address = Address::parse(url, SCHEMES)?;
    database(&address)?;
    Ok(address)
}

fn database(address: &Address) -> Result<i64, Failure> {
    match address.path.as_deref() {
        None | Some("") => Ok(0),
        Some(path) => path
            .parse()
            .ok()
            .filter(|n| (0..=100_000).contains(n))
            .ok_or_else(|| invalid(format!("the address ends with the number of the database, not with `/{path}`"))),
    }
}

/// Connects and logs in. An answer may take `patience`; a connection that breaks is not made again.
pub async fn connect(address: &Address, access: &Access, patience: Duration) -> Result<Connection, Failure> {
    let mut info =
        RedisConnectionInfo::default().set_db(database(address)?).set_lib_name("rrb", env!("CARGO_PKG_VERSION"));
    if access.user.is_some() && access.password.is_none() {
        return Err(invalid("`user` has no `password`: the server would take rrb for its default user"));
    }
    if let Some(user) = &access.user {
        info = info.set_username(user);
    }
    if let Some(password) = &access.password {
        info = info.set_password(password.expose_secret());
    }
    in_time(&address.to_string(), async {
        let stream = access.connect(address).await?;
        if address.tls {
            let stream = access.secured(address, stream).await?;
            begin(address, &info, stream, patience).await
        } else {
            begin(address, &info, stream, patience).await
        }
    })
    .await
}

async fn begin<S>(
    address: &Address,
    info: &RedisConnectionInfo,
    stream: S,
    patience: Duration,
) -> Result<Connection, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(patience));
    let made = MultiplexedConnection::new_with_config(info, stream, config).await;
    let (commands, driver) = made.map_err(|e| refused(address, &e))?;
    Ok(Connection { commands, driver: tokio::spawn(driver) })
}

fn refused(address: &Address, error: &RedisError) -> Failure {
    match (error.code(), error.kind()) {
        (Some("WRONGPASS" | "NOAUTH"), _) | (_, ErrorKind::AuthenticationFailed) => {
            unauthorized(format!("{address} does not accept these credentials"))
        }
        (_, ErrorKind::Server(ServerErrorKind::NoPerm)) => {
            unauthorized(format!("{address} does not let this user in: {}", chain(error)))
        }
        _ => unavailable(format!("no connection to {address}: {}", chain(error))),
    }
}
