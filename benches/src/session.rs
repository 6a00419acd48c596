//! `rrb repl` as somebody feels it, in a pseudo-terminal that `script` of util-linux opens: from the start to the prompt, and from Tab to
//! what it completes. What the terminal itself takes is measured beside it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::report::table;

const ROUNDS: usize = 20;
/// What must appear is given up then.
const MOST: Duration = Duration::from_secs(20);

struct Terminal {
    script: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    fn open(folder: &Path, line: &str) -> Outcome<Self> {
        let mut command = Command::new("script");
        command.args(["-qfec", line, "/dev/null"]).current_dir(folder).env("NO_COLOR", "1").env("TERM", "xterm");
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let keys = script.stdin.take().ok_or("no keys")?;
        let screen = script.stdout.take().ok_or("no screen")?;
        Ok(Self { script, keys, screen, shown: String::new() })
    }

    /// Reads until `text` is shown behind what was read before.
    fn until(&mut self, text: &str) -> Outcome {
        let began = Instant::now();
        let mut bytes = [0_u8; 4096];
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return Ok(());
            }
            let n = self.screen.read(&mut bytes)?;
            if n == 0 || began.elapsed() > MOST {
                return Err(format!("no {text:?} in {:?}", self.shown).into());
            }
            self.shown.push_str(&String::from_utf8_lossy(bytes.get(..n).unwrap_or_default()));
        }
    }

    fn keys(&mut self, text: &str) -> Outcome {
        self.keys.write_all(text.as_bytes())?;
        Ok(self.keys.flush()?)
    }

    fn close(mut self) -> Outcome {
        drop(self.keys);
        self.script.kill()?;
        self.script.wait()?;
        Ok(())
    }
}

/// Start to prompt, and Tab.
pub fn run(rrb: &Path) -> Outcome {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("rrb.toml"), "[project]\nname = \"bench\"\n")?;
    std::fs::write(folder.path().join("a.rrb"), "use std.kubernetes\nfn measured_name(n: Int) -> Int { n }\n")?;
    let line = format!("{} repl --no-history", rrb.display());
    let (mut bare, mut start, mut tab) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut empty = Terminal::open(folder.path(), "echo 'rrb> '")?;
        empty.until("rrb> ")?;
        bare.push(began.elapsed());
        empty.close()?;
        let began = Instant::now();
        let mut session = Terminal::open(folder.path(), &line)?;
        session.until("rrb> ")?;
        start.push(began.elapsed());
        session.keys("measured_na")?;
        session.until("measured_na")?;
        std::thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        session.keys("\t")?;
        session.until("measured_name")?;
        tab.push(began.elapsed());
        session.close()?;
    }
    let row = |name: &str, mut all: Vec<Duration>, goal: &str| {
        all.sort_unstable();
        let at = |i: usize| all.get(i).map_or(0.0, |d| d.as_secs_f64() * 1e3);
        vec![
            name.to_owned(),
            format!("{:.1} ms", at(all.len() / 2)),
            format!("{:.1} ms", at(all.len() * 9 / 10)),
            goal.to_owned(),
        ]
    };
    table(
        "a session at a prompt",
        &["", "median", "p90", "goal"],
        &[
            row("a terminal that prints a word", bare, ""),
            row("start to prompt", start, "50 ms"),
            row("tab to completion", tab, "10 ms"),
        ],
    );
    Ok(())
}
