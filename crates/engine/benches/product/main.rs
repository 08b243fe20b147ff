//! Billions of multiplications and additions a second of the products that real networks ask for.
//!
//! `cargo bench -p multifuse-engine --bench product` prints one line for each shape; `-- NAME SECONDS` runs those whose
//! name contains NAME for SECONDS each. One thread and all threads, f32 and BF16 take turns, and the least time of each
//! counts: on a machine with other work that is the steadiest number. The last column is the share of the peak that a
//! product inside the second-level cache reaches in the same run.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

use std::time::Instant;

use engine::Precision;
use engine::check::random_tensor;
use engine::linalg::{Product, matmul};

/// Name, `(m, n, k)`, and which factors are stored transposed.
type Shape = (&'static str, (usize, usize, usize), (bool, bool));

const FORWARD: (bool, bool) = (false, true);
const INPUT: (bool, bool) = (false, false);
const WEIGHT: (bool, bool) = (true, false);

/// Small enough for the second-level cache and large enough to hide what surrounds it: what the processor can do.
const PEAK: Shape = ("peak", (168, 192, 384), INPUT);

const SHAPES: [Shape; 33] = [
    ("cube 1024", (1024, 1024, 1024), INPUT),
    ("bert output", (2048, 256, 256), FORWARD),
    ("bert qkv", (2048, 768, 256), FORWARD),
    ("bert up", (2048, 1024, 256), FORWARD),
    ("bert down", (2048, 256, 1024), FORWARD),
    ("bert qkv dx", (2048, 256, 768), INPUT),
    ("bert up dx", (2048, 256, 1024), INPUT),
    ("bert down dx", (2048, 1024, 256), INPUT),
    ("bert qkv dw", (768, 256, 2048), WEIGHT),
    ("bert up dw", (1024, 256, 2048), WEIGHT),
    ("bert down dw", (256, 1024, 2048), WEIGHT),
    ("vit output", (1568, 384, 384), FORWARD),
    ("vit qkv", (1568, 1152, 384), FORWARD),
    ("vit up", (1568, 1536, 384), FORWARD),
    ("vit down", (1568, 384, 1536), FORWARD),
    ("vit up dx", (1568, 384, 1536), INPUT),
    ("vit down dw", (384, 1536, 1568), WEIGHT),
    ("seed output", (3200, 64, 64), FORWARD),
    ("seed qkv", (3200, 192, 64), FORWARD),
    ("seed qkv dw", (192, 64, 3200), WEIGHT),
    ("seed flat", (32, 64, 30_816), FORWARD),
    ("seed flat dx", (32, 30_816, 64), INPUT),
    ("seed flat dw", (64, 30_816, 32), WEIGHT),
    ("classes", (16, 10, 256), FORWARD),
    ("one bert", (128, 256, 256), FORWARD),
    ("one bert down", (128, 256, 1024), FORWARD),
    ("one vit", (196, 384, 384), FORWARD),
    ("one seed flat", (1, 64, 30_816), FORWARD),
    ("one classes", (1, 10, 256), FORWARD),
    ("scores", (128, 128, 64), FORWARD),
    ("attended", (128, 64, 128), INPUT),
    ("first filter", (32, 3136, 27), INPUT),
    ("third filter", (128, 784, 1152), INPUT),
];

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let wanted = args.next().unwrap_or_default();
    let seconds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(0.5);
    let pools = [1, 0].map(|threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    });
    let peaks = measure(PEAK, seconds, &pools);
    let choice = engine::simd_choice();
    println!(
        "{}, {} threads; peak of one thread {:.0} GFLOP/s, in BF16 {:.0}",
        choice.level.name(),
        pools[1].current_num_threads(),
        peaks[0],
        peaks[1]
    );
    println!(
        "{:<14} {:>5} {:>6} {:>6} {:>8} {:>8} {:>8} {:>8}  of the peak",
        "", "m", "n", "k", "one f32", "bf16", "all f32", "bf16"
    );
    for shape in SHAPES.into_iter().filter(|shape| shape.0.contains(&wanted)) {
        let rates = measure(shape, seconds, &pools);
        let (name, (m, n, k), _) = shape;
        let shares = [rates[0] / peaks[0], rates[1] / peaks[1]];
        println!(
            "{name:<14} {m:>5} {n:>6} {k:>6} {:8.1} {:8.1} {:8.1} {:8.1}  {:.2} {:.2}",
            rates[0], rates[1], rates[2], rates[3], shares[0], shares[1]
        );
    }
}

/// GFLOP/s: one thread in f32 and BF16, then all threads.
fn measure(shape: Shape, seconds: f64, pools: &[rayon::ThreadPool; 2]) -> [f64; 4] {
    /// Work between two looks at the clock.
    const LEAST_FLOP: f64 = 4e6;
    const FEWEST: usize = 6;
    let (_, (m, n, k), (transpose_a, transpose_b)) = shape;
    let (a, b) = (random_tensor(&[m * k], 1), random_tensor(&[n * k], 2));
    let mut c = vec![0.0; m * n];
    let flop = 2.0 * (m * n * k) as f64;
    let repeats = (LEAST_FLOP / flop).ceil() as usize;
    let mut least = [f64::MAX; 4];
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds < FEWEST || start.elapsed().as_secs_f64() < seconds {
        for (at, least) in least.iter_mut().enumerate() {
            let product = Product {
                m,
                n,
                k,
                transpose_a,
                transpose_b,
                accumulate: false,
                precision: [Precision::F32, Precision::Bf16][at % 2],
            };
            pools[at / 2].install(|| {
                let begin = Instant::now();
                for _ in 0..repeats {
                    matmul(&mut c, a.data(), b.data(), product).unwrap();
                }
                *least = least.min(begin.elapsed().as_secs_f64() / repeats as f64);
            });
        }
        rounds += 1;
    }
    least.map(|time| flop / time / 1e9)
}
