//! Volumes from a table to answers.

use std::fs;

use multifuse::Table;

use crate::{
    media_files::nifti,
    program::{fresh_folder, multifuse, write},
};

#[test]
fn volumes_are_learned_and_may_be_missing() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut table = String::from("scan,age,label\n");
    for row in 0..40_usize {
        let is_ill = row % 2 == 0;
        // A bright ball on one side or the other.
        let centre = if is_ill { 3.0 } else { 11.0 };
        let voxel = |x: usize, y: usize, z: usize| {
            let far =
                (x as f32 - centre).powi(2) + (y as f32 - 7.0).powi(2) + (z as f32 - 4.0).powi(2);
            let noise = (x * 31 + y * 17 + z * 7 + row * 13) % 11;
            noise as f32 + if far < 14.0 { 60.0 } else { 0.0 }
        };
        write(at, &format!("v{row}.nii"), nifti([15, 14, 9], voxel));
        let scan = if row % 7 == 6 {
            String::new()
        } else {
            format!("v{row}.nii")
        };
        table += &format!(
            "{scan},{},{}\n",
            40 + row % 9,
            if is_ill { "ill" } else { "well" }
        );
    }
    write(at, "scans.csv", &table);
    let seen = multifuse(at, "inspect scans.csv --target label").succeeds();
    assert!(seen.contains("paths of volumes (nifti)"), "{seen}");
    multifuse(
        at,
        "train scans.csv --target label --time-limit 8 --out run",
    )
    .succeeds();
    let judged = multifuse(at, "evaluate run scans.csv --json").json();
    assert_eq!(
        (&judged["num_records"], &judged["num_skipped"]),
        (&40.into(), &0.into())
    );
    let patterns = judged["by_presence"].as_array().unwrap();
    assert_eq!(patterns[0]["name"], "scan+age");
    assert!(patterns[0]["value"].as_f64().unwrap() > 0.9, "{judged}");
    assert_eq!(patterns[1]["name"], "age");
    multifuse(at, "predict run scans.csv --out answers.jsonl").succeeds();
    let answers = Table::open(at.join("answers.jsonl")).unwrap();
    assert!((0..40).all(|row| !answers.record(row).cell("prediction").is_missing()));
    let report = fs::read_to_string(at.join("run/report.html")).unwrap();
    let shown = report.contains("alt=\"scan: slices of a volume\"");
    assert!(
        shown || !report.contains("class=\"mistake"),
        "mistakes have no slices"
    );
}
