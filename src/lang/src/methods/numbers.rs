//! Numbers, quantities and times.

use super::Method;

methods! {
    "Bool" {
        "to_int" "() -> Int" "1 for `true`, 0 for `false`."
            "true.to_int()" => "1";
    }
    "Int" {
        "abs" "() -> Int" "Without its sign."
            "(-3).abs()" => "3";
        "min" "(other: Int) -> Int" "The smaller of both."
            "1.min(2)" => "1";
        "max" "(other: Int) -> Int" "The greater of both."
            "1.max(2)" => "2";
        "clamp" "(low: Int, high: Int) -> Int" "The nearest value in the bounds."
            "9.clamp(1, 5)" => "5";
        "div" "(by: Int) -> Int" "Whole division, rounded towards zero."
            "7.div(2)" => "3";
        "pow" "(exponent: Int) -> Int" "To the power."
            "2.pow(10)" => "1024";
        "to_float" "() -> Float" "As a Float."
            "1.to_float()" => "1.0";
        "to_hex" "() -> Text" "In hexadecimal."
            "255.to_hex()" => "\"ff\"";
        "format" "(digits: Int) -> Text" "With leading zeros up to so many digits."
            "7.format(3)" => "\"007\"";
        "milliseconds" "() -> Duration" "So many milliseconds."
            "1500.milliseconds()" => "1s500ms";
        "seconds" "() -> Duration" "So many seconds."
            "90.seconds()" => "1m30s";
        "minutes" "() -> Duration" "So many minutes."
            "90.minutes()" => "1h30m";
        "hours" "() -> Duration" "So many hours."
            "2.hours()" => "2h";
        "days" "() -> Duration" "So many days."
            "2.days()" => "2d";
        "bytes" "() -> Size" "So many bytes."
            "1024.bytes()" => "1KiB";
        "to_time" "() -> Time" "So many seconds after 1970."
            "0.to_time()" => "time\"1970-01-01T00:00:00Z\"";
        "weeks" "() -> Duration" "So many weeks."
            "2.weeks()" => "14d";
        "kilobytes" "() -> Size" "So many KB."
            "2.kilobytes()" => "2KB";
        "megabytes" "() -> Size" "So many MB."
            "2.megabytes()" => "2MB";
        "gigabytes" "() -> Size" "So many GB."
            "2.gigabytes()" => "2GB";
        "terabytes" "() -> Size" "So many TB."
            "2.terabytes()" => "2TB";
        "kibibytes" "() -> Size" "So many KiB."
            "2.kibibytes()" => "2KiB";
        "mebibytes" "() -> Size" "So many MiB."
            "2.mebibytes()" => "2MiB";
        "gibibytes" "() -> Size" "So many GiB."
            "2.gibibytes()" => "2GiB";
        "tebibytes" "() -> Size" "So many TiB."
            "2.tebibytes()" => "2TiB";
        "sign" "() -> Int" "-1, 0 or 1."
            "(-3).sign()" => "-1";
        "round_to" "(unit: Int) -> Int" "The nearest multiple of `unit`, halves up."
            "17.round_to(5)" => "15";
        "floor_to" "(unit: Int) -> Int" "The multiple of `unit` at or below."
            "17.floor_to(5)" => "15";
        "ceil_to" "(unit: Int) -> Int" "The multiple of `unit` at or above."
            "17.ceil_to(5)" => "20";
        "grouped" "(separator: Text = \",\") -> Text" "In groups of three digits."
            "1_234_567.grouped()" => "\"1,234,567\"";
    }
    "Float" {
        "abs" "() -> Float" "Without its sign."
            "(-3.5).abs()" => "3.5";
        "min" "(other: Float) -> Float" "The smaller of both."
            "1.5.min(2.0)" => "1.5";
        "max" "(other: Float) -> Float" "The greater of both."
            "1.5.max(2.0)" => "2.0";
        "clamp" "(low: Float, high: Float) -> Float" "The nearest value in the bounds."
            "9.5.clamp(1.0, 5.0)" => "5.0";
        "round" "(digits: Int = 0) -> Float" "Rounded to so many digits, halves away from zero."
            "1.25.round(1)" => "1.3";
        "floor" "() -> Int" "The next whole number below."
            "1.9.floor()" => "1";
        "ceil" "() -> Int" "The next whole number above."
            "1.1.ceil()" => "2";
        "to_int" "() -> Int" "Without what follows the point."
            "1.9.to_int()" => "1";
        "sqrt" "() -> Float" "The square root; negative numbers fail."
            "9.0.sqrt()" => "3.0";
        "pow" "(exponent: Float) -> Float" "To the power."
            "2.0.pow(3.0)" => "8.0";
        "format" "(digits: Int) -> Text" "With exactly so many digits after the point."
            "3.14159.format(2)" => "\"3.14\"";
        "percent" "(digits: Int = 0) -> Text" "As a percentage."
            "0.856.percent(1)" => "\"85.6%\"";
        "seconds" "() -> Duration" "So many seconds, to the millisecond."
            "1.5.seconds()" => "1s500ms";
        "bytes" "() -> Size" "So many bytes, rounded."
            "1024.0.bytes()" => "1KiB";
        "to_time" "() -> Time" "So many seconds after 1970, to the millisecond."
            "0.5.to_time()" => "time\"1970-01-01T00:00:00.5Z\"";
        "milliseconds" "() -> Duration" "So many milliseconds, rounded."
            "1.5.milliseconds()" => "2ms";
        "minutes" "() -> Duration" "So many minutes, to the millisecond."
            "1.5.minutes()" => "1m30s";
        "hours" "() -> Duration" "So many hours, to the millisecond."
            "1.5.hours()" => "1h30m";
        "days" "() -> Duration" "So many days, to the millisecond."
            "0.5.days()" => "12h";
        "weeks" "() -> Duration" "So many weeks, to the millisecond."
            "0.5.weeks()" => "3d12h";
        "kilobytes" "() -> Size" "So many KB, to the byte."
            "1.5.kilobytes()" => "1.5KB";
        "megabytes" "() -> Size" "So many MB, to the byte."
            "1.5.megabytes()" => "1500KB";
        "gigabytes" "() -> Size" "So many GB, to the byte."
            "1.5.gigabytes()" => "1500MB";
        "terabytes" "() -> Size" "So many TB, to the byte."
            "1.5.terabytes()" => "1500GB";
        "kibibytes" "() -> Size" "So many KiB, to the byte."
            "1.5.kibibytes()" => "1.5KiB";
        "mebibytes" "() -> Size" "So many MiB, to the byte."
            "1.5.mebibytes()" => "1536KiB";
        "gibibytes" "() -> Size" "So many GiB, to the byte."
            "1.5.gibibytes()" => "1536MiB";
        "tebibytes" "() -> Size" "So many TiB, to the byte."
            "1.5.tebibytes()" => "1536GiB";
        "sign" "() -> Int" "-1, 0 or 1."
            "(-3.5).sign()" => "-1";
        "div" "(by: Float) -> Int" "How often `by` goes into it, rounded towards zero."
            "7.5.div(2.0)" => "3";
    }
    "Duration" {
        "milliseconds" "() -> Int" "In milliseconds."
            "1.5s.milliseconds()" => "1500";
        "seconds" "() -> Float" "In seconds."
            "90s.seconds()" => "90.0";
        "minutes" "() -> Float" "In minutes."
            "90s.minutes()" => "1.5";
        "hours" "() -> Float" "In hours."
            "90m.hours()" => "1.5";
        "days" "() -> Float" "In days."
            "36h.days()" => "1.5";
        "abs" "() -> Duration" "Without its sign."
            "(1s - 3s).abs()" => "2s";
        "min" "(other: Duration) -> Duration" "The shorter of both."
            "1s.min(2s)" => "1s";
        "max" "(other: Duration) -> Duration" "The longer of both."
            "1s.max(2s)" => "2s";
        "clamp" "(low: Duration, high: Duration) -> Duration" "The nearest value in the bounds."
            "9s.clamp(1s, 5s)" => "5s";
        "round_to" "(unit: Duration) -> Duration" "The nearest multiple of `unit`."
            "95s.round_to(1m)" => "2m";
        "weeks" "() -> Float" "In weeks."
            "14d.weeks()" => "2.0";
        "parts" "() -> { days: Int, hours: Int, minutes: Int, seconds: Int, milliseconds: Int }" "What it is made of; all of them negative when it is."
            "26h3m.parts()" => "{ days: 1, hours: 2, minutes: 3, seconds: 0, milliseconds: 0 }";
        "human" "(units: Int = 2) -> Text" "Its largest units, what is smaller left out."
            "26h3m4s.human()" => "\"1d2h\"";
        "sign" "() -> Int" "-1, 0 or 1."
            "(1s - 3s).sign()" => "-1";
        "div" "(by: Duration) -> Int" "How often `by` goes into it, rounded towards zero."
            "7m.div(2m)" => "3";
        "floor_to" "(unit: Duration) -> Duration" "The multiple of `unit` at or below."
            "95s.floor_to(1m)" => "1m";
        "ceil_to" "(unit: Duration) -> Duration" "The multiple of `unit` at or above."
            "95s.ceil_to(1m)" => "2m";
    }
    "Size" {
        "bytes" "() -> Int" "In bytes."
            "1KiB.bytes()" => "1024";
        "min" "(other: Size) -> Size" "The smaller of both."
            "1KiB.min(2KiB)" => "1KiB";
        "max" "(other: Size) -> Size" "The greater of both."
            "1KiB.max(2KiB)" => "2KiB";
        "clamp" "(low: Size, high: Size) -> Size" "The nearest value in the bounds."
            "9KiB.clamp(1KiB, 5KiB)" => "5KiB";
        "kilobytes" "() -> Float" "In KB."
            "1536KB.kilobytes()" => "1536.0";
        "megabytes" "() -> Float" "In MB."
            "1536MB.megabytes()" => "1536.0";
        "gigabytes" "() -> Float" "In GB."
            "1536GB.gigabytes()" => "1536.0";
        "terabytes" "() -> Float" "In TB."
            "1536TB.terabytes()" => "1536.0";
        "kibibytes" "() -> Float" "In KiB."
            "1536KiB.kibibytes()" => "1536.0";
        "mebibytes" "() -> Float" "In MiB."
            "1536MiB.mebibytes()" => "1536.0";
        "gibibytes" "() -> Float" "In GiB."
            "1536GiB.gibibytes()" => "1536.0";
        "tebibytes" "() -> Float" "In TiB."
            "1536TiB.tebibytes()" => "1536.0";
        "human" "(digits: Int = 1) -> Text" "In its largest unit of 1024, rounded."
            "1234567B.human()" => "\"1.2MiB\"";
        "div" "(by: Size) -> Int" "How often `by` goes into it, rounded down."
            "7MiB.div(2MiB)" => "3";
        "round_to" "(unit: Size) -> Size" "The nearest multiple of `unit`, halves up."
            "1700KiB.round_to(1MiB)" => "2MiB";
        "floor_to" "(unit: Size) -> Size" "The multiple of `unit` at or below."
            "1700KiB.floor_to(1MiB)" => "1MiB";
        "ceil_to" "(unit: Size) -> Size" "The multiple of `unit` at or above."
            "1700KiB.ceil_to(1MiB)" => "2MiB";
    }
    "Time" {
        "unix" "() -> Float" "Seconds since 1970."
            "time\"1970-01-01T00:01:00Z\".unix()" => "60.0";
        "format" "(pattern: Text, zone: Text = \"UTC\") -> Text" "By a strftime pattern such as `%Y-%m-%d %H:%M`."
            "time\"2026-11-21T10:00:00Z\".format(\"%H:%M\", \"Europe/Berlin\")" => "\"11:00\"";
        "in_zone" "(zone: Text) -> { year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Text, week: Int, day_of_year: Int }" "What clock and calendar show there; the weekday as `monday`, the week as ISO 8601 counts it."
            "time\"2026-11-21T10:00:00Z\".in_zone(\"Europe/Berlin\")" => "{ year: 2026, month: 11, day: 21, hour: 11, minute: 0, second: 0, weekday: \"saturday\", week: 47, day_of_year: 325 }";
        "start_of_day" "(zone: Text = \"UTC\") -> Time" "The midnight before."
            "time\"2026-11-21T10:00:00Z\".start_of_day()" => "time\"2026-11-21T00:00:00Z\"";
        "round_to" "(unit: Duration) -> Time" "The nearest multiple of `unit` since 1970."
            "time\"2026-11-21T10:00:40Z\".round_to(1m)" => "time\"2026-11-21T10:01:00Z\"";
        "min" "(other: Time) -> Time" "The earlier of both."
            "time\"2026-01-01T00:00:00Z\".min(time\"2027-01-01T00:00:00Z\")" => "time\"2026-01-01T00:00:00Z\"";
        "max" "(other: Time) -> Time" "The later of both."
            "time\"2026-01-01T00:00:00Z\".max(time\"2027-01-01T00:00:00Z\")" => "time\"2027-01-01T00:00:00Z\"";
        "unix_milliseconds" "() -> Int" "Milliseconds since 1970."
            "time\"1970-01-01T00:00:01Z\".unix_milliseconds()" => "1000";
        "date" "(zone: Text = \"UTC\") -> Text" "The calendar date there."
            "time\"2026-11-21T20:00:00Z\".date(\"Asia/Tokyo\")" => "\"2026-11-22\"";
        "weekday" "(zone: Text = \"UTC\") -> Text" "The day of the week there, `monday` to `sunday`."
            "time\"2026-11-21T10:20:30Z\".weekday()" => "\"saturday\"";
        "is_weekend" "(zone: Text = \"UTC\") -> Bool" "Whether it is Saturday or Sunday there."
            "time\"2026-11-21T10:20:30Z\".is_weekend()" => "true";
        "is_between" "(start: Text, end: Text, zone: Text = \"UTC\") -> Bool" "Whether the clock there shows a time from `start` up to `end`; over midnight when `end` is the earlier."
            "time\"2026-11-21T10:20:30Z\".is_between(\"09:00\", \"17:00\", \"Europe/Berlin\")" => "true";
        "add_days" "(n: Int, zone: Text = \"UTC\") -> Time" "The same time of day so many days later there, whatever the clocks do between."
            "time\"2026-10-24T10:00:00Z\".add_days(1, \"Europe/Berlin\")" => "time\"2026-10-25T11:00:00Z\"";
        "add_months" "(n: Int, zone: Text = \"UTC\") -> Time" "The same time of day so many months later there, or the last day of a shorter month."
            "time\"2026-01-31T10:00:00Z\".add_months(1)" => "time\"2026-02-28T10:00:00Z\"";
        "start_of_week" "(zone: Text = \"UTC\") -> Time" "The midnight before the Monday of this week."
            "time\"2026-11-21T10:20:30Z\".start_of_week()" => "time\"2026-11-16T00:00:00Z\"";
        "start_of_month" "(zone: Text = \"UTC\") -> Time" "The midnight before the first of this month."
            "time\"2026-11-21T10:20:30Z\".start_of_month()" => "time\"2026-11-01T00:00:00Z\"";
        "floor_to" "(unit: Duration) -> Time" "The multiple of `unit` since 1970 at or before."
            "time\"2026-11-21T10:20:30Z\".floor_to(15m)" => "time\"2026-11-21T10:15:00Z\"";
        "ceil_to" "(unit: Duration) -> Time" "The multiple of `unit` since 1970 at or after."
            "time\"2026-11-21T10:20:30Z\".ceil_to(15m)" => "time\"2026-11-21T10:30:00Z\"";
        "clamp" "(low: Time, high: Time) -> Time" "The nearest time in the bounds."
            "time\"2026-11-21T10:20:30Z\".clamp(time\"2026-01-01T00:00:00Z\", time\"2026-02-01T00:00:00Z\")" => "time\"2026-02-01T00:00:00Z\"";
    }
    "Cron" {
        "source" "() -> Text" "As it was written."
            "cron\"0 3 * * *\".source()" => "\"0 3 * * *\"";
        "next" "(after: Time, zone: Text = \"UTC\") -> Time?" "When it is due next, on the clocks there."
            "cron\"0 3 * * *\".next(time\"2026-11-21T10:20:30Z\", \"Europe/Berlin\")" => "time\"2026-11-22T02:00:00Z\"";
        "matches" "(time: Time, zone: Text = \"UTC\") -> Bool" "Whether it is due in the minute of that time there."
            "cron\"20 10 * * sat\".matches(time\"2026-11-21T10:20:30Z\")" => "true";
    }
}
