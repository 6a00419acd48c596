//! The code blocks of Markdown files, with what their fences say of them.

use std::path::{Path, PathBuf};

/// A fenced block: where it stands, the words after its fence, and its text.
pub struct Block {
    pub file: String,
    pub line: usize,
    pub info: Vec<String>,
    pub text: String,
}

impl Block {
    /// `docs/language/patterns.md:12`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    pub fn is(&self, word: &str) -> bool {
        self.info.iter().any(|w| w == word)
    }

    /// What follows `name=` in the fence.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.info.iter().find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Markdown file of the project that readers see: the README files and everything below `docs`, but for the page of diagnostics,
/// whose blocks `explanations.rs` checks by themselves.
pub fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs"), root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") && !path.ends_with("docs/diagnostics.md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The blocks of a file, in order. A fence of four or more marks holds fences of three.
pub fn blocks(path: &Path) -> Vec<Block> {
    let file = path.strip_prefix(root()).unwrap().display().to_string();
    let text = std::fs::read_to_string(path).unwrap();
    let mut out = Vec::new();
    let mut open: Option<(usize, usize, Block)> = None;
    for (i, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let marks = bare.bytes().take_while(|b| *b == b'`').count();
        match &mut open {
            None if marks >= 3 => {
                let info = bare[marks..].split_whitespace().map(str::to_owned).collect();
                let block = Block { file: file.clone(), line: i + 1, info, text: String::new() };
                open = Some((marks, line.len() - bare.len(), block));
            }
            None => {}
            Some((opened, _, _)) if marks >= *opened && bare.trim_matches('`').trim().is_empty() => {
                out.extend(open.take().map(|(_, _, b)| b));
            }
            Some((_, indent, block)) => {
                block.text.push_str(line.get(*indent..).unwrap_or(bare));
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "{file}: a code block is not closed");
    out
}
