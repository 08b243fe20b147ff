//! Text of a cell to numbers and dates, and the words that mean "missing".

/// Whether a cell's text says that there is nothing: empty, blank, NA, N/A, nan, null or none in any case.
pub fn is_missing_word(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || ["na", "n/a", "nan", "null", "none"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// A finite number as written, blanks around it allowed; `None` for anything else, infinities included.
pub fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rust also reads "inf", "infinity" and "nan"; none of them is a finite number.
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A number as the name of a value: whole numbers without a point.
pub fn number_name(number: f64) -> String {
    format!("{number}")
}

/// Seconds since 1970-01-01T00:00:00Z of a date as written.
///
/// Reads `2024-03-31`, `2024/03/31`, `31.03.2024`, `03/31/2024` (month first unless that is impossible), each
/// optionally followed by `T` or a blank and `17:05`, `17:05:30`, `17:05:30.25`, then `Z` or `+02:00`.
pub fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let days = parse_day(day)?;
    let secs = if time.is_empty() {
        0
    } else {
        parse_time(time)?
    };
    Some(days * 86_400 + secs)
}

fn parse_day(text: &str) -> Option<i64> {
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let parts: Vec<&str> = text.split(separator).collect();
    let [first, second, third] = parts.as_slice() else {
        return None;
    };
    let (a, b, c) = (digits(first)?, digits(second)?, digits(third)?);
    let (year, month, day) = if first.len() == 4 {
        (a, b, c)
    } else if third.len() == 4 {
        match separator {
            '/' if a <= 12 => (c, a, b),
            '-' if b > 12 => (c, a, b),
            _ => (c, b, a),
        }
    } else {
        return None;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=length)
        .contains(&day)
        .then(|| days_from_civil(year, month, day))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Seconds since midnight, less the offset from UTC.
fn parse_time(text: &str) -> Option<i64> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text[..at].trim_end(), &text[at..]),
        None => (text, ""),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?)?;
    let minute = digits(parts.next()?)?;
    let second = match parts.next() {
        Some(second) => digits(second.split('.').next()?)?,
        None => 0,
    };
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match offset {
        "" | "Z" | "z" => 0,
        signed => {
            let sign = if signed.starts_with('-') { -1 } else { 1 };
            let plain: String = signed[1..].chars().filter(|c| *c != ':').collect();
            let value = digits(&plain)?;
            let (hours, minutes) = if plain.len() <= 2 {
                (value, 0)
            } else {
                (value / 100, value % 100)
            };
            sign * (hours * 3600 + minutes * 60)
        }
    };
    Some(hour * 3600 + minute * 60 + second - offset)
}

/// Days since 1970-01-01. Source: Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month (1-12) and day of month (1-31) of a day since 1970-01-01. Source: Hinnant, `civil_from_days`.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A moment as `2024-03-31T17:05:30Z`, which [`parse_date`] reads back.
pub(crate) fn date_text(secs: i64) -> String {
    let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
    let clock = secs.rem_euclid(86_400);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_missing_are_known_in_any_case() {
        for word in ["", "  ", "NA", "n/a", "NaN", "NULL", "None"] {
            assert!(is_missing_word(word), "{word}");
        }
        assert!(!is_missing_word("nano"));
    }

    #[test]
    fn only_finite_numbers_are_numbers() {
        assert_eq!(parse_number(" 4.5e2 "), Some(450.0));
        for text in ["inf", "-Infinity", "NaN", "4O", "", "1,5", "1e999"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    /// Expected seconds: Python, `datetime.datetime.fromisoformat(text).timestamp()` in UTC.
    #[test]
    fn dates_of_every_form_are_read() {
        for (text, secs) in [
            ("1970-01-01", 0),
            ("2024-02-29", 1_709_164_800),
            ("2024/02/29", 1_709_164_800),
            ("29.02.2024", 1_709_164_800),
            ("02/29/2024", 1_709_164_800),
            ("29/02/2024", 1_709_164_800),
            ("2024-02-29T12:30:15Z", 1_709_209_815),
            ("2024-02-29 12:30:15.250", 1_709_209_815),
            ("2024-02-29T12:30:15+02:00", 1_709_202_615),
            ("1969-12-31", -86_400),
        ] {
            assert_eq!(parse_date(text), Some(secs), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2011",
            "1-2-3",
            "12.5",
            "a-b-c",
            "",
            "2024-02-30T1",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn days_turn_to_dates_and_back() {
        for days in (-800_000..800_000).step_by(137) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
