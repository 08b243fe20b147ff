//! The library as its documentation shows it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use multifuse::{Answer, Predictor, Run, Table, Task, Trainer, record, secs};

use train::{Event, Observer};

use crate::{
    program::{fresh_folder, write},
    same_result::assert_same_tensors,
    shared, tables,
};

/// Sums of two probabilities.
const SUM_TOL: f64 = 1e-9;

#[test]
fn a_table_is_learned_and_a_record_answered_in_a_few_lines() -> Result<(), multifuse::Problem> {
    let folder = fresh_folder();
    let at = folder.path();
    let table = Table::open(write(at, "table.csv", tables::binary(60)))?;
    let run = Trainer::new("label")
        .inputs(["words", "size"])
        .time_limit(secs(20))
        .out(at.join("run"))
        .fit(&table)?;
    assert!(run.summary().contains("this model"), "{}", run.summary());
    assert!(run.reaches(0.5) && !run.reaches(1.01));
    assert_eq!(Run::open(run.folder())?.report(), run.report());

    let model = Predictor::open(run.folder())?;
    let records = [
        (record! { words: "storm rain wind snow", size: 2.0 }, "sky"),
        (
            record! { words: "bus lane car ticket", size: 0.0 },
            "street",
        ),
        (record! { words: "snow cloud" }, "sky"),
    ];
    for (record, expected) in records {
        let Answer::Class {
            label,
            probability,
            probabilities,
        } = model.predict(&record)?
        else {
            panic!("a class is expected");
        };
        assert_eq!(label, expected, "{record:?}");
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < SUM_TOL);
        assert_eq!(
            probabilities.iter().copied().fold(0.0, f64::max),
            probability
        );
    }
    // Nothing known, and a column that training did not see.
    model.predict(&record! {})?;
    model.predict(&record! { colour: "red" })?;
    assert!(model.predict(&record! { size: "large" }).is_err());
    Ok(())
}

#[test]
fn one_record_alone_is_answered_as_in_its_table() -> Result<(), multifuse::Problem> {
    let trained = shared::binary();
    let model = Predictor::open(trained.folder.join("run"))?;
    let table = Arc::new(Table::open(trained.folder.join("table.csv"))?);
    let answers = model.predict_table(&table)?;
    assert_eq!(answers.len(), 60);
    for answer in answers {
        let alone = model.predict(&table.record(answer.row))?;
        assert_eq!(answer.answer.as_ref(), Ok(&alone), "row {}", answer.row);
    }
    Ok(())
}

#[test]
fn no_answer_comes_of_changed_numbers() -> Result<(), multifuse::Problem> {
    let artifact = shared::binary().folder.join("run/artifact");
    let copy = fresh_folder();
    for entry in std::fs::read_dir(artifact).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = std::fs::read(entry.path()).unwrap();
        // A file without tensors is all header, whose form would tell before the digest does.
        let is_numbers = entry
            .path()
            .extension()
            .is_some_and(|it| it == "safetensors");
        if is_numbers && bytes.len() > 1000 {
            *bytes.last_mut().unwrap() ^= 1;
        }
        std::fs::write(copy.path().join(entry.file_name()), bytes).unwrap();
    }
    // Some parts see for themselves on opening that their numbers make no sense; the others learn it before they answer.
    let said = Predictor::open(copy.path()).and_then(|model| model.predict(&record! {}));
    let text = multifuse::Problem::from(said.unwrap_err()).to_string();
    assert!(text.contains(".safetensors has changed"), "{text}");
    Ok(())
}

#[test]
fn a_plan_and_a_configuration_need_no_training() -> Result<(), multifuse::Problem> {
    let folder = fresh_folder();
    let table = Table::open(write(folder.path(), "table.csv", tables::regression(40)))?;
    let trainer = Trainer::new("price").joint().epochs(3);
    let plan = trainer.plan(&table)?;
    assert_eq!(plan.task, Task::Regression);
    assert_eq!(plan.num_fit + plan.num_held_out, 40);
    assert!(plan.num_parameters > 0);
    let config = multifuse::Config::parse(&trainer.commented_config(&table)?)?;
    let again = Trainer::from_config(config).plan(&table)?;
    assert_eq!(again.num_parameters, plan.num_parameters);
    Ok(())
}

#[test]
fn what_cannot_be_used_is_a_problem_not_a_panic() {
    let folder = fresh_folder();
    let at = folder.path();
    assert!(Table::open(at.join("not_there.csv")).is_err());
    assert!(Predictor::open(at).is_err());
    assert!(Run::open(at).is_err());
    let table = Table::open(write(at, "table.csv", tables::binary(30))).unwrap();
    let problem = Trainer::new("lable")
        .out(at.join("run"))
        .fit(&table)
        .err()
        .unwrap();
    assert!(problem.to_string().contains("label"), "{problem}");
    assert!(!at.join("run").exists());
}

/// Asks a run to stop when one of its parts begins.
struct StopsAt {
    part: String,
    flag: Arc<AtomicBool>,
}

impl Observer for StopsAt {
    fn event(&self, event: &Event) {
        if matches!(event, Event::PartStarted { name, .. } if *name == self.part) {
            self.flag.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_run_that_is_stopped_in_any_part_is_gone_on_with() -> Result<(), multifuse::Problem> {
    let folder = fresh_folder();
    let at = folder.path();
    let table = Table::open(write(at, "table.csv", tables::binary(60)))?;
    Trainer::new("label").out(at.join("whole")).fit(&table)?;
    for (number, part) in ["words", "table", "words on all records"]
        .iter()
        .enumerate()
    {
        let run = at.join(number.to_string());
        let flag = Arc::<AtomicBool>::default();
        let observer = StopsAt {
            part: (*part).to_owned(),
            flag: Arc::clone(&flag),
        };
        let stopped = Trainer::new("label")
            .out(&run)
            .stop_flag(flag)
            .observer(&observer)
            .fit(&table)
            .err();
        let problem = stopped
            .unwrap_or_else(|| panic!("{part}: ran to its end"))
            .terminal();
        assert!(
            problem.contains("interrupted") && problem.contains("--resume"),
            "{problem}"
        );
        assert!(!run.join("artifact").exists(), "{part}");
        Trainer::new("label").out(&run).resume().fit(&table)?;
        assert_same_tensors(&run, &at.join("whole"));
    }
    Ok(())
}
