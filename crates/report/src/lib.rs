//! What a run was worth, for people: summary, Markdown, self-contained HTML.
//!
//! Near the end of the flow. In: a [`RunSummary`], the facts that a training run leaves behind, also saved as
//! `metrics.json` in the run folder. Out: the text that `train` ends with ([`summary_text`]), Markdown
//! ([`markdown`]), one HTML file that needs no network ([`html`]) and a table of several runs ([`compare`]).
//! It must not know tensors, models or tables: every number in it was computed elsewhere.

mod chart;
mod comparison;
mod error;
mod html;
mod markdown;
mod number;
mod sentence;
mod summary;
mod text;
mod thumbnail;
mod verdict;
mod write;

pub use comparison::compare;
pub use error::ReportError;
pub use html::html;
pub use markdown::markdown;
pub use summary::{
    Baseline, BaselineKind, EpochPoint, FusionTest, Judgement, LearningCurve, LeftOut, Mistake,
    PlanPart, PresenceGroup, RunSummary, Shown, Skipped, SkippedReason, Timing, VoiceSummary,
    Worth,
};
pub use text::summary_text;
pub use thumbnail::Thumbnail;
pub use verdict::FusionVerdict;
pub use write::{METRICS_FILE, write};
