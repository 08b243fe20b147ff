//! Text to weighted bags of word and character n-grams, for linear models and embedding bags.
//!
//! Source: scikit-learn's `TfidfVectorizer` (`sublinear_tf`, smoothed idf, L2 norm) with analyzers `word` (1-2) and
//! `char` (3-5). Differs: characters are taken within words with `<` and `>` around each, and each of the two blocks
//! has a norm of 1.

use std::{collections::HashMap, ops::Range};

use schema::{InputBatch, Payload};

use super::{presence, words};
use crate::Dataset;

/// Sparse rows: entries of row `i` are `offsets[i]..offsets[i + 1]`, ids ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SparseRows {
    /// Where each row's entries start; one longer than the number of rows.
    pub offsets: Vec<usize>,
    /// Feature of each entry.
    pub ids: Vec<u32>,
    /// Weight of each entry.
    pub weights: Vec<f32>,
}

/// The n-grams of the training rows: each its own feature while they fit in the buckets, otherwise hashed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedNgrams {
    num_records: usize,
    words: Block,
    characters: Block,
}

/// One block of features.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "SavedBlock", into = "SavedBlock")]
struct Block {
    saved: SavedBlock,
    /// Where each n-gram starts and ends among the saved ones, in their order: a search in it is quick enough, and a
    /// map of them would have to be built before the first record is read.
    places: Vec<Range<u32>>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBlock {
    /// N-grams in feature order, one a line (none holds a line end); empty if hashed.
    ngrams: String,
    /// Training records that have each feature; 0 marks one that is dropped.
    num_with: Vec<u32>,
    /// Whether features are buckets of a hash.
    hashed: bool,
}

impl From<SavedBlock> for Block {
    fn from(saved: SavedBlock) -> Self {
        let mut places = Vec::new();
        if !saved.hashed {
            let mut start = 0;
            for line in saved.ngrams.split_terminator('\n') {
                let end = start + line.len() as u32;
                places.push(start..end);
                start = end + 1;
            }
        }
        Self { saved, places }
    }
}

impl From<Block> for SavedBlock {
    fn from(block: Block) -> Self {
        block.saved
    }
}

impl Block {
    /// Block of the n-grams that were counted, or of buckets if they are more.
    fn of(counts: Counts) -> Self {
        let min_records = counts.min_records;
        if counts.num_kept <= counts.buckets {
            let mut kept: Vec<(String, u32)> = counts
                .num_with
                .into_iter()
                .filter(|(_, num)| *num >= min_records)
                .collect();
            kept.sort_unstable();
            let ngrams: Vec<&str> = kept.iter().map(|(gram, _)| gram.as_str()).collect();
            return Self::from(SavedBlock {
                ngrams: ngrams.join("\n"),
                num_with: kept.iter().map(|(_, num)| *num).collect(),
                hashed: false,
            });
        }
        let mut num_with = counts.hashed;
        num_with
            .iter_mut()
            .filter(|num| **num < min_records)
            .for_each(|num| *num = 0);
        Self::from(SavedBlock {
            ngrams: String::new(),
            num_with,
            hashed: true,
        })
    }

    fn len(&self) -> usize {
        self.saved.num_with.len()
    }

    fn feature(&self, gram: &str) -> Option<u32> {
        let id = if self.saved.hashed {
            bucket(gram, self.len()) as u32
        } else {
            let gram_at =
                |place: &Range<u32>| &self.saved.ngrams[place.start as usize..place.end as usize];
            let found = self
                .places
                .binary_search_by(|place| gram_at(place).cmp(gram));
            found.ok()? as u32
        };
        (*self.saved.num_with.get(id as usize)? > 0).then_some(id)
    }

    /// Adds the entries of one record, L2 norm 1 together, features shifted by `first`.
    fn push(&self, grams: &[String], num_records: usize, first: u32, out: &mut SparseRows) {
        let mut ids: Vec<u32> = grams.iter().filter_map(|gram| self.feature(gram)).collect();
        ids.sort_unstable();
        let start = out.ids.len();
        let mut squares = 0.0_f64;
        for run in ids.chunk_by(|a, b| a == b) {
            let with = f64::from(self.saved.num_with[run[0] as usize]);
            let idf = ((1.0 + num_records as f64) / (1.0 + with)).ln() + 1.0;
            let weight = (1.0 + (run.len() as f64).ln()) * idf;
            squares += weight * weight;
            out.ids.push(first + run[0]);
            out.weights.push(weight as f32);
        }
        if squares > 0.0 {
            let norm = squares.sqrt() as f32;
            out.weights[start..]
                .iter_mut()
                .for_each(|weight| *weight /= norm);
        }
    }
}

/// N-grams that are counted at once, or four times the features. Where there are more, those in too few of the
/// records so far are forgotten: most n-grams of many texts stand in one only, and would take more memory than all
/// that is learned.
const MOST_COUNTED: usize = 1 << 19;

/// In how many records the n-grams of a block stand, counted one record at a time.
struct Counts {
    /// Most features of the block.
    buckets: usize,
    /// Records that an n-gram must stand in.
    min_records: u32,
    /// N-grams that stand in as many.
    num_kept: usize,
    /// Empty once too many n-grams are kept: then buckets count.
    num_with: HashMap<String, u32>,
    /// The same by bucket.
    hashed: Vec<u32>,
}

impl Counts {
    fn new(buckets: usize, min_records: usize) -> Self {
        Self {
            buckets,
            min_records: min_records.max(1) as u32,
            num_kept: 0,
            num_with: HashMap::new(),
            hashed: vec![0; buckets.max(1)],
        }
    }

    fn add(&mut self, mut grams: Vec<String>) {
        let mut ids: Vec<usize> = grams
            .iter()
            .map(|gram| bucket(gram, self.hashed.len()))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().for_each(|id| self.hashed[id] += 1);
        if self.num_kept > self.buckets {
            return;
        }
        grams.sort_unstable();
        grams.dedup();
        for gram in grams {
            let num = self.num_with.entry(gram).or_default();
            *num += 1;
            self.num_kept += usize::from(*num == self.min_records);
        }
        if self.num_kept > self.buckets {
            self.num_with = HashMap::new();
        } else if self.num_with.len() > MOST_COUNTED.max(4 * self.buckets) {
            let min_records = self.min_records;
            self.num_with.retain(|_, num| *num >= min_records);
        }
    }
}

impl FittedNgrams {
    /// Learns n-grams and in how many records each stands from some rows.
    ///
    /// `buckets` is the most features a block; n-grams in fewer than `min_records` records are dropped.
    pub fn fit(
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        buckets: usize,
        min_records: usize,
    ) -> Self {
        let mut num_records = 0;
        let (mut words, mut characters) = (
            Counts::new(buckets, min_records),
            Counts::new(buckets, min_records),
        );
        for text in rows.iter().filter_map(|row| dataset.text_ref(col, *row)) {
            let (of_words, of_characters) = ngrams(&text);
            words.add(of_words);
            characters.add(of_characters);
            num_records += 1;
        }
        Self {
            num_records,
            words: Block::of(words),
            characters: Block::of(characters),
        }
    }

    /// Number of features of both blocks; words come first.
    pub fn num_features(&self) -> usize {
        self.words.len() + self.characters.len()
    }

    /// Number of features of the word block.
    pub fn num_word_features(&self) -> usize {
        self.words.len()
    }

    /// The n-gram of a feature; `None` if its block is hashed.
    pub fn feature_name(&self, feature: usize) -> Option<&str> {
        let (block, at) = match feature.checked_sub(self.words.len()) {
            None => (&self.words, feature),
            Some(at) => (&self.characters, at),
        };
        if block.saved.hashed {
            None
        } else {
            block.saved.ngrams.lines().nth(at)
        }
    }

    /// The bag of one text.
    pub fn bag(&self, text: &str) -> SparseRows {
        let mut out = SparseRows {
            offsets: vec![0],
            ..SparseRows::default()
        };
        self.push(text, &mut out);
        out
    }

    /// The bags of some rows; an absent cell has no entries.
    pub fn rows(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> SparseRows {
        let mut out = SparseRows {
            offsets: vec![0],
            ..SparseRows::default()
        };
        for row in rows {
            match dataset.text_ref(col, *row) {
                Some(text) => self.push(&text, &mut out),
                None => out.offsets.push(out.ids.len()),
            }
        }
        out
    }

    fn push(&self, text: &str, out: &mut SparseRows) {
        let (words, characters) = ngrams(text);
        self.words.push(&words, self.num_records, 0, out);
        self.characters
            .push(&characters, self.num_records, self.words.len() as u32, out);
        out.offsets.push(out.ids.len());
    }

    /// Bags of both blocks, ids below [`FittedNgrams::num_features`].
    pub fn collate(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> InputBatch {
        let SparseRows {
            offsets,
            ids,
            weights,
        } = self.rows(dataset, col, rows);
        InputBatch {
            present: presence(dataset, col, rows),
            payload: Payload::Bags {
                offsets,
                ids,
                weights,
            },
        }
    }
}

/// Word 1-2-grams and, within each word, character 3-5-grams.
fn ngrams(text: &str) -> (Vec<String>, Vec<String>) {
    let words = words(text);
    let mut characters = Vec::new();
    for word in &words {
        let marked = format!("<{word}>");
        let mut ends: Vec<usize> = marked.char_indices().map(|(at, _)| at).collect();
        ends.push(marked.len());
        for length in 3..=5 {
            for window in ends.windows(length + 1) {
                characters.push(marked[window[0]..window[length]].to_owned());
            }
        }
    }
    let mut grams: Vec<String> = words
        .windows(2)
        .map(|pair| format!("{} {}", pair[0], pair[1]))
        .collect();
    grams.extend(words);
    (grams, characters)
}

/// FNV-1a with a final mix: the same on every machine and in every version, as features are stored by it.
fn bucket(gram: &str, buckets: usize) -> usize {
    let hash = gram.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((u128::from(mixed) * buckets as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::column;

    /// Weights are f32 and the expected ones have six digits.
    const SIX_DIGITS: f32 = 1e-6;

    const TEXTS: [&str; 3] = ["So cute, so CUTE!", "not cute", "a dog so"];

    fn fit(buckets: usize, min_records: usize) -> FittedNgrams {
        let dataset = column(schema::Modality::Text, TEXTS);
        FittedNgrams::fit(&dataset, 0, &[0, 1, 2], buckets, min_records)
    }

    fn named(fitted: &FittedNgrams, bag: &SparseRows) -> Vec<(String, f32)> {
        let name = |id: &u32| fitted.feature_name(*id as usize).unwrap().to_owned();
        bag.ids
            .iter()
            .map(name)
            .zip(bag.weights.iter().copied())
            .collect()
    }

    /// Expected values: `golden/text_ngrams.py`.
    #[test]
    fn weights_agree_with_scikit_learn() {
        let fitted = fit(1000, 1);
        assert_eq!(
            (fitted.num_word_features(), fitted.num_features()),
            (10, 35)
        );
        let got = named(&fitted, &fitted.bag(TEXTS[0]));
        let words = [
            ("cute", 0.480_458),
            ("cute so", 0.373_119),
            ("so", 0.480_458),
            ("so cute", 0.631_745),
        ];
        let characters = [
            "<cu", "<cut", "<cute", "<so", "<so>", "cut", "cute", "cute>", "so>", "te>", "ute",
            "ute>",
        ];
        let expected: Vec<(&str, f32)> = words
            .into_iter()
            .chain(characters.map(|gram| (gram, 0.288_675)))
            .collect();
        assert_eq!(got.len(), expected.len(), "{got:?}");
        for ((name, weight), (expected_name, expected_weight)) in got.iter().zip(&expected) {
            assert_eq!(name, expected_name);
            assert!(
                (weight - expected_weight).abs() < SIX_DIGITS,
                "{name} {weight}"
            );
        }
    }

    #[test]
    fn each_block_has_a_norm_of_one_when_hashed_too() {
        for buckets in [6, 1000] {
            let fitted = fit(buckets, 1);
            let bag = fitted.bag(TEXTS[0]);
            let first = fitted.num_word_features() as u32;
            for words in [true, false] {
                let squares: f32 = bag
                    .ids
                    .iter()
                    .zip(&bag.weights)
                    .filter(|(id, _)| (**id < first) == words)
                    .map(|(_, weight)| weight * weight)
                    .sum();
                assert!((squares - 1.0).abs() < SIX_DIGITS, "{buckets} {squares}");
            }
        }
        assert_eq!(fit(6, 1).num_features(), 12);
        assert_eq!(fit(6, 1).feature_name(0), None);
    }

    #[test]
    fn rare_ngrams_are_dropped_and_unseen_ones_weigh_nothing() {
        let fitted = fit(1000, 2);
        let got = named(&fitted, &fitted.bag("so CUTE dog"));
        let words: Vec<&str> = got
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !name.contains(['<', '>']))
            .collect();
        assert_eq!(words, ["cute", "so", "cut", "cute", "ute"]);
        assert!(fitted.bag("zzz").ids.is_empty());
    }

    #[test]
    fn characters_beyond_ascii_are_cut_between_letters() {
        let (words, characters) = ngrams("Größe 字");
        assert_eq!(words, ["größe 字", "größe", "字"]);
        assert!(characters.contains(&"<gr".to_owned()) && characters.contains(&"<字>".to_owned()));
    }
}
