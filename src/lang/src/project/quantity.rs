//! Numbers with a unit, as `rrb.toml` and the environment write them: the same forms as the language's literals.

/// Milliseconds of `30s`, `1h30m`, `1.5h`. None when it is no duration of whole milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    const UNITS: &[(&str, i64)] =
        &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text;
    let mut total = 0i64;
    let mut last = i64::MAX;
    let mut parts = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        parts += 1;
        // A fraction only with a single unit, units in falling order.
        if factor >= last || (number.contains('.') && (parts > 1 || !after.is_empty())) {
            return None;
        }
        total = total.checked_add(scaled(number, factor)?)?;
        last = factor;
        rest = after;
    }
    (parts > 0).then_some(total)
}

/// Bytes of `512KB`, `10MiB`, `1.5GB`. None when it is no size of whole bytes.
pub(super) fn size(text: &str) -> Option<i64> {
    let (number, unit) = split_number(text)?;
    let factor = match unit {
        "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "PB" => 1_000_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "PiB" => 1 << 50,
        _ => return None,
    };
    scaled(number, factor)
}

/// Bytes with the largest unit that leaves no rest.
pub(super) fn print_size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.iter().find(|(_, shift)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(|| format!("{bytes}B"), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// The digits, with underscores and one point, and what follows.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))?;
    let (number, rest) = text.split_at(end);
    let starts = number.starts_with(|c: char| c.is_ascii_digit());
    let ends = number.ends_with(|c: char| c.is_ascii_digit());
    (starts && ends && number.matches('.').count() <= 1).then_some((number, rest))
}

/// `number * factor` when that is whole.
fn scaled(number: &str, factor: i64) -> Option<i64> {
    let digits = number.replace('_', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let whole: i128 = whole.parse().ok()?;
    if fraction.len() > 18 {
        return None;
    }
    let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let all = whole.checked_mul(scale)?.checked_add(fraction)?.checked_mul(i128::from(factor))?;
    if all % scale != 0 {
        return None;
    }
    i64::try_from(all / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("30s", 30_000), ("1h30m", 5_400_000), ("250ms", 250), ("1.5h", 5_400_000), ("0s", 0)] {
            assert_eq!(duration(text), Some(ms), "{text}");
        }
        for bad in [
            "",
            "5",
            "5min",
            "m",
            "30m1h",
            "1m1m",
            "1.5h30m",
            "0.5ms",
            "-5m",
            "5 m",
            "5m ",
            "1..5h",
            "999999999999w",
            "5M",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1B", 1), ("512KB", 512_000), ("10MiB", 10 << 20), ("1.5GB", 1_500_000_000)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for bad in ["", "5", "5mb", "MB", "1.5B", "-1MB", "9000PiB", "1MiB2", "1_MB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
