//! Groups against the rules said plainly: at each arrival every choice of what waits is tried.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const W: i64 = 100;

/// An event of a test: its key, the terms that it can be of, and when it was and came.
#[derive(Debug, Clone)]
struct E {
    key: u8,
    terms: Vec<usize>,
    at: Millis,
    received: Millis,
}

fn arrivals() -> impl Strategy<Value = Vec<E>> {
    let gap = prop_oneof![5 => 0..5_i64, 3 => 5..50_i64, 1 => 60..400_i64];
    let late = prop_oneof![5 => Just(0_i64), 3 => 0..40_i64, 2 => 0..(2 * W)];
    // The last kind can be of the two single terms.
    let terms = prop_oneof![
        3 => (0..3_usize).prop_map(|n| vec![n]),
        1 => Just(vec![1, 2]),
    ];
    proptest::collection::vec((gap, late, 0..2_u8, terms), 0..16).prop_map(|all| {
        let mut now = 1_000_000;
        let mut events = Vec::new();
        for (gap, late, key, terms) in all {
            now += gap;
            events.push(E { key, terms, at: now - late, received: now });
        }
        events
    })
}

fn waiting(n: usize, e: &E) -> Arc<Waiting> {
    let row = EventRow {
        id: format!("evt_{n}"),
        delivery: None,
        source: "s".to_owned(),
        instance: "default".to_owned(),
        sender_id: None,
        at: e.at,
        received: e.received,
        payload: json!(null),
    };
    Arc::new(Waiting { row: Arc::new(row), value: Value::Nothing, seq: n as u64, not_before: Millis::MIN })
}

/// Some events of a term for each term, none twice.
fn choices(all: &[E], from: &[usize], counts: &[usize], term: usize) -> Vec<Vec<Vec<usize>>> {
    let Some(count) = counts.get(term) else { return vec![vec![]] };
    let of: Vec<usize> = from.iter().copied().filter(|y| all[*y].terms.contains(&term)).collect();
    let mut found = Vec::new();
    for some in some_of(&of, *count) {
        let rest: Vec<usize> = from.iter().copied().filter(|y| !some.contains(y)).collect();
        for mut others in choices(all, &rest, counts, term + 1) {
            others.insert(0, some.clone());
            found.push(others);
        }
    }
    found
}

fn some_of(from: &[usize], count: usize) -> Vec<Vec<usize>> {
    match (count, from) {
        (0, _) => vec![vec![]],
        (_, []) => vec![],
        (count, [one, rest @ ..]) => {
            let mut with = some_of(rest, count - 1);
            with.iter_mut().for_each(|c| c.insert(0, *one));
            with.extend(some_of(rest, count));
            with
        }
    }
}

fn belong(all: &[E], chosen: &[Vec<usize>], ordered: bool) -> bool {
    let times: Vec<i64> = chosen.iter().flatten().map(|y| all[*y].at).collect();
    let keys: std::collections::HashSet<u8> = chosen.iter().flatten().map(|y| all[*y].key).collect();
    let place = |y: &usize| (all[*y].at, *y);
    let in_order = chosen.windows(2).all(|two| two[0].iter().map(place).max() < two[1].iter().map(place).min());
    times.iter().max().unwrap() - times.iter().min().unwrap() <= W && keys.len() == 1 && (!ordered || in_order)
}

/// Whether the window fires when, and only when, something belongs together, and takes what does.
fn fires_as_the_rules_say(all: &[E], counts: &[usize], ordered: bool) -> Result<(), String> {
    let links = (1..counts.len()).map(|n| [n - 1, n]).collect();
    let plan = Plan { ordered, counts: counts.to_vec(), links };
    let mut window = GroupWindow::new(plan, W, 1000);
    let mut live: Vec<usize> = Vec::new();
    for (n, e) in all.iter().enumerate() {
        window.expire(e.received);
        live.retain(|y| all[*y].received + 2 * W >= e.received);
        live.push(n);
        let roles = (0..counts.len())
            .map(|t| {
                let links = (1..counts.len()).filter(|l| *l == t || *l == t + 1);
                e.terms.contains(&t).then(|| links.map(|l| (l - 1, e.key.to_string())).collect())
            })
            .collect();
        let (grouped, gave_up) = window.take(&waiting(n, e), roles, &mut |_, _, _| true);
        assert!(!gave_up);
        let mut possible = choices(all, &live, counts, 0);
        possible.retain(|chosen| chosen.iter().flatten().any(|y| *y == n) && belong(all, chosen, ordered));
        match grouped {
            Grouped::Complete(chosen) => {
                let mut chosen: Vec<Vec<usize>> =
                    chosen.iter().map(|of| of.iter().map(|e| e.seq as usize).collect()).collect();
                chosen.iter_mut().for_each(|of| of.sort_unstable());
                if !possible.contains(&chosen) {
                    return Err(format!("at {n}: {chosen:?} is none of {possible:?}"));
                }
                live.retain(|y| !chosen.iter().flatten().any(|c| c == y));
            }
            _ if possible.is_empty() => {}
            _ => return Err(format!("at {n}: nothing, and there is {possible:?}")),
        }
        let roles = |y: &usize| all[*y].terms.iter().filter(|t| **t < counts.len()).count();
        let (waits, held) = (live.iter().map(roles).sum::<usize>(), window.size());
        if held.iter().sum::<usize>() != waits {
            return Err(format!("at {n}: {held:?} for {waits}"));
        }
    }
    window.expire(Millis::MAX);
    if window.size().iter().all(|n| *n == 0) { Ok(()) } else { Err("something stays for ever".to_owned()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn groups_do_what_the_rules_say(all in arrivals(), many in 1..4_usize) {
        for ordered in [false, true] {
            prop_assert_eq!(fires_as_the_rules_say(&all, &[many, 1], ordered), Ok(()), "{} {}", many, ordered);
            prop_assert_eq!(fires_as_the_rules_say(&all, &[many, 1, 1], ordered), Ok(()), "{} {}", many, ordered);
        }
    }

    #[test]
    fn several_of_each_do_what_the_rules_say(mut all in arrivals()) {
        all.iter_mut().for_each(|e| e.terms.truncate(1));
        for ordered in [false, true] {
            prop_assert_eq!(fires_as_the_rules_say(&all, &[2, 2], ordered), Ok(()), "{}", ordered);
            prop_assert_eq!(fires_as_the_rules_say(&all, &[2, 1, 2], ordered), Ok(()), "{}", ordered);
        }
    }
}

#[test]
fn a_term_holds_as_many_as_it_may() {
    let event = |n: usize, at| waiting(n, &E { key: 0, terms: vec![], at, received: at });
    let plan = || Plan { ordered: false, counts: vec![1, 1, 1], links: vec![] };
    for (most, full) in [(2, true), (3, false)] {
        let mut window = GroupWindow::new(plan(), W, most);
        for n in 0..2 {
            window.take(&event(n, 0), vec![Some(vec![]), None, None], &mut |_, _, _| true);
        }
        let (last, _) = window.take(&event(2, 0), vec![Some(vec![]), None, None], &mut |_, _, _| true);
        assert_eq!(matches!(last, Grouped::Full), full, "{most}");
        let (other, _) = window.take(&event(3, 0), vec![None, Some(vec![]), None], &mut |_, _, _| true);
        assert!(matches!(other, Grouped::Waits), "another term has its own room");
    }
}

#[test]
fn an_event_is_compared_with_as_many_as_it_may_be() {
    let event = |n: usize| waiting(n, &E { key: 0, terms: vec![], at: 0, received: 0 });
    for (many, short) in [(0, false), (1, false), (2, true)] {
        let plan = Plan { ordered: false, counts: vec![1, 1], links: vec![] };
        let mut window = GroupWindow::new(plan, W, 1_000_000);
        let many = group::MOST_STEPS as usize - 1 + many;
        for n in 0..many {
            window.take(&event(n), vec![Some(vec![]), None], &mut |_, _, _| true);
        }
        let mut asked = 0;
        let (last, gave_up) = window.take(&event(many), vec![None, Some(vec![])], &mut |_, _, _| {
            asked += 1;
            false
        });
        assert!(matches!(last, Grouped::Waits));
        assert_eq!((gave_up, asked), (short, many.min(group::MOST_STEPS as usize)), "{many}");
    }
    // A choice from each of two thousand would be a million.
    let plan = Plan { ordered: false, counts: vec![1, 1, 1], links: vec![] };
    let mut window = GroupWindow::new(plan, W, 10_000);
    for n in 0..2_000 {
        let of = |t: usize| (n % 2 == t).then(Vec::new);
        window.take(&event(n), vec![of(0), of(1), None], &mut |_, _, _| true);
    }
    let (last, gave_up) = window.take(&event(2_000), vec![None, None, Some(vec![])], &mut |term, _, _| term == 0);
    assert!(matches!(last, Grouped::Waits) && gave_up, "{last:?} {gave_up}");
}
