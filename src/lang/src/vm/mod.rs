//! The virtual machine: performs nothing, says what it wants and is resumed with the answer.

pub mod protocol;
