//! The tables and keys of `rrb.toml`, each with what it means: what an editor offers and explains, and what the published schema says.

use serde_json::{Value, json};

/// What a value of the file is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Text,
    Flag,
    /// A list of texts.
    Texts,
    /// A whole number from here to there.
    Count(i64, i64),
    /// `"10MiB"`
    Size,
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// The value when it is not written, as TOML; empty when there is none.
    pub default: &'static str,
    pub docs: &'static str,
}

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// What stands below it has names of its author's choice: `[users.ana]`.
    pub named: bool,
    pub docs: &'static str,
    pub keys: &'static [Key],
}

const fn key(name: &'static str, shape: Shape, default: &'static str, docs: &'static str) -> Key {
    Key { name, shape, default, docs }
}

/// Every table.
pub static TABLES: [Table; 10] = [
    Table {
        name: "project",
        named: false,
        docs: "The project itself.",
        keys: &[key("name", Shape::Text, "", "The project's name, shown in the daemon and in audit exports.")],
    },
    Table {
        name: "users",
        named: true,
        docs: "A person who may approve. Two users with the same login are an error: a quorum counts people, not accounts.",
        keys: &[
            key("name", Shape::Text, "", "The name that is shown; the key unless written."),
            key("email", Shape::Text, "", "The address of the person."),
            key("login", Shape::Text, "", "What the sign-in calls this person; the key unless written."),
        ],
    },
    Table {
        name: "groups",
        named: true,
        docs: "Groups of users: `sre = [\"ana\", \"bo\"]`. Approvals ask them with `from group(\"sre\")`.",
        keys: &[],
    },
    Table {
        name: "settings",
        named: true,
        docs: "The values for the `settings { … }` of a module: `[settings.lib.paging]` is for `lib/paging.rrb`.",
        keys: &[],
    },
    Table {
        name: "connectors",
        named: true,
        docs: "The settings of a connector, and below them those of its instances: `[connectors.kubernetes.prod]`.",
        keys: &[],
    },
    Table {
        name: "safety",
        named: false,
        docs: "What must be approved.",
        keys: &[key(
            "require_approval",
            Shape::OneOf(&["destroys", "changes"]),
            "\"destroys\"",
            "What must stand inside an `approve` or a `waive`: calls that destroy, or every call that changes something.",
        )],
    },
    Table {
        name: "serve",
        named: false,
        docs: "The daemon.",
        keys: &[
            key(
                "listen",
                Shape::Text,
                "\"127.0.0.1:7117\"",
                "The address and port to listen on; names are not looked up.",
            ),
            key(
                "allow_remote",
                Shape::Flag,
                "false",
                "Other machines may reach `listen`. The daemon speaks no TLS: put a proxy in front.",
            ),
            key(
                "hosts",
                Shape::Texts,
                "[]",
                "Names under which a browser may reach the daemon, besides `localhost` and addresses.",
            ),
            key("state", Shape::Text, "\".rrb\"", "The folder of the database, relative to the project."),
            key(
                "max_body",
                Shape::Size,
                "\"1MiB\"",
                "The largest request, from 1KiB to 64MiB; a larger one is answered 413.",
            ),
            key(
                "queue",
                Shape::Count(1, 1_000_000),
                "1024",
                "Deliveries that wait to be stored; more are answered 503.",
            ),
            key("runs", Shape::Count(1, 100_000), "256", "Runs that are driven at the same time; more wait."),
        ],
    },
    Table {
        name: "egress",
        named: false,
        docs: "What requests may reach besides everything that is neither link-local nor a metadata service.",
        keys: &[key("allow", Shape::Texts, "[]", "Addresses and networks, such as `169.254.169.254/32`.")],
    },
    Table {
        name: "env",
        named: false,
        docs: "What runbooks may read of the environment besides variables that begin with `RRB_VAR_`.",
        keys: &[key("allow", Shape::Texts, "[]", "The names of variables, each whole.")],
    },
    Table {
        name: "limits",
        named: false,
        docs: "What one run may use.",
        keys: &[
            key("fuel", Shape::Count(1_000, 1_000_000_000_000), "10_000_000", "Steps between two waits."),
            key("memory", Shape::Size, "\"64MiB\"", "Memory of a run, at least 1MiB."),
            key("depth", Shape::Count(8, 1_024), "128", "Calls inside each other."),
            key("effects", Shape::Count(1, 10_000_000), "100_000", "Calls of a run to the world."),
        ],
    },
];

/// A table by its name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|t| t.name == name)
}

/// The JSON schema of the file, for editors that know TOML and not rrb.
pub fn schema() -> Value {
    let properties = TABLES.iter().map(|t| (t.name.to_owned(), of_table(t)));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "rrb.toml",
        "description": "The project file of rrb.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<serde_json::Map<String, Value>>(),
    })
}

fn of_table(t: &Table) -> Value {
    match t.name {
        "groups" => json!({
            "description": t.docs,
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "string" } },
        }),
        "settings" | "connectors" => json!({
            "description": t.docs,
            "type": "object",
            "additionalProperties": { "type": "object" },
        }),
        _ if t.named => json!({ "description": t.docs, "type": "object", "additionalProperties": of_keys(t, None) }),
        _ => of_keys(t, Some(t.docs)),
    }
}

fn of_keys(t: &Table, docs: Option<&str>) -> Value {
    let properties = t.keys.iter().map(|k| (k.name.to_owned(), of_key(k)));
    let properties: serde_json::Map<String, Value> = properties.collect();
    let mut all = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let (Some(docs), Some(object)) = (docs, all.as_object_mut()) {
        object.insert("description".to_owned(), docs.into());
    }
    all
}

fn of_key(k: &Key) -> Value {
    let mut value = match k.shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Size => json!({ "type": "string", "pattern": "^[0-9]+([.][0-9]+)?(B|[KMGTP]i?B)$" }),
        Shape::OneOf(words) => json!({ "enum": words }),
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("description".to_owned(), k.docs.into());
    }
    value
}

#[cfg(test)]
mod tests {
    use rrb_lang::diag::codes;
    use rrb_lang::span::PROJECT_FILE;

    use super::*;

    fn sample(k: &Key) -> String {
        match k.shape {
            _ if !k.default.is_empty() => k.default.to_owned(),
            Shape::Text => "\"x\"".to_owned(),
            Shape::Flag => "true".to_owned(),
            Shape::Texts => "[]".to_owned(),
            Shape::Count(least, _) => least.to_string(),
            Shape::Size => "\"1MiB\"".to_owned(),
            Shape::OneOf(words) => format!("{:?}", words[0]),
        }
    }

    fn said(text: &str) -> Vec<String> {
        rrb_lang::project::parse(PROJECT_FILE, text).1.iter().map(|d| format!("{d:?}")).collect()
    }

    #[test]
    fn every_key_is_one_that_the_file_takes() {
        for t in &TABLES {
            let head = if t.named { format!("[{}.x]\n", t.name) } else { format!("[{}]\n", t.name) };
            for k in t.keys {
                let text = format!("{head}{} = {}\n", k.name, sample(k));
                assert_eq!(said(&text), Vec::<String>::new(), "{text}");
                if let Shape::Count(least, most) = k.shape {
                    for (n, fits) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                        assert_eq!(said(&format!("{head}{} = {n}\n", k.name)).is_empty(), fits, "{} {n}", k.name);
                    }
                }
            }
        }
    }

    #[test]
    fn no_key_is_left_out() {
        // The parser names the keys that it knows when it finds one that it does not.
        for t in TABLES.iter().filter(|t| !t.keys.is_empty()) {
            let head = if t.named { format!("[{}.x]\n", t.name) } else { format!("[{}]\n", t.name) };
            let (_, found) = rrb_lang::project::parse(PROJECT_FILE, &format!("{head}qqqqqqqq = 1\n"));
            let error = found.iter().find(|d| d.code == codes::PROJECT_UNKNOWN_KEY).unwrap();
            let help = error.help.join(" ");
            let mut known: Vec<&str> = help
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                .collect();
            let mut ours: Vec<&str> = t.keys.iter().map(|k| k.name).collect();
            known.sort_unstable();
            ours.sort_unstable();
            assert_eq!(known, ours, "{}: {help}", t.name);
        }
    }

    #[test]
    fn the_published_schema_is_this_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rrb.schema.json");
        let made = format!("{:#}\n", schema());
        if std::env::var_os("RRB_WRITE_SCHEMA").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(published, made, "write it with `RRB_WRITE_SCHEMA=1 cargo test -p rrb-lsp published_schema`");
    }
}
