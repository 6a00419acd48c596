//! Going through a folder: on one file system, without following links, within bounds.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::super::Cx;
use super::super::fail::invalid;
use super::{Stop, bytes, count, entry, kind, length, modified, path, system, work};

/// How deep a folder may be nested below the one that is asked for.
const MAX_DEPTH: usize = 64;

/// How many entries `list` looks at and `folder_size` counts.
const MAX_LISTED: usize = 200_000;
const MAX_COUNTED: usize = 1_000_000;

/// How many folders that cannot be read are named.
const MAX_UNREADABLE: usize = 20;

/// How a walk is bounded.
#[derive(Clone, Copy)]
pub struct Walk {
    pub recursive: bool,
    /// Entries looked at; one more is a failure.
    pub entries: usize,
}

/// What a walk came across besides entries.
#[derive(Default)]
pub struct Seen {
    /// What could not be read, the first of it by name.
    pub unreadable: Vec<String>,
    /// Folders where another file system begins: not entered.
    pub mounts: Vec<PathBuf>,
}

impl Seen {
    fn unreadable(&mut self, path: &Path) {
        if self.unreadable.len() < MAX_UNREADABLE {
            self.unreadable.push(path.to_string_lossy().into_owned());
        }
    }

    fn names(&self) -> Value {
        Value::list(self.unreadable.iter().map(Value::text))
    }
}

/// Calls `each` with every entry below `root`, folders before what they hold.
pub fn walk(root: &Path, bounds: Walk, stop: &Stop, mut each: impl FnMut(&Path, &Metadata)) -> Result<Seen, Failure> {
    let device = folder(root)?.dev();
    let mut seen = Seen::default();
    let mut looked_at = 0;
    let mut folders = vec![(root.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(system(&folder, &e)),
            // It may be gone by now, which is no news.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                seen.unreadable(&folder);
                continue;
            }
        };
        for entry in entries {
            stop.check()?;
            let Ok(entry) = entry else {
                seen.unreadable(&folder);
                break;
            };
            looked_at += 1;
            if looked_at > bounds.entries {
                return Err(invalid(format!("`{}` holds more than {} entries", root.display(), bounds.entries)));
            }
            let path = entry.path();
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => {
                    seen.unreadable(&path);
                    continue;
                }
            };
            each(&path, &meta);
            if !(bounds.recursive && meta.is_dir()) {
                continue;
            }
            if meta.dev() != device {
                seen.mounts.push(path);
            } else if depth + 1 > MAX_DEPTH {
                return Err(invalid(format!("`{}` is nested more than {MAX_DEPTH} folders deep", root.display())));
            } else {
                folders.push((path, depth + 1));
            }
        }
    }
    Ok(seen)
}

/// The folder itself, which is no link.
fn folder(root: &Path) -> Result<Metadata, Failure> {
    let meta = root.symlink_metadata().map_err(|e| system(root, &e))?;
    match kind(&meta) {
        "folder" => Ok(meta),
        "link" => {
            let to = root.read_link().map(|p| format!(" to `{}`", p.display())).unwrap_or_default();
            Err(invalid(format!(
                "`{}` is a link{to}, and links are not followed: give the folder itself",
                root.display()
            )))
        }
        _ => Err(invalid(format!("`{}` is no folder", root.display()))),
    }
}

/// Which entries are wanted.
struct Filter {
    kind: Option<String>,
    suffix: Option<String>,
    /// Milliseconds since 1970.
    before: Option<i64>,
    min_size: Option<u64>,
}

impl Filter {
    fn of(cx: Cx<'_>) -> Result<Self, Failure> {
        let kind = cx.args.text_or_none("kind")?;
        if let Some(k) = kind.filter(|k| !["file", "folder", "link", "other"].contains(k)) {
            return Err(invalid(format!("`kind` is `file`, `folder`, `link` or `other`, not `{}`", k.escape_debug())));
        }
        let age = cx.args.age_or_none("older_than")?;
        Ok(Self {
            kind: kind.map(str::to_owned),
            suffix: cx.args.text_or_none("suffix")?.map(str::to_owned),
            before: age.map(|a| super::super::now().saturating_sub(i64::try_from(a.as_millis()).unwrap_or(i64::MAX))),
            min_size: cx.args.size_or_none("min_size")?,
        })
    }

    fn takes(&self, path: &str, meta: &Metadata) -> bool {
        self.kind.as_deref().is_none_or(|k| k == kind(meta))
            && self.suffix.as_deref().is_none_or(|s| path.ends_with(s))
            && self.before.is_none_or(|t| modified(meta) < t)
            && self.min_size.is_none_or(|s| length(meta) >= s)
    }
}

/// `file.list`
pub async fn list(cx: Cx<'_>) -> Result<Value, Failure> {
    let (root, filter) = (path(cx, "path")?, Filter::of(cx)?);
    let bounds = Walk { recursive: cx.args.bool("recursive")?, entries: MAX_LISTED };
    let max = usize::try_from(cx.args.int("max", 1000, 0..=10_000)?).unwrap_or(0);
    work(cx, move |stop| {
        let mut found = Vec::new();
        let mut odd = Vec::new();
        let mut seen = walk(&root, bounds, stop, |path, meta| match path.to_str() {
            Some(text) if filter.takes(text, meta) => found.push((modified(meta), text.to_owned(), meta.clone())),
            Some(_) => {}
            // No later call could name it.
            None => odd.push(path.to_path_buf()),
        })?;
        odd.iter().for_each(|path| seen.unreadable(path));
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let more = found.len().saturating_sub(max);
        let entries = found.iter().take(max).map(|(_, path, meta)| entry(path, meta));
        Ok(Value::record([("entries", Value::list(entries)), ("more", count(more)), ("unreadable", seen.names())]))
    })
    .await
}

/// What a folder holds.
#[derive(Default)]
pub struct Total {
    pub size: u64,
    pub files: usize,
    pub folders: usize,
}

impl Total {
    /// Counts one entry.
    pub fn add(&mut self, meta: &Metadata) {
        self.size = self.size.saturating_add(length(meta));
        if meta.is_dir() { self.folders += 1 } else { self.files += 1 }
    }
}

/// `file.folder_size`
pub async fn folder_size(cx: Cx<'_>) -> Result<Value, Failure> {
    let root = path(cx, "path")?;
    work(cx, move |stop| {
        let mut total = Total::default();
        let seen = walk(&root, Walk { recursive: true, entries: MAX_COUNTED }, stop, |_, meta| total.add(meta))?;
        Ok(Value::record([
            ("size", bytes(total.size)),
            ("files", count(total.files)),
            ("folders", count(total.folders)),
            ("unreadable", seen.names()),
        ]))
    })
    .await
}
