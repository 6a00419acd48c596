//! TLS to message brokers: only what an authority of `ca_file` vouches for under the name that was asked for.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{FailureKind, Happened};

use super::testing::{Call, done, failed};
use crate::brokers::testing::{Server, certificates};

/// A folder with an authority and its certificate for `localhost` and 127.0.0.1, and one with another authority of the same name.
struct Authorities {
    ours: tempfile::TempDir,
    other: tempfile::TempDir,
}

impl Authorities {
    fn new() -> Self {
        let folder = || {
            let folder = tempfile::tempdir().unwrap();
            certificates(folder.path());
            // A server that gives up its rights reads it too.
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(folder.path(), open).unwrap();
            folder
        };
        Self { ours: folder(), other: folder() }
    }

    fn file(&self, name: &str) -> String {
        self.ours.path().join(name).display().to_string()
    }

    fn ca(&self) -> String {
        self.file("ca.pem")
    }

    fn wrong_ca(&self) -> String {
        self.other.path().join("ca.pem").display().to_string()
    }
}

/// Of a server that listens at 127.0.0.1 and 127.0.0.2: `call` asks the host it is given.
async fn only_who_shows_it_is_trusted(authorities: &Authorities, call: impl Fn(&str) -> Call) {
    for host in ["localhost", "127.0.0.1"] {
        done(call(host).text("ca_file", authorities.ca()).perform().await);
    }
    for (call, what) in [
        (call("localhost"), "nobody vouches for it"),
        (call("localhost").text("ca_file", authorities.wrong_ca()), "another authority vouches"),
        (call("127.0.0.2").text("ca_file", authorities.ca()), "it has another name"),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!(
            (failure.kind, failure.happened),
            (FailureKind::Unavailable, Happened::No),
            "{what}: {}",
            failure.message
        );
        let message = failure.message.to_lowercase();
        assert!(message.contains("certificate") || message.contains("tls"), "{what}: {message}");
    }
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_is_asked_by_who_trusts_its_certificate() {
    let authorities = Authorities::new();
    let server = Server::new("redis-server");
    let (port, folder) = (server.port, server.folder().display().to_string());
    let args = format!(
        "--port 0 --tls-port {port} --bind 127.0.0.1 127.0.0.2 --dir {folder} --tls-auth-clients no --tls-cert-file {} --tls-key-file {} \
         --tls-ca-cert-file {} --save",
        authorities.file("cert.pem"),
        authorities.file("key.pem"),
        authorities.ca(),
    );
    let _server = args.split_whitespace().fold(server, |server, arg| server.arg(arg)).arg("").start();
    let call = |scheme: &str, host: &str| {
        let url = Value::Url(format!("{scheme}://{host}:{port}").into());
        Call::new("redis.read").arg("url", url).arg("command", Value::list([Value::text("PING")]))
    };
    only_who_shows_it_is_trusted(&authorities, |host| call("rediss", host)).await;
    // Nothing is said unencrypted to who expects TLS.
    failed(call("redis", "127.0.0.1").perform().await);
}

#[cfg(feature = "mqtt")]
#[tokio::test]
async fn mqtt_is_spoken_with_who_trusts_its_certificate() {
    let authorities = Authorities::new();
    let server = Server::new("mosquitto");
    let port = server.port;
    let listener = |host: &str| {
        let (cert, key) = (authorities.file("cert.pem"), authorities.file("key.pem"));
        format!("listener {port} {host}\ncertfile {cert}\nkeyfile {key}\n")
    };
    let config = format!("allow_anonymous true\nuser root\n{}{}", listener("127.0.0.1"), listener("127.0.0.2"));
    let path = server.file("mosquitto.conf", &config);
    let _server = server.arg("-c").arg(path.display()).start();
    only_who_shows_it_is_trusted(&authorities, |host| {
        let url = Value::Url(format!("mqtts://{host}:{port}").into());
        Call::new("mqtt.publish").arg("url", url).text("topic", "lab/a").text("text", "hello")
    })
    .await;
}

#[cfg(feature = "amqp")]
#[tokio::test]
async fn amqp_is_spoken_with_who_trusts_its_certificate() {
    let authorities = Authorities::new();
    let port = crate::brokers::testing::free_port();
    let config = format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nlisteners.ssl.2 = 127.0.0.2:{port}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\nssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\nloopback_users = none\n",
        authorities.ca(),
        authorities.file("cert.pem"),
        authorities.file("key.pem"),
    );
    let rabbit = crate::brokers::testing::rabbit_with(&config);
    let plain = format!("amqp://127.0.0.1:{}", rabbit.server.port);
    let connection = lapin::Connection::connect(&plain, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = lapin::options::QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("lab".into(), options, lapin::types::FieldTable::default()).await.unwrap();
    only_who_shows_it_is_trusted(&authorities, |host| {
        let url = Value::Url(format!("amqps://{host}:{port}").into());
        Call::new("amqp.publish").arg("url", url).text("routing_key", "lab").text("text", "hello")
    })
    .await;
}

/// The cluster that librdkafka brings speaks no TLS, so this stands before it: it ends the TLS, and names itself where the cluster
/// tells its own port.
#[cfg(feature = "kafka")]
async fn before(cluster: u16, authorities: &Authorities) -> u16 {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    crate::init();
    let cert = CertificateDer::from_pem_file(authorities.file("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(authorities.file("key.pem")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (Ok(client), Ok(server)) =
                    (acceptor.accept(stream).await, TcpStream::connect(("127.0.0.1", cluster)).await)
                else {
                    return;
                };
                let (mut from_client, mut to_client) = tokio::io::split(client);
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                // Whole answers: each begins with its length.
                while let Ok(len) = from_server.read_u32().await {
                    let mut answer = vec![0; len as usize];
                    if from_server.read_exact(&mut answer).await.is_err() {
                        return;
                    }
                    let told = |port: u16| [b"127.0.0.1".as_slice(), &u32::from(port).to_be_bytes()].concat();
                    let (theirs, ours) = (told(cluster), told(own));
                    if let Some(at) = answer.windows(theirs.len()).position(|part| part == theirs) {
                        answer[at..at + ours.len()].copy_from_slice(&ours);
                    }
                    let sent = async {
                        to_client.write_u32(len).await?;
                        to_client.write_all(&answer).await?;
                        to_client.flush().await
                    };
                    if sent.await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn kafka_is_spoken_with_who_trusts_its_certificate() {
    let authorities = Authorities::new();
    let args = "-C -q -b unused:1 -t lab -X test.mock.num.brokers=1";
    let server = args.split(' ').fold(Server::new("kcat"), |s, arg| s.arg(arg)).start_where("replaced with 127.0.0.1:");
    let port = before(server.port, &authorities).await;
    only_who_shows_it_is_trusted(&authorities, |host| {
        let brokers = Value::list([Value::text(format!("{host}:{port}"))]);
        let call =
            Call::new("kafka.produce").arg("brokers", brokers).text("sasl", "plain").arg("tls", Value::Bool(true));
        call.text("topic", "lab").text("text", "hello")
    })
    .await;
}
