//! What a runbook's header says, in sentences.

use rrb_lang::hir::{self, SettingOwner};
use rrb_lang::syntax::ast::{ConcurrencyMode, Expr, HeaderClause, HeaderKind};
use rrb_lang::types::{TypeDefKind, builtin};
use rrb_lang::vm::print::duration;

use super::facts::{Facts, trigger};
use super::markdown::{block, cell, code, plain, table};

/// The table under the purpose.
pub fn header(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let mut rows = vec![vec!["Severity".to_owned(), plain(&severity(runbook))]];
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            rows.push(vec![name.to_owned(), text]);
        }
    };
    let list = |all: &[smol_str::SmolStr]| all.iter().map(|t| plain(t)).collect::<Vec<_>>().join(", ");
    row("Owner", plain(runbook.owner.as_deref().unwrap_or_default()));
    row("Tags", list(&runbook.tags));
    row("Controls", list(&runbook.controls));
    for clause in facts.header(runbook) {
        if let Some((name, text)) = sentence(facts, runbook, clause) {
            row(name, text);
        }
    }
    table(&["", ""], &rows)
}

fn severity(runbook: &hir::Runbook) -> String {
    let table = builtin::table();
    match table.get(builtin::RUNBOOK_SEVERITY).map(|d| &d.kind) {
        Some(TypeDefKind::Enum(all)) => all.get(runbook.severity as usize).map(|v| v.name.to_string()),
        _ => None,
    }
    .unwrap_or_default()
}

/// A clause that is neither a trigger nor a name for people.
fn sentence(facts: &Facts<'_>, runbook: &hir::Runbook, clause: &HeaderClause) -> Option<(&'static str, String)> {
    let by_text = |by: &Option<Expr>, word: &str| {
        by.as_ref().map(|e| format!(" {word} {}", cell(&facts.source(e.span)))).unwrap_or_default()
    };
    let each = |by: &Option<Expr>| by_text(by, "for each");
    let same = |by: &Option<Expr>| by_text(by, "with the same");
    Some(match &clause.kind {
        HeaderKind::Dedupe { by, .. } => {
            let within = runbook.dedupe.as_ref().map(|d| duration(d.within_ms))?;
            ("Again", format!("an event{} starts nothing within {within} of one that did", same(by)))
        }
        HeaderKind::Limit { by, .. } => {
            let hir::Limit { count, per_ms, .. } = &runbook.limit;
            ("How often", format!("at most {count} runs in {}{}", duration(*per_ms), each(by)))
        }
        HeaderKind::Concurrency { by, .. } => {
            let concurrency = runbook.concurrency.as_ref()?;
            let others = match concurrency.mode {
                ConcurrencyMode::Queue => "the next wait",
                ConcurrencyMode::Skip => "the next are left out",
                ConcurrencyMode::Replace => "the next takes the place of the oldest",
            };
            ("At once", format!("at most {}{}; {others}", concurrency.count, each(by)))
        }
        HeaderKind::Timeout(_) => ("How long", format!("it fails after {}", duration(runbook.timeout_ms?))),
        HeaderKind::GiveUp { by, .. } => {
            let hir::GiveUp { count, within_ms, .. } = runbook.give_up.as_ref()?;
            let text = format!(
                "after {count} runs{} in {} that did not help, events start no more",
                same(by),
                duration(*within_ms)
            );
            ("Gives up", text)
        }
        HeaderKind::CancelWhen { .. } => ("Is called off", cell(&facts.source(clause.span))),
        HeaderKind::NoRollback => ("After a failure", "what was done stays: nothing is undone".to_owned()),
        HeaderKind::Shadow => ("Shadow", "it changes nothing and writes down what it would have done".to_owned()),
        HeaderKind::Owner(_)
        | HeaderKind::Severity(_)
        | HeaderKind::Tags(_)
        | HeaderKind::Controls(_)
        | HeaderKind::On(_)
        | HeaderKind::OnSeveral(_)
        | HeaderKind::Every { .. }
        | HeaderKind::At { .. } => return None,
    })
}

/// What starts it, and how a person does.
pub fn starts(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let needed = runbook.params.iter().filter(|p| p.default.is_none());
    let params: String = needed.map(|p| format!(" --{} {}", p.name, p.name.to_uppercase())).collect();
    let by_hand = format!("By hand: {}", code(&format!("rrb run {}{params}", runbook.name)));
    let triggers: Vec<String> = facts.triggers(runbook).iter().map(|t| block("rrb", t)).collect();
    if triggers.is_empty() {
        return format!("Nothing starts it by itself.\n\n{by_hand}");
    }
    let head = if triggers.len() == 1 { "It starts:" } else { "It starts for each of these:" };
    format!("{head}\n\n{}\n{by_hand}", triggers.join("\n"))
}

/// The parameters: with the event that gives them, or by hand.
pub fn parameters(facts: &Facts<'_>, runbook: &hir::Runbook) -> String {
    let Some(tree) = facts.tree(runbook).filter(|t| !t.params.is_empty()) else { return String::new() };
    let from: Vec<&rrb_lang::syntax::ast::NamedArg> =
        facts.header(runbook).iter().filter_map(|c| trigger(&c.kind)).flatten().collect();
    let row = |p: &rrb_lang::syntax::ast::FieldDecl| {
        let default = p.default.as_ref().map_or_else(|| "must be given".into(), |d| cell(&facts.source(d.span)));
        let named = from.iter().filter(|a| a.name.as_ref().is_some_and(|n| n.name == p.name.name));
        let mut given: Vec<String> = named.map(|a| cell(&facts.source(a.value.span))).collect();
        given.dedup();
        vec![cell(&p.name.name), cell(&facts.source(p.ty.span)), plain(&p.docs), given.join(" or "), default]
    };
    table(
        &["parameter", "type", "", "from the event", "unless given"],
        &tree.params.iter().map(row).collect::<Vec<_>>(),
    )
}

/// Where `rrb.toml` gives a setting.
pub fn setting_place(owner: &SettingOwner) -> String {
    match owner {
        SettingOwner::Module(module) => format!("[settings.{module}]"),
        SettingOwner::Connector(connector) => format!("[connectors.{connector}]"),
    }
}
