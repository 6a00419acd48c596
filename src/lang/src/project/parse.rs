//! The tree of `rrb.toml` → [`ProjectConfig`].

use std::net::{IpAddr, SocketAddr};

use indexmap::IndexMap;
use ipnet::IpNet;
use smol_str::SmolStr;

use super::{ConnectorConfig, Given, Group, ProjectConfig, Toml, TomlKind, TomlTable, User, quantity, tree};
use crate::diag::{Diagnostic, codes, nearest};
use crate::span::{FileId, Span};
use crate::syntax::ast::Effect;

/// The largest `rrb.toml`, in bytes.
pub const MAX_BYTES: usize = 256 << 10;

/// The largest body of a request that can be asked for: a delivery and its events go to the store in one commit.
const MAX_BODY: u64 = 64 << 20;

/// The most memory that a run can be given: a run at rest is kept whole.
const MAX_MEMORY: u64 = 256 << 20;

/// The longest name of a user, group, connector or instance, in characters.
const MAX_NAME: usize = 64;

/// Reads the text of `rrb.toml`. What could be read is in the config even when there are diagnostics.
pub fn parse(file: FileId, text: &str) -> (ProjectConfig, Vec<Diagnostic>) {
    let config = ProjectConfig { file: Some(file), ..ProjectConfig::default() };
    if text.len() > MAX_BYTES {
        let message = format!("`rrb.toml` has {} bytes, more than the {MAX_BYTES} it may have", text.len());
        let error = Diagnostic::error(codes::PROJECT_TOO_LARGE, message, Span::new(file, 0, 0), "too large");
        return (config, vec![error.help("it holds settings, not data: keep large values in a module or a file")]);
    }
    let (root, diagnostics) = tree::read(file, text);
    // After a mistake in the TOML itself, keys may stand in the wrong table: what else seems wrong would mislead.
    let broken = !diagnostics.is_empty();
    let mut parser = Parser { config, diagnostics: Vec::new() };
    parser.root(&root);
    (parser.config, if broken { diagnostics } else { parser.diagnostics })
}

struct Parser {
    config: ProjectConfig,
    diagnostics: Vec<Diagnostic>,
}

const SECTIONS: &[&str] =
    &["project", "users", "groups", "settings", "connectors", "safety", "serve", "limits", "egress", "env"];

impl Parser {
    fn root(&mut self, root: &TomlTable) {
        self.known(root, "rrb.toml", SECTIONS);
        for (name, section) in root.iter().filter(|(name, _)| SECTIONS.contains(&name.as_str())) {
            let Some(table) = self.table(section, &format!("[{name}]")) else { continue };
            match name.as_str() {
                "project" => self.project(table),
                "users" => self.users(table),
                "settings" => self.config.settings = table.clone(),
                "connectors" => self.connectors(table),
                "safety" => self.safety(table),
                "serve" => self.serve(table),
                "limits" => self.limits(table),
                "egress" => self.egress(table),
                "env" => self.env(table),
                _ => {}
            }
        }
        // Groups name users, wherever those stand in the file.
        if let Some(TomlKind::Table(groups)) = root.get("groups").map(|g| &g.kind) {
            self.groups(groups);
        }
    }

    fn project(&mut self, table: &TomlTable) {
        self.known(table, "[project]", &["name"]);
        self.config.name = self.text(table, "[project]", "name").filter(|n| !n.is_empty());
    }

    fn users(&mut self, table: &TomlTable) {
        let mut logins: IndexMap<SmolStr, Span> = IndexMap::new();
        for (key, value) in table {
            let path = format!("[users.{key}]");
            self.name(key, value.key, "a user");
            let Some(user) = self.table(value, &path) else { continue };
            self.known(user, &path, &["name", "email", "login"]);
            let name = self.text(user, &path, "name").unwrap_or_else(|| key.clone());
            let email = self.text(user, &path, "email");
            let login = self.text(user, &path, "login").unwrap_or_else(|| key.clone());
            let at = user.get("login").map_or(value.key, |v| v.span);
            if let Some(first) = logins.insert(login.clone(), at) {
                let message = format!("two users have the login `{login}`");
                let error =
                    Diagnostic::error(codes::PROJECT_VALUE, message, at, "the second").label(first, "the first");
                self.diagnostics.push(error.help("one person is one user: a quorum counts people, not accounts"));
            }
            self.config.users.insert(key.clone(), User { name, email, login, span: value.key });
        }
    }

    fn groups(&mut self, table: &TomlTable) {
        for (key, value) in table {
            self.name(key, value.key, "a group");
            let TomlKind::List(items) = &value.kind else {
                self.wrong_type(value, &format!("[groups] {key}"), "a list of users such as `[\"ana\", \"bo\"]`");
                continue;
            };
            let mut members: Vec<SmolStr> = Vec::new();
            for item in items {
                if let Some(member) = self.member(key, item).filter(|m| !members.contains(m)) {
                    members.push(member);
                }
            }
            self.config.groups.insert(key.clone(), Group { members, span: value.key });
        }
    }

    fn member(&mut self, group: &str, item: &Toml) -> Option<SmolStr> {
        let TomlKind::Text(member) = &item.kind else {
            self.wrong_type(item, &format!("[groups] {group}"), "the name of a user, a text");
            return None;
        };
        if self.config.users.contains_key(member) {
            return Some(member.clone());
        }
        let message = format!("the group `{group}` has the unknown member `{member}`");
        let mut error = Diagnostic::error(codes::PROJECT_UNKNOWN_USER, message, item.span, "no such user");
        error = match nearest(member, self.config.users.keys().map(SmolStr::as_str)) {
            Some(near) => error
                .help(format!("did you mean `{near}`?"))
                .fix("correct the name", vec![(item.span, format!("{near:?}"))]),
            None => error.help(format!("add `[users.{member}]` to rrb.toml")),
        };
        self.diagnostics.push(error);
        None
    }

    fn connectors(&mut self, table: &TomlTable) {
        for (key, value) in table {
            self.name(key, value.key, "a connector");
            let Some(entries) = self.table(value, &format!("[connectors.{key}]")) else { continue };
            let mut connector = ConnectorConfig { span: value.key, ..ConnectorConfig::default() };
            for (name, entry) in entries {
                match &entry.kind {
                    TomlKind::Table(table) => {
                        self.name(name, entry.key, "an instance");
                        connector.instances.insert(name.clone(), Given { table: table.clone(), span: entry.key });
                    }
                    _ => {
                        connector.shared.insert(name.clone(), entry.clone());
                    }
                }
            }
            self.config.connectors.insert(key.clone(), connector);
        }
    }

    fn safety(&mut self, table: &TomlTable) {
        self.known(table, "[safety]", &["require_approval"]);
        let Some(value) = table.get("require_approval") else { return };
        match &value.kind {
            TomlKind::Text(t) if t == "destroys" => self.config.safety.require_approval = Effect::Destroys,
            TomlKind::Text(t) if t == "changes" => self.config.safety.require_approval = Effect::Changes,
            _ => self.wrong_type(value, "[safety] require_approval", "`\"destroys\"` or `\"changes\"`"),
        }
    }

    fn serve(&mut self, table: &TomlTable) {
        let path = "[serve]";
        self.known(table, path, &["listen", "allow_remote", "hosts", "state", "max_body", "queue", "runs"]);
        self.config.serve.allow_remote = self.flag(table, path, "allow_remote").unwrap_or(false);
        self.hosts(table);
        if let Some(value) = table.get("listen") {
            match &value.kind {
                TomlKind::Text(t) => match t.parse::<SocketAddr>() {
                    Ok(listen) => self.listen(value, listen),
                    Err(_) => self.bad_listen(value, t),
                },
                _ => self.wrong_type(value, "[serve] listen", "an address with a port such as `\"127.0.0.1:7117\"`"),
            }
        }
        if let Some(state) = self.text(table, path, "state") {
            if state.trim().is_empty() {
                let span = table.get("state").map(|v| v.span).unwrap_or_default();
                let error = Diagnostic::error(codes::PROJECT_VALUE, "`[serve] state` is empty", span, "no folder");
                self.diagnostics.push(error.help("name a folder, e.g. `state = \".rrb\"`"));
            } else {
                self.config.serve.state = state;
            }
        }
        let kib = 1 << 10;
        self.config.serve.max_body =
            self.size(table, path, "max_body", kib..=MAX_BODY).unwrap_or(self.config.serve.max_body);
        self.config.serve.queue = self.count(table, path, "queue", 1, 1_000_000).unwrap_or(self.config.serve.queue);
        self.config.serve.runs = self.count(table, path, "runs", 1, 100_000).unwrap_or(self.config.serve.runs);
    }

    fn listen(&mut self, value: &Toml, listen: SocketAddr) {
        self.config.serve.listen = listen;
        if listen.ip().is_loopback() || self.config.serve.allow_remote {
            return;
        }
        let message = format!("`{listen}` would let other machines reach the daemon");
        let error = Diagnostic::error(codes::PROJECT_VALUE, message, value.span, "not a loopback address");
        self.diagnostics
            .push(error.help("if that is meant, write `allow_remote = true` below it, and put TLS in front"));
    }

    fn hosts(&mut self, table: &TomlTable) {
        let Some(value) = table.get("hosts") else { return };
        let TomlKind::List(items) = &value.kind else {
            self.wrong_type(value, "[serve] hosts", "a list of names such as `[\"rrb.example.org\"]`");
            return;
        };
        for item in items {
            match &item.kind {
                TomlKind::Text(host) if is_host(host) => self.config.serve.hosts.push(host.clone()),
                TomlKind::Text(host) => {
                    let message = format!("`{}` is no name of a host", shorten(host));
                    let error = Diagnostic::error(codes::PROJECT_VALUE, message, item.span, "not a host");
                    self.diagnostics
                        .push(error.help("write the name alone, without `http://` and port: `rrb.example.org`"));
                }
                _ => self.wrong_type(item, "[serve] hosts", "the name of a host, a text"),
            }
        }
    }

    fn bad_listen(&mut self, value: &Toml, text: &str) {
        let message = format!("`{}` is no address to listen on", shorten(text));
        let error = Diagnostic::error(codes::PROJECT_VALUE, message, value.span, "expected an IP address and a port");
        let help = match text.rsplit_once(':') {
            Some(("localhost", port)) => format!("write `127.0.0.1:{}`; names are not looked up", shorten(port)),
            _ => "write e.g. `127.0.0.1:7117`, or `[::1]:7117` for IPv6".to_owned(),
        };
        self.diagnostics.push(error.help(help));
    }

    fn limits(&mut self, table: &TomlTable) {
        let path = "[limits]";
        self.known(table, path, &["fuel", "memory", "depth", "effects"]);
        let limits = &self.config.limits;
        let (fuel, memory, depth, effects) = (limits.fuel, limits.memory, limits.depth, limits.effects);
        self.config.limits.fuel =
            self.int(table, path, "fuel", 1_000, 1_000_000_000_000).map_or(fuel, |n| u64::try_from(n).unwrap_or(fuel));
        self.config.limits.memory = self.size(table, path, "memory", 1 << 20..=MAX_MEMORY).unwrap_or(memory);
        self.config.limits.depth = self.count(table, path, "depth", 8, 1_024).unwrap_or(depth);
        self.config.limits.effects = self.count(table, path, "effects", 1, 10_000_000).unwrap_or(effects);
    }

    fn egress(&mut self, table: &TomlTable) {
        self.known(table, "[egress]", &["allow"]);
        for (item, text) in
            self.texts(table, "[egress]", "allow", "a list of networks such as `[\"169.254.169.254/32\"]`")
        {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match net {
                Ok(net) => self.config.egress_allow.push(net),
                Err(_) => {
                    let message = format!("`{}` is no address and no network", shorten(&text));
                    let error = Diagnostic::error(codes::PROJECT_VALUE, message, item, "not a network");
                    let help = "write an address or a network in CIDR form, such as `169.254.169.254/32`; names are not looked up here";
                    self.diagnostics.push(error.help(help));
                }
            }
        }
    }

    fn env(&mut self, table: &TomlTable) {
        self.known(table, "[env]", &["allow"]);
        for (item, name) in self.texts(table, "[env]", "allow", "a list of variables such as `[\"DATACENTER\"]`") {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.chars().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit()) {
                self.config.env_allow.push(name.to_string());
                continue;
            }
            let message = format!("`{}` is no name of a variable", shorten(&name));
            let error = Diagnostic::error(codes::PROJECT_VALUE, message, item, "not a variable");
            let help = match name.contains('*') {
                true => "write each name whole: there are no patterns, so that nothing is let through by chance",
                false => "write it without `$`, in letters, digits and `_`",
            };
            self.diagnostics.push(error.help(help));
        }
    }

    // ---- values

    /// The texts of a list, with their places.
    fn texts(&mut self, table: &TomlTable, path: &str, key: &str, expected: &str) -> Vec<(Span, SmolStr)> {
        let Some(value) = table.get(key) else { return vec![] };
        let path = format!("{path} {key}");
        let TomlKind::List(items) = &value.kind else {
            self.wrong_type(value, &path, expected);
            return vec![];
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.kind {
                TomlKind::Text(text) => texts.push((item.span, text.clone())),
                _ => self.wrong_type(item, &path, "a list of texts"),
            }
        }
        texts
    }

    fn table<'a>(&mut self, value: &'a Toml, path: &str) -> Option<&'a TomlTable> {
        match &value.kind {
            TomlKind::Table(table) => Some(table),
            _ => {
                self.wrong_type(value, path, "a table");
                if let Some(error) = self.diagnostics.last_mut() {
                    error.help.push(format!("begin it with `{path}` on its own line, its keys below"));
                }
                None
            }
        }
    }

    fn text(&mut self, table: &TomlTable, path: &str, key: &str) -> Option<SmolStr> {
        let value = table.get(key)?;
        match &value.kind {
            TomlKind::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(value, &format!("{path} {key}"), "a text in quotes");
                None
            }
        }
    }

    fn flag(&mut self, table: &TomlTable, path: &str, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        match value.kind {
            TomlKind::Bool(flag) => Some(flag),
            _ => {
                self.wrong_type(value, &format!("{path} {key}"), "`true` or `false`");
                None
            }
        }
    }

    fn int(&mut self, table: &TomlTable, path: &str, key: &str, min: i64, max: i64) -> Option<i64> {
        let value = table.get(key)?;
        match value.kind {
            TomlKind::Int(n) if (min..=max).contains(&n) => Some(n),
            TomlKind::Int(n) => {
                self.out_of_range(value, &format!("{path} {key}"), &n.to_string(), &format!("{min} to {max}"));
                None
            }
            _ => {
                self.wrong_type(value, &format!("{path} {key}"), "a whole number");
                None
            }
        }
    }

    fn count(&mut self, table: &TomlTable, path: &str, key: &str, min: u32, max: u32) -> Option<u32> {
        self.int(table, path, key, min.into(), max.into()).and_then(|n| u32::try_from(n).ok())
    }

    fn size(&mut self, table: &TomlTable, path: &str, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = table.get(key)?;
        let path = format!("{path} {key}");
        let TomlKind::Text(text) = &value.kind else {
            self.wrong_type(value, &path, "a size with its unit such as `\"1MiB\"`");
            return None;
        };
        let Some(bytes) = quantity::size(text).and_then(|n| u64::try_from(n).ok()) else {
            let message = format!("`{}` is no size", shorten(text));
            let error = Diagnostic::error(codes::PROJECT_VALUE, message, value.span, "expected a number with a unit");
            self.diagnostics.push(error.help("write e.g. `512KB`, `1MiB` or `1.5GB`"));
            return None;
        };
        if range.contains(&bytes) {
            return Some(bytes);
        }
        self.out_of_range(
            value,
            &path,
            text,
            &format!("{} to {}", quantity::print_size(*range.start()), quantity::print_size(*range.end())),
        );
        None
    }

    // ---- mistakes

    fn known(&mut self, table: &TomlTable, path: &str, keys: &[&str]) {
        for (key, value) in table.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
            let message = format!("unknown key `{}` in `{path}`", shorten(key));
            let error = Diagnostic::error(codes::PROJECT_UNKNOWN_KEY, message, value.key, "not a key of this table");
            let error = match nearest(key, keys.iter().copied()) {
                Some(near) => error
                    .help(format!("did you mean `{near}`?"))
                    .fix("correct the key", vec![(value.key, near.to_owned())]),
                None => error.help(format!("the keys are {}", list(keys))),
            };
            self.diagnostics.push(error);
        }
    }

    fn wrong_type(&mut self, value: &Toml, path: &str, expected: &str) {
        let found = match &value.kind {
            TomlKind::Text(text) => format!("`{:?}`", shorten(text)),
            other => other.describe().to_owned(),
        };
        let message = format!("`{path}` must be {expected}, found {found}");
        self.diagnostics.push(Diagnostic::error(
            codes::PROJECT_TYPE,
            message,
            value.span,
            format!("expected {expected}"),
        ));
    }

    fn out_of_range(&mut self, value: &Toml, path: &str, found: &str, range: &str) {
        let message = format!("`{path}` is `{found}`, outside of {range}");
        let error = Diagnostic::error(codes::PROJECT_VALUE, message, value.span, "out of range");
        self.diagnostics.push(error.help(format!("choose a value from {range}")));
    }

    /// Names stand in URLs, logs and environment variables.
    fn name(&mut self, name: &str, span: Span, what: &str) {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if !name.is_empty() && name.chars().count() <= MAX_NAME && name.chars().all(fits) {
            return;
        }
        let message = format!("`{}` cannot be the name of {what}", shorten(name));
        let error = Diagnostic::error(codes::PROJECT_VALUE, message, span, "not a name");
        self.diagnostics.push(error.help(format!("use at most {MAX_NAME} letters, digits and `-`, `_`, `.`, `@`")));
    }
}

/// Letters, digits, `-` and `.`, as RFC 1123 has it.
fn is_host(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.split('.').all(|part| (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-'))
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
}

/// A user's words, short enough for one line.
pub(super) fn shorten(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}
