//! What was written down when the patient came.

use schema::Rng;

use crate::sample::parts::one;

/// Complaints of an infection.
const COMPLAINTS: [&str; 9] = [
    "fever since {when} and a wet cough",
    "coughs with yellow phlegm, chills {when}",
    "short of breath {when}, feverish",
    "high temperature, chest pain when breathing in",
    "shivering and sweating at night, productive cough",
    "fever of 39 degrees {when}, weak",
    "rattling on the right side, feverish",
    "breathless on the stairs, phlegm {when}",
    "chills and fever, cough keeps the patient awake",
];

/// Other reasons to come.
const OTHERS: [&str; 9] = [
    "dry tickle in the throat since {when}",
    "comes for a check before surgery",
    "slight cough {when}, otherwise well",
    "asks for a certificate, no complaints",
    "runny nose {when}, no temperature",
    "control visit, feels well",
    "coughs in the cold air only",
    "worried about a colleague who is ill, well so far",
    "hay fever every spring, clear eyes today",
];

const TIMES: [&str; 6] = [
    "yesterday",
    "three days",
    "a week",
    "monday",
    "last night",
    "two days",
];

const ENDINGS: [&str; 6] = [
    "non-smoker",
    "smokes ten a day",
    "allergic to penicillin",
    "lives alone",
    "takes aspirin",
    "walks unaided",
];

/// A note with complaints of an infection, or without.
pub(super) fn write(complains: bool, rng: &mut Rng) -> String {
    let sentences = if complains { &COMPLAINTS } else { &OTHERS };
    let mut note = one(sentences, rng).replace("{when}", one(&TIMES, rng));
    if rng.chance(0.7) {
        note = format!("{note}; {}", one(&ENDINGS, rng));
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn notes_have_no_open_slot_and_differ() {
        let mut notes: Vec<String> = (0..100)
            .map(|index| write(index % 2 == 0, &mut Seed(index).rng()))
            .collect();
        assert!(notes.iter().all(|note| !note.contains('{')));
        notes.sort_unstable();
        notes.dedup();
        assert!(notes.len() > 50, "{}", notes.len());
    }
}
