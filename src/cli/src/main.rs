//! The `rrb` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    rrb_cli::main()
}
