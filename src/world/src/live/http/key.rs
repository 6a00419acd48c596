//! Where the idempotency key of a call goes: into a header, or as a UUID into the address or the body.

use reqwest::header::{HeaderMap, HeaderValue};
use rrb_lang::vm::protocol::Failure;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::super::Cx;
use super::super::fail::invalid;
use super::request::put;

/// The key as a UUID: the same of the same key, and nothing of what the key says can be read in it.
fn as_uuid(key: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(Sha256::digest(key.as_bytes())).for_each(|(to, from)| *to = from);
    // The bits of version 4, which is the only one that some services take.
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The parameter or member that `place` (`key_query`, `key_field`) names, with the key; none where nothing is named or the call has no key.
pub fn member(cx: Cx<'_>, place: &str) -> Result<Option<(String, String)>, Failure> {
    let (Some(key), Some(name)) = (&cx.call.key, cx.args.text_or_none(place)?) else { return Ok(None) };
    if name.is_empty() {
        return Err(invalid(format!("`{place}` names what takes the idempotency key")));
    }
    Ok(Some((name.to_owned(), as_uuid(key).to_string())))
}

/// Puts the key into its header, unless it goes elsewhere.
pub fn put_header(cx: Cx<'_>, headers: &mut HeaderMap) -> Result<(), Failure> {
    let (Some(key), Some(name)) = (&cx.call.key, cx.args.text_or_none("key_header")?) else { return Ok(()) };
    let elsewhere = cx.args.text_or_none("key_query")?.is_some() || cx.args.text_or_none("key_field")?.is_some();
    if elsewhere || name.is_empty() {
        return Ok(());
    }
    let value =
        HeaderValue::from_str(key).map_err(|_| invalid("the idempotency key holds a character that no header can"))?;
    put(headers, name, value)
}
