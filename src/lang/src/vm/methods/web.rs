//! Addresses, bytes and Json.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use sha2::{Digest, Sha256};

use super::{MethodFn, checked_text, len, room};
use crate::json::Json;
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::image::hex;
use crate::vm::limits::MAX_TEXT;

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    match head {
        "Url" => url_method(name),
        "Ip" => ip(name),
        "Cidr" => cidr(name),
        "Bytes" => bytes(name),
        _ => json(name),
    }
}

fn of_url(a: &[Value], f: impl FnOnce(url::Url) -> Res) -> Res {
    match a.first() {
        Some(Value::Url(u)) => match url::Url::parse(u) {
            Ok(parsed) => f(parsed),
            Err(e) => Err(invalid(format!("`{u}` is no URL: {e}"))),
        },
        _ => mistyped("Url", a),
    }
}

fn changed(u: &url::Url) -> Res {
    if u.as_str().len() > MAX_TEXT { Err(super::too_long()) } else { Ok(Value::Url(u.as_str().into())) }
}

fn url_method(name: &str) -> Option<MethodFn> {
    Some(match name {
        "scheme" => |a| of_url(a, |u| Ok(Value::text(u.scheme()))),
        "host" => |a| of_url(a, |u| Ok(Value::text(u.host_str().unwrap_or("")))),
        "port" => |a| of_url(a, |u| Ok(u.port_or_known_default().map_or(Value::None, |p| Value::Int(i64::from(p))))),
        "path" => |a| of_url(a, |u| Ok(Value::text(u.path()))),
        "query" => |a| match a.get(1) {
            Some(Value::Text(name)) => of_url(a, |u| {
                let found = u.query_pairs().find(|(k, _)| k == name.as_str());
                Ok(found.map_or(Value::None, |(_, v)| Value::text(v.as_ref())))
            }),
            _ => mistyped("query", a),
        },
        "join" => |a| match a.get(1) {
            Some(Value::Text(segment)) => of_url(a, |mut u| {
                if u.cannot_be_a_base() {
                    return Err(invalid(format!("`{u}` has no path to add to")));
                }
                if let Ok(mut path) = u.path_segments_mut() {
                    path.pop_if_empty().push(segment);
                }
                changed(&u)
            }),
            _ => mistyped("join", a),
        },
        "with_query" => |a| match (a.get(1), a.get(2)) {
            (Some(Value::Text(name)), Some(Value::Text(value))) => of_url(a, |mut u| {
                u.query_pairs_mut().append_pair(name, value);
                changed(&u)
            }),
            _ => mistyped("with_query", a),
        },
        _ => return None,
    })
}

fn ip(name: &str) -> Option<MethodFn> {
    fn is(a: &[Value], f: fn(&IpAddr) -> bool) -> Res {
        match a {
            [Value::Ip(ip)] => Ok(Value::Bool(f(ip))),
            _ => mistyped("Ip", a),
        }
    }
    Some(match name {
        "is_v4" => |a| is(a, IpAddr::is_ipv4),
        "is_v6" => |a| is(a, IpAddr::is_ipv6),
        "is_private" => |a| {
            is(a, |ip| match ip {
                IpAddr::V4(v4) => v4.is_private(),
                IpAddr::V6(v6) => v6.is_unique_local(),
            })
        },
        "is_loopback" => |a| is(a, IpAddr::is_loopback),
        _ => return None,
    })
}

fn cidr(name: &str) -> Option<MethodFn> {
    Some(match name {
        "contains" => |a| match a {
            [Value::Cidr(net), Value::Ip(ip)] => Ok(Value::Bool(net.contains(&*ip))),
            _ => mistyped("contains", a),
        },
        "network" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Ip(net.network())),
            _ => mistyped("network", a),
        },
        "prefix" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Int(i64::from(net.prefix_len()))),
            _ => mistyped("prefix", a),
        },
        _ => return None,
    })
}

fn bytes(name: &str) -> Option<MethodFn> {
    fn of(a: &[Value], f: impl FnOnce(&[u8]) -> Res) -> Res {
        match a {
            [Value::Bytes(b)] => f(b),
            _ => mistyped("Bytes", a),
        }
    }
    Some(match name {
        "len" => |a| of(a, |b| Ok(len(b.len()))),
        "is_empty" => |a| of(a, |b| Ok(Value::Bool(b.is_empty()))),
        "to_text" => |a| of(a, |b| std::str::from_utf8(b).map_or(Ok(Value::None), checked_text)),
        "base64" => |a| of(a, |b| checked_text(base64::engine::general_purpose::STANDARD.encode(b))),
        "hex" => |a| of(a, |b| checked_text(hex(b))),
        "sha256" => |a| of(a, |b| Ok(Value::text(hex(&Sha256::digest(b))))),
        _ => return None,
    })
}

fn json(name: &str) -> Option<MethodFn> {
    Some(match name {
        "len" => |a| match a {
            [Value::Json(Json::List(x))] => Ok(len(x.len())),
            [Value::Json(Json::Object(x))] => Ok(len(x.len())),
            [Value::Json(_)] => Ok(Value::Int(0)),
            _ => mistyped("len", a),
        },
        "keys" => |a| match a {
            [Value::Json(Json::Object(x))] => Ok(Value::list(x.keys().map(|k| Value::Text(k.clone())))),
            [Value::Json(_)] => Ok(Value::list([])),
            _ => mistyped("keys", a),
        },
        "items" => |a| match a {
            [Value::Json(Json::List(x))] => Ok(Value::list(x.iter().cloned().map(Value::Json))),
            [Value::Json(_)] => Ok(Value::list([])),
            _ => mistyped("items", a),
        },
        "get" => |a| match a {
            [Value::Json(j), Value::Text(path)] => {
                let walked = path.split('.').filter(|p| !p.is_empty()).fold(j.clone(), |at, part| match &at {
                    Json::List(_) => part.parse().map_or(Json::Null, |i| at.index(i)),
                    _ => at.field(part),
                });
                Ok(Value::Json(walked))
            }
            _ => mistyped("get", a),
        },
        "contains" => |a| match a {
            [Value::Json(Json::Object(x)), Value::Text(key)] => Ok(Value::Bool(x.contains_key(key))),
            [Value::Json(_), Value::Text(_)] => Ok(Value::Bool(false)),
            _ => mistyped("contains", a),
        },
        "merge" => |a| match a {
            [Value::Json(Json::Object(x)), Value::Json(Json::Object(y))] => {
                room(x.len() + y.len())?;
                Arc::make_mut(x).extend(y.iter().map(|(k, v)| (k.clone(), v.clone())));
                Ok(Value::Json(Json::Object(std::mem::take(x))))
            }
            [Value::Json(_), Value::Json(_)] => Err(invalid("only two objects can be merged")),
            _ => mistyped("merge", a),
        },
        "is_null" => |a| match a {
            [Value::Json(j)] => Ok(Value::Bool(*j == Json::Null)),
            _ => mistyped("is_null", a),
        },
        _ => return None,
    })
}
