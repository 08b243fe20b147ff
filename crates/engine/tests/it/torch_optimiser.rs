//! Optimisers and clipping against PyTorch.

use engine::{Gradients, Optimizer, OptimizerConfig, ParamId, ParamKind, Parameters};

use crate::golden::{assert_close, tensor};

fn two_parameters(prefix: &str, kind_of_b: ParamKind) -> (Parameters, ParamId, ParamId) {
    let mut parameters = Parameters::new();
    let mut add = |name: &str, kind| {
        parameters
            .add(name, kind, tensor(&format!("{prefix}.{name}")))
            .unwrap()
    };
    let (w, b) = (add("w", ParamKind::Weight), add("b", kind_of_b));
    (parameters, w, b)
}

/// Five steps with the given gradients, compared after each; the state is saved and loaded half way.
fn run(name: &str, config: OptimizerConfig, lr: f32, scale_of_b: f32, kind_of_b: ParamKind) {
    let (mut parameters, w, b) = two_parameters("optimiser.start", kind_of_b);
    let mut optimizer = Optimizer::new(config, &parameters);
    let mut gradients = Gradients::new(&parameters);
    for step in 1..=5 {
        for (id, part) in [(w, "w"), (b, "b")] {
            let values = tensor(&format!("optimiser.gradient.{step}.{part}"));
            gradients.set(id, values.data()).unwrap();
        }
        optimizer.set_rate_scale(b, scale_of_b);
        optimizer.step(&mut parameters, &gradients, lr).unwrap();
        for (id, part) in [(w, "w"), (b, "b")] {
            let expected = tensor(&format!("optimiser.{name}.{step}.{part}"));
            assert_close(
                &format!("{name} {step} {part}"),
                parameters.get(id).data(),
                expected.data(),
            );
        }
        if step == 3 {
            let state = optimizer.state(&parameters);
            optimizer = Optimizer::new(config, &parameters);
            optimizer.load_state(&parameters, &state).unwrap();
        }
    }
}

fn all_decayed(name: &str, config: OptimizerConfig, lr: f32) {
    run(name, config, lr, 1.0, ParamKind::Weight);
}

#[test]
fn adam_w_agrees_with_torch() {
    let adam_w = |beta1, beta2, eps, weight_decay| OptimizerConfig::AdamW {
        beta1,
        beta2,
        eps,
        weight_decay,
    };
    all_decayed("adamw", adam_w(0.9, 0.999, 1e-8, 0.01), 0.01);
    all_decayed("adamw_strong_decay", adam_w(0.8, 0.95, 1e-6, 0.3), 0.05);
    let config = adam_w(0.9, 0.999, 1e-8, 0.2);
    run("adamw_two_groups", config, 0.02, 0.5, ParamKind::Bias);
}

#[test]
fn adam_agrees_with_torch() {
    let adam = |beta1, beta2, eps, weight_decay| OptimizerConfig::Adam {
        beta1,
        beta2,
        eps,
        weight_decay,
    };
    all_decayed("adam", adam(0.9, 0.999, 1e-8, 0.0), 0.01);
    all_decayed("adam_l2", adam(0.85, 0.98, 1e-7, 0.1), 0.03);
}

#[test]
fn sgd_agrees_with_torch() {
    let sgd = |momentum, dampening, nesterov, weight_decay| OptimizerConfig::Sgd {
        momentum,
        dampening,
        nesterov,
        weight_decay,
    };
    all_decayed("sgd", sgd(0.0, 0.0, false, 0.0), 0.1);
    all_decayed("sgd_momentum", sgd(0.9, 0.0, false, 0.02), 0.05);
    all_decayed("sgd_dampening", sgd(0.9, 0.3, false, 0.02), 0.05);
    all_decayed("sgd_nesterov", sgd(0.9, 0.0, true, 0.02), 0.05);
}

#[test]
fn clipping_agrees_with_torch() {
    for (name, max) in [("norm", 1.5), ("norm_inactive", 100.0), ("value", 0.5)] {
        let prefix = format!("clip.{name}.gradient");
        let (parameters, w, b) = two_parameters(&prefix, ParamKind::Weight);
        let mut gradients = Gradients::new(&parameters);
        for id in [w, b] {
            gradients.set(id, parameters.get(id).data()).unwrap();
        }
        if name == "value" {
            gradients.clip_value(max);
        } else {
            let norm = gradients.clip_norm(max);
            let expected = tensor(&format!("clip.{name}.total_norm"));
            assert_close(name, &[norm], expected.data());
        }
        for (id, part) in [(w, "w"), (b, "b")] {
            let expected = tensor(&format!("clip.{name}.clipped.{part}"));
            assert_close(name, &gradients.to_vec(id), expected.data());
        }
    }
}
