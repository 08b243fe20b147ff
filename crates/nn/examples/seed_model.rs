//! The seed network by hand: text and picture -> yes or no. Built, trained on random data, saved, loaded, asked.
use engine::{Gradients, Optimizer, OptimizerConfig, Parameters, Pool2d, Tape, Tensor, Var};
use nn::{Init, NnError, Scope, layer::*};
use schema::{Pack, Seed};

struct Model(
    Embedding,
    TransformerBlock,
    Conv,
    Linear,
    TransformerBlock,
    Linear,
);

fn build(scope: &mut Scope<'_>) -> Result<Model, NnError> {
    let (block, relu) = (TransformerBlockConfig::keras(4, 64), ActivationKind::Relu);
    let tokens = Embedding::build(scope, "tokens", 1000, 64, Init::Uniform(0.05))?;
    let reader = TransformerBlock::build(scope, "reader", &block, 64)?;
    let conv = Conv::build(scope, "conv", &ConvConfig::plain(3, 32, 3), relu)?;
    let hidden = Linear::build(scope, "hidden", 64 + 32 * 31 * 31, 64)?.activated(relu);
    let fuser = TransformerBlock::build(scope, "fuser", &block, 64)?;
    let head = Linear::build(scope, "head", 64, 1)?;
    Ok(Model(tokens, reader, conv, hidden, fuser, head))
}

fn forward(model: &Model, tape: &mut Tape<'_>, ids: &[u32], x: Tensor) -> Result<Var, NnError> {
    let Model(tokens, reader, conv, hidden, fuser, head) = model;
    let (batch_size, x) = (x.shape()[0], tape.constant(x));
    let text = tokens.forward(tape, ids, &[batch_size, 100])?; // [B, T, 64]
    let text = reader.forward(tape, &text, None)?;
    let text = tape.mean_tokens(&text, None)?; // [B, 64]
    let maps = conv.forward(tape, &x)?; // [B, 32, 62, 62]
    let maps = tape.max_pool2d(&maps, Pool2d::square(2))?;
    let image = tape.reshape(&maps, &[batch_size, 32 * 31 * 31])?;
    let both = tape.concat(&[text, image], 1)?;
    let token = hidden.forward(tape, &both)?;
    let token = tape.reshape(&token, &[batch_size, 1, 64])?;
    let fused = fuser.forward(tape, &token, None)?;
    let fused = tape.reshape(&fused, &[batch_size, 64])?;
    head.forward(tape, &fused)
}

fn random(place: usize, count: usize) -> Result<(Vec<u32>, Tensor, Vec<f32>), NnError> {
    let mut rng = Seed(1).at(place as u64).rng();
    let ids = (0..count * 100).map(|_| rng.below(1000) as u32).collect();
    let pixels = (0..count * 3 * 64 * 64).map(|_| rng.uniform() as f32);
    let pixels = Tensor::from_vec(&[count, 3, 64, 64], pixels.collect())?;
    Ok((
        ids,
        pixels,
        (0..count).map(|_| rng.below(2) as f32).collect(),
    ))
}

fn main() -> Result<(), NnError> {
    let (mut trained, mut loaded, mut pack) =
        (Parameters::new(), Parameters::new(), Pack::default());
    let model = build(&mut Scope::new(&mut trained, Seed(0)))?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.0), &trained);
    let mut gradients = Gradients::new(&trained);
    for step in 0..10 * 4 {
        let (ids, pixels, labels) = random(step % 4, 25)?; // 10 epochs over 100 records
        let mut tape = Tape::training(&trained, step as u64);
        let logits = forward(&model, &mut tape, &ids, pixels)?;
        let loss = tape.bce_with_logits(&logits, &labels, None, None)?;
        eprintln!("step {step:2} loss {:.4}", tape.value(&loss).item());
        gradients.clear();
        tape.backward(&loss, &mut gradients)?;
        optimizer.step(&mut trained, &gradients, 1e-3)?;
    }
    nn::save_parameters(&trained, &mut pack);
    let model = build(&mut Scope::blank(&mut loaded))?;
    nn::load_parameters(&mut loaded, &pack)?;
    let (ids, pixels, labels) = random(0, 10)?;
    let mut tape = Tape::inference(&loaded);
    let logits = forward(&model, &mut tape, &ids, pixels)?;
    eprintln!(
        "{} parameters; {:?}",
        loaded.num_values(),
        logits.tensor().data()
    );
    eprintln!("truth {labels:?}");
    Ok(())
}
