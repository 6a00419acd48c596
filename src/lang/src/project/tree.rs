//! TOML text → a tree that knows the place of every key and value.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::parse::shorten;
use super::{Toml, TomlKind, TomlTable};
use crate::diag::{Diagnostic, codes};
use crate::span::{FileId, Span};

/// More mistakes than a person reads; the rest usually follows from the first.
const MAX_ERRORS: usize = 20;

/// Reads TOML; what could be read is in the table even when there are diagnostics.
pub(super) fn read(file: FileId, text: &str) -> (TomlTable, Vec<Diagnostic>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { file, diagnostics: Vec::new() };
    for error in errors.iter().take(MAX_ERRORS) {
        let span = error.span().unwrap_or(0..0);
        let written = text.get(span.clone()).unwrap_or_default();
        reader.diagnostics.push(syntax_error(reader.span(span), error.message(), written));
    }
    let table = reader.table(root.get_ref());
    (table, reader.diagnostics)
}

fn syntax_error(span: Span, message: &str, written: &str) -> Diagnostic {
    if message.contains("duplicate key") {
        let message = format!("`{}` is written twice", shorten(written));
        return Diagnostic::error(codes::PROJECT_DUPLICATE_KEY, message, span, "stands above already")
            .help("keep one of the two");
    }
    let quotes = message.contains("must be quoted");
    let what = if quotes { "a text must be in quotes" } else { message.lines().next().unwrap_or_default() };
    let error = Diagnostic::error(codes::PROJECT_SYNTAX, format!("`rrb.toml` is not valid TOML: {what}"), span, "here");
    if quotes {
        error.help(format!("write `\"{}\"`", shorten(written)))
    } else {
        error.help("a table is `[name]`, a value `key = \"text\"`, one per line")
    }
}

struct Reader {
    file: FileId,
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span::new(self.file, at(range.start), at(range.end))
    }

    fn table(&mut self, table: &DeTable<'_>) -> TomlTable {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut out = TomlTable::new();
        for (key, value) in entries {
            let at = self.span(key.span());
            if let Some(value) = self.value(value, Some(at)) {
                out.insert(key.get_ref().as_ref().into(), value);
            }
        }
        out
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: Option<Span>) -> Option<Toml> {
        let span = self.span(value.span());
        let kind = match value.get_ref() {
            DeValue::String(s) => TomlKind::Text(s.as_ref().into()),
            DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
                Ok(n) => TomlKind::Int(n),
                Err(_) => return self.out_of_range(span, "a whole number has 64 bits"),
            },
            DeValue::Float(f) => match f.as_str().parse::<f64>() {
                Ok(n) if n.is_finite() => TomlKind::Float(n),
                _ => return self.out_of_range(span, "write a finite number"),
            },
            DeValue::Boolean(b) => TomlKind::Bool(*b),
            DeValue::Datetime(d) => TomlKind::Datetime(d.to_string().into()),
            DeValue::Array(items) => TomlKind::List(items.iter().filter_map(|v| self.value(v, None)).collect()),
            DeValue::Table(table) => TomlKind::Table(self.table(table)),
        };
        Some(Toml { kind, key: key.unwrap_or(span), span })
    }

    fn out_of_range(&mut self, span: Span, help: &str) -> Option<Toml> {
        let error = Diagnostic::error(codes::PROJECT_VALUE, "this number is out of range", span, "too large");
        self.diagnostics.push(error.help(help));
        None
    }
}
