//! Calls that no `given` answers, told so that one can be pasted.

use rrb_engine::run::journal::Act;
use rrb_lang::hir::testing::Test;
use rrb_lang::program::SiteInfo;
use rrb_lang::vm::protocol::{Effect, Failure, Note};

use super::answers::{NearMiss, Why};
use super::differs::differs;
use super::facts::Facts;
use super::literal;
use super::stage::Stage;
use super::trouble::Trouble;
use super::world::Unanswered;

/// Statements that are named where they are left out.
const SHOWN: usize = 3;

/// Characters of each.
const LONGEST: usize = 60;

/// What no `given` answered, and what could not be answered.
pub fn troubles(stage: &Stage, test: &Test, facts: &Facts) -> Vec<Trouble> {
    let mut all: Vec<Trouble> =
        stage.world.unanswered().iter().map(|call| unanswered(stage, test, facts, call)).collect();
    all.extend(
        stage.world.unmade().into_iter().map(|unmade| {
            Trouble::new(unmade.span, "this answer", format!("the answer cannot be made: {}", unmade.why))
        }),
    );
    all
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Says at the last of them which statements behind it are left out: they came out otherwise, most likely because of it.
pub fn with_left_out(troubles: &mut [Trouble], left_out: &[String]) {
    let Some(last) = troubles.last_mut() else { return };
    let shown: Vec<String> = left_out.iter().take(SHOWN).map(|text| format!("`{}`", short(text))).collect();
    let more = if left_out.len() > SHOWN { ", …" } else { "" };
    let note = match left_out.len() {
        0 => return,
        1 => "this fails behind it, and is left out until it is answered".to_owned(),
        n => format!("{n} statements fail behind it, and are left out until it is answered"),
    };
    last.notes.push(format!("{note}: {}{more}", shown.join(", ")));
}

fn unanswered(stage: &Stage, test: &Test, facts: &Facts, missing: &Unanswered) -> Trouble {
    let text = format!("no `given` answers `{}`", missing.call.shown());
    let nearest = missing.near.first();
    let span = nearest.map_or_else(|| head(test), |near| near.span);
    let label = if nearest.is_some() { "this one does not" } else { "in this test" };
    let mut trouble = Trouble::new(span, label, text);
    if let Some(site) = place(stage, facts, missing) {
        trouble = trouble.note(format!("it is called at {site}: {}", site.text));
    }
    if missing.planned {
        trouble = trouble.note("the plan of an approval asks for it");
    }
    for near in &missing.near {
        trouble = trouble.note(why_not(near, missing));
    }
    trouble.help(format!("add `{}`", line(stage, missing)))
}

/// The first line of a test: its name.
fn head(test: &Test) -> rrb_lang::span::Span {
    match test.steps.first() {
        Some(step) => {
            rrb_lang::span::Span { end: test.span.start.max(step.span.start.min(test.span.end)), ..test.span }
        }
        None => test.span,
    }
}

/// `given slack.post("#sre", _)`, with an answer where the action gives something.
fn line(stage: &Stage, missing: &Unanswered) -> String {
    let program = &stage.functions.program;
    let code = program.code(missing.call.action);
    let returns = code.and_then(|c| literal::example(&c.ret, &program.types));
    match returns {
        Some(value) => format!("given {} returns {value}", missing.call.shown()),
        None => format!("given {}", missing.call.shown()),
    }
}

fn why_not(near: &NearMiss, missing: &Unanswered) -> String {
    let text = &near.text;
    match &near.why {
        Why::Instance => format!("`{text}` is for another instance than `{}`", missing.call.call.instance),
        Why::UsedUp => format!("`{text}` has answered as often as it says"),
        Why::Failed(why) => format!("`{text}` cannot be judged: {why}"),
        Why::Arguments => match differs(text, &missing.call.call.args).as_slice() {
            [] => format!("`{text}` wants other arguments"),
            lines => format!("`{text}` wants another argument: {}", lines.join("; ")),
        },
    }
}

/// Where the runbook stood: the innermost place that is not the library's.
fn place<'a>(stage: &'a Stage, facts: &Facts, missing: &Unanswered) -> Option<&'a SiteInfo> {
    let program = &stage.functions.program;
    let own = |site: &SiteInfo| !site.file.starts_with("std/");
    let direct = facts.runs.iter().flat_map(|r| &r.entries).find_map(|(_, e)| match &e.act {
        Act::Intent { id, effect: Some(Effect::Call(call)), .. } if *call == missing.call.call => program.site(id.site),
        _ => None,
    });
    if let Some(site) = direct.filter(|s| own(s)) {
        return Some(site);
    }
    let shown = missing.call.shown();
    let told = |f: &Failure| f.message.contains(&shown).then(|| f.trace.clone());
    let traces = facts.notes().filter_map(|n| match n {
        Note::ActionEnded { failure: Some(f), .. }
        | Note::Retrying { failure: f, .. }
        | Note::Failed { failure: f } => told(f),
        _ => None,
    });
    traces.flatten().filter_map(|site| program.site(site)).find(|s| own(s)).or(direct)
}
