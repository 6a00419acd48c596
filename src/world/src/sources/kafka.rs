//! `from stream kafka(…)`: the records of all partitions of a topic.
//!
//! How far each partition was read stands in our store, in the commit of the records: no consumer group is needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rrb_engine::api::SourceState;
use rrb_engine::sink::{Fed, MAX_BATCH};
use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::RecordAndOffset;
use tokio::task::JoinSet;

use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::brokers::chain;
use crate::brokers::kafka::{Cluster, answer};

/// How long one asking of a partition waits for a record.
const IDLE_MS: i32 = 1_000;

/// How long what fails is tried again before the source is said to fail.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked for new partitions.
const LOOK: Duration = Duration::from_secs(15);

/// Bytes that are fetched of all partitions together, and the least and most of one.
const MAX_BYTES: usize = 32 << 20;
const OF_ONE: (usize, usize) = (64 << 10, 4 << 20);

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let brokers = args.texts("brokers")?.into_iter().map(str::to_owned).collect();
    let cluster = Cluster { brokers, tls: args.bool("tls"), sasl: args.choice("sasl")?.to_owned() };
    let (topic, format) = (args.text("topic")?, Format::named(args.choice("format")?));
    let at_start = args.choice("begin")? == "start";
    let access = args.access(source).await?;
    let client = source.unless_stopped(cluster.connect(&access, PATIENCE)).await??;
    let places = source.cursor().await?.and_then(|c| serde_json::from_str(&c).ok());
    let mut reading = Reading { source, client, topic, format, places: BTreeMap::new(), fetches: JoinSet::new() };
    source.unless_stopped(reading.begin(places, at_start)).await??;
    source.bring(Vec::new(), Some(reading.cursor())).await?;
    source.reading();
    let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    loop {
        let fetched = tokio::select! {
            biased;
            () = source.stop.cancelled() => return Err(Stopped::Asked),
            _ = look.tick() => None,
            fetched = reading.fetches.join_next(), if !reading.fetches.is_empty() => fetched,
        };
        match fetched {
            Some(Ok(fetched)) => reading.take(fetched).await?,
            Some(Err(_)) => {
                return Err(Stopped::Failed("a partition was lost sight of; this is a defect of rrb".to_owned()));
            }
            None => source.unless_stopped(reading.notice_new()).await??,
        }
    }
}

/// What one asking of a partition brought.
struct Fetched {
    partition: Arc<PartitionClient>,
    /// Where it began.
    from: i64,
    records: Result<Vec<RecordAndOffset>, Error>,
}

/// A topic that is read.
struct Reading<'a> {
    source: &'a Source,
    client: Client,
    topic: &'a str,
    format: Format,
    /// The next offset of each partition.
    places: BTreeMap<i32, i64>,
    fetches: JoinSet<Fetched>,
}

impl Reading<'_> {
    fn cursor(&self) -> String {
        serde_json::to_string(&self.places).unwrap_or_default()
    }

    /// The partitions that the topic has now.
    async fn partitions(&self) -> Result<Vec<i32>, Stopped> {
        let topics = self.client.list_topics().await.map_err(|e| self.unread(&e))?;
        let found = topics.into_iter().find(|t| t.name == self.topic);
        let found = found.ok_or_else(|| format!("there is no topic `{}`, or it may not be seen", self.topic))?;
        Ok(found.partitions.into_iter().collect())
    }

    /// Begins to read each partition: where it was left, or at its start or end the first time.
    async fn begin(&mut self, places: Option<BTreeMap<i32, i64>>, at_start: bool) -> Result<(), Stopped> {
        let partitions = self.partitions().await?;
        for index in partitions {
            let partition = self.partition(index).await?;
            let place = match &places {
                None if at_start => self.offset(&partition, OffsetAt::Earliest).await?,
                None => self.offset(&partition, OffsetAt::Latest).await?,
                // A partition that came while rrb was down is new from its first record on.
                Some(places) => match places.get(&index) {
                    Some(place) => *place,
                    None => self.offset(&partition, OffsetAt::Earliest).await?,
                },
            };
            self.places.insert(index, place);
            self.fetch(partition, place);
        }
        Ok(())
    }

    /// Begins to read partitions that were not there before.
    async fn notice_new(&mut self) -> Result<(), Stopped> {
        for index in self.partitions().await? {
            if self.places.contains_key(&index) {
                continue;
            }
            let partition = self.partition(index).await?;
            let place = self.offset(&partition, OffsetAt::Earliest).await?;
            self.places.insert(index, place);
            self.fetch(partition, place);
        }
        Ok(())
    }

    async fn partition(&self, index: i32) -> Result<Arc<PartitionClient>, Stopped> {
        let made = self.client.partition_client(self.topic, index, UnknownTopicHandling::Error).await;
        made.map(Arc::new).map_err(|e| self.unread(&e))
    }

    async fn offset(&self, partition: &PartitionClient, at: OffsetAt) -> Result<i64, Stopped> {
        partition.get_offset(at).await.map_err(|e| self.unread(&e))
    }

    /// Asks a partition for what it has from `from` on.
    fn fetch(&mut self, partition: Arc<PartitionClient>, from: i64) {
        let most = (MAX_BYTES / self.places.len().max(1)).clamp(OF_ONE.0, OF_ONE.1);
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        self.fetches.spawn(async move {
            let records = partition.fetch_records(from, 1..most, IDLE_MS).await.map(|(records, _)| records);
            Fetched { partition, from, records }
        });
    }

    /// Takes what a partition gave, and asks it for more.
    async fn take(&mut self, fetched: Fetched) -> Result<(), Stopped> {
        let Fetched { partition, from, records } = fetched;
        let index = partition.partition();
        match records {
            Ok(records) => self.bring(index, records).await?,
            Err(e) if answer(&e) == Some(ProtocolError::OffsetOutOfRange) => {
                let place = self.source.unless_stopped(self.missed(&partition, from)).await??;
                self.places.insert(index, place);
                self.source.bring_quietly(Some(self.cursor())).await?;
            }
            Err(e) => return Err(self.unread(&e)),
        }
        let next = self.places.get(&index).copied().unwrap_or(from);
        self.fetch(partition, next);
        Ok(())
    }

    /// Hands records over, each batch with where the next one begins.
    async fn bring(&mut self, index: i32, records: Vec<RecordAndOffset>) -> Result<(), Stopped> {
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let mut items = Vec::new();
            while items.len() < MAX_BATCH
                && let Some(next) = records.next()
            {
                self.places.insert(index, next.offset.saturating_add(1));
                items.push(self.fed(index, &next));
            }
            self.source.bring(items, Some(self.cursor())).await?;
        }
        Ok(())
    }

    /// Where to go on when there is nothing at an offset: what was deleted is said to be missing.
    async fn missed(&self, partition: &PartitionClient, from: i64) -> Result<i64, Stopped> {
        let earliest = self.offset(partition, OffsetAt::Earliest).await?;
        let (topic, index) = (self.topic, partition.partition());
        let why = if from < earliest {
            format!("records {from} to {} of `{topic}`/{index} were deleted before they were read", earliest - 1)
        } else {
            format!("`{topic}`/{index} has no record {from}: it was made anew, and is read from its start")
        };
        self.source.report(SourceState::Failing { why });
        Ok(earliest)
    }

    fn fed(&self, index: i32, at: &RecordAndOffset) -> Fed {
        let RecordAndOffset { record, offset } = at;
        let mut message = Message::default();
        message.fact("topic", self.topic);
        message.fact("partition", index);
        message.fact("offset", offset);
        message.fact_if("key", record.key.as_deref().map(String::from_utf8_lossy));
        message.fact_if("timestamp", Timestamp::from_millisecond(record.timestamp.timestamp_millis()).ok());
        for (name, value) in &record.headers {
            message.header(name, value);
        }
        message.fed(self.format, record.value.as_deref(), None)
    }

    fn unread(&self, error: &Error) -> Stopped {
        let topic = self.topic;
        Stopped::Failed(match answer(error) {
            Some(ProtocolError::UnknownTopicOrPartition) => format!("there is no topic `{topic}`"),
            Some(ProtocolError::TopicAuthorizationFailed) => format!("the topic `{topic}` may not be read"),
            _ => format!("the topic `{topic}` cannot be read: {}", chain(error)),
        })
    }
}

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
