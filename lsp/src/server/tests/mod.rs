//! The server as an editor sees it.

mod editor;
mod features;
mod pipe;
mod projects;
mod soak;
mod sync;
