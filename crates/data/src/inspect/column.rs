//! One column: what its cells hold, and whether a model should read it.

use schema::{Column, Modality, Role};

use super::{ColumnInfo, Warning, media::Media, profile::Profile, profile::shown};
use crate::{Table, media::medium, source::KEY};

/// Share of the cells that must be of a kind; the rest count as bad cells.
const MOST: f64 = 0.95;
/// Strings of at least this many words on average are text, however often they repeat.
const TEXT_WORDS: f64 = 6.0;
/// Records below which no column is called an identifier: too few to tell.
const FEW_RECORDS: usize = 20;

/// Judges a column by its cells; what depends on the target comes later.
pub(super) fn inspect(
    table: &Table,
    col: usize,
    chosen: Option<Modality>,
    is_target: bool,
    warnings: &mut Vec<Warning>,
) -> ColumnInfo {
    let profile = Profile::of(table, col);
    let media = Media::of(table, col, &profile);
    let name = &*table.column_name(col);
    let (modality, why) = match chosen {
        Some(modality) => (modality, "as chosen".to_owned()),
        None => kind(name, &profile, &media),
    };
    let mut role = if is_target { Role::Target } else { Role::Input };
    if !is_target
        && chosen.is_none()
        && let Some((out, code, text)) = left_out(name, modality, &profile, &media)
    {
        role = out;
        warnings.push(Warning::new(code, name, text));
    }
    if role == Role::Input {
        warnings.extend(broken(table, col, modality, &profile, &media));
    }
    ColumnInfo {
        column: Column {
            name: name.to_owned(),
            modality,
            role,
        },
        why,
        num_missing: profile.num_missing(),
        num_distinct: profile.num_distinct(),
        examples: profile.examples(table, col),
    }
}

/// Modality and the reason in words.
fn kind(name: &str, profile: &Profile, media: &Media) -> (Modality, String) {
    let (present, distinct) = (profile.num_present, profile.num_distinct());
    if present == 0 {
        return (Modality::Text, "no value".to_owned());
    }
    if let Some(medium) = media.modality() {
        let formats = media.formats.join(", ");
        let bytes = profile.mostly(profile.num_bytes, 0.5);
        let what = if bytes { "bytes" } else { "paths" };
        let why = format!("{what} of {} ({formats})", medium.plural());
        return (medium.modality(), why);
    }
    if let Some(medium) = media.modality_by_endings(MOST)
        && says(name, medium.name_words())
    {
        let why = format!("paths that end like {}", medium.plural());
        return (medium.modality(), why);
    }
    if profile.mostly(profile.num_series, MOST) {
        return (Modality::Series, "lists of numbers".to_owned());
    }
    if profile.mostly(profile.num_numbers, MOST) {
        let whole = profile.num_whole == profile.num_numbers;
        let what = if whole { "whole numbers" } else { "numbers" };
        return (Modality::Number, format!("{what}, {distinct} distinct"));
    }
    if profile.mostly(profile.num_dates, MOST) {
        return (Modality::Date, "dates".to_owned());
    }
    let words = profile.num_words as f64 / present as f64;
    let repeats = present as f64 / distinct as f64;
    let few = (distinct <= 50 && repeats >= 2.0) || (distinct <= 1000 && repeats >= 5.0);
    if words < TEXT_WORDS && few && profile.num_lists == 0 {
        return (
            Modality::Category,
            format!("{distinct} distinct values, {repeats:.0} records each"),
        );
    }
    let what = if profile.mostly(profile.num_lists, 0.5) {
        "lists of strings, read as one text"
    } else {
        "strings"
    };
    (
        Modality::Text,
        format!("{what} of {words:.1} words, {distinct} distinct"),
    )
}

/// Whether a name holds one of some words.
fn says(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

/// Why a column is left out by default, if it is: role, warning code, words.
fn left_out(
    name: &str,
    modality: Modality,
    profile: &Profile,
    media: &Media,
) -> Option<(Role, &'static str, String)> {
    let ignored = |code, text: String| Some((Role::Ignored, code, text));
    if profile.num_present == 0 {
        return ignored("all_missing", "no record has a value; left out".to_owned());
    }
    if modality.is_media() {
        return None;
    }
    if media.mostly(media.num_other_files, 0.5) {
        let first = media.first_other.as_deref().unwrap_or_default();
        let text = format!("files of a kind that is not read yet, such as \"{first}\"; left out");
        return ignored("unread_files", text);
    }
    if profile.num_distinct() == 1 && profile.num_missing() == 0 && profile.num_records > 1 {
        return ignored(
            "constant",
            "the same value in every record; left out".to_owned(),
        );
    }
    if profile.mostly(profile.num_addresses, MOST) {
        return ignored(
            "identifier",
            "web addresses name records or sources; left out".to_owned(),
        );
    }
    if name == KEY {
        let text = "names of the records in their archives; left out".to_owned();
        return Some((Role::Id, "identifier", text));
    }
    if profile.num_present < FEW_RECORDS || matches!(modality, Modality::Date) {
        return None;
    }
    let share = profile.distinct_share();
    let whole = profile.num_whole == profile.num_present;
    let single = profile.mostly(profile.num_single_words, MOST);
    let nearly_all = share >= 0.9;
    let codes = whole
        || (single && profile.mostly(profile.num_with_digit, 0.5) && modality == Modality::Text);
    let named = names_a_record(name) && (whole || single);
    let percent = (share * 100.0).round();
    if nearly_all && ((codes && !whole) || named || (whole && profile.ascending)) {
        let text =
            format!("{percent} % of the values are distinct codes that name the record; left out");
        return Some((Role::Id, "identifier", text));
    }
    if (named && share >= 0.2) || (names_a_person(name) && (whole || single)) {
        let text = format!(
            "names who or what records are of ({} values); left out, but good to group splits by",
            profile.num_distinct()
        );
        return ignored("identifier", text);
    }
    None
}

/// Whether a name ends like `id`, `user_id`, `rowIndex`.
fn names_a_record(name: &str) -> bool {
    let mut words = name_words(name);
    let last = words.pop().unwrap_or_default();
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "key",
        "index",
        "idx",
        "rowid",
        "identifier",
    ]
    .contains(&last.as_str())
        || last == "number" && words.last().is_some_and(|word| word == "record")
}

/// Whether a name is that of a person or recording, whose records belong together.
fn names_a_person(name: &str) -> bool {
    match name_words(name).as_slice() {
        [only] => [
            "patient",
            "subject",
            "record",
            "user",
            "customer",
            "participant",
        ]
        .contains(&only.as_str()),
        [.., who, last] if last == "id" => [
            "patient",
            "subject",
            "record",
            "user",
            "customer",
            "participant",
        ]
        .contains(&who.as_str()),
        _ => false,
    }
}

/// Lower-cased words of a name in snake, kebab, dotted or camel case.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What is broken in a column that a model will read.
fn broken(
    table: &Table,
    col: usize,
    modality: Modality,
    profile: &Profile,
    media: &Media,
) -> Option<Warning> {
    let name = &*table.column_name(col);
    match modality {
        _ if modality.is_media() && media.num_broken(modality) > 0 => {
            let first = media
                .first_missing
                .as_ref()
                .or(media.first_other.as_ref())?;
            let text = format!(
                "{} of {} cells looked at have no {} behind them, such as \"{first}\"",
                media.num_broken(modality),
                media.num_looked_at,
                medium(modality).map_or("file", |medium| medium.singular())
            );
            Some(Warning::new("broken_media", name, text))
        }
        Modality::Number if profile.num_numbers < profile.num_present => {
            let row = profile.first_not_number?;
            let text = format!(
                "{} cells are no finite numbers, the first in line {}: \"{}\"",
                profile.num_present - profile.num_numbers,
                table.line(row),
                shown(table.cell(row, col))
            );
            Some(Warning::new("bad_cells", name, text))
        }
        Modality::Date if profile.num_dates < profile.num_present => {
            let num = profile.num_present - profile.num_dates;
            Some(Warning::new(
                "bad_cells",
                name,
                format!("{num} cells are no dates"),
            ))
        }
        _ => None,
    }
}
