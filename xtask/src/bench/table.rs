//! Measured lines as JSON and as a table.

use serde_json::{Value, json};

use super::interleave::Measured;

/// A measured line.
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) phase: String,
    pub(crate) ours: Measured,
    /// The fastest configuration.
    pub(crate) peer: Option<Measured>,
    pub(crate) bar: f64,
    pub(crate) memory_bar: Option<f64>,
    pub(crate) floor_ms: Option<f64>,
}

/// Names of the columns of [`Row::cells`].
pub(crate) const COLUMNS: [&str; 10] = [
    "row",
    "ours, ms",
    "fastest peer",
    "its ms",
    "ratio",
    "at most",
    "memory, MB",
    "ratio of memory",
    "floor, ms",
    "times the floor",
];

impl Row {
    /// Ours by the fastest peer.
    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|peer| self.ours.ms / peer.ms)
    }

    fn memory_ratio(&self) -> Option<f64> {
        let peer = self.peer.as_ref()?;
        (peer.peak_mb > 0.0 && self.ours.peak_mb > 0.0).then(|| self.ours.peak_mb / peer.peak_mb)
    }

    /// Whether its bars hold; `None` where there is no peer to compare with.
    pub(crate) fn holds(&self) -> Option<bool> {
        let fast = self.ratio()? <= self.bar;
        let bar = self.memory_bar.unwrap_or(f64::INFINITY);
        Some(fast && self.memory_ratio().is_none_or(|ratio| ratio <= bar))
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.workload, self.phase)
    }

    pub(crate) fn json(&self) -> Value {
        let peer = self.peer.as_ref();
        json!({
            "workload": self.workload,
            "phase": self.phase,
            "ours_ms": digits(self.ours.ms),
            "best_peer": peer.map(|peer| &peer.name),
            "best_peer_ms": peer.map(|peer| digits(peer.ms)),
            "ratio": self.ratio().map(digits),
            "ours_peak_mb": digits(self.ours.peak_mb),
            "peer_peak_mb": peer.map(|peer| digits(peer.peak_mb)),
            "bar": self.bar,
            "holds": self.holds(),
            "floor_ms": self.floor_ms.map(digits),
        })
    }

    pub(crate) fn cells(&self) -> Vec<String> {
        let peer = self.peer.as_ref();
        let dash = || "-".to_owned();
        let judged = |ratio: Option<f64>, bar: Option<f64>| match (ratio, bar) {
            (Some(ratio), Some(bar)) if ratio > bar => format!("**{ratio:.2}**, at most {bar}"),
            (Some(ratio), Some(bar)) => format!("{ratio:.2}, at most {bar}"),
            (Some(ratio), None) => format!("{ratio:.2}"),
            (None, _) => dash(),
        };
        let ratio = self
            .ratio()
            .map_or_else(dash, |ratio| match ratio > self.bar {
                true => format!("**{ratio:.2}**"),
                false => format!("{ratio:.2}"),
            });
        vec![
            self.name(),
            format!("{:.2}", self.ours.ms),
            peer.map_or_else(dash, |peer| peer.name.clone()),
            peer.map_or_else(dash, |peer| format!("{:.2}", peer.ms)),
            ratio,
            format!("{:.2}", self.bar),
            peer.map_or_else(
                || format!("{:.0}", self.ours.peak_mb),
                |peer| format!("{:.0} to {:.0}", self.ours.peak_mb, peer.peak_mb),
            ),
            judged(self.memory_ratio(), self.memory_bar),
            self.floor_ms
                .map_or_else(dash, |floor| format!("{floor:.2}")),
            self.floor_ms
                .map_or_else(dash, |floor| format!("{:.2}", self.ours.ms / floor)),
        ]
    }
}

/// Four digits after the point are enough for milliseconds.
fn digits(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
