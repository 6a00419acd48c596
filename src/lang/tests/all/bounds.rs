//! Programs that are deep, long or go in circles: the checker answers within its stack and in time.

use rrb_lang::check::{CheckInput, ModuleSource, check};

/// What is said of a program on a stack of 2 MiB: codes in order.
fn codes(text: String) -> Vec<&'static str> {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        let checked = check(CheckInput { modules: vec![main], ..CheckInput::default() });
        checked.diagnostics.iter().map(|d| d.code.name()).collect::<Vec<_>>()
    });
    thread.unwrap().join().unwrap()
}

fn nested(open: &str, middle: &str, close: &str, levels: usize) -> String {
    format!("{}{middle}{}", open.repeat(levels), close.repeat(levels))
}

/// Forms that nest, each one bracket a level.
fn forms(levels: usize) -> Vec<String> {
    let action = |body: String| format!("action f(n: Int, o: Int?) -> Int reads {{ {body} }}\n");
    let handler = |body: String| format!("runbook r(n: Int) {{ {body} }}\n");
    vec![
        action(nested("(", "n", ")", levels - 1)),
        format!("let xs = {}\n", nested("[", "1", "]", levels)),
        format!("let xs = {}\n", nested("{ a: ", "1", " }", levels)),
        action(nested("if n > 1 { ", "n", " } else { 2 }", levels - 1)),
        action(nested("match o { v => v, none => { ", "n", " } }", levels / 2 - 1)),
        action(format!("{} 1", nested("for x in [1] { ", "log \"${x}\"", " }", levels - 3))),
        action(nested("try { ", "n", " } catch { 2 }", levels - 1)),
        action(nested("[1, 2].map(x => ", "n", ").len()", levels - 1)),
        handler(nested("step \"s\" { ", "log \"a\"", " }", levels - 1)),
        handler(nested("approve \"a\" from user(\"ana\") { ", "log \"a\"", " } otherwise { log \"b\" }", levels - 1)),
        handler(nested("waive \"a\" by \"ana\" until time\"2099-01-01T00:00:00Z\" { ", "log \"a\"", " }", levels - 1)),
        format!("fn f(x: {}) -> Int {{ 1 }}\n", nested("List<", "Int", ">", levels - 1)),
    ]
}

#[test]
fn as_deep_as_the_parser_allows_fits_the_stack() {
    for levels in [127, 128] {
        for text in forms(levels) {
            let start: String = text.chars().take(90).collect();
            let said = codes(text);
            let deep = said.iter().filter(|c| **c == "rrb::syntax::nesting").count();
            let checked = said.iter().all(|c| {
                [
                    "rrb::approval::unknown-principal",
                    "rrb::variable::unused",
                    "rrb::parameter::unused",
                    "rrb::syntax::nesting",
                ]
                .contains(c)
            });
            assert!(checked && deep <= 1, "{levels} {start}: {said:?}");
        }
    }
}

#[test]
fn deeper_than_that_is_a_diagnostic() {
    for text in forms(4000) {
        let said = codes(text);
        assert!(said.contains(&"rrb::syntax::nesting"), "{said:?}");
    }
}

#[test]
fn long_chains_of_operators_and_calls_fit_the_stack() {
    for n in [100, 250, 300, 5000] {
        let sum = format!("let x = {}\n", vec!["1"; n].join(" + "));
        let and = format!("fn f(a: Bool) -> Bool {{ {} }}\n", vec!["a"; n].join(" and "));
        let otherwise = format!("fn f(a: Int?) -> Int {{ {} ?? 1 }}\n", vec!["a"; n].join(" ?? "));
        let chain = format!("fn f(a: Text) -> Text {{ a{} }}\n", ".trim()".repeat(n));
        let many = format!("fn f(a: Int) -> Int {{ {} {{ 2 }} }}\n", "if a > 1 { 1 } else ".repeat(n));
        for text in [sum, and, otherwise, chain, many] {
            let said = codes(text);
            assert!(said.iter().all(|c| *c == "rrb::syntax::nesting"), "{n}: {said:?}");
        }
    }
}

#[test]
fn declarations_that_wait_for_many_others_fit_the_stack() {
    for n in [50, 300, 5000] {
        let constants: String = (0..n).map(|i| format!("let c{i} = c{}\n", i + 1)).collect();
        let said = codes(format!("{constants}let c{n} = 1\n"));
        assert!(said.iter().all(|c| *c == "rrb::type::cycle"), "{said:?}");
        let functions: String = (0..n).map(|i| format!("fn f{i}() {{ f{}() }}\n", i + 1)).collect();
        let said = codes(format!("{functions}fn f{n}() {{ 1 }}\n"));
        assert!(said.iter().all(|c| *c == "rrb::type::infer"), "{said:?}");
        let types: String = (0..n).map(|i| format!("type T{i} = {{ next: T{} }}\n", i + 1)).collect();
        let said = codes(format!("{types}type T{n} = {{ at: Int }}\nfn f(x: T0) -> Json {{ x }}\n"));
        assert!(said.is_empty(), "{said:?}");
        let aliases: String = (0..n).map(|i| format!("type T{i} = T{}\n", i + 1)).collect();
        let said = codes(format!("{aliases}type T{n} = Int\nfn f(x: T0) -> Int {{ x }}\n"));
        assert!(said.iter().all(|c| c.starts_with("rrb::type::")), "{said:?}");
    }
}

#[test]
fn circles_are_named() {
    let circles = [
        ("let a = b\nlet b = a\n", "rrb::type::cycle"),
        ("let a: Int = b\nlet b: Int = a\n", "rrb::type::cycle"),
        ("let a: Int = f()\nfn f() -> Int { a }\n", "rrb::type::cycle"),
        ("let a = a + 1\n", "rrb::type::cycle"),
        ("type A = B\ntype B = A\n", "rrb::type::cycle"),
        ("type A = A?\n", "rrb::type::cycle"),
        ("type R = { at: Int = n }\nlet r: R = {}\nlet n = r.at\n", "rrb::type::cycle"),
        ("fn f(x: Int) { if x > 1 { f(x - 1) } else { 1 } }\n", "rrb::type::infer"),
        ("fn f() { g() }\nfn g() { f() }\n", "rrb::type::infer"),
    ];
    for (text, code) in circles {
        let said = codes(text.into());
        assert_eq!(said, vec![code], "{text}");
    }
    let fine = [
        "type Tree = { children: List<Tree> }\nlet t: Tree = { children: [{ children: [] }] }\n",
        "type A = { next: B? }\ntype B = { next: A? }\nfn f(a: A) -> B { a }\n",
        "enum E { leaf, node(left: E, right: E) }\nfn f(e: E) -> Json { e }\n",
        "fn f(x: Int) -> Int { if x > 1 { f(x - 1) } else { 1 } }\n",
    ];
    for text in fine {
        assert_eq!(codes(text.into()), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn large_matches_are_answered() {
    let names: Vec<String> = (0..400).map(|i| format!("v{i}")).collect();
    let arms: String = names.iter().map(|n| format!("    {n} => 1,\n")).collect();
    let text = format!("enum E {{ {} }}\nfn f(e: E) -> Int {{\n  match e {{\n{arms}  }}\n}}\n", names.join(", "));
    assert_eq!(codes(text), Vec::<&str>::new());
    let fields: Vec<String> = (0..30).map(|i| format!("f{i}: Bool")).collect();
    let arm = |i: usize| format!("    {{ f{i}: true, f{}: false, .. }} => {i},\n", (i + 1) % 30);
    let arms: String = (0..30).map(arm).collect();
    let text = format!("type R = {{ {} }}\nfn f(r: R) -> Int {{\n  match r {{\n{arms}  }}\n}}\n", fields.join(", "));
    assert_eq!(codes(text), vec!["rrb::match::missing"]);
}

#[test]
fn of_many_mistakes_the_first_fifty_are_told() {
    for (mistakes, told) in [(49, 49), (50, 50), (51, 50), (400, 50)] {
        let text = "let x = = 1\n".repeat(mistakes);
        let said = codes(text);
        let syntax = said.iter().filter(|c| c.starts_with("rrb::syntax::")).count();
        assert_eq!(syntax, told, "{mistakes}: {said:?}");
    }
}

#[test]
fn constants_may_take_so_much_work() {
    let said = |rounds: u32| {
        let text = format!("fn f() -> Int {{ var n = 0  for i in 0..{rounds} {{ n += i }}  n }}\nlet x = f()\n");
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        let checked = check(CheckInput { modules: vec![main], ..CheckInput::default() });
        let tree = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        rrb_lang::program::compile(&tree, &checked.sources).map(|_| ()).map_err(|all| all[0].message.clone())
    };
    // The number of rounds at which a million instructions are used up: found by halving, as instructions a round are the compiler's affair.
    let (mut fits, mut over) = (1_000_u32, 1_000_000_u32);
    while over - fits > 1 {
        let half = fits.midpoint(over);
        if said(half).is_ok() { fits = half } else { over = half }
    }
    assert!((100_000..=500_000).contains(&fits), "{fits}");
    assert!(said(fits - 1).is_ok());
    assert_eq!(said(over).unwrap_err(), "`x` takes too much work to compute");
    assert!(said(over + 1).is_err());
}
