use schema::Seed;

use super::{
    booster::{BoostFit, Booster, Objective, Sample},
    tree::Growth,
};
use crate::Aim;

/// Features are f32 here and f64 there, so a value at the edge of a bin may fall on the other side now and then.
const SCORE_TOL: f32 = 2e-3;
/// Share of scores that may differ by more: splits of almost the same gain come up, and rounding picks either.
const MAX_SHARE_OFF: f64 = 0.05;

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../golden/boost.json")).expect("the golden file is JSON")
}

fn floats(value: &serde_json::Value) -> Vec<f32> {
    match value {
        serde_json::Value::Array(list) => list.iter().flat_map(floats).collect(),
        serde_json::Value::Null => vec![f32::NAN],
        other => vec![other.as_f64().expect("a number") as f32],
    }
}

fn plain(objective: Objective) -> BoostFit {
    BoostFit {
        objective,
        max_rounds: 30,
        learning_rate: 0.1,
        growth: Growth {
            max_leaves: 31,
            max_depth: usize::MAX,
            min_leaf: 20,
            l2: 0.0,
        },
        max_bins: 255,
        subsample: 1.0,
        feature_share: 1.0,
        patience: usize::MAX,
    }
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let golden = golden();
    let x = floats(&golden["x"]);
    let (fit_on, ask) = x.split_at(300 * 4);
    let classes = |name: &str| {
        Aim::Classes(
            floats(&golden[name])[..300]
                .iter()
                .map(|class| *class as u32)
                .collect(),
        )
    };
    let values = || Aim::Values(floats(&golden["values"])[..300].to_vec());
    for (objective, aim, name, num_outputs, max_rounds) in [
        (Objective::Squared, values(), "squared", 1, 30),
        (Objective::Absolute, values(), "absolute", 1, 30),
        (Objective::Binary, classes("binary"), "binary_scores", 2, 30),
        (Objective::Class, classes("classes"), "class_scores", 3, 3),
    ] {
        let sample = Sample {
            features: fit_on,
            width: 4,
            aim: &aim,
            weights: None,
        };
        let fit = BoostFit {
            max_rounds,
            ..plain(objective)
        };
        let booster = Booster::fit(sample, num_outputs, None, fit, Seed(1));
        let got = booster.scores(ask, 4);
        let expected = floats(&golden[name]);
        assert_eq!(got.len(), expected.len());
        let off = got
            .iter()
            .zip(&expected)
            .filter(|(a, b)| (*a - *b).abs() > SCORE_TOL)
            .count();
        assert!(
            off as f64 <= MAX_SHARE_OFF * got.len() as f64,
            "{name}: {off} of {} differ; got {got:?}, expected {expected:?}",
            got.len()
        );
    }
}

#[test]
fn watched_records_end_it_early_and_the_best_round_is_kept() {
    let mut rng = Seed(2).rng();
    let mut draw = |n: usize| -> (Vec<f32>, Aim) {
        let x: Vec<f32> = (0..n * 3).map(|_| rng.normal() as f32).collect();
        let y = x
            .chunks(3)
            .map(|row| row[0] + rng.normal() as f32)
            .collect();
        (x, Aim::Values(y))
    };
    let (train, watch) = (draw(200), draw(100));
    let sample = |part: &'static str| {
        let (features, aim) = if part == "train" {
            (&train.0, &train.1)
        } else {
            (&watch.0, &watch.1)
        };
        Sample {
            features,
            width: 3,
            aim,
            weights: None,
        }
    };
    let fit = BoostFit {
        max_rounds: 500,
        patience: 10,
        ..plain(Objective::Squared)
    };
    let booster = Booster::fit(sample("train"), 1, Some(sample("watch")), fit, Seed(1));
    assert!(
        (2..200).contains(&booster.num_rounds()),
        "{}",
        booster.num_rounds()
    );
}

#[test]
fn the_same_seed_draws_the_same_trees_on_any_number_of_threads() {
    let mut rng = Seed(3).rng();
    let x: Vec<f32> = (0..8_000).map(|_| rng.normal() as f32).collect();
    let aim = Aim::Classes(
        x.chunks(8)
            .map(|row| u32::from(row[0] * row[1] > 0.0))
            .collect(),
    );
    let sample = Sample {
        features: &x,
        width: 8,
        aim: &aim,
        weights: None,
    };
    let fit = BoostFit {
        subsample: 0.5,
        feature_share: 0.5,
        max_rounds: 5,
        ..plain(Objective::Binary)
    };
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| Booster::fit(sample, 2, None, fit, Seed(seed)))
    };
    assert_eq!(run(1, 1), run(3, 1));
    assert_ne!(run(1, 1), run(1, 2));
}
