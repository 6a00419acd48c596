//! Clauses: each with its comments, whatever order it was written in.

use super::{ANY, OPERAND, Pending, Printer, Tightness};
use crate::{span::Span, syntax::ast::*};

/// One clause of several, and how it is printed.
pub(super) struct Clause<'a> {
    /// Somewhere in it, before its end: clauses are told apart by it.
    at: u32,
    /// Where it ends in the source.
    end: u32,
    print: Box<dyn FnOnce(&mut Printer) + 'a>,
}

/// What stands behind the last clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The end of what the clauses belong to: the last comment needs no room there.
    Nothing,
    /// A block, which goes to a line of its own behind a comment.
    Block,
}

/// Clauses in the order in which they are printed.
#[derive(Default)]
pub(super) struct Clauses<'a>(Vec<Clause<'a>>);

impl<'a> Clauses<'a> {
    /// Any clause, from a place in it to its end.
    pub(super) fn add(&mut self, at: u32, end: u32, print: impl FnOnce(&mut Printer) + 'a) {
        self.0.push(Clause { at, end, print: Box::new(print) });
    }

    /// Words and an expression.
    pub(super) fn expr(&mut self, words: &'a str, e: Option<&'a Expr>, least: Tightness) {
        if let Some(e) = e {
            self.add(e.span.start, e.span.end, move |p| p.clause(words, Some(e), least));
        }
    }

    /// Words and several expressions.
    pub(super) fn exprs(&mut self, words: &'a str, all: &'a [Expr]) {
        if let (Some(first), Some(last)) = (all.first(), all.last()) {
            self.add(first.span.start, last.span.end, move |p| p.operands(words, all));
        }
    }

    /// Words alone.
    pub(super) fn words(&mut self, words: &'a str, span: Option<Span>) {
        if let Some(span) = span {
            self.add(span.start, span.end, move |p| {
                p.comments(span.start);
                p.space();
                p.push(words);
            });
        }
    }

    /// Words and a block.
    pub(super) fn block(&mut self, words: &'a str, block: Option<&'a Block>) {
        if let Some(block) = block {
            self.add(block.span.start, block.span.end, move |p| {
                p.before_words(words, block.span.start);
                p.space();
                p.push(words);
                p.block(block);
            });
        }
    }
}

impl Printer {
    /// A head with clauses, on one line or each on its own; then the brace of the body, too.
    pub(super) fn clauses<'a>(&mut self, words: &str, head: &Expr, clauses: Clauses<'a>) {
        self.group(|p| {
            p.indented(|p| {
                p.word_expr(words, Some(head), OPERAND);
                p.in_order(head.span.end, clauses, Behind::Block);
            });
            p.space();
        });
    }

    /// Prints clauses behind what ends at the byte `head`. A comment stays with the clause that it stands behind, or before.
    pub(super) fn in_order(&mut self, head: u32, clauses: Clauses<'_>, behind: Behind) {
        let clauses = clauses.0;
        if self.has_source() && (behind == Behind::Block || !clauses.is_empty()) {
            self.comments(self.behind(head));
        }
        let ranges = self.comments_of(&clauses);
        let end = ranges.iter().map(|(_, end)| *end).max().unwrap_or(self.printed);
        let count = clauses.len();
        for (i, (clause, (from, to))) in clauses.into_iter().zip(ranges).enumerate() {
            self.printed = from;
            (clause.print)(self);
            // The last one of all is left to what comes next, so that it breaks nothing.
            if i + 1 == count && to == end && behind == Behind::Nothing {
                return;
            }
            while self.printed < to {
                self.comment();
            }
        }
        self.printed = end;
    }

    /// Which comments belong to each clause: those behind the clause that was written before it, up to the end of its own line.
    fn comments_of(&self, clauses: &[Clause<'_>]) -> Vec<(usize, usize)> {
        let mut written: Vec<usize> = (0..clauses.len()).collect();
        written.sort_by_key(|i| clauses.get(*i).map(|c| c.at));
        let mut ranges = vec![(self.printed, self.printed); clauses.len()];
        let mut from = self.printed;
        for i in written {
            let (Some(clause), Some(range)) = (clauses.get(i), ranges.get_mut(i)) else { continue };
            let line_end = self.behind(clause.end);
            let to = from.max(self.comments.partition_point(|c| c.span.start < line_end));
            *range = (from, to);
            from = to;
        }
        ranges
    }

    /// The byte `at`, or the one behind the mark of the comment that stands there on the line.
    pub(super) fn behind(&self, at: u32) -> u32 {
        let rest = self.source.get(at as usize..).unwrap_or("");
        let code = rest.trim_start_matches([' ', '\t', ',']);
        match code.starts_with("//") {
            true => u32::try_from(self.source.len() - code.len() + 1).unwrap_or(at),
            false => at,
        }
    }

    /// The comments before what begins with `words` and goes on at the byte `at`; those behind the words come behind them.
    pub(super) fn before_words(&mut self, words: &str, at: u32) {
        let last = words.split_whitespace().last().unwrap_or("");
        while self.has_comment(at) && (last.is_empty() || !self.next_trails_behind(last)) {
            self.comment();
        }
    }

    /// The comments on the line of an operator, which goes to the next line, where it ends its line.
    pub(super) fn before_operator(&mut self, op: Span) {
        self.comments(op.start);
        if self.has_source() && self.line_start(op.start) < op.start {
            self.comments(self.behind(op.end));
        }
    }

    /// A clause that goes to a line of its own where its group is broken.
    pub(super) fn clause(&mut self, words: &str, e: Option<&Expr>, least: Tightness) {
        if let Some(e) = e {
            self.before_words(words, e.span.start);
            self.space();
            self.push(words);
            self.expr(e, least);
        }
    }

    pub(super) fn operands(&mut self, words: &str, all: &[Expr]) {
        if let Some(first) = all.first() {
            self.before_words(words, first.span.start);
            self.space();
            self.push(words);
            self.exprs(all);
        }
    }

    fn exprs(&mut self, all: &[Expr]) {
        self.list_at(all, |e| e.span.start, |p, e| p.expr(e, OPERAND));
    }

    /// A clause on the line of the one before it, unless a comment ends that.
    pub(super) fn word_expr(&mut self, words: &str, e: Option<&Expr>, least: Tightness) {
        if let Some(e) = e {
            self.before_words(words, e.span.start);
            if words.starts_with(' ') {
                self.behind_comment();
            }
            self.push(words);
            self.expr(e, least);
        }
    }

    pub(super) fn modifiers(&mut self, m: &Modifiers, head: u32) {
        let mut clauses = Clauses::default();
        if let Some(retry) = &m.retry {
            clauses.add(retry.span.start, retry.span.end, |p| p.retry(retry));
        }
        clauses.expr("timeout ", m.timeout.as_deref(), super::MODIFIER);
        clauses.expr("key ", m.key.as_deref(), super::MODIFIER);
        clauses.block("undo ", m.undo.as_ref());
        self.in_order(head, clauses, Behind::Nothing);
    }

    fn retry(&mut self, retry: &Retry) {
        self.comments(retry.span.start);
        self.space();
        self.push("retry ");
        self.word_expr("unsafe ", retry.unsafe_reason.as_deref(), super::MODIFIER);
        if retry.unsafe_reason.is_some() {
            self.push(" ");
        }
        // Behind a reason its sign would be a subtraction.
        let signed = retry.unsafe_reason.is_some() && super::stmts::begins_with_minus(&retry.times);
        self.expr(&retry.times, if signed { super::ATOM } else { super::MODIFIER });
        self.push(" times");
        self.indented(|p| {
            let mut clauses = Clauses::default();
            for (words, e, least) in [
                (" backoff ", retry.backoff.as_deref(), super::MODIFIER),
                (" when ", retry.when.as_deref(), super::OPERATION),
            ] {
                if let Some(e) = e {
                    clauses.add(e.span.start, e.span.end, move |p| p.word_expr(words, Some(e), least));
                }
            }
            p.in_order(p.word_end(retry.times.span.end, "times"), clauses, Behind::Nothing);
        });
    }

    /// Where the first `word` behind the byte `at` ends.
    pub(super) fn word_end(&self, at: u32, word: &str) -> u32 {
        let rest = self.source.get(at as usize..).unwrap_or("");
        let found = rest.find(word).and_then(|n| u32::try_from(n + word.len()).ok());
        found.map_or(at, |n| at.saturating_add(n))
    }

    pub(super) fn approve(&mut self, a: &Approve) {
        let mut clauses = Clauses::default();
        clauses.exprs("from ", &a.from);
        clauses.expr("quorum ", a.quorum.as_ref(), OPERAND);
        if let Some((allowed, span)) = a.requester {
            clauses.words(if allowed { "allow requester" } else { "not requester" }, Some(span));
        }
        clauses.expr("within ", a.within.as_ref(), OPERAND);
        for (to, after) in &a.escalate {
            let at = to.first().map_or(after.span.start, |e| e.span.start);
            clauses.add(at, after.span.end, move |p| {
                p.operands("escalate to ", to);
                p.word_expr(" after ", Some(after), OPERAND);
            });
        }
        clauses.expr("remind every ", a.remind.as_ref(), OPERAND);
        a.ask.iter().for_each(|ask| clauses.expr("ask ", Some(ask), OPERAND));
        clauses.expr("showing ", a.showing.as_ref(), OPERAND);
        clauses.words("require comment", a.require_comment);
        self.clauses("approve ", &a.question, clauses);
        self.block(&a.body);
        if let Some((binder, block)) = &a.otherwise {
            self.behind_brace(" otherwise ", binder.as_ref().map_or(block.span.start, |b| b.span.start));
            self.binder(binder.as_ref());
            self.block(block);
        }
    }

    pub(super) fn action_clauses(&mut self, a: &ActionDecl, head: u32) {
        let mut clauses = Clauses::default();
        if let Some((effect, span)) = a.effect {
            clauses.add(span.start, span.end, move |p| p.word_at(super::effect_word(effect), span.start));
        }
        match &a.class {
            Some((RepeatClass::Idempotent, span)) => {
                let span = *span;
                clauses.add(span.start, span.end, move |p| p.word_at("idempotent", span.start));
            }
            Some((RepeatClass::Once, span)) => {
                let span = *span;
                clauses.add(span.start, span.end, move |p| p.word_at("once", span.start));
            }
            Some((RepeatClass::Keyed(within), _)) => clauses.add(within.span.start, within.span.end, |p| {
                p.word_expr(" keyed within ", Some(within), OPERAND);
            }),
            Some((RepeatClass::Probe(_), _)) | None => {}
        }
        clauses.expr("target ", a.target.as_ref(), OPERAND);
        clauses.words("on busy fail", a.on_busy_fail);
        if let Some((RepeatClass::Probe(block), _)) = &a.class {
            clauses.block("probe ", Some(block));
        }
        clauses.block("undo ", a.undo.as_ref());
        let behind = if a.body.is_some() { Behind::Block } else { Behind::Nothing };
        self.in_order(head, clauses, behind);
    }

    /// A word on the line of what is before it, unless a comment ends that.
    pub(super) fn word(&mut self, word: &str) {
        self.behind_comment();
        self.push(" ");
        self.push(word);
    }

    fn word_at(&mut self, word: &str, at: u32) {
        self.comments(at);
        self.word(word);
    }

    /// What goes on with a line whose end a comment has taken goes to the next one.
    pub(super) fn behind_comment(&mut self) {
        if self.after_trailing {
            self.pending = self.pending.max(Pending::Line);
        }
    }

    pub(super) fn event_clauses(&mut self, e: &Event) {
        let mut clauses = Clauses::default();
        match &e.verify {
            Some(Verification::None { because, span }) => clauses.add(span.start, span.end, move |p| {
                p.before(span.start);
                p.group(|p| {
                    p.indented(|p| {
                        p.push("verify none");
                        p.word_expr(" because ", because.as_ref(), OPERAND);
                    });
                });
            }),
            Some(Verification::Scheme(scheme)) => clauses.line("verify ", Some(scheme), OPERAND),
            None => {}
        }
        clauses.line("origins ", e.origins.as_ref(), super::OPERATION);
        clauses.line("answer ", e.answer.as_ref(), super::OPERATION);
        if let Some((each, name)) = &e.each {
            clauses.add(each.span.start, name.span.end, move |p| {
                p.line_words("each ", each.span.start);
                p.expr(each, super::ATOM);
                p.push(" as ");
                p.push(&name.name);
            });
        }
        clauses.line("id ", e.id.as_ref(), super::OPERATION);
        clauses.line("at ", e.at.as_ref(), super::OPERATION);
        clauses.line("emit ", e.emit.as_ref(), super::OPERATION);
        if let Some(block) = &e.acknowledge {
            clauses.add(block.span.start, block.span.end, move |p| {
                p.line_words("acknowledge ", block.span.start);
                p.block(block);
            });
        }
        for clause in &mut clauses.0 {
            let print = std::mem::replace(&mut clause.print, Box::new(|_| {}));
            clause.print = Box::new(move |p| {
                print(p);
                p.end_line();
            });
        }
        self.in_order(0, clauses, Behind::Nothing);
    }

    fn line_words(&mut self, words: &str, at: u32) {
        self.before_words(words, at);
        self.push(words);
    }
}

impl<'a> Clauses<'a> {
    /// Words and an expression on a line of their own.
    fn line(&mut self, words: &'a str, e: Option<&'a Expr>, least: Tightness) {
        if let Some(e) = e {
            let least = if super::exprs::ends_greedily(e) { ANY } else { least };
            self.add(e.span.start, e.span.end, move |p| {
                p.line_words(words, e.span.start);
                p.expr(e, least);
            });
        }
    }
}
