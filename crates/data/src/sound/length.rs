//! Clips of one length: which part of a long one is kept, where a short one is put.

use schema::Seed;

/// Which part of a clip is kept, and where silence goes when it is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The middle; a short clip is put into the middle, an odd sample of silence behind it.
    #[default]
    Centre,
    /// The start; a short clip gets its silence at the end.
    Start,
    /// The end; a short clip gets its silence at the start.
    End,
    /// The stretch with the most energy, the first of equals; a short clip is put into the middle.
    Loudest,
    /// A stretch drawn evenly from the seed; a short clip is put at a place drawn evenly. For training.
    Random,
}

/// A clip of exactly `wanted` samples: a stretch of `samples`, or all of them among zeros.
///
/// `seed` matters for [`Keep::Random`] only.
pub fn fit_length(samples: &[f32], wanted: usize, keep: Keep, seed: Seed) -> Vec<f32> {
    let start = kept_start(samples, wanted, keep, seed);
    if samples.len() >= wanted {
        return samples[start..start + wanted].to_vec();
    }
    let mut clip = vec![0.0; wanted];
    clip[start..start + samples.len()].copy_from_slice(samples);
    clip
}

/// Where the kept stretch begins in the clip, or a short clip in the result.
pub fn kept_start(samples: &[f32], wanted: usize, keep: Keep, seed: Seed) -> usize {
    let spare = samples.len().abs_diff(wanted);
    match keep {
        Keep::Start => 0,
        Keep::End => spare,
        Keep::Centre => spare / 2,
        Keep::Loudest if samples.len() > wanted => loudest_start(samples, wanted),
        Keep::Loudest => spare / 2,
        Keep::Random => seed.rng().below(spare + 1),
    }
}

/// Start of the stretch of `len` samples with the most energy. Sums run in f64, so that what enters a window leaves it.
fn loudest_start(samples: &[f32], len: usize) -> usize {
    let energy = |sample: &f32| f64::from(*sample) * f64::from(*sample);
    let mut sum: f64 = samples[..len].iter().map(energy).sum();
    let (mut best, mut best_sum) = (0, sum);
    for (start, (left, entered)) in samples.iter().zip(&samples[len..]).enumerate() {
        sum += energy(entered) - energy(left);
        // Rounding must not let a later stretch of the same energy win.
        if sum > best_sum * (1.0 + 1e-9) {
            (best, best_sum) = (start + 1, sum);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: [f32; 5] = [1.0, 2.0, -5.0, 3.0, 1.0];

    fn fit(wanted: usize, keep: Keep) -> Vec<f32> {
        fit_length(&CLIP, wanted, keep, Seed(1))
    }

    #[test]
    fn long_clips_are_cut_by_the_rule() {
        assert_eq!(fit(2, Keep::Start), [1.0, 2.0]);
        assert_eq!(fit(3, Keep::Centre), [2.0, -5.0, 3.0]);
        assert_eq!(fit(2, Keep::End), [3.0, 1.0]);
        // Energies of the pairs: 5, 29, 34, 10.
        assert_eq!(fit(2, Keep::Loudest), [-5.0, 3.0]);
        let all = [
            Keep::Start,
            Keep::End,
            Keep::Centre,
            Keep::Loudest,
            Keep::Random,
        ];
        for keep in all {
            assert_eq!(fit(5, keep), CLIP);
            assert!(fit(0, keep).is_empty());
        }
    }

    #[test]
    fn short_clips_are_padded_by_the_rule() {
        assert_eq!(fit(7, Keep::Start), [1.0, 2.0, -5.0, 3.0, 1.0, 0.0, 0.0]);
        assert_eq!(fit(7, Keep::End), [0.0, 0.0, 1.0, 2.0, -5.0, 3.0, 1.0]);
        let centred = [0.0, 1.0, 2.0, -5.0, 3.0, 1.0, 0.0, 0.0];
        assert_eq!(fit(8, Keep::Centre), centred);
        assert_eq!(fit(8, Keep::Loudest), centred);
        assert_eq!(fit_length(&[], 2, Keep::Random, Seed(0)), [0.0, 0.0]);
    }

    #[test]
    fn the_first_of_equally_loud_stretches_is_kept() {
        let samples = [0.1_f32; 1000];
        assert_eq!(kept_start(&samples, 10, Keep::Loudest, Seed(0)), 0);
    }

    #[test]
    fn random_places_follow_the_seed_and_cover_the_clip() {
        let starts: std::collections::BTreeSet<usize> = (0..200)
            .map(|at| kept_start(&CLIP, 2, Keep::Random, Seed(3).at(at)))
            .collect();
        assert_eq!(starts, (0..=3).collect());
        let start = |seed| kept_start(&CLIP, 2, Keep::Random, seed);
        assert_eq!(start(Seed(3).at(7)), start(Seed(3).at(7)));
    }
}
