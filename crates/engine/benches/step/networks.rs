//! The networks that are measured.

use engine::check::random_tensor;
use engine::{Activation, AttentionMask, Conv2d, ParamId, Pool2d, Tape, Var};

use crate::net::{ConvNorm, Layers, Linear, Net};

/// A name and how to build it.
pub(crate) type Named = (&'static str, fn() -> Net);

/// Every network.
pub(crate) const ALL: [Named; 5] = [
    ("residual_cnn", residual_cnn),
    ("seed_model", seed_model),
    ("ngram_bag", ngram_bag),
    ("bert_small", bert_small),
    ("vit_small", vit_small),
];

const EPS: f32 = 1e-5;
const NONE: Activation = Activation::None;

fn ids(len: usize, vocabulary: usize) -> Vec<u32> {
    let half = vocabulary as f32 / 2.0;
    let numbers = random_tensor(&[len], 5);
    numbers
        .data()
        .iter()
        .map(|x| (((x + 1.0) * half) as u32).min(vocabulary as u32 - 1))
        .collect()
}

struct Residual {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: ConvNorm,
}

impl Residual {
    fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let y = self.first.forward(tape, x, None, true);
        let smaller = tape.avg_pool2d(x, Pool2d::square(2)).unwrap();
        let shortcut = self.shortcut.forward(tape, &smaller, None, false);
        self.second.forward(tape, &y, Some(&shortcut), true)
    }
}

/// The picture encoder that the default recipe trains most: 64 pictures of 64 x 64.
fn residual_cnn() -> Net {
    const BATCH: usize = 64;
    let mut layers = Layers::default();
    let stem = layers.conv_norm(3, 24, 5, Conv2d::square(2, 2));
    let blocks = [(24, 48), (48, 96), (96, 192)].map(|(inputs, outputs)| Residual {
        first: layers.conv_norm(inputs, outputs, 3, Conv2d::square(2, 1)),
        second: layers.conv_norm(outputs, outputs, 3, Conv2d::square(1, 1)),
        shortcut: layers.conv_norm(inputs, outputs, 1, Conv2d::default()),
    });
    let head = layers.linear(192, 10);
    let pictures = random_tensor(&[BATCH, 3, 64, 64], 9);
    let forward = move |tape: &mut Tape<'_>| {
        let x = tape.constant(pictures.clone());
        let mut x = stem.forward(tape, &x, None, true);
        for block in &blocks {
            x = block.forward(tape, &x);
        }
        let x = tape.global_avg_pool(&x).unwrap();
        let x = tape.dropout(&x, 0.1).unwrap();
        head.forward(tape, &x, NONE)
    };
    Net::new(layers, BATCH, 10, Box::new(forward))
}

#[derive(Clone, Copy)]
struct Block {
    qkv: Linear,
    out: Linear,
    norms: [(ParamId, ParamId); 2],
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(layers: &mut Layers, dim: usize, hidden: usize) -> Self {
        Self {
            qkv: layers.linear(dim, 3 * dim),
            out: layers.linear(dim, dim),
            norms: [layers.norm(dim), layers.norm(dim)],
            up: layers.linear(dim, hidden),
            down: layers.linear(hidden, dim),
        }
    }

    fn attend(&self, tape: &mut Tape<'_>, x: &Var, heads: usize) -> Var {
        let qkv = self.qkv.forward(tape, x, NONE);
        let y = tape
            .attention_packed(&qkv, heads, AttentionMask::default())
            .unwrap();
        self.out.forward(tape, &y, NONE)
    }

    fn feed(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let y = self.up.forward(tape, x, Activation::Gelu);
        self.down.forward(tape, &y, NONE)
    }

    /// Norm after each part, as in BERT.
    fn post_norm(&self, tape: &mut Tape<'_>, x: &Var, heads: usize) -> Var {
        let mut x = x.clone();
        for (part, (weight, bias)) in self.norms.into_iter().enumerate() {
            let y = match part {
                0 => self.attend(tape, &x, heads),
                _ => self.feed(tape, &x),
            };
            x = tape
                .add_layer_norm(&x, &y, weight, Some(bias), EPS)
                .unwrap()
                .0;
        }
        x
    }
}

/// The network of the seed document: 32 texts of 100 tokens and pictures of 64 x 64.
fn seed_model() -> Net {
    const BATCH: usize = 32;
    const TOKENS: usize = 100;
    const DIM: usize = 64;
    let mut layers = Layers::default();
    let table = layers.table(10_000, DIM);
    let block = Block::new(&mut layers, DIM, 256);
    let conv = layers.weight(&[32, 3, 3, 3]);
    let flat = layers.linear(30_752, DIM);
    let head = layers.linear(2 * DIM, 2);
    let pictures = random_tensor(&[BATCH, 3, 64, 64], 9);
    let ids = ids(BATCH * TOKENS, 10_000);
    let forward = move |tape: &mut Tape<'_>| {
        let x = tape.embedding(table, &ids, &[BATCH, TOKENS]).unwrap();
        let text = block.post_norm(tape, &x, 4);
        let text = tape.mean_tokens(&text, None).unwrap();
        let x = tape.constant(pictures.clone());
        let y = tape
            .conv2d(&x, conv, None, Conv2d::default(), Activation::Relu)
            .unwrap();
        let y = tape.max_pool2d(&y, Pool2d::square(2)).unwrap();
        let y = tape.reshape(&y, &[BATCH, 30_752]).unwrap();
        let picture = flat.forward(tape, &y, Activation::Relu);
        let both = tape.concat(&[text, picture], 1).unwrap();
        head.forward(tape, &both, NONE)
    };
    Net::new(layers, BATCH, 2, Box::new(forward))
}

/// Hashed n-grams: 64 records of 400 places in a table of 2^17 rows.
fn ngram_bag() -> Net {
    const BATCH: usize = 64;
    const PLACES: usize = 400;
    let mut layers = Layers::default();
    let table = layers.table(1 << 17, 64);
    let head = layers.linear(64, 10);
    let ids = ids(BATCH * PLACES, 1 << 17);
    let offsets: Vec<usize> = (0..BATCH).map(|record| record * PLACES).collect();
    let weights = vec![1.0 / PLACES as f32; BATCH * PLACES];
    let forward = move |tape: &mut Tape<'_>| {
        let x = tape.embedding_bag(table, &offsets, &ids, &weights).unwrap();
        head.forward(tape, &x, NONE)
    };
    Net::new(layers, BATCH, 10, Box::new(forward))
}

/// 4 layers of width 256 over 16 texts of 128 tokens.
fn bert_small() -> Net {
    const BATCH: usize = 16;
    const TOKENS: usize = 128;
    const DIM: usize = 256;
    let mut layers = Layers::default();
    let table = layers.table(30_522, DIM);
    let places = layers.weight(&[TOKENS, DIM]);
    let (weight, bias) = layers.norm(DIM);
    let blocks = [(); 4].map(|()| Block::new(&mut layers, DIM, 4 * DIM));
    let head = layers.linear(DIM, 2);
    let ids = ids(BATCH * TOKENS, 30_522);
    let forward = move |tape: &mut Tape<'_>| {
        let x = tape.embedding(table, &ids, &[BATCH, TOKENS]).unwrap();
        let places = tape.param(places);
        let x = tape.add_row(&x, &places).unwrap();
        let mut x = tape.layer_norm(&x, weight, Some(bias), EPS).unwrap();
        for block in &blocks {
            x = block.post_norm(tape, &x, 4);
        }
        let x = tape.mean_tokens(&x, None).unwrap();
        head.forward(tape, &x, NONE)
    };
    Net::new(layers, BATCH, 2, Box::new(forward))
}

/// 6 layers of width 384 over 8 pictures of 224 x 224 in patches of 16.
fn vit_small() -> Net {
    const BATCH: usize = 8;
    const DIM: usize = 384;
    const PATCHES: usize = 14 * 14;
    let mut layers = Layers::default();
    let patch = layers.linear(3 * 16 * 16, DIM);
    let places = layers.weight(&[PATCHES, DIM]);
    let blocks = [(); 6].map(|()| Block::new(&mut layers, DIM, 4 * DIM));
    let (weight, bias) = layers.norm(DIM);
    let head = layers.linear(DIM, 10);
    let patches = random_tensor(&[BATCH, PATCHES, 3 * 16 * 16], 9);
    let forward = move |tape: &mut Tape<'_>| {
        let x = tape.constant(patches.clone());
        let x = patch.forward(tape, &x, NONE);
        let places = tape.param(places);
        let mut x = tape.add_row(&x, &places).unwrap();
        for block in &blocks {
            let [(weight1, bias1), (weight2, bias2)] = block.norms;
            let y = tape.layer_norm(&x, weight1, Some(bias1), EPS).unwrap();
            let y = block.attend(tape, &y, 6);
            let (y, sum) = tape
                .add_layer_norm(&x, &y, weight2, Some(bias2), EPS)
                .unwrap();
            let y = block.feed(tape, &y);
            x = tape.add(&sum, &y).unwrap();
        }
        let x = tape.layer_norm(&x, weight, Some(bias), EPS).unwrap();
        let x = tape.mean_tokens(&x, None).unwrap();
        head.forward(tape, &x, NONE)
    };
    Net::new(layers, BATCH, 10, Box::new(forward))
}
