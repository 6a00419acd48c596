//! Sources of a rulebook as events of a connector.
//!
//! Each event is a record with `doc`, which is shaped as the rulebook's conditions know it. A source that nothing here can
//! read becomes a webhook of that shape, and a note says that something has to send to it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{RuleSet, Source};
use crate::convert::{self, Module, Setting, Settings, docs, literal, settings};
use crate::names::Names;
use crate::text::{plain, quoted};

/// The most events that a source of numbers is made to give.
const MAX_RANGE: i64 = 10_000;

/// The arguments of a source, of which each that nobody asks for is reported.
struct Arguments<'a> {
    all: Option<&'a Map<String, Value>>,
    asked: Vec<&'static str>,
}

impl<'a> Arguments<'a> {
    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.all?.get(name)
    }

    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    fn number(&mut self, name: &'static str) -> Option<f64> {
        let value = self.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    }
}

/// What an event is made of.
struct Event {
    source: String,
    /// What stands between the braces.
    body: String,
    docs: String,
}

/// Writes the connector of a ruleset and gives the events, as they are named in a trigger.
pub fn connector(set: &RuleSet<'_>, module: &mut Module) -> Vec<String> {
    if set.sources.is_empty() {
        return Vec::new();
    }
    let name = module.names.take(&format!("{}_events", words(&convert::shortened_name(&set.name), 4)));
    let mut own = Settings::new();
    let mut taken = Names::with(["settings", "events", "body", "headers", "query"]);
    let (mut events, mut text) = (Vec::new(), String::new());
    for source in &set.sources {
        let event =
            taken.take(&convert::shortened_name(if source.name.is_empty() { &source.plugin } else { &source.name }));
        let mut arguments = Arguments { all: source.args.as_object(), asked: Vec::new() };
        let made = made(source, &name, &event, &mut arguments, &mut own, module);
        unasked(source, &arguments, module);
        let _ = write!(
            text,
            "{}  event {event}: Event from {} {{\n{}  }}\n\n",
            docs(&format!("`{}`, {}: {}", plain(&source.name, 80), plain(&source.plugin, 80), made.docs), "  "),
            made.source,
            made.body
        );
        events.push(format!("{name}.{event}"));
    }
    let mut out = docs(&format!("The sources of the ruleset `{}`.", plain(&set.name, 120)), "");
    let _ = write!(
        out,
        "connector {name} {{\n{}  type Event = {{\n    /// What the rulebook calls `event`.\n    doc: Json,\n    /// The event as it came.\n    raw: Json,\n  }}\n\n{}}}\n",
        settings(&own, "  "),
        text.trim_end_matches('\n').to_owned() + "\n"
    );
    module.push(out);
    events
}

/// What was written for a source and is nowhere in the event.
fn unasked(source: &Source<'_>, arguments: &Arguments<'_>, module: &mut Module) {
    for (name, value) in arguments.all.into_iter().flatten() {
        if !arguments.asked.contains(&name.as_str()) {
            let value = crate::text::shorten(&value.to_string(), 120);
            module.notes.left_out(
                "source",
                &source.at,
                format!("`{}` of `{}`: {value}", plain(name, 60), source.plugin),
            );
        }
    }
    for filter in &source.filters {
        if !matches!(filter.as_str(), "noop" | "eda.builtin.noop" | "ansible.eda.noop") {
            module.notes.left_out("filter", &source.at, format!("the filter `{}`", plain(filter, 100)));
        }
    }
    if let Some(other) = (!source.args.is_object() && !source.args.is_null()).then_some(source.args) {
        let other = crate::text::shorten(&other.to_string(), 120);
        module.notes.left_out(
            "source",
            &source.at,
            format!("what stands at `{}` is no mapping: {other}", source.plugin),
        );
    }
}

fn made(
    source: &Source<'_>,
    connector: &str,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> Event {
    let path = format!("webhook {}", quoted(&format!("/{connector}/{event}")));
    match source.kind() {
        "webhook" => webhook(source, path, event, arguments, own, module),
        "alertmanager" => alertmanager(source, path, event, arguments, own, module),
        "range" => range(source, arguments, module),
        "generic" if arguments.all.is_some_and(|a| a.contains_key("payload")) => {
            generic(source, event, arguments, module)
        }
        "tick" | "timestamp" => clock(source, arguments),
        "url_check" => url_check(source, event, arguments, own, module),
        "journald" => journald(source, arguments, module),
        "kafka" => {
            kafka(source, event, arguments, own, module).unwrap_or_else(|| elsewhere(source, path, event, own, module))
        }
        _ => elsewhere(source, path, event, own, module),
    }
}

/// A setting for the token of a webhook; without it no delivery is accepted.
fn token(own: &mut Settings, event: &str) -> String {
    let name = format!("{event}_token");
    let docs = "What deliveries show as their bearer token. Without it none is accepted.".to_owned();
    own.insert(name.clone(), Setting { ty: "Secret?", default: "none".to_owned(), docs });
    name
}

/// How deliveries to a webhook are checked.
fn verify(
    source: &Source<'_>,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> String {
    let header = arguments.text("hmac_header").unwrap_or("x-hub-signature-256").to_ascii_lowercase();
    let usual = matches!(arguments.text("hmac_algo"), None | Some("sha256"))
        && matches!(arguments.text("hmac_format"), None | Some("hex"))
        && header == "x-hub-signature-256";
    if arguments.get("hmac_secret").is_some() && usual {
        let name = format!("{event}_secret");
        let docs = "What deliveries are signed with, as GitHub does. Without it none is accepted.".to_owned();
        own.insert(name.clone(), Setting { ty: "Secret?", default: "none".to_owned(), docs });
        module.notes.widened(
            "source",
            &source.at,
            format!("`hmac_secret` of `{}`: the setting `{name}`", source.plugin),
        );
        return format!("github_signature({name})");
    }
    let token = token(own, event);
    let said = if arguments.get("token").is_some() {
        format!("`token` of `{}`: the setting `{token}`", source.plugin)
    } else {
        format!(
            "`{}` takes deliveries from everybody; here they show a token, which is the setting `{token}`",
            source.plugin
        )
    };
    module.notes.widened("source", &source.at, said);
    format!("bearer({token})")
}

/// The daemon listens for all webhooks at one place.
fn listening(source: &Source<'_>, path: &str, arguments: &mut Arguments<'_>, module: &mut Module) {
    let host = arguments.text("host").map_or_else(|| "any address".to_owned(), |h| plain(h, 60));
    let port = arguments.get("port").map(|p| format!(", port {}", plain(&p.to_string(), 20))).unwrap_or_default();
    let path = path.trim_start_matches("webhook ");
    module.notes.widened(
        "source",
        &source.at,
        format!("`{}` listens at {host}{port}; here at the daemon's address, with the path {path}", source.plugin),
    );
}

fn webhook(
    source: &Source<'_>,
    path: String,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> Event {
    listening(source, &path, arguments, module);
    let verify = verify(source, event, arguments, own, module);
    Event {
        source: path,
        body: format!(
            "    verify {verify}\n    emit {{ doc: {{ payload: body, meta: {{ headers: headers }} }}, raw: body }}\n"
        ),
        docs: "the body of a request is `payload`, its headers are `meta.headers`.".to_owned(),
    }
}

fn alertmanager(
    source: &Source<'_>,
    path: String,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> Event {
    listening(source, &path, arguments, module);
    let separator = arguments.text("data_path_separator").unwrap_or(".").to_owned();
    let alerts = arguments.text("data_alerts_path").unwrap_or("alerts").replace(separator.as_str(), ".");
    let host = arguments.text("data_host_path").unwrap_or("labels.instance").replace(separator.as_str(), ".");
    if arguments.get("skip_original_data").and_then(Value::as_bool) != Some(true) {
        module.notes.left_out(
            "source",
            &source.at,
            format!(
                "`{}` also gives each delivery as one event with `payload`; here each alert is an event",
                source.plugin
            ),
        );
    }
    let verify = verify(source, event, arguments, own, module);
    Event {
        source: path,
        body: format!(
            "    verify {verify}\n    each body.get({}).items() as item\n    emit {{ doc: {{ alert: item, meta: {{ hosts: item.get({}), headers: headers }} }}, raw: item }}\n",
            quoted(&alerts),
            quoted(&host)
        ),
        docs: "each alert of a delivery is `alert`.".to_owned(),
    }
}

fn range(source: &Source<'_>, arguments: &mut Arguments<'_>, module: &mut Module) -> Event {
    if let Some(text) = arguments.text("limit").filter(|t| t.contains("{{")) {
        let scope = super::render::Scope::default();
        let limit = super::render::value(&Value::String(text.to_owned()), &scope, module, &source.at);
        if !limit.starts_with('"') {
            return once_each(format!("(0..(({limit} as Int?) ?? 0)).map(i => {{ i: i }})"), "numbers, each once");
        }
    }
    let limit = arguments.number("limit");
    #[allow(clippy::cast_possible_truncation, reason = "a float saturates, and is bounded then")]
    let count = limit.map_or(0, |l| l as i64).clamp(0, MAX_RANGE);
    if limit.is_none_or(|l| l > 1e4) {
        let said = arguments.get("limit").map_or_else(|| "nothing".to_owned(), |l| plain(&l.to_string(), 60));
        module.notes.widened("source", &source.at, format!("`range` up to {said}: written as {count}"));
    }
    once_each(format!("(0..{count}).map(i => {{ i: i }})"), "numbers, each once")
}

/// Events that are known beforehand: each is brought once.
fn once_each(list: String, docs: &str) -> Event {
    Event {
        source: format!("poll every 6d {{ {list}.enumerate().to_json() }}"),
        body: "    each body as item\n    id \"${item.index as Int}\"\n    emit { doc: item.value, raw: item.value }\n"
            .to_owned(),
        docs: format!("{docs}. An event that came once does not come again after a restart."),
    }
}

fn generic(source: &Source<'_>, event: &str, arguments: &mut Arguments<'_>, module: &mut Module) -> Event {
    let payload = arguments.get("payload").cloned().unwrap_or(Value::Null);
    let items = match payload {
        Value::Array(items) => items,
        one => vec![one],
    };
    let name = module.names.take(&format!("_{event}_payload"));
    let list = super::render::value(&Value::Array(items), &super::render::Scope::default(), module, &source.at);
    module
        .push(format!("/// What the source `{}` gives.\nfn {name}() -> Json {{ {list} }}\n", plain(&source.name, 80)));
    once_each(format!("{name}().items()"), "values that are written in the rulebook, each once")
}

/// A time between events, in milliseconds, from seconds.
fn every(seconds: Option<f64>, default: f64) -> String {
    let seconds = seconds.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(default).clamp(1.0, 86_400.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 86,400")]
    literal::duration((seconds * 1_000.0) as u64)
}

fn clock(source: &Source<'_>, arguments: &mut Arguments<'_>) -> Event {
    let every = every(arguments.number("delay"), 1.0);
    let value = if source.kind() == "tick" {
        "{ time: { tick: now().unix() } }"
    } else {
        "{ timestamp: { unix_timestamp: now().unix(), iso_format: \"${now()}\" } }"
    };
    Event {
        source: format!("poll every {every} {{ {value} }}"),
        body: "    emit { doc: body, raw: body }\n".to_owned(),
        docs: "the time, again and again, in seconds since 1970.".to_owned(),
    }
}

fn url_check(
    source: &Source<'_>,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> Event {
    let urls: Vec<&str> =
        arguments.get("urls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut known = Vec::new();
    for url in urls {
        if url::Url::parse(url)
            .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.username().is_empty() && u.password().is_none())
        {
            known.push(format!("url{}", quoted(url)));
        } else {
            module.notes.left_out("source", &source.at, format!("`{}` is no address", plain(url, 120)));
        }
    }
    let name = format!("{event}_urls");
    let docs = "The addresses that are asked.".to_owned();
    own.insert(name.clone(), Setting { ty: "List<Url>", default: format!("[{}]", known.join(", ")), docs });
    if arguments.get("verify_ssl").and_then(Value::as_bool) == Some(false) {
        module.notes.left_out("source", &source.at, "`verify_ssl: false`: certificates are checked");
    }
    let every = every(arguments.number("delay"), 1.0);
    Event {
        source: format!(
            "poll every {every} {{ {name}.map(address => try {{ let reply = http.get(address, timeout: 10s, expect: [200])\n{{ url_check: {{ url: \"${{address}}\", status: \"up\", status_code: reply.status, error_msg: \"\" }} }} }} catch f {{ {{ url_check: {{ url: \"${{address}}\", status: \"down\", status_code: 0, error_msg: f.message }} }} }}).to_json() }}"
        ),
        body: "    each body as item\n    emit { doc: item, raw: item }\n".to_owned(),
        docs: "whether addresses answer with the status 200.".to_owned(),
    }
}

fn journald(source: &Source<'_>, arguments: &mut Arguments<'_>, module: &mut Module) -> Event {
    let wanted = arguments.text("match").unwrap_or("ALL");
    let mut command = vec![quoted("journalctl"), quoted("--follow"), quoted("--output=json")];
    if wanted != "ALL" {
        command.push(quoted(wanted));
    }
    module.notes.widened(
        "source",
        &source.at,
        "`journald`: a process `journalctl --follow`; names of fields are in small letters",
    );
    Event {
        source: format!("exec([{}], because: \"it only reads the journal\", format: \"json\")", command.join(", ")),
        body: "    emit { doc: { journald: _journal(body) }, raw: body }\n".to_owned(),
        docs: "entries of the system's journal are `journald`.".to_owned(),
    }
}

/// Records of a topic; none when what it needs is not said, or the login is one that streams do not know.
fn kafka(
    source: &Source<'_>,
    event: &str,
    arguments: &mut Arguments<'_>,
    own: &mut Settings,
    module: &mut Module,
) -> Option<Event> {
    let topic = arguments.text("topic").filter(|t| !t.trim().is_empty())?.to_owned();
    let sasl = match arguments.text("sasl_mechanism").unwrap_or("PLAIN").to_ascii_lowercase() {
        word if matches!(word.as_str(), "plain" | "scram-sha-256" | "scram-sha-512") => word,
        _ => return None,
    };
    let protocol = arguments.text("security_protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
    let host = arguments.text("host").unwrap_or("localhost").to_owned();
    let port = arguments.number("port").filter(|p| (1.0..=65_535.0).contains(p)).unwrap_or(9_092.0);
    let begin = if arguments.text("offset") == Some("earliest") { "start" } else { "end" };
    let brokers = format!("{event}_brokers");
    let docs = "Some brokers of the cluster, as `host:9092`.".to_owned();
    own.insert(
        brokers.clone(),
        Setting { ty: "List<Text>", default: format!("[{}]", quoted(&format!("{}:{port}", plain(&host, 200)))), docs },
    );
    let mut given = vec![brokers, format!("topic: {}", quoted(&topic)), format!("begin: {}", quoted(begin))];
    if protocol.ends_with("SSL") {
        given.push("tls: true".to_owned());
    }
    if let Some(file) = arguments.text("cafile") {
        given.push(format!("ca_file: {}", quoted(file)));
    }
    if protocol.starts_with("SASL") {
        let (user, password) = (format!("{event}_user"), format!("{event}_password"));
        let known = arguments.text("sasl_plain_username").map_or_else(|| "none".to_owned(), quoted);
        own.insert(user.clone(), Setting { ty: "Text?", default: known, docs: "Who logs in.".to_owned() });
        let docs = "The password of the user.".to_owned();
        own.insert(password.clone(), Setting { ty: "Secret?", default: "none".to_owned(), docs });
        let _ = arguments.get("sasl_plain_password");
        let said = format!("`sasl_plain_password` of `{}`: the setting `{password}`", source.plugin);
        module.notes.widened("source", &source.at, said);
        given.extend([format!("sasl: {}", quoted(&sasl)), format!("user: {user}"), format!("password: {password}")]);
    }
    let _ = arguments.get("group_id");
    let said = format!("`{}`: rrb keeps by itself how far it has read, without a group of consumers", source.plugin);
    module.notes.widened("source", &source.at, said);
    let read = "if let words = body as Text? { words.parse_json() ?? body } else { body }";
    Some(Event {
        source: format!("stream kafka({})", given.join(", ")),
        body: format!("    emit {{ doc: {{ body: {read}, meta: {{ headers: headers }} }}, raw: body }}\n"),
        docs: "the value of a record is `body`, read as JSON where it is some; its headers are `meta.headers`."
            .to_owned(),
    })
}

fn elsewhere(source: &Source<'_>, path: String, event: &str, own: &mut Settings, module: &mut Module) -> Event {
    let token = token(own, event);
    module.notes.left_out(
        "source",
        &source.at,
        format!(
            "nothing here reads `{}`: its events are waited for at {} with the token `{token}`, and something has to send them there",
            plain(&source.plugin, 100),
            path.trim_start_matches("webhook ")
        ),
    );
    Event {
        source: path,
        body: format!("    verify bearer({token})\n    emit {{ doc: body, raw: body }}\n"),
        docs: "nothing here reads this source: something has to send what it would give, one event in each request."
            .to_owned(),
    }
}

/// The first words of a name.
fn words(name: &str, most: usize) -> String {
    name.split('_').take(most).collect::<Vec<_>>().join("_")
}

/// A word for a plugin: the last part of its name for those that come with the engine.
pub fn kind(plugin: &str) -> &str {
    let own = plugin.strip_prefix("ansible.eda.").or_else(|| plugin.strip_prefix("eda.builtin."));
    own.unwrap_or(plugin)
}
