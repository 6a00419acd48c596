//! JSON pointers (RFC 6901): how a place in a description is named.

/// The pointer of these members, from the root.
pub fn of<S: AsRef<str>>(parts: &[S]) -> String {
    parts.iter().fold(String::new(), |at, part| join(&at, part.as_ref()))
}

/// The pointer of a member of what `at` points to.
pub fn join(at: &str, part: &str) -> String {
    let mut out = String::with_capacity(at.len() + part.len() + 1);
    out.push_str(at);
    out.push('/');
    for c in part.chars() {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            c => out.push(c),
        }
    }
    out
}

/// The last part of a pointer, unescaped.
pub fn last(pointer: &str) -> String {
    pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

/// The pointer that a local reference holds: `#/definitions/A%20b` is `/definitions/A b`.
pub fn of_fragment(fragment: &str) -> String {
    let bytes = fragment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| fragment.get(at + 1..at + 3)).flatten();
        if let Some(value) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            out.push(value);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| fragment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        let pointer = of(&["paths", "/a/{b}", "x~y"]);
        assert_eq!(pointer, "/paths/~1a~1{b}/x~0y");
        assert_eq!(last(&pointer), "x~y");
        assert_eq!(last("/paths/~1a"), "/a");
    }

    #[test]
    fn fragments_are_percent_decoded_once() {
        assert_eq!(of_fragment("/definitions/A%20b%2Fc"), "/definitions/A b/c");
        assert_eq!(of_fragment("/a/100%"), "/a/100%");
        assert_eq!(of_fragment("/a/%zz%4"), "/a/%zz%4");
        assert_eq!(of_fragment("/a/%ff"), "/a/%ff");
    }
}
