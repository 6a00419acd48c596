//! The one ordered queue of edits and questions, and the thread that works through it.
//!
//! Handlers of the protocol only put something in. The thread owns the [`World`]: it makes the edits in the order in which they came,
//! has what changed checked once nothing else waits, and hands every question, with an immutable snapshot of its moment, to the
//! threads that answer. A question about a document that was edited after it was asked is not answered: its places are stale. So it is
//! with a check: what it found comes back through the queue, and is told if the document is still the same.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{Diagnostic, FileChangeType, TextDocumentContentChangeEvent, Uri};

use super::checks::{self, Checks};
use super::diagnostics;
use super::key::Key;
use super::publish::{Outgoing, Publisher};
use super::view::View;
use super::world::{Snapshot, World};

/// The stack of the threads here: parser, checker and printer go as deep as a text nests.
const STACK: usize = 32 << 20;

/// How long a client must be quiet before documents are looked at that nobody has open.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a check is put off for what is asked right behind an edit, and how often while that is being answered.
const BEHIND: Duration = Duration::from_millis(2);
const MOST_WAITS: usize = 25;

/// How long to wait when there is nothing to do.
const FOREVER: Duration = Duration::from_secs(3600);

/// What happens to the world.
#[derive(Debug)]
pub enum Edit {
    /// The client is ready.
    Begin,
    Open {
        key: Key,
        uri: Uri,
        version: i32,
        text: String,
    },
    Change {
        key: Key,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    },
    Close(Key),
    Save(Key),
    Watched(Vec<(PathBuf, FileChangeType)>),
    Folders {
        added: Vec<PathBuf>,
        removed: Vec<PathBuf>,
    },
    /// Read everything on disk again.
    Reload,
}

impl Edit {
    /// The document that it changes.
    fn document(&self) -> Option<&Key> {
        match self {
            Self::Open { key, .. } | Self::Change { key, .. } | Self::Close(key) => Some(key),
            Self::Begin | Self::Save(_) | Self::Watched(_) | Self::Folders { .. } | Self::Reload => None,
        }
    }
}

/// How many edits there were: of everything, and of each document.
#[derive(Debug, Default)]
struct Clock {
    all: AtomicU64,
    documents: Mutex<HashMap<Key, u64>>,
}

impl Clock {
    fn tick(&self, edit: &Edit) {
        self.all.fetch_add(1, Ordering::SeqCst);
        let Some(key) = edit.document() else { return };
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(edit, Edit::Close(_)) {
            // A question from before has no document any more; the count begins anew with the next opening.
            documents.remove(key);
        } else {
            *documents.entry(key.clone()).or_default() = self.all.load(Ordering::SeqCst);
        }
    }

    fn now(&self, about: &About) -> u64 {
        match about {
            About::Document(key) => {
                let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
                documents.get(key).copied().unwrap_or_default()
            }
            About::Edits(_) => self.all.load(Ordering::SeqCst),
            About::Everything | About::Nothing => 0,
        }
    }
}

/// What a question is about, and so what makes its answer stale.
#[derive(Debug, Clone)]
pub enum About {
    /// Places in one document.
    Document(Key),
    /// Changes to any document, beginning at this one.
    Edits(Key),
    /// Everything; the answer may be a moment old.
    Everything,
    /// No document at all.
    Nothing,
}

impl About {
    fn key(&self) -> Option<&Key> {
        match self {
            Self::Document(key) | Self::Edits(key) => Some(key),
            Self::Everything | Self::Nothing => None,
        }
    }
}

/// Answers one question from a snapshot; without one it says that the question is stale.
type Job = Box<dyn FnOnce(Option<Snapshot>) + Send>;

enum Entry {
    Edit(Edit),
    /// What a check found out of a document of a project, as it was then; nothing when it went wrong.
    Found {
        number: u64,
        project: Key,
        key: Key,
        view: Arc<View>,
        diagnostics: Option<Vec<Diagnostic>>,
    },
    Ask {
        about: About,
        asked: u64,
        is_gone: Box<dyn Fn() -> bool + Send>,
        job: Job,
    },
}

/// Where edits and questions are put in.
#[derive(Debug, Clone)]
pub struct Queue {
    entries: Arc<Sender<Entry>>,
    clock: Arc<Clock>,
}

impl Queue {
    /// Starts the thread that works through the queue. It ends when the last handle of the queue is gone.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(world: World, out: Publisher) -> std::io::Result<Self> {
        let (entries, queue) = channel();
        let entries = Arc::new(entries);
        let clock = Arc::new(Clock::default());
        let answers = Workers::start("answer", thread::available_parallelism().map_or(2, usize::from).clamp(2, 4))?;
        let lookers = Workers::start("look", checks::MOST)?;
        let worker = Worker {
            world,
            out,
            queue,
            entries: Arc::downgrade(&entries),
            clock: Arc::clone(&clock),
            answers,
            lookers,
            checks: Checks::default(),
            quiet: false,
            waits: 0,
            refreshes: false,
        };
        thread::Builder::new().name("world".into()).stack_size(STACK).spawn(move || worker.run())?;
        Ok(Self { entries, clock })
    }

    /// Puts an edit in. It never waits.
    pub fn edit(&self, edit: Edit) {
        self.clock.tick(&edit);
        // Only a server that ends has nobody who listens.
        let _ = self.entries.send(Entry::Edit(edit));
    }

    /// Asks a question. The place in the queue is taken at once; the answer comes when it is its turn.
    pub fn ask<T: Send + 'static, F>(
        &self,
        about: About,
        answer: F,
    ) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Snapshot) -> T + Send + 'static,
    {
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = Arc::new(Mutex::new(Some(tell)));
        let asked = self.clock.now(&about);
        let (clock, of) = (Arc::clone(&self.clock), about.clone());
        let gone = Arc::clone(&tell);
        let is_gone = move || {
            let tell = gone.lock().unwrap_or_else(PoisonError::into_inner);
            tell.as_ref().is_none_or(tokio::sync::oneshot::Sender::is_closed)
        };
        let job = move |snapshot: Option<Snapshot>| {
            let result = match snapshot {
                None => Err(stale()),
                Some(snapshot) => caught(|| answer(&snapshot)),
            };
            let result = if clock.now(&of) == asked { result } else { Err(stale()) };
            if let Some(tell) = tell.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // Nobody waits for what was cancelled.
                let _ = tell.send(result);
            }
        };
        let entry = Entry::Ask { about, asked, is_gone: Box::new(is_gone), job: Box::new(job) };
        let _ = self.entries.send(entry);
        async move { told.await.unwrap_or_else(|_| Err(ended())) }
    }
}

/// The answer, or that looking for it went wrong.
fn caught<T>(answer: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(answer)).map_err(|_| Error {
        code: ErrorCode::InternalError,
        message: "the server made a mistake while it looked for the answer; its standard error says more".into(),
        data: None,
    })
}

fn stale() -> Error {
    Error::content_modified()
}

fn ended() -> Error {
    Error { code: ErrorCode::InternalError, message: "the server ends".into(), data: None }
}

/// The thread's own.
struct Worker {
    world: World,
    out: Publisher,
    queue: Receiver<Entry>,
    /// Weak, so that the queue ends with its last handle.
    entries: Weak<Sender<Entry>>,
    clock: Arc<Clock>,
    answers: Workers,
    lookers: Workers,
    checks: Checks,
    /// The client has said nothing for a moment.
    quiet: bool,
    /// How often a check was put off since the last edit.
    waits: usize,
    /// The client is to ask again for what it asked for before.
    refreshes: bool,
}

impl Worker {
    fn run(mut self) {
        while let Some(entry) = self.next() {
            if !matches!(entry, Entry::Found { .. }) {
                self.quiet = false;
            }
            match entry {
                Entry::Found { number, project, key, view, diagnostics } => {
                    let of = (project, key);
                    if self.checks.end(&of, number) {
                        let _ = caught(|| self.tell(&of.0, &of.1, &view, diagnostics));
                    }
                }
                Entry::Edit(edit) => {
                    self.waits = 0;
                    self.checks.edited();
                    // Whatever the edit broke off, the next full text or reload mends.
                    let _ = caught(|| self.edit(edit));
                }
                Entry::Ask { about, asked, is_gone, job } => {
                    if is_gone() {
                        continue;
                    }
                    let snapshot = (self.clock.now(&about) == asked).then(|| self.snapshot(&about)).flatten();
                    self.answers.take(Box::new(move || job(snapshot)));
                }
            }
        }
    }

    /// The next entry. While there is none, documents are looked at again: at once those that are open, the others when the client has
    /// been quiet for a moment.
    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.queue.try_recv() {
                Ok(entry) => return Some(entry),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            if self.checks.is_free() {
                // Whoever types asks something right behind the letter, and waits for that answer.
                if self.waits < MOST_WAITS && (self.waits == 0 || self.answers.are_busy()) && !self.quiet {
                    self.waits += 1;
                    match self.queue.recv_timeout(BEHIND) {
                        Ok(entry) => return Some(entry),
                        Err(RecvTimeoutError::Disconnected) => return None,
                        Err(RecvTimeoutError::Timeout) => continue,
                    }
                }
                self.look();
            }
            if self.checks.is_free() && std::mem::take(&mut self.refreshes) {
                self.out.send(Outgoing::Refresh);
            }
            match self.queue.recv_timeout(if self.quiet { FOREVER } else { PAUSE }) {
                Ok(entry) => return Some(entry),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.quiet = true,
            }
        }
    }

    /// Has one document checked, if one is to be looked at again.
    fn look(&mut self) {
        if self.world.client.pulls {
            return;
        }
        let due = caught(|| self.world.next_due(self.quiet));
        let (Ok(Some((project, key, view))), Some(entries)) = (due, self.entries.upgrade()) else { return };
        let client = Arc::clone(&self.world.client);
        let number = self.checks.begin((project.clone(), key.clone()));
        self.lookers.take(Box::new(move || {
            let diagnostics = caught(|| diagnostics::of(&view, &client, &key)).ok();
            // Only a server that ends has nobody who listens.
            let _ = entries.send(Entry::Found { number, project, key, view, diagnostics });
        }));
    }

    /// Tells what a check found, unless the document is another one by now: then it is looked at again anyway.
    fn tell(&mut self, project: &Key, key: &Key, seen: &Arc<View>, diagnostics: Option<Vec<Diagnostic>>) {
        if let Some(diagnostics) = diagnostics.filter(|_| self.world.is_as_seen(project, key, seen)) {
            self.out.publish(&self.world, project, key, diagnostics);
        }
    }

    fn edit(&mut self, edit: Edit) {
        let world = &mut self.world;
        let mut said = Vec::new();
        // What a client drew into the text of other documents may look different after these.
        let far = matches!(edit, Edit::Close(_) | Edit::Watched(_) | Edit::Folders { .. } | Edit::Reload);
        match edit {
            Edit::Begin => {
                if world.client.watches {
                    self.out.send(Outgoing::Watch);
                }
                said = world.discover();
            }
            Edit::Open { key, uri, version, text } => world.open(key, uri, version, text),
            Edit::Change { key, version, changes } => {
                if world.change(&key, version, changes).is_err() {
                    said = vec![format!("a change of `{}` with the old version {version} was not made", key.name())];
                }
            }
            Edit::Close(key) => world.close(&key),
            Edit::Save(key) => world.save(&key),
            Edit::Watched(changes) => world.watched(changes),
            Edit::Folders { added, removed } => said = world.change_folders(added, &removed),
            Edit::Reload => said = world.reload(),
        }
        self.refreshes |= far;
        self.out.forget(&self.world);
        said.into_iter().for_each(|line| self.out.send(Outgoing::Log(line)));
    }

    fn snapshot(&mut self, about: &About) -> Option<Snapshot> {
        let everything = matches!(about, About::Everything);
        caught(|| self.world.snapshot(about.key(), everything)).ok()
    }
}

/// Threads that take jobs as they come.
struct Workers {
    jobs: Sender<Box<dyn FnOnce() + Send>>,
    /// Jobs that are not done yet.
    open: Arc<AtomicUsize>,
}

impl Workers {
    fn start(name: &str, count: usize) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Box<dyn FnOnce() + Send>>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let work = move || {
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match job {
                        Ok(job) => job(),
                        Err(_) => return,
                    }
                }
            };
            thread::Builder::new().name(name.into()).stack_size(STACK).spawn(work)?;
        }
        Ok(Self { jobs, open: Arc::default() })
    }

    /// Whether any job is not done yet.
    fn are_busy(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    fn take(&self, job: Box<dyn FnOnce() + Send>) {
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Arc::clone(&self.open);
        let counted = move || {
            // A job that goes wrong is done, too.
            let _ = catch_unwind(AssertUnwindSafe(job));
            open.fetch_sub(1, Ordering::SeqCst);
        };
        let _ = self.jobs.send(Box::new(counted));
    }
}
