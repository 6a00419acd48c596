//! What the checker knows while it works: the tables of the program being built, what is known of each declaration, and the
//! diagnostics so far.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::Files;
use super::index::Index;
use super::scope::Frame;
use crate::diag::{Code, Diagnostic};
use crate::hir;
use crate::ids::{ConnectorId, ConstId, EventId, FnId, SettingId, SiteId, TypeId};
use crate::project::ProjectConfig;
use crate::span::{FileId, Sources, Span};
use crate::syntax::ast;
use crate::types::{Effect, FieldTy, Ty, TypeTable, VariantTy, builtin};

/// What a name of a module or connector stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Def {
    Const(ConstId),
    Setting(SettingId),
    /// A `fn` or an `action`.
    Fn(FnId),
    /// By index in `Checker::runbooks`.
    Runbook(usize),
    Connector(ConnectorId),
    Type(TypeId),
    Event(EventId),
    /// By index in `Checker::modules`.
    Module(usize),
    /// Already reported.
    Bad,
}

/// A name with where it was declared.
#[derive(Debug)]
pub(super) struct Named {
    pub def: Def,
    pub span: Span,
    /// Brought in by `use`.
    pub imported: bool,
    /// Something refers to it.
    used: AtomicBool,
}

impl Named {
    pub fn new(def: Def, span: Span, imported: bool) -> Self {
        Self { def, span, imported, used: AtomicBool::new(false) }
    }

    /// Whether something refers to it.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub fn use_it(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

pub(super) type Names = IndexMap<SmolStr, Named>;

/// A module: a file of the project, of the standard library, or native signatures.
pub(super) struct ModuleInfo {
    pub name: SmolStr,
    pub file: FileId,
    pub ast: Arc<ast::Module>,
    pub names: Names,
    pub native: bool,
    /// What its actions do inside is not looked at.
    pub heads: bool,
}

/// Where a declaration stands: decides what bare names mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub module: usize,
    pub connector: Option<ConnectorId>,
}

/// How far a declaration is, for what is inferred on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Working,
    Done,
}

/// A parameter or a field of a payload, resolved.
#[derive(Debug, Clone)]
pub(super) struct ParamInfo {
    pub name: SmolStr,
    pub ty: Ty,
    pub default: Option<ConstId>,
    pub span: Span,
    pub docs: String,
}

impl From<&FieldTy> for ParamInfo {
    fn from(field: &FieldTy) -> Self {
        Self {
            name: field.name.clone(),
            ty: field.ty.clone(),
            default: field.default,
            span: Span::default(),
            docs: String::new(),
        }
    }
}

/// What is known of a `fn` or an action.
#[derive(Clone)]
pub(super) struct FnInfo {
    /// `percent`, `slack.post`, `http.get`
    pub name: SmolStr,
    pub home: Home,
    pub docs: String,
    /// Its name in the source.
    pub span: Span,
    pub decl: FnSource,
    pub generics: Vec<SmolStr>,
    pub params: Arc<[ParamInfo]>,
    /// None while it is to be inferred from the body.
    pub ret: Option<Ty>,
    pub effect: Effect,
    /// An action, native or not.
    pub action: bool,
    pub native: bool,
    pub state: State,
}

/// The tree of a `fn` or action.
#[derive(Clone)]
pub(super) enum FnSource {
    Fn(Arc<ast::FnDecl>),
    Action(Arc<ast::ActionDecl>),
}

/// What is known of a constant or a default.
pub(super) struct ConstInfo {
    pub name: SmolStr,
    pub home: Home,
    /// As declared, or inferred once it is done.
    pub ty: Option<Ty>,
    pub source: Arc<ast::Expr>,
    pub body: Option<hir::Body>,
    pub state: State,
    /// What it is, for messages: a constant, a default.
    pub what: &'static str,
    pub span: Span,
}

/// What is known of a connector.
pub(super) struct ConnectorInfo {
    pub name: SmolStr,
    pub module: usize,
    pub docs: String,
    pub span: Span,
    pub names: Names,
    pub settings: Vec<SettingId>,
}

/// What is known of an event.
pub(super) struct EventInfo {
    pub connector: ConnectorId,
    pub module: usize,
    pub name: SmolStr,
    pub decl: Arc<ast::Event>,
    pub docs: String,
    pub span: Span,
    /// What `emit` gives.
    pub ty: Ty,
    /// What conditions see: its fields and `meta`.
    pub seen: Ty,
}

/// A runbook that waits for its turn.
pub(super) struct RunbookInfo {
    pub name: SmolStr,
    pub home: Home,
    pub decl: Arc<ast::Runbook>,
    pub docs: String,
    pub span: Span,
    pub params: Arc<[ParamInfo]>,
}

/// A policy that waits for its turn.
pub(super) struct PolicyInfo {
    pub name: SmolStr,
    pub home: Home,
    pub decl: Arc<ast::Policy>,
    pub docs: String,
    pub span: Span,
    /// All of it.
    pub whole: Span,
}

/// Everything of one check.
pub(super) struct Checker {
    pub sources: Sources,
    pub diags: Vec<Diagnostic>,
    /// What the parser said, and the declarations it could not read whole.
    pub syntax: Vec<Diagnostic>,
    pub broken: Vec<Span>,
    /// In declarations that could not be read whole: the statements that could be, and those that could not.
    pub sound: Vec<Span>,
    pub unsound: Vec<Span>,
    pub project: ProjectConfig,
    /// Of a check at a prompt.
    pub session: Option<super::session::Session>,
    pub modules: Vec<ModuleInfo>,
    pub module_index: HashMap<SmolStr, usize>,
    /// Names in scope everywhere: native modules and what `core` declares.
    pub prelude: Names,
    pub types: TypeTable,
    /// Where each declared type stands.
    pub type_spans: Vec<Span>,
    pub fns: Vec<FnInfo>,
    /// One per id; declared functions first get their slot, lambdas and handlers when they are met.
    pub functions: Vec<Option<hir::Function>>,
    /// Which entry of `fns` an id has; ids of lambdas have none.
    pub fn_index: HashMap<FnId, usize>,
    pub consts: Vec<ConstInfo>,
    pub settings: Vec<hir::Setting>,
    pub connectors: Vec<ConnectorInfo>,
    pub events: Vec<EventInfo>,
    pub hir_events: Vec<hir::Event>,
    pub runbooks: Vec<RunbookInfo>,
    pub policies: Vec<PolicyInfo>,
    /// Other files of the project by path: their text, or why they cannot be read. None when nobody looked.
    pub files: Option<Files>,
    pub sites: Vec<hir::Site>,
    pub trusts: Vec<hir::Trust>,
    pub frames: Vec<Frame>,
    pub home: Home,
    /// Nested expressions being checked, over all declarations that wait for others.
    pub depth: u32,
    /// The depth was reported in this declaration.
    pub depth_reported: bool,
    /// A generic declaration's parameters in scope.
    pub generics: Vec<SmolStr>,
    pub tests: Vec<hir::testing::Test>,
    /// How many of `functions` are the program's: those behind are of its tests.
    pub program_functions: usize,
    /// Record literals may leave fields out, which get neutral values: in what a test gives.
    pub fills: bool,
    /// In a pattern of a test: the names and regular expressions in it, which are held against its places.
    pub places: Option<super::testing::Places>,
    /// The declaration whose inside is looked at, when others do not matter.
    pub only: Option<Span>,
    /// What an editor asks for, when one does.
    pub index: Option<Box<Index>>,
    /// The parameters that a function never reads, by place; only functions that have some.
    pub unread: HashMap<FnId, Vec<usize>>,
}

impl Checker {
    pub fn new(sources: Sources, project: ProjectConfig) -> Self {
        let types = builtin::table();
        let type_spans = vec![Span::default(); types.defs.len()];
        Self {
            sources,
            diags: Vec::new(),
            syntax: Vec::new(),
            broken: Vec::new(),
            sound: Vec::new(),
            unsound: Vec::new(),
            project,
            session: None,
            modules: Vec::new(),
            module_index: HashMap::new(),
            prelude: Names::new(),
            types,
            type_spans,
            fns: Vec::new(),
            functions: Vec::new(),
            fn_index: HashMap::new(),
            consts: Vec::new(),
            settings: Vec::new(),
            connectors: Vec::new(),
            events: Vec::new(),
            hir_events: Vec::new(),
            runbooks: Vec::new(),
            policies: Vec::new(),
            files: None,
            sites: Vec::new(),
            trusts: Vec::new(),
            frames: Vec::new(),
            home: Home { module: 0, connector: None },
            depth: 0,
            depth_reported: false,
            generics: Vec::new(),
            tests: Vec::new(),
            program_functions: 0,
            fills: false,
            places: None,
            only: None,
            index: None,
            unread: HashMap::new(),
        }
    }

    pub fn report(&mut self, mut diagnostic: Diagnostic) {
        let follows = |text: &String| text.contains(super::types::UNKNOWN);
        if follows(&diagnostic.message) || diagnostic.labels.iter().any(|l| follows(&l.text)) {
            return;
        }
        diagnostic.message = articles(diagnostic.message);
        diagnostic.help = diagnostic.help.into_iter().map(articles).collect();
        for label in &mut diagnostic.labels {
            label.text = articles(std::mem::take(&mut label.text));
        }
        self.diags.push(diagnostic);
    }

    /// Reports an error; for those that need no more than a message, a label and advice.
    pub fn error(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mut d = Diagnostic::error(code, message, span, label);
        let help = help.into();
        if !help.is_empty() {
            d = d.help(help);
        }
        self.report(d);
    }

    /// Reserves the id of a function whose tree comes later.
    pub fn new_fn(&mut self) -> FnId {
        let id = FnId(u32::try_from(self.functions.len()).unwrap_or(u32::MAX));
        self.functions.push(None);
        id
    }

    /// What is known of a declared function.
    pub fn fn_info(&self, id: FnId) -> Option<&FnInfo> {
        self.fn_index.get(&id).and_then(|i| self.fns.get(*i))
    }

    pub fn fn_info_mut(&mut self, id: FnId) -> Option<&mut FnInfo> {
        self.fn_index.get(&id).copied().and_then(|i| self.fns.get_mut(i))
    }

    /// A new place that issues effects, in the function being checked.
    pub fn new_site(&mut self, span: Span) -> SiteId {
        let id = SiteId(u32::try_from(self.sites.len()).unwrap_or(u32::MAX));
        let function = self.frames.last().map_or(FnId(u32::MAX), |f| f.function);
        self.sites.push(hir::Site { span, function });
        id
    }

    /// A constant that is checked when somebody asks, at the latest at the end.
    pub fn new_const(&mut self, name: SmolStr, ty: Option<Ty>, source: &ast::Expr, what: &'static str) -> ConstId {
        let id = ConstId(u32::try_from(self.consts.len()).unwrap_or(u32::MAX));
        let span = source.span;
        let home = self.home;
        let source = Arc::new(source.clone());
        self.consts.push(ConstInfo { name, home, ty, source, body: None, state: State::Waiting, what, span });
        id
    }

    pub fn connector(&self, id: ConnectorId) -> Option<&ConnectorInfo> {
        self.connectors.get(id.index())
    }

    /// The variants of an enum.
    pub fn variants(&self, id: TypeId) -> Option<&[VariantTy]> {
        match &self.types.get(id)?.kind {
            crate::types::TypeDefKind::Enum(v) => Some(v),
            _ => None,
        }
    }

    /// Whether it matters what a declaration does inside, by its name or the whole of it.
    pub fn matters(&self, span: Span) -> bool {
        self.only.is_none_or(|o| o.file == span.file && o.start <= span.start && span.end <= o.end)
    }

    /// Runs `f` as part of another declaration, then comes back to the one being checked.
    pub fn elsewhere<R>(&mut self, home: Home, f: impl FnOnce(&mut Self) -> R) -> R {
        let frames = std::mem::take(&mut self.frames);
        let generics = std::mem::take(&mut self.generics);
        let old = std::mem::replace(&mut self.home, home);
        let result = f(self);
        self.frames = frames;
        self.generics = generics;
        self.home = old;
        result
    }
}

/// `an` before a type that begins with a vowel: messages put types in by name.
fn articles(text: String) -> String {
    let wrong = |i: usize| text.get(..i).is_none_or(|before| !before.ends_with(char::is_alphanumeric));
    let hits: Vec<usize> = ["a `A", "a `E", "a `I", "a `O"]
        .iter()
        .flat_map(|form| text.match_indices(form).map(|(i, _)| i))
        .filter(|i| wrong(*i))
        .collect();
    if hits.is_empty() {
        return text;
    }
    let mut out = String::with_capacity(text.len() + hits.len());
    for (i, c) in text.char_indices() {
        out.push(c);
        if hits.contains(&i) {
            out.push('n');
        }
    }
    out
}
