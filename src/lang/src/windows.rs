//! Spans of time that come again: `weekly("Fri 17:00" to "Mon 07:00" in "Europe/Berlin")`. They follow the wall clock of their zone.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{Disambiguation, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::diag::nearest;

/// Milliseconds since 1970-01-01T00:00:00Z.
type Millis = i64;

/// A span of time, its end not included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// Every week from one minute to another; over the end of the week where the second comes first.
    Weekly { from: WeekMinute, to: WeekMinute, zone: SmolStr },
    /// Every day; over midnight where the second comes first.
    Daily { from: DayMinute, to: DayMinute, zone: SmolStr },
    /// Once.
    Between { from: Millis, to: Millis },
}

/// Minutes after midnight.
pub type DayMinute = u16;

/// A day of the week, 0 for Monday, and a minute of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekMinute {
    pub day: i8,
    pub minute: DayMinute,
}

/// What is wrong with a written time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Bytes of the text before the wrong part, and its length.
    pub at: usize,
    pub len: usize,
    pub message: String,
    pub help: String,
}

/// The days as they are written, and what is read as well.
const DAYS: [(&str, &str); 7] = [
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
];

/// Reads `Fri 17:00`.
///
/// # Errors
/// The part that is wrong.
pub fn week_minute(text: &str) -> Result<WeekMinute, Wrong> {
    let word = text.split(' ').next().unwrap_or("");
    let day = DAYS.iter().position(|(short, long)| word == *short || word == *long);
    let Some(day) = day else {
        let is_time = word.starts_with(|c: char| c.is_ascii_digit());
        let names = DAYS.iter().flat_map(|(short, long)| [*short, *long]);
        let capital: String = word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
        let near = DAYS.iter().find(|(short, long)| capital == *short || capital == *long).map(|(short, _)| *short);
        let near = near.or_else(|| nearest(&capital, names));
        let message = match (is_time, word) {
            (true, _) | (_, "") => "a weekly window needs a day".to_owned(),
            _ => format!("there is no day `{word}`"),
        };
        let help = match near {
            Some(near) if !is_time => format!("did you mean `{near}`?"),
            _ => "write a day and a time: `\"Fri 17:00\"`; the days are `Mon Tue Wed Thu Fri Sat Sun`".to_owned(),
        };
        return Err(Wrong { at: 0, len: word.len(), message, help });
    };
    let day = i8::try_from(day).unwrap_or(0);
    match text.get(word.len() + 1..) {
        Some(rest) if !rest.is_empty() => {
            let at = word.len() + 1;
            let minute = day_minute(rest).map_err(|w| Wrong { at: w.at + at, ..w })?;
            Ok(WeekMinute { day, minute })
        }
        _ => {
            let message = "a time of the day is missing".to_owned();
            Err(Wrong { at: text.len(), len: 0, message, help: format!("write `\"{word} 17:00\"`") })
        }
    }
}

/// Reads `17:00`.
///
/// # Errors
/// The part that is wrong.
pub fn day_minute(text: &str) -> Result<DayMinute, Wrong> {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let form = || "a time of the day is two digits, `:`, two digits, from `00:00` to `23:59`".to_owned();
    let wrong = |at: usize, len: usize, message: String| Wrong { at, len, message, help: form() };
    let Some((hours, minutes)) = text.split_once(':') else {
        return Err(wrong(0, text.len(), format!("`{text}` is no time of the day")));
    };
    if !digits(hours) {
        return Err(wrong(0, hours.len(), format!("`{hours}` is no hour")));
    }
    if !digits(minutes) {
        return Err(wrong(hours.len() + 1, minutes.len(), format!("`{minutes}` is no minute")));
    }
    let (h, m) = (hours.parse::<u16>().unwrap_or(99), minutes.parse::<u16>().unwrap_or(99));
    match (h, m) {
        (0..=23, 0..=59) => Ok(h * 60 + m),
        (24.., _) => Err(wrong(0, 2, format!("a day has no hour {h}"))),
        _ => Err(wrong(3, 2, format!("an hour has no minute {m}"))),
    }
}

/// Whether there is such a zone.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// The zone that was probably meant.
pub fn nearest_zone(name: &str) -> Option<String> {
    let names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
    let same = names.iter().find(|n| n.eq_ignore_ascii_case(name) || n.rsplit('/').next() == Some(name));
    same.map(String::as_str).or_else(|| nearest(name, names.iter().map(String::as_str))).map(str::to_owned)
}

impl Window {
    /// Whether the window is open at `at`. None when its zone is not known here, or the time is beyond the calendar: then nobody can
    /// say, and who forbids something takes it as open.
    pub fn contains(&self, at: Millis) -> Option<bool> {
        match self {
            Window::Between { from, to } => Some((*from..*to).contains(&at)),
            Window::Weekly { from, to, zone } => {
                let over = (to.day - from.day).rem_euclid(7);
                let days = if over == 0 && to.minute <= from.minute { 7 } else { over };
                open(at, zone, 7, |date| monday0(date) == from.day, from.minute, i64::from(days), to.minute)
            }
            Window::Daily { from, to, zone } => open(at, zone, 1, |_| true, *from, i64::from(to <= from), *to),
        }
    }
}

fn monday0(date: Date) -> i8 {
    date.weekday().to_monday_zero_offset()
}

/// Whether an occurrence that began at most `back` days before is still open. Where the clock is put back, an occurrence begins at the
/// first of two equal times and ends at the second; a time that the clock jumps over is the end of the jump.
fn open(
    at: Millis,
    zone: &str,
    back: i64,
    begins: impl Fn(Date) -> bool,
    from: DayMinute,
    days: i64,
    to: DayMinute,
) -> Option<bool> {
    let zone = TimeZone::get(zone).ok()?;
    let now = Timestamp::from_millisecond(at).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    for ago in 0..=back {
        let date = today.checked_sub(ago.days()).ok()?;
        if !begins(date) {
            continue;
        }
        let last = date.checked_add(days.days()).ok()?;
        let start = instant(&zone, date, from, Disambiguation::Compatible)?;
        let end = instant(&zone, last, to, Disambiguation::Later)?;
        if start <= now && now < end {
            return Some(true);
        }
    }
    Some(false)
}

fn instant(zone: &TimeZone, date: Date, minute: DayMinute, which: Disambiguation) -> Option<Timestamp> {
    let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    zone.to_ambiguous_zoned(date.to_datetime(time)).disambiguate(which).ok().map(|z| z.timestamp())
}

/// The day as it is written.
pub fn day_name(day: i8) -> &'static str {
    let of = Weekday::from_monday_zero_offset(day).map_or(0, |w| w.to_monday_zero_offset());
    usize::try_from(of).ok().and_then(|i| DAYS.get(i)).map_or("Mon", |(short, _)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        text.parse::<jiff::Zoned>().map(|z| z.timestamp()).or_else(|_| text.parse()).unwrap().as_millisecond()
    }

    fn weekly(from: &str, to: &str, zone: &str) -> Window {
        Window::Weekly { from: week_minute(from).unwrap(), to: week_minute(to).unwrap(), zone: zone.into() }
    }

    fn daily(from: &str, to: &str, zone: &str) -> Window {
        Window::Daily { from: day_minute(from).unwrap(), to: day_minute(to).unwrap(), zone: zone.into() }
    }

    fn table(window: &Window, cases: &[(&str, bool)]) {
        for (text, open) in cases {
            assert_eq!(window.contains(at(text)), Some(*open), "{window:?} at {text}");
        }
    }

    #[test]
    fn a_week_has_edges_and_goes_over_its_end() {
        table(
            &weekly("Fri 17:00", "Mon 07:00", "Europe/Berlin"),
            &[
                ("2026-11-20T16:59:59+01:00[Europe/Berlin]", false),
                ("2026-11-20T17:00:00+01:00[Europe/Berlin]", true),
                ("2026-11-21T00:00:00+01:00[Europe/Berlin]", true),
                ("2026-11-22T23:59:59+01:00[Europe/Berlin]", true),
                ("2026-11-23T06:59:59+01:00[Europe/Berlin]", true),
                ("2026-11-23T07:00:00+01:00[Europe/Berlin]", false),
                ("2026-11-25T12:00:00+01:00[Europe/Berlin]", false),
                ("2026-11-20T16:30:00Z", true),
                ("2026-11-20T15:30:00Z", false),
            ],
        );
        table(
            &weekly("Tue 09:00", "Tue 17:00", "UTC"),
            &[
                ("2026-11-24T08:59:59Z", false),
                ("2026-11-24T09:00:00Z", true),
                ("2026-11-24T17:00:00Z", false),
                ("2026-11-25T10:00:00Z", false),
            ],
        );
        table(
            &weekly("Tue 17:00", "Tue 09:00", "UTC"),
            &[
                ("2026-11-24T10:00:00Z", false),
                ("2026-11-24T17:00:00Z", true),
                ("2026-11-28T00:00:00Z", true),
                ("2026-12-01T08:59:59Z", true),
                ("2026-12-01T09:00:00Z", false),
            ],
        );
    }

    #[test]
    fn a_day_goes_over_midnight() {
        table(
            &daily("22:00", "06:00", "Europe/Berlin"),
            &[
                ("2026-11-20T21:59:59+01:00[Europe/Berlin]", false),
                ("2026-11-20T22:00:00+01:00[Europe/Berlin]", true),
                ("2026-11-21T00:00:00+01:00[Europe/Berlin]", true),
                ("2026-11-21T05:59:59+01:00[Europe/Berlin]", true),
                ("2026-11-21T06:00:00+01:00[Europe/Berlin]", false),
            ],
        );
        table(
            &daily("00:00", "23:59", "UTC"),
            &[("2026-11-21T00:00:00Z", true), ("2026-11-21T23:58:59Z", true), ("2026-11-21T23:59:00Z", false)],
        );
    }

    #[test]
    fn the_clock_put_back_or_forward_leaves_no_hole() {
        // In Berlin, 02:00 to 03:00 comes twice on 2026-10-25 and not at all on 2026-03-29.
        table(
            &daily("02:15", "02:45", "Europe/Berlin"),
            &[
                ("2026-10-25T00:14:59Z", false),
                ("2026-10-25T00:15:00Z", true),
                ("2026-10-25T00:50:00Z", true),
                ("2026-10-25T01:10:00Z", true),
                ("2026-10-25T01:44:59Z", true),
                ("2026-10-25T01:45:00Z", false),
                ("2026-03-29T00:59:59Z", false),
                ("2026-03-29T01:14:59Z", false),
                ("2026-03-29T01:15:00Z", true),
                ("2026-03-29T01:44:59Z", true),
                ("2026-03-29T01:45:00Z", false),
            ],
        );
        // 17:00 is 15:00Z in summer and 16:00Z in winter.
        table(
            &weekly("Fri 17:00", "Mon 07:00", "Europe/Berlin"),
            &[
                ("2026-10-23T14:59:59Z", false),
                ("2026-10-23T15:00:00Z", true),
                ("2026-10-26T05:59:59Z", true),
                ("2026-10-26T06:00:00Z", false),
            ],
        );
    }

    #[test]
    fn once_is_once_and_the_end_of_the_calendar_is_nobody_s() {
        let window = Window::Between { from: 10, to: 20 };
        assert_eq!([9, 10, 19, 20].map(|t| window.contains(t)), [Some(false), Some(true), Some(true), Some(false)]);
        let freeze = daily("22:00", "06:00", "Europe/Berlin");
        assert_eq!(freeze.contains(i64::MAX), None);
        assert_eq!(freeze.contains(i64::MIN), None);
        assert_eq!(daily("22:00", "06:00", "Mars/Base").contains(0), None);
    }

    #[test]
    fn what_is_wrong_is_said_to_the_character() {
        let week = |text: &str| week_minute(text).map_err(|w| (w.at, w.len, w.message)).unwrap_err();
        assert_eq!(week("Fir 17:00"), (0, 3, "there is no day `Fir`".into()));
        assert_eq!(week("17:00"), (0, 5, "a weekly window needs a day".into()));
        assert_eq!(week(""), (0, 0, "a weekly window needs a day".into()));
        assert_eq!(week("Fri"), (3, 0, "a time of the day is missing".into()));
        assert_eq!(week("Fri 24:00"), (4, 2, "a day has no hour 24".into()));
        assert_eq!(week("Fri 17:60"), (7, 2, "an hour has no minute 60".into()));
        assert_eq!(week("Fri 7:00"), (4, 1, "`7` is no hour".into()));
        assert_eq!(week("Fri 17:0"), (7, 1, "`0` is no minute".into()));
        assert_eq!(week("Fri 5pm"), (4, 3, "`5pm` is no time of the day".into()));
        assert_eq!(week("Fri  17:00"), (4, 3, "` 17` is no hour".into()));
        assert_eq!(week("Fri 17:00:00"), (7, 5, "`00:00` is no minute".into()));
        assert!(week_minute("fri 17:00").unwrap_err().help.contains("`Fri`"));
        assert_eq!(week_minute("Friday 17:00"), Ok(WeekMinute { day: 4, minute: 17 * 60 }));
        assert_eq!(day_minute("00:00"), Ok(0));
        assert_eq!(day_minute("23:59"), Ok(23 * 60 + 59));
        assert_eq!(nearest_zone("Europe/Berlyn").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest_zone("europe/berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest_zone("Berlin").as_deref(), Some("Europe/Berlin"));
    }
}
