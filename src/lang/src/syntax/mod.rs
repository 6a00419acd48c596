//! Text to tree: the grammar's pairs lowered to [`ast`].

pub mod ast;
