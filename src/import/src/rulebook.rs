//! Rulebooks of Event-Driven Ansible (`ansible-rulebook`) as runbooks.
//!
//! Each rule becomes a runbook, its condition a trigger, each source an event of a connector in the same module. What a rule
//! tells another one by a fact starts that rule's runbook.

mod actions;
mod awx;
mod condition;
mod render;
mod rules;
mod sources;

use serde_json::{Map, Value};

use self::condition::Expr;
use crate::convert::{self, ConvertOptions, Converted, MAX_RUNBOOKS, MAX_STEPS, Module};
use crate::text::plain;
use crate::{ImportError, pointer, read};

/// A ruleset.
pub(crate) struct RuleSet<'a> {
    pub name: String,
    pub at: String,
    /// As it is written; null when nothing is said.
    pub hosts: &'a Value,
    pub sources: Vec<Source<'a>>,
    pub rules: Vec<Rule<'a>>,
    /// How long an event waits for others, in milliseconds.
    pub keep_ms: u64,
}

/// A source of events.
pub(crate) struct Source<'a> {
    pub name: String,
    pub plugin: String,
    pub args: &'a Value,
    pub filters: Vec<String>,
    pub at: String,
}

impl Source<'_> {
    /// The plugin, by a word for those that come with the engine.
    pub fn kind(&self) -> &str {
        sources::kind(&self.plugin)
    }
}

/// A rule.
pub(crate) struct Rule<'a> {
    pub name: String,
    pub at: String,
    pub enabled: bool,
    pub condition: Condition,
    pub actions: Vec<Action<'a>>,
    pub throttle: Option<Throttle>,
    /// The runbook's name.
    pub runbook: String,
}

/// What a rule waits for.
pub(crate) enum Condition {
    One {
        text: String,
        expr: Expr,
    },
    /// All of several events within a time, in milliseconds.
    All {
        text: Vec<String>,
        parts: Vec<Expr>,
        within_ms: Option<u64>,
    },
    /// The first of several events, when not all came within a time.
    NotAll {
        text: Vec<String>,
        parts: Vec<Expr>,
        within_ms: Option<u64>,
    },
    /// One that has no counterpart, and why.
    Unread {
        text: String,
        why: String,
    },
}

/// What a rule does.
pub(crate) struct Action<'a> {
    pub name: String,
    pub args: &'a Value,
    pub at: String,
}

/// How often a rule may act.
pub(crate) enum Throttle {
    OnceWithin { ms: u64, by: Vec<String> },
    OnceAfter { ms: u64, by: Vec<String> },
    Accumulate { ms: u64, count: u64, by: Vec<String> },
}

/// Makes runbooks of a rulebook.
///
/// # Errors
/// When it cannot be read, or is no rulebook.
pub fn import(bytes: &[u8], options: &ConvertOptions) -> Result<Converted, ImportError> {
    let read = read::read(bytes)?;
    let list: Vec<&Value> = match &read.root {
        Value::Array(items) => items.iter().collect(),
        one @ Value::Object(o) if o.contains_key("rules") => vec![one],
        _ => Vec::new(),
    };
    if list.is_empty() || !list.iter().all(|s| s.get("rules").is_some_and(Value::is_array)) {
        return Err(ImportError::new(
            "this is no rulebook: a list of rulesets with `rules` was expected",
            "give a rulebook of ansible-rulebook; for other files see `rrb import --help`",
        ));
    }
    let title = options_title(options, &list);
    let mut module = Module::new(options, "Ansible rulebook", &title)?;
    for at in &read.duplicates {
        module.notes.left_out("key", at, "a key that stands twice: the last one counts");
    }
    let rules: usize = list.iter().filter_map(|s| s.get("rules")?.as_array()).map(Vec::len).sum();
    if rules > MAX_RUNBOOKS {
        return Err(ImportError::new(
            format!("the rulebook has {rules} rules; at most {MAX_RUNBOOKS} are read"),
            "split the rulebook",
        ));
    }
    let several = list.len() > 1;
    let sets: Vec<RuleSet<'_>> =
        list.iter().enumerate().map(|(i, set)| ruleset(set, i, several, &mut module)).collect();
    module.counts.runbooks = rules;
    module.counts.steps = sets.iter().flat_map(|s| &s.rules).map(|r| r.actions.len()).sum();
    if module.counts.steps > MAX_STEPS {
        return Err(ImportError::new(
            format!("the rulebook has {} actions; at most {MAX_STEPS} are read", module.counts.steps),
            "split the rulebook",
        ));
    }
    for index in 0..sets.len() {
        rules::write(&sets, index, &mut module);
    }
    module.finish()
}

/// The name of the file says more than that of a ruleset, when there are several.
fn options_title(options: &ConvertOptions, list: &[&Value]) -> String {
    let first = list.first().and_then(|s| s.get("name")).and_then(Value::as_str).unwrap_or("rulebook");
    let file = options.source.split('.').next().unwrap_or_default();
    if list.len() > 1 && !file.is_empty() { file.to_owned() } else { first.to_owned() }
}

/// What stands at a ruleset and is read.
const SET_KEYS: &[&str] =
    &["name", "hosts", "sources", "rules", "default_events_ttl", "execution_strategy", "match_multiple_rules"];
/// What stands at a rule and is read.
const RULE_KEYS: &[&str] = &["name", "enabled", "condition", "action", "actions", "throttle"];

fn others(map: Option<&Map<String, Value>>, known: &[&str], what: &'static str, at: &str, module: &mut Module) {
    for (key, value) in map.into_iter().flatten().filter(|(k, _)| !known.contains(&k.as_str())) {
        let value = crate::text::shorten(&value.to_string(), 120);
        module.notes.left_out(what, at, format!("`{}`: {value}", plain(key, 60)));
    }
}

fn ruleset<'a>(set: &'a Value, index: usize, several: bool, module: &mut Module) -> RuleSet<'a> {
    let at = format!("/{index}");
    let name = text_of(set.get("name")).unwrap_or_else(|| format!("ruleset {}", index + 1));
    others(set.as_object(), SET_KEYS, "ruleset", &at, module);
    let sources = set.get("sources").and_then(Value::as_array).into_iter().flatten();
    let sources: Vec<Source<'_>> = sources
        .enumerate()
        .filter_map(|(i, s)| source(s, &pointer::join(&format!("{at}/sources"), &i.to_string()), module))
        .collect();
    let all = set.get("rules").and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<Rule<'_>> = all
        .enumerate()
        .map(|(i, r)| rule(r, i, &format!("{at}/rules/{i}"), several.then_some(name.as_str()), module))
        .collect();
    if rules.len() > 1 && set.get("match_multiple_rules").and_then(Value::as_bool) != Some(true) {
        module.notes.widened(
            "ruleset",
            &at,
            "an event that meets the conditions of several rules starts each of their runbooks; there the first rule alone",
        );
    }
    if rules.len() > 1 && set.get("execution_strategy").and_then(Value::as_str) != Some("parallel") {
        module.notes.widened(
            "ruleset",
            &at,
            "runs of different rules do not wait for each other; there actions run one by one",
        );
    }
    let ttl = set.get("default_events_ttl");
    let keep_ms = ttl.and_then(time).unwrap_or(7_200_000);
    if let Some(ttl) = ttl.filter(|t| time(t).is_none()) {
        module.notes.left_out(
            "ruleset",
            &at,
            format!("`default_events_ttl`: {} is no time", plain(&ttl.to_string(), 60)),
        );
    }
    RuleSet { name, at, hosts: set.get("hosts").unwrap_or(&Value::Null), sources, rules, keep_ms }
}

fn source<'a>(source: &'a Value, at: &str, module: &mut Module) -> Option<Source<'a>> {
    let Some(map) = source.as_object() else {
        let what = crate::text::shorten(&source.to_string(), 100);
        module.notes.left_out("source", at, format!("a source that is no mapping: {what}"));
        return None;
    };
    let mut plugins = map.iter().filter(|(k, _)| !matches!(k.as_str(), "name" | "filters"));
    let Some((plugin, args)) = plugins.next() else {
        module.notes.left_out("source", at, format!("a source without a plugin: {}", plain(&source.to_string(), 100)));
        return None;
    };
    for (more, _) in plugins {
        module.notes.left_out("source", at, format!("a second plugin of one source: `{}`", plain(more, 100)));
    }
    let filters = map.get("filters").and_then(Value::as_array).into_iter().flatten();
    let filters = filters
        .map(|f| match f {
            Value::Object(o) => o.keys().next().cloned().unwrap_or_default(),
            other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
        })
        .collect();
    let name = text_of(map.get("name")).unwrap_or_else(|| sources::kind(plugin).to_owned());
    Some(Source { name, plugin: plain(plugin, 120), args, filters, at: at.to_owned() })
}

fn rule<'a>(rule: &'a Value, index: usize, at: &str, set: Option<&str>, module: &mut Module) -> Rule<'a> {
    let name = text_of(rule.get("name")).unwrap_or_else(|| format!("rule {}", index + 1));
    others(rule.as_object(), RULE_KEYS, "rule", at, module);
    let wanted = set.map_or_else(|| name.clone(), |s| format!("{s} {name}"));
    let runbook = module.names.take(&convert::shortened_name(&wanted));
    let mut actions: Vec<Action<'_>> = Vec::new();
    if let Some(one) = rule.get("action") {
        action(one, &format!("{at}/action"), &mut actions, module);
    }
    for (i, one) in rule.get("actions").and_then(Value::as_array).into_iter().flatten().enumerate() {
        action(one, &format!("{at}/actions/{i}"), &mut actions, module);
    }
    Rule {
        condition: conditions(rule.get("condition").unwrap_or(&Value::Null)),
        throttle: rule.get("throttle").and_then(|t| throttle(t, at, module)),
        enabled: rule.get("enabled").and_then(Value::as_bool) != Some(false),
        at: at.to_owned(),
        actions,
        name,
        runbook,
    }
}

fn action<'a>(action: &'a Value, at: &str, all: &mut Vec<Action<'a>>, module: &mut Module) {
    match action {
        Value::Object(map) => {
            for (name, args) in map {
                all.push(Action { name: plain(name, 100), args, at: pointer::join(at, name) });
            }
        }
        Value::String(name) => all.push(Action { name: plain(name, 100), args: &Value::Null, at: at.to_owned() }),
        other => {
            let other = crate::text::shorten(&other.to_string(), 100);
            module.notes.left_out("action", at, format!("an action that is no mapping: {other}"));
        }
    }
}

/// A text, or a number written as one.
fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(s) if !s.trim().is_empty() => Some(convert::single_line(s)),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// A condition as it stands, for people.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn conditions(value: &Value) -> Condition {
    let parsed = |v: &Value| condition::parse(&written(v));
    let unread = |why: String| Condition::Unread { text: written(value), why };
    let Some(map) = value.as_object() else {
        if matches!(value, Value::Null | Value::Array(_)) {
            return unread("a condition was expected".to_owned());
        }
        return match parsed(value) {
            Ok(expr) => Condition::One { text: written(value), expr },
            Err(why) => unread(why),
        };
    };
    let Some((word, list)) = ["all", "any", "not_all"].iter().find_map(|w| Some((*w, map.get(*w)?.as_array()?))) else {
        return unread("`all`, `any` or `not_all` with a list was expected".to_owned());
    };
    if let Some(other) = map.keys().find(|k| *k != word && *k != "timeout") {
        return unread(format!("`{}` is not known beside `{word}`", plain(other, 60)));
    }
    let within_ms = map.get("timeout").map(time);
    if within_ms == Some(None) {
        return unread("`timeout` is no time".to_owned());
    }
    let text: Vec<String> = list.iter().map(written).collect();
    let parts: Vec<Expr> = match list.iter().map(parsed).collect() {
        Ok(parts) => parts,
        Err(why) => return unread(why),
    };
    let within_ms = within_ms.flatten();
    match (word, parts.len()) {
        (_, 0) => unread("there is nothing in its list".to_owned()),
        ("any", _) => {
            let mut parts = parts.into_iter();
            let first = parts.next().unwrap_or(Expr::Bool(false));
            let expr = parts.fold(first, |a, b| Expr::Binary("or", Box::new(a), Box::new(b)));
            Condition::One { text: text.join(" or "), expr }
        }
        ("not_all", _) => Condition::NotAll { text, parts, within_ms },
        _ => Condition::All { text, parts, within_ms },
    }
}

fn throttle(value: &Value, at: &str, module: &mut Module) -> Option<Throttle> {
    let by: Vec<String> =
        value.get("group_by_attributes").and_then(Value::as_array).into_iter().flatten().map(written).collect();
    let known = ["once_within", "once_after", "accumulate_within", "threshold", "group_by_attributes"];
    others(value.as_object(), &known, "throttle", at, module);
    let of = |name: &str| value.get(name).and_then(time);
    if let Some(ms) = of("once_within") {
        return Some(Throttle::OnceWithin { ms, by });
    }
    if let Some(ms) = of("once_after") {
        return Some(Throttle::OnceAfter { ms, by });
    }
    let count = value.get("threshold").and_then(Value::as_u64);
    if let (Some(ms), Some(count)) = (of("accumulate_within"), count) {
        return Some(Throttle::Accumulate { ms, count, by });
    }
    let shown = crate::text::shorten(&value.to_string(), 160);
    module.notes.left_out("throttle", at, format!("a throttle that was not understood: {shown}"));
    None
}

/// `10 seconds`, `5 minutes`, in milliseconds; a number alone is seconds.
fn time(value: &Value) -> Option<u64> {
    let text = written(value);
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), "seconds"));
    let number: u64 = number.parse().ok()?;
    let unit = match unit.trim().trim_end_matches('s') {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|ms| (1..=30 * 86_400_000).contains(ms))
}
