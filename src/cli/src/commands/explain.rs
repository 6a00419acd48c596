//! `rrb explain`: what a diagnostic's code means, at length.

use clap::Args;
use rrb_lang::diag::{Code, codes, nearest};
use serde_json::json;

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::text::{clean, wrap};

/// What to explain.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb explain rrb::effect::unapproved\n  rrb explain            # lists every code")]
pub struct ExplainArgs {
    /// The code, as `rrb check` shows it; `rrb::` may be left out. Without it, every code is listed.
    code: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Explains a code, or lists all.
///
/// # Errors
/// When there is no such code.
pub fn explain(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let chosen: Vec<Code> = match &args.code {
        Some(name) => vec![find(name)?],
        None => codes::ALL.to_vec(),
    };
    let out = &context.out;
    if args.json {
        let one =
            |c: &Code| json!({"code": c.name(), "summary": c.entry().summary, "explanation": c.entry().explanation});
        out.json(&chosen.iter().map(one).collect::<Vec<_>>())?;
    } else if args.code.is_some() {
        for code in &chosen {
            out.line(format!("{}: {}", out.look.bold(code.name()), code.entry().summary));
            out.line("");
            for paragraph in code.entry().explanation.lines() {
                // A line that begins with spaces is code: it keeps its shape.
                let fixed = paragraph.starts_with(' ') || paragraph.starts_with("```");
                let width = if fixed { usize::MAX } else { out.look.width.min(100) };
                wrap(paragraph, width).iter().for_each(|l| out.line(l));
            }
        }
    } else {
        let longest = chosen.iter().map(|c| c.name().len()).max().unwrap_or(0);
        for code in &chosen {
            out.line(format!("{}  {}", out.look.name(format!("{:<longest$}", code.name())), code.entry().summary));
        }
    }
    Ok(Exit::Ok)
}

fn find(name: &str) -> Result<Code, CliError> {
    let full = if name.starts_with("rrb::") { name.to_owned() } else { format!("rrb::{name}") };
    if let Some(code) = codes::find(&full) {
        return Ok(code);
    }
    let last = |c: &&Code| c.name().rsplit("::").next() == Some(name);
    if let Some(code) = codes::ALL.iter().find(last) {
        return Ok(*code);
    }
    let error = CliError::not_found(format!("there is no code `{}`", clean(name)));
    Err(match nearest(&full, codes::ALL.iter().map(|c| c.name())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`rrb explain` lists every code"),
    })
}
