//! `rrb.toml`: what a project is called, who is in it, its settings and its safety rules.
//!
//! The keys are described at the fields of [`ProjectConfig`], for people in `docs/project-file.md`. Text in, [`ProjectConfig`] and
//! diagnostics out; the settings' types are known to the program only, so [`resolve_settings`] converts them later.

pub mod config;
mod convert;
mod parse;
mod quantity;
mod resolve;
mod tree;
mod uses;

pub use config::{ConnectorConfig, Given, Group, ProjectConfig, Safety, Serve, Toml, TomlKind, TomlTable, User};
pub use parse::{MAX_BYTES, parse};
pub(crate) use resolve::check_given;
pub use resolve::{Declared, env_name, resolve_settings, settings_at_hand, settings_known};
pub use uses::{at_their_use, hide_secrets};

#[cfg(test)]
mod tests;
