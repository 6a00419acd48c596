//! `rrb.toml` against the program: settings and connectors that nobody declares, values that do not fit, instances that do not
//! exist. What is missing is not looked at here: the environment may still give it (`project::resolve_settings`).

use std::collections::HashMap;

use smol_str::SmolStr;

use super::summary::literal;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{
    ActionCall, Class, Connector, EventSource, ExprKind, FunctionKind, Program, Setting, SettingOwner, visit,
};
use crate::ids::{ConnectorId, EventId, FnId};
use crate::project::{ConnectorConfig, Declared, ProjectConfig, TomlKind, TomlTable, check_given};
use crate::span::Span;
use crate::value::Value;

/// Reports keys of `rrb.toml` that no module or connector declares, values that do not fit, and calls of unknown instances.
pub fn run(program: &Program, config: &ProjectConfig) -> Vec<Diagnostic> {
    let mut pass = Pass { program, config, diagnostics: Vec::new() };
    pass.modules("", &config.settings);
    for (name, given) in &config.connectors {
        pass.connector(name, given);
    }
    // The values of defaults do not matter for whether what is given fits.
    let declared =
        Declared { settings: &program.settings, types: &program.types, constants: &|_| Some(Value::Nothing) };
    pass.diagnostics.extend(check_given(declared, config));
    pass.instances();
    pass.diagnostics
}

struct Pass<'a> {
    program: &'a Program,
    config: &'a ProjectConfig,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Pass<'a> {
    // ---- [settings.MODULE]

    /// The tables below `[settings]`; `prefix` is the module name so far.
    fn modules(&mut self, prefix: &str, table: &TomlTable) {
        let declared = self.declared_by(|o| matches!(o, SettingOwner::Module(m) if m == prefix));
        for (key, value) in table.iter().filter(|(key, _)| !declared.iter().any(|s| s.name == **key)) {
            let path = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            match &value.kind {
                TomlKind::Table(inner) if self.leads_to_module(&path) => self.modules(&path, inner),
                _ if !declared.is_empty() => {
                    let names = declared.iter().map(|s| s.name.as_str());
                    let message = format!("the module `{prefix}` has no setting `{key}`");
                    let error = Diagnostic::error(codes::SETTING_UNKNOWN, message, value.key, "not declared there");
                    self.diagnostics.push(suggest(error, value.key, key, names, "its settings are"));
                }
                TomlKind::Table(_) => self.unknown_module(&path, value.key),
                _ => {
                    let message = format!("`{key}` stands in no module's table");
                    let error = Diagnostic::error(codes::SETTING_UNKNOWN, message, value.key, "of which module?");
                    self.diagnostics.push(error.help("settings stand below their module: `[settings.MODULE]`"));
                }
            }
        }
    }

    fn unknown_module(&mut self, path: &str, span: Span) {
        let modules = self.modules_with_settings();
        let message = format!("no module `{path}` declares settings");
        let error = Diagnostic::error(codes::SETTING_UNKNOWN, message, span, "no such module");
        let last_part_only = path.contains('.');
        let near = nearest(path, modules.iter().map(SmolStr::as_str)).map(str::to_owned);
        let error = match near {
            Some(near) => {
                let help = error.help(format!("did you mean `{near}`?"));
                if last_part_only || near.contains('.') {
                    help
                } else {
                    help.fix("correct the name", vec![(span, near)])
                }
            }
            None if modules.is_empty() => error.help("no module of the project has a `settings { … }`"),
            None => error.help(format!("the modules with settings are {}", list(modules.iter().map(SmolStr::as_str)))),
        };
        self.diagnostics.push(error);
    }

    fn leads_to_module(&self, path: &str) -> bool {
        let below = format!("{path}.");
        self.modules_with_settings().iter().any(|m| m == path || m.starts_with(&below))
    }

    fn modules_with_settings(&self) -> Vec<SmolStr> {
        let mut names: Vec<SmolStr> = Vec::new();
        for setting in &self.program.settings {
            if let SettingOwner::Module(module) = &setting.owner
                && !names.contains(module)
            {
                names.push(module.clone());
            }
        }
        names
    }

    fn declared_by(&self, owner: impl Fn(&SettingOwner) -> bool) -> Vec<&'a Setting> {
        self.program.settings.iter().filter(|s| owner(&s.owner)).collect()
    }

    // ---- [connectors.NAME]

    fn connector(&mut self, name: &SmolStr, given: &ConnectorConfig) {
        let connectors = &self.program.connectors;
        if !connectors.iter().any(|c| c.name == *name) {
            let message = format!("the project uses no connector `{name}`");
            let error = Diagnostic::error(codes::SETTING_UNKNOWN, message, given.span, "no such connector");
            let near = nearest(name, connectors.iter().map(|c| c.name.as_str()));
            self.diagnostics.push(match near {
                Some(near) => error
                    .help(format!("did you mean `{near}`?"))
                    .fix("correct the name", vec![(given.span, near.to_owned())]),
                None if crate::stdlib::names().any(|std| std.strip_prefix("std.") == Some(name)) => {
                    error.help(format!("take the table out, or use the connector: `use std.{name}`"))
                }
                None => error.help("take the table out, or `use` the module that declares the connector"),
            });
            return;
        }
        let declared = self.declared_by(|o| matches!(o, SettingOwner::Connector(c) if c == name));
        self.connector_keys(name, &declared, &given.shared);
        for (instance, table) in &given.instances {
            self.connector_keys(name, &declared, &table.table);
            if declared.iter().any(|s| s.name == *instance) {
                let message = format!("`{instance}` is a setting of `{name}`, but a table here is an instance");
                let error = Diagnostic::error(codes::SETTING_TYPE, message, table.span, "read as an instance");
                self.diagnostics
                    .push(error.help(format!("write it inside an instance: `[connectors.{name}.default.{instance}]`")));
            }
        }
    }

    fn connector_keys(&mut self, connector: &str, declared: &[&Setting], table: &TomlTable) {
        for (key, value) in table.iter().filter(|(key, _)| !declared.iter().any(|s| s.name == **key)) {
            let message = format!("the connector `{connector}` has no setting `{key}`");
            let error = Diagnostic::error(codes::SETTING_UNKNOWN, message, value.key, "not declared there");
            let names = declared.iter().map(|s| s.name.as_str());
            self.diagnostics.push(suggest(error, value.key, key, names, "its settings are"));
        }
    }

    // ---- instances in calls and triggers

    fn instances(&mut self) {
        let owners = self.owners();
        for (index, function) in self.program.functions.iter().enumerate() {
            let id = FnId(u32::try_from(index).unwrap_or(u32::MAX));
            let Some(body) = &function.body else { continue };
            visit::walk(body, &mut |expr, _, _| {
                let mut watch = |w: &crate::hir::Watch, span| {
                    if let Some(instance) = &w.instance {
                        self.heard(w.event, instance, span);
                    }
                };
                match &expr.kind {
                    ExprKind::CallAction(call) => self.call(call, expr.span, owners.get(&id).copied()),
                    ExprKind::WaitFor(w) => watch(&w.watch, expr.span),
                    ExprKind::During(d) => d.handlers.iter().for_each(|h| watch(&h.watch, expr.span)),
                    _ => {}
                }
            });
        }
        for runbook in &self.program.runbooks {
            for trigger in &runbook.triggers {
                for (event, instance) in trigger.kind.events() {
                    if let Some(instance) = instance {
                        self.heard(event, instance, trigger.span);
                    }
                }
            }
            for cancel in &runbook.cancel_when {
                if let Some(instance) = &cancel.instance {
                    self.heard(cancel.event, instance, cancel.span);
                }
            }
        }
    }

    fn call(&mut self, call: &ActionCall, span: Span, owner: Option<ConnectorId>) {
        let Some(callee) = self.program.functions.get(call.function.index()) else { return };
        let FunctionKind::Action(action) = &callee.kind else { return };
        let Some(id) = action.connector else { return };
        let Some(connector) = self.program.connectors.get(id.index()) else { return };
        match &call.instance {
            // Inside its own connector a call goes on with the instance it has.
            None if owner == Some(id) => {}
            None if self.config.default_instance(&connector.name).is_none() => {
                let all = self.config.instances(&connector.name);
                let message = format!("`{}` has several instances, and this call says none", connector.name);
                let error = Diagnostic::error(codes::SETTING_INSTANCE, message, span, "which one?");
                let example = all.first().map_or("prod", SmolStr::as_str);
                let own = callee.name.rsplit('.').next().unwrap_or_default();
                self.diagnostics.push(
                    error
                        .help(format!("name one, e.g. `{}[{example:?}].{own}(…)`", connector.name))
                        .help(format!(
                            "or say in rrb.toml what a call without one means: `[connectors.{}.default]`",
                            connector.name
                        ))
                        .note(format!("the instances are {}", list(all.iter().map(SmolStr::as_str)))),
                );
            }
            None => {}
            Some(written) => {
                if let Some(instance) = literal(written) {
                    self.known_instance(connector, &instance, written.span, true);
                }
            }
        }
    }

    fn heard(&mut self, event: EventId, instance: &str, span: Span) {
        let connector = self.program.events.get(event.index()).map(|e| e.connector);
        if let Some(connector) = connector.and_then(|c| self.program.connectors.get(c.index())) {
            self.known_instance(connector, instance, span, false);
        }
    }

    fn known_instance(&mut self, connector: &Connector, instance: &str, span: Span, exact: bool) {
        let all = self.config.instances(&connector.name);
        if all.iter().any(|i| i == instance) {
            return;
        }
        let message = format!("`{}` has no instance `{instance}`", connector.name);
        let error = Diagnostic::error(codes::SETTING_INSTANCE, message, span, "no such instance");
        let error = match nearest(instance, all.iter().map(SmolStr::as_str)) {
            Some(near) => {
                let error = error.help(format!("did you mean `{near}`?"));
                if exact { error.fix(format!("write `{near}`"), vec![(span, format!("{near:?}"))]) } else { error }
            }
            None => error.help(format!("add `[connectors.{}.{instance}]` to rrb.toml", connector.name)),
        };
        self.diagnostics.push(error.note(format!("the instances are {}", list(all.iter().map(SmolStr::as_str)))));
    }

    /// Which connector a function belongs to: its actions with their helpers, and what polls for its events.
    fn owners(&self) -> HashMap<FnId, ConnectorId> {
        let mut todo: Vec<(FnId, ConnectorId)> = Vec::new();
        for (index, function) in self.program.functions.iter().enumerate() {
            let FunctionKind::Action(action) = &function.kind else { continue };
            let Some(connector) = action.connector else { continue };
            let probe = match action.class {
                Class::Probe(probe) => Some(probe),
                _ => None,
            };
            let own = FnId(u32::try_from(index).unwrap_or(u32::MAX));
            todo.extend([Some(own), action.target, action.undo, probe].into_iter().flatten().map(|f| (f, connector)));
        }
        for event in &self.program.events {
            if let EventSource::Poll { function, .. } = event.source {
                todo.push((function, event.connector));
            }
        }
        let mut owners = HashMap::new();
        while let Some((function, connector)) = todo.pop() {
            if owners.insert(function, connector).is_some() {
                continue;
            }
            let Some(body) = self.program.functions.get(function.index()).and_then(|f| f.body.as_ref()) else {
                continue;
            };
            visit::walk(body, &mut |expr, _, _| match &expr.kind {
                ExprKind::Closure { function, .. } => todo.push((*function, connector)),
                ExprKind::CallAction(call) => todo.extend(call.undo.iter().map(|(undo, _)| (*undo, connector))),
                _ => {}
            });
        }
        owners
    }
}

fn suggest<'n>(
    error: Diagnostic,
    span: Span,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
    introduction: &str,
) -> Diagnostic {
    match nearest(name, known.clone()) {
        Some(near) => {
            error.help(format!("did you mean `{near}`?")).fix("correct the name", vec![(span, near.to_owned())])
        }
        None if known.clone().next().is_none() => error.help("it has no settings at all: take the key out"),
        None => error.help(format!("{introduction} {}", list(known))),
    }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
