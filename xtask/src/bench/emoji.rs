//! S5: the joint network of the `auto` recipe on emoji, whole processes from files to updated weights.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::interleave::Measured;
use super::peers::Peers;
use super::side::{First, median};
use super::table::Row;
use crate::release;

/// Enough that the start of a process and the first decoding weigh as little as in a real run.
const EPOCHS: usize = 6;

/// One run of a side.
struct Run {
    /// Milliseconds for a thousand records.
    ms: f64,
    peak_mb: f64,
}

/// Trains in turn, A B A B; the time of a thousand records.
///
/// Ours counts as the whole process, with inspection, judgement and the saved model; theirs from behind the imports
/// to the last step.
pub(crate) fn measure(data: &Path, peers: Option<&Peers>, rounds: usize) -> Result<Row, String> {
    let folder = data.join("emoji");
    let binary = release::build_binary()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(our_run(&binary, &folder)?);
        if let Some(peers) = peers {
            theirs.push(their_run(peers, &folder)?);
        }
    }
    let ours = measured("multifuse", &ours);
    let peer = (!theirs.is_empty()).then(|| measured("torch fused, 2 workers", &theirs));
    for side in std::iter::once(&ours).chain(&peer) {
        eprintln!(
            "S5 train: {:<24} {:8.1} records/s, {:6.0} MB",
            side.name,
            1e6 / side.ms,
            side.peak_mb
        );
    }
    Ok(Row {
        workload: "S5".to_owned(),
        phase: "train".to_owned(),
        ours,
        peer,
        bar: 0.50,
        memory_bar: Some(0.5),
        floor_ms: None,
    })
}

fn measured(name: &str, runs: &[Run]) -> Measured {
    let times: Vec<f64> = runs.iter().map(|run| run.ms).collect();
    Measured {
        name: name.to_owned(),
        ms: median(&times),
        least_ms: times.iter().copied().fold(f64::INFINITY, f64::min),
        peak_mb: runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max),
    }
}

fn our_run(binary: &Path, folder: &Path) -> Result<Run, String> {
    let out = release::target_dir().join("peers/emoji-run");
    let _ = fs::remove_dir_all(&out);
    let epochs = EPOCHS.to_string();
    let mut command = Command::new(binary);
    command
        .arg("train")
        .arg(folder.join("train.csv"))
        .args(["--target", "label", "--inputs", "image,keywords"])
        .args(["--experts", "joint", "--epochs", &epochs])
        .args(["--threads", "2", "--quiet", "--out"])
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let first = First::begin();
    let start = Instant::now();
    let child = command.spawn();
    let mut child = child.map_err(|error| format!("{}: {error}", binary.display()))?;
    let peak_mb = wait(&mut child)?;
    let secs = start.elapsed().as_secs_f64();
    drop(first);
    let records = num_records(&out)? * EPOCHS as f64;
    Ok(Run {
        ms: secs / records * 1e6,
        peak_mb,
    })
}

/// Waits for the end; the most memory it was seen to have.
fn wait(child: &mut Child) -> Result<f64, String> {
    const PAUSE: Duration = Duration::from_millis(50);
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_mb = 0.0_f64;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return match status.success() {
                true => Ok(peak_mb),
                false => Err(format!("S5: multifuse train ended with {status}")),
            };
        }
        let text = fs::read_to_string(&status_file).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        peak_mb = peak_mb.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(PAUSE);
    }
}

/// Records of an epoch, as the log of the run tells.
fn num_records(run: &Path) -> Result<f64, String> {
    let log = run.join("logs/joint/log.jsonl");
    let text = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let line = text.lines().next().unwrap_or_default();
    let epoch: Value = serde_json::from_str(line).map_err(|error| format!("log: {error}"))?;
    let number = |key: &str| epoch[key].as_f64().ok_or(format!("log.jsonl has no {key}"));
    Ok((number("secs")? * number("records_per_sec")?).round())
}

fn their_run(peers: &Peers, folder: &Path) -> Result<Run, String> {
    let first = First::begin();
    let output = peers
        .script("emoji.py")
        .arg(folder)
        .arg(EPOCHS.to_string())
        .env("OMP_NUM_THREADS", "2")
        .output();
    drop(first);
    let output = output.map_err(|error| format!("emoji.py: {error}"))?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("emoji.py: {}", String::from_utf8_lossy(&output.stderr)))?;
    let number = |key: &str| {
        answer[key]
            .as_f64()
            .ok_or(format!("emoji.py gave no {key}"))
    };
    Ok(Run {
        ms: number("secs")? / (number("records")? * EPOCHS as f64) * 1e6,
        peak_mb: number("peak_mb")?,
    })
}
