//! What the tests reached: lines, the ways that go on from a branch, and calls that were seen to fail.

use std::collections::{BTreeMap, BTreeSet};

use rrb_lang::ids::SiteId;
use rrb_lang::program::CoverKind;
use rrb_world::test::Suite;
use serde_json::{Value, json};

/// The coverage of a project.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// By name; without the library's.
    pub files: Vec<FileCoverage>,
}

/// The coverage of a file.
#[derive(Debug, Clone, Default)]
pub struct FileCoverage {
    pub file: String,
    /// How often each line was reached.
    pub lines: BTreeMap<u32, u64>,
    pub ways: Vec<Way>,
    pub calls: Vec<CallSite>,
    pub functions: Vec<Function>,
}

/// One of the ways that go on from a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub line: u32,
    /// Those of one place have the same.
    pub group: u32,
    /// `then`, `else`, `catch`, or the pattern of an arm.
    pub name: String,
    pub count: u64,
}

/// A call, and whether a test saw it fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    pub line: u32,
    pub column: u32,
    pub text: String,
    pub failed: bool,
}

/// A function, by its first statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: u32,
    pub count: u64,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub hit: usize,
    pub of: usize,
}

impl Share {
    fn new<T>(all: impl IntoIterator<Item = T>, hit: impl Fn(&T) -> bool) -> Self {
        all.into_iter().fold(Self::default(), |s, one| Self { hit: s.hit + usize::from(hit(&one)), of: s.of + 1 })
    }

    /// Together with another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { hit: self.hit + other.hit, of: self.of + other.of }
    }

    /// In hundredths, rounded down: only all is 100. None where there is nothing to reach.
    pub fn percent(self) -> Option<u32> {
        (self.of > 0).then(|| u32::try_from(self.hit * 100 / self.of).unwrap_or(100))
    }
}

impl FileCoverage {
    /// The lines with a statement.
    pub fn line_share(&self) -> Share {
        Share::new(self.lines.values(), |n| **n > 0)
    }

    /// The ways on from branches.
    pub fn way_share(&self) -> Share {
        Share::new(&self.ways, |w| w.count > 0)
    }

    /// The calls that were seen to fail.
    pub fn failure_share(&self) -> Share {
        Share::new(&self.calls, |c| c.failed)
    }
}

impl Coverage {
    /// What the counters of a suite say, with the places at which a test saw a failure. Files are those of the project.
    pub fn of(suite: &Suite, failed: &BTreeSet<SiteId>, files: &[String]) -> Self {
        let new = |file: &String| (file.clone(), FileCoverage { file: file.clone(), ..FileCoverage::default() });
        let mut all: BTreeMap<String, FileCoverage> = files.iter().map(new).collect();
        for (n, point) in suite.points.iter().enumerate() {
            let count = suite.program.covered.as_ref().map_or(0, |c| c.count(u32::try_from(n).unwrap_or(u32::MAX)));
            let Some(file) = all.get_mut(point.file.as_str()) else { continue };
            match &point.kind {
                CoverKind::Statement => {
                    let line = file.lines.entry(point.line).or_default();
                    *line = (*line).max(count);
                }
                CoverKind::Arm { group, name } => {
                    file.ways.push(Way { line: point.line, group: *group, name: name.to_string(), count });
                }
            }
        }
        for (site, info) in call_sites(suite) {
            let Some(file) = all.get_mut(info.file.as_str()) else { continue };
            let (line, column, text) = (info.line, info.column, info.text.to_string());
            let failed = failed.contains(&site);
            // What a `verify` asks stands twice in the code: to ask it, and to tell what it was.
            match file.calls.iter_mut().find(|c| (c.line, c.column) == (line, column)) {
                Some(known) => known.failed |= failed,
                None => file.calls.push(CallSite { line, column, text, failed }),
            }
        }
        all.retain(|_, file| !file.lines.is_empty() || !file.calls.is_empty());
        let mut coverage = Self { files: all.into_values().collect() };
        coverage.functions(suite);
        coverage
    }

    /// Functions with a name and a statement, each with how often its first statement was reached.
    fn functions(&mut self, suite: &Suite) {
        for runbook in &suite.program.runbooks {
            let Some(code) = suite.program.code(runbook.body) else { continue };
            let first =
                suite.program.sites.iter().filter(|s| s.function == runbook.body).map(|s| (&s.file, s.line)).min();
            let Some((file, line)) = first else { continue };
            if let Some(own) = self.files.iter_mut().find(|f| f.file == *file) {
                let count = own.lines.range(..=line).next_back().map_or(0, |(_, n)| *n);
                own.functions.push(Function { name: code.name.to_string(), line, count });
            }
        }
    }

    /// All files together.
    pub fn total(&self) -> (Share, Share, Share) {
        let sum = |of: fn(&FileCoverage) -> Share| self.files.iter().map(of).fold(Share::default(), Share::and);
        (sum(FileCoverage::line_share), sum(FileCoverage::way_share), sum(FileCoverage::failure_share))
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let share = |s: Share| json!({ "hit": s.hit, "of": s.of, "percent": s.percent() });
        let file = |f: &FileCoverage| {
            let missed = |n: &&u64| **n == 0;
            json!({
                "file": f.file,
                "lines": share(f.line_share()), "branches": share(f.way_share()), "failures": share(f.failure_share()),
                "missed_lines": f.lines.iter().filter(|(_, n)| missed(n)).map(|(line, _)| line).collect::<Vec<_>>(),
                "missed_branches": f.ways.iter().filter(|w| w.count == 0)
                    .map(|w| json!({ "line": w.line, "name": w.name })).collect::<Vec<_>>(),
                "never_failed": f.calls.iter().filter(|c| !c.failed)
                    .map(|c| json!({ "line": c.line, "column": c.column, "call": c.text })).collect::<Vec<_>>(),
            })
        };
        let (lines, branches, failures) = self.total();
        json!({
            "lines": share(lines), "branches": share(branches), "failures": share(failures),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
        })
    }
}

/// The places that call something that can fail.
fn call_sites(suite: &Suite) -> impl Iterator<Item = (SiteId, &rrb_lang::program::SiteInfo)> {
    let program = &suite.program;
    let own = suite.program.functions.iter().take(suite.functions);
    let sites: BTreeSet<SiteId> = own.flat_map(|code| code.calls.iter().map(|c| c.site)).collect();
    sites.into_iter().filter_map(|site| Some((site, program.site(site)?)))
}
