//! What a network says about records: scores, the scores of its single inputs, the loss.

use std::collections::BTreeMap;

use data::Loader;
use engine::{Parameters, Tape};
use metrics::{Sample, Truth, View};
use nn::{Network, Scores};
use schema::{Batch, FittedTarget, Payload, TargetBatch, Task};

use crate::{
    config::TrainerConfig,
    error::TrainError,
    stop::{LOSS, Watched},
};

/// What a network says about the records of a loader, in the loader's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Row of each record in its data set; `N` long.
    pub rows: Vec<usize>,
    /// Whether each record has any of the inputs; `N` long.
    pub present: Vec<bool>,
    /// Scores of the fused network `[N, K]` and of each input's own head.
    pub scores: Scores,
    /// Mean loss of the fused network, unaugmented; `None` if the loader gives no truth.
    pub loss: Option<f64>,
    /// The truth by batch as the loader gave it; empty if it gave none.
    pub targets: Vec<TargetBatch>,
}

/// Runs a network over the records of a loader.
///
/// With `averages_flips` the scores are the average over each picture and its mirror image: of probabilities where
/// there are any, of values otherwise. Costs twice the time for a network that reads pictures, nothing for others.
///
/// # Errors
/// [`TrainError::Network`] if network and batches do not fit.
pub fn evaluate(
    network: &Network,
    loader: &Loader,
    averages_flips: bool,
) -> Result<Evaluated, TrainError> {
    evaluate_with(network, &network.parameters, loader, averages_flips)
}

/// The same with other weights than the network's own, such as their average.
pub(crate) fn evaluate_with(
    network: &Network,
    parameters: &Parameters,
    loader: &Loader,
    averages_flips: bool,
) -> Result<Evaluated, TrainError> {
    let width = network.target().width();
    let aux = network.inputs().iter().map(|_| None).collect();
    let mut evaluated = Evaluated {
        rows: Vec::new(),
        present: Vec::new(),
        scores: Scores {
            main: Vec::new(),
            aux,
            width,
        },
        loss: None,
        targets: Vec::new(),
    };
    let mut loss_sum = 0.0;
    for batch in loader.epoch(0) {
        let (mut scores, loss) = speak(network, parameters, &batch)?;
        let mirrored = if averages_flips {
            mirror_image(&batch)
        } else {
            None
        };
        if let Some(mirrored) = mirrored {
            let (others, _) = speak(network, parameters, &mirrored)?;
            average_with(&mut scores, &others, network.target().task);
        }
        loss_sum += loss * batch.size() as f64;
        evaluated.append(batch, scores);
    }
    if !evaluated.targets.is_empty() {
        evaluated.loss = Some(loss_sum / evaluated.rows.len() as f64);
    }
    Ok(evaluated)
}

/// Scores of a batch and its mean loss; 0 if its truth is not known.
fn speak(
    network: &Network,
    parameters: &Parameters,
    batch: &Batch,
) -> Result<(Scores, f64), TrainError> {
    let mut tape = Tape::inference(parameters);
    let output = network.forward(&mut tape, batch)?;
    let loss = match batch.target {
        Some(_) => network
            .losses(&mut tape, &output, batch)?
            .main
            .tensor()
            .item(),
        None => 0.0,
    };
    Ok((network.scores(&tape, &output), f64::from(loss)))
}

impl Evaluated {
    fn append(&mut self, batch: Batch, scores: Scores) {
        let has_any = |record: usize| batch.inputs.iter().any(|input| input.present[record]);
        self.present.extend((0..batch.size()).map(has_any));
        self.rows.extend(batch.rows);
        self.targets.extend(batch.target);
        self.scores.width = scores.width;
        self.scores.main.extend(scores.main);
        for (all, new) in self.scores.aux.iter_mut().zip(scores.aux) {
            let Some(new) = new else { continue };
            match all {
                Some(all) => {
                    all.present.extend(new.present);
                    all.scores.extend(new.scores);
                }
                None => *all = Some(new),
            }
        }
    }
}

fn average_with(mine: &mut Scores, theirs: &Scores, task: Task) {
    average(&mut mine.main, &theirs.main, task);
    for (mine, theirs) in mine.aux.iter_mut().zip(&theirs.aux) {
        if let (Some(mine), Some(theirs)) = (mine, theirs) {
            average(&mut mine.scores, &theirs.scores, task);
        }
    }
}

/// Averages scores: probabilities where they are log-probabilities or logits, plain values otherwise.
fn average(mine: &mut [f32], theirs: &[f32], task: Task) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = match task {
            Task::Binary | Task::Class => ln_mean_exp(*mine, *theirs),
            // The logit of the mean probability: the log of its odds.
            Task::Multilabel => {
                ln_mean_exp(log_sigmoid(*mine), log_sigmoid(*theirs))
                    - ln_mean_exp(log_sigmoid(-*mine), log_sigmoid(-*theirs))
            }
            Task::Regression => 0.5 * (*mine + *theirs),
        };
    }
}

/// `ln((e^a + e^b) / 2)` without overflow.
fn ln_mean_exp(a: f32, b: f32) -> f32 {
    let high = a.max(b);
    if high.is_infinite() {
        return high;
    }
    high + (0.5 * ((a - high).exp() + (b - high).exp())).ln()
}

/// `ln(1 / (1 + e^-x))` without overflow.
fn log_sigmoid(x: f32) -> f32 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// The batch with every picture mirrored left to right; `None` if it holds no pictures.
fn mirror_image(batch: &Batch) -> Option<Batch> {
    let has_pictures = batch.inputs.iter().any(|input| is_pictures(&input.payload));
    if !has_pictures {
        return None;
    }
    let mut mirrored = batch.clone();
    for input in &mut mirrored.inputs {
        if is_pictures(&input.payload)
            && let Payload::Floats { shape, data } = &mut input.payload
        {
            let width = shape[3].max(1);
            data.chunks_exact_mut(width).for_each(<[f32]>::reverse);
        }
    }
    Some(mirrored)
}

/// Pictures are the floats with four axes, `[B, C, H, W]`.
fn is_pictures(payload: &Payload) -> bool {
    matches!(payload, Payload::Floats { shape, .. } if shape.len() == 4)
}

/// How good the predictions for the held-out records are.
pub(crate) struct Judgement {
    /// Mean loss.
    pub(crate) loss: f64,
    /// Metrics by name: the watched one and the task's usual one.
    pub(crate) metrics: BTreeMap<String, f64>,
}

impl Judgement {
    /// The value of a measure; `None` if it has none on these records.
    pub(crate) fn value(&self, watched: Watched) -> Option<f64> {
        match watched {
            Watched::Loss => self.loss.is_finite().then_some(self.loss),
            Watched::Metric(metric) => self.metrics.get(metric.name()).copied(),
        }
    }
}

/// Judges weights on held-out records.
pub(crate) fn judge(
    network: &Network,
    parameters: &Parameters,
    loader: &Loader,
    config: &TrainerConfig,
) -> Result<Judgement, TrainError> {
    let evaluated = evaluate_with(network, parameters, loader, config.averages_flips())?;
    let target = network.target();
    let watched = config.watched(target.task)?;
    let usual = metrics::default_for(target.task);
    let names = [usual, watched.name()]
        .into_iter()
        .filter(|name| *name != LOSS);
    let mut values = BTreeMap::new();
    if let Some(known) = Known::of(&evaluated, target) {
        // Scores that are not finite have no metrics; the loss tells it.
        if let Ok(sample) = Sample::new(known.truth(target), known.scores()) {
            let view = View::whole(&sample);
            for name in names {
                let value = metrics::by_name(name)?.value(&view);
                values.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
    }
    Ok(Judgement {
        loss: evaluated.loss.unwrap_or(f64::NAN),
        metrics: values,
    })
}

/// Truth and predictions as metrics take them.
enum Known {
    Classes {
        labels: Vec<usize>,
        probabilities: Vec<f64>,
    },
    Labels {
        labels: Vec<bool>,
        probabilities: Vec<f64>,
    },
    Values {
        truth: Vec<f64>,
        estimates: Vec<f64>,
    },
}

impl Known {
    fn of(evaluated: &Evaluated, target: &FittedTarget) -> Option<Self> {
        let scores = || evaluated.scores.main.iter().map(|score| f64::from(*score));
        let (mut classes, mut flags, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for batch in &evaluated.targets {
            match batch {
                TargetBatch::Classes(more) => classes.extend(more.iter().map(|it| *it as usize)),
                TargetBatch::Labels(more) => flags.extend(more.iter().map(|it| *it > 0.5)),
                TargetBatch::Values(more) => values.extend(more.iter().map(|it| f64::from(*it))),
            }
        }
        let unit = |scaled: f64| target.scale.map_or(scaled, |scale| scale.invert(scaled));
        let known = match target.task {
            Task::Binary | Task::Class => Self::Classes {
                labels: classes,
                probabilities: scores().map(f64::exp).collect(),
            },
            Task::Multilabel => {
                let sigmoid = |logit: f64| 1.0 / (1.0 + (-logit).exp());
                Self::Labels {
                    labels: flags,
                    probabilities: scores().map(sigmoid).collect(),
                }
            }
            Task::Regression => Self::Values {
                truth: values.into_iter().map(unit).collect(),
                estimates: scores().map(unit).collect(),
            },
        };
        (!evaluated.targets.is_empty()).then_some(known)
    }

    fn truth(&self, target: &FittedTarget) -> Truth<'_> {
        match self {
            Self::Classes { labels, .. } => Truth::Classes {
                labels,
                num_classes: target.width(),
            },
            Self::Labels { labels, .. } => Truth::Labels {
                values: labels,
                num_labels: target.width(),
            },
            Self::Values { truth, .. } => Truth::Values(truth),
        }
    }

    fn scores(&self) -> metrics::Scores<'_> {
        match self {
            Self::Classes { probabilities, .. } | Self::Labels { probabilities, .. } => {
                metrics::Scores::Probabilities(probabilities)
            }
            Self::Values { estimates, .. } => metrics::Scores::Values(estimates),
        }
    }
}

#[cfg(test)]
mod tests {
    use schema::InputBatch;

    use super::*;

    /// A few roundings of an f32.
    const F32_TOL: f32 = 1e-6;

    #[test]
    fn averages_are_of_probabilities_and_of_values() {
        let mut classes = [0.9_f32.ln(), 0.1_f32.ln()];
        average(&mut classes, &[0.5_f32.ln(), 0.5_f32.ln()], Task::Class);
        assert!((classes[0] - 0.7_f32.ln()).abs() < F32_TOL);
        // Probabilities 1 / 2 and 3 / 4: their mean 5 / 8 has the odds 5 / 3.
        let mut labels = [0.0];
        average(&mut labels, &[3.0_f32.ln()], Task::Multilabel);
        assert!((labels[0] - (5.0_f32 / 3.0).ln()).abs() < F32_TOL);
        let mut values = [1.0];
        average(&mut values, &[2.0], Task::Regression);
        assert_eq!(values, [1.5]);
    }

    #[test]
    fn averages_of_extreme_scores_stay_finite() {
        for task in [Task::Class, Task::Multilabel] {
            let mut scores = [-1e30, -200.0];
            average(&mut scores, &[-1e30, -300.0], task);
            assert!(
                scores.iter().all(|score| score.is_finite()),
                "{task}: {scores:?}"
            );
        }
    }

    #[test]
    fn a_mirror_image_turns_rows_of_pictures_and_leaves_the_rest() {
        let floats = |shape: &[usize], data: &[f32]| InputBatch {
            present: vec![true],
            payload: Payload::Floats {
                shape: shape.to_vec(),
                data: data.to_vec(),
            },
        };
        let number = floats(&[1, 2], &[1.0, 2.0]);
        let mut batch = Batch {
            rows: vec![0],
            inputs: vec![number.clone()],
            target: None,
            weights: None,
        };
        assert_eq!(mirror_image(&batch), None);
        batch
            .inputs
            .push(floats(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]));
        let mirrored = mirror_image(&batch).unwrap();
        assert_eq!(mirrored.inputs[0], number);
        assert_eq!(
            mirrored.inputs[1],
            floats(&[1, 1, 2, 2], &[2.0, 1.0, 4.0, 3.0])
        );
    }
}
