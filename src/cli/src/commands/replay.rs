//! `rrb replay`: a stored run once more, from its journal alone.

use clap::Args;
use rrb_engine::retrace::{Difference, Moment};
use rrb_engine::run::journal::Act;
use rrb_engine::store::RunRow;
use rrb_lang::program::Program;
use rrb_lang::vm::protocol::EffectOutcome;
use serde_json::{Value, json};
use tokio::signal::unix::SignalKind;

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::replay::{Scene, Traced, line_of, lines, list, traced};
use crate::terminal::{Key, KeyMode, Panel, keys, rows};
use crate::text::clean;
use crate::{connect, daemon, desk, follow, project, run_text};

/// Which run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb replay k3x9q2             # step through it: arrow keys, `/` searches, `f` jumps to the failure\n  rrb replay k3x9q2 --at 12     # what was known at entry 12 of its journal\n  rrb replay k3x9q2 --check     # does the machine still say what the journal says?\n\nNothing is performed: the journal answers. It works beside a running daemon, on runs under way too.\n\nExit code: 0 when the journal is reproduced, 1 when the machine says something else (a defect of rrb: please report it)."
)]
pub struct ReplayArgs {
    /// The run's id, or its end.
    run: String,
    /// Show this entry of the journal.
    #[arg(long, value_name = "N")]
    at: Option<u64>,
    /// Only say whether the run is reproduced.
    #[arg(long, conflicts_with = "at")]
    check: bool,
    /// Print JSON: every step, or the one of `--at`.
    #[arg(long)]
    json: bool,
}

/// Goes through the run again.
///
/// # Errors
/// When there is no such run, or its program cannot be read.
pub async fn replay(context: &Context, args: &ReplayArgs) -> Result<Exit, CliError> {
    let Traced { run, program, moments, difference } = retrace(context, &args.run).await?;
    let out = &context.out;
    let well = if difference.is_none() { Exit::Ok } else { Exit::Failed };
    if args.json {
        out.json(&document(&run, &moments, difference.as_ref(), args.at)?)?;
        return Ok(well);
    }
    if let Some(d) = &difference {
        out.warning(&format!("this is a defect of rrb, please report it: {}", clean(&d.to_string())));
    }
    if args.check {
        if difference.is_none() {
            let entries = crate::text::count(moments.len(), "entry").replace("entrys", "entries");
            out.line(format!("{} the run is reproduced: {entries}", out.look.good("✓")));
        }
        return Ok(well);
    }
    if let Some(at) = args.at {
        let moment = find(&moments, at)?;
        let scene = Scene { program: &program, moment, of: moments.len() };
        lines(&out.look, &scene).iter().for_each(|l| out.line(l));
        return Ok(well);
    }
    let mode = if out.tty { KeyMode::enter() } else { None };
    match &mode {
        Some(_) => travel(context, &run, &program, &moments).await?,
        None => list(&out.look, &moments).iter().for_each(|l| out.line(l)),
    }
    drop(mode);
    Ok(well)
}

fn find(moments: &[Moment], at: u64) -> Result<&Moment, CliError> {
    moments.iter().find(|m| m.seq == at).ok_or_else(|| {
        CliError::not_found(format!("there is no entry {at}")).help(format!("the journal has {}", moments.len()))
    })
}

async fn retrace(context: &Context, named: &str) -> Result<Traced, CliError> {
    let place = context.place()?;
    let config = project::config(&place)?;
    let folder = place.state(&config);
    let Some(store) = desk::reading(&folder)? else {
        return Err(CliError::not_found(format!("there is no state in `{}`", clean(&folder.to_string_lossy()))));
    };
    let plane = daemon::offline(&place, &config, false).await?;
    let id = connect::run_id(plane.as_ref(), named).await?;
    traced(&store, &id).await
}

fn document(
    run: &RunRow,
    moments: &[Moment],
    difference: Option<&Difference>,
    at: Option<u64>,
) -> Result<Value, CliError> {
    let wanted: Vec<&Moment> = match at {
        Some(at) => vec![find(moments, at)?],
        None => moments.iter().collect(),
    };
    let step = |m: &&Moment| {
        json!({
            "seq": m.seq, "at": m.at, "entry": m.entry, "threads": m.threads,
            "open": m.open.iter().map(|(id, what)| json!({ "effect": id, "what": what })).collect::<Vec<_>>(),
        })
    };
    Ok(json!({
        "version": 1, "run": run.id, "runbook": run.runbook, "program": run.program, "standing": run_text::standing(run),
        "reproduced": difference.is_none(), "difference": difference,
        "steps": wanted.iter().map(step).collect::<Vec<_>>(),
    }))
}

/// Whether an entry tells of something that went wrong.
fn fails(moment: &Moment) -> bool {
    let failed = matches!(
        &moment.entry.act,
        Act::Outcome { outcome: EffectOutcome::Failed(_) | EffectOutcome::Lost { .. }, .. }
    );
    failed || matches!(&moment.entry.act, Act::End(end) if end.failure.is_some())
}

/// Back and forth by keys.
async fn travel(context: &Context, run: &RunRow, program: &Program, moments: &[Moment]) -> Result<(), CliError> {
    let out = &context.out;
    let mut pressed = keys();
    let mut interrupt = follow::signal(SignalKind::interrupt())?;
    let mut panel = Panel::default();
    let mut at = 0_usize;
    let mut searching: Option<String> = None;
    let mut sought = String::new();
    loop {
        let Some(moment) = moments.get(at) else { return Ok(()) };
        let mut shown = vec![
            format!("{} {}", out.look.bold(clean(&run.runbook)), run.id),
            out.look.dim("←/→ step · g/G begin/end · f failure · / search · n next · q quit"),
        ];
        shown.extend(lines(&out.look, &Scene { program, moment, of: moments.len() }));
        shown.truncate(rows().saturating_sub(2));
        if let Some(text) = &searching {
            shown.push(format!("/{}", clean(text)));
        }
        panel.draw(out, &shown);
        let key = tokio::select! {
            key = pressed.recv() => key.unwrap_or(Key::End),
            Some(()) = interrupt.recv() => Key::End,
        };
        if let Some(text) = &mut searching {
            match key {
                Key::Char(c) => text.push(c),
                Key::Backspace => drop(text.pop()),
                Key::Enter => {
                    sought = std::mem::take(text);
                    searching = None;
                    at = after(out, moments, at, |out, m| line_of(&out.look, m).contains(&sought)).unwrap_or(at);
                }
                Key::Escape | Key::End => searching = None,
                _ => {}
            }
            continue;
        }
        match key {
            Key::Right | Key::Down | Key::Enter | Key::Char('j' | 'l' | ' ') => at = (at + 1).min(moments.len() - 1),
            Key::Left | Key::Up | Key::Backspace | Key::Char('k' | 'h') => at = at.saturating_sub(1),
            Key::Char('g') => at = 0,
            Key::Char('G') => at = moments.len() - 1,
            Key::Char('f') => at = after(out, moments, at, |_, m| fails(m)).unwrap_or(at),
            Key::Char('n') => {
                at = after(out, moments, at, |out, m| line_of(&out.look, m).contains(&sought)).unwrap_or(at);
            }
            Key::Char('/') => searching = Some(String::new()),
            Key::Char('q') | Key::End | Key::Escape => {
                panel.clear_if_drawn(out);
                return Ok(());
            }
            _ => {}
        }
    }
}

/// The next entry behind `at` that fits, from the beginning again behind the last.
fn after(
    out: &crate::out::Out,
    moments: &[Moment],
    at: usize,
    fits: impl Fn(&crate::out::Out, &Moment) -> bool,
) -> Option<usize> {
    let n = moments.len();
    (1..=n).map(|i| (at + i) % n).find(|i| moments.get(*i).is_some_and(|m| fits(out, m)))
}
