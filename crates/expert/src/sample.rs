//! At most so many rows: what keeps the memory of an expert that holds features of all its records in bounds.

use schema::Seed;

/// The rows, or `most` of them drawn by the seed, in their order; 0 for no bound.
pub(crate) fn at_most(mut rows: Vec<usize>, most: usize, seed: Seed) -> Vec<usize> {
    if most == 0 || rows.len() <= most {
        return rows;
    }
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    seed.named("rows").rng().shuffle(&mut order);
    order.truncate(most);
    order.sort_unstable();
    for (to, from) in order.iter().enumerate() {
        rows[to] = rows[*from as usize];
    }
    rows.truncate(most);
    rows.shrink_to_fit();
    rows
}

/// Held-out rows by which choices are made, beside at most `most` to fit on: a quarter as many.
pub(crate) fn watched(rows: Vec<usize>, most: usize, seed: Seed) -> Vec<usize> {
    at_most(rows, most.div_ceil(4), seed.named("watched"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_stay_and_of_many_an_even_share_is_drawn_in_order() {
        let rows: Vec<usize> = (0..1000).map(|row| 2 * row).collect();
        assert_eq!(at_most(rows.clone(), 1000, Seed(1)), rows);
        assert_eq!(at_most(rows.clone(), 0, Seed(1)), rows);
        let drawn = at_most(rows.clone(), 100, Seed(1));
        assert_eq!(drawn.len(), 100);
        assert!(drawn.is_sorted_by(|a, b| a < b) && drawn.iter().all(|row| rows.contains(row)));
        // A fair draw of 100 in 1000 leaves 34 to 66 of them in the first half with a chance of 99.9 %.
        let early = drawn.iter().filter(|row| **row < 1000).count();
        assert!((34..=66).contains(&early), "{early}");
        assert_ne!(drawn, at_most(rows.clone(), 100, Seed(2)));
        assert_eq!(watched(rows, 100, Seed(1)).len(), 25);
    }
}
