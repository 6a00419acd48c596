//! Real descriptions: every file of the folder that `RRB_OPENAPI_SAMPLES` names.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rrb_import::{Options, openapi};

use crate::support;

#[test]
fn every_sample_gives_a_connector_that_checks() {
    let Some(folder) = std::env::var_os("RRB_OPENAPI_SAMPLES") else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| {
        f.is_file() && f.extension().is_some_and(|e| ["json", "yaml", "yml"].contains(&e.to_str().unwrap()))
    });
    files.sort();
    assert!(!files.is_empty(), "there is no description in the folder");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let source = file.file_name().unwrap().to_str().unwrap().to_owned();
        let options = Options { source: source.clone(), ..Options::default() };
        let start = Instant::now();
        let imported = openapi::import(&bytes, &options).unwrap_or_else(|e| panic!("{source}: {e}"));
        let took = start.elapsed();
        assert!(took < Duration::from_secs(10), "{source} took {took:?}");
        let again = openapi::import(&bytes, &options).unwrap();
        assert_eq!(imported.text, again.text, "{source} is not the same twice");
        let problems = support::problems(&imported.text);
        assert!(problems.is_empty(), "{source}: {problems:#?}");
        let counts = imported.report.counts;
        eprintln!(
            "{source}: {} of {} operations, {} types, {} notes, {} bytes, imported in {} ms, checked in {} ms",
            counts.actions,
            counts.operations,
            counts.types,
            imported.report.notes.len(),
            imported.text.len(),
            took.as_millis(),
            (start.elapsed() - took).as_millis()
        );
    }
}
