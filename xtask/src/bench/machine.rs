//! What the machine can do.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::peers::Peers;
use super::side::First;
use super::workload::{Precision, Task};

/// The machine and its floors.
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    product_gflops: f64,
    product_bf16_gflops: f64,
    copy_gb_s: f64,
    peers: String,
}

impl Machine {
    /// Measures the floors with the bench of the engine.
    pub(crate) fn measure(bench: &Path, peers: Option<&Peers>) -> Result<Self, String> {
        let first = First::begin();
        let output = Command::new(bench)
            .arg("floors")
            .env("RAYON_NUM_THREADS", "2")
            .output();
        drop(first);
        let output = output.map_err(|error| format!("{}: {error}", bench.display()))?;
        let floors: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("floors of the machine: {error}"))?;
        let number = |key: &str| floors[key].as_f64().unwrap_or(f64::NAN);
        Ok(Self {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            product_gflops: number("product_gflops"),
            product_bf16_gflops: number("product_bf16_gflops"),
            copy_gb_s: number("copy_gb_s"),
            peers: peers.map_or_else(|| "without peers".to_owned(), versions),
        })
    }

    /// Least milliseconds of a line: its products at the peak, and the optimiser's bytes at the speed of a copy.
    pub(crate) fn floor_ms(&self, task: &Task) -> f64 {
        let peak = match task.precision {
            Precision::F32 => self.product_gflops,
            Precision::Bf16 => self.product_bf16_gflops,
        };
        (task.gflop() / peak + task.optimiser_gb() / self.copy_gb_s) * 1e3
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "threads": 2,
            "product_gflops": round(self.product_gflops),
            "product_bf16_gflops": round(self.product_bf16_gflops),
            "copy_gb_s": round(self.copy_gb_s),
            "peers": self.peers,
        })
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "{}, {} cores, 2 threads; {}. Product of 1024 x 1024 x 1024: {:.0} GFLOP/s in f32, {:.0} in bf16; \
             copy: {:.1} GB/s, read and written bytes together.",
            self.processor,
            self.cores,
            self.peers,
            self.product_gflops,
            self.product_bf16_gflops,
            self.copy_gb_s
        )
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut names = text.lines().filter(|line| line.starts_with("model name"));
    let name = names.next().and_then(|line| line.split_once(": "));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let wide = text.contains("avx512f");
    format!("{name}{}", if wide { " with AVX-512" } else { "" })
}

fn versions(peers: &Peers) -> String {
    const ASK: &str = "from importlib.metadata import version as v; \
        print('PyTorch', v('torch') + ', TensorFlow', v('tensorflow-cpu'))";
    let answer = Command::new(&peers.python).args(["-c", ASK]).output();
    let answer = answer.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    answer.unwrap_or_default()
}
