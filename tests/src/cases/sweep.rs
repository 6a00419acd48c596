//! Every sample that other projects published, taken by the connector for its source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::taken::{Raw, Taker, raw};

/// The file `tests/samples/sources.json`: which connector takes what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    /// By the name of a folder.
    sources: IndexMap<String, Source>,
    /// Files that are no event of their connector, by `FOLDER/FILE`, each with the reason. The beginning of a name does for many.
    unread: IndexMap<String, String>,
}

/// How the samples of a folder come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// Modules of `stdlib`; each sample is an event of at least one. Where there is none of them, `webhook` takes any JSON.
    modules: Vec<String>,
    /// The header whose value is the part of the file's name before `__`.
    header: Option<String>,
    /// Other headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON pointer of a list whose items hold the bodies, and the member of an item that is one.
    #[serde(default)]
    within: Option<(String, String)>,
}

/// What the sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    pub bodies: usize,
    pub events: usize,
    /// Samples that no connector makes an event of although nobody gives a reason, and events that do not hold what came.
    pub faults: Vec<String>,
    /// Reasons for files that do become events.
    pub needless: Vec<String>,
    /// Samples with a reason.
    pub unread: Vec<String>,
}

/// Sweeps a folder of folders of samples.
///
/// # Errors
/// When a file cannot be read or a connector does not check.
pub async fn sweep(root: &Path, samples: &Path) -> Result<Swept, String> {
    let path = root.join("tests/samples/sources.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let sources: Sources = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut swept = Swept::default();
    for folder in folders(samples)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(source) = sources.sources.get(&name) else {
            match sources.unread.get(&format!("{name}/")) {
                Some(why) => swept.unread.push(format!("{name}/: {why}")),
                None => swept.faults.push(format!("{name}: sources.json names no connector for these samples")),
            }
            continue;
        };
        let takers = takers(root, source)?;
        for file in files(&folder)? {
            let named = format!("{name}/{}", file.file_name().unwrap_or_default().to_string_lossy());
            let reason = sources.unread.iter().find(|(begin, _)| named.starts_with(begin.as_str())).map(|(_, why)| why);
            one(source, &takers, &file, &named, reason, &mut swept).await?;
        }
    }
    Ok(swept)
}

fn takers(root: &Path, source: &Source) -> Result<Vec<Taker>, String> {
    let is_there = |m: &&String| root.join(format!("stdlib/{m}.rrb")).is_file();
    let own: Vec<&String> = source.modules.iter().filter(is_there).collect();
    if own.is_empty() {
        return Ok(vec![Taker::of(root, "webhook")?]);
    }
    own.into_iter().map(|m| Taker::of(root, m)).collect()
}

async fn one(
    source: &Source,
    takers: &[Taker],
    file: &Path,
    named: &str,
    reason: Option<&String>,
    swept: &mut Swept,
) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut headers = source.headers.clone();
    if let (Some(header), Some((value, _))) =
        (&source.header, file.file_name().and_then(|n| n.to_str()).and_then(|n| n.split_once("__")))
    {
        headers.insert(header.clone(), value.to_owned());
    }
    let mut read = true;
    for body in bodies(source, &bytes) {
        swept.bodies += 1;
        let mut said = Vec::new();
        let mut events = 0;
        for taker in takers {
            for taken in taker.take(&headers, &body).await.map_err(|e| format!("{named}: {e}"))? {
                events += taken.events.len();
                said.extend(taken.dead);
                let bad = taken.events.iter().filter(|e| matches!(raw(e, &body), Raw::Differs | Raw::Missing));
                swept.faults.extend(bad.map(|e| format!("{named}: `raw` of `{}` is {:?}", e.source, raw(e, &body))));
            }
        }
        swept.events += events;
        read &= events > 0;
        if events == 0 && reason.is_none() {
            swept.faults.push(format!("{named}: no event; {}", said.join("; ")));
        }
    }
    match (reason, read) {
        (Some(_), true) => swept.needless.push(named.to_owned()),
        (Some(why), false) => swept.unread.push(format!("{named}: {why}")),
        (None, _) => {}
    }
    Ok(())
}

fn bodies(source: &Source, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some((list, member)) = &source.within else { return vec![bytes.to_vec()] };
    let whole: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let items = whole.pointer(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|i| i.get(member)).map(|b| b.to_string().into_bytes()).collect()
}

fn folders(samples: &Path) -> Result<Vec<PathBuf>, String> {
    let mut all = listed(samples)?;
    all.retain(|p| p.is_dir());
    Ok(all)
}

/// The files that hold JSON, in folders below, too.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let all = listed(folder)?;
    Ok(all.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")).collect())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut all: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    all.sort();
    Ok(all)
}
