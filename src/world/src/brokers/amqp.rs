//! Connections to brokers that speak AMQP 0-9-1.

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use rrb_lang::vm::protocol::Failure;
use secrecy::ExposeSecret as _;

use super::address::Scheme;
use super::{Access, Address, chain, in_time, invalid, unauthorized, unavailable};

const SCHEMES: &[Scheme] = &[("amqp", false, 5672), ("amqps", true, 5671)];

/// Where a broker is; the path is the virtual host.
pub fn address(url: &str) -> Result<Address, Failure> {
    let address = Address::parse(url, SCHEMES)?;
    vhost(&address)?;
    Ok(address)
}

/// `/` when the address has no path: the virtual host that every broker has.
fn vhost(address: &Address) -> Result<String, Failure> {
    let Some(path) = address.path.as_deref().filter(|p| !p.is_empty()) else { return Ok("/".to_owned()) };
    if path.contains('/') {
        return Err(invalid("the address ends with the virtual host: write each `/` in its name as `%2f`"));
    }
    let pairs = format!("v={}", path.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, v)| v.into_owned());
    Ok(decoded.unwrap_or_default())
}

/// Connects once. A connection that breaks is not made again: whoever uses it says so and begins anew.
pub async fn connect(address: &Address, access: &Access) -> Result<Connection, Failure> {
    // The client resolves the name once more; what it may not reach is refused before it begins.
    access.resolve(&address.host, address.port).await?;
    let password = access.password.as_ref().map_or("guest", |p| p.expose_secret());
    let userinfo = AMQPUserInfo {
        username: access.user.clone().unwrap_or_else(|| "guest".to_owned()),
        password: password.to_owned(),
    };
    let uri = AMQPUri {
        scheme: if address.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority { userinfo, host: address.name().to_owned(), port: address.port },
        vhost: vhost(address)?,
        query: Default::default(),
    };
    let identity = match (access.certificate().await?, &access.client_key) {
        (None, None) => None,
        (Some(pem), Some(key)) => {
            Some(OwnedIdentity::PKCS8 { pem: pem.into_bytes(), key: key.expose_secret().as_bytes().to_vec() })
        }
        _ => return Err(invalid("`client_cert` and `client_key` belong together: give both or neither")),
    };
    let tls = OwnedTLSConfig { identity, cert_chain: access.authorities().await? };
    crate::init();
    let name = concat!("rrb/", env!("CARGO_PKG_VERSION"));
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime().map_err(|e| unavailable(chain(&e)))?;
    let connecting = Connection::connect_uri_with_config(uri, properties, tls, runtime);
    in_time(&address.to_string(), async { connecting.await.map_err(|e| refused(address, &e)) }).await
}

fn refused(address: &Address, error: &lapin::Error) -> Failure {
    match error.kind() {
        ErrorKind::ProtocolError(e) if e.get_id() == 403 => {
            unauthorized(format!("{address} does not accept these credentials"))
        }
        ErrorKind::ProtocolError(e) => unavailable(format!("{address} refuses: {}", e.get_message())),
        _ => unavailable(format!("no connection to {address}: {}", chain(error))),
    }
}
