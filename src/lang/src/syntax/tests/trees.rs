//! What a text means: the tree of one construct after the other, mostly by what it prints as.

use super::*;
use crate::syntax::ast::*;

/// The expression, printed with no more parentheses than needed.
fn reads_as(text: &str, printed: &str) {
    let (expr, diagnostics) = parse_expression(FileId(0), text);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:#?}");
    let mut module = Module::default();
    let name = ast::Ident { name: "x".into(), span: Span::default() };
    let value = ast::Const { name, ty: None, value: expr };
    module.items.push(ast::Item { docs: String::new(), kind: ast::ItemKind::Const(value), span: Span::default() });
    strip(&mut module);
    assert_eq!(print(&module).trim_end(), format!("let x = {printed}"), "{text}");
}

/// How many statements a block has.
fn statements(text: &str) -> usize {
    let module = valid(&format!("fn f() {{\n{text}\n}}"));
    match &module.items.first().unwrap().kind {
        ast::ItemKind::Fn(f) => f.body.stmts.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn precedence_is_as_published() {
    reads_as("(a.n ?? 0) > 5", "a.n ?? 0 > 5");
    reads_as("a.n ?? 0 > 5", "a.n ?? 0 > 5");
    reads_as("(a.ok ?? false) and b", "a.ok ?? false and b");
    reads_as("a ?? (b ?? c)", "a ?? b ?? c");
    reads_as("(a ?? b) ?? c", "(a ?? b) ?? c");
    reads_as("not (a == b)", "not a == b");
    reads_as("(not a) and b", "not a and b");
    reads_as("-(x as Int)", "-x as Int");
    reads_as("(j as Int) ?? 0", "j as Int ?? 0");
    reads_as("j as Int? ?? 0", "j as Int? ?? 0");
    reads_as("1 + (2 * 3) mod 4", "1 + 2 * 3 mod 4");
    reads_as("a..(b + 1)", "a..b + 1");
    reads_as("(a or b) and c", "(a or b) and c");
    reads_as("a not in b", "a not in b");
    reads_as("x is not b(..) and c", "x is not b(..) and c");
    reads_as("a - -b", "a - -b");
    reads_as("a as Int < 3", "a as Int < 3");
}

#[test]
fn brackets_bind_only_when_they_touch() {
    assert_eq!(statements("f(x)"), 1);
    assert_eq!(statements("f (x)"), 2);
    assert_eq!(statements("a[0]"), 1);
    assert_eq!(statements("a [0]"), 2);
    assert_eq!(statements("a\n(x)"), 2);
}

#[test]
fn a_minus_that_begins_a_line_is_a_sign() {
    assert_eq!(statements("a - b"), 1);
    assert_eq!(statements("a\n- b"), 2);
    assert_eq!(statements("a -\nb"), 1);
    assert_eq!(statements("a\n+ b\n.c\n?? d"), 1);
    assert_eq!(statements("if a { 1 }\n-1"), 2);
    assert_eq!(statements("do f()\n-1"), 2);
}

/// `for` is also a clause of a trigger.
#[test]
fn a_body_may_begin_with_a_loop() {
    let module = valid("runbook r(n: List<Int>) {\n  on alertmanager.firing\n  for x in n { log x }\n}\n");
    let [Item { kind: ItemKind::Runbook(r), .. }] = module.items.as_slice() else { panic!("{module:?}") };
    assert!(
        matches!(r.body.as_slice(), [Stmt { kind: StmtKind::Expr(e), .. }] if matches!(e.kind, ExprKind::For { .. }))
    );
}

#[test]
fn optional_operands_stay_on_their_line() {
    assert_eq!(statements("return\nx"), 2);
    assert_eq!(statements("return x"), 1);
    assert_eq!(statements("finish resolved\n\"why\""), 2);
    assert_eq!(statements("finish resolved // c\n\"why\""), 2);
    assert_eq!(statements("log\n\"x\""), 2);
}

#[test]
fn clause_words_are_names_where_no_clause_stands() {
    for text in [
        "let within = 3",
        "timeout = 5",
        "key(a)",
        "log.level",
        "retry += 1",
        "let at = by + limit",
        "undo[0]",
        "rollback.x",
    ] {
        assert_eq!(statements(text), 1, "{text}");
    }
    assert_eq!(statements("f()\ntimeout = 5"), 2);
    assert_eq!(statements("f()\ntimeout 5s"), 1);
    assert_eq!(statements("f()\nkey(a)"), 2);
    valid("runbook r() { tags [\"a\"] severity = 3 }");
}

#[test]
fn after_a_dot_and_before_a_colon_every_word_is_a_name() {
    reads_as("body.type.if.none", "body.type.if.none");
    reads_as("{ type: \"x\", on: 1 }", "{ type: \"x\", on: 1 }");
    reads_as("f(match: 1)", "f(match: 1)");
    valid("type T = { type: Text, if: Int }");
    assert!(!parse(FileId(0), "let type = 1").diagnostics.is_empty());
}

#[test]
fn a_brace_is_a_record_or_a_block_by_its_place() {
    reads_as("x => { x }", "x => {\n  x\n}");
    reads_as("x => { x, }", "x => { x, }");
    reads_as("x => { x: x }", "x => { x: x }");
    reads_as("x => { \"a\": x }", "x => { \"a\": x }");
    reads_as("x => { ..x }", "x => { ..x }");
    reads_as("x => { }", "x => {}");
    reads_as("x => { [k]: x }", "x => ({ [k]: x })");
    reads_as("x => { [k] }", "x => {\n  [k]\n}");
    reads_as("f({ x })", "f({ x })");
    reads_as("match x { _ => { a: 1 } }", "match x {\n  _ => { a: 1 },\n}");
}

#[test]
fn numbers_have_their_values() {
    reads_as("1_000", "1000");
    reads_as("0xff", "255");
    reads_as("85%", "85%");
    reads_as("7%", "7%");
    reads_as("0.5%", "0.5%");
    reads_as("1e-3", "0.001");
    reads_as("90s", "1m30s");
    reads_as("1.5h", "1h30m");
    reads_as("1h30m", "1h30m");
    reads_as("1500ms", "1s500ms");
    reads_as("1.5GB", "1500MB");
    reads_as("1024KiB", "1MiB");
    reads_as("0..5", "0..5");
    reads_as("1.max(2)", "1.max(2)");
    reads_as("9223372036854775807", "9223372036854775807");
    reads_as("-9223372036854775808", "-9223372036854775808");
    reads_as("-9_223_372_036_854_775_808", "-9223372036854775808");
    reads_as("-0x8000000000000000 + 1", "-9223372036854775808 + 1");
    reads_as("(-9223372036854775808).abs()", "(-9223372036854775808).abs()");
    reads_as("x is -9223372036854775808..=-1", "x is -9223372036854775808..=-1");
}

#[test]
fn numbers_that_are_none_are_errors() {
    let wrong = [
        "300min",
        "3x",
        "9223372036854775808",
        "-9223372036854775809",
        "-9223372036854775808.abs()",
        "3 - 9223372036854775808",
        "0x",
        "0xfg",
        "1.2.3",
        "30m1h",
        "1.5h30m",
        "0.1ms",
        "0.3B",
        "1h1GB",
        "5KB3MB",
    ];
    for text in wrong {
        let (expr, diagnostics) = parse_expression(FileId(0), text);
        let codes: Vec<_> = diagnostics.iter().map(|d| d.code.name()).collect();
        assert_eq!(codes, ["rrb::syntax::number"], "{text}");
        let holds = format!("{expr:?}");
        assert!(holds.contains("Missing"), "{text}: {holds}");
    }
}

#[test]
fn texts_resolve_escapes_and_holes() {
    reads_as(r#""a\n\t\"\\\$\u{41}""#, r#""a\n\t\"\\\$A""#);
    reads_as(r#""sum(rate(x{a=\"b\"}[5m]))""#, r#""sum(rate(x{a=\"b\"}[5m]))""#);
    reads_as(r#""a ${ b } ${"c ${d}"}""#, r#""a ${b} ${"c ${d}"}""#);
    reads_as(r##"r#"a"\n"#"##, r#""a\"\\n""#);
    reads_as(r#""""#, r#""""#);
    reads_as(r#"re"a\d""#, r#"re"a\d""#);
    reads_as(r##"re#"a"b"#"##, r##"re#"a"b"#"##);
}

#[test]
fn block_texts_lose_their_common_indentation() {
    reads_as("\"\"\"\n    a\n      b ${c}\n\n    d\n    \"\"\"", "\"a\\n  b ${c}\\n\\nd\"");
    reads_as("\"\"\"one \"line\" ${x}\"\"\"", "\"one \\\"line\\\" ${x}\"");
    reads_as("\"\"\"\n  ${a}\n b\n\"\"\"", "\" ${a}\\nb\"");
    reads_as("\"\"\"\r\n  a\r\n  b\r\n  \"\"\"", "\"a\\nb\"");
}

#[test]
fn operands_of_clauses_stop_before_comparisons() {
    let module =
        valid("runbook r() { at cron\"* * * * *\" in \"UTC\" missed run once limit 3 per 1h by a dedupe by b for 5m }");
    let printed = print(&module);
    assert!(
        printed
            .contains("at cron\"* * * * *\" in \"UTC\" missed run once\n  limit 3 per 1h by a\n  dedupe by b for 5m\n"),
        "{printed}"
    );
}

#[test]
fn docs_and_comments_are_kept() {
    let module = valid(
        "//! About\n//! this.\n\n// plain\n/// Doc.\n///\n///   More.\nfn f() {\n  // in\n  1 // end\n}\n\n/// lost\n",
    );
    assert_eq!(module.docs, "About\nthis.");
    assert_eq!(module.items.first().unwrap().docs, "Doc.\n\n  More.");
    let comments: Vec<&str> = module.comments.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(comments, ["// plain", "// in", "// end", "/// lost"]);
    assert_eq!(module.blank_lines, [20, 85]);
    let text = "\"http://x\" // c";
    let (_, diagnostics) = parse_expression(FileId(0), text);
    assert!(diagnostics.is_empty());
}

#[test]
fn docs_go_on_behind_docs_of_the_module() {
    let module = valid("/// Of G.\n//! Of the module.\n\n/// Of G too.\n//! Of it too.\ntype G = {}\n//! And this.\n");
    assert_eq!(module.docs, "Of the module.\nOf it too.\nAnd this.");
    assert_eq!(module.items.first().unwrap().docs, "Of G.\nOf G too.");
    assert!(module.comments.is_empty());
}

#[test]
fn spans_end_where_the_code_ends() {
    let text = "fn f() {\n  let a = g(1)   // note\n\n  a\n}\n";
    let module = valid(text);
    let ast::ItemKind::Fn(f) = &module.items.first().unwrap().kind else { panic!() };
    let covered: Vec<&str> = f.body.stmts.iter().map(|s| &text[s.span.start as usize..s.span.end as usize]).collect();
    assert_eq!(covered, ["let a = g(1)", "a"]);
    let all = module.items.first().unwrap().span;
    assert_eq!(&text[all.start as usize..all.end as usize], text.trim_end());
}

#[test]
fn types_read() {
    for text in [
        "Text?",
        "Map<Text, List<Int?>>",
        "(A, B) => C reads",
        "((A) => B)?",
        "{ a: Int = 3, b: k8s.Pod }",
        "() => Int",
    ] {
        let (ty, diagnostics) = parse_type(FileId(0), text);
        assert!(diagnostics.is_empty(), "{text}");
        assert_eq!(print_type(&ty), text);
    }
    for text in ["", "(A, B)", "List<", "Int Int", "3"] {
        assert!(!parse_type(FileId(0), text).1.is_empty(), "{text}");
    }
}

/// The embedded library and the examples.
#[test]
fn every_rrb_file_of_the_project_reads_and_prints() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("stdlib"), root.join("examples")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rrb") {
                files += 1;
                let module = valid(&std::fs::read_to_string(&path).unwrap());
                assert_eq!(stripped(valid(&print(&module))), stripped(module), "{}", path.display());
            }
        }
    }
    assert!(files > 0 || !root.join("stdlib").exists(), "no files");
}
