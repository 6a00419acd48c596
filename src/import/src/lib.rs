//! What other people wrote, turned into rrb: descriptions of APIs into connectors, playbooks into runbooks.
//!
//! [`openapi::import`] reads an OpenAPI 3 or Swagger 2.0 description, JSON or YAML, and gives the text of a connector and a
//! report of what the connector holds otherwise than the description, or not at all. Nothing but the given bytes is read.

pub mod cacao;
mod convert;
mod emit;
mod made;
mod names;
pub mod openapi;
mod pointer;
mod read;
mod report;
pub mod rulebook;
pub mod ssm;
mod text;

/// Descriptions as they are read, for those who hold requests against one instead of making a connector of it.
pub mod description {
    pub use crate::openapi::document::{At, Document};
    pub use crate::openapi::identity::version;
    pub use crate::openapi::operations::{
        Content, In, Media, Operation, Param, Reply, RequestBody, Style, Version, operations,
    };
    pub use crate::openapi::swagger2::lift_forms;
    pub use crate::read::{Read, read};
    pub use crate::report::Notes;
}

use std::fmt;

pub use convert::{ConvertCounts, ConvertOptions, ConvertReport, Converted, is_module_name};
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub use report::{Counts, Loss, Note, Report};

/// What to make of a description.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The connector's name; from the title when there is none.
    pub name: Option<String>,
    /// What is imported: tags, paths (`/pets`, `/pets/*`), `METHOD /path`, operation ids or names of actions. Everything when
    /// empty.
    pub only: Vec<String>,
    /// Where the description is from, for the first lines of the connector.
    pub source: String,
}

/// A connector and what is to be said of it.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The source, formatted.
    pub text: String,
    pub report: Report,
}

/// Why there is no connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// Lower case, no full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ImportError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        let line: String = message.into().chars().map(|c| if text::is_odd(c) { ' ' } else { c }).collect();
        Self { message: text::shorten(&line, 400), help: help.into() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for ImportError {}
