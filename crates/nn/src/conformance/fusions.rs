//! Every fusion alone.

use engine::{Gradients, Parameters, Tape, Tensor};
use schema::{Seed, Settings, Task};

use super::{FUSION_CASES, assert_close, assert_finite, mixture, normals, table, unreached};
use crate::{
    NnError, Presence, Scope,
    fusion::{self, FUSIONS, Fusion, FusionInfo},
};

const DIM: usize = 8;
const NUM_LOGITS: usize = 3;

/// Three records with everything, some of it, and nothing.
fn presence() -> Presence {
    Presence::new(&[
        &[true, true, false],
        &[true, false, false],
        &[true, true, false],
    ])
}

struct Built {
    parameters: Parameters,
    fusion: Box<dyn Fusion>,
    what: String,
}

fn built(name: &str, settings: &Settings, inputs: [&str; 3], task: Task) -> Built {
    let row = fusion::find(name, "type").unwrap();
    let config = (row.parse)(settings, "fusion").unwrap();
    assert!(config.check("fusion", DIM).is_empty(), "{name}");
    let info = FusionInfo {
        inputs: inputs.map(|input| (input.to_owned(), DIM)).to_vec(),
        num_logits: NUM_LOGITS,
        task,
    };
    let mut parameters = Parameters::new();
    let mut scope = Scope::new(&mut parameters, Seed(1));
    let fusion = config.build(&info, &mut scope).unwrap();
    Built {
        parameters,
        fusion,
        what: format!("{name} {settings}"),
    }
}

const NAMES: [&str; 3] = ["text", "image", "age"];

fn cases() -> Vec<Built> {
    let cases = FUSION_CASES.iter();
    cases
        .map(|(name, text)| built(name, &table(text), NAMES, Task::Class))
        .collect()
}

/// The embeddings of an input for three records.
fn embedding(input: &str) -> Vec<f32> {
    normals(3 * DIM, 1.0, &mut Seed(2).named(input).rng())
}

impl Built {
    fn run(&self, embeddings: &[Vec<f32>], presence: &Presence) -> Vec<f32> {
        let mut tape = Tape::inference(&self.parameters);
        let shape = [presence.batch_size(), DIM];
        let mut vars = Vec::new();
        for embedding in embeddings {
            vars.push(tape.constant(Tensor::from_slice(&shape, embedding).unwrap()));
        }
        let y = self.fusion.forward(&mut tape, &vars, presence).unwrap();
        let shape = [presence.batch_size(), self.fusion.out_dim()];
        assert_eq!(y.shape(), shape, "{}", self.what);
        tape.value(&y).data().to_vec()
    }
}

#[test]
fn defaults_build_and_every_presence_is_finite() {
    for row in FUSIONS {
        for task in Task::ALL {
            let built = built(row.name, &Settings::new(), NAMES, task);
            let values = built.run(&NAMES.map(embedding), &presence());
            assert_finite(&values, &built.what);
        }
    }
}

#[test]
fn a_record_alone_gives_the_same_as_in_a_batch() {
    for built in cases() {
        let together = built.run(&NAMES.map(embedding), &presence());
        let width = built.fusion.out_dim();
        for record in 0..3 {
            let flags: Vec<[bool; 1]> = (0..3)
                .map(|input| [presence().has(record, input)])
                .collect();
            let alone = Presence::new(&[&flags[0], &flags[1], &flags[2]]);
            let own = NAMES.map(|input| embedding(input)[record * DIM..][..DIM].to_vec());
            let values = built.run(&own, &alone);
            assert_close(&values, &together[record * width..][..width], &built.what);
        }
    }
}

#[test]
fn what_is_absent_is_not_read_where_promised() {
    for built in cases()
        .into_iter()
        .filter(|built| !built.fusion.reads_absent())
    {
        if built.what.contains("zero") {
            // `missing = "zero"` is kept by the network, which hands zeros in.
            continue;
        }
        let presence = presence();
        let before = built.run(&NAMES.map(embedding), &presence);
        let mut changed = NAMES.map(embedding);
        for (input, values) in changed.iter_mut().enumerate() {
            for record in 0..3 {
                if !presence.has(record, input) {
                    values[record * DIM..][..DIM].fill(5.0);
                }
            }
        }
        assert_close(&built.run(&changed, &presence), &before, &built.what);
    }
}

#[test]
fn the_order_of_modalities_is_free_where_promised() {
    for (name, text) in FUSION_CASES {
        if !fusion::find(name, "type").unwrap().is_order_free {
            continue;
        }
        let turned = [NAMES[2], NAMES[0], NAMES[1]];
        let one = built(name, &table(text), NAMES, Task::Class);
        let other = built(name, &table(text), turned, Task::Class);
        let all = presence();
        let order = Presence::new(&[&all.of(2), &all.of(0), &all.of(1)]);
        let want = one.run(&NAMES.map(embedding), &all);
        let got = other.run(&turned.map(embedding), &order);
        assert_close(&got, &want, name);
    }
}

#[test]
fn the_gradient_reaches_every_parameter() {
    for built in cases() {
        let mut gradients = Gradients::new(&built.parameters);
        let mut tape = Tape::training(&built.parameters, 1);
        let mut vars = Vec::new();
        for input in NAMES {
            let tensor = Tensor::from_vec(&[3, DIM], embedding(input)).unwrap();
            vars.push(tape.input(tensor));
        }
        let y = built.fusion.forward(&mut tape, &vars, &presence()).unwrap();
        let loss = mixture(&mut tape, &y);
        tape.backward(&loss, &mut gradients).unwrap();
        let unreached = unreached(&built.parameters, &gradients);
        assert!(unreached.is_empty(), "{}: {unreached:?}", built.what);
        for var in &vars {
            assert!(tape.input_gradient(var).is_some(), "{}", built.what);
        }
    }
}

#[test]
fn huge_and_tiny_embeddings_stay_finite() {
    for built in cases() {
        for scale in [1e12, 1e-30, 0.0] {
            let scaled = NAMES.map(|input| embedding(input).iter().map(|x| x * scale).collect());
            assert_finite(&built.run(&scaled, &presence()), &built.what);
        }
    }
}

#[test]
fn unlike_widths_are_refused_where_one_is_needed() {
    for row in FUSIONS {
        let config = (row.parse)(&Settings::new(), "fusion").unwrap();
        let info = FusionInfo {
            inputs: vec![("text".to_owned(), 8), ("image".to_owned(), 4)],
            num_logits: NUM_LOGITS,
            task: Task::Class,
        };
        let mut parameters = Parameters::new();
        let built = config.build(&info, &mut Scope::new(&mut parameters, Seed(0)));
        match built.err() {
            None => assert!(!row.needs_one_width, "{}", row.name),
            Some(error) => {
                assert!(row.needs_one_width, "{}: {error}", row.name);
                assert!(matches!(error, NnError::EmbedDim { got: 4, .. }), "{error}");
            }
        }
    }
}
