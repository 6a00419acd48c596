//! Where everything stands.

use super::{Flow, Place, Shape, Way};
use crate::outline::{Branch, Kind, Node, Outline};
use crate::syntax::ast::Effect;

/// Characters on a line of a box, lines in a box, pixels.
const COLUMNS: usize = 38;
const LINES: usize = 6;
const CHAR: f64 = 7.3;
const LINE: f64 = 16.0;
const PAD: f64 = 12.0;
/// Between two boxes of a column, and between two columns.
const DOWN: f64 = 36.0;
const SIDE: f64 = 28.0;
/// The lane of a loop's way back, of its way out, and of a way past a branch.
const LANE: f64 = 30.0;

/// The flowchart of an outline. `starts`: one line for each way the runbook starts.
pub fn flow(outline: &Outline, starts: &[String]) -> Flow {
    let mut placer = Placer { flow: Flow::default(), loops: Vec::new() };
    let mut left = SIDE;
    let sections = [
        (starts.to_vec(), &outline.body, Some("the end")),
        (vec!["on failure".to_owned()], &outline.on_failure, None),
        (vec!["finally".to_owned()], &outline.finally, None),
    ];
    for (i, (head, nodes, end)) in sections.into_iter().enumerate() {
        if i > 0 && nodes.is_empty() {
            continue;
        }
        let width = sequence_width(nodes).max(text_size(&wrapped(&head)).0);
        placer.section(&head, nodes, end, left + width / 2.0);
        left += width + 2.0 * SIDE;
    }
    placer.flow.width = left;
    placer.flow.height += SIDE;
    placer.flow
}

/// A way that has begun and not yet arrived.
#[derive(Debug, Clone)]
struct Loose {
    from: usize,
    label: String,
    dashed: bool,
    via: Option<f64>,
    parts: bool,
}

impl Loose {
    fn down(from: usize) -> Self {
        Self { from, label: String::new(), dashed: false, via: None, parts: false }
    }

    fn labelled(from: usize, label: &str) -> Self {
        Self { label: label.to_owned(), parts: true, ..Self::down(from) }
    }
}

/// A loop around what is being placed.
struct Around {
    head: usize,
    lane: f64,
    leaving: Vec<Loose>,
}

struct Placer {
    flow: Flow,
    loops: Vec<Around>,
}

/// Where a sequence ends: its loose ways, and the first free row.
struct Ended {
    loose: Vec<Loose>,
    bottom: f64,
}

impl Placer {
    fn section(&mut self, head: &[String], nodes: &[Node], end: Option<&str>, x: f64) {
        let start = self.add(Shape::Start, wrapped(head), x, SIDE);
        let ended = self.sequence(nodes, x, self.below(start), vec![Loose::down(start)]);
        if let Some(text) = end
            && !ended.loose.is_empty()
        {
            let last = self.add(Shape::End, vec![text.to_owned()], x, ended.bottom);
            self.connect(ended.loose, last);
        }
    }

    fn add(&mut self, shape: Shape, lines: Vec<String>, x: f64, top: f64) -> usize {
        let (width, height) = size(shape, &lines);
        self.flow.places.push(Place { shape, lines, x, y: top + height / 2.0, width, height });
        self.flow.height = self.flow.height.max(top + height);
        self.flow.places.len() - 1
    }

    fn below(&self, place: usize) -> f64 {
        self.flow.places.get(place).map_or(0.0, |p| p.y + p.height / 2.0 + DOWN)
    }

    fn connect(&mut self, loose: Vec<Loose>, to: usize) {
        for Loose { from, label, dashed, via, parts } in loose {
            self.flow.ways.push(Way { from, to, label, dashed, via, parts, back: false });
        }
    }

    fn sequence(&mut self, nodes: &[Node], x: f64, top: f64, mut loose: Vec<Loose>) -> Ended {
        let mut bottom = top;
        for node in nodes {
            let ended = self.node(&node.kind, x, bottom, std::mem::take(&mut loose));
            (loose, bottom) = (ended.loose, ended.bottom);
        }
        Ended { loose, bottom }
    }

    /// A box with what comes to it; its own ways begin with `begins`.
    fn head(&mut self, kind: &Kind, x: f64, top: f64, loose: Vec<Loose>) -> usize {
        let (shape, lines) = face(kind);
        let head = self.add(shape, lines, x, top);
        self.connect(loose, head);
        head
    }

    fn node(&mut self, kind: &Kind, x: f64, top: f64, loose: Vec<Loose>) -> Ended {
        let head = self.head(kind, x, top, loose);
        let bottom = self.below(head);
        match kind {
            Kind::Step { body, .. } | Kind::Waive { body, .. } => {
                self.sequence(body, x, bottom, vec![Loose::down(head)])
            }
            Kind::If { then, otherwise, .. } => self.columns(
                x,
                bottom,
                &[(then, Loose::labelled(head, "yes")), (otherwise, Loose::labelled(head, "no"))],
            ),
            Kind::Match { arms, .. } => {
                let ways: Vec<_> = arms.iter().map(|a| (a.body.as_slice(), Loose::labelled(head, &a.label))).collect();
                self.columns(x, bottom, &ways)
            }
            Kind::Approve(a) => {
                let yes = (a.body.as_slice(), Loose::labelled(head, "approved"));
                let no = Loose::labelled(head, "not approved");
                match &a.otherwise {
                    Some(otherwise) => self.columns(x, bottom, &[yes, (otherwise, no)]),
                    None => {
                        let fails = [Node { kind: Kind::Fail { text: "denied".into() }, span: Default::default() }];
                        self.columns(x, bottom, &[yes, (&fails, no)])
                    }
                }
            }
            Kind::Try { body, handler } => {
                let fails = Loose { dashed: true, ..Loose::labelled(head, "if it fails") };
                self.columns(x, bottom, &[(body, Loose { parts: true, ..Loose::down(head) }), (handler, fails)])
            }
            Kind::Fork { branches, one, .. } => self.fork(head, branches, *one, x, bottom),
            Kind::Repeat { body, .. } => self.repeat(head, body, x, bottom),
            Kind::Leave { text } => self.leave(head, text, bottom),
            kind if kind.ends() => Ended { loose: vec![], bottom },
            _ => Ended { loose: vec![Loose::down(head)], bottom },
        }
    }

    /// Ways side by side. One without anything on it passes by.
    fn columns(&mut self, x: f64, top: f64, ways: &[(&[Node], Loose)]) -> Ended {
        let mut left = x - columns_width(ways.iter().map(|w| w.0)) / 2.0;
        let mut all = Ended { loose: vec![], bottom: top };
        for (nodes, way) in ways {
            let width = column_width(nodes);
            let middle = left + width / 2.0;
            left += width + SIDE;
            if nodes.is_empty() {
                all.loose.push(Loose { via: Some(middle), ..way.clone() });
                continue;
            }
            let mut ended = self.sequence(nodes, middle, top, vec![way.clone()]);
            all.loose.append(&mut ended.loose);
            all.bottom = all.bottom.max(ended.bottom);
        }
        all
    }

    fn fork(&mut self, head: usize, branches: &[Branch], one: bool, x: f64, top: f64) -> Ended {
        let ways: Vec<_> = branches.iter().map(|b| (b.body.as_slice(), Loose::labelled(head, &b.label))).collect();
        let ended = self.columns(x, top, &ways);
        let text = if one { "the first is done" } else { "all are done" };
        let join = self.add(Shape::Bar, vec![text.to_owned()], x, ended.bottom);
        self.connect(ended.loose, join);
        Ended { loose: vec![Loose::down(join)], bottom: self.below(join) }
    }

    fn repeat(&mut self, head: usize, body: &[Node], x: f64, top: f64) -> Ended {
        let half = sequence_width(body).max(self.flow.places.get(head).map_or(0.0, |p| p.width)) / 2.0;
        let (back, out) = (x - half - LANE / 2.0, x + half + LANE / 2.0);
        self.loops.push(Around { head, lane: out, leaving: vec![] });
        let ended = self.sequence(body, x, top, vec![Loose::down(head)]);
        let leaving = self.loops.pop().map(|l| l.leaving).unwrap_or_default();
        for Loose { from, label, dashed, .. } in ended.loose {
            self.flow.ways.push(Way { from, to: head, label, dashed, via: Some(back), parts: false, back: true });
        }
        let done = Loose { via: Some(out), ..Loose::labelled(head, "done") };
        Ended { loose: std::iter::once(done).chain(leaving).collect(), bottom: ended.bottom }
    }

    /// `break` goes out of the loop, `continue` to its head, the others end the sequence.
    fn leave(&mut self, place: usize, text: &str, bottom: f64) -> Ended {
        if let Some(around) = self.loops.last_mut() {
            match text {
                "break" => around.leaving.push(Loose { via: Some(around.lane), ..Loose::down(place) }),
                "continue" => {
                    let via = Some(around.lane - LANE / 4.0);
                    let to = around.head;
                    self.flow.ways.push(Way {
                        from: place,
                        to,
                        label: String::new(),
                        dashed: false,
                        via,
                        parts: false,
                        back: true,
                    });
                }
                _ => {}
            }
        }
        Ended { loose: vec![], bottom }
    }
}

/// What a node's own box is and says.
fn face(kind: &Kind) -> (Shape, Vec<String>) {
    let one = |shape, text: &str| (shape, wrapped(&[text.to_owned()]));
    match kind {
        Kind::Step { name, .. } => one(Shape::Step, name),
        Kind::Act { text, effect, .. } => one(Shape::Act(*effect), text),
        Kind::Compute { text } => one(Shape::Note, text),
        Kind::If { condition, .. } => one(Shape::Choice, &format!("{condition}?")),
        Kind::Match { value, .. } => one(Shape::Choice, &format!("{value}?")),
        Kind::Repeat { head, .. } => one(Shape::Loop, head),
        Kind::Fork { head, .. } => one(Shape::Bar, head),
        Kind::Approve(a) => {
            let who = format!("{} of {}, within {}", a.quorum, a.from.join(" or "), a.within);
            (Shape::Ask, wrapped(&[a.question.clone(), who]))
        }
        Kind::Waive { reason, by, .. } => one(Shape::Waiver, &format!("waived by {by}: {reason}")),
        Kind::Verify { name, within, .. } => one(Shape::Check, &format!("verify: {name} (within {within})")),
        Kind::Wait { text } => one(Shape::Wait, text),
        Kind::Try { .. } => one(Shape::Choice, "try"),
        Kind::Evidence { name, .. } => one(Shape::Note, &format!("evidence: {name}")),
        Kind::Log { text } => one(Shape::Note, &format!("log: {text}")),
        Kind::Finish { outcome, why } => {
            let why = why.as_deref().map(|w| format!(": {w}")).unwrap_or_default();
            one(Shape::End, &format!("{outcome}{why}"))
        }
        Kind::Fail { text } => one(Shape::Fails, &format!("fails: {text}")),
        Kind::Rollback => one(Shape::Act(Effect::Changes), "roll back what was done"),
        Kind::Leave { text } => one(Shape::Note, text),
    }
}

fn size(shape: Shape, lines: &[String]) -> (f64, f64) {
    let (width, height) = text_size(lines);
    match shape {
        // Slanted sides take room from the text.
        Shape::Choice | Shape::Ask | Shape::Loop => (width + 2.0 * PAD, height + PAD),
        _ => (width, height),
    }
}

fn text_size(lines: &[String]) -> (f64, f64) {
    let longest = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    (longest as f64 * CHAR + 2.0 * PAD, lines.len() as f64 * LINE + PAD)
}

fn sequence_width(nodes: &[Node]) -> f64 {
    nodes.iter().map(|n| node_width(&n.kind)).fold(0.0, f64::max)
}

/// A column takes room also when it is only a way past the others.
fn column_width(nodes: &[Node]) -> f64 {
    sequence_width(nodes).max(2.0 * LANE)
}

fn columns_width<'a>(columns: impl Iterator<Item = &'a [Node]>) -> f64 {
    let (mut total, mut count) = (0.0, 0.0);
    for column in columns {
        total += column_width(column);
        count += 1.0;
    }
    total + SIDE * f64::max(count - 1.0, 0.0)
}

fn node_width(kind: &Kind) -> f64 {
    let (shape, lines) = face(kind);
    let own = size(shape, &lines).0;
    let inner = match kind {
        Kind::Repeat { body, .. } => sequence_width(body).max(own) + 2.0 * LANE,
        Kind::Approve(a) if a.otherwise.is_none() => column_width(&a.body) + SIDE + 12.0 * CHAR + 2.0 * PAD,
        Kind::Step { body, .. } | Kind::Waive { body, .. } => sequence_width(body),
        _ => columns_width(crate::outline::parts(kind).into_iter()),
    };
    own.max(inner)
}

/// Each text on lines of [`COLUMNS`] characters, [`LINES`] in all; what is cut says so.
fn wrapped(texts: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts {
        let mut line = String::new();
        for word in text.split_whitespace() {
            let fits = line.is_empty() || line.chars().count() + 1 + word.chars().count() <= COLUMNS;
            if !fits {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            while line.chars().count() > COLUMNS {
                let rest: String = line.chars().skip(COLUMNS).collect();
                line = line.chars().take(COLUMNS).collect();
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        lines.push(line);
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}
