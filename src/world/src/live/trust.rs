//! TLS towards servers that do not speak HTTP: whom it trusts, and who it is.

use std::sync::{Arc, OnceLock};

use rrb_lang::vm::protocol::Failure;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::args::Args;
use super::fail::{forbidden, invalid, unavailable};
use super::{Cx, blocking};

/// The largest file of certificates, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// What a connection trusts beside the system's authorities, and the identity it shows.
#[derive(Debug, Default)]
pub struct Trust {
    ca_file: Option<String>,
    client_cert: Option<String>,
    client_key: Option<SecretString>,
}

impl Trust {
    /// From the fields `ca_file`, `client_cert` and `client_key`.
    pub async fn from(cx: Cx<'_>, args: Args<'_>) -> Result<Self, Failure> {
        let client_key = match args.secret("client_key")? {
            Some(key) => Some(cx.secret(key).await?),
            None => None,
        };
        let text = |name| args.text_or_none(name).map(|t| t.map(str::to_owned));
        let trust = Self { ca_file: text("ca_file")?, client_cert: text("client_cert")?, client_key };
        if trust.client_cert.is_some() != trust.client_key.is_some() {
            return Err(invalid("`client_cert` and `client_key` are given together or not at all"));
        }
        Ok(trust)
    }

    /// The certificates of the authorities.
    pub async fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let ca_file = self.ca_file.clone();
        blocking(move || {
            let mut all = system().to_vec();
            if let Some(path) = ca_file {
                all.extend(certificates(&path)?);
            }
            Ok(all)
        })
        .await
    }

    /// Our certificate with those it was signed by, and its key.
    pub async fn identity(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Failure> {
        let (Some(path), Some(key)) = (self.client_cert.clone(), &self.client_key) else { return Ok(None) };
        let chain = blocking(move || certificates(&path)).await?;
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
            .map_err(|_| invalid("`client_key` is no private key in PEM form"))?;
        Ok(Some((chain, key)))
    }

    /// A configuration that verifies servers.
    pub async fn config(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(self.authorities().await?);
        if added == 0 {
            return Err(invalid(
                "this machine knows no certificate authority: install `ca-certificates`, or give `ca_file`",
            ));
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        match self.identity().await? {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| invalid(format!("`client_cert` and `client_key` do not go together: {e}"))),
        }
    }
}

/// The authorities of the system, read once.
fn system() -> &'static [CertificateDer<'static>] {
    static SYSTEM: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    SYSTEM.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

/// The certificates in a PEM file.
fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let unreadable =
        |e: std::io::Error| forbidden(format!("the certificates in `{path}` cannot be read: {}", e.kind()));
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(invalid(format!("`{path}` is no file of certificates: it must be a PEM file of at most 1 MiB")));
    }
    let pem = std::fs::read(path).map_err(unreadable)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(invalid(format!("`{path}` holds no certificate in PEM form"))),
    }
}

/// The name a certificate must be for.
pub fn server_name(name: &str) -> Result<ServerName<'static>, Failure> {
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| invalid(format!("`{}` is no name that a certificate can be for", name.escape_debug())))
}

/// Makes TLS of a connection. Nothing was asked of the server yet when it fails.
pub async fn secure<S>(config: Arc<ClientConfig>, name: &str, stream: S) -> Result<TlsStream<S>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let server = server_name(name)?;
    TlsConnector::from(config).connect(server, stream).await.map_err(|e| refused(name, &e))
}

/// Why TLS was not made.
pub fn refused(name: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut next = Some(error);
    while let Some(cause) = next {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .and_then(|e| e.get_ref())
            .map(|e| e as &(dyn std::error::Error + 'static));
        if let Some(tls) = cause.downcast_ref::<rustls::Error>().or_else(|| io?.downcast_ref()) {
            let message = format!("no TLS with `{name}`: {tls}");
            return unavailable(message);
        }
        next = io.or_else(|| cause.source());
    }
    unavailable(format!("no TLS with `{name}`: {error}"))
}
