//! One file with everything it uses, checked for an editor: what `rrb check` says of it, and answers to questions about its names,
//! types and declarations.

use std::sync::{Arc, LazyLock};

use smol_str::SmolStr;

use super::cx::{Checker, Def, FnInfo, FnSource, Home, ModuleInfo, Names, ParamInfo};
pub use super::index::{CallSeen, ExprSeen, Index, LocalSeen, NameSeen, ParamSeen, PlaceSeen, Target};
use super::{STACK, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{Delegate, PolicyKind, SettingOwner};
use crate::ids::{ConnectorId, EventId, FnId, SettingId, TypeId};
use crate::methods::Method;
use crate::project::ProjectConfig;
use crate::span::{FileId, Sources, Span};
use crate::syntax::ast::{self, ItemKind, RepeatClass};
use crate::types::{Effect, FieldTy, Ty, Type, TypeDef, TypeDefKind, VariantTy};

/// Whose module it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A primitive of the language: in scope everywhere.
    Native,
    /// The standard library: what its actions do inside is not looked at.
    Library,
    Project,
}

/// A module that was read.
#[derive(Debug, Clone)]
pub struct ReadModule {
    /// `lib.paging`
    pub name: SmolStr,
    /// Of the sources that are handed in with it.
    pub file: FileId,
    pub ast: Arc<ast::Module>,
    /// What reading it said.
    pub diagnostics: Arc<[Diagnostic]>,
    pub owner: Owner,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The file that everything is noted of.
    pub file: FileId,
    /// A name that stands in the file where somebody asks what could stand there.
    pub place: Option<SmolStr>,
    /// The declaration that is asked about: what others do inside is not looked at, and not all that is wrong is said.
    pub only: Option<Span>,
}

/// What a declaration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Variable,
    Parameter,
    Constant,
    Setting,
    Function,
    Action,
    Runbook,
    Policy,
    Connector,
    Record,
    Enum,
    Alias,
    Event,
    Module,
    Field,
    Variant,
    Method,
    BuiltIn,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: SmolStr,
    pub kind: Kind,
    /// The name where it is declared; none for what the language brings.
    pub span: Option<Span>,
    pub docs: String,
    /// The module that declares it; empty for what the language brings.
    pub module: SmolStr,
}

/// A `fn` or an action.
#[derive(Debug, Clone)]
pub struct FnSeen {
    /// `percent`, `slack.post`, `http.get`
    pub name: SmolStr,
    pub params: Arc<[ParamSeen]>,
    pub ret: Option<Ty>,
    pub effect: Effect,
    pub action: bool,
    pub native: bool,
    /// What may be repeated, as declared or by default.
    pub class: Option<SmolStr>,
    pub docs: String,
    pub span: Span,
    pub connector: Option<ConnectorId>,
}

/// One file and what it uses, checked.
pub struct World {
    checker: Checker,
    file: FileId,
    /// What the names and expressions of the file are. It is put in order by who asks first: what is wrong is known before.
    pub index: LazyLock<Index, Box<dyn FnOnce() -> Index + Send>>,
    /// What is wrong in the file.
    pub diagnostics: Vec<Diagnostic>,
    /// What policies of the file delegate to, with the rules that do: nothing here understands those languages.
    pub delegates: Vec<(Delegate, Span)>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Checks modules that were read before. All that the file uses must be among them, the primitives first; no module twice.
pub fn check_file(
    sources: Sources,
    modules: Vec<ReadModule>,
    project: ProjectConfig,
    around: Surroundings,
    question: Question,
) -> World {
    let work = move || run(sources, modules, project, around, question);
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("check".into()).stack_size(STACK);
        // The closure is gone with the attempt; where no thread is to be had there is nothing to answer with but an empty world.
        match worker.spawn_scoped(scope, work) {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => World {
                checker: Checker::new(Sources::default(), ProjectConfig::default()),
                file: FileId::default(),
                index: LazyLock::new(Box::new(Index::default)),
                diagnostics: Vec::new(),
                delegates: Vec::new(),
            },
        }
    })
}

fn run(
    sources: Sources,
    modules: Vec<ReadModule>,
    project: ProjectConfig,
    around: Surroundings,
    question: Question,
) -> World {
    let mut c = Checker::new(sources, project);
    let index = Index { file: question.file, asked: question.place, ..Index::default() };
    c.index = Some(Box::new(index));
    c.only = question.only;
    for m in modules {
        let module = ModuleInfo {
            name: m.name,
            file: m.file,
            ast: m.ast,
            names: Names::new(),
            native: m.owner == Owner::Native,
            heads: m.owner != Owner::Project,
        };
        c.add_module(module, m.diagnostics.to_vec());
    }
    let (mut made, mut diagnostics) = c.all_rounds(around);
    c.types = std::mem::take(&mut made.types);
    c.settings = std::mem::take(&mut made.settings);
    diagnostics.retain(|d| d.span().file == question.file);
    let mut index = c.index.take().map(|i| *i).unwrap_or_default();
    c.declarations_of(question.file, &mut index);
    let rules = std::mem::take(&mut made.policies).into_iter().flat_map(|p| p.rules);
    let rules = rules.filter(|r| r.span.file == question.file);
    let delegates = rules.filter_map(|r| match r.kind {
        PolicyKind::Delegate(d) => Some((d, r.span)),
        _ => None,
    });
    let delegates = delegates.collect();
    // Nobody need wait until the typed tree is taken down. Where no thread is to be had, it is gone with the attempt.
    drop(std::thread::Builder::new().name("drop".into()).stack_size(STACK).spawn(move || drop(made)));
    let finish = Box::new(move || {
        index.finish();
        index
    });
    World { checker: c, file: question.file, index: LazyLock::new(finish), diagnostics, delegates }
}

impl Checker {
    /// The names of declarations where they are declared.
    fn declarations_of(&self, file: FileId, index: &mut Index) {
        let mut add = |span: Span, target: Target| {
            if span.file == file && span.start < span.end {
                index.names.push(NameSeen { span, target });
            }
        };
        for (m, module) in self.modules.iter().enumerate().filter(|(_, m)| m.file == file) {
            let connectors = self.connectors.iter().filter(|c| c.module == m);
            for names in connectors.map(|c| &c.names).chain([&module.names]) {
                for named in names.values().filter(|n| !n.imported) {
                    if let Some(target) = Target::of(named.def) {
                        add(named.span, target);
                    }
                }
            }
        }
        for (i, p) in self.policies.iter().enumerate() {
            add(p.span, Target::Policy(i));
        }
        for (i, span) in self.type_spans.iter().enumerate().filter(|(_, s)| s.file == file) {
            let id = TypeId(u32::try_from(i).unwrap_or(u32::MAX));
            match self.type_item(*span).map(|i| &i.kind) {
                Some(ItemKind::Type(ast::TypeDecl {
                    ty: ast::Type { kind: ast::TypeKind::Record(fields), .. },
                    ..
                })) => {
                    fields.iter().for_each(|f| add(f.name.span, Target::Field(id, f.name.name.clone())));
                }
                Some(ItemKind::Enum(e)) => {
                    e.variants.iter().for_each(|v| add(v.name.span, Target::Variant(id, v.name.name.clone())));
                }
                _ => {}
            }
        }
        let params =
            self.fns.iter().flat_map(|f| f.params.iter()).chain(self.runbooks.iter().flat_map(|r| r.params.iter()));
        params.for_each(|p| add(p.span, Target::Param(p.span)));
    }

    /// The declaration of the type whose name stands at `name`.
    fn type_item(&self, name: Span) -> Option<&ast::Item> {
        let module = self.modules.iter().find(|m| m.file == name.file)?;
        let inner = module.ast.items.iter().filter_map(|i| match &i.kind {
            ItemKind::Connector(c) => Some(&c.items),
            _ => None,
        });
        module.ast.items.iter().chain(inner.flatten()).find(|i| match &i.kind {
            ItemKind::Type(t) => t.name.span == name,
            ItemKind::Enum(e) => e.name.span == name,
            _ => false,
        })
    }
}

impl World {
    pub fn sources(&self) -> &Sources {
        &self.checker.sources
    }

    /// A type as its author would write it; a type that is not known because of a mistake is `…`.
    pub fn show(&self, t: &Ty) -> String {
        self.checker.show(t).replace(super::types::UNKNOWN, "…")
    }

    /// A type with its aliases opened.
    pub fn open(&self, t: &Ty) -> Ty {
        self.checker.open(t)
    }

    /// The fields of a record.
    pub fn fields(&self, t: &Ty) -> Vec<FieldTy> {
        self.checker.fields_of(t).unwrap_or_default()
    }

    /// The enum that a type is, and its variants in order.
    pub fn variants(&self, t: &Ty) -> Option<(TypeId, &[VariantTy])> {
        let (id, _) = self.checker.enum_of(t)?;
        Some((id, self.checker.variants(id)?))
    }

    /// The declared type that a type is, its optional opened.
    pub fn named(&self, t: &Ty) -> Option<TypeId> {
        match &**t {
            Type::Named(id, _) => Some(*id),
            Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Map(_, t) => self.named(t),
            _ => None,
        }
    }

    /// The methods of a value.
    pub fn methods(&self, t: &Ty) -> Vec<&'static Method> {
        self.checker.methods_of(t)
    }

    /// Whether a value of `from` may stand where `to` is expected.
    pub fn fits(&self, from: &Ty, to: &Ty) -> bool {
        self.checker.fit(from, to).is_some()
    }

    /// The modules, by the name that `use` gives them, with their file.
    pub fn modules(&self) -> impl Iterator<Item = (usize, &SmolStr, FileId)> {
        self.checker.modules.iter().enumerate().map(|(i, m)| (i, &m.name, m.file))
    }

    /// The module that a file is.
    pub fn module_of(&self, file: FileId) -> Option<usize> {
        self.checker.modules.iter().position(|m| m.file == file)
    }

    /// What a module or connector offers to others, by name.
    pub fn members(&self, of: &Target) -> Vec<(SmolStr, Target)> {
        let def = match of {
            Target::Module(i) => Def::Module(*i),
            Target::Connector(id) => Def::Connector(*id),
            _ => return Vec::new(),
        };
        self.checker.members(def).into_iter().filter_map(|(name, def)| Some((name, Target::of(def)?))).collect()
    }

    /// The connector that a name before `.` stands for.
    pub fn connector_of(&self, target: &Target) -> Option<ConnectorId> {
        match target {
            Target::Module(i) => self.checker.as_connector(Def::Module(*i)),
            Target::Connector(id) => Some(*id),
            _ => None,
        }
    }

    /// The names in scope of a module, or of a connector in it, besides variables: name, what it is, whether `use` brought it. What
    /// is in scope everywhere comes last.
    pub fn scope(&self, module: usize, connector: Option<ConnectorId>) -> Vec<(SmolStr, Target, bool)> {
        let of = |names: &Names| -> Vec<(SmolStr, Target, bool)> {
            names.iter().filter_map(|(k, n)| Some((k.clone(), Target::of(n.def)?, n.imported))).collect()
        };
        let mut out = Vec::new();
        out.extend(connector.and_then(|c| self.checker.connector(c)).map(|c| of(&c.names)).unwrap_or_default());
        out.extend(self.checker.modules.get(module).map(|m| of(&m.names)).unwrap_or_default());
        out.extend(of(&self.checker.prelude).into_iter().map(|(name, target, _)| (name, target, false)));
        let mut seen = std::collections::HashSet::new();
        out.retain(|(name, ..)| seen.insert(name.clone()));
        out
    }

    /// A `fn` or an action.
    pub fn function(&self, id: FnId) -> Option<FnSeen> {
        let info = self.checker.fn_info(id)?;
        Some(FnSeen {
            name: info.name.clone(),
            params: params(&info.params),
            ret: info.ret.clone(),
            effect: info.effect,
            action: info.action,
            native: info.native,
            class: class(info, self.sources()),
            docs: info.docs.clone(),
            span: info.span,
            connector: info.home.connector,
        })
    }

    /// The parameters of a runbook.
    pub fn runbook_params(&self, index: usize) -> Arc<[ParamSeen]> {
        self.checker.runbooks.get(index).map(|r| params(&r.params)).unwrap_or_default()
    }

    /// The runbooks by index.
    pub fn runbooks(&self) -> impl Iterator<Item = (usize, &SmolStr)> {
        self.checker.runbooks.iter().enumerate().map(|(i, r)| (i, &r.name))
    }

    /// What an event looks like in conditions: a record with `meta`.
    pub fn event_seen(&self, id: EventId) -> Option<Ty> {
        self.checker.events.get(id.index()).map(|e| e.seen.clone())
    }

    /// What a delivery of an event holds.
    pub fn event_type(&self, id: EventId) -> Option<Ty> {
        self.checker.events.get(id.index()).map(|e| e.ty.clone())
    }

    /// The name of a connector.
    pub fn connector_name(&self, id: ConnectorId) -> Option<SmolStr> {
        self.checker.connector(id).map(|c| c.name.clone())
    }

    /// A setting.
    pub fn setting(&self, id: SettingId) -> Option<&crate::hir::Setting> {
        self.checker.settings.get(id.index())
    }

    /// What a declared type stands for.
    pub fn type_def(&self, id: TypeId) -> Option<&TypeDef> {
        self.checker.types.get(id)
    }

    /// The settings of a module (its name) or of a connector.
    pub fn settings_of(&self, owner: &SettingOwner) -> Vec<&crate::hir::Setting> {
        self.checker.settings.iter().filter(|s| s.owner == *owner).collect()
    }

    /// The type of a constant or setting.
    pub fn type_of(&self, target: &Target) -> Option<Ty> {
        match target {
            Target::Const(id) => self.checker.consts.get(id.index())?.ty.clone(),
            Target::Setting(id) => self.checker.settings.get(id.index()).map(|s| s.ty.clone()),
            Target::Local(span) => self.index.locals.iter().find(|l| l.span == *span).map(|l| l.ty.clone()),
            Target::Field(id, name) => match &self.checker.types.get(*id)?.kind {
                TypeDefKind::Record(fields) => fields.iter().find(|f| f.name == *name).map(|f| f.ty.clone()),
                _ => None,
            },
            Target::Param(span) => self.param(*span).map(|p| p.ty.clone()),
            Target::Event(id) => self.event_type(*id),
            Target::Variant(id, _) | Target::Type(id) => Some(Ty::new(Type::Named(*id, vec![]))),
            _ => None,
        }
    }

    fn param(&self, span: Span) -> Option<&ParamInfo> {
        let of_fns = self.checker.fns.iter().flat_map(|f| f.params.iter());
        of_fns.chain(self.checker.runbooks.iter().flat_map(|r| r.params.iter())).find(|p| p.span == span)
    }

    /// The item that declares a type.
    pub fn type_item(&self, id: TypeId) -> Option<&ast::Item> {
        self.checker.type_item(*self.checker.type_spans.get(id.index())?)
    }

    fn module_at(&self, file: FileId) -> SmolStr {
        self.checker.modules.iter().find(|m| m.file == file).map(|m| m.name.clone()).unwrap_or_default()
    }

    /// What is known of what a name stands for.
    pub fn declared(&self, target: &Target) -> Option<Declared> {
        let c = &self.checker;
        let made = |name: &SmolStr, kind: Kind, span: Span, docs: &str| Declared {
            name: name.clone(),
            kind,
            span: (span != Span::default()).then_some(span),
            docs: docs.to_owned(),
            module: if span == Span::default() { SmolStr::default() } else { self.module_at(span.file) },
        };
        Some(match target {
            Target::Local(span) => {
                let local = self.index.locals.iter().find(|l| l.span == *span)?;
                match self.param(*span) {
                    Some(p) => made(&p.name, Kind::Parameter, *span, &p.docs),
                    None => made(&local.name, Kind::Variable, *span, ""),
                }
            }
            Target::Param(span) => {
                let p = self.param(*span)?;
                made(&p.name, Kind::Parameter, *span, &p.docs)
            }
            Target::Const(id) => {
                let info = c.consts.get(id.index())?;
                let named = c.modules.get(info.home.module)?.names.get(&info.name);
                let of_connector =
                    info.home.connector.and_then(|k| c.connector(k)).and_then(|k| k.names.get(&info.name));
                let span = of_connector.or(named).map_or(info.span, |n| n.span);
                made(&info.name, Kind::Constant, span, self.item_docs(info.home, span))
            }
            Target::Setting(id) => {
                let s = c.settings.get(id.index())?;
                made(&s.name, Kind::Setting, s.span, &s.docs)
            }
            Target::Fn(id) => {
                let info = c.fn_info(*id)?;
                let kind = if info.action { Kind::Action } else { Kind::Function };
                made(&info.name, kind, info.span, &info.docs)
            }
            Target::Runbook(i) => {
                let r = c.runbooks.get(*i)?;
                made(&r.name, Kind::Runbook, r.span, &r.docs)
            }
            Target::Policy(i) => {
                let p = c.policies.get(*i)?;
                made(&p.name, Kind::Policy, p.span, &p.docs)
            }
            Target::Connector(id) => {
                let k = c.connector(*id)?;
                made(&k.name, Kind::Connector, k.span, &k.docs)
            }
            Target::Event(id) => {
                let e = c.events.get(id.index())?;
                made(&e.name, Kind::Event, e.span, &e.docs)
            }
            Target::Type(id) => {
                let def = c.types.get(*id)?;
                let kind = match &def.kind {
                    TypeDefKind::Record(_) => Kind::Record,
                    TypeDefKind::Enum(_) => Kind::Enum,
                    TypeDefKind::Alias(_) => Kind::Alias,
                };
                made(&def.name, kind, c.type_spans.get(id.index()).copied().unwrap_or_default(), &def.docs)
            }
            Target::Module(i) => {
                let m = c.modules.get(*i)?;
                let span = Span::new(m.file, 0, 0);
                Declared { span: Some(span), ..made(&m.name, Kind::Module, span, &m.ast.docs) }
            }
            Target::Field(id, name) => {
                let field = self.field_decl(*id, name);
                made(name, Kind::Field, field.map(|f| f.name.span).unwrap_or_default(), field.map_or("", |f| &f.docs))
            }
            Target::Variant(id, name) => {
                let variant = self.variant_decl(*id, name);
                let span = variant.map(|v| v.name.span).unwrap_or_default();
                made(name, Kind::Variant, span, variant.map_or("", |v| &v.docs))
            }
            Target::Method(head, name) => {
                let method = crate::methods::find(head, name).next()?;
                made(name, Kind::Method, Span::default(), method.docs)
            }
            Target::BuiltIn(name) => made(name, Kind::BuiltIn, Span::default(), ""),
        })
    }

    /// The `///` lines of the constant whose name stands at `name`.
    fn item_docs(&self, home: Home, name: Span) -> &str {
        let Some(module) = self.checker.modules.get(home.module) else { return "" };
        let inner = module.ast.items.iter().filter_map(|i| match &i.kind {
            ItemKind::Connector(c) => Some(&c.items),
            _ => None,
        });
        let mut all = module.ast.items.iter().chain(inner.flatten());
        all.find(|i| matches!(&i.kind, ItemKind::Const(c) if c.name.span == name)).map_or("", |i| &i.docs)
    }

    fn field_decl(&self, id: TypeId, name: &str) -> Option<&ast::FieldDecl> {
        match &self.type_item(id)?.kind {
            ItemKind::Type(ast::TypeDecl { ty: ast::Type { kind: ast::TypeKind::Record(fields), .. }, .. }) => {
                fields.iter().find(|f| f.name.name == name)
            }
            _ => None,
        }
    }

    fn variant_decl(&self, id: TypeId, name: &str) -> Option<&ast::Variant> {
        match &self.type_item(id)?.kind {
            ItemKind::Enum(e) => e.variants.iter().find(|v| v.name.name == name),
            _ => None,
        }
    }
}

fn params(infos: &[ParamInfo]) -> Arc<[ParamSeen]> {
    let one = |p: &ParamInfo| ParamSeen {
        name: p.name.clone(),
        ty: p.ty.clone(),
        optional: p.default.is_some(),
        span: p.span,
        docs: p.docs.clone(),
    };
    infos.iter().map(one).collect()
}

/// What may be repeated of an action: as written, or the default of its effect.
fn class(info: &FnInfo, sources: &Sources) -> Option<SmolStr> {
    let FnSource::Action(a) = &info.decl else { return None };
    Some(match &a.class {
        _ if info.effect <= Effect::Reads => return None,
        None | Some((RepeatClass::Once, _)) => "once".into(),
        Some((RepeatClass::Idempotent, _)) => "idempotent".into(),
        Some((RepeatClass::Keyed(within), _)) => format!("keyed within {}", sources.text(within.span)).into(),
        Some((RepeatClass::Probe(_), _)) => "probe".into(),
    })
}
