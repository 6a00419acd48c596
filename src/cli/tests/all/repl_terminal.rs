//! `rrb repl` in a real pseudo-terminal, which `script` of util-linux opens: keys in, a screen out.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::command::folder;
use super::repl::PROJECT;

/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// A person at a terminal.
struct Terminal {
    script: Child,
    keys: Option<ChildStdin>,
    screen: Arc<Mutex<Vec<u8>>>,
    /// What has been looked at.
    seen: usize,
    /// A file that holds the terminal's name.
    tty: std::path::PathBuf,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.keys.take());
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// How the terminal is.
struct Shape<'a> {
    columns: u16,
    args: &'a str,
    color: bool,
    /// Besides the few variables that every one has.
    env: &'a [(&'a str, &'a str)],
}

const PLAIN: Shape<'static> = Shape { columns: 100, args: "", color: false, env: &[] };

impl Terminal {
    fn open(dir: &Path, shape: &Shape<'_>) -> Self {
        let tty = dir.join("tty-name");
        let line = format!(
            "tty > {}; stty cols {} rows 24; exec {} repl {}",
            tty.display(),
            shape.columns,
            env!("CARGO_BIN_EXE_rrb"),
            shape.args
        );
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).current_dir(dir);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", dir)
            .env("TZ", "UTC")
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh");
        command.env("LANG", "C.UTF-8").env("PAGER", "cat");
        if !shape.color {
            command.env("NO_COLOR", "1");
        }
        command.envs(shape.env.iter().copied());
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (keys, mut out) = (script.stdin.take(), script.stdout.take().unwrap());
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0_u8; 4096];
            while let Ok(n) = out.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                shared.lock().unwrap().extend_from_slice(&bytes[..n]);
            }
        });
        let mut terminal = Self { script, keys, screen, seen: 0, tty };
        terminal.wait("rrb> ");
        terminal
    }

    fn keys(&mut self, text: &str) {
        let keys = self.keys.as_mut().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    /// A line, and what it gives; up to the next prompt.
    fn line(&mut self, text: &str, gives: &str) {
        self.keys(&format!("{text}\r"));
        self.wait(gives);
        self.wait("rrb> ");
    }

    fn all(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until the screen shows it, behind what was waited for before.
    fn wait(&mut self, text: &str) {
        let began = Instant::now();
        loop {
            let all = bare(&self.all());
            let rest = all.get(self.seen.min(all.len())..).unwrap_or_default();
            if let Some(at) = rest.find(text) {
                self.seen = self.seen.min(all.len()) + at + text.len();
                return;
            }
            assert!(began.elapsed() < SOON, "no {text:?} in {rest:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some(status) = self.script.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

/// What a terminal shows of a text, without colours and moves of the cursor.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' if chars.peek() == Some(&'[') => {
                chars.next();
                for c in chars.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            }
            '\x1b' => drop(chars.next()),
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

#[test]
fn it_is_typed_edited_and_left() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.line("1 + 1", "2  _1: Int");
    // Back over a slip, home, and a character put in there.
    t.line("20 + 3x\x7f\x01\x1b[C0", "203  _2: Int");
    t.line("it * 2", "406");
    t.keys("\x04");
    assert_eq!(t.end(), Some(0));
}

#[test]
fn lines_go_on_until_they_are_whole() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.keys("fn area(a: Int,\r");
    t.keys("b: Int) -> Int {\r");
    t.keys("a * b\r");
    t.keys("}\r");
    t.wait("fn area");
    t.wait("rrb> ");
    t.line("area(6, 7)", "42");
    // Two mistakes later it is still there.
    t.line("area(1)", "rrb::");
    t.line(")", "rrb::");
    t.line(":quti", "did you mean `:quit`?");
    t.line("area(1, 1)", "1  _2: Int");
    t.keys(":quit\r");
    assert_eq!(t.end(), Some(0));
}

#[test]
fn tab_completes() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.keys(":expl\t");
    t.wait(":explain");
    t.keys("\x15");
    t.keys("twi\t(4)\r");
    t.wait("8  _1: Int");
    t.keys(":plan cle\t");
    t.wait(":plan clean");
    t.keys("\x15:load lib/th\t");
    t.wait("lib/things.rrb");
}

#[test]
fn ctrl_c_stops_an_evaluation_and_not_the_session() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.line("let kept = 7", "kept: Int");
    t.keys("wait 10m\r");
    std::thread::sleep(Duration::from_millis(700));
    t.keys("\x03");
    t.wait("interrupted");
    t.wait("rrb> ");
    // At the prompt it takes the line away.
    t.keys("nonsense\x03");
    t.wait("rrb> ");
    t.line("kept", "7");
}

#[test]
fn an_expression_is_watched_until_ctrl_c() {
    let dir = folder(PROJECT);
    std::fs::write(dir.path().join("n"), "one").unwrap();
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.keys(&format!(":watch file.read(\"{}\") every 100ms\r", dir.path().join("n").display()));
    t.wait("\"one\"");
    std::fs::write(dir.path().join("n"), "two").unwrap();
    t.wait("\"two\"");
    t.keys("\x03");
    t.wait("rrb> ");
    t.line("1 + 1", "2");
}

#[test]
fn a_terminal_that_changes_its_size_is_kept_to() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    let wide = "[{ a: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", b: \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\" }]";
    t.line(wide, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
    let name = std::fs::read_to_string(&t.tty).unwrap();
    let resized = Command::new("stty").args(["-F", name.trim(), "cols", "50"]).status().unwrap();
    assert!(resized.success());
    t.keys("it\r");
    t.wait("yyy…");
    t.wait("rrb> ");
}

#[test]
fn a_narrow_terminal_and_wide_characters() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &Shape { columns: 40, ..PLAIN });
    t.line("\"日本語 🔥 é\".len()", "_1: Int");
    t.line("[{ name: \"日本語日本語日本語日本語日本語日本語日本語\", n: 1 }]", "…");
    t.line("\"ünï\" + \"→\"", "\"ünï→\"");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.line("\"text\"", "\"text\"");
    assert!(!t.all().contains("\x1b[3"), "{:?}", t.all());
    let mut t = Terminal::open(dir.path(), &Shape { color: true, ..PLAIN });
    t.line("\"text\"", "\"text\"  _1: Text");
    assert!(t.all().contains("\x1b[32m"), "{:?}", t.all());
}

#[test]
fn a_thousand_lines_are_pasted() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    let mut text = String::from("\x1b[200~");
    for i in 0..1_000 {
        text.push_str(&format!("let line_{i} = {i}\n"));
    }
    text.push_str("line_999 + 1\x1b[201~\r");
    // A terminal takes only so much at once.
    for part in text.as_bytes().chunks(512) {
        t.keys(std::str::from_utf8(part).unwrap());
        std::thread::sleep(Duration::from_millis(2));
    }
    let began = Instant::now();
    while !bare(&t.all()).contains("1000  _1: Int") {
        assert!(began.elapsed() < 8 * SOON, "{}", &bare(&t.all())[bare(&t.all()).len().saturating_sub(500)..]);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_history_is_kept_searched_and_of_this_project_alone() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.line("\"remember me\"", "_1: Text");
    // What begins with a space is not kept.
    t.line(" \"secret thing\"", "_2: Text");
    t.keys("\x04");
    assert_eq!(t.end(), Some(0));
    let mut t = Terminal::open(dir.path(), &PLAIN);
    t.keys("\x12remem");
    t.wait("remember me");
    t.keys("\r");
    t.wait("_1: Text");
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir.path().join(".local/state/rrb/repl")).unwrap() {
        found.push(std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    assert!(found.len() == 1 && found[0].contains("remember me") && !found[0].contains("secret thing"), "{found:?}");
    let other = folder(&[("rrb.toml", "")]);
    let mut t = Terminal::open(other.path(), &PLAIN);
    t.keys("\x1b[A");
    t.line("3", "3  _1: Int");
}

#[test]
fn a_history_that_cannot_be_read_is_said_and_is_no_end() {
    for damage in ["no text", "a folder"] {
        let dir = folder(PROJECT);
        let mut t = Terminal::open(dir.path(), &PLAIN);
        t.line("1", "1  _1: Int");
        t.keys("\x04");
        assert_eq!(t.end(), Some(0));
        let file = std::fs::read_dir(dir.path().join(".local/state/rrb/repl")).unwrap().next().unwrap().unwrap().path();
        match damage {
            "no text" => std::fs::write(&file, b"\xff\xfe\x00garbage\xff").unwrap(),
            _ => {
                std::fs::remove_file(&file).unwrap();
                std::fs::create_dir(&file).unwrap();
            }
        }
        let mut t = Terminal::open(dir.path(), &PLAIN);
        assert!(bare(&t.all()).contains("cannot be read"), "{damage}: {}", t.all());
        t.line("2", "2  _1: Int");
    }
}

#[test]
fn live_asks_and_shows_who_it_is() {
    let dir = folder(PROJECT);
    let mut t = Terminal::open(dir.path(), &Shape { args: "--as ana", ..PLAIN });
    t.keys(":live\r");
    t.wait("Type yes to go on:");
    t.keys("no\r");
    t.wait("not agreed");
    t.wait("rrb> ");
    t.keys(":live\r");
    t.wait("Type yes to go on:");
    t.keys("yes\r");
    t.wait("live ana> ");
    t.keys("log \"hello from here\"\r");
    t.wait("hello from here");
    t.wait("live ana> ");
    t.keys(":live off\r");
    t.wait("not live any more");
    t.wait("rrb> ");
    t.keys("\x04");
    assert_eq!(t.end(), Some(0));
}

/// A program of this name in the folder `bin`, and the `PATH` that finds it first.
fn program(dir: &Path, name: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", bin.display())
}

#[test]
fn what_was_typed_is_edited_and_taken_again() {
    let dir = folder(PROJECT);
    let editor = "cp \"$1\" \"$HOME/before\"; ls -ld \"$(dirname \"$1\")\" > \"$HOME/folder\"; cat \"$HOME/after\" > \"$1\"; exit $(cat \"$HOME/exit\")";
    let path = program(dir.path(), "my-editor", editor);
    let home = |name: &str| dir.path().join(name);
    std::fs::write(home("exit"), "0").unwrap();
    std::fs::write(home("after"), "fn area(n: Int) -> Int {\n  n * n\n}\n").unwrap();
    let mut t = Terminal::open(dir.path(), &Shape { env: &[("PATH", &path), ("EDITOR", "my-editor")], ..PLAIN });
    t.line("fn area(n: Int) -> Int { n }", "fn area");
    t.line(":edit area", "n * n");
    t.line("area(7)", "49  _1: Int");
    assert_eq!(std::fs::read_to_string(home("before")).unwrap().trim(), "fn area(n: Int) -> Int { n }");
    assert!(std::fs::read_to_string(home("folder")).unwrap().starts_with("drwx------"), "others could read it");
    // Without a name the last input is edited.
    std::fs::write(home("after"), "area(3) + 1\n").unwrap();
    t.line(":edit", "10  _2: Int");
    assert_eq!(std::fs::read_to_string(home("before")).unwrap().trim(), "area(7)");
    t.line(":edit", "nothing was changed");
    // An editor that was left with an error changes nothing; so does one that is not there.
    std::fs::write(home("after"), "fail \"never\"").unwrap();
    std::fs::write(home("exit"), "3").unwrap();
    t.line(":edit", "nothing is taken");
    t.line(":edit nonsense", "nothing here is called `nonsense`");
    // A module of the project is read anew.
    std::fs::write(home("exit"), "0").unwrap();
    std::fs::write(home("after"), "fn thrice(n: Int) -> Int { n * 3 }\n").unwrap();
    t.line(":edit lib.things", "read 1 module");
    t.line("thrice(5)", "15");
    std::fs::remove_file(home("bin/my-editor")).unwrap();
    t.line(":edit", "cannot start the editor `my-editor`");
    t.line("area(2)", "4");
}

#[test]
fn results_are_handed_to_a_clipboard() {
    let dir = folder(PROJECT);
    let path = program(dir.path(), "wl-copy", "cat > \"$HOME/copied\"");
    let mut t = Terminal::open(dir.path(), &Shape { env: &[("PATH", &path)], ..PLAIN });
    t.line(":copy", "there is no result yet");
    t.line("{ a: [1, 2] }", "_1");
    t.line(":copy", "copied with wl-copy");
    let copied = std::fs::read_to_string(dir.path().join("copied")).unwrap();
    assert_eq!(copied.split_whitespace().collect::<String>(), "{\"a\":[1,2]}");
    // Where no program takes it, the terminal may: base64 of `text` in its own sequence.
    for name in ["wl-copy", "xclip", "xsel", "pbcopy"] {
        program(dir.path(), name, "cat > /dev/null; exit 1");
    }
    t.line("\"text\"", "_2: Text");
    t.line(":copy", "handed to the terminal");
    assert!(t.all().contains("\x1b]52;c;dGV4dA==\x07"), "{:?}", t.all());
}

#[test]
fn what_is_longer_than_the_terminal_goes_through_a_pager() {
    let dir = folder(PROJECT);
    let path = program(dir.path(), "page", "cat > \"$HOME/paged\"; echo \"turned $1\"");
    let mut t = Terminal::open(dir.path(), &Shape { env: &[("PATH", &path), ("PAGER", "page over")], ..PLAIN });
    t.line("[1, 2]", "_1");
    assert!(!dir.path().join("paged").exists());
    t.line(":help", "turned over");
    let paged = std::fs::read_to_string(dir.path().join("paged")).unwrap();
    assert!(paged.contains(":save-runbook FILE") && paged.contains("Ctrl-D"), "{paged}");
    t.line(":set pager off", "rrb> ");
    std::fs::remove_file(dir.path().join("paged")).unwrap();
    t.line(":help", ":quit");
    assert!(!dir.path().join("paged").exists());
    // A pager that is not there is no end.
    t.line(":set pager on", "rrb> ");
    std::fs::remove_file(dir.path().join("bin/page")).unwrap();
    t.line(":help", ":quit");
}

#[test]
fn help_keeps_to_a_narrow_terminal() {
    let dir = folder(PROJECT);
    for columns in [40_u16, 72, 100] {
        let mut t = Terminal::open(dir.path(), &Shape { columns, ..PLAIN });
        let from = bare(&t.all()).len();
        t.line(":help", "Ctrl-D");
        let all = bare(&t.all());
        let longest = all[from..].lines().map(|l| l.trim_end().chars().count()).max().unwrap();
        assert!(longest <= usize::from(columns), "{columns}: {}", &all[from..]);
        // A line that is cut ends so.
        assert!(all[from..].lines().all(|l| !l.ends_with('…')), "{columns}: {}", &all[from..]);
    }
}

#[test]
fn a_run_that_waits_for_people_is_approved_from_the_same_session() {
    let dir = folder(PROJECT);
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "here").unwrap();
    let made = super::command::rrb(
        dir.path(),
        &["token", "create", "b", "--user", "bo", "--scope", "approvals:read", "--scope", "approvals:vote"],
    );
    let token = super::command::stdout(&made).trim().to_owned();
    let mut t = Terminal::open(dir.path(), &Shape { args: "--as ana", env: &[("RRB_TOKEN", &token)], ..PLAIN });
    t.keys(":live yes\r");
    t.wait("live ana> ");
    let ask = |t: &mut Terminal| {
        t.keys(&format!(
            "approve \"Delete it?\" from group(\"sre\") {{ do system.delete_file(\"{}\") }}\r",
            victim.display()
        ));
        t.wait("waits for");
        t.wait("live ana> ");
        let shown = t.seen;
        t.keys(":approvals\r");
        t.wait("Delete it?");
        t.wait("live ana> ");
        let all = bare(&t.all());
        let row = all[shown..].lines().find(|l| l.contains("Delete it?") && !l.contains("approve")).unwrap();
        row.split_whitespace().next().unwrap().to_owned()
    };
    let id = ask(&mut t);
    t.keys(&format!(":deny {id} --comment \"not now\"\r"));
    t.wait("live ana> ");
    assert!(victim.exists(), "{}", t.all());
    let id = ask(&mut t);
    t.keys(&format!(":approve {id} --comment fine\r"));
    t.wait("live ana> ");
    let began = Instant::now();
    while victim.exists() {
        assert!(began.elapsed() < SOON, "{}", t.all());
        std::thread::sleep(Duration::from_millis(20));
    }
    t.keys(":live off\r");
    t.wait("not live any more");
    t.keys("\x04");
    assert_eq!(t.end(), Some(0));
    let audit = super::command::stdout(&super::command::rrb(dir.path(), &["audit", "show", "--json"]));
    assert!(audit.contains("user:bo") && audit.contains("user:ana (repl)"), "{audit}");
}
