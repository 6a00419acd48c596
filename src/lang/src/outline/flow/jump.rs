//! The lines of `break`, `continue` and `restart`: out of the choices that they stand in, past what follows there, to where they go.
//!
//! A jump goes down the column of its own box as long as nothing else stands there. Below the last choice around it that is followed
//! by more, it turns into a lane beside the column, which `lanes` keeps free.

use super::place::{DOWN, LANE};
use super::{Route, Turn, Way};
use crate::outline::{Kind, Node};

/// How far above the next row a jump turns: between where ways part and where they come together.
pub(super) const TURN: f64 = DOWN * 2.0 / 3.0;

/// A jump that has not yet arrived.
#[derive(Debug, Clone)]
pub(super) struct Jump {
    pub from: usize,
    /// The head of the loop or block that it is about.
    pub head: usize,
    /// `break` goes on below the loop; the others go to the head.
    pub out: bool,
    /// The column that it goes down.
    pub x: f64,
    pub turns: Vec<Turn>,
}

impl Jump {
    /// From here on down `x`.
    pub fn turn(&mut self, x: f64, y: f64) {
        if (self.x - x).abs() > 0.5 {
            self.turns.push(Turn { x, y });
            self.x = x;
        }
    }

    /// Into the lane beside what is `width` wide around `middle`: to the left for what goes back, to the right for what goes out.
    pub fn beside(&mut self, middle: f64, width: f64, y: f64) {
        let lane = (width + LANE) / 2.0;
        self.turn(if self.out { middle + lane } else { middle - lane }, y);
    }

    /// To its head: down to `low`, and up `via` to the side of it.
    pub fn back(self, via: f64, low: f64) -> Way {
        let (from, to) = (self.from, self.head);
        Way { from, to, label: String::new(), dashed: false, route: Route::JumpBack { turns: self.turns, via, low } }
    }

    /// To its head, a bar above the column: down to `low`, and up `via`.
    pub fn up(self, via: f64, low: f64) -> Way {
        let (from, to) = (self.from, self.head);
        Way { from, to, label: String::new(), dashed: false, route: Route::JumpUp { turns: self.turns, via, low } }
    }
}

/// The room on both sides of a column for the jumps that leave it.
pub(super) fn lanes(nodes: &[Node]) -> f64 {
    if jumps(nodes, true, true) { 2.0 * LANE } else { 0.0 }
}

/// Whether something in it goes out of it; `looping` and `during`: whether a loop or a `during` around it is outside.
fn jumps(nodes: &[Node], looping: bool, during: bool) -> bool {
    nodes.iter().any(|node| match &node.kind {
        Kind::Leave { text } => match text.as_str() {
            "break" | "continue" => looping,
            "restart" => during,
            _ => false,
        },
        Kind::Repeat(r) => jumps(&r.body, false, during) || jumps(&r.between, false, during),
        Kind::During { body, handlers } => {
            jumps(body, looping, false) || handlers.iter().any(|h| jumps(&h.body, looping, false))
        }
        Kind::Fork { branches, .. } => branches.iter().any(|b| jumps(&b.body, looping, during)),
        Kind::If { then, otherwise, .. } => jumps(then, looping, during) || jumps(otherwise, looping, during),
        Kind::Match { arms, .. } => arms.iter().any(|a| jumps(&a.body, looping, during)),
        Kind::Step { body, .. } | Kind::Waive { body, .. } => jumps(body, looping, during),
        Kind::Try { body, handler } => {
            jumps(body, looping, during) || handler.as_ref().is_some_and(|h| jumps(h, looping, during))
        }
        Kind::Approve(a) => {
            jumps(&a.body, looping, during) || a.otherwise.as_ref().is_some_and(|o| jumps(o, looping, during))
        }
        Kind::Act { .. }
        | Kind::Compute { .. }
        | Kind::AtMost { .. }
        | Kind::Verify { .. }
        | Kind::Wait { .. }
        | Kind::Evidence { .. }
        | Kind::Log { .. }
        | Kind::Finish { .. }
        | Kind::Fail { .. }
        | Kind::Rollback => false,
    })
}
