//! Events of every kind that a program knows, made of the words that stand in its sources: some meet its conditions.

use std::collections::BTreeSet;

use rrb_engine::code::event_name;
use rrb_engine::compiled::Compiled;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{EventRow, Op, Store};
use rrb_lang::types::{FieldTy, Ty, Type, TypeDefKind, TypeTable};
use serde_json::{Value, json};

use super::programs::Sound;

/// Of each kind.
const MANY: u64 = 24;

/// Apart.
const STEP: i64 = 60_000;

/// A store that has received them from `at` on.
pub async fn store(sound: &Sound, at: i64) -> MemoryStore {
    let store = MemoryStore::new();
    let code = Compiled(sound.program.clone());
    let words = Words::of(&sound.text);
    let mut rows = Vec::new();
    for event in &sound.program.events {
        for n in 0..MANY {
            let mut made = Made { types: &sound.program.types, words: &words, next: n };
            rows.push((n, event_name(&code, event), made.json(&event.ty)));
        }
    }
    rows.sort_by_key(|(n, ..)| *n);
    for (i, (_, source, payload)) in rows.into_iter().enumerate() {
        let (id, received) = (format!("evt_{i}"), at + i as i64 * STEP);
        let (delivery, sender_id, instance) = (None, None, "default".to_owned());
        let row = EventRow { id: id.clone(), delivery, source, instance, sender_id, at: received, received, payload };
        store.commit(vec![Op::PutEvent(row), Op::EventMatched { id }]).await.unwrap();
    }
    store
}

/// What a source says.
struct Words {
    texts: Vec<String>,
    /// What stands behind a dot: keys of maps are among them.
    names: Vec<String>,
}

impl Words {
    fn of(text: &str) -> Self {
        let texts: BTreeSet<&str> = text.split('"').skip(1).step_by(2).filter(|t| t.len() < 60).collect();
        let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let names: BTreeSet<String> = text.split('.').skip(1).map(name).filter(|n| !n.is_empty()).collect();
        Self { texts: texts.into_iter().map(str::to_owned).collect(), names: names.into_iter().take(60).collect() }
    }
}

struct Made<'a> {
    types: &'a TypeTable,
    words: &'a Words,
    next: u64,
}

impl Made<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.next = self.next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.next >> 33).unwrap() % n.max(1)
    }

    fn text(&mut self) -> String {
        let n = self.below(self.words.texts.len() + 1);
        self.words.texts.get(n).cloned().unwrap_or_else(|| "n7".to_owned())
    }

    fn json(&mut self, ty: &Ty) -> Value {
        match &**ty {
            Type::Bool => json!(self.below(2) == 0),
            Type::Int => json!(self.below(6)),
            Type::Float => json!(self.below(100) as f64 / 100.0),
            Type::Text => json!(self.text()),
            Type::List(item) | Type::Set(item) => json!([self.json(item)]),
            Type::Map(_, value) => {
                let names = self.words.names.clone();
                names.into_iter().map(|name| (name, self.json(value))).collect::<serde_json::Map<_, _>>().into()
            }
            Type::Optional(inner) => {
                if self.below(3) == 0 {
                    Value::Null
                } else {
                    self.json(inner)
                }
            }
            Type::Record(fields) => self.record(fields),
            Type::Named(id, _) => match self.types.get(*id).map(|d| d.kind.clone()) {
                Some(TypeDefKind::Record(fields)) => self.record(&fields),
                Some(TypeDefKind::Enum(variants)) => json!(variants[self.below(variants.len())].name.as_str()),
                Some(TypeDefKind::Alias(of)) => self.json(&of),
                None => Value::Null,
            },
            _ => super::neutral::json(self.types, ty),
        }
    }

    fn record(&mut self, fields: &[FieldTy]) -> Value {
        fields.iter().map(|f| (f.name.to_string(), self.json(&f.ty))).collect::<serde_json::Map<_, _>>().into()
    }
}
