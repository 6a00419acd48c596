use std::sync::Mutex;

use rrb_lang::vm::protocol::Happened;
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Reads a field with this environment, off the runtime of the test; with what was learned on the way.
async fn get(document: &str, field: &str, environment: &[(&str, &str)]) -> (Result<String, Failure>, Vec<String>) {
    let reference = format!("vault:{document}#{field}");
    let environment: Vec<(String, String)> =
        environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let work = move || {
        let variable = |name: &str| environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let learned = Mutex::new(Vec::new());
        let learn = |text: &str| learned.lock().unwrap().push(text.to_owned());
        let place = Place::of(&reference, reference.strip_prefix("vault:").unwrap()).unwrap();
        let value = read(&place, &variable, &learn).map(|s| s.expose_secret().to_owned());
        (value, learned.into_inner().unwrap())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn json(value: serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(value)
}

/// A store with an engine of each version; tokens are `canary-root`.
async fn store() -> MockServer {
    let server = MockServer::start().await;
    let mount = |path: &str, version: &str| serde_json::json!({"data": {"path": path, "type": "kv", "options": {"version": version}}});
    for (at, reply) in [
        ("/v1/sys/internal/ui/mounts/secret/app/db", mount("secret/", "2")),
        ("/v1/sys/internal/ui/mounts/old/app", mount("old/", "1")),
        (
            "/v1/sys/internal/ui/mounts/database/creds/app",
            serde_json::json!({"data": {"path": "database/", "options": null}}),
        ),
        ("/v1/sys/internal/ui/mounts/secret/gone", mount("secret/", "2")),
        ("/v1/sys/internal/ui/mounts/secret/none", mount("secret/", "2")),
        (
            "/v1/secret/data/app/db",
            serde_json::json!({"data": {"data": {"token": "canary-v2", "n": 1}, "metadata": {}}}),
        ),
        ("/v1/old/app", serde_json::json!({"lease_id": "", "lease_duration": 2764800, "data": {"token": "canary-v1"}})),
        ("/v1/secret/data/gone", serde_json::json!({"data": {"data": null, "metadata": {"destroyed": true}}})),
    ] {
        Mock::given(method("GET"))
            .and(path(at))
            .and(header("x-vault-token", "canary-root"))
            .respond_with(json(reply))
            .mount(&server)
            .await;
    }
    server
}

#[tokio::test]
async fn secrets_of_both_versions_are_read_and_held() {
    let server = store().await;
    let uri = server.uri();
    let with = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "canary-root")];
    for (document, field, value) in
        [("secret/app/db", "token", "canary-v2"), ("secret/app/db", "n", "1"), ("old/app", "token", "canary-v1")]
    {
        for _ in 0..2 {
            let (read, learned) = get(document, field, &with).await;
            assert_eq!(read.unwrap(), value);
            assert!(learned.is_empty() || learned == ["canary-root"]);
        }
    }
    // Engine and secret, once each for both paths.
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_leased_secret_is_whole_and_one_of_another_token_another() {
    let server = store().await;
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let give = move |_: &wiremock::Request| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        json(
            serde_json::json!({"lease_id": "l", "lease_duration": 3600, "data": {"username": format!("u{n}"), "password": format!("p{n}")}}),
        )
    };
    Mock::given(path("/v1/database/creds/app")).respond_with(give).mount(&server).await;
    let uri = server.uri();
    let with = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "canary-root")];
    assert_eq!(get("database/creds/app", "username", &with).await.0.unwrap(), "u0");
    assert_eq!(get("database/creds/app", "password", &with).await.0.unwrap(), "p0");
}

#[tokio::test]
async fn a_login_gives_a_token_that_is_kept_and_renewed() {
    let server = store().await;
    let dir = tempfile::tempdir().unwrap();
    let jwt = dir.path().join("jwt");
    std::fs::write(&jwt, "canary-jwt\n").unwrap();
    let granted = json(serde_json::json!({"auth": {"client_token": "canary-root", "lease_duration": 3600}}));
    Mock::given(path("/v1/auth/approle/login"))
        .and(body_json(serde_json::json!({"role_id": "r", "secret_id": "canary-secret"})))
        .respond_with(granted.clone())
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/v1/auth/kubernetes/login"))
        .and(header("x-vault-namespace", "team"))
        .and(body_json(serde_json::json!({"role": "k", "jwt": "canary-jwt"})))
        .respond_with(granted)
        .expect(1)
        .mount(&server)
        .await;
    let uri = server.uri();
    let approle = [("VAULT_ADDR", uri.as_str()), ("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "canary-secret")];
    let (value, learned) = get("secret/app/db", "token", &approle).await;
    assert_eq!(
        (value.unwrap().as_str(), learned),
        ("canary-v2", vec!["canary-secret".to_owned(), "canary-root".to_owned()])
    );
    assert_eq!(get("old/app", "token", &approle).await.0.unwrap(), "canary-v1");
    let jwt = jwt.display().to_string();
    let pod = [
        ("VAULT_ADDR", uri.as_str()),
        ("VAULT_NAMESPACE", "team"),
        ("VAULT_K8S_ROLE", "k"),
        ("VAULT_K8S_TOKEN_FILE", jwt.as_str()),
    ];
    assert_eq!(get("secret/app/db", "token", &pod).await.0.unwrap(), "canary-v2");
}

#[tokio::test]
async fn what_the_store_refuses_is_a_failure_by_its_kind() {
    for (status, body, kind) in [
        (403, "canary", FailureKind::Forbidden),
        (404, "{}", FailureKind::Invalid),
        (429, "", FailureKind::Throttled),
        (500, "canary", FailureKind::Unavailable),
        (503, "", FailureKind::Unavailable),
        (307, "", FailureKind::Failed),
        (200, "canary", FailureKind::Invalid),
        (200, "{}", FailureKind::Invalid),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status).set_body_string(body)).mount(&server).await;
        let uri = server.uri();
        let (value, _) = get("secret/app", "t", &[("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "canary-root")]).await;
        let failure = value.unwrap_err();
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{status}: {}", failure.message);
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
    let server = store().await;
    let uri = server.uri();
    let with = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "canary-root")];
    for (document, part) in [("secret/gone", "newest version is deleted"), ("secret/none", "404")] {
        assert!(get(document, "token", &with).await.0.unwrap_err().message.contains(part), "{document}");
    }
    let refused = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(400)).mount(&refused).await;
    let uri = refused.uri();
    let with = [("VAULT_ADDR", uri.as_str()), ("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "canary")];
    assert_eq!(get("secret/app", "t", &with).await.0.unwrap_err().kind, FailureKind::Unauthorized);
    // Nobody there.
    let with = [("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", "canary")];
    assert_eq!(get("secret/app", "t", &with).await.0.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_silent_store_is_waited_for_once() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    let with = [("VAULT_ADDR", uri.as_str()), ("VAULT_TOKEN", "canary")];
    let began = std::time::Instant::now();
    let first = get("secret/app", "t", &with).await.0.unwrap_err();
    let waited = began.elapsed();
    assert_eq!((first.kind, first.happened), (FailureKind::Timeout, Happened::No), "{}", first.message);
    assert!(waited >= TIMEOUT - Duration::from_secs(1) && waited < TIMEOUT * 3, "{waited:?}");
    let began = std::time::Instant::now();
    let second = get("secret/other", "t", &with).await.0.unwrap_err();
    assert!(second.kind == FailureKind::Timeout && second.message.contains("a moment ago"), "{}", second.message);
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_environment_or_a_path_that_does_not_do_is_named() {
    let here = ("VAULT_ADDR", "http://127.0.0.1:1");
    let token = ("VAULT_TOKEN", "canary");
    for (document, environment, part) in [
        ("secret/app", vec![], "`VAULT_ADDR` is not set"),
        ("secret/app", vec![("VAULT_ADDR", "vault:8200"), token], "no address"),
        ("secret/app", vec![("VAULT_ADDR", "http://vault.example:8200"), token], "must begin with `https://`"),
        ("secret/app", vec![here], "set `VAULT_TOKEN`"),
        ("secret/app", vec![here, ("VAULT_ROLE_ID", "r")], "needs `VAULT_SECRET_ID`"),
        ("secret/app", vec![here, ("VAULT_TOKEN_FILE", "/no/such")], "`/no/such`"),
        ("secret/app", vec![here, ("VAULT_TOKEN_FILE", "/dev/zero")], "no regular file"),
        ("secret/app", vec![here, token, ("VAULT_CACERT", "/no/such")], "`VAULT_CACERT`"),
        ("secret/app", vec![here, token, ("VAULT_CACERT", "/etc/hostname")], "`VAULT_CACERT`"),
        ("secret/app", vec![here, ("VAULT_TOKEN", "a\nb")], "fits in no header"),
        ("/secret", vec![here, token], "names no path"),
        ("secret//app", vec![here, token], "names no path"),
        ("secret/../sys", vec![here, token], "names no path"),
        ("secret/a?b", vec![here, token], "names no path"),
        ("secret/a%2e", vec![here, token], "names no path"),
        (&"a".repeat(1025), vec![here, token], "names no path"),
    ] {
        let failure = get(document, "t", &environment).await.0.unwrap_err();
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(part) && !failure.message.contains("canary"), "{part}: {}", failure.message);
    }
}
