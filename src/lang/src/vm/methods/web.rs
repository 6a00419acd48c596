//! Addresses, bytes and Json.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use sha2::{Digest, Sha256};

use ipnet::IpNet;

use super::text::percent_decoded;
use super::{MethodFn, checked_text, len, room};
use crate::json::Json;
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::image::hex;
use crate::vm::limits::MAX_TEXT;
use crate::vm::ops::overflow;

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

/// `.` and `..` are no names: whoever reads an address takes them as steps to another one, in any spelling.
fn is_step(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// An address from a text whose holes are filled: what fills one must not step out of its place in the path.
pub fn filled(text: &str) -> Res {
    let behind = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = behind.split(['?', '#']).next().unwrap_or_default();
    if path.split('/').skip(1).any(is_step) {
        return Err(invalid(format!("`{text}` has `.` or `..` as a segment of its path: it means another place")));
    }
    match url::Url::parse(text) {
        Ok(u) => Ok(Value::Url(u.as_str().into())),
        Err(e) => Err(invalid(format!("`{text}` is no URL: {e}"))),
    }
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
                if segment.is_empty() {
                    return Err(invalid(format!(
                        "an empty text is no segment: `{u}` would stay as it is, and mean all of them"
                    )));
                }
                if is_step(segment) {
                    return Err(invalid(format!("`{segment}` is no segment of a path: it means another place")));
                }
                if let Ok(mut path) = u.path_segments_mut() {
                    path.pop_if_empty().push(segment);
                }
                changed(&u)
            }),
            _ => mistyped("join", a),
        },
        "with_slash" => |a| {
            of_url(a, |mut u| {
                if let Ok(mut path) = u.path_segments_mut() {
                    path.pop_if_empty().push("");
                }
                changed(&u)
            })
        },
        "origin" => |a| of_url(a, |u| Ok(Value::text(u.origin().ascii_serialization()))),
        "segments" => |a| {
            of_url(a, |u| {
                let decoded = |s: &str| Value::text(String::from_utf8_lossy(&percent_decoded(s)).into_owned());
                Ok(Value::list(u.path_segments().into_iter().flatten().filter(|s| !s.is_empty()).map(decoded)))
            })
        },
        "queries" => |a| {
            of_url(a, |u| {
                let pairs = u.query_pairs().map(|(k, v)| (Value::text(k.as_ref()), Value::text(v.as_ref())));
                Ok(Value::Map(Arc::new(pairs.collect())))
            })
        },
        "fragment" => |a| of_url(a, |u| Ok(u.fragment().map_or(Value::None, Value::text))),
        "with_path" => |a| match a.get(1) {
            Some(Value::Text(path)) => of_url(a, |mut u| {
                if u.cannot_be_a_base() {
                    return Err(invalid(format!("`{u}` has no path to change")));
                }
                u.set_path(path);
                changed(&u)
            }),
            _ => mistyped("with_path", a),
        },
        "without_query" => |a| {
            of_url(a, |mut u| {
                u.set_query(None);
                u.set_fragment(None);
                changed(&u)
            })
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
        "is_private" => |a| is(a, is_private),
        "is_loopback" => |a| is(a, IpAddr::is_loopback),
        "is_link_local" => |a| is(a, is_link_local),
        "is_multicast" => |a| is(a, IpAddr::is_multicast),
        "is_public" => |a| is(a, |ip| !special(ip)),
        "to_cidr" => |a| match a {
            [Value::Ip(ip)] => Ok(Value::Cidr((*ip).into())),
            _ => mistyped("to_cidr", a),
        },
        _ => return None,
    })
}

/// An IPv4 address that is written as an IPv6 one is what it is.
fn is_private(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Whether no machine of the public network has this address.
fn special(ip: &IpAddr) -> bool {
    let ip = ip.to_canonical();
    let kept = match ip {
        // Shared between a provider and its customers (RFC 6598), and `this network`.
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_broadcast() || v4.is_documentation() || (a == 100 && b & 0xc0 == 64) || a == 0
        }
        IpAddr::V6(v6) => matches!(v6.segments(), [0x2001, 0xdb8, ..]),
    };
    kept || is_private(&ip) || is_link_local(&ip) || ip.is_loopback() || ip.is_multicast() || ip.is_unspecified()
}

/// The bits of an address that the network leaves open.
fn free_bits(net: &IpNet) -> u32 {
    u32::from(net.max_prefix_len() - net.prefix_len())
}

fn cidr(name: &str) -> Option<MethodFn> {
    Some(match name {
        "contains" => |a| match a {
            [Value::Cidr(net), Value::Ip(ip)] => Ok(Value::Bool(net.contains(&*ip))),
            _ => mistyped("contains", a),
        },
        "covers" => |a| match a {
            [Value::Cidr(net), Value::Cidr(other)] => Ok(Value::Bool(net.contains(&*other))),
            _ => mistyped("covers", a),
        },
        "overlaps" => |a| match a {
            [Value::Cidr(x), Value::Cidr(y)] => Ok(Value::Bool(x.contains(&*y) || y.contains(&*x))),
            _ => mistyped("overlaps", a),
        },
        "last" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Ip(net.broadcast())),
            _ => mistyped("last", a),
        },
        "netmask" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Ip(net.netmask())),
            _ => mistyped("netmask", a),
        },
        "is_v4" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Bool(matches!(net, IpNet::V4(_)))),
            _ => mistyped("is_v4", a),
        },
        "is_v6" => |a| match a {
            [Value::Cidr(net)] => Ok(Value::Bool(matches!(net, IpNet::V6(_)))),
            _ => mistyped("is_v6", a),
        },
        "len" => |a| match a {
            [Value::Cidr(net)] => {
                1_i64.checked_shl(free_bits(net)).filter(|n| *n > 0).map(Value::Int).ok_or_else(overflow)
            }
            _ => mistyped("len", a),
        },
        "hosts" => |a| match a {
            [Value::Cidr(net)] => {
                room(1_usize.checked_shl(free_bits(net)).unwrap_or(usize::MAX))?;
                Ok(Value::list(net.hosts().map(Value::Ip)))
            }
            _ => mistyped("hosts", a),
        },
        "subnets" => |a| match a {
            [Value::Cidr(net), Value::Int(n)] => {
                let bits = u8::try_from(*n).ok().filter(|n| (net.prefix_len()..=net.max_prefix_len()).contains(n));
                let made = bits.and_then(|bits| {
                    let count = 1_usize.checked_shl(u32::from(bits - net.prefix_len())).unwrap_or(usize::MAX);
                    net.subnets(bits).ok().map(|all| (count, all))
                });
                let Some((count, all)) = made else {
                    return Err(invalid(format!("`{net}` has no networks with {n} fixed bits")));
                };
                room(count)?;
                Ok(Value::list(all.map(Value::Cidr)))
            }
            _ => mistyped("subnets", a),
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
        "to_text_lossy" => |a| of(a, |b| checked_text(String::from_utf8_lossy(b).into_owned())),
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
        "to_list" => |a| match a {
            [Value::Json(Json::List(x))] => Ok(Value::list(x.iter().cloned().map(Value::Json))),
            [Value::Json(Json::Null)] => Ok(Value::list([])),
            [Value::Json(_)] => Ok(Value::list(a.first().cloned())),
            _ => mistyped("to_list", a),
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
        "kind" => |a| match a {
            [Value::Json(j)] => Ok(Value::text(match j {
                Json::Null => "null",
                Json::Bool(_) => "bool",
                Json::Int(_) | Json::UInt(_) | Json::Float(_) => "number",
                Json::Text(_) => "text",
                Json::List(_) => "list",
                Json::Object(_) => "object",
            })),
            _ => mistyped("kind", a),
        },
        "is_empty" => |a| match a {
            [Value::Json(Json::List(x))] => Ok(Value::Bool(x.is_empty())),
            [Value::Json(Json::Object(x))] => Ok(Value::Bool(x.is_empty())),
            [Value::Json(_)] => Ok(Value::Bool(true)),
            _ => mistyped("is_empty", a),
        },
        "values" => |a| match a {
            [Value::Json(Json::Object(x))] => Ok(Value::list(x.values().cloned().map(Value::Json))),
            [Value::Json(_)] => Ok(Value::list([])),
            _ => mistyped("values", a),
        },
        "entries" => |a| match a {
            [Value::Json(Json::Object(x))] => Ok(Value::list(
                x.iter()
                    .map(|(k, v)| Value::record([("key", Value::Text(k.clone())), ("value", Value::Json(v.clone()))])),
            )),
            [Value::Json(_)] => Ok(Value::list([])),
            _ => mistyped("entries", a),
        },
        "set" => |a| match a {
            [Value::Json(Json::Object(x)), Value::Text(key), Value::Json(v)] => {
                room(x.len() + 1)?;
                Arc::make_mut(x).insert(key.clone(), std::mem::take(v));
                Ok(Value::Json(Json::Object(std::mem::take(x))))
            }
            [Value::Json(Json::Null), Value::Text(key), Value::Json(v)] => {
                Ok(Value::Json(Json::object([(key.clone(), std::mem::take(v))])))
            }
            [Value::Json(j), Value::Text(_), Value::Json(_)] => {
                Err(invalid(format!("only an object has members, and this is {}", j.kind())))
            }
            _ => mistyped("set", a),
        },
        "remove" => |a| match a {
            [Value::Json(Json::Object(x)), Value::Text(key)] => {
                Arc::make_mut(x).shift_remove(key);
                Ok(Value::Json(Json::Object(std::mem::take(x))))
            }
            [Value::Json(j), Value::Text(_)] => Ok(Value::Json(j.clone())),
            _ => mistyped("remove", a),
        },
        _ => return None,
    })
}
