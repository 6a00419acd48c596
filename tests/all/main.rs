//! What crosses rooms: one test binary, one module a question.

mod kill;
mod layering;
mod peers;
