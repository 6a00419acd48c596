use std::fs;
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use rrb_lang::vm::protocol::EffectOutcome;

use super::super::testing::{Call, assert_shape, done, failed};
use super::*;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

fn on(native: &str, path: &str) -> Call {
    Call::new(native).text("path", path)
}

async fn ok(call: Call) -> Value {
    done(call.perform().await)
}

async fn refused(call: Call) -> (FailureKind, String) {
    let failure = failed(call.perform().await);
    assert_eq!(failure.happened, Happened::No, "{}", failure.message);
    (failure.kind, failure.message)
}

fn int(value: &Value, field: &str) -> i64 {
    match value.field(field) {
        Some(Value::Int(i) | Value::Size(i)) => *i,
        other => panic!("{field}: {other:?}"),
    }
}

fn names(listing: &Value, root: &str) -> Vec<String> {
    let Some(Value::List(entries)) = listing.field("entries") else { panic!("{listing:?}") };
    let name = |e: &Value| {
        e.field("path").unwrap().as_text().unwrap().strip_prefix(root).unwrap().trim_start_matches('/').to_owned()
    };
    let mut names: Vec<String> = entries.iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn no_path_leads_astray() {
    for native in [
        "file.read",
        "file.read_bytes",
        "file.exists",
        "file.info",
        "file.list",
        "file.usage",
        "file.folder_size",
        "file.delete",
    ] {
        for path in ["", "relative", "./x", "../x", "/tmp/../etc/passwd", "/..", "/tmp/a\0b", "~", "file:///etc/passwd"]
        {
            assert_eq!(refused(on(native, path)).await.0, FailureKind::Invalid, "{native} {path:?}");
        }
    }
    for (from, to) in [("/tmp/..", "/tmp/x"), ("/tmp/x", "/tmp/../x"), ("x", "/tmp/x")] {
        assert_eq!(refused(Call::new("file.move").text("from", from).text("to", to)).await.0, FailureKind::Invalid);
    }
    assert_eq!(refused(on("file.write", "/tmp/../x").text("content", "")).await.0, FailureKind::Invalid);
    for (len, kind) in
        [(4094, FailureKind::Unavailable), (4095, FailureKind::Unavailable), (4096, FailureKind::Invalid)]
    {
        assert_eq!(refused(on("file.read", &format!("/{}", "x".repeat(len - 1)))).await.0, kind, "{len}");
    }
}

#[tokio::test]
async fn content_is_read_within_its_limit() {
    let dir = Dir::new();
    let path = dir.file("a", "hällo");
    assert_eq!(ok(on("file.read", &path)).await, Value::text("hällo"));
    assert_eq!(ok(on("file.read_bytes", &path)).await, Value::Bytes("hällo".as_bytes().into()));
    for (max, fits) in [(5, false), (6, true), (7, true), (0, false)] {
        assert_eq!(
            matches!(on("file.read", &path).arg("max", Value::Size(max)).perform().await, EffectOutcome::Done(_)),
            fits,
            "{max}"
        );
    }
    for (max, fits) in [(MAX_CONTENT - 1, true), (MAX_CONTENT, true), (MAX_CONTENT + 1, false)] {
        let call = on("file.read", &path).arg("max", Value::Size(i64::try_from(max).unwrap()));
        assert_eq!(matches!(call.perform().await, EffectOutcome::Done(_)), fits, "{max}");
    }
    assert_eq!(ok(on("file.read", &dir.file("empty", "")).arg("max", Value::Size(0))).await, Value::text(""));
    assert!(matches!(ok(on("file.read", "/proc/uptime")).await, Value::Text(t) if !t.is_empty()));
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let dir = Dir::new();
    let odd = dir.file("odd", b"\xff");
    let pipe = dir.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, kind, part) in [
        (dir.path("none"), FailureKind::NotFound, "does not exist"),
        (dir.path(""), FailureKind::Invalid, "no regular file"),
        (odd.clone(), FailureKind::Invalid, "not UTF-8"),
        (format!("{odd}/below"), FailureKind::Invalid, "no folder"),
        (pipe, FailureKind::Invalid, "no regular file"),
        ("/dev/zero".to_owned(), FailureKind::Invalid, "no regular file"),
    ] {
        let (found, message) = refused(on("file.read", &path)).await;
        assert!(found == kind && message.contains(part), "{path}: {message}");
    }
    assert_eq!(ok(on("file.read_bytes", &odd)).await, Value::Bytes([0xff].as_slice().into()));
}

#[tokio::test]
async fn what_is_there_is_described_without_following_links() {
    let dir = Dir::new();
    let path = dir.file("a", "123");
    symlink("nowhere", dir.path("link")).unwrap();
    let info = ok(on("file.info", &path)).await;
    assert_shape(&info, "file", "Entry");
    assert_eq!((info.field("kind").unwrap(), int(&info, "size")), (&Value::text("file"), 3));
    assert_eq!(ok(on("file.info", &dir.path("link"))).await.field("kind"), Some(&Value::text("link")));
    assert_eq!(ok(on("file.info", &dir.path(""))).await.field("kind"), Some(&Value::text("folder")));
    assert_eq!(ok(on("file.info", "/dev/null")).await.field("kind"), Some(&Value::text("other")));
    assert_eq!(ok(on("file.info", &dir.path("none"))).await, Value::None);
    assert_eq!(ok(on("file.info", &format!("{path}/x"))).await, Value::None);
    for (name, there) in [("a", true), ("link", true), ("none", false)] {
        assert_eq!(ok(on("file.exists", &dir.path(name))).await, Value::Bool(there), "{name}");
    }
}

#[tokio::test]
async fn usage_is_what_df_says() {
    let dir = Dir::new();
    let usage = ok(on("file.usage", &dir.path(""))).await;
    assert_shape(&usage, "file", "Usage");
    let out = std::process::Command::new("df").args(["-B1", "--output=size"]).arg(dir.0.path()).output().unwrap();
    let size = String::from_utf8(out.stdout).unwrap().lines().nth(1).unwrap().trim().parse::<i64>().unwrap();
    assert_eq!(int(&usage, "total"), size);
    let Some(Value::Float(share)) = usage.field("share") else { panic!() };
    assert!((0.0..=1.0).contains(share));
    assert_eq!(refused(on("file.usage", &dir.path("none"))).await.0, FailureKind::NotFound);
}

fn age(path: &str, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(then).unwrap();
}

#[tokio::test]
async fn a_listing_takes_what_is_asked_for() {
    let dir = Dir::new();
    age(&dir.file("old.log", "12345"), 7200);
    age(&dir.file("sub/older.log", "1"), 9000);
    dir.file("new.log", "123");
    dir.file("sub/deep/b.txt", "1234567");
    symlink("/etc", dir.path("etc")).unwrap();
    let root = dir.path("");
    let list = |call: Call| {
        let root = root.clone();
        async move {
            let listing = ok(call).await;
            assert_shape(&listing, "file", "Listing");
            names(&listing, &root)
        }
    };
    let all = || on("file.list", &root).arg("recursive", Value::Bool(true));
    assert_eq!(list(on("file.list", &root)).await, ["etc", "new.log", "old.log", "sub"]);
    assert_eq!(list(all()).await, ["etc", "new.log", "old.log", "sub", "sub/deep", "sub/deep/b.txt", "sub/older.log"]);
    assert_eq!(list(all().text("kind", "file")).await, ["new.log", "old.log", "sub/deep/b.txt", "sub/older.log"]);
    assert_eq!(list(all().text("suffix", ".log")).await, ["new.log", "old.log", "sub/older.log"]);
    assert_eq!(
        list(all().text("suffix", ".log").arg("older_than", Value::Duration(3_600_000))).await,
        ["old.log", "sub/older.log"]
    );
    assert_eq!(list(all().text("kind", "file").arg("min_size", Value::Size(5))).await, ["old.log", "sub/deep/b.txt"]);
    assert_eq!(list(all().text("kind", "file").arg("older_than", Value::Duration(0))).await.len(), 4);
    assert_eq!(refused(all().arg("older_than", Value::Duration(-1))).await.0, FailureKind::Invalid);
    assert_eq!(refused(all().text("kind", "dir")).await.0, FailureKind::Invalid);

    let some = ok(all().text("kind", "file").arg("max", Value::Int(2))).await;
    assert_eq!((names(&some, &root), int(&some, "more")), (vec!["old.log".to_owned(), "sub/older.log".to_owned()], 2));
    assert_eq!(int(&ok(all().arg("max", Value::Int(0))).await, "more"), 7);
    for max in [-1, 10_001] {
        assert_eq!(refused(all().arg("max", Value::Int(max))).await.0, FailureKind::Invalid);
    }
}

#[tokio::test]
async fn links_and_what_is_no_folder_are_not_listed() {
    let dir = Dir::new();
    symlink("/etc", dir.path("etc")).unwrap();
    for native in ["file.list", "file.folder_size"] {
        let (kind, message) = refused(on(native, &dir.path("etc"))).await;
        assert!(kind == FailureKind::Invalid && message.contains("is a link to `/etc`"), "{message}");
        assert!(refused(on(native, &dir.file("a", ""))).await.1.contains("is no folder"));
        assert_eq!(refused(on(native, &dir.path("none"))).await.0, FailureKind::NotFound);
    }
}

#[tokio::test]
async fn names_that_no_text_can_hold_are_counted_as_unreadable() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = Dir::new();
    fs::write(dir.0.path().join(std::ffi::OsStr::from_bytes(b"a\xffb")), "").unwrap();
    let listing = ok(on("file.list", &dir.path(""))).await;
    assert_eq!(names(&listing, &dir.path("")), Vec::<String>::new());
    assert!(matches!(listing.field("unreadable"), Some(Value::List(l)) if l.len() == 1));
}

#[test]
fn a_walk_is_bounded_in_number_and_depth() {
    let dir = Dir::new();
    (0..5).for_each(|i| drop(dir.file(&i.to_string(), "")));
    let go =
        |entries, recursive| walk::walk(dir.0.path(), walk::Walk { recursive, entries }, &Stop::default(), |_, _| {});
    assert!(go(6, false).is_ok() && go(5, false).is_ok());
    assert!(go(4, false).err().unwrap().message.contains("more than 4 entries"));

    let nested = |depth: usize| {
        let dir = Dir::new();
        fs::create_dir_all(dir.path(&"d/".repeat(depth))).unwrap();
        walk::walk(dir.0.path(), walk::Walk { recursive: true, entries: 1000 }, &Stop::default(), |_, _| {}).is_ok()
    };
    assert!(nested(63) && nested(64));
    assert!(!nested(65));

    let stopped = Stop::default();
    drop(StopOnDrop(stopped.clone()));
    let walked = walk::walk(dir.0.path(), walk::Walk { recursive: true, entries: 9 }, &stopped, |_, _| {});
    assert_eq!(walked.err().unwrap().kind, FailureKind::Timeout);
}

#[tokio::test]
async fn a_folder_is_measured_without_what_links_lead_to() {
    let dir = Dir::new();
    dir.file("a", "12345");
    dir.file("sub/b", "123");
    symlink("/usr", dir.path("usr")).unwrap();
    let size = ok(on("file.folder_size", &dir.path(""))).await;
    assert_shape(&size, "file", "FolderSize");
    assert_eq!((int(&size, "size"), int(&size, "files"), int(&size, "folders")), (8, 3, 1));
}

#[tokio::test]
async fn a_write_replaces_whole_and_gives_back_what_was_there() {
    let dir = Dir::new();
    let path = dir.path("conf");
    let write = |content: &str| on("file.write", &path).text("content", content);
    let first = ok(write("one").text("mode", "0640")).await;
    assert_shape(&first, "file", "Written");
    assert_eq!((first.field("previous"), first.field("replaced")), (Some(&Value::None), Some(&Value::Bool(false))));
    let second = ok(write("two")).await;
    assert_eq!(
        (second.field("previous"), second.field("replaced")),
        (Some(&Value::text("one")), Some(&Value::Bool(true)))
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640, "the mode stays");
    assert_eq!(fs::read_dir(dir.0.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn old_content_comes_back_up_to_its_limit() {
    for (len, comes) in [(65_535, true), (65_536, true), (65_537, false)] {
        let dir = Dir::new();
        let path = dir.file("a", "x".repeat(len));
        let written = ok(on("file.write", &path).text("content", "")).await;
        assert_eq!(written.field("previous") != Some(&Value::None), comes, "{len}");
        assert_eq!(written.field("replaced"), Some(&Value::Bool(true)));
    }
}

#[tokio::test]
async fn a_write_that_is_refused_leaves_everything_as_it_was() {
    let dir = Dir::new();
    let target = dir.file("target", "kept");
    symlink(&target, dir.path("link")).unwrap();
    let write = |path: &str| on("file.write", path).text("content", "new");
    assert_eq!(refused(write(&dir.path("link"))).await.0, FailureKind::Conflict);
    assert_eq!(refused(write(&dir.path(""))).await.0, FailureKind::Conflict);
    assert_eq!(refused(write("/dev/null")).await.0, FailureKind::Conflict);
    assert_eq!(refused(write(&dir.path("none/x"))).await.0, FailureKind::NotFound);
    assert_eq!(refused(write("/")).await.0, FailureKind::Conflict);
    for mode in ["rw", "99", "77777", "-644", "", "+644"] {
        assert_eq!(refused(write(&target).text("mode", mode)).await.0, FailureKind::Invalid, "{mode}");
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
    assert_eq!(fs::read_dir(dir.0.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_write_is_bounded() {
    let dir = Dir::new();
    let limit = usize::try_from(MAX_CONTENT).unwrap();
    for (len, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
        let call = on("file.write", &dir.path("a")).text("content", "x".repeat(len));
        assert_eq!(matches!(call.perform().await, EffectOutcome::Done(_)), fits, "{len}");
    }
}

fn mv(from: &str, to: &str) -> Call {
    Call::new("file.move").text("from", from).text("to", to)
}

#[tokio::test]
async fn a_move_can_be_undone_and_overwrites_nothing() {
    let dir = Dir::new();
    let (a, b) = (dir.file("a", "123"), dir.path("trash/today/a"));
    assert_eq!(refused(mv(&a, &b)).await.0, FailureKind::NotFound);
    let moved = ok(mv(&a, &b).arg("make_folders", Value::Bool(true))).await;
    assert_shape(&moved, "file", "Moved");
    assert_eq!(int(&moved, "size"), 3);
    ok(mv(&b, &a)).await;
    assert_eq!(fs::read_to_string(&a).unwrap(), "123");

    let other = dir.file("other", "kept");
    assert_eq!(refused(mv(&a, &other)).await.0, FailureKind::Conflict);
    assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
    assert_eq!(refused(mv(&dir.path("none"), &b)).await.0, FailureKind::NotFound);
    assert_eq!(refused(mv(&dir.path(""), &dir.path("trash/x"))).await.0, FailureKind::Invalid);
    symlink("a", dir.path("link")).unwrap();
    ok(mv(&dir.path("link"), &dir.path("link2"))).await;
    assert!(fs::symlink_metadata(dir.path("link2")).unwrap().is_symlink());
}

/// A folder on another file system than `dir`, where this machine has one.
fn elsewhere(dir: &Dir) -> Option<tempfile::TempDir> {
    let other = tempfile::tempdir_in("/dev/shm").ok()?;
    (fs::metadata(other.path()).ok()?.dev() != fs::metadata(dir.0.path()).ok()?.dev()).then_some(other)
}

#[tokio::test]
async fn a_file_moves_to_another_file_system_whole_or_not_at_all() {
    let dir = Dir::new();
    let Some(other) = elsewhere(&dir) else { return };
    let content = "x".repeat(600_000);
    let a = dir.file("a", &content);
    fs::set_permissions(&a, fs::Permissions::from_mode(0o640)).unwrap();
    age(&a, 7200);
    let to = other.path().join("sub/a").to_str().unwrap().to_owned();
    ok(mv(&a, &to).arg("make_folders", Value::Bool(true))).await;
    assert!(!Path::new(&a).exists());
    let meta = fs::metadata(&to).unwrap();
    assert_eq!((fs::read_to_string(&to).unwrap(), meta.permissions().mode() & 0o7777), (content, 0o640));
    assert!(meta.modified().unwrap().elapsed().unwrap() > Duration::from_secs(7000));

    let b = dir.file("b", "kept");
    assert_eq!(refused(mv(&b, &to)).await.0, FailureKind::Conflict);
    assert_eq!(refused(mv(&b, other.path().join("none/b").to_str().unwrap())).await.0, FailureKind::NotFound);
    let (kind, message) = refused(mv(&dir.path(""), other.path().join("d").to_str().unwrap())).await;
    assert!(kind == FailureKind::Invalid && message.contains("another file system"), "{message}");
    assert_eq!(fs::read_to_string(&b).unwrap(), "kept");
    assert_eq!(fs::read_dir(other.path().join("sub")).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_delete_says_what_is_gone() {
    let dir = Dir::new();
    let a = dir.file("a", "123");
    let gone = ok(on("file.delete", &a)).await;
    assert_shape(&gone, "file", "Deleted");
    assert_eq!((int(&gone, "files"), int(&gone, "size"), gone.field("existed")), (1, 3, Some(&Value::Bool(true))));
    let again = ok(on("file.delete", &a)).await;
    assert_eq!((int(&again, "files"), again.field("existed")), (0, Some(&Value::Bool(false))));

    dir.file("d/x", "12");
    dir.file("d/e/y", "3");
    assert_eq!(refused(on("file.delete", &dir.path("d"))).await.0, FailureKind::Conflict);
    let gone = ok(on("file.delete", &dir.path("d")).arg("recursive", Value::Bool(true))).await;
    assert_eq!((int(&gone, "files"), int(&gone, "folders"), int(&gone, "size")), (2, 2, 3));
    assert!(!Path::new(&dir.path("d")).exists());
}

#[tokio::test]
async fn a_delete_follows_no_link() {
    let (dir, outside) = (Dir::new(), Dir::new());
    let kept = outside.file("kept", "x");
    dir.file("d/x", "");
    symlink(outside.0.path(), dir.path("d/out")).unwrap();
    symlink(outside.0.path(), dir.path("link")).unwrap();
    ok(on("file.delete", &dir.path("d")).arg("recursive", Value::Bool(true))).await;
    ok(on("file.delete", &dir.path("link")).arg("recursive", Value::Bool(true))).await;
    assert!(Path::new(&kept).exists());
}

#[tokio::test]
async fn top_folders_and_mounts_are_not_deleted() {
    for path in ["/", "/tmp", "/etc", "/tmp/", "//tmp", "/./tmp"] {
        assert_eq!(
            refused(on("file.delete", path).arg("recursive", Value::Bool(true))).await.0,
            FailureKind::Forbidden,
            "{path}"
        );
    }
    if fs::metadata("/dev/shm").is_ok_and(|shm| shm.dev() != fs::metadata("/dev").unwrap().dev()) {
        assert_eq!(
            refused(on("file.delete", "/dev/shm").arg("recursive", Value::Bool(true))).await.0,
            FailureKind::Conflict
        );
    }
}
