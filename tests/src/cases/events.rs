//! The bodies that vendors send, kept with the cases of a connector, and what it makes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::taken::{Raw, Taken, Taker, raw};

/// Takes the bodies `events/*.json` of a folder, each with the headers of `events/NAME.headers` beside it; gives the text of
/// `events.snap` and what is wrong.
///
/// # Errors
/// When the connector does not check or a file cannot be read.
pub async fn play(root: &Path, name: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let folder = root.join("tests/connectors").join(name).join("events");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(None) };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    let taker = Taker::of(root, name)?;
    let (mut shown, mut faults) = (String::new(), Vec::new());
    for file in files {
        let body = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let taken = taker.take(&headers(&file), &body).await?;
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shown += &format!("## {file}\n{}\n", told(&taken, &body));
        faults.extend(unkept(&taken, &body).into_iter().map(|why| format!("events/{file}: {why}")));
    }
    Ok(Some((shown, faults)))
}

/// `name: value` lines.
fn headers(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file.with_extension("headers")).unwrap_or_default();
    let lines = text.lines().filter_map(|l| l.split_once(':'));
    lines.map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned())).collect()
}

fn told(taken: &[Taken], body: &[u8]) -> String {
    let mut out = String::new();
    for at in taken {
        if let Some(answer) = &at.answer {
            out += &format!("answered by {}: {answer}\n", at.path);
        }
        let calls: String = at.acknowledged.iter().map(|call| format!("{} acknowledges: {call}\n", at.path)).collect();
        out += &calls;
    }
    for at in taken.iter().filter(|t| !t.events.is_empty()) {
        for event in &at.events {
            let mut payload = event.payload.clone();
            if let Value::Object(members) = &mut payload {
                members.shift_remove("raw");
            }
            let sender = event.sender_id.as_deref().unwrap_or("none");
            let when = jiff::Timestamp::from_millisecond(event.at).map(|t| t.to_string()).unwrap_or_default();
            out += &format!("{} from {}, id {sender}, at {when}, raw {:?}\n", event.source, at.path, raw(event, body));
            out += &format!("{}\n", serde_json::to_string_pretty(&payload).unwrap_or_default());
        }
    }
    if out.is_empty() {
        let dead = taken.iter().filter_map(|t| Some(format!("{}: {}\n", t.path, t.dead.as_ref()?)));
        out = format!("no event\n{}", dead.collect::<String>());
    }
    out
}

/// Events that do not hold what came.
fn unkept(taken: &[Taken], body: &[u8]) -> Vec<String> {
    let all = taken.iter().flat_map(|t| &t.events);
    let bad = all.filter(|e| matches!(raw(e, body), Raw::Differs | Raw::Missing));
    bad.map(|e| format!("`raw` of `{}` is {:?}", e.source, raw(e, body))).collect()
}
