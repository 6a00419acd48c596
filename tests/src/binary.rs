//! The `rrb` binary under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// Path of the built binary. Cargo builds it now if it is not up to date, so that no test runs against an older one.
pub fn rrb() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = std::env::current_exe().expect("a test has an executable");
        // target/debug/deps/all-… -> target/debug
        let profile = target.parent().and_then(Path::parent).expect("tests run from target/PROFILE/deps");
        let release = profile.ends_with("release");
        let built = profile.join("rrb");
        if is_newer(&built, &root()) {
            return built;
        }
        let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        build.args(["build", "--quiet", "--locked", "--package", "rrb"]).current_dir(root());
        build.env("CARGO_TARGET_DIR", profile.parent().expect("target/PROFILE has a parent"));
        if release {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the rrb binary does not build");
        built
    })
}

/// Whether the binary is newer than everything it is built from. Asking Cargo costs each test process seconds on a busy machine.
fn is_newer(binary: &Path, root: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let Some(built) = time(binary) else { return false };
    let mut left: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock", "src", "lsp/Cargo.toml", "lsp/src", "grammar", "stdlib"]
        .map(|p| root.join(p))
        .into();
    while let Some(path) = left.pop() {
        // A folder's own time tells of files that came or went.
        if time(&path).is_none_or(|changed| changed >= built) {
            return false;
        }
        if path.is_dir() {
            let Ok(entries) = std::fs::read_dir(&path) else { return false };
            left.extend(entries.flatten().map(|e| e.path()).filter(|p| p.file_name().is_none_or(|n| n != "tests")));
        }
    }
    true
}

/// `rrb ARGS` in `dir`, with a clean set of RRB_ variables and no colours.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(rrb());
    command.args(args).current_dir(dir).env("NO_COLOR", "1").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("RRB_")) {
        command.env_remove(name);
    }
    command
}

/// Runs to the end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("rrb starts")
}

/// Runs to the end, expects success and gives what it printed.
pub fn ok(command: &mut Command) -> String {
    let output = command.output().expect("rrb starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            if entry.file_name() != ".rrb" {
                copy(&entry.path(), &target);
            }
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
