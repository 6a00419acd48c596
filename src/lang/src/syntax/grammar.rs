//! The parser that pest makes of `grammar/rrb.pest`.

#![allow(missing_docs, clippy::upper_case_acronyms)]

/// The generated parser; its rules are the enum [`Rule`].
#[derive(pest_derive::Parser)]
#[grammar = "../../grammar/rrb.pest"]
pub struct Grammar;
