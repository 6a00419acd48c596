//! What was made, in the form of `rrb fmt`.

use rrb_lang::span::Sources;
use rrb_lang::syntax::{self, FormatError};

use crate::ImportError;

const OURS: &str = "this is a mistake in rrb: please report it with the file";

/// The text of a `what` (`connector`, `module`) as `rrb fmt` writes it.
///
/// # Errors
/// When it is longer than a source file may be: then `smaller` is the advice. Anything else would be a defect of ours.
pub fn formatted(what: &str, text: &str, smaller: &str) -> Result<String, ImportError> {
    let file = Sources::default().add("made.rrb", "");
    let too_large = |bytes: usize| {
        ImportError::new(
            format!("the {what} would have {bytes} bytes; a source file has at most {}", syntax::MAX_SOURCE),
            smaller,
        )
    };
    match syntax::format(file, text) {
        Ok(text) if text.len() <= syntax::MAX_SOURCE => Ok(text),
        Ok(text) => Err(too_large(text.len())),
        Err(FormatError::Syntax(_)) if text.len() > syntax::MAX_SOURCE => Err(too_large(text.len())),
        Err(FormatError::Syntax(diagnostics)) => {
            let first = diagnostics.first().map(|d| d.message.clone()).unwrap_or_default();
            let at = diagnostics.first().and_then(|d| d.labels.first()).map_or(0, |l| l.span.start as usize);
            let line = text.get(..at).map_or(0, |t| t.matches('\n').count());
            let line = text.lines().nth(line).unwrap_or_default().trim().to_owned();
            Err(ImportError::new(format!("the {what} that was made cannot be read: {first}: `{line}`"), OURS))
        }
        Err(FormatError::Changed) => {
            Err(ImportError::new(format!("formatting the {what} would change its meaning"), OURS))
        }
    }
}
