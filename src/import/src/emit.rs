//! A connector's text.

mod action;
mod codec;
mod helpers;
mod usage;

use std::collections::HashMap;
use std::fmt::Write as _;

use self::codec::{Codec, docs};
pub use self::usage::Usage;
use crate::ImportError;
use crate::made;
use crate::openapi::action::Action;
use crate::openapi::auth::Setting;
use crate::openapi::shape::Declared;
use crate::report::{Counts, Report};
use crate::text::{quoted, wrap};

/// What a connector is made of.
pub struct Connector<'c, 'a> {
    pub name: &'c str,
    pub source: &'c str,
    pub only: &'c [String],
    pub report: &'c Report,
    pub docs: &'c str,
    pub more: &'c str,
    pub settings: &'c [Setting],
    pub actions: Vec<&'c Action<'a>>,
    pub events: Vec<&'c crate::openapi::Event>,
    pub types: &'c [Declared],
    pub usage: &'c Usage,
}

/// The text, and how much of each is in it.
pub struct Written {
    pub text: String,
    pub counts: Counts,
}

/// Writes it and formats it.
///
/// # Errors
/// When it is larger than a source file may be.
pub fn connector(connector: &Connector<'_, '_>) -> Result<Written, ImportError> {
    let mut codec = Codec::new(connector.types, connector.usage);
    let undos = undos(&connector.actions);
    let mut actions = String::new();
    for one in &connector.actions {
        let undo = undos.get(one.name.as_str()).cloned();
        actions.push_str(&action::Writer { codec: &mut codec, undo }.action(one));
    }
    let mut events = String::new();
    for event in &connector.events {
        write_event(&mut events, event, &mut codec);
    }
    let (types, functions, count) = codec.finish();
    let code = format!("{actions}{events}{functions}");
    let helpers = helpers::used_by(&code, connector.name);
    let settings: Vec<&Setting> = connector.settings.iter().filter(|s| uses(&code, &s.name)).collect();
    let counts = Counts {
        operations: 0,
        actions: connector.actions.len(),
        types: count,
        events: connector.events.len(),
        settings: settings.len(),
    };
    let mut out = head(connector, counts);
    out.push_str("  settings {\n");
    for setting in &settings {
        out.push_str(&docs(&setting.docs, "    "));
        let _ = writeln!(out, "    {}: {} = {}", setting.name, setting.ty, setting.default);
    }
    out.push_str("  }\n\n");
    for part in [&types, &actions, &events, &functions, &helpers] {
        out.push_str(part);
    }
    let text = format!("{}\n}}\n", out.trim_end());
    let smaller = "choose what is needed of it with `--only`, by tag, path or operation";
    Ok(Written { text: made::formatted("connector", &text, smaller)?, counts })
}

/// Whether a setting is named in the code, as a whole word.
fn uses(code: &str, name: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).and_then(|s| s.chars().next_back());
        let behind = code.get(at + name.len()..).and_then(|s| s.chars().next());
        !is_part(before) && !is_part(behind)
    })
}

fn head(connector: &Connector<'_, '_>, counts: Counts) -> String {
    let report = connector.report;
    let title = if report.title.is_empty() { connector.name } else { &report.title };
    let version = if report.version.is_empty() { String::new() } else { format!(" {}", report.version) };
    let source = if connector.source.is_empty() {
        String::new()
    } else {
        format!(" from {}", crate::text::plain(connector.source, 200))
    };
    let only = if connector.only.is_empty() {
        String::new()
    } else {
        format!(" Chosen by {}.", crate::text::plain(&connector.only.join(", "), 300))
    };
    let facts = format!(
        "Made by `rrb import openapi`{source}: {title}{version} ({}). {}.{only} Look at each \
         `review` before it is relied on, and at the report for what could not be carried.",
        report.format,
        Counts { operations: report.counts.operations, ..counts }.to_text()
    );
    let mut out = String::new();
    for line in wrap(&facts, codec::WIDTH) {
        let _ = writeln!(out, "//! {line}");
    }
    let _ = write!(out, "\n{}", docs(&format!("{title}."), ""));
    for more in [connector.docs, connector.more] {
        if !more.is_empty() {
            let _ = write!(out, "///\n{}", docs(more, ""));
        }
    }
    let _ = writeln!(out, "connector {} {{", connector.name);
    out
}

fn write_event(out: &mut String, event: &crate::openapi::Event, codec: &mut Codec<'_>) {
    out.push_str(&docs(&event.docs, "  "));
    let _ = writeln!(out, "  // review: {}", event.review);
    let mut ty = codec.ty(&event.shape);
    let mut value = codec.read(&event.shape, "body");
    // An event is a record: what is none becomes a field of one.
    if codec.fields(&event.shape).is_none_or(<[_]>::is_empty) {
        ty = format!("{{ body: {ty} }}");
        value = format!("{{ body: {value} }}");
    }
    let _ = writeln!(
        out,
        "  event {}: {ty} from webhook {} {{\n    verify {}\n    id headers[{}]\n    emit {value}\n  }}\n",
        event.name,
        quoted(&event.path),
        event.verify,
        quoted(event.id_header)
    );
}

/// For each action that makes something: the one that deletes it, by the paths of both.
fn undos(actions: &[&Action<'_>]) -> HashMap<String, String> {
    let deletes: HashMap<&str, &str> = actions
        .iter()
        .filter(|a| a.operation.method == "delete")
        .filter_map(|a| {
            let (folder, last) = a.operation.path.trim_end_matches('/').rsplit_once('/')?;
            (last.starts_with('{') && last.ends_with('}')).then_some((folder, a.name.as_str()))
        })
        .collect();
    actions
        .iter()
        .filter(|a| a.operation.method == "post")
        .filter_map(|a| {
            let delete = deletes.get(a.operation.path.trim_end_matches('/'))?;
            Some((a.name.clone(), (*delete).to_owned()))
        })
        .collect()
}
