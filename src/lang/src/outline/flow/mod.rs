//! A flowchart of a runbook: boxes with places, and the ways between them. Drawn as SVG, or written for Mermaid and Graphviz, which
//! lay it out themselves.
//!
//! The layout follows the outline: a sequence goes down, ways that exclude each other stand side by side, a loop has its way back on
//! the left and its way out on the right. So lines never cross a box.

mod dot;
mod face;
mod jump;
mod mermaid;
mod place;
mod svg;

pub use dot::dot;
pub use mermaid::mermaid;
pub use place::flow;
pub use svg::svg;

use crate::syntax::ast::Effect;

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// What starts the runbook, `on failure` or `finally`.
    Start,
    /// A `finish`, or the end of the body.
    End,
    /// A failure that ends the run.
    Fails,
    /// `step`
    Step,
    /// Calls, by their greatest effect.
    Act(Effect),
    /// A line that only computes, records or says something.
    Note,
    /// `if`, `match`
    Choice,
    /// The head of a loop.
    Loop,
    /// `approve`
    Ask,
    /// `waive`
    Waiver,
    /// `verify`
    Check,
    /// `wait`
    Wait,
    /// Where branches part or come together.
    Bar,
}

/// A box: its middle and its size in pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub shape: Shape,
    /// Wrapped.
    pub lines: Vec<String>,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A way from one box to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub from: usize,
    pub to: usize,
    pub label: String,
    /// Taken when something fails.
    pub dashed: bool,
    route: Route,
}

/// How a line goes.
#[derive(Debug, Clone, PartialEq)]
enum Route {
    /// Down its own column; it turns above its end.
    Down,
    /// Beside others: it turns below its start.
    Parting,
    /// Past the others down the column `via`.
    Past { via: f64 },
    /// Out of a loop, from the side of its head down `via`.
    Out { via: f64 },
    /// To the head of a loop: down to `low`, up `via`.
    Back { via: f64, low: f64 },
    /// The same, past the others down the column `down`.
    PastAndBack { down: f64, via: f64, low: f64 },
    /// Out of a loop down `out`, and at once to the head of the one around it.
    OutAndBack { out: f64, via: f64, low: f64 },
    /// By `break`: around what follows, out of the loop.
    Jump { turns: Vec<Turn> },
    /// By `continue`, or by a `break` to the head of the loop around: down to `low`, up `via`.
    JumpBack { turns: Vec<Turn>, via: f64, low: f64 },
    /// By `restart`: down to `low`, and up `via` to the bar above.
    JumpUp { turns: Vec<Turn>, via: f64, low: f64 },
}

/// A line turns at `y` into the column `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    x: f64,
    y: f64,
}

/// A flowchart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flow {
    pub places: Vec<Place>,
    pub ways: Vec<Way>,
    pub width: f64,
    pub height: f64,
}
