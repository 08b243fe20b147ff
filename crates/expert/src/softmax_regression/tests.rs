use schema::Seed;

use super::*;

/// Both sides stop at a small gradient rather than at the exact minimum; ours works in f32.
const COEFFICIENT_TOL: f32 = 2e-3;

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../golden/linear.json")).expect("the golden file is JSON")
}

fn floats(value: &serde_json::Value) -> Vec<f32> {
    match value {
        serde_json::Value::Array(list) => list.iter().flat_map(floats).collect(),
        other => vec![other.as_f64().expect("a number") as f32],
    }
}

fn dense(golden: &serde_json::Value) -> Features {
    Features::Dense(Dense::from_rows(6, &floats(&golden["x"])))
}

fn sparse(golden: &serde_json::Value) -> Features {
    let mut sparse = Sparse::new(6);
    for row in floats(&golden["x"]).chunks(6) {
        sparse.push(
            (0..6)
                .zip(row.iter().copied())
                .filter(|(_, value)| *value != 0.0),
        );
    }
    Features::Sparse(sparse)
}

fn fit(l2: f64, weights: Option<&[f32]>) -> LinearFit<'_> {
    LinearFit {
        num_outputs: 3,
        record_weights: weights,
        l2,
        max_iterations: 500,
    }
}

fn assert_matches(model: &LinearModel, expected: &serde_json::Value) {
    let mean = match model.link {
        Link::Softmax => model.bias.iter().sum::<f32>() / 3.0,
        _ => 0.0,
    };
    let got: Vec<f32> = model
        .weights
        .iter()
        .copied()
        .chain(model.bias.iter().map(|b| b - mean))
        .collect();
    let expected = [floats(&expected["coef"]), floats(&expected["bias"])].concat();
    for (got, expected) in got.iter().zip(&expected) {
        assert!(
            (got - expected).abs() < COEFFICIENT_TOL,
            "got {got}, expected {expected}"
        );
    }
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let golden = golden();
    let classes: Vec<u32> = floats(&golden["y"]).iter().map(|y| *y as u32).collect();
    let (labels, values) = (floats(&golden["labels"]), floats(&golden["values"]));
    let weights = floats(&golden["record_weights"]);
    let cases = [
        (Goal::Classes(&classes), fit(0.5, None), "softmax_c2"),
        (
            Goal::Classes(&classes),
            fit(0.5, Some(&weights)),
            "softmax_weighted_c2",
        ),
        (Goal::Labels(&labels), fit(0.5, None), "binary_c2"),
        (Goal::Values(&values), fit(2.0, None), "ridge_2"),
    ];
    for features in [dense(&golden), sparse(&golden)] {
        for (goal, fit, name) in &cases {
            let start = LinearModel::zeros(goal.link(), 6, 3);
            let (model, end) = start.fitted(&features, *goal, fit);
            assert!(end.iterations < 100, "{name}: {end:?}");
            assert_matches(&model, &golden[*name]);
        }
    }
}

#[test]
fn a_mirrored_view_counts_like_doubled_rows() {
    let golden = golden();
    let classes: Vec<u32> = floats(&golden["y"]).iter().map(|y| *y as u32).collect();
    let mut mirrored = Dense::zeros(classes.len(), 4, 2);
    for (row, values) in mirrored.rows_mut().zip(floats(&golden["x"]).chunks(6)) {
        row.copy_from_slice(values);
    }
    let features = Features::Dense(mirrored);
    let start = LinearModel::zeros(Link::Softmax, 6, 3);
    let (model, _) = start.fitted(&features, Goal::Classes(&classes), &fit(0.5, None));
    assert_matches(&model, &golden["mirrored_c2"]);
    let scores = model.scores(&features);
    for row in scores.chunks(3) {
        let sum: f32 = row.iter().map(|s| s.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let mut rng = Seed(3).rng();
    let (n, d) = (203, 40);
    let values: Vec<f32> = (0..n * d).map(|_| rng.normal() as f32).collect();
    let classes: Vec<u32> = (0..n).map(|_| rng.below(20) as u32).collect();
    let features = Features::Dense(Dense::from_rows(d, &values));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let start = LinearModel::zeros(Link::Softmax, d, 20);
            let fit = LinearFit {
                num_outputs: 20,
                ..fit(0.1, None)
            };
            start.fitted(&features, Goal::Classes(&classes), &fit).0
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn extreme_features_stay_finite() {
    let features = Features::Dense(Dense::from_rows(1, &[1e18, -1e18, 1e-30, 0.0]));
    for goal in [
        Goal::Classes(&[0, 1, 0, 1]),
        Goal::Labels(&[1., 0., 0., 1., 1., 0., 0., 1.]),
    ] {
        let start = LinearModel::zeros(goal.link(), 1, 2);
        let fit = LinearFit {
            num_outputs: 2,
            ..fit(1.0, None)
        };
        let (model, _) = start.fitted(&features, goal, &fit);
        assert!(
            model.scores(&features).iter().all(|s| s.is_finite()),
            "{model:?}"
        );
    }
}

#[test]
fn the_strength_of_the_penalty_is_the_one_that_watched_records_like() {
    let mut rng = Seed(5).rng();
    let mut draw = |n: usize| {
        // 30 features, none of which says anything: the strongest penalty must win.
        let x: Vec<f32> = (0..n * 30).map(|_| rng.normal() as f32).collect();
        let y: Vec<u32> = (0..n).map(|_| rng.below(3) as u32).collect();
        (Features::Dense(Dense::from_rows(30, &x)), y)
    };
    let (train, watch) = (draw(60), draw(200));
    let (_, l2) = fit_best_l2(
        (&train.0, Goal::Classes(&train.1)),
        Some((&watch.0, Goal::Classes(&watch.1))),
        &[0.1, 1.0, 100.0],
        &fit(1.0, None),
    );
    assert_eq!(l2, 100.0);
}

/// A model of zeros says ln 10 of every record, however many blocks and pieces they are cut into; and many weak
/// features of a few hundred records are learned, whose first step is tiny.
#[test]
fn the_loss_of_no_weights_is_that_of_chance_in_every_block() {
    let (num_records, width) = (308, 600);
    let mut rng = Seed(4).rng();
    let classes: Vec<u32> = (0..num_records as u32).map(|record| record % 10).collect();
    let mut features = Dense::zeros(num_records, width, 0);
    for (row, class) in features.rows_mut().zip(&classes) {
        for (at, value) in row.iter_mut().enumerate() {
            let own = if at % 10 == *class as usize { 1.0 } else { 0.0 };
            *value = ((own + rng.normal()) / (width as f64).sqrt()) as f32;
        }
    }
    let features = Features::Dense(features);
    let fit = |max_iterations| {
        let fit = LinearFit {
            num_outputs: 10,
            record_weights: None,
            l2: 1.0,
            max_iterations,
        };
        let zeros = LinearModel::zeros(Link::Softmax, width, 10);
        zeros.fitted(&features, Goal::Classes(&classes), &fit).1
    };
    let (start, end) = (fit(0), fit(60));
    assert!((start.value - 10_f64.ln()).abs() < 1e-6, "{start:?}");
    assert!(end.converged && end.value < start.value - 0.2, "{end:?}");
}

/// As few records as a small table has, and many more features than records.
#[test]
fn few_records_of_many_features_are_learned() {
    for num_records in [8, 28, 40, 48, 60] {
        let width = 1800;
        let mut rng = Seed(3).rng();
        let classes: Vec<u32> = (0..num_records as u32).map(|record| record % 2).collect();
        let values: Vec<f32> = (0..num_records * width)
            .map(|at| {
                let is_second = (at / width) % 2 == 1;
                let told = if at % 10 == 0 && is_second { 1.0 } else { 0.0 };
                (told + 0.1 * rng.normal() as f32) / 42.0
            })
            .collect();
        let features = Features::Dense(Dense::from_rows(width, &values));
        let zeros = LinearModel::zeros(Link::Softmax, width, 2);
        let fit = LinearFit {
            num_outputs: 2,
            record_weights: None,
            l2: 0.01,
            max_iterations: 60,
        };
        let (model, end) = zeros.fitted(&features, Goal::Classes(&classes), &fit);
        let scores = model.scores(&features);
        let right = scores
            .chunks_exact(2)
            .zip(&classes)
            .filter(|(said, class)| (said[1] > said[0]) == (**class == 1))
            .count();
        assert_eq!(right, num_records, "{num_records} records: {end:?}");
    }
}
