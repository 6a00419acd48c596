use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use rrb_lang::value::Value;

use super::super::testing::{Basket, feed, sources};
use super::super::{Sources, Spec};
use super::*;

struct Log {
    dir: tempfile::TempDir,
    basket: Arc<Basket>,
    begin: &'static str,
    format: &'static str,
}

impl Log {
    fn new(begin: &'static str) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), basket: Arc::default(), begin, format: "text" }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("app.log")
    }

    fn add(&self, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rotate(&self) {
        fs::rename(self.path(), self.dir.path().join("app.log.1")).unwrap();
    }

    fn spec(&self) -> Spec {
        let path = Value::text(self.path().to_str().unwrap());
        feed("file", &[("path", path), ("format", Value::text(self.format)), ("begin", Value::text(self.begin))])
    }

    async fn read(&self) -> Sources {
        let sources = sources(&self.basket);
        sources.set(vec![self.spec()]).await;
        sources
    }

    /// Reads until these have come, and no others.
    async fn holds(&self, lines: &[&str]) {
        let bodies: Vec<String> = lines.iter().map(|l| serde_json::to_string(l).unwrap()).collect();
        self.basket.holds(&bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }

    /// Waits until it is known where reading begins.
    async fn begun(&self) {
        self.basket.until("it begins", |kept| !kept.cursors.is_empty()).await;
    }
}

#[tokio::test]
async fn lines_come_as_they_are_added_and_only_whole() {
    let log = Log::new("end");
    log.add("before\n");
    let sources = log.read().await;
    log.begun().await;
    log.add("one\ntw");
    log.holds(&["one"]).await;
    log.add("o\r\n\nthree\n");
    log.holds(&["one", "two", "three"]).await;
    let kept = log.basket.lock().items[1].headers.clone();
    assert_eq!(kept["path"], log.path().to_str().unwrap());
    assert_eq!(kept["offset"], (fs::metadata(log.path()).unwrap().len() - 7).to_string());
    sources.stop().await;
}

#[tokio::test]
async fn what_was_added_while_rrb_was_down_is_read_and_nothing_twice() {
    let log = Log::new("start");
    log.add("one\n");
    let reading = log.read().await;
    log.holds(&["one"]).await;
    reading.stop().await;
    log.add("two\nthr");
    let reading = log.read().await;
    log.holds(&["one", "two"]).await;
    reading.stop().await;
    log.add("ee\n");
    let reading = log.read().await;
    log.holds(&["one", "two", "three"]).await;
    reading.stop().await;
}

#[tokio::test]
async fn a_file_that_is_put_aside_is_read_to_its_end_and_the_new_one_from_its_start() {
    let log = Log::new("start");
    log.add("one\n");
    let reading = log.read().await;
    log.holds(&["one"]).await;
    log.add("two\nlast words");
    log.rotate();
    log.add("three\n");
    log.holds(&["one", "two", "last words", "three"]).await;
    // And while rrb is down.
    reading.stop().await;
    log.add("four\n");
    log.rotate();
    log.add("five\n");
    let reading = log.read().await;
    log.holds(&["one", "two", "last words", "three", "four", "five"]).await;
    reading.stop().await;
}

#[tokio::test]
async fn a_file_that_is_emptied_is_read_from_its_start() {
    let log = Log::new("start");
    log.add("one\ntwo\n");
    let reading = log.read().await;
    log.holds(&["one", "two"]).await;
    fs::write(log.path(), "three\n").unwrap();
    log.holds(&["one", "two", "three"]).await;
    // Emptied and longer than before, while rrb was down: its beginning tells.
    reading.stop().await;
    fs::write(log.path(), "four and more\nfive\n").unwrap();
    let reading = log.read().await;
    log.holds(&["one", "two", "three", "four and more", "five"]).await;
    reading.stop().await;
}

#[tokio::test]
async fn a_file_may_come_later_and_is_then_read_whole() {
    let log = Log::new("end");
    let reading = log.read().await;
    log.basket.fails("there is no file").await;
    log.add("one\n");
    log.holds(&["one"]).await;
    fs::remove_file(log.path()).unwrap();
    log.add("two\n");
    log.holds(&["one", "two"]).await;
    reading.stop().await;
}

#[tokio::test]
async fn a_full_engine_holds_the_source_back_and_loses_nothing() {
    let log = Log::new("start");
    let many: Vec<String> = (0..1_234).map(|n| format!("line {n}")).collect();
    log.add(&(many.join("\n") + "\n"));
    log.basket.lock().full = 3;
    let reading = log.read().await;
    log.holds(&many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(log.basket.lock().batches <= 2 + many.len().div_ceil(MAX_BATCH));
    reading.stop().await;
}

#[tokio::test]
async fn a_place_is_kept_with_every_batch() {
    let log = Log::new("start");
    let many: String = (0..2 * MAX_BATCH).map(|n| format!("{n}\n")).collect();
    log.add(&many);
    let reading = log.read().await;
    log.basket.until("all came", |kept| kept.items.len() == 2 * MAX_BATCH).await;
    let cursor = log.basket.cursor_now();
    assert_eq!(cursor.read, many.len() as u64);
    reading.stop().await;
}

impl Basket {
    fn cursor_now(&self) -> Place {
        serde_json::from_str(self.lock().cursors.values().next().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn json_lines_are_brought_as_they_stand() {
    let log = Log { format: "json", ..Log::new("start") };
    log.add("{\"a\": 1}\nnot json\n");
    let reading = log.read().await;
    log.basket.holds(&["{\"a\": 1}", "not json"]).await;
    reading.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let log = Log::new("start");
    let with = |path: &str, format: &str, begin: &str| {
        feed("file", &[("path", Value::text(path)), ("format", Value::text(format)), ("begin", Value::text(begin))])
    };
    let folder = log.dir.path().to_str().unwrap().to_owned();
    for (spec, why) in [
        (with("relative.log", "text", "end"), "`path` is an absolute path, not `relative.log`"),
        (with(&folder, "text", "end"), "is no file"),
        (with("/dev/zero", "text", "end"), "is no file"),
        (with("/tmp/x", "xml", "end"), "`format` is `text` or `json`, not `xml`"),
        (with("/tmp/x", "text", "middle"), "`begin` is `end` or `start`, not `middle`"),
        (feed("file", &[]), "`path` is not given"),
        (feed("pulsar", &[]), "this build of rrb cannot read `pulsar`"),
    ] {
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![spec]).await;
        basket.fails(why).await;
        sources.stop().await;
        assert_eq!(basket.lock().states.last(), Some(&None), "a source that is gone is no source");
    }
}
