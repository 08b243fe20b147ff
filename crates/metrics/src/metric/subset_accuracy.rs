//! Share of records whose whole set of labels is right.

use schema::Task;

use super::Metric;
use crate::{View, view::is_label};

/// scikit-learn `accuracy_score` of label sets.
pub(crate) struct SubsetAccuracy;

impl Metric for SubsetAccuracy {
    fn name(&self) -> &'static str {
        "subset_accuracy"
    }

    fn about(&self) -> &'static str {
        "share of records whose whole set of labels is right, 0 to 1"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Multilabel]
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn is_share_of_records(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let truth = view.label_sets()?;
        let width = view.width();
        view.mean(|row| {
            let places = row * width..(row + 1) * width;
            let mut pairs = truth[places.clone()].iter().zip(&view.scores()[places]);
            let right = pairs.all(|(truth, score)| *truth == is_label(*score));
            f64::from(u8::from(right))
        })
    }
}
