//! Values from documents and command lines, and the bounds of values.

use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::types::{Ty, Type, TypeDefKind};
use rrb_lang::value::Value;
use rrb_lang::vm::{decode, display, to_json, value_from_text};

use super::kit::{call, call_with, message, program};

const TYPES: &str = r#"
type Pod = { name: Text, ready: Bool = true, limits: Limits?, labels: Map<Text, Text> = {} }
type Limits = { memory: Size, grace: Duration = 30s }
type Pair<T> = { left: T, right: T }
enum Level { low, high, burning(since: Time, by: Text) }
fn pods(j: Json) -> List<Pod> { j as List<Pod> }
fn pair(j: Json) -> Pair<Int> { j as Pair<Int> }
fn level(j: Json) -> Level { j as Level }
fn net(j: Json) -> { at: Time, url: Url, ip: Ip, net: Cidr, raw: Bytes, wait: Duration } { j as { at: Time, url: Url, ip: Ip, net: Cidr, raw: Bytes, wait: Duration } }
"#;

fn json(text: &str) -> Value {
    Value::Json(rrb_lang::json::parse(text.as_bytes(), Default::default()).unwrap())
}

fn named(p: &Program, name: &str) -> Ty {
    let at = p.types.defs.iter().position(|d| d.name == name).unwrap();
    Ty::new(Type::Named(rrb_lang::ids::TypeId(u32::try_from(at).unwrap()), vec![]))
}

#[test]
fn documents_become_typed_values_and_back() {
    let p = program(TYPES);
    let made = call(&p, "pods", vec![json(r#"[{"name":"a","limits":{"memory":"1GiB"},"more":1},{"name":"b","ready":false,"limits":null,"labels":{"x":"y"}}]"#)]).unwrap();
    let back = to_json(&made).unwrap();
    let expected = r#"[{"name":"a","ready":true,"limits":{"memory":1073741824,"grace":"30s"},"labels":{}},{"name":"b","ready":false,"limits":null,"labels":{"x":"y"}}]"#;
    assert_eq!(serde_json::to_string(&back).unwrap(), expected);
    // What became Json reads back as the same value.
    assert_eq!(call(&p, "pods", vec![Value::Json(back)]).unwrap(), made);
    let made = call(&p, "net", vec![json(r#"{"at":"2026-11-21T10:00:00.5Z","url":"https://a.b","ip":"::1","net":"10.0.0.0/8","raw":"YWI=","wait":"1h30m"}"#)]).unwrap();
    let back = to_json(&made).unwrap();
    assert_eq!(call(&p, "net", vec![Value::Json(back)]).unwrap(), made);
    let burning = call(&p, "level", vec![json(r#"{"burning":["2026-11-21T10:00:00Z","ana"]}"#)]).unwrap();
    assert_eq!(call(&p, "level", vec![Value::Json(to_json(&burning).unwrap())]).unwrap(), burning);
}

#[test]
fn a_misfit_says_where_and_what() {
    let p = program(TYPES);
    for (function, document, says) in [
        ("pods", "{}", "expected a list, found an object"),
        ("pods", "[1]", "expected Pod (an object) at `$[0]`, found 1"),
        ("pods", "[{}]", "expected a text at `$[0].name`, found nothing"),
        (
            "pods",
            r#"[{"name":"a","limits":{}}]"#,
            "expected a size such as \"10MiB\" or bytes at `$[0].limits.memory`, found nothing",
        ),
        (
            "pods",
            r#"[{"name":"a","limits":{"memory":-1}}]"#,
            "expected a size such as \"10MiB\" or bytes at `$[0].limits.memory`, found -1",
        ),
        ("pods", r#"[{"name":"a","labels":{"a b":3}}]"#, "expected a text at `$[0].labels[\"a b\"]`, found 3"),
        ("pods", r#"[{"name":"a","ready":"yes"}]"#, "expected true or false at `$[0].ready`, found the text \"yes\""),
        ("pair", r#"{"left":1,"right":1.5}"#, "expected a whole number at `$.right`, found 1.5"),
        (
            "pair",
            r#"{"left":1,"right":18446744073709551615}"#,
            "expected a whole number at `$.right`, found 18446744073709551615",
        ),
        ("level", r#""hgh""#, "expected Level (low, high, burning), found the text \"hgh\""),
        ("level", r#""burning""#, "expected Level (low, high, burning), found the text \"burning\""),
        ("level", r#"{"low":[]}"#, "expected Level (low, high, burning), found an object"),
        (
            "level",
            r#"{"burning":["x","ana"]}"#,
            "expected a time such as \"2026-11-21T10:00:00Z\" at `$.since`, found the text \"x\"",
        ),
        (
            "net",
            r#"{"at":"2026-11-21T10:00:00Z","url":"nowhere"}"#,
            "expected a URL at `$.url`, found the text \"nowhere\"",
        ),
    ] {
        assert_eq!(message(call(&p, function, vec![json(document)])), says, "{document}");
    }
}

#[test]
fn command_lines_become_typed_values() {
    let p = program(TYPES);
    let read = |ty: Ty, text: &str| value_from_text(&p.types, &ty, text, &p.constants).map_err(|e| e.to_string());
    let ty = |t: Type| Ty::new(t);
    let good: &[(Ty, &str, &str)] = &[
        (ty(Type::Int), "42", "42"),
        (ty(Type::Float), "85%", "0.85"),
        (ty(Type::Float), "1e3", "1000.0"),
        (ty(Type::Bool), "true", "true"),
        (ty(Type::Text), "42", "42"),
        (ty(Type::Text), "\"quoted\"", "\"quoted\""),
        (ty(Type::Duration), "1h30m", "1h30m"),
        (ty(Type::Size), "10MiB", "10MiB"),
        (ty(Type::Time), "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        (ty(Type::Optional(ty(Type::Int))), "none", "none"),
        (ty(Type::Optional(ty(Type::Int))), "3", "3"),
        (ty(Type::List(ty(Type::Text))), "[\"a\"]", "[\"a\"]"),
        (named(&p, "Level"), "high", "high"),
        (named(&p, "Limits"), r#"{"memory": "1KiB"}"#, r#"{"memory":"1KiB","grace":"30s"}"#),
        (ty(Type::Secret), "env:TOKEN", "secret(env:TOKEN)"),
        (ty(Type::Json), "[1]", "[1]"),
        (ty(Type::Json), "words", "\"words\""),
    ];
    for (ty, text, shown) in good {
        assert_eq!(read(ty.clone(), text).as_ref().map(display).as_deref(), Ok(*shown), "{text}");
    }
    let bad: &[(Ty, &str, &str)] = &[
        (ty(Type::Int), "4.5", "expected a whole number, found 4.5"),
        (ty(Type::Int), "", "expected a whole number, found the text \"\""),
        (ty(Type::Bool), "yes", "expected true or false, found the text \"yes\""),
        (ty(Type::Duration), "5", "expected a duration such as \"5m\", found the text \"5\""),
        (ty(Type::Duration), "1m1h", "expected a duration such as \"5m\", found the text \"1m1h\""),
        (ty(Type::Duration), "99999999999w", "expected a duration such as \"5m\", found the text \"99999999999w\""),
        (ty(Type::Size), "10 MB", "expected a size such as \"10MiB\" or bytes, found the text \"10 MB\""),
        (ty(Type::Secret), "hunter2", "expected a value that JSON can hold, found the text \"hunter2\""),
        (named(&p, "Level"), "hot", "expected Level (low, high, burning), found the text \"hot\""),
    ];
    for (ty, text, says) in bad {
        assert_eq!(read(ty.clone(), text).unwrap_err(), *says, "{text}");
    }
    assert!(matches!(p.types.get(rrb_lang::types::builtin::FAILURE).unwrap().kind, TypeDefKind::Record(_)));
    assert_eq!(decode(&p.types, &ty(Type::Float), &Json::Int(2), &[]).unwrap(), Value::Float(2.0));
}

#[test]
fn texts_and_lists_hold_at_their_bounds() {
    let p = program(
        "fn text(n: Int) -> Int { \"x\".repeat(n).len() }
         fn joined(n: Int) -> Int { let t = \"x\".repeat(n)  \"${t}\".len() }
         fn list(n: Int) -> Int { (0..n).to_list().len() }
         fn pushed(n: Int) -> Int { var xs = (0..n - 1).to_list()  xs = xs.push(1)  xs.len() }
         fn doubled(n: Int) -> Int { let xs = (0..n.div(2)).to_list()  xs.concat(xs).len() }",
    );
    let fuel = 1_000_000_000;
    let mib8 = 8 << 20;
    for f in ["text", "joined"] {
        for n in [mib8 - 1, mib8] {
            assert_eq!(call_with(&p, f, vec![Value::Int(n)], fuel).unwrap(), Value::Int(n));
        }
        assert_eq!(message(call_with(&p, f, vec![Value::Int(mib8 + 1)], fuel)), "the text would be longer than 8 MiB");
    }
    for f in ["list", "pushed"] {
        for n in [999_999, 1_000_000] {
            assert_eq!(call_with(&p, f, vec![Value::Int(n)], fuel).unwrap(), Value::Int(n), "{f}");
        }
        assert_eq!(
            message(call_with(&p, f, vec![Value::Int(1_000_001)], fuel)),
            "a list, set or map can have 1,000,000 items at most"
        );
    }
    assert!(call_with(&p, "doubled", vec![Value::Int(1_000_000)], fuel).is_ok());
    assert!(call_with(&p, "doubled", vec![Value::Int(1_000_002)], fuel).is_err());
}
