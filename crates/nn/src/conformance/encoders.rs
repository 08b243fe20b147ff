//! Every encoder alone.

use engine::{Gradients, Parameters, Tape};
use schema::{InputBatch, Payload, Seed, Settings};

use super::{
    ENCODER_CASES, assert_close, assert_finite, fitted, mixture, network, sample, table, target,
    unreached,
};
use crate::{
    InputInfo, Scope,
    encoder::{self, ENCODERS, Encoder},
    input::select,
};

/// An encoder with its parameters and the column it was built for.
struct Built {
    parameters: Parameters,
    encoder: Box<dyn Encoder>,
    info: InputInfo,
    what: String,
}

fn built(name: &str, settings: &Settings) -> Built {
    let row = encoder::find(name, "type").unwrap();
    let config = (row.parse)(settings, "encoder").unwrap();
    assert!(config.check("encoder").is_empty(), "{name}");
    let info = fitted("column", name, settings);
    let mut parameters = Parameters::new();
    let mut scope = Scope::new(&mut parameters, Seed(1));
    let encoder = config.build(&info, &mut scope).unwrap();
    Built {
        parameters,
        encoder,
        info,
        what: format!("{name} {settings}"),
    }
}

fn cases() -> Vec<Built> {
    let cases = ENCODER_CASES.iter();
    cases
        .map(|(name, text)| built(name, &table(text)))
        .collect()
}

impl Built {
    fn run(&self, input: &InputBatch) -> Vec<f32> {
        let mut tape = Tape::inference(&self.parameters);
        let y = self.encoder.forward(&mut tape, input).unwrap();
        let shape = [input.present.len(), self.encoder.embed_dim()];
        assert_eq!(y.shape(), shape, "{}", self.what);
        tape.value(&y).data().to_vec()
    }
}

#[test]
fn defaults_build_and_the_shape_is_the_plans() {
    for row in ENCODERS {
        let built = built(row.name, &Settings::new());
        assert_finite(&built.run(&sample(&built.info, 2, 1.0)), &built.what);
        assert!(built.encoder.num_activations() > 0, "{}", built.what);
    }
}

#[test]
fn a_record_alone_gives_the_same_as_in_a_batch() {
    for built in cases() {
        let input = sample(&built.info, 3, 1.0);
        let together = built.run(&input);
        let dim = built.encoder.embed_dim();
        for record in 0..3 {
            let alone = built.run(&select(&input, &[record]));
            assert_close(&alone, &together[record * dim..][..dim], &built.what);
        }
    }
}

#[test]
fn padding_changes_nothing() {
    for built in cases() {
        let mut input = sample(&built.info, 3, 1.0);
        let before = built.run(&input);
        let Payload::Ids { shape, data, valid } = &mut input.payload else {
            continue;
        };
        let seq_len = shape[1];
        if seq_len == 1 {
            continue;
        }
        for record in (0..shape[0]).rev() {
            data.insert((record + 1) * seq_len, 0);
            valid.insert((record + 1) * seq_len, false);
        }
        shape[1] += 1;
        assert_close(&built.run(&input), &before, &built.what);
    }
}

#[test]
fn padding_holds_anything_without_being_seen() {
    for built in cases() {
        let mut input = sample(&built.info, 3, 1.0);
        let before = built.run(&input);
        let Payload::Ids { data, valid, .. } = &mut input.payload else {
            continue;
        };
        for (code, is_real) in data.iter_mut().zip(valid) {
            if !*is_real {
                *code = 1;
            }
        }
        assert_close(&built.run(&input), &before, &built.what);
    }
}

#[test]
fn the_gradient_reaches_every_parameter() {
    for built in cases() {
        let mut gradients = Gradients::new(&built.parameters);
        let mut tape = Tape::training(&built.parameters, 1);
        let input = sample(&built.info, 8, 1.0);
        let y = built.encoder.forward(&mut tape, &input).unwrap();
        let loss = mixture(&mut tape, &y);
        tape.backward(&loss, &mut gradients).unwrap();
        let unreached = unreached(&built.parameters, &gradients);
        assert!(unreached.is_empty(), "{}: {unreached:?}", built.what);
    }
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    for (name, text) in ENCODER_CASES {
        let values = || {
            let built = built(name, &table(text));
            let all = built.parameters.iter();
            all.flat_map(|(_, _, _, value)| value.data().to_vec())
                .collect::<Vec<f32>>()
        };
        assert_eq!(values(), values(), "{name}");
    }
}

#[test]
fn huge_and_tiny_inputs_stay_finite() {
    for built in cases() {
        for scale in [1e12, 1e-30, 0.0] {
            let values = built.run(&sample(&built.info, 2, scale));
            assert_finite(&values, &format!("{} x{scale}", built.what));
        }
    }
}

#[test]
fn numbers_of_another_kind_are_refused() {
    let wrong = InputBatch {
        present: vec![true],
        payload: Payload::Floats {
            shape: vec![1, 777],
            data: vec![0.0; 777],
        },
    };
    for built in cases() {
        let mut tape = Tape::inference(&built.parameters);
        let error = built.encoder.forward(&mut tape, &wrong).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("input \"column\": got floats [1, 777], expected "),
            "{}: {text}",
            built.what
        );
    }
}

#[test]
fn eight_records_can_be_memorised() {
    // Chance is ln 3 = 1.1; a plain number has to bend eight times for the rest.
    const ENOUGH: f32 = 0.2;
    for (name, text) in ENCODER_CASES {
        let target = target(schema::Task::Class, 3);
        let fusion = ("concat", "hidden_dims = [16]\ndropout_rate = 0");
        let (mut network, samples) = network(&[("column", name, text)], fusion, &target);
        let batch = super::batch(samples, &target);
        let loss = super::memorise(&mut network, &batch, ENOUGH);
        assert!(loss < ENOUGH, "{name}: loss {loss}");
    }
}
