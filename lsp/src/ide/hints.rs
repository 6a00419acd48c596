//! What an editor writes between the words: types that nobody wrote, names of parameters, effects, and the bounds that hold where none
//! is written.

use std::collections::HashMap;

use rrb_lang::check::world::{CallSeen, Target, World};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::ast::{
    ConcurrencyMode, CorrelationKind, Effect, Expr, ExprKind, HeaderKind, ItemKind, NamedArg, Pattern, PatternKind,
    Runbook, StmtKind,
};
use rrb_lang::syntax::walk::{Node, walk};
use rrb_lang::types::{Ty, Type};

use super::Analysis;

/// What a hint tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HintKind {
    Type,
    Parameter,
    Effect,
    /// What holds for a trigger where nothing is written.
    Window,
}

/// A word between the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// It is shown before this byte.
    pub at: u32,
    pub text: String,
    pub kind: HintKind,
    /// The declaration that it tells of.
    pub about: Option<Span>,
}

/// The longest type that is shown.
const LONGEST: usize = 40;

/// The hints inside a range of bytes, in order of place.
pub fn hints(analysis: &Analysis, file: FileId, range: std::ops::Range<u32>) -> Vec<Hint> {
    if file == PROJECT_FILE {
        return vec![];
    }
    let read = analysis.read(file);
    let world = analysis.world(file);
    let calls = world.index.calls.iter().map(|c| (c.span, c)).collect();
    let mut made = Hints { world: &world, calls, found: vec![] };
    walk(&read.ast, &mut |node| {
        let span = node.span();
        let near = span.start <= range.end && range.start <= span.end;
        if near {
            made.node(node);
        }
        near
    });
    made.found.retain(|h| range.start <= h.at && h.at <= range.end);
    made.found.sort_by_key(|h| h.at);
    made.found
}

struct Hints<'a> {
    world: &'a World,
    calls: HashMap<Span, &'a CallSeen>,
    found: Vec<Hint>,
}

impl Hints<'_> {
    fn add(&mut self, at: u32, text: String, kind: HintKind, about: Option<Span>) {
        self.found.push(Hint { at, text, kind, about });
    }

    fn node(&mut self, node: Node<'_>) {
        match node {
            Node::Stmt(stmt) => match &stmt.kind {
                StmtKind::Let { pattern, ty: None, value } if !is_plain(value) => self.pattern(pattern),
                StmtKind::Var { name, ty: None, value } if !is_plain(value) => self.variable(name.span),
                _ => {}
            },
            Node::Expr(e) => self.expr(e),
            Node::Item(item) => match &item.kind {
                ItemKind::Const(c) if c.ty.is_none() && !is_plain(&c.value) => self.constant(c.name.span),
                ItemKind::Runbook(r) => self.runbook(r),
                _ => {}
            },
            _ => {}
        }
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::For { pattern, .. } => self.pattern(pattern),
            ExprKind::FanOut(f) => self.pattern(&f.pattern),
            ExprKind::Lambda { params, .. } => params.iter().for_each(|p| self.variable(p.span)),
            ExprKind::Let { pattern, .. } => self.pattern(pattern),
            ExprKind::Call { args, .. } | ExprKind::RunChild { args, .. } => self.arguments(e.span, args),
            ExprKind::Do(call) => self.danger(call),
            _ => {}
        }
    }

    /// The type of each name that a pattern brings.
    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Name(name) => self.variable(name.span),
            PatternKind::As { pattern, name } => {
                self.pattern(pattern);
                self.variable(name.span);
            }
            PatternKind::List { items, .. } => items.iter().for_each(|p| self.pattern(p)),
            PatternKind::Record { fields, .. } => {
                for (name, inner) in fields {
                    match inner {
                        Some(inner) => self.pattern(inner),
                        None => self.variable(name.span),
                    }
                }
            }
            PatternKind::Variant { args, .. } => args.iter().for_each(|(_, p)| self.pattern(p)),
            _ => {}
        }
    }

    fn variable(&mut self, name: Span) {
        let ty = self.world.index.locals.iter().find(|l| l.span == name).map(|l| l.ty.clone());
        self.of_type(name, ty);
    }

    fn constant(&mut self, name: Span) {
        let target = self.world.index.names.iter().find(|n| n.span == name).map(|n| n.target.clone());
        let ty = target.and_then(|t| self.world.type_of(&t));
        self.of_type(name, ty);
    }

    fn of_type(&mut self, name: Span, ty: Option<Ty>) {
        let Some(ty) = ty.filter(|t| !matches!(**t, Type::Error | Type::Never | Type::Nothing)) else { return };
        let shown = self.world.show(&ty);
        if shown.chars().count() <= LONGEST && !shown.contains('…') {
            self.add(name.end, format!(": {shown}"), HintKind::Type, None);
        }
    }

    /// The parameter of each argument that says by itself too little of what it is for.
    fn arguments(&mut self, call: Span, args: &[NamedArg]) {
        let Some(seen) = self.calls.get(&call).copied() else { return };
        if seen.params.len() < 2 {
            return;
        }
        for (arg, (_, at)) in args.iter().zip(&seen.args).filter(|(arg, _)| arg.name.is_none()) {
            let Some(param) = at.and_then(|i| seen.params.get(i)) else { continue };
            if !says(&arg.value, &param.name) {
                self.add(arg.value.span.start, format!("{}:", param.name), HintKind::Parameter, Some(param.span));
            }
        }
    }

    /// What a `do` destroys is said where it stands.
    fn danger(&mut self, call: &Expr) {
        let Some(seen) = self.calls.get(&call.span) else { return };
        if let Some(Target::Fn(id)) = &seen.target
            && let Some(function) = self.world.function(*id)
            && function.effect == Effect::Destroys
        {
            self.add(call.span.start, "destroys".to_owned(), HintKind::Effect, Some(function.span));
        }
    }

    /// What holds for a runbook's triggers without being written.
    fn runbook(&mut self, runbook: &Runbook) {
        let is_trigger = |k: &HeaderKind| {
            matches!(k, HeaderKind::On(_) | HeaderKind::OnSeveral(_) | HeaderKind::Every { .. } | HeaderKind::At { .. })
        };
        let limited = runbook.header.iter().any(|c| matches!(c.kind, HeaderKind::Limit { .. }));
        if !limited && let Some(last) = runbook.header.iter().rfind(|c| is_trigger(&c.kind)) {
            self.add(last.span.end, "limit 100 per 1h".to_owned(), HintKind::Window, None);
        }
        for clause in &runbook.header {
            match &clause.kind {
                HeaderKind::OnSeveral(c) if c.max_keys.is_none() && keeps_keys(&c.kind) => {
                    self.add(c.span.end, "max keys 10000".to_owned(), HintKind::Window, None);
                }
                HeaderKind::Concurrency { mode: None, .. } => {
                    let word = mode_word(ConcurrencyMode::Queue).to_owned();
                    self.add(clause.span.end, word, HintKind::Window, None);
                }
                _ => {}
            }
        }
    }
}

fn keeps_keys(kind: &CorrelationKind) -> bool {
    matches!(
        kind,
        CorrelationKind::Count { .. }
            | CorrelationKind::Pair { .. }
            | CorrelationKind::Group { .. }
            | CorrelationKind::Silence { .. }
    )
}

fn mode_word(mode: ConcurrencyMode) -> &'static str {
    match mode {
        ConcurrencyMode::Queue => "queue",
        ConcurrencyMode::Skip => "skip",
        ConcurrencyMode::Replace => "replace",
    }
}

/// Whether everybody sees the type of a value.
fn is_plain(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float { .. }
        | ExprKind::Duration(_)
        | ExprKind::Size(_)
        | ExprKind::Text(_)
        | ExprKind::Tagged { .. }
        | ExprKind::As { .. }
        | ExprKind::Missing => true,
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } => is_plain(inner),
        _ => false,
    }
}

/// Whether an argument names its parameter already.
fn says(value: &Expr, param: &str) -> bool {
    match &value.kind {
        ExprKind::Name(name) => near(&name.name, param),
        ExprKind::Field { name, .. } => near(&name.name, param),
        ExprKind::Call { callee, .. } => says(callee, param),
        ExprKind::Missing => true,
        _ => false,
    }
}

fn near(name: &str, param: &str) -> bool {
    name == param || name.ends_with(&format!("_{param}")) || name.starts_with(&format!("{param}_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    /// The text with its hints in it, between `‹` and `›`.
    fn hinted(text: &str) -> String {
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        let end = u32::try_from(text.len()).unwrap();
        let mut shown = text.to_owned();
        for hint in hints(&analysis, analysis.file("a.rrb").unwrap(), 0..end).iter().rev() {
            shown.insert_str(hint.at as usize, &format!("‹{}›", hint.text));
        }
        shown
    }

    #[test]
    fn types_that_nobody_wrote_are_shown() {
        let shown = hinted(
            "fn f(xs: List<Int>) -> Int {\n  let a = xs.len()\n  let b: Int = xs.len()\n  let c = 3\n  for x in xs { log \"${x}\" }\n  a + b + c\n}\n",
        );
        assert!(shown.contains("let a‹: Int› ="), "{shown}");
        assert!(shown.contains("let b: Int ="), "{shown}");
        assert!(shown.contains("let c = 3"), "{shown}");
        assert!(shown.contains("for x‹: Int› in"), "{shown}");
    }

    #[test]
    fn arguments_that_say_little_get_their_names() {
        let shown = hinted(
            "fn f(a: Int, b: Int) -> Int { a + b }\nfn g(b: Int) -> Int { f(1, b) + f(2, b: 3) + h(1) }\nfn h(x: Int) -> Int { x }\n",
        );
        assert!(shown.contains("f(‹a:›1, b)"), "{shown}");
        assert!(shown.contains("f(‹a:›2, b: 3)"), "{shown}");
        assert!(shown.contains("h(1)"), "{shown}");
    }

    #[test]
    fn what_destroys_is_said() {
        let shown = hinted(
            "use std.system\naction wipe() destroys { do system.delete_file(\"/x\") }\nfn used() -> Float { system.disk_used(\"/\") }\n",
        );
        assert!(shown.contains("do ‹destroys›system.delete_file"), "{shown}");
    }

    #[test]
    fn bounds_that_hold_unwritten_are_shown() {
        let shown = hinted(
            "use std.alertmanager\nrunbook r() {\n  on 3 of alertmanager.firing as a by a.name within 5m\n  concurrency 1\n  finish resolved \"x\"\n}\n",
        );
        assert!(shown.contains("‹limit 100 per 1h›") && shown.contains("‹max keys 10000›"), "{shown}");
        let shown = hinted(
            "use std.alertmanager\nrunbook r() {\n  on alertmanager.firing as a\n  limit 3 per 1h\n  finish resolved \"x\"\n}\n",
        );
        assert!(!shown.contains('‹'), "{shown}");
    }

    #[test]
    fn broken_text_has_hints_where_it_can_be_read() {
        for text in ["", "let x =", "fn f(", "runbook r { on", "fn f() -> Int { let a = }"] {
            hinted(text);
        }
    }

    #[test]
    fn only_the_range_is_looked_at() {
        let text = "fn f(xs: List<Int>) -> Int { let a = xs.len()\n a }\nfn g(xs: List<Int>) -> Int { let b = xs.len()\n b }\n";
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        let from = u32::try_from(text.find("fn g").unwrap()).unwrap();
        let found = hints(&analysis, analysis.file("a.rrb").unwrap(), from..from + 40);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
