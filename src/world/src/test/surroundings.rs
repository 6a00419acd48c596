//! What a test finds around it: the settings and the people of the project, as the test changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rrb_lang::hir::testing::{Step, StepKind};
use rrb_lang::hir::{Setting, SettingOwner};
use rrb_lang::ids::SettingId;
use rrb_lang::program::Program;
use rrb_lang::project::{Declared, Group, ProjectConfig, User, settings_at_hand};
use rrb_lang::types::Type;
use rrb_lang::value::{Record, Secret, Value, VariantValue};
use rrb_lang::vm::protocol::SettingValues;
use smol_str::SmolStr;

use super::answers::Functions;
use super::literal;
use super::trouble::Trouble;

/// The settings before a test changes them, and those that have no value.
#[derive(Debug, Clone)]
pub struct AtHand {
    pub values: SettingValues,
    pub missing: Vec<(SettingId, SmolStr)>,
}

/// The settings of the project as tests find them: nothing of the environment is in them, and no secret is one.
pub fn at_hand(program: &Program, config: &ProjectConfig) -> AtHand {
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let (mut values, mut missing) = settings_at_hand(declared, config);
    for ((id, instance), value) in &mut values {
        if let Some(setting) = program.setting(*id) {
            *value = without_secrets(value, &placeholder(setting, instance));
        }
    }
    missing.retain(|(id, instance)| {
        let Some(setting) = program.setting(*id).filter(|s| matches!(*s.ty, Type::Secret)) else { return true };
        values.insert((*id, instance.clone()), Value::Secret(Arc::new(placeholder(setting, instance))));
        false
    });
    AtHand { values, missing }
}

/// `slack.token`, `slack["eu"].token`
fn setting_name(setting: &Setting, instance: &str) -> String {
    let (SettingOwner::Module(owner) | SettingOwner::Connector(owner)) = &setting.owner;
    match instance {
        "" | "default" => format!("{owner}.{}", setting.name),
        other => format!("{owner}[{}].{}", literal::quoted(other), setting.name),
    }
}

fn placeholder(setting: &Setting, instance: &str) -> Secret {
    Secret::Ref(setting_name(setting, instance).into())
}

fn without_secrets(value: &Value, put: &Secret) -> Value {
    let all = |values: &[Value]| values.iter().map(|v| without_secrets(v, put)).collect::<Vec<_>>();
    match value {
        Value::Secret(_) => Value::Secret(Arc::new(put.clone())),
        Value::List(items) => Value::List(Arc::new(all(items))),
        Value::Set(items) => {
            Value::Set(Arc::new(items.iter().map(|v| without_secrets(v, put)).collect::<IndexSet<_>>()))
        }
        Value::Map(map) => {
            let members = map.iter().map(|(k, v)| (k.clone(), without_secrets(v, put)));
            Value::Map(Arc::new(members.collect::<IndexMap<_, _>>()))
        }
        Value::Record(r) => Value::Record(Arc::new(Record { names: Arc::clone(&r.names), values: all(&r.values) })),
        Value::Variant(v) => {
            let (ty, index, name) = (v.ty, v.index, v.name.clone());
            Value::Variant(Arc::new(VariantValue { ty, index, name, payload: all(&v.payload) }))
        }
        other => other.clone(),
    }
}

/// The settings of one test.
///
/// # Errors
/// What cannot be made, or is not set at all.
pub fn settings(
    program: &Arc<Program>,
    config: &ProjectConfig,
    base: &AtHand,
    steps: &[Step],
) -> Result<SettingValues, Vec<Trouble>> {
    let mut values = base.values.clone();
    let mut troubles = Vec::new();
    let functions = Functions { program: Arc::clone(program), settings: Arc::new(base.values.clone()) };
    for step in steps {
        let StepKind::GivenSettings { instance, values: given } = &step.kind else { continue };
        for (id, function) in given {
            match functions.call(*function, vec![]) {
                Ok(value) => {
                    for key in keys(program, config, *id, instance.as_ref()) {
                        values.insert(key, value.clone());
                    }
                }
                Err(why) => {
                    troubles.push(Trouble::new(
                        step.span,
                        "here",
                        format!("a setting of the test cannot be made: {why}"),
                    ));
                }
            }
        }
    }
    let unset = base.missing.iter().filter(|key| !values.contains_key(*key));
    if let Some(trouble) = unset_trouble(program, unset, steps) {
        troubles.push(trouble);
    }
    if troubles.is_empty() { Ok(values) } else { Err(troubles) }
}

/// The places of a setting: the instance that is named, else all of them.
fn keys(
    program: &Program,
    config: &ProjectConfig,
    id: SettingId,
    instance: Option<&SmolStr>,
) -> Vec<(SettingId, SmolStr)> {
    let Some(setting) = program.setting(id) else { return Vec::new() };
    let SettingOwner::Connector(connector) = &setting.owner else { return vec![(id, SmolStr::default())] };
    let mut names = match instance {
        Some(one) => vec![one.clone()],
        None => config.instances(connector),
    };
    // What a call without an instance means reads `default`.
    if config.default_instance(connector).is_some_and(|d| names.contains(&d)) {
        names.push("default".into());
    }
    names.into_iter().map(|name| (id, name)).collect()
}

fn unset_trouble<'a>(
    program: &Program,
    unset: impl Iterator<Item = &'a (SettingId, SmolStr)>,
    steps: &[Step],
) -> Option<Trouble> {
    let unset: Vec<(&Setting, &SmolStr)> = unset.filter_map(|(id, i)| Some((program.setting(*id)?, i))).collect();
    let (setting, instance) = unset.first()?;
    let at = steps.first().map(|s| s.span).unwrap_or(setting.span);
    let name = setting_name(setting, instance);
    let mut trouble =
        Trouble::new(at, "before this", format!("the setting `{name}` has no value, and tests read no environment"));
    for line in unset.iter().map(|(s, i)| given_line(program, s, i)).collect::<BTreeSet<_>>() {
        trouble = trouble.help(format!("begin the test with `{line}`, or set it in rrb.toml"));
    }
    Some(trouble)
}

fn given_line(program: &Program, setting: &Setting, instance: &str) -> String {
    let (SettingOwner::Module(owner) | SettingOwner::Connector(owner)) = &setting.owner;
    let owner = match instance {
        "" | "default" => owner.to_string(),
        other => format!("{owner}[{}]", literal::quoted(other)),
    };
    let value = literal::example(&setting.ty, &program.types).unwrap_or_else(|| "…".to_owned());
    format!("given settings {owner} {{ {}: {value} }}", setting.name)
}

/// The people of one test: those of the project, everyone whom the test names, and everyone named in every group that the test does
/// not fill itself.
pub fn people(config: &ProjectConfig, steps: &[Step]) -> ProjectConfig {
    let mut config = config.clone();
    let mut named: IndexSet<SmolStr> = IndexSet::new();
    let mut filled: BTreeMap<SmolStr, (Vec<SmolStr>, rrb_lang::span::Span)> = BTreeMap::new();
    for step in steps {
        match &step.kind {
            StepKind::GivenGroup { group, people } => {
                filled.insert(group.clone(), (people.clone(), step.span));
                people.iter().for_each(|p| add_user(&mut config, p, step.span));
            }
            StepKind::Approve { by, .. } | StepKind::Deny { by, .. } => named.extend(by.iter().cloned()),
            StepKind::Run { by: Some(by), .. } => {
                named.insert(by.clone());
            }
            _ => {}
        }
    }
    let span = steps.first().map(|s| s.span).unwrap_or_default();
    named.iter().for_each(|p| add_user(&mut config, p, span));
    for (name, group) in &mut config.groups {
        match filled.get(name) {
            Some((people, _)) => group.members = people.clone(),
            None => {
                let more: Vec<SmolStr> = named.iter().filter(|p| !group.members.contains(p)).cloned().collect();
                group.members.extend(more);
            }
        }
    }
    for (name, (people, span)) in filled {
        config.groups.entry(name).or_insert(Group { members: people, span });
    }
    config
}

fn add_user(config: &mut ProjectConfig, name: &SmolStr, span: rrb_lang::span::Span) {
    let user = User { name: name.clone(), email: None, login: name.clone(), span };
    config.users.entry(name.clone()).or_insert(user);
}
