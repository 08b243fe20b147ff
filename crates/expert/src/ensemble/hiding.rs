//! What an ensemble says while some of its inputs are hidden.

use std::sync::Arc;

use super::{EnsemblePlan, Member};
use crate::{Context, ExpertError, Voice};

/// What was said about the held-out records while some inputs were hidden.
#[derive(Debug, Clone)]
pub struct Hiding {
    /// The hidden inputs; none for the records as they are.
    pub hidden: Vec<String>,
    /// What every voice said, in the same order each time.
    pub voices: Vec<Voice>,
}

/// What the voices say about the held-out rows as they are, and with each set of inputs hidden that is worth knowing:
/// every one of them where there are few inputs, otherwise one input hidden or all but one.
pub(super) fn hidings(
    members: &[Member],
    plan: &EnsemblePlan,
    context: &Context<'_>,
) -> Result<Vec<Hiding>, ExpertError> {
    let inputs: Vec<String> = context
        .dataset
        .columns()
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let mut hidings: Vec<Hiding> = Vec::new();
    for hidden in hidden_sets(&inputs) {
        let dataset = Arc::new(context.dataset.hiding(&hidden));
        let mut voices = Vec::new();
        let mut place = 0;
        for member in members {
            let touched = member
                .config
                .inputs
                .iter()
                .any(|input| hidden.contains(input));
            match hidings.first() {
                // An expert that reads none of the hidden inputs says the same as before.
                Some(open) if !touched => {
                    let own = format!("{}/", member.config.name);
                    let said = open.voices[place..].iter().take_while(|voice| {
                        voice.name == member.config.name || voice.name.starts_with(&own)
                    });
                    voices.extend(said.cloned());
                }
                _ => voices.extend(member.expert.speak(&dataset, &plan.held_out)?),
            }
            place = voices.len();
        }
        hidings.push(Hiding { hidden, voices });
    }
    Ok(hidings)
}

/// The sets of inputs to hide, nothing first.
fn hidden_sets(inputs: &[String]) -> Vec<Vec<String>> {
    /// Up to so many inputs every subset is tried.
    const FEW: usize = 3;
    /// Beyond so many inputs each alone tells little, and trying costs time.
    const MANY: usize = 8;
    let n = inputs.len();
    let mut sets: Vec<Vec<usize>> = vec![vec![]];
    if n > 1 && n <= FEW {
        let all = 1..(1_usize << n) - 1;
        sets.extend(all.map(|bits| (0..n).filter(|place| bits >> place & 1 == 1).collect()));
    } else if n > FEW && n <= MANY {
        sets.extend((0..n).map(|place| vec![place]));
        sets.extend((0..n).map(|kept| (0..n).filter(|place| *place != kept).collect()));
    }
    let named = |set: &Vec<usize>| set.iter().map(|place| inputs[*place].clone()).collect();
    sets.iter().map(named).collect()
}
