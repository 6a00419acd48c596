//! `kafka.*`: records in Kafka.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use rskafka::chrono::DateTime;
use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, UnknownTopicHandling};
use rskafka::record::Record;

use super::Cx;
use super::broker::{access, answered, broke, headers, late, name, patience, payload};
use super::fail::{not_found, unavailable};
use crate::brokers::chain;
use crate::brokers::kafka::{Cluster, answer};

/// The longest record, in bytes; a topic may allow less.
const MAX_BYTES: usize = 16 << 20;

const TIMEOUT: Duration = Duration::from_secs(30);

/// `kafka.produce`
pub async fn produce(cx: Cx<'_>) -> Result<Value, Failure> {
    let (topic, key) = (name(cx, "topic")?, cx.args.text_or_none("key")?);
    let value = payload(cx, MAX_BYTES)?;
    let headers = headers(cx)?.into_iter().map(|(n, v)| (n.to_owned(), v.as_bytes().to_vec())).collect();
    let wanted = match cx.args.get("partition") {
        None => None,
        Some(_) => Some(cx.args.int("partition", 0, 0..=i64::from(i32::MAX))?),
    };
    let record = Record { key: key.map(|k| k.as_bytes().to_vec()), value, headers, timestamp: now() };
    let mut sent = false;
    let all = async {
        let client = connect(cx).await?;
        let partitions = indexes(&client, topic).await?;
        let index = match wanted {
            Some(wanted) => *partitions
                .iter()
                .find(|p| i64::from(**p) == wanted)
                .ok_or_else(|| not_found(format!("`{topic}` has no partition {wanted}, but {}", partitions.len())))?,
            None => choose(&partitions, key).ok_or_else(|| not_found(format!("`{topic}` has no partition")))?,
        };
        let partition = client.partition_client(topic, index, UnknownTopicHandling::Error).await;
        let partition = partition.map_err(|e| unread(topic, &e))?;
        // Finds the leader and connects to it, so that what fails here did not happen.
        partition.get_offset(OffsetAt::Latest).await.map_err(|e| unread(topic, &e))?;
        sent = true;
        let written = partition.produce(vec![record], Compression::NoCompression).await;
        let offset = written.map_err(|e| unwritten(topic, &e))?.first().copied().unwrap_or(-1);
        Ok(Value::record([("partition", Value::Int(index.into())), ("offset", Value::Int(offset))]))
    };
    let time = patience(cx, TIMEOUT)?;
    let done = tokio::time::timeout(time, all).await;
    done.unwrap_or_else(|_| Err(late(&format!("a record for `{topic}`"), time, sent)))
}

/// `kafka.partitions`
pub async fn partitions(cx: Cx<'_>) -> Result<Value, Failure> {
    let topic = name(cx, "topic")?;
    let all = async {
        let client = connect(cx).await?;
        let mut found = Vec::new();
        for index in indexes(&client, topic).await? {
            let partition = client.partition_client(topic, index, UnknownTopicHandling::Error).await;
            let partition = partition.map_err(|e| unread(topic, &e))?;
            let earliest = partition.get_offset(OffsetAt::Earliest).await.map_err(|e| unread(topic, &e))?;
            let latest = partition.get_offset(OffsetAt::Latest).await.map_err(|e| unread(topic, &e))?;
            found.push(Value::record([
                ("partition", Value::Int(index.into())),
                ("earliest", Value::Int(earliest)),
                ("latest", Value::Int(latest)),
            ]));
        }
        Ok(Value::list(found))
    };
    in_time(cx, &format!("a look at `{topic}`"), all).await
}

/// `kafka.topics`
pub async fn topics(cx: Cx<'_>) -> Result<Value, Failure> {
    let all = async {
        let topics = connect(cx).await?.list_topics().await;
        let topics = topics.map_err(|e| unavailable(format!("the topics cannot be read: {}", chain(&e))))?;
        let mut names: Vec<String> = topics.into_iter().map(|t| t.name).collect();
        names.sort();
        Ok(Value::list(names.into_iter().map(Value::text)))
    };
    in_time(cx, "a look at the topics", all).await
}

async fn in_time(cx: Cx<'_>, what: &str, all: impl Future<Output = Result<Value, Failure>>) -> Result<Value, Failure> {
    let time = patience(cx, TIMEOUT)?;
    tokio::time::timeout(time, all).await.unwrap_or_else(|_| Err(late(what, time, false)))
}

/// Connects; nothing is tried twice, so that no record is written twice.
async fn connect(cx: Cx<'_>) -> Result<Client, Failure> {
    let brokers = cx.args.texts("brokers")?.into_iter().map(str::to_owned).collect();
    let sasl = cx.args.text_or_none("sasl")?.unwrap_or("plain").to_owned();
    let cluster = Cluster { brokers, tls: cx.args.bool("tls")?, sasl };
    cluster.connect(&access(cx).await?, Duration::ZERO).await
}

/// The partitions of a topic, in order.
async fn indexes(client: &Client, topic: &str) -> Result<Vec<i32>, Failure> {
    let topics = client.list_topics().await;
    let topics = topics.map_err(|e| unavailable(format!("the topics cannot be read: {}", chain(&e))))?;
    let found = topics.into_iter().find(|t| t.name == topic);
    let found = found.ok_or_else(|| not_found(format!("there is no topic `{topic}`, or it may not be seen")))?;
    Ok(found.partitions.into_iter().collect())
}

fn now() -> DateTime<rskafka::chrono::Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_timestamp_millis(i64::try_from(since.as_millis()).unwrap_or_default()).unwrap_or_default()
}

/// The partition that Kafka's own clients choose for a key; any without one.
fn choose(partitions: &[i32], key: Option<&str>) -> Option<i32> {
    let count = u32::try_from(partitions.len()).ok().filter(|n| *n > 0)?;
    let number = match key {
        Some(key) => murmur2(key.as_bytes()) & 0x7fff_ffff,
        None => u32::try_from(uuid::Uuid::new_v4().as_u128() & 0x7fff_ffff).unwrap_or_default(),
    };
    partitions.get(usize::try_from(number % count).ok()?).copied()
}

/// MurmurHash2 with the seed that Kafka uses.
/// https://kafka.apache.org/documentation/#producerconfigs_partitioner.class
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = chunk.iter().rev().fold(0_u32, |k, b| (k << 8) | u32::from(*b)).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        h ^= rest.iter().rev().fold(0_u32, |k, b| (k << 8) | u32::from(*b));
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

fn unread(topic: &str, error: &Error) -> Failure {
    match answer(error) {
        Some(ProtocolError::UnknownTopicOrPartition) => not_found(format!("there is no topic `{topic}`")),
        Some(ProtocolError::TopicAuthorizationFailed) => {
            Failure::new(FailureKind::Forbidden, format!("the topic `{topic}` may not be used")).happened(Happened::No)
        }
        _ => unavailable(format!("the topic `{topic}` cannot be read: {}", chain(error))),
    }
}

/// What became of a record that was sent.
fn unwritten(topic: &str, error: &Error) -> Failure {
    let said = format!("the record for `{topic}` is not known to be written: {}", chain(error));
    match answer(error) {
        // It may stand in the log although not enough replicas have it.
        Some(ProtocolError::NotEnoughReplicasAfterAppend | ProtocolError::RequestTimedOut) => broke(said),
        Some(ProtocolError::TopicAuthorizationFailed | ProtocolError::ClusterAuthorizationFailed) => {
            answered(FailureKind::Forbidden, format!("the topic `{topic}` may not be written to"))
        }
        Some(ProtocolError::MessageTooLarge | ProtocolError::RecordListTooLarge) => {
            answered(FailureKind::Invalid, format!("the record is longer than `{topic}` allows"))
        }
        Some(ProtocolError::InvalidRecord) => answered(FailureKind::Invalid, said),
        Some(ProtocolError::UnknownTopicOrPartition) => not_found(format!("there is no topic `{topic}`")),
        Some(ProtocolError::ThrottlingQuotaExceeded) => answered(FailureKind::Throttled, said),
        Some(
            ProtocolError::NotLeaderOrFollower
            | ProtocolError::LeaderNotAvailable
            | ProtocolError::NotEnoughReplicas
            | ProtocolError::ReplicaNotAvailable
            | ProtocolError::KafkaStorageError,
        ) => unavailable(said),
        Some(_) => answered(FailureKind::Failed, said),
        None => broke(said),
    }
}

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
