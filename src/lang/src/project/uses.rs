//! Mistakes about settings of the library: nobody has its files, so they stand where the project brings it in.

use crate::diag::{Diagnostic, codes, nearest};
use crate::span::{PROJECT_FILE, Sources, Span};
use crate::stdlib;
use crate::syntax::ast::ItemKind;
use crate::syntax::parse;

/// Moves what is missing for a connector of the library from its declaration to the first `use` of it in the project.
pub fn at_their_use(diagnostics: &mut [Diagnostic], sources: &Sources) {
    for d in diagnostics.iter_mut().filter(|d| d.code == codes::SETTING_MISSING) {
        let file = sources.name(d.span().file);
        let of_file = |module: &&str| stdlib::get(module).is_some_and(|(name, _)| name == file);
        let Some(module) = stdlib::names().find(of_file) else { continue };
        if let (Some(span), Some(label)) = (first_use(sources, module), d.labels.iter_mut().find(|l| l.primary)) {
            label.span = span;
            label.text = "brings it in".to_owned();
        }
    }
}

fn first_use(sources: &Sources, module: &str) -> Option<Span> {
    let ours = sources.iter().filter(|(_, s)| s.name.ends_with(".rrb") && !s.name.starts_with("stdlib/"));
    ours.flat_map(|(file, source)| parse(file, &source.text).module.items).find_map(|item| match &item.kind {
        ItemKind::Use(u) if sources.text(u.path.span) == module => Some(u.path.span),
        _ => None,
    })
}

/// Hides the secrets that stand in rrb.toml from everything that shows the file: the mistake is shown, not what it gives away.
pub fn hide_secrets(diagnostics: &[Diagnostic], sources: &mut Sources) {
    for secret in diagnostics.iter().filter(|d| d.code == codes::SETTING_SECRET) {
        sources.hide(secret.span());
    }
    let Some(project) = sources.get(PROJECT_FILE).filter(|_| !diagnostics.is_empty()) else { return };
    for span in likely_secrets(&project.text) {
        sources.hide(span);
    }
}

/// What the name of a key that holds a secret ends in.
const KEYS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "api_key",
    "apikey",
    "private_key",
    "signing_key",
    "credentials",
];

/// What tokens of well-known services begin with.
const TOKENS: [&str; 12] = [
    "xoxb-",
    "xoxp-",
    "xapp-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "AKIA",
    "sk_live_",
    "eyJ",
    "-----BEGIN",
];

/// The texts of rrb.toml that are secrets by their key, however misspelt that is, or by their look. A line is shown for the sake of
/// any mistake on it or beside it, so this does not ask which one was made.
fn likely_secrets(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (key, values) = line.split_once('=').unwrap_or(("", line));
        let offset = start + line.len() - values.len();
        let key = key.trim().rsplit(['.', ' ', '{', ',']).next().unwrap_or_default().trim_matches(['"', '\'']);
        for (at, value) in texts(values) {
            let secret = (is_secret_key(key) && !is_reference(value)) || is_token(value);
            let from = offset + at;
            if secret && let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(from + value.len())) {
                found.push(Span::new(PROJECT_FILE, from, to));
            }
        }
        start += line.len();
    }
    found
}

/// The texts between quotes in a part of a line, each with its place.
fn texts(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = line.get(from..).and_then(|rest| rest.find(['"', '\''])) {
        let begin = from + open + 1;
        let rest = line.get(begin..).unwrap_or_default();
        let quote = line.get(begin - 1..begin).unwrap_or("\"");
        let end = rest.find(quote).unwrap_or(rest.trim_end().len());
        found.push((begin, rest.get(..end).unwrap_or_default()));
        from = begin + end + 1;
    }
    found
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let last = key.rsplit('_').next().unwrap_or_default();
    KEYS.iter().any(|k| key.ends_with(k)) || (last.len() > 3 && nearest(last, KEYS).is_some())
}

fn is_reference(value: &str) -> bool {
    value.is_empty() || value.starts_with("env:") || value.starts_with("file:")
}

fn is_token(value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "_+=-".contains(c));
    // Names that people make have words and numbers between their dashes; what a machine made has both in one.
    let random = |part: &str| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        part.len() >= 16 && digits >= 3 && part.len() - digits >= 3
    };
    let made = plain && value.len() >= 24 && value.split(['-', '_', '=', '+']).any(random);
    TOKENS.iter().any(|t| value.starts_with(t)) || made
}
