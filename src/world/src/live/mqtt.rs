//! `mqtt.*`: messages over MQTT 5.

use std::time::Duration;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{Packet, PubAckReason, PublishProperties};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, PublishNoticeError, PublishOptions, PublishResult};

use super::Cx;
use super::broker::{access, answered, broke, headers, late, name, patience, payload};
use super::fail::invalid;
use crate::brokers::{Address, mqtt};

/// The longest message, in bytes.
const MAX_BYTES: usize = 1 << 20;

const TIMEOUT: Duration = Duration::from_secs(10);

/// `mqtt.publish`
pub async fn publish(cx: Cx<'_>) -> Result<Value, Failure> {
    let (address, topic) = (mqtt::address(cx.args.url("url")?)?, name(cx, "topic")?);
    if topic.contains(['+', '#']) {
        return Err(invalid(format!("`{topic}` is a filter: a message goes to one topic, without `+` and `#`")));
    }
    let payload = payload(cx, MAX_BYTES)?.unwrap_or_default();
    let user_properties = headers(cx)?.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let properties = PublishProperties { user_properties, ..PublishProperties::default() };
    let how = PublishOptions::new(QoS::AtLeastOnce).retain(cx.args.bool("retain")?).properties(properties);
    let (access, time) = (access(cx).await?, patience(cx, TIMEOUT)?);
    let mut sent = false;
    let all = async {
        let options = mqtt::options(&address, &access, &format!("rrb-{}", uuid::Uuid::new_v4().simple())).await?;
        let (client, mut events) = AsyncClient::builder(options).capacity(4).build();
        connected(&mut events).await.map_err(|e| mqtt::refused(&address, &e))?;
        sent = true;
        let queued = client.publish_tracked(topic, payload, how).await;
        let notice = queued.map_err(|_| invalid(format!("`{}` is no topic", topic.escape_debug())))?;
        let result = tokio::select! {
            biased;
            result = notice.wait_async() => result,
            e = drive(&mut events) => return Err(broke(mqtt::refused(&address, &e).message)),
        };
        goodbye(&client, &mut events).await;
        taken(&address, topic, result)
    };
    let done = tokio::time::timeout(time, all).await;
    done.unwrap_or_else(|_| Err(late(&format!("a message to `{topic}`"), time, sent)))
}

/// Waits until the broker has let us in.
async fn connected(events: &mut EventLoop) -> Result<(), ConnectionError> {
    loop {
        if let Event::Incoming(Packet::ConnAck(_)) = events.poll().await? {
            return Ok(());
        }
    }
}

/// Drives the connection until it breaks.
async fn drive(events: &mut EventLoop) -> ConnectionError {
    loop {
        if let Err(broke) = events.poll().await {
            return broke;
        }
    }
}

/// Ends the connection in order; what was published stands whether this succeeds or not.
async fn goodbye(client: &AsyncClient, events: &mut EventLoop) {
    if client.disconnect().await.is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(1), drive(events)).await;
    }
}

fn taken(address: &Address, topic: &str, result: Result<PublishResult, PublishNoticeError>) -> Result<Value, Failure> {
    let reason = match &result {
        Ok(PublishResult::Qos1(ack)) => ack.reason,
        Ok(_) => PubAckReason::Success,
        Err(PublishNoticeError::V5PubAck(reason)) => *reason,
        Err(PublishNoticeError::RetainNotSupported) => {
            return Err(invalid(format!("{address} keeps no last words: leave `retain` out")));
        }
        Err(other) => return Err(broke(format!("{address} has not said that it has the message: {other}"))),
    };
    let kind = match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
            let heard = reason == PubAckReason::Success;
            return Ok(Value::record([("heard", Value::Bool(heard))]));
        }
        PubAckReason::NotAuthorized => FailureKind::Forbidden,
        PubAckReason::QuotaExceeded => FailureKind::Throttled,
        PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid => FailureKind::Invalid,
        _ => FailureKind::Failed,
    };
    Err(answered(kind, format!("{address} does not take a message to `{topic}`: {reason:?}")))
}

#[cfg(test)]
#[path = "mqtt_tests.rs"]
mod tests;
