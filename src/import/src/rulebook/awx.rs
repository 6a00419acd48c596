//! Job and workflow templates that the connector `awx` launches.
//!
//! https://docs.ansible.com/projects/rulebook/en/latest/actions.html#run-job-template

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::rules::Head;
use super::{Action, Rule, RuleSet, actions, render};
use crate::convert::{Module, literal};
use crate::text::{plain, quoted};

/// What an action says and is carried over, or said elsewhere.
const KNOWN: &[&str] = &["name", "organization", "job_args", "include_events", "post_events", "set_facts"];

/// The step that launches a template and waits for its end, behind a person's yes; none where the template has no name.
pub fn launch(
    set: &RuleSet<'_>,
    rule: &Rule<'_>,
    head: &Head,
    action: &Action<'_>,
    args: &Map<String, Value>,
    module: &mut Module,
) -> Option<String> {
    let name = args.get("name").and_then(Value::as_str).filter(|n| !n.trim().is_empty())?;
    let workflow = action.name == "run_workflow_template";
    let (call, state, what) =
        if workflow { ("launch_workflow", "workflow", "workflow template") } else { ("launch", "job", "job template") };
    let mut writer = Writer { head, action, module };
    let mut arguments = vec![writer.template(name, args.get("organization"))];
    let empty = Map::new();
    let job = args.get("job_args").and_then(Value::as_object).unwrap_or(&empty);
    arguments.extend(writer.variables(set, rule, args, job.get("extra_vars")).map(|v| format!("variables: {v}")));
    arguments.extend(writer.limit(set, job.get("limit")).map(|l| format!("limit: {l}")));
    if let Some(tags) = job.get("job_tags").and_then(Value::as_str).filter(|_| !workflow) {
        let tags: Vec<String> = tags.split(',').map(|t| quoted(t.trim())).collect();
        arguments.push(format!("tags: [{}]", tags.join(", ")));
    }
    if let Some(inventory) = job.get("inventory").and_then(Value::as_i64) {
        arguments.push(format!("inventory: {inventory}"));
    }
    writer.rest(args, job, workflow);
    actions::posts_nothing(action, Some(args), module);
    module.notes.widened(
        "step",
        &action.at,
        format!("`{}` of `{}`: somebody is asked before; a rulebook asks nobody", action.name, plain(&rule.name, 100)),
    );
    let shown: Vec<String> = head.params.iter().map(|p| format!("{p}: {p}")).collect();
    let question = quoted(&format!("Launch the {what} `{}`?", plain(name, 200)));
    let title = quoted(&format!("{}: {}", action.name, plain(name, 200)));
    let mut out = format!("  step {title} {{\n");
    let _ = writeln!(out, "    approve {question} from group(operators) showing {{ {} }} {{", shown.join(", "));
    let _ = writeln!(out, "      let job = do awx.{call}({})", arguments.join(", "));
    let _ = writeln!(out, "      let over = wait until awx.{state}(job.id).over every 10s within 6h");
    let _ = writeln!(out, "      let last = awx.{state}(job.id)");
    out.push_str("      if not over { fail \"the job ${job.id} of AWX is not over after six hours\" }\n");
    out.push_str("      if not last.succeeded { fail \"the job ${job.id} of AWX ended as ${last.status}: ${last.explanation}\" }\n");
    out.push_str("    }\n  }\n");
    Some(out)
}

struct Writer<'w> {
    head: &'w Head,
    action: &'w Action<'w>,
    module: &'w mut Module,
}

impl Writer<'_> {
    /// `Restart web++Default`: a name is one of an organization.
    fn template(&mut self, name: &str, organization: Option<&Value>) -> String {
        let whole = match organization.and_then(Value::as_str).filter(|o| !o.trim().is_empty()) {
            Some(organization) => format!("{name}++{organization}"),
            None => {
                let said =
                    format!("`{}` names no organization: AWX takes a name without one for an id", self.action.name);
                self.module.notes.widened("action", &self.action.at, said);
                name.to_owned()
            }
        };
        render::text(&whole, &self.head.scope, self.module, &self.action.at)
    }

    /// The variables, with the events as `ansible_eda` unless they are not wanted.
    fn variables(
        &mut self,
        set: &RuleSet<'_>,
        rule: &Rule<'_>,
        args: &Map<String, Value>,
        own: Option<&Value>,
    ) -> Option<String> {
        let (own, secrets) = crate::convert::without_secrets(own.unwrap_or(&Value::Null));
        for key in secrets {
            self.module.notes.left_out("secret", &self.action.at, format!("the secret at `{}`", plain(&key, 60)));
        }
        // A word in the place of a secret would be the secret there.
        let own = crate::convert::without_members_of_secrets(own);
        let mut members: Vec<String> = Vec::new();
        for (name, value) in own.as_object().into_iter().flatten() {
            let value = render::value(value, &self.head.scope, self.module, &self.action.at);
            members.push(format!("{}: {value}", literal::key(name)));
        }
        if args.get("include_events").and_then(Value::as_bool) != Some(false) && !self.head.params.is_empty() {
            let events = match &self.head.scope.event {
                Some(event) => format!("event: {event}"),
                None => {
                    let all: Vec<String> = self.head.params.iter().map(|p| format!("{p}: {p}")).collect();
                    format!("events: {{ {} }}", all.join(", "))
                }
            };
            let (set, rule) = (quoted(&plain(&set.name, 200)), quoted(&plain(&rule.name, 200)));
            members.push(format!("ansible_eda: {{ ruleset: {set}, rule: {rule}, {events} }}"));
        }
        (!members.is_empty()).then(|| format!("{{ {} }}", members.join(", ")))
    }

    /// The hosts: what the action says, else those of the ruleset unless these are all.
    fn limit(&mut self, set: &RuleSet<'_>, own: Option<&Value>) -> Option<String> {
        let hosts = match own.unwrap_or(set.hosts) {
            Value::String(text) => text.trim().to_owned(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            _ => return None,
        };
        let limits = !hosts.is_empty() && hosts != "all";
        limits.then(|| render::text(&hosts, &self.head.scope, self.module, &self.action.at))
    }

    /// What is not carried over.
    fn rest(&mut self, args: &Map<String, Value>, job: &Map<String, Value>, workflow: bool) {
        let carried = |name: &str| match name {
            "job_tags" => !workflow && job.get(name).is_some_and(Value::is_string),
            "inventory" => job.get(name).is_some_and(Value::is_i64),
            name => matches!(name, "extra_vars" | "limit"),
        };
        let outer = args.iter().filter(|(n, _)| !KNOWN.contains(&n.as_str())).map(|(n, v)| (n.clone(), v));
        let inner = job.iter().filter(|(n, _)| !carried(n)).map(|(n, v)| (format!("job_args.{n}"), v));
        for (name, value) in outer.chain(inner) {
            let value = crate::text::shorten(&value.to_string(), 100);
            let said = format!("`{}` of `{}`: {value}", plain(&name, 60), self.action.name);
            self.module.notes.left_out("action", &self.action.at, said);
        }
    }
}
