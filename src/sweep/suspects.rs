//! Which items a server does not take. It only says how many values of a batch have failed, so suspects are narrowed down by how
//! later batches are cut; no value is sent again for it. Pure.

use crate::zabbix::sender::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How often an item is named that goes on to fail, in seconds.
const NAMED_EVERY: u64 = 3600;
/// How exactly it is kept when an item was sent last, in seconds.
const SEEN_EVERY: u64 = 3600;
/// An item of which nothing was sent for so long, in seconds, is forgotten.
const FORGOTTEN_AFTER: u64 = 86_400;

/// Host and key.
pub type Item = (String, String);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    /// One of so many in a batch of which some have failed.
    Suspect { among: usize, seen: u64 },
    /// It failed when nothing else could have; since when, when it was named last, when it was sent last.
    Guilty { since: u64, named: u64, seen: u64 },
}

/// What is known of the items of one server. Whoever is not in here is taken, or was never sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(String, String, Standing)>", into = "Vec<(String, String, Standing)>")]
pub struct Suspects(BTreeMap<Item, Standing>);

impl From<Vec<(String, String, Standing)>> for Suspects {
    fn from(rows: Vec<(String, String, Standing)>) -> Self {
        Self(rows.into_iter().map(|(host, key, standing)| ((host, key), standing)).collect())
    }
}

impl From<Suspects> for Vec<(String, String, Standing)> {
    fn from(suspects: Suspects) -> Self {
        suspects.0.into_iter().map(|((host, key), standing)| (host, key, standing)).collect()
    }
}

impl Suspects {
    /// How many of these values make the next batch: all, or so few that its account says more of the suspects among them. At
    /// least one of at least one.
    pub fn cut<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> usize {
        let mut inside = BTreeSet::new();
        let mut most = usize::MAX;
        let mut count = 0;
        for value in values {
            let item = item(value);
            if let Some(Standing::Suspect { among, .. }) = self.0.get(&item)
                && !inside.contains(&item)
            {
                let fewer = most.min((among / 2).max(1));
                if inside.len() + 1 > fewer {
                    break;
                }
                most = fewer;
                inside.insert(item);
            }
            count += 1;
        }
        count.max(1)
    }

    /// Draws its conclusions from the account of a batch: `failed` of these values were not taken. `now` in seconds since 1970.
    pub fn answered<'a>(&mut self, values: impl IntoIterator<Item = &'a Value>, failed: u64, now: u64) {
        let (mut all, mut guilty, mut suspected) = (0, 0, 0);
        let mut items: BTreeMap<Item, bool> = BTreeMap::new();
        for value in values {
            let item = item(value);
            all += 1;
            match self.0.get(&item) {
                Some(Standing::Guilty { .. }) => guilty += 1,
                Some(Standing::Suspect { .. }) => suspected += 1,
                None => {}
            }
            let known = self.0.contains_key(&item);
            items.insert(item, known);
        }
        if failed == 0 {
            self.0.retain(|item, _| !items.contains_key(item));
        } else if failed == all {
            items.into_keys().for_each(|item| self.condemn(item, now));
        } else if failed == guilty {
            // The known ones are all of them.
            self.seen(&items, now);
            self.0.retain(|item, standing| !items.contains_key(item) || matches!(standing, Standing::Guilty { .. }));
        } else if suspected > 0 && failed == guilty + suspected {
            items.into_iter().filter(|(_, known)| *known).for_each(|(item, _)| self.condemn(item, now));
        } else if failed < guilty {
            // Some of them are taken now.
            let among = items.keys().filter(|item| self.0.contains_key(*item)).count();
            items.into_iter().filter(|(_, known)| *known).for_each(|(item, _)| self.suspect(item, among, now));
        } else if failed < guilty + suspected {
            self.seen(&items, now);
            let is_suspect = |item: &Item| matches!(self.0.get(item), Some(Standing::Suspect { .. }));
            let inside: Vec<Item> = items.into_keys().filter(is_suspect).collect();
            let among = inside.len();
            inside.into_iter().for_each(|item| self.suspect(item, among, now));
        } else {
            // More than the known ones: it may be any of the others, too.
            self.seen(&items, now);
            let is_guilty = |item: &Item| matches!(self.0.get(item), Some(Standing::Guilty { .. }));
            let inside: Vec<Item> = items.into_keys().filter(|item| !is_guilty(item)).collect();
            let among = inside.len();
            inside.into_iter().for_each(|item| self.suspect(item, among, now));
        }
        self.0.retain(|_, standing| {
            let (Standing::Suspect { seen, .. } | Standing::Guilty { seen, .. }) = standing;
            now.saturating_sub(*seen) < FORGOTTEN_AFTER
        });
    }

    /// Items that are known not to be taken.
    pub fn guilty(&self) -> impl Iterator<Item = &Item> {
        self.0.iter().filter(|(_, standing)| matches!(standing, Standing::Guilty { .. })).map(|(item, _)| item)
    }

    /// All of whom the last values may have been refused.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.0.keys()
    }

    /// Items that may not be taken.
    pub fn suspected(&self) -> usize {
        self.0.len() - self.guilty().count()
    }

    /// Those of them that are to be named now, once an hour each.
    pub fn to_name(&mut self, now: u64) -> Vec<Item> {
        let mut found = Vec::new();
        for (item, standing) in &mut self.0 {
            if let Standing::Guilty { named, .. } = standing
                // A clock that was set back names them once more.
                && (now < *named || now - *named >= NAMED_EVERY)
            {
                *named = now;
                found.push(item.clone());
            }
        }
        found
    }

    fn condemn(&mut self, item: Item, now: u64) {
        match self.0.get_mut(&item) {
            Some(Standing::Guilty { seen, .. }) => look(seen, now),
            _ => drop(self.0.insert(item, Standing::Guilty { since: now, named: 0, seen: now })),
        }
    }

    fn suspect(&mut self, item: Item, among: usize, now: u64) {
        self.0.insert(item, Standing::Suspect { among, seen: now });
    }

    fn seen(&mut self, items: &BTreeMap<Item, bool>, now: u64) {
        for (_, standing) in self.0.iter_mut().filter(|(item, _)| items.contains_key(*item)) {
            let (Standing::Suspect { seen, .. } | Standing::Guilty { seen, .. }) = standing;
            look(seen, now);
        }
    }
}

/// To the hour: whoever keeps this has nothing to write each time.
fn look(seen: &mut u64, now: u64) {
    if now.abs_diff(*seen) >= SEEN_EVERY {
        *seen = now;
    }
}

fn item(value: &Value) -> Item {
    (value.host.clone(), value.key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(n: usize) -> Value {
        Value { host: format!("h{}", n / 9), key: format!("k{}", n % 9), value: "1".into(), clock: 1, ns: 0 }
    }

    /// One round of all items, batch by batch; how many batches it took.
    fn round(suspects: &mut Suspects, all: usize, bad: &BTreeSet<usize>, batch: usize, now: u64) -> usize {
        let values: Vec<Value> = (0..all).map(value).collect();
        let (mut at, mut batches) = (0, 0);
        while at < all {
            let window = &values[at..all.min(at + batch)];
            let cut = suspects.cut(window);
            assert!((1..=window.len()).contains(&cut));
            let failed = (at..at + cut).filter(|n| bad.contains(n)).count() as u64;
            suspects.answered(&window[..cut], failed, now);
            at += cut;
            batches += 1;
        }
        batches
    }

    fn named(suspects: &Suspects) -> BTreeSet<Item> {
        suspects.guilty().cloned().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn the_items_that_fail_are_found_by_later_values_and_no_others(
            bad in prop::collection::btree_set(0..600_usize, 0..40), batch in 1..300_usize
        ) {
            let mut suspects = Suspects::default();
            for now in 1..=12 {
                round(&mut suspects, 600, &bad, batch, now);
            }
            let expected: BTreeSet<Item> = bad.iter().map(|n| item(&value(*n))).collect();
            prop_assert_eq!(named(&suspects), expected);
            prop_assert_eq!(suspects.suspected(), 0);
            // Then batches are as large as before.
            let batches = round(&mut suspects, 600, &bad, batch, 13);
            prop_assert_eq!(batches, 600_usize.div_ceil(batch));
            // And once they are taken, nothing is held against them.
            for now in 14..26 {
                round(&mut suspects, 600, &BTreeSet::new(), batch, now);
            }
            prop_assert_eq!(&suspects, &Suspects::default());
        }
    }

    #[test]
    fn an_item_is_named_once_an_hour_and_forgotten_when_nothing_is_sent_of_it() {
        const START: u64 = 1_764_000_000;
        let mut suspects = Suspects::default();
        suspects.answered([&value(1)], 1, START);
        assert_eq!(suspects.to_name(START).len(), 1);
        suspects.answered([&value(1)], 1, START + 3500);
        assert_eq!(suspects.to_name(START + 3500).len(), 0);
        assert_eq!(suspects.to_name(START + 3600).len(), 1);
        let kept = serde_json::to_string(&suspects).unwrap();
        assert_eq!(serde_json::from_str::<Suspects>(&kept).unwrap(), suspects);
        suspects.answered([&value(2)], 0, START + 86_400 + 3600);
        assert_eq!(suspects, Suspects::default());
    }
}
