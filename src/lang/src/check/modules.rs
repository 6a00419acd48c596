//! The modules of a check: those of the project, those of the standard library that are used, the native ones; and what `use`
//! brings from one into another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smol_str::SmolStr;

use super::ModuleSource;
use super::cx::{Checker, Def, Home, ModuleInfo, Named, Names};
use super::index::Target;
use crate::diag::{Diagnostic, codes, nearest};
use crate::span::{FileId, Span};
use crate::stdlib;
use crate::syntax::{self, Parsed, ast};

/// The path as written: `std.slack`.
fn dotted(path: &ast::Path) -> String {
    path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".")
}

/// The modules that a module brings in with `use`, as written.
pub fn imports(module: &ast::Module) -> Vec<String> {
    let uses = module.items.iter().filter_map(|item| match &item.kind {
        ast::ItemKind::Use(u) => Some(dotted(&u.path)),
        _ => None,
    });
    uses.collect()
}

/// A module before it is read.
struct Unread<'t> {
    name: SmolStr,
    file: &'t str,
    text: &'t str,
    native: bool,
}

/// The module that a file of a project is, by its path there: `lib/paging.rrb` is `lib.paging`. A file alone may have any name.
///
/// # Errors
/// When a part of the path cannot be part of a module's name; with what to call it.
pub fn module_name(file: &str, alone: bool) -> Result<String, String> {
    let path = file.strip_suffix(".rrb").unwrap_or(file);
    let ident = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if let Some(wrong) = path.split('/').find(|part| !ident(part)) {
        let mended: String =
            wrong.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let mended = if ident(&mended) { mended } else { format!("m_{mended}") };
        if alone {
            return Ok(mended);
        }
        return Err(format!(
            "`{wrong}` cannot be part of a module's name (small letters, digits and `_`): rename it to `{mended}`"
        ));
    }
    Ok(path.replace('/', "."))
}

/// Whether a text looks as if it declared tests and nothing else. A wrong guess only moves the module.
fn holds_only_tests(text: &str) -> bool {
    const DECLARES: [&str; 9] =
        ["runbook ", "connector ", "fn ", "action ", "let ", "settings ", "type ", "enum ", "policy "];
    let mut tests = false;
    for line in text.lines() {
        if DECLARES.iter().any(|word| line.trim_start().starts_with(word)) {
            return false;
        }
        tests |= line.starts_with("test ");
    }
    tests
}

/// The modules without those that hold only tests. None when these bring in nothing of the library that the others do not: then the
/// program is the same with them.
pub fn without_tests(modules: &[ModuleSource]) -> Option<Vec<ModuleSource>> {
    let (tests, own): (Vec<&ModuleSource>, Vec<&ModuleSource>) =
        modules.iter().partition(|m| holds_only_tests(&m.text));
    let uses = |m: &&ModuleSource| {
        let lines = m.text.lines().filter_map(|line| line.trim_start().strip_prefix("use std.").map(str::trim));
        lines.map(|rest| rest.split([' ', '.']).next().unwrap_or_default().to_owned()).collect::<Vec<String>>()
    };
    let known: HashSet<String> = own.iter().flat_map(uses).collect();
    let more = tests.iter().flat_map(uses).any(|name| !known.contains(&name));
    more.then(|| own.into_iter().cloned().collect())
}

/// How many bytes of source make it worth while to read on several threads.
const WORTH_THREADS: usize = 128 * 1024;

/// How many threads read at most.
const MOST_THREADS: usize = 8;

/// Reads every text; the larger a project, the more of the machine's cores do it. The order of the result is that of the texts.
fn parse_all(texts: &[(FileId, &str)]) -> Vec<Parsed> {
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    if bytes < WORTH_THREADS || cores < 2 || texts.len() < 2 {
        return texts.iter().map(|(id, text)| syntax::parse(*id, text)).collect();
    }
    let next = AtomicUsize::new(0);
    let read = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((id, text)) = texts.get(at) else { return mine };
            mine.push((at, syntax::parse(*id, text)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let worker = || std::thread::Builder::new().name("read".into()).stack_size(super::STACK);
        // Where no thread is to be had, this one reads everything.
        let workers: Vec<_> = (1..cores).filter_map(|_| worker().spawn_scoped(scope, read).ok()).collect();
        let mut all = read();
        for worker in workers {
            all.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, parsed)| parsed).collect()
}

/// The native modules whose names stand anywhere in a project or in what it uses of the standard library. Reading all of them for every
/// check would take longer than most projects do.
fn named_in(project: &[ModuleSource]) -> HashSet<&'static str> {
    let natives: HashMap<&str, _> = stdlib::natives().iter().map(|(name, _, text)| (*name, (*name, *text))).collect();
    let mut named = HashSet::new();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut texts: Vec<&str> = project.iter().map(|m| &*m.text).collect();
    while let Some(text) = texts.pop() {
        for word in words(text) {
            if let Some((name, text)) = natives.get(word)
                && named.insert(*name)
            {
                texts.push(text);
            }
        }
        for rest in text.split("std.").skip(1) {
            let name = words(rest).next().unwrap_or_default();
            if let Some((_, text)) = stdlib::get(&format!("std.{name}"))
                && seen.insert(name)
            {
                texts.push(text);
            }
        }
    }
    named
}

/// The words of a text that could be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

impl Checker {
    /// Loads the project's modules and, as far as they are used, the native ones and those of the standard library.
    pub fn load(&mut self, project: Vec<ModuleSource>) {
        let named = named_in(&project);
        let used = stdlib::natives().iter().filter(|(name, ..)| *name == "core" || named.contains(name));
        let native =
            used.map(|(name, file, text)| Unread { name: SmolStr::new_static(name), file, text, native: true });
        let native: Vec<Unread<'_>> = native.collect();
        let natives = native.len();
        let mut seen: HashSet<&SmolStr> = HashSet::with_capacity(project.len());
        let own = project.iter().filter(|m| seen.insert(&m.name));
        let own = own.map(|m| Unread { name: m.name.clone(), file: &m.file, text: &m.text, native: false });
        // Those that hold only tests come last, so that the places of all others are the same without them.
        let (tests, own): (Vec<_>, Vec<_>) = own.partition(|m| holds_only_tests(m.text));
        self.add_modules(native.into_iter().chain(own).collect());
        let next = self.load_used(natives);
        self.add_modules(tests);
        self.load_used(next);
    }

    /// Loads what the modules from `next` on use of the standard library; gives how many modules there are then.
    fn load_used(&mut self, mut next: usize) -> usize {
        while let Some(module) = self.modules.get(next) {
            next += 1;
            let ast = module.ast.clone();
            for item in &ast.items {
                let ast::ItemKind::Use(u) = &item.kind else { continue };
                let name = dotted(&u.path);
                if self.project_module(&name).is_none()
                    && let Some((file, text)) = stdlib::get(&name)
                {
                    self.add_modules(vec![Unread { name: name.into(), file, text, native: false }]);
                }
            }
        }
        next
    }

    /// How a primitive of the native module is called that somebody tried to bring in.
    fn primitive(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix("std.").unwrap_or(name);
        let module = self.module_index.get(name).and_then(|i| self.modules.get(*i)).filter(|m| m.native)?;
        let action = module.ast.items.iter().find_map(|item| match &item.kind {
            ast::ItemKind::Action(a) => Some(&a.name.name),
            ast::ItemKind::Fn(f) => Some(&f.name.name),
            _ => None,
        })?;
        Some(if name == "core" { format!("{action}(…)") } else { format!("{name}.{action}(…)") })
    }

    fn add_modules(&mut self, all: Vec<Unread<'_>>) {
        let texts: Vec<(FileId, &str)> = all.iter().map(|m| (self.sources.add(m.file, m.text), m.text)).collect();
        let files: Vec<FileId> = texts.iter().map(|(id, _)| *id).collect();
        for ((m, file), parsed) in all.iter().zip(files).zip(parse_all(&texts)) {
            self.add_module(
                ModuleInfo {
                    name: m.name.clone(),
                    file,
                    ast: Arc::new(parsed.module),
                    names: Names::new(),
                    native: m.native,
                    heads: false,
                },
                parsed.diagnostics,
            );
        }
    }

    /// Adds a module that is read, with what was said of it.
    pub fn add_module(&mut self, module: ModuleInfo, said: Vec<Diagnostic>) {
        self.note_syntax(&module.ast, &said);
        self.syntax.extend(said);
        self.module_index.insert(module.name.clone(), self.modules.len());
        self.modules.push(module);
    }

    /// Notes the declarations that could not be read whole: what else is found in them follows from that.
    fn note_syntax(&mut self, module: &ast::Module, diagnostics: &[Diagnostic]) {
        for d in diagnostics.iter().filter(|d| d.is_error()) {
            let at = d.span().start;
            let holds = |i: &&ast::Item| i.span.start <= at && at <= i.span.end;
            let Some(item) = module.items.iter().find(holds) else { continue };
            let inner = match &item.kind {
                ast::ItemKind::Connector(c) => c.items.iter().find(holds),
                _ => None,
            };
            self.broken.push(inner.unwrap_or(item).span);
        }
    }

    fn project_module(&self, name: &str) -> Option<usize> {
        self.module_index.get(name).copied().filter(|i| self.modules.get(*i).is_some_and(|m| !m.native))
    }

    /// Native modules are in scope everywhere by their name, what `core` declares by its own.
    pub fn fill_prelude(&mut self) {
        let mut prelude = Names::new();
        for (i, m) in self.modules.iter().enumerate().filter(|(_, m)| m.native) {
            if m.name == "core" {
                prelude.extend(m.names.iter().map(|(n, d)| (n.clone(), Named::new(d.def, d.span, d.imported))));
            } else {
                let named = Named::new(Def::Module(i), Span::default(), true);
                prelude.insert(m.name.clone(), named);
            }
        }
        for i in 0..self.types.defs.len() {
            let Some(name) = self.types.defs.get(i).filter(|d| d.module.is_empty()).map(|d| d.name.clone()) else {
                continue;
            };
            let id = crate::ids::TypeId(u32::try_from(i).unwrap_or(u32::MAX));
            prelude.insert(name, Named::new(Def::Type(id), Span::default(), true));
        }
        self.prelude = prelude;
    }

    /// Puts a name into its module or connector; a second one of the same name is reported.
    pub fn declare_name(&mut self, home: Home, name: &ast::Ident, def: Def, imported: bool) {
        if name.name.is_empty() {
            return;
        }
        let names = match home.connector {
            Some(c) => self.connectors.get_mut(c.index()).map(|c| &mut c.names),
            None => self.modules.get_mut(home.module).map(|m| &mut m.names),
        };
        let Some(names) = names else { return };
        let named = Named::new(def, name.span, imported);
        let Some(first) = names.get(&name.name).map(|n| (n.span, n.imported)) else {
            names.insert(name.name.clone(), named);
            return;
        };
        let what = if imported || first.1 { "stands for two things" } else { "is declared twice" };
        let mut d = Diagnostic::error(
            codes::NAME_DUPLICATE,
            format!("`{}` {what} in this {}", name.name, if home.connector.is_some() { "connector" } else { "module" }),
            name.span,
            "again here",
        )
        .label(first.0, "first here");
        d = if imported { d.help("give it another name: `use … as …`") } else { d.help("rename one of them") };
        self.report(d);
    }

    /// Resolves every `use`.
    pub fn resolve_uses(&mut self) {
        for i in 0..self.modules.len() {
            let Some(ast) = self.modules.get(i).map(|m| m.ast.clone()) else { continue };
            for item in &ast.items {
                if let ast::ItemKind::Use(u) = &item.kind {
                    self.resolve_use(i, u);
                }
            }
        }
    }

    fn resolve_use(&mut self, into: usize, u: &ast::Use) {
        let home = Home { module: into, connector: None };
        // Whose module this is decides which private names it may have.
        self.home = home;
        let name = dotted(&u.path);
        let Some(last) = u.path.parts.last() else { return };
        let target = self.project_module(&name);
        if target.is_none() && !u.path.parts.iter().any(|p| p.name.is_empty()) {
            self.unknown_module(u, &name);
        }
        self.saw_name(last.span, target.map(Target::Module));
        match &u.names {
            None => {
                if let Some(alias) = &u.alias {
                    self.saw_name(alias.span, target.map(Target::Module));
                }
                let shown = u.alias.as_ref().unwrap_or(last);
                self.declare_name(home, shown, target.map_or(Def::Bad, Def::Module), true);
            }
            Some(names) => {
                for n in names {
                    let def = match target {
                        Some(m) => self.member(Def::Module(m), n).unwrap_or_else(|| {
                            self.unknown_member(Def::Module(m), n);
                            Def::Bad
                        }),
                        None => Def::Bad,
                    };
                    self.declare_name(home, n, def, true);
                }
            }
        }
    }

    fn unknown_module(&mut self, u: &ast::Use, name: &str) {
        let known: Vec<SmolStr> = self
            .modules
            .iter()
            .filter(|m| !m.native)
            .map(|m| m.name.clone())
            .chain(stdlib::names().map(SmolStr::new_static))
            .collect();
        let mut d =
            Diagnostic::error(codes::NAME_MODULE, format!("there is no module `{name}`"), u.path.span, "not found");
        let parent = name.rsplit_once('.').filter(|(m, _)| known.iter().any(|k| k == m));
        d = if let Some((module, item)) = parent {
            d.help(format!("to use `{item}` of `{module}`, write `use {module}.{{{item}}}`"))
        } else if let Some(primitive) = self.primitive(name) {
            d.help(format!(
                "the primitives need no `use`: remove this line, and call them by their name, e.g. `{primitive}`"
            ))
        } else if let Some(module) = stdlib::names().find(|m| m.strip_prefix("std.") == Some(name)) {
            d.help(format!("it is a module of the library: write `use {module}`"))
                .fix(format!("write `{module}`"), vec![(u.path.span, module.to_owned())])
        } else if let Some(family) = family(name) {
            d.help(format!("the library has {family}"))
        } else if let Some(near) = nearest(name, known.iter().map(SmolStr::as_str)) {
            d.help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(u.path.span, near.to_owned())])
        } else {
            d.help("a module is a file of the project (`lib/paging.rrb` is `lib.paging`) or one of the standard library (`rrb connectors list`)")
        };
        self.report(d);
    }

    /// What `name` stands for in a module or connector; reports private names. None when there is nothing.
    pub fn member(&mut self, of: Def, name: &ast::Ident) -> Option<Def> {
        let found = self.find_member(of, &name.name)?;
        if name.name.starts_with('_') && !self.same_module(of) {
            let module = self.namespace_name(of);
            self.error(
                codes::NAME_PRIVATE,
                name.span,
                format!("`{}` is private to `{module}`", name.name),
                "private",
                "names that begin with `_` are for their own module only",
            );
            return Some(Def::Bad);
        }
        self.saw_name(name.span, Target::of(found));
        Some(found)
    }

    fn same_module(&self, of: Def) -> bool {
        match of {
            Def::Module(m) => m == self.home.module,
            Def::Connector(c) => self.connector(c).is_some_and(|c| c.module == self.home.module),
            _ => false,
        }
    }

    fn find_member(&self, of: Def, name: &str) -> Option<Def> {
        match of {
            Def::Module(m) => {
                let own =
                    self.modules.get(m)?.names.get(name).filter(|n| !n.imported).inspect(|n| n.use_it()).map(|n| n.def);
                own.or_else(|| self.find_member(Def::Connector(self.main_connector(m)?), name))
            }
            Def::Connector(c) => self.connector(c)?.names.get(name).inspect(|n| n.use_it()).map(|n| n.def),
            _ => None,
        }
    }

    /// The connector a module is about: the one of its own name, or its only one. `use std.slack` makes `slack.post` mean it.
    pub fn main_connector(&self, module: usize) -> Option<crate::ids::ConnectorId> {
        let m = self.modules.get(module)?;
        let own: Vec<(&SmolStr, crate::ids::ConnectorId)> = m
            .names
            .iter()
            .filter(|(_, n)| !n.imported)
            .filter_map(|(name, n)| match n.def {
                Def::Connector(c) => Some((name, c)),
                _ => None,
            })
            .collect();
        let last = m.name.rsplit('.').next().unwrap_or_default();
        match own.as_slice() {
            [(_, only)] => Some(*only),
            all => all.iter().find(|(name, _)| name.as_str() == last).map(|(_, c)| *c),
        }
    }

    /// The connector of a module that has this name: `slack` of `std.slack`, which needs no saying.
    fn connector_named(&self, of: Def, name: &str) -> Option<crate::ids::ConnectorId> {
        self.as_connector(of).filter(|c| self.connector(*c).is_some_and(|c| c.name == name))
    }

    /// The module to `use` for a name that is not in scope.
    pub fn module_for(&self, name: &str) -> Option<SmolStr> {
        let own = self.modules.iter().filter(|m| !m.native).map(|m| m.name.clone());
        own.chain(stdlib::names().map(SmolStr::new_static)).find(|m| m.rsplit('.').next() == Some(name))
    }

    /// Advice to somebody who wrote the name of a module nearly: what to write, and what brings it into scope.
    pub fn advice_of_module_near(&self, name: &str) -> Option<String> {
        let last = |module: &'static str| module.rsplit('.').next().unwrap_or(module);
        let near = nearest(name, stdlib::names().map(last))?;
        let module = stdlib::names().find(|module| last(module) == near)?;
        Some(format!("did you mean `{near}`? Bring it into scope: `use {module}`"))
    }

    /// The connector that a name before `.` or `[` stands for.
    pub fn as_connector(&self, def: Def) -> Option<crate::ids::ConnectorId> {
        match def {
            Def::Connector(c) => Some(c),
            Def::Module(m) => self.main_connector(m),
            _ => None,
        }
    }

    pub fn namespace_name(&self, of: Def) -> SmolStr {
        match of {
            Def::Module(m) => self.modules.get(m).map(|m| m.name.clone()).unwrap_or_default(),
            Def::Connector(c) => self.connector(c).map(|c| c.name.clone()).unwrap_or_default(),
            Def::Type(t) => self.types.get(t).map(|t| t.name.clone()).unwrap_or_default(),
            _ => SmolStr::default(),
        }
    }

    /// What a module or connector offers to others.
    pub fn members(&self, of: Def) -> Vec<(SmolStr, Def)> {
        let mut known: Vec<(SmolStr, Def)> = Vec::new();
        if let Def::Module(m) = of {
            let own = self.modules.get(m).map(|m| &m.names);
            known.extend(own.into_iter().flatten().filter(|(_, n)| !n.imported).map(|(k, n)| (k.clone(), n.def)));
        }
        if let Some(c) = self.as_connector(of).and_then(|c| self.connector(c)) {
            let named = c.names.iter().filter(|(_, n)| !matches!(n.def, Def::Setting(_)));
            known.extend(named.map(|(k, n)| (k.clone(), n.def)));
        }
        known.retain(|(k, _)| !k.starts_with('_') && self.connector_named(of, k).is_none());
        known
    }

    /// The names that could stand at `place`, in a module or connector: where something is called, its actions before its functions.
    fn members_for(&self, of: Def, place: Span) -> Vec<SmolStr> {
        let behind = self.sources.get(place.file).and_then(|s| s.text.get(place.end as usize..));
        let called = behind.is_some_and(|text| text.starts_with('('));
        let mut members = self.members(of);
        if called && members.iter().any(|(_, d)| matches!(d, Def::Fn(_))) {
            members.retain(|(_, d)| matches!(d, Def::Fn(_)));
        }
        let action = |d: &Def| matches!(d, Def::Fn(id) if self.fn_info(*id).is_some_and(|i| i.action));
        members.sort_by_key(|(_, d)| !action(d));
        members.into_iter().map(|(name, _)| name).collect()
    }

    /// What can be called in a module or connector, as advice to somebody who called the whole of it: "`exec.run(…)`".
    pub fn calls_in(&self, of: Def, said: &str) -> String {
        const SHOWN: usize = 4;
        let calls: Vec<SmolStr> =
            self.members(of).into_iter().filter(|(_, d)| matches!(d, Def::Fn(_))).map(|(name, _)| name).collect();
        let shown: Vec<String> = calls.iter().take(SHOWN).map(|name| format!("`{said}.{name}(…)`")).collect();
        match (shown.as_slice(), calls.len() > SHOWN) {
            ([], _) => "there is nothing in it to call".to_owned(),
            ([only], _) => format!("call {only}"),
            (some, more) => format!("call something in it: {}{}", some.join(", "), if more { ", …" } else { "" }),
        }
    }

    /// Reports a name that a module or connector does not have.
    pub fn unknown_member(&mut self, of: Def, name: &ast::Ident) {
        if name.name.is_empty() {
            return;
        }
        let known = self.members_for(of, name.span);
        let owner = self.namespace_name(of);
        let near = nearest(&name.name, known.iter().map(SmolStr::as_str)).map(str::to_owned);
        let mut d = Diagnostic::error(
            codes::NAME_UNKNOWN,
            format!("`{owner}` has no `{}`", name.name),
            name.span,
            "not declared there",
        );
        d = match near {
            Some(near) => {
                d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(name.span, near)])
            }
            None => {
                let mut shown = known.iter().take(12).map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
                if known.len() > 12 {
                    shown.push_str(", …");
                }
                if shown.is_empty() { d } else { d.help(format!("it has {shown}")) }
            }
        };
        self.report(d);
    }
}

/// The modules of the library that begin with this name, as `std.aws_ec2` with `std.aws`.
fn family(name: &str) -> Option<String> {
    const SHOWN: usize = 4;
    let all: Vec<&str> =
        stdlib::names().filter(|module| module.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'))).collect();
    let shown: Vec<String> = all.iter().take(SHOWN).map(|module| format!("`{module}`")).collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    (!all.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::module_name;

    #[test]
    fn files_are_modules_by_their_path() {
        assert_eq!(module_name("lib/paging.rrb", false), Ok("lib.paging".into()));
        assert_eq!(module_name("a.rrb", false), Ok("a".into()));
        assert!(module_name("my-lib/a.rrb", false).unwrap_err().contains("rename it to `my_lib`"));
        assert!(module_name("2x.rrb", false).unwrap_err().contains("`m_2x`"));
        assert!(module_name("a.b.rrb", false).is_err());
        assert_eq!(module_name("My File.rrb", true), Ok("my_file".into()));
    }
}
