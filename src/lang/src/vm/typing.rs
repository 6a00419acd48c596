//! What declared types come down to: fields with generic arguments filled in, aliases followed.

use crate::types::{FieldTy, Ty, Type, TypeDefKind, TypeTable};

/// The fields of a record type, with generic arguments filled in; none for any other type.
pub(crate) fn fields(types: &TypeTable, ty: &Type) -> Vec<FieldTy> {
    match ty {
        Type::Record(fields) => fields.clone(),
        Type::Named(id, args) => match types.get(*id).map(|d| &d.kind) {
            Some(TypeDefKind::Record(fields)) => {
                fields.iter().map(|f| FieldTy { ty: substitute(&f.ty, args), ..f.clone() }).collect()
            }
            Some(TypeDefKind::Alias(t)) => self::fields(types, &substitute(t, args)),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Replaces generic parameters by arguments.
pub(crate) fn substitute(ty: &Ty, args: &[Ty]) -> Ty {
    if args.is_empty() {
        return ty.clone();
    }
    let sub = |t: &Ty| substitute(t, args);
    let replaced = match &**ty {
        Type::Param(i, _) => return args.get(*i as usize).cloned().unwrap_or_else(|| ty.clone()),
        Type::Range(t) => Type::Range(sub(t)),
        Type::Optional(t) => match &*sub(t) {
            Type::Optional(inner) => Type::Optional(inner.clone()),
            _ => Type::Optional(sub(t)),
        },
        Type::List(t) => Type::List(sub(t)),
        Type::Set(t) => Type::Set(sub(t)),
        Type::Map(k, v) => Type::Map(sub(k), sub(v)),
        Type::Record(fields) => Type::Record(fields.iter().map(|f| FieldTy { ty: sub(&f.ty), ..f.clone() }).collect()),
        Type::Named(id, inner) => Type::Named(*id, inner.iter().map(sub).collect()),
        Type::Function { params, ret, effect } => {
            Type::Function { params: params.iter().map(sub).collect(), ret: sub(ret), effect: *effect }
        }
        _ => return ty.clone(),
    };
    Ty::new(replaced)
}

/// Follows aliases to what they stand for.
pub(crate) fn resolve(types: &TypeTable, ty: &Ty) -> Ty {
    let mut ty = ty.clone();
    // Aliases of aliases end; a cycle was refused by the checker, and is cut here.
    for _ in 0..64 {
        let Type::Named(id, args) = &*ty else { break };
        let Some(TypeDefKind::Alias(target)) = types.get(*id).map(|d| &d.kind) else { break };
        ty = substitute(target, args);
    }
    ty
}

/// Whether values of the type may nest without end: functions, and types that contain themselves. (Json is bounded where it is made.)
pub(crate) fn recursive(types: &TypeTable, ty: &Ty) -> bool {
    fn walk(types: &TypeTable, ty: &Ty, seen: &mut Vec<crate::ids::TypeId>) -> bool {
        match &**ty {
            Type::Function { .. } => true,
            Type::Optional(t) | Type::List(t) | Type::Set(t) | Type::Range(t) => walk(types, t, seen),
            Type::Map(k, v) => walk(types, k, seen) || walk(types, v, seen),
            Type::Record(fields) => fields.iter().any(|f| walk(types, &f.ty, seen)),
            Type::Named(id, args) => {
                if seen.contains(id) || args.iter().any(|t| walk(types, t, seen)) {
                    return true;
                }
                seen.push(*id);
                let found = match types.get(*id).map(|d| &d.kind) {
                    Some(TypeDefKind::Record(fields)) => fields.iter().any(|f| walk(types, &f.ty, seen)),
                    Some(TypeDefKind::Enum(variants)) => {
                        variants.iter().flat_map(|v| &v.payload).any(|f| walk(types, &f.ty, seen))
                    }
                    Some(TypeDefKind::Alias(t)) => walk(types, t, seen),
                    None => false,
                };
                seen.pop();
                found
            }
            _ => false,
        }
    }
    walk(types, ty, &mut Vec::new())
}

/// A function of this type gives something to go on with.
pub(crate) fn gives_value(types: &TypeTable, ty: &Ty) -> bool {
    !matches!(&*resolve(types, ty), Type::Nothing | Type::Never | Type::None)
}
