//! The packages in `lsp/editors/`: the grammars against every file of the project, and the server in real editors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is all test code: a panic is how a test fails"
)]

mod clients;
mod grammar;
mod packages;
mod protocol;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rrb_tests::binary;

/// The folder of a package.
fn package(name: &str) -> PathBuf {
    binary::root().join("lsp/editors").join(name)
}

/// A program that `tests/install` installs.
fn tool(name: &str) -> Command {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(found, "there is no `{name}`: run tests/install");
    Command::new(name)
}

/// The path on which programs are looked for, the `rrb` of this build first.
fn path_with_rrb() -> OsString {
    let folder = binary::rrb().parent().expect("the binary is in a folder").to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))
        .expect("the folders can be joined")
}

/// Runs to the end, expects success and gives what it printed, on either stream.
fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{said}");
    said
}

/// All files below a folder whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                left.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
