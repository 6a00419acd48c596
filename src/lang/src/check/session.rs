//! An input at a prompt: an action whose result and effect are found out, among values that earlier inputs gave.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, ConstInfo, Def, Home, Named, State};
use super::scope::node;
use crate::hir::{self, ExprKind};
use crate::ids::ConstId;
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{FieldTy, Ty, Type, TypeDef, TypeDefKind, TypeId, TypeTable, VariantTy, builtin};
use crate::value::{Record, Value, VariantValue};

/// What a session adds to the check of its module.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// The module that holds the input.
    pub module: SmolStr,
    /// The action in it that is the input: its result and its effect need not be written.
    pub action: SmolStr,
    /// In scope in that module, as constants are.
    pub values: Vec<Given>,
}

/// A value that an earlier input gave.
#[derive(Debug, Clone)]
pub struct Given {
    pub name: SmolStr,
    /// Its type, in the types of the program that made it.
    pub ty: Ty,
    pub value: Value,
    pub types: Arc<TypeTable>,
}

impl Checker {
    /// Whether this action is the input.
    pub fn is_input(&self, home: Home, name: &str) -> bool {
        self.session
            .as_ref()
            .is_some_and(|s| s.action == name && self.modules.get(home.module).is_some_and(|m| m.name == s.module))
    }

    /// Puts the values of the session into scope. What the module declares itself goes before.
    pub fn give_values(&mut self) {
        let Some(session) = &mut self.session else { return };
        let (module, values) = (session.module.clone(), std::mem::take(&mut session.values));
        let Some(module) = self.module_index.get(&module).copied() else { return };
        for given in values {
            let declared = self.modules.get(module).is_none_or(|m| m.names.contains_key(&given.name));
            if !declared {
                self.give(module, given);
            }
        }
    }

    fn give(&mut self, module: usize, given: Given) {
        let mut graft = Graft { from: &given.types, into: &mut self.types, known: HashMap::new() };
        let (ty, value) = (graft.ty(&given.ty), graft.value(&given.value));
        self.type_spans.resize(self.types.defs.len(), Span::default());
        let id = ConstId(u32::try_from(self.consts.len()).unwrap_or(u32::MAX));
        let expr = node(ExprKind::Literal(value), ty.clone(), Span::default());
        self.consts.push(ConstInfo {
            name: given.name.clone(),
            home: Home { module, connector: None },
            ty: Some(ty),
            source: Arc::new(ast::Expr { kind: ast::ExprKind::Missing, span: Span::default() }),
            body: Some(hir::Body { locals: vec![], expr }),
            state: State::Done,
            what: "value",
            span: Span::default(),
        });
        let named = Named::new(Def::Const(id), Span::default(), false);
        named.use_it();
        if let Some(m) = self.modules.get_mut(module) {
            m.names.insert(given.name, named);
        }
    }
}

/// Types and values of one program brought to the types of another. A type that is declared there in the same way is that one; one that
/// has been declared anew since, or is not there, comes along as it was.
struct Graft<'a> {
    from: &'a TypeTable,
    into: &'a mut TypeTable,
    known: HashMap<TypeId, TypeId>,
}

impl Graft<'_> {
    fn id(&mut self, id: TypeId) -> TypeId {
        let Some(def) = self.from.get(id) else { return id };
        if def.module.is_empty() && id.index() <= builtin::CHILD_RUN.index() {
            return id;
        }
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let there = (0..self.into.defs.len()).filter_map(|i| u32::try_from(i).ok()).map(TypeId);
        let same =
            there.into_iter().find(|other| Same { a: self.from, b: self.into, seen: HashSet::new() }.id(id, *other));
        if let Some(same) = same {
            self.known.insert(id, same);
            return same;
        }
        // Named first: it may hold itself.
        let kind = TypeDefKind::Record(Vec::new());
        let new = self.into.add(TypeDef { kind, ..def.clone() });
        self.known.insert(id, new);
        let kind = match &def.kind {
            TypeDefKind::Record(fields) => TypeDefKind::Record(self.fields(fields)),
            TypeDefKind::Alias(t) => TypeDefKind::Alias(self.ty(t)),
            TypeDefKind::Enum(variants) => {
                let variant = |v: &VariantTy| VariantTy { name: v.name.clone(), payload: self.fields(&v.payload) };
                TypeDefKind::Enum(variants.iter().map(variant).collect())
            }
        };
        if let Some(def) = self.into.defs.get_mut(new.index()) {
            def.kind = kind;
        }
        new
    }

    /// Without defaults: those are constants of the other program.
    fn fields(&mut self, fields: &[FieldTy]) -> Vec<FieldTy> {
        fields.iter().map(|f| FieldTy { name: f.name.clone(), ty: self.ty(&f.ty), default: None }).collect()
    }

    fn all(&mut self, types: &[Ty]) -> Vec<Ty> {
        types.iter().map(|t| self.ty(t)).collect()
    }

    fn ty(&mut self, t: &Ty) -> Ty {
        Ty::new(match &**t {
            Type::Range(t) => Type::Range(self.ty(t)),
            Type::Optional(t) => Type::Optional(self.ty(t)),
            Type::List(t) => Type::List(self.ty(t)),
            Type::Set(t) => Type::Set(self.ty(t)),
            Type::Map(k, v) => Type::Map(self.ty(k), self.ty(v)),
            Type::Record(fields) => Type::Record(self.fields(fields)),
            Type::Named(id, args) => Type::Named(self.id(*id), self.all(args)),
            Type::Function { params, ret, effect } => {
                Type::Function { params: self.all(params), ret: self.ty(ret), effect: *effect }
            }
            _ => return t.clone(),
        })
    }

    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::List(items) => Value::List(Arc::new(items.iter().map(|v| self.value(v)).collect())),
            Value::Set(items) => Value::Set(Arc::new(items.iter().map(|v| self.value(v)).collect())),
            Value::Map(map) => Value::Map(Arc::new(map.iter().map(|(k, v)| (self.value(k), self.value(v))).collect())),
            Value::Record(r) => {
                let values = r.values.iter().map(|v| self.value(v)).collect();
                Value::Record(Arc::new(Record { names: r.names.clone(), values }))
            }
            Value::Variant(v) => {
                let payload = v.payload.iter().map(|p| self.value(p)).collect();
                let ty = self.id(v.ty);
                Value::Variant(Arc::new(VariantValue { ty, index: v.index, name: v.name.clone(), payload }))
            }
            other => other.clone(),
        }
    }
}

/// Whether types of two programs mean the same.
struct Same<'a> {
    a: &'a TypeTable,
    b: &'a TypeTable,
    /// Taken to be the same while they are compared: types hold themselves.
    seen: HashSet<(TypeId, TypeId)>,
}

impl Same<'_> {
    fn id(&mut self, a: TypeId, b: TypeId) -> bool {
        let (Some(x), Some(y)) = (self.a.get(a), self.b.get(b)) else { return false };
        if x.name != y.name || x.module != y.module || x.generics != y.generics {
            return false;
        }
        if !self.seen.insert((a, b)) {
            return true;
        }
        match (&x.kind, &y.kind) {
            (TypeDefKind::Record(x), TypeDefKind::Record(y)) => self.fields(x, y),
            (TypeDefKind::Alias(x), TypeDefKind::Alias(y)) => self.ty(x, y),
            (TypeDefKind::Enum(x), TypeDefKind::Enum(y)) => {
                x.len() == y.len()
                    && x.iter().zip(y).all(|(x, y)| x.name == y.name && self.fields(&x.payload, &y.payload))
            }
            _ => false,
        }
    }

    fn fields(&mut self, a: &[FieldTy], b: &[FieldTy]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.name == y.name && self.ty(&x.ty, &y.ty))
    }

    fn all(&mut self, a: &[Ty], b: &[Ty]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| self.ty(x, y))
    }

    fn ty(&mut self, a: &Ty, b: &Ty) -> bool {
        match (&**a, &**b) {
            (Type::Range(x), Type::Range(y))
            | (Type::Optional(x), Type::Optional(y))
            | (Type::List(x), Type::List(y))
            | (Type::Set(x), Type::Set(y)) => self.ty(x, y),
            (Type::Map(k, v), Type::Map(l, w)) => self.ty(k, l) && self.ty(v, w),
            (Type::Record(x), Type::Record(y)) => self.fields(x, y),
            (Type::Named(x, xs), Type::Named(y, ys)) => self.id(*x, *y) && self.all(xs, ys),
            (Type::Function { params: p, ret: r, effect: e }, Type::Function { params: q, ret: s, effect: f }) => {
                e == f && self.all(p, q) && self.ty(r, s)
            }
            (x, y) => x == y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CheckInput, Checked, ModuleSource, Surroundings, check_session};
    use super::*;
    use crate::types::Effect;

    fn checked(text: &str, values: Vec<Given>) -> Checked {
        let modules = vec![ModuleSource { name: "session".into(), file: "session".into(), text: text.into() }];
        let session = Session { module: "session".into(), action: "input".into(), values };
        check_session(CheckInput { modules, ..CheckInput::default() }, Surroundings::default(), session)
    }

    fn input(checked: &Checked) -> &hir::Function {
        let program = checked.program.as_ref().unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        program.functions.iter().find(|f| f.name == "input").unwrap()
    }

    #[test]
    fn result_and_effect_of_the_input_are_found_out() {
        for (body, ty, effect) in [
            ("1 + 1", Type::Int, Effect::Pure),
            ("now()", Type::Time, Effect::Reads),
            ("do http.post(\"https://a.example\")", Type::Nothing, Effect::Changes),
        ] {
            let checked = checked(&format!("action input() destroys {{ {body} }}"), vec![]);
            let f = input(&checked);
            assert_eq!(f.effect, effect, "{body}");
            assert!(*f.ret == ty || effect == Effect::Changes, "{body}: {:?}", f.ret);
        }
    }

    #[test]
    fn other_actions_say_their_result_as_ever() {
        let checked = checked("action other() destroys { 1 }\naction input() destroys { 2 }", vec![]);
        assert!(checked.program.is_none(), "{:?}", checked.diagnostics);
    }

    /// The value and the types of `v`, as the program `text` makes them.
    fn made(text: &str) -> Given {
        let checked = checked(&format!("{text}\naction input() destroys {{ v }}"), vec![]);
        let ty = input(&checked).ret.clone();
        let program = checked.program.unwrap();
        let compiled = crate::program::compile(&program, &checked.sources).unwrap();
        let at = program.constants.iter().position(|c| c.name == "v").unwrap();
        Given { name: "v".into(), ty, value: compiled.constants[at].clone(), types: Arc::new(program.types) }
    }

    const COLOR: &str = "enum Color { red, green(n: Int) }";

    #[test]
    fn a_value_fits_what_is_declared_as_before() {
        let given = made(&format!("{COLOR}\nlet v: Color = green(2)"));
        let text = format!(
            "enum Other {{ a, b }}\n{COLOR}\nfn n(c: Color) -> Int {{ match c {{ red => 0, green(n) => n }} }}\naction input() destroys {{ n(v) }}"
        );
        assert_eq!(*input(&checked(&text, vec![given])).ret, Type::Int);
    }

    #[test]
    fn a_value_of_a_type_that_was_declared_anew_keeps_its_own() {
        let given = made(&format!("{COLOR}\nlet v: Color = red"));
        let text = "enum Color { red, blue }\nfn f(c: Color) -> Int { 1 }\naction input() destroys { f(v) }";
        let wrong = checked(text, vec![given.clone()]);
        assert!(wrong.program.is_none());
        let alone = checked("enum Color { red, blue }\naction input() destroys { v }", vec![given]);
        assert!(matches!(*input(&alone).ret, Type::Named(..)));
    }

    #[test]
    fn what_the_module_declares_goes_before() {
        let given = Given { name: "v".into(), ty: Ty::new(Type::Text), value: Value::text("x"), types: Arc::default() };
        let checked = checked("let v = 1\naction input() destroys { v }", vec![given]);
        assert_eq!(*input(&checked).ret, Type::Int);
    }

    #[test]
    fn a_type_that_holds_itself_comes_along() {
        let given =
            made("type Tree = { kids: List<Tree>, n: Int }\nlet v: Tree = { kids: [{ kids: [], n: 2 }], n: 1 }");
        let checked = checked("action input() destroys { v.kids[0].n }", vec![given]);
        assert_eq!(*input(&checked).ret, Type::Int);
    }
}
