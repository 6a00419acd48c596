//! Every question at every place: of the examples, of the library, of texts with pieces missing. None may panic or take long, and what
//! is answered holds together.

use std::time::{Duration, Instant};

use rrb_lang::span::FileId;

use crate::ide::actions::actions;
use crate::ide::calls;
use crate::ide::complete::complete;
use crate::ide::hover::hover;
use crate::ide::rename::{apply, prepare, rename};
use crate::ide::signature::signature;
use crate::ide::symbol::{at, definition, highlights, implementation, references, short, type_definition};
use crate::ide::{Analysis, Project};

/// How many places of a file are asked: all of them with `RRB_IDE_EVERYWHERE=all`, or as many as it says.
fn sampled() -> usize {
    match std::env::var("RRB_IDE_EVERYWHERE").ok().as_deref() {
        Some("all") => usize::MAX,
        Some(count) => count.parse().unwrap(),
        None => 4,
    }
}

/// Far more than any question takes, in a build without optimisation on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// A sequence that is the same every time.
struct Steps(u64);

impl Steps {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

fn places(text: &str, steps: &mut Steps) -> Vec<u32> {
    let all = 0..=text.len();
    let count = sampled();
    if count > text.len() {
        return all.map(|n| u32::try_from(n).unwrap()).collect();
    }
    (0..count).map(|_| u32::try_from(steps.next(text.len() + 1)).unwrap()).collect()
}

fn ask_everything(analysis: &Analysis, file: FileId, offset: u32) {
    let began = Instant::now();
    let text = analysis.text(file);
    if let Some(found) = complete(analysis, file, offset) {
        assert!(found.replace.start <= found.replace.end && found.replace.end as usize <= text.len());
        found.items.iter().take(3).for_each(|i| drop(found.docs(i)));
    }
    hover(analysis, file, offset);
    signature(analysis, file, offset);
    type_definition(analysis, file, offset);
    implementation(analysis, file, offset);
    highlights(analysis, file, offset);
    drop(prepare(analysis, file, offset));
    if let Some((_, to)) = definition(analysis, file, offset) {
        let named = at(analysis, file, offset).unwrap();
        let there = analysis.sources().text(to);
        // What the language brings into scope is declared by a whole block or clause.
        let whole = there.contains(short(&named.declared.name)) || there.len() > named.declared.name.len();
        assert!(to.start == to.end || whole, "{} at {offset} leads to `{there}`", named.declared.name);
    }
    if let Some(item) = calls::prepare(analysis, file, offset) {
        calls::outgoing(analysis, &item);
    }
    for action in actions(analysis, file, offset, offset.saturating_add(7)) {
        for (span, _) in &action.edits {
            let length = analysis.text(span.file).len();
            assert!(span.start <= span.end && span.end as usize <= length, "{}: {span:?}", action.title);
        }
    }
    assert!(began.elapsed() < LONG, "{} at {offset} took {:?}", analysis.name(file), began.elapsed());
}

fn project(files: &[(String, String)]) -> Project {
    let mut project = Project::new(false);
    files.iter().for_each(|(name, text)| project.set(name, Some(text.as_str().into())));
    project
}

#[test]
fn every_place_of_the_examples_is_answered() {
    let mut steps = Steps(1);
    for folder in ["disk-pressure", "guardrails"] {
        let analysis = project(&super::example(folder)).analysis();
        for file in analysis.files().collect::<Vec<_>>() {
            for offset in places(&analysis.text(file), &mut steps) {
                ask_everything(&analysis, file, offset);
            }
        }
    }
}

#[test]
fn every_place_of_the_library_is_answered() {
    let mut steps = Steps(2);
    let analysis = Project::new(false).analysis();
    let names: Vec<&str> = rrb_lang::stdlib::names().collect();
    let chosen: Vec<&str> = match sampled() {
        usize::MAX => names,
        count => (0..count).map(|_| names[steps.next(names.len())]).collect(),
    };
    for name in chosen {
        let file = analysis.module(name).unwrap();
        for offset in places(&analysis.text(file), &mut steps).into_iter().take(sampled().div_ceil(2)) {
            ask_everything(&analysis, file, offset);
        }
    }
}

#[test]
fn texts_with_pieces_missing_are_answered() {
    let mut steps = Steps(3);
    for folder in ["disk-pressure", "guardrails"] {
        let whole = super::example(folder);
        for round in 0..sampled().saturating_mul(2).min(400) {
            let mut files = whole.clone();
            let modules: Vec<usize> = (0..files.len()).filter(|i| files[*i].0.ends_with(".rrb")).collect();
            let hurt = modules[steps.next(modules.len())];
            for _ in 0..=round % 3 {
                let text = &mut files[hurt].1;
                let mut from = steps.next(text.len());
                let mut to = (from + steps.next(60)).min(text.len());
                while !text.is_char_boundary(from) {
                    from -= 1;
                }
                while !text.is_char_boundary(to) {
                    to += 1;
                }
                text.replace_range(from..to, "");
            }
            let analysis = project(&files).analysis();
            let file = analysis.file(&files[hurt].0).unwrap();
            for offset in places(&analysis.text(file), &mut steps).into_iter().take(2) {
                ask_everything(&analysis, file, offset);
            }
        }
    }
}

#[test]
fn a_name_there_and_back_is_the_same_text() {
    let mut steps = Steps(4);
    let mut renamed = 0;
    for folder in ["disk-pressure", "guardrails"] {
        let analysis = project(&super::example(folder)).analysis();
        for file in analysis.files().collect::<Vec<_>>() {
            let names: Vec<u32> = analysis.world(file).index.names.iter().map(|n| n.span.start).collect();
            let chosen: Vec<u32> = match sampled() {
                usize::MAX => names,
                count => (0..count).filter_map(|_| names.get(steps.next(names.len())).copied()).collect(),
            };
            for offset in chosen {
                let Some(named) = at(&analysis, file, offset) else { continue };
                let from = short(&named.declared.name).to_owned();
                let to = format!("{from}_anew");
                let Ok(edits) = rename(&analysis, file, offset, &to) else { continue };
                let there = apply(&analysis, &edits);
                assert_eq!(errors(&there), errors(&analysis), "{from} in {}", analysis.name(file));
                let first = edits.first().unwrap();
                let all = references(&analysis, file, offset, true).len();
                assert_eq!(all, edits.len());
                let back = rename(&there, first.0.file, first.0.start + u32::from(first.1.contains(": ")), &from);
                // A short field was written out: it reads the same, and is not short any more.
                if edits.iter().any(|(_, text)| text.contains(": ")) {
                    continue;
                }
                let back = apply(&there, &back.unwrap_or_else(|e| panic!("{to} → {from}: {e}")));
                for id in analysis.files() {
                    assert_eq!(back.text(id), analysis.text(id), "{from}");
                }
                renamed += 1;
            }
        }
    }
    assert!(renamed > 0, "no place of the examples names anything");
}

fn errors(analysis: &Analysis) -> usize {
    analysis.files().map(|f| analysis.diagnostics(f).iter().filter(|d| d.is_error()).count()).sum()
}
