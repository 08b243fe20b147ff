//! Early stopping on a named metric, and the choice of the best epoch.

use schema::{Code, Problem, Task};
use serde::{Deserialize, Serialize};

/// Name of the loss on the held-out records, which every task has beside its metrics.
pub const LOSS: &str = "loss";

/// When a run stops because its metric stands still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopConfig {
    /// What is watched on the held-out records: `loss` (default) or a metric of the task.
    #[serde(alias = "metric_for_best_model")]
    pub metric: String,
    /// Evaluations without improvement after which the run stops; default 5, at least 1.
    #[serde(alias = "early_stopping_patience")]
    pub patience: usize,
    /// A change up to this is no improvement; default 0. In the metric's unit.
    #[serde(alias = "early_stopping_threshold")]
    pub min_delta: f64,
}

impl Default for EarlyStopConfig {
    fn default() -> Self {
        Self {
            metric: LOSS.to_owned(),
            patience: 5,
            min_delta: 0.0,
        }
    }
}

impl EarlyStopConfig {
    /// What is wrong with the settings for a task; empty if nothing is.
    pub fn check(&self, task: Task) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(problem) = Watched::find(&self.metric, task) {
            problems.push(problem.at("early_stop.metric"));
        }
        let bad = |key: &str, expected: &str, got: String| {
            let problem = Problem::new(Code::Config, "outside its range");
            problem
                .at(format!("early_stop.{key}"))
                .expected(expected)
                .got(got)
        };
        if self.patience == 0 {
            problems.push(bad("patience", "at least 1", "0".to_owned()));
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            problems.push(bad("min_delta", "at least 0", self.min_delta.to_string()));
        }
        problems
    }
}

/// A measure of the held-out records that a run goes by.
#[derive(Clone, Copy)]
pub enum Watched {
    /// The loss.
    Loss,
    /// A metric of the metrics room.
    Metric(&'static dyn metrics::Metric),
}

impl Watched {
    /// The measure of a name for a task.
    ///
    /// # Errors
    /// A problem with the nearest name if the task has no such measure.
    pub fn find(name: &str, task: Task) -> Result<Self, Problem> {
        if name == LOSS {
            return Ok(Self::Loss);
        }
        metrics::find(name, task)
            .map(Self::Metric)
            .map_err(|problem| Problem {
                what: problem.what.replacen("(known: ", "(known: loss, ", 1),
                code: Code::Config,
                ..problem
            })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => LOSS,
            Self::Metric(metric) => metric.name(),
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Loss => false,
            Self::Metric(metric) => metric.higher_is_better(),
        }
    }
}

/// What an evaluation means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: its weights are worth keeping.
    Best,
    /// No improvement, but there is patience left.
    Wait,
    /// Patience is at its end.
    Stop,
}

/// The state of early stopping; part of a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Best value seen.
    pub best: Option<f64>,
    /// Epoch of it, from 1.
    pub best_epoch: usize,
    /// Evaluations since then.
    pub num_waited: usize,
}

impl EarlyStop {
    /// Takes an evaluation into account. A value that is not finite is no improvement.
    pub fn observe(
        &mut self,
        config: &EarlyStopConfig,
        higher_is_better: bool,
        epoch: usize,
        value: f64,
    ) -> Verdict {
        let is_better = match self.best {
            None => value.is_finite(),
            Some(best) if higher_is_better => value > best + config.min_delta,
            Some(best) => value < best - config.min_delta,
        };
        if is_better {
            *self = Self {
                best: Some(value),
                best_epoch: epoch,
                num_waited: 0,
            };
            return Verdict::Best;
        }
        self.num_waited += 1;
        if self.num_waited >= config.patience {
            Verdict::Stop
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(config: &EarlyStopConfig, higher_is_better: bool, values: &[f64]) -> Vec<Verdict> {
        let mut stop = EarlyStop::default();
        let epochs = values.iter().enumerate();
        epochs
            .map(|(index, value)| stop.observe(config, higher_is_better, index + 1, *value))
            .collect()
    }

    #[test]
    fn stops_after_patience_evaluations_without_improvement() {
        use Verdict::{Best, Stop, Wait};
        let config = EarlyStopConfig {
            patience: 2,
            ..EarlyStopConfig::default()
        };
        let falling = [1.0, 0.5, 0.6, 0.4, 0.4, f64::NAN];
        assert_eq!(
            verdicts(&config, false, &falling),
            [Best, Best, Wait, Best, Wait, Stop]
        );
        assert_eq!(
            verdicts(&config, true, &[0.5, 0.6, 0.6, 0.2]),
            [Best, Best, Wait, Stop]
        );
    }

    #[test]
    fn a_change_up_to_min_delta_is_no_improvement() {
        let config = EarlyStopConfig {
            patience: 9,
            min_delta: 0.25,
            ..EarlyStopConfig::default()
        };
        let found = verdicts(&config, true, &[0.5, 0.75, 0.8125]);
        assert_eq!(found, [Verdict::Best, Verdict::Wait, Verdict::Best]);
    }

    #[test]
    fn a_mistyped_metric_gets_the_nearest_name_and_loss_is_known() {
        let problem = Watched::find("acuracy", Task::Class).err().unwrap();
        assert!(
            problem
                .what
                .starts_with("no metric \"acuracy\"; closest \"accuracy\" (known: loss, ")
        );
        assert!(Watched::find("mae", Task::Class).is_err());
        assert!(
            !Watched::find(LOSS, Task::Regression)
                .unwrap()
                .higher_is_better()
        );
        assert!(
            Watched::find("accuracy", Task::Binary)
                .unwrap()
                .higher_is_better()
        );
    }
}
