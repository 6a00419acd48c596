//! `rrb.toml`: what a project is called, who is in it, its settings and its safety rules.
