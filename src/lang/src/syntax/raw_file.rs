//! What some editors put into a file that is no text of it: a byte order mark, and carriage returns before the line ends.

use std::borrow::Cow;

/// What stands at the start of a file to say that it is UTF-8, which every source file is.
const MARK: char = '\u{feff}';

/// The text with spaces for a byte order mark, so that every place in it stays where it is.
pub(super) fn unmarked(text: &str) -> Cow<'_, str> {
    match text.strip_prefix(MARK) {
        Some(rest) => Cow::Owned(format!("{:width$}{rest}", "", width = MARK.len_utf8())),
        None => Cow::Borrowed(text),
    }
}

/// The text without a byte order mark, its lines ended by `\n` alone.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}
