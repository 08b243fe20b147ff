//! Promises that are not gradients.

use engine::{
    Activation, AttentionMask, CrossEntropy, Gradient, Gradients, Optimizer, OptimizerConfig,
    ParamKind, Parameters, Precision, Tape, Targets, Tensor, check::random_tensor,
};

/// Rounding of f32 sums of a few dozen terms of order 1, taken in another order.
const F32_SUM_TOL: f32 = 1e-5;

#[test]
fn dropout_keeps_the_mean_and_repeats_with_its_seed() {
    let parameters = Parameters::new();
    let drop = |seed, rate| {
        let mut tape = Tape::training(&parameters, seed);
        let x = tape.constant(Tensor::full(&[100_000], 1.0));
        tape.dropout(&x, rate).unwrap().tensor().data().to_vec()
    };
    for rate in [0.1, 0.5, 0.9_f32] {
        let dropped = drop(3, rate);
        let zeros = dropped.iter().filter(|&&x| x == 0.0).count() as f32 / 1e5;
        // Five standard deviations of a binomial share of 100,000 draws.
        let allowed = 5.0 * (rate * (1.0 - rate) / 1e5).sqrt();
        assert!(
            (zeros - rate).abs() < allowed,
            "{zeros} dropped at rate {rate}"
        );
        assert_eq!(dropped, drop(3, rate));
        assert_ne!(dropped, drop(4, rate));
    }
    let mut tape = Tape::inference(&parameters);
    let x = tape.constant(Tensor::full(&[4], 1.0));
    assert_eq!(tape.dropout(&x, 0.5).unwrap().tensor().data(), [1.0; 4]);
}

#[test]
fn two_dropouts_of_one_step_differ() {
    let parameters = Parameters::new();
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::full(&[64], 1.0));
    let (first, second) = (
        tape.dropout(&x, 0.5).unwrap(),
        tape.dropout(&x, 0.5).unwrap(),
    );
    assert_ne!(first.tensor().data(), second.tensor().data());
}

#[test]
fn padding_does_not_change_attention() {
    let parameters = Parameters::new();
    let mut tape = Tape::inference(&parameters);
    let qkv = tape.constant(random_tensor(&[1, 5, 12], 1));
    let short = tape.slice(&qkv, 1, 0, 3).unwrap();
    let alone = tape
        .attention_packed(&short, 2, AttentionMask::default())
        .unwrap();
    let mask = AttentionMask {
        keys_valid: Some(vec![true, true, true, false, false]),
        causal: false,
    };
    let padded = tape.attention_packed(&qkv, 2, mask).unwrap();
    for (padded, alone) in padded.tensor().data().iter().zip(alone.tensor().data()) {
        assert!((padded - alone).abs() < F32_SUM_TOL);
    }
}

#[test]
fn a_query_without_keys_gives_zeros() {
    let parameters = Parameters::new();
    let mut tape = Tape::inference(&parameters);
    let qkv = tape.constant(random_tensor(&[1, 3, 6], 1));
    let mask = AttentionMask {
        keys_valid: Some(vec![false; 3]),
        causal: false,
    };
    let y = tape.attention_packed(&qkv, 1, mask).unwrap();
    assert_eq!(y.tensor().data(), [0.0; 6]);
    // The first query of a causal attention whose only visible key is padding.
    let mask = AttentionMask {
        keys_valid: Some(vec![false, true, true]),
        causal: true,
    };
    let y = tape.attention_packed(&qkv, 1, mask).unwrap();
    assert_eq!(y.tensor().data()[..2], [0.0; 2]);
    assert!(y.tensor().is_finite());
}

#[test]
fn extreme_logits_keep_losses_finite() {
    let parameters = Parameters::new();
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.input(Tensor::from_vec(&[2, 2], vec![1e4, -1e4, 3e38, 0.0]).unwrap());
    let loss = tape
        .bce_with_logits(&x, &[1.0, 0.0, 1.0, 0.0], None, None)
        .unwrap();
    // ln 2 for the zero, nothing for the others.
    assert!((loss.tensor().item() - std::f32::consts::LN_2 / 4.0).abs() < F32_SUM_TOL);
    let targets = Targets::Classes(&[0, 0]);
    let loss = tape
        .cross_entropy(&x, targets, &CrossEntropy::default())
        .unwrap();
    assert!(loss.tensor().item().abs() < F32_SUM_TOL);
    let mut gradients = Gradients::new(&parameters);
    tape.backward(&loss, &mut gradients).unwrap();
    assert!(tape.input_gradient(&x).unwrap().is_finite());
}

#[test]
fn gradients_of_two_micro_batches_add_up() {
    let mut parameters = Parameters::new();
    let table = parameters
        .add("t", ParamKind::Table, random_tensor(&[6, 4], 1))
        .unwrap();
    let weight = parameters
        .add("w", ParamKind::Weight, random_tensor(&[3, 4], 2))
        .unwrap();
    let backward = |ids: &[u32], gradients: &mut Gradients| {
        let mut tape = Tape::training(&parameters, 0);
        let x = tape.embedding(table, ids, &[ids.len()]).unwrap();
        let y = tape.linear(&x, weight, None, Activation::Tanh).unwrap();
        let loss = tape.sum(&y).unwrap();
        tape.backward(&loss, gradients).unwrap();
    };
    let mut together = Gradients::new(&parameters);
    backward(&[0, 3], &mut together);
    backward(&[3, 5], &mut together);
    let (mut first, mut second) = (Gradients::new(&parameters), Gradients::new(&parameters));
    backward(&[0, 3], &mut first);
    backward(&[3, 5], &mut second);
    first.add(&second).unwrap();
    assert_eq!(first.to_vec(table), together.to_vec(table));
    for (a, b) in first.to_vec(weight).iter().zip(together.to_vec(weight)) {
        assert!((a - b).abs() < F32_SUM_TOL);
    }
    assert!(matches!(
        first.get(table),
        Gradient::Rows {
            rows: [0, 3, 5],
            ..
        }
    ));
}

#[test]
fn a_sparse_step_changes_only_rows_with_a_gradient() {
    let mut parameters = Parameters::new();
    let before = random_tensor(&[6, 4], 1);
    let table = parameters
        .add("t", ParamKind::Table, before.clone())
        .unwrap();
    for config in [
        OptimizerConfig::adam_w(0.1),
        OptimizerConfig::Sgd {
            momentum: 0.9,
            dampening: 0.0,
            nesterov: false,
            weight_decay: 0.1,
        },
    ] {
        parameters.set(table, before.clone()).unwrap();
        let mut optimizer = Optimizer::new(config, &parameters);
        let mut gradients = Gradients::new(&parameters);
        let mut tape = Tape::training(&parameters, 0);
        let x = tape.embedding(table, &[4, 1, 4], &[3]).unwrap();
        let loss = tape.sum(&x).unwrap();
        tape.backward(&loss, &mut gradients).unwrap();
        optimizer.step(&mut parameters, &gradients, 0.1).unwrap();
        let after = parameters.get(table).data().chunks(4);
        for (row, (after, before)) in after.zip(before.data().chunks(4)).enumerate() {
            assert_eq!(after != before, [1, 4].contains(&row), "row {row}");
        }
    }
}

#[test]
fn frozen_parameters_get_no_gradient() {
    let mut parameters = Parameters::new();
    let weight = parameters
        .add("w", ParamKind::Weight, random_tensor(&[2, 2], 1))
        .unwrap();
    parameters.set_kind(weight, ParamKind::Statistic);
    let mut gradients = Gradients::new(&parameters);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.input(random_tensor(&[1, 2], 2));
    let y = tape.linear(&x, weight, None, Activation::None).unwrap();
    let loss = tape.sum(&y).unwrap();
    tape.backward(&loss, &mut gradients).unwrap();
    assert!(matches!(gradients.get(weight), Gradient::None));
    assert!(tape.input_gradient(&x).is_some());
}

#[test]
fn values_that_reach_no_loss_cost_no_gradient() {
    let parameters = Parameters::new();
    let mut gradients = Gradients::new(&parameters);
    let mut tape = Tape::training(&parameters, 0);
    let (x, unused) = (
        tape.input(Tensor::scalar(2.0)),
        tape.input(Tensor::scalar(3.0)),
    );
    let _aside = tape.square(&unused).unwrap();
    let loss = tape.square(&x).unwrap();
    tape.backward(&loss, &mut gradients).unwrap();
    assert_eq!(tape.input_gradient(&x).unwrap().item(), 4.0);
    assert!(tape.input_gradient(&unused).is_none());
}

#[test]
fn attention_in_bf16_is_that_of_rounded_numbers() {
    let shape = [2, 70, 3 * 64];
    let run = |precision| {
        let mut parameters = Parameters::new();
        let qkv = random_tensor(&shape, 1);
        let qkv = parameters.add("qkv", ParamKind::Weight, qkv).unwrap();
        let mut gradients = Gradients::new(&parameters);
        let mut tape = Tape::training(&parameters, 1).with_precision(precision);
        let x = tape.param(qkv);
        let mask = AttentionMask {
            keys_valid: None,
            causal: true,
        };
        let y = tape.attention_packed(&x, 2, mask).unwrap();
        let slopes = tape.constant(random_tensor(y.shape(), 2));
        let product = tape.mul(&y, &slopes).unwrap();
        let loss = tape.sum(&product).unwrap();
        tape.backward(&loss, &mut gradients).unwrap();
        [
            y.tensor().data().to_vec(),
            gradients.dense(qkv).unwrap().to_vec(),
        ]
    };
    let exact = run(Precision::F32);
    let rounded = run(Precision::Bf16);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        let largest = exact.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let errors = exact.iter().zip(rounded).map(|(a, b)| (a - b).abs());
        let error = errors.fold(0.0, f32::max) / largest;
        // Each number of a product is off by at most 2^-9 of itself; f32 alone would be off by 2^-24.
        assert!(error > 1e-5 && error < 0.02, "{error}");
    }
}
