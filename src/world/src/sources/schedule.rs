//! `from schedule(…)`: the time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rrb_engine::matcher::schedule::Calendar;
use rrb_engine::sink::Fed;

use super::source::{Args, Source, Stopped};

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let calendar = Calendar::new(args.text("cron")?, args.text("zone")?)?;
    let mut last = source.clock.now();
    loop {
        let Some(next) = calendar.next(last) else {
            return Err(Stopped::Failed("it means no time that is to come".to_owned()));
        };
        source.unless_stopped(source.clock.sleep_until(next)).await?;
        let at = Timestamp::from_millisecond(next).map_err(|e| e.to_string())?.to_string();
        let body = serde_json::json!({ "at": at }).to_string().into_bytes();
        source.bring(vec![Fed { body, headers: BTreeMap::new(), position: Some(at) }], None).await?;
        // After a sleep of the machine, what passed meanwhile is left out.
        last = source.clock.now().max(next);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rrb_engine::clock::manual::ManualClock;
    use rrb_lang::value::Value;

    use super::super::Sources;
    use super::super::testing::{Basket, Nowhere, feed};

    /// 2026-03-29T00:59:30Z, half a minute before the clocks of Berlin skip an hour.
    const T0: i64 = 1_774_745_970_000;

    async fn begun(cron: &str, zone: &str) -> (Arc<Basket>, Arc<ManualClock>, Sources) {
        let (basket, clock) = (Arc::new(Basket::default()), Arc::new(ManualClock::at(T0)));
        let sources = Sources::new(basket.clone(), clock.clone(), Arc::new(Nowhere), Arc::new(Nowhere));
        sources.set(vec![feed("schedule", &[("cron", Value::Cron(cron.into())), ("zone", Value::text(zone))])]).await;
        basket.until("it is read", |kept| !kept.states.is_empty()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        (basket, clock, sources)
    }

    #[tokio::test]
    async fn each_moment_comes_once_and_what_was_slept_through_is_left_out() {
        let (basket, clock, sources) = begun("*/30 * * * *", "UTC").await;
        assert!(basket.bodies().is_empty());
        clock.advance(30_000);
        basket.holds(&[r#"{"at":"2026-03-29T01:00:00Z"}"#]).await;
        assert_eq!(basket.lock().items[0].position.as_deref(), Some("2026-03-29T01:00:00Z"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        clock.advance(3 * 3_600_000 + 60_000);
        basket.holds(&[r#"{"at":"2026-03-29T01:00:00Z"}"#, r#"{"at":"2026-03-29T01:30:00Z"}"#]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        clock.advance(29 * 60_000);
        basket.until("the next one", |kept| kept.items.len() == 3).await;
        assert_eq!(basket.bodies()[2], r#"{"at":"2026-03-29T04:30:00Z"}"#);
        sources.stop().await;
    }

    #[tokio::test]
    async fn a_moment_that_the_clocks_skip_comes_after_the_gap() {
        let (basket, clock, sources) = begun("15 2 29 3 *", "Europe/Berlin").await;
        clock.advance(3_600_000);
        basket.holds(&[r#"{"at":"2026-03-29T01:00:00Z"}"#]).await;
        sources.stop().await;
    }

    #[tokio::test]
    async fn a_zone_or_a_time_that_there_is_not_is_said() {
        for (cron, zone, why) in [
            ("0 * * * *", "Europe/Atlantis", "the time zone `Europe/Atlantis` is not known"),
            ("0 0 31 2 *", "UTC", "no time that is to come"),
        ] {
            let (basket, _, sources) = begun(cron, zone).await;
            basket.fails(why).await;
            sources.stop().await;
        }
    }
}
