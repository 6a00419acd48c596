//! What an input would change, shown as a plan: nothing is done.

use std::sync::Arc;

use rrb_engine::api::{Actor, StartRun};
use rrb_engine::world::World;

use super::console::{Console, Manner};
use super::pieces::{Kind, Piece};
use super::session::{Form, Input, Scope, Wrong};
use super::source::RUNBOOK;
use crate::{ahead_json, ahead_text, desk};

/// Says what the input would do, with the policies of the project.
///
/// # Errors
/// When it does not check with the whole project, or cannot be foreseen.
pub async fn foresee(console: &mut Console, input: Input<'_>, piece: &Piece) -> Result<(), Wrong> {
    let ready = console.session.ready(input, piece, Scope::Whole, Form::Action)?;
    let sound = console.session.sound(&ready);
    let engine = desk::planning(&sound, Arc::clone(&console.world) as Arc<dyn World>).await?;
    let actor = Actor { person: console.user.clone(), method: "repl".to_owned() };
    let start = StartRun { runbook: RUNBOOK.to_owned(), params: Default::default(), id: None };
    let part = engine
        .foresee_action(Arc::clone(&sound.program), &start, ready.action, &actor)
        .await
        .map_err(crate::exit::CliError::from)?;
    let out = &console.context.out;
    if console.json {
        let json = ahead_json::part_alone(&sound.program, &part);
        return Ok(out.json_line(&json)?);
    }
    let lines = ahead_text::part_lines(&out.look, &sound.program, &part, console.options.trace);
    lines.iter().for_each(|l| out.line(l));
    let mut said = "only planned: nothing was changed".to_owned();
    if let Kind::Bind { names, .. } = &piece.kind {
        said.push_str(&format!(
            "; {} has no value",
            crate::text::list_of(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
        ));
    }
    if console.manner == Manner::Prompt {
        said.push_str(" (:live does it for real)");
    }
    out.note(out.err.dim(said));
    Ok(())
}
