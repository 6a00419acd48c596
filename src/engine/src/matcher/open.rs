//! The windows of a loaded program: opened with it, filled again after a start, told apart by their triggers as written.

use std::collections::HashMap;
use std::sync::Arc;

use rrb_lang::hir::{Correlation, Join, Shape, TriggerKind};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Millis, SettingValues};

use super::book::Book;
use super::join_key as key_of;
use super::judge::{self, No};
use super::windows::{Behind, CountWindow, GroupWindow, Keys, PairWindow, Plan, Role, Side, SilenceWindow, Waiting};
use crate::code::{Code, Evaluated};
use crate::keys::MAX_KEY;
use crate::run::cap;
use crate::store::{EventRow, WaitRow};
use crate::stored_event::value_of;

/// The longest that a start waits for what came while nobody listened.
const CATCH_UP_MS: i64 = 5 * 60_000;

/// One trigger's window.
#[derive(Debug)]
pub enum Window {
    Count(CountWindow),
    Pair(PairWindow),
    Group(GroupWindow),
    Silence(SilenceWindow),
}

/// A window and its trigger.
#[derive(Debug)]
pub struct Open {
    pub runbook: usize,
    pub trigger: usize,
    pub window: Window,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub struct Windows {
    pub open: HashMap<String, Open>,
    /// Sources that deliver what is long past.
    pub behind: HashMap<String, Behind>,
    /// The time of the last event that was judged.
    pub judged: Millis,
    seq: u64,
    /// What waited when the process ended, until there is a program.
    before: Vec<(WaitRow, EventRow)>,
    /// The last that the store saw of the time before.
    ended: Option<Millis>,
    /// When it is set to be looked at next.
    pub alarm: Option<Millis>,
    /// Whether time fires and ends anything.
    by_clock: bool,
}

/// The name of a trigger's window.
pub fn window_id(runbook: &str, trigger: &Correlation) -> String {
    let id = format!("{runbook} on {}", trigger.text);
    if id.len() > MAX_KEY { format!("{runbook} sha256:{}", cap::digest(id.as_bytes())) } else { id }
}

impl Window {
    fn new(trigger: &Correlation) -> Self {
        let (within, most) = (trigger.within_ms, trigger.max_keys);
        match &trigger.shape {
            Shape::Count { count, .. } => Self::Count(CountWindow::new(*count, within, most)),
            Shape::Pair { joint, .. } => Self::Pair(PairWindow::new(*joint, within, most)),
            Shape::Group { ordered, terms, links, .. } => {
                let counts = terms.iter().map(|t| t.count.unwrap_or(1).max(1) as usize).collect();
                let links = links.iter().map(|l| l.terms).collect();
                Self::Group(GroupWindow::new(Plan { ordered: *ordered, counts, links }, within, most))
            }
            Shape::Silence { .. } => Self::Silence(SilenceWindow::new(within, most)),
        }
    }

    /// When something is due in it.
    pub fn next(&self) -> Option<Millis> {
        match self {
            Self::Count(w) => w.next(),
            Self::Pair(w) => w.next(),
            Self::Group(w) => w.next(),
            Self::Silence(w) => w.next(),
        }
    }

    fn all(&self) -> Vec<(Role, Arc<Waiting>)> {
        match self {
            Self::Count(w) => w.all().map(|e| (Role::One, e.clone())).collect(),
            Self::Pair(w) => w.all().map(|(side, e)| (Role::Side(side), e.clone())).collect(),
            Self::Group(w) => w.all().map(|(term, e)| (Role::Term(term), e.clone())).collect(),
            Self::Silence(w) => w.all().map(|e| (Role::One, e.clone())).collect(),
        }
    }

    /// Takes an event out that was used elsewhere; whether it was there. What was heard stays heard.
    pub fn remove(&mut self, event: &Waiting) -> bool {
        match self {
            Self::Count(w) => w.remove(event),
            Self::Pair(w) => w.remove(event),
            Self::Group(w) => w.remove(event),
            Self::Silence(_) => false,
        }
    }
}

impl Windows {
    /// What the store remembers.
    pub fn recover(&mut self, waits: &[(WaitRow, EventRow)], latest: Millis) {
        self.before = waits.to_vec();
        self.ended = Some(latest);
    }

    /// An event as it is put into windows.
    pub fn waiting(&mut self, row: &EventRow, value: &Value) -> Arc<Waiting> {
        self.seq += 1;
        let (row, value) = (Arc::new(row.clone()), value.clone());
        Arc::new(Waiting { row, value, seq: self.seq, not_before: Millis::MIN })
    }

    /// When something is due in any window.
    pub fn next(&self) -> Option<Millis> {
        if !self.by_clock {
            return None;
        }
        self.open.values().filter_map(|o| o.window.next()).min()
    }

    /// The windows in which something is due.
    pub fn due(&self, now: Millis) -> Vec<String> {
        let mut due: Vec<(Millis, &String)> =
            self.open.iter().filter_map(|(id, o)| Some((o.window.next()?, id))).filter(|(at, _)| *at <= now).collect();
        due.sort();
        if self.by_clock { due.into_iter().map(|(_, id)| id.clone()).collect() } else { Vec::new() }
    }

    /// Opens the windows of a program and puts in what waited in those of the one before. Gives what has no place any more, with why.
    pub fn load(&mut self, book: &Book, now: Millis) -> Vec<(WaitRow, EventRow, String)> {
        self.by_clock = book.code().by_clock();
        let mut rows = std::mem::take(&mut self.before);
        let mut held: Vec<(WaitRow, Arc<Waiting>)> = Vec::new();
        for (id, open) in self.open.drain() {
            for (role, event) in open.window.all() {
                let row = WaitRow { window: id.clone(), event: event.row.id.clone(), role: role.name() };
                held.push((row, event));
            }
        }
        held.sort_by(|(a, x), (b, y)| (x.seq, &a.window, &a.role).cmp(&(y.seq, &b.window, &b.role)));
        let mut not_before: HashMap<String, Millis> = HashMap::new();
        for (row, event) in held {
            not_before.insert(event.row.id.clone(), event.not_before);
            rows.push((row, (*event.row).clone()));
        }
        for (n, runbook) in book.code().runbooks().iter().enumerate() {
            for (t, trigger) in runbook.triggers.iter().enumerate() {
                if let TriggerKind::Several(several) = &trigger.kind {
                    let open = Open { runbook: n, trigger: t, window: Window::new(several) };
                    self.open.insert(window_id(book.index.name(n), several), open);
                }
            }
        }
        let down = self.ended.take().map(|ended| now.saturating_sub(ended).max(0));
        self.fill(book, rows, now, down, &not_before)
    }

    fn fill(
        &mut self,
        book: &Book,
        rows: Vec<(WaitRow, EventRow)>,
        now: Millis,
        down: Option<i64>,
        not_before: &HashMap<String, Millis>,
    ) -> Vec<(WaitRow, EventRow, String)> {
        let mut known: HashMap<String, Arc<Waiting>> = HashMap::new();
        let mut lost = Vec::new();
        self.seq = 0;
        for (wait, row) in rows {
            let Some(open) = self.open.get_mut(&wait.window) else {
                lost.push((wait, row, "the trigger in which it waited is no longer in the program".to_owned()));
                continue;
            };
            let Some(trigger) = trigger_of(book, open) else { continue };
            let event = match known.get(&row.id) {
                Some(event) => event.clone(),
                None => match value_of(book.code(), &row) {
                    Ok(value) => {
                        self.seq += 1;
                        let grace = down.map(|ms| now.saturating_add(ms.min(trigger.within_ms).min(CATCH_UP_MS)));
                        let not_before = grace.or_else(|| not_before.get(&row.id).copied()).unwrap_or(Millis::MIN);
                        Arc::new(Waiting { row: Arc::new(row.clone()), value, seq: self.seq, not_before })
                    }
                    Err(why) => {
                        lost.push((wait, row, format!("the event does not fit its type any more: {why}")));
                        continue;
                    }
                },
            };
            known.insert(row.id.clone(), event.clone());
            if let Err(no) = restore(book, open, trigger, &wait.role, event) {
                lost.push((wait, row, no.why));
            }
        }
        lost
    }
}

/// The trigger of a window.
pub fn trigger_of<'a>(book: &'a Book, open: &Open) -> Option<&'a Correlation> {
    match &book.runbook(open.runbook)?.triggers.get(open.trigger)?.kind {
        TriggerKind::Several(several) => Some(several),
        _ => None,
    }
}

fn restore(book: &Book, open: &mut Open, trigger: &Correlation, role: &str, event: Arc<Waiting>) -> Result<(), No> {
    let (code, settings) = (book.code(), &book.loaded.settings);
    let role = Role::named(role);
    match (&mut open.window, &trigger.shape) {
        (Window::Count(w), Shape::Count { key, distinct, .. }) => {
            let one = std::slice::from_ref(&event.value);
            let key = judge::key(code, settings, *key, "by", one)?;
            let value = distinct.map(|f| judge::key(code, settings, Some(f), "distinct", one)).transpose()?;
            w.restore(&key, value, event);
        }
        (Window::Group(w), shape @ Shape::Group { terms, .. }) => {
            if let Some(Role::Term(term)) = role.filter(|r| matches!(r, Role::Term(n) if *n < terms.len())) {
                let keys = link_keys(code, settings, shape, term, &event.value)?;
                w.restore(term, keys, event);
            }
        }
        (Window::Silence(w), Shape::Silence { key, .. }) => {
            let key = judge::key(code, settings, *key, "by", std::slice::from_ref(&event.value))?;
            w.restore(&key, event);
        }
        (Window::Pair(w), shape @ Shape::Pair { .. }) => {
            let side = if role == Some(Role::Side(Side::Second)) { Side::Second } else { Side::First };
            let key = join_key(code, settings, shape, side, &event.value)?;
            w.restore(side, &key, event);
        }
        _ => {}
    }
    Ok(())
}

/// What an event of a pair must have in common with the other, as a key: equal values have equal keys.
///
/// # Errors
/// When a side of an equality fails: then it is equal to nothing.
pub fn join_key(
    code: &dyn Code,
    settings: &SettingValues,
    shape: &Shape,
    side: Side,
    event: &Value,
) -> Result<String, No> {
    let Shape::Pair { joins, .. } = shape else { return Ok(String::new()) };
    let mut key = String::new();
    for join in joins {
        push_side(code, settings, join, side, event, &mut key)?;
    }
    Ok(bounded(key))
}

/// What an event of a term must have in common with those of others: a key for each link of the term.
///
/// # Errors
/// When a side of an equality fails: then it is equal to nothing.
pub fn link_keys(
    code: &dyn Code,
    settings: &SettingValues,
    shape: &Shape,
    term: usize,
    event: &Value,
) -> Result<Keys, No> {
    let Shape::Group { links, .. } = shape else { return Ok(Keys::new()) };
    let mut keys = Keys::new();
    for (n, link) in links.iter().enumerate() {
        let side = match link.terms {
            [a, _] if a == term => Side::First,
            [_, b] if b == term => Side::Second,
            _ => continue,
        };
        let mut key = String::new();
        push_side(code, settings, &link.sides, side, event, &mut key)?;
        keys.push((n, bounded(key)));
    }
    Ok(keys)
}

fn push_side(
    code: &dyn Code,
    settings: &SettingValues,
    join: &Join,
    side: Side,
    event: &Value,
    key: &mut String,
) -> Result<(), No> {
    let function = if side == Side::First { join.first } else { join.second };
    match code.eval(function, vec![event.clone()], settings, "") {
        Ok(Evaluated::Value(value)) => {
            key_of::push(&value, key);
            Ok(())
        }
        Ok(Evaluated::Skip) => Err(No { verdict: "error", why: format!("`{}` said `skip`", join.text) }),
        Err(why) => Err(No { verdict: "error", why: format!("`{}` failed: {why}", join.text) }),
    }
}

fn bounded(key: String) -> String {
    if key.len() > MAX_KEY { format!("sha256:{}", cap::digest(key.as_bytes())) } else { key }
}
