//! Losses: each gives one number and its gradient in one pass.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::cpu::{elementwise, math, softmax};
use crate::error::{EngineError, require, require_setting};
use crate::tape::{Backward, Tape, Var, owned};
use crate::tensor::Tensor;

/// What a cross-entropy compares with.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'t> {
    /// The number of the class of every record. [`Targets::IGNORED`] leaves a record out.
    Classes(&'t [u32]),
    /// Probabilities `[B, K]` row-major.
    Probabilities(&'t [f32]),
}

impl Targets<'_> {
    /// A class number that leaves the record out of the loss.
    pub const IGNORED: u32 = u32::MAX;
}

/// Settings of a cross-entropy.
#[derive(Debug, Clone, Default)]
pub struct CrossEntropy {
    /// Part of the probability that is spread over all classes, in `0..=1`; 0.
    pub label_smoothing: f32,
    /// `[K]`: how much a class counts.
    pub class_weights: Option<Vec<f32>>,
    /// `[B]`: how much a record counts.
    pub record_weights: Option<Vec<f32>>,
}

impl Tape<'_> {
    /// Mean cross-entropy of logits.
    ///
    /// With class numbers the mean is weighted: divided by the sum of the weights of the records' classes (times
    /// the record weights), as in PyTorch. With probabilities it is divided by the sum of the record weights. If
    /// nothing counts, the loss is 0.
    ///
    /// # Shapes
    /// - `logits`: `[B, K]`; returns `[1]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Index`] for a class beyond `K`.
    pub fn cross_entropy(
        &mut self,
        logits: &Var,
        targets: Targets<'_>,
        settings: &CrossEntropy,
    ) -> Result<Var, EngineError> {
        let num_classes = check_cross_entropy(logits, targets, settings)?;
        let smoothing = settings.label_smoothing;
        let class_weight = |class: usize| settings.class_weights.as_ref().map_or(1.0, |w| w[class]);
        let record_weight = |row: usize| settings.record_weights.as_ref().map_or(1.0, |w| w[row]);
        let mut gradient = Buffer::scratch(logits.data().len());
        let (mut loss, mut total) = (0.0_f64, 0.0_f64);
        let mut wanted = vec![0.0_f32; num_classes];
        let rows = logits.data().chunks_exact(num_classes);
        for (row, (x, gradient)) in rows.zip(gradient.chunks_exact_mut(num_classes)).enumerate() {
            // `wanted[k]`: weight of -log p_k in the loss of this record.
            let counts = match targets {
                Targets::Classes(classes) if classes[row] == Targets::IGNORED => {
                    gradient.fill(0.0);
                    continue;
                }
                Targets::Classes(classes) => {
                    wanted.fill(0.0);
                    wanted[classes[row] as usize] = 1.0;
                    class_weight(classes[row] as usize)
                }
                Targets::Probabilities(all) => {
                    wanted.copy_from_slice(&all[row * num_classes..][..num_classes]);
                    1.0
                }
            };
            let weight = record_weight(row);
            for (class, wanted) in wanted.iter_mut().enumerate() {
                let spread = smoothing / num_classes as f32;
                *wanted = ((1.0 - smoothing) * *wanted + spread) * class_weight(class) * weight;
            }
            loss += cross_entropy_row(x, &wanted, gradient);
            total += f64::from(counts * weight);
        }
        let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
        elementwise::scale_in_place(&mut gradient, scale as f32);
        Ok(self.loss(logits, loss * scale, gradient))
    }

    /// Mean binary cross-entropy of logits, over all values.
    ///
    /// # Shapes
    /// - `logits`: any; `targets`: as many, in `0..=1`
    /// - `positive_weights`: how much a positive counts, over the last axis
    /// - `weights`: how much a value counts: one for each value, or one for each row of the last axis. As in
    ///   PyTorch, the sum is divided by the number of values, not of weights.
    /// - returns `[1]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn bce_with_logits(
        &mut self,
        logits: &Var,
        targets: &[f32],
        positive_weights: Option<&[f32]>,
        weights: Option<&[f32]>,
    ) -> Result<Var, EngineError> {
        const OP: &str = "bce_with_logits";
        let dim = logits.tensor().last_dim();
        if let Some(positive) = positive_weights {
            require(
                positive.len() == dim,
                OP,
                || format!("{} positive weights", positive.len()),
                || format!("one for each of {dim} columns"),
            )?;
        }
        let positive = |at: usize| positive_weights.map_or(1.0, |weights| weights[at % dim]);
        self.pointwise(OP, logits, (targets, weights), |at, x, target| {
            let soft = |x: f32| math::max(0.0, x) + (-x.abs()).exp().ln_1p();
            let positive = positive(at);
            let value = target * positive * soft(-x) + (1.0 - target) * soft(x);
            let p = 1.0 / (1.0 + (-x).exp());
            (value, (1.0 - target) * p - target * positive * (1.0 - p))
        })
    }

    /// Mean squared error over all values; `weights` as in [`Tape::bce_with_logits`].
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn mse(
        &mut self,
        x: &Var,
        targets: &[f32],
        weights: Option<&[f32]>,
    ) -> Result<Var, EngineError> {
        self.pointwise("mse", x, (targets, weights), |_, x, target| {
            let error = x - target;
            (error * error, 2.0 * error)
        })
    }

    /// Mean absolute error over all values; `weights` as in [`Tape::bce_with_logits`].
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn l1(
        &mut self,
        x: &Var,
        targets: &[f32],
        weights: Option<&[f32]>,
    ) -> Result<Var, EngineError> {
        self.pointwise("l1", x, (targets, weights), |_, x, target| {
            let error = x - target;
            let slope = if error == 0.0 { 0.0 } else { error.signum() };
            (error.abs(), slope)
        })
    }

    /// PyTorch's `smooth_l1`: `error^2 / (2 beta)` below `beta`, `|error| - beta / 2` above, mean over all values;
    /// `weights` as in [`Tape::bce_with_logits`].
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`] unless `beta` is positive.
    pub fn huber(
        &mut self,
        x: &Var,
        targets: &[f32],
        beta: f32,
        weights: Option<&[f32]>,
    ) -> Result<Var, EngineError> {
        require_setting(beta > 0.0, "huber", "beta", beta, "a positive number")?;
        self.pointwise("huber", x, (targets, weights), |_, x, target| {
            let error = x - target;
            if error.abs() < beta {
                (0.5 * error * error / beta, error / beta)
            } else {
                (error.abs() - 0.5 * beta, error.signum())
            }
        })
    }

    /// Weighted mean of a loss of each value; `f(place, x, target)` gives the loss and its slope.
    fn pointwise(
        &mut self,
        op: &'static str,
        x: &Var,
        (targets, weights): (&[f32], Option<&[f32]>),
        f: impl Fn(usize, f32, f32) -> (f32, f32),
    ) -> Result<Var, EngineError> {
        let len = x.data().len();
        require(
            targets.len() == len && len > 0,
            op,
            || format!("{} targets", targets.len()),
            || format!("one for each value of x {:?}, at least one", x.shape()),
        )?;
        // Values that share one weight.
        let mut shared = 1;
        if let Some(weights) = weights {
            let rows = len / x.tensor().last_dim();
            let got = || format!("{} weights", weights.len());
            let expected = || format!("{len} or {rows} weights");
            require(
                weights.len() == len || weights.len() == rows,
                op,
                got,
                expected,
            )?;
            shared = len / weights.len();
        }
        let mut gradient = Buffer::scratch(len);
        let mut loss = 0.0_f64;
        let scale = 1.0 / len as f32;
        let values = gradient.iter_mut().zip(x.data()).zip(targets);
        for (at, ((gradient, &x), &target)) in values.enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[at / shared]);
            let (value, slope) = f(at, x, target);
            loss += f64::from(value * weight);
            *gradient = slope * weight * scale;
        }
        Ok(self.loss(x, loss / len as f64, gradient))
    }

    /// Puts a loss with its finished gradient on the tape.
    fn loss(&mut self, x: &Var, loss: f64, gradient: Buffer) -> Var {
        let slot = x.slot();
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let factor = dy[0];
            let mut dx = owned(Arc::new(gradient));
            if factor != 1.0 {
                elementwise::scale_in_place(&mut dx, factor);
            }
            backward.add(slot, dx);
        };
        self.record(Tensor::scalar(loss as f32), x.needs_gradient(), back)
    }
}

fn check_cross_entropy(
    logits: &Var,
    targets: Targets<'_>,
    settings: &CrossEntropy,
) -> Result<usize, EngineError> {
    const OP: &str = "cross_entropy";
    let (batch, num_classes) = match logits.shape() {
        &[batch, num_classes] if num_classes > 0 => (batch, num_classes),
        shape => {
            return Err(EngineError::Shape {
                op: OP,
                got: format!("logits {shape:?}"),
                expected: "[B, K], K at least 1".to_owned(),
            });
        }
    };
    let smoothing = settings.label_smoothing;
    let in_range = (0.0..=1.0).contains(&smoothing);
    require_setting(
        in_range,
        OP,
        "label_smoothing",
        smoothing,
        "between 0 and 1",
    )?;
    let (got, expected) = match targets {
        Targets::Classes(classes) => (classes.len(), batch),
        Targets::Probabilities(all) => (all.len(), batch * num_classes),
    };
    let weights = |weights: &Option<Vec<f32>>, len| weights.as_ref().map_or(len, Vec::len);
    let lens = [
        ("targets", got, expected),
        (
            "class weights",
            weights(&settings.class_weights, num_classes),
            num_classes,
        ),
        (
            "record weights",
            weights(&settings.record_weights, batch),
            batch,
        ),
    ];
    for (what, got, expected) in lens {
        require(
            got == expected,
            OP,
            || format!("{got} {what}"),
            || format!("{expected} for logits [B={batch}, K={num_classes}]"),
        )?;
    }
    if let Targets::Classes(classes) = targets {
        let is_wrong = |class: u32| class as usize >= num_classes && class != Targets::IGNORED;
        if let Some(&class) = classes.iter().find(|&&class| is_wrong(class)) {
            return Err(EngineError::Index {
                op: OP,
                got: class as usize,
                limit: num_classes,
            });
        }
    }
    Ok(num_classes)
}

/// `-sum(wanted * log_softmax(x))` and its gradient `softmax(x) * sum(wanted) - wanted`.
fn cross_entropy_row(x: &[f32], wanted: &[f32], gradient: &mut [f32]) -> f64 {
    let log_sum = softmax::log_sum_exp(x);
    let sum: f32 = wanted.iter().sum();
    let mut loss = 0.0_f64;
    for ((gradient, &x), &wanted) in gradient.iter_mut().zip(x).zip(wanted) {
        let log_p = x - log_sum;
        // A class that is not wanted may be impossible: 0 times infinity is no loss.
        if wanted != 0.0 {
            loss -= f64::from(wanted) * f64::from(log_p);
        }
        *gradient = math::exp(log_p) * sum - wanted;
    }
    loss
}
