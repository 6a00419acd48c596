//! Limits, and texts made to take long or to go deep.

use super::*;

/// Reads on a stack as small as a tokio worker's. What takes more than its share of time is ended by the runner of the tests.
fn read_on_small_stack(text: String) -> Parsed {
    let reader = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let parsed = parse(FileId(0), &text);
        print(&parsed.module);
        parsed
    });
    reader.unwrap().join().unwrap()
}

fn codes(parsed: &Parsed) -> Vec<&'static str> {
    parsed.diagnostics.iter().map(|d| d.code.name()).collect()
}

fn nested(open: &str, middle: &str, close: &str, levels: usize) -> String {
    format!("let x = {}{middle}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn a_source_may_have_so_many_bytes() {
    for (size, taken) in [(MAX_SOURCE - 1, true), (MAX_SOURCE, true), (MAX_SOURCE + 1, false)] {
        let text = "\n".repeat(size);
        let parsed = read_on_small_stack(text);
        assert_eq!(codes(&parsed), if taken { vec![] } else { vec!["rrb::syntax::too-large"] });
    }
}

#[test]
fn brackets_and_texts_nest_up_to_the_limit() {
    let kinds =
        [("(", "1", ")"), ("[", "1", "]"), ("f(", "1", ")"), ("{a:", "1", "}"), ("a[", "1", "]"), ("\"${", "1", "}\"")];
    for (open, middle, close) in kinds {
        for (levels, taken) in [(MAX_NESTING - 1, true), (MAX_NESTING, true), (MAX_NESTING + 1, false)] {
            let parsed = read_on_small_stack(nested(open, middle, close, levels));
            assert_eq!(codes(&parsed), if taken { vec![] } else { vec!["rrb::syntax::nesting"] }, "{open} {levels}");
        }
    }
}

#[test]
fn blocks_nest_up_to_the_limit() {
    for head in
        ["if a ", "step \"a\" ", "for x in xs ", "try ", "do f() undo ", "x => ", "approve \"a\" ", "match x { _ => "]
    {
        for (levels, taken) in [(MAX_NESTING - 2, true), (MAX_NESTING - 1, true), (MAX_NESTING, false)] {
            let (per, close) = if head.starts_with("match") { (2, "} }") } else { (1, "}") };
            let levels = if taken { levels / per } else { levels };
            let text = format!("fn f() {{ {}{} }}", format!("{head}{{ ").repeat(levels), close.repeat(levels));
            let parsed = read_on_small_stack(text);
            assert_eq!(codes(&parsed), if taken { vec![] } else { vec!["rrb::syntax::nesting"] }, "{head} {levels}");
        }
    }
}

#[test]
fn chains_go_up_to_the_limit() {
    let chains: [(&str, &dyn Fn(usize) -> String); 8] = [
        ("+", &|n| format!("let x = a{}", " + a".repeat(n))),
        ("??", &|n| format!("let x = a{}", " ?? a".repeat(n))),
        (".f", &|n| format!("let x = a{}", ".f".repeat(n))),
        ("f()", &|n| format!("let x = a{}", ".f(1)".repeat(n))),
        ("not", &|n| format!("let x = {}a", "not ".repeat(n))),
        ("-", &|n| format!("let x = {}a", "- ".repeat(n))),
        ("=>", &|n| format!("let x = {}a", "a => ".repeat(n))),
        ("else if", &|n| format!("let x = if a {{ }}{}", " else if a { }".repeat(n))),
    ];
    for (name, chain) in chains {
        assert_eq!(codes(&read_on_small_stack(chain(100))), [""; 0], "{name}");
        for n in [MAX_DEPTH + 2, 3_000, 20_000] {
            assert_eq!(codes(&read_on_small_stack(chain(n))), ["rrb::syntax::nesting"], "{name} {n}");
        }
    }
}

#[test]
fn an_operator_chain_is_exact_at_its_limit() {
    let chain = |n: usize| format!("let x = a{}", " + a".repeat(n));
    for (operators, taken) in [(MAX_DEPTH - 2, true), (MAX_DEPTH - 1, true), (MAX_DEPTH, false)] {
        assert_eq!(codes(&read_on_small_stack(chain(operators))).is_empty(), taken, "{operators}");
    }
}

#[test]
fn deep_texts_that_are_broken_end_in_time() {
    let openers = [
        "(",
        "[",
        "{",
        "f(",
        "a[",
        "{a:",
        "[{",
        "\"${",
        "\"\"\"${",
        "x => {",
        "if a {",
        "match x { _ => {",
        "do f() undo {",
        "f() timeout (",
        "return (",
        "finish a (",
        "a - (",
        "wait until (",
        "log (",
        "trust reads {",
        "{ [",
        "a as List<",
        "try {",
        "evidence (",
        "key (",
        "not (",
        "(a, ",
        "fn a(x: (",
        "x is [",
        "x is a(",
        "runbook r() {",
        "connector c {",
        "else {",
    ];
    for open in openers {
        for levels in [24, 120, 3_000] {
            for end in ["", " error error", " )", "\n}"] {
                for start in ["fn f() { ", "let x = "] {
                    let parsed = read_on_small_stack(format!("{start}{}{end}", open.repeat(levels)));
                    assert!(!parsed.diagnostics.is_empty(), "{start}{open} {levels} {end}");
                }
            }
        }
    }
}

#[test]
fn wrong_code_inside_deep_brackets_ends_in_time() {
    let kinds = [
        ("(", ")"),
        ("[", "]"),
        ("f(", ")"),
        ("a[", "]"),
        ("{a: ", "}"),
        ("\"${", "}\""),
        ("x => { ", " }"),
        ("{ [", "]: 1 }"),
    ];
    for (open, close) in kinds {
        for head in ["let x = ", "x - ", "return ", "", "log ", "a => "] {
            let text = format!("fn f() {{ {head}{}1 2 = 3{} }}", open.repeat(100), close.repeat(100));
            read_on_small_stack(text);
        }
    }
}

#[test]
fn wide_texts_end_in_time() {
    let wide = [
        "(", ")", "[", "]", "{", "}", "\"", "'", "${", "a ", "a\n", "1 ", "= ", "- ", "..", "\\", "//", "\"\"\"",
        "fn ", "x.\n",
    ];
    for piece in wide {
        read_on_small_stack(piece.repeat(16 * 1024 / piece.len()));
        read_on_small_stack(format!("fn f() {{\n{}\n}}", piece.repeat(16 * 1024 / piece.len())));
    }
}

#[test]
fn a_mebibyte_of_garbage_ends_in_time() {
    const SIZE: usize = 1024 * 1024;
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    let bytes: String = (0..SIZE).map(|_| char::from(u8::try_from(next() % 96 + 32).unwrap())).collect();
    assert!(!read_on_small_stack(bytes).diagnostics.is_empty());
    let words =
        ["fn ", "x ", "{\n", "}\n", "let ", "= ", "1 ", "( ", ") ", "runbook r() ", "\"a\" ", "if ", "\n", "on ", ". "];
    let mut text = String::new();
    while text.len() < SIZE - 16 {
        text.push_str(words[next() % words.len()]);
    }
    assert!(!read_on_small_stack(text).diagnostics.is_empty());
}

const SAMPLE: &str = r##"//! About.
use std.http as http

/// Doc.
type T = { a: Int, b: Map<Text, List<Int?>> = {} }
enum E { a, b(limit: Size) }
connector c {
  settings { token: Secret, base: Url = url"https://x" }
  action post(a: Text) -> Json changes keyed within 24h target "a/${a}" { do http.post("${base}/x", json: { a }) retry 3 times }
  event e: T from webhook "/x" { verify bearer(token) each body.xs as x id x.id as Text emit { a: x.n as Int } }
}
runbook r(n: Text = "x") {
  owner "p"
  on c.e as e where e.a >= 3 and not (e.b.c is none) with n: e.a.text() ?? skip
  dedupe by n for 30m
  let x = """
    a ${n}
    b
    """
  match x { "a" | "b" => { log "x" }, [a, ..] if a > 3 => 5, 1..5 => r#"a"b"#, _ as y => y }
  approve "ok ${n}?" from group("sre") quorum 2 within 30m showing { n, now: f(1h30m, 85%) } {
    do c.post(n) retry 3 times backoff 1s..1m when failure.kind in [timeout] undo { do c.post("u") }
  } otherwise d { finish escalated "no" }
  on failure as f { log f.message }
}
"##;

#[test]
fn the_sample_is_valid() {
    assert_eq!(stripped(valid(SAMPLE)), stripped(valid(&print(&valid(SAMPLE)))));
}

/// What is written without brackets must not need more of them than may nest.
#[test]
fn a_long_row_of_waits_is_printed_so_that_it_reads_back() {
    let row = format!("{}5s", "wait ".repeat(MAX_NESTING + 20));
    let (expr, wrong) = parse_expression(FileId(0), &row);
    assert_eq!(wrong, []);
    assert_eq!(print_expression(&expr), row);
}

proptest! {
    #![proptest_config(config(200))]

    /// Cuts, doubled pieces and strange characters anywhere in a real file.
    #[test]
    fn no_change_of_a_file_makes_it_panic(
        changes in proptest::collection::vec((0..SAMPLE.len(), 0..12_usize, 0..20_usize), 1..4)
    ) {
        let pieces = ["", "{", "}", "(", ")", "[", "]", "\"", "${", "'", "=", "\u{1}", "é", "\n", "//", "\"\"\"", "fn ", ".", ",", "-"];
        let mut text: Vec<char> = SAMPLE.chars().collect();
        for (at, cut, piece) in changes {
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, pieces[piece].chars());
        }
        let text: String = text.into_iter().collect();
        let parsed = parse(FileId(0), &text);
        for d in &parsed.diagnostics {
            prop_assert!(!d.help.is_empty(), "{}", d.message);
            for label in &d.labels {
                let (start, end) = (label.span.start as usize, label.span.end as usize);
                prop_assert!(text.get(start..end).is_some(), "{} {start}..{end}", d.message);
            }
        }
        print(&parsed.module);
    }
}
