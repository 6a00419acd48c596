//! Texts.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::{MethodFn, checked_list, checked_text, count, len, too_long};
use crate::json::{self, Bounds};
use crate::value::{Pattern, Value};
use crate::vm::decode;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::limits::MAX_TEXT;

fn some(value: Option<Value>) -> Res {
    Ok(value.unwrap_or(Value::None))
}

fn of_text(a: &[Value], f: impl FnOnce(&str) -> Res) -> Res {
    match a {
        [Value::Text(t)] => f(t),
        _ => mistyped("text", a),
    }
}

fn two(a: &[Value], f: impl FnOnce(&str, &str) -> Res) -> Res {
    match a {
        [Value::Text(t), Value::Text(u)] => f(t, u),
        _ => mistyped("text", a),
    }
}

fn texts<'a>(parts: impl Iterator<Item = &'a str>) -> Res {
    checked_list(parts.take(crate::vm::limits::MAX_ITEMS + 1).map(Value::text).collect())
}

pub(super) fn find(name: &str) -> Option<MethodFn> {
    plain(name).or_else(|| cutting(name)).or_else(|| conversion(name)).or_else(|| matching(name))
}

fn plain(name: &str) -> Option<MethodFn> {
    Some(match name {
        "len" => |a| of_text(a, |t| Ok(len(t.chars().count()))),
        "is_empty" => |a| of_text(a, |t| Ok(Value::Bool(t.is_empty()))),
        "lower" => |a| of_text(a, |t| checked_text(t.to_lowercase())),
        "upper" => |a| of_text(a, |t| checked_text(t.to_uppercase())),
        "trim" => |a| of_text(a, |t| Ok(Value::text(t.trim()))),
        "trim_start" => |a| of_text(a, |t| Ok(Value::text(t.trim_start()))),
        "trim_end" => |a| of_text(a, |t| Ok(Value::text(t.trim_end()))),
        "lines" => |a| of_text(a, |t| texts(t.lines())),
        "words" => |a| of_text(a, |t| texts(t.split_whitespace())),
        "chars" => |a| of_text(a, |t| texts(t.split("").filter(|c| !c.is_empty()))),
        "split" => |a| {
            two(
                a,
                |t, by| if by.is_empty() { texts(t.split("").filter(|c| !c.is_empty())) } else { texts(t.split(by)) },
            )
        },
        "starts_with" => |a| two(a, |t, u| Ok(Value::Bool(t.starts_with(u)))),
        "ends_with" => |a| two(a, |t, u| Ok(Value::Bool(t.ends_with(u)))),
        "contains" => |a| two(a, |t, u| Ok(Value::Bool(t.contains(u)))),
        "index_of" => {
            |a| two(a, |t, u| some(t.find(u).and_then(|at| t.get(..at)).map(|head| len(head.chars().count()))))
        }
        "remove_prefix" => |a| two(a, |t, u| Ok(Value::text(t.strip_prefix(u).unwrap_or(t)))),
        "remove_suffix" => |a| two(a, |t, u| Ok(Value::text(t.strip_suffix(u).unwrap_or(t)))),
        "before" => |a| two(a, |t, u| some(t.split_once(u).map(|(head, _)| Value::text(head)))),
        "after" => |a| two(a, |t, u| some(t.split_once(u).map(|(_, tail)| Value::text(tail)))),
        "replace" => |a| match a {
            [Value::Text(t), Value::Text(from), Value::Text(to)] => {
                replaced(t, t.match_indices(from.as_str()).map(|(i, m)| (i, i + m.len())), to)
            }
            _ => mistyped("replace", a),
        },
        "take" => |a| match a {
            [Value::Text(t), Value::Int(n)] => Ok(Value::text(head(t, count(*n)))),
            _ => mistyped("take", a),
        },
        "drop" => |a| match a {
            [Value::Text(t), Value::Int(n)] => Ok(Value::text(t.get(head(t, count(*n)).len()..).unwrap_or(""))),
            _ => mistyped("drop", a),
        },
        "truncate" => |a| match a {
            [Value::Text(t), Value::Int(n)] => {
                let n = count(*n);
                if head(t, n).len() == t.len() {
                    return Ok(Value::Text(t.clone()));
                }
                let kept = head(t, n.saturating_sub(1));
                Ok(Value::text(if n == 0 { String::new() } else { format!("{kept}…") }))
            }
            _ => mistyped("truncate", a),
        },
        "pad_start" => |a| padding(a, |t, pad| format!("{pad}{t}")),
        "pad_end" => |a| padding(a, |t, pad| format!("{t}{pad}")),
        "repeat" => |a| match a {
            [Value::Text(t), Value::Int(n)] => match t.len().checked_mul(count(*n)) {
                Some(size) if size <= MAX_TEXT => Ok(Value::text(t.repeat(count(*n)))),
                _ => Err(too_long()),
            },
            _ => mistyped("repeat", a),
        },
        _ => return None,
    })
}

/// The number of characters before the byte `at`.
fn character(t: &str, at: usize) -> Value {
    len(t.get(..at).map_or(0, |head| head.chars().count()))
}

fn cutting(name: &str) -> Option<MethodFn> {
    Some(match name {
        "is_blank" => |a| of_text(a, |t| Ok(Value::Bool(t.trim().is_empty()))),
        "reverse" => |a| of_text(a, |t| checked_text(t.chars().rev().collect::<String>())),
        "capitalize" => |a| {
            of_text(a, |t| {
                let mut rest = t.chars();
                let first = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
                checked_text(first + rest.as_str())
            })
        },
        "count" => |a| two(a, |t, u| Ok(len(if u.is_empty() { 0 } else { t.matches(u).count() }))),
        "last_index_of" => |a| two(a, |t, u| some(t.rfind(u).map(|at| character(t, at)))),
        "before_last" => |a| two(a, |t, u| some(t.rsplit_once(u).map(|(head, _)| Value::text(head)))),
        "after_last" => |a| two(a, |t, u| some(t.rsplit_once(u).map(|(_, tail)| Value::text(tail)))),
        "split_once" => |a| {
            two(a, |t, u| {
                let pair = |(l, r)| Value::record([("left", Value::text(l)), ("right", Value::text(r))]);
                some(t.split_once(u).map(pair))
            })
        },
        "indent" => |a| match a {
            [Value::Text(t), Value::Int(n)] => {
                let margin = count(*n);
                if t.lines().count().saturating_mul(margin).saturating_add(t.len()) > MAX_TEXT {
                    return Err(too_long());
                }
                let margin = " ".repeat(margin);
                let lines = t.split_inclusive('\n').map(|l| match l.trim_end().is_empty() {
                    true => l.to_owned(),
                    false => format!("{margin}{l}"),
                });
                checked_text(lines.collect::<String>())
            }
            _ => mistyped("indent", a),
        },
        "escape_html" => |a| {
            of_text(a, |t| {
                let mut out = String::with_capacity(t.len());
                for c in t.chars() {
                    match c {
                        '&' => out.push_str("&amp;"),
                        '<' => out.push_str("&lt;"),
                        '>' => out.push_str("&gt;"),
                        '"' => out.push_str("&quot;"),
                        '\'' => out.push_str("&#39;"),
                        c => out.push(c),
                    }
                }
                checked_text(out)
            })
        },
        "escape_regex" => |a| of_text(a, |t| checked_text(regex::escape(t))),
        _ => return None,
    })
}

fn head(t: &str, n: usize) -> &str {
    t.char_indices().nth(n).and_then(|(at, _)| t.get(..at)).unwrap_or(t)
}

fn padding(a: &[Value], join: fn(&str, &str) -> String) -> Res {
    let (Some(Value::Text(t)), Some(Value::Int(n))) = (a.first(), a.get(1)) else { return mistyped("pad", a) };
    let with = a.get(2).and_then(Value::as_text).unwrap_or(" ");
    let missing = count(*n).saturating_sub(t.chars().count());
    let widest = with.chars().map(char::len_utf8).max().unwrap_or(0);
    if missing.saturating_mul(widest) > MAX_TEXT {
        return Err(too_long());
    }
    let pad: String = with.chars().cycle().take(missing).collect();
    checked_text(join(t, &pad))
}

/// `text` with each of the places replaced by `to`.
fn replaced(text: &str, places: impl Iterator<Item = (usize, usize)>, to: &str) -> Res {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (start, end) in places {
        out.push_str(text.get(from..start).unwrap_or(""));
        out.push_str(to);
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    checked_text(out)
}

fn conversion(name: &str) -> Option<MethodFn> {
    Some(match name {
        "to_int" => to_int,
        "to_regex" => |a| of_text(a, |t| some(Pattern::new(t).ok().map(Value::Regex))),
        "to_float" => {
            |a| of_text(a, |t| some(t.trim().parse::<f64>().ok().filter(|f| f.is_finite()).map(Value::Float)))
        }
        "to_bool" => |a| of_text(a, |t| some(t.parse().ok().map(Value::Bool))),
        "to_duration" => |a| of_text(a, |t| some(decode::duration(t).map(Value::Duration))),
        "to_size" => |a| of_text(a, |t| some(decode::size(t).map(Value::Size))),
        "to_time" => |a| of_text(a, |t| some(decode::time(t).map(Value::Time))),
        "to_url" => |a| of_text(a, |t| some(decode::url(t).map(Value::Url))),
        "to_ip" => |a| of_text(a, |t| some(t.parse().ok().map(Value::Ip))),
        "to_cidr" => |a| of_text(a, |t| some(t.parse().ok().map(Value::Cidr))),
        "parse_json" => |a| of_text(a, |t| some(json::parse(t.as_bytes(), Bounds::default()).ok().map(Value::Json))),
        "to_bytes" => |a| of_text(a, |t| Ok(Value::Bytes(t.as_bytes().into()))),
        "base64" => |a| of_text(a, |t| checked_text(STANDARD.encode(t))),
        "decode_base64" => |a| of_text(a, |t| some(STANDARD.decode(t).ok().map(|b| Value::Bytes(b.into())))),
        "decode_hex" => |a| of_text(a, |t| some(unhex(t).map(|b| Value::Bytes(b.into())))),
        "url_decode" => |a| of_text(a, |t| some(String::from_utf8(percent_decoded(t)).ok().map(Value::text))),
        "url_encode" => |a| of_text(a, |t| checked_text(percent_encoded(t))),
        "sha256" => |a| of_text(a, |t| Ok(Value::text(crate::vm::image::hex(&Sha256::digest(t.as_bytes()))))),
        _ => return None,
    })
}

/// The number in the base of the argument, ten unless given; in base 16 `0x` may stand before it.
fn to_int(a: &mut [Value]) -> Res {
    let (Some(Value::Text(t)), base) = (a.first(), a.get(1)) else { return mistyped("to_int", a) };
    let base = match base {
        Some(Value::Int(n)) => {
            let base = u32::try_from(*n).ok().filter(|n| (2..=36).contains(n));
            base.ok_or_else(|| invalid(format!("the base must be 2 to 36, not {n}")))?
        }
        _ => 10,
    };
    let t = t.trim();
    let plain = if base == 16 { t.strip_prefix("0x").unwrap_or(t) } else { t };
    some(i64::from_str_radix(plain, base).ok().map(Value::Int))
}

fn unhex(t: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = t.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let pairs = digits.filter(|d| d.len().is_multiple_of(2))?;
    Some(pairs.chunks(2).map(|p| p.iter().fold(0, |n, d| n << 4 | d)).collect())
}

/// The bytes behind percent-encoding; what is no `%` with two digits stays as it is.
pub(super) fn percent_decoded(t: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(t.len());
    let mut rest = t;
    while let Some((plain, coded)) = rest.split_once('%') {
        out.extend_from_slice(plain.as_bytes());
        let byte = coded.get(..2).and_then(unhex);
        match (byte.as_deref(), coded.get(2..)) {
            (Some([byte]), Some(behind)) => {
                out.push(*byte);
                rest = behind;
            }
            _ => {
                out.push(b'%');
                rest = coded;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// As one segment or query value of a URL: everything but letters, digits and `-._~`.
pub(crate) fn percent_encoded(t: &str) -> String {
    use std::fmt::Write;
    t.bytes().fold(String::with_capacity(t.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn matching(name: &str) -> Option<MethodFn> {
    Some(match name {
        "replace_all" => |a| match a {
            [Value::Text(t), Value::Regex(p), Value::Text(to)] => {
                replaced(t, p.regex().find_iter(t).map(|m| (m.start(), m.end())), to)
            }
            _ => mistyped("replace_all", a),
        },
        "capture" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => some(p.regex().captures(t).map(|c| groups(p, &c))),
            _ => mistyped("capture", a),
        },
        "captures" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => checked_list(
                p.regex().captures_iter(t).take(crate::vm::limits::MAX_ITEMS + 1).map(|c| groups(p, &c)).collect(),
            ),
            _ => mistyped("captures", a),
        },
        "matches" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => Ok(Value::Bool(p.regex().is_match(t))),
            _ => mistyped("matches", a),
        },
        "find" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => some(p.regex().find(t).map(|m| Value::text(m.as_str()))),
            _ => mistyped("find", a),
        },
        "split_by" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => texts(p.regex().split(t)),
            _ => mistyped("split_by", a),
        },
        "find_all" => |a| match a {
            [Value::Text(t), Value::Regex(p)] => texts(p.regex().find_iter(t).map(|m| m.as_str())),
            _ => mistyped("find_all", a),
        },
        _ => return None,
    })
}

fn groups(p: &Pattern, captures: &regex::Captures<'_>) -> Value {
    let mut map = IndexMap::new();
    for (i, name) in p.regex().capture_names().enumerate() {
        let Some(m) = captures.get(i) else { continue };
        map.insert(Value::text(i.to_string()), Value::text(m.as_str()));
        if let Some(name) = name {
            map.insert(Value::Text(SmolStr::from(name)), Value::text(m.as_str()));
        }
    }
    Value::Map(Arc::new(map))
}
