//! `from stream http_lines(…)`: the lines of a reply that does not end. How far they were read stands in our store, where the lines say it.

use std::collections::BTreeMap;
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::sink::{Fed, MAX_BATCH};
use rrb_lang::value::Value;
use smol_str::SmolStr;
use tokio::time::Instant;

use super::lines::{Format, Splitter};
use super::source::{Args, Source, Stopped};
use crate::flow::Chunks;

/// The longest line, in bytes. A longer one is taken as far as this, and says so.
pub(super) const MAX_LINE: usize = 4 << 20;

/// Bytes of lines that are written together.
const MAX_BYTES: usize = 8 << 20;

/// Lines wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(50);

/// How long the beginning of a reply may take.
pub(super) const BEGIN: Duration = Duration::from_secs(30);

/// A reply that ends sooner, and brought nothing, is a failure.
const SHORT: Duration = Duration::from_secs(5);

/// What a request takes of the arguments of a source.
pub(super) const REQUEST: [&str; 12] = [
    "url",
    "headers",
    "bearer",
    "basic_user",
    "basic_password",
    "ca_file",
    "ca",
    "client_cert",
    "client_key",
    "unix_socket",
    "kubeconfig",
    "kubeconfig_context",
];

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let (place, resume) = (args.text_or_none("place")?, args.text_or_none("resume")?);
    if place.is_some() != resume.is_some() {
        return Err(Stopped::Failed(
            "`place` and `resume` belong together: where a line holds its place, and which parameter takes it"
                .to_owned(),
        ));
    }
    let mut following = Following {
        source,
        args,
        format: Format::named(args.choice("format")?),
        place,
        silence: args.duration("silence")?,
        reached: match resume {
            Some(_) => source.cursor().await?,
            None => None,
        },
    };
    loop {
        following.reply(resume).await?;
    }
}

/// Lines that are followed from reply to reply.
struct Following<'a> {
    source: &'a Source,
    args: Args<'a>,
    format: Format,
    place: Option<&'a str>,
    silence: Duration,
    reached: Option<String>,
}

impl Following<'_> {
    /// Reads one reply to its end.
    async fn reply(&mut self, resume: Option<&str>) -> Result<(), Stopped> {
        let query = resume.zip(self.reached.as_deref());
        let asked = request(self.args, query.as_slice());
        let flow = self.source.unless_stopped(self.source.web.follow(&asked, BEGIN)).await??;
        if flow.status == 410 {
            let Some(place) = self.reached.take() else {
                return Err(Stopped::Failed("what `url` names is gone (410)".to_owned()));
            };
            self.source.report(SourceState::Failing {
                why: format!("what came behind `{place}` is gone (410): it is read on from what comes now"),
            });
            return Ok(());
        }
        let began = Instant::now();
        if self.reached.is_some() || resume.is_none() {
            self.source.reading();
        }
        let mut lines = Lines::new(flow.chunks, self.silence);
        let mut any = false;
        loop {
            let (found, end) = lines.gather(self.source).await?;
            any |= !found.is_empty();
            self.bring(found).await?;
            match end {
                None => {}
                Some(End::Closed) if !any && began.elapsed() < SHORT => {
                    return Err(Stopped::Failed("the reply ended at once, without a line".to_owned()));
                }
                Some(End::Closed | End::Silent) => return Ok(()),
                Some(End::Broke(why)) => return Err(Stopped::Failed(why)),
            }
        }
    }

    async fn bring(&mut self, lines: Vec<Vec<u8>>) -> Result<(), Stopped> {
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(path) = self.place {
            let last = lines.iter().rev().find_map(|line| at(&serde_json::from_slice(line).ok()?, path));
            self.reached = last.or(self.reached.take());
        }
        let items = lines.iter().filter_map(|line| fed(self.format, line)).collect();
        self.source.bring(items, self.reached.clone()).await
    }
}

/// The arguments of a request: those of the source, and these parameters.
pub(super) fn request(args: Args<'_>, more: &[(&str, &str)]) -> Vec<(SmolStr, Value)> {
    let mut asked = args.only(&REQUEST);
    let mut query = match args.only(&["query"]).pop() {
        Some((_, Value::Map(map))) => (*map).clone(),
        _ => Default::default(),
    };
    for (name, value) in more {
        query.insert(Value::text(*name), Value::text(*value));
    }
    asked.push(("query".into(), Value::Map(query.into())));
    asked
}

/// What stands at a path of names: a text, or a number as one.
pub(super) fn at(value: &serde_json::Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |v, name| v.get(name))?;
    match found {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The delivery of a line without its end; none for an empty one.
fn fed(format: Format, line: &[u8]) -> Option<Fed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let mut headers = BTreeMap::new();
    let kept = line.get(..MAX_LINE).unwrap_or(line);
    if kept.len() < line.len() {
        headers.insert("truncated".to_owned(), "true".to_owned());
    }
    let body = format.body(kept, &mut headers);
    Some(Fed { body, headers, position: None })
}

/// Why no more lines come.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// The other side ended the reply.
    Closed,
    /// Nothing came for too long.
    Silent,
    Broke(String),
}

/// A reply as lines.
pub(super) struct Lines {
    chunks: Box<dyn Chunks>,
    splitter: Splitter,
    silence: Duration,
    found: Vec<Vec<u8>>,
    end: Option<End>,
}

impl Lines {
    pub fn new(chunks: Box<dyn Chunks>, silence: Duration) -> Self {
        Self { chunks, splitter: Splitter::new(MAX_LINE), silence, found: Vec::new(), end: None }
    }

    /// Waits for lines, then a little longer for more of them, up to about a batch. Lines come before the end that stands behind them.
    pub async fn gather(&mut self, source: &Source) -> Result<(Vec<Vec<u8>>, Option<End>), Stopped> {
        let mut due = (!self.found.is_empty()).then(Instant::now);
        let mut bytes = 0;
        while self.end.is_none() && self.found.len() < MAX_BATCH && bytes < MAX_BYTES {
            let until = due.unwrap_or_else(|| Instant::now() + self.silence);
            let next = source.unless_stopped(tokio::time::timeout_at(until, self.chunks.next())).await?;
            match next {
                Err(_) if due.is_some() => break,
                Err(_) => self.end = Some(End::Silent),
                Ok(Err(failure)) => self.end = Some(End::Broke(failure.message.to_string())),
                Ok(Ok(None)) => {
                    let rest = self.splitter.rest();
                    self.found.extend((!rest.is_empty()).then_some(rest));
                    self.end = Some(End::Closed);
                }
                Ok(Ok(Some(chunk))) => {
                    bytes += chunk.len();
                    let found = &mut self.found;
                    self.splitter.push(&chunk, |line, _| found.push(line.to_vec()));
                }
            }
            if !self.found.is_empty() && due.is_none() {
                due = Some(Instant::now() + GATHER);
            }
        }
        let later = self.found.split_off(self.found.len().min(MAX_BATCH));
        let now = std::mem::replace(&mut self.found, later);
        // What did not fit into this batch comes first.
        let end = if self.found.is_empty() { self.end.take() } else { None };
        Ok((now, end))
    }
}
