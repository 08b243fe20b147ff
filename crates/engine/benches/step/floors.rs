//! What the machine can do at best: the peak of a product, and how fast memory is copied.

use std::time::Instant;

use engine::check::random_tensor;
use engine::{Activation, ParamKind, Parameters, Precision, Tape};
use rayon::prelude::*;
use serde_json::json;

const SECONDS: f64 = 1.5;

/// Prints one JSON line. The best of many repetitions counts.
pub(crate) fn run() {
    println!(
        "{}",
        json!({
            "product_gflops": product(Precision::F32),
            "product_bf16_gflops": product(Precision::Bf16),
            "copy_gb_s": copy(),
        })
    );
}

fn least_secs(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    while start.elapsed().as_secs_f64() < SECONDS {
        let begin = Instant::now();
        work();
        least = least.min(begin.elapsed().as_secs_f64());
    }
    least
}

/// A linear layer of 1024 x 1024 x 1024.
fn product(precision: Precision) -> f64 {
    const LEN: usize = 1024;
    let mut parameters = Parameters::new();
    let weight = random_tensor(&[LEN, LEN], 1);
    let weight = parameters.add("w", ParamKind::Weight, weight).unwrap();
    let x = random_tensor(&[LEN, LEN], 2);
    let secs = least_secs(|| {
        let mut tape = Tape::inference(&parameters).with_precision(precision);
        let x = tape.constant(x.clone());
        tape.linear(&x, weight, None, Activation::None).unwrap();
    });
    2.0 * (LEN * LEN * LEN) as f64 / secs / 1e9
}

/// 256 MB copied by all threads; bytes read and bytes written count.
fn copy() -> f64 {
    const LEN: usize = 1 << 26;
    const CHUNK: usize = 1 << 20;
    let from = vec![1.0_f32; LEN];
    let mut to = vec![0.0_f32; LEN];
    let secs = least_secs(|| {
        let chunks = to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK));
        chunks.for_each(|(to, from)| to.copy_from_slice(from));
    });
    2.0 * size_of_val(from.as_slice()) as f64 / secs / 1e9
}
