//! Programs that are started: with hardly anything of our environment, and ended with all that they started.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(2);

/// Variables that a program gets from the engine's environment.
const PASSED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];

/// A program in a process group of its own, without our environment, whose outputs are read and which is given nothing to read.
pub(crate) fn bare(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir("/").env_clear().process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The process group of a program. Ends it when dropped before the program's own end.
pub(crate) struct Group {
    pid: Option<Pid>,
}

impl Group {
    pub fn of(child: &Child) -> Self {
        Self { pid: child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) }
    }

    /// The program came to its end by itself: what it left behind stays.
    pub fn ended(&mut self) {
        self.pid = None;
    }

    fn signal(&self, signal: Signal) -> bool {
        self.pid.is_some_and(|pid| kill_process_group(pid, signal).is_ok())
    }

    /// Asks the group to end, then makes it.
    pub async fn end(&mut self, child: &mut Child) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(GRACE, self.gone(child)).await.is_err() {
            self.signal(Signal::KILL);
            let _ = tokio::time::timeout(GRACE, self.gone(child)).await;
        }
        self.pid = None;
    }

    /// Returns when the program is gone, and all that it started too, which may take longer.
    async fn gone(&self, child: &mut Child) {
        let _ = child.wait().await;
        while self.pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
