//! The same claims for every row of every registry, so that a new component is tested by its one line.
//!
//! What is tested where: `encoders`, `fusions` (parts alone), `networks` (parts together, every head).

mod encoders;
mod fusions;
mod networks;

use engine::{Gradients, Optimizer, OptimizerConfig, Parameters, Tape, Tensor, Var};
use schema::{
    Batch, FittedTarget, InputBatch, Modality, Payload, Preparation, Rng, Scale, Seed, Settings,
    TargetBatch, Task,
};

use crate::{InputInfo, InputWidth, Network, NetworkConfig, encoder, settings};

/// Sums of some hundred products in another order differ by about this, for values near 1.
const F32_SUM_TOL: f32 = 1e-4;

/// Small settings of every encoder, without dropout, in every style.
const ENCODER_CASES: &[(&str, &str)] = &[
    (
        "text_ngram",
        "embed_dim = 16\ninput_dropout_rate = 0\ndropout_rate = 0",
    ),
    (
        "text_transformer",
        "embed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    (
        "text_transformer",
        "embed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\npooling = \"cls\"\nposition = \"sinusoidal\"\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0, norm = \"post\" }",
    ),
    (
        "image_conv",
        "size_px = 16\nwidths = [4, 8, 8]\nstem_kernel = 3",
    ),
    (
        "image_conv",
        "size_px = 9\nstyle = \"plain\"\npooling = \"flatten\"\n\
         layers = [{ channels = 4, padding = 0 }, { channels = 4, batch_norm = true, pool = 1 }]",
    ),
    (
        "image_patch",
        "size_px = 16\npatch_px = 8\nembed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    (
        "audio_conv",
        "len_ms = 170\nnum_mels = 12\nwidths = [6, 8]\nnum_time_bins = 2\nembed_dim = 16\ndropout_rate = 0",
    ),
    (
        "audio_patch",
        "len_ms = 170\nnum_mels = 16\npatch = 8\nembed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    (
        "video_frames",
        "num_frames = 3\nsize_px = 16\nwidths = [4, 8]\nembed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    (
        "video_conv",
        "num_frames = 5\nsize_px = 9\nwidths = [6, 12]",
    ),
    (
        "series_conv",
        "len = 33\nkernels = [3, 7]\nnum_filters = 8\nnum_layers = 3\nnum_halvings = 1",
    ),
    (
        "series_patch",
        "len = 32\npatch = 8\nembed_dim = 16\nnum_blocks = 1\ndropout_rate = 0\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    ("number", "hidden_dims = [32]\ndropout_rate = 0"),
    (
        "number",
        "style = \"piecewise\"\nhidden_dims = [32]\ndropout_rate = 0",
    ),
    (
        "number",
        "style = \"periodic\"\nhidden_dims = [32]\ndropout_rate = 0",
    ),
    ("category", "embed_dim = 8\nunseen_rate = 0"),
    ("date", "hidden_dims = [32]\ndropout_rate = 0"),
];

/// Small settings of every fusion, without dropout.
const FUSION_CASES: &[(&str, &str)] = &[
    ("concat", "hidden_dims = [16]\ndropout_rate = 0"),
    (
        "concat",
        "hidden_dims = [16]\ndropout_rate = 0\nmissing = \"zero\"\nlayer_norm = false\nnum_blocks = 1\n\
         block = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0, norm = \"post\" }",
    ),
    ("sum", "hidden_dims = [16]\ndropout_rate = 0"),
    ("gated", "hidden_dim = 16\ndropout_rate = 0"),
    (
        "transformer",
        "num_blocks = 1\ndropout_rate = 0\nblock = { num_heads = 2, feed_forward_dim = 16, dropout_rate = 0 }",
    ),
    ("late", "dropout_rate = 0"),
];

fn table(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

/// A column as it might be fitted: narrow, whatever the preparation's limits are.
fn fitted(column: &str, name: &str, settings: &Settings) -> InputInfo {
    let row = encoder::find(name, "type").unwrap();
    let config = (row.parse)(settings, "encoder").unwrap();
    let width = match config.preparation() {
        Preparation::Tokens { .. } => InputWidth::Tokens {
            vocab_size: 20,
            max_len: 6,
        },
        Preparation::Ngrams { .. } => InputWidth::Ngrams { num_buckets: 40 },
        Preparation::Category { .. } => InputWidth::Codes { num_values: 9 },
        Preparation::Series { len, .. } => InputWidth::Series {
            num_channels: 2,
            len,
        },
        other => InputWidth::most(&other),
    };
    InputInfo::new(column, row.modalities[0], width)
}

/// `count` different records of a column, all present; floats are `scale` times standard normal.
fn sample(info: &InputInfo, count: usize, scale: f32) -> InputBatch {
    let mut rng = Seed(11).named(&info.column).rng();
    let mut floats = |shape: &[usize]| Payload::Floats {
        shape: shape.to_vec(),
        data: normals(shape.iter().product(), scale, &mut rng),
    };
    let payload = match info.width {
        InputWidth::Pixels { size_px } => floats(&[count, 3, size_px, size_px]),
        InputWidth::Spectrogram {
            num_frames,
            num_mels,
        } => floats(&[count, num_frames, num_mels]),
        InputWidth::Series { num_channels, len } => floats(&[count, num_channels, len]),
        InputWidth::Frames {
            num_frames,
            size_px,
        } => floats(&[count, num_frames, 3, size_px, size_px]),
        InputWidth::Floats { width } => floats(&[count, width]),
        InputWidth::Tokens { .. } => tokens(count, &mut rng),
        InputWidth::Ngrams { num_buckets } => bags(count, num_buckets, scale, &mut rng),
        InputWidth::Codes { num_values } => Payload::Ids {
            shape: vec![count, 1],
            data: (0..count).map(|code| (code % num_values) as u32).collect(),
            valid: vec![true; count],
        },
    };
    InputBatch {
        present: vec![true; count],
        payload,
    }
}

fn normals(count: usize, scale: f32, rng: &mut Rng) -> Vec<f32> {
    (0..count).map(|_| scale * rng.normal() as f32).collect()
}

/// `[count, 5]` token numbers from 2 to 19, the last place of every other record padding.
fn tokens(count: usize, rng: &mut Rng) -> Payload {
    let data = (0..count * 5).map(|_| 2 + rng.below(18) as u32).collect();
    let valid = (0..count * 5).map(|place| place % 10 != 9).collect();
    Payload::Ids {
        shape: vec![count, 5],
        data,
        valid,
    }
}

fn bags(count: usize, num_buckets: usize, scale: f32, rng: &mut Rng) -> Payload {
    Payload::Bags {
        offsets: (0..=count).map(|record| 4 * record).collect(),
        ids: (0..4 * count)
            .map(|_| rng.below(num_buckets) as u32)
            .collect(),
        weights: vec![0.5 * scale; 4 * count],
    }
}

fn target(task: Task, num_classes: usize) -> FittedTarget {
    let is_number = task == Task::Regression;
    let num_classes = if is_number { 0 } else { num_classes };
    FittedTarget {
        column: "label".to_owned(),
        task,
        classes: (0..num_classes).map(|class| format!("c{class}")).collect(),
        scale: is_number.then_some(Scale {
            log: false,
            mean: 0.0,
            deviation: 1.0,
        }),
        prior: vec![1.0 / num_classes.max(1) as f64; num_classes],
    }
}

/// Truth that has nothing to do with the records, so that only memory helps.
fn truth(target: &FittedTarget, count: usize) -> TargetBatch {
    match target.task {
        Task::Binary | Task::Class => TargetBatch::Classes(
            (0..count)
                .map(|record| ((record * 5 / 3) % target.width()) as u32)
                .collect(),
        ),
        Task::Multilabel => TargetBatch::Labels(
            (0..count * target.width())
                .map(|place| f32::from((place * 7 / 3) % 2 == 0))
                .collect(),
        ),
        Task::Regression => {
            TargetBatch::Values((0..count).map(|record| (record % 3) as f32 - 1.0).collect())
        }
    }
}

fn batch(inputs: Vec<InputBatch>, target: &FittedTarget) -> Batch {
    let count = inputs[0].present.len();
    Batch {
        rows: (0..count).collect(),
        inputs,
        target: Some(truth(target, count)),
        weights: None,
    }
}

/// A network over inputs `(column, encoder, settings)` with a small fusion, without label smoothing.
fn network(
    inputs: &[(&str, &str, &str)],
    fusion: (&str, &str),
    target: &FittedTarget,
) -> (Network, Vec<InputBatch>) {
    let (mut config, mut infos, mut samples) = (bare_config(fusion), Vec::new(), Vec::new());
    for (column, name, text) in inputs {
        let mut own = table(text);
        let info = fitted(column, name, &own);
        samples.push(sample(&info, 8, 1.0));
        infos.push(info);
        own.insert("type".to_owned(), (*name).into());
        config.encoders.insert((*column).to_owned(), own);
    }
    let network = Network::build(&config, &infos, target, Seed(5)).unwrap();
    (network, samples)
}

fn bare_config((name, text): (&str, &str)) -> NetworkConfig {
    let mut fusion = table(text);
    fusion.insert("type".to_owned(), name.into());
    NetworkConfig {
        embed_dim: 16,
        modality_dropout_rate: 0.0,
        aux_dropout_rate: 0.0,
        fusion,
        loss: table("label_smoothing = 0"),
        ..NetworkConfig::default()
    }
}

/// A fixed mixture of all values: unlike their sum or squares, it sees through a norm behind the last layer.
fn mixture(tape: &mut Tape<'_>, y: &Var) -> Var {
    let mut rng = Seed(3).rng();
    let factors = normals(y.tensor().len(), 1.0, &mut rng);
    let factors = tape.constant(Tensor::from_vec(y.shape(), factors).unwrap());
    let product = tape.mul(y, &factors).unwrap();
    tape.sum(&product).unwrap()
}

/// The names of trained parameters that no gradient reaches.
fn unreached(parameters: &Parameters, gradients: &Gradients) -> Vec<String> {
    parameters
        .iter()
        .filter(|(id, _, kind, _)| {
            kind.is_trained() && gradients.to_vec(*id).iter().all(|value| *value == 0.0)
        })
        .map(|(_, name, _, _)| name.to_owned())
        .collect()
}

/// Trains on one batch until the loss is below `enough`; the last loss.
fn memorise(network: &mut Network, batch: &Batch, enough: f32) -> f32 {
    const NUM_STEPS: u64 = 400;
    let mut gradients = Gradients::new(&network.parameters);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.0), &network.parameters);
    let mut last = f32::INFINITY;
    for step in 0..NUM_STEPS {
        let mut tape = Tape::training(&network.parameters, step);
        let output = network.forward(&mut tape, batch).unwrap();
        let loss = network.loss(&mut tape, &output, batch).unwrap();
        last = tape.value(&loss).item();
        if last < enough {
            break;
        }
        gradients.clear();
        tape.backward(&loss, &mut gradients).unwrap();
        let statistics = tape.take_statistics();
        network.parameters.apply(&statistics).unwrap();
        // Falls to 0, or a distance as the loss would never settle.
        let lr = 0.02 * (1.0 - step as f32 / NUM_STEPS as f32);
        optimizer
            .step(&mut network.parameters, &gradients, lr)
            .unwrap();
    }
    last
}

fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (got, want) in got.iter().zip(want) {
        let tolerance = F32_SUM_TOL * want.abs().max(1.0);
        assert!((got - want).abs() < tolerance, "{what}: {got} {want}");
    }
}

fn assert_finite(values: &[f32], what: &str) {
    assert!(values.iter().all(|value| value.is_finite()), "{what}");
}

#[test]
fn every_row_has_a_case() {
    for row in encoder::ENCODERS {
        assert!(
            ENCODER_CASES.iter().any(|(name, _)| *name == row.name),
            "add a small case for encoder {}",
            row.name
        );
    }
    for row in crate::fusion::FUSIONS {
        assert!(
            FUSION_CASES.iter().any(|(name, _)| *name == row.name),
            "add a small case for fusion {}",
            row.name
        );
    }
    assert!(Modality::ALL.len() <= encoder::ENCODERS.len());
    assert!(settings::parse::<NetworkConfig>(&Settings::new(), "").is_ok());
}
