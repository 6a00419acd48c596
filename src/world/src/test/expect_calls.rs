//! Expectations of calls: how often, with what, in which order.

use rrb_engine::run::journal::Act;
use rrb_lang::hir::testing::{CallPattern, Count};
use rrb_lang::ids::FnId;
use rrb_lang::span::Span;
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::{ActionInfo, Effect, EffectOutcome, Note};
use smol_str::SmolStr;

use super::calls::{name_of, shown};
use super::differs::differs;
use super::expect::counted;
use super::stage::{Broken, Stage};
use super::trouble::Trouble;

/// Calls that are listed.
const LISTED: usize = 12;

/// A call as an expectation sees it.
#[derive(Debug, Clone)]
struct Seen {
    instance: SmolStr,
    args: Vec<(SmolStr, Value)>,
    /// Its place among all calls of the test.
    place: (usize, usize),
}

impl Seen {
    fn values(&self) -> Vec<Value> {
        self.args.iter().map(|(_, v)| v.clone()).collect()
    }
}

impl Stage {
    pub(super) async fn called(&self, call: &CallPattern, count: Count, span: Span) -> Result<Option<Trouble>, Broken> {
        let seen = self.seen(call.action).await?;
        let fitting = match self.fitting(call, &seen) {
            Ok(fitting) => fitting,
            Err(why) => return Ok(Some(Trouble::new(span, "here", format!("the pattern cannot be judged: {why}")))),
        };
        let times = fitting.len();
        let so = match count {
            Count::Exactly(n) => times == n as usize,
            Count::AtLeast(n) => times >= n as usize,
            Count::AtMost(n) => times <= n as usize,
        };
        if so {
            return Ok(None);
        }
        let name = name_of(&self.functions.program, call.action);
        let text = match (times, call.matches.is_some() || call.instance.is_some()) {
            (0, false) => format!("`{name}` was not called"),
            (0, true) if seen.is_empty() => format!("`{name}` was not called"),
            (0, true) => format!("`{name}` was not called like this"),
            (n, false) => format!("`{name}` was called {}", often(n)),
            (n, true) => format!("`{name}` was called {} like this", often(n)),
        };
        let mut trouble = Trouble::new(span, wanted(count), format!("{text}, expected: {}", how_often(count)));
        for (n, one) in seen.iter().enumerate().take(LISTED) {
            let fits = fitting.iter().any(|f| f.place == one.place);
            let apart = if fits { Vec::new() } else { self.apart(call, one) };
            let line = format!("{}. {}", n + 1, shown(&name, &one.instance, &one.args));
            trouble = trouble.note(match apart.is_empty() {
                true => line,
                false => format!("{line}: {}", apart.join("; ")),
            });
        }
        if seen.len() > LISTED {
            trouble = trouble.note(format!("and {} more", seen.len() - LISTED));
        }
        if seen.is_empty() {
            trouble = self.other_calls(trouble);
            trouble = self.facts().await?.standing(self, None, trouble);
        }
        Ok(Some(trouble))
    }

    pub(super) async fn before(
        &self,
        first: &CallPattern,
        second: &CallPattern,
        span: Span,
    ) -> Result<Option<Trouble>, Broken> {
        let mut places = Vec::new();
        for call in [first, second] {
            let seen = self.seen(call.action).await?;
            match self.fitting(call, &seen) {
                Err(why) => {
                    return Ok(Some(Trouble::new(span, "here", format!("the pattern cannot be judged: {why}"))));
                }
                Ok(fitting) => match fitting.first() {
                    Some(found) => places.push(found.place),
                    None => {
                        let text = format!("`{}` was not called at all", call.text);
                        return Ok(Some(self.other_calls(Trouble::new(span, "not called", text))));
                    }
                },
            }
        }
        let in_order = matches!(places.as_slice(), [a, b] if a < b);
        Ok((!in_order).then(|| {
            let text = format!("`{}` was not called before `{}`", first.text, second.text);
            self.other_calls(Trouble::new(span, "the other way round", text))
        }))
    }

    /// Which argument of a call keeps it from fitting.
    fn apart(&self, call: &CallPattern, seen: &Seen) -> Vec<String> {
        match &call.instance {
            Some(instance) if *instance != seen.instance => {
                vec![format!("the instance is `{}`, wanted is `{instance}`", seen.instance)]
            }
            _ => differs(&call.text, &seen.args),
        }
    }

    /// Every call of the test, for whoever looks for one that is not there.
    fn other_calls(&self, mut trouble: Trouble) -> Trouble {
        let calls = self.world.calls();
        if calls.is_empty() {
            return trouble.note("nothing was called at all");
        }
        trouble =
            trouble.note(format!("{} made:", if calls.len() == 1 { "this call was" } else { "these calls were" }));
        for (n, call) in calls.iter().enumerate().take(LISTED) {
            let failed = if call.failed() { ", which failed" } else { "" };
            trouble = trouble.note(format!("{}. {}{failed}", n + 1, call.shown()));
        }
        match calls.len().saturating_sub(LISTED) {
            0 => trouble,
            more => trouble.note(format!("and {}", counted(more, "more call"))),
        }
    }

    fn fitting<'a>(&self, call: &CallPattern, seen: &'a [Seen]) -> Result<Vec<&'a Seen>, String> {
        let mut fitting = Vec::new();
        for one in seen {
            let instance = call.instance.as_ref().is_none_or(|i| *i == one.instance);
            if instance && self.functions.matches(call.matches, one.values())? {
                fitting.push(one);
            }
        }
        Ok(fitting)
    }

    /// The calls of an action, in order: those that the world answered, or those whose own body ran.
    async fn seen(&self, action: FnId) -> Result<Vec<Seen>, Broken> {
        let program = &self.functions.program;
        let native = program.code(action).and_then(|c| c.action.as_ref()).is_some_and(|a| a.0.native.is_some());
        if native {
            let of = self.world.calls().into_iter().enumerate().filter(|(_, c)| c.action == action);
            let seen = |(n, c): (usize, super::calls::Call)| Seen {
                instance: c.call.instance,
                args: c.call.args,
                place: (n, 1),
            };
            return Ok(of.map(seen).collect());
        }
        self.seen_bodies(action).await
    }

    /// Attempts of an action whose own body ran, from the journals. Their place is just before the first call that they made.
    async fn seen_bodies(&self, action: FnId) -> Result<Vec<Seen>, Broken> {
        let facts = self.facts().await?;
        let name = name_of(&self.functions.program, action);
        let mut all = Vec::new();
        let mut place = 0;
        for run in &facts.runs {
            let mut last: Option<ActionInfo> = None;
            for (_, entry) in &run.entries {
                for note in entry.notes.iter().map(|n| n.parts().1) {
                    match note {
                        Note::ActionBegan { info } if info.action == name => {
                            last = Some(info.clone());
                            all.push(self.of_info(action, info, place));
                        }
                        Note::Retrying { action: again, .. } if *again == name => {
                            all.extend(last.as_ref().map(|info| self.of_info(action, info, place)));
                        }
                        _ => {}
                    }
                }
                let outcome =
                    matches!(&entry.act, Act::Outcome { outcome, .. } if !matches!(outcome, EffectOutcome::Gated(_)));
                let call = matches!(&entry.act, Act::Intent { effect: Some(Effect::Call(_)), .. });
                place += usize::from(call && !outcome);
            }
        }
        Ok(all)
    }

    fn of_info(&self, action: FnId, info: &ActionInfo, place: usize) -> Seen {
        let program = &self.functions.program;
        let types = self.suite.params.get(&action);
        let value = |n: usize, json| {
            let ty = types.and_then(|t| t.get(n));
            let read = ty.and_then(|ty| vm::decode(&program.types, ty, json, &program.constants).ok());
            read.unwrap_or_else(|| Value::Json(json.clone()))
        };
        let args = info.args.iter().enumerate().map(|(n, (name, json))| (name.clone(), value(n, json))).collect();
        Seen { instance: info.instance.clone(), args, place: (place, 0) }
    }
}

fn often(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

fn how_often(count: Count) -> String {
    match count {
        Count::Exactly(0) => "never".to_owned(),
        Count::Exactly(n) => often(n as usize),
        Count::AtLeast(1) => "at least once".to_owned(),
        Count::AtLeast(n) => format!("at least {n} times"),
        Count::AtMost(n) => format!("at most {}", often(n as usize)),
    }
}

fn wanted(count: Count) -> String {
    match count {
        Count::Exactly(0) => "called all the same".to_owned(),
        _ => "not so".to_owned(),
    }
}
