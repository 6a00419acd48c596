//! Times on calendars and clocks of zones, and cron expressions.

use std::str::FromStr;

use jiff::civil::Time as Clock;
use jiff::{Span, Zoned};

use super::time::{weekday, zone_argument, zoned};
use super::{MethodFn, checked_text};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops::overflow;
use crate::vm::protocol::Failure;

/// The receiver on the calendar of the zone in the last argument, which is the `at`-th.
fn there(a: &[Value], at: usize) -> Result<Zoned, Box<Failure>> {
    match a.first() {
        Some(Value::Time(ms)) => zoned(*ms, zone_argument(a.get(at))),
        _ => Err(invalid("a time was expected; this is a defect of rrb")),
    }
}

fn back(at: Zoned) -> Res {
    Ok(Value::Time(at.timestamp().as_millisecond()))
}

fn midnight(at: &Zoned) -> Res {
    back(at.start_of_day().map_err(|_| overflow())?)
}

/// `09:00` as a time of day.
fn clock(text: &str) -> Result<Clock, Box<Failure>> {
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let two = |t: &str| (t.len() == 2).then(|| t.parse::<i8>().ok()).flatten();
        Clock::new(two(hour)?, two(minute)?, 0, 0).ok()
    });
    parsed.ok_or_else(|| invalid(format!("`{text}` is no time of day; write one as `09:00`")))
}

fn moved(a: &[Value], span: fn(i64) -> Option<Span>) -> Res {
    let Some(Value::Int(n)) = a.get(1) else { return mistyped("add_days", a) };
    let span = span(*n).ok_or_else(overflow)?;
    back(there(a, 2)?.checked_add(span).map_err(|_| overflow())?)
}

pub(super) fn find(name: &str) -> Option<MethodFn> {
    Some(match name {
        "unix_milliseconds" => |a| match a {
            [Value::Time(ms)] => Ok(Value::Int(*ms)),
            _ => mistyped("unix_milliseconds", a),
        },
        "date" => |a| checked_text(there(a, 1)?.date().to_string()),
        "weekday" => |a| Ok(Value::text(weekday(&there(a, 1)?))),
        "is_weekend" => |a| Ok(Value::Bool(there(a, 1)?.weekday().to_monday_zero_offset() >= 5)),
        "is_between" => |a| match (a.get(1), a.get(2)) {
            (Some(Value::Text(start)), Some(Value::Text(end))) => {
                let (now, start, end) = (there(a, 3)?.time(), clock(start)?, clock(end)?);
                Ok(Value::Bool(if start <= end { start <= now && now < end } else { start <= now || now < end }))
            }
            _ => mistyped("is_between", a),
        },
        "add_days" => |a| moved(a, |n| Span::new().try_days(n).ok()),
        "add_months" => |a| moved(a, |n| Span::new().try_months(n).ok()),
        "start_of_day" => |a| midnight(&there(a, 1)?),
        "start_of_week" => |a| {
            let at = there(a, 1)?;
            let days = i64::from(at.weekday().to_monday_zero_offset());
            midnight(&at.checked_sub(Span::new().days(days)).map_err(|_| overflow())?)
        },
        "start_of_month" => |a| midnight(&there(a, 1)?.first_of_month().map_err(|_| overflow())?),
        _ => return None,
    })
}

pub(super) fn cron(name: &str) -> Option<MethodFn> {
    fn parsed(a: &[Value]) -> Result<croner::Cron, Box<Failure>> {
        let Some(Value::Cron(text)) = a.first() else {
            return Err(invalid("a cron expression was expected; this is a defect of rrb"));
        };
        croner::Cron::from_str(text).map_err(|e| invalid(format!("`{text}` is no cron expression: {e}")))
    }
    Some(match name {
        "source" => |a| match a {
            [Value::Cron(text)] => Ok(Value::Text(text.clone())),
            _ => mistyped("source", a),
        },
        "next" => |a| {
            let found = parsed(a)?.find_next_occurrence(&there(a.get(1..).unwrap_or_default(), 1)?, false);
            found.map_or(Ok(Value::None), back)
        },
        "matches" => |a| {
            let at = there(a.get(1..).unwrap_or_default(), 1)?;
            let minute = at.with().second(0).subsec_nanosecond(0).build().map_err(|_| overflow())?;
            Ok(Value::Bool(parsed(a)?.is_time_matching(&minute).unwrap_or(false)))
        },
        _ => return None,
    })
}
