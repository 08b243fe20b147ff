//! How a run is told to end early: a stop flag that a signal handler sets, and a deadline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// All epochs (or `stop_after_*`) were run.
    Finished,
    /// The watched metric stood still.
    EarlyStop,
    /// The time limit was reached.
    Deadline,
    /// A person stopped it.
    Interrupt,
}

/// The outside's hold on a run: asked after every optimiser step.
#[derive(Debug, Clone, Default)]
pub struct Control {
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Control {
    /// A run that nothing ends early.
    pub fn new() -> Self {
        Self::default()
    }

    /// A run that ends when somebody else's flag is set.
    pub fn with_flag(stop: Arc<AtomicBool>) -> Self {
        Self {
            stop,
            deadline: None,
        }
    }

    /// A run that ends at a moment at the latest.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same stop flag with the earlier of this deadline and one `limit` from now; for a part of a run.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let own = Instant::now().checked_add(limit);
        let deadline = match (self.deadline, own) {
            (Some(outer), Some(own)) => Some(outer.min(own)),
            (outer, own) => outer.or(own),
        };
        Self {
            stop: Arc::clone(&self.stop),
            deadline,
        }
    }

    /// The flag to set from a signal handler or another thread; every clone of this control sees it.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// When the run has to end, if there is a limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Seconds until the deadline, 0 if it is past; `None` without one.
    pub fn remaining_secs(&self) -> Option<f64> {
        self.deadline.map(|deadline| {
            deadline
                .saturating_duration_since(Instant::now())
                .as_secs_f64()
        })
    }

    /// Why the run should end now, if it should. A person's wish goes before the deadline.
    pub fn wants_stop(&self) -> Option<StoppedBy> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(StoppedBy::Interrupt);
        }
        let is_late = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        is_late.then_some(StoppedBy::Deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_sees_the_flag_and_it_goes_before_the_deadline() {
        let control = Control::new();
        let part = control.within(Duration::ZERO);
        assert_eq!(control.wants_stop(), None);
        assert_eq!(part.wants_stop(), Some(StoppedBy::Deadline));
        assert_eq!(part.remaining_secs(), Some(0.0));
        control.stop_flag().store(true, Ordering::Relaxed);
        assert_eq!(part.wants_stop(), Some(StoppedBy::Interrupt));
    }

    #[test]
    fn a_part_cannot_outlast_the_whole() {
        let now = Instant::now();
        let control = Control::new().with_deadline(now);
        assert_eq!(
            control.within(Duration::from_secs(60)).deadline(),
            Some(now)
        );
    }
}
