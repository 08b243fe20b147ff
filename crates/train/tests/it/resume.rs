use std::path::Path;

use train::{Checkpoint, EpochRecord, FitContext, FitResult, TrainError};

use crate::toy::{Recorder, Toy, bits, config, usual};

/// Fits with a checkpoint folder; gives the bits of the kept weights.
fn run(toy: &Toy, text: &str, folder: &Path, resume: bool) -> (Vec<u32>, FitResult) {
    let recorder = Recorder::default();
    let context = FitContext {
        checkpoint_folder: Some(folder),
        resume,
        ..recorder.context()
    };
    let (network, result) = toy.fit(&config(text), &context).unwrap();
    assert_eq!(recorder.warnings(), Vec::<String>::new());
    (bits(&network.parameters), result)
}

/// What an epoch gave, without what the clock gave.
fn timeless(result: &FitResult) -> Vec<EpochRecord> {
    let still = |record: &EpochRecord| EpochRecord {
        secs: 0.0,
        data_wait_secs: 0.0,
        data_wait_fraction: 0.0,
        records_per_sec: 0.0,
        ..record.clone()
    };
    result.history.epochs.iter().map(still).collect()
}

/// Cuts a run and goes on; must be the run without the cut, bit by bit.
fn assert_resumes_exactly(text: &str, cut: &str) {
    let toy = usual();
    let (whole_folder, cut_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole_weights, whole) = run(&toy, text, whole_folder.path(), false);
    let (early_weights, early) = run(&toy, &format!("{text}\n{cut}"), cut_folder.path(), false);
    assert!(early.steps_run < whole.steps_run);
    assert_ne!(early_weights, whole_weights);
    let (weights, resumed) = run(&toy, text, cut_folder.path(), true);
    assert_eq!(weights, whole_weights);
    assert_eq!(timeless(&resumed), timeless(&whole));
    assert_eq!(resumed.steps_run, whole.steps_run);
    assert_eq!(resumed.best_epoch, whole.best_epoch);
}

#[test]
fn three_epochs_and_three_more_are_six() {
    assert_resumes_exactly(
        "epochs = 6\nevaluate_every_epochs = 1",
        "stop_after_epochs = 3",
    );
}

#[test]
fn a_run_cut_in_the_middle_of_an_epoch_goes_on_there() {
    assert_resumes_exactly(
        "epochs = 4\ncheckpoint_every_secs = 0.0",
        "stop_after_steps = 7",
    );
}

#[test]
fn plateau_early_stop_and_momentum_go_on_too() {
    assert_resumes_exactly(
        "epochs = 6\noptimizer = \"sgd\"\naccumulate_steps = 2\n\
         schedule = { type = \"plateau\", patience = 0, threshold = 0.5 }\n\
         early_stop = { metric = \"accuracy\", patience = 4 }",
        "stop_after_steps = 8",
    );
}

#[test]
fn a_finished_run_resumes_to_the_same_weights_at_once() {
    let toy = usual();
    let folder = tempfile::tempdir().unwrap();
    let (weights, _) = run(&toy, "", folder.path(), false);
    let (again, result) = run(&toy, "", folder.path(), true);
    assert_eq!(weights, again);
    assert_eq!(result.epochs_run, 4);
}

#[test]
fn a_run_with_other_settings_is_refused_with_the_difference() {
    let toy = usual();
    let folder = tempfile::tempdir().unwrap();
    run(&toy, "stop_after_epochs = 1", folder.path(), false);
    let recorder = Recorder::default();
    let context = FitContext {
        checkpoint_folder: Some(folder.path()),
        resume: true,
        ..recorder.context()
    };
    let error = toy.fit(&config("lr = 0.5"), &context).err().unwrap();
    assert!(matches!(error, TrainError::Checkpoint { .. }));
    assert!(
        error
            .to_string()
            .ends_with("it was written with lr = 0.02, this run has 0.5"),
        "{error}"
    );
}

#[test]
fn without_a_checkpoint_resume_begins_anew() {
    let toy = usual();
    let (empty, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (weights, _) = run(&toy, "epochs = 1", empty.path(), true);
    let (same, _) = run(&toy, "epochs = 1", other.path(), false);
    assert_eq!(weights, same);
}

#[test]
fn a_disk_that_refuses_the_checkpoint_costs_a_warning_not_the_run() {
    let toy = usual();
    let folder = tempfile::tempdir().unwrap();
    // A folder where the file should be: the rename fails at every write.
    std::fs::create_dir_all(Checkpoint::path(folder.path()).join("x")).unwrap();
    let recorder = Recorder::default();
    let context = FitContext {
        checkpoint_folder: Some(folder.path()),
        ..recorder.context()
    };
    let (_, result) = toy
        .fit(&config("checkpoint_every_secs = 0.0\nepochs = 1"), &context)
        .unwrap();
    assert_eq!(result.epochs_run, 1);
    let warnings = recorder.warnings();
    assert_eq!(warnings.len(), result.steps_run + 1, "{warnings:?}");
    assert!(
        warnings[0].contains("checkpoint could not be written"),
        "{}",
        warnings[0]
    );
}
