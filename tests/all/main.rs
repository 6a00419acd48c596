//! What crosses rooms: one test binary, one module a question.

mod crash_points;
mod kill;
mod layering;
mod peers;
