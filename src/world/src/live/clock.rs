//! `core.now`, `core.random`, `core.uuid` and `time.*`.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::Cx;
use super::fail::unavailable;

/// `core.now`, `time.now`
pub async fn now(_: Cx<'_>) -> Result<Value, Failure> {
    Ok(Value::Time(super::now()))
}

/// `core.random`: 53 random bits, as many as a Float between 0 and 1 holds.
pub async fn random(_: Cx<'_>) -> Result<Value, Failure> {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    let bits = low & ((1 << 53) - 1);
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
    Ok(Value::Float(bits as f64 / (1u64 << 53) as f64))
}

/// `core.uuid`
pub async fn uuid(_: Cx<'_>) -> Result<Value, Failure> {
    Ok(Value::text(uuid::Uuid::new_v4().to_string()))
}

/// `time.uptime`
pub async fn uptime(_: Cx<'_>) -> Result<Value, Failure> {
    let unknown = || unavailable("this machine does not say how long it has been up: `/proc/uptime` cannot be read");
    let text = tokio::fs::read_to_string("/proc/uptime").await.map_err(|_| unknown())?;
    let seconds = text.split_whitespace().next().and_then(|s| s.parse::<f64>().ok()).ok_or_else(unknown)?;
    #[allow(clippy::cast_possible_truncation, reason = "a float saturates, and no machine is up that long")]
    Ok(Value::Duration((seconds * 1000.0) as i64))
}

/// `time.zone`
pub async fn zone(_: Cx<'_>) -> Result<Value, Failure> {
    let name = super::blocking(|| Ok(jiff::tz::TimeZone::system().iana_name().map(str::to_owned))).await?;
    Ok(Value::text(name.unwrap_or_else(|| "UTC".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Call, done};
    use super::*;

    #[tokio::test]
    async fn clock_and_chance_give_what_they_declare() {
        let before = super::super::now();
        for name in ["core.now", "time.now"] {
            let Value::Time(at) = done(Call::new(name).perform().await) else { panic!() };
            assert!(at >= before && at <= super::super::now());
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let Value::Float(x) = done(Call::new("core.random").perform().await) else { panic!() };
            assert!((0.0..1.0).contains(&x));
            seen.insert(x.to_bits());
        }
        assert_eq!(seen.len(), 1000);
        let Value::Text(id) = done(Call::new("core.uuid").perform().await) else { panic!() };
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        assert!(matches!(done(Call::new("time.uptime").perform().await), Value::Duration(d) if d > 0));
        let Value::Text(zone) = done(Call::new("time.zone").perform().await) else { panic!() };
        assert!(jiff::tz::TimeZone::get(&zone).is_ok(), "{zone}");
    }
}
