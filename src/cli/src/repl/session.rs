//! A session: the project, what was declared and what was computed so far; and how the next input is checked against it.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use rrb_lang::check::session::{Given, Session as Checking};
use rrb_lang::check::{CheckInput, Checked, ModuleSource, Surroundings, check_session};
use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::hir;
use rrb_lang::ids::FnId;
use rrb_lang::program::{Program, compile, compile_tests};
use rrb_lang::project::{ProjectConfig, at_their_use, hide_secrets};
use rrb_lang::span::Sources;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::types::{Ty, Type, TypeTable};
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::SettingValues;
use smol_str::SmolStr;

use super::library::{Library, words};
use super::names::{Scene, written};
use super::pieces::{Kind, Piece};
use super::source::{Composed, INPUT, MODULE, Origin, RESULT, RUNBOOK, Typed, shown};
use crate::exit::{CliError, Exit};
use crate::project::{self, Place, Sound, Texts};

/// The most results that are kept by number.
const KEPT: usize = 100;

/// Instructions for making an event.
const FUEL: u64 = 10_000_000;

/// What a session knows.
#[derive(Debug, Default)]
pub struct Session {
    /// None outside a project.
    pub place: Option<Place>,
    texts: Texts,
    library: Arc<Library>,
    /// The modules of the project, for whoever asks about names.
    shared: Arc<Vec<ModuleSource>>,
    uses: Vec<String>,
    declarations: Vec<Declaration>,
    values: IndexMap<SmolStr, Held>,
    /// How many results there were.
    pub count: usize,
}

/// Something declared at the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// `fn`, `type`, …
    pub what: &'static str,
    pub name: SmolStr,
    pub text: String,
}

/// A value with a name.
#[derive(Debug, Clone)]
pub struct Held {
    pub ty: Ty,
    pub types: Arc<TypeTable>,
    pub value: Value,
    /// `var`
    pub mutable: bool,
}

/// An input that may run.
#[derive(Debug, Clone)]
pub struct Ready {
    pub program: Arc<Program>,
    pub types: Arc<TypeTable>,
    pub config: Arc<ProjectConfig>,
    pub settings: SettingValues,
    /// The input as an action that takes nothing.
    pub action: FnId,
    pub ty: Ty,
    pub effect: Effect,
    /// What it does to names, when it gives its value.
    pub kind: Kind,
    /// Warnings, rendered from these sources.
    pub warnings: Vec<Diagnostic>,
    pub sources: Sources,
}

/// Why an input cannot be taken.
#[derive(Debug, Clone)]
pub enum Wrong {
    /// Mistakes in it, with the sources they are shown in.
    Mistakes(Box<(Sources, Vec<Diagnostic>)>),
    Other(CliError),
}

impl From<CliError> for Wrong {
    fn from(error: CliError) -> Self {
        Self::Other(error)
    }
}

/// How much of the project an input is checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What it names.
    Named,
    /// All of it: policies judge what is done.
    Whole,
}

/// How the input stands in the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An action: it is asked, or foreseen.
    Action,
    /// A runbook: it runs.
    Runbook,
    /// A runbook that leaves what the input gives as evidence.
    Result,
}

/// What was typed: all of it, and its name.
#[derive(Debug, Clone, Copy)]
pub struct Input<'t> {
    pub name: &'t str,
    pub text: &'t str,
}

impl Session {
    /// A session of the project at `place`, or of none.
    ///
    /// # Errors
    /// When the project cannot be read at all.
    pub fn open(place: Option<Place>) -> Result<Self, CliError> {
        let mut session = Self { place, ..Self::default() };
        session.reload()?;
        Ok(session)
    }

    /// Reads the project anew; what the session has stays.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn reload(&mut self) -> Result<(), CliError> {
        self.texts = match &self.place {
            Some(place) => project::texts(place)?,
            None => Texts {
                around: Surroundings { now: Some(crate::text::now()), ..Surroundings::default() },
                ..Texts::default()
            },
        };
        self.library = Arc::new(Library::of(&self.texts.modules));
        self.shared = Arc::new(self.texts.modules.clone());
        Ok(())
    }

    /// The project as it was read.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    pub fn library(&self) -> &Library {
        &self.library
    }

    pub fn uses(&self) -> &[String] {
        &self.uses
    }

    pub fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    pub fn values(&self) -> &IndexMap<SmolStr, Held> {
        &self.values
    }

    /// Keeps a binding as it is written: its value is code, which belongs to the program it stands in.
    ///
    /// # Errors
    /// When it cannot stand at the top level of a module.
    pub fn declare_let(&mut self, input: Input<'_>, piece: &Piece) -> Result<Vec<Declaration>, Wrong> {
        let text = input.text.get(piece.range.clone()).unwrap_or_default().to_owned();
        match &piece.kind {
            Kind::Bind { names, mutable: false } if names.len() == 1 => {
                let name = names.first().cloned().unwrap_or_default();
                self.declare_item(input, piece, Declaration { what: "let", name, text })
            }
            _ => Err(CliError::usage("a function is kept by `let NAME = …` alone")
                .help("or declare it: `fn NAME(…) { … }`")
                .into()),
        }
    }

    /// Takes a name out of the session; whether there was one.
    pub fn forget(&mut self, name: &str) -> bool {
        let before = self.declarations.len();
        self.declarations.retain(|d| d.name != name);
        self.values.shift_remove(name).is_some() || self.declarations.len() < before
    }

    /// Checks a statement or an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn ready(&self, input: Input<'_>, piece: &Piece, scope: Scope, form: Form) -> Result<Ready, Wrong> {
        let uses = self.brought(input.text.get(piece.range.clone()).unwrap_or_default());
        let composed = self.compose(&uses, &self.declarations, Some((input, piece)), form);
        let checked = self.check(&composed, scope);
        self.made(input, &composed, checked, piece.kind.clone(), form)
    }

    /// The whole project with what the session declares, and an input that does nothing.
    ///
    /// # Errors
    /// What is wrong with the project.
    pub fn whole(&self, form: Form) -> Result<Sound, Wrong> {
        let piece = Piece { range: 0..0, kind: Kind::Run };
        let ready = self.ready(Input { name: "session", text: "" }, &piece, Scope::Whole, form)?;
        Ok(self.sound(&ready))
    }

    /// The whole project, and the event that `input` writes as a test does: `alertmanager.firing { name: "x" }`. What it leaves out is
    /// neutral.
    ///
    /// # Errors
    /// What is wrong with the event, or with the project.
    pub fn event(&self, input: Input<'_>) -> Result<(Sound, serde_json::Value), Wrong> {
        use rrb_lang::hir::testing::{StepKind, When};
        let uses = self.brought(input.text);
        let mut composed = self.compose(&uses, &self.declarations, None, Form::Action);
        composed.glue("test \"session_event\" {\nwhen ");
        composed.part(input.text, Origin::Input, 0);
        composed.glue("\n}\n");
        let checked = self.check(&composed, Scope::Whole);
        let Some(typed) = &checked.program else { return Err(self.mistakes(input, &composed, &checked)) };
        let wrong = |d: Vec<Diagnostic>| self.as_typed(input, &composed, &checked.sources, &d);
        let tested = compile_tests(typed, &checked.sources, false).map_err(wrong)?;
        let steps = tested.tests.iter().filter(|t| t.name == "session_event").flat_map(|t| &t.steps);
        let mut payloads = steps.filter_map(|s| match &s.kind {
            StepKind::When(When::Event { payload, .. }) => Some(*payload),
            _ => None,
        });
        let Some(payload) = payloads.next_back() else {
            return Err(CliError::usage("an event is expected")
                .help("for example: `:fire alertmanager.firing { name: \"DiskFull\" }`")
                .into());
        };
        let settings = SettingValues::new();
        let value = vm::eval(&tested.program, payload, Vec::new(), &settings, "", FUEL)
            .map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
        let json = vm::to_json(&value).map_err(|e| CliError::new(Exit::Failed, e.to_string()))?;
        Ok((self.whole(Form::Action)?, serde_json::Value::from(&json)))
    }

    /// Takes a `use` or a declaration in; those that no longer fit beside it are given back, and are no longer there.
    ///
    /// # Errors
    /// What is wrong with it; then nothing has changed.
    pub fn declare(&mut self, input: Input<'_>, piece: &Piece) -> Result<Vec<Declaration>, Wrong> {
        let text = input.text.get(piece.range.clone()).unwrap_or_default();
        match &piece.kind {
            Kind::Use => self.declare_use(input, piece, text).map(|()| Vec::new()),
            Kind::Declaration { what, name } => {
                let new = Declaration { what, name: name.clone(), text: text.to_owned() };
                self.declare_item(input, piece, new)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn declare_use(&mut self, input: Input<'_>, piece: &Piece, text: &str) -> Result<(), Wrong> {
        let mut composed = Composed::default();
        composed.part(text, Origin::Input, piece.range.start);
        composed.glue(&format!("\naction {INPUT}() destroys {{\n}}\n"));
        let checked = self.check(&composed, Scope::Named);
        if checked.diagnostics.iter().any(Diagnostic::is_error) {
            return Err(self.mistakes(input, &composed, &checked));
        }
        if !self.uses.iter().any(|u| u == text) {
            self.uses.push(text.to_owned());
        }
        Ok(())
    }

    fn declare_item(&mut self, input: Input<'_>, piece: &Piece, new: Declaration) -> Result<Vec<Declaration>, Wrong> {
        let clashes = |d: &Declaration| d.name == new.name && (d.what == new.what || !is_named_apart(d.what, new.what));
        let mut others: Vec<Declaration> = self.declarations.iter().filter(|d| !clashes(d)).cloned().collect();
        let mut aside = Vec::new();
        loop {
            let texts: Vec<&str> = others.iter().map(|d| d.text.as_str()).chain([new.text.as_str()]).collect();
            let uses = self.brought(&texts.join("\n"));
            let composed = self.compose_declaring(&uses, &others, &new, piece);
            let checked = self.check(&composed, Scope::Named);
            let broken = checked.diagnostics.iter().filter(|d| d.is_error());
            let origins: Vec<Option<Origin>> = broken.map(|d| composed.origin(&checked.sources, d)).collect();
            if origins.is_empty() {
                break;
            }
            let breaks: Vec<usize> = origins
                .iter()
                .filter_map(|o| if let Some(Origin::Declaration(n)) = o { Some(*n) } else { None })
                .collect();
            if breaks.len() < origins.len() || breaks.is_empty() {
                return Err(self.mistakes(input, &composed, &checked));
            }
            let mut n = 0;
            others.retain(|d| {
                let stays = !breaks.contains(&n);
                n += 1;
                if !stays {
                    aside.push(d.clone());
                }
                stays
            });
        }
        let names_value = !matches!(new.what, "test" | "policy" | "settings");
        if names_value {
            self.values.shift_remove(&new.name);
        }
        others.push(new);
        self.declarations = others;
        Ok(aside)
    }

    /// The value of an input takes its names, its number and `it`. The names it goes by.
    pub fn keep(&mut self, ready: &Ready, value: Value) -> Vec<(SmolStr, Held)> {
        let held =
            |ty: &Ty, value: Value, mutable| Held { ty: ty.clone(), types: Arc::clone(&ready.types), value, mutable };
        let mut kept = Vec::new();
        match &ready.kind {
            Kind::Bind { names, mutable } => {
                let parts = fields(&ready.ty);
                for name in names {
                    let ty = parts.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
                    if let (Some(ty), Some(value)) = (ty, value.field(name)) {
                        self.declarations.retain(|d| d.name != *name || is_named_apart(d.what, "let"));
                        kept.push((name.clone(), held(&ty, value.clone(), *mutable)));
                    }
                }
            }
            Kind::Assign { name } => kept.push((name.clone(), held(&ready.ty, value, true))),
            _ => {
                if !is_kept(&ready.ty, &value) || holds_code(&ready.types, &ready.ty) {
                    return kept;
                }
                self.count += 1;
                let numbered: SmolStr = format!("_{}", self.count).into();
                if let Some(old) = self.count.checked_sub(KEPT) {
                    self.values.shift_remove(format!("_{old}").as_str());
                }
                kept.push((numbered, held(&ready.ty, value, false)));
                if let Some((_, last)) = kept.first().cloned() {
                    self.values.insert("it".into(), last);
                }
            }
        }
        for (name, held) in &kept {
            self.values.insert(name.clone(), held.clone());
        }
        kept
    }

    /// The project with the session in it, for whoever plans or runs it. Outside a project there is nothing around it.
    pub fn sound(&self, ready: &Ready) -> Sound {
        Sound {
            place: self.place.clone().unwrap_or_else(|| Place { root: ".".into(), single: None }),
            project: Arc::clone(&ready.config),
            program: Arc::clone(&ready.program),
            settings: ready.settings.clone(),
        }
    }

    /// The module that the session is now, with what it uses by itself, for completion and drafts.
    pub fn module_text(&self, input: &str) -> String {
        let declared: Vec<&str> = self.declarations.iter().map(|d| d.text.as_str()).collect();
        let named = format!("{}\n{input}", declared.join("\n"));
        let mut lines: Vec<String> = self.brought(&named);
        lines.extend(declared.iter().map(|d| (*d).to_owned()));
        lines.join("\n")
    }

    /// What the engine of names is told of this session.
    pub fn scene(&self) -> Scene {
        let mut own: HashSet<String> = self.values.keys().map(ToString::to_string).collect();
        own.extend(self.declarations.iter().map(|d| d.name.to_string()));
        own.extend(words(&self.uses.join("\n")).map(|w| w.text.to_owned()));
        let value = |(name, held): (&SmolStr, &Held)| Some(format!("{name}: {}", written(&held.types, &held.ty)?));
        Scene {
            modules: Arc::clone(&self.shared),
            config: self.texts.around.project_text.clone(),
            library: Arc::clone(&self.library),
            own,
            uses: self.uses.clone(),
            declared: self.declarations.iter().map(|d| d.text.as_str()).collect::<Vec<_>>().join("\n"),
            values: self.values.iter().filter_map(value).collect(),
        }
    }

    /// The `use` lines that a text needs: those of the session, and what it names besides.
    fn brought(&self, text: &str) -> Vec<String> {
        let declared: String = self.declarations.iter().map(|d| d.text.as_str()).collect::<Vec<_>>().join("\n");
        let used = self.uses.join("\n");
        let known = |name: &str| {
            self.values.contains_key(name)
                || self.declarations.iter().any(|d| d.name == name)
                || words(&used).any(|w| w.text == name)
                || rrb_lang::syntax::is_reserved(name)
        };
        let mut lines = self.uses.clone();
        lines.extend(self.library.wanted(&format!("{declared}\n{text}"), &known));
        lines
    }

    fn compose(
        &self,
        uses: &[String],
        declarations: &[Declaration],
        input: Option<(Input<'_>, &Piece)>,
        form: Form,
    ) -> Composed {
        let mut composed = Composed::default();
        uses.iter().for_each(|u| composed.glue(&format!("{u}\n")));
        for (n, d) in declarations.iter().enumerate() {
            composed.part(&d.text, Origin::Declaration(n), 0);
            composed.glue("\n");
        }
        let Some((input, piece)) = input else {
            composed.glue(&format!("action {INPUT}() destroys {{\n}}\n"));
            return composed;
        };
        match form {
            Form::Action => {
                composed.glue(&format!("runbook {RUNBOOK}() {{ finish resolved }}\naction {INPUT}() destroys {{\n"))
            }
            Form::Runbook | Form::Result => {
                composed.glue(&format!("action {INPUT}() destroys {{ }}\nrunbook {RUNBOOK}() {{\n"))
            }
        }
        if let Kind::Assign { name } = &piece.kind {
            composed.glue(&format!("var {name} = {name}\n"));
        }
        let named = matches!(piece.kind, Kind::Bind { .. } | Kind::Assign { .. });
        if form == Form::Result && !named {
            composed.glue("let session_result = ");
        }
        composed.part(input.text.get(piece.range.clone()).unwrap_or_default(), Origin::Input, piece.range.start);
        composed.glue("\n");
        if form == Form::Result {
            let value = match &piece.kind {
                Kind::Bind { names, .. } => {
                    format!("{{ {} }}", names.iter().map(|n| format!("{n}: {n}")).collect::<Vec<_>>().join(", "))
                }
                Kind::Assign { name } => name.to_string(),
                _ => "session_result".to_owned(),
            };
            composed.glue(&format!("evidence \"{RESULT}\" = {value}\n"));
        }
        if form == Form::Action {
            match &piece.kind {
                Kind::Bind { names, .. } if !names.is_empty() => {
                    let all: Vec<String> = names.iter().map(|n| format!("{n}: {n}")).collect();
                    composed.glue(&format!("{{ {} }}\n", all.join(", ")));
                }
                Kind::Assign { name } => composed.glue(&format!("{name}\n")),
                _ => {}
            }
        }
        composed.glue("}\n");
        composed
    }

    fn compose_declaring(&self, uses: &[String], others: &[Declaration], new: &Declaration, piece: &Piece) -> Composed {
        let mut composed = self.compose(uses, others, None, Form::Action);
        composed.part(&new.text, Origin::Input, piece.range.start);
        composed.glue("\n");
        composed
    }

    fn check(&self, composed: &Composed, scope: Scope) -> Checked {
        let text = &composed.text;
        let mut modules: Vec<ModuleSource> = match scope {
            Scope::Named => self.library.needed(text, &self.texts.modules).into_iter().cloned().collect(),
            Scope::Whole => self.texts.modules.clone(),
        };
        modules.retain(|m| m.name != MODULE);
        modules.push(ModuleSource { name: MODULE.into(), file: MODULE.to_owned(), text: text.as_str().into() });
        let named: HashSet<&str> = words(text).map(|w| w.text).collect();
        let values = self.values.iter().filter(|(name, _)| named.contains(name.as_str()));
        let values = values.map(|(name, held)| Given {
            name: name.clone(),
            ty: held.ty.clone(),
            value: held.value.clone(),
            types: Arc::clone(&held.types),
        });
        let session = Checking { module: MODULE.into(), action: INPUT.into(), values: values.collect() };
        let config = (*self.texts.config).clone();
        check_session(CheckInput { modules, project: config }, self.texts.around.clone(), session)
    }

    fn made(
        &self,
        input: Input<'_>,
        composed: &Composed,
        checked: Checked,
        kind: Kind,
        form: Form,
    ) -> Result<Ready, Wrong> {
        let Some(typed) = &checked.program else { return Err(self.mistakes(input, composed, &checked)) };
        let Some((at, function)) = find_input(typed) else {
            return Err(CliError::internal("the input was lost; this is a defect of rrb").into());
        };
        let (ty, effect) = (function.ret.clone(), function.effect);
        let program =
            compile(typed, &checked.sources).map_err(|d| self.as_typed(input, composed, &checked.sources, &d))?;
        let mut sources = checked.sources.clone();
        // What is only asked may go without what is not set: then the call that needs it says so.
        let settings = match form {
            Form::Action => project::known_settings(&program, &self.texts.config),
            Form::Runbook | Form::Result => project::settings(&program, &self.texts.config).map_err(|mut wrong| {
                at_their_use(&mut wrong, &sources);
                hide_secrets(&wrong, &mut sources);
                self.as_typed(input, composed, &sources, &wrong)
            })?,
        };
        let of_input = |d: &&Diagnostic| composed.origin(&checked.sources, d) == Some(Origin::Input) && !is_idle(d);
        let told: Vec<Diagnostic> = checked.diagnostics.iter().filter(of_input).cloned().collect();
        let (sources, warnings) = shown(composed, &sources, &self.typed(input), &told);
        Ok(Ready {
            types: Arc::new(typed.types.clone()),
            program: Arc::new(program),
            config: Arc::clone(&self.texts.config),
            settings,
            action: at,
            ty,
            effect,
            kind,
            warnings,
            sources,
        })
    }

    fn typed<'t>(&'t self, input: Input<'t>) -> Typed<'t> {
        let declarations = self.declarations.iter().map(|d| d.text.as_str()).collect();
        Typed { name: input.name, text: input.text, declarations }
    }

    fn as_typed(&self, input: Input<'_>, composed: &Composed, sources: &Sources, all: &[Diagnostic]) -> Wrong {
        Wrong::Mistakes(Box::new(shown(composed, sources, &self.typed(input), all)))
    }

    fn mistakes(&self, input: Input<'_>, composed: &Composed, checked: &Checked) -> Wrong {
        let errors: Vec<Diagnostic> = checked.diagnostics.iter().filter(|d| d.is_error()).cloned().collect();
        self.as_typed(input, composed, &checked.sources, &errors)
    }
}

fn find_input(typed: &hir::Program) -> Option<(FnId, &hir::Function)> {
    let at = typed.functions.iter().position(|f| f.name == INPUT && f.module == MODULE)?;
    Some((FnId(u32::try_from(at).ok()?), typed.functions.get(at)?))
}

/// Whether a warning says no more than that a line at a prompt is one: what it binds is read later.
fn is_idle(d: &Diagnostic) -> bool {
    let idle = [
        codes::VARIABLE_UNUSED,
        codes::NAME_UNUSED,
        codes::PARAMETER_UNUSED,
        codes::VALUE_UNUSED,
        codes::VARIABLE_HIDDEN,
    ];
    idle.contains(&d.code)
}

/// Tests, policies and settings have no name that code could say.
fn is_named_apart(a: &str, b: &str) -> bool {
    let apart = |w: &str| matches!(w, "test" | "policy" | "settings" | "event");
    apart(a) || apart(b)
}

fn fields(ty: &Ty) -> Vec<(SmolStr, Ty)> {
    match &**ty {
        Type::Record(fields) => fields.iter().map(|f| (f.name.clone(), f.ty.clone())).collect(),
        _ => Vec::new(),
    }
}

/// Whether a result is worth a number: statements give nothing.
fn is_kept(ty: &Ty, value: &Value) -> bool {
    !matches!(**ty, Type::Nothing | Type::Never | Type::None | Type::Error) && *value != Value::Nothing
}

/// Whether a value of this type holds code, which belongs to the program that made it.
pub fn holds_code(types: &TypeTable, ty: &Ty) -> bool {
    fn walk(types: &TypeTable, ty: &Ty, depth: u32) -> bool {
        if depth > 8 {
            return false;
        }
        let next = |t: &Ty| walk(types, t, depth + 1);
        match &**ty {
            Type::Function { .. } => true,
            Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => next(t),
            Type::Map(k, v) => next(k) || next(v),
            Type::Record(fields) => fields.iter().any(|f| next(&f.ty)),
            Type::Named(id, args) => {
                use rrb_lang::types::TypeDefKind;
                let inner = types.get(*id).is_some_and(|d| match &d.kind {
                    TypeDefKind::Record(fields) => fields.iter().any(|f| next(&f.ty)),
                    TypeDefKind::Enum(all) => all.iter().flat_map(|v| &v.payload).any(|f| next(&f.ty)),
                    TypeDefKind::Alias(t) => next(t),
                });
                inner || args.iter().any(next)
            }
            _ => false,
        }
    }
    walk(types, ty, 0)
}
