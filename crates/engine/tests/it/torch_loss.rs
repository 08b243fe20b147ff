//! Losses against PyTorch.

use engine::{CrossEntropy, EngineError, Tape, Targets, Tensor, Var};

use crate::golden::{Entry, check};

/// PyTorch's `ignore_index` becomes [`Targets::IGNORED`].
fn classes(entry: &Entry<'_>) -> Vec<u32> {
    let classes = entry.integers("target").into_iter();
    classes
        .map(|class| u32::try_from(class).unwrap_or(Targets::IGNORED))
        .collect()
}

fn cross_entropy(name: &str, label_smoothing: f32, has_weights: bool) {
    check(name, &[], |tape, entry| {
        let classes = classes(entry);
        let weights = || entry.constant("const_weight").data().to_vec();
        let settings = CrossEntropy {
            label_smoothing,
            class_weights: has_weights.then(weights),
            record_weights: None,
        };
        tape.cross_entropy(&entry.input("x"), Targets::Classes(&classes), &settings)
    });
}

#[test]
fn cross_entropy_agrees_with_torch() {
    cross_entropy("cross_entropy", 0.0, false);
    cross_entropy("cross_entropy_smoothing", 0.1, false);
    cross_entropy("cross_entropy_weights", 0.0, true);
    cross_entropy("cross_entropy_all", 0.15, true);
    check("cross_entropy_soft", &[], |tape, entry| {
        let target = entry.constant("const_target");
        let targets = Targets::Probabilities(target.data());
        tape.cross_entropy(&entry.input("x"), targets, &CrossEntropy::default())
    });
}

#[test]
fn bce_agrees_with_torch() {
    for (name, has_positive, has_weight) in [
        ("bce_with_logits", false, false),
        ("bce_pos_weight", true, false),
        ("bce_pos_weight_weight", true, true),
    ] {
        check(name, &[], |tape, entry| {
            let target = entry.constant("const_target");
            let positive = has_positive.then(|| entry.constant("const_pos_weight"));
            let weight = has_weight.then(|| entry.constant("const_weight"));
            let (positive, weight) = (positive.as_ref(), weight.as_ref());
            let (positive, weight) = (positive.map(Tensor::data), weight.map(Tensor::data));
            tape.bce_with_logits(&entry.input("x"), target.data(), positive, weight)
        });
    }
}

#[test]
fn regression_losses_agree_with_torch() {
    check("mse", &[], |tape, entry| {
        let target = entry.constant("const_target");
        tape.mse(&entry.input("x"), target.data(), None)
    });
    check("smooth_l1", &[], |tape, entry| {
        let target = entry.constant("const_target");
        tape.huber(&entry.input("x"), target.data(), 0.7, None)
    });
}

fn similarities(tape: &mut Tape<'_>, a: &Var, b: &Var) -> Result<Var, EngineError> {
    let (a, b) = (tape.normalize_rows(a)?, tape.normalize_rows(b)?);
    tape.matmul(&a, &b, true)
}

/// `x * s` for a number `s` on the tape.
fn times(tape: &mut Tape<'_>, x: &Var, s: &Var) -> Result<Var, EngineError> {
    let flat = tape.reshape(x, &[1, x.shape().iter().product()])?;
    let scaled = tape.mul_column(&flat, s)?;
    tape.reshape(&scaled, x.shape())
}

#[test]
fn contrastive_losses_can_be_written_with_the_operations() {
    let diagonal: Vec<u32> = (0..7).collect();
    let plain = CrossEntropy::default();
    check("info_nce", &[], |tape, entry| {
        let logits = similarities(tape, &entry.input("a"), &entry.input("b"))?;
        let logits = tape.scale(&logits, 10.0)?;
        tape.cross_entropy(&logits, Targets::Classes(&diagonal), &plain)
    });
    check("clip_loss", &[], |tape, entry| {
        let logits = similarities(tape, &entry.input("a"), &entry.input("b"))?;
        let scale = tape.exp(&entry.input("log_scale"))?;
        let logits = times(tape, &logits, &scale)?;
        let one = tape.cross_entropy(&logits, Targets::Classes(&diagonal), &plain)?;
        let logits = tape.transpose(&logits, 0, 1)?;
        let other = tape.cross_entropy(&logits, Targets::Classes(&diagonal), &plain)?;
        let both = tape.add(&one, &other)?;
        tape.scale(&both, 0.5)
    });
    check("siglip_loss", &[], |tape, entry| {
        let logits = similarities(tape, &entry.input("a"), &entry.input("b"))?;
        let scale = tape.exp(&entry.input("log_scale"))?;
        let logits = times(tape, &logits, &scale)?;
        let column = tape.reshape(&logits, &[49, 1])?;
        let logits = tape.add_row(&column, &entry.input("bias"))?;
        let sign = |place: usize| if place.is_multiple_of(8) { -1.0 } else { 1.0 };
        let signs = Tensor::from_vec(&[49, 1], (0..49).map(sign).collect())?;
        let signs = tape.constant(signs);
        let signed = tape.mul(&logits, &signs)?;
        let losses = tape.softplus(&signed)?;
        let sum = tape.sum(&losses)?;
        tape.scale(&sum, 1.0 / 7.0)
    });
}
