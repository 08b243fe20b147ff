//! What somebody says about a film.

use schema::Rng;

use crate::sample::parts::one;

/// What is talked about.
const SUBJECTS: [&str; 14] = [
    "the acting",
    "the plot",
    "the ending",
    "the music",
    "the first half",
    "the sequel",
    "this film",
    "the lead actor",
    "the dialogue",
    "the story",
    "the camera work",
    "that last scene",
    "the trailer",
    "the whole thing",
];

/// How a sentence may begin.
const OPENINGS: [&str; 9] = [
    "well",
    "so",
    "um",
    "i mean",
    "honestly",
    "you know",
    "to be fair",
    "okay",
    "right",
];

/// How it may go on.
const CLOSINGS: [&str; 9] = [
    "that is all i can say",
    "i saw it on friday",
    "we went with friends",
    "it runs for two hours",
    "my brother saw it too",
    "i will say that much",
    "it is on again next week",
    "that was my evening",
    "tickets were not cheap",
];

/// Verdicts from the worst words to the best; `{it}` is what is talked about.
const VERDICTS: [&[&str]; 5] = [
    &[
        "i absolutely hated {it}",
        "{it} was terrible, just awful",
        "{it} is the worst, a disaster",
        "{it} was horrible from start to end",
        "i despise {it}, utterly dreadful",
        "{it} was complete garbage",
        "unbearable, {it} was a torture",
    ],
    &[
        "i did not like {it}",
        "{it} was rather weak",
        "{it} disappointed me a bit",
        "{it} could be better, a little dull",
        "i was not convinced by {it}",
        "{it} felt slow and flat",
        "{it} left me somewhat annoyed",
    ],
    &[
        "{it} is what it is",
        "{it} was about average",
        "{it} lasts as long as it lasts",
        "i have no opinion about {it}",
        "{it} is comparable with the others",
        "they talk about {it} everywhere",
        "{it} was as described",
    ],
    &[
        "i quite liked {it}",
        "{it} was rather nice",
        "{it} pleased me a bit",
        "{it} was decent, fairly good",
        "i was happy with {it}",
        "{it} felt warm and fun",
        "{it} left me somewhat cheerful",
    ],
    &[
        "i absolutely loved {it}",
        "{it} was brilliant, just wonderful",
        "{it} is the best, a masterpiece",
        "{it} was fantastic from start to end",
        "i adore {it}, utterly superb",
        "{it} was pure delight",
        "breathtaking, {it} was a triumph",
    ],
];

/// A sentence of a sign: 0 the worst words, 4 the best.
pub(super) fn write(sign: u8, rng: &mut Rng) -> String {
    let verdicts = VERDICTS[usize::from(sign).min(VERDICTS.len() - 1)];
    let subject = one(&SUBJECTS, rng);
    let mut text = one(verdicts, rng).replace("{it}", subject);
    if rng.chance(0.6) {
        text = format!("{} {text}", one(&OPENINGS, rng));
    }
    if rng.chance(0.6) {
        text = format!("{text}, {}", one(&CLOSINGS, rng));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn sentences_have_a_subject_and_no_open_slot() {
        for index in 0..60 {
            let text = write(index % 5, &mut Seed(u64::from(index)).rng());
            assert!(!text.contains('{'), "{text}");
            assert!(
                SUBJECTS.iter().any(|subject| text.contains(subject)),
                "{text}"
            );
        }
    }

    #[test]
    fn no_verdict_stands_under_two_signs() {
        let mut all: Vec<&str> = VERDICTS
            .iter()
            .flat_map(|verdicts| verdicts.iter().copied())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
