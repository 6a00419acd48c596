//! A value as people read it: one line where it is short, a table for records of one shape, a tree for what nests, a line of bars for
//! what changes over time.

use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::{self, print};

use crate::out::Look;
use crate::text::{clean, columns, moment, truncate};

/// Rows of a table, or branches of a tree, that are shown.
pub const ROWS: usize = 1_000;
/// How deep a tree is shown.
const DEPTH: usize = 12;
/// The least columns that a cell is cut to.
const NARROW: usize = 6;
/// How many points a line of bars has at most.
const BARS: usize = 40;

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Leaf { text: String, kind: Leaf },
    List(Vec<Node>),
    Record(Vec<(String, Node)>),
}

/// What a leaf is, for its colour and side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf {
    Text,
    Number(f64),
    Time(i64),
    Word,
    Absent,
}

fn leaf(text: impl Into<String>, kind: Leaf) -> Node {
    Node::Leaf { text: text.into(), kind }
}

impl Node {
    /// What a value looks like.
    pub fn of(look: &Look, value: &Value) -> Self {
        Self::at(look, value, 0)
    }

    fn at(look: &Look, value: &Value, depth: usize) -> Self {
        if depth > 128 {
            return leaf("…", Leaf::Word);
        }
        let next = |v: &Value| Self::at(look, v, depth + 1);
        match value {
            Value::None | Value::Nothing => leaf("none", Leaf::Absent),
            Value::Bool(b) => leaf(b.to_string(), Leaf::Word),
            Value::Int(i) => leaf(i.to_string(), Leaf::Number(*i as f64)),
            Value::Float(f) => leaf(print::float(*f), Leaf::Number(*f)),
            Value::Duration(ms) => leaf(print::duration(*ms), Leaf::Number(*ms as f64)),
            Value::Size(bytes) => leaf(size(*bytes), Leaf::Number(*bytes as f64)),
            Value::Time(ms) => leaf(moment(*ms, &look.zone), Leaf::Time(*ms)),
            Value::Text(t) => leaf(t.as_str(), Leaf::Text),
            Value::Json(json) => Self::json(json, depth),
            Value::List(items) => Node::List(items.iter().map(next).collect()),
            Value::Set(items) => Node::List(items.iter().map(next).collect()),
            Value::Map(map) => Node::Record(map.iter().map(|(k, v)| (vm::display(k), next(v))).collect()),
            Value::Record(r) => {
                Node::Record(r.names.iter().zip(&r.values).map(|(n, v)| (n.to_string(), next(v))).collect())
            }
            Value::Variant(v) if !v.payload.is_empty() => {
                let payload = match v.payload.as_slice() {
                    [one] => next(one),
                    all => Node::List(all.iter().map(next).collect()),
                };
                Node::Record(vec![(v.name.to_string(), payload)])
            }
            other => leaf(vm::display(other), Leaf::Word),
        }
    }

    fn json(json: &Json, depth: usize) -> Self {
        if depth > 128 {
            return leaf("…", Leaf::Word);
        }
        match json {
            Json::Null => leaf("null", Leaf::Absent),
            Json::Bool(b) => leaf(b.to_string(), Leaf::Word),
            Json::Int(i) => leaf(i.to_string(), Leaf::Number(*i as f64)),
            Json::UInt(n) => leaf(n.to_string(), Leaf::Number(*n as f64)),
            Json::Float(f) => leaf(print::float(*f), Leaf::Number(*f)),
            Json::Text(t) => leaf(t.as_str(), Leaf::Text),
            Json::List(items) => Node::List(items.iter().map(|j| Self::json(j, depth + 1)).collect()),
            Json::Object(map) => {
                Node::Record(map.iter().map(|(k, v)| (k.to_string(), Self::json(v, depth + 1))).collect())
            }
        }
    }

    /// On one line; none when it nests or a text has several lines.
    fn line(&self, look: &Look, quoted: bool) -> Option<String> {
        match self {
            Node::Leaf { text, kind } => Some(painted(look, text, *kind, quoted)),
            Node::List(items) if items.is_empty() => Some("[]".to_owned()),
            Node::Record(fields) if fields.is_empty() => Some("{}".to_owned()),
            Node::List(items) => {
                if let Some(bars) = bars(items) {
                    return Some(bars);
                }
                let all: Option<Vec<String>> = items.iter().map(|i| i.line(look, true)).collect();
                all.map(|all| format!("[{}]", all.join(", ")))
            }
            Node::Record(fields) => {
                let one = |(name, node): &(String, Node)| Some(format!("{}: {}", key(name), node.line(look, true)?));
                let all: Option<Vec<String>> = fields.iter().map(one).collect();
                all.map(|all| format!("{{ {} }}", all.join(", ")))
            }
        }
    }

    /// In a cell: bare, on one line.
    fn cell(&self) -> String {
        match self {
            Node::Leaf { text, .. } => clean(text).into_owned(),
            other => other.line(&Look::plain(usize::MAX), true).unwrap_or_default(),
        }
    }

    fn is_flat(&self) -> bool {
        matches!(self, Node::Leaf { .. })
    }
}

/// A size in its largest unit, with a digit behind the point where it needs one: `1.5GiB`, where the language writes `1536MiB`.
fn size(bytes: i64) -> String {
    let magnitude = bytes.unsigned_abs();
    let (step, units): (u64, _) = match magnitude.is_multiple_of(1024) {
        true => (1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]),
        false => (1000, ["B", "KB", "MB", "GB", "TB", "PB"]),
    };
    let (mut unit, mut of) = (1_u64, "B");
    for name in units.into_iter().skip(1) {
        if magnitude < unit * step {
            break;
        }
        (unit, of) = (unit * step, name);
    }
    let sign = if bytes < 0 { "-" } else { "" };
    match magnitude.is_multiple_of(unit) {
        true => format!("{sign}{}{of}", magnitude / unit),
        false => format!("{sign}{:.1}{of}", magnitude as f64 / unit as f64),
    }
}

/// A name before a colon; in quotes where it is no word.
fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
    if plain { name.to_owned() } else { format!("{:?}", clean(name)) }
}

fn painted(look: &Look, text: &str, kind: Leaf, quoted: bool) -> String {
    match kind {
        Leaf::Text if quoted => look.good(quote(text)),
        Leaf::Text => clean(text).into_owned(),
        Leaf::Number(_) | Leaf::Time(_) => look.name(text),
        Leaf::Word => look.warn(clean(text)),
        Leaf::Absent => look.dim(text),
    }
}

/// A text as the language writes it.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    clean(&out).into_owned()
}

/// A value on one line, cut to the width of `look`.
pub fn line(look: &Look, value: &Value) -> String {
    let line = Node::of(look, value).line(look, true).unwrap_or_default();
    crate::terminal::cut(&line, look.width)
}

/// A value in lines of the width of `look`.
pub fn lines(look: &Look, value: &Value) -> Vec<String> {
    let node = Node::of(look, value);
    if let Node::Leaf { text, kind: Leaf::Text } = &node
        && text.contains('\n')
    {
        return text.lines().map(|l| clean(l).into_owned()).collect();
    }
    if let Node::List(items) = &node {
        if let Some(bars) = bars(items) {
            return vec![bars];
        }
        if let Some(table) = table(look, items) {
            return table;
        }
    }
    let line = node.line(look, true).filter(|l| bare(l) <= look.width.saturating_sub(2) && !is_wide(&node));
    line.map_or_else(|| tree(look, &node), |line| vec![line])
}

/// Whether a record is read better below itself than on a line.
fn is_wide(node: &Node) -> bool {
    match node {
        Node::Record(fields) => fields.len() > 3 || fields.iter().any(|(_, n)| !n.is_flat()),
        Node::List(items) => items.iter().any(|n| matches!(n, Node::Record(f) if !f.is_empty())),
        Node::Leaf { .. } => false,
    }
}

/// Columns without colour codes.
fn bare(line: &str) -> usize {
    let mut out = String::with_capacity(line.len());
    let mut code = false;
    for c in line.chars() {
        match (code, c) {
            (false, '\x1b') => code = true,
            (true, c) => code = !c.is_ascii_alphabetic(),
            (false, c) => out.push(c),
        }
    }
    columns(&out)
}

// ---- tables

/// Records of one shape as rows; none when they are no such list.
fn table(look: &Look, items: &[Node]) -> Option<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for item in items {
        let Node::Record(fields) = item else { return None };
        for (name, _) in fields {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    if names.is_empty() || names.len() > 40 {
        return None;
    }
    let shown: Vec<&Node> = items.iter().take(ROWS).collect();
    let cell = |item: &Node, name: &str| match item {
        Node::Record(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, n)| (n.cell(), is_number(n))),
        _ => None,
    };
    let grid: Vec<Vec<Option<(String, bool)>>> =
        shown.iter().map(|item| names.iter().map(|n| cell(item, n)).collect()).collect();
    let mut widths: Vec<usize> = names.iter().map(|n| columns(n)).collect();
    for row in &grid {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.as_ref().map_or(0, |(text, _)| columns(text)));
        }
    }
    let room = if look.cuts { look.width } else { usize::MAX };
    let kept = fit(&mut widths, room);
    let right: Vec<bool> = (0..kept)
        .map(|i| grid.iter().all(|row| row.get(i).is_none_or(|c| c.as_ref().is_none_or(|(_, n)| *n))))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded = cells.zip(&widths).zip(&right).map(|((text, width), right)| pad(&text, *width, *right));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = vec![look.dim(line(&mut names.iter().take(kept).map(|n| clean(n).into_owned())))];
    for row in &grid {
        let cells = row.iter().take(kept).map(|c| c.as_ref().map(|(t, _)| t.clone()).unwrap_or_default());
        out.push(line(&mut { cells }));
    }
    if kept < names.len() {
        let more = names.get(kept..).unwrap_or_default().join(", ");
        out.push(
            look.dim(truncate(
                &format!("and {}: {more}", crate::text::count(names.len() - kept, "column")),
                look.width,
            )),
        );
    }
    if items.len() > ROWS {
        out.push(look.dim(format!("and {} more", crate::text::count(items.len() - ROWS, "row"))));
    }
    Some(out)
}

fn is_number(node: &Node) -> bool {
    matches!(node, Node::Leaf { kind: Leaf::Number(_) | Leaf::Absent, .. })
}

/// Makes the widest columns narrower until all have room; how many have some.
fn fit(widths: &mut [usize], room: usize) -> usize {
    let total = |w: &[usize]| w.iter().sum::<usize>() + 2 * w.len().saturating_sub(1);
    while total(widths) > room {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= NARROW * 2 {
            break;
        }
        *widest -= 1;
    }
    let mut kept = widths.len();
    while kept > 1 && total(widths.get(..kept).unwrap_or_default()) > room {
        kept -= 1;
    }
    kept
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let text = truncate(text, width);
    let space = " ".repeat(width.saturating_sub(columns(&text)));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

// ---- trees

fn tree(look: &Look, node: &Node) -> Vec<String> {
    let mut out = Vec::new();
    branches(look, node, "", 0, &mut out);
    out
}

fn branches(look: &Look, node: &Node, before: &str, depth: usize, out: &mut Vec<String>) {
    let named: Vec<(Option<&str>, &Node)> = match node {
        Node::Record(fields) => fields.iter().map(|(n, v)| (Some(n.as_str()), v)).collect(),
        Node::List(items) => items.iter().map(|v| (None, v)).collect(),
        Node::Leaf { text, kind } => {
            let room = look.width.saturating_sub(columns(before)).max(20);
            let wrapped = crate::text::wrap(&painted(&Look::plain(room), text, *kind, true), room);
            return out.extend(wrapped.into_iter().map(|l| format!("{}{l}", look.dim(before))));
        }
    };
    if depth > DEPTH {
        return out.push(format!("{}…", look.dim(before)));
    }
    let count = named.len();
    let width = named.iter().filter_map(|(n, _)| n.map(|n| columns(&key(n)))).max().unwrap_or(0).min(24);
    for (i, (name, inner)) in named.into_iter().enumerate() {
        if out.len() > 4 * ROWS || i >= ROWS {
            return out.push(format!("{}{}", look.dim(before), look.dim(format!("… {} more", count - i))));
        }
        let last = i + 1 == count;
        let (here, below) = match (depth, last) {
            (0, _) => ("", ""),
            (_, true) => ("└ ", "  "),
            (_, false) => ("├ ", "│ "),
        };
        let label = name.map(|n| format!("{}:", key(n))).unwrap_or_else(|| "-".to_owned());
        let gap = if name.is_some() {
            " ".repeat((width + 2).saturating_sub(columns(&label)).max(1))
        } else {
            " ".to_owned()
        };
        let head = format!("{before}{here}");
        let room = look.width.saturating_sub(columns(&head) + columns(&label) + gap.len());
        let line = inner.line(look, true).filter(|l| bare(l) <= room && (inner.is_flat() || !is_wide(inner)));

        match line {
            Some(line) => out.push(format!("{}{}{gap}{}", look.dim(&head), look.bold(&label), line)),
            None if inner.is_flat() => {
                out.push(format!("{}{}", look.dim(&head), look.bold(&label)));
                branches(look, inner, &format!("{before}{below}  "), depth + 1, out);
            }
            None => {
                let table = match inner {
                    Node::List(items) => {
                        let narrow = Look { width: look.width.saturating_sub(columns(before) + 4), ..look.clone() };
                        self::table(&narrow, items)
                    }
                    _ => None,
                };
                out.push(format!("{}{}", look.dim(&head), look.bold(&label)));
                match table {
                    Some(lines) => {
                        out.extend(lines.into_iter().map(|l| format!("{}  {l}", look.dim(format!("{before}{below}")))))
                    }
                    None => branches(look, inner, &format!("{before}{below}"), depth + 1, out),
                }
            }
        }
    }
}

// ---- bars

/// Points of time with a number each, as bars: what a query over a range gives.
fn bars(items: &[Node]) -> Option<String> {
    let point = |n: &Node| match n {
        Node::Record(fields) if fields.len() == 2 => {
            let kinds = fields
                .iter()
                .filter_map(|(_, n)| if let Node::Leaf { kind, text } = n { Some((*kind, text)) } else { None });
            let mut at = None;
            let mut value = None;
            for (kind, text) in kinds {
                match kind {
                    Leaf::Time(ms) => at = Some(ms),
                    Leaf::Number(n) => value = Some((n, text.clone())),
                    _ => {}
                }
            }
            Some((at?, value?))
        }
        _ => None,
    };
    if items.len() < 3 {
        return None;
    }
    let points: Option<Vec<(i64, (f64, String))>> = items.iter().map(point).collect();
    let points = points?;
    let (first, last) = (points.first()?, points.last()?);
    let by = |a: &&(i64, (f64, String)), b: &&(i64, (f64, String))| a.1.0.total_cmp(&b.1.0);
    let (low, high) = (points.iter().min_by(by)?, points.iter().max_by(by)?);
    let values: Vec<f64> = points.iter().map(|(_, (v, _))| *v).collect();
    Some(format!(
        "{} {} … {}, last {} ({} over {})",
        spark(&values),
        low.1.1,
        high.1.1,
        last.1.1,
        crate::text::count(points.len(), "point"),
        crate::text::duration(last.0.saturating_sub(first.0)),
    ))
}

/// Numbers as bars of eight heights; more than [`BARS`] are averaged.
pub fn spark(values: &[f64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let size = values.len().div_ceil(BARS).max(1);
    let points: Vec<f64> = values.chunks(size).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let height = |v: f64| {
        let share = if high > low { (v - low) / (high - low) } else { 0.5 };
        let step = (share * 7.0).round();
        HEIGHTS.get(if step.is_finite() { step.clamp(0.0, 7.0) as usize } else { 0 }).copied().unwrap_or(' ')
    };
    points.into_iter().map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, n: i64) -> Value {
        Value::record([("name", Value::text(name)), ("n", Value::Int(n))])
    }

    fn shown(width: usize, value: &Value) -> String {
        lines(&Look::plain(width), value).join("\n")
    }

    #[test]
    fn short_values_stand_on_a_line() {
        for (value, text) in [
            (Value::Int(3), "3"),
            (Value::Float(2.0), "2.0"),
            (Value::text("a \"b\"\u{1b}[31m"), "\"a \\\"b\\\"\\u{1b}[31m\""),
            (Value::Duration(5_400_000), "1h30m"),
            (Value::Size(512 << 20), "512MiB"),
            (Value::Size(3 << 29), "1.5GiB"),
            (Value::Size(1_234_567), "1.2MB"),
            (Value::Size(-17), "-17B"),
            (Value::Size(i64::MAX), "9223.4PB"),
            (Value::Time(0), "1970-01-01 00:00:00"),
            (Value::None, "none"),
            (Value::list([]), "[]"),
            (Value::list([Value::Int(1), Value::text("x")]), "[1, \"x\"]"),
            (Value::record([("a", Value::Int(1))]), "{ a: 1 }"),
        ] {
            assert_eq!(shown(80, &value), text);
        }
    }

    #[test]
    fn records_of_one_shape_are_a_table() {
        let value = Value::list([row("one", 1), row("twenty", 20)]);
        assert_eq!(shown(80, &value), "name     n\none      1\ntwenty  20");
        let objects = Json::List(std::sync::Arc::new(vec![
            Json::object([("a", Json::Int(1))]),
            Json::object([("b", Json::Null)]),
        ]));
        assert_eq!(shown(80, &Value::Json(objects)), "a     b\n1\n   null");
    }

    #[test]
    fn a_table_keeps_to_the_width() {
        let wide = |i: i64| {
            Value::record([
                ("a", Value::text("x".repeat(60))),
                ("b", Value::text("日本語".repeat(20))),
                ("c", Value::Int(i)),
            ])
        };
        for width in [40, 60, 100] {
            let text = shown(width, &Value::list([wide(1), wide(2)]));
            assert!(text.lines().all(|l| columns(l) <= width), "{width}:\n{text}");
        }
        let many: Vec<(String, Value)> = (0..30).map(|i| (format!("column_{i}"), Value::Int(i))).collect();
        let many = Value::record(many.iter().map(|(n, v)| (n.as_str(), v.clone())));
        let text = shown(40, &Value::list([many]));
        assert!(text.lines().all(|l| columns(l) <= 40) && text.contains("and 26 columns"), "{text}");
    }

    #[test]
    fn what_nests_is_a_tree() {
        let value = Value::record([
            ("name", Value::text("web")),
            (
                "labels",
                Value::record([
                    ("app", Value::text("shop")),
                    ("tier", Value::text("front")),
                    ("deep", Value::record([("x", Value::Int(1))])),
                ]),
            ),
            ("pods", Value::list([row("a", 1), row("b", 2)])),
        ]);
        insta::assert_snapshot!(shown(60, &value), @r#"
        name:   "web"
        labels:
        ├ app:  "shop"
        ├ tier: "front"
        └ deep: { x: 1 }
        pods:
          name  n
          a     1
          b     2
        "#);
    }

    #[test]
    fn points_of_time_are_bars() {
        let point = |i: i64| Value::record([("at", Value::Time(i * 60_000)), ("value", Value::Float(i as f64))]);
        let series = Value::list((0..8).map(point));
        assert_eq!(shown(100, &series), "▁▂▃▄▅▆▇█ 0.0 … 7.0, last 7.0 (8 points over 7m)");
        assert_eq!(spark(&[1.0, 1.0]), "▅▅");
        assert_eq!(spark(&[]), "");
        assert_eq!(spark(&vec![0.5; 1000]).chars().count(), 40);
        let named = Value::list([Value::record([("labels", Value::text("a")), ("points", series)])]);
        assert!(shown(120, &named).contains("▁▂▃"), "{}", shown(120, &named));
    }

    #[test]
    fn a_long_text_is_wrapped_and_one_of_lines_is_lines() {
        assert_eq!(shown(80, &Value::text("a\nb\u{1b}")), "a\nb\\u{1b}");
        assert!(shown(40, &Value::text("word ".repeat(30))).lines().all(|l| columns(l) <= 40));
    }

    #[test]
    fn what_is_very_large_is_cut() {
        let rows = Value::list((0..ROWS as i64 + 5).map(|i| row("x", i)));
        assert!(shown(80, &rows).ends_with("and 5 rows more"));
        let deep = (0..200).fold(Value::Int(1), |v, _| Value::record([("a", v), ("b", Value::list([]))]));
        assert!(shown(80, &deep).lines().count() < 100);
    }
}
