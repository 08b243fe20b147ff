//! Losses: each gives one number and its gradient in one pass.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require, require_setting};
use crate::kernels::{CrossEntropyRows, Pointwise, PointwiseLoss, kernels};
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
        let mut gradient = Buffer::scratch(logits.data().len());
        let rows = CrossEntropyRows {
            num_classes,
            targets,
            smoothing: settings.label_smoothing,
            class_weights: settings.class_weights.as_deref(),
            record_weights: settings.record_weights.as_deref(),
        };
        let (loss, total) = kernels().cross_entropy(&rows, logits.data(), &mut gradient);
        let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
        kernels().scale_in_place(&mut gradient, scale as f32);
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
        self.pointwise(
            OP,
            Pointwise::Bce(positive_weights),
            logits,
            (targets, weights),
        )
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
        self.pointwise("mse", Pointwise::Mse, x, (targets, weights))
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
        self.pointwise("l1", Pointwise::L1, x, (targets, weights))
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
        self.pointwise("huber", Pointwise::Huber(beta), x, (targets, weights))
    }

    /// Weighted mean of a loss of each value.
    fn pointwise(
        &mut self,
        op: &'static str,
        kind: Pointwise<'_>,
        x: &Var,
        (targets, weights): (&[f32], Option<&[f32]>),
    ) -> Result<Var, EngineError> {
        let len = x.data().len();
        require(
            targets.len() == len && len > 0,
            op,
            || format!("{} targets", targets.len()),
            || format!("one for each value of x {:?}, at least one", x.shape()),
        )?;
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
        }
        let mut gradient = Buffer::scratch(len);
        let loss = PointwiseLoss { kind, weights };
        let sum = kernels().pointwise_loss(&loss, x.data(), targets, &mut gradient);
        Ok(self.loss(x, sum / len as f64, gradient))
    }

    /// Puts a loss with its finished gradient on the tape.
    fn loss(&mut self, x: &Var, loss: f64, gradient: Buffer) -> Var {
        let slot = x.slot();
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let factor = dy[0];
            let mut dx = owned(Arc::new(gradient));
            if factor != 1.0 {
                kernels().scale_in_place(&mut dx, factor);
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
