//! Lowers the typed tree to bytecode.

mod approve;
mod call;
mod cover;
mod events;
mod expr;
mod method;
mod pattern;
mod shape;
mod stmt;
mod together;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::{FunctionDebug, Program, SiteInfo, VM_VERSION, constants, debug};
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, FunctionKind};
use crate::span::{Sources, Span};
use crate::syntax::ast::Effect;
use crate::types::{Ty, Type};
use crate::value::Value;
use crate::vm::code::{
    ActionCode, ApproveSite, CallSite, ChildSite, Code, DuringSite, ForkSite, LoopTest, MostSite, Op, Pc, PollSite,
    Reg, Shape, VariantCode, WaitSite, WaiveSite, WavesSite,
};
use crate::vm::covered::{CoverPoint, Covered};
use crate::vm::image::hex;
use crate::vm::methods;

/// A program with what only its tests need: their functions stand behind those of the program.
#[derive(Debug, Clone)]
pub struct TestProgram {
    pub program: Program,
    /// In the order of modules and of writing.
    pub tests: Vec<hir::testing::Test>,
    /// What `Cover` counts in the program, by its number; empty unless the program was to be instrumented.
    pub points: Vec<CoverPoint>,
}

/// Lowers a checked project. Its tests leave nothing in the program.
///
/// # Errors
/// When a constant cannot be evaluated (overflow, division by zero, too much work), or a function is too large for the machine.
pub fn compile(program: &hir::Program, sources: &Sources) -> Result<Program, Vec<Diagnostic>> {
    lower(program, &[], sources, &mut Tables::default())
}

/// Lowers a checked project with its tests; to `instrument` it is to count at every statement and every way of a branch.
///
/// # Errors
/// As [`compile`].
pub fn compile_tests(
    program: &hir::Program,
    sources: &Sources,
    instrument: bool,
) -> Result<TestProgram, Vec<Diagnostic>> {
    let mut tables = Tables { cover: instrument.then(cover::Cover::default), ..Tables::default() };
    let mut compiled = lower(program, &program.test_functions, sources, &mut tables)?;
    let points = tables.cover.map_or_else(Vec::new, |cover| cover.points(sources));
    compiled.covered = instrument.then(|| Arc::new(Covered::new(points.len())));
    Ok(TestProgram { program: compiled, tests: program.tests.clone(), points })
}

fn lower(
    program: &hir::Program,
    more: &[hir::Function],
    sources: &Sources,
    tables: &mut Tables,
) -> Result<Program, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut functions = Vec::with_capacity(program.functions.len() + more.len());
    let mut lines = Vec::with_capacity(functions.capacity());
    for function in &program.functions {
        if let Some(cover) = &mut tables.cover {
            cover.begin(function, sources);
        }
        match lower_function(program, tables, function) {
            Ok((code, debug)) => {
                functions.push(code);
                lines.push(debug);
            }
            Err(e) => errors.push(*e),
        }
    }
    if let Some(cover) = &mut tables.cover {
        cover.stop();
    }
    for function in more {
        match lower_function(program, tables, function) {
            Ok((code, debug)) => {
                functions.push(code);
                lines.push(debug);
            }
            Err(e) => errors.push(*e),
        }
    }
    let mut bodies = Vec::with_capacity(program.constants.len());
    for constant in &program.constants {
        match lower_constant(program, tables, constant) {
            Ok(code) => bodies.push(code),
            Err(e) => errors.push(*e),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut compiled = Program {
        id: SmolStr::default(),
        version: VM_VERSION,
        types: program.types.clone(),
        functions,
        constants: vec![Value::Nothing; bodies.len()],
        settings: program.settings.clone(),
        connectors: program.connectors.clone(),
        events: program.events.clone(),
        runbooks: program.runbooks.clone(),
        policies: program.policies.clone(),
        policies_digest: policies_digest(&program.policies),
        sites: program.sites.iter().map(|s| site_info(s, sources)).collect(),
        project_digest: program.project_digest.clone(),
        pool: std::mem::take(&mut tables.pool),
        names: std::mem::take(&mut tables.names),
        variants: std::mem::take(&mut tables.variants),
        shapes: std::mem::take(&mut tables.shapes),
        decoded: std::mem::take(&mut tables.decoded),
        methods: std::mem::take(&mut tables.methods),
        debug: Some(Arc::new(debug::info(lines, sources))),
        found: OnceLock::new(),
        covered: None,
    };
    constants::evaluate(&mut compiled, &bodies, program)?;
    compiled.id = compiled.digest();
    Ok(compiled)
}

/// The same for the same policies in another order or in other modules' company.
fn policies_digest(policies: &[hir::Policy]) -> SmolStr {
    if policies.is_empty() {
        return SmolStr::default();
    }
    let mut texts: Vec<String> = policies
        .iter()
        .map(|p| {
            let delegates = p.rules.iter().filter_map(|r| match &r.kind {
                hir::PolicyKind::Delegate(d) => Some(format!("{} {}\n{}\n", d.file, d.text.len(), d.text)),
                _ => None,
            });
            format!("{} {} {}\n{}\n{}", p.module, p.name, p.text.len(), p.text, delegates.collect::<String>())
        })
        .collect();
    texts.sort();
    hex(&Sha256::digest(texts.join("\n"))).into()
}

fn site_info(site: &hir::Site, sources: &Sources) -> SiteInfo {
    let at = sources.line_col(site.span.file, site.span.start);
    SiteInfo {
        file: sources.name(site.span.file).into(),
        line: at.line,
        column: at.column,
        text: sources.line(site.span.file, site.span.start).trim().into(),
        function: site.function,
    }
}

/// What the functions of a program share.
#[derive(Default)]
struct Tables {
    pool: Vec<Value>,
    pool_index: HashMap<Value, u32>,
    names: Vec<Arc<[SmolStr]>>,
    name_index: HashMap<Vec<SmolStr>, u32>,
    variants: Vec<VariantCode>,
    shapes: Vec<Shape>,
    decoded: Vec<Ty>,
    methods: Vec<SmolStr>,
    /// Where counters stand, in a program that is to have them.
    cover: Option<cover::Cover>,
}

impl Tables {
    /// The number of a built-in method in instructions.
    fn method(&mut self, name: &str) -> Option<u16> {
        let known = || methods::implementation(name).map(|_| self.methods.len());
        let at = self.methods.iter().position(|m| m == name).or_else(known)?;
        if at == self.methods.len() {
            self.methods.push(name.into());
        }
        u16::try_from(at).ok()
    }

    fn constant(&mut self, value: &Value) -> u32 {
        // -0.0 equals 0.0 and is yet another value; a list may hold one.
        if !matches!(value, Value::Float(_) | Value::List(_))
            && let Some(k) = self.pool_index.get(value)
        {
            return *k;
        }
        let k = index(self.pool.len());
        self.pool.push(value.clone());
        self.pool_index.insert(value.clone(), k);
        k
    }

    fn names(&mut self, names: Vec<SmolStr>) -> u32 {
        if let Some(k) = self.name_index.get(&names) {
            return *k;
        }
        let k = index(self.names.len());
        self.names.push(names.as_slice().into());
        self.name_index.insert(names, k);
        k
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A loop being compiled.
struct Loop {
    /// Jumps to patch to the place that begins the next round, and to the end.
    continues: Vec<usize>,
    breaks: Vec<usize>,
    /// Scopes that were open when it began.
    scopes: u16,
}

/// Code that shares the registers of its function and is compiled behind it.
enum Deferred<'a> {
    /// The condition of a retry: the call's index.
    When(usize, &'a hir::Expr),
    /// The `ask` calls: the approval's index.
    Ask(usize, &'a [hir::Expr]),
}

/// One function on its way to bytecode.
struct Compiler<'a, 't> {
    hir: &'a hir::Program,
    tables: &'t mut Tables,
    locals: &'a [hir::Local],
    ops: Vec<Op>,
    /// The next free temporary, and the most that were in use.
    next: usize,
    most: usize,
    /// Scopes open at this place.
    scopes: u16,
    loops: Vec<Loop>,
    deferred: Vec<Deferred<'a>>,
    calls: Vec<CallSite>,
    approves: Vec<ApproveSite>,
    waives: Vec<WaiveSite>,
    polls: Vec<PollSite>,
    forks: Vec<ForkSite>,
    waves: Vec<WavesSite>,
    mosts: Vec<MostSite>,
    waits: Vec<WaitSite>,
    durings: Vec<DuringSite>,
    children: Vec<ChildSite>,
    loop_tests: Vec<LoopTest>,
    /// What stands where, for people.
    marks: debug::Marks,
}

fn lower_function(
    program: &hir::Program,
    tables: &mut Tables,
    f: &hir::Function,
) -> Result<(Code, FunctionDebug), Box<Diagnostic>> {
    let mut c = Compiler::new(program, tables, &f.locals);
    if let Some(body) = &f.body {
        c.body(body);
    }
    let marks = std::mem::take(&mut c.marks).finish(program, f, c.here());
    let inputs = f.captures + f.params;
    let params = f.locals.get(f.captures as usize..inputs as usize).unwrap_or_default();
    let action = match &f.kind {
        FunctionKind::Action(a) => Some(ActionCode(a.clone())),
        FunctionKind::Plain | FunctionKind::Handler => None,
    };
    let head = Head {
        name: f.name.clone(),
        module: f.module.clone(),
        effect: f.effect,
        inputs,
        captures: f.captures,
        params: params.iter().map(|l| l.name.clone()).collect(),
        ret: f.ret.clone(),
        action,
        span: f.span,
    };
    Ok((c.finish(head)?, marks))
}

fn lower_constant(program: &hir::Program, tables: &mut Tables, k: &hir::Constant) -> Result<Code, Box<Diagnostic>> {
    let mut c = Compiler::new(program, tables, &k.value.locals);
    c.body(&k.value.expr);
    c.finish(Head {
        name: k.name.clone(),
        module: SmolStr::default(),
        effect: Effect::Pure,
        inputs: 0,
        captures: 0,
        params: Vec::new(),
        ret: k.ty.clone(),
        action: None,
        span: k.value.expr.span,
    })
}

/// What stands around a function's code.
struct Head {
    name: SmolStr,
    module: SmolStr,
    effect: Effect,
    inputs: u32,
    captures: u32,
    params: Vec<SmolStr>,
    ret: Ty,
    action: Option<ActionCode>,
    span: Span,
}

impl<'a, 't> Compiler<'a, 't> {
    fn new(hir: &'a hir::Program, tables: &'t mut Tables, locals: &'a [hir::Local]) -> Self {
        Self {
            hir,
            tables,
            locals,
            ops: Vec::new(),
            next: locals.len(),
            most: locals.len(),
            scopes: 0,
            loops: Vec::new(),
            deferred: Vec::new(),
            calls: Vec::new(),
            approves: Vec::new(),
            waives: Vec::new(),
            polls: Vec::new(),
            forks: Vec::new(),
            waves: Vec::new(),
            mosts: Vec::new(),
            waits: Vec::new(),
            durings: Vec::new(),
            children: Vec::new(),
            loop_tests: Vec::new(),
            marks: debug::Marks::default(),
        }
    }

    /// Runs `f`, whose instructions are those of this place in the sources.
    fn marked<T>(&mut self, span: Span, f: impl FnOnce(&mut Self) -> T) -> T {
        let around = self.marks.enter(span);
        let out = f(self);
        self.marks.leave(around);
        out
    }

    /// Runs `f`; the variables that it binds are not in scope behind it.
    fn in_scope<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let around = self.marks.open();
        let out = f(self);
        let here = self.here();
        self.marks.close(around, here);
        out
    }

    fn body(&mut self, body: &'a hir::Expr) {
        let d = self.temp();
        self.expr(body, d);
        self.emit(Op::Ret { s: d });
        while let Some(piece) = self.deferred.pop() {
            // Its registers are its own: it runs while those of the code around are in use.
            self.next = self.most;
            let at = self.here();
            match piece {
                Deferred::When(call, condition) => {
                    let d = self.temp();
                    self.expr(condition, d);
                    self.emit(Op::RetSub { s: d });
                    if let Some(when) = self.calls.get_mut(call).and_then(|c| c.retry.as_mut()?.when.as_mut()) {
                        when.1 = at;
                    }
                }
                Deferred::Ask(approve, calls) => {
                    self.ask(calls);
                    if let Some(site) = self.approves.get_mut(approve) {
                        site.ask = Some(at);
                    }
                }
            }
        }
    }

    fn finish(self, head: Head) -> Result<Code, Box<Diagnostic>> {
        // One more than needed, so that the largest register is always in range.
        let registers = u16::try_from(self.most + 1);
        match (registers, u32::try_from(self.ops.len())) {
            (Ok(registers), Ok(_)) if self.tables.pool.len() < u32::MAX as usize => Ok(Code {
                name: head.name,
                module: head.module,
                effect: head.effect,
                inputs: u16::try_from(head.inputs).unwrap_or(u16::MAX),
                captures: u16::try_from(head.captures).unwrap_or(u16::MAX),
                registers,
                params: head.params,
                ret: head.ret,
                action: head.action,
                ops: self.ops,
                calls: self.calls,
                approves: self.approves,
                waives: self.waives,
                polls: self.polls,
                forks: self.forks,
                waves: self.waves,
                mosts: self.mosts,
                waits: self.waits,
                durings: self.durings,
                children: self.children,
                loop_tests: self.loop_tests,
            }),
            _ => {
                let message = format!("`{}` is too large for the machine", head.name);
                let label = "needs more than 65,000 variables and intermediate values";
                let error = Diagnostic::error(codes::PROGRAM_TOO_LARGE, message, head.span, label);
                Err(Box::new(error.help("split it into several functions or actions")))
            }
        }
    }

    fn emit(&mut self, op: Op) -> usize {
        self.marks.mark(self.here());
        self.ops.push(op);
        self.ops.len() - 1
    }

    /// Where the next instruction will stand.
    fn here(&self) -> Pc {
        index(self.ops.len())
    }

    /// A fresh temporary.
    fn temp(&mut self) -> Reg {
        self.temps(1)
    }

    /// The first of `n` temporaries in a row. Registers beyond the machine's wrap here; [`Compiler::finish`] refuses such code.
    fn temps(&mut self, n: usize) -> Reg {
        let r = self.next;
        self.next += n;
        self.most = self.most.max(self.next);
        r as Reg
    }

    /// Runs `f` and gives back the temporaries it took.
    fn scratch<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.next;
        let out = f(self);
        self.next = mark;
        out
    }

    /// Points the jump at `at` to the next instruction.
    fn patch(&mut self, at: usize) {
        let here = self.here();
        self.patch_to(at, here);
    }

    fn patch_all(&mut self, at: Vec<usize>) {
        for a in at {
            self.patch(a);
        }
    }

    fn patch_to(&mut self, at: usize, target: Pc) {
        if let Some(
            Op::Jump { to }
            | Op::JumpIf { to, .. }
            | Op::JumpIfNot { to, .. }
            | Op::JumpIfAbsent { to, .. }
            | Op::JumpIfPresent { to, .. }
            | Op::JumpUnlessInt { to, .. }
            | Op::JumpUnlessIntK { to, .. }
            | Op::JumpUnlessK { to, .. }
            | Op::JumpUnlessFieldK { to, .. }
            | Op::JumpUnlessVariant { to, .. }
            | Op::JumpUnlessLen { to, .. }
            | Op::IterNext { to, .. }
            | Op::RangeNext { to, .. }
            | Op::TryEnter { handler: to, .. }
            | Op::Choose { to },
        ) = self.ops.get_mut(at)
        {
            *to = target;
        }
    }

    /// Opens a scope for the code that `f` emits; ends it on the way through.
    fn scoped<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes += 1;
        let out = f(self);
        self.scopes -= 1;
        self.emit(Op::ScopeExit { n: 1 });
        out
    }

    fn constant(&mut self, value: &Value, d: Reg) {
        let op = match value {
            Value::Nothing => Op::Nothing { d },
            Value::None => Op::None { d },
            Value::Bool(v) => Op::Bool { d, v: *v },
            Value::Int(i) if i32::try_from(*i).is_ok() => Op::Int { d, v: *i as i32 },
            v => Op::Const { d, k: self.tables.constant(v) },
        };
        self.emit(op);
    }
}

/// A value of the type can be used: it is no statement.
fn has_value(ty: &Type) -> bool {
    !matches!(ty, Type::Nothing | Type::Never | Type::Error)
}
