//! The words of a post: templates with slots, then the noise of real posts.

use schema::Rng;

use crate::sample::parts::one;

/// What the words of a post show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Someone is pleased.
    Pleased,
    /// Someone is annoyed.
    Annoyed,
    /// Somebody hires or is hired.
    Work,
    /// Nothing that would tell a topic.
    Plain,
}

/// Sentences and endings of one sign.
struct Phrases {
    /// With two or more telling slots each, so that one typo does not hide the sign.
    templates: &'static [&'static str],
    /// Hashtags that go with the sign.
    tags: &'static [&'static str],
    /// Emoticons that go with the sign.
    faces: &'static [&'static str],
}

const PLEASED: Phrases = Phrases {
    templates: &[
        "what a {good} {day}, so {glad} {when}",
        "i {love} {day}s like this, simply {good}",
        "{glad} and a bit tired.. this is {good}",
        "could not ask for a more {good} {day}, feeling {glad}",
        "{one} says it is {good} and i am {glad} too",
        "{good}, just {good}",
        "feeling {glad} {when}, {love} it",
        "{day} update: {good}. really {good}",
        "this {day} is {good} and {one} is {glad}",
    ],
    tags: &["#blessed", "#bestdayever", "#grateful", "#yay", "#loveit"],
    faces: &[":)", ":D", "<3", ":-)"],
};

const ANNOYED: Phrases = Phrases {
    templates: &[
        "what a {bad} {day}, so {cross} {when}",
        "i {hate} {day}s like this, simply {bad}",
        "{cross} and a bit tired.. this is {bad}",
        "could not ask for a more {bad} {day}, feeling {cross}",
        "{one} says it is {bad} and i am {cross} too",
        "{bad}, just {bad}",
        "feeling {cross} {when}, {hate} it",
        "{day} update: {bad}. really {bad}",
        "this {day} is {bad} and {one} is {cross}",
    ],
    tags: &["#sigh", "#worstdayever", "#ugh", "#fail", "#hateit"],
    faces: &[":(", ":/", ">:(", ":-("],
};

const WORK: Phrases = Phrases {
    templates: &[
        "we are {hiring} a {role}, send your {cv} {when}",
        "{role} vacancy near {who}, good {pay}",
        "got the {interview} for the {role} position {when}",
        "my {contract} as a {role} starts {when}",
        "anyone know a {role}? {hiring} full time, fair {pay}",
        "{one} is {hiring}: {role}, {pay} on request",
        "polishing my {cv} for that {role} {interview}",
        "applied as a {role} {when}, {interview} next week",
    ],
    tags: &["#hiring", "#jobs", "#career", "#vacancy", "#nowhiring"],
    faces: &["+", "->", "*", "!!"],
};

const PLAIN: Phrases = Phrases {
    templates: &[
        "here is one, taken {when}",
        "{who} sent me this {when}",
        "posting this before i forget",
        "no caption needed",
        "look what i found on my phone {when}",
        "this is where i am {when}",
        "guess where this is",
        "a picture from {place}, taken {when}",
        "trying the new camera {when}",
        "view from {place} {when}",
        "{who} took this one from {place}",
        "throwback to {past}",
        "as seen from {place}",
        "{when}, {place}, with {who}",
        "another {day}, another picture",
    ],
    tags: &["#nofilter", "#view", "#latergram", "#snapshot", "#nowords"],
    faces: &["..", ":o", "^^", "~"],
};

/// What stands for a slot, separated by bars. Few enough that a thousand posts show every word many times.
const SLOTS: [(&str, &str); 20] = [
    (
        "good",
        "lovely|gorgeous|wonderful|perfect|amazing|beautiful|delightful",
    ),
    ("glad", "happy|thrilled|cheerful|grateful|overjoyed"),
    ("love", "love|adore|enjoy"),
    (
        "bad",
        "awful|horrible|terrible|dreadful|miserable|nasty|disgusting",
    ),
    ("cross", "grumpy|annoyed|furious|angry|upset"),
    ("hate", "hate|despise|loathe"),
    ("hiring", "hiring|recruiting|seeking"),
    (
        "role",
        "nurse|plumber|teacher|engineer|barista|welder|driver|designer",
    ),
    ("cv", "resume|application|portfolio"),
    ("pay", "salary|wage|pay"),
    ("interview", "interview|assessment|job talk"),
    ("contract", "contract|job|traineeship"),
    ("day", "day|morning|afternoon|evening|weekend|sunday|monday"),
    (
        "when",
        "today|this morning|tonight|right now|earlier|yesterday|last week",
    ),
    (
        "past",
        "last week|sunday|the day before|this morning|last month",
    ),
    (
        "one",
        "my sister|my brother|my flatmate|dad|grandma|the boss",
    ),
    (
        "who",
        "my sister|my brother|the kids|my flatmate|dad|grandma|our team",
    ),
    (
        "place",
        "my window|the train|up here|around the corner|the balcony|the car|the third floor",
    ),
    ("lead", "honestly|guys|ok so|well|hmm|anyway|btw|fyi"),
    ("tag", "#photooftheday|#today|#life|#tbt|#mood|#pic"),
];

impl Words {
    /// Every sign.
    pub(super) const ALL: [Self; 4] = [Self::Pleased, Self::Annoyed, Self::Work, Self::Plain];

    fn phrases(self) -> &'static Phrases {
        match self {
            Self::Pleased => &PLEASED,
            Self::Annoyed => &ANNOYED,
            Self::Work => &WORK,
            Self::Plain => &PLAIN,
        }
    }

    /// A text that shows this sign.
    pub(super) fn write(self, rng: &mut Rng) -> String {
        let phrases = self.phrases();
        let mut text = fill(one(phrases.templates, rng), rng);
        if rng.chance(0.08) {
            text = typo(&text, rng);
        }
        if rng.chance(0.3) {
            text = format!("{} {text}", slot("lead", rng));
        }
        if rng.chance(0.12) {
            text = format!(
                "@{} {text}",
                one(&["jo_w", "mike77", "thea", "the_real_pat", "kim"], rng)
            );
        }
        text = match rng.below(8) {
            0 | 1 => text + "!",
            2 => text + "...",
            3 => capitalised(&text),
            4 => text.to_uppercase(),
            _ => text,
        };
        for (chance, endings) in [(0.3, phrases.faces), (0.3, phrases.tags)] {
            if rng.chance(chance) {
                text = format!("{text} {}", one(endings, rng));
            }
        }
        if rng.chance(0.35) {
            text = format!("{text} {}", slot("tag", rng));
        }
        text
    }
}

/// A filling for a slot; empty for a slot that is not there.
fn slot(name: &str, rng: &mut Rng) -> &'static str {
    let found = SLOTS.iter().find(|(slot, _)| *slot == name);
    let fillings: Vec<&'static str> =
        found.map_or(Vec::new(), |(_, list)| list.split('|').collect());
    one(&fillings, rng)
}

/// A template with every `{slot}` filled.
fn fill(template: &str, rng: &mut Rng) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(slot(name, rng));
        rest = tail;
    }
    text + rest
}

/// One longer word with two letters swapped, one left out or one doubled.
fn typo(text: &str, rng: &mut Rng) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = (0..words.len()).filter(|at| words[*at].len() > 4).collect();
    if let Some(at) = rng.pick(&long) {
        let mut letters: Vec<char> = words[*at].chars().collect();
        let place = 1 + rng.below(letters.len() - 3);
        match rng.below(3) {
            0 => letters.swap(place, place + 1),
            1 => drop(letters.remove(place)),
            _ => letters.insert(place, letters[place]),
        }
        words[*at] = letters.into_iter().collect();
    }
    words.join(" ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn every_slot_of_every_template_has_fillings() {
        for words in Words::ALL {
            for template in words.phrases().templates {
                let names: Vec<&str> = template
                    .split('{')
                    .skip(1)
                    .filter_map(|part| part.split('}').next())
                    .collect();
                for name in names {
                    assert!(SLOTS.iter().any(|(slot, _)| *slot == name), "{name}");
                }
            }
        }
    }

    #[test]
    fn texts_are_varied() {
        for words in Words::ALL {
            let mut texts: Vec<String> = (0..300)
                .map(|index| words.write(&mut Seed(1).at(index).rng()))
                .collect();
            assert!(
                texts
                    .iter()
                    .all(|text| text.len() > 8 && !text.contains('{'))
            );
            texts.sort();
            texts.dedup();
            assert!(texts.len() > 270, "{words:?}: {} of 300", texts.len());
        }
    }

    #[test]
    fn a_typo_changes_one_word_only() {
        let text = "what a wonderful day, so happy today";
        for index in 0..50 {
            let wrong = typo(text, &mut Seed(index).rng());
            let pairs = text.split(' ').zip(wrong.split(' '));
            assert!(pairs.filter(|(right, wrong)| right != wrong).count() <= 1);
            assert_eq!(wrong.split(' ').count(), 7);
        }
    }
}
