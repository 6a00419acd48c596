//! The peers' side of the expression and loop tasks. Prints one JSON object a line: engine, task, nanoseconds of thread CPU time
//! (median of nine samples; a condition's figure is for one evaluation). Every answer is checked before it is timed.

use std::hint::black_box;

const EVENTS: usize = 256;

#[derive(Clone, serde::Serialize)]
struct Event {
    seq: i64,
    alert: Alert,
    value: f64,
}

#[derive(Clone, serde::Serialize)]
struct Alert {
    name: String,
    severity: String,
    instance: String,
}

/// The events of the condition task: half of them fail the first test ("mixed"), or all three tests run and hold ("all3").
fn events(all: bool) -> Vec<Event> {
    (0..EVENTS)
        .map(|i| {
            let name = if all || i % 2 == 0 { "DiskAlmostFull" } else { "Other" };
            let value = if all { 95.0 } else { 60.0 + (i % 50) as f64 };
            let alert = Alert { name: name.into(), severity: "critical".into(), instance: "node-7".into() };
            Event { seq: i as i64, alert, value }
        })
        .collect()
}

fn expected(events: &[Event]) -> usize {
    events.iter().filter(|e| e.alert.name == "DiskAlmostFull" && e.value > 80.0).count()
}

fn cpu_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Median of nine samples of `work`, divided by `per`.
fn measure(engine: &str, task: &str, per: u64, mut work: impl FnMut()) {
    work();
    let mut samples: Vec<u64> = (0..9)
        .map(|_| {
            let start = cpu_ns();
            work();
            cpu_ns() - start
        })
        .collect();
    samples.sort_unstable();
    println!("{}", serde_json::json!({"engine": engine, "task": task, "ns": samples[4] as f64 / per as f64}));
}

const ROUNDS: u64 = 40;

/// Times a condition over both sets of events.
fn conditions(engine: &str, mut run: impl FnMut(bool) -> usize) {
    for (task, all) in [("condition mixed", false), ("condition all3", true)] {
        assert_eq!(run(all), expected(&events(all)), "{engine} {task}");
        measure(engine, task, ROUNDS * EVENTS as u64, || {
            for _ in 0..ROUNDS {
                black_box(run(all));
            }
        });
    }
}

fn native() {
    let sets = [events(false), events(true)];
    conditions("native Rust", |all| {
        black_box(&sets[usize::from(all)])
            .iter()
            .filter(|e| {
                e.alert.name == "DiskAlmostFull"
                    && ["warning", "critical"].contains(&e.alert.severity.as_str())
                    && e.value > 80.0
            })
            .count()
    });
    fn fib(n: i64) -> i64 {
        if n < 2 { n } else { fib(black_box(n - 1)) + fib(n - 2) }
    }
    measure("native Rust", "fib(27)", 1, || assert_eq!(fib(black_box(27)), 196_418));
    measure("native Rust", "sum 1..1e6", 1, || {
        let mut sum = 0i64;
        for i in 1..=black_box(1_000_000) {
            sum = black_box(sum + i);
        }
        assert_eq!(sum, 500_000_500_000);
    });
    measure("native Rust", "100k map updates", 1, || {
        let mut map = std::collections::HashMap::new();
        for i in 0..100_000 {
            *map.entry(format!("k{}", i % 1000)).or_insert(0i64) += 1;
        }
        assert_eq!(map["k7"], 100);
    });
    measure("native Rust", "100k pieces of a text", 1, || {
        let mut text = String::new();
        for i in 0..100_000 {
            text.push_str(&i.to_string());
        }
        assert_eq!(text.len(), 488_890);
    });
}

const SCRIPT_TASKS: &[(&str, &str)] = &[
    ("fib(27)", "do_fib"),
    ("sum 1..1e6", "do_sum"),
    ("100k map updates", "do_map"),
    ("100k pieces of a text", "do_text"),
];
const ANSWERS: [i64; 4] = [196_418, 500_000_500_000, 100, 488_890];

fn lua() -> mlua::Result<()> {
    use mlua::LuaSerdeExt as _;
    let lua = mlua::Lua::new();
    lua.load(
        r#"
        function cond(e) local s = e.alert.severity
          return e.alert.name == "DiskAlmostFull" and (s == "warning" or s == "critical") and e.value > 80 end
        local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
        function do_fib() return fib(27) end
        function do_sum() local s = 0 for i = 1, 1000000 do s = s + i end return s end
        function do_map() local m = {} for i = 0, 99999 do local k = "k" .. (i % 1000) m[k] = (m[k] or 0) + 1 end return m.k7 end
        function do_text() local t = {} for i = 0, 99999 do t[#t + 1] = tostring(i) end return #table.concat(t) end
    "#,
    )
    .exec()?;
    let cond: mlua::Function = lua.globals().get("cond")?;
    let tables = |all| events(all).iter().map(|e| lua.to_value(e)).collect::<mlua::Result<Vec<_>>>();
    let sets = [tables(false)?, tables(true)?];
    conditions("Lua 5.4", |all| {
        sets[usize::from(all)].iter().filter(|e| cond.call::<bool>((*e).clone()).unwrap_or(false)).count()
    });
    for ((task, name), answer) in SCRIPT_TASKS.iter().zip(ANSWERS) {
        let f: mlua::Function = lua.globals().get(*name)?;
        measure("Lua 5.4", task, 1, || assert_eq!(f.call::<i64>(()).ok(), Some(answer)));
    }
    Ok(())
}

fn rhai_peer() -> Result<(), Box<rhai::EvalAltResult>> {
    let mut engine = rhai::Engine::new();
    engine.set_max_expr_depths(0, 0);
    let ast = engine.compile(
        r#"
        fn cond(e) { e.alert.name == "DiskAlmostFull" && e.alert.severity in ["warning", "critical"] && e.value > 80.0 }
        fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
        fn do_fib() { fib(27) }
        fn do_sum() { let s = 0; for i in 1..=1000000 { s += i; } s }
        fn do_map() { let m = #{}; for i in 0..100000 { let k = "k" + (i % 1000); m[k] = (m[k] ?? 0) + 1; } m.k7 }
        fn do_text() { let s = ""; for i in 0..100000 { s += i.to_string(); } s.len }
    "#,
    )?;
    let maps = |all| events(all).iter().map(rhai::serde::to_dynamic).collect::<Result<Vec<_>, _>>();
    let sets = [maps(false)?, maps(true)?];
    let mut scope = rhai::Scope::new();
    let options = || rhai::CallFnOptions::new().eval_ast(false);
    conditions("rhai", |all| {
        sets[usize::from(all)]
            .iter()
            .filter(|e| {
                engine
                    .call_fn_with_options::<bool>(options(), &mut scope, &ast, "cond", ((*e).clone(),))
                    .unwrap_or(false)
            })
            .count()
    });
    for ((task, name), answer) in SCRIPT_TASKS.iter().zip(ANSWERS) {
        measure("rhai", task, 1, || {
            assert_eq!(engine.call_fn::<i64>(&mut rhai::Scope::new(), &ast, name, ()).ok(), Some(answer))
        });
    }
    Ok(())
}

fn starlark_peer() -> starlark::Result<()> {
    use starlark::environment::{Globals, Module};
    use starlark::eval::Evaluator;
    use starlark::syntax::{AstModule, Dialect};
    let source = r#"
def cond(e):
    return e["alert"]["name"] == "DiskAlmostFull" and e["alert"]["severity"] in ["warning", "critical"] and e["value"] > 80
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def do_fib():
    return fib(27)
def do_sum():
    s = 0
    for i in range(1, 1000001):
        s += i
    return s
def do_map():
    m = {}
    for i in range(100000):
        k = "k" + str(i % 1000)
        m[k] = m.get(k, 0) + 1
    return m["k7"]
def do_text():
    t = []
    for i in range(100000):
        t.append(str(i))
    return len("".join(t))
"#;
    let mut dialect = Dialect::Extended;
    dialect.enable_top_level_stmt = true;
    let frozen = Module::with_temp_heap(|module| {
        let ast = AstModule::parse("peer.star", source.to_owned(), &dialect)?;
        Evaluator::new(&module).eval_module(ast, &Globals::standard())?;
        starlark::Result::Ok(module.freeze()?)
    })?;
    Module::with_temp_heap(|module| {
        let mut eval = Evaluator::new(&module);
        let cond = frozen.get("cond")?;
        let cond = module.heap().access_owned_frozen_value(&cond);
        let values = |all| events(all).iter().map(|e| module.heap().alloc(serde_json::json!(e))).collect::<Vec<_>>();
        let sets = [values(false), values(true)];
        conditions("starlark", |all| {
            sets[usize::from(all)]
                .iter()
                .filter(|e| eval.eval_function(cond, &[**e], &[]).is_ok_and(|v| v.to_bool()))
                .count()
        });
        starlark::Result::Ok(())
    })?;
    for ((task, name), answer) in SCRIPT_TASKS.iter().zip(ANSWERS) {
        let function = frozen.get(name)?;
        measure("starlark", task, 1, || {
            Module::with_temp_heap(|module| {
                let f = module.heap().access_owned_frozen_value(&function);
                let value = Evaluator::new(&module).eval_function(f, &[], &[]).ok().map(|v| v.to_string());
                assert_eq!(value, Some(answer.to_string()));
            });
        });
    }
    Ok(())
}

fn cel_peer() -> Result<(), Box<dyn std::error::Error>> {
    let program = cel::Program::compile(
        r#"e.alert.name == "DiskAlmostFull" && e.alert.severity in ["warning", "critical"] && e.value > 80.0"#,
    )?;
    let contexts = |all| -> Result<Vec<cel::Context<'static, 'static>>, Box<dyn std::error::Error>> {
        events(all)
            .into_iter()
            .map(|e| {
                let mut context = cel::Context::default();
                context.add_variable("e", e).map_err(|e| e.to_string())?;
                Ok(context)
            })
            .collect()
    };
    let sets = [contexts(false)?, contexts(true)?];
    conditions("cel", |all| {
        sets[usize::from(all)].iter().filter(|c| matches!(program.execute(c), Ok(cel::Value::Bool(true)))).count()
    });
    Ok(())
}

fn regorus_peer() -> Result<(), Box<dyn std::error::Error>> {
    let mut engine = regorus::Engine::new();
    engine.add_policy(
        "peer.rego".into(),
        r#"package peer
import rego.v1
default hit := false
hit if { input.alert.name == "DiskAlmostFull"; input.alert.severity in ["warning", "critical"]; input.value > 80 }"#
            .into(),
    )?;
    let policy = engine.compile_with_entrypoint(&"data.peer.hit".into())?;
    let values = |all| {
        events(all)
            .iter()
            .map(|e| regorus::Value::from_json_str(&serde_json::json!(e).to_string()))
            .collect::<Result<Vec<_>, _>>()
    };
    let sets = [values(false)?, values(true)?];
    conditions("regorus", |all| {
        sets[usize::from(all)]
            .iter()
            .filter(|e| policy.eval_with_input((*e).clone()).is_ok_and(|v| v == regorus::Value::from(true)))
            .count()
    });
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    native();
    lua().map_err(|e| e.to_string())?;
    rhai_peer().map_err(|e| e.to_string())?;
    starlark_peer().map_err(|e| e.to_string())?;
    cel_peer()?;
    regorus_peer()
}
