//! From a table and what a person decided to everything that experts need: columns, target, decoded records, split.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use data::{CellRef, Dataset, DatasetOptions, Inspection, MediaShape, Table, Truth, split};
use report::Skipped;
use schema::{
    Code, Column, Config, FittedTarget, Modality, Problem, Role, Seed, Task, Validation, closest,
};
use train::{Event, Observer};

/// A table made ready for training.
pub(crate) struct Prepared {
    /// The configuration with every question about the data answered.
    pub(crate) config: Config,
    /// Input columns.
    pub(crate) columns: Vec<Column>,
    /// The column that names records, if there is one.
    pub(crate) id_column: Option<Column>,
    /// The target as fitted on the training table.
    pub(crate) target: FittedTarget,
    /// Decoded records: the training table, then the validation table if there is one.
    pub(crate) dataset: Arc<Dataset>,
    /// Truth of every row of the data set.
    pub(crate) truth: Truth,
    /// Weight of every row in the loss.
    pub(crate) weights: Option<Vec<f32>>,
    /// Rows that experts are fitted on.
    pub(crate) fit_rows: Vec<usize>,
    /// Rows that are kept aside for the stack and the reported metric.
    pub(crate) held_out: Vec<usize>,
    /// Parts of `fit_rows` whose quick experts are fitted on everything else; none for no cross-fitting.
    pub(crate) folds: Vec<Vec<usize>>,
    /// Group of each held-out row, for intervals that respect it.
    pub(crate) held_out_groups: Vec<usize>,
    /// Records that are left out, by reason.
    pub(crate) skipped: Skipped,
    /// Things a person should know.
    pub(crate) warnings: Vec<String>,
}

/// What the columns of a table are and which of them are used, before anything is decoded.
pub(crate) struct Outline {
    pub(crate) config: Config,
    pub(crate) columns: Vec<Column>,
    pub(crate) id_column: Option<Column>,
    pub(crate) task: Task,
    pub(crate) table: Table,
    /// Rows below this stand in the training table, the others in the validation table.
    pub(crate) num_training: usize,
    pub(crate) warnings: Vec<String>,
}

/// Reads what the columns are and answers every question of the configuration that the data can answer.
pub(crate) fn outline(table: Table, mut config: Config) -> Result<Outline, Problem> {
    let target = config.data.target.clone().ok_or_else(|| {
        Problem::new(Code::Config, "no target column is named")
            .expected(format!("one of {}", table.columns().join(", ")))
            .help("add --target COLUMN")
    })?;
    let inspection = data::inspect(&table, Some(&target), &config.columns)?;
    table.check()?;
    let task = config.data.task.or(inspection.task).ok_or_else(|| {
        Problem::new(
            Code::Data,
            format!("nothing can be learned from the target column \"{target}\""),
        )
        .got(inspection.task_why.clone())
        .help("choose another target, or say what it is with --task")
    })?;
    let columns = input_columns(&inspection, &config, &target)?;
    let is_input = |name: &str| columns.iter().any(|column| column.name == name);
    let id_column = inspection
        .columns
        .iter()
        .map(|info| &info.column)
        .find(|column| column.role == Role::Id && !is_input(&column.name))
        .cloned();
    let num_training = table.num_records();
    let table = with_validation(table, &config.data.validation)?;
    config.data.task = Some(task);
    config.data.inputs = columns.iter().map(|column| column.name.clone()).collect();
    config.columns = columns
        .iter()
        .map(|column| (column.name.clone(), column.modality))
        .collect();
    let warnings = inspection
        .warnings
        .iter()
        .map(|warning| match warning.column.as_str() {
            "" => warning.text.clone(),
            column => format!("column \"{column}\": {}", warning.text),
        })
        .collect();
    Ok(Outline {
        config,
        columns,
        id_column,
        task,
        table,
        num_training,
        warnings,
    })
}

/// The training table, with the records of a validation table of its own behind it.
fn with_validation(table: Table, validation: &Validation) -> Result<Table, Problem> {
    match validation {
        Validation::Fraction(fraction) if !(*fraction > 0.0 && *fraction <= 0.9) => {
            Err(Problem::new(Code::Config, "data.validation")
                .expected("a fraction in (0, 0.9], or a table")
                .got(fraction.to_string()))
        }
        Validation::Fraction(_) => Ok(table),
        Validation::File(path) => {
            let what = "the validation table cannot be put behind the training table";
            Table::concat(&[table, Table::open(path)?])?
                .ok_or_else(|| Problem::new(Code::Data, what))
        }
    }
}

fn input_columns(
    inspection: &Inspection,
    config: &Config,
    target: &str,
) -> Result<Vec<Column>, Problem> {
    if config.data.inputs.is_empty() {
        let serves_otherwise = |name: &str| {
            [
                &config.data.group_by,
                &config.data.time_by,
                &config.data.weight,
            ]
            .iter()
            .any(|other| other.as_deref() == Some(name))
        };
        let columns: Vec<Column> = inspection
            .inputs()
            .into_iter()
            .filter(|column| !serves_otherwise(&column.name))
            .collect();
        if columns.is_empty() {
            return Err(Problem::new(Code::Data, "no column can serve as an input")
                .help("`multifuse inspect` says why each was left out; name some with --inputs"));
        }
        return Ok(columns);
    }
    let names: Vec<&str> = inspection
        .columns
        .iter()
        .map(|info| info.column.name.as_str())
        .collect();
    let mut columns = Vec::new();
    for (place, name) in config.data.inputs.iter().enumerate() {
        if config.data.inputs[..place].contains(name) {
            return Err(Problem::new(
                Code::Config,
                format!("\"{name}\" is named twice as an input"),
            )
            .help("name it once in --inputs"));
        }
        if name == target {
            return Err(
                Problem::new(Code::Config, format!("\"{name}\" is both target and input"))
                    .help("leave it out of --inputs"),
            );
        }
        let info = inspection
            .column(name)
            .ok_or_else(|| unknown_column(name, &names))?;
        columns.push(Column {
            name: name.clone(),
            modality: info.column.modality,
            role: Role::Input,
        });
    }
    Ok(columns)
}

fn unknown_column(name: &str, names: &[&str]) -> Problem {
    let problem = Problem::new(Code::Data, format!("no column \"{name}\""))
        .expected(format!("one of {}", names.join(", ")));
    match closest(name, names) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem,
    }
}

/// The group of every row of the table; 0 for rows without one.
fn by_row(rows: &[usize], groups: &[usize], num_rows: usize) -> Vec<usize> {
    let mut group_of = vec![0; num_rows];
    for (row, group) in rows.iter().zip(groups) {
        group_of[*row] = *group;
    }
    group_of
}

/// Decodes the records and splits them.
pub(crate) fn prepare(
    outline: Outline,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Prepared, Problem> {
    let Outline {
        config,
        columns,
        num_training,
        mut warnings,
        ..
    } = outline;
    let table = Arc::new(outline.table);
    let dataset = open(&table, &columns, &config, threads, observer)?;
    let mut skipped = skipped_records(&table, &dataset);

    let good = dataset.good_rows().iter().copied();
    let training: Vec<usize> = good.filter(|row| *row < num_training).collect();
    check_readable(&training, &skipped)?;
    let target_name = config.data.target.as_deref().unwrap_or_default();
    let target = data::fit_target(&table, &training, target_name, outline.task)?;
    let truth = data::truth(&table, &Vec::from_iter(0..table.num_records()), &target)?;
    let (rows, unknown): (Vec<usize>, Vec<usize>) = dataset
        .good_rows()
        .iter()
        .copied()
        .partition(|row| truth.is_known(*row));
    skipped.count(
        "no target, or a class that only the validation table has",
        unknown.len(),
    );

    let groups = split::groups(&dataset, &rows, config.data.group_by.as_deref())?;
    let known = Known {
        rows: &rows,
        groups: &groups,
        truth: &truth,
        num_training,
    };
    let (fit_rows, held_out) = known.split(&config, &dataset, &target)?;
    let group_of = by_row(&rows, &groups, table.num_records());
    let held_out_groups = held_out.iter().map(|row| group_of[*row]).collect();
    let folds = cross_folds(&config, &fit_rows, &group_of, (&truth, &target));
    if let Validation::File(path) = &config.data.validation {
        let name = path.display().to_string();
        warnings.extend(shared_groups(&fit_rows, &held_out, &group_of, &name));
    }
    let weights = record_weights(&config, &table, &truth, &target, &fit_rows)?;
    Ok(Prepared {
        config,
        columns,
        id_column: outline.id_column,
        target,
        dataset,
        truth,
        weights,
        fit_rows,
        held_out,
        folds,
        held_out_groups,
        skipped,
        warnings,
    })
}

/// Parts of the rows to fit on, groups whole; none where the records have an order in time, or too few groups.
fn cross_folds(
    config: &Config,
    fit_rows: &[usize],
    group_of: &[usize],
    (truth, target): (&Truth, &FittedTarget),
) -> Vec<Vec<usize>> {
    /// With the held-out rows a fifth part each.
    const NUM_FOLDS: usize = 4;
    if config.run.cross_fit != Some(true) || config.data.time_by.is_some() {
        return Vec::new();
    }
    let groups: Vec<usize> = fit_rows.iter().map(|row| group_of[*row]).collect();
    let truth = truth.select(fit_rows, target.width());
    let seed = Seed(config.run.seed).named("cross-fit");
    let sides = split::folds(fit_rows, &groups, Some(&truth), NUM_FOLDS, seed);
    let sides = sides.unwrap_or_default();
    sides.into_iter().map(|(_, held_out)| held_out).collect()
}

fn open(
    table: &Arc<Table>,
    columns: &[Column],
    config: &Config,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Arc<Dataset>, Problem> {
    let options = DatasetOptions {
        forms: expert::forms(&config.experts, columns)?,
        on_bad: config.data.on_bad,
        cache_bytes: config.data.cache_mib.saturating_mul(1 << 20),
        cache_disk_bytes: config.data.cache_disk_mib.saturating_mul(1 << 20),
        threads,
        absent_columns: false,
        ..DatasetOptions::default()
    };
    let name = "reading records".to_owned();
    let start = Instant::now();
    observer.event(&Event::PartStarted {
        name: name.clone(),
        total: table.num_records(),
    });
    let dataset =
        Dataset::open_with_progress(Arc::clone(table), columns, &options, &|done, total| {
            observer.event(&Event::Progress {
                name: name.clone(),
                done,
                total,
                records_per_sec: done as f64 / start.elapsed().as_secs_f64().max(1e-9),
                eta_secs: None,
                loss: None,
                metric: None,
            });
        })?;
    observer.event(&Event::PartEnded {
        name,
        secs: start.elapsed().as_secs_f64(),
    });
    Ok(Arc::new(dataset))
}

fn skipped_records(table: &Table, dataset: &Dataset) -> Skipped {
    let mut skipped = Skipped::default();
    for bad in table.bad_rows() {
        skipped.add(
            "bad_row",
            &format!("{}:{}: {}", table.name(), bad.line, bad.text),
        );
    }
    for bad in dataset.bad() {
        let place = format!(
            "{}:{}, column \"{}\"",
            table.name_of(bad.row),
            bad.line,
            bad.column
        );
        skipped.add(bad.reason_code, &format!("{place}: {}", bad.text));
    }
    skipped
}

/// Where every record is left out, the reasons are what to tell, not that the target has no value.
fn check_readable(training: &[usize], skipped: &Skipped) -> Result<(), Problem> {
    if !training.is_empty() {
        return Ok(());
    }
    let reasons: Vec<String> = skipped
        .reasons
        .iter()
        .map(|reason| format!("{} {}", reason.num_records, reason.reason))
        .collect();
    let problem = Problem::new(Code::Data, "no record can be read").got(reasons.join(", "));
    Err(match skipped.examples.first() {
        Some(example) => problem.help(format!("the first is {example}")),
        None => problem,
    })
}

/// The records that can be learned from.
struct Known<'a> {
    rows: &'a [usize],
    groups: &'a [usize],
    truth: &'a Truth,
    num_training: usize,
}

impl Known<'_> {
    /// Rows to fit on and rows to keep aside.
    fn split(
        &self,
        config: &Config,
        dataset: &Dataset,
        target: &FittedTarget,
    ) -> Result<(Vec<usize>, Vec<usize>), Problem> {
        let seed = Seed(config.run.seed).named("split");
        match (&config.data.validation, &config.data.time_by) {
            (Validation::File(_), _) => {
                let rows = self.rows.iter().copied();
                Ok(rows.partition(|row| *row < self.num_training))
            }
            (Validation::Fraction(fraction), Some(column)) => {
                Ok(split::by_time(dataset, self.rows, column, *fraction)?)
            }
            (Validation::Fraction(fraction), None) => {
                let truth = self.truth.select(self.rows, target.width());
                Ok(split::holdout(
                    self.rows,
                    self.groups,
                    Some(&truth),
                    *fraction,
                    seed,
                )?)
            }
        }
    }
}

fn shared_groups(
    fit_rows: &[usize],
    held_out: &[usize],
    group_of: &[usize],
    validation: &str,
) -> Option<String> {
    let fitted: std::collections::HashSet<usize> =
        fit_rows.iter().map(|row| group_of[*row]).collect();
    let shared = held_out
        .iter()
        .filter(|row| fitted.contains(&group_of[**row]))
        .count();
    (shared > 0).then(|| {
        format!(
            "{shared} of {} records in {validation} share their text, picture or group with a training record; \
             the validation metric is too good by as much",
            held_out.len()
        )
    })
}

/// The weight column, times the inverse class frequency if classes are to be balanced.
fn record_weights(
    config: &Config,
    table: &Table,
    truth: &Truth,
    target: &FittedTarget,
    fit_rows: &[usize],
) -> Result<Option<Vec<f32>>, Problem> {
    if config.data.weight.is_none() && !config.run.balance_classes {
        return Ok(None);
    }
    let mut weights = vec![1.0_f32; table.num_records()];
    if let Some(column) = &config.data.weight {
        let col = table.require(column)?;
        for (row, weight) in weights.iter_mut().enumerate() {
            *weight = weight_of(&table.cell(row, col)).ok_or_else(|| {
                Problem::new(Code::Data, "not a weight")
                    .at(format!(
                        "{}:{}, column \"{column}\"",
                        table.name_of(row),
                        table.line(row)
                    ))
                    .expected("a number of at least 0")
            })?;
        }
    }
    if let (true, Truth::Classes(classes)) = (config.run.balance_classes, truth) {
        let mut counts = vec![0_usize; target.width()];
        fit_rows
            .iter()
            .filter_map(|row| classes[*row])
            .for_each(|class| counts[class as usize] += 1);
        for (weight, class) in weights.iter_mut().zip(classes) {
            let Some(class) = class else { continue };
            let count = counts[*class as usize].max(1);
            *weight *= fit_rows.len() as f32 / (target.width() * count) as f32;
        }
    }
    Ok(Some(weights))
}

fn weight_of(cell: &CellRef<'_>) -> Option<f32> {
    let number = match cell {
        CellRef::Number(number) => *number,
        CellRef::Text(text) => data::parse_number(text)?,
        _ => return None,
    };
    (number >= 0.0 && number.is_finite()).then_some(number as f32)
}

impl Outline {
    /// Median of the longer side of the pictures, in pixels; 0 if there are none.
    pub(crate) fn picture_px(&self) -> usize {
        let images = self
            .columns
            .iter()
            .filter(|column| column.modality == Modality::Image);
        let sides = images.filter_map(|column| data::median_picture_px(&self.table, &column.name));
        sides.min().unwrap_or(0)
    }
}

impl Outline {
    /// Columns that tell which of a few groups a record belongs to.
    ///
    /// # Errors
    /// If there is no such column to group by.
    pub(crate) fn group_constants(&self) -> Result<Vec<String>, Problem> {
        match &self.config.data.group_by {
            Some(group_by) => Ok(data::constant_in_groups(&self.table, group_by)?),
            None => Ok(Vec::new()),
        }
    }

    /// Usual sizes of the sounds, series and videos, by column.
    pub(crate) fn media_shapes(&self) -> BTreeMap<String, MediaShape> {
        let shape =
            |column: &Column| Some((column.name.clone(), data::media_shape(&self.table, column)?));
        self.columns.iter().filter_map(shape).collect()
    }
}

impl Prepared {
    /// Groups among the held-out rows.
    pub(crate) fn num_held_out_groups(&self) -> usize {
        let groups: std::collections::BTreeSet<&usize> = self.held_out_groups.iter().collect();
        groups.len()
    }

    /// The metric that choices go by.
    pub(crate) fn metric(&self) -> String {
        let usual = || metrics::default_for(self.target.task).to_owned();
        self.config.run.metric.clone().unwrap_or_else(usual)
    }
}
