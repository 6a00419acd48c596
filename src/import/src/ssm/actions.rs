//! Steps as statements.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::cli::{self, Effect};
use super::{Document, Step, shown};
use crate::convert::literal;
use crate::text::{plain, quoted};

/// How long an approval waits where nothing is said: as there.
const APPROVAL_SECONDS: u64 = 604_800;
/// How long something is waited for where nothing is said: as there.
const WAIT_SECONDS: u64 = 3_600;

/// The statements of a step.
pub fn body(document: &mut Document<'_>, step: &Step<'_>) -> String {
    unread(document, step);
    let empty = Map::new();
    let inputs = step.inputs.as_object().unwrap_or(&empty);
    let made = match step.action {
        "aws:executeAwsApi" => api(document, step, inputs),
        "aws:assertAwsResourceProperty" => property(document, step, inputs, false),
        "aws:waitForAwsResourceProperty" => property(document, step, inputs, true),
        "aws:sleep" => sleep(inputs),
        "aws:approve" => Some(approve(document, step, inputs)),
        "aws:changeInstanceState" => instances(document, step, inputs),
        "aws:createTags" => tags(document, step, inputs),
        "aws:createImage" => Some(call(document, step, "ec2", "CreateImage", &Value::Object(inputs.clone()))),
        "aws:copyImage" => Some(call(document, step, "ec2", "CopyImage", &Value::Object(inputs.clone()))),
        "aws:deleteImage" => Some(call(document, step, "ec2", "DeregisterImage", &Value::Object(inputs.clone()))),
        "aws:runInstances" => Some(call(document, step, "ec2", "RunInstances", &Value::Object(inputs.clone()))),
        "aws:createStack" => {
            Some(call(document, step, "cloudformation", "CreateStack", &Value::Object(inputs.clone())))
        }
        "aws:deleteStack" => {
            Some(call(document, step, "cloudformation", "DeleteStack", &Value::Object(inputs.clone())))
        }
        "aws:runCommand" => Some(call(document, step, "ssm", "SendCommand", &Value::Object(inputs.clone()))),
        "aws:executeAutomation" => {
            Some(call(document, step, "ssm", "StartAutomationExecution", &Value::Object(inputs.clone())))
        }
        "aws:executeStateMachine" => {
            Some(call(document, step, "stepfunctions", "StartExecution", &Value::Object(inputs.clone())))
        }
        _ => None,
    };
    if made.is_some()
        && matches!(
            step.action,
            "aws:runCommand"
                | "aws:executeAutomation"
                | "aws:executeStateMachine"
                | "aws:createStack"
                | "aws:deleteStack"
        )
    {
        let said = format!("`{}` is started and not waited for", plain(step.name, 100));
        document.module.notes.widened("step", &step.at, said);
    }
    made.unwrap_or_else(|| by_hand(document, step))
}

/// What stands at a step and changes nothing here.
fn unread(document: &mut Document<'_>, step: &Step<'_>) {
    let notes = &mut document.module.notes;
    let waits = matches!(step.action, "aws:waitForAwsResourceProperty" | "aws:approve");
    if let Some(seconds) = step.number("timeoutSeconds").filter(|_| !waits) {
        notes.left_out(
            "step",
            &step.at,
            format!("`timeoutSeconds` of `{}`: {seconds}; calls have five minutes", plain(step.name, 100)),
        );
    }
    if let Some(attempts) = step.number("maxAttempts").filter(|n| *n > 1) {
        notes.left_out("step", &step.at, format!("`maxAttempts` of `{}`: {attempts}", plain(step.name, 100)));
    }
    if step.all.get("isCritical").is_some_and(|c| *c == json!(false) || *c == json!("false")) {
        notes.left_out("step", &step.at, format!("`isCritical: false` of `{}`", plain(step.name, 100)));
    }
}

fn by_hand(document: &mut Document<'_>, step: &Step<'_>) -> String {
    let (what, why) = match step.action {
        "aws:executeScript" => ("Run this script", "scripts are not run"),
        "aws:invokeLambdaFunction" => ("Invoke this function", "its reply would be written to a file"),
        "aws:pause" => ("The document pauses here: go on when it is time", "a pause ends when a person says so"),
        "aws:runShellScript" | "aws:runPowerShellScript" => {
            ("Run these commands", "commands of a document are not run")
        }
        "" => ("The document says what to do in words or not at all: do it", "it has no action"),
        _ => ("Do what this step says", "its action has no counterpart"),
    };
    let (inputs, secrets) = crate::convert::without_secrets(step.inputs);
    for key in secrets {
        document.module.notes.left_out("secret", &step.at, format!("the secret at `{}`", plain(&key, 60)));
    }
    let mut details = vec![format!("action: {}", quoted(&plain(step.action, 100)))];
    if !inputs.is_null() {
        details.push(format!("inputs: {}", document.value(&inputs, &step.at)));
    }
    for key in ["precondition", "onFailure", "outputs"] {
        if let Some(value) = step.all.get(key) {
            details.push(format!("{key}: {}", document.value(value, &step.at)));
        }
    }
    let asked = format!("{what}: {}", step.name);
    let call = document.module.by_hand(
        &step.at,
        &format!("{} ({})", step.name, step.action),
        &asked,
        why,
        &format!("{{ {} }}", details.join(", ")),
    );
    // Whoever did it writes what it gave.
    match document.output(step.name).cloned() {
        Some(var) => {
            let names = outputs(step);
            let said = format!("what `{}` gives is what people write with their answer{names}", plain(step.name, 100));
            document.module.notes.guessed("output", &step.at, said);
            format!("let written = {call}\n{var} = written.parse_json() ?? {{ Output: written }}\n")
        }
        None => format!("{call}\n"),
    }
}

/// The names of the outputs, for people.
fn outputs(step: &Step<'_>) -> String {
    let all = step.all.get("outputs").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<String> = all.filter_map(|o| o.get("Name")?.as_str()).map(|n| plain(n, 60)).collect();
    if names.is_empty() { String::new() } else { format!(": JSON with {}", names.join(", ")) }
}

/// A path such as `$.Clusters[0].Status`, with points alone; none when it asks for more than one place.
fn path(selector: &str) -> Option<String> {
    let rest = selector.trim().strip_prefix('$')?;
    if rest.contains(['*', '?', '@', ':', '(']) || rest.contains("..") {
        return None;
    }
    let plain = rest
        .replace("['", ".")
        .replace("[\"", ".")
        .replace("']", "")
        .replace("\"]", "")
        .replace('[', ".")
        .replace(']', "");
    Some(plain.trim_start_matches('.').to_owned())
}

fn at_path(of: &str, path: &str) -> String {
    if path.is_empty() { of.to_owned() } else { format!("{of}.get({})", quoted(path)) }
}

/// The inputs of an operation: all but what says which one, and what is looked at.
fn input(inputs: &Map<String, Value>) -> Value {
    let own = ["Service", "Api", "PropertySelector", "DesiredValues"];
    Value::Object(
        inputs.iter().filter(|(k, _)| !own.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect(),
    )
}

fn names_of(inputs: &Map<String, Value>) -> Option<(String, String)> {
    let service = cli::service(inputs.get("Service")?.as_str()?);
    let operation = inputs.get("Api")?.as_str()?.to_owned();
    (!service.is_empty() && !cli::operation(&operation).is_empty() && !operation.contains("{{"))
        .then_some((service, operation))
}

fn api(document: &mut Document<'_>, step: &Step<'_>, inputs: &Map<String, Value>) -> Option<String> {
    let (service, operation) = names_of(inputs)?;
    Some(call(document, step, &service, &operation, &input(inputs)))
}

/// A call of AWS, and what the step gives of its reply.
fn call(document: &mut Document<'_>, step: &Step<'_>, service: &str, api: &str, input: &Value) -> String {
    document.cli_used = true;
    let operation = cli::operation(api);
    let value = document.value(input, &format!("{}/inputs", step.at));
    let args = format!("{}, {}, {value}", quoted(service), quoted(&operation));
    let name = document.cli.clone();
    let asked = format!("{service} {api}");
    let (before, call, after) = match cli::effect(&operation) {
        Effect::Reads => (String::new(), format!("{name}.ask({args})"), ""),
        Effect::Changes => (String::new(), format!("do {name}.change({args})"), ""),
        Effect::Destroys => {
            document.module.notes.widened(
                "step",
                &step.at,
                format!("people are asked before `{}`, which may end or interrupt something", plain(&asked, 100)),
            );
            let question = quoted(&format!("{}: call {}?", plain(step.name, 100), plain(&asked, 100)));
            (
                format!("approve {question} from group(operators) within 24h {{\n"),
                format!("do {name}.destroy({args})"),
                "}\n",
            )
        }
    };
    match document.output(step.name).cloned() {
        None => format!("{before}{call}\n{after}"),
        Some(var) => format!("{before}let reply: Json = {call}\n{}{after}", given(document, step, &var)),
    }
}

/// The outputs of a step out of its reply.
fn given(document: &mut Document<'_>, step: &Step<'_>, var: &str) -> String {
    let (mut keys, mut members) = (Vec::new(), Vec::new());
    for output in step.all.get("outputs").and_then(Value::as_array).into_iter().flatten() {
        let name = output.get("Name").and_then(Value::as_str).unwrap_or("Output");
        let selector = output.get("Selector").and_then(Value::as_str).unwrap_or("$");
        let key = literal::key(name);
        let why = match path(selector) {
            Some(_) if keys.contains(&key) => "stands twice: the first is taken".to_owned(),
            Some(path) => {
                members.push(format!("{key}: {}", at_path("reply", &path)));
                keys.push(key);
                continue;
            }
            None => format!("asks for {}: null", plain(selector, 80)),
        };
        document.module.notes.left_out("output", &step.at, format!("`{}` {why}", plain(name, 80)));
    }
    if members.is_empty() {
        format!("{var} = reply\n")
    } else {
        format!("{var} = reply.merge({{ {} }})\n", members.join(", "))
    }
}

/// A property that must be, or that is waited for.
fn property(document: &mut Document<'_>, step: &Step<'_>, inputs: &Map<String, Value>, waits: bool) -> Option<String> {
    let (service, api) = names_of(inputs)?;
    let operation = cli::operation(&api);
    let path = path(inputs.get("PropertySelector")?.as_str()?)?;
    let wanted = inputs.get("DesiredValues")?.as_array()?;
    if cli::effect(&operation) != Effect::Reads || wanted.is_empty() || wanted.iter().any(|v| shown(v).contains("{{")) {
        return None;
    }
    document.cli_used = true;
    let value = document.value(&input(inputs), &format!("{}/inputs", step.at));
    let call = format!("{}.ask({}, {}, {value})", document.cli, quoted(&service), quoted(&operation));
    let wanted: Vec<String> = wanted.iter().map(|v| quoted(&shown(v).to_lowercase())).collect();
    let test = format!("_shown({}).lower() in [{}]", at_path(&call, &path), wanted.join(", "));
    let name = quoted(&plain(step.name, 120));
    if waits {
        let seconds = step.number("timeoutSeconds").unwrap_or(WAIT_SECONDS).clamp(30, 2_592_000);
        return Some(format!("verify {name} within {} every 15s {{ {test} }}\n", literal::duration(seconds * 1_000)));
    }
    let said = quoted(&format!("{} is not as it should be: {path}", plain(step.name, 100)));
    Some(format!("if not ({test}) {{ fail {said} }}\n"))
}

/// `PT10M`, `P1DT2H`: milliseconds.
fn iso(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    let (mut total, mut number, mut in_time) = (0_u64, String::new(), false);
    for c in rest.chars() {
        let unit = match (c, in_time) {
            ('T', false) => {
                in_time = true;
                continue;
            }
            ('0'..='9', _) => {
                number.push(c);
                continue;
            }
            ('W', false) => 604_800_000,
            ('D', false) => 86_400_000,
            ('H', true) => 3_600_000,
            ('M', true) => 60_000,
            ('S', true) => 1_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && total > 0 && total <= 31_536_000_000).then_some(total)
}

fn sleep(inputs: &Map<String, Value>) -> Option<String> {
    if let Some(duration) = inputs.get("Duration").and_then(Value::as_str) {
        return Some(format!("wait {}\n", literal::duration(iso(duration)?)));
    }
    None
}

fn approve(document: &mut Document<'_>, step: &Step<'_>, inputs: &Map<String, Value>) -> String {
    let message = inputs.get("Message").cloned().unwrap_or_else(|| json!(format!("Go on with {}?", step.name)));
    let question = format!("_shown({})", document.value(&message, &step.at));
    let quorum = inputs
        .get("MinRequiredApprovals")
        .and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok()))
        .unwrap_or(1)
        .clamp(1, 50);
    let seconds = step.number("timeoutSeconds").unwrap_or(APPROVAL_SECONDS).clamp(60, 2_592_000);
    let mut showing = Vec::new();
    for (key, value) in inputs.iter().filter(|(k, _)| !matches!(k.as_str(), "Message" | "MinRequiredApprovals")) {
        showing.push(format!("{}: _json({})", crate::names::snake(key, "input"), document.value(value, &step.at)));
    }
    document.module.notes.guessed(
        "approval",
        &step.at,
        "the approvers are the group of the setting `operators`, of whatever account",
    );
    let mut out = format!(
        "approve {question} from group(operators) quorum {quorum} within {}",
        literal::duration(seconds * 1_000)
    );
    if !showing.is_empty() {
        let _ = write!(out, " showing {{ {} }}", showing.join(", "));
    }
    let _ = write!(out, " {{\nlog \"approved by ${{approval.by.join(\", \")}}\"\n");
    if let Some(var) = document.output(step.name) {
        let _ = writeln!(out, "{var} = {{ ApprovalStatus: \"Approved\", ApproverDecisions: approval.by }}");
    }
    out.push_str("}\n");
    out
}

fn instances(document: &mut Document<'_>, step: &Step<'_>, inputs: &Map<String, Value>) -> Option<String> {
    let ids = inputs.get("InstanceIds")?;
    let state = inputs.get("DesiredState")?.as_str()?;
    let api = match state {
        "running" => "StartInstances",
        "stopped" => "StopInstances",
        "terminated" => "TerminateInstances",
        _ => return None,
    };
    let only_look = inputs.get("CheckStateOnly").is_some_and(|c| *c == json!(true) || *c == json!("true"));
    let mut out = String::new();
    if !only_look {
        let mut input = json!({ "InstanceIds": ids });
        if let (Some(force), "stopped", Some(all)) = (inputs.get("Force"), state, input.as_object_mut()) {
            all.insert("Force".to_owned(), force.clone());
        }
        out.push_str(&call(document, step, "ec2", api, &input));
    }
    document.cli_used = true;
    let value = document.value(&json!({ "InstanceIds": ids, "IncludeAllInstances": true }), &step.at);
    let seconds = step.number("timeoutSeconds").unwrap_or(WAIT_SECONDS).clamp(30, 2_592_000);
    let _ = writeln!(
        out,
        "verify {} within {} every 15s {{ {}.ask(\"ec2\", \"describe-instance-status\", {value}).InstanceStatuses.items().all(it => it.get(\"InstanceState.Name\") == {}) }}",
        quoted(&plain(step.name, 120)),
        literal::duration(seconds * 1_000),
        document.cli,
        quoted(state)
    );
    Some(out)
}

fn tags(document: &mut Document<'_>, step: &Step<'_>, inputs: &Map<String, Value>) -> Option<String> {
    if inputs.get("ResourceType").and_then(Value::as_str).is_some_and(|t| t != "EC2") {
        return None;
    }
    let input = json!({ "Resources": inputs.get("ResourceIds")?, "Tags": inputs.get("Tags")? });
    Some(call(document, step, "ec2", "CreateTags", &input))
}
