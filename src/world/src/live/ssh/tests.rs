//! Against a real OpenSSH server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rrb_engine::world::World as _;
use rrb_lang::json::Json;
use rrb_lang::value::Secret;
use rrb_lang::vm::protocol::EffectOutcome;

use super::super::peers::{self, Peer};
use super::super::testing::{Call, assert_shape, done, failed};
use super::super::{LiveConfig, LiveWorld};
use super::*;

/// A server that takes the key `id` of its folder, and nobody else.
fn start() -> Peer {
    let folder = tempfile::Builder::new().prefix("rrb-peer").tempdir_in("/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = peers::free_port();
    for key in ["host", "id", "other"] {
        peers::must(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key)));
    }
    fs::copy(at("id.pub"), at("authorized")).unwrap();
    let public = fs::read_to_string(at("host.pub")).unwrap();
    fs::write(at("known"), format!("[localhost]:{port} {public}")).unwrap();
    let other = fs::read_to_string(at("other.pub")).unwrap();
    fs::write(at("stranger"), format!("[localhost]:{port} {other}")).unwrap();
    let settings = [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".into(),
        format!("HostKey {}", at("host").display()),
        format!("AuthorizedKeysFile {}", at("authorized").display()),
        "PidFile none".into(),
        "StrictModes no".into(),
        "PasswordAuthentication no".into(),
        "UsePAM no".into(),
    ];
    fs::write(at("config"), settings.join("\n")).unwrap();
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let program = peers::program("sshd", &["/usr/sbin"]);
    peers::start(Command::new(program).args(["-D", "-e", "-f"]).arg(at("config")), port, folder)
}

fn path(folder: &Path, name: &str) -> Value {
    Value::text(folder.join(name).to_string_lossy())
}

/// A record `Host` for the server.
fn host(peer: &Peer, fields: &[(&str, Value)]) -> Value {
    let defaults = [
        ("name", Value::text("localhost")),
        ("user", Value::None),
        ("port", Value::Int(peer.port.into())),
        ("identity", Value::None),
        ("identity_file", path(peer.folder.path(), "id")),
        ("known_hosts", path(peer.folder.path(), "known")),
        ("jump", Value::None),
        ("config", Value::text("none")),
    ];
    let given = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    Value::record(defaults.map(|(name, value)| (name, given(name).unwrap_or(value))))
}

fn run(peer: &Peer, command: &[&str], fields: &[(&str, Value)]) -> Call {
    let command = Value::list(command.iter().map(|a| Value::text(*a)));
    Call::new("ssh.run").arg("host", host(peer, fields)).arg("command", command)
}

fn stdout(value: &Value) -> &str {
    value.field("stdout").unwrap().as_text().unwrap()
}

#[tokio::test]
async fn commands_run_at_the_other_side() {
    let peer = start();
    let out = done(run(&peer, &["printf", "%s|", "$HOME; echo no", "*", "a 'b'", "\n", "ä", ""], &[]).perform().await);
    assert_shape(&out, "ssh", "Output");
    assert_eq!(stdout(&out), "$HOME; echo no|*|a 'b'|\n|ä||");

    let out = done(run(&peer, &["cat"], &[]).text("stdin", "x".repeat(300_000)).perform().await);
    assert_eq!(stdout(&out).len(), 300_000);
    let expect = Value::list([Value::Int(255)]);
    let out = done(run(&peer, &["sh", "-c", "echo err >&2; exit 255"], &[]).arg("expect", expect).perform().await);
    assert_eq!((out.field("status"), out.field("stderr")), (Some(&Value::Int(255)), Some(&Value::text("err\n"))));

    let failure = failed(run(&peer, &["sh", "-c", "echo disk on fire >&2; exit 3"], &[]).perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Failed, Happened::Answered));
    assert!(failure.message.contains("status 3: disk on fire"), "{}", failure.message);
    assert_eq!(failure.detail.field("status"), Json::Int(3));
    let failure = failed(run(&peer, &["/none/such"], &[]).perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Failed, Happened::Answered));
    assert!(failure.message.contains("status 127"), "{}", failure.message);
}

#[tokio::test]
async fn a_key_may_be_a_secret_and_connections_are_shared_by_the_same_key_only() {
    let peer = start();
    let secret = Secret::Ref(format!("file:{}/id", peer.folder.path().display()).into());
    let fields = [("identity", Value::Secret(Arc::new(secret))), ("identity_file", Value::None)];
    let world = LiveWorld::new(LiveConfig::default());
    let whence = ["sh", "-c", "echo $SSH_CLIENT"];
    let ask = async |fields: &[(&str, Value)]| {
        let out = world.perform(&run(&peer, &whence, fields).into_call()).await;
        stdout(&done(out)).to_owned()
    };
    let first = ask(&fields).await;
    assert_eq!(first, ask(&fields).await, "the connection is used again");
    assert_ne!(first, ask(&[]).await, "another key has another connection");
    // With the wrong key nobody goes on with the connection of the right one.
    let other = [("identity_file", path(peer.folder.path(), "other"))];
    let EffectOutcome::Failed(failure) = world.perform(&run(&peer, &whence, &other).into_call()).await else {
        panic!()
    };
    assert_eq!((failure.kind, failure.happened), (FailureKind::Unauthorized, Happened::No), "{}", failure.message);
}

#[tokio::test]
async fn what_did_not_begin_did_not_happen() {
    let peer = start();
    let folder = peer.folder.path();
    for (fields, kind) in [
        (vec![("identity_file", path(folder, "other"))], FailureKind::Unauthorized),
        (vec![("known_hosts", path(folder, "stranger"))], FailureKind::Forbidden),
        (vec![("known_hosts", path(folder, "none"))], FailureKind::Forbidden),
        (vec![("port", Value::Int(1))], FailureKind::Unavailable),
        (vec![("name", Value::text("169.254.169.254"))], FailureKind::Forbidden),
        (vec![("name", Value::text("no-such-host.invalid"))], FailureKind::Unavailable),
        (vec![("name", Value::text("-oProxyCommand=x"))], FailureKind::Invalid),
        (vec![("name", Value::text("a;b"))], FailureKind::Invalid),
        (vec![("name", Value::text(""))], FailureKind::Invalid),
        (vec![("user", Value::text("-x"))], FailureKind::Invalid),
        (vec![("user", Value::text("a b"))], FailureKind::Invalid),
        (vec![("port", Value::Int(70_000))], FailureKind::Invalid),
        (vec![("known_hosts", Value::text("relative"))], FailureKind::Invalid),
        (vec![("known_hosts", Value::text("/a\" /b"))], FailureKind::Invalid),
        (vec![("jump", Value::text("a b"))], FailureKind::Invalid),
        (vec![("jump", Value::text("x:y"))], FailureKind::Invalid),
        (vec![("jump", Value::text("root@169.254.169.254"))], FailureKind::Forbidden),
        (vec![("config", path(folder, "none"))], FailureKind::Invalid),
    ] {
        let failure = failed(run(&peer, &["true"], &fields).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{fields:?}: {}", failure.message);
    }
    for command in [&[][..], &[""], &["a\0b"]] {
        let failure = failed(run(&peer, command, &[]).perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
    }
    let long = failed(run(&peer, &["x", &"y".repeat(128 << 10)], &[]).perform().await);
    assert_eq!((long.kind, long.happened), (FailureKind::Invalid, Happened::No));
}

#[tokio::test]
async fn what_broke_in_between_may_have_happened() {
    let peer = start();
    let begun = Instant::now();
    let slow = run(&peer, &["sleep", "20"], &[]).arg("timeout", Value::Duration(1500));
    let failure = failed(slow.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Timeout, Happened::Maybe), "{}", failure.message);
    assert!(begun.elapsed().as_secs() < 10);
    // The server's own process for this connection is the parent of the command's.
    let cut = run(&peer, &["sh", "-c", "kill -9 $PPID; sleep 20"], &[]);
    let failure = failed(cut.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Unavailable, Happened::Maybe), "{}", failure.message);
}

#[tokio::test]
async fn a_host_is_reached_through_another() {
    let peer = start();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let jump = format!("{}@localhost:{}", String::from_utf8(user).unwrap().trim(), peer.port);
    let out = done(run(&peer, &["echo", "there"], &[("jump", Value::text(jump))]).perform().await);
    assert_eq!(stdout(&out), "there\n");
    let closed = failed(run(&peer, &["true"], &[("jump", Value::text("localhost:1"))]).perform().await);
    assert_eq!((closed.kind, closed.happened), (FailureKind::Unavailable, Happened::No), "{}", closed.message);
}

#[tokio::test]
async fn files_go_and_come_whole() {
    let peer = start();
    let target = peer.folder.path().join("a 'file");
    let target = target.to_str().unwrap();
    let upload = |path: &str, content: &str| {
        Call::new("ssh.upload").arg("host", host(&peer, &[])).text("path", path).text("content", content)
    };
    let download = |path: &str| Call::new("ssh.download").arg("host", host(&peer, &[])).text("path", path);
    let content = "zeile ä\n".repeat(50_000);
    let written = done(upload(target, &content).text("mode", "640").perform().await);
    assert_shape(&written, "ssh", "Written");
    assert_eq!(fs::read_to_string(target).unwrap(), content);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(target).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(done(download(target).perform().await), Value::text(&content));
    done(upload(target, "").perform().await);
    assert_eq!(done(download(target).perform().await), Value::text(""));
    let left: Vec<_> = fs::read_dir(peer.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains(".rrb-")), "{left:?}");

    fs::write(target, [0xFF, 0xFE]).unwrap();
    assert!(failed(download(target).perform().await).message.contains("not UTF-8"));
    for (bytes, fits) in [(999, true), (1000, true), (1001, false)] {
        fs::write(target, "x".repeat(bytes)).unwrap();
        let outcome = download(target).arg("max", Value::Size(1000)).perform().await;
        assert_eq!(matches!(outcome, EffectOutcome::Done(_)), fits, "{bytes}");
    }
    assert_eq!(failed(download("/none/such").perform().await).kind, FailureKind::NotFound);
    assert_eq!(failed(download("/tmp").perform().await).kind, FailureKind::NotFound);
    assert_eq!(failed(upload("/none/such", "x").perform().await).kind, FailureKind::Failed);
    for bad in ["relative", "/a/../b", "/a/", "/a\0"] {
        assert_eq!(failed(upload(bad, "x").perform().await).kind, FailureKind::Invalid, "{bad}");
        assert_eq!(failed(download(bad).perform().await).kind, FailureKind::Invalid, "{bad}");
    }
    for mode in ["", "8", "rw", "77777", "64é"] {
        assert_eq!(failed(upload(target, "x").text("mode", mode).perform().await).kind, FailureKind::Invalid, "{mode}");
    }
}
