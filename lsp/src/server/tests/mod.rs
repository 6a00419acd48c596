//! The server as an editor sees it.

mod editor;
mod pipe;
mod projects;
mod sync;
