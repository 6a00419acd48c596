//! What an editor can change at a place: the fixes of what is wrong there, and other forms of what is right.

mod arms;
mod extract;
mod given;
mod optional;
mod wrap;

use rrb_lang::check::world::World;
use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::walk::{Node, path};

use super::imports::{bring, import};
use super::rename::apply;
use super::{Analysis, Read};

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// Mends something that is wrong.
    Fix,
    /// Takes a part out and gives it a name.
    Extract,
    /// Says the same in another way, or adds what lacks.
    Rewrite,
}

/// A change that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it does: "add `do`".
    pub title: String,
    pub kind: ActionKind,
    pub edits: Vec<(Span, String)>,
    /// What it mends.
    pub mends: Option<Diagnostic>,
    /// The one that is most likely wanted of those that mend the same.
    pub preferred: bool,
}

impl Action {
    fn new(title: impl Into<String>, kind: ActionKind, edits: Vec<(Span, String)>) -> Self {
        Self { title: title.into(), kind, edits, mends: None, preferred: false }
    }
}

/// Everything that an action is made from.
struct At<'a> {
    analysis: &'a Analysis,
    world: &'a World,
    read: &'a Read,
    /// What is selected; empty for a cursor.
    range: Span,
    /// The nodes around the beginning of the selection, the outermost first.
    nodes: Vec<Node<'a>>,
}

impl At<'_> {
    fn text(&self, span: Span) -> &str {
        self.read.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn indent(&self, at: u32) -> &str {
        super::text::indent(&self.read.text, at as usize)
    }

    /// The first group of the project that has members, as one to ask.
    fn group(&self) -> String {
        let groups = &self.analysis.config().groups;
        groups.iter().find(|(_, g)| !g.members.is_empty()).map_or("sre", |(n, _)| n.as_str()).to_owned()
    }
}

/// The changes that can be made in a range of a file.
pub fn actions(analysis: &Analysis, file: FileId, start: u32, end: u32) -> Vec<Action> {
    if file == PROJECT_FILE || analysis.is_library(file) || analysis.sources().get(file).is_none() {
        return Vec::new();
    }
    let world = analysis.world(file);
    let read = analysis.read(file);
    let length = u32::try_from(read.text.len()).unwrap_or(u32::MAX);
    let (start, end) = (start.min(length), end.max(start).min(length));
    let at =
        At { analysis, world: &world, read: &read, range: Span::new(file, start, end), nodes: path(&read.ast, start) };
    let mut out = fixes(&at);
    out.extend(wrap::actions(&at));
    out.extend(arms::action(&at));
    out.extend(optional::actions(&at));
    out.extend(given::action(&at));
    if start < end {
        out.extend(extract::actions(&at).into_iter().filter(|a| is_sound(analysis, file, a)));
    }
    out.retain(|a| !a.edits.is_empty());
    let mut seen: Vec<Vec<(Span, String)>> = Vec::new();
    out.retain(|a| {
        !seen.contains(&a.edits) && {
            seen.push(a.edits.clone());
            true
        }
    });
    out
}

/// Whether nothing is wrong behind a change that was right before it.
fn is_sound(analysis: &Analysis, file: FileId, action: &Action) -> bool {
    let errors = |a: &Analysis| a.diagnostics(file).iter().filter(|d| d.is_error()).count();
    errors(&apply(analysis, &action.edits)) <= errors(analysis)
}

fn touches(a: Span, b: Span) -> bool {
    a.file == b.file && a.start <= b.end && b.start <= a.end
}

/// The fixes of the diagnostics in the range.
fn fixes(at: &At<'_>) -> Vec<Action> {
    let mut out = Vec::new();
    for d in at.analysis.diagnostics(at.range.file).iter() {
        if !touches(d.span(), at.range) {
            continue;
        }
        let mut of: Vec<Action> = d
            .fixes
            .iter()
            .filter(|f| f.edits.iter().all(|(s, _)| s.file == at.range.file))
            .map(|f| Action::new(f.title.clone(), ActionKind::Fix, f.edits.clone()))
            .collect();
        if d.code == codes::NAME_UNKNOWN || d.code == codes::TYPE_UNKNOWN {
            let name = at.text(d.span());
            let name = name.split(|c: char| !super::text::is_name_char(c)).next().unwrap_or_default().to_owned();
            for line in bring(at.analysis, at.range.file, &name) {
                let edit = import(at.read, at.range.file, &line);
                if !of.iter().any(|a| a.edits.iter().any(|(_, text)| text.trim() == line)) {
                    of.push(Action::new(format!("add `{line}`"), ActionKind::Fix, vec![edit]));
                }
            }
        }
        let one = of.len() == 1;
        for mut action in of {
            action.mends = Some(d.clone());
            action.preferred = one;
            out.push(action);
        }
    }
    out
}
