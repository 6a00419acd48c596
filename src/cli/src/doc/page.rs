//! The pages: one for each runbook, and the index.

use std::collections::BTreeMap;

use rrb_lang::check::summary::{Consent, EffectUse, Part};
use rrb_lang::hir::{self, SettingOwner};
use rrb_lang::outline::{Kind, Outline, flow, outline, walk};
use rrb_lang::syntax::ast::{Effect, HeaderKind};
use rrb_lang::vm::print::time;

use super::facts::{Facts, is_trigger};
use super::markdown::{block, cell, code, plain, table};
use super::steps::steps;

/// The page of a runbook.
pub fn runbook(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let what = outline(facts.program, facts.sources, runbook);
    let mut out = format!("# {}\n\n", plain(&runbook.name));
    let mut add = |title: &str, text: String| {
        if !text.trim().is_empty() {
            out.push_str(&format!("## {title}\n\n{}\n\n", text.trim_end()));
        }
    };
    let purpose = runbook.docs.trim();
    let purpose = if purpose.is_empty() {
        "*The runbook has no description: write one in `///` lines above it.*"
    } else {
        purpose
    };
    add("What it is for", format!("{purpose}\n\n{}", header(facts, runbook)));
    add("When it starts", starts(facts, runbook));
    add("What it needs", parameters(facts, runbook));
    add("Who is asked", approvals(facts, &what));
    add("What it can do", effects(facts, runbook));
    add("Steps", steps(&what.body));
    if !what.on_failure.is_empty() {
        add(
            "If it fails",
            format!(
                "First what was done is undone, newest first, where it can be. Then:\n\n{}",
                steps(&what.on_failure)
            ),
        );
    }
    if !what.finally.is_empty() {
        add("At the end, whatever happened", steps(&what.finally));
    }
    add("As a picture", block("mermaid", &flow::mermaid(&super::chart(facts, runbook))));
    add("What the actions do", actions(facts, runbook));
    out.push_str(&format!("---\n\nMade by `rrb doc` from {}.\n", code(&facts.place(runbook.span))));
    out
}

fn header(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let severity = rrb_lang::types::builtin::table();
    let severity = match severity.get(rrb_lang::types::builtin::RUNBOOK_SEVERITY).map(|d| &d.kind) {
        Some(rrb_lang::types::TypeDefKind::Enum(v)) => v.get(runbook.severity as usize).map(|v| v.name.to_string()),
        _ => None,
    };
    let mut rows = vec![vec!["Severity".to_owned(), plain(&severity.unwrap_or_default())]];
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            rows.push(vec![name.to_owned(), text]);
        }
    };
    row("Owner", plain(runbook.owner.as_deref().unwrap_or_default()));
    row("Tags", runbook.tags.iter().map(|t| plain(t)).collect::<Vec<_>>().join(", "));
    row("Controls", runbook.controls.iter().map(|t| plain(t)).collect::<Vec<_>>().join(", "));
    for clause in facts.header(runbook) {
        let name = match clause.kind {
            HeaderKind::Dedupe { .. } => "Same event again",
            HeaderKind::Limit { .. } => "How often",
            HeaderKind::Concurrency { .. } => "How many at once",
            HeaderKind::Timeout(_) => "How long at most",
            HeaderKind::GiveUp { .. } => "When it gives up",
            HeaderKind::CancelWhen { .. } => "Is called off",
            HeaderKind::NoRollback => "After a failure",
            HeaderKind::Shadow => "Only watches",
            _ => continue,
        };
        row(name, cell(&facts.source(clause.span)));
    }
    table(&["", ""], &rows)
}

fn starts(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let by_hand = format!("By hand: {}", code(&by_hand(runbook)));
    let triggers: Vec<String> = facts
        .header(runbook)
        .iter()
        .filter(|c| is_trigger(&c.kind))
        .map(|c| block("rrb", &unindented(facts.sources.text(c.span))))
        .collect();
    if triggers.is_empty() {
        return format!("Nothing starts it by itself.\n\n{by_hand}");
    }
    format!("{}\n{by_hand}", triggers.join("\n"))
}

fn by_hand(runbook: &hir::Runbook) -> String {
    let needed = runbook.params.iter().filter(|p| p.default.is_none());
    let params: String = needed.map(|p| format!(" --{} {}", p.name, p.name.to_uppercase())).collect();
    format!("rrb run {}{params}", runbook.name)
}

/// Source whose later lines are not further in than the first.
fn unindented(source: &str) -> String {
    let rest = source.lines().skip(1).filter(|l| !l.trim().is_empty());
    let least = rest.map(|l| l.len() - l.trim_start().len()).min().unwrap_or(0);
    let mut lines = source.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |out, line| format!("{out}\n  {}", line.get(least..).unwrap_or_default()))
}

fn parameters(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let Some(tree) = facts.tree(runbook).filter(|t| !t.params.is_empty()) else { return String::new() };
    let row = |p: &rrb_lang::syntax::ast::FieldDecl| {
        let default = p.default.as_ref().map(|d| cell(&facts.source(d.span))).unwrap_or_else(|| "must be given".into());
        vec![cell(&p.name.name), cell(&facts.source(p.ty.span)), default, plain(&p.docs)]
    };
    table(&["parameter", "type", "unless given", ""], &tree.params.iter().map(row).collect::<Vec<_>>())
}

fn approvals(facts: &Facts<'_>, what: &Outline) -> String {
    let mut rows = Vec::new();
    for part in [&what.body, &what.on_failure, &what.finally] {
        walk(part, &mut |node| {
            if let Kind::Approve(a) = &node.kind {
                let who: Vec<String> = a.from.iter().map(|w| principal(facts, w)).collect();
                let mut within = plain(&a.within);
                for (who, after) in &a.escalate {
                    let who: Vec<String> = who.iter().map(|w| principal(facts, w)).collect();
                    within.push_str(&format!("; after {} also {}", plain(after), who.join(" or ")));
                }
                rows.push(vec![plain(&a.question), plain(&a.quorum), who.join(" or "), within]);
            }
        });
    }
    if rows.is_empty() {
        return "Nobody: nothing in it needs an approval.".to_owned();
    }
    table(&["question", "how many agree", "who", "within"], &rows)
}

/// `group sre (Ana, Bo)`
fn principal(facts: &Facts<'_>, who: &str) -> String {
    let name = |key: &str| facts.config.users.get(key).map_or_else(|| key.to_owned(), |u| u.name.to_string());
    let people: Option<Vec<String>> = match who.split_once(' ') {
        Some(("group", group)) => facts.config.members(group).map(|m| m.iter().map(|k| name(k)).collect()),
        Some(("user", user)) => facts.config.users.get(user).map(|u| vec![u.name.to_string()]),
        _ => None,
    };
    match people {
        Some(people) => format!("{} ({})", plain(who), plain(&people.join(", "))),
        None => plain(who),
    }
}

/// What a call counts as, in one word.
pub fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// Under what a call happens, as plain text.
pub fn consent_text(consent: &Consent) -> String {
    match consent {
        Consent::None => String::new(),
        Consent::Approval { question } => format!("approval “{question}”"),
        Consent::Waiver { reason, by, until } => {
            let day = time(*until);
            format!("waiver by {by} until {}: {reason}", day.get(..10).unwrap_or(&day))
        }
    }
}

fn effects(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let Some(summary) = facts.effects(runbook).filter(|s| !s.uses.is_empty()) else {
        return "It reads and changes nothing outside.".to_owned();
    };
    let mut uses: Vec<&EffectUse> = summary.uses.iter().collect();
    uses.sort_by_key(|u| std::cmp::Reverse(u.effect));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for u in uses {
        let strength = if u.effect == Effect::Destroys { "**destroys**" } else { effect_word(u.effect) };
        let when = match (u.part, u.undo) {
            (_, true) => "to undo",
            (Part::Body, _) => "",
            (Part::OnFailure, _) => "if it fails",
            (Part::Finally, _) => "at the end",
        };
        let row = vec![strength.to_owned(), cell(&u.name), when.to_owned(), plain(&consent_text(&u.consent))];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    table(&["", "action", "when", "under"], &rows)
}

/// The actions that the runbook reaches, with their own words and their source: what to do by hand.
fn actions(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let mut reached: BTreeMap<&str, &hir::Function> = BTreeMap::new();
    let mut through: Vec<&str> = Vec::new();
    for u in facts.effects(runbook).map(|s| s.uses.as_slice()).unwrap_or_default() {
        if let Some(f) = facts.program.functions.get(u.function.index()) {
            reached.insert(&f.name, f);
        }
        through.extend(u.through.iter().map(|n| n.as_str()));
    }
    let actions = facts.program.functions.iter().filter(|f| matches!(f.kind, hir::FunctionKind::Action(_)));
    reached.extend(actions.filter(|f| through.contains(&f.name.as_str())).map(|f| (f.name.as_str(), f)));
    let mut out = String::new();
    for (name, function) in reached {
        out.push_str(&format!("### {}\n\n{}\n\n", plain(name), function.docs.trim()));
        if function.body.is_some() {
            out.push_str(&block("rrb", facts.sources.text(function.span)));
            out.push('\n');
        }
    }
    out
}

/// The index of a project: every runbook, its people and its settings.
pub fn index(facts: &Facts<'_>, extension: &str) -> String {
    let name = facts.config.name.as_deref().unwrap_or("Runbooks");
    let mut out = format!("# {}\n\n## Runbooks\n\n", plain(name));
    let rows: Vec<Vec<String>> = facts.program.runbooks.iter().map(|r| index_row(facts, r, extension)).collect();
    out.push_str(&table(&["runbook", "what it is for", "starts on", "can"], &rows));
    if !facts.config.groups.is_empty() {
        let rows: Vec<Vec<String>> =
            facts.config.groups.keys().map(|g| vec![plain(g), principal(facts, &format!("group {g}"))]).collect();
        out.push_str(&format!("\n## People\n\n{}", table(&["group", "members"], &rows)));
    }
    let settings: Vec<Vec<String>> = facts.program.settings.iter().map(setting_row).collect();
    if !settings.is_empty() {
        out.push_str(&format!("\n## Settings\n\n{}", table(&["setting", "where", ""], &settings)));
    }
    out
}

fn index_row(facts: &Facts<'_>, runbook: &hir::Runbook, extension: &str) -> Vec<String> {
    let purpose = runbook.docs.lines().next().unwrap_or_default();
    let starts: Vec<String> = facts.starts(runbook).iter().map(|s| cell(s)).collect();
    let most = facts.effects(runbook).and_then(|s| s.uses.iter().map(|u| u.effect).max()).unwrap_or(Effect::Pure);
    let link = format!("[{}]({}.{extension})", plain(&runbook.name), file_name(facts, runbook));
    vec![link, plain(purpose), starts.join(" · "), effect_word(most).to_owned()]
}

/// The file of a runbook's page, without its ending: the name, with the module where two have the same.
pub fn file_name(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let same = facts.program.runbooks.iter().filter(|r| r.name == runbook.name).count();
    if same > 1 { format!("{}.{}", runbook.module, runbook.name) } else { runbook.name.to_string() }
}

fn setting_row(setting: &hir::Setting) -> Vec<String> {
    let place = match &setting.owner {
        SettingOwner::Module(module) => format!("[settings.{module}]"),
        SettingOwner::Connector(connector) => format!("[connectors.{connector}]"),
    };
    vec![cell(&setting.name), cell(&place), plain(setting.docs.lines().next().unwrap_or_default())]
}
