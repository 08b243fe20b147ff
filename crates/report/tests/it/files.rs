//! The files in a run folder.

use report::{ReportError, RunSummary};

use crate::fixture::posts;

#[test]
fn a_summary_reads_back_and_every_report_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let written = report::write(&posts(), dir.path()).unwrap();
    let names: Vec<_> = written
        .iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["metrics.json", "report.md", "report.html"]);
    // A parsed number may differ in its last bit; what is shown may not.
    let back = RunSummary::open(dir.path()).unwrap();
    assert!(report::markdown(&back) == report::markdown(&posts()));
    assert!(report::html(&back) == report::html(&posts()));
}

#[test]
fn a_value_that_is_not_finite_reads_back_as_not_measured() {
    let dir = tempfile::tempdir().unwrap();
    let mut summary = posts();
    summary.curves[0].epochs[3].train_loss = Some(f64::NAN);
    summary.save(dir.path()).unwrap();
    let back = RunSummary::open(dir.path()).unwrap();
    assert_eq!(back.curves[0].epochs[3].train_loss, None);
}

#[test]
fn a_folder_without_a_run_and_a_broken_summary_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let missing = RunSummary::open(dir.path()).unwrap_err();
    assert!(matches!(missing, ReportError::Read { .. }));
    std::fs::write(dir.path().join("metrics.json"), "{\"title\": 1}").unwrap();
    let broken = RunSummary::open(dir.path()).unwrap_err();
    assert!(matches!(broken, ReportError::Parse { .. }));
    let problem = schema::Problem::from(broken);
    assert!(problem.place.ends_with("metrics.json"), "{problem}");
    assert_eq!(problem.exit_code(), 2);
}
