//! Milliseconds of one training step of whole networks: forward, backward, optimiser.
//!
//! `cargo bench -p multifuse-engine` prints one line for each on random numbers; `-- NAME SECONDS` runs those whose
//! name contains NAME for SECONDS each. `serve` and `floors` are the side of the engine in `cargo xtask bench`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

mod floors;
mod net;
mod networks;
mod peers;
mod serve;
mod source;
mod transformer;

use std::time::Instant;

use net::Net;
use source::Source;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    // On a thread of the pool, as a trainer does: calls from outside wake it for every operation.
    rayon::scope(|_| match arguments.split_first() {
        Some((word, rest)) if word == "serve" => serve::run(rest),
        Some((word, _)) if word == "floors" => floors::run(),
        _ => steps(&arguments),
    });
}

fn steps(arguments: &[String]) {
    let wanted = arguments.first().map_or("", String::as_str);
    let seconds = arguments.get(1).and_then(|argument| argument.parse().ok());
    for named in networks::ALL {
        if named.name.contains(wanted) {
            let mut net = (named.build)(&Source::random());
            measure(named.name, &mut net, seconds.unwrap_or(4.0));
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
