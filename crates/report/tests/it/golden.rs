//! Text and Markdown as kept files: changing a report is a visible change.
//!
//! `UPDATE_GOLDEN=1 cargo test -p multifuse-report` writes them anew; read the difference before committing it.

use std::{env, fs, path::Path};

use crate::fixture::{houses, posts};

fn check(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        got == expected,
        "{name} differs\n--- expected\n{expected}\n--- got\n{got}"
    );
}

#[test]
fn the_text_at_the_end_of_training_is_as_kept() {
    check("posts.txt", &report::summary_text(&posts()));
    check("houses.txt", &report::summary_text(&houses()));
}

#[test]
fn the_markdown_is_as_kept() {
    check("posts.md", &report::markdown(&posts()));
    check("houses.md", &report::markdown(&houses()));
}

#[test]
fn the_comparison_is_as_kept() {
    let mut worse = posts();
    worse.run_dir = "runs/posts-late".to_owned();
    if let Some(accuracy) = worse.held_out.evaluation.metrics.get_mut("accuracy") {
        accuracy.value = 0.825;
    }
    check("compare.md", &report::compare(&[posts(), worse, houses()]));
    assert_eq!(report::compare(&[]), "");
}

#[test]
fn the_text_is_short_whatever_the_run_holds() {
    let mut summary = posts();
    let baseline = summary.held_out.baselines[1].clone();
    summary.held_out.baselines.extend(vec![baseline; 40]);
    summary.inputs.extend(vec![summary.inputs[0].clone(); 40]);
    summary.skipped.count(&"a long reason ".repeat(200), 3);
    let text = report::summary_text(&summary);
    assert!(text.lines().count() <= 25, "{text}");
    assert!(text.ends_with("Report: runs/posts/report.html\n"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}
