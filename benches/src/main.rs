//! Measures rrb: front end, machine, matching, ingest, memory, beside its peers in the same run. `benches/run` builds everything and
//! calls this.

mod backtest;
mod bare;
mod daemon;
mod editor;
mod language;
mod load;
mod matching;
mod report;
mod session;
mod testing;

use std::path::{Path, PathBuf};

/// The binary that is measured, wherever the measurement runs.
fn binary(path: &str) -> Outcome<PathBuf> {
    Path::new(path).canonicalize().map_err(|e| format!("no binary `{path}`: {e}").into())
}

/// A failed measurement ends the run with its reason.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["bare", database] => bare::serve(Path::new(database)),
        ["all", peers, rrb, pyright] => {
            language::front()?;
            language::machine(&binary(peers)?)?;
            matching::run()?;
            daemon::ingest(&binary(rrb)?)?;
            daemon::memory(&binary(rrb)?)?;
            testing::run(&binary(rrb)?)?;
            session::run(&binary(rrb)?)?;
            backtest::run(&binary(rrb)?)?;
            editor::run(&binary(rrb)?, Some(pyright))
        }
        ["language", peers] => {
            language::front_end()?;
            language::machine(&binary(peers)?)
        }
        ["front"] => language::front(),
        ["matching"] => matching::run(),
        ["ingest", rrb] => daemon::ingest(&binary(rrb)?),
        ["memory", rrb] => daemon::memory(&binary(rrb)?),
        ["testing", rrb] => testing::run(&binary(rrb)?),
        ["session", rrb] => session::run(&binary(rrb)?),
        ["backtest", rrb] => backtest::run(&binary(rrb)?),
        ["editor", rrb] => editor::run(&binary(rrb)?, None),
        ["editor", rrb, pyright] => editor::run(&binary(rrb)?, Some(pyright)),
        _ => Err("usage: rrb-bench all PEERS RRB PYRIGHT | language PEERS | front | matching | ingest RRB | memory RRB | testing RRB | session RRB | backtest RRB | editor RRB [PYRIGHT]".into()),
    }
}
