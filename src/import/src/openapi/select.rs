//! Which operations of a description are imported.

use rrb_lang::diag::nearest;

use super::action::Action;
use super::events::Event;
use crate::ImportError;

/// Indices of what was chosen.
#[derive(Debug, Default)]
pub struct Chosen {
    pub actions: Vec<usize>,
    pub events: Vec<usize>,
}

/// What the words in `only` name; everything when there are none.
///
/// # Errors
/// When a word names nothing.
pub fn choose(actions: &[Action<'_>], events: &[Event], only: &[String]) -> Result<Chosen, ImportError> {
    if only.is_empty() {
        return Ok(Chosen { actions: (0..actions.len()).collect(), events: (0..events.len()).collect() });
    }
    let mut by_action = vec![false; actions.len()];
    let mut by_event = vec![false; events.len()];
    for word in only {
        let mut found = false;
        for (flag, action) in by_action.iter_mut().zip(actions) {
            if names(action, word) {
                *flag = true;
                found = true;
            }
        }
        for (flag, event) in by_event.iter_mut().zip(events) {
            if event.name == *word {
                *flag = true;
                found = true;
            }
        }
        if !found {
            return Err(unknown(actions, events, word));
        }
    }
    let indices = |flags: &[bool]| flags.iter().enumerate().filter(|(_, f)| **f).map(|(i, _)| i).collect();
    Ok(Chosen { actions: indices(&by_action), events: indices(&by_event) })
}

/// Whether a word names an operation: by tag, path, `METHOD path`, id, or the name of its action.
fn names(action: &Action<'_>, word: &str) -> bool {
    let operation = &action.operation;
    if word == action.name || operation.id == Some(word) {
        return true;
    }
    if operation.tags.iter().any(|t| t.eq_ignore_ascii_case(word)) {
        return true;
    }
    match word.split_once(' ') {
        Some((method, path)) if path.starts_with('/') => {
            method.eq_ignore_ascii_case(operation.method) && fits(&operation.path, path)
        }
        _ => word.starts_with('/') && fits(&operation.path, word),
    }
}

/// `/pets/*` stands for `/pets` and all below it.
fn fits(path: &str, pattern: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(folder) => path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
        None => path == pattern,
    }
}

fn unknown(actions: &[Action<'_>], events: &[Event], word: &str) -> ImportError {
    let known = actions
        .iter()
        .flat_map(|a| {
            a.operation.tags.iter().copied().chain([a.name.as_str(), a.operation.path.as_str()]).chain(a.operation.id)
        })
        .chain(events.iter().map(|e| e.name.as_str()));
    let help = match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "give a tag, a path (`/pets/*` for all below it), `METHOD /path`, an operationId or the name of an action"
                .to_owned()
        }
    };
    ImportError::new(format!("nothing in the description is called `{word}`"), help)
}

/// Places whose notes are of interest.
pub struct Places {
    /// None for all.
    paths: Option<Vec<String>>,
}

/// The places of what was chosen.
pub fn places(actions: &[Action<'_>], chosen: &Chosen, some: bool) -> Places {
    let paths = some
        .then(|| chosen.actions.iter().filter_map(|i| actions.get(*i)).map(|a| a.operation.at.place.clone()).collect());
    Places { paths }
}

impl Places {
    /// Whether a note is of what was chosen: those of other operations are not.
    pub fn concerns(&self, at: &str) -> bool {
        match &self.paths {
            Some(paths) if at.starts_with("/paths/") => paths.iter().any(|p| at.starts_with(p.as_str())),
            _ => true,
        }
    }
}
