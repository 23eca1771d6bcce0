//! Random numbers that come again: the n-th ping of one target draws the same at every start, whatever else runs at the same
//! time.

use std::hash::{DefaultHasher, Hash, Hasher};

pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(from: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        from.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Returns a number below `limit`, or 0 if that is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64) / ((1u64 << 53) as f64) < probability
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
