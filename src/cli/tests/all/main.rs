//! The command line from outside: exit codes, and output as a reader sees it.

mod command;
