//! The values of all settings of a program: environment, `rrb.toml`, defaults.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::convert::{Converter, Mismatch, expected};
use super::{ProjectConfig, Toml, TomlKind, TomlTable};
use crate::diag::{Diagnostic, codes};
use crate::hir::{Setting, SettingOwner};
use crate::ids::{ConstId, SettingId};
use crate::span::Span;
use crate::types::{Type, TypeTable};
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
    let (SettingOwner::Module(owner) | SettingOwner::Connector(owner)) = owner;
    let parts = [Some(owner.as_str()), instance.filter(|i| *i != "default"), Some(name)];
    let joined = parts.into_iter().flatten().collect::<Vec<_>>().join("_");
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("RRB_{}", joined.chars().map(word).collect::<String>())
}

/// The values of all settings, by setting and instance (`""` for a module's). For an instance the first of these counts: its own
/// name in the environment, its table, the connector's name in the environment (which is the own name of `default`), what
/// stands directly below `[connectors.NAME]`, the default. When a connector has one instance under another name than
/// `default`, its values stand under `default` too, because that is what a call without an instance means.
///
/// # Errors
/// A diagnostic per setting that is missing, given twice, or whose value does not fit its type.
pub fn resolve_settings(
    declared: Declared<'_>,
    config: &ProjectConfig,
    env: &BTreeMap<String, String>,
) -> Result<SettingValues, Vec<Diagnostic>> {
    let mut resolver = Resolver { declared, config, env, values: SettingValues::new(), diagnostics: Vec::new() };
    resolver.ambiguous_names();
    for (index, setting) in declared.settings.iter().enumerate() {
        let id = SettingId(u32::try_from(index).unwrap_or(u32::MAX));
        match &setting.owner {
            SettingOwner::Module(module) => resolver.module(id, setting, module),
            SettingOwner::Connector(connector) => resolver.connector(id, setting, connector),
        }
    }
    if resolver.diagnostics.is_empty() { Ok(resolver.values) } else { Err(resolver.diagnostics) }
}

/// What `rrb.toml` and the defaults give without the environment, in the form of [`resolve_settings`], and which settings have no value
/// then. What is wrong with a value is said by the check.
pub fn settings_at_hand(declared: Declared<'_>, config: &ProjectConfig) -> (SettingValues, Vec<(SettingId, SmolStr)>) {
    settings_known(declared, config, &BTreeMap::new())
}

/// What `rrb.toml`, the environment and the defaults give, and which settings have no value: for whoever goes on without those, which
/// fail where they are needed.
pub fn settings_known(
    declared: Declared<'_>,
    config: &ProjectConfig,
    env: &BTreeMap<String, String>,
) -> (SettingValues, Vec<(SettingId, SmolStr)>) {
    let mut resolver = Resolver { declared, config, env, values: SettingValues::new(), diagnostics: Vec::new() };
    let mut missing = Vec::new();
    for (index, setting) in declared.settings.iter().enumerate() {
        let id = SettingId(u32::try_from(index).unwrap_or(u32::MAX));
        let instances = match &setting.owner {
            SettingOwner::Module(module) => {
                resolver.module(id, setting, module);
                vec![SmolStr::default()]
            }
            SettingOwner::Connector(connector) => {
                resolver.connector(id, setting, connector);
                config.instances(connector)
            }
        };
        missing.extend(instances.into_iter().map(|i| (id, i)).filter(|key| !resolver.values.contains_key(key)));
    }
    (resolver.values, missing)
}

/// What is wrong with the values that `rrb.toml` gives to the declared settings, without the environment and without what is missing.
pub(crate) fn check_given(declared: Declared<'_>, config: &ProjectConfig) -> Vec<Diagnostic> {
    let env = BTreeMap::new();
    let mut resolver = Resolver { declared, config, env: &env, values: SettingValues::new(), diagnostics: Vec::new() };
    for setting in declared.settings {
        let mut check = |path: String, value: Option<&Toml>| {
            if let Some(value) = value {
                let _ = resolver.toml(setting, &path, value);
            }
        };
        match &setting.owner {
            SettingOwner::Module(module) => {
                check(module_path(module), module_values(&config.settings, module, &setting.name).first().copied())
            }
            SettingOwner::Connector(name) => {
                let Some(connector) = config.connectors.get(name) else { continue };
                check(connector_path(name, None), connector.shared.get(&setting.name));
                for (instance, given) in &connector.instances {
                    check(connector_path(name, Some(instance)), given.table.get(&setting.name));
                }
            }
        }
    }
    resolver.diagnostics
}

/// Every place of `rrb.toml` that gives a setting of a module; more than one is a contradiction.
fn module_values<'a>(settings: &'a TomlTable, module: &str, name: &str) -> Vec<&'a Toml> {
    let mut found = Vec::new();
    collect(settings, module, name, &mut found);
    found.sort_by_key(|v| v.key.start);
    found
}

fn collect<'a>(table: &'a TomlTable, module: &str, name: &str, found: &mut Vec<&'a Toml>) {
    let inner = |key: &str| match table.get(key).map(|v| &v.kind) {
        Some(TomlKind::Table(table)) => Some(table),
        _ => None,
    };
    found.extend(inner(module).and_then(|t| t.get(name)));
    // Any part of the name may be quoted: `[settings.lib.paging]`, `[settings."lib.paging"]`, `[settings."lib.a".b]`.
    for (at, _) in module.match_indices('.') {
        if let (Some(table), Some(rest)) = (module.get(..at).and_then(inner), module.get(at + 1..)) {
            collect(table, rest, name, found);
        }
    }
}

fn module_path(module: &str) -> String {
    format!("[settings.{module}]")
}

fn connector_path(connector: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("[connectors.{connector}.{instance}]"),
        None => format!("[connectors.{connector}]"),
    }
}

struct Resolver<'a> {
    declared: Declared<'a>,
    config: &'a ProjectConfig,
    env: &'a BTreeMap<String, String>,
    values: SettingValues,
    diagnostics: Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn module(&mut self, id: SettingId, setting: &Setting, module: &str) {
        let path = module_path(module);
        let given = module_values(&self.config.settings, module, &setting.name);
        if let [first, second, ..] = given.as_slice() {
            let message = format!("`{path} {}` is given twice", setting.name);
            let error = Diagnostic::error(codes::SETTING_AMBIGUOUS, message, second.key, "again");
            self.diagnostics.push(error.label(first.key, "first").help("keep one of the two"));
            return;
        }
        let name = env_name(&setting.owner, None, &setting.name);
        let value = self.env(setting, &name).or_else(|| Some(self.toml(setting, &path, given.first()?)));
        self.finish(id, setting, "", value, &path, &name);
    }

    fn connector(&mut self, id: SettingId, setting: &Setting, connector: &str) {
        let config = self.config;
        let given = config.connectors.get(connector);
        let own = given.is_some_and(|c| !c.instances.is_empty());
        for instance in config.instances(connector) {
            let names = [Some(instance.as_str()), None].map(|i| env_name(&setting.owner, i, &setting.name));
            let path = connector_path(connector, own.then_some(&instance));
            let table = given.and_then(|c| c.instances.get(&instance)).and_then(|i| i.table.get(&setting.name));
            let shared = given.and_then(|c| c.shared.get(&setting.name));
            let [own_name, shared_name] = &names;
            let value = self
                .env(setting, own_name)
                .or_else(|| Some(self.toml(setting, &path, table?)))
                .or_else(|| self.env(setting, shared_name))
                .or_else(|| Some(self.toml(setting, &connector_path(connector, None), shared?)));
            self.finish(id, setting, &instance, value, &path, own_name);
        }
        if let [only] = config.instances(connector).as_slice()
            && only != "default"
            && let Some(value) = self.values.get(&(id, only.clone())).cloned()
        {
            self.values.insert((id, "default".into()), value);
        }
    }

    /// `given` is the converted value, or that it failed (already reported).
    fn finish(
        &mut self,
        id: SettingId,
        setting: &Setting,
        instance: &str,
        given: Option<Option<Value>>,
        path: &str,
        env: &str,
    ) {
        let value = match given {
            Some(value) => value,
            None => match (setting.default, &*setting.ty) {
                (Some(default), _) => (self.declared.constants)(default),
                (None, Type::Optional(_)) => Some(Value::None),
                (None, _) => {
                    self.diagnostics.push(match self.table(setting, instance) {
                        Some(table) => missing(setting, instance, path, env, table, "not in this table")
                            .label(setting.span, "declared without a default"),
                        None => missing(setting, instance, path, env, setting.span, "declared without a default"),
                    });
                    None
                }
            },
        };
        if let Some(value) = value {
            self.values.insert((id, SmolStr::from(instance)), value);
        }
    }

    /// The table of rrb.toml in which people look for the setting of a connector, where there is one.
    fn table(&self, setting: &Setting, instance: &str) -> Option<Span> {
        let SettingOwner::Connector(connector) = &setting.owner else { return None };
        let given = self.config.connectors.get(connector)?;
        Some(given.instances.get(instance).map_or(given.span, |i| i.span))
    }

    fn toml(&mut self, setting: &Setting, path: &str, toml: &Toml) -> Option<Value> {
        match Converter::new(self.declared).convert(&setting.ty, toml) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.diagnostics.push(wrong_in_toml(setting, path, *wrong));
                None
            }
        }
    }

    fn env(&mut self, setting: &Setting, name: &str) -> Option<Option<Value>> {
        let text = self.env.get(name)?;
        Some(match Converter::new(self.declared).convert_env(&setting.ty, name, text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.diagnostics.push(wrong_in_env(setting, name, *wrong));
                None
            }
        })
    }

    /// One name in the environment that is set and means two settings.
    fn ambiguous_names(&mut self) {
        let mut meanings: BTreeMap<String, Vec<(&Setting, String)>> = BTreeMap::new();
        for setting in self.declared.settings {
            let mut add = |instance: Option<&str>, path: String| {
                let all = meanings.entry(env_name(&setting.owner, instance, &setting.name)).or_default();
                all.push((setting, path));
            };
            match &setting.owner {
                SettingOwner::Module(module) => add(None, module_path(module)),
                SettingOwner::Connector(connector) => {
                    add(None, connector_path(connector, None));
                    for instance in self.config.instances(connector).iter().filter(|i| *i != "default") {
                        add(Some(instance), connector_path(connector, Some(instance)));
                    }
                }
            }
        }
        for (name, all) in meanings.iter().filter(|(name, _)| self.env.contains_key(*name)) {
            let [(first, first_path), (second, second_path), ..] = all.as_slice() else { continue };
            let message = format!("`{name}` in the environment means two settings");
            let error =
                Diagnostic::error(codes::SETTING_AMBIGUOUS, message, second.span, format!("of `{second_path}`"))
                    .label(first.span, format!("of `{first_path}`"))
                    .help("unset it, and give both in rrb.toml");
            self.diagnostics.push(error);
        }
    }
}

fn owner_words(setting: &Setting, instance: &str) -> String {
    match &setting.owner {
        SettingOwner::Module(module) => format!("`{}` of the module `{module}`", setting.name),
        SettingOwner::Connector(name) if matches!(instance, "" | "default") => {
            format!("`{}` of the connector `{name}`", setting.name)
        }
        SettingOwner::Connector(name) => format!("`{}` of `{name}[{instance:?}]`", setting.name),
    }
}

fn missing(setting: &Setting, instance: &str, path: &str, env: &str, at: Span, label: &str) -> Diagnostic {
    let message = format!("the setting {} is not set", owner_words(setting, instance));
    let example = example(&setting.ty, env);
    Diagnostic::error(codes::SETTING_MISSING, message, at, label)
        .help(format!("add to rrb.toml:\n{path}\n{} = {example}", setting.name))
        .help(format!("or set `{env}` in the environment"))
}

fn example(ty: &Type, env: &str) -> String {
    match ty {
        Type::Optional(inner) => example(inner, env),
        Type::Secret => format!("\"env:{}\"", env.strip_prefix("RRB_").unwrap_or(env)),
        Type::Bool => "true".into(),
        Type::Int => "1".into(),
        Type::Float => "0.8".into(),
        Type::Duration => "\"5m\"".into(),
        Type::Size => "\"10MiB\"".into(),
        Type::Time => "2026-11-21T10:00:00Z".into(),
        Type::Url => "\"https://example.org\"".into(),
        Type::Ip => "\"10.0.0.1\"".into(),
        Type::Cidr => "\"10.0.0.0/8\"".into(),
        Type::Cron => "\"0 3 * * *\"".into(),
        Type::List(_) | Type::Set(_) => "[]".into(),
        Type::Map(..) | Type::Record(_) => "{ … }".into(),
        _ => "\"…\"".into(),
    }
}

fn wrong_in_toml(setting: &Setting, path: &str, wrong: Mismatch) -> Diagnostic {
    let key = format!("{path} {}{}", setting.name, wrong.path);
    if wrong.secret {
        let message = format!("`{key}` in rrb.toml must be a reference to a secret, not the secret itself");
        // The checker hides what stands there from everything that shows the file.
        return Diagnostic::error(codes::SETTING_SECRET, message, wrong.span, "in plain text")
            .label(setting.span, "declared as a Secret here")
            .help(format!(
                "write `{0} = \"env:NAME\"` or `{0} = \"file:/run/secrets/NAME\"`, and put the secret there",
                setting.name
            ))
            .help("if a real secret stood in the file, replace it at its issuer");
    }
    let message = match &wrong.says {
        Some(says) => format!("`{key}` {says}"),
        None => format!("`{key}` must be {}, found {}", wrong.expected, wrong.found),
    };
    let expected = wrong.expected.split(" such as").next().unwrap_or_default();
    let error = Diagnostic::error(codes::SETTING_TYPE, message, wrong.span, format!("expected {expected}"))
        .label(setting.span, "declared here");
    wrong.help.into_iter().fold(error, Diagnostic::help)
}

fn wrong_in_env(setting: &Setting, name: &str, wrong: Mismatch) -> Diagnostic {
    let of = if wrong.path.is_empty() { String::new() } else { format!(" at `{}`", wrong.path) };
    // The environment may hold a secret where a plain value was meant, so it is not shown.
    let message = match &wrong.says {
        Some(says) => format!("`{name}` in the environment {says}{of}"),
        // Single values stand without quotes there.
        None => {
            let unquoted = wrong.expected.replace("`\"", "`").replace("\"`", "`");
            format!("`{name}` in the environment must be {unquoted}{of}")
        }
    };
    let declared = expected(&setting.ty);
    let declared = declared.split(" such as").next().unwrap_or_default().to_owned();
    let error = Diagnostic::error(codes::SETTING_TYPE, message, setting.span, format!("declared as {declared}"));
    wrong.help.into_iter().filter(|h| !h.contains("quotes")).fold(error, Diagnostic::help)
}
