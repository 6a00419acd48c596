//! Actions of rules as statements.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::condition::{Expr, Path, Root, Step};
use super::render::{self, Scope};
use super::rules::Head;
use super::{Action, Condition, Rule, RuleSet, awx};
use crate::convert::{Module, literal, remark};
use crate::text::{plain, quoted};

/// The statements of a rule.
pub fn body(sets: &[RuleSet<'_>], set: &RuleSet<'_>, rule: &Rule<'_>, head: &Head, module: &mut Module) -> String {
    let mut out = String::new();
    if rule.actions.is_empty() {
        module.notes.left_out("action", &rule.at, format!("`{}` has no actions", plain(&rule.name, 100)));
    }
    for (i, action) in rule.actions.iter().enumerate() {
        let mut writer = Writer { sets, set, rule, head, module, number: i };
        out.push_str(&writer.action(action));
    }
    out
}

struct Writer<'w, 'a> {
    sets: &'w [RuleSet<'a>],
    set: &'w RuleSet<'a>,
    rule: &'w Rule<'a>,
    head: &'w Head,
    module: &'w mut Module,
    number: usize,
}

impl Writer<'_, '_> {
    fn action(&mut self, action: &Action<'_>) -> String {
        let args = action.args.as_object();
        match action.name.as_str() {
            "none" | "noop" => remark("none: the rule does nothing.", "  "),
            "debug" | "echo" | "print_event" => self.shown(action, args),
            "set_fact" => self.told(action, args, "fact"),
            "post_event" => self.told(action, args, "event"),
            "retract_fact" => {
                let what = crate::text::shorten(&action.args.to_string(), 160);
                self.module.notes.left_out(
                    "action",
                    &action.at,
                    format!(
                        "`retract_fact` of `{}`: facts are not kept, each starts the rules that wait for it: {what}",
                        plain(&self.rule.name, 100)
                    ),
                );
                remark(&format!("retract_fact: facts are not kept here. {what}"), "  ")
            }
            "run_job_template" | "run_workflow_template" if self.module.awx => {
                let launched = args.and_then(|a| awx::launch(self.set, self.rule, self.head, action, a, self.module));
                launched.unwrap_or_else(|| self.by_hand(action, args))
            }
            _ => self.by_hand(action, args),
        }
    }

    /// What a runbook shows: the arguments, or the events.
    fn shown(&mut self, action: &Action<'_>, args: Option<&Map<String, Value>>) -> String {
        let mut out = String::new();
        for (name, value) in args.into_iter().flatten() {
            match (action.name.as_str(), name.as_str(), value) {
                ("print_event", "pretty", _) => {}
                ("print_event", "var_root", Value::Object(roots)) => {
                    for path in roots.keys() {
                        out.push_str(&self.root(path, action));
                    }
                }
                ("print_event", "var_root", Value::String(path)) => out.push_str(&self.root(path, action)),
                (_, "msg", Value::Array(lines)) => {
                    for line in lines {
                        out.push_str(&self.line("", line, action));
                    }
                }
                (_, "msg" | "message", value) => out.push_str(&self.line("", value, action)),
                (_, name, value) => out.push_str(&self.line(name, value, action)),
            }
        }
        if let Value::String(text) = action.args {
            out.push_str(&self.line("", &Value::String(text.clone()), action));
        }
        if out.is_empty() {
            for param in &self.head.params {
                let _ = writeln!(out, "  log \"{param}: ${{{param}.to_json()}}\"");
            }
        }
        out
    }

    fn root(&mut self, path: &str, action: &Action<'_>) -> String {
        let event = self.head.scope.event.clone().or_else(|| self.head.params.first().cloned()).unwrap_or_default();
        let _ = action;
        format!("  log \"{}: ${{{event}.get({}).to_json()}}\"\n", crate::text::escaped(&plain(path, 100)), quoted(path))
    }

    fn line(&mut self, name: &str, value: &Value, action: &Action<'_>) -> String {
        let (scope, at) = (&self.head.scope, &action.at);
        let label = if name.is_empty() { String::new() } else { format!("{}: ", plain(name, 60)) };
        match value {
            Value::String(text) => {
                let text = render::text(&format!("{label}{}", text.trim_end()), scope, self.module, at);
                format!("  log {text}\n")
            }
            value => {
                let shown = render::value(value, scope, self.module, at);
                format!("  log \"{}${{_json({shown})}}\"\n", crate::text::escaped(&label))
            }
        }
    }

    /// A fact or an event that other rules wait for: it starts their runbooks.
    fn told(&mut self, action: &Action<'_>, args: Option<&Map<String, Value>>, member: &'static str) -> String {
        let empty = Value::Null;
        let value = args.and_then(|a| a.get(member)).unwrap_or(&empty);
        for (name, other) in
            args.into_iter().flatten().filter(|(n, _)| !matches!(n.as_str(), "ruleset" | "fact" | "event"))
        {
            let other = crate::text::shorten(&other.to_string(), 100);
            self.module.notes.left_out(
                "action",
                &action.at,
                format!("`{}` of `{}`: {other}", plain(name, 60), action.name),
            );
        }
        let wanted = args.and_then(|a| a.get("ruleset")).and_then(Value::as_str).unwrap_or(&self.set.name);
        let Some(set) = self.sets.iter().find(|s| s.name == crate::convert::single_line(wanted)) else {
            self.module.notes.left_out(
                "action",
                &action.at,
                format!("there is no ruleset `{}` to tell", plain(wanted, 100)),
            );
            return remark(&format!("{}: {}", action.name, action.args), "  ");
        };
        let mut name = if self.number == 0 { "told".to_owned() } else { format!("told_{}", self.number + 1) };
        while self.head.params.contains(&name) {
            name.push('_');
        }
        let shown = render::value(value, &self.head.scope, self.module, &action.at);
        let mut starts = String::new();
        for rule in &set.rules {
            starts.push_str(&self.start(rule, value, &name, action));
        }
        let mut out = remark(&format!("{} in the ruleset `{}`", action.name, plain(&set.name, 100)), "  ");
        if starts.is_empty() {
            let said = format!("no rule of `{}` waits for it alone", plain(&set.name, 100));
            self.module.notes.widened("action", &action.at, format!("`{}` is only logged: {said}", action.name));
            let _ = writeln!(out, "  log \"{}: ${{_json({shown})}}\"", action.name);
            return out;
        }
        let _ = write!(out, "  let {name}: Json = {shown}\n{starts}");
        out
    }

    fn start(&mut self, rule: &Rule<'_>, value: &Value, name: &str, action: &Action<'_>) -> String {
        let expr = match &rule.condition {
            Condition::One { expr, .. } => expr,
            Condition::All { parts, .. } if parts.len() == 1 => match parts.first() {
                Some(expr) => expr,
                None => return String::new(),
            },
            Condition::All { parts, .. } | Condition::NotAll { parts, .. } => {
                if parts.iter().any(|p| may_meet(p, value)) {
                    self.module.notes.left_out(
                        "action",
                        &action.at,
                        format!(
                            "what `{}` says does not reach `{}`, which joins it with other events",
                            action.name,
                            plain(&rule.name, 100)
                        ),
                    );
                }
                return String::new();
            }
            Condition::Unread { .. } => return String::new(),
        };
        if !may_meet(expr, value) {
            return String::new();
        }
        let own = if let Expr::Named(own, _) = expr { vec![(own.clone(), name.to_owned())] } else { Vec::new() };
        let scope = Scope { event: Some(name.to_owned()), named: own };
        let Ok(test) = render::condition(expr, &scope, self.module) else { return String::new() };
        let on = if rule.enabled { String::new() } else { format!("{}_enabled and ", rule.runbook) };
        format!("  if {on}{test} {{ start {}(doc: {name}) }}\n", rule.runbook)
    }

    fn by_hand(&mut self, action: &Action<'_>, args: Option<&Map<String, Value>>) -> String {
        let named = args.and_then(|a| a.get("name")).and_then(Value::as_str).map(|n| plain(n, 200));
        let (what, why) = said(&action.name, named.as_deref());
        let mut details: Vec<String> = Vec::new();
        let scope = &self.head.scope;
        if !action.args.is_null() {
            let (args, secrets) = crate::convert::without_secrets(action.args);
            for key in secrets {
                self.module.notes.left_out("secret", &action.at, format!("the secret at `{}`", plain(&key, 60)));
            }
            let shown = render::value(&args, scope, self.module, &action.at);
            details.push(format!("{}: {shown}", literal::key(&action.name)));
        }
        if !self.set.hosts.is_null() && action.name.starts_with("run_") {
            details.push(format!("hosts: {}", literal::json(self.set.hosts)));
        }
        details.extend(self.head.params.iter().map(|p| format!("{p}: {p}")));
        let details = format!("{{ {} }}", details.join(", "));
        let rule = format!("{} of {}", action.name, plain(&self.rule.name, 100));
        let call = self.module.by_hand(&action.at, &rule, &what, &why, &details);
        posts_nothing(action, args, self.module);
        let title = named.map_or_else(|| action.name.clone(), |n| format!("{}: {n}", action.name));
        format!("  step {} {{\n    {call}\n  }}\n", quoted(&title))
    }
}

/// Says that what a job would post for other rules does not reach them.
pub fn posts_nothing(action: &Action<'_>, args: Option<&Map<String, Value>>, module: &mut Module) {
    let posts = |name: &str| args.and_then(|a| a.get(name)) == Some(&Value::Bool(true));
    if posts("post_events") || posts("set_facts") {
        let said = format!("what `{}` would post as events or facts starts no other rule", action.name);
        module.notes.left_out("action", &action.at, said);
    }
}

/// What a person is asked to do, and why.
fn said(action: &str, name: Option<&str>) -> (String, String) {
    let of = |what: &str| name.map_or_else(|| what.to_owned(), |n| format!("{what} `{n}`"));
    match action {
        "run_playbook" => (of("Run the playbook"), "no connector here runs playbooks".to_owned()),
        "run_module" => (of("Run the module"), "no connector here runs single modules of Ansible".to_owned()),
        "run_job_template" => (
            of("Launch the job template"),
            "with `--use awx` the connector `awx` launches those with a name".to_owned(),
        ),
        "run_workflow_template" => (
            of("Launch the workflow template"),
            "with `--use awx` the connector `awx` launches those with a name".to_owned(),
        ),
        "shutdown" => (
            "The rulebook ends its engine here: pause the runbooks of this module, if that is still wanted".to_owned(),
            "a runbook does not end the daemon".to_owned(),
        ),
        "pg_notify" => (
            "Send this notification over PostgreSQL".to_owned(),
            "no connector here notifies over PostgreSQL".to_owned(),
        ),
        other => (format!("Do what `{}` says", plain(other, 100)), format!("`{}` is not known", plain(other, 100))),
    }
}

/// Whether a condition can be true of a value: what is written in it is compared, and the members that it asks for must be
/// there.
fn may_meet(expr: &Expr, value: &Value) -> bool {
    match expr {
        Expr::Binary("and", a, b) => return may_meet(a, value) && may_meet(b, value),
        Expr::Binary("or", a, b) => return may_meet(a, value) || may_meet(b, value),
        Expr::Named(_, inner) => return may_meet(inner, value),
        Expr::Binary("==", path, text) => {
            if let (Expr::Path(path), Expr::Text(text)) = (path.as_ref(), text.as_ref())
                && let Some(Value::String(said)) = written(path, value)
                && !said.contains("{{")
                && !text.contains("{{")
            {
                return said == text;
            }
        }
        _ => {}
    }
    let Some(members) = value.as_object() else { return true };
    needs(expr).iter().all(|name| members.contains_key(name))
}

/// What a fact has at a path, where all of the path is written.
fn written<'v>(path: &Path, value: &'v Value) -> Option<&'v Value> {
    if path.root != Root::Event {
        return None;
    }
    path.steps.iter().try_fold(value, |of, step| match step {
        Step::Name(name) => of.get(name),
        Step::Index(_) => None,
    })
}

/// The members of an event without which a condition is false.
fn needs(expr: &Expr) -> BTreeSet<String> {
    let of = |parts: &[&Expr]| parts.iter().flat_map(|p| needs(p)).collect();
    match expr {
        Expr::Path(path) => match (&path.root, path.steps.first()) {
            (Root::Event, Some(Step::Name(name))) => BTreeSet::from([name.clone()]),
            _ => BTreeSet::new(),
        },
        Expr::Binary("or", a, b) => needs(a).intersection(&needs(b)).cloned().collect(),
        Expr::Binary(_, a, b) => of(&[a, b]),
        // `not (a and b)` asks for one of both; `is not defined` for none.
        Expr::Not(inner) => match inner.as_ref() {
            Expr::Defined(_) | Expr::Binary("and" | "or", ..) | Expr::Not(_) => BTreeSet::new(),
            inner => needs(inner),
        },
        Expr::Defined(inner) | Expr::Named(_, inner) => needs(inner),
        Expr::Matches { value, .. } => needs(value),
        Expr::Select { list, .. } => needs(list),
        Expr::Bool(_) | Expr::Null | Expr::Number(_) | Expr::Text(_) | Expr::List(_) => BTreeSet::new(),
    }
}
