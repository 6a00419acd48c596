//! What was found out of texts, kept for as long as the texts are the same. Within bounds: a project may be large.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use rrb_lang::check::imports;
use rrb_lang::check::world::World;
use rrb_lang::diag::Diagnostic;
use rrb_lang::span::FileId;
use rrb_lang::syntax::{self, Pieces, ast};

use super::twins::{Declared, declared};

/// Bytes of the project's source whose trees are kept.
const MOST_READ: usize = 1 << 19;

/// How many checked files are kept.
const MOST_WORLDS: usize = 4;

/// The stack of a thread that takes down what was read: trees are as deep as the text nests.
const STACK: usize = 32 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct Read {
    pub text: Arc<str>,
    pub hash: u64,
    pub ast: Arc<ast::Module>,
    pub diagnostics: Arc<[Diagnostic]>,
    /// The modules it brings in, as written.
    pub imports: Vec<String>,
    pieces: Pieces,
}

impl Read {
    /// Reads a text; what is as it was in an earlier text of the same file is not read again.
    pub(super) fn new(id: FileId, text: &Arc<str>, before: Option<&Read>) -> Self {
        let none = Pieces::default();
        let (parsed, pieces) = syntax::parse_again(id, text, before.map_or(&none, |b| &b.pieces));
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            text: Arc::clone(text),
            hash: hasher.finish(),
            imports: imports(&parsed.module),
            ast: Arc::new(parsed.module),
            diagnostics: parsed.diagnostics.into(),
            pieces,
        }
    }
}

/// What a file's check depends on: the texts of all modules that it sees, and what is around them.
pub type Key = u64;

/// What was said of a file that depended on this.
type Said = (Key, Arc<[Diagnostic]>);

/// A check that is under way, and what came of it.
type Making = Arc<OnceLock<Arc<World>>>;

/// A text and what its lines declare.
type Lines = (Arc<str>, Arc<[Declared]>);

#[derive(Debug)]
pub struct Cache {
    library: HashSet<FileId>,
    read: Mutex<Kept<Read>>,
    worlds: Mutex<VecDeque<(FileId, Key, Arc<World>)>>,
    said: Mutex<HashMap<FileId, Said>>,
    /// Files that are being checked: who asks for the same waits for it.
    checking: Mutex<HashMap<(FileId, Key), Making>>,
    /// What each text declares that must be apart in a project.
    declared: Mutex<HashMap<FileId, Lines>>,
    /// The files of which was said that another one declares the same.
    twins: Mutex<HashSet<FileId>>,
}

#[derive(Debug)]
struct Kept<T> {
    by_file: HashMap<FileId, Arc<T>>,
    /// The project's files among them, the one that was asked for longest ago first.
    order: VecDeque<FileId>,
    bytes: usize,
}

/// What a panic of another reader left is whole: nothing is changed but by single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub fn new(library: &HashMap<String, FileId>) -> Self {
        Self {
            library: library.values().copied().collect(),
            read: Mutex::new(Kept { by_file: HashMap::new(), order: VecDeque::new(), bytes: 0 }),
            worlds: Mutex::default(),
            said: Mutex::default(),
            checking: Mutex::default(),
            declared: Mutex::default(),
            twins: Mutex::default(),
        }
    }

    /// A cache that begins with the library and keeps what it learns to itself.
    pub fn apart(&self) -> Self {
        let read = lock(&self.read);
        let library = read.by_file.iter().filter(|(id, _)| self.is_library(**id));
        let by_file = library.map(|(id, read)| (*id, Arc::clone(read))).collect();
        Self {
            library: self.library.clone(),
            read: Mutex::new(Kept { by_file, order: VecDeque::new(), bytes: 0 }),
            worlds: Mutex::default(),
            said: Mutex::default(),
            checking: Mutex::default(),
            declared: Mutex::default(),
            twins: Mutex::default(),
        }
    }

    /// Whether a file is of the standard library or a primitive.
    pub fn is_library(&self, id: FileId) -> bool {
        self.library.contains(&id)
    }

    /// Reads a file, unless it was read.
    pub fn read(&self, id: FileId, text: &Arc<str>) -> Arc<Read> {
        let before = {
            let mut kept = lock(&self.read);
            if let Some(read) = kept.by_file.get(&id).cloned()
                && (Arc::ptr_eq(&read.text, text) || read.text == *text)
            {
                if !self.is_library(id) && kept.order.back() != Some(&id) {
                    kept.order.retain(|o| *o != id);
                    kept.order.push_back(id);
                }
                return read;
            }
            kept.by_file.get(&id).cloned()
        };
        let read = Arc::new(Read::new(id, text, before.as_deref()));
        self.keep(id, &read);
        read
    }

    fn keep(&self, id: FileId, read: &Arc<Read>) {
        let mut kept = lock(&self.read);
        let old = kept.by_file.insert(id, Arc::clone(read));
        if self.is_library(id) {
            return;
        }
        kept.bytes = kept.bytes + read.text.len() - old.map_or(0, |o| o.text.len());
        kept.order.retain(|o| *o != id);
        kept.order.push_back(id);
        while kept.bytes > MOST_READ && kept.order.len() > 1 {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(gone) = kept.by_file.remove(&oldest) {
                kept.bytes -= gone.text.len();
            }
        }
    }

    /// A file that was checked with the same texts.
    fn world(&self, id: FileId, key: Key) -> Option<Arc<World>> {
        let mut worlds = lock(&self.worlds);
        let at = worlds.iter().position(|(file, k, _)| *file == id && *k == key)?;
        let found = worlds.remove(at)?;
        let world = Arc::clone(&found.2);
        worlds.push_back(found);
        Some(world)
    }

    /// The world of a file that depends on this: found, waited for, or made.
    pub fn world_or(&self, id: FileId, key: Key, make: impl FnOnce() -> World) -> Arc<World> {
        if let Some(world) = self.world(id, key) {
            return world;
        }
        let cell = Arc::clone(lock(&self.checking).entry((id, key)).or_default());
        let made = cell.get_or_init(|| {
            let world = Arc::new(make());
            self.keep_world(id, key, &world);
            world
        });
        lock(&self.checking).remove(&(id, key));
        Arc::clone(made)
    }

    fn keep_world(&self, id: FileId, key: Key, world: &Arc<World>) {
        lock(&self.said).insert(id, (key, world.diagnostics.clone().into()));
        let mut gone = Vec::new();
        let mut worlds = lock(&self.worlds);
        if let Some(old) = worlds.iter().position(|(file, ..)| *file == id) {
            gone.extend(worlds.remove(old));
        }
        worlds.push_back((id, key, Arc::clone(world)));
        while worlds.len() > MOST_WORLDS {
            gone.extend(worlds.pop_front());
        }
        drop(worlds);
        // What is asked next needs the index in order, and nobody need wait until what is gone is taken down. Where no thread is to be
        // had, the first question orders it, and the rest is gone with the attempt.
        let world = Arc::clone(world);
        let behind = move || {
            LazyLock::force(&world.index);
            drop((world, gone));
        };
        drop(std::thread::Builder::new().name("behind".into()).stack_size(STACK).spawn(behind));
    }

    /// What was said of a file with the same texts.
    pub fn said(&self, id: FileId, key: Key) -> Option<Arc<[Diagnostic]>> {
        lock(&self.said).get(&id).filter(|(k, _)| *k == key).map(|(_, said)| Arc::clone(said))
    }

    /// Keeps what was said of a file.
    pub fn keep_said(&self, id: FileId, key: Key, said: Arc<[Diagnostic]>) -> Arc<[Diagnostic]> {
        lock(&self.said).insert(id, (key, Arc::clone(&said)));
        said
    }

    /// What the lines of a file declare.
    pub fn declared(&self, id: FileId, text: &Arc<str>) -> Arc<[Declared]> {
        let mut known = lock(&self.declared);
        if let Some((_, found)) = known.get(&id).filter(|(of, _)| Arc::ptr_eq(of, text)) {
            return Arc::clone(found);
        }
        let found = declared(id, text);
        known.insert(id, (Arc::clone(text), Arc::clone(&found)));
        found
    }

    /// Notes whether a file was said to declare what another one does.
    pub fn note_twin(&self, id: FileId, is: bool) {
        let mut twins = lock(&self.twins);
        if is {
            twins.insert(id);
        } else {
            twins.remove(&id);
        }
    }

    /// The files of which that was said.
    pub fn twins(&self) -> Vec<FileId> {
        lock(&self.twins).iter().copied().collect()
    }

    /// Forgets what was said of files that are gone.
    pub fn forget(&self, id: FileId) {
        lock(&self.said).remove(&id);
        lock(&self.declared).remove(&id);
        lock(&self.twins).remove(&id);
        lock(&self.worlds).retain(|(file, ..)| *file != id);
    }
}
