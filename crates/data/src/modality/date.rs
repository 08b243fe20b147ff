//! A date to its place in time and its places in the year, month, week and day.

use std::f64::consts::TAU;

use schema::{InputBatch, Payload};

use super::presence;
use crate::{Dataset, parse::civil_from_days, target::mean_and_deviation};

/// Number of values of a date.
pub const DATE_WIDTH: usize = 9;

/// Dates beyond this many deviations from the training mean are cut.
const MAX_DEVIATIONS: f64 = 20.0;

/// Mean and deviation of the moments, in seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedDate {
    mean_secs: f64,
    deviation_secs: f64,
}

impl FittedDate {
    /// Learns the scale of time from some rows.
    pub fn fit(dataset: &Dataset, col: usize, rows: &[usize]) -> Self {
        let secs: Vec<f64> = rows
            .iter()
            .filter_map(|row| dataset.date(col, *row))
            .map(|secs| secs as f64)
            .collect();
        let (mean_secs, deviation_secs) = mean_and_deviation(&secs);
        Self {
            mean_secs,
            deviation_secs: if deviation_secs > 0.0 {
                deviation_secs
            } else {
                1.0
            },
        }
    }

    /// Standardised time, then sine and cosine of month, day of month, weekday, hour.
    pub fn parts(&self, secs: i64) -> [f32; DATE_WIDTH] {
        let days = secs.div_euclid(86_400);
        let hour = secs.rem_euclid(86_400) as f64 / 3600.0;
        let (_, month, day) = civil_from_days(days);
        // 1970-01-01 was a Thursday; Monday is 0.
        let weekday = (days + 3).rem_euclid(7);
        let time = (secs as f64 - self.mean_secs) / self.deviation_secs;
        let mut parts = [time.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS) as f32; DATE_WIDTH];
        let turns = [
            (month - 1) as f64 / 12.0,
            (day - 1) as f64 / 31.0,
            weekday as f64 / 7.0,
            hour / 24.0,
        ];
        for (turn, pair) in turns.iter().zip(parts[1..].chunks_exact_mut(2)) {
            pair[0] = (turn * TAU).sin() as f32;
            pair[1] = (turn * TAU).cos() as f32;
        }
        parts
    }

    /// `[B, 9]`.
    pub fn collate(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> InputBatch {
        let data = rows
            .iter()
            .flat_map(|row| {
                dataset
                    .date(col, *row)
                    .map_or([0.0; DATE_WIDTH], |secs| self.parts(secs))
            })
            .collect();
        InputBatch {
            present: presence(dataset, col, rows),
            payload: Payload::Floats {
                shape: vec![rows.len(), DATE_WIDTH],
                data,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::column;

    /// Sines and cosines of whole and quarter turns are exact to about 1e-16 in f64, 1e-7 in f32.
    const TURN_TOL: f32 = 1e-6;

    /// 2024-04-01 was a Monday: month a quarter of the year, first day, first weekday, 18 h three quarters of a day.
    #[test]
    fn parts_are_turns_of_year_month_week_and_day() {
        let dataset = column(
            schema::Modality::Date,
            ["2024-04-01T18:00:00", "2024-04-03T18:00:00"],
        );
        let fitted = FittedDate::fit(&dataset, 0, &[0, 1]);
        let parts = fitted.parts(dataset.date(0, 0).unwrap());
        let expected = [-1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0];
        for (part, expected) in parts.iter().zip(expected) {
            assert!((part - expected).abs() < TURN_TOL, "{parts:?}");
        }
    }
}
