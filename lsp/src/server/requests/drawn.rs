//! What is drawn into the text: hints between the words, and what can be done with a declaration above it.

use serde_json::json;
use tower_lsp::ls_types::{
    CodeLens, Command, InlayHint, InlayHintKind, InlayHintLabel, InlayHintLabelPart, InlayHintTooltip, Range,
};

use crate::ide::hints::{Hint, HintKind, hints};
use crate::ide::lenses::{Deed, Lens, lenses};
use crate::server::commands;
use crate::server::key::Key;
use crate::server::project::Place;
use crate::server::view::View;
use crate::server::world::Snapshot;

/// The hints in a part of a document.
pub fn inlay_hints(snapshot: &Snapshot, key: &Key, range: Range) -> Option<Vec<InlayHint>> {
    let (view, file) = snapshot.file(key)?;
    let bytes = view.text(file).bytes(range, snapshot.client.encoding);
    let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let found = hints(&view.analysis, file, at(bytes.start)..at(bytes.end));
    let text = view.text(file);
    Some(found.into_iter().map(|h| hint(h, view, snapshot, &text)).collect())
}

fn hint(hint: Hint, view: &View, snapshot: &Snapshot, text: &crate::server::text::Text) -> InlayHint {
    let location = hint.about.and_then(|span| view.location(span, &snapshot.client));
    let (kind, left, right, tooltip) = match hint.kind {
        HintKind::Type => (Some(InlayHintKind::TYPE), false, false, None),
        HintKind::Parameter => (Some(InlayHintKind::PARAMETER), false, true, None),
        HintKind::Effect => (None, false, true, Some("what this call does, as its declaration says")),
        HintKind::Window => (None, true, false, Some("what holds here unless something else is written")),
    };
    InlayHint {
        position: text.position(hint.at as usize, snapshot.client.encoding),
        label: InlayHintLabel::LabelParts(vec![InlayHintLabelPart {
            value: hint.text,
            tooltip: None,
            location,
            command: None,
        }]),
        kind,
        text_edits: None,
        tooltip: tooltip.map(|t| InlayHintTooltip::String(t.to_owned())),
        padding_left: Some(left),
        padding_right: Some(right),
        data: None,
    }
}

/// What can be done with the declarations of a document. The client runs the commands.
pub fn code_lenses(snapshot: &Snapshot, key: &Key) -> Option<Vec<CodeLens>> {
    let (view, file) = snapshot.file(key)?;
    let project = match &view.place {
        Place::Folder(root) => root.clone(),
        Place::Alone(key) => key.path()?.to_owned(),
    };
    let uri = snapshot.client.uri(key)?;
    let one = |lens: Lens| {
        let (title, command, name) = match lens.deed {
            Deed::Test(name) => ("Run test", commands::RUN_TEST, Some(("test", name))),
            Deed::Tests => ("Run all tests of this file", commands::RUN_TEST, None),
            Deed::Plan(name) => ("Plan", commands::PLAN, Some(("runbook", name))),
            Deed::Runs(name) => ("Last runs", commands::RUNS, Some(("runbook", name))),
        };
        let mut argument = json!({ "uri": uri.as_str(), "project": project.to_string_lossy() });
        if let (Some((what, name)), Some(object)) = (name, argument.as_object_mut()) {
            object.insert(what.to_owned(), name.into());
        }
        CodeLens {
            range: view.range(lens.span, &snapshot.client),
            command: Some(Command {
                title: title.to_owned(),
                command: command.to_owned(),
                arguments: Some(vec![argument]),
            }),
            data: None,
        }
    };
    Some(lenses(&view.analysis, file).into_iter().map(one).collect())
}
