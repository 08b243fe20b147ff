//! Every network that is measured.

use engine::check::random_tensor;
use engine::{Activation, Conv2d, Pool2d, Tape, Var};

use crate::net::{Batch, ConvNorm, Goal, Layers, Net};
use crate::peers;
use crate::source::Source;

/// A network: its short name if peers run it too, and how to build it.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) workload: Option<&'static str>,
    pub(crate) build: fn(&Source) -> Net,
}

const fn named(
    name: &'static str,
    workload: Option<&'static str>,
    build: fn(&Source) -> Net,
) -> Named {
    Named {
        name,
        workload,
        build,
    }
}

/// Every network.
pub(crate) const ALL: [Named; 6] = [
    named("residual_cnn", None, residual_cnn),
    named("ngram_bag", None, ngram_bag),
    named("seed_model", Some("S1"), peers::seed_model),
    named("bert_small", Some("S2"), peers::bert_small),
    named("vit_small", Some("S3"), peers::vit_small),
    named("resnet18", Some("S4"), peers::resnet18),
];

const BATCH: usize = 64;

fn goal() -> Goal {
    Goal::Classes((0..BATCH as u32).map(|record| record % 10).collect())
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
fn residual_cnn(source: &Source) -> Net {
    let mut layers = Layers::new(source);
    let stem = layers.conv_norm(["stem", "norm"], [24, 3, 5, 5], Conv2d::square(2, 2));
    let blocks = [(24, 48), (48, 96), (96, 192)].map(|(inputs, outputs)| {
        let mut conv_norm = |of: &str, shape: [usize; 4], conv| {
            let name = format!("{outputs}.{of}");
            layers.conv_norm([&name, &format!("{name}.norm")], shape, conv)
        };
        Residual {
            first: conv_norm("first", [outputs, inputs, 3, 3], Conv2d::square(2, 1)),
            second: conv_norm("second", [outputs, outputs, 3, 3], Conv2d::square(1, 1)),
            shortcut: conv_norm("shortcut", [outputs, inputs, 1, 1], Conv2d::default()),
        }
    });
    let head = layers.linear("head", 192, 10);
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let x = batch.pictures(tape);
        let mut x = stem.forward(tape, &x, None, true);
        for block in &blocks {
            x = block.forward(tape, &x);
        }
        let x = tape.global_avg_pool(&x).unwrap();
        let x = tape.dropout(&x, 0.1).unwrap();
        head.forward(tape, &x, Activation::None)
    };
    let batch = Batch {
        len: BATCH,
        ids: Vec::new(),
        pictures: Some(random_tensor(&[BATCH, 3, 64, 64], 9)),
    };
    Net::new(layers, batch, goal(), Box::new(forward))
}

/// Hashed n-grams: 64 records of 400 places in a table of 2^17 rows.
fn ngram_bag(source: &Source) -> Net {
    const PLACES: usize = 400;
    let mut layers = Layers::new(source);
    let table = layers.table("table", 1 << 17, 64);
    let head = layers.linear("head", 64, 10);
    let offsets: Vec<usize> = (0..BATCH).map(|record| record * PLACES).collect();
    let weights = vec![1.0 / PLACES as f32; BATCH * PLACES];
    let forward = move |tape: &mut Tape<'_>, batch: &Batch| {
        let x = tape
            .embedding_bag(table, &offsets, &batch.ids, &weights)
            .unwrap();
        head.forward(tape, &x, Activation::None)
    };
    let batch = Batch {
        len: BATCH,
        ids: source.integers("ids", BATCH * PLACES, 1 << 17),
        pictures: None,
    };
    Net::new(layers, batch, goal(), Box::new(forward))
}
