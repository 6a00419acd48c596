//! What a method says of an operation's effect, and what its name says against that.

use crate::names;

/// An effect and a repeat class as they are written, and what a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub effect: &'static str,
    /// Empty for what reads.
    pub class: &'static str,
    pub review: Option<String>,
}

const SEARCHES: &[&str] = &[
    "search",
    "query",
    "list",
    "find",
    "lookup",
    "preview",
    "validate",
    "check",
    "estimate",
    "calculate",
    "get",
    "describe",
    "count",
    "evaluate",
    "compare",
];
const DESTROYS: &[&str] = &[
    "delete",
    "destroy",
    "terminate",
    "purge",
    "wipe",
    "drop",
    "erase",
    "revoke",
    "uninstall",
    "remove",
    "prune",
    "kill",
    "shutdown",
    "flush",
    "truncate",
];
const CHANGES: &[&str] = &[
    "delete", "destroy", "create", "update", "restart", "reset", "revoke", "logout", "start", "stop", "trigger",
    "remove", "disable", "enable",
];

/// The guess for a method. `name` is the action's name, `keyed` the header of an idempotency key.
pub fn guess(method: &str, name: &str, path: &str, keyed: Option<&str>) -> Guess {
    let last = path.rsplit('/').find(|s| !s.is_empty() && !s.starts_with('{')).unwrap_or_default();
    let words: Vec<String> =
        names::snake(name, "").split('_').chain(names::snake(last, "").split('_')).map(str::to_owned).collect();
    let first_is = |list: &[&str]| words.first().is_some_and(|w| list.contains(&w.as_str()));
    let says = |list: &[&str]| words.iter().find(|w| list.contains(&w.as_str())).cloned();
    let class = |plain: &'static str| if keyed.is_some() { "keyed within 24h" } else { plain };
    let key = keyed.map(|k| format!("; repeats are dropped by `{k}`: look up for how long")).unwrap_or_default();
    match method {
        "get" | "head" => Guess {
            effect: "reads",
            class: "",
            review: says(CHANGES)
                .filter(|_| {
                    method == "get"
                        && !first_is(&[
                            "get", "list", "is", "has", "check", "search", "find", "show", "describe", "download",
                            "fetch", "read",
                        ])
                })
                .map(|word| format!("GET is taken as harmless, but its name says `{word}`")),
        },
        "delete" => Guess {
            effect: "destroys",
            class: class("idempotent"),
            review: Some(format!("DELETE is taken to destroy, and twice to be as once{key}")),
        },
        "put" => Guess {
            effect: "changes",
            class: class("idempotent"),
            review: Some(format!("PUT is taken to change, and twice to be as once{key}")),
        },
        method => {
            let upper = method.to_ascii_uppercase();
            let again = if keyed.is_some() { key } else { ", and never to be repeated unasked".to_owned() };
            if let Some(word) = says(DESTROYS) {
                return Guess {
                    effect: "destroys",
                    class: class("once"),
                    review: Some(format!("{upper} with `{word}` in its name is taken to destroy{again}")),
                };
            }
            let only_reads = if first_is(SEARCHES) {
                "; does it only read? then lower it with `trust reads because …`"
            } else {
                ""
            };
            Guess {
                effect: "changes",
                class: class("once"),
                review: Some(format!("{upper} is taken to change{again}{only_reads}")),
            }
        }
    }
}

/// Whether a header carries an idempotency key.
pub fn is_key_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace(['-', '_'], "");
    let plain = lower.strip_prefix('x').unwrap_or(&lower);
    lower.ends_with("idempotencykey")
        || lower.ends_with("idempotencytoken")
        || plain == "idempotentkey"
        || plain == "idempotencyid"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_speaks_against_the_method() {
        let of = |method, name, path| {
            let g = guess(method, name, path, None);
            (g.effect, g.class)
        };
        assert_eq!(of("get", "get_pet", "/pets/{id}"), ("reads", ""));
        assert_eq!(of("post", "create_pet", "/pets"), ("changes", "once"));
        assert_eq!(of("post", "pets_delete", "/pets/delete"), ("destroys", "once"));
        assert_eq!(of("put", "put_pet", "/pets/{id}"), ("changes", "idempotent"));
        assert_eq!(of("delete", "x", "/pets/{id}"), ("destroys", "idempotent"));
        assert_eq!(guess("post", "make", "/a", Some("Idempotency-Key")).class, "keyed within 24h");
        assert!(guess("post", "search_pets", "/search", None).review.is_some_and(|r| r.contains("only read")));
        assert!(guess("get", "restart", "/restart", None).review.is_some());
        assert!(guess("get", "list_deleted", "/deleted", None).review.is_none());
    }

    #[test]
    fn headers_of_idempotency_keys() {
        for name in ["Idempotency-Key", "X-Idempotency-Key", "idempotency_key", "X-Idempotency-Token"] {
            assert!(is_key_header(name), "{name}");
        }
        for name in ["X-Request-Id", "Key", "If-Match"] {
            assert!(!is_key_header(name), "{name}");
        }
    }
}
