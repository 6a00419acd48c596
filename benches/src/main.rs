//! Measures rrb: front end, machine, matching, ingest, memory, beside its peers in the same run. `benches/run` builds everything and
//! calls this.

mod bare;
mod daemon;
mod language;
mod load;
mod matching;
mod report;

use std::path::Path;

/// A failed measurement ends the run with its reason.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["bare", database] => bare::serve(Path::new(database)),
        ["all", peers, rrb] => {
            language::front()?;
            language::machine(Path::new(peers))?;
            matching::run()?;
            daemon::ingest(Path::new(rrb))?;
            daemon::memory(Path::new(rrb))
        }
        ["language", peers] => {
            language::front_end()?;
            language::machine(Path::new(peers))
        }
        ["front"] => language::front(),
        ["matching"] => matching::run(),
        ["ingest", rrb] => daemon::ingest(Path::new(rrb)),
        ["memory", rrb] => daemon::memory(Path::new(rrb)),
        _ => Err("usage: rrb-bench all PEERS RRB | language PEERS | front | matching | ingest RRB | memory RRB".into()),
    }
}
