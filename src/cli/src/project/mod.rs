//! The project on disk: where it is, which files belong to it, what they mean.

mod collect;
mod load;
mod place;

use rrb_lang::project::ProjectConfig;

use crate::exit::CliError;
pub use collect::{Files, ModuleFile, Unreadable, collect, files_below, files_of};
pub use load::{Loaded, Sound, Texts, config, known_settings, load, load_for_tests, load_with, settings, texts};
pub use place::{CONFIG, Place, find};
pub use rrb_lsp::disk::reason;

/// When a file was last changed, and how long it is.
pub type Stamp = (std::path::PathBuf, Option<std::time::SystemTime>, u64);

/// Every file of the project with its change, to notice a save. What cannot be read is left out: it is noticed, too.
pub fn stamp(place: &Place) -> Vec<Stamp> {
    let one = |path: std::path::PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, meta.modified().ok(), meta.len()))
    };
    collect::paths(place).unwrap_or_default().into_iter().chain(place.config()).filter_map(one).collect()
}

/// That the project has this user.
///
/// # Errors
/// When it has not; with the nearest one it has.
pub fn known_user(config: &ProjectConfig, user: &str) -> Result<(), CliError> {
    if config.users.contains_key(user) {
        return Ok(());
    }
    let error = CliError::usage(format!("this project has no user `{}`", crate::text::clean(user)));
    Err(match rrb_lang::diag::nearest(user, config.users.keys().map(smol_str::SmolStr::as_str)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if config.users.is_empty() => error.help(format!("add one to `{CONFIG}`: `[users.{user}]`")),
        None => {
            let names: Vec<&str> = config.users.keys().map(smol_str::SmolStr::as_str).collect();
            error.help(format!("it has {}", names.join(", ")))
        }
    })
}
