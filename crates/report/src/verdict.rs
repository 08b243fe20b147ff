//! What the numbers allow to be claimed, and nothing more.

use crate::{BaselineKind, RunSummary};

/// Whether several inputs together are better than the best of them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusionVerdict {
    /// The whole interval of the difference lies on the better side.
    Helps,
    /// The whole interval of the difference lies on the worse side.
    Hurts,
    /// The interval of the difference contains zero.
    NotShown,
    /// There is only one input.
    OneInput,
    /// No test was made.
    Untested,
}

impl RunSummary {
    /// Whether fusion helps, by the paired test against the best single input.
    pub fn fusion_verdict(&self) -> FusionVerdict {
        if self.inputs.len() == 1 {
            return FusionVerdict::OneInput;
        }
        let Some(test) = &self.judgement().fusion else {
            return FusionVerdict::Untested;
        };
        let (low, high) = self.better(test.paired.low, test.paired.high);
        if low > 0.0 {
            FusionVerdict::Helps
        } else if high < 0.0 {
            FusionVerdict::Hurts
        } else {
            FusionVerdict::NotShown
        }
    }

    /// Whether even the unlucky end of the result's interval beats the same answer for every record; `None` if either
    /// is not known.
    pub fn beats_constant(&self) -> Option<bool> {
        let result = self.result()?;
        let constant = self.constant()?.interval.value;
        Some(if self.higher_is_better() {
            result.low > constant
        } else {
            result.high < constant
        })
    }

    /// The baseline that answers the same for every record.
    pub(crate) fn constant(&self) -> Option<&crate::Baseline> {
        let mut baselines = self.judgement().baselines.iter();
        baselines.find(|baseline| baseline.kind == BaselineKind::Constant)
    }

    /// An interval of differences turned so that more is better.
    pub(crate) fn better(&self, low: f64, high: f64) -> (f64, f64) {
        if self.higher_is_better() {
            (low, high)
        } else {
            (-high, -low)
        }
    }
}
