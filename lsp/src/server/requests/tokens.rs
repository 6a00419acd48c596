//! Semantic tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rrb_lang::syntax::ast::Effect;
use tower_lsp::ls_types::{
    Position, Range, SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokens, SemanticTokensDelta,
    SemanticTokensEdit, SemanticTokensFullDeltaResult, SemanticTokensLegend, SemanticTokensRangeResult,
    SemanticTokensResult,
};

use crate::ide::tokens::{Token, TokenKind, Traits, tokens};
use crate::server::key::Key;
use crate::server::world::Snapshot;

/// Documents whose last tokens are kept, so that the next answer says only what differs.
const MOST_KEPT: usize = 64;

const KINDS: [(TokenKind, SemanticTokenType); 14] = [
    (TokenKind::Module, SemanticTokenType::NAMESPACE),
    (TokenKind::Connector, SemanticTokenType::CLASS),
    (TokenKind::Type, SemanticTokenType::TYPE),
    (TokenKind::Enum, SemanticTokenType::ENUM),
    (TokenKind::Variant, SemanticTokenType::ENUM_MEMBER),
    (TokenKind::Parameter, SemanticTokenType::PARAMETER),
    (TokenKind::Variable, SemanticTokenType::VARIABLE),
    (TokenKind::Property, SemanticTokenType::PROPERTY),
    (TokenKind::Function, SemanticTokenType::FUNCTION),
    (TokenKind::Action, SemanticTokenType::new("action")),
    (TokenKind::Runbook, SemanticTokenType::new("runbook")),
    (TokenKind::Method, SemanticTokenType::METHOD),
    (TokenKind::Event, SemanticTokenType::EVENT),
    (TokenKind::Policy, SemanticTokenType::INTERFACE),
];

/// The names of the kinds and of the traits, in the order of their numbers.
pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: KINDS.iter().map(|(_, name)| name.clone()).collect(),
        token_modifiers: vec![
            SemanticTokenModifier::DECLARATION,
            SemanticTokenModifier::READONLY,
            SemanticTokenModifier::DEFAULT_LIBRARY,
            SemanticTokenModifier::MODIFICATION,
            SemanticTokenModifier::new("reads"),
            SemanticTokenModifier::new("changes"),
            SemanticTokenModifier::new("destroys"),
        ],
    }
}

fn modifiers(traits: Traits) -> u32 {
    let mut bits = u32::from(traits.declaration) | u32::from(traits.constant) << 1 | u32::from(traits.library) << 2;
    bits |= u32::from(traits.mutable) << 3;
    bits | match traits.effect {
        None | Some(Effect::Pure) => 0,
        Some(Effect::Reads) => 1 << 4,
        Some(Effect::Changes) => 1 << 5,
        Some(Effect::Destroys) => 1 << 6,
    }
}

/// The tokens that a client has, by document.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<Key, (String, Vec<SemanticToken>)>>);

impl Kept {
    fn swap(&self, key: &Key, id: &str, data: &[SemanticToken]) -> Option<(String, Vec<SemanticToken>)> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT && !kept.contains_key(key) {
            kept.clear();
        }
        kept.insert(key.clone(), (id.to_owned(), data.to_vec()))
    }
}

/// The tokens of a whole document.
pub fn full(snapshot: &Snapshot, key: &Key) -> Option<SemanticTokensResult> {
    let data = of(snapshot, key, None)?;
    let id = id(&data);
    snapshot.client.tokens.swap(key, &id, &data);
    Some(SemanticTokensResult::Tokens(SemanticTokens { result_id: Some(id), data }))
}

/// The tokens of a whole document, as what differs from those that the client has.
pub fn delta(snapshot: &Snapshot, key: &Key, previous: &str) -> Option<SemanticTokensFullDeltaResult> {
    let data = of(snapshot, key, None)?;
    let result_id = Some(id(&data));
    let before = snapshot.client.tokens.swap(key, result_id.as_deref().unwrap_or_default(), &data);
    Some(match before.filter(|(id, _)| id == previous) {
        None => SemanticTokensFullDeltaResult::Tokens(SemanticTokens { result_id, data }),
        Some((_, before)) => {
            SemanticTokensFullDeltaResult::TokensDelta(SemanticTokensDelta { result_id, edits: edits(&before, &data) })
        }
    })
}

/// The tokens of a part of a document.
pub fn range(snapshot: &Snapshot, key: &Key, range: Range) -> Option<SemanticTokensRangeResult> {
    let data = of(snapshot, key, Some(range))?;
    Some(SemanticTokensRangeResult::Tokens(SemanticTokens { result_id: None, data }))
}

fn of(snapshot: &Snapshot, key: &Key, range: Option<Range>) -> Option<Vec<SemanticToken>> {
    let (view, file) = snapshot.file(key)?;
    let text = view.text(file);
    let encoding = snapshot.client.encoding;
    let bytes = range.map_or(0..text.as_str().len(), |r| text.bytes(r, encoding));
    let inside = |t: &Token| (t.span.start as usize) < bytes.end && bytes.start < t.span.end as usize;
    let mut data = Vec::new();
    let mut last = Position::default();
    for token in tokens(&view.analysis, file).into_iter().filter(inside) {
        let at = text.range(token.span.start as usize..token.span.end as usize, encoding);
        // A name stands on one line; what does not is a mistake in the text.
        if at.start.line != at.end.line || at.end.character <= at.start.character {
            continue;
        }
        let same_line = at.start.line == last.line;
        data.push(SemanticToken {
            delta_line: at.start.line - last.line,
            delta_start: if same_line { at.start.character - last.character } else { at.start.character },
            length: at.end.character - at.start.character,
            token_type: KINDS.iter().position(|(k, _)| *k == token.kind).and_then(|i| u32::try_from(i).ok())?,
            token_modifiers_bitset: modifiers(token.traits),
        });
        last = at.start;
    }
    Some(data)
}

fn id(data: &[SemanticToken]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for t in data {
        (t.delta_line, t.delta_start, t.length, t.token_type, t.token_modifiers_bitset).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// One edit: what stands between the tokens that are the same at the start and at the end. Places in it count the five numbers of a token.
fn edits(before: &[SemanticToken], now: &[SemanticToken]) -> Vec<SemanticTokensEdit> {
    let start = before.iter().zip(now).take_while(|(a, b)| a == b).count();
    let (old, new) = (before.get(start..).unwrap_or_default(), now.get(start..).unwrap_or_default());
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old.len() - end;
    let data = new.get(..new.len() - end).unwrap_or_default().to_vec();
    if gone == 0 && data.is_empty() {
        return vec![];
    }
    let numbers = |tokens: usize| u32::try_from(tokens * 5).unwrap_or(u32::MAX);
    vec![SemanticTokensEdit { start: numbers(start), delete_count: numbers(gone), data: Some(data) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: u32) -> SemanticToken {
        SemanticToken { delta_line: n, delta_start: 0, length: 1, token_type: 0, token_modifiers_bitset: 0 }
    }

    fn all(numbers: &[u32]) -> Vec<SemanticToken> {
        numbers.iter().map(|n| token(*n)).collect()
    }

    #[test]
    fn only_what_differs_is_said() {
        for (before, now) in [
            (&[1, 2, 3][..], &[1, 2, 3][..]),
            (&[1, 2, 3], &[1, 9, 3]),
            (&[1, 2, 3], &[]),
            (&[], &[1]),
            (&[1, 1, 1], &[1, 1]),
            (&[1, 1], &[1, 1, 1]),
            (&[1, 2], &[2, 1]),
        ] {
            let (before, now) = (all(before), all(now));
            let mut made = before.clone();
            for edit in edits(&before, &now) {
                let at = edit.start as usize / 5;
                made.splice(at..at + edit.delete_count as usize / 5, edit.data.unwrap_or_default());
            }
            assert_eq!(made, now);
        }
        assert!(edits(&all(&[1, 2]), &all(&[1, 2])).is_empty());
    }

    #[test]
    fn every_kind_has_a_number_and_every_trait_a_bit() {
        assert_eq!(legend().token_types.len(), KINDS.len());
        let every =
            Traits { declaration: true, constant: true, library: true, mutable: true, effect: Some(Effect::Destroys) };
        assert!(modifiers(every) < 1 << legend().token_modifiers.len());
        assert_eq!(modifiers(Traits::default()), 0);
        assert_eq!(modifiers(Traits { effect: Some(Effect::Destroys), ..Traits::default() }), 1 << 6);
    }
}
