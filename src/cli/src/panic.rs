//! What a person sees when rrb itself is broken: a short message and exit code 70, not a wall of frames.

use std::io::Write;

use crate::exit::Exit;

/// Replaces the standard report. `RUST_BACKTRACE=1` adds the frames.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let what = info
            .payload()
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".to_owned());
        let at = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        crate::terminal::restore();
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "rrb: internal error: {} ({at})", crate::text::clean(&what));
        let _ = writeln!(
            err,
            "  This is a mistake in rrb {}, not in your project. What runs had done is kept;",
            env!("CARGO_PKG_VERSION")
        );
        let _ = writeln!(err, "  `rrb serve` goes on with them. Please report the line above and what you did.");
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0") {
            let _ = writeln!(err, "{}", std::backtrace::Backtrace::force_capture());
        }
        let _ = err.flush();
        std::process::exit(i32::from(Exit::Internal.code()));
    }));
}
