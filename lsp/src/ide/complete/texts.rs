//! What texts name: groups, users and instances of `rrb.toml`, files that policies delegate to.

use rrb_lang::check::world::Target;
use rrb_lang::span::Span;

use super::lex::Token;
use super::{Context, Item, ItemKind, rank, scope};

/// What a text at the cursor could be. `from` is its first character.
pub fn in_text(c: &Context<'_>, text: &str, from: usize, at: usize) -> Option<(Span, Vec<Item>)> {
    let rest = text.get(at..)?;
    let end = at + rest.find(['"', '\n', '$', ')', ']', ',']).unwrap_or(rest.len());
    let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let replace = Span::new(c.file, place(from), place(end));
    let config = c.analysis.config();
    let words = c.before.words(6);
    let names: Vec<(String, String)> = match words.as_slice() {
        [Token::Sign('('), Token::Word("group"), ..] => {
            let listed =
                |g: &rrb_lang::project::Group| g.members.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ");
            config.groups.iter().map(|(n, g)| (n.to_string(), listed(g))).collect()
        }
        [Token::Sign('('), Token::Word("user"), ..] => users(c),
        [Token::Word("by"), Token::Word("approve" | "deny"), ..] => users(c),
        [Token::Sign(','), Token::Text, ..] if people(&c.before.tokens) => users(c),
        [Token::Word("owner"), ..] => config.groups.iter().map(|(n, _)| (n.to_string(), "group".to_owned())).collect(),
        [Token::Word(engine @ ("rego" | "cedar")), Token::Word("delegate"), ..] => {
            let ending = format!(".{engine}");
            c.analysis.delegates().filter(|f| f.ends_with(&ending)).map(|f| (f.to_owned(), String::new())).collect()
        }
        [Token::Sign('['), Token::Word(name), ..] => {
            let target = scope::named(c, name)?;
            let connector = match target {
                Target::Module(_) | Target::Connector(_) => c.world.connector_of(&target)?,
                _ => return None,
            };
            let connector = c.world.connector_name(connector)?;
            config.instances(&connector).iter().map(|i| (i.to_string(), format!("instance of {connector}"))).collect()
        }
        _ => return None,
    };
    let one = |(name, detail): (String, String)| Item { detail, ..Item::new(name, ItemKind::Config, rank::FITS) };
    Some((replace, names.into_iter().map(one).collect()))
}

fn users(c: &Context<'_>) -> Vec<(String, String)> {
    c.analysis.config().users.iter().map(|(n, u)| (n.to_string(), u.name.to_string())).collect()
}

/// Whether the list of texts before the cursor names people: `approve by "ana", "`.
fn people(tokens: &[Token<'_>]) -> bool {
    let before = tokens.iter().rev().find(|t| !matches!(t, Token::Text | Token::Sign(',')));
    before == Some(&Token::Word("by"))
}
