//! Share of records whose true class is among the three most probable.

use schema::Task;

use super::Metric;
use crate::View;

/// How many classes may be named.
const TOP: usize = 3;

/// scikit-learn `top_k_accuracy_score` with k = 3, the later of equal classes first. `None` for three classes or
/// fewer, where it is always 1.
pub(crate) struct Top3Accuracy;

impl Metric for Top3Accuracy {
    fn name(&self) -> &'static str {
        "top_3_accuracy"
    }

    fn about(&self) -> &'static str {
        "share of records whose class is among the three most probable, 0 to 1; of four classes or more"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Class]
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn is_share_of_records(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let labels = view.labels()?;
        let width = view.width();
        if width <= TOP {
            return None;
        }
        view.mean(|row| {
            let scores = &view.scores()[row * width..(row + 1) * width];
            let own = scores[labels[row]];
            let before = |(class, score): &(usize, &f64)| {
                **score > own || (**score == own && *class > labels[row])
            };
            let better = scores.iter().enumerate().filter(before).count();
            f64::from(u8::from(better < TOP))
        })
    }
}
