//! One line of the table: ours and every peer configuration in turn, A B A B.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::peers::Peers;
use super::side::Side;
use super::workload::{Precision, Task};

/// Losses and outputs of one precision may differ by so much.
const TOLERANCE: f64 = 1e-3;
/// Both sides round to 8 bits, but not at the same places.
const BF16_TOLERANCE: f64 = 0.1;

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    pub(crate) train_secs: f64,
    pub(crate) infer_secs: f64,
}

impl Pace {
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        train_secs: 3.0,
        infer_secs: 1.5,
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 2,
        train_secs: 1.0,
        infer_secs: 0.5,
    };
}

/// A measured side.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) ms: f64,
    pub(crate) least_ms: f64,
    pub(crate) peak_mb: f64,
}

/// A measured line.
pub(crate) struct Outcome {
    pub(crate) ours: Measured,
    /// Fastest first.
    pub(crate) peers: Vec<Measured>,
    /// What does not agree, ours against the peers.
    pub(crate) disagreement: Option<String>,
}

/// Measures one line.
pub(crate) fn measure(
    task: &Task,
    bench: &Path,
    peers: Option<&Peers>,
    pace: Pace,
) -> Result<Outcome, String> {
    let label = task.name();
    let mut ours = Side::start("multifuse", our_command(task, bench, peers))
        .map_err(|reason| format!("{label}: multifuse {reason}"))?;
    let mut others = peers.map_or_else(Vec::new, |peers| start_peers(task, peers, &label));
    let disagreement = disagreement(task, &ours, &mut others);
    let secs = match task.is_training() {
        true => pace.train_secs,
        false => pace.infer_secs,
    };
    for _ in 0..pace.rounds {
        ours.round(secs)
            .map_err(|reason| format!("{label}: multifuse {reason}"))?;
        others.retain_mut(|side| match side.round(secs) {
            Ok(()) => true,
            Err(reason) => {
                eprintln!("{label}: {} left out: {reason}", side.name);
                false
            }
        });
    }
    let mut peers: Vec<Measured> = others.iter().map(measured).collect();
    peers.sort_by(|left, right| left.ms.total_cmp(&right.ms));
    let ours = measured(&ours);
    for side in std::iter::once(&ours).chain(&peers) {
        eprintln!(
            "{label}: {:<36} {:9.2} ms, least {:9.2} ms, {:6.0} MB",
            side.name, side.ms, side.least_ms, side.peak_mb
        );
    }
    Ok(Outcome {
        ours,
        peers,
        disagreement,
    })
}

fn measured(side: &Side) -> Measured {
    Measured {
        name: side.name.clone(),
        ms: side.median_ms(),
        least_ms: side.least_ms,
        peak_mb: side.peak_mb,
    }
}

fn our_command(task: &Task, bench: &Path, peers: Option<&Peers>) -> Command {
    let precision = match task.precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
    };
    let mut command = Command::new(bench);
    command.args(["serve", task.workload.name, &task.phase, precision]);
    if let Some(peers) = peers {
        command.arg(peers.reference(task.workload.name));
    }
    command
}

fn start_peers(task: &Task, peers: &Peers, label: &str) -> Vec<Side> {
    let torch = task.torch().into_iter();
    let torch = torch.map(|configuration| ("torch_runner.py", "torch", configuration));
    let tensorflow = task.tensorflow().iter();
    let tensorflow =
        tensorflow.map(|configuration| ("tensorflow_runner.py", "tensorflow", *configuration));
    let mut sides = Vec::new();
    for (script, library, configuration) in torch.chain(tensorflow) {
        let command = peers.runner(script, task.workload.name, &task.phase, configuration);
        match Side::start(&format!("{library} {configuration}"), command) {
            Ok(side) => sides.push(side),
            Err(reason) => eprintln!("{label}: {library} {configuration} left out: {reason}"),
        }
    }
    sides
}

/// Compares ours with the first peer, and drops the peers that do not agree with it.
fn disagreement(task: &Task, ours: &Side, others: &mut Vec<Side>) -> Option<String> {
    let tolerance = match task.precision {
        Precision::F32 => TOLERANCE,
        Precision::Bf16 => BF16_TOLERANCE,
    };
    let first = others.first()?.checks.clone();
    let distance = |side: &Side| distance(&side.checks, &first);
    others.retain(|side| {
        let agrees = distance(side) <= tolerance;
        if !agrees {
            eprintln!("{} left out: off by {:.2e}", side.name, distance(side));
        }
        agrees
    });
    let off = distance(ours);
    let what = match task.is_training() {
        true => "losses of 10 steps",
        false => "outputs",
    };
    let label = task.name();
    eprintln!("{label}: {what} differ by at most {off:.1e}");
    (off > tolerance || off.is_nan())
        .then(|| format!("{label}: {what} differ by {off:.2e}, at most {tolerance} allowed"))
}

/// The largest difference of two lists of losses, or what a side found for its output.
fn distance(checks: &Value, first: &Value) -> f64 {
    if let Some(difference) = checks["max_difference"].as_f64() {
        return difference;
    }
    let losses = |checks: &Value| -> Vec<f64> {
        let list = checks["losses"].as_array().into_iter().flatten();
        list.filter_map(Value::as_f64).collect()
    };
    let (got, expected) = (losses(checks), losses(first));
    if got.is_empty() || got.len() != expected.len() {
        return f64::NAN;
    }
    let differences = got.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}
