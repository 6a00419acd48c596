//! The project's description, as the rest of the language and the daemon use it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use indexmap::IndexMap;
use ipnet::IpNet;
use smol_str::SmolStr;

use crate::span::{FileId, Span};
use crate::syntax::ast::Effect;
use crate::vm::protocol::Limits;

/// A project. The default is that of a single file without `rrb.toml`: nobody in it, nothing set, the safe rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectConfig {
    /// Where it was read; none without a file.
    pub file: Option<FileId>,
    /// `[project] name`
    pub name: Option<SmolStr>,
    /// `[users.NAME]`
    pub users: IndexMap<SmolStr, User>,
    /// `[groups] NAME = ["ana", "bo"]`
    pub groups: IndexMap<SmolStr, Group>,
    /// `[settings.MODULE]`: the tree as written, because only the program tells the module `lib.paging` from a setting `paging` of `lib`.
    pub settings: TomlTable,
    /// `[connectors.NAME]` and `[connectors.NAME.INSTANCE]`
    pub connectors: IndexMap<SmolStr, ConnectorConfig>,
    /// `[safety]`
    pub safety: Safety,
    /// `[serve]`
    pub serve: Serve,
    /// `[limits]`: `fuel`, `memory` (a size), `depth`, `effects`.
    pub limits: Limits,
    /// `[egress] allow = ["169.254.169.254/32"]`: link-local and metadata addresses that requests may go to all the same.
    pub egress_allow: Vec<IpNet>,
    /// `[env] allow = ["DATACENTER"]`: variables that `env.get` may read besides those that begin with `RRB_VAR_`.
    pub env_allow: Vec<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `name = "Ana Alić"`; the key unless written.
    pub name: SmolStr,
    /// `email = "ana@example.org"`
    pub email: Option<SmolStr>,
    /// `login = "ana@idp.example"`: what the sign-in calls this person; the key unless written.
    pub login: SmolStr,
    /// The key in `rrb.toml`.
    pub span: Span,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Keys of [`ProjectConfig::users`], each once, all known.
    pub members: Vec<SmolStr>,
    /// The key in `rrb.toml`.
    pub span: Span,
}

/// What `rrb.toml` says of a connector. A table below `[connectors.NAME]` is always an instance; every other value holds for all
/// instances that do not set it themselves. A setting that is itself a table is therefore written inside an instance,
/// `[connectors.NAME.default]` when there is only one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectorConfig {
    /// What holds for every instance.
    pub shared: TomlTable,
    /// `[connectors.NAME.INSTANCE]`
    pub instances: IndexMap<SmolStr, Given>,
    /// The key in `rrb.toml`.
    pub span: Span,
}

/// The table of an instance with the place of its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The settings.
    pub table: TomlTable,
    /// The key in `rrb.toml`.
    pub span: Span,
}

/// A table as written: keys in order, each with its place.
pub type TomlTable = IndexMap<SmolStr, Toml>;

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Toml {
    /// What it is.
    pub kind: TomlKind,
    /// The key it stands at (the value's own place in a list).
    pub key: Span,
    /// The value.
    pub span: Span,
}

/// What a value in `rrb.toml` is.
#[derive(Debug, Clone, PartialEq)]
pub enum TomlKind {
    Text(SmolStr),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// As written, e.g. `2026-11-21T10:00:00Z`.
    Datetime(SmolStr),
    List(Vec<Toml>),
    Table(TomlTable),
}

impl TomlKind {
    /// In words, for messages: `a text`, `a whole number`, …
    pub fn describe(&self) -> &'static str {
        match self {
            TomlKind::Text(_) => "a text",
            TomlKind::Int(_) => "a whole number",
            TomlKind::Float(_) => "a number",
            TomlKind::Bool(_) => "a boolean",
            TomlKind::Datetime(_) => "a date",
            TomlKind::List(_) => "a list",
            TomlKind::Table(_) => "a table",
        }
    }
}

/// `[safety]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// `require_approval = "destroys" | "changes"`: calls of this effect and above need an `approve` or `waive` around them.
    pub require_approval: Effect,
}

impl Default for Safety {
    fn default() -> Self {
        Self { require_approval: Effect::Destroys }
    }
}

/// `[serve]`: the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// `listen = "127.0.0.1:7117"`
    pub listen: SocketAddr,
    /// `allow_remote = true`: other machines may reach `listen`. Without it, only loopback is listened on.
    pub allow_remote: bool,
    /// `hosts = ["rrb.example.org"]`: names under which browsers may reach the daemon, besides `localhost` and addresses.
    pub hosts: Vec<SmolStr>,
    /// `state = ".rrb"`: the folder of the database, relative to the project.
    pub state: SmolStr,
    /// `max_body = "1MiB"`: bytes of a request; more is answered 413.
    pub max_body: u64,
    /// `queue = 1024`: deliveries that wait for the store; more are answered 503.
    pub queue: u32,
    /// `runs = 256`: runs driven at the same time; more wait.
    pub runs: u32,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7117)),
            allow_remote: false,
            hosts: Vec::new(),
            state: SmolStr::new_static(".rrb"),
            max_body: 1 << 20,
            queue: 1024,
            runs: 256,
        }
    }
}

impl ProjectConfig {
    /// The instances of a connector: those with a table of their own, else just `default`.
    pub fn instances(&self, connector: &str) -> Vec<SmolStr> {
        match self.connectors.get(connector) {
            Some(c) if !c.instances.is_empty() => c.instances.keys().cloned().collect(),
            _ => vec![SmolStr::new_static("default")],
        }
    }

    /// The connectors that have instances of their own, and which.
    pub fn named_instances(&self) -> BTreeMap<SmolStr, Vec<SmolStr>> {
        let named = self.connectors.iter().filter(|(_, c)| !c.instances.is_empty());
        named.map(|(name, c)| (name.clone(), c.instances.keys().cloned().collect())).collect()
    }

    /// What a call without an instance means: `default`, else the only one; none when there are several and no `default`.
    pub fn default_instance(&self, connector: &str) -> Option<SmolStr> {
        let all = self.instances(connector);
        match all.as_slice() {
            [only] => Some(only.clone()),
            _ => all.into_iter().find(|i| i == "default"),
        }
    }

    /// The members of a group; none when there is no such group.
    pub fn members(&self, group: &str) -> Option<&[SmolStr]> {
        self.groups.get(group).map(|g| g.members.as_slice())
    }

    /// What of it changes the meaning of a program (people and safety), as canonical text: part of a program's content address.
    pub fn digest_text(&self) -> String {
        let mut lines: Vec<String> = self.users.iter().map(|(k, u)| format!("user {k} {:?}", u.login)).collect();
        lines.extend(self.groups.iter().map(|(k, g)| {
            let mut members = g.members.clone();
            members.sort();
            format!("group {k} {members:?}")
        }));
        lines.sort();
        lines.push(format!("require_approval {:?}", self.safety.require_approval).to_lowercase());
        lines.join("\n")
    }
}
