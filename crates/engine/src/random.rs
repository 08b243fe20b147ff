//! Random bits as a function of a counter: the same for any order of work and any number of threads.

/// SplitMix64's finaliser. Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 32 random bits for element `index` of a draw: two rounds of a 32-bit mixer, so that a loop over it vectorises.
///
/// Source: the `lowbias32` constants of C. Wellons, "Prospecting for hash functions", nullprogram.com/blog/2018/07/31.
#[inline(always)]
pub(crate) fn bits32(draw: u64, index: u32) -> u32 {
    let mut x = index.wrapping_mul(0x9e37_79b9).wrapping_add(draw as u32);
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_add((draw >> 32) as u32);
    x = x.wrapping_mul(0x846c_a68b);
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x
}
