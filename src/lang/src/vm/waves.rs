//! `in waves` and `at most`: how many items are touched, by count or by share. Shares are reckoned in billionths, so that 10% of 30 is 3.

use smol_str::{SmolStr, format_smolstr};

use super::code::{MostSite, WavesSite};
use super::failure::{self, invalid};
use super::fiber::ScopeKind;
use super::foresight::Foretold;
use super::fork::count;
use super::limits::{self, MAX_SPREAD};
use super::machine::{Machine, Wait};
use super::ops;
use super::print;
use super::protocol::{Effect, Failure, FailureKind, Note};
use crate::json::Json;
use crate::value::Value;

/// What a share is reckoned in.
const WHOLE: i128 = 1_000_000_000;
/// Items that a note or a failure names.
const NAMED: usize = 20;

/// A share in billionths.
fn share(f: f64) -> Option<i128> {
    ((0.0..=1.0).contains(&f)).then(|| (f * WHOLE as f64).round() as i128)
}

impl Machine {
    fn waves_site(&self, waves: u32) -> Option<WavesSite> {
        self.code()?.waves.get(waves as usize).cloned()
    }

    /// `Waves`
    pub(super) fn waves(&mut self, waves: u32) {
        let Some(site) = self.waves_site(waves) else { return self.broken() };
        let (items, sizes) = (self.state.fiber.register(site.items), self.state.fiber.register(site.sizes));
        let chunks = if limits::has_unknown(&sizes) || items == Value::Unknown {
            Value::Unknown
        } else {
            match divided(&items, &sizes) {
                Ok(chunks) => chunks,
                Err(f) => return self.throw(f),
            }
        };
        if self.charge(&chunks) {
            self.state.fiber.set(site.chunks, chunks);
            self.state.fiber.set(site.chunks.wrapping_add(1), Value::Int(0));
        }
    }

    /// The number of the wave at work, from 1, and how many there are.
    fn wave(&self, site: &WavesSite) -> (u32, u32) {
        let next = self.state.fiber.register(site.chunks.wrapping_add(1));
        let wave = if let Value::Int(n) = next { u32::try_from(n).unwrap_or(0) } else { 0 };
        (wave, u32::try_from(count(&self.state.fiber.register(site.chunks))).unwrap_or(u32::MAX))
    }

    /// `WaveBegin`
    pub(super) fn wave_begins(&mut self, waves: u32) {
        let Some(site) = self.waves_site(waves) else { return self.broken() };
        let (wave, of) = self.wave(&site);
        let items = self.state.fiber.register(site.chunk);
        let count = u32::try_from(count(&items)).unwrap_or(u32::MAX);
        self.out.note(Note::WaveBegan { wave, of, count, items: names(&items, NAMED) });
    }

    /// `WaveDone`
    pub(super) fn wave_done(&mut self, waves: u32) {
        let Some(site) = self.waves_site(waves) else { return self.broken() };
        let (done, chunk) = (self.state.fiber.register(site.done), self.state.fiber.register(site.chunk));
        let all = match (done, chunk) {
            (Value::List(done), Value::List(chunk)) => Value::list(done.iter().chain(chunk.iter()).cloned()),
            _ => Value::Unknown,
        };
        if self.charge(&all) {
            self.state.fiber.set(site.done, all);
        }
    }

    /// `WavePause`: after every wave that something follows.
    pub(super) fn wave_pause(&mut self, waves: u32) {
        let Some(site) = self.waves_site(waves) else { return self.broken() };
        let (wave, of) = self.wave(&site);
        if wave >= of && !site.between {
            return;
        }
        if self.out.is_plan() {
            let Some(pause) = site.pausing else { return };
            return self.foresee(Some(site.site), |m| Foretold::Wait { ms: m.known_span(pause) });
        }
        let Some(Value::Duration(span)) = site.pausing.map(|r| self.state.fiber.register(r)) else { return };
        if span <= 0 {
            return;
        }
        let until = self.now().saturating_add(span);
        let deadline = self.deadline().filter(|d| *d < until);
        let id = self.next_id(site.site);
        self.suspend(id, Effect::Sleep { until: deadline.unwrap_or(until) }, Wait::Sleep(deadline.is_some()));
    }

    /// `WaveFailed`: the same failure, which says who was done.
    pub(super) fn wave_failed(&mut self, waves: u32, s: u16) {
        let Some(site) = self.waves_site(waves) else { return self.broken() };
        let shown = self.state.fiber.register(s);
        let caught = self.state.fiber.scopes.iter().rev().find_map(|scope| match &scope.kind {
            ScopeKind::Catch { failure: f, .. } if failure::is_shown_by(f, &shown) => Some(f.clone()),
            _ => None,
        });
        let mut f = caught.unwrap_or_else(|| Box::new(failure::from_value(&shown)));
        let (wave, of) = self.wave(&site);
        let (done, chunk) = (self.state.fiber.register(site.done), self.state.fiber.register(site.chunk));
        let reached = count(&done);
        let before: usize = match self.state.fiber.register(site.chunks) {
            Value::List(chunks) => chunks.iter().take(wave as usize).map(count).sum(),
            _ => 0,
        };
        // The wave at work counts as done when all of it was, and `between` is what failed.
        let between = wave > 0 && reached == before;
        let told = if between {
            format!("the check after wave {wave} of {of} failed: {}; done: {}", f.message, listed(&done))
        } else {
            let rest = listed(&chunk);
            format!(
                "wave {wave} of {of} failed: {}; done before it: {}; of it: some of {rest}",
                f.message,
                listed(&done)
            )
        };
        f.message = told;
        let mut detail: Vec<(SmolStr, Json)> = match &f.detail {
            Json::Object(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            Json::Null => Vec::new(),
            other => vec![("cause".into(), other.clone())],
        };
        detail.retain(|(k, _)| !["wave", "waves", "done"].contains(&k.as_str()));
        detail.push(("wave".into(), print::shown(&Value::Int(i64::from(wave)))));
        detail.push(("waves".into(), print::shown(&Value::Int(i64::from(of)))));
        detail.push(("done".into(), print::shown(&done)));
        f.detail = Json::object(detail.iter().map(|(k, v)| (k.as_str(), v.clone())));
        self.throw(f);
    }

    /// `AtMost`
    pub(super) fn at_most(&mut self, most: u32) {
        let Some(site) = self.code().and_then(|c| c.mosts.get(most as usize)).cloned() else { return self.broken() };
        let register = |r: u16| self.state.fiber.register(r);
        let values = [Some(register(site.limit)), site.of.map(register), site.floor.map(register)];
        let items = register(site.items);
        let checked = if items == Value::Unknown || values.iter().flatten().any(|v| *v == Value::Unknown) {
            Ok(())
        } else {
            allowed(&site, &values, &items)
        };
        if let Err(f) = checked {
            self.throw(f);
        }
    }

    /// Which branches and waves the thread at hand stands in, outermost first: what plans say of a call.
    pub(super) fn place(&self) -> SmolStr {
        let mut places: Vec<String> = Vec::new();
        for frame in &self.state.fiber.frames {
            let Some(code) = self.program.code(frame.function) else { continue };
            // The innermost frame stands behind its instruction, the others behind their call.
            let pc = frame.pc.saturating_sub(1);
            let mut found: Vec<(u32, String)> = Vec::new();
            for fork in &code.forks {
                let word = if matches!(fork.kind, super::code::ForkKind::Race { .. }) { "race" } else { "parallel" };
                let here = fork.branches.iter().find(|b| (b.start..b.end).contains(&pc) && !b.name.is_empty());
                found.extend(here.map(|b| (b.start, format!("{word} {}", b.name))));
            }
            for site in code.waves.iter().filter(|w| (w.start..w.end).contains(&pc)) {
                let at = frame.base as usize + site.chunks as usize;
                let (chunks, next) = (self.state.fiber.stack.get(at), self.state.fiber.stack.get(at + 1));
                let text = match (chunks, next) {
                    (Some(Value::List(chunks)), Some(Value::Int(n))) => format!("wave {n} of {}", chunks.len()),
                    _ => "each wave".to_owned(),
                };
                found.push((site.start, text));
            }
            found.sort();
            places.extend(found.into_iter().map(|(_, text)| text));
        }
        places.join(" › ").into()
    }
}

/// The items in their waves.
fn divided(items: &Value, sizes: &Value) -> Result<Value, Box<Failure>> {
    let total = count(items);
    if total > MAX_SPREAD {
        return Err(invalid(format!("a loop goes through at most {MAX_SPREAD} items in waves, not {total}")));
    }
    let Value::List(sizes) = sizes else { return Err(invalid("waves are a list of counts and shares")) };
    let mut ends: Vec<usize> = Vec::with_capacity(sizes.len());
    for size in sizes.iter() {
        let end = match size {
            Value::Int(n) if *n >= 1 => usize::try_from(*n).unwrap_or(usize::MAX),
            Value::Float(f) => match share(*f).filter(|s| *s > 0) {
                // Rounds up: a share of something is at least one.
                Some(s) => usize::try_from((s * total as i128 + WHOLE - 1) / WHOLE).unwrap_or(usize::MAX),
                None => return Err(bad_size(size)),
            },
            _ => return Err(bad_size(size)),
        };
        ends.push(end.min(total));
    }
    if ends.last().copied().unwrap_or(0) < total {
        let last = sizes.last().map_or_else(|| "nothing".to_owned(), print::display);
        let message = format!("the last wave ({last}) does not reach all {total} items; end the waves with `100%`");
        return Err(invalid(message));
    }
    let mut from = 0;
    let mut chunks = Vec::new();
    for end in ends {
        if end > from {
            let chunk = (from..end).filter_map(|i| ops::item(items, i64::try_from(i).ok()?));
            chunks.push(Value::list(chunk));
            from = end;
        }
    }
    Ok(Value::list(chunks))
}

fn bad_size(size: &Value) -> Box<Failure> {
    invalid(format!(
        "{} is no size of a wave: a count is 1 or more, a share above 0% and at most 100%",
        print::display(size)
    ))
}

fn allowed(site: &MostSite, values: &[Option<Value>; 3], items: &Value) -> Result<(), Box<Failure>> {
    let number = |v: &Value| ops::iterable(v).map(|v| count(&v));
    let n = number(items)?;
    let [limit, of, floor] = values;
    let [limit_text, of_text, items_text] = &site.texts;
    let (most, told) = match (limit, of) {
        (Some(Value::Int(most)), _) => {
            (usize::try_from((*most).max(0)).unwrap_or(usize::MAX), format_smolstr!("{most}"))
        }
        (Some(Value::Float(f)), Some(of)) => {
            let whole = number(of)?;
            let Some(s) = share(*f) else {
                return Err(invalid(format!("{f} is no share: `at most` takes one from 0% to 100%")));
            };
            let mut most = usize::try_from(s * whole as i128 / WHOLE).unwrap_or(usize::MAX);
            if let Some(Value::Int(floor)) = floor {
                most = most.max(usize::try_from((*floor).max(0)).unwrap_or(usize::MAX));
            }
            (most, format_smolstr!("{limit_text} of the {whole} in `{of_text}`, which is {most}"))
        }
        _ => return Err(invalid("`at most` takes a count, or a share of something; this is a defect of rrb")),
    };
    if n <= most {
        return Ok(());
    }
    let message = format!("`{items_text}` has {n} items, more than the {told} that `at most` allows");
    let mut f = Failure::new(FailureKind::Denied, message);
    f.detail = Json::object([("items", whole(n)), ("most", whole(most))]);
    f.trace.push(site.site);
    Err(Box::new(f))
}

fn whole(n: usize) -> Json {
    print::shown(&Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// The first items as people see them.
fn names(items: &Value, most: usize) -> Vec<String> {
    let text = |v: &Value| {
        let json = print::shown(v);
        let full = json.as_text().map_or_else(|| print::json_text(&json), str::to_owned);
        if full.chars().count() > 80 { full.chars().take(79).chain(['…']).collect() } else { full }
    };
    match items {
        Value::List(items) => items.iter().take(most).map(text).collect(),
        _ => Vec::new(),
    }
}

fn listed(items: &Value) -> String {
    let (all, first) = (count(items), names(items, NAMED));
    match all {
        0 => "nothing".to_owned(),
        n if n > first.len() => format!("{} and {} more", first.join(", "), n - first.len()),
        _ => first.join(", "),
    }
}
