//! A runbook as people follow it: what it does in which order, in the words of its source. What documents and flowcharts are drawn from.

mod build;
pub mod flow;
mod texts;
mod work;

pub use build::{function, outline};

use crate::ids::{FnId, RunbookId};
use crate::span::Span;
use crate::syntax::ast::Effect;

/// What a runbook does, part by part.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    pub body: Vec<Node>,
    /// Empty when the runbook has no `on failure`.
    pub on_failure: Vec<Node>,
    /// Empty when the runbook has no `finally`.
    pub finally: Vec<Node>,
}

/// One thing that a runbook does.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: Kind,
    pub span: Span,
}

/// A call of an action, as it matters to who reads the outline.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The action.
    pub function: FnId,
    /// `slack.post`, `drain_node`
    pub name: String,
    pub effect: Effect,
    /// The source of what undoes it.
    pub undo: Option<String>,
}

/// What may be done. Texts are source on one line, without comments.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `step "NAME" { … }`
    Step { name: String, body: Vec<Node> },
    /// A statement that calls actions or starts runbooks, with its greatest effect: `reads`, `changes` or `destroys`.
    Act { text: String, effect: Effect, calls: Vec<Called>, children: Vec<Child> },
    /// A statement that only computes.
    Compute { text: String },
    /// `if CONDITION { … } else { … }`
    If { condition: String, then: Vec<Node>, otherwise: Vec<Node> },
    /// `match VALUE { PATTERN => … }`
    Match { value: String, arms: Vec<Branch> },
    /// `for … in …`, `while …`
    Repeat(Box<Repeat>),
    /// `parallel`, `race`: the word, its branches, and whether only one of them comes to its end.
    Fork { head: String, branches: Vec<Branch>, one: bool },
    /// `during { … } on EVENT { … }`: what is done, and what is done when an event comes meanwhile.
    During { body: Vec<Node>, handlers: Vec<Branch> },
    /// `at most 10% of NODES for CHOSEN`: the whole statement. Goes on, or fails before anything is touched.
    AtMost { text: String },
    /// `approve`
    Approve(Box<Approval>),
    /// `waive`
    Waive { reason: String, by: String, until: i64, body: Vec<Node> },
    /// `verify "NAME" settle D within D every D { CONDITION }`
    Verify { name: String, condition: String, within: String, every: String, settle: Option<String> },
    /// `wait …`: the whole statement.
    Wait { text: String },
    /// `try { … } catch f { … }`; without a handler the failure passes.
    Try { body: Vec<Node>, handler: Option<Vec<Node>> },
    /// `evidence "NAME" = VALUE`
    Evidence { name: String, value: String },
    /// `log TEXT`
    Log { text: String },
    /// `finish OUTCOME "why"`: the end.
    Finish { outcome: String, why: Option<String> },
    /// `fail "…"`: the end, with a failure.
    Fail { text: String },
    /// `rollback`
    Rollback,
    /// `break`, `continue`, `return …`, `restart`, `skip`: on to another place.
    Leave { text: String },
}

/// One of several ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The pattern, the branch's name, the event.
    pub label: String,
    pub body: Vec<Node>,
}

/// A loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// `for x in XS`, `while C max N`, without the clauses below.
    pub head: String,
    pub body: Vec<Node>,
    /// How many items at the same time, where it is more than one.
    pub parallel: Option<String>,
    /// The sizes of the waves, cumulative: `[1, 25%, 100%]`.
    pub waves: Option<String>,
    /// How long after each wave.
    pub pausing: Option<String>,
    /// What is done after each wave.
    pub between: Vec<Node>,
    /// The failure of an item does not stop the others.
    pub collect: bool,
}

/// A runbook that another one runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    pub runbook: RunbookId,
    /// Its end is waited for.
    pub awaited: bool,
}

/// What people are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub question: String,
    /// `group sre`, `user ana`; a computed one as its source.
    pub from: Vec<String>,
    pub quorum: String,
    pub within: String,
    /// Who is asked in addition, and after how long.
    pub escalate: Vec<(Vec<String>, String)>,
    pub require_comment: bool,
    /// Who requested the run may agree, too.
    pub allow_requester: bool,
    /// What they are shown.
    pub showing: Option<String>,
    /// The calls that tell them.
    pub ask: Vec<String>,
    pub body: Vec<Node>,
    /// None when a no is a failure.
    pub otherwise: Option<Vec<Node>>,
}

impl Kind {
    /// Whether nothing comes after it in its sequence.
    pub fn ends(&self) -> bool {
        matches!(self, Kind::Finish { .. } | Kind::Fail { .. } | Kind::Leave { .. })
    }
}

/// Calls `f` with each node, outer before inner, in written order.
pub fn walk<'a>(nodes: &'a [Node], f: &mut dyn FnMut(&'a Node)) {
    for node in nodes {
        f(node);
        for part in parts(&node.kind) {
            walk(part, f);
        }
    }
}

/// The sequences inside a node.
pub fn parts(kind: &Kind) -> Vec<&[Node]> {
    match kind {
        Kind::Step { body, .. } | Kind::Waive { body, .. } => vec![body],
        Kind::Repeat(repeat) => vec![&repeat.body, &repeat.between],
        Kind::During { body, handlers } => {
            std::iter::once(body.as_slice()).chain(handlers.iter().map(|h| h.body.as_slice())).collect()
        }
        Kind::If { then, otherwise, .. } => vec![then, otherwise],
        Kind::Match { arms: branches, .. } | Kind::Fork { branches, .. } => {
            branches.iter().map(|b| b.body.as_slice()).collect()
        }
        Kind::Approve(a) => std::iter::once(a.body.as_slice()).chain(a.otherwise.as_deref()).collect(),
        Kind::Try { body, handler } => std::iter::once(body.as_slice()).chain(handler.as_deref()).collect(),
        Kind::Act { .. }
        | Kind::Compute { .. }
        | Kind::AtMost { .. }
        | Kind::Verify { .. }
        | Kind::Wait { .. }
        | Kind::Evidence { .. }
        | Kind::Log { .. }
        | Kind::Finish { .. }
        | Kind::Fail { .. }
        | Kind::Rollback
        | Kind::Leave { .. } => vec![],
    }
}
