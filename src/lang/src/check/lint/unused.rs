//! Names that nobody uses: what `use` brings in, private declarations, parameters.

use crate::check::cx::{Checker, Def, FnInfo};
use crate::diag::{Diagnostic, codes};
use crate::hir::{Class, FunctionKind};
use crate::ids::FnId;
use crate::span::Span;
use crate::types::{Type, builtin};

impl Checker {
    /// Warns of what is brought in and nothing refers to, once everything was looked at.
    pub(in crate::check) fn unused_imports(&mut self) {
        let mut found: Vec<Diagnostic> = Vec::new();
        for module in self.modules.iter().filter(|m| !m.native) {
            let unused = module.names.iter().filter(|(_, n)| !n.is_used() && n.def != Def::Bad);
            for (name, named) in unused.filter(|(name, named)| named.imported && !name.starts_with('_')) {
                let message = format!("`{name}` is brought in, and nothing uses it");
                let d = Diagnostic::warning(codes::NAME_UNUSED, message, named.span, "never used");
                found.push(d.help(format!("remove it; to read the module even so, write `use … as _{name}`")));
            }
        }
        found.into_iter().for_each(|d| self.report(d));
    }

    /// Warns of declarations that nothing of the program refers to: what its tests use is not used by it.
    pub(in crate::check) fn unused_declarations(&mut self) {
        let mut found: Vec<Diagnostic> = Vec::new();
        for module in self.modules.iter().filter(|m| !m.native) {
            let unused = module.names.iter().filter(|(_, n)| !n.is_used() && n.def != Def::Bad);
            for (name, named) in unused {
                if !named.imported && name.starts_with('_') && name != "_" {
                    let message = format!("nothing uses `{name}`, and no other module can");
                    let d = Diagnostic::warning(codes::NAME_UNUSED, message, named.span, "never used");
                    found.push(d.help("remove it"));
                }
            }
        }
        found.extend(self.unused_parameters());
        found.into_iter().for_each(|d| self.report(d));
    }

    fn unused_parameters(&self) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        for (id, info) in &self.fn_index {
            let Some(info) = self.fns.get(*info).filter(|i| !i.native && !of_connector(i)) else { continue };
            let parts = self.functions_of(*id);
            for (i, p) in info.params.iter().enumerate() {
                let request = matches!(&*p.ty, Type::Named(id, _) if *id == builtin::APPROVAL_REQUEST);
                let read = parts.iter().any(|f| !self.unread.get(f).is_some_and(|u| u.contains(&i)));
                if read
                    || request
                    || p.name.starts_with('_')
                    || matches!(*p.ty, Type::Error)
                    || p.span == Span::default()
                {
                    continue;
                }
                let message = format!("`{}` never reads its parameter `{}`", info.name, p.name);
                let d = Diagnostic::warning(codes::PARAMETER_UNUSED, message, p.span, "never read");
                out.push(d.help(format!("remove it, or call it `_{}`", p.name)));
            }
        }
        out
    }

    /// The functions that take an action's parameters: its body, and what its header computes from them.
    fn functions_of(&self, id: FnId) -> Vec<FnId> {
        let mut parts = vec![id];
        if let Some(Some(function)) = self.functions.get(id.index())
            && let FunctionKind::Action(action) = &function.kind
        {
            parts.extend(action.target);
            parts.extend(action.undo);
            if let Class::Probe(probe) = action.class {
                parts.push(probe);
            }
        }
        parts
    }
}

/// What a connector declares is its interface: callers name the parameters, and another version may read them.
fn of_connector(info: &FnInfo) -> bool {
    info.action && info.home.connector.is_some()
}
