//! A table of pictures and numbers with three classes, and a small network over it.

use std::sync::{Arc, Mutex};

use data::{Dataset, DatasetOptions, Fitted, Form, Loader, LoaderConfig, LoaderTarget, Table};
use engine::Parameters;
use nn::{InputInfo, InputWidth, Network, NetworkConfig};
use schema::{Cell, Column, FittedTarget, Modality, Record, Role, Seed, Task};
use train::{Control, Event, FitContext, FitResult, Observer, TrainError, TrainerConfig, fit};

/// Records of the table; the last quarter is held out.
pub(crate) const NUM_RECORDS: usize = 96;
const NUM_TRAIN: usize = 72;
const SIDE_PX: u32 = 12;

/// Data, target and settings of a network.
pub(crate) struct Toy {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) target: FittedTarget,
    pub(crate) network: NetworkConfig,
    inputs: Vec<(usize, Fitted)>,
    infos: Vec<InputInfo>,
    loader_target: LoaderTarget,
}

/// A picture file of one colour with noise.
fn bitmap(bgr: [u8; 3], rng: &mut schema::Rng) -> Vec<u8> {
    let row_bytes = SIDE_PX * 3;
    let mut file = b"BM".to_vec();
    let header = [54 + row_bytes * SIDE_PX, 0, 54, 40, SIDE_PX, SIDE_PX];
    header
        .iter()
        .for_each(|word| file.extend(word.to_le_bytes()));
    file.extend([1, 0, 24, 0]);
    file.extend([0; 24]);
    for _ in 0..SIDE_PX * SIDE_PX {
        file.extend(bgr.map(|channel| channel.saturating_add(rng.below(60) as u8)));
    }
    file
}

/// Class `low` where the number is low, otherwise `red` or `blue` as the picture is; some cells are missing.
fn records() -> Vec<Record> {
    let mut rng = Seed(3).named("toy").rng();
    let record = |row: usize, rng: &mut schema::Rng| {
        let (number, is_red) = (rng.normal(), rng.chance(0.5));
        let label = match (number < -0.4, is_red) {
            (true, _) => "low",
            (false, true) => "red",
            (false, false) => "blue",
        };
        let bytes = bitmap(if is_red { [10, 20, 150] } else { [150, 20, 10] }, rng);
        let number = if row % 16 == 5 {
            Cell::Missing
        } else {
            Cell::Number(number)
        };
        let picture = if row % 16 == 9 {
            Cell::Missing
        } else {
            Cell::Bytes(bytes)
        };
        Record::new()
            .with("label", label)
            .with("number", number)
            .with("picture", picture)
    };
    (0..NUM_RECORDS).map(|row| record(row, &mut rng)).collect()
}

/// The table with a network whose settings are given as TOML.
pub(crate) fn toy(network: &str) -> Toy {
    let column = |name: &str, modality| Column {
        name: name.to_owned(),
        modality,
        role: Role::Input,
    };
    let columns = [
        column("number", Modality::Number),
        column("picture", Modality::Image),
    ];
    let table = Arc::new(Table::from_records(records(), "."));
    let rows: Vec<usize> = (0..NUM_RECORDS).collect();
    let target = data::fit_target(&table, &rows, "label", Task::Class).unwrap();
    let truth = data::truth(&table, &rows, &target).unwrap();
    let loader_target = LoaderTarget::new(&truth, &target, None);
    let network = NetworkConfig::parse(&toml::from_str(network).unwrap()).unwrap();
    let options = DatasetOptions {
        forms: vec![Form::Picture {
            size_px: SIDE_PX as usize,
        }],
        ..Default::default()
    };
    let dataset = Arc::new(Dataset::open(table, &columns, &options).unwrap());
    assert_eq!(
        dataset.good_rows().len(),
        NUM_RECORDS,
        "{:?}",
        dataset.bad()
    );
    let (mut inputs, mut infos) = (Vec::new(), Vec::new());
    for (col, column) in columns.iter().enumerate() {
        let preparation = network.preparation(&column.name, column.modality).unwrap();
        let fitted = Fitted::fit(&preparation, &dataset, col, &rows[..NUM_TRAIN]).unwrap();
        let width = match fitted {
            Fitted::Pixels(ref fitted) => InputWidth::Pixels {
                size_px: fitted.size_px(),
            },
            ref fitted => InputWidth::Floats {
                width: fitted.width(),
            },
        };
        infos.push(InputInfo::new(&column.name, column.modality, width));
        inputs.push((col, fitted));
    }
    Toy {
        dataset,
        target,
        network,
        inputs,
        infos,
        loader_target,
    }
}

/// Batch norm, dropout, hidden modalities and aux heads: everything that could break a resume.
pub(crate) fn usual() -> Toy {
    toy("embed_dim = 8\n\
         [encoders.picture]\ntype = \"image_conv\"\nsize_px = 12\nwidths = [4, 8]\nstem_kernel = 3\n\
         [encoders.number]\ntype = \"number\"\nhidden_dims = [8]\n")
}

impl Toy {
    pub(crate) fn build(&self) -> Network {
        Network::build(&self.network, &self.infos, &self.target, Seed(11)).unwrap()
    }

    fn loader(&self, rows: std::ops::Range<usize>, config: LoaderConfig) -> Loader {
        let rows: Vec<usize> = rows.collect();
        let (inputs, target) = (self.inputs.clone(), self.loader_target.clone());
        Loader::new(Arc::clone(&self.dataset), &rows, inputs, target, config).unwrap()
    }

    pub(crate) fn train_loader(&self, config: &TrainerConfig, threads: usize) -> Loader {
        self.loader(0..NUM_TRAIN, config.train_loader(Seed(5), threads))
    }

    pub(crate) fn held_out(&self) -> Loader {
        self.loader(NUM_TRAIN..NUM_RECORDS, LoaderConfig::default())
    }

    /// Fits a new network; gives it with how it went.
    pub(crate) fn fit(
        &self,
        config: &TrainerConfig,
        context: &FitContext<'_>,
    ) -> Result<(Network, FitResult), TrainError> {
        let mut network = self.build();
        let train = self.train_loader(config, 0);
        let result = fit(
            &mut network,
            &train,
            Some(&self.held_out()),
            config,
            context,
        )?;
        Ok((network, result))
    }
}

/// Settings of the trainer from TOML over a few that suit the toy.
pub(crate) fn config(text: &str) -> TrainerConfig {
    let mut settings: toml::Table =
        toml::from_str("epochs = 4\nbatch_size = 16\nlr = 0.02").unwrap();
    settings.extend(toml::from_str::<toml::Table>(text).unwrap());
    TrainerConfig::parse(&settings, "train").unwrap()
}

/// Keeps every event, and with them the stop flag that a fit needs.
#[derive(Default)]
pub(crate) struct Recorder {
    events: Mutex<Vec<Event>>,
    pub(crate) control: Control,
}

impl Observer for Recorder {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    pub(crate) fn context(&self) -> FitContext<'_> {
        FitContext {
            name: "toy",
            observer: self,
            control: &self.control,
            log_folder: None,
            checkpoint_folder: None,
            resume: false,
            seed: Seed(7),
        }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let text = |event| match event {
            Event::Warning(text) => Some(text),
            _ => None,
        };
        self.events().into_iter().filter_map(text).collect()
    }
}

/// Every value of every parameter as bits, so that equal means equal.
pub(crate) fn bits(parameters: &Parameters) -> Vec<u32> {
    let values = parameters
        .iter()
        .flat_map(|(.., value)| value.data().to_vec());
    values.map(f32::to_bits).collect()
}
