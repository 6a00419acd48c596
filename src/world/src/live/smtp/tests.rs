//! Against a real SMTP server (aiosmtpd) that writes what it takes into a folder.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::{FailureKind, Happened};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::peers::{self, Peer};
use super::super::testing::{Call, assert_shape, done, failed};

/// Takes mail for everybody but `nobody@…`, over STARTTLS or TLS, from the user `ana` with the password `canary-mail-1` where it wants one.
const SERVER: &str = r#"
import asyncio, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
folder, port, mode = sys.argv[1:]
count = 0
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 5.1.1 no such user'
        if address.startswith('relay@'):
            return '550 5.7.1 relaying denied'
        if address.startswith('later@'):
            return '451 4.7.1 try again later'
        envelope.rcpt_tos.append(address)
        return '250 OK'
    async def handle_DATA(self, server, session, envelope):
        global count
        count += 1
        with open(f'{folder}/mail-{count}', 'wb') as f:
            f.write((','.join(envelope.rcpt_tos) + '\n').encode() + envelope.content)
        if b'Subject: refused' in envelope.content:
            return '554 5.7.1 this is spam'
        return f'250 OK queued as {count}'
def login(server, session, envelope, mechanism, data):
    good = data.login == b'ana' and data.password == b'canary-mail-1'
    return AuthResult(success=good, handled=False)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f'{folder}/cert.pem', f'{folder}/key.pem')
def factory():
    kwargs = {}
    if mode in ('starttls', 'login'):
        kwargs = dict(tls_context=context, require_starttls=True)
    if mode in ('login', 'clear-login'):
        kwargs.update(auth_required=True, auth_require_tls=mode == 'login', authenticator=login)
    return SMTP(Handler(), command_call_limit=1000, **kwargs)
async def main():
    server = await asyncio.get_event_loop().create_server(factory, '127.0.0.1', int(port), ssl=context if mode == 'tls' else None)
    await server.serve_forever()
asyncio.run(main())
"#;

fn start(mode: &str) -> Peer {
    let folder = tempfile::tempdir().unwrap();
    peers::certificates(folder.path(), "20");
    let port = peers::free_port();
    // The one that sees Debian's packages.
    let python = "/usr/bin/python3";
    let mut command = Command::new(python);
    command.args(["-c", SERVER]).arg(folder.path()).args([&port.to_string(), mode]);
    peers::start(&mut command, port, folder)
}

fn secret(peer: &Peer, value: &str) -> Value {
    let path = peer.folder.path().join(format!("secret-{value}"));
    fs::write(&path, value).unwrap();
    Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())))
}

fn server(peer: &Peer, scheme: &str, fields: &[(&str, Value)]) -> Value {
    let defaults = [
        ("user", Value::None),
        ("password", Value::None),
        ("token", Value::None),
        ("tls", Value::text("verify")),
        ("server_name", Value::None),
        ("ca_file", Value::text(peer.folder.path().join("ca.pem").to_string_lossy())),
    ];
    let given = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    let url = Value::Url(format!("{scheme}://localhost:{}", peer.port).into());
    Value::record([("url", url)].into_iter().chain(defaults.map(|(n, v)| (n, given(n).unwrap_or(v)))))
}

fn list(items: &[&str]) -> Value {
    Value::list(items.iter().map(|i| Value::text(*i)))
}

fn mail(server: Value) -> Call {
    let call = Call::new("smtp.send").arg("server", server).text("from", "rrb <rrb@example.com>");
    call.arg("to", list(&["Ana <ana@example.com>"])).text("subject", "disk is full").text("text", "hello\n.\n..dots\n")
}

/// The recipients and the content of a mail that was taken.
fn taken(peer: &Peer, number: u32) -> (String, String) {
    let text = fs::read_to_string(peer.folder.path().join(format!("mail-{number}"))).unwrap();
    let (to, content) = text.split_once('\n').unwrap();
    (to.to_owned(), content.to_owned())
}

#[tokio::test]
async fn a_mail_goes_out_over_tls() {
    for (mode, scheme) in [("starttls", "smtp"), ("tls", "smtps")] {
        let peer = start(mode);
        let call = mail(server(&peer, scheme, &[])).arg("bcc", list(&["secret@example.com"])).key("run_1/3");
        let sent = done(call.perform().await);
        assert_shape(&sent, "smtp", "Sent");
        let id = sent.field("id").unwrap().as_text().unwrap().to_owned();
        assert!(sent.field("reply").unwrap().as_text().unwrap().contains("queued as 1"));
        let (to, content) = taken(&peer, 1);
        assert_eq!(to, "ana@example.com,secret@example.com");
        assert!(content.contains(&format!("Message-ID: <{id}>\r\n")), "{content}");
        assert!(content.contains("Subject: disk is full\r\n") && !content.contains("secret@"), "{content}");
        assert!(content.ends_with("hello\r\n.\r\n..dots\r\n") || content.contains("hello\r\n.\r\n..dots"), "{content}");
        // The same key makes the same id, another key another one.
        let again = done(mail(server(&peer, scheme, &[])).key("run_1/3").perform().await);
        assert_eq!(again.field("id").unwrap().as_text(), Some(id.as_str()));
        let other = done(mail(server(&peer, scheme, &[])).key("run_1/4").perform().await);
        assert_ne!(other.field("id").unwrap().as_text(), Some(id.as_str()));
    }
}

#[tokio::test]
async fn what_is_refused_goes_to_nobody() {
    let peer = start("starttls");
    for (to, kind) in [
        ("nobody@example.com", FailureKind::NotFound),
        ("relay@example.com", FailureKind::Forbidden),
        ("later@example.com", FailureKind::Throttled),
    ] {
        let call = mail(server(&peer, "smtp", &[])).arg("cc", list(&[to]));
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
        assert!(failure.message.contains(to), "{}", failure.message);
    }
    assert!(!peer.folder.path().join("mail-1").exists());
    let call = Call::new("smtp.send").arg("server", server(&peer, "smtp", &[])).text("from", "a@b.example");
    let spam = call.arg("to", list(&["x@b.example"])).text("subject", "refused").text("text", "x");
    let failure = failed(spam.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Forbidden, Happened::No), "{}", failure.message);
    for (fields, scheme, kind) in [
        (vec![("ca_file", Value::None)], "smtp", FailureKind::Unavailable),
        (vec![("server_name", Value::text("elsewhere"))], "smtp", FailureKind::Unavailable),
        (vec![("tls", Value::text("off"))], "smtp", FailureKind::Unauthorized),
        (vec![("tls", Value::text("off"))], "smtps", FailureKind::Invalid),
        (vec![("user", Value::text("ana"))], "smtp", FailureKind::Invalid),
        (vec![], "smtps", FailureKind::Unavailable),
        (vec![], "http", FailureKind::Invalid),
    ] {
        let failure = failed(mail(server(&peer, scheme, &fields)).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{fields:?}: {}", failure.message);
    }
    let plain = start("plain");
    let failure = failed(mail(server(&plain, "smtp", &[])).perform().await);
    assert!(failure.message.contains("offers no TLS"), "{}", failure.message);
    done(mail(server(&plain, "smtp", &[("tls", Value::text("off"))])).perform().await);
}

#[tokio::test]
async fn logins_are_taken_or_not() {
    let peer = start("login");
    let with = |password: &str| {
        let fields = [("user", Value::text("ana")), ("password", secret(&peer, password))];
        mail(server(&peer, "smtp", &fields))
    };
    done(with("canary-mail-1").perform().await);
    for call in [with("canary-mail-2"), mail(server(&peer, "smtp", &[]))] {
        let failure = failed(call.perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Unauthorized, Happened::No), "{}", failure.message);
        assert!(!failure.message.contains("canary"), "{}", failure.message);
    }
    let local = start("clear-login");
    let fields =
        [("tls", Value::text("off")), ("user", Value::text("ana")), ("password", secret(&local, "canary-mail-1"))];
    done(mail(server(&local, "smtp", &fields)).perform().await);
}

#[tokio::test]
async fn nothing_from_outside_begins_a_header_or_a_command() {
    let peer = start("plain");
    let to = || server(&peer, "smtp", &[("tls", Value::text("off"))]);
    let evil = ["a\r\nBcc: x@y.example", "a\nb", "a\0b", "\u{7f}"];
    for text in evil {
        let map = |name: &str, value: &str| {
            Value::Map(Arc::new([(Value::text(name), Value::text(value))].into_iter().collect()))
        };
        let file = |name: &str, kind: &str| {
            Value::list([Value::record([
                ("name", Value::text(name)),
                ("text", Value::text("x")),
                ("bytes", Value::None),
                ("media_type", Value::text(kind)),
            ])])
        };
        for call in [
            mail(to()).text("reply_to", format!("{text} <a@b.example>")),
            mail(to()).text("in_reply_to", text),
            mail(to()).arg("cc", list(&[&format!("{text}@b.example")])),
            mail(to()).arg("headers", map("X-A", text)),
            mail(to()).arg("headers", map(text, "x")),
            mail(to()).arg("attachments", file(text, "text/plain")),
            mail(to()).arg("attachments", file("a", text)),
        ] {
            let failure = failed(call.perform().await);
            assert_eq!(
                (failure.kind, failure.happened),
                (FailureKind::Invalid, Happened::No),
                "{text:?}: {}",
                failure.message
            );
        }
        let base = Call::new("smtp.send").arg("server", to()).text("text", "x");
        let subject = base.text("from", "a@b.example").arg("to", list(&["a@b.example"])).text("subject", text);
        assert_eq!(failed(subject.perform().await).kind, FailureKind::Invalid);
    }
    for address in [
        "",
        "ana",
        "ana@",
        "a b@c.example",
        "ä@b.example",
        "\"a b\"@c.example",
        "<a@b.example",
        "a@b.example, c@d.example",
    ] {
        let failure = failed(mail(to()).arg("cc", list(&[address])).perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{address}");
    }
    for name in ["Bcc", "from", "Content-Type", "Message-ID", "", "a b", "ä"] {
        let headers = Value::Map(Arc::new([(Value::text(name), Value::text("x"))].into_iter().collect()));
        assert_eq!(failed(mail(to()).arg("headers", headers).perform().await).kind, FailureKind::Invalid, "{name}");
    }
    for (count, fits) in [(99, true), (100, false)] {
        let many: Vec<String> = (0..count).map(|i| format!("u{i}@example.com")).collect();
        let outcome = mail(to()).arg("cc", Value::list(many.iter().map(Value::text))).perform().await;
        assert_eq!(matches!(outcome, rrb_lang::vm::protocol::EffectOutcome::Done(_)), fits, "{count}: {outcome:?}");
    }
    assert!(!peer.folder.path().join("mail-2").exists());
}

#[tokio::test]
async fn parts_are_kept_apart() {
    let peer = start("plain");
    let file = Value::record([
        ("name", Value::text("plan.txt")),
        ("text", Value::text("the plan ä")),
        ("bytes", Value::None),
        ("media_type", Value::text("text/plain; charset=utf-8")),
    ]);
    let call = Call::new("smtp.send").arg("server", server(&peer, "smtp", &[("tls", Value::text("off"))]));
    let call = call.text("from", "Größe <a@b.example>").arg("to", list(&["c@d.example"])).text("subject", "Überlauf");
    let call = call.text("text", "plain ä").text("html", "<b>rich</b>").arg("attachments", Value::list([file]));
    done(call.text("in_reply_to", "<1@b.example>").perform().await);
    let (_, content) = taken(&peer, 1);
    assert!(content.is_ascii(), "{content}");
    for part in [
        "multipart/mixed",
        "multipart/alternative",
        "text/html",
        "plan.txt",
        "In-Reply-To: <1@b.example>",
        "Subject: =?utf-8?",
    ] {
        assert!(content.contains(part), "{part}: {content}");
    }
    let none = Call::new("smtp.send").arg("server", server(&peer, "smtp", &[("tls", Value::text("off"))]));
    let none = none.text("from", "a@b.example").arg("to", list(&["c@d.example"])).text("subject", "x");
    assert!(failed(none.perform().await).message.contains("`text`, an `html`"));
}

/// Answers what is scripted, one line for each that it hears; `hang up` hangs up, `silence` waits.
async fn scripted(script: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            for line in script {
                match *line {
                    "hang up" => break,
                    "silence" => tokio::time::sleep(std::time::Duration::from_secs(60)).await,
                    line => stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap(),
                }
                let mut heard = vec![0; 64 << 10];
                let _ = stream.read(&mut heard).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn after_the_content_nobody_knows() {
    let ready: &[&str] = &["220 hi", "250 hi", "250 ok", "250 ok", "354 go"];
    assert_eq!(ready.len(), 5);
    for (script, kind, happened) in [
        (&["hang up"][..], FailureKind::Unavailable, Happened::No),
        (&["SSH-2.0-x"][..], FailureKind::Unavailable, Happened::No),
        (&["554 go away"][..], FailureKind::Forbidden, Happened::No),
        (&["220 hi", "250 hi", "250 ok", "250 ok", "hang up"][..], FailureKind::Unavailable, Happened::No),
        (&["220 hi", "250 hi", "250 ok", "250 ok", "silence"][..], FailureKind::Timeout, Happened::No),
        (&["220 hi", "250 hi", "250 ok", "250 ok", "354 go", "hang up"][..], FailureKind::Unavailable, Happened::Maybe),
        (&["220 hi", "250 hi", "250 ok", "250 ok", "354 go", "silence"][..], FailureKind::Timeout, Happened::Maybe),
        (&["220 hi", "250 hi", "250 ok", "250 ok", "354 go", "452 full"][..], FailureKind::Throttled, Happened::No),
    ] {
        let port = scripted(script).await;
        let peer = Value::record([
            ("url", Value::Url(format!("smtp://127.0.0.1:{port}").into())),
            ("tls", Value::text("off")),
        ]);
        let failure = failed(mail(peer).arg("timeout", Value::Duration(500)).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, happened), "{script:?}: {}", failure.message);
    }
}
