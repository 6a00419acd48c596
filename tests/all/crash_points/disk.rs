//! A world of files and one chat, simulated: it keeps what is there, and every deed with how often it was done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::world::World;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, NativeCall, Resolution, UnknownCall};
use serde_json::json;

const MIB: i64 = 1 << 20;
const DAY: i64 = 86_400_000;

/// Size and time of the last change, by path.
pub type Files = BTreeMap<String, (i64, i64)>;

/// What there is, and what was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub files: Files,
    /// What the chat was told.
    pub told: Vec<String>,
    /// How often each deed was done: `delete /a`, `move /a /b`.
    pub deeds: BTreeMap<String, usize>,
}

/// The world.
pub struct Disk {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    /// Somebody else writes as much as is deleted: nothing that is done helps.
    pub refills: bool,
}

impl Disk {
    /// 74 MiB in a folder for 64: old cache, logs that may be moved, archives that people must agree to lose.
    pub fn full(clock: Arc<ManualClock>, refills: bool) -> Self {
        let now = clock.now();
        let mut files = Files::new();
        files.insert("/data/cache/old".to_owned(), (5 * MIB, now - 10 * DAY));
        files.insert("/data/cache/new".to_owned(), (MIB, now));
        files.insert("/data/logs/a.log".to_owned(), (4 * MIB, now - 2 * DAY));
        files.insert("/data/logs/b.log".to_owned(), (4 * MIB, now - DAY));
        for n in 0..10 {
            files.insert(format!("/data/archive/{n}.tar"), (6 * MIB, now - (20 - n) * DAY));
        }
        Self { clock, state: Mutex::new(State { files, ..State::default() }), refills }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// What a person says of a lost call who looks at the disk and into the chat, and at nothing else.
    pub fn look(&self, lost: &UnknownCall) -> Resolution {
        let state = self.lock();
        let arg = |name: &str| lost.action.args.iter().find(|(n, _)| n == name).map(|(_, v)| serde_json::json!(v));
        let text = |name: &str| arg(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap();
        let result = match lost.native.as_str() {
            "file.move" => match state.files.get(&text("to")) {
                Some((size, _)) if !state.files.contains_key(&text("from")) => {
                    json!({ "from": text("from"), "to": text("to"), "size": size })
                }
                _ => return Resolution::DidNotHappen,
            },
            "http.post" => {
                let said = arg("json").unwrap()["text"].as_str().unwrap().to_owned();
                match state.told.contains(&said) {
                    true => json!({ "status": 200, "headers": {}, "text": "ok", "json": null }),
                    false => return Resolution::DidNotHappen,
                }
            }
            other => panic!("`{other}` may be repeated: nobody has to be asked"),
        };
        Resolution::Happened { result: Some(Json::from(result)) }
    }

    fn perform_now(&self, call: &NativeCall) -> Result<Value, Failure> {
        let args = Args(call);
        let mut state = self.lock();
        let folder = || format!("{}/", args.text("path"));
        Ok(match call.native.as_str() {
            "file.exists" => {
                let (path, folder) = (args.text("path"), folder());
                Value::Bool(state.files.keys().any(|p| *p == path || p.starts_with(&folder)))
            }
            "file.folder_size" => {
                let inside: Vec<i64> = state.within(&folder()).map(|(_, (size, _))| *size).collect();
                Value::record([
                    ("size", Value::Size(inside.iter().sum())),
                    ("files", Value::Int(inside.len() as i64)),
                    ("folders", Value::Int(0)),
                    ("unreadable", Value::list([])),
                ])
            }
            "file.list" => {
                let (folder, before) = (folder(), self.clock.now() - args.millis("older_than"));
                let mut old: Vec<_> = state.within(&folder).filter(|(_, (_, at))| *at <= before).collect();
                old.sort_by_key(|(_, (_, at))| *at);
                let entries = Value::list(old.into_iter().map(|(path, (size, at))| entry(path, *size, *at)));
                Value::record([("entries", entries), ("more", Value::Int(0)), ("unreadable", Value::list([]))])
            }
            "file.delete" => {
                let path = args.text("path");
                let gone = state.files.remove(&path);
                state.did(format!("delete {path}"));
                if let (true, Some((size, at))) = (self.refills, gone) {
                    state.files.entry("/data/core".to_owned()).or_insert((0, at)).0 += size;
                }
                Value::record([
                    ("existed", Value::Bool(gone.is_some())),
                    ("files", Value::Int(i64::from(gone.is_some()))),
                    ("folders", Value::Int(0)),
                    ("size", Value::Size(gone.map_or(0, |(size, _)| size))),
                ])
            }
            "file.move" => {
                let (from, to) = (args.text("from"), args.text("to"));
                let missing = || Failure::new(FailureKind::NotFound, format!("there is no `{from}`"));
                let file = state.files.remove(&from).ok_or_else(missing)?;
                state.did(format!("move {from} {to}"));
                state.files.insert(to.clone(), file);
                Value::record([("from", Value::text(from)), ("to", Value::text(to)), ("size", Value::Size(file.0))])
            }
            "http.post" => {
                assert!(call.args.iter().any(|(_, v)| *v == Value::Url("https://chat.test/hook".into())), "{call:?}");
                let said = args.json("json")["text"].as_str().unwrap().to_owned();
                state.told.push(said);
                Value::record([
                    ("status", Value::Int(200)),
                    ("headers", Value::Map(Arc::default())),
                    ("text", Value::text("ok")),
                    ("json", Value::Json(Json::Null)),
                ])
            }
            other => panic!("nobody expected `{other}`"),
        })
    }
}

impl State {
    fn within<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a String, &'a (i64, i64))> {
        self.files.iter().filter(move |(path, _)| path.starts_with(folder))
    }

    fn did(&mut self, deed: String) {
        *self.deeds.entry(deed).or_default() += 1;
    }
}

#[async_trait]
impl World for Disk {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        self.perform_now(call).map_or_else(EffectOutcome::Failed, EffectOutcome::Done)
    }
}

fn entry(path: &str, size: i64, at: i64) -> Value {
    Value::record([
        ("path", Value::text(path)),
        ("kind", Value::text("file")),
        ("size", Value::Size(size)),
        ("modified", Value::Time(at)),
        ("mode", Value::text("644")),
        ("uid", Value::Int(0)),
    ])
}

struct Args<'a>(&'a NativeCall);

impl Args<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.args.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    fn text(&self, name: &str) -> String {
        self.get(name).and_then(|v| v.as_text()).unwrap().to_owned()
    }

    fn millis(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Duration(ms)) => *ms,
            _ => 0,
        }
    }

    fn json(&self, name: &str) -> serde_json::Value {
        match self.get(name) {
            Some(Value::Json(json)) => serde_json::json!(json),
            other => panic!("`{name}` is no JSON: {other:?}"),
        }
    }
}
