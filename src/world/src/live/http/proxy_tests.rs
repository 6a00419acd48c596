//! Proxies come from the environment, which a test cannot change for itself: each of these runs the test binary once more, with another one.

use std::process::{Command, Output};

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::testing::{Call, done};
use super::*;

/// What the second process asks for.
const TARGET: &str = "RRB_TEST_PROXY_TARGET";

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

/// Asks for `target` in a process with this environment.
async fn asked(target: String, environment: Vec<(&'static str, String)>) -> Output {
    let work = move || {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "live::http::proxy_tests::the_second_process_asks_as_it_is_told", "--nocapture"]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            again.env_remove(name).env_remove(name.to_lowercase());
        }
        again.env(TARGET, target).envs(environment).output().unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Asks only when another test started it; a failure here fails that one.
#[tokio::test]
async fn the_second_process_asks_as_it_is_told() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let reply = done(Call::new("http.get").arg("url", Value::Url(target.into())).perform().await);
    assert_eq!(reply.field("status"), Some(&Value::Int(204)));
}

async fn seen(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

#[tokio::test]
async fn a_request_goes_through_the_proxy_with_its_user_and_password() {
    let proxy = server().await;
    let address = proxy.address();
    let environment = vec![("HTTP_PROXY", format!("http://ana:p%40ss@{address}"))];
    let output = asked("http://target.invalid/path".to_owned(), environment).await;
    assert!(output.status.success(), "{output:?}");
    let seen = seen(&proxy).await;
    assert_eq!(seen.len(), 1);
    // ana:p@ss
    assert_eq!(seen[0].headers["proxy-authorization"], "Basic YW5hOnBAc3M=");
    assert_eq!(seen[0].headers["host"], "target.invalid");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains("p%40ss") && !shown.contains("p@ss"), "{shown}");
}

#[tokio::test]
async fn what_no_proxy_names_is_asked_directly() {
    let (proxy, target) = (server().await, server().await);
    let through = || ("HTTP_PROXY", format!("http://{}", proxy.address()));
    let output = asked(target.uri(), vec![through(), ("NO_PROXY", "127.0.0.1".to_owned())]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!((seen(&proxy).await.len(), seen(&target).await.len()), (0, 1));
    let output = asked(target.uri(), vec![through(), ("NO_PROXY", "other.example".to_owned())]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!((seen(&proxy).await.len(), seen(&target).await.len()), (1, 1));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_said_without_its_password() {
    let environment = vec![("HTTP_PROXY", "http://ana:canary@127.0.0.1:1".to_owned())];
    let output = asked("http://target.invalid/".to_owned(), environment).await;
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && shown.contains("no connection") && !shown.contains("canary"), "{shown}");
}
