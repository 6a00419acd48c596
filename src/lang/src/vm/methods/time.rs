//! Times, in zones of the bundled database: the core reads no file.

use std::cmp::Ordering;
use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};

use super::number::{clamp, pick};
use super::{MethodFn, calendar, checked_text};
use crate::value::Value;
use crate::vm::failure::{invalid, mistyped};
use crate::vm::ops::overflow;
use crate::vm::protocol::Failure;

fn zone(name: &str) -> Result<TimeZone, Box<Failure>> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES
        .get_or_init(TimeZoneDatabase::bundled)
        .get(name)
        .map_err(|_| invalid(format!("there is no time zone `{name}`; write one as `Europe/Berlin` or `UTC`")))
}

pub(super) fn zoned(ms: i64, name: &str) -> Result<Zoned, Box<Failure>> {
    let at = Timestamp::from_millisecond(ms).map_err(|_| overflow())?;
    Ok(at.to_zoned(zone(name)?))
}

pub(super) fn zone_argument(arg: Option<&Value>) -> &str {
    arg.and_then(Value::as_text).unwrap_or("UTC")
}

pub(super) fn find(name: &str) -> Option<MethodFn> {
    Some(match name {
        "unix" => |a| match a {
            [Value::Time(ms)] => Ok(Value::Float(*ms as f64 / 1e3)),
            _ => mistyped("unix", a),
        },
        "format" => |a| match (a.first(), a.get(1), a.get(2)) {
            (Some(Value::Time(ms)), Some(Value::Text(pattern)), z) => {
                let at = zoned(*ms, zone_argument(z))?;
                match jiff::fmt::strtime::format(pattern.as_str(), &at) {
                    Ok(text) => checked_text(text),
                    Err(e) => Err(invalid(format!("`{pattern}` is no pattern for a time: {e}"))),
                }
            }
            _ => mistyped("format", a),
        },
        "in_zone" => |a| match a {
            [Value::Time(ms), Value::Text(name)] => {
                let at = zoned(*ms, name)?;
                let number = |n: i8| Value::Int(i64::from(n));
                Ok(Value::record([
                    ("year", Value::Int(i64::from(at.year()))),
                    ("month", number(at.month())),
                    ("day", number(at.day())),
                    ("hour", number(at.hour())),
                    ("minute", number(at.minute())),
                    ("second", number(at.second())),
                    ("weekday", Value::text(weekday(&at))),
                    ("week", number(at.date().iso_week_date().week())),
                    ("day_of_year", Value::Int(i64::from(at.day_of_year()))),
                ]))
            }
            _ => mistyped("in_zone", a),
        },
        "min" => |a| pick(a, Ordering::Less),
        "max" => |a| pick(a, Ordering::Greater),
        "clamp" => clamp,
        _ => return calendar::find(name),
    })
}

pub(super) fn weekday(at: &Zoned) -> &'static str {
    use jiff::civil::Weekday;
    match at.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}
