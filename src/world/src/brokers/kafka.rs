//! Connections to Kafka.

use std::time::Duration;

use rrb_lang::vm::protocol::Failure;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use secrecy::ExposeSecret as _;

use super::{Access, chain, in_time, invalid, unauthorized, unavailable};

/// The longest answer of a broker, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Where a cluster is.
#[derive(Clone)]
pub struct Cluster {
    /// `host:port` of some of its brokers.
    pub brokers: Vec<String>,
    pub tls: bool,
    /// `plain`, `scram-sha-256` or `scram-sha-512`; used when there is a user.
    pub sasl: String,
}

impl Cluster {
    /// For messages.
    pub fn shown(&self) -> String {
        format!("`{}`", self.brokers.join(","))
    }

    /// A client. What fails is tried again for `patience`; with none it is tried once.
    pub async fn connect(&self, access: &Access, patience: Duration) -> Result<Client, Failure> {
        if self.brokers.is_empty() {
            return Err(invalid("`brokers` names no broker: give one at least, as `host:9092`"));
        }
        for broker in &self.brokers {
            let (host, port) = parts(broker)?;
            // The client resolves the names once more, and those of the brokers that these name; what may not be reached is refused here.
            access.resolve(host, port).await?;
        }
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id("rrb")
            .max_message_size(MAX_ANSWER)
            .backoff_config(BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
                deadline: Some(patience),
            });
        if self.tls {
            builder = builder.tls_config(access.tls().await?);
        }
        if let Some(sasl) = self.login(access)? {
            builder = builder.sasl_config(sasl);
        }
        let shown = self.shown();
        in_time(&shown, async { builder.build().await.map_err(|e| refused(&shown, &e)) }).await
    }

    fn login(&self, access: &Access) -> Result<Option<SaslConfig>, Failure> {
        let Some(user) = &access.user else { return Ok(None) };
        let password = access.password.as_ref().map(|p| p.expose_secret().to_owned()).unwrap_or_default();
        let credentials = Credentials::new(user.clone(), password);
        match self.sasl.as_str() {
            "plain" => Ok(Some(SaslConfig::Plain(credentials))),
            "scram-sha-256" => Ok(Some(SaslConfig::ScramSha256(credentials))),
            "scram-sha-512" => Ok(Some(SaslConfig::ScramSha512(credentials))),
            other => Err(invalid(format!("`sasl` is `plain`, `scram-sha-256` or `scram-sha-512`, not `{other}`"))),
        }
    }
}

fn parts(broker: &str) -> Result<(&str, u16), Failure> {
    let wrong = || invalid(format!("a broker is written `host:9092`, not `{}`", broker.escape_debug()));
    let (host, port) = broker.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || host.contains(['/', '@']) {
        return Err(wrong());
    }
    Ok((host, port.parse().map_err(|_| wrong())?))
}

fn refused(shown: &str, error: &Error) -> Failure {
    let said = chain(error);
    if said.contains("Sasl") || said.contains("SASL") {
        return unauthorized(format!("{shown} does not accept these credentials"));
    }
    unavailable(format!("no connection to {shown}: {said}"))
}

/// What the broker answered, where it is that: also as the last of several tries.
pub fn answer(error: &Error) -> Option<ProtocolError> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(Error::ServerError { protocol_error, .. }) = cause.downcast_ref() {
            return Some(*protocol_error);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        assert_eq!(parts("a.example:9092").unwrap(), ("a.example", 9092));
        assert_eq!(parts("[::1]:9092").unwrap(), ("[::1]", 9092));
        for wrong in ["", "a", ":9092", "a:", "a:x", "a:70000", "kafka://a:9092", "u:p@a:9092"] {
            assert!(parts(wrong).unwrap_err().message.contains("written `host:9092`"), "{wrong}");
        }
    }
}
