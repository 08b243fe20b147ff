//! Linear models by L-BFGS: softmax regression for classes, one logistic a label, ridge for values.
//!
//! Minimises `sum w_i loss_i / sum w_i + l2 / (2 sum w_i) |W|^2` over weights `[D, K]` and a free bias `[K]`, so `l2`
//! is 1 / C of scikit-learn's `LogisticRegression`. Features are [`Dense`] (optionally with a mirrored view of every
//! record, which trains as if the rows were doubled) or [`Sparse`].

mod dense;
mod loss;
mod sparse;

pub use dense::Dense;
pub use loss::Link;
pub use sparse::Sparse;

use loss::Scoring;
use schema::Numbers;

use crate::lbfgs::{Lbfgs, Minimum};

/// The inputs of a linear model.
#[derive(Debug, Clone)]
pub enum Features {
    /// Every value stored.
    Dense(Dense),
    /// Only values that are not 0 stored.
    Sparse(Sparse),
}

impl Features {
    /// Number of records, `N`.
    pub fn num_records(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.num_records(),
            Self::Sparse(sparse) => sparse.num_records(),
        }
    }

    fn num_views(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.num_views(),
            Self::Sparse(_) => 1,
        }
    }

    /// Number of features, `D`.
    pub fn width(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.width(),
            Self::Sparse(sparse) => sparse.width(),
        }
    }
}

/// What a linear model is to say of each record.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'a> {
    /// Class index, `[N]`.
    Classes(&'a [u32]),
    /// 1 where a label applies, `[N, K]`.
    Labels(&'a [f32]),
    /// Values in the scale of the target, `[N, K]`.
    Values(&'a [f32]),
}

impl Goal<'_> {
    /// The link that goes with this kind of truth.
    pub fn link(&self) -> Link {
        match self {
            Self::Classes(_) => Link::Softmax,
            Self::Labels(_) => Link::Logistic,
            Self::Values(_) => Link::Identity,
        }
    }

    /// The truth of some of the records; `num_outputs` is `K`.
    pub fn num_records(&self, num_outputs: usize) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Labels(values) | Self::Values(values) => values.len() / num_outputs.max(1),
        }
    }
}

/// How a linear model is fitted.
#[derive(Debug, Clone, Copy)]
pub struct LinearFit<'a> {
    /// Width of the output, `K`.
    pub num_outputs: usize,
    /// Weight of each record, `[N]`; `None` for all 1.
    pub record_weights: Option<&'a [f32]>,
    /// Strength of the penalty; 1 / C of scikit-learn.
    pub l2: f64,
    /// Most L-BFGS iterations.
    pub max_iterations: usize,
}

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// What the scores mean.
    pub link: Link,
    /// Number of features, `D`.
    pub width: usize,
    /// Width of the output, `K`.
    pub num_outputs: usize,
    /// `[D, K]` row-major.
    pub weights: Numbers<f32>,
    /// `[K]`
    pub bias: Numbers<f32>,
}

impl LinearModel {
    /// A model that says the same of every record.
    pub fn zeros(link: Link, width: usize, num_outputs: usize) -> Self {
        Self {
            link,
            width,
            num_outputs,
            weights: vec![0.0; width * num_outputs].into(),
            bias: vec![0.0; num_outputs].into(),
        }
    }

    /// Fits on all records of `features`, starting from `self`; the end tells how it went.
    ///
    /// Gives the same bits for any number of threads.
    #[must_use]
    pub fn fitted(
        &self,
        features: &Features,
        goal: Goal<'_>,
        fit: &LinearFit<'_>,
    ) -> (Self, Minimum) {
        let scoring = Scoring::new(goal, fit, features.num_records());
        let mut objective = match features {
            Features::Dense(dense) => Objective::Dense(dense, dense::Workspace::new(dense, fit)),
            Features::Sparse(sparse) => Objective::Sparse(sparse, sparse.transposed()),
        };
        let num_weights = self.weights.len();
        let penalty = fit.l2 / (scoring.total_weight() * features.num_views() as f64);
        let mut point = [&*self.weights, &*self.bias].concat();
        let minimiser = Lbfgs {
            max_iterations: fit.max_iterations,
            gradient_tolerance: 1e-6,
            value_tolerance: 1e-8,
            ..Lbfgs::default()
        };
        let end = minimiser.minimise(&mut point, |point, gradient| {
            let (weights, bias) = point.split_at(num_weights);
            let (to_weights, to_bias) = gradient.split_at_mut(num_weights);
            let loss = objective.evaluate(&scoring, (weights, bias), (to_weights, to_bias));
            loss + add_penalty(penalty, weights, to_weights)
        });
        let bias = point.split_off(num_weights);
        let model = Self {
            weights: point.into(),
            bias: bias.into(),
            ..*self
        };
        (model, end)
    }

    /// Mean loss on records, each counted once.
    pub fn loss(&self, features: &Features, goal: Goal<'_>) -> f64 {
        loss::mean_loss(&self.scores(features), goal, self.num_outputs)
    }

    /// What the model says of each record, `[N, K]`: log-probabilities (softmax), logits (logistic) or values.
    ///
    /// Where features have a mirrored view, probabilities (or logits, values) are averaged over the two.
    pub fn scores(&self, features: &Features) -> Vec<f32> {
        let (mut logits, mirrored) = match features {
            Features::Dense(dense) => dense.logits(&self.weights, &self.bias, self.num_outputs),
            Features::Sparse(sparse) => {
                let logits = sparse.logits(&self.weights, &self.bias, self.num_outputs);
                (logits, None)
            }
        };
        for row in logits.chunks_exact_mut(self.num_outputs) {
            self.link.finish(row);
        }
        if let Some(mut mirrored) = mirrored {
            for row in mirrored.chunks_exact_mut(self.num_outputs) {
                self.link.finish(row);
            }
            self.link.average(&mut logits, &mirrored);
        }
        logits
    }
}

enum Objective<'a> {
    Dense(&'a Dense, dense::Workspace),
    Sparse(&'a Sparse, sparse::Transposed),
}

impl Objective<'_> {
    /// Writes the gradient of the mean loss and gives that loss.
    fn evaluate(
        &mut self,
        scoring: &Scoring<'_>,
        (weights, bias): (&[f32], &[f32]),
        (to_weights, to_bias): (&mut [f32], &mut [f32]),
    ) -> f64 {
        match self {
            Self::Dense(dense, work) => {
                dense.evaluate(work, scoring, (weights, bias), (to_weights, to_bias))
            }
            Self::Sparse(sparse, transposed) => {
                let mut outer = sparse.logits(weights, bias, scoring.num_outputs());
                let loss = scoring.losses(&mut outer);
                transposed.gradient(&outer, scoring.num_outputs(), to_weights);
                column_sums(&outer, to_bias);
                loss
            }
        }
    }
}

fn column_sums(rows: &[f32], sums: &mut [f32]) {
    let mut totals = vec![0.0_f64; sums.len()];
    for row in rows.chunks_exact(sums.len()) {
        for (total, value) in totals.iter_mut().zip(row) {
            *total += f64::from(*value);
        }
    }
    for (sum, total) in sums.iter_mut().zip(totals) {
        *sum = total as f32;
    }
}

fn add_penalty(penalty: f64, weights: &[f32], gradient: &mut [f32]) -> f64 {
    let factor = penalty as f32;
    let mut squares = 0.0_f64;
    for (weights, gradient) in weights.chunks(1024).zip(gradient.chunks_mut(1024)) {
        let mut sum = 0.0_f32;
        for (weight, gradient) in weights.iter().zip(gradient) {
            *gradient += factor * weight;
            sum += weight * weight;
        }
        squares += f64::from(sum);
    }
    0.5 * penalty * squares
}

/// The best of several strengths of the penalty, by the loss on records that the fit did not see.
///
/// Strengths are tried from the strongest down, each from the one before. Without `watch` the middle one is taken.
pub fn fit_best_l2(
    train: (&Features, Goal<'_>),
    watch: Option<(&Features, Goal<'_>)>,
    strengths: &[f64],
    fit: &LinearFit<'_>,
) -> (LinearModel, f64) {
    let (features, goal) = train;
    let mut descending = strengths.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let mut model = LinearModel::zeros(goal.link(), features.width(), fit.num_outputs);
    let watch = watch.filter(|(features, _)| features.num_records() > 0);
    let Some((watched, truth)) = watch else {
        let l2 = descending
            .get(descending.len() / 2)
            .copied()
            .unwrap_or(fit.l2);
        return (
            model.fitted(features, goal, &LinearFit { l2, ..*fit }).0,
            l2,
        );
    };
    let mut best: Option<(LinearModel, f64, f64)> = None;
    for l2 in descending {
        model = model.fitted(features, goal, &LinearFit { l2, ..*fit }).0;
        let loss = model.loss(watched, truth);
        if best.as_ref().is_some_and(|(_, _, least)| loss >= *least) {
            break; // the loss is smooth in the strength: weaker ones would only be worse
        }
        best = Some((model.clone(), l2, loss));
    }
    best.map_or((model, fit.l2), |(model, l2, _)| (model, l2))
}

#[cfg(test)]
mod tests;
