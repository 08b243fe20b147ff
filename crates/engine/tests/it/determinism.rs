//! The same bits for any number of threads.

use engine::check::random_tensor;
use engine::linalg::{Product, matmul};
use engine::{
    Activation, AttentionMask, BatchNorm, Conv2d, CrossEntropy, Gradients, Optimizer,
    OptimizerConfig, ParamId, ParamKind, Parameters, Pool2d, Precision, Tape, Targets, Tensor, Var,
};

const THREADS: [usize; 4] = [1, 2, 3, 8];

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(work)
}

#[test]
fn products_have_the_same_bits_for_any_number_of_threads() {
    for (m, n, k) in [
        (64, 64, 64),
        (512, 256, 256),
        (256, 1024, 2048),
        (130, 7, 999),
        (1, 500, 30_000),
        (500, 1, 3000),
        (64, 64, 30_752),
        (2048, 1024, 256),
    ] {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false)] {
            let product = Product {
                m,
                n,
                k,
                transpose_a,
                transpose_b,
                accumulate: false,
                precision: Precision::F32,
            };
            let (a, b) = (random_tensor(&[m * k], 1), random_tensor(&[k * n], 2));
            let results = THREADS.map(|threads| {
                let mut c = vec![0.0; m * n];
                with_threads(threads, || {
                    matmul(&mut c, a.data(), b.data(), product).unwrap()
                });
                c
            });
            for result in &results {
                assert!(*result == results[0], "{product:?}");
            }
        }
    }
}

struct Net {
    parameters: Parameters,
    table: ParamId,
    qkv: ParamId,
    norm: [ParamId; 2],
    conv: ParamId,
    second_conv: ParamId,
    batch_norm: BatchNorm,
    image: ParamId,
    bias: ParamId,
    head: ParamId,
}

const BATCH: usize = 24;
const TOKENS: usize = 40;
const DIM: usize = 32;

fn net() -> Net {
    let mut parameters = Parameters::new();
    let mut seed = 0;
    let mut add = |name: &str, kind, shape: &[usize]| {
        seed += 1;
        let mut value = random_tensor(shape, seed);
        let fan_in: usize = shape[1..].iter().product();
        let scale = 1.0 / (fan_in.max(1) as f32).sqrt();
        value
            .data_mut()
            .iter_mut()
            .for_each(|value| *value *= scale);
        parameters.add(name, kind, value).unwrap()
    };
    let (weight, bias) = (ParamKind::Weight, ParamKind::Bias);
    let table = add("table", ParamKind::Table, &[500, DIM]);
    let qkv = add("qkv", weight, &[3 * DIM, DIM]);
    let norm = [
        add("norm.weight", bias, &[DIM]),
        add("norm.bias", bias, &[DIM]),
    ];
    let conv = add("conv", weight, &[16, 3, 3, 3]);
    let second_conv = add("second_conv", weight, &[16, 16, 3, 3]);
    let batch_norm = BatchNorm {
        weight: add("bn.weight", bias, &[16]),
        bias: add("bn.bias", bias, &[16]),
        mean: add("bn.mean", ParamKind::Statistic, &[16]),
        variance: add("bn.variance", ParamKind::Statistic, &[16]),
        eps: 1e-5,
        momentum: 0.1,
    };
    let image = add("image", weight, &[DIM, 16 * 8 * 8]);
    let bias = add("bias", bias, &[DIM]);
    let head = add("head", weight, &[5, DIM]);
    Net {
        parameters,
        table,
        qkv,
        norm,
        conv,
        second_conv,
        batch_norm,
        image,
        bias,
        head,
    }
}

fn loss(net: &Net, tape: &mut Tape<'_>, step: u64) -> Var {
    let ids = random_tensor(&[BATCH * TOKENS], 1000 + step);
    let ids: Vec<u32> = ids
        .data()
        .iter()
        .map(|x| ((x + 1.0) * 249.0) as u32)
        .collect();
    let x = tape.embedding(net.table, &ids, &[BATCH, TOKENS]).unwrap();
    let qkv = tape.linear(&x, net.qkv, None, Activation::None).unwrap();
    let y = tape
        .attention_packed(&qkv, 4, AttentionMask::default())
        .unwrap();
    let [weight, bias] = net.norm;
    let (y, _) = tape
        .add_layer_norm(&x, &y, weight, Some(bias), 1e-5)
        .unwrap();
    let text = tape.mean_tokens(&y, None).unwrap();
    let x = tape.constant(random_tensor(&[BATCH, 3, 32, 32], 2000 + step));
    let y = tape
        .conv2d(&x, net.conv, None, Conv2d::square(1, 1), Activation::None)
        .unwrap();
    let y = tape.batch_norm(&y, net.batch_norm, None, true).unwrap();
    let y = tape.max_pool2d(&y, Pool2d::square(2)).unwrap();
    let conv = Conv2d::square(2, 1);
    let y = tape
        .conv2d(&y, net.second_conv, None, conv, Activation::Relu)
        .unwrap();
    let y = tape.reshape(&y, &[BATCH, 16 * 8 * 8]).unwrap();
    let y = tape.dropout(&y, 0.2).unwrap();
    let image = tape
        .linear(&y, net.image, Some(net.bias), Activation::Gelu)
        .unwrap();
    let both = tape.add(&text, &image).unwrap();
    let logits = tape
        .linear(&both, net.head, None, Activation::None)
        .unwrap();
    let classes: Vec<u32> = (0..BATCH as u32).map(|record| record % 5).collect();
    tape.cross_entropy(
        &logits,
        Targets::Classes(&classes),
        &CrossEntropy::default(),
    )
    .unwrap()
}

fn train() -> Vec<Tensor> {
    let mut net = net();
    let mut gradients = Gradients::new(&net.parameters);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.01), &net.parameters);
    for step in 0..4 {
        gradients.clear();
        let mut tape = Tape::training(&net.parameters, step);
        let loss = loss(&net, &mut tape, step);
        tape.backward(&loss, &mut gradients).unwrap();
        let statistics = tape.take_statistics();
        net.parameters.apply(&statistics).unwrap();
        gradients.clip_norm(1.0);
        optimizer
            .step(&mut net.parameters, &gradients, 1e-3)
            .unwrap();
    }
    net.parameters
        .iter()
        .map(|(.., value)| value.clone())
        .collect()
}

#[test]
fn training_has_the_same_bits_for_any_number_of_threads() {
    let results = THREADS.map(|threads| with_threads(threads, train));
    for result in &results {
        for (place, (a, b)) in result.iter().zip(&results[0]).enumerate() {
            assert!(a.is_finite());
            assert!(a.data() == b.data(), "parameter {place} differs");
        }
    }
}
