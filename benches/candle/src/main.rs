//! BERT-small in Candle as it is: one training step, median milliseconds. The peer of the engine's own benchmark.
//!
//! `cargo run --release --manifest-path benches/candle/Cargo.toml -- 10`

use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap};

const VOCAB: usize = 30_522;
const LAYERS: usize = 4;
const DIM: usize = 256;
const HEADS: usize = 4;
const FEED_FORWARD: usize = 1024;
const BATCH: usize = 16;
const TOKENS: usize = 128;
const CLASSES: usize = 10;

struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    fn new(vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(DIM, "weight", candle_nn::Init::Const(1.0))?,
            bias: vb.get_with_hints(DIM, "bias", candle_nn::Init::Const(0.0))?,
        })
    }

    /// Composed by hand: the fused forward of `candle_nn::LayerNorm` has no backward.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        centred
            .broadcast_div(&(variance + 1e-5)?.sqrt()?)?
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }
}

struct Block {
    qkv: candle_nn::Linear,
    out: candle_nn::Linear,
    up: candle_nn::Linear,
    down: candle_nn::Linear,
    norm1: Norm,
    norm2: Norm,
}

impl Block {
    fn new(vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            qkv: candle_nn::linear(DIM, 3 * DIM, vb.pp("qkv"))?,
            out: candle_nn::linear(DIM, DIM, vb.pp("out"))?,
            up: candle_nn::linear(DIM, FEED_FORWARD, vb.pp("up"))?,
            down: candle_nn::linear(FEED_FORWARD, DIM, vb.pp("down"))?,
            norm1: Norm::new(vb.pp("norm1"))?,
            norm2: Norm::new(vb.pp("norm2"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let head = DIM / HEADS;
        let qkv = self.qkv.forward(x)?.reshape((BATCH, TOKENS, 3, HEADS, head))?;
        let part = |index: usize| -> Result<Tensor> {
            qkv.narrow(2, index, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous()
        };
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let scores = (q.matmul(&k.t()?.contiguous()?)? / (head as f64).sqrt())?;
        let mixed = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
        let mixed = mixed.transpose(1, 2)?.contiguous()?.reshape((BATCH, TOKENS, DIM))?;
        let x = self.norm1.forward(&(x + self.out.forward(&mixed)?)?)?;
        let hidden = self.up.forward(&x)?.gelu_erf()?;
        self.norm2.forward(&(&x + self.down.forward(&hidden)?)?)
    }
}

fn main() -> Result<()> {
    let steps: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let device = Device::Cpu;
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &device);
    let words = candle_nn::embedding(VOCAB, DIM, vb.pp("words"))?;
    let places = candle_nn::embedding(TOKENS, DIM, vb.pp("places"))?;
    let norm = Norm::new(vb.pp("norm"))?;
    let blocks = (0..LAYERS).map(|i| Block::new(vb.pp(format!("block{i}")))).collect::<Result<Vec<_>>>()?;
    let head = candle_nn::linear(DIM, CLASSES, vb.pp("head"))?;
    let mut optimizer = AdamW::new(map.all_vars(), ParamsAdamW::default())?;

    let ids: Vec<u32> = (0..BATCH * TOKENS).map(|i| (i as u32 * 7919) % VOCAB as u32).collect();
    let ids = Tensor::from_vec(ids, (BATCH, TOKENS), &device)?;
    let positions = Tensor::arange(0_u32, TOKENS as u32, &device)?;
    let labels = Tensor::from_vec((0..BATCH as u32).map(|i| i % 10).collect::<Vec<_>>(), BATCH, &device)?;
    let mut times = Vec::new();
    for _ in 0..steps + 2 {
        let start = Instant::now();
        let mut x = norm.forward(&words.forward(&ids)?.broadcast_add(&places.forward(&positions)?)?)?;
        for block in &blocks {
            x = block.forward(&x)?;
        }
        let loss = candle_nn::loss::cross_entropy(&head.forward(&x.mean(1)?)?, &labels)?;
        optimizer.backward_step(&loss)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let mut times = times.split_off(2);
    times.sort_by(f64::total_cmp);
    println!("candle BERT-small train step: median {:.1} ms, minimum {:.1} ms", times[times.len() / 2], times[0]);
    Ok(())
}
