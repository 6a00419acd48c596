//! Names of rrb made of other people's names: readable, the same each time, and each only once.

use std::collections::{HashMap, HashSet};

/// Words that could name something and are read as slips of another language's.
const FOREIGN: &[&str] = &["elif", "elsif", "elseif"];

/// Longer names than this are cut.
const MAX_NAME: usize = 80;

/// Whether it can stand where a field is named, where every word is a name.
pub fn is_word(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().any(|c| c != '_')
}

/// Whether it is a word that names nothing.
pub fn is_reserved(name: &str) -> bool {
    FOREIGN.contains(&name) || rrb_lang::syntax::is_reserved(name)
}

/// The words in a name of any style: `getHTTPStatus-2` is `get`, `HTTP`, `Status`, `2`.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (i, c) in chars.iter().copied().enumerate() {
        if !c.is_ascii_alphanumeric() {
            // An apostrophe parts nothing: `user's` is `users`.
            if !word.is_empty() && c != '\'' {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| chars.get(i)).copied().unwrap_or(' ');
        let behind = chars.get(i + 1).copied().unwrap_or(' ');
        // A lone `s` behind capitals is their plural: `VMs`, `IDs`.
        let plural =
            behind == 's' && !chars.get(i + 2).is_some_and(|c| c.is_ascii_alphanumeric() && !c.is_ascii_uppercase());
        let hump = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && behind.is_ascii_lowercase() && !plural));
        if hump && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `list_pets`; `fallback` when nothing of it can stand in a name.
pub fn snake(name: &str, fallback: &str) -> String {
    let words: Vec<String> = words(name).iter().map(|w| w.to_ascii_lowercase()).collect();
    let mut out = words.join("_");
    if out.is_empty() {
        out = fallback.to_owned();
    }
    out.truncate(MAX_NAME);
    let out = out.trim_end_matches('_');
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("n{out}") } else { out.to_owned() }
}

/// `PetList`; `fallback` when nothing of it can stand in a name.
pub fn pascal(name: &str, fallback: &str) -> String {
    let capital = |w: &String| {
        let (first, rest) = w.split_at_checked(1).unwrap_or_default();
        let rest = if w.chars().all(|c| !c.is_ascii_lowercase()) { rest.to_ascii_lowercase() } else { rest.to_owned() };
        first.to_ascii_uppercase() + &rest
    };
    let mut out: String = words(name).iter().map(capital).collect();
    if out.is_empty() {
        out = fallback.to_owned();
    }
    out.truncate(MAX_NAME);
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("N{out}") } else { out }
}

/// A name for one of the things that a name in the plural names.
pub fn singular(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    for (end, with) in [("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")] {
        if lower.ends_with(end) && name.len() > end.len() + 1 {
            return format!("{}{with}", name.get(..name.len() - end.len()).unwrap_or(name));
        }
    }
    let stays = ["ss", "us", "is", "data", "series"].iter().any(|end| lower.ends_with(end));
    if lower.ends_with('s') && !stays && name.len() > 2 {
        return name.get(..name.len() - 1).unwrap_or(name).to_owned();
    }
    format!("{name}Item")
}

/// Names that are taken in one place.
#[derive(Debug, Clone, Default)]
pub struct Names {
    taken: HashSet<String>,
    /// The number to try next behind a name that was asked for again.
    next: HashMap<String, usize>,
}

impl Names {
    /// With these taken from the start.
    pub fn with<S: Into<String>>(taken: impl IntoIterator<Item = S>) -> Self {
        Self { taken: taken.into_iter().map(Into::into).collect(), next: HashMap::new() }
    }

    /// The name, or the first of `name_2`, `name_3`, … that is free. Reserved words get a `_` behind them.
    pub fn take(&mut self, name: &str) -> String {
        let name = if is_reserved(name) { format!("{name}_") } else { name.to_owned() };
        let free = self.free(name, |name, n| format!("{name}_{n}"));
        self.taken.insert(free.clone());
        free
    }

    /// As [`Self::take`] for types: `Name2`.
    pub fn take_type(&mut self, name: &str) -> String {
        let joint = if name.ends_with(|c: char| c.is_ascii_digit()) { "V" } else { "" };
        let free = self.free(name.to_owned(), |name, n| format!("{name}{joint}{n}"));
        self.taken.insert(free.clone());
        free
    }

    fn free(&mut self, name: String, numbered: impl Fn(&str, usize) -> String) -> String {
        if !self.taken.contains(&name) {
            return name;
        }
        let mut n = self.next.get(&name).copied().unwrap_or(2);
        loop {
            let next = numbered(&name, n);
            n += 1;
            if !self.taken.contains(&next) {
                self.next.insert(name, n);
                return next;
            }
        }
    }

    /// Takes exactly this name, whoever has it.
    pub fn keep(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// As [`Self::take`] for fields, where every word is a name.
    pub fn take_field(&mut self, name: &str) -> String {
        let free = self.free(name.to_owned(), |name, n| format!("{name}_{n}"));
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_style() {
        for (name, want_snake, want_pascal) in [
            ("getHTTPStatus", "get_http_status", "GetHttpStatus"),
            ("list-pets", "list_pets", "ListPets"),
            ("repos/get-content", "repos_get_content", "ReposGetContent"),
            ("cacao.Playbook", "cacao_playbook", "CacaoPlaybook"),
            ("ALL_CAPS", "all_caps", "AllCaps"),
            ("EC2", "ec2", "Ec2"),
            ("2xx", "n2xx", "N2xx"),
            ("VMs", "vms", "VMs"),
            ("", "thing", "Thing"),
            ("日本", "thing", "Thing"),
            ("user's name", "users_name", "UsersName"),
            ("X-Request-ID", "x_request_id", "XRequestId"),
            ("_id", "id", "Id"),
        ] {
            assert_eq!(snake(name, "thing"), want_snake, "{name}");
            assert_eq!(pascal(name, "Thing"), want_pascal, "{name}");
        }
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut names = Names::default();
        assert_eq!(names.take("type"), "type_");
        assert_eq!(names.take("type"), "type__2");
        assert_eq!(names.take("a"), "a");
        assert_eq!(names.take("a_2"), "a_2");
        assert_eq!(names.take("a"), "a_3");
        assert_eq!(names.take_type("Pet"), "Pet");
        assert_eq!(names.take_type("Pet"), "Pet2");
        assert_eq!(names.take_type("V1"), "V1");
        assert_eq!(names.take_type("V1"), "V1V2");
    }

    #[test]
    fn one_of_many() {
        for (many, one) in [
            ("Servers", "Server"),
            ("Policies", "Policy"),
            ("Status", "StatusItem"),
            ("Data", "DataItem"),
            ("Boxes", "Box"),
        ] {
            assert_eq!(singular(many), one);
        }
    }
}
