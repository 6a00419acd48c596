//! Completion.

use std::sync::{Arc, Mutex, PoisonError};

use rrb_lang::check::world::Kind;
use rrb_lang::span::PROJECT_FILE;
use serde_json::json;
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionItemTag, CompletionList, CompletionResponse, CompletionTextEdit,
    Documentation, InsertTextFormat, Position, TextEdit,
};

use super::navigate::markdown;
use super::places::offset;
use crate::ide::complete::{self, Completions, Item, ItemKind, MOST_ITEMS};
use crate::ide::toml::{self, OfferKind};
use crate::server::client::Client;
use crate::server::key::Key;
use crate::server::view::View;
use crate::server::world::Snapshot;

/// The letters after which a client asks by itself.
pub const TRIGGERS: [&str; 3] = [".", "\"", "["];

/// The last list that a client got, so that more can be said of one of its items.
#[derive(Debug, Default)]
pub struct Last(Mutex<(u64, Option<Arc<Completions>>)>);

impl Last {
    fn keep(&self, completions: Completions) -> (u64, Arc<Completions>) {
        let shared = Arc::new(completions);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0 + 1, Some(Arc::clone(&shared)));
        (last.0, shared)
    }

    fn get(&self, number: u64) -> Option<Arc<Completions>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.1.clone().filter(|_| last.0 == number)
    }
}

/// What can be written at a place.
pub fn completion(snapshot: &Snapshot, key: &Key, position: Position) -> Option<CompletionResponse> {
    let (view, file) = snapshot.file(key)?;
    let at = offset(view, snapshot, key, position)?;
    if file == PROJECT_FILE {
        return of_project_file(view, snapshot, at);
    }
    let found = complete::complete(&view.analysis, file, at)?;
    let (number, found) = snapshot.client.completions.keep(found);
    let items = found.items.iter().enumerate().map(|(i, item)| shown(item, (number, i), &found, view, snapshot));
    Some(CompletionResponse::List(CompletionList {
        is_incomplete: found.items.len() >= MOST_ITEMS,
        items: items.collect(),
    }))
}

fn shown(
    item: &Item,
    (number, index): (u64, usize),
    found: &Completions,
    view: &View,
    snapshot: &Snapshot,
) -> CompletionItem {
    let client = &snapshot.client;
    let snippet = item.snippet && client.snippets;
    let new_text = if item.snippet && !snippet { plain(&item.insert) } else { item.insert.clone() };
    let more: Vec<TextEdit> = item
        .edits
        .iter()
        .map(|(span, text)| TextEdit { range: view.range(*span, client), new_text: text.clone() })
        .collect();
    CompletionItem {
        label: item.label.clone(),
        kind: Some(kind(item.kind)),
        detail: Some(item.detail.clone()).filter(|d| !d.is_empty()),
        sort_text: Some(format!("{index:05}")),
        insert_text_format: Some(if snippet { InsertTextFormat::SNIPPET } else { InsertTextFormat::PLAIN_TEXT }),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: view.range(found.replace, client), new_text })),
        additional_text_edits: Some(more).filter(|m| !m.is_empty()),
        tags: item.deprecated.then(|| vec![CompletionItemTag::DEPRECATED]),
        data: item.target.is_some().then(|| json!([number, index])),
        ..CompletionItem::default()
    }
}

/// What can be written in `rrb.toml`.
fn of_project_file(view: &View, snapshot: &Snapshot, at: u32) -> Option<CompletionResponse> {
    let found = toml::complete(&view.analysis, at)?;
    let range = view.range(found.replace, &snapshot.client);
    let items = found.offers.into_iter().enumerate().map(|(i, offer)| CompletionItem {
        kind: Some(match offer.kind {
            OfferKind::Table => CompletionItemKind::MODULE,
            OfferKind::Key => CompletionItemKind::PROPERTY,
            OfferKind::Value => CompletionItemKind::VALUE,
        }),
        detail: Some(offer.detail).filter(|d| !d.is_empty()),
        documentation: (!offer.docs.is_empty()).then(|| Documentation::MarkupContent(markdown(offer.docs))),
        sort_text: Some(format!("{i:05}")),
        // What stands before the cursor is compared with the name of a table as it is written there.
        filter_text: Some(offer.insert.clone()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: offer.insert })),
        label: offer.label,
        ..CompletionItem::default()
    });
    Some(CompletionResponse::List(CompletionList { is_incomplete: false, items: items.collect() }))
}

/// Says more of an item of the last list; one of an older list stays as it is.
pub fn resolve(client: &Client, mut item: CompletionItem) -> CompletionItem {
    let place = item.data.as_ref().and_then(|d| Some((d.get(0)?.as_u64()?, d.get(1)?.as_u64()?)));
    let docs = place.and_then(|(number, index)| {
        let list = client.completions.get(number)?;
        list.docs(list.items.get(usize::try_from(index).ok()?)?)
    });
    if let Some(docs) = docs {
        item.documentation = Some(Documentation::MarkupContent(markdown(docs)));
    }
    item
}

fn kind(kind: ItemKind) -> CompletionItemKind {
    match kind {
        ItemKind::Keyword => CompletionItemKind::KEYWORD,
        ItemKind::Form => CompletionItemKind::SNIPPET,
        ItemKind::Config => CompletionItemKind::VALUE,
        ItemKind::Declared(kind) => match kind {
            Kind::Variable | Kind::Parameter => CompletionItemKind::VARIABLE,
            Kind::Constant => CompletionItemKind::CONSTANT,
            Kind::Setting => CompletionItemKind::PROPERTY,
            Kind::Function | Kind::Action => CompletionItemKind::FUNCTION,
            Kind::Runbook | Kind::Connector => CompletionItemKind::CLASS,
            Kind::Policy => CompletionItemKind::INTERFACE,
            Kind::Record | Kind::Alias | Kind::BuiltIn => CompletionItemKind::STRUCT,
            Kind::Enum => CompletionItemKind::ENUM,
            Kind::Event => CompletionItemKind::EVENT,
            Kind::Module => CompletionItemKind::MODULE,
            Kind::Field => CompletionItemKind::FIELD,
            Kind::Variant => CompletionItemKind::ENUM_MEMBER,
            Kind::Method => CompletionItemKind::METHOD,
        },
    }
}

/// A snippet without its places to fill in: `f(${1:x})$0` is `f(x)`.
fn plain(snippet: &str) -> String {
    let mut out = String::with_capacity(snippet.len());
    let mut chars = snippet.chars().peekable();
    let mut open = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '}' if open > 0 => open -= 1,
            '$' if chars.peek().is_some_and(char::is_ascii_digit) => {
                while chars.next_if(char::is_ascii_digit).is_some() {}
            }
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                while chars.next_if(char::is_ascii_digit).is_some() {}
                if chars.next_if_eq(&':').is_some() {
                    open += 1;
                } else {
                    chars.next_if_eq(&'}');
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_snippet_is_text_for_those_who_know_none() {
        for (snippet, text) in [
            ("f(${1:x}, ${2:y})$0", "f(x, y)"),
            ("{ $0 }", "{  }"),
            ("{\n  ${1:a: ${2:b}}\n}", "{\n  a: b\n}"),
            ("\\$ \\} ${1} x", "$ }  x"),
            ("${", ""),
            ("$", "$"),
        ] {
            assert_eq!(plain(snippet), text, "{snippet}");
        }
    }
}
