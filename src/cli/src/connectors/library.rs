//! The modules that a project can use.

use rrb_lang::diag::nearest;
use rrb_lang::reference::{self, Action, Connector, Heard, Module};
use rrb_lang::stdlib;

use crate::context::Context;
use crate::exit::CliError;
use crate::project;

/// Where a module comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The standard library.
    Standard,
    /// A file of the project, also one that stands in the place of one of the library.
    Project,
    /// The primitives, which are in scope without `use`.
    Native,
}

/// A module with its text.
#[derive(Debug, Clone)]
pub struct Known {
    pub origin: Origin,
    pub module: Module,
    pub text: String,
}

/// Every module with connectors, and the primitives, in alphabetical order.
#[derive(Debug)]
pub struct Library {
    pub modules: Vec<Known>,
}

/// What a name stands for.
#[derive(Debug)]
pub enum Named<'l> {
    Native(&'l Known),
    Connector(&'l Known, &'l Connector),
    /// With the name before the dot.
    Action(&'l Known, &'l str, &'l Action),
    Event(&'l Known, &'l Connector, &'l Heard),
}

impl Library {
    /// The library, and the project that the command stands in, when it stands in one.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn load(context: &Context) -> Result<Self, CliError> {
        let files = match context.place() {
            Ok(place) => project::collect(&place)?.modules,
            // Whoever asks for a folder wants it; else the library alone is an answer.
            Err(e) if context.from.is_some() => return Err(e),
            Err(_) => Vec::new(),
        };
        let mut modules: Vec<Known> = files
            .into_iter()
            .map(|f| {
                let name = f.name.trim_end_matches(".rrb").replace('/', ".");
                Known { origin: Origin::Project, module: reference::read(&name, &f.name, &f.text), text: f.text }
            })
            .filter(|k| !k.module.connectors.is_empty())
            .collect();
        for name in stdlib::names() {
            let replaced = modules.iter().any(|m| m.module.name == name);
            if let Some((file, text)) = stdlib::get(name).filter(|_| !replaced) {
                let module = reference::read(name, file, text);
                modules.push(Known { origin: Origin::Standard, module, text: text.to_owned() });
            }
        }
        for (name, file, text) in stdlib::natives() {
            let module = reference::read(name, file, text);
            modules.push(Known { origin: Origin::Native, module, text: (*text).to_owned() });
        }
        modules.sort_by(|a, b| key(a).cmp(&key(b)));
        Ok(Self { modules })
    }

    /// Every connector with its module.
    pub fn connectors(&self) -> impl Iterator<Item = (&Known, &Connector)> {
        self.modules.iter().flat_map(|k| k.module.connectors.iter().map(move |c| (k, c)))
    }

    fn natives(&self) -> impl Iterator<Item = &Known> {
        self.modules.iter().filter(|k| k.origin == Origin::Native)
    }

    /// `slack`, `std.slack`, `slack.post`, `http`, `http.get`.
    ///
    /// # Errors
    /// When there is no such thing; with the nearest.
    pub fn find(&self, name: &str) -> Result<Named<'_>, CliError> {
        let name = name.strip_prefix("std.").unwrap_or(name);
        let whole = |k: &Known, c: &Connector| c.name == name || k.module.name == name;
        if let Some((known, connector)) = self.connectors().find(|(k, c)| whole(k, c)) {
            return Ok(Named::Connector(known, connector));
        }
        if let Some(known) = self.natives().find(|k| k.module.name == name) {
            return Ok(Named::Native(known));
        }
        let Some((head, part)) = name.rsplit_once('.') else { return Err(self.unknown(name)) };
        if let Some((known, connector)) = self.connectors().find(|(k, c)| c.name == head || k.module.name == head) {
            if let Some(action) = connector.offers.actions.iter().find(|a| a.name == part) {
                return Ok(Named::Action(known, &connector.name, action));
            }
            if let Some(event) = connector.events.iter().find(|e| e.name == part) {
                return Ok(Named::Event(known, connector, event));
            }
        }
        if let Some(known) = self.natives().find(|k| k.module.name == head)
            && let Some(action) = known.module.own.actions.iter().find(|a| a.name == part)
        {
            return Ok(Named::Action(known, &known.module.name, action));
        }
        Err(self.unknown(name))
    }

    fn unknown(&self, name: &str) -> CliError {
        let shown = crate::text::clean(name);
        let error = CliError::not_found(format!("there is no connector, action or event `{shown}`"));
        let names = self.names();
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error
                .help("`rrb connectors list` shows them all")
                .help(format!("`rrb connectors search {shown}` looks in what they say of themselves")),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (_, c) in self.connectors() {
            names.push(c.name.clone());
            names.extend(c.offers.actions.iter().map(|a| format!("{}.{}", c.name, a.name)));
            names.extend(c.events.iter().map(|e| format!("{}.{}", c.name, e.name)));
        }
        for known in self.natives() {
            names.push(known.module.name.clone());
            names.extend(known.module.own.actions.iter().map(|a| format!("{}.{}", known.module.name, a.name)));
        }
        names
    }
}

fn key(known: &Known) -> (bool, &str) {
    let name = known.module.connectors.first().map_or(known.module.name.as_str(), |c| c.name.as_str());
    (known.origin == Origin::Native, name)
}
