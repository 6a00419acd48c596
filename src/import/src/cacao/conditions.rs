//! Conditions: comparisons of variables, joined by `AND` and `OR`.

use super::Playbook;
use crate::text::{plain, quoted};

/// The longest condition that is read.
const MAX_LENGTH: usize = 2_000;

/// A condition as an expression of type Bool. One that is not understood is asked of people.
pub fn condition(playbook: &mut Playbook<'_>, step: &str, text: &str, at: &str, name: &str) -> String {
    if let Some(condition) = joined(playbook, step, text) {
        return condition;
    }
    let text = crate::convert::single_line(text);
    playbook.module.counts.by_hand += 1;
    playbook.module.notes.add(
        "condition",
        crate::Loss::ByHand,
        at,
        format!("`{}`: people are asked whether this is so: {text}", plain(name, 100)),
    );
    let asked = playbook.variables.value(step, &format!("{name}: is this so? {}", crate::text::shorten(&text, 300)));
    format!("(do _decided({asked}))")
}

fn joined(playbook: &Playbook<'_>, step: &str, text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH || text.contains(['(', ')', '[']) {
        return None;
    }
    let any: Vec<String> = text
        .split(" OR ")
        .map(|part| {
            let all: Option<Vec<String>> = part.split(" AND ").map(|c| compared(playbook, step, c.trim())).collect();
            Some(all?.join(" and "))
        })
        .collect::<Option<_>>()?;
    Some(if any.len() > 1 { format!("({})", any.join(" or ")) } else { any.join("") })
}

fn compared(playbook: &Playbook<'_>, step: &str, text: &str) -> Option<String> {
    let end = text.find(char::is_whitespace).or_else(|| text.find(['=', '!', '<', '>']))?;
    let (left, rest) = text.split_at(end);
    let left = playbook.variables.name(step, left)?;
    let rest = rest.trim_start();
    let sign =
        ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "LIKE ", "MATCHES "].into_iter().find(|s| rest.starts_with(s))?;
    let right = rest.get(sign.len()..)?.trim();
    let bare = right.strip_prefix(['\'', '"']).and_then(|r| r.strip_suffix(['\'', '"'])).unwrap_or(right);
    if bare.is_empty() && right.is_empty() || bare.contains(['\'', '"']) {
        return None;
    }
    let value = playbook.variables.value(step, bare);
    let number = bare.parse::<f64>().is_ok_and(f64::is_finite);
    let value = if playbook.variables.has_any(step, bare) { value } else { quoted(bare) };
    let ordered = |sign: &str| number.then(|| format!("_number({left}) {sign} _number({value})"));
    match sign {
        "==" | "=" => Some(format!("{left} == {value}")),
        "!=" | "<>" => Some(format!("{left} != {value}")),
        "MATCHES " => Some(format!("{left} matches {}", crate::convert::regex(bare)?)),
        "LIKE " => {
            let mut pattern = String::from("^");
            for c in bare.chars() {
                match c {
                    '%' => pattern.push_str(".*"),
                    '_' => pattern.push('.'),
                    c if c.is_alphanumeric() => pattern.push(c),
                    c => {
                        pattern.push('\\');
                        pattern.push(c);
                    }
                }
            }
            pattern.push('$');
            Some(format!("{left} matches {}", crate::convert::regex(&pattern)?))
        }
        sign => ordered(sign),
    }
}
