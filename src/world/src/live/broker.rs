//! What the primitives for message brokers share: as whom a broker is reached, and what a message holds.

use std::time::Duration;

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::egress::Egress;
use super::fail::{forbidden, invalid};
use crate::brokers::Access;

/// The longest name of a header, subject, topic, queue or key, in bytes.
const MAX_NAME: usize = 4 << 10;

/// As whom the broker of this call is reached. Addresses that requests may not go to are refused here too.
pub async fn access(cx: Cx<'_>) -> Result<Access, Failure> {
    let egress = Egress::new(cx.world.reach().config.allow_addresses.clone());
    let owned = |name| cx.args.text_or_none(name).map(|t| t.map(str::to_owned));
    let mut access = Access {
        user: owned("user")?,
        ca_file: owned("ca_file")?,
        client_cert: owned("client_cert")?,
        gate: Some(std::sync::Arc::new(move |host: &str, ip| egress.check(host, ip).map_err(|r| forbidden(r.message)))),
        ..Access::default()
    };
    for (name, place) in [
        ("password", &mut access.password),
        ("token", &mut access.token),
        ("credentials", &mut access.credentials),
        ("client_key", &mut access.client_key),
    ] {
        if let Some(secret) = cx.args.secret(name)? {
            *place = Some(cx.secret(secret).await?);
        }
    }
    Ok(access)
}

/// What a message holds: `text`, `json` or nothing.
pub fn payload(cx: Cx<'_>, most: usize) -> Result<Option<Vec<u8>>, Failure> {
    let payload = match (cx.args.text_or_none("text")?, cx.args.json("json")?) {
        (None, None) => None,
        (Some(text), None) => Some(text.as_bytes().to_vec()),
        (None, Some(json)) => Some(serde_json::Value::from(json).to_string().into_bytes()),
        _ => return Err(invalid("a message takes one body: `text` or `json`")),
    };
    if payload.as_ref().is_some_and(|p| p.len() > most) {
        return Err(invalid(format!("the message is longer than {} MiB", most >> 20)));
    }
    Ok(payload)
}

/// The headers of a message, each one line of text.
pub fn headers<'a>(cx: Cx<'a>) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let headers = cx.args.text_map("headers")?.unwrap_or_default();
    for (name, value) in &headers {
        let plain = |c: char| c.is_ascii_graphic() && c != ':';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
            return Err(invalid(format!("`{}` is no name of a header", name.escape_debug())));
        }
        if value.contains(['\r', '\n', '\0']) {
            return Err(invalid(format!("the header `{name}` holds a line break or a zero byte")));
        }
    }
    Ok(headers)
}

/// A name that is not empty, not too long and without control characters.
pub fn name<'a>(cx: Cx<'a>, arg: &str) -> Result<&'a str, Failure> {
    let name = cx.args.text(arg)?;
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(invalid(format!(
            "`{}` needs a name of at most 4 KiB without control characters as `{arg}`",
            cx.call.native
        )));
    }
    Ok(name)
}

/// How long the whole call may take.
pub fn patience(cx: Cx<'_>, default: Duration) -> Result<Duration, Failure> {
    cx.within(cx.args.duration("timeout", default)?)
}

/// The time is over: before the message was sent nothing happened, after that nobody can say.
pub fn late(what: &str, within: Duration, sent: bool) -> Failure {
    let happened = if sent { Happened::Maybe } else { Happened::No };
    Failure::new(FailureKind::Timeout, format!("{what} was not done after {within:?}")).happened(happened)
}

/// The connection broke after the message was sent.
pub fn broke(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message).happened(Happened::Maybe)
}

/// The other side has decided.
pub fn answered(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure::new(kind, message).happened(Happened::Answered)
}
