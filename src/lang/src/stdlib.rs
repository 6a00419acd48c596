//! The standard library: its text is part of the binary. A project overrides a module by a file at the same place,
//! `std/slack.rrb` for `std.slack`.

// `MODULES`, the connectors, and `NATIVES`, the primitives: the name of a module, its file and its text. Made from the folder.
include!(concat!(env!("OUT_DIR"), "/stdlib.rs"));

/// File name and text of a module by its path as `use` writes it: `std.slack`.
pub fn get(path: &str) -> Option<(&'static str, &'static str)> {
    MODULES.iter().find(|(name, ..)| *name == path).map(|(_, file, text)| (*file, *text))
}

/// The paths of all modules, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, ..)| *name)
}

/// The native primitives: module, file name and text. `core` is in scope everywhere without its name.
pub fn natives() -> &'static [(&'static str, &'static str, &'static str)] {
    NATIVES
}

#[cfg(test)]
mod tests;
