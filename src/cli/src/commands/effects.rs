//! `rrb audit effects`: what every runbook can do, through what, and under whose consent. For reviews and for code scanning.

use clap::{Args, ValueEnum};
use rrb_lang::check::summary::{Consent, EffectUse, Part};
use rrb_lang::hir::{FunctionKind, Program};
use rrb_lang::span::Sources;
use rrb_lang::syntax::ast::Effect;
use serde_json::{Value, json};

use crate::context::Context;
use crate::doc::{Facts, consent_text, effect_word};
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::sarif;
use crate::text::clean;

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
            Listed { runbook, uses: uses.iter().filter(|u| u.effect >= least).collect() }
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
    }
}

fn print(context: &Context, program: &Program, sources: &Sources, listed: &[Listed<'_>]) {
    let out = &context.out;
    for (i, one) in listed.iter().enumerate() {
        if i > 0 {
            out.line("");
        }
        out.line(format!("{}  {}", out.look.bold(&one.runbook.name), out.look.dim(place(sources, one.runbook.span))));
        if one.uses.is_empty() {
            out.line(format!("  {}", out.look.dim("nothing outside")));
        }
        let mut uses = one.uses.clone();
        uses.sort_by_key(|u| std::cmp::Reverse(u.effect));
        let longest = uses.iter().map(|u| u.name.len()).max().unwrap_or(0);
        uses.iter().for_each(|u| out.line(line(&out.look, sources, u, longest)));
        let mut trusts: Vec<usize> = uses.iter().flat_map(|u| u.trusts.iter().copied()).collect();
        trusts.sort_unstable();
        trusts.dedup();
        for trust in trusts.iter().filter_map(|i| program.trusts.get(*i)) {
            let word = effect_word(trust.effect);
            let at = out.look.dim(place(sources, trust.span));
            out.line(format!("  {} {word} because {}  {at}", out.look.warn("trusts"), clean(&trust.because)));
        }
    }
}

fn line(look: &Look, sources: &Sources, u: &EffectUse, longest: usize) -> String {
    let word = format!("{:<8}", effect_word(u.effect));
    let word = match u.effect {
        Effect::Destroys => look.bad(word),
        Effect::Changes => look.warn(word),
        _ => look.dim(word),
    };
    let instance = u.instance.as_deref().map(|i| format!(" [{}]", clean(i))).unwrap_or_default();
    let mut more: Vec<String> = Vec::new();
    more.extend(Some(part_word(u)).filter(|w| !w.is_empty()).map(str::to_owned));
    if !u.through.is_empty() {
        more.push(format!("through {}", u.through.join(" → ")));
    }
    more.extend(Some(consent_text(&u.consent)).filter(|c| !c.is_empty()).map(|c| format!("under {}", clean(&c))));
    let more = if more.is_empty() { String::new() } else { format!("  {}", more.join(", ")) };
    format!("  {word} {:<longest$}{instance}{more}  {}", u.name, look.dim(place(sources, u.span)))
}

fn document(program: &Program, sources: &Sources, listed: &[Listed<'_>]) -> Value {
    let spot = |span: rrb_lang::span::Span| {
        let at = sources.line_col(span.file, span.start);
        json!({ "file": sources.name(span.file), "line": at.line, "column": at.column })
    };
    let consent = |c: &Consent| match c {
        Consent::None => Value::Null,
        other => serde_json::to_value(other).unwrap_or(Value::Null),
    };
    let one = |u: &&EffectUse| {
        json!({
            "effect": effect_word(u.effect), "action": u.name, "connector": connector(program, u), "instance": u.instance,
            "part": u.part, "undo": u.undo, "consent": consent(&u.consent), "through": u.through, "place": spot(u.span),
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

fn scanned(program: &Program, sources: &Sources, listed: &[Listed<'_>]) -> Value {
    let mut results = Vec::new();
    for one in listed {
        for u in one.uses.iter().filter(|u| u.effect >= Effect::Changes) {
            let under = consent_text(&u.consent);
            let under = if under.is_empty() { String::new() } else { format!(" under {under}") };
            let message =
                format!("`{}` can call `{}`, which {}{under}", one.runbook.name, u.name, effect_word(u.effect));
            let rule = format!("rrb/effect/{}", effect_word(u.effect));
            results.push(sarif::result(sources, &rule, sarif::Level::Note, &message, u.span, &[]));
            for trust in u.trusts.iter().filter_map(|i| program.trusts.get(*i)) {
                let message =
                    format!("`{}` is trusted to be `{}`: {}", u.name, effect_word(trust.effect), trust.because);
                let found = sarif::result(sources, "rrb/effect/trust", sarif::Level::Note, &message, trust.span, &[]);
                if !results.contains(&found) {
                    results.push(found);
                }
            }
        }
    }
    let rules = [
        ("rrb/effect/changes", "a runbook changes something outside"),
        ("rrb/effect/destroys", "a runbook destroys something outside"),
        ("rrb/effect/trust", "a connector lowers the effect of a primitive"),
    ];
    sarif::document(
        &rules.map(|(id, text)| sarif::Rule { id: id.into(), summary: text.into(), help: String::new() }),
        results,
    )
}
