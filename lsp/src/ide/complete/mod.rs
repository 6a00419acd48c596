//! What can be written at the cursor.
//!
//! A name that nobody uses is put where the cursor is, so that the text around it is whole and the checker says what is in scope and
//! which type is expected there. What the grammar wants is told from the words before the cursor: a text that is being written has them
//! even where it has no tree.

mod lex;
mod members;
mod scope;
mod texts;
mod words;

use std::sync::Arc;

use rrb_lang::check::world::{Kind, Target, World};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::walk::{Node, path};

use self::lex::{Before, State, Token, before};
use super::text::{boundary, is_name_char};
use super::{Analysis, Read, hover};

/// What stands for the cursor. No program has it: the checker knows it by its name.
pub(super) const ASKED: &str = "rrb_asks_for_this";

/// How many items are given at most.
pub const MOST_ITEMS: usize = 1_000;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// Something that is declared.
    Declared(Kind),
    /// A word of the language.
    Keyword,
    /// A form with places to fill in.
    Form,
    /// A name of `rrb.toml`: a user, a group, an instance.
    Config,
}

/// Something that can be written at the cursor.
#[derive(Debug, Clone)]
pub struct Item {
    pub label: String,
    pub kind: ItemKind,
    /// On one line: the type, the signature.
    pub detail: String,
    /// What is written in place of the word at the cursor.
    pub insert: String,
    /// `insert` has places to fill in: `${1:name}`, `$0`.
    pub snippet: bool,
    /// Changes elsewhere in the file that belong to it: a `use`, `?.` in place of `.`.
    pub edits: Vec<(Span, String)>,
    /// Lower comes first; of equal ones the label decides.
    pub rank: u32,
    pub deprecated: bool,
    /// What it stands for.
    pub target: Option<Target>,
}

impl Item {
    fn new(label: impl Into<String>, kind: ItemKind, rank: u32) -> Self {
        let label = label.into();
        Self {
            insert: label.clone(),
            label,
            kind,
            detail: String::new(),
            snippet: false,
            edits: Vec::new(),
            rank,
            deprecated: false,
            target: None,
        }
    }

    fn keyword(word: &str, rank: u32) -> Self {
        Self { insert: format!("{word} "), ..Self::new(word, ItemKind::Keyword, rank) }
    }
}

/// What can be written at a place.
#[derive(Debug, Clone)]
pub struct Completions {
    /// The word at the cursor, which an item replaces.
    pub replace: Span,
    /// In the order that a person likes: what fits the expected type first, what is near before what is far.
    pub items: Vec<Item>,
    world: Arc<World>,
}

impl Completions {
    /// What is said of an item, in Markdown.
    pub fn docs(&self, item: &Item) -> Option<String> {
        hover::of_target(&self.world, item.target.as_ref()?)
    }
}

/// The ranks: what is offered first.
pub(super) mod rank {
    pub const FITS: u32 = 0;
    pub const CLAUSE: u32 = 10;
    pub const FIELD: u32 = 20;
    pub const LOCAL: u32 = 30;
    pub const MEMBER: u32 = 40;
    pub const OWN: u32 = 50;
    pub const IMPORTED: u32 = 60;
    pub const KEYWORD: u32 = 70;
    pub const EVERYWHERE: u32 = 80;
    pub const FORM: u32 = 85;
    pub const ELSEWHERE: u32 = 90;
    /// Added to what should not be used any more.
    pub const DEPRECATED: u32 = 1_000;
}

/// A file as if the name [`ASKED`] stood in place of the word at the cursor.
pub(super) struct Asked {
    pub world: Arc<World>,
    pub read: Arc<Read>,
    /// Where the name begins.
    pub start: u32,
    /// The word that stands there now.
    pub word: Span,
}

impl Analysis {
    /// The file with the name that asks in place of the word at the cursor, and `whole` behind it.
    pub(super) fn asked(&self, file: FileId, offset: u32, whole: &str) -> Asked {
        let text = self.text(file);
        let at = boundary(&text, offset);
        let (before, behind) = text.split_at_checked(at).unwrap_or_default();
        let start = before.trim_end_matches(is_name_char).len();
        let end = at + behind.find(|c| !is_name_char(c)).unwrap_or(behind.len());
        let with = [text.get(..start).unwrap_or_default(), ASKED, whole, text.get(end..).unwrap_or_default()].concat();
        let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (world, read) = self.world_with(file, with.into(), ASKED, place(start));
        Asked { world, read, start: place(start), word: Span::new(file, place(start), place(end)) }
    }
}

/// The world with a name at the cursor, and the place behind that name.
pub(super) fn with_name(analysis: &Analysis, file: FileId, offset: u32) -> (Arc<World>, u32) {
    let asked = analysis.asked(file, offset, "");
    (asked.world, asked.start + u32::try_from(ASKED.len()).unwrap_or(0))
}

/// Everything that decides what can stand at the cursor.
struct Context<'a> {
    analysis: &'a Analysis,
    world: &'a World,
    read: &'a Read,
    /// The nodes around the name that asks, the outermost first.
    nodes: &'a [Node<'a>],
    before: &'a Before<'a>,
    file: FileId,
    start: u32,
    word: Span,
}

/// What can be written at a place. `rrb.toml` has its own rules, and none here.
pub fn complete(analysis: &Analysis, file: FileId, offset: u32) -> Option<Completions> {
    if file == PROJECT_FILE || analysis.sources().get(file).is_none() {
        return None;
    }
    let text = analysis.text(file);
    let at = boundary(&text, offset);
    let start = text.get(..at).unwrap_or_default().trim_end_matches(is_name_char).len();
    if text.get(start..at).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let before = before(&text, start);
    let behind = text.get(at..).unwrap_or_default().trim_start_matches(is_name_char).trim_start();
    // An arm is read only when it is whole.
    let arm = before.state == State::Code && before.begins_arm() && !behind.starts_with("=>");
    let asked = analysis.asked(file, offset, if arm { " => none," } else { "" });
    let nodes = path(&asked.read.ast, asked.start);
    let context = Context {
        analysis,
        world: &asked.world,
        read: &asked.read,
        nodes: &nodes,
        before: &before,
        file,
        start: asked.start,
        word: asked.word,
    };
    let mut items = match before.state {
        State::Comment => return None,
        State::Text(from) => {
            let (replace, items) = texts::in_text(&context, &text, from, at)?;
            return Some(done(replace, items, &asked.world));
        }
        State::Code => in_code(&context),
    };
    items.retain(|i| i.label != ASKED);
    Some(done(asked.word, items, &asked.world))
}

fn done(replace: Span, mut items: Vec<Item>, world: &Arc<World>) -> Completions {
    for item in &mut items {
        if item.deprecated {
            item.rank += rank::DEPRECATED;
        }
    }
    items.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
    let mut seen = std::collections::HashSet::new();
    items.retain(|i| seen.insert((i.label.clone(), i.kind == ItemKind::Form)));
    items.truncate(MOST_ITEMS);
    Completions { replace, items, world: Arc::clone(world) }
}

fn keywords(list: &[&str], rank: u32) -> Vec<Item> {
    list.iter().map(|w| Item::keyword(w, rank)).collect()
}

fn forms(list: &[words::Form], rank: u32) -> Vec<Item> {
    let form = |f: &words::Form| Item {
        detail: f.detail.to_owned(),
        insert: f.text.to_owned(),
        snippet: true,
        ..Item::new(f.label, ItemKind::Form, rank)
    };
    list.iter().map(form).collect()
}

fn in_code(c: &Context<'_>) -> Vec<Item> {
    let last = c.before.words(4);
    match last.as_slice() {
        // A number's or a range's dot asks for nothing.
        [Token::Sign('.'), Token::Sign('.'), ..] => return Vec::new(),
        [Token::Sign('.'), Token::Sign('?'), ..] => return members::of_place(c, true),
        [Token::Sign('.'), ..] => return members::of_place(c, false),
        [Token::Sign('{'), Token::Sign('.'), ..] => return members::of_use(c),
        _ => {}
    }
    if let Some(items) = after_word(c, &last) {
        return items;
    }
    let (tokens, open) = c.before.innermost();
    if open == Some('{') && tokens.first() == Some(&Token::Sign('.')) {
        return members::of_use(c);
    }
    by_node(c, &tokens, open)
}

/// What a word before the cursor asks for.
fn after_word(c: &Context<'_>, last: &[Token<'_>]) -> Option<Vec<Item>> {
    let Some(Token::Word(word)) = last.first() else { return None };
    let second = match last.get(1) {
        Some(Token::Word(w)) => *w,
        _ => "",
    };
    if last.get(1) == Some(&Token::Sign('.')) {
        return None;
    }
    let in_header = c.enclosing_runbook().is_some();
    let in_test =
        c.enclosing(|n| matches!(n, Node::Item(i) if matches!(i.kind, rrb_lang::syntax::ast::ItemKind::Test(_))));
    Some(match *word {
        "use" => scope::modules(c),
        "let" | "var" | "fn" | "action" | "runbook" | "connector" | "policy" | "type" | "enum" | "event" | "as" => {
            Vec::new()
        }
        "finish" | "outcome" => keywords_alone(words::OUTCOMES),
        "severity" if in_header => keywords_alone(words::SEVERITIES),
        "on" | "then" | "without" if in_header => scope::events(c),
        "of" if in_header && second != "dead" => scope::events(c),
        "for" if second == "wait" => scope::events(c),
        "when" if second == "cancel" || in_test => scope::events(c),
        "trust" | "forbid" => keywords_alone(words::EFFECTS),
        "during" if c.in_policy() => forms(words::WINDOWS, rank::CLAUSE),
        "delegate" if c.in_policy() => forms(words::DELEGATES, rank::CLAUSE),
        "run" | "start" => scope::runbooks(c),
        "do" => scope::calls(c, true),
        "given" => scope::calls(c, false),
        "expect" => {
            let mut items = scope::calls(c, false);
            items.extend(keywords(words::EXPECTED, rank::KEYWORD));
            items
        }
        "from" | "to" if in_header && !in_test => vec![principal("group"), principal("user")],
        "verify" if c.in_event() => scope::schemes(),
        "with" if second == "fails" || c.before.words(8).contains(&Token::Word("fails")) => {
            keywords_alone(rrb_lang::types::builtin::FAILURE_KINDS)
        }
        "with" if in_header && c.in_trigger() => scope::trigger_params(c),
        _ => return None,
    })
}

fn principal(word: &str) -> Item {
    Item { insert: format!("{word}(\"$1\")$0"), snippet: true, ..Item::new(word, ItemKind::Keyword, rank::CLAUSE) }
}

fn keywords_alone(list: &[&str]) -> Vec<Item> {
    list.iter().map(|w| Item::new(*w, ItemKind::Keyword, rank::CLAUSE)).collect()
}

/// What the tree around the cursor asks for.
fn by_node(c: &Context<'_>, tokens: &[Token<'_>], open: Option<char>) -> Vec<Item> {
    use rrb_lang::syntax::ast::{ExprKind, ItemKind as Decl};
    let mut clauses = keywords(&words::clauses(tokens), rank::CLAUSE);
    let item = c.nodes.iter().rev().find_map(|n| match n {
        Node::Item(i) if i.kind != Decl::Bad => Some(&i.kind),
        _ => None,
    });
    match c.nodes.last() {
        Some(Node::Type(_)) => return scope::types(c),
        Some(Node::Pattern(_)) => return scope::pattern(c),
        Some(Node::Expr(e)) if matches!(e.kind, ExprKind::Record(_)) || c.is_field_name(e) => {
            let mut items = scope::record_fields(c);
            items.extend(scope::values(c));
            return items;
        }
        _ => {}
    }
    if c.nodes.is_empty() || matches!(item, None | Some(Decl::Bad | Decl::Use(_))) && open.is_none() {
        clauses.extend(keywords(words::TOP, rank::KEYWORD));
        clauses.extend(forms(words::DECLARATIONS, rank::FORM));
        return clauses;
    }
    let statement = c.is_statement(tokens);
    match item {
        Some(Decl::Connector(_)) if open == Some('{') && statement => {
            clauses.extend(keywords(words::IN_CONNECTOR, rank::KEYWORD));
            return clauses;
        }
        Some(Decl::Policy(_)) if open == Some('{') && statement => {
            clauses.extend(keywords(words::POLICY, rank::KEYWORD));
            return clauses;
        }
        Some(Decl::Event(_)) if open == Some('{') && statement && c.nodes.len() <= 2 => {
            clauses.extend(keywords(words::EVENT, rank::KEYWORD));
            return clauses;
        }
        Some(Decl::Test(_)) if open == Some('{') && statement => {
            clauses.extend(keywords(words::TEST, rank::KEYWORD));
            return clauses;
        }
        Some(Decl::Settings(_) | Decl::Enum(_)) => return Vec::new(),
        Some(Decl::Action(_)) if open.is_none() => return clauses,
        _ => {}
    }
    let mut items = clauses;
    items.extend(scope::named_arguments(c));
    items.extend(scope::values(c));
    if statement {
        items.extend(scope::statements(c));
    } else {
        items.extend(keywords(words::EXPRESSION, rank::KEYWORD));
    }
    items
}

impl Context<'_> {
    fn enclosing(&self, wanted: impl Fn(&Node<'_>) -> bool) -> bool {
        self.nodes.iter().any(wanted)
    }

    fn enclosing_runbook(&self) -> Option<&rrb_lang::syntax::ast::Runbook> {
        self.nodes.iter().find_map(|n| match n {
            Node::Item(i) => match &i.kind {
                rrb_lang::syntax::ast::ItemKind::Runbook(r) => Some(&**r),
                _ => None,
            },
            _ => None,
        })
    }

    fn in_event(&self) -> bool {
        self.enclosing(|n| matches!(n, Node::Item(i) if matches!(i.kind, rrb_lang::syntax::ast::ItemKind::Event(_))))
    }

    fn in_policy(&self) -> bool {
        self.enclosing(|n| matches!(n, Node::Item(i) if matches!(i.kind, rrb_lang::syntax::ast::ItemKind::Policy(_))))
    }

    fn in_trigger(&self) -> bool {
        let (tokens, _) = self.before.innermost();
        let heads = ["on", "every", "at"];
        tokens.iter().rev().find_map(|t| match t {
            Token::Word(w) if heads.contains(w) => Some(true),
            Token::Word("run" | "start" | "expect" | "given") => Some(false),
            _ => None,
        }) == Some(true)
    }

    /// Whether a statement begins at the cursor.
    fn is_statement(&self, tokens: &[Token<'_>]) -> bool {
        let begins = tokens.last().is_none_or(|t| *t == Token::Line)
            || matches!(self.before.words(1).as_slice(), [Token::Sign('{')]);
        let in_block = !matches!(self.before.innermost().1, Some('(' | '['));
        begins && in_block && !matches!(self.nodes.last(), Some(Node::Header(_)))
    }

    /// Whether the name that asks is a short field of the record `e`, or its key.
    fn is_field_name(&self, e: &rrb_lang::syntax::ast::Expr) -> bool {
        use rrb_lang::syntax::ast::{ExprKind, RecordEntry};
        let ExprKind::Record(entries) = &e.kind else { return false };
        entries.iter().any(|entry| match entry {
            RecordEntry::Shorthand(name) | RecordEntry::Field { name, .. } => name.name == ASKED,
            _ => false,
        })
    }
}
