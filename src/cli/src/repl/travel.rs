//! `:journal`, `:step`, `:back`: a stored run once more, entry by entry.

use super::console::Console;
use super::pager;
use crate::exit::CliError;
use crate::replay::{Scene, Traced, lines, list, traced};
use crate::text::clean;
use crate::{connect, daemon, desk};

/// A run, and the entry that is looked at.
pub struct Travel {
    traced: Traced,
    at: usize,
}

/// `:journal RUN`: every entry, one line each; `:step` begins at the first.
///
/// # Errors
/// When there is no such run.
pub async fn journal(console: &mut Console, named: &str) -> Result<(), CliError> {
    if named.is_empty() && console.travel.is_none() {
        return Err(CliError::usage("`:journal` takes a run").help("`:runs` lists them; the end of an id is enough"));
    }
    if !named.is_empty() {
        console.travel = Some(Travel { traced: read(console, named).await?, at: 0 });
    }
    let Some(travel) = &console.travel else { return Ok(()) };
    let out = &console.context.out;
    let mut shown = vec![format!("{} {}", out.look.bold(clean(&travel.traced.run.runbook)), travel.traced.run.id)];
    shown.extend(list(&out.look, &travel.traced.moments));
    if let Some(difference) = &travel.traced.difference {
        out.warning(&format!("this is a defect of rrb, please report it: {}", clean(&difference.to_string())));
    }
    pager::print(out, &shown, console.options.pager);
    out.note(out.err.dim(":step and :back go through it"));
    Ok(())
}

async fn read(console: &Console, named: &str) -> Result<Traced, CliError> {
    let Some(place) = &console.session.place else {
        return Err(CliError::usage("runs are in the state of a project, and this session has none"));
    };
    let config = &console.session.texts().config;
    let folder = place.state(config);
    let Some(store) = desk::reading(&folder)? else {
        return Err(CliError::not_found(format!("there is no state in `{}`", clean(&folder.to_string_lossy())))
            .help("`:run` and `:live` make one"));
    };
    let plane = daemon::offline(place, config, false).await?;
    let id = connect::run_id(plane.as_ref(), named).await?;
    traced(&store, &id).await
}

/// `:step`, `:step 5`, `:back`, `:step to 12`
///
/// # Errors
/// When no run was chosen, or there is no such entry.
pub fn step(console: &mut Console, rest: &str, back: bool) -> Result<(), CliError> {
    let Some(travel) = &mut console.travel else {
        return Err(CliError::usage("no run is chosen").help("`:journal RUN` chooses one"));
    };
    let last = travel.traced.moments.len().saturating_sub(1);
    let number = |text: &str| {
        text.parse::<usize>().map_err(|_| {
            CliError::usage(format!("`{}` is no number of entries", clean(text)))
                .help("for example: `:step 3`, `:step to 12`")
        })
    };
    let to = match (rest.strip_prefix("to ").map(str::trim), back) {
        (Some(at), _) => {
            let seq = number(at)? as u64;
            travel.traced.moments.iter().position(|m| m.seq == seq).ok_or_else(|| {
                CliError::not_found(format!("there is no entry {seq}")).help(format!("the journal has {}", last + 1))
            })?
        }
        (None, false) => travel.at.saturating_add(if rest.is_empty() { 1 } else { number(rest)? }),
        (None, true) => travel.at.saturating_sub(if rest.is_empty() { 1 } else { number(rest)? }),
    };
    let stays = travel.at == to.min(last) && rest.is_empty();
    travel.at = to.min(last);
    let Some(moment) = travel.traced.moments.get(travel.at) else { return Ok(()) };
    let scene = Scene { program: &travel.traced.program, moment, of: travel.traced.moments.len() };
    let out = &console.context.out;
    pager::print(out, &lines(&out.look, &scene), console.options.pager);
    if stays {
        out.note(out.err.dim(if back { "this is the first entry" } else { "this is the last entry" }));
    }
    Ok(())
}
