//! Spool, books and delivery together, on real files: whatever happens in between, each value is delivered, in order, and none
//! again that was answered.

use super::*;
use crate::sweep::books::{Totals, account};
use crate::zabbix::servers;
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tempfile::TempDir;

mod damage;

const SIZE: u64 = 64 << 20;
const PACE: Pace = Pace { batch: 7, rate: 1_000_000, age: Duration::from_secs(86_400) };

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Counted,
    Unreached,
    /// Taken, and the answer is lost.
    Unanswered,
    /// Answered, and then we are killed.
    Killed,
}

#[derive(Default)]
struct Fake {
    fates: Vec<Fate>,
    /// Each value, and whether its account was read.
    taken: Vec<(Value, bool)>,
    batches: Vec<usize>,
}

impl Post for &mut Fake {
    fn post(&mut self, values: &[Value], _: Deadline) -> Result<Count, NotSent> {
        let fate = self.fates.pop().unwrap_or(Fate::Counted);
        if fate == Fate::Unreached {
            return Err(NotSent::Unreached("nobody".into()));
        }
        self.taken.extend(values.iter().map(|value| (value.clone(), fate == Fate::Counted)));
        self.batches.push(values.len());
        match fate {
            Fate::Unanswered => Err(NotSent::Unanswered("silence".into())),
            Fate::Killed => panic!("killed"),
            _ => Ok(Count { processed: values.len() as u64, failed: 0 }),
        }
    }
}

struct Lab {
    dir: TempDir,
    spool: Spool,
    server: Server,
    appended: Vec<Value>,
}

impl Lab {
    fn new(size: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), size);
        Self { dir, spool, server: servers::parse("zabbix").unwrap().remove(0), appended: Vec::new() }
    }

    fn append(&mut self, count: usize) {
        let now = seconds();
        let values: Vec<Value> = (0..count)
            .map(|n| Value {
                host: format!("host-{}", n % 3),
                key: "line.loss".into(),
                value: (self.appended.len() + n).to_string(),
                clock: now,
                ns: 0,
            })
            .collect();
        self.spool.append(&values, soon()).unwrap();
        self.appended.extend(values);
    }

    /// False where it was killed.
    fn deliver(&self, fake: &mut Fake) -> bool {
        catch_unwind(AssertUnwindSafe(|| {
            let mut delivery = Delivery::open(self.spool.clone(), self.server.clone(), fake, PACE).unwrap();
            delivery.run(soon(), &|| false).unwrap();
            forget_sent(&self.spool, std::slice::from_ref(&self.server), soon()).unwrap();
        }))
        .is_ok()
    }

    /// Names of the files with values.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let all = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "values")).collect();
        files.sort();
        files
    }

    fn account(&self) -> (Totals, u64) {
        account(&self.spool, &self.server).unwrap()
    }

    fn balanced(&self) {
        let (totals, spooled) = self.account();
        let all = totals.processed + totals.failed + totals.dropped + spooled;
        assert_eq!(all, self.appended.len() as u64, "{totals:?} {spooled}");
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Deliver(Vec<Fate>),
    /// A kill in the middle of an append leaves half a line.
    HalfALine,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![4 => Just(Fate::Counted), 1 => Just(Fate::Unreached), 1 => Just(Fate::Unanswered), 1 => Just(Fate::Killed)];
    let step = prop_oneof![
        3 => (1..30_usize).prop_map(Step::Append),
        3 => prop::collection::vec(fate, 0..4).prop_map(Step::Deliver),
        1 => Just(Step::HalfALine),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_value_is_delivered_in_order_and_none_again_whose_account_was_read(steps in steps()) {
        let mut lab = Lab::new(SIZE);
        let mut fake = Fake::default();
        // The books are begun, as by the first sweep.
        lab.deliver(&mut fake);
        for step in steps {
            match step {
                Step::Append(count) => lab.append(count),
                Step::Deliver(fates) => {
                    fake.fates = fates;
                    lab.deliver(&mut fake);
                }
                Step::HalfALine => {
                    if let Some(path) = lab.files().pop() {
                        let mut bytes = fs::read(&path).unwrap();
                        bytes.extend_from_slice(b"0123abcd [17,1764000000,0,\"ho");
                        fs::write(&path, bytes).unwrap();
                    }
                }
            }
            lab.balanced();
        }
        fake.fates.clear();
        prop_assert!(lab.deliver(&mut fake));
        lab.balanced();
        prop_assert_eq!(lab.account().1, 0);
        let mut answered: HashMap<&str, usize> = HashMap::new();
        let mut first = Vec::new();
        for (value, read) in &fake.taken {
            let times = answered.entry(value.value.as_str()).or_default();
            prop_assert_eq!(*times, 0, "{} was answered before", value.value);
            *times += usize::from(*read);
            if !first.contains(&value) {
                first.push(value);
            }
        }
        prop_assert_eq!(first, lab.appended.iter().collect::<Vec<_>>());
    }
}

#[test]
fn of_too_many_values_the_oldest_are_dropped_and_counted() {
    let mut lab = Lab::new(64 << 10);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    for _ in 0..50 {
        lab.append(100);
        lab.balanced();
        assert!(lab.spool.bytes().unwrap() <= 64 << 10);
    }
    lab.deliver(&mut fake);
    let (totals, spooled) = lab.account();
    assert_eq!((totals.processed + totals.dropped, spooled), (5000, 0), "{totals:?}");
    assert!((400..4990).contains(&totals.processed), "{totals:?}");
    let last: Vec<&Value> = lab.appended.iter().rev().take(fake.taken.len()).rev().collect();
    assert_eq!(fake.taken.iter().map(|(value, _)| value).collect::<Vec<_>>(), last, "the newest, in order");
    assert_eq!(lab.files().len(), 1);
}

#[test]
fn a_value_that_is_too_old_is_dropped_only_when_nobody_takes_it() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    let old =
        |n: u32| Value { host: "h".into(), key: "k".into(), value: n.to_string(), clock: seconds() - 100_000, ns: n };
    let values: Vec<Value> = (0..20).map(old).collect();
    lab.spool.append(&values, soon()).unwrap();
    lab.appended.extend(values.iter().cloned());
    lab.append(3);
    fake.fates = vec![Fate::Unreached];
    lab.deliver(&mut fake);
    let (totals, spooled) = lab.account();
    assert_eq!((totals.dropped, spooled), (20, 3));
    lab.spool.append(&values, soon()).unwrap();
    lab.appended.extend(values);
    lab.deliver(&mut fake);
    assert_eq!(lab.account().0, Totals { processed: 23, failed: 0, dropped: 20 });
    lab.balanced();
}

#[test]
fn values_that_were_never_spooled_are_in_the_books() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.append(5);
    let mut delivery = Delivery::open(lab.spool.clone(), lab.server.clone(), &mut fake, PACE).unwrap();
    let mut done = delivery.run(soon(), &|| false).unwrap();
    let mut unspooled = lab.appended.clone();
    delivery.send_unspooled(&mut unspooled, soon(), &mut done);
    delivery.note(Totals { dropped: 3, ..Totals::default() });
    assert_eq!((done.processed, unspooled.len()), (10, 0));
    drop(delivery);
    assert_eq!(lab.account(), (Totals { processed: 10, failed: 0, dropped: 3 }, 0));
}

#[test]
fn what_was_dropped_for_its_number_is_in_the_books_while_nobody_takes_anything() {
    let mut lab = Lab::new(64 << 10);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    for _ in 0..50 {
        lab.append(100);
    }
    let (totals, spooled) = lab.account();
    assert_eq!((totals.dropped + spooled, totals.dropped > 3000), (5000, true), "{totals:?}");
    fake.fates = vec![Fate::Unreached];
    let server = lab.server.clone();
    let mut delivery = Delivery::open(lab.spool.clone(), server, &mut fake, PACE).unwrap();
    assert_eq!(delivery.run(soon(), &|| false).unwrap().dropped, totals.dropped, "and said when it is found out");
    assert_eq!(delivery.run(soon(), &|| false).unwrap().dropped, 0, "once");
    lab.deliver(&mut fake);
    assert_eq!(lab.account(), (Totals { processed: spooled, failed: 0, dropped: totals.dropped }, 0));
}

#[test]
fn each_server_has_its_own_books_and_one_in_place_of_another_gets_what_that_has_not() {
    let mut lab = Lab::new(SIZE);
    let other = servers::parse("other").unwrap().remove(0);
    let third = servers::parse("third;fourth").unwrap().remove(0);
    let both = [lab.server.clone(), other.clone()];
    let (mut good, mut dead) = (Fake::default(), Fake::default());
    let deliver = |lab: &Lab, server: &Server, fake: &mut Fake| {
        let mut delivery = Delivery::open(lab.spool.clone(), server.clone(), fake, PACE).unwrap();
        delivery.run(soon(), &|| false).unwrap();
    };
    deliver(&lab, &lab.server, &mut good);
    deliver(&lab, &other, &mut dead);
    for _ in 0..3 {
        lab.append(20);
        deliver(&lab, &lab.server, &mut good);
        dead.fates = vec![Fate::Unreached];
        deliver(&lab, &other, &mut dead);
        forget_sent(&lab.spool, &both, soon()).unwrap();
    }
    assert_eq!((lab.account().1, account(&lab.spool, &other).unwrap().1), (0, 60));
    // It was the wrong name.
    let mut right = Fake::default();
    deliver(&lab, &third, &mut right);
    books::close_others(&lab.spool, &[lab.server.clone(), third.clone()]).unwrap();
    assert_eq!((good.taken.len(), dead.taken.len(), right.taken.len()), (60, 0, 60));
    assert!(
        !lab.dir.path().read_dir().unwrap().flatten().any(|e| e.file_name().to_string_lossy().starts_with("other"))
    );
    assert_eq!(account(&lab.spool, &third).unwrap().0.processed, 60);
}
