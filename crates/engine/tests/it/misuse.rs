//! Mistakes are errors that name the operation and both sides, never panics.

use engine::{
    Activation, AttentionMask, Conv2d, CrossEntropy, EngineError, Gradients, Optimizer,
    OptimizerConfig, ParamKind, Parameters, Pool2d, Tape, Targets, Tensor,
};

fn one(shape: &[usize]) -> (Parameters, engine::ParamId) {
    let mut parameters = Parameters::new();
    let id = parameters
        .add("p", ParamKind::Weight, Tensor::zeros(shape))
        .unwrap();
    (parameters, id)
}

#[test]
fn a_wrong_width_names_both_sides() {
    let (parameters, weight) = one(&[4, 3]);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::zeros(&[2, 5]));
    let error = tape.linear(&x, weight, None, Activation::None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear: expected [.., I=3] (from \"p\"), got x [2, 5]"
    );
}

#[test]
fn a_kernel_larger_than_the_picture_is_refused() {
    let (parameters, weight) = one(&[4, 3, 5, 5]);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::zeros(&[2, 3, 4, 4]));
    let conv = |tape: &mut Tape<'_>, conv| tape.conv2d(&x, weight, None, conv, Activation::None);
    let error = conv(&mut tape, Conv2d::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conv2d: expected pictures at least as large as the kernel 5 x 5, \
         got x [B=2, C=3, H=4, W=4]"
    );
    let bad = Conv2d {
        groups: 2,
        ..Conv2d::square(1, 2)
    };
    assert!(matches!(
        conv(&mut tape, bad),
        Err(EngineError::Shape { .. })
    ));
    let bad = Conv2d {
        stride: [0, 1],
        ..Conv2d::default()
    };
    assert!(matches!(
        conv(&mut tape, bad),
        Err(EngineError::Setting { .. })
    ));
}

#[test]
fn ids_beyond_a_table_are_refused() {
    let (parameters, table) = one(&[4, 3]);
    let mut tape = Tape::training(&parameters, 0);
    let error = tape.embedding(table, &[0, 4], &[2]).unwrap_err();
    let expected = EngineError::Index {
        op: "embedding",
        got: 4,
        limit: 4,
    };
    assert_eq!(error, expected);
    assert!(
        tape.embedding_bag(table, &[0, 3], &[0, 1], &[1.0, 1.0])
            .is_err()
    );
    assert!(
        tape.embedding_bag(table, &[1], &[0, 1], &[1.0, 1.0])
            .is_err()
    );
}

#[test]
fn every_operation_refuses_shapes_that_do_not_fit() {
    let (parameters, _) = one(&[1]);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::zeros(&[2, 3]));
    let y = tape.constant(Tensor::zeros(&[3, 2]));
    let number = tape.constant(Tensor::zeros(&[]));
    let pool = Pool2d::square(2);
    let none = CrossEntropy::default();
    let mask = AttentionMask::default();
    let results = [
        tape.add(&x, &y),
        tape.mul(&x, &y),
        tape.sub(&x, &y),
        tape.add_row(&x, &y),
        tape.mul_column(&x, &x),
        tape.matmul(&x, &x, false),
        tape.max_pool2d(&x, pool),
        tape.avg_pool2d(&x, pool),
        tape.global_avg_pool(&x),
        tape.mean_tokens(&x, None),
        tape.attention(&x, &x, &x, 1, mask.clone()),
        tape.attention_packed(&x, 1, mask),
        tape.reshape(&x, &[5]),
        tape.transpose(&x, 0, 2),
        tape.slice(&x, 1, 2, 2),
        tape.slice(&x, 1, usize::MAX, 2),
        tape.concat(&[x.clone(), y.clone()], 0),
        tape.concat(&[], 0),
        tape.select_rows(&x, &[2]),
        tape.select_rows(&number, &[0]),
        tape.gather_columns(&x, &[0, 3]),
        tape.where_rows(&[true], &x, &x),
        tape.softmax(&number),
        tape.sum_axis(&x, 2),
        tape.dropout(&x, 1.0),
        tape.dropout(&x, f32::NAN),
        tape.cross_entropy(&x, Targets::Classes(&[0]), &none),
        tape.cross_entropy(&x, Targets::Classes(&[0, 3]), &none),
        tape.mse(&x, &[0.0], None),
        tape.mse(&x, &[0.0; 6], Some(&[1.0; 4])),
        tape.huber(&x, &[0.0; 6], 0.0, None),
        tape.bce_with_logits(&x, &[0.0; 6], Some(&[1.0]), None),
    ];
    for (index, result) in results.iter().enumerate() {
        assert!(result.is_err(), "call {index} was accepted");
    }
}

#[test]
fn a_loss_that_is_no_number_is_refused() {
    let (parameters, weight) = one(&[1, 1]);
    let mut gradients = Gradients::new(&parameters);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::full(&[1, 1], f32::NAN));
    let y = tape.linear(&x, weight, None, Activation::Relu).unwrap();
    let loss = tape.mse(&y, &[1.0], None).unwrap();
    let result = tape.backward(&loss, &mut gradients);
    assert_eq!(result, Err(EngineError::NotFinite { op: "backward" }));
    assert!(gradients.dense(weight).is_none());
}

#[test]
fn what_is_no_number_passes_through_every_activation_and_norm() {
    let (parameters, weight) = one(&[4]);
    let mut tape = Tape::inference(&parameters);
    let x = tape.constant(Tensor::from_vec(&[1, 4], vec![1.0, f32::NAN, 2.0, 3.0]).unwrap());
    for activation in [
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Sigmoid,
        Activation::Tanh,
    ] {
        let y = tape.activation(&x, activation).unwrap();
        assert!(y.tensor().data()[1].is_nan(), "{activation:?}");
    }
    for result in [
        tape.softmax(&x),
        tape.log_softmax(&x),
        tape.layer_norm(&x, weight, None, 1e-5),
        tape.rms_norm(&x, weight, 1e-5),
        tape.normalize_rows(&x),
        tape.softplus(&x),
    ] {
        assert!(!result.unwrap().tensor().is_finite());
    }
}

#[test]
fn backward_needs_a_recorded_number() {
    let (parameters, weight) = one(&[1, 1]);
    let mut gradients = Gradients::new(&parameters);
    let mut inference = Tape::inference(&parameters);
    let x = inference.constant(Tensor::zeros(&[1, 1]));
    let y = inference
        .linear(&x, weight, None, Activation::None)
        .unwrap();
    assert_eq!(
        inference.backward(&y, &mut gradients),
        Err(EngineError::NotRecorded)
    );
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::zeros(&[2, 1]));
    let y = tape.linear(&x, weight, None, Activation::None).unwrap();
    assert!(matches!(
        tape.backward(&y, &mut gradients),
        Err(EngineError::Shape { .. })
    ));
    let loss = tape.sum(&y).unwrap();
    tape.backward(&loss, &mut gradients).unwrap();
    assert_eq!(
        tape.backward(&loss, &mut gradients),
        Err(EngineError::NotRecorded)
    );
}

#[test]
fn optimisers_refuse_foreign_state_and_rates() {
    let (mut parameters, _) = one(&[2]);
    let gradients = Gradients::new(&parameters);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.0), &parameters);
    assert!(
        optimizer
            .step(&mut parameters, &gradients, f32::NAN)
            .is_err()
    );
    for (name, shape) in [("q.first", 2), ("p.first", 3), ("p.third", 2), ("p", 2)] {
        let state = [(name.to_owned(), Tensor::zeros(&[shape]))];
        let result = optimizer.load_state(&parameters, &state);
        assert!(matches!(result, Err(EngineError::State { .. })), "{name}");
    }
    let (mut other, _) = one(&[2]);
    other
        .add("q", ParamKind::Bias, Tensor::zeros(&[1]))
        .unwrap();
    assert!(optimizer.step(&mut other, &gradients, 0.1).is_err());
}

#[test]
fn empty_batches_are_harmless() {
    let (parameters, weight) = one(&[4, 3]);
    let mut gradients = Gradients::new(&parameters);
    let mut tape = Tape::training(&parameters, 0);
    let x = tape.constant(Tensor::zeros(&[0, 3]));
    let y = tape.linear(&x, weight, None, Activation::Gelu).unwrap();
    assert_eq!(y.shape(), [0, 4]);
    let loss = tape
        .cross_entropy(&y, Targets::Classes(&[]), &CrossEntropy::default())
        .unwrap();
    assert_eq!(loss.tensor().item(), 0.0);
    tape.backward(&loss, &mut gradients).unwrap();
    assert_eq!(gradients.norm(), 0.0);
}
