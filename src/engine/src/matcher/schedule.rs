//! When `every` and `at cron` fire. Nominal times are instants in UTC, so that a schedule and a nominal time name a firing for ever.

use std::str::FromStr;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rrb_lang::hir::{Trigger, TriggerKind};
use rrb_lang::ids::FnId;
use rrb_lang::syntax::ast::Missed;
use rrb_lang::vm::protocol::Millis;

/// A firing this late counts as missed.
pub const LATE_MS: i64 = 60_000;

/// When a trigger fires by the clock.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Names it across restarts: runbook and rule.
    pub key: String,
    /// The runbook's place in the program.
    pub runbook: usize,
    pub missed: Missed,
    /// Takes nothing, gives the parameters.
    pub with: FnId,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    /// At whole multiples since 1970-01-01T00:00:00Z.
    Every(i64),
    Cron(Calendar),
}

/// The times that a cron expression means in a time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    cron: Box<Cron>,
    zone: TimeZone,
}

impl Calendar {
    /// # Errors
    /// When the expression or the time zone is not known.
    pub fn new(cron: &str, zone: &str) -> Result<Self, String> {
        let in_zone = TimeZone::get(zone).map_err(|e| format!("the time zone `{zone}` is not known: {e}"))?;
        let parsed = Cron::from_str(cron).map_err(|e| format!("`{cron}` is no cron expression: {e}"))?;
        Ok(Self { cron: Box::new(parsed), zone: in_zone })
    }

    /// The first time after `after`.
    pub fn next(&self, after: Millis) -> Option<Millis> {
        let found = self.cron.find_next_occurrence(&zoned(after, &self.zone)?, false).ok()?;
        Some(found.timestamp().as_millisecond()).filter(|at| *at > after)
    }
}

impl Schedule {
    /// The schedule of a trigger; none when it is one on events.
    ///
    /// # Errors
    /// When the expression or the time zone is not known.
    pub fn new(name: &str, runbook: usize, trigger: &Trigger) -> Result<Option<Self>, String> {
        let (key, missed, with, rule) = match &trigger.kind {
            TriggerKind::Event { .. } | TriggerKind::Several(_) => return Ok(None),
            TriggerKind::Every { every_ms, missed, with } => (
                format!("{name} every {}", super::counters::shown(*every_ms)),
                *missed,
                *with,
                Rule::Every((*every_ms).max(1)),
            ),
            TriggerKind::Cron { cron, zone, missed, with } => {
                let zone_name = zone.as_deref().unwrap_or("UTC");
                let calendar = Calendar::new(cron, zone_name)?;
                (format!("{name} at {cron} in {zone_name}"), *missed, *with, Rule::Cron(calendar))
            }
        };
        Ok(Some(Self { key, runbook, missed, with, rule }))
    }

    /// The first nominal time after `after`.
    pub fn next(&self, after: Millis) -> Option<Millis> {
        match &self.rule {
            Rule::Every(ms) => after.div_euclid(*ms).checked_add(1)?.checked_mul(*ms),
            Rule::Cron(calendar) => calendar.next(after),
        }
    }

    /// The last nominal time after `after` and not after `until`.
    pub fn last(&self, after: Millis, until: Millis) -> Option<Millis> {
        match &self.rule {
            Rule::Every(ms) => Some(until.div_euclid(*ms).checked_mul(*ms)?).filter(|at| *at > after),
            Rule::Cron(..) => {
                // Looking back over a change of the clocks is where calendars disagree, so it is walked forward from close by.
                let mut last = None;
                for back in [3_600_000_i64 * 3, 86_400_000 * 2, 86_400_000 * 40, 86_400_000 * 366 * 9] {
                    let mut at = after.max(until.saturating_sub(back));
                    while let Some(next) = self.next(at).filter(|n| *n <= until) {
                        last = Some(next);
                        at = next;
                    }
                    if last.is_some() || at == after {
                        break;
                    }
                }
                last
            }
        }
    }
}

fn zoned(at: Millis, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(at).ok()?.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::span::{FileId, Span};

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn span() -> Span {
        Span { file: FileId(0), start: 0, end: 0 }
    }

    fn cron(text: &str, zone: &str) -> Schedule {
        let (cron, zone) = (text.into(), Some(zone.into()));
        let kind = TriggerKind::Cron { cron, zone, missed: Missed::Skip, with: FnId(0) };
        Schedule::new("r", 0, &Trigger { kind, span: span() }).unwrap().unwrap()
    }

    fn times(schedule: &Schedule, from: &str, until: &str) -> Vec<String> {
        let (mut now, until) = (at(from), at(until));
        let mut found = Vec::new();
        while let Some(next) = schedule.next(now).filter(|n| *n <= until) {
            found.push(Timestamp::from_millisecond(next).unwrap().to_string());
            now = next;
        }
        found
    }

    #[test]
    fn a_time_that_the_clocks_skip_fires_once_after_the_gap() {
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        let found = times(&nightly, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn a_time_that_comes_twice_fires_once() {
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        let found = times(&nightly, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn every_quarter_of_an_hour_goes_through_a_change_of_the_clocks() {
        let often = cron("*/15 * * * *", "Europe/Berlin");
        for day in ["2026-03-29", "2026-10-25"] {
            let found = times(&often, &format!("{day}T00:00:00Z"), &format!("{day}T03:00:00Z"));
            assert_eq!(found.len(), 12, "{day}: {found:?}");
        }
    }

    #[test]
    fn the_last_time_is_found_from_far_away() {
        let yearly = cron("0 0 1 1 *", "UTC");
        assert_eq!(yearly.last(0, at("2026-11-22T00:00:00Z")), Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(yearly.last(at("2026-01-01T00:00:00Z"), at("2026-11-22T00:00:00Z")), None);
        let leap = cron("0 0 29 2 *", "UTC");
        assert_eq!(leap.last(0, at("2031-11-22T00:00:00Z")), Some(at("2028-02-29T00:00:00Z")));
        let minutely = cron("* * * * *", "UTC");
        let until = at("2026-11-22T00:00:30Z");
        assert_eq!(minutely.last(0, until), Some(at("2026-11-22T00:00:00Z")));
    }

    #[test]
    fn every_is_aligned_to_the_epoch() {
        let kind = TriggerKind::Every { every_ms: 300_000, missed: Missed::RunOnce, with: FnId(0) };
        let schedule = Schedule::new("r", 0, &Trigger { kind, span: span() }).unwrap().unwrap();
        assert_eq!(schedule.next(0), Some(300_000));
        assert_eq!(schedule.next(299_999), Some(300_000));
        assert_eq!(schedule.next(300_000), Some(600_000));
        assert_eq!(schedule.last(0, 299_999), None);
        assert_eq!(schedule.last(300_000, 899_999), Some(600_000));
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for (text, zone, why) in
            [("61 * * * *", "UTC", "no cron expression"), ("0 3 * * *", "Mars/Olympus", "not known")]
        {
            let kind =
                TriggerKind::Cron { cron: text.into(), zone: Some(zone.into()), missed: Missed::Skip, with: FnId(0) };
            let error = Schedule::new("r", 0, &Trigger { kind, span: span() }).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
