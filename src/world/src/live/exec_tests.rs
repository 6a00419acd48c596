//! Programs that behave, and programs that do not.

use std::sync::Arc;
use std::time::Instant;

use rrb_engine::world::World;
use rrb_lang::value::Secret;

use super::super::testing::{Call, assert_shape, done, failed};
use super::*;

fn exec(command: &[&str]) -> Call {
    Call::new("exec.run").arg("command", Value::list(command.iter().map(|a| Value::text(*a))))
}

fn sh(script: &str) -> Call {
    exec(&["sh", "-c", script])
}

fn stdout(value: &Value) -> &str {
    value.field("stdout").unwrap().as_text().unwrap()
}

fn within(call: Call, ms: i64) -> Call {
    call.arg("timeout", Value::Duration(ms))
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(Arc::new(entries.iter().map(|(k, v)| (Value::text(*k), v.clone())).collect()))
}

#[tokio::test]
async fn arguments_are_no_commands() {
    let out = done(exec(&["printf", "%s|", "$HOME; echo no", "*", "a b", "--"]).perform().await);
    assert_shape(&out, "exec", "Output");
    assert_eq!(stdout(&out), "$HOME; echo no|*|a b|--|");
    assert_eq!(out.field("truncated"), Some(&Value::Bool(false)));
}

#[tokio::test]
async fn status_and_outputs_are_told_apart() {
    let out = done(sh("echo out; echo err >&2; exit 3").arg("expect", Value::list([Value::Int(3)])).perform().await);
    assert_eq!(
        (stdout(&out), out.field("stderr"), out.field("status")),
        ("out\n", Some(&Value::text("err\n")), Some(&Value::Int(3)))
    );
    let failure = failed(sh("echo out; echo first >&2; echo disk on fire >&2; exit 3").perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Failed, Happened::Answered));
    assert!(failure.message.contains("status 3: disk on fire"), "{}", failure.message);
    assert_eq!(failure.detail.field("stdout"), Json::from("out\n"));
    let killed = failed(sh("kill -9 $$").perform().await);
    assert!(killed.message.contains("status 137"), "{}", killed.message);
    assert!(failed(sh("true").arg("expect", Value::list([])).perform().await).message.contains("status 0"));
}

#[tokio::test]
async fn stdin_is_fed_and_may_be_ignored() {
    let text = "ä".repeat(300_000);
    let out = done(exec(&["cat"]).text("stdin", &text).perform().await);
    assert_eq!(stdout(&out), text);
    done(exec(&["true"]).text("stdin", &text).perform().await);
    assert_eq!(stdout(&done(exec(&["cat"]).perform().await)), "");
}

#[tokio::test]
async fn the_environment_is_what_is_given() {
    let call = exec(&["env"]).arg("env", map(&[("GREETING", Value::text("hi"))])).text("dir", "/tmp");
    let out = done(call.perform().await);
    let mut names: Vec<&str> = stdout(&out).lines().filter_map(|l| Some(l.split_once('=')?.0)).collect();
    names.retain(|n| !["PATH", "HOME", "LANG", "PWD"].contains(n));
    assert_eq!(names, ["GREETING"]);
    assert_eq!(stdout(&done(exec(&["pwd"]).text("dir", "/tmp").perform().await)), "/tmp\n");
}

#[tokio::test]
async fn a_secret_that_a_program_prints_is_not_seen() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s"), "canary-token-1").unwrap();
    let secret = Value::Secret(Arc::new(Secret::Ref(format!("file:{}/s", dir.path().display()).into())));
    let call = |script: &str| sh(script).arg("secret_env", map(&[("TOKEN", secret.clone())]));
    let out = done(
        call("echo $TOKEN; printf %s $TOKEN | base64 >&2; printf %s $TOKEN | od -An -tx1 | tr -d ' \\n'")
            .perform()
            .await,
    );
    assert!(stdout(&out).contains("secret(file:"), "{out:?}");
    for form in ["canary", "Y2FuYXJ5", "63616e617279"] {
        assert!(!format!("{out:?}").contains(form), "{out:?}");
    }
    let failure = failed(call("echo bad $TOKEN >&2; exit 1").perform().await);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn what_cannot_be_started_did_not_happen() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plain");
    std::fs::write(&file, "x").unwrap();
    let file = file.to_str().unwrap();
    for (call, kind) in [
        (exec(&["/no/such/program"]), FailureKind::NotFound),
        (exec(&["no-such-program-anywhere"]), FailureKind::NotFound),
        (exec(&[file]), FailureKind::Forbidden),
        (exec(&[]), FailureKind::Invalid),
        (exec(&[""]), FailureKind::Invalid),
        (exec(&["echo", "a\0b"]), FailureKind::Invalid),
        (exec(&["true"]).text("dir", "relative"), FailureKind::Invalid),
        (exec(&["true"]).text("dir", file), FailureKind::Invalid),
        (exec(&["true"]).text("dir", "/no/such/folder"), FailureKind::NotFound),
        (exec(&["true"]).arg("env", map(&[("A=B", Value::text("x"))])), FailureKind::Invalid),
        (exec(&["true"]).arg("env", map(&[("", Value::text("x"))])), FailureKind::Invalid),
        (exec(&["true"]).arg("env", map(&[("A", Value::text("\0"))])), FailureKind::Invalid),
        (exec(&["true", &"x".repeat(4 << 20)]), FailureKind::Invalid),
        (Call::new("exec.run").text("command", "echo hi"), FailureKind::Invalid),
    ] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
    }
}

#[tokio::test]
async fn the_number_of_arguments_is_bounded() {
    for (n, fits) in [(MAX_ARGS - 1, true), (MAX_ARGS, true), (MAX_ARGS + 1, false)] {
        let mut command = vec!["true"; n];
        command[0] = "true";
        assert_eq!(
            matches!(exec(&command).perform().await, rrb_lang::vm::protocol::EffectOutcome::Done(_)),
            fits,
            "{n}"
        );
    }
}

#[tokio::test]
async fn standard_input_is_bounded() {
    for (bytes, fits) in [(MAX_STDIN - 1, true), (MAX_STDIN, true), (MAX_STDIN + 1, false)] {
        let outcome = exec(&["wc", "-c"]).text("stdin", "x".repeat(bytes)).perform().await;
        match fits {
            true => assert_eq!(stdout(&done(outcome)).trim(), bytes.to_string()),
            false => assert_eq!(failed(outcome).kind, FailureKind::Invalid),
        }
    }
}

#[tokio::test]
async fn output_is_kept_whole_up_to_its_limit_and_then_at_both_ends() {
    for (extra, truncated) in [(-1, false), (0, false), (1, true)] {
        let n = i64::try_from(2 * PART).unwrap() + extra;
        let out = done(sh(&format!("head -c {n} /dev/zero | tr '\\0' a")).perform().await);
        assert_eq!(out.field("truncated"), Some(&Value::Bool(truncated)), "{extra}");
        let text = stdout(&out);
        assert_eq!(
            text.matches('a').count() as i64,
            n.min(2 * PART as i64) + i64::from(truncated),
            "the note has an `a` too"
        );
    }
    let out = done(sh("echo first; head -c 3000000 /dev/zero | tr '\\0' .; echo; echo last").perform().await);
    assert!(stdout(&out).starts_with("first\n") && stdout(&out).ends_with("\nlast\n"));
    assert!(stdout(&out).contains("bytes are missing here"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_said_to_be_missing() {
    let out = done(sh("printf 'a\\377b'").perform().await);
    assert_eq!((stdout(&out), out.field("lossy")), ("a\u{fffd}b", Some(&Value::Bool(true))));
    let out = done(sh("printf 'ä'").perform().await);
    assert_eq!((stdout(&out), out.field("lossy")), ("ä", Some(&Value::Bool(false))));
}

#[tokio::test]
async fn nasty_programs_are_ended_with_all_they_started() {
    let marker = |n: u32| format!("31{n}{}", std::process::id());
    for (name, script) in [
        ("sleeps", "exec sleep SECONDS"),
        ("ignores TERM", "trap '' TERM; sleep SECONDS; sleep SECONDS"),
        ("talks for ever", "sleep SECONDS & exec yes"),
        ("closes its outputs", "exec >&- 2>&-; sleep SECONDS"),
        ("starts children", "sleep SECONDS & sleep SECONDS & wait"),
        ("stops itself", "sleep SECONDS & kill -STOP $$"),
        ("never reads", "sleep SECONDS"),
    ] {
        let seconds = marker(u32::try_from(name.len()).unwrap());
        let start = Instant::now();
        let call = within(sh(&script.replace("SECONDS", &seconds)), 300).text("stdin", "x".repeat(1 << 20));
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Timeout, Happened::Maybe), "{name}");
        assert!(start.elapsed() < Duration::from_secs(6), "{name} took {:?}", start.elapsed());
        assert!(!running(&seconds), "{name} left something running");
    }
}

/// Whether a process with this argument lives.
fn running(argument: &str) -> bool {
    let alive = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|b| *b == 0).any(|a| a == argument.as_bytes())
    };
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(alive)
}

#[tokio::test]
async fn a_daemon_left_behind_does_not_hold_the_call() {
    let start = Instant::now();
    let out = done(sh("echo started; setsid sleep 3 & exit 0").perform().await);
    assert_eq!(stdout(&out), "started\n");
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_dropped_call_ends_its_program() {
    let seconds = format!("32{}", std::process::id());
    let call = sh(&format!("trap '' TERM; sleep {seconds}; sleep {seconds}"));
    assert!(tokio::time::timeout(Duration::from_millis(300), call.perform()).await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!running(&seconds));
}

#[tokio::test]
async fn the_deadline_of_the_call_counts_too() {
    let start = Instant::now();
    let failure = failed(exec(&["sleep", "30"]).deadline(super::super::now() + 300).perform().await);
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn what_was_said_before_the_time_was_up_is_shown() {
    let failure = failed(within(sh("echo working on it; sleep 30"), 300).perform().await);
    assert_eq!(failure.detail.field("stdout"), Json::from("working on it\n"));
}

#[tokio::test]
async fn many_at_once_do_not_mix() {
    let world = Arc::new(super::super::LiveWorld::new(super::super::LiveConfig::default()));
    let run = |i: usize| {
        let world = world.clone();
        async move {
            let call = exec(&["echo", &i.to_string()]).into_call();
            assert_eq!(stdout(&done(world.perform(&call).await)).trim(), i.to_string());
        }
    };
    futures_util::future::join_all((0..30).map(run)).await;
}
