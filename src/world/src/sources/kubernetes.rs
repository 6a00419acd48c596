//! `from stream kubernetes(…)`: the resources of a collection as they change.
//!
//! Listed once, page by page, then watched from the version of that list
//! (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). How far it was watched stands in our store; when the
//! cluster has forgotten what came since, it is listed again.

use std::collections::BTreeMap;
use std::time::Duration;

use rrb_engine::sink::{Fed, MAX_BATCH};
use rrb_lang::json::Json as Tree;
use rrb_lang::value::Value;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::http_lines::{BEGIN, End, Lines, at, request};
use super::source::{Args, Source, Stopped};

/// Resources of a page of the list, and pages of a list.
const PAGE: &str = "250";
const MAX_PAGES: usize = 10_000;

/// How long the API server is to keep a watch open, in seconds. It tells of bookmarks about once a minute; one that is silent for longer
/// than it was to be open is lost.
const OPEN: u64 = 240;
const SILENCE: Duration = Duration::from_secs(OPEN + 30);

/// A watch that ends sooner, and brought nothing, is a failure.
const SHORT: Duration = Duration::from_secs(5);

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let start = args.choice("begin")? == "start";
    let mut watch = Watch { source, args, of: digest(args) };
    let known = source.cursor().await?;
    let mut place = known.as_deref().and_then(|c| watch.place(c)).map(str::to_owned);
    // After the first time, what changed while it was not watched is brought by the list.
    let mut bring = start || known.is_some();
    loop {
        let from = match place.take() {
            Some(place) => place,
            None => watch.list(bring).await?,
        };
        bring = true;
        place = watch.follow(from).await?;
    }
}

/// What is watched, in short: a version of one collection means nothing in another.
fn digest(args: Args<'_>) -> String {
    let what = args.only(&["url", "query", "kubeconfig", "kubeconfig_context"]);
    let digest = Sha256::digest(format!("{what:?}").as_bytes());
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

struct Watch<'a> {
    source: &'a Source,
    args: Args<'a>,
    of: String,
}

/// What a line of a watch says.
enum Told {
    /// Something changed.
    Change(Fed, Option<String>),
    /// Nothing did, up to here.
    Bookmark(String),
    /// What comes behind the place that was asked for is forgotten.
    Gone,
}

impl Watch<'_> {
    /// The version in a cursor of ours, if it is one of this collection.
    fn place<'c>(&self, cursor: &'c str) -> Option<&'c str> {
        let (version, of) = cursor.split_once(' ')?;
        (of == self.of).then_some(version)
    }

    fn cursor(&self, version: &str) -> String {
        format!("{version} {}", self.of)
    }

    /// Brings all there is, if it is wanted, and gives the version from which to watch.
    async fn list(&mut self, bring: bool) -> Result<String, Stopped> {
        let mut next = String::new();
        for _ in 0..MAX_PAGES {
            let limit = if bring { PAGE } else { "1" };
            let mut more = vec![("limit", limit)];
            if !next.is_empty() {
                more.push(("continue", &next));
            }
            let mut asked = request(self.args, &more);
            asked.push(("max_reply".into(), Value::Size(16 << 20)));
            let reply = self.source.unless_stopped(self.source.web.ask(&asked, false)).await??;
            let Some(Value::Json(page)) = reply.field("json") else { return Err(odd()) };
            let page = Json::from(page);
            let version = at(&page, "metadata.resourceVersion").ok_or_else(odd)?;
            next = at(&page, "metadata.continue").unwrap_or_default();
            if !bring {
                next.clear();
            } else {
                self.bring_page(&page).await?;
            }
            if next.is_empty() {
                // Only now: a list that broke off is read again.
                self.source.bring_quietly(Some(self.cursor(&version))).await?;
                self.source.reading();
                return Ok(version);
            }
        }
        Err(Stopped::Failed(format!("the list has more than {MAX_PAGES} pages: watch less of it, by `query`")))
    }

    async fn bring_page(&self, page: &Json) -> Result<(), Stopped> {
        let items = page.get("items").and_then(Json::as_array).ok_or_else(odd)?;
        // The resources of a list do not say what they are; the list does.
        let kind = page.get("kind").and_then(Json::as_str).and_then(|k| k.strip_suffix("List")).unwrap_or_default();
        let version = page.get("apiVersion").cloned().unwrap_or_default();
        for items in items.chunks(MAX_BATCH) {
            let feds = items.iter().map(|item| {
                let mut object = json!({ "kind": kind, "apiVersion": version });
                if let (Some(object), Some(item)) = (object.as_object_mut(), item.as_object()) {
                    object.extend(item.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                fed("LISTED", &object)
            });
            self.source.bring(feds.collect(), None).await?;
        }
        Ok(())
    }

    /// Watches from a version until the watch ends; gives the version to go on from, none when all has to be listed again.
    async fn follow(&mut self, from: String) -> Result<Option<String>, Stopped> {
        let seconds = OPEN.to_string();
        let asked = request(
            self.args,
            &[
                ("watch", "1"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", &from),
                ("timeoutSeconds", &seconds),
            ],
        );
        let flow = self.source.unless_stopped(self.source.web.follow(&asked, BEGIN)).await??;
        if flow.status == 410 {
            return Ok(None);
        }
        self.source.reading();
        let began = tokio::time::Instant::now();
        let mut lines = Lines::new(flow.chunks, SILENCE);
        let mut version = from;
        let mut any = false;
        loop {
            let (found, end) = lines.gather(self.source).await?;
            any |= !found.is_empty();
            if !self.take(&found, &mut version).await? {
                return Ok(None);
            }
            match end {
                None => {}
                Some(End::Closed) if !any && began.elapsed() < SHORT => {
                    return Err(Stopped::Failed("the watch ended at once, without a word".to_owned()));
                }
                Some(End::Closed | End::Silent) => return Ok(Some(version)),
                Some(End::Broke(why)) => return Err(Stopped::Failed(why)),
            }
        }
    }

    /// Brings what lines say, with the version that they reach. Whether there is more to come.
    async fn take(&self, lines: &[Vec<u8>], version: &mut String) -> Result<bool, Stopped> {
        let (mut items, mut gone, mut reached) = (Vec::new(), false, version.clone());
        let mut failed = None;
        for line in lines.iter().filter(|l| !l.trim_ascii().is_empty()) {
            match told(line) {
                Ok(Told::Change(fed, at)) => {
                    items.push(fed);
                    reached = at.unwrap_or(reached);
                }
                Ok(Told::Bookmark(at)) => reached = at,
                Ok(Told::Gone) => {
                    gone = true;
                    break;
                }
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        if !items.is_empty() {
            self.source.bring(items, Some(self.cursor(&reached))).await?;
        } else if reached != *version {
            self.source.bring_quietly(Some(self.cursor(&reached))).await?;
        }
        *version = reached;
        failed.map_or(Ok(!gone), |why| Err(Stopped::Failed(why)))
    }
}

/// The delivery of a resource, known by itself and its version.
fn fed(kind: &str, object: &Json) -> Fed {
    let version = at(object, "metadata.resourceVersion");
    let position = at(object, "metadata.uid").zip(version).map(|(uid, version)| format!("{uid}/{version}"));
    let body = json!({ "type": kind, "object": object }).to_string().into_bytes();
    Fed { body, headers: BTreeMap::new(), position }
}

fn told(line: &[u8]) -> Result<Told, String> {
    // Through our own reader: numbers stay as they are written.
    let tree = rrb_lang::json::parse(line, rrb_lang::json::Bounds::default());
    let tree: Tree = tree.map_err(|why| format!("the watch says what is no JSON that can be read: {why}"))?;
    let line = Json::from(&tree);
    let object = line.get("object").cloned().unwrap_or_default();
    match line.get("type").and_then(Json::as_str) {
        Some(kind @ ("ADDED" | "MODIFIED" | "DELETED")) => {
            let version = at(&object, "metadata.resourceVersion");
            Ok(Told::Change(fed(kind, &object), version))
        }
        Some("BOOKMARK") => at(&object, "metadata.resourceVersion")
            .map(Told::Bookmark)
            .ok_or_else(|| "the watch has a bookmark without a version".to_owned()),
        Some("ERROR") if object.get("code").and_then(Json::as_i64) == Some(410) => Ok(Told::Gone),
        Some("ERROR") => {
            let why: String = at(&object, "message").unwrap_or_default().chars().take(300).collect();
            Err(format!("the watch failed: {why}"))
        }
        _ => Err("the watch says what no API server says: is `url` that of a collection?".to_owned()),
    }
}

fn odd() -> Stopped {
    Stopped::Failed(
        "what is at `url` is no list of Kubernetes: it is the address of a collection, such as `…/api/v1/events`"
            .to_owned(),
    )
}
