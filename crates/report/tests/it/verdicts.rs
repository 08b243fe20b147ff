//! The report claims no more than the numbers allow.

use report::{FusionVerdict, RunSummary, markdown, summary_text};

use crate::fixture::{houses, paired, posts};

fn with_difference(mut summary: RunSummary, value: f64, low: f64, high: f64) -> RunSummary {
    if let Some(fusion) = &mut summary.held_out.fusion {
        fusion.paired = paired(value, low, high, 0.04);
    }
    summary
}

#[test]
fn fusion_helps_only_if_the_whole_interval_is_better() {
    assert_eq!(posts().fusion_verdict(), FusionVerdict::Helps);
    let touching = with_difference(posts(), 0.03, -0.001, 0.06);
    assert_eq!(touching.fusion_verdict(), FusionVerdict::NotShown);
    assert!(summary_text(&touching).contains("\nIt is not shown that fusion helps"));
    let worse = with_difference(posts(), -0.05, -0.09, -0.01);
    assert_eq!(worse.fusion_verdict(), FusionVerdict::Hurts);
    assert!(markdown(&worse).contains("Use text alone instead"));
}

#[test]
fn less_is_better_for_an_error() {
    assert_eq!(houses().fusion_verdict(), FusionVerdict::NotShown);
    let better = with_difference(houses(), -20_000.0, -31_000.0, -9_000.0);
    assert_eq!(better.fusion_verdict(), FusionVerdict::Helps);
    assert_eq!(better.beats_constant(), Some(true));
}

#[test]
fn a_model_that_does_not_beat_the_constant_answer_is_called_so() {
    let mut summary = posts();
    if let Some(accuracy) = summary.held_out.evaluation.metrics.get_mut("accuracy") {
        (accuracy.value, accuracy.low, accuracy.high) = (0.19, 0.14, 0.25);
    }
    assert_eq!(summary.beats_constant(), Some(false));
    let text = summary_text(&summary).replace('\n', " ");
    assert!(
        text.contains("not shown that the model is any better"),
        "{text}"
    );
}

#[test]
fn one_input_leaves_nothing_to_fuse() {
    let mut summary = posts();
    summary.inputs.truncate(1);
    assert_eq!(summary.fusion_verdict(), FusionVerdict::OneInput);
    assert!(summary_text(&summary).contains("nothing to fuse"));
}

#[test]
fn a_test_table_is_what_counts_where_there_is_one() {
    let mut summary = posts();
    let mut test = summary.held_out.clone();
    if let Some(accuracy) = test.evaluation.metrics.get_mut("accuracy") {
        accuracy.value = 0.931;
    }
    summary.test = Some(test);
    assert_eq!(summary.result().unwrap().value, 0.931);
    let page = markdown(&summary);
    assert!(
        page.contains("200 test records") && !page.contains("chosen on these same"),
        "{page}"
    );
}
