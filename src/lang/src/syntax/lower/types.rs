//! Types.

use super::{super::ast::*, Lower, P, has, items::effect, kid, kids};
use crate::{diag::codes, syntax::grammar::Rule};

impl<'i> Lower<'i> {
    /// The type among the children; a hole when there is none.
    pub(super) fn type_in(&mut self, p: &P<'i>) -> Type {
        match kid(p, Rule::r#type) {
            Some(t) => self.ty(t),
            None => Type { kind: TypeKind::Missing, span: self.span(p).after() },
        }
    }

    pub(super) fn ty(&mut self, p: P<'i>) -> Type {
        let span = self.span(&p);
        let suffixed = kid(&p, Rule::type_suffixed);
        let ty = self.deeper(1, span, |l| suffixed.map(|s| l.type_suffixed(s))).flatten();
        ty.unwrap_or(Type { kind: TypeKind::Missing, span })
    }

    fn type_suffixed(&mut self, p: P<'i>) -> Type {
        let mut optional = 0;
        let mut ty = Type { kind: TypeKind::Missing, span: self.span(&p) };
        for k in p.into_inner() {
            let span = self.span(&k);
            match k.as_rule() {
                Rule::type_named => ty = Type { kind: self.type_named(&k), span },
                // With fields that could not be read it is not known which ones it has.
                Rule::type_record if kid(&k, Rule::fields).is_some_and(|f| has(&f, Rule::bad)) => {}
                Rule::type_record => ty = Type { kind: TypeKind::Record(self.fields_in(&k, Rule::fields)), span },
                Rule::type_paren => ty = self.type_paren(&k),
                Rule::type_optional => {
                    optional += 1;
                    ty.span = ty.span.to(span);
                }
                _ => {}
            }
        }
        if optional > 0 {
            let span = ty.span; // `T??` is `T?`
            // Missing in two ways is missing: `(T?)?` is `T?`.
            if matches!(ty.kind, TypeKind::Optional(_)) {
                return Type { span, ..ty };
            }
            return Type { kind: TypeKind::Optional(Box::new(ty)), span };
        }
        ty
    }

    fn type_named(&mut self, p: &P<'i>) -> TypeKind {
        let args = kid(p, Rule::type_args).map_or(Vec::new(), |a| kids(&a, Rule::r#type).map(|t| self.ty(t)).collect());
        TypeKind::Named { path: self.path_in(p), args }
    }

    fn type_paren(&mut self, p: &P<'i>) -> Type {
        let span = self.span(p);
        let mut params: Vec<Type> = match kid(p, Rule::paren_types) {
            Some(types) => kids(&types, Rule::r#type).map(|t| self.ty(t)).collect(),
            None => Vec::new(),
        };
        if let Some(result) = kid(p, Rule::fn_result) {
            let effect = kid(&result, Rule::effect).map_or(Effect::Pure, |e| effect(&e));
            let ret = Box::new(self.type_in(&result));
            return Type { kind: TypeKind::Function { params, ret, effect }, span };
        }
        if params.len() == 1
            && let Some(only) = params.pop()
        {
            return only;
        }
        self.error(codes::SYNTAX_UNEXPECTED, "there are no tuple types in rrb", span, "not a type")
            .help
            .push("write a record type such as `{ name: Text, port: Int }`, or a function type `(A, B) => C`".into());
        Type { kind: TypeKind::Missing, span }
    }
}
