//! Numbers as people read them.

use metrics::Interval;

/// Digits behind the point that suit numbers of a size: three for shares, none for thousands.
fn digits(size: f64) -> usize {
    match size.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    }
}

/// A value with as many digits as suit it: `0.955`, `12.31`, `147,738`.
pub(crate) fn value(number: f64) -> String {
    fixed(number, digits(number))
}

/// A difference with its sign, with digits that suit numbers of a size: `+0.021`, `-1,204`.
pub(crate) fn signed(difference: f64, size: f64) -> String {
    let text = fixed(difference.abs(), digits(size));
    let is_zero = text.chars().all(|letter| "0.,".contains(letter));
    match difference {
        _ if is_zero => text,
        _ if difference < 0.0 => format!("-{text}"),
        _ => format!("+{text}"),
    }
}

/// The ends of an interval with the same digits: `0.925 to 0.980`.
pub(crate) fn range(interval: Interval) -> String {
    let digits = digits(interval.high.abs().max(interval.low.abs()));
    format!(
        "{} to {}",
        fixed(interval.low, digits),
        fixed(interval.high, digits)
    )
}

/// A number with so many digits behind the point and commas between thousands.
pub(crate) fn fixed(number: f64, digits: usize) -> String {
    if !number.is_finite() {
        return "not finite".to_owned();
    }
    let text = format!("{number:.digits$}");
    let (sign, text) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, ""), |(whole, rest)| (whole, rest));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", grouped(whole))
}

/// A count with commas between thousands.
pub(crate) fn count(number: usize) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A large count in short: `683 k`, `1.2 M`.
pub(crate) fn short_count(number: usize) -> String {
    match number {
        0..10_000 => count(number),
        10_000..1_000_000 => format!("{} k", (number + 500) / 1000),
        _ => format!("{:.1} M", number as f64 / 1e6),
    }
}

/// A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return "unknown".to_owned();
    }
    if secs < 9.95 {
        return format!("{secs:.1} s");
    }
    let whole = secs.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A p-value: `0.41`, `0.004`, `below 0.002`.
pub(crate) fn p_value(p: f64) -> String {
    // The smallest that a thousand resamples can tell.
    const SMALLEST: f64 = 0.002;
    match p {
        p if p <= SMALLEST => format!("p below {SMALLEST}"),
        p if p < 0.1 => format!("p = {p:.3}"),
        p => format!("p = {p:.2}"),
    }
}

/// A number and its noun, in the plural unless it is one.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A share as whole records of a hundred, never rounded up to all or down to none.
pub(crate) fn of_hundred(share: f64) -> String {
    let rounded = (share * 100.0).round();
    match rounded {
        _ if share >= 1.0 => "all 100".to_owned(),
        _ if rounded >= 100.0 => "more than 99".to_owned(),
        _ if share > 0.0 && rounded < 1.0 => "fewer than 1".to_owned(),
        _ => format!("{rounded:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_digits_that_suit_their_size() {
        let cases = [
            (0.9554, "0.955"),
            (12.345, "12.35"),
            (147_738.2, "147,738"),
            (-1234.0, "-1,234"),
            (f64::NAN, "not finite"),
        ];
        for (number, text) in cases {
            assert_eq!(value(number), text);
        }
        assert_eq!(signed(-0.0212, 0.9), "-0.021");
        assert_eq!(signed(0.000_04, 0.9), "0.000");
        assert_eq!(signed(1204.4, 150_000.0), "+1,204");
    }

    #[test]
    fn counts_durations_and_shares_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(short_count(683_112), "683 k");
        assert_eq!(duration(0.44), "0.4 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(2000, "record"), "2,000 records");
        assert_eq!(of_hundred(0.998), "more than 99");
        assert_eq!(of_hundred(1.0), "all 100");
        assert_eq!(of_hundred(0.436), "44");
    }
}
