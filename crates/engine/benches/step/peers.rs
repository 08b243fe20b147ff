//! S1 to S4: the networks that PyTorch and TensorFlow run too, as `benches/peers/models.py` defines them.

use engine::check::random_tensor;
use engine::{Activation, Conv2d, Pool2d, Tape, Var};

use crate::net::{Batch, ConvNorm, Goal, Layers, Net};
use crate::source::Source;
use crate::transformer::{Block, EPS};

const NONE: Activation = Activation::None;
const NUM_CLASSES: usize = 10;

/// Pictures with three channels.
fn pictures(source: &Source, batch: usize, size: usize) -> Batch {
    let shape = [batch, 3, size, size];
    let random = || random_tensor(&shape, 9);
    Batch {
        len: batch,
        ids: Vec::new(),
        pictures: Some(source.tensor("input.pictures", &shape, random)),
    }
}

fn classes(source: &Source, batch: usize) -> Goal {
    Goal::Classes(source.integers("input.targets", batch, NUM_CLASSES))
}

/// S1: 32 texts of 100 tokens and pictures of 64 x 64.
pub(crate) fn seed_model(source: &Source) -> Net {
    const BATCH: usize = 32;
    const TOKENS: usize = 100;
    const DIM: usize = 64;
    const FLAT: usize = 32 * 31 * 31;
    let mut layers = Layers::new(source);
    let token = layers.table("token.weight", 1000, DIM);
    let [text_block, fusion_block] = ["text_block", "fusion_block"]
        .map(|name| Block::new(&mut layers, name, (DIM, DIM), 4, Activation::Relu));
    let conv = layers.weight("conv.weight", &[32, 3, 3, 3]);
    let conv_bias = layers.filled("conv.bias", 32, 0.0);
    let fuse = layers.linear("fuse", DIM + FLAT, DIM);
    let head = layers.linear("head", DIM, 1);
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let shape = [batch.len, TOKENS];
        let x = tape.embedding(token, &batch.ids, &shape).unwrap();
        let text = text_block.post_norm(tape, &x);
        let text = tape.mean_tokens(&text, None).unwrap();
        let x = batch.pictures(tape);
        let (weights, pool) = ((conv, Some(conv_bias)), Pool2d::square(2));
        let y = tape
            .conv2d_max_pool(&x, weights, Conv2d::default(), Activation::Relu, pool)
            .unwrap();
        let picture = tape.reshape(&y, &[batch.len, FLAT]).unwrap();
        let both = tape.concat(&[text, picture], 1).unwrap();
        let x = fuse.forward(tape, &both, Activation::Relu);
        let x = tape.reshape(&x, &[batch.len, 1, DIM]).unwrap();
        let x = fusion_block.post_norm(tape, &x);
        let x = tape.reshape(&x, &[batch.len, DIM]).unwrap();
        head.forward(tape, &x, NONE)
    };
    let batch = Batch {
        ids: source.integers("input.ids", BATCH * TOKENS, 1000),
        ..pictures(source, BATCH, 64)
    };
    let random = || (0..BATCH).map(|record| (record % 2) as f32).collect();
    let targets = source.values("input.targets").unwrap_or_else(random);
    Net::new(layers, batch, Goal::Binary(targets), Box::new(forward))
}

/// S2: 4 layers of width 256 over 16 texts of 128 tokens.
pub(crate) fn bert_small(source: &Source) -> Net {
    const BATCH: usize = 16;
    const TOKENS: usize = 128;
    const DIM: usize = 256;
    const VOCABULARY: usize = 30_522;
    let mut layers = Layers::new(source);
    let token = layers.table("token.weight", VOCABULARY, DIM);
    let position = layers.weight("position", &[TOKENS, DIM]);
    let (weight, bias) = layers.norm("norm", DIM);
    let blocks: [Block; 4] = std::array::from_fn(|at| {
        let name = format!("blocks.{at}");
        Block::new(&mut layers, &name, (DIM, 4 * DIM), 4, Activation::Gelu)
    });
    let head = layers.linear("head", DIM, NUM_CLASSES);
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let shape = [batch.len, TOKENS];
        let x = tape.embedding(token, &batch.ids, &shape).unwrap();
        let position = tape.param(position);
        let x = tape.add_row(&x, &position).unwrap();
        let mut x = tape.layer_norm(&x, weight, Some(bias), EPS).unwrap();
        for block in &blocks {
            x = block.post_norm(tape, &x);
        }
        let x = tape.mean_tokens(&x, None).unwrap();
        head.forward(tape, &x, NONE)
    };
    let batch = Batch {
        len: BATCH,
        ids: source.integers("input.ids", BATCH * TOKENS, VOCABULARY),
        pictures: None,
    };
    Net::new(layers, batch, classes(source, BATCH), Box::new(forward))
}

/// S3: 6 layers of width 384 over 8 pictures of 224 x 224 in patches of 16.
pub(crate) fn vit_small(source: &Source) -> Net {
    const BATCH: usize = 8;
    const DIM: usize = 384;
    const PATCHES: usize = 14 * 14;
    let mut layers = Layers::new(source);
    let patch = layers.weight("patch.weight", &[DIM, 3, 16, 16]);
    let patch_bias = layers.filled("patch.bias", DIM, 0.0);
    let position = layers.weight("position", &[PATCHES, DIM]);
    let blocks: [Block; 6] = std::array::from_fn(|at| {
        let name = format!("blocks.{at}");
        Block::new(&mut layers, &name, (DIM, 4 * DIM), 6, Activation::Gelu)
    });
    let (weight, bias) = layers.norm("norm", DIM);
    let head = layers.linear("head", DIM, NUM_CLASSES);
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let x = batch.pictures(tape);
        let grid = tape
            .conv2d(&x, patch, Some(patch_bias), Conv2d::square(16, 0), NONE)
            .unwrap();
        let columns = tape.reshape(&grid, &[batch.len, DIM, PATCHES]).unwrap();
        let tokens = tape.transpose(&columns, 1, 2).unwrap();
        let position = tape.param(position);
        let mut x = tape.add_row(&tokens, &position).unwrap();
        for block in &blocks {
            x = block.pre_norm(tape, &x);
        }
        let x = tape.layer_norm(&x, weight, Some(bias), EPS).unwrap();
        let x = tape.mean_tokens(&x, None).unwrap();
        head.forward(tape, &x, NONE)
    };
    let batch = pictures(source, BATCH, 224);
    Net::new(layers, batch, classes(source, BATCH), Box::new(forward))
}

/// The basic block of ResNet.
struct Residual {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Residual {
    fn new(layers: &mut Layers<'_>, at: usize, inputs: usize, outputs: usize) -> Self {
        let names = |conv: &str, norm: &str| [conv, norm].map(|of| format!("blocks.{at}.{of}"));
        let mut conv_norm =
            |names: [String; 2], shape, conv| layers.conv_norm([&names[0], &names[1]], shape, conv);
        let stride = outputs / inputs;
        let shape = [outputs, inputs, 3, 3];
        Self {
            first: conv_norm(names("conv1", "norm1"), shape, Conv2d::square(stride, 1)),
            second: conv_norm(
                names("conv2", "norm2"),
                [outputs, outputs, 3, 3],
                Conv2d::square(1, 1),
            ),
            shortcut: (stride != 1).then(|| {
                let names = names("shortcut", "shortcut_norm");
                conv_norm(names, [outputs, inputs, 1, 1], Conv2d::square(stride, 0))
            }),
        }
    }

    fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Var {
        let y = self.first.forward(tape, x, None, true);
        let shortcut = match self.shortcut {
            Some(conv) => conv.forward(tape, x, None, false),
            None => x.clone(),
        };
        self.second.forward(tape, &y, Some(&shortcut), true)
    }
}

/// S4: ResNet-18 over 8 pictures of 112 x 112.
pub(crate) fn resnet18(source: &Source) -> Net {
    const BATCH: usize = 8;
    /// Channels into and out of each block; the stride is their ratio.
    const BLOCKS: [(usize, usize); 8] = [
        (64, 64),
        (64, 64),
        (64, 128),
        (128, 128),
        (128, 256),
        (256, 256),
        (256, 512),
        (512, 512),
    ];
    let mut layers = Layers::new(source);
    let stem = layers.conv_norm(["conv", "norm"], [64, 3, 7, 7], Conv2d::square(2, 3));
    let mut blocks = Vec::new();
    for (at, (inputs, outputs)) in BLOCKS.into_iter().enumerate() {
        blocks.push(Residual::new(&mut layers, at, inputs, outputs));
    }
    let head = layers.linear("head", 512, NUM_CLASSES);
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let x = batch.pictures(tape);
        let x = stem.forward(tape, &x, None, true);
        let mut x = tape.max_pool2d(&x, Pool2d::square(2)).unwrap();
        for block in &blocks {
            x = block.forward(tape, &x);
        }
        let x = tape.global_avg_pool(&x).unwrap();
        head.forward(tape, &x, NONE)
    };
    let batch = pictures(source, BATCH, 112);
    Net::new(layers, batch, classes(source, BATCH), Box::new(forward))
}
