//! Mistakes about settings of the library: nobody has its files, so they stand where the project brings it in.

use crate::diag::{Diagnostic, codes};
use crate::span::{Sources, Span};
use crate::stdlib;
use crate::syntax::ast::ItemKind;
use crate::syntax::parse;

/// Moves what is missing for a connector of the library from its declaration to the first `use` of it in the project.
pub fn at_their_use(diagnostics: &mut [Diagnostic], sources: &Sources) {
    for d in diagnostics.iter_mut().filter(|d| d.code == codes::SETTING_MISSING) {
        let file = sources.name(d.span().file);
        let of_file = |module: &&str| stdlib::get(module).is_some_and(|(name, _)| name == file);
        let Some(module) = stdlib::names().find(of_file) else { continue };
        if let (Some(span), Some(label)) = (first_use(sources, module), d.labels.iter_mut().find(|l| l.primary)) {
            label.span = span;
            label.text = "brings it in".to_owned();
        }
    }
}

fn first_use(sources: &Sources, module: &str) -> Option<Span> {
    let ours = sources.iter().filter(|(_, s)| s.name.ends_with(".rrb") && !s.name.starts_with("stdlib/"));
    ours.flat_map(|(file, source)| parse(file, &source.text).module.items).find_map(|item| match &item.kind {
        ItemKind::Use(u) if sources.text(u.path.span) == module => Some(u.path.span),
        _ => None,
    })
}

/// Hides the secrets that stand in rrb.toml from everything that shows the file: the mistake is shown, not what it gives away.
pub fn hide_secrets(diagnostics: &[Diagnostic], sources: &mut Sources) {
    for secret in diagnostics.iter().filter(|d| d.code == codes::SETTING_SECRET) {
        sources.hide(secret.span());
    }
}
