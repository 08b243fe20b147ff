//! Milliseconds of one training step of whole networks: forward, backward, AdamW.
//!
//! `cargo bench -p multifuse-engine` prints one line for each; `-- NAME SECONDS` runs those whose name contains NAME
//! for SECONDS each. Random weights and inputs: what is measured does not depend on the values.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

mod net;
mod networks;

use std::time::Instant;

use net::Net;

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let wanted = args.next().unwrap_or_default();
    let seconds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(4.0);
    for (name, build) in networks::ALL {
        if name.contains(&wanted) {
            // On a thread of the pool, as a trainer does: calls from outside wake it for every operation.
            rayon::scope(|_| measure(name, &mut build(), seconds));
        }
    }
}

fn measure(name: &str, net: &mut Net, seconds: f64) {
    const WARM_UP: usize = 3;
    const FEWEST: usize = 5;
    let mut times = Vec::new();
    let start = Instant::now();
    let mut losses = Vec::new();
    while times.len() < WARM_UP + FEWEST || start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        losses.push(net.step());
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    let (live, idle) = engine::memory_bytes();
    println!(
        "{name:<16} median {:7.2} ms  least {:7.2} ms  steps {:4}  threads {}  memory {} MB  \
         loss {:.4} -> {:.4}",
        times[times.len() / 2],
        times[0],
        times.len(),
        rayon::current_num_threads(),
        (live + idle) / 1_000_000,
        losses[0],
        losses[losses.len() - 1],
    );
    engine::release_idle_memory();
}
