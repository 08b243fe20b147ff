//! The same seed gives the same model: by any number of threads, and again from the run's own configuration.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    program::{fresh_folder, multifuse, write},
    tables,
};

/// The bytes of every file of the artifact but the manifest, which says when it was made.
pub(crate) fn artifact(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(run.join("artifact"))
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .filter(|(name, _)| name != "manifest.json")
        .collect();
    assert!(files.keys().any(|name| name.ends_with(".safetensors")));
    files
}

/// Insists on equal tensors, and names the files that differ instead of printing them.
#[track_caller]
pub(crate) fn assert_same_tensors(first: &Path, second: &Path) {
    let (first, second) = (artifact(first), artifact(second));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    let differing: Vec<&String> = first
        .iter()
        .filter(|(name, bytes)| name.ends_with(".safetensors") && second[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(differing.is_empty(), "{differing:?} differ");
}

#[test]
fn threads_and_the_runs_own_configuration_give_identical_tensors() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(60));
    // The network beside the quick experts, so that every kind of tensor on such columns is there.
    let config = multifuse(at, "init table.csv --target label --seed 5").succeeds();
    let joint = multifuse(
        at,
        "init table.csv --target label --experts joint --epochs 2",
    )
    .succeeds();
    let joint = joint.split_once("[[experts]]").unwrap().1;
    write(at, "all.toml", format!("{config}\n[[experts]]{joint}"));
    for threads in [1, 2] {
        let words = format!(
            "train table.csv --config all.toml --threads {threads} --out threads_{threads}"
        );
        multifuse(at, &words).succeeds();
    }
    assert_same_tensors(&at.join("threads_1"), &at.join("threads_2"));
    multifuse(
        at,
        "train table.csv --config threads_1/config.toml --out again",
    )
    .succeeds();
    assert_same_tensors(&at.join("threads_1"), &at.join("again"));

    multifuse(at, "train table.csv --config all.toml --seed 6 --out other").succeeds();
    assert_ne!(artifact(&at.join("threads_1")), artifact(&at.join("other")));
}

#[test]
fn pictures_give_identical_tensors_by_any_number_of_threads() {
    let folder = fresh_folder();
    let at = folder.path();
    multifuse(at, "sample posts posts --records 40").succeeds();
    write(at, "run.toml", SMALL_PICTURES);
    for threads in [1, 2] {
        let words = format!(
            "train posts/train.csv --config run.toml --threads {threads} --out threads_{threads}"
        );
        multifuse(at, &words).succeeds();
    }
    assert_same_tensors(&at.join("threads_1"), &at.join("threads_2"));
    let answers = |threads: usize| {
        let words = format!("predict threads_1 posts/test.csv --threads {threads}");
        multifuse(at, &words).succeeds()
    };
    assert_eq!(answers(1), answers(2));
}

/// Both experts that read pictures, small.
const SMALL_PICTURES: &str = r#"
[data]
target = "label"
inputs = ["image", "text"]

[[experts]]
kind = "image_feature"
name = "features"
inputs = ["image"]
num_centres = 40
num_patches = 2000
rounds = 2

[[experts]]
kind = "network"
name = "joint"
inputs = ["image", "text"]

[experts.encoders.image]
type = "image_conv"
size_px = 32

[experts.trainer]
epochs = 1
"#;
