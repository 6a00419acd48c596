//! Small questions about a text.

/// Whether a character can be part of a name.
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether the bytes from `start` up to `end` are a word by themselves.
pub fn is_word(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).is_some_and(|t| t.ends_with(is_name_char));
    let behind = text.get(end..).is_some_and(|t| t.starts_with(is_name_char));
    start < end && !before && !behind
}

/// Whether a text can be a name of a value (`snake_case`) or a type (`PascalCase`).
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_name_char)
}

/// The nearest place at or before `offset` that is between two characters.
pub fn boundary(text: &str, offset: u32) -> usize {
    let mut at = (offset as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The spaces that a line begins with, of the line that `at` is in.
pub fn indent(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let line = text.get(start..).unwrap_or_default();
    let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// The place where the line of `at` begins.
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_whole() {
        assert!(is_word("a b", 2, 3));
        assert!(!is_word("ab", 1, 2) && !is_word("ab", 0, 1) && !is_word("a", 0, 0) && !is_word("a_", 0, 1));
        assert!(is_word("„a“", 3, 4));
    }

    #[test]
    fn places_inside_of_characters_are_moved() {
        assert_eq!(boundary("ä", 1), 0);
        assert_eq!(boundary("ä", 2), 2);
        assert_eq!(boundary("", 9), 0);
    }

    #[test]
    fn names_begin_with_a_letter() {
        assert!(is_name("a1") && is_name("_x"));
        assert!(!is_name("") && !is_name("1a") && !is_name("a b") && !is_name("ä"));
    }

    #[test]
    fn the_indent_is_that_of_the_line() {
        assert_eq!(indent("a\n  b c", 6), "  ");
        assert_eq!(indent("", 0), "");
        assert_eq!(line_start("a\nb", 3), 2);
    }
}
