//! Against a real OpenLDAP server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use indexmap::IndexMap;
use rrb_lang::json::Json;
use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::{FailureKind, Happened};
use tokio::net::TcpListener;

use super::super::peers::{self, Peer};
use super::super::testing::{Call, assert_shape, done, failed};

const ENTRIES: &str = "dn: dc=shop,dc=example\nobjectClass: dcObject\nobjectClass: organization\no: shop\ndc: shop\n\n\
dn: ou=people,dc=shop,dc=example\nobjectClass: organizationalUnit\nou: people\n\n\
dn: uid=ana,ou=people,dc=shop,dc=example\nobjectClass: inetOrgPerson\nuid: ana\ncn: Ana (ops)\nsn: A\nmail: ana@shop.example\nuserPassword: canary-ana-1\n\n\
dn: uid=bo,ou=people,dc=shop,dc=example\nobjectClass: inetOrgPerson\nuid: bo\ncn: Bo\nsn: B\njpegPhoto:: /wD+\n";

/// A directory with TLS, whose manager has the password `canary-ldap-1`.
fn start() -> Peer {
    let folder = tempfile::Builder::new().prefix("rrb-peer").tempdir_in("/tmp").unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    peers::certificates(folder.path(), "20");
    fs::create_dir(at("data")).unwrap();
    let schema: String =
        ["core", "cosine", "inetorgperson"].iter().map(|s| format!("include /etc/ldap/schema/{s}.schema\n")).collect();
    let config = format!(
        "{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\nTLSCACertificateFile {}\n\
         sizelimit 50\ndatabase mdb\nsuffix dc=shop,dc=example\nrootdn cn=admin,dc=shop,dc=example\nrootpw canary-ldap-1\ndirectory {}\n\
         access to attrs=userPassword by self write by anonymous auth by * none\naccess to * by users read by * none\n",
        at("cert.pem"),
        at("key.pem"),
        at("ca.pem"),
        at("data"),
    );
    fs::write(at("slapd.conf"), config).unwrap();
    fs::write(at("entries.ldif"), ENTRIES).unwrap();
    let slapd = peers::program("slapd", &["/usr/sbin"]);
    peers::must(Command::new(peers::program("slapadd", &["/usr/sbin"])).args([
        "-f",
        &at("slapd.conf"),
        "-l",
        &at("entries.ldif"),
    ]));
    let port = peers::free_port();
    let url = format!("ldap://127.0.0.1:{port}");
    peers::start(Command::new(slapd).args(["-d", "0", "-f", &at("slapd.conf"), "-h", &url]), port, folder)
}

fn secret(folder: &Path, value: &str) -> Value {
    let path = folder.join(format!("secret-{value}"));
    fs::write(&path, value).unwrap();
    Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())))
}

fn server(peer: &Peer, fields: &[(&str, Value)]) -> Value {
    let defaults = [
        ("url", Value::Url(format!("ldap://localhost:{}", peer.port).into())),
        ("user", Value::text("cn=admin,dc=shop,dc=example")),
        ("password", secret(peer.folder.path(), "canary-ldap-1")),
        ("tls", Value::text("verify")),
        ("server_name", Value::None),
        ("ca_file", Value::text(peer.folder.path().join("ca.pem").to_string_lossy())),
        ("client_cert", Value::None),
        ("client_key", Value::None),
    ];
    let given = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    Value::record(defaults.map(|(n, v)| (n, given(n).unwrap_or(v))))
}

fn list(items: &[&str]) -> Value {
    Value::list(items.iter().map(|i| Value::text(*i)))
}

fn attributes(all: &[(&str, &[&str])]) -> Value {
    Value::Map(Arc::new(all.iter().map(|(n, v)| (Value::text(*n), list(v))).collect::<IndexMap<_, _>>()))
}

fn call(peer: &Peer, native: &str) -> Call {
    Call::new(native).arg("server", server(peer, &[]))
}

fn search(peer: &Peer, filter: &str, params: &[&str]) -> Call {
    let call = call(peer, "ldap.search").text("base", "dc=shop,dc=example").text("filter", filter);
    call.arg("params", list(params)).arg("max", Value::Int(10))
}

const ANA: &str = "uid=ana,ou=people,dc=shop,dc=example";

/// The values of an attribute of the first entry.
fn values(found: &Value, part: &str, name: &str) -> Vec<String> {
    let Value::List(entries) = found else { panic!("{found:?}") };
    let Some(Value::Map(all)) = entries[0].field(part) else { panic!("{found:?}") };
    let Some(Value::List(values)) = all.get(&Value::text(name)) else { return vec![] };
    values.iter().map(|v| v.as_text().unwrap().to_owned()).collect()
}

fn names(found: &Value) -> Vec<&str> {
    let Value::List(entries) = found else { panic!("{found:?}") };
    entries.iter().map(|e| e.field("dn").unwrap().as_text().unwrap()).collect()
}

#[tokio::test]
async fn entries_are_found_and_values_cannot_widen_a_filter() {
    let peer = start();
    let found = done(search(&peer, "(uid=$1)", &["ana"]).perform().await);
    let Value::List(entries) = &found else { panic!() };
    assert_shape(&entries[0], "ldap", "Entry");
    assert_eq!((names(&found), values(&found, "attributes", "cn")), (vec![ANA], vec!["Ana (ops)".to_owned()]));
    assert_eq!(names(&done(search(&peer, "(cn=$1)", &["Ana (ops)"]).perform().await)), [ANA]);
    for evil in ["*", "ana)(uid=*", "*)(objectClass=*", "\\2a", "a\0"] {
        assert_eq!(names(&done(search(&peer, "(uid=$1)", &[evil]).perform().await)), Vec::<&str>::new(), "{evil}");
    }
    assert_eq!(values(&found, "attributes", "userPassword"), Vec::<String>::new(), "passwords stay where they are");
    let photo = done(search(&peer, "(uid=bo)", &[]).perform().await);
    assert_eq!(values(&photo, "binary", "jpegPhoto"), ["/wD+"]);
    let one = search(&peer, "(uid=bo)", &[]).arg("attributes", list(&["sn"]));
    let one = done(one.perform().await);
    assert_eq!((values(&one, "attributes", "sn"), values(&one, "attributes", "cn")), (vec!["B".to_owned()], vec![]));
    for (scope, count) in [("base", 1), ("children", 1), ("subtree", 4)] {
        let found = done(search(&peer, "(objectClass=*)", &[]).text("scope", scope).perform().await);
        assert_eq!(names(&found).len(), count, "{scope}");
    }
    for (max, fits) in [(3, false), (4, true)] {
        let outcome =
            call(&peer, "ldap.search").text("base", "dc=shop,dc=example").arg("max", Value::Int(max)).perform().await;
        assert_eq!(matches!(outcome, rrb_lang::vm::protocol::EffectOutcome::Done(_)), fits, "{max}");
    }
    for (base, filter, kind) in [
        ("ou=none,dc=shop,dc=example", "(uid=ana)", FailureKind::NotFound),
        ("no name", "(uid=ana)", FailureKind::Invalid),
        ("dc=shop,dc=example", "(uid=ana", FailureKind::Invalid),
        ("dc=shop,dc=example", "(uid=$1)", FailureKind::Invalid),
    ] {
        let failure = failed(call(&peer, "ldap.search").text("base", base).text("filter", filter).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{base} {filter}: {}", failure.message);
    }
}

#[tokio::test]
async fn entries_are_changed_all_at_once() {
    let peer = start();
    let people = |native: &str| call(&peer, native).text("dn", "uid=$1,ou=people,dc=shop,dc=example");
    let cy = [("objectClass", &["inetOrgPerson"][..]), ("uid", &["cy"][..]), ("cn", &["Cy"][..]), ("sn", &["C"][..])];
    let add = || people("ldap.add").arg("params", list(&["cy"])).arg("attributes", attributes(&cy));
    assert_eq!(done(add().perform().await), Value::Nothing);
    let again = failed(add().perform().await);
    assert_eq!(
        (again.kind, again.happened, again.detail.field("code")),
        (FailureKind::Conflict, Happened::No, Json::Int(68))
    );

    let modify = |name: &str, part: &str, all: Value| people("ldap.modify").arg("params", list(&[name])).arg(part, all);
    done(modify("cy", "set", attributes(&[("description", &["locked"]), ("sn", &["D"])])).perform().await);
    done(modify("cy", "add", attributes(&[("mail", &["cy@shop.example", "c@shop.example"])])).perform().await);
    done(modify("cy", "remove", attributes(&[("mail", &["c@shop.example"])])).perform().await);
    let found = done(search(&peer, "(uid=cy)", &[]).perform().await);
    for (name, value) in [("description", "locked"), ("sn", "D"), ("mail", "cy@shop.example")] {
        assert_eq!(values(&found, "attributes", name), [value], "{name}");
    }
    done(modify("cy", "set", attributes(&[("description", &[])])).perform().await);
    for (name, part, all, kind) in [
        ("cy", "add", attributes(&[("mail", &["cy@shop.example"])]), FailureKind::Conflict),
        ("cy", "remove", attributes(&[("mail", &["x@shop.example"])]), FailureKind::Conflict),
        ("cy", "set", attributes(&[("colour", &["red"])]), FailureKind::Invalid),
        ("cy", "set", attributes(&[("mail", &["new@shop.example"]), ("sn", &[])]), FailureKind::Invalid),
        ("nobody", "set", attributes(&[("sn", &["X"])]), FailureKind::NotFound),
        ("cy", "set", attributes(&[]), FailureKind::Invalid),
        ("cy", "add", attributes(&[("mail", &[])]), FailureKind::Invalid),
        ("cy", "set", attributes(&[("a b", &["x"])]), FailureKind::Invalid),
        ("cy,ou=people", "set", attributes(&[("sn", &["X"])]), FailureKind::NotFound),
    ] {
        let failure = failed(modify(name, part, all).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{name} {part}: {}", failure.message);
    }
    let found = done(search(&peer, "(uid=cy)", &[]).perform().await);
    assert_eq!(values(&found, "attributes", "mail"), ["cy@shop.example"]);

    done(people("ldap.delete").arg("params", list(&["cy"])).perform().await);
    let gone = failed(people("ldap.delete").arg("params", list(&["cy"])).perform().await);
    assert_eq!((gone.kind, gone.happened), (FailureKind::NotFound, Happened::No));
    let full = failed(call(&peer, "ldap.delete").text("dn", "ou=people,dc=shop,dc=example").perform().await);
    assert_eq!((full.kind, full.happened), (FailureKind::Conflict, Happened::No));
}

#[tokio::test]
async fn logins_and_passwords() {
    let peer = start();
    let folder = peer.folder.path();
    let login = |user: &str, password: &str| {
        let fields = [("user", Value::text(user)), ("password", secret(folder, password))];
        Call::new("ldap.login").arg("server", server(&peer, &fields))
    };
    assert_eq!(done(login(ANA, "canary-ana-1").perform().await), Value::Bool(true));
    assert_eq!(done(login(ANA, "canary-ana-2").perform().await), Value::Bool(false));
    let set = call(&peer, "ldap.set_password").text("dn", ANA).arg("new_password", secret(folder, "canary-ana-2"));
    done(set.perform().await);
    assert_eq!(done(login(ANA, "canary-ana-2").perform().await), Value::Bool(true));
    assert_eq!(done(login(ANA, "canary-ana-1").perform().await), Value::Bool(false));

    let as_ana = [("user", Value::text(ANA)), ("password", secret(folder, "canary-ana-2"))];
    let forbidden = Call::new("ldap.delete")
        .arg("server", server(&peer, &as_ana))
        .text("dn", "uid=bo,ou=people,dc=shop,dc=example");
    let failure = failed(forbidden.perform().await);
    assert_eq!((failure.kind, failure.happened), (FailureKind::Forbidden, Happened::No), "{}", failure.message);

    let url = |url: String| ("url", Value::Url(url.into()));
    for (fields, kind) in [
        (vec![("password", secret(folder, "canary-ldap-2"))], FailureKind::Unauthorized),
        (vec![("password", secret(folder, ""))], FailureKind::Invalid),
        (vec![("password", Value::None)], FailureKind::Invalid),
        (vec![("ca_file", Value::None)], FailureKind::Unavailable),
        (vec![("server_name", Value::text("elsewhere"))], FailureKind::Unavailable),
        (vec![url(format!("ldaps://localhost:{}", peer.port))], FailureKind::Unavailable),
        (vec![url("ldap://localhost:1".into())], FailureKind::Unavailable),
        (vec![url("ldap://169.254.169.254".into())], FailureKind::Forbidden),
        (vec![url("http://localhost".into())], FailureKind::Invalid),
        (vec![url("ldap://localhost/dc=x".into())], FailureKind::Invalid),
    ] {
        let failure =
            failed(Call::new("ldap.delete").arg("server", server(&peer, &fields)).text("dn", ANA).perform().await);
        assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{fields:?}: {}", failure.message);
        assert!(!failure.message.contains("canary"), "{}", failure.message);
    }
    let clear = [("tls", Value::text("off"))];
    done(Call::new("ldap.delete").arg("server", server(&peer, &clear)).text("dn", ANA).perform().await);
}

#[tokio::test]
async fn a_directory_that_hangs_up_after_a_change_leaves_that_open() {
    let peer = start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = peer.port;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut real = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                // The login goes through, the change is heard and never answered.
                let mut buffer = vec![0; 4096];
                let n = stream.read(&mut buffer).await.unwrap();
                real.write_all(&buffer[..n]).await.unwrap();
                let n = real.read(&mut buffer).await.unwrap();
                stream.write_all(&buffer[..n]).await.unwrap();
                let _ = stream.read(&mut buffer).await;
            });
        }
    });
    let fields = [("url", Value::Url(format!("ldap://127.0.0.1:{port}").into())), ("tls", Value::text("off"))];
    let call = Call::new("ldap.delete").arg("server", server(&peer, &fields)).text("dn", ANA);
    let failure = failed(call.arg("timeout", Value::Duration(3000)).perform().await);
    assert_eq!(failure.happened, Happened::Maybe, "{failure:?}");
    assert!(matches!(failure.kind, FailureKind::Unavailable | FailureKind::Timeout), "{failure:?}");
}
