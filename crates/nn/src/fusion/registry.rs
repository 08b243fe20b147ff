//! Every fusion, one line each.

use schema::{Problem, Settings};
use serde::de::DeserializeOwned;

use super::{ConcatConfig, FusionConfig, GatedConfig, LateConfig, SumConfig, TransformerConfig};
use crate::settings::{self, Parse};

/// One fusion of the registry.
pub struct FusionRow {
    /// The `type` of its settings.
    pub name: &'static str,
    /// One line for `list`.
    pub about: &'static str,
    /// Whether the order of the inputs changes nothing, weights being equal.
    pub is_order_free: bool,
    /// Whether it needs embeddings of one width, so that encoders are projected to `embed_dim`.
    pub needs_one_width: bool,
    /// Reads its settings, placed at a dotted key for messages; checks nothing but form.
    pub parse: Parse<dyn FusionConfig>,
}

#[rustfmt::skip]
/// The registry. The first row is the default.
pub const FUSIONS: &[FusionRow] = &[
    row::<ConcatConfig>("concat", [false, false], "embeddings side by side through hidden layers; the default"),
    row::<SumConfig>("sum", [true, true], "mean of the present embeddings through hidden layers"),
    row::<GatedConfig>("gated", [false, false], "a learned weight a modality and record; good where modalities are often missing"),
    row::<TransformerConfig>("transformer", [true, true], "modality tokens through a transformer; finds what only both together tell"),
    row::<LateConfig>("late", [true, false], "one head a modality, added with learned non-negative weights"),
];

const fn row<C: FusionConfig + DeserializeOwned + 'static>(
    name: &'static str,
    [is_order_free, needs_one_width]: [bool; 2],
    about: &'static str,
) -> FusionRow {
    FusionRow {
        name,
        about,
        is_order_free,
        needs_one_width,
        parse: parse::<C>,
    }
}

fn parse<C: FusionConfig + DeserializeOwned + 'static>(
    table: &Settings,
    place: &str,
) -> Result<Box<dyn FusionConfig>, Vec<Problem>> {
    Ok(Box::new(settings::parse::<C>(table, place)?))
}

/// The fusion of a name.
///
/// # Errors
/// A problem at `place` with the nearest name.
pub fn find(name: &str, place: &str) -> Result<&'static FusionRow, Vec<Problem>> {
    let names: Vec<&str> = FUSIONS.iter().map(|row| row.name).collect();
    FUSIONS
        .iter()
        .find(|row| row.name == name)
        .ok_or_else(|| vec![settings::unknown("fusion", name, &names, place)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_nearest_name() {
        let error = find("transfomer", "fusion.type").err().unwrap().remove(0);
        assert_eq!(
            error.to_string(),
            "fusion.type: no fusion \"transfomer\"; closest \"transformer\" \
             (known: concat, sum, gated, transformer, late)"
        );
    }
}
