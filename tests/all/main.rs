//! What crosses rooms: one test binary, one module a question.

mod layering;
