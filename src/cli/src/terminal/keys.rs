//! Keys from the bytes a terminal sends.

use std::io::Read;

use tokio::sync::mpsc;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Up,
    Down,
    Left,
    Right,
    Enter,
    Backspace,
    Escape,
    /// Ctrl-D, or the end of the input.
    End,
    /// Any other control or function key.
    Other,
}

/// Keys of standard input as they come. The thread behind it ends with the process.
pub fn keys() -> mpsc::UnboundedReceiver<Key> {
    let (send, receive) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut parser = KeyParser::default();
        let mut bytes = [0_u8; 256];
        let mut stdin = std::io::stdin().lock();
        loop {
            let read = match stdin.read(&mut bytes) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for key in parser.feed(bytes.get(..read).unwrap_or_default()) {
                if send.send(key).is_err() {
                    return;
                }
            }
        }
        let _ = send.send(Key::End);
    });
    receive
}

/// Turns bytes into keys; keeps what is not complete for the next bytes.
#[derive(Debug, Default)]
pub struct KeyParser {
    rest: Vec<u8>,
}

impl KeyParser {
    /// The keys these bytes complete. An escape at the end of what came at once is the escape key.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.rest.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while let Some((key, used)) = next(&self.rest) {
            keys.push(key);
            self.rest.drain(..used.min(self.rest.len()));
        }
        keys
    }
}

/// The first key and how many bytes it took; none when more must come.
fn next(bytes: &[u8]) -> Option<(Key, usize)> {
    let (first, rest) = bytes.split_first()?;
    Some(match first {
        0x1b => return Some(escape(rest)),
        b'\r' | b'\n' => (Key::Enter, 1),
        0x7f | 0x08 => (Key::Backspace, 1),
        0x04 => (Key::End, 1),
        0x00..0x20 => (Key::Other, 1),
        _ => {
            let len = match first {
                0x00..0x80 => 1,
                0xc0..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0..0xf8 => 4,
                _ => return Some((Key::Other, 1)),
            };
            let text = bytes.get(..len)?;
            match std::str::from_utf8(text).ok().and_then(|t| t.chars().next()) {
                Some(c) => (Key::Char(c), len),
                None => (Key::Other, 1),
            }
        }
    })
}

/// What follows an escape: `[A`, `OA`, `[1;5B`, `[3~`, or nothing.
fn escape(rest: &[u8]) -> (Key, usize) {
    let Some(b'[' | b'O') = rest.first() else { return (Key::Escape, 1) };
    let last = rest.iter().skip(1).position(|b| (0x40..0x7f).contains(b));
    let Some(last) = last else { return (Key::Escape, 1 + rest.len()) };
    let key = match rest.get(last + 1) {
        Some(b'A') => Key::Up,
        Some(b'B') => Key::Down,
        Some(b'C') => Key::Right,
        Some(b'D') => Key::Left,
        _ => Key::Other,
    };
    (key, last + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(chunks: &[&[u8]]) -> Vec<Key> {
        let mut parser = KeyParser::default();
        chunks.iter().flat_map(|c| parser.feed(c)).collect()
    }

    #[test]
    fn keys_are_told_apart() {
        use Key::*;
        assert_eq!(fed(&[b"aj\x1b[A\x1bOB\r\x7f"]), [Char('a'), Char('j'), Up, Down, Enter, Backspace]);
        assert_eq!(fed(&[b"\x1b"]), [Escape]);
        assert_eq!(fed(&[b"\x1b[C\x1b[D"]), [Right, Left]);
        assert_eq!(fed(&[b"\x1b[3~x\x1b[1;5By"]), [Other, Char('x'), Down, Char('y')]);
        assert_eq!(fed(&["ä€🔥".as_bytes()]), [Char('ä'), Char('€'), Char('🔥')]);
        assert_eq!(fed(&[b"\x04\x01"]), [End, Other]);
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let bytes = "€".as_bytes();
        assert_eq!(fed(&[&bytes[..1], &bytes[1..2], &bytes[2..]]), [Key::Char('€')]);
    }

    #[test]
    fn broken_bytes_are_passed_over() {
        assert_eq!(fed(&[b"\xff\xc3(a"]), [Key::Other, Key::Other, Key::Char('('), Key::Char('a')]);
    }
}
