//! Requests signed for Amazon Web Services, with Signature Version 4:
//! https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

mod keys;
mod profile;
mod refusal;
mod sign;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use reqwest::header::{HeaderName, HeaderValue};
use rrb_lang::vm::protocol::Failure;

use super::super::super::Cx;
use super::super::super::args::Args;
use super::super::super::fail::invalid;
use super::super::client::Client;
use super::super::request::put;
pub use keys::{Keys, Variable};
pub use refusal::explained;
use sign::Scope;

/// Signs the request by the fields of an `http.Aws`.
pub async fn sign(cx: Cx<'_>, args: Args<'_>, client: &Client, request: &mut reqwest::Request) -> Result<(), Failure> {
    let scope = Scope { service: word(args, "service")?, region: word(args, "region")? };
    let variable: Variable<'_> = &|name| std::env::var(name).ok().filter(|v| !v.is_empty());
    let keys = keys::find(cx, args, client, variable).await?;
    if let Some(session) = &keys.session {
        cx.world.scrubber.learn("aws:session", session);
    }
    put_signature(request, &keys, scope, SystemTime::now())
}

fn put_signature(request: &mut reqwest::Request, keys: &Keys, scope: Scope<'_>, at: SystemTime) -> Result<(), Failure> {
    sign::spell(request.url_mut(), scope);
    for (name, value) in sign::headers(request, keys, scope, at)? {
        let mut value = HeaderValue::from_str(&value).map_err(|_| invalid("the request cannot be signed for AWS"))?;
        value.set_sensitive(true);
        put(request.headers_mut(), HeaderName::from_static(name).as_str(), value)?;
    }
    Ok(())
}

/// A name of a service or a region: it becomes a part of addresses and of what is signed.
fn word<'a>(args: Args<'a>, name: &str) -> Result<&'a str, Failure> {
    let word = args.text(name)?;
    let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && (1..=64).contains(&word.len()) {
        return Ok(word);
    }
    Err(invalid(format!(
        "`{}` is a name of small letters, digits and `-`, such as `ec2` or `eu-central-1`",
        args.path(name)
    )))
}
