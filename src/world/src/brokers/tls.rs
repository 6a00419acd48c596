//! What TLS to a broker trusts and shows.

use std::sync::Arc;

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Access, Address, chain, invalid, unavailable};

/// The largest file of certificates, in bytes.
const MAX_PEM: u64 = 1 << 20;

impl Access {
    /// The certificates of the system and of `ca_file`, and the one that rrb shows.
    pub async fn tls(&self) -> Result<Arc<ClientConfig>, Failure> {
        let access = self.clone();
        let made = tokio::task::spawn_blocking(move || access.config()).await;
        made.map_err(|_| unavailable("the certificates were not read; this is a defect of rrb"))?
    }

    /// The content of `ca_file`, as it is.
    pub async fn authorities(&self) -> Result<Option<String>, Failure> {
        text_of(self.ca_file.clone()).await
    }

    /// The content of `client_cert`, as it is.
    pub async fn certificate(&self) -> Result<Option<String>, Failure> {
        text_of(self.client_cert.clone()).await
    }

    /// TLS over a connection.
    pub async fn secured(&self, address: &Address, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(address.name().to_owned());
        let name = name.map_err(|_| invalid(format!("{address} has no name that a certificate could bear")))?;
        let connected = TlsConnector::from(self.tls().await?).connect(name, stream).await;
        connected.map_err(|e| unavailable(format!("no TLS with {address}: {}", chain(&e))))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        crate::init();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &self.ca_file {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| invalid(format!("`{path}` holds what is no authority: {e}")))?;
            }
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = match (&self.client_cert, &self.client_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(path), Some(key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
                    .map_err(|_| invalid("`client_key` is no private key in PEM form"))?;
                builder
                    .with_client_auth_cert(certificates(path)?, key)
                    .map_err(|e| invalid(format!("the certificate in `{path}` and `client_key` do not fit: {e}")))?
            }
            _ => return Err(invalid("`client_cert` and `client_key` belong together: give both or neither")),
        };
        Ok(Arc::new(config))
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|_| invalid(format!("`{path}` is no PEM file")))?;
    if found.is_empty() {
        return Err(invalid(format!("`{path}` holds no certificate in PEM form")));
    }
    Ok(found)
}

async fn text_of(path: Option<String>) -> Result<Option<String>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = move || {
        certificates(&path)?;
        String::from_utf8(read(&path)?).map(Some).map_err(|_| invalid(format!("`{path}` is no PEM file")))
    };
    let read = tokio::task::spawn_blocking(text).await;
    read.map_err(|_| unavailable("the certificates were not read; this is a defect of rrb"))?
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| {
        let message = format!("the certificates in `{path}` cannot be read: {}", e.kind());
        Failure::new(FailureKind::Forbidden, message).happened(Happened::No)
    };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() || meta.len() > MAX_PEM {
        return Err(invalid(format!("`{path}` is no file of certificates: it must be a PEM file of at most 1 MiB")));
    }
    std::fs::read(path).map_err(unreadable)
}
