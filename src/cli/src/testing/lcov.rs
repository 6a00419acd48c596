//! The coverage as an lcov tracefile: `FN`, `BRDA` and `DA` records, one section a file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::coverage::{Coverage, FileCoverage};

/// The whole file; names of files begin with `prefix`.
pub fn lcov(coverage: &Coverage, prefix: &str) -> String {
    let mut out = String::new();
    coverage.files.iter().for_each(|file| section(&mut out, file, prefix));
    out
}

fn section(out: &mut String, file: &FileCoverage, prefix: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "TN:rrb\nSF:{prefix}{}", file.file);
    for f in &file.functions {
        let _ = writeln!(out, "FN:{},{}", f.line, f.name);
    }
    for f in &file.functions {
        let _ = writeln!(out, "FNDA:{},{}", f.count, f.name);
    }
    let hit = file.functions.iter().filter(|f| f.count > 0).count();
    let _ = writeln!(out, "FNF:{}\nFNH:{hit}", file.functions.len());
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    for way in &file.ways {
        let next = numbers.entry(way.group).or_default();
        let number = *next;
        *next += 1;
        // `-` says that the place itself was never reached.
        let reached = file.ways.iter().any(|w| w.group == way.group && w.count > 0);
        let taken = if reached { way.count.to_string() } else { "-".to_owned() };
        let _ = writeln!(out, "BRDA:{},{},{number},{taken}", way.line, way.group);
    }
    let ways = file.way_share();
    let _ = writeln!(out, "BRF:{}\nBRH:{}", ways.of, ways.hit);
    for (line, count) in &file.lines {
        let _ = writeln!(out, "DA:{line},{count}");
    }
    let lines = file.line_share();
    let _ = writeln!(out, "LF:{}\nLH:{}\nend_of_record", lines.of, lines.hit);
}
