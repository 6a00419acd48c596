//! What every [`RunHost`] must do, as checks that run against any of them: they hold a host to its rules by being a program of their
//! own, attempt after attempt.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "checks for tests"
)]

use async_trait::async_trait;
use rrb_lang::hir::Outcome;
use rrb_lang::ids::SiteId;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Effect, EffectId, EffectOutcome, FailureKind, Millis, NativeCall, Repeat, RunEnd};

use super::host::{HostError, RunHost, Signal};

/// Makes hosts over one run at a time, with a world that counts, and natives whose names say what they answer: `ok…` answers 1,
/// `large…` answers a text of 300 KiB, `hang…` never answers.
#[async_trait]
pub trait Subject: Send {
    type Host: RunHost;

    /// A new run that has begun.
    async fn create(&mut self);

    /// A new attempt of it. The one before is gone, as after a crash; it must have been dropped.
    async fn attempt(&mut self) -> Self::Host;

    /// Asks the run to stop, to be seen by this attempt and all later ones.
    async fn cancel(&mut self, why: &str);

    /// How often a native was performed.
    fn performed(&self, native: &str) -> usize;

    fn now(&self) -> Millis;

    fn advance(&mut self, ms: i64);
}

/// All checks, each on a run of its own.
///
/// # Panics
/// When a rule is broken, with the rule.
pub async fn all<S: Subject>(s: &mut S) {
    answers_come_again_in_their_order(s).await;
    what_differs_is_refused(s).await;
    a_lost_call_is_repeated_as_it_may_be(s).await;
    sleeps_end_at_their_absolute_time(s).await;
    outcomes_are_capped(s).await;
    a_cancellation_comes_once_and_stays_in_its_place(s).await;
    what_is_abandoned_is_not_answered(s).await;
    the_end_is_durable(s).await;
}

fn id(site: u32) -> EffectId {
    EffectId { fiber: "".into(), site: SiteId(site), count: 0 }
}

fn call(native: &str, repeat: Repeat) -> Effect {
    let effect = if repeat == Repeat::Always { EffectClass::Reads } else { EffectClass::Changes };
    Effect::Call(NativeCall {
        native: native.into(),
        args: vec![("x".into(), Value::Float(0.1))],
        effect,
        repeat,
        key: None,
        attempt: 1,
        deadline: None,
        action: native.into(),
        instance: "default".into(),
    })
}

fn end(why: &str) -> RunEnd {
    RunEnd { outcome: Outcome::Resolved, why: why.to_owned(), failure: None, ineffective: false, remains: vec![] }
}

async fn completed(host: &mut impl RunHost, open: &[EffectId]) -> (EffectId, EffectOutcome, Millis) {
    match host.next(open).await {
        Ok(Signal::Completed { id, outcome, at }) => (id, outcome, at),
        other => panic!("expected an answer, got {other:?}"),
    }
}

async fn answers_come_again_in_their_order<S: Subject>(s: &mut S) {
    s.create().await;
    let mut host = s.attempt().await;
    let started = host.input().1;
    let (a, b) = (id(1), id(2));
    host.issue(&a, &call("ok.a", Repeat::Always)).await.unwrap();
    host.issue(&b, &call("ok.b", Repeat::Never)).await.unwrap();
    let open = [a.clone(), b.clone()];
    let first = completed(&mut host, &open).await;
    let second = completed(&mut host, &[if first.0 == a { b.clone() } else { a.clone() }]).await;
    assert_ne!(first.0, second.0, "each effect is answered once");
    assert!(started <= first.2 && first.2 <= second.2, "times do not run back");
    drop(host);
    s.advance(1000);
    let mut host = s.attempt().await;
    assert_eq!(host.input().1, started, "a run started when it started");
    host.issue(&a, &call("ok.a", Repeat::Always)).await.unwrap();
    host.issue(&b, &call("ok.b", Repeat::Never)).await.unwrap();
    assert_eq!(completed(&mut host, &open).await, first, "the same answer at the same time");
    assert_eq!(completed(&mut host, &open).await, second, "in the same order");
    assert_eq!((s.performed("ok.a"), s.performed("ok.b")), (1, 1), "nothing is performed again");
}

async fn what_differs_is_refused<S: Subject>(s: &mut S) {
    type Change = Option<(EffectId, Effect)>;
    let changes: [(&str, Change); 4] = [
        ("another place", Some((id(2), call("ok.a", Repeat::Always)))),
        ("another fiber", Some((EffectId { fiber: "x".into(), ..id(1) }, call("ok.a", Repeat::Always)))),
        ("another kind", Some((id(1), Effect::Sleep { until: 5 }))),
        ("nothing at all", None),
    ];
    for (what, change) in changes {
        s.create().await;
        let mut host = s.attempt().await;
        host.issue(&id(1), &call("ok.a", Repeat::Always)).await.unwrap();
        completed(&mut host, &[id(1)]).await;
        host.issue(&id(9), &call("ok.a", Repeat::Never)).await.unwrap();
        completed(&mut host, &[id(9)]).await;
        drop(host);
        let mut host = s.attempt().await;
        let answer = match change {
            Some((id, effect)) => host.issue(&id, &effect).await,
            None => match host.next(&[]).await {
                // A host may answer once what it has; going on without asking is what it must not allow.
                Ok(_) => host.finish(&end("too early")).await,
                Err(e) => Err(e),
            },
        };
        assert!(matches!(answer, Err(HostError::Mismatch { .. })), "{what}: {answer:?}");
    }
}

async fn a_lost_call_is_repeated_as_it_may_be<S: Subject>(s: &mut S) {
    for (keyed, again) in [(None, true), (Some(1000), true), (Some(0), false)] {
        s.create().await;
        let repeat = keyed.map_or(Repeat::Always, |ms| Repeat::KeyedUntil(s.now() + ms));
        let before = s.performed("hang.a");
        lose(s, "hang.a", &repeat).await;
        let performed = s.performed("hang.a") - before;
        assert_eq!(performed, if again { 2 } else { 1 }, "{repeat:?}");
    }
    s.create().await;
    let before = s.performed("hang.once");
    let outcome = lose(s, "hang.once", &Repeat::Never).await;
    assert_eq!(s.performed("hang.once") - before, 1, "what may happen once is not begun twice");
    let outcome = outcome.expect("a call that may not be repeated is answered at once");
    assert!(matches!(outcome, EffectOutcome::Lost { .. }), "{outcome:?}");
}

/// Begins a call that never answers, loses the attempt, and begins another. Gives the answer if one comes.
async fn lose<S: Subject>(s: &mut S, native: &str, repeat: &Repeat) -> Option<EffectOutcome> {
    let mut host = s.attempt().await;
    let effect = call(native, repeat.clone());
    host.issue(&id(1), &effect).await.unwrap();
    // Something after it is answered, so that its intent is durable whatever the host puts off.
    host.issue(&id(2), &call("ok.a", Repeat::Never)).await.unwrap();
    completed(&mut host, &[id(1), id(2)]).await;
    drop(host);
    let mut host = s.attempt().await;
    host.issue(&id(1), &effect).await.unwrap();
    host.issue(&id(2), &call("ok.a", Repeat::Never)).await.unwrap();
    completed(&mut host, &[id(1), id(2)]).await;
    // Long enough for any store to write an answer down; a call that hangs gives none.
    match tokio::time::timeout(std::time::Duration::from_millis(300), host.next(&[id(1)])).await {
        Ok(Ok(Signal::Completed { outcome, .. })) => Some(outcome),
        Ok(other) => panic!("expected an answer, got {other:?}"),
        Err(_) => None,
    }
}

async fn sleeps_end_at_their_absolute_time<S: Subject>(s: &mut S) {
    s.create().await;
    let until = s.now() + 60_000;
    let sleep = Effect::Sleep { until };
    let mut host = s.attempt().await;
    host.issue(&id(1), &sleep).await.unwrap();
    assert!(matches!(host.next(&[id(1)]).await, Err(HostError::Suspended)), "nothing but time goes on");
    drop(host);
    s.advance(59_999);
    let mut host = s.attempt().await;
    host.issue(&id(1), &sleep).await.unwrap();
    assert!(matches!(host.next(&[id(1)]).await, Err(HostError::Suspended)), "a millisecond early");
    s.advance(1);
    let (_, outcome, at) = completed(&mut host, &[id(1)]).await;
    assert_eq!((outcome, at), (EffectOutcome::Done(Value::Nothing), until));
}

async fn outcomes_are_capped<S: Subject>(s: &mut S) {
    s.create().await;
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("large.a", Repeat::Always)).await.unwrap();
    let (_, live, _) = completed(&mut host, &[id(1)]).await;
    let EffectOutcome::Failed(failure) = &live else { panic!("300 KiB were kept: {live:?}") };
    assert_eq!(failure.kind, FailureKind::Invalid);
    drop(host);
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("large.a", Repeat::Always)).await.unwrap();
    let (_, again, _) = completed(&mut host, &[id(1)]).await;
    assert_eq!(again, live, "what the machine was told is what is kept");
}

async fn a_cancellation_comes_once_and_stays_in_its_place<S: Subject>(s: &mut S) {
    s.create().await;
    let sleep = Effect::Sleep { until: s.now() + 60_000 };
    let mut host = s.attempt().await;
    host.issue(&id(1), &sleep).await.unwrap();
    assert!(matches!(host.next(&[id(1)]).await, Err(HostError::Suspended)));
    s.cancel("enough").await;
    let Ok(Signal::Cancelled { why, at }) = host.next(&[id(1)]).await else { panic!("the cancellation did not come") };
    assert_eq!(why, "enough");
    host.abandon(&id(1), "cancelled").await.unwrap();
    host.issue(&id(2), &call("ok.undo", Repeat::Always)).await.unwrap();
    let undone = completed(&mut host, &[id(2)]).await;
    drop(host);
    let mut host = s.attempt().await;
    host.issue(&id(1), &sleep).await.unwrap();
    let again = host.next(&[id(1)]).await;
    assert!(matches!(&again, Ok(Signal::Cancelled { why, at: then }) if why == "enough" && *then == at), "{again:?}");
    host.abandon(&id(1), "cancelled").await.unwrap();
    host.issue(&id(2), &call("ok.undo", Repeat::Always)).await.unwrap();
    assert_eq!(completed(&mut host, &[id(2)]).await, undone);
    s.cancel("again").await;
    host.issue(&id(3), &call("ok.finally", Repeat::Always)).await.unwrap();
    assert_eq!(completed(&mut host, &[id(3)]).await.0, id(3), "a run is cancelled once: its handlers run to their end");
}

async fn what_is_abandoned_is_not_answered<S: Subject>(s: &mut S) {
    s.create().await;
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("hang.b", Repeat::Always)).await.unwrap();
    host.issue(&id(2), &call("ok.a", Repeat::Always)).await.unwrap();
    completed(&mut host, &[id(1), id(2)]).await;
    host.abandon(&id(1), "lost the race").await.unwrap();
    host.issue(&id(3), &call("ok.c", Repeat::Never)).await.unwrap();
    assert_eq!(completed(&mut host, &[id(3)]).await.0, id(3));
    drop(host);
    let before = s.performed("hang.b");
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("hang.b", Repeat::Always)).await.unwrap();
    host.issue(&id(2), &call("ok.a", Repeat::Always)).await.unwrap();
    completed(&mut host, &[id(1), id(2)]).await;
    host.abandon(&id(1), "lost the race").await.unwrap();
    host.issue(&id(3), &call("ok.c", Repeat::Never)).await.unwrap();
    assert_eq!(completed(&mut host, &[id(3)]).await.0, id(3));
    assert_eq!(s.performed("hang.b"), before, "what was abandoned is not taken up");
}

async fn the_end_is_durable<S: Subject>(s: &mut S) {
    s.create().await;
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("ok.a", Repeat::Always)).await.unwrap();
    completed(&mut host, &[id(1)]).await;
    host.finish(&end("done")).await.unwrap();
    drop(host);
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("ok.a", Repeat::Always)).await.unwrap();
    completed(&mut host, &[id(1)]).await;
    host.finish(&end("done")).await.unwrap();
    drop(host);
    let mut host = s.attempt().await;
    host.issue(&id(1), &call("ok.a", Repeat::Always)).await.unwrap();
    completed(&mut host, &[id(1)]).await;
    let other = host.finish(&end("otherwise")).await;
    assert!(matches!(other, Err(HostError::Mismatch { .. })), "a run ends once: {other:?}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::conformance_local::Local;
    use crate::store::memory::Memory;

    #[tokio::test]
    async fn the_local_host_conforms_on_a_store_in_memory() {
        let program = rrb_lang::program::compile(&rrb_lang::hir::Program::default(), &Default::default()).unwrap();
        let code = Arc::new(crate::compiled::Compiled(Arc::new(program)));
        all(&mut Local::new(Memory, code).await).await;
    }
}
