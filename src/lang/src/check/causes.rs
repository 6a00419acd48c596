//! What one mistake hides of the rest, so that every mistake is said once and none keeps another from being found.
//!
//! A declaration that could not be read whole is not looked into any further, and a name that nobody declares is held back where
//! the text that could not be read may declare it. All else goes on: what destroys without an approval is found in a project that
//! has other mistakes too.

use std::collections::HashSet;

use smol_str::SmolStr;

use super::cx::Checker;
use crate::diag::{Code, Diagnostic, codes};
use crate::hir::{FunctionKind, Program};
use crate::span::{Sources, Span};
use crate::syntax::ast::{Item, ItemKind};
use crate::types::Effect;

/// Codes of names that nothing has.
const NAMES: [Code; 4] = [codes::NAME_UNKNOWN, codes::TYPE_UNKNOWN, codes::NAME_MODULE, codes::TRIGGER_EVENT];

/// The words before the name that a declaration, or a part of one, gives.
const DECLARING: [&str; 12] =
    ["let", "var", "fn", "action", "runbook", "connector", "event", "type", "enum", "policy", "use", "as"];

/// Declarations that the parser could not read whole.
#[derive(Default)]
pub(super) struct Unread {
    spans: Vec<Span>,
    /// Names that text which could not be read may declare.
    words: HashSet<SmolStr>,
    /// Names of declarations that are known, but not all that they say of themselves.
    heads: HashSet<SmolStr>,
    /// Statements of those declarations that could be read.
    sound: Vec<Span>,
    /// Words of the statements that could not, which may name what stands in others.
    bound: HashSet<SmolStr>,
}

impl Unread {
    pub fn new(c: &Checker) -> Self {
        let mut unread = Self { spans: c.broken.clone(), ..Self::default() };
        if unread.spans.is_empty() {
            return unread;
        }
        let errors: Vec<Span> = c.syntax.iter().filter(|d| d.is_error()).map(Diagnostic::span).collect();
        // Where a bracket or a text is not closed, nobody knows what is a statement.
        let guessed = |d: &Diagnostic| d.code == codes::SYNTAX_UNCLOSED || d.code == codes::SYNTAX_NESTING;
        let unclosed: Vec<Span> = c.syntax.iter().filter(|d| guessed(d)).map(Diagnostic::span).collect();
        let readable = |s: &&Span| {
            unread.spans.iter().filter(|b| covers(**b, **s)).all(|b| !unclosed.iter().any(|u| covers(*b, *u)))
        };
        unread.sound = c.sound.iter().filter(readable).copied().collect();
        for s in &c.unsound {
            let own = without_inner(c.sources.text(*s), *s, &c.sound);
            unread.bound.extend(bound(&own).map(SmolStr::new));
        }
        for item in c.modules.iter().flat_map(|m| &m.ast.items).flat_map(with_inner) {
            if unread.spans.contains(&item.span) {
                unread.note(item, &c.sources, &errors);
            }
        }
        unread
    }

    fn note(&mut self, item: &Item, sources: &Sources, errors: &[Span]) {
        let text = sources.text(item.span);
        let body = match &item.kind {
            ItemKind::Fn(f) => Some((&f.name, Some(f.body.span))),
            ItemKind::Action(a) => Some((&a.name, a.body.as_ref().map(|b| b.span))),
            // Its parameters stand right behind its name.
            ItemKind::Runbook(r) => {
                Some((&r.name, r.params.last().map(|p| p.span.after()).or(Some(r.name.span.after()))))
            }
            ItemKind::Connector(c) => Some((&c.name, None)),
            ItemKind::Policy(p) => Some((&p.name, Some(item.span))),
            ItemKind::Type(t) => Some((&t.name, None)),
            ItemKind::Enum(e) => Some((&e.name, None)),
            ItemKind::Const(c) => Some((&c.name, None)),
            ItemKind::Event(e) => Some((&e.name, None)),
            // It declares nothing.
            ItemKind::Test(_) => return,
            ItemKind::Use(_) | ItemKind::Settings(_) | ItemKind::Bad => None,
        };
        let Some((name, body)) = body else {
            self.words.extend(words(text).map(SmolStr::new));
            return;
        };
        self.words.extend(declared(text).map(SmolStr::new));
        let inside = |at: &&Span| at.file == item.span.file && item.span.start <= at.start && at.end <= item.span.end;
        let in_head = |at: &Span| body.is_none_or(|body| at.start < body.start);
        if errors.iter().filter(inside).any(in_head) {
            self.heads.insert(name.name.clone());
            if body.is_none() {
                self.words.extend(words(text).map(SmolStr::new));
            }
        }
    }

    /// Whether `d` is of a statement that could be read whole and that nothing around it can make wrong.
    fn stands_alone(&self, d: &Diagnostic, sources: &Sources) -> bool {
        let family = d.code.name().strip_prefix("rrb::").and_then(|name| name.split("::").next());
        let statement = self.sound.iter().filter(|s| covers(**s, d.span())).min_by_key(|s| s.end - s.start);
        let clause = words(sources.text(d.span())).any(crate::syntax::is_word);
        d.is_error()
            && !clause
            && matches!(family, Some("type" | "name"))
            && statement.is_some_and(|s| !words(sources.text(*s)).any(|word| self.bound.contains(word)))
    }

    /// Whether `d` may be there only because something could not be read.
    pub fn explains(&self, d: &Diagnostic, sources: &Sources) -> bool {
        if self.spans.is_empty() {
            return false;
        }
        let at = d.span();
        if self.spans.iter().any(|b| covers(*b, at)) && !self.stands_alone(d, sources) {
            return true;
        }
        let is_name = NAMES.contains(&d.code) || d.code == codes::SETTING_UNKNOWN;
        if is_name && words(sources.text(at)).any(|word| self.words.contains(word)) {
            return true;
        }
        let quoted = d.message.split('`').skip(1).step_by(2);
        d.is_error() && !self.heads.is_empty() && quoted.flat_map(words).any(|word| self.heads.contains(word))
    }
}

/// Declarations that have an error of any kind, by what that means for the passes over the whole program.
pub(super) struct Wrong {
    /// Nothing is known of what stands in them.
    unread: Vec<Span>,
    /// What they do may not be what they say; callers take their word.
    wrong: Vec<Span>,
    /// Actions that do not say what they do.
    silent: Vec<Span>,
    /// A `use` is wrong, so that connectors may lack.
    pub uses: bool,
}

impl Wrong {
    pub fn new(c: &Checker, unread: &Unread) -> Self {
        let mut out = Self { unread: unread.spans.clone(), wrong: Vec::new(), silent: Vec::new(), uses: false };
        let found = c.syntax.iter().chain(&c.diags);
        let mut errors: Vec<Span> = found.filter(|d| d.is_error()).map(Diagnostic::span).collect();
        errors.sort_unstable_by_key(|s| (s.file, s.start));
        for item in c.modules.iter().flat_map(|m| &m.ast.items).flat_map(with_inner) {
            let from = errors.partition_point(|e| (e.file, e.start) < (item.span.file, item.span.start));
            if !errors.get(from).is_some_and(|e| covers(item.span, *e)) {
                continue;
            }
            match &item.kind {
                ItemKind::Use(_) => out.uses = true,
                ItemKind::Action(a) if a.effect.is_none() => out.silent.push(item.span),
                ItemKind::Action(_) | ItemKind::Fn(_) => out.wrong.push(item.span),
                _ => {}
            }
        }
        out.uses |= c.modules.iter().flat_map(|m| &m.ast.items).any(|i| i.kind == ItemKind::Bad);
        out
    }

    /// Takes out of the program what could not be read.
    pub fn drop_unread(&self, program: &mut Program) {
        for f in &mut program.functions {
            if self.unread.iter().any(|s| covers(*s, f.span)) {
                f.body = None;
            }
        }
    }

    /// Leaves of actions with a mistake what they declare: their callers take it as given. What `changes` may have been approved
    /// inside, so that nobody else has to.
    pub fn take_their_word(&self, program: &mut Program) {
        for f in &mut program.functions {
            let among = |spans: &[Span]| spans.iter().any(|s| covers(*s, f.span));
            let (unread, silent) = (among(&self.unread), among(&self.silent));
            if !unread && !silent && !among(&self.wrong) {
                continue;
            }
            f.body = None;
            let own = matches!(&f.kind, FunctionKind::Action(a) if a.connector.is_none() && a.native.is_none());
            if silent || (own && f.effect == Effect::Changes) {
                f.effect = Effect::Reads;
            }
        }
    }
}

/// Whether something has been said of this very place already.
pub(super) fn is_said(d: &Diagnostic, found: &[Diagnostic]) -> bool {
    found.iter().any(|f| f.is_error() && covers(f.span(), d.span()))
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

/// A declaration, or those of a connector.
fn with_inner(item: &Item) -> impl Iterator<Item = &Item> {
    let inner = match &item.kind {
        ItemKind::Connector(c) => c.items.as_slice(),
        _ => &[],
    };
    std::iter::once(item).chain(inner)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// The text of a statement without those in it that could be read: they bind names for themselves only.
fn without_inner(text: &str, statement: Span, sound: &[Span]) -> String {
    let mut own = text.to_owned();
    for inner in sound.iter().filter(|s| covers(statement, **s)) {
        let (from, to) = ((inner.start - statement.start) as usize, (inner.end - statement.start) as usize);
        if let Some(blank) = own.get(from..to).map(|t| " ".repeat(t.len())) {
            own.replace_range(from..to, &blank);
        }
    }
    own
}

/// The words that text which could not be read may bind: all from a word that binds up to the end of what it binds.
fn bound(text: &str) -> impl Iterator<Item = &str> {
    const BINDING: [&str; 7] = ["let", "var", "for", "as", "catch", "otherwise", "match"];
    let ends = |c: char| matches!(c, '=' | '\n' | ';');
    let lines = text.split(ends).filter(|part| words(part).any(|w| BINDING.contains(&w)));
    // What is assigned may have been meant to be declared.
    let plain = |at: &usize| {
        let (before, behind) = (text.get(..*at).unwrap_or(""), text.get(at + 1..).unwrap_or(""));
        !before.ends_with(['=', '!', '<', '>']) && !behind.starts_with(['=', '>'])
    };
    let assigned = text.match_indices('=').map(|(at, _)| at).filter(plain);
    let assigned = assigned.filter_map(|at| words(text.get(..at)?).last());
    lines.flat_map(words).filter(|w| !BINDING.contains(w)).chain(assigned)
}

/// The words that stand where a declaration has its name.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    words(text).zip(words(text).skip(1)).filter(|(before, _)| DECLARING.contains(before)).map(|(_, name)| name)
}
