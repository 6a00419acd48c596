//! `rrb audit effects`: what every runbook can do, through what, and under whose consent. For reviews and for code scanning.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use rrb_lang::check::summary::{Consent, EffectUse, Part};
use rrb_lang::hir::{FunctionKind, Program, Trust};
use rrb_lang::span::{Sources, Span};
use rrb_lang::syntax::ast::Effect;
use serde_json::{Value, json};

use crate::context::Context;
use crate::doc::{Facts, consent_text, effect_word};
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::sarif;
use crate::text::{clean, columns, wrap};

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EffectsFormat {
    /// For people.
    #[default]
    Text,
    /// One document.
    Json,
    /// For code scanning: one result for each call that changes or destroys, and for each `trust`.
    Sarif,
}

/// What to list.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb audit effects\n  rrb audit effects relieve_disk_pressure --at-least destroys\n  rrb audit effects --format sarif > effects.sarif"
)]
pub struct EffectsArgs {
    /// Only this runbook.
    runbook: Option<String>,
    /// Only what is at least this strong.
    #[arg(long, value_name = "EFFECT", default_value = "reads")]
    at_least: Strength,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: EffectsFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// `--at-least`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strength {
    Reads,
    Changes,
    Destroys,
}

impl Strength {
    fn effect(self) -> Effect {
        match self {
            Strength::Reads => Effect::Reads,
            Strength::Changes => Effect::Changes,
            Strength::Destroys => Effect::Destroys,
        }
    }
}

/// What is listed: a runbook with what it may do.
struct Listed<'a> {
    runbook: &'a rrb_lang::hir::Runbook,
    uses: Vec<&'a EffectUse>,
}

/// Lists the effects.
///
/// # Errors
/// When the project has mistakes or there is no such runbook.
pub fn effects(context: &Context, args: &EffectsArgs) -> Result<Exit, CliError> {
    let loaded = super::doc::sound(context)?;
    let Some(program) = &loaded.typed else { return Ok(Exit::Failed) };
    let facts = Facts::new(program, &loaded.sources, &loaded.config);
    let wanted = args.runbook.as_deref().map(|name| super::doc::named(program, name)).transpose()?;
    let least = args.at_least.effect();
    let listed: Vec<Listed<'_>> = program
        .runbooks
        .iter()
        .filter(|r| wanted.is_none_or(|w| std::ptr::eq(w, *r)))
        .map(|runbook| {
            let uses = facts.effects(runbook).map(|s| s.uses.as_slice()).unwrap_or_default();
            let mut uses: Vec<&EffectUse> = uses.iter().filter(|u| u.effect >= least).collect();
            uses.sort_by_key(|u| std::cmp::Reverse(u.effect));
            Listed { runbook, uses }
        })
        .collect();
    match (args.json, args.format) {
        (true, _) | (_, EffectsFormat::Json) => context.out.json(&document(program, &loaded.sources, &listed))?,
        (_, EffectsFormat::Sarif) => context.out.json(&scanned(program, &loaded.sources, &listed))?,
        (_, EffectsFormat::Text) => print(context, program, &loaded.sources, &listed),
    }
    Ok(Exit::Ok)
}

fn place(sources: &Sources, span: rrb_lang::span::Span) -> String {
    format!("{}:{}", sources.name(span.file), sources.line_col(span.file, span.start).line)
}

fn connector(program: &Program, u: &EffectUse) -> Option<String> {
    let function = program.functions.get(u.function.index())?;
    let FunctionKind::Action(action) = &function.kind else { return None };
    match (&action.connector, &action.native) {
        (Some(id), _) => program.connectors.get(id.index()).map(|c| c.name.to_string()),
        (None, Some(native)) => native.split('.').next().map(str::to_owned),
        _ => None,
    }
}

fn part_word(u: &EffectUse) -> &'static str {
    match (u.undo, u.part) {
        (true, _) => "to undo",
        (_, Part::Body) => "",
        (_, Part::OnFailure) => "on failure",
        (_, Part::Finally) => "finally",
        (_, Part::Acknowledge) => "when it is taken",
    }
}

/// A line of the list: uses that differ only in their place are one.
struct Row {
    effect: Effect,
    action: String,
    places: Vec<String>,
    details: String,
}

fn rows(sources: &Sources, uses: &[&EffectUse]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for u in uses {
        let instance = u.instance.as_deref().map(|i| format!("[{}]", clean(i))).unwrap_or_default();
        let (action, details) = (format!("{}{instance}", u.name), details(u));
        let place = place(sources, u.span);
        match rows.iter_mut().find(|r| r.effect == u.effect && r.action == action && r.details == details) {
            Some(row) if row.places.contains(&place) => {}
            Some(row) => row.places.push(place),
            None => rows.push(Row { effect: u.effect, action, places: vec![place], details }),
        }
    }
    rows
}

/// When, by which way and under whose consent.
fn details(u: &EffectUse) -> String {
    let mut more: Vec<String> = Vec::new();
    more.extend(Some(part_word(u)).filter(|w| !w.is_empty()).map(str::to_owned));
    if !u.through.is_empty() {
        more.push(format!("through {}", u.through.join(" → ")));
    }
    // Who reads asks nobody, so where it stands says nothing.
    let consent = Some(consent_text(&u.consent)).filter(|c| !c.is_empty() && u.effect >= Effect::Changes);
    more.extend(consent.map(|c| format!("under {}", clean(&c))));
    more.extend(u.repeated.as_ref().map(|why| format!("retried although it is not safe: {}", clean(why))));
    more.join(", ")
}

fn print(context: &Context, program: &Program, sources: &Sources, listed: &[Listed<'_>]) {
    let out = &context.out;
    if listed.is_empty() {
        out.line("this project has no runbooks");
    }
    let all: Vec<Vec<Row>> = listed.iter().map(|one| rows(sources, &one.uses)).collect();
    let widest = |f: &dyn Fn(&Row) -> String| all.iter().flatten().map(|r| columns(&f(r))).max().unwrap_or(0);
    let widths = Widths { action: widest(&|r| r.action.clone()), place: widest(&places) };
    for (i, (one, rows)) in listed.iter().zip(&all).enumerate() {
        if i > 0 {
            out.line("");
        }
        out.line(format!("{}  {}", out.look.bold(&one.runbook.name), out.look.dim(place(sources, one.runbook.span))));
        if rows.is_empty() {
            out.line(format!("  {}", out.look.dim("nothing outside")));
        }
        rows.iter().flat_map(|r| lines(&out.look, &widths, r)).for_each(|l| out.line(l));
        for trust in trusts(program, &one.uses) {
            let text = format!(
                "  {} {} because {}",
                out.look.warn("trusts"),
                effect_word(trust.effect),
                clean(&trust.because)
            );
            out.line(format!("{text}  {}", out.look.dim(place(sources, trust.span))));
        }
    }
}

/// The reasons to believe that these uses do no more than they say, each once.
fn trusts<'a>(program: &'a Program, uses: &[&EffectUse]) -> Vec<&'a Trust> {
    let all: BTreeSet<usize> = uses.iter().flat_map(|u| u.trusts.iter().copied()).collect();
    all.into_iter().filter_map(|i| program.trusts.get(i)).collect()
}

struct Widths {
    action: usize,
    place: usize,
}

/// `relieve.rrb:67`, `relieve.rrb:67 +2`
fn places(row: &Row) -> String {
    let first = row.places.first().map(String::as_str).unwrap_or_default();
    match row.places.len() {
        0 | 1 => first.to_owned(),
        n => format!("{first} +{}", n - 1),
    }
}

/// A use, its details beside it where there is room for them, else below it.
fn lines(look: &Look, widths: &Widths, row: &Row) -> Vec<String> {
    let word = format!("{:<8}", effect_word(row.effect));
    let word = match row.effect {
        Effect::Destroys => look.bad(word),
        Effect::Changes => look.warn(word),
        Effect::Pure | Effect::Reads => look.dim(word),
    };
    let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(columns(text)));
    let place = places(row);
    let (after_action, after_place) = (pad(&row.action, widths.action), pad(&place, widths.place));
    let head = format!("  {word}  {}{after_action}  {}", row.action, look.dim(&place));
    if row.details.is_empty() {
        return vec![head];
    }
    let beside = 2 + 8 + 2 + widths.action + 2 + widths.place + 2;
    // Less than this beside is harder to read than a line of its own.
    if look.width >= beside + 30 {
        let mut parts = wrap(&row.details, look.width - beside).into_iter();
        let first = parts.next().unwrap_or_default();
        let rest = parts.map(|p| format!("{}{p}", " ".repeat(beside)));
        return std::iter::once(format!("{head}{after_place}  {first}")).chain(rest).collect();
    }
    let below = wrap(&row.details, look.width.saturating_sub(6).max(20)).into_iter().map(|p| format!("      {p}"));
    std::iter::once(head).chain(below).collect()
}

fn document(program: &Program, sources: &Sources, listed: &[Listed<'_>]) -> Value {
    let spot = |span: rrb_lang::span::Span| {
        let at = sources.line_col(span.file, span.start);
        json!({ "file": sources.name(span.file), "line": at.line, "column": at.column })
    };
    // Who reads asks nobody, so where it stands says nothing.
    let consent = |u: &EffectUse| match &u.consent {
        other if u.effect >= Effect::Changes && *other != Consent::None => {
            serde_json::to_value(other).unwrap_or(Value::Null)
        }
        _ => Value::Null,
    };
    let one = |u: &&EffectUse| {
        json!({
            "effect": effect_word(u.effect), "action": u.name, "connector": connector(program, u), "instance": u.instance,
            "part": u.part, "undo": u.undo, "unsafe_retry": u.repeated, "consent": consent(u), "through": u.through, "place": spot(u.span),
            "trusts": u.trusts.iter().filter_map(|i| program.trusts.get(*i)).map(|t| json!({
                "effect": effect_word(t.effect), "because": t.because, "place": spot(t.span),
            })).collect::<Vec<_>>(),
        })
    };
    let runbooks: Vec<Value> = listed
        .iter()
        .map(|l| {
            let most = l.uses.iter().map(|u| u.effect).max().map_or("pure", effect_word);
            json!({
                "runbook": l.runbook.name, "module": l.runbook.module, "place": spot(l.runbook.span), "most": most,
                "effects": l.uses.iter().map(one).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "runbooks": runbooks })
}

/// One result for each use that changes or destroys: a note, because its approval or waiver was checked. A warning for what nobody but a
/// reviewer can check: a reason to trust, and a retry of what is not safe to repeat.
fn scanned(program: &Program, sources: &Sources, listed: &[Listed<'_>]) -> Value {
    let mut results: Vec<Value> = Vec::new();
    let mut add = |found: Value| {
        if !results.contains(&found) {
            results.push(found);
        }
    };
    for one in listed {
        for u in one.uses.iter().filter(|u| u.effect >= Effect::Changes) {
            // What stands in the library is no file of the project: the runbook is.
            let at = if is_ours(sources, u.span) { u.span } else { one.runbook.span };
            let under = Some(details(u)).filter(|d| !d.is_empty()).map(|d| format!(" ({d})")).unwrap_or_default();
            let message =
                format!("`{}` can call `{}`, which {}{under}", one.runbook.name, u.name, effect_word(u.effect));
            let rule = if u.effect == Effect::Destroys { DESTROYS } else { CHANGES };
            add(sarif::result(sources, rule.id, rule.level, &message, at, &[]));
            if let Some(why) = &u.repeated {
                let message = format!("`{}` is retried although it is not safe to repeat: {why}", u.name);
                add(sarif::result(sources, UNSAFE.id, UNSAFE.level, &message, at, &[]));
            }
        }
        for u in &one.uses {
            for trust in trusts(program, &[u]) {
                let word = effect_word(trust.effect);
                let message = format!("`{}` is trusted to do no more than `{word}`: {}", u.name, trust.because);
                if is_ours(sources, trust.span) {
                    add(sarif::result(sources, TRUST.id, TRUST.level, &message, trust.span, &[]));
                } else if is_ours(sources, u.span) {
                    // The library's own reasons were reviewed with it: where they are used is worth a note.
                    add(sarif::result(sources, TRUST.id, sarif::Level::Note, &message, u.span, &[]));
                }
            }
        }
    }
    sarif::document(RULES, results, &[])
}

fn is_ours(sources: &Sources, span: Span) -> bool {
    !sources.name(span.file).starts_with("stdlib/")
}

/// What `--format sarif` reports.
pub const RULES: &[sarif::Rule<'static>] = &[CHANGES, DESTROYS, TRUST, UNSAFE];

const CHANGES: sarif::Rule = sarif::Rule {
    id: "rrb/effect/changes",
    level: sarif::Level::Note,
    summary: "a runbook changes something outside",
    help: "Every call that can be taken back or repeated, and the approval, the waiver or the action through which it is reached.",
};
const DESTROYS: sarif::Rule = sarif::Rule {
    id: "rrb/effect/destroys",
    level: sarif::Level::Note,
    summary: "a runbook destroys something outside",
    help: "It stands under an approval or a waiver, else the project would not check. Review whether people are asked the right thing.",
};
const TRUST: sarif::Rule = sarif::Rule {
    id: "rrb/effect/trust",
    level: sarif::Level::Warning,
    summary: "a connector says that a primitive does less than it could",
    help: "`trust` lowers an effect on the word of its author. Review whether the reason holds: nothing else does.",
};
const UNSAFE: sarif::Rule = sarif::Rule {
    id: "rrb/effect/unsafe-retry",
    level: sarif::Level::Warning,
    summary: "a call is retried although it is not safe to repeat",
    help: "`retry … unsafe` may do the same thing twice. Review whether the reason holds.",
};
