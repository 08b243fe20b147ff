//! Columns that tell the group of a record and nothing else about it.

use std::collections::HashMap;

use super::profile::cell_key;
use crate::{DataError, Table};

/// Up to so many groups a model learns what is constant in each by heart; of more it can learn a rule.
const FEW_GROUPS: usize = 200;

/// Names of the columns with the same cell in every record of a group, such as the age of a patient of whom there are
/// many records; none if there are many groups, or hardly a group of more than one record.
///
/// # Errors
/// [`DataError::NoColumn`] if there is no column `group_by`.
pub fn constant_in_groups(table: &Table, group_by: &str) -> Result<Vec<String>, DataError> {
    let group_col = table.require(group_by)?;
    let groups: Vec<Option<u64>> = (0..table.num_records())
        .map(|row| cell_key(&table.cell(row, group_col)))
        .collect();
    let mut sizes = HashMap::<u64, usize>::new();
    for group in groups.iter().flatten() {
        *sizes.entry(*group).or_default() += 1;
        if sizes.len() > FEW_GROUPS {
            return Ok(Vec::new());
        }
    }
    let num_known: usize = sizes.values().sum();
    if num_known < 2 * sizes.len() {
        return Ok(Vec::new());
    }
    let is_constant = |col: usize| {
        let mut first = HashMap::new();
        groups.iter().enumerate().all(|(row, group)| {
            let Some(group) = group else { return true };
            let cell = cell_key(&table.cell(row, col));
            *first.entry(*group).or_insert(cell) == cell
        })
    };
    let names = table.columns().iter().enumerate();
    Ok(names
        .filter(|(col, _)| *col != group_col && is_constant(*col))
        .map(|(_, name)| name.clone())
        .collect())
}

#[cfg(test)]
mod tests {
    use schema::Record;

    use super::*;

    fn table(num_groups: usize, size: usize) -> Table {
        let record = |at: usize| {
            let group = at / size;
            Record::new()
                .with("patient", format!("p{group}"))
                .with("age", (20 + group) as f64)
                .with("beat", at as f64)
        };
        Table::from_records((0..num_groups * size).map(record).collect(), ".")
    }

    #[test]
    fn what_never_changes_within_a_group_is_found_where_groups_are_few_and_large() {
        let of = |num_groups, size| constant_in_groups(&table(num_groups, size), "patient");
        assert_eq!(of(5, 10).unwrap(), ["age"]);
        assert!(of(50, 1).unwrap().is_empty());
        assert!(of(FEW_GROUPS + 1, 3).unwrap().is_empty());
        assert!(constant_in_groups(&table(2, 2), "record").is_err());
    }
}
