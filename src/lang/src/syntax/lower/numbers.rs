//! Numbers, durations, sizes and percentages.

use super::{super::ast::ExprKind, Lower};
use crate::{
    diag::{Fix, codes},
    span::Span,
};

/// In falling order, in milliseconds.
pub(in crate::syntax) const DURATIONS: &[(&str, i64)] =
    &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// In bytes.
pub(in crate::syntax) const SIZES: &[(&str, i64)] = &[
    ("PiB", 1 << 50),
    ("PB", 1_000_000_000_000_000),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// What people write instead of a unit.
const SLIPS: &[(&str, &str)] = &[
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("S", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("H", "h"),
    ("day", "d"),
    ("days", "d"),
    ("D", "d"),
    ("week", "w"),
    ("weeks", "w"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("k", "KB"),
    ("K", "KB"),
    ("M", "MB"),
    ("G", "GB"),
    ("T", "TB"),
    ("Ki", "KiB"),
    ("Mi", "MiB"),
    ("Gi", "GiB"),
    ("Ti", "TiB"),
    ("b", "B"),
];

/// What a number is not.
enum Wrong {
    /// Digits are missing or too many points.
    Shape,
    /// It does not fit into 64 bits.
    TooLarge,
    /// No such unit.
    Unit(String),
    /// The units are not in falling order.
    Order,
    /// A fraction with several units, or one of a size and a duration mixed.
    Mixed,
    /// Less than a millisecond or a byte.
    Fraction,
}

impl Lower<'_> {
    pub(super) fn number(&mut self, text: &str, span: Span) -> ExprKind {
        match read(&touching(text)) {
            Ok(kind) => kind,
            Err(wrong) => {
                self.wrong_number(text, wrong, span);
                ExprKind::Missing
            }
        }
    }

    fn wrong_number(&mut self, text: &str, wrong: Wrong, span: Span) {
        let units = "units are `ms s m h d w` for durations and `B KB MB GB TB PB`, `KiB MiB GiB TiB PiB` for sizes";
        let (message, label, help) = match &wrong {
            Wrong::Shape => (
                format!("`{text}` is not a number"),
                "cannot be read",
                "numbers are written `42`, `1_000`, `0xff`, `3.5`, `1e-3`, `85%`".to_owned(),
            ),
            Wrong::TooLarge => (
                format!("`{text}` is too large"),
                "does not fit",
                "whole numbers go from -9223372036854775808 to 9223372036854775807; write a Float such as `1e20` for more".to_owned(),
            ),
            Wrong::Unit(unit) => (format!("there is no unit `{unit}`"), "unknown unit", units.to_owned()),
            Wrong::Order => (
                format!("the units of `{text}` are not in falling order"),
                "largest unit first",
                "write the largest unit first and each once: `1h30m`".to_owned(),
            ),
            Wrong::Mixed => (
                format!("`{text}` mixes what does not go together"),
                "not one quantity",
                "a fraction has one unit (`1.5h`), and so has a size (`1.5GB`)".to_owned(),
            ),
            Wrong::Fraction => (
                format!("`{text}` is not a whole number of milliseconds or bytes"),
                "too fine",
                "the smallest duration is `1ms` and the smallest size `1B`".to_owned(),
            ),
        };
        let slip = if let Wrong::Unit(unit) = &wrong { suggestion(unit) } else { None };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let d = self.error(codes::SYNTAX_NUMBER, message, span, label);
        match slip {
            Some(unit) if !digits.is_empty() => {
                let better = format!("{digits}{unit}");
                d.help.push(format!("did you mean `{better}`?"));
                d.fixes.push(Fix { title: format!("write `{better}`"), edits: vec![(span, better)] });
            }
            _ => {}
        }
        d.help.push(help);
    }
}

/// The unit that people mean by this word.
pub(in crate::syntax) fn unit(word: &str) -> Option<&'static str> {
    let units = DURATIONS.iter().chain(SIZES).map(|(name, _)| (*name, *name));
    units.chain(SLIPS.iter().copied()).find(|(said, _)| *said == word).map(|(_, unit)| unit)
}

/// A number that stands apart from its unit, which has been reported, as it is written.
fn touching(text: &str) -> std::borrow::Cow<'_, str> {
    match text.split_once([' ', '\t']) {
        Some((number, rest)) => format!("{number}{}", unit(rest.trim_start()).unwrap_or("")).into(),
        None => text.into(),
    }
}

fn suggestion(word: &str) -> Option<&'static str> {
    let all = DURATIONS.iter().chain(SIZES).map(|(name, _)| *name);
    unit(word)
        .or_else(|| all.clone().find(|u| u.eq_ignore_ascii_case(word)))
        .or_else(|| all.clone().find(|u| word.len() > 2 && word.starts_with(u)))
}

fn read(text: &str) -> Result<ExprKind, Wrong> {
    if let Some(hex) = text.strip_prefix("0x") {
        return whole(&hex.replace('_', ""), 16).map(ExprKind::Int);
    }
    if let Some(number) = text.strip_suffix('%') {
        return percent(number);
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if plain {
        return whole(&text.replace('_', ""), 10).map(ExprKind::Int);
    }
    if is_float(text) {
        return float(text).map(|value| ExprKind::Float { value, percent: false });
    }
    quantity(text)
}

/// Whether the number is that of the smallest Int, which has a sign and is one more than the largest.
pub(super) fn is_least(text: &str) -> bool {
    let digits = text.replace('_', "");
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    value == Ok(i64::MIN.unsigned_abs())
}

fn whole(digits: &str, radix: u32) -> Result<i64, Wrong> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(Wrong::Shape);
    }
    i64::from_str_radix(digits, radix).map_err(|_| Wrong::TooLarge)
}

/// Exact to the digits: `7%` is what `0.07` is, not `7.0 / 100.0`.
fn percent(number: &str) -> Result<ExprKind, Wrong> {
    let shaped = number.bytes().all(|b| b.is_ascii_digit() || b == b'_' || b == b'.');
    if !shaped {
        return Err(Wrong::Shape);
    }
    let value = float(&format!("{number}e-2"))?;
    Ok(ExprKind::Float { value, percent: true })
}

fn is_float(text: &str) -> bool {
    let mut bytes = text.bytes().peekable();
    let mut exponent = false;
    while let Some(b) = bytes.next() {
        match b {
            b'0'..=b'9' | b'_' | b'.' => {}
            b'e' | b'E' if !exponent => {
                exponent = true;
                bytes.next_if(|b| matches!(b, b'+' | b'-'));
                if bytes.peek().is_none() {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

fn float(text: &str) -> Result<f64, Wrong> {
    let value: f64 = text.replace('_', "").parse().map_err(|_| Wrong::Shape)?;
    if value.is_finite() { Ok(value) } else { Err(Wrong::TooLarge) }
}

/// `1h30m`, `250ms`, `1.5GB`.
fn quantity(text: &str) -> Result<ExprKind, Wrong> {
    let parts = parts(text);
    if let [(number, unit)] = parts.as_slice() {
        if let Some((_, scale)) = SIZES.iter().find(|(name, _)| name == unit) {
            return scaled(number, *scale).map(ExprKind::Size);
        }
        return scaled(number, duration_unit(unit)?.1).map(ExprKind::Duration);
    }
    let (mut total, mut last) = (0_i64, None);
    for (number, unit) in parts {
        if number.contains('.') || SIZES.iter().any(|(name, _)| *name == unit) {
            return Err(Wrong::Mixed);
        }
        let (rank, scale) = duration_unit(unit)?;
        if last.is_some_and(|l| rank <= l) {
            return Err(Wrong::Order);
        }
        last = Some(rank);
        total = total.checked_add(scaled(number, scale)?).ok_or(Wrong::TooLarge)?;
    }
    Ok(ExprKind::Duration(total))
}

fn duration_unit(unit: &str) -> Result<(usize, i64), Wrong> {
    let found = DURATIONS.iter().enumerate().find(|(_, (name, _))| *name == unit);
    found.map(|(rank, (_, scale))| (rank, *scale)).ok_or_else(|| Wrong::Unit(unit.to_owned()))
}

/// Numbers and the letters after each.
fn parts(text: &str) -> Vec<(&str, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        parts.push((number, unit));
        rest = after;
    }
    parts
}

/// `number` times `scale`, exactly; a fraction that leaves a rest is an error.
fn scaled(number: &str, scale: i64) -> Result<i64, Wrong> {
    let number = number.replace('_', "");
    let (int, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if fraction.contains('.') || int.is_empty() {
        return Err(Wrong::Shape);
    }
    let int = whole(int, 10)?.checked_mul(scale).ok_or(Wrong::TooLarge)?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Ok(int);
    }
    let digits = u32::try_from(fraction.len()).map_err(|_| Wrong::Fraction)?;
    let divisor = 10_i128.checked_pow(digits).ok_or(Wrong::Fraction)?;
    let numerator = i128::from(whole(fraction, 10).map_err(|_| Wrong::Fraction)?) * i128::from(scale);
    if numerator % divisor != 0 {
        return Err(Wrong::Fraction);
    }
    let part = i64::try_from(numerator / divisor).map_err(|_| Wrong::TooLarge)?;
    int.checked_add(part).ok_or(Wrong::TooLarge)
}
