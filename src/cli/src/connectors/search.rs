//! Finding an action or an event by what one wants to do.

use rrb_lang::reference::{Action, Field};

use super::library::{Known, Library, Origin};
use super::{effect, summary};

/// Something that was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hit {
    /// `slack.post`
    pub name: String,
    /// `std.slack`; none for a primitive, which needs no `use`.
    #[serde(rename = "use")]
    pub module: Option<String>,
    /// `changes once`, `event`
    pub what: String,
    pub summary: String,
    #[serde(skip)]
    score: u32,
}

/// Words for the same deed; each of a row finds the others.
const ALIKE: &[&[&str]] = &[
    &["restart", "reboot", "reset", "bounce"],
    &["isolate", "contain", "quarantine", "cordon"],
    &["disable", "suspend", "deactivate", "block", "lock"],
    &["enable", "unsuspend", "activate", "unblock", "unlock", "restore"],
    &["message", "post", "send", "notify", "say"],
    &["ticket", "incident", "issue", "case"],
    &["silence", "mute", "downtime", "maintenance", "snooze"],
    &["delete", "remove", "destroy", "drop", "purge"],
    &["resolve", "close", "acknowledge", "ack"],
    &["scale", "resize", "capacity", "replicas"],
    &["revoke", "logout", "invalidate", "sessions"],
    &["rollback", "revert", "undo"],
    &["run", "launch", "start", "execute", "trigger"],
    &["stop", "shutdown", "kill", "terminate", "halt"],
    &["query", "search", "find", "list", "get", "look"],
    &["mail", "email"],
    &["page", "alert", "oncall"],
    &["host", "machine", "instance", "vm", "server", "node"],
    &["user", "account", "person"],
    &["certificate", "cert", "tls", "ssl"],
    &["database", "sql", "postgres", "mysql"],
    &["kubernetes", "k8s"],
];

/// Words that say nothing.
const EMPTY: &[&str] =
    &["a", "an", "the", "to", "of", "in", "on", "for", "with", "and", "or", "my", "all", "how", "do", "i", "is", "it"];

/// The actions and events that have most to do with the words, best first.
pub fn search(library: &Library, words: &str) -> Vec<Hit> {
    let wanted: Vec<String> = parts(words).filter(|w| !EMPTY.contains(&w.as_str())).collect();
    let mut hits: Vec<Hit> = library.modules.iter().flat_map(|k| of_module(k, &wanted)).collect();
    // What answers fewer of the words than the best answer does is no answer.
    let best = hits.iter().map(|h| h.score >> 16).max().unwrap_or(0);
    hits.retain(|h| h.score >> 16 == best);
    hits.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.name.cmp(&b.name)));
    hits
}

fn of_module(known: &Known, wanted: &[String]) -> Vec<Hit> {
    let module = &known.module;
    let hit = |name: String, what: String, docs: &str, texts: &[(&str, u32)]| Hit {
        name,
        module: (known.origin != Origin::Native).then(|| module.name.clone()),
        what,
        summary: summary(docs),
        score: score(wanted, texts),
    };
    let action = |head: &str, about: &str, a: &Action| {
        let params = a.params.iter().map(|p: &Field| p.name.as_str()).collect::<Vec<_>>().join(" ");
        let texts = [(a.name.as_str(), 8), (head, 5), (summary(&a.docs).as_str(), 4), (about, 2), (&a.docs, 1)]
            .map(|(t, w)| (t.to_owned(), w));
        let texts: Vec<(&str, u32)> =
            texts.iter().map(|(t, w)| (t.as_str(), *w)).chain([(params.as_str(), 1)]).collect();
        hit(format!("{head}.{}", a.name), effect(a), &a.docs, &texts)
    };
    let mut hits: Vec<Hit> = module.own.actions.iter().map(|a| action(&module.name, &module.docs, a)).collect();
    for connector in &module.connectors {
        let about = format!("{} {}", module.docs, summary(&connector.docs));
        hits.extend(connector.offers.actions.iter().map(|a| action(&connector.name, &about, a)));
        hits.extend(connector.events.iter().map(|e| {
            let first = summary(&e.docs);
            let texts =
                [(e.name.as_str(), 8), (&connector.name, 5), (&first, 4), ("event", 2), (&about, 2), (&e.docs, 1)];
            hit(format!("{}.{}", connector.name, e.name), "event".to_owned(), &e.docs, &texts)
        }));
    }
    hits.retain(|h| h.score > 0);
    hits
}

/// How many of the words occur, above how well they do.
fn score(wanted: &[String], texts: &[(&str, u32)]) -> u32 {
    let texts: Vec<(Vec<String>, u32)> = texts.iter().map(|(t, w)| (parts(t).collect(), *w)).collect();
    let best = |word: &String| {
        texts
            .iter()
            .filter_map(|(have, weight)| have.iter().filter_map(|h| alike(word, h)).max().map(|m| m * weight))
            .max()
    };
    let found: Vec<u32> = wanted.iter().filter_map(best).collect();
    let many = u32::try_from(found.len()).unwrap_or(u32::MAX);
    (many.min(0x7fff) << 16) + found.iter().sum::<u32>().min(0xffff)
}

/// How alike two words are; none when they are not.
fn alike(wanted: &str, have: &str) -> Option<u32> {
    if wanted == have {
        return Some(10);
    }
    if stem(wanted) == stem(have) {
        return Some(8);
    }
    let row = |word: &str| ALIKE.iter().position(|row| row.iter().any(|w| stem(w) == stem(word)));
    if row(wanted).is_some_and(|r| Some(r) == row(have)) {
        return Some(5);
    }
    (wanted.len() >= 4 && have.starts_with(wanted)).then_some(4)
}

/// The words of a text or a name, in lower case.
fn parts(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase)
}

/// A word without the ending that its use gives it.
fn stem(word: &str) -> &str {
    for (ending, keeps) in [("ing", 3), ("ies", 3), ("es", 3), ("ed", 3), ("s", 2), ("e", 3)] {
        if let Some(stem) = word.strip_suffix(ending).filter(|s| s.len() >= keeps) {
            return stem;
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_alike_by_stem_and_by_sense() {
        for (wanted, have, found) in [
            ("post", "post", Some(10)),
            ("posts", "post", Some(8)),
            ("silencing", "silence", Some(8)),
            ("mute", "silences", Some(5)),
            ("incid", "incidents", Some(4)),
            ("cat", "category", None),
            ("mute", "delete", None),
        ] {
            assert_eq!(alike(wanted, have), found, "{wanted} {have}");
        }
    }

    #[test]
    fn more_words_beat_better_words() {
        let words: Vec<String> = parts("silence alert").collect();
        assert!(score(&words, &[("silence the alert", 1)]) > score(&words, &[("silence", 8)]));
        assert_eq!(score(&words, &[("nothing of it", 8)]), 0);
    }
}
