//! A file that is read again gives what it gives when it is read for the first time.

use crate::span::FileId;
use crate::syntax::{Pieces, parse, parse_again, print};

/// Long enough to be read in pieces.
fn long() -> String {
    let one = |i: usize| {
        format!(
            "/// Docs of {i}.\nrunbook r{i}(node: Text, n: Int = {i}) {{\n  owner \"a\"\n  on alertmanager.firing as a\n    where a.name == \"x\"\n    with node: a.labels.node ?? skip\n\n  // a comment\n  let x = [1, 2].map(y => y + n)\n  match n {{ 1 => log \"a ${{x}}\", _ => log \"b\" }}\n  do http.post(\"https://a.example\", json: {{ node, \"k\": 1 }}) retry 3 times backoff 1s..1m\n}}\n\n"
        )
    };
    let tests = "test \"t\" {\n  given http.post(_, json: { node: \"a\", .. }) fails twice with timeout, then returns\n  run r1(node: \"a\")\n  expect outcome resolved \"x\"\n}\n";
    (0..24).map(one).collect::<String>() + tests
}

#[test]
fn what_is_read_in_pieces_is_what_is_read_whole() {
    let file = FileId(3);
    let text = long();
    let (parsed, pieces) = parse_again(file, &text, &Pieces::default());
    assert_eq!(parsed, parse(file, &text));
    let mut before = pieces;
    for (from, to) in [
        ("owner \"a\"", "owner \"abc\""),
        ("let x", "var x"),
        ("// a comment\n", ""),
        ("/// Docs of 7.", "/// Docs\n/// of 7."),
        ("r0(", "r0a("),
    ] {
        let edited = text.replacen(from, to, 1);
        let (parsed, pieces) = parse_again(file, &edited, &before);
        assert_eq!(parsed, parse(file, &edited), "{from}");
        before = pieces;
    }
    assert!(print(&parsed.module).contains("runbook r23"));
}

#[test]
fn what_was_read_before_does_not_matter() {
    let file = FileId(3);
    let text = long();
    let (_, pieces) = parse_again(file, &text, &Pieces::default());
    for (from, to) in [
        ("with node: a.labels.node ?? skip", "with node: a."),
        ("{ 1 =>", "{ 1 =>"),
        ("[1, 2].map(", "[1, 2].map"),
        ("owner \"a\"", "owner \"a"),
        ("owner \"a\"", "owner \"\"\"a"),
        ("}\n\n/// Docs of 5.", "\n\n/// Docs of 5."),
        ("// a comment", "//! a comment"),
        ("let x", "\u{1}"),
    ] {
        let edited = text.replacen(from, to, 1);
        let (again, _) = parse_again(file, &edited, &pieces);
        let (fresh, _) = parse_again(file, &edited, &Pieces::default());
        assert_eq!(again, fresh, "{from} → {to}");
        assert_eq!(again.diagnostics.is_empty(), parse(file, &edited).diagnostics.is_empty(), "{from} → {to}");
    }
}

#[test]
fn a_text_over_several_lines_is_not_cut() {
    let file = FileId(1);
    let text = long().replacen("owner \"a\"", "owner \"\"\"\n\nrunbook inside() {\n\nfn g() {\n\"\"\"", 1);
    let (parsed, _) = parse_again(file, &text, &Pieces::default());
    assert_eq!(parsed, parse(file, &text));
}
