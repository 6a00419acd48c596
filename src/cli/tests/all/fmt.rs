//! `rrb fmt`.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::command::{code, folder, rrb, stderr, stdout};

const LOOSE: &str = "let   a=1\n\n\n\nlet b = [1,2] // two\n";
const NEAT: &str = "let a = 1\n\nlet b = [1, 2] // two\n";

#[test]
fn files_of_the_project_are_written_and_named() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", LOOSE), ("lib/b.rrb", NEAT), ("notes.txt", "let   a=1")]);
    let output = rrb(dir.path(), &["fmt"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output), "a.rrb\n1 file formatted, 1 unchanged\n");
    assert_eq!(std::fs::read_to_string(dir.path().join("a.rrb")).unwrap(), NEAT);
    assert_eq!(std::fs::read_to_string(dir.path().join("notes.txt")).unwrap(), "let   a=1");
    assert_eq!(stdout(&rrb(dir.path(), &["fmt"])), "0 files formatted, 2 unchanged\n");
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn check_and_diff_write_nothing() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", LOOSE)]);
    let check = rrb(dir.path(), &["fmt", "--check"]);
    assert_eq!((code(&check), stdout(&check).as_str()), (1, "a.rrb\n1 file would change, 0 unchanged\n"));
    let diff = rrb(dir.path(), &["fmt", "--diff", "a.rrb"]);
    assert_eq!(code(&diff), 1);
    assert!(stdout(&diff).contains("-let   a=1\n+let a = 1\n"), "{}", stdout(&diff));
    assert_eq!(std::fs::read_to_string(dir.path().join("a.rrb")).unwrap(), LOOSE);
}

#[test]
fn what_cannot_be_seen_is_shown_as_a_difference() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "\u{feff}let a = 1\r\n")]);
    let diff = rrb(dir.path(), &["fmt", "--diff", "a.rrb"]);
    assert_eq!(code(&diff), 1);
    assert!(stdout(&diff).contains("-<U+FEFF>let a = 1␍\n+let a = 1\n"), "{}", stdout(&diff));
    assert_eq!(code(&rrb(dir.path(), &["fmt"])), 0);
    assert_eq!(std::fs::read_to_string(dir.path().join("a.rrb")).unwrap(), "let a = 1\n");
    assert_eq!(code(&rrb(dir.path(), &["fmt", "--check"])), 0);
}

#[test]
fn what_cannot_be_read_stays_with_its_mistakes() {
    let broken = "fn f( {\n";
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", broken), ("b.rrb", LOOSE)]);
    std::fs::write(dir.path().join("c.rrb"), b"let a = \xff\n").unwrap();
    let output = rrb(dir.path(), &["fmt"]);
    assert_eq!(code(&output), 1);
    let said = stdout(&output);
    assert!(
        said.contains("rrb::syntax::") && said.contains("c.rrb: error: cannot read: byte 8 is not UTF-8"),
        "{said}"
    );
    assert!(said.ends_with("1 file formatted, 0 unchanged, 2 left as they are because of errors\n"), "{said}");
    assert_eq!(std::fs::read_to_string(dir.path().join("a.rrb")).unwrap(), broken);
    assert_eq!(std::fs::read_to_string(dir.path().join("b.rrb")).unwrap(), NEAT);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let dir = folder(&[]);
    let pipe = |text: &str, args: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rrb"))
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let good = pipe(LOOSE, &["fmt", "-"]);
    assert_eq!((code(&good), stdout(&good).as_str()), (0, NEAT));
    let bad = pipe("let = 1\n", &["fmt", "-"]);
    assert_eq!((code(&bad), stdout(&bad).as_str()), (1, "let = 1\n"));
    assert!(stderr(&bad).contains("<stdin>"), "{}", stderr(&bad));
    assert_eq!(code(&pipe(LOOSE, &["fmt", "--check", "-"])), 1);
    assert_eq!(code(&pipe(NEAT, &["fmt", "--check", "-"])), 0);
    assert_eq!(code(&pipe(NEAT, &["fmt", "-", "a.rrb"])), 2);
}

#[test]
fn wrong_paths_are_refused() {
    let dir = folder(&[("notes.txt", ""), ("empty/x.txt", "")]);
    assert_eq!(code(&rrb(dir.path(), &["fmt", "nowhere"])), 3);
    assert_eq!(code(&rrb(dir.path(), &["fmt", "notes.txt"])), 2);
    assert_eq!(code(&rrb(dir.path(), &["fmt"])), 3);
    let empty = rrb(dir.path(), &["fmt", "empty"]);
    assert_eq!((code(&empty), stdout(&empty).as_str()), (0, "no `.rrb` files here\n"));
}
