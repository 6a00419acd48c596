//! Against TLS servers of our own that ask for a certificate, and against sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rrb_engine::world::World;
use rrb_lang::value::Secret;
use rrb_lang::vm::protocol::{EffectOutcome, FailureKind};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::super::testing::{Call, done, failed};
use super::super::{LiveConfig, LiveWorld};
use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

fn openssl(dir: &Path, line: &str) {
    let made = Command::new("openssl").args(line.split(' ')).current_dir(dir).output().expect("`openssl` is installed");
    assert!(made.status.success(), "{made:?}");
}

/// An authority `ca.pem`, with certificates for a server (`localhost`) and a client; another client of nobody's.
pub fn certificates() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    openssl(
        at,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
    );
    openssl(
        at,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stranger -keyout other.key -out other.pem",
    );
    std::fs::write(at.join("server.ext"), "subjectAltName=DNS:localhost").unwrap();
    std::fs::write(at.join("client.ext"), "extendedKeyUsage=clientAuth").unwrap();
    for name in ["server", "client"] {
        openssl(
            at,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ),
        );
        openssl(
            at,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.pem"
            ),
        );
    }
    dir
}

pub fn read(dir: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(dir.path().join(name)).unwrap()
}

/// A server that wants a certificate of `ca.pem`.
pub async fn server(dir: &tempfile::TempDir, version: &'static rustls::SupportedProtocolVersion) -> SocketAddr {
    crate::init();
    let certificate = CertificateDer::from_pem_slice(read(dir, "server.pem").as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(read(dir, "server.key").as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(read(dir, "ca.pem").as_bytes()).unwrap()).unwrap();
    let clients = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let config = rustls::ServerConfig::builder_with_protocol_versions(&[version])
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (acceptor, listener) =
        (tokio_rustls::TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(ANSWER).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

fn secret(dir: &tempfile::TempDir, name: &str) -> Value {
    Value::Secret(Arc::new(Secret::Ref(format!("file:{}/{name}", dir.path().display()).into())))
}

fn post(address: SocketAddr, dir: &tempfile::TempDir) -> Call {
    let url = format!("https://localhost:{}/", address.port());
    Call::new("http.post").arg("url", Value::Url(url.into())).text("ca", read(dir, "ca.pem"))
}

fn expects(kind: FailureKind, happened: Happened, outcome: EffectOutcome) -> String {
    let failure = failed(outcome);
    assert_eq!((failure.kind, failure.happened), (kind, happened), "{}", failure.message);
    failure.message
}

#[tokio::test]
async fn a_certificate_is_shown_where_it_is_asked_for() {
    let dir = certificates();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let address = server(&dir, version).await;
        let call = post(address, &dir)
            .text("client_cert", read(&dir, "client.pem"))
            .arg("client_key", secret(&dir, "client.key"));
        assert_eq!(done(call.perform().await).field("text"), Some(&Value::text("ok")));
        // As a kubeconfig holds them.
        std::fs::write(dir.path().join("packed"), STANDARD.encode(read(&dir, "client.key"))).unwrap();
        let call = Call::new("http.get")
            .arg("url", Value::Url(format!("https://localhost:{}/", address.port()).into()))
            .text("ca", STANDARD.encode(read(&dir, "ca.pem")))
            .text("client_cert", STANDARD.encode(read(&dir, "client.pem")))
            .arg("client_key", secret(&dir, "packed"));
        done(call.perform().await);
    }
}

#[tokio::test]
async fn without_the_right_certificate_nothing_happens() {
    let dir = certificates();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let address = server(&dir, version).await;
        let none = post(address, &dir).perform().await;
        let other = post(address, &dir)
            .text("client_cert", read(&dir, "other.pem"))
            .arg("client_key", secret(&dir, "other.key"));
        for outcome in [none, other.perform().await] {
            let failure = failed(outcome);
            assert_eq!(failure.happened, Happened::No, "{failure:?}");
            assert!(matches!(failure.kind, FailureKind::Unauthorized | FailureKind::Unavailable), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_before_a_connection() {
    let dir = certificates();
    std::fs::write(dir.path().join("no.key"), "canary-key").unwrap();
    let address = server(&dir, &rustls::version::TLS13).await;
    let (cert, key) = (read(&dir, "client.pem"), secret(&dir, "client.key"));
    for (call, part) in [
        (post(address, &dir).text("client_cert", &cert), "go together"),
        (post(address, &dir).arg("client_key", key.clone()), "go together"),
        (post(address, &dir).text("client_cert", "nothing").arg("client_key", key.clone()), "no text in PEM form"),
        (post(address, &dir).text("client_cert", "bm90aGluZw==").arg("client_key", key.clone()), "no text in PEM form"),
        (post(address, &dir).text("client_cert", read(&dir, "ca.key")).arg("client_key", key), "no certificate"),
        (post(address, &dir).text("client_cert", &cert).arg("client_key", secret(&dir, "no.key")), "no private key"),
        (
            post(address, &dir).text("client_cert", &cert).arg("client_key", secret(&dir, "client.pem")),
            "no private key",
        ),
        (
            post(address, &dir).text("client_cert", &cert).arg("client_key", secret(&dir, "other.key")),
            "do not go together",
        ),
        (Call::new("http.get").arg("url", Value::Url("https://localhost/".into())).text("ca", "x"), "`ca` is no text"),
    ] {
        let message = expects(FailureKind::Invalid, Happened::No, call.perform().await);
        assert!(message.contains(part) && !message.contains("canary"), "{part}: {message}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_from_then_on() {
    let dir = certificates();
    let address = server(&dir, &rustls::version::TLS13).await;
    std::fs::copy(dir.path().join("other.key"), dir.path().join("now.key")).unwrap();
    let world = LiveWorld::new(LiveConfig::default());
    let call = |cert: &str| {
        let call = post(address, &dir).text("client_cert", read(&dir, cert)).arg("client_key", secret(&dir, "now.key"));
        call.into_call()
    };
    failed(world.perform(&call("other.pem")).await);
    std::fs::copy(dir.path().join("client.key"), dir.path().join("now.key")).unwrap();
    done(world.perform(&call("client.pem")).await);
}

#[tokio::test]
async fn a_request_goes_to_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let n = stream.read(&mut buffer).await.unwrap();
        stream.write_all(ANSWER).await.unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    });
    let call = |path: &str| {
        Call::new("http.post").arg("url", Value::Url("http://docker/v1.45/x?y=1".into())).text("unix_socket", path)
    };
    let text = path.to_str().unwrap();
    assert_eq!(done(call(text).perform().await).field("text"), Some(&Value::text("ok")));
    let seen = served.await.unwrap();
    assert!(seen.starts_with("POST /v1.45/x?y=1 HTTP/1.1\r\n") && seen.contains("host: docker\r\n"), "{seen}");

    expects(FailureKind::Unavailable, Happened::No, call(text).perform().await);
    expects(FailureKind::Unavailable, Happened::No, call("/no/such.sock").perform().await);
    for odd in ["relative.sock", "", "/a\0b", &format!("/{}", "a".repeat(107))] {
        expects(FailureKind::Invalid, Happened::No, call(odd).perform().await);
    }
    let record = Value::record([("token_url", Value::Url("http://h/".into()))]);
    let message = expects(FailureKind::Invalid, Happened::No, call(text).arg("oauth2", record).perform().await);
    assert!(message.contains("does not go with `oauth2`"), "{message}");
}
