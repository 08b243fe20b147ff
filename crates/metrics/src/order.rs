//! Records sorted by one number, with the ends of ties.

/// Records from the highest to the lowest number.
#[derive(Debug)]
pub(crate) struct Order {
    /// Record at each place.
    pub(crate) rows: Vec<u32>,
    /// True at the last record of a group of equals.
    pub(crate) ends_tie: Vec<bool>,
}

impl Order {
    /// Sorts; equals keep their order. Numbers are not NaN ([`crate::Sample`] has checked).
    pub(crate) fn descending(numbers: &[f64]) -> Self {
        let mut rows: Vec<u32> = (0..numbers.len() as u32).collect();
        let number = |row: u32| numbers[row as usize];
        rows.sort_by(|a, b| number(*b).total_cmp(&number(*a)));
        let ends_tie = (0..rows.len())
            .map(|place| {
                let next = rows.get(place + 1);
                next.is_none_or(|next| number(*next) != number(rows[place]))
            })
            .collect();
        Self { rows, ends_tie }
    }

    /// Average rank of each record where record `i` stands `counts[i]` times in the list; ranks start at 1 from the
    /// highest, equals share the mean of their ranks.
    pub(crate) fn ranks(&self, counts: &[u32]) -> Vec<f64> {
        let mut ranks = vec![0.0; self.rows.len()];
        let (mut start, mut before) = (0, 0_u64);
        for end in 0..self.rows.len() {
            if !self.ends_tie[end] {
                continue;
            }
            let tie = &self.rows[start..=end];
            let size: u64 = tie.iter().map(|row| u64::from(counts[*row as usize])).sum();
            let rank = before as f64 + (size as f64 + 1.0) / 2.0;
            for row in tie {
                ranks[*row as usize] = rank;
            }
            before += size;
            start = end + 1;
        }
        ranks
    }

    /// Weighted median as numpy takes it: the mean of the two middle numbers of an even list.
    pub(crate) fn median(&self, counts: &[u32], number: impl Fn(usize) -> f64) -> Option<f64> {
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        if total == 0 {
            return None;
        }
        let (first, second) = ((total - 1) / 2, total / 2);
        let (mut before, mut sum) = (0_u64, 0.0);
        for row in self.rows.iter().map(|row| *row as usize) {
            let after = before + u64::from(counts[row]);
            for middle in [first, second] {
                if (before..after).contains(&middle) {
                    sum += number(row) / 2.0;
                }
            }
            if after > second {
                break;
            }
            before = after;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_share_their_rank() {
        let order = Order::descending(&[1.0, 3.0, 1.0, 2.0]);
        assert_eq!(order.rows, [1, 3, 0, 2]);
        assert_eq!(order.ends_tie, [true, true, false, true]);
        assert_eq!(order.ranks(&[1; 4]), [3.5, 1.0, 3.5, 2.0]);
        // Record 1 twice: places 1 and 2, then 3, then 4 and 5.
        assert_eq!(order.ranks(&[1, 2, 1, 1]), [4.5, 1.5, 4.5, 3.0]);
    }

    #[test]
    fn the_median_counts_records_as_often_as_they_stand_there() {
        let numbers = [1.0, 2.0, 10.0, 20.0];
        let order = Order::descending(&numbers);
        let median = |counts: &[u32]| order.median(counts, |row| numbers[row]);
        assert_eq!(median(&[1; 4]), Some(6.0));
        assert_eq!(median(&[1, 1, 1, 0]), Some(2.0));
        assert_eq!(median(&[0, 3, 0, 1]), Some(2.0));
        assert_eq!(median(&[0; 4]), None);
    }
}
