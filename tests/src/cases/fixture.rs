//! The files of a folder with cases.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::{Captures, Regex};
use rrb_lang::types::Type;
use tempfile::TempDir;

use super::program::Program;
use crate::leaks;
use crate::openapi::Description;
use crate::peers::{self, Peer};
use crate::scripted::Replies;

/// A secret that the harness made.
#[derive(Debug, Clone)]
pub struct Canary {
    /// As in `{secret:NAME}`.
    pub name: String,
    pub value: String,
    /// The part of the value that is nowhere else, when the value has a form of its own.
    pub word: Option<String>,
}

impl Canary {
    /// The form in which it stands in `shown`; none when it is not there.
    pub fn leak(&self, shown: &[u8]) -> Option<&'static str> {
        leaks::find(&self.value, shown).or_else(|| leaks::find(self.word.as_ref()?, shown))
    }
}

/// A folder below `tests/connectors`.
pub struct Fixture {
    pub name: String,
    pub root: PathBuf,
    folder: PathBuf,
    /// `calls.rrb`
    pub calls: String,
    /// `rrb.toml`, with its placeholders.
    project: String,
    pub replies: Replies,
    pub secrets: Vec<Canary>,
    /// The files of the secrets.
    kept: TempDir,
    /// The real servers that `rrb.toml` names.
    peers: BTreeMap<String, Peer>,
}

impl Fixture {
    /// Reads the folder and makes its secrets.
    ///
    /// # Errors
    /// When a file is missing or has not its form.
    pub fn read(root: &Path, name: &str) -> Result<Self, String> {
        let folder = root.join("tests/connectors").join(name);
        let text = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let replies = if folder.join("replies.json").exists() {
            Replies::read(&text("replies.json")?)?
        } else {
            Replies::default()
        };
        let project = text("rrb.toml")?;
        let kept = tempfile::tempdir().map_err(|e| format!("no folder for the secrets: {e}"))?;
        let secrets = canaries(&folder, name, &project)?;
        let peers = started(&project, &secrets)?;
        Ok(Self {
            name: name.to_owned(),
            root: root.to_owned(),
            calls: text("calls.rrb")?,
            folder,
            project,
            replies,
            secrets,
            kept,
            peers,
        })
    }

    /// The descriptions: `openapi.json` at the double's address, `openapi-NAME.json` below `/NAME`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn descriptions(&self) -> Result<Vec<Description>, String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .map_err(|e| format!("{}: {e}", self.folder.display()))?
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        let mut all = Vec::new();
        for file in files {
            let Some(name) = file.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json")) else {
                continue;
            };
            let prefix = match name.strip_prefix("openapi") {
                Some("") => String::new(),
                Some(rest) if rest.starts_with('-') => format!("/{}", &rest[1..]),
                _ => continue,
            };
            let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            all.push(Description::read(&bytes, &prefix).map_err(|e| format!("{}: {e}", file.display()))?);
        }
        Ok(all)
    }

    /// `rrb.toml` with the address of the double and the places of the secrets.
    ///
    /// # Errors
    /// When the secrets cannot be written.
    pub fn project(&self, url: &str) -> Result<String, String> {
        let failed = RefCell::new(None);
        let host = url.trim_start_matches("http://");
        for secret in &self.secrets {
            let path = self.kept.path().join(&secret.name);
            let value = secret.value.replace("{double}", url);
            if let Err(e) = std::fs::write(&path, value).and_then(|()| private(&path)) {
                *failed.borrow_mut() = Some(format!("{}: {e}", path.display()));
            }
        }
        let text = placeholder().replace_all(&self.project, |found: &Captures<'_>| {
            format!("file:{}", self.kept.path().join(&found[1]).display())
        });
        let text = text.replace("{double}", url).replace("{host}", host);
        let text = text.replace("{folder}", &self.folder.display().to_string());
        let scratch = self.kept.path().join("scratch");
        if let Err(e) = std::fs::create_dir_all(&scratch) {
            return Err(format!("{}: {e}", scratch.display()));
        }
        let text = text.replace("{scratch}", &scratch.display().to_string());
        let text = peer_place().replace_all(&text, |found: &Captures<'_>| {
            let value = self.peers.get(&found[1]).and_then(|p| p.value(found.get(2).map_or("", |m| m.as_str())));
            value.map_or_else(|| found[0].to_owned(), str::to_owned)
        });
        let text = text.into_owned();
        failed.into_inner().map_or(Ok(text), Err)
    }

    /// Whether it speaks to a real server.
    pub fn has_peers(&self) -> bool {
        !self.peers.is_empty()
    }

    /// What the real servers were sent since this was asked the last time.
    pub fn took(&self) -> String {
        self.peers.values().map(Peer::took).collect()
    }

    /// Whether a refusal is known to be a fault of the description.
    pub fn is_excepted(&self, why: &str) -> bool {
        self.replies.exceptions.iter().any(|e| !e.because.is_empty() && why.contains(&e.says))
    }

    /// Settings of the connectors that are secrets and have no canary.
    pub fn unnamed_secrets(&self, program: &Program) -> Vec<String> {
        let is_secret = |ty: &Type| match ty {
            Type::Secret => true,
            Type::Optional(inner) => **inner == Type::Secret,
            _ => false,
        };
        let given = Regex::new(r"(?m)^\s*([a-z_0-9]+)\s*=.*\{secret:")
            .map(|r| r.captures_iter(&self.project).map(|c| c[1].to_owned()).collect::<Vec<_>>());
        let given = given.unwrap_or_default();
        let missing = program.settings().filter(|(_, name, ty)| is_secret(ty) && !given.contains(&name.to_string()));
        missing
            .map(|(owner, name, _)| format!("rrb.toml: `{name}` of `{owner}` is a Secret; give it `{name} = \"{{secret:{name}}}\"` in some instance"))
            .collect()
    }

    /// Cases in `replies.json` that `calls.rrb` has not.
    pub fn unknown_cases(&self, program: &Program) -> Vec<String> {
        let cases = program.cases();
        let unknown = self.replies.cases().filter(|c| !cases.iter().any(|known| known == c));
        unknown.map(|c| format!("replies.json: calls.rrb has no runbook `{c}`")).collect()
    }

    /// A text as it is the same each time: no address, no secret, no folder.
    pub fn neutral(&self, text: &str, url: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let value = secret.value.replace("{double}", url);
            let name = format!("‹{}›", secret.name);
            let escaped = serde_json::Value::from(value.as_str()).to_string();
            text = text.replace(&value, &name).replace(escaped.trim_matches('"'), &name);
            if let Some(word) = &secret.word {
                text = text.replace(word, &name);
            }
        }
        let mut text = text.replace(url, "{double}").replace(url.trim_start_matches("http://"), "{host}");
        for (name, peer) in &self.peers {
            text = text.replace(&peer.folder().display().to_string(), &format!("{{{name}}}"));
        }
        text.replace(&self.kept.path().join("scratch").display().to_string(), "{scratch}")
            .replace(&self.kept.path().display().to_string(), "{secrets}")
            .replace(&self.folder.display().to_string(), "{folder}")
    }
}

/// The servers that a project names.
fn started(project: &str, secrets: &[Canary]) -> Result<BTreeMap<String, Peer>, String> {
    let secret = |name: &str| secrets.iter().find(|s| s.name == name).map(|s| s.value.clone());
    let mut peers = BTreeMap::new();
    for found in peer_place().captures_iter(project) {
        if !peers.contains_key(&found[1]) {
            peers.insert(found[1].to_owned(), peers::start(&found[1], &secret)?);
        }
    }
    Ok(peers)
}

/// `{peer:redis}`, `{peer:redis/sentinel}`
fn peer_place() -> Regex {
    Regex::new(r"\{peer:([a-z]+)(?:/([a-z]+))?\}").expect("a pattern")
}

fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

fn placeholder() -> Regex {
    Regex::new(r"\{secret:([A-Za-z0-9_.-]+)\}").expect("a pattern")
}

/// The secrets that a project asks for. One with a form of its own, a key or an address, is made from the file `secrets/NAME`, where
/// `{canary}` stands for a word that is nowhere else.
fn canaries(folder: &Path, connector: &str, project: &str) -> Result<Vec<Canary>, String> {
    let mut all: Vec<Canary> = Vec::new();
    for found in placeholder().captures_iter(project) {
        let name = found[1].to_owned();
        if all.iter().any(|c| c.name == name) {
            continue;
        }
        let template = folder.join("secrets").join(&name);
        let word = format!("Cn4ry{}{}7Qz", connector.replace('_', ""), name.replace(['_', '.', '-'], ""));
        let (value, word) = if template.exists() {
            let text = std::fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?;
            (text.trim_end().replace("{canary}", &word), text.contains("{canary}").then_some(word))
        } else {
            // Signs that each encoding writes otherwise.
            (format!("Cn4ry+{connector}/{name}\"7Q=z"), None)
        };
        all.push(Canary { name, value, word });
    }
    Ok(all)
}
