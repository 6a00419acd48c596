//! The windows against the rules said plainly: a list of everything that came, looked through from the beginning each time.

use proptest::prelude::*;
use rrb_lang::syntax::ast::Joint;
use serde_json::json;

use super::*;

const W: i64 = 100;

const ABSENCES: [Joint; 3] = [Joint::Without, Joint::WithoutEarlier, Joint::WithoutAny];

/// An event of a test: its key, which parts it can have, and when it was and came.
#[derive(Debug, Clone, Copy)]
struct E {
    key: u8,
    first: bool,
    second: bool,
    at: Millis,
    received: Millis,
}

/// Arrivals in order, with times of their own that are up to three windows older.
fn arrivals() -> impl Strategy<Value = Vec<E>> {
    let gap = prop_oneof![4 => 0..5_i64, 3 => 5..60_i64, 1 => 60..400_i64];
    let late = prop_oneof![5 => Just(0_i64), 3 => 0..40_i64, 2 => 0..(3 * W)];
    let one = (gap, late, 0..3_u8, 0..4_u8);
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let mut now = 1_000_000;
        let mut events = Vec::new();
        for (gap, late, key, kind) in all {
            now += gap;
            events.push(E { key, first: kind != 1, second: kind == 1 || kind == 2, at: now - late, received: now });
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
    let seq = n as u64;
    Arc::new(Waiting { row: Arc::new(row), value: Value::Nothing, seq, not_before: Millis::MIN })
}

fn place(all: &[E], n: usize) -> (Millis, usize) {
    (all[n].at, n)
}

fn ids(events: &[Arc<Waiting>]) -> Vec<usize> {
    events.iter().map(|e| e.seq as usize).collect()
}

/// Every choice of `count` from `from`.
fn choices(from: &[usize], count: usize) -> Vec<Vec<usize>> {
    match (count, from) {
        (0, _) => vec![vec![]],
        (_, []) => vec![],
        (count, [one, rest @ ..]) => {
            let mut with: Vec<Vec<usize>> = choices(rest, count - 1);
            with.iter_mut().for_each(|c| c.insert(0, *one));
            with.extend(choices(rest, count));
            with
        }
    }
}

/// `N of`: which events were complete at which arrival.
fn counted(all: &[E], count: usize) -> Vec<(usize, Vec<usize>)> {
    let mut live: Vec<usize> = Vec::new();
    let mut fired = Vec::new();
    for (n, e) in all.iter().enumerate() {
        live.retain(|y| all[*y].received + 2 * W >= e.received);
        live.push(n);
        let mut mine: Vec<usize> = live.iter().copied().filter(|y| all[*y].key == e.key).collect();
        mine.sort_by_key(|y| place(all, *y));
        let fits = |some: &Vec<usize>| {
            let times: Vec<i64> = some.iter().map(|y| all[*y].at).collect();
            some.contains(&n) && times.iter().max().unwrap() - times.iter().min().unwrap() <= W
        };
        let best = choices(&mine, count)
            .into_iter()
            .filter(fits)
            .min_by_key(|some| some.iter().map(|y| place(all, *y)).collect::<Vec<_>>());
        match best {
            Some(events) => {
                live.retain(|y| all[*y].key != e.key);
                fired.push((n, events));
            }
            None => {
                let newest = mine.iter().map(|y| all[*y].at).max().unwrap();
                live.retain(|y| all[*y].key != e.key || all[*y].at >= newest - 2 * W);
            }
        }
    }
    fired
}

fn counted_by_window(all: &[E], count: u32) -> Vec<(usize, Vec<usize>)> {
    let mut window = CountWindow::new(count, W, 1000);
    let mut fired = Vec::new();
    for (n, e) in all.iter().enumerate() {
        window.expire(e.received);
        let mut left = Vec::new();
        if let Taken::Complete { events, .. } = window.take(&e.key.to_string(), None, waiting(n, e), &mut left) {
            fired.push((n, ids(&events)));
        }
        let (keys, events) = window.size();
        assert!(
            keys <= 3 && events <= keys * 2 * (count as usize - 1),
            "a key holds a bounded number: {keys} {events}"
        );
    }
    fired
}

/// `N of … distinct V`: at which arrivals it fires, when the events are those that the window has chosen; each a valid choice. The
/// value is told by the parts that an event has.
fn distinct_by_rules(all: &[E], count: usize, chosen: &[(usize, Vec<usize>)]) -> Result<(), String> {
    let value = |y: usize| (all[y].first, all[y].second);
    let mut live: Vec<usize> = Vec::new();
    let mut chosen = chosen.iter();
    for (n, e) in all.iter().enumerate() {
        live.retain(|y| all[*y].received + 2 * W >= e.received);
        live.push(n);
        let mine: Vec<usize> = live.iter().copied().filter(|y| all[*y].key == e.key).collect();
        let valid = |some: &Vec<usize>| {
            let times: Vec<i64> = some.iter().map(|y| all[*y].at).collect();
            let values: std::collections::HashSet<_> = some.iter().map(|y| value(*y)).collect();
            let near = times.iter().max().unwrap() - times.iter().min().unwrap() <= W;
            some.contains(&n) && near && values.len() == count
        };
        if choices(&mine, count).iter().any(valid) {
            let Some((at, events)) = chosen.next() else { return Err(format!("{n} completes nothing")) };
            let known = events.iter().all(|y| mine.contains(y));
            if *at != n || events.len() != count || !known || !valid(events) {
                return Err(format!("at {n}: {at} by {events:?}"));
            }
            live.retain(|y| all[*y].key != e.key);
        } else {
            let newest = mine.iter().map(|y| all[*y].at).max().unwrap();
            live.retain(|y| all[*y].key != e.key || all[*y].at >= newest - 2 * W);
        }
    }
    chosen.next().map_or(Ok(()), |more| Err(format!("{more:?} is too many")))
}

fn distinct_by_window(all: &[E], count: u32) -> Vec<(usize, Vec<usize>)> {
    let mut window = CountWindow::new(count, W, 1000);
    let mut fired = Vec::new();
    for (n, e) in all.iter().enumerate() {
        window.expire(e.received);
        let value = Some(format!("{} {}", e.first, e.second));
        if let Taken::Complete { events, .. } = window.take(&e.key.to_string(), value, waiting(n, e), &mut Vec::new()) {
            fired.push((n, ids(&events)));
        }
        let (keys, events) = window.size();
        assert!(events <= keys * 4 * (count as usize - 1), "a key holds a bounded number: {keys} {events}");
    }
    fired
}

/// `and`, `then`: the pairs, first and second.
fn paired(all: &[E], joint: Joint) -> Vec<(usize, usize)> {
    let mut used = vec![false; all.len()];
    let mut pairs = Vec::new();
    for (n, e) in all.iter().enumerate() {
        let kept = |y: usize, hold: i64| !used[y] && all[y].received + hold >= e.received;
        let near = |y: usize| all[y].key == e.key && (all[y].at - e.at).abs() <= W;
        let mut found: Vec<(i64, usize, u8, usize, usize)> = Vec::new();
        for y in (0..n).filter(|y| near(*y)) {
            let later = place(all, y) > place(all, n);
            let ordered = joint == Joint::And;
            if all[y].first && e.second && kept(y, 2 * W) && (ordered || !later) {
                found.push((all[y].at, y, 0, y, n));
            }
            let hold = if joint == Joint::And { 2 * W } else { W };
            if all[y].second && e.first && kept(y, hold) && (ordered || later) {
                found.push((all[y].at, y, 1, n, y));
            }
        }
        if let Some((.., a, b)) = found.into_iter().min() {
            used[a] = true;
            used[b] = true;
            pairs.push((a, b));
        }
    }
    pairs
}

fn paired_by_window(all: &[E], joint: Joint) -> Vec<(usize, usize)> {
    let mut window = PairWindow::new(joint, W, 1000);
    let mut pairs = Vec::new();
    for (n, e) in all.iter().enumerate() {
        window.expire(e.received);
        let key = e.key.to_string();
        let of = |has: bool| has.then_some(key.as_str());
        let mut left = Vec::new();
        let taken = window.take(&waiting(n, e), of(e.first), of(e.second), &mut |_, _| true, &mut left);
        if let Taken::Complete { events, .. } = taken {
            let pair = ids(&events);
            pairs.push((pair[0], pair[1]));
        }
    }
    pairs
}

/// `without …`: the firsts that nobody answered before they were due.
fn alone(all: &[E], joint: Joint) -> Vec<usize> {
    let until = |a: usize| if joint == Joint::WithoutEarlier { all[a].at } else { all[a].at + W };
    let due = |a: usize| until(a).max(all[a].received + W) + 1;
    let hold = if joint == Joint::Without { W } else { 2 * W };
    let answers = |a: usize, b: usize| {
        let together = all[a].key == all[b].key && all[b].second && a != b;
        let near = (all[b].at - all[a].at).abs() <= W;
        let follows = match joint {
            Joint::Without => place(all, b) > place(all, a),
            Joint::WithoutEarlier => place(all, b) < place(all, a),
            _ => true,
        };
        let known = if b < a { all[b].received + hold >= all[a].received } else { all[b].received < due(a) };
        together && near && follows && known
    };
    let mut found: Vec<usize> =
        (0..all.len()).filter(|a| all[*a].first && !(0..all.len()).any(|b| answers(*a, b))).collect();
    found.sort_unstable();
    found
}

fn alone_by_window(all: &[E], joint: Joint) -> Vec<usize> {
    let mut window = PairWindow::new(joint, W, 1000);
    let mut found = Vec::new();
    for (n, e) in all.iter().enumerate() {
        found.extend(ids(&window.alone(e.received, &|_| None)));
        window.expire(e.received);
        let key = e.key.to_string();
        let of = |has: bool| has.then_some(key.as_str());
        window.take(&waiting(n, e), of(e.first), of(e.second), &mut |_, _| true, &mut Vec::new());
    }
    found.extend(ids(&window.alone(Millis::MAX, &|_| None)));
    found.sort_unstable();
    found
}

/// `silence of`: the last event of each key each time that it fell silent.
fn silent(all: &[E]) -> Vec<usize> {
    let due = |y: usize| (all[y].at + W).max(all[y].received + W) + 1;
    let mut found = Vec::new();
    for key in 0..3_u8 {
        let mut last: Option<usize> = None;
        for n in (0..all.len()).filter(|n| all[*n].key == key) {
            if let Some(y) = last.filter(|y| due(*y) <= all[n].received) {
                found.push(y);
                last = None;
            }
            if last.is_none_or(|y| place(all, n) > place(all, y)) {
                last = Some(n);
            }
        }
        found.extend(last);
    }
    found.sort_unstable();
    found
}

fn silent_by_window(all: &[E]) -> Vec<usize> {
    let mut window = SilenceWindow::new(W, 1000);
    let mut found = Vec::new();
    for (n, e) in all.iter().enumerate() {
        found.extend(window.silent(e.received, &|_| None).iter().map(|(_, w)| w.seq as usize));
        window.take(&e.key.to_string(), waiting(n, e), &mut Vec::new());
    }
    found.extend(window.silent(Millis::MAX, &|_| None).iter().map(|(_, w)| w.seq as usize));
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn windows_do_what_the_rules_say(all in arrivals(), count in 2..5_u32) {
        prop_assert_eq!(counted_by_window(&all, count), counted(&all, count as usize));
        let distinct = count.min(3);
        // Of one value the first and the last stand for those between them, as long as nothing comes later than a window.
        let mut timely = all.clone();
        timely.iter_mut().for_each(|e| e.at = e.at.max(e.received - W));
        let fired = distinct_by_window(&timely, distinct);
        prop_assert_eq!(distinct_by_rules(&timely, distinct as usize, &fired), Ok(()));
        for joint in [Joint::And, Joint::Then] {
            prop_assert_eq!(paired_by_window(&all, joint), paired(&all, joint), "{:?}", joint);
        }
        for joint in ABSENCES {
            prop_assert_eq!(alone_by_window(&all, joint), alone(&all, joint), "{:?}", joint);
        }
        prop_assert_eq!(silent_by_window(&all), silent(&all));
    }

    /// What is out of order by less than a window is counted as if it had come in order.
    #[test]
    fn order_of_arrival_makes_no_difference_within_a_window(mut all in arrivals()) {
        for e in &mut all {
            e.at = e.at.max(e.received - W);
            e.first = e.key == 0;
            e.second = !e.first;
        }
        let fired = |all: &[E]| {
            let mut any: Vec<Millis> = alone_by_window(all, Joint::Without).into_iter().map(|n| all[n].at).collect();
            any.sort_unstable();
            any
        };
        // With nothing to answer, every first is alone whichever way it comes.
        let only: Vec<E> = all.iter().filter(|e| e.first).copied().collect();
        let mut sorted = only.clone();
        sorted.sort_by_key(|e| e.at);
        for e in &mut sorted {
            e.received = e.at;
        }
        prop_assert_eq!(fired(&only), fired(&sorted));
    }
}

#[test]
fn equal_times_are_in_the_order_of_arrival() {
    let e = |first: bool| E { key: 0, first, second: !first, at: 50, received: 50 };
    assert_eq!(paired_by_window(&[e(true), e(false)], Joint::Then), [(0, 1)]);
    assert_eq!(paired_by_window(&[e(false), e(true)], Joint::Then), []);
    assert_eq!(paired_by_window(&[e(false), e(true)], Joint::And), [(1, 0)]);
    assert_eq!(alone_by_window(&[e(true), e(false)], Joint::Without), [] as [usize; 0]);
    assert_eq!(alone_by_window(&[e(false), e(true)], Joint::Without), [1]);
}

#[test]
fn windows_are_closed_at_both_ends() {
    let e = |first: bool, at| E { key: 0, first, second: !first, at, received: at };
    for (apart, together) in [(W - 1, true), (W, true), (W + 1, false)] {
        let two = [e(true, 0), e(false, apart)];
        assert_eq!(!paired_by_window(&two, Joint::And).is_empty(), together, "{apart}");
        assert_eq!(!paired_by_window(&two, Joint::Then).is_empty(), together, "{apart}");
        assert_eq!(alone_by_window(&two, Joint::Without).is_empty(), together, "{apart}");
        assert_eq!(!counted_by_window(&two, 2).is_empty(), together, "{apart}");
    }
}

#[test]
fn a_window_holds_as_many_keys_as_it_may_and_makes_room_by_the_time_of_events() {
    let event = |n: usize, at| waiting(n, &E { key: 0, first: true, second: false, at, received: at });
    for (keys, more) in [(2, true), (3, true), (4, false)] {
        let mut window = CountWindow::new(2, W, 3);
        let mut full = false;
        for n in 0..keys {
            full |= matches!(window.take(&format!("k{n}"), None, event(n, 0), &mut Vec::new()), Taken::Full);
        }
        assert_eq!(full, !more, "{keys}");
        assert_eq!(window.size().0, keys.min(3));
        let mut left = Vec::new();
        assert!(
            matches!(window.take("k0", None, event(9, 10), &mut left), Taken::Complete { .. }),
            "a known key goes on"
        );
    }
    let mut window = CountWindow::new(2, W, 2);
    let mut left = Vec::new();
    window.take("a", None, event(0, 0), &mut left);
    window.take("b", None, event(1, 150), &mut left);
    assert!(matches!(window.take("c", None, event(2, 200), &mut left), Taken::Full), "two windows back still counts");
    assert!(matches!(window.take("c", None, event(3, 201), &mut left), Taken::Waits { .. }));
    assert_eq!(ids(&left), [0]);
    let mut window = PairWindow::new(Joint::And, W, 1);
    let mut fits = |_: &Waiting, _: &Waiting| false;
    assert!(matches!(window.take(&event(0, 0), Some("a"), None, &mut fits, &mut left), Taken::Waits { .. }));
    assert!(matches!(window.take(&event(1, 0), Some("b"), None, &mut fits, &mut left), Taken::Full));
    assert!(matches!(window.take(&event(2, 0), None, Some("b"), &mut fits, &mut left), Taken::Waits { .. }));
    let mut window = SilenceWindow::new(W, 1);
    assert!(matches!(window.take("a", event(0, 0), &mut left), Taken::Waits { .. }));
    assert!(matches!(window.take("b", event(1, 0), &mut left), Taken::Full));
    assert!(matches!(window.take("a", event(2, 5), &mut left), Taken::Waits { .. }));
}

#[test]
fn ten_thousand_waiting_events_are_found_by_what_they_have_in_common() {
    let mut window = PairWindow::new(Joint::And, W, 20_000);
    let mut asked = 0;
    let mut fits = |_: &Waiting, _: &Waiting| {
        asked += 1;
        true
    };
    for n in 0..10_000 {
        let event = waiting(n, &E { key: 0, first: true, second: false, at: 0, received: 0 });
        window.take(&event, Some(&n.to_string()), None, &mut fits, &mut Vec::new());
    }
    for n in 0..10_000 {
        let event = waiting(20_000 + n, &E { key: 0, first: false, second: true, at: 0, received: 0 });
        let taken = window.take(&event, None, Some(&n.to_string()), &mut fits, &mut Vec::new());
        assert!(matches!(taken, Taken::Complete { events, .. } if events[0].seq == n as u64));
    }
    assert_eq!(asked, 10_000, "each is asked of the one that it belongs to");
    assert_eq!(window.size(), (0, 0));
}

#[test]
fn a_source_that_is_behind_is_waited_for_but_not_for_ever() {
    let row = |at: Millis, received: Millis| {
        (*waiting(0, &E { key: 0, first: true, second: false, at, received }).row).clone()
    };
    assert_eq!(Behind::of(&row(0, 60_000)), None);
    let behind = Behind::of(&row(0, 60_001)).unwrap();
    assert_eq!(behind.patience(-1, 600_000), None, "what it sends is from after the deadline");
    assert_eq!(behind.patience(0, 600_000), Some(120_002));
    let late = Behind::of(&row(0, 10_000_000)).unwrap();
    assert_eq!(late.patience(0, 600_000), None, "a clock that stands still");
}
