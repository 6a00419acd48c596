//! Documents of AWS Systems Manager as runbooks: Automation (0.3), and Command (2.2) with every step done by people.

mod actions;
mod choices;
mod cli;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::convert::flow::{self, Edge, Target};
use crate::convert::{self, ConvertOptions, Converted, Module, docs, literal, template};
use crate::names::{self, Names};
use crate::text::{plain, quoted};
use crate::{ImportError, pointer, read};

/// The most steps of a document.
const MAX_STEPS: usize = 1_000;

/// A document while it is written.
pub(crate) struct Document<'a> {
    pub module: Module,
    /// The names of variables by those of parameters.
    params: BTreeMap<&'a str, String>,
    /// The names of variables by those of steps whose outputs are asked for.
    outputs: BTreeMap<&'a str, String>,
    /// Outputs of the whole document: `Step.Output`.
    kept: BTreeSet<String>,
    /// The name of the connector for calls of AWS.
    pub cli: String,
    pub cli_used: bool,
}

/// One step as it is written.
pub(crate) struct Step<'a> {
    pub name: &'a str,
    pub action: &'a str,
    pub inputs: &'a Value,
    pub all: &'a Map<String, Value>,
    pub at: String,
}

impl Step<'_> {
    /// A whole number that stands at the step itself.
    pub fn number(&self, key: &str) -> Option<u64> {
        let value = self.all.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }
}

/// Makes a runbook of a document.
///
/// # Errors
/// When it cannot be read, or is no such document.
pub fn import(bytes: &[u8], options: &ConvertOptions) -> Result<Converted, ImportError> {
    let read = read::read(bytes)?;
    let root = read.root.as_object();
    let version =
        root.and_then(|r| r.get("schemaVersion")).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let (Some(root), Some(version)) = (root, version) else {
        return Err(ImportError::new(
            "this is no document of Systems Manager: `schemaVersion` was expected",
            "give an Automation document as YAML or JSON; for other files see `rrb import --help`",
        ));
    };
    let format = match version.as_str() {
        "0.3" => "SSM Automation 0.3",
        "2.2" => "SSM Command 2.2",
        other => {
            return Err(ImportError::new(
                format!("documents of the schema version {} are not read", plain(other, 20)),
                "give one of 0.3 (Automation) or 2.2 (Command)",
            ));
        }
    };
    let Some(list) = root.get("mainSteps").and_then(Value::as_array).filter(|s| !s.is_empty()) else {
        return Err(ImportError::new("the document has no steps: `mainSteps` was expected", "give a whole document"));
    };
    if list.len() > MAX_STEPS {
        return Err(ImportError::new(
            format!("the document has {} steps; at most {MAX_STEPS} are read", list.len()),
            "split the document",
        ));
    }
    let stem = options.source.rsplit_once('.').map_or(options.source.as_str(), |(s, _)| s);
    let title = if stem.is_empty() { plain(text(root, "description"), 60) } else { stem.to_owned() };
    let mut module = Module::new(options, format, &title)?;
    for at in &read.duplicates {
        module.notes.left_out("key", at, "a key that stands twice: the last one counts");
    }
    let name = module.names.take(&convert::shortened_name(&title));
    let cli = module.names.take("aws_cli");
    let mut document = Document {
        module,
        params: BTreeMap::new(),
        outputs: BTreeMap::new(),
        kept: root
            .get("outputs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        cli,
        cli_used: false,
    };
    document.write(root, list, &name);
    document.module.finish()
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What stands at a document and is read.
const DOCUMENT_KEYS: &[&str] = &["schemaVersion", "description", "assumeRole", "parameters", "outputs", "mainSteps"];
/// What stands at a step and is read.
const STEP_KEYS: &[&str] = &[
    "name",
    "action",
    "inputs",
    "outputs",
    "description",
    "isEnd",
    "nextStep",
    "onFailure",
    "maxAttempts",
    "timeoutSeconds",
    "isCritical",
];

impl<'a> Document<'a> {
    fn write(&mut self, root: &'a Map<String, Value>, list: &'a [Value], name: &str) {
        self.others(root, DOCUMENT_KEYS, "document", "");
        if let Some(role) = root.get("assumeRole") {
            let role = crate::text::shorten(&role.to_string(), 100);
            self.module.notes.widened(
                "role",
                "/assumeRole",
                format!("`assumeRole` {role}: calls are made as the machine's own role, or with the setting `profile`"),
            );
        }
        let mut taken =
            Names::with(["at", "result", "failure", "approval", "operators", "denial", "it", self.cli.as_str()]);
        let params = self.parameters(root, &mut taken);
        let steps: Vec<Step<'a>> = list.iter().enumerate().filter_map(|(i, s)| self.step(s, i)).collect();
        let asked = asked(root);
        for step in &steps {
            if asked.contains(step.name) {
                self.outputs.insert(step.name, taken.take(&names::snake(step.name, "step")));
            }
        }
        self.module.counts.runbooks = 1;
        self.module.counts.steps = steps.len();
        let mut nodes = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let node = self.node(step, i, &steps);
            nodes.push(node);
        }
        let start = if nodes.is_empty() { Target::End } else { Target::Step(0) };
        let reached = flow::reached(&nodes, start);
        let mut body = flow::write(&nodes, start, Some("finish mitigated \"the document ends here\""), "at");
        for (i, node) in nodes.iter().enumerate().filter(|(i, _)| !reached.contains(i)) {
            let at = steps.get(i).map(|s| s.at.as_str()).unwrap_or_default();
            self.module.notes.left_out("step", at, format!("nothing leads to the step `{}`", plain(&node.name, 100)));
        }
        let vars: String = self.outputs.values().fold(String::new(), |mut out, name| {
            let _ = writeln!(out, "var {name}: Json = none");
            out
        });
        if !vars.is_empty() {
            body.insert_str(0, &vars);
        }
        if self.cli_used {
            let connector = cli::connector(&self.cli);
            self.module.push(connector);
        }
        let described = plain(text(root, "description"), 600);
        let checks = self.checks(root);
        let described = if described.is_empty() { format!("What `{name}` does.") } else { described };
        let mut out = docs(&described, "");
        let _ = write!(out, "runbook {name}({params}) {{\n{checks}{body}}}\n");
        self.module.push(out);
    }

    fn others(&mut self, map: &Map<String, Value>, known: &[&str], what: &'static str, at: &str) {
        for (key, value) in map.iter().filter(|(k, _)| !known.contains(&k.as_str())) {
            let value = crate::text::shorten(&value.to_string(), 120);
            self.module.notes.left_out(what, at, format!("`{}`: {value}", plain(key, 60)));
        }
    }

    fn parameters(&mut self, root: &'a Map<String, Value>, taken: &mut Names) -> String {
        let (mut needed, mut optional) = (Vec::new(), Vec::new());
        for (own, spec) in root.get("parameters").and_then(Value::as_object).into_iter().flatten() {
            let at = format!("/parameters/{}", pointer::of(&[own]).trim_start_matches('/'));
            let name = taken.take(&names::snake(own, "value"));
            let kind = spec.get("type").and_then(Value::as_str).unwrap_or("String");
            let ty = match kind {
                "Integer" => "Int",
                "Boolean" => "Bool",
                "StringList" => "List<Text>",
                "MapList" | "StringMap" => "Json",
                k if k.starts_with("List<") => "List<Text>",
                _ => "Text",
            };
            if !matches!(kind, "String" | "Integer" | "Boolean" | "StringList" | "MapList" | "StringMap") {
                self.module.notes.widened(
                    "parameter",
                    &at,
                    format!("`{}` of the type {}: `{ty}`", plain(own, 80), plain(kind, 60)),
                );
            }
            let default = spec.get("default").and_then(|d| default(d, ty));
            if default.is_none()
                && let Some(value) = spec.get("default")
            {
                let value = crate::text::shorten(&value.to_string(), 80);
                self.module.notes.left_out(
                    "parameter",
                    &at,
                    format!("the default of `{}`, which is no `{ty}`: {value}", plain(own, 80)),
                );
            }
            match default {
                Some(default) => optional.push(format!("{name}: {ty} = {default}")),
                None => needed.push(format!("{name}: {ty}")),
            }
            self.params.insert(own, name);
        }
        needed.extend(optional);
        needed.join(", ")
    }

    /// What parameters must be, asked at the beginning.
    fn checks(&mut self, root: &'a Map<String, Value>) -> String {
        let mut out = String::new();
        for (own, spec) in root.get("parameters").and_then(Value::as_object).into_iter().flatten() {
            let Some(name) = self.params.get(own.as_str()).cloned() else { continue };
            let at = format!("/parameters/{own}");
            let kind = spec.get("type").and_then(Value::as_str).unwrap_or("String");
            let one = !(kind.contains("List") || kind.contains("Map"));
            for (key, value) in spec.as_object().into_iter().flatten() {
                let test = match (key.as_str(), value) {
                    ("type" | "description" | "default", _) => continue,
                    ("allowedValues", Value::Array(values)) if one && !values.is_empty() => {
                        let values: Vec<String> = values.iter().map(|v| quoted(&shown(v).to_lowercase())).collect();
                        Some(format!("_shown({name}).lower() in [{}]", values.join(", ")))
                    }
                    ("allowedPattern", Value::String(pattern)) if one => {
                        convert::regex(pattern).map(|regex| format!("_shown({name}) matches {regex}"))
                    }
                    ("minChars", Value::Number(n)) if one => n.as_u64().map(|n| format!("_shown({name}).len() >= {n}")),
                    ("maxChars", Value::Number(n)) if one => n.as_u64().map(|n| format!("_shown({name}).len() <= {n}")),
                    ("minItems", Value::Number(n)) if !one => n.as_u64().map(|n| format!("{name}.len() >= {n}")),
                    ("maxItems", Value::Number(n)) if !one => n.as_u64().map(|n| format!("{name}.len() <= {n}")),
                    _ => None,
                };
                match test {
                    Some(test) => {
                        let said = quoted(&format!("`{}` is not as `{key}` wants it", plain(own, 80)));
                        let _ = writeln!(out, "if not ({test}) {{ fail {said} }}");
                    }
                    None => {
                        let value = crate::text::shorten(&value.to_string(), 120);
                        self.module.notes.left_out(
                            "parameter",
                            &at,
                            format!("`{}` of `{}`: {value}", plain(key, 40), plain(own, 80)),
                        );
                    }
                }
            }
        }
        out
    }

    fn step(&mut self, value: &'a Value, index: usize) -> Option<Step<'a>> {
        let at = format!("/mainSteps/{index}");
        let Some(all) = value.as_object() else {
            let what = crate::text::shorten(&value.to_string(), 100);
            self.module.notes.left_out("step", &at, format!("a step that is no mapping: {what}"));
            return None;
        };
        let name = all.get("name").and_then(Value::as_str).unwrap_or("step");
        let inputs = all.get("inputs").unwrap_or(&Value::Null);
        Some(Step { name, action: all.get("action").and_then(Value::as_str).unwrap_or_default(), inputs, all, at })
    }

    fn node(&mut self, step: &Step<'a>, index: usize, steps: &[Step<'a>]) -> flow::Step {
        self.others(step.all, STEP_KEYS, "step", &step.at);
        let find = |name: &str| steps.iter().position(|s| s.name == name);
        let next = steps.get(index + 1).map_or(Target::End, |_| Target::Step(index + 1));
        let mut lost = Vec::new();
        let mut named = |name: &str| {
            find(name).map_or_else(
                || {
                    lost.push(name.to_owned());
                    Target::End
                },
                Target::Step,
            )
        };
        let is_end = matches!(step.all.get("isEnd"), Some(Value::Bool(true)))
            || step.all.get("isEnd").and_then(Value::as_str).is_some_and(|t| t.eq_ignore_ascii_case("true"));
        let follows = match step.all.get("nextStep").and_then(Value::as_str) {
            Some(name) => named(name),
            None if is_end => Target::End,
            None => next,
        };
        let failure = step.all.get("onFailure").and_then(Value::as_str).unwrap_or("Abort");
        let failed = match failure {
            "Continue" => Some(follows),
            other => other.strip_prefix("step:").map(&mut named),
        };
        let title = format!("step {}", quoted(&plain(step.name, 120)));
        let remark = convert::remark(&plain(text(step.all, "description"), 300), "");
        let (code, edge) = if step.action == "aws:branch" {
            let (arms, otherwise) = choices::arms(self, step);
            let arms = arms.into_iter().map(|(condition, to)| (condition, named(&to))).collect();
            let otherwise = otherwise.map_or(follows, |to| named(&to));
            (format!("{remark}// {}\n", plain(step.name, 120)), Edge::Branch(arms, otherwise))
        } else {
            let body = actions::body(self, step);
            let kept = self.kept_of(step.name);
            let code = format!("{remark}{title} {{\n{body}}}\n{kept}");
            (code, failed.map_or(Edge::To(follows), |failed| Edge::Try { ok: follows, failed }))
        };
        for name in lost {
            self.module.notes.left_out(
                "step",
                &step.at,
                format!("there is no step `{}`: all ends there", plain(&name, 100)),
            );
        }
        flow::Step { name: step.name.to_owned(), code, edge }
    }

    /// Outputs of the document that this step gives.
    fn kept_of(&mut self, step: &str) -> String {
        let kept: Vec<String> = self.kept.iter().filter(|k| k.split('.').next() == Some(step)).cloned().collect();
        let mut out = String::new();
        for output in kept {
            let Some(value) = self.resolve(&output) else { continue };
            let _ = writeln!(out, "evidence {} = {value}", quoted(&plain(&output, 160)));
        }
        out
    }

    /// The variable for what a step gives, where somebody asks for it.
    pub fn output(&self, step: &str) -> Option<&String> {
        self.outputs.get(step)
    }

    /// What stands between braces.
    fn resolve(&self, inner: &str) -> Option<String> {
        if let Some(param) = self.params.get(inner) {
            return Some(param.clone());
        }
        let (step, path) = inner.split_once('.')?;
        let var = self.outputs.get(step)?;
        Some(path.split('.').fold(var.clone(), |of, part| literal::member(&of, part)))
    }

    /// A value of a step with what stands between braces, as an expression of type Json.
    pub fn value(&mut self, value: &Value, at: &str) -> String {
        let mut unknown = Vec::new();
        let text = literal::with(value, &mut |text| {
            template::json(text, &mut |inner| {
                let known = self.resolve(inner);
                if known.is_none() {
                    unknown.push(inner.to_owned());
                }
                known
            })
        });
        for inner in unknown {
            self.module.notes.left_out(
                "reference",
                at,
                format!("`{{{{ {} }}}}` stays as it is written", crate::text::shorten(&inner, 80)),
            );
        }
        text
    }
}

/// A scalar as text.
pub(crate) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A default, when it has the parameter's type.
fn default(value: &Value, ty: &str) -> Option<String> {
    match (ty, value) {
        ("Int", Value::Number(n)) => n.as_i64().map(|n| n.to_string()),
        ("Int", Value::String(s)) => s.trim().parse::<i64>().ok().map(|n| n.to_string()),
        ("Bool", Value::Bool(b)) => Some(b.to_string()),
        ("Bool", Value::String(s)) => s.to_ascii_lowercase().parse::<bool>().ok().map(|b| b.to_string()),
        ("Text", Value::String(_) | Value::Number(_) | Value::Bool(_)) => Some(quoted(&shown(value))),
        ("List<Text>", Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|i| quoted(&shown(i))).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        ("Json", value) => Some(literal::json(value)),
        _ => None,
    }
}

/// The names of steps whose outputs stand between braces somewhere, or are outputs of the document.
fn asked(root: &Map<String, Value>) -> BTreeSet<String> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                for piece in template::split(text) {
                    if let template::Piece::Hole(inner, _) = piece
                        && let Some((step, _)) = inner.split_once('.')
                    {
                        found.insert(step.to_owned());
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|i| walk(i, found)),
            Value::Object(members) => members.values().for_each(|m| walk(m, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    root.values().for_each(|v| walk(v, &mut found));
    let outputs = root.get("outputs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    found.extend(outputs.filter_map(|o| o.split_once('.')).map(|(step, _)| step.to_owned()));
    found
}
