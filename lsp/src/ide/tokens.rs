//! What every name of a file is, for colours: a call that destroys looks dangerous.

use rrb_lang::check::world::{Kind, Target, World};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::ast::Effect;

use super::Analysis;

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    Module,
    Connector,
    Type,
    Enum,
    Variant,
    Parameter,
    Variable,
    /// A field or a setting.
    Property,
    Function,
    Action,
    Runbook,
    Method,
    Event,
    Policy,
}

/// More about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// Here it is declared.
    pub declaration: bool,
    /// It never changes.
    pub constant: bool,
    /// The language or its library brings it.
    pub library: bool,
    /// What a call does.
    pub effect: Option<Effect>,
    /// It can be set again.
    pub mutable: bool,
}

/// A name in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub span: Span,
    pub kind: TokenKind,
    pub traits: Traits,
}

/// The names of a file, in order of place; no two share a byte.
pub fn tokens(analysis: &Analysis, file: FileId) -> Vec<Token> {
    if file == PROJECT_FILE {
        return vec![];
    }
    let world = analysis.world(file);
    let mut found: Vec<Token> = Vec::with_capacity(world.index.names.len());
    for seen in &world.index.names {
        let free = found.last().is_none_or(|last| last.span.end <= seen.span.start);
        if free && let Some((kind, traits)) = of(analysis, &world, &seen.target, seen.span) {
            found.push(Token { span: seen.span, kind, traits });
        }
    }
    found
}

fn of(analysis: &Analysis, world: &World, target: &Target, at: Span) -> Option<(TokenKind, Traits)> {
    let declared = world.declared(target)?;
    let kind = match declared.kind {
        Kind::Module => TokenKind::Module,
        Kind::Connector => TokenKind::Connector,
        Kind::Record | Kind::Alias | Kind::BuiltIn => TokenKind::Type,
        Kind::Enum => TokenKind::Enum,
        Kind::Variant => TokenKind::Variant,
        Kind::Parameter => TokenKind::Parameter,
        Kind::Variable | Kind::Constant => TokenKind::Variable,
        Kind::Field | Kind::Setting => TokenKind::Property,
        Kind::Function => TokenKind::Function,
        Kind::Action => TokenKind::Action,
        Kind::Runbook => TokenKind::Runbook,
        Kind::Method => TokenKind::Method,
        Kind::Event => TokenKind::Event,
        Kind::Policy => TokenKind::Policy,
    };
    let effect = match target {
        Target::Fn(id) => world.function(*id).map(|f| f.effect),
        _ => None,
    };
    let mutable = match target {
        Target::Local(span) => world.index.locals.iter().any(|l| l.span == *span && l.mutable),
        _ => false,
    };
    let traits = Traits {
        declaration: declared.span == Some(at),
        constant: matches!(declared.kind, Kind::Constant | Kind::Setting | Kind::Variant),
        library: declared.span.is_none_or(|s| analysis.is_library(s.file)),
        effect: effect.filter(|e| *e != Effect::Pure),
        mutable,
    };
    Some((kind, traits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn found(text: &str) -> Vec<(String, TokenKind, Traits)> {
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        let all = tokens(&analysis, analysis.file("a.rrb").unwrap());
        assert!(all.windows(2).all(|w| w[0].span.end <= w[1].span.start), "{all:?}");
        let of = |t: &Token| text[t.span.start as usize..t.span.end as usize].to_owned();
        all.iter().map(|t| (of(t), t.kind, t.traits)).collect()
    }

    #[test]
    fn a_call_shows_what_it_does() {
        let all = found("use std.system\naction wipe() destroys { do system.delete_file(\"/x\") }\n");
        let call = all.iter().find(|(name, ..)| name == "delete_file").unwrap();
        assert_eq!((call.1, call.2.effect, call.2.library), (TokenKind::Action, Some(Effect::Destroys), true));
        let own = all.iter().find(|(name, ..)| name == "wipe").unwrap();
        assert!(own.2.declaration && !own.2.library && own.2.effect == Some(Effect::Destroys), "{own:?}");
    }

    #[test]
    fn variables_that_change_are_told_from_others() {
        let all = found("fn f(p: Int) -> Int {\n  var a = p\n  let b = a\n  a = b\n  a\n}\n");
        let of =
            |n: &str| all.iter().filter(|(name, ..)| name == n).map(|(_, k, t)| (*k, t.mutable)).collect::<Vec<_>>();
        assert!(of("a").iter().all(|t| *t == (TokenKind::Variable, true)) && of("a").len() == 4, "{all:?}");
        assert!(of("b").iter().all(|t| *t == (TokenKind::Variable, false)), "{all:?}");
        assert!(of("p").iter().all(|t| *t == (TokenKind::Parameter, false)), "{all:?}");
    }

    #[test]
    fn broken_text_keeps_its_colours() {
        for text in ["", "fn", "fn f(", "use", "let x =", "runbook r { do "] {
            found(text);
        }
        let all = found("fn f(p: Int) -> Int { p. }\nfn g() -> Int { f(1) }\n");
        assert!(all.iter().any(|(name, kind, _)| name == "f" && *kind == TokenKind::Function), "{all:?}");
    }
}
