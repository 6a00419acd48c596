//! The table of units in the chapter on expressions: every operator with every pair of types either gives a type that the table
//! lists, or is an error with a help. `UPDATE_DOCS=1` writes the table.

use std::collections::BTreeMap;

use rrb_lang::program::compile;
use rrb_lang::value::Value;

use super::Page;
use super::blocks::root;

const OPERATORS: [&str; 5] = ["+", "-", "*", "/", "mod"];

/// A value of each type, as it is written.
const OPERANDS: [(&str, &str); 15] = [
    ("Int", "7"),
    ("Float", "2.5"),
    ("Duration", "5m"),
    ("Size", "10MiB"),
    ("Time", "time\"2026-01-01T00:00:00Z\""),
    ("List<Int>", "[1]"),
    ("Text", "\"a\""),
    ("Bool", "true"),
    ("Map", "{ \"a\": 1 }"),
    ("Set", "[1].to_set()"),
    ("record", "{ a: 1 }"),
    ("Int?", "\"7\".to_int()"),
    ("Json", "doc"),
    ("Url", "url\"https://a.b\""),
    ("Cidr", "cidr\"10.0.0.0/8\""),
];

fn kind(v: &Value) -> &'static str {
    match v {
        Value::Int(_) => "Int",
        Value::Float(_) => "Float",
        Value::Duration(_) => "Duration",
        Value::Size(_) => "Size",
        Value::Time(_) => "Time",
        Value::List(_) => "List<Int>",
        other => panic!("{other:?}"),
    }
}

/// What an expression gives, as `Duration * Int` to `Duration`.
type Gives = Vec<(String, &'static str)>;
/// The code that an expression is refused with, and how many helps it brings.
type Refused = BTreeMap<String, (String, usize)>;

/// What each expression that compiles gives, and what is said of the others.
fn all() -> (Gives, Refused) {
    let page = Page::on("let doc: Json = { a: 1 }");
    let mut rows = Vec::new();
    for op in OPERATORS {
        for (left, l) in OPERANDS {
            for (right, r) in OPERANDS {
                rows.push((format!("{left} {op} {right}"), format!("{l} {op} {r}")));
            }
        }
    }
    let text = |rows: &[&(String, String)]| {
        let lets = rows.iter().enumerate().map(|(i, (_, e))| format!("let _it{i} = {e}\n"));
        format!("let doc: Json = {{ a: 1 }}\n{}", lets.collect::<String>())
    };
    let every: Vec<&(String, String)> = rows.iter().collect();
    let checked = page.check(&text(&every));
    let mut wrong = BTreeMap::new();
    for d in &checked.diagnostics {
        let line = checked.sources.line_col(d.span().file, d.span().start).line as usize;
        wrong.insert(rows[line - 2].0.clone(), (d.code.name().to_owned(), d.help.len()));
    }
    let right: Vec<&(String, String)> = rows.iter().filter(|(name, _)| !wrong.contains_key(name)).collect();
    let checked = page.check(&text(&right));
    let tree = checked.program.unwrap();
    let program = compile(&tree, &checked.sources).unwrap();
    let value = |i| tree.constants.iter().position(|c| c.name == format!("_it{i}")).map(|at| &program.constants[at]);
    let gives = right.iter().enumerate().filter_map(|(i, (name, _))| Some((name.clone(), kind(value(i)?)))).collect();
    (gives, wrong)
}

fn table(gives: &[(String, &str)]) -> String {
    let mut by_result: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (expression, result) in gives {
        by_result.entry(result).or_default().push(expression);
    }
    let mut out = String::from("\n| result | of |\n|---|---|\n");
    for (result, expressions) in by_result {
        let code: Vec<String> = expressions.iter().map(|e| format!("`{e}`")).collect();
        out.push_str(&format!("| `{result}` | {} |\n", code.join(", ")));
    }
    out + "\n"
}

#[test]
fn the_units_table_is_what_the_checker_does() {
    let (gives, wrong) = all();
    assert_eq!(gives.len() + wrong.len(), OPERATORS.len() * OPERANDS.len() * OPERANDS.len());
    for (expression, (code, helps)) in &wrong {
        let meant = ["rrb::type::units", "rrb::type::optional"].contains(&code.as_str());
        assert!(meant && *helps > 0, "{expression}: {code} with {helps} helps");
    }
    let path = root().join("docs/language/expressions.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("units_table` -->\n", "<!-- units end -->");
    let from = page.find(begin).unwrap() + begin.len();
    let to = page.find(end).unwrap();
    let made = format!("{}{}{}", &page[..from], table(&gives), &page[to..]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(
        page == made || std::env::var_os("UPDATE_DOCS").is_some(),
        "the table of units is old: write it with `UPDATE_DOCS=1`"
    );
}
