//! `from stream redis(…)`: the entries of a stream.
//!
//! How far it was read stands in our store, in the commit of the entries: no consumer group is needed, and nothing is acknowledged.

use std::time::Duration;

use redis::streams::{StreamId, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands as _, RedisError, Value};
use rrb_engine::api::SourceState;
use rrb_engine::sink::{Fed, MAX_BATCH};

use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::brokers::redis::Connection;
use crate::brokers::{chain, redis as broker};

/// How long one asking waits for an entry, and longest for its answer.
const IDLE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// Where an entry stands: `1700000000000-0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Place(u64, u64);

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Some(Self(time.parse().ok()?, number.parse().ok()?))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let address = broker::address(args.text("url")?)?;
    let (stream, format) = (args.text("stream")?, Format::named(args.choice("format")?));
    let (field, begin) = (args.text_or_none("field")?, args.choice("begin")?);
    if field.is_none() && format == Format::Json {
        return Err(Stopped::Failed(
            "an entry is a record of texts: `format: \"json\"` needs the `field` that holds the JSON".to_owned(),
        ));
    }
    let access = args.access(source).await?;
    let connection = source.unless_stopped(broker::connect(&address, &access, PATIENCE)).await??;
    let mut reading = Reading { source, stream, format, field, connection, place: Place::default(), missed: false };
    let known = source.cursor().await?.and_then(|c| Place::parse(&c));
    reading.place = source.unless_stopped(reading.begin(known, begin)).await??;
    if known != Some(reading.place) {
        // Before the first entry: what comes while rrb is down counts already.
        source.bring_quietly(Some(reading.place.to_string())).await?;
    }
    if !reading.missed {
        source.reading();
    }
    loop {
        reading.batch().await?;
    }
}

/// What Redis says of a stream.
#[derive(Debug, Default)]
struct Facts {
    last: Place,
    first: Option<Place>,
    /// The latest of the entries that were deleted; zero in servers before 7.0, which do not tell.
    deleted: Place,
}

/// A stream that is read.
struct Reading<'a> {
    source: &'a Source,
    stream: &'a str,
    format: Format,
    field: Option<&'a str>,
    connection: Connection,
    /// The last entry that was taken.
    place: Place,
    /// Whether entries were deleted before they were read; said until the next one comes.
    missed: bool,
}

impl Reading<'_> {
    /// Where to go on.
    async fn begin(&mut self, known: Option<Place>, begin: &str) -> Result<Place, Stopped> {
        let facts = self.facts().await?;
        let stream = self.stream;
        match known {
            None if begin == "start" => Ok(Place::default()),
            None => Ok(facts.map(|f| f.last).unwrap_or_default()),
            Some(place) => {
                let facts = facts.unwrap_or_default();
                if facts.last < place {
                    self.gap(format!("`{stream}` was made anew: it is read from its start"));
                    return Ok(Place::default());
                }
                if facts.deleted > place {
                    let to = facts.deleted;
                    self.gap(format!(
                        "entries of `{stream}` between {place} and {to} were deleted before they were read"
                    ));
                } else if facts.first.is_some_and(|first| first > place)
                    && facts.deleted != place
                    && place != Place::default()
                {
                    // A stream is trimmed at its old end, and does not tell how far.
                    self.gap(format!(
                        "entries of `{stream}` behind {place} may have been trimmed before they were read"
                    ));
                }
                Ok(place)
            }
        }
    }

    /// Says that something is missing, and goes on.
    fn gap(&mut self, why: String) {
        self.missed = true;
        self.source.report(SourceState::Failing { why });
    }

    /// What is known of the stream; none when there is none yet.
    async fn facts(&mut self) -> Result<Option<Facts>, Stopped> {
        let asked: Result<Value, RedisError> =
            redis::cmd("XINFO").arg("STREAM").arg(self.stream).query_async(&mut self.connection.commands).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(e) if e.to_string().contains("no such key") => return Ok(None),
            Err(e) => return Err(self.unread(&e)),
        };
        let mut facts = Facts::default();
        for (name, value) in answer.into_map_iter().map_err(|_| self.odd())? {
            let place = || redis::from_redis_value::<String>(value.clone()).ok().and_then(|v| Place::parse(&v));
            match redis::from_redis_value::<String>(name).unwrap_or_default().as_str() {
                "last-generated-id" => facts.last = place().unwrap_or_default(),
                "first-entry" => {
                    facts.first =
                        redis::from_redis_value::<(String, Value)>(value).ok().and_then(|(id, _)| Place::parse(&id))
                }
                "max-deleted-entry-id" => facts.deleted = place().unwrap_or_default(),
                _ => {}
            }
        }
        Ok(Some(facts))
    }

    /// Takes the entries behind the last one, up to a batch.
    async fn batch(&mut self) -> Result<(), Stopped> {
        let wait = usize::try_from(IDLE.as_millis()).unwrap_or(usize::MAX);
        let options = StreamReadOptions::default().count(MAX_BATCH).block(wait);
        let (streams, after) = ([self.stream], [self.place.to_string()]);
        let asked = self.connection.commands.xread_options(&streams, &after, &options);
        let reply: Result<Option<StreamReadReply>, RedisError> = self.source.unless_stopped(asked).await?;
        let Some(reply) = reply.map_err(|e| self.unread(&e))? else { return Ok(()) };
        let mut items = Vec::new();
        let mut place = self.place;
        for entry in reply.keys.iter().flat_map(|key| &key.ids) {
            let at = Place::parse(&entry.id).ok_or_else(|| self.odd())?;
            place = place.max(at);
            items.push(self.fed(entry));
        }
        if items.is_empty() {
            return Ok(());
        }
        self.source.bring(items, Some(place.to_string())).await?;
        self.place = place;
        Ok(())
    }

    fn fed(&self, entry: &StreamId) -> Fed {
        let mut message = Message::default();
        message.fact("stream", self.stream);
        message.fact("id", &entry.id);
        if let Some(field) = self.field {
            for (name, value) in entry.map.iter().filter(|(name, _)| *name != field) {
                message.header(name, &bytes(value));
            }
            return message.fed(self.format, entry.map.get(field).map(bytes).as_deref(), None);
        }
        let mut names: Vec<&String> = entry.map.keys().collect();
        names.sort();
        let text = |name: &String| entry.map.get(name).map(bytes).unwrap_or_default();
        let record: serde_json::Map<String, serde_json::Value> = names
            .into_iter()
            .map(|name| (name.clone(), String::from_utf8_lossy(&text(name)).into_owned().into()))
            .collect();
        let record = serde_json::Value::from(record).to_string();
        message.fed(Format::Json, Some(record.as_bytes()), None)
    }

    fn unread(&self, error: &RedisError) -> Stopped {
        let stream = self.stream;
        Stopped::Failed(match error.code() {
            Some("WRONGTYPE") => format!("`{stream}` is no stream"),
            Some("NOPERM") => format!("the stream `{stream}` may not be read: its user needs `XREAD` and `XINFO`"),
            _ => format!("the stream `{stream}` cannot be read: {}", chain(error)),
        })
    }

    fn odd(&self) -> Stopped {
        Stopped::Failed(format!("the server answers about `{}` what no Redis does", self.stream))
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    redis::from_redis_value::<Vec<u8>>(value.clone()).unwrap_or_default()
}

#[cfg(test)]
#[path = "redis_tests.rs"]
mod tests;
