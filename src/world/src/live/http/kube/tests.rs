use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rrb_engine::world::World;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, FailureKind, Happened};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::super::testing::{Call, done, failed};
use super::super::super::{LiveConfig, LiveWorld};
use super::super::tls_tests::{certificates, read, server};

/// A folder with a kubeconfig, and a server that answers 200 to what `wanted` says and 401 to everything else.
struct Rig {
    dir: tempfile::TempDir,
    server: MockServer,
}

impl Rig {
    async fn new() -> Self {
        crate::init();
        let server = MockServer::start().await;
        Mock::given(path("/k8s/c1/api/v1/pods"))
            .respond_with(ResponseTemplate::new(401).set_body_string("who are you"))
            .with_priority(9)
            .mount(&server)
            .await;
        Self { dir: tempfile::tempdir().unwrap(), server }
    }

    async fn lets(self, name: &'static str, value: &str) -> Self {
        Mock::given(path("/k8s/c1/api/v1/pods"))
            .and(header(name, value))
            .respond_with(ResponseTemplate::new(200).set_body_string("in"))
            .mount(&self.server)
            .await;
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.file(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A request with this cluster and this user, both as YAML on one line.
    fn call_to(&self, cluster: &str, user: &str) -> Call {
        let text = format!(
            "current-context: x\nclusters: [{{name: c, cluster: {cluster}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        let path = self.file("config", &text);
        Call::new("http.get")
            .arg("url", Value::Url("https://kubernetes.default.svc/api/v1/pods?limit=1".into()))
            .text("kubeconfig", path.to_str().unwrap())
    }

    fn call(&self, user: &str) -> Call {
        self.call_to(&format!("{{server: '{}/k8s/c1/'}}", self.server.uri()), user)
    }
}

fn text(outcome: EffectOutcome) -> String {
    done(outcome).field("text").and_then(Value::as_text).unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_shown_as_its_file_says() {
    let rig = Rig::new().await.lets("authorization", "Bearer geheim-1").await;
    assert_eq!(text(rig.call("{token: geheim-1}").perform().await), "in");
    rig.file("token", "geheim-1\n");
    assert_eq!(text(rig.call("{token: another, tokenFile: token}").perform().await), "in");
    let asked = &rig.server.received_requests().await.unwrap()[0];
    assert_eq!(asked.url.query(), Some("limit=1"));

    let pair = format!("Basic {}", STANDARD.encode("ana:geheim-2"));
    let rig = Rig::new().await.lets("authorization", &pair).await;
    assert_eq!(text(rig.call("{username: ana, password: geheim-2}").perform().await), "in");

    let rig = Rig::new().await.lets("impersonate-user", "ben").await.lets("authorization", "none").await;
    assert_eq!(text(rig.call("{token: t, as: ben, as-uid: '7', as-groups: [g1, g2]}").perform().await), "in");
    let asked = rig.server.received_requests().await.unwrap().pop().unwrap();
    let groups: Vec<_> = asked.headers.get_all("impersonate-group").iter().collect();
    assert_eq!((groups.len(), asked.headers["impersonate-uid"].to_str().unwrap()), (2, "7"));
}

#[tokio::test]
async fn a_token_file_is_read_for_every_request() {
    let rig = Rig::new().await.lets("authorization", "Bearer second").await;
    rig.file("token", "first");
    let world = LiveWorld::new(LiveConfig::default());
    let call = rig.call("{tokenFile: token}").into_call();
    let failure = failed(world.perform(&call).await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Unauthorized, Happened::Answered));
    rig.file("token", "second");
    assert_eq!(text(world.perform(&call).await), "in");
}

#[tokio::test]
async fn certificates_stand_there_or_in_files_beside_it() {
    let dir = certificates();
    let address = server(&dir, &rustls::version::TLS13).await;
    let rig = Rig { dir, server: MockServer::start().await };
    let pack = |name: &str| STANDARD.encode(read(&rig.dir, name));
    let cluster = |ca: &str| format!("{{server: 'https://localhost:{}', {ca}}}", address.port());
    let inline =
        format!("{{client-certificate-data: {}, client-key-data: {}}}", pack("client.pem"), pack("client.key"));
    let files = "{client-certificate: client.pem, client-key: client.key}";
    let authority = format!("certificate-authority-data: {}", pack("ca.pem"));
    for (ca, user) in [(authority.as_str(), inline.as_str()), ("certificate-authority: ca.pem", files)] {
        assert_eq!(text(rig.call_to(&cluster(ca), user).perform().await), "ok");
    }
    for (ca, user, why) in [
        ("x: y", files, "invalid peer certificate"),
        ("certificate-authority: other.pem", files, "invalid peer certificate"),
        ("certificate-authority: gone.pem", files, "cannot be read"),
        ("certificate-authority-data: AAAA", files, "no Base64 of a text in PEM form"),
        ("certificate-authority: ca.pem", "{client-certificate: client.pem}", "without its key"),
        (
            "certificate-authority: ca.pem",
            "{client-certificate: client.pem, client-key: other.key}",
            "do not go together",
        ),
        (
            "certificate-authority: ca.pem",
            "{client-certificate: other.pem, client-key: other.key}",
            "TLS handshake was refused",
        ),
    ] {
        let failure = failed(rig.call_to(&cluster(ca), user).perform().await);
        assert_eq!(failure.happened, Happened::No);
        assert!(failure.message.contains(why), "{why}: {}", failure.message);
    }
}

const GIVES: &str = r#"n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n
echo "$KUBERNETES_EXEC_INFO" > info
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"geheim-%s"%s}}' "$n" "$MORE""#;

fn plugin(more: &str) -> String {
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./login, interactiveMode: IfAvailable{more}}}}}"
    )
}

#[tokio::test]
async fn a_program_says_who_asks_and_is_asked_again_when_that_is_refused() {
    let rig = Rig::new().await.lets("authorization", "Bearer geheim-2").await;
    rig.program("login", &format!("cd \"$(dirname \"$0\")\"\n{GIVES}"));
    let world = LiveWorld::new(LiveConfig::default());
    let call = rig.call(&plugin(", provideClusterInfo: true, env: [{name: MORE, value: ''}]")).into_call();
    // The first token was given just now: another would be no better.
    let failure = failed(world.perform(&call).await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Unauthorized, Happened::Answered));
    assert!(!format!("{failure:?}").contains("geheim"));
    for _ in 0..3 {
        assert_eq!(text(world.perform(&call).await), "in");
    }
    assert_eq!(std::fs::read_to_string(rig.dir.path().join("n")).unwrap(), "2\n");
    let info: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(rig.dir.path().join("info")).unwrap()).unwrap();
    assert_eq!(info["spec"]["cluster"]["server"], format!("{}/k8s/c1/", rig.server.uri()));
    assert_eq!((&info["kind"], &info["spec"]["interactive"]), (&"ExecCredential".into(), &false.into()));
}

#[tokio::test]
async fn a_token_that_was_kept_and_is_refused_is_renewed_within_the_call() {
    let rig = Rig::new().await.lets("authorization", "Bearer geheim-1").await;
    rig.program("login", &format!("cd \"$(dirname \"$0\")\"\n{GIVES}"));
    let world = LiveWorld::new(LiveConfig::default());
    let call = rig.call(&plugin("")).into_call();
    assert_eq!(text(world.perform(&call).await), "in");
    rig.server.reset().await;
    let rig = rig.lets("authorization", "Bearer geheim-2").await;
    Mock::given(path("/k8s/c1/api/v1/pods"))
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&rig.server)
        .await;
    assert_eq!(text(world.perform(&call).await), "in");
}

#[tokio::test]
async fn what_has_ended_is_asked_for_anew() {
    let rig =
        Rig::new().await.lets("authorization", "Bearer geheim-1").await.lets("authorization", "Bearer geheim-2").await;
    rig.program("login", &format!("cd \"$(dirname \"$0\")\"\n{GIVES}"));
    let world = LiveWorld::new(LiveConfig::default());
    let more = r#", env: [{name: MORE, value: ',"expirationTimestamp":"2020-01-01T00:00:00Z"'}]"#;
    let call = rig.call(&plugin(more)).into_call();
    for n in 1..=2 {
        assert_eq!(text(world.perform(&call).await), "in");
        assert_eq!(std::fs::read_to_string(rig.dir.path().join("n")).unwrap(), format!("{n}\n"));
    }
}

#[tokio::test]
async fn a_program_that_gives_nothing_good_is_a_failure_before_the_request() {
    for (script, kind, why) in [
        ("echo 'no session: geheim-x' >&2; exit 3", FailureKind::Unauthorized, "ended with status 3: no session"),
        ("echo hello", FailureKind::Unavailable, "says no `ExecCredential`"),
        ("echo '{}'", FailureKind::Unavailable, "says no `ExecCredential`"),
        (r#"echo '{"apiVersion":"v1","kind":"ExecCredential"}'"#, FailureKind::Unavailable, "another thing"),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":""}}'"#,
            FailureKind::Unavailable,
            "neither a token nor a certificate",
        ),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientKeyData":"k"}}'"#,
            FailureKind::Unavailable,
            "without its certificate",
        ),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"soon"}}'"#,
            FailureKind::Unavailable,
            "no time of RFC 3339",
        ),
        ("head -c 300000 /dev/zero", FailureKind::Unavailable, "more than 256 KiB"),
    ] {
        let rig = Rig::new().await;
        rig.program("login", script);
        let failure = failed(rig.call(&plugin("")).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
        assert!(rig.server.received_requests().await.unwrap().is_empty());
    }
    let rig = Rig::new().await;
    let of = |exec: &str| format!("{{exec: {{{exec}}}}}");
    for (user, why) in [
        (plugin(""), "does not exist"),
        (
            of("apiVersion: client.authentication.k8s.io/v1alpha1, command: x"),
            "speaks `client.authentication.k8s.io/v1alpha1`",
        ),
        (of("apiVersion: client.authentication.k8s.io/v1, command: ''"), "names no `command`"),
        (of("apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always"), "nobody is there"),
    ] {
        let failure = failed(rig.call(&user).perform().await);
        assert_eq!(failure.happened, Happened::No);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}

#[tokio::test]
async fn what_is_not_done_is_refused_with_its_reason() {
    let rig = Rig::new().await;
    for (cluster, user, why) in [
        ("{server: 'https://a', insecure-skip-tls-verify: true}", "{}", "whoever stands between could take its tokens"),
        ("{server: 'https://a', tls-server-name: b}", "{}", "does not know"),
        ("{server: 'https://a', proxy-url: 'socks5://u:geheim@p'}", "{}", "`http://` or `https://`"),
        ("{server: 'ftp://a'}", "{}", "cannot be reached"),
        ("{server: ''}", "{}", "cannot be reached"),
        ("{server: 'https://a?x=y'}", "{}", "more than an address and a path"),
        ("{server: 'http://169.254.169.254'}", "{}", "metadata"),
        ("{server: 'https://a'}", "{auth-provider: {name: gcp}}", "gave up"),
        ("{server: 'https://a'}", "{username: 'a:b'}", "ends a name"),
        ("{server: 'http://a'}", r#"{token: "geheim\n"}"#, "a character that no header can"),
        ("{server: 'http://a'}", "{tokenFile: /nonexistent}", "cannot be read"),
    ] {
        let failure = failed(rig.call_to(cluster, user).perform().await);
        assert_eq!(failure.happened, Happened::No, "{}", failure.message);
        assert!(failure.message.contains(why) && !failure.message.contains("geheim"), "{why}: {}", failure.message);
    }
    for (call, why) in [
        (rig.call("{}").text("ca", "x"), "leave `ca` out"),
        (rig.call("{}").text("kubeconfig_context", "other"), "has no context `other`"),
        (
            Call::new("http.get").arg("url", Value::Url("https://a".into())).text("kubeconfig_context", "a"),
            "is one of a `kubeconfig`",
        ),
    ] {
        let failure = failed(call.perform().await);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    assert!(rig.server.received_requests().await.unwrap().is_empty());
}
