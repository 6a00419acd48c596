//! Literals.

use super::{ANY, Printer};
use crate::syntax::{
    ast::{ExprKind, Tag, TextPart},
    lower::{DURATIONS, SIZES},
};

impl Printer {
    pub(super) fn literal(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Int(n) => self.push(&n.to_string()),
            ExprKind::Float { value, percent } => self.float(*value, *percent),
            ExprKind::Duration(ms) => self.duration(*ms),
            ExprKind::Size(bytes) => self.size(*bytes),
            ExprKind::Text(parts) => self.text(parts),
            ExprKind::Tagged { tag, text, .. } => self.tagged(*tag, text),
            _ => {}
        }
    }

    pub(super) fn text(&mut self, parts: &[TextPart]) {
        self.push("\"");
        for part in parts {
            match part {
                TextPart::Chars(chars) => self.chars(chars),
                TextPart::Hole(e) => {
                    self.push("${");
                    self.flat += 1;
                    self.expr(e, ANY);
                    self.flat -= 1;
                    self.push("}");
                }
            }
        }
        self.push("\"");
    }

    pub(super) fn chars(&mut self, chars: &str) {
        for c in chars.chars() {
            match c {
                '"' => self.push("\\\""),
                '\\' => self.push("\\\\"),
                '$' => self.push("\\$"),
                '\n' => self.push("\\n"),
                '\t' => self.push("\\t"),
                '\r' => self.push("\\r"),
                c if c.is_control() => self.push(&format!("\\u{{{:x}}}", u32::from(c))),
                c => self.push(c.encode_utf8(&mut [0; 4])),
            }
        }
    }

    pub(super) fn tagged(&mut self, tag: Tag, text: &str) {
        let word = match tag {
            Tag::Re => "re",
            Tag::Cron => "cron",
            Tag::Url => "url",
            Tag::Cidr => "cidr",
            Tag::Ip => "ip",
            Tag::Time => "time",
        };
        let mut hashes = String::new();
        while text.contains(&format!("\"{hashes}")) {
            hashes.push('#');
        }
        self.push(&format!("{word}{hashes}\"{text}\"{hashes}"));
    }

    pub(super) fn float(&mut self, value: f64, percent: bool) {
        let text = if percent { format!("{}%", hundredfold(value)) } else { format!("{value:?}") };
        self.push(&text);
    }

    /// Largest unit first: `1h30m`.
    pub(super) fn duration(&mut self, milliseconds: i64) {
        if milliseconds == 0 {
            return self.push("0s");
        }
        let mut rest = milliseconds;
        for (unit, scale) in DURATIONS {
            if rest >= *scale {
                self.push(&format!("{}{unit}", rest / scale));
                rest %= scale;
            }
        }
    }

    /// In the unit that leaves the smallest number.
    pub(super) fn size(&mut self, bytes: i64) {
        let exact = SIZES.iter().filter(|(_, scale)| bytes % scale == 0).min_by_key(|(_, scale)| bytes / scale);
        let (unit, scale) = if bytes == 0 { ("B", 1) } else { exact.copied().unwrap_or(("B", 1)) };
        self.push(&format!("{}{unit}", bytes / scale));
    }
}

/// The shortest decimal of `value`, with the point two places to the right.
fn hundredfold(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let point = 1 + 2 + exponent.parse::<i64>().unwrap_or(0);
    let length = i64::try_from(digits.len()).unwrap_or(0);
    let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
    if point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{digits}{}", zeros(point - length))
    } else {
        let (int, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{int}.{fraction}")
    }
}
