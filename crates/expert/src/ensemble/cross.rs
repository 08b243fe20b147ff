//! What quick experts say of records that they were fitted without, fold by fold.
//!
//! # Source
//! Wolpert 1992, "Stacked generalization": weights from records that each voice did not see.

use crate::{Context, Expert, ExpertError, Kind, Voice, combined::prior_scores};
use schema::ExpertConfig;

use super::{EnsemblePlan, Watched};

/// Most seconds that fitting a kind once more for each fold may be expected to take.
const MOST_SECS: f64 = 20.0;

/// What an expert says of the folds of the plan, behind one another, each by the same expert fitted on everything else;
/// `None` for kinds that take too long, or without folds.
pub(super) fn voice(
    kind: &dyn Kind,
    (config, expert): (&ExpertConfig, &dyn Expert),
    plan: &EnsemblePlan,
    context: &Context<'_>,
) -> Result<Option<Voice>, ExpertError> {
    let num_rows = plan.fit_rows.len() + plan.held_out.len();
    // By what kinds say, not by the clock: the same configuration must always be stacked alike.
    let secs = plan.folds.len() as f64 * kind.expected_secs(num_rows);
    if !kind.is_cheap() || plan.folds.is_empty() || secs > MOST_SECS {
        return Ok(None);
    }
    let part = Watched::start(context, &format!("{} for the stack", config.name), true);
    let mut all: Option<Voice> = None;
    for fold in &plan.folds {
        let mut rows: Vec<usize> = plan
            .fit_rows
            .iter()
            .filter(|row| !fold.contains(row))
            .chain(&plan.held_out)
            .copied()
            .collect();
        rows.sort_unstable();
        let said = match expert.refit(config, context, &rows) {
            Ok(other) => other.speak(context.dataset, fold)?.into_iter().next(),
            // All that it could learn from is in this fold.
            Err(ExpertError::NothingToLearn { .. }) => None,
            Err(error) => return Err(error),
        };
        let said = said.unwrap_or_else(|| silent(config, fold.len(), context));
        match &mut all {
            None => all = Some(said),
            Some(all) => {
                all.present.extend(said.present);
                all.scores.extend(said.scores);
            }
        }
    }
    part.end();
    Ok(all)
}

fn silent(config: &ExpertConfig, num_records: usize, context: &Context<'_>) -> Voice {
    Voice {
        name: config.name.clone(),
        inputs: config.inputs.clone(),
        present: vec![false; num_records],
        scores: prior_scores(context.target).repeat(num_records),
    }
}

/// The voices about the held-out rows with what was said of the folds behind, and the rows that they are about. A
/// voice that was not crossed is absent from the folds.
pub(super) fn behind(
    voices: &[Voice],
    crossed: &[(&str, &Voice)],
    plan: &EnsemblePlan,
    width: usize,
) -> (Vec<Voice>, Vec<usize>) {
    let folds: &[Vec<usize>] = if crossed.is_empty() { &[] } else { &plan.folds };
    let rows: Vec<usize> = plan
        .held_out
        .iter()
        .chain(folds.iter().flatten())
        .copied()
        .collect();
    let longer = |voice: &Voice| {
        let mut voice = voice.clone();
        if let Some((_, said)) = crossed.iter().find(|(name, _)| *name == voice.name) {
            voice.present.extend(&said.present);
            voice.scores.extend(&said.scores);
        }
        voice.present.resize(rows.len(), false);
        voice.scores.resize(rows.len() * width, 0.0);
        voice
    };
    (voices.iter().map(longer).collect(), rows)
}
