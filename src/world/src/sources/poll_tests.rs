use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_engine::clock::manual::ManualClock;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::hir::EventSource;
use rrb_lang::project::{Declared, parse, resolve_settings};
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall};

use super::super::testing::Basket;
use super::super::{Kind, Sources, Spec};
use super::*;

const T0: i64 = 1_760_000_000_000;

const SHOP: &str = r#"
connector shop {
  settings { url: Url = url"https://shop.example" }
  type Order = { id: Text }
  action page(n: Int) -> Json reads { http.get(url.join("orders"), query: { "page": "${n}" }).json }
  event placed: Order from poll every 1m {
    var all = shop.page(1).items()
    if all.len() == 2 { all = all + shop.page(2).items() }
    let more = http.get(url.join("more")) retry 3 times backoff 5s..5s
    all + more.json.items()
  } {
    each body as o
    id o.id as Text
    emit { id: o.id as Text }
  }
}
"#;

/// Looks at each call before it is answered.
type AtCall = Box<dyn Fn(&str) + Send>;

/// Answers by address, in turn; the last one repeats.
#[derive(Default)]
struct Web {
    at_call: Mutex<Option<AtCall>>,
    asked: Mutex<Vec<String>>,
    all: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<String, Vec<Result<&'static str, FailureKind>>>>,
}

impl Web {
    fn answers(&self, path: &str, answers: &[Result<&'static str, FailureKind>]) {
        self.answers.lock().unwrap().insert(path.to_owned(), answers.to_vec());
    }

    /// How often this was asked, from the beginning.
    fn seen(&self, path: &str) -> usize {
        self.all.lock().unwrap().iter().filter(|p| *p == path).count()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl World for Web {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let arg = |name: &str| call.args.iter().find(|(n, _)| n == name).map(|(_, v)| vm::display(v));
        let url = arg("url").unwrap();
        let query = arg("query").unwrap_or_default().replace(['"', '{', '}', ' '], "").replace(':', "=");
        let path = format!("{}?{query}", url.trim_start_matches("https://shop.example"));
        let path = path.trim_end_matches('?').to_owned();
        if let Some(look) = &*self.at_call.lock().unwrap() {
            look(&path);
        }
        self.asked.lock().unwrap().push(path.clone());
        self.all.lock().unwrap().push(path.clone());
        let mut answers = self.answers.lock().unwrap();
        let answers = answers.get_mut(&path).unwrap_or_else(|| panic!("nobody answers {path}"));
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        match answer {
            Ok(text) => {
                let json = rrb_lang::json::parse(text.as_bytes(), rrb_lang::json::Bounds::default()).unwrap();
                EffectOutcome::Done(Value::record([
                    ("status", Value::Int(200)),
                    ("headers", Value::Map(Arc::default())),
                    ("text", Value::text(text)),
                    ("json", Value::Json(json)),
                ]))
            }
            Err(kind) => EffectOutcome::Failed(Failure::new(kind, "the shop is closed").happened(Happened::No)),
        }
    }
}

struct Shop {
    web: Arc<Web>,
    basket: Arc<Basket>,
    clock: Arc<ManualClock>,
    sources: Sources,
}

fn spec(text: &str) -> Spec {
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let (project, _) = parse(PROJECT_FILE, "");
    let checked = check(CheckInput { modules: vec![main], project: project.clone() });
    let shown = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program = checked.program.as_ref().unwrap_or_else(|| panic!("{}", shown()));
    let program = Arc::new(rrb_lang::program::compile(program, &checked.sources).unwrap());
    let constant = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
    let settings = Arc::new(resolve_settings(declared, &project, &BTreeMap::new()).unwrap());
    let EventSource::Poll { every_ms, function } = program.events[0].source else { panic!("no poll") };
    let every = Duration::from_millis(every_ms as u64);
    let acknowledge = program.events[0].acknowledge.map(|a| a.function);
    let kind = Kind::Poll { every, function, acknowledge, program, settings };
    Spec { event: "shop.placed".into(), also: Vec::new(), instance: "default".into(), kind }
}

impl Shop {
    fn new() -> Self {
        let (web, basket, clock) =
            (Arc::new(Web::default()), Arc::new(Basket::default()), Arc::new(ManualClock::at(T0)));
        let sources =
            Sources::new(basket.clone(), clock.clone(), web.clone(), Arc::new(super::super::testing::Nowhere));
        web.answers("/more", &[Ok("[]")]);
        Self { web, basket, clock, sources }
    }

    async fn polls(&self, n: usize) {
        self.basket.until("it was polled", |kept| kept.items.len() >= n).await;
    }

    /// Waits until so many were taken away.
    async fn acknowledged(&self, n: usize) {
        let taken = || self.web.all.lock().unwrap().iter().filter(|p| p.starts_with("/taken")).count();
        let all = async {
            while taken() < n {
                self.clock.advance(100);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    }

    /// Moves the clock on until this holds: what sleeps has to have begun to.
    async fn advance_until(&self, ms: i64, holds: impl Fn() -> bool) {
        while !holds() {
            self.clock.advance(ms);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_poll_asks_page_after_page_at_once_and_then_again_and_again() {
    let shop = Shop::new();
    shop.web.answers("/orders?page=1", &[Ok(r#"[{"id":"a"},{"id":"b"}]"#), Ok("[]")]);
    shop.web.answers("/orders?page=2", &[Ok(r#"[{"id":"c"}]"#)]);
    shop.sources.set(vec![spec(SHOP)]).await;
    shop.polls(1).await;
    assert_eq!(shop.basket.bodies(), [r#"[{"id":"a"},{"id":"b"},{"id":"c"}]"#]);
    assert_eq!(shop.web.asked(), ["/orders?page=1", "/orders?page=2", "/more"]);
    // Not before its time.
    shop.clock.advance(59_999);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(shop.basket.bodies().len(), 1);
    shop.clock.advance(1);
    shop.polls(2).await;
    assert_eq!(shop.basket.bodies()[1], "[]");
    shop.sources.stop().await;
}

#[tokio::test]
async fn calls_of_a_poll_are_tried_again_as_it_says() {
    let shop = Shop::new();
    shop.web.answers("/orders?page=1", &[Ok("[]")]);
    shop.web.answers("/more", &[Err(FailureKind::Unavailable), Err(FailureKind::Timeout), Ok(r#"[{"id":"x"}]"#)]);
    shop.sources.set(vec![spec(SHOP)]).await;
    shop.advance_until(5_000, || !shop.basket.bodies().is_empty()).await;
    assert_eq!(shop.basket.bodies()[0], r#"[{"id":"x"}]"#);
    assert_eq!(shop.web.asked()[..4], ["/orders?page=1", "/more", "/more", "/more"]);
    shop.sources.stop().await;
}

/// A poll of a queue, which takes each message out of it.
const QUEUE: &str = r#"
connector shop {
  settings { url: Url = url"https://shop.example" }
  type Order = { id: Text }
  action remove(id: Text) changes idempotent { do http.put(url.join("taken"), query: { "id": id }) }
  event placed: Order from poll every 1m { http.get(url.join("orders")).json } {
    each body as o
    id o.id as Text
    emit { id: o.id as Text }
    acknowledge { for o in body.items() { do remove(o.id as Text) } }
  }
}
"#;

#[tokio::test]
async fn what_was_taken_is_acknowledged_when_it_is_durable() {
    let shop = Shop::new();
    shop.basket.lock().full = 2;
    shop.web.answers("/orders", &[Ok(r#"[{"id":"a"},{"id":"b"}]"#), Ok("[]")]);
    for id in ["a", "b"] {
        shop.web.answers(&format!("/taken?id={id}"), &[Ok("{}")]);
    }
    let (web, basket) = (shop.web.clone(), shop.basket.clone());
    // Whatever was kept when the first was taken away.
    *shop.web.at_call.lock().unwrap() = Some(Box::new(move |path| {
        assert!(!path.starts_with("/taken") || basket.bodies().len() == 1, "it was taken away before it was durable");
    }));
    shop.sources.set(vec![spec(QUEUE)]).await;
    shop.acknowledged(2).await;
    assert_eq!(web.asked(), ["/orders", "/taken?id=a", "/taken?id=b"]);
    // What brings nothing takes nothing.
    shop.advance_until(60_000, || shop.basket.bodies().len() == 2).await;
    shop.sources.stop().await;
    assert!(web.asked().iter().all(|path| path == "/orders"));
}

#[tokio::test]
async fn what_could_not_be_acknowledged_is_tried_again_and_said() {
    let shop = Shop::new();
    shop.web.answers("/orders", &[Ok(r#"[{"id":"a"},{"id":"b"}]"#)]);
    shop.web.answers("/taken?id=a", &[Ok("{}")]);
    shop.web.answers("/taken?id=b", &[Err(FailureKind::Unavailable), Err(FailureKind::Forbidden), Ok("{}")]);
    shop.sources.set(vec![spec(QUEUE)]).await;
    shop.basket.fails("what was taken could not be acknowledged: the shop is closed").await;
    shop.advance_until(1_000, || shop.web.seen("/taken?id=b") == 3).await;
    assert_eq!(shop.web.seen("/taken?id=a"), 3, "from its beginning");
    assert_eq!(shop.web.seen("/orders"), 1, "not before it was acknowledged");
    shop.basket.until("it is read again", |kept| kept.states.last() == Some(&Some(SourceState::Reading))).await;
    shop.sources.stop().await;
}

#[tokio::test]
async fn what_cannot_be_acknowledged_is_left_to_the_next_asking() {
    let shop = Shop::new();
    shop.web.answers("/orders", &[Ok(r#"[{"id":"a"}]"#)]);
    shop.web.answers("/taken?id=a", &[Err(FailureKind::Forbidden)]);
    shop.sources.set(vec![spec(QUEUE)]).await;
    shop.advance_until(1_000, || shop.web.seen("/orders") == 2).await;
    let asked = shop.web.all.lock().unwrap()[..7].to_vec();
    let taken = ["/taken?id=a"; 5];
    assert_eq!(asked, [&["/orders"][..], &taken, &["/orders"]].concat());
    // It can be stopped while it waits.
    shop.sources.stop().await;
}

#[tokio::test]
async fn what_the_store_did_not_take_is_not_acknowledged() {
    let shop = Shop::new();
    shop.basket.lock().break_before = vec![1];
    shop.web.answers("/orders", &[Ok(r#"[{"id":"a"}]"#), Ok("[]")]);
    shop.sources.set(vec![spec(QUEUE)]).await;
    shop.basket.fails("the store broke before").await;
    shop.polls(1).await;
    assert_eq!(shop.web.seen("/taken?id=a"), 0);
    shop.sources.stop().await;
}

#[tokio::test]
async fn what_was_durable_when_it_broke_comes_again_and_is_acknowledged() {
    let shop = Shop::new();
    shop.basket.lock().break_after = vec![1];
    shop.web.answers("/orders", &[Ok(r#"[{"id":"a"}]"#)]);
    shop.web.answers("/taken?id=a", &[Ok("{}")]);
    shop.sources.set(vec![spec(QUEUE)]).await;
    shop.acknowledged(1).await;
    assert_eq!(shop.web.seen("/orders"), 2);
    shop.sources.stop().await;
}

#[tokio::test]
async fn a_poll_that_fails_says_so_and_asks_again_in_time() {
    let shop = Shop::new();
    shop.web.answers("/orders?page=1", &[Err(FailureKind::Forbidden), Ok("[]")]);
    shop.sources.set(vec![spec(SHOP)]).await;
    shop.basket.fails("the shop is closed").await;
    assert!(shop.basket.bodies().is_empty());
    shop.advance_until(60_000, || !shop.basket.bodies().is_empty()).await;
    let last = shop.basket.lock().states.iter().flatten().last().cloned();
    assert_eq!(last, Some(SourceState::Reading));
    shop.sources.stop().await;
}

#[tokio::test]
async fn a_source_that_stays_as_it_is_goes_on_when_others_change() {
    let shop = Shop::new();
    shop.web.answers("/orders?page=1", &[Ok("[]")]);
    shop.sources.set(vec![spec(SHOP)]).await;
    shop.polls(1).await;
    shop.sources.set(vec![spec(SHOP)]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(shop.basket.bodies().len(), 1, "it was not begun again");
    shop.sources.set(vec![spec(&SHOP.replace("every 1m", "every 2m"))]).await;
    shop.polls(2).await;
    shop.sources.stop().await;
}
