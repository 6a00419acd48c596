//! `tls.certificate`: what a server shows of itself, also when nobody should trust it. Nothing is said over such a connection.

mod seen;
mod starttls;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::fail::{invalid, unavailable};
use super::trust::{self, Trust};
use super::{Cx, net};
use seen::Seen;

/// `tls.certificate`
pub async fn certificate(cx: Cx<'_>) -> Result<Value, Failure> {
    let host = cx.args.text("host")?;
    let port = net::port(Some(cx.args.int("port", 443, i64::MIN..=i64::MAX)?), 443)?;
    let name = cx.args.text_or_none("server_name")?.unwrap_or(host);
    let before = cx.args.text_or_none("starttls")?.map(starttls::Protocol::of).transpose()?;
    let server = trust::server_name(name)?;
    let roots = Trust::from(cx, cx.args).await?.authorities().await?;
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(10))?)?;
    let look = async {
        let mut stream: Box<dyn super::lines::Stream> = Box::new(net::connect(cx, host, port).await?);
        if let Some(protocol) = before {
            stream = starttls::begin(protocol, stream).await?;
        }
        shake(name, stream).await
    };
    let late = |_| net::late(format!("`{host}:{port}` did not show a certificate after {within:?}"));
    let (chain, protocol) = tokio::time::timeout(within, look).await.map_err(late)??;
    let problem = problem(&chain, &server, roots);
    describe(&chain, problem, &protocol)
}

/// The certificates that the server sends, its own first, and the version of the protocol.
async fn shake(
    name: &str,
    stream: Box<dyn super::lines::Stream>,
) -> Result<(Vec<CertificateDer<'static>>, String), Failure> {
    let seen = Arc::new(Seen::default());
    let config =
        ClientConfig::builder().dangerous().with_custom_certificate_verifier(seen.clone()).with_no_client_auth();
    // A server that wants a certificate of ours may hang up; by then it has shown its own.
    let shaken = trust::secure(Arc::new(config), name, stream).await;
    let protocol =
        shaken.as_ref().ok().and_then(|s| s.get_ref().1.protocol_version()).map(|v| format!("{v:?}").replace('_', "."));
    let chain = seen.take();
    match (chain.is_empty(), shaken) {
        (false, _) => Ok((chain, protocol.unwrap_or_default())),
        (true, Err(failure)) => Err(failure),
        (true, Ok(_)) => Err(unavailable(format!("`{name}` showed no certificate"))),
    }
}

/// Why a client would not take it.
fn problem(
    chain: &[CertificateDer<'static>],
    name: &ServerName<'static>,
    authorities: Vec<CertificateDer<'static>>,
) -> Option<String> {
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    let (own, between) = chain.split_first()?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return Some("this machine knows no certificate authority".to_owned());
    }
    let verifier = match WebPkiServerVerifier::builder(Arc::new(roots)).build() {
        Ok(verifier) => verifier,
        Err(e) => return Some(e.to_string()),
    };
    verifier.verify_server_cert(own, between, name, &[], UnixTime::now()).err().map(|e| e.to_string())
}

fn describe(chain: &[CertificateDer<'static>], problem: Option<String>, protocol: &str) -> Result<Value, Failure> {
    let own = chain.first().ok_or_else(|| unavailable("the server showed no certificate"))?;
    let (_, read) = X509Certificate::from_der(own)
        .map_err(|e| invalid(format!("the server shows a certificate that cannot be read: {e}")))?;
    let millis = |seconds: i64| seconds.saturating_mul(1000);
    let (begin, end) = (millis(read.validity().not_before.timestamp()), millis(read.validity().not_after.timestamp()));
    let left = end.saturating_sub(super::now()).div_euclid(86_400_000);
    let optional = |text: Option<String>| text.map_or(Value::None, Value::text);
    Ok(Value::record([
        ("subject", Value::text(read.subject().to_string())),
        ("issuer", Value::text(read.issuer().to_string())),
        ("names", Value::list(names(&read).into_iter().map(Value::text))),
        ("serial", Value::text(hex(&read.tbs_certificate.serial.to_bytes_be()))),
        ("not_before", Value::Time(begin)),
        ("not_after", Value::Time(end)),
        ("days_left", Value::Int(left)),
        ("fingerprint", Value::text(hex(<sha2::Sha256 as sha2::Digest>::digest(own).as_slice()))),
        ("valid", Value::Bool(problem.is_none())),
        ("problem", optional(problem)),
        ("chain", Value::Int(i64::try_from(chain.len()).unwrap_or(i64::MAX))),
        ("protocol", Value::text(protocol)),
    ]))
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from)).ok().map(|ip| ip.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Says what `protocol` says before TLS begins.
#[cfg_attr(not(feature = "ldap"), allow(dead_code, reason = "only directories begin so"))]
pub async fn start(
    protocol: &str,
    stream: Box<dyn super::lines::Stream>,
) -> Result<Box<dyn super::lines::Stream>, Failure> {
    starttls::begin(starttls::Protocol::of(protocol)?, stream).await
}
