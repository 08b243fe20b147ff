//! Randomness as a function of a place, never a stream that threads share.
//!
//! A [`Seed`] is derived by name and index - seed, epoch, record, place - and only at the end turned into a short
//! [`Rng`]. So the same place draws the same numbers whatever ran before it and on whatever thread.

/// A place in the tree of random decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The place below this one with a name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a: names are short and only need to land apart before the mixing below.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The place below this one with an index.
    #[must_use]
    pub fn at(self, index: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(index ^ 0x9e37_79b9_7f4a_7c15))))
    }

    /// The numbers drawn at this place.
    pub fn rng(self) -> Rng {
        Rng { state: self.0 }
    }
}

/// SplitMix64's finaliser. Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// SplitMix64: a counter through a mixing function.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..bound; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts a slice in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// One of the items; `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_independent_of_each_other_and_repeatable() {
        let seed = Seed(7);
        assert_eq!(seed.named("split").at(3), seed.named("split").at(3));
        assert_ne!(seed.named("split").at(3), seed.named("split").at(4));
        assert_ne!(seed.named("split"), seed.named("shuffle"));
        assert_ne!(
            seed.named("a").at(0).rng().next_u64(),
            seed.named("b").at(0).rng().next_u64()
        );
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut rng = Seed(1).rng();
        let n = 20_000;
        let uniform = (0..n).map(|_| rng.uniform()).sum::<f64>() / f64::from(n);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let x = rng.normal();
            sum += x;
            squares += x * x;
        }
        // Five standard errors of the mean of n draws.
        let tolerance = 5.0 / f64::from(n).sqrt();
        assert!((uniform - 0.5).abs() < tolerance * 0.29, "{uniform}");
        assert!((sum / f64::from(n)).abs() < tolerance);
        assert!((squares / f64::from(n) - 1.0).abs() < tolerance * 1.42);
    }

    #[test]
    fn shuffle_is_a_permutation_and_below_stays_below() {
        let mut rng = Seed(2).rng();
        let mut items: Vec<usize> = (0..100).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
        assert!((0..1000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.pick::<u8>(&[]), None);
    }
}
