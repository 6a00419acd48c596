//! Against a real TLS server (openssl).

use std::path::Path;
use std::process::Command;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::peers::{self, Peer};
use super::super::testing::{Call, assert_shape, done, failed};

/// Makes the certificate one of long ago.
fn expire(folder: &Path) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n";
    std::fs::write(folder.join("ca.cnf"), config).unwrap();
    std::fs::write(folder.join("index.txt"), "").unwrap();
    let dates = ["-startdate", "20240101000000Z", "-enddate", "20240301000000Z"];
    let files =
        ["-cert", "ca.pem", "-keyfile", "ca.key", "-in", "cert.csr", "-out", "cert.pem", "-extfile", "ext", "-notext"];
    peers::must(
        Command::new("openssl").current_dir(folder).args(["ca", "-batch", "-config", "ca.cnf"]).args(dates).args(files),
    );
}

fn start(expired: bool, more: &[&str]) -> Peer {
    let folder = tempfile::tempdir().unwrap();
    peers::certificates(folder.path(), "20");
    if expired {
        expire(folder.path());
    }
    let port = peers::free_port();
    let mut command = Command::new("openssl");
    command.current_dir(folder.path()).args([
        "s_server",
        "-quiet",
        "-accept",
        &port.to_string(),
        "-cert",
        "cert.pem",
        "-key",
        "key.pem",
    ]);
    peers::start(command.args(["-cert_chain", "ca.pem"]).args(more), port, folder)
}

fn look(port: u16, ca: Option<&Path>) -> Call {
    let call = Call::new("tls.certificate").text("host", "localhost").arg("port", Value::Int(port.into()));
    match ca {
        Some(folder) => call.text("ca_file", folder.join("ca.pem").to_string_lossy()),
        None => call,
    }
}

#[tokio::test]
async fn a_good_certificate_is_told_from_others() {
    let peer = start(false, &[]);
    let good = done(look(peer.port, Some(peer.folder.path())).perform().await);
    assert_shape(&good, "tls", "Certificate");
    for (field, value) in [
        ("subject", Value::text("CN=localhost")),
        ("issuer", Value::text("O=rrb tests, CN=rrb test authority")),
        ("names", Value::list([Value::text("localhost"), Value::text("127.0.0.1")])),
        ("valid", Value::Bool(true)),
        ("problem", Value::None),
        ("days_left", Value::Int(19)),
        ("chain", Value::Int(2)),
        ("protocol", Value::text("TLSv1.3")),
    ] {
        assert_eq!(good.field(field), Some(&value), "{field}");
    }
    let print = Command::new("openssl")
        .current_dir(peer.folder.path())
        .args(["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"])
        .output()
        .unwrap();
    let print =
        String::from_utf8(print.stdout).unwrap().trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(good.field("fingerprint"), Some(&Value::text(print)));

    let unknown = done(look(peer.port, None).perform().await);
    assert_eq!(unknown.field("valid"), Some(&Value::Bool(false)));
    assert!(unknown.field("problem").unwrap().as_text().unwrap().contains("UnknownIssuer"), "{unknown:?}");
    let other = done(look(peer.port, Some(peer.folder.path())).text("server_name", "example.com").perform().await);
    assert!(other.field("problem").unwrap().as_text().unwrap().contains("not valid for name"), "{other:?}");
}

#[tokio::test]
async fn one_that_has_ended_is_described_all_the_same() {
    let peer = start(true, &["-tls1_2"]);
    let old = done(look(peer.port, Some(peer.folder.path())).perform().await);
    assert_eq!((old.field("valid"), old.field("protocol")), (Some(&Value::Bool(false)), Some(&Value::text("TLSv1.2"))));
    assert!(old.field("problem").unwrap().as_text().unwrap().contains("expired"), "{old:?}");
    let Some(Value::Int(left)) = old.field("days_left") else { panic!() };
    assert!(*left < -900, "{left}");
}

#[tokio::test]
async fn what_is_no_tls_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 plain\r\nnothing else\r\n").await;
            let mut heard = [0; 1024];
            let _ = stream.read(&mut heard).await;
        }
    });
    for protocol in [None, Some("smtp"), Some("imap"), Some("pop3"), Some("ftp"), Some("ldap"), Some("postgres")] {
        let call = look(port, None).arg("timeout", Value::Duration(1000));
        let call =
            protocol.map_or(look(port, None).arg("timeout", Value::Duration(1000)), |p| call.text("starttls", p));
        let failure = failed(call.perform().await);
        assert_eq!(
            (failure.kind, failure.happened),
            (FailureKind::Unavailable, Happened::No),
            "{protocol:?}: {}",
            failure.message
        );
    }
    for (host, port, starttls, kind) in [
        ("127.0.0.1", 1, None, FailureKind::Unavailable),
        ("169.254.169.254", 443, None, FailureKind::Forbidden),
        ("localhost", 0, None, FailureKind::Invalid),
        ("a b", 443, None, FailureKind::Invalid),
        ("localhost", 443, Some("gopher"), FailureKind::Invalid),
    ] {
        let call = Call::new("tls.certificate").text("host", host).arg("port", Value::Int(port));
        let call = match starttls {
            Some(p) => call.text("starttls", p),
            None => call,
        };
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{host}: {}", failure.message);
    }
}

#[tokio::test]
async fn protocols_change_to_tls_as_they_should() {
    // Each says its part, then hands over to a server of TLS.
    let peer = start(false, &[]);
    for (protocol, script) in [
        (
            "smtp",
            &[("", "220-hi\r\n220 there\r\n"), ("EHLO", "250-x\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go\r\n")][..],
        ),
        ("imap", &[("", "* OK ready\r\n"), ("a STARTTLS", "* CAPABILITY x\r\na OK go\r\n")][..]),
        ("pop3", &[("", "+OK ready\r\n"), ("STLS", "+OK go\r\n")][..]),
        ("ftp", &[("", "220 ready\r\n"), ("AUTH TLS", "234 go\r\n")][..]),
        ("postgres", &[("\0\0\0\u{8}", "S")][..]),
        ("ldap", &[("0", "0\u{c}\u{2}\u{1}\u{1}x\u{7}\n\u{1}\u{0}\u{4}\u{0}\u{4}\u{0}")][..]),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = peer.port;
        let handing = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (asked, answer) in script {
                if !asked.is_empty() {
                    let mut heard = [0; 1024];
                    let n = stream.read(&mut heard).await.unwrap();
                    assert!(heard[..n].starts_with(asked.as_bytes()), "{asked}");
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            let mut tls = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut tls).await;
        });
        let seen = done(look(port, Some(peer.folder.path())).text("starttls", protocol).perform().await);
        assert_eq!(seen.field("valid"), Some(&Value::Bool(true)), "{protocol}");
        handing.abort();
    }
}
