//! How good predictions are: one file a metric, bootstrap intervals, paired tests, slices.
//!
//! In the flow: truth and scores of held-out records come in as plain numbers, named values with their intervals
//! go out to the trainer (which choice is better?) and to reports. It knows no tensor, no file, no network.
//!
//! Every metric is computed on a [`View`]: a checked [`Sample`] and how often each record counts. A bootstrap
//! resample is only another set of counts, so nothing is copied and nothing is sorted again.
//!
//! ```
//! use metrics::{EvaluateOptions, Scores, Truth, evaluate};
//!
//! let classes = ["cat".to_owned(), "dog".to_owned()];
//! let truth = Truth::Classes { labels: &[0, 1, 1], num_classes: 2 };
//! let scores = Scores::Probabilities(&[0.9, 0.1, 0.4, 0.6, 0.7, 0.3]);
//! let options = EvaluateOptions::default();
//! let evaluation = evaluate(schema::Task::Binary, &classes, truth, scores, options)?;
//! assert_eq!(evaluation.metrics["accuracy"].value, 2.0 / 3.0);
//! # Ok::<(), metrics::MetricError>(())
//! ```

mod bootstrap;
mod error;
mod evaluate;
mod metric;
mod order;
mod paired;
mod registry;
mod sample;
mod view;

#[cfg(test)]
mod conformance;

pub use bootstrap::Interval;
pub use error::MetricError;
pub use evaluate::{EvaluateOptions, Evaluation, PerClass, evaluate, measure};
pub use metric::Metric;
pub use paired::{PairedDifference, paired_difference};
pub use registry::{all, by_name, default_for, find, for_task};
pub use sample::{Sample, Scores, Truth};
pub use view::{Tally, View};
