//! Statements of SQL: texts that stand in the program. A value goes as a parameter; what may be put into a statement is the name of a thing
//! of the database, made by `sql.name`.
//!
//! What an action passes on as a whole statement is one already where the action is called, and so on up to where the text is written.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::diag::{Diagnostic, codes};
use crate::hir::{Block, Expr, ExprKind, Function, FunctionKind, LocalId, Pattern, Program, Stmt, TextPart, visit};
use crate::ids::FnId;
use crate::span::{FileId, Span};
use crate::types::{FieldTy, Type, TypeDefKind};

/// The parameters of `sql.query` and `sql.execute`, and of `sql.transaction`, that hold statements.
const STATEMENT: u32 = 1;

/// An error for each place where something else than a name gets into a statement.
pub fn run(program: &Program) -> Vec<Diagnostic> {
    let Some(mut look) = Look::new(program) else { return Vec::new() };
    // An action that passes a statement on makes its callers be looked at again.
    while look.round() {}
    let mut told = HashSet::new();
    let found = std::mem::take(&mut look.found);
    found.into_iter().filter(|f| told.insert(f.at)).map(|f| f.diagnostic()).collect()
}

/// Something in a statement that is no part of the program.
struct Wrong {
    at: Span,
    /// Where it becomes a statement.
    statement: Span,
    /// A hole, else a whole statement.
    hole: bool,
}

impl Wrong {
    fn diagnostic(self) -> Diagnostic {
        let (message, label) = if self.hole {
            ("a value is put into a statement of SQL", "whoever gives it could say more than a value")
        } else {
            ("a statement of SQL comes from elsewhere", "not a text of the program")
        };
        let d = Diagnostic::error(codes::SQL_STATEMENT, message, self.at, label);
        let inside =
            self.at.file == self.statement.file && (self.statement.start..self.statement.end).contains(&self.at.start);
        let d = if inside { d } else { d.label(self.statement, "becomes a statement here") };
        d.help("write `$1` (MySQL: `?`) in the statement and give the value in `params`")
            .help("the name of a table or column, which cannot be a parameter, goes through `sql.name(…)`")
    }
}

/// Where a variable has its values from.
type Sources<'p> = HashMap<LocalId, Vec<&'p Expr>>;

struct Look<'p> {
    program: &'p Program,
    /// The file that declares the primitives.
    home: FileId,
    /// Parameters that are statements, by place.
    statements: HashMap<FnId, BTreeSet<u32>>,
    /// Functions that are handed on as values: nobody sees what they are called with. And where their variables come from.
    closures: HashMap<FnId, (FnId, &'p [LocalId])>,
    calls: Vec<Call<'p>>,
    /// By function; most are never asked for.
    sources: Vec<OnceCell<Sources<'p>>>,
    /// Variables that are being followed: `s = "${s} limit 1"` adds to itself.
    open: RefCell<HashSet<(FnId, LocalId)>>,
    found: Vec<Wrong>,
}

/// A call of an action or a `fn`.
struct Call<'p> {
    by: FnId,
    callee: FnId,
    args: &'p [Expr],
}

/// What a text is made of.
#[derive(Default)]
struct Made {
    /// Parameters, of the function around or of one around that.
    params: BTreeSet<(FnId, u32)>,
    wrong: Vec<(Span, bool)>,
}

impl Made {
    fn and(&mut self, other: Self) {
        self.params.extend(other.params);
        self.wrong.extend(other.wrong);
    }
}

/// Where a text is looked at.
#[derive(Clone, Copy)]
struct At {
    function: FnId,
    /// In a hole of a text.
    hole: bool,
    /// How many functions and variables were gone through.
    depth: u32,
}

/// Further a text is not followed; nobody writes one that far away.
const MAX_DEPTH: u32 = 32;

impl<'p> Look<'p> {
    /// None where nothing speaks to a database.
    fn new(program: &'p Program) -> Option<Self> {
        let mut statements = HashMap::new();
        let mut home = None;
        for (i, f) in program.functions.iter().enumerate() {
            let FunctionKind::Action(action) = &f.kind else { continue };
            if action.native.as_ref().is_some_and(|n| n.starts_with("sql.")) {
                statements.insert(id(i), BTreeSet::from([STATEMENT]));
                home = Some(f.span.file);
            }
        }
        let mut look = Self {
            program,
            home: home?,
            statements,
            closures: HashMap::new(),
            calls: Vec::new(),
            sources: program.functions.iter().map(|_| OnceCell::new()).collect(),
            open: RefCell::default(),
            found: Vec::new(),
        };
        look.go_over();
        Some(look)
    }

    /// Notes the calls and closures of the program.
    fn go_over(&mut self) {
        for (i, function) in self.program.functions.iter().enumerate() {
            let (by, Some(body)) = (id(i), &function.body) else { continue };
            visit::walk(body, &mut |e, _, _| match &e.kind {
                ExprKind::Closure { function, captures } => {
                    self.closures.insert(*function, (by, captures));
                }
                ExprKind::CallFn { function, args } => self.calls.push(Call { by, callee: *function, args }),
                ExprKind::CallAction(call) => {
                    self.calls.push(Call { by, callee: call.function, args: &call.args });
                    if let Some((function, captures)) = &call.undo {
                        self.closures.insert(*function, (by, captures));
                    }
                }
                _ => {}
            });
        }
    }

    /// Looks at every call once; says whether more parameters turned out to be statements.
    fn round(&mut self) -> bool {
        self.found.clear();
        let mut more: Vec<(FnId, u32)> = Vec::new();
        let mut found = Vec::new();
        for call in &self.calls {
            let statements = self.statements.get(&call.callee).into_iter().flatten();
            for arg in statements.filter_map(|i| call.args.get(*i as usize)) {
                let made = self.statement(arg, At { function: call.by, hole: false, depth: 0 });
                found.extend(made.wrong.into_iter().map(|(at, hole)| Wrong { at, statement: arg.span, hole }));
                more.extend(made.params);
            }
        }
        self.found = found;
        let mut grew = false;
        for (function, param) in more {
            grew |= self.statements.entry(function).or_default().insert(param);
        }
        grew
    }

    /// A statement, a list of them, or a record that holds one.
    fn statement(&self, e: &'p Expr, at: At) -> Made {
        let ExprKind::Record(fields) = &e.kind else { return self.text(e, at) };
        // Its parameters are values.
        let place = record(self.program, &e.ty).and_then(|all| all.iter().position(|f| f.name == "statement"));
        self.all(place.and_then(|i| fields.get(i)), at)
    }

    fn all(&self, parts: impl IntoIterator<Item = &'p Expr>, at: At) -> Made {
        let mut made = Made::default();
        parts.into_iter().for_each(|p| made.and(self.statement(p, at)));
        made
    }

    /// What a text is made of, as far as it is not written in the program.
    fn text(&self, e: &'p Expr, at: At) -> Made {
        let elsewhere = || Made { wrong: vec![(e.span, at.hole)], ..Made::default() };
        match &e.kind {
            // A setting is set by whoever runs rrb, beside the program.
            ExprKind::Literal(_) | ExprKind::Constant(_) | ExprKind::Setting(_) => Made::default(),
            ExprKind::Text(parts) => {
                let holes = parts.iter().filter_map(|p| match p {
                    TextPart::Hole(e) => Some(e),
                    TextPart::Chars(_) => None,
                });
                self.all(holes, At { hole: true, ..at })
            }
            ExprKind::Local(local) => self.variable(*local, at).unwrap_or_else(elsewhere),
            ExprKind::CallFn { function, args } => self.called(*function, args, at).unwrap_or_else(elsewhere),
            ExprKind::Coerce { value, .. } => self.statement(value, at),
            ExprKind::Coalesce(left, right) => self.all([&**left, &**right], at),
            ExprKind::Binary { left, right, .. } => self.all([&**left, &**right], at),
            ExprKind::List(items) => self.all(items.iter().map(|(_, e)| e), at),
            ExprKind::Method { name, args, .. } if name == "List.map" => {
                self.all(args.get(1..).unwrap_or_default(), at)
            }
            ExprKind::Closure { function, .. } => self.given_by(*function, at).unwrap_or_else(elsewhere),
            // `"select …".trim()`, `["select", "1"].join(" ")`
            ExprKind::Method { args, .. } => self.all(args, at),
            ExprKind::If { then, otherwise, .. } => self.all(std::iter::once(&**then).chain(otherwise.as_deref()), at),
            ExprKind::Match { arms, .. } => self.all(arms.iter().map(|a| &a.body), at),
            ExprKind::Block(block) => self.block(block, at),
            ExprKind::Fail(_) | ExprKind::Finish { .. } | ExprKind::Skip | ExprKind::Break | ExprKind::Continue => {
                Made::default()
            }
            _ => elsewhere(),
        }
    }

    fn block(&self, block: &'p Block, at: At) -> Made {
        block.value.as_deref().map(|v| self.statement(v, at)).unwrap_or_default()
    }

    /// A variable: a parameter, or what is ever given to it. None when that cannot be seen.
    fn variable(&self, local: LocalId, at: At) -> Option<Made> {
        let function = self.program.functions.get(at.function.index())?;
        let at = At { depth: at.depth + 1, ..at };
        if at.depth > MAX_DEPTH {
            return None;
        }
        if local.0 < function.captures {
            let (outer, captures) = self.closures.get(&at.function)?;
            return self.variable(*captures.get(local.0 as usize)?, At { function: *outer, ..at });
        }
        let param = local.0 - function.captures;
        if param < function.params {
            // An action may pass a whole statement on; put into one, its parameter is a value.
            if at.hole && matches!(function.kind, FunctionKind::Action(_)) {
                return None;
            }
            let seen = !matches!(function.kind, FunctionKind::Handler) && !self.closures.contains_key(&at.function);
            return seen.then(|| Made { params: BTreeSet::from([(at.function, param)]), ..Made::default() });
        }
        let given = self.sources.get(at.function.index())?.get_or_init(|| sources(function)).get(&local)?;
        if !self.open.borrow_mut().insert((at.function, local)) {
            return Some(Made::default());
        }
        let made = self.all(given.iter().copied(), at);
        self.open.borrow_mut().remove(&(at.function, local));
        Some(made)
    }

    /// What a function gives: its own text, with its parameters as they are given here.
    fn called(&self, id: FnId, args: &'p [Expr], at: At) -> Option<Made> {
        let function = self.program.functions.get(id.index())?;
        if function.span.file == self.home && matches!(function.name.as_str(), "name" | "sql.name") {
            return Some(Made::default());
        }
        let gives = self.given_by(id, at)?;
        let mut made = Made { wrong: gives.wrong, ..Made::default() };
        for (of, param) in gives.params {
            if of == id {
                made.and(self.text(args.get(param as usize)?, At { hole: true, ..at }));
            } else {
                made.params.insert((of, param));
            }
        }
        Some(made)
    }

    /// What a function gives, wherever it returns.
    fn given_by(&self, id: FnId, at: At) -> Option<Made> {
        let body = self.program.functions.get(id.index())?.body.as_ref()?;
        let at = At { function: id, depth: at.depth + 1, ..at };
        if at.depth > MAX_DEPTH {
            return None;
        }
        let mut made = self.statement(body, at);
        returned(body, &mut |e| made.and(self.statement(e, at)));
        Some(made)
    }
}

fn id(index: usize) -> FnId {
    FnId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The fields of a record type.
fn record<'p>(program: &'p Program, ty: &'p Type) -> Option<&'p [FieldTy]> {
    match ty {
        Type::Record(fields) => Some(fields),
        Type::Named(id, _) => match &program.types.get(*id)?.kind {
            TypeDefKind::Record(fields) => Some(fields),
            TypeDefKind::Alias(of) => record(program, of),
            TypeDefKind::Enum(_) => None,
        },
        _ => None,
    }
}

/// What `return` gives.
fn returned<'p>(body: &'p Expr, f: &mut dyn FnMut(&'p Expr)) {
    visit::walk(body, &mut |e, _, _| {
        if let ExprKind::Return(Some(value)) = &e.kind {
            f(value);
        }
    });
}

/// What is given to the variables of a function by `let`, `var`, an assignment and `if let`.
fn sources(function: &Function) -> Sources<'_> {
    let mut out: Sources<'_> = HashMap::new();
    let Some(body) = &function.body else { return out };
    visit::walk(body, &mut |e, _, _| {
        if let ExprKind::Let { pattern, value } = &e.kind {
            bound(pattern, value, &mut out);
        }
        for stmt in visit::blocks(e).into_iter().flat_map(|block| &block.stmts) {
            match stmt {
                Stmt::Let { pattern, value } => bound(pattern, value, &mut out),
                Stmt::Assign { local, value } => out.entry(*local).or_default().push(value),
                _ => {}
            }
        }
    });
    out
}

fn bound<'p>(pattern: &Pattern, value: &'p Expr, out: &mut Sources<'p>) {
    match pattern {
        Pattern::Bind(local) => out.entry(*local).or_default().push(value),
        Pattern::As(inner, local) => {
            out.entry(*local).or_default().push(value);
            bound(inner, value, out);
        }
        Pattern::Present(inner) => bound(inner, value, out),
        // A part of a value: nobody sees which.
        _ => {}
    }
}
