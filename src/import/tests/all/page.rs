//! The examples of `docs/import.md` are what comes out.

use std::path::Path;

use rrb_import::{cacao, rulebook, ssm};

use crate::support::{Convert, converted};

/// The blocks of a section, each with its language.
fn blocks(section: &str) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in section.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                out.push((language, String::new()));
            }
        } else if let (true, Some((_, text))) = (inside, out.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    out
}

#[test]
fn the_examples_of_the_page_are_what_comes_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let page = std::fs::read_to_string(path).unwrap();
    let section = |head: &str| {
        let from = page.find(&format!("\n## `{head}")).unwrap_or_else(|| panic!("no section `{head}`"));
        let rest = &page[from + 4..];
        &rest[..rest.find("\n## ").unwrap_or(rest.len())]
    };
    let all: [(&str, Convert, &str, &str); 3] = [
        ("rrb import rulebook", rulebook::import, "disk.yml", "yaml"),
        ("rrb import ssm", ssm::import, "reboot.yml", "yaml"),
        ("rrb import cacao", cacao::import, "look_up.json", "json"),
    ];
    for (head, convert, source, language) in all {
        let blocks = blocks(section(head));
        let at = blocks.iter().position(|(of, _)| *of == language).unwrap_or_else(|| panic!("{head} has no example"));
        let (_, given) = &blocks[at];
        let ("text", wanted) = (blocks[at + 1].0, &blocks[at + 1].1) else { panic!("{head} says not what it gives") };
        let made = converted(convert, source, given);
        assert!(made.text.contains(wanted), "{head} says\n{wanted}\nand gives\n{}", made.text);
    }
}
