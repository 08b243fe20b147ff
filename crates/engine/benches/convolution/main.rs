//! Milliseconds and GFLOP/s of the three products of convolutions, by layer shape and algorithm.
//!
//! `cargo bench -p multifuse-engine --bench convolution` measures all shapes; `-- NAME ROUNDS` those whose name
//! contains NAME, ROUNDS times each. The algorithms take turns, and the least of all rounds is printed: other work on
//! the machine only ever adds. GFLOP/s count the operations of a direct sum, so Winograd may exceed the peak.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

use std::time::Instant;

use engine::Conv2d;
use engine::measure::{ALGORITHMS, Convolution, PASSES};

/// Name, batch, channels in and out, height and width, kernel, stride, padding, groups.
type Shape = (&'static str, usize, [usize; 2], usize, [usize; 3], usize);

const SHAPES: [Shape; 24] = [
    ("resnet stem", 8, [3, 64], 112, [7, 2, 3], 1),
    ("resnet 64", 8, [64, 64], 28, [3, 1, 1], 1),
    ("resnet 128 down", 8, [64, 128], 28, [3, 2, 1], 1),
    ("resnet 128", 8, [128, 128], 14, [3, 1, 1], 1),
    ("resnet 256 down", 8, [128, 256], 14, [3, 2, 1], 1),
    ("resnet 256", 8, [256, 256], 7, [3, 1, 1], 1),
    ("resnet 512 down", 8, [256, 512], 7, [3, 2, 1], 1),
    ("resnet 512", 8, [512, 512], 4, [3, 1, 1], 1),
    ("resnet 128 skip", 8, [64, 128], 28, [1, 2, 0], 1),
    ("resnet one 64", 1, [64, 64], 28, [3, 1, 1], 1),
    ("resnet one 128", 1, [128, 128], 14, [3, 1, 1], 1),
    ("resnet one 256", 1, [256, 256], 7, [3, 1, 1], 1),
    ("resnet one 512", 1, [512, 512], 4, [3, 1, 1], 1),
    ("recipe stem", 64, [3, 24], 64, [5, 2, 2], 1),
    ("recipe 48 down", 64, [24, 48], 32, [3, 2, 1], 1),
    ("recipe 48", 64, [48, 48], 16, [3, 1, 1], 1),
    ("recipe 96 down", 64, [48, 96], 16, [3, 2, 1], 1),
    ("recipe 96", 64, [96, 96], 8, [3, 1, 1], 1),
    ("recipe 192 down", 64, [96, 192], 8, [3, 2, 1], 1),
    ("recipe 192", 64, [192, 192], 4, [3, 1, 1], 1),
    ("recipe 48 skip", 64, [24, 48], 16, [1, 1, 0], 1),
    ("recipe 192 skip", 64, [96, 192], 4, [1, 1, 0], 1),
    ("seed", 32, [3, 32], 64, [3, 1, 0], 1),
    ("depthwise", 8, [128, 128], 28, [3, 1, 1], 128),
];

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let wanted = args.next().unwrap_or_default();
    let rounds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(15);
    println!("{} threads", rayon::current_num_threads());
    for shape in SHAPES {
        if shape.0.contains(&wanted) {
            rayon::scope(|_| measure(shape, rounds));
        }
    }
}

fn measure(shape: Shape, rounds: usize) {
    let (name, batch, [inputs, outputs], size, [kernel, stride, padding], groups) = shape;
    let x = [batch, inputs, size, size];
    let weight = [outputs, inputs / groups, kernel, kernel];
    let conv = Conv2d {
        groups,
        ..Conv2d::square(stride, padding)
    };
    let mut convolution = Convolution::new(&x, &weight, conv).unwrap();
    let operations = convolution.operations();
    for (pass, pass_name) in PASSES.iter().enumerate() {
        let mut least = [f64::INFINITY; ALGORITHMS.len()];
        for _ in 0..rounds {
            for (algorithm, least) in least.iter_mut().enumerate().skip(1) {
                let begin = Instant::now();
                if convolution.run(pass, algorithm) {
                    *least = least.min(begin.elapsed().as_secs_f64());
                }
            }
        }
        print!("{name:<16} {pass_name:<8}");
        for (name, least) in ALGORITHMS.iter().zip(least).skip(1) {
            if least.is_finite() {
                let speed = operations / least / 1e9;
                print!("  {name} {:7.3} ms {speed:4.0} GFLOP/s", least * 1e3);
            }
        }
        println!("  -> {}", convolution.chosen());
    }
}
