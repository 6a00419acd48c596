//! Throws changed programs and data at the language until something panics, hangs or breaks a promise.
//!
//! `rrb-fuzz TARGET [--seconds N] [--seed N]` changes the texts of the corpus for so many seconds of the processor; `rrb-fuzz TARGET FILE…` tries those files once. What
//! breaks is written to `fuzz/found/` and ends the run with exit code 1. It needs no instrumented compiler: the changes are of
//! whole tokens as often as of bytes, which is what reaches the depths of a language.

mod change;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use change::Random;
use targets::Target;

/// What keeps the processor for longer than this hangs.
const MOST_TIME: Duration = Duration::from_secs(10);

/// The longest text that is tried.
const MOST_BYTES: usize = 16 * 1024;

/// What is tried at the moment, for the watchdog; and when it began, in milliseconds of the processor.
static CURRENT: Mutex<String> = Mutex::new(String::new());
static BEGAN: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).and_then(|n| n.parse().ok());
    let Some(target) = args.first().and_then(|name| Target::named(name)) else {
        eprintln!("usage: rrb-fuzz syntax|literals|json|eval [--seconds N] [--seed N] [FILE…]");
        return ExitCode::from(2);
    };
    let files: Vec<&String> = args.iter().skip(1).filter(|a| Path::new(a).is_file()).collect();
    watch(target);
    if !files.is_empty() {
        let broken = files.iter().filter(|f| !holds(target, &read(Path::new(f)))).count();
        return ExitCode::from(u8::from(broken > 0));
    }
    let seed = option("--seed").unwrap_or(0x5eed);
    let seconds = option("--seconds").unwrap_or(60);
    match run(target, seed, Duration::from_secs(seconds)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn run(target: Target, seed: u64, time: Duration) -> bool {
    let mut corpus = target.corpus(&root());
    assert!(!corpus.is_empty(), "no corpus");
    for text in &corpus {
        if !holds(target, text) {
            return false;
        }
    }
    let mut random = Random::new(seed);
    let (mut tried, mut deep) = (0_u64, 0_u64);
    while worked() < time {
        let text = change::changed(&mut random, &corpus, MOST_BYTES);
        tried += 1;
        if !holds(target, &text) {
            return false;
        }
        // What is still valid is a new place to start from.
        if target.reaches_deep(&text) {
            deep += 1;
            if corpus.len() < 4_000 {
                corpus.push(text);
            } else {
                let at = random.below(corpus.len());
                corpus[at] = text;
            }
        }
    }
    println!("{}: {tried} tried, {deep} of them valid, seed {seed}, {} s of the processor: nothing broke", target.name(), time.as_secs());
    true
}

/// What the process has had of the processor: the clock of the wall says little on a machine that does other work.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Tries one text; when it breaks something, keeps it.
fn holds(target: Target, text: &str) -> bool {
    if let Ok(mut current) = CURRENT.lock() {
        text.clone_into(&mut current);
    }
    BEGAN.store(u64::try_from(worked().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    let result = std::panic::catch_unwind(|| target.try_text(text));
    let why = match result {
        Ok(Ok(())) => return true,
        Ok(Err(why)) => why,
        Err(_) => "a panic".to_owned(),
    };
    keep(target, text, &why);
    false
}

fn keep(target: Target, text: &str, why: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let path = folder.join(format!("{}-{hash:016x}", target.name()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text));
    eprintln!("{}: {why}\nkept as {} ({written:?})", target.name(), path.display());
}

/// Ends the process when one text takes too long.
fn watch(target: Target) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let began = Duration::from_millis(BEGAN.load(Ordering::Relaxed));
            if worked().saturating_sub(began) > MOST_TIME {
                let text = CURRENT.lock().map(|t| t.clone()).unwrap_or_default();
                if !text.is_empty() {
                    keep(target, &text, "it takes too long");
                    std::process::exit(1);
                }
            }
        }
    });
}
