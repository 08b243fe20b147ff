//! Reference values from PyTorch; see `tests/golden/README.md`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use engine::{EngineError, Gradients, ParamId, ParamKind, Parameters, Tape, Tensor, Var};
use safetensors::{Dtype, SafeTensors};

/// The tolerance of the reference set: float32 rounding of sums of up to a hundred terms.
const ABSOLUTE_TOL: f32 = 1e-5;
const RELATIVE_TOL: f32 = 1e-4;

static BYTES: &[u8] = include_bytes!("../golden/torch.safetensors");
static FILE: LazyLock<SafeTensors<'static>> =
    LazyLock::new(|| SafeTensors::deserialize(BYTES).unwrap());

/// The tensor of a full name, if there is one. A number has shape `[1]`.
pub(crate) fn find(name: &str) -> Option<Tensor> {
    let view = FILE.tensor(name).ok()?;
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let bytes = view.data().as_chunks::<4>().0;
    let data = bytes.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let shape = if view.shape().is_empty() {
        &[1][..]
    } else {
        view.shape()
    };
    Some(Tensor::from_vec(shape, data.collect()).unwrap())
}

/// The tensor of a full name.
pub(crate) fn tensor(name: &str) -> Tensor {
    find(name).unwrap_or_else(|| panic!("no tensor {name}"))
}

/// The integers of a full name.
pub(crate) fn integers(name: &str) -> Vec<i64> {
    let view = FILE.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::I64, "{name}");
    let bytes = view.data().as_chunks::<8>().0;
    bytes
        .iter()
        .map(|bytes| i64::from_le_bytes(*bytes))
        .collect()
}

/// Panics with both sides whole unless they agree.
pub(crate) fn assert_close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let agrees = |(got, expected): (&f32, &f32)| {
        (got - expected).abs() <= ABSOLUTE_TOL + RELATIVE_TOL * expected.abs()
    };
    let all = got.iter().zip(expected).all(agrees);
    assert!(all, "{what}\n     got {got:?}\nexpected {expected:?}");
}

/// Inputs of one entry on a tape.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) inputs: &'a BTreeMap<String, Var>,
    pub(crate) parameters: &'a BTreeMap<String, ParamId>,
}

impl Entry<'_> {
    pub(crate) fn input(&self, name: &str) -> Var {
        self.inputs[name].clone()
    }

    pub(crate) fn parameter(&self, name: &str) -> ParamId {
        self.parameters[name]
    }

    /// A tensor that has no gradient.
    pub(crate) fn constant(&self, name: &str) -> Tensor {
        tensor(&format!("{}.in.{name}", self.name))
    }

    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        integers(&format!("{}.in.{name}", self.name))
    }
}

/// The inputs of an entry that have a gradient.
fn with_gradient(name: &str) -> Vec<&'static str> {
    let prefix = format!("{name}.grad.");
    let names = FILE.names().into_iter();
    let mut inputs: Vec<_> = names
        .filter_map(|name| name.strip_prefix(&prefix))
        .collect();
    inputs.sort_unstable();
    assert!(!inputs.is_empty(), "no entry {name}");
    inputs
}

/// Runs one entry and compares its output and all its gradients.
///
/// `parameters` are the inputs that become parameters; the others with a gradient become inputs of the tape.
pub(crate) fn check(
    name: &str,
    parameters: &[&str],
    forward: impl Fn(&mut Tape<'_>, &Entry<'_>) -> Result<Var, EngineError>,
) {
    let prefix = format!("{name}.grad.");
    let mut arena = Parameters::new();
    let mut ids = BTreeMap::new();
    let differentiable = with_gradient(name);
    for input in &differentiable {
        if parameters.contains(input) {
            let value = tensor(&format!("{name}.in.{input}"));
            let id = arena.add(input, ParamKind::Weight, value).unwrap();
            ids.insert((*input).to_owned(), id);
        }
    }
    let mut tape = Tape::training(&arena, 0);
    let mut inputs = BTreeMap::new();
    for input in &differentiable {
        if !parameters.contains(input) {
            let value = tensor(&format!("{name}.in.{input}"));
            inputs.insert((*input).to_owned(), tape.input(value));
        }
    }
    let entry = Entry {
        name,
        inputs: &inputs,
        parameters: &ids,
    };
    let out = forward(&mut tape, &entry).unwrap();
    assert_close(
        &format!("{name}: output"),
        out.tensor().data(),
        tensor(&format!("{name}.out.y")).data(),
    );
    let loss = match find(&format!("{name}.in.seed")) {
        None => out,
        Some(seed) => {
            let seed = tape.constant(seed.reshaped(out.shape()).unwrap());
            let weighted = tape.mul(&out, &seed).unwrap();
            tape.sum(&weighted).unwrap()
        }
    };
    let mut gradients = Gradients::new(&arena);
    tape.backward(&loss, &mut gradients).unwrap();
    for input in &differentiable {
        let expected = tensor(&format!("{prefix}{input}"));
        let got = match ids.get(*input) {
            Some(&id) => gradients.to_vec(id),
            None => tape
                .input_gradient(&inputs[*input])
                .unwrap()
                .data()
                .to_vec(),
        };
        assert_close(
            &format!("{name}: gradient of {input}"),
            &got,
            expected.data(),
        );
    }
}
