//! The seed network by hand: text and picture -> yes or no. Built, trained on noise, saved, loaded, asked.
use engine::{Gradients, Optimizer, OptimizerConfig, Parameters, Pool2d, Tape, Tensor, Var};
use nn::{Init, NnError, Scope, layer::*};
use schema::{Pack, Seed};

type Block = TransformerBlock;
type Model = (Embedding, Block, Conv, Linear, Block, Linear);

fn build(scope: &mut Scope<'_>) -> Result<Model, NnError> {
    let (block, relu) = (TransformerBlockConfig::keras(4, 64), ActivationKind::Relu);
    Ok((
        Embedding::build(scope, "tokens", 1000, 64, Init::Uniform(0.05))?,
        Block::build(scope, "reader", &block, 64)?,
        Conv::build(scope, "conv", &ConvConfig::plain(3, 32, 3), relu)?,
        Linear::build(scope, "hidden", 64 + 32 * 31 * 31, 64)?.activated(relu),
        Block::build(scope, "fuser", &block, 64)?,
        Linear::build(scope, "head", 64, 1)?,
    ))
}

fn forward(model: &Model, tape: &mut Tape<'_>, ids: &[u32], x: &Tensor) -> Result<Var, NnError> {
    let (tokens, reader, conv, hidden, fuser, head) = model;
    let (batch_size, x) = (x.shape()[0], tape.constant(x.clone()));
    let text = tokens.forward(tape, ids, &[batch_size, 100])?; // [B, T, 64]
    let text = reader.forward(tape, &text, None)?;
    let text = tape.mean_tokens(&text, None)?; // [B, 64]
    let image = conv.forward(tape, &x)?; // [B, 32, 62, 62]
    let image = tape.max_pool2d(&image, Pool2d::square(2))?;
    let image = tape.reshape(&image, &[batch_size, 32 * 31 * 31])?;
    let both = tape.concat(&[text, image], 1)?;
    let token = hidden.forward(tape, &both)?;
    let token = tape.reshape(&token, &[batch_size, 1, 64])?;
    let token = fuser.forward(tape, &token, None)?;
    let fused = tape.reshape(&token, &[batch_size, 64])?;
    head.forward(tape, &fused)
}

fn main() -> Result<(), NnError> {
    let mut rng = Seed(1).rng(); // 100 records of noise
    let ids: Vec<u32> = (0..100 * 100).map(|_| rng.below(1000) as u32).collect();
    let pixels = (0..3 * 64 * 64 * 100)
        .map(|_| rng.uniform() as f32)
        .collect();
    let pixels = Tensor::from_vec(&[100, 3, 64, 64], pixels)?;
    let labels: Vec<f32> = (0..100).map(|_| rng.below(2) as f32).collect();
    let (mut trained, mut loaded) = (Parameters::new(), Parameters::new());
    let model = build(&mut Scope::new(&mut trained, Seed(0)))?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.0), &trained);
    let mut gradients = Gradients::new(&trained);
    for epoch in 0..10 {
        let mut tape = Tape::training(&trained, epoch);
        let logits = forward(&model, &mut tape, &ids, &pixels)?;
        let loss = tape.bce_with_logits(&logits, &labels, None, None)?;
        eprintln!("epoch {epoch} loss {:.4}", tape.value(&loss).item());
        gradients.clear();
        tape.backward(&loss, &mut gradients)?;
        optimizer.step(&mut trained, &gradients, 1e-3)?;
    }
    let mut pack = Pack::default();
    nn::save_parameters(&trained, &mut pack);
    let model = build(&mut Scope::blank(&mut loaded))?;
    nn::load_parameters(&mut loaded, &pack)?;
    let logits = forward(&model, &mut Tape::inference(&loaded), &ids, &pixels)?;
    eprintln!("logits {:?}", &logits.tensor().data()[..10]);
    Ok(())
}
