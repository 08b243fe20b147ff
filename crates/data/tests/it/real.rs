use data::{Table, inspect};
use std::{collections::BTreeMap, path::PathBuf};

#[test]
fn look() {
    for (set, target) in [
        ("emoji", "label"),
        ("fashion_products", "article_type"),
        ("houses", "price"),
        ("nlvr", "label"),
        ("covid_cxr", "label"),
        ("av_digits", "label"),
        ("ecg_beats", "label"),
        ("grid_av", "digit"),
        ("fashion_products", "base_colour"),
    ] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data")
            .join(set)
            .join("train.csv");
        let Ok(table) = Table::open(&path) else {
            eprintln!("absent {path:?}");
            return;
        };
        let now = std::time::Instant::now();
        let i = inspect(&table, Some(target), &BTreeMap::new()).unwrap();
        eprintln!(
            "=== {set} {} {:?} {} {:?}",
            i.num_records,
            i.task,
            i.task_why,
            now.elapsed()
        );
        for c in &i.columns {
            eprintln!(
                "  {:14} {:9} {:8} d={} miss={} {} {:?}",
                c.column.name,
                c.column.modality,
                format!("{:?}", c.column.role),
                c.num_distinct,
                c.num_missing,
                c.why,
                c.examples.first()
            );
        }
        for w in &i.warnings {
            eprintln!("  ! {} {}: {}", w.code, w.column, w.text);
        }
    }
}
