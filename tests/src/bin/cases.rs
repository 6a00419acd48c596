//! `rrb-cases run [--update] [NAME…]` runs the cases of connectors with the connectors as they stand in `stdlib`;
//! `rrb-cases cut FULL OUT ORIGIN OPERATION…` cuts a vendor's description to some operations; `rrb-cases
//! sweep FOLDER` takes every sample of folders named after their sources. All from the folder of the clone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first() {
        Some((word, rest)) if word == "run" => run(rest),
        Some((word, rest)) if word == "cut" => cut(rest),
        Some((word, [samples])) if word == "sweep" => sweep(Path::new(samples)),
        _ => {
            Err("rrb-cases run [--update] [NAME…], rrb-cases cut FULL OUT ORIGIN OPERATION…, or rrb-cases sweep FOLDER"
                .to_owned())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let root = clone()?;
    let update = args.iter().any(|a| a == "--update");
    let only: Vec<String> = args.iter().filter(|a| !a.starts_with("--")).cloned().collect();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let faults = runtime.block_on(rrb_tests::cases::hold(&root, &only, update))?;
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// The folder of the clone, above or here.
fn clone() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|e| e.to_string())?;
    let is_clone = |p: &&Path| p.join("tests/connectors").is_dir() && p.join("stdlib").is_dir();
    here.ancestors()
        .find(is_clone)
        .map(Path::to_path_buf)
        .ok_or_else(|| "run it in the clone of the project".to_owned())
}

fn cut(args: &[String]) -> Result<(), String> {
    let [full, out, origin, wanted @ ..] = args else {
        return Err("rrb-cases cut FULL OUT ORIGIN OPERATION…".to_owned());
    };
    let bytes = std::fs::read(full).map_err(|e| format!("{full}: {e}"))?;
    let cut = rrb_tests::openapi::cut(&bytes, wanted, &json!(origin))?;
    let text = serde_json::to_string_pretty(&cut).map_err(|e| e.to_string())?;
    std::fs::write(out, text + "\n").map_err(|e| format!("{out}: {e}"))
}

fn sweep(samples: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let swept = runtime.block_on(rrb_tests::cases::sweep::sweep(&clone()?, samples))?;
    println!("{} bodies became {} events", swept.bodies, swept.events);
    swept.unread.iter().for_each(|why| println!("not read: {why}"));
    swept.needless.iter().for_each(|name| println!("a reason without need: {name}"));
    if swept.faults.is_empty() { Ok(()) } else { Err(swept.faults.join("\n")) }
}
