//! A session at work: what an input does, and what is said of it.

use std::sync::Arc;
use std::time::Instant;

use rrb_engine::clock::{Clock, SystemClock};
use rrb_lang::diag::Diagnostic;
use rrb_lang::span::Sources;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::types;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, Note};
use rrb_lang::vm::{self, Reading};
use rrb_world::live::LiveConfig;
use rrb_world::plan::PlanWorld;
use rrb_world::reading::{Unread, read};
use smol_str::SmolStr;

use super::calls::Watched;
use super::live::{self, Live};
use super::pieces::{self, Kind, Piece};
use super::session::{Form, Held, Input, Ready, Scope, Session, Wrong, holds_code};
use super::travel::Travel;
use super::{Begin, commands, pager, plan, show};
use crate::context::Context;
use crate::diagnostics;
use crate::exit::{CliError, Exit};
use crate::out;
use crate::text::clean;

/// For whom a session prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// For a person at a terminal.
    Prompt,
    /// For whoever reads the pipe.
    Script,
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    On,
    Quit,
}

/// What a person may set.
#[derive(Debug, Clone)]
pub struct Options {
    /// Long output goes through a pager.
    pub pager: bool,
    /// Say how long each input took.
    pub time: bool,
    /// Say what was asked of the world.
    pub trace: bool,
    /// Say the type of each result.
    pub types: bool,
}

/// An input that was taken, for drafts and tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub text: String,
    pub effect: Effect,
    /// What it gave, where that has JSON.
    pub value: Option<rrb_lang::json::Json>,
}

/// A session with its surroundings.
pub struct Console {
    pub context: Context,
    pub session: Session,
    pub world: Arc<Watched>,
    pub options: Options,
    pub past: Vec<Past>,
    /// Who does what is done for real.
    pub user: Option<String>,
    pub manner: Manner,
    pub json: bool,
    /// What the last command or input that prints a value printed.
    pub last: Option<Held>,
    /// Does what is typed for real.
    pub live: Option<Live>,
    /// The stored run that is looked at.
    pub travel: Option<Travel>,
    clock: Arc<SystemClock>,
}

impl Console {
    /// Opens the project that `context` points to, or none where there is none.
    ///
    /// # Errors
    /// When there is a project and it cannot be read.
    pub fn open(mut context: Context, manner: Manner, begin: &Begin) -> Result<Self, CliError> {
        let place = match context.place() {
            Ok(place) => Some(place),
            Err(e) if context.from.is_none() && e.exit == Exit::NotFound => None,
            Err(e) => return Err(e),
        };
        if let Some(place) = &place {
            // A command finds the same project wherever it looks from.
            context.from = Some(place.single.clone().unwrap_or_else(|| place.root.clone()));
        }
        let session = Session::open(place)?;
        let config = &session.texts().config;
        if let Some(user) = &begin.user {
            crate::project::known_user(config, user)?;
        }
        let live =
            LiveConfig { allow_addresses: config.egress_allow.clone(), allow_variables: config.env_allow.clone() };
        Ok(Self {
            context,
            session,
            world: Arc::new(Watched::new(PlanWorld::new(live))),
            options: Options {
                pager: manner == Manner::Prompt,
                time: false,
                trace: false,
                types: manner == Manner::Prompt,
            },
            past: Vec::new(),
            user: begin.user.clone(),
            manner,
            json: begin.json,
            last: None,
            live: None,
            travel: None,
            clock: Arc::new(SystemClock::default()),
        })
    }

    /// Reads the project anew; what the session has stays.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reload(&mut self) -> Result<(), CliError> {
        self.session.reload()?;
        let config = &self.session.texts().config;
        let live =
            LiveConfig { allow_addresses: config.egress_allow.clone(), allow_variables: config.env_allow.clone() };
        self.world.world().configure(live);
        Ok(())
    }

    /// Takes an input: a command, or pieces of code one after the other.
    ///
    /// # Errors
    /// What is wrong with it; what came before the piece that is wrong is done.
    pub async fn take(&mut self, input: Input<'_>) -> Result<Flow, Wrong> {
        self.context.out.look.width = out::width();
        self.context.out.err.width = self.context.out.look.width;
        let code = input.text.trim_start();
        if code.starts_with(':') || code.starts_with('?') {
            return commands::take(self, code).await;
        }
        let began = Instant::now();
        let done = self.code(input).await;
        if self.options.time {
            let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            self.context.out.note(self.context.out.err.dim(format!("took {}", crate::text::duration(took))));
        }
        done.map(|()| Flow::On)
    }

    /// Takes code, whatever it begins with.
    ///
    /// # Errors
    /// As [`Console::take`].
    pub async fn take_code(&mut self, input: Input<'_>) -> Result<(), Wrong> {
        self.code(input).await
    }

    async fn code(&mut self, input: Input<'_>) -> Result<(), Wrong> {
        let taken = match pieces::too_large(input.text) {
            Some(wrong) => Err(wrong),
            None => pieces::pieces(input.text),
        };
        let all = taken.map_err(|wrong| unreadable(input, wrong.diagnostics))?;
        for piece in &all {
            self.piece(input, piece).await?;
        }
        Ok(())
    }

    async fn piece(&mut self, input: Input<'_>, piece: &Piece) -> Result<(), Wrong> {
        let text = input.text.get(piece.range.clone()).unwrap_or_default().to_owned();
        if matches!(piece.kind, Kind::Use | Kind::Declaration { .. }) {
            let aside = self.session.declare(input, piece)?;
            self.declared(&piece.kind, &aside);
            self.past.push(Past { text, effect: Effect::Pure, value: None });
            return Ok(());
        }
        let ready = self.session.ready(input, piece, Scope::Named, Form::Action)?;
        self.warn(&ready);
        let effect = ready.effect;
        let code = matches!(piece.kind, Kind::Bind { .. }) && holds_code(&ready.types, &ready.ty);
        if code && effect == Effect::Pure {
            let aside = self.session.declare_let(input, piece)?;
            self.declared(&piece.kind, &aside);
            self.past.push(Past { text, effect, value: None });
            return Ok(());
        }
        let asked = if effect <= Effect::Reads { Some(self.ask(&ready).await?) } else { None };
        match asked {
            Some(Ok(value)) => {
                let json = vm::to_json(&value).ok();
                self.gave(&ready, value)?;
                self.past.push(Past { text, effect, value: json });
            }
            Some(Err(Unread::Failed(failure))) => return Err(failed(&failure).into()),
            Some(Err(Unread::Broken(why))) => return Err(CliError::internal(why).into()),
            // It waits for people or for an event: nothing that an answer would come from here.
            Some(Err(Unread::NoRead(_))) | None => {
                match self.live {
                    Some(_) => live::run(self, input, piece).await?,
                    None => plan::foresee(self, input, piece).await?,
                }
                self.past.push(Past { text, effect, value: None });
            }
        }
        Ok(())
    }

    /// Evaluates what reads at most, until Ctrl-C.
    pub async fn ask(&self, ready: &Ready) -> Result<Result<Value, Unread>, CliError> {
        let reading =
            Reading::new(Arc::clone(&ready.program), ready.action, "session", ready.settings.clone(), "default");
        self.world.told.store(self.options.trace, std::sync::atomic::Ordering::Relaxed);
        let (world, clock) = (Arc::clone(&self.world), Arc::clone(&self.clock));
        let (send, mut said) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut tell = |note: &Note| drop(send.send(note.clone()));
            read(reading, &*world, &*clock as &dyn Clock, &mut tell).await
        });
        let abort = task.abort_handle();
        let mut interrupts = crate::follow::signal(tokio::signal::unix::SignalKind::interrupt())?;
        tokio::pin!(task);
        loop {
            tokio::select! {
                biased;
                Some(()) = interrupts.recv() => {
                    abort.abort();
                    return Err(CliError::new(Exit::Failed, "interrupted"));
                }
                Some(note) = said.recv() => self.noted(&note),
                done = &mut task => {
                    while let Ok(note) = said.try_recv() {
                        self.noted(&note);
                    }
                    for line in self.world.take() {
                        self.context.out.note(self.context.out.err.dim(format!("  {line}")));
                    }
                    return done.map_err(|e| CliError::internal(format!("the evaluation ended badly: {e}")));
                }
            }
        }
    }

    fn noted(&self, note: &Note) {
        let out = &self.context.out;
        match note {
            Note::Log { text, .. } => out.note(format!("{} {}", out.err.dim("│"), clean(text))),
            Note::StepBegan { name, .. } => out.note(format!("{} {}", out.err.dim("▸"), clean(name))),
            Note::Evidence { name, value, .. } => {
                out.note(format!("{} {} = {}", out.err.dim("≡"), clean(name), crate::text::json(value)));
            }
            Note::Retrying { action, failure, .. } => {
                out.note(out.err.dim(format!("… {} again: {}", clean(action), clean(&failure.message))));
            }
            _ => {}
        }
    }

    /// Says what an input gave, and keeps it.
    ///
    /// # Errors
    /// When it has no JSON, and JSON is wanted.
    pub fn gave(&mut self, ready: &Ready, value: Value) -> Result<(), CliError> {
        let kept = self.session.keep(ready, value.clone());
        let is_result = !matches!(ready.kind, Kind::Bind { .. } | Kind::Assign { .. });
        if let Some((_, held)) = kept.first().filter(|_| is_result) {
            self.last = Some(held.clone());
        }
        if self.json {
            return if is_result && value != Value::Nothing { self.print_json(&value) } else { Ok(()) };
        }
        if is_result {
            if value != Value::Nothing {
                self.print(ready, &value, kept.first().map(|(n, _)| n.clone()));
            }
        } else if self.manner == Manner::Prompt {
            for (name, held) in &kept {
                let line = format!("{name}: {}", types::shown(&held.types, &held.ty));
                self.context.out.line(self.context.out.look.dim(line));
            }
        }
        Ok(())
    }

    fn print(&self, ready: &Ready, value: &Value, name: Option<SmolStr>) {
        let out = &self.context.out;
        if self.manner == Manner::Script {
            if let Value::Text(text) = value {
                return out.line(text.as_str());
            }
            return show::lines(&out.look, value).iter().for_each(|l| out.line(l));
        }
        let mut lines = show::lines(&out.look, value);
        if self.options.types {
            let mut said = types::shown(&ready.types, &ready.ty);
            if let Value::List(items) = value {
                said = format!("{said}, {}", crate::text::count(items.len(), "item"));
            }
            let tag = name.map(|n| format!("{n}: {said}")).unwrap_or(said);
            let tag = out.look.dim(crate::text::truncate(&tag, out.look.width));
            match lines.as_mut_slice() {
                [one] if crate::text::columns(one) + 24 < out.look.width / 2 => *one = format!("{one}  {tag}"),
                _ => lines.push(tag),
            }
        }
        pager::print(out, &lines, self.options.pager);
    }

    /// A value for programs: one line in a session, whole by itself.
    ///
    /// # Errors
    /// When it holds a secret or a function.
    pub fn print_json(&self, value: &Value) -> Result<(), CliError> {
        let json = vm::to_json(value).map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
        self.context.out.json_line(&serde_json::Value::from(&json))
    }

    fn declared(&self, kind: &Kind, aside: &[super::session::Declaration]) {
        let out = &self.context.out;
        let plain = self.manner == Manner::Script;
        match kind {
            Kind::Declaration { what, name } if !plain => {
                out.line(out.look.dim(format!("{what} {name}").trim_end()));
            }
            Kind::Bind { names, .. } if !plain => {
                let names: Vec<String> = names.iter().map(|n| format!("{n}: a function")).collect();
                out.line(out.look.dim(names.join(", ")));
            }
            _ => {}
        }
        for d in aside {
            out.warning(&format!("`{} {}` no longer fits and is gone: declare it again", d.what, clean(&d.name)));
        }
    }

    fn warn(&self, ready: &Ready) {
        for d in &ready.warnings {
            self.context.out.note(diagnostics::human(&self.context.out.err, &ready.sources, d).trim_end());
        }
    }

    /// Says what is wrong.
    pub fn say(&self, wrong: &Wrong) {
        let out = &self.context.out;
        match wrong {
            Wrong::Other(error) => out.error(error),
            Wrong::Mistakes(told) => {
                let (sources, all) = &**told;
                let mut said: Vec<&Diagnostic> = Vec::new();
                for d in all.iter().filter(|d| d.is_error()) {
                    if !said.contains(&d) {
                        said.push(d);
                    }
                }
                said.iter().take(5).for_each(|d| out.note(diagnostics::human(&out.err, sources, d).trim_end()));
                if said.len() > 5 {
                    out.note(out.err.dim(format!("and {} more", said.len() - 5)));
                }
            }
        }
    }
}

/// Mistakes of an input that could not be taken apart.
fn unreadable(input: Input<'_>, diagnostics: Vec<Diagnostic>) -> Wrong {
    let mut sources = Sources::default();
    sources.add(input.name, input.text);
    Wrong::Mistakes(Box::new((sources, diagnostics)))
}

/// A failure of what was asked.
pub fn failed(failure: &Failure) -> CliError {
    let kind = serde_json::to_value(failure.kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let error = CliError::new(Exit::Failed, format!("{kind}: {}", failure.message));
    match failure.action.is_empty() || failure.message.contains(failure.action.as_str()) {
        true => error,
        false => error.help(format!("`{}` failed", failure.action)),
    }
}

/// The exit code of what is wrong.
pub fn exit_of(wrong: &Wrong) -> Exit {
    match wrong {
        Wrong::Mistakes(_) => Exit::Failed,
        Wrong::Other(e) => e.exit,
    }
}
