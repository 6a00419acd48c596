//! The tests of the language that go over fixtures: one binary.

mod check;
