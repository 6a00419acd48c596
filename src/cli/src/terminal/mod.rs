//! The terminal as a place to draw: keys without echo, and lines at the bottom that are drawn over.

mod keys;
mod panel;

use std::io::IsTerminal;
use std::sync::Mutex;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

pub use keys::{Key, KeyParser, keys};
pub use panel::{Panel, cut, rows};

/// How the terminal was before, while it is changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Keys come one by one and are not echoed, until this is dropped. Ctrl-C still interrupts.
#[derive(Debug)]
pub struct KeyMode(());

impl KeyMode {
    /// Changes the terminal; none when standard input is no terminal.
    pub fn enter() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        *BEFORE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(before);
        tcsetattr(&stdin, OptionalActions::Now, &now).ok()?;
        Some(Self(()))
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was. Safe at any time, also when nothing was changed.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    if let Some(before) = before {
        // When this fails the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
}
