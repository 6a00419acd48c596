//! Code actions.

use tower_lsp::ls_types::{CodeAction, CodeActionKind, CodeActionOrCommand, Range};

use super::edits::workspace_edit;
use crate::ide::actions::{Action, ActionKind, actions};
use crate::server::diagnostics;
use crate::server::key::Key;
use crate::server::world::Snapshot;

/// The kinds that there are.
pub fn kinds() -> Vec<CodeActionKind> {
    vec![CodeActionKind::QUICKFIX, CodeActionKind::REFACTOR_EXTRACT, CodeActionKind::REFACTOR_REWRITE]
}

/// What can be changed in a part of a document. `only` are the kinds that the client wants.
pub fn code_actions(
    snapshot: &Snapshot,
    key: &Key,
    range: Range,
    only: Option<&[CodeActionKind]>,
) -> Option<Vec<CodeActionOrCommand>> {
    let (view, file) = snapshot.file(key)?;
    let wants = |kind: &CodeActionKind| only.is_none_or(|only| only.iter().any(|o| covers(o, kind)));
    let bytes = view.text(file).bytes(range, snapshot.client.encoding);
    let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let shown = |action: Action| {
        let kind = match action.kind {
            ActionKind::Fix => CodeActionKind::QUICKFIX,
            ActionKind::Extract => CodeActionKind::REFACTOR_EXTRACT,
            ActionKind::Rewrite => CodeActionKind::REFACTOR_REWRITE,
        };
        if !wants(&kind) {
            return None;
        }
        let edit = workspace_edit(&action.edits, view, snapshot)?;
        let mends = action.mends.map(|d| vec![diagnostics::shown(&d, view, &snapshot.client)]);
        Some(CodeActionOrCommand::CodeAction(CodeAction {
            title: action.title,
            kind: Some(kind),
            diagnostics: mends,
            edit: Some(edit),
            is_preferred: action.preferred.then_some(true),
            ..CodeAction::default()
        }))
    };
    Some(actions(&view.analysis, file, at(bytes.start), at(bytes.end)).into_iter().filter_map(shown).collect())
}

/// Whether a kind is another one or one below it: `refactor` covers `refactor.extract`.
fn covers(wanted: &CodeActionKind, kind: &CodeActionKind) -> bool {
    let (wanted, kind) = (wanted.as_str(), kind.as_str());
    kind.strip_prefix(wanted).is_some_and(|rest| wanted.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_covers_those_below_it() {
        let kind = |of: &'static str| CodeActionKind::from(of);
        for (wanted, of, is) in [
            ("refactor", "refactor.extract", true),
            ("refactor.extract", "refactor", false),
            ("quickfix", "quickfix", true),
            ("quick", "quickfix", false),
            ("", "quickfix", true),
        ] {
            assert_eq!(covers(&kind(wanted), &kind(of)), is, "{wanted} {of}");
        }
    }
}
