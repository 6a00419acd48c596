//! Pure code: expressions, loops, patterns, failures, limits.

use rrb_lang::value::Value;

use super::kit::{call, call_with, message, program, try_program};

/// Each line `expression == value` holds.
#[test]
fn expressions_have_their_values() {
    let lines = include_str!("values.txt");
    let mut wrong = Vec::new();
    for line in lines.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let text = format!(
            "{}\nfn holds() -> Bool {{ {line} }}\n",
            "type Pod = { name: Text, ready: Bool = true, restarts: Int = 0 }
             enum Level { low, high, burning(since: Int, by: Text) }
             enum Rank { small, big }
             let limit = 2 * 21
             fn twice(f: (Int) => Int, x: Int) -> Int { f(f(x)) }
             fn fact(n: Int) -> Int { if n <= 1 { 1 } else { n * fact(n - 1) } }
             fn word(l: Level) -> Text { match l { low => \"low\", burning(since, by: _) if since > 5 => \"old\", burning(since, by) => \"${by} ${since}\", high => \"high\" } }
             fn caught(j: Json) -> Int { try { j as Int } catch f { if f.kind == invalid { -1 } else { -2 } } }
             fn evens(n: Int) -> List<Int> { var out: List<Int> = []  for i in 0..n { if i mod 2 == 1 { continue }  if i > 6 { break }  out = out.push(i) }  out }
             fn count(n: Int) -> Int { var i = 0  while i < n { i += 1 }  i }
             fn early(xs: List<Int>) -> Int { for x in xs { try { if x > 2 { return x } } catch f { return -1 } }  0 }
             fn maybe(p: Pod?) -> Text { if let q = p { \"${q.name} ${q.ready} ${q.restarts}\" } else { \"none\" } }
             fn json(t: Text) -> Json { t.parse_json() ?? fail \"no json\" }"
        );
        match try_program(&text).map(|p| call(&p, "holds", vec![])) {
            Ok(Ok(Value::Bool(true))) => {}
            Ok(other) => wrong.push(format!("{line}\n    {other:?}")),
            Err(said) => wrong.push(format!("{line}\n{said}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn failures_say_what_is_wrong() {
    let cases = [
        ("1 / 0 > 0.0", "division by zero"),
        ("7.div(0) > 0", "division by zero"),
        ("9_223_372_036_854_775_807 + 1 > 0", "the number is too large"),
        ("[1, 2][2] == 1", "there is no item 2 in a list of 2"),
        ("[1, 2][-3] == 1", "there is no item -3 in a list of 2"),
        ("fail \"on ${1 + 1} nodes\"", "on 2 nodes"),
        ("(\"7\".parse_json() ?? fail \"x\") as Text == \"7\"", "expected a text, found 7"),
        (
            "(r#\"{\"a\":[{\"b\":null}]}\"#.parse_json() ?? fail \"x\").a[0].b as Int == 1",
            "expected a whole number, found null",
        ),
        ("(-1.0).sqrt() > 0.0", "the result is not a number"),
        ("\"x\".repeat(9_000_000).len() > 0", "the text would be longer than 8 MiB"),
        ("(0..1_000_001).to_list().len() > 0", "a list, set or map can have 1,000,000 items at most"),
        ("[1].chunks(0).len() > 0", "chunks of 0 items cannot be made"),
        (
            "time\"2026-01-01T00:00:00Z\".in_zone(\"Mars/Base\").hour == 1",
            "there is no time zone `Mars/Base`; write one as `Europe/Berlin` or `UTC`",
        ),
        (
            "{ var i = 0  while true { i += 1 }  i > 0 }",
            "`while` went round 10000 times; write `max N` after its condition if it may take more",
        ),
        ("5.0.clamp(2.0, 1.0) > 0.0", "the lower bound of `clamp` is above the upper one"),
        ("1KB - 2KB > 0B", "a size cannot be negative"),
    ];
    for (expression, expected) in cases {
        let p = program(&format!("fn holds() -> Bool {{ {expression} }}"));
        assert_eq!(message(call(&p, "holds", vec![])), expected, "{expression}");
    }
}

#[test]
fn constants_are_computed_when_compiled() {
    let p = program(
        "let a = b * 2\nlet b = twice(4)\nlet c: Floor = r#\"{}\"#.parse_json() as Floor? ?? { height: 1 }\n
         type Floor = { height: Int = a }\nfn twice(x: Int) -> Int { x * 2 }\nfn all() -> Int { a + c.height }",
    );
    assert_eq!(call(&p, "all", vec![]).unwrap(), Value::Int(32));
    for (text, says) in [
        ("let a = 1.div(0)", "division by zero"),
        ("let a = \"x\".repeat(100_000_000)", "longer than 8 MiB"),
        (
            "fn slow(n: Int) -> Int { if n < 2 { n } else { slow(n - 1) + slow(n - 2) } }\nlet a = slow(40)",
            "too much work",
        ),
        ("fn deep(n: Int) -> Int { deep(n + 1) }\nlet a = deep(0)", "`depth`"),
        ("let a = [1][3]", "no item 3"),
    ] {
        let said = try_program(&format!("{text}\n")).unwrap_err();
        assert!(said.contains(says), "{text}: {said}");
    }
}

#[test]
fn fuel_holds_at_its_end() {
    let p = program("fn count(n: Int) -> Int { var i = 0  for x in 0..n { i += x }  i }");
    let needed = (1..10_000).find(|fuel| call_with(&p, "count", vec![Value::Int(100)], *fuel).is_ok()).unwrap();
    assert!(call_with(&p, "count", vec![Value::Int(100)], needed - 1).is_err());
    assert!(call_with(&p, "count", vec![Value::Int(100)], needed).is_ok());
    assert!(call_with(&p, "count", vec![Value::Int(100)], needed + 1).is_ok());
    let said = message(call_with(&p, "count", vec![Value::Int(100)], needed - 1));
    assert_eq!(said, format!("the limit `fuel` was reached: {} instructions without waiting for anything", needed - 1));
}

#[test]
fn depth_holds_at_its_end() {
    let p = program("fn deep(n: Int) -> Int { if n <= 1 { 1 } else { deep(n - 1) + 1 } }");
    assert_eq!(call(&p, "deep", vec![Value::Int(127)]).unwrap(), Value::Int(127));
    assert_eq!(call(&p, "deep", vec![Value::Int(128)]).unwrap(), Value::Int(128));
    let said = message(call(&p, "deep", vec![Value::Int(129)]));
    assert_eq!(said, "the limit `depth` was reached: calls nest deeper than 128");
}

#[test]
fn a_limit_cannot_be_caught() {
    let p = program("fn deep(n: Int) -> Int { try { deep(n + 1) } catch f { 0 } }");
    assert!(message(call(&p, "deep", vec![Value::Int(0)])).contains("`depth`"));
    let p = program(
        "fn burn() -> Int { var n = 0  while true max 1_000_000 { try { n = spin(n) } catch _f { n = 0 } }  n }\nfn spin(n: Int) -> Int { var i = n  while true max 1_000_000 { i = 1 - i }  i }",
    );
    assert!(message(call_with(&p, "burn", vec![], 100_000)).contains("`fuel`"));
}

#[test]
fn memory_is_bounded() {
    // Doubles its list each round: 2^n items of 32 bytes.
    let p =
        program("fn grow(n: Int) -> Int { var xs = [1]  for i in 0..n { xs = xs.concat(xs.map(x => x)) }  xs.len() }");
    assert_eq!(call(&p, "grow", vec![Value::Int(16)]).unwrap(), Value::Int(65_536));
    let p = program(
        "fn hold(n: Int) -> Int { var xs: List<List<Int>> = []  let row = (0..1_000).to_list()  for i in 0..n { xs = xs.push(row.concat([i])) }  xs.len() }",
    );
    assert_eq!(call(&p, "hold", vec![Value::Int(1_000)]).unwrap(), Value::Int(1_000));
    assert!(message(call(&p, "hold", vec![Value::Int(3_000)])).contains("`memory`"));
}

#[test]
fn what_is_shared_counts_as_often_as_it_is_written() {
    let p = program(
        "fn share(n: Int) -> Int { var xs: List<List<Int>> = []  let row = (0..1_000).to_list()  for i in 0..n { xs = xs.push(row) }  var ys: List<Int> = []  ys = xs.flat_map(x => x)  ys.len() }",
    );
    assert_eq!(call(&p, "share", vec![Value::Int(100)]).unwrap(), Value::Int(100_000));
}

/// Two handlers deep, in a call, and where nothing else catches it.
#[test]
fn a_failure_in_a_handler_is_caught_further_out() {
    let p = program(
        "fn one() -> Text { try { try { fail \"a\" } catch f { fail \"${f.message}b\" } } catch f { \"${f.message}c\" } }
         fn two() -> Text { try { try { try { fail \"a\" } catch _f { fail \"b\" } } catch f { fail \"${f.message}!\" } } catch f { f.message } }
         fn deep() -> Int { try { fail \"a\" } catch _f { 1.div(0) } }
         fn called() -> Int { try { 1 + deep() } catch _f { 7 } }
         fn after() -> Int { let x = try { called() } catch _f { 0 }  x + (try { deep() } catch _f { 1 }) }",
    );
    assert_eq!(call(&p, "one", vec![]), Ok(Value::text("abc")));
    assert_eq!(call(&p, "two", vec![]), Ok(Value::text("b!")));
    assert_eq!(message(call(&p, "deep", vec![])), "division by zero");
    assert_eq!(call(&p, "called", vec![]), Ok(Value::Int(7)));
    assert_eq!(call(&p, "after", vec![]), Ok(Value::Int(8)));
}

#[test]
fn what_changes_in_place_changes_for_nobody_else() {
    let cases = [
        "var xs = [1, 2]  let old = xs  xs = xs.push(3)  xs += [4]  old == [1, 2] and xs == [1, 2, 3, 4]",
        "var xs = [1]  xs = xs + xs  xs = xs.push(xs.len())  xs == [1, 1, 2]",
        "var xs = [[1]]  xs = xs.push(xs[0].push(2))  xs == [[1], [1, 2]]",
        "var m = { \"a\": 1 }  let old = m  m = m.set(\"a\", (m[\"a\"] ?? 0) + 1)  old[\"a\"] == 1 and m[\"a\"] == 2",
        "var s = [1].to_set()  let old = s  s = s.add(2)  old.len() == 1 and s.len() == 2",
        "var xs = [1]  let keep = [xs, xs]  xs = xs.push(2)  keep == [[1], [1]]",
        "var xs = [1]  for i in 0..3 { var ys = [7]  ys = ys.push(i)  xs += ys }  xs == [1, 7, 0, 7, 1, 7, 2]",
        "var xs = [1]  try { xs = xs.push(1.div(0)) } catch f { xs = xs.push(9) }  xs == [1, 9]",
        "[1, 2].fold([0], (all, x) => all.push(x)) == [0, 1, 2]",
    ];
    for body in cases {
        let p = program(&format!("fn holds() -> Bool {{ {body} }}"));
        assert_eq!(call(&p, "holds", vec![]), Ok(Value::Bool(true)), "{body}");
    }
}

#[test]
fn nesting_is_bounded() {
    let p = program(
        "type Tree = { kids: List<Tree>, n: Int }\nfn grow(n: Int) -> Int { var t: Tree = { kids: [], n: 0 }  for i in 0..n { t = { kids: [t], n: i } }  t.n }",
    );
    assert_eq!(call(&p, "grow", vec![Value::Int(60)]).unwrap(), Value::Int(59));
    assert_eq!(message(call(&p, "grow", vec![Value::Int(100_000)])), "the value nests deeper than 128 levels");
    let p = program("fn wrap(n: Int) -> Int { var j: Json = 1  for i in 0..n { j = [j] }  j.len() }");
    assert_eq!(call(&p, "wrap", vec![Value::Int(100)]).unwrap(), Value::Int(1));
    assert_eq!(message(call(&p, "wrap", vec![Value::Int(100_000)])), "the value nests deeper than 128 levels");
}

#[test]
fn a_program_survives_its_bytes_and_refuses_others() {
    use rrb_lang::program::{Program, ProgramError, VM_VERSION};
    let p = program("let x = 3\nfn f() -> Int { x }");
    let bytes = p.to_bytes();
    let back = Program::from_bytes(&bytes).unwrap();
    assert_eq!(back.id, p.id);
    assert_eq!(p.id.len(), 64);
    assert_eq!(back.to_bytes(), bytes);
    let other = program("let x = 4\nfn f() -> Int { x }");
    assert_ne!(other.id, p.id);
    let mut wrong = bytes.clone();
    wrong[0] = 99;
    assert_eq!(Program::from_bytes(&wrong).unwrap_err(), ProgramError::Version { found: 99 });
    assert_eq!(VM_VERSION, 3);
    for cut in [0, 1, 2, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(Program::from_bytes(&bytes[..cut]), Err(ProgramError::Damaged(_))));
    }
    for flip in (1..bytes.len()).step_by(7) {
        let mut wrong = bytes.clone();
        wrong[flip] ^= 1;
        if let Ok(read) = Program::from_bytes(&wrong) {
            assert_eq!(read.to_bytes(), bytes, "byte {flip}");
        }
    }
}

#[test]
fn texts_lists_and_nesting_hold_at_their_limits() {
    let most = 8 << 20;
    let p = program(
        "fn repeated(n: Int) -> Int { \"x\".repeat(n).len() }\nfn joined(n: Int) -> Int { let t = \"x\".repeat(n - 2)  \"a${t}b\".len() }",
    );
    for (bytes, fits) in [(most - 1, true), (most, true), (most + 1, false)] {
        for name in ["repeated", "joined"] {
            let made = call(&p, name, vec![Value::Int(bytes)]);
            assert_eq!(made.is_ok(), fits, "{name} {bytes}");
            if !fits {
                assert_eq!(message(made), "the text would be longer than 8 MiB");
            }
        }
    }
    let p = program("fn list(n: Int) -> Int { (0..n).to_list().len() }");
    for (items, fits) in [(999_999, true), (1_000_000, true), (1_000_001, false)] {
        assert_eq!(call(&p, "list", vec![Value::Int(items)]).is_ok(), fits, "{items}");
    }
    let p = program("fn wrap(n: Int) -> Int { var j: Json = 1  for i in 1..n { j = [j] }  j.len() }");
    for (levels, fits) in [(127, true), (128, true), (129, false)] {
        assert_eq!(call(&p, "wrap", vec![Value::Int(levels)]).is_ok(), fits, "{levels}");
    }
}
