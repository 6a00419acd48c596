//! The standard library: its text is part of the binary. A project overrides a module by a file at the same place,
//! `std/slack.rrb` for `std.slack`.

/// A module of connectors: `std.slack`, its file and its text.
macro_rules! modules {
    ($($name:literal $file:literal;)*) => {
        &[$((concat!("std.", $name), concat!("stdlib/", $file), include_str!(concat!("../../../stdlib/", $file))),)*]
    };
}

/// The native primitives of a module: `http`, its file and its text.
macro_rules! natives {
    ($($name:literal)*) => {
        &[$((
            $name,
            concat!("stdlib/native/", $name, ".rrb"),
            include_str!(concat!("../../../stdlib/native/", $name, ".rrb")),
        ),)*]
    };
}

const MODULES: &[(&str, &str, &str)] = modules! {
    "alertmanager" "alertmanager.rrb";
    "prometheus" "prometheus.rrb";
    "slack" "slack.rrb";
    "system" "system.rrb";
    "webhook" "webhook.rrb";
};

const NATIVES: &[(&str, &str, &str)] = natives!("core" "env" "exec" "file" "http" "time");

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
