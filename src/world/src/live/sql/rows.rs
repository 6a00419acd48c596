//! Rows as they are given, and how many.

use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::super::fail::invalid;

/// The most bytes of rows.
pub const MAX_BYTES: usize = 1 << 20;

/// What a value takes beside its text.
const OVERHEAD: usize = 16;

/// A row: an object of its columns.
#[derive(Debug)]
pub struct Row(Json);

impl Row {
    /// From columns in order.
    pub fn new(columns: impl IntoIterator<Item = (String, Json)>) -> Self {
        Self(Json::object(columns))
    }

    /// As Json.
    pub fn into_value(self) -> Value {
        Value::Json(self.0)
    }
}

/// Rows are taken as far as bounds allow.
#[derive(Debug)]
pub struct Rows {
    rows: Vec<Row>,
    max_rows: usize,
    bytes: usize,
}

impl Rows {
    /// At most `max_rows`.
    pub fn new(max_rows: usize) -> Self {
        Self { rows: Vec::new(), max_rows, bytes: 0 }
    }

    /// Takes one more row.
    pub fn push(&mut self, columns: Vec<(String, Json)>) -> Result<(), Failure> {
        if self.rows.len() >= self.max_rows {
            return Err(invalid(format!(
                "there are more than {} rows: ask for fewer with `LIMIT`, or set `max_rows`",
                self.max_rows
            )));
        }
        self.bytes += columns.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>();
        if self.bytes > MAX_BYTES {
            return Err(invalid("the rows are more than 1 MiB: ask for fewer rows or columns"));
        }
        self.rows.push(Row::new(columns));
        Ok(())
    }

    /// Those taken.
    pub fn into_vec(self) -> Vec<Row> {
        self.rows
    }
}

/// What a value takes, roughly; JSON of a column is bounded in depth by its parser.
fn size(value: &Json) -> usize {
    OVERHEAD
        + match value {
            Json::Text(t) => t.len(),
            Json::List(items) => items.iter().map(size).sum(),
            Json::Object(members) => members.iter().map(|(k, v)| k.len() + size(v)).sum(),
            _ => 0,
        }
}

/// Refuses columns that would hide each other.
pub fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(invalid(format!("two columns are called `{name}`: give one another name with `AS`")));
        }
    }
    Ok(())
}

/// JSON of a column.
pub fn json(bytes: &[u8]) -> Result<Json, Failure> {
    rrb_lang::json::parse(bytes, rrb_lang::json::Bounds::default())
        .map_err(|e| invalid(format!("a column holds JSON that cannot be taken: {e}")))
}

/// Bytes of a column.
pub fn base64(bytes: &[u8]) -> Json {
    use base64::Engine as _;
    Json::from(base64::engine::general_purpose::STANDARD.encode(bytes).as_str())
}

/// A number that JSON may not have (`NaN`, infinite) is a text.
pub fn float(value: f64) -> Json {
    match value {
        v if v.is_finite() => Json::Float(v),
        v if v.is_nan() => Json::from("NaN"),
        v if v > 0.0 => Json::from("Infinity"),
        _ => Json::from("-Infinity"),
    }
}
