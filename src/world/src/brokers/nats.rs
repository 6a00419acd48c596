//! Connections to NATS.

use async_nats::{Client, ConnectErrorKind, ConnectOptions};
use rrb_lang::vm::protocol::Failure;
use secrecy::ExposeSecret as _;

use super::address::Scheme;
use super::{Access, Address, CONNECT, chain, in_time, invalid, unauthorized, unavailable};

const SCHEMES: &[Scheme] = &[("nats", false, 4222), ("tls", true, 4222)];

/// Where a NATS server is.
pub fn address(url: &str) -> Result<Address, Failure> {
    Address::parse(url, SCHEMES)?.without_path()
}

/// Connects once. A connection that breaks is not made again: whoever uses it says so and begins anew.
pub async fn connect(address: &Address, access: &Access) -> Result<Client, Failure> {
    let options = options(address, access).await?;
    // The client resolves the name once more; what it may not reach is refused before it begins.
    access.resolve(&address.host, address.port).await?;
    let url = format!("{}://{}:{}", address.scheme, address.host, address.port);
    in_time(&address.to_string(), async { options.connect(url).await.map_err(|e| refused(address, &e)) }).await
}

async fn options(address: &Address, access: &Access) -> Result<ConnectOptions, Failure> {
    let mut options = match (&access.user, &access.password, &access.token, &access.credentials) {
        (None, None, None, None) => ConnectOptions::new(),
        (Some(user), password, None, None) => {
            let password = password.as_ref().map(|p| p.expose_secret().to_owned()).unwrap_or_default();
            ConnectOptions::with_user_and_password(user.clone(), password)
        }
        (None, None, Some(token), None) => ConnectOptions::with_token(token.expose_secret().to_owned()),
        (None, None, None, Some(credentials)) => with_credentials(credentials.expose_secret())?,
        _ => return Err(invalid("NATS takes `user` with `password`, `token` or `credentials`, one of the three")),
    };
    // A server may ask for TLS although the address does not: then, too, the certificates are those that are given.
    if address.tls || access.ca_file.is_some() || access.client_cert.is_some() {
        let config = access.tls().await?;
        options = options.tls_client_config(config.as_ref().clone());
    }
    Ok(options
        .require_tls(address.tls)
        .name(concat!("rrb/", env!("CARGO_PKG_VERSION")))
        .connection_timeout(CONNECT)
        .max_reconnects(1)
        .ignore_discovered_servers())
}

fn with_credentials(credentials: &str) -> Result<ConnectOptions, Failure> {
    let plain = credentials.trim();
    if plain.starts_with("SU") && !plain.contains(char::is_whitespace) {
        return Ok(ConnectOptions::with_nkey(plain.to_owned()));
    }
    ConnectOptions::with_credentials(credentials)
        .map_err(|_| invalid("`credentials` is neither the content of a `.creds` file nor the seed of a user's nkey"))
}

fn refused(address: &Address, error: &async_nats::ConnectError) -> Failure {
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            unauthorized(format!("{address} does not accept these credentials"))
        }
        _ => unavailable(format!("no connection to {address}: {}", chain(error))),
    }
}
