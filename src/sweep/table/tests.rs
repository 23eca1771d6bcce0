use super::*;
use proptest::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const BOOT: u128 = 7;

fn lines(count: usize, interval: u64) -> Vec<(u64, Rhythm)> {
    let line = |n: usize| {
        let key = schedule::key(&format!("L-{n}"));
        (key, Rhythm::new(key, Duration::from_millis(interval)))
    };
    (0..count).map(line).collect()
}

fn at(now: u64) -> Moment {
    Moment { boot: BOOT, now }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn table(dir: &tempfile::TempDir) -> Table {
    Table::new(dir.path(), Holder::this_process().unwrap())
}

fn release(table: &Table, claims: &Claims, now: u64) {
    let done: Vec<_> = claims.claims.iter().map(|claim| (claim.key, claim.reported)).collect();
    table.release(&done, at(now), soon()).unwrap();
}

#[test]
fn each_line_is_claimed_once_per_interval_and_not_while_it_is_in_hand() {
    let dir = tempfile::tempdir().unwrap();
    let (table, lines) = (table(&dir), lines(100, 60_000));
    let first = table.claim(&lines, || at(1_000_000), soon()).unwrap();
    assert_eq!((first.claims.len(), first.held), (100, 0));
    assert!(first.claims.iter().all(|claim| claim.first && claim.due.missed == 0));
    let again = table.claim(&lines, || at(1_000_001), soon()).unwrap();
    assert_eq!((again.claims.len(), again.held), (0, 0), "none is due");
    assert!(again.next.is_some_and(|next| next > 1_000_001 && next <= 1_060_001));
    // One interval later all are due, and in hand.
    let later = table.claim(&lines, || at(1_060_000), soon()).unwrap();
    assert_eq!((later.claims.len(), later.held), (0, 100));
    release(&table, &first, 1_060_000);
    let later = table.claim(&lines, || at(1_190_000), soon()).unwrap();
    assert_eq!(later.claims.len(), 100);
    assert!(later.claims.iter().all(|claim| !claim.first && (2..=3).contains(&claim.due.missed)));
}

#[test]
fn what_was_reported_is_kept_also_over_a_restart_of_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let (table, lines) = (table(&dir), lines(3, 60_000));
    let claims = table.claim(&lines, || at(1_000_000), soon()).unwrap();
    let reported = Reported { measured: 1_764_000_000_123_456_789, text: 5, text_at: 1_764_000_000 };
    table.release(&[(claims.claims[1].key, reported)], at(1_000_000), soon()).unwrap();
    let restarted = Moment { boot: 8, now: 10_000 };
    let claims = table.claim(&lines, || restarted, soon()).unwrap();
    let found: Vec<_> = claims.claims.iter().map(|claim| (claim.first, claim.reported)).collect();
    assert_eq!(found, [(true, Reported::default()), (true, reported), (true, Reported::default())]);
}

#[test]
fn a_line_that_is_forgotten_begins_anew_unless_it_is_just_measured() {
    let dir = tempfile::tempdir().unwrap();
    let (table, lines) = (table(&dir), lines(2, 60_000));
    let keys: Vec<u64> = lines.iter().map(|(key, _)| *key).collect();
    table.forget(&keys, at(1), soon()).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made for what nobody measures");
    table.claim(&lines, || at(1_000_000), soon()).unwrap();
    table.forget(&keys, at(1_000_001), soon()).unwrap();
    let held = table.claim(&lines, || at(1_500_000), soon()).unwrap();
    assert_eq!((held.claims.len(), held.held), (0, 2));
    table.release(&[(keys[0], Reported { text: 5, ..Reported::default() })], at(1_500_000), soon()).unwrap();
    table.forget(&keys, at(1_500_000), soon()).unwrap();
    let found = table.claim(&lines, || at(1_500_001), soon()).unwrap();
    assert_eq!((found.claims.len(), found.held), (1, 1));
    let claim = found.claims[0];
    assert_eq!((claim.key, claim.first, claim.due.missed, claim.reported), (keys[0], true, 0, Reported::default()));
}

#[test]
fn a_line_in_the_hand_of_a_sweep_that_died_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let lines = lines(5, 60_000);
    let me = Holder::this_process().unwrap();
    let dead = Table::new(dir.path(), Holder { started: me.started + 1, ..me });
    assert_eq!(dead.claim(&lines, || at(1_000_000), soon()).unwrap().claims.len(), 5);
    let alive = Table::new(dir.path(), me);
    assert_eq!(alive.claim(&lines, || at(1_060_000), soon()).unwrap().claims.len(), 5);
    // And one that lives, but has forgotten it.
    assert_eq!(alive.claim(&lines, || at(1_120_000), soon()).unwrap().held, 5);
    assert_eq!(alive.claim(&lines, || at(1_060_001 + FORGOTTEN), soon()).unwrap().claims.len(), 5);
}

#[test]
fn many_sweeps_at_once_measure_each_check_once() {
    let dir = tempfile::tempdir().unwrap();
    let (table, lines) = (table(&dir), lines(60, 2_000));
    let (made, clock) = (Mutex::new(HashSet::new()), AtomicU64::new(1_000_000));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (table, lines, made, clock) = (&table, &lines, &made, &clock);
            scope.spawn(move || {
                for _ in 0..30 {
                    let claims = table.claim(lines, || at(clock.fetch_add(87, Ordering::SeqCst)), soon()).unwrap();
                    for claim in &claims.claims {
                        assert!(made.lock().unwrap().insert((claim.key, claim.due.at)), "twice");
                    }
                    release(table, &claims, 0);
                }
            });
        }
    });
    assert!(made.lock().unwrap().len() >= 60 * 2);
}

#[test]
fn a_table_that_is_broken_anywhere_makes_lines_due_and_nothing_else() {
    let lines = lines(20, 60_000);
    for (place, what) in [(3, "header"), (64 * 4 + 9, "a record"), (usize::MAX, "cut")] {
        let dir = tempfile::tempdir().unwrap();
        let table = table(&dir);
        release(&table, &table.claim(&lines, || at(1_000_000), soon()).unwrap(), 1_000_000);
        let path = dir.path().join("schedule");
        let mut bytes = fs::read(&path).unwrap();
        match bytes.get_mut(place) {
            Some(byte) => *byte ^= 0xff,
            None => bytes.truncate(64 * 11 + 30),
        }
        fs::write(&path, bytes).unwrap();
        let due = table.claim(&lines, || at(1_000_001), soon()).unwrap();
        let expected = match what {
            "header" => 20,
            "a record" => 1,
            _ => 10,
        };
        assert_eq!(due.claims.len(), expected, "{what}");
        release(&table, &due, 1_000_001);
        assert_eq!(table.claim(&lines, || at(1_000_002), soon()).unwrap().claims.len(), 0, "{what}");
    }
}

#[test]
fn lines_that_are_gone_do_not_fill_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let table = table(&dir);
    for round in 0..20 {
        let some: Vec<_> = lines(12_000, 60_000).into_iter().skip(round * 600).take(600).collect();
        release(&table, &table.claim(&some, || at(1_000_000), soon()).unwrap(), 1_000_000);
        assert_eq!(table.claim(&some, || at(1_000_000), soon()).unwrap().claims.len(), 0);
    }
    assert!(fs::metadata(dir.path().join("schedule")).unwrap().len() < 64 * 3500);
}

#[test]
fn lines_that_are_gone_push_out_none_that_is_there_however_seldom_it_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let table = table(&dir);
    let seldom = lines(5, 86_400_000);
    release(&table, &table.claim(&seldom, || at(90_000_000), soon()).unwrap(), 90_000_000);
    let often: Vec<_> = lines(2000, 60_000).into_iter().skip(5).collect();
    release(&table, &table.claim(&often, || at(90_100_000), soon()).unwrap(), 90_100_000);
    // The others are no longer in the inventory.
    for _ in 0..2 {
        let again = table.claim(&seldom, || at(90_100_001), soon()).unwrap();
        assert!(again.claims.iter().all(|claim| !claim.first), "{again:?}");
    }
    assert!(fs::metadata(dir.path().join("schedule")).unwrap().len() < 64 * 600);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn lines_added_and_removed_and_steps_of_any_size_never_double_a_check(
        steps in prop::collection::vec((0..200_000_u64, 1..40_usize, any::<bool>()), 1..30)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let table = table(&dir);
        let all = lines(40, 60_000);
        let (mut now, mut made) = (100_000, HashSet::new());
        for (step, count, dies) in steps {
            now += step;
            let claims = table.claim(&all[..count], || at(now), soon()).unwrap();
            for claim in &claims.claims {
                prop_assert!(made.insert((claim.key, claim.due.at)));
                prop_assert!(claim.due.at <= now);
            }
            if !dies {
                release(&table, &claims, now);
            }
        }
    }
}
