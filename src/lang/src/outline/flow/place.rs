//! Where everything stands.

use super::face::{face, size, width, wrapped};
use super::jump::{Jump, TURN, lanes};
use super::{Flow, Place, Route, Shape, Way};
use crate::outline::{Kind, Node, Outline, Repeat};

/// Pixels between two boxes of a column, and between two columns.
pub(super) const DOWN: f64 = 36.0;
const SIDE: f64 = 28.0;
/// The lane of a loop's way back, of its way out, and half of that of a way past a branch.
pub(super) const LANE: f64 = 30.0;
/// A way's name longer than this stands in a box of its own.
const NAME: usize = 16;

/// The flowchart of an outline. `starts`: one line for each way the runbook starts.
pub fn flow(outline: &Outline, starts: &[String]) -> Flow {
    let mut placer = Placer { flow: Flow::default(), around: Vec::new(), jumps: Vec::new() };
    let mut left = SIDE;
    let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
    let sections = [
        (starts, &outline.body, Some("the end")),
        (vec!["on failure"], &outline.on_failure, None),
        (vec!["finally"], &outline.finally, None),
    ];
    for (i, (head, nodes, end)) in sections.into_iter().enumerate() {
        if i > 0 && nodes.is_empty() {
            continue;
        }
        let head = wrapped(&head);
        let width = sequence_width(nodes).max(size(Shape::Start, &head).0);
        placer.section(head, nodes, end, left + width / 2.0);
        left += width + 2.0 * SIDE;
    }
    placer.flow.width = left - SIDE;
    placer.flow.height += SIDE;
    placer.flow
}

/// How a node goes on below its box.
enum Form<'a> {
    /// To the next node.
    On,
    /// Nowhere.
    Ends,
    /// Through what it holds.
    Through(&'a [Node]),
    /// By one of several ways.
    Ways(Vec<Column<'a>>),
    /// By all of them, and the text where they come together.
    Fork(Vec<Column<'a>>, &'static str),
    /// The same, and it may begin anew.
    During(Vec<Column<'a>>),
    Loop(&'a Repeat),
    /// To another place, by a word.
    Leave(&'a str),
}

/// A way beside others.
struct Column<'a> {
    name: &'a str,
    /// What is on it. None: it is a failure.
    nodes: Option<&'a [Node]>,
    /// Taken when something fails or happens.
    dashed: bool,
}

impl<'a> Column<'a> {
    fn new(name: &'a str, nodes: &'a [Node]) -> Self {
        Self { name, nodes: Some(nodes), dashed: false }
    }

    /// The name in a box of its own, when it is too long for the line.
    fn case(&self) -> Option<Vec<String>> {
        (self.name.chars().count() > NAME).then(|| wrapped(&[self.name]))
    }

    /// It takes room also when it is only a way past the others.
    fn width(&self) -> f64 {
        let own = match self.nodes {
            Some(nodes) => sequence_width(nodes).max(2.0 * LANE),
            None => size(Shape::Fails, &[DENIED.to_owned()]).0,
        };
        let name = match self.case() {
            Some(lines) => size(Shape::Wait, &lines).0,
            // It stands to the right of the line.
            None => 2.0 * (width(self.name) + 10.0),
        };
        own.max(name) + self.nodes.map_or(0.0, lanes)
    }
}

/// Where the ways of a `during` come together.
const DONE: &str = "the block is done";

/// An approval that is not given and has no `otherwise`.
const DENIED: &str = "fails: denied";

fn form(kind: &Kind) -> Form<'_> {
    match kind {
        Kind::Step { body, .. } | Kind::Waive { body, .. } => Form::Through(body),
        Kind::If { then, otherwise, .. } => Form::Ways(vec![Column::new("yes", then), Column::new("no", otherwise)]),
        Kind::Match { arms, .. } => Form::Ways(arms.iter().map(|a| Column::new(&a.label, &a.body)).collect()),
        Kind::Approve(a) => {
            let no = Column { name: "not approved", nodes: a.otherwise.as_deref(), dashed: false };
            Form::Ways(vec![Column::new("approved", &a.body), no])
        }
        Kind::Try { body, handler: None } => Form::Through(body),
        Kind::Try { body, handler: Some(handler) } => {
            let fails = Column { dashed: true, ..Column::new("if it fails", handler) };
            Form::Ways(vec![Column::new("", body), fails])
        }
        Kind::Fork { branches, one, .. } => {
            let columns = branches.iter().map(|b| Column::new(&b.label, &b.body)).collect();
            Form::Fork(columns, if *one { "the first is done" } else { "all are done" })
        }
        Kind::During { body, handlers } => {
            let mut columns = vec![Column::new("", body)];
            columns.extend(handlers.iter().map(|h| Column { dashed: true, ..Column::new(&h.label, &h.body) }));
            Form::During(columns)
        }
        Kind::Repeat(repeat) => Form::Loop(repeat),
        Kind::Leave { text } => Form::Leave(text),
        Kind::Finish { .. } | Kind::Fail { .. } => Form::Ends,
        Kind::Act { .. }
        | Kind::Compute { .. }
        | Kind::AtMost { .. }
        | Kind::Verify { .. }
        | Kind::Wait { .. }
        | Kind::Evidence { .. }
        | Kind::Log { .. }
        | Kind::Rollback => Form::On,
    }
}

/// A way that has begun and not yet arrived.
#[derive(Debug, Clone)]
struct Loose {
    from: usize,
    label: String,
    dashed: bool,
    route: Route,
}

impl Loose {
    fn down(from: usize) -> Self {
        Self { from, label: String::new(), dashed: false, route: Route::Down }
    }

    fn to(self, to: usize) -> Way {
        let Self { from, label, dashed, route } = self;
        Way { from, to, label, dashed, route }
    }
}

/// A loop, or a block that can begin anew, around what is being placed.
struct Around {
    head: usize,
    again: &'static str,
}

struct Placer {
    flow: Flow,
    around: Vec<Around>,
    /// Those on their way.
    jumps: Vec<Jump>,
}

/// Where a sequence ends: its loose ways, and the first free row.
struct Ended {
    loose: Vec<Loose>,
    bottom: f64,
}

impl Placer {
    fn section(&mut self, head: Vec<String>, nodes: &[Node], end: Option<&str>, x: f64) {
        let start = self.add(Shape::Start, head, x, SIDE);
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

    /// As wide as what it holds together.
    fn bar(&mut self, text: &str, x: f64, top: f64, width: f64) -> usize {
        let bar = self.add(Shape::Bar, wrapped(&[text]), x, top);
        self.widen(bar, width);
        bar
    }

    fn widen(&mut self, place: usize, width: f64) {
        if let Some(place) = self.flow.places.get_mut(place) {
            place.width = place.width.max(width);
        }
    }

    fn below(&self, place: usize) -> f64 {
        self.flow.places.get(place).map_or(0.0, |p| p.y + p.height / 2.0 + DOWN)
    }

    fn connect(&mut self, loose: Vec<Loose>, to: usize) {
        self.flow.ways.extend(loose.into_iter().map(|l| l.to(to)));
    }

    fn sequence(&mut self, nodes: &[Node], x: f64, top: f64, mut loose: Vec<Loose>) -> Ended {
        let width = sequence_width(nodes);
        let mut bottom = top;
        for (i, node) in nodes.iter().enumerate() {
            let since = self.jumps.len();
            let ended = self.node(&node.kind, x, bottom, std::mem::take(&mut loose));
            (loose, bottom) = (ended.loose, ended.bottom);
            if i + 1 < nodes.len() {
                self.jumps_beside(since, x, width, bottom);
            }
        }
        Ended { loose, bottom }
    }

    fn node(&mut self, kind: &Kind, x: f64, top: f64, loose: Vec<Loose>) -> Ended {
        let (shape, lines) = face(kind);
        let head = self.add(shape, lines, x, top);
        self.connect(loose, head);
        let bottom = self.below(head);
        match form(kind) {
            Form::On => Ended { loose: vec![Loose::down(head)], bottom },
            Form::Ends => Ended { loose: vec![], bottom },
            Form::Through(nodes) => self.sequence(nodes, x, bottom, vec![Loose::down(head)]),
            Form::Ways(columns) => self.columns(head, &columns, x, bottom),
            Form::Fork(columns, join) => self.fork(head, &columns, join, x, bottom),
            Form::During(columns) => {
                self.around.push(Around { head, again: "restart" });
                let ended = self.fork(head, &columns, DONE, x, bottom);
                self.around.pop();
                ended
            }
            Form::Loop(repeat) => self.repeat(head, repeat, x, bottom),
            Form::Leave(word) => {
                self.leave(head, word, x);
                Ended { loose: vec![], bottom }
            }
        }
    }

    /// Ways side by side. One without anything on it passes by.
    fn columns(&mut self, head: usize, columns: &[Column<'_>], x: f64, top: f64) -> Ended {
        let mut left = x - columns_width(columns) / 2.0;
        let mut all = Ended { loose: vec![], bottom: top };
        for column in columns {
            let width = column.width();
            let middle = left + width / 2.0;
            left += width + SIDE;
            let mut ended = self.column(head, column, middle, top);
            all.loose.append(&mut ended.loose);
            all.bottom = all.bottom.max(ended.bottom);
        }
        all
    }

    fn column(&mut self, head: usize, column: &Column<'_>, x: f64, top: f64) -> Ended {
        let mut way = Loose { dashed: column.dashed, route: Route::Parting, ..Loose::down(head) };
        let mut top = top;
        match column.case() {
            Some(lines) => {
                let case = self.add(Shape::Wait, lines, x, top);
                self.connect(vec![way], case);
                top = self.below(case);
                way = Loose::down(case);
            }
            None => way.label = column.name.to_owned(),
        }
        match column.nodes {
            Some([]) if way.from == head => {
                Ended { loose: vec![Loose { route: Route::Past { via: x }, ..way }], bottom: top }
            }
            Some(nodes) => {
                let since = self.jumps.len();
                let ended = self.sequence(nodes, x, top, vec![way]);
                let lane = x + (column.width() - LANE) / 2.0;
                for jump in self.arrived(since, head) {
                    self.flow.ways.push(jump.up(lane, ended.bottom - TURN));
                }
                ended
            }
            None => {
                let fails = self.add(Shape::Fails, vec![DENIED.to_owned()], x, top);
                self.connect(vec![way], fails);
                Ended { loose: vec![], bottom: self.below(fails) }
            }
        }
    }

    fn fork(&mut self, head: usize, columns: &[Column<'_>], join: &str, x: f64, top: f64) -> Ended {
        let width = columns_width(columns);
        self.widen(head, width);
        let since = self.jumps.len();
        let ended = self.columns(head, columns, x, top);
        self.jumps_beside(since, x, width, ended.bottom);
        if ended.loose.is_empty() {
            return ended;
        }
        let join = self.bar(join, x, ended.bottom, width);
        self.connect(ended.loose, join);
        Ended { loose: vec![Loose::down(join)], bottom: self.below(join) }
    }

    fn repeat(&mut self, head: usize, repeat: &Repeat, x: f64, top: f64) -> Ended {
        let half = loop_width(repeat).max(self.flow.places.get(head).map_or(0.0, |p| p.width)) / 2.0;
        let since = self.jumps.len();
        self.around.push(Around { head, again: "continue" });
        let mut ended = self.sequence(&repeat.body, x, top, vec![Loose::down(head)]);
        if let Some(text) = after_wave(repeat) {
            self.jumps_beside(since, x, loop_width(repeat), ended.bottom);
            let wave = self.add(Shape::Bar, wrapped(&[&text]), x, ended.bottom);
            self.connect(ended.loose, wave);
            ended = self.sequence(&repeat.between, x, self.below(wave), vec![Loose::down(wave)]);
        }
        self.around.pop();
        let (via, low) = (x - half - LANE / 2.0, ended.bottom - DOWN / 2.0);
        for loose in ended.loose {
            // What does not come from right above goes on where it turns down.
            let route = match loose.route {
                Route::Past { via: down } => Route::PastAndBack { down, via, low },
                Route::Out { via: out } => Route::OutAndBack { out, via, low },
                Route::Jump { turns } => Route::JumpBack { turns, via, low },
                _ => Route::Back { via, low },
            };
            self.flow.ways.push(Loose { route, ..loose }.to(head));
        }
        let out =
            Loose { label: "done".to_owned(), route: Route::Out { via: x + half + LANE / 2.0 }, ..Loose::down(head) };
        let mut loose = vec![out];
        for jump in self.arrived(since, head) {
            match jump.out {
                true => loose.push(Loose { route: Route::Jump { turns: jump.turns }, ..Loose::down(jump.from) }),
                false => self.flow.ways.push(jump.back(via, low)),
            }
        }
        Ended { loose, bottom: ended.bottom }
    }

    /// `break` goes out of the loop, `continue` to its head, `restart` to that of a `during`; the others end the sequence.
    fn leave(&mut self, from: usize, word: &str, x: f64) {
        let again = if word == "break" { "continue" } else { word };
        if let Some(head) = self.around.iter().rev().find(|l| l.again == again).map(|l| l.head) {
            self.jumps.push(Jump { from, head, out: word == "break", x, turns: vec![] });
        }
    }

    /// Takes those since `since` that are about `head`.
    fn arrived(&mut self, since: usize, head: usize) -> Vec<Jump> {
        let new = self.jumps.split_off(since.min(self.jumps.len()));
        let (here, further): (Vec<Jump>, Vec<Jump>) = new.into_iter().partition(|j| j.head == head);
        self.jumps.extend(further);
        here
    }

    /// Takes those since `since` past what follows at `bottom`.
    fn jumps_beside(&mut self, since: usize, middle: f64, width: f64, bottom: f64) {
        for jump in self.jumps.iter_mut().skip(since) {
            jump.beside(middle, width, bottom - TURN);
        }
    }
}

/// What stands between the waves of a loop; nothing where they follow at once.
fn after_wave(repeat: &Repeat) -> Option<String> {
    let waves = repeat.waves.as_ref()?;
    match &repeat.pausing {
        Some(pause) => Some(format!("after each of the waves {waves}: wait {pause}")),
        None if repeat.between.is_empty() => None,
        None => Some(format!("after each of the waves {waves}")),
    }
}

fn sequence_width(nodes: &[Node]) -> f64 {
    nodes.iter().map(|n| node_width(&n.kind)).fold(0.0, f64::max)
}

fn loop_width(repeat: &Repeat) -> f64 {
    let wave = after_wave(repeat).map_or(0.0, |text| size(Shape::Bar, &wrapped(&[&text])).0);
    sequence_width(&repeat.body).max(sequence_width(&repeat.between)).max(wave)
}

fn columns_width(columns: &[Column<'_>]) -> f64 {
    columns.iter().map(Column::width).sum::<f64>() + SIDE * (columns.len() as f64 - 1.0).max(0.0)
}

fn node_width(kind: &Kind) -> f64 {
    let (shape, lines) = face(kind);
    let own = size(shape, &lines).0;
    match form(kind) {
        Form::On | Form::Ends | Form::Leave(_) => own,
        Form::Through(nodes) => own.max(sequence_width(nodes)),
        Form::Ways(columns) => own.max(columns_width(&columns)),
        Form::Fork(columns, join) => own.max(columns_width(&columns)).max(size(Shape::Bar, &[join.to_owned()]).0),
        Form::During(columns) => own.max(columns_width(&columns)).max(size(Shape::Bar, &[DONE.to_owned()]).0),
        Form::Loop(repeat) => own.max(loop_width(repeat)) + 2.0 * LANE + width("done"),
    }
}
