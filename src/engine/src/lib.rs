//! The rrb engine: events in, runs driven, every decision kept. It knows a [`store::Store`], a [`world::World`] and a
//! [`clock::Clock`], and nothing concrete: no network, no file, no real time.
//!
//! Modules only look down, in the order of the list below.

pub mod api;
pub mod audit;
pub mod clock;
pub mod run;
pub mod store;
pub mod world;
