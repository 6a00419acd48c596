//! Patterns that are compiled once: those of paths and schemas are asked for with every request.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;

static KNOWN: LazyLock<Mutex<HashMap<String, Option<Arc<Regex>>>>> = LazyLock::new(Mutex::default);

/// The pattern of this text; none when it is none that this engine takes.
pub fn pattern(text: &str) -> Option<Arc<Regex>> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(text.to_owned()).or_insert_with(|| Regex::new(text).ok().map(Arc::new)).clone()
}
