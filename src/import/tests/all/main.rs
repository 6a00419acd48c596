//! Descriptions in, connectors out: small ones of our own by feature, and real ones where they are given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

mod cacao_playbooks;
mod mutated;
mod mutated_playbooks;
mod odd;
mod page;
mod pages;
mod refused;
mod rulebooks;
mod samples;
mod ssm_documents;
mod support;
mod whole;
