//! Commands of an action step as statements.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Playbook, text, title};
use crate::convert::{Setting, literal, without_secrets};
use crate::names;
use crate::text::{plain, quoted};

/// The statements of a step.
pub fn body(playbook: &mut Playbook<'_>, id: &str, step: &Map<String, Value>, at: &str) -> String {
    let mut out = String::new();
    if let Some(timeout) = step.get("timeout") {
        let said = format!("`timeout` of `{}`: {} ms", title(id, step), plain(&timeout.to_string(), 20));
        playbook.module.notes.left_out("step", at, said);
    }
    let commands: Vec<&Value> = step.get("commands").and_then(Value::as_array).into_iter().flatten().collect();
    if commands.is_empty() {
        let call = playbook.module.by_hand(
            at,
            &title(id, step),
            &format!("Do this step: {}", title(id, step)),
            "it has no commands",
            "",
        );
        let _ = writeln!(out, "{call}");
    }
    for (i, command) in commands.iter().enumerate() {
        let at = format!("{at}/commands/{i}");
        let empty = Map::new();
        let command = command.as_object().unwrap_or(&empty);
        let made = match text(command, "type") {
            "bash" => bash(playbook, id, step, command, &at),
            "http-api" => http(playbook, id, step, command, &at),
            _ => None,
        };
        out.push_str(&made.unwrap_or_else(|| by_hand(playbook, id, step, command, &at)));
    }
    out
}

/// Definitions that a step names, without secrets, as a literal.
fn definitions(playbook: &Playbook<'_>, step: &Map<String, Value>) -> Vec<String> {
    let found = |list: &str, id: &str| {
        playbook.root.get(list).and_then(|d| d.get(id)).map(|d| literal::json(&without_secrets(d).0))
    };
    let mut out = Vec::new();
    let agent = text(step, "agent");
    if !agent.is_empty() {
        out.push(format!("agent: {}", found("agent_definitions", agent).unwrap_or_else(|| quoted(agent))));
    }
    let targets: Vec<String> = step
        .get("targets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|t| found("target_definitions", t).or_else(|| found("agent_definitions", t)).unwrap_or_else(|| quoted(t)))
        .collect();
    if !targets.is_empty() {
        out.push(format!("targets: [{}]", targets.join(", ")));
    }
    out
}

/// Variables that the step gives.
fn out_args(playbook: &mut Playbook<'_>, id: &str, step: &Map<String, Value>, at: &str) -> Vec<String> {
    let own: Vec<&str> =
        step.get("out_args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut found = Vec::new();
    for name in own {
        match playbook.variables.name(id, name) {
            Some(variable) => found.push(variable.to_owned()),
            None => {
                playbook.module.notes.left_out("variable", at, format!("`{}`, which is not declared", plain(name, 80)))
            }
        }
    }
    if playbook.side_by_side && !found.is_empty() {
        playbook.module.notes.left_out(
            "variable",
            at,
            format!("what is given as {} in a parallel part is logged and not kept", found.join(", ")),
        );
        found.clear();
    }
    found
}

fn by_hand(
    playbook: &mut Playbook<'_>,
    id: &str,
    step: &Map<String, Value>,
    command: &Map<String, Value>,
    at: &str,
) -> String {
    let kind = text(command, "type");
    let words = text(command, "command");
    let name = title(id, step);
    let (what, why) = match kind {
        "manual" => (crate::convert::single_line(words), "the playbook says so".to_owned()),
        "ssh" => (
            format!("Run by SSH: {}", crate::convert::single_line(words)),
            "commands by SSH are not converted".to_owned(),
        ),
        "" => (format!("Do this: {}", crate::convert::single_line(words)), "its command has no type".to_owned()),
        kind => (
            format!("Run ({}): {}", plain(kind, 40), crate::convert::single_line(words)),
            format!("commands of the type `{}` have no counterpart", plain(kind, 60)),
        ),
    };
    let (clean, secrets) = without_secrets(&Value::Object(command.clone()));
    for key in secrets {
        playbook.module.notes.left_out("secret", at, format!("the secret at `{}`", plain(&key, 60)));
    }
    let variables = &playbook.variables;
    let mut details = vec![format!("command: {}", literal::with(&clean, &mut |t| variables.value(id, t)))];
    details.extend(definitions(playbook, step));
    let outputs = out_args(playbook, id, step, at);
    if !outputs.is_empty() {
        let names: Vec<String> = outputs.iter().map(|o| quoted(o)).collect();
        details.push(format!("answer_with: [{}]", names.join(", ")));
    }
    // The words of the question come from the playbook's variables, too.
    let marker = "\u{2}question\u{2}";
    let call = playbook.module.by_hand(at, &name, marker, &why, &format!("{{ {} }}", details.join(", ")));
    let question = playbook.variables.value(id, &crate::text::shorten(&what, 300));
    let shown = quoted(&crate::convert::single_line(marker));
    let call = call.replacen(&shown, &question, 1);
    match outputs.as_slice() {
        [] => format!("{call}\n"),
        [one] => format!("{one} = {call}\n"),
        [first, ..] => {
            playbook.module.notes.guessed(
                "variable",
                at,
                format!("what people write with their answer is `{first}`; the other values are in it"),
            );
            format!("{first} = {call}\n")
        }
    }
}

/// A command of the machine itself. One for another machine is done by people.
fn bash(
    playbook: &mut Playbook<'_>,
    id: &str,
    step: &Map<String, Value>,
    command: &Map<String, Value>,
    at: &str,
) -> Option<String> {
    let words = text(command, "command");
    let elsewhere = step.get("targets").and_then(Value::as_array).is_some_and(|t| !t.is_empty());
    if words.is_empty() || elsewhere || command.contains_key("command_b64") || words.len() > 20_000 {
        return None;
    }
    let line = playbook.variables.text_with(id, words, &mut |name| format!("_plain({name})"));
    let question = quoted(&format!(
        "{}: run this on the machine of the daemon? {}",
        title(id, step),
        crate::text::shorten(&crate::convert::single_line(words), 200)
    ));
    playbook.module.notes.widened(
        "command",
        at,
        format!("`{}` runs on the machine of the daemon, and people are asked before", title(id, step)),
    );
    let outputs = out_args(playbook, id, step, at);
    let keep =
        outputs.first().map(|o| format!("{o} = out.stdout.trim()\n")).unwrap_or_else(|| "log out.stdout\n".to_owned());
    Some(format!(
        "approve {question} from group(operators) within 24h {{\nlet out = do exec.run([\"bash\", \"-c\", {line}])\n{keep}}}\n"
    ))
}

/// The address of a target: scheme, host and port.
fn base(target: &Map<String, Value>) -> Option<String> {
    let address = target.get("address")?;
    let first = |key: &str| address.get(key)?.as_array()?.first()?.as_str();
    if let Some(url) = first("url") {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let host = first("dname").or_else(|| first("ipv4"))?;
    let port = target.get("port").map(|p| p.as_str().map_or_else(|| p.to_string(), str::to_owned));
    let scheme = if port.as_deref() == Some("80") { "http" } else { "https" };
    let port = port.filter(|p| p != "443" && p != "80").map(|p| format!(":{p}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

fn http(
    playbook: &mut Playbook<'_>,
    id: &str,
    step: &Map<String, Value>,
    command: &Map<String, Value>,
    at: &str,
) -> Option<String> {
    let mut words = text(command, "command").split_whitespace();
    let (method, path) = (words.next()?.to_ascii_lowercase(), words.next()?);
    if !matches!(method.as_str(), "get" | "head" | "post" | "put" | "patch" | "delete")
        || command.contains_key("content_b64")
    {
        return None;
    }
    let ids: Vec<&str> =
        step.get("targets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let target = match ids.as_slice() {
        [one] => playbook.root.get("target_definitions").and_then(|d| d.get(*one)).and_then(Value::as_object),
        _ => None,
    };
    let whole = if path.contains("://") {
        path.to_owned()
    } else {
        format!("{}/{}", base(target?)?, path.trim_start_matches('/'))
    };
    let url = url::Url::parse(&whole).ok()?;
    let host = url.host_str()?;
    // A host, a user or a port out of a variable would send secrets anywhere.
    if !matches!(url.scheme(), "http" | "https")
        || host.contains("__")
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return None;
    }
    let address = if playbook.variables.has_any(id, &whole) {
        playbook.variables.value(id, &whole)
    } else {
        format!("url{}", quoted(&whole))
    };
    if address.starts_with("url") && whole.contains(['"', '\\']) {
        return None;
    }
    let mut args = vec![address];
    let headers = command.get("headers").and_then(Value::as_object);
    let shown: Vec<String> = headers
        .into_iter()
        .flatten()
        .filter(|(name, _)| !crate::convert::is_secret(name) && !name.eq_ignore_ascii_case("authorization"))
        .filter_map(|(name, value)| {
            let value = value.as_str().or_else(|| value.get(0)?.as_str())?;
            Some(format!("{}: {}", quoted(name), playbook.variables.value(id, value)))
        })
        .collect();
    if headers.map_or(0, Map::len) != shown.len() {
        playbook.module.notes.left_out("secret", at, "headers with secrets, or with values that are no text");
    }
    if !shown.is_empty() {
        args.push(format!("headers: {{ {} }}", shown.join(", ")));
    }
    if let Some(content) =
        command.get("content").and_then(Value::as_str).filter(|_| !matches!(method.as_str(), "get" | "head"))
    {
        args.push(format!("text: {}", playbook.variables.value(id, content)));
    }
    args.extend(credentials(playbook, target));
    let call = format!("http.{method}({})", args.join(", "));
    let outputs = out_args(playbook, id, step, at);
    let keep = outputs
        .first()
        .map(|o| format!("{o} = reply.text\n"))
        .unwrap_or_else(|| "log \"answered with ${reply.status}\"\n".to_owned());
    Some(match method.as_str() {
        "get" | "head" => format!("let reply = {call}\n{keep}"),
        "delete" => {
            let question = quoted(&format!(
                "{}: {} {}?",
                title(id, step),
                method.to_ascii_uppercase(),
                crate::text::shorten(&whole, 200)
            ));
            format!("approve {question} from group(operators) within 24h {{\nlet reply = do {call}\n{keep}}}\n")
        }
        _ => format!("let reply = do {call}\n{keep}"),
    })
}

/// The arguments that show who calls, out of settings.
fn credentials(playbook: &mut Playbook<'_>, target: Option<&Map<String, Value>>) -> Vec<String> {
    let Some(id) = target.map(|t| text(t, "authentication_info")).filter(|i| !i.is_empty()) else { return Vec::new() };
    let Some(info) = playbook.root.get("authentication_info_definitions").and_then(|d| d.get(id)) else {
        return Vec::new();
    };
    let name = names::snake(target.map_or("target", |t| text(t, "name")), "target");
    let mut setting = |part: &str, ty: &'static str| {
        let wanted = format!("{name}_{part}");
        let docs = format!("Of the target `{}`.", plain(target.map_or("", |t| text(t, "name")), 80));
        let known = playbook
            .module
            .settings
            .iter()
            .find(|(n, s)| n.starts_with(&wanted) && s.docs == docs)
            .map(|(n, _)| n.clone());
        known.unwrap_or_else(|| {
            let taken = playbook.module.names.take(&wanted);
            playbook.module.settings.insert(taken.clone(), Setting { ty, default: "none".to_owned(), docs });
            taken
        })
    };
    match info.get("type").and_then(Value::as_str) {
        Some("http-basic" | "user-auth") => {
            vec![
                format!("basic_user: {}", setting("user", "Text?")),
                format!("basic_password: {}", setting("password", "Secret?")),
            ]
        }
        Some("oauth2" | "bearer") => vec![format!("bearer: {}", setting("token", "Secret?"))],
        _ => Vec::new(),
    }
}
