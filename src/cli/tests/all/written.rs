//! What stands in the documents as the output of a command is what the command says.

use std::path::Path;

/// The text behind a line `$ rrb …` of a document.
fn block(document: &str, command: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) =
        text.split_once(&format!("```text\n$ {command}\n")).unwrap_or_else(|| panic!("{document}: no `$ {command}`"));
    rest.split("```").next().unwrap().to_owned()
}

/// The same from run to run: without digests, times and ids, and with one space where there are more.
fn timeless(text: &str) -> Vec<String> {
    let plain = |word: &str| {
        let word = word.trim_end_matches(',');
        let all = |of: fn(char) -> bool| word.chars().all(of);
        let hex = word.len() == 12 && all(|c| c.is_ascii_hexdigit());
        let date = word.len() == 10 && all(|c| c.is_ascii_digit() || c == '-');
        let time = word.len() == 8 && all(|c| c.is_ascii_digit() || c == ':');
        match word {
            _ if hex => "HEX".to_owned(),
            _ if date => "DATE".to_owned(),
            _ if time => "TIME".to_owned(),
            _ if word.starts_with("evt_") => "EVENT".to_owned(),
            other => other.to_owned(),
        }
    };
    let line = |line: &str| line.split_whitespace().map(plain).collect::<Vec<_>>().join(" ");
    text.trim_end().lines().map(line).collect()
}

/// Holds what a command said to what the document says it says; `folder` stands in it as `/srv/data`.
pub fn stands_in(document: &str, command: &str, said: &str, folder: &str) {
    let said = said.replace(folder, "/srv/data");
    assert_eq!(
        timeless(&said),
        timeless(&block(document, command)),
        "docs/{document} has for `{command}` something else than:\n{said}"
    );
}
