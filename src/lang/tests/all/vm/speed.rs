//! How fast the machine is, roughly; `benches/` measures it beside its peers. Run with `--release -- --ignored --nocapture speed`.

use std::time::Instant;

use rrb_lang::value::Value;
use rrb_lang::vm::eval;

use super::kit::program;

#[test]
#[ignore = "prints figures and asserts none"]
fn speed() {
    let p = program(
        "type E = { name: Text, severity: Text, value: Float }
         fn fib(n: Int) -> Int { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
         fn sum() -> Int { var s = 0  for i in 1..=1_000_000 { s += i }  s }
         fn cond(e: E) -> Bool { e.name == \"DiskAlmostFull\" and e.severity in [\"warning\", \"critical\"] and e.value > 80.0 }",
    );
    let id = |name: &str| {
        let at = p.functions.iter().position(|f| f.name == name).unwrap();
        rrb_lang::ids::FnId(u32::try_from(at).unwrap())
    };
    let none = std::collections::BTreeMap::new();
    let event = Value::record([
        ("name", Value::text("DiskAlmostFull")),
        ("severity", Value::text("critical")),
        ("value", Value::Float(95.0)),
    ]);
    for (what, f, args, times) in [
        ("fib(27)", "fib", vec![Value::Int(27)], 5),
        ("sum 1e6", "sum", vec![], 5),
        ("condition", "cond", vec![event], 1_000_000),
    ] {
        let begin = Instant::now();
        for _ in 0..times {
            eval(&p, id(f), args.clone(), &none, "", u64::MAX).unwrap();
        }
        println!("{what}: {:?}", begin.elapsed() / times);
    }
}
