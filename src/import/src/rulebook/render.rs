//! Conditions and templates of a rulebook as expressions of the language.
//!
//! A comparison with what an event does not have is false, whichever way round it is asked: `event.a != 1` asks that
//! there is an `a`. So a `not` goes inwards, up to the comparisons, and none is ever true of nothing.

use serde_json::Value;

use super::condition::{Expr, Path, Root, Step};
use crate::convert::{Module, literal, template};
use crate::text::quoted;

/// What the names of a condition stand for: expressions of type Json.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `event`; none where several events are at hand and no single one.
    pub event: Option<String>,
    /// `events.NAME`
    pub named: Vec<(String, String)>,
}

/// A condition, ready to be joined.
enum Joined {
    All(Vec<Joined>),
    Any(Vec<Joined>),
    One(String),
}

impl Joined {
    fn write(&self, inner: bool) -> String {
        let (parts, word) = match self {
            Self::One(text) => return text.clone(),
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
        };
        let same = |part: &Self| matches!((self, part), (Self::All(_), Self::All(_)) | (Self::Any(_), Self::Any(_)));
        let parts: Vec<String> = parts.iter().map(|p| p.write(!same(p))).collect();
        let text = parts.join(word);
        if inner && parts.len() > 1 { format!("({text})") } else { text }
    }
}

/// A condition as an expression of type Bool that can stand beside `and`.
///
/// # Errors
/// What of it has no counterpart.
pub fn condition(expr: &Expr, scope: &Scope, module: &mut Module) -> Result<String, String> {
    Ok(Writer { scope, module }.truth(expr, false)?.write(true))
}

/// What a hole of a template stands for.
pub fn hole(inner: &str, scope: &Scope, module: &mut Module) -> Result<String, String> {
    let mut parts = split_filters(inner);
    let first = if parts.is_empty() { String::new() } else { parts.remove(0) };
    let expr = super::condition::parse(&first)?;
    let mut writer = Writer { scope, module };
    let mut value = match &expr {
        // A word alone is a variable that was given to the rulebook.
        Expr::Path(Path { root: Root::Other, steps }) => writer.variable(steps)?,
        expr => writer.value(expr)?,
    };
    for filter in parts {
        value = filtered(&value, &filter)?;
    }
    Ok(value)
}

/// The parts between `|`, none of them inside quotes.
fn split_filters(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            ('|', None) => {
                parts.push(String::new());
                continue;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).collect()
}

fn filtered(value: &str, filter: &str) -> Result<String, String> {
    let (name, rest) = filter.split_once('(').unwrap_or((filter, ""));
    let argument = rest.trim_end().trim_end_matches(')');
    match name.trim() {
        "default" | "d" => {
            let (first, always) = argument.rsplit_once(',').map_or((argument, ""), |(a, b)| (a, b.trim()));
            if !matches!(always, "" | "true" | "True") {
                return Err(format!("the filter `{filter}` is not known"));
            }
            let default = match super::condition::parse(first)? {
                Expr::Text(t) => quoted(&t),
                Expr::Number(n) => super::render::number(&n),
                Expr::Bool(b) => b.to_string(),
                Expr::Null => "none".to_owned(),
                _ => return Err(format!("the filter `{filter}` is not known")),
            };
            Ok(format!("_or({value}, {default})"))
        }
        "string" => Ok(format!("_shown({value})")),
        "lower" | "upper" | "trim" => Ok(format!("_shown({value}).{}()", name.trim())),
        "to_json" | "tojson" | "to_nice_json" => Ok(format!("_json({value})")),
        "int" => Ok(format!("(_shown({value}).to_int() ?? 0)")),
        _ => Err(format!("the filter `{}` is not known", crate::text::shorten(filter, 60))),
    }
}

/// A number in the language's own form.
pub fn number(text: &str) -> String {
    text.parse::<serde_json::Number>().map_or_else(
        |_| text.parse::<f64>().ok().filter(|f| f.is_finite()).map_or_else(|| "0".to_owned(), |f| format!("{f:?}")),
        |n| literal::number(&n),
    )
}

/// A value of an action, with the templates in it, as an expression of type Json.
pub fn value(value: &Value, scope: &Scope, module: &mut Module, at: &str) -> String {
    literal::with(value, &mut |text| template::json(text, &mut |inner| resolved(inner, scope, module, at)))
}

/// A text with templates in it, as an expression of type Text.
pub fn text(text: &str, scope: &Scope, module: &mut Module, at: &str) -> String {
    template::text(text, &mut |inner| resolved(inner, scope, module, at))
}

fn resolved(inner: &str, scope: &Scope, module: &mut Module, at: &str) -> Option<String> {
    match hole(inner, scope, module) {
        Ok(expr) => Some(expr),
        Err(why) => {
            let inner = crate::text::shorten(inner, 80);
            module.notes.left_out("template", at, format!("`{{{{ {inner} }}}}` stays as it is written: {why}"));
            None
        }
    }
}

struct Writer<'w> {
    scope: &'w Scope,
    module: &'w mut Module,
}

impl Writer<'_> {
    fn truth(&mut self, expr: &Expr, negated: bool) -> Result<Joined, String> {
        match expr {
            Expr::Not(inner) => self.truth(inner, !negated),
            Expr::Binary(word @ ("and" | "or"), left, right) => {
                let parts = vec![self.truth(left, negated)?, self.truth(right, negated)?];
                Ok(if (*word == "and") == negated { Joined::Any(parts) } else { Joined::All(parts) })
            }
            Expr::Bool(b) => Ok(Joined::One((*b != negated).to_string())),
            Expr::Named(_, inner) => self.truth(inner, negated),
            Expr::Defined(value) => {
                let value = self.value(value)?;
                let sign = if negated { "==" } else { "!=" };
                Ok(Joined::One(format!("{value} {sign} none")))
            }
            Expr::Binary(sign @ ("==" | "!="), left, right) => self.equal(left, right, (*sign == "!=") != negated),
            Expr::Binary(sign @ (">" | ">=" | "<" | "<="), left, right) => self.ordered(sign, left, right, negated),
            Expr::Binary("in", item, list) => self.holds(list, item, negated),
            Expr::Binary("contains", list, item) => self.holds(list, item, negated),
            Expr::Matches { .. } => self.matches(expr, negated),
            Expr::Select { list, key, op, value } => {
                let list = self.value(list)?;
                let item = key.as_ref().map_or_else(|| "it".to_owned(), |k| format!("it.get({})", quoted(k)));
                let test = self.selected(&item, op, value)?;
                let any = format!("{list}.items().any(it => {test})");
                Ok(if negated { guarded(&list, format!("not {any}")) } else { Joined::One(any) })
            }
            Expr::Path(_) => {
                let value = self.value(expr)?;
                Ok(Joined::One(format!("{value} == {}", !negated)))
            }
            _ => Err("it is a value and no condition".to_owned()),
        }
    }

    fn equal(&mut self, left: &Expr, right: &Expr, differs: bool) -> Result<Joined, String> {
        let (left, right) = if is_constant(left) { (right, left) } else { (left, right) };
        if is_constant(left) {
            return Err("it compares two constants".to_owned());
        }
        let (a, b) = (self.value(left)?, self.value(right)?);
        let constant = is_constant(right) && *right != Expr::Null;
        Ok(match (differs, constant) {
            (false, true) => Joined::One(format!("{a} == {b}")),
            (false, false) if *right == Expr::Null => Joined::One(format!("{a} == none")),
            (false, false) => guarded(&a, format!("{a} == {b}")),
            (true, true) => guarded(&a, format!("{a} != {b}")),
            (true, false) if *right == Expr::Null => Joined::One(format!("{a} != none")),
            (true, false) => Joined::All(vec![guarded(&a, format!("{b} != none")), Joined::One(format!("{a} != {b}"))]),
        })
    }

    fn ordered(&mut self, sign: &str, left: &Expr, right: &Expr, negated: bool) -> Result<Joined, String> {
        if is_constant(left) && is_constant(right) {
            return Err("it compares two constants".to_owned());
        }
        let (a, b) = (self.value(left)?, self.value(right)?);
        let sign = match (sign, negated) {
            (">", false) | ("<=", true) => ">",
            (">=", false) | ("<", true) => ">=",
            ("<", false) | (">=", true) => "<",
            _ => "<=",
        };
        Ok(Joined::One(order(sign, &a, &b)))
    }

    fn holds(&mut self, list: &Expr, item: &Expr, negated: bool) -> Result<Joined, String> {
        if let Expr::List(items) = list {
            if is_constant(item) && is_constant(list) {
                return Err("it compares two constants".to_owned());
            }
            let numbers = items.iter().all(|i| matches!(i, Expr::Number(_)));
            let texts = items.iter().all(|i| matches!(i, Expr::Text(t) if !t.contains("{{")));
            if (numbers || texts) && !items.is_empty() {
                let (a, all) = (self.value(item)?, self.value(list)?);
                return Ok(if negated {
                    guarded(&a, format!("{a} not in {all}"))
                } else {
                    Joined::One(format!("{a} in {all}"))
                });
            }
            let parts: Vec<Joined> =
                items.iter().map(|i| self.equal(item, i, negated)).collect::<Result<_, String>>()?;
            return Ok(match (parts.is_empty(), negated) {
                (true, _) => Joined::One(negated.to_string()),
                (false, true) => Joined::All(parts),
                (false, false) => Joined::Any(parts),
            });
        }
        if is_constant(list) {
            return Err("a list was expected".to_owned());
        }
        let (all, item) = (self.value(list)?, self.value(item)?);
        let has = format!("{all}.items().contains({item})");
        Ok(if negated { guarded(&all, format!("not {has}")) } else { Joined::One(has) })
    }

    fn matches(&mut self, expr: &Expr, negated: bool) -> Result<Joined, String> {
        let Expr::Matches { value, pattern, from_start, ignore_case, multiline } = expr else {
            return Err("a pattern was expected".to_owned());
        };
        if is_constant(value) {
            return Err("it compares two constants".to_owned());
        }
        let value = self.value(value)?;
        let Expr::Text(pattern) = pattern.as_ref() else {
            return Err("a pattern that is not written in the condition has no counterpart".to_owned());
        };
        let regex = regex(pattern, *from_start, *ignore_case, *multiline)?;
        Ok(text_matches(&value, &regex, negated))
    }

    /// The test of `select` and `selectattr` on one item.
    fn selected(&mut self, item: &str, op: &str, value: &Expr) -> Result<String, String> {
        let path = self.value(value)?;
        Ok(match op {
            "==" => format!("{item} == {path}"),
            "!=" => format!("{item} != none and {item} != {path}"),
            ">" | ">=" | "<" | "<=" => order(op, item, &path),
            "match" | "search" | "regex" => {
                let Expr::Text(pattern) = value else {
                    return Err(format!("a pattern was expected behind `{op}`"));
                };
                text_matches(item, &regex(pattern, op == "match", false, false)?, false).write(false)
            }
            "in" | "not in" => {
                let Expr::List(items) = value else { return Err(format!("a list was expected behind `{op}`")) };
                let tests: Vec<String> =
                    items.iter().map(|i| Ok(format!("{item} == {}", self.value(i)?))).collect::<Result<_, String>>()?;
                let any = if tests.is_empty() { "false".to_owned() } else { tests.join(" or ") };
                if op == "in" { any } else { format!("{item} != none and not ({any})") }
            }
            "contains" => format!("{item}.items().contains({path})"),
            "not contains" => format!("{item} != none and not {item}.items().contains({path})"),
            _ => return Err(format!("the test `{}` is not known", crate::text::shorten(op, 40))),
        })
    }

    /// A value as an expression that fits where Json is expected.
    fn value(&mut self, expr: &Expr) -> Result<String, String> {
        match expr {
            Expr::Bool(b) => Ok(b.to_string()),
            Expr::Null => Ok("none".to_owned()),
            Expr::Number(n) => Ok(number(n)),
            Expr::Text(t) if t.contains("{{") => {
                let mut error = None;
                let (scope, module) = (self.scope, &mut *self.module);
                let text = template::json(t, &mut |inner| match hole(inner, scope, module) {
                    Ok(expr) => Some(expr),
                    Err(why) => {
                        error = Some(why);
                        None
                    }
                });
                error.map_or(Ok(text), Err)
            }
            Expr::Text(t) => Ok(quoted(t)),
            Expr::List(items) => {
                let items: Vec<String> = items.iter().map(|i| self.value(i)).collect::<Result<_, String>>()?;
                Ok(format!("[{}]", items.join(", ")))
            }
            Expr::Path(path) => self.path(path),
            Expr::Binary(sign @ ("+" | "-" | "*" | "/"), left, right) => {
                let name = match *sign {
                    "+" => "_plus",
                    "-" => "_minus",
                    "*" => "_times",
                    _ => "_over",
                };
                Ok(format!("{name}({}, {})", self.value(left)?, self.value(right)?))
            }
            _ => Err("a condition stands where a value was expected".to_owned()),
        }
    }

    fn path(&mut self, path: &Path) -> Result<String, String> {
        let base = match &path.root {
            Root::Event => self.scope.event.clone().ok_or("`event` is not one event here: several came")?,
            Root::Named(name) => {
                let found = self.scope.named.iter().find(|(n, _)| n == name);
                found.map(|(_, expr)| expr.clone()).ok_or_else(|| format!("nothing is named `events.{name}`"))?
            }
            Root::Vars => return self.variable(&path.steps),
            Root::Other => {
                let name = path.steps.first().map_or("", |s| if let Step::Name(n) = s { n } else { "" });
                return Err(format!("`{}` is no event, fact or variable", crate::text::shorten(name, 60)));
            }
        };
        Ok(walk(base, &path.steps))
    }

    /// A variable that was given to the rulebook: a setting.
    fn variable(&mut self, steps: &[Step]) -> Result<String, String> {
        let Some((Step::Name(name), rest)) = steps.split_first() else {
            return Err("a name was expected behind `vars`".to_owned());
        };
        let setting = self.module.setting(name, "a variable of the rulebook.");
        self.module.notes.guessed(
            "variable",
            "",
            format!("the variable `{name}` is the setting `{setting}`: set it in `rrb.toml`"),
        );
        Ok(walk(setting, rest))
    }
}

fn walk(base: String, steps: &[Step]) -> String {
    steps.iter().fold(base, |of, step| match step {
        Step::Name(name) => literal::member(&of, name),
        Step::Index(index) => format!("{of}[{index}]"),
    })
}

/// A condition that is false where there is nothing.
fn guarded(value: &str, then: String) -> Joined {
    Joined::All(vec![Joined::One(format!("{value} != none")), Joined::One(then)])
}

fn order(sign: &str, a: &str, b: &str) -> String {
    match sign {
        ">" => format!("_greater({a}, {b})"),
        ">=" => format!("_at_least({a}, {b})"),
        "<" => format!("_greater({b}, {a})"),
        _ => format!("_at_least({b}, {a})"),
    }
}

fn text_matches(value: &str, regex: &str, negated: bool) -> Joined {
    let test = format!("(({value} as Text) matches {regex})");
    let test = if negated { format!("not {test}") } else { test };
    Joined::All(vec![Joined::One(format!("{value}.kind() == \"text\"")), Joined::One(test)])
}

/// Whether nothing of an event is in it.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Text(t) => !t.contains("{{"),
        Expr::Bool(_) | Expr::Null | Expr::Number(_) => true,
        Expr::List(items) => items.iter().all(is_constant),
        Expr::Binary(_, a, b) => is_constant(a) && is_constant(b),
        _ => false,
    }
}

/// A pattern as a literal.
///
/// # Errors
/// When it has what the patterns of the language do not, such as look-around.
pub fn regex(pattern: &str, from_start: bool, ignore_case: bool, multiline: bool) -> Result<String, String> {
    let flags: String = [(ignore_case, 'i'), (multiline, 'm')].iter().filter(|(on, _)| *on).map(|(_, c)| *c).collect();
    let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
    let whole = if from_start { format!("{flags}\\A(?:{pattern})") } else { format!("{flags}{pattern}") };
    crate::convert::regex(&whole)
        .ok_or_else(|| format!("the pattern `{}` has no counterpart", crate::text::shorten(pattern, 80)))
}
