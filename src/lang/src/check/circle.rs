//! Constants that are made from themselves, by way of other constants and functions.

use super::cx::{Checker, State};
use crate::diag::{Diagnostic, codes};
use crate::hir::{Expr, ExprKind, visit};
use crate::types::{Ty, Type};

/// A constant (by index) or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Const(usize),
    Fn(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

impl Checker {
    /// Reports constants whose value needs itself. Inferred ones were found when their type was.
    pub fn name_circles(&mut self) {
        let mut consts = vec![Mark::New; self.consts.len()];
        let mut fns = vec![Mark::New; self.functions.len()];
        let mut found: Vec<Vec<usize>> = Vec::new();
        for start in 0..self.consts.len() {
            // What is on the way down, each with what is left to look at.
            let mut path: Vec<(Node, Vec<Node>)> = Vec::new();
            let mut next = Some(Node::Const(start));
            while let Some(node) = next.take().or_else(|| step(&mut path, &mut consts, &mut fns)) {
                let mark = match node {
                    Node::Const(i) => consts.get_mut(i),
                    Node::Fn(i) => fns.get_mut(i),
                };
                let Some(mark) = mark else { continue };
                match *mark {
                    Mark::New => {
                        *mark = Mark::Open;
                        path.push((node, self.uses(node)));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|(n, _)| *n == node).unwrap_or(0);
                        let circle = path.iter().skip(from).filter_map(|(n, _)| match n {
                            Node::Const(i) => Some(*i),
                            Node::Fn(_) => None,
                        });
                        found.push(circle.collect());
                    }
                    Mark::Done => {}
                }
            }
        }
        for circle in found.into_iter().filter(|c| !c.is_empty()) {
            self.report_circle(&circle);
        }
    }

    fn report_circle(&mut self, circle: &[usize]) {
        let infos: Vec<_> = circle.iter().filter_map(|i| self.consts.get(*i)).collect();
        // Reported already, or in code that is wrong anyway.
        if infos.iter().any(|c| c.state != State::Done || c.ty.as_ref().is_none_or(|t: &Ty| matches!(**t, Type::Error)))
        {
            return;
        }
        let Some(first) = infos.first() else { return };
        let mut d = Diagnostic::error(
            codes::TYPE_CYCLE,
            format!("the {} `{}` depends on itself", first.what, first.name),
            first.span,
            "needs its own value",
        )
        .help("break the circle");
        for other in infos.iter().skip(1).take(3) {
            d = d.label(other.span, "by way of this");
        }
        self.report(d);
    }

    fn uses(&self, node: Node) -> Vec<Node> {
        let body: Option<&Expr> = match node {
            Node::Const(i) => self.consts.get(i).and_then(|c| c.body.as_ref()).map(|b| &b.expr),
            Node::Fn(i) => self.functions.get(i).and_then(Option::as_ref).and_then(|f| f.body.as_ref()),
        };
        let mut out = Vec::new();
        if let Some(body) = body {
            visit::walk(body, &mut |e, _, _| match &e.kind {
                ExprKind::Constant(id) => out.push(Node::Const(id.index())),
                ExprKind::CallFn { function, .. } | ExprKind::Closure { function, .. } => {
                    out.push(Node::Fn(function.index()))
                }
                _ => {}
            });
        }
        out
    }
}

/// The next thing to look at; closes what has nothing left.
fn step(path: &mut Vec<(Node, Vec<Node>)>, consts: &mut [Mark], fns: &mut [Mark]) -> Option<Node> {
    loop {
        let (node, left) = path.last_mut()?;
        if let Some(next) = left.pop() {
            return Some(next);
        }
        let mark = match *node {
            Node::Const(i) => consts.get_mut(i),
            Node::Fn(i) => fns.get_mut(i),
        };
        if let Some(mark) = mark {
            *mark = Mark::Done;
        }
        path.pop();
    }
}
