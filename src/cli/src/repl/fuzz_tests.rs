//! Many lines that nobody would type: none ends the session but those that are meant to. `RRB_REPL_FUZZ_LINES=100000` is the whole run.

use super::commands::COMMANDS;
use super::console::{Console, Flow, Manner};
use super::session::Input;
use super::{Begin, complete, highlight, pieces};
use crate::context::Context;
use crate::out::{ColorChoice, Out};

/// Lines of the run that belongs to every test.
const SAMPLE: usize = 300;

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len())]
    }
}

const TOKENS: &[&str] = &[
    "1",
    "2.5",
    "\"a\"",
    "\"${",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "..",
    "..=",
    "=>",
    "->",
    "=",
    "==",
    "+",
    "-",
    "*",
    "/",
    "mod",
    "let",
    "var",
    "fn",
    "type",
    "enum",
    "if",
    "else",
    "match",
    "for",
    "in",
    "while",
    "none",
    "true",
    "not",
    "and",
    "or",
    "??",
    "?.",
    "as",
    "is",
    "x",
    "y",
    "it",
    "_1",
    "_2",
    "f",
    "T",
    "Text",
    "Int",
    "List<Int>",
    "5m",
    "10MiB",
    "80%",
    "re\"a+\"",
    "time\"2026-01-01T00:00:00Z\"",
    "do",
    "approve",
    "waive",
    "step",
    "verify",
    "log",
    "evidence",
    "finish",
    "resolved",
    "fail",
    "try",
    "catch",
    "return",
    "break",
    "skip",
    "restart",
    "runbook",
    "action",
    "reads",
    "destroys",
    "use",
    "std.system",
    "system.folder_used(\"/nowhere\")",
    "now()",
    "http",
    ".len()",
    ".map(x => x)",
    ".first()",
    ".sum()",
    "\n",
    " ",
    ";",
    "//",
    "///",
    "\u{1}",
    "é",
    "日本",
    "\u{202e}",
    "\t",
    "'",
    "`",
    "\\",
    "\0",
    "9223372036854775807",
    "1e999",
    "\"\"\"",
    "r#\"",
    "settings",
    "connector",
    "policy",
    "test",
    "event",
    "within",
    "every",
    "parallel",
    "race",
];

const WHOLE: &[&str] = &[
    "1 + 1",
    "let x = [1, 2, 3]",
    "x.map(n => n * 2)",
    "let f = (n: Int) => n + 1",
    "f(1)",
    "fn g(n: Int) -> Int { if n < 1 { 0 } else { g(n - 1) } }",
    "g(5)",
    "g(1000000)",
    "type T = { a: Int, b: Text? }",
    "let t: T = { a: 1, b: none }",
    "enum E { one, two(n: Int) }",
    "let e: E = two(3)",
    "match e { one => 0, two(n) => n }",
    "var y = 1",
    "y += 1",
    "for i in 0..3 { log \"${i}\" }",
    "while true { }",
    "do system.delete_file(\"/nowhere/at/all\")",
    "runbook r(p: Text) { log p\nfinish resolved }",
    "run r(p: \"a\")",
    "test \"t\" { run r(p: \"a\")\nexpect outcome resolved }",
    "\"a\".repeat(100000000)",
    "(0..1000000).to_list()",
    "{ a: { b: { c: [1, { d: none }] } } }",
    "fail \"no\"",
    "finish resolved",
    "step \"s\" { 1 }",
];

fn line(random: &mut Random) -> String {
    let mut line = match random.next(10) {
        0 | 1 => random.pick(WHOLE).to_owned(),
        2 => {
            let command = &COMMANDS[random.next(COMMANDS.len())];
            let rest: Vec<&str> = (0..random.next(4)).map(|_| random.pick(TOKENS)).collect();
            format!(":{} {}", command.name, rest.join(" "))
        }
        3 => format!(":{}", random.pick(TOKENS)),
        4 => format!("{}{}", random.pick(WHOLE), random.pick(TOKENS)),
        _ => {
            let space = random.pick(&["", " "]);
            (0..1 + random.next(9)).map(|_| random.pick(TOKENS)).collect::<Vec<_>>().join(space)
        }
    };
    if random.next(4) == 0 {
        let at = random.next(line.len() + 1);
        let at = line.floor_char_boundary(at);
        match random.next(2) {
            0 => line.truncate(at),
            _ => line.insert_str(at, random.pick(TOKENS)),
        }
    }
    line
}

/// Whether a line is meant to end the session, or does what a test must not: start an editor, work live.
fn is_left_out(line: &str) -> Option<&'static str> {
    let name = line.trim_start().strip_prefix(':')?.split_whitespace().next()?;
    let command = super::commands::find(name)?;
    ["quit", "edit", "live"].into_iter().find(|n| *n == command.name)
}

#[test]
fn no_line_ends_the_session_but_those_that_are_meant_to() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rrb.toml"), "").unwrap();
    std::fs::write(dir.path().join("a.rrb"), "fn twice(n: Int) -> Int { n * 2 }\n").unwrap();
    std::env::set_current_dir(dir.path()).unwrap();
    let lines = std::env::var("RRB_REPL_FUZZ_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(SAMPLE);
    let seed = std::env::var("RRB_REPL_FUZZ_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0x5eed_1234);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let out = Out::new(ColorChoice::Always);
        let context = Context { out, from: Some(dir.path().to_owned()), url: None, token_file: None };
        let mut console = Console::open(context, Manner::Script, &Begin::default()).unwrap();
        let mut random = Random(seed);
        let mut engine = super::names::Names::default();
        let mut taken = 0;
        for n in 0..lines {
            let text = line(&mut random);
            let _ = (pieces::standing(&text), highlight::paint(&text, Some(random.next(text.len() + 1))));
            if n % 10 == 0 {
                let _ = complete::complete(
                    &complete::Known::of(&console),
                    &mut engine,
                    &text,
                    text.floor_char_boundary(random.next(text.len() + 1)),
                );
            }
            if is_left_out(&text).is_some() {
                continue;
            }
            let began = std::time::Instant::now();
            match console.take(Input { name: "input", text: &text }).await {
                Ok(flow) => {
                    assert_eq!(flow, Flow::On, "line {n} ended the session: {text:?}");
                    taken += 1;
                }
                Err(wrong) => console.say(&wrong),
            }
            assert!(began.elapsed().as_secs() < 60, "line {n} took {:?}: {text:?}", began.elapsed());
        }
        assert!(taken > lines / 25, "only {taken} of {lines} lines were taken");
        assert_eq!(console.take(Input { name: "input", text: ":quit" }).await.unwrap_or(Flow::On), Flow::Quit);
    });
}
