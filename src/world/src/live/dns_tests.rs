//! Against a real name server (nsd).

use std::fs;
use std::process::Command;

use rrb_lang::vm::protocol::{FailureKind, Happened};

use super::super::peers::{self, Peer};
use super::super::testing::{Call, assert_shape, done, failed};
use super::*;

const ZONE: &str = r#"$ORIGIN shop.example.
$TTL 300
@ IN SOA ns.shop.example. ops.shop.example. 7 3600 600 86400 60
@ IN NS ns.shop.example.
ns IN A 192.0.2.1
www 60 IN A 192.0.2.10
www 60 IN A 192.0.2.11
www IN AAAA 2001:db8::10
alias IN CNAME www
@ IN MX 10 mail.shop.example.
mail IN A 192.0.2.20
@ IN TXT "v=spf1 " "-all"
_api._tcp IN SRV 5 10 8443 www.shop.example.
@ IN CAA 0 issue "ca.example"
"#;

fn start() -> Peer {
    let folder = tempfile::tempdir().unwrap();
    let port = peers::free_port();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("zone"), ZONE).unwrap();
    fs::write(at("reverse"), "$ORIGIN 2.0.192.in-addr.arpa.\n$TTL 300\n@ IN SOA ns. ops. 1 1 1 1 1\n@ IN NS ns.\n10 IN PTR www.shop.example.\n").unwrap();
    let zone = |name: &str, file: &str| format!("zone:\n  name: \"{name}\"\n  zonefile: \"{}\"\n", at(file));
    let config = format!(
        "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  zonesdir: \"{}\"\n  pidfile: \"\"\n  xfrdfile: \"\"\n  zonelistfile: \"{}\"\n  database: \"\"\n  server-count: 1\nremote-control:\n  control-enable: no\n{}{}",
        folder.path().display(),
        at("zonelist"),
        zone("shop.example", "zone"),
        zone("2.0.192.in-addr.arpa", "reverse"),
    );
    fs::write(at("nsd.conf"), config).unwrap();
    peers::start(Command::new(peers::program("nsd", &["/usr/sbin"])).args(["-d", "-c", &at("nsd.conf")]), port, folder)
}

fn ask(peer: &Peer, name: &str, kind: &str) -> Call {
    Call::new("dns.lookup").text("name", name).text("kind", kind).text("server", format!("127.0.0.1:{}", peer.port))
}

/// Kind, value and numbers of each record, sorted.
fn told(value: &Value) -> Vec<String> {
    let Value::List(records) = value else { panic!("{value:?}") };
    let int = |v: Option<&Value>| if let Some(Value::Int(i)) = v { format!(" {i}") } else { String::new() };
    let one = |r: &Value| {
        assert_shape(r, "dns", "Record");
        let text = |name: &str| r.field(name).unwrap().as_text().unwrap().to_owned();
        let numbers: String = ["priority", "weight", "port"].iter().map(|n| int(r.field(n))).collect();
        format!("{} {} {}{numbers}", text("name"), text("kind"), text("value"))
    };
    let mut all: Vec<String> = records.iter().map(one).collect();
    all.sort();
    all
}

#[tokio::test]
async fn records_of_every_kind_are_read() {
    let peer = start();
    for (name, kind, expected) in [
        ("www.shop.example", "A", &["www.shop.example A 192.0.2.10", "www.shop.example A 192.0.2.11"][..]),
        ("www.shop.example.", "AAAA", &["www.shop.example AAAA 2001:db8::10"][..]),
        ("shop.example", "MX", &["shop.example MX mail.shop.example 10"][..]),
        ("shop.example", "TXT", &["shop.example TXT v=spf1 -all"][..]),
        ("shop.example", "NS", &["shop.example NS ns.shop.example"][..]),
        ("_api._tcp.shop.example", "SRV", &["_api._tcp.shop.example SRV www.shop.example 5 10 8443"][..]),
        ("shop.example", "CAA", &["shop.example CAA 0 issue \"ca.example\""][..]),
        ("shop.example", "SOA", &["shop.example SOA ns.shop.example. ops.shop.example. 7 3600 600 86400 60"][..]),
        ("alias.shop.example", "CNAME", &["alias.shop.example CNAME www.shop.example"][..]),
        ("192.0.2.10", "PTR", &["10.2.0.192.in-addr.arpa PTR www.shop.example"][..]),
        ("mail.shop.example", "AAAA", &[][..]),
    ] {
        assert_eq!(told(&done(ask(&peer, name, kind).perform().await)), expected, "{name} {kind}");
    }
    let through = told(&done(ask(&peer, "alias.shop.example", "A").perform().await));
    assert_eq!(through.len(), 3, "{through:?}");
    let Value::List(records) = done(ask(&peer, "www.shop.example", "A").perform().await) else { panic!() };
    assert_eq!(records[0].field("ttl"), Some(&Value::Duration(60_000)));
}

#[tokio::test]
async fn names_that_do_not_exist_and_servers_that_do_not_answer() {
    let peer = start();
    let none = failed(ask(&peer, "nothing.shop.example", "A").perform().await);
    assert_eq!((none.kind, none.happened), (FailureKind::NotFound, Happened::No), "{}", none.message);
    for (name, kind, server) in [
        ("", "A", "127.0.0.1"),
        ("a b", "A", "127.0.0.1"),
        (&"x".repeat(64), "A", "127.0.0.1"),
        ("a.example", "a", "127.0.0.1"),
        ("a.example", "ANY", "127.0.0.1"),
        ("a.example", "A", "localhost"),
        ("a.example", "A", "127.0.0.1:99999"),
    ] {
        let call = Call::new("dns.lookup").text("name", name).text("kind", kind).text("server", server);
        let failure = failed(call.perform().await);
        assert_eq!(
            (failure.kind, failure.happened),
            (FailureKind::Invalid, Happened::No),
            "{name} {kind}: {}",
            failure.message
        );
    }
    let refused =
        failed(Call::new("dns.lookup").text("name", "a.example").text("server", "169.254.169.254").perform().await);
    assert_eq!(refused.kind, FailureKind::Forbidden);
    let silent = Call::new("dns.lookup")
        .text("name", "a.example")
        .text("server", "127.0.0.1:1")
        .arg("timeout", Value::Duration(600));
    let failure = failed(silent.perform().await);
    assert!(matches!(failure.kind, FailureKind::Timeout | FailureKind::Unavailable), "{}", failure.message);
    assert_eq!(failure.happened, Happened::No);
}
