//! The transformer block of S1, S2 and S3.

use engine::{Activation, AttentionMask, ParamId, Tape, Var};

use crate::net::{Layers, Linear};

/// Added to variances by every norm.
pub(crate) const EPS: f32 = 1e-5;

/// Self-attention and a feed-forward part, each with a residual and a layer norm.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    qkv: Linear,
    out: Linear,
    norms: [(ParamId, ParamId); 2],
    up: Linear,
    down: Linear,
    heads: usize,
    activation: Activation,
}

impl Block {
    /// `dims` of the tokens and of the hidden layer.
    pub(crate) fn new(
        layers: &mut Layers<'_>,
        name: &str,
        dims: (usize, usize),
        heads: usize,
        activation: Activation,
    ) -> Self {
        let (dim, hidden) = dims;
        let part = |of: &str| format!("{name}.{of}");
        Self {
            qkv: layers.linear(&part("qkv"), dim, 3 * dim),
            out: layers.linear(&part("out"), dim, dim),
            norms: ["norm1", "norm2"].map(|norm| layers.norm(&part(norm), dim)),
            up: layers.linear(&part("up"), dim, hidden),
            down: layers.linear(&part("down"), hidden, dim),
            heads,
            activation,
        }
    }

    fn attend(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let qkv = self.qkv.forward(tape, x, Activation::None);
        let y = tape
            .attention_packed(&qkv, self.heads, AttentionMask::default())
            .unwrap();
        self.out.forward(tape, &y, Activation::None)
    }

    fn feed(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let y = self.up.forward(tape, x, self.activation);
        self.down.forward(tape, &y, Activation::None)
    }

    /// Norm after each part, as in BERT.
    pub(crate) fn post_norm(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let [(weight1, bias1), (weight2, bias2)] = self.norms;
        let y = self.attend(tape, x);
        let (x, _) = tape
            .add_layer_norm(x, &y, weight1, Some(bias1), EPS)
            .unwrap();
        let y = self.feed(tape, &x);
        let (x, _) = tape
            .add_layer_norm(&x, &y, weight2, Some(bias2), EPS)
            .unwrap();
        x
    }

    /// Norm before each part, as in ViT.
    pub(crate) fn pre_norm(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let [(weight1, bias1), (weight2, bias2)] = self.norms;
        let y = tape.layer_norm(x, weight1, Some(bias1), EPS).unwrap();
        let y = self.attend(tape, &y);
        let (y, sum) = tape
            .add_layer_norm(x, &y, weight2, Some(bias2), EPS)
            .unwrap();
        let y = self.feed(tape, &y);
        tape.add(&sum, &y).unwrap()
    }
}
