//! The pairs of the grammar as one flat list.
//!
//! Pest's own pairs count their children each time somebody looks at them, and lowering looks at each several times. Here a look
//! is a step along a list, and a node is copied instead of counted.

use pest::{Token, iterators::Pairs};

use super::grammar::Rule;

/// What the grammar read of one text.
pub(super) struct Nodes<'i> {
    text: &'i str,
    /// A node stands before its children; `next` leads past them.
    all: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    rule: Rule,
    start: u32,
    end: u32,
    /// The first node after this one's children.
    next: u32,
    /// The last child; 0 when there is none.
    last: u32,
}

/// A node with its place in the list: what a rule matched, and what its parts matched.
#[derive(Clone, Copy)]
pub(super) struct P<'i> {
    nodes: &'i Nodes<'i>,
    node: Node,
    at: u32,
}

/// The children of a node.
#[derive(Clone)]
pub(super) struct Inner<'i> {
    nodes: &'i Nodes<'i>,
    at: u32,
    end: u32,
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl<'i> Nodes<'i> {
    /// Lists `pairs`. They were read from a text of which each place is the one in `text` that `place` says.
    pub(super) fn new(text: &'i str, pairs: &Pairs<'_, Rule>, place: impl Fn(usize) -> usize) -> Self {
        let tokens = pairs.clone().tokens();
        let mut all: Vec<Node> = Vec::with_capacity(tokens.len() / 2);
        let mut open: Vec<usize> = Vec::new();
        for token in tokens {
            match token {
                Token::Start { rule, pos } => {
                    let (at, start) = (to_u32(all.len()), to_u32(place(pos.pos())));
                    if let Some(parent) = open.last().and_then(|p| all.get_mut(*p)) {
                        parent.last = at;
                    }
                    open.push(all.len());
                    all.push(Node { rule, start, end: start, next: at + 1, last: 0 });
                }
                Token::End { pos, .. } => {
                    let next = to_u32(all.len());
                    if let Some(node) = open.pop().and_then(|n| all.get_mut(n)) {
                        node.end = to_u32(place(pos.pos()));
                        node.next = next;
                    }
                }
            }
        }
        Self { text, all }
    }

    /// Where statements begin that are only a value or a block and stand behind something else on their line.
    pub(super) fn second_on_line(&self) -> impl Iterator<Item = usize> {
        let values = self.all.iter().filter(|n| matches!(n.rule, Rule::expr_stmt | Rule::block_stmt));
        values.map(|n| n.start as usize).filter(|at| {
            let before = self.text.get(..*at).unwrap_or("").trim_end_matches([' ', '\t']);
            !before.ends_with(['\n', '{', ';', '\r', '\u{1}']) && !before.ends_with("=>") && !before.is_empty()
        })
    }

    /// Those of them that can do nothing: a literal, or a name with its fields, behind which the block goes on.
    pub(super) fn idle_on_line(&self) -> impl Iterator<Item = usize> {
        let seconds: Vec<usize> = self.second_on_line().collect();
        let values = self.all.iter().filter(|n| n.rule == Rule::expr_stmt);
        values.filter(move |n| seconds.contains(&(n.start as usize)) && self.is_idle(n)).map(|n| n.start as usize)
    }

    fn is_idle(&self, n: &Node) -> bool {
        let (start, end) = (n.start as usize, n.end as usize);
        let code = self.text.get(start..end).unwrap_or("").trim_end();
        let plain = code.chars().all(|c| c.is_ascii_alphanumeric() || "_.%".contains(c));
        let named = code.starts_with(|c: char| c.is_ascii_digit()) || self.is_name(start);
        let text = code.starts_with('"') && super::explain::text_length(code) == code.len();
        let behind = self.text.get(end..).unwrap_or("");
        let rest = behind.get(super::explain::trivia(behind)..).unwrap_or("");
        ((plain && named) || text) && !rest.starts_with(['}', ',', ')']) && !rest.is_empty()
    }

    /// Whether a name stands at `start`.
    pub(super) fn is_name(&self, start: usize) -> bool {
        self.all.iter().any(|n| matches!(n.rule, Rule::ident | Rule::word) && n.start as usize == start)
    }

    /// The outermost node.
    pub(super) fn first(&'i self) -> Option<P<'i>> {
        self.at(0)
    }

    fn at(&'i self, at: u32) -> Option<P<'i>> {
        self.all.get(at as usize).map(|node| P { nodes: self, node: *node, at })
    }
}

impl<'i> P<'i> {
    pub(super) fn as_rule(&self) -> Rule {
        self.node.rule
    }

    pub(super) fn start(&self) -> usize {
        self.node.start as usize
    }

    pub(super) fn end(&self) -> usize {
        self.node.end as usize
    }

    pub(super) fn as_str(&self) -> &'i str {
        self.nodes.text.get(self.start()..self.end()).unwrap_or("")
    }

    pub(super) fn into_inner(self) -> Inner<'i> {
        Inner { nodes: self.nodes, at: self.at + 1, end: self.node.next }
    }

    pub(super) fn last(&self) -> Option<P<'i>> {
        if self.node.last == 0 { None } else { self.nodes.at(self.node.last) }
    }
}

impl<'i> Iterator for Inner<'i> {
    type Item = P<'i>;

    fn next(&mut self) -> Option<P<'i>> {
        if self.at >= self.end {
            return None;
        }
        let found = self.nodes.at(self.at)?;
        self.at = found.node.next;
        Some(found)
    }
}
