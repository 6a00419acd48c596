//! Writes the table of the standard library's modules from the files in `stdlib`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../stdlib");
    let mut table = String::new();
    for (constant, folder, names) in [("MODULES", "", "std."), ("NATIVES", "native/", "")] {
        let from = root.join(folder);
        println!("cargo::rerun-if-changed={}", from.display());
        let _ = writeln!(table, "const {constant}: &[(&str, &str, &str)] = &[");
        for name in modules(&from)? {
            let file = from.join(format!("{name}.rrb")).canonicalize()?;
            println!("cargo::rerun-if-changed={}", file.display());
            let _ = writeln!(table, "(\"{names}{name}\", \"stdlib/{folder}{name}.rrb\", include_str!({file:?})),");
        }
        table.push_str("];\n");
    }
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("stdlib.rs"), table)
}

/// The names of the modules in a folder, in alphabetical order.
fn modules(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Some(name) = entry?.file_name().to_str().and_then(|n| n.strip_suffix(".rrb")) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
