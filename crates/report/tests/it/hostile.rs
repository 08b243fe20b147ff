//! Whatever a table, a class or a file name holds, it stays text.

use metrics::Evaluation;
use report::{RunSummary, html, markdown, summary_text};
use serde_json::Value;

use crate::fixture::posts;

const ATTACK: &str =
    "</style></pre><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{1b}[31m";

/// Puts the attack behind every text of a summary that does not have to be one of few words.
fn poison(value: &mut Value, key: &str) {
    const FIXED: [&str; 8] = [
        "task", "modality", "role", "kind", "metric", "jpeg", "reasons", "version",
    ];
    match value {
        Value::String(text) if !FIXED.contains(&key) => text.push_str(ATTACK),
        Value::Array(list) => list.iter_mut().for_each(|item| poison(item, key)),
        Value::Object(map) => map
            .iter_mut()
            .for_each(|(key, item)| poison(item, &key.clone())),
        _ => {}
    }
}

fn poisoned() -> RunSummary {
    let mut value = serde_json::to_value(posts()).unwrap();
    poison(&mut value, "");
    // Names of metrics are keys; a foreign file may hold any.
    let metrics = value["held_out"]["evaluation"]["metrics"]
        .as_object_mut()
        .unwrap();
    let accuracy = metrics["accuracy"].clone();
    metrics.insert(ATTACK.to_owned(), accuracy);
    value["metric"] = "accuracy".into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn html_shows_markup_of_users_as_text() {
    let page = html(&poisoned());
    assert!(!page.contains("<script"), "a script tag got through");
    assert!(!page.contains("<img src=x"), "an image tag got through");
    assert!(
        !page.contains("onerror=alert(1)>\u{1b}") && page.contains("&#60;script&#62;")
            || page.contains("&lt;script&gt;")
    );
    let clean = html(&posts());
    for tag in ["</style>", "<img ", "<pre>", "<svg "] {
        let count = |page: &str| page.matches(tag).count();
        assert_eq!(count(&page), count(&clean), "{tag}");
    }
}

#[test]
fn markdown_and_text_show_markup_and_terminal_codes_as_text() {
    let summary = poisoned();
    let page = markdown(&summary);
    let outside_code: String = page.split("```").step_by(2).collect();
    assert!(!outside_code.contains("<script") && !outside_code.contains('\u{1b}'));
    assert!(!summary_text(&summary).contains('\u{1b}'));
}

#[test]
fn the_page_fetches_nothing() {
    let page = html(&posts());
    for word in [
        "http://",
        "https://",
        "url(",
        "@import",
        "<link",
        "<script",
        "javascript:",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_summary_of_almost_nothing_gives_every_report() {
    let evaluation = Evaluation {
        num_records: 0,
        metrics: Default::default(),
        per_class: Vec::new(),
        confusion: Vec::new(),
    };
    let mut summary = RunSummary::new(
        schema::Task::Class,
        "label",
        "no_such",
        report::Judgement::new(evaluation),
    );
    for _ in 0..2 {
        assert!(html(&summary).ends_with("</html>"));
        assert!(markdown(&summary).contains("could not be computed"));
        assert!(!summary_text(&summary).is_empty());
        assert!(!report::compare(&[summary.clone()]).is_empty());
        summary.classes = vec!["a".to_owned(), "b".to_owned()];
        summary.held_out.evaluation.confusion = vec![vec![1]];
        summary.total_secs = f64::NAN;
    }
}
