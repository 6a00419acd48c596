//! Connections to brokers that speak MQTT 5.

use std::time::Duration;

use rrb_lang::vm::protocol::Failure;
use rumqttc::mqttbytes::v5::ConnectReturnCode;
use rumqttc::{Broker, BrokerSessionResumePolicy, ConnectionError, MqttOptions, TlsConfiguration, Transport};
use secrecy::ExposeSecret as _;

use super::address::Scheme;
use super::{Access, Address, CONNECT, chain, unauthorized, unavailable};

const SCHEMES: &[Scheme] = &[("mqtt", false, 1883), ("mqtts", true, 8883)];

/// The longest packet that is taken, in bytes. A broker does not send a longer one at all.
const MAX_PACKET: u32 = 4 << 20;

/// Where a broker is.
pub fn address(url: &str) -> Result<Address, Failure> {
    Address::parse(url, SCHEMES)?.without_path()
}

/// How to connect as `client_id`. No session is kept unless the options are changed.
pub async fn options(address: &Address, access: &Access, client_id: &str) -> Result<MqttOptions, Failure> {
    // Asked once more when the connection is made; what may not be reached is refused before it begins.
    access.resolve(&address.host, address.port).await?;
    let mut options = MqttOptions::new(client_id, Broker::tcp(address.name(), address.port));
    options.set_keep_alive(30);
    options.set_connect_timeout(CONNECT);
    options.set_max_packet_size(Some(MAX_PACKET));
    options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    match (&access.user, &access.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user.clone(), password.expose_secret().to_owned());
        }
        (Some(user), None) => {
            options.set_username(user.clone());
        }
        (None, Some(password)) => {
            options.set_password(password.expose_secret().to_owned());
        }
        (None, None) => {}
    }
    if address.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(access.tls().await?)));
    }
    let (to, access) = (address.clone(), access.clone());
    options.set_socket_connector(move |_, _| {
        let (to, access) = (to.clone(), access.clone());
        async move { access.connect(&to).await.map_err(|f| std::io::Error::other(f.message.to_string())) }
    });
    Ok(options)
}

/// Why there is no connection, or none any more.
pub fn refused(address: &Address, error: &ConnectionError) -> Failure {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => unauthorized(format!("{address} does not accept these credentials")),
        ConnectionError::ConnectionRefused(code) => unavailable(format!("{address} refuses: {code:?}")),
        ConnectionError::Timeout(_) => unavailable(format!("no connection to {address} within {CONNECT:?}")),
        other => unavailable(format!("the connection to {address} is lost, or none: {}", chain(other))),
    }
}

/// How long a session is kept for a reader that is away.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
