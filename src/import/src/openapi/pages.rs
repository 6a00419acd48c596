//! Answers that come in pages: which parameter says the next one, and what tells it.

use super::action::{Arg, Gives};
use super::operations::In;
use super::schema::Schemas;
use super::shape::{Body, Field, Shape};

/// How all pages of an operation are taken.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The name of the action that takes them all.
    pub name: String,
    /// The parameter that says which page.
    pub which: String,
    pub step: Step,
    /// Where the items of a page are.
    pub items: Items,
    /// One of them.
    pub item: Shape,
}

/// What the next page is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The number behind this one, from here, until a page is empty.
    Number { first: i64 },
    /// As many items further, until a page is empty.
    Offset,
    /// What the reply says in this field, until it says nothing.
    Cursor(Place),
}

/// Where the items of a page are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    Whole,
    In(Place),
}

/// A field of the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    /// It need not be there.
    pub optional: bool,
}

const NUMBERS: &[&str] = &["page", "page_number", "page_num", "pagenumber"];
const OFFSETS: &[&str] = &["offset", "skip", "start_at", "startat"];
const CURSORS: &[&str] = &[
    "cursor",
    "page_token",
    "pagetoken",
    "next_token",
    "nexttoken",
    "page_cursor",
    "next_cursor",
    "continue",
    "continuation_token",
    "after",
    "starting_after",
    "marker",
    "next",
];
const NEXT: &[&str] = &[
    "next_cursor",
    "nextcursor",
    "next_page_token",
    "nextpagetoken",
    "next_token",
    "nexttoken",
    "next_page_cursor",
    "continuation_token",
    "continuationtoken",
    "next_marker",
    "nextmarker",
    "cursor",
];

/// How the pages of an operation are taken, when both what asks for a page and what is in one can be told. None leaves a hint.
pub fn of(
    name: &str,
    args: &[Arg],
    gives: &Gives,
    schemas: &Schemas<'_>,
    first: impl Fn(&Arg) -> Option<i64>,
) -> Option<Pages> {
    let Gives::Json { shape, optional: false } = gives else { return None };
    let fields = fields(shape, schemas);
    let (items, item) = items(shape, fields)?;
    let mut asked = args.iter().filter(|a| a.place == In::Query && !a.required);
    let (which, step) = asked.find_map(|arg| {
        let called = arg.name.as_str();
        let step = match arg.shape {
            Shape::Int if NUMBERS.contains(&called) => Step::Number { first: first(arg).unwrap_or(1) },
            Shape::Int if OFFSETS.contains(&called) => Step::Offset,
            Shape::Text if CURSORS.contains(&called) => Step::Cursor(next(fields?, called)?),
            _ => return None,
        };
        Some((arg.name.clone(), step))
    })?;
    Some(Pages { name: format!("{name}_all"), which, step, items, item })
}

fn fields<'s>(shape: &Shape, schemas: &'s Schemas<'_>) -> Option<&'s [Field]> {
    let Shape::Declared(id) = shape else { return None };
    match &schemas.types.get(*id)?.body {
        Body::Record(fields) => Some(fields),
        _ => None,
    }
}

/// The list that a reply is, or the only one that it has.
fn items(shape: &Shape, fields: Option<&[Field]>) -> Option<(Items, Shape)> {
    if let Shape::List(item) = shape {
        return Some((Items::Whole, (**item).clone()));
    }
    let mut lists = fields?.iter().filter_map(|f| match f.shape.present() {
        Shape::List(item) => Some((Items::In(place(f)), (**item).clone())),
        _ => None,
    });
    let only = lists.next()?;
    lists.next().is_none().then_some(only)
}

/// The field that says what to ask for next. One called `next` is most often a whole address, unless it is asked for by that name.
fn next(fields: &[Field], asked: &str) -> Option<Place> {
    let fits = |wire: &str| NEXT.contains(&wire) || (wire == asked && wire == "next");
    let named = |f: &&Field| *f.shape.present() == Shape::Text && fits(&f.wire.to_ascii_lowercase());
    fields.iter().find(named).map(place)
}

fn place(field: &Field) -> Place {
    Place { name: field.name.clone(), optional: !field.required || field.shape.present() != &field.shape }
}
