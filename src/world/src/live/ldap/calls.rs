//! The calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use ldap3::exop::PasswordModify;
use ldap3::{Ldap, Mod, Scope, SearchEntry, SearchOptions};
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::Cx;
use super::super::fail::{forbidden, invalid, unavailable};
use super::names;
use super::session::{Progress, Server, Session, checked};

/// The most entries of a search, and the most bytes.
const MAX_ENTRIES: i64 = 10_000;
const MAX_BYTES: usize = 1 << 20;

/// The most attributes of a call, and the longest value in bytes.
const MAX_ATTRIBUTES: usize = 1_000;
const MAX_VALUE: usize = 1 << 20;

/// Attributes whose values are passwords, or as good as one. They are never given.
const PASSWORDS: [&str; 9] = [
    "krbprincipalkey",
    "ms-mcs-admpwd",
    "mslaps-encryptedpassword",
    "mslaps-password",
    "sambalmpassword",
    "sambantpassword",
    "supplementalcredentials",
    "unicodepwd",
    "userpassword",
];

fn is_password(attribute: &str) -> bool {
    let bare = attribute.split(';').next().unwrap_or_default().to_ascii_lowercase();
    PASSWORDS.contains(&bare.as_str())
}

/// The name of an attribute with its values.
type Attribute = (Vec<u8>, HashSet<Vec<u8>>);

/// What is asked of a directory.
enum Op {
    /// Only to log in.
    Login,
    Search {
        base: String,
        scope: Scope,
        filter: String,
        attributes: Vec<String>,
        max: usize,
    },
    Add(String, Vec<Attribute>),
    Modify(String, Vec<Mod<Vec<u8>>>),
    Delete(String),
    Password {
        dn: String,
        password: SecretString,
        active_directory: bool,
    },
}

/// `ldap.login`
pub async fn login(cx: Cx<'_>) -> Result<Value, Failure> {
    let server = Server::from(cx).await?;
    if server.login.is_none() {
        return Err(invalid("`ldap.login` needs a `user` with a `password`"));
    }
    match perform(cx, &server, &Op::Login).await {
        Ok(_) => Ok(Value::Bool(true)),
        Err(f) if f.detail.field("code") == Json::Int(WRONG_PASSWORD) => Ok(Value::Bool(false)),
        Err(f) => Err(f),
    }
}

const WRONG_PASSWORD: i64 = 49;

/// `ldap.search`
pub async fn search(cx: Cx<'_>) -> Result<Value, Failure> {
    let params = params(cx)?;
    let base = names::dn("base", cx.args.text("base")?, &params)?;
    let filter = names::filter(cx.args.text_or_none("filter")?.unwrap_or("(objectClass=*)"), &params)?;
    let mut attributes = Vec::new();
    for name in cx.args.texts_or_none("attributes")?.unwrap_or_default() {
        attributes.push(attribute(name)?.to_owned());
    }
    if attributes.is_empty() {
        attributes.push("*".to_owned());
    }
    let scope = match cx.args.word("scope", "subtree", &["subtree", "children", "base"])? {
        "base" => Scope::Base,
        "children" => Scope::OneLevel,
        _ => Scope::Subtree,
    };
    let max = usize::try_from(cx.args.int("max", 1_000, 1..=MAX_ENTRIES)?).unwrap_or(1);
    let server = Server::from(cx).await?;
    let entries = perform(cx, &server, &Op::Search { base, scope, filter, attributes, max }).await?;
    Ok(Value::list(entries))
}

/// `ldap.add`
pub async fn add(cx: Cx<'_>) -> Result<Value, Failure> {
    let all: Vec<_> = attributes(cx, "attributes")?.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    if all.is_empty() {
        return Err(invalid("an entry has attributes, `objectClass` at least"));
    }
    change(cx, Op::Add(dn(cx)?, all)).await
}

/// `ldap.modify`
pub async fn modify(cx: Cx<'_>) -> Result<Value, Failure> {
    let mut mods = Vec::new();
    mods.extend(attributes(cx, "set")?.into_iter().map(|(name, values)| Mod::Replace(name, values)));
    mods.extend(attributes(cx, "add")?.into_iter().map(|(name, values)| Mod::Add(name, values)));
    mods.extend(attributes(cx, "remove")?.into_iter().map(|(name, values)| Mod::Delete(name, values)));
    if mods.iter().any(|m| matches!(m, Mod::Add(_, v) | Mod::Delete(_, v) if v.is_empty())) {
        return Err(invalid("`add` and `remove` name values: to remove all of an attribute, `set` it to `[]`"));
    }
    if mods.is_empty() {
        return Err(invalid("`ldap.modify` needs something to change: `set`, `add` or `remove`"));
    }
    change(cx, Op::Modify(dn(cx)?, mods)).await
}

/// `ldap.delete`
pub async fn delete(cx: Cx<'_>) -> Result<Value, Failure> {
    change(cx, Op::Delete(dn(cx)?)).await
}

/// `ldap.set_password`
pub async fn set_password(cx: Cx<'_>) -> Result<Value, Failure> {
    let password = cx.secret(cx.args.needed_secret("new_password")?).await?;
    if password.expose_secret().is_empty() {
        return Err(invalid("`new_password` is empty"));
    }
    let active_directory = cx.args.bool("active_directory")?;
    change(cx, Op::Password { dn: dn(cx)?, password, active_directory }).await
}

/// What changes something gives nothing back.
async fn change(cx: Cx<'_>, op: Op) -> Result<Value, Failure> {
    let server = Server::from(cx).await?;
    perform(cx, &server, &op).await?;
    Ok(Value::Nothing)
}

/// Does it in a session of its own, within the time of the call.
async fn perform(cx: Cx<'_>, server: &Server, op: &Op) -> Result<Vec<Value>, Failure> {
    let usual = if matches!(op, Op::Login) { 10 } else { 30 };
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(usual))?)?;
    let progress = Progress::default();
    let all = async {
        let mut session = Session::open(cx, server).await?;
        let result = match session.login(server).await {
            Ok(()) => work(&mut session, op, &progress).await,
            Err(failure) => Err(failure),
        };
        session.close().await;
        result
    };
    match tokio::time::timeout(within, all).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(mut failure)) => {
            failure.message = format!("{}: {}", server.shown, failure.message);
            Err(failure)
        }
        Err(_) => {
            let message = format!("{}: the directory did not answer within {within:?}", server.shown);
            Err(Failure::new(FailureKind::Timeout, message).happened(progress.happened()))
        }
    }
}

/// The entries of a search; nothing of what changes.
async fn work(session: &mut Session, op: &Op, progress: &Progress) -> Result<Vec<Value>, Failure> {
    if !matches!(op, Op::Login | Op::Search { .. }) {
        progress.sent();
    }
    let ldap = &mut session.ldap;
    let answer = match op {
        Op::Login => return Ok(Vec::new()),
        Op::Search { base, scope, filter, attributes, max } => {
            return find(ldap, (base, *scope, filter), attributes, *max, progress).await;
        }
        Op::Add(dn, attributes) => ldap.add(dn, attributes.clone()).await,
        Op::Modify(dn, mods) => ldap.modify(dn, mods.clone()).await,
        Op::Delete(dn) => ldap.delete(dn).await,
        Op::Password { .. } if !session.private => {
            return Err(forbidden("no password is sent in the clear: set `tls` to `verify`"));
        }
        Op::Password { dn, password, active_directory: true } => {
            // https://learn.microsoft.com/openspecs/windows_protocols/ms-adts/6e803168-f140-4d23-b2d3-c3a8ab5917d2
            let quoted = format!("\"{}\"", password.expose_secret());
            let value: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
            ldap.modify(dn, vec![Mod::Replace(b"unicodePwd".to_vec(), HashSet::from([value]))]).await
        }
        Op::Password { dn, password, .. } => {
            let request =
                PasswordModify { user_id: Some(dn), old_pass: None, new_pass: Some(password.expose_secret()) };
            ldap.extended(request).await.map(|answer| answer.1)
        }
    };
    checked(answer, progress)?;
    Ok(Vec::new())
}

async fn find(
    ldap: &mut Ldap,
    (base, scope, filter): (&str, Scope, &str),
    attributes: &[String],
    max: usize,
    progress: &Progress,
) -> Result<Vec<Value>, Failure> {
    let broken = |e| checked(Err(e), progress).err().unwrap_or_else(|| unavailable("the connection broke"));
    let limit = i32::try_from(max + 1).unwrap_or(i32::MAX);
    ldap.with_search_options(SearchOptions::new().sizelimit(limit));
    let mut stream = ldap.streaming_search(base, scope, filter, attributes.to_vec()).await.map_err(broken)?;
    let mut taken = Entries { max, ..Entries::default() };
    while let Some(entry) = stream.next().await.map_err(broken)? {
        if !entry.is_ref() && !entry.is_intermediate() {
            taken.push(SearchEntry::construct(entry))?;
        }
    }
    checked(Ok(stream.finish().await), progress)?;
    Ok(taken.entries)
}

fn params(cx: Cx<'_>) -> Result<Vec<&str>, Failure> {
    Ok(cx.args.texts_or_none("params")?.unwrap_or_default())
}

fn dn(cx: Cx<'_>) -> Result<String, Failure> {
    let dn = names::dn("dn", cx.args.text("dn")?, &params(cx)?)?;
    if dn.trim().is_empty() {
        return Err(invalid("`dn` is the name of an entry, such as `uid=$1,ou=people,dc=example,dc=com`"));
    }
    Ok(dn)
}

/// The name of an attribute, with its options: `userCertificate;binary`.
fn attribute(name: &str) -> Result<&str, Failure> {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '*' | '+' | '_');
    if name.is_empty() || name.len() > 256 || !name.chars().all(usual) {
        return Err(invalid(format!("`{}` is no name of an attribute", name.escape_debug())));
    }
    Ok(name)
}

fn attributes(cx: Cx<'_>, name: &str) -> Result<Vec<Attribute>, Failure> {
    let wrong = || invalid(format!("`{}` needs a Map<Text, List<Text>> as `{name}`", cx.call.native));
    let Some(value) = cx.args.get(name) else { return Ok(Vec::new()) };
    let Value::Map(map) = value else { return Err(wrong()) };
    if map.len() > MAX_ATTRIBUTES {
        return Err(invalid(format!("`{name}` has more than {MAX_ATTRIBUTES} attributes")));
    }
    let mut all = Vec::new();
    for (key, values) in map.iter() {
        let (Some(key), Value::List(values)) = (key.as_text(), values) else { return Err(wrong()) };
        let mut set = HashSet::new();
        for value in values.iter() {
            let text = value.as_text().ok_or_else(wrong)?;
            if text.len() > MAX_VALUE {
                return Err(invalid(format!("a value of `{key}` is longer than 1 MiB")));
            }
            set.insert(text.as_bytes().to_vec());
        }
        all.push((attribute(key)?.as_bytes().to_vec(), set));
    }
    Ok(all)
}

/// Entries, as far as bounds allow.
#[derive(Default)]
struct Entries {
    entries: Vec<Value>,
    max: usize,
    bytes: usize,
}

impl Entries {
    fn push(&mut self, mut entry: SearchEntry) -> Result<(), Failure> {
        entry.attrs.retain(|name, _| !is_password(name));
        entry.bin_attrs.retain(|name, _| !is_password(name));
        let no = |message: String| Err(invalid(message).happened(Happened::No));
        if self.entries.len() >= self.max {
            return no(format!("there are more than {} entries: ask for fewer, or set `max`", self.max));
        }
        let texts: usize = entry.attrs.values().flatten().map(String::len).sum();
        let binary: usize = entry.bin_attrs.values().flatten().map(Vec::len).sum();
        self.bytes += entry.dn.len() + texts + binary * 4 / 3;
        if self.bytes > MAX_BYTES {
            return no("the entries are more than 1 MiB: name the `attributes` that are needed".to_owned());
        }
        use base64::Engine as _;
        let encoded = |v: &Vec<u8>| Value::text(base64::engine::general_purpose::STANDARD.encode(v));
        let texts = entry.attrs.iter().map(|(n, v)| (n, Value::list(v.iter().map(Value::text))));
        let binary = entry.bin_attrs.iter().map(|(n, v)| (n, Value::list(v.iter().map(encoded))));
        self.entries.push(Value::record([
            ("dn", Value::text(entry.dn.as_str())),
            ("attributes", sorted(texts)),
            ("binary", sorted(binary)),
        ]));
        Ok(())
    }
}

/// In an order that is the same every time.
fn sorted<'a>(attributes: impl Iterator<Item = (&'a String, Value)>) -> Value {
    let mut all: Vec<(&String, Value)> = attributes.collect();
    all.sort_by_key(|(name, _)| *name);
    Value::Map(Arc::new(all.into_iter().map(|(name, values)| (Value::text(name), values)).collect::<IndexMap<_, _>>()))
}
