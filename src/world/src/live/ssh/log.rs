//! What the client says of itself: it tells a command that failed from a connection that did, and whether the command was sent.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::super::fail::unavailable;

/// The most that is read of a log, in bytes.
const MAX_LOG: u64 = 1 << 20;

/// The file the client writes to, beside the output of the command. Removed when dropped.
pub struct Log {
    pub path: PathBuf,
}

impl Log {
    /// A file of its own in a private folder.
    pub fn new(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(format!("log-{}", uuid::Uuid::new_v4().simple()));
        fs::write(&path, "")
            .map_err(|e| unavailable(format!("`{}` cannot be written: {}", path.display(), e.kind())))?;
        Ok(Self { path })
    }

    /// What stands in it.
    pub fn read(&self) -> Told {
        let mut text = Vec::new();
        if let Ok(file) = fs::File::open(&self.path) {
            let _ = file.take(MAX_LOG).read_to_end(&mut text);
        }
        Told::of(&String::from_utf8_lossy(&text))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What a log tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The command was sent.
    pub sent: bool,
    /// The other side told how the command ended.
    pub answered: bool,
    /// What the client complained of, without what it says for those who debug it.
    complaint: String,
}

impl Told {
    fn of(text: &str) -> Self {
        const SENT: [&str; 2] = ["Sending command: ", "mux_client_request_session: master session id"];
        const ANSWERED: [&str; 3] = ["Received exit status from master", "rtype exit-status", "rtype exit-signal"];
        let debug = |l: &&str| l.starts_with("debug");
        let has = |marks: &[&str]| text.lines().filter(debug).any(|l| marks.iter().any(|m| l.contains(m)));
        let is_noise = |l: &str| {
            let l = l.trim();
            l.is_empty()
                || l.starts_with("debug")
                || l.starts_with("Authenticated to ")
                || l.starts_with("OpenSSH_")
                || l.starts_with('@')
        };
        let said: Vec<&str> = text.lines().filter(|l| !is_noise(l)).map(str::trim).collect();
        let last = said.iter().rev().take(2).rev().copied().collect::<Vec<_>>().join(" ");
        Self { sent: has(&SENT), answered: has(&ANSWERED), complaint: last.chars().take(400).collect() }
    }

    /// What is known when the client failed.
    pub fn happened(&self) -> Happened {
        if self.sent { Happened::Maybe } else { Happened::No }
    }

    /// The failure of the client.
    pub fn failure(&self, shown: &str) -> Failure {
        let said = |part: &str| self.complaint.contains(part);
        let (kind, advice) = if self.sent {
            (FailureKind::Unavailable, "the connection broke")
        } else if said("Permission denied") || said("Too many authentication failures") {
            (FailureKind::Unauthorized, "no key was taken")
        } else if said("Host key verification failed") || said("IDENTIFICATION HAS CHANGED") {
            (FailureKind::Forbidden, "the host's key is not the one in `known_hosts`, or there is none")
        } else if said("timed out") {
            (FailureKind::Timeout, "no connection")
        } else if said("Bad configuration option") || said("invalid") {
            (FailureKind::Invalid, "the client cannot be run like this")
        } else {
            (FailureKind::Unavailable, "no connection")
        };
        let complaint = if self.complaint.is_empty() { String::new() } else { format!(": {}", self.complaint) };
        Failure::new(kind, format!("{shown}: {advice}{complaint}")).happened(self.happened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_was_sent_may_have_happened() {
        for (text, sent, answered) in [
            ("", false, false),
            ("debug1: Connecting to h\nssh: connect to host h port 22: Connection refused\n", false, false),
            ("debug1: Sending command: 'x'\n", true, false),
            ("debug1: mux_client_request_session: master session id: 2\n", true, false),
            (
                "debug1: Sending command: 'x'\ndebug1: client_input_channel_req: channel 0 rtype exit-status reply 0\n",
                true,
                true,
            ),
            (
                "debug1: mux_client_request_session: master session id: 2\ndebug2: Received exit status from master 255\n",
                true,
                true,
            ),
            // A banner of the server cannot claim either.
            ("Sending command: x\nReceived exit status from master 0\n", false, false),
        ] {
            let told = Told::of(text);
            assert_eq!((told.sent, told.answered), (sent, answered), "{text}");
        }
    }

    #[test]
    fn complaints_become_kinds() {
        for (line, kind) in [
            ("root@h: Permission denied (publickey).", FailureKind::Unauthorized),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
                FailureKind::Forbidden,
            ),
            ("ssh: connect to host h port 22: Connection refused", FailureKind::Unavailable),
            ("ssh: connect to host h port 22: Connection timed out", FailureKind::Timeout),
            ("ssh: Could not resolve hostname h: Name or service not known", FailureKind::Unavailable),
            ("", FailureKind::Unavailable),
        ] {
            let failure = Told::of(&format!("debug1: x\n{line}\n")).failure("`h`");
            assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{line}");
        }
        let broken = Told::of("debug1: Sending command: x\nConnection to h closed by remote host.\n").failure("`h`");
        assert_eq!((broken.kind, broken.happened), (FailureKind::Unavailable, Happened::Maybe));
        assert!(broken.message.contains("closed by remote host"), "{}", broken.message);
    }
}
