//! The gradient of every operation against difference quotients.

use engine::check::{self, random_tensor};
use engine::{
    Activation, AttentionMask, BatchNorm, Conv2d, CrossEntropy, EngineError, ParamId, ParamKind,
    Parameters, Pool2d, Tape, Targets, Tensor, Var,
};

/// Differences of a function of order 1 in f32 with a step of 0.01: curvature and rounding each give up to 1e-3.
const SLOPE_TOL: f32 = 4e-3;

fn inputs(shapes: &[&[usize]]) -> Vec<Tensor> {
    let seeds = shapes.iter().zip(1..);
    seeds
        .map(|(shape, seed)| random_tensor(shape, seed))
        .collect()
}

fn parameters(shapes: &[&[usize]]) -> (Parameters, Vec<ParamId>) {
    let mut parameters = Parameters::new();
    let mut ids = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        let value = random_tensor(shape, 100 + index as u64);
        let name = format!("p{index}");
        ids.push(parameters.add(&name, ParamKind::Weight, value).unwrap());
    }
    (parameters, ids)
}

/// Checks an operation of inputs alone, for several lists of shapes.
fn check_inputs(
    lists: &[&[&[usize]]],
    forward: impl Fn(&mut Tape<'_>, &[Var]) -> Result<Var, EngineError>,
) {
    for shapes in lists {
        let result = check::gradients(&Parameters::new(), &inputs(shapes), SLOPE_TOL, &forward);
        result.unwrap_or_else(|error| panic!("{shapes:?}: {error}"));
    }
}

/// Checks an operation of inputs and parameters.
fn check_all(
    input_shapes: &[&[usize]],
    parameter_shapes: &[&[usize]],
    forward: impl Fn(&mut Tape<'_>, &[Var], &[ParamId]) -> Result<Var, EngineError>,
) {
    let (parameters, ids) = parameters(parameter_shapes);
    let forward = |tape: &mut Tape<'_>, x: &[Var]| forward(tape, x, &ids);
    check::gradients(&parameters, &inputs(input_shapes), SLOPE_TOL, forward)
        .unwrap_or_else(|error| panic!("{input_shapes:?} {parameter_shapes:?}: {error}"));
}

const ACTIVATIONS: [Activation; 7] = [
    Activation::None,
    Activation::Relu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Sigmoid,
    Activation::Tanh,
];

#[test]
fn activations() {
    for activation in ACTIVATIONS {
        check_inputs(&[&[&[3, 7]], &[&[1]], &[&[2, 3, 17]]], |tape, x| {
            tape.activation(&x[0], activation)
        });
    }
}

#[test]
fn linear() {
    for activation in ACTIVATIONS {
        for (x, weight, bias) in [
            (&[4, 5][..], [3, 5], [3]),
            (&[2, 3, 6], [1, 6], [1]),
            (&[1, 17], [19, 17], [19]),
        ] {
            check_all(&[x], &[&weight, &bias], |tape, x, p| {
                tape.linear(&x[0], p[0], Some(p[1]), activation)
            });
            check_all(&[x], &[&weight], |tape, x, p| {
                tape.linear(&x[0], p[0], None, activation)
            });
        }
    }
}

#[test]
fn one_parameter_used_twice_gathers_both_gradients() {
    check_all(&[&[3, 4]], &[&[4, 4]], |tape, x, p| {
        let once = tape.linear(&x[0], p[0], None, Activation::Tanh)?;
        let twice = tape.linear(&once, p[0], None, Activation::Tanh)?;
        let weight = tape.param(p[0]);
        let product = tape.matmul(&twice, &weight, false)?;
        tape.add(&product, &x[0])
    });
}

#[test]
fn matmul() {
    for transpose in [false, true] {
        let (b, batched): (&[usize], &[usize]) = if transpose {
            (&[5, 4], &[2, 5, 4])
        } else {
            (&[4, 5], &[2, 4, 5])
        };
        check_inputs(&[&[&[3, 4], b], &[&[2, 3, 4], batched]], |tape, x| {
            tape.matmul(&x[0], &x[1], transpose)
        });
    }
}

#[test]
fn sums_and_products() {
    let pairs: &[&[&[usize]]] = &[&[&[2, 3], &[2, 3]], &[&[33], &[33]]];
    check_inputs(pairs, |tape, x| tape.add(&x[0], &x[1]));
    check_inputs(pairs, |tape, x| tape.sub(&x[0], &x[1]));
    check_inputs(pairs, |tape, x| tape.mul(&x[0], &x[1]));
    check_inputs(pairs, |tape, x| tape.mul(&x[0], &x[0]));
    check_inputs(&[&[&[4, 3], &[3]], &[&[2, 5, 3], &[5, 3]]], |tape, x| {
        tape.add_row(&x[0], &x[1])
    });
    check_inputs(&[&[&[4, 3], &[4]], &[&[2, 5, 3], &[2, 5, 1]]], |tape, x| {
        tape.mul_column(&x[0], &x[1])
    });
}

#[test]
fn functions_of_one_number() {
    let shapes: &[&[&[usize]]] = &[&[&[2, 9]], &[&[1]]];
    check_inputs(shapes, |tape, x| tape.scale(&x[0], -2.5));
    check_inputs(shapes, |tape, x| tape.add_scalar(&x[0], 3.0));
    check_inputs(shapes, |tape, x| tape.exp(&x[0]));
    check_inputs(shapes, |tape, x| tape.square(&x[0]));
    check_inputs(shapes, |tape, x| tape.abs(&x[0]));
    check_inputs(shapes, |tape, x| tape.softplus(&x[0]));
    check_inputs(shapes, |tape, x| tape.sin(&x[0]));
    check_inputs(shapes, |tape, x| tape.cos(&x[0]));
    // Away from zero, where both are steep.
    check_inputs(shapes, |tape, x| {
        let positive = tape.add_scalar(&x[0], 2.0)?;
        tape.ln(&positive)
    });
    check_inputs(shapes, |tape, x| {
        let positive = tape.add_scalar(&x[0], 2.0)?;
        tape.sqrt(&positive)
    });
}

#[test]
fn conv2d() {
    let plain = Conv2d::default();
    let cases: [(&[usize], &[usize], Conv2d); 10] = [
        (&[2, 3, 5, 6], &[4, 3, 3, 3], Conv2d::square(1, 1)),
        (&[3, 2, 6, 5], &[3, 2, 3, 2], Conv2d::square(2, 1)),
        (&[2, 4, 4, 4], &[3, 4, 1, 1], plain),
        (&[9, 4, 5, 5], &[5, 4, 1, 1], Conv2d::square(2, 0)),
        (
            &[1, 4, 7, 7],
            &[4, 1, 3, 3],
            Conv2d {
                groups: 4,
                ..Conv2d::square(1, 1)
            },
        ),
        (
            &[2, 2, 1, 11],
            &[4, 2, 1, 3],
            Conv2d {
                stride: [1, 3],
                dilation: [1, 2],
                ..plain
            },
        ),
        (&[1, 1, 4, 4], &[2, 1, 5, 5], Conv2d::square(3, 4)),
        // Large pictures are unfolded some lines at a time, small ones several together.
        (&[1, 1, 40, 36], &[2, 1, 3, 3], Conv2d::square(1, 1)),
        (&[1, 1, 80, 71], &[1, 1, 3, 3], Conv2d::square(2, 1)),
        (&[17, 2, 4, 4], &[3, 2, 3, 3], Conv2d::square(1, 1)),
    ];
    for (x, weight, conv) in cases {
        // One weight moves every pixel of a large picture, and some of hundreds always pass the kink of a ReLU.
        let is_large = x.iter().product::<usize>() > 500;
        let smooth = [Activation::None, Activation::Gelu];
        let relu = (!is_large).then_some(Activation::Relu);
        for activation in smooth.into_iter().chain(relu) {
            check_all(&[x], &[weight, &[weight[0]]], |tape, x, p| {
                tape.conv2d(&x[0], p[0], Some(p[1]), conv, activation)
            });
        }
        check_all(&[x], &[weight], |tape, x, p| {
            tape.conv2d(&x[0], p[0], None, conv, Activation::None)
        });
    }
}

#[test]
fn batch_norm() {
    for (shape, channels) in [(&[4, 3, 2, 5][..], 3), (&[6, 2], 2), (&[3, 2, 7], 2)] {
        for relu in [false, true] {
            let (mut parameters, ids) = parameters(&[&[channels], &[channels]]);
            let mut add = |name, value| {
                let value = Tensor::full(&[channels], value);
                parameters.add(name, ParamKind::Statistic, value).unwrap()
            };
            let norm = BatchNorm {
                weight: ids[0],
                bias: ids[1],
                mean: add("mean", 0.0),
                variance: add("variance", 1.0),
                eps: 1e-5,
                momentum: 0.1,
            };
            let inputs = inputs(&[shape, shape]);
            check::gradients(&parameters, &inputs, SLOPE_TOL, |tape, x| {
                tape.batch_norm(&x[0], norm, Some(&x[1]), relu)
            })
            .unwrap();
            check::gradients(&parameters, &inputs[..1], SLOPE_TOL, |tape, x| {
                tape.batch_norm(&x[0], norm, None, relu)
            })
            .unwrap();
        }
    }
}

#[test]
fn row_norms() {
    for (x, dim) in [(&[3, 8][..], 8), (&[2, 3, 5], 5), (&[2, 35], 35)] {
        check_all(&[x], &[&[dim], &[dim]], |tape, x, p| {
            tape.layer_norm(&x[0], p[0], Some(p[1]), 1e-3)
        });
        check_all(&[x], &[&[dim]], |tape, x, p| {
            tape.layer_norm(&x[0], p[0], None, 1e-3)
        });
        check_all(&[x], &[&[dim]], |tape, x, p| {
            tape.rms_norm(&x[0], p[0], 1e-3)
        });
        check_all(&[x, x], &[&[dim], &[dim]], |tape, x, p| {
            let (normed, sum) = tape.add_layer_norm(&x[0], &x[1], p[0], Some(p[1]), 1e-3)?;
            tape.mul(&normed, &sum)
        });
    }
    check_inputs(&[&[&[3, 5]], &[&[2, 2, 19]]], |tape, x| {
        tape.normalize_rows(&x[0])
    });
}

#[test]
fn group_norm() {
    for (x, groups) in [(&[2, 6, 3, 2][..], 3), (&[3, 4, 5], 1), (&[2, 4, 7], 4)] {
        check_all(&[x], &[&[x[1]], &[x[1]]], |tape, x, p| {
            tape.group_norm(&x[0], groups, p[0], p[1], 1e-3)
        });
    }
}

#[test]
fn attention() {
    let masks = [
        AttentionMask::default(),
        AttentionMask {
            causal: true,
            keys_valid: None,
        },
        AttentionMask {
            causal: false,
            // One record with a gap and padding, one without any key.
            keys_valid: Some(vec![true, false, true, false, false, false, false, false]),
        },
    ];
    for mask in masks {
        check_inputs(&[&[&[2, 4, 6], &[2, 4, 6], &[2, 4, 6]]], |tape, x| {
            tape.attention(&x[0], &x[1], &x[2], 2, mask.clone())
        });
        check_inputs(&[&[&[2, 4, 12]]], |tape, x| {
            tape.attention_packed(&x[0], 2, mask.clone())
        });
    }
    check_inputs(&[&[&[1, 3, 4], &[1, 5, 4], &[1, 5, 4]]], |tape, x| {
        tape.attention(&x[0], &x[1], &x[2], 1, AttentionMask::default())
    });
}

#[test]
fn attention_over_several_tiles() {
    // 150 queries: more than the 128 of one tile.
    let mask = AttentionMask {
        causal: true,
        keys_valid: None,
    };
    check_inputs(&[&[&[1, 150, 6]]], |tape, x| {
        tape.attention_packed(&x[0], 1, mask.clone())
    });
}

#[test]
fn embeddings() {
    let ids = [4, 0, 4, 1, 4, 2];
    check_all(&[], &[&[5, 3]], |tape, _, p| {
        tape.embedding(p[0], &ids, &[2, 3])
    });
    let weights = [1.0, -0.5, 2.0, 0.25, 1.0, 3.0];
    check_all(&[], &[&[5, 3]], |tape, _, p| {
        tape.embedding_bag(p[0], &[0, 2, 2, 5], &ids, &weights)
    });
    check_all(&[], &[&[5, 3]], |tape, _, p| {
        let rows = tape.embedding(p[0], &ids, &[6])?;
        let all = tape.linear(&rows, p[0], None, Activation::None)?;
        tape.softmax(&all)
    });
}

#[test]
fn pools() {
    let overlapping = Pool2d {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [1, 1],
    };
    for pool in [Pool2d::square(2), overlapping] {
        let shapes: &[&[&[usize]]] = &[&[&[2, 2, 4, 6]], &[&[1, 3, 5, 5]]];
        check_inputs(shapes, |tape, x| tape.max_pool2d(&x[0], pool));
        check_inputs(shapes, |tape, x| tape.avg_pool2d(&x[0], pool));
    }
    check_inputs(&[&[&[2, 3, 2, 5]], &[&[2, 3, 7]]], |tape, x| {
        tape.global_avg_pool(&x[0])
    });
    let valid = [true, false, true, false, false, false];
    check_inputs(&[&[&[2, 3, 4]]], |tape, x| {
        tape.mean_tokens(&x[0], Some(&valid))
    });
    check_inputs(&[&[&[2, 3, 4]]], |tape, x| tape.mean_tokens(&x[0], None));
}

#[test]
fn dropout() {
    check_inputs(&[&[&[5, 9]]], |tape, x| tape.dropout(&x[0], 0.4));
}

#[test]
fn moving_of_axes() {
    let shapes: &[&[&[usize]]] = &[&[&[2, 3, 4]], &[&[3, 1, 5]]];
    check_inputs(shapes, |tape, x| {
        let flat = tape.reshape(&x[0], &[x[0].shape().iter().product()])?;
        tape.square(&flat)
    });
    for (a, b) in [(0, 1), (1, 2), (0, 2), (1, 1)] {
        check_inputs(shapes, |tape, x| tape.transpose(&x[0], a, b));
    }
    for axis in 0..3 {
        check_inputs(shapes, |tape, x| {
            let part = tape.slice(&x[0], axis, 0, 1)?;
            tape.concat(&[part, x[0].clone(), x[0].clone()], axis)
        });
    }
}

#[test]
fn choosing_rows() {
    check_inputs(&[&[&[4, 3]], &[&[4, 2, 2]]], |tape, x| {
        tape.select_rows(&x[0], &[3, 0, 3])
    });
    check_inputs(&[&[&[3, 4]]], |tape, x| {
        tape.gather_columns(&x[0], &[1, 3, 0])
    });
    let mask = [true, false, false];
    check_inputs(&[&[&[3, 2], &[3, 2]], &[&[3, 2], &[2]]], |tape, x| {
        tape.where_rows(&mask, &x[0], &x[1])
    });
}

#[test]
fn softmaxes() {
    let shapes: &[&[&[usize]]] = &[&[&[3, 5]], &[&[2, 2, 19]], &[&[1, 1]]];
    check_inputs(shapes, |tape, x| tape.softmax(&x[0]));
    check_inputs(shapes, |tape, x| tape.log_softmax(&x[0]));
}

#[test]
fn reductions() {
    check_inputs(&[&[&[3, 5]]], |tape, x| tape.sum(&x[0]));
    check_inputs(&[&[&[3, 5]]], |tape, x| tape.mean(&x[0]));
    for axis in 0..3 {
        check_inputs(&[&[&[2, 3, 4]]], |tape, x| tape.sum_axis(&x[0], axis));
        check_inputs(&[&[&[2, 3, 4]]], |tape, x| tape.mean_axis(&x[0], axis));
    }
}

#[test]
fn cross_entropy() {
    let settings = CrossEntropy {
        label_smoothing: 0.1,
        class_weights: Some(vec![1.0, 2.0, 0.5]),
        record_weights: Some(vec![1.0, 0.0, 3.0, 0.5]),
    };
    for settings in [CrossEntropy::default(), settings] {
        check_inputs(&[&[&[4, 3]]], |tape, x| {
            let targets = Targets::Classes(&[2, 0, Targets::IGNORED, 1]);
            tape.cross_entropy(&x[0], targets, &settings)
        });
        let probabilities = [0.2, 0.3, 0.5, 1.0, 0.0, 0.0, 0.1, 0.8, 0.1, 0.0, 0.5, 0.5];
        check_inputs(&[&[&[4, 3]]], |tape, x| {
            tape.cross_entropy(&x[0], Targets::Probabilities(&probabilities), &settings)
        });
    }
}

#[test]
fn pointwise_losses() {
    let targets = [0.0, 1.0, 0.3, 1.0, 0.0, 0.9];
    let (values, rows) = ([1.0, 2.0, 0.0, 1.0, 0.5, 1.0], [2.0, 0.5]);
    for weights in [None, Some(&values[..]), Some(&rows[..])] {
        let shapes: &[&[&[usize]]] = &[&[&[2, 3]]];
        check_inputs(shapes, |tape, x| {
            tape.bce_with_logits(&x[0], &targets, None, weights)
        });
        let positive = [1.0, 3.0, 0.5];
        check_inputs(shapes, |tape, x| {
            tape.bce_with_logits(&x[0], &targets, Some(&positive), weights)
        });
        check_inputs(shapes, |tape, x| tape.mse(&x[0], &targets, weights));
        check_inputs(shapes, |tape, x| tape.l1(&x[0], &targets, weights));
        check_inputs(shapes, |tape, x| tape.huber(&x[0], &targets, 0.5, weights));
    }
}
