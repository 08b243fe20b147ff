use std::{sync::atomic::Ordering, time::Instant};

use train::{
    Control, EpochRecord, Event, FitContext, StoppedBy, TrainError, fit, measure_step_secs,
};

use crate::toy::{NUM_RECORDS, Recorder, bits, config, toy, usual};

#[test]
fn the_default_recipe_learns_the_toy() {
    let recorder = Recorder::default();
    let (_, result) = usual()
        .fit(&config("epochs = 12"), &recorder.context())
        .unwrap();
    let epochs = &result.history.epochs;
    assert_eq!((result.epochs_run, result.steps_run), (12, 12 * 5));
    assert_eq!(result.stopped_by, StoppedBy::Finished);
    assert!(
        epochs[11].train_loss < 0.7 * epochs[0].train_loss,
        "{epochs:?}"
    );
    assert!(epochs[11].metrics["accuracy"] >= 0.75, "{epochs:?}");
    assert!(result.secs_per_epoch > 0.0);
    assert_eq!(recorder.warnings(), Vec::<String>::new());
}

#[test]
fn bf16_learns_as_well_as_f32_with_other_weights() {
    let toy = usual();
    let fitted = |text: &str| {
        toy.fit(&config(text), &Recorder::default().context())
            .unwrap()
    };
    let (f32_network, f32_result) = fitted("epochs = 12");
    let (bf16_network, bf16_result) = fitted("epochs = 12\nprecision = \"bf16\"");
    assert_ne!(
        bits(&f32_network.parameters),
        bits(&bf16_network.parameters)
    );
    let accuracy = |result: &train::FitResult| result.history.epochs[11].metrics["accuracy"];
    // The toy has few held-out records: what one of them weighs is the tolerance.
    assert!(accuracy(&bf16_result) >= accuracy(&f32_result) - 0.1);
}

#[test]
fn weights_do_not_depend_on_the_number_of_threads() {
    let toy = usual();
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut network = toy.build();
            let context = &Recorder::default();
            let config = config("epochs = 2\nclip_norm = 1.0");
            let train = toy.train_loader(&config, threads - 1);
            fit(&mut network, &train, None, &config, &context.context()).unwrap();
            bits(&network.parameters)
        })
    };
    let one = weights(1);
    assert_eq!(one, weights(2));
    assert_eq!(one, weights(3));
}

#[test]
fn only_epochs_that_something_needs_are_evaluated() {
    let toy = usual();
    let evaluated = |text: &str| -> Vec<usize> {
        let (_, result) = toy
            .fit(&config(text), &Recorder::default().context())
            .unwrap();
        let with_loss = |epoch: &&EpochRecord| epoch.validation_loss.is_some();
        result
            .history
            .epochs
            .iter()
            .filter(with_loss)
            .map(|epoch| epoch.epoch)
            .collect()
    };
    assert_eq!(evaluated(""), [4]);
    assert_eq!(evaluated("evaluate_every_epochs = 3"), [3, 4]);
    assert_eq!(evaluated("schedule = \"plateau\""), [1, 2, 3, 4]);
    assert_eq!(evaluated("stop_after_epochs = 2"), [2]);
}

#[test]
fn early_stopping_keeps_the_weights_of_the_best_epoch() {
    let toy = usual();
    // A rate that soon does harm.
    let text = "epochs = 40\nlr = 0.5\nema_decay = 0.0\nearly_stop = { metric = \"accuracy\", patience = 2 }";
    let (network, result) = toy
        .fit(&config(text), &Recorder::default().context())
        .unwrap();
    assert_eq!(result.stopped_by, StoppedBy::EarlyStop);
    let best = result.best_epoch.unwrap();
    assert_eq!(result.epochs_run, best + 2);
    // The same run cut at its best epoch has the same weights.
    let cut = format!("{text}\nstop_after_epochs = {best}");
    let (same, _) = toy
        .fit(&config(&cut), &Recorder::default().context())
        .unwrap();
    assert_eq!(bits(&network.parameters), bits(&same.parameters));
}

#[test]
fn a_run_that_a_deadline_cut_repeats_exactly_by_its_steps() {
    let toy = usual();
    let control = Control::new().with_deadline(Instant::now());
    let recorder = Recorder::default();
    let context = FitContext {
        control: &control,
        ..recorder.context()
    };
    let (cut, result) = toy.fit(&config(""), &context).unwrap();
    assert_eq!(result.stopped_by, StoppedBy::Deadline);
    assert_eq!((result.epochs_run, result.steps_run), (0, 1));
    let again = config("stop_after_steps = 1");
    let (same, result) = toy.fit(&again, &recorder.context()).unwrap();
    assert_eq!(result.stopped_by, StoppedBy::Finished);
    assert_eq!(bits(&cut.parameters), bits(&same.parameters));
}

#[test]
fn a_set_flag_ends_the_run_after_its_step() {
    let recorder = Recorder::default();
    recorder.control.stop_flag().store(true, Ordering::Relaxed);
    let (_, result) = usual().fit(&config(""), &recorder.context()).unwrap();
    assert_eq!(
        (result.stopped_by, result.steps_run),
        (StoppedBy::Interrupt, 1)
    );
    let events = recorder.events();
    assert!(
        matches!(events.first(), Some(Event::PartStarted { total: 288, .. })),
        "{events:?}"
    );
    assert!(matches!(events.last(), Some(Event::PartEnded { .. })));
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    // Sums in another order.
    const F32_SUM_TOL: f32 = 2e-5;
    // Nothing that draws by batch, nothing that mixes the records of a batch.
    let toy = toy(
        "modality_dropout_rate = 0.0\naux_weight = 0.0\nembed_dim = 8\n\
         [encoders.number]\nhidden_dims = [8]\ndropout_rate = 0.0\n\
         [encoders.picture]\ntype = \"image_conv\"\nsize_px = 12\nstyle = \"plain\"\n\
         [fusion]\ntype = \"concat\"\ndropout_rate = 0.0\n",
    );
    let weights = |text: &str| {
        let common = "epochs = 2\nema_decay = 0.0\noptimizer = \"sgd\"\nschedule = \"constant\"\n";
        let config = config(&format!("{common}{text}"));
        let (network, result) = toy.fit(&config, &Recorder::default().context()).unwrap();
        (network, result.steps_run)
    };
    // 72 records: 3 steps of 20 and one of 12; in batches of 5, groups of four and a last one of 5, 5 and 2.
    let (whole, whole_steps) = weights("batch_size = 20");
    let (parts, part_steps) = weights("batch_size = 5\naccumulate_steps = 4");
    assert_eq!((whole_steps, part_steps), (8, 8));
    let pairs = whole.parameters.iter().zip(parts.parameters.iter());
    for ((_, name, _, whole), (.., parts)) in pairs {
        for (a, b) in whole.data().iter().zip(parts.data()) {
            assert!(
                (a - b).abs() <= F32_SUM_TOL * a.abs().max(1.0),
                "{name}: {a} {b}"
            );
        }
    }
}

#[test]
fn a_loss_that_stays_infinite_stops_the_run_with_its_step() {
    let recorder = Recorder::default();
    let text = "lr = 1e30\nschedule = \"constant\"\nepochs = 9\noptimizer = \"sgd\"";
    let error = usual()
        .fit(&config(text), &recorder.context())
        .err()
        .unwrap();
    assert!(matches!(error, TrainError::NotFinite { .. }), "{error}");
    let problem = schema::Problem::from(error);
    assert!(problem.place.starts_with("step "), "{problem}");
    assert!(problem.got.unwrap().contains("last finite loss"));
    let warnings = recorder.warnings();
    assert!(
        warnings
            .iter()
            .filter(|text| text.contains("left out"))
            .count()
            >= 3,
        "{warnings:?}"
    );
}

#[test]
fn what_cannot_work_is_refused_before_the_first_step() {
    let toy = usual();
    let recorder = Recorder::default();
    let refused = |text: &str, context: &FitContext<'_>| {
        let mut network = toy.build();
        let config = config(text);
        let train = toy.train_loader(&config, 0);
        let before = bits(&network.parameters);
        let error = fit(&mut network, &train, None, &config, context)
            .err()
            .unwrap();
        assert_eq!(bits(&network.parameters), before);
        error
    };
    let error = refused("early_stop = { metric = \"acuracy\" }", &recorder.context());
    assert!(
        error.to_string().contains("closest \"accuracy\""),
        "{error}"
    );
    let error = refused("early_stop = {}", &recorder.context());
    assert!(
        matches!(error, TrainError::NoValidation { what: "early_stop" }),
        "{error}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    for is_log in [true, false] {
        let (log, checkpoint) = (
            is_log.then_some(file.path()),
            (!is_log).then_some(file.path()),
        );
        let context = FitContext {
            log_folder: log,
            checkpoint_folder: checkpoint,
            ..recorder.context()
        };
        let error = refused("", &context);
        assert!(matches!(error, TrainError::Write { .. }), "{error}");
    }
    assert!(recorder.events().is_empty());
}

#[test]
fn the_log_folder_has_a_line_an_epoch_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let context = FitContext {
        log_folder: Some(folder.path()),
        ..recorder.context()
    };
    let (_, result) = usual().fit(&config("epochs = 2"), &context).unwrap();
    let text = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let lines: Vec<EpochRecord> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, result.history.epochs);
    let files: Vec<_> = std::fs::read_dir(folder.path().join("events"))
        .unwrap()
        .collect();
    assert_eq!(files.len(), 1);
    let ended = |event: &&Event| matches!(event, Event::EpochEnded { num_epochs: 2, .. });
    assert_eq!(recorder.events().iter().filter(ended).count(), 2);
}

#[test]
fn measuring_a_step_changes_nothing() {
    let toy = usual();
    let network = toy.build();
    let before = bits(&network.parameters);
    let train = toy.train_loader(&config(""), 0);
    let secs = measure_step_secs(&network, &train, &config(""), 7).unwrap();
    assert!(secs > 0.0 && secs < 5.0, "{secs}");
    assert_eq!(bits(&network.parameters), before);
    assert_eq!(NUM_RECORDS, toy.dataset.good_rows().len());
}
