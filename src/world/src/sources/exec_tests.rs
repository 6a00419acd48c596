use std::sync::Arc;

use rrb_lang::value::Value;

use super::super::testing::{Basket, feed, sources};
use super::super::{Sources, Spec};

fn program(script: &str) -> Spec {
    command(&["sh", "-c", script])
}

fn command(command: &[&str]) -> Spec {
    let command = Value::list(command.iter().map(|c| Value::text(*c)));
    feed("exec", &[("command", command), ("because", Value::text("a test")), ("format", Value::text("text"))])
}

async fn started(spec: Spec) -> (Arc<Basket>, Sources) {
    let basket = Arc::new(Basket::default());
    let sources = sources(&basket);
    sources.set(vec![spec]).await;
    (basket, sources)
}

#[tokio::test]
async fn lines_come_while_the_program_runs_and_it_ends_with_its_children() {
    let (basket, sources) =
        started(program("echo one; echo two; printf 'thr'; sleep 0.1; echo ee; sleep 300 & echo $!; wait")).await;
    basket.until("four lines", |kept| kept.items.len() == 4).await;
    assert_eq!(basket.bodies()[..3], ["\"one\"", "\"two\"", "\"three\""]);
    let child = basket.bodies()[3].trim_matches('"').to_owned();
    let alive = || std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|s| !s.contains(") Z "));
    assert!(alive());
    sources.stop().await;
    assert!(!alive(), "what it started goes with it");
}

#[tokio::test]
async fn a_program_that_ends_is_started_again_and_its_last_words_are_told() {
    let (basket, sources) = started(program("printf 'last words'; echo no such journal >&2; exit 3")).await;
    basket.fails("`sh` ended (exit status: 3): no such journal").await;
    basket.until("it is started again", |kept| kept.items.len() >= 2).await;
    assert!(basket.bodies().iter().all(|b| b == "\"last words\""));
    sources.stop().await;
}

#[tokio::test]
async fn many_lines_are_written_together_and_none_is_lost() {
    let (basket, sources) = started(program("seq 1 5000; sleep 300")).await;
    basket.until("all", |kept| kept.items.len() == 5_000).await;
    let wanted: Vec<String> = (1..=5_000).map(|n| format!("\"{n}\"")).collect();
    assert_eq!(basket.bodies(), wanted);
    assert!(basket.lock().batches < 500);
    sources.stop().await;
}

#[tokio::test]
async fn a_program_gets_nothing_of_our_environment() {
    let (basket, sources) = started(program("env | grep -c CARGO; sleep 300")).await;
    basket.holds(&["\"0\""]).await;
    sources.stop().await;
}

#[tokio::test]
async fn what_cannot_be_started_is_said() {
    for (spec, why) in [
        (command(&["/nowhere/program"]), "the program `/nowhere/program` does not exist"),
        (command(&["/tmp"]), "the program `/tmp` may not be started"),
        (command(&[]), "a list of a program and its arguments"),
        (command(&[""]), "a list of a program and its arguments"),
        (command(&["echo", "a\0b"]), "holds a zero byte"),
        (feed("exec", &[("command", Value::text("echo a"))]), "`command` is no list of texts"),
    ] {
        let (basket, sources) = started(spec).await;
        basket.fails(why).await;
        sources.stop().await;
    }
}
