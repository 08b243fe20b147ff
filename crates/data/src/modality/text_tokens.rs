//! Text to token numbers.

use std::collections::HashMap;

use schema::{InputBatch, Payload, Tokenizer};

use super::presence;
use crate::{DataError, Dataset};

/// Number of the padding token.
const PADDING: u32 = 0;
/// Number of a word that is not in the vocabulary.
const UNKNOWN: u32 = 1;

/// Cuts text in words: lower-cased runs of letters and digits, and each emoji or arrow by itself.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        // Pictographs carry meaning in posts: arrows to symbols and dingbats, and the emoji planes.
        if matches!(u32::from(c), 0x2190..=0x2bff | 0x1f000..=0x1faff) {
            words.push(c.to_string());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A vocabulary: the most frequent words of the training rows.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct FittedTokens {
    saved: Saved,
    index: HashMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    tokenizer: Tokenizer,
    vocab_size: usize,
    max_len: usize,
    /// Word of number 2, 3, ...; empty for token numbers.
    vocabulary: Vec<String>,
}

impl From<Saved> for FittedTokens {
    fn from(saved: Saved) -> Self {
        let numbered = saved.vocabulary.iter().cloned().zip(UNKNOWN + 1..);
        Self {
            index: numbered.collect(),
            saved,
        }
    }
}

impl From<FittedTokens> for Saved {
    fn from(fitted: FittedTokens) -> Self {
        fitted.saved
    }
}

impl FittedTokens {
    /// Learns the vocabulary from some rows; `form` is tokenizer, most tokens, longest sequence.
    ///
    /// # Errors
    /// [`DataError::BadTokenIds`] if the text should be token numbers and is not.
    pub fn fit(
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        form: (Tokenizer, usize, usize),
    ) -> Result<Self, DataError> {
        let (tokenizer, vocab_size, max_len) = form;
        let vocabulary = match tokenizer {
            Tokenizer::Word => most_frequent(dataset, col, rows, vocab_size.saturating_sub(2)),
            Tokenizer::Ids => {
                check_ids(dataset, col, rows, vocab_size)?;
                Vec::new()
            }
        };
        let vocab_size = match tokenizer {
            Tokenizer::Word => vocabulary.len() + 2,
            Tokenizer::Ids => vocab_size,
        };
        Ok(Self::from(Saved {
            tokenizer,
            vocab_size,
            max_len: max_len.max(1),
            vocabulary,
        }))
    }

    /// Number that token numbers stay below.
    pub fn vocab_size(&self) -> usize {
        self.saved.vocab_size
    }

    /// Longest sequence in tokens.
    pub fn max_len(&self) -> usize {
        self.saved.max_len
    }

    /// Token numbers of a text, at most [`FittedTokens::max_len`] of them.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids: Vec<u32> = match self.saved.tokenizer {
            Tokenizer::Word => words(text)
                .iter()
                .map(|word| self.index.get(word).copied().unwrap_or(UNKNOWN))
                .collect(),
            // Numbers beyond the vocabulary were refused when fitting; later ones are left out.
            Tokenizer::Ids => text
                .split_whitespace()
                .filter_map(|token| parse_id(token, self.saved.vocab_size))
                .collect(),
        };
        ids.truncate(self.saved.max_len);
        if ids.is_empty() && self.saved.tokenizer == Tokenizer::Word {
            // Text without a single word is still text.
            ids.push(UNKNOWN);
        }
        ids
    }

    /// `[B, T]`, `T` the longest sequence of the batch, padded with 0.
    pub fn collate(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> InputBatch {
        let present = presence(dataset, col, rows);
        let sequences: Vec<Vec<u32>> = rows
            .iter()
            .map(|row| {
                dataset
                    .text_ref(col, *row)
                    .map_or(Vec::new(), |text| self.encode(&text))
            })
            .collect();
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut data = vec![PADDING; rows.len() * longest];
        let mut valid = vec![false; rows.len() * longest];
        for (at, sequence) in sequences.iter().enumerate() {
            let start = at * longest;
            data[start..start + sequence.len()].copy_from_slice(sequence);
            valid[start..start + sequence.len()].fill(true);
        }
        InputBatch {
            present,
            payload: Payload::Ids {
                shape: vec![rows.len(), longest],
                data,
                valid,
            },
        }
    }
}

fn most_frequent(dataset: &Dataset, col: usize, rows: &[usize], most: usize) -> Vec<String> {
    let mut counts = HashMap::<String, usize>::new();
    for row in rows {
        if let Some(text) = dataset.text_ref(col, *row) {
            for word in words(&text) {
                *counts.entry(word).or_default() += 1;
            }
        }
    }
    let mut words: Vec<(String, usize)> = counts.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words.into_iter().take(most).map(|(word, _)| word).collect()
}

fn check_ids(
    dataset: &Dataset,
    col: usize,
    rows: &[usize],
    vocab_size: usize,
) -> Result<(), DataError> {
    for &row in rows {
        let Some(text) = dataset.text_ref(col, row) else {
            continue;
        };
        let wrong = text
            .split_whitespace()
            .find(|token| parse_id(token, vocab_size).is_none());
        if let Some(token) = wrong {
            return Err(DataError::BadTokenIds {
                table: dataset.table().name_of(row).to_owned(),
                line: dataset.table().line(row),
                column: dataset.columns()[col].name.clone(),
                got: token.chars().take(40).collect(),
                vocab_size,
            });
        }
    }
    Ok(())
}

fn parse_id(token: &str, vocab_size: usize) -> Option<u32> {
    token
        .parse::<u32>()
        .ok()
        .filter(|id| (*id as usize) < vocab_size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::column;

    fn fit(texts: &[&str], form: (Tokenizer, usize, usize)) -> Result<FittedTokens, DataError> {
        let dataset = column(schema::Modality::Text, texts.iter().copied());
        let rows: Vec<usize> = (0..texts.len()).collect();
        FittedTokens::fit(&dataset, 0, &rows, form)
    }

    #[test]
    fn words_are_lower_cased_runs_and_single_emoji() {
        assert_eq!(
            words("It's SO_cute!! 2x\u{1f600}\u{1f600}Öl"),
            [
                "it",
                "s",
                "so",
                "cute",
                "2x",
                "\u{1f600}",
                "\u{1f600}",
                "öl"
            ]
        );
        assert!(words(" ,.!").is_empty());
    }

    #[test]
    fn frequent_words_get_low_numbers_and_others_are_unknown() {
        let fitted = fit(&["b a b", "c b a"], (Tokenizer::Word, 4, 3)).unwrap();
        assert_eq!(fitted.vocab_size(), 4);
        assert_eq!(fitted.encode("b a c zzz"), [2, 3, 1]);
        assert_eq!(fitted.encode("!!"), [UNKNOWN]);
    }

    #[test]
    fn batches_are_padded_to_their_longest_text() {
        let dataset = column(schema::Modality::Text, ["a b", "a"]);
        let fitted = fit(&["a b"], (Tokenizer::Word, 9, 9)).unwrap();
        let Payload::Ids { shape, data, valid } = fitted.collate(&dataset, 0, &[0, 1]).payload
        else {
            unreachable!()
        };
        assert_eq!((shape, data), (vec![2, 2], vec![2, 3, 2, PADDING]));
        assert_eq!(valid, [true, true, true, false]);
    }

    #[test]
    fn token_numbers_are_taken_as_they_are_and_checked() {
        let fitted = fit(&["5 0  9"], (Tokenizer::Ids, 10, 8)).unwrap();
        assert_eq!(fitted.encode("5 0  9 77"), [5, 0, 9]);
        for text in ["3 10", "3 x", "-1"] {
            let problem =
                schema::Problem::from(fit(&["1", text], (Tokenizer::Ids, 10, 8)).unwrap_err());
            assert!(
                problem
                    .to_string()
                    .starts_with("records:2, column \"x\": not a list of token numbers"),
                "{problem}"
            );
        }
    }
}
