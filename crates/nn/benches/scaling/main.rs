//! How a training step's cost grows along one axis at a time: batch, sequence, picture, parameters.
//!
//! `cargo bench -p multifuse-nn --bench scaling -- SECONDS` prints one JSON object a line:
//! `{"axis", "value", "ms", "mb", "num_parameters"}`; `cargo xtask scaling` makes the table of it. Random numbers as
//! inputs: what is measured does not depend on their values.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

use std::time::Instant;

use engine::{Gradients, Optimizer, OptimizerConfig, Tape};
use nn::{InputInfo, InputWidth, Network, NetworkConfig};
use schema::{
    Batch, FittedTarget, InputBatch, Modality, Payload, Rng, Seed, Settings, TargetBatch, Task,
};

const NUM_CLASSES: usize = 10;
const VOCABULARY: usize = 10_000;

/// One network on one batch.
struct Case {
    axis: &'static str,
    value: usize,
    encoder: String,
    info: InputInfo,
    batch: usize,
}

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let seconds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(2.0);
    for case in cases() {
        // On a thread of the pool, as a trainer does: calls from outside wake it for every operation.
        rayon::scope(|_| case.measure(seconds));
        engine::release_idle_memory();
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(
        [8, 16, 32, 64].map(|batch| text("batch, text of 128 tokens", batch, (batch, 128, 128))),
    );
    cases.extend(
        [16, 32, 64, 128].map(|batch| picture("batch, pictures of 64 px", batch, (batch, 64))),
    );
    cases.extend(
        [64, 128, 256, 512, 1024].map(|tokens| text("tokens, batch 8", tokens, (8, tokens, 128))),
    );
    cases.extend(
        [32, 64, 128, 256].map(|size| picture("pixels a side, batch 16", size, (16, size))),
    );
    cases.extend(
        [64, 128, 256, 512]
            .map(|width| text("width, 16 texts of 64 tokens", width, (16, 64, width))),
    );
    cases
}

fn text(axis: &'static str, value: usize, (batch, tokens, width): (usize, usize, usize)) -> Case {
    let encoder = format!(
        "type = \"text_transformer\"\nembed_dim = {width}\nmax_len = {tokens}\nvocab_size = {VOCABULARY}\n\
         block = {{ num_heads = 4, feed_forward_dim = {} }}",
        4 * width
    );
    let width = InputWidth::Tokens {
        vocab_size: VOCABULARY,
        max_len: tokens,
    };
    Case {
        axis,
        value,
        encoder,
        info: InputInfo::new("x", Modality::Text, width),
        batch,
    }
}

fn picture(axis: &'static str, value: usize, (batch, size_px): (usize, usize)) -> Case {
    Case {
        axis,
        value,
        encoder: format!("type = \"image_conv\"\nsize_px = {size_px}"),
        info: InputInfo::new("x", Modality::Image, InputWidth::Pixels { size_px }),
        batch,
    }
}

impl Case {
    fn network(&self) -> Network {
        let mut config = NetworkConfig::default();
        let encoder: Settings = toml::from_str(&self.encoder).unwrap();
        config.encoders.insert("x".to_owned(), encoder);
        let target = FittedTarget {
            column: "label".to_owned(),
            task: Task::Class,
            classes: (0..NUM_CLASSES).map(|class| class.to_string()).collect(),
            scale: None,
            prior: vec![1.0 / NUM_CLASSES as f64; NUM_CLASSES],
        };
        Network::build(&config, std::slice::from_ref(&self.info), &target, Seed(1)).unwrap()
    }

    fn batch(&self) -> Batch {
        let mut rng = Seed(2).rng();
        let payload = match self.info.width {
            InputWidth::Pixels { size_px } => Payload::Floats {
                shape: vec![self.batch, 3, size_px, size_px],
                data: normals(self.batch * 3 * size_px * size_px, &mut rng),
            },
            InputWidth::Tokens { max_len, .. } => Payload::Ids {
                shape: vec![self.batch, max_len],
                data: (0..self.batch * max_len)
                    .map(|_| 2 + rng.below(VOCABULARY - 2) as u32)
                    .collect(),
                valid: vec![true; self.batch * max_len],
            },
            other => unreachable!("no case with {other:?}"),
        };
        Batch {
            rows: (0..self.batch).collect(),
            inputs: vec![InputBatch {
                present: vec![true; self.batch],
                payload,
            }],
            target: Some(TargetBatch::Classes(
                (0..self.batch)
                    .map(|record| (record % NUM_CLASSES) as u32)
                    .collect(),
            )),
            weights: None,
        }
    }

    fn measure(&self, seconds: f64) {
        const WARM_UP: usize = 2;
        const FEWEST: usize = 5;
        let mut network = self.network();
        let batch = self.batch();
        let mut gradients = Gradients::new(&network.parameters);
        let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.05), &network.parameters);
        let (mut times, start) = (Vec::new(), Instant::now());
        while times.len() < WARM_UP + FEWEST || start.elapsed().as_secs_f64() < seconds {
            let begin = Instant::now();
            step(
                &mut network,
                &batch,
                &mut gradients,
                &mut optimizer,
                times.len() as u64,
            );
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        let mut times = times.split_off(WARM_UP);
        times.sort_by(f64::total_cmp);
        let (live, idle) = engine::memory_bytes();
        println!(
            "{}",
            serde_json::json!({
                "axis": self.axis,
                "value": self.value,
                "ms": times[times.len() / 2],
                "mb": (live + idle) as f64 / 1e6,
                "num_parameters": network.parameters.num_values(),
            })
        );
    }
}

fn normals(count: usize, rng: &mut Rng) -> Vec<f32> {
    (0..count).map(|_| rng.normal() as f32).collect()
}

fn step(
    network: &mut Network,
    batch: &Batch,
    gradients: &mut Gradients,
    optimizer: &mut Optimizer,
    seed: u64,
) {
    gradients.clear();
    let mut tape = Tape::training(&network.parameters, seed);
    let output = network.forward(&mut tape, batch).unwrap();
    let loss = network.loss(&mut tape, &output, batch).unwrap();
    tape.backward(&loss, gradients).unwrap();
    let statistics = tape.take_statistics();
    network.parameters.apply(&statistics).unwrap();
    optimizer
        .step(&mut network.parameters, gradients, 1e-4)
        .unwrap();
}
