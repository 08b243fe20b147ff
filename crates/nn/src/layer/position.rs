//! Where in a sequence a token stands.

use engine::{ParamId, ParamKind, Tape, Tensor, Var};

use crate::{Init, NnError, Scope};

/// How positions are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionKind {
    /// Not at all: the encoder sees a bag of tokens.
    None,
    /// One trained vector a position.
    #[default]
    Learned,
    /// Fixed sines and cosines of falling frequency.
    Sinusoidal,
}

/// Adds a vector a position.
///
/// # Source
/// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.5.
#[derive(Debug, Clone)]
pub struct Position {
    /// Trained table `[max_len, D]`, or the fixed one; `None` adds nothing.
    table: Option<Table>,
    max_len: usize,
}

#[derive(Debug, Clone)]
enum Table {
    Learned(ParamId),
    Fixed(Tensor),
}

impl Position {
    /// For sequences of up to `max_len` tokens of width `dim`. Learned vectors start normal with deviation 0.02.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        kind: PositionKind,
        max_len: usize,
        dim: usize,
    ) -> Result<Self, NnError> {
        let shape = [max_len, dim];
        let table = match kind {
            PositionKind::None => None,
            PositionKind::Learned => Some(Table::Learned(scope.parameter(
                name,
                ParamKind::Bias,
                &shape,
                Init::Normal(0.02),
            )?)),
            PositionKind::Sinusoidal => Some(Table::Fixed(Tensor::from_vec(
                &shape,
                sinusoids(max_len, dim),
            )?)),
        };
        Ok(Self { table, max_len })
    }

    /// # Shapes
    /// - `x`, returns: `[B, T, D]` with T of at most `max_len`
    ///
    /// # Errors
    /// [`NnError::Batch`] if a sequence is longer than `max_len`.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let seq_len = x.shape()[1];
        let table = match &self.table {
            None => return Ok(x.clone()),
            Some(Table::Learned(id)) => tape.param(*id),
            Some(Table::Fixed(tensor)) => tape.constant(tensor.clone()),
        };
        if seq_len > self.max_len {
            return Err(NnError::Batch {
                got: format!("a sequence of {seq_len} tokens"),
                expected: format!("at most {}", self.max_len),
            });
        }
        let rows = tape.slice(&table, 0, 0, seq_len)?;
        Ok(tape.add_row(x, &rows)?)
    }
}

/// `[max_len, dim]`: sines in the even places, cosines in the odd ones.
fn sinusoids(max_len: usize, dim: usize) -> Vec<f32> {
    (0..max_len * dim)
        .map(|index| {
            let (place, column) = (index / dim, index % dim);
            let exponent = (column - column % 2) as f64 / dim as f64;
            let angle = place as f64 / 10_000_f64.powf(exponent);
            let value = if column % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            };
            value as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinusoids_are_the_papers() {
        // numpy: place 1, D 4: sin(1), cos(1), sin(1/100), cos(1/100)
        const F32_TOL: f32 = 1e-6;
        let table = sinusoids(2, 4);
        let expected = [0.841_471, 0.540_302_3, 0.009_999_833, 0.999_95];
        assert_eq!(&table[..4], [0.0, 1.0, 0.0, 1.0]);
        for (got, want) in table[4..].iter().zip(expected) {
            assert!((got - want).abs() < F32_TOL, "{got} {want}");
        }
    }
}
