//! The order of an epoch over archives: random, but so that reads lie near each other.
//!
//! The archives are shuffled and a few of them are read side by side from their beginning to their end; what they give
//! passes through a buffer out of which records leave in random order. So archives whose records are sorted by class
//! still give mixed batches, and the disk reads forwards in a few places only. Source: the shard shuffle and sample
//! shuffle of WebDataset; differs: archives are interleaved, and the order is a function of seed and epoch alone.

use std::collections::VecDeque;

use schema::Seed;

/// Archives that are read side by side.
const SIDE_BY_SIDE: usize = 4;
/// Records that wait in the buffer: places, not contents.
const BUFFER: usize = 4096;

/// The rows in the order of an epoch; `shard_of` tells the archive of a row, and rows of one archive are neighbours.
pub(crate) fn order(rows: &[usize], shard_of: impl Fn(usize) -> usize, seed: Seed) -> Vec<usize> {
    let mut shards: Vec<&[usize]> = rows
        .chunk_by(|one, two| shard_of(*one) == shard_of(*two))
        .collect();
    seed.named("shards").rng().shuffle(&mut shards);
    let mut rng = seed.named("buffer").rng();
    let mut waiting = VecDeque::from(shards);
    let mut open: VecDeque<&[usize]> = waiting.drain(..waiting.len().min(SIDE_BY_SIDE)).collect();
    let mut buffer = Vec::with_capacity(BUFFER.min(rows.len()));
    let mut ordered = Vec::with_capacity(rows.len());
    while let Some(shard) = open.pop_front() {
        match shard.split_first() {
            None => open.extend(waiting.pop_front()),
            Some((row, rest)) => {
                open.push_back(rest);
                if buffer.len() < BUFFER {
                    buffer.push(*row);
                } else {
                    let place = rng.below(BUFFER);
                    ordered.push(std::mem::replace(&mut buffer[place], *row));
                }
            }
        }
    }
    rng.shuffle(&mut buffer);
    ordered.extend(buffer);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 archives of 1000 rows, of which every third row is not to be read.
    fn rows() -> Vec<usize> {
        (0..30_000).filter(|row| row % 3 != 0).collect()
    }

    #[test]
    fn every_row_comes_once_and_the_seed_alone_gives_the_order() {
        let first = order(&rows(), |row| row / 1000, Seed(1));
        assert_eq!(first, order(&rows(), |row| row / 1000, Seed(1)));
        assert_ne!(first, order(&rows(), |row| row / 1000, Seed(2)));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, rows());
        for few in [vec![], vec![7], vec![3, 4]] {
            let mut sorted = order(&few, |_| 0, Seed(1));
            sorted.sort_unstable();
            assert_eq!(sorted, few);
        }
    }

    #[test]
    fn a_stretch_of_the_epoch_reads_few_archives_and_mixes_them() {
        // 300 archives of 1000 rows: a random order would read about 57 of them for 64 records.
        let rows: Vec<usize> = (0..300_000).collect();
        let order = order(&rows, |row| row / 1000, Seed(1));
        for stretch in order.chunks_exact(64) {
            let shards: std::collections::BTreeSet<usize> =
                stretch.iter().map(|row| row / 1000).collect();
            // The buffer holds what four archives gave; a few rows stay in it for long.
            assert!((3..=30).contains(&shards.len()), "{shards:?}");
        }
        // A fair mix would leave neighbours in order half of the time.
        let ascending = order.windows(2).filter(|pair| pair[0] < pair[1]).count();
        let share = ascending as f64 / order.len() as f64;
        assert!((0.4..0.6).contains(&share), "{share}");
    }
}
