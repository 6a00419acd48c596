//! The worlds rrb talks to, and the sources that bring events. Only here is the network touched, a program started, a file of the
//! user's read or a secret resolved.
//!
//! `live` and `sources` stand on `secrets` and `brokers` and know nothing of each other; `plan` stands on those primitives of `live` that read. A test
//! holds them to it.

mod brokers;
pub mod flow;
mod process;

pub mod secrets;

pub mod live;

pub mod plan;

pub mod reading;

pub mod sources;

pub mod test;

/// Makes TLS work in this process. Cheap and safe to call again; [`live::LiveWorld::new`] does it too.
pub fn init() {
    // An error says that another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod connector_tests;
#[cfg(test)]
mod web_tests;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every line of source below `folder` that mentions one of `above`.
    fn climbing(folder: &Path, above: &[&str], found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                climbing(&path, above, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let climbs = text.lines().filter(|l| above.iter().any(|a| l.contains(&format!("crate::{a}"))));
            found.extend(climbs.map(|l| format!("{}: {l}", path.display())));
        }
    }

    #[test]
    fn modules_only_look_down() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        climbing(&src.join("secrets"), &["live", "plan", "sources"], &mut found);
        climbing(&src.join("brokers"), &["live", "plan", "sources"], &mut found);
        climbing(&src.join("live"), &["plan", "sources"], &mut found);
        climbing(&src.join("plan"), &["sources"], &mut found);
        climbing(&src.join("sources"), &["live", "plan"], &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
